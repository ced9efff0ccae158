// SPDX-License-Identifier: GPL-2.0-only
/*
 * Times of a VM against a truth that is known: a counter for each vCPU that starts,
 * stops and is set, a host clock that is steered, records and pairs with errors. No
 * time may be off by more than its bound.
 */
#include "../host/tap.h"
#include "builder.h"

#include "decode/timebase.h"

#include <math.h>

#define SECOND	1000000000ULL
#define HOST	(5000 * SECOND)		/* CLOCK_MONOTONIC when the counters were 0 */

static uint32_t random_state = 1;

/* -limit .. limit */
static int64_t noise(int64_t limit)
{
	random_state = random_state * 1103515245 + 12345;
	return (int64_t)(random_state >> 8) % (2 * limit + 1) - limit;
}

static struct builder_file vmm;
static struct recording *rec;
static struct timebase *timebase;
static GPtrArray *warnings;

static void begin(const char *env)
{
	struct builder_file meta;

	nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert(g_mkdir_with_parents(scratch_dir, 0700) == 0);
	builder_begin("guest");
	vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE, VHT_CLOCK_HOST_MONOTONIC);
	meta = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	builder_meta(&meta, VHT_META_ENV, env, strlen(env));
	builder_write(&meta, "guest/1.1/metadata");
}

static void put_record(uint64_t mono, uint64_t counter, uint32_t error, uint32_t reason,
		       uint32_t cpu, uint64_t offset)
{
	struct vht_clock_record record = {
		.mono_ns = GUINT64_TO_LE(mono), .counter = GUINT64_TO_LE(counter),
		.counter_hz = GUINT64_TO_LE(2000000000), .error_ns = GUINT32_TO_LE(error),
		.kind = GUINT16_TO_LE(VHT_CLOCK_KIND_LINEAR), .reason = GUINT16_TO_LE(reason),
		.cpu = GUINT32_TO_LE(cpu), .epoch = GUINT32_TO_LE(builder_epoch),
		.offset = GUINT64_TO_LE(offset),
		.host_counter = GUINT64_TO_LE(offset ? counter - offset : 0),
	};

	builder_packet(&vmm, VHT_PACKET_CLOCK, &record, sizeof(record), 0, 0, 0);
}

static void put_vcpus(uint32_t kvm)
{
	builder_vcpu(&vmm, HOST, 0, 0, kvm ? 0 : VHT_CPU_NONE, 101, VHT_VCPU_PRESENT);
	builder_vcpu(&vmm, HOST, 1, 8, kvm ? 1 : VHT_CPU_NONE, 102, VHT_VCPU_PRESENT);
}

/* A stream of a guest's CPU with a packet whose time is from @first to @last. */
static struct builder_file begin_stream(uint32_t cpu, uint64_t first, uint64_t last)
{
	struct builder_file file = builder_file(33 + cpu, VHT_SOURCE_FTRACE, cpu, VHT_CLOCK_SOURCE);
	struct vht_packet packet;
	guint at = file.bytes->len;

	builder_page(&file, first, 0, 1, 0, 0);
	memcpy(&packet, file.bytes->data + at, sizeof(packet));
	packet.timestamp_begin = GUINT64_TO_LE(first);
	packet.timestamp_end = GUINT64_TO_LE(last);
	memcpy(file.bytes->data + at, &packet, sizeof(packet));
	return file;
}

static void put_pair(struct builder_file *file, uint64_t clock, uint64_t counter, uint32_t width)
{
	struct vht_packet packet;
	guint at = file->bytes->len;

	builder_page(file, clock, 0, 1, 0, counter);
	memcpy(&packet, file->bytes->data + at, sizeof(packet));
	packet.counter_width = GUINT32_TO_LE(width);
	memcpy(file->bytes->data + at, &packet, sizeof(packet));
}

static void put_stream(struct builder_file *file, uint32_t cpu)
{
	g_autofree char *name = g_strdup_printf("guest/1.1/ftrace.hypertrace-cpu%u", cpu);

	builder_write(file, name);
}

static void open_it(void)
{
	GError *error = NULL;

	builder_write(&vmm, "guest/vmm");
	rec = recording_open(scratch_dir, &error);
	assert(rec);
	warnings = g_ptr_array_new_with_free_func(g_free);
	timebase = timebase_new(rec->vms->pdata[0], warnings);
	for (guint i = 0; i < warnings->len; i++)
		printf("# %s\n", (char *)warnings->pdata[i]);
}

static void close_it(void)
{
	timebase_free(timebase);
	g_ptr_array_unref(warnings);
	recording_free(rec);
}

static const struct recording_stream *stream_of(uint32_t cpu)
{
	const struct recording_vm *vm = rec->vms->pdata[0];
	g_autofree char *name = g_strdup_printf("1.1/ftrace.hypertrace-cpu%u", cpu);
	uint32_t epoch;

	return recording_vm_stream(vm, name, &epoch);
}

