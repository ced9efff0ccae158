/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of a spool stream, put together again: what was written where, last
 * word first. Data stays where it is, in the recording; a tree is as large as the
 * stream has packets, and no larger.
 *
 * A guest's driver says what it likes. What cannot be is refused and counted.
 */
#ifndef HYPERTRACE_SPOOL_TREE_H
#define HYPERTRACE_SPOOL_TREE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "recording/reader.h"

/* Files in a tree, at most; those beyond are refused. */
#define SPOOL_MAX_FILES		(1 << 18)

/* Bytes of a file, at most: what is beyond is refused. */
#define SPOOL_MAX_SIZE		((uint64_t)1 << 44)

/**
 * struct spool_span - bytes of a file that are known
 * @offset: in the file
 * @size: bytes, not 0
 * @data: them
 * @is_start: a write() of the guest's began here
 */
struct spool_span {
	uint64_t offset;
	uint64_t size;
	const uint8_t *data;
	bool is_start;
};

/**
 * struct spool_file - a file
 * @number: what the guest's driver calls it
 * @path: what it is called last, below the tree; safe to print and to make
 * @size: bytes, holes included
 * @known: bytes in @spans
 * @spans: struct spool_span *, by offset, none over another
 * @is_created: its beginning was seen
 * @is_closed: who wrote it has closed it since
 * @is_removed: the guest removed it, or put another one in its place
 */
struct spool_file {
	uint64_t number;
	char *path;
	uint64_t size;
	uint64_t known;
	GTree *spans;
	bool is_created;
	bool is_closed;
	bool is_removed;
	/* private */
	bool is_midst;
	uint64_t next;
};

/**
 * struct spool_tree - all files of a stream
 * @files: struct spool_file *, in the order in which they came, removed ones included
 * @count: of those that are not removed
 * @size: bytes of these, holes included
 * @known: bytes of these that are known
 * @holed: how many of these have holes
 * @packets: that the tree was made of
 * @missing: packets that were overwritten before they were read
 * @refused: packets that were refused: no such packet can be
 * @too_many: packets of files that were too many
 */
struct spool_tree {
	GPtrArray *files;
	guint count;
	uint64_t size;
	uint64_t known;
	guint holed;
	uint64_t packets;
	uint64_t missing;
	uint64_t refused;
	uint64_t too_many;
	/* private */
	GHashTable *numbers;
};

/**
 * spool_tree_new - put the files of a stream together
 * @stream: of source %VHT_SOURCE_SPOOL; must stay as long as the result
 * Return: the tree, to be freed with spool_tree_free().
 */
struct spool_tree *spool_tree_new(const struct recording_stream *stream);

/** spool_tree_free - free a tree; NULL is fine */
void spool_tree_free(struct spool_tree *tree);

/**
 * spool_file_at - the span at or behind a place
 * @file: the file
 * @offset: the place
 * Return: the first span that ends behind it, or NULL.
 */
const struct spool_span *spool_file_at(const struct spool_file *file, uint64_t offset);

/**
 * spool_file_run - how far a file is known from a place on
 * @file: the file
 * @offset: the place
 * @most: bytes that are asked for; what is behind them is not looked at
 * Return: bytes up to the next hole or the end, @most at most.
 */
uint64_t spool_file_run(const struct spool_file *file, uint64_t offset, uint64_t most);

/**
 * spool_file_read - copy bytes that are known
 * @file: the file
 * @offset: the first
 * @data: where to
 * @size: how many; spool_file_run() has said that they are there
 */
void spool_file_read(const struct spool_file *file, uint64_t offset, void *data, size_t size);

/**
 * spool_file_copy - write bytes that are known to a file
 * @file: the file
 * @offset: the first
 * @size: how many; spool_file_run() has said that they are there
 * @fd: where to, at its position
 * @error: %HT_ERROR_FAILED: I/O
 * Return: false with @error set.
 */
bool spool_file_copy(const struct spool_file *file, uint64_t offset, uint64_t size, int fd,
		     GError **error);

/**
 * spool_tree_write - write all files that were not removed
 * @tree: the tree
 * @dir: file descriptor of a directory; nobody else writes there
 * @warnings: char *, a sentence is added for what cannot be written because another
 *	file is in its way
 * @error: %HT_ERROR_FAILED: I/O
 *
 * Holes stay holes.
 *
 * Return: false with @error set.
 */
bool spool_tree_write(const struct spool_tree *tree, int dir, GPtrArray *warnings,
		      GError **error);

#endif
