/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's counter: what the device's clock records say of it, as a map to the
 * host's clock for each vCPU that a record names, and one of the records that are of
 * all; a record of all belongs to each vCPU's map too.
 */
#ifndef HYPERTRACE_DECODE_COUNTER_H
#define HYPERTRACE_DECODE_COUNTER_H

#include <glib.h>
#include <stdint.h>

#include "clock.h"
#include "recording/reader.h"
#include "vcpus.h"

/* How the guest's counter is known. */
enum counter_method {
	METHOD_NONE,
	METHOD_TICKS,			/* by what the VMM itself counts */
	METHOD_TSC_OFFSET,		/* by what KVM adds to the host's */
	METHOD_POINTS,			/* single moments, nothing between them */
};

/**
 * struct counter_clock - the guest's counter as one vCPU has it, or all
 * @map: counter -> CLOCK_MONOTONIC in ns; may be empty
 * @method: how it is known
 * @stops: struct clock_stop on CLOCK_MONOTONIC, rising: when the VM stood
 */
struct counter_clock {
	struct clock_map *map;
	enum counter_method method;
	GArray *stops;
};

/** struct counters - the counters of a VM, in all its epochs */
struct counters;

/**
 * counters_new - learn a VM's counters from its clock records
 * @vm: the VM; it and @vcpus must stay as long as the result
 * @vcpus: its vCPUs
 * @warnings: char *, a sentence is added for each record that is not used; may be NULL
 * Return: to be freed with counters_free().
 */
struct counters *counters_new(const struct recording_vm *vm, const struct vcpu_map *vcpus,
			      GPtrArray *warnings);

/** counters_free - free them; NULL is fine */
void counters_free(struct counters *counters);

/** counters_hz - ticks a second, 0 if nobody told */
uint64_t counters_hz(const struct counters *counters);

/**
 * counters_of_cpu - the counter of the vCPU that a guest's CPU is
 * @counters: of the VM
 * @epoch: in which it is asked
 * @generation: of the driver that tells of the CPU
 * @cpu: the guest's number of it, or %VHT_CPU_NONE
 * @is_own: written: it is that vCPU's, and not the one of all
 * Return: the counter, or NULL: nothing was recorded of the epoch.
 */
const struct counter_clock *counters_of_cpu(const struct counters *counters, uint32_t epoch,
					    uint32_t generation, uint32_t cpu, bool *is_own);

/**
 * counters_apart_ns - since when not all vCPUs had the same counter
 * @counters: of the VM
 * @epoch: in which it is asked
 *
 * KVM cannot tell such a guest of one clock for all of its CPUs.
 *
 * Return: CLOCK_MONOTONIC, ns; %UINT64_MAX: that was never so, or it is not KVM.
 */
uint64_t counters_apart_ns(const struct counters *counters, uint32_t epoch);

/**
 * counters_warn - tell of something that is not used
 * @vm: whose it is
 * @warnings: as of counters_new()
 * @format: as of printf()
 */
void counters_warn(const struct recording_vm *vm, GPtrArray *warnings, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/**
 * counters_warn_dropped - tell of points of a map that are not used
 * @vm: whose they are
 * @warnings: as of counters_new()
 * @epoch: in which they are
 * @count: how many
 * @dropped: struct clock_dropped, the first ones
 * @what: what they are called
 * @unit: of the map's second clock
 */
void counters_warn_dropped(const struct recording_vm *vm, GPtrArray *warnings, uint32_t epoch,
			   uint32_t count, const GArray *dropped, const char *what,
			   const char *unit);

#endif
