/* SPDX-License-Identifier: GPL-2.0-only */
/* A sub-buffer of a window as a packet: copied while the guest may write it, or not at all. */
#ifndef HYPERTRACE_REGION_WINDOW_COPY_H
#define HYPERTRACE_REGION_WINDOW_COPY_H

#include <glib.h>

#include "window-mark.h"

struct window_cpu;

/**
 * enum window_copied - how window_cpu_copy() ended
 * @WINDOW_COPIED: a packet was appended, or there was nothing in it
 * @WINDOW_PASSED: the writer was there meanwhile
 * @WINDOW_NONSENSE: its commit is larger than it
 */
enum window_copied {
	WINDOW_COPIED,
	WINDOW_PASSED,
	WINDOW_NONSENSE,
};

/**
 * window_cpu_copy - copy what is in a sub-buffer
 * @cpu: the CPU, after a look
 * @out: packets are appended: a description where there is something new to say, then
 *	the sub-buffer's
 * @mark: which one, and of it what was taken before; if that is something, the time
 *	has to be of the same use. Set to what was taken with this
 * Return: how it ended.
 */
enum window_copied window_cpu_copy(struct window_cpu *cpu, GByteArray *out,
				   struct window_mark *mark);

#endif
