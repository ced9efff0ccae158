/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Relations between clocks: from measured points to a map that is a line
 * between neighbours and goes on at the ends, with a bound of its error
 * everywhere (docs/specs/recording.md, "Times").
 *
 * A map has more than one part where the first clock was set: a value of it may
 * then mean several moments. Which one is meant follows from the order in which
 * values come; a cursor remembers it. Who asks for the values of one stream in
 * their order, with a cursor of its own, gets times that do not go back.
 */
#ifndef HYPERTRACE_DECODE_CLOCK_H
#define HYPERTRACE_DECODE_CLOCK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct clock_map - a map from one clock to another
 *
 * Collect points with clock_map_add(), then clock_map_finish(), then use it.
 * Memory does not grow with the number of points.
 */
struct clock_map;

/* A bound that is none: nobody knows the time. */
#define CLOCK_NO_BOUND	((uint64_t)1 << 63)

/**
 * enum clock_joint - the relation between a point and the one before it
 * @CLOCK_LINE: a line
 * @CLOCK_BREAK: not a line: one of the clocks stood still
 * @CLOCK_JUMP: the first clock was set meanwhile, nobody knows when: a new part
 */
enum clock_joint {
	CLOCK_LINE,
	CLOCK_BREAK,
	CLOCK_JUMP,
};

/**
 * struct clock_point - one measured point
 * @from: time in the first clock
 * @to: time in the second at the same moment
 * @error: half the width of the measurement, in units of the second clock
 * @number: what it is called where it is dropped
 * @joint: to the point before it in the second clock; for %CLOCK_JUMP: the one
 *	added before it
 * @is_lone: nothing is known between it and its neighbours, but for the order
 * @is_stop: with %CLOCK_JUMP: nothing ran between the point before and this one, so the
 *	first clock had no value between its last one there and this one
 */
struct clock_point {
	uint64_t from;
	uint64_t to;
	uint64_t error;
	uint64_t number;
	enum clock_joint joint;
	bool is_lone;
	bool is_stop;
};

/**
 * struct clock_stop - a while in which nothing ran that reads the first clock
 * @begin: when it began, in the second clock
 * @begin_min: ... or, if that is not known, since when it may have
 * @end: when it ended
 *
 * How far the first clock went on meanwhile is not known.
 */
struct clock_stop {
	uint64_t begin_min;
	uint64_t begin;
	uint64_t end;
};

/**
 * enum clock_fault - why a point was dropped
 * @CLOCK_FAULT_OFF: it lies far off the line of its neighbours
 * @CLOCK_FAULT_BACK: time would go back because of it
 */
enum clock_fault {
	CLOCK_FAULT_OFF,
	CLOCK_FAULT_BACK,
};

/**
 * struct clock_dropped - a point that was dropped
 * @number: of the point
 * @fault: why
 * @off: of %CLOCK_FAULT_OFF: how far it lies off, in units of the second clock
 */
struct clock_dropped {
	uint64_t number;
	enum clock_fault fault;
	double off;
};

/**
 * struct clock_cursor - a place in a map, zero at first; members are private
 */
struct clock_cursor {
	uint32_t part;
	uint32_t inner;
	uint32_t outer;
	uint64_t last;
	uint64_t floor;
};

/**
 * clock_map_new - an empty map
 * @slope: expected units of the second clock per unit of the first, 0 if unknown;
 *	used where the points are too close together to tell
 * @spacing: units of the first clock; of points closer together than that only
 *	the best is kept; 0 keeps all
 * Return: the map, to be freed with clock_map_free().
 */
struct clock_map *clock_map_new(double slope, uint64_t spacing);

/** clock_map_free - free a map; NULL is fine */
void clock_map_free(struct clock_map *map);

/**
 * clock_map_add - add a point: in any order, but for jumps
 * @map: the map, not finished
 * @point: the point
 */
void clock_map_add(struct clock_map *map, const struct clock_point *point);

/**
 * clock_map_add_stop - no line goes across this
 * @map: the map, not finished; it is of its last part
 * @stop: later than those added before
 */
void clock_map_add_stop(struct clock_map *map, const struct clock_stop *stop);

/**
 * clock_map_set_origin - what is before the first point is of another time
 * @map: the map, not finished
 *
 * It is shown as of the first point, and has no bound: %CLOCK_NO_BOUND.
 */
void clock_map_set_origin(struct clock_map *map);

