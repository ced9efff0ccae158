/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time, added up between boundaries. Each kind of time is given as intervals,
 * when they have ended; an interval that lies across boundaries is split there.
 * Boundaries come in order of time, and each before the intervals that it splits.
 */
#ifndef HYPERTRACE_BOOT_ACCOUNT_H
#define HYPERTRACE_BOOT_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum account_kind - what time is spent on
 */
enum account_kind {
	ACCOUNT_WALL_RUNNING,
	ACCOUNT_WALL_DISK,
	ACCOUNT_WALL_DEVICE,
	ACCOUNT_WALL_TIMER,
	ACCOUNT_WALL_TASK,
	ACCOUNT_WALL_IDLE,
	ACCOUNT_CPU_TASK,
	ACCOUNT_CPU_IRQ,
	ACCOUNT_CPU_IDLE,
	ACCOUNT_RUNNABLE,
	ACCOUNT_COUNT,
};

struct account;

/** account_new - without a boundary. Return: to be freed with account_free() */
struct account *account_new(void);

/** account_free - free it; NULL is fine */
void account_free(struct account *account);

/**
 * account_cut - a boundary
 * @account: the account
 * @time: not before the last one
 * Return: false if there are too many: this one is none.
 */
bool account_cut(struct account *account, uint64_t time);

/** account_uncut - take a boundary back, if it is still the last one */
void account_uncut(struct account *account, uint64_t time);

/** account_add - time from @start to @end was spent on @kind */
void account_add(struct account *account, enum account_kind kind, uint64_t start, uint64_t end);

/**
 * account_sum - what was spent between two times that are boundaries, or outside of
 * all time that was added
 * @account: the account
 * @start: the first
 * @end: the second
 * @sums: ACCOUNT_COUNT sums, ns
 */
void account_sum(const struct account *account, uint64_t start, uint64_t end, int64_t *sums);

#endif
