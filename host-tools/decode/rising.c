// SPDX-License-Identifier: GPL-2.0-only
/* The longest rising run; see rising.h. */
#include "rising.h"

/* Of @length runs, shortest first, how many a value can be put behind. */
static guint find_run(const uint64_t *values, const guint *tails, guint length, uint64_t value,
		      bool may_stay)
{
	guint low = 0, high = length;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		uint64_t tail = values[tails[middle]];

		if (tail < value || (may_stay && tail == value))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool *rising_run(const uint64_t *values, guint count, bool may_stay)
{
	/* where the best run of each length ends, and what is before each in its best run */
	guint *tails = g_new(guint, count + 1), *previous = g_new(guint, count + 1);
	bool *is_kept = g_new0(bool, count + 1);
	guint length = 0;

	for (guint i = 0; i < count; i++) {
		guint run = find_run(values, tails, length, values[i], may_stay);

		previous[i] = run ? tails[run - 1] : G_MAXUINT;
		tails[run] = i;
		length = MAX(length, run + 1);
	}
	for (guint i = length ? tails[length - 1] : G_MAXUINT; i != G_MAXUINT; i = previous[i])
		is_kept[i] = true;
	g_free(tails);
	g_free(previous);
	return is_kept;
}
