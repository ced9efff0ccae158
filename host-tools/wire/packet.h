/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet header, from the bytes of the ABI to checked values in the host's
 * byte order. The region's ring reader and the recording's reader share it, so
 * that what one accepts the other accepts too.
 */
#ifndef HYPERTRACE_WIRE_PACKET_H
#define HYPERTRACE_WIRE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_hypertrace.h"

/**
 * struct packet_header - struct vht_packet in host order; same names, same units
 */
struct packet_header {
	uint32_t header_size;
	uint32_t type;
	uint32_t stream_id;
	uint32_t cpu;
	uint32_t epoch;
	uint32_t generation;
	uint32_t flags;
	uint32_t counter_width;
	uint64_t sequence;
	uint64_t packet_size;
	uint64_t content_size;
	uint64_t timestamp_begin;
	uint64_t timestamp_end;
	uint64_t events;
	uint64_t events_discarded;
	uint64_t clock;
	uint64_t counter;
	uint32_t skip;
	uint32_t subbufs_lost;
	uint64_t seen_after;
	uint64_t seen_before;
};

/**
 * enum packet_defect - why bytes are not a packet
 * @PACKET_OK: they are one
 * @PACKET_SHORT: fewer bytes than a header, or than the packet says it has:
 *	the end of a file that was being written
 * @PACKET_BAD_MAGIC: it does not begin with %VHT_PACKET_MAGIC
 * @PACKET_BAD_HEADER_SIZE: below 128, not a multiple of 8, above packet_size
 * @PACKET_BAD_SIZE: not a multiple of %VHT_PACKET_ALIGN, 0 or above the maximum
 * @PACKET_BAD_CONTENT_SIZE: more content than fits between header and end
 */
enum packet_defect {
	PACKET_OK,
	PACKET_SHORT,
	PACKET_BAD_MAGIC,
	PACKET_BAD_HEADER_SIZE,
	PACKET_BAD_SIZE,
	PACKET_BAD_CONTENT_SIZE,
};

/**
 * packet_defect_text - a defect in words, e.g. "bad magic"
 * @defect: the defect
 * Return: a constant string.
 */
const char *packet_defect_text(enum packet_defect defect);

/**
 * packet_parse - check and convert a packet header
 * @bytes: where the packet begins; any alignment; nobody may change the bytes
 * @size: bytes from there that belong to the file or ring
 * @out: the header, written only if the result is %PACKET_OK
 *
 * Pads are packets here: their content_size is 0 whatever it says [S1].
 *
 * Return: %PACKET_OK, or the first rule that the bytes break.
 */
enum packet_defect packet_parse(const void *bytes, uint64_t size,
				struct packet_header *out);

/**
 * packet_build - write a packet header in the ABI's byte order
 * @header: what to write
 * @out: struct vht_packet to fill
 */
void packet_build(const struct packet_header *header, struct vht_packet *out);

#endif
