/* SPDX-License-Identifier: GPL-2.0-only */
/* The processes of a span, each with its threads, from the scheduler's tasks. */
#ifndef HYPERTRACE_BOOT_PROCESSES_H
#define HYPERTRACE_BOOT_PROCESSES_H

#include "extent.h"
#include "report.h"
#include "scheduler.h"
#include "units.h"

/**
 * processes_report - those that lived in @extent go into the span, in order of time
 * @sched: settled at the end of @extent, with the marks of the chain on its tasks
 * @units: that tasks belong to
 * @extent: of the span
 * @span: its units get the CPU time of their processes, too
 */
void processes_report(const struct sched *sched, const struct units *units,
		      const struct extent *extent, struct span *span);

#endif
