// SPDX-License-Identifier: GPL-2.0-only
/* From a stream's clock to the host's, for summaries. */
#include "tap.h"
#include "timeline.h"

int main(void)
{
	struct timeline_stream stream = { .clock = VHT_CLOCK_SOURCE };
	struct clock_record record = { .counter_hz = 2000000000, .error_ns = 30 };
	struct packet_header packet = { 0 };
	struct timeline_vm vm = { 0 };
	uint64_t first = 1, last = 1;

	ok(!timeline_span(&stream, &vm, &first, &last) && first == 1 && last == 1,
	   "nothing is known: nothing is said");

	packet = (struct packet_header) { .timestamp_begin = 1000, .timestamp_end = 2000,
					  .clock = 2000, .counter = 70000 };
	timeline_add_packet(&stream, &packet);
	packet = (struct packet_header) { .timestamp_begin = 2000, .timestamp_end = 4000,
					  .clock = 4000, .counter = 74000 };
	timeline_add_packet(&stream, &packet);
	ok(!timeline_span(&stream, &vm, &first, &last), "no clock record, no host time");

	record.counter = 66000;
	record.mono_ns = 1003000;
	timeline_add_record(&vm, &record);
	ok(timeline_span(&stream, &vm, &first, &last) && first == 1004000 && last == 1007000,
	   "source, counter, host: one record and its rate are enough");

	/* the counter stood still for a second between the records */
	record.counter = 74000;
	record.mono_ns = 1000007000 + 1000000000;
	record.error_ns = 10;
	timeline_add_record(&vm, &record);
	ok(timeline_span(&stream, &vm, &first, &last) && first == 1004000 &&
	   last == 2000007000, "each end goes by the record next to it");
	ok(vm.error_ns == 30, "the largest error counts");

	stream.clock = VHT_CLOCK_HOST_MONOTONIC;
	ok(timeline_span(&stream, &vm, &first, &last) && first == 1000 && last == 4000,
	   "the host's own clock is taken as it is");
	stream.clock = VHT_CLOCK_COUNTER;
	stream.first = 62002;
	stream.last = 74000;
	ok(timeline_span(&stream, &vm, &first, &last) && first == 1001001 && last == 2000007000,
	   "the counter needs no pairs");

	stream.clock = VHT_CLOCK_SOURCE;
	stream.first = UINT64_MAX;
	stream.last = 0;
	stream.points = (struct timeline_points) { 5, UINT64_MAX, 6, 0, 2 };
	(void)timeline_span(&stream, &vm, &first, &last);
	ok(true, "nonsense does no harm");
	return tap_done();
}
