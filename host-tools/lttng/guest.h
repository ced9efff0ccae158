/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sessions of LTTng in a guest, from what its driver brought: the metadata
 * stream tells which there are, with which channels, and has their text; the
 * packets in the CPUs' streams name the session, channel and CPU that they are of.
 *
 * Nothing is decoded. All of it comes from a guest: what cannot be is counted, told,
 * and left out.
 */
#ifndef HYPERTRACE_LTTNG_GUEST_H
#define HYPERTRACE_LTTNG_GUEST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lttng/layout.h"
#include "lttng/packet.h"
#include "recording/reader.h"

/**
 * struct lttng_guest_packet - a packet that can be used
 * @data: LTTng's packet, in the mapped file
 * @size: its bytes
 * @begin: LTTng's clock: none of its events is earlier
 * @end: none is later
 * @clock: a moment on LTTng's clock ...
 * @counter: ... and on the guest's counter; 0, 0: none
 * @file: the stream file that it is in
 * @is_left_out: who exports has found that it cannot be read
 */
struct lttng_guest_packet {
	const uint8_t *data;
	size_t size;
	uint64_t begin;
	uint64_t end;
	uint64_t clock;
	uint64_t counter;
	const struct recording_stream *file;
	bool is_left_out;
};

/**
 * struct lttng_guest_stream - what a channel recorded on one CPU
 * @channel: id of the channel
 * @cpu: of the guest
 * @packets: struct lttng_guest_packet[], in their order
 * @bytes: of these
 * @events: in these, as the driver counted; 0 where nobody counts
 * @has_events: there are events in these, counted or not
 * @before: packets that were gone when the recording began
 * @missing: packets missing after that: overwritten in LTTng's buffer or the ring
 * @discarded: events that the channel had no room for, by the last packet
 * @next: sequence number expected next
 * @last_begin: when the last packet began
 */
struct lttng_guest_stream {
	uint32_t channel;
	uint32_t cpu;
	GArray *packets;
	uint64_t bytes;
	uint64_t events;
	bool has_events;
	uint64_t before;
	uint64_t missing;
	uint64_t discarded;
	uint64_t next;
	uint64_t last_begin;
};

/**
 * struct lttng_guest_channel - a channel
 * @id: LTTng's
 * @mode: "discard" or "overwrite", or what the driver said
 * @name: printable ASCII
 */
struct lttng_guest_channel {
	uint32_t id;
	char *mode;
	char *name;
};

/**
 * struct lttng_guest_session - a session
 * @uuid: of its trace
 * @epoch: of the VM in which it was; with @uuid it tells sessions apart
 * @name: printable ASCII; "?" if nobody told
 * @creation_time: as LTTng writes it, or NULL
 * @format: "ctf1.8" or another, or NULL
 * @frequency: of LTTng's clock, Hz, 0 if nobody told
 * @is_told: the driver told of it
 * @has_ended: ... and of its end
 * @has_all_events: the @events of its streams are exact
 * @channels: struct lttng_guest_channel *, by id
 * @streams: struct lttng_guest_stream *, by channel and CPU
 * @texts: the versions of its text; see lttng_guest_text()
 * @late: events discarded behind the last packet that could tell: in none of @streams
 * @dropped: packets behind the last of their channel that the driver gave up, as it says
 * @left_out: packets that cannot be used, not in @streams
 * @defects: what must not be, a sentence each (char *); bounded in number
 * @defect_count: all of them
 */
struct lttng_guest_session {
	uint8_t uuid[LTTNG_UUID_SIZE];
	uint32_t epoch;
	char *name;
	char *creation_time;
	char *format;
	uint64_t frequency;
	bool is_told;
	bool has_ended;
	bool has_all_events;
	GPtrArray *channels;
	GPtrArray *streams;
	GPtrArray *texts;
	uint64_t late;
	uint64_t dropped;
	uint64_t left_out;
	GPtrArray *defects;
	uint64_t defect_count;
	/* private: by channel and CPU */
	GHashTable *stream_table;
};

