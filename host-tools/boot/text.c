// SPDX-License-Identifier: GPL-2.0-only
/* The boot report as text for a terminal; see render.h. */
#include "render.h"

#include <string.h>

#define BAR_WIDTH	24

static void print_header(const struct report *report, FILE *out)
{
	const struct boot_source_info *source = report->source;
	g_autofree char *vm = render_clean(source->vm ? source->vm : "");
	g_autofree char *kernel = render_clean(source->kernel ? source->kernel : "unknown kernel");
	g_autofree char *total = report_time(report->boot->end - report->boot->start);
	g_autofree char *what = render_clean(report->marker_what);

	fprintf(out, "Boot of %s: %s", vm, total);
	if (source->epochs->len > 1)
		fprintf(out, " (epoch %u)", source->epoch);
	fprintf(out, "\n  %s, %u vCPU%s, %s\n", kernel, report->vcpu_count,
		report->vcpu_count == 1 ? "" : "s", source->vmm ? source->vmm : "unknown VMM");
	fprintf(out, "  until %s; %" G_GUINT64_FORMAT " events, %s%" G_GUINT64_FORMAT " lost",
		what, report->events, report->has_unknown_loss ? "more than " : "",
		report->lost_events);
	if (source->clock_error_ns >= 0) {
		g_autofree char *error = report_time(source->clock_error_ns);

		fprintf(out, "; clocks known to +-%s", error);
	}
	fputc('\n', out);
}

static void print_bar(int64_t part, int64_t whole, FILE *out)
{
	int length = whole > 0 ? (int)((part * BAR_WIDTH + whole / 2) / whole) : 0;

	for (int i = 0; i < length; i++)
		fputc('#', out);
}

/* The largest part of the time that was not spent running. */
static void print_waits(const struct phase *phase, FILE *out)
{
	const struct { int64_t value; const char *word; } waits[] = {
		{ phase->wall.disk, "waiting for disk" }, { phase->wall.device, "for device" },
		{ phase->wall.timer, "for timer" }, { phase->wall.task, "for task" },
		{ phase->wall.idle, "idle" },
	};
	int64_t duration = phase->end - phase->start;
	const char *comma = "  ";

	if (duration <= 0 || phase->wall.unknown == duration)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(waits); i++) {
		if (waits[i].value * 100 < duration)
			continue;
		fprintf(out, "%s%s %" G_GINT64_FORMAT "%%", comma, waits[i].word,
			(gint64)(waits[i].value * 100 / duration));
		comma = ", ";
	}
}

static void print_phases(const struct span *span, FILE *out)
{
	int64_t whole = span->end - span->start;

	fprintf(out, "\n%-32s %12s %12s\n", "Phase", "begin", "duration");
	for (guint i = 0; i < span->phases->len; i++) {
		const struct phase *phase = &g_array_index(span->phases, struct phase, i);
		g_autofree char *start = report_time(phase->start);
		g_autofree char *duration = report_time(phase->end - phase->start);

		if (!phase->is_seen) {
			fprintf(out, "%-32s %12s %12s  in %s: %s\n", phase->name, "-", "-",
				phase->merged_into, phase->reason ? phase->reason : "");
			continue;
		}
		fprintf(out, "%-32s %12s %12s  ", phase->name, start, duration);
		print_bar(phase->end - phase->start, whole, out);
		print_waits(phase, out);
		fputc('\n', out);
	}
	for (guint i = 0; i < span->totals->len; i++) {
		const struct total *total = &g_array_index(span->totals, struct total, i);
		g_autofree char *time = total->value == NO_TIME ? g_strdup("not known") :
								  report_time(total->value);

		fprintf(out, "%s%s %s", i ? ", " : "  = ", total->name, time);
	}
	fputc('\n', out);
}

static void print_causes(const struct span *span, unsigned int top, FILE *out)
{
	if (!span->causes->len)
		return;
	fputs("\nWhat the critical chain went to\n", out);
	for (guint i = 0; i < span->causes->len && i < top; i++) {
		const struct cause *cause = g_ptr_array_index(span->causes, i);
		g_autofree char *text = render_clean(cause->text);
		g_autofree char *start = report_time(cause->start);

		fprintf(out, "%s %s (longest from %s on)\n", i ? "              " : "  First cause:",
			text, start);
	}
}

/* The longest of a list, by a duration that @duration gives. */
static GPtrArray *longest(const GPtrArray *list, int64_t (*duration)(const void *))
{
	GPtrArray *sorted = g_ptr_array_new();

	for (guint i = 0; i < list->len; i++) {
		void *entry = g_ptr_array_index(list, i);
		int64_t time = duration(entry);
		guint at = sorted->len;

		if (time <= 0)
			continue;
		while (at > 0 && duration(g_ptr_array_index(sorted, at - 1)) < time)
			at--;
		g_ptr_array_insert(sorted, at, entry);
		/* more than anybody reads */
		if (sorted->len > 1000)
			g_ptr_array_set_size(sorted, 1000);
	}
	return sorted;
}

static int64_t initcall_duration(const void *entry)
{
	const struct initcall *initcall = entry;

	return initcall->end == NO_TIME ? 0 : initcall->end - initcall->start;
}

static int64_t process_cpu(const void *entry)
{
	return ((const struct process *)entry)->states[STATE_RUNNING];
}

static int64_t unit_duration(const void *entry)
{
	const struct unit *unit = entry;

	if (unit->active != NO_TIME)
		return unit->active - unit->start;
	return unit->end != NO_TIME ? unit->end - unit->start : 0;
}

