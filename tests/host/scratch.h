/* SPDX-License-Identifier: GPL-2.0-only */
/* A directory for one test program, gone when it ends. */
#ifndef HYPERTRACE_TESTS_SCRATCH_H
#define HYPERTRACE_TESTS_SCRATCH_H

#include <assert.h>
#include <ftw.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *scratch_dir;

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
				     struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_remove(void)
{
	nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	g_free(scratch_dir);
}

static inline void scratch_init(void)
{
	scratch_dir = g_dir_make_tmp("hypertrace-XXXXXX", NULL);
	assert(scratch_dir);
	atexit(scratch_remove);
}

/* A path in it, to be freed with g_free(). */
static inline char *scratch_path(const char *name)
{
	return g_build_filename(scratch_dir, name, NULL);
}

/* Writes a file in it. */
static inline void scratch_put(const char *name, const void *data, gssize size)
{
	g_autofree char *path = scratch_path(name), *dir = g_path_get_dirname(path);
	size_t bytes = size < 0 ? strlen(data) : (size_t)size;
	FILE *file;

	assert(g_mkdir_with_parents(dir, 0700) == 0);
	file = fopen(path, "w");
	assert(file && fwrite(data, 1, bytes, file) == bytes);
	assert(fclose(file) == 0);
}

#endif
