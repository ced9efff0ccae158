// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as trace.dat files of version 6 (trace-cmd.dat.v6(5)), which trace-cmd
 * and KernelShark read: one for each kernel, as a file has one set of event formats.
 *
 * The events' records are the guest's own bytes; only their framing is new, since
 * the times are the host's CLOCK_MONOTONIC, for all kernels the same. Events come
 * from the decoder merged; a file wants each CPU's sub-buffers in one piece. So the
 * sub-buffers of all go to one temporary file as they get full, each stream
 * remembers which are its own, and the files are put together at the end. Memory
 * is a sub-buffer a stream and 4 bytes for each one written.
 *
 * Host and guest are paired as trace-cmd does it: each file has an id, and the
 * host's names each guest's, with the host thread of each of its CPUs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decode/decoder.h"
#include "decode/guest.h"
#include "decode/symbols.h"
#include "decode/tasks.h"
#include "decode/vcpus.h"
#include "error.h"
#include "export/export.h"
#include "export/output.h"
#include "export/page-writer.h"

#define MAX_CPUS	4096	/* of one kernel; a guest may make up numbers */
#define MAX_SECTION	G_MAXINT32 /* bytes of kallsyms: trace-cmd reads it as one piece */

/* Options of the file, by trace-cmd's numbers. */
enum {
	OPTION_DONE = 0,
	OPTION_CPUSTAT = 2,
	OPTION_BUFFER = 3,
	OPTION_TRACECLOCK = 4,
	OPTION_UNAME = 5,
	OPTION_VERSION = 9,
	OPTION_TRACEID = 11,
	OPTION_GUEST = 13,
};

/**
 * struct cpu_buffer - the sub-buffers of one CPU in one tracing instance
 * @kernel: whose CPU
 * @writer: the sub-buffer being filled; no bytes before the first event
 * @pages: uint32_t, where the full ones lie in the temporary file
 * @pending_lost: events lost before the next one
 * @is_pending: ... some were, perhaps of unknown number
 * @events: written
 * @lost: known to be lost
 */
struct cpu_buffer {
	struct kernel *kernel;
	struct page_writer writer;
	GArray *pages;
	uint64_t pending_lost;
	bool is_pending;
	uint64_t events;
	uint64_t lost;
};

/**
 * struct instance - one tracing instance of a kernel
 * @name: of the stream
 * @cpus: struct cpu_buffer * or NULL, by CPU
 * @offset_at: where in the file its offset goes
 */
struct instance {
	const char *name;
	GPtrArray *cpus;
	uint64_t offset_at;
};

/**
 * struct kernel - one file: a driver's life, a window's, or a run of the host
 * @vm: the VM, or the host
 * @generation: its life
 * @guest: what it said of itself
 * @instances: struct instance *
 * @label: as users know it
 * @path: of the file
 * @id: of the trace
 * @page_size: bytes of a sub-buffer
 * @cpus: how many
 * @has_host_time: its times are the host's
 */
struct kernel {
	const struct recording_vm *vm;
	const struct recording_generation *generation;
	const struct decoder_guest *guest;
	GPtrArray *instances;
	char *label;
	char *path;
	uint64_t id;
	uint32_t page_size;
	uint32_t cpus;
	bool has_host_time;
};

/**
 * struct export - all of it
 * @decoder: where events come from
 * @kernels: struct kernel *
 * @pages_fd: the temporary file
 * @page_at: bytes in it, in units of %PAGE_WRITER_MIN
 * @too_big: events that fit in no sub-buffer
 */
struct export {
	struct decoder *decoder;
	GPtrArray *kernels;
	int pages_fd;
	uint64_t page_at;
	uint64_t too_big;
};

static void cpu_buffer_free(gpointer data)
{
	struct cpu_buffer *cpu = data;

	if (!cpu)
		return;
	page_writer_fini(&cpu->writer);
	g_array_unref(cpu->pages);
	g_free(cpu);
}

static void instance_free(gpointer data)
{
	struct instance *instance = data;

	g_ptr_array_unref(instance->cpus);
	g_free(instance);
}

static void kernel_free(gpointer data)
{
	struct kernel *kernel = data;

	g_ptr_array_unref(kernel->instances);
	g_free(kernel->label);
	g_free(kernel->path);
	g_free(kernel);
}

