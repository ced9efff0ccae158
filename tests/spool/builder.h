/* SPDX-License-Identifier: GPL-2.0-only */
/* A spool's stream file, packet by packet, for tests. */
#ifndef SPOOL_BUILDER_H
#define SPOOL_BUILDER_H

#include <glib.h>
#include <string.h>

#include "recording/reader.h"

/* A stream file in the making. */
static GByteArray *bytes;
static uint64_t sequence;

static void begin(void)
{
	g_clear_pointer(&bytes, g_byte_array_unref);
	bytes = g_byte_array_new();
	sequence = 0;
}

/* A packet as the driver makes it; @claims: what it says of the data's size. */
static void put_claiming(uint64_t file, uint32_t flags, const char *path, size_t path_size,
			 uint64_t offset, const char *data, size_t size, uint64_t claims)
{
	struct vht_spool head = {
		.file = GUINT64_TO_LE(file),
		.offset = GUINT64_TO_LE(offset),
		.size = GUINT64_TO_LE(claims),
		.path_size = GUINT32_TO_LE(path_size),
		.flags = GUINT32_TO_LE(flags),
	};
	size_t room = (sizeof(head) + path_size + 7) & ~(size_t)7;
	struct packet_header header = {
		.header_size = sizeof(struct vht_packet),
		.type = VHT_PACKET_SPOOL,
		.sequence = sequence++,
		.content_size = room + size,
	};
	guint at = bytes->len;
	struct vht_packet outer;

	header.packet_size = (sizeof(outer) + header.content_size + VHT_PACKET_ALIGN - 1) &
			     ~(uint64_t)(VHT_PACKET_ALIGN - 1);
	packet_build(&header, &outer);
	g_byte_array_set_size(bytes, at + header.packet_size);
	memset(bytes->data + at, 0, header.packet_size);
	memcpy(bytes->data + at, &outer, sizeof(outer));
	memcpy(bytes->data + at + sizeof(outer), &head, sizeof(head));
	memcpy(bytes->data + at + sizeof(outer) + sizeof(head), path, path_size);
	memcpy(bytes->data + at + sizeof(outer) + room, data, size);
}

static void put(uint64_t file, uint32_t flags, const char *path, uint64_t offset,
		const char *data)
{
	put_claiming(file, flags, path, strlen(path), offset, data, strlen(data), strlen(data));
}

#endif
