// SPDX-License-Identifier: GPL-2.0-only
/* What a reader needs to decode the host's events; see metadata.h. */
#include "host/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <tracefs/tracefs.h>
#include <unistd.h>

#include "host/records.h"

/* How much is collected at a time: some milliseconds each. */
#define PASS_FORMATS	64
#define PASS_PROCESSES	256
#define PASS_SYMBOLS	65536

/* The type of an ELF note: a build id. */
#define NOTE_BUILD_ID	3

/**
 * struct host_metadata - see metadata.h
 * @step: what is collected next
 * @formats: char *[] of SYSTEM:EVENT, whose formats are not written yet from
 *	@next_format on
 * @known: those that are in @formats
 * @processes: /proc, or NULL
 * @symbols_fd: of /proc/kallsyms, or -1
 * @line: the begun last line of what was read of it
 */
struct host_metadata {
	struct host_instance *instance;
	struct host_stream *stream;
	struct host_records records;
	enum {
		STEP_FORMATS,
		STEP_TASKS,
		STEP_LISTS,
		STEP_SYMBOLS,
		STEP_DONE,
	} step;
	GPtrArray *formats;
	guint next_format;
	GHashTable *known;
	GDir *processes;
	int symbols_fd;
	GString *line;
};

G_GNUC_PRINTF(3, 4) static void add_env(struct host_metadata *metadata, const char *key,
					const char *format, ...)
{
	g_autofree char *value = NULL, *line = NULL;
	va_list args;

	va_start(args, format);
	value = g_strdup_vprintf(format, args);
	va_end(args);
	value[strcspn(value, "\n")] = '\0';
	line = g_strdup_printf("%s=%s", key, value);
	host_records_add_line(&metadata->records, VHT_META_ENV, line, strlen(line));
}

static uint32_t note_word(const char *notes, size_t at)
{
	uint32_t word;

	memcpy(&word, notes + at, sizeof(word));
	return word;
}

/**
 * add_build_id - find the build id among the kernel's ELF notes
 */
static void add_build_id(struct host_metadata *metadata)
{
	g_autofree char *notes = NULL;
	g_autoptr(GString) hex = g_string_new(NULL);
	gsize size, at = 0, i;

	if (!g_file_get_contents("/sys/kernel/notes", &notes, &size, NULL))
		return;
	while (size - at >= 12) {
		uint64_t name = note_word(notes, at), desc = note_word(notes, at + 4);
		uint64_t desc_at = at + 12 + ((name + 3) & ~3ULL);

		if (desc_at + desc > size)
			return;
		if (note_word(notes, at + 8) == NOTE_BUILD_ID && name == 4 &&
		    !memcmp(notes + at + 12, "GNU", 4)) {
			for (i = 0; i < desc; i++)
				g_string_append_printf(hex, "%02x", (guint8)notes[desc_at + i]);
			add_env(metadata, "kernel.build_id", "%s", hex->str);
			return;
		}
		at = MIN(desc_at + ((desc + 3) & ~3ULL), size);
	}
}

static void add_environment(struct host_metadata *metadata)
{
	const struct host_layout *layout = host_instance_layout(metadata->instance);
	g_autofree char *cmdline = NULL, *clock = NULL;
	char *begin, *end;
	struct utsname host;

	uname(&host);
	add_env(metadata, "kernel.release", "%s", host.release);
	add_env(metadata, "kernel.version", "%s", host.version);
	add_env(metadata, "kernel.machine", "%s", host.machine);
	add_build_id(metadata);
	if (g_file_get_contents("/proc/cmdline", &cmdline, NULL, NULL))
		add_env(metadata, "kernel.cmdline", "%s", cmdline);
	add_env(metadata, "hostname", "%s", host.nodename);
	add_env(metadata, "page_size", "%ld", sysconf(_SC_PAGESIZE));
	add_env(metadata, "long_size", "%u", layout->long_size);
	/* the clock in brackets is the one that is used */
	clock = host_instance_read(metadata->instance, "trace_clock");
	begin = clock ? strchr(clock, '[') : NULL;
	end = begin ? strchr(begin, ']') : NULL;
	if (end)
		add_env(metadata, "source." HOST_SOURCE_NAME ".clock", "%.*s",
			(int)(end - begin - 1), begin + 1);
}

static void add_header(struct host_metadata *metadata, uint32_t type, const char *name)
{
	g_autofree char *text = host_instance_read(metadata->instance, name);

	if (!text)
		text = host_tracefs_read(metadata->instance, name);
	if (text)
		host_records_add(&metadata->records, type, 0, text, strlen(text));
}

/**
 * want_format - put an event's format on the list, once
 * @name: SYSTEM:EVENT
 */
static void want_format(struct host_metadata *metadata, const char *name)
{
	if (!g_hash_table_contains(metadata->known, name)) {
		char *copy = g_strdup(name);

		g_ptr_array_add(metadata->formats, copy);
		g_hash_table_add(metadata->known, copy);
	}
}

