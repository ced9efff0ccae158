/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of LTTng's traces go into a set of CTF traces: those in the recording, and
 * those that the user names.
 */
#ifndef HT_EXPORT_LTTNG_H
#define HT_EXPORT_LTTNG_H

#include "export/export.h"

/**
 * export_lttng - put LTTng's traces beside those of the recording
 * @request: what to export
 * @set: directory of the set; theirs go into directory @lttng of it, which is made if
 *	there are any
 * @count: number of traces put there
 * @error: see lttng_merge(); HT_ERROR_FORMAT also where babeltrace2 cannot read one; HT_ERROR_NOT_FOUND also where a path holds no trace
 * Return: false with @error set.
 */
bool export_lttng(const struct export_request *request, const char *set, unsigned int *count,
		  GError **error);

#endif
