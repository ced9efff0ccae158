/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stream that the recorder makes itself, of what the host's kernel gives: on
 * one side content, on the other a stream file as if a guest's driver had made
 * the packets (docs/specs/recording.md, "The host's stream files").
 *
 * Once a write has failed (a full disk), nothing more is written but counters:
 * what comes then is counted as lost.
 */
#ifndef HYPERTRACE_HOST_STREAM_H
#define HYPERTRACE_HOST_STREAM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "recording/writer.h"
#include "session.h"

/* Stream ids; a CPU's is HOST_STREAM_ID_CPU0 plus its number. */
#define HOST_STREAM_ID_METADATA	131071
#define HOST_STREAM_ID_CPU0	131072

/* The recorder's runs on a recording are numbered as a driver's lives are. */
#define HOST_EPOCH		1

/**
 * struct host_stream - a stream
 * @out: its file
 * @entry: what it is and its counters, all that was put included
 * @generation: the recorder's run
 * @batch: whole packets that are not in the file yet
 * @batch_events: events in them
 * @has_failed: a write has failed
 * @dropped: events lost to that
 * @told_lost: events lost, as the last packet or state packet says
 * @stats: for the summary
 */
struct host_stream {
	struct writer_stream *out;
	struct stream_entry entry;
	uint32_t generation;
	GByteArray *batch;
	uint64_t batch_events;
	bool has_failed;
	uint64_t dropped;
	uint64_t told_lost;
	struct tap_stats stats;
};

/**
 * host_stream_new - make a stream and its file, with a first state packet
 * @vm: the host's directory
 * @generation: the recorder's run
 * @entry: what the stream is; counters 0
 * @error: an I/O error
 * Return: the stream, to be freed with host_stream_free(), or NULL.
 */
struct host_stream *host_stream_new(struct writer_vm *vm, uint32_t generation,
				    const struct stream_entry *entry, GError **error);

/**
 * host_stream_free - close a stream
 * @stream: the stream, or NULL
 */
void host_stream_free(struct host_stream *stream);

/**
 * struct host_packet - what is to be known of a packet
 * @type: VHT_PACKET_*
 * @flags: VHT_PACKET_*
 * @begin_ns: CLOCK_MONOTONIC: nothing in it is earlier
 * @end_ns: nothing is later
 * @events: in it
 */
struct host_packet {
	uint32_t type;
	uint32_t flags;
	uint64_t begin_ns;
	uint64_t end_ns;
	uint64_t events;
};

/**
 * host_stream_set_lost - note what the source has lost
 * @stream: the stream
 * @lost: events since the stream began, as known now; never less than before
 */
void host_stream_set_lost(struct host_stream *stream, uint64_t lost);

/**
 * host_stream_put - add a packet to the batch
 * @stream: the stream; its entry's events_lost goes into the header
 * @packet: what to know of it
 * @content: its content; copied
 * @size: bytes of it, at most %VHT_PACKET_MAX_SIZE - 256
 */
void host_stream_put(struct host_stream *stream, const struct host_packet *packet,
		     const void *content, size_t size);

/**
 * host_stream_write - write the batch
 * @stream: the stream
 * @error: an I/O error, the first one only
 * Return: false with @error set; then the batch is counted as lost.
 */
bool host_stream_write(struct host_stream *stream, GError **error);

/**
 * host_stream_put_state - write a state packet with the counters of now
 * @stream: the stream, without a batch
 * @error: an I/O error, the first one only
 * Return: false with @error set.
 */
bool host_stream_put_state(struct host_stream *stream, GError **error);

/**
 * host_stream_has_untold_loss - see whether a loss is in no packet yet
 * @stream: the stream
 */
bool host_stream_has_untold_loss(const struct host_stream *stream);

/**
 * host_stream_summary - the stream's line of the summary
 * @stream: the stream
 * Return: to be freed with g_free(), as is its name.
 */
struct tap_summary *host_stream_summary(const struct host_stream *stream);

#endif
