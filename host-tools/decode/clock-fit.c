// SPDX-License-Identifier: GPL-2.0-only
/*
 * From measured points to the lines of a part of a clock map: thin out points that are
 * too close together for their noise, drop points that contradict the others, connect
 * what is left.
 *
 * One wrong measurement (a reader preempted at the wrong moment, a hostile guest) must
 * not bend the timeline. A point is dropped if it lies off the line of its neighbours by
 * much more than its own error and their usual scatter, on either side of it, and if time
 * would run backwards because of it.
 *
 * The bound. Between two points the error is at most what lies between theirs, if the
 * relation is a line. How far from a line it is shows where they lie off the lines
 * between points about as far away: a step by twice that may be anywhere between the
 * two. Beyond the ends the error grows by what is not known of the rate.
 *
 * Stops. Where the VM stood the first clock may have stood too, wholly, in part (KVM's
 * stands from when QEMU asked for it to when it set it again) or not at all. What it was
 * at either end of the stop only the points of that side say, continued to the stop: no
 * point but these is needed for it, and no line goes across a stop.
 */
#include "clock-part.h"

#include <math.h>

#include "rising.h"

/* Points on each side that a point is compared with. */
#define NEIGHBOURS	3
/* Points between two that a slope is taken of. */
#define APART		8
/* How far off the neighbours' line is always allowed. */
#define TOLERANCE	2000.0
/* How many times its error, or the usual scatter, a point may be off. */
#define FACTOR		8.0
/* How much a rate may change between two points; time servers steer that much. */
#define WANDER		1e-4
/* A slope is trusted if the ends' errors bend it by less than this. */
#define SLOPE_ERROR	1e-4
/* What a rate measured between two points may be wrong by, beside their errors ... */
#define TWO_POINTS_RATE	1e-5
/* ... and between more. */
#define MEASURED_RATE	1e-6
/* Dropped points that are told one by one. */
#define MAX_DROPPED	16

static gint compare_points(gconstpointer a, gconstpointer b)
{
	const struct clock_point *left = a, *right = b;

	if (left->from != right->from)
		return left->from < right->from ? -1 : 1;
	if (left->to != right->to)
		return left->to < right->to ? -1 : 1;
	return 0;
}

