/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far the writer of a CPU's buffer has come: where it is at one moment, and how
 * many sub-buffers it has begun since the last look.
 */
#ifndef HYPERTRACE_REGION_WINDOW_LOOK_H
#define HYPERTRACE_REGION_WINDOW_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "window-mark.h"

struct window_cpu;

/**
 * struct window_look - what one look at a CPU's buffer has found
 * @ns: CLOCK_MONOTONIC just before
 * @head_ring: place of the oldest sub-buffer in the ring
 * @head: its number; above @commit if nothing is in the ring
 * @commit: number of the sub-buffer that is being filled
 * @commit_ring: its place in the ring; before the oldest if it is not there
 * @is_on_reader: it is in slot 0
 * @filled: that sub-buffer, its commit perhaps 0
 * @grown_after: @filled.commit became what it is after this moment and ...
 * @grown_before: ... before this one
 */
struct window_look {
	uint64_t ns;
	uint32_t head_ring;
	uint64_t head;
	uint64_t commit;
	uint32_t commit_ring;
	bool is_on_reader;
	struct window_mark filled;
	uint64_t grown_after;
	uint64_t grown_before;
};

/**
 * window_cpu_look - see how far the writer has come
 * @cpu: its look, the one before and the newest sub-buffers are set, and what a
 *	writer that began again does not have any more is forgotten; @cpu->problem
 *	says what made no sense
 * Return: false if there is nothing to be seen, or not now.
 */
bool window_cpu_look(struct window_cpu *cpu);

#endif
