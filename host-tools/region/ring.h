/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading one stream's ring in a region.
 *
 * Theory of operation. The producer may be hostile, and while no reader was
 * attached it overwrites its oldest packets. So ring_take() copies a header,
 * checks the copy, copies the content, and then looks whether the producer has
 * passed the packet meanwhile [S4]; only then the packet counts. Packets pile
 * up in a buffer, as they will lie in a file. Who has put that buffer in a safe
 * place calls ring_release(), which tells the producer [S6].
 *
 * Every call ends after a bounded number of packets [H2], and no packet is
 * larger than VHT_PACKET_MAX_SIZE, so memory and time are bounded whatever the
 * guest does. Once a ring has broken a rule it is damaged and stays so: where
 * the next packet begins cannot be known any more.
 */
#ifndef HYPERTRACE_REGION_RING_H
#define HYPERTRACE_REGION_RING_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "../wire/packet.h"
#include "../wire/stream.h"
#include "region.h"

/* Packets, pads included, that one ring_take() looks at. */
#define RING_TAKE_PACKETS	4096

/**
 * struct ring - the reading side of one stream
 * @base: start of the region
 * @live: the stream's entry in the region
 * @consumer: where the tail is stored, NULL if it is not
 * @entry: the entry's constant part, checked, and its live part as of the last look
 * @epoch: that packets must carry, if @has_generation
 * @generation: likewise
 * @has_generation: false for host streams
 * @position: of the next packet to take
 * @is_placed: @position is set
 * @damage: why nothing more can be read, or NULL
 * @damage_position: where
 * @torn: packets that were overwritten while they were copied
 */
struct ring {
	const uint8_t *base;
	const struct vht_stream *live;
	struct vht_consumer *consumer;
	struct stream_entry entry;
	uint32_t epoch;
	uint32_t generation;
	bool has_generation;
	uint64_t position;
	bool is_placed;
	const char *damage;
	uint64_t damage_position;
	uint64_t torn;
};

/**
 * ring_init_host - begin to read a host stream
 * @ring: to set
 * @region: the region; must outlive the ring
 * @index: below region->host.host_stream_count
 *
 * If the entry makes no sense the ring is damaged from the start.
 */
void ring_init_host(struct ring *ring, const struct region *region, uint32_t index);

/**
 * ring_init_guest - begin to read a guest stream
 * @ring: to set
 * @region: the region; must outlive the ring
 * @guest: the guest header
 * @index: below guest->stream_count
 */
void ring_init_guest(struct ring *ring, const struct region *region,
		     const struct region_guest *guest, uint32_t index);

/**
 * ring_look - read the live part of the stream's entry again
 * @ring: updates @ring->entry
 * Return: true if [begin, head) makes sense.
 */
bool ring_look(struct ring *ring);

/**
 * enum ring_result - how ring_take() ended
 * @RING_EMPTY: there was nothing more
 * @RING_MORE: it stopped because of its bounds
 * @RING_DAMAGED: see @damage; what was taken before is good
 */
enum ring_result {
	RING_EMPTY,
	RING_MORE,
	RING_DAMAGED,
};

/**
 * ring_take - copy packets out of the ring
 * @ring: the ring
 * @out: packets are appended here, one behind the other, without pads; grows
 *	beyond @limit only for one packet that is larger
 * @limit: bytes that @out may hold
 * Return: how it ended.
 */
enum ring_result ring_take(struct ring *ring, GByteArray *out, uint64_t limit);

/**
 * ring_release - tell the producer that all taken packets are safe
 * @ring: the ring
 */
void ring_release(struct ring *ring);

#endif