static bool fail(const char *what, const char *path, GError **error)
{
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot %s: %s: %s", what, path,
		    g_strerror(errno));
	return false;
}

/* --- which kernels there are --- */

static const struct recording_generation *find_generation(const struct decoder_stream *stream)
{
	for (guint i = 0; i < stream->vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(stream->vm->generations, i);

		if (generation->epoch == stream->epoch &&
		    generation->generation == stream->generation)
			return generation;
	}
	return NULL;
}

/* Sub-buffers as large as the kernel's, so that each of its events fits. */
static uint32_t choose_page_size(const struct recording_generation *generation)
{
	uint64_t largest = 0;
	uint32_t size = PAGE_WRITER_MIN;

	for (guint i = 0; i < generation->streams->len; i++) {
		struct recording_cursor cursor;
		struct recording_packet packet;

		recording_cursor_init(&cursor, g_ptr_array_index(generation->streams, i));
		while (recording_cursor_next(&cursor, &packet))
			if (packet.header.type == VHT_PACKET_FTRACE ||
			    packet.header.type == VHT_PACKET_WINDOW)
				largest = MAX(largest, packet.header.content_size);
	}
	while (size < largest && size < PAGE_WRITER_MAX)
		size *= 2;
	return size;
}

/* 64 bits that no other file of a session has, the same at each export. */
static uint64_t make_id(const struct recording *recording, const struct kernel *kernel)
{
	char *text = g_strdup_printf("%s %" G_GUINT64_FORMAT " %s %" G_GUINT64_FORMAT " %u.%u",
				     recording->boot_id, recording->start_mono_ns,
				     kernel->vm->dir_name, kernel->vm->start_real_ns,
				     kernel->generation->epoch, kernel->generation->generation);
	char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	uint64_t id;

	sum[16] = 0;
	id = g_ascii_strtoull(sum, NULL, 16);
	g_free(sum);
	g_free(text);
	return id;
}

static struct kernel *get_kernel(struct export *export, const struct decoder_stream *stream)
{
	const struct recording_generation *generation = find_generation(stream);
	struct kernel *kernel;

	if (!generation)
		return NULL;
	for (guint i = 0; i < export->kernels->len; i++) {
		kernel = g_ptr_array_index(export->kernels, i);
		if (kernel->generation == generation)
			return kernel;
	}
	kernel = g_new0(struct kernel, 1);
	kernel->vm = stream->vm;
	kernel->generation = generation;
	kernel->guest = stream->guest;
	kernel->instances = g_ptr_array_new_with_free_func(instance_free);
	kernel->page_size = choose_page_size(generation);
	kernel->id = make_id(decoder_recording(export->decoder), kernel);
	kernel->has_host_time = true;
	g_ptr_array_add(export->kernels, kernel);
	return kernel;
}

static struct instance *get_instance(struct kernel *kernel, const char *name)
{
	struct instance *instance;

	for (guint i = 0; i < kernel->instances->len; i++) {
		instance = g_ptr_array_index(kernel->instances, i);
		if (!strcmp(instance->name, name))
			return instance;
	}
	instance = g_new0(struct instance, 1);
	instance->name = name;
	instance->cpus = g_ptr_array_new_with_free_func(cpu_buffer_free);
	g_ptr_array_add(kernel->instances, instance);
	return instance;
}

/* Where a stream's events go: @stream->user, or nowhere. */
static void add_stream(struct export *export, struct decoder_stream *stream)
{
	struct cpu_buffer *cpu;
	struct instance *instance;
	struct kernel *kernel;

	if ((stream->source != VHT_SOURCE_FTRACE && stream->source != VHT_SOURCE_WINDOW) ||
	    stream->cpu >= MAX_CPUS)
		return;
	kernel = get_kernel(export, stream);
	if (!kernel)
		return;
	instance = get_instance(kernel, stream->name);
	if (stream->cpu >= instance->cpus->len)
		g_ptr_array_set_size(instance->cpus, stream->cpu + 1);
	/* A second stream that says it is the same one. */
	if (g_ptr_array_index(instance->cpus, stream->cpu))
		return;
	cpu = g_new0(struct cpu_buffer, 1);
	cpu->kernel = kernel;
	cpu->pages = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_ptr_array_index(instance->cpus, stream->cpu) = cpu;
	kernel->cpus = MAX(kernel->cpus, stream->cpu + 1);
	kernel->has_host_time &= stream->has_host_time;
	stream->user = cpu;
}