/**
 * struct lttng_guest - LTTng in a VM
 * @sessions: struct lttng_guest_session *, as they were told of
 * @lost: events lost in all streams, as the driver counts them
 * @late: of these, what no packet and no session tells
 * @strange: packets that are no packet of LTTng's, or of no session known
 * @defects: what must not be and belongs to no session; bounded in number
 * @defect_count: all of them
 */
struct lttng_guest {
	GPtrArray *sessions;
	uint64_t lost;
	uint64_t late;
	uint64_t strange;
	GPtrArray *defects;
	uint64_t defect_count;
	/* private: by epoch and uuid */
	GHashTable *session_table;
};

/**
 * struct lttng_guest_totals - sums over a session's streams; see there
 * @discarded: with the session's late ones
 */
struct lttng_guest_totals {
	uint64_t packets;
	uint64_t bytes;
	uint64_t events;
	bool has_events;
	uint64_t before;
	uint64_t missing;
	uint64_t discarded;
};

/** lttng_guest_new - nothing yet; to be freed with lttng_guest_free() */
struct lttng_guest *lttng_guest_new(void);

/**
 * lttng_guest_read - what a recording has of a VM's LTTng
 * @vm: the VM; must stay as long as the result
 * Return: to be freed with lttng_guest_free().
 */
struct lttng_guest *lttng_guest_read(const struct recording_vm *vm);

/**
 * lttng_guest_has_packets - see whether any packet of LTTng's came of a VM
 * @vm: the VM
 * Return: true if so.
 */
bool lttng_guest_has_packets(const struct recording_vm *vm);

/**
 * lttng_guest_take_meta - take a record of a metadata stream
 * @guest: the guest
 * @epoch: of the stream
 * @record: any; those that are not LTTng's are none of our business
 */
void lttng_guest_take_meta(struct lttng_guest *guest, uint32_t epoch,
			   const struct meta_record *record);

/**
 * lttng_guest_take_stream - take all packets of a stream file
 * @guest: the guest, which has all metadata already
 * @epoch: of the stream
 * @file: one of %VHT_SOURCE_LTTNG; must stay as long as @guest
 */
void lttng_guest_take_stream(struct lttng_guest *guest, uint32_t epoch,
			     const struct recording_stream *file);

/**
 * lttng_guest_find - a session
 * @guest: the guest
 * @epoch: of the VM
 * @uuid: of the trace
 * Return: the session, or NULL.
 */
struct lttng_guest_session *lttng_guest_find(const struct lttng_guest *guest, uint32_t epoch,
					     const uint8_t uuid[LTTNG_UUID_SIZE]);

/** lttng_guest_add_defect - note what must not be and belongs to no session */
void lttng_guest_add_defect(struct lttng_guest *guest, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

/** lttng_guest_session_add_defect - note what must not be in a session */
void lttng_guest_session_add_defect(struct lttng_guest_session *session, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

/**
 * lttng_guest_text - the text of a session that declares most
 * @session: the session
 * @layout: what it declares, written on success; to be let go with lttng_layout_fini()
 * @error: %HT_ERROR_FORMAT: there is none, none is whole enough, or none of a form
 *	that is known
 * Return: CTF 1.8 metadata that ends with a declaration, with its first line, to be
 * freed with g_string_free(); or NULL.
 */
GString *lttng_guest_text(const struct lttng_guest_session *session, struct lttng_layout *layout,
			  GError **error);

/**
 * lttng_guest_totals - sum up a session
 * @session: the session
 * @totals: written
 */
void lttng_guest_totals(const struct lttng_guest_session *session,
			struct lttng_guest_totals *totals);

/**
 * lttng_guest_channel - a channel of a session
 * @session: the session
 * @id: LTTng's
 * Return: the channel, or NULL if the driver did not tell of it.
 */
const struct lttng_guest_channel *lttng_guest_channel(const struct lttng_guest_session *session,
						      uint32_t id);

/**
 * lttng_guest_channels_text - the channels of a session in a line
 * @session: the session
 * Return: e.g. "sched (discard), net (overwrite)", bounded, to be freed with g_free().
 */
char *lttng_guest_channels_text(const struct lttng_guest_session *session);

/** lttng_guest_free - free what lttng_guest_new() or lttng_guest_read() made, or NULL */
void lttng_guest_free(struct lttng_guest *guest);

#endif
