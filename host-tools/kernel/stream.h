/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Metadata streams as bytes: what a guest handed over, or a profile holds,
 * checked and written anew, so that nothing is in a file that was not looked at.
 */
#ifndef HYPERTRACE_KERNEL_STREAM_H
#define HYPERTRACE_KERNEL_STREAM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "../recording/reader.h"

/**
 * struct kernel_facts - what a metadata stream says of its kernel
 * @release: printable ASCII, as all texts here; "" where not known
 * @version: e.g. "#1 SMP ..."
 * @machine: e.g. "x86_64"
 * @build_id: 16 to 128 hexadecimal digits, in lower case
 * @text_address: of the symbol _text
 * @formats: number of event formats
 * @symbols: number of symbols
 */
struct kernel_facts {
	char *release;
	char *version;
	char *machine;
	char *build_id;
	uint64_t text_address;
	size_t formats;
	size_t symbols;
};

/** kernel_facts_fini - free the texts */
void kernel_facts_fini(struct kernel_facts *facts);

/**
 * kernel_stream_check - see whether a stream is a whole metadata set
 * @stream: the stream; hostile
 * @facts: to be freed with kernel_facts_fini(); written only if the set is whole
 * @error: %HT_ERROR_FORMAT
 * Return: true if it is.
 */
bool kernel_stream_check(const struct recording_stream *stream, struct kernel_facts *facts,
			 GError **error);

/**
 * kernel_stream_write - write a stream file
 * @stream: its metadata packets are taken; state packets are not
 * @epoch: that the packets are to name
 * @path: of the file; one that is there is replaced
 * @error: an I/O error
 * Return: false with @error set.
 */
bool kernel_stream_write(const struct recording_stream *stream, uint32_t epoch, const char *path,
			 GError **error);

/**
 * kernel_stream_symbols - the addresses of a stream's symbols
 * @stream: the stream
 * @name: a symbol to look for, or NULL
 * @address: set to that symbol's address, 0 if it is not there or there are
 *	several of that name; may be NULL if @name is
 * Return: uint64_t, sorted, each once, modules' left out.
 */
GArray *kernel_stream_symbols(const struct recording_stream *stream, const char *name,
			      uint64_t *address);

#endif
