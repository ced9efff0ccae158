// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's counter; see counter.h.
 *
 * Clock records are in the order in which the device wrote them. Of those of an
 * epoch what cannot be is dropped first: times of one vCPU that go back, errors that
 * say nothing. What is left makes the maps.
 */
#include "counter.h"

#include <inttypes.h>
#include <math.h>

#include "epochs.h"
#include "rising.h"

/* A record that knows its moment no better than this says nothing. */
#define ABSURD_ERROR	1000000000U
/* A jump of the counter by less than that (ns) is no jump. */
#define SURE_JUMP	500
/* Of an epoch's records those that are kept; more are thinned out. */
#define MAX_RECORDS	65536
/* Maps of single vCPUs, of all epochs ... */
#define MAX_VCPU_CLOCKS	4096
/* ... and of the records that are in them, counted once for each map. */
#define MAX_VCPU_POINTS	2000000
/* What a bad record is told with; of many only some. */
#define MAX_COMPLAINTS	8

/* A clock record of an epoch. */
struct record {
	struct clock_record pub;
	uint64_t number;		/* among all of the VM, from 1 */
	bool is_dropped;
};

/* The guest's counter in one epoch. */
struct epoch_map {
	uint32_t epoch;
	GArray *records;		/* struct record; NULL once the maps are made */
	uint64_t thinned;		/* records that there was no room for */
	uint64_t apart_ns;		/* since when not all counters are the same */
	struct counter_clock all;
	GHashTable *vcpus;		/* vCPU index -> struct counter_clock * */
};

struct counters {
	const struct recording_vm *vm;
	const struct vcpu_map *vcpus;
	GPtrArray *warnings;
	uint64_t hz;
	bool is_kvm;			/* the counter is the host's, with an offset */
	uint32_t vcpu_clocks;		/* maps of single vCPUs, in all epochs ... */
	uint64_t vcpu_points;		/* ... and records in them */
	GPtrArray *epochs;		/* struct epoch_map * */
};

void counters_warn(const struct recording_vm *vm, GPtrArray *warnings, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	if (!warnings)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(warnings, g_strdup_printf("%s: %s", vm->name, text));
}

void counters_warn_dropped(const struct recording_vm *vm, GPtrArray *warnings, uint32_t epoch,
			   uint32_t count, const GArray *dropped, const char *what,
			   const char *unit)
{
	guint told = MIN(dropped->len, MAX_COMPLAINTS);

	for (guint i = 0; i < told; i++) {
		const struct clock_dropped *point = &g_array_index(dropped, struct clock_dropped, i);
		g_autofree char *off = g_strdup_printf("it lies %.0f %s off its neighbours' line",
						       point->off, unit);

		counters_warn(vm, warnings, "%s %" PRIu64 " (epoch %u) is not used: %s", what,
			      point->number, epoch, point->fault == CLOCK_FAULT_OFF ? off :
			      "time would go back with it");
	}
	if (count > told)
		counters_warn(vm, warnings, "%u more of that kind (%s, epoch %u) are not used",
			      count - told, what, epoch);
}

/* Each fault is told once, however many maps the record is in. */
static void warn_record(struct counters *counters, const struct record *record, const char *why)
{
	counters_warn(counters->vm, counters->warnings,
		      "clock record %" PRIu64 " (epoch %u) is not used: %s", record->number,
		      record->pub.epoch, why);
}

static void counter_clock_fini(struct counter_clock *clock)
{
	g_clear_pointer(&clock->stops, g_array_unref);
	clock_map_free(clock->map);
}

static void counter_clock_free(void *data)
{
	counter_clock_fini(data);
	g_free(data);
}

static void epoch_map_free(void *data)
{
	struct epoch_map *epoch = data;

	if (epoch->records)
		g_array_unref(epoch->records);
	counter_clock_fini(&epoch->all);
	g_hash_table_unref(epoch->vcpus);
	g_free(epoch);
}

static struct epoch_map *find_epoch(const struct counters *counters, uint32_t number)
{
	for (guint i = 0; i < counters->epochs->len; i++) {
		struct epoch_map *epoch = g_ptr_array_index(counters->epochs, i);

		if (epoch->epoch == number)
			return epoch;
	}
	return NULL;
}

