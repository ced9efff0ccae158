// SPDX-License-Identifier: GPL-2.0-only
/* Reading a recording; see reader.h. */
#include "recording/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "map-guard.h"
#include "wire/text.h"

static bool is_guarded;

/* More than anybody records; keeps a directory full of junk from costing memory. */
#define MAX_DIR_ENTRIES	65536

void recording_survive_truncation(void)
{
	is_guarded = true;
}

static gboolean set_errno_error(GError **error, const char *what, const char *path)
{
	int saved = errno;

	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot %s: path=%s: %s", what, path,
		    g_strerror(saved));
	return FALSE;
}

/**
 * map_stream - map a stream file for reading
 * @stream: @path is set; sets @data and @size
 * Return: false with @error set.
 */
static gboolean map_stream(struct recording_stream *stream, GError **error)
{
	struct stat st;
	void *data;
	int fd;

	/* not blocking: somebody may have put a FIFO there */
	fd = open(stream->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return set_errno_error(error, "open stream file", stream->path);
	if (fstat(fd, &st) < 0) {
		set_errno_error(error, "examine stream file", stream->path);
		goto close_fd;
	}
	if (!S_ISREG(st.st_mode)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "not a file: path=%s",
			    stream->path);
		goto close_fd;
	}
	if (st.st_size > 0) {
		data = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED) {
			set_errno_error(error, "map stream file", stream->path);
			goto close_fd;
		}
		stream->data = data;
		stream->size = st.st_size;
		if (is_guarded)
			stream->guard = map_guard_new(data, stream->size);
	}
	close(fd);
	return TRUE;

close_fd:
	close(fd);
	return FALSE;
}

/**
 * type_source - the source that a packet's type tells
 * Return: VHT_SOURCE_*, or 0.
 */
static uint16_t type_source(uint32_t type)
{
	switch (type) {
	case VHT_PACKET_FTRACE:
		return VHT_SOURCE_FTRACE;
	case VHT_PACKET_METADATA:
		return VHT_SOURCE_METADATA;
	case VHT_PACKET_HEARTBEAT:
		return VHT_SOURCE_HEARTBEAT;
	case VHT_PACKET_VMM:
	case VHT_PACKET_CLOCK:
		return VHT_SOURCE_VMM;
	case VHT_PACKET_LTTNG:
		return VHT_SOURCE_LTTNG;
	case VHT_PACKET_WINDOW:
		return VHT_SOURCE_WINDOW;
	case VHT_PACKET_SPOOL:
		return VHT_SOURCE_SPOOL;
	default:
		return 0;
	}
}

void recording_stream_scan(struct recording_stream *stream)
{
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct stream_entry entry;
	bool first = true;

	stream->cpu = VHT_CPU_NONE;
	stream->has_state = false;
	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (recording_packet_state(&packet, &entry)) {
			if (!stream->has_state)
				stream->first_state = entry;
			stream->last_state = entry;
			stream->has_state = true;
		} else if (first) {
			stream->source = type_source(packet.header.type);
			stream->cpu = packet.header.cpu;
			first = false;
		}
	}
	if (stream->has_state) {
		stream->source = stream->first_state.source;
		stream->cpu = stream->first_state.cpu;
		stream->clock = stream->first_state.clock;
	}
}

struct recording_stream *recording_stream_open(const char *path, GError **error)
{
	struct recording_stream *stream = g_new0(struct recording_stream, 1);

	stream->path = g_strdup(path);
	stream->file_name = g_path_get_basename(path);
	if (!map_stream(stream, error)) {
		recording_stream_free(stream);
		return NULL;
	}
	recording_stream_scan(stream);
	return stream;
}

void recording_stream_free(struct recording_stream *stream)
{
	if (!stream)
		return;
	map_guard_free(stream->guard);
	if (stream->data)
		munmap((void *)stream->data, stream->size);
	g_free(stream->path);
	g_free(stream->file_name);
	g_free(stream);
}

