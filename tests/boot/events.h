/* SPDX-License-Identifier: GPL-2.0-only */
/* Small hand-made boots: events given to a model one by one. */
#ifndef HYPERTRACE_TESTS_BOOT_EVENTS_H
#define HYPERTRACE_TESTS_BOOT_EVENTS_H

#include <string.h>

#include "boot/model.h"
#include "virtio_hypertrace.h"

#define MS		1000000ULL
#define BASE		(1000 * MS)	/* host time of what the tests call 0 */

/* The model that events go to, and where they happen. */
static struct model *model;
static struct until *until;
static int32_t current_pid;
static uint32_t current_cpu;
static uint32_t current_flags;

static inline void event(enum boot_kind kind, uint64_t time, int64_t a, int64_t b, int64_t c,
			 const char *text, const char *other)
{
	const struct boot_kind_spec *spec = boot_kind_spec(kind);
	bool is_host = kind == BOOT_VMM || kind == BOOT_CLOCK_ZERO;
	struct boot_event e = {
		.kind = kind, .system = spec->name ? spec->system : "hypertrace",
		.name = spec->name ? spec->name : "vmm",
		.time = BASE + time, .cpu = is_host ? BOOT_CPU_NONE : current_cpu,
		.pid = is_host ? -1 : current_pid, .origin = is_host ? 0 : 1,
		.flags = BOOT_HAS_CONTEXT | current_flags,
		.number = { a, b, c }, .text = { text, other },
	};

	model_take(&e, model);
}

static inline void begin(const char *marker)
{
	until = until_parse(marker, NULL);
	model = model_new(until);
	current_pid = 0;
	current_cpu = 0;
	current_flags = 0;
}

static inline struct report *finish(void)
{
	struct boot_source_info *info = boot_source_info_new("recording");
	struct report *report;

	info->epoch = 1;
	info->vm = g_strdup("test");
	report = model_finish(model, "test", info);
	until_free(until);
	return report;
}

static inline void vmm(uint32_t type, uint64_t time)
{
	event(BOOT_VMM, time, type, 0, 0, "", "");
}

static inline void mark(uint64_t time, uint16_t port, uint32_t value)
{
	event(BOOT_VMM, time, VHT_VMM_MARK, VHT_MARK(port, 1, value), 0, "", "");
}

/* The present task leaves the CPU in a state; 0 is runnable, 1 asleep, 2 in a disk's sleep. */
static inline void switch_to(uint64_t time, int64_t state, int32_t next, const char *name)
{
	event(BOOT_SWITCH, time, current_pid, state, next, "", name);
	current_pid = next;
}

static inline void waking(uint64_t time, int32_t pid)
{
	event(BOOT_WAKING, time, pid, 0, 0, "", "");
}

/* A wake-up in an interrupt of a name, or in a timer's function. */
static inline void waking_by_irq(uint64_t time, int32_t pid, const char *name)
{
	current_flags = BOOT_IN_IRQ;
	event(BOOT_IRQ_ENTRY, time, 30, 0, 0, name, "");
	waking(time + 1000, pid);
	event(BOOT_IRQ_EXIT, time + 2000, 30, 0, 0, "", "");
	current_flags = 0;
}

static inline void waking_by_timer(uint64_t time, int32_t pid)
{
	current_flags = BOOT_IN_IRQ;
	event(BOOT_HRTIMER_ENTRY, time, 0, 0, 0, "hrtimer_wakeup", "");
	waking(time + 1000, pid);
	current_flags = 0;
}

static inline void fork_task(uint64_t time, int32_t child, const char *name)
{
	event(BOOT_FORK, time, current_pid, child, 0, name, "");
}

static inline void exec(uint64_t time, const char *file)
{
	event(BOOT_EXEC, time, current_pid, current_pid, 0, file, "");
}

static inline void level(uint64_t time, const char *name)
{
	event(BOOT_INITCALL_LEVEL, time, 0, 0, 0, name, "");
}

static inline void initcall(uint64_t time, const char *function)
{
	event(BOOT_INITCALL_START, time, 0, 0, 0, function, "");
}

static inline void initcall_end(uint64_t time, const char *function)
{
	event(BOOT_INITCALL_FINISH, time, 0, 0, 0, function, "");
}

static inline void say(uint64_t time, const char *text)
{
	event(BOOT_CONSOLE, time, 0, 0, 0, text, "");
}

/* From the VMM's begin to pid 1 in its initcalls of the last level, at 500 ms. */
static inline void until_late(void)
{
	static const char *const levels[] = {
		"console", "early", "pure", "core", "postcore", "arch", "subsys", "fs", "device",
		"late",
	};

	vmm(VHT_VMM_PROCESS, 0);
	vmm(VHT_VMM_CREATED, 20 * MS);
	vmm(VHT_VMM_MACHINE_READY, 50 * MS);
	vmm(VHT_VMM_RUNNING, 60 * MS);
	event(BOOT_CLOCK_ZERO, 300 * MS, BASE + 200 * MS, 0, 0, "", "");
	level(300 * MS, levels[0]);
	fork_task(310 * MS, 1, "swapper/0");
	fork_task(312 * MS, 2, "kthreadd");
	switch_to(320 * MS, 0, 1, "swapper/0");
	for (int i = 1; i < 10; i++)
		level((320 + 20 * i) * MS, levels[i]);
}

/* pid 1 becomes the initramfs's init at 600 ms and systemd at 700 ms. */
static inline void until_systemd(void)
{
	until_late();
	initcall(510 * MS, "one");
	initcall_end(520 * MS, "one");
	initcall(520 * MS, "two");
	initcall_end(550 * MS, "two");
	exec(600 * MS, "/init");
	exec(680 * MS, "/usr/bin/run-init");
	exec(700 * MS, "/sbin/init");
}

static inline void reach_targets(uint64_t time)
{
	say(time, "systemd[1]: Reached target sysinit.target - System Initialization.");
	say(time + 10 * MS, "systemd[1]: Reached target basic.target - Basic System.");
	say(time + 30 * MS, "systemd[1]: Reached target multi-user.target - Multi-User System.");
	say(time + 60 * MS, "systemd[1]: Reached target graphical.target - Graphical Interface.");
	say(time + 100 * MS, "systemd[1]: Startup finished in 1s (kernel) + 1s (userspace) = 2s.");
}

#endif
