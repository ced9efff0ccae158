/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A boot without tracing, for comparison: somebody's command starts the VM, and
 * `hypertrace record` takes what the VMM sees of it.
 */
#ifndef HYPERTRACE_BOOT_CONTROL_H
#define HYPERTRACE_BOOT_CONTROL_H

#include <glib.h>
#include <stdbool.h>

/**
 * control_record - run a command and record the VM that it starts, until that ends
 * @command: the command and its arguments, NULL-terminated
 * @vm: name of the VM
 * @runtime_dir: where it will be found, NULL: the usual place
 * @out: directory of the recording, made
 * @error: the command or the recorder failed, or the VM did not come
 * Return: true if there is a recording.
 */
bool control_record(char **command, const char *vm, const char *runtime_dir, const char *out,
		    GError **error);

#endif
