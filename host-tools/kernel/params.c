// SPDX-License-Identifier: GPL-2.0-only
/* Kernel parameters for a wish; see params.h. */
#include "kernel/params.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "virtio_hypertrace.h"

#define MIB			((uint64_t)1 << 20)
#define GIB			((uint64_t)1 << 30)

/* x86's COMMAND_LINE_SIZE, with the NUL at the end. */
#define COMMAND_LINE_SIZE	2048

#define DEFAULT_EVENTS		"sched,initcall,irq,block,cgroup,printk:console,timer"
#define DEFAULT_FUNCTIONS	"do_one_initcall"
#define DEFAULT_BOOT_SIZE	(8 * MIB)
#define DEFAULT_FUNCTIONS_SIZE	(16 * MIB)
#define DEFAULT_DEPTH		5
#define DEFAULT_WINDOW_SIZE	(16 * MIB)

/*
 * The window has to be RAM that nobody has put anything into. A PC's loaders put
 * the kernel at 16 MiB, where it takes some 60 MiB while it unpacks itself
 * (KASLR keeps off what memmap= names), and the initramfs at the end of the RAM
 * below 4 GiB, which ends at 2 GiB or earlier in the worst of cases (q35).
 */
#define DEFAULT_WINDOW_ADDR	(256 * MIB)
#define SMALL_WINDOW_ADDR	(128 * MIB)
#define MIN_WINDOW_ADDR		(96 * MIB)
#define INITRAMFS_ROOM		(64 * MIB)
#define LOW_RAM			(2 * GIB)

/* The kernel knows no other glob of events than all of a system. */
#define EVENT_PATTERN		"[[:alnum:]_-]+(:([[:alnum:]_-]+|[*]))?"
#define FUNCTION_PATTERN	"[[:alnum:]_.*?]+"

/* Linux that makes instances from its command line, and windows. */
#define KERNEL_INSTANCE		KERNEL(6, 4)
#define KERNEL_WINDOW		KERNEL(6, 12)
#define KERNEL(major, minor)	((major) << 16 | (minor))

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (error)
		*error = g_error_new_valist(HT_ERROR, HT_ERROR_USAGE, format, args);
	va_end(args);
	return FALSE;
}

/* Return: KERNEL(major, minor), or 0 if the text names no version. */
static unsigned int kernel_version(const char *text)
{
	unsigned int major, minor;

	if (sscanf(text, "%3u.%4u", &major, &minor) != 2 || !g_ascii_isdigit(text[0]))
		return 0;
	return KERNEL(major, minor);
}

/* A size as the kernel and QEMU read it. Return: to be freed. */
static char *size_text(uint64_t size)
{
	static const char units[] = { 'G', 'M', 'K' };
	uint64_t unit = GIB;

	for (size_t i = 0; i < G_N_ELEMENTS(units); i++, unit >>= 10)
		if (!(size % unit))
			return g_strdup_printf("%" PRIu64 "%c", size / unit, units[i]);
	return g_strdup_printf("%" PRIu64, size);
}

/* Only what cannot end a parameter or mean something to who passes it on. */
static bool is_list(const char *text, const char *item)
{
	g_autofree char *pattern = g_strdup_printf("^%s(,%s)*$", item, item);

	return g_regex_match_simple(pattern, text, G_REGEX_DOLLAR_ENDONLY, 0);
}

static gboolean check_window(const struct params *params, GError **error)
{
	uint64_t end = params->window_addr + params->size;
	uint64_t ram = params->ram && params->ram < LOW_RAM ? params->ram : LOW_RAM;

	if (kernel_version(params->kernel) < KERNEL_WINDOW)
		return fail(error, "a window needs Linux 6.12 or newer, not %s", params->kernel);
	if (params->window_addr % VHT_WINDOW_ALIGN || params->size % VHT_WINDOW_ALIGN)
		return fail(error, "address and size of a window are multiples of 2 MiB");
	if (params->window_addr < MIN_WINDOW_ADDR)
		return fail(error, "the kernel itself is loaded below %" PRIu64 " MiB",
			    MIN_WINDOW_ADDR / MIB);
	if (params->window_addr > ram || params->size > ram || end > ram)
		return fail(error, "a window at 0x%" PRIx64 " of %" PRIu64 " MiB does not end within %" PRIu64 " MiB, %s",
			    params->window_addr, params->size / MIB, ram / MIB,
			    params->ram && params->ram < LOW_RAM ? "the guest's RAM" :
			    "where any PC has RAM");
	if (ram - end < INITRAMFS_ROOM)
		return fail(error, "a window that ends %" PRIu64 " MiB below the end of RAM leaves no room for the initramfs, which is loaded there: %" PRIu64 " MiB are wanted",
			    (ram - end) / MIB, INITRAMFS_ROOM / MIB);
	return TRUE;
}

