// SPDX-License-Identifier: GPL-2.0-only
/* Fuzzing metadata: the input is the content of one metadata packet. */
#include <stdlib.h>
#include <string.h>

#include "recording/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_header header = {
		.header_size = 128, .type = VHT_PACKET_METADATA,
		.packet_size = (128 + size + 127) & ~127ULL, .content_size = size,
	};
	struct recording_stream stream = { .size = header.packet_size };
	struct recording_generation gen = { .metadata = &stream };
	struct recording_records it;
	struct meta_record record;
	uint8_t *file;
	uint64_t sum = 0;

	file = calloc(1, header.packet_size);
	packet_build(&header, (void *)file);
	if (size)
		memcpy(file + 128, data, size);
	stream.data = file;
	recording_records_init(&it, &stream);
	while (recording_next_meta(&it, &record)) {
		if ((const uint8_t *)record.payload < file + 128 ||
		    (const uint8_t *)record.payload + record.size > file + 128 + size)
			abort();
		sum += record.size + sizeof(struct vht_meta);
	}
	if (sum + recording_records_skipped(&it) > size)
		abort();
	g_free(recording_generation_env(&gen, "kernel.release"));
	free(file);
	return 0;
}
