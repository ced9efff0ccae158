/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths that a guest has chosen: which of them may become files here, and how
 * that is done without ever leaving the directory that they belong into.
 */
#ifndef HYPERTRACE_SPOOL_PATH_H
#define HYPERTRACE_SPOOL_PATH_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of a path, and directories in it, at most. */
#define SPOOL_PATH_MAX		4095
#define SPOOL_DEPTH_MAX		64

/**
 * spool_path_is_safe - may it be the path of a file below a directory?
 * @path: bytes, nothing is known of them
 * @size: how many
 * Return: true for relative UTF-8 without NUL and other control characters,
 * without empty components, "." and "..", and not too long or deep.
 */
bool spool_path_is_safe(const char *path, size_t size);

/**
 * spool_path_make - make a file, and the directories on the way to it
 * @dir: file descriptor of the directory that it goes below
 * @path: where
 * @error: %HT_ERROR_FORMAT: the path is not safe; %HT_ERROR_FAILED: anything
 *	else, a file that is there already and a link on the way included
 * Return: a file descriptor to write to, or -1 with @error set.
 */
int spool_path_make(int dir, const char *path, GError **error);

#endif
