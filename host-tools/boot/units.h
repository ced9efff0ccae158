/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * systemd's units, by what systemd says on the console (systemd.log_target=kmsg)
 * and by the control groups that it makes.
 */
#ifndef HYPERTRACE_BOOT_UNITS_H
#define HYPERTRACE_BOOT_UNITS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "extent.h"
#include "report.h"

/**
 * struct unit_life - a unit
 * @name: "foo.service"; where systemd does not say it, the description
 * @description: or NULL
 * @start: its job began; 0: not seen
 * @active: it is up; 0: not seen
 * @stop: its stopping began; 0: not seen
 * @end: it is down, or, of a oneshot, done; 0: not seen
 * @is_failed: it did not come up
 * @is_from_log: systemd spoke of it
 */
struct unit_life {
	char *name;
	char *description;
	uint64_t start;
	uint64_t active;
	uint64_t stop;
	uint64_t end;
	bool is_failed;
	bool is_from_log;
};

/**
 * enum unit_news - what a message of systemd says
 */
enum unit_news {
	UNIT_NOTHING,
	UNIT_STARTING,
	UNIT_ACTIVE,
	UNIT_FAILED,
	UNIT_STOPPING,
	UNIT_STOPPED,
	UNIT_STARTUP_FINISHED,	/* no unit: "Startup finished in ..." */
};

struct units;

/** units_new - none yet. Return: to be freed with units_free() */
struct units *units_new(void);

/** units_free - free them; NULL is fine */
void units_free(struct units *units);

/**
 * units_message - take a line of the console
 * @units: the units
 * @text: the line
 * @time: of it
 * @unit: number of the unit that it is about, -1: none
 * Return: what it says.
 */
enum unit_news units_message(struct units *units, const char *text, uint64_t time,
			     int32_t *unit);

/** units_cgroup_made - a control group was made. Return: number of its unit, -1: none */
int32_t units_cgroup_made(struct units *units, const char *path, uint64_t time);

/** units_cgroup_gone - it was removed */
void units_cgroup_gone(struct units *units, const char *path, uint64_t time);

/** units_of_path - the unit that a control group belongs to, made if need be; -1: none */
int32_t units_of_path(struct units *units, const char *path, uint64_t time);

/** units_count - how many there are */
int32_t units_count(const struct units *units);

/** units_at - one of them */
struct unit_life *units_at(const struct units *units, int32_t number);

/** units_omitted - units that were too many to be kept */
uint64_t units_omitted(const struct units *units);

/** units_report - those that began, or stopped, in @extent go into the span, in order of time */
void units_report(const struct units *units, const struct extent *extent, struct span *span);

#endif
