// SPDX-License-Identifier: GPL-2.0-only
/* A session of LTTng in a guest as a trace; see guest-write.h. */
#include "lttng/guest-write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "error.h"

#define MAX_NAME	64

/* Packets written at once. */
#define BATCH		64

char *lttng_guest_file_name(const char *text, const char *other)
{
	char *name = g_strndup(*text && *text != '?' ? text : other, MAX_NAME);

	for (char *at = name; *at; at++)
		if (!g_ascii_isalnum(*at) && *at != '-' && *at != '_' && (*at != '.' || at == name))
			*at = '_';
	return name;
}

static bool file_error(GError **error, const char *path)
{
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot write: path=%s: %s", path,
		    g_strerror(errno));
	return false;
}

static bool write_vector(int fd, struct iovec *vector, int count)
{
	while (count) {
		ssize_t done = writev(fd, vector, count);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		for (; count && (size_t)done >= vector->iov_len; vector++, count--)
			done -= vector->iov_len;
		if (count) {
			vector->iov_base = (char *)vector->iov_base + done;
			vector->iov_len -= done;
		}
	}
	return true;
}

static bool write_packets(int fd, const GArray *packets)
{
	struct iovec vector[BATCH];
	int count = 0;

	for (guint i = 0; i < packets->len; i++) {
		const struct lttng_guest_packet *packet =
			&g_array_index(packets, struct lttng_guest_packet, i);

		if (packet->is_left_out)
			continue;
		vector[count++] = (struct iovec) { (void *)packet->data, packet->size };
		if (count < BATCH)
			continue;
		if (!write_vector(fd, vector, count))
			return false;
		count = 0;
	}
	return write_vector(fd, vector, count);
}

static int make_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
}

static bool write_stream(const struct lttng_guest_stream *stream, const char *path, GError **error)
{
	int fd = make_file(path);
	bool done;

	if (fd < 0)
		return file_error(error, path);
	done = write_packets(fd, stream->packets) || file_error(error, path);
	if (close(fd) < 0 && done)
		done = file_error(error, path);
	return done;
}

static bool write_metadata(const GString *metadata, const char *dir, GError **error)
{
	g_autofree char *path = g_build_filename(dir, "metadata", NULL);
	struct iovec vector = { metadata->str, metadata->len };
	int fd = make_file(path);
	bool done;

	if (fd < 0)
		return file_error(error, path);
	done = write_vector(fd, &vector, 1) || file_error(error, path);
	if (close(fd) < 0 && done)
		done = file_error(error, path);
	return done;
}

/**
 * struct names - what is taken
 * @channels: names of channels, with the id of the first one that is called so
 * @files: names of files
 */
struct names {
	GHashTable *channels;
	GHashTable *files;
};

/* A channel may be called as the file of another one would be. */
static char *free_name(const struct names *names, const char *name)
{
	char *file = g_strdup(name);

	for (unsigned int i = 2; g_hash_table_contains(names->files, file); i++) {
		g_free(file);
		file = g_strdup_printf("%s.%u", name, i);
	}
	g_hash_table_add(names->files, g_strdup(file));
	return file;
}

/* CHANNEL_CPU, as LTTng names it; with the id in between where two would be the same. */
static char *stream_path(const struct lttng_guest_session *session, const char *dir,
			 const struct lttng_guest_stream *stream, const struct names *names)
{
	const struct lttng_guest_channel *channel = lttng_guest_channel(session, stream->channel);
	g_autofree char *name = lttng_guest_file_name(channel ? channel->name : "", "channel");
	g_autofree char *want = NULL, *file = NULL;
	gpointer id;

	if (!g_hash_table_lookup_extended(names->channels, name, NULL, &id)) {
		id = GUINT_TO_POINTER(stream->channel);
		g_hash_table_insert(names->channels, g_strdup(name), id);
	}
	if (GPOINTER_TO_UINT(id) == stream->channel)
		want = g_strdup_printf("%s_%" PRIu32, name, stream->cpu);
	else
		want = g_strdup_printf("%s.%" PRIu32 "_%" PRIu32, name, stream->channel,
				       stream->cpu);
	file = free_name(names, want);
	return g_build_filename(dir, file, NULL);
}

bool lttng_guest_write(const struct lttng_guest_session *session, const GString *metadata,
		       const char *dir, GError **error)
{
	const struct names names = {
		.channels = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};
	bool done = true;

	if (g_mkdir_with_parents(dir, 0777) < 0)
		done = file_error(error, dir);
	done = done && write_metadata(metadata, dir, error);
	for (guint i = 0; done && i < session->streams->len; i++) {
		g_autofree char *path = stream_path(session, dir, session->streams->pdata[i],
						    &names);

		done = write_stream(session->streams->pdata[i], path, error);
	}
	g_hash_table_unref(names.channels);
	g_hash_table_unref(names.files);
	return done;
}
