// SPDX-License-Identifier: GPL-2.0-only
/* Whether a timeline can be true: violations are found, and nothing else is. */
#include "../host/tap.h"

#include "decode/causality.h"
#include "host-recording.h"

#define SECOND	1000000000ULL

/* Ids of the guest's events, beside 100. */
enum {
	GUEST_SWITCH = 300,
	GUEST_WAKEUP,
};

/* What a clock record of builder_clock() is known to. */
#define ERROR_NS	10

/* The guest's counter at a time after HOST_BEGIN. */
static uint64_t counter_at(uint64_t time)
{
	return 2 * time + 5000;
}

static void guest_sched_formats(struct builder_file *file)
{
	static const char head[] =
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
		"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
		"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
		"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";
	g_autofree char *switches = g_strdup_printf(
		"sched%cname: sched_switch\nID: 300\nformat:\n%s"
		"\tfield:pid_t prev_pid;\toffset:8;\tsize:4;\tsigned:1;\n"
		"\tfield:int prev_state;\toffset:12;\tsize:4;\tsigned:1;\n"
		"\tfield:pid_t next_pid;\toffset:16;\tsize:4;\tsigned:1;\n\nprint fmt: \"\"\n", '#',
		head);
	g_autofree char *wakeup = g_strdup_printf(
		"sched%cname: sched_wakeup\nID: 301\nformat:\n%s"
		"\tfield:pid_t pid;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: \"\"\n", '#', head);
	size_t size[] = { strlen(switches), strlen(wakeup) };

	switches[5] = wakeup[5] = 0;
	builder_meta(file, VHT_META_FORMAT, switches, size[0]);
	builder_meta(file, VHT_META_FORMAT, wakeup, size[1]);
}

static void put_guest_metadata(const char *clock, const char *ids)
{
	struct builder_file file = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	g_autofree char *env = g_strdup_printf("long_size=8\nsource.hypertrace.clock=%s\n%s", clock,
					       ids);

	builder_meta(&file, VHT_META_ENV, env, strlen(env));
	builder_meta(&file, VHT_META_FORMAT, BUILDER_FORMAT, sizeof(BUILDER_FORMAT) - 1);
	guest_sched_formats(&file);
	builder_write(&file, "web/1.1/metadata");
}

/* Two vCPUs, crosswise: guest CPU 0 is vCPU 1, run by thread 102. */
static void put_vm(const char *ids)
{
	struct builder_file vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
					       VHT_CLOCK_HOST_MONOTONIC);

	nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert(g_mkdir_with_parents(scratch_dir, 0700) == 0);
	host_ini();
	vm_ini("web", 100);
	put_guest_metadata("x86-tsc", ids);
	builder_vcpu(&vmm, HOST_BEGIN, 0, 4, 4, 101, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, HOST_BEGIN, 1, 0, 0, 102, VHT_VCPU_PRESENT);
	for (uint64_t i = 0; i < 5; i++)
		builder_clock(&vmm, counter_at(i * SECOND), HOST_BEGIN + i * SECOND,
			      VHT_CLOCK_REASON_PERIODIC);
	builder_write(&vmm, "web/vmm");
}

static const char crosswise[] = "cpu.0.id=0\ncpu.1.id=4\n";

static struct builder_file guest_file(uint32_t cpu)
{
	return builder_file(33 + cpu, VHT_SOURCE_FTRACE, cpu, VHT_CLOCK_SOURCE);
}

static void put_guest(struct builder_file *file, uint32_t cpu)
{
	g_autofree char *name = g_strdup_printf("web/1.1/ftrace.hypertrace-cpu%u", cpu);

	builder_write(file, name);
}

/* Say in the last packet of a stream, which begins at @at, of when its event is. */
static void stamp(struct builder_file *file, guint at, uint64_t time)
{
	struct vht_packet packet;

	memcpy(&packet, file->bytes->data + at, sizeof(packet));
	packet.timestamp_begin = packet.timestamp_end = GUINT64_TO_LE(time);
	memcpy(file->bytes->data + at, &packet, sizeof(packet));
}

static void guest_at(struct builder_file *file, uint64_t time)
{
	guint at = file->bytes->len;

	builder_page(file, counter_at(time), 0, 1, 0, 0);
	stamp(file, at, counter_at(time));
}

static void host_at(struct builder_file *file, uint64_t time, int id, int32_t thread,
		    uint32_t kvm_id)
{
	guint at = file->bytes->len;

	host_event(file, time, id, thread, kvm_id, 0);
	stamp(file, at, HOST_BEGIN + time);
}

