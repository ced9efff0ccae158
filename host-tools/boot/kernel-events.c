// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel does at its start; see kernel-events.h. */
#include "kernel-events.h"

static void on_initcall_level(struct life *life, const struct boot_event *event)
{
	int which = phase_level(event->text[0]);

	initcalls_level(life->initcalls, event);
	if (which >= 0)
		life_boundary(life, which, event->time);
	life->is_late = which == BEGIN_LEVEL_LATE;
}

static void on_initcall_start(struct life *life, const struct boot_event *event)
{
	if (life->is_late_cut && event->pid == 1) {
		/* It was not the last one. */
		account_uncut(life->account, life->boot_at.at[BEGIN_KERNEL_END]);
		life->is_late_cut = false;
		life->boot_at.at[BEGIN_KERNEL_END] = 0;
	}
	initcalls_start(life->initcalls, event, event->pid > 1 || life->execs);
}

static void on_initcall_finish(struct life *life, const struct boot_event *event)
{
	if (life->is_late && event->pid == 1 && !life->execs && life->stage == STAGE_BOOT &&
	    !life->is_late_cut) {
		account_cut(life->account, event->time);
		life->is_late_cut = true;
		life->boot_at.at[BEGIN_KERNEL_END] = event->time;
	}
	initcalls_finish(life->initcalls, event);
}

void kernel_event(struct life *life, const struct boot_event *event)
{
	switch (event->kind) {
	case BOOT_INITCALL_LEVEL:
		on_initcall_level(life, event);
		break;
	case BOOT_INITCALL_START:
		on_initcall_start(life, event);
		break;
	case BOOT_INITCALL_FINISH:
		on_initcall_finish(life, event);
		break;
	case BOOT_MODULE_LOAD:
		initcalls_module(life->initcalls, event);
		break;
	default:
		break;
	}
}
