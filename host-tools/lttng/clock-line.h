/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One line for a clock over all of a trace: CTF has a rate and an origin, no more. So
 * a clock that is known by many points gets the line that fits them, and is told by
 * how much that is off.
 */
#ifndef HYPERTRACE_LTTNG_CLOCK_LINE_H
#define HYPERTRACE_LTTNG_CLOCK_LINE_H

#include <glib.h>
#include <stdint.h>

#include "decode/clock.h"

/**
 * struct clock_line_point - a moment
 * @from: on the clock
 * @to: on the host, CLOCK_MONOTONIC in ns
 * @error: @to is right to +- this
 */
struct clock_line_point {
	uint64_t from;
	uint64_t to;
	uint64_t error;
};

/**
 * struct clock_line - a line: CLOCK_MONOTONIC in ns is @offset_ns + value * 1e9 / @freq
 * @freq: Hz
 * @offset_ns: at the clock's 0
 * @bound_ns: no point is off by more, with its error; %UINT64_MAX without points
 */
struct clock_line {
	uint64_t freq;
	int64_t offset_ns;
	uint64_t bound_ns;
};

/**
 * clock_line_add - add a moment that a map knows
 * @points: struct clock_line_point[]
 * @map: clock -> CLOCK_MONOTONIC in ns
 * @cursor: the caller's place in the map
 * @from: on the clock
 */
void clock_line_add(GArray *points, const struct clock_map *map, struct clock_cursor *cursor,
		   uint64_t from);

/**
 * clock_line_fit - the line through points
 * @points: struct clock_line_point[]
 * @nominal: rate of the clock if the points cannot tell, Hz, not 0
 * Return: the line.
 */
struct clock_line clock_line_fit(const GArray *points, uint64_t nominal);

/**
 * clock_line_bound - how far points lie off a line
 * @points: struct clock_line_point[]
 * @fit: the line; its bound is not looked at
 * Return: no point is off by more ns, with its error; %UINT64_MAX without points.
 */
uint64_t clock_line_bound(const GArray *points, const struct clock_line *fit);

#endif
