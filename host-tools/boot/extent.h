/* SPDX-License-Identifier: GPL-2.0-only */
/* What part of a guest's life a span reports on, and its times as the report has them. */
#ifndef HYPERTRACE_BOOT_EXTENT_H
#define HYPERTRACE_BOOT_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct extent - of a span; times are host ns
 * @is_shutdown: of the shutdown, not of the boot
 * @origin: of the report: what its times count from
 * @start: of the span; the boot's is @origin
 * @end: of the span
 */
struct extent {
	bool is_shutdown;
	uint64_t origin;
	uint64_t start;
	uint64_t end;
};

/** extent_time - a time as the report has it: since the origin, 0 for what came before */
int64_t extent_time(const struct extent *extent, uint64_t time);

/** extent_time_or_none - the same; NO_TIME for 0, and for what came after the end */
int64_t extent_time_or_none(const struct extent *extent, uint64_t time);

#endif
