// SPDX-License-Identifier: GPL-2.0-only
/* Reading rings: in order and whole, against producers that race and that lie. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "producer.h"
#include "region/region.h"
#include "region/ring.h"
#include "tap.h"
#include "wire/records.h"

#define RING_SIZE	0x4000
#define LIMIT		(1 << 20)

static uint8_t *memory;
static struct producer producer;
static struct region region;
static struct region_guest guest;

static void fresh_with(uint32_t streams, uint64_t ring_size)
{
	memset(memory, 0, PRODUCER_SIZE);
	producer_init(&producer, memory, PRODUCER_SIZE, "vm");
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, streams, ring_size);
	assert(region_init(&region, memory, PRODUCER_SIZE, true, NULL));
	assert(region_guest(&region, &guest, NULL) == REGION_GUEST_READY);
}

static void fresh(uint64_t ring_size)
{
	fresh_with(3, ring_size);
}

static uint64_t tail(uint32_t index)
{
	return region_consumer(&region, VHT_STREAM_ID_GUEST + index)->tail;
}

/* Walks packets and returns how many; checks that sequence numbers go up by one. */
static uint64_t walk(const GByteArray *packets, uint64_t *sequence, bool *in_order)
{
	struct packet_header header;
	uint64_t count = 0;
	guint at = 0;

	while (at < packets->len) {
		if (packet_parse(packets->data + at, packets->len - at, &header) != PACKET_OK) {
			*in_order = false;
			return count;
		}
		*in_order &= header.sequence == *sequence;
		*sequence = header.sequence + 1;
		at += header.packet_size;
		count++;
	}
	return count;
}

static void test_order(void)
{
	GByteArray *out = g_byte_array_new();
	uint64_t sequence = 0, taken = 0, made = 0, round;
	bool in_order = true, on_time = true;
	struct ring ring;

	fresh(RING_SIZE);
	producer.host->reader = VHT_READER_ATTACHED;
	ring_init_guest(&ring, &region, &guest, 1);
	ok(!ring.damage && ring.entry.source == VHT_SOURCE_HEARTBEAT && ring.entry.cpu == 0,
	   "an entry is taken");
	ok(ring_take(&ring, out, LIMIT) == RING_EMPTY && out->len == 0, "an empty ring is empty");

	/* sizes that do not divide the ring: pads appear */
	for (round = 0; round < 3000; round++) {
		while (producer_put_heartbeats(&producer, &producer.streams[1], made * 7,
					       1 + made * 7 % 200))
			made++;
		g_byte_array_set_size(out, 0);
		on_time &= ring_take(&ring, out, LIMIT) == RING_EMPTY;
		taken += walk(out, &sequence, &in_order);
		on_time &= tail(1) != producer.streams[1].live->head;
		ring_release(&ring);
		on_time &= tail(1) == producer.streams[1].live->head;
	}
	ok(taken == made && made > 3000, "[S1] %lu packets put, %lu taken, over pads",
	   (unsigned long)made, (unsigned long)taken);
	ok(in_order, "[S5] in order, none twice");
	ok(on_time, "[S6] the tail moves when the packets are released, not before");
	ok(producer.streams[1].live->overwritten == 0, "[S2] none overwritten under a reader");
	g_byte_array_unref(out);
}

static void test_flight_recorder(void)
{
	GByteArray *out = g_byte_array_new();
	uint64_t sequence, i;
	struct packet_header header;
	bool in_order = true;
	struct ring ring;

	fresh(RING_SIZE);
	for (i = 0; i < 1000; i++)
		producer_put_heartbeats(&producer, &producer.streams[1], i, 3);
	ring_init_guest(&ring, &region, &guest, 1);
	ok(ring_take(&ring, out, LIMIT) == RING_EMPTY && out->len > 0, "[H3] a late reader gets");
	assert(packet_parse(out->data, out->len, &header) == PACKET_OK);
	sequence = header.sequence;
	ok(header.sequence == producer.streams[1].live->overwritten,
	   "[S5] the oldest packet not overwritten first");
	walk(out, &sequence, &in_order);
	ok(in_order && sequence == 1000, "and all up to the newest");

	/* while nobody looks all of them go by */
	for (i = 0; i < 1000; i++)
		producer_put_heartbeats(&producer, &producer.streams[1], i, 3);
	g_byte_array_set_size(out, 0);
	ok(ring_take(&ring, out, LIMIT) == RING_EMPTY &&
	   packet_parse(out->data, out->len, &header) == PACKET_OK && header.sequence > 1000,
	   "a reader that was passed goes on with what is whole");
	g_byte_array_unref(out);
}

