/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording with a host and two VMs, written into the scratch directory: what
 * the host's kernel tells of their threads while they move about its CPUs. Times
 * are host ns after HOST_BEGIN, on guests' streams too, so that each is known.
 */
#ifndef HYPERTRACE_TESTS_HOST_RECORDING_H
#define HYPERTRACE_TESTS_HOST_RECORDING_H

#include "builder.h"

#define HOST_BEGIN	1000000000000ULL
#define HOST_CPUS	4

/* Ids of the host's events. */
enum {
	HOST_SCHED_SWITCH = 200,
	HOST_SCHED_WAKEUP,
	HOST_KVM_ENTRY,
	HOST_KVM_EXIT,
	HOST_SCHED_PROCESS_EXIT,
	HOST_SCHED_PROCESS_FORK,
	HOST_KVM_PI_UPDATE,
	HOST_KVM_ACCEPT_IRQ,
	HOST_OTHER_EVENT,
};

static inline void host_format(struct builder_file *file, const char *system, const char *name,
			       int id, const char *first, const char *second)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "name: %s\nID: %d\nformat:\n"
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
		"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
		"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
		"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n", name, id);
	if (first)
		g_string_append_printf(text, "\tfield:%s;\toffset:8;\tsize:4;\tsigned:%d;\n", first,
				       g_str_has_prefix(first, "pid_t"));
	if (second)
		g_string_append_printf(text, "\tfield:%s;\toffset:12;\tsize:4;\tsigned:%d;\n",
				       second, g_str_has_prefix(second, "pid_t"));
	g_string_append(text, "\nprint fmt: \"\"\n");
	g_string_prepend_c(text, 0);
	g_string_prepend(text, system);
	builder_meta(file, VHT_META_FORMAT, text->str, text->len);
	g_string_free(text, TRUE);
}

