// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing a region: the input is a list of words to be written over a good one,
 * host header, guest header, tables and rings alike; the reader then takes all
 * that it can get, in bounded time and memory.
 *
 * A patch is 12 bytes: where (u8), unused (u8), index of the word (u16), the
 * word (u64).
 */
#include <stdlib.h>
#include <string.h>

#include "producer.h"
#include "region/region.h"
#include "region/ring.h"

#define RING_SIZE	0x4000
#define MAX_PATCHES	256

struct patch {
	uint8_t where;
	uint8_t unused;
	uint16_t index;
	uint64_t word;
} __attribute__((packed));

static uint8_t *memory, *pristine;

static void make_region(void)
{
	struct producer producer;
	uint64_t i;

	memory = aligned_alloc(4096, PRODUCER_SIZE);
	pristine = malloc(PRODUCER_SIZE);
	memset(memory, 0, PRODUCER_SIZE);
	producer_init(&producer, memory, PRODUCER_SIZE, "vm");
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 3, RING_SIZE);
	for (i = 0; i < 300; i++)
		producer_put_heartbeats(&producer, &producer.streams[1 + i % 2], i, i % 40);
	producer_put_vmm(&producer, VHT_VMM_CREATED, 1, 2, "x");
	memcpy(pristine, memory, PRODUCER_SIZE);
}

static uint64_t offset_of(const struct patch *patch)
{
	static const struct {
		uint64_t base;
		uint64_t words;
	} places[] = {
		{ 0, sizeof(struct vht_host_header) / 8 },
		{ 0x1000, sizeof(struct vht_stream) / 8 },
		{ 0x100000, 512 },
		{ VHT_REGION_ALIGN, sizeof(struct vht_guest_header) / 8 },
		{ VHT_REGION_ALIGN + 0x1000, 3 * sizeof(struct vht_stream) / 8 },
		{ VHT_REGION_ALIGN + 0x10000, 3 * RING_SIZE / 8 },
	};
	size_t place = patch->where % (sizeof(places) / sizeof(places[0]));

	return places[place].base + patch->index % places[place].words * 8;
}

static void drain(struct ring *ring)
{
	GByteArray *out = g_byte_array_new();
	uint64_t position;

	do {
		position = ring->position;
		g_byte_array_set_size(out, 0);
		if (ring_take(ring, out, 1 << 16) != RING_MORE)
			break;
		ring_release(ring);
		/* "more" without progress would be an endless loop */
		if (ring->position == position)
			abort();
	} while (!ring->damage);
	g_byte_array_unref(out);
	/* undo what ring_release() did */
	if (ring->consumer)
		memcpy(ring->consumer, pristine + ((uint8_t *)ring->consumer - memory), 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = size / sizeof(struct patch), i;
	struct region_guest guest;
	struct region region;
	uint32_t s;

	if (!memory)
		make_region();
	if (count > MAX_PATCHES)
		count = MAX_PATCHES;
	for (i = 0; i < count; i++) {
		struct patch patch;

		memcpy(&patch, data + i * sizeof(patch), sizeof(patch));
		memcpy(memory + offset_of(&patch), &patch.word, 8);
	}
	if (region_init(&region, memory, PRODUCER_SIZE, true, NULL)) {
		for (s = 0; s < region.host.host_stream_count; s++) {
			struct ring ring;

			ring_init_host(&ring, &region, s);
			drain(&ring);
		}
		if (region_guest(&region, &guest, NULL) >= REGION_GUEST_READY &&
		    region_guest(&region, &guest, NULL) != REGION_GUEST_BAD) {
			for (s = 0; s < guest.stream_count; s++) {
				struct ring ring;

				ring_init_guest(&ring, &region, &guest, s);
				drain(&ring);
			}
		}
	}
	for (i = 0; i < count; i++) {
		struct patch patch;

		memcpy(&patch, data + i * sizeof(patch), sizeof(patch));
		memcpy(memory + offset_of(&patch), pristine + offset_of(&patch), 8);
	}
	return 0;
}
