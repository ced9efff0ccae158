// SPDX-License-Identifier: GPL-2.0-only
/*
 * A part of a map is a sorted array of lines. Making it from measured points takes
 * three steps: thin out points that are too close together for their noise, drop
 * points that contradict the others, connect what is left.
 *
 * One wrong measurement (a reader preempted at the wrong moment, a hostile
 * guest) must not bend the timeline. A point is dropped if it lies off the line
 * of its neighbours by much more than its own error and their usual scatter, and
 * if time would run backwards because of it.
 *
 * The bound. Between two points the error is at most what lies between theirs, if
 * the relation is a line. How far from a line it is shows where they lie off the
 * lines between points about as far away: twice that, shared out over the distance to
 * the nearer one. Beyond the ends the error grows by what is not known of the rate.
 */
#include "clock.h"

#include <math.h>
#include <stdlib.h>

/* Above this many points in a map they are thinned out further. */
#define MAX_POINTS	65536
/* More jumps than that are taken for breaks. */
#define MAX_PARTS	1024
/* Dropped points that are told one by one. */
#define MAX_DROPPED	16
/* Points on each side that a point is compared with. */
#define NEIGHBOURS	3
/* Points between two that a slope is taken of. */
#define APART		8
/* How far off the neighbours' line is always allowed. */
#define TOLERANCE	2000.0
/* How many times its error, or the usual scatter, a point may be off. */
#define FACTOR		8.0
/* How much a rate may change between two points; time servers steer that much. */
#define WANDER	1e-4
/* A slope is trusted if the ends' errors bend it by less than this. */
#define SLOPE_ERROR	1e-4
/* What a rate that was only told, not measured, may be wrong by. */
#define TOLD_RATE	1e-3
/* What a rate measured between two points may be wrong by, beside their errors ... */
#define TWO_POINTS_RATE	1e-5
/* ... and between more. */
#define MEASURED_RATE	1e-6

struct point {
	struct clock_point pub;
	bool is_dropped;
};

/*
 * The error is @error at the begin, @error_end at @reach, and @drift more for each
 * unit from the nearer of the two. With @reach 0 the line goes on.
 */
struct line {
	uint64_t from;
	uint64_t to;
	double slope;
	double error;
	double error_end;
	double drift;
	double reach;
};

/* What lies between two jumps of the first clock. */
struct part {
	GArray *points;		/* struct point, until it is finished */
	struct line *lines;
	uint32_t line_count;
	double slope_before;
	double drift_before;
	double drift_after;
	uint64_t begin;		/* the first clock can have these values in it: from ... */
	uint64_t end;		/* ... to */
	uint64_t first;		/* ... and was seen to have these */
	uint64_t last;
	uint64_t to_min;	/* no time in it is earlier */
	uint64_t to_max;	/* nor later */
	double blur_before;	/* the bound between @begin and @first is not below this */
	double blur_after;
};

struct clock_map {
	double slope;
	uint64_t spacing;
	uint64_t point_count;
	GArray *parts;		/* struct part */
	uint64_t early;		/* before that ... */
	uint64_t early_error;	/* ... this more, ... */
	uint64_t not_before;	/* ... and perhaps as old as this */
};

static void part_clear(void *data)
{
	struct part *part = data;

	if (part->points)
		g_array_unref(part->points);
	g_free(part->lines);
}

static struct part *part_at(const struct clock_map *map, uint32_t number)
{
	return &g_array_index(map->parts, struct part, number);
}

static struct part *add_part(struct clock_map *map)
{
	struct part part = { .end = UINT64_MAX, .to_max = UINT64_MAX };

	g_array_append_val(map->parts, part);
	return part_at(map, map->parts->len - 1);
}

struct clock_map *clock_map_new(double slope, uint64_t spacing)
{
	struct clock_map *map = g_new0(struct clock_map, 1);

	map->slope = slope;
	map->spacing = spacing;
	map->parts = g_array_new(FALSE, FALSE, sizeof(struct part));
	g_array_set_clear_func(map->parts, part_clear);
	return map;
}

