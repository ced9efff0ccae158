// SPDX-License-Identifier: GPL-2.0-only
/* Writing a recording; see writer.h. */
#include "recording/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "lock.h"
#include "recording/reader.h"

/**
 * struct writer - a recording that is being written
 * @path: of the directory
 * @dir_fd: of the directory; carries the lock
 * @ini: what recording.ini says
 */
struct writer {
	char *path;
	int dir_fd;
	GKeyFile *ini;
};

/**
 * struct writer_vm - one VM's directory
 * @path: of it
 * @name: last part of @path
 */
struct writer_vm {
	char *path;
	char *name;
};

static bool set_errno_error(GError **error, const char *what, const char *path)
{
	int saved = errno;

	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot %s: path=%s: %s", what, path,
		    g_strerror(saved));
	return false;
}

/* The trace of a guest is for who may read the guest's memory: modes 0700, 0600. */
static bool make_dir(const char *path, GError **error)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return set_errno_error(error, "make directory", path);
	return true;
}

/**
 * is_empty_dir - see whether a directory holds nothing
 *
 * What a recorder that was killed leaves of a key file (a temporary name,
 * KEY-FILE.XXXXXX) is nothing.
 *
 * Return: false also if it cannot be read.
 */
static bool is_empty_dir(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	bool is_empty = true;
	const char *name;

	if (!dir)
		return false;
	while (is_empty && (name = g_dir_read_name(dir)))
		is_empty = g_str_has_prefix(name, "recording.ini.") ||
			   g_str_has_prefix(name, "vm.ini.");
	g_dir_close(dir);
	return is_empty;
}

/**
 * save_key_file - write a key file, whole or not at all
 */
static bool save_key_file(GKeyFile *file, const char *path, GError **error)
{
	GError *cause = NULL;
	char *data;
	gsize size;
	bool ok;

	data = g_key_file_to_data(file, &size, NULL);
	ok = g_file_set_contents_full(path, data, size, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
				      &cause);
	g_free(data);
	if (!ok) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot write key file: %s",
			    cause->message);
		g_error_free(cause);
	}
	return ok;
}

static bool save_ini(struct writer *writer, GError **error)
{
	char *path = g_build_filename(writer->path, "recording.ini", NULL);
	bool ok = save_key_file(writer->ini, path, error);

	g_free(path);
	return ok;
}

/**
 * load_ini - read the recording.ini of an earlier recorder
 */
static bool load_ini(struct writer *writer, GError **error)
{
	char *path = g_build_filename(writer->path, "recording.ini", NULL);
	GError *cause = NULL;
	guint64 version;
	bool ok;

	ok = g_key_file_load_from_file(writer->ini, path, G_KEY_FILE_KEEP_COMMENTS, &cause);
	g_free(path);
	if (!ok) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "cannot go on with recording: path=%s: %s", writer->path,
			    cause->message);
		g_error_free(cause);
		return false;
	}
	version = g_key_file_get_uint64(writer->ini, "recording", "version", NULL);
	if (version != RECORDING_VERSION) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "recording of another version: path=%s version=%" G_GUINT64_FORMAT
			    ", this program knows %d", writer->path, version, RECORDING_VERSION);
		return false;
	}
	g_key_file_remove_key(writer->ini, "recording", "complete", NULL);
	g_key_file_remove_key(writer->ini, "recording", "end_mono_ns", NULL);
	return save_ini(writer, error);
}

/**
 * host_boot_id - which boot of the host this is
 * Return: to be freed with g_free(), "" if it cannot be found out.
 */
static char *host_boot_id(void)
{
	char *boot_id = NULL;

	if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot_id, NULL, NULL))
		return g_strdup("");
	return g_strchomp(boot_id);
}

/**
 * is_of_this_boot - see that a key file is of the boot that is running
 * @file: recording.ini or host.ini
 * @group: its group
 * Return: false with @error set.
 */
static bool is_of_this_boot(GKeyFile *file, const char *group, const char *path, GError **error)
{
	g_autofree char *there = g_key_file_get_string(file, group, "boot_id", NULL);
	g_autofree char *here = host_boot_id();

	if (here[0] && g_strcmp0(here, there) == 0)
		return true;
	g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
		    "recording is of another boot of the host, whose clock was another: "
		    "path=%s boot_id=%s, now %s", path, there ? there : "", here);
	return false;
}

