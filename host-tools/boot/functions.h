/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traced functions: how often each was called, how long it took, and from where
 * (the folded stacks of a flame graph).
 *
 * The stack of a task is kept from its entries and exits; what began before the
 * trace, or was lost, ends where a shallower call is seen.
 */
#ifndef HYPERTRACE_BOOT_FUNCTIONS_H
#define HYPERTRACE_BOOT_FUNCTIONS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "event.h"

/**
 * struct function_entry - one function
 */
struct function_entry {
	const char *name;	/* interned */
	uint64_t calls;
	int64_t total;
	int64_t self;
	int64_t max;
};

/**
 * struct function_node - a function as called by those above it
 * @name: interned
 * @self: ns in itself, or calls where there are no durations
 * @children: struct function_node *, in order of their first call
 */
struct function_node {
	const char *name;
	int64_t self;
	GPtrArray *children;
};

/**
 * struct function_summary - what was seen
 * @has_times: durations are known (function graph), else calls alone
 * @calls: altogether
 * @is_cut: some of the tree is summed up in nodes called "(other)"
 * @list: struct function_entry *, by time in itself, else by calls
 * @omitted: functions not in @list
 * @root: the tree
 */
struct function_summary {
	bool has_times;
	uint64_t calls;
	bool is_cut;
	GPtrArray *list;
	uint64_t omitted;
	struct function_node *root;
};

struct functions;

/** functions_new - begin. Return: to be freed with functions_free() */
struct functions *functions_new(void);

/** functions_free - free it; NULL is fine */
void functions_free(struct functions *functions);

/**
 * functions_enter - a function was entered
 * @functions: all of them
 * @stack: whose stack: the task's pid, or minus the CPU minus 2 for an idle task
 * @name: of the function
 * @depth: calls above it on this stack
 * @time: ns
 */
void functions_enter(struct functions *functions, int64_t stack, const char *name,
		     uint64_t depth, uint64_t time);

/** functions_leave - it was left; parameters as functions_enter() */
void functions_leave(struct functions *functions, int64_t stack, const char *name,
		     uint64_t depth, uint64_t time);

/** functions_call - a function was called, and nothing is known of its end */
void functions_call(struct functions *functions, const char *name, const char *caller);

/** functions_event - follow an event of the function tracers; those of other kinds are none */
void functions_event(struct functions *functions, const struct boot_event *event);

/** functions_is_empty - nothing was seen */
bool functions_is_empty(const struct functions *functions);

/** functions_take - what was seen so far. Return: to be freed with function_summary_free() */
struct function_summary *functions_take(const struct functions *functions);

/** function_summary_free - free it; NULL is fine */
void function_summary_free(struct function_summary *summary);

/** function_node_value - self of a node and all below */
int64_t function_node_value(const struct function_node *node);

/** function_summary_fold - write the tree as folded stacks: "a;b;c 123" lines, in ns or calls */
void function_summary_fold(const struct function_summary *summary, FILE *out);

#endif
