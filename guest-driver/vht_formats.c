// SPDX-License-Identifier: GPL-2.0-only
/*
 * Formats of events, read from tracefs as user space would: those of the enabled events
 * first, without which nothing can be decoded.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/ring_buffer.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vht_internal.h"

/*
 * The kernel shows the formats of pages and of event headers to user memory only. Both
 * are an ABI; what varies is the size of a sub-buffer.
 */
static int vht_add_header_formats(struct vht *vht, struct vht_records *records)
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

static int vht_add_format(struct vht_records *records, const char *system, const char *event)
{
	size_t system_size = strlen(system) + 1;
	u8 *text = records->metadata->text;
	struct vht_meta *meta;
	char path[192];
	ssize_t len;

	snprintf(path, sizeof(path), "events/%s/%s/format", system, event);
	len = vht_tracefs_fetch(path, text, VHT_META_PACKET);
	if (len < 0)
		return 0;
	meta = vht_records_begin(records, VHT_META_FORMAT, 0, system_size + len);
	if (IS_ERR(meta))
		return PTR_ERR(meta) == -EINTR ? -EINTR : 0;
	memcpy(meta + 1, system, system_size);
	memcpy((char *)(meta + 1) + system_size, text, len);
	return 0;
}

/**
 * vht_formats_add - add the formats of a list of events
 *
 * @records: where to
 * @text: the events, SYSTEM:EVENT a line; not changed
 * @len: bytes of it
 * @without: events to leave out, or NULL
 *
 * Context: process.
 *
 * Return: 0 or a negative error number.
 */
int vht_formats_add(struct vht_records *records, const char *text, size_t len,
		    struct vht_names *without)
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
		if (without && vht_names_have(without, name, line_len))
			continue;
		event = strchr(name, ':');
		if (!event)
			continue;
		*event++ = '\0';
		ret = vht_add_format(records, name, event);
		cond_resched();
	}
	return ret;
}

/* ftrace's own entries are not in the list of events. */
static int vht_add_ftrace_formats(struct vht_records *records)
{
	char *names = vht_tracefs_list("events/ftrace");
	char *rest, *name;
	int ret = 0;

	if (IS_ERR(names))
		return 0;
	rest = names;
	while (!ret && (name = vht_next_line(&rest)))
		ret = vht_add_format(records, "ftrace", name);
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

/**
 * vht_formats_add_all - add the formats of the page, of event headers, and of all events
 *
 * @vht: the device
 * @records: where to
 *
 * Context: process.
 *
 * Return: 0 or a negative error number.
 */
int vht_formats_add_all(struct vht *vht, struct vht_records *records)
{
	struct vht_names enabled;
	char *text, *all;
	size_t len;
	int ret;

	ret = vht_add_header_formats(vht, records);
	text = vht_enabled_events(vht, &len);
	vht_names_init(&enabled, text, len);
	ret = ret ?: vht_formats_add(records, text, len, NULL);
	ret = ret ?: vht_add_ftrace_formats(records);
	all = vht_tracefs_read_all("available_events", &len);
	if (!IS_ERR(all)) {
		ret = ret ?: vht_formats_add(records, all, len, &enabled);
		kvfree(all);
	}
	kvfree(text);
	return ret;
}
