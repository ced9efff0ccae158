// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypertrace boot: why a boot took as long as it did. One boot as text, JSON or
 * an HTML page; percentiles of many; the difference of two; the cost of tracing;
 * limits with an exit code.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/compare.h"
#include "boot/control.h"
#include "boot/html.h"
#include "boot/model.h"
#include "boot/render.h"
#include "boot/source.h"
#include "cmd.h"
#include "error.h"

#define MAX_OPEN_DIRECTORIES	16

struct boot {
	struct boot_source_options options;
	struct until *until;
	gint epoch;
	gint top;
	gboolean is_json;
	gboolean is_runs;
	gboolean is_diff;
	gboolean is_control;
	char *vm;
	char *until_text;
	char *html;
	char *folded;
	char *runtime_dir;
	char **fail_if;
	GPtrArray *limits;	/* struct limit * */
	char **command;		/* after "--", or NULL */
};

static struct report *make_report(const struct boot *boot, const char *path,
				  const struct until *until, GError **error)
{
	struct model *model = model_new(until);
	struct boot_source_info *info =
		boot_source_run(path, &boot->options, model_take, model, error);

	return model_finish(model, path, info);
}

static void print_json(JsonNode *root)
{
	g_autofree char *text = render_json_text(root, FALSE);

	fputs(text, stdout);
	json_node_unref(root);
}

static bool write_html(const struct report *report, const char *path, GError **error)
{
	JsonNode *root = render_json(report);
	g_autofree char *text = render_json_text(root, FALSE);

	json_node_unref(root);
	return boot_html_write(text, -1, path, error);
}

static bool write_folded(const struct report *report, const char *path, GError **error)
{
	FILE *out;
	bool done;

	if (!report->boot->functions) {
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no functions were traced: %s",
			    report->input);
		return false;
	}
	out = fopen(path, "w");
	if (out)
		function_summary_fold(report->boot->functions, out);
	done = out && !ferror(out);
	if (out && fclose(out))
		done = false;
	if (!done)
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot write: path=%s: %s", path,
			    g_strerror(errno));
	return done;
}

/* Return: the exit code that the limits lead to. */
static int check_limits(const struct boot *boot, const struct report *report)
{
	int status = 0;

	for (guint i = 0; i < boot->limits->len; i++) {
		g_autofree char *text = NULL, *clean = NULL;

		if (!limit_check(g_ptr_array_index(boot->limits, i), report, &text))
			continue;
		clean = render_clean(text);
		g_printerr("hypertrace boot: %s: %s\n", report->input, clean);
		status = HT_ERROR_LIMIT;
	}
	return status;
}

static int show_one(const struct boot *boot, const char *path)
{
	GError *error = NULL;
	struct report *report = make_report(boot, path, boot->until, &error);
	int status = 0;

	if (!report)
		return cmd_fail("boot", error);
	if ((boot->html && !write_html(report, boot->html, &error)) ||
	    (boot->folded && !write_folded(report, boot->folded, &error))) {
		report_free(report);
		return cmd_fail("boot", error);
	}
	if (boot->is_json)
		print_json(render_json(report));
	else
		render_text(report, boot->top, stdout);
	status = check_limits(boot, report);
	report_free(report);
	return status;
}

static int show_runs(const struct boot *boot, int count, char **paths)
{
	g_autoptr(GPtrArray) reports =
		g_ptr_array_new_with_free_func((GDestroyNotify)report_free);
	g_autoptr(GPtrArray) values = NULL;
	int status = 0;

	for (int i = 0; i < count; i++) {
		GError *error = NULL;
		struct report *report = make_report(boot, paths[i], boot->until, &error);
		int result;

		if (!report)
			return cmd_fail("boot", error);
		result = check_limits(boot, report);
		status = result ? result : status;
		/* what is compared is small, and the rest of a report is not */
		g_ptr_array_set_size(report->boot->vcpus, 0);
		g_ptr_array_set_size(report->boot->chain, 0);
		g_ptr_array_add(reports, report);
	}
	values = runs_make(reports);
	if (boot->is_json)
		print_json(runs_json(reports, values));
	else
		runs_text(reports, values, stdout);
	return status;
}