void clock_map_free(struct clock_map *map)
{
	if (!map)
		return;
	g_array_unref(map->parts);
	g_free(map);
}

static gint compare_points(gconstpointer a, gconstpointer b)
{
	const struct clock_point *left = a, *right = b;

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

		if (!last || p[i].pub.joint || last->pub.joint ||
		    p[i].pub.from / spacing != last->pub.from / spacing)
			p[kept++] = p[i];
		else if (p[i].pub.error < last->pub.error)
			*last = p[i];
	}
	g_array_set_size(points, kept);
}

/* Make room. Nothing but breaks and jumps: there is no honest map with so many. */
static void thin_out_all(struct clock_map *map)
{
	map->spacing = map->spacing ? map->spacing * 2 : 1000000;
	map->point_count = 0;
	for (guint i = 0; i < map->parts->len; i++) {
		struct part *part = part_at(map, i);

		thin_out(part->points, map->spacing);
		map->point_count += part->points->len;
	}
	for (guint i = map->parts->len; i-- && map->point_count >= MAX_POINTS / 2;) {
		struct part *part = part_at(map, i);
		guint half = part->points->len / 2;

		map->point_count -= part->points->len - half;
		g_array_set_size(part->points, half);
	}
}

void clock_map_add(struct clock_map *map, const struct clock_point *pub)
{
	struct point point = { .pub = *pub };
	struct part *part;

	if (map->point_count >= MAX_POINTS)
		thin_out_all(map);
	if (!map->parts->len ||
	    (pub->joint == CLOCK_JUMP && map->parts->len < MAX_PARTS))
		add_part(map);
	part = part_at(map, map->parts->len - 1);
	if (!part->points)
		part->points = g_array_new(FALSE, FALSE, sizeof(struct point));
	g_array_append_val(part->points, point);
	map->point_count++;
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

static uint64_t saturate(double value)
{
	return value <= 0 ? 0 : value >= 0x1p63 ? (uint64_t)1 << 63 : (uint64_t)value;
}

static uint64_t add(uint64_t value, double step)
{
	uint64_t more = saturate(step);

	return value > UINT64_MAX - more ? UINT64_MAX : value + more;
}

static uint64_t subtract(uint64_t value, double step)
{
	uint64_t less = saturate(step);

	return value < less ? 0 : value - less;
}

/*
 * The slope most pairs of points agree on; 0 if there is none. They are apart, so that their
 * errors matter little, but not far: a clock that stood still lies between few of them.
 */
static double typical_slope(const struct point *p, guint count)
{
	GArray *slopes = g_array_new(FALSE, FALSE, sizeof(double));
	guint distance = CLAMP(count / 2, 1, APART);
	double result;

	for (guint i = 0; i + distance < count; i++) {
		double run = difference(p[i + distance].pub.from, p[i].pub.from);
		double rise = difference(p[i + distance].pub.to, p[i].pub.to);
		double slope = run > 0 ? rise / run : 0;

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
	return difference(p->pub.to, other->pub.to) -
	       difference(p->pub.from, other->pub.from) * slope;
}

/*
 * Of [first, last), one stretch without a break: what is known much worse than
 * the others is not needed. That is no fault.
 */
static void drop_vague(struct point *p, guint first, guint last)
{
	GArray *errors = g_array_new(FALSE, FALSE, sizeof(double));
	double limit;

	for (guint i = first; i < last; i++) {
		double error = p[i].pub.error;

		g_array_append_val(errors, error);
	}
	limit = MAX(TOLERANCE, FACTOR * median(errors));
	for (guint i = first; i < last; i++)
		if ((double)p[i].pub.error > limit)
			p[i].is_dropped = true;
	g_array_unref(errors);
}

/* What is told of dropped points: the first ones, all are counted. */
struct drops {
	GArray *list;
	uint32_t count;
};

static void drop(struct drops *drops, struct point *point, enum clock_fault fault, double off)
{
	const struct clock_dropped dropped = { point->pub.number, fault, off };

	point->is_dropped = true;
	if (drops->list && drops->count < MAX_DROPPED)
		g_array_append_val(drops->list, dropped);
	drops->count++;
}

/* Of [first, last), one stretch without a break: mark what is off the line. */
static void drop_outliers(struct point *p, guint first, guint last, double slope,
			  struct drops *drops)
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
		double off, limit, wander = INFINITY;

		g_array_set_size(values, 0);
		for (guint j = begin; j < end; j++) {
			double value = residual(&p[i], &p[j], slope);

			if (j == i)
				continue;
			g_array_append_val(values, value);
			wander = MIN(wander, WANDER * slope *
				     fabs(difference(p[i].pub.from, p[j].pub.from)));
		}
		/* Two neighbours that differ do not say which of three is wrong. */
		if (values->len < 3 || p[i].pub.is_lone)
			continue;
		off = fabs(median(values));
		limit = MAX(TOLERANCE, FACTOR * MAX(scatter, (double)p[i].pub.error));
		limit = MAX(limit, wander);
		if (off > limit)
			drop(drops, &p[i], CLOCK_FAULT_OFF, off);
	}
	g_array_unref(values);
}

