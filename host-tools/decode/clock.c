// SPDX-License-Identifier: GPL-2.0-only
/*
 * A map is a sorted array of lines. Making it from measured points takes three
 * steps: thin out points that are too close together for their noise, drop
 * points that contradict the others, connect what is left.
 *
 * One wrong measurement (a reader preempted at the wrong moment, a hostile
 * guest) must not bend the timeline. A point is dropped if it lies off the line
 * of its neighbours by much more than its own error and their usual scatter, and
 * if time would run backwards because of it.
 */
#include "clock.h"

#include <math.h>
#include <stdlib.h>

/* Above this many points they are thinned out further. */
#define MAX_POINTS	65536
/* Points on each side that a point is compared with. */
#define NEIGHBOURS	3
/* How far off the neighbours' line is always allowed. */
#define TOLERANCE	2000.0
/* How many times its error, or the usual scatter, a point may be off. */
#define FACTOR		8.0
/* A slope is trusted if the ends' errors bend it by less than this. */
#define SLOPE_ERROR	1e-4

struct point {
	uint64_t from;
	uint64_t to;
	uint64_t error;
	bool is_break;
	bool is_dropped;
};

struct line {
	uint64_t from;
	uint64_t to;
	double slope;
};

struct clock_map {
	double slope;
	uint64_t spacing;
	GArray *points;
	uint32_t line_count;
	struct line *lines;
	double slope_before;
};

struct clock_map *clock_map_new(double slope, uint64_t spacing)
{
	struct clock_map *map = g_new0(struct clock_map, 1);

	map->slope = slope;
	map->spacing = spacing;
	map->points = g_array_new(FALSE, FALSE, sizeof(struct point));
	return map;
}

void clock_map_free(struct clock_map *map)
{
	if (!map)
		return;
	if (map->points)
		g_array_unref(map->points);
	g_free(map->lines);
	g_free(map);
}

static gint compare_points(gconstpointer a, gconstpointer b)
{
	const struct point *left = a, *right = b;

	if (left->from != right->from)
		return left->from < right->from ? -1 : 1;
	if (left->to != right->to)
		return left->to < right->to ? -1 : 1;
	return 0;
}

/* Of the points in each stretch of @spacing keep the best; and all breaks. */
static void thin_out(GArray *points, uint64_t spacing)
{
	struct point *p = (struct point *)points->data;
	guint kept = 0;

	g_array_sort(points, compare_points);
	for (guint i = 0; i < points->len; i++) {
		struct point *last = kept ? &p[kept - 1] : NULL;

		if (!last || p[i].is_break || last->is_break ||
		    p[i].from / spacing != last->from / spacing)
			p[kept++] = p[i];
		else if (p[i].error < last->error)
			*last = p[i];
	}
	g_array_set_size(points, kept);
}

void clock_map_add(struct clock_map *map, uint64_t from, uint64_t to, uint64_t error,
		   bool is_break)
{
	struct point point = { from, to, error, is_break, false };

	if (map->points->len >= MAX_POINTS) {
		map->spacing = map->spacing ? map->spacing * 2 : 1000000;
		thin_out(map->points, map->spacing);
		/* Nothing but breaks: there is no honest map with so many. */
		if (map->points->len >= MAX_POINTS / 2)
			g_array_set_size(map->points, MAX_POINTS / 2);
	}
	g_array_append_val(map->points, point);
}

