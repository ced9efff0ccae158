// SPDX-License-Identifier: GPL-2.0-only
/* An ftrace instance of the host; see instance.h. */
#include "host/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs/tracefs.h>
#include <unistd.h>

#include "error.h"
#include "lock.h"

/* The instance of the recorder with that process id. */
#define NAME_PREFIX	"hypertrace-"

#define WHAT		"cannot trace the host"

/**
 * struct host_instance - see instance.h
 * @tracefs: the library's handle
 * @tracing_dir: where tracefs is mounted
 * @dir: the instance's directory
 * @dir_fd: of it; carries the lock that says that somebody lives in it
 * @events: what is enabled
 */
struct host_instance {
	struct tracefs_instance *tracefs;
	char *tracing_dir;
	char *dir;
	int dir_fd;
	struct host_layout layout;
	uint64_t buffer_size;
	GPtrArray *events;
};

/* The field of a line "field: TYPE NAME;\toffset:N;\tsize:N;..." */
static bool find_field(const char *text, const char *name, unsigned int *offset,
		       unsigned int *size)
{
	g_autofree char *pattern = g_strdup_printf(
		"field:[^;\\n]*\\b%s;\\s*offset:(\\d+);\\s*size:(\\d+);", name);
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *first = NULL, *second = NULL;

	if (!g_regex_match(regex, text, 0, &match))
		return false;
	first = g_match_info_fetch(match, 1);
	second = g_match_info_fetch(match, 2);
	*offset = (unsigned int)g_ascii_strtoull(first, NULL, 10);
	*size = (unsigned int)g_ascii_strtoull(second, NULL, 10);
	return true;
}

/* Sub-buffers are powers of two of pages; more than this no kernel makes. */
#define MAX_SUBBUF_SIZE	(4U << 20)

bool host_layout_parse(const char *text, struct host_layout *out)
{
	unsigned int commit, data, size, long_size;

	if (!find_field(text, "commit", &commit, &long_size) ||
	    !find_field(text, "data", &data, &size) ||
	    commit != 8 || (long_size != 4 && long_size != 8) || data != commit + long_size ||
	    size < 64 || size > MAX_SUBBUF_SIZE)
		return false;
	out->subbuf_size = data + size;
	out->long_size = long_size;
	return true;
}

/**
 * add_matches - add the events of one glob
 * @is_taken: one for each of @lines: it is in @events
 * Return: how many it selects.
 */
static guint add_matches(GPtrArray *events, char **lines, bool *is_taken, const char *glob)
{
	g_autofree char *whole = strchr(glob, ':') ? g_strdup(glob) : g_strconcat(glob, ":*", NULL);
	GPatternSpec *pattern = g_pattern_spec_new(whole);
	guint count = 0, i;

	for (i = 0; lines[i]; i++) {
		if (!strchr(lines[i], ':') || !g_pattern_spec_match_string(pattern, lines[i]))
			continue;
		count++;
		if (!is_taken[i])
			g_ptr_array_add(events, g_strdup(lines[i]));
		is_taken[i] = true;
	}
	g_pattern_spec_free(pattern);
	return count;
}

GPtrArray *host_events_match(const char *available, const char *globs, bool must_match,
			     GError **error)
{
	g_auto(GStrv) lines = g_strsplit(available, "\n", -1);
	g_auto(GStrv) list = g_strsplit(globs, ",", -1);
	g_autofree bool *is_taken = g_new0(bool, g_strv_length(lines) + 1);
	GPtrArray *events = g_ptr_array_new_with_free_func(g_free);
	guint i;

	for (i = 0; list[i]; i++) {
		char *glob = g_strstrip(list[i]);

		if (!glob[0] || add_matches(events, lines, is_taken, glob) || !must_match)
			continue;
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    WHAT ": events=%s: its kernel has no such event", glob);
		g_ptr_array_unref(events);
		return NULL;
	}
	if (events->len)
		return events;
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
		    WHAT ": events=%s: its kernel has none of them", globs);
	g_ptr_array_unref(events);
	return NULL;
}

