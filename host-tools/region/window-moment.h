/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the writer of a CPU's buffer is, and what it has put there, at one moment. */
#ifndef HYPERTRACE_REGION_WINDOW_MOMENT_H
#define HYPERTRACE_REGION_WINDOW_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "window-buffer.h"
#include "window-mark.h"

/**
 * struct window_moment - where the writer was, and marks made there
 * @head: head_buffer and ...
 * @commit: ... commit_buffer, addresses in the guest
 * @head_ring: place of the oldest sub-buffer in the ring
 * @commit_index: the sub-buffer that is being filled
 * @commit_ring: its place in the ring; before the oldest if it is not there
 * @is_on_reader: it is in slot 0
 * @length: sub-buffers in the ring from the oldest to that one
 * @filled: mark on it
 * @newest: mark on the newest one that has something in it, if @has_newest
 * @older: on the one before, if @has_older
 */
struct window_moment {
	uint64_t head;
	uint64_t commit;
	uint32_t head_ring;
	uint32_t commit_index;
	uint32_t commit_ring;
	bool is_on_reader;
	uint32_t length;
	struct window_mark filled;
	struct window_mark newest;
	bool has_newest;
	struct window_mark older;
	bool has_older;
};

/**
 * window_moment_take - find the writer
 * @buffer: its slots are those of the moment on success
 * @out: the moment
 * @problem: set to a constant string if what is there makes no sense
 * Return: false if there is nothing to be seen, or not now.
 */
bool window_moment_take(struct window_buffer *buffer, struct window_moment *out,
			const char **problem);

#endif
