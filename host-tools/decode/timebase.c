// SPDX-License-Identifier: GPL-2.0-only
/*
 * The times of one VM; see timebase.h.
 *
 * Clock records are in the order in which the device wrote them. Of those of an
 * epoch what cannot be is dropped first: times that go back, errors that say
 * nothing. What is left makes a map from counter to host for each vCPU that a
 * record names, and one of the records that are of all; a record of all belongs to
 * each vCPU's map too.
 */
#include "timebase.h"

#include "wire/page.h"
#include "wire/window.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Source clocks that count nanoseconds. */
static const char *const ns_clocks[] = {
	"local", "global", "perf", "mono", "mono_raw", "boot", "tai",
};

/* Closer together than this, pairs of a packet are noise: 10 ms, or less for ticks. */
#define PAIR_SPACING	10000000
/* Clock records are one a second; what is closer belongs to a state change. */
#define RECORD_SPACING	0
/* ... and after the last one the VM may have gone on for that long. */
#define RECORD_PERIOD	1500000000ULL
/* A record that knows its moment no better than this says nothing. */
#define ABSURD_ERROR	1000000000U
/* A jump of the counter by less than that (ns) is no jump. */
#define SURE_JUMP	500
/* Of an epoch's records those that are kept; more are thinned out. */
#define MAX_RECORDS	65536

/* Kernels of all windows together. */
#define MAX_WINDOW_CLOCKS	4096
/* Maps of single vCPUs, of all epochs ... */
#define MAX_VCPU_CLOCKS	4096
/* ... and of the records that are in them, counted once for each map. */
#define MAX_VCPU_POINTS	2000000

/*
 * Before a kernel has found its clock source the clocks it offers go by the timer
 * tick, of which the slowest has 10 ms; then they may step by one or two of them.
 * But where ticks were lost the clock lags, and steps back by as much when the
 * better source is found: nobody knows what the time was before that.
 */
#define EARLY_ERROR	20000000ULL
/* A step back by less is noise ... */
#define EARLY_STEP	100000ULL
/* ... and all times that are multiples of this go by the tick. */
#define EARLY_TICK	1000000ULL
/* How well the rate of a source's clock is known: the VMM gives it in kHz. */
#define BREAK_RATE	1e-6

/* What is later than that, of the clock itself, is not early; a window has no pairs to say so. */
#define EARLY_END	30000000000ULL

/* How the guest's counter is known. */
enum counter_method {
	METHOD_NONE,
	METHOD_TICKS,
	METHOD_TSC_OFFSET,
	METHOD_POINTS,
};

static const char *const counter_methods[] = { "none", "ticks", "tsc-offset", "points" };
static const char *const pair_methods[] = {
	"none", "pairs+ticks", "pairs+tsc-offset", "pairs+points",
};

/* A clock record of an epoch. */
struct record {
	struct clock_record pub;
	uint64_t number;		/* among all of the VM, from 1 */
	bool is_dropped;
};

/* The guest's counter as one vCPU has it, or all. */
struct counter_clock {
	struct clock_map *map;		/* counter -> host */
	enum counter_method method;
	GArray *breaks;			/* uint64_t, rising: its values where the VM went on */
};

/* The guest's counter in one epoch. */
struct epoch_map {
	uint32_t epoch;
	GArray *records;		/* struct record; NULL once the maps are made */
	struct counter_clock all;
	GHashTable *vcpus;		/* vCPU index -> struct counter_clock * */
};

/*
 * The clock of one source while one driver lived, on all CPUs or on one. From one
 * driver to the next it may have stood still: in a guest that was suspended it did.
 */
struct source_clock {
	const struct recording_generation *generation;
	uint16_t source;		/* VHT_SOURCE_* */
	char *name;
	uint32_t cpu;			/* of the guest; VHT_CPU_NONE: all */
	char *kind;			/* its name in the guest; NULL if nothing says */
	const struct counter_clock *counter;
	GPtrArray *pairs;		/* struct clock_map *: to each part of @counter's map */
	GArray *is_broken;		/* gboolean, as @counter's breaks: the pairs know of it */
	double slope;			/* ticks of @counter in a unit, 0 if unknown */
	uint64_t first_pair;		/* the earliest time of a pair; UINT64_MAX: none */
	struct clock_map *map;		/* source clock -> host; NULL if unknown */
};

/*
 * A window's clock under one kernel: one difference to the host's, between bounds.
 */
struct window_clock {
	uint32_t epoch;
	uint32_t kernel;
	uint64_t first;			/* times seen */
	uint64_t last;
	int64_t upper;			/* the difference is not above this */
	GArray *lower;			/* int64_t: ... nor below these, but for delays */
	struct clock_map *map;		/* NULL if nothing is known */
};

struct timebase {
	const struct recording_vm *vm;
	GPtrArray *warnings;
	struct vcpu_map *vcpus;
	uint64_t counter_hz;
	bool is_kvm;			/* the counter is the host's, with an offset */
	uint32_t vcpu_clocks;		/* maps of single vCPUs, in all epochs ... */
	uint64_t vcpu_points;		/* ... and records in them */
	GPtrArray *clocks;		/* struct source_clock * */
	GPtrArray *epochs;		/* struct epoch_map * */
	GPtrArray *windows;		/* struct window_clock * */
};

static void counter_clock_free(void *data)
{
	struct counter_clock *clock = data;

	g_array_unref(clock->breaks);
	clock_map_free(clock->map);
	g_free(clock);
}

static void source_clock_free(void *data)
{
	struct source_clock *clock = data;

	g_free(clock->name);
	g_free(clock->kind);
	g_array_unref(clock->is_broken);
	g_ptr_array_unref(clock->pairs);
	clock_map_free(clock->map);
	g_free(clock);
}

static void epoch_map_free(void *data)
{
	struct epoch_map *epoch = data;

	if (epoch->records)
		g_array_unref(epoch->records);
	g_clear_pointer(&epoch->all.breaks, g_array_unref);
	clock_map_free(epoch->all.map);
	g_hash_table_unref(epoch->vcpus);
	g_free(epoch);
}

