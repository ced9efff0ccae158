// SPDX-License-Identifier: GPL-2.0-only
/*
 * The framing of ftrace's ring buffer. The format is described by the kernel's
 * include/linux/ring_buffer.h (enum ring_buffer_type) and by the tracefs files
 * events/header_page and events/header_event:
 *
 *	u64 timestamp; long commit; data[commit]; then, if the commit word says
 *	so, a long with the number of events missed before the sub-buffer
 *
 *	event: u32 with type_len in the lower 5 bits and time_delta above, then
 *	 1..28	data of type_len * 4 bytes
 *	 0	a u32 with the length of itself and the data, then the data
 *	 29	padding: time_delta 0: nothing follows; else a discarded event,
 *		followed by a u32 with the length of what is discarded
 *	 30	time extend: a u32 with bits 27 and up of a delta
 *	 31	time stamp: a u32 with bits 27 to 58 of an absolute time
 *
 * Every length is the guest's word and is checked before use.
 */
#include "wire/page.h"

#include <string.h>

#include "wire/bytes.h"

#define TYPE_PADDING		29
#define TYPE_TIME_EXTEND	30
#define TYPE_TIME_STAMP		31
#define TIME_SHIFT		27
/* Bits of the time that a time stamp does not carry. */
#define TIME_STAMP_TOP		(0xf8ULL << 56)

/* The commit word: flags of the reader side in bits that no length needs. */
#define COMMIT_MISSED_EVENTS	(1U << 31)
#define COMMIT_MISSED_STORED	(1U << 30)
#define COMMIT_LENGTH		((1U << 27) - 1)

void page_cursor_init(struct page_cursor *cursor, const void *page, size_t size,
		      unsigned int long_size)
{
	const uint8_t *bytes = page;
	size_t header = 8 + long_size;
	uint32_t commit, length;

	memset(cursor, 0, sizeof(*cursor));
	cursor->damaged = true;
	if (size < header)
		return;
	commit = get_u32(bytes + 8);
	length = commit & COMMIT_LENGTH;
	size -= header;
	cursor->data = bytes + header;
	cursor->damaged = length > size;
	cursor->size = cursor->damaged ? size : length;
	cursor->time = get_u64(bytes);
	cursor->missed = commit & COMMIT_MISSED_EVENTS;
	if (cursor->missed && commit & COMMIT_MISSED_STORED && size - cursor->size >= long_size)
		cursor->missed_count = long_size == 8 ? get_u64(cursor->data + cursor->size) :
							get_u32(cursor->data + cursor->size);
}

/* The events cannot be followed any further. */
static bool page_cursor_damaged(struct page_cursor *cursor)
{
	cursor->damaged = true;
	cursor->next = cursor->size;
	return false;
}

/* A time stamp has 59 bits: the rest is that of the last time, plus a wrap. */
static uint64_t page_time_stamp(uint64_t stamp, uint64_t last)
{
	if (last & TIME_STAMP_TOP) {
		stamp |= last & TIME_STAMP_TOP;
		if (stamp < last)
			stamp += 1ULL << 59;
	}
	return stamp;
}

bool page_cursor_next(struct page_cursor *cursor, struct page_event *out)
{
	while (cursor->size - cursor->next >= 4) {
		const uint8_t *at = cursor->data + cursor->next;
		uint32_t left = cursor->size - cursor->next - 4;
		uint32_t word = get_u32(at);
		uint32_t type = word & 31, delta = word >> 5;
		uint32_t length;

		if (type != 0 && type < TYPE_PADDING) {
			length = type * 4;
			if (length > left)
				return page_cursor_damaged(cursor);
			cursor->time += delta;
			cursor->next += 4 + length;
			*out = (struct page_event){ cursor->time, at + 4, length };
			return true;
		}
		if (type == TYPE_PADDING && delta == 0) {
			cursor->next = cursor->size;
			return false;
		}
		if (left < 4)
			return page_cursor_damaged(cursor);
		length = get_u32(at + 4);
		switch (type) {
		case TYPE_TIME_EXTEND:
			cursor->time += ((uint64_t)length << TIME_SHIFT) + delta;
			cursor->next += 8;
			break;
		case TYPE_TIME_STAMP:
			cursor->time = page_time_stamp(((uint64_t)length << TIME_SHIFT) + delta,
						       cursor->time);
			cursor->next += 8;
			break;
		case TYPE_PADDING:
			/* A delta of 0 would end the page, so 1 stands for it. */
			if (length > left || length < 4)
				return page_cursor_damaged(cursor);
			cursor->time += delta == 1 ? 0 : delta;
			cursor->next += 4 + ((length + 3) & ~3U);
			if (cursor->next > cursor->size)
				cursor->next = cursor->size;
			break;
		default:
			if (length > left || length < 4)
				return page_cursor_damaged(cursor);
			cursor->time += delta;
			cursor->next += 4 + ((length + 3) & ~3U);
			if (cursor->next > cursor->size)
				cursor->next = cursor->size;
			*out = (struct page_event){ cursor->time, at + 8, length - 4 };
			return true;
		}
	}
	if (cursor->next != cursor->size)
		cursor->damaged = true;
	return false;
}
