/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be said about the integrity of a stream file from its packets alone,
 * without decoding events.
 */
#ifndef HYPERTRACE_RECORDING_AUDIT_H
#define HYPERTRACE_RECORDING_AUDIT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

/**
 * struct audit_stream - the findings about one stream file
 * @packets: packets of the stream, state packets not counted
 * @before: packets that had been overwritten when the recording began
 * @missing: packets missing after that
 * @events: events the headers say are in the packets of the file; of a stream
 *	whose beginning is missing, without those of its first packet
 * @has_all_events: the file holds the stream from its beginning, without a gap,
 *	so that @events is the exact number of events in it
 * @total_events: events in the stream since it began, as last known
 * @lost: events lost in the guest since the stream began, as last known
 * @lost_before: of them, those before the recording began
 * @subbufs_lost: of a window, sub-buffers overwritten unread
 * @has_gap: of a window, something is missing, even if @subbufs_lost is 0
 * @is_least: @subbufs_lost is the least number
 * @is_closed: the driver has closed the stream
 * @torn_bytes: bytes of a packet that is cut off at the end of the file
 * @unknown_bytes: bytes behind something that is no packet
 * @record_bytes: bytes inside packets that are no whole record
 * @heartbeats: heartbeat records
 * @heartbeat_gaps: numbers that are missing between the first and the last
 * @defects: what must not be, a sentence each (char *); bounded in number
 * @defect_count: all of them
 */
struct audit_stream {
	uint64_t packets;
	uint64_t before;
	uint64_t missing;
	uint64_t events;
	bool has_all_events;
	uint64_t total_events;
	uint64_t lost;
	uint64_t lost_before;
	uint64_t subbufs_lost;
	bool has_gap;
	bool is_least;
	bool is_closed;
	uint64_t torn_bytes;
	uint64_t unknown_bytes;
	uint64_t record_bytes;
	uint64_t heartbeats;
	uint64_t heartbeat_gaps;
	GPtrArray *defects;
	uint64_t defect_count;
};

/**
 * audit_stream - look through a stream file
 * @stream: the stream
 * @epoch: of the driver's life that it belongs to; 0 for a host stream
 * @generation: likewise
 * Return: the findings, to be freed with audit_stream_free().
 */
struct audit_stream *audit_stream(const struct recording_stream *stream, uint32_t epoch,
				  uint32_t generation);

/**
 * audit_must_be_closed - see whether a driver's streams must have been closed
 * @vm: the VM
 * @gen: the driver's life
 *
 * A driver whose place another one took in the same epoch has said goodbye. If
 * its streams are not closed, the recorder came too late for their end. But one
 * that another kernel replaced (kexec, also after a panic) has never closed them.
 *
 * Return: true if another driver followed in the same epoch, by other means.
 */
bool audit_must_be_closed(const struct recording_vm *vm, const struct recording_generation *gen);

/**
 * audit_add_defect - add a finding from elsewhere
 * @audit: the findings
 * @format: printf-like
 */
void audit_add_defect(struct audit_stream *audit, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * audit_has_loss - see whether events or packets are missing, from the stream's
 * beginning on
 * @audit: the findings
 * Return: true if so.
 */
bool audit_has_loss(const struct audit_stream *audit);

/**
 * audit_stream_free - free findings
 * @audit: the findings, or NULL
 */
void audit_stream_free(struct audit_stream *audit);

#endif
