// SPDX-License-Identifier: GPL-2.0-only
/* What one vCPU did; see slices.h. */
#include "slices.h"

/* The first resolution. */
#define MIN_RESOLUTION	1000

void slices_init(struct slices *slices, guint limit)
{
	slices->array = g_array_new(FALSE, FALSE, sizeof(struct raw_slice));
	slices->limit = MAX(limit, 16);
	slices->resolution = 0;
}

void slices_fini(struct slices *slices)
{
	g_array_unref(slices->array);
	slices->array = NULL;
}

void slices_clear(struct slices *slices)
{
	g_array_set_size(slices->array, 0);
	slices->resolution = 0;
}

static uint64_t length(const struct raw_slice *slice)
{
	return slice->end - slice->start;
}

/* Short neighbours, from @first on and up to the resolution, as one. Return: how many. */
static guint merge_group(const struct raw_slice *first, guint count, uint64_t resolution,
			 struct raw_slice *out)
{
	const struct raw_slice *longest = first;
	uint64_t start = first->start, end = first->end;
	guint used = 1;

	while (used < count && end - start < resolution && first[used].start == end &&
	       length(&first[used]) < resolution) {
		if (length(&first[used]) > length(longest))
			longest = &first[used];
		end = first[used++].end;
	}
	*out = *longest;
	out->start = start;
	out->end = end;
	return used;
}

static void compact(struct slices *slices)
{
	struct raw_slice *all = (struct raw_slice *)slices->array->data;
	guint count = slices->array->len, to = 0;

	for (guint at = 0; at < count;) {
		struct raw_slice merged = all[at];
		guint used = 1;

		if (length(&all[at]) < slices->resolution)
			used = merge_group(&all[at], count - at, slices->resolution, &merged);
		at += used;
		/* One that is still short, behind another, is part of that. */
		if (to && all[to - 1].end == merged.start &&
		    (length(&merged) < slices->resolution ||
		     (all[to - 1].state == merged.state && all[to - 1].task == merged.task)))
			all[to - 1].end = merged.end;
		else
			all[to++] = merged;
	}
	g_array_set_size(slices->array, to);
}

void slices_add(struct slices *slices, const struct raw_slice *slice)
{
	struct raw_slice *last = NULL;

	if (slice->end <= slice->start)
		return;
	if (slices->array->len)
		last = &g_array_index(slices->array, struct raw_slice, slices->array->len - 1);
	if (last && last->end == slice->start && last->state == slice->state &&
	    last->task == slice->task) {
		last->end = slice->end;
		return;
	}
	/* Gaps may keep it from getting fewer: a few rounds, then the oldest half goes. */
	for (int i = 0; i < 32 && slices->array->len >= slices->limit; i++) {
		slices->resolution = MAX(2 * slices->resolution, MIN_RESOLUTION);
		compact(slices);
	}
	if (slices->array->len >= slices->limit)
		g_array_remove_range(slices->array, 0, slices->limit / 2);
	g_array_append_val(slices->array, *slice);
}
