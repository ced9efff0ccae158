// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing a window: the input is a list of words to be written over a good one,
 * description and sub-buffers alike, in turns with reading it: in bounded
 * time, without a word outside of it, and events only grow.
 *
 * A patch is 12 bytes: where (u8), what to do then (u8), index of the word (u16),
 * the word (u64). The first byte of the input chooses the layout.
 */
#include <stdlib.h>
#include <string.h>

#include "producer.h"
#include "region/window.h"
#include "window-writer.h"

#define WINDOW_SIZE	VHT_WINDOW_ALIGN
#define SIZE		(PRODUCER_SIZE + 2 * WINDOW_SIZE)
#define COUNT		5
#define SUBBUF		4096
#define CPUS		2
#define USED		(CPUS * (COUNT + 2) * SUBBUF + 8192)
#define MAX_PATCHES	256

struct patch {
	uint8_t where;
	uint8_t action;
	uint16_t index;
	uint64_t word;
} __attribute__((packed));

static uint8_t *memory, *pristine[2];

static void make_window(enum window_layout layout, uint8_t *copy)
{
	static const uint8_t data[64] = "events of several lengths";
	struct window_writer writers[CPUS];
	struct producer producer;

	memset(memory, 0, SIZE);
	producer_init(&producer, memory, SIZE, "vm");
	producer_window(&producer, WINDOW_SIZE, 1);
	window_writer_layout(producer_window_place(&producer, 0), WINDOW_SIZE, layout, writers,
			     CPUS, COUNT, SUBBUF);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		window_writer_start(&writers[cpu]);
		for (uint64_t i = 0; i < 400; i++)
			window_writer_put(&writers[cpu], 1000 + i * (1 << 25), data, 8 + i % 40);
		if (cpu)
			window_writer_swap(&writers[cpu]);
		free(writers[cpu].written);
	}
	memcpy(copy, producer_window_place(&producer, 0), USED);
}

static void read_all(struct window *window, GByteArray *out, bool wants_begun, uint64_t now)
{
	window_look(window, now);
	for (guint i = 0; i < window->cpus->len; i++) {
		struct window_cpu *cpu = window->cpus->pdata[i];
		uint64_t events = cpu->events;

		g_byte_array_set_size(out, 0);
		for (int turns = 0; window_cpu_take(cpu, out, 1 << 18, wants_begun) == WINDOW_MORE;
		     turns++)
			if (turns == 8)
				break;
		/* no more events than there is room for, each time */
		if (cpu->events - events > 8ULL * WINDOW_TAKE_SUBBUFS * 65536)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	GByteArray *out;
	struct window window;
	struct region region;
	uint8_t *place;
	size_t count, i;

	if (!memory) {
		memory = aligned_alloc(4096, SIZE);
		for (i = 0; i < 2; i++) {
			pristine[i] = malloc(USED);
			make_window(i ? WINDOW_LAYOUT_6_15 : WINDOW_LAYOUT_6_12, pristine[i]);
		}
	}
	if (!size || !region_init(&region, memory, SIZE, true, NULL))
		return 0;
	place = memory + region.host.window_offset[0];
	memset(place, 0, USED);
	memcpy(place, pristine[data[0] & 1], USED);
	count = (size - 1) / sizeof(struct patch);
	window_init(&window, &region, 0, 1);
	out = g_byte_array_new();
	for (i = 0; i < count && i < MAX_PATCHES; i++) {
		struct patch patch;
		uint32_t at;

		memcpy(&patch, data + 1 + i * sizeof(patch), sizeof(patch));
		/* mostly the descriptions, and the heads of the sub-buffers */
		switch (patch.where & 3) {
		case 0:
			at = patch.index % 24 * 8;
			break;
		case 1:
			at = patch.index / 2 % (USED / SUBBUF) * SUBBUF + patch.index % 2 * 8;
			break;
		case 2:
			at = 4096 + patch.index % 24 * 8;
			break;
		default:
			at = patch.index % (USED / 8) * 8;
			break;
		}
		memcpy(place + at, &patch.word, 8);
		if (patch.action & 1)
			read_all(&window, out, patch.action & 2, i * 400000000);
	}
	read_all(&window, out, true, 1000000000000);
	g_byte_array_unref(out);
	window_fini(&window);
	return 0;
}
