// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a reader needs to decode the rest, years later and on another machine:
 * formats of events, symbols, names of tasks, the kernel's identity, the clocks.
 *
 * A thread of the lowest priority collects it in the order in which it is missed
 * most, and puts it into a stream that never overwrites. Where there is no room it
 * sleeps; the drain timers look for it, so that even this wakes up no idle CPU.
 */
#include <linux/build_bug.h>
#include <linux/elf.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/trace_events.h>
#include <linux/utsname.h>

#include "vht_internal.h"

/* Content of a packet, at most; a record does not span packets. */
#define VHT_META_PACKET		SZ_64K

/* Modules come in crowds: they are looked at when none came for this long. */
#define VHT_MODULES_MS		1000

/* The end of the driver waits for the formats for so long, at most. */
#define VHT_HURRY_MS		2000

/* Bits of vht_metadata.requests. */
#define VHT_REQUEST_SET		0
#define VHT_REQUEST_MODULES	1

/* A module that came; on vht_metadata.modules. */
struct vht_module {
	struct list_head list;
	size_t events_len;
	size_t symbols_len;
	char text[];			/* SYSTEM:EVENT lines, then lines as in kallsyms */
};

/* Records on their way into a packet. */
struct vht_records {
	struct vht_metadata *metadata;
	u8 *buf;			/* VHT_META_PACKET bytes */
	size_t len;
	struct vht_meta *open;		/* text record that may grow */
	u64 begin;			/* guest counter at the first record */
	bool wait;			/* for room; else what has none is dropped */
};

static bool vht_records_is_interrupted(const struct vht_records *records)
{
	return kthread_should_stop() ||
	       test_bit(VHT_REQUEST_SET, &records->metadata->requests);
}

static int vht_metadata_put(struct vht_metadata *metadata, const struct vht_packet_info *info,
			    const void *content, size_t size)
{
	struct vht_producer *producer = &metadata->producer;
	int ret;

	raw_spin_lock_bh(&producer->lock);
	ret = vht_ring_put(&producer->ring, info, content, size);
	vht_publish(producer, 0);
	raw_spin_unlock_bh(&producer->lock);
	return ret;
}

static bool vht_metadata_has_room(const struct vht_metadata *metadata)
{
	return vht_ring_has_room(&metadata->producer.ring, VHT_META_PACKET);
}

/* Puts what was collected into the ring. Return: 0, or -EINTR: give up this set. */
static int vht_records_flush(struct vht_records *records)
{
	struct vht_metadata *metadata = records->metadata;
	struct vht_packet_info info = { .type = VHT_PACKET_METADATA };
	int ret;

	records->open = NULL;
	if (!records->len)
		return 0;
	info.timestamp_begin = records->begin;
	for (;;) {
		info.timestamp_end = vht_counter();
		info.clock = info.timestamp_end;
		info.counter = info.timestamp_end;
		ret = vht_metadata_put(metadata, &info, records->buf, records->len);
		if (ret != -ENOSPC || !records->wait)
			break;
		WRITE_ONCE(metadata->waiting, true);
		wake_up(&metadata->wait);
		wait_event_idle(metadata->wait, vht_metadata_has_room(metadata) ||
				vht_records_is_interrupted(records));
		WRITE_ONCE(metadata->waiting, false);
		if (vht_records_is_interrupted(records))
			return -EINTR;
	}
	records->len = 0;
	return 0;
}

/* Begins a record with @size bytes of payload to come. */
static struct vht_meta *vht_records_begin(struct vht_records *records, u32 type, u64 arg,
					  size_t size)
{
	struct vht_meta *meta;

	if (sizeof(*meta) + size > VHT_META_PACKET)
		return ERR_PTR(-EMSGSIZE);
	records->len = ALIGN(records->len, 8);
	if (records->len + sizeof(*meta) + size > VHT_META_PACKET) {
		int ret = vht_records_flush(records);

		if (ret)
			return ERR_PTR(ret);
	}
	if (!records->len)
		records->begin = vht_counter();
	meta = (struct vht_meta *)(records->buf + records->len);
	meta->type = cpu_to_le32(type);
	meta->size = cpu_to_le32(size);
	meta->arg = cpu_to_le64(arg);
	/* The padding of the last 8 bytes, whatever is written over it. */
	memset(meta + 1, 0, min_t(size_t, ALIGN(size, 8),
				  VHT_META_PACKET - records->len - sizeof(*meta)));
	records->len += sizeof(*meta) + size;
	records->open = NULL;
	return meta;
}

