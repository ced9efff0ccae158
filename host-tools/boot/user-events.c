// SPDX-License-Identifier: GPL-2.0-only
/* What user space does; see user-events.h. */
#include "user-events.h"

#include <string.h>

/* Programs that leave an initramfs and run the system's own pid 1. */
static bool is_pivot(const char *base)
{
	static const char *const names[] = {
		"run-init", "switch_root", "switch-root", "pivot_root", "busybox", "chroot",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (!strcmp(names[i], base))
			return true;
	return false;
}

static void on_exec(struct life *life, const struct boot_event *event)
{
	const char *file = event->text[0];
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;

	if (event->number[0] != 1)
		return;
	marks_add(life->marks, event->time, "exec", file, NULL);
	if (!strcmp(base, "systemd-shutdown") || !strcmp(base, "shutdown")) {
		life_begin_shutdown(life, event->time);
		life_stop_boundary(life, BEGIN_STOP_FINAL, event->time);
		return;
	}
	if (life->stage == STAGE_SHUTDOWN || life->moments.real_init)
		return;
	life->is_late_cut = false;	/* it stands */
	life->execs++;
	if (life->execs == 1 && (!strcmp(base, "init") && strncmp(file, "/sbin/", 6) &&
				  strncmp(file, "/usr/", 5) && strncmp(file, "/bin/", 5) &&
				  strncmp(file, "/etc/", 5))) {
		life_boundary(life, BEGIN_INITRAMFS, event->time);
		return;
	}
	if (life->execs > 1 && is_pivot(base) && !life->is_pivoting) {
		life_boundary(life, BEGIN_PIVOT, event->time);
		life->is_pivoting = true;
		return;
	}
	life_note(life, &life->moments.real_init, event->time);
	if (until_kind(life->until) == UNTIL_INIT)
		life_end_boot(life, event, "pid 1 ran the first program of user space");
}

/* One of systemd's targets, by its name or its description; -1: another unit. */
static int find_target(const char *unit)
{
	static const struct { const char *name, *text; } targets[TARGET_COUNT] = {
		[TARGET_SYSINIT] = { "sysinit.target", "System Initialization" },
		[TARGET_BASIC] = { "basic.target", "Basic System" },
		[TARGET_MULTI_USER] = { "multi-user.target", "Multi-User System" },
		[TARGET_GRAPHICAL] = { "graphical.target", "Graphical Interface" },
	};

	for (int i = 0; i < TARGET_COUNT; i++)
		if (!strcmp(unit, targets[i].name) || !strcmp(unit, targets[i].text))
			return i;
	return -1;
}

static void on_unit_active(struct life *life, const struct boot_event *event, const char *name)
{
	int target = find_target(name);

	if (strstr(event->text[0], "Reached target "))
		marks_add(life->marks, event->time, "target", name, NULL);
	if (life->stage != STAGE_BOOT)
		return;
	if (target >= 0 && life->moments.real_init)
		life_note(life, &life->moments.reached[target], event->time);
	if (target >= TARGET_MULTI_USER && life->moments.real_init)
		life_reach_target(life, event, target == TARGET_MULTI_USER ?
				  "systemd reached multi-user.target" :
				  "systemd reached graphical.target");
	if (until_fits_unit(life->until, name))
		life_end_boot(life, event, "the unit was up");
}

static void on_stop(struct life *life, const struct boot_event *event, const char *name)
{
	bool is_certain = strstr(event->text[0], "Stopped target ") &&
			  find_target(name) >= TARGET_BASIC;

	life_stop_unit(life, event->time, is_certain);
}

static void on_console(struct life *life, const struct boot_event *event)
{
	int32_t number;
	enum unit_news news = units_message(life->units, event->text[0], event->time, &number);
	const char *name = number >= 0 ? units_at(life->units, number)->name : "";

	switch (news) {
	case UNIT_STARTUP_FINISHED:
		marks_add(life->marks, event->time, "message", "Startup finished", event->text[0]);
		/* an initramfs's own systemd has none of its own; another's does not count */
		if (until_kind(life->until) == UNTIL_DEFAULT && life->moments.real_init)
			life_end_boot(life, event, "systemd said that the startup is finished");
		break;
	case UNIT_ACTIVE:
		on_unit_active(life, event, name);
		break;
	case UNIT_STOPPING:
	case UNIT_STOPPED:
		on_stop(life, event, name);
		break;
	default:
		break;
	}
}

static void on_fork(struct life *life, const struct boot_event *event)
{
	struct task *task = sched_task(life->sched, sched_find(life->sched, event->number[1]));

	/* systemd makes a unit's cgroup, then forks its first process. */
	if (event->number[0] != 1 || life->made_unit < 0 || !task)
		return;
	task->unit = life->made_unit;
	life->made_unit = -1;
}

static void on_cgroup_attach(struct life *life, const struct boot_event *event)
{
	struct task *task = sched_task(life->sched, sched_find(life->sched, event->number[0]));

	if (task)
		task->unit = units_of_path(life->units, event->text[0], event->time);
}

static void on_reboot(struct life *life, const struct boot_event *event)
{
	static const uint32_t commands[] = {
		0x01234567, 0xcdef0123, 0x4321fedc, 0xa1b2c3d4, 0x45584543,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
		if ((uint32_t)event->number[0] != commands[i])
			continue;
		life_begin_shutdown(life, event->time);
		life_stop_boundary(life, BEGIN_STOP_KERNEL, event->time);
		life->stop_task = sched_find(life->sched, event->pid);
	}
}

void user_event(struct life *life, const struct boot_event *event)
{
	switch (event->kind) {
	case BOOT_EXEC:
		on_exec(life, event);
		break;
	case BOOT_CONSOLE:
		on_console(life, event);
		break;
	case BOOT_FORK:
		on_fork(life, event);
		break;
	case BOOT_CGROUP_MKDIR:
		life->made_unit = units_cgroup_made(life->units, event->text[0], event->time);
		break;
	case BOOT_CGROUP_RMDIR:
		units_cgroup_gone(life->units, event->text[0], event->time);
		break;
	case BOOT_CGROUP_ATTACH:
		on_cgroup_attach(life, event);
		break;
	case BOOT_REBOOT:
		on_reboot(life, event);
		break;
	default:
		break;
	}
}
