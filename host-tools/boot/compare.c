// SPDX-License-Identifier: GPL-2.0-only
/* More than one boot; see compare.h. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "error.h"
#include "phases.h"
#include "render.h"

/* Values by name: totals, phases, and "KIND:NAME" of what has names of its own. */

static int64_t initcall_time(const struct initcall *initcall)
{
	return initcall->end == NO_TIME ? NO_TIME : initcall->end - initcall->start;
}

static int64_t unit_time(const struct unit *unit)
{
	return unit->active == NO_TIME ? NO_TIME : unit->active - unit->start;
}

static void add_time(GHashTable *table, const char *name, int64_t time)
{
	int64_t *sum;

	if (time == NO_TIME)
		return;
	sum = g_hash_table_lookup(table, name);
	if (!sum) {
		sum = g_new0(int64_t, 1);
		g_hash_table_insert(table, g_strdup(name), sum);
	}
	*sum += time;
}

static GHashTable *new_times(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static GHashTable *initcall_times(const struct span *span)
{
	GHashTable *times = new_times();

	for (guint i = 0; i < span->initcalls->len; i++) {
		const struct initcall *initcall = g_ptr_array_index(span->initcalls, i);

		add_time(times, initcall->function, initcall_time(initcall));
	}
	return times;
}

static GHashTable *unit_times(const struct span *span)
{
	GHashTable *times = new_times();

	for (guint i = 0; i < span->units->len; i++) {
		const struct unit *unit = g_ptr_array_index(span->units, i);

		add_time(times, unit->name, unit_time(unit));
	}
	return times;
}

static GHashTable *process_times(const struct span *span)
{
	GHashTable *times = new_times();

	for (guint i = 0; i < span->processes->len; i++) {
		const struct process *process = g_ptr_array_index(span->processes, i);

		add_time(times, process->comm, process->states[STATE_RUNNING]);
	}
	return times;
}

static int64_t phase_time(const struct span *span, const char *id)
{
	const struct phase *phase = span ? span_phase(span, id) : NULL;

	return phase && phase->is_seen ? phase->end - phase->start : NO_TIME;
}

static int64_t lookup(GHashTable *times, const char *name)
{
	const int64_t *time = g_hash_table_lookup(times, name);

	return time ? *time : NO_TIME;
}

/* Return: NO_TIME if it is not known. */
static int64_t value_of(const struct report *report, const char *name)
{
	static const struct {
		const char *prefix;
		GHashTable *(*times)(const struct span *span);
	} kinds[] = {
		{ "initcall:", initcall_times }, { "unit:", unit_times },
		{ "process:", process_times },
	};
	int64_t time;

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autoptr(GHashTable) times = NULL;

		if (!g_str_has_prefix(name, kinds[i].prefix))
			continue;
		times = kinds[i].times(report->boot);
		return lookup(times, name + strlen(kinds[i].prefix));
	}
	if (!strcmp(name, "shutdown"))
		return report->shutdown ? report->shutdown->end - report->shutdown->start :
					  NO_TIME;
	if (g_str_has_prefix(name, "shutdown."))
		return phase_time(report->shutdown, name);
	/* "firmware" is both; the total holds what could not be told apart */
	time = span_total(report->boot, name);
	return time != NO_TIME ? time : phase_time(report->boot, name);
}

/* Runs */

static void run_value_free(void *data)
{
	struct run_value *value = data;

	g_free(value->name);
	g_array_unref(value->values);
	g_free(value);
}

