// SPDX-License-Identifier: GPL-2.0-only
/* The framing of ftrace's sub-buffers: hand-made pages, good and bad. */
#include "../host/tap.h"

#include <string.h>

#include "wire/page.h"

struct page {
	uint8_t data[512];
	uint32_t size;		/* of header and events */
};

static void put32(struct page *page, uint32_t value)
{
	value = GUINT32_TO_LE(value);
	memcpy(page->data + page->size, &value, 4);
	page->size += 4;
}

static void put64(struct page *page, uint64_t value)
{
	put32(page, (uint32_t)value);
	put32(page, value >> 32);
}

static void page_begin(struct page *page, uint64_t time)
{
	memset(page, 0, sizeof(*page));
	put64(page, time);
	put64(page, 0);
}

/* Set the commit word: what is there, plus flags. */
static void page_commit(struct page *page, uint32_t length, uint32_t flags)
{
	uint32_t word = GUINT32_TO_LE(length | flags);

	memcpy(page->data + 8, &word, 4);
}

static void page_end(struct page *page)
{
	page_commit(page, page->size - 16, 0);
}

static uint32_t head(uint32_t type, uint32_t delta)
{
	return delta << 5 | type;
}

/* A copy of just its size, so that a step beyond it is seen. */
static void *copy_of(const struct page *page, size_t size)
{
	static void *copy;

	g_free(copy);
	copy = size ? g_memdup2(page->data, size) : NULL;
	return copy;
}

static struct page_cursor begin(const struct page *page)
{
	struct page_cursor cursor;

	page_cursor_init(&cursor, copy_of(page, page->size), page->size, 8);
	return cursor;
}

static bool next_is(struct page_cursor *cursor, uint64_t time, uint32_t size, uint8_t first)
{
	struct page_event event;

	return page_cursor_next(cursor, &event) && event.time == time && event.size == size &&
	       event.data[0] == first;
}

static bool at_end(struct page_cursor *cursor, bool damaged)
{
	struct page_event event;

	return !page_cursor_next(cursor, &event) && !page_cursor_next(cursor, &event) &&
	       cursor->damaged == damaged;
}

static void test_good(void)
{
	struct page page;
	struct page_cursor cursor;

	page_begin(&page, 1000);
	put32(&page, head(2, 5));
	put64(&page, 0x11);
	put32(&page, head(0, 7));
	put32(&page, 4 + 12);
	put32(&page, 0x22);
	put64(&page, 0);
	page_end(&page);
	cursor = begin(&page);
	ok(next_is(&cursor, 1005, 8, 0x11), "small event: its words follow its head");
	ok(next_is(&cursor, 1012, 12, 0x22), "large event: its length counts its own word");
	ok(at_end(&cursor, false) && !cursor.missed, "the page ends where the commit word says");

	page_begin(&page, 1000);
	put32(&page, head(30, 3));
	put32(&page, 2);
	put32(&page, head(1, 1));
	put32(&page, 0x33);
	page_end(&page);
	cursor = begin(&page);
	ok(next_is(&cursor, 1000 + (2ULL << 27) + 3 + 1, 4, 0x33), "time extend adds 27 bits and up");

	page_begin(&page, (0x10ULL << 56) + 500);
	put32(&page, head(31, 77));
	put32(&page, 4);
	put32(&page, head(1, 0));
	put32(&page, 0x44);
	page_end(&page);
	cursor = begin(&page);
	ok(next_is(&cursor, (0x10ULL << 56) + (4ULL << 27) + 77, 4, 0x44),
	   "time stamp replaces the lower 59 bits");

	page_begin(&page, (0x17ULL << 56) + (0xfULL << 52));
	put32(&page, head(31, 1));
	put32(&page, 0);
	put32(&page, head(1, 0));
	put32(&page, 0x45);
	page_end(&page);
	cursor = begin(&page);
	ok(next_is(&cursor, (0x18ULL << 56) + 1, 4, 0x45), "time stamp that wrapped carries over");

	page_begin(&page, 1000);
	put32(&page, head(29, 9));
	put32(&page, 8);
	put32(&page, 0xdead);
	put32(&page, head(29, 1));
	put32(&page, 4);
	put32(&page, head(1, 2));
	put32(&page, 0x55);
	put32(&page, head(29, 0));
	put32(&page, 0x66);
	page_end(&page);
	cursor = begin(&page);
	ok(next_is(&cursor, 1011, 4, 0x55),
	   "discarded events are skipped; their delta counts, but for the 1 that stands for 0");
	ok(at_end(&cursor, false), "padding without a delta ends the page");

	page_begin(&page, 5);
	page_end(&page);
	cursor = begin(&page);
	ok(at_end(&cursor, false), "an empty page has no events");
}

