// SPDX-License-Identifier: GPL-2.0-only
/*
 * The times of one VM; see timebase.h.
 *
 * The counter's maps are counter.c's. Here the clocks of sources are added: by the pairs
 * of a source's packets a map from its clock to each part of the counter's.
 */
#include "timebase.h"

#include <string.h>

#include "counter.h"
#include "early.h"
#include "window-clock.h"
#include "wire/page.h"

/* Source clocks that count nanoseconds. */
static const char *const ns_clocks[] = {
	"local", "global", "perf", "mono", "mono_raw", "boot", "tai",
};

/* Closer together than this, pairs of a packet are noise: 10 ms, or less for ticks. */
#define PAIR_SPACING	10000000
static const char *const counter_methods[] = { "none", "ticks", "tsc-offset", "points" };
static const char *const pair_methods[] = {
	"none", "pairs+ticks", "pairs+tsc-offset", "pairs+points",
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
	uint64_t first_pair;		/* the earliest time of a pair; UINT64_MAX: none */
	struct clock_map *map;		/* source clock -> host; NULL if unknown */
};

struct timebase {
	const struct recording_vm *vm;
	GPtrArray *warnings;
	struct vcpu_map *vcpus;
	struct counters *counters;
	GPtrArray *clocks;		/* struct source_clock * */
	struct window_clocks *windows;
};

static void source_clock_free(void *data)
{
	struct source_clock *clock = data;

	g_free(clock->name);
	g_free(clock->kind);
	clock_map_free(clock->map);
	g_ptr_array_unref(clock->pairs);
	g_free(clock);
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
			return counters_hz(timebase->counters) / 1e9;
	/* LTTng's own clock, and ours for it; the spool's is CLOCK_MONOTONIC */
	if ((clock->source == VHT_SOURCE_LTTNG || clock->source == VHT_SOURCE_SPOOL) &&
	    !clock->kind)
		return counters_hz(timebase->counters) / 1e9;
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
	for (uint32_t i = 0; i < clock_map_part_count(counter->map); i++)
		g_ptr_array_add(clock->pairs, clock_map_new(source_slope(timebase, clock),
							    PAIR_SPACING));
	g_ptr_array_add(timebase->clocks, clock);
	return clock;
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
		before = header->counter;
		clock_map_add(clock->pairs->pdata[part], &point);
		clock->first_pair = MIN(clock->first_pair, header->clock);
	}
}

