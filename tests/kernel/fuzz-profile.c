// SPDX-License-Identifier: GPL-2.0-only
/* Fuzzing what a guest hands over as its profile: the input is its packets. */
#include <stdlib.h>
#include <string.h>

#include "kernel/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* exactly as long as the input, so that ASan sees a read behind it */
	uint8_t *bytes = malloc(size ? size : 1);
	struct recording_stream stream = { .data = bytes, .size = size };
	struct kernel_facts facts;
	uint64_t address;
	GArray *symbols;

	memcpy(bytes, data, size);
	recording_stream_scan(&stream);
	if (kernel_stream_check(&stream, &facts, NULL)) {
		if (strspn(facts.build_id, "0123456789abcdef") != strlen(facts.build_id) ||
		    strlen(facts.build_id) < 16 || !facts.text_address)
			abort();
		kernel_facts_fini(&facts);
	}
	symbols = kernel_stream_symbols(&stream, "_text", &address);
	for (guint i = 1; i < symbols->len; i++)
		if (g_array_index(symbols, uint64_t, i - 1) >= g_array_index(symbols, uint64_t, i))
			abort();
	g_array_unref(symbols);
	free(bytes);
	return 0;
}
