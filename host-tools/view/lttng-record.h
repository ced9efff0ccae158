/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the process that reads LTTng's events tells the one that shows them: a record
 * for each event or loss, in order of time, its name and its fields behind it. Both are the same
 * program; but the former has read what a guest wrote.
 */
#ifndef HT_VIEW_LTTNG_RECORD_H
#define HT_VIEW_LTTNG_RECORD_H

#include <stdint.h>

#include "decode/text.h"

/* Bytes of a name with the 0 at its end, and of an event's fields. */
#define LTTNG_RECORD_MAX_NAME	1024
#define LTTNG_RECORD_MAX_FIELDS	TEXT_MAX_EVENT

/**
 * enum lttng_record_kind - what a record tells
 * @LTTNG_RECORD_EVENT: an event
 * @LTTNG_RECORD_LOST_EVENTS: events were discarded
 * @LTTNG_RECORD_LOST_PACKETS: packets were overwritten, or left out
 */
enum lttng_record_kind {
	LTTNG_RECORD_EVENT,
	LTTNG_RECORD_LOST_EVENTS,
	LTTNG_RECORD_LOST_PACKETS,
};

/**
 * struct lttng_record - an event or a loss
 * @time: host CLOCK_MONOTONIC in ns, or the guest's clock where raw times are wanted
 * @end_time: of a loss: of what comes next; else equal to @time
 * @lost: of a loss: how much; 0 if nobody knows
 * @kind: enum lttng_record_kind
 * @trace: which of the process's traces it is of
 * @cpu: of the guest
 * @name_size: bytes of the name behind the record, with the 0 at its end
 * @fields_size: bytes of the text behind the name
 */
struct lttng_record {
	uint64_t time;
	uint64_t end_time;
	uint64_t lost;
	uint32_t kind;
	uint32_t trace;
	uint32_t cpu;
	uint32_t name_size;
	uint32_t fields_size;
};

#endif