static const struct clock_map *map_of(uint32_t cpu)
{
	return timebase_map(timebase, 1, stream_of(cpu));
}

/* How far off, in ns; and whether that is within the bound. */
static uint64_t off_by(const struct clock_map *map, struct clock_cursor *place, uint64_t from,
		       uint64_t truth, bool *is_bound)
{
	uint64_t to = clock_map_apply(map, from, place);
	uint64_t off = to > truth ? to - truth : truth - to;

	if (off > clock_map_bound(map, from, place) + 1) {
		if (*is_bound)
			printf("# at %lu: off by %lu, bound %lu\n", (unsigned long)from,
			       (unsigned long)off,
			       (unsigned long)clock_map_bound(map, from, place));
		*is_bound = false;
	}
	return off;
}

/* A host clock that is steered: some parts in a million, and back again. */
static uint64_t steered(uint64_t counter)
{
	double x = (double)counter / 2e9;

	return HOST + (uint64_t)((x + 20e-6 * (1 - cos(x / 20)) * 20 + 3e-6 * x) * 1e9);
}

static const char local_env[] = "long_size=8\nsource.hypertrace.clock=local\ncpu.0.id=8\ncpu.1.id=0\n";
static const char tsc_env[] = "long_size=8\nsource.hypertrace.clock=x86-tsc\ncpu.0.id=8\ncpu.1.id=0\n";

/* The driver came 4 s after the guest's clock began, which was 3 s after the VM. */
static uint64_t local_of(uint64_t counter)
{
	return (uint64_t)((double)(counter - 6 * SECOND) * 0.49998);
}

static void test_truth(void)
{
	const struct clock_map *map;
	struct clock_cursor place = { 0 };
	struct timebase_quality quality;
	uint64_t worst = 0, bound;
	bool is_bound = true;
	struct builder_file file;

	begin(local_env);
	for (uint64_t i = 0; i < 120; i++) {
		uint64_t counter = i * 2 * SECOND + noise(10000000) + 20000000;

		put_record(steered(counter) + noise(800), counter, 800,
			   VHT_CLOCK_REASON_PERIODIC, VHT_CPU_NONE, 0);
	}
	file = begin_stream(0, local_of(7 * SECOND), local_of(240 * SECOND));
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t counter = 14 * SECOND + i * 22000000;
		uint32_t width = i % 50 ? 400 : 900000;

		put_pair(&file, local_of(counter), counter + noise(width), width);
	}
	put_stream(&file, 0);
	open_it();
	ok(!warnings->len, "nothing is dropped of what is only as good as it says");
	map = map_of(0);
	for (uint64_t counter = 6 * SECOND; counter < 244 * SECOND; counter += 7777777)
		worst = MAX(worst, off_by(map, &place, local_of(counter), steered(counter), &is_bound));
	ok(is_bound, "no time is off by more than its bound, also before the first pair and after "
	   "the last record: worst %lu ns", (unsigned long)worst);
	quality = timebase_quality(timebase, 1, stream_of(0));
	ok(!strcmp(quality.method, "pairs+ticks") && quality.steady_ns < 50000 &&
	   quality.bound_ns >= 20000000 && quality.first_pair == local_of(14 * SECOND),
	   "from the first pair on %lu ns, before it %lu ns", (unsigned long)quality.steady_ns,
	   (unsigned long)quality.bound_ns);
	ok(!strcmp(timebase_describe(timebase, 1, stream_of(0), &bound), "pairs+ticks") &&
	   bound == quality.bound_ns, "the same in short");
	close_it();
}

/*
 * A kernel's beginning, as seen on one of 6.12 under TCG: first its clock goes by the
 * tick and loses 140 ms, then it has its source, but lags, then it steps back.
 */
static void test_beginning(bool has_step)
{
	static const struct {
		uint64_t local;
		uint64_t late;		/* that the clock shows it too late */
	} early[] = {
		{ 0, 141000000 }, { 4000000, 95000000 }, { 8000000, 92000000 },
		{ 24204000, 20932000 }, { 196046000, 20933000 }, { 187000000, 0 }, { 258000000, 0 },
	};
	size_t count = G_N_ELEMENTS(early) - (has_step ? 0 : 2);
	struct timebase_quality quality;
	struct clock_cursor place = { 0 };
	struct builder_file file;
	bool is_bound = true;

	begin(local_env);
	for (uint64_t i = 0; i < 20; i++)
		put_record(HOST + i * SECOND, 2 * i * SECOND, 30, i ? VHT_CLOCK_REASON_PERIODIC :
			   VHT_CLOCK_REASON_START, VHT_CPU_NONE, 0);
	file = begin_stream(0, 0, 18 * SECOND);
	for (size_t i = 0; i < count; i++)
		builder_page(&file, early[i].local, 0, 1, 0, 0);
	for (uint64_t t = 8 * SECOND; t < 18 * SECOND; t += SECOND / 10)
		put_pair(&file, t, 2 * t + SECOND, 60);
	put_stream(&file, 0);
	open_it();
	for (size_t i = 0; i < count; i++)
		off_by(map_of(0), &place, early[i].local,
		       HOST + SECOND / 2 + early[i].local - early[i].late, &is_bound);
	quality = timebase_quality(timebase, 1, stream_of(0));
	ok(is_bound && quality.bound_ns >= SECOND / 2,
	   "the times of a kernel's beginning may be anywhere after the VM's");
	clock_map_apply(map_of(0), 300000000, &place);
	if (has_step)
		ok(quality.steady_ns < 30000 &&
		   clock_map_bound(map_of(0), 300000000, &place) < 30000,
		   "behind its step back they are as good as the rate: %lu ns",
		   (unsigned long)quality.steady_ns);
	else
		ok(clock_map_bound(map_of(0), 300000000, &place) >= SECOND / 2,
		   "if that was not seen, all before the first pair");
	close_it();
}

