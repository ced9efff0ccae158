// SPDX-License-Identifier: GPL-2.0-only
/* The beginning of a kernel's clock; see early.h. */
#include "early.h"

#include <string.h>

#include "epochs.h"
#include "wire/page.h"

/* One or two of the slowest ticks. */
#define EARLY_ERROR	20000000ULL
/* A step back by less is noise ... */
#define EARLY_STEP	100000ULL
/* ... and all times that are multiples of this go by the tick. */
#define EARLY_TICK	1000000ULL

/**
 * struct early - the beginning of a clock, as its events' times show it
 * @step: the latest time before the clock stepped back, 0: it did not
 * @tick: the latest time that is the tick's, 0 likewise
 */
struct early {
	uint64_t step;
	uint64_t tick;
};

static void look_at_page(struct early *early, const struct recording_packet *packet,
			 unsigned int long_size, uint64_t limit, uint64_t *latest)
{
	struct page_cursor page;
	struct page_event event;

	page_cursor_init(&page, packet->content, packet->header.content_size, long_size);
	while (page_cursor_next(&page, &event) && event.time < limit) {
		if (event.time + EARLY_STEP < *latest)
			early->step = MAX(early->step, *latest);
		if (event.time && event.time % EARLY_TICK == 0)
			early->tick = MAX(early->tick, event.time);
		*latest = MAX(*latest, event.time);
	}
}

/* Look at the times of a stream's events before @limit. */
static void look_at_stream(struct early *early, const struct recording_stream *stream,
			   unsigned int long_size, uint64_t limit)
{
	struct recording_cursor cursor;
	struct recording_packet packet;
	uint64_t latest = 0;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		bool is_window = packet.header.type == VHT_PACKET_WINDOW;

		if (!is_window && packet.header.type != VHT_PACKET_FTRACE)
			continue;
		if (packet.header.timestamp_begin >= limit)
			break;
		look_at_page(early, &packet, is_window ? 8 : long_size, limit, &latest);
	}
}

/* The beginning of a clock: in a driver's streams of that name (NULL: none), or a window's. */
static struct early look_early(const struct recording_vm *vm, uint32_t epoch, const char *name,
			       uint64_t limit)
{
	const GPtrArray *generations = vm->generations;
	struct early early = { 0, 0 };

	for (guint i = 0; i < generations->len; i++) {
		const struct recording_generation *generation = generations->pdata[i];
		g_autofree char *long_size = NULL;

		if (generation->epoch != epoch)
			continue;
		long_size = recording_generation_env(generation, "long_size");
		for (guint j = 0; j < generation->streams->len; j++) {
			const struct recording_stream *stream = generation->streams->pdata[j];

			if (stream->source == VHT_SOURCE_WINDOW ||
			    (name && stream->source == VHT_SOURCE_FTRACE &&
			     !strcmp(stream->first_state.name, name)))
				look_at_stream(&early, stream, !g_strcmp0(long_size, "4") ? 4 : 8,
					       limit);
		}
	}
	return early;
}

void early_widen(const struct recording_vm *vm, struct clock_map *map, uint32_t epoch,
		 const char *name, uint64_t limit)
{
	struct early early = look_early(vm, epoch, name, limit);
	uint64_t first, last;

	if (!epoch_span(vm, epoch, &first, &last))
		first = 0;
	if (early.step)
		clock_map_set_early(map, early.step + 1, EARLY_ERROR, first);
	else
		clock_map_set_early(map, limit, EARLY_ERROR, early.tick ? first : UINT64_MAX);
}
