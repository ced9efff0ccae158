// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel's symbol tables, made by an encoder of the test's own, and what comes
 * out of them whole, in other pieces, twice, and spoilt.
 */
#include "../host/tap.h"

#include <string.h>

#include "decode/kallsyms.h"
#include "decode/symbols.h"

struct wanted {
	uint64_t address;
	const char *text;	/* kind and name */
};

/* As a kernel has them: sorted by address, per-CPU data first. */
static const struct wanted percpu[] = {
	{ 0, "Afixed_percpu_data" },
	{ 0x1a000, "Dcpu_tss" },
	{ 0xffffffff81000000, "T_stext" },
	{ 0xffffffff81000000, "tsecond_name" },
	{ 0xffffffff81000010, "Wweak_one" },
	{ 0xffffffff81000020, "wweak_two" },
	{ 0xffffffff81000030, "Rread_only" },
	{ 0xffffffff82000000, "Tread_read_read" },
};

static const struct wanted plain[] = {
	{ 0xffff800008000000, "T_text" },
	{ 0xffff800008000004, "tread" },
	/* More than a signed offset can reach. */
	{ 0xffff8000f8000000, "Tfar" },
};

/* The tables, by their number. */
struct tables {
	GByteArray *table[VHT_KALLSYMS_OFFSETS + 1];
};

static void put(GByteArray *array, const void *data, size_t size)
{
	g_byte_array_append(array, data, size);
}

/* Tokens: each character stands for itself, 0x80 for "read", 0x81 for nothing. */
static void encode_tokens(struct tables *tables)
{
	for (int i = 0; i < 256; i++) {
		uint16_t at = GUINT16_TO_LE(tables->table[VHT_KALLSYMS_TOKENS]->len);
		char text[8] = { i < 0x80 ? i : 0 };

		if (i == 0x80)
			strcpy(text, "read");
		put(tables->table[VHT_KALLSYMS_TOKEN_INDEX], &at, sizeof(at));
		put(tables->table[VHT_KALLSYMS_TOKENS], text, strlen(text) + 1);
	}
}

static void encode_name(GByteArray *names, const char *text)
{
	g_autoptr(GByteArray) tokens = g_byte_array_new();
	uint8_t length[2];

	while (*text) {
		bool is_read = !strncmp(text, "read", 4);

		put(tokens, is_read ? "\x80" : text, 1);
		text += is_read ? 4 : 1;
	}
	length[0] = tokens->len < 0x80 ? tokens->len : 0x80 | (tokens->len & 0x7f);
	length[1] = tokens->len >> 7;
	put(names, length, tokens->len < 0x80 ? 1 : 2);
	put(names, tokens->data, tokens->len);
}

static struct tables tables_of(const struct wanted *symbols, size_t count, uint64_t base,
			       uint32_t flags)
{
	struct vht_kallsyms header = {
		.count = GUINT64_TO_LE(count),
		.base = GUINT64_TO_LE(base),
		.flags = GUINT32_TO_LE(flags),
	};
	struct tables tables;

	for (size_t i = 0; i < G_N_ELEMENTS(tables.table); i++)
		tables.table[i] = g_byte_array_new();
	put(tables.table[VHT_KALLSYMS_HEADER], &header, sizeof(header));
	encode_tokens(&tables);
	for (size_t i = 0; i < count; i++) {
		uint64_t address = symbols[i].address, offset = address - base;

		if (flags & VHT_KALLSYMS_PERCPU)
			offset = address < 1U << 31 ? address : base - 1 - address;
		offset = GUINT32_TO_LE((uint32_t)offset);
		put(tables.table[VHT_KALLSYMS_OFFSETS], &offset, sizeof(uint32_t));
		encode_name(tables.table[VHT_KALLSYMS_NAMES], symbols[i].text);
	}
	return tables;
}

static struct tables percpu_tables(void)
{
	return tables_of(percpu, G_N_ELEMENTS(percpu), percpu[2].address, VHT_KALLSYMS_PERCPU);
}

static void tables_free(struct tables *tables)
{
	for (size_t i = 0; i < G_N_ELEMENTS(tables->table); i++)
		g_byte_array_unref(tables->table[i]);
}