/* Each vCPU has an offset of its own; guest CPU 0 is vCPU 1. */
static void test_vcpus(void)
{
	static const uint64_t offset[2] = { 1000 * SECOND, 3000 * SECOND };
	struct clock_cursor place[2] = { { 0 } };
	struct builder_file file;
	bool is_bound = true;
	uint64_t bound;

	begin(tsc_env);
	put_vcpus(true);
	for (uint64_t i = 0; i < 20; i++)
		for (uint32_t cpu = 0; cpu < 2; cpu++)
			put_record(HOST + i * SECOND, 2 * i * SECOND + offset[cpu], 20,
				   VHT_CLOCK_REASON_PERIODIC, cpu,
				   offset[cpu] + (i == 7 && cpu ? 12345 : 0));
	for (uint32_t cpu = 0; cpu < 3; cpu++) {
		file = begin_stream(cpu, offset[0], offset[0] + SECOND);
		put_stream(&file, cpu);
	}
	open_it();
	ok(warnings->len == 1 && strstr(warnings->pdata[0], "clock record 16 ") &&
	   strstr(warnings->pdata[0], "its offset"),
	   "vCPUs that differ contradict nothing; one with an offset of its own is dropped");
	for (uint64_t t = 0; t < 19 * SECOND; t += SECOND / 7)
		for (uint32_t cpu = 0; cpu < 2; cpu++)
			if (off_by(map_of(cpu), &place[cpu], 2 * t + offset[1 - cpu], HOST + t,
				   &is_bound) > 1)
				is_bound = false;
	ok(is_bound, "each guest CPU has its vCPU's clock, found by hardware id");
	ok(!strcmp(timebase_describe(timebase, 1, stream_of(0), &bound), "tsc-offset"),
	   "by the offset that KVM adds");
	ok(map_of(2), "a CPU that is none of them has any");
	close_it();
}

/*
 * The guest sets the counter of vCPU 1 at 10.4 s, by @jump; the records come at whole
 * seconds. Its own clock is the counter, or one that goes on as if nothing was.
 */
static void check_jump(const char *env, int64_t jump, const char *what)
{
	bool is_counter = env == tsc_env, is_bound = true, is_back = false;
	struct clock_cursor place = { 0 };
	struct builder_file file;
	const struct clock_map *map;
	uint64_t last = 0, worst = 0;

	begin(env);
	put_vcpus(true);
	for (uint64_t i = 0; i < 30; i++) {
		uint64_t offset = 100 * SECOND + (i > 10 ? (uint64_t)jump : 0);

		put_record(HOST + i * SECOND, 2 * i * SECOND + 100 * SECOND, 20,
			   VHT_CLOCK_REASON_PERIODIC, 0, 100 * SECOND);
		put_record(HOST + i * SECOND, 2 * i * SECOND + offset, 20,
			   i == 11 ? VHT_CLOCK_REASON_CHANGED : VHT_CLOCK_REASON_PERIODIC, 1, offset);
	}
	file = begin_stream(0, 1, 29 * SECOND);
	for (uint64_t t = SECOND / 2; !is_counter && t < 29 * SECOND; t += SECOND / 50)
		put_pair(&file, t, 2 * t + 100 * SECOND + (t > 104 * SECOND / 10 ? (uint64_t)jump : 0),
			 50);
	put_stream(&file, 0);
	open_it();
	map = map_of(0);
	for (uint64_t t = SECOND; t < 29 * SECOND; t += SECOND / 333) {
		uint64_t from = is_counter ? 2 * t + 100 * SECOND +
				(t > 104 * SECOND / 10 ? (uint64_t)jump : 0) : t;
		uint64_t off = off_by(map, &place, from, HOST + t, &is_bound);
		uint64_t to = clock_map_apply(map, from, &place);

		is_back |= to < last;
		last = to;
		/* away from the second in which it was done there is no doubt */
		if (t < 10 * SECOND || t > 11 * SECOND)
			worst = MAX(worst, off);
	}
	ok(is_bound && !warnings->len, "%s: no time is off by more than its bound", what);
	ok(worst < 200 && !is_back, "%s: before and after it all is as if nothing was (%lu ns)", what,
	   (unsigned long)worst);
	close_it();
}

