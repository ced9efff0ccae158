// SPDX-License-Identifier: GPL-2.0-only
/* Making, freeing and asking a boot report; see report.h. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

const char *state_word(enum state state)
{
	static const char *const words[STATE_COUNT] = {
		[STATE_RUNNING] = "running", [STATE_RUNNABLE] = "runnable",
		[STATE_DISK] = "disk", [STATE_DEVICE] = "device", [STATE_TIMER] = "timer",
		[STATE_TASK] = "task", [STATE_UNKNOWN] = "unknown", [STATE_VMM] = "vmm",
		[STATE_FIRMWARE] = "firmware",
	};

	return words[state];
}

const char *owner_word(enum owner_kind kind)
{
	static const char *const words[] = {
		[OWNER_PHASE] = "phase", [OWNER_INITCALL] = "initcall", [OWNER_UNIT] = "unit",
		[OWNER_PROCESS] = "process",
	};

	return words[kind];
}

const char *unit_type(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : "";
}

char *report_time(int64_t ns)
{
	const char *sign = ns < 0 ? "-" : "";
	double value = llabs(ns);

	if (value < 1e3)
		return g_strdup_printf("%s%.0f ns", sign, value);
	if (value < 1e6)
		return g_strdup_printf("%s%.1f us", sign, value / 1e3);
	if (value < 1e10)
		return g_strdup_printf("%s%.1f ms", sign, value / 1e6);
	return g_strdup_printf("%s%.2f s", sign, value / 1e9);
}

static void phase_clear(void *data)
{
	struct phase *phase = data;

	g_free(phase->reason);
}

void report_initcall_free(void *data)
{
	struct initcall *initcall = data;

	g_free(initcall->function);
	g_free(initcall->level);
	g_free(initcall->comm);
	g_free(initcall);
}

static void process_free(void *data)
{
	struct process *process = data;

	g_free(process->comm);
	g_free(process->exec);
	g_free(process->unit);
	g_free(process);
}

static void unit_free(void *data)
{
	struct unit *unit = data;

	g_free(unit->name);
	g_free(unit->description);
	g_free(unit);
}

static void vcpu_free(void *data)
{
	struct vcpu *vcpu = data;

	for (guint i = 0; i < vcpu->tasks->len; i++)
		g_free(g_array_index(vcpu->tasks, struct vcpu_task, i).comm);
	g_array_unref(vcpu->tasks);
	g_array_unref(vcpu->slices);
	g_free(vcpu);
}

static void link_free(void *data)
{
	struct link *link = data;

	g_free(link->comm);
	g_free(link->owner);
	g_free(link->detail);
	g_free(link);
}

static void cause_free(void *data)
{
	struct cause *cause = data;

	g_free(cause->owner);
	g_free(cause->text);
	g_free(cause);
}

void report_mark_free(void *data)
{
	struct mark *mark = data;

	g_free(mark->name);
	g_free(mark->text);
	g_free(mark);
}

struct span *span_new(int64_t start, int64_t end)
{
	struct span *span = g_new0(struct span, 1);

	span->start = start;
	span->end = end;
	span->phases = g_array_new(FALSE, TRUE, sizeof(struct phase));
	g_array_set_clear_func(span->phases, phase_clear);
	span->totals = g_array_new(FALSE, TRUE, sizeof(struct total));
	span->initcalls = g_ptr_array_new_with_free_func(report_initcall_free);
	span->processes = g_ptr_array_new_with_free_func(process_free);
	span->units = g_ptr_array_new_with_free_func(unit_free);
	span->vcpus = g_ptr_array_new_with_free_func(vcpu_free);
	span->chain = g_ptr_array_new_with_free_func(link_free);
	span->causes = g_ptr_array_new_with_free_func(cause_free);
	span->marks = g_ptr_array_new_with_free_func(report_mark_free);
	return span;
}

void span_free(struct span *span)
{
	if (!span)
		return;
	g_array_unref(span->phases);
	g_array_unref(span->totals);
	g_ptr_array_unref(span->initcalls);
	g_ptr_array_unref(span->processes);
	g_ptr_array_unref(span->units);
	g_ptr_array_unref(span->vcpus);
	g_ptr_array_unref(span->chain);
	g_ptr_array_unref(span->causes);
	g_ptr_array_unref(span->marks);
	function_summary_free(span->functions);
	g_free(span);
}

void report_free(struct report *report)
{
	if (!report)
		return;
	g_free(report->input);
	boot_source_info_free(report->source);
	g_hash_table_unref(report->systems);
	g_free(report->marker_name);
	g_free(report->marker_what);
	span_free(report->boot);
	span_free(report->shutdown);
	g_ptr_array_unref(report->warnings);
	g_free(report);
}

int64_t span_total(const struct span *span, const char *name)
{
	for (guint i = 0; i < span->totals->len; i++) {
		const struct total *total = &g_array_index(span->totals, struct total, i);

		if (!strcmp(total->name, name))
			return total->value;
	}
	return NO_TIME;
}

const struct phase *span_phase(const struct span *span, const char *id)
{
	for (guint i = 0; i < span->phases->len; i++) {
		const struct phase *phase = &g_array_index(span->phases, struct phase, i);

		if (!strcmp(phase->id, id))
			return phase;
	}
	return NULL;
}
