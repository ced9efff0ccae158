// SPDX-License-Identifier: GPL-2.0-only
/*
 * A name is a row of tokens, and a few bytes of hostile tokens can stand for a lot
 * of text: so once the tables are there all names are measured, before anything is
 * made of them. Linux's names grow to about three times their size.
 */
#include "kallsyms.h"

#include <glib.h>
#include <string.h>

/* Bytes of a table, at most; a kernel with all its symbols has some MB. */
#define MAX_TABLE	(256 << 20)
/* Of a byte of names, at most, on the average. */
#define MAX_EXPANSION	16

#define TOKENS		256
#define TABLES		(VHT_KALLSYMS_OFFSETS + 1)

struct token {
	const char *text;
	size_t length;
};

struct kallsyms {
	GByteArray *tables[TABLES];
	bool is_broken;		/* of the set that is coming */
	bool is_whole;
	uint64_t count;
	uint64_t base;
	bool is_percpu;
	struct token tokens[TOKENS];
};

struct kallsyms *kallsyms_new(void)
{
	struct kallsyms *kallsyms = g_new0(struct kallsyms, 1);

	for (int i = 0; i < TABLES; i++)
		kallsyms->tables[i] = g_byte_array_new();
	return kallsyms;
}

void kallsyms_free(struct kallsyms *kallsyms)
{
	if (!kallsyms)
		return;
	for (int i = 0; i < TABLES; i++)
		g_byte_array_unref(kallsyms->tables[i]);
	g_free(kallsyms);
}

static bool read_header(struct kallsyms *kallsyms)
{
	const GByteArray *table = kallsyms->tables[VHT_KALLSYMS_HEADER];
	struct vht_kallsyms raw;
	uint32_t flags;

	if (table->len != sizeof(raw))
		return false;
	memcpy(&raw, table->data, sizeof(raw));
	kallsyms->count = GUINT64_FROM_LE(raw.count);
	kallsyms->base = GUINT64_FROM_LE(raw.base);
	flags = GUINT32_FROM_LE(raw.flags);
	kallsyms->is_percpu = flags & VHT_KALLSYMS_PERCPU;
	return !(flags & ~VHT_KALLSYMS_PERCPU);
}

static bool read_tokens(struct kallsyms *kallsyms)
{
	const GByteArray *index = kallsyms->tables[VHT_KALLSYMS_TOKEN_INDEX];
	GByteArray *table = kallsyms->tables[VHT_KALLSYMS_TOKENS];

	if (index->len != TOKENS * sizeof(uint16_t))
		return false;
	for (guint i = 0; i < table->len; i++)
		if (table->data[i] && !g_ascii_isgraph(table->data[i]))
			table->data[i] = '?';
	for (int i = 0; i < TOKENS; i++) {
		size_t begin = index->data[2 * i] | index->data[2 * i + 1] << 8;
		const uint8_t *end;

		if (begin >= table->len)
			return false;
		end = memchr(table->data + begin, 0, table->len - begin);
		if (!end)
			return false;
		kallsyms->tokens[i].text = (const char *)table->data + begin;
		kallsyms->tokens[i].length = end - table->data - begin;
	}
	return true;
}

/**
 * take_length - take the length that a name begins with
 * @names: the names
 * @at: place in them; moved behind the length
 * @length: set to it, in tokens; so many are there
 * Return: false if that is none.
 */
static bool take_length(const GByteArray *names, size_t *at, size_t *length)
{
	size_t found;

	if (*at >= names->len)
		return false;
	found = names->data[(*at)++];
	if (found & 0x80) {
		if (*at >= names->len)
			return false;
		found = (found & 0x7f) | (size_t)names->data[(*at)++] << 7;
	}
	*length = found;
	return found && found <= names->len - *at;
}

/**
 * measure_names - see whether each symbol has a name, of bearable length
 */
