/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names of a guest's tasks: what its list of tasks said, corrected by the
 * events that name a task while they go by.
 */
#ifndef HYPERTRACE_DECODE_TASKS_H
#define HYPERTRACE_DECODE_TASKS_H

#include <stddef.h>
#include <stdint.h>

#define TASK_NAME_SIZE	16	/* with the NUL, as in the kernel */

struct tasks;

/** tasks_new - an empty list. Return: the list, to be freed with tasks_free(). */
struct tasks *tasks_new(void);

/** tasks_free - free a list; NULL is fine */
void tasks_free(struct tasks *tasks);

/**
 * tasks_add - add the lines of a text as in saved_cmdlines: "PID NAME"
 * @tasks: the list
 * @text: the text
 * @size: bytes of it
 */
void tasks_add(struct tasks *tasks, const char *text, size_t size);

/**
 * tasks_set - a task has this name from now on
 * @tasks: the list
 * @pid: of the task (the kernel's pid, user space's tid)
 * @name: need not end with a NUL; control characters become '?' (clean_text())
 * @size: bytes of it
 */
void tasks_set(struct tasks *tasks, int32_t pid, const char *name, size_t size);

/**
 * tasks_get - a task's name
 * @tasks: the list
 * @pid: of the task
 * Return: the name, until the list changes; "<...>" if it is not known.
 */
const char *tasks_get(const struct tasks *tasks, int32_t pid);

/**
 * tasks_foreach - all tasks that have a name, in no order
 * @tasks: the list
 * @visit: called for each; must not change the list
 * @data: for @visit
 */
void tasks_foreach(const struct tasks *tasks,
		   void (*visit)(int32_t pid, const char *name, void *data), void *data);

#endif