static void test_missed(void)
{
	struct page page;
	struct page_cursor cursor;

	page_begin(&page, 1);
	put32(&page, head(1, 0));
	put32(&page, 0x77);
	page_commit(&page, 8, 1U << 31);
	cursor = begin(&page);
	ok(cursor.missed && !cursor.missed_count && next_is(&cursor, 1, 4, 0x77) &&
	   at_end(&cursor, false), "missed events without a number");
	page_commit(&page, 8, 3U << 30);
	put64(&page, 1234);
	cursor = begin(&page);
	ok(cursor.missed && cursor.missed_count == 1234 && next_is(&cursor, 1, 4, 0x77) &&
	   at_end(&cursor, false), "missed events with their number behind the data");
	page.size -= 8;
	cursor = begin(&page);
	ok(cursor.missed && !cursor.missed_count, "a number that is cut off is not read");
}

/* Each length that leads out of the page. */
static void test_bad(void)
{
	static const struct {
		uint32_t words[4];
		unsigned int count;
		const char *what;
	} cases[] = {
		{ { 2, 0 }, 2, "small event longer than the page" },
		{ { 0, 4 + 100 }, 2, "large event longer than the page" },
		{ { 0, 0xffffffff }, 2, "large event of 4 GiB" },
		{ { 0, 0 }, 2, "large event shorter than its own length" },
		{ { 0 }, 1, "large event without its length" },
		{ { 30 }, 1, "time extend without its second word" },
		{ { 31 }, 1, "time stamp without its second word" },
		{ { 29 | 1 << 5, 0xfffffff0 }, 2, "padding of 4 GiB" },
		{ { 29 | 1 << 5, 0 }, 2, "padding without a length" },
	};
	struct page page;
	struct page_cursor cursor;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		page_begin(&page, 1);
		for (unsigned int j = 0; j < cases[i].count; j++)
			put32(&page, cases[i].words[j]);
		page_end(&page);
		cursor = begin(&page);
		ok(at_end(&cursor, true), "%s", cases[i].what);
	}
	page_begin(&page, 1);
	put32(&page, head(1, 0));
	put32(&page, 0x88);
	page_commit(&page, 400, 0);
	cursor = begin(&page);
	ok(next_is(&cursor, 1, 4, 0x88) && at_end(&cursor, true),
	   "commit word beyond the bytes: what is there is read");
	page_commit(&page, 7, 0);
	cursor = begin(&page);
	ok(at_end(&cursor, true), "an event cut by the commit word is not read");
	for (size_t size = 0; size < 16; size++) {
		page_cursor_init(&cursor, copy_of(&page, size), size, 8);
		if (!cursor.damaged || cursor.size)
			break;
		if (size == 15)
			ok(at_end(&cursor, true), "less than a header is nothing");
	}
}

static void test_long_of_4(void)
{
	struct page page;
	struct page_cursor cursor;

	page_begin(&page, 7);
	page.size = 12;
	put32(&page, head(1, 0));
	put32(&page, 0x99);
	page_commit(&page, 8, 3U << 30);
	put32(&page, 55);
	page_cursor_init(&cursor, page.data, page.size, 4);
	ok(cursor.missed_count == 55 && next_is(&cursor, 7, 4, 0x99) && at_end(&cursor, false),
	   "guests with a long of 4 bytes");
}

int main(void)
{
	test_good();
	test_missed();
	test_bad();
	test_long_of_4();
	copy_of(NULL, 0);
	return tap_done();
}
