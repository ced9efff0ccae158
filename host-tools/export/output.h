/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The place an export is written to: a directory under a temporary name beside it,
 * renamed when all is written. What stands at the output is whole.
 */
#ifndef HT_EXPORT_OUTPUT_H
#define HT_EXPORT_OUTPUT_H

#include <glib.h>
#include <stdbool.h>

/**
 * struct output - an export being written
 * @out: where it goes (the caller's text)
 * @partial: directory of our own, until output_fini()
 */
struct output {
	const char *out;
	char *partial;
};

/**
 * output_init - make the directory to write in
 * @output: memory for it
 * @out: where the export goes; nothing may stand there
 * @error: HT_ERROR_FAILED: something stands there, or no directory can be made
 * Return: false with @error set; output_fini() is then not needed.
 */
bool output_init(struct output *output, const char *out, GError **error);

/**
 * output_commit - put what was written in its place
 * @output: the export
 * @path: the file or directory in @output->partial, or that directory itself
 * @error: HT_ERROR_FAILED: it cannot be renamed
 * Return: false with @error set.
 */
bool output_commit(struct output *output, const char *path, GError **error);

/**
 * output_fini - remove what is left of the directory
 * @output: the export, committed or not
 */
void output_fini(struct output *output);

#endif
