/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a stream's timestamps to the host's clock, well enough for a summary: a
 * packet's (clock, counter) pair leads to the guest counter, a clock record
 * from there to CLOCK_MONOTONIC. Only the first and the last of each are kept,
 * so it costs nothing while recording; the decoder does it exactly.
 */
#ifndef HYPERTRACE_TIMELINE_H
#define HYPERTRACE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/packet.h"
#include "wire/records.h"

/**
 * struct timeline_points - the first and the last point that two clocks share
 * @first_x: in the clock that is to be converted
 * @first_y: the same moment in the other
 * @last_x: likewise
 * @last_y: likewise
 * @count: points seen, none of the members above is set while it is 0
 */
struct timeline_points {
	uint64_t first_x, first_y;
	uint64_t last_x, last_y;
	uint64_t count;
};

/**
 * struct timeline_vm - guest counter and host clock of one VM
 * @points: (counter, CLOCK_MONOTONIC in ns)
 * @hz: of the counter, 0 if unknown
 * @error_ns: largest error of all records, ns
 */
struct timeline_vm {
	struct timeline_points points;
	uint64_t hz;
	uint32_t error_ns;
};

/**
 * struct timeline_stream - a stream's clock and the guest counter
 * @points: (clock, counter)
 * @clock: VHT_CLOCK_*
 * @first: earliest timestamp of the packets, in that clock
 * @last: latest
 * @has_time: those two are set
 */
struct timeline_stream {
	struct timeline_points points;
	uint32_t clock;
	uint64_t first;
	uint64_t last;
	bool has_time;
};

/**
 * timeline_add_record - learn from a clock record
 * @vm: to be updated
 * @record: the record
 */
void timeline_add_record(struct timeline_vm *vm, const struct clock_record *record);

/**
 * timeline_add_packet - learn from a packet
 * @stream: to be updated; @clock is set
 * @header: of the packet
 */
void timeline_add_packet(struct timeline_stream *stream, const struct packet_header *header);

/**
 * timeline_span - first and last time of a stream on the host
 * @stream: the stream
 * @vm: the VM
 * @first_ns: CLOCK_MONOTONIC, ns
 * @last_ns: likewise
 * Return: false if there is no time, or no way to the host's clock.
 */
bool timeline_span(const struct timeline_stream *stream, const struct timeline_vm *vm,
		   uint64_t *first_ns, uint64_t *last_ns);

#endif
