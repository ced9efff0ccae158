// SPDX-License-Identifier: GPL-2.0-only
/* Metadata streams as bytes; see stream.h. */
#include "kernel/stream.h"

#include <string.h>

#include "decode/kallsyms.h"
#include "error.h"
#include "wire/text.h"

#define MIN_BUILD_ID	16
#define MAX_BUILD_ID	128
#define MAX_SYMBOLS	(1 << 24)

void kernel_facts_fini(struct kernel_facts *facts)
{
	g_free(facts->release);
	g_free(facts->version);
	g_free(facts->machine);
	g_free(facts->build_id);
	memset(facts, 0, sizeof(*facts));
}

/**
 * struct symbol_line - a line of kallsyms, taken apart
 * @name: @length bytes in the line
 */
struct symbol_line {
	uint64_t address;
	const char *name;
	size_t length;
	bool is_module;
};

/**
 * next_symbol - take a line of a text
 * @text: moved behind the line
 * @end: of the text
 * @out: the symbol; its @length is 0 if the line is none
 * Return: false at the end.
 */
static bool next_symbol(const char **text, const char *end, struct symbol_line *out)
{
	const char *p = *text, *stop = p < end ? memchr(p, '\n', end - p) : NULL;
	const char *begin = p;

	memset(out, 0, sizeof(*out));
	if (!stop)
		return false;
	*text = stop + 1;
	for (; p < stop && g_ascii_isxdigit(*p) && p - begin < 16; p++)
		out->address = out->address << 4 | g_ascii_xdigit_value(*p);
	if (p == begin || stop - p < 4 || p[0] != ' ' || p[2] != ' ')
		return true;
	out->name = p + 3;
	for (p = out->name; p < stop && *p > ' ' && *p < 127; p++)
		;
	out->length = p - out->name;
	out->is_module = stop[-1] == ']' && p < stop;
	return true;
}

static gint compare_addresses(gconstpointer a, gconstpointer b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

/**
 * struct symbol_search - the addresses of symbols, and of the one that is wanted
 * @name: the wanted one, or NULL
 * @address: its address, 0 before one was found
 * @is_unique: not found at two addresses
 */
struct symbol_search {
	GArray *all;
	const char *name;
	uint64_t address;
	bool is_unique;
};

static void search_symbol(struct symbol_search *search, uint64_t address, const char *name,
			  size_t length)
{
	if (search->all->len >= MAX_SYMBOLS)
		return;
	g_array_append_val(search->all, address);
	if (!search->name || strlen(search->name) != length ||
	    memcmp(search->name, name, length))
		return;
	search->is_unique &= !search->address || search->address == address;
	search->address = address;
}

static void search_text(struct symbol_search *search, const struct meta_record *record)
{
	const char *text = record->payload, *end = text + record->size;
	struct symbol_line line;

	while (next_symbol(&text, end, &line))
		if (line.length && !line.is_module)
			search_symbol(search, line.address, line.name, line.length);
}

static void search_tables(struct symbol_search *search, const struct kallsyms *kallsyms)
{
	struct kallsyms_cursor cursor;
	struct kallsyms_symbol symbol;

	kallsyms_cursor_init(&cursor, kallsyms);
	while (kallsyms_next_text(&cursor, &symbol))
		search_symbol(search, symbol.address, symbol.name, symbol.length);
}

GArray *kernel_stream_symbols(const struct recording_stream *stream, const char *name,
			      uint64_t *address)
{
	struct symbol_search search = {
		.all = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
		.name = name,
		.is_unique = true,
	};
	struct kallsyms *kallsyms = kallsyms_new();
	GArray *all = search.all;
	struct recording_records it;
	struct meta_record record;
	guint kept = 0;

	recording_records_init(&it, stream);
	while (recording_next_meta(&it, &record)) {
		kallsyms_feed(kallsyms, &record);
		if (record.type == VHT_META_SYMBOLS)
			search_text(&search, &record);
	}
	kallsyms_finish(kallsyms);
	search_tables(&search, kallsyms);
	kallsyms_free(kallsyms);
	g_array_sort(all, compare_addresses);
	for (guint i = 0; i < all->len; i++) {
		uint64_t each = g_array_index(all, uint64_t, i);

		if (!kept || g_array_index(all, uint64_t, kept - 1) != each)
			g_array_index(all, uint64_t, kept++) = each;
	}
	g_array_set_size(all, kept);
	if (name)
		*address = search.is_unique ? search.address : 0;
	return all;
}

static char *safe_env(const struct recording_generation *generation, const char *key)
{
	g_autofree char *value = recording_generation_env(generation, key);
	size_t size = value ? strlen(value) : 0;
	char *safe = g_malloc0(size + 1);

	text_copy(safe, (const uint8_t *)value, size);
	return safe;
}

static bool is_build_id(const char *text)
{
	size_t length = strspn(text, "0123456789abcdef");

	return length >= MIN_BUILD_ID && length <= MAX_BUILD_ID && !text[length];
}

/**
 * check_packets - see whether all bytes are packets, without a gap
 */
static bool check_packets(const struct recording_stream *stream, GError **error)
{
	struct recording_cursor cursor;
	struct recording_packet packet;
	uint64_t next = 0;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type == VHT_PACKET_STATE)
			continue;
		if (packet.header.type != VHT_PACKET_METADATA || packet.header.sequence != next) {
			g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
				    "packet %" G_GUINT64_FORMAT " is not of a metadata stream",
				    next);
			return false;
		}
		next++;
	}
	if (recording_cursor_rest(&cursor)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "packet %" G_GUINT64_FORMAT ": %s",
			    next, packet_defect_text(cursor.end));
		return false;
	}
	return true;
}

