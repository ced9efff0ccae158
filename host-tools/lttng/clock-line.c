// SPDX-License-Identifier: GPL-2.0-only
/*
 * One line for a clock; see clock-line.h. The rate is the least squares' one, in whole
 * Hz; the origin is then such that what lies farthest above is as far off as what lies
 * farthest below.
 */
#include "lttng/clock-line.h"

#include <math.h>

#define NS_PER_S	1000000000

/* Over a shorter stretch the errors of the points make any rate, ns. */
#define LEAST_STRETCH	100000000

/* What a CTF clock's offset can be computed with. */
#define MAX_FREQ	18000000000ULL

void clock_line_add(GArray *points, const struct clock_map *map, struct clock_cursor *cursor,
		   uint64_t from)
{
	struct clock_line_point point = { .from = from };

	point.to = clock_map_apply(map, from, cursor);
	point.error = clock_map_bound(map, from, cursor);
	g_array_append_val(points, point);
}

/* The host's time of a value, as a reader of CTF computes it. */
static __int128 line_value(const struct clock_line *fit, uint64_t from)
{
	return (__int128)from * NS_PER_S / fit->freq + fit->offset_ns;
}

uint64_t clock_line_bound(const GArray *points, const struct clock_line *fit)
{
	uint64_t bound = 0;

	for (guint i = 0; i < points->len; i++) {
		const struct clock_line_point *point =
			&g_array_index(points, struct clock_line_point, i);
		__int128 off = line_value(fit, point->from) - point->to;

		off = (off < 0 ? -off : off) + point->error;
		bound = MAX(bound, off > UINT64_MAX ? UINT64_MAX : (uint64_t)off);
	}
	return points->len ? bound : UINT64_MAX;
}

/* The rate in Hz by least squares, or the nominal one where that makes no sense. */
static uint64_t find_rate(const GArray *points, uint64_t nominal)
{
	const struct clock_line_point *first = &g_array_index(points, struct clock_line_point, 0);
	uint64_t least = UINT64_MAX, most = 0;
	long double xs = 0, ys = 0, xx = 0, xy = 0, rate;

	/* around their middle: what is squared stays small */
	for (guint i = 0; i < points->len; i++) {
		const struct clock_line_point *point = &first[i];

		xs += (long double)point->from - first->from;
		ys += (long double)point->to - first->to;
		least = MIN(least, point->to);
		most = MAX(most, point->to);
	}
	if (most - least < LEAST_STRETCH)
		return nominal;
	xs /= points->len;
	ys /= points->len;
	for (guint i = 0; i < points->len; i++) {
		long double x = (long double)first[i].from - first->from - xs;
		long double y = (long double)first[i].to - first->to - ys;

		xx += x * x;
		xy += x * y;
	}
	rate = xy > 0 ? NS_PER_S * xx / xy : 0;
	return rate >= 1 && rate <= MAX_FREQ ? (uint64_t)roundl(rate) : nominal;
}

struct clock_line clock_line_fit(const GArray *points, uint64_t nominal)
{
	struct clock_line fit = { .freq = CLAMP(nominal, 1, MAX_FREQ), .bound_ns = UINT64_MAX };
	__int128 least = 0, most = 0, offset;

	if (!points->len)
		return fit;
	fit.freq = find_rate(points, fit.freq);
	for (guint i = 0; i < points->len; i++) {
		const struct clock_line_point *point =
			&g_array_index(points, struct clock_line_point, i);
		__int128 off = point->to - line_value(&fit, point->from);

		least = i ? MIN(least, off) : off;
		most = i ? MAX(most, off) : off;
	}
	offset = least + (most - least) / 2;
	fit.offset_ns = (int64_t)CLAMP(offset, INT64_MIN, INT64_MAX);
	fit.bound_ns = clock_line_bound(points, &fit);
	return fit;
}
