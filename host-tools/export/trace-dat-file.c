// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout of a trace.dat file of version 6: what trace-cmd.dat.v6(5) says, and for the
 * options trace-cmd.dat.v7(5), as they have the same numbers and contents.
 */
#include "export/trace-dat-file.h"

#include <string.h>
#include <unistd.h>

#include "decode/guest.h"
#include "decode/symbols.h"
#include "decode/tasks.h"
#include "decode/vcpus.h"

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

static void put_header_texts(FILE *file, const struct trace_dat_kernel *kernel)
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

static void put_all_formats(FILE *file, const struct trace_dat_kernel *kernel)
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

static void put_tables(FILE *file, const struct trace_dat_kernel *kernel)
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

static void put_uname(FILE *file, const struct trace_dat *export,
		      const struct trace_dat_kernel *kernel)
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
static void put_cpu_stats(FILE *file, const struct trace_dat_kernel *kernel)
{
	for (guint i = 0; i < kernel->instances->len; i++) {
		const struct trace_dat_instance *instance = g_ptr_array_index(kernel->instances, i);

		for (guint j = 0; j < instance->cpus->len; j++) {
			const struct trace_dat_cpu *cpu = g_ptr_array_index(instance->cpus, j);
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
static void append_threads(GByteArray *option, const struct trace_dat_kernel *kernel)
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

static void put_guests(FILE *file, const struct trace_dat *export)
{
	for (guint i = 0; i < export->kernels->len; i++) {
		const struct trace_dat_kernel *kernel = g_ptr_array_index(export->kernels, i);
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

static void put_options(FILE *file, const struct trace_dat *export,
			const struct trace_dat_kernel *kernel)
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
		struct trace_dat_instance *instance = g_ptr_array_index(kernel->instances, i);

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
static bool put_instance(FILE *file, const struct trace_dat *export,
			 const struct trace_dat_kernel *kernel,
			 const struct trace_dat_instance *instance)
{
	g_autofree uint8_t *page = g_malloc(kernel->page_size);
	uint64_t at;

	fwrite("flyrecord", 1, sizeof("flyrecord"), file);
	at = round_up(ftello(file) + 16ULL * kernel->cpus, kernel->page_size);
	for (uint32_t i = 0, pages; i < kernel->cpus; i++) {
		const struct trace_dat_cpu *cpu = i < instance->cpus->len ?
					       g_ptr_array_index(instance->cpus, i) : NULL;

		pages = cpu ? cpu->pages->len : 0;
		put_u64(file, at);
		put_u64(file, (uint64_t)pages * kernel->page_size);
		at += (uint64_t)pages * kernel->page_size;
	}
	while (ftello(file) % kernel->page_size && putc(0, file) != EOF)
		;
	for (guint i = 0; i < instance->cpus->len; i++) {
		const struct trace_dat_cpu *cpu = g_ptr_array_index(instance->cpus, i);

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

bool trace_dat_write(const struct trace_dat *export, const struct trace_dat_kernel *kernel,
		     FILE *file)
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
		const struct trace_dat_instance *instance = g_ptr_array_index(kernel->instances, i);
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