static gint by_number(gconstpointer a, gconstpointer b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static void add_run_value(GPtrArray *values, const GPtrArray *reports, const char *name)
{
	struct run_value *value;

	for (guint i = 0; i < values->len; i++) {
		value = g_ptr_array_index(values, i);
		if (!strcmp(value->name, name))
			return;
	}
	value = g_new0(struct run_value, 1);
	value->name = g_strdup(name);
	value->values = g_array_new(FALSE, FALSE, sizeof(int64_t));
	for (guint i = 0; i < reports->len; i++) {
		int64_t time = value_of(g_ptr_array_index(reports, i), name);

		if (time != NO_TIME)
			g_array_append_val(value->values, time);
	}
	g_array_sort(value->values, by_number);
	if (value->values->len)
		g_ptr_array_add(values, value);
	else
		run_value_free(value);
}

static void add_span_values(GPtrArray *values, const GPtrArray *reports, const struct span *span)
{
	for (guint i = 0; i < span->phases->len; i++)
		add_run_value(values, reports, g_array_index(span->phases, struct phase, i).id);
}

GPtrArray *runs_make(const GPtrArray *reports)
{
	GPtrArray *values = g_ptr_array_new_with_free_func(run_value_free);

	for (guint i = 0; i < reports->len; i++) {
		const struct report *report = g_ptr_array_index(reports, i);

		for (guint j = 0; j < report->boot->totals->len; j++)
			add_run_value(values, reports, g_array_index(report->boot->totals,
								     struct total, j).name);
		add_span_values(values, reports, report->boot);
		if (!report->shutdown)
			continue;
		add_run_value(values, reports, "shutdown");
		add_span_values(values, reports, report->shutdown);
	}
	return values;
}

int64_t percentile(const GArray *sorted, unsigned int percent)
{
	guint rank = ((uint64_t)percent * sorted->len + 99) / 100;

	return g_array_index(sorted, int64_t, rank ? rank - 1 : 0);
}

void runs_text(const GPtrArray *reports, const GPtrArray *values, FILE *out)
{
	static const unsigned int percents[] = { 0, 50, 90, 99, 100 };

	fprintf(out, "%u boots\n%-24s %6s %12s %12s %12s %12s %12s\n", reports->len, "", "runs", "min",
		"p50", "p90", "p99", "max");
	for (guint i = 0; i < values->len; i++) {
		const struct run_value *value = g_ptr_array_index(values, i);

		fprintf(out, "%-24s %6u", value->name, value->values->len);
		for (size_t j = 0; j < G_N_ELEMENTS(percents); j++) {
			g_autofree char *time = report_time(percentile(value->values, percents[j]));

			fprintf(out, " %12s", time);
		}
		fputc('\n', out);
	}
}

/* JSON */

static void add_string(JsonBuilder *json, const char *name, const char *text)
{
	g_autofree char *clean = render_clean(text);

	json_builder_set_member_name(json, name);
	json_builder_add_string_value(json, clean);
}

static void add_ns(JsonBuilder *json, const char *name, int64_t time)
{
	json_builder_set_member_name(json, name);
	if (time == NO_TIME)
		json_builder_add_null_value(json);
	else
		json_builder_add_int_value(json, time);
}

static JsonBuilder *begin_json(const char *format)
{
	JsonBuilder *json = json_builder_new();

	json_builder_begin_object(json);
	add_string(json, "format", format);
	add_ns(json, "version", 1);
	return json;
}

static JsonNode *end_json(JsonBuilder *json)
{
	JsonNode *root;

	json_builder_end_object(json);
	root = json_builder_get_root(json);
	g_object_unref(json);
	return root;
}

static void add_input(JsonBuilder *json, const char *name, const struct report *report)
{
	if (name)
		json_builder_set_member_name(json, name);
	json_builder_begin_object(json);
	add_string(json, "input", report->input);
	add_ns(json, "total_ns", report->boot->end - report->boot->start);
	json_builder_end_object(json);
}

JsonNode *runs_json(const GPtrArray *reports, const GPtrArray *values)
{
	JsonBuilder *json = begin_json("hypertrace-boot-runs");

	json_builder_set_member_name(json, "runs");
	json_builder_begin_array(json);
	for (guint i = 0; i < reports->len; i++)
		add_input(json, NULL, g_ptr_array_index(reports, i));
	json_builder_end_array(json);
	json_builder_set_member_name(json, "values");
	json_builder_begin_array(json);
	for (guint i = 0; i < values->len; i++) {
		const struct run_value *value = g_ptr_array_index(values, i);

		json_builder_begin_object(json);
		add_string(json, "name", value->name);
		add_ns(json, "count", value->values->len);
		add_ns(json, "min_ns", percentile(value->values, 0));
		add_ns(json, "p50_ns", percentile(value->values, 50));
		add_ns(json, "p90_ns", percentile(value->values, 90));
		add_ns(json, "p99_ns", percentile(value->values, 99));
		add_ns(json, "max_ns", percentile(value->values, 100));
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
	return end_json(json);
}

/* Differences */

static void difference_free(void *data)
{
	struct difference *difference = data;

	g_free(difference->name);
	g_free(difference);
}

int64_t difference_delta(const struct difference *difference)
{
	return (difference->b == NO_TIME ? 0 : difference->b) -
	       (difference->a == NO_TIME ? 0 : difference->a);
}

static void add_difference(GPtrArray *list, const char *name, int64_t a, int64_t b)
{
	struct difference *difference;

	if (a == NO_TIME && b == NO_TIME)
		return;
	difference = g_new(struct difference, 1);
	difference->name = g_strdup(name);
	difference->a = a;
	difference->b = b;
	g_ptr_array_add(list, difference);
}

static gint by_size(gconstpointer a, gconstpointer b)
{
	const struct difference *left = *(void *const *)a, *right = *(void *const *)b;
	int64_t left_size = llabs(difference_delta(left));
	int64_t right_size = llabs(difference_delta(right));

	if (left_size != right_size)
		return left_size < right_size ? 1 : -1;
	return strcmp(left->name, right->name);
}

static GPtrArray *diff_tables(GHashTable *a, GHashTable *b)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(difference_free);
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, a);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		add_difference(list, name, lookup(a, name), lookup(b, name));
	g_hash_table_iter_init(&iter, b);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (!g_hash_table_contains(a, name))
			add_difference(list, name, NO_TIME, lookup(b, name));
	g_hash_table_unref(a);
	g_hash_table_unref(b);
	g_ptr_array_sort(list, by_size);
	return list;
}

