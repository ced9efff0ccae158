/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine's identity in traces. LTTng takes the boot id for it, and readers take
 * two traces whose clocks have one id to be of one machine: the host's traces have the
 * boot id, each VM's an id made of what tells it from others (a version 5 UUID).
 */
#ifndef HYPERTRACE_RECORDING_MACHINE_H
#define HYPERTRACE_RECORDING_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

/**
 * machine_uuid - a machine's identity
 * @recording: which it is in
 * @vm: the VM, or the host
 * @uuid: written on success
 * Return: false if it has none: the host, if nobody told its boot id.
 */
bool machine_uuid(const struct recording *recording, const struct recording_vm *vm,
		  uint8_t uuid[16]);

#endif