bool writer_check_boot(const char *path, GError **error)
{
	g_autofree char *ini = g_build_filename(path, "recording.ini", NULL);
	g_autoptr(GKeyFile) file = g_key_file_new();

	/* what is wrong with a file that cannot be read writer_new() says */
	if (!g_key_file_load_from_file(file, ini, G_KEY_FILE_NONE, NULL))
		return true;
	return is_of_this_boot(file, "recording", path, error);
}

/**
 * make_ini - begin a recording.ini
 */
static bool make_ini(struct writer *writer, GError **error)
{
	GKeyFile *ini = writer->ini;
	struct utsname host;
	char *boot_id = host_boot_id();

	uname(&host);
	g_key_file_set_uint64(ini, "recording", "version", RECORDING_VERSION);
	g_key_file_set_string(ini, "recording", "tool", "hypertrace " HYPERTRACE_VERSION);
	g_key_file_set_string(ini, "recording", "boot_id", boot_id);
	g_key_file_set_string(ini, "recording", "hostname", host.nodename);
	g_key_file_set_string(ini, "recording", "release", host.release);
	g_key_file_set_uint64(ini, "recording", "start_mono_ns", clock_mono_ns());
	g_key_file_set_uint64(ini, "recording", "start_real_ns", clock_real_ns());
	g_free(boot_id);
	return save_ini(writer, error);
}

struct writer *writer_new(const char *path, GError **error)
{
	struct writer *writer = g_new0(struct writer, 1);
	char *ini = g_build_filename(path, "recording.ini", NULL);
	pid_t owner;

	writer->path = g_strdup(path);
	writer->ini = g_key_file_new();
	writer->dir_fd = -1;
	if (!make_dir(path, error))
		goto fail;
	writer->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (writer->dir_fd < 0) {
		set_errno_error(error, "open directory", path);
		goto fail;
	}
	if (!lock_take(writer->dir_fd, &owner)) {
		g_set_error(error, HT_ERROR, HT_ERROR_BUSY,
			    "another recorder writes this recording: path=%s pid=%d", path,
			    (int)owner);
		goto fail;
	}
	if (g_file_test(ini, G_FILE_TEST_EXISTS)) {
		if (!load_ini(writer, error))
			goto fail;
	} else if (!is_empty_dir(path)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "directory is no recording and not empty: path=%s", path);
		goto fail;
	} else if (!make_ini(writer, error)) {
		goto fail;
	}
	g_free(ini);
	return writer;

fail:
	g_free(ini);
	writer_free(writer);
	return NULL;
}

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	if (writer->dir_fd >= 0)
		close(writer->dir_fd);
	g_key_file_free(writer->ini);
	g_free(writer->path);
	g_free(writer);
}

void writer_set_lost(struct writer *writer, const char *key, uint64_t count)
{
	g_key_file_set_uint64(writer->ini, "lost", key, count);
}

bool writer_complete(struct writer *writer, GError **error)
{
	g_key_file_set_uint64(writer->ini, "recording", "end_mono_ns", clock_mono_ns());
	g_key_file_set_boolean(writer->ini, "recording", "complete", TRUE);
	return save_ini(writer, error);
}

/**
 * safe_name - make a text of the other side a file's name
 * @text: ASCII
 * @fallback: for an empty text
 * Return: the name, with anything but [A-Za-z0-9._-] replaced by _; never
 * hidden, never "." or "..".
 */
static char *safe_name(const char *text, const char *fallback)
{
	char *name = g_strdup(*text ? text : fallback);
	char *c;

	for (c = name; *c; c++)
		if (!g_ascii_isalnum(*c) && *c != '.' && *c != '_' && *c != '-')
			*c = '_';
	if (name[0] == '.')
		name[0] = '_';
	return name;
}

static char *format_uuid(const uint8_t uuid[16])
{
	GString *text = g_string_new(NULL);
	bool any = false;
	int i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			g_string_append_c(text, '-');
		g_string_append_printf(text, "%02x", uuid[i]);
		any |= uuid[i] != 0;
	}
	if (!any)
		g_string_truncate(text, 0);
	return g_string_free(text, FALSE);
}

/**
 * is_same_vm - see whether a vm.ini tells of the VM of a region
 */