static void generation_free(gpointer data)
{
	struct recording_generation *gen = data;

	g_ptr_array_unref(gen->streams);
	g_free(gen->path);
	g_free(gen);
}

static void vm_free(gpointer data)
{
	struct recording_vm *vm = data;

	g_ptr_array_unref(vm->generations);
	recording_stream_free(vm->vmm_stream);
	g_free(vm->path);
	g_free(vm->dir_name);
	g_free(vm->name);
	g_free(vm->uuid);
	g_free(vm->vmm);
	g_free(vm);
}

void recording_free(struct recording *rec)
{
	if (!rec)
		return;
	g_ptr_array_unref(rec->vms);
	g_free(rec->path);
	g_free(rec->tool);
	g_free(rec->hostname);
	g_free(rec->release);
	g_free(rec->boot_id);
	g_free(rec);
}

/**
 * natural_compare - order names so that numbers in them count by value
 */
static int natural_compare(const char *a, const char *b)
{
	while (*a && *b) {
		if (g_ascii_isdigit(*a) && g_ascii_isdigit(*b)) {
			const char *a_end, *b_end;

			while (*a == '0')
				a++;
			while (*b == '0')
				b++;
			for (a_end = a; g_ascii_isdigit(*a_end); a_end++)
				;
			for (b_end = b; g_ascii_isdigit(*b_end); b_end++)
				;
			if (a_end - a != b_end - b)
				return a_end - a < b_end - b ? -1 : 1;
			for (; a < a_end; a++, b++)
				if (*a != *b)
					return *a < *b ? -1 : 1;
			continue;
		}
		if (*a != *b)
			return *a < *b ? -1 : 1;
		a++;
		b++;
	}
	return (*a != '\0') - (*b != '\0');
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return natural_compare(*(const char *const *)a, *(const char *const *)b);
}

/**
 * list_dir - the names in a directory, in natural order, without hidden ones
 * Return: char *[], or NULL with @error set.
 */
static GPtrArray *list_dir(const char *path, GError **error)
{
	GPtrArray *names;
	const char *name;
	GDir *dir;

	dir = g_dir_open(path, 0, error);
	if (!dir)
		return NULL;
	names = g_ptr_array_new_with_free_func(g_free);
	while (names->len < MAX_DIR_ENTRIES && (name = g_dir_read_name(dir)))
		if (name[0] != '.')
			g_ptr_array_add(names, g_strdup(name));
	g_dir_close(dir);
	g_ptr_array_sort(names, compare_names);
	return names;
}

/**
 * parse_generation_name - take "EPOCH.GENERATION" apart
 * Return: false if @name is something else.
 */
static bool parse_generation_name(const char *name, uint32_t *epoch, uint32_t *generation)
{
	guint64 first, second;
	const char *dot;
	char *head;
	bool ok;

	dot = strchr(name, '.');
	if (!dot)
		return false;
	head = g_strndup(name, dot - name);
	ok = g_ascii_string_to_unsigned(head, 10, 0, G_MAXUINT32, &first, NULL) &&
	     g_ascii_string_to_unsigned(dot + 1, 10, 0, G_MAXUINT32, &second, NULL);
	g_free(head);
	if (!ok)
		return false;
	*epoch = (uint32_t)first;
	*generation = (uint32_t)second;
	return true;
}

static char *get_string(GKeyFile *file, const char *group, const char *key)
{
	char *value = g_key_file_get_string(file, group, key, NULL);

	return value ? value : g_strdup("");
}

/**
 * read_end - what driver.ini says of a driver's end
 * @out: zero where it says nothing that is understood
 *
 * A recorder that was killed may have left a part of it under a temporary name.
 */
