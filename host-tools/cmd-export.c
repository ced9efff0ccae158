// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypertrace export: a recording as a trace of another format; export/ has a file
 * for each.
 */
#include <string.h>

#include "cmd.h"
#include "error.h"
#include "export/export.h"

static const struct {
	const char *name;
	bool (*export)(const struct export_request *request, GError **error);
} formats[] = {
	{ "ctf", export_ctf },
	{ "files", export_files },
	{ "perfetto", export_perfetto },
	{ "trace.dat", export_trace_dat },
};

/* Return: the place in formats, or their number if there is none of that name. */
static size_t find_format(const char *name)
{
	size_t i = 0;

	while (i < G_N_ELEMENTS(formats) && strcmp(formats[i].name, name))
		i++;
	return i;
}

static int run(const struct export_request *request, size_t format)
{
	GError *error = NULL;
	int status = 0;

	if (!formats[format].export(request, &error))
		status = cmd_fail("export", error);
	for (guint i = 0; i < request->warnings->len; i++)
		g_printerr("hypertrace export: %s\n",
			   (const char *)g_ptr_array_index(request->warnings, i));
	return status;
}

/**
 * cmd_export - turn a recording into a trace of another format
 * @argc: number of arguments
 * @argv: the arguments
 * Return: the exit code.
 */
int cmd_export(int argc, char **argv)
{
	struct export_request request = { 0 };
	char *to = NULL, *names = NULL, *vm = NULL, **lttng = NULL;
	gboolean omits_lttng = FALSE, vmsync = FALSE;
	const GOptionEntry entries[] = {
		{ "to", 't', 0, G_OPTION_ARG_STRING, &to,
		  "Format of the trace (default: ctf)", "ctf|trace.dat|perfetto|files" },
		{ "names", 0, 0, G_OPTION_ARG_STRING, &names,
		  "Names of events and fields: LTTng's (default) or the kernel's", "lttng|ftrace" },
		{ "vm", 0, 0, G_OPTION_ARG_STRING, &vm, "Only VMs whose name fits", "GLOB" },
		{ "lttng", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &lttng,
		  "With LTTng's traces of the host that are there; may be repeated", "PATH" },
		{ "no-lttng", 0, 0, G_OPTION_ARG_NONE, &omits_lttng,
		  "Without LTTng's traces that are in the recording", NULL },
		{ "vmsync", 0, 0, G_OPTION_ARG_NONE, &vmsync,
		  "With made events by which Trace Compass's VM analyses know guests", NULL },
		{ 0 },
	};
	const char *usage = NULL;
	size_t format;
	int status = 0;

	if (!cmd_parse(&argc, &argv, "DIR OUT", "Turn a recording into a trace of another format.",
		       entries)) {
		status = HT_ERROR_USAGE;
		goto out;
	}
	format = find_format(to ? to : "ctf");
	if (argc != 3)
		usage = "give a recording and what to make";
	else if (format == G_N_ELEMENTS(formats))
		usage = "--to takes ctf, trace.dat, perfetto or files";
	else if (names && format)
		usage = "--names is for ctf";
	else if ((lttng || omits_lttng || vmsync) && format)
		usage = "--lttng, --no-lttng and --vmsync are for ctf";
	else if (names && strcmp(names, "lttng") && strcmp(names, "ftrace"))
		usage = "--names takes lttng or ftrace";
	if (usage) {
		status = cmd_usage("export", "%s", usage);
		goto out;
	}
	request.recording = argv[1];
	request.names = names;
	request.vm = vm;
	request.out = argv[2];
	request.lttng = lttng;
	request.omits_lttng = omits_lttng;
	request.has_vmsync = vmsync;
	request.warnings = g_ptr_array_new_with_free_func(g_free);
	status = run(&request, format);
	g_ptr_array_unref(request.warnings);
out:
	g_free(to);
	g_free(names);
	g_free(vm);
	g_strfreev(lttng);
	return status;
}
