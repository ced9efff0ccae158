// SPDX-License-Identifier: GPL-2.0-only
/* The integrity of a stream file; see audit.h. */
#include "recording/audit.h"

#include <inttypes.h>

#include "wire/window.h"

/* Sentences kept of one stream; all are counted. */
#define MAX_DEFECTS	8

/**
 * struct walk - what is remembered from one packet to the next
 */
struct walk {
	struct audit_stream *audit;
	const struct recording_stream *stream;
	uint32_t epoch;
	uint32_t generation;
	uint64_t events;
	uint64_t discarded;
	uint64_t base_events;
	uint64_t next_heartbeat;
	bool has_heartbeat;
};

void audit_add_defect(struct audit_stream *audit, const char *format, ...)
{
	va_list args;

	audit->defect_count++;
	if (audit->defects->len >= MAX_DEFECTS)
		return;
	va_start(args, format);
	g_ptr_array_add(audit->defects, g_strdup_vprintf(format, args));
	va_end(args);
}

/**
 * check_heartbeats - see that numbers go up by one
 */
static void check_heartbeats(struct walk *walk, const struct recording_packet *packet)
{
	struct audit_stream *audit = walk->audit;
	struct record_cursor cursor;
	struct heartbeat beat;

	record_cursor_init(&cursor, packet->content, packet->header.content_size);
	while (record_next_heartbeat(&cursor, &beat)) {
		if (walk->has_heartbeat && beat.number < walk->next_heartbeat)
			audit_add_defect(audit, "heartbeat %" PRIu64 " after %" PRIu64
					 " at offset %" PRIu64, beat.number,
					 walk->next_heartbeat - 1, packet->offset);
		else if (walk->has_heartbeat)
			audit->heartbeat_gaps += beat.number - walk->next_heartbeat;
		walk->next_heartbeat = beat.number + 1;
		walk->has_heartbeat = true;
		audit->heartbeats++;
	}
	audit->record_bytes += cursor.left;
}

/**
 * check_records - see that the records of a packet fill it
 */
static void check_records(struct walk *walk, const struct recording_packet *packet)
{
	struct record_cursor cursor;
	struct meta_record meta;

	if (packet->header.type == VHT_PACKET_HEARTBEAT) {
		check_heartbeats(walk, packet);
	} else if (packet->header.type == VHT_PACKET_METADATA) {
		record_cursor_init(&cursor, packet->content, packet->header.content_size);
		while (record_next_meta(&cursor, &meta))
			;
		walk->audit->record_bytes += cursor.left;
	} else if (packet->header.type == VHT_PACKET_VMM) {
		walk->audit->record_bytes +=
			packet->header.content_size % sizeof(struct vht_vmm_event);
	} else if (packet->header.type == VHT_PACKET_CLOCK) {
		walk->audit->record_bytes +=
			packet->header.content_size % sizeof(struct vht_clock_record);
	} else if (packet->header.type == VHT_PACKET_VCPU) {
		walk->audit->record_bytes +=
			packet->header.content_size % sizeof(struct vht_vcpu_record);
	}
}

static void check_counters(struct walk *walk, const struct recording_packet *packet)
{
	const struct packet_header *header = &packet->header;
	struct audit_stream *audit = walk->audit;

	if (header->events < walk->events)
		audit_add_defect(audit, "events go back from %" PRIu64 " to %" PRIu64
				 " at offset %" PRIu64, walk->events, header->events,
				 packet->offset);
	if (header->events_discarded < walk->discarded)
		audit_add_defect(audit, "lost events go back from %" PRIu64 " to %" PRIu64
				 " at offset %" PRIu64, walk->discarded,
				 header->events_discarded, packet->offset);
	walk->events = header->events;
	walk->discarded = header->events_discarded;
}

static void check_packet(struct walk *walk, const struct recording_packet *packet)
{
	const struct packet_header *header = &packet->header;
	struct audit_stream *audit = walk->audit;

	if (packet->is_first)
		audit->before = packet->missing;
	else
		audit->missing += packet->missing;
	if (packet->is_first && header->sequence)
		walk->base_events = header->events;
	if (packet->is_step_back)
		audit_add_defect(audit, "sequence goes back to %" PRIu64 " at offset %" PRIu64,
				 header->sequence, packet->offset);
	if (walk->stream->has_state && header->stream_id != walk->stream->first_state.id)
		audit_add_defect(audit, "packet of stream %" PRIu32 " at offset %" PRIu64,
				 header->stream_id, packet->offset);
	if (walk->epoch &&
	    (header->epoch != walk->epoch || header->generation != walk->generation))
		audit_add_defect(audit, "packet of epoch %" PRIu32 ", driver %" PRIu32
				 " at offset %" PRIu64, header->epoch, header->generation,
				 packet->offset);
	if (audit->is_closed)
		audit_add_defect(audit, "packet after the stream was closed, at offset %" PRIu64,
				 packet->offset);
	if (header->timestamp_end < header->timestamp_begin)
		audit_add_defect(audit, "packet ends before it begins, at offset %" PRIu64,
				 packet->offset);
	if (header->type == VHT_PACKET_WINDOW) {
		audit->subbufs_lost += header->subbufs_lost;
		audit->has_gap |= !!(header->flags & VHT_PACKET_LOST_BEFORE);
		audit->is_least |= !!(header->flags & WINDOW_PACKET_AT_LEAST);
	}
	check_counters(walk, packet);
	check_records(walk, packet);
	audit->packets++;
	audit->is_closed = header->flags & VHT_PACKET_LAST;
}

