// SPDX-License-Identifier: GPL-2.0-only
/* The header of a packet of LTTng's kernel tracer; see packet.h. */
#include "lttng/packet.h"

#include <string.h>

#include "wire/bytes.h"

#define MAGIC		0xc1fc1fc1U

/* Where its fields are. Sizes are in bits there. */
#define AT_UUID		4
#define AT_CHANNEL	20
#define AT_INSTANCE	24
#define AT_BEGIN	32
#define AT_END		40
#define AT_CONTENT	48
#define AT_SIZE		56
#define AT_SEQUENCE	64
#define AT_DISCARDED	72
#define AT_CPU		80

enum lttng_packet_defect lttng_packet_parse(const void *bytes, size_t size,
					    struct lttng_packet *out)
{
	const uint8_t *at = bytes;
	uint64_t content_bits, size_bits;

	if (size < LTTNG_PACKET_HEADER_SIZE)
		return LTTNG_PACKET_SHORT;
	if (get_u32(at) != MAGIC)
		return LTTNG_PACKET_BAD_MAGIC;
	content_bits = get_u64(at + AT_CONTENT);
	size_bits = get_u64(at + AT_SIZE);
	if (size_bits % 8 || size_bits / 8 != size)
		return LTTNG_PACKET_BAD_SIZE;
	if (content_bits % 8 || content_bits > size_bits ||
	    content_bits / 8 < LTTNG_PACKET_HEADER_SIZE)
		return LTTNG_PACKET_BAD_CONTENT;
	if (get_u64(at + AT_BEGIN) > get_u64(at + AT_END))
		return LTTNG_PACKET_BAD_TIME;
	if (get_u64(at + AT_INSTANCE) != get_u32(at + AT_CPU))
		return LTTNG_PACKET_BAD_CPU;
	*out = (struct lttng_packet) {
		.channel = get_u32(at + AT_CHANNEL),
		.begin = get_u64(at + AT_BEGIN),
		.end = get_u64(at + AT_END),
		.content_size = content_bits / 8,
		.size = size,
		.sequence = get_u64(at + AT_SEQUENCE),
		.discarded = get_u64(at + AT_DISCARDED),
		.cpu = get_u32(at + AT_CPU),
	};
	memcpy(out->uuid, at + AT_UUID, sizeof(out->uuid));
	return LTTNG_PACKET_OK;
}

const char *lttng_packet_defect_text(enum lttng_packet_defect defect)
{
	static const char *const texts[] = {
		[LTTNG_PACKET_OK] = "none",
		[LTTNG_PACKET_SHORT] = "shorter than its header",
		[LTTNG_PACKET_BAD_MAGIC] = "bad magic",
		[LTTNG_PACKET_BAD_SIZE] = "its size is not what there is of it",
		[LTTNG_PACKET_BAD_CONTENT] = "bad size of the content",
		[LTTNG_PACKET_BAD_TIME] = "it ends before it begins",
		[LTTNG_PACKET_BAD_CPU] = "it names two CPUs",
	};

	return texts[defect];
}
