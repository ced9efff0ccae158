// SPDX-License-Identifier: GPL-2.0-only
/* The packets of LTTng's sessions in a guest, judged and sorted; see guest.h. */
#include <inttypes.h>
#include <string.h>

#include "lttng/guest.h"

/* A file each, when it is exported. */
#define MAX_STREAMS	16384

/**
 * struct walk - a stream file being read
 * @events: as the last packet said
 * @begins_at_0: it has the stream from its beginning on
 */
struct walk {
	struct lttng_guest *guest;
	uint32_t epoch;
	const struct recording_stream *file;
	uint64_t events;
	bool begins_at_0;
};

/* What LTTng's packet is part of on its CPU. The first two fields, as a number, are the key. */
static uint64_t stream_key(uint32_t channel, uint32_t cpu)
{
	struct lttng_guest_stream stream = { .channel = channel, .cpu = cpu };
	uint64_t key;

	memcpy(&key, &stream, sizeof(key));
	return key;
}

/* Return: NULL if there are too many. */
static struct lttng_guest_stream *need_stream(struct lttng_guest_session *session,
					      const struct lttng_packet *packet)
{
	uint64_t key = stream_key(packet->channel, packet->cpu);
	struct lttng_guest_stream *stream = g_hash_table_lookup(session->stream_table, &key);

	if (stream || session->streams->len >= MAX_STREAMS)
		return stream;
	stream = g_new0(struct lttng_guest_stream, 1);
	stream->channel = packet->channel;
	stream->cpu = packet->cpu;
	stream->packets = g_array_new(FALSE, FALSE, sizeof(struct lttng_guest_packet));
	g_ptr_array_add(session->streams, stream);
	g_hash_table_add(session->stream_table, stream);
	if (!lttng_guest_channel(session, packet->channel))
		lttng_guest_session_add_defect(session, "nobody told of its channel %" PRIu32,
					       packet->channel);
	return stream;
}

/**
 * check_order - see whether a packet can come behind those that are there
 * Return: why not, or NULL.
 */
static const char *check_order(const struct lttng_guest_stream *stream,
			       const struct lttng_packet *packet)
{
	if (!stream->packets->len)
		return NULL;
	if (packet->sequence < stream->next)
		return "its number goes back";
	if (packet->begin < stream->last_begin)
		return "its time goes back";
	if (packet->discarded < stream->discarded)
		return "its count of discarded events goes back";
	return NULL;
}

/* Count what is missing before a packet. */
static void count_missing(const struct walk *walk, struct lttng_guest_stream *stream,
			  const struct lttng_packet *packet)
{
	if (stream->packets->len || walk->begins_at_0)
		stream->missing += packet->sequence - stream->next;
	else
		stream->before = packet->sequence;
}

static void put_packet(struct walk *walk, struct lttng_guest_stream *stream,
		       const struct lttng_packet *packet, const struct recording_packet *outer,
		       uint64_t events)
{
	struct lttng_guest_packet entry = {
		.data = outer->content,
		.size = packet->size,
		.begin = packet->begin,
		.end = packet->end,
		.clock = outer->header.clock,
		.counter = outer->header.counter,
		.file = walk->file,
	};

	count_missing(walk, stream, packet);
	stream->next = packet->sequence + 1;
	stream->last_begin = packet->begin;
	stream->discarded = packet->discarded;
	stream->bytes += packet->size;
	stream->events += events;
	stream->has_events |= packet->content_size > LTTNG_PACKET_HEADER_SIZE;
	g_array_append_val(stream->packets, entry);
}

/* See whether what is around LTTng's packet says the same as it does. */
static void check_outer(struct lttng_guest_session *session, const struct lttng_packet *packet,
			const struct recording_packet *outer, const struct recording_stream *file)
{
	if (packet->cpu != file->cpu)
		lttng_guest_session_add_defect(session, "packet of CPU %" PRIu32
					       " in %s at offset %" PRIu64, packet->cpu,
					       file->file_name, outer->offset);
	if (packet->begin != outer->header.timestamp_begin ||
	    packet->end != outer->header.timestamp_end)
		lttng_guest_session_add_defect(session, "the times of a packet in %s at offset %"
					       PRIu64 " are not those around it",
					       file->file_name, outer->offset);
}

