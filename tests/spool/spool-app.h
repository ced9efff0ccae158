/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The events of a program of the tests, for LTTng in user space. LTTng reads this
 * file several times over; hence the form of its guard.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER spool_app

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "spool-app.h"

#if !defined(SPOOL_APP_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define SPOOL_APP_H

#include <lttng/tracepoint.h>
#include <stdint.h>

/* One step of its work; number: 0, 1, 2... */
LTTNG_UST_TRACEPOINT_EVENT(
	spool_app, step,
	LTTNG_UST_TP_ARGS(uint64_t, number, const char *, text),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, number, number)
		lttng_ust_field_string(text, text)))

/* Another event, for another channel. */
LTTNG_UST_TRACEPOINT_EVENT(
	spool_app, mark,
	LTTNG_UST_TP_ARGS(uint64_t, number),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, number, number)))

#endif

#include <lttng/tracepoint-event.h>
