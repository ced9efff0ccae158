/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The moments that a boot is known by, and which of its phases' boundaries they
 * are. Most boundaries are what they are when they go by (life.h); where the first
 * phases and those of user space begin can be told only when the boot has ended.
 */
#ifndef HYPERTRACE_BOOT_MOMENTS_H
#define HYPERTRACE_BOOT_MOMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "phases.h"

/**
 * enum boot_target - systemd's targets that begin or end a phase, in order
 */
enum boot_target {
	TARGET_SYSINIT,
	TARGET_BASIC,
	TARGET_MULTI_USER,
	TARGET_GRAPHICAL,
	TARGET_COUNT,
};

/**
 * struct moments - what was seen; times are host ns, 0: not seen
 * @first: first event
 * @last: last one so far
 * @first_guest: first event of the guest itself
 * @last_guest: last one so far
 * @process: the VMM's process began
 * @created: the device was made
 * @machine_ready: the machine was
 * @first_run: vCPUs began to run
 * @reset: the reset that this life of the VM began with, if @is_reset
 * @is_reset: it began with one
 * @clock_zero: the guest's clock was 0
 * @kernel_mark: the kernel's begin by a mark on a watched port
 * @user_mark: user space's, likewise
 * @real_init: pid 1 ran the system's own first program
 * @reached: systemd reached its targets
 */
struct moments {
	uint64_t first;
	uint64_t last;
	uint64_t first_guest;
	uint64_t last_guest;
	uint64_t process;
	uint64_t created;
	uint64_t machine_ready;
	uint64_t first_run;
	uint64_t reset;
	bool is_reset;
	uint64_t clock_zero;
	uint64_t kernel_mark;
	uint64_t user_mark;
	uint64_t real_init;
	uint64_t reached[TARGET_COUNT];
};

/**
 * moments_begin - where the phases up to the kernel begin
 * @moments: what was seen
 * @at: gets their boundaries
 * Return: when the boot began.
 */
uint64_t moments_begin(const struct moments *moments, struct boundaries *at);

/**
 * moments_user - where user space's phases begin: each where the one before reached its target
 * @moments: what was seen
 * @end: of the boot: what came later does not count
 * @at: gets their boundaries, in place of those of an earlier end
 */
void moments_user(const struct moments *moments, uint64_t end, struct boundaries *at);

#endif
