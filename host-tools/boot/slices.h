/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one vCPU did, as a bounded number of slices: when there are too many, short
 * neighbours become one, of what there was most of in them.
 */
#ifndef HYPERTRACE_BOOT_SLICES_H
#define HYPERTRACE_BOOT_SLICES_H

#include <glib.h>
#include <stdint.h>

/**
 * struct raw_slice - one piece of time
 * @start: host ns
 * @end: host ns
 * @state: enum slice_state
 * @task: the scheduler's index of the task, -1: none
 */
struct raw_slice {
	uint64_t start;
	uint64_t end;
	int32_t task;
	uint8_t state;
};

/**
 * struct slices - of one vCPU
 * @array: struct raw_slice
 * @limit: how many there may be
 * @resolution: ns: shorter ones were merged; 0: none
 */
struct slices {
	GArray *array;
	guint limit;
	uint64_t resolution;
};

/** slices_init - make it empty */
void slices_init(struct slices *slices, guint limit);

/** slices_fini - free what it holds */
void slices_fini(struct slices *slices);

/** slices_clear - forget all slices, and the resolution */
void slices_clear(struct slices *slices);

/** slices_add - one more; not before the last one */
void slices_add(struct slices *slices, const struct raw_slice *slice);

#endif
