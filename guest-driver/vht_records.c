// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records of the metadata stream on their way into a packet. Where the stream has no
 * room for the packet the sender sleeps; the drain timers look for room.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vht_internal.h"

static bool vht_records_is_interrupted(const struct vht_records *records)
{
	return kthread_should_stop() ||
	       test_bit(VHT_REQUEST_SET, &records->metadata->requests);
}

static void vht_records_stamp(const struct vht_records *records, struct vht_packet_info *info)
{
	info->clock = vht_counter();
	info->counter = info->clock;
	/* The thread may have come from a CPU whose counter is ahead. */
	info->timestamp_end = max(records->begin, info->clock);
}

/**
 * vht_records_wait - wait until there is room
 *
 * @records: the records
 *
 * Context: process.
 *
 * Return: 0, or -EINTR: another set was asked for, give up this one.
 */
int vht_records_wait(struct vht_records *records)
{
	struct vht_metadata *metadata = records->metadata;

	WRITE_ONCE(metadata->waiting, true);
	wake_up(&metadata->wait);
	wait_event_idle(metadata->wait, vht_metadata_has_room(metadata) ||
			vht_records_is_interrupted(records));
	WRITE_ONCE(metadata->waiting, false);
	return vht_records_is_interrupted(records) ? -EINTR : 0;
}

/**
 * vht_records_flush - put what was collected into the ring
 *
 * @records: the records; empty afterwards, unless there was no room
 *
 * Context: process.
 *
 * Return: 0; -EINTR: another set was asked for, give up this one; -ENOSPC: there is no room,
 * and the sender does not wait.
 */
int vht_records_flush(struct vht_records *records)
{
	struct vht_metadata *metadata = records->metadata;
	struct vht_packet_info info = { .type = VHT_PACKET_METADATA };
	int ret;

	records->open = NULL;
	if (!records->len)
		return 0;
	info.timestamp_begin = records->begin;
	for (;;) {
		vht_records_stamp(records, &info);
		ret = vht_metadata_put(metadata, &info, records->buf, records->len);
		if (ret != -ENOSPC)
			break;
		if (!records->wait)
			return ret;
		ret = vht_records_wait(records);
		if (ret)
			return ret;
	}
	records->len = 0;
	return 0;
}
EXPORT_SYMBOL_GPL(vht_records_flush);

/**
 * vht_records_begin - begin a record
 *
 * @records: the records
 * @type: VHT_META_*
 * @arg: see VHT_META_*
 * @size: bytes of payload that the caller is to write behind it
 *
 * Return: the record, or an ERR_PTR as of vht_records_flush(), or of -EMSGSIZE.
 */
struct vht_meta *vht_records_begin(struct vht_records *records, u32 type, u64 arg, size_t size)
{
	struct vht_meta *meta;

	if (sizeof(*meta) + size > VHT_META_PACKET)
		return ERR_PTR(-EMSGSIZE);
	records->len = ALIGN(records->len, 8);
	if (records->len + sizeof(*meta) + size > VHT_META_PACKET) {
		int ret = vht_records_flush(records);

		if (ret)
			return ERR_PTR(ret);
	}
	if (!records->len)
		records->begin = vht_counter();
	meta = (struct vht_meta *)(records->buf + records->len);
	meta->type = cpu_to_le32(type);
	meta->size = cpu_to_le32(size);
	meta->arg = cpu_to_le64(arg);
	records->len += sizeof(*meta) + size;
	/* The padding. */
	memset(records->buf + records->len, 0,
	       min(ALIGN(records->len, 8), VHT_META_PACKET) - records->len);
	records->open = NULL;
	return meta;
}
EXPORT_SYMBOL_GPL(vht_records_begin);

/**
 * vht_records_add - add a record
 *
 * @records: the records
 * @type: VHT_META_*
 * @arg: see VHT_META_*
 * @payload: of it
 * @size: of that, bytes
 *
 * Return: as of vht_records_flush(), or -EMSGSIZE.
 */
