/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The producer of one stream: the ring of packets that the specification's
 * clauses [S1] to [S6] describe, and nothing of where packets come from.
 *
 * The code here compiles in user space too, where tests/driver runs it against
 * a reader in another thread.
 */
#ifndef VHT_RING_H
#define VHT_RING_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include "vht_ring_user.h"
#endif

#include "virtio_hypertrace.h"

/**
 * struct vht_ring - the producer's side of a stream
 *
 * @shared: the stream's entry in the guest's table, in the region
 * @data: the ring, in the region
 * @size: of the ring, bytes
 * @tail: the reader's position, in the host pages; not trusted
 * @reader: vht_host_header.reader, in the host pages; not trusted
 * @keep_oldest: the stream has VHT_STREAM_KEEP_OLDEST
 * @id: of the stream
 * @cpu: whose events these are, or VHT_CPU_NONE
 * @epoch: of the driver
 * @generation: of the driver
 * @head: position after the newest packet
 * @begin: position of the oldest packet
 * @sequence: number of the next packet
 * @overwritten: packets passed by @begin that nobody had read
 *
 * What is kept here is what counts: the copies in the region are only ever
 * written, so that nobody who writes there can mislead the producer.
 */
struct vht_ring {
	struct vht_stream *shared;
	u8 *data;
	u64 size;
	const __le64 *tail;
	const __le32 *reader;
	bool keep_oldest;
	u32 id;
	u32 cpu;
	u32 epoch;
	u32 generation;

	u64 head;
	u64 begin;
	u64 sequence;
	u64 overwritten;
};

/**
 * struct vht_packet_info - what a source says about a packet
 *
 * The fields are those of struct vht_packet, in the CPU's byte order.
 */
struct vht_packet_info {
	u16 type;
	u32 flags;
	u32 counter_width;
	u64 timestamp_begin;
	u64 timestamp_end;
	u64 events;
	u64 events_discarded;
	u64 clock;
	u64 counter;
};

void vht_ring_init(struct vht_ring *ring);
bool vht_ring_has_room(const struct vht_ring *ring, size_t content_size);
int vht_ring_reserve(struct vht_ring *ring, size_t content_size);
u8 *vht_ring_content(const struct vht_ring *ring, size_t content_size);
void vht_ring_finish(struct vht_ring *ring, const struct vht_packet_info *info,
		     size_t content_size);
void vht_ring_commit(struct vht_ring *ring, const struct vht_packet_info *info,
		     const void *content, size_t content_size);
void vht_ring_publish(struct vht_ring *ring);
int vht_ring_put(struct vht_ring *ring, const struct vht_packet_info *info,
		 const void *content, size_t content_size);

#endif /* VHT_RING_H */
