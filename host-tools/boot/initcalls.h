/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's initcalls, those of modules included: from when to when each ran,
 * and what its task did meanwhile.
 */
#ifndef HYPERTRACE_BOOT_INITCALLS_H
#define HYPERTRACE_BOOT_INITCALLS_H

#include <stdbool.h>

#include "event.h"
#include "extent.h"
#include "report.h"
#include "scheduler.h"

struct initcalls;

/**
 * initcalls_new - none yet
 * @sched: has followed each event before it comes here; must outlive them
 * Return: to be freed with initcalls_free().
 */
struct initcalls *initcalls_new(const struct sched *sched);

/** initcalls_free - free them; NULL is fine */
void initcalls_free(struct initcalls *initcalls);

/** initcalls_level - a level begins: what pid 1 runs from here on is of it */
void initcalls_level(struct initcalls *initcalls, const struct boot_event *event);

/** initcalls_module - a task loads a module: the initcall that it runs next is the module's */
void initcalls_module(struct initcalls *initcalls, const struct boot_event *event);

/**
 * initcalls_start - one begins
 * @initcalls: the initcalls
 * @event: its begin
 * @is_module: it is of no level
 */
void initcalls_start(struct initcalls *initcalls, const struct boot_event *event, bool is_module);

/** initcalls_finish - the one that the event's task runs has returned */
void initcalls_finish(struct initcalls *initcalls, const struct boot_event *event);

/** initcalls_report - those that began in @extent go into the span, in order of time */
void initcalls_report(const struct initcalls *initcalls, const struct extent *extent,
		      struct span *span);

#endif
