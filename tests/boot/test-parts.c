// SPDX-License-Identifier: GPL-2.0-only
/* The parts of the boot report by themselves: units, slices, functions, markers, comparisons. */
#include "../host/tap.h"

#include "events.h"

#include "boot/account.h"
#include "boot/compare.h"
#include "boot/functions.h"
#include "boot/slices.h"
#include "boot/units.h"
#include "error.h"

static void test_account(void)
{
	struct account *account = account_new();
	int64_t sums[ACCOUNT_COUNT];

	account_cut(account, 100);
	account_cut(account, 200);
	account_add(account, ACCOUNT_CPU_TASK, 150, 250);
	account_cut(account, 300);
	account_add(account, ACCOUNT_CPU_TASK, 250, 310);
	account_sum(account, 100, 200, sums);
	ok(sums[ACCOUNT_CPU_TASK] == 50, "an interval is split at a boundary");
	account_sum(account, 200, 300, sums);
	ok(sums[ACCOUNT_CPU_TASK] == 100, "and at the next");
	account_uncut(account, 300);
	account_sum(account, 200, 400, sums);
	ok(sums[ACCOUNT_CPU_TASK] == 110, "a boundary can be taken back");
	account_uncut(account, 100);
	account_sum(account, 100, 200, sums);
	ok(sums[ACCOUNT_CPU_TASK] == 50, "but not one that is not the last");
	account_free(account);
}

static void test_slices(void)
{
	struct slices slices;
	uint64_t time = 0, covered = 0, last = 0;
	bool good = true;

	slices_init(&slices, 100);
	for (int i = 0; i < 100000; i++) {
		struct raw_slice slice = { .start = time, .state = i & 1, .task = i % 7 };

		time += i % 100 ? 500 : 1000000;
		slice.end = time;
		slices_add(&slices, &slice);
		good &= slices.array->len <= 100;
	}
	for (guint i = 0; i < slices.array->len; i++) {
		const struct raw_slice *slice = &g_array_index(slices.array, struct raw_slice, i);

		good &= slice->start >= last && slice->end > slice->start;
		last = slice->end;
		covered += slice->end - slice->start;
	}
	ok(good && slices.resolution, "slices stay bounded and in order");
	ok(covered == time, "what is merged is still covered");
	slices_fini(&slices);
}

static void test_units(void)
{
	struct units *units = units_new();
	int32_t a, b, none;

	ok(units_message(units, "systemd[1]: Starting a.service - The A...", 10, &a) ==
	   UNIT_STARTING && units_message(units, "systemd[1]: Started a.service - The A.", 30, &b) ==
	   UNIT_ACTIVE && a == b && units_at(units, a)->start == 10 &&
	   units_at(units, a)->active == 30 && !strcmp(units_at(units, a)->description, "The A"),
	   "a unit with its name and description");
	ok(units_message(units, "systemd[1]: Started Old Style.", 40, &b) == UNIT_ACTIVE &&
	   !strcmp(units_at(units, b)->name, "Old Style"), "a unit by its description");
	ok(units_message(units, "systemd[200]: Started b.service.", 40, &none) == UNIT_NOTHING &&
	   units_message(units, "kernel: Started b.service.", 40, &none) == UNIT_NOTHING,
	   "only pid 1 speaks of the system's units");
	ok(units_message(units, "systemd[1]: Startup finished in 1s.", 50, &none) ==
	   UNIT_STARTUP_FINISHED && none == -1, "the end of the startup");
	units_message(units, "systemd[1]: Failed to start c.service - C.", 60, &a);
	ok(units_at(units, a)->is_failed, "a unit that fails");
	ok(units_of_path(units, "/system.slice/system-x.slice/x@1.service/sub", 70) >= 0 &&
	   !strcmp(units_at(units, units_count(units) - 1)->name, "x@1.service"),
	   "the unit of a control group");
	ok(units_of_path(units, "/init.scope", 70) == -1 && units_of_path(units, "/a.slice", 70) == -1,
	   "groups that are no unit with processes");
	ok(units_of_path(units, "/user.slice/user-0.slice/user@0.service/app.slice/y.service", 70) >= 0 &&
	   !strcmp(units_at(units, units_count(units) - 1)->name, "user@0.service"),
	   "a user's units are its manager's");
	units_free(units);
}

static const struct function_entry *function(const struct function_summary *summary,
					     const char *name)
{
	for (guint i = 0; i < summary->list->len; i++) {
		const struct function_entry *entry = g_ptr_array_index(summary->list, i);

		if (!strcmp(entry->name, name))
			return entry;
	}
	return NULL;
}

static char *folded(const struct function_summary *summary)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	function_summary_fold(summary, out);
	fclose(out);
	return text;
}

static void test_functions(void)
{
	struct functions *functions = functions_new();
	struct function_summary *summary;
	char *text;

	functions_enter(functions, 1, "a", 0, 100);
	functions_enter(functions, 1, "b", 1, 110);
	functions_enter(functions, 2, "b", 0, 115);
	functions_leave(functions, 1, "b", 1, 150);
	functions_leave(functions, 2, "b", 0, 120);
	functions_enter(functions, 1, "b", 1, 160);
	functions_leave(functions, 1, "a", 0, 200);
	summary = functions_take(functions);
	text = folded(summary);
	ok(summary->calls == 4 && function(summary, "a")->total == 100 &&
	   function(summary, "a")->self == 20 && function(summary, "b")->calls == 3 &&
	   function(summary, "b")->self == 85 && function(summary, "b")->max == 40,
	   "calls, total and self, also of what was not seen to end");
	ok(!strcmp(text, "a 20\na;b 80\nb 5\n"), "folded stacks");
	ok(function_node_value(summary->root) == 105, "the tree has all of the time");
	free(text);
	function_summary_free(summary);
	functions_free(functions);

	functions = functions_new();
	for (int i = 0; i < 100000; i++) {
		g_autofree char *name = g_strdup_printf("f%d", i % 50000);

		functions_enter(functions, 1, name, i % 400, i);
	}
	summary = functions_take(functions);
	ok(summary->is_cut && summary->list->len <= 1000 && summary->omitted,
	   "the tree and the list are bounded");
	function_summary_free(summary);
	functions_free(functions);
}

