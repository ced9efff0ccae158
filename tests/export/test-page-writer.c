// SPDX-License-Identifier: GPL-2.0-only
/* Sub-buffers that we write, read back by wire/page: the same events, times, losses. */
#include "../host/tap.h"

#include <string.h>

#include "export/page-writer.h"
#include "wire/page.h"

#define ROUNDS	2000

struct event {
	uint64_t time;
	uint32_t size;
	uint8_t data[600];
};

static uint32_t padded(uint32_t size)
{
	return (size + 3) & ~3U;
}

static bool is_same(const struct page_event *read, const struct event *written)
{
	return read->time == written->time && read->size == written->size &&
	       !memcmp(read->data, written->data, written->size);
}

/* A copy in memory of just its size, so that a step beyond it is seen. */
static uint8_t *take(struct page_writer *writer)
{
	uint32_t size = writer->size;

	return g_memdup2(page_writer_take(writer), size);
}

static void test_one(unsigned int long_size, uint32_t size)
{
	struct event event = { .time = 0x123456789abcULL, .size = size };
	struct page_writer writer;
	struct page_cursor cursor;
	struct page_event read;
	uint8_t *page;

	memset(event.data, 0xa5, sizeof(event.data));
	page_writer_init(&writer, PAGE_WRITER_MIN, long_size);
	page_writer_put(&writer, event.time, event.data, size);
	page = take(&writer);
	page_cursor_init(&cursor, page, PAGE_WRITER_MIN, long_size);
	ok(page_cursor_next(&cursor, &read) && is_same(&read, &event) &&
	   !page_cursor_next(&cursor, &read) && !cursor.damaged && !cursor.missed,
	   "an event of %u bytes, a long of %u", size, long_size);
	g_free(page);
	page_writer_fini(&writer);
}

static void test_sizes(void)
{
	for (unsigned int long_size = 4; long_size <= 8; long_size += 4) {
		test_one(long_size, 0);
		test_one(long_size, 3);
		test_one(long_size, 112);
		test_one(long_size, 113);
		test_one(long_size, 116);
	}
}

static void test_big(void)
{
	uint32_t room = PAGE_WRITER_MIN - 16 - 8 - 8;
	uint8_t *data = g_malloc0(2 * PAGE_WRITER_MIN);
	struct page_writer writer;

	page_writer_init(&writer, PAGE_WRITER_MIN, 8);
	ok(page_writer_put(&writer, 1, data, room + 1) == PAGE_PUT_TOO_BIG &&
	   page_writer_put(&writer, 1, data, G_MAXUINT32) == PAGE_PUT_TOO_BIG &&
	   !writer.events, "an event that fits into no sub-buffer");
	ok(page_writer_put(&writer, 1, data, room) == PAGE_PUT_OK, "the largest one that does");
	ok(page_writer_put(&writer, 1, data, 4) == PAGE_PUT_FULL, "and then it is full");
	page_writer_take(&writer);
	ok(page_writer_put(&writer, 1, data, 4) == PAGE_PUT_OK, "the next is empty");
	page_writer_fini(&writer);
	g_free(data);
}

static void test_times(void)
{
	static const uint64_t times[] = { 5, 5, 4, 5 + (1 << 27), 1ULL << 40 };
	static const uint64_t expected[] = { 5, 5, 5, 5 + (1 << 27), 1ULL << 40 };
	struct page_writer writer;
	struct page_cursor cursor;
	struct page_event read;
	bool good = true;
	uint8_t *page;

	page_writer_init(&writer, PAGE_WRITER_MIN, 8);
	for (guint i = 0; i < G_N_ELEMENTS(times); i++)
		good &= page_writer_put(&writer, times[i], "four", 4) == PAGE_PUT_OK;
	ok(page_writer_put(&writer, G_MAXUINT64, "four", 4) == PAGE_PUT_FULL,
	   "a time too far away begins another sub-buffer");
	page = take(&writer);
	page_cursor_init(&cursor, page, PAGE_WRITER_MIN, 8);
	for (guint i = 0; i < G_N_ELEMENTS(times); i++)
		good &= page_cursor_next(&cursor, &read) && read.time == expected[i];
	ok(good && !page_cursor_next(&cursor, &read) && !cursor.damaged,
	   "times: equal, backwards, just beyond 27 bits, far");
	g_free(page);
	ok(page_writer_put(&writer, G_MAXUINT64, "four", 4) == PAGE_PUT_OK &&
	   page_writer_put(&writer, G_MAXUINT64, "four", 4) == PAGE_PUT_OK,
	   "the last of all times");
	page_writer_fini(&writer);
}

