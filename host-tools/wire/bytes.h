/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Little-endian numbers at any address. Guests are little-endian: both
 * architectures the device runs on.
 */
#ifndef HYPERTRACE_WIRE_BYTES_H
#define HYPERTRACE_WIRE_BYTES_H

#include <glib.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_u16(const void *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return GUINT16_FROM_LE(value);
}

static inline uint32_t get_u32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return GUINT32_FROM_LE(value);
}

static inline uint64_t get_u64(const void *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return GUINT64_FROM_LE(value);
}

/* An unsigned number of 1, 2, 4 or 8 bytes. */
static inline uint64_t get_unsigned(const void *at, unsigned int size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return get_u16(at);
	case 4:
		return get_u32(at);
	default:
		return get_u64(at);
	}
}

/* A signed number of 1, 2, 4 or 8 bytes. */
static inline int64_t get_signed(const void *at, unsigned int size)
{
	switch (size) {
	case 1:
		return *(const int8_t *)at;
	case 2:
		return (int16_t)get_u16(at);
	case 4:
		return (int32_t)get_u32(at);
	default:
		return (int64_t)get_u64(at);
	}
}

#endif
