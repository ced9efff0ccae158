// SPDX-License-Identifier: GPL-2.0-only
/* One stream table entry, converted; see stream.h. */
#include "wire/stream.h"

#include <endian.h>
#include <string.h>

#include "wire/text.h"

void stream_entry_parse(const void *bytes, struct stream_entry *out)
{
	struct vht_stream raw;

	memcpy(&raw, bytes, sizeof(raw));
	*out = (struct stream_entry) {
		.id = le32toh(raw.id),
		.source = le16toh(raw.source),
		.flags = le16toh(raw.flags),
		.cpu = le32toh(raw.cpu),
		.clock = le32toh(raw.clock),
		.ring_offset = le64toh(raw.ring_offset),
		.ring_size = le64toh(raw.ring_size),
		.head = le64toh(raw.head),
		.begin = le64toh(raw.begin),
		.packets = le64toh(raw.packets),
		.events = le64toh(raw.events),
		.events_lost = le64toh(raw.events_lost),
		.overwritten = le64toh(raw.overwritten),
		.drain_counter = le64toh(raw.drain_counter),
	};
	text_copy(out->name, raw.name, sizeof(raw.name));
}

void stream_entry_build(const struct stream_entry *entry, struct vht_stream *out)
{
	memset(out, 0, sizeof(*out));
	out->id = htole32(entry->id);
	out->source = htole16(entry->source);
	out->flags = htole16(entry->flags);
	out->cpu = htole32(entry->cpu);
	out->clock = htole32(entry->clock);
	out->ring_offset = htole64(entry->ring_offset);
	out->ring_size = htole64(entry->ring_size);
	memcpy(out->name, entry->name, sizeof(out->name));
	out->head = htole64(entry->head);
	out->begin = htole64(entry->begin);
	out->packets = htole64(entry->packets);
	out->events = htole64(entry->events);
	out->events_lost = htole64(entry->events_lost);
	out->overwritten = htole64(entry->overwritten);
	out->drain_counter = htole64(entry->drain_counter);
}

const char *source_word(uint16_t source)
{
	switch (source) {
	case VHT_SOURCE_VMM:
		return "vmm";
	case VHT_SOURCE_METADATA:
		return "metadata";
	case VHT_SOURCE_FTRACE:
		return "ftrace";
	case VHT_SOURCE_HEARTBEAT:
		return "heartbeat";
	case VHT_SOURCE_LTTNG:
		return "lttng";
	case VHT_SOURCE_WINDOW:
		return "window";
	case VHT_SOURCE_SPOOL:
		return "spool";
	default:
		return NULL;
	}
}