static GPtrArray *diff_phases(const struct report *a, const struct report *b)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(difference_free);

	for (guint i = 0; i < a->boot->phases->len; i++) {
		const char *id = g_array_index(a->boot->phases, struct phase, i).id;

		add_difference(list, id, phase_time(a->boot, id), phase_time(b->boot, id));
	}
	g_ptr_array_sort(list, by_size);
	return list;
}

static bool is_wait(enum state state)
{
	return state == STATE_TIMER || state == STATE_DISK || state == STATE_DEVICE;
}

static int64_t cause_time(const struct span *span, const struct cause *like)
{
	for (guint i = 0; i < span->causes->len; i++) {
		const struct cause *cause = g_ptr_array_index(span->causes, i);

		if (cause->state == like->state && cause->owner_kind == like->owner_kind &&
		    !strcmp(cause->owner, like->owner))
			return cause->duration;
	}
	return 0;
}

/* The best cause so far: waits of some size before work, then the greater difference. */
struct candidate {
	const struct cause *cause;
	int64_t delta;
	bool is_wait;
	bool is_second;		/* the second boot has more of it */
};

/* Look at what one boot's chain has more of than the other's. */
static void look_for_cause(struct candidate *best, const struct span *more, const struct span *less,
			   bool is_second)
{
	for (guint i = 0; i < more->causes->len; i++) {
		const struct cause *cause = g_ptr_array_index(more->causes, i);
		int64_t delta = cause->duration - cause_time(less, cause);
		bool is_big_wait = is_wait(cause->state) &&
				   delta >= (more->end - more->start) / CHAIN_WAIT_SHARE;
		/* work that the shorter boot has more of explains nothing */
		bool may_be = is_big_wait || more->end - more->start >= less->end - less->start;

		if (delta <= 0 || !may_be || best->is_wait > is_big_wait ||
		    (best->is_wait == is_big_wait && delta <= best->delta))
			continue;
		best->cause = cause;
		best->delta = delta;
		best->is_wait = is_big_wait;
		best->is_second = is_second;
	}
}

static void find_cause(struct boot_diff *diff, const struct report *a, const struct report *b)
{
	struct candidate best = { 0 };
	g_autofree char *text = NULL;

	look_for_cause(&best, b->boot, a->boot, true);
	look_for_cause(&best, a->boot, b->boot, false);
	if (!best.cause)
		return;
	diff->has_cause = true;
	diff->cause_kind = best.cause->owner_kind;
	diff->cause = g_strdup(best.cause->owner);
	diff->cause_delta = best.is_second ? best.delta : -best.delta;
	text = report_time(best.delta);
	diff->cause_text = g_strdup_printf("%s: %s more in the %s boot", best.cause->text, text,
					   best.is_second ? "second" : "first");
}

struct boot_diff *diff_make(const struct report *a, const struct report *b)
{
	struct boot_diff *diff = g_new0(struct boot_diff, 1);

	diff->phases = diff_phases(a, b);
	diff->initcalls = diff_tables(initcall_times(a->boot), initcall_times(b->boot));
	diff->units = diff_tables(unit_times(a->boot), unit_times(b->boot));
	diff->processes = diff_tables(process_times(a->boot), process_times(b->boot));
	find_cause(diff, a, b);
	return diff;
}

