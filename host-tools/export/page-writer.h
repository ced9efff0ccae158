/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes one sub-buffer as ftrace lays it out: the other direction of
 * wire/page.h, which reads what this writes.
 */
#ifndef HT_EXPORT_PAGE_WRITER_H
#define HT_EXPORT_PAGE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_WRITER_MIN		4096
#define PAGE_WRITER_MAX		(1U << 20)

/**
 * struct page_writer - a sub-buffer being written
 * @bytes: the sub-buffer, @size of them
 * @size: bytes of it with its header
 * @header: bytes of the header: the time and the commit word
 * @used: bytes of events
 * @time: of the last event; 0 without one
 * @events: how many there are
 * @missed: events were lost before the first
 * @missed_count: how many, 0 if that is not known
 */
struct page_writer {
	uint8_t *bytes;
	uint32_t size;
	uint32_t header;
	uint32_t used;
	uint64_t time;
	uint32_t events;
	bool missed;
	uint64_t missed_count;
};

/**
 * enum page_put - what page_writer_put() did
 * @PAGE_PUT_OK: the event is in the sub-buffer
 * @PAGE_PUT_FULL: it is not; it will be if put into an empty one
 * @PAGE_PUT_TOO_BIG: it fits into no sub-buffer of this size
 */
enum page_put {
	PAGE_PUT_OK,
	PAGE_PUT_FULL,
	PAGE_PUT_TOO_BIG,
};

/**
 * page_writer_init - begin with an empty sub-buffer
 * @writer: memory for it
 * @size: bytes of a sub-buffer, from %PAGE_WRITER_MIN to %PAGE_WRITER_MAX
 * @long_size: bytes of the commit word, 4 or 8
 */
void page_writer_init(struct page_writer *writer, uint32_t size, unsigned int long_size);

/** page_writer_fini - give back what page_writer_init() took */
void page_writer_fini(struct page_writer *writer);

/**
 * page_writer_missed - events were lost before the next one
 * @writer: an empty sub-buffer
 * @count: how many, 0 if that is not known; several calls add up
 */
void page_writer_missed(struct page_writer *writer, uint64_t count);

/**
 * page_writer_put - put an event behind the others
 * @writer: the sub-buffer
 * @time: of the event; one before the event before is taken as equal to it
 * @data: the event's record
 * @size: bytes of it
 * Return: whether it is there now.
 */
enum page_put page_writer_put(struct page_writer *writer, uint64_t time, const void *data,
			      uint32_t size);

/**
 * page_writer_take - the whole sub-buffer; the next one begins empty
 * @writer: the sub-buffer
 * Return: @writer->size bytes, until the next call.
 */
const uint8_t *page_writer_take(struct page_writer *writer);

#endif
