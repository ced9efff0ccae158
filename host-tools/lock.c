// SPDX-License-Identifier: GPL-2.0-only
/* Advisory locks; see lock.h. */
#include "lock.h"

#include <glib.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/**
 * find_owner - look up in /proc/locks who has locked a file
 * Return: a process id, 0 if it is not there.
 */
static pid_t find_owner(const struct stat *st)
{
	char *text, **lines;
	char wanted[64];
	pid_t owner = 0;
	guint i;

	if (!g_file_get_contents("/proc/locks", &text, NULL, NULL))
		return 0;
	snprintf(wanted, sizeof(wanted), "%02x:%02x:%llu", major(st->st_dev), minor(st->st_dev),
		 (unsigned long long)st->st_ino);
	lines = g_strsplit(text, "\n", -1);
	for (i = 0; lines[i] && !owner; i++) {
		char type[16], place[64];
		int pid;

		/* 1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF */
		if (sscanf(lines[i], "%*d: %15s %*s %*s %d %63s", type, &pid, place) == 3 &&
		    g_str_equal(type, "FLOCK") && g_str_equal(place, wanted))
			owner = pid;
	}
	g_strfreev(lines);
	g_free(text);
	return owner;
}

bool lock_take(int fd, pid_t *owner)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	*owner = fstat(fd, &st) == 0 ? find_owner(&st) : 0;
	return false;
}
