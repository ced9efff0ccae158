// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps of clocks, as they are asked: their parts, and which of them a value is of. A part
 * is made of points by clock-fit.c.
 *
 * A map through another one is asked in two steps. Nothing is computed of the two
 * beforehand: where one of them has a step or stands still, no line through both would be
 * right on both sides.
 */
#include "clock.h"

#include <math.h>

#include "clock-part.h"

/* Above this many points in a map they are thinned out further. */
#define MAX_POINTS	65536
/* More jumps than that are taken for breaks. */
#define MAX_PARTS	1024
/* More stops of a part than that are not told apart from the last one. */
#define MAX_STOPS	4096
/* So many zones may meet in one time. */
#define MAX_ZONES	16
/* What a rate that was only told, not measured, may be wrong by. */
#define TOLD_RATE	1e-3

struct clock_map {
	double slope;
	uint64_t spacing;
	uint64_t point_count;
	GArray *parts;		/* struct part */
	bool has_origin;	/* what is before the first point is of another time */
	uint64_t early;		/* before that ... */
	uint64_t early_error;	/* ... this more, ... */
	uint64_t not_before;	/* ... and perhaps as old as this */
};

static void part_clear(void *data)
{
	struct part *part = data;

	if (part->points)
		g_array_unref(part->points);
	if (part->stops)
		g_array_unref(part->stops);
	if (part->zones)
		g_array_unref(part->zones);
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

/* Make room. Nothing but breaks and jumps: there is no honest map with so many. */
static void thin_out_all(struct clock_map *map)
{
	map->spacing = map->spacing ? map->spacing * 2 : 1000000;
	map->point_count = 0;
	for (guint i = 0; i < map->parts->len; i++) {
		struct part *part = part_at(map, i);

		if (part->points) {
			part_thin_out(part, map->spacing);
			map->point_count += part->points->len;
		}
	}
	for (guint i = map->parts->len; i-- && map->point_count >= MAX_POINTS / 2;) {
		struct part *part = part_at(map, i);
		guint half = part->points ? part->points->len / 2 : 0;

		if (!half)
			continue;
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

void clock_map_add_stop(struct clock_map *map, const struct clock_stop *stop)
{
	struct part *part;

	if (!map->parts->len)
		add_part(map);
	part = part_at(map, map->parts->len - 1);
	if (!part->stops)
		part->stops = g_array_new(FALSE, FALSE, sizeof(struct clock_stop));
	if (part->stops->len < MAX_STOPS)
		g_array_append_vals(part->stops, stop, 1);
	else
		g_array_index(part->stops, struct clock_stop, MAX_STOPS - 1).end = stop->end;
}

void clock_map_set_origin(struct clock_map *map)
{
	map->has_origin = true;
}

/*
 * Where one part ends and the next begins: somewhere between the last point of the
 * one and the first of the other. Values that both could have are blurred.
 */
static void join_parts(struct part *left, struct part *right)
{
	const struct clock_point *last = &left->last_point, *first = &right->first_point;
	double left_slope = left->lines[left->line_count - 1].slope;
	double right_slope = right->slope_before;
	double between = MAX(difference(first->to, last->to), 0);
	double ticks, jump;

	left->to_max = MAX(first->to, last->to);
	right->to_min = MIN(last->to, first->to);
	/* nothing ran meanwhile: each value is of one of the two */
	if (first->is_stop && first->joint != CLOCK_BREAK) {
		left->end = last->from;
		right->begin = first->from;
		return;
	}
	left_slope = left_slope > 0 ? left_slope : 1;
	right_slope = right_slope > 0 ? right_slope : 1;
	ticks = between / left_slope;
	left->end = add(last->from, ticks);
	right->begin = subtract(first->from, between / right_slope);
	jump = fabs(difference(first->from, last->from) - ticks);
	if (jump < ticks)
		left->blur_after = right->blur_before = jump * left_slope;
}

/* Parts that have no point left are none. */
static void clean_parts(struct clock_map *map, struct drops *drops)
{
	for (guint i = 0; i < map->parts->len;) {
		struct part *part = part_at(map, i);

		if (part->points)
			part_clean(part, map->slope, map->spacing, drops);
		if (part->points && part->points->len)
			i++;
		else
			g_array_remove_index(map->parts, i);
	}
}

uint32_t clock_map_finish(struct clock_map *map, GArray *dropped)
{
	struct drops drops = { dropped, 0 };
	double slope = map->slope;
	struct rate rate;

	clean_parts(map, &drops);
	for (guint i = 0; i < map->parts->len && slope <= 0; i++)
		slope = part_slope(part_at(map, i));
	slope = slope > 0 ? slope : 1;
	rate = (struct rate){ slope, TOLD_RATE * slope };
	for (guint i = 0; i < map->parts->len; i++)
		part_best_rate(part_at(map, i), &rate);
	for (guint i = 0; i < map->parts->len; i++) {
		struct part *part = part_at(map, i);

		part_fit(part, &rate);
		part->first = part->first_point.from;
		part->last = part->last_point.from;
		if (i)
			join_parts(part_at(map, i - 1), part);
		g_clear_pointer(&part->points, g_array_unref);
		g_clear_pointer(&part->stops, g_array_unref);
	}
	if (map->has_origin && map->parts->len) {
		part_at(map, 0)->blur_before = INFINITY;
		part_at(map, 0)->to_min = part_at(map, 0)->first_point.to;
	}
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

/* The lines' own answer; @hint: the line, as it was the last time. */
static uint64_t lines_apply(const struct part *part, uint64_t from, uint32_t *hint)
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
	return to;
}

/* Where a search begins: lines of the two parts that a part may be. */
struct hints {
	uint32_t inner;
	uint32_t outer;
};

static uint64_t part_apply(const struct part *part, uint64_t from, struct hints *hints)
{
	uint64_t to;

	if (part->inner)
		to = lines_apply(part->outer, lines_apply(part->inner, from, &hints->inner),
				 &hints->outer);
	else
		to = lines_apply(part, from, &hints->outer);
	return CLAMP(to, part->to_min, part->to_max);
}

static uint64_t apply_once(const struct part *part, uint64_t from)
{
	struct hints hints = { 0, 0 };

	return part_apply(part, from, &hints);
}

/* What the side of a stop, or of stops, that a time may be of is away. */
static double zone_extra(const struct part *part, uint64_t from)
{
	guint low = 0, high = part->zones ? part->zones->len : 0;
	double extra = 0;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(part->zones, struct zone, middle).first <= from)
			low = middle + 1;
		else
			high = middle;
	}
	for (guint i = 0; i < MIN(low, MAX_ZONES); i++) {
		const struct zone *zone = &g_array_index(part->zones, struct zone, low - 1 - i);

		if (from <= zone->last)
			extra += zone->extra;
	}
	return extra;
}

/* The lines' own error, without that of the zones. */
static double lines_bound(const struct part *part, uint64_t from)
{
	const struct line *line = &part->lines[find_line(part, from)];
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

/* With that of the zones. */
static double whole_bound(const struct part *part, uint64_t from)
{
	return lines_bound(part, from) + zone_extra(part, from);
}

static double part_bound(const struct part *part, uint64_t from)
{
	uint32_t hint = 0;
	uint64_t middle, to, low, high;
	double error, bound;

	if (!part->inner)
		return whole_bound(part, from);
	middle = lines_apply(part->inner, from, &hint);
	error = whole_bound(part->inner, from);
	low = subtract(middle, error);
	high = add(middle, error);
	hint = 0;
	to = lines_apply(part->outer, middle, &hint);
	/* the outer one may have a step within the inner one's error */
	bound = MAX(difference(to, lines_apply(part->outer, low, &hint)),
		    difference(lines_apply(part->outer, high, &hint), to));
	return bound + MAX(whole_bound(part->outer, middle),
			   MAX(whole_bound(part->outer, low), whole_bound(part->outer, high)));
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
static uint32_t find_part(const struct clock_map *map, uint32_t at, uint64_t from,
			  uint64_t not_before)
{
	for (uint32_t i = at; i < map->parts->len; i++) {
		if (can_have(part_at(map, i), from) &&
		    apply_once(part_at(map, i), from) >= not_before)
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
	uint32_t found;

	if (!can_have(part, from)) {
		found = find_part(map, at + 1, from, 0);
		return found != G_MAXUINT32 ? found : nearest_part(map, at, from);
	}
	if (from < last) {
		found = find_part(map, at + 1, from, apply_once(part, last));
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
		/* a value between two parts may have been taken for one of the other */
		cursor->floor = apply_once(part_at(map, cursor->part), cursor->last);
		cursor->inner = cursor->outer = 0;
	}
	cursor->part = at;
	cursor->last = from;
	return at;
}

uint64_t clock_map_apply(const struct clock_map *map, uint64_t from, struct clock_cursor *cursor)
{
	uint32_t at = clock_map_part(map, from, cursor);
	struct hints hints = { cursor->inner, cursor->outer };
	uint64_t to = part_apply(part_at(map, at), from, &hints);

	cursor->inner = hints.inner;
	cursor->outer = hints.outer;
	return MAX(to, cursor->floor);
}

/* The bound of an early time, from what it is otherwise. */
static double early_bound(const struct clock_map *map, const struct part *part, uint64_t from,
			  double bound)
{
	if (map->not_before != UINT64_MAX)
		bound = MAX(bound, difference(apply_once(part, from), map->not_before));
	return bound + (double)map->early_error;
}

uint64_t clock_map_bound(const struct clock_map *map, uint64_t from,
			 const struct clock_cursor *cursor)
{
	const struct part *part = part_at(map, MIN(cursor->part, map->parts->len - 1));
	double bound = part_bound(part, from);

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

uint64_t clock_map_origin(const struct clock_map *map)
{
	return map->has_origin && map->parts->len ? part_at(map, 0)->first : 0;
}

/* The last line that begins at or before a value of the second clock, or the first line. */
static const struct line *find_line_to(const struct part *part, uint64_t to)
{
	uint32_t low = 0, high = part->line_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (part->lines[middle].to <= to)
			low = middle;
		else
			high = middle;
	}
	return &part->lines[low];
}

/* Where lines reach a value: their reverse. */
static uint64_t lines_reverse(const struct part *part, uint64_t to)
{
	const struct line *line = find_line_to(part, to);

	if (to < line->to)
		return part->slope_before > 0 ?
		       subtract(line->from, (double)(line->to - to) / part->slope_before) :
		       line->from;
	if (line->slope <= 0)
		return line->from;
	return add(line->from, (double)(to - line->to) / line->slope + 0.5);
}

uint64_t clock_map_reverse(const struct clock_map *map, uint32_t part, uint64_t to)
{
	return lines_reverse(part_at(map, part), to);
}

bool clock_map_edge(const struct clock_map *map, uint32_t number, bool is_last,
		    struct clock_point *point)
{
	if (number >= map->parts->len)
		return false;
	*point = is_last ? part_at(map, number)->last_point : part_at(map, number)->first_point;
	return true;
}

double clock_map_slope(const struct clock_map *map)
{
	const struct part *part;

	if (!map->parts->len)
		return map->slope;
	part = part_at(map, map->parts->len - 1);
	return part->lines[part->line_count - 1].slope;
}

/* The bound away from stops: what it is at them is not known of a stretch as a whole. */
static double plain_bound(const struct part *part, uint64_t from)
{
	uint32_t hint = 0;
	uint64_t middle;

	if (!part->inner)
		return lines_bound(part, from);
	middle = lines_apply(part->inner, from, &hint);
	return lines_bound(part->inner, from) *
	       part->outer->lines[find_line(part->outer, middle)].slope +
	       lines_bound(part->outer, middle);
}

/* The worst plain bound of a part in [@from, @to]: a line is worst at its ends or in its middle. */
static double worst_of_lines(const struct part *part, const struct part *lines, uint64_t from,
			     uint64_t to)
{
	double worst = 0;

	for (uint32_t i = 0; i < lines->line_count; i++) {
		const struct line *line = &lines->lines[i];
		uint64_t last = i + 1 < lines->line_count ? lines->lines[i + 1].from - 1 :
				line->from;
		uint64_t ask[] = { line->from, line->from + (MAX(last, line->from) - line->from) / 2,
				   MAX(last, line->from) };

		if (line->is_stop)
			continue;
		for (size_t j = 0; j < G_N_ELEMENTS(ask); j++) {
			uint64_t at = lines == part->outer ? lines_reverse(part->inner, ask[j]) :
				      ask[j];

			if (at >= from && at <= to &&
			    !(part->inner ? part->inner : part)->lines[
			      find_line(part->inner ? part->inner : part, at)].is_stop)
				worst = MAX(worst, plain_bound(part, at));
		}
	}
	return worst;
}

static double worst_of_part(const struct part *part, uint64_t from, uint64_t to)
{
	double worst = MAX(plain_bound(part, from), plain_bound(part, to));

	if (!part->inner)
		return MAX(worst, worst_of_lines(part, part, from, to));
	worst = MAX(worst, worst_of_lines(part, part->inner, from, to));
	return MAX(worst, worst_of_lines(part, part->outer, from, to));
}

uint64_t clock_map_worst_bound(const struct clock_map *map, uint64_t first, uint64_t last)
{
	double worst = 0;

	for (guint i = 0; i < map->parts->len; i++) {
		const struct part *part = part_at(map, i);
		uint64_t from = MAX(first, part->begin), to = MIN(last, part->end);

		if (from <= to)
			worst = MAX(worst, worst_of_part(part, from, to));
	}
	/* of what is early the last is shown latest */
	if (first < map->early && map->parts->len)
		worst = early_bound(map, part_at(map, 0), MIN(last, map->early - 1), worst);
	return saturate(ceil(worst));
}

/* Where the first clock is when the one between is there. */
static void compose_part(struct part *out, const struct part *inner, const struct part *outer)
{
	out->inner = inner;
	out->outer = outer;
	out->begin = outer->begin ? lines_reverse(inner, outer->begin) : 0;
	out->end = outer->end < UINT64_MAX ? lines_reverse(inner, outer->end) : UINT64_MAX;
	out->first = lines_reverse(inner, outer->first);
	out->last = lines_reverse(inner, outer->last);
	out->to_min = outer->to_min;
	out->to_max = outer->to_max;
}

void clock_map_carry(const struct clock_map *first, const struct clock_map *second,
		     uint32_t from, uint32_t to, struct clock_point *point)
{
	const struct part *other = part_at(second, to);
	struct part part = { .end = UINT64_MAX, .to_max = UINT64_MAX };
	uint64_t ns;

	compose_part(&part, part_at(first, 0), part_at(second, from));
	*point = (struct clock_point){ .from = to > from ? part.last : part.first };
	ns = apply_once(&part, point->from);
	point->to = lines_reverse(other, ns);
	point->error = saturate(ceil(part_bound(&part, point->from) / MAX(clock_map_slope(second),
									  1e-6)));
}

struct clock_map *clock_map_compose(struct clock_map *const *firsts,
				    const struct clock_map *second)
{
	struct clock_map *map = clock_map_new(0, 0);
	uint64_t to_min = UINT64_MAX;

	map->has_origin = second->has_origin;
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