static void test_jumps(void)
{
	check_jump(tsc_env, 50 * (int64_t)SECOND, "set forward");
	check_jump(tsc_env, -15 * (int64_t)SECOND, "set back");
	check_jump(tsc_env, -100 * (int64_t)SECOND, "set to nearly nothing");
	check_jump(tsc_env, 200000000, "set forward a little");
	check_jump(tsc_env, -200000000, "set back a little");
	check_jump(local_env, 50 * (int64_t)SECOND, "set forward, behind a clock that goes on");
	check_jump(local_env, -15 * (int64_t)SECOND, "set back, behind a clock that goes on");
}

/* A VM that is stopped for 50 s after 10: its counter stands. */
static void test_stop(void)
{
	struct clock_cursor place = { 0 };
	bool is_bound = true;
	struct builder_file file;
	uint64_t worst = 0;

	begin(tsc_env);
	for (uint64_t i = 0; i <= 10; i++)
		put_record(HOST + i * SECOND, 2 * i * SECOND + 7, 30, i == 10 ?
			   VHT_CLOCK_REASON_STOP : VHT_CLOCK_REASON_PERIODIC, VHT_CPU_NONE, 0);
	for (uint64_t i = 10; i < 20; i++)
		put_record(HOST + (i + 50) * SECOND, 2 * i * SECOND + 8, 30, i == 10 ?
			   VHT_CLOCK_REASON_RESUME : VHT_CLOCK_REASON_PERIODIC, VHT_CPU_NONE, 0);
	file = begin_stream(0, 10, 20);
	put_stream(&file, 0);
	open_it();
	for (uint64_t t = 0; t < 22 * SECOND; t += SECOND / 77)
		worst = MAX(worst, off_by(map_of(0), &place, 2 * t + 8,
					  HOST + t + (t < 10 * SECOND ? 0 : 50 * SECOND), &is_bound));
	ok(is_bound && worst < 5, "a VM that was stopped: %lu ns", (unsigned long)worst);
	close_it();
}

/*
 * A VM under KVM that is stopped now and then. Its counter goes on; its clock stands, from
 * when QEMU asked for it to when it set it again. Times are ns of the host since HOST.
 */
struct pause {
	uint64_t stop;			/* the device's records ... */
	uint64_t resume;
	uint64_t get;			/* the clock stands from ... to */
	uint64_t set;
	bool is_unsaid;			/* there is no record of the stop */
};

struct span {
	uint64_t from;
	uint64_t to;
};

struct kvm_vm {
	struct pause pauses[4];
	struct span pairs[4];		/* when there are pairs, one in 10 ms */
	uint64_t set_at;		/* the guest sets its counter ahead by 50 s */
	uint64_t step_at;		/* the clock steps ahead by 110 us */
	uint64_t wide;			/* the first pair at or after that took 20 us, and is off by half */
	uint64_t end;
	uint64_t limit;			/* of a bound away from the pauses */
};

static uint64_t kvm_counter(const struct kvm_vm *vm, uint64_t t)
{
	return 2 * t + 100 * SECOND + (vm->set_at && t >= vm->set_at ? 100 * SECOND : 0);
}

static uint64_t kvm_clock(const struct kvm_vm *vm, uint64_t t)
{
	uint64_t stood = 0;

	for (const struct pause *p = vm->pauses; p < vm->pauses + 4 && p->stop && p->get < t; p++)
		stood += MIN(t, p->set) - p->get;
	return t - stood + 7 + (vm->step_at && t >= vm->step_at ? 110000 : 0);
}

/* How near a time is to a pause; 0: it is in one. */
static uint64_t pause_distance(const struct kvm_vm *vm, uint64_t t)
{
	uint64_t nearest = UINT64_MAX;

	for (const struct pause *p = vm->pauses; p < vm->pauses + 4 && p->stop; p++) {
		if (t >= p->stop && t <= p->resume)
			return 0;
		nearest = MIN(nearest, t < p->stop ? p->stop - t : t - p->resume);
	}
	return nearest;
}

