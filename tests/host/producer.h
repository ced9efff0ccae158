/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device and a driver for tests: they fill a region in memory as the
 * specification says, so that the reading side can be tested without a VM. It
 * is written from the specification, not from the reader.
 */
#ifndef HYPERTRACE_TESTS_PRODUCER_H
#define HYPERTRACE_TESTS_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_hypertrace.h"

#define PRODUCER_SIZE		VHT_REGION_MIN_SIZE
#define PRODUCER_MAX_STREAMS	8

/**
 * struct producer_stream - one stream's producing side
 * @live: its entry in the region
 * @ring: its ring
 * @sequence: of the next packet
 * @epoch: of its packets
 * @generation: likewise
 */
struct producer_stream {
	struct vht_stream *live;
	uint8_t *ring;
	uint64_t sequence;
	uint32_t epoch;
	uint32_t generation;
};

/**
 * struct producer - a region being filled
 * @vmm: host stream 0
 * @streams: the guest's
 * @stream_count: how many
 */
struct producer {
	uint8_t *base;
	uint64_t size;
	struct vht_host_header *host;
	struct vht_guest_header *guest;
	struct producer_stream vmm;
	struct producer_stream streams[PRODUCER_MAX_STREAMS];
	uint32_t stream_count;
};

/* producer_init - lay out a zeroed region as a device does, with a vmm stream */
void producer_init(struct producer *producer, void *base, uint64_t size, const char *name);

/*
 * producer_window - lay out a window; before anybody reads the region
 * @size: of each of its two places
 * @epoch: that lies in place 0
 */
void producer_window(struct producer *producer, uint64_t size, uint32_t epoch);

/* producer_window_place - the memory of a place */
uint8_t *producer_window_place(const struct producer *producer, unsigned int place);

/* producer_window_turn - a reset begins an epoch in a place [W3] */
void producer_window_turn(struct producer *producer, unsigned int place, uint32_t epoch);

/*
 * producer_driver - be a driver that starts: stream 0 is metadata, the others
 * are of @source, one a CPU
 */
void producer_driver(struct producer *producer, uint32_t epoch, uint32_t generation,
		     uint16_t source, uint32_t stream_count, uint64_t ring_size);

/* A packet to be put; what is 0 is chosen. */
struct producer_packet {
	uint16_t type;
	const void *content;
	size_t content_size;
	uint64_t events;	/* in this packet */
	uint64_t time;		/* of all events in it */
	uint64_t counter;	/* at that time */
	uint32_t flags;
};

/*
 * producer_put - put a packet [S1] to [S5]
 * Return: false if the stream is full.
 */
bool producer_put(struct producer *producer, struct producer_stream *stream,
		  const struct producer_packet *packet);

/* producer_put_heartbeats - put a packet of heartbeats number @first and on */
bool producer_put_heartbeats(struct producer *producer, struct producer_stream *stream,
			     uint64_t first, uint64_t count);

/* producer_put_meta - put a packet with one metadata record */
bool producer_put_meta(struct producer *producer, uint32_t type, uint64_t arg, const char *text);

/* producer_put_vmm - put a VM event */
bool producer_put_vmm(struct producer *producer, uint32_t type, uint64_t mono_ns, uint64_t arg,
		      const char *text);

/* producer_put_clock - put a clock record */
bool producer_put_clock(struct producer *producer, uint64_t mono_ns, uint64_t counter,
			uint64_t hz);

#endif
