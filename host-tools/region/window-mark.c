// SPDX-License-Identifier: GPL-2.0-only
/* Sub-buffers that are known again; see window-mark.h. */
#include "region/window-mark.h"

#include <glib.h>

#include "region/load.h"

/* Bytes of data that a sub-buffer is known again by, beside its time. */
#define SUM_SIZE	256

/* A sum over the first bytes of a sub-buffer's data, which may change meanwhile. */
static uint64_t sum_data(const uint8_t *data, uint32_t size)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i + 4 <= size; i += 4)
		sum = sum * 1099511628211ULL + load_le32((const void *)(data + i));
	return sum;
}

void window_mark_sum(struct window_mark *mark, const uint8_t *data)
{
	mark->sum_size = MIN(mark->commit, SUM_SIZE);
	mark->sum = sum_data(data, mark->sum_size);
}

bool window_mark_make(const struct window_buffer *buffer, uint32_t index, uint32_t ring,
		      struct window_mark *out)
{
	uint64_t commit = window_buffer_load_commit(buffer, index);

	/* the time was stored before the commit */
	*out = (struct window_mark) {
		.index = index,
		.time = window_buffer_load_time(buffer, index),
		.ring = ring,
		.commit = commit > window_buffer_max_commit(buffer) ? 0 : (uint32_t)commit,
	};
	window_mark_sum(out, window_buffer_data(buffer, index));
	return out->commit > 0;
}

bool window_mark_is_same_use(const struct window_mark *a, const struct window_mark *b)
{
	return a->index == b->index && a->time == b->time;
}

bool window_mark_is_unchanged(const struct window_buffer *buffer, const struct window_mark *mark)
{
	return window_buffer_load_time(buffer, mark->index) == mark->time &&
	       sum_data(window_buffer_data(buffer, mark->index), mark->sum_size) == mark->sum;
}

bool window_mark_is_kept(const struct window_buffer *buffer, const struct window_mark *mark)
{
	uint64_t commit = window_buffer_load_commit(buffer, mark->index);

	return commit >= mark->commit && commit <= window_buffer_max_commit(buffer) &&
	       window_mark_is_unchanged(buffer, mark);
}