static void test_missed(unsigned int long_size)
{
	struct page_writer writer;
	struct page_cursor cursor;
	uint8_t *data = g_malloc0(PAGE_WRITER_MIN), *page;

	page_writer_init(&writer, PAGE_WRITER_MIN, long_size);
	page_writer_missed(&writer, 7);
	page_writer_missed(&writer, 70000);
	/* full to the last byte */
	page_writer_put(&writer, 9, data, PAGE_WRITER_MIN - 8 - long_size - 8 - 8);
	page = take(&writer);
	page_cursor_init(&cursor, page, PAGE_WRITER_MIN, long_size);
	ok(cursor.missed && cursor.missed_count == 70007 && !cursor.damaged,
	   "lost events with their number, a long of %u", long_size);
	g_free(page);
	page_writer_missed(&writer, 7);
	page_writer_missed(&writer, 0);
	page_writer_missed(&writer, 7);
	page_writer_put(&writer, 9, data, 4);
	page = take(&writer);
	page_cursor_init(&cursor, page, PAGE_WRITER_MIN, long_size);
	ok(cursor.missed && !cursor.missed_count && !cursor.damaged, "and an unknown number");
	g_free(page);
	page_writer_put(&writer, 9, data, 4);
	page = take(&writer);
	page_cursor_init(&cursor, page, PAGE_WRITER_MIN, long_size);
	ok(!cursor.missed, "the next sub-buffer has lost none");
	g_free(page);
	page_writer_fini(&writer);
	g_free(data);
}

/* Events of any size at any distance; pages are checked against what was put in. */
static void test_random(unsigned int long_size)
{
	GRand *random = g_rand_new_with_seed(4711 + long_size);
	GArray *written = g_array_new(FALSE, TRUE, sizeof(struct event));
	struct page_writer writer;
	guint pages = 0, bad = 0;
	uint64_t time = 0;

	page_writer_init(&writer, PAGE_WRITER_MIN, long_size);
	for (guint i = 0; i < ROUNDS; i++) {
		struct event event = { .size = g_rand_int_range(random, 0, sizeof(event.data)) };
		enum page_put put;

		time += g_rand_int(random) >> g_rand_int_range(random, 0, 32);
		if (g_rand_int_range(random, 0, 100) == 0)
			time += (uint64_t)g_rand_int(random) << 27;
		event.time = time;
		for (guint j = 0; j < event.size; j++)
			event.data[j] = g_rand_int(random);
		put = page_writer_put(&writer, event.time, event.data, event.size);
		if (put == PAGE_PUT_FULL) {
			uint8_t *page = take(&writer);
			struct page_cursor cursor;
			struct page_event read;
			guint at = 0;

			page_cursor_init(&cursor, page, PAGE_WRITER_MIN, long_size);
			while (page_cursor_next(&cursor, &read)) {
				bad += at >= written->len ||
				       !is_same(&read, &g_array_index(written, struct event, at));
				at++;
			}
			bad += at != written->len || cursor.damaged;
			g_array_set_size(written, 0);
			g_free(page);
			pages++;
			put = page_writer_put(&writer, event.time, event.data, event.size);
		}
		bad += put != PAGE_PUT_OK || writer.used > PAGE_WRITER_MIN - padded(8 + long_size);
		g_array_append_val(written, event);
	}
	ok(!bad && pages > 100, "%u random sub-buffers, a long of %u", pages, long_size);
	page_writer_fini(&writer);
	g_array_unref(written);
	g_rand_free(random);
}

int main(void)
{
	test_sizes();
	test_big();
	test_times();
	test_missed(8);
	test_missed(4);
	test_random(8);
	test_random(4);
	return tap_done();
}
