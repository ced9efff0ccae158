// SPDX-License-Identifier: GPL-2.0-only
/*
 * An array for the pids that occur (up to the kernel's default maximum) and a
 * hash table for others: the look-up happens for every event.
 */
#include "tasks.h"

#include <glib.h>
#include <string.h>

#include "clean.h"

#define DIRECT	65536
/* A guest may make up pids; so many beyond DIRECT are remembered. */
#define MAX_TASKS	(1 << 20)

struct task {
	char name[TASK_NAME_SIZE];
};

struct tasks {
	struct task *direct;	/* @count of them, at most DIRECT */
	int32_t count;
	GHashTable *others;	/* pid -> struct task */
};

struct tasks *tasks_new(void)
{
	struct tasks *tasks = g_new0(struct tasks, 1);

	tasks->others = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	tasks_set(tasks, 0, "swapper", 7);
	return tasks;
}

void tasks_free(struct tasks *tasks)
{
	if (!tasks)
		return;
	g_hash_table_unref(tasks->others);
	g_free(tasks->direct);
	g_free(tasks);
}

static void tasks_make_room(struct tasks *tasks, int32_t pid)
{
	int32_t count = tasks->count;

	if (pid < count)
		return;
	tasks->count = MIN(MAX(2 * count, pid + 1), DIRECT);
	tasks->direct = g_renew(struct task, tasks->direct, tasks->count);
	memset(tasks->direct + count, 0, (tasks->count - count) * sizeof(struct task));
}

static struct task *tasks_make(struct tasks *tasks, int32_t pid)
{
	struct task *task;

	if (pid >= 0 && pid < DIRECT) {
		tasks_make_room(tasks, pid);
		return &tasks->direct[pid];
	}
	task = g_hash_table_lookup(tasks->others, GINT_TO_POINTER(pid));
	if (!task && g_hash_table_size(tasks->others) < MAX_TASKS) {
		task = g_new0(struct task, 1);
		g_hash_table_insert(tasks->others, GINT_TO_POINTER(pid), task);
	}
	return task;
}

void tasks_set(struct tasks *tasks, int32_t pid, const char *name, size_t size)
{
	struct task *task = tasks_make(tasks, pid);

	if (!task)
		return;
	size = strnlen(name, MIN(size, TASK_NAME_SIZE - 1));
	if (!memcmp(task->name, name, size) && !task->name[size])
		return;
	memcpy(task->name, name, size);
	task->name[size] = 0;
	clean_text(task->name, size);
}

void tasks_add(struct tasks *tasks, const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);
		const char *stop = newline ? newline : end, *p = text;
		uint64_t pid = 0;

		while (p < stop && *p == ' ')
			p++;
		for (; p < stop && g_ascii_isdigit(*p) && pid <= G_MAXINT32; p++)
			pid = pid * 10 + (*p - '0');
		if (p > text && p < stop && *p == ' ' && pid <= G_MAXINT32)
			tasks_set(tasks, pid, p + 1, stop - p - 1);
		text = newline ? newline + 1 : end;
	}
}

const char *tasks_get(const struct tasks *tasks, int32_t pid)
{
	const struct task *task;

	if (G_LIKELY(pid >= 0 && pid < tasks->count))
		task = &tasks->direct[pid];
	else
		task = g_hash_table_lookup(tasks->others, GINT_TO_POINTER(pid));
	return task && task->name[0] ? task->name : "<...>";
}

void tasks_foreach(const struct tasks *tasks,
		   void (*visit)(int32_t pid, const char *name, void *data), void *data)
{
	GHashTableIter others;
	gpointer pid, task;

	for (int32_t i = 0; i < tasks->count; i++)
		if (tasks->direct[i].name[0])
			visit(i, tasks->direct[i].name, data);
	g_hash_table_iter_init(&others, tasks->others);
	while (g_hash_table_iter_next(&others, &pid, &task))
		if (((struct task *)task)->name[0])
			visit(GPOINTER_TO_INT(pid), ((struct task *)task)->name, data);
}