/* ftrace's own entries are not in the list of events. */
static void want_ftrace_formats(struct host_metadata *metadata)
{
	char **names = tracefs_system_events(NULL, "ftrace");
	guint i;

	for (i = 0; names && names[i]; i++) {
		g_autofree char *name = g_strdup_printf("ftrace:%s", names[i]);

		want_format(metadata, name);
	}
	tracefs_list_free(names);
}

static void want_formats(struct host_metadata *metadata)
{
	const GPtrArray *enabled = host_instance_events(metadata->instance);
	g_autofree char *available = host_tracefs_read(metadata->instance, "available_events");
	g_auto(GStrv) lines = g_strsplit(available ? available : "", "\n", -1);
	guint i;

	for (i = 0; i < enabled->len; i++)
		want_format(metadata, enabled->pdata[i]);
	want_ftrace_formats(metadata);
	for (i = 0; lines[i]; i++)
		if (strchr(lines[i], ':'))
			want_format(metadata, lines[i]);
}

static void add_format(struct host_metadata *metadata, const char *name)
{
	g_autofree char *path = g_strdup_printf("events/%s/format", name), *text = NULL;
	g_autoptr(GByteArray) payload = g_byte_array_new();
	size_t system = strchr(name, ':') - name;

	*strchr(path, ':') = '/';
	text = host_tracefs_read(metadata->instance, path);
	if (!text)
		return;
	g_byte_array_append(payload, (const uint8_t *)name, system);
	g_byte_array_append(payload, (const uint8_t *)"", 1);
	g_byte_array_append(payload, (const uint8_t *)text, strlen(text));
	host_records_add(&metadata->records, VHT_META_FORMAT, 0, payload->data, payload->len);
}

/**
 * add_formats - add some of the formats on the list
 * Return: false if there are no more.
 */
static bool add_formats(struct host_metadata *metadata, guint count)
{
	while (count-- && metadata->next_format < metadata->formats->len)
		add_format(metadata, metadata->formats->pdata[metadata->next_format++]);
	return metadata->next_format < metadata->formats->len;
}

/**
 * add_threads - add the names of a process's threads
 * @pid: in digits
 */
static void add_threads(struct host_metadata *metadata, const char *pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/task", pid);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *thread;

	while (dir && (thread = g_dir_read_name(dir))) {
		g_autofree char *file = g_strdup_printf("%s/%s/comm", path, thread);
		g_autofree char *comm = NULL, *line = NULL;

		/* it may have ended meanwhile */
		if (!g_file_get_contents(file, &comm, NULL, NULL))
			continue;
		line = g_strdup_printf("%s %s", thread, comm);
		line[strcspn(line, "\n")] = '\0';
		host_records_add_line(&metadata->records, VHT_META_TASKS, line, strlen(line));
	}
	if (dir)
		g_dir_close(dir);
}

/**
 * add_tasks - add the names of some of the living
 * Return: false if there are no more.
 */
static bool add_tasks(struct host_metadata *metadata, guint count)
{
	const char *name = NULL;

	if (!metadata->processes)
		metadata->processes = g_dir_open("/proc", 0, NULL);
	while (metadata->processes && count && (name = g_dir_read_name(metadata->processes))) {
		if (!g_ascii_isdigit(name[0]))
			continue;
		add_threads(metadata, name);
		count--;
	}
	if (metadata->processes && name)
		return true;
	g_clear_pointer(&metadata->processes, g_dir_close);
	return false;
}

/**
 * add_list - add a text file of tracefs line by line
 */
static void add_list(struct host_metadata *metadata, uint32_t type, const char *name)
{
	g_autofree char *text = host_tracefs_read(metadata->instance, name);
	char *line = text, *end;

	for (; line && *line; line = end) {
		size_t size = strcspn(line, "\n");

		end = line + size + (line[size] != '\0');
		if (size)
			host_records_add_line(&metadata->records, type, line, size);
	}
}

/**
 * is_text_symbol - see whether a line of kallsyms names a function
 *
 * Who may not see addresses is shown zeros.
 */
static bool is_text_symbol(const char *line)
{
	const char *type = strchr(line, ' ');

	return type && strspn(line, "0") < (size_t)(type - line) && type[1] &&
	       strchr("tTwW", type[1]) && type[2] == ' ' && type[3];
}

static void add_symbol_line(struct host_metadata *metadata)
{
	if (is_text_symbol(metadata->line->str))
		host_records_add_line(&metadata->records, VHT_META_SYMBOLS, metadata->line->str,
				      metadata->line->len);
	g_string_truncate(metadata->line, 0);
}

/**
 * add_symbols - add a piece of kallsyms
 * Return: false at its end.
 */