/* The longest run of points on which time does not go back; others are dropped. */
static void drop_backward(struct point *p, guint count, struct drops *drops)
{
	guint *tails = g_new(guint, count + 1), *previous = g_new(guint, count + 1);
	bool *is_kept = g_new0(bool, count + 1);
	guint length = 0;

	for (guint i = 0; i < count; i++) {
		guint low = 0, high = length;

		while (low < high) {
			guint middle = (low + high) / 2;

			if (p[tails[middle]].pub.to < p[i].pub.to)
				low = middle + 1;
			else
				high = middle;
		}
		previous[i] = low ? tails[low - 1] : G_MAXUINT;
		tails[low] = i;
		if (low == length)
			length++;
	}
	for (guint i = length ? tails[length - 1] : G_MAXUINT; i != G_MAXUINT; i = previous[i])
		is_kept[i] = true;
	/* of two measurements of one moment either will do: nothing to tell */
	for (guint i = 0; i < count; i++) {
		if (is_kept[i])
			continue;
		if (i && p[i].pub.from == p[i - 1].pub.from && p[i].pub.to == p[i - 1].pub.to)
			p[i].is_dropped = true;
		else
			drop(drops, &p[i], CLOCK_FAULT_BACK, 0);
	}
	g_free(tails);
	g_free(previous);
	g_free(is_kept);
}

static void remove_dropped(GArray *points)
{
	struct point *p = (struct point *)points->data;
	guint kept = 0;
	bool is_break = false;

	for (guint i = 0; i < points->len; i++) {
		is_break |= p[i].pub.joint == CLOCK_BREAK;
		if (p[i].is_dropped)
			continue;
		p[kept] = p[i];
		p[kept++].pub.joint = is_break ? CLOCK_BREAK : CLOCK_LINE;
		is_break = false;
	}
	g_array_set_size(points, kept);
}

static guint stretch_end(const struct point *p, guint first, guint count)
{
	guint last = first + 1;

	while (last < count && p[last].pub.joint != CLOCK_BREAK)
		last++;
	return last;
}

/* A stretch without a break: its slope from end to end, and what that may be wrong by. */
struct stretch {
	double slope;
	double doubt;
};

/* @otherwise: the rate to take where the points do not tell. */
static struct stretch measure_stretch(const struct point *p, guint first, guint last,
				      const struct stretch *otherwise)
{
	struct stretch result = { otherwise->slope, otherwise->doubt };
	double run = difference(p[last - 1].pub.from, p[first].pub.from);
	double rise = difference(p[last - 1].pub.to, p[first].pub.to);
	double doubt, off = 0;

	if (run <= 0 || rise <= 0)
		return result;
	doubt = ((double)p[first].pub.error + (double)p[last - 1].pub.error) / run;
	if (otherwise->slope > 0 && doubt / (rise / run) > SLOPE_ERROR)
		return result;
	result.slope = rise / run;
	for (guint i = first + 1; i + 1 < last; i++)
		off = MAX(off, fabs(residual(&p[i], &p[first], result.slope)));
	/* a bow that is so far from its chord has ends that are so much steeper */
	result.doubt = doubt + 4 * off / run +
		       (last - first > 2 ? MEASURED_RATE : TWO_POINTS_RATE) * result.slope;
	return result;
}