static bool set_errno_error(GError **error, const char *what, const char *path)
{
	int saved = errno;

	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, WHAT ": %s=%s: %s%s", what, path,
		    g_strerror(saved), saved == EACCES || saved == EPERM ?
		    "; run as root, or see \"The host\" in hypertrace-record(1)" : "");
	return false;
}

/**
 * find_tracefs - find where tracefs is mounted; mounting it is for who runs the host
 * Return: to be freed with g_free(), or NULL with @error set.
 */
static char *find_tracefs(GError **error)
{
	g_autofree char *kinds = NULL, *instances = NULL;
	const char *path = NULL;

	if (tracefs_tracing_dir_is_mounted(false, &path) <= 0 || !path) {
		bool is_known = g_file_get_contents("/proc/filesystems", &kinds, NULL, NULL) &&
				strstr(kinds, "\ttracefs\n");

		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, WHAT ": path=/sys/kernel/tracing: %s",
			    is_known ? "tracefs is not mounted; as root: "
				       "mount -t tracefs tracefs /sys/kernel/tracing" :
				       "its kernel has no tracefs (CONFIG_TRACING)");
		return NULL;
	}
	instances = g_build_filename(path, "instances", NULL);
	/* with the capabilities that we have, which access() leaves out */
	if (faccessat(AT_FDCWD, instances, W_OK | X_OK, AT_EACCESS) < 0) {
		set_errno_error(error, "path", instances);
		return NULL;
	}
	return g_strdup(path);
}

/**
 * is_abandoned - see whether an instance's recorder is dead
 * @name: of the instance
 *
 * Its process id says so, and the lock, in case the recorder lives in another
 * PID namespace.
 */
static bool is_abandoned(const char *instances, const char *name)
{
	g_autofree char *path = g_build_filename(instances, name, NULL);
	bool is_free;
	guint64 pid;
	pid_t owner;
	int fd;

	if (!g_str_has_prefix(name, NAME_PREFIX) ||
	    !g_ascii_string_to_unsigned(name + strlen(NAME_PREFIX), 10, 1, G_MAXINT32, &pid, NULL))
		return false;
	if (pid != (guint64)getpid() && (kill((pid_t)pid, 0) == 0 || errno != ESRCH))
		return false;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	is_free = lock_take(fd, &owner);
	close(fd);
	return is_free;
}

/**
 * remove_abandoned - remove what killed recorders left behind
 */
static void remove_abandoned(const char *tracing_dir)
{
	g_autofree char *instances = g_build_filename(tracing_dir, "instances", NULL);
	GDir *dir = g_dir_open(instances, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(instances, name, NULL);

		if (is_abandoned(instances, name) && rmdir(path) < 0)
			g_printerr("hypertrace: warning: cannot remove instance of a dead recorder: "
				   "path=%s: %s\n", path, g_strerror(errno));
	}
	if (dir)
		g_dir_close(dir);
}

/**
 * write_file - write a text to a file of the instance
 * Return: false with @error set.
 */
static bool write_file(struct host_instance *instance, const char *name, const char *text,
		       GError **error)
{
	g_autofree char *path = g_build_filename(instance->dir, name, NULL);

	if (tracefs_instance_file_write(instance->tracefs, name, text) >= 0)
		return true;
	return set_errno_error(error, "path", path);
}

/**
 * make - make the instance in the kernel
 * Return: false with @error set.
 */