void diff_free(struct boot_diff *diff)
{
	if (!diff)
		return;
	g_ptr_array_unref(diff->phases);
	g_ptr_array_unref(diff->initcalls);
	g_ptr_array_unref(diff->units);
	g_ptr_array_unref(diff->processes);
	g_free(diff->cause);
	g_free(diff->cause_text);
	g_free(diff);
}

static char *time_or_dash(int64_t time)
{
	return time == NO_TIME ? g_strdup("-") : report_time(time);
}

static void print_differences(const GPtrArray *list, const char *title, unsigned int top, FILE *out)
{
	if (!list->len)
		return;
	fprintf(out, "\n%-40s %12s %12s %12s\n", title, "first", "second", "difference");
	for (guint i = 0; i < list->len && i < top; i++) {
		const struct difference *difference = g_ptr_array_index(list, i);
		g_autofree char *name = render_clean(difference->name);
		g_autofree char *a = time_or_dash(difference->a);
		g_autofree char *b = time_or_dash(difference->b);
		g_autofree char *delta = report_time(difference_delta(difference));

		fprintf(out, "  %-38s %12s %12s %s%11s\n", name, a, b,
			difference_delta(difference) > 0 ? "+" : " ", delta);
	}
}

void diff_text(const struct boot_diff *diff, const struct report *a, const struct report *b,
	       unsigned int top, FILE *out)
{
	int64_t a_total = a->boot->end - a->boot->start, b_total = b->boot->end - b->boot->start;
	g_autofree char *first = report_time(a_total), *second = report_time(b_total);
	g_autofree char *delta = report_time(b_total - a_total);
	g_autofree char *cause = render_clean(diff->has_cause ? diff->cause_text : "none found");

	fprintf(out, "%s (%s) and %s (%s): %s%s\n  First cause: %s\n", a->input, first, b->input, second,
		b_total > a_total ? "+" : "", delta, cause);
	print_differences(diff->phases, "Phases", top, out);
	print_differences(diff->initcalls, "Initcalls", top, out);
	print_differences(diff->units, "Units", top, out);
	print_differences(diff->processes, "Processes (time on a CPU)", top, out);
}

static void add_differences(JsonBuilder *json, const char *name, const GPtrArray *list,
			    const char *first, const char *second)
{
	json_builder_set_member_name(json, name);
	json_builder_begin_array(json);
	for (guint i = 0; i < list->len; i++) {
		const struct difference *difference = g_ptr_array_index(list, i);

		json_builder_begin_object(json);
		add_string(json, "name", difference->name);
		add_ns(json, first, difference->a);
		add_ns(json, second, difference->b);
		add_ns(json, "delta_ns", difference_delta(difference));
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
}

JsonNode *diff_json(const struct boot_diff *diff, const struct report *a, const struct report *b)
{
	JsonBuilder *json = begin_json("hypertrace-boot-diff");

	add_input(json, "a", a);
	add_input(json, "b", b);
	json_builder_set_member_name(json, "first_cause");
	if (diff->has_cause) {
		json_builder_begin_object(json);
		add_string(json, "kind", owner_word(diff->cause_kind));
		add_string(json, "name", diff->cause);
		add_ns(json, "delta_ns", diff->cause_delta);
		add_string(json, "text", diff->cause_text);
		json_builder_end_object(json);
	} else {
		json_builder_add_null_value(json);
	}
	add_differences(json, "phases", diff->phases, "a_ns", "b_ns");
	add_differences(json, "initcalls", diff->initcalls, "a_ns", "b_ns");
	add_differences(json, "units", diff->units, "a_ns", "b_ns");
	add_differences(json, "processes", diff->processes, "a_ns", "b_ns");
	return end_json(json);
}

/* The cost of tracing */

/* When something that the VMM or a watched port tells first happened. */
static int64_t mark_time(const struct report *report, const struct mark *like)
{
	const struct span *spans[] = { report->boot, report->shutdown };

	for (size_t i = 0; i < G_N_ELEMENTS(spans); i++) {
		for (guint j = 0; spans[i] && j < spans[i]->marks->len; j++) {
			const struct mark *mark = g_ptr_array_index(spans[i]->marks, j);

			if (!strcmp(mark->kind, like->kind) && !strcmp(mark->name, like->name) &&
			    mark->port == like->port && mark->value == like->value)
				return mark->time;
		}
	}
	return NO_TIME;
}

static void add_points(GPtrArray *list, const struct span *span, const struct report *traced,
		       const struct report *control)
{
	for (guint i = 0; span && i < span->marks->len; i++) {
		const struct mark *mark = g_ptr_array_index(span->marks, i);
		g_autofree char *name = NULL;
		bool is_known = false;
		int64_t time = mark_time(control, mark);

		if ((strcmp(mark->kind, "vmm") && strcmp(mark->kind, "port")) || time == NO_TIME ||
		    g_str_has_prefix(mark->name, "reader-"))
			continue;
		name = mark->port < 0 ? g_strdup(mark->name) :
			g_strdup_printf("%s (port 0x%x, 0x%x)", mark->name, (unsigned int)mark->port,
					(unsigned int)mark->value);
		for (guint j = 0; j < list->len && !is_known; j++)
			is_known = !strcmp(((struct difference *)
					    g_ptr_array_index(list, j))->name, name);
		if (!is_known)
			add_difference(list, name, time, mark_time(traced, mark));
	}
}

GPtrArray *control_make(const struct report *traced, const struct report *control)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(difference_free);

	add_points(list, traced->boot, traced, control);
	add_points(list, traced->shutdown, traced, control);
	return list;
}

