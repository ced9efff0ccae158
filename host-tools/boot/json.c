// SPDX-License-Identifier: GPL-2.0-only
/* The boot report as JSON; see render.h and docs/specs/boot-report.md. */
#include "render.h"

#include <string.h>

#include "decode/clean.h"

#define FORMAT_VERSION	1

char *render_clean(const char *text)
{
	char *valid = g_utf8_make_valid(text, -1);

	clean_text(valid, strlen(valid));
	return valid;
}

static void add_text(JsonBuilder *json, const char *name, const char *text)
{
	g_autofree char *clean = text ? render_clean(text) : NULL;

	json_builder_set_member_name(json, name);
	if (clean)
		json_builder_add_string_value(json, clean);
	else
		json_builder_add_null_value(json);
}

static void add_number(JsonBuilder *json, const char *name, int64_t value)
{
	json_builder_set_member_name(json, name);
	json_builder_add_int_value(json, value);
}

/* A time, or null. */
static void add_time(JsonBuilder *json, const char *name, int64_t value)
{
	json_builder_set_member_name(json, name);
	if (value == NO_TIME)
		json_builder_add_null_value(json);
	else
		json_builder_add_int_value(json, value);
}

static void add_bool(JsonBuilder *json, const char *name, bool value)
{
	json_builder_set_member_name(json, name);
	json_builder_add_boolean_value(json, value);
}

static void begin_object(JsonBuilder *json, const char *name)
{
	if (name)
		json_builder_set_member_name(json, name);
	json_builder_begin_object(json);
}

static void begin_array(JsonBuilder *json, const char *name)
{
	json_builder_set_member_name(json, name);
	json_builder_begin_array(json);
}

static void add_omitted(JsonBuilder *json, const char *name, uint64_t count)
{
	g_autofree char *member = g_strdup_printf("%s_omitted", name);

	if (count)
		add_number(json, member, count);
}

static void add_states(JsonBuilder *json, const char *name, const int64_t *states)
{
	begin_object(json, name);
	for (int i = 0; i < TASK_STATES; i++) {
		g_autofree char *member = g_strdup_printf("%s_ns", state_word(i));

		add_number(json, member, states[i]);
	}
	json_builder_end_object(json);
}

static void add_meta(JsonBuilder *json, const struct report *report)
{
	const struct boot_source_info *source = report->source;
	g_autoptr(GList) systems = g_list_sort(g_hash_table_get_keys(report->systems),
					       (GCompareFunc)strcmp);

	begin_object(json, "meta");
	add_text(json, "tool", "hypertrace " HYPERTRACE_VERSION);
	add_text(json, "input", report->input);
	add_text(json, "kind", source->kind);
	add_text(json, "vm", source->vm ? source->vm : "");
	add_text(json, "vmm", source->vmm);
	add_text(json, "uuid", source->uuid);
	add_number(json, "epoch", source->epoch);
	begin_array(json, "epochs");
	for (guint i = 0; i < source->epochs->len; i++)
		json_builder_add_int_value(json, g_array_index(source->epochs, uint32_t, i));
	json_builder_end_array(json);
	add_text(json, "kernel", source->kernel);
	add_text(json, "command_line", source->command_line);
	add_number(json, "vcpus", report->vcpu_count);
	add_number(json, "origin_ns", report->origin);
	add_time(json, "origin_real_ns", source->has_real ?
		 (int64_t)report->origin + source->real_offset : NO_TIME);
	add_number(json, "events", report->events);
	add_time(json, "first_event", report->first_event);
	add_time(json, "last_event", report->last_event);
	add_number(json, "lost_events", report->lost_events);
	add_bool(json, "has_unknown_loss", report->has_unknown_loss);
	add_time(json, "clock_error_ns", source->clock_error_ns < 0 ? NO_TIME :
		 source->clock_error_ns);
	add_text(json, "end_reason", source->end_reason);
	add_text(json, "end_text", source->end_text);
	begin_object(json, "sources");
	for (GList *at = systems; at; at = at->next) {
		g_autofree char *name = render_clean(at->data);

		add_number(json, name, *(uint64_t *)g_hash_table_lookup(report->systems,
									at->data));
	}
	json_builder_end_object(json);
	begin_object(json, "marker");
	add_text(json, "name", report->marker_name);
	add_text(json, "what", report->marker_what);
	add_time(json, "time", report->marker_time);
	add_bool(json, "is_found", report->is_marker_found);
	json_builder_end_object(json);
	json_builder_end_object(json);
}