/* Of [first, last) the last point that is not behind @from, or the first one. */
static guint find_point(const struct point *p, guint first, guint last, uint64_t from)
{
	guint low = first, high = last;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (p[middle].pub.from <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low > first ? low - 1 : first;
}

/* How far a point is off the line between two others. */
static double off_chord(const struct point *p, const struct point *left, const struct point *right)
{
	double run = difference(right->pub.from, left->pub.from);

	return run > 0 ? fabs(residual(p, left, difference(right->pub.to, left->pub.to) / run)) : 0;
}

/**
 * measure_bend - how far from a line it may be between points @i and @i + 1
 *
 * That shows where either lies off the line from the other to a point about as far
 * away on its other side: nearer ones would show no more than their noise.
 *
 * Return: units of the second clock for each of the first to the nearer point.
 */
static double measure_bend(const struct point *p, guint first, guint last, guint i,
			   const struct stretch *stretch)
{
	uint64_t reach = p[i + 1].pub.from - p[i].pub.from;
	guint before = find_point(p, first, i + 1, subtract(p[i].pub.from, (double)reach));
	guint after = find_point(p, i + 1, last, add(p[i + 1].pub.from, (double)reach));
	double off = 0;

	if (after + 1 < last && p[after].pub.from - p[i + 1].pub.from < reach)
		after++;
	if (before == i && after == i + 1)
		return stretch->doubt;
	if (before < i)
		off = off_chord(&p[i], &p[before], &p[i + 1]);
	if (after > i + 1)
		off = MAX(off, off_chord(&p[i + 1], &p[i], &p[after]));
	return 2 * off / (double)reach + MEASURED_RATE * stretch->slope;
}

/* The line from a point to the next one, or on from it if @next is NULL. */
static struct line make_line(const struct clock_point *point, const struct clock_point *next,
			     const struct stretch *stretch, double bend)
{
	struct line line = {
		.from = point->from, .to = point->to, .slope = stretch->slope,
		.error = point->error, .drift = stretch->doubt,
	};

	if (!next) {
		if (point->is_lone)
			line.drift = line.slope;
		return line;
	}
	line.reach = difference(next->from, point->from);
	line.slope = difference(next->to, point->to) / line.reach;
	line.error_end = next->error;
	line.drift = bend;
	if (point->is_lone || next->is_lone) {
		/* anywhere between the two: as far as to the farther one */
		line.error += difference(next->to, point->to);
		line.error_end += difference(next->to, point->to);
		line.drift = -line.slope;
	}
	return line;
}

/*
 * The rate of the stretch whose rate is known best: for those that are too short
 * to tell. A rate is the same before and after a clock was set.
 */
static void find_best_rate(const struct part *part, struct stretch *best)
{
	const struct point *p = (const struct point *)part->points->data;
	const struct stretch told = *best;

	for (guint first = 0, last; first < part->points->len; first = last) {
		struct stretch whole;

		last = stretch_end(p, first, part->points->len);
		whole = measure_stretch(p, first, last, &told);
		whole.doubt += TWO_POINTS_RATE * whole.slope;
		if (whole.doubt < best->doubt)
			*best = (struct stretch){ whole.slope, whole.doubt };
	}
}

static void make_lines(struct part *part, const struct stretch *otherwise)
{
	const struct point *p = (const struct point *)part->points->data;
	guint count = part->points->len;

	part->lines = g_new(struct line, MAX(count, 1));
	for (guint first = 0; first < count;) {
		guint last = stretch_end(p, first, count);
		struct stretch whole = measure_stretch(p, first, last, otherwise);

		if (!first) {
			part->slope_before = whole.slope;
			part->drift_before = p[first].pub.is_lone ? whole.slope : whole.doubt;
		}
		part->drift_after = whole.doubt;
		for (guint i = first; i < last; i++) {
			const struct clock_point *next = i + 1 < last ? &p[i + 1].pub : NULL;
			double bend = 0;

			/* Two measurements of one moment: the first will do. */
			if (next && next->from <= p[i].pub.from)
				continue;
			if (next)
				bend = measure_bend(p, first, last, i, &whole);
			part->lines[part->line_count++] =
				make_line(&p[i].pub, next, &whole, bend);
		}
		first = last;
	}
}

/*
 * Where one part ends and the next begins: somewhere between the last point of the
 * one and the first of the other. Values that both could have are blurred.
 */
static void join_parts(struct part *left, const struct clock_point *last, struct part *right,
		       const struct clock_point *first)
{
	double left_slope = left->lines[left->line_count - 1].slope;
	double right_slope = right->slope_before;
	double between = MAX(difference(first->to, last->to), 0);
	double ticks, jump;

	left_slope = left_slope > 0 ? left_slope : 1;
	right_slope = right_slope > 0 ? right_slope : 1;
	ticks = between / left_slope;
	left->end = add(last->from, ticks);
	left->to_max = MAX(first->to, last->to);
	right->begin = subtract(first->from, between / right_slope);
	right->to_min = MIN(last->to, first->to);
	jump = fabs(difference(first->from, last->from) - ticks);
	if (jump < ticks)
		left->blur_after = right->blur_before = jump * left_slope;
}

static void part_clean(struct clock_map *map, struct part *part, struct drops *drops)
{
	GArray *points = part->points;
	struct point *p;
	double slope;

	if (map->spacing)
		thin_out(points, map->spacing);
	else
		g_array_sort(points, compare_points);
	p = (struct point *)points->data;
	for (guint first = 0, last; first < points->len; first = last) {
		last = stretch_end(p, first, points->len);
		drop_vague(p, first, last);
	}
	remove_dropped(points);
	for (guint first = 0, last; first < points->len; first = last) {
		last = stretch_end(p, first, points->len);
		slope = typical_slope(p + first, last - first);
		drop_outliers(p, first, last, slope > 0 ? slope : map->slope, drops);
	}
	remove_dropped(points);
	drop_backward((struct point *)points->data, points->len, drops);
	remove_dropped(points);
}

uint32_t clock_map_finish(struct clock_map *map, GArray *dropped)
{
	struct drops drops = { dropped, 0 };
	const struct clock_point *last = NULL;
	struct stretch rate;
	double slope = map->slope;

	for (guint i = 0; i < map->parts->len;) {
		part_clean(map, part_at(map, i), &drops);
		if (part_at(map, i)->points->len)
			i++;
		else
			g_array_remove_index(map->parts, i);
	}
	for (guint i = 0; i < map->parts->len && slope <= 0; i++) {
		GArray *points = part_at(map, i)->points;

		slope = typical_slope((struct point *)points->data, points->len);
	}
	slope = slope > 0 ? slope : 1;
	rate = (struct stretch){ slope, TOLD_RATE * slope };
	for (guint i = 0; i < map->parts->len; i++)
		find_best_rate(part_at(map, i), &rate);
	for (guint i = 0; i < map->parts->len; i++) {
		struct part *part = part_at(map, i);
		const struct clock_point *first =
			&g_array_index(part->points, struct point, 0).pub;

		make_lines(part, &rate);
		part->first = first->from;
		part->last = g_array_index(part->points, struct point, part->points->len - 1)
				     .pub.from;
		if (last)
			join_parts(part_at(map, i - 1), last, part, first);
		last = &g_array_index(part->points, struct point, part->points->len - 1).pub;
	}
	for (guint i = 0; i < map->parts->len; i++)
		g_clear_pointer(&part_at(map, i)->points, g_array_unref);
	return drops.count;
}

bool clock_map_is_empty(const struct clock_map *map)
{
	return !map->parts->len;
}

uint32_t clock_map_part_count(const struct clock_map *map)
{
	return map->parts->len;
}

/* The last line that begins at or before @from, or the first line. */
static uint32_t find_line(const struct part *part, uint64_t from)
{
	uint32_t low = 0, high = part->line_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (part->lines[middle].from <= from)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : 0;
}

static uint64_t part_apply(const struct part *part, uint64_t from, uint32_t *hint)
{
	const struct line *line;
	uint32_t at = *hint;
	uint64_t to;

	if (G_UNLIKELY(at >= part->line_count || from < part->lines[at].from ||
		       (at + 1 < part->line_count && from >= part->lines[at + 1].from)))
		*hint = at = find_line(part, from);
	line = &part->lines[at];
	if (G_UNLIKELY(from < line->from))
		to = subtract(line->to, (double)(line->from - from) * part->slope_before + 0.5);
	else
		to = add(line->to, (double)(from - line->from) * line->slope + 0.5);
	/* Where a clock stood still the line before must not run past it. */
	if (at + 1 < part->line_count && to > part->lines[at + 1].to)
		to = part->lines[at + 1].to;
	return CLAMP(to, part->to_min, part->to_max);
}

/* The same line's error. */
static double part_bound(const struct part *part, uint64_t from, uint32_t hint)
{
	uint32_t at = hint < part->line_count && from >= part->lines[hint].from &&
		      (hint + 1 == part->line_count || from < part->lines[hint + 1].from) ?
		      hint : find_line(part, from);
	const struct line *line = &part->lines[at];
	double distance = difference(from, line->from), bound;

	if (distance < 0)
		bound = line->error - distance * part->drift_before;
	else if (line->reach > 0 && distance <= line->reach)
		bound = line->error + (line->error_end - line->error) * distance / line->reach +
			line->drift * MIN(distance, line->reach - distance);
	else
		bound = line->error + line->drift * distance;
	if (from < part->first)
		bound = MAX(bound, part->blur_before);
	if (from > part->last)
		bound = MAX(bound, part->blur_after);
	return bound;
}

static bool can_have(const struct part *part, uint64_t from)
{
	return from >= part->begin && from <= part->end;
}

static double distance_to(const struct part *part, uint64_t from)
{
	if (from < part->begin)
		return difference(part->begin, from);
	return from > part->end ? difference(from, part->end) : 0;
}

/* From part @at on the first one that can have a value, and not before a time. */
static uint32_t find_part(const struct clock_map *map, uint32_t at, uint64_t from, uint64_t not_before)
{
	for (uint32_t i = at; i < map->parts->len; i++) {
		uint32_t hint = 0;

		if (can_have(part_at(map, i), from) &&
		    part_apply(part_at(map, i), from, &hint) >= not_before)
			return i;
	}
	return G_MAXUINT32;
}

/* From part @at on the one that a value is nearest to; none has it. */
static uint32_t nearest_part(const struct clock_map *map, uint32_t at, uint64_t from)
{
	uint32_t nearest = at;

	for (uint32_t i = at + 1; i < map->parts->len; i++)
		if (distance_to(part_at(map, i), from) < distance_to(part_at(map, nearest), from))
			nearest = i;
	return nearest;
}

/* Time went on: in which part is the next value, after one in part @at? */
static uint32_t next_part(const struct clock_map *map, uint32_t at, uint64_t from, uint64_t last)
{
	const struct part *part = part_at(map, at), *next;
	uint32_t found, hint = 0;

	if (!can_have(part, from)) {
		found = find_part(map, at + 1, from, 0);
		return found != G_MAXUINT32 ? found : nearest_part(map, at, from);
	}
	if (from < last) {
		found = find_part(map, at + 1, from, part_apply(part, last, &hint));
		return found != G_MAXUINT32 ? found : at;
	}
	if (at + 1 == map->parts->len || from <= part->last)
		return at;
	next = part_at(map, at + 1);
	if (can_have(next, from) &&
	    fabs(difference(next->first, from)) < difference(from, part->last))
		return at + 1;
	return at;
}

uint32_t clock_map_part(const struct clock_map *map, uint64_t from, struct clock_cursor *cursor)
{
	uint32_t at;

	if (G_LIKELY(map->parts->len == 1))
		return 0;
	cursor->part = MIN(cursor->part, map->parts->len - 1);
	at = next_part(map, cursor->part, from, cursor->last);
	if (at != cursor->part) {
		uint32_t hint = 0;

		/* a value between two parts may have been taken for one of the other */
		cursor->floor = part_apply(part_at(map, cursor->part), cursor->last, &hint);
		cursor->line = 0;
	}
	cursor->part = at;
	cursor->last = from;
	return at;
}

uint64_t clock_map_apply(const struct clock_map *map, uint64_t from, struct clock_cursor *cursor)
{
	uint32_t at = clock_map_part(map, from, cursor);
	uint64_t to = part_apply(part_at(map, at), from, &cursor->line);

	return MAX(to, cursor->floor);
}

/* The bound of an early time, from what it is otherwise. */
static double early_bound(const struct clock_map *map, const struct part *part, uint64_t from,
			  double bound)
{
	uint32_t hint = 0;

	if (map->not_before != UINT64_MAX)
		bound = MAX(bound, difference(part_apply(part, from, &hint), map->not_before));
	return bound + (double)map->early_error;
}

uint64_t clock_map_bound(const struct clock_map *map, uint64_t from,
			 const struct clock_cursor *cursor)
{
	const struct part *part = part_at(map, MIN(cursor->part, map->parts->len - 1));
	double bound = part_bound(part, from, cursor->line);

	if (G_UNLIKELY(from < map->early))
		bound = early_bound(map, part, from, bound);
	return saturate(ceil(bound));
}

void clock_map_set_early(struct clock_map *map, uint64_t before, uint64_t error,
			 uint64_t not_before)
{
	map->early = before;
	map->early_error = error;
	map->not_before = not_before;
}

uint64_t clock_map_early_end(const struct clock_map *map)
{
	return map->early;
}

uint64_t clock_map_worst_bound(const struct clock_map *map, uint64_t first, uint64_t last)
{
	double worst = 0;

	for (guint i = 0; i < map->parts->len; i++) {
		const struct part *part = part_at(map, i);
		uint64_t from = MAX(first, part->begin), to = MIN(last, part->end);

		if (from > to)
			continue;
		worst = MAX(worst, part_bound(part, from, 0));
		worst = MAX(worst, part_bound(part, to, 0));
		/* a line is worst at its ends or in its middle */
		for (uint32_t j = 0; j < part->line_count; j++) {
			const struct line *line = &part->lines[j];
			uint64_t end = line->reach > 0 ? add(line->from, line->reach) : line->from;
			uint64_t middle = line->from + (end - line->from) / 2;

			if (middle >= from && middle <= to)
				worst = MAX(worst, part_bound(part, middle, j));
			if (line->from >= from && line->from <= to)
				worst = MAX(worst, part_bound(part, line->from, j));
		}
	}
	/* of what is early the last is shown latest */
	if (first < map->early && map->parts->len)
		worst = early_bound(map, part_at(map, 0), MIN(last, map->early - 1), worst);
	return saturate(ceil(worst));
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
	const struct line *left = a, *right = b;

	if (left->from != right->from)
		return left->from < right->from ? -1 : 1;
	return (left->to > right->to) - (left->to < right->to);
}

/* Slope and growth of the error just after a time. */
static double slope_at(const struct part *part, uint64_t from)
{
	if (from < part->lines[0].from)
		return part->slope_before;
	return part->lines[find_line(part, from)].slope;
}

static double drift_at(const struct part *part, uint64_t from)
{
	if (from < part->lines[0].from)
		return part->drift_before;
	return part->lines[find_line(part, from)].drift;
}

/* Where a part reaches a value: its reverse. */
static uint64_t reverse_apply(const struct part *part, uint64_t to)
{
	const struct line *line = part->lines;
	uint32_t low = 0, high = part->line_count;

	if (to < line->to)
		return part->slope_before > 0 ?
		       subtract(line->from, (double)(line->to - to) / part->slope_before) :
		       line->from;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (part->lines[middle].to <= to)
			low = middle;
		else
			high = middle;
	}
	line = &part->lines[low];
	if (line->slope <= 0)
		return line->from;
	return add(line->from, (double)(to - line->to) / line->slope + 0.5);
}