void control_text(const GPtrArray *differences, FILE *out)
{
	fprintf(out, "\nThe cost of tracing, by what is seen without it\n%-40s %12s %12s %12s\n",
		"Time from the begin to", "untraced", "traced", "difference");
	for (guint i = 0; i < differences->len; i++) {
		const struct difference *difference = g_ptr_array_index(differences, i);
		g_autofree char *name = render_clean(difference->name);
		g_autofree char *control = time_or_dash(difference->a);
		g_autofree char *traced = time_or_dash(difference->b);
		g_autofree char *delta = report_time(difference_delta(difference));

		fprintf(out, "  %-38s %12s %12s %s%11s\n", name, control, traced,
			difference_delta(difference) > 0 ? "+" : " ", delta);
	}
}

JsonNode *control_json(const GPtrArray *differences, const struct report *traced,
		       const struct report *control)
{
	JsonBuilder *json = begin_json("hypertrace-boot-control");

	add_input(json, "traced", traced);
	add_input(json, "control", control);
	add_differences(json, "points", differences, "control_ns", "traced_ns");
	return end_json(json);
}

/* Limits */

static bool parse_time(const char *text, int64_t *out)
{
	static const struct { const char *unit; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
	};
	char *end;
	double value = g_ascii_strtod(text, &end);

	if (end == text || value < 0 || !isfinite(value))
		return false;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		if (strcmp(end, units[i].unit) || value * units[i].ns > 1e18)
			continue;
		*out = (int64_t)(value * units[i].ns + 0.5);
		return true;
	}
	return false;
}

static bool is_name(const char *name)
{
	static const char *const names[] = {
		"total", "vmm", "firmware", "kernel", "initrd", "userspace", "shutdown",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return phase_is_id(name) || g_str_has_prefix(name, "initcall:") ||
	       g_str_has_prefix(name, "unit:") || g_str_has_prefix(name, "process:");
}

struct limit *limit_parse(const char *text, GError **error)
{
	struct limit *limit = g_new0(struct limit, 1);
	const char *sign = strpbrk(text, "<>");

	limit->text = g_strdup(text);
	if (sign) {
		limit->name = g_strstrip(g_strndup(text, sign - text));
		limit->is_greater = *sign++ == '>';
		limit->is_equal = *sign == '=';
		sign += limit->is_equal;
		while (*sign == ' ')
			sign++;
	}
	if (sign && is_name(limit->name) && parse_time(sign, &limit->value))
		return limit;
	g_set_error(error, HT_ERROR, HT_ERROR_USAGE,
		    "--fail-if: expected NAME > TIME, e.g. 'kernel > 300ms': %s", text);
	limit_free(limit);
	return NULL;
}

void limit_free(struct limit *limit)
{
	if (!limit)
		return;
	g_free(limit->text);
	g_free(limit->name);
	g_free(limit);
}

bool limit_check(const struct limit *limit, const struct report *report, char **out)
{
	int64_t value = value_of(report, limit->name);
	g_autofree char *time = NULL;
	bool is_met;

	if (value == NO_TIME) {
		*out = g_strdup_printf("%s: %s is not known", limit->text, limit->name);
		return true;
	}
	is_met = (limit->is_greater ? value > limit->value : value < limit->value) ||
		 (limit->is_equal && value == limit->value);
	if (!is_met)
		return false;
	time = report_time(value);
	*out = g_strdup_printf("%s: %s is %s", limit->text, limit->name, time);
	return true;
}