static void G_GNUC_PRINTF(2, 3) warn(struct timebase *timebase, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	if (!timebase->warnings)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(timebase->warnings, g_strdup_printf("%s: %s", timebase->vm->name, text));
}

/* Each fault is told once, however many maps the record is in. */
static void warn_record(struct timebase *timebase, const struct record *record, const char *why)
{
	warn(timebase, "clock record %" PRIu64 " (epoch %u) is not used: %s", record->number,
	     record->pub.epoch, why);
}

static struct epoch_map *find_epoch(const struct timebase *timebase, uint32_t number)
{
	for (guint i = 0; i < timebase->epochs->len; i++) {
		struct epoch_map *epoch = g_ptr_array_index(timebase->epochs, i);

		if (epoch->epoch == number)
			return epoch;
	}
	return NULL;
}

static void add_epoch(struct timebase *timebase, uint32_t number)
{
	struct epoch_map *epoch;

	if (find_epoch(timebase, number))
		return;
	epoch = g_new0(struct epoch_map, 1);
	epoch->epoch = number;
	epoch->records = g_array_new(FALSE, FALSE, sizeof(struct record));
	epoch->vcpus = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL,
					     counter_clock_free);
	g_ptr_array_add(timebase->epochs, epoch);
}

/* Of the periodic ones of each vCPU every second goes. */
static void thin_records(GArray *records)
{
	GHashTable *skipped = g_hash_table_new(g_direct_hash, g_direct_equal);
	struct record *r = (struct record *)records->data;
	guint kept = 0;

	for (guint i = 0; i < records->len; i++) {
		void *cpu = GUINT_TO_POINTER(r[i].pub.cpu);

		if (r[i].pub.reason == VHT_CLOCK_REASON_PERIODIC) {
			/* the first is kept, the next one not, and so on */
			if (g_hash_table_remove(skipped, cpu))
				continue;
			g_hash_table_add(skipped, cpu);
		}
		r[kept++] = r[i];
	}
	g_hash_table_unref(skipped);
	/* nothing but changes of state: what comes next matters no more */
	g_array_set_size(records, MIN(kept, MAX_RECORDS * 3 / 4));
}

/* Epochs of which the VM's own stream tells, though nothing was traced in them. */
static bool has_events(const struct recording_vm *vm, uint32_t epoch)
{
	struct recording_records it;
	struct vmm_event event;

	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_vmm_event(&it, &event))
		if (event.epoch == epoch)
			return true;
	return false;
}

static void warn_strangers(struct timebase *timebase, uint64_t count, const struct record *first)
{
	g_autofree char *why = NULL;

	if (!count || has_events(timebase->vm, first->pub.epoch))
		return;
	why = g_strdup_printf("nothing else is of that epoch%s", count > 1 ?
			      ", and that is not the only one" : "");
	warn_record(timebase, first, why);
}

static void collect_records(struct timebase *timebase)
{
	struct recording_records it;
	struct record record = { .number = 0 }, stranger = { .number = 0 };
	uint64_t strangers = 0;

	recording_records_init(&it, timebase->vm->vmm_stream);
	while (recording_next_clock_record(&it, &record.pub)) {
		struct epoch_map *epoch = find_epoch(timebase, record.pub.epoch);

		record.number++;
		if (!epoch) {
			if (!strangers++)
				stranger = record;
			continue;
		}
		if (!timebase->counter_hz)
			timebase->counter_hz = record.pub.counter_hz;
		if (epoch->records->len >= MAX_RECORDS)
			thin_records(epoch->records);
		g_array_append_val(epoch->records, record);
	}
	warn_strangers(timebase, strangers, &stranger);
}

/* What a bad record is told with; of many only some. */
struct complaints {
	struct timebase *timebase;
	uint32_t count;
};

#define MAX_COMPLAINTS	8

static void complain(struct complaints *complaints, struct record *record, const char *why)
{
	record->is_dropped = true;
	if (complaints->count++ < MAX_COMPLAINTS)
		warn_record(complaints->timebase, record, why);
}

static bool is_other_clock(const struct record *a, const struct record *b)
{
	return a->pub.host_counter && b->pub.host_counter &&
	       (a->pub.offset != b->pub.offset || a->pub.scale != b->pub.scale);
}

/* The longest run of records, as written, whose times do not go back. */
static void drop_unordered(GArray *records, struct complaints *complaints)
{
	struct record *r = (struct record *)records->data;
	guint *tails = g_new(guint, records->len + 1), *previous = g_new(guint, records->len + 1);
	bool *is_kept = g_new0(bool, records->len + 1);
	guint length = 0;

	for (guint i = 0; i < records->len; i++) {
		guint low = 0, high = length;

		if (r[i].is_dropped)
			continue;
		while (low < high) {
			guint middle = (low + high) / 2;

			if (r[tails[middle]].pub.mono_ns <= r[i].pub.mono_ns)
				low = middle + 1;
			else
				high = middle;
		}
		previous[i] = low ? tails[low - 1] : G_MAXUINT;
		tails[low] = i;
		if (low == length)
			length++;
	}
	for (guint i = length ? tails[length - 1] : G_MAXUINT; i != G_MAXUINT; i = previous[i])
		is_kept[i] = true;
	for (guint i = 0; i < records->len; i++)
		if (!is_kept[i] && !r[i].is_dropped)
			complain(complaints, &r[i], "it is from before the records before it, "
				 "or after those after it");
	g_free(tails);
	g_free(previous);
	g_free(is_kept);
}

/* The last two records that name one vCPU, or all. */
struct last_records {
	struct record *before;
	struct record *middle;
};

