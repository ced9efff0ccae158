/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The critical chain: what the end of a span waited for, backwards to its begin.
 *
 * A task that ran is explained by itself. One that slept is explained by who woke
 * it: by the timer or device, or, for as long as it slept, by what the waking task
 * did. One that was forked is explained by its parent before that. Above that lie
 * systemd's units: the end waited for the unit that came up last before it, that
 * one for the unit that came up last before it began.
 */
#ifndef HYPERTRACE_BOOT_CHAIN_H
#define HYPERTRACE_BOOT_CHAIN_H

#include <glib.h>
#include <stdint.h>

#include "report.h"
#include "scheduler.h"
#include "units.h"

/* Waits that are this share of the whole, one in so many, come before all work, as causes. */
#define CHAIN_WAIT_SHARE	200

/**
 * struct chain_input - what a chain is made of; times are host ns
 * @sched: settled at @end
 * @units: or NULL
 * @initcalls: struct initcall *, with times since @origin
 * @origin: of the report
 * @start: of what tasks can explain
 * @end: of the span
 * @task: index of the task in which the end came
 * @user_start: units explain what is after it; UINT64_MAX: there are none
 * @is_shutdown: units explain by their stopping
 */
struct chain_input {
	const struct sched *sched;
	const struct units *units;
	const GPtrArray *initcalls;
	uint64_t origin;
	uint64_t start;
	uint64_t end;
	int32_t task;
	uint64_t user_start;
	bool is_shutdown;
};

/**
 * chain_make - find the chain
 * @input: see there
 * @links: struct link *: the chain from @start to @end is added, in order of time
 */
void chain_make(const struct chain_input *input, GPtrArray *links);

/**
 * chain_causes - what a chain's time went to
 * @links: struct link *
 * @causes: struct cause * are added, the first cause first
 */
void chain_causes(const GPtrArray *links, GPtrArray *causes);

#endif