/* How many stops were over at a time in the second clock. */
static guint run_of(const struct part *part, uint64_t to)
{
	guint low = 0, high = part->stops ? part->stops->len : 0;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		const struct clock_stop *stop = &g_array_index(part->stops, struct clock_stop,
							       middle);

		/* nothing can be measured in the midst of one */
		if (stop->begin + (stop->end - stop->begin) / 2 < to)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void part_thin_out(struct part *part, uint64_t spacing)
{
	struct point *p = (struct point *)part->points->data;
	guint kept = 0;

	g_array_sort(part->points, compare_points);
	for (guint i = 0; i < part->points->len; i++) {
		struct point *last = kept ? &p[kept - 1] : NULL;

		p[i].run = run_of(part, p[i].pub.to);
		if (!last || p[i].pub.joint || last->pub.joint || p[i].run != last->run ||
		    !spacing || p[i].pub.from / spacing != last->pub.from / spacing)
			p[kept++] = p[i];
		else if (p[i].pub.error < last->pub.error)
			*last = p[i];
	}
	g_array_set_size(part->points, kept);
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

double part_slope(const struct part *part)
{
	return typical_slope((const struct point *)part->points->data, part->points->len);
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

static void drop(struct drops *drops, struct point *point, enum clock_fault fault, double off)
{
	const struct clock_dropped dropped = { point->pub.number, fault, off };

	point->is_dropped = true;
	if (drops->list && drops->count < MAX_DROPPED)
		g_array_append_val(drops->list, dropped);
	drops->count++;
}

/* How far point @i usually is off the lines of those in [begin, end); infinite if there are none. */
static double usual_off(const struct point *p, guint i, guint begin, guint end, double slope,
			GArray *values)
{
	g_array_set_size(values, 0);
	for (guint j = begin; j < end; j++) {
		double off = fabs(residual(&p[i], &p[j], slope));

		g_array_append_val(values, off);
	}
	if (!values->len)
		return INFINITY;
	g_array_sort(values, compare_doubles);
	return g_array_index(values, double, (values->len - 1) / 2);
}

/* What a point next to others may be off by if the rate wandered. */
static double wander(const struct point *p, guint i, guint begin, guint end, double slope)
{
	double nearest = INFINITY;

	for (guint j = begin; j < end; j++)
		if (j != i)
			nearest = MIN(nearest, fabs(difference(p[i].pub.from, p[j].pub.from)));
	return WANDER * slope * nearest;
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
		double off, limit;

		/* Two neighbours that differ do not say which of three is wrong. */
		if (end - begin < 4 || p[i].pub.is_lone)
			continue;
		/* a clock that stepped is right on one side */
		off = MIN(usual_off(p, i, begin, i, slope, values),
			  usual_off(p, i, i + 1, end, slope, values));
		limit = MAX(TOLERANCE, FACTOR * MAX(scatter, (double)p[i].pub.error));
		limit = MAX(limit, wander(p, i, begin, end, slope));
		if (off > limit)
			drop(drops, &p[i], CLOCK_FAULT_OFF, off);
	}
	g_array_unref(values);
}

/* The longest run of points on which time does not go back; others are dropped. */
static void drop_backward(struct point *p, guint count, struct drops *drops)
{
	uint64_t *values = g_new(uint64_t, count + 1);
	bool *is_kept;

	for (guint i = 0; i < count; i++)
		values[i] = p[i].pub.to;
	is_kept = rising_run(values, count, false);
	/* of two measurements of one moment either will do: nothing to tell */
	for (guint i = 0; i < count; i++) {
		if (is_kept[i])
			continue;
		if (i && p[i].pub.from == p[i - 1].pub.from && p[i].pub.to == p[i - 1].pub.to)
			p[i].is_dropped = true;
		else
			drop(drops, &p[i], CLOCK_FAULT_BACK, 0);
	}
	g_free(is_kept);
	g_free(values);
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

/* A stretch has neither a break nor a stop in it. */
static guint stretch_end(const struct point *p, guint first, guint count)
{
	guint last = first + 1;

	while (last < count && p[last].pub.joint != CLOCK_BREAK && p[last].run == p[first].run)
		last++;
	return last;
}

void part_clean(struct part *part, double slope, uint64_t spacing, struct drops *drops)
{
	GArray *points = part->points;
	struct point *p;

	part_thin_out(part, spacing);
	p = (struct point *)points->data;
	for (guint first = 0, last; first < points->len; first = last) {
		last = stretch_end(p, first, points->len);
		drop_vague(p, first, last);
	}
	remove_dropped(points);
	for (guint first = 0, last; first < points->len; first = last) {
		double own;

		last = stretch_end(p, first, points->len);
		own = typical_slope(p + first, last - first);
		drop_outliers(p, first, last, own > 0 ? own : slope, drops);
	}
	remove_dropped(points);
	drop_backward(p, points->len, drops);
	remove_dropped(points);
}

/*
 * The rate of [first, last), a stretch, from end to end.
 * @otherwise: the rate to take where the points do not tell
 */
static struct rate measure_stretch(const struct point *p, guint first, guint last,
				   const struct rate *otherwise)
{
	double run = difference(p[last - 1].pub.from, p[first].pub.from);
	double rise = difference(p[last - 1].pub.to, p[first].pub.to);
	struct rate result;
	double doubt, off = 0;

	if (run <= 0 || rise <= 0)
		return *otherwise;
	doubt = ((double)p[first].pub.error + (double)p[last - 1].pub.error) / run;
	if (otherwise->slope > 0 && doubt / (rise / run) > SLOPE_ERROR)
		return *otherwise;
	result.slope = rise / run;
	for (guint i = first + 1; i + 1 < last; i++)
		off = MAX(off, fabs(residual(&p[i], &p[first], result.slope)));
	/* a bow that is so far from its chord has ends that are so much steeper */
	result.doubt = doubt + 4 * off / run +
		       (last - first > 2 ? MEASURED_RATE : TWO_POINTS_RATE) * result.slope;
	return result.doubt > otherwise->doubt ? *otherwise : result;
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

/**
 * step_at - by how much the relation may have stepped between two points
 * @p: the one; the step shows in how far it lies off the line to the other
 * @other: the other one
 * @far: one about as far away on the other side of @p
 */
static double step_at(const struct point *p, const struct point *other, const struct point *far)
{
	double reach = fabs(difference(other->pub.from, p->pub.from));
	double run = fabs(difference(p->pub.from, far->pub.from));
	double slope = difference(other->pub.to, far->pub.to) /
		       difference(other->pub.from, far->pub.from);

	/* near ones would show no more than their noise */
	return run > 0 ? fabs(residual(p, far, slope)) * MAX((run + reach) / run, 2) : 0;
}

/**
 * measure_step - how far from a line it may be between points @i and @i + 1
 *
 * A clock that was put right, or that others looked after meanwhile, steps: where,
 * between the two, nobody knows.
 *
 * Return: units of the second clock.
 */
static double measure_step(const struct point *p, guint first, guint last, guint i,
			   const struct rate *rate)
{
	uint64_t reach = p[i + 1].pub.from - p[i].pub.from;
	guint before = find_point(p, first, i + 1, subtract(p[i].pub.from, (double)reach));
	guint after = find_point(p, i + 1, last, add(p[i + 1].pub.from, (double)reach));
	double from_before, from_after, step = 0;

	if (after + 1 < last && p[after].pub.from - p[i + 1].pub.from < reach)
		after++;
	from_before = difference(p[i].pub.from, p[before].pub.from);
	from_after = difference(p[after].pub.from, p[i + 1].pub.from);
	/* two points know nothing but what others say of the rate */
	if (from_before <= 0 && from_after <= 0)
		return MAX(0, fabs(residual(&p[i + 1], &p[i], rate->slope)) -
			   rate->doubt * (double)reach) + rate->doubt * (double)reach;
	/* one that is far enough away says enough */
	if (from_before > 0 && (from_before >= (double)reach || from_before >= from_after))
		step = step_at(&p[i], &p[i + 1], &p[before]);
	if (from_after > 0 && (from_after >= (double)reach || from_after > from_before))
		step = MAX(step, step_at(&p[i + 1], &p[i], &p[after]));
	return step;
}

/* Lines while they are being made. */
struct fit {
	struct part *part;
	GArray *lines;			/* struct line */
};

/* A line; it begins no earlier than the one before it. */
static void put_line(struct fit *fit, struct line line)
{
	const struct line *last = fit->lines->len ?
		&g_array_index(fit->lines, struct line, fit->lines->len - 1) : NULL;

	if (last && line.from < last->from) {
		line.to = add(line.to, (double)(last->from - line.from) * line.slope);
		line.reach = MAX(line.reach - (double)(last->from - line.from), 0);
		line.from = last->from;
	}
	g_array_append_val(fit->lines, line);
}

/* Times from @first to @last may be off by that much more. */
static void put_zone(struct fit *fit, double first, double last, double extra)
{
	struct zone zone = { saturate(floor(first)), saturate(ceil(last)), extra };

	if (first <= last && extra > 0)
		g_array_append_val(fit->part->zones, zone);
}

/* The line from a point to the next one, or on from it if @next is NULL. */
static struct line make_line(const struct clock_point *point, const struct clock_point *next,
			     const struct rate *rate, double step)
{
	struct line line = {
		.from = point->from, .to = point->to, .slope = rate->slope,
		.error = point->error, .drift = rate->doubt,
	};

	if (!next) {
		if (point->is_lone)
			line.drift = line.slope;
		return line;
	}
	line.reach = difference(next->from, point->from);
	line.slope = difference(next->to, point->to) / line.reach;
	line.error += step;
	line.error_end = next->error + step;
	line.drift = MEASURED_RATE * rate->slope;
	if (point->is_lone || next->is_lone) {
		/* anywhere between the two: as far as to the farther one */
		line.error += difference(next->to, point->to);
		line.error_end += difference(next->to, point->to);
		line.drift = -line.slope;
	}
	return line;
}

static const struct clock_stop *stop_at(const struct fit *fit, guint number)
{
	return &g_array_index(fit->part->stops, struct clock_stop, number);
}

/* Where a side of a stop reaches it, in the first clock. */
struct shore {
	double from;
	double error;			/* of the second clock */
	double slope;
};

static struct shore reach_stop(const struct clock_point *point, const struct rate *rate,
			       uint64_t stop)
{
	double distance = difference(stop, point->to) / rate->slope;

	return (struct shore) {
		.from = MAX((double)point->from + distance, 0),
		.error = (double)point->error + fabs(distance) * rate->doubt,
		.slope = rate->slope,
	};
}

/* The line with which a point's side begins. */
static void put_beginning(struct fit *fit, const struct shore *shore, uint64_t to,
			  const struct clock_point *point)
{
	put_line(fit, (struct line) {
		.from = saturate(shore->from), .to = to, .slope = shore->slope,
		.error = shore->error, .error_end = point->error,
		.reach = MAX(difference(point->from, saturate(shore->from)), 0),
	});
}

/*
 * Stops before the first point, if any: how much the clock stood in them is not known.
 * It is taken to have stood all the time; else what is before them is later, by no more
 * than they took.
 */
static void put_leading(struct fit *fit, const struct point *point, const struct rate *rate)
{
	struct part *part = fit->part;
	struct shore shore;
	double stood = 0;
	guint at;

	part->slope_before = rate->slope;
	part->drift_before = point->pub.is_lone ? rate->slope : rate->doubt;
	if (!point->run)
		return;
	shore = reach_stop(&point->pub, rate, stop_at(fit, point->run - 1)->end);
	at = fit->lines->len;
	put_beginning(fit, &shore, stop_at(fit, point->run - 1)->end, &point->pub);
	for (guint i = point->run; i--;) {
		const struct clock_stop *stop = stop_at(fit, i);
		uint64_t begin = i ? stop_at(fit, i - 1)->end : stop->begin;
		double length = difference(stop->begin, begin) / rate->slope;
		struct line line;

		stood += difference(stop->end, stop->begin_min);
		put_zone(fit, shore.from - shore.error / shore.slope,
			 shore.from + shore.error / shore.slope,
			 difference(stop->end, stop->begin_min));
		shore.from = MAX(shore.from - length, 0);
		shore.error += length * rate->doubt;
		line = (struct line) {
			.from = saturate(shore.from), .to = begin, .slope = rate->slope,
			.error = shore.error + stood, .drift = rate->doubt,
		};
		g_array_insert_val(fit->lines, at, line);
	}
}

/* Stops after the last point, if any, likewise: what is behind them is earlier, if anything. */
static void put_trailing(struct fit *fit, const struct point *point, const struct rate *rate)
{
	guint count = fit->part->stops ? fit->part->stops->len : 0;
	struct shore shore;
	double stood = 0;

	if (point->run >= count)
		return;
	shore = reach_stop(&point->pub, rate, stop_at(fit, point->run)->begin);
	for (guint i = point->run; i < count; i++) {
		const struct clock_stop *stop = stop_at(fit, i);
		double length = i + 1 < count ?
				difference(stop_at(fit, i + 1)->begin, stop->end) / rate->slope : 0;

		stood += difference(stop->end, stop->begin_min);
		put_zone(fit, shore.from - shore.error / shore.slope,
			 shore.from + shore.error / shore.slope,
			 difference(stop->end, stop->begin_min));
		put_line(fit, (struct line) {
			.from = saturate(shore.from), .to = stop->end, .slope = rate->slope,
			.error = shore.error + stood, .drift = rate->doubt,
		});
		shore.from += length;
		shore.error += length * rate->doubt;
	}
}

/*
 * One stop, or more, between two points. Up to where the first side reaches it a time may
 * be of that side, from where the second one does of that. Mostly the latter is later: what
 * is between the two is nobody's.
 */
static void put_stop(struct fit *fit, const struct point *left, const struct rate *left_rate,
		     const struct point *right, const struct rate *right_rate)
{
	const struct clock_stop *first = stop_at(fit, left->run);
	const struct clock_stop *last = stop_at(fit, right->run - 1);
	struct shore here = reach_stop(&left->pub, left_rate, first->begin);
	struct shore there = reach_stop(&right->pub, right_rate, last->end);
	double height = difference(last->end, first->begin_min);
	double begin = there.from - there.error / there.slope;
	double end = here.from + here.error / here.slope;

	put_zone(fit, begin, end, height + (end - begin) * there.slope);
	if (here.from < there.from && first->begin_min == first->begin) {
		bool is_one = first == last;

		/* where there are more, the VM ran in between */
		put_line(fit, (struct line) {
			.from = saturate(here.from), .to = first->begin,
			.slope = is_one ? 0 : height / (there.from - here.from),
			.error = here.error + there.error + height,
			.is_stop = is_one,
		});
	} else if (here.from > there.from && first->begin_min == first->begin) {
		double middle = (here.from - there.from) / 2;

		there.from += middle;
		put_line(fit, (struct line) {
			.from = saturate(there.from),
			.to = add(last->end, middle * there.slope), .slope = there.slope,
			.error = there.error, .drift = right_rate->doubt,
		});
		return;
	}
	put_beginning(fit, &there, last->end, &right->pub);
}

/* A break: both sides are measured, so at its edge only what is within their errors. */
static void put_break(struct fit *fit, const struct point *left, const struct rate *rate,
		      const struct point *right)
{
	double reached = (double)left->pub.to +
			 difference(right->pub.from, left->pub.from) * rate->slope;
	double width = ((double)left->pub.error + (double)right->pub.error +
			difference(right->pub.from, left->pub.from) * rate->doubt) / rate->slope;

	put_zone(fit, (double)right->pub.from - width, (double)right->pub.from + width,
		 fabs((double)right->pub.to - reached));
}

static void put_points(struct fit *fit, const struct point *p, guint first, guint last,
		       const struct rate *rate)
{
	for (guint i = first; i < last; i++) {
		const struct clock_point *next = i + 1 < last ? &p[i + 1].pub : NULL;
		double step = 0;

		/* Two measurements of one moment: the first will do. */
		if (next && next->from <= p[i].pub.from)
			continue;
		if (next)
			step = measure_step(p, first, last, i, rate);
		put_line(fit, make_line(&p[i].pub, next, rate, step));
	}
}

/*
 * The rate of the stretch whose rate is known best: for those that are too short
 * to tell. A rate is the same before and after a clock was set.
 */
void part_best_rate(const struct part *part, struct rate *best)
{
	const struct point *p = (const struct point *)part->points->data;
	const struct rate told = *best;

	for (guint first = 0, last; first < part->points->len; first = last) {
		struct rate whole;

		last = stretch_end(p, first, part->points->len);
		whole = measure_stretch(p, first, last, &told);
		whole.doubt += TWO_POINTS_RATE * whole.slope;
		if (whole.doubt < best->doubt)
			*best = whole;
	}
}

static gint compare_zones(gconstpointer a, gconstpointer b)
{
	const struct zone *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

void part_fit(struct part *part, const struct rate *otherwise)
{
	const struct point *p = (const struct point *)part->points->data;
	struct fit fit = { part, g_array_new(FALSE, FALSE, sizeof(struct line)) };
	guint count = part->points->len;
	struct rate rate = *otherwise, before = *otherwise;

	part->zones = g_array_new(FALSE, FALSE, sizeof(struct zone));
	for (guint first = 0, last; first < count; first = last) {
		last = stretch_end(p, first, count);
		rate = measure_stretch(p, first, last, otherwise);
		if (!first)
			put_leading(&fit, &p[0], &rate);
		else if (p[first].run > p[first - 1].run)
			put_stop(&fit, &p[first - 1], &before, &p[first], &rate);
		else
			put_break(&fit, &p[first - 1], &before, &p[first]);
		put_points(&fit, p, first, last, &rate);
		before = rate;
	}
	put_trailing(&fit, &p[count - 1], &rate);
	g_array_sort(part->zones, compare_zones);
	part->first_point = p[0].pub;
	part->last_point = p[count - 1].pub;
	part->line_count = fit.lines->len;
	part->lines = (struct line *)g_array_free(fit.lines, FALSE);
}