static void test_bounds(void)
{
	GByteArray *out = g_byte_array_new();
	static uint8_t big[200000];
	struct producer_packet packet = {
		.type = VHT_PACKET_FTRACE, .content = big, .content_size = sizeof(big),
	};
	struct ring ring;
	uint64_t i;

	fresh_with(2, 0xf0000);
	producer.host->reader = VHT_READER_ATTACHED;
	for (i = 0; producer_put_heartbeats(&producer, &producer.streams[1], i, 0); i++)
		;
	ring_init_guest(&ring, &region, &guest, 1);
	ok(ring_take(&ring, out, UINT64_MAX) == RING_MORE && out->len == RING_TAKE_PACKETS * 128,
	   "[H2] one call takes a bounded number of packets");

	fresh(0x80000);
	producer.host->reader = VHT_READER_ATTACHED;
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 4);
	assert(producer_put(&producer, &producer.streams[1], &packet));
	ring_init_guest(&ring, &region, &guest, 1);
	g_byte_array_set_size(out, 0);
	ok(ring_take(&ring, out, 4096) == RING_MORE && out->len == 256,
	   "[H2] and of bytes: a large packet waits");
	g_byte_array_set_size(out, 0);
	ok(ring_take(&ring, out, 4096) == RING_EMPTY && out->len > sizeof(big),
	   "but is taken when it comes first");
	g_byte_array_unref(out);
}

/* One lie of the producer in an otherwise good ring of three packets. */
#define LIE(change, what) do {						\
	struct producer_stream *s = &producer.streams[1];		\
	struct vht_packet *p;						\
	struct ring ring;						\
	GByteArray *out = g_byte_array_new();				\
	fresh(RING_SIZE);						\
	producer_put_heartbeats(&producer, s, 0, 4);			\
	producer_put_heartbeats(&producer, s, 4, 4);			\
	producer_put_heartbeats(&producer, s, 8, 4);			\
	p = (void *)(s->ring + 256);					\
	(void)p;							\
	change;								\
	ring_init_guest(&ring, &region, &guest, 1);			\
	ok(ring_take(&ring, out, LIMIT) == RING_DAMAGED && ring.damage &&	\
	   ring_take(&ring, out, LIMIT) == RING_DAMAGED, "[H1] %s: %s", what, \
	   ring.damage ? ring.damage : "no damage");			\
	ok(out->len == 0 || out->len == 256, "what is before it is kept");	\
	g_byte_array_unref(out);					\
} while (0)

static void test_lies(void)
{
	struct ring ring;

	LIE(s->live->id = 5, "id of another stream");
	LIE(s->live->ring_offset = 0, "ring in the host pages");
	LIE(s->live->ring_offset = PRODUCER_SIZE - 128, "ring beyond the end");
	LIE(s->live->ring_offset = UINT64_MAX - 127, "ring offset that wraps");
	LIE(s->live->ring_offset += 64, "ring not aligned");
	LIE(s->live->ring_size = UINT64_MAX & ~127ULL, "ring size that wraps");
	LIE(s->live->ring_size = 0, "ring of no size");
	LIE(s->live->ring_size -= 64, "ring size not aligned");
	LIE(s->live->begin = s->live->head + 128, "begin beyond head");
	LIE(s->live->head = RING_SIZE + 128, "more than the ring holds");
	LIE(s->live->head += 1, "head not aligned");
	LIE(s->live->begin = 1; s->live->head = 129, "begin not aligned");
	LIE(p->magic = 0, "bad magic");
	LIE(p->packet_size = 0, "packet without a size");
	LIE(p->packet_size = 128 * 1024, "packet larger than what is there");
	LIE(p->packet_size = 1024, "packet that reaches beyond head");
	LIE(p->content_size = UINT64_MAX, "content larger than the packet");
	LIE(p->header_size = 0, "no header");
	LIE(p->stream_id = 32, "packet of another stream");
	LIE(p->epoch = 2, "packet of another epoch");
	LIE(p->generation = 2, "packet of another generation");
	LIE(p->type = VHT_PACKET_STATE, "packet of the recorder's own type");
	LIE(p->type = VHT_PACKET_PAD; p->packet_size = UINT64_MAX & ~127ULL, "pad without end");

	fresh(RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 4);
	ring_init_guest(&ring, &region, &guest, 1);
	{
		GByteArray *out = g_byte_array_new();

		ring_take(&ring, out, LIMIT);
		producer.streams[1].live->head = 0;
		producer.streams[1].live->begin = 0;
		ok(ring_take(&ring, out, LIMIT) == RING_DAMAGED, "[H1] head that moves back");
		g_byte_array_unref(out);
	}
}

