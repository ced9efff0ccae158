// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's ring [S1]-[S6], the very code that runs in the guest: alone against
 * a check of all that may be said of a ring after each step, and against a reader in
 * another thread that keeps to the specification.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "../host/tap.h"
#include "vht_ring.h"

#define RING_SIZE	16384
#define CONTENT_MAX	1500

/* A ring with all around it, as it lies in a region. */
struct bench {
	struct vht_ring ring;
	struct vht_stream shared;
	__le64 tail;
	__le32 reader;
	u8 *data;
	size_t size;
	u64 rejected;
};

static void bench_init(struct bench *bench, size_t size, bool keep_oldest)
{
	memset(bench, 0, sizeof(*bench));
	bench->data = aligned_alloc(VHT_PACKET_ALIGN, size);
	/* What an earlier driver left. */
	memset(bench->data, 0xa5, size);
	bench->size = size;
	bench->ring = (struct vht_ring) {
		.shared = &bench->shared, .data = bench->data, .size = size,
		.tail = &bench->tail, .reader = &bench->reader, .keep_oldest = keep_oldest,
		.id = 40, .cpu = 1, .epoch = 2, .generation = 3,
	};
	vht_ring_init(&bench->ring);
}

static void bench_fini(struct bench *bench)
{
	free(bench->data);
}

/* Content that tells whose it is, byte by byte. */
static u8 pattern(u64 sequence, size_t at)
{
	return sequence * 31 + at * 7 + (sequence >> 8);
}

static int put(struct bench *bench, size_t size)
{
	u64 sequence = bench->ring.sequence;
	struct vht_packet_info info = {
		.type = VHT_PACKET_FTRACE, .timestamp_begin = sequence,
		.timestamp_end = sequence + 1, .events = sequence + 1,
	};
	u8 content[RING_SIZE];
	size_t i;

	for (i = 0; i < size; i++)
		content[i] = pattern(sequence, i);
	return vht_ring_put(&bench->ring, &info, content, size);
}

static bool packet_is_good(const struct vht_packet *packet, u64 sequence)
{
	const u8 *content = (const u8 *)(packet + 1);
	size_t i;

	if (packet->magic != VHT_PACKET_MAGIC || packet->header_size != sizeof(*packet) ||
	    packet->type != VHT_PACKET_FTRACE || packet->stream_id != 40 || packet->cpu != 1 ||
	    packet->epoch != 2 || packet->generation != 3 || packet->sequence != sequence ||
	    packet->timestamp_begin != sequence || packet->timestamp_end != sequence + 1 ||
	    packet->events != sequence + 1 ||
	    packet->content_size > packet->packet_size - sizeof(*packet) ||
	    packet->packet_size % VHT_PACKET_ALIGN)
		return false;
	for (i = 0; i < packet->content_size; i++) {
		if (content[i] != pattern(sequence, i))
			return false;
	}
	return true;
}

/* All that must hold of a ring at rest: [S1], [S5] and the positions. */
static bool ring_is_good(const struct bench *bench)
{
	u64 head = bench->shared.head, begin = bench->shared.begin;
	u64 position, sequence = bench->ring.sequence;
	u64 count = 0;

	if (begin > head || head - begin > bench->size || head % VHT_PACKET_ALIGN ||
	    begin % VHT_PACKET_ALIGN || bench->shared.packets != sequence)
		return false;
	for (position = begin; position < head;) {
		const struct vht_packet *packet =
			(const void *)(bench->data + position % bench->size);

		if (packet->magic != VHT_PACKET_MAGIC || !packet->packet_size ||
		    position % bench->size + packet->packet_size > bench->size ||
		    position + packet->packet_size > head)
			return false;
		if (packet->type != VHT_PACKET_PAD)
			count++;
		else if ((position + packet->packet_size) % bench->size)
			return false;
		position += packet->packet_size;
	}
	sequence -= count;
	for (position = begin; position < head;) {
		const struct vht_packet *packet =
			(const void *)(bench->data + position % bench->size);

		if (packet->type != VHT_PACKET_PAD && !packet_is_good(packet, sequence++))
			return false;
		position += packet->packet_size;
	}
	return true;
}