/* A record whose offset is nobody else's, among others of the vCPU that agree. */
static void drop_strange_offsets(GArray *records, struct complaints *complaints)
{
	GHashTable *cpus = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	struct record *r = (struct record *)records->data;

	for (guint i = 0; i < records->len; i++) {
		void *key = GUINT_TO_POINTER(r[i].pub.cpu);
		struct last_records *last = g_hash_table_lookup(cpus, key);

		if (r[i].is_dropped)
			continue;
		if (!last) {
			last = g_new0(struct last_records, 1);
			g_hash_table_insert(cpus, key, last);
		}
		if (last->before && last->before->pub.host_counter && r[i].pub.host_counter &&
		    is_other_clock(last->before, last->middle) &&
		    is_other_clock(last->middle, &r[i]) && !is_other_clock(last->before, &r[i]))
			complain(complaints, last->middle,
				 "its offset is not that of the records around it");
		else
			last->before = last->middle;
		last->middle = &r[i];
	}
	g_hash_table_unref(cpus);
}

static void clean_records(struct timebase *timebase, struct epoch_map *epoch)
{
	struct complaints complaints = { timebase, 0 };
	struct record *r = (struct record *)epoch->records->data;
	guint kept = 0;

	for (guint i = 0; i < epoch->records->len; i++)
		if (r[i].pub.error_ns >= ABSURD_ERROR)
			complain(&complaints, &r[i], "its error is more than a second");
	drop_unordered(epoch->records, &complaints);
	drop_strange_offsets(epoch->records, &complaints);
	for (guint i = 0; i < epoch->records->len; i++)
		if (!r[i].is_dropped)
			r[kept++] = r[i];
	g_array_set_size(epoch->records, kept);
	if (complaints.count > MAX_COMPLAINTS)
		warn(timebase, "and %u clock records more of epoch %u are not used",
		     complaints.count - MAX_COMPLAINTS, epoch->epoch);
}

/*
 * Whether the counter was set by more than what is unsure of it: an offset may
 * have been told better than before.
 */
static bool is_set(const struct timebase *timebase, const struct record *a,
		   const struct record *b)
{
	int64_t jump = (int64_t)(b->pub.offset - a->pub.offset);
	double ns;

	if (!is_other_clock(a, b))
		return b->pub.reason == VHT_CLOCK_REASON_CHANGED &&
		       !(a->pub.host_counter && b->pub.host_counter);
	if (a->pub.scale != b->pub.scale || !timebase->counter_hz)
		return true;
	ns = fabs((double)jump) * 1e9 / timebase->counter_hz;
	return ns > SURE_JUMP + a->pub.error_ns + b->pub.error_ns;
}

/* Where the VM stood, a line ends; where the counter was set, nobody knows when. */
static enum clock_joint record_joint(const struct timebase *timebase,
				     const struct record *before, const struct record *record)
{
	bool is_back = before && record->pub.counter < before->pub.counter;

	switch (record->pub.reason) {
	case VHT_CLOCK_REASON_RESUME:
	case VHT_CLOCK_REASON_MIGRATION:
	case VHT_CLOCK_REASON_RESET:
	case VHT_CLOCK_REASON_START:
		return is_back ? CLOCK_JUMP : CLOCK_BREAK;
	default:
		return before && is_set(timebase, before, record) ? CLOCK_JUMP : CLOCK_LINE;
	}
}

static void warn_dropped(struct timebase *timebase, uint32_t epoch, uint32_t count,
			 const GArray *dropped, const char *what, const char *unit)
{
	guint told = MIN(dropped->len, MAX_COMPLAINTS);

	for (guint i = 0; i < told; i++) {
		const struct clock_dropped *point = &g_array_index(dropped, struct clock_dropped, i);
		g_autofree char *off = g_strdup_printf("it lies %.0f %s off its neighbours' line",
						       point->off, unit);

		warn(timebase, "%s %" PRIu64 " (epoch %u) is not used: %s", what,
		     point->number, epoch, point->fault == CLOCK_FAULT_OFF ? off :
		     "time would go back with it");
	}
	if (count > told)
		warn(timebase, "%u more of that kind (%s, epoch %u) are not used", count - told, what,
		     epoch);
}

