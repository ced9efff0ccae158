// SPDX-License-Identifier: GPL-2.0-only
/* The times of one VM; see timebase.h. */
#include "timebase.h"

#include "wire/window.h"

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

/* Kernels of all windows together. */
#define MAX_WINDOW_CLOCKS	4096

/*
 * The clock of one source while one driver lived. From one driver to the next it
 * may have stood still: in a guest that was suspended it did.
 */
struct source_clock {
	const struct recording_generation *generation;
	char *name;
	struct clock_map *pairs;	/* source clock -> counter */
	struct clock_map *map;		/* source clock -> host; NULL if unknown */
};

/* The guest's counter in one epoch. */
struct epoch_map {
	uint32_t epoch;
	struct clock_map *map;		/* counter -> host */
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
	GPtrArray *clocks;		/* struct source_clock * */
	GPtrArray *epochs;		/* struct epoch_map * */
	GPtrArray *windows;		/* struct window_clock * */
};

static void source_clock_free(void *data)
{
	struct source_clock *clock = data;

	g_free(clock->name);
	clock_map_free(clock->pairs);
	clock_map_free(clock->map);
	g_free(clock);
}

static void epoch_map_free(void *data)
{
	struct epoch_map *epoch = data;

	clock_map_free(epoch->map);
	g_free(epoch);
}

static void warn_dropped(struct timebase *timebase, uint32_t dropped, const char *what,
			 uint32_t epoch)
{
	if (dropped && timebase->warnings)
		g_ptr_array_add(timebase->warnings, g_strdup_printf(
			"%s: %s in epoch %u that contradict the others: %u, not used",
			timebase->vm->name, what, epoch, dropped));
}

/* The name that trace_clock gives to a source's clock; NULL if nothing says. */
static char *source_clock_name(const struct recording_generation *generation, const char *name)
{
	g_autofree char *key = g_strdup_printf("source.%s.clock", name);

	return recording_generation_env(generation, key);
}

static struct source_clock *find_clock(const struct timebase *timebase,
				       const struct recording_generation *generation,
				       const char *name)
{
	for (guint i = 0; i < timebase->clocks->len; i++) {
		struct source_clock *clock = g_ptr_array_index(timebase->clocks, i);

		if (clock->generation == generation && !strcmp(clock->name, name))
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

/* The map of a source's clock; of another driver's time where this one has none. */
static const struct clock_map *source_map(const struct timebase *timebase, uint32_t epoch,
					  const struct recording_stream *stream)
{
	const char *name = stream->first_state.name;
	const struct source_clock *clock =
		find_clock(timebase, find_generation(timebase->vm, stream), name);

	if (clock && clock->map)
		return clock->map;
	for (guint i = 0; i < timebase->clocks->len; i++) {
		clock = g_ptr_array_index(timebase->clocks, i);
		if (clock->generation->epoch == epoch && clock->map && !strcmp(clock->name, name))
			return clock->map;
	}
	return NULL;
}

static struct source_clock *make_clock(struct timebase *timebase,
				       const struct recording_generation *generation,
				       const char *name)
{
	struct source_clock *clock = find_clock(timebase, generation, name);
	g_autofree char *kind = NULL;
	bool is_counter;
	double slope = 0;

	if (clock)
		return clock;
	kind = source_clock_name(generation, name);
	for (size_t i = 0; kind && i < G_N_ELEMENTS(ns_clocks); i++)
		if (!strcmp(kind, ns_clocks[i]))
			slope = timebase->vm->counter_hz / 1e9;
	is_counter = kind && !strcmp(kind, "x86-tsc");
	if (is_counter)
		slope = 1;
	clock = g_new0(struct source_clock, 1);
	clock->generation = generation;
	clock->name = g_strdup(name);
	clock->pairs = clock_map_new(slope, PAIR_SPACING);
	/* The clock is the counter: no measurement needed. */
	if (is_counter)
		clock_map_add(clock->pairs, 0, 0, 0, false);
	g_ptr_array_add(timebase->clocks, clock);
	return clock;
}

/* The pairs (clock, counter) of a stream's packets. */
static void collect_pairs(struct source_clock *clock, const struct recording_stream *stream)
{
	struct recording_cursor cursor;
	struct recording_packet packet;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet))
		if (packet.header.type == VHT_PACKET_FTRACE &&
		    (packet.header.clock || packet.header.counter))
			clock_map_add(clock->pairs, packet.header.clock, packet.header.counter,
				      packet.header.counter_width, false);
}

static void collect_looks(struct timebase *timebase, uint32_t epoch,
			  const struct recording_stream *stream);

static void collect_clocks(struct timebase *timebase)
{
	const GPtrArray *generations = timebase->vm->generations;

	for (guint i = 0; i < generations->len; i++) {
		const struct recording_generation *generation = g_ptr_array_index(generations, i);

		for (guint j = 0; j < generation->streams->len; j++) {
			const struct recording_stream *stream =
				g_ptr_array_index(generation->streams, j);

			if (stream->source == VHT_SOURCE_FTRACE)
				collect_pairs(make_clock(timebase, generation,
							 stream->first_state.name), stream);
			else if (stream->source == VHT_SOURCE_WINDOW)
				collect_looks(timebase, generation->epoch, stream);
		}
	}
}

/* The clock records of one epoch, as a map from counter to host time. */
static struct clock_map *records_map(const struct recording_vm *vm, uint32_t epoch)
{
	struct clock_map *map;
	struct recording_records it;
	struct clock_record record;