/* --- events to sub-buffers --- */

static bool write_at(int fd, const uint8_t *bytes, size_t size, uint64_t at)
{
	while (size) {
		ssize_t done = pwrite(fd, bytes, size, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		bytes += done;
		size -= done;
		at += done;
	}
	return true;
}

static bool flush_page(struct export *export, struct cpu_buffer *cpu, GError **error)
{
	uint32_t number = export->page_at;

	if (!cpu->writer.bytes || !cpu->writer.events)
		return true;
	if (export->page_at > G_MAXUINT32) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "recording is too large");
		return false;
	}
	if (!write_at(export->pages_fd, page_writer_take(&cpu->writer), cpu->writer.size,
		      export->page_at * PAGE_WRITER_MIN))
		return fail("write", "temporary file", error);
	g_array_append_val(cpu->pages, number);
	export->page_at += cpu->writer.size / PAGE_WRITER_MIN;
	return true;
}

static void note_loss(struct cpu_buffer *cpu, uint64_t count)
{
	cpu->pending_lost = count && (!cpu->is_pending || cpu->pending_lost) ?
			    cpu->pending_lost + count : 0;
	cpu->is_pending = true;
	cpu->lost += count;
}

static bool put_event(struct export *export, struct cpu_buffer *cpu,
		      const struct decoder_item *item, GError **error)
{
	enum page_put put;

	if (!cpu->writer.bytes)
		page_writer_init(&cpu->writer, cpu->kernel->page_size, cpu->kernel->guest->long_size);
	if (cpu->is_pending) {
		if (!flush_page(export, cpu, error))
			return false;
		page_writer_missed(&cpu->writer, cpu->pending_lost);
	}
	put = page_writer_put(&cpu->writer, item->time, item->data, item->size);
	if (put == PAGE_PUT_FULL) {
		if (!flush_page(export, cpu, error))
			return false;
		put = page_writer_put(&cpu->writer, item->time, item->data, item->size);
	}
	if (put == PAGE_PUT_TOO_BIG) {
		export->too_big++;
		note_loss(cpu, 1);
		return true;
	}
	cpu->is_pending = false;
	cpu->pending_lost = 0;
	cpu->events++;
	return true;
}

static bool write_pages(struct export *export, GError **error)
{
	struct decoder_item item;

	while (decoder_next(export->decoder, &item)) {
		struct cpu_buffer *cpu = item.stream->user;

		if (!cpu)
			continue;
		if (item.kind == DECODER_LOST)
			note_loss(cpu, item.lost);
		else if (!put_event(export, cpu, &item, error))
			return false;
	}
	for (uint32_t i = 0; i < decoder_stream_count(export->decoder); i++) {
		struct cpu_buffer *cpu = decoder_stream_at(export->decoder, i)->user;

		if (cpu && !flush_page(export, cpu, error))
			return false;
	}
	return true;
}

/* --- the head of a file --- */

static void put_u16(FILE *file, uint16_t value)
{
	value = GUINT16_TO_LE(value);
	fwrite(&value, sizeof(value), 1, file);
}

static void put_u32(FILE *file, uint32_t value)
{
	value = GUINT32_TO_LE(value);
	fwrite(&value, sizeof(value), 1, file);
}

static void put_u64(FILE *file, uint64_t value)
{
	value = GUINT64_TO_LE(value);
	fwrite(&value, sizeof(value), 1, file);
}

/* A text with its size before it, the latter in 4 or 8 bytes. */
static void put_text(FILE *file, unsigned int width, const char *text, size_t size)
{
	if (width == 4)
		put_u32(file, size);
	else
		put_u64(file, size);
	fwrite(text, 1, size, file);
}

