/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LTTng's sessions in guests as traces in a set of CTF traces. A guest cannot keep
 * the rest of a set from being made: what of its LTTng cannot be read is left out,
 * counted and told.
 */
#ifndef HT_EXPORT_LTTNG_GUEST_H
#define HT_EXPORT_LTTNG_GUEST_H

#include "export/export.h"

/**
 * export_lttng_guests - put the traces of guests' LTTng beside those of the recording
 * @request: what to export; its warnings are added to
 * @set: directory of the set; theirs are VM@lttng/SESSION in it, VM named as the VM's own
 * @count: number of traces put there
 * @error: HT_ERROR_FAILED: I/O; errors of recording_open()
 * Return: false with @error set.
 */
bool export_lttng_guests(const struct export_request *request, const char *set,
			 unsigned int *count, GError **error);

/**
 * export_warn_lttng_guests - for formats that LTTng's events are not in: say so
 * @request: what to export; its warnings are added to
 */
void export_warn_lttng_guests(const struct export_request *request);

#endif