static void print_initcalls(const struct span *span, unsigned int top, FILE *out)
{
	g_autoptr(GPtrArray) list = longest(span->initcalls, initcall_duration);

	if (!list->len)
		return;
	fprintf(out, "\nLongest of %u initcalls %24s %12s %12s\n", span->initcalls->len, "duration",
		"running", "level");
	for (guint i = 0; i < list->len && i < top; i++) {
		const struct initcall *initcall = g_ptr_array_index(list, i);
		g_autofree char *name = render_clean(initcall->function);
		g_autofree char *level = render_clean(initcall->level ? initcall->level : "");
		g_autofree char *time = report_time(initcall_duration(initcall));
		g_autofree char *run = report_time(initcall->states[STATE_RUNNING]);

		fprintf(out, "  %c %-38s %12s %12s %12s\n", initcall->is_on_chain ? '*' : ' ', name,
			time, run, level);
	}
}

static void print_processes(const struct span *span, unsigned int top, FILE *out)
{
	g_autoptr(GPtrArray) list = longest(span->processes, process_cpu);

	if (!list->len)
		return;
	fprintf(out, "\nBusiest of %u processes %15s %12s %12s %12s\n", span->processes->len,
		"begin", "running", "runnable", "waiting");
	for (guint i = 0; i < list->len && i < top; i++) {
		const struct process *process = g_ptr_array_index(list, i);
		g_autofree char *name = render_clean(process->comm);
		g_autofree char *start = report_time(process->start);
		g_autofree char *run = report_time(process->states[STATE_RUNNING]);
		g_autofree char *runnable = report_time(process->states[STATE_RUNNABLE]);
		g_autofree char *wait = report_time(process->states[STATE_DISK] +
						    process->states[STATE_DEVICE] +
						    process->states[STATE_TIMER] +
						    process->states[STATE_TASK] +
						    process->states[STATE_UNKNOWN]);

		fprintf(out, "  %c %-16s %6d %12s %12s %12s %12s\n",
			process->is_on_chain ? '*' : ' ', name, process->pid, start, run, runnable,
			wait);
	}
}

static void print_units(const struct span *span, unsigned int top, FILE *out)
{
	g_autoptr(GPtrArray) list = longest(span->units, unit_duration);

	if (!list->len)
		return;
	fprintf(out, "\nLongest of %u units %28s %12s %12s\n", span->units->len, "begin", "duration",
		"running");
	for (guint i = 0; i < list->len && i < top; i++) {
		const struct unit *unit = g_ptr_array_index(list, i);
		g_autofree char *name = render_clean(unit->name);
		g_autofree char *start = report_time(unit->start);
		g_autofree char *time = report_time(unit_duration(unit));
		g_autofree char *cpu = report_time(unit->cpu);

		fprintf(out, "  %c %-38s %12s %12s %12s\n", unit->is_on_chain ? '*' : ' ', name, start,
			time, cpu);
	}
}

static void print_functions(const struct function_summary *functions, unsigned int top, FILE *out)
{
	if (!functions)
		return;
	fprintf(out, "\nFunctions: %" G_GUINT64_FORMAT " calls %24s %12s %12s\n", functions->calls,
		"calls", "total", "self");
	for (guint i = 0; i < functions->list->len && i < top; i++) {
		const struct function_entry *entry = g_ptr_array_index(functions->list, i);
		g_autofree char *name = render_clean(entry->name);
		g_autofree char *total = functions->has_times ? report_time(entry->total) :
								g_strdup("-");
		g_autofree char *self = functions->has_times ? report_time(entry->self) :
							       g_strdup("-");

		fprintf(out, "    %-38s %12" G_GUINT64_FORMAT " %12s %12s\n", name, entry->calls,
			total, self);
	}
}

static void print_vcpus(const struct span *span, FILE *out)
{
	int64_t whole = span->end - span->start;

	for (guint i = 0; i < span->vcpus->len && whole > 0; i++) {
		const struct vcpu *vcpu = g_ptr_array_index(span->vcpus, i);

		fprintf(out, "%s%u: task %.0f%%, irq %.0f%%, idle %.0f%%, unknown %.0f%%\n",
			i ? "     " : "\nvCPU ", vcpu->cpu, vcpu->split.task * 100.0 / whole,
			vcpu->split.irq * 100.0 / whole, vcpu->split.idle * 100.0 / whole,
			vcpu->split.unknown * 100.0 / whole);
		if (i == 15 && span->vcpus->len > 16) {
			fprintf(out, "     ... and %u more\n", span->vcpus->len - 16);
			break;
		}
	}
}

static void print_span(const struct span *span, unsigned int top, FILE *out)
{
	print_phases(span, out);
	print_causes(span, top, out);
	print_initcalls(span, top, out);
	print_units(span, top, out);
	print_processes(span, top, out);
	print_functions(span->functions, top, out);
	print_vcpus(span, out);
}

/* Why the guest ended, as its driver said it. */
static void print_end(const struct boot_source_info *source, FILE *out)
{
	g_autofree char *reason = render_clean(source->end_reason ? source->end_reason : "");
	g_autofree char *text = render_clean(source->end_text ? source->end_text : "");

	if (*reason)
		fprintf(out, " (%s%s%s)", reason, *text ? ": " : "", text);
	fputc('\n', out);
}

void render_text(const struct report *report, unsigned int top, FILE *out)
{
	print_header(report, out);
	print_span(report->boot, top, out);
	if (report->shutdown) {
		g_autofree char *total =
			report_time(report->shutdown->end - report->shutdown->start);

		fprintf(out, "\nShutdown: %s", total);
		print_end(report->source, out);
		print_span(report->shutdown, top, out);
	}
	fputs("\n* on the critical chain\n", out);
	for (guint i = 0; i < report->warnings->len; i++) {
		g_autofree char *text = render_clean(g_ptr_array_index(report->warnings, i));

		fprintf(out, "warning: %s\n", text);
	}
}
