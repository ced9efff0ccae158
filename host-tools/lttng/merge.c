// SPDX-License-Identifier: GPL-2.0-only
/* LTTng's traces of the host into a set of CTF traces; see merge.h. */
#include "lttng/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

#define METADATA		"metadata"
#define INDEX			"index"

/* A session has a handful of traces three levels down; more is not LTTng's work. */
#define MAX_DEPTH		16
#define MAX_TRACES		4096
#define MAX_ENTRIES		65536
#define MAX_METADATA_SIZE	(64 << 20)

#define COPY_SIZE		(1 << 20)

struct merge {
	const struct lttng_clock *clock;
	GPtrArray *traces;
};

/* What a directory holds; names without a path. */
struct entries {
	GPtrArray *files;
	GPtrArray *dirs;
	bool has_metadata;
};

static bool errno_error(GError **error, const char *what, const char *path)
{
	int saved = errno;

	g_set_error(error, HT_ERROR, saved == ENOENT ? HT_ERROR_NOT_FOUND : HT_ERROR_FAILED,
		    "cannot %s: path=%s: %s", what, path, g_strerror(saved));
	return false;
}

static void entries_free(struct entries *entries)
{
	if (!entries)
		return;
	g_ptr_array_unref(entries->files);
	g_ptr_array_unref(entries->dirs);
	g_free(entries);
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool add_entry(struct entries *entries, const char *dir, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno_error(error, "look at", path);
	if (S_ISLNK(status.st_mode)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "symbolic link in a trace: path=%s",
			    path);
		return false;
	}
	if (S_ISREG(status.st_mode) && !strcmp(name, METADATA))
		entries->has_metadata = true;
	else if (S_ISREG(status.st_mode))
		g_ptr_array_add(entries->files, g_strdup(name));
	else if (S_ISDIR(status.st_mode) && strcmp(name, INDEX))
		g_ptr_array_add(entries->dirs, g_strdup(name));
	return true;
}

static struct entries *read_dir(const char *path, GError **error)
{
	struct entries *entries = g_new0(struct entries, 1);
	GDir *dir = g_dir_open(path, 0, NULL);
	unsigned int count = 0;
	bool done = true;
	const char *name;

	entries->files = g_ptr_array_new_with_free_func(g_free);
	entries->dirs = g_ptr_array_new_with_free_func(g_free);
	if (!dir)
		done = errno_error(error, "open directory", path);
	while (done && (name = g_dir_read_name(dir)))
		if (++count > MAX_ENTRIES) {
			g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "too many files: path=%s",
				    path);
			done = false;
		} else if (name[0] != '.') {
			done = add_entry(entries, path, name, error);
		}
	if (dir)
		g_dir_close(dir);
	if (!done) {
		entries_free(entries);
		return NULL;
	}
	g_ptr_array_sort(entries->files, compare_names);
	g_ptr_array_sort(entries->dirs, compare_names);
	return entries;
}

/* A file of a trace: no link, and no device that would not end. */
static int open_file(const char *path, struct stat *status, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || fstat(fd, status) < 0) {
		errno_error(error, "open", path);
	} else if (!S_ISREG(status->st_mode)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "not a file: path=%s", path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool write_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t done = write(fd, data, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		size -= done;
	}
	return true;
}

/* Up to @size bytes, fewer only at the end of the file. */
static ssize_t read_all(int fd, uint8_t *data, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t done = read(fd, data + have, size - have);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		if (done == 0)
			break;
		have += done;
	}
	return have;
}

/* The file's bytes as they are, as many as it had at the beginning. */
static bool copy_bytes(int in, int out, uint64_t size, const char *from, const char *to,
		       GError **error)
{
	g_autofree uint8_t *buffer = g_malloc(COPY_SIZE);

	while (size) {
		ssize_t have = read_all(in, buffer, MIN(size, COPY_SIZE));

		if (have < 0)
			return errno_error(error, "read", from);
		if (have == 0) {
			g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
				    "trace was truncated while it was read: path=%s", from);
			return false;
		}
		if (!write_all(out, buffer, have))
			return errno_error(error, "write", to);
		size -= have;
	}
	return true;
}