static gint compare_counters(gconstpointer a, gconstpointer b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/* The last time the VM went on between two values of its counter: its place in breaks, or their number. */
static guint find_break(const struct counter_clock *clock, uint64_t first, uint64_t last)
{
	guint low = 0, high = clock->breaks->len;

	while (low < high) {
		guint middle = (low + high) / 2;

		if (g_array_index(clock->breaks, uint64_t, middle) > last)
			high = middle;
		else
			low = middle + 1;
	}
	if (!low || g_array_index(clock->breaks, uint64_t, low - 1) <= first)
		return clock->breaks->len;
	return low - 1;
}

/**
 * make_counter - the map of one vCPU's counter
 * @cpu: its index; VHT_CPU_NONE: only of the records that are of all
 */
static void make_counter(struct timebase *timebase, struct epoch_map *epoch, uint32_t cpu,
			 struct counter_clock *clock)
{
	g_autoptr(GArray) dropped = g_array_new(FALSE, FALSE, sizeof(struct clock_dropped));
	const struct record *before = NULL;
	uint32_t count;

	clock->breaks = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	clock->map = clock_map_new(timebase->counter_hz ? 1e9 / timebase->counter_hz : 0,
				   RECORD_SPACING);
	for (guint i = 0; i < epoch->records->len; i++) {
		const struct record *record = &g_array_index(epoch->records, struct record, i);
		struct clock_point point = {
			.from = record->pub.counter, .to = record->pub.mono_ns,
			.error = record->pub.error_ns, .number = record->number,
			.is_lone = record->pub.kind == VHT_CLOCK_KIND_POINT,
		};

		if (record->pub.cpu != VHT_CPU_NONE && record->pub.cpu != cpu)
			continue;
		point.joint = record_joint(timebase, before, record);
		clock_map_add(clock->map, &point);
		if (before && point.joint == CLOCK_BREAK)
			g_array_append_val(clock->breaks, record->pub.counter);
		before = record;
		if (point.is_lone)
			clock->method = METHOD_POINTS;
		else if (clock->method != METHOD_POINTS && record->pub.host_counter &&
			 timebase->is_kvm)
			clock->method = METHOD_TSC_OFFSET;
		else if (clock->method == METHOD_NONE)
			clock->method = METHOD_TICKS;
	}
	g_array_sort(clock->breaks, compare_counters);
	count = clock_map_finish(clock->map, dropped);
	if (cpu == VHT_CPU_NONE) {
		warn_dropped(timebase, epoch->epoch, count, dropped, "clock record", "ns");
	} else if (count) {
		g_autofree char *what = g_strdup_printf("vCPU %u: clock record", cpu);

		warn_dropped(timebase, epoch->epoch, count, dropped, what, "ns");
	}
}

static void make_vcpu_counter(struct timebase *timebase, struct epoch_map *epoch, uint32_t cpu)
{
	struct counter_clock *clock;

	if (cpu == VHT_CPU_NONE || timebase->vcpu_clocks >= MAX_VCPU_CLOCKS ||
	    g_hash_table_contains(epoch->vcpus, GUINT_TO_POINTER(cpu)))
		return;
	timebase->vcpu_points += epoch->records->len;
	if (timebase->vcpu_points > MAX_VCPU_POINTS) {
		warn(timebase, "too many clock records of single vCPUs: those of vCPU %u and others "
		     "of epoch %u are not used", cpu, epoch->epoch);
		timebase->vcpu_clocks = MAX_VCPU_CLOCKS;
		return;
	}
	clock = g_new0(struct counter_clock, 1);
	make_counter(timebase, epoch, cpu, clock);
	g_hash_table_insert(epoch->vcpus, GUINT_TO_POINTER(cpu), clock);
	if (++timebase->vcpu_clocks == MAX_VCPU_CLOCKS)
		warn(timebase, "clock records of more than %u vCPUs: the rest are not used",
		     MAX_VCPU_CLOCKS);
}

/* Where many vCPUs have clocks, each of many records: fewer will do. */
static void fit_records(const struct timebase *timebase, GArray *records)
{
	GHashTable *cpus = g_hash_table_new(g_direct_hash, g_direct_equal);
	uint64_t count, room = MAX_VCPU_POINTS - MIN(timebase->vcpu_points, MAX_VCPU_POINTS);
	guint before;

	for (guint i = 0; i < records->len; i++)
		g_hash_table_add(cpus, GUINT_TO_POINTER(g_array_index(records, struct record, i)
							 .pub.cpu));
	count = g_hash_table_size(cpus);
	g_hash_table_unref(cpus);
	if (count < 2)
		return;
	do {
		before = records->len;
		if (before * count > room / 2)
			thin_records(records);
	} while (records->len < before);
}

static void make_counters(struct timebase *timebase, struct epoch_map *epoch)
{
	uint32_t any = VHT_CPU_NONE;

	clean_records(timebase, epoch);
	fit_records(timebase, epoch->records);
	for (guint i = 0; i < epoch->records->len; i++) {
		uint32_t cpu = g_array_index(epoch->records, struct record, i).pub.cpu;

		make_vcpu_counter(timebase, epoch, cpu);
		any = MIN(any, cpu);
	}
	make_counter(timebase, epoch, VHT_CPU_NONE, &epoch->all);
	/* each record names a vCPU: who is none of them has the first one's clock */
	if (clock_map_is_empty(epoch->all.map) && any != VHT_CPU_NONE) {
		g_array_unref(epoch->all.breaks);
		clock_map_free(epoch->all.map);
		make_counter(timebase, epoch, any, &epoch->all);
	}
	g_clear_pointer(&epoch->records, g_array_unref);
}

/* The clock of the vCPU that a guest's CPU is; the one of all where it has none. */
static const struct counter_clock *counter_of_cpu(const struct timebase *timebase,
						  const struct epoch_map *epoch,
						  uint32_t generation, uint32_t cpu, bool *is_own)
{
	const struct counter_clock *clock = NULL;
	uint32_t index;

	if (g_hash_table_size(epoch->vcpus) &&
	    vcpu_map_of_cpu(timebase->vcpus, epoch->epoch, generation, cpu, &index) != VCPU_UNKNOWN)
		clock = g_hash_table_lookup(epoch->vcpus, GUINT_TO_POINTER(index));
	*is_own = clock && !clock_map_is_empty(clock->map);
	return *is_own ? clock : &epoch->all;
}

static struct source_clock *find_clock(const struct timebase *timebase,
				       const struct recording_generation *generation,
				       uint16_t source, const char *name, uint32_t cpu)
{
	for (guint i = 0; i < timebase->clocks->len; i++) {
		struct source_clock *clock = g_ptr_array_index(timebase->clocks, i);

		if (clock->generation == generation && clock->source == source &&
		    clock->cpu == cpu && !strcmp(clock->name, name))
			return clock;
	}
	return NULL;
}

/* The generation that a stream is of. */
static const struct recording_generation *find_generation(const struct recording_vm *vm,
							  const struct recording_stream *stream)
{
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(vm->generations, i);

		if (g_ptr_array_find(generation->streams, stream, NULL))
			return generation;
	}
	return NULL;
}

/* A source's clock; of another driver's time where this one has none. */
static const struct source_clock *source_clock_of(const struct timebase *timebase, uint32_t epoch,
						  const struct recording_stream *stream)
{
	const struct recording_generation *generation = find_generation(timebase->vm, stream);
	const char *name = stream->first_state.name;
	const struct source_clock *clock = find_clock(timebase, generation, stream->source, name,
						     stream->cpu);

	if (!clock || !clock->map)
		clock = find_clock(timebase, generation, stream->source, name, VHT_CPU_NONE);
	if (clock && clock->map)
		return clock;
	for (guint i = 0; i < timebase->clocks->len; i++) {
		clock = g_ptr_array_index(timebase->clocks, i);
		if (clock->generation->epoch == epoch && clock->source == stream->source &&
		    clock->map && !strcmp(clock->name, name))
			return clock;
	}
	return NULL;
}

static bool is_counter(const struct source_clock *clock)
{
	return clock->kind && !strcmp(clock->kind, "x86-tsc");
}

