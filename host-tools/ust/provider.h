/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recorder's own LTTng events, provider "hypertrace": what it did and when,
 * on the clock that QEMU's events and the guests' are on. An event that nobody
 * has enabled costs a load and a branch.
 *
 * LTTng reads this file several times over; hence the form of its guard.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER hypertrace

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "ust/provider.h"

#if !defined(HYPERTRACE_UST_PROVIDER_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define HYPERTRACE_UST_PROVIDER_H

#include <lttng/tracepoint.h>
#include <stdint.h>

/* A VM's region is mapped; is_live: its QEMU runs. Size in bytes. */
LTTNG_UST_TRACEPOINT_EVENT(
	hypertrace, attach,
	LTTNG_UST_TP_ARGS(const char *, vm, uint64_t, size, int, is_live),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(vm, vm)
		lttng_ust_field_integer(uint64_t, size, size)
		lttng_ust_field_integer(uint8_t, is_live, is_live)))

/* Nothing more is read from a VM. */
LTTNG_UST_TRACEPOINT_EVENT(
	hypertrace, detach,
	LTTNG_UST_TP_ARGS(const char *, vm),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(vm, vm)))

/* One look at a VM's streams that took something: how much, and how long it took. */
LTTNG_UST_TRACEPOINT_EVENT(
	hypertrace, pass,
	LTTNG_UST_TP_ARGS(const char *, vm, uint64_t, packets, uint64_t, bytes,
			  uint64_t, duration_ns, int, has_more),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(vm, vm)
		lttng_ust_field_integer(uint64_t, packets, packets)
		lttng_ust_field_integer(uint64_t, bytes, bytes)
		lttng_ust_field_integer(uint64_t, duration_ns, duration_ns)
		lttng_ust_field_integer(uint8_t, has_more, has_more)))

/* Loss was seen: events in the guest, packets in the region, since the look before. */
LTTNG_UST_TRACEPOINT_EVENT(
	hypertrace, loss,
	LTTNG_UST_TP_ARGS(const char *, vm, uint32_t, stream, uint64_t, events, uint64_t, packets),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(vm, vm)
		lttng_ust_field_integer(uint32_t, stream, stream)
		lttng_ust_field_integer(uint64_t, events, events)
		lttng_ust_field_integer(uint64_t, packets, packets)))

/* A driver's life begins to be read. */
LTTNG_UST_TRACEPOINT_EVENT(
	hypertrace, epoch,
	LTTNG_UST_TP_ARGS(const char *, vm, uint32_t, epoch, uint32_t, generation,
			  uint32_t, streams),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(vm, vm)
		lttng_ust_field_integer(uint32_t, epoch, epoch)
		lttng_ust_field_integer(uint32_t, generation, generation)
		lttng_ust_field_integer(uint32_t, streams, streams)))

/* The guest is asked for what it holds, and has answered. */
LTTNG_UST_TRACEPOINT_EVENT(
	hypertrace, flush,
	LTTNG_UST_TP_ARGS(const char *, vm, uint64_t, cookie),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(vm, vm)
		lttng_ust_field_integer(uint64_t, cookie, cookie)))

LTTNG_UST_TRACEPOINT_EVENT(
	hypertrace, flushed,
	LTTNG_UST_TP_ARGS(const char *, vm, uint64_t, cookie),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(vm, vm)
		lttng_ust_field_integer(uint64_t, cookie, cookie)))

/* All streams of a VM are written down. Sums of the recording of that VM. */
LTTNG_UST_TRACEPOINT_EVENT(
	hypertrace, stop,
	LTTNG_UST_TP_ARGS(const char *, vm, uint64_t, packets, uint64_t, bytes),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_string(vm, vm)
		lttng_ust_field_integer(uint64_t, packets, packets)
		lttng_ust_field_integer(uint64_t, bytes, bytes)))

#endif

#include <lttng/tracepoint-event.h>