static void read_end(const char *dir, struct guest_end *out)
{
	g_autofree char *path = g_build_filename(dir, "driver.ini", NULL);
	GKeyFile *file = g_key_file_new();
	char *reason, *stage, *text;
	size_t size;

	if (g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL)) {
		reason = get_string(file, "driver", "end_reason");
		stage = get_string(file, "driver", "end_stage");
		text = get_string(file, "driver", "end_text");
		out->reason = end_reason_parse(reason);
		out->stage = end_stage_parse(stage);
		out->counter = g_key_file_get_uint64(file, "driver", "end_counter", NULL);
		size = MIN(strlen(text), sizeof(out->text) - 1);
		text_copy(out->text, (const uint8_t *)text, size);
		g_free(reason);
		g_free(stage);
		g_free(text);
	}
	g_key_file_free(file);
}

/* The streams' files are all there is, but for driver.ini and what becomes that. */
static bool is_stream_file(const char *name)
{
	return !g_str_equal(name, "driver.ini") && !g_str_has_prefix(name, "driver.ini.");
}

static struct recording_generation *open_generation(const char *path, GError **error)
{
	struct recording_generation *gen;
	GPtrArray *names;
	guint i;

	names = list_dir(path, error);
	if (!names)
		return NULL;
	gen = g_new0(struct recording_generation, 1);
	gen->path = g_strdup(path);
	gen->streams = g_ptr_array_new_with_free_func((GDestroyNotify)recording_stream_free);
	read_end(path, &gen->end);
	for (i = 0; i < names->len; i++) {
		struct recording_stream *stream;
		char *file;

		if (!is_stream_file(names->pdata[i]))
			continue;
		file = g_build_filename(path, names->pdata[i], NULL);
		stream = recording_stream_open(file, error);
		g_free(file);
		if (!stream) {
			g_ptr_array_unref(names);
			generation_free(gen);
			return NULL;
		}
		g_ptr_array_add(gen->streams, stream);
		if (strcmp(stream->file_name, "metadata") == 0)
			gen->metadata = stream;
	}
	g_ptr_array_unref(names);
	return gen;
}

static gint compare_generations(gconstpointer a, gconstpointer b)
{
	const struct recording_generation *x = *(const struct recording_generation *const *)a;
	const struct recording_generation *y = *(const struct recording_generation *const *)b;

	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	return (x->generation > y->generation) - (x->generation < y->generation);
}

/**
 * load_key_file - read a key file and see that it is one of ours
 * @group: the group that must be in it
 * Return: the key file, or NULL with @error set.
 */
static GKeyFile *load_key_file(const char *path, const char *group, GError **error)
{
	GError *cause = NULL;
	GKeyFile *file;

	file = g_key_file_new();
	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &cause)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "cannot read key file: path=%s: %s",
			    path, cause->message);
		g_error_free(cause);
		goto free_file;
	}
	if (!g_key_file_has_group(file, group)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "key file has no group [%s]: path=%s", group, path);
		goto free_file;
	}
	return file;

free_file:
	g_key_file_free(file);
	return NULL;
}

/**
 * open_key_file - what the key file of a VM, or of the host, says
 * Return: without any streams yet, or NULL with @error set.
 */
static struct recording_vm *open_key_file(const char *path, bool is_host, GError **error)
{
	g_autofree char *ini = g_build_filename(path, is_host ? "host.ini" : "vm.ini", NULL);
	const char *group = is_host ? "host" : "vm";
	GKeyFile *file = load_key_file(ini, group, error);
	struct recording_vm *vm;

	if (!file)
		return NULL;
	vm = g_new0(struct recording_vm, 1);
	vm->is_host = is_host;
	vm->name = get_string(file, group, is_host ? "hostname" : "name");
	/* the host's key file has none of the others */
	vm->uuid = get_string(file, group, "uuid");
	vm->vmm = get_string(file, group, "vmm");
	vm->pid = (uint32_t)g_key_file_get_uint64(file, group, "pid", NULL);
	vm->start_mono_ns = g_key_file_get_uint64(file, group, "start_mono_ns", NULL);
	vm->start_real_ns = g_key_file_get_uint64(file, group, "start_real_ns", NULL);
	vm->counter_kind = (uint32_t)g_key_file_get_uint64(file, group, "counter_kind", NULL);
	vm->counter_hz = g_key_file_get_uint64(file, group, "counter_hz", NULL);
	vm->region_size = g_key_file_get_uint64(file, group, "region_size", NULL);
	vm->generations = g_ptr_array_new_with_free_func(generation_free);
	g_key_file_free(file);
	return vm;
}