/* Ticks of the counter in a unit of a source's clock, 0 if unknown. */
static double source_slope(const struct timebase *timebase, const struct source_clock *clock)
{
	for (size_t i = 0; clock->kind && i < G_N_ELEMENTS(ns_clocks); i++)
		if (!strcmp(clock->kind, ns_clocks[i]))
			return timebase->counter_hz / 1e9;
	/* LTTng's own clock, and ours for it; the spool's is CLOCK_MONOTONIC */
	if ((clock->source == VHT_SOURCE_LTTNG || clock->source == VHT_SOURCE_SPOOL) &&
	    !clock->kind)
		return timebase->counter_hz / 1e9;
	return 0;
}

static struct source_clock *make_clock(struct timebase *timebase,
				       const struct recording_generation *generation,
				       uint16_t source, const char *name, uint32_t cpu,
				       const struct counter_clock *counter)
{
	struct source_clock *clock = find_clock(timebase, generation, source, name, cpu);
	g_autofree char *key = g_strdup_printf("source.%s.clock", name);

	if (clock)
		return clock;
	clock = g_new0(struct source_clock, 1);
	clock->generation = generation;
	clock->source = source;
	clock->name = g_strdup(name);
	clock->cpu = cpu;
	clock->kind = recording_generation_env(generation, key);
	clock->counter = counter;
	clock->first_pair = UINT64_MAX;
	clock->pairs = g_ptr_array_new_with_free_func((GDestroyNotify)clock_map_free);
	clock->slope = source_slope(timebase, clock);
	clock->is_broken = g_array_new(FALSE, TRUE, sizeof(gboolean));
	g_array_set_size(clock->is_broken, counter->breaks->len);
	for (uint32_t i = 0; i < clock_map_part_count(counter->map); i++)
		g_ptr_array_add(clock->pairs, clock_map_new(clock->slope, PAIR_SPACING));
	g_ptr_array_add(timebase->clocks, clock);
	return clock;
}

/*
 * Where the VM stood since the last pair of a stream, its clock stood with it, the counter
 * did not: what came before a line's new beginning, when it went on, is of the line before.
 */
static void add_break(struct source_clock *clock, uint32_t part, const struct clock_point *point,
		      uint64_t before)
{
	guint number = find_break(clock->counter, before, point->to);
	uint64_t counter, ticks;
	double slope = clock->slope;

	if (number == clock->counter->breaks->len || slope <= 0 ||
	    g_array_index(clock->is_broken, gboolean, number))
		return;
	counter = g_array_index(clock->counter->breaks, uint64_t, number);
	ticks = point->to - counter;
	if (ticks / slope >= point->from)
		return;
	g_array_index(clock->is_broken, gboolean, number) = TRUE;
	clock_map_add(clock->pairs->pdata[part], &(struct clock_point) {
		.from = point->from - (uint64_t)(ticks / slope), .to = counter,
		.error = point->error + (uint64_t)(ticks * BREAK_RATE),
		.number = point->number,
		.joint = CLOCK_BREAK,
	});
}

/* Whether packets of a type have pairs of their source's clock. */
static bool has_pair(uint32_t type)
{
	return type == VHT_PACKET_FTRACE || type == VHT_PACKET_LTTNG || type == VHT_PACKET_SPOOL;
}

/* The pairs (clock, counter) of a stream's packets. */
static void collect_pairs(struct source_clock *clock, const struct recording_stream *stream)
{
	struct clock_cursor place = { 0 };
	struct recording_cursor cursor;
	struct recording_packet packet;
	uint64_t before = UINT64_MAX;

	if (clock_map_is_empty(clock->counter->map) || is_counter(clock))
		return;
	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		const struct packet_header *header = &packet.header;
		struct clock_point point = {
			.from = header->clock, .to = header->counter,
			.error = header->counter_width, .number = header->sequence,
		};
		uint32_t part;

		if (!has_pair(header->type) || (!header->clock && !header->counter))
			continue;
		/* Packets that were taken at one time share a pair. */
		if (header->counter == before)
			continue;
		part = clock_map_part(clock->counter->map, header->counter, &place);
		add_break(clock, part, &point, before);
		before = header->counter;
		clock_map_add(clock->pairs->pdata[part], &point);
		clock->first_pair = MIN(clock->first_pair, header->clock);
	}
}

static void collect_looks(struct timebase *timebase, uint32_t epoch,
			  const struct recording_stream *stream);

/* A source's clock on all CPUs, or on this one if its counter is one of its own. */
static void collect_source(struct timebase *timebase,
			   const struct recording_generation *generation,
			   const struct recording_stream *stream)
{
	const struct epoch_map *epoch = find_epoch(timebase, generation->epoch);
	const char *name = stream->first_state.name;
	struct source_clock *clock = make_clock(timebase, generation, stream->source, name,
						VHT_CPU_NONE, &epoch->all);
	const struct counter_clock *counter;
	bool is_own;

	counter = counter_of_cpu(timebase, epoch, generation->generation, stream->cpu, &is_own);
	if (is_own)
		clock = make_clock(timebase, generation, stream->source, name, stream->cpu,
				   counter);
	collect_pairs(clock, stream);
}

static void collect_clocks(struct timebase *timebase)
{
	const GPtrArray *generations = timebase->vm->generations;

	for (guint i = 0; i < generations->len; i++) {
		const struct recording_generation *generation = g_ptr_array_index(generations, i);

		for (guint j = 0; j < generation->streams->len; j++) {
			const struct recording_stream *stream =
				g_ptr_array_index(generation->streams, j);

			if ((stream->source == VHT_SOURCE_FTRACE ||
			     stream->source == VHT_SOURCE_LTTNG ||
			     stream->source == VHT_SOURCE_SPOOL) &&
			    stream->clock != VHT_CLOCK_HOST_MONOTONIC)
				collect_source(timebase, generation, stream);
			else if (stream->source == VHT_SOURCE_WINDOW)
				collect_looks(timebase, generation->epoch, stream);
		}
	}
}

