// SPDX-License-Identifier: GPL-2.0-only
/* Which vCPU a guest's CPU, a host's thread and a KVM id are. */
#include "../host/tap.h"
#include "builder.h"

#include "decode/vcpus.h"

static struct recording *rec;

static struct vcpu_map *open_map(void)
{
	g_autofree char *path = scratch_path("");
	GError *error = NULL;

	rec = recording_open(path, &error);
	assert(rec);
	return vcpu_map_new(rec->vms->pdata[0]);
}

static void close_map(struct vcpu_map *map)
{
	vcpu_map_free(map);
	recording_free(rec);
}

static void put_env(const char *name, const char *env)
{
	struct builder_file file = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);

	builder_meta(&file, VHT_META_ENV, env, strlen(env));
	builder_write(&file, name);
}

static struct builder_file vmm_file(void)
{
	return builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE, VHT_CLOCK_HOST_MONOTONIC);
}

/* Crosswise: guest CPUs 0 1 2 are APIC ids 0 4 2, which are the vCPUs 0 2 1. */
static void put_crosswise(void)
{
	struct builder_file vmm = vmm_file();

	for (uint32_t i = 0; i < 3; i++)
		builder_vcpu(&vmm, 1000, i, 2 * i, 2 * i, 100 + i, VHT_VCPU_PRESENT);
	builder_write(&vmm, "guest/vmm");
	put_env("guest/1.1/metadata", "cpu.0.id=0\ncpu.1.id=7\nlong_size=8\ncpu.2.id=2\n"
		"cpu.1.id=4\ncpu.3.id=99\ncpu.4294967295.id=1\ncpu.x.id=4\ncpu.5.id=-1\ncpu.5.id=\n");
	put_env("guest/1.0/metadata", "cpu.0.id=4\n");
	put_env("guest/2.1/metadata", "long_size=8\n");
}

static bool is_cpu(const struct vcpu_map *map, uint32_t epoch, uint32_t generation, uint32_t cpu,
		   enum vcpu_source source, uint32_t want)
{
	uint32_t index = 77;

	return vcpu_map_of_cpu(map, epoch, generation, cpu, &index) == source && index == want;
}

static void test_cpus(void)
{
	struct vcpu_map *map;

	put_crosswise();
	map = open_map();
	ok(vcpu_map_count(map) == 3, "three vCPUs");
	ok(is_cpu(map, 1, 1, 0, VCPU_KNOWN, 0) && is_cpu(map, 1, 1, 2, VCPU_KNOWN, 1),
	   "guest CPUs are found by hardware id");
	ok(is_cpu(map, 1, 1, 1, VCPU_KNOWN, 2), "of two lines the later one counts");
	ok(is_cpu(map, 1, 1, 3, VCPU_UNKNOWN, 77), "an id that no vCPU has");
	ok(is_cpu(map, 1, 1, 5, VCPU_UNKNOWN, 77) &&
	   is_cpu(map, 1, 1, VHT_CPU_NONE, VCPU_UNKNOWN, 77), "lines that are none");
	ok(is_cpu(map, 1, 0, 1, VCPU_KNOWN, 2) && is_cpu(map, 1, 0, 0, VCPU_KNOWN, 0),
	   "a window's CPUs are the driver's, not a profile's");
	ok(is_cpu(map, 2, 1, 1, VCPU_ASSUMED, 1) && is_cpu(map, 3, 0, 2, VCPU_ASSUMED, 2),
	   "without ids the number is assumed to be the place by index");
	ok(is_cpu(map, 2, 1, 3, VCPU_UNKNOWN, 77), "there are no more than that");
	close_map(map);
}

static const struct vcpu *thread(const struct vcpu_map *map, uint32_t id, uint64_t time)
{
	return vcpu_map_of_thread(map, id, time);
}

static void test_times(void)
{
	struct builder_file vmm = vmm_file();
	struct vcpu_map *map;

	builder_vcpu(&vmm, 1000, 0, 0, 0, 100, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, 1000, 3, 3, 3, 103, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, 2000, 0, 0, 0, 100, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, 3000, 3, 3, 3, 103, VHT_VCPU_GONE);
	builder_vcpu(&vmm, 5000, 3, 3, 3, 105, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, 6000, 0, 0, 0, 103, VHT_VCPU_PRESENT);
	builder_write(&vmm, "guest/vmm");
	map = open_map();
	ok(vcpu_map_count(map) == 4 && vcpu_map_at(map, 0)->to_ns == 6000 &&
	   vcpu_map_at(map, 1)->thread_id == 103 && vcpu_map_at(map, 2)->to_ns == 3000 &&
	   vcpu_map_at(map, 3)->to_ns == UINT64_MAX,
	   "a record that says the same again changes nothing; others end an entry");
	ok(thread(map, 100, 10)->index == 0 && thread(map, 100, 5999)->index == 0 &&
	   !thread(map, 100, 6000), "a thread's vCPU, also before the first record");
	ok(thread(map, 103, 2999)->index == 3 && !thread(map, 103, 3000) &&
	   thread(map, 103, 6000)->index == 0, "a thread id may be used again");
	ok(!thread(map, 5, 1000), "another thread");
	ok(!vcpu_map_of_index(map, 3, 4000) && vcpu_map_of_index(map, 3, 5000)->thread_id == 105 &&
	   !vcpu_map_of_index(map, 1, 5000), "by index");
	ok(vcpu_map_of_kvm_id(map, 3, 5500)->index == 3 && !vcpu_map_of_kvm_id(map, 3, 4500) &&
	   !vcpu_map_of_kvm_id(map, VHT_CPU_NONE, 1), "by KVM's id");
	ok(is_cpu(map, 3, 1, 1, VCPU_ASSUMED, 3), "the second by index has index 3");
	close_map(map);
}

static void test_shared(void)
{
	struct builder_file vmm = vmm_file();
	struct vcpu_map *map;

	builder_vcpu(&vmm, 1000, 0, 0, VHT_CPU_NONE, 100, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, 1000, 1, 1, VHT_CPU_NONE, 100, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, 1000, 2, 2, VHT_CPU_NONE, 0, VHT_VCPU_PRESENT);
	builder_write(&vmm, "guest/vmm");
	map = open_map();
	ok(!thread(map, 100, 1500) && !thread(map, 0, 1500),
	   "a thread that several vCPUs share is nobody's");
	ok(vcpu_map_of_index(map, 1, 1500) && vcpu_map_of_index(map, 2, 1500),
	   "they are there nevertheless");
	close_map(map);

	vmm = vmm_file();
	builder_write(&vmm, "guest/vmm");
	map = open_map();
	ok(!vcpu_map_count(map) && is_cpu(map, 1, 1, 5, VCPU_ASSUMED, 5),
	   "without any record CPU 5 is assumed to be vCPU 5");
	close_map(map);

	vmm = vmm_file();
	for (uint32_t i = 0; i < 100000; i++)
		builder_vcpu(&vmm, 1000 + i, i % 3, i, 0, i % 7, VHT_VCPU_PRESENT);
	builder_write(&vmm, "guest/vmm");
	map = open_map();
	ok(vcpu_map_count(map) <= 16384 && vcpu_map_of_index(map, 2, 5000),
	   "many changes cost no more than some memory: %u", vcpu_map_count(map));
	close_map(map);
}

int main(void)
{
	scratch_init();
	builder_begin("guest");
	test_cpus();
	test_times();
	test_shared();
	return tap_done();
}