static void add_epoch(struct counters *counters, uint32_t number)
{
	struct epoch_map *epoch;

	if (find_epoch(counters, number))
		return;
	epoch = g_new0(struct epoch_map, 1);
	epoch->epoch = number;
	epoch->apart_ns = UINT64_MAX;
	epoch->records = g_array_new(FALSE, FALSE, sizeof(struct record));
	epoch->vcpus = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL,
					     counter_clock_free);
	g_ptr_array_add(counters->epochs, epoch);
}

/* Of the periodic ones of each vCPU every second goes. */
static void thin_records(struct epoch_map *epoch)
{
	GArray *records = epoch->records;
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
	kept = MIN(kept, MAX_RECORDS * 3 / 4);
	epoch->thinned += records->len - kept;
	g_array_set_size(records, kept);
}

static void warn_strangers(struct counters *counters, uint64_t count, const struct record *first)
{
	g_autofree char *why = NULL;

	if (!count || epoch_has_events(counters->vm, first->pub.epoch))
		return;
	why = g_strdup_printf("nothing else is of that epoch%s", count > 1 ?
			      ", and that is not the only one" : "");
	warn_record(counters, first, why);
}

static void collect_records(struct counters *counters)
{
	struct recording_records it;
	struct record record = { .number = 0 }, stranger = { .number = 0 };
	uint64_t strangers = 0;

	recording_records_init(&it, counters->vm->vmm_stream);
	while (recording_next_clock_record(&it, &record.pub)) {
		struct epoch_map *epoch = find_epoch(counters, record.pub.epoch);

		record.number++;
		if (!epoch) {
			if (!strangers++)
				stranger = record;
			continue;
		}
		if (!counters->hz)
			counters->hz = record.pub.counter_hz;
		if (epoch->records->len >= MAX_RECORDS)
			thin_records(epoch);
		g_array_append_val(epoch->records, record);
	}
	warn_strangers(counters, strangers, &stranger);
}

/* Bad records, of which only some are told one by one. */
struct complaints {
	struct counters *counters;
	uint32_t count;
};

static void complain(struct complaints *complaints, struct record *record, const char *why)
{
	record->is_dropped = true;
	if (complaints->count++ < MAX_COMPLAINTS)
		warn_record(complaints->counters, record, why);
}

/* Of the records of one vCPU, or of all, those that are in their order. */
static void drop_unordered_of(struct record *r, const GArray *places, struct complaints *complaints)
{
	uint64_t *values = g_new(uint64_t, places->len + 1);
	bool *is_kept;

	for (guint i = 0; i < places->len; i++)
		values[i] = r[g_array_index(places, guint, i)].pub.mono_ns;
	is_kept = rising_run(values, places->len, true);
	for (guint i = 0; i < places->len; i++)
		if (!is_kept[i])
			complain(complaints, &r[g_array_index(places, guint, i)],
				 "it is from before the records before it, or after those after it");
	g_free(is_kept);
	g_free(values);
}

/* vCPUs are asked one after the other, and may be told in another order. */
static void drop_unordered(GArray *records, struct complaints *complaints)
{
	GHashTable *cpus = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL,
						 (GDestroyNotify)g_array_unref);
	struct record *r = (struct record *)records->data;
	GHashTableIter iter;
	void *value;

	for (guint i = 0; i < records->len; i++) {
		void *key = GUINT_TO_POINTER(r[i].pub.cpu);
		GArray *places = g_hash_table_lookup(cpus, key);

		if (r[i].is_dropped)
			continue;
		if (!places) {
			places = g_array_new(FALSE, FALSE, sizeof(guint));
			g_hash_table_insert(cpus, key, places);
		}
		g_array_append_val(places, i);
	}
	g_hash_table_iter_init(&iter, cpus);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		drop_unordered_of(r, value, complaints);
	g_hash_table_unref(cpus);
}

