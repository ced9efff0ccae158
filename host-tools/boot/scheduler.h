/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's scheduler, followed event by event: what each vCPU and each task
 * does, and why a task that sleeps was woken.
 *
 * A task that waits got what it waited for from who woke it: a timer, the
 * interrupt of a disk or of another device, or another task. That is all that
 * can be known from outside, and what "waits for" means in the report.
 */
#ifndef HYPERTRACE_BOOT_SCHEDULER_H
#define HYPERTRACE_BOOT_SCHEDULER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "event.h"
#include "report.h"
#include "slices.h"

#define SCHED_NO_TASK	(-1)

/**
 * struct nap - a time that a task was off the CPU
 * @start: it left the CPU
 * @wake: it could run again; equal to @start where it was only preempted
 * @run: it ran again, UINT64_MAX: not yet
 * @cause: what it waited for, from @start to @wake
 * @waker: index of the task that woke it, where @cause is %STATE_TASK
 * @detail: interned words on the cause, or NULL
 */
struct nap {
	uint64_t start;
	uint64_t wake;
	uint64_t run;
	enum state cause;
	int32_t waker;
	const char *detail;
};

/**
 * struct task - one task
 * @index: its place in sched.tasks
 * @pid: of the task; the number may have been another's before
 * @comm: its name, the last known
 * @exec: the file of its last exec, or NULL
 * @parent: index of the task that forked it, or %SCHED_NO_TASK
 * @start: it was forked, or first seen
 * @is_forked: @start is when it was forked
 * @end: it exited, UINT64_MAX: not seen to
 * @is_kernel: a kernel thread
 * @is_thread: of a process with another pid
 * @totals: time by state, up to @since
 * @base: @totals at the begin of what is looked at
 * @state: now
 * @since: when that began
 * @is_asleep: the state is not known yet: it will be what wakes the task
 * @is_uninterruptible: it sleeps so
 * @is_dead: it left the CPU for the last time
 * @wake: the last waking event for it: time, cause, waker, detail
 * @naps: struct nap
 * @unit: number of the unit that it belongs to, -1: none
 * @is_on_chain: for who makes the chain
 */
struct task {
	int32_t index;
	int32_t pid;
	char comm[16];
	char *exec;
	int32_t parent;
	uint64_t start;
	bool is_forked;
	uint64_t end;
	bool is_kernel;
	bool is_thread;
	int64_t totals[TASK_STATES];
	int64_t base[TASK_STATES];
	enum state state;
	uint64_t since;
	bool is_asleep;
	bool is_uninterruptible;
	bool is_dead;
	struct nap wake;
	GArray *naps;
	int32_t unit;
	bool is_on_chain;
};

struct sched;

/** sched_new - nothing is known yet. Return: to be freed with sched_free() */
struct sched *sched_new(struct account *account);

/** sched_free - free it; NULL is fine */
void sched_free(struct sched *sched);

/** sched_event - follow one event, of any kind */
void sched_event(struct sched *sched, const struct boot_event *event);

/**
 * sched_settle - count what lasts at this moment up to it
 * @sched: the scheduler
 * @time: not before the last event
 */
void sched_settle(struct sched *sched, uint64_t time);

/** sched_restart - forget naps and slices, and count from here on */
void sched_restart(struct sched *sched, uint64_t time);

/** sched_set_quiet - do, or do not, keep naps and slices */
void sched_set_quiet(struct sched *sched, bool is_quiet);

/** sched_task_count - how many tasks are known */
int32_t sched_task_count(const struct sched *sched);

/** sched_task - a task by its index; NULL for %SCHED_NO_TASK */
struct task *sched_task(const struct sched *sched, int32_t index);

/** sched_find - the index of the task that has a pid now, or %SCHED_NO_TASK */
int32_t sched_find(const struct sched *sched, int32_t pid);

/** sched_cpu_count - vCPUs seen */
uint32_t sched_cpu_count(const struct sched *sched);

/** sched_cpu_number - number of the vCPU with an index below sched_cpu_count() */
uint32_t sched_cpu_number(const struct sched *sched, uint32_t index);

/** sched_cpu_slices - its slices */
const struct slices *sched_cpu_slices(const struct sched *sched, uint32_t index);

/** sched_current - index of the task that runs on a CPU, or %SCHED_NO_TASK */
int32_t sched_current(const struct sched *sched, uint32_t cpu);

/** sched_has_switches - there were scheduling events */
bool sched_has_switches(const struct sched *sched);

/** sched_tasks_omitted - tasks that were too many to be followed */
uint64_t sched_tasks_omitted(const struct sched *sched);

/** sched_nap_resolution - ns: shorter naps were forgotten; 0: none */
uint64_t sched_nap_resolution(const struct sched *sched);

/**
 * task_split - time of a task by state since the restart
 * @task: the task
 * @time: up to here, ns
 * @states: %TASK_STATES sums, ns
 */
void task_split(const struct task *task, uint64_t time, int64_t *states);

#endif