static void put_header_texts(FILE *file, const struct kernel *kernel)
{
	static const char event[] =
		"# compressed entry header\n"
		"\ttype_len    :    5 bits\n"
		"\ttime_delta  :   27 bits\n"
		"\tarray       :   32 bits\n"
		"\n"
		"\tpadding     : type == 29\n"
		"\ttime_extend : type == 30\n"
		"\ttime_stamp : type == 31\n"
		"\tdata max type_len  == 28\n";
	unsigned int long_size = kernel->guest->long_size;
	char *page = g_strdup_printf(
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
		"\tfield: local_t commit;\toffset:8;\tsize:%u;\tsigned:1;\n"
		"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
		"\tfield: char data;\toffset:%u;\tsize:%u;\tsigned:1;\n",
		long_size, 8 + long_size, kernel->page_size - 8 - long_size);

	fwrite("header_page", 1, sizeof("header_page"), file);
	put_text(file, 8, page, strlen(page));
	fwrite("header_event", 1, sizeof("header_event"), file);
	put_text(file, 8, event, strlen(event));
	g_free(page);
}

/* A format text of the metadata, in the mapped recording. */
struct format_text {
	const char *text;
	size_t size;
};

/**
 * struct formats - a kernel's format texts by system
 * @systems: char * -> GPtrArray of struct format_text *
 * @seen: "SYSTEM first line" -> struct format_text *, as each reader that attaches
 *	gets a whole set
 * @order: the systems' names in order of appearance
 */
struct formats {
	GHashTable *systems;
	GHashTable *seen;
	GPtrArray *order;
};

static void add_format(struct formats *formats, const struct meta_record *record)
{
	size_t size = strnlen(record->payload, record->size);
	struct format_text *format;
	const char *text, *newline;
	char *system, *key;
	GPtrArray *list;

	if (!size || size == record->size)
		return;
	text = record->payload + size + 1;
	newline = memchr(text, '\n', record->size - size - 1);
	if (!newline)
		return;
	system = g_strndup(record->payload, size);
	key = g_strdup_printf("%s %.*s", system, (int)MIN(newline - text, 1024), text);
	format = g_hash_table_lookup(formats->seen, key);
	list = g_hash_table_lookup(formats->systems, system);
	if (!list) {
		list = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(formats->order, system);
		g_hash_table_insert(formats->systems, system, list);
	} else {
		g_free(system);
	}
	if (!format) {
		format = g_new(struct format_text, 1);
		g_ptr_array_add(list, format);
		g_hash_table_insert(formats->seen, key, format);
	} else {
		g_free(key);
	}
	format->text = text;
	format->size = record->size - size - 1;
}

static void put_formats(FILE *file, const struct formats *formats, const char *system)
{
	const GPtrArray *list = g_hash_table_lookup(formats->systems, system);

	put_u32(file, list ? list->len : 0);
	for (guint i = 0; list && i < list->len; i++) {
		const struct format_text *format = g_ptr_array_index(list, i);

		put_text(file, 8, format->text, format->size);
	}
}

static void put_all_formats(FILE *file, const struct kernel *kernel)
{
	struct formats formats = {
		.systems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						 (GDestroyNotify)g_ptr_array_unref),
		.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.order = g_ptr_array_new(),
	};
	struct recording_records records;
	struct meta_record record;

	recording_records_init(&records, kernel->guest->metadata);
	while (recording_next_meta(&records, &record))
		if (record.type == VHT_META_FORMAT)
			add_format(&formats, &record);
	put_formats(file, &formats, "ftrace");
	put_u32(file, formats.order->len - g_hash_table_contains(formats.systems, "ftrace"));
	for (guint i = 0; i < formats.order->len; i++) {
		const char *system = g_ptr_array_index(formats.order, i);

		if (!strcmp(system, "ftrace"))
			continue;
		fwrite(system, 1, strlen(system) + 1, file);
		put_formats(file, &formats, system);
	}
	g_ptr_array_unref(formats.order);
	g_hash_table_unref(formats.seen);
	g_hash_table_unref(formats.systems);
}

/* Put in its place the size of what was written behind it. */
static void patch_size(FILE *file, off_t at, unsigned int width)
{
	off_t end = ftello(file);

	fseeko(file, at, SEEK_SET);
	if (width == 4)
		put_u32(file, end - at - width);
	else
		put_u64(file, end - at - width);
	fseeko(file, end, SEEK_SET);
}

static void put_symbols(FILE *file, const struct symbols *symbols)
{
	off_t at = ftello(file);
	size_t count = symbols_count(symbols), length, bytes = 0;
	uint64_t address;

	put_u32(file, 0);
	for (size_t i = 0; i < count && bytes < MAX_SECTION - 1024; i++) {
		const char *name = symbols_at(symbols, i, &length, &address);
		int done = fprintf(file, "%016" G_GINT64_MODIFIER "x T %.*s\n", address,
				   (int)length, name);

		if (done < 0)
			return;
		bytes += done;
	}
	patch_size(file, at, 4);
}