/* The record of a second, if it is there; and those of pauses up to it. */
static void put_kvm_records(const struct kvm_vm *vm)
{
	const struct pause *p = vm->pauses;
	uint64_t offset = 100 * SECOND;
	bool is_set = false;

	for (uint64_t t = 0; t < vm->end; t += SECOND / 4) {
		uint32_t reason = t ? VHT_CLOCK_REASON_PERIODIC : VHT_CLOCK_REASON_START;

		for (; p < vm->pauses + 4 && p->stop && p->resume <= t; p++) {
			if (!p->is_unsaid)
				put_record(HOST + p->stop, kvm_counter(vm, p->stop), 30,
					   VHT_CLOCK_REASON_STOP, 1, offset);
			is_set |= vm->set_at && p->resume >= vm->set_at;
			offset = kvm_counter(vm, p->resume) - 2 * p->resume;
			put_record(HOST + p->resume, kvm_counter(vm, p->resume), 30,
				   VHT_CLOCK_REASON_RESUME, 1, offset);
		}
		if (t % SECOND || !pause_distance(vm, t))
			continue;
		if (vm->set_at && t >= vm->set_at && !is_set) {
			offset = kvm_counter(vm, t) - 2 * t;
			reason = VHT_CLOCK_REASON_CHANGED;
			is_set = true;
		}
		put_record(HOST + t, kvm_counter(vm, t), 30, reason, 1, offset);
	}
}

static void put_kvm_pairs(const struct kvm_vm *vm, struct builder_file *file)
{
	uint64_t wide = vm->wide;

	for (const struct span *span = vm->pairs; span < vm->pairs + 4 && span->to; span++)
		for (uint64_t t = span->from; t < span->to; t += SECOND / 100) {
			bool is_wide = wide && t >= wide;

			if (!pause_distance(vm, t))
				continue;
			put_pair(file, kvm_clock(vm, t), kvm_counter(vm, t) + noise(20) +
				 (is_wide ? 20000 : 0), is_wide ? 40000 : 50);
			if (is_wide)
				wide = 0;
		}
}

static void check_kvm(const struct kvm_vm *vm, const char *what)
{
	uint64_t last = 0, widest = 0, events = 0;
	bool is_bound = true, is_back = false;
	struct clock_cursor place = { 0 };
	struct builder_file file;

	begin(local_env);
	put_vcpus(true);
	put_kvm_records(vm);
	file = begin_stream(0, kvm_clock(vm, SECOND / 2), kvm_clock(vm, vm->end));
	put_kvm_pairs(vm, &file);
	put_stream(&file, 0);
	open_it();
	/* also close to the edges of each pause */
	for (uint64_t t = SECOND / 2; t < vm->end; t += SECOND / 999) {
		uint64_t distance = pause_distance(vm, t), to;

		if (distance && distance <= SECOND / 999)
			t += distance - 200;
		if (!pause_distance(vm, t))
			continue;
		off_by(map_of(0), &place, kvm_clock(vm, t), HOST + t, &is_bound);
		to = clock_map_apply(map_of(0), kvm_clock(vm, t), &place);
		is_back |= to < last;
		last = to;
		events++;
		if (distance > SECOND / 10 && kvm_clock(vm, t) >= clock_map_early_end(map_of(0)))
			widest = MAX(widest, clock_map_bound(map_of(0), kvm_clock(vm, t), &place));
	}
	ok(is_bound && !is_back && !warnings->len && events > 1000,
	   "%s: no time is off by more than its bound, none goes back", what);
	ok(widest < vm->limit, "%s: the bound away from the pauses is %lu ns", what,
	   (unsigned long)widest);
	close_it();
}

#define MS	1000000ULL
#define PAUSE	{ 10 * SECOND + 3 * MS, 11 * SECOND + 50 * MS, 10 * SECOND + 20 * MS, \
		  11 * SECOND + 49 * MS, false }

static void test_pauses(void)
{
	/* the clock runs on while the state is saved, and stands for the last of it only */
	static const struct pause save = { 20 * SECOND + 7 * MS, 26 * SECOND + 900 * MS,
					   26 * SECOND + 800 * MS, 26 * SECOND + 899 * MS, false };
	struct kvm_vm vm = {
		.pauses = { PAUSE, save }, .pairs = { { SECOND, 40 * SECOND } },
		.end = 40 * SECOND, .limit = 2000,
	};

	check_kvm(&vm, "pauses");
	vm.wide = vm.pauses[0].resume;
	check_kvm(&vm, "the first pair after a pause is a bad one");
	vm.wide = vm.pauses[1].resume;
	check_kvm(&vm, "the first pair after a save is a bad one");
	vm.wide = 0;
	vm.step_at = 33 * SECOND + 9 * MS;
	vm.limit = 250000;
	check_kvm(&vm, "a clock that steps just before a pair");
	vm.step_at = 33 * SECOND + 1 * MS;
	check_kvm(&vm, "a clock that steps just after a pair");
	vm.step_at = 0;
	vm.set_at = 15 * SECOND + SECOND / 3;
	vm.limit = 2000;
	check_kvm(&vm, "pauses before and after the counter is set");
	vm.set_at = 20 * SECOND - SECOND / 3;
	vm.limit = 10000;
	check_kvm(&vm, "the counter is set just before a pause");
	vm.set_at = 0;
	vm.pauses[0].is_unsaid = vm.pauses[1].is_unsaid = true;
	vm.limit = 10 * SECOND;
	check_kvm(&vm, "nobody says when the VM stopped");
}