static bool make(struct host_instance *instance, GError **error)
{
	g_autofree char *name = g_strdup_printf(NAME_PREFIX "%d", (int)getpid());
	pid_t owner;

	instance->dir = g_build_filename(instance->tracing_dir, "instances", name, NULL);
	errno = 0;
	instance->tracefs = tracefs_instance_create(name);
	if (!instance->tracefs)
		return set_errno_error(error, "path", instance->dir);
	if (!tracefs_instance_is_new(instance->tracefs)) {
		tracefs_instance_free(instance->tracefs);
		instance->tracefs = NULL;
		errno = EEXIST;
		return set_errno_error(error, "path", instance->dir);
	}
	instance->dir_fd = open(instance->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (instance->dir_fd < 0 || !lock_take(instance->dir_fd, &owner))
		return set_errno_error(error, "path", instance->dir);
	return true;
}

/**
 * set_up - give the instance its clock, its size, and what it would inherit
 * Return: false with @error set.
 */
static bool set_up(struct host_instance *instance, GError **error)
{
	g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT,
						(instance->buffer_size + 1023) / 1024);
	g_autofree char *header = NULL;

	if (!write_file(instance, "tracing_on", "0", error) ||
	    !write_file(instance, "trace_clock", "mono", error) ||
	    !write_file(instance, "options/overwrite", "1", error))
		return false;
	if (!write_file(instance, "buffer_size_kb", size, error)) {
		g_prefix_error(error, "buffer of %s KiB for each CPU: ", size);
		return false;
	}
	/* without it there are events, but no names of tasks that have ended */
	tracefs_instance_file_write(instance->tracefs, "options/record-cmd", "1");

	header = host_instance_read(instance, "events/header_page");
	if (!header)
		header = host_tracefs_read(instance, "events/header_page");
	if (header && host_layout_parse(header, &instance->layout))
		return true;
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
		    WHAT ": path=%s/events/header_page: it says nothing of sub-buffers",
		    instance->dir);
	return false;
}

/**
 * enable_events - choose and enable the events
 * Return: false with @error set.
 */
static bool enable_events(struct host_instance *instance, const char *globs, GError **error)
{
	g_autofree char *available = host_tracefs_read(instance, "available_events");
	guint i;

	instance->events = host_events_match(available ? available : "",
					     globs ? globs : HOST_DEFAULT_EVENTS, globs != NULL,
					     error);
	if (!instance->events)
		return false;
	for (i = 0; i < instance->events->len; i++) {
		g_autofree char *name = g_strdup_printf("events/%s/enable",
							(char *)instance->events->pdata[i]);

		*strchr(name, ':') = '/';
		if (!write_file(instance, name, "1", error))
			return false;
	}
	return true;
}

struct host_instance *host_instance_new(const char *globs, uint64_t buffer_size, GError **error)
{
	struct host_instance *instance;
	char *tracing_dir = find_tracefs(error);

	if (!tracing_dir)
		return NULL;
	remove_abandoned(tracing_dir);
	instance = g_new0(struct host_instance, 1);
	instance->tracing_dir = tracing_dir;
	instance->dir_fd = -1;
	instance->buffer_size = buffer_size ? buffer_size : HOST_DEFAULT_BUFFER;
	if (make(instance, error) && set_up(instance, error) &&
	    enable_events(instance, globs, error))
		return instance;
	host_instance_free(instance);
	return NULL;
}

void host_instance_free(struct host_instance *instance)
{
	if (!instance)
		return;
	if (instance->tracefs) {
		if (tracefs_instance_destroy(instance->tracefs) < 0)
			g_printerr("hypertrace: warning: cannot remove instance: path=%s: %s\n",
				   instance->dir, g_strerror(errno));
		tracefs_instance_free(instance->tracefs);
	}
	if (instance->dir_fd >= 0)
		close(instance->dir_fd);
	if (instance->events)
		g_ptr_array_unref(instance->events);
	g_free(instance->dir);
	g_free(instance->tracing_dir);
	g_free(instance);
}

bool host_instance_trace(struct host_instance *instance, bool is_on, GError **error)
{
	return write_file(instance, "tracing_on", is_on ? "1" : "0", error);
}

int host_instance_open(struct host_instance *instance, const char *name, int flags,
		       GError **error)
{
	g_autofree char *path = g_build_filename(instance->dir, name, NULL);
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		set_errno_error(error, "path", path);
	return fd;
}

static char *read_text(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

char *host_instance_read(struct host_instance *instance, const char *name)
{
	return read_text(instance->dir, name);
}

char *host_tracefs_read(struct host_instance *instance, const char *name)
{
	return read_text(instance->tracing_dir, name);
}

const char *host_instance_name(const struct host_instance *instance)
{
	return tracefs_instance_get_name(instance->tracefs);
}

const struct host_layout *host_instance_layout(const struct host_instance *instance)
{
	return &instance->layout;
}

const GPtrArray *host_instance_events(const struct host_instance *instance)
{
	return instance->events;
}

uint64_t host_instance_buffer_size(const struct host_instance *instance)
{
	return instance->buffer_size;
}
