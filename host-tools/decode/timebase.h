/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The times of one VM: for each stream of a recording the way from its own clock
 * to the host's CLOCK_MONOTONIC (docs/specs/recording.md, "Times"). Only packet
 * headers, clock records and vCPU records are read, and what a driver says of its
 * clocks and CPUs; of events no more than the times of the first ones of a boot.
 */
#ifndef HYPERTRACE_DECODE_TIMEBASE_H
#define HYPERTRACE_DECODE_TIMEBASE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "recording/reader.h"
#include "vcpus.h"

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
 * struct timebase_quality - how well a stream's times are known on the host's clock
 * @method: how: "host" (they are the host's own), "tsc-offset" (the guest's counter,
 *	by what KVM adds to the host's), "ticks" (by what the VMM itself counts),
 *	"points" (single moments, nothing between them), each of the last three
 *	also with "pairs+" before it (the source's clock, by pairs of it and the
 *	counter), "looks" (when the recorder saw what), or "none"
 * @bound_ns: no time of the stream is off by more
 * @steady_ns: ... and none after the kernel's clock had found its source
 * @first_pair: the source's clock at the first pair, if some of the stream is older; else 0
 * @is_older: some of the stream is from before the VM's state was loaded; when that
 *	was nobody knows, and the bounds do not speak of it
 *
 * Nor do they speak of times that are so near to a stop of the VM that they may be from
 * either side of it: their own bound, clock_map_bound(), is as long as the stop.
 */
struct timebase_quality {
	const char *method;
	uint64_t bound_ns;
	uint64_t steady_ns;
	uint64_t first_pair;
	bool is_older;
};

/**
 * timebase_quality - how well a stream's times are known
 * @timebase: of the stream's VM
 * @epoch: in which the stream was written; any for a host stream
 * @stream: the stream
 * Return: the findings; with "none" the bounds are %UINT64_MAX.
 */
struct timebase_quality timebase_quality(const struct timebase *timebase, uint32_t epoch,
					 const struct recording_stream *stream);

/**
 * timebase_describe - the same in short
 * @timebase: of the stream's VM
 * @epoch: in which the stream was written; any for a host stream
 * @stream: the stream
 * @bound_ns: written; %UINT64_MAX for "none"
 * Return: @method of struct timebase_quality, a constant string.
 */
const char *timebase_describe(const struct timebase *timebase, uint32_t epoch,
			      const struct recording_stream *stream, uint64_t *bound_ns);

/**
 * timebase_shared_ns - since when a reading of a stream's clock may be another CPU's
 * @timebase: of the stream's VM
 * @epoch: in which the stream was written
 * @stream: the stream
 *
 * Where KVM cannot give all vCPUs one clock (their counters differ), Linux lets no CPU read
 * less than any has read. Who leaves the guest in the midst of reading comes back to find
 * what others have read meanwhile, and takes that: a time at which it was not in the guest.
 *
 * Return: CLOCK_MONOTONIC, ns; %UINT64_MAX: none is.
 */
uint64_t timebase_shared_ns(const struct timebase *timebase, uint32_t epoch,
			    const struct recording_stream *stream);

/**
 * timebase_vcpus - the VM's vCPUs, which decide which clock a CPU has
 * @timebase: of the VM
 * Return: belongs to the time base.
 */
const struct vcpu_map *timebase_vcpus(const struct timebase *timebase);

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
