// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing a guest's files: the input is a spool's stream. The tree must hold together,
 * whatever it says: no bytes that are not there, no path that leads elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "spool/path.h"
#include "spool/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_file(const struct spool_file *file)
{
	uint64_t known = 0, at = 0;

	if (!spool_path_is_safe(file->path, strlen(file->path)))
		abort();
	for (const struct spool_span *span = spool_file_at(file, 0); span;
	     span = spool_file_at(file, at)) {
		if (span->offset < at || !span->size)
			abort();
		/* all of it can be read */
		for (uint64_t i = 0; i < span->size; i += 64) {
			volatile uint8_t byte = span->data[i];

			(void)byte;
		}
		at = span->offset + span->size;
		known += span->size;
	}
	if (known != file->known || at > file->size || known > file->size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording_stream stream = { .data = size ? data : NULL, .size = size };
	struct spool_tree *tree;

	recording_stream_scan(&stream);
	tree = spool_tree_new(&stream);
	for (guint i = 0; i < tree->files->len; i++)
		check_file(tree->files->pdata[i]);
	spool_tree_free(tree);
	return 0;
}
