// SPDX-License-Identifier: GPL-2.0-only
/* `hypertrace params`: prints kernel parameters for what is to be traced. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "error.h"
#include "format.h"
#include "kernel/params.h"

#define NAME	"params"

#define DEFAULT_KERNEL	"6.12"
#define QEMU_NAMESPACE	"http://libvirt.org/schemas/domain/qemu/1.0"

static const struct {
	const char *name;
	enum params_wish wish;
} wishes[] = {
	{ "boot", PARAMS_BOOT },
	{ "boot+functions", PARAMS_BOOT_FUNCTIONS },
	{ "window", PARAMS_WINDOW },
};

static void print_plain(const struct params *params, const char *text)
{
	printf("%s%s%s\n", params->others ? params->others : "", params->others ? " " : "", text);
}

static void print_qemu(const struct params *params, const char *text)
{
	g_autofree char *line = g_strjoin(params->others ? " " : "",
					  params->others ? params->others : "", text, NULL);
	g_autofree char *append = g_shell_quote(line);
	g_autofree char *device = params_device(params);

	printf("-append %s \\\n-device %s\n", append, device);
}

static void print_grub(const struct params *params, const char *text)
{
	g_autofree char *quoted = params_quote_grub(text);
	g_autofree char *device = params_device(params);

	printf("# for /etc/default/grub.d/hypertrace.cfg, or the end of /etc/default/grub; then: update-grub\n"
	       "# QEMU: -device %s\n"
	       "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX %s\"\n", device, quoted);
}

static void print_libvirt(const struct params *params, const char *text)
{
	g_autofree char *others = g_markup_escape_text(params->others ? params->others : "", -1);
	g_autofree char *escaped = g_markup_escape_text(text, -1);
	g_autofree char *device = params_device(params);

	printf("<domain xmlns:qemu='" QEMU_NAMESPACE "'>\n"
	       "  <os>\n"
	       "    <cmdline>%s%s%s</cmdline>\n"
	       "  </os>\n"
	       "  <qemu:commandline>\n"
	       "    <qemu:arg value='-device'/>\n"
	       "    <qemu:arg value='%s'/>\n"
	       "  </qemu:commandline>\n"
	       "</domain>\n", others, params->others ? " " : "", escaped, device);
}

static const struct {
	const char *name;
	void (*print)(const struct params *params, const char *text);
} forms[] = {
	{ "plain", print_plain },
	{ "qemu", print_qemu },
	{ "grub", print_grub },
	{ "libvirt", print_libvirt },
};

/* Return: the index of a name in a table of @count, or -1. */
static int find(const char *name, const void *table, size_t count, size_t entry_size)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(*(const char *const *)((const char *)table + i * entry_size), name))
			return i;
	return -1;
}

#define FIND(name, table) find(name, table, G_N_ELEMENTS(table), sizeof((table)[0]))

int cmd_params(int argc, char **argv)
{
	g_autofree char *form = NULL, *kernel = NULL, *events = NULL, *functions = NULL;
	g_autofree char *size = NULL, *window_addr = NULL, *ram = NULL, *with = NULL;
	g_autofree char *text = NULL;
	gint depth = -1, wish, to;
	const GOptionEntry entries[] = {
		{ "for", 'f', 0, G_OPTION_ARG_STRING, &form,
		  "how to print them: plain (default), qemu, grub or libvirt", "FORM" },
		{ "kernel", 'k', 0, G_OPTION_ARG_STRING, &kernel,
		  "the guest's kernel (default: " DEFAULT_KERNEL ")", "RELEASE" },
		{ "events", 'e', 0, G_OPTION_ARG_STRING, &events,
		  "what to trace instead: SYSTEM or SYSTEM:EVENT, separated by commas", "LIST" },
		{ "functions", 'F', 0, G_OPTION_ARG_STRING, &functions,
		  "boot+functions: trace what these call (default: do_one_initcall)", "LIST" },
		{ "depth", 'd', 0, G_OPTION_ARG_INT, &depth,
		  "boot+functions: calls so deep, 0: all (default: 5)", "N" },
		{ "size", 's', 0, G_OPTION_ARG_STRING, &size,
		  "of each CPU's buffer (default: 8M, with functions 16M), or of the window (16M)",
		  "SIZE" },
		{ "window-addr", 'a', 0, G_OPTION_ARG_STRING, &window_addr,
		  "where the window lies in the guest's RAM (default: 256M)", "ADDR" },
		{ "ram", 'r', 0, G_OPTION_ARG_STRING, &ram,
		  "the guest's RAM, to check where the window lies", "SIZE" },
		{ "with", 'w', 0, G_OPTION_ARG_STRING, &with,
		  "parameters that the guest has already", "PARAMETERS" },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};
	struct params params = { 0 };
	GError *error = NULL;

	if (!cmd_parse(&argc, &argv, "boot | boot+functions | window",
		       "Prints the kernel parameters with which a guest traces its own boot.",
		       entries))
		return HT_ERROR_USAGE;
	wish = argc == 2 ? FIND(argv[1], wishes) : -1;
	to = FIND(form ? form : "plain", forms);
	if (wish < 0)
		return cmd_usage(NAME, "one of these is needed: boot, boot+functions, window");
	if (to < 0)
		return cmd_usage(NAME, "no such form: %s", form);
	params = (struct params) {
		.wish = wishes[wish].wish,
		.kernel = kernel ? kernel : DEFAULT_KERNEL,
		.events = events,
		.functions = functions,
		.depth = depth,
		.others = with && *with ? with : NULL,
	};
	if (!parse_bytes(size, &params.size))
		return cmd_usage(NAME, "no size: %s", size);
	if (!parse_bytes(window_addr, &params.window_addr))
		return cmd_usage(NAME, "no address: %s", window_addr);
	if (!parse_bytes(ram, &params.ram))
		return cmd_usage(NAME, "no size: %s", ram);
	if (params_complete(&params, &error))
		text = params_text(&params, &error);
	if (!text)
		return cmd_fail(NAME, error);
	forms[to].print(&params, text);
	return 0;
}