static bool is_same_vm(const char *ini, const struct region_host *host)
{
	GKeyFile *file = g_key_file_new();
	char *uuid = format_uuid(host->uuid), *there = NULL;
	bool same = false;

	if (g_key_file_load_from_file(file, ini, G_KEY_FILE_NONE, NULL)) {
		there = g_key_file_get_string(file, "vm", "uuid", NULL);
		same = g_strcmp0(uuid, there) == 0 &&
		       g_key_file_get_uint64(file, "vm", "pid", NULL) == host->pid &&
		       g_key_file_get_uint64(file, "vm", "start_real_ns", NULL) ==
		       host->start_real_ns;
	}
	g_key_file_free(file);
	g_free(there);
	g_free(uuid);
	return same;
}

static bool write_vm_ini(const char *path, const struct region_host *host, GError **error)
{
	GKeyFile *file = g_key_file_new();
	char *uuid = format_uuid(host->uuid);
	bool ok;

	g_key_file_set_string(file, "vm", "name", host->name);
	g_key_file_set_string(file, "vm", "uuid", uuid);
	g_key_file_set_string(file, "vm", "vmm", host->vmm);
	g_key_file_set_uint64(file, "vm", "pid", host->pid);
	g_key_file_set_uint64(file, "vm", "start_mono_ns", host->start_mono_ns);
	g_key_file_set_uint64(file, "vm", "start_real_ns", host->start_real_ns);
	g_key_file_set_uint64(file, "vm", "counter_kind", host->counter_kind);
	g_key_file_set_uint64(file, "vm", "counter_hz", host->counter_hz);
	g_key_file_set_uint64(file, "vm", "region_size", host->region_size);
	ok = save_key_file(file, path, error);
	g_key_file_free(file);
	g_free(uuid);
	return ok;
}

struct writer_vm *writer_vm_new(struct writer *writer, const struct region_host *host,
				GError **error)
{
	char *name = safe_name(host->name, "vm");
	struct writer_vm *vm = NULL;
	unsigned int number;

	/* recording.ini is a file, so a VM of that name becomes recording.ini.2 */
	for (number = 1; !vm; number++) {
		char *dir_name = number == 1 ? g_strdup(name) :
					       g_strdup_printf("%s.%u", name, number);
		char *path = g_build_filename(writer->path, dir_name, NULL);
		char *ini = g_build_filename(path, "vm.ini", NULL);
		bool is_there = g_file_test(path, G_FILE_TEST_EXISTS);
		bool has_ini = g_file_test(ini, G_FILE_TEST_EXISTS);

		/* a directory without a key file: somebody was killed just before it */
		if (is_there && (has_ini ? !is_same_vm(ini, host) : !is_empty_dir(path))) {
			g_free(dir_name);
			g_free(path);
			g_free(ini);
			continue;
		}
		if (!has_ini && (!make_dir(path, error) || !write_vm_ini(ini, host, error))) {
			g_free(dir_name);
			g_free(path);
			g_free(ini);
			break;
		}
		vm = g_new0(struct writer_vm, 1);
		vm->path = path;
		vm->name = dir_name;
		g_free(ini);
	}
	g_free(name);
	return vm;
}

static bool write_host_ini(const char *path, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *boot_id = host_boot_id();
	struct utsname host;

	uname(&host);
	g_key_file_set_string(file, "host", "hostname", host.nodename);
	g_key_file_set_string(file, "host", "release", host.release);
	g_key_file_set_string(file, "host", "machine", host.machine);
	g_key_file_set_string(file, "host", "boot_id", boot_id);
	g_key_file_set_uint64(file, "host", "cpus", (guint64)sysconf(_SC_NPROCESSORS_ONLN));
	return save_key_file(file, path, error);
}

/**
 * check_host_ini - see that a host.ini is of this boot too
 * Return: false with @error set.
 */
static bool check_host_ini(const char *path, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	GError *cause = NULL;

	if (g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &cause))
		return is_of_this_boot(file, "host", path, error);
	g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "cannot read key file: path=%s: %s", path,
		    cause->message);
	g_error_free(cause);
	return false;
}

/**
 * make_run - make the directory of a new run
 * @generation: set to its number
 * Return: false with @error set.
 */