static void feed(struct kallsyms *kallsyms, uint32_t type, uint64_t arg, const void *payload,
		 size_t size)
{
	/* A copy of its own: a byte behind it is another's. */
	char *copy = g_memdup2(payload, size);
	struct meta_record record = { .type = type, .arg = arg, .payload = copy, .size = size };

	kallsyms_feed(kallsyms, &record);
	g_free(copy);
}

static void feed_tables(struct kallsyms *kallsyms, const struct tables *tables, size_t piece)
{
	feed(kallsyms, VHT_META_BEGIN, 1, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(tables->table); i++) {
		const GByteArray *table = tables->table[i];

		for (size_t at = 0; at < table->len; at += piece)
			feed(kallsyms, VHT_META_KALLSYMS, VHT_KALLSYMS(i, at), table->data + at,
			     MIN(piece, table->len - at));
	}
	feed(kallsyms, VHT_META_COMPLETE, 1, NULL, 0);
}

/* Are the symbols these, and no others? */
static bool makes(struct kallsyms *kallsyms, const struct wanted *symbols, size_t count)
{
	struct kallsyms_cursor cursor;
	struct kallsyms_symbol symbol;

	if (!kallsyms_finish(kallsyms))
		return false;
	kallsyms_cursor_init(&cursor, kallsyms);
	for (size_t i = 0; i < count; i++)
		if (!kallsyms_next(&cursor, &symbol) || symbol.address != symbols[i].address ||
		    symbol.kind != symbols[i].text[0] || strcmp(symbol.name, symbols[i].text + 1) ||
		    symbol.length != strlen(symbol.name))
			return false;
	return !kallsyms_next(&cursor, &symbol);
}

/* Takes the tables, and are they refused? */
static bool is_refused(struct tables tables)
{
	struct kallsyms *kallsyms = kallsyms_new();
	struct kallsyms_cursor cursor;
	struct kallsyms_symbol symbol;
	bool refused;

	feed_tables(kallsyms, &tables, 100);
	refused = !kallsyms_finish(kallsyms);
	kallsyms_cursor_init(&cursor, kallsyms);
	refused &= !kallsyms_next(&cursor, &symbol);
	kallsyms_free(kallsyms);
	tables_free(&tables);
	return refused;
}

static void test_rules(void)
{
	struct tables one = percpu_tables();
	struct tables two = tables_of(plain, G_N_ELEMENTS(plain), plain[0].address, 0);

	for (size_t piece = 1; piece <= 1000; piece = piece * 10 + 1) {
		struct kallsyms *kallsyms = kallsyms_new();

		feed_tables(kallsyms, &one, piece);
		ok(makes(kallsyms, percpu, G_N_ELEMENTS(percpu)),
		   "symbols, per-CPU ones by their offset; pieces of %zu", piece);
		kallsyms_free(kallsyms);
		kallsyms = kallsyms_new();
		feed_tables(kallsyms, &two, piece);
		ok(makes(kallsyms, plain, G_N_ELEMENTS(plain)),
		   "symbols, all behind the base; pieces of %zu", piece);
		kallsyms_free(kallsyms);
	}
	tables_free(&one);
	tables_free(&two);
}

static void test_long_name(void)
{
	g_autofree char *text = g_strnfill(KALLSYMS_MAX_NAME, 'x');
	g_autofree char *more = g_strnfill(KALLSYMS_MAX_NAME + 1, 'x');
	struct wanted symbols[] = { { 1, text }, { 2, "Tnext" } };
	struct wanted beyond[] = { { 1, more }, { 2, "Tnext" } };
	struct wanted empty[] = { { 1, "T" }, { 2, "Tnext" } };
	struct tables tables = tables_of(symbols, 2, 0, 0);
	struct kallsyms *kallsyms = kallsyms_new();

	feed_tables(kallsyms, &tables, 1000);
	ok(makes(kallsyms, symbols, 2), "a length of two bytes");
	kallsyms_free(kallsyms);
	tables_free(&tables);
	ok(is_refused(tables_of(beyond, 2, 0, 0)), "a name that is too long");
	ok(is_refused(tables_of(empty, 2, 0, 0)), "a kind and no name");
}

