// SPDX-License-Identifier: GPL-2.0-only
/* The program: finds the command and runs it. */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "error.h"
#include "recording/reader.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "list", cmd_list, "show the virtual machines that have a trace port" },
	{ "record", cmd_record, "record virtual machines" },
	{ "info", cmd_info, "say what a recording holds" },
	{ "check", cmd_check, "check that a recording is whole" },
	{ "view", cmd_view, "print a recording as a text timeline" },
	{ "export", cmd_export, "turn a recording into a trace of another format" },
	{ "boot", cmd_boot, "say why a boot took as long as it did" },
	{ "params", cmd_params, "print kernel parameters for tracing a guest's boot" },
	{ "kernel", cmd_kernel, "make, show and remove profiles of kernels" },
};

static void print_help(FILE *out)
{
	size_t i;

	fputs("usage: hypertrace COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n", out);
	for (i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	fputs("\n`hypertrace COMMAND --help` tells more, as does hypertrace(1).\n", out);
}

gboolean cmd_parse(int *argc, char ***argv, const char *operands, const char *summary,
		   const GOptionEntry *entries)
{
	char *command = (*argv)[0];
	char *program = g_strdup_printf("hypertrace %s", command);
	GOptionContext *context = g_option_context_new(operands);
	GError *error = NULL;
	gboolean ok;

	/* the usage line is made from the program's name */
	g_set_prgname(program);
	g_option_context_set_summary(context, summary);
	g_option_context_add_main_entries(context, entries, NULL);
	ok = g_option_context_parse(context, argc, argv, &error);
	g_option_context_free(context);
	g_free(program);
	if (!ok)
		cmd_fail(command, error);
	return ok;
}

int cmd_fail(const char *command, GError *error)
{
	int code = ht_error_exit_code(error);

	g_printerr("hypertrace %s: %s\n", command, error->message);
	g_error_free(error);
	return code;
}

int cmd_usage(const char *command, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_printerr("hypertrace %s: %s\n`hypertrace %s --help` tells more.\n", command, text,
		   command);
	g_free(text);
	return HT_ERROR_USAGE;
}

int main(int argc, char **argv)
{
	size_t i;

	setlocale(LC_ALL, "");
	recording_survive_truncation();
	if (argc < 2) {
		print_help(stderr);
		return HT_ERROR_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("hypertrace " HYPERTRACE_VERSION);
		return 0;
	}
	for (i = 0; i < G_N_ELEMENTS(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	g_printerr("hypertrace: no such command: %s\n", argv[1]);
	print_help(stderr);
	return HT_ERROR_USAGE;
}