static void add_phase(JsonBuilder *json, const struct phase *phase)
{
	begin_object(json, NULL);
	add_text(json, "id", phase->id);
	add_text(json, "name", phase->name);
	add_text(json, "group", phase->group);
	add_time(json, "start", phase->start);
	add_time(json, "end", phase->end);
	add_number(json, "duration_ns", phase->end - phase->start);
	add_bool(json, "is_seen", phase->is_seen);
	add_text(json, "merged_into", phase->merged_into);
	add_text(json, "reason", phase->reason);
	begin_object(json, "wall");
	add_number(json, "running_ns", phase->wall.running);
	add_number(json, "disk_ns", phase->wall.disk);
	add_number(json, "device_ns", phase->wall.device);
	add_number(json, "timer_ns", phase->wall.timer);
	add_number(json, "task_ns", phase->wall.task);
	add_number(json, "idle_ns", phase->wall.idle);
	add_number(json, "unknown_ns", phase->wall.unknown);
	json_builder_end_object(json);
	begin_object(json, "cpu");
	add_number(json, "task_ns", phase->cpu.task);
	add_number(json, "irq_ns", phase->cpu.irq);
	add_number(json, "idle_ns", phase->cpu.idle);
	add_number(json, "unknown_ns", phase->cpu.unknown);
	json_builder_end_object(json);
	begin_object(json, "chain");
	for (int i = 0; i < STATE_COUNT; i++) {
		g_autofree char *member = g_strdup_printf("%s_ns", state_word(i));

		add_number(json, member, phase->chain[i]);
	}
	json_builder_end_object(json);
	add_number(json, "runnable_ns", phase->runnable);
	json_builder_end_object(json);
}

static void add_initcall(JsonBuilder *json, const struct initcall *initcall)
{
	int64_t wait = 0;

	for (int i = STATE_RUNNING + 1; i < TASK_STATES; i++)
		wait += initcall->states[i];
	begin_object(json, NULL);
	add_text(json, "function", initcall->function);
	add_text(json, "level", initcall->level);
	add_time(json, "start", initcall->start);
	add_time(json, "end", initcall->end);
	add_time(json, "duration_ns", initcall->end == NO_TIME ? NO_TIME :
		 initcall->end - initcall->start);
	add_time(json, "return", initcall->has_return ? initcall->value : NO_TIME);
	add_number(json, "pid", initcall->pid);
	add_text(json, "comm", initcall->comm);
	add_number(json, "run_ns", initcall->states[STATE_RUNNING]);
	add_number(json, "wait_ns", wait);
	add_states(json, "states", initcall->states);
	add_bool(json, "is_on_chain", initcall->is_on_chain);
	json_builder_end_object(json);
}

static void add_process(JsonBuilder *json, const struct process *process)
{
	const int64_t *states = process->states;

	begin_object(json, NULL);
	add_number(json, "pid", process->pid);
	add_text(json, "comm", process->comm);
	add_text(json, "exec", process->exec);
	add_time(json, "parent", process->parent < 0 ? NO_TIME : process->parent);
	add_time(json, "start", process->start);
	add_time(json, "end", process->end);
	add_number(json, "cpu_ns", states[STATE_RUNNING]);
	add_number(json, "runnable_ns", states[STATE_RUNNABLE]);
	begin_object(json, "waits");
	add_number(json, "disk_ns", states[STATE_DISK]);
	add_number(json, "device_ns", states[STATE_DEVICE]);
	add_number(json, "timer_ns", states[STATE_TIMER]);
	add_number(json, "task_ns", states[STATE_TASK]);
	add_number(json, "other_ns", states[STATE_UNKNOWN]);
	json_builder_end_object(json);
	add_text(json, "unit", process->unit);
	add_bool(json, "is_kernel", process->is_kernel);
	add_bool(json, "is_on_chain", process->is_on_chain);
	json_builder_end_object(json);
}

