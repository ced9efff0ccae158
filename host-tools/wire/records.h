/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records inside packets that the tools themselves understand: metadata,
 * VM life cycle events, clock records, heartbeats. Each reader takes a packet's
 * content and walks it with every size checked. The content must not change
 * meanwhile: a private copy or a file, never the region itself.
 */
#ifndef HYPERTRACE_WIRE_RECORDS_H
#define HYPERTRACE_WIRE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_hypertrace.h"

/**
 * struct record_cursor - a place in the content of one packet
 * @next: the bytes not yet read
 * @left: how many they are; after the end, bytes that are no whole record
 */
struct record_cursor {
	const uint8_t *next;
	size_t left;
};

/**
 * record_cursor_init - begin with a packet's content
 * @cursor: to set
 * @content: the content
 * @size: its bytes
 */
void record_cursor_init(struct record_cursor *cursor, const void *content, size_t size);

/**
 * struct meta_record - one record of the metadata stream
 * @type: VHT_META_*
 * @arg: see VHT_META_*
 * @payload: its bytes, not NUL-terminated, inside the content
 * @size: bytes of the payload
 */
struct meta_record {
	uint32_t type;
	uint64_t arg;
	const char *payload;
	size_t size;
};

/**
 * struct vmm_event - struct vht_vmm_event in host order
 * @text: always ends with a NUL; control characters replaced by '?'
 */
struct vmm_event {
	uint64_t mono_ns;
	uint64_t counter;
	uint32_t type;
	uint32_t epoch;
	uint64_t arg;
	char text[97];
};

/**
 * struct clock_record - struct vht_clock_record in host order
 */
struct clock_record {
	uint64_t mono_ns;
	uint64_t counter;
	uint64_t counter_hz;
	uint32_t error_ns;
	uint16_t kind;
	uint16_t reason;
	uint32_t cpu;
	uint32_t epoch;
	uint64_t offset;
	uint64_t scale;
	uint64_t host_counter;
};

/**
 * struct vcpu_record - struct vht_vcpu_record in host order
 */
struct vcpu_record {
	uint64_t mono_ns;
	uint32_t epoch;
	uint32_t index;
	uint64_t arch_id;
	uint32_t kvm_id;
	uint32_t thread_id;
	uint32_t state;
};

/**
 * struct heartbeat - struct vht_heartbeat in host order
 */
struct heartbeat {
	uint64_t number;
	uint64_t counter;
};

/**
 * record_next_meta - the next record of a VHT_PACKET_METADATA packet
 * @cursor: place in its content; moved behind the record
 * @out: the record, written only if there is one
 * Return: false at the end, or where the rest is no whole record (then
 * @cursor->left is not 0).
 */
bool record_next_meta(struct record_cursor *cursor, struct meta_record *out);

/** record_next_vmm - the same for VHT_PACKET_VMM */
bool record_next_vmm(struct record_cursor *cursor, struct vmm_event *out);

/** record_next_clock - the same for VHT_PACKET_CLOCK */
bool record_next_clock(struct record_cursor *cursor, struct clock_record *out);

/** record_next_vcpu - the same for VHT_PACKET_VCPU */
bool record_next_vcpu(struct record_cursor *cursor, struct vcpu_record *out);

/** record_next_heartbeat - the same for VHT_PACKET_HEARTBEAT */
bool record_next_heartbeat(struct record_cursor *cursor, struct heartbeat *out);

/**
 * vmm_event_word - the word for a kind of VM event, e.g. "driver-up"
 * @type: VHT_VMM_*
 * Return: a constant string, "unknown" for others.
 */
const char *vmm_event_word(uint32_t type);

#endif