/* Whether no driver of the epoch had that clock before: events of its boot are in it. */
static bool is_from_boot(const struct timebase *timebase, const struct source_clock *clock)
{
	for (guint i = 0; i < timebase->clocks->len; i++) {
		const struct source_clock *other = g_ptr_array_index(timebase->clocks, i);

		if (other->generation->epoch == clock->generation->epoch &&
		    other->generation->generation < clock->generation->generation &&
		    other->source == clock->source && !strcmp(other->name, clock->name))
			return false;
	}
	return true;
}

/* From when to when an epoch was, as the VM's own stream has it. */
static bool epoch_span(const struct recording_vm *vm, uint32_t epoch, uint64_t *first,
		       uint64_t *last)
{
	struct recording_records it;
	struct clock_record record;
	struct vmm_event event;

	*first = UINT64_MAX;
	*last = 0;
	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_vmm_event(&it, &event))
		if (event.epoch == epoch) {
			*first = MIN(*first, event.mono_ns);
			*last = MAX(*last, event.mono_ns);
		}
	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_clock_record(&it, &record))
		if (record.epoch == epoch) {
			*first = MIN(*first, record.mono_ns);
			/* there is one a second */
			*last = MAX(*last, record.mono_ns + RECORD_PERIOD);
		}
	return *first <= *last;
}

/**
 * struct early - the beginning of a clock, as its events' times show it
 * @step: the latest time before the clock stepped back, 0: it did not
 * @tick: the latest time that is the tick's, 0 likewise
 */
struct early {
	uint64_t step;
	uint64_t tick;
};

static void look_at_page(struct early *early, const struct recording_packet *packet,
			 unsigned int long_size, uint64_t limit, uint64_t *latest)
{
	struct page_cursor page;
	struct page_event event;

	page_cursor_init(&page, packet->content, packet->header.content_size, long_size);
	while (page_cursor_next(&page, &event) && event.time < limit) {
		if (event.time + EARLY_STEP < *latest)
			early->step = MAX(early->step, *latest);
		if (event.time && event.time % EARLY_TICK == 0)
			early->tick = MAX(early->tick, event.time);
		*latest = MAX(*latest, event.time);
	}
}

/* Look at the times of a stream's events before @limit. */
static void look_at_stream(struct early *early, const struct recording_stream *stream,
			   unsigned int long_size, uint64_t limit)
{
	struct recording_cursor cursor;
	struct recording_packet packet;
	uint64_t latest = 0;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		bool is_window = packet.header.type == VHT_PACKET_WINDOW;

		if (!is_window && packet.header.type != VHT_PACKET_FTRACE)
			continue;
		if (packet.header.timestamp_begin >= limit)
			break;
		look_at_page(early, &packet, is_window ? 8 : long_size, limit, &latest);
	}
}

/* The beginning of a clock: in a driver's streams of that name (NULL: none), or a window's. */
static struct early look_early(const struct timebase *timebase, uint32_t epoch, const char *name,
			       uint64_t limit)
{
	const GPtrArray *generations = timebase->vm->generations;
	struct early early = { 0, 0 };

	for (guint i = 0; i < generations->len; i++) {
		const struct recording_generation *generation = generations->pdata[i];
		g_autofree char *long_size = NULL;

		if (generation->epoch != epoch)
			continue;
		long_size = recording_generation_env(generation, "long_size");
		for (guint j = 0; j < generation->streams->len; j++) {
			const struct recording_stream *stream = generation->streams->pdata[j];

			if (stream->source == VHT_SOURCE_WINDOW ||
			    (name && stream->source == VHT_SOURCE_FTRACE &&
			     !strcmp(stream->first_state.name, name)))
				look_at_stream(&early, stream, !g_strcmp0(long_size, "4") ? 4 : 8,
					       limit);
		}
	}
	return early;
}

/**
 * set_early - widen the bound of what a clock says of the kernel's beginning
 * @limit: from then on its times are trusted
 */
static void set_early(const struct timebase *timebase, struct clock_map *map, uint32_t epoch,
		      const char *name, uint64_t limit)
{
	struct early early = look_early(timebase, epoch, name, limit);
	uint64_t first, last;

	if (!epoch_span(timebase->vm, epoch, &first, &last))
		first = 0;
	if (early.step)
		clock_map_set_early(map, early.step + 1, EARLY_ERROR, first);
	else
		clock_map_set_early(map, limit, EARLY_ERROR, early.tick ? first : UINT64_MAX);
}

static void finish_clock(struct timebase *timebase, struct source_clock *clock)
{
	g_autofree char *what = clock->cpu == VHT_CPU_NONE ?
		g_strdup_printf("clock pair of %s in packet", clock->name) :
		g_strdup_printf("clock pair of %s, CPU %u, in packet", clock->name, clock->cpu);
	bool has_pairs = false;

	for (guint i = 0; i < clock->pairs->len; i++) {
		g_autoptr(GArray) dropped = g_array_new(FALSE, FALSE, sizeof(struct clock_dropped));
		uint32_t count = clock_map_finish(clock->pairs->pdata[i], dropped);

		warn_dropped(timebase, clock->generation->epoch, count, dropped, what, "ticks");
		has_pairs |= !clock_map_is_empty(clock->pairs->pdata[i]);
	}
	if (!has_pairs)
		return;
	clock->map = clock_map_compose((struct clock_map *const *)clock->pairs->pdata,
				       clock->counter->map);
	/* LTTng's is none that steps while the kernel begins */
	if (clock->source == VHT_SOURCE_FTRACE && is_from_boot(timebase, clock))
		set_early(timebase, clock->map, clock->generation->epoch, clock->name,
			  MIN(clock->first_pair, EARLY_END));
}

static void window_clock_free(void *data)
{
	struct window_clock *clock = data;

	g_array_unref(clock->lower);
	clock_map_free(clock->map);
	g_free(clock);
}

static struct window_clock *find_window(const struct timebase *timebase, uint32_t epoch,
					uint32_t kernel)
{
	for (guint i = 0; i < timebase->windows->len; i++) {
		struct window_clock *clock = g_ptr_array_index(timebase->windows, i);

		if (clock->epoch == epoch && clock->kernel == kernel)
			return clock;
	}
	return NULL;
}