static int vht_records_add(struct vht_records *records, u32 type, u64 arg, const void *payload,
			   size_t size)
{
	struct vht_meta *meta = vht_records_begin(records, type, arg, size);

	if (IS_ERR(meta))
		return PTR_ERR(meta);
	memcpy(meta + 1, payload, size);
	return 0;
}

/* Adds a line to a record of text, or begins another where that one is full. */
static int vht_records_add_line(struct vht_records *records, u32 type, const char *line,
				size_t len)
{
	struct vht_meta *meta = records->open;
	char *end;

	if (!meta || le32_to_cpu(meta->type) != type ||
	    records->len + len + 1 > VHT_META_PACKET - 8) {
		/* Room for this line and padding; the record grows line by line. */
		meta = vht_records_begin(records, type, 0, len + 8);
		if (IS_ERR(meta))
			return PTR_ERR(meta);
		meta->size = 0;
		records->len -= len + 8;
		records->open = meta;
	}
	end = (char *)records->buf + records->len;
	memcpy(end, line, len);
	end[len] = '\n';
	/* Padding, until the next line or record. */
	memset(end + len + 1, 0, 7);
	records->len += len + 1;
	le32_add_cpu(&meta->size, len + 1);
	return 0;
}

/* Cuts what a file gives into lines. */
struct vht_lines {
	struct vht_records *records;
	u32 type;
	/* Return: is the line wanted? NULL: all are. */
	bool (*wants)(const char *line, size_t len);
	size_t carried;
	char carry[1024];
};

static int vht_lines_add(struct vht_lines *lines, const char *line, size_t len)
{
	if (!len || (lines->wants && !lines->wants(line, len)))
		return 0;
	return vht_records_add_line(lines->records, lines->type, line, len);
}

static int vht_lines_sink(void *context, const char *text, size_t len)
{
	struct vht_lines *lines = context;
	int ret;

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t part = end ? end - text : len;

		if (lines->carried || !end) {
			/* A line longer than that is cut. */
			size_t n = min(part, sizeof(lines->carry) - lines->carried);

			memcpy(lines->carry + lines->carried, text, n);
			lines->carried += n;
			if (end) {
				ret = vht_lines_add(lines, lines->carry, lines->carried);
				lines->carried = 0;
				if (ret)
					return ret;
			}
		} else {
			ret = vht_lines_add(lines, text, part);
			if (ret)
				return ret;
		}
		part += end ? 1 : 0;
		text += part;
		len -= part;
	}
	return 0;
}

/*
 * Sends a file line by line. Return: 0 or -EINTR; a file that cannot be read is
 * left out: the rest is of use without it.
 */
static int vht_send_lines(struct vht_records *records, u32 type, const char *path,
			  int (*read)(const char *path, vht_file_sink sink, void *context),
			  bool (*wants)(const char *line, size_t len))
{
	struct vht_lines *lines = kzalloc(sizeof(*lines), GFP_KERNEL);
	int ret;

	if (!lines)
		return 0;
	lines->records = records;
	lines->type = type;
	lines->wants = wants;
	ret = read(path, vht_lines_sink, lines);
	if (!ret && lines->carried)
		ret = vht_lines_add(lines, lines->carry, lines->carried);
	kfree(lines);
	return ret == -EINTR ? ret : 0;
}

/* Symbols. */

/* A line is an address of fixed width, the type, the name. */
static bool vht_is_text_symbol(const char *line, size_t len)
{
	const size_t type = 2 * sizeof(long) + 1;

	return len > type + 2 && line[type - 1] == ' ' && strchr("tTwW", line[type]);
}

/* What kallsyms would say of a symbol of a module. Return: bytes, without the NUL. */
static size_t vht_print_module_symbol(const struct module *module, unsigned int index, char *buf,
				      size_t size)
{
	const struct mod_kallsyms *kallsyms = &module->core_kallsyms;
	const Elf_Sym *symbol = &kallsyms->symtab[index];

	if (symbol->st_shndx == SHN_UNDEF || !kallsyms->typetab[index] ||
	    !strchr("tTwW", kallsyms->typetab[index]))
		return 0;
	return snprintf(buf, size, "%016lx %c %s\t[%s]\n", (unsigned long)symbol->st_value,
			kallsyms->typetab[index], kallsyms->strtab + symbol->st_name,
			module->name);
}

