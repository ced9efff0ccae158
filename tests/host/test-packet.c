// SPDX-License-Identifier: GPL-2.0-only
/* Packet headers: every rule of [S1] and recording.md is checked. */
#include <string.h>

#include "tap.h"
#include "wire/packet.h"

static struct vht_packet good(void)
{
	return (struct vht_packet) {
		.magic = VHT_PACKET_MAGIC,
		.header_size = sizeof(struct vht_packet),
		.type = VHT_PACKET_FTRACE,
		.stream_id = 33,
		.cpu = 1,
		.epoch = 2,
		.generation = 3,
		.flags = VHT_PACKET_LAST,
		.counter_width = 4,
		.sequence = 5,
		.packet_size = 512,
		.content_size = 300,
		.timestamp_begin = 6,
		.timestamp_end = 7,
		.events = 8,
		.events_discarded = 9,
		.clock = 10,
		.counter = 11,
	};
}

#define DEFECT(change, size, defect) do {				\
	struct vht_packet raw = good();					\
	change;								\
	ok(packet_parse(&raw, size, &header) == (defect), "%s: %s", #change, #defect); \
} while (0)

int main(void)
{
	struct packet_header header;
	struct vht_packet raw = good(), built;

	ok(packet_parse(&raw, 512, &header) == PACKET_OK, "a good packet is accepted");
	ok(header.header_size == 128 && header.type == VHT_PACKET_FTRACE &&
	   header.stream_id == 33 && header.cpu == 1 && header.epoch == 2 &&
	   header.generation == 3 && header.flags == VHT_PACKET_LAST &&
	   header.counter_width == 4 && header.sequence == 5 && header.packet_size == 512 &&
	   header.content_size == 300 && header.timestamp_begin == 6 &&
	   header.timestamp_end == 7 && header.events == 8 && header.events_discarded == 9 &&
	   header.clock == 10 && header.counter == 11, "every field arrives");
	packet_build(&header, &built);
	ok(!memcmp(&raw, &built, sizeof(raw)), "packet_build() is the reverse");

	DEFECT(raw.magic = 0, 512, PACKET_BAD_MAGIC);
	DEFECT(raw.packet_size = 0, 512, PACKET_BAD_SIZE);
	DEFECT(raw.packet_size = 500, 512, PACKET_BAD_SIZE);
	DEFECT(raw.packet_size = VHT_PACKET_MAX_SIZE + 128, UINT64_MAX, PACKET_BAD_SIZE);
	DEFECT(raw.packet_size = UINT64_MAX & ~127ULL, UINT64_MAX, PACKET_BAD_SIZE);
	DEFECT(raw.packet_size = VHT_PACKET_MAX_SIZE, VHT_PACKET_MAX_SIZE, PACKET_OK);
	DEFECT(raw.header_size = 120, 512, PACKET_BAD_HEADER_SIZE);
	DEFECT(raw.header_size = 132, 512, PACKET_BAD_HEADER_SIZE);
	DEFECT(raw.header_size = 520, 512, PACKET_BAD_HEADER_SIZE);
	DEFECT(raw.header_size = 512; raw.content_size = 0, 512, PACKET_OK);
	DEFECT(raw.content_size = 384, 512, PACKET_OK);
	DEFECT(raw.content_size = 385, 512, PACKET_BAD_CONTENT_SIZE);
	DEFECT(raw.content_size = UINT64_MAX, 512, PACKET_BAD_CONTENT_SIZE);
	DEFECT((void)raw, 511, PACKET_SHORT);
	DEFECT((void)raw, 127, PACKET_SHORT);
	DEFECT((void)raw, 0, PACKET_SHORT);

	raw = good();
	raw.type = VHT_PACKET_PAD;
	raw.packet_size = 2 * VHT_PACKET_MAX_SIZE;
	raw.content_size = UINT64_MAX;
	ok(packet_parse(&raw, 2 * VHT_PACKET_MAX_SIZE, &header) == PACKET_OK &&
	   header.content_size == 0, "[S1] a pad may be large; its other fields mean nothing");
	return tap_done();
}