static void put_host_cpu(struct builder_file *file, uint32_t run, uint32_t cpu)
{
	g_autofree char *name = g_strdup_printf("@host/1.%u/ftrace.hypertrace-cpu%u", run, cpu);

	builder_write(file, name);
}

static struct causality_vm judge_all(void)
{
	GError *error = NULL;
	struct recording *rec = recording_open(scratch_dir, &error);
	struct causality *causality;
	struct decoder *decoder;
	struct decoder_item item;
	struct causality_vm result;

	if (!rec)
		printf("# %s\n", error->message);
	assert(rec);
	causality = causality_new(rec);
	decoder = decoder_new(rec, NULL);
	while (decoder_next(decoder, &item))
		causality_take(causality, &item);
	causality_finish(causality);
	assert(causality_vm_count(causality) == 1);
	result = *causality_vm_at(causality, 0);
	printf("# inside: %lu judged, %lu not, %lu wrong, worst %lu of %lu\n",
	       (unsigned long)result.inside.judged, (unsigned long)result.inside.unjudged,
	       (unsigned long)result.inside.violations, (unsigned long)result.inside.largest_ns,
	       (unsigned long)result.inside.bound_ns);
	causality_free(causality);
	decoder_free(decoder);
	recording_free(rec);
	return result;
}

/* vCPU 1 is in the guest from 1000 to 2000 and from 3000 to 4000. */
static void put_stays(void)
{
	struct builder_file cpu = host_cpu_file(1);

	host_at(&cpu, 1000, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu, 2000, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu, 3000, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu, 4000, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu, 9000, HOST_OTHER_EVENT, 5, 0);
	put_host_cpu(&cpu, 1, 1);
}

/* For check.t: a recording with one event that cannot be, or without it. */
static void put_for_check(const char *directory, bool is_bad)
{
	struct builder_file guest = guest_file(0);

	scratch_dir = g_strdup(directory);
	put_vm(crosswise);
	put_stays();
	guest_at(&guest, 1500);
	if (is_bad)
		guest_at(&guest, 2500);
	guest_at(&guest, 3500);
	put_guest(&guest, 0);
	g_free(scratch_dir);
}