static void add_line(struct part *part, uint64_t from, uint64_t to, double slope)
{
	part->lines[part->line_count++] = (struct line){ .from = from, .to = to, .slope = slope };
}

/* The lines of both, one through the other, without their errors. */
static void compose_lines(struct part *out, const struct part *first, const struct part *second)
{
	uint32_t hint = 0;
	uint64_t begin;

	out->lines = g_new(struct line, first->line_count + second->line_count + 1);
	/* Times of the first clock begin somewhere; some of the second's lines lie before. */
	begin = part_apply(first, out->begin, &hint);
	hint = 0;
	add_line(out, out->begin, part_apply(second, begin, &hint),
		 slope_at(first, out->begin) * slope_at(second, begin));
	for (uint32_t i = 0; i < first->line_count; i++) {
		const struct line *line = &first->lines[i];

		if (line->from > out->begin)
			add_line(out, line->from, part_apply(second, line->to, &hint),
				 line->slope * slope_at(second, line->to));
	}
	for (uint32_t i = 0; i < second->line_count; i++) {
		const struct line *line = &second->lines[i];
		uint64_t from = reverse_apply(first, line->from);

		if (line->from > begin && from >= out->begin)
			add_line(out, from, line->to, slope_at(first, from) * line->slope);
	}
	qsort(out->lines, out->line_count, sizeof(struct line), compare_lines);
}