static size_t vht_print_module_symbols(const struct module *module, char *buf, size_t size)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < module->core_kallsyms.num_symtab; i++)
		len += vht_print_module_symbol(module, i, buf ? buf + len : NULL,
					       buf ? size - len : 0);
	return len;
}

/* The events that a module brings, SYSTEM:EVENT a line. Return: as above. */
static size_t vht_print_module_events(const struct module *module, char *buf, size_t size)
{
	size_t len = 0;
#ifdef CONFIG_EVENT_TRACING
	unsigned int i;

	for (i = 0; i < module->num_trace_events; i++) {
		struct trace_event_call *call = module->trace_events[i];

		len += snprintf(buf ? buf + len : NULL, buf ? size - len : 0, "%s:%s\n",
				call->class->system, trace_event_name(call));
	}
#endif
	return len;
}

/*
 * Notes what a module that has just come brings. kallsyms would have to be read to
 * its end for its symbols, 200,000 lines for a few. Its events may have been here
 * before, under other numbers.
 */
static struct vht_module *vht_note_module(const struct module *module)
{
	size_t events = vht_print_module_events(module, NULL, 0);
	size_t symbols = vht_print_module_symbols(module, NULL, 0);
	struct vht_module *entry;

	entry = kvmalloc(struct_size(entry, text, events + symbols + 1), GFP_KERNEL);
	if (!entry)
		return NULL;
	entry->events_len = vht_print_module_events(module, entry->text, events + 1);
	entry->symbols_len = vht_print_module_symbols(module, entry->text + events, symbols + 1);
	return entry;
}

/* Tasks. */

/* Names of the living: saved_cmdlines has but those of the last few that ran. */
static int vht_send_living_tasks(struct vht_records *records)
{
	struct task_struct *process, *task;
	size_t size = SZ_4K, len = 0;
	char comm[TASK_COMM_LEN];
	char *text, *rest, *line;
	int ret = 0;

	rcu_read_lock();
	for_each_process_thread(process, task)
		size += TASK_COMM_LEN + 12;
	rcu_read_unlock();
	text = kvmalloc(size, GFP_KERNEL);
	if (!text)
		return 0;
	rcu_read_lock();
	for_each_process_thread(process, task) {
		get_task_comm(comm, task);
		len += scnprintf(text + len, size - len, "%d %s\n", task_pid_nr(task), comm);
	}
	rcu_read_unlock();
	text[len] = '\0';

	rest = text;
	while (!ret && (line = vht_next_line(&rest)))
		ret = vht_records_add_line(records, VHT_META_TASKS, line, strlen(line));
	kvfree(text);
	return ret;
}

static int vht_send_tasks(struct vht_records *records)
{
	int ret = vht_send_living_tasks(records);

	if (ret)
		return ret;
	return vht_send_lines(records, VHT_META_TASKS, "saved_cmdlines", vht_tracefs_read, NULL);
}

/* The environment. */

static int __printf(3, 4) vht_send_env(struct vht_records *records, const char *key,
				       const char *format, ...)
{
	char *line, *value;
	va_list args;
	int ret = 0;

	va_start(args, format);
	value = kvasprintf(GFP_KERNEL, format, args);
	va_end(args);
	if (!value)
		return 0;
	line = kasprintf(GFP_KERNEL, "%s=%s", key, value);
	if (line)
		ret = vht_records_add_line(records, VHT_META_ENV, line, strlen(line));
	kfree(line);
	kfree(value);
	return ret;
}

/* NT_GNU_BUILD_ID of the ELF world; the kernel's headers have no name for it. */
#define VHT_NOTE_BUILD_ID	3

/* The build id among the kernel's ELF notes, in hexadecimal. */
static bool vht_find_build_id(const u8 *notes, size_t len, char *hex, size_t hex_size)
{
	const struct elf64_note *note;
	size_t position = 0;

	while (len - position >= sizeof(*note)) {
		size_t name, desc;

		note = (const void *)(notes + position);
		name = position + sizeof(*note);
		if (note->n_namesz > len - name)
			return false;
		desc = name + ALIGN(note->n_namesz, 4);
		if (desc > len || note->n_descsz > len - desc)
			return false;
		if (note->n_type == VHT_NOTE_BUILD_ID && note->n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4) && 2 * note->n_descsz < hex_size) {
			snprintf(hex, hex_size, "%*phN", note->n_descsz, notes + desc);
			return true;
		}
		position = desc + ALIGN(note->n_descsz, 4);
		if (position > len)
			return false;
	}
	return false;
}

