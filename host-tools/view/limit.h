/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits of the time shown. */
#ifndef HT_VIEW_LIMIT_H
#define HT_VIEW_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct view_limit - a limit
 * @time: in ns
 * @is_relative: since the first event
 * @is_real: a time of day, else of the host's CLOCK_MONOTONIC
 */
struct view_limit {
	uint64_t time;
	bool is_relative;
	bool is_real;
};

/**
 * view_limit_parse - understand a limit
 * @string: "12.5" seconds, "+1.5" after the first event, or a time of day, UTC unless it
 *	says otherwise. NULL is fine, too
 * @limit: set, unless @string is NULL
 * Return: false if it is none of these.
 */
bool view_limit_parse(const char *string, struct view_limit *limit);

/**
 * view_limit_time - what a limit is on the timeline
 * @limit: the limit
 * @real_offset: host CLOCK_REALTIME - CLOCK_MONOTONIC, ns
 * @first: time of the first event, ns
 * Return: host CLOCK_MONOTONIC, ns.
 */
uint64_t view_limit_time(const struct view_limit *limit, int64_t real_offset, uint64_t first);

#endif
