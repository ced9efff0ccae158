/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel parameters for what somebody wants to see of a guest, and the quoting
 * that each place they are written to needs.
 */
#ifndef HYPERTRACE_KERNEL_PARAMS_H
#define HYPERTRACE_KERNEL_PARAMS_H

#include <glib.h>
#include <stdint.h>

/**
 * enum params_wish - what is wanted
 * @PARAMS_BOOT: events from the start of the kernel on, taken by the driver
 * @PARAMS_BOOT_FUNCTIONS: and the calls of functions
 * @PARAMS_WINDOW: events in the window, with no driver
 */
enum params_wish {
	PARAMS_BOOT,
	PARAMS_BOOT_FUNCTIONS,
	PARAMS_WINDOW,
};

/**
 * struct params - a wish in detail
 * @wish: what is wanted
 * @kernel: of the guest: a version or a release, e.g. "6.12" or "6.1.0-56-amd64"
 * @events: SYSTEM, SYSTEM:* or SYSTEM:EVENT, separated by commas; NULL: the default
 * @functions: whose calls are traced, with all that they call; separated by
 *	commas; NULL: the default
 * @depth: of the calls, 0: all, negative: the default
 * @size: bytes, of each CPU's buffer or of the window; 0: the default
 * @window_addr: guest-physical; 0: the default
 * @ram: of the guest, bytes; 0: not known
 * @others: parameters that the guest has already, NULL: none
 */
struct params {
	enum params_wish wish;
	const char *kernel;
	const char *events;
	const char *functions;
	int depth;
	uint64_t size;
	uint64_t window_addr;
	uint64_t ram;
	const char *others;
};

/**
 * params_complete - put defaults where nothing was said, and check all
 * @params: changed
 * @error: %HT_ERROR_USAGE: what does not go
 * Return: TRUE if it does.
 */
gboolean params_complete(struct params *params, GError **error);

/**
 * params_text - the kernel parameters
 * @params: complete
 * @error: %HT_ERROR_USAGE: with @params->others they are too long for the kernel
 * Return: the parameters, without @others, to be freed, or NULL.
 */
char *params_text(const struct params *params, GError **error);

/**
 * params_device - the value of QEMU's -device for them
 * @params: complete
 * Return: to be freed.
 */
char *params_device(const struct params *params);

/**
 * params_quote_grub - for double quotes in /etc/default/grub
 * @text: parameters
 *
 * The shell that reads that file takes one level of quoting off, GRUB's own
 * script language another.
 *
 * Return: to be freed.
 */
char *params_quote_grub(const char *text);

#endif
