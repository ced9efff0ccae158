// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metadata is read once, before the first event: what comes later in it (new
 * modules' events, newer lists of tasks) holds for the whole life.
 */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"
#include "symbols.h"
#include "tasks.h"

#define MAX_FORMAT_TEXT	1024

struct printk_formats {
	GHashTable *texts;	/* address (boxed uint64_t) -> char * */
	uint64_t shift;		/* to be added to an address in it */
};

/* A line of printk_formats: 0xADDRESS : "text with \n as two characters". */
static void printk_formats_add(struct printk_formats *formats, const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);
		const char *stop = newline ? newline : end, *p = text;
		uint64_t address = 0;

		if (stop - p > 2 && p[0] == '0' && p[1] == 'x')
			p += 2;
		for (; p < stop && g_ascii_isxdigit(*p); p++)
			address = address << 4 | g_ascii_xdigit_value(*p);
		p = memchr(p, '"', stop - p);
		if (p && stop - p >= 2 && stop[-1] == '"' && stop - p < MAX_FORMAT_TEXT) {
			char *copy = g_strndup(p + 1, stop - p - 2);
			uint64_t *key = g_new(uint64_t, 1);

			*key = address;
			g_hash_table_replace(formats->texts, key, g_strcompress(copy));
			g_free(copy);
		}
		text = newline ? newline + 1 : end;
	}
}

const char *printk_formats_find(const struct printk_formats *formats, uint64_t address)
{
	address -= formats->shift;
	return g_hash_table_lookup(formats->texts, &address);
}

void printk_formats_foreach(const struct printk_formats *formats,
			    void (*visit)(uint64_t address, const char *text, void *data),
			    void *data)
{
	GHashTableIter texts;
	gpointer address, text;

	g_hash_table_iter_init(&texts, formats->texts);
	while (g_hash_table_iter_next(&texts, &address, &text))
		visit(*(uint64_t *)address + formats->shift, text, data);
}

void guest_set_text(struct decoder_guest *guest, const char *symbol, uint64_t address)
{
	uint64_t there;

	if (!symbols_address(guest->symbols, symbol, &there))
		return;
	symbols_set_shift(guest->symbols, address - there);
	guest->formats->shift = address - there;
}

static void add_format(struct decoder_guest *guest, const struct meta_record *record)
{
	size_t system = strnlen(record->payload, record->size);

	if (system < record->size)
		class_table_add_format(guest->classes, record->payload, system,
				       record->payload + system + 1, record->size - system - 1);
}

struct decoder_guest *guest_new(const struct recording_generation *generation,
				enum naming naming)
{
	struct decoder_guest *guest = g_new0(struct decoder_guest, 1);
	char *long_size = recording_generation_env(generation, "long_size");
	struct kallsyms *kallsyms = kallsyms_new();
	struct recording_records it;
	struct meta_record record;

	guest->long_size = long_size && !strcmp(long_size, "4") ? 4 : 8;
	g_free(long_size);
	guest->metadata = generation->metadata;
	guest->classes = class_table_new(naming);
	class_table_set_guest(guest->classes, guest->long_size);
	guest->symbols = symbols_new();
	guest->tasks = tasks_new();
	guest->formats = g_new0(struct printk_formats, 1);
	guest->formats->texts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	recording_records_init(&it, generation->metadata);
	while (recording_next_meta(&it, &record)) {
		kallsyms_feed(kallsyms, &record);
		switch (record.type) {
		case VHT_META_FORMAT:
			add_format(guest, &record);
			break;
		case VHT_META_SYMBOLS:
			symbols_add(guest->symbols, record.payload, record.size);
			break;
		case VHT_META_TASKS:
			tasks_add(guest->tasks, record.payload, record.size);
			break;
		case VHT_META_PRINTK_FORMATS:
			printk_formats_add(guest->formats, record.payload, record.size);
			break;
		default:
			break;
		}
	}
	kallsyms_finish(kallsyms);
	symbols_add_kallsyms(guest->symbols, kallsyms);
	symbols_finish(guest->symbols);
	kallsyms_free(kallsyms);
	return guest;
}

void guest_free(struct decoder_guest *guest)
{
	if (!guest)
		return;
	class_table_free(guest->classes);
	symbols_free(guest->symbols);
	tasks_free(guest->tasks);
	g_hash_table_unref(guest->formats->texts);
	g_free(guest->formats);
	g_free(guest);
}
