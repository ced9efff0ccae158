/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packing metadata records (struct vht_meta) into packets of a stream: of what a
 * guest's driver does in its kernel the half that needs no kernel.
 */
#ifndef HYPERTRACE_HOST_RECORDS_H
#define HYPERTRACE_HOST_RECORDS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/stream.h"

/* Content of a packet, at most; a record does not span packets. */
#define HOST_RECORDS_SIZE	65536

/**
 * struct host_records - records on their way into packets
 * @stream: where to
 * @content: of the packet that is being made
 * @open: where in it a record of text begins that may grow, or -1
 * @begin_ns: CLOCK_MONOTONIC at the first record
 */
struct host_records {
	struct host_stream *stream;
	GByteArray *content;
	gssize open;
	uint64_t begin_ns;
};

/**
 * host_records_init - begin without any record
 * @records: to set, to be ended with host_records_fini()
 * @stream: where to; outlives @records
 */
void host_records_init(struct host_records *records, struct host_stream *stream);

/**
 * host_records_fini - free what a packer holds; what was not flushed is gone
 * @records: the packer
 */
void host_records_fini(struct host_records *records);

/**
 * host_records_add - add a record
 * @records: the packer
 * @type: VHT_META_*
 * @arg: see VHT_META_*
 * @payload: its bytes
 * @size: how many; a record that has no room in a packet of its own is left out
 */
void host_records_add(struct host_records *records, uint32_t type, uint64_t arg,
		      const void *payload, size_t size);

/**
 * host_records_add_line - add a line to a record of text, or begin one
 * @records: the packer
 * @type: VHT_META_*
 * @line: without its end
 * @size: bytes of it; a line that has no room in a packet of its own is left out
 */
void host_records_add_line(struct host_records *records, uint32_t type, const char *line,
			   size_t size);

/**
 * host_records_flush - put what was collected into the stream's batch
 * @records: the packer
 */
void host_records_flush(struct host_records *records);

#endif
