/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * More than one boot: percentiles over runs, the difference of two, the cost of
 * tracing, and limits that a boot must keep.
 */
#ifndef HYPERTRACE_BOOT_COMPARE_H
#define HYPERTRACE_BOOT_COMPARE_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdio.h>

#include "report.h"

/**
 * struct run_value - one value over runs
 * @name: id of a phase, or a total
 * @values: int64_t, sorted: ns of those runs that have it
 */
struct run_value {
	char *name;
	GArray *values;
};

/**
 * runs_make - collect phases and totals of several boots
 * @reports: struct report *
 * Return: struct run_value *[], to be freed with g_ptr_array_unref().
 */
GPtrArray *runs_make(const GPtrArray *reports);

/**
 * percentile - the nearest rank
 * @sorted: int64_t, at least one
 * @percent: 0 to 100
 * Return: the least value that so many percent of all are not above.
 */
int64_t percentile(const GArray *sorted, unsigned int percent);

/** runs_text - print what runs_make() gave */
void runs_text(const GPtrArray *reports, const GPtrArray *values, FILE *out);

/** runs_json - the same as JSON. Return: to be freed with json_node_unref() */
JsonNode *runs_json(const GPtrArray *reports, const GPtrArray *values);

/**
 * struct difference - of one thing
 * @name: of it
 * @a: ns in the first, %NO_TIME: it is not there
 * @b: in the second
 */
struct difference {
	char *name;
	int64_t a;
	int64_t b;
};

/** difference_delta - b - a, where what is missing is 0 */
int64_t difference_delta(const struct difference *difference);

/**
 * struct boot_diff - the difference of two boots
 * @phases: struct difference *, each list by size
 * @initcalls: by name, those of the same name together
 * @units: by name
 * @processes: time on CPUs by name
 * @has_cause: the boots differ by something on their chains
 * @cause_kind: of the first cause
 * @cause: its name
 * @cause_delta: ns
 * @cause_text: a sentence
 */
struct boot_diff {
	GPtrArray *phases;
	GPtrArray *initcalls;
	GPtrArray *units;
	GPtrArray *processes;
	bool has_cause;
	enum owner_kind cause_kind;
	char *cause;
	int64_t cause_delta;
	char *cause_text;
};

/** diff_make - compare two boots. Return: to be freed with diff_free() */
struct boot_diff *diff_make(const struct report *a, const struct report *b);

/** diff_free - free it; NULL is fine */
void diff_free(struct boot_diff *diff);

/** diff_text - print it, @top lines of each list */
void diff_text(const struct boot_diff *diff, const struct report *a, const struct report *b,
	       unsigned int top, FILE *out);

/** diff_json - the same as JSON. Return: to be freed with json_node_unref() */
JsonNode *diff_json(const struct boot_diff *diff, const struct report *a, const struct report *b);

/**
 * control_make - what can be seen without tracing, with and without it
 * @traced: a boot
 * @control: the same with tracing off
 * Return: struct difference *[], in order of time, to be freed with
 * g_ptr_array_unref(): @a is the control's time since its begin.
 */
GPtrArray *control_make(const struct report *traced, const struct report *control);

/** control_text - print it */
void control_text(const GPtrArray *differences, FILE *out);

/** control_json - the same as JSON. Return: to be freed with json_node_unref() */
JsonNode *control_json(const GPtrArray *differences, const struct report *traced,
		       const struct report *control);

/**
 * struct limit - a condition that a boot must not meet: "kernel > 300ms"
 * @text: as given
 * @name: what is looked at
 * @is_greater: > or >=, else < or <=
 * @is_equal: >= or <=
 * @value: ns
 */
struct limit {
	char *text;
	char *name;
	bool is_greater;
	bool is_equal;
	int64_t value;
};

/**
 * limit_parse - understand --fail-if
 * @text: see hypertrace-boot(1)
 * @error: %HT_ERROR_USAGE
 * Return: to be freed with limit_free(), or NULL.
 */
struct limit *limit_parse(const char *text, GError **error);

/** limit_free - free it; NULL is fine */
void limit_free(struct limit *limit);

/**
 * limit_check - see whether a boot meets it
 * @limit: the condition
 * @report: the boot
 * @out: a sentence, to be freed with g_free(); written if it does
 * Return: true if it does, or if the value is not known: then nobody can say
 * that the boot is good.
 */
bool limit_check(const struct limit *limit, const struct report *report, char **out);

#endif
