// SPDX-License-Identifier: GPL-2.0-only
/* Clocks of windows; see window-clock.h. */
#include "window-clock.h"

#include "early.h"
#include "epochs.h"
#include "wire/window.h"

/* Kernels of all windows together. */
#define MAX_WINDOW_CLOCKS	4096

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

struct window_clocks {
	const struct recording_vm *vm;
	GPtrArray *clocks;		/* struct window_clock * */
};

static void window_clock_free(void *data)
{
	struct window_clock *clock = data;

	g_array_unref(clock->lower);
	clock_map_free(clock->map);
	g_free(clock);
}

static struct window_clock *find_window(const struct window_clocks *windows, uint32_t epoch,
					uint32_t kernel)
{
	for (guint i = 0; i < windows->clocks->len; i++) {
		struct window_clock *clock = g_ptr_array_index(windows->clocks, i);

		if (clock->epoch == epoch && clock->kernel == kernel)
			return clock;
	}
	return NULL;
}

static struct window_clock *make_window(struct window_clocks *windows, uint32_t epoch, uint32_t kernel)
{
	struct window_clock *clock = find_window(windows, epoch, kernel);

	/* a recording may say anything of its kernels */
	if (clock || windows->clocks->len >= MAX_WINDOW_CLOCKS)
		return clock;
	clock = g_new0(struct window_clock, 1);
	clock->epoch = epoch;
	clock->kernel = kernel;
	clock->first = UINT64_MAX;
	clock->upper = INT64_MAX;
	clock->lower = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_ptr_array_add(windows->clocks, clock);
	return clock;
}

void window_clocks_add(struct window_clocks *windows, uint32_t epoch,
		       const struct recording_stream *stream)
{
	struct window_clock *clock = make_window(windows, epoch, 0);
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct window_meta meta;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		const struct packet_header *header = &packet.header;
		int64_t lower;

		if (header->type == VHT_PACKET_WINDOW_META &&
		    window_meta_parse(packet.content, header->content_size, &meta))
			clock = make_window(windows, epoch, meta.kernel);
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

static void finish_clock(const struct window_clocks *windows, struct window_clock *clock)
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
	if (epoch_span(windows->vm, clock->epoch, &first, &last)) {
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
	early_widen(windows->vm, clock->map, clock->epoch, NULL, MIN(EARLY_END, clock->last));
}

struct window_clocks *window_clocks_new(const struct recording_vm *vm)
{
	struct window_clocks *windows = g_new0(struct window_clocks, 1);

	windows->vm = vm;
	windows->clocks = g_ptr_array_new_with_free_func(window_clock_free);
	return windows;
}

void window_clocks_free(struct window_clocks *windows)
{
	if (!windows)
		return;
	g_ptr_array_unref(windows->clocks);
	g_free(windows);
}

void window_clocks_finish(struct window_clocks *windows)
{
	for (guint i = 0; i < windows->clocks->len; i++)
		finish_clock(windows, windows->clocks->pdata[i]);
}

const struct clock_map *window_clocks_map(const struct window_clocks *windows, uint32_t epoch,
					  uint32_t kernel)
{
	const struct window_clock *clock = find_window(windows, epoch, kernel);

	return clock && clock->map && !clock_map_is_empty(clock->map) ? clock->map : NULL;
}

bool window_clocks_has(const struct window_clocks *windows, uint32_t epoch, uint32_t kernel)
{
	return find_window(windows, epoch, kernel);
}
