// SPDX-License-Identifier: GPL-2.0-only
/* Paths that a guest has chosen; see path.h. */
#include "spool/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

#define NAME_BYTES	255

static bool is_name(const char *name, size_t size)
{
	return size && size <= NAME_BYTES && !(size == 1 && name[0] == '.') &&
	       !(size == 2 && name[0] == '.' && name[1] == '.');
}

bool spool_path_is_safe(const char *path, size_t size)
{
	size_t begin = 0, depth = 0;

	if (!size || size > SPOOL_PATH_MAX || !g_utf8_validate_len(path, size, NULL))
		return false;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)path[i] < ' ' || path[i] == 0x7f)
			return false;
	for (size_t i = 0; i <= size; i++) {
		if (i < size && path[i] != '/')
			continue;
		if (!is_name(path + begin, i - begin) || depth++ > SPOOL_DEPTH_MAX)
			return false;
		begin = i + 1;
	}
	return true;
}

static int fail(GError **error, const char *what, const char *path)
{
	int saved = errno;

	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make %s: path=%s: %s", what, path,
		    g_strerror(saved));
	return -1;
}

/**
 * enter - open a directory in another, made if need be
 * @dir: the other; is closed
 */
static int enter(int dir, const char *name, const char *path, GError **error)
{
	int below = -1;

	if (mkdirat(dir, name, 0777) < 0 && errno != EEXIST)
		fail(error, "directory", path);
	else if ((below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		fail(error, "directory", path);
	close(dir);
	return below;
}

int spool_path_make(int dir, const char *path, GError **error)
{
	g_auto(GStrv) names = NULL;
	guint last;
	int fd;

	if (!spool_path_is_safe(path, strlen(path))) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "not a path for a file");
		return -1;
	}
	names = g_strsplit(path, "/", -1);
	last = g_strv_length(names) - 1;
	dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	if (dir < 0)
		return fail(error, "file", path);
	for (guint i = 0; i < last && dir >= 0; i++)
		dir = enter(dir, names[i], path, error);
	if (dir < 0)
		return -1;
	fd = openat(dir, names[last], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		fail(error, "file", path);
	close(dir);
	return fd;
}