static void test_sets(void)
{
	struct tables one = percpu_tables();
	struct tables two = tables_of(plain, G_N_ELEMENTS(plain), plain[0].address, 0);
	struct kallsyms *kallsyms = kallsyms_new();

	ok(makes(kallsyms, NULL, 0) == false, "nothing came");
	feed(kallsyms, VHT_META_BEGIN, 1, NULL, 0);
	feed(kallsyms, VHT_META_KALLSYMS, VHT_KALLSYMS(VHT_KALLSYMS_NAMES, 0), "\3abc", 4);
	feed(kallsyms, VHT_META_KALLSYMS, VHT_KALLSYMS(VHT_KALLSYMS_NAMES, 5), "gap", 3);
	feed_tables(kallsyms, &one, 64);
	ok(makes(kallsyms, percpu, G_N_ELEMENTS(percpu)), "a set that was given up does no harm");
	feed_tables(kallsyms, &two, 64);
	ok(makes(kallsyms, percpu, G_N_ELEMENTS(percpu)), "of several whole sets the first");
	feed(kallsyms, VHT_META_KALLSYMS, VHT_KALLSYMS(200, 0), "new", 3);
	ok(kallsyms_finish(kallsyms), "an unknown table does no harm");
	kallsyms_free(kallsyms);
	tables_free(&one);
	tables_free(&two);
}

/* All bytes are there, but a piece says that it belongs elsewhere. */
static void test_gap(void)
{
	struct tables tables = percpu_tables();
	const GByteArray *names = tables.table[VHT_KALLSYMS_NAMES];
	struct kallsyms *kallsyms = kallsyms_new();

	for (size_t i = 0; i < G_N_ELEMENTS(tables.table); i++)
		if (i != VHT_KALLSYMS_NAMES)
			feed(kallsyms, VHT_META_KALLSYMS, VHT_KALLSYMS(i, 0),
			     tables.table[i]->data, tables.table[i]->len);
	feed(kallsyms, VHT_META_KALLSYMS, VHT_KALLSYMS(VHT_KALLSYMS_NAMES, 0), names->data, 5);
	feed(kallsyms, VHT_META_KALLSYMS, VHT_KALLSYMS(VHT_KALLSYMS_NAMES, 6), names->data + 5,
	     names->len - 5);
	ok(!kallsyms_finish(kallsyms), "a gap between pieces");
	kallsyms_free(kallsyms);
	tables_free(&tables);
}

/* Two names for an address, per-CPU data, and what is no code. */
static void test_table_of_symbols(void)
{
	struct tables tables = percpu_tables();
	struct kallsyms *kallsyms = kallsyms_new();
	struct symbols *symbols = symbols_new();
	uint64_t offset, address = 0;
	size_t length;
	const char *name;

	feed_tables(kallsyms, &tables, 64);
	kallsyms_finish(kallsyms);
	symbols_add_kallsyms(symbols, kallsyms);
	kallsyms_free(kallsyms);
	tables_free(&tables);
	symbols_finish(symbols);
	name = symbols_find(symbols, 0xffffffff81000008, &length, &offset);
	ok(name && length == 6 && !memcmp(name, "_stext", 6) && offset == 8,
	   "an address has the first of two names");
	name = symbols_find(symbols, 0xffffffff81000034, &length, &offset);
	ok(name && length == 8 && !memcmp(name, "weak_two", 8), "data names no code");
	ok(!symbols_find(symbols, 0x1a000, &length, &offset), "nor do per-CPU offsets");
	ok(symbols_address(symbols, "read_read_read", &address) && address == 0xffffffff82000000,
	   "a symbol is found by its name");
	symbols_free(symbols);
}

static struct tables with_byte(unsigned int table, guint at, uint8_t byte)
{
	struct tables tables = percpu_tables();

	tables.table[table]->data[at] = byte;
	return tables;
}

static struct tables with_size(unsigned int table, int more)
{
	struct tables tables = percpu_tables();

	g_byte_array_set_size(tables.table[table], tables.table[table]->len + more);
	if (more > 0)
		tables.table[table]->data[tables.table[table]->len - 1] = 1;
	return tables;
}

