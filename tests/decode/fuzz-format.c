// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing event formats and the fields they lead to: the input is a system, a
 * NUL, a format text, a NUL, an event of it.
 */
#include <string.h>

#include "decode/decoder.h"
#include "decode/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *system = (const char *)data, *text, *end = system + size;
	size_t system_size = strnlen(system, size), text_size;
	struct class_table *table;
	struct decoder_stream stream = { 0 };
	struct decoder_item item = { .kind = DECODER_EVENT, .stream = &stream };
	struct text out;

	if (system_size == size)
		return 0;
	text = system + system_size + 1;
	text_size = strnlen(text, end - text);
	table = class_table_new(size & 1 ? NAMING_FTRACE : NAMING_LTTNG);
	class_table_set_guest(table, size & 2 ? 4 : 8);
	item.class = class_table_add_format(table, system, system_size, text, text_size);
	if (item.class && text + text_size < end) {
		/* A copy of its own: a byte behind the event is another's. */
		item.size = end - text - text_size - 1;
		item.data = g_memdup2(text + text_size + 1, item.size);
		text_init(&out);
		if (item.size && !class_has_message(item.class))
			text_fields(&out, &item);
		text_fini(&out);
		g_free((void *)item.data);
	}
	class_table_free(table);
	return 0;
}