static bool is_other_clock(const struct record *a, const struct record *b)
{
	return a->pub.host_counter && b->pub.host_counter &&
	       (a->pub.offset != b->pub.offset || a->pub.scale != b->pub.scale);
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

static void clean_records(struct counters *counters, struct epoch_map *epoch)
{
	struct complaints complaints = { counters, 0 };
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
		counters_warn(counters->vm, counters->warnings,
			      "and %u clock records more of epoch %u are not used",
			      complaints.count - MAX_COMPLAINTS, epoch->epoch);
}

/*
 * Whether the counter was set by more than what is unsure of it: an offset may
 * have been told better than before.
 */
static bool is_set(const struct counters *counters, const struct record *a,
		   const struct record *b)
{
	int64_t jump = (int64_t)(b->pub.offset - a->pub.offset);
	double ns;

	if (!is_other_clock(a, b))
		return b->pub.reason == VHT_CLOCK_REASON_CHANGED &&
		       !(a->pub.host_counter && b->pub.host_counter);
	if (a->pub.scale != b->pub.scale || !counters->hz)
		return true;
	ns = fabs((double)jump) * 1e9 / counters->hz;
	return ns > SURE_JUMP + a->pub.error_ns + b->pub.error_ns;
}

/* Ticks of the counter that two records leave open. */
static double unsure_ticks(const struct counters *counters, const struct record *a,
			   const struct record *b)
{
	return (SURE_JUMP + (double)a->pub.error_ns + b->pub.error_ns) * counters->hz / 1e9;
}

/* Whether the VM stood before a record: it begins a running phase. */
static bool is_after_stop(const struct record *record)
{
	switch (record->pub.reason) {
	case VHT_CLOCK_REASON_START:
		/* of one vCPU: it came, and the VM ran on */
		return record->pub.cpu == VHT_CPU_NONE;
	case VHT_CLOCK_REASON_RESUME:
	case VHT_CLOCK_REASON_MIGRATION:
	case VHT_CLOCK_REASON_RESET:
		return true;
	default:
		return false;
	}
}

/*
 * Where the VM stood, a line ends; where the counter was set while it ran, nobody knows
 * when. A counter that stood may have been told a little better before.
 */
static void join_record(const struct counters *counters, const struct record *before,
			const struct record *record, struct clock_point *point)
{
	point->is_stop = before && is_after_stop(record);
	if (!is_after_stop(record)) {
		if (before && is_set(counters, before, record))
			point->joint = CLOCK_JUMP;
		return;
	}
	point->joint = CLOCK_BREAK;
	/* KVM's goes on while the VM stands, but for what it was set by */
	if (before && counters->is_kvm && is_set(counters, before, record))
		point->joint = CLOCK_JUMP;
	if (!before || record->pub.counter >= before->pub.counter || point->joint == CLOCK_JUMP)
		return;
	if (before->pub.counter - record->pub.counter <= unsure_ticks(counters, before, record))
		point->from = before->pub.counter;
	else
		point->joint = CLOCK_JUMP;
}

/*
 * A source's clock may have stood with the VM. Without a record of the stop that was at
 * some time since the record before; a counter of the VMM's own stood too, so that nothing
 * is unsure.
 */
static void add_stop(const struct counters *counters, const struct record *before,
		     const struct record *record, struct counter_clock *clock)
{
	struct clock_stop stop = {
		record->pub.mono_ns, record->pub.mono_ns, record->pub.mono_ns,
	};

	if (before->pub.reason == VHT_CLOCK_REASON_STOP)
		stop.begin = before->pub.mono_ns;
	if (counters->is_kvm || before->pub.reason == VHT_CLOCK_REASON_STOP)
		stop.begin_min = before->pub.mono_ns;
	g_array_append_val(clock->stops, stop);
}

static void begin_counter(const struct counters *counters, struct counter_clock *clock)
{
	counter_clock_fini(clock);
	*clock = (struct counter_clock) {
		.map = clock_map_new(counters->hz ? 1e9 / counters->hz : 0, 0),
		.stops = g_array_new(FALSE, FALSE, sizeof(struct clock_stop)),
	};
}

/* Whether a vCPU comes with a record that was not there before. */
static bool is_new_vcpu(const struct counters *counters, const struct record *record)
{
	if (record->pub.reason != VHT_CLOCK_REASON_START || record->pub.cpu == VHT_CPU_NONE)
		return false;
	for (uint32_t i = 0; i < vcpu_map_count(counters->vcpus); i++) {
		const struct vcpu *vcpu = vcpu_map_at(counters->vcpus, i);

		if (vcpu->index == record->pub.cpu && vcpu->to_ns <= record->pub.mono_ns)
			return false;
	}
	return true;
}

static void add_method(const struct counters *counters, const struct record *record,
		       struct counter_clock *clock)
{
	if (record->pub.kind == VHT_CLOCK_KIND_POINT)
		clock->method = METHOD_POINTS;
	else if (clock->method != METHOD_POINTS && record->pub.host_counter && counters->is_kvm)
		clock->method = METHOD_TSC_OFFSET;
	else if (clock->method == METHOD_NONE)
		clock->method = METHOD_TICKS;
}

static void add_record(const struct counters *counters, const struct record *before,
		       const struct record *record, struct counter_clock *clock)
{
	struct clock_point point = {
		.from = record->pub.counter, .to = record->pub.mono_ns,
		.error = record->pub.error_ns, .number = record->number,
		.is_lone = record->pub.kind == VHT_CLOCK_KIND_POINT,
	};

	join_record(counters, before, record, &point);
	clock_map_add(clock->map, &point);
	if (point.is_stop)
		add_stop(counters, before, record, clock);
	/* what a guest has from before its state was loaded is of another time */
	if (!before && record->pub.reason == VHT_CLOCK_REASON_MIGRATION)
		clock_map_set_origin(clock->map);
	add_method(counters, record, clock);
}

static gint compare_stops(gconstpointer a, gconstpointer b)
{
	const struct clock_stop *left = a, *right = b;

	return left->end < right->end ? -1 : left->end > right->end;
}

/* Records of all and of one may say the same, or overlap. */
static void sort_stops(GArray *stops)
{
	struct clock_stop *s = (struct clock_stop *)stops->data;
	guint kept = 0;

	g_array_sort(stops, compare_stops);
	for (guint i = 0; i < stops->len; i++) {
		uint64_t before = kept ? s[kept - 1].end : 0;

		if (kept && s[i].end <= before)
			continue;
		s[kept] = s[i];
		s[kept].begin = CLAMP(s[i].begin, before, s[i].end);
		s[kept].begin_min = CLAMP(s[i].begin_min, before, s[kept].begin);
		kept++;
	}
	g_array_set_size(stops, kept);
}

static void finish_counter(struct counters *counters, const struct epoch_map *epoch, uint32_t cpu,
			   struct counter_clock *clock)
{
	g_autoptr(GArray) dropped = g_array_new(FALSE, FALSE, sizeof(struct clock_dropped));
	g_autofree char *what = cpu == VHT_CPU_NONE ? g_strdup("clock record") :
				g_strdup_printf("vCPU %u: clock record", cpu);
	uint32_t count = clock_map_finish(clock->map, dropped);

	sort_stops(clock->stops);
	counters_warn_dropped(counters->vm, counters->warnings, epoch->epoch, count, dropped, what,
			      "ns");
}

/**
 * make_counter - the map of one vCPU's counter
 * @cpu: its index; VHT_CPU_NONE: only of the records that are of all
 */
static void make_counter(struct counters *counters, struct epoch_map *epoch, uint32_t cpu,
			 struct counter_clock *clock)
{
	const struct record *before = NULL;
	bool has_own = false;

	begin_counter(counters, clock);
	for (guint i = 0; i < epoch->records->len; i++) {
		const struct record *record = &g_array_index(epoch->records, struct record, i);

		if (record->pub.cpu != VHT_CPU_NONE && record->pub.cpu != cpu)
			continue;
		/* what is of all so far was not of one that comes only now */
		if (!has_own && is_new_vcpu(counters, record)) {
			begin_counter(counters, clock);
			before = NULL;
		}
		has_own |= record->pub.cpu == cpu;
		add_record(counters, before, record, clock);
		before = record;
	}
	finish_counter(counters, epoch, cpu, clock);
}

static void make_vcpu_counter(struct counters *counters, struct epoch_map *epoch, uint32_t cpu)
{
	struct counter_clock *clock;

	if (cpu == VHT_CPU_NONE || counters->vcpu_clocks >= MAX_VCPU_CLOCKS ||
	    g_hash_table_contains(epoch->vcpus, GUINT_TO_POINTER(cpu)))
		return;
	counters->vcpu_points += epoch->records->len;
	if (counters->vcpu_points > MAX_VCPU_POINTS) {
		counters_warn(counters->vm, counters->warnings,
			      "too many clock records of single vCPUs: those of vCPU %u and others "
			      "of epoch %u are not used", cpu, epoch->epoch);
		counters->vcpu_clocks = MAX_VCPU_CLOCKS;
		return;
	}
	clock = g_new0(struct counter_clock, 1);
	make_counter(counters, epoch, cpu, clock);
	g_hash_table_insert(epoch->vcpus, GUINT_TO_POINTER(cpu), clock);
	if (++counters->vcpu_clocks == MAX_VCPU_CLOCKS)
		counters_warn(counters->vm, counters->warnings,
			      "clock records of more than %u vCPUs: the rest are not used",
			      MAX_VCPU_CLOCKS);
}

/* Where many vCPUs have clocks, each of many records: fewer will do. */
static void fit_records(const struct counters *counters, struct epoch_map *epoch)
{
	GArray *records = epoch->records;
	GHashTable *cpus = g_hash_table_new(g_direct_hash, g_direct_equal);
	uint64_t count, room = MAX_VCPU_POINTS - MIN(counters->vcpu_points, MAX_VCPU_POINTS);
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
			thin_records(epoch);
	} while (records->len < before);
}

