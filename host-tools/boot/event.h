/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An event as the boot report needs it: its time, place and task, and those of
 * its fields that the report looks at, wherever it came from (source.h).
 */
#ifndef HYPERTRACE_BOOT_EVENT_H
#define HYPERTRACE_BOOT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#define BOOT_MAX_NUMBERS	4
#define BOOT_MAX_TEXTS		2
#define BOOT_CPU_NONE		0xffffffffU

/**
 * enum boot_kind - the events that the report understands
 *
 * The fields of each, in order, are in the table in event.c.
 */
enum boot_kind {
	BOOT_OTHER,
	BOOT_VMM,		/* vht type, arg, 1 if it ends the epoch by beginning another; text */
	BOOT_LOST,		/* how many, 0 for an unknown number */
	BOOT_CLOCK_ZERO,	/* when the guest's sched clock was 0: once, before its events */
	BOOT_SWITCH,		/* prev pid, prev state, next pid; prev name, next name */
	BOOT_WAKING,		/* pid; name */
	BOOT_WAKEUP,		/* pid; name */
	BOOT_WAKEUP_NEW,	/* pid; name */
	BOOT_FORK,		/* parent, child; child's name */
	BOOT_EXEC,		/* pid, old pid; file */
	BOOT_EXIT,		/* pid; name */
	BOOT_NEWTASK,		/* pid, clone flags; name */
	BOOT_IRQ_ENTRY,		/* irq; name */
	BOOT_IRQ_EXIT,		/* irq */
	BOOT_SOFTIRQ_ENTRY,	/* vector */
	BOOT_SOFTIRQ_EXIT,	/* vector */
	BOOT_TICK_ENTRY,	/* the local timer's interrupt */
	BOOT_TICK_EXIT,
	BOOT_HRTIMER_ENTRY,	/* ; function */
	BOOT_HRTIMER_EXIT,
	BOOT_TIMER_ENTRY,	/* ; function */
	BOOT_TIMER_EXIT,
	BOOT_BLOCK_COMPLETE,	/* device */
	BOOT_INITCALL_LEVEL,	/* ; level */
	BOOT_INITCALL_START,	/* ; function */
	BOOT_INITCALL_FINISH,	/* return; function */
	BOOT_CONSOLE,		/* ; message */
	BOOT_MODULE_LOAD,	/* ; name */
	BOOT_CGROUP_MKDIR,	/* ; path */
	BOOT_CGROUP_RMDIR,	/* ; path */
	BOOT_CGROUP_ATTACH,	/* pid; path */
	BOOT_REBOOT,		/* cmd: the system call */
	BOOT_GRAPH_ENTRY,	/* depth; function */
	BOOT_GRAPH_EXIT,	/* depth; function */
	BOOT_FUNCTION,		/* ; function, caller */
	BOOT_KIND_COUNT,
};

/* boot_event.flags: the context that the event says it was in */
#define BOOT_IN_IRQ	(1 << 0)	/* an interrupt or a softirq */
#define BOOT_HAS_CONTEXT (1 << 1)	/* it says so: without BOOT_IN_IRQ it was in neither */

/**
 * struct boot_event - one event
 * @kind: which one
 * @system: the kernel's name for its system, "" if not known
 * @name: the kernel's name
 * @time: host CLOCK_MONOTONIC, ns
 * @cpu: guest CPU, or %BOOT_CPU_NONE
 * @pid: of the task that it happened in, -1 if not known
 * @comm: its name, or NULL
 * @origin: number of the buffer that it came from: the same event may have been
 *	traced into two
 * @flags: BOOT_IN_*
 * @has_class: something describes its fields
 * @number: fields that are numbers; 0 where the event lacks them
 * @text: fields that are texts, "" where the event lacks them; until the next event
 * @get: another field as text, for filters; NULL: there are none
 * @data: for @get
 */
struct boot_event {
	enum boot_kind kind;
	const char *system;
	const char *name;
	uint64_t time;
	uint32_t cpu;
	int32_t pid;
	const char *comm;
	uint32_t origin;
	uint32_t flags;
	bool has_class;
	int64_t number[BOOT_MAX_NUMBERS];
	const char *text[BOOT_MAX_TEXTS];
	char *(*get)(const struct boot_event *event, const char *field);
	const void *data;
};

/**
 * struct boot_kind_spec - a kind's name and fields in the kernel
 * @system: the event's system
 * @name: the event's name
 * @numbers: names of the fields in boot_event.number
 * @texts: names of the fields in boot_event.text; one that is an address is
 *	given as its symbol
 */
struct boot_kind_spec {
	const char *system;
	const char *name;
	const char *numbers[BOOT_MAX_NUMBERS];
	const char *texts[BOOT_MAX_TEXTS];
};

/** boot_kind_spec - the description of a kind; its @name is NULL for those no kernel has */
const struct boot_kind_spec *boot_kind_spec(enum boot_kind kind);

/**
 * boot_kind_find - the kind of an event
 * @system: the kernel's name for its system, NULL if not known
 * @name: the kernel's name for it, or LTTng's
 * Return: the kind, %BOOT_OTHER if the report does not look at it.
 */
enum boot_kind boot_kind_find(const char *system, const char *name);

#endif
