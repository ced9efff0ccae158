/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel does at its start: initcalls, and where their levels begin and end. */
#ifndef HYPERTRACE_BOOT_KERNEL_EVENTS_H
#define HYPERTRACE_BOOT_KERNEL_EVENTS_H

#include "event.h"
#include "life.h"

/** kernel_event - follow an event; those of other kinds are passed over */
void kernel_event(struct life *life, const struct boot_event *event);

#endif