static bool copy_file(const char *from_dir, const char *to_dir, const char *name, GError **error)
{
	g_autofree char *from = g_build_filename(from_dir, name, NULL);
	g_autofree char *to = g_build_filename(to_dir, name, NULL);
	struct stat status;
	int in = open_file(from, &status, error), out;
	bool done;

	if (in < 0)
		return false;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (out < 0)
		done = errno_error(error, "make file", to);
	else
		done = copy_bytes(in, out, status.st_size, from, to, error);
	close(in);
	if (out >= 0 && close(out) < 0 && done)
		done = errno_error(error, "write", to);
	return done;
}

/**
 * load_metadata - read a trace's metadata, described with our clock
 * Return: the text; empty if the file is; NULL with @error set.
 */
static GString *load_metadata(const struct merge *merge, const char *dir, GError **error)
{
	g_autofree char *path = g_build_filename(dir, METADATA, NULL);
	g_autofree uint8_t *data = NULL;
	GString *text, *out = NULL;
	struct stat status;
	ssize_t size;
	int fd = open_file(path, &status, error);

	if (fd < 0)
		return NULL;
	if (status.st_size > MAX_METADATA_SIZE) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "metadata is too long: path=%s",
			    path);
		close(fd);
		return NULL;
	}
	data = g_malloc(status.st_size + 1);
	size = read_all(fd, data, status.st_size);
	if (size < 0)
		errno_error(error, "read", path);
	close(fd);
	if (size < 0)
		return NULL;
	if (size == 0)
		return g_string_new(NULL);
	text = lttng_metadata_text(data, size, error);
	if (text)
		out = lttng_metadata_set_clock(text, merge->clock, error);
	if (text)
		g_string_free(text, TRUE);
	if (!out)
		g_prefix_error(error, "cannot merge LTTng trace: path=%s: ", dir);
	return out;
}

static bool put_metadata(const char *dir, const GString *text, GError **error)
{
	g_autofree char *path = g_build_filename(dir, METADATA, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	bool done;

	if (fd < 0)
		return errno_error(error, "make file", path);
	done = write_all(fd, (const uint8_t *)text->str, text->len) ||
	       errno_error(error, "write", path);
	if (close(fd) < 0 && done)
		done = errno_error(error, "write", path);
	return done;
}

static bool merge_trace(struct merge *merge, const char *from, const char *to,
			const struct entries *entries, GError **error)
{
	GString *metadata = load_metadata(merge, from, error);
	bool done = true;

	if (!metadata)
		return false;
	/* made, and never started */
	if (!metadata->len)
		goto out;
	g_ptr_array_add(merge->traces, g_strdup(to));
	if (merge->traces->len > MAX_TRACES) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "too many traces: path=%s", from);
		done = false;
	} else if (g_mkdir_with_parents(to, 0777) < 0) {
		done = errno_error(error, "make directory", to);
	} else {
		done = put_metadata(to, metadata, error);
	}
	for (guint i = 0; done && i < entries->files->len; i++)
		done = copy_file(from, to, entries->files->pdata[i], error);
out:
	g_string_free(metadata, TRUE);
	return done;
}

static bool merge_dir(struct merge *merge, const char *from, const char *to, unsigned int depth,
		      GError **error)
{
	struct entries *entries = read_dir(from, error);
	bool done = true;

	if (!entries)
		return false;
	if (entries->has_metadata)
		done = merge_trace(merge, from, to, entries, error);
	for (guint i = 0; done && i < entries->dirs->len; i++) {
		const char *name = entries->dirs->pdata[i];
		g_autofree char *from_below = g_build_filename(from, name, NULL);
		g_autofree char *to_below = g_build_filename(to, name, NULL);

		if (depth == MAX_DEPTH) {
			g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
				    "directories too deep: path=%s", from_below);
			done = false;
		} else {
			done = merge_dir(merge, from_below, to_below, depth + 1, error);
		}
	}
	entries_free(entries);
	return done;
}

bool lttng_merge(const char *from, const char *to, const struct lttng_clock *clock,
		 GPtrArray *traces, GError **error)
{
	struct merge merge = { .clock = clock, .traces = traces };

	return merge_dir(&merge, from, to, 0, error);
}