static bool make_run(const char *path, uint32_t *generation, GError **error)
{
	uint32_t number;

	for (number = 1; number; number++) {
		g_autofree char *name = g_strdup_printf("1.%u", number);
		g_autofree char *run = g_build_filename(path, name, NULL);

		if (mkdir(run, 0700) == 0) {
			*generation = number;
			return true;
		}
		if (errno != EEXIST)
			return set_errno_error(error, "make directory", run);
	}
	errno = EEXIST;
	return set_errno_error(error, "make directory", path);
}

struct writer_vm *writer_host_new(struct writer *writer, uint32_t *generation, GError **error)
{
	g_autofree char *path = g_build_filename(writer->path, RECORDING_HOST_DIR, NULL);
	g_autofree char *ini = g_build_filename(path, "host.ini", NULL);
	struct writer_vm *host;

	if (!is_of_this_boot(writer->ini, "recording", writer->path, error) ||
	    !make_dir(path, error))
		return NULL;
	if (!(g_file_test(ini, G_FILE_TEST_EXISTS) ? check_host_ini(ini, error) :
						      write_host_ini(ini, error)) ||
	    !make_run(path, generation, error))
		return NULL;
	host = g_new0(struct writer_vm, 1);
	host->path = g_steal_pointer(&path);
	host->name = g_strdup(RECORDING_HOST_DIR);
	return host;
}

void writer_vm_free(struct writer_vm *vm)
{
	if (!vm)
		return;
	g_free(vm->path);
	g_free(vm->name);
	g_free(vm);
}

const char *writer_vm_dir_name(const struct writer_vm *vm)
{
	return vm->name;
}

/**
 * stream_file_name - the name of a guest stream's file
 */
static char *stream_file_name(const struct stream_entry *entry)
{
	const char *word = source_word(entry->source);
	GString *name = g_string_new(NULL);

	if (entry->source == VHT_SOURCE_METADATA && entry->cpu == VHT_CPU_NONE)
		return g_string_free(g_string_append(name, "metadata"), FALSE);
	if (entry->source == VHT_SOURCE_FTRACE) {
		char *source_name = safe_name(entry->name, "unnamed");

		g_string_append_printf(name, "ftrace.%s", source_name);
		g_free(source_name);
	} else if (word) {
		g_string_append(name, word);
	} else {
		g_string_append_printf(name, "source%u", entry->source);
	}
	if (entry->cpu != VHT_CPU_NONE)
		g_string_append_printf(name, "-cpu%u", entry->cpu);
	return g_string_free(name, FALSE);
}

/**
 * note_packets - learn from packets what the file tells of the stream
 * @stream: @sequence and @state are updated
 * @reader: the packets
 * Return: bytes of whole packets.
 */
static uint64_t note_packets(struct writer_stream *stream, const struct recording_stream *reader)
{
	struct recording_cursor cursor;
	struct recording_packet packet;

	recording_cursor_init(&cursor, reader);
	while (recording_cursor_next(&cursor, &packet)) {
		if (recording_packet_state(&packet, &stream->state))
			continue;
		stream->state.events = packet.header.events;
		stream->state.events_lost = packet.header.events_discarded;
		if (packet.header.sequence >= stream->sequence)
			stream->sequence = packet.header.sequence + 1;
	}
	return cursor.offset;
}

/**
 * continue_file - find the end of what an earlier recorder left
 * @entry: the stream as it is in the region
 */
static bool continue_file(struct writer_stream *stream, const struct stream_entry *entry,
			  GError **error)
{
	struct recording_stream *reader = recording_stream_open(stream->path, error);
	uint64_t torn;

	if (!reader)
		return false;
	if (reader->has_state && (reader->first_state.id != entry->id ||
				  reader->first_state.source != entry->source ||
				  reader->first_state.cpu != entry->cpu)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "stream file holds another stream: path=%s id=%u, not %u",
			    stream->path, reader->first_state.id, entry->id);
		recording_stream_free(reader);
		return false;
	}
	stream->size = note_packets(stream, reader);
	stream->is_continued = stream->size > 0;
	torn = reader->size - stream->size;
	recording_stream_free(reader);
	if (torn && ftruncate(stream->fd, stream->size) < 0)
		return set_errno_error(error, "cut torn tail off", stream->path);
	return true;
}

/**
 * generation_dir - the directory of a driver's life
 */
static char *generation_dir(const struct writer_vm *vm, uint32_t epoch, uint32_t generation)
{
	g_autofree char *life = g_strdup_printf("%u.%u", epoch, generation);

	return g_build_filename(vm->path, life, NULL);
}