/* A source's clock on all CPUs, or on this one if its counter is one of its own. */
static void collect_source(struct timebase *timebase,
			   const struct recording_generation *generation,
			   const struct recording_stream *stream)
{
	const char *name = stream->first_state.name;
	const struct counter_clock *counter;
	struct source_clock *clock;
	bool is_own;

	counter = counters_of_cpu(timebase->counters, generation->epoch, generation->generation,
				  VHT_CPU_NONE, &is_own);
	clock = make_clock(timebase, generation, stream->source, name, VHT_CPU_NONE, counter);
	counter = counters_of_cpu(timebase->counters, generation->epoch, generation->generation,
				  stream->cpu, &is_own);
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
				window_clocks_add(timebase->windows, generation->epoch, stream);
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

/* The first stop that begins no earlier than a time. */
static guint find_stop(const GArray *stops, uint64_t ns)
{
	guint low = 0, high = stops->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(stops, struct clock_stop, middle).begin < ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Where the VM stood its clock may have stood too: no line of the pairs goes across that. A
 * part has the stops from its neighbours' points on.
 */
static void add_stops(struct source_clock *clock, uint32_t part)
{
	const struct clock_map *counter = clock->counter->map;
	uint32_t count = clock_map_part_count(counter);
	struct clock_point edge;
	uint64_t first = 0, last = UINT64_MAX;

	if (part && clock_map_edge(counter, part - 1, true, &edge))
		first = edge.to;
	if (part + 1 < count && clock_map_edge(counter, part + 1, false, &edge))
		last = edge.to;
	for (guint i = find_stop(clock->counter->stops, first); i < clock->counter->stops->len; i++) {
		const struct clock_stop *ns = &g_array_index(clock->counter->stops,
							     struct clock_stop, i);
		struct clock_stop stop;

		if (ns->end > last)
			break;
		stop.begin_min = clock_map_reverse(counter, part, ns->begin_min);
		stop.begin = clock_map_reverse(counter, part, ns->begin);
		stop.end = clock_map_reverse(counter, part, ns->end);
		clock_map_add_stop(clock->pairs->pdata[part], &stop);
	}
}

/* A part of the counter that has no pair: by what its neighbour has. */
static void carry_pairs(struct source_clock *clock, uint32_t from, uint32_t to)
{
	struct clock_map **pairs = (struct clock_map **)clock->pairs->pdata;
	struct clock_point point;

	if (!clock_map_is_empty(pairs[to]) || clock_map_is_empty(pairs[from]))
		return;
	clock_map_carry(pairs[from], clock->counter->map, from, to, &point);
	clock_map_free(pairs[to]);
	pairs[to] = clock_map_new(clock_map_slope(pairs[from]), 0);
	clock_map_add(pairs[to], &point);
	add_stops(clock, to);
	clock_map_finish(pairs[to], NULL);
}

static bool finish_pairs(struct timebase *timebase, struct source_clock *clock)
{
	g_autofree char *what = clock->cpu == VHT_CPU_NONE ?
		g_strdup_printf("clock pair of %s in packet", clock->name) :
		g_strdup_printf("clock pair of %s, CPU %u, in packet", clock->name, clock->cpu);
	bool has_pairs = false;

	for (guint i = 0; i < clock->pairs->len; i++) {
		g_autoptr(GArray) dropped = g_array_new(FALSE, FALSE, sizeof(struct clock_dropped));
		uint32_t count;

		add_stops(clock, i);
		count = clock_map_finish(clock->pairs->pdata[i], dropped);
		counters_warn_dropped(timebase->vm, timebase->warnings, clock->generation->epoch,
				      count, dropped, what, "ticks");
		has_pairs |= !clock_map_is_empty(clock->pairs->pdata[i]);
	}
	for (guint i = 1; i < clock->pairs->len; i++)
		carry_pairs(clock, i - 1, i);
	for (guint i = clock->pairs->len; i-- > 1;)
		carry_pairs(clock, i, i - 1);
	return has_pairs;
}

/* The first pair of a source on any CPU: by then the kernel knew its clock. */
static uint64_t first_pair_of_all(const struct timebase *timebase, const struct source_clock *clock)
{
	uint64_t first = UINT64_MAX;

	for (guint i = 0; i < timebase->clocks->len; i++) {
		const struct source_clock *other = g_ptr_array_index(timebase->clocks, i);

		if (other->generation == clock->generation && other->source == clock->source &&
		    !strcmp(other->name, clock->name))
			first = MIN(first, other->first_pair);
	}
	return first;
}

static void finish_clock(struct timebase *timebase, struct source_clock *clock)
{
	if (!finish_pairs(timebase, clock))
		return;
	clock->map = clock_map_compose((struct clock_map *const *)clock->pairs->pdata,
				       clock->counter->map);
	/* LTTng's is none that steps while the kernel begins */
	if (clock->source == VHT_SOURCE_FTRACE && is_from_boot(timebase, clock))
		early_widen(timebase->vm, clock->map, clock->generation->epoch, clock->name,
			    MIN(first_pair_of_all(timebase, clock), EARLY_END));
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
	return window_clocks_has(timebase->windows, epoch, 1) ? NULL : driver_clock(timebase, epoch);
}

const struct clock_map *timebase_window_map(const struct timebase *timebase, uint32_t epoch,
					    uint32_t kernel)
{
	const struct source_clock *driver = window_driver(timebase, epoch);

	if (driver)
		return driver->map;
	return window_clocks_map(timebase->windows, epoch, kernel);
}

struct timebase *timebase_new(const struct recording_vm *vm, GPtrArray *warnings)
{
	struct timebase *timebase = g_new0(struct timebase, 1);

	timebase->vm = vm;
	timebase->warnings = warnings;
	timebase->vcpus = vcpu_map_new(vm);
	timebase->counters = counters_new(vm, timebase->vcpus, warnings);
	timebase->clocks = g_ptr_array_new_with_free_func(source_clock_free);
	timebase->windows = window_clocks_new(vm);
	/* All pairs of an epoch are needed before the first stream of it is mapped. */
	collect_clocks(timebase);
	for (guint i = 0; i < timebase->clocks->len; i++)
		finish_clock(timebase, g_ptr_array_index(timebase->clocks, i));
	window_clocks_finish(timebase->windows);
	return timebase;
}

void timebase_free(struct timebase *timebase)
{
	if (!timebase)
		return;
	g_ptr_array_unref(timebase->clocks);
	window_clocks_free(timebase->windows);
	counters_free(timebase->counters);
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
	const struct source_clock *clock;
	const struct counter_clock *counter;
	bool is_own;

	if (!generation)
		return none;
	counter = counters_of_cpu(timebase->counters, epoch, generation->generation, stream->cpu,
				  &is_own);
	if (!counter)
		return none;
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

uint64_t timebase_shared_ns(const struct timebase *timebase, uint32_t epoch,
			    const struct recording_stream *stream)
{
	const struct recording_generation *generation = find_generation(timebase->vm, stream);
	const struct source_clock *clock = NULL;

	if (generation)
		clock = find_clock(timebase, generation, stream->source, stream->first_state.name,
				   VHT_CPU_NONE);
	return clock && !is_counter(clock) ? counters_apart_ns(timebase->counters, epoch) :
	       UINT64_MAX;
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

/* Whether an event of a stream is from before a time in its clock; a packet's begin may be too. */
static bool has_event_before(const struct recording_generation *generation,
			     const struct recording_stream *stream, uint64_t time)
{
	g_autofree char *long_size = recording_generation_env(generation, "long_size");
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct page_cursor page;
	struct page_event event;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type != VHT_PACKET_FTRACE)
			continue;
		if (packet.header.timestamp_begin >= time)
			return false;
		page_cursor_init(&page, packet.content, packet.header.content_size,
				 !g_strcmp0(long_size, "4") ? 4 : 8);
		if (page_cursor_next(&page, &event))
			return event.time < time;
	}
	return false;
}

struct timebase_quality timebase_quality(const struct timebase *timebase, uint32_t epoch,
					 const struct recording_stream *stream)
{
	struct timebase_quality result = { "host", 0, 0, 0, false };
	uint64_t first, last, early_end, origin;
	struct way way;

	if (stream->clock == VHT_CLOCK_HOST_MONOTONIC || stream->source == VHT_SOURCE_VMM)
		return result;
	way = find_way(timebase, epoch, stream);
	if (!way.map)
		return (struct timebase_quality) { "none", UINT64_MAX, UINT64_MAX, 0, false };
	result.method = way.method;
	if (!raw_span(stream, &first, &last))
		return result;
	origin = clock_map_origin(way.map);
	result.is_older = first < origin &&
			  has_event_before(find_generation(timebase->vm, stream), stream, origin);
	first = MAX(first, origin);
	last = MAX(last, origin);
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