/* An idle CPU has a pair now and then. */
static void test_pauses_idle(void)
{
	struct kvm_vm vm = {
		.pauses = { PAUSE, { 20 * SECOND, 23 * SECOND, 20 * SECOND + MS, 23 * SECOND - MS,
				     false } },
		.pairs = { { 2 * SECOND, 5 * SECOND }, { 15 * SECOND, 16 * SECOND },
			   { 35 * SECOND, 36 * SECOND } },
		.end = 40 * SECOND, .limit = 150000,
	};

	check_kvm(&vm, "pairs far from the pauses");
	vm.pairs[1] = (struct span){ 35 * SECOND, 36 * SECOND };
	vm.pairs[2] = (struct span){ 0, 0 };
	vm.limit = 14 * SECOND;
	check_kvm(&vm, "no pair between two pauses");
	vm.pairs[0] = (struct span){ 35 * SECOND, 36 * SECOND };
	vm.pairs[1] = (struct span){ 0, 0 };
	check_kvm(&vm, "no pair before two pauses");
	vm.pairs[0] = (struct span){ 2 * SECOND, 5 * SECOND };
	check_kvm(&vm, "no pair behind two pauses");
	vm.set_at = 21 * SECOND;
	check_kvm(&vm, "no pair behind two pauses, in one of which the counter was set");
	vm.pauses[1] = (struct pause){ 0 };
	vm.set_at = 30 * SECOND + SECOND / 3;
	check_kvm(&vm, "no pair since before a pause, and the counter was set then");
	vm.pairs[0] = (struct span){ 35 * SECOND, 36 * SECOND };
	check_kvm(&vm, "the first pair is after the counter was set");
}

/* A state that was loaded: what the guest still had to tell is of another time. */
static void test_loaded(void)
{
	struct timebase_quality quality;
	struct clock_cursor place = { 0 };
	struct builder_file file;
	bool is_bound = true;

	begin(local_env);
	put_vcpus(true);
	for (uint64_t i = 0; i < 20; i++)
		put_record(HOST + i * SECOND, 2 * i * SECOND + 100 * SECOND, 30,
			   i ? VHT_CLOCK_REASON_PERIODIC : VHT_CLOCK_REASON_MIGRATION, 1,
			   100 * SECOND);
	file = begin_stream(0, 93 * SECOND, 119 * SECOND);
	for (uint64_t t = SECOND; t < 19 * SECOND; t += SECOND / 100)
		put_pair(&file, 100 * SECOND + t, 100 * SECOND + 2 * t, 50);
	put_stream(&file, 0);
	open_it();
	ok(clock_map_apply(map_of(0), 94 * SECOND, &place) == HOST &&
	   clock_map_bound(map_of(0), 94 * SECOND, &place) == CLOCK_NO_BOUND,
	   "a time of before the state was loaded is shown as of then, and not known");
	for (uint64_t t = MS; t < 19 * SECOND; t += SECOND / 77)
		off_by(map_of(0), &place, 100 * SECOND + t, HOST + t, &is_bound);
	quality = timebase_quality(timebase, 1, stream_of(0));
	ok(is_bound && quality.is_older && quality.bound_ns < 10000,
	   "the bound of the others is %lu ns", (unsigned long)quality.bound_ns);
	close_it();
}

/* vCPU 1 comes at 10 s, with a counter that is 1 s ahead of the others'. */
static void test_plugged(void)
{
	struct clock_cursor place = { 0 };
	struct builder_file file;
	bool is_bound = true;
	uint64_t worst = 0;

	begin(tsc_env);
	builder_vcpu(&vmm, HOST, 0, 0, 0, 101, VHT_VCPU_PRESENT);
	for (uint64_t i = 0; i < 10; i++)
		put_record(HOST + i * SECOND, 2 * i * SECOND + 100, 20, VHT_CLOCK_REASON_PERIODIC,
			   VHT_CPU_NONE, 100);
	builder_vcpu(&vmm, HOST + 10 * SECOND, 1, 8, 1, 102, VHT_VCPU_PRESENT);
	for (uint64_t i = 10; i < 20; i++)
		for (uint32_t cpu = 0; cpu < 2; cpu++)
			put_record(HOST + i * SECOND, 2 * (i + cpu) * SECOND + 100, 20,
				   i == 10 && cpu ? VHT_CLOCK_REASON_START :
				   VHT_CLOCK_REASON_PERIODIC, cpu, 100 + 2 * cpu * SECOND);
	file = begin_stream(0, 100, 200);
	put_stream(&file, 0);
	open_it();
	for (uint64_t t = 10 * SECOND + 5; t < 20 * SECOND; t += SECOND / 77)
		worst = MAX(worst, off_by(map_of(0), &place, 2 * (t + SECOND) + 100, HOST + t,
					  &is_bound));
	ok(is_bound && worst < 5 && !warnings->len,
	   "a vCPU that comes later has its own clock from its beginning: %lu ns",
	   (unsigned long)worst);
	close_it();
}

