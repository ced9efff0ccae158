// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypertrace export: a recording as a trace of another format; export/ has a file
 * for each.
 */
#include <string.h>

#include "cmd.h"
#include "error.h"
#include "export/export.h"

/**
 * cmd_export - turn a recording into a trace of another format
 * @argc: number of arguments
 * @argv: the arguments
 * Return: the exit code.
 */
int cmd_export(int argc, char **argv)
{
	struct export_request request = { 0 };
	char *to = NULL, *names = NULL, *vm = NULL;
	const GOptionEntry entries[] = {
		{ "to", 't', 0, G_OPTION_ARG_STRING, &to,
		  "Format of the trace (default: ctf)", "ctf" },
		{ "names", 0, 0, G_OPTION_ARG_STRING, &names,
		  "Names of events and fields: LTTng's (default) or the kernel's", "lttng|ftrace" },
		{ "vm", 0, 0, G_OPTION_ARG_STRING, &vm, "Only VMs whose name fits", "GLOB" },
		{ 0 },
	};
	const char *usage = NULL;
	GError *error = NULL;
	int status = 0;

	if (!cmd_parse(&argc, &argv, "DIR OUT", "Turn a recording into a trace of another format.",
		       entries)) {
		status = HT_ERROR_USAGE;
		goto out;
	}
	if (argc != 3)
		usage = "give a recording and a directory to make";
	else if (to && strcmp(to, "ctf"))
		usage = "--to knows ctf only";
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
	if (!export_ctf(&request, &error))
		status = cmd_fail("export", error);
out:
	g_free(to);
	g_free(names);
	g_free(vm);
	return status;
}
