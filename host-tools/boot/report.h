/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot report as data: what the model (model.h) finds out and the renderers
 * show. The members are those of docs/specs/boot-report.md, which says what they
 * mean; times are ns since @origin.
 */
#ifndef HYPERTRACE_BOOT_REPORT_H
#define HYPERTRACE_BOOT_REPORT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "functions.h"
#include "source.h"

/* A time that is not known. */
#define NO_TIME		INT64_MIN

/**
 * enum state - what a task, or the whole guest, does
 */
enum state {
	STATE_RUNNING,
	STATE_RUNNABLE,
	STATE_DISK,
	STATE_DEVICE,
	STATE_TIMER,
	STATE_TASK,
	STATE_UNKNOWN,
	STATE_VMM,
	STATE_FIRMWARE,
	STATE_COUNT,
};

/* States of a task, without those that a chain has before there are tasks. */
#define TASK_STATES	(STATE_UNKNOWN + 1)

/** state_word - the word for a state in reports */
const char *state_word(enum state state);

/**
 * struct wall_split - where the time of the whole guest went; see the spec
 */
struct wall_split {
	int64_t running;
	int64_t disk;
	int64_t device;
	int64_t timer;
	int64_t task;
	int64_t idle;
	int64_t unknown;
};

/**
 * struct cpu_split - where the time of the vCPUs went
 */
struct cpu_split {
	int64_t task;
	int64_t irq;
	int64_t idle;
	int64_t unknown;
};

struct phase {
	const char *id;
	const char *name;
	const char *group;
	int64_t start;
	int64_t end;
	bool is_seen;
	const char *merged_into;
	char *reason;
	struct wall_split wall;
	struct cpu_split cpu;
	int64_t chain[STATE_COUNT];
	int64_t runnable;
};

struct initcall {
	char *function;
	char *level;
	int64_t start;
	int64_t end;		/* NO_TIME: not seen to end */
	bool has_return;
	int64_t value;
	int32_t pid;
	char *comm;
	int64_t states[TASK_STATES];
	bool is_on_chain;
};

struct process {
	int32_t pid;
	char *comm;
	char *exec;
	int32_t parent;		/* -1: not known */
	int64_t start;
	int64_t end;
	int64_t states[TASK_STATES];
	char *unit;
	bool is_kernel;
	bool is_on_chain;
};

struct unit {
	char *name;
	char *description;
	int64_t start;
	int64_t active;
	int64_t end;
	const char *result;
	int64_t cpu;
	bool is_from_log;
	bool is_on_chain;
};

/* States of a vCPU, as in the spec. */
enum slice_state { SLICE_IDLE, SLICE_TASK, SLICE_IRQ };

struct slice {
	int64_t start;
	int64_t end;
	uint8_t state;
	int32_t task;		/* index into vcpu.tasks, -1: none */
};

struct vcpu_task {
	int32_t pid;
	char *comm;
};

struct vcpu {
	uint32_t cpu;
	int64_t resolution;
	struct cpu_split split;
	GArray *tasks;		/* struct vcpu_task */
	GArray *slices;		/* struct slice */
};

enum owner_kind { OWNER_PHASE, OWNER_INITCALL, OWNER_UNIT, OWNER_PROCESS };

struct link {
	int64_t start;
	int64_t end;
	enum state state;
	int32_t pid;		/* -1: none */
	char *comm;
	enum owner_kind owner_kind;
	char *owner;
	char *detail;
};

struct cause {
	enum owner_kind owner_kind;
	char *owner;
	enum state state;
	int64_t duration;
	int64_t start;
	int64_t end;
	char *text;
};

struct mark {
	int64_t time;
	const char *kind;
	char *name;
	char *text;
	int64_t port;		/* -1: none */
	int64_t value;
};

struct total {
	const char *name;
	int64_t value;		/* NO_TIME: not known */
};

/**
 * struct span - the boot, or the shutdown
 */
struct span {
	int64_t start;
	int64_t end;
	GArray *phases;		/* struct phase */
	GArray *totals;		/* struct total */
	GPtrArray *initcalls;	/* struct initcall * */
	GPtrArray *processes;	/* struct process * */
	GPtrArray *units;	/* struct unit * */
	GPtrArray *vcpus;	/* struct vcpu * */
	GPtrArray *chain;	/* struct link * */
	GPtrArray *causes;	/* struct cause * */
	GPtrArray *marks;	/* struct mark * */
	uint64_t processes_omitted;
	uint64_t units_omitted;
	uint64_t initcalls_omitted;
	uint64_t marks_omitted;
	struct function_summary *functions;	/* NULL: none traced */
};

struct report {
	char *input;
	struct boot_source_info *source;
	uint32_t vcpu_count;
	uint64_t origin;	/* host CLOCK_MONOTONIC */
	uint64_t events;
	int64_t first_event;
	int64_t last_event;
	uint64_t lost_events;
	bool has_unknown_loss;
	GHashTable *systems;	/* char * -> uint64_t *: events of each */
	char *marker_name;
	char *marker_what;
	int64_t marker_time;
	bool is_marker_found;
	struct span *boot;
	struct span *shutdown;	/* NULL: none seen */
	GPtrArray *warnings;	/* char * */
};

/** report_initcall_free - free a struct initcall */
void report_initcall_free(void *initcall);

/** report_mark_free - free a struct mark */
void report_mark_free(void *mark);

/** span_new - an empty span. Return: to be freed with span_free() */
struct span *span_new(int64_t start, int64_t end);

/** span_free - free a span; NULL is fine */
void span_free(struct span *span);

/** report_free - free a report; NULL is fine */
void report_free(struct report *report);

/** owner_word - the word for a kind of owner in reports */
const char *owner_word(enum owner_kind kind);

/** unit_type - the type in a unit's name: "service" of "foo.service", "" if there is none */
const char *unit_type(const char *name);

/** span_total - a total by name; NO_TIME if there is none or it is not known */
int64_t span_total(const struct span *span, const char *name);

/** span_phase - a phase by id; NULL if there is none */
const struct phase *span_phase(const struct span *span, const char *id);

/** report_time - a duration for people: "12.345 ms". Return: to be freed with g_free() */
char *report_time(int64_t ns);

#endif
