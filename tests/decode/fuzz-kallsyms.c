// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing a kernel's symbol tables: the input is records of a metadata stream, one
 * behind the other.
 */
#include <glib.h>
#include <string.h>

#include "decode/kallsyms.h"
#include "decode/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kallsyms *kallsyms = kallsyms_new();
	struct symbols *symbols = symbols_new();
	struct kallsyms_cursor cursor;
	struct kallsyms_symbol symbol;
	struct record_cursor records;
	struct meta_record record;
	uint64_t offset, count = 0;
	size_t length;

	record_cursor_init(&records, data, size);
	while (record_next_meta(&records, &record))
		kallsyms_feed(kallsyms, &record);
	kallsyms_finish(kallsyms);
	kallsyms_cursor_init(&cursor, kallsyms);
	while (kallsyms_next(&cursor, &symbol)) {
		g_assert(symbol.length && symbol.length < KALLSYMS_MAX_NAME);
		g_assert(strlen(symbol.name) == symbol.length);
		count++;
	}
	g_assert(count <= size);
	symbols_add_kallsyms(symbols, kallsyms);
	kallsyms_free(kallsyms);
	symbols_finish(symbols);
	symbols_find(symbols, 0xffffffff81000000, &length, &offset);
	symbols_free(symbols);
	return 0;
}
