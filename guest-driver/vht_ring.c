// SPDX-License-Identifier: GPL-2.0-only
/*
 * The producer of one stream. See vht_ring.h.
 *
 * There is one producer at a time (the caller's lock sees to that) and one
 * consumer, on the other side of the virtual machine's wall. The barriers are
 * the virt_ ones: the consumer is another processor even where the guest has
 * only one.
 */
#include "vht_ring.h"

#ifdef __KERNEL__
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <asm/barrier.h>
#include <asm/byteorder.h>
#endif

/**
 * vht_ring_init - make a ring empty
 *
 * @ring: shared, data, size, tail, reader, keep_oldest, id, cpu, epoch and
 *        generation are filled in by the caller
 */
void vht_ring_init(struct vht_ring *ring)
{
	ring->head = 0;
	ring->begin = 0;
	ring->sequence = 0;
	ring->overwritten = 0;
}

/* The reader's position, made sane [S6]. */
static u64 vht_ring_tail(const struct vht_ring *ring)
{
	u64 tail;

	/*
	 * Acquire: the reader's copies are done before the room is used again.
	 * Partner: the release store of tail in the reader [S6].
	 */
	tail = le64_to_cpu((__force __le64)virt_load_acquire(ring->tail));
	return clamp(tail, ring->begin, ring->head);
}

/* The position that begin may not pass [S2], given the reader's. */
static u64 vht_ring_limit(const struct vht_ring *ring, u64 tail)
{
	u32 reader = le32_to_cpu(READ_ONCE(*ring->reader));

	if (ring->keep_oldest || reader == VHT_READER_ATTACHED)
		return tail;
	return ring->head;
}

/* The pad that a packet of @size bytes needs before it [S1]. */
static u64 vht_ring_pad(const struct vht_ring *ring, u64 size)
{
	u64 rest = ring->size - ring->head % ring->size;

	return size > rest ? rest : 0;
}

/* Bytes that a packet takes in the ring; 0: it never fits. */
static u64 vht_ring_packet_size(const struct vht_ring *ring, size_t content_size)
{
	u64 size;

	if (content_size > VHT_PACKET_MAX_SIZE - 2 * VHT_PACKET_ALIGN)
		return 0;
	size = ALIGN(sizeof(struct vht_packet) + content_size, VHT_PACKET_ALIGN);

	/* With half the ring a packet fits wherever head stands, pad included. */
	return size <= ring->size / 2 ? size : 0;
}

/* Bytes to make free for the packet, pad included, by the present head. */
static u64 vht_ring_need(const struct vht_ring *ring, u64 size)
{
	return ring->head + vht_ring_pad(ring, size) + size;
}

/**
 * vht_ring_has_room - would vht_ring_reserve() succeed?
 *
 * @ring: the ring
 * @content_size: bytes of content
 *
 * Context: any, also without the producer's lock: the answer is a hint then.
 *
 * Return: true if there is room, or would be.
 */
bool vht_ring_has_room(const struct vht_ring *ring, size_t content_size)
{
	u64 limit = vht_ring_limit(ring, vht_ring_tail(ring));
	u64 size = vht_ring_packet_size(ring, content_size);

	return size && vht_ring_need(ring, size) - limit <= ring->size;
}
EXPORT_SYMBOL_GPL(vht_ring_has_room);

static struct vht_packet *vht_ring_at(const struct vht_ring *ring, u64 position)
{
	return (struct vht_packet *)(ring->data + position % ring->size);
}

/* Moves begin past the oldest packet. */
static void vht_ring_drop_oldest(struct vht_ring *ring, u64 tail)
{
	struct vht_packet *packet = vht_ring_at(ring, ring->begin);
	u64 size = le64_to_cpu(READ_ONCE(packet->packet_size));
	u16 type = le16_to_cpu(READ_ONCE(packet->type));

	/* We wrote it, but the memory is not ours alone: never run off. */
	if (!size || size % VHT_PACKET_ALIGN || size > ring->head - ring->begin)
		size = ring->head - ring->begin;

	if (type != VHT_PACKET_PAD && ring->begin >= tail)
		ring->overwritten++;
	ring->begin += size;
}

static void vht_ring_put_pad(struct vht_ring *ring, u64 size)
{
	struct vht_packet *packet = vht_ring_at(ring, ring->head);

	memset(packet, 0, sizeof(*packet));
	packet->magic = cpu_to_le32(VHT_PACKET_MAGIC);
	packet->header_size = cpu_to_le16(sizeof(*packet));
	packet->type = cpu_to_le16(VHT_PACKET_PAD);
	packet->packet_size = cpu_to_le64(size);
}

/**
 * vht_ring_reserve - make room for a packet
 *
 * @ring: the ring
 * @content_size: bytes of content that the packet will have at most
 *
 * Never waits. Where nobody reads, the oldest packets make room. A reservation
 * that is not used costs nothing and need not be given back.
 *
 * Context: any; the caller serializes the producers of a ring.
 *
 * Return: 0, -ENOSPC if the ring is full [S3], -EMSGSIZE if such a packet is
 * larger than half of the ring and will never fit.
 */