static void put_printk_format(uint64_t address, const char *text, void *data)
{
	/* The kernel escapes the same way; what is not ASCII stays as it is. */
	char *escaped = g_strescape(text, "\b\f\v\177");

	fprintf(data, "0x%" G_GINT64_MODIFIER "x : \"%s\"\n", address, escaped);
	g_free(escaped);
}

static void put_task(int32_t pid, const char *name, void *data)
{
	if (pid > 0 && !strchr(name, '\n'))
		fprintf(data, "%d %s\n", pid, name);
}

static void put_tables(FILE *file, const struct kernel *kernel)
{
	off_t at;

	put_symbols(file, kernel->guest->symbols);
	at = ftello(file);
	put_u32(file, 0);
	printk_formats_foreach(kernel->guest->formats, put_printk_format, file);
	patch_size(file, at, 4);
	at = ftello(file);
	put_u64(file, 0);
	tasks_foreach(kernel->guest->tasks, put_task, file);
	patch_size(file, at, 8);
}

/* --- options --- */

static void put_option(FILE *file, uint16_t option, const void *data, size_t size)
{
	put_u16(file, option);
	put_text(file, 4, data, size);
}

static void put_option_text(FILE *file, uint16_t option, const char *text)
{
	put_option(file, option, text, strlen(text) + 1);
}

static void put_uname(FILE *file, const struct export *export, const struct kernel *kernel)
{
	const struct recording *recording = decoder_recording(export->decoder);
	char *release = recording_generation_env(kernel->generation, "kernel.release");
	char *machine = recording_generation_env(kernel->generation, "kernel.machine");
	char *text = g_strdup_printf("Linux %s %s %s", kernel->label,
				     release ? release :
				     kernel->vm->is_host ? recording->release : "unknown",
				     machine ? machine : "unknown");

	put_option_text(file, OPTION_UNAME, text);
	g_free(text);
	g_free(machine);
	g_free(release);
}

/* What `trace-cmd report --stat` shows: of a loss with no event after it only this tells. */
static void put_cpu_stats(FILE *file, const struct kernel *kernel)
{
	for (guint i = 0; i < kernel->instances->len; i++) {
		const struct instance *instance = g_ptr_array_index(kernel->instances, i);

		for (guint j = 0; j < instance->cpus->len; j++) {
			const struct cpu_buffer *cpu = g_ptr_array_index(instance->cpus, j);
			char *text;

			if (!cpu)
				continue;
			text = g_strdup_printf("CPU: %u\nentries: %" G_GUINT64_FORMAT "\n"
					       "overrun: %" G_GUINT64_FORMAT "\n",
					       j, cpu->events, cpu->lost);
			put_option_text(file, OPTION_CPUSTAT, text);
			g_free(text);
		}
	}
}

static void append_u32(GByteArray *bytes, uint32_t value)
{
	value = GUINT32_TO_LE(value);
	g_byte_array_append(bytes, (const guint8 *)&value, sizeof(value));
}

/* The host thread of each CPU of a guest; -1, no thread's, for those that nobody told. */
static void append_threads(GByteArray *option, const struct kernel *kernel)
{
	struct vcpu_map *map = vcpu_map_new(kernel->vm);

	append_u32(option, kernel->cpus);
	for (uint32_t cpu = 0; cpu < kernel->cpus; cpu++) {
		const struct vcpu *vcpu = NULL;
		uint32_t index;

		if (vcpu_map_of_cpu(map, kernel->generation->epoch,
				    kernel->generation->generation, cpu, &index) != VCPU_UNKNOWN)
			/* The last thread that ran it: the option has but one. */
			for (uint32_t i = 0; i < vcpu_map_count(map); i++)
				if (vcpu_map_at(map, i)->index == index)
					vcpu = vcpu_map_at(map, i);
		append_u32(option, cpu);
		append_u32(option, vcpu && vcpu->thread_id ? vcpu->thread_id : G_MAXUINT32);
	}
	vcpu_map_free(map);
}

