/* SPDX-License-Identifier: GPL-2.0-only */
/* What commands print of the sessions of LTTng in a guest. */
#ifndef HYPERTRACE_GUEST_LTTNG_H
#define HYPERTRACE_GUEST_LTTNG_H

#include "decode/timebase.h"
#include "lttng/guest.h"

/**
 * guest_lttng_print_session - print what a session is: name, state, channels
 * @indent: what the line begins with
 * @session: the session
 */
void guest_lttng_print_session(const char *indent, const struct lttng_guest_session *session);

/**
 * guest_lttng_print_totals - print what there is of it, and what is not
 * @indent: what the line begins with
 * @session: the session
 */
void guest_lttng_print_totals(const char *indent, const struct lttng_guest_session *session);

/**
 * guest_lttng_print_late - print what was lost and belongs to no session known
 * @indent: what the line begins with
 * @guest: the guest
 */
void guest_lttng_print_late(const char *indent, const struct lttng_guest *guest);

/**
 * guest_lttng_print_clock - print how well a session's times are known
 * @indent: what the line begins with
 * @recording: which it is in
 * @vm: whose it is
 * @timebase: of @vm
 * @session: the session
 */
void guest_lttng_print_clock(const char *indent, const struct recording *recording,
			     const struct recording_vm *vm, const struct timebase *timebase,
			     const struct lttng_guest_session *session);

/**
 * guest_lttng_print_recorded - print all sessions of a VM, and their sums
 * @vm: the VM
 */
void guest_lttng_print_recorded(const struct recording_vm *vm);

/**
 * guest_lttng_check - print all sessions of a VM, and what must not be
 * @vm: the VM
 * @has_loss: set if something is missing
 * Return: the number of defects.
 */
uint64_t guest_lttng_check(const struct recording_vm *vm, bool *has_loss);

#endif