static struct recording_vm *open_vm(const char *path, const char *dir_name, bool is_host,
				    GError **error)
{
	struct recording_vm *vm = open_key_file(path, is_host, error);
	GPtrArray *names;
	guint i;

	if (!vm)
		return NULL;
	vm->path = g_strdup(path);
	vm->dir_name = g_strdup(dir_name);

	names = list_dir(path, error);
	if (!names)
		goto free_vm;
	for (i = 0; i < names->len; i++) {
		char *name = names->pdata[i];
		char *child = g_build_filename(path, name, NULL);
		struct recording_generation *gen;
		uint32_t epoch, generation;

		if (strcmp(name, "vmm") == 0) {
			vm->vmm_stream = recording_stream_open(child, error);
			g_free(child);
			if (!vm->vmm_stream)
				goto free_vm;
			continue;
		}
		if (!parse_generation_name(name, &epoch, &generation)) {
			g_free(child);
			continue;
		}
		gen = open_generation(child, error);
		g_free(child);
		if (!gen)
			goto free_vm;
		gen->epoch = epoch;
		gen->generation = generation;
		g_ptr_array_add(vm->generations, gen);
	}
	g_ptr_array_sort(vm->generations, compare_generations);
	g_ptr_array_unref(names);
	return vm;

free_vm:
	if (names)
		g_ptr_array_unref(names);
	vm_free(vm);
	return NULL;
}

/**
 * load_main_key_file - read recording.ini into a recording
 */
static gboolean load_main_key_file(struct recording *rec, const char *ini, GError **error)
{
	GKeyFile *file = load_key_file(ini, "recording", error);
	guint64 version;

	if (!file)
		return FALSE;
	version = g_key_file_get_uint64(file, "recording", "version", NULL);
	if (version != RECORDING_VERSION) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "recording of another version: path=%s version=%" G_GUINT64_FORMAT
			    ", this program knows %d", rec->path, version, RECORDING_VERSION);
		g_key_file_free(file);
		return FALSE;
	}
	rec->tool = get_string(file, "recording", "tool");
	rec->hostname = get_string(file, "recording", "hostname");
	rec->release = get_string(file, "recording", "release");
	rec->boot_id = get_string(file, "recording", "boot_id");
	rec->start_mono_ns = g_key_file_get_uint64(file, "recording", "start_mono_ns", NULL);
	rec->start_real_ns = g_key_file_get_uint64(file, "recording", "start_real_ns", NULL);
	rec->complete = g_key_file_get_boolean(file, "recording", "complete", NULL);
	if (rec->complete)
		rec->end_mono_ns = g_key_file_get_uint64(file, "recording", "end_mono_ns", NULL);
	rec->damaged_streams = g_key_file_get_uint64(file, "lost", "streams_damaged", NULL);
	g_key_file_free(file);
	return TRUE;
}

/**
 * check_boot - see that the host's part is of the boot that the recording is of
 *
 * The times of two boots have nothing in common. Where either says nothing of
 * its boot there is nothing to compare.
 */
static gboolean check_boot(const struct recording *rec, const struct recording_vm *host,
			   GError **error)
{
	g_autofree char *ini = g_build_filename(host->path, "host.ini", NULL);
	g_autofree char *boot_id = NULL;
	GKeyFile *file = load_key_file(ini, "host", error);

	if (!file)
		return FALSE;
	boot_id = get_string(file, "host", "boot_id");
	g_key_file_free(file);
	if (!boot_id[0] || !rec->boot_id[0] || !g_ascii_strcasecmp(boot_id, rec->boot_id))
		return TRUE;
	g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
		    "host part of another boot: path=%s boot_id=%s, the recording's is %s: "
		    "their clocks have nothing in common", host->path, boot_id, rec->boot_id);
	return FALSE;
}

