// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the symbols of code that the tables in a metadata stream make, as
 * /proc/kallsyms would: for tests that compare the two.
 *
 * usage: print-symbols STREAM
 */
#include <inttypes.h>
#include <stdio.h>

#include "decode/kallsyms.h"
#include "recording/reader.h"

int main(int argc, char **argv)
{
	struct recording_stream *stream;
	struct kallsyms *kallsyms = kallsyms_new();
	struct kallsyms_cursor cursor;
	struct kallsyms_symbol symbol;
	struct recording_records it;
	struct meta_record record;
	GError *error = NULL;

	if (argc != 2) {
		fprintf(stderr, "usage: print-symbols STREAM\n");
		return 2;
	}
	stream = recording_stream_open(argv[1], &error);
	if (!stream) {
		fprintf(stderr, "%s\n", error->message);
		return 1;
	}
	recording_records_init(&it, stream);
	while (recording_next_meta(&it, &record))
		kallsyms_feed(kallsyms, &record);
	if (!kallsyms_finish(kallsyms)) {
		fprintf(stderr, "no whole tables: path=%s\n", argv[1]);
		return 1;
	}
	kallsyms_cursor_init(&cursor, kallsyms);
	while (kallsyms_next_text(&cursor, &symbol))
		printf("%016" PRIx64 " %c %s\n", symbol.address, symbol.kind, symbol.name);
	kallsyms_free(kallsyms);
	recording_stream_free(stream);
	return 0;
}
