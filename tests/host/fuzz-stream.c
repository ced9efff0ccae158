// SPDX-License-Identifier: GPL-2.0-only
/* Fuzzing a stream file: the input is the file. */
#include <stdlib.h>

#include "recording/audit.h"
#include "recording/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording_stream stream = { .data = data, .size = size };
	struct recording_records it;
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct clock_record record;
	struct audit_stream *audit;
	struct vmm_event event;
	uint64_t total = 0;

	recording_stream_scan(&stream);
	recording_cursor_init(&cursor, &stream);
	while (recording_cursor_next(&cursor, &packet))
		total += packet.header.packet_size;
	if (total + recording_cursor_rest(&cursor) != size)
		abort();
	recording_records_init(&it, &stream);
	while (recording_next_vmm_event(&it, &event))
		;
	recording_records_init(&it, &stream);
	while (recording_next_clock_record(&it, &record))
		;
	audit = audit_stream(&stream, 1, 1);
	if (audit->torn_bytes + audit->unknown_bytes != recording_cursor_rest(&cursor))
		abort();
	audit_stream_free(audit);
	return 0;
}
