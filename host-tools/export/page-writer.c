// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring buffer's framing, written: wire/page.c says what it looks like.
 *
 * The first event's time is the sub-buffer's own, so its delta is 0. A delta with
 * more than 27 bits takes a time extend of 59 bits before the event, one with more
 * another sub-buffer. Of events lost before the sub-buffer the commit word has a
 * flag, and another if their number stands behind the events.
 */
#include "export/page-writer.h"

#include <glib.h>
#include <string.h>

#define TYPE_TIME_EXTEND	30
#define TIME_SHIFT		27
#define MAX_DELTA		((1ULL << TIME_SHIFT) - 1)
#define MAX_EXTENDED_DELTA	((1ULL << (TIME_SHIFT + 32)) - 1)
/* Words of data that the event's first word can tell. */
#define MAX_SHORT_WORDS		28

#define COMMIT_MISSED_EVENTS	(1U << 31)
#define COMMIT_MISSED_STORED	(1U << 30)

void page_writer_init(struct page_writer *writer, uint32_t size, unsigned int long_size)
{
	memset(writer, 0, sizeof(*writer));
	writer->size = CLAMP(size, PAGE_WRITER_MIN, PAGE_WRITER_MAX);
	writer->header = 8 + long_size;
	writer->bytes = g_malloc0(writer->size);
}

void page_writer_fini(struct page_writer *writer)
{
	g_free(writer->bytes);
	writer->bytes = NULL;
}

void page_writer_missed(struct page_writer *writer, uint64_t count)
{
	/* A number added to an unknown one is unknown. */
	if (!count || (writer->missed && !writer->missed_count))
		writer->missed_count = 0;
	else
		writer->missed_count += count;
	writer->missed = true;
}

static void put_u32(uint8_t *at, uint32_t value)
{
	value = GUINT32_TO_LE(value);
	memcpy(at, &value, sizeof(value));
}

static void put_u64(uint8_t *at, uint64_t value)
{
	value = GUINT64_TO_LE(value);
	memcpy(at, &value, sizeof(value));
}

/* Bytes for events. Room for the number of the missed is always kept. */
static uint32_t page_writer_room(const struct page_writer *writer)
{
	return writer->size - writer->header - 8;
}

static void append_u32(struct page_writer *writer, uint32_t value)
{
	put_u32(writer->bytes + writer->header + writer->used, value);
	writer->used += 4;
}

enum page_put page_writer_put(struct page_writer *writer, uint64_t time, const void *data,
			      uint32_t size)
{
	bool is_short = size && size % 4 == 0 && size / 4 <= MAX_SHORT_WORDS;
	uint64_t delta = writer->events && time > writer->time ? time - writer->time : 0;
	uint64_t padded = ((uint64_t)size + 3) / 4 * 4;
	uint64_t needed = (is_short ? 4 : 8) + padded;
	uint8_t *at;

	if (needed > page_writer_room(writer))
		return PAGE_PUT_TOO_BIG;
	if (delta > MAX_DELTA)
		needed += 8;
	if (delta > MAX_EXTENDED_DELTA || needed > page_writer_room(writer) - writer->used)
		return PAGE_PUT_FULL;
	if (!writer->events)
		put_u64(writer->bytes, time);
	if (delta > MAX_DELTA) {
		append_u32(writer, (uint32_t)(delta & MAX_DELTA) << 5 | TYPE_TIME_EXTEND);
		append_u32(writer, delta >> TIME_SHIFT);
	}
	append_u32(writer, (uint32_t)(delta > MAX_DELTA ? 0 : delta) << 5 |
			   (is_short ? size / 4 : 0));
	if (!is_short)
		append_u32(writer, size + 4);
	at = writer->bytes + writer->header + writer->used;
	memcpy(at, data, size);
	memset(at + size, 0, padded - size);
	writer->used += padded;
	writer->time = writer->events ? writer->time + delta : time;
	writer->events++;
	return PAGE_PUT_OK;
}

const uint8_t *page_writer_take(struct page_writer *writer)
{
	uint32_t commit = writer->used, end = writer->header + writer->used;

	/* What an earlier, fuller sub-buffer left. */
	memset(writer->bytes + end, 0, writer->size - end);
	if (writer->missed)
		commit |= COMMIT_MISSED_EVENTS;
	if (writer->missed_count) {
		commit |= COMMIT_MISSED_STORED;
		if (writer->header == 16)
			put_u64(writer->bytes + end, writer->missed_count);
		else
			put_u32(writer->bytes + end, MIN(writer->missed_count, G_MAXUINT32));
	}
	memset(writer->bytes + 8, 0, writer->header - 8);
	put_u32(writer->bytes + 8, commit);
	writer->used = 0;
	writer->events = 0;
	writer->time = 0;
	writer->missed = false;
	writer->missed_count = 0;
	return writer->bytes;
}