static int show_diff(const struct boot *boot, char **paths)
{
	GError *error = NULL;
	struct report *a = make_report(boot, paths[0], boot->until, &error);
	struct report *b = a ? make_report(boot, paths[1], boot->until, &error) : NULL;
	struct boot_diff *diff;
	int status;

	if (!b) {
		report_free(a);
		return cmd_fail("boot", error);
	}
	diff = diff_make(a, b);
	if (boot->is_json)
		print_json(diff_json(diff, a, b));
	else
		diff_text(diff, a, b, boot->top, stdout);
	status = check_limits(boot, b);
	diff_free(diff);
	report_free(a);
	report_free(b);
	return status;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

/* Record the boot without tracing, and report on it. */
static struct report *make_control(const struct boot *boot, const struct report *traced,
				   GError **error)
{
	struct boot plain = *boot;
	g_autofree char *scratch = g_dir_make_tmp("hypertrace-XXXXXX", error);
	g_autofree char *out = scratch ? g_build_filename(scratch, "control", NULL) : NULL;
	struct until *until = until_parse(NULL, NULL);
	struct report *report = NULL;

	plain.options.epoch = 0;
	if (out && control_record(boot->command, traced->source->vm, boot->runtime_dir, out, error))
		report = make_report(&plain, out, until, error);
	if (scratch)
		nftw(scratch, remove_entry, MAX_OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
	until_free(until);
	return report;
}

static int show_control(const struct boot *boot, const char *path)
{
	GError *error = NULL;
	struct report *traced = make_report(boot, path, boot->until, &error);
	struct report *control = traced ? make_control(boot, traced, &error) : NULL;
	g_autoptr(GPtrArray) differences = NULL;
	int status;

	if (!control) {
		report_free(traced);
		return cmd_fail("boot", error);
	}
	differences = control_make(traced, control);
	if (boot->is_json)
		print_json(control_json(differences, traced, control));
	else
		control_text(differences, stdout);
	status = check_limits(boot, traced);
	report_free(traced);
	report_free(control);
	return status;
}

/* What is behind "--" is the command of --control. Return: the new number of arguments. */
static int split_command(struct boot *boot, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--"))
			continue;
		boot->command = argv + i + 1;
		argv[i] = NULL;
		return i;
	}
	return argc;
}

static const char *check_usage(const struct boot *boot, int argc)
{
	bool has_command = boot->command && boot->command[0];

	if (boot->is_runs + boot->is_diff + boot->is_control > 1)
		return "give one of --runs, --diff and --control";
	if (boot->is_control != has_command)
		return "--control goes with -- COMMAND";
	if (boot->is_runs ? argc < 2 : argc != (boot->is_diff ? 3 : 2))
		return boot->is_runs ? "--runs takes recordings" :
		       boot->is_diff ? "--diff takes two recordings" : "give one recording";
	if ((boot->html || boot->folded) && (boot->is_runs || boot->is_diff || boot->is_control))
		return "--html and --folded show one boot";
	if (boot->epoch < 0 || boot->top < 0)
		return "--epoch and --top take numbers above 0";
	return NULL;
}

static bool prepare(struct boot *boot, GError **error)
{
	boot->options.vm = boot->vm;
	boot->options.epoch = boot->epoch;
	boot->until = until_parse(boot->until_text, error);
	if (!boot->until)
		return false;
	for (char **text = boot->fail_if; text && *text; text++) {
		struct limit *limit = limit_parse(*text, error);

		if (!limit)
			return false;
		g_ptr_array_add(boot->limits, limit);
	}
	return true;
}

/**
 * cmd_boot - report on a boot
 * @argc: number of arguments
 * @argv: the arguments
 * Return: the exit code.
 */
int cmd_boot(int argc, char **argv)
{
	struct boot boot = { .top = 10 };
	const GOptionEntry entries[] = {
		{ "epoch", 0, 0, G_OPTION_ARG_INT, &boot.epoch,
		  "Which life of the VM (default: the first with a trace of the guest)", "N" },
		{ "vm", 0, 0, G_OPTION_ARG_STRING, &boot.vm, "The VM whose name fits", "GLOB" },
		{ "until", 0, 0, G_OPTION_ARG_STRING, &boot.until_text, "What ends the boot",
		  "MARKER" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &boot.is_json, "Print JSON", NULL },
		{ "html", 0, 0, G_OPTION_ARG_FILENAME, &boot.html, "Also write a page", "FILE" },
		{ "folded", 0, 0, G_OPTION_ARG_FILENAME, &boot.folded,
		  "Also write the traced functions' folded stacks", "FILE" },
		{ "top", 0, 0, G_OPTION_ARG_INT, &boot.top, "Lines of each list (default: 10)",
		  "N" },
		{ "runs", 0, 0, G_OPTION_ARG_NONE, &boot.is_runs, "Percentiles of several boots",
		  NULL },
		{ "diff", 0, 0, G_OPTION_ARG_NONE, &boot.is_diff, "The difference of two boots",
		  NULL },
		{ "fail-if", 0, 0, G_OPTION_ARG_STRING_ARRAY, &boot.fail_if,
		  "Exit with 7 if this holds, e.g. 'kernel > 300ms'", "CONDITION" },
		{ "control", 0, 0, G_OPTION_ARG_NONE, &boot.is_control,
		  "Compare with a boot that COMMAND starts with tracing off", NULL },
		{ "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &boot.runtime_dir,
		  "Where --control looks for the VM", "DIR" },
		{ 0 },
	};
	const char *usage;
	GError *error = NULL;
	int status;

	boot.limits = g_ptr_array_new_with_free_func((GDestroyNotify)limit_free);
	argc = split_command(&boot, argc, argv);
	if (!cmd_parse(&argc, &argv, "RECORDING|CTF... [-- COMMAND...]",
		       "Say why a boot took as long as it did.", entries)) {
		status = HT_ERROR_USAGE;
		goto out;
	}
	usage = check_usage(&boot, argc);
	if (usage) {
		status = cmd_usage("boot", "%s", usage);
		goto out;
	}
	if (!prepare(&boot, &error))
		status = cmd_fail("boot", error);
	else if (boot.is_runs)
		status = show_runs(&boot, argc - 1, argv + 1);
	else if (boot.is_diff)
		status = show_diff(&boot, argv + 1);
	else if (boot.is_control)
		status = show_control(&boot, argv[1]);
	else
		status = show_one(&boot, argv[1]);
out:
	until_free(boot.until);
	g_ptr_array_unref(boot.limits);
	g_free(boot.vm);
	g_free(boot.until_text);
	g_free(boot.html);
	g_free(boot.folded);
	g_free(boot.runtime_dir);
	g_strfreev(boot.fail_if);
	return status;
}