static u64 step(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void test_flight_recorder(void)
{
	struct bench bench;
	u64 state = 1, full = 0, bad = 0, i;

	bench_init(&bench, RING_SIZE, false);
	for (i = 0; i < 20000; i++) {
		full += put(&bench, step(&state) % CONTENT_MAX) != 0;
		bad += !ring_is_good(&bench);
	}
	ok(!full, "with no reader nothing is refused [S2]");
	ok(!bad, "with no reader the ring is whole after each packet [S1] [S5]");
	ok(bench.shared.head - bench.shared.begin > RING_SIZE - 4 * CONTENT_MAX,
	   "with no reader the ring holds about all that it can");
	u64 held = 0, position;
	for (position = bench.shared.begin; position < bench.shared.head;) {
		const struct vht_packet *packet = (void *)(bench.data + position % RING_SIZE);

		held += packet->type != VHT_PACKET_PAD;
		position += packet->packet_size;
	}
	ok(bench.shared.overwritten + held == 20000, "overwritten and held add up to all");
	bench_fini(&bench);
}

/* The ring is full and the reader away: what is there stays. */
static void test_lossless(bool keep_oldest)
{
	const char *what = keep_oldest ? "keep-oldest" : "a reader attached";
	u64 head, state = 5, bad = 0, taken = 0;
	struct bench bench;
	unsigned int i;

	bench_init(&bench, RING_SIZE, keep_oldest);
	bench.reader = keep_oldest ? VHT_READER_NONE : VHT_READER_ATTACHED;
	while (!put(&bench, 1000))
		;
	head = bench.shared.head;
	ok(put(&bench, 1000) == -ENOSPC && bench.shared.begin == 0 && bench.shared.head == head &&
	   ring_is_good(&bench), "%s: a full ring stays as it is [S3]", what);
	ok(bench.shared.overwritten == 0, "%s: nothing counts as overwritten", what);
	ok(vht_ring_reserve(&bench.ring, 1000) == -ENOSPC && !vht_ring_has_room(&bench.ring, 1000),
	   "%s: nothing can be reserved", what);

	/* The reader takes one packet at a time: there is room for as much. */
	for (i = 0; i < 10000; i++) {
		const struct vht_packet *packet = (void *)(bench.data + bench.tail % RING_SIZE);

		if (bench.tail < bench.shared.head) {
			bench.tail += packet->packet_size;
			taken++;
		}
		while (step(&state) % 4)
			put(&bench, step(&state) % CONTENT_MAX);
		bad += !ring_is_good(&bench) || bench.shared.begin > bench.tail;
	}
	ok(!bad && taken > 5000, "%s: begin never passes the reader", what);
	ok(bench.shared.overwritten == 0, "%s: what was read is not counted as overwritten", what);
	bench_fini(&bench);
}

/* Any value of tail and reader, at any time [S6]. */
static void test_absurd_tails(void)
{
	struct bench bench;
	u64 state = 7, bad = 0, good = 0, i;

	bench_init(&bench, RING_SIZE, false);
	for (i = 0; i < 100000; i++) {
		switch (step(&state) % 6) {
		case 0:
			bench.tail = step(&state);
			break;
		case 1:
			bench.tail = bench.shared.head + step(&state) % 1000;
			break;
		case 2:
			bench.tail = bench.shared.begin + step(&state) % RING_SIZE;
			break;
		case 3:
			bench.tail = 0;
			break;
		case 4:
			bench.tail = UINT64_MAX;
			break;
		}
		bench.reader = step(&state) % 3 ? step(&state) : VHT_READER_ATTACHED;
		good += !put(&bench, step(&state) % CONTENT_MAX);
		bad += !ring_is_good(&bench);
	}
	ok(!bad && good > 10000, "any tail: the ring stays whole");
	bench_fini(&bench);

	/* Beyond head is head: nothing is unread. */
	bench_init(&bench, RING_SIZE, false);
	bench.reader = VHT_READER_ATTACHED;
	bench.tail = UINT64_MAX;
	for (i = 0, bad = 0; i < 1000; i++)
		bad += put(&bench, CONTENT_MAX) != 0;
	ok(!bad, "a tail beyond head does not stop the producer");

	/* Before begin is begin: what is there is unread, and there is room for the rest. */
	bench.tail = bench.shared.head;
	put(&bench, RING_SIZE / 2 - 128);
	put(&bench, RING_SIZE / 2 - 128);
	bench.tail = 0;
	for (i = 0, good = 0; i < 1000; i++) {
		u64 left = RING_SIZE - (bench.shared.head - bench.shared.begin);

		if (!put(&bench, 0))
			good++;
		else
			bad += left >= 128;
	}
	ok(!bad && good < RING_SIZE / 128 && bench.shared.head > RING_SIZE,
	   "a tail before begin leaves the room that there is");
	bench_fini(&bench);
}

/* Headers in the ring are not trusted either: nothing runs off. */
static void test_spoiled_ring(void)
{
	struct bench bench;
	u64 state = 11, bad = 0, i;

	bench_init(&bench, RING_SIZE, false);
	for (i = 0; i < 100000; i++) {
		struct vht_packet *packet =
			(void *)(bench.data + bench.shared.begin % RING_SIZE);

		if (step(&state) % 8 == 0)
			packet->packet_size = step(&state) % 2 ? step(&state) : step(&state) % 4096;
		bad += put(&bench, step(&state) % CONTENT_MAX) != 0;
		bad += bench.shared.begin > bench.shared.head || bench.shared.begin % VHT_PACKET_ALIGN ||
		       bench.shared.head - bench.shared.begin > RING_SIZE;
	}
	ok(!bad, "spoiled headers: positions stay sane");
	bench_fini(&bench);
}

static void test_sizes(void)
{
	const size_t most = RING_SIZE / 2 - sizeof(struct vht_packet);
	struct bench bench;
	unsigned int i, bad = 0;

	bench_init(&bench, RING_SIZE, false);
	ok(put(&bench, most + 1) == -EMSGSIZE && bench.shared.head == 0,
	   "a packet above half of the ring is refused");
	for (i = 0; i < 100; i++)
		bad += put(&bench, most) || put(&bench, 1) || put(&bench, 0) || !ring_is_good(&bench);
	ok(!bad, "one of half of the ring always fits, and so does one of nothing");
	ok(vht_ring_reserve(&bench.ring, SIZE_MAX) == -EMSGSIZE &&
	   vht_ring_reserve(&bench.ring, VHT_PACKET_MAX_SIZE) == -EMSGSIZE,
	   "absurd sizes are refused");
	bench_fini(&bench);
}

/* What was reserved can be put whatever the reader does, and less than that too. */
static void test_reserve(void)
{
	struct vht_packet_info info = { .type = VHT_PACKET_FTRACE };
	u64 state = 13, bad = 0, reserved = 0, i;
	u8 content[CONTENT_MAX];
	struct bench bench;
	size_t size, j;

	bench_init(&bench, RING_SIZE, false);
	for (i = 0; i < 50000; i++) {
		bench.reader = step(&state) % 2;
		bench.tail = bench.shared.begin + step(&state) % (RING_SIZE / 8);
		if (vht_ring_reserve(&bench.ring, CONTENT_MAX))
			continue;
		reserved++;
		if (step(&state) % 4 == 0)
			continue;
		bench.reader = step(&state) % 2;
		bench.tail = step(&state);
		size = step(&state) % (CONTENT_MAX + 1);
		for (j = 0; j < size; j++)
			content[j] = pattern(bench.ring.sequence, j);
		info.timestamp_begin = bench.ring.sequence;
		info.timestamp_end = bench.ring.sequence + 1;
		info.events = bench.ring.sequence + 1;
		vht_ring_commit(&bench.ring, &info, content, size);
		bad += !ring_is_good(&bench);
	}
	ok(!bad && reserved > 10000, "reserved room holds whatever the reader does then");
	bench_fini(&bench);
}

/* Two threads. */

struct race {
	struct bench bench;
	u64 packets;
	bool lossless;
	bool done;
	/* found by the reader */
	u64 read, torn, gaps, bad;
};

static void *race_producer(void *context)
{
	struct race *race = context;
	u64 state = 17;

	while (race->bench.ring.sequence < race->packets) {
		if (put(&race->bench, step(&state) % CONTENT_MAX)) {
			race->bench.rejected++;
			sched_yield();
		}
	}
	__atomic_store_n(&race->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* A reader by the letter of [S4] and [S6]. */
static void race_read(struct race *race)
{
	static u8 copy[RING_SIZE];
	struct bench *bench = &race->bench;
	const struct vht_packet *packet = (const void *)copy;
	u64 tail = 0, want = 0;
	bool done;

	do {
		u64 head, begin;

		done = __atomic_load_n(&race->done, __ATOMIC_ACQUIRE);
		head = __atomic_load_n(&bench->shared.head, __ATOMIC_ACQUIRE);
		while (tail < head) {
			size_t at = tail % RING_SIZE;
			u64 size;

			begin = __atomic_load_n(&bench->shared.begin, __ATOMIC_RELAXED);
			if (tail < begin) {
				tail = begin;
				continue;
			}
			memcpy(copy, bench->data + at, RING_SIZE - at);
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			begin = __atomic_load_n(&bench->shared.begin, __ATOMIC_RELAXED);
			if (tail < begin) {
				race->torn++;
				tail = begin;
				continue;
			}
			size = packet->packet_size;
			if (packet->magic != VHT_PACKET_MAGIC || !size || size > RING_SIZE - at) {
				race->bad++;
				tail = head;
				break;
			}
			if (packet->type != VHT_PACKET_PAD) {
				if (packet->sequence < want || !packet_is_good(packet, packet->sequence))
					race->bad++;
				race->gaps += packet->sequence - want;
				want = packet->sequence + 1;
				race->read++;
			}
			tail += size;
			if (race->lossless)
				__atomic_store_n(&bench->tail, tail, __ATOMIC_RELEASE);
		}
	} while (!done);
	race->gaps += race->packets - want;
}

static void run_race(struct race *race, bool lossless, u64 packets)
{
	pthread_t thread;

	memset(race, 0, sizeof(*race));
	bench_init(&race->bench, RING_SIZE, false);
	race->bench.reader = lossless ? VHT_READER_ATTACHED : VHT_READER_NONE;
	race->lossless = lossless;
	race->packets = packets;
	if (pthread_create(&thread, NULL, race_producer, race))
		abort();
	race_read(race);
	pthread_join(thread, NULL);
	printf("# read %llu, torn %llu, gaps %llu, refused %llu, overwritten %llu\n",
	       (unsigned long long)race->read, (unsigned long long)race->torn,
	       (unsigned long long)race->gaps, (unsigned long long)race->bench.rejected,
	       (unsigned long long)race->bench.shared.overwritten);
	bench_fini(&race->bench);
}

static void test_race(void)
{
	struct race race;

	run_race(&race, true, 200000);
	ok(!race.bad, "two threads, lossless: every copy is whole [S4] [S6]");
	ok(race.read == race.packets && !race.gaps && !race.torn,
	   "two threads, lossless: all arrive, in order [S5]");

	run_race(&race, false, 400000);
	ok(!race.bad, "two threads, overwriting: no torn copy passes for whole [S4]");
	ok(race.read + race.gaps == race.packets && race.read,
	   "two threads, overwriting: gaps are counted exactly [S5]");
}

int main(void)
{
	test_flight_recorder();
	test_lossless(false);
	test_lossless(true);
	test_absurd_tails();
	test_spoiled_ring();
	test_sizes();
	test_reserve();
	test_race();
	return tap_done();
}
