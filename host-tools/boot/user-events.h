/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space does: the programs of pid 1, what systemd says and forks, and the
 * system call that ends it.
 */
#ifndef HYPERTRACE_BOOT_USER_EVENTS_H
#define HYPERTRACE_BOOT_USER_EVENTS_H

#include "event.h"
#include "life.h"

/** user_event - follow an event; those of other kinds are passed over */
void user_event(struct life *life, const struct boot_event *event);

#endif
