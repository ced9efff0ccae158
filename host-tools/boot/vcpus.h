/* SPDX-License-Identifier: GPL-2.0-only */
/* The vCPUs of a span: what each did, slice by slice, and with which tasks. */
#ifndef HYPERTRACE_BOOT_VCPUS_H
#define HYPERTRACE_BOOT_VCPUS_H

#include "extent.h"
#include "report.h"
#include "scheduler.h"

/** vcpus_report - all that were seen go into the span, by their numbers */
void vcpus_report(const struct sched *sched, const struct extent *extent, struct span *span);

#endif
