/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The times of one VM: for each stream of a recording the way from its own clock
 * to the host's CLOCK_MONOTONIC (docs/specs/recording.md, "Times"). Only packet
 * headers and clock records are read, no content of a guest's.
 */
#ifndef HYPERTRACE_DECODE_TIMEBASE_H
#define HYPERTRACE_DECODE_TIMEBASE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "recording/reader.h"

struct timebase;

/**
 * timebase_new - learn a VM's clocks from all its packets
 * @vm: the VM; must stay as long as the result
 * @warnings: char *, a sentence is added for each clock that contradicts itself;
 *	may be NULL
 * Return: the time base, to be freed with timebase_free().
 */
struct timebase *timebase_new(const struct recording_vm *vm, GPtrArray *warnings);

/** timebase_free - free a time base and its maps; NULL is fine */
void timebase_free(struct timebase *timebase);

/**
 * timebase_map - the map of a stream's clock
 * @timebase: of the stream's VM
 * @epoch: in which the stream was written
 * @stream: one whose clock is not the host's
 * Return: source clock -> CLOCK_MONOTONIC in ns, or NULL if there is no way.
 */
const struct clock_map *timebase_map(const struct timebase *timebase, uint32_t epoch,
				     const struct recording_stream *stream);

/**
 * timebase_window_map - the map of a window's clock under one of its kernels
 * @timebase: of the VM
 * @epoch: of the window
 * @kernel: as in struct window_meta
 * Return: as timebase_map().
 */
const struct clock_map *timebase_window_map(const struct timebase *timebase, uint32_t epoch,
					    uint32_t kernel);

/**
 * timebase_span - first and last time of a stream on the host
 * @timebase: of the stream's VM
 * @epoch: in which the stream was written; any for a host stream
 * @stream: the stream
 * @first_ns: CLOCK_MONOTONIC, ns; written on success
 * @last_ns: likewise
 * Return: false if the stream has no time, or there is no way to the host's clock.
 */
bool timebase_span(const struct timebase *timebase, uint32_t epoch,
		   const struct recording_stream *stream, uint64_t *first_ns, uint64_t *last_ns);

#endif
