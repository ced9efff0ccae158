/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One CPU's buffer in a window, as it lies in the guest's memory: where its parts
 * are, and how the fields that the guest changes meanwhile are loaded. In which
 * order that has to be done, and what it then means, is for who reads (window.h).
 */
#ifndef HYPERTRACE_REGION_WINDOW_BUFFER_H
#define HYPERTRACE_REGION_WINDOW_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "../wire/window.h"

/**
 * struct window_buffer - a buffer
 * @base: of the place that it lies in
 * @meta: its description, checked
 * @ends: offset of head_buffer; commit_buffer is behind it
 * @slots: buffers[] as last copied
 * @slot_of: the reverse
 * @has_slots: both are valid
 */
struct window_buffer {
	const uint8_t *base;
	struct window_cpu_meta meta;
	uint64_t ends;
	uint32_t *slots;
	uint32_t *slot_of;
	bool has_slots;
};

/**
 * window_buffer_set - say where the buffer is
 * @buffer: zeros, or set before; what is known of buffers[] holds if the size is the same
 * @base: of the place
 * @head: the description's common part
 * @meta: the CPU's
 */
void window_buffer_set(struct window_buffer *buffer, const uint8_t *base,
		       const struct window_head *head, const struct window_cpu_meta *meta);

/** window_buffer_fini - free what window_buffer_set() made */
void window_buffer_fini(struct window_buffer *buffer);

/** window_buffer_ring_size - sub-buffers in the ring: all but that in slot 0 */
uint32_t window_buffer_ring_size(const struct window_buffer *buffer);

/** window_buffer_ring_way - the way in the ring from one place to another */
uint32_t window_buffer_ring_way(const struct window_buffer *buffer, uint32_t from, uint32_t to);

/** window_buffer_is_in_ring - a sub-buffer is, as far as known: else it is in slot 0 */
bool window_buffer_is_in_ring(const struct window_buffer *buffer, uint32_t index);

/** window_buffer_max_commit - bytes of data that fit into a sub-buffer */
uint32_t window_buffer_max_commit(const struct window_buffer *buffer);

/** window_buffer_data - the data of a sub-buffer; the guest may write it */
const uint8_t *window_buffer_data(const struct window_buffer *buffer, uint32_t index);

/** window_buffer_load_time - load a sub-buffer's time_stamp; an acquire */
uint64_t window_buffer_load_time(const struct window_buffer *buffer, uint32_t index);

/**
 * window_buffer_load_commit - load a sub-buffer's commit without its flags; an acquire
 * Return: bytes; more than window_buffer_max_commit() makes no sense.
 */
uint64_t window_buffer_load_commit(const struct window_buffer *buffer, uint32_t index);

/**
 * window_buffer_load_ends - load head_buffer and commit_buffer of one moment
 * @buffer: the buffer
 * @head: an address in the guest, unchecked
 * @commit: likewise
 * Return: false if the writer is too fast for that.
 */
bool window_buffer_load_ends(const struct window_buffer *buffer, uint64_t *head, uint64_t *commit);

/**
 * window_buffer_copy_slots - copy buffers[] and turn it around
 * Return: false, and @buffer->has_slots too, if it is none: a number is missing. It may be
 * there in a moment.
 */
bool window_buffer_copy_slots(struct window_buffer *buffer);

/** window_buffer_is_slot_same - a slot holds what it held when it was copied */
bool window_buffer_is_slot_same(const struct window_buffer *buffer, uint32_t slot);

#endif
