/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VMM says of a guest's life: where the phases before the kernel begin,
 * marks on watched ports, and the end.
 */
#ifndef HYPERTRACE_BOOT_VMM_EVENTS_H
#define HYPERTRACE_BOOT_VMM_EVENTS_H

#include "event.h"
#include "life.h"

/** vmm_event - follow a BOOT_VMM event */
void vmm_event(struct life *life, const struct boot_event *event);

#endif