static int vht_send_build_id(struct vht_records *records)
{
	u8 *notes = kmalloc(SZ_4K, GFP_KERNEL);
	char hex[2 * 32 + 1];
	int ret = 0;
	int len;

	if (!notes)
		return 0;
	len = vht_kernel_notes_read(notes, SZ_4K);
	if (len > 0 && vht_find_build_id(notes, len, hex, sizeof(hex)))
		ret = vht_send_env(records, "kernel.build_id", "%s", hex);
	kfree(notes);
	return ret;
}

/* The name of an instance's clock: the one in brackets. */
static int vht_send_clock(struct vht_records *records, const struct vht_source *source)
{
	char path[64], key[64];
	char *text, *begin, *end;
	int ret = 0;

	snprintf(key, sizeof(key), "source.%s.clock", source->name);
	if (source->clock == VHT_CLOCK_COUNTER)
		return vht_send_env(records, key, "counter");

	if (source->array)
		snprintf(path, sizeof(path), "instances/%s/trace_clock", source->name);
	else
		strscpy(path, "trace_clock", sizeof(path));
	text = vht_tracefs_read_all(path, NULL);
	if (IS_ERR(text))
		return 0;
	begin = strchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (end)
		ret = vht_send_env(records, key, "%.*s", (int)(end - begin - 1), begin + 1);
	kvfree(text);
	return ret;
}

static int vht_send_environment(struct vht *vht, struct vht_records *records)
{
	const struct new_utsname *uts = init_utsname();
	char *cmdline;
	unsigned int i;
	int ret;

	ret = vht_send_env(records, "kernel.release", "%s", uts->release);
	ret = ret ?: vht_send_env(records, "kernel.version", "%s", uts->version);
	ret = ret ?: vht_send_env(records, "kernel.machine", "%s", uts->machine);
	ret = ret ?: vht_send_build_id(records);
	cmdline = vht_proc_read_all("cmdline", NULL);
	if (!IS_ERR(cmdline)) {
		cmdline[strcspn(cmdline, "\n")] = '\0';
		ret = ret ?: vht_send_env(records, "kernel.cmdline", "%s", cmdline);
		kvfree(cmdline);
	}
	ret = ret ?: vht_send_env(records, "driver.version", "%s", VHT_DRIVER_VERSION);
	ret = ret ?: vht_send_env(records, "page_size", "%lu", PAGE_SIZE);
	ret = ret ?: vht_send_env(records, "long_size", "%zu", sizeof(long));
	for (i = 0; !ret && i < vht->source_count; i++)
		ret = vht_send_clock(records, &vht->sources[i]);
	return ret;
}

/* Formats. */

/*
 * The kernel shows the formats of pages and of event headers to user memory only. Both
 * are an ABI; what varies is the size of a sub-buffer.
 */
static int vht_send_header_formats(struct vht *vht, struct vht_records *records)
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
	const size_t head = sizeof(u64) + sizeof(long);
	char page[320];
	int ret, len;

	static_assert(RINGBUF_TYPE_PADDING == 29 && RINGBUF_TYPE_TIME_EXTEND == 30 &&
		      RINGBUF_TYPE_TIME_STAMP == 31 && RINGBUF_TYPE_DATA_TYPE_LEN_MAX == 28);

	len = scnprintf(page, sizeof(page),
			"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
			"\tfield: local_t commit;\toffset:8;\tsize:%zu;\tsigned:1;\n"
			"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
			"\tfield: char data;\toffset:%zu;\tsize:%zu;\tsigned:%d;\n",
			sizeof(long), head, vht_subbuf_size(vht->sources[0].buffer) - head,
			is_signed_type(char));
	ret = vht_records_add(records, VHT_META_HEADER_PAGE, 0, page, len);
	return ret ?: vht_records_add(records, VHT_META_HEADER_EVENT, 0, event,
				      sizeof(event) - 1);
}

