/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the boot report's events come from: a recording, through the decoder,
 * or a CTF trace, through babeltrace2. Both give the same events.
 */
#ifndef HYPERTRACE_BOOT_SOURCE_H
#define HYPERTRACE_BOOT_SOURCE_H

#include <glib.h>

#include "event.h"

/**
 * struct boot_source_info - what a source says of the VM and its epoch
 * @kind: "recording" or "ctf"
 * @vm: its name
 * @vmm: what ran it, or NULL
 * @uuid: or NULL
 * @kernel: release, or NULL
 * @command_line: the kernel's, or NULL
 * @epoch: looked at
 * @epochs: uint32_t: all that were seen
 * @has_real: @real_offset is known
 * @real_offset: host CLOCK_REALTIME - CLOCK_MONOTONIC, ns
 * @clock_error_ns: how far a time may be off on the host's clock, once the
 *	kernel's clock has found its source; -1: not known
 * @end_reason: why the guest ended, in words, or NULL
 * @end_text: what its kernel said of it, or NULL
 * @warnings: char *
 */
struct boot_source_info {
	const char *kind;
	char *vm;
	char *vmm;
	char *uuid;
	char *kernel;
	char *command_line;
	uint32_t epoch;
	GArray *epochs;
	bool has_real;
	int64_t real_offset;
	int64_t clock_error_ns;
	char *end_reason;
	char *end_text;
	GPtrArray *warnings;
};

/**
 * struct boot_source_options - what to take of it
 * @vm: glob for the VM's name, NULL for the first one
 * @epoch: 0 for the first one with events of the guest
 */
struct boot_source_options {
	const char *vm;
	uint32_t epoch;
};

/** boot_take - called with each event in order of time; its pointers do not outlive the call */
typedef void (*boot_take)(const struct boot_event *event, void *data);

/**
 * boot_source_run - give all events of one epoch of one VM
 * @path: a recording, or a CTF trace
 * @options: which
 * @take: called for each
 * @data: for @take
 * @error: as recording_open(); %HT_ERROR_NOT_FOUND for a VM or epoch that is not there
 * Return: what is known of the VM, to be freed with boot_source_info_free(), or NULL.
 */
struct boot_source_info *boot_source_run(const char *path,
					 const struct boot_source_options *options,
					 boot_take take, void *data, GError **error);

/** boot_source_run_ctf - the same for a CTF trace alone */
struct boot_source_info *boot_source_run_ctf(const char *path,
					     const struct boot_source_options *options,
					     boot_take take, void *data, GError **error);

/** boot_source_info_new - one that says nothing yet. Return: to be freed */
struct boot_source_info *boot_source_info_new(const char *kind);

/** boot_source_info_free - free it; NULL is fine */
void boot_source_info_free(struct boot_source_info *info);

#endif