static inline void host_metadata(const char *name)
{
	struct builder_file file = builder_file(131071, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	static const char tasks[] = "100 qemu-web\n101 CPU 0/KVM\n102 CPU 1/KVM\n201 CPU 0/KVM\n";

	builder_meta(&file, VHT_META_ENV, "long_size=8\nsource.hypertrace.clock=mono\n", 41);
	host_format(&file, "sched", "sched_switch", HOST_SCHED_SWITCH, "pid_t prev_pid",
		    "pid_t next_pid");
	host_format(&file, "sched", "sched_wakeup", HOST_SCHED_WAKEUP, "pid_t pid", NULL);
	host_format(&file, "kvm", "kvm_entry", HOST_KVM_ENTRY, "unsigned int vcpu_id", NULL);
	host_format(&file, "kvm", "kvm_exit", HOST_KVM_EXIT, "unsigned int vcpu_id", NULL);
	host_format(&file, "sched", "sched_process_exit", HOST_SCHED_PROCESS_EXIT, "pid_t pid",
		    NULL);
	host_format(&file, "sched", "sched_process_fork", HOST_SCHED_PROCESS_FORK,
		    "pid_t parent_pid", "pid_t child_pid");
	host_format(&file, "kvm", "kvm_pi_irte_update", HOST_KVM_PI_UPDATE, "unsigned int vcpu_id",
		    NULL);
	host_format(&file, "kvm", "kvm_apic_accept_irq", HOST_KVM_ACCEPT_IRQ, "__u32 apicid", NULL);
	host_format(&file, "irq", "other", HOST_OTHER_EVENT, "unsigned int pid", NULL);
	builder_meta(&file, VHT_META_TASKS, tasks, sizeof(tasks) - 1);
	builder_write(&file, name);
}

/* Each event has a packet of its own. */
static inline void host_event(struct builder_file *file, uint64_t time, int id, int32_t running,
			      uint32_t first, uint32_t second)
{
	struct {
		uint64_t time;
		uint64_t commit;
		uint32_t head;
		uint16_t type;
		uint16_t flags;
		int32_t pid;
		uint32_t fields[2];
	} page = {
		GUINT64_TO_LE(HOST_BEGIN + time), GUINT64_TO_LE(20), GUINT32_TO_LE(4),
		GUINT16_TO_LE(id), 0, GINT32_TO_LE(running),
		{ GUINT32_TO_LE(first), GUINT32_TO_LE(second) },
	};

	file->events++;
	builder_packet(file, VHT_PACKET_FTRACE, &page, 36, 0, 0, 0);
}

static inline void host_switch(struct builder_file *file, uint64_t time, int32_t from, int32_t to)
{
	host_event(file, time, HOST_SCHED_SWITCH, from, from, to);
}

static inline void host_lose(struct builder_file *file, uint64_t count)
{
	file->discarded += count;
}

static inline struct builder_file host_cpu_file(uint32_t cpu)
{
	return builder_file(131072 + cpu, VHT_SOURCE_FTRACE, cpu, VHT_CLOCK_HOST_MONOTONIC);
}

static inline struct builder_file guest_cpu_file(uint32_t cpu)
{
	return builder_file(33 + cpu, VHT_SOURCE_FTRACE, cpu, VHT_CLOCK_HOST_MONOTONIC);
}

/* The guest's events carry their time as number. */
static inline void guest_event(struct builder_file *file, uint64_t time)
{
	builder_page(file, HOST_BEGIN + time, time, 1, 0, 0);
}

static inline void guest_metadata(const char *name, const char *cpus)
{
	struct builder_file file = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	g_autofree char *env = g_strdup_printf("long_size=8\nsource.hypertrace.clock=local\n%s",
					       cpus);

	builder_meta(&file, VHT_META_ENV, env, strlen(env));
	builder_meta(&file, VHT_META_FORMAT, BUILDER_FORMAT, sizeof(BUILDER_FORMAT) - 1);
	builder_meta(&file, VHT_META_TASKS, "42 answer\n", 10);
	builder_write(&file, name);
}

static inline void host_ini(void)
{
	scratch_put("recording.ini",
		    "[recording]\nversion=1\ntool=test\n"
		    "boot_id=6e29bb2b-14e3-4fe8-8a4b-7a9c1f2d3e4f\nhostname=iron\nrelease=r\n"
		    "start_mono_ns=1000000000000\nstart_real_ns=1700001000000000000\n", -1);
	scratch_put("@host/host.ini",
		    "[host]\nhostname=iron\nrelease=6.12.0\nmachine=x86_64\n"
		    "boot_id=6e29bb2b-14e3-4fe8-8a4b-7a9c1f2d3e4f\ncpus=4\n", -1);
	host_metadata("@host/1.1/metadata");
}

static inline void vm_ini(const char *name, int pid)
{
	g_autofree char *path = g_strdup_printf("%s/vm.ini", name);
	g_autofree char *text = g_strdup_printf(
		"[vm]\nname=%s\nuuid=\nvmm=none\npid=%d\nstart_mono_ns=1\nstart_real_ns=1\n"
		"counter_kind=1\ncounter_hz=2000000000\nregion_size=1\n", name, pid);

	scratch_put(path, text, -1);
}

static inline void put_web(void)
{
	struct builder_file vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
					       VHT_CLOCK_HOST_MONOTONIC);
	struct builder_file cpu;

	vm_ini("web", 100);
	guest_metadata("web/1.1/metadata", "cpu.0.id=0\ncpu.1.id=4\ncpu.2.id=6\ncpu.3.id=8\n");
	builder_vcpu(&vmm, HOST_BEGIN - 10, 0, 0, 0, 101, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, HOST_BEGIN - 10, 1, 4, 4, 102, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, HOST_BEGIN - 10, 3, 8, 8, 104, VHT_VCPU_PRESENT);
	/* One comes, and goes. */
	builder_vcpu(&vmm, HOST_BEGIN + 500, 2, 6, 6, 103, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, HOST_BEGIN + 600, 2, 6, 6, 103, VHT_VCPU_GONE);
	builder_write(&vmm, "web/vmm");
	cpu = guest_cpu_file(0);
	guest_event(&cpu, 5);
	guest_event(&cpu, 12);
	guest_event(&cpu, 20);
	guest_event(&cpu, 33);
	guest_event(&cpu, 37);
	guest_event(&cpu, 75);
	guest_event(&cpu, 85);
	guest_event(&cpu, 96);
	builder_write(&cpu, "web/1.1/ftrace.hypertrace-cpu0");
	cpu = guest_cpu_file(2);
	guest_event(&cpu, 515);
	builder_write(&cpu, "web/1.1/ftrace.hypertrace-cpu2");
	cpu = guest_cpu_file(3);
	guest_event(&cpu, 730);
	guest_event(&cpu, 905);
	builder_write(&cpu, "web/1.1/ftrace.hypertrace-cpu3");
}

static inline void put_db(void)
{
	struct builder_file vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
					       VHT_CLOCK_HOST_MONOTONIC);
	struct builder_file cpu = guest_cpu_file(0);

	vm_ini("db", 200);
	guest_metadata("db/1.1/metadata", "");
	builder_vcpu(&vmm, HOST_BEGIN - 5, 0, 0, 0, 201, VHT_VCPU_PRESENT);
	/* Who would believe it? */
	builder_vcpu(&vmm, HOST_BEGIN - 5, 0xfffffffe, UINT64_MAX, 0xfffffffe, 0xffffffff,
		     VHT_VCPU_PRESENT);
	builder_vmm(&vmm, HOST_BEGIN + 800, VHT_VMM_ENDED, 0, "");
	builder_write(&vmm, "db/vmm");
	guest_event(&cpu, 14);
	guest_event(&cpu, 75);
	builder_write(&cpu, "db/1.1/ftrace.hypertrace-cpu0");
}