static bool measure_names(const struct kallsyms *kallsyms)
{
	const GByteArray *names = kallsyms->tables[VHT_KALLSYMS_NAMES];
	uint64_t all = 0;
	size_t at = 0;

	for (uint64_t i = 0; i < kallsyms->count; i++) {
		size_t length, bytes = 0;

		if (!take_length(names, &at, &length))
			return false;
		for (; length; length--)
			bytes += kallsyms->tokens[names->data[at++]].length;
		/* A kind, and one character of a name. */
		if (bytes < 2 || bytes > KALLSYMS_MAX_NAME)
			return false;
		all += bytes;
	}
	return at == names->len && all / MAX_EXPANSION <= names->len;
}

static bool is_whole(struct kallsyms *kallsyms)
{
	const GByteArray *offsets = kallsyms->tables[VHT_KALLSYMS_OFFSETS];

	/* The offsets bound the count. */
	return !kallsyms->is_broken && read_header(kallsyms) && kallsyms->count &&
	       offsets->len % sizeof(uint32_t) == 0 &&
	       kallsyms->count == offsets->len / sizeof(uint32_t) && read_tokens(kallsyms) &&
	       measure_names(kallsyms);
}

static void add_piece(struct kallsyms *kallsyms, const struct meta_record *record)
{
	uint64_t offset = VHT_KALLSYMS_OFFSET(record->arg);
	unsigned int number = VHT_KALLSYMS_TABLE(record->arg);
	GByteArray *table;

	if (number >= TABLES || kallsyms->is_broken)
		return;
	table = kallsyms->tables[number];
	/* They come in order: so there is never more here than came. */
	if (offset != table->len || record->size > MAX_TABLE - offset)
		kallsyms->is_broken = true;
	else
		g_byte_array_append(table, (const guint8 *)record->payload, record->size);
}

void kallsyms_feed(struct kallsyms *kallsyms, const struct meta_record *record)
{
	if (kallsyms->is_whole)
		return;
	if (record->type == VHT_META_KALLSYMS) {
		add_piece(kallsyms, record);
	} else if (record->type == VHT_META_BEGIN && !kallsyms_finish(kallsyms)) {
		for (int i = 0; i < TABLES; i++)
			g_byte_array_set_size(kallsyms->tables[i], 0);
		kallsyms->is_broken = false;
	}
}

bool kallsyms_finish(struct kallsyms *kallsyms)
{
	if (!kallsyms->is_whole)
		kallsyms->is_whole = is_whole(kallsyms);
	return kallsyms->is_whole;
}

void kallsyms_cursor_init(struct kallsyms_cursor *cursor, const struct kallsyms *kallsyms)
{
	cursor->kallsyms = kallsyms;
	cursor->number = 0;
	cursor->at = 0;
}

static uint64_t symbol_address(const struct kallsyms *kallsyms, uint64_t number)
{
	const GByteArray *offsets = kallsyms->tables[VHT_KALLSYMS_OFFSETS];
	uint32_t offset;

	memcpy(&offset, offsets->data + number * sizeof(offset), sizeof(offset));
	offset = GUINT32_FROM_LE(offset);
	if (!kallsyms->is_percpu)
		return kallsyms->base + offset;
	/* As a signed number it is below 0; then the result is base - 1 - offset. */
	return offset < 1U << 31 ? offset : kallsyms->base + (uint32_t)~offset;
}

bool kallsyms_next(struct kallsyms_cursor *cursor, struct kallsyms_symbol *out)
{
	const struct kallsyms *kallsyms = cursor->kallsyms;
	const GByteArray *names = kallsyms->tables[VHT_KALLSYMS_NAMES];
	size_t length, used = 0;

	if (!kallsyms->is_whole || cursor->number == kallsyms->count ||
	    !take_length(names, &cursor->at, &length))
		return false;
	for (; length; length--) {
		const struct token *token = &kallsyms->tokens[names->data[cursor->at++]];

		memcpy(cursor->text + used, token->text, token->length);
		used += token->length;
	}
	cursor->text[used] = '\0';
	out->address = symbol_address(kallsyms, cursor->number++);
	out->kind = cursor->text[0];
	out->name = cursor->text + 1;
	out->length = used - 1;
	return true;
}

bool kallsyms_next_text(struct kallsyms_cursor *cursor, struct kallsyms_symbol *out)
{
	while (kallsyms_next(cursor, out))
		if (strchr("tTwW", out->kind))
			return true;
	return false;
}