static gint compare_doubles(gconstpointer a, gconstpointer b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(GArray *values)
{
	if (!values->len)
		return 0;
	g_array_sort(values, compare_doubles);
	return g_array_index(values, double, values->len / 2);
}

/* a - b as a number with a sign. */
static double difference(uint64_t a, uint64_t b)
{
	return a >= b ? (double)(a - b) : -(double)(b - a);
}

/* The slope most pairs of far apart points agree on; 0 if there is none. */
static double typical_slope(const struct point *p, guint count)
{
	GArray *slopes = g_array_new(FALSE, FALSE, sizeof(double));
	guint distance = MAX(count / 2, 1);
	double result;

	for (guint i = 0; i + distance < count; i++) {
		double run = difference(p[i + distance].from, p[i].from);
		double slope = run > 0 ? difference(p[i + distance].to, p[i].to) / run : 0;

		if (slope > 0)
			g_array_append_val(slopes, slope);
	}
	result = median(slopes);
	g_array_unref(slopes);
	return result;
}

/* How far a point is off the line through another point. */
static double residual(const struct point *p, const struct point *other, double slope)
{
	return difference(p->to, other->to) - difference(p->from, other->from) * slope;
}

/* Of [first, last), one stretch without a break: mark what is off the line. */
static void drop_outliers(struct point *p, guint first, guint last, double slope)
{
	GArray *values = g_array_new(FALSE, FALSE, sizeof(double));
	double scatter;

	for (guint i = first; i + 1 < last; i++) {
		double step = fabs(residual(&p[i + 1], &p[i], slope));

		g_array_append_val(values, step);
	}
	scatter = median(values);
	for (guint i = first; i < last; i++) {
		guint begin = i >= first + NEIGHBOURS ? i - NEIGHBOURS : first;
		guint end = MIN(i + NEIGHBOURS + 1, last);
		double off, limit;

		g_array_set_size(values, 0);
		for (guint j = begin; j < end; j++) {
			double value = residual(&p[i], &p[j], slope);

			if (j != i)
				g_array_append_val(values, value);
		}
		/* Two neighbours that differ do not say which of three is wrong. */
		if (values->len < 3)
			continue;
		off = fabs(median(values));
		limit = MAX(TOLERANCE, FACTOR * MAX(scatter, (double)p[i].error));
		p[i].is_dropped = off > limit;
	}
	g_array_unref(values);
}

/* The longest run of points on which time does not go back; others are dropped. */
static void drop_backward(struct point *p, guint count)
{
	guint *tails = g_new(guint, count + 1), *previous = g_new(guint, count + 1);
	guint length = 0;

	for (guint i = 0; i < count; i++) {
		guint low = 0, high = length;

		while (low < high) {
			guint middle = (low + high) / 2;

			if (p[tails[middle]].to < p[i].to)
				low = middle + 1;
			else
				high = middle;
		}
		previous[i] = low ? tails[low - 1] : G_MAXUINT;
		tails[low] = i;
		if (low == length)
			length++;
		p[i].is_dropped = true;
	}
	for (guint i = length ? tails[length - 1] : G_MAXUINT; i != G_MAXUINT; i = previous[i])
		p[i].is_dropped = false;
	g_free(tails);
	g_free(previous);
}

static uint32_t remove_dropped(GArray *points)
{
	struct point *p = (struct point *)points->data;
	guint kept = 0, before = points->len;
	bool is_break = false;

	for (guint i = 0; i < before; i++) {
		is_break |= p[i].is_break;
		if (p[i].is_dropped)
			continue;
		p[kept] = p[i];
		p[kept++].is_break = is_break;
		is_break = false;
	}
	g_array_set_size(points, kept);
	return before - kept;
}

/* The slope of a stretch without a break, from its ends. */
static double stretch_slope(const struct point *p, guint first, guint last, double otherwise)
{
	double run, rise;

	if (last - first < 2)
		return otherwise;
	run = difference(p[last - 1].from, p[first].from);
	rise = difference(p[last - 1].to, p[first].to);
	if (run <= 0 || rise <= 0)
		return otherwise;
	if (otherwise > 0 && (p[first].error + p[last - 1].error) / run > SLOPE_ERROR)
		return otherwise;
	return rise / run;
}

static guint stretch_end(const struct point *p, guint first, guint count)
{
	guint last = first + 1;

	while (last < count && !p[last].is_break)
		last++;
	return last;
}

static void make_lines(struct clock_map *map, double slope)
{
	const struct point *p = (const struct point *)map->points->data;
	guint count = map->points->len;

	map->lines = g_new(struct line, MAX(count, 1));
	for (guint first = 0; first < count;) {
		guint last = stretch_end(p, first, count);
		double whole = stretch_slope(p, first, last, slope);

		if (!first)
			map->slope_before = whole;
		for (guint i = first; i < last; i++) {
			struct line *line = &map->lines[map->line_count];
			double run = i + 1 < last ? difference(p[i + 1].from, p[i].from) : 0;

			/* Two measurements of one moment: the first will do. */
			if (i + 1 < last && run <= 0)
				continue;
			line->from = p[i].from;
			line->to = p[i].to;
			line->slope = run > 0 ? difference(p[i + 1].to, p[i].to) / run : whole;
			map->line_count++;
		}
		first = last;
	}
}

uint32_t clock_map_finish(struct clock_map *map)
{
	GArray *points = map->points;
	struct point *p;
	double slope;
	uint32_t dropped;

	if (map->spacing)
		thin_out(points, map->spacing);
	else
		g_array_sort(points, compare_points);
	p = (struct point *)points->data;
	for (guint first = 0, last; first < points->len; first = last) {
		last = stretch_end(p, first, points->len);
		slope = typical_slope(p + first, last - first);
		drop_outliers(p, first, last, slope > 0 ? slope : map->slope);
	}
	dropped = remove_dropped(points);
	drop_backward((struct point *)points->data, points->len);
	dropped += remove_dropped(points);
	slope = map->slope;
	if (slope <= 0)
		slope = typical_slope((struct point *)points->data, points->len);
	make_lines(map, slope > 0 ? slope : 1);
	g_array_unref(map->points);
	map->points = NULL;
	return dropped;
}

bool clock_map_is_empty(const struct clock_map *map)
{
	return !map->line_count;
}

/* The last line that begins at or before @from, or the first line. */
static uint32_t find_line(const struct clock_map *map, uint64_t from)
{
	uint32_t low = 0, high = map->line_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (map->lines[middle].from <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : 0;
}

static uint64_t saturate(double value)
{
	return value <= 0 ? 0 : value >= 0x1p63 ? (uint64_t)1 << 63 : (uint64_t)value;
}

static uint64_t line_apply(const struct line *line, uint64_t from)
{
	uint64_t step = saturate((double)(from - line->from) * line->slope + 0.5);

	return line->to > UINT64_MAX - step ? UINT64_MAX : line->to + step;
}

uint64_t clock_map_apply(const struct clock_map *map, uint64_t from, uint32_t *hint)
{
	const struct line *line;
	uint32_t at = *hint;

	if (G_UNLIKELY(at >= map->line_count || from < map->lines[at].from ||
		       (at + 1 < map->line_count && from >= map->lines[at + 1].from)))
		*hint = at = find_line(map, from);
	line = &map->lines[at];
	if (G_UNLIKELY(from < line->from)) {
		uint64_t step = saturate((double)(line->from - from) * map->slope_before + 0.5);

		return line->to < step ? 0 : line->to - step;
	}
	uint64_t to = line_apply(line, from);

	/* Where a clock stood still the line before must not run past it. */
	if (at + 1 < map->line_count && to > map->lines[at + 1].to)
		return map->lines[at + 1].to;
	return to;
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
	const struct line *left = a, *right = b;

	if (left->from != right->from)
		return left->from < right->from ? -1 : 1;
	return (left->to > right->to) - (left->to < right->to);
}

/* The slope that a map has just after a time. */
static double slope_at(const struct clock_map *map, uint64_t from)
{
	if (from < map->lines[0].from)
		return map->slope_before;
	return map->lines[find_line(map, from)].slope;
}

/* Where a map reaches a value: its reverse. */
static uint64_t reverse_apply(const struct clock_map *map, uint64_t to)
{
	const struct line *line = map->lines;
	uint32_t low = 0, high = map->line_count;

	if (to < line->to) {
		uint64_t step = map->slope_before > 0 ?
			saturate((double)(line->to - to) / map->slope_before) : 0;

		return line->from < step ? 0 : line->from - step;
	}
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (map->lines[middle].to <= to)
			low = middle;
		else
			high = middle;
	}
	line = &map->lines[low];
	if (line->slope <= 0)
		return line->from;
	return line->from + saturate((double)(to - line->to) / line->slope + 0.5);
}

static void add_line(struct clock_map *map, uint64_t from, uint64_t to, double slope)
{
	map->lines[map->line_count++] = (struct line){ from, to, slope };
}

struct clock_map *clock_map_compose(const struct clock_map *first,
				    const struct clock_map *second)
{
	struct clock_map *map = g_new0(struct clock_map, 1);
	uint32_t hint = 0;
	uint64_t begin;

	if (!first->line_count || !second->line_count)
		return map;
	map->lines = g_new(struct line, first->line_count + second->line_count + 1);
	/* Times of the first clock begin at 0; some of the second's lines lie before. */
	begin = clock_map_apply(first, 0, &hint);
	hint = 0;
	add_line(map, 0, clock_map_apply(second, begin, &hint),
		 slope_at(first, 0) * slope_at(second, begin));
	for (uint32_t i = 0; i < first->line_count; i++) {
		const struct line *line = &first->lines[i];

		if (line->from > 0)
			add_line(map, line->from, clock_map_apply(second, line->to, &hint),
				 line->slope * slope_at(second, line->to));
	}
	for (uint32_t i = 0; i < second->line_count; i++) {
		const struct line *line = &second->lines[i];
		uint64_t from = reverse_apply(first, line->from);

		if (line->from > begin)
			add_line(map, from, line->to, slope_at(first, from) * line->slope);
	}
	qsort(map->lines, map->line_count, sizeof(struct line), compare_lines);
	return map;
}
