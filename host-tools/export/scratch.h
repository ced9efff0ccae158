/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A directory for what is needed while a command runs. It goes when the command does,
 * also where that is killed: a small process waits for its end, and removes it.
 */
#ifndef HT_EXPORT_SCRATCH_H
#define HT_EXPORT_SCRATCH_H

#include <glib.h>
#include <sys/types.h>

/**
 * struct scratch - a directory of our own
 * @path: of it; there may be much in it
 */
struct scratch {
	char *path;
	/* private */
	pid_t keeper;
	int alive;
};

/**
 * scratch_new - make a directory in $TMPDIR, or /var/tmp
 * @error: HT_ERROR_FAILED: it cannot be made
 * Return: to be freed with scratch_free(), or NULL.
 */
struct scratch *scratch_new(GError **error);

/** scratch_free - remove it with all that is in it; NULL is fine */
void scratch_free(struct scratch *scratch);

/** scratch_remove - remove any directory with all that is in it, as far as that can be */
void scratch_remove(const char *dir);

#endif
