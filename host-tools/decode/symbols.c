// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sorted table over the text itself: an entry is an address and a place in
 * the mapped recording, so 200,000 symbols cost 24 bytes each. Names that come
 * packed are unpacked into memory of the table's own.
 */
#include "symbols.h"

#include <glib.h>
#include <string.h>

/* Farther from a symbol than this an address is in nothing we know. */
#define MAX_DISTANCE	(1 << 20)
/* What lies below are places in per-CPU data, not addresses. */
#define MIN_ADDRESS	(1 << 28)
#define MAX_SYMBOLS	(1 << 24)
#define MAX_NAME	256

struct symbol {
	uint64_t address;
	const char *name;
	uint32_t length;
	uint32_t order;
};

struct symbols {
	GArray *array;
	GArray *aliases;	/* further names of an address that is in @array */
	GStringChunk *names;	/* that are in no text */
	uint64_t shift;
};

struct symbols *symbols_new(void)
{
	struct symbols *symbols = g_new0(struct symbols, 1);

	symbols->array = g_array_new(FALSE, FALSE, sizeof(struct symbol));
	symbols->aliases = g_array_new(FALSE, FALSE, sizeof(struct symbol));
	symbols->names = g_string_chunk_new(1 << 16);
	return symbols;
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	g_array_unref(symbols->array);
	g_array_unref(symbols->aliases);
	g_string_chunk_free(symbols->names);
	g_free(symbols);
}

/* "ffffffff81000000 T _stext" with perhaps "\t[module]" behind. */
static void symbols_add_line(struct symbols *symbols, const char *line, const char *end)
{
	struct symbol symbol = { .order = symbols->array->len };
	const char *p;

	for (p = line; p < end && g_ascii_isxdigit(*p) && p - line < 16; p++)
		symbol.address = symbol.address << 4 | g_ascii_xdigit_value(*p);
	if (p == line || end - p < 4 || p[0] != ' ' || p[2] != ' ' ||
	    symbol.address < MIN_ADDRESS)
		return;
	symbol.name = p + 3;
	for (p = symbol.name; p < end && *p > ' ' && *p < 127 && p - symbol.name < MAX_NAME; p++)
		;
	symbol.length = p - symbol.name;
	if (symbol.length && symbols->array->len < MAX_SYMBOLS)
		g_array_append_val(symbols->array, symbol);
}

void symbols_add(struct symbols *symbols, const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);

		if (!newline)
			break;
		symbols_add_line(symbols, text, newline);
		text = newline + 1;
	}
}

void symbols_add_kallsyms(struct symbols *symbols, const struct kallsyms *kallsyms)
{
	struct kallsyms_cursor cursor;
	struct kallsyms_symbol found;

	kallsyms_cursor_init(&cursor, kallsyms);
	while (symbols->array->len < MAX_SYMBOLS && kallsyms_next_text(&cursor, &found)) {
		struct symbol symbol = {
			.address = found.address,
			.length = MIN(found.length, MAX_NAME),
			.order = symbols->array->len,
		};

		if (symbol.address < MIN_ADDRESS)
			continue;
		symbol.name = g_string_chunk_insert_len(symbols->names, found.name,
							symbol.length);
		g_array_append_val(symbols->array, symbol);
	}
}

static gint compare(gconstpointer a, gconstpointer b)
{
	const struct symbol *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	/* Of several names for one address the first one is shown. */
	return left->order < right->order ? 1 : -1;
}

static bool has_name(const struct symbol *symbol, const char *name, size_t length)
{
	return symbol->length == length && !memcmp(symbol->name, name, length);
}

void symbols_finish(struct symbols *symbols)
{
	struct symbol *array = (struct symbol *)symbols->array->data;
	guint kept = 0;

	/* A list comes with each reader that attached. */
	g_array_sort(symbols->array, compare);
	for (guint i = 0; i < symbols->array->len; i++) {
		if (kept && array[kept - 1].address == array[i].address) {
			kept--;
			if (!has_name(&array[i], array[kept].name, array[kept].length))
				g_array_append_val(symbols->aliases, array[kept]);
		}
		array[kept++] = array[i];
	}
	g_array_set_size(symbols->array, kept);
}

static bool find_name(const GArray *array, const char *name, uint64_t *out)
{
	size_t length = strlen(name);

	for (guint i = 0; i < array->len; i++) {
		const struct symbol *symbol = &g_array_index(array, struct symbol, i);

		if (has_name(symbol, name, length)) {
			*out = symbol->address;
			return true;
		}
	}
	return false;
}

bool symbols_address(const struct symbols *symbols, const char *name, uint64_t *out)
{
	return find_name(symbols->array, name, out) || find_name(symbols->aliases, name, out);
}

size_t symbols_count(const struct symbols *symbols)
{
	return symbols->array->len;
}

const char *symbols_at(const struct symbols *symbols, size_t index, size_t *length,
		       uint64_t *address)
{
	const struct symbol *symbol = &g_array_index(symbols->array, struct symbol, index);

	*length = symbol->length;
	*address = symbol->address + symbols->shift;
	return symbol->name;
}

void symbols_set_shift(struct symbols *symbols, uint64_t shift)
{
	symbols->shift = shift;
}

const char *symbols_find(const struct symbols *symbols, uint64_t address, size_t *length,
			 uint64_t *offset)
{
	const struct symbol *array = (const struct symbol *)symbols->array->data;
	size_t low = 0, high = symbols->array->len;

	address -= symbols->shift;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (array[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - array[low - 1].address > MAX_DISTANCE)
		return NULL;
	*length = array[low - 1].length;
	*offset = address - array[low - 1].address;
	return array[low - 1].name;
}