/** clock_map_origin - where that ends, in the first clock; 0 if nothing is */
uint64_t clock_map_origin(const struct clock_map *map);

/**
 * clock_map_finish - drop what cannot be, and make the lines
 * @map: the map
 * @dropped: struct clock_dropped, those dropped are added, as far as they are few
 *	enough to tell; may be NULL
 * Return: how many points were dropped because they contradict the others.
 */
uint32_t clock_map_finish(struct clock_map *map, GArray *dropped);

/** clock_map_is_empty - there is no point left: the map maps nothing */
bool clock_map_is_empty(const struct clock_map *map);

/** clock_map_part_count - how many parts a finished map has */
uint32_t clock_map_part_count(const struct clock_map *map);

/**
 * clock_map_part - the part of a map that a value belongs to
 * @map: a finished map that is not empty
 * @from: time in the first clock
 * @cursor: the caller's place in the map, kept between calls
 * Return: its number.
 */
uint32_t clock_map_part(const struct clock_map *map, uint64_t from, struct clock_cursor *cursor);

/**
 * clock_map_reverse - when the second clock has a value
 * @map: a finished map that is no composed one
 * @part: the part meant
 * @to: time in the second clock
 * Return: time in the first clock.
 */
uint64_t clock_map_reverse(const struct clock_map *map, uint32_t part, uint64_t to);

/**
 * clock_map_edge - a measured point of a map
 * @map: a finished map that is no composed one
 * @part: the part meant
 * @is_last: the last one of it, else the first
 * @point: written on success
 * Return: false if there is no such part.
 */
bool clock_map_edge(const struct clock_map *map, uint32_t part, bool is_last,
		    struct clock_point *point);

/** clock_map_slope - units of the second clock for one of the first, as of a map's last point */
double clock_map_slope(const struct clock_map *map);

/**
 * clock_map_carry - a point for a part that has none, by the part beside it
 * @first: finished map from clock A to part @from of @second
 * @second: from clock B to clock C, finished
 * @from: number of a part of @second
 * @to: of the one before it, or behind it
 * @point: written: of a map from clock A to part @to
 */
void clock_map_carry(const struct clock_map *first, const struct clock_map *second,
		     uint32_t from, uint32_t to, struct clock_point *point);

/**
 * clock_map_compose - a map through a second one
 * @firsts: finished maps from clock A to clock B, one for each part of @second,
 *	NULL or empty where there is none; of each only the first part counts
 * @second: from clock B to clock C, finished
 *
 * The maps must stay as long as the result.
 *
 * Return: a finished map from A to C, to be freed with clock_map_free().
 */
struct clock_map *clock_map_compose(struct clock_map *const *firsts,
				    const struct clock_map *second);

/**
 * clock_map_set_early - what is before a time is known less well
 * @map: a finished map
 * @before: time in the first clock
 * @error: to be added to the bound before that, in units of the second clock
 * @not_before: a time in the second clock before which there was nothing: what is
 *	early may be as old as that; %UINT64_MAX if it may not
 */
void clock_map_set_early(struct clock_map *map, uint64_t before, uint64_t error,
			 uint64_t not_before);

/** clock_map_early_end - what clock_map_set_early() said is known less well ends here */
uint64_t clock_map_early_end(const struct clock_map *map);

/**
 * clock_map_apply - map a time
 * @map: a finished map that is not empty
 * @from: time in the first clock
 * @cursor: the caller's place in the map, kept between calls
 * Return: the time in the second clock, not below 0.
 */
uint64_t clock_map_apply(const struct clock_map *map, uint64_t from, struct clock_cursor *cursor);

/**
 * clock_map_bound - how well a time is known
 * @map: a finished map that is not empty
 * @from: time in the first clock, the one that clock_map_apply() was asked for last
 * @cursor: the same
 * Return: the true time lies within +- this of what clock_map_apply() gave, in
 * units of the second clock; %CLOCK_NO_BOUND: it is not known.
 */
uint64_t clock_map_bound(const struct clock_map *map, uint64_t from,
			 const struct clock_cursor *cursor);

/**
 * clock_map_worst_bound - the largest bound in a stretch of time
 * @map: a finished map that is not empty
 * @first: its begin in the first clock
 * @last: its end
 *
 * Times so near to a stop that they may be from either side of it are left out.
 *
 * Return: as clock_map_bound().
 */
uint64_t clock_map_worst_bound(const struct clock_map *map, uint64_t first, uint64_t last);

#endif
