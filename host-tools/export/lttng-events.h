/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many events a session of LTTng in a guest has: by reading them all, since nobody
 * need have counted them.
 */
#ifndef HT_EXPORT_LTTNG_EVENTS_H
#define HT_EXPORT_LTTNG_EVENTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lttng/guest.h"

/**
 * struct lttng_events - what was read
 * @count: events in packets that can be read to their end
 * @unreadable: packets that cannot
 * @is_other: the driver has counted, exactly, and its count is another one
 */
struct lttng_events {
	uint64_t count;
	uint64_t unreadable;
	bool is_other;
};

/**
 * lttng_events_count - read all events of a session
 * @session: the session; packets that cannot be read are left out from then on
 * @cost: as in sift_packets()
 * @events: written on success
 * @error: %HT_ERROR_FORMAT: its metadata makes no sense; %HT_ERROR_FAILED: I/O
 * Return: false with @error set.
 */
bool lttng_events_count(struct lttng_guest_session *session, unsigned int *cost,
			struct lttng_events *events, GError **error);

#endif