static bool add_symbols(struct host_metadata *metadata, size_t size)
{
	char buffer[4096];
	ssize_t n, i;

	if (metadata->symbols_fd < 0)
		metadata->symbols_fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	for (; size >= sizeof(buffer); size -= sizeof(buffer)) {
		n = read(metadata->symbols_fd, buffer, sizeof(buffer));
		if (n <= 0) {
			add_symbol_line(metadata);
			return false;
		}
		for (i = 0; i < n; i++) {
			if (buffer[i] == '\n')
				add_symbol_line(metadata);
			else
				g_string_append_c(metadata->line, buffer[i]);
		}
	}
	return true;
}

/**
 * collect - do a piece of the work
 */
static void collect(struct host_metadata *metadata)
{
	switch (metadata->step) {
	case STEP_FORMATS:
		if (!add_formats(metadata, PASS_FORMATS))
			metadata->step = STEP_TASKS;
		break;
	case STEP_TASKS:
		if (!add_tasks(metadata, PASS_PROCESSES))
			metadata->step = STEP_LISTS;
		break;
	case STEP_LISTS:
		add_list(metadata, VHT_META_TASKS, "saved_cmdlines");
		add_list(metadata, VHT_META_PRINTK_FORMATS, "printk_formats");
		metadata->step = STEP_SYMBOLS;
		break;
	case STEP_SYMBOLS:
		if (add_symbols(metadata, PASS_SYMBOLS))
			break;
		host_records_add(&metadata->records, VHT_META_COMPLETE, 1, NULL, 0);
		host_records_flush(&metadata->records);
		metadata->step = STEP_DONE;
		break;
	case STEP_DONE:
		break;
	}
}

struct host_metadata *host_metadata_new(struct host_instance *instance, struct writer_vm *vm,
					uint32_t generation, GError **error)
{
	const struct stream_entry entry = {
		.id = HOST_STREAM_ID_METADATA,
		.source = VHT_SOURCE_METADATA,
		.flags = VHT_STREAM_KEEP_OLDEST,
		.cpu = VHT_CPU_NONE,
		.clock = VHT_CLOCK_HOST_MONOTONIC,
		.name = "metadata",
	};
	struct host_stream *stream = host_stream_new(vm, generation, &entry, error);
	struct host_metadata *metadata;

	if (!stream)
		return NULL;
	metadata = g_new0(struct host_metadata, 1);
	metadata->instance = instance;
	metadata->stream = stream;
	metadata->symbols_fd = -1;
	metadata->line = g_string_new(NULL);
	metadata->formats = g_ptr_array_new_with_free_func(g_free);
	metadata->known = g_hash_table_new(g_str_hash, g_str_equal);
	host_records_init(&metadata->records, stream);

	host_records_add(&metadata->records, VHT_META_BEGIN, 1, NULL, 0);
	add_environment(metadata);
	add_header(metadata, VHT_META_HEADER_PAGE, "events/header_page");
	add_header(metadata, VHT_META_HEADER_EVENT, "events/header_event");
	want_formats(metadata);
	add_formats(metadata, host_instance_events(instance)->len);
	host_records_flush(&metadata->records);
	if (host_stream_write(stream, error))
		return metadata;
	host_metadata_free(metadata);
	return NULL;
}

void host_metadata_free(struct host_metadata *metadata)
{
	if (!metadata)
		return;
	g_clear_pointer(&metadata->processes, g_dir_close);
	if (metadata->symbols_fd >= 0)
		close(metadata->symbols_fd);
	g_string_free(metadata->line, TRUE);
	g_hash_table_unref(metadata->known);
	g_ptr_array_unref(metadata->formats);
	host_records_fini(&metadata->records);
	host_stream_free(metadata->stream);
	g_free(metadata);
}

enum session_result host_metadata_pass(struct host_metadata *metadata, GError **error)
{
	if (metadata->step == STEP_DONE)
		return SESSION_IDLE;
	collect(metadata);
	return host_stream_write(metadata->stream, error) ? SESSION_MORE : SESSION_FAILED;
}

/**
 * put_last - close the stream
 */
static void put_last(struct host_metadata *metadata)
{
	const struct host_packet packet = {
		.type = VHT_PACKET_METADATA,
		.flags = VHT_PACKET_LAST,
		.begin_ns = metadata->records.begin_ns,
		.end_ns = metadata->records.begin_ns,
	};

	host_stream_put(metadata->stream, &packet, NULL, 0);
}

bool host_metadata_finish(struct host_metadata *metadata, GError **error)
{
	bool ok = !metadata->stream->has_failed;

	while (ok && metadata->step != STEP_DONE)
		ok = host_metadata_pass(metadata, error) != SESSION_FAILED;
	if (ok) {
		while (add_tasks(metadata, G_MAXUINT))
			;
		add_list(metadata, VHT_META_TASKS, "saved_cmdlines");
		host_records_flush(&metadata->records);
		put_last(metadata);
		ok = host_stream_write(metadata->stream, error);
	}
	return host_stream_put_state(metadata->stream, ok ? error : NULL) && ok;
}

const struct host_stream *host_metadata_stream(const struct host_metadata *metadata)
{
	return metadata->stream;
}