int vht_records_add(struct vht_records *records, u32 type, u64 arg, const void *payload,
		    size_t size)
{
	struct vht_meta *meta = vht_records_begin(records, type, arg, size);

	if (IS_ERR(meta))
		return PTR_ERR(meta);
	memcpy(meta + 1, payload, size);
	return 0;
}
EXPORT_SYMBOL_GPL(vht_records_add);

/**
 * vht_records_add_line - add a line to a record of text, or begin another if that is full
 *
 * @records: the records
 * @type: VHT_META_*, of text
 * @line: without its end
 * @len: of it, bytes; far less than a packet
 *
 * Return: as of vht_records_flush().
 */
int vht_records_add_line(struct vht_records *records, u32 type, const char *line, size_t len)
{
	struct vht_meta *meta = records->open;
	char *end;

	if (!meta || le32_to_cpu(meta->type) != type ||
	    records->len + len + 1 > VHT_META_PACKET - 8) {
		/* Room for this line and padding; the record grows line by line. */
		meta = vht_records_begin(records, type, 0, len + 8);
		if (IS_ERR(meta))
			return PTR_ERR(meta);
		meta->size = 0;
		records->len -= len + 8;
		records->open = meta;
	}
	end = (char *)records->buf + records->len;
	memcpy(end, line, len);
	end[len] = '\n';
	/* Padding, until the next line or record. */
	memset(end + len + 1, 0, 7);
	records->len += len + 1;
	le32_add_cpu(&meta->size, len + 1);
	return 0;
}

/* Cuts what a file gives into lines. */
struct vht_lines {
	struct vht_records *records;
	u32 type;
	bool (*wants)(const char *line, size_t len);
	size_t carried;
	char carry[1024];
};

static int vht_lines_add(struct vht_lines *lines, const char *line, size_t len)
{
	if (!len || (lines->wants && !lines->wants(line, len)))
		return 0;
	return vht_records_add_line(lines->records, lines->type, line, len);
}

static int vht_lines_sink(void *context, const char *text, size_t len)
{
	struct vht_lines *lines = context;
	int ret;

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t part = end ? end - text : len;

		if (lines->carried || !end) {
			/* A line longer than that is cut. */
			size_t n = min(part, sizeof(lines->carry) - lines->carried);

			memcpy(lines->carry + lines->carried, text, n);
			lines->carried += n;
			if (end) {
				ret = vht_lines_add(lines, lines->carry, lines->carried);
				lines->carried = 0;
				if (ret)
					return ret;
			}
		} else {
			ret = vht_lines_add(lines, text, part);
			if (ret)
				return ret;
		}
		part += end ? 1 : 0;
		text += part;
		len -= part;
	}
	return 0;
}

/**
 * vht_records_add_file - add the lines of a file
 *
 * @records: the records
 * @type: VHT_META_*, of text
 * @read: what reads it
 * @path: of the file
 * @first: number of the record of the file to begin with, 0 for all
 * @wants: is the line wanted? NULL: all are
 *
 * A file that cannot be read is left out: the rest is of use without it.
 *
 * Context: process.
 *
 * Return: 0 or -EINTR.
 */
int vht_records_add_file(struct vht_records *records, u32 type, vht_file_read read,
			 const char *path, loff_t first,
			 bool (*wants)(const char *line, size_t len))
{
	struct vht_lines *lines = kzalloc(sizeof(*lines), GFP_KERNEL);
	int ret;

	if (!lines)
		return 0;
	lines->records = records;
	lines->type = type;
	lines->wants = wants;
	ret = read(path, first, vht_lines_sink, lines);
	if (!ret && lines->carried)
		ret = vht_lines_add(lines, lines->carry, lines->carried);
	kfree(lines);
	return ret == -EINTR ? ret : 0;
}
