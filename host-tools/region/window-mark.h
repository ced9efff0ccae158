/* SPDX-License-Identifier: GPL-2.0-only */
/* A sub-buffer of a window in one use of it, and whether the guest has begun the next. */
#ifndef HYPERTRACE_REGION_WINDOW_MARK_H
#define HYPERTRACE_REGION_WINDOW_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "window-buffer.h"

/**
 * struct window_mark - a sub-buffer in one use of it
 * @index: which one
 * @time: its time_stamp
 * @ring: its place in the ring, 0 is slot 1
 * @number: how many were begun before it
 * @commit: bytes of data that it had
 * @sum: over the first @sum_size of them: a clock may stand still
 * @sum_size: 0 if that is not known
 */
struct window_mark {
	uint32_t index;
	uint64_t time;
	uint32_t ring;
	uint64_t number;
	uint32_t commit;
	uint32_t sum_size;
	uint64_t sum;
};

/**
 * window_mark_make - make a mark on a sub-buffer as it is now
 * @buffer: the buffer
 * @index: which sub-buffer
 * @ring: its place
 * @out: the mark; its number is 0
 * Return: false if nothing is in it.
 */
bool window_mark_make(const struct window_buffer *buffer, uint32_t index, uint32_t ring,
		      struct window_mark *out);

/**
 * window_mark_sum - know it again by its content too
 * @mark: with its commit
 * @data: of the sub-buffer, or of a copy
 */
void window_mark_sum(struct window_mark *mark, const uint8_t *data);

/** window_mark_is_same_use - both are of one use of one sub-buffer, by its time */
bool window_mark_is_same_use(const struct window_mark *a, const struct window_mark *b);

/** window_mark_is_unchanged - nobody has used the sub-buffer anew since the mark was made */
bool window_mark_is_unchanged(const struct window_buffer *buffer, const struct window_mark *mark);

/** window_mark_is_kept - and what was in it still is */
bool window_mark_is_kept(const struct window_buffer *buffer, const struct window_mark *mark);

#endif