static void test_malformed(void)
{
	struct tables tables = percpu_tables();

	for (unsigned int i = VHT_KALLSYMS_HEADER; i < G_N_ELEMENTS(tables.table); i++) {
		ok(is_refused(with_size(i, -1)), "table %u is a byte too short", i);
		ok(i == VHT_KALLSYMS_TOKENS || is_refused(with_size(i, 1)),
		   "table %u is a byte too long", i);
		ok(is_refused(with_size(i, -(int)tables.table[i]->len)), "no table %u", i);
	}
	ok(is_refused(with_byte(VHT_KALLSYMS_HEADER, 0, G_N_ELEMENTS(percpu) - 1)),
	   "more offsets than symbols");
	ok(is_refused(with_byte(VHT_KALLSYMS_HEADER, 0, G_N_ELEMENTS(percpu) + 1)),
	   "more symbols than offsets");
	ok(is_refused(with_byte(VHT_KALLSYMS_HEADER, 6, 1)), "very many symbols");
	ok(is_refused(with_byte(VHT_KALLSYMS_HEADER, 16, 2)), "an unknown rule");
	ok(is_refused(with_byte(VHT_KALLSYMS_NAMES, 0, 0)), "a name of no tokens");
	ok(is_refused(with_byte(VHT_KALLSYMS_NAMES, 0, 0xff)), "a name that goes past the end");
	ok(is_refused(with_byte(VHT_KALLSYMS_TOKEN_INDEX, 511, 0xff)),
	   "a token that goes past the end");
	tables_free(&tables);
}

static void test_expansion(void)
{
	struct wanted symbols[1000];
	g_autofree char *token = g_strnfill(400, 'x');
	struct tables tables;

	for (size_t i = 0; i < G_N_ELEMENTS(symbols); i++)
		symbols[i] = (struct wanted){ i, "Txread" };
	tables = tables_of(symbols, G_N_ELEMENTS(symbols), 0, 0);
	/* "read" becomes a long one: three tokens, 402 bytes. */
	g_byte_array_append(tables.table[VHT_KALLSYMS_TOKENS], (const guint8 *)token, 401);
	tables.table[VHT_KALLSYMS_TOKEN_INDEX]->data[256] =
		(tables.table[VHT_KALLSYMS_TOKENS]->len - 401) & 0xff;
	tables.table[VHT_KALLSYMS_TOKEN_INDEX]->data[257] =
		(tables.table[VHT_KALLSYMS_TOKENS]->len - 401) >> 8;
	ok(is_refused(tables), "names that grow beyond measure");
}

/* Bytes that are no text become '?', so that a name is safe to print. */
static void test_characters(void)
{
	static const struct wanted in[] = { { 1, "Tbad\x1b[0m\xff name" } };
	static const struct wanted out[] = { { 1, "Tbad?[0m??name" } };
	struct tables tables = tables_of(in, 1, 0, 0);
	struct kallsyms *kallsyms = kallsyms_new();

	/* 0xff is no token of its own here. */
	memcpy(tables.table[VHT_KALLSYMS_TOKEN_INDEX]->data + 2 * 0xff,
	       tables.table[VHT_KALLSYMS_TOKEN_INDEX]->data + 2 * 0x1b, 2);
	feed_tables(kallsyms, &tables, 1000);
	ok(makes(kallsyms, out, 1), "characters that are none");
	kallsyms_free(kallsyms);
	tables_free(&tables);
}

/* Every byte changed once: nothing beyond the tables is touched (ASan looks on). */
static void test_every_byte(void)
{
	struct tables good = percpu_tables();
	unsigned int refused = 0, taken = 0;

	for (unsigned int i = VHT_KALLSYMS_HEADER; i < G_N_ELEMENTS(good.table); i++)
		for (guint at = 0; at < good.table[i]->len; at++) {
			if (is_refused(with_byte(i, at, good.table[i]->data[at] ^ 0x81)))
				refused++;
			else
				taken++;
		}
	ok(refused && taken, "each byte spoilt: %u refused, %u taken", refused, taken);
	tables_free(&good);
}

int main(void)
{
	test_rules();
	test_long_name();
	test_sets();
	test_gap();
	test_table_of_symbols();
	test_malformed();
	test_expansion();
	test_characters();
	test_every_byte();
	return tap_done();
}
