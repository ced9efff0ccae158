// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows: each layout is recognised, everything else refused; what a writer puts in
 * comes out once and in order, and what does not come out is told.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "producer.h"
#include "recording/reader.h"
#include "region/window.h"
#include "tap.h"
#include "window-writer.h"
#include "wire/bytes.h"
#include "wire/page.h"

#define WINDOW_SIZE	VHT_WINDOW_ALIGN
#define SIZE		(PRODUCER_SIZE + 2 * WINDOW_SIZE)
#define CPUS		3
#define COUNT		6
#define SUBBUF		4096

/* An event of 48 bytes, head included: 85 fill a sub-buffer. */
struct event {
	uint64_t number;
	uint64_t check[4];
};

#define PER_SUBBUF	((SUBBUF - WINDOW_SUBBUF_HEADER) / (sizeof(struct event) + 8))

static uint8_t *memory;
static struct producer producer;
static struct region region;
static struct window window;
static struct window_writer writers[CPUS];
static GByteArray *packets;
static bool has_window;

/**
 * struct reader - what came out of one CPU's buffer
 */
static struct {
	uint64_t events;
	uint64_t next;		/* number expected */
	uint64_t missing;	/* numbers that did not come */
	uint64_t subbufs_lost;
	unsigned int gaps;	/* packets that say that something was lost */
	unsigned int least;
	unsigned int packets;
	unsigned int metas;
	unsigned int seen;	/* packets with two looks */
	unsigned int untold;	/* numbers missing, but the packet says nothing */
	bool has_nonsense;
	struct window_meta meta;
} got;

static void fresh(enum window_layout layout)
{
	if (has_window)
		window_fini(&window);
	memset(memory, 0, SIZE);
	producer_init(&producer, memory, SIZE, "vm");
	producer_window(&producer, WINDOW_SIZE, 1);
	assert(region_init(&region, memory, SIZE, true, NULL));
	for (int i = 0; i < CPUS; i++)
		free(writers[i].written);
	window_writer_layout(producer_window_place(&producer, 0), WINDOW_SIZE, layout, writers,
			     CPUS, COUNT, SUBBUF);
	window_init(&window, &region, 0, 1);
	has_window = true;
	memset(&got, 0, sizeof(got));
	g_byte_array_set_size(packets, 0);
}

static void put(unsigned int cpu, uint64_t from, uint64_t count)
{
	for (uint64_t i = from; i < from + count; i++) {
		struct event event = { i, { i ^ 1, i ^ 2, i ^ 3, i ^ 4 } };

		window_writer_put(&writers[cpu], 1000 + 10 * i, &event, sizeof(event));
	}
}

static void read_events(const struct recording_packet *packet)
{
	struct page_cursor cursor;
	struct page_event out;
	bool is_first = true;

	page_cursor_init(&cursor, packet->content, packet->header.content_size, 8);
	while (page_cursor_next(&cursor, &out)) {
		struct event event;

		if (cursor.next <= packet->header.skip)
			continue;
		if (out.size != sizeof(event)) {
			got.has_nonsense = true;
			continue;
		}
		memcpy(&event, out.data, sizeof(event));
		for (uint64_t i = 0; i < 4; i++)
			got.has_nonsense |= event.check[i] != (event.number ^ (i + 1));
		got.has_nonsense |= event.number < got.next ||
				    out.time < packet->header.timestamp_begin ||
				    out.time > packet->header.timestamp_end;
		if (event.number > got.next) {
			got.missing += event.number - got.next;
			got.untold += !is_first ||
				      !(packet->header.flags & VHT_PACKET_LOST_BEFORE);
		}
		got.next = event.number + 1;
		got.events++;
		is_first = false;
	}
	got.has_nonsense |= cursor.damaged || got.events != packet->header.events;
}