static void test_readonly(void)
{
	GByteArray *out = g_byte_array_new();
	struct ring ring;

	fresh(RING_SIZE);
	region.is_writable = false;
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 4);
	ring_init_guest(&ring, &region, &guest, 1);
	ring_take(&ring, out, LIMIT);
	ring_release(&ring);
	ok(out->len > 0 && tail(1) == 0, "a bystander reads and stores no tail");

	producer_put_vmm(&producer, VHT_VMM_CREATED, 1, 2, "x");
	ring_init_host(&ring, &region, 0);
	g_byte_array_set_size(out, 0);
	ok(ring_take(&ring, out, LIMIT) == RING_EMPTY && out->len == 256, "host streams too");
	g_byte_array_unref(out);
}

/*
 * A producer that overwrites while packets are copied: whatever comes out is
 * whole. Every word of a packet holds the packet's number.
 */
static void put_numbered(void)
{
	static uint64_t words[496];
	struct producer_packet packet = { .type = VHT_PACKET_FTRACE, .content = words };
	uint64_t number = producer.streams[1].sequence, i;

	for (i = 0; i < G_N_ELEMENTS(words); i++)
		words[i] = number;
	packet.content_size = sizeof(words) - number % 5 * 640;
	producer_put(&producer, &producer.streams[1], &packet);
}

/**
 * struct race - what a racing reader saw
 */
struct race {
	struct ring ring;
	enum ring_result result;
	uint64_t taken;
	uint64_t torn_words;
	uint64_t disorder;
	uint64_t next;
};

static void race_take(struct race *race, GByteArray *out)
{
	struct packet_header header;
	uint64_t i;
	guint at = 0;

	g_byte_array_set_size(out, 0);
	race->result = ring_take(&race->ring, out, LIMIT);
	while (at < out->len &&
	       packet_parse(out->data + at, out->len - at, &header) == PACKET_OK) {
		const uint64_t *words = (const void *)(out->data + at + 128);

		for (i = 0; i < header.content_size / 8; i++)
			race->torn_words += words[i] != header.sequence;
		race->disorder += header.sequence < race->next;
		race->next = header.sequence + 1;
		at += header.packet_size;
		race->taken++;
	}
	race->disorder += at != out->len;
}

static void race_judge(const struct race *race, const char *how)
{
	printf("# %lu packets taken, %lu torn and dropped, %lu made\n",
	       (unsigned long)race->taken, (unsigned long)race->ring.torn,
	       (unsigned long)producer.streams[1].sequence);
	ok(race->result != RING_DAMAGED, "[S4] %s: no damage: %s", how,
	   race->ring.damage ? race->ring.damage : "none");
	ok(race->taken > 100, "[S4] %s: packets were taken", how);
	ok(race->torn_words == 0, "[S4] %s: every packet taken is whole", how);
	ok(race->disorder == 0, "[S5] %s: and in order", how);
}

static volatile bool race_ends;

static void *run_producer(void *unused)
{
	(void)unused;
	while (!race_ends)
		put_numbered();
	return NULL;
}

/* On another CPU, if there is one to be had. */
static void test_race_thread(void)
{
	gint64 deadline = g_get_monotonic_time() + G_USEC_PER_SEC;
	GByteArray *out = g_byte_array_new();
	struct race race = { 0 };
	pthread_t thread;

	fresh(RING_SIZE);
	race_ends = false;
	assert(!pthread_create(&thread, NULL, run_producer, NULL));
	ring_init_guest(&race.ring, &region, &guest, 1);
	while (race.result != RING_DAMAGED && g_get_monotonic_time() < deadline)
		race_take(&race, out);
	race_ends = true;
	pthread_join(thread, NULL);
	race_judge(&race, "thread");
	g_byte_array_unref(out);
}

static void interrupt(int signal_number)
{
	int i;

	(void)signal_number;
	for (i = 0; i < 6; i++)
		put_numbered();
}

/* Torn packets without which the race has shown nothing. */
#define TORN_ENOUGH	10