static void put_guests(FILE *file, const struct export *export)
{
	for (guint i = 0; i < export->kernels->len; i++) {
		const struct kernel *kernel = g_ptr_array_index(export->kernels, i);
		GByteArray *option;
		uint64_t id;

		if (kernel->vm->is_host || !kernel->path)
			continue;
		option = g_byte_array_new();
		g_byte_array_append(option, (const guint8 *)kernel->label,
				    strlen(kernel->label) + 1);
		id = GUINT64_TO_LE(kernel->id);
		g_byte_array_append(option, (const guint8 *)&id, sizeof(id));
		append_threads(option, kernel);
		put_option(file, OPTION_GUEST, option->data, option->len);
		g_byte_array_unref(option);
	}
}

static void put_options(FILE *file, const struct export *export, const struct kernel *kernel)
{
	uint64_t id = GUINT64_TO_LE(kernel->id);

	put_option_text(file, OPTION_TRACECLOCK, kernel->has_host_time ? "[mono]" : "[local]");
	put_uname(file, export, kernel);
	put_option_text(file, OPTION_VERSION, "hypertrace " HYPERTRACE_VERSION);
	put_option(file, OPTION_TRACEID, &id, sizeof(id));
	put_cpu_stats(file, kernel);
	if (kernel->vm->is_host)
		put_guests(file, export);
	/* The first instance is the file's own buffer. */
	for (guint i = 1; i < kernel->instances->len; i++) {
		struct instance *instance = g_ptr_array_index(kernel->instances, i);

		put_u16(file, OPTION_BUFFER);
		put_u32(file, 8 + strlen(instance->name) + 1);
		instance->offset_at = ftello(file);
		put_u64(file, 0);
		fwrite(instance->name, 1, strlen(instance->name) + 1, file);
	}
	put_u16(file, OPTION_DONE);
}

/* --- the data --- */

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* Where each CPU's data is, then the data. */
static bool put_instance(FILE *file, const struct export *export, const struct kernel *kernel,
			 const struct instance *instance)
{
	g_autofree uint8_t *page = g_malloc(kernel->page_size);
	uint64_t at;

	fwrite("flyrecord", 1, sizeof("flyrecord"), file);
	at = round_up(ftello(file) + 16ULL * kernel->cpus, kernel->page_size);
	for (uint32_t i = 0, pages; i < kernel->cpus; i++) {
		const struct cpu_buffer *cpu = i < instance->cpus->len ?
					       g_ptr_array_index(instance->cpus, i) : NULL;

		pages = cpu ? cpu->pages->len : 0;
		put_u64(file, at);
		put_u64(file, (uint64_t)pages * kernel->page_size);
		at += (uint64_t)pages * kernel->page_size;
	}
	while (ftello(file) % kernel->page_size && putc(0, file) != EOF)
		;
	for (guint i = 0; i < instance->cpus->len; i++) {
		const struct cpu_buffer *cpu = g_ptr_array_index(instance->cpus, i);

		for (guint j = 0; cpu && j < cpu->pages->len; j++) {
			uint64_t from = g_array_index(cpu->pages, uint32_t, j);

			if (pread(export->pages_fd, page, kernel->page_size,
				  from * PAGE_WRITER_MIN) != (ssize_t)kernel->page_size ||
			    fwrite(page, kernel->page_size, 1, file) != 1)
				return false;
		}
	}
	return true;
}

static bool put_file(FILE *file, const struct export *export, const struct kernel *kernel)
{
	static const char magic[] = "\x17\x08\x44tracing6";

	fwrite(magic, 1, sizeof(magic), file);
	putc(0, file); /* little-endian */
	putc(kernel->guest->long_size, file);
	put_u32(file, kernel->page_size);
	put_header_texts(file, kernel);
	put_all_formats(file, kernel);
	put_tables(file, kernel);
	put_u32(file, kernel->cpus);
	fwrite("options  ", 1, sizeof("options  "), file);
	put_options(file, export, kernel);
	for (guint i = 0; i < kernel->instances->len; i++) {
		const struct instance *instance = g_ptr_array_index(kernel->instances, i);
		off_t begin = ftello(file);

		if (!put_instance(file, export, kernel, instance))
			return false;
		if (!i)
			continue;
		fseeko(file, instance->offset_at, SEEK_SET);
		put_u64(file, begin);
		fseeko(file, 0, SEEK_END);
	}
	return !ferror(file);
}

