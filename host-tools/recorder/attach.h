/* SPDX-License-Identifier: GPL-2.0-only */
/* Which VMs are to be recorded, and reaching their regions, alive or dead. */
#ifndef HYPERTRACE_RECORDER_ATTACH_H
#define HYPERTRACE_RECORDER_ATTACH_H

#include <glib.h>
#include <stdbool.h>

#include "recorder/recorder.h"
#include "region/region.h"
#include "vm.h"

/**
 * recorder_attach - reach a VM's region, alive or dead
 * @vm: the VM
 * @must_live: do not read the region of a dead one
 * @region: set to its region, which is the caller's
 * @control_fd: set to the connection to its VMM, the caller's; -1 of a dead one
 * @is_dead: set if it is one and @must_live
 * @error: why it cannot be reached
 * Return: false with @error set, or with *@is_dead set.
 */
bool recorder_attach(const struct vm *vm, bool must_live, struct region **region,
		     int *control_fd, bool *is_dead, GError **error);

/**
 * recorder_find_vms - the VMs that the command line means: none are fine for the host alone
 * @options: the command line
 * @error: %HT_ERROR_NOT_FOUND: there is none
 * Return: struct vm *[], or NULL with @error set.
 */
GPtrArray *recorder_find_vms(const struct record_options *options, GError **error);

#endif
