// SPDX-License-Identifier: GPL-2.0-only
/* hypertrace boot: why a boot took as long as it did. */
#include <stdlib.h>
#include <string.h>

#include "boot/model.h"
#include "boot/render.h"
#include "boot/source.h"
#include "cmd.h"
#include "error.h"

/**
 * cmd_boot - report on a boot
 * @argc: number of arguments
 * @argv: the arguments
 * Return: the exit code.
 */
int cmd_boot(int argc, char **argv)
{
	struct boot_source_options options = { 0 };
	gint epoch = 0, top = 10;
	gboolean is_json = FALSE;
	char *vm = NULL, *until_text = NULL;
	const GOptionEntry entries[] = {
		{ "epoch", 0, 0, G_OPTION_ARG_INT, &epoch, "Which life of the VM", "N" },
		{ "vm", 0, 0, G_OPTION_ARG_STRING, &vm, "The VM whose name fits", "GLOB" },
		{ "until", 0, 0, G_OPTION_ARG_STRING, &until_text, "What ends the boot", "MARKER" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &is_json, "Print JSON", NULL },
		{ "top", 0, 0, G_OPTION_ARG_INT, &top, "Lines of each list", "N" },
		{ 0 },
	};
	struct boot_source_info *info;
	struct model *model;
	struct report *report;
	struct until *until;
	GError *error = NULL;

	if (!cmd_parse(&argc, &argv, "RECORDING", "Say why a boot took as long as it did.", entries))
		return HT_ERROR_USAGE;
	until = until_parse(until_text, &error);
	if (!until)
		return cmd_fail("boot", error);
	options.vm = vm;
	options.epoch = epoch;
	model = model_new(until);
	info = boot_source_run(argv[1], &options, model_take, model, &error);
	report = model_finish(model, argv[1], info);
	if (!report)
		return cmd_fail("boot", error);
	if (is_json) {
		JsonNode *root = render_json(report);
		char *text = render_json_text(root, FALSE);

		fputs(text, stdout);
		g_free(text);
		json_node_unref(root);
	} else {
		render_text(report, top, stdout);
	}
	report_free(report);
	until_free(until);
	return 0;
}