struct recording *recording_open(const char *path, GError **error)
{
	struct recording *rec;
	GPtrArray *names = NULL;
	char *ini;
	guint i;

	ini = g_build_filename(path, "recording.ini", NULL);
	if (!g_file_test(ini, G_FILE_TEST_EXISTS)) {
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no recording: path=%s: %s", path,
			    g_file_test(path, G_FILE_TEST_IS_DIR) ? "it holds no recording.ini" :
			    g_file_test(path, G_FILE_TEST_EXISTS) ? "not a directory" :
			    g_strerror(ENOENT));
		g_free(ini);
		return NULL;
	}

	rec = g_new0(struct recording, 1);
	rec->path = g_strdup(path);
	rec->vms = g_ptr_array_new_with_free_func(vm_free);
	if (!load_main_key_file(rec, ini, error))
		goto free_rec;

	names = list_dir(path, error);
	if (!names)
		goto free_rec;
	for (i = 0; i < names->len; i++) {
		char *child = g_build_filename(path, names->pdata[i], NULL);
		bool is_host = g_str_equal(names->pdata[i], RECORDING_HOST_DIR);
		char *vm_ini = g_build_filename(child, is_host ? "host.ini" : "vm.ini", NULL);
		struct recording_vm *vm = NULL;
		bool is_vm = g_file_test(vm_ini, G_FILE_TEST_EXISTS);

		if (is_vm)
			vm = open_vm(child, names->pdata[i], is_host, error);
		g_free(vm_ini);
		g_free(child);
		if (is_vm && !vm)
			goto free_rec;
		if (vm)
			g_ptr_array_insert(rec->vms, is_host ? 0 : -1, vm);
		if (vm && is_host && !check_boot(rec, vm, error))
			goto free_rec;
	}
	g_ptr_array_unref(names);
	g_free(ini);
	return rec;

free_rec:
	if (names)
		g_ptr_array_unref(names);
	g_free(ini);
	recording_free(rec);
	return NULL;
}

void recording_cursor_init(struct recording_cursor *cursor, const struct recording_stream *stream)
{
	*cursor = (struct recording_cursor) { .stream = stream };
}

bool recording_cursor_next(struct recording_cursor *cursor, struct recording_packet *out)
{
	const struct recording_stream *stream = cursor->stream;
	struct packet_header header;
	bool is_state;

	if (cursor->offset >= stream->size) {
		cursor->end = PACKET_OK;
		return false;
	}
	cursor->end = packet_parse(stream->data + cursor->offset,
				   stream->size - cursor->offset, &header);
	/* pads are not kept: one in a file is nothing that the recorder wrote */
	if (cursor->end == PACKET_OK && header.packet_size > VHT_PACKET_MAX_SIZE)
		cursor->end = PACKET_BAD_SIZE;
	if (cursor->end != PACKET_OK)
		return false;

	is_state = header.type == VHT_PACKET_STATE;
	*out = (struct recording_packet) {
		.header = header,
		.offset = cursor->offset,
		.content = stream->data + cursor->offset + header.header_size,
	};
	cursor->offset += header.packet_size;
	if (is_state || header.type == VHT_PACKET_PAD)
		return true;

	out->is_first = !cursor->has_packet;
	if (header.sequence >= cursor->sequence)
		out->missing = header.sequence - cursor->sequence;
	else
		out->is_step_back = true;
	cursor->has_packet = true;
	/* after a step back, count from the highest: each loss is told once */
	if (!out->is_step_back)
		cursor->sequence = header.sequence + 1;
	return true;
}

uint64_t recording_cursor_rest(const struct recording_cursor *cursor)
{
	return cursor->stream->size - cursor->offset;
}