static struct window_clock *make_window(struct timebase *timebase, uint32_t epoch, uint32_t kernel)
{
	struct window_clock *clock = find_window(timebase, epoch, kernel);

	/* a recording may say anything of its kernels */
	if (clock || timebase->windows->len >= MAX_WINDOW_CLOCKS)
		return clock;
	clock = g_new0(struct window_clock, 1);
	clock->epoch = epoch;
	clock->kernel = kernel;
	clock->first = UINT64_MAX;
	clock->upper = INT64_MAX;
	clock->lower = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_ptr_array_add(timebase->windows, clock);
	return clock;
}

/* What the looks of the recorder say of a window's clock. */
static void collect_looks(struct timebase *timebase, uint32_t epoch,
			  const struct recording_stream *stream)
{
	struct window_clock *clock = make_window(timebase, epoch, 0);
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct window_meta meta;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		const struct packet_header *header = &packet.header;
		int64_t lower;

		if (header->type == VHT_PACKET_WINDOW_META &&
		    window_meta_parse(packet.content, header->content_size, &meta))
			clock = make_window(timebase, epoch, meta.kernel);
		if (header->type != VHT_PACKET_WINDOW || !clock)
			continue;
		clock->first = MIN(clock->first, header->timestamp_begin);
		clock->last = MAX(clock->last, header->timestamp_end);
		if (!header->seen_before)
			continue;
		lower = (int64_t)(header->seen_after - header->timestamp_end);
		clock->upper = MIN(clock->upper,
				   (int64_t)(header->seen_before - header->timestamp_end));
		g_array_append_val(clock->lower, lower);
	}
}

/* One difference over the whole window; the clocks' rates are not quite the same. */
static void make_window_map(struct window_clock *clock, int64_t lower)
{
	uint64_t half = (uint64_t)(clock->upper - lower) / 2;
	uint64_t difference = (uint64_t)lower + half;
	struct clock_point point = {
		.from = clock->first, .to = clock->first + difference,
		.error = half + (clock->last - clock->first) / 100000,
	};

	clock->map = clock_map_new(1, 0);
	clock_map_add(clock->map, &point);
	if (clock->last > clock->first) {
		point.from = clock->last;
		point.to = clock->last + difference;
		clock_map_add(clock->map, &point);
	}
	clock_map_finish(clock->map, NULL);
}

static void finish_window(const struct timebase *timebase, struct window_clock *clock)
{
	uint64_t first, last;
	int64_t lower = INT64_MIN;

	if (clock->first > clock->last)
		return;
	/* a look may be earlier than the time of an event that came later: a delay */
	for (guint i = 0; i < clock->lower->len; i++) {
		int64_t bound = g_array_index(clock->lower, int64_t, i);

		if (bound <= clock->upper)
			lower = MAX(lower, bound);
	}
	if (epoch_span(timebase->vm, clock->epoch, &first, &last)) {
		int64_t from = (int64_t)(first - clock->first);
		int64_t to = (int64_t)(last - clock->last);

		if (clock->upper == INT64_MAX)
			clock->upper = MAX(to, from);
		if (from <= clock->upper)
			lower = MAX(lower, from);
	}
	if (clock->upper == INT64_MAX || lower == INT64_MIN)
		return;
	make_window_map(clock, lower);
	set_early(timebase, clock->map, clock->epoch, NULL, MIN(EARLY_END, clock->last));
}

/* A driver's clock in the same epoch that is the window's. */
static const struct source_clock *driver_clock(const struct timebase *timebase, uint32_t epoch)
{
	for (guint i = 0; i < timebase->clocks->len; i++) {
		const struct source_clock *clock = g_ptr_array_index(timebase->clocks, i);

		if (clock->generation->epoch == epoch && clock->source == VHT_SOURCE_FTRACE &&
		    clock->map && clock->kind && !strcmp(clock->kind, "local"))
			return clock;
	}
	return NULL;
}

/* The driver's clock that a window's is known by, if it is. */
static const struct source_clock *window_driver(const struct timebase *timebase, uint32_t epoch)
{
	/* with two kernels nobody knows whose driver it was */
	return find_window(timebase, epoch, 1) ? NULL : driver_clock(timebase, epoch);
}

const struct clock_map *timebase_window_map(const struct timebase *timebase, uint32_t epoch,
					    uint32_t kernel)
{
	const struct window_clock *clock = find_window(timebase, epoch, kernel);
	const struct source_clock *driver = window_driver(timebase, epoch);

	if (driver)
		return driver->map;
	return clock && clock->map && !clock_map_is_empty(clock->map) ? clock->map : NULL;
}

/* Under KVM vCPUs have an id there. */
static bool is_under_kvm(const struct vcpu_map *vcpus)
{
	for (uint32_t i = 0; i < vcpu_map_count(vcpus); i++)
		if (vcpu_map_at(vcpus, i)->kvm_id != VHT_CPU_NONE)
			return true;
	return false;
}

struct timebase *timebase_new(const struct recording_vm *vm, GPtrArray *warnings)
{
	struct timebase *timebase = g_new0(struct timebase, 1);

	timebase->vm = vm;
	timebase->warnings = warnings;
	timebase->vcpus = vcpu_map_new(vm);
	timebase->is_kvm = is_under_kvm(timebase->vcpus);
	timebase->counter_hz = vm->counter_hz;
	timebase->clocks = g_ptr_array_new_with_free_func(source_clock_free);
	timebase->epochs = g_ptr_array_new_with_free_func(epoch_map_free);
	timebase->windows = g_ptr_array_new_with_free_func(window_clock_free);
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(vm->generations, i);

		add_epoch(timebase, generation->epoch);
	}
	collect_records(timebase);
	for (guint i = 0; i < timebase->epochs->len; i++)
		make_counters(timebase, g_ptr_array_index(timebase->epochs, i));
	/* All pairs of an epoch are needed before the first stream of it is mapped. */
	collect_clocks(timebase);
	for (guint i = 0; i < timebase->clocks->len; i++)
		finish_clock(timebase, g_ptr_array_index(timebase->clocks, i));
	for (guint i = 0; i < timebase->windows->len; i++)
		finish_window(timebase, g_ptr_array_index(timebase->windows, i));
	return timebase;
}

