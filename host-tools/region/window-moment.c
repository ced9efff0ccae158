// SPDX-License-Identifier: GPL-2.0-only
/* Where a window's writer is; see window-moment.h. */
#include "region/window-moment.h"

#include "region/load.h"

/* Tries to find the ends and marks that belong together. */
#define TRIES	16

/**
 * find_ends - find out what head_buffer and commit_buffer are
 * Return: false if they make no sense, or not now.
 */
static bool find_ends(struct window_buffer *buffer, struct window_moment *out,
		      const char **problem)
{
	uint32_t head_index, size = window_buffer_ring_size(buffer);

	if (!window_buffer_load_ends(buffer, &out->head, &out->commit))
		return false;
	/* the CPU did not come up yet */
	if (!out->head || !out->commit)
		return false;
	if (!window_subbuf_index(&buffer->meta, out->head, &head_index) ||
	    !window_subbuf_index(&buffer->meta, out->commit, &out->commit_index)) {
		*problem = "head_buffer or commit_buffer is no sub-buffer of the CPU";
		return false;
	}
	if (!buffer->has_slots || !window_buffer_is_slot_same(buffer, 0) ||
	    !window_buffer_is_slot_same(buffer, buffer->slot_of[head_index]) ||
	    !window_buffer_is_slot_same(buffer, buffer->slot_of[out->commit_index]))
		window_buffer_copy_slots(buffer);
	if (!buffer->has_slots || !window_buffer_is_in_ring(buffer, head_index)) {
		*problem = "buffers[] does not hold each sub-buffer once";
		buffer->has_slots = false;
		return false;
	}
	out->head_ring = buffer->slot_of[head_index] - 1;
	out->is_on_reader = !window_buffer_is_in_ring(buffer, out->commit_index);
	out->commit_ring = out->is_on_reader ? (out->head_ring + size - 1) % size :
			   buffer->slot_of[out->commit_index] - 1;
	out->length = out->is_on_reader ? 0 :
		      window_buffer_ring_way(buffer, out->head_ring, out->commit_ring) + 1;
	return true;
}

/* Marks the newest sub-buffers that have something in them. */
static void make_marks(const struct window_buffer *buffer, struct window_moment *moment)
{
	uint32_t ring = moment->commit_ring, length = moment->length;
	uint32_t size = window_buffer_ring_size(buffer);

	moment->has_newest = window_mark_make(buffer, moment->commit_index, ring,
					      &moment->filled);
	moment->newest = moment->filled;
	if (!moment->has_newest && length > 1) {
		ring = (ring + size - 1) % size;
		length--;
		moment->has_newest = window_mark_make(buffer, buffer->slots[ring + 1], ring,
						      &moment->newest);
	}
	ring = (ring + size - 1) % size;
	moment->has_older = moment->has_newest && length > 1 &&
			    window_mark_make(buffer, buffer->slots[ring + 1], ring,
					     &moment->older);
}

/**
 * is_one_moment - do the ends and the marks belong together?
 *
 * The ends are loaded between the making of the marks and a look whether they still
 * hold. A sub-buffer that is the same use of it at both was so in between, when
 * the writer was where the ends say.
 */
static bool is_one_moment(const struct window_buffer *buffer, const struct window_moment *moment)
{
	uint64_t head, commit;

	read_barrier();
	if (!window_buffer_load_ends(buffer, &head, &commit) || head != moment->head ||
	    commit != moment->commit)
		return false;
	read_barrier();
	return (!moment->has_newest || window_mark_is_kept(buffer, &moment->newest)) &&
	       (!moment->has_older || window_mark_is_kept(buffer, &moment->older));
}

bool window_moment_take(struct window_buffer *buffer, struct window_moment *out,
			const char **problem)
{
	int tries = 0;

	do {
		if (tries++ == TRIES || !find_ends(buffer, out, problem))
			return false;
		make_marks(buffer, out);
	} while (!is_one_moment(buffer, out));
	return true;
}