static int vht_send_format(struct vht_records *records, const char *system, const char *event)
{
	size_t system_size = strlen(system) + 1;
	struct vht_meta *meta;
	char *path, *text;
	size_t len;
	int ret = 0;

	path = kasprintf(GFP_KERNEL, "events/%s/%s/format", system, event);
	if (!path)
		return 0;
	text = vht_tracefs_read_all(path, &len);
	kfree(path);
	if (IS_ERR(text))
		return 0;
	meta = vht_records_begin(records, VHT_META_FORMAT, 0, system_size + len);
	if (IS_ERR(meta)) {
		ret = PTR_ERR(meta) == -EINTR ? -EINTR : 0;
	} else {
		memcpy(meta + 1, system, system_size);
		memcpy((char *)(meta + 1) + system_size, text, len);
	}
	kvfree(text);
	return ret;
}

/**
 * vht_send_formats - send the formats of a list of events
 *
 * @records: where to
 * @text: the events, SYSTEM:EVENT a line; not changed
 * @len: bytes of it
 * @without: events to leave out, or NULL
 *
 * Return: 0 or a negative error number.
 */
static int vht_send_formats(struct vht_records *records, const char *text, size_t len,
			    struct vht_list *without)
{
	struct vht_list list = { .text = text, .len = len };
	char name[160];
	int ret = 0;

	while (!ret && list.position < list.len) {
		const char *line = list.text + list.position;
		size_t line_len = vht_list_next(&list);
		char *event;

		if (line_len >= sizeof(name))
			continue;
		memcpy(name, line, line_len);
		name[line_len] = '\0';
		if (without && vht_list_has(without, name))
			continue;
		event = strchr(name, ':');
		if (!event)
			continue;
		*event++ = '\0';
		ret = vht_send_format(records, name, event);
		cond_resched();
	}
	return ret;
}

/* ftrace's own entries are not in the list of events. */
static int vht_send_ftrace_formats(struct vht_records *records)
{
	char *names = vht_tracefs_list("events/ftrace");
	char *rest, *name;
	int ret = 0;

	if (IS_ERR(names))
		return 0;
	rest = names;
	while (!ret && (name = vht_next_line(&rest)))
		ret = vht_send_format(records, "ftrace", name);
	kvfree(names);
	return ret;
}

/* Names of enabled events in all instances that we read, a line each. */
static char *vht_enabled_events(struct vht *vht, size_t *len)
{
	char *all = NULL;
	unsigned int i;

	*len = 0;
	for (i = 0; i < vht->source_count; i++) {
		const struct vht_source *source = &vht->sources[i];
		char path[64];
		char *text, *joined;
		size_t text_len;

		if (source->type != VHT_SOURCE_FTRACE)
			continue;
		if (source->array)
			snprintf(path, sizeof(path), "instances/%s/set_event", source->name);
		else
			strscpy(path, "set_event", sizeof(path));
		text = vht_tracefs_read_all(path, &text_len);
		if (IS_ERR(text))
			continue;
		joined = kvmalloc(*len + text_len + 1, GFP_KERNEL);
		if (joined) {
			memcpy(joined, all, *len);
			memcpy(joined + *len, text, text_len);
			kvfree(all);
			all = joined;
			*len += text_len;
		}
		kvfree(text);
	}
	return all;
}

static int vht_send_event_formats(struct vht *vht, struct vht_records *records)
{
	struct vht_metadata *metadata = &vht->metadata;
	struct vht_list enabled = {};
	char *text, *all;
	size_t len;
	int ret;

	text = vht_enabled_events(vht, &enabled.len);
	enabled.text = text;
	ret = vht_send_formats(records, text, enabled.len, NULL);
	ret = ret ?: vht_send_ftrace_formats(records);
	all = vht_tracefs_read_all("available_events", &len);
	if (!IS_ERR(all)) {
		ret = ret ?: vht_send_formats(records, all, len, &enabled);
		kvfree(metadata->events);
		metadata->events = all;
		metadata->events_len = len;
	}
	kvfree(text);
	return ret;
}

/* Everything, from the beginning. */
static int vht_send_set(struct vht *vht, struct vht_records *records)
{
	struct vht_metadata *metadata = &vht->metadata;
	u64 set = ++metadata->set;
	int ret;

	WRITE_ONCE(metadata->formats_sent, false);
	records->len = 0;
	ret = vht_records_add(records, VHT_META_BEGIN, set, NULL, 0);
	ret = ret ?: vht_send_environment(vht, records);
	ret = ret ?: vht_send_header_formats(vht, records);
	ret = ret ?: vht_send_event_formats(vht, records);
	ret = ret ?: vht_records_flush(records);
	if (!ret) {
		WRITE_ONCE(metadata->formats_sent, true);
		wake_up(&metadata->wait);
	}
	ret = ret ?: vht_send_tasks(records);
	ret = ret ?: vht_send_lines(records, VHT_META_PRINTK_FORMATS, "printk_formats",
				    vht_tracefs_read, NULL);
	ret = ret ?: vht_send_lines(records, VHT_META_SYMBOLS, "kallsyms", vht_proc_read,
				    vht_is_text_symbol);
	ret = ret ?: vht_records_add(records, VHT_META_COMPLETE, set, NULL, 0);
	return ret ?: vht_records_flush(records);
}

