/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's life in its stages: the boot, what is between, the shutdown. It holds
 * all that is known of the guest so far. Those who understand events (vmm-events.h,
 * kernel-events.h, user-events.h) tell it when boundaries go by and when a stage
 * ends; at that moment the span of the stage is made, of what is known then.
 */
#ifndef HYPERTRACE_BOOT_LIFE_H
#define HYPERTRACE_BOOT_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "event.h"
#include "extent.h"
#include "functions.h"
#include "initcalls.h"
#include "marks.h"
#include "moments.h"
#include "phases.h"
#include "report.h"
#include "scheduler.h"
#include "units.h"
#include "until.h"

/**
 * enum stage - which part of the guest's life events are of
 */
enum stage {
	STAGE_BOOT,
	STAGE_BETWEEN,
	STAGE_SHUTDOWN,
};

/**
 * struct life - what is known of a guest's life so far; times are host ns
 * @until: what ends the boot
 * @account: time, with a cut at each boundary
 * @sched: has seen each event before anybody else
 * @units: systemd's
 * @functions: of the boot, if traced
 * @initcalls: and modules'
 * @marks: moments that are shown as they are
 * @moments: moments that make boundaries
 * @stage: of the last event; only life.c changes it
 * @boot_at: the boot's boundaries
 * @stop_at: the shutdown's
 * @boot: made at the boot's end, perhaps a provisional one
 * @boot_extent: of @boot
 * @boot_vcpus: vCPUs seen by then
 * @shutdown: NULL: none seen
 * @is_end_found: the boot ended with its marker
 * @end_what: that marker in words
 * @end_task: the scheduler's index of the task in which the boot ended
 * @stop_task: the same for the shutdown
 * @is_provisional: systemd reached its target, which is the end if it says no more
 * @stop_begin: the shutdown began, or may have
 * @last_stop: systemd spoke of stopping something for the last time
 * @execs: of pid 1 before its real one
 * @is_pivoting: one of them changes the root
 * @is_late: the last level of initcalls began
 * @is_late_cut: an initcall of it ended, perhaps the last: BEGIN_KERNEL_END may not stand
 * @made_unit: number of a unit whose cgroup systemd has made, and its process not yet; -1: none
 */
struct life {
	const struct until *until;
	struct account *account;
	struct sched *sched;
	struct units *units;
	struct functions *functions;
	struct initcalls *initcalls;
	struct marks *marks;
	struct moments moments;
	enum stage stage;
	struct boundaries boot_at;
	struct boundaries stop_at;
	struct span *boot;
	struct extent boot_extent;
	uint32_t boot_vcpus;
	struct span *shutdown;
	bool is_end_found;
	const char *end_what;
	int32_t end_task;
	int32_t stop_task;
	bool is_provisional;
	uint64_t stop_begin;
	uint64_t last_stop;
	uint32_t execs;
	bool is_pivoting;
	bool is_late;
	bool is_late_cut;
	int32_t made_unit;
};

/**
 * life_init - begin with the boot
 * @life: to set
 * @until: what ends the boot; must outlive it
 */
void life_init(struct life *life, const struct until *until);

/** life_fini - free what it holds, its spans too */
void life_fini(struct life *life);

/** life_boundary - a boundary of the boot is seen at @time; only the first time counts */
void life_boundary(struct life *life, enum boundary which, uint64_t time);

/**
 * life_note - a moment is seen that becomes a boundary, perhaps, when the stage has ended
 * @life: the life
 * @to: one of its moments; only the first time counts
 * @time: of it
 */
void life_note(struct life *life, uint64_t *to, uint64_t time);

/** life_stop_boundary - a boundary of the shutdown is seen at @time, if there is one */
void life_stop_boundary(struct life *life, enum boundary which, uint64_t time);

/**
 * life_end_boot - the boot's marker is seen
 * @life: the life; nothing happens if the boot is over
 * @event: the marker
 * @what: the marker in words; a constant
 */
void life_end_boot(struct life *life, const struct boot_event *event, const char *what);

/**
 * life_reach_target - systemd reached its target: the end, unless it says later that
 * it is finished; parameters as life_end_boot()
 */
void life_reach_target(struct life *life, const struct boot_event *event, const char *what);

/** life_begin_shutdown - what is seen at @time belongs to the shutdown for sure */
void life_begin_shutdown(struct life *life, uint64_t time);

/**
 * life_stop_unit - systemd stops something
 * @life: the life
 * @time: of its message
 * @is_certain: it does so in a shutdown alone
 */
void life_stop_unit(struct life *life, uint64_t time, bool is_certain);

/** life_finish - there are no more events: afterwards there is a boot, at least */
void life_finish(struct life *life);

#endif
