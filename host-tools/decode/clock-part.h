/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A part of a clock map, between clock.c, which asks it, and clock-fit.c, which makes
 * it of points.
 *
 * It is a sorted array of lines, and says where its bound is not the lines' own: in
 * the zones about a stop, in which a time may be from before the stop or from after it.
 * Or it is two parts, one through the other.
 */
#ifndef HYPERTRACE_DECODE_CLOCK_PART_H
#define HYPERTRACE_DECODE_CLOCK_PART_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

struct point {
	struct clock_point pub;
	guint run;			/* how many stops were before it */
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
	bool is_stop;			/* nothing ran: no time should be here */
};

/* Where it is not known on which side of a stop a time is. */
struct zone {
	uint64_t first;			/* in the first clock */
	uint64_t last;
	double extra;			/* what the other side is away, in the second */
};

struct part {
	GArray *points;			/* struct point, until it is finished */
	GArray *stops;			/* struct clock_stop, rising, likewise; NULL: none */
	struct line *lines;		/* NULL: it is two others */
	uint32_t line_count;
	GArray *zones;			/* struct zone, by @first; NULL: none */
	double slope_before;
	double drift_before;
	struct clock_point first_point;	/* the measured ones at its ends */
	struct clock_point last_point;
	const struct part *inner;	/* from the first clock to one between ... */
	const struct part *outer;	/* ... and from that to the second */
	uint64_t begin;			/* the first clock can have these values in it: from ... */
	uint64_t end;			/* ... to */
	uint64_t first;			/* ... and was seen to have these */
	uint64_t last;
	uint64_t to_min;		/* no time in it is earlier */
	uint64_t to_max;		/* nor later */
	double blur_before;		/* the bound between @begin and @first is not below this */
	double blur_after;
};

/**
 * struct rate - how fast the second clock goes by the first
 * @slope: units for each
 * @doubt: what that may be wrong by
 */
struct rate {
	double slope;
	double doubt;
};

/**
 * struct drops - what is told of points that were dropped
 * @list: struct clock_dropped, the first ones; may be NULL
 * @count: all of them
 */
struct drops {
	GArray *list;
	uint32_t count;
};

/** part_thin_out - of the points in each stretch of @spacing keep the best */
void part_thin_out(struct part *part, uint64_t spacing);

/** part_clean - drop what contradicts the other points; @slope is the one to expect, or 0 */
void part_clean(struct part *part, double slope, uint64_t spacing, struct drops *drops);

/** part_slope - the slope that most of a part's points agree on, 0 if there is none */
double part_slope(const struct part *part);

/** part_best_rate - take the rate that is known best in a part, if better than @best */
void part_best_rate(const struct part *part, struct rate *best);

/** part_fit - make the lines of a part that has points; @otherwise is for where they do not tell */
void part_fit(struct part *part, const struct rate *otherwise);

/* a - b as a number with a sign. */
static inline double difference(uint64_t a, uint64_t b)
{
	return a >= b ? (double)(a - b) : -(double)(b - a);
}

static inline uint64_t saturate(double value)
{
	return !(value > 0) ? 0 : value >= 0x1p63 ? (uint64_t)1 << 63 : (uint64_t)value;
}

static inline uint64_t add(uint64_t value, double step)
{
	uint64_t more = saturate(step);

	return value > UINT64_MAX - more ? UINT64_MAX : value + more;
}

static inline uint64_t subtract(uint64_t value, double step)
{
	uint64_t less = saturate(step);

	return value < less ? 0 : value - less;
}

#endif