bool writer_vm_put_end(struct writer_vm *vm, uint32_t epoch, uint32_t generation,
		       const struct guest_end *end, GError **error)
{
	g_autofree char *dir = generation_dir(vm, epoch, generation);
	g_autofree char *path = g_build_filename(dir, "driver.ini", NULL);
	GKeyFile *file = g_key_file_new();
	char word[END_WORD_SIZE];
	bool ok;

	g_key_file_set_string(file, "driver", "end_reason", end_reason_word(end->reason, word));
	g_key_file_set_string(file, "driver", "end_stage", end_stage_word(end->stage, word));
	g_key_file_set_uint64(file, "driver", "end_counter", end->counter);
	g_key_file_set_string(file, "driver", "end_text", end->text);
	ok = make_dir(dir, error) && save_key_file(file, path, error);
	g_key_file_free(file);
	return ok;
}

struct writer_stream *writer_stream_new(struct writer_vm *vm, uint32_t epoch,
					uint32_t generation, const struct stream_entry *entry,
					GError **error)
{
	struct writer_stream *stream;
	char *dir, *name;

	if (entry->id == VHT_STREAM_ID_VMM) {
		dir = g_strdup(vm->path);
		name = g_strdup("vmm");
	} else if (entry->id < VHT_STREAM_ID_GUEST) {
		dir = g_strdup(vm->path);
		name = g_strdup_printf("host%u", entry->id);
	} else {
		dir = generation_dir(vm, epoch, generation);
		name = stream_file_name(entry);
	}

	stream = g_new0(struct writer_stream, 1);
	stream->path = g_build_filename(dir, name, NULL);
	stream->fd = -1;
	g_free(name);
	if (!make_dir(dir, error)) {
		g_free(dir);
		goto fail;
	}
	g_free(dir);

	stream->fd = open(stream->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			  0600);
	if (stream->fd < 0) {
		set_errno_error(error, "open stream file", stream->path);
		goto fail;
	}
	if (!continue_file(stream, entry, error))
		goto fail;
	return stream;

fail:
	writer_stream_free(stream);
	return NULL;
}

void writer_stream_free(struct writer_stream *stream)
{
	if (!stream)
		return;
	if (stream->fd >= 0)
		close(stream->fd);
	g_free(stream->path);
	g_free(stream);
}

/**
 * write_whole - write bytes at the end of the whole packets
 * Return: false with @error set, and the file as it was.
 */
static bool write_whole(struct writer_stream *stream, const void *bytes, uint64_t size,
			GError **error)
{
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(stream->fd, (const uint8_t *)bytes + done, size - done,
				   stream->size + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ENOSPC;
			set_errno_error(error, "write stream file", stream->path);
			/* if this fails too, readers see a torn tail and skip it */
			if (ftruncate(stream->fd, stream->size) < 0)
				g_prefix_error(error, "(torn tail stays) ");
			return false;
		}
		done += n;
	}
	stream->size += size;
	return true;
}

bool writer_stream_append(struct writer_stream *stream, const void *packets, uint64_t size,
			  GError **error)
{
	const struct recording_stream reader = { .data = packets, .size = size };

	if (!write_whole(stream, packets, size, error))
		return false;
	note_packets(stream, &reader);
	return true;
}

bool writer_stream_put_state(struct writer_stream *stream, const struct stream_entry *entry,
			     uint32_t epoch, uint32_t generation, GError **error)
{
	struct {
		struct vht_packet header;
		struct vht_stream entry;
	} packet;
	struct packet_header header = {
		.header_size = sizeof(packet.header),
		.type = VHT_PACKET_STATE,
		.stream_id = entry->id,
		.cpu = entry->cpu,
		.epoch = epoch,
		.generation = generation,
		.sequence = stream->sequence,
		.packet_size = sizeof(packet),
		.content_size = sizeof(packet.entry),
		.events = entry->events,
		.events_discarded = entry->events_lost,
	};

	G_STATIC_ASSERT(sizeof(packet) % VHT_PACKET_ALIGN == 0);
	header.timestamp_begin = clock_mono_ns();
	header.timestamp_end = header.timestamp_begin;
	packet_build(&header, &packet.header);
	stream_entry_build(entry, &packet.entry);
	if (!write_whole(stream, &packet, sizeof(packet), error))
		return false;
	stream->state = *entry;
	return true;
}
