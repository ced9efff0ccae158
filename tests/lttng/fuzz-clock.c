// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing metadata of LTTng's traces: the input is a metadata file. What is taken
 * is taken a second time as well, and gives the same.
 */
#include <stdlib.h>
#include <string.h>

#include "lttng/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lttng_clock clock = {
		.boot_id = "c968c550-3803-46ce-b6f7-682b3a29730c",
		.offset_ns = -1,
	};
	GString *text = lttng_metadata_text(data, size, NULL), *once, *twice;

	if (!text)
		return 0;
	once = lttng_metadata_set_clock(text, &clock, NULL);
	if (once) {
		twice = lttng_metadata_set_clock(once, &clock, NULL);
		if (!twice || strcmp(once->str, twice->str))
			abort();
		g_string_free(twice, TRUE);
		g_string_free(once, TRUE);
	}
	g_string_free(text, TRUE);
	return 0;
}