/* vCPUs are told in any order, each at its moment. */
static void test_order(void)
{
	struct builder_file file;

	begin(tsc_env);
	put_vcpus(true);
	for (uint64_t i = 1; i < 20; i++)
		for (uint32_t cpu = 0; cpu < 2; cpu++)
			put_record(HOST + i * SECOND - cpu * 1000, 2 * (i * SECOND - cpu * 1000) + 100,
				   20, VHT_CLOCK_REASON_PERIODIC, cpu, 100);
	file = begin_stream(0, 100, 200);
	put_stream(&file, 0);
	open_it();
	ok(!warnings->len, "records of two vCPUs need not be in one order");
	close_it();
}

/* 20 good records, and a bad one as number @number. */
static void check_bad(const char *what, uint64_t number, uint64_t mono, uint64_t counter,
		      uint32_t error, uint32_t epoch, uint64_t offset, const char *why)
{
	g_autofree char *name = g_strdup_printf("clock record %lu ", (unsigned long)number);
	struct clock_cursor place = { 0 };
	struct builder_file file;
	bool is_bound = true;
	uint64_t worst = 0;

	begin(tsc_env);
	for (uint64_t i = 0; i < 20; i++) {
		if (i + 1 == number) {
			builder_epoch = epoch;
			put_record(mono, counter, error, VHT_CLOCK_REASON_PERIODIC, VHT_CPU_NONE,
				   offset);
			builder_epoch = 1;
		}
		put_record(HOST + i * SECOND, 2 * i * SECOND + 100, 30, VHT_CLOCK_REASON_PERIODIC,
			   VHT_CPU_NONE, 100);
	}
	file = begin_stream(0, 10, 20);
	put_stream(&file, 0);
	open_it();
	ok(warnings->len == 1 && strstr(warnings->pdata[0], name) &&
	   strstr(warnings->pdata[0], why), "%s: dropped, and told", what);
	for (uint64_t t = 0; t < 20 * SECOND; t += SECOND / 17)
		worst = MAX(worst, off_by(map_of(0), &place, 2 * t + 100, HOST + t, &is_bound));
	ok(is_bound && worst < 5, "%s: no harm done", what);
	close_it();
}

static void test_bad_records(void)
{
	check_bad("from the future", 8, HOST + 900000 * SECOND, 2 * 7 * SECOND, 30, 1, 100,
		  "before the records before it");
	check_bad("a counter that goes back", 8, HOST + 7 * SECOND, 2 * 2 * SECOND, 30, 1, 100,
		  "neighbours");
	check_bad("a counter from the future", 8, HOST + 7 * SECOND, UINT64_MAX, 30, 1, 100,
		  "neighbours");
	check_bad("an absurd error", 8, HOST + 7 * SECOND - 900000000, 2 * 7 * SECOND,
		  4000000000U, 1, 100, "more than a second");
	check_bad("of another epoch", 8, HOST + 7 * SECOND, 2 * 2 * SECOND, 30, 9, 100,
		  "nothing else is of that epoch");
	check_bad("an offset of its own", 8, HOST + 7 * SECOND - SECOND / 2, 90 * SECOND, 30, 1, 777,
		  "its offset");
	check_bad("the first one", 1, HOST + 50 * SECOND, 90, 30, 1, 100, "records before it");
}

static void test_bad_pair(void)
{
	struct clock_cursor place = { 0 };
	struct builder_file file;
	bool is_bound = true;
	uint64_t worst = 0;

	begin(local_env);
	for (uint64_t i = 0; i < 20; i++)
		put_record(HOST + i * SECOND, 2 * i * SECOND, 30, VHT_CLOCK_REASON_PERIODIC,
			   VHT_CPU_NONE, 0);
	file = begin_stream(0, 10, 18 * SECOND);
	for (uint64_t i = 1; i < 180; i++)
		put_pair(&file, i * SECOND / 10, i * SECOND / 5 + (i == 77 ? 3000000 : 0), 60);
	put_stream(&file, 0);
	open_it();
	ok(warnings->len == 1 && strstr(warnings->pdata[0], "packet 77 "),
	   "a pair that contradicts the others is dropped, and told");
	for (uint64_t t = SECOND; t < 18 * SECOND; t += SECOND / 17)
		worst = MAX(worst, off_by(map_of(0), &place, t, HOST + t, &is_bound));
	ok(is_bound && worst < 5, "no harm done");
	close_it();
}