/* In a signal handler, between any two instructions of the reader. */
static void test_race_signal(void)
{
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	/* a signal that hits a copy is rare on a machine that does much else */
	gint64 deadline = g_get_monotonic_time() + 45 * G_USEC_PER_SEC;
	GByteArray *out = g_byte_array_new();
	struct race race = { 0 };

	fresh(RING_SIZE);
	/* the handler allocates nothing; the reader's buffer has its size before */
	g_byte_array_set_size(out, RING_SIZE);
	ring_init_guest(&race.ring, &region, &guest, 1);
	signal(SIGALRM, interrupt);
	setitimer(ITIMER_REAL, &often, NULL);
	while (race.result != RING_DAMAGED && race.ring.torn < TORN_ENOUGH &&
	       g_get_monotonic_time() < deadline)
		race_take(&race, out);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
	ok(race.ring.torn >= TORN_ENOUGH, "[S4] signal: packets were torn");
	race_judge(&race, "signal");
	g_byte_array_unref(out);
}

/* A producer that changes a header to and fro, to catch a reader that reads it twice. */
static void *run_flipper(void *size)
{
	while (!race_ends) {
		__atomic_store_n((uint64_t *)size, 1 << 20, __ATOMIC_RELAXED);
		__atomic_store_n((uint64_t *)size, 256, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_double_fetch(void)
{
	gint64 deadline = g_get_monotonic_time() + G_USEC_PER_SEC;
	GByteArray *out = g_byte_array_new();
	uint64_t good = 0, bad = 0, refused = 0;
	struct packet_header header;
	struct vht_packet *packet;
	pthread_t thread;

	fresh(RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 4);
	packet = (void *)producer.streams[1].ring;
	race_ends = false;
	assert(!pthread_create(&thread, NULL, run_flipper, &packet->packet_size));
	while (g_get_monotonic_time() < deadline) {
		struct ring ring;

		ring_init_guest(&ring, &region, &guest, 1);
		g_byte_array_set_size(out, 0);
		if (ring_take(&ring, out, LIMIT) == RING_DAMAGED)
			refused++;
		else if (out->len == 256 &&
			 packet_parse(out->data, out->len, &header) == PACKET_OK)
			good++;
		else
			bad++;
	}
	race_ends = true;
	pthread_join(thread, NULL);
	printf("# %lu taken, %lu refused\n", (unsigned long)good, (unsigned long)refused);
	ok(!bad && good, "[H1] a header that changes is read once: what was checked is kept");
	g_byte_array_unref(out);
}

/* Random words anywhere in the guest part: bounded time, bounded memory. */
static void test_random(void)
{
	GByteArray *out = g_byte_array_new();
	GRand *rand = g_rand_new_with_seed(1);
	uint64_t round, largest = 0, damaged = 0;
	uint32_t i;

	for (round = 0; round < 20000; round++) {
		struct region_guest tables;

		if (round % 100 == 0) {
			fresh(RING_SIZE);
			for (i = 0; i < 300; i++)
				producer_put_heartbeats(&producer, &producer.streams[1 + i % 2], i,
							i % 40);
		}
		for (i = 0; i < 4; i++) {
			static const uint64_t values[] = { 0, 1, 127, 128, 0x4000, 0x1000000,
				INT64_MAX, UINT64_MAX, UINT64_MAX - 127 };
			uint64_t offset = g_rand_boolean(rand) ?
				0x1000 + 8 * g_rand_int_range(rand, 0, 48) :
				0x10000 + 8 * g_rand_int_range(rand, 0, 3 * RING_SIZE / 8);

			*(uint64_t *)(memory + VHT_REGION_ALIGN + offset) =
				g_rand_boolean(rand) ?
				values[g_rand_int_range(rand, 0, G_N_ELEMENTS(values))] :
				(uint64_t)g_rand_int_range(rand, 0, 1 << 20) * 128;
		}
		if (region_guest(&region, &tables, NULL) != REGION_GUEST_READY)
			continue;
		for (i = 0; i < tables.stream_count; i++) {
			struct ring ring;

			ring_init_guest(&ring, &region, &tables, i);
			g_byte_array_set_size(out, 0);
			while (ring_take(&ring, out, LIMIT) == RING_MORE)
				;
			damaged += ring.damage != NULL;
			largest = MAX(largest, out->len);
		}
	}
	ok(damaged > 1000, "[H1] %lu random lies found out", (unsigned long)damaged);
	ok(largest <= 3 * RING_SIZE, "[H1] nothing taken that no ring holds");
	g_rand_free(rand);
	g_byte_array_unref(out);
}

int main(void)
{
	memory = aligned_alloc(4096, PRODUCER_SIZE);
	test_order();
	test_flight_recorder();
	test_bounds();
	test_lies();
	test_readonly();
	test_race_thread();
	test_race_signal();
	test_double_fetch();
	test_random();
	free(memory);
	return tap_done();
}