bool recording_packet_state(const struct recording_packet *packet, struct stream_entry *out)
{
	if (packet->header.type != VHT_PACKET_STATE ||
	    packet->header.content_size < sizeof(struct vht_stream))
		return false;
	stream_entry_parse(packet->content, out);
	return true;
}

void recording_records_init(struct recording_records *it, const struct recording_stream *stream)
{
	static const struct recording_stream none;

	*it = (struct recording_records) { 0 };
	recording_cursor_init(&it->cursor, stream ? stream : &none);
}

/**
 * next_content - go on with the next packet of a type
 * Return: false after the last.
 */
static bool next_content(struct recording_records *it, uint32_t type)
{
	struct recording_packet packet;

	it->skipped += it->records.left;
	it->records.left = 0;
	while (recording_cursor_next(&it->cursor, &packet)) {
		if (packet.header.type != type)
			continue;
		record_cursor_init(&it->records, packet.content, packet.header.content_size);
		return true;
	}
	return false;
}

bool recording_next_vmm_event(struct recording_records *it, struct vmm_event *out)
{
	while (!record_next_vmm(&it->records, out))
		if (!next_content(it, VHT_PACKET_VMM))
			return false;
	return true;
}

bool recording_next_clock_record(struct recording_records *it, struct clock_record *out)
{
	while (!record_next_clock(&it->records, out))
		if (!next_content(it, VHT_PACKET_CLOCK))
			return false;
	return true;
}

bool recording_next_vcpu(struct recording_records *it, struct vcpu_record *out)
{
	while (!record_next_vcpu(&it->records, out))
		if (!next_content(it, VHT_PACKET_VCPU))
			return false;
	return true;
}

bool recording_next_meta(struct recording_records *it, struct meta_record *out)
{
	while (!record_next_meta(&it->records, out))
		if (!next_content(it, VHT_PACKET_METADATA))
			return false;
	return true;
}

uint64_t recording_records_skipped(const struct recording_records *it)
{
	return it->skipped;
}

static const struct recording_stream *generation_stream(const struct recording_generation *generation,
							const char *file_name)
{
	for (guint i = 0; i < generation->streams->len; i++) {
		const struct recording_stream *stream = generation->streams->pdata[i];

		if (!strcmp(stream->file_name, file_name))
			return stream;
	}
	return NULL;
}

const struct recording_stream *recording_vm_stream(const struct recording_vm *vm, const char *name,
						   uint32_t *epoch)
{
	const struct recording_stream *stream = NULL;

	if (vm->vmm_stream && !strcmp(name, vm->vmm_stream->file_name)) {
		*epoch = 0;
		return vm->vmm_stream;
	}
	for (guint i = 0; i < vm->generations->len && !stream; i++) {
		const struct recording_generation *generation = vm->generations->pdata[i];
		g_autofree char *prefix = g_strdup_printf("%u.%u/", generation->epoch,
							  generation->generation);

		if (!g_str_has_prefix(name, prefix))
			continue;
		stream = generation_stream(generation, name + strlen(prefix));
		if (stream)
			*epoch = generation->epoch;
	}
	return stream;
}

char *recording_generation_env(const struct recording_generation *gen, const char *key)
{
	struct recording_records it;
	struct meta_record record;
	char *value = NULL;

	recording_records_init(&it, gen->metadata);
	while (recording_next_meta(&it, &record)) {
		size_t key_size = strlen(key);
		char *text, **lines;
		guint i;

		if (record.type != VHT_META_ENV)
			continue;
		text = g_strndup(record.payload, record.size);
		lines = g_strsplit(text, "\n", -1);
		for (i = 0; lines[i]; i++) {
			if (strncmp(lines[i], key, key_size) || lines[i][key_size] != '=')
				continue;
			g_free(value);
			value = g_strdup(lines[i] + key_size + 1);
		}
		g_strfreev(lines);
		g_free(text);
	}
	return value;
}
