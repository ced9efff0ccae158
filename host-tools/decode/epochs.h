/* SPDX-License-Identifier: GPL-2.0-only */
/* What a VM's own stream says of an epoch: that it was, and when. */
#ifndef HYPERTRACE_DECODE_EPOCHS_H
#define HYPERTRACE_DECODE_EPOCHS_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/reader.h"

/** epoch_has_events - see whether the VM had an epoch, though nothing may be traced of it */
bool epoch_has_events(const struct recording_vm *vm, uint32_t epoch);

/**
 * epoch_span - from when to when an epoch was
 * @vm: the VM
 * @epoch: its number
 * @first: CLOCK_MONOTONIC, ns; written
 * @last: likewise; not before the last that is known to be of it
 * Return: false if nothing is known of it.
 */
bool epoch_span(const struct recording_vm *vm, uint32_t epoch, uint64_t *first, uint64_t *last);

#endif
