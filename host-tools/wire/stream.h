/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One entry of a stream table, from the bytes of the ABI to host order. It
 * occurs in the region's tables and in the state packets of a recording.
 */
#ifndef HYPERTRACE_WIRE_STREAM_H
#define HYPERTRACE_WIRE_STREAM_H

#include <stdint.h>

#include "virtio_hypertrace.h"

/**
 * struct stream_entry - struct vht_stream in host order; same names and units
 * @name: always ends with a NUL, and holds printable ASCII only ('?' for others)
 */
struct stream_entry {
	uint32_t id;
	uint16_t source;
	uint16_t flags;
	uint32_t cpu;
	uint32_t clock;
	uint64_t ring_offset;
	uint64_t ring_size;
	char name[33];
	uint64_t head;
	uint64_t begin;
	uint64_t packets;
	uint64_t events;
	uint64_t events_lost;
	uint64_t overwritten;
	uint64_t drain_counter;
};

/**
 * stream_entry_parse - convert a stream table's entry
 * @bytes: sizeof(struct vht_stream) bytes that nobody changes, any alignment
 * @out: the entry; nothing in it is checked but the name's characters
 */
void stream_entry_parse(const void *bytes, struct stream_entry *out);

/**
 * stream_entry_build - the reverse of stream_entry_parse()
 * @entry: what to write
 * @out: struct vht_stream to fill
 */
void stream_entry_build(const struct stream_entry *entry, struct vht_stream *out);

/**
 * source_word - the word for a source, e.g. "ftrace"
 * @source: VHT_SOURCE_*
 * Return: a constant string, or NULL for an unknown source.
 */
const char *source_word(uint16_t source);

#endif