static void test_inside(void)
{
	static const uint64_t good[] = { 1000, 1500, 2000, 2000 + ERROR_NS, 3000 - ERROR_NS, 3999 };
	static const uint64_t bad[] = { 2000 + ERROR_NS + 2, 2500, 2900 };
	struct builder_file guest = guest_file(0), other = guest_file(1);
	struct causality_vm result;

	put_vm(crosswise);
	put_stays();
	guest_at(&guest, 500);
	for (size_t i = 0; i < 4; i++)
		guest_at(&guest, good[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		guest_at(&guest, bad[i]);
	guest_at(&guest, good[4]);
	guest_at(&guest, good[5]);
	guest_at(&guest, 4005);
	guest_at(&guest, 9500);
	put_guest(&guest, 0);
	/* of the other vCPU the host has nothing */
	guest_at(&other, 2500);
	put_guest(&other, 1);
	result = judge_all();
	ok(result.has_host && result.stays == 2, "two stays in the guest");
	ok(result.inside.violations == G_N_ELEMENTS(bad), "events outside them are violations");
	ok(result.inside.judged == G_N_ELEMENTS(good) + G_N_ELEMENTS(bad),
	   "those within the bound are none");
	ok(result.inside.largest_ns == 500 && result.inside.at_ns == HOST_BEGIN + 2500 &&
	   result.inside.bound_ns >= ERROR_NS && result.inside.bound_ns <= ERROR_NS + 1,
	   "the worst is told, with its bound and time");
	ok(result.inside.unjudged == 4, "before the first entry, after the last exit, after the "
	   "host's end, and of another vCPU nothing is judged");
}

static void test_nobody(void)
{
	struct builder_file guest = guest_file(0), cpu = host_cpu_file(2);
	struct causality_vm result;

	put_vm("");
	put_stays();
	host_at(&cpu, 1000, HOST_KVM_ENTRY, 101, 4);
	host_at(&cpu, 2000, HOST_KVM_EXIT, 101, 4);
	host_at(&cpu, 3000, HOST_KVM_ENTRY, 101, 4);
	put_host_cpu(&cpu, 1, 2);
	guest_at(&guest, 2500);
	put_guest(&guest, 0);
	result = judge_all();
	ok(result.stays == 4 && !result.inside.judged && result.inside.unjudged == 1,
	   "a vCPU that is only assumed is not judged");

	put_vm(crosswise);
	guest = guest_file(0);
	guest_at(&guest, 2500);
	put_guest(&guest, 0);
	result = judge_all();
	ok(!result.has_host && !result.inside.judged, "without the host there is nothing to judge by");
}

/* Events of host CPU 2 are lost between 1000 and 3000. */
static void test_losses(void)
{
	struct builder_file guest = guest_file(0), other = guest_file(1);
	struct builder_file cpu1 = host_cpu_file(1), cpu2 = host_cpu_file(2);
	struct causality_vm result;

	put_vm(crosswise);
	/* vCPU 1 is in the guest on CPU 1 all the time, vCPU 0 somewhere */
	host_at(&cpu1, 500, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu1, 6000, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu1, 7000, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu1, 8000, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu2, 400, HOST_KVM_ENTRY, 101, 4);
	host_at(&cpu2, 1000, HOST_KVM_EXIT, 101, 4);
	host_lose(&cpu2, 5);
	host_at(&cpu2, 3000, HOST_KVM_EXIT, 101, 4);
	host_at(&cpu2, 4000, HOST_KVM_ENTRY, 101, 4);
	host_at(&cpu2, 5000, HOST_KVM_EXIT, 101, 4);
	put_host_cpu(&cpu1, 1, 1);
	put_host_cpu(&cpu2, 1, 2);
	guest_at(&guest, 700);
	guest_at(&guest, 2000);
	guest_at(&guest, 6500);
	put_guest(&guest, 0);
	guest_at(&other, 600);
	guest_at(&other, 1500);
	guest_at(&other, 2500);
	guest_at(&other, 3500);
	put_guest(&other, 1);
	result = judge_all();
	ok(result.inside.judged == 5 && result.inside.unjudged == 2,
	   "where events of the host were lost nothing is judged, but of who was elsewhere");
	ok(result.inside.violations == 2 && result.inside.largest_ns == 500,
	   "behind the loss it is again");
}

/* The host's recorder stopped at 2000 and was started again at 5000. */
static void test_runs(void)
{
	struct builder_file guest = guest_file(0), cpu = host_cpu_file(1);
	struct causality_vm result;

	put_vm(crosswise);
	host_metadata("@host/1.2/metadata");
	host_at(&cpu, 1000, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu, 1500, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu, 1800, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu, 2000, HOST_OTHER_EVENT, 7, 0);
	put_host_cpu(&cpu, 1, 1);
	cpu = host_cpu_file(1);
	host_at(&cpu, 5000, HOST_OTHER_EVENT, 7, 0);
	host_at(&cpu, 6000, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu, 7000, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu, 8000, HOST_OTHER_EVENT, 7, 0);
	put_host_cpu(&cpu, 2, 1);
	guest_at(&guest, 1600);
	guest_at(&guest, 1900);
	guest_at(&guest, 3000);
	guest_at(&guest, 5500);
	guest_at(&guest, 6400);
	guest_at(&guest, 7500);
	put_guest(&guest, 0);
	result = judge_all();
	ok(result.inside.judged == 4 && result.inside.unjudged == 2 &&
	   result.inside.violations == 2 && result.inside.largest_ns == 400,
	   "between two runs of the host's recorder nothing is judged");
}

static void guest_sched(struct builder_file *file, uint64_t time, int id, uint32_t first,
			uint32_t second, uint32_t third)
{
	struct {
		uint64_t time;
		uint64_t commit;
		uint32_t head;
		uint16_t type;
		uint16_t flags;
		int32_t pid;
		uint32_t fields[3];
	} page = {
		GUINT64_TO_LE(counter_at(time)), GUINT64_TO_LE(24), GUINT32_TO_LE(5),
		GUINT16_TO_LE(id), 0, 1,
		{ GUINT32_TO_LE(first), GUINT32_TO_LE(second), GUINT32_TO_LE(third) },
	};

	file->events++;
	builder_packet(file, VHT_PACKET_FTRACE, &page, 40, 0, 0, 0);
}

/* A task that sleeps on CPU 0 from @out to @in. */
static void sleep_there(struct builder_file *file, uint32_t pid, uint64_t out, uint32_t state,
			uint64_t in)
{
	guest_sched(file, out, GUEST_SWITCH, pid, state, 0);
	guest_sched(file, in, GUEST_SWITCH, 0, 0, pid);
}

static void put_wakeups(bool is_lost)
{
	struct builder_file cpu0 = guest_file(0), cpu1 = guest_file(1);

	put_vm(crosswise);
	guest_sched(&cpu1, 100, GUEST_WAKEUP, 9, 0, 0);
	sleep_there(&cpu0, 50, 1000, 1, 1200);
	guest_sched(&cpu1, 1100, GUEST_WAKEUP, 50, 0, 0);
	sleep_there(&cpu0, 51, 2000, 2, 2200);
	guest_sched(&cpu1, 2200 + ERROR_NS, GUEST_WAKEUP, 51, 0, 0);
	sleep_there(&cpu0, 52, 3000, 1, 3200);
	if (is_lost)
		cpu1.discarded = 4;
	guest_sched(&cpu1, 3300, GUEST_WAKEUP, 52, 0, 0);
	/* it did not sleep; its wake-up came early; woken up where it runs */
	sleep_there(&cpu0, 53, 4000, 0x100, 4200);
	guest_sched(&cpu1, 4300, GUEST_WAKEUP, 53, 0, 0);
	guest_sched(&cpu1, 5000 - ERROR_NS, GUEST_WAKEUP, 54, 0, 0);
	sleep_there(&cpu0, 54, 5000, 1, 5200);
	guest_sched(&cpu1, 5300, GUEST_WAKEUP, 54, 0, 0);
	sleep_there(&cpu0, 55, 6000, 1, 6200);
	guest_sched(&cpu0, 6300, GUEST_WAKEUP, 55, 0, 0);
	put_guest(&cpu0, 0);
	put_guest(&cpu1, 1);
}

static void test_wakeups(void)
{
	struct causality_vm result;

	put_wakeups(false);
	result = judge_all();
	ok(result.wakeups.judged == 3 && result.wakeups.violations == 1 &&
	   result.wakeups.largest_ns == 100,
	   "a task that ran before another CPU woke it up: %lu of %lu",
	   (unsigned long)result.wakeups.violations, (unsigned long)result.wakeups.judged);
	put_wakeups(true);
	result = judge_all();
	ok(result.wakeups.judged == 2 && !result.wakeups.violations,
	   "where the guest's events were lost nothing is judged");
}

/* Anything, in any order: many vCPUs, entries without exits, times far away. */
/* Two vCPUs whose counters differ: the guest's clock is one that all CPUs push on. */
static void put_shared(bool is_apart)
{
	struct builder_file vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
					       VHT_CLOCK_HOST_MONOTONIC);

	put_vm(crosswise);
	put_guest_metadata("local", crosswise);
	builder_vcpu(&vmm, HOST_BEGIN, 0, 4, 4, 101, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, HOST_BEGIN, 1, 0, 0, 102, VHT_VCPU_PRESENT);
	for (uint64_t i = 0; i < 10; i++) {
		uint64_t offset = 100 + (is_apart ? i % 2 * SECOND : 0);
		uint64_t host = i / 2 * 2 * SECOND;
		struct vht_clock_record record = {
			.mono_ns = GUINT64_TO_LE(HOST_BEGIN + i / 2 * SECOND),
			.counter = GUINT64_TO_LE(host + 2 + offset),
			.counter_hz = GUINT64_TO_LE(2 * SECOND), .error_ns = GUINT32_TO_LE(5),
			.kind = GUINT16_TO_LE(VHT_CLOCK_KIND_LINEAR),
			.reason = GUINT16_TO_LE(VHT_CLOCK_REASON_PERIODIC),
			.cpu = GUINT32_TO_LE(i % 2), .epoch = GUINT32_TO_LE(1),
			.offset = GUINT64_TO_LE(offset), .host_counter = GUINT64_TO_LE(host + 2),
		};

		builder_packet(&vmm, VHT_PACKET_CLOCK, &record, sizeof(record), 0, 0, 0);
	}
	builder_write(&vmm, "web/vmm");
}

/* Its clock is the host's, but for where that begins; @offset is its counter's. */
static void shared_at(struct builder_file *file, uint64_t time, uint64_t offset)
{
	guint at = file->bytes->len;

	builder_page(file, SECOND + time, 0, 1, 0, 2 * time + 2 + offset);
	stamp(file, at, SECOND + time);
}

/* vCPU 1 is out from 2000 to 3000 and from 4000 to 5000, vCPU 0 in from 2200 to 2700. */
static void judge_shared(bool is_apart, bool is_more, struct causality_count *result)
{
	struct builder_file guest = guest_file(0), cpu = host_cpu_file(1), other = host_cpu_file(0);

	put_shared(is_apart);
	host_at(&cpu, 1000, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu, 2000, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu, 3000, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu, 4000, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu, 5000, HOST_KVM_ENTRY, 102, 0);
	host_at(&cpu, 6000, HOST_KVM_EXIT, 102, 0);
	host_at(&cpu, 9000, HOST_OTHER_EVENT, 5, 0);
	put_host_cpu(&cpu, 1, 1);
	host_at(&other, 2200, HOST_KVM_ENTRY, 101, 4);
	host_at(&other, 2700, HOST_KVM_EXIT, 101, 4);
	put_host_cpu(&other, 1, 0);
	shared_at(&guest, 1500, 100 + (is_apart ? SECOND : 0));
	shared_at(&guest, 2500, 100 + (is_apart ? SECOND : 0));
	if (is_more)
		shared_at(&guest, 2600, 100 + (is_apart ? SECOND : 0));
	shared_at(&guest, 3500, 100 + (is_apart ? SECOND : 0));
	shared_at(&guest, 4500, 100 + (is_apart ? SECOND : 0));
	put_guest(&guest, 0);
	*result = judge_all().inside;
}

static void test_shared(void)
{
	struct causality_count result;

	judge_shared(true, false, &result);
	ok(result.carried == 1 && result.violations == 1 && result.judged == 3,
	   "a time outside is another CPU's reading if there is one: %lu, and %lu wrong",
	   (unsigned long)result.carried, (unsigned long)result.violations);
	judge_shared(true, true, &result);
	ok(result.carried == 1 && result.violations == 2, "not twice in one absence");
	judge_shared(false, false, &result);
	ok(!result.carried && result.violations == 2, "nor where all counters are the same");
}

static void test_hostile(void)
{
	struct builder_file vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
					       VHT_CLOCK_HOST_MONOTONIC);
	struct builder_file guest = guest_file(0), cpu = host_cpu_file(1);
	struct causality_vm result;
	uint32_t random = 1;

	put_vm(crosswise);
	for (uint32_t i = 0; i < 2000; i++)
		builder_vcpu(&vmm, HOST_BEGIN, i * 77, i, i, i + 1, VHT_VCPU_PRESENT);
	builder_clock(&vmm, counter_at(0), HOST_BEGIN, VHT_CLOCK_REASON_PERIODIC);
	builder_write(&vmm, "web/vmm");
	for (uint32_t i = 0; i < 20000; i++) {
		random = random * 1103515245 + 12345;
		host_at(&cpu, random >> 8, random & 128 ? HOST_KVM_ENTRY : HOST_KVM_EXIT,
			random >> 16 & 4095, random >> 12);
		guest_at(&guest, random & 64 ? UINT64_MAX >> (random & 63) : random >> 4);
	}
	host_at(&cpu, UINT64_MAX - HOST_BEGIN, HOST_KVM_EXIT, 1, 0);
	put_host_cpu(&cpu, 1, 1);
	put_guest(&guest, 0);
	result = judge_all();
	ok(result.inside.judged + result.inside.unjudged == 20000, "each event is accounted for");
}

static void test_boot(void)
{
	GError *error = NULL;
	struct recording *rec;

	put_vm(crosswise);
	rec = recording_open(scratch_dir, &error);
	ok(rec, "a host part of the same boot");
	recording_free(rec);
	scratch_put("@host/host.ini",
		    "[host]\nhostname=iron\nboot_id=00000000-14e3-4fe8-8a4b-7a9c1f2d3e4f\n", -1);
	rec = recording_open(scratch_dir, &error);
	ok_error(&error, 5, "one of another boot is refused");
	recording_free(rec);
	scratch_put("@host/host.ini", "[host]\nhostname=iron\n", -1);
	rec = recording_open(scratch_dir, &error);
	ok(rec, "one that does not say is taken");
	recording_free(rec);
}

int main(int argc, char **argv)
{
	if (argc == 3) {
		put_for_check(argv[2], !strcmp(argv[1], "bad"));
		return 0;
	}
	scratch_init();
	test_inside();
	test_nobody();
	test_losses();
	test_runs();
	test_wakeups();
	test_shared();
	test_hostile();
	test_boot();
	return tap_done();
}
