/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A persistent ring buffer as Linux writes it, for tests: the same stores in the
 * same order as kernel/trace/ring_buffer.c (host-tools/region/window.h says
 * which), without its guest. One thread a CPU may write while others read.
 */
#ifndef HYPERTRACE_TESTS_WINDOW_WRITER_H
#define HYPERTRACE_TESTS_WINDOW_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/window.h"

#define WRITER_FIRST	0xffffc90000000000ULL	/* where the guest has the window mapped */
#define WRITER_TEXT	0xffffffff9d400000ULL

/**
 * struct window_writer - one CPU's writing side
 * @meta: of the CPU in the place
 * @data: first sub-buffer
 * @address: guest's address of @data
 * @tail: slot that is written, 0 if it was swapped out
 * @write: bytes in it
 * @held: slots whose commit waits for the outermost event, and how much is in them
 * @is_held: an outer event is not committed
 * @no_overwrite: refuse events when full
 */
struct window_writer {
	uint8_t *place;
	unsigned int ends;
	uint8_t *meta;
	int32_t *buffers;
	uint8_t *data;
	uint64_t address;
	uint32_t subbuf_size;
	uint32_t count;
	uint32_t tail;
	uint32_t head;
	uint32_t commit;
	uint32_t *written;
	uint64_t time;
	bool is_held;
	uint64_t refused;
};

/**
 * window_writer_layout - make the description of all CPUs and take their sides
 * @place: zeroed memory
 * @size: bytes
 * @layout: which
 * @writers: set, one a CPU
 * @cpus: how many
 * @count: sub-buffers of each, the reader's included
 * @subbuf_size: bytes
 */
void window_writer_layout(uint8_t *place, uint64_t size, enum window_layout layout,
			  struct window_writer *writers, uint32_t cpus, uint32_t count,
			  uint32_t subbuf_size);

/** window_writer_start - the CPU comes up: head and commit are set */
void window_writer_start(struct window_writer *w);

/** window_writer_put - one event; false if it was refused */
bool window_writer_put(struct window_writer *w, uint64_t time, const void *data, uint32_t size);

/** window_writer_hold - an event begins that others interrupt from now on */
void window_writer_hold(struct window_writer *w);

/** window_writer_release - it is committed, and with it all of them */
void window_writer_release(struct window_writer *w);

/** window_writer_swap - a reader in the guest takes the oldest sub-buffer out */
bool window_writer_swap(struct window_writer *w);

/** window_writer_clear - somebody writes to the guest's `trace` */
void window_writer_clear(struct window_writer *w);

/** window_writer_again - another kernel goes on in the ring (6.12, kexec) */
void window_writer_again(struct window_writer *w);

#endif