void timebase_free(struct timebase *timebase)
{
	if (!timebase)
		return;
	g_ptr_array_unref(timebase->clocks);
	g_ptr_array_unref(timebase->epochs);
	g_ptr_array_unref(timebase->windows);
	vcpu_map_free(timebase->vcpus);
	g_free(timebase);
}

const struct vcpu_map *timebase_vcpus(const struct timebase *timebase)
{
	return timebase->vcpus;
}

/**
 * struct way - a stream's way to the host's clock
 * @map: NULL if there is none
 * @first_pair: UINT64_MAX if no pairs are involved
 */
struct way {
	const struct clock_map *map;
	const char *method;
	uint64_t first_pair;
};

static struct way counter_way(const struct counter_clock *counter)
{
	if (clock_map_is_empty(counter->map))
		return (struct way) { NULL, "none", UINT64_MAX };
	return (struct way) { counter->map, counter_methods[counter->method], UINT64_MAX };
}

static struct way source_way(const struct source_clock *clock)
{
	return (struct way) { clock->map, pair_methods[clock->counter->method], clock->first_pair };
}

static struct way find_way(const struct timebase *timebase, uint32_t epoch,
			   const struct recording_stream *stream)
{
	const struct way none = { NULL, "none", UINT64_MAX };
	const struct recording_generation *generation = find_generation(timebase->vm, stream);
	const struct epoch_map *records = find_epoch(timebase, epoch);
	const struct source_clock *clock;
	const struct counter_clock *counter;
	bool is_own;

	if (!generation || !records)
		return none;
	counter = counter_of_cpu(timebase, records, generation->generation, stream->cpu, &is_own);
	if (stream->clock == VHT_CLOCK_COUNTER || stream->source == VHT_SOURCE_HEARTBEAT)
		return counter_way(counter);
	if (stream->source == VHT_SOURCE_WINDOW) {
		clock = window_driver(timebase, epoch);
		if (clock)
			return source_way(clock);
		return (struct way) { timebase_window_map(timebase, epoch, 0), "looks", UINT64_MAX };
	}
	/* the clock is the counter: no measurement needed */
	clock = find_clock(timebase, generation, stream->source, stream->first_state.name,
			   VHT_CPU_NONE);
	if (clock && is_counter(clock))
		return counter_way(counter);
	clock = source_clock_of(timebase, epoch, stream);
	return clock ? source_way(clock) : none;
}

const struct clock_map *timebase_map(const struct timebase *timebase, uint32_t epoch,
				     const struct recording_stream *stream)
{
	return find_way(timebase, epoch, stream).map;
}

/* First and last time of a stream's packets, in its own clock. */
static bool raw_span(const struct recording_stream *stream, uint64_t *first, uint64_t *last)
{
	struct recording_cursor cursor;
	struct recording_packet packet;

	*first = UINT64_MAX;
	*last = 0;
	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type == VHT_PACKET_STATE ||
		    (!packet.header.timestamp_begin && !packet.header.timestamp_end))
			continue;
		*first = MIN(*first, packet.header.timestamp_begin);
		*last = MAX(*last, packet.header.timestamp_end);
	}
	return *first <= *last;
}

struct timebase_quality timebase_quality(const struct timebase *timebase, uint32_t epoch,
					 const struct recording_stream *stream)
{
	struct timebase_quality result = { "host", 0, 0, 0 };
	uint64_t first, last, early_end;
	struct way way;

	if (stream->clock == VHT_CLOCK_HOST_MONOTONIC || stream->source == VHT_SOURCE_VMM)
		return result;
	way = find_way(timebase, epoch, stream);
	if (!way.map)
		return (struct timebase_quality) { "none", UINT64_MAX, UINT64_MAX, 0 };
	result.method = way.method;
	if (!raw_span(stream, &first, &last))
		return result;
	result.bound_ns = clock_map_worst_bound(way.map, first, last);
	result.steady_ns = result.bound_ns;
	early_end = clock_map_early_end(way.map);
	if (way.first_pair > first && way.first_pair <= last)
		result.first_pair = way.first_pair;
	if (early_end > first && early_end <= last)
		result.steady_ns = clock_map_worst_bound(way.map, early_end, last);
	return result;
}

const char *timebase_describe(const struct timebase *timebase, uint32_t epoch,
			      const struct recording_stream *stream, uint64_t *bound_ns)
{
	struct timebase_quality quality = timebase_quality(timebase, epoch, stream);

	*bound_ns = quality.bound_ns;
	return quality.method;
}

/* The first and the last time of a stream that has a way. */
static void map_span(const struct clock_map *map, const struct recording_stream *stream,
		     uint64_t *first_ns, uint64_t *last_ns)
{
	struct clock_cursor place = { 0 };
	struct recording_cursor cursor;
	struct recording_packet packet;

	*first_ns = UINT64_MAX;
	*last_ns = 0;
	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		const struct packet_header *header = &packet.header;

		if (header->type == VHT_PACKET_STATE ||
		    (!header->timestamp_begin && !header->timestamp_end))
			continue;
		*first_ns = MIN(*first_ns, clock_map_apply(map, header->timestamp_begin, &place));
		*last_ns = MAX(*last_ns, clock_map_apply(map, header->timestamp_end, &place));
	}
}

bool timebase_span(const struct timebase *timebase, uint32_t epoch,
		   const struct recording_stream *stream, uint64_t *first_ns, uint64_t *last_ns)
{
	const struct clock_map *map;
	uint64_t first, last;

	if (!raw_span(stream, &first, &last))
		return false;
	if (stream->clock == VHT_CLOCK_HOST_MONOTONIC) {
		*first_ns = first;
		*last_ns = last;
		return true;
	}
	map = timebase_map(timebase, epoch, stream);
	if (!map)
		return false;
	map_span(map, stream, &first, &last);
	*first_ns = first;
	*last_ns = MAX(first, last);
	return true;
}
