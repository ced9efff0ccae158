// SPDX-License-Identifier: GPL-2.0-only
/* Reading one stream's ring; see ring.h. */
#include "region/ring.h"

#include <string.h>

#include "region/load.h"

/* Looks at head and begin until they belong together. */
#define LOOK_TRIES	16

static void set_damage(struct ring *ring, const char *damage)
{
	ring->damage = damage;
	ring->damage_position = ring->position;
}

/**
 * init - take and check the constant part of an entry
 * @from: where rings of this side may begin
 * @to: and must end
 * @id: that the entry must have
 */
static void init(struct ring *ring, const struct region *region, const struct vht_stream *live,
		 uint64_t from, uint64_t to, uint32_t id)
{
	*ring = (struct ring) { .base = region->base, .live = live };
	stream_entry_parse(live, &ring->entry);
	if (region->is_writable)
		ring->consumer = region_consumer(region, id);

	if (ring->entry.id != id)
		set_damage(ring, "wrong stream id");
	else if (ring->entry.ring_offset < from || ring->entry.ring_offset > to ||
		 ring->entry.ring_size > to - ring->entry.ring_offset)
		set_damage(ring, "ring outside its part of the region");
	else if (ring->entry.ring_offset % VHT_PACKET_ALIGN != 0 ||
		 ring->entry.ring_size % VHT_PACKET_ALIGN != 0 || ring->entry.ring_size == 0)
		set_damage(ring, "ring not aligned");
}

void ring_init_host(struct ring *ring, const struct region *region, uint32_t index)
{
	init(ring, region, region_host_entry(region, index), sizeof(struct vht_host_header),
	     region->host.guest_offset, index);
}

void ring_init_guest(struct ring *ring, const struct region *region,
		     const struct region_guest *guest, uint32_t index)
{
	init(ring, region, region_guest_entry(region, guest, index),
	     region->host.guest_offset + sizeof(struct vht_guest_header), region->host.guest_end,
	     VHT_STREAM_ID_GUEST + index);
	ring->has_generation = true;
	ring->epoch = guest->epoch;
	ring->generation = guest->generation;
}

bool ring_look(struct ring *ring)
{
	struct stream_entry *entry = &ring->entry;
	uint64_t begin, head;
	int tries = 0;

	/*
	 * A begin that was loaded after head: what lies between them is whole
	 * now, and not more than the ring, however far the producer has gone
	 * on. Only if it has gone once around meanwhile, begin is beyond head.
	 */
	do {
		/* partner: the producer's release of head [S4] */
		head = load_acquire_le64(&ring->live->head);
		begin = load_acquire_le64(&ring->live->begin);
	} while (begin > head && ++tries < LOOK_TRIES);

	entry->begin = begin;
	entry->head = head;
	entry->packets = load_le64(&ring->live->packets);
	entry->events = load_le64(&ring->live->events);
	entry->events_lost = load_le64(&ring->live->events_lost);
	entry->overwritten = load_le64(&ring->live->overwritten);
	entry->drain_counter = load_le64(&ring->live->drain_counter);
	return begin <= head && head - begin <= entry->ring_size &&
	       begin % VHT_PACKET_ALIGN == 0 && head % VHT_PACKET_ALIGN == 0;
}

/**
 * is_passed - see whether the producer has overwritten the next packet [S4]
 *
 * If so the position moves to the oldest packet that is whole.
 */
static bool is_passed(struct ring *ring)
{
	uint64_t begin;

	/* partner: the producer's barrier between begin and the packet */
	read_barrier();
	begin = load_acquire_le64(&ring->live->begin);
	if (begin <= ring->position)
		return false;
	/* anything else is found to be nonsense at the next look */
	if (begin % VHT_PACKET_ALIGN == 0)
		ring->position = begin;
	ring->torn++;
	return true;
}

/**
 * check_owner - see that a packet belongs to this stream
 * Return: what is wrong, or NULL.
 */
static const char *check_owner(const struct ring *ring, const struct packet_header *header)
{
	if (header->stream_id != ring->entry.id)
		return "packet of another stream";
	if (ring->has_generation &&
	    (header->epoch != ring->epoch || header->generation != ring->generation))
		return "packet of another generation";
	if (header->type == VHT_PACKET_STATE)
		return "packet type reserved for the recorder";
	return NULL;
}

enum ring_result ring_take(struct ring *ring, GByteArray *out, uint64_t limit)
{
	uint64_t size = ring->entry.ring_size;
	const uint8_t *data;
	unsigned int seen;

	if (ring->damage)
		return RING_DAMAGED;
	data = ring->base + ring->entry.ring_offset;
	if (!ring_look(ring)) {
		set_damage(ring, "nonsense positions");
		return RING_DAMAGED;
	}
	if (!ring->is_placed || ring->position < ring->entry.begin) {
		ring->position = ring->entry.begin;
		ring->is_placed = true;
	}
	if (ring->position > ring->entry.head) {
		set_damage(ring, "head moved back");
		return RING_DAMAGED;
	}

	for (seen = 0; ring->position < ring->entry.head; seen++) {
		uint64_t at = ring->position % size;
		uint64_t room = MIN(size - at, ring->entry.head - ring->position);
		struct packet_header header;
		struct vht_packet raw;
		enum packet_defect defect;
		const char *damage;
		guint start = out->len;

		if (seen == RING_TAKE_PACKETS)
			return RING_MORE;

		memcpy(&raw, data + at, sizeof(raw));
		defect = packet_parse(&raw, room, &header);
		damage = defect != PACKET_OK ? packet_defect_text(defect) : NULL;
		if (!damage && header.type != VHT_PACKET_PAD)
			damage = check_owner(ring, &header);
		if (damage) {
			/* perhaps these bytes are none of a header any more */
			if (is_passed(ring))
				return RING_MORE;
			set_damage(ring, damage);
			return RING_DAMAGED;
		}
		if (header.type == VHT_PACKET_PAD) {
			if (is_passed(ring))
				return RING_MORE;
			ring->position += header.packet_size;
			continue;
		}
		if (out->len > 0 && out->len + header.packet_size > limit)
			return RING_MORE;

		/* the header that was checked, not the one that lies there now [H1] */
		g_byte_array_set_size(out, start + (guint)header.packet_size);
		memcpy(out->data + start, &raw, sizeof(raw));
		memcpy(out->data + start + sizeof(raw), data + at + sizeof(raw),
		       header.packet_size - sizeof(raw));
		if (is_passed(ring)) {
			g_byte_array_set_size(out, start);
			return RING_MORE;
		}
		ring->position += header.packet_size;
	}
	return RING_EMPTY;
}

void ring_release(struct ring *ring)
{
	/* partner: the producer's acquire of tail, which lets it overwrite [S6] */
	if (!ring->consumer || !ring->is_placed)
		return;
	/* nobody else writes it; leave the producer's cache line alone if it is right */
	if (load_le64(&ring->consumer->tail) != ring->position)
		store_release_le64(&ring->consumer->tail, ring->position);
}
