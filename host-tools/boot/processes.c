// SPDX-License-Identifier: GPL-2.0-only
/* Processes of a span; see processes.h. */
#include "processes.h"

#include <string.h>

#define MAX_PROCESSES	5000
#define MIN_KERNEL_CPU	1000000		/* ns: kernel threads that ran less are not listed */
#define MAX_DEPTH	8		/* from a thread to its process */

static gint by_weight(gconstpointer a, gconstpointer b)
{
	const struct process *left = *(void *const *)a, *right = *(void *const *)b;

	return left->states[STATE_RUNNING] < right->states[STATE_RUNNING] ? 1 :
	       left->states[STATE_RUNNING] > right->states[STATE_RUNNING] ? -1 : 0;
}

static gint by_start(gconstpointer a, gconstpointer b)
{
	const struct process *left = *(void *const *)a, *right = *(void *const *)b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->pid < right->pid ? -1 : left->pid > right->pid;
}

static struct process *process_new(const struct sched *sched, const struct units *units,
				   const struct extent *extent, const struct task *task)
{
	const struct task *parent = sched_task(sched, task->parent);
	struct process *process = g_new0(struct process, 1);

	process->pid = task->pid;
	process->comm = g_strndup(task->comm, sizeof(task->comm));
	process->exec = g_strdup(task->exec);
	process->parent = parent ? parent->pid : -1;
	process->start = extent_time(extent, task->start);
	process->end = extent_time_or_none(extent, task->end == UINT64_MAX ? 0 : task->end);
	process->unit = g_strdup(task->unit >= 0 ? units_at(units, task->unit)->name : NULL);
	process->is_kernel = task->is_kernel;
	process->is_on_chain = task->is_on_chain;
	return process;
}

/* The task that stands for the process; NULL if that is not known. */
static const struct task *find_leader(const struct sched *sched, const struct task *task)
{
	for (int depth = 0; task && task->is_thread && depth < MAX_DEPTH; depth++)
		task = sched_task(sched, task->parent);
	return task;
}

/* One for each process; threads are added to theirs. */
static void add_processes(const struct sched *sched, const struct units *units,
			  const struct extent *extent, struct span *span)
{
	g_autoptr(GHashTable) by_index = g_hash_table_new(NULL, NULL);

	for (int32_t i = 0; i < sched_task_count(sched); i++) {
		const struct task *task = sched_task(sched, i), *leader;
		struct process *process = NULL;
		int64_t states[TASK_STATES];

		if (!task->pid || task->start > extent->end || task->end < extent->start)
			continue;
		leader = find_leader(sched, task);
		task_split(task, extent->end, states);
		if (leader && leader != task)
			process = g_hash_table_lookup(by_index, GINT_TO_POINTER(leader->index));
		if (!process && task->is_kernel && states[STATE_RUNNING] < MIN_KERNEL_CPU)
			continue;
		if (!process) {
			process = process_new(sched, units, extent, task);
			g_ptr_array_add(span->processes, process);
			g_hash_table_insert(by_index, GINT_TO_POINTER(i), process);
			memcpy(process->states, states, sizeof(states));
		} else {
			/* A thread's waits say nothing about its process, its work does. */
			process->states[STATE_RUNNING] += states[STATE_RUNNING];
			process->states[STATE_RUNNABLE] += states[STATE_RUNNABLE];
		}
	}
}

static struct unit *find_unit(const struct span *span, const char *name)
{
	for (guint i = 0; i < span->units->len; i++) {
		struct unit *unit = g_ptr_array_index(span->units, i);

		if (!strcmp(unit->name, name))
			return unit;
	}
	return NULL;
}

static void add_to_units(struct span *span)
{
	for (guint i = 0; i < span->processes->len; i++) {
		const struct process *process = g_ptr_array_index(span->processes, i);
		struct unit *unit = process->unit ? find_unit(span, process->unit) : NULL;

		if (unit)
			unit->cpu += process->states[STATE_RUNNING];
	}
}

void processes_report(const struct sched *sched, const struct units *units,
		      const struct extent *extent, struct span *span)
{
	add_processes(sched, units, extent, span);
	add_to_units(span);
	if (span->processes->len > MAX_PROCESSES) {
		g_ptr_array_sort(span->processes, by_weight);
		span->processes_omitted = span->processes->len - MAX_PROCESSES;
		g_ptr_array_set_size(span->processes, MAX_PROCESSES);
	}
	span->processes_omitted += sched_tasks_omitted(sched);
	g_ptr_array_sort(span->processes, by_start);
}