static void add_unit(JsonBuilder *json, const struct unit *unit)
{
	begin_object(json, NULL);
	add_text(json, "name", unit->name);
	add_text(json, "type", unit_type(unit->name));
	add_text(json, "description", unit->description);
	add_time(json, "start", unit->start);
	add_time(json, "active", unit->active);
	add_time(json, "end", unit->end);
	add_time(json, "duration_ns", unit->active == NO_TIME ? NO_TIME :
		 unit->active - unit->start);
	add_text(json, "result", unit->result);
	add_number(json, "cpu_ns", unit->cpu);
	add_text(json, "source", unit->is_from_log ? "log" : "cgroup");
	add_bool(json, "is_on_chain", unit->is_on_chain);
	json_builder_end_object(json);
}

static void add_vcpu(JsonBuilder *json, const struct vcpu *vcpu)
{
	begin_object(json, NULL);
	add_number(json, "cpu", vcpu->cpu);
	add_number(json, "resolution_ns", vcpu->resolution);
	add_number(json, "run_ns", vcpu->split.task);
	add_number(json, "irq_ns", vcpu->split.irq);
	add_number(json, "idle_ns", vcpu->split.idle);
	add_number(json, "unknown_ns", vcpu->split.unknown);
	begin_array(json, "tasks");
	for (guint i = 0; i < vcpu->tasks->len; i++) {
		const struct vcpu_task *task = &g_array_index(vcpu->tasks, struct vcpu_task, i);

		begin_object(json, NULL);
		add_number(json, "pid", task->pid);
		add_text(json, "comm", task->comm);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
	begin_array(json, "slices");
	for (guint i = 0; i < vcpu->slices->len; i++) {
		const struct slice *slice = &g_array_index(vcpu->slices, struct slice, i);

		json_builder_begin_array(json);
		json_builder_add_int_value(json, slice->start);
		json_builder_add_int_value(json, slice->end);
		json_builder_add_int_value(json, slice->state);
		json_builder_add_int_value(json, slice->task);
		json_builder_end_array(json);
	}
	json_builder_end_array(json);
	json_builder_end_object(json);
}

static void add_owner(JsonBuilder *json, enum owner_kind kind, const char *name)
{
	begin_object(json, "owner");
	add_text(json, "kind", owner_word(kind));
	add_text(json, "name", name);
	json_builder_end_object(json);
}

static void add_link(JsonBuilder *json, const struct link *link)
{
	begin_object(json, NULL);
	add_time(json, "start", link->start);
	add_time(json, "end", link->end);
	add_text(json, "state", state_word(link->state));
	add_time(json, "pid", link->pid < 0 ? NO_TIME : link->pid);
	add_text(json, "comm", link->comm);
	add_owner(json, link->owner_kind, link->owner);
	add_text(json, "detail", link->detail);
	json_builder_end_object(json);
}

static void add_cause(JsonBuilder *json, const struct cause *cause)
{
	begin_object(json, NULL);
	add_owner(json, cause->owner_kind, cause->owner);
	add_text(json, "state", state_word(cause->state));
	add_number(json, "duration_ns", cause->duration);
	add_time(json, "start", cause->start);
	add_time(json, "end", cause->end);
	add_text(json, "text", cause->text);
	json_builder_end_object(json);
}

static void add_mark(JsonBuilder *json, const struct mark *mark)
{
	begin_object(json, NULL);
	add_time(json, "time", mark->time);
	add_text(json, "kind", mark->kind);
	add_text(json, "name", mark->name);
	add_text(json, "text", mark->text);
	add_time(json, "port", mark->port < 0 ? NO_TIME : mark->port);
	add_time(json, "value", mark->port < 0 ? NO_TIME : mark->value);
	json_builder_end_object(json);
}

/* As deep as a stack of functions.c at most. */
static void add_node(JsonBuilder *json, const char *member, const struct function_node *node)
{
	begin_object(json, member);
	add_text(json, "name", node->name);
	add_number(json, "value", function_node_value(node));
	if (node->children->len) {
		begin_array(json, "children");
		for (guint i = 0; i < node->children->len; i++)
			add_node(json, NULL, g_ptr_array_index(node->children, i));
		json_builder_end_array(json);
	}
	json_builder_end_object(json);
}

static void add_functions(JsonBuilder *json, const struct function_summary *functions)
{
	if (!functions) {
		json_builder_set_member_name(json, "functions");
		json_builder_add_null_value(json);
		return;
	}
	begin_object(json, "functions");
	add_text(json, "kind", functions->has_times ? "graph" : "count");
	add_number(json, "calls", functions->calls);
	add_bool(json, "has_overrun", functions->is_cut);
	begin_array(json, "list");
	for (guint i = 0; i < functions->list->len; i++) {
		const struct function_entry *entry = g_ptr_array_index(functions->list, i);

		begin_object(json, NULL);
		add_text(json, "name", entry->name);
		add_number(json, "calls", entry->calls);
		add_time(json, "total_ns", functions->has_times ? entry->total : NO_TIME);
		add_time(json, "self_ns", functions->has_times ? entry->self : NO_TIME);
		add_time(json, "max_ns", functions->has_times ? entry->max : NO_TIME);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
	add_omitted(json, "list", functions->omitted);
	add_node(json, "tree", functions->root);
	json_builder_end_object(json);
}

#define ADD_LIST(json, span, member, function)						\
	do {										\
		begin_array(json, #member);						\
		for (guint i = 0; i < (span)->member->len; i++)				\
			function(json, g_ptr_array_index((span)->member, i));		\
		json_builder_end_array(json);						\
	} while (0)

static void add_span(JsonBuilder *json, const char *name, const struct span *span)
{
	if (!span) {
		json_builder_set_member_name(json, name);
		json_builder_add_null_value(json);
		return;
	}
	begin_object(json, name);
	add_time(json, "start", span->start);
	add_time(json, "end", span->end);
	add_number(json, "duration_ns", span->end - span->start);
	begin_array(json, "phases");
	for (guint i = 0; i < span->phases->len; i++)
		add_phase(json, &g_array_index(span->phases, struct phase, i));
	json_builder_end_array(json);
	begin_object(json, "totals");
	for (guint i = 0; i < span->totals->len; i++) {
		const struct total *total = &g_array_index(span->totals, struct total, i);

		add_time(json, total->name, total->value);
	}
	json_builder_end_object(json);
	ADD_LIST(json, span, initcalls, add_initcall);
	add_omitted(json, "initcalls", span->initcalls_omitted);
	ADD_LIST(json, span, processes, add_process);
	add_omitted(json, "processes", span->processes_omitted);
	ADD_LIST(json, span, units, add_unit);
	ADD_LIST(json, span, vcpus, add_vcpu);
	ADD_LIST(json, span, chain, add_link);
	ADD_LIST(json, span, causes, add_cause);
	ADD_LIST(json, span, marks, add_mark);
	add_omitted(json, "marks", span->marks_omitted);
	add_functions(json, span->functions);
	json_builder_end_object(json);
}

JsonNode *render_json(const struct report *report)
{
	JsonBuilder *json = json_builder_new();
	JsonNode *root;

	json_builder_begin_object(json);
	add_text(json, "format", "hypertrace-boot");
	add_number(json, "version", FORMAT_VERSION);
	add_meta(json, report);
	add_span(json, "boot", report->boot);
	add_span(json, "shutdown", report->shutdown);
	begin_array(json, "warnings");
	for (guint i = 0; i < report->warnings->len; i++) {
		g_autofree char *text = render_clean(g_ptr_array_index(report->warnings, i));

		json_builder_add_string_value(json, text);
	}
	json_builder_end_array(json);
	json_builder_end_object(json);
	root = json_builder_get_root(json);
	g_object_unref(json);
	return root;
}

char *render_json_text(JsonNode *root, gboolean is_pretty)
{
	char *text = json_to_string(root, is_pretty);
	char *line = g_strconcat(text, "\n", NULL);

	g_free(text);
	return line;
}