/* Take what there is of a CPU, and look at each packet. */
static void take(unsigned int cpu, bool wants_begun)
{
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct recording_stream stream;
	struct window_cpu *side;

	window_look(&window, clock_mono_ns());
	if (cpu >= window.cpus->len)
		return;
	side = window.cpus->pdata[cpu];
	g_byte_array_set_size(packets, 0);
	for (guint limit = 1; window_cpu_take(side, packets, limit, wants_begun) == WINDOW_MORE; limit = packets->len + 1)
		;
	stream = (struct recording_stream) { .data = packets->data, .size = packets->len };
	recording_cursor_init(&cursor, &stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type == VHT_PACKET_WINDOW_META) {
			got.metas += window_meta_parse(packet.content, packet.header.content_size,
						       &got.meta);
			continue;
		}
		got.packets++;
		got.gaps += !!(packet.header.flags & VHT_PACKET_LOST_BEFORE);
		got.least += !!(packet.header.flags & WINDOW_PACKET_AT_LEAST);
		got.subbufs_lost += packet.header.subbufs_lost;
		got.seen += packet.header.seen_before != 0;
		got.has_nonsense |= packet.header.seen_after > packet.header.seen_before ||
				    packet.header.stream_id != WINDOW_STREAM_ID + cpu ||
				    packet.header.cpu != cpu || packet.header.epoch != 1;
		read_events(&packet);
	}
	got.has_nonsense |= cursor.offset != packets->len;
}

static bool is_clean(uint64_t events)
{
	return got.events == events && got.next == events && !got.missing && !got.gaps &&
	       !got.has_nonsense;
}

static void test_order(enum window_layout layout)
{
	const char *name = window_layout_text(layout);

	fresh(layout);
	take(0, true);
	ok(window.cpus->len == CPUS && !window.problem && !got.packets,
	   "%s: all CPUs are found, and nothing is in them", name);
	for (int cpu = 0; cpu < CPUS; cpu++)
		window_writer_start(&writers[cpu]);
	put(0, 0, 10);
	take(0, false);
	ok(!got.packets, "%s: a begun sub-buffer is left alone", name);
	put(0, 10, PER_SUBBUF * 2 - 10);
	put(0, PER_SUBBUF * 2, 1);
	take(0, false);
	ok(is_clean(PER_SUBBUF * 2) && got.packets == 2, "%s: complete ones are taken", name);
	take(0, true);
	ok(is_clean(PER_SUBBUF * 2 + 1), "%s: a begun one is taken when it is asked for", name);
	take(0, true);
	ok(got.packets == 3, "%s: once", name);
	put(0, PER_SUBBUF * 2 + 1, 5);
	take(0, true);
	ok(is_clean(PER_SUBBUF * 2 + 6), "%s: what was added, without what was there", name);
	for (uint64_t at = PER_SUBBUF * 2 + 6; at < 2000; at += 50) {
		put(0, at, MIN(50, 2000 - at));
		take(0, at % 100 == 0);
	}
	take(0, true);
	ok(is_clean(2000), "%s: 2000 events around the ring, none lost", name);
	ok(got.metas == 1 && got.meta.layout == layout && got.meta.nr_cpus == CPUS &&
	   got.meta.text_addr == WRITER_TEXT && got.meta.subbuf_size == SUBBUF &&
	   got.meta.nr_subbufs == COUNT && !strcmp(got.meta.text_symbol,
						   window_text_symbol(layout)) &&
	   got.meta.clock_id == (layout == WINDOW_LAYOUT_6_12 ? WINDOW_CLOCK_UNKNOWN : 0),
	   "%s: the description tells layout, CPUs, sizes, text and clock", name);
	ok(got.seen > 10, "%s: packets tell between which looks their events came", name);

	memset(&got, 0, sizeof(got));
	put(2, 0, 300);
	take(2, true);
	ok(is_clean(300), "%s: the last CPU's events come too", name);
}

static void test_late(enum window_layout layout)
{
	fresh(layout);
	window_writer_start(&writers[0]);
	put(0, 0, 200);
	take(0, true);
	ok(is_clean(200), "what was there before is read from its start");

	fresh(layout);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF * 7);
	take(0, true);
	ok(got.next == PER_SUBBUF * 7 && got.events == PER_SUBBUF * (COUNT - 1) && got.gaps == 1 &&
	   got.least == 1 && got.subbufs_lost == 2 && !got.untold && !got.has_nonsense,
	   "of a ring that went around the rest is read, and the loss is told, at least");
}