static int vht_send_module_symbols(struct vht_records *records, struct vht_module *module)
{
	struct vht_list list = {
		.text = module->text + module->events_len,
		.len = module->symbols_len,
	};
	int ret = 0;

	while (!ret && list.position < list.len) {
		const char *line = list.text + list.position;

		ret = vht_records_add_line(records, VHT_META_SYMBOLS, line, vht_list_next(&list));
	}
	return ret;
}

/* What modules brought since the last set. */
static int vht_send_modules(struct vht *vht, struct vht_records *records)
{
	struct vht_metadata *metadata = &vht->metadata;
	struct vht_list known = { .text = metadata->events, .len = metadata->events_len };
	struct vht_module *module, *next;
	LIST_HEAD(modules);
	size_t len;
	int ret = 0;
	char *all;

	mutex_lock(&metadata->module_lock);
	list_splice_init(&metadata->modules, &modules);
	mutex_unlock(&metadata->module_lock);
	records->len = 0;
	all = vht_tracefs_read_all("available_events", &len);
	if (!IS_ERR(all)) {
		ret = vht_send_formats(records, all, len, &known);
		kvfree(metadata->events);
		metadata->events = all;
		metadata->events_len = len;
	}
	list_for_each_entry_safe(module, next, &modules, list) {
		ret = ret ?: vht_send_formats(records, module->text, module->events_len, NULL);
		ret = ret ?: vht_send_module_symbols(records, module);
		kvfree(module);
	}
	return ret ?: vht_records_flush(records);
}

static bool vht_modules_are_due(const struct vht_metadata *metadata)
{
	return test_bit(VHT_REQUEST_MODULES, &metadata->requests) &&
	       time_after_eq(jiffies, READ_ONCE(metadata->modules_at) +
			     msecs_to_jiffies(VHT_MODULES_MS));
}

static int vht_metadata_thread(void *context)
{
	struct vht *vht = context;
	struct vht_metadata *metadata = &vht->metadata;
	struct vht_records records = {
		.metadata = metadata,
		.buf = metadata->buf,
		.wait = true,
	};

	/* Nobody is to wait for this, the boot of the guest least of all. */
	set_user_nice(current, MAX_NICE);
	while (!kthread_should_stop()) {
		wait_event_idle(metadata->wait, kthread_should_stop() ||
				test_bit(VHT_REQUEST_SET, &metadata->requests) ||
				vht_modules_are_due(metadata));
		if (test_and_clear_bit(VHT_REQUEST_SET, &metadata->requests)) {
			vht_send_set(vht, &records);
		} else if (vht_modules_are_due(metadata)) {
			clear_bit(VHT_REQUEST_MODULES, &metadata->requests);
			vht_send_modules(vht, &records);
		}
	}
	return 0;
}

static int vht_module_notify(struct notifier_block *block, unsigned long state, void *data)
{
	struct vht_metadata *metadata = container_of(block, struct vht_metadata, module_notifier);
	const struct module *module = data;
	struct vht_module *entry;

	if (state != MODULE_STATE_LIVE)
		return NOTIFY_DONE;
	entry = vht_note_module(module);
	if (!entry)
		return NOTIFY_DONE;
	mutex_lock(&metadata->module_lock);
	list_add_tail(&entry->list, &metadata->modules);
	mutex_unlock(&metadata->module_lock);
	WRITE_ONCE(metadata->modules_at, jiffies);
	set_bit(VHT_REQUEST_MODULES, &metadata->requests);
	return NOTIFY_OK;
}

/**
 * vht_metadata_poll - wake up the thread if what it waits for has come
 *
 * @vht: the device
 *
 * Context: any.
 */