/* With icount there are moments, and nothing is known between them. */
static void test_points(void)
{
	struct clock_cursor place = { 0 };
	struct builder_file file;
	bool is_bound = true;
	uint64_t bound;

	begin(tsc_env);
	for (uint64_t i = 0; i < 10; i++) {
		struct vht_clock_record record = {
			.mono_ns = GUINT64_TO_LE(HOST + i * i * SECOND),
			.counter = GUINT64_TO_LE(2 * i * SECOND), .counter_hz = 0,
			.kind = GUINT16_TO_LE(VHT_CLOCK_KIND_POINT),
			.reason = GUINT16_TO_LE(VHT_CLOCK_REASON_PERIODIC),
			.cpu = VHT_CPU_NONE, .epoch = GUINT32_TO_LE(1),
		};

		builder_packet(&vmm, VHT_PACKET_CLOCK, &record, sizeof(record), 0, 0, 0);
	}
	file = begin_stream(0, 10, 17 * SECOND);
	put_stream(&file, 0);
	open_it();
	/* it stood at the beginning of each second, and ran at its end */
	for (uint64_t t = 0; t < 9 * SECOND; t += SECOND / 100)
		off_by(map_of(0), &place, 2 * t, HOST + t / SECOND * (t / SECOND) * SECOND, &is_bound);
	ok(is_bound && !warnings->len && !strcmp(timebase_describe(timebase, 1, stream_of(0), &bound),
						 "points") && bound >= 8 * SECOND,
	   "between points a time may be anywhere");
	close_it();
}

static void test_hostile(void)
{
	struct builder_file file;
	uint64_t bound;

	begin(local_env);
	for (uint32_t i = 0; i < 100000; i++) {
		struct vht_clock_record record;

		for (size_t j = 0; j < sizeof(record); j++)
			((uint8_t *)&record)[j] = (uint8_t)noise(1000);
		record.epoch = GUINT32_TO_LE(i % 3);
		record.error_ns = GUINT32_TO_LE(i % 1000);
		record.reason = GUINT16_TO_LE(i % 9);
		/* some in order, of few vCPUs */
		if (i % 2) {
			record.mono_ns = GUINT64_TO_LE(HOST + i * 1000ULL);
			record.cpu = GUINT32_TO_LE(i % 50);
		}
		builder_packet(&vmm, VHT_PACKET_CLOCK, &record, sizeof(record), 0, 0, 0);
	}
	file = begin_stream(0, 10, UINT64_MAX);
	for (uint64_t i = 1; i < 20000; i++)
		put_pair(&file, (uint64_t)noise(1 << 22) << (i & 31), (uint64_t)noise(1 << 22),
			 (uint32_t)noise(1 << 22));
	put_stream(&file, 0);
	open_it();
	ok(warnings->len < 200, "records of anything: %u warnings", warnings->len);
	timebase_describe(timebase, 1, stream_of(0), &bound);
	if (map_of(0)) {
		struct clock_cursor place = { 0 };

		for (uint32_t i = 0; i < 100000; i++) {
			clock_map_apply(map_of(0), (uint64_t)noise(1 << 22) << (i & 63), &place);
			clock_map_bound(map_of(0), (uint64_t)noise(1 << 22), &place);
		}
	}
	ok(true, "and of the times");
	close_it();
}

/* Hours of records of all, and one each of many vCPUs. */
static void test_many_vcpus(void)
{
	struct clock_cursor place = { 0 };
	struct builder_file file;
	bool is_bound = true;

	begin(tsc_env);
	put_vcpus(true);
	for (uint64_t i = 0; i < 60000; i++) {
		put_record(HOST + i * SECOND, 2 * i * SECOND + 77, 20, VHT_CLOCK_REASON_PERIODIC,
			   i % 20 ? VHT_CPU_NONE : (uint32_t)(i / 20), 77);
	}
	file = begin_stream(0, 100, 59999 * SECOND);
	put_stream(&file, 0);
	open_it();
	for (uint64_t t = 0; t < 60000 * SECOND; t += 33 * SECOND)
		off_by(map_of(0), &place, 2 * t + 77, HOST + t, &is_bound);
	ok(is_bound && warnings->len <= 2, "clocks of 3,000 vCPUs, with 57,000 records of all");
	close_it();
}

static void test_none(void)
{
	struct builder_file file;
	uint64_t bound;

	begin(local_env);
	file = begin_stream(0, 10, 20);
	put_stream(&file, 0);
	open_it();
	ok(!strcmp(timebase_describe(timebase, 1, stream_of(0), &bound), "none") &&
	   bound == UINT64_MAX, "without any record there is no way, and no bound");
	ok(!strcmp(timebase_describe(timebase, 0, ((struct recording_vm *)rec->vms->pdata[0])
				     ->vmm_stream, &bound), "host") && !bound,
	   "the VM's own events are on the host's clock");
	close_it();
}

int main(void)
{
	scratch_init();
	test_truth();
	test_beginning(true);
	test_beginning(false);
	test_vcpus();
	test_jumps();
	test_stop();
	test_pauses();
	test_pauses_idle();
	test_loaded();
	test_plugged();
	test_order();
	test_bad_records();
	test_bad_pair();
	test_points();
	test_hostile();
	test_many_vcpus();
	test_none();
	return tap_done();
}