static bool write_kernel(const struct export *export, const struct kernel *kernel,
			 GError **error)
{
	FILE *file = fopen(kernel->path, "wxe");
	int reason;
	bool done;

	if (!file)
		return fail("make file", kernel->path, error);
	errno = 0;
	done = put_file(file, export, kernel);
	reason = errno ? errno : EIO;
	if (fclose(file) && done) {
		reason = errno;
		done = false;
	}
	errno = reason;
	return done || fail("write", kernel->path, error);
}

/* --- names of the files --- */

static bool has_pages(const struct kernel *kernel)
{
	for (guint i = 0; i < kernel->instances->len; i++) {
		const struct instance *instance = g_ptr_array_index(kernel->instances, i);

		for (guint j = 0; j < instance->cpus->len; j++) {
			const struct cpu_buffer *cpu = g_ptr_array_index(instance->cpus, j);

			if (cpu && cpu->pages->len)
				return true;
		}
	}
	return false;
}

static guint count_lives(const struct export *export, const struct recording_vm *vm)
{
	guint count = 0;

	for (guint i = 0; i < export->kernels->len; i++) {
		const struct kernel *kernel = g_ptr_array_index(export->kernels, i);

		count += kernel->vm == vm && has_pages(kernel);
	}
	return count;
}

/* A kernel with events gets a file; one with several lives has the life in its name. */
static void name_kernel(const struct export *export, struct kernel *kernel, const char *directory)
{
	const struct recording_vm *vm = kernel->vm;
	bool is_only = count_lives(export, vm) == 1;
	char *life = is_only ? g_strdup("") :
		     g_strdup_printf("-%u.%u", kernel->generation->epoch,
				     kernel->generation->generation);
	char *name = vm->is_host && is_only ? g_strdup("trace.dat") :
		     g_strdup_printf("trace-%s%s.dat", vm->dir_name, life);

	kernel->label = g_strconcat(vm->name, life, NULL);
	if (has_pages(kernel))
		kernel->path = g_build_filename(directory, name, NULL);
	g_free(name);
	g_free(life);
}

static bool write_files(struct export *export, const char *directory, GError **error)
{
	guint count = 0;

	for (guint i = 0; i < export->kernels->len; i++)
		name_kernel(export, g_ptr_array_index(export->kernels, i), directory);
	for (guint i = 0; i < export->kernels->len; i++) {
		const struct kernel *kernel = g_ptr_array_index(export->kernels, i);

		if (!kernel->path)
			continue;
		if (!write_kernel(export, kernel, error))
			return false;
		count++;
	}
	if (!count)
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
			    "no kernel's events in %s", decoder_recording(export->decoder)->path);
	return count != 0;
}

/* The temporary file has no name, so nothing of it stays. */
static bool open_pages(struct export *export, const char *directory, GError **error)
{
	char *path = g_build_filename(directory, "pages", NULL);

	export->pages_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (export->pages_fd < 0)
		fail("make file", path, error);
	else
		unlink(path);
	g_free(path);
	return export->pages_fd >= 0;
}

static bool export_to(struct export *export, const char *directory, GError **error)
{
	bool done;

	export->kernels = g_ptr_array_new_with_free_func(kernel_free);
	for (uint32_t i = 0; i < decoder_stream_count(export->decoder); i++)
		add_stream(export, decoder_stream_at(export->decoder, i));
	done = open_pages(export, directory, error) && write_pages(export, error) &&
	       write_files(export, directory, error);
	if (export->pages_fd >= 0)
		close(export->pages_fd);
	g_ptr_array_unref(export->kernels);
	return done;
}

bool export_trace_dat(const struct export_request *request, GError **error)
{
	const struct decoder_options options = { .naming = NAMING_FTRACE, .vm = request->vm };
	struct export export = { .pages_fd = -1 };
	struct output output;
	bool done = false;

	export.decoder = export_open_decoder(request, &options, error);
	if (!export.decoder)
		return false;
	if (output_init(&output, request->out, error)) {
		done = export_to(&export, output.partial, error) &&
		       output_commit(&output, output.partial, error);
		output_fini(&output);
	}
	export_add_warnings(request, export.decoder);
	if (export.too_big)
		export_warn(request, "too large for a sub-buffer, counted as lost: events=%"
			    G_GUINT64_FORMAT, export.too_big);
	decoder_free(export.decoder);
	return done;
}