static uint64_t default_size(enum params_wish wish)
{
	switch (wish) {
	case PARAMS_WINDOW:
		return DEFAULT_WINDOW_SIZE;
	case PARAMS_BOOT_FUNCTIONS:
		return DEFAULT_FUNCTIONS_SIZE;
	default:
		return DEFAULT_BOOT_SIZE;
	}
}

gboolean params_complete(struct params *params, GError **error)
{
	if (!params->events)
		params->events = DEFAULT_EVENTS;
	if (!params->functions)
		params->functions = DEFAULT_FUNCTIONS;
	if (params->depth < 0)
		params->depth = DEFAULT_DEPTH;
	if (!params->size)
		params->size = default_size(params->wish);
	if (!params->window_addr)
		params->window_addr = params->ram && params->ram < 2 * DEFAULT_WINDOW_ADDR ?
				      SMALL_WINDOW_ADDR : DEFAULT_WINDOW_ADDR;
	if (!kernel_version(params->kernel))
		return fail(error, "no version of a kernel: %s (wanted is one like 6.12)",
			    params->kernel);
	if (!is_list(params->events, EVENT_PATTERN))
		return fail(error, "no list of events: %s", params->events);
	if (!is_list(params->functions, FUNCTION_PATTERN))
		return fail(error, "no list of functions: %s", params->functions);
	if (params->size < 4096)
		return fail(error, "a buffer has 4 KiB or more");
	return params->wish != PARAMS_WINDOW || check_window(params, error);
}

/* Are the kernel's messages among the events? Then systemd's are to be among them. */
static bool has_printk(const char *events)
{
	g_auto(GStrv) list = g_strsplit(events, ",", -1);

	for (char **event = list; *event; event++)
		if (!strcmp(*event, "printk") || g_str_has_prefix(*event, "printk:"))
			return true;
	return false;
}

char *params_text(const struct params *params, GError **error)
{
	GString *text = g_string_new(NULL);
	g_autofree char *size = size_text(params->size);
	bool has_instance = kernel_version(params->kernel) >= KERNEL_INSTANCE;
	bool has_functions = params->wish == PARAMS_BOOT_FUNCTIONS;
	size_t others = params->others ? strlen(params->others) + 1 : 0;

	if (params->wish == PARAMS_WINDOW)
		g_string_append_printf(text, "memmap=%s$0x%" PRIx64
				       " trace_instance=window@0x%" PRIx64 ":%s,%s", size,
				       params->window_addr, params->window_addr, size,
				       params->events);
	else if (has_instance)
		g_string_append_printf(text, "trace_instance=hypertrace,%s trace_buf_size=%s",
				       params->events, size);
	else
		g_string_append_printf(text, "trace_event=%s trace_buf_size=%s", params->events,
				       size);
	/* Without a clock named the kernel changes it in its boot, and drops what it has. */
	if (params->wish != PARAMS_WINDOW && (!has_instance || has_functions))
		g_string_append(text, " trace_clock=x86-tsc");
	if (has_functions) {
		/*
		 * Functions are traced into the top-level buffer only, which is emptied
		 * when they begin to be: where there is an instance the events are there.
		 */
		g_string_append_printf(text, " ftrace=function_graph ftrace_graph_filter=%s",
				       params->functions);
		if (params->depth)
			g_string_append_printf(text, " ftrace_graph_max_depth=%d", params->depth);
	}
	if (has_printk(params->events))
		g_string_append(text, " systemd.log_target=kmsg printk.devkmsg=on");
	if (others + text->len >= COMMAND_LINE_SIZE) {
		fail(error, "the kernel takes %d characters of parameters, these are %zu%s",
		     COMMAND_LINE_SIZE - 1, others + text->len,
		     others ? ", with those it has already" : "");
		g_string_free(text, TRUE);
		return NULL;
	}
	return g_string_free(text, FALSE);
}

char *params_device(const struct params *params)
{
	g_autofree char *size = size_text(params->size);

	g_autofree char *region = size_text(VHT_REGION_DEFAULT_SIZE + 2 * params->size);
	bool is_large = params->size > DEFAULT_WINDOW_SIZE;

	if (params->wish != PARAMS_WINDOW)
		return g_strdup("virtio-hypertrace");
	/* the window is in the region twice */
	return g_strdup_printf("virtio-hypertrace,window-addr=0x%" PRIx64 ",window-size=%s%s%s",
			       params->window_addr, size, is_large ? ",size=" : "",
			       is_large ? region : "");
}

char *params_quote_grub(const char *text)
{
	GString *quoted = g_string_new(NULL);

	for (; *text; text++) {
		/* GRUB's backslash is two in the shell's double quotes; so is its dollar */
		if (!g_ascii_isalnum(*text) && !strchr(" =,:@_.-", *text))
			g_string_append(quoted, "\\\\");
		if (strchr("$`\"\\", *text))
			g_string_append_c(quoted, '\\');
		g_string_append_c(quoted, *text);
	}
	return g_string_free(quoted, FALSE);
}
