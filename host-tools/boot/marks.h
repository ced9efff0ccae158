/* SPDX-License-Identifier: GPL-2.0-only */
/* Moments of a guest's life that are shown as they are: a bounded number of marks. */
#ifndef HYPERTRACE_BOOT_MARKS_H
#define HYPERTRACE_BOOT_MARKS_H

#include <stdint.h>

#include "extent.h"
#include "report.h"

struct marks;

/** marks_new - none yet. Return: to be freed with marks_free() */
struct marks *marks_new(void);

/** marks_free - free them; NULL is fine */
void marks_free(struct marks *marks);

/**
 * marks_add - one more
 * @marks: the marks
 * @time: host ns
 * @kind: as in the report; a constant
 * @name: as in the report
 * @text: NULL or "": none
 * Return: the mark, theirs, without a port, or NULL if there are too many.
 */
struct mark *marks_add(struct marks *marks, uint64_t time, const char *kind, const char *name,
		       const char *text);

/** marks_report - those of @extent go into the span */
void marks_report(const struct marks *marks, const struct extent *extent, struct span *span);

#endif
