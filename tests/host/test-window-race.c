// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window while it is written: a thread overwrites a small ring as fast as it can,
 * another one reads. Every event that comes out is one that was put in, whole, once
 * and in order, and each gap between them is told, exactly or as the least number.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "producer.h"
#include "recording/reader.h"
#include "region/window.h"
#include "tap.h"
#include "window-writer.h"
#include "wire/page.h"

#define WINDOW_SIZE	VHT_WINDOW_ALIGN
#define SIZE		(PRODUCER_SIZE + 2 * WINDOW_SIZE)
#define SUBBUF		4096
#define EVENTS		2000000

struct event {
	uint64_t number;
	uint64_t check[4];
};

#define PER_SUBBUF	((SUBBUF - WINDOW_SUBBUF_HEADER) / (sizeof(struct event) + 8))

static uint8_t *memory;
static struct window_writer writer;
static bool is_over;

/* How the writer behaves. */
static struct {
	bool clock_stands;	/* all events have one time */
	unsigned int pause;	/* now and then it waits, so that the reader catches up */
	bool nests;
} mode;

static void *write_events(void *unused)
{
	(void)unused;
	for (uint64_t i = 0; i < EVENTS; i++) {
		struct event event = { i, { ~i, i * 3, i ^ 0x55aa, i << 7 } };

		if (mode.nests && i % 500 == 100)
			window_writer_hold(&writer);
		window_writer_put(&writer, mode.clock_stands ? 77 : 1000 + i, &event,
				  sizeof(event));
		if (mode.nests && i % 500 == 150)
			window_writer_release(&writer);
		if (mode.pause && i % mode.pause == 0)
			sched_yield();
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
	return NULL;
}

static uint64_t next, events, nonsense, untold, inexact, lost_subbufs, missing;

static void read_packet(const struct recording_packet *packet)
{
	struct page_cursor cursor;
	struct page_event out;
	uint64_t gap = 0;
	bool is_first = true;

	page_cursor_init(&cursor, packet->content, packet->header.content_size, 8);
	while (page_cursor_next(&cursor, &out)) {
		struct event event;
		uint64_t i;

		if (cursor.next <= packet->header.skip)
			continue;
		if (out.size != sizeof(event)) {
			nonsense++;
			continue;
		}
		memcpy(&event, out.data, sizeof(event));
		i = event.number;
		nonsense += i < next || event.check[0] != ~i || event.check[1] != i * 3 ||
			    event.check[2] != (i ^ 0x55aa) || event.check[3] != i << 7 ||
			    (!mode.clock_stands && out.time != 1000 + i);
		if (i > next) {
			untold += !is_first;
			gap += i - next;
		}
		next = i + 1;
		events++;
		is_first = false;
	}
	nonsense += cursor.damaged;
	missing += gap;
	lost_subbufs += packet->header.subbufs_lost;
	if (gap && !(packet->header.flags & VHT_PACKET_LOST_BEFORE))
		untold++;
	/* what is lost is sub-buffers, of the first one perhaps only the rest */
	if (packet->header.subbufs_lost)
		inexact += gap <= (packet->header.subbufs_lost - 1ULL) * PER_SUBBUF;
	if (!(packet->header.flags & WINDOW_PACKET_AT_LEAST))
		inexact += gap > (uint64_t)packet->header.subbufs_lost * PER_SUBBUF;
}

static void race(const char *what, uint32_t count)
{
	GByteArray *packets = g_byte_array_new();
	struct producer producer;
	struct region region;
	struct window window;
	pthread_t thread;
	uint64_t torn = 0;
	bool was_over;

	memset(memory, 0, SIZE);
	producer_init(&producer, memory, SIZE, "vm");
	producer_window(&producer, WINDOW_SIZE, 1);
	assert(region_init(&region, memory, SIZE, true, NULL));
	window_writer_layout(producer_window_place(&producer, 0), WINDOW_SIZE, WINDOW_LAYOUT_6_12,
			     &writer, 1, count, SUBBUF);
	window_writer_start(&writer);
	window_init(&window, &region, 0, 1);
	window_look(&window, clock_mono_ns());
	window_cpu_take(window.cpus->pdata[0], packets, 1 << 20, false);
	next = events = nonsense = untold = inexact = lost_subbufs = missing = 0;
	is_over = false;
	pthread_create(&thread, NULL, write_events, NULL);
	do {
		struct recording_cursor cursor;
		struct recording_packet packet;
		struct recording_stream stream;
		struct window_cpu *cpu;

		was_over = __atomic_load_n(&is_over, __ATOMIC_ACQUIRE);
		window_look(&window, clock_mono_ns());
		cpu = window.cpus->pdata[0];
		g_byte_array_set_size(packets, 0);
		while (window_cpu_take(cpu, packets, 1 << 20, was_over) == WINDOW_MORE && was_over)
			;
		torn = cpu->torn;
		stream = (struct recording_stream) { .data = packets->data,
						     .size = packets->len };
		recording_cursor_init(&cursor, &stream);
		while (recording_cursor_next(&cursor, &packet))
			if (packet.header.type == VHT_PACKET_WINDOW)
				read_packet(&packet);
	} while (!was_over);
	pthread_join(thread, NULL);
	printf("# %s: %" G_GUINT64_FORMAT " read, %" G_GUINT64_FORMAT " missing, %"
	       G_GUINT64_FORMAT " sub-buffers lost, %" G_GUINT64_FORMAT " copies dropped\n", what,
	       events, missing, lost_subbufs, torn);
	ok(!nonsense, "%s: no torn or invented event", what);
	ok(!untold && next == EVENTS - writer.refused && events + missing == next,
	   "%s: every gap is told, the last event is there", what);
	ok(!inexact, "%s: losses are exact, or the least number", what);
	free(writer.written);
	window_fini(&window);
	g_byte_array_unref(packets);
}

int main(void)
{
	memory = aligned_alloc(4096, SIZE);
	race("four sub-buffers", 4);
	race("a hundred sub-buffers", 100);
	mode.pause = 2000;
	race("a writer that pauses", 100);
	mode.pause = 0;
	mode.nests = true;
	race("events that interrupt each other", 20);
	mode.nests = false;
	mode.clock_stands = true;
	race("a clock that stands still", 5);
	free(memory);
	return tap_done();
}