static void test_loss(void)
{
	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF + 1);
	take(0, true);
	put(0, PER_SUBBUF + 1, PER_SUBBUF * 4);
	take(0, true);
	ok(got.events == got.next && !got.gaps, "a full ring is no loss");
	put(0, got.next, PER_SUBBUF * 2 - 10);
	take(0, false);
	take(0, true);
	ok(got.events == got.next, "nor is one that went on while it was read");

	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF * 3);
	put(0, PER_SUBBUF * 3, 1);
	take(0, false);
	/* begun: 3; the newest there was stays for 4 more */
	put(0, PER_SUBBUF * 3 + 1, PER_SUBBUF * 4 - 1);
	put(0, PER_SUBBUF * 7, 1);
	take(0, false);
	ok(got.missing == 0 && got.next == PER_SUBBUF * 7, "four more: none lost");
	put(0, PER_SUBBUF * 7 + 1, PER_SUBBUF * 7);
	take(0, true);
	ok(got.gaps == 1 && got.least == 1 && got.missing == PER_SUBBUF * got.subbufs_lost &&
	   got.subbufs_lost == 3 && !got.untold && !got.has_nonsense,
	   "once around between two looks: the loss is the least number");
	put(0, got.next, PER_SUBBUF * 17);
	take(0, true);
	ok(got.gaps == 2 && got.least == 2 && got.missing >= PER_SUBBUF * got.subbufs_lost &&
	   !got.untold && !got.has_nonsense, "several times around: likewise");
}

/* The recorder takes little and falls behind, but sees each round. */
static void test_exact(void)
{
	struct window_cpu *side;

	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF * 3 + 1);
	window_look(&window, clock_mono_ns());
	side = window.cpus->pdata[0];
	/* a look that takes one sub-buffer: the limit is 1 byte */
	g_byte_array_set_size(packets, 0);
	window_cpu_take(side, packets, 1, false);
	put(0, PER_SUBBUF * 3 + 1, PER_SUBBUF * 3);
	g_byte_array_set_size(packets, 0);
	/* looked at, but nothing taken */
	window_cpu_take(side, packets, 0, false);
	put(0, PER_SUBBUF * 6 + 1, PER_SUBBUF * 2);
	memset(&got, 0, sizeof(got));
	got.next = PER_SUBBUF;
	got.events = side->events;
	take(0, true);
	ok(got.gaps == 1 && !got.least && got.subbufs_lost == 3 &&
	   got.missing == PER_SUBBUF * 3 && got.next == PER_SUBBUF * 8 + 1 &&
	   !got.has_nonsense, "less than once around between two looks: the loss is exact");
}

static void test_swap(enum window_layout layout)
{
	fresh(layout);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF * 2 + 5);
	take(0, false);
	window_writer_swap(&writers[0]);
	take(0, true);
	ok(is_clean(PER_SUBBUF * 2 + 5), "a sub-buffer that was taken out is not read again");
	window_writer_swap(&writers[0]);
	window_writer_swap(&writers[0]);
	take(0, true);
	ok(is_clean(PER_SUBBUF * 2 + 5), "nor is the one that is being filled");
	put(0, PER_SUBBUF * 2 + 5, 10);
	take(0, true);
	ok(is_clean(PER_SUBBUF * 2 + 15), "the writer goes on in it");
	put(0, PER_SUBBUF * 2 + 15, PER_SUBBUF * 3);
	take(0, true);
	ok(is_clean(PER_SUBBUF * 5 + 15), "and in the ring after it");
	for (uint64_t i = 0, at = PER_SUBBUF * 5 + 15; i < 20; i++, at += PER_SUBBUF) {
		put(0, at, PER_SUBBUF);
		window_writer_swap(&writers[0]);
		take(0, i & 1);
	}
	take(0, true);
	ok(got.events == got.next && !got.gaps && !got.has_nonsense, "20 times");

	fresh(layout);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF * 3);
	window_writer_swap(&writers[0]);
	put(0, PER_SUBBUF * 3, 3);
	take(0, true);
	ok(is_clean(PER_SUBBUF * 3 + 3), "one that was taken out before is read first");
}

static void test_nesting(void)
{
	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	put(0, 0, 10);
	take(0, true);
	window_writer_hold(&writers[0]);
	put(0, 10, PER_SUBBUF * 3);
	take(0, true);
	ok(is_clean(10), "what is not committed is not read");
	window_writer_release(&writers[0]);
	take(0, true);
	ok(is_clean(PER_SUBBUF * 3 + 10), "once it is, all is");
}