/**
 * count_events - how many events a packet has, by the driver's count of its stream
 * @is_exact: set if that is so; else some are of packets that are missing
 */
static uint64_t count_events(struct walk *walk, const struct recording_packet *outer,
			     bool *is_exact)
{
	uint64_t before = walk->events;

	walk->events = outer->header.events;
	*is_exact = !outer->missing && !outer->is_step_back && outer->header.events >= before;
	/* of the first one only where that is the stream's */
	if (outer->is_first && outer->header.sequence)
		return 0;
	return outer->header.events >= before ? outer->header.events - before : 0;
}

static void take_packet(struct walk *walk, const struct recording_packet *outer)
{
	enum lttng_packet_defect defect;
	struct lttng_guest_session *session;
	struct lttng_guest_stream *stream;
	struct lttng_packet packet;
	const char *problem;
	uint64_t events;
	bool is_exact;

	events = count_events(walk, outer, &is_exact);
	defect = lttng_packet_parse(outer->content, outer->header.content_size, &packet);
	session = defect == LTTNG_PACKET_OK ?
		  lttng_guest_find(walk->guest, walk->epoch, packet.uuid) : NULL;
	if (!session) {
		walk->guest->strange++;
		lttng_guest_add_defect(walk->guest, "packet in %s at offset %" PRIu64 ": %s",
				       walk->file->file_name, outer->offset,
				       defect == LTTNG_PACKET_OK ? "it is of no session known" :
				       lttng_packet_defect_text(defect));
		return;
	}
	session->has_all_events &= is_exact;
	check_outer(session, &packet, outer, walk->file);
	stream = need_stream(session, &packet);
	problem = stream ? check_order(stream, &packet) : "it is of one channel too many";
	if (problem) {
		session->left_out++;
		lttng_guest_session_add_defect(session, "packet in %s at offset %" PRIu64 ": %s",
					       walk->file->file_name, outer->offset, problem);
		return;
	}
	put_packet(walk, stream, &packet, outer, events);
}

void lttng_guest_take_stream(struct lttng_guest *guest, uint32_t epoch,
			     const struct recording_stream *file)
{
	struct walk walk = { .guest = guest, .epoch = epoch, .file = file };
	struct recording_cursor cursor;
	struct recording_packet packet;
	uint64_t lost = file->has_state ? file->last_state.events_lost : 0;

	recording_cursor_init(&cursor, file);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.is_first)
			walk.begins_at_0 = !packet.header.sequence;
		if (packet.header.type == VHT_PACKET_LTTNG)
			lost = MAX(lost, packet.header.events_discarded);
		/* one without content closes the stream */
		if (packet.header.type == VHT_PACKET_LTTNG && packet.header.content_size)
			take_packet(&walk, &packet);
	}
	guest->lost += lost;
}

void lttng_guest_totals(const struct lttng_guest_session *session,
			struct lttng_guest_totals *totals)
{
	*totals = (struct lttng_guest_totals) { .discarded = session->late };
	for (guint i = 0; i < session->streams->len; i++) {
		const struct lttng_guest_stream *stream = session->streams->pdata[i];

		totals->packets += stream->packets->len;
		totals->bytes += stream->bytes;
		totals->events += stream->events;
		totals->has_events |= stream->has_events;
		totals->before += stream->before;
		totals->missing += stream->missing;
		totals->discarded += stream->discarded;
	}
}

bool lttng_guest_has_packets(const struct recording_vm *vm)
{
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *gen = vm->generations->pdata[i];

		for (guint j = 0; j < gen->streams->len; j++) {
			const struct recording_stream *stream = gen->streams->pdata[j];
			struct recording_cursor cursor;
			struct recording_packet packet;

			recording_cursor_init(&cursor, stream);
			while (stream->source == VHT_SOURCE_LTTNG &&
			       recording_cursor_next(&cursor, &packet))
				if (packet.header.type == VHT_PACKET_LTTNG &&
				    packet.header.content_size)
					return true;
		}
	}
	return false;
}
