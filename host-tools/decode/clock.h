/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Relations between clocks: from measured points to a map that is a line
 * between neighbours and goes on at the ends (docs/specs/recording.md, "Times").
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
 * clock_map_add - one measured point, in any order
 * @map: the map, not finished
 * @from: time in the first clock
 * @to: time in the second at the same moment
 * @error: half the width of the measurement, in units of either clock: smaller
 *	is better
 * @is_break: the relation between this point and the one before it (in the
 *	second clock) is not a line: one of the clocks stood still
 */
void clock_map_add(struct clock_map *map, uint64_t from, uint64_t to, uint64_t error,
		   bool is_break);

/**
 * clock_map_finish - drop what cannot be, and make the lines
 * @map: the map
 * Return: how many points were dropped because they contradict the others.
 */
uint32_t clock_map_finish(struct clock_map *map);

/** clock_map_is_empty - there is no point left: the map maps nothing */
bool clock_map_is_empty(const struct clock_map *map);

/**
 * clock_map_compose - a map through a second one
 * @first: from clock A to clock B, finished
 * @second: from clock B to clock C, finished
 * Return: a finished map from A to C, to be freed with clock_map_free().
 */
struct clock_map *clock_map_compose(const struct clock_map *first,
				    const struct clock_map *second);

/**
 * clock_map_apply - map a time
 * @map: a finished map that is not empty
 * @from: time in the first clock
 * @hint: a place in the map, kept by the caller between calls, 0 at first
 * Return: the time in the second clock, not below 0.
 */
uint64_t clock_map_apply(const struct clock_map *map, uint64_t from, uint32_t *hint);

#endif
