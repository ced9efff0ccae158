/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether babeltrace2 can read a trace to its end: a set of traces is unreadable as
 * a whole if one of them is.
 */
#ifndef HT_EXPORT_READABLE_H
#define HT_EXPORT_READABLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * readable_check - read a CTF trace once, all of it
 * @dir: the trace: the directory with its metadata
 * @error: HT_ERROR_FORMAT: with babeltrace2's reason; HT_ERROR_FAILED: one of its
 *	plugins is missing
 * Return: false with @error set.
 */
bool readable_check(const char *dir, GError **error);

/**
 * readable_check_guarded - the same for what a guest wrote, in a process of its own
 * @dir: the trace
 * @size: bytes of it
 * @cost: %SIFT_DEATH more if it ended the reader, or took too long
 * @error: HT_ERROR_FORMAT: also in that case
 * Return: false with @error set.
 */
bool readable_check_guarded(const char *dir, uint64_t size, unsigned int *cost,
			    GError **error);

#endif