/*
 * When the first record came that is of one vCPU and not what another one has. It was set
 * at some time since the record before.
 */
static void find_apart(const struct counters *counters, struct epoch_map *epoch)
{
	const struct record *r = (const struct record *)epoch->records->data;
	const struct record *before = NULL;

	for (guint i = 0; i < epoch->records->len && counters->is_kvm; i++) {
		if (before && is_other_clock(before, &r[i]) &&
		    (r[i].pub.cpu != VHT_CPU_NONE || before->pub.cpu != VHT_CPU_NONE)) {
			epoch->apart_ns = before->pub.mono_ns;
			return;
		}
		if (r[i].pub.host_counter)
			before = &r[i];
	}
}

static void make_counters(struct counters *counters, struct epoch_map *epoch)
{
	uint32_t any = VHT_CPU_NONE;

	clean_records(counters, epoch);
	find_apart(counters, epoch);
	fit_records(counters, epoch);
	if (epoch->thinned)
		counters_warn(counters->vm, counters->warnings,
			      "%" PRIu64 " clock records of epoch %u are not used: there are too many",
			      epoch->thinned, epoch->epoch);
	for (guint i = 0; i < epoch->records->len; i++) {
		uint32_t cpu = g_array_index(epoch->records, struct record, i).pub.cpu;

		make_vcpu_counter(counters, epoch, cpu);
		any = MIN(any, cpu);
	}
	make_counter(counters, epoch, VHT_CPU_NONE, &epoch->all);
	/* each record names a vCPU: who is none of them has the first one's clock */
	if (clock_map_is_empty(epoch->all.map) && any != VHT_CPU_NONE) {
		make_counter(counters, epoch, any, &epoch->all);
	}
	g_clear_pointer(&epoch->records, g_array_unref);
}

