// SPDX-License-Identifier: GPL-2.0-only
/* A CPU's buffer in the guest's memory; see window-buffer.h. */
#include "region/window-buffer.h"

#include <glib.h>
#include <string.h>

#include "region/load.h"

/* Tries to load two fields that belong together. */
#define LOAD_TRIES	16

void window_buffer_set(struct window_buffer *buffer, const uint8_t *base,
		       const struct window_head *head, const struct window_cpu_meta *meta)
{
	if (!buffer->slots || meta->nr_subbufs != buffer->meta.nr_subbufs) {
		window_buffer_fini(buffer);
		buffer->slots = g_new0(uint32_t, meta->nr_subbufs);
		buffer->slot_of = g_new0(uint32_t, meta->nr_subbufs);
		buffer->has_slots = false;
	}
	buffer->base = base;
	buffer->meta = *meta;
	buffer->ends = meta->offset + window_head_place(head);
}

void window_buffer_fini(struct window_buffer *buffer)
{
	g_free(buffer->slots);
	g_free(buffer->slot_of);
}

uint32_t window_buffer_ring_size(const struct window_buffer *buffer)
{
	return buffer->meta.nr_subbufs - 1;
}

uint32_t window_buffer_ring_way(const struct window_buffer *buffer, uint32_t from, uint32_t to)
{
	uint32_t size = window_buffer_ring_size(buffer);

	return (to + size - from) % size;
}

bool window_buffer_is_in_ring(const struct window_buffer *buffer, uint32_t index)
{
	return buffer->slot_of[index] != 0;
}

uint32_t window_buffer_max_commit(const struct window_buffer *buffer)
{
	return buffer->meta.subbuf_size - WINDOW_SUBBUF_HEADER;
}

static const uint8_t *subbuf(const struct window_buffer *buffer, uint32_t index)
{
	return buffer->base + buffer->meta.data + (uint64_t)index * buffer->meta.subbuf_size;
}

const uint8_t *window_buffer_data(const struct window_buffer *buffer, uint32_t index)
{
	return subbuf(buffer, index) + WINDOW_SUBBUF_HEADER;
}

uint64_t window_buffer_load_time(const struct window_buffer *buffer, uint32_t index)
{
	return load_acquire_le64((const void *)subbuf(buffer, index));
}

uint64_t window_buffer_load_commit(const struct window_buffer *buffer, uint32_t index)
{
	return load_acquire_le64((const void *)(subbuf(buffer, index) + 8)) &
	       ~WINDOW_COMMIT_FLAGS;
}

bool window_buffer_load_ends(const struct window_buffer *buffer, uint64_t *head, uint64_t *commit)
{
	const __le64 *ends = (const void *)(buffer->base + buffer->ends);
	int tries;

	for (tries = 0; tries < LOAD_TRIES; tries++) {
		*head = load_acquire_le64(&ends[0]);
		*commit = load_acquire_le64(&ends[1]);
		if (load_acquire_le64(&ends[0]) == *head)
			return true;
	}
	return false;
}

static const __le32 *live_slots(const struct window_buffer *buffer)
{
	return (const void *)(buffer->base + buffer->meta.buffers);
}

bool window_buffer_copy_slots(struct window_buffer *buffer)
{
	uint32_t count = buffer->meta.nr_subbufs, i;

	buffer->has_slots = false;
	memset(buffer->slot_of, 0xff, count * sizeof(*buffer->slot_of));
	for (i = 0; i < count; i++) {
		uint32_t index = load_le32(&live_slots(buffer)[i]);

		if (index >= count || buffer->slot_of[index] != UINT32_MAX)
			return false;
		buffer->slots[i] = index;
		buffer->slot_of[index] = i;
	}
	buffer->has_slots = true;
	return true;
}

bool window_buffer_is_slot_same(const struct window_buffer *buffer, uint32_t slot)
{
	return load_le32(&live_slots(buffer)[slot]) == buffer->slots[slot];
}
