// SPDX-License-Identifier: GPL-2.0-only
/* One packet header, checked and converted; see packet.h. */
#include "wire/packet.h"

#include <endian.h>
#include <string.h>

const char *packet_defect_text(enum packet_defect defect)
{
	switch (defect) {
	case PACKET_OK:
		return "none";
	case PACKET_SHORT:
		return "cut off";
	case PACKET_BAD_MAGIC:
		return "bad magic";
	case PACKET_BAD_HEADER_SIZE:
		return "bad header size";
	case PACKET_BAD_SIZE:
		return "bad packet size";
	case PACKET_BAD_CONTENT_SIZE:
		return "bad content size";
	}
	return "unknown defect";
}

enum packet_defect packet_parse(const void *bytes, uint64_t size, struct packet_header *out)
{
	struct vht_packet raw;
	struct packet_header header;

	if (size < sizeof(raw))
		return PACKET_SHORT;
	memcpy(&raw, bytes, sizeof(raw));

	if (le32toh(raw.magic) != VHT_PACKET_MAGIC)
		return PACKET_BAD_MAGIC;

	header = (struct packet_header) {
		.header_size = le16toh(raw.header_size),
		.type = le16toh(raw.type),
		.stream_id = le32toh(raw.stream_id),
		.cpu = le32toh(raw.cpu),
		.epoch = le32toh(raw.epoch),
		.generation = le32toh(raw.generation),
		.flags = le32toh(raw.flags),
		.counter_width = le32toh(raw.counter_width),
		.sequence = le64toh(raw.sequence),
		.packet_size = le64toh(raw.packet_size),
		.content_size = le64toh(raw.content_size),
		.timestamp_begin = le64toh(raw.timestamp_begin),
		.timestamp_end = le64toh(raw.timestamp_end),
		.events = le64toh(raw.events),
		.events_discarded = le64toh(raw.events_discarded),
		.clock = le64toh(raw.clock),
		.counter = le64toh(raw.counter),
		.skip = le32toh(raw.skip),
		.subbufs_lost = le32toh(raw.subbufs_lost),
		.seen_after = le64toh(raw.seen_after),
		.seen_before = le64toh(raw.seen_before),
	};

	/*
	 * A pad may fill most of a ring, so the limit for packets does not
	 * hold for it; the ring's end, which is @size, does.
	 */
	if (header.packet_size == 0 || header.packet_size % VHT_PACKET_ALIGN != 0 ||
	    (header.type != VHT_PACKET_PAD && header.packet_size > VHT_PACKET_MAX_SIZE))
		return PACKET_BAD_SIZE;
	if (header.header_size < sizeof(raw) || header.header_size % 8 != 0 ||
	    header.header_size > header.packet_size)
		return PACKET_BAD_HEADER_SIZE;
	if (header.type == VHT_PACKET_PAD)
		header.content_size = 0;
	if (header.content_size > header.packet_size - header.header_size)
		return PACKET_BAD_CONTENT_SIZE;
	if (header.packet_size > size)
		return PACKET_SHORT;

	*out = header;
	return PACKET_OK;
}

void packet_build(const struct packet_header *header, struct vht_packet *out)
{
	memset(out, 0, sizeof(*out));
	out->magic = htole32(VHT_PACKET_MAGIC);
	out->header_size = htole16((uint16_t)header->header_size);
	out->type = htole16((uint16_t)header->type);
	out->stream_id = htole32(header->stream_id);
	out->cpu = htole32(header->cpu);
	out->epoch = htole32(header->epoch);
	out->generation = htole32(header->generation);
	out->flags = htole32(header->flags);
	out->counter_width = htole32(header->counter_width);
	out->sequence = htole64(header->sequence);
	out->packet_size = htole64(header->packet_size);
	out->content_size = htole64(header->content_size);
	out->timestamp_begin = htole64(header->timestamp_begin);
	out->timestamp_end = htole64(header->timestamp_end);
	out->events = htole64(header->events);
	out->events_discarded = htole64(header->events_discarded);
	out->clock = htole64(header->clock);
	out->counter = htole64(header->counter);
	out->skip = htole32(header->skip);
	out->subbufs_lost = htole32(header->subbufs_lost);
	out->seen_after = htole64(header->seen_after);
	out->seen_before = htole64(header->seen_before);
}
