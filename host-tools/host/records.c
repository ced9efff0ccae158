// SPDX-License-Identifier: GPL-2.0-only
/* Packing metadata records into packets; see records.h. */
#include "host/records.h"

#include <string.h>

#include "clock.h"

#define RECORD_ALIGN	8

void host_records_init(struct host_records *records, struct host_stream *stream)
{
	records->stream = stream;
	records->content = g_byte_array_sized_new(HOST_RECORDS_SIZE);
	records->open = -1;
	records->begin_ns = 0;
}

void host_records_fini(struct host_records *records)
{
	g_byte_array_unref(records->content);
}

void host_records_flush(struct host_records *records)
{
	const struct host_packet packet = {
		.type = VHT_PACKET_METADATA,
		.begin_ns = records->begin_ns,
		.end_ns = clock_mono_ns(),
	};

	records->open = -1;
	if (!records->content->len)
		return;
	host_stream_put(records->stream, &packet, records->content->data, records->content->len);
	g_byte_array_set_size(records->content, 0);
}

static void append_zeros(GByteArray *bytes, size_t size)
{
	guint end = bytes->len;

	g_byte_array_set_size(bytes, end + size);
	memset(bytes->data + end, 0, size);
}

/**
 * begin - begin a record, in a new packet if @size bytes have no room in this one
 * Return: false if they have no room in any.
 */
static bool begin(struct host_records *records, uint32_t type, uint64_t arg, size_t size)
{
	struct vht_meta meta = { .type = GUINT32_TO_LE(type), .arg = GUINT64_TO_LE(arg) };
	GByteArray *content = records->content;

	if (size > HOST_RECORDS_SIZE - sizeof(meta) - RECORD_ALIGN)
		return false;
	append_zeros(content, -content->len % RECORD_ALIGN);
	if (content->len + sizeof(meta) + size > HOST_RECORDS_SIZE)
		host_records_flush(records);
	if (!content->len)
		records->begin_ns = clock_mono_ns();
	records->open = content->len;
	g_byte_array_append(content, (const uint8_t *)&meta, sizeof(meta));
	return true;
}

/**
 * grow - add bytes to the record begun last
 */
static void grow(struct host_records *records, const void *bytes, size_t size)
{
	struct vht_meta meta;

	g_byte_array_append(records->content, bytes, size);
	memcpy(&meta, records->content->data + records->open, sizeof(meta));
	meta.size = GUINT32_TO_LE(GUINT32_FROM_LE(meta.size) + size);
	memcpy(records->content->data + records->open, &meta, sizeof(meta));
}

void host_records_add(struct host_records *records, uint32_t type, uint64_t arg,
		      const void *payload, size_t size)
{
	if (!begin(records, type, arg, size))
		return;
	grow(records, payload, size);
	records->open = -1;
}

/**
 * is_open_for - see whether the record begun last can take a line
 */
static bool is_open_for(const struct host_records *records, uint32_t type, size_t size)
{
	struct vht_meta meta;

	if (records->open < 0 || records->content->len + size > HOST_RECORDS_SIZE - RECORD_ALIGN)
		return false;
	memcpy(&meta, records->content->data + records->open, sizeof(meta));
	return GUINT32_FROM_LE(meta.type) == type;
}

void host_records_add_line(struct host_records *records, uint32_t type, const char *line,
			   size_t size)
{
	if (!is_open_for(records, type, size + 1) && !begin(records, type, 0, size + 1))
		return;
	grow(records, line, size);
	grow(records, "\n", 1);
}
