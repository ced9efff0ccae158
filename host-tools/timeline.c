// SPDX-License-Identifier: GPL-2.0-only
/* From a stream's timestamps to the host's clock; see timeline.h. */
#include "timeline.h"

#include <math.h>

static void add_point(struct timeline_points *points, uint64_t x, uint64_t y)
{
	if (!points->count || x < points->first_x) {
		points->first_x = x;
		points->first_y = y;
	}
	if (!points->count || x > points->last_x) {
		points->last_x = x;
		points->last_y = y;
	}
	points->count++;
}

void timeline_add_record(struct timeline_vm *vm, const struct clock_record *record)
{
	add_point(&vm->points, record->counter, record->mono_ns);
	if (record->counter_hz)
		vm->hz = record->counter_hz;
	if (record->error_ns > vm->error_ns)
		vm->error_ns = record->error_ns;
}

void timeline_add_packet(struct timeline_stream *stream, const struct packet_header *header)
{
	if (header->clock || header->counter)
		add_point(&stream->points, header->clock, header->counter);
	if (!header->timestamp_begin && !header->timestamp_end)
		return;
	if (!stream->has_time || header->timestamp_begin < stream->first)
		stream->first = header->timestamp_begin;
	if (!stream->has_time || header->timestamp_end > stream->last)
		stream->last = header->timestamp_end;
	stream->has_time = true;
}

/**
 * convert - take a time from one clock to the other
 * @rate: y per x, 0 to take it from the points
 * @out: written on success
 *
 * Goes out from the nearer of the two points, so that an uncertain rate, or a
 * pause of one of the clocks, counts for little.
 */
static bool convert(const struct timeline_points *points, double rate, uint64_t x, uint64_t *out)
{
	uint64_t from_first = x > points->first_x ? x - points->first_x : points->first_x - x;
	uint64_t from_last = x > points->last_x ? x - points->last_x : points->last_x - x;
	bool is_last = from_last < from_first;
	uint64_t near_x = is_last ? points->last_x : points->first_x;
	uint64_t near_y = is_last ? points->last_y : points->first_y;
	double y;

	if (!points->count)
		return false;
	if (rate == 0 && points->last_x > points->first_x)
		rate = (double)(int64_t)(points->last_y - points->first_y) /
		       (double)(points->last_x - points->first_x);
	if (rate <= 0 && x != near_x)
		return false;
	/* the difference as a double, the sum exact as long as that is small */
	y = (x >= near_x ? (double)(x - near_x) : -(double)(near_x - x)) * rate;
	if (!isfinite(y) || fabs(y) > 9e18)
		return false;
	*out = near_y + (uint64_t)(int64_t)y;
	return true;
}

static bool to_host(const struct timeline_stream *stream, const struct timeline_vm *vm,
		    uint64_t time, uint64_t *out)
{
	if (stream->clock == VHT_CLOCK_HOST_MONOTONIC) {
		*out = time;
		return true;
	}
	if (stream->clock == VHT_CLOCK_SOURCE && !convert(&stream->points, 0, time, &time))
		return false;
	return convert(&vm->points, vm->hz ? 1e9 / (double)vm->hz : 0, time, out);
}

bool timeline_span(const struct timeline_stream *stream, const struct timeline_vm *vm,
		   uint64_t *first_ns, uint64_t *last_ns)
{
	uint64_t first, last;

	if (!stream->has_time || !to_host(stream, vm, stream->first, &first) ||
	    !to_host(stream, vm, stream->last, &last))
		return false;
	*first_ns = first;
	*last_ns = last;
	return true;
}