	map = clock_map_new(vm->counter_hz ? 1e9 / vm->counter_hz : 0, RECORD_SPACING);
	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_clock_record(&it, &record))
		if (record.epoch == epoch)
			clock_map_add(map, record.counter, record.mono_ns, record.error_ns,
				      record.reason == VHT_CLOCK_REASON_RESUME ||
				      record.reason == VHT_CLOCK_REASON_MIGRATION);
	return map;
}

static struct clock_map *find_epoch(const struct timebase *timebase, uint32_t number)
{
	for (guint i = 0; i < timebase->epochs->len; i++) {
		struct epoch_map *epoch = g_ptr_array_index(timebase->epochs, i);

		if (epoch->epoch == number)
			return epoch->map;
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
	epoch->map = records_map(timebase->vm, number);
	g_ptr_array_add(timebase->epochs, epoch);
	warn_dropped(timebase, clock_map_finish(epoch->map), "clock records", number);
}

static void finish_clocks(struct timebase *timebase)
{
	for (guint i = 0; i < timebase->clocks->len; i++) {
		struct source_clock *clock = g_ptr_array_index(timebase->clocks, i);
		uint32_t epoch = clock->generation->epoch;
		struct clock_map *counter = find_epoch(timebase, epoch);
		g_autofree char *what = g_strdup_printf("clock pairs of %s", clock->name);

		warn_dropped(timebase, clock_map_finish(clock->pairs), what, epoch);
		if (!clock_map_is_empty(clock->pairs) && !clock_map_is_empty(counter))
			clock->map = clock_map_compose(clock->pairs, counter);
	}
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

static void finish_window(const struct timebase *timebase, struct window_clock *clock)
{
	uint64_t first, last, error;
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
	error = (uint64_t)(clock->upper - lower) / 2;
	clock->map = clock_map_new(1, 0);
	clock_map_add(clock->map, clock->first, clock->first + (uint64_t)lower + error, error, false);
	clock_map_finish(clock->map);
}

/* The pairs of a driver in the same epoch whose source has the window's clock. */
static const struct clock_map *driver_map(const struct timebase *timebase, uint32_t epoch)
{
	for (guint i = 0; i < timebase->clocks->len; i++) {
		struct source_clock *clock = g_ptr_array_index(timebase->clocks, i);
		g_autofree char *kind = NULL;

		if (clock->generation->epoch != epoch || !clock->map)
			continue;
		kind = source_clock_name(clock->generation, clock->name);
		if (kind && !strcmp(kind, "local"))
			return clock->map;
	}
	return NULL;
}

const struct clock_map *timebase_window_map(const struct timebase *timebase, uint32_t epoch,
					    uint32_t kernel)
{
	const struct window_clock *clock = find_window(timebase, epoch, kernel);
	const struct clock_map *map;

	/* with two kernels nobody knows whose driver it was */
	map = find_window(timebase, epoch, 1) ? NULL : driver_map(timebase, epoch);
	if (map)
		return map;
	return clock && clock->map && !clock_map_is_empty(clock->map) ? clock->map : NULL;
}

struct timebase *timebase_new(const struct recording_vm *vm, GPtrArray *warnings)
{
	struct timebase *timebase = g_new0(struct timebase, 1);

	timebase->vm = vm;
	timebase->warnings = warnings;
	timebase->clocks = g_ptr_array_new_with_free_func(source_clock_free);
	timebase->epochs = g_ptr_array_new_with_free_func(epoch_map_free);
	timebase->windows = g_ptr_array_new_with_free_func(window_clock_free);
	/* All pairs of an epoch are needed before the first stream of it is mapped. */
	collect_clocks(timebase);
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(vm->generations, i);

		add_epoch(timebase, generation->epoch);
	}
	finish_clocks(timebase);
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
	g_free(timebase);
}

const struct clock_map *timebase_map(const struct timebase *timebase, uint32_t epoch,
				     const struct recording_stream *stream)
{
	const struct clock_map *counter;

	if (stream->clock == VHT_CLOCK_COUNTER || stream->source == VHT_SOURCE_HEARTBEAT) {
		counter = find_epoch(timebase, epoch);
		return counter && !clock_map_is_empty(counter) ? counter : NULL;
	}
	if (stream->source == VHT_SOURCE_WINDOW)
		return timebase_window_map(timebase, epoch, 0);
	return source_map(timebase, epoch, stream);
}

bool timebase_span(const struct timebase *timebase, uint32_t epoch,
		   const struct recording_stream *stream, uint64_t *first_ns, uint64_t *last_ns)
{
	uint64_t first = UINT64_MAX, last = 0;
	const struct clock_map *map;
	struct recording_cursor cursor;
	struct recording_packet packet;
	uint32_t hint = 0;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type == VHT_PACKET_STATE ||
		    (!packet.header.timestamp_begin && !packet.header.timestamp_end))
			continue;
		first = MIN(first, packet.header.timestamp_begin);
		last = MAX(last, packet.header.timestamp_end);
	}
	if (first > last)
		return false;
	if (stream->clock == VHT_CLOCK_HOST_MONOTONIC) {
		*first_ns = first;
		*last_ns = last;
		return true;
	}
	map = timebase_map(timebase, epoch, stream);
	if (!map)
		return false;
	*first_ns = clock_map_apply(map, first, &hint);
	*last_ns = clock_map_apply(map, last, &hint);
	return true;
}
