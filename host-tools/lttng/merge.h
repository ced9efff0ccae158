/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LTTng's traces of the host into a set of CTF traces: packets as they are, the
 * clock described as the set's own traces have it.
 */
#ifndef HYPERTRACE_LTTNG_MERGE_H
#define HYPERTRACE_LTTNG_MERGE_H

#include <glib.h>
#include <stdbool.h>

#include "lttng/metadata.h"

/**
 * lttng_merge - copy all CTF traces under a directory
 * @from: the directory: a trace, or what holds some, at any depth up to a bound
 * @to: directory that will hold them, at the same places below it
 * @clock: what their clock has to be
 * @traces: char *, the copied traces' directories are added
 * @error: %HT_ERROR_NOT_FOUND: nothing of the name; %HT_ERROR_FORMAT: a trace is
 *	damaged, or its clock is another one; %HT_ERROR_FAILED: I/O
 *
 * Left out: LTTng's index files, and sessions that never wrote. Links are not
 * followed. On failure some of @to may be there.
 *
 * Return: false with @error set.
 */
bool lttng_merge(const char *from, const char *to, const struct lttng_clock *clock,
		 GPtrArray *traces, GError **error);

#endif