void vht_metadata_poll(struct vht *vht)
{
	struct vht_metadata *metadata = &vht->metadata;

	if ((READ_ONCE(metadata->waiting) && vht_metadata_has_room(metadata)) ||
	    (!READ_ONCE(metadata->waiting) && vht_modules_are_due(metadata)))
		wake_up(&metadata->wait);
}

/**
 * vht_metadata_new_set - have a new set sent, from the beginning
 *
 * @vht: the device
 *
 * Context: any.
 */
void vht_metadata_new_set(struct vht *vht)
{
	WRITE_ONCE(vht->metadata.formats_sent, false);
	set_bit(VHT_REQUEST_SET, &vht->metadata.requests);
	wake_up(&vht->metadata.wait);
}

/**
 * vht_metadata_hurry - let the formats of the set under way be sent, if they fit
 *
 * @vht: the device
 *
 * A guest that was busy all its short life has given the thread no time yet, and
 * nobody could decode what it leaves. Nothing here waits for the host [G1].
 *
 * Context: process.
 */
void vht_metadata_hurry(struct vht *vht)
{
	struct vht_metadata *metadata = &vht->metadata;

	set_user_nice(metadata->task, 0);
	wait_event_idle_timeout(metadata->wait,
				(READ_ONCE(metadata->formats_sent) &&
				 !test_bit(VHT_REQUEST_SET, &metadata->requests)) ||
				READ_ONCE(metadata->waiting),
				msecs_to_jiffies(VHT_HURRY_MS));
}

/**
 * vht_metadata_send_tasks - send the names of tasks now, if there is room
 *
 * @vht: the device
 *
 * Context: process.
 */
void vht_metadata_send_tasks(struct vht *vht)
{
	struct vht_records records = { .metadata = &vht->metadata };

	records.buf = kvmalloc(VHT_META_PACKET, GFP_KERNEL);
	if (!records.buf)
		return;
	if (!vht_send_tasks(&records))
		vht_records_flush(&records);
	kvfree(records.buf);
}

/**
 * vht_metadata_start - begin to send
 *
 * @vht: the device; the region is laid out
 *
 * Return: 0 or a negative error number.
 */
int vht_metadata_start(struct vht *vht)
{
	struct vht_metadata *metadata = &vht->metadata;
	struct task_struct *task;
	int ret;

	init_waitqueue_head(&metadata->wait);
	mutex_init(&metadata->module_lock);
	INIT_LIST_HEAD(&metadata->modules);
	metadata->set = 0;
	metadata->requests = 0;
	metadata->waiting = false;
	metadata->formats_sent = false;
	metadata->buf = kvmalloc(VHT_META_PACKET, GFP_KERNEL);
	if (!metadata->buf)
		return -ENOMEM;
	task = kthread_run(vht_metadata_thread, vht, "hypertrace");
	if (IS_ERR(task)) {
		ret = PTR_ERR(task);
		goto err_free;
	}
	metadata->task = task;
	metadata->module_notifier.notifier_call = vht_module_notify;
	ret = register_module_notifier(&metadata->module_notifier);
	if (ret)
		goto err_stop;
	vht_metadata_new_set(vht);
	return 0;

err_stop:
	kthread_stop(metadata->task);
err_free:
	kvfree(metadata->buf);
	return ret;
}

/**
 * vht_metadata_stop - end the thread
 *
 * @vht: the device
 */
void vht_metadata_stop(struct vht *vht)
{
	struct vht_metadata *metadata = &vht->metadata;
	struct vht_module *module, *next;

	unregister_module_notifier(&metadata->module_notifier);
	kthread_stop(metadata->task);
	list_for_each_entry_safe(module, next, &metadata->modules, list)
		kvfree(module);
	kvfree(metadata->events);
	metadata->events = NULL;
	metadata->events_len = 0;
	kvfree(metadata->buf);
	metadata->buf = NULL;
}

/**
 * vht_metadata_close - send the last of it
 *
 * @vht: the device; the thread has ended
 */
void vht_metadata_close(struct vht *vht)
{
	u64 now = vht_counter();
	struct vht_packet_info info = {
		.type = VHT_PACKET_METADATA,
		.flags = VHT_PACKET_LAST,
		.timestamp_begin = now,
		.timestamp_end = now,
		.clock = now,
		.counter = now,
	};

	vht_metadata_send_tasks(vht);
	/* Where the ring is full a reader has the state of the guest header. */
	vht_metadata_put(&vht->metadata, &info, NULL, 0);
}
