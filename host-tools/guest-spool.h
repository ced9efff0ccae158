/* SPDX-License-Identifier: GPL-2.0-only */
/* What commands print of the files that programs of a guest wrote. */
#ifndef HYPERTRACE_GUEST_SPOOL_H
#define HYPERTRACE_GUEST_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/timebase.h"
#include "recording/reader.h"

/**
 * guest_spool_print - print what files there are, and LTTng's traces among them
 * @recording: which they are in
 * @vm: whose they are
 * @timebase: of @vm
 */
void guest_spool_print(const struct recording *recording, const struct recording_vm *vm,
		       const struct timebase *timebase);

/**
 * guest_spool_check - print the same, and what must not be
 * @vm: the VM
 * @has_loss: set if something is missing
 * Return: the number of defects.
 */
uint64_t guest_spool_check(const struct recording_vm *vm, bool *has_loss);

#endif