static inline void put_host(void)
{
	struct builder_file cpu[HOST_CPUS], later;

	for (uint32_t i = 0; i < HOST_CPUS; i++)
		cpu[i] = host_cpu_file(i);
	host_switch(&cpu[1], 10, 0, 101);
	host_event(&cpu[1], 12, HOST_KVM_ENTRY, 101, 0, 0);
	host_event(&cpu[1], 20, HOST_KVM_EXIT, 101, 0, 0);
	host_event(&cpu[1], 21, HOST_KVM_ENTRY, 101, 0, 0);
	host_event(&cpu[1], 30, HOST_KVM_EXIT, 101, 0, 0);
	host_switch(&cpu[1], 31, 101, 0);
	host_switch(&cpu[3], 11, 0, 201);
	host_event(&cpu[3], 13, HOST_KVM_ENTRY, 201, 0xffffffff, 0);
	host_event(&cpu[3], 17, HOST_KVM_EXIT, 201, 7777, 0);
	/* web's first vCPU takes the CPU from db's. */
	host_switch(&cpu[3], 35, 201, 101);
	host_event(&cpu[3], 36, HOST_KVM_ENTRY, 101, 0, 0);
	host_event(&cpu[3], 40, HOST_KVM_ACCEPT_IRQ, 101, 4, 0);
	host_event(&cpu[3], 50, HOST_SCHED_WAKEUP, 101, 102, 0);
	host_event(&cpu[2], 60, HOST_OTHER_EVENT, 5, 101, 0);
	host_lose(&cpu[2], 3);
	host_event(&cpu[2], 70, HOST_OTHER_EVENT, -3, 0, 0);
	host_event(&cpu[3], 80, HOST_OTHER_EVENT, 101, 0, 0);
	host_lose(&cpu[3], 7);
	host_event(&cpu[3], 90, HOST_OTHER_EVENT, 9, 0, 0);
	host_event(&cpu[3], 95, HOST_KVM_ENTRY, 101, 0, 0);
	/* Of QEMU's first thread, which is no vCPU's. */
	host_event(&cpu[0], 100, HOST_KVM_PI_UPDATE, 100, 4, 0);
	host_event(&cpu[0], 101, HOST_OTHER_EVENT, 100, 0, 0);
	host_event(&cpu[0], 102, HOST_SCHED_WAKEUP, 0, 0x7fffffff, 0);
	host_event(&cpu[0], 490, HOST_SCHED_PROCESS_FORK, 100, 100, 103);
	host_switch(&cpu[0], 495, 0, 103);
	host_event(&cpu[0], 510, HOST_KVM_ENTRY, 103, 6, 0);
	host_event(&cpu[0], 650, HOST_OTHER_EVENT, 103, 0, 0);
	/* Threads end, and others get their ids. */
	host_switch(&cpu[0], 690, 0, 102);
	host_event(&cpu[0], 700, HOST_SCHED_PROCESS_EXIT, 102, 102, 0);
	host_switch(&cpu[0], 701, 102, 0);
	host_switch(&cpu[0], 705, 0, 102);
	host_event(&cpu[0], 710, HOST_SCHED_PROCESS_FORK, 1, 1, 101);
	host_switch(&cpu[0], 715, 1, 101);
	host_switch(&cpu[1], 720, 0, 104);
	host_event(&cpu[3], 790, HOST_OTHER_EVENT, 201, 0, 0);
	host_event(&cpu[3], 850, HOST_OTHER_EVENT, 201, 0, 0);
	for (uint32_t i = 0; i < HOST_CPUS; i++) {
		g_autofree char *name = g_strdup_printf("@host/1.1/ftrace.hypertrace-cpu%u", i);

		builder_write(&cpu[i], name);
	}
	/* The recorder's second run. */
	host_metadata("@host/1.2/metadata");
	later = host_cpu_file(0);
	host_event(&later, 900, HOST_OTHER_EVENT, 1, 0, 0);
	builder_write(&later, "@host/1.2/ftrace.hypertrace-cpu0");
}

/* All of it. */
static inline void put_host_recording(void)
{
	host_ini();
	put_web();
	put_db();
	put_host();
}

#endif