/* The error of a time that goes through both. */
static double composed_error(const struct part *first, const struct part *second, uint64_t from)
{
	uint32_t hint = 0;
	uint64_t middle = part_apply(first, from, &hint);

	return part_bound(first, from, hint) * slope_at(second, middle) +
	       part_bound(second, middle, 0);
}

static void compose_errors(struct part *out, const struct part *first, const struct part *second)
{
	for (uint32_t i = 0; i < out->line_count; i++) {
		struct line *line = &out->lines[i];
		uint32_t hint = 0;
		uint64_t middle = part_apply(first, line->from, &hint);

		line->error = composed_error(first, second, line->from);
		line->drift = drift_at(first, line->from) * slope_at(second, middle) +
			      MAX(drift_at(second, middle), 0) * slope_at(first, line->from);
		if (i + 1 == out->line_count || out->lines[i + 1].from <= line->from)
			continue;
		line->reach = difference(out->lines[i + 1].from, line->from);
		line->error_end = composed_error(first, second, out->lines[i + 1].from - 1);
	}
}

static void compose_part(struct part *out, const struct part *first, const struct part *second)
{
	out->begin = second->begin ? reverse_apply(first, second->begin) : 0;
	out->end = second->end < UINT64_MAX ? reverse_apply(first, second->end) : UINT64_MAX;
	out->first = reverse_apply(first, second->first);
	out->last = reverse_apply(first, second->last);
	out->to_min = second->to_min;
	out->to_max = second->to_max;
	out->blur_before = second->blur_before;
	out->blur_after = second->blur_after;
	compose_lines(out, first, second);
	compose_errors(out, first, second);
	out->slope_before = out->lines[0].slope;
	out->drift_before = out->lines[0].drift;
}

struct clock_map *clock_map_compose(struct clock_map *const *firsts,
				    const struct clock_map *second)
{
	struct clock_map *map = clock_map_new(0, 0);
	uint64_t to_min = UINT64_MAX;

	for (guint i = 0; i < second->parts->len; i++) {
		const struct part *part = part_at(second, i);
		struct part *out;

		to_min = MIN(to_min, part->to_min);
		/* its times go to the parts beside it */
		if (!firsts[i] || clock_map_is_empty(firsts[i])) {
			if (map->parts->len)
				part_at(map, map->parts->len - 1)->to_max = part->to_max;
			continue;
		}
		out = add_part(map);
		compose_part(out, part_at(firsts[i], 0), part);
		out->to_min = to_min;
		to_min = UINT64_MAX;
	}
	return map;
}
