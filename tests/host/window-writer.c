// SPDX-License-Identifier: GPL-2.0-only
/* The writing side of a window; see window-writer.h. */
#include "window-writer.h"

#include <assert.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	0x0badfeedU

static void put32(uint8_t *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)at, value, __ATOMIC_RELAXED);
}

static void put64(uint8_t *at, uint64_t value)
{
	__atomic_store_n((uint64_t *)at, value, __ATOMIC_RELAXED);
}

static void write_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static uint8_t *page(const struct window_writer *w, uint32_t slot)
{
	return w->data + (uint64_t)w->buffers[slot] * w->subbuf_size;
}

static uint64_t page_address(const struct window_writer *w, uint32_t slot)
{
	return w->address + (uint64_t)w->buffers[slot] * w->subbuf_size;
}

void window_writer_layout(uint8_t *place, uint64_t size, enum window_layout layout,
			  struct window_writer *writers, uint32_t cpus, uint32_t count,
			  uint32_t subbuf_size)
{
	bool is_old = layout == WINDOW_LAYOUT_6_12;
	uint64_t at = is_old ? 0 : 24 + 4096;

	if (!is_old) {
		put32(place, MAGIC);
		put32(place + 4, 24 << 16 | 32);
		put64(place + 8, size);
		put64(place + 16, at);
		put32(place + 24, 0);
		put64(place + 32, WRITER_TEXT);
	}
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		struct window_writer *w = &writers[cpu];
		uint64_t data = (at + (is_old ? 56 : 32) + 4ULL * count + subbuf_size - 1) &
				~((uint64_t)subbuf_size - 1);

		memset(w, 0, sizeof(*w));
		w->place = place;
		w->meta = place + at;
		w->ends = is_old ? 32 : 8;
		w->buffers = (int32_t *)(w->meta + (is_old ? 56 : 32));
		w->data = place + data;
		w->address = WRITER_FIRST + data;
		w->subbuf_size = subbuf_size;
		w->count = count;
		w->written = calloc(count, sizeof(*w->written));
		assert(data + (uint64_t)count * subbuf_size <= size);
		if (is_old) {
			put32(w->meta, MAGIC);
			put32(w->meta + 4, 56);
			put64(w->meta + 8, WRITER_TEXT);
			put64(w->meta + 16, WRITER_TEXT + 0x2000000);
		}
		put64(w->meta + w->ends - 8, w->address);
		put32(w->meta + w->ends + 16, subbuf_size);
		put32(w->meta + w->ends + 20, count);
		for (uint32_t i = 0; i < count; i++)
			put32((uint8_t *)&w->buffers[i], i);
		at = data + (uint64_t)count * subbuf_size;
	}
}

void window_writer_start(struct window_writer *w)
{
	w->head = w->tail = w->commit = 1;
	put64(w->meta + w->ends, page_address(w, 1));
	put64(w->meta + w->ends + 8, page_address(w, 1));
}

/* rb_set_commit_to_write() */
static void commit_all(struct window_writer *w)
{
	while (w->commit != w->tail) {
		put64(page(w, w->commit) + 8, w->written[w->commit]);
		w->commit = w->commit ? w->commit % (w->count - 1) + 1 : w->head;
		put64(w->meta + w->ends + 8, page_address(w, w->commit));
	}
	write_barrier();
	put64(page(w, w->commit) + 8, w->written[w->commit]);
}

/* rb_move_tail() */
static bool move_tail(struct window_writer *w)
{
	uint32_t next = w->tail ? w->tail % (w->count - 1) + 1 : w->head;
	uint32_t room = w->subbuf_size - WINDOW_SUBBUF_HEADER - w->written[w->tail];
	uint8_t *rest = page(w, w->tail) + WINDOW_SUBBUF_HEADER + w->written[w->tail];

	if (next == w->commit)
		return false;
	if (next == w->head && w->commit) {
		w->head = next % (w->count - 1) + 1;
		put64(w->meta + w->ends, page_address(w, w->head));
		full_barrier();
	} else if (next == w->head && w->commit != w->tail) {
		return false;
	}
	put64(page(w, next) + 8, 0);
	full_barrier();
	if (room >= 8) {
		put32(rest, 29 | 1 << 5);
		put32(rest + 4, room - 4);
		w->written[w->tail] += room;
	} else if (room >= 4) {
		put32(rest, 29);
	}
	w->tail = next;
	w->written[next] = 0;
	if (!w->is_held)
		commit_all(w);
	return true;
}

bool window_writer_put(struct window_writer *w, uint64_t time, const void *data, uint32_t size)
{
	uint32_t padded = (size + 3) & ~3U, length = 8 + padded, used;
	uint64_t delta = time - w->time;
	bool is_far;
	uint8_t *at;

	used = w->written[w->tail];
	is_far = used && delta >> 27;
	if (used + length + (is_far ? 8 : 0) > w->subbuf_size - WINDOW_SUBBUF_HEADER) {
		if (!move_tail(w)) {
			w->refused++;
			return false;
		}
		used = 0;
		is_far = false;
	}
	if (!used)
		delta = 0;
	at = page(w, w->tail) + WINDOW_SUBBUF_HEADER + used;
	if (is_far) {
		put32(at, 30 | (uint32_t)(delta & ((1 << 27) - 1)) << 5);
		put32(at + 4, (uint32_t)(delta >> 27));
		at += 8;
		used += 8;
		delta = 0;
	}
	put32(at, (uint32_t)delta << 5);
	put32(at + 4, padded + 4);
	memset(at + 8, 0, padded);
	memcpy(at + 8, data, size);
	if (!w->written[w->tail])
		put64(page(w, w->tail), time);
	w->written[w->tail] = used + length;
	w->time = time;
	if (!w->is_held)
		commit_all(w);
	return true;
}

void window_writer_hold(struct window_writer *w)
{
	w->is_held = true;
}

void window_writer_release(struct window_writer *w)
{
	w->is_held = false;
	commit_all(w);
}

bool window_writer_swap(struct window_writer *w)
{
	int32_t old = w->buffers[0];
	uint32_t id = w->head, next = id % (w->count - 1) + 1;

	if (!w->commit)
		return false;
	put64(page(w, 0) + 8, 0);
	full_barrier();
	put32((uint8_t *)&w->buffers[0], w->buffers[id]);
	put32((uint8_t *)&w->buffers[id], old);
	w->written[0] = w->written[id];
	w->written[id] = 0;
	if (w->commit == id)
		w->commit = w->tail = 0;
	w->head = next;
	put64(w->meta + w->ends, page_address(w, next));
	return true;
}

void window_writer_clear(struct window_writer *w)
{
	for (uint32_t i = 0; i < w->count; i++) {
		put64(page(w, i) + 8, 0);
		w->written[i] = 0;
	}
	w->head = w->tail = w->commit = 1;
	put64(w->meta + w->ends, page_address(w, 1));
	put64(w->meta + w->ends + 8, page_address(w, 1));
}

void window_writer_again(struct window_writer *w)
{
	/* the kernel takes commit_buffer over, but not how far it was written */
	w->written[w->commit] = 0;
	w->tail = w->commit;
	w->time = 0;
}
