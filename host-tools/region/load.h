/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads and stores of fields that the other side changes meanwhile: each one a
 * single access, converted from the region's byte order.
 */
#ifndef HYPERTRACE_REGION_LOAD_H
#define HYPERTRACE_REGION_LOAD_H

#include <endian.h>
#include <stdint.h>

#include "virtio_hypertrace.h"

static inline uint32_t load_le32(const __le32 *field)
{
	return le32toh(__atomic_load_n(field, __ATOMIC_RELAXED));
}

static inline uint64_t load_le64(const __le64 *field)
{
	return le64toh(__atomic_load_n(field, __ATOMIC_RELAXED));
}

static inline uint32_t load_acquire_le32(const __le32 *field)
{
	return le32toh(__atomic_load_n(field, __ATOMIC_ACQUIRE));
}

static inline uint64_t load_acquire_le64(const __le64 *field)
{
	return le64toh(__atomic_load_n(field, __ATOMIC_ACQUIRE));
}

static inline void store_release_le64(__le64 *field, uint64_t value)
{
	__atomic_store_n(field, htole64(value), __ATOMIC_RELEASE);
}

/* Orders all loads before against all loads after. */
static inline void read_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

#endif
