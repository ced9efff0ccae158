/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The phases of a boot and of a shutdown: always the same ones, in the same
 * order. Each begins at a boundary; one whose boundary was not seen is empty, and
 * its time is in a neighbour.
 */
#ifndef HYPERTRACE_BOOT_PHASES_H
#define HYPERTRACE_BOOT_PHASES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "extent.h"
#include "report.h"

/**
 * enum boundary - where a phase begins; in order
 */
enum boundary {
	BEGIN_QEMU,
	BEGIN_MACHINE,
	BEGIN_FIRMWARE,
	BEGIN_LOADER,
	BEGIN_DECOMPRESS,
	BEGIN_KERNEL,
	BEGIN_LEVEL_CONSOLE,
	BEGIN_LEVEL_EARLY,
	BEGIN_LEVEL_PURE,
	BEGIN_LEVEL_CORE,
	BEGIN_LEVEL_POSTCORE,
	BEGIN_LEVEL_ARCH,
	BEGIN_LEVEL_SUBSYS,
	BEGIN_LEVEL_FS,
	BEGIN_LEVEL_DEVICE,
	BEGIN_LEVEL_LATE,
	BEGIN_KERNEL_END,
	BEGIN_INITRAMFS,
	BEGIN_PIVOT,
	BEGIN_SYSINIT,
	BEGIN_BASIC,
	BEGIN_MULTI_USER,
	BEGIN_GRAPHICAL,
	BEGIN_FINISH,
	BOOT_PHASES,
	BEGIN_STOP_UNITS = 0,
	BEGIN_STOP_FINAL,
	BEGIN_STOP_KERNEL,
	BEGIN_STOP_VMM,
	STOP_PHASES,
};

/**
 * struct boundaries - what was seen; times are host ns, 0: not seen
 * @at: where each phase begins
 * @reason: why it was not seen, or what else its begin was taken from; constants
 */
struct boundaries {
	uint64_t at[BOOT_PHASES];
	const char *reason[BOOT_PHASES];
};

/** phase_level - the boundary of an initcall level by the kernel's name; -1: none */
int phase_level(const char *level);

/** phase_is_id - there is a phase, of boot or shutdown, with this id */
bool phase_is_id(const char *id);

/**
 * phases_make - make the phases of a span
 * @boundaries: what was seen; those before the span count as at its start
 * @extent: of the span
 * @account: time by boundaries
 * @vcpus: how many there are
 * @span: gets phases, from its chain their shares of it, and totals
 */
void phases_make(const struct boundaries *boundaries, const struct extent *extent,
		 const struct account *account, uint32_t vcpus, struct span *span);

#endif