static void test_until(void)
{
	static const char *const bad[] = {
		"", "never", "unit:", "mark:", "mark:x", "mark:0xf4=", "event:a,b",
	};
	GError *error = NULL;
	bool good = true;

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct until *parsed = until_parse(bad[i], &error);

		good &= !parsed && g_error_matches(error, HT_ERROR, HT_ERROR_USAGE);
		g_clear_error(&error);
		until_free(parsed);
	}
	ok(good, "markers that are none");
}

static struct report *boot_with(uint64_t sleep, uint64_t end)
{
	begin(NULL);
	until_late();
	initcall(500 * MS, "one");
	if (sleep) {
		switch_to(501 * MS, 1, 0, "swapper/0");
		waking_by_timer(501 * MS + sleep, 1);
		switch_to(502 * MS + sleep, 0, 1, "swapper/0");
	}
	initcall_end(510 * MS + sleep, "one");
	exec(600 * MS + sleep, "/init");
	exec(700 * MS + sleep, "/sbin/init");
	say(720 * MS + sleep, "systemd[1]: Starting a.service - A...");
	say(750 * MS + sleep, "systemd[1]: Started a.service - A.");
	reach_targets(end + sleep);
	return finish();
}

static void test_runs(void)
{
	g_autoptr(GPtrArray) reports =
		g_ptr_array_new_with_free_func((GDestroyNotify)report_free);
	GPtrArray *values;
	const struct run_value *total;

	for (int i = 10; i > 0; i--)
		g_ptr_array_add(reports, boot_with(0, 1000 * MS + i * MS));
	values = runs_make(reports);
	total = g_ptr_array_index(values, 0);
	ok(!strcmp(total->name, "total") && total->values->len == 10 &&
	   percentile(total->values, 0) == 1101 * MS &&
	   percentile(total->values, 50) == 1105 * MS &&
	   percentile(total->values, 90) == 1109 * MS &&
	   percentile(total->values, 99) == 1110 * MS &&
	   percentile(total->values, 100) == 1110 * MS, "percentiles are nearest ranks");
	g_ptr_array_unref(values);
}

static void test_diff(void)
{
	struct report *a = boot_with(0, 1000 * MS), *b = boot_with(400 * MS, 1000 * MS);
	struct boot_diff *diff = diff_make(a, b);
	const struct difference *first = g_ptr_array_index(diff->initcalls, 0);
	const struct difference *phase = g_ptr_array_index(diff->phases, 0);

	ok(!strcmp(first->name, "one") && difference_delta(first) == 400 * MS,
	   "the initcall that takes longer comes first");
	ok(!strcmp(phase->name, "initcall.late") && difference_delta(phase) == 400 * MS,
	   "and so does its phase");
	ok(diff->has_cause && diff->cause_kind == OWNER_INITCALL && !strcmp(diff->cause, "one") &&
	   diff->cause_delta == 400 * MS + 1000, "it is the first cause");
	diff_free(diff);
	diff = diff_make(b, a);
	ok(diff->has_cause && !strcmp(diff->cause, "one") && diff->cause_delta < 0,
	   "the other way round it is what went away");
	diff_free(diff);
	report_free(a);
	report_free(b);
}

static bool holds(const char *text, const struct report *report)
{
	struct limit *limit = limit_parse(text, NULL);
	char *words = NULL;
	bool result = limit && limit_check(limit, report, &words);

	g_free(words);
	limit_free(limit);
	return result;
}

static void test_limits(void)
{
	static const char *const bad[] = {
		"", "kernel", "kernel 300ms", "kernel > 300", "kernel > ms", "krnel > 1s",
		"kernel > -1s", "kernel = 1s", "kernel > 1h", "kernel > nans", "kernel > 1e400s",
	};
	struct report *report = boot_with(0, 1000 * MS);
	GError *error = NULL;
	bool good = true;

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct limit *limit = limit_parse(bad[i], &error);

		good &= !limit && g_error_matches(error, HT_ERROR, HT_ERROR_USAGE);
		g_clear_error(&error);
		limit_free(limit);
	}
	ok(good, "limits that are none");
	/* the kernel takes 400 ms, all of it 1.1 s */
	ok(holds("kernel > 300ms", report) && !holds("kernel > 400ms", report) &&
	   holds("kernel >= 0.4 s", report) && !holds("kernel < 400ms", report) &&
	   holds("kernel <= 400000us", report) && holds("total>1s", report) &&
	   !holds("total > 2s", report), "limits by totals, in all units");
	ok(holds("initcall.late > 9ms", report) && holds("kernel.end > 89ms", report) &&
	   holds("initcall:one > 9ms", report) &&
	   !holds("initcall:one > 10ms", report) && holds("unit:a.service > 29ms", report) &&
	   !holds("unit:a.service > 30ms", report), "limits by phase, initcall and unit");
	ok(holds("unit:none.service > 1s", report) && holds("loader > 1s", report) &&
	   holds("shutdown > 1s", report), "what is not known cannot be kept");
	report_free(report);
}

int main(void)
{
	test_account();
	test_slices();
	test_units();
	test_functions();
	test_until();
	test_runs();
	test_diff();
	test_limits();
	return tap_done();
}