/**
 * check_totals - compare the packets with what the last state packet says
 */
static void check_totals(struct walk *walk)
{
	const struct recording_stream *stream = walk->stream;
	struct audit_stream *audit = walk->audit;

	audit->total_events = walk->events;
	audit->lost = walk->discarded;
	if (stream->has_state) {
		audit->total_events = MAX(walk->events, stream->last_state.events);
		audit->lost = MAX(walk->discarded, stream->last_state.events_lost);
		audit->lost_before = stream->first_state.events_lost;
	}
	audit->has_all_events = !audit->before && !audit->missing;
	if (walk->events >= walk->base_events)
		audit->events = walk->events - walk->base_events;
	if (audit->heartbeats && audit->has_all_events && audit->heartbeats != walk->events)
		audit_add_defect(audit, "%" PRIu64 " heartbeats, but the packets say %" PRIu64,
				 audit->heartbeats, walk->events);
	/* [S7]: once the stream is closed, what was not written was lost */
	if (audit->heartbeats && audit->is_closed &&
	    walk->next_heartbeat > audit->total_events + audit->lost)
		audit_add_defect(audit, "%" PRIu64 " heartbeats were made, but %" PRIu64
				 " written and %" PRIu64 " lost", walk->next_heartbeat,
				 audit->total_events, audit->lost);
}

struct audit_stream *audit_stream(const struct recording_stream *stream, uint32_t epoch,
				  uint32_t generation)
{
	struct audit_stream *audit = g_new0(struct audit_stream, 1);
	struct walk walk = {
		.audit = audit,
		.stream = stream,
		.epoch = epoch,
		.generation = generation,
	};
	struct recording_cursor cursor;
	struct recording_packet packet;

	audit->defects = g_ptr_array_new_with_free_func(g_free);
	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type == VHT_PACKET_PAD)
			audit_add_defect(audit, "pad at offset %" PRIu64, packet.offset);
		else if (packet.header.type != VHT_PACKET_STATE)
			check_packet(&walk, &packet);
	}
	if (cursor.end == PACKET_SHORT)
		audit->torn_bytes = recording_cursor_rest(&cursor);
	else if (cursor.end != PACKET_OK)
		audit->unknown_bytes = recording_cursor_rest(&cursor);
	if (audit->torn_bytes)
		audit_add_defect(audit, "file ends in the middle of a packet: %" PRIu64 " bytes",
				 audit->torn_bytes);
	if (audit->unknown_bytes)
		audit_add_defect(audit, "%s at offset %" PRIu64 ": %" PRIu64
				 " bytes not understood", packet_defect_text(cursor.end),
				 cursor.offset, audit->unknown_bytes);
	if (audit->record_bytes)
		audit_add_defect(audit, "%" PRIu64 " bytes in packets are no whole records",
				 audit->record_bytes);
	if (stream->size && !stream->has_state)
		audit_add_defect(audit, "no state packet");
	check_totals(&walk);
	return audit;
}

bool audit_must_be_closed(const struct recording_vm *vm, const struct recording_generation *gen)
{
	guint i;

	/* nobody closes a window */
	if (!gen->generation)
		return false;
	if (gen->end.reason == VHT_END_KEXEC || gen->end.reason == VHT_END_PANIC)
		return false;
	for (i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *other = vm->generations->pdata[i];

		if (other->epoch == gen->epoch && other->generation > gen->generation)
			return true;
	}
	return false;
}

bool audit_has_loss(const struct audit_stream *audit)
{
	return audit->before || audit->missing || audit->lost || audit->has_gap ||
	       audit->subbufs_lost;
}

void audit_stream_free(struct audit_stream *audit)
{
	if (!audit)
		return;
	g_ptr_array_unref(audit->defects);
	g_free(audit);
}