static void test_clear(void)
{
	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF * 2 + 5);
	take(0, false);
	window_writer_clear(&writers[0]);
	take(0, true);
	put(0, 1000, 5);
	take(0, true);
	ok(got.next == 1005 && got.gaps == 1 && got.least == 1 && !got.untold && !got.has_nonsense,
	   "a buffer that was emptied goes on, and an unknown number is lost");
	put(0, 1005, PER_SUBBUF);
	take(0, true);
	ok(got.gaps == 1 && got.next == 1005 + PER_SUBBUF && !got.has_nonsense, "once");

	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF * 2 + 5);
	take(0, true);
	window_writer_again(&writers[0]);
	put(0, PER_SUBBUF * 2 + 5, 2);
	take(0, true);
	ok(got.events == got.next && got.gaps == 1 && got.least == 1 && !got.subbufs_lost &&
	   !got.has_nonsense, "another kernel goes on in the middle: nothing is invented");
}

static void test_kernel(void)
{
	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	for (uint64_t i = 0; i < PER_SUBBUF + 5; i++) {
		struct event event = { i, { i ^ 1, i ^ 2, i ^ 3, i ^ 4 } };

		window_writer_put(&writers[0], 9000000000 + 10 * i, &event, sizeof(event));
	}
	take(0, true);
	ok(got.meta.kernel == 0, "the first kernel is number 0");
	window_writer_again(&writers[0]);
	put(0, PER_SUBBUF + 5, 3);
	take(0, true);
	ok(got.meta.kernel == 1 && got.metas == 2 && got.events == got.next && !got.has_nonsense,
	   "a clock that begins again is another kernel's");

	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	put(0, 0, 5);
	take(0, true);
	memset(producer_window_place(&producer, 0), 0, WINDOW_SIZE);
	for (int i = 0; i < CPUS; i++)
		free(writers[i].written);
	window_writer_layout(producer_window_place(&producer, 0), WINDOW_SIZE,
			     WINDOW_LAYOUT_6_15, writers, CPUS, COUNT + 2, SUBBUF);
	window_writer_start(&writers[0]);
	put(0, 5, 5);
	take(0, true);
	ok(got.events == 10 && got.meta.layout == WINDOW_LAYOUT_6_15 && got.meta.kernel == 1 &&
	   got.meta.nr_subbufs == COUNT + 2 && got.gaps == 1 && got.least == 1 &&
	   !got.has_nonsense, "another layout is another kernel");
}

static void test_continue(void)
{
	struct window_cpu *side;
	struct window_meta meta;
	uint64_t time;

	fresh(WINDOW_LAYOUT_6_12);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF + 5);
	take(0, true);
	side = window.cpus->pdata[0];
	meta = side->told;
	time = side->current.time;
	put(0, PER_SUBBUF + 5, PER_SUBBUF);
	window_fini(&window);
	window_init(&window, &region, 0, 1);
	window_look(&window, clock_mono_ns());
	side = window.cpus->pdata[0];
	window_cpu_continue(side, &meta, time, 5 * (sizeof(struct event) + 8), 0, 3,
			    PER_SUBBUF + 5);
	take(0, true);
	ok(is_clean(2 * PER_SUBBUF + 5) && got.metas == 1 && side->sequence > 3,
	   "a recording is continued where it ended");

	window_fini(&window);
	window_init(&window, &region, 0, 1);
	put(0, 2 * PER_SUBBUF + 5, PER_SUBBUF * 9);
	window_look(&window, clock_mono_ns());
	window_cpu_continue(window.cpus->pdata[0], &meta, time, 5 * (sizeof(struct event) + 8), 0,
			    5, got.events);
	take(0, true);
	ok(got.gaps == 1 && got.least == 1 && got.next == 11 * PER_SUBBUF + 5 && !got.untold &&
	   !got.has_nonsense, "or after a gap, if that was overwritten");
}

/* [W3] */
static void test_places(void)
{
	fresh(WINDOW_LAYOUT_6_12);
	ok(window_is_same(&window), "[W3] the place holds its epoch");
	producer_window_turn(&producer, 1, 2);
	ok(window_is_same(&window), "[W3] the other place's turn does not matter");
	producer_window_turn(&producer, 0, 3);
	ok(!window_is_same(&window), "[W3] its own does");
}

