// SPDX-License-Identifier: GPL-2.0-only
/* Constants and tables of names in print formats. */
#include "../host/tap.h"

#include <string.h>

#include "decode/expression.h"

static void test_constants(void)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t value;
		const char *rest;
	} cases[] = {
		{ "42", true, 42, "" },
		{ "0x2aUL ", true, 42, "" },
		{ "052", true, 42, "" },
		{ "18446744073709551615ULL", true, UINT64_MAX, "" },
		{ "(1UL << 40), \"x\"", true, 1ULL << 40, ", \"x\"" },
		{ "1 << 2 | 3 & 1 + 1", true, 1 << 2 | (3 & (1 + 1)), "" },
		{ "~(( gfp_t)((((1UL))) << (10)))", true, ~(1ULL << 10), "" },
		{ "( unsigned long)(( gfp_t)0x400u|0x800u)", true, 0xc00, "" },
		{ "-1}", true, UINT64_MAX, "}" },
		{ "10 / 3 * 2 - 1", true, 5, "" },
		{ "1 << 64", true, 0, "" },
		{ "7 / 0", true, 0, "" },
		{ "CACHE_TAG", false, 0, "CACHE_TAG" },
		{ "1 + NAME", false, 0, "1 + NAME" },
		{ "12ab", false, 0, "12ab" },
		{ "(1", false, 0, "(1" },
		{ "1 && 1", false, 0, "1 && 1" },
		{ "", false, 0, "" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *at = cases[i].text, *end = at + strlen(at);
		uint64_t value = 0;
		bool good = constant_parse(&at, end, &value);

		while (at < end && *at == ' ')
			at++;
		ok(good == cases[i].good && value == cases[i].value && !strcmp(at, cases[i].rest),
		   "constant: %s", cases[i].text);
	}
}

static void test_tables(void)
{
	static const char text[] =
		"\"%s %s %s\", __print_symbolic(f(REC->no), {1, \"a\"}), "
		"__print_flags_u64((u64)REC->bits & 0xf, \"|\", {1, \"a\"}, {X, \"?\"}, { 2, \"b, c\" }), "
		"__print_symbolic(REC->last, { 5, \"say \\\"so\\\"\" })";
	struct name_table table = {
		.values = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
		.labels = g_ptr_array_new_with_free_func(g_free),
		.attempts = 10,
	};
	const char *at = text, *end = text + sizeof(text) - 1;

	ok(name_table_next(&at, end, &table, 10) && table.field_size == 4 &&
	   !memcmp(table.field, "bits", 4) && table.is_flags && table.mask == 0xf &&
	   table.labels->len == 2 && !strcmp(g_ptr_array_index(table.labels, 1), "b, c"),
	   "a table over a masked field; what is no constant is skipped");
	ok(name_table_next(&at, end, &table, 10) && !memcmp(table.field, "last", 4) &&
	   !table.is_flags && table.mask == UINT64_MAX && table.labels->len == 1,
	   "the next table");
	ok(!name_table_next(&at, end, &table, 10) && at == end, "and no more");
	at = text;
	table.attempts = 1;
	ok(!name_table_next(&at, end, &table, 10), "so many calls and no more are looked at");
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		/* A copy of just that size: a reader beyond its end is caught by ASan. */
		char *copy = g_memdup2(text, MAX(cut, 1));

		at = copy;
		table.attempts = 10;
		while (name_table_next(&at, copy + cut, &table, 10))
			g_clear_pointer(&table.zero, g_free);
		g_free(copy);
	}
	ok(true, "a text may end anywhere");
	g_array_unref(table.values);
	g_ptr_array_unref(table.labels);
}

int main(void)
{
	test_constants();
	test_tables();
	return tap_done();
}