/* Under KVM vCPUs have an id there. */
static bool is_under_kvm(const struct vcpu_map *vcpus)
{
	for (uint32_t i = 0; i < vcpu_map_count(vcpus); i++)
		if (vcpu_map_at(vcpus, i)->kvm_id != VHT_CPU_NONE)
			return true;
	return false;
}

struct counters *counters_new(const struct recording_vm *vm, const struct vcpu_map *vcpus,
			      GPtrArray *warnings)
{
	struct counters *counters = g_new0(struct counters, 1);

	counters->vm = vm;
	counters->vcpus = vcpus;
	counters->warnings = warnings;
	counters->is_kvm = is_under_kvm(vcpus);
	counters->hz = vm->counter_hz;
	counters->epochs = g_ptr_array_new_with_free_func(epoch_map_free);
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *generation = vm->generations->pdata[i];

		add_epoch(counters, generation->epoch);
	}
	collect_records(counters);
	for (guint i = 0; i < counters->epochs->len; i++)
		make_counters(counters, counters->epochs->pdata[i]);
	return counters;
}

void counters_free(struct counters *counters)
{
	if (!counters)
		return;
	g_ptr_array_unref(counters->epochs);
	g_free(counters);
}

uint64_t counters_apart_ns(const struct counters *counters, uint32_t epoch)
{
	const struct epoch_map *map = find_epoch(counters, epoch);

	return map ? map->apart_ns : UINT64_MAX;
}

uint64_t counters_hz(const struct counters *counters)
{
	return counters->hz;
}

const struct counter_clock *counters_of_cpu(const struct counters *counters, uint32_t epoch,
					    uint32_t generation, uint32_t cpu, bool *is_own)
{
	const struct epoch_map *map = find_epoch(counters, epoch);
	const struct counter_clock *clock = NULL;
	uint32_t index;

	*is_own = false;
	if (!map)
		return NULL;
	if (g_hash_table_size(map->vcpus) && cpu != VHT_CPU_NONE &&
	    vcpu_map_of_cpu(counters->vcpus, epoch, generation, cpu, &index) != VCPU_UNKNOWN)
		clock = g_hash_table_lookup(map->vcpus, GUINT_TO_POINTER(index));
	*is_own = clock && !clock_map_is_empty(clock->map);
	return *is_own ? clock : &map->all;
}
