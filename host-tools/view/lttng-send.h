/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traces of a guest's LTTng, read by babeltrace2 and told as records (lttng-record.h):
 * the work of a guarded process.
 */
#ifndef HT_VIEW_LTTNG_SEND_H
#define HT_VIEW_LTTNG_SEND_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct lttng_send - what to read, and how to tell it
 * @traces: struct lttng_guest_trace *, of one guest
 * @real_offset: host CLOCK_REALTIME - CLOCK_MONOTONIC in ns
 * @is_raw: times of the guest's own clocks
 */
struct lttng_send {
	GPtrArray *traces;
	int64_t real_offset;
	bool is_raw;
};

/**
 * lttng_send - read all events of the traces, merged
 * @data: struct lttng_send
 * @fd: where the records go
 * Return: false if something could not be read, or written.
 */
bool lttng_send(void *data, int fd);

#endif