#define REFUSED(layout, change) do {					\
	uint8_t *place;							\
	fresh(layout);							\
	place = producer_window_place(&producer, 0);			\
	window_writer_start(&writers[0]);				\
	put(0, 0, 5);							\
	change;								\
	window_look(&window, 1);					\
	ok(window.problem && !window.cpus->len &&			\
	   window_problem(&window, 2000000001) && !window_problem(&window, 2),	\
	   "refused: %s (%s)", #change, window.problem);		\
} while (0)

#define SILENT(layout, change) do {					\
	uint8_t *place;							\
	fresh(layout);							\
	place = producer_window_place(&producer, 0);			\
	window_writer_start(&writers[0]);				\
	put(0, 0, PER_SUBBUF + 5);					\
	change;								\
	take(0, true);							\
	take(0, true);							\
	ok(!got.has_nonsense && got.events < PER_SUBBUF + 5, "no event is invented: %s", #change); \
} while (0)

static void set32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

static void set64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, 8);
}

static void test_malformed(void)
{
	enum window_layout old = WINDOW_LAYOUT_6_12, young = WINDOW_LAYOUT_6_15;

	REFUSED(old, place[0]++);
	REFUSED(old, set32(place + 4, 48));
	REFUSED(old, set64(place + 8, 0x1234));
	REFUSED(old, set64(place + 24, WRITER_FIRST + 1));
	REFUSED(old, set64(place + 24, 4096));
	REFUSED(old, set64(place + 24, (uint64_t)-4096));
	REFUSED(old, set32(place + 48, 0));
	REFUSED(old, set32(place + 48, 4095));
	REFUSED(old, set32(place + 48, 1U << 31));
	REFUSED(old, set32(place + 52, 2));
	REFUSED(old, set32(place + 52, 512));
	REFUSED(old, set32(place + 52, 0xffffffff));
	REFUSED(young, set32(place + 4, 24 << 16 | 48));
	REFUSED(young, set64(place + 8, WINDOW_SIZE + 1));
	REFUSED(young, set64(place + 16, 16));
	REFUSED(young, set64(place + 16, WINDOW_SIZE));
	REFUSED(young, set64(place + 16, UINT64_MAX - 7));
	REFUSED(young, set64(place + 16, 4121));
	SILENT(old, set64(place + 32, 1));
	SILENT(old, set64(place + 40, WRITER_FIRST + WINDOW_SIZE));
	SILENT(old, set64(place + 40, WRITER_FIRST + 4096 + 1));
	SILENT(old, set64(place + 32, 0));
	SILENT(old, set32(place + 56, COUNT));
	SILENT(old, set32(place + 56, 3));
	SILENT(old, set32(place + 60, 0xffffffff));
	SILENT(old, set64(place + 4096 * 2 + 8, 4081));
	SILENT(old, set64(place + 4096 * 2 + 8, 0x3fffffff));
	SILENT(old, set64(place + 4096 * 2 + 8, UINT64_MAX >> 1));

	fresh(old);
	window_writer_start(&writers[0]);
	put(0, 0, 5);
	set32(producer_window_place(&producer, 0) + 4096 * 7, 0x1234);
	take(0, true);
	ok(is_clean(5) && window.cpus->len == 1, "a CPU without a description ends the list");

	fresh(old);
	window_writer_start(&writers[0]);
	put(0, 0, PER_SUBBUF + 5);
	/* the kernel's own readers leave flags */
	set64(writers[0].data + 4096 + 8, PER_SUBBUF * 48 | 3ULL << 30);
	take(0, true);
	ok(is_clean(PER_SUBBUF + 5), "flags in a commit word are no length");
}

int main(void)
{
	packets = g_byte_array_new();
	memory = aligned_alloc(4096, SIZE);
	test_order(WINDOW_LAYOUT_6_12);
	test_order(WINDOW_LAYOUT_6_15);
	test_late(WINDOW_LAYOUT_6_12);
	test_late(WINDOW_LAYOUT_6_15);
	test_loss();
	test_exact();
	test_swap(WINDOW_LAYOUT_6_12);
	test_swap(WINDOW_LAYOUT_6_15);
	test_nesting();
	test_clear();
	test_kernel();
	test_continue();
	test_places();
	test_malformed();
	for (int i = 0; i < CPUS; i++)
		free(writers[i].written);
	window_fini(&window);
	g_byte_array_unref(packets);
	free(memory);
	return tap_done();
}
