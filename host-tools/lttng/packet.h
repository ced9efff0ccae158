/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The header of a packet of LTTng's kernel tracer, as lttng-modules 2.9 to 2.16 write it
 * on a little-endian machine of 64 bits: its metadata declares it, and whether that
 * is so has to be seen first (lttng/layout.h). The bytes come from a guest.
 */
#ifndef HYPERTRACE_LTTNG_PACKET_H
#define HYPERTRACE_LTTNG_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the header; the first event's are behind it. */
#define LTTNG_PACKET_HEADER_SIZE	84

#define LTTNG_UUID_SIZE			16

/**
 * struct lttng_packet - the header of a packet of LTTng's
 * @uuid: of the trace
 * @channel: id of the channel
 * @begin: LTTng's clock when the packet began; no event is earlier
 * @end: when it was finished; no event is later
 * @content_size: bytes of header and events
 * @size: bytes of the packet
 * @sequence: counts the packets of a channel on a CPU
 * @discarded: events that the channel could not take on that CPU, since it was made
 * @cpu: the CPU
 */
struct lttng_packet {
	uint8_t uuid[LTTNG_UUID_SIZE];
	uint32_t channel;
	uint64_t begin;
	uint64_t end;
	uint64_t content_size;
	uint64_t size;
	uint64_t sequence;
	uint64_t discarded;
	uint32_t cpu;
};

/**
 * enum lttng_packet_defect - why bytes are no packet of LTTng's
 * @LTTNG_PACKET_OK: they are one
 * @LTTNG_PACKET_SHORT: fewer bytes than a header
 * @LTTNG_PACKET_BAD_MAGIC: it does not begin as one
 * @LTTNG_PACKET_BAD_SIZE: its size is not the number of bytes that there are
 * @LTTNG_PACKET_BAD_CONTENT: more content than the packet has room for, or less
 *	than a header
 * @LTTNG_PACKET_BAD_TIME: it ends before it begins
 * @LTTNG_PACKET_BAD_CPU: it names two CPUs
 */
enum lttng_packet_defect {
	LTTNG_PACKET_OK,
	LTTNG_PACKET_SHORT,
	LTTNG_PACKET_BAD_MAGIC,
	LTTNG_PACKET_BAD_SIZE,
	LTTNG_PACKET_BAD_CONTENT,
	LTTNG_PACKET_BAD_TIME,
	LTTNG_PACKET_BAD_CPU,
};

/**
 * lttng_packet_parse - check and convert the header of a packet
 * @bytes: the packet; any alignment; nobody may change the bytes
 * @size: how many they are
 * @out: the header, written only if the result is %LTTNG_PACKET_OK
 * Return: %LTTNG_PACKET_OK, or the first rule that the bytes break.
 */
enum lttng_packet_defect lttng_packet_parse(const void *bytes, size_t size,
					    struct lttng_packet *out);

/**
 * lttng_packet_defect_text - a defect in words, e.g. "bad magic"
 * @defect: the defect
 * Return: a constant string.
 */
const char *lttng_packet_defect_text(enum lttng_packet_defect defect);

#endif