/**
 * check_records - see whether the records are one whole set
 */
static bool check_records(const struct recording_stream *stream, struct kernel_facts *facts,
			  GError **error)
{
	bool has_begin = false, is_complete = false, has_page = false;
	struct recording_records it;
	struct meta_record record;

	recording_records_init(&it, stream);
	while (recording_next_meta(&it, &record)) {
		if (record.type == VHT_META_BEGIN)
			has_begin = true;
		is_complete = record.type == VHT_META_COMPLETE;
		has_page |= record.type == VHT_META_HEADER_PAGE;
		facts->formats += record.type == VHT_META_FORMAT;
	}
	if (recording_records_skipped(&it) || !has_begin || !is_complete || !has_page ||
	    !facts->formats) {
		g_set_error_literal(error, HT_ERROR, HT_ERROR_FORMAT,
				    "it is not one whole set of metadata");
		return false;
	}
	return true;
}

bool kernel_stream_check(const struct recording_stream *stream, struct kernel_facts *facts,
			 GError **error)
{
	struct recording_generation generation = {
		.metadata = (struct recording_stream *)stream,
	};
	struct kernel_facts found = { 0 };
	GArray *symbols;

	if (!check_packets(stream, error) || !check_records(stream, &found, error))
		return false;
	found.release = safe_env(&generation, "kernel.release");
	found.version = safe_env(&generation, "kernel.version");
	found.machine = safe_env(&generation, "kernel.machine");
	found.build_id = safe_env(&generation, "kernel.build_id");
	symbols = kernel_stream_symbols(stream, "_text", &found.text_address);
	found.symbols = symbols->len;
	g_array_unref(symbols);
	if (!is_build_id(found.build_id)) {
		g_set_error_literal(error, HT_ERROR, HT_ERROR_FORMAT, "it names no build id");
	} else if (!found.release[0]) {
		g_set_error_literal(error, HT_ERROR, HT_ERROR_FORMAT, "it names no release");
	} else if (!found.text_address) {
		g_set_error_literal(error, HT_ERROR, HT_ERROR_FORMAT,
				    "its symbols have no addresses");
	} else {
		*facts = found;
		return true;
	}
	kernel_facts_fini(&found);
	return false;
}

static void append_packet(GByteArray *out, const struct packet_header *header, const void *content)
{
	struct packet_header clean = {
		.header_size = sizeof(struct vht_packet),
		.type = header->type,
		.stream_id = VHT_STREAM_ID_GUEST,
		.cpu = VHT_CPU_NONE,
		.epoch = header->epoch,
		.sequence = header->sequence,
		.content_size = header->content_size,
	};
	struct vht_packet packet;
	guint begin = out->len, end;

	end = begin + sizeof(packet) + clean.content_size;
	end = (end + VHT_PACKET_ALIGN - 1) & ~(VHT_PACKET_ALIGN - 1U);
	clean.packet_size = end - begin;
	packet_build(&clean, &packet);
	g_byte_array_append(out, (const guint8 *)&packet, sizeof(packet));
	g_byte_array_append(out, content, clean.content_size);
	begin = out->len;
	g_byte_array_set_size(out, end);
	memset(out->data + begin, 0, end - begin);
}

bool kernel_stream_write(const struct recording_stream *stream, uint32_t epoch, const char *path,
			 GError **error)
{
	struct stream_entry entry = {
		.id = VHT_STREAM_ID_GUEST,
		.source = VHT_SOURCE_METADATA,
		.flags = VHT_STREAM_KEEP_OLDEST,
		.cpu = VHT_CPU_NONE,
		.clock = VHT_CLOCK_COUNTER,
	};
	struct packet_header header = {
		.type = VHT_PACKET_STATE,
		.epoch = epoch,
		.content_size = sizeof(struct vht_stream),
	};
	GByteArray *out = g_byte_array_new();
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct vht_stream state;
	GError *cause = NULL;
	bool ok;

	stream_entry_build(&entry, &state);
	append_packet(out, &header, &state);
	header.sequence = 0;
	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type != VHT_PACKET_METADATA)
			continue;
		header.type = VHT_PACKET_METADATA;
		header.content_size = packet.header.content_size;
		append_packet(out, &header, packet.content);
		header.sequence++;
	}
	ok = g_file_set_contents_full(path, (const char *)out->data, out->len,
				      G_FILE_SET_CONTENTS_CONSISTENT, 0600, &cause);
	g_byte_array_unref(out);
	if (!ok) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot write: %s", cause->message);
		g_error_free(cause);
	}
	return ok;
}
