/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ftrace sub-buffer, event by event: the content of a %VHT_PACKET_FTRACE or
 * %VHT_PACKET_WINDOW packet. Knows the ring buffer's framing and nothing of what the events mean.
 */
#ifndef HYPERTRACE_WIRE_PAGE_H
#define HYPERTRACE_WIRE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct page_cursor - a place in a sub-buffer
 * @data: the events, behind the sub-buffer's header
 * @size: bytes of @data that the commit word covers and that are there
 * @next: where the next event begins in @data
 * @time: of the event before @next, in the source's clock
 * @missed: the source says that events were lost before the sub-buffer
 * @missed_count: how many, 0 if it does not say
 * @damaged: the events do not end where the commit word says, or there are
 *	fewer bytes than it says
 */
struct page_cursor {
	const uint8_t *data;
	uint32_t size;
	uint32_t next;
	uint64_t time;
	bool missed;
	uint64_t missed_count;
	bool damaged;
};

/**
 * struct page_event - one event of a sub-buffer
 * @time: in the source's clock
 * @data: the event's record, common fields first
 * @size: bytes of it
 */
struct page_event {
	uint64_t time;
	const uint8_t *data;
	uint32_t size;
};

/**
 * page_cursor_init - begin with a sub-buffer
 * @cursor: to set
 * @page: the sub-buffer, as trace_pipe_raw gives it; nobody may change it
 * @size: bytes of it
 * @long_size: bytes of the guest's long, 4 or 8: the size of the commit word
 *
 * Without room for a header the cursor is empty and damaged.
 */
void page_cursor_init(struct page_cursor *cursor, const void *page, size_t size,
		      unsigned int long_size);

/**
 * page_cursor_next - take the next event
 * @cursor: the place; moved behind the event
 * @out: the event, written only if there is one
 * Return: false at the end.
 */
bool page_cursor_next(struct page_cursor *cursor, struct page_event *out);

#endif
