/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The beginning of a kernel's clock, when it was still finding out what that is worth.
 *
 * Before a kernel has found its clock source the clocks it offers go by the timer
 * tick, of which the slowest has 10 ms; then they may step by one or two of them.
 * But where ticks were lost the clock lags, and steps back by as much when the
 * better source is found: nobody knows what the time was before that.
 */
#ifndef HYPERTRACE_DECODE_EARLY_H
#define HYPERTRACE_DECODE_EARLY_H

#include <stdint.h>

#include "clock.h"
#include "recording/reader.h"

/* What is later than that, of the clock itself, is not early; a window has no pairs to say so. */
#define EARLY_END	30000000000ULL

/**
 * early_widen - widen the bound of what a clock says of the kernel's beginning
 * @vm: the VM
 * @map: the clock's, finished
 * @epoch: in which it is
 * @name: the source in a driver's streams; NULL: a window
 * @limit: from then on its times are trusted
 */
void early_widen(const struct recording_vm *vm, struct clock_map *map, uint32_t epoch,
		 const char *name, uint64_t limit);

#endif