int vht_ring_reserve(struct vht_ring *ring, size_t content_size)
{
	struct vht_stream *shared = ring->shared;
	u64 size, need, tail, limit;
	u64 begin = ring->begin;

	size = vht_ring_packet_size(ring, content_size);
	if (!size)
		return -EMSGSIZE;
	tail = vht_ring_tail(ring);
	limit = vht_ring_limit(ring, tail);

	need = vht_ring_need(ring, size);
	if (need - limit > ring->size)
		return -ENOSPC;
	while (need - ring->begin > ring->size)
		vht_ring_drop_oldest(ring, tail);
	if (ring->begin == begin)
		return 0;

	WRITE_ONCE(shared->overwritten, cpu_to_le64(ring->overwritten));
	WRITE_ONCE(shared->begin, cpu_to_le64(ring->begin));
	/*
	 * begin is seen to have moved before anything behind it changes.
	 * Partner: the read barrier between copy and begin in the reader [S4].
	 */
	virt_wmb();
	return 0;
}
EXPORT_SYMBOL_GPL(vht_ring_reserve);

/**
 * vht_ring_content - where the content of the next packet goes
 *
 * @ring: the ring; room for the packet was reserved
 * @content_size: bytes that the content will have
 *
 * For a caller that gathers the content from several places; vht_ring_finish() is next.
 *
 * Context: as vht_ring_reserve().
 *
 * Return: the place, in the region. Nobody but the caller writes there, but what is read
 * there is not to be relied on.
 */
u8 *vht_ring_content(const struct vht_ring *ring, size_t content_size)
{
	u64 size = vht_ring_packet_size(ring, content_size);

	return (u8 *)(vht_ring_at(ring, ring->head + vht_ring_pad(ring, size)) + 1);
}
EXPORT_SYMBOL_GPL(vht_ring_content);

/**
 * vht_ring_finish - put a packet whose content is in place
 *
 * @ring: the ring
 * @info: what its header says
 * @content_size: as given to vht_ring_content()
 *
 * Context: as vht_ring_reserve().
 */
void vht_ring_finish(struct vht_ring *ring, const struct vht_packet_info *info,
		     size_t content_size)
{
	u64 size = vht_ring_packet_size(ring, content_size);
	struct vht_stream *shared = ring->shared;
	struct vht_packet *packet;
	/* A smaller packet than was asked for never needs a larger pad. */
	u64 pad = vht_ring_pad(ring, size);

	if (pad)
		vht_ring_put_pad(ring, pad);

	packet = vht_ring_at(ring, ring->head + pad);
	*packet = (struct vht_packet) {
		.magic = cpu_to_le32(VHT_PACKET_MAGIC),
		.header_size = cpu_to_le16(sizeof(*packet)),
		.type = cpu_to_le16(info->type),
		.stream_id = cpu_to_le32(ring->id),
		.cpu = cpu_to_le32(ring->cpu),
		.epoch = cpu_to_le32(ring->epoch),
		.generation = cpu_to_le32(ring->generation),
		.flags = cpu_to_le32(info->flags),
		.counter_width = cpu_to_le32(info->counter_width),
		.sequence = cpu_to_le64(ring->sequence),
		.packet_size = cpu_to_le64(size),
		.content_size = cpu_to_le64(content_size),
		.timestamp_begin = cpu_to_le64(info->timestamp_begin),
		.timestamp_end = cpu_to_le64(info->timestamp_end),
		.events = cpu_to_le64(info->events),
		.events_discarded = cpu_to_le64(info->events_discarded),
		.clock = cpu_to_le64(info->clock),
		.counter = cpu_to_le64(info->counter),
	};

	/* Sequence numbers are the count of packets: both begin at 0. */
	ring->sequence++;
	ring->head += pad + size;
	WRITE_ONCE(shared->packets, cpu_to_le64(ring->sequence));
	/* Partner: the acquire load of head in the reader [S4]. */
	virt_store_release(&shared->head, cpu_to_le64(ring->head));
}
EXPORT_SYMBOL_GPL(vht_ring_finish);

/**
 * vht_ring_commit - put a packet where room was reserved
 *
 * @ring: the ring
 * @info: what its header says
 * @content: what it holds
 * @content_size: bytes of it, no more than were reserved; 0 is allowed
 *
 * Context: as vht_ring_reserve().
 */
void vht_ring_commit(struct vht_ring *ring, const struct vht_packet_info *info,
		     const void *content, size_t content_size)
{
	memcpy(vht_ring_content(ring, content_size), content, content_size);
	vht_ring_finish(ring, info, content_size);
}

/**
 * vht_ring_publish - write all positions into the region once more
 *
 * @ring: the ring; its producer was stopped for good, and what it did last may be half done
 *
 * Context: as vht_ring_reserve().
 */
void vht_ring_publish(struct vht_ring *ring)
{
	struct vht_stream *shared = ring->shared;

	WRITE_ONCE(shared->overwritten, cpu_to_le64(ring->overwritten));
	WRITE_ONCE(shared->begin, cpu_to_le64(ring->begin));
	/* As in vht_ring_reserve(). */
	virt_wmb();
	WRITE_ONCE(shared->packets, cpu_to_le64(ring->sequence));
	/* As in vht_ring_commit(). */
	virt_store_release(&shared->head, cpu_to_le64(ring->head));
}
EXPORT_SYMBOL_GPL(vht_ring_publish);

/**
 * vht_ring_put - reserve and commit in one go
 *
 * @ring: the ring
 * @info: what the packet's header says
 * @content: what it holds
 * @content_size: bytes of it
 *
 * Context: as vht_ring_reserve().
 *
 * Return: as vht_ring_reserve().
 */
int vht_ring_put(struct vht_ring *ring, const struct vht_packet_info *info,
		 const void *content, size_t content_size)
{
	int ret = vht_ring_reserve(ring, content_size);

	if (!ret)
		vht_ring_commit(ring, info, content, content_size);
	return ret;
}
EXPORT_SYMBOL_GPL(vht_ring_put);
