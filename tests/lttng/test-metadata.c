// SPDX-License-Identifier: GPL-2.0-only
/* Metadata of LTTng's traces: unpacked, and with another description of the clock. */
#include <string.h>

#include "../host/tap.h"
#include "error.h"
#include "lttng/metadata.h"

#define BOOT	"c968c550-3803-46ce-b6f7-682b3a29730c"
#define OTHER	"c968c550-3803-46ce-b6f7-682b3a29730d"

static const struct lttng_clock clock_ = { .boot_id = BOOT, .offset_ns = 1795266140846357204 };

/* As LTTng's tracer in the kernel writes it, cut short. */
static const char kernel[] =
	"/* CTF 1.8 */\n"
	"env { domain = \"kernel\"; note = \"clock { name = \\\"fake\\\"; }\"; };\n"
	"/* clock { name = x; }; */ // clock {\n"
	"clock {\n\tname = \"monotonic\";\n\tuuid = \"" BOOT "\";\n"
	"\tdescription = \"Monotonic Clock\";\n\tfreq = 1000000000; /* Frequency, in Hz */\n"
	"\t/* clock value offset from Epoch is: offset * (1/freq) */\n"
	"\toffset = 1795266140846356473;\n};\n"
	"typealias integer {\n\tsize = 27; align = 1; signed = false;\n"
	"\tmap = clock.monotonic.value;\n} := uint27_clock_monotonic_t;\n"
	"event { name = \"clock\"; fields := struct { uint8_t clock; uint8_t map; }; };\n";

static GString *set_clock(const char *text, GError **error)
{
	GString *in = g_string_new(text), *out = lttng_metadata_set_clock(in, &clock_, error);

	g_string_free(in, TRUE);
	return out;
}

static char *replaced(const char *what, const char *with)
{
	char **parts = g_strsplit(kernel, what, -1);
	char *text = g_strjoinv(with, parts);

	g_strfreev(parts);
	return text;
}

/* The clock block is ours, and all before and behind it is as it was. */
static void test_rewrite(void)
{
	const char *block = strstr(kernel, "clock {\n\tname"), *behind = strstr(block, "};\n");
	GError *error = NULL;
	GString *out = set_clock(kernel, &error);

	g_assert_no_error(error);
	ok(!strncmp(out->str, kernel, block - kernel), "what is before the clock stays");
	ok(g_str_has_suffix(out->str, behind), "what is behind it stays");
	ok(strstr(out->str, "\toffset_s = 1795266140;\n\toffset = 846357204;\n") != NULL,
	   "the offset is ours");
	ok(strstr(out->str, "absolute = TRUE;") != NULL, "the clock counts from the Epoch");
	ok(!strstr(out->str, "1795266140846356473"), "the tracer's own offset is gone");
	g_string_free(out, TRUE);
}

static void test_name(void)
{
	char *text = replaced("monotonic\";", "hostmono\";"), *renamed, **parts;
	GError *error = NULL;
	GString *out;

	parts = g_strsplit(text, "clock.monotonic.value", -1);
	renamed = g_strjoinv("clock . /* x */ hostmono . value", parts);
	out = set_clock(renamed, &error);
	g_assert_no_error(error);
	ok(strstr(out->str, "map = clock . /* x */ monotonic . value;") != NULL,
	   "what names the clock follows its name");
	g_string_free(out, TRUE);
	out = set_clock(text, &error);
	ok(!out, "a name that no clock has");
	ok_error(&error, HT_ERROR_FORMAT, "is an error");
	g_strfreev(parts);
	g_free(renamed);
	g_free(text);
}

/* As babeltrace2's sink writes it: the same clock once more, its name a word. */
static void test_twice(void)
{
	char *text = replaced("event {", "clock { name = monotonic; uuid = \"" BOOT "\"; offset = -3; };\n"
			      "event {");
	GError *error = NULL;
	GString *out = set_clock(text, &error);
	const char *first, *second;

	g_assert_no_error(error);
	first = strstr(out->str, "offset = 846357204;");
	second = first ? strstr(first + 1, "offset = 846357204;") : NULL;
	ok(first && second && !strstr(out->str, "= -3"), "a clock that is described twice is so again");
	ok(g_str_has_suffix(out->str, strstr(kernel, "event {")), "and what is behind it stays");
	g_string_free(out, TRUE);
	g_free(text);
}

static void refuse(const char *what, const char *with, const char *word, const char *name)
{
	char *text = replaced(what, with);
	GError *error = NULL;
	GString *out = set_clock(text, &error);

	ok(!out && error && strstr(error->message, word), "%s is refused: %s", name,
	   error ? error->message : "no");
	if (out)
		g_string_free(out, TRUE);
	ok_error(&error, HT_ERROR_FORMAT, "and that is what it says");
	g_free(text);
}

static void test_refusals(void)
{
	refuse(BOOT, OTHER, "another boot", "a trace of another boot");
	refuse("\tuuid = \"" BOOT "\";\n", "", "no uuid", "a clock without uuid");
	refuse(BOOT, "x", "no uuid", "a uuid that is none");
	refuse("1000000000;", "2600045000;", "freq=2600045000", "a counter of another rate");
	refuse("clock {\n", "clok {\n", "no clock", "a trace without clock");
	refuse("event {", "clock { name = \"b\"; };\nevent {", "no uuid", "a second clock of another kind");
	refuse("846356473;\n}", "846356473;\n", "damaged", "a clock that does not end");
	refuse("clock; uint8_t map; };", "clock;", "inside a block", "a block that does not end");
	refuse("// clock {\n", "/* clock {\n", "damaged", "a comment that does not end");
	refuse("name = \"clock\"", "name = \"clock", "damaged", "a string that does not end");
	refuse("freq = ", "freq { ", "damaged", "a clock with a block in it");
	refuse("event {", "} event {", "damaged", "a brace too many");
}

static void test_no_boot_id(void)
{
	const struct lttng_clock nobody = { .boot_id = "" };
	GString *in = g_string_new(kernel), *out;
	GError *error = NULL;

	out = lttng_metadata_set_clock(in, &nobody, &error);
	ok(!out, "a recording of nobody knows which boot");
	ok_error(&error, HT_ERROR_FORMAT, "takes no trace");
	g_string_free(in, TRUE);
}

/* A clock that is nobody's boot's becomes what was found of it, and the environment says how. */
static void test_fitted(void)
{
	const struct lttng_clock fitted = {
		.offset_ns = -500000000, .uuid = OTHER, .freq = 2600045000,
		.env = "\tclock_method = \"x\";\n",
	};
	char *text = replaced("\tuuid = \"" BOOT "\";\n", ""), *bare = replaced("env {", "event {");
	GString *in = g_string_new(text), *out;
	GError *error = NULL;

	out = lttng_metadata_set_clock(in, &fitted, &error);
	g_assert_no_error(error);
	ok(strstr(out->str, "uuid = \"" OTHER "\";") && strstr(out->str, "freq = 2600045000;"),
	   "uuid and rate are what they have to be");
	ok(strstr(out->str, "\toffset_s = -1;\n\toffset = 1300022500;\n") != NULL,
	   "the offset is in the clock's own ticks");
	ok(strstr(out->str, "env {\n\tclock_method = \"x\";\n domain") != NULL,
	   "the environment has more, in front");
	g_string_free(out, TRUE);
	g_string_free(in, TRUE);
	in = g_string_new(bare);
	out = lttng_metadata_set_clock(in, &fitted, &error);
	g_assert_no_error(error);
	ok(g_str_has_suffix(out->str, "\nenv {\n\tclock_method = \"x\";\n};\n"),
	   "a trace without environment gets one");
	g_string_free(out, TRUE);
	g_string_free(in, TRUE);
	g_free(text);
	g_free(bare);
}

/* A packet of metadata; @padding bytes behind its content. */
static void put_packet(GByteArray *file, const char *text, size_t size, size_t padding,
		       bool is_swapped)
{
	uint8_t header[37] = { 0 };
	uint32_t magic = 0x75d11d57, content = (sizeof(header) + size) * 8;
	uint32_t whole = content + padding * 8;

	if (is_swapped) {
		magic = GUINT32_SWAP_LE_BE(magic);
		content = GUINT32_SWAP_LE_BE(content);
		whole = GUINT32_SWAP_LE_BE(whole);
	}
	memcpy(header, &magic, 4);
	memcpy(header + 24, &content, 4);
	memcpy(header + 28, &whole, 4);
	header[35] = 1;
	header[36] = 8;
	g_byte_array_append(file, header, sizeof(header));
	g_byte_array_append(file, (const uint8_t *)text, size);
	g_byte_array_set_size(file, file->len + padding);
	memset(file->data + file->len - padding, 'x', padding);
}

/* The kernel tracer's metadata has no first line: it is for text alone. */
static void test_unsigned(void)
{
	GByteArray *file = g_byte_array_new();
	const char *behind = strchr(kernel, '\n') + 1;
	GError *error = NULL;
	GString *text;

	put_packet(file, behind, strlen(behind), 5, false);
	text = lttng_metadata_text(file->data, file->len, &error);
	g_assert_no_error(error);
	ok(!strcmp(text->str, kernel), "text in packets gets the first line that it lacks");
	g_string_free(text, TRUE);
	g_byte_array_unref(file);
}

static void test_packets(bool is_swapped)
{
	GByteArray *file = g_byte_array_new();
	size_t half = strlen(kernel) / 2;
	GError *error = NULL;
	GString *text;

	put_packet(file, kernel, half, 11, is_swapped);
	put_packet(file, kernel + half, strlen(kernel) - half, 0, is_swapped);
	text = lttng_metadata_text(file->data, file->len, &error);
	g_assert_no_error(error);
	ok(!strcmp(text->str, kernel), "the text in packets%s",
	   is_swapped ? " of the other byte order" : "");
	g_string_free(text, TRUE);

	text = lttng_metadata_text(file->data, file->len - 1, &error);
	ok(!text, "packets that end early");
	ok_error(&error, HT_ERROR_FORMAT, "are an error");
	text = lttng_metadata_text(file->data, 0, &error);
	ok(!text, "no text at all");
	ok_error(&error, HT_ERROR_FORMAT, "is an error");
	file->data[32] = 1;
	text = lttng_metadata_text(file->data, file->len, &error);
	ok(!text, "a compressed packet");
	ok_error(&error, HT_ERROR_FORMAT, "is an error");
	file->data[32] = 0;
	memset(file->data + 24, 0, 4);
	text = lttng_metadata_text(file->data, file->len, &error);
	ok(!text, "a packet shorter than its header");
	ok_error(&error, HT_ERROR_FORMAT, "is an error");
	g_byte_array_unref(file);
}

static void test_text(void)
{
	static const char json[] = "\x1e{\"type\":\"preamble\",\"version\":2}";
	static const uint8_t zero[] = "/* CTF 1.8 */\0clock";
	GError *error = NULL;
	GString *text = lttng_metadata_text((const uint8_t *)kernel, strlen(kernel), &error);

	g_assert_no_error(error);
	ok(!strcmp(text->str, kernel), "text without packets");
	g_string_free(text, TRUE);
	text = lttng_metadata_text((const uint8_t *)json, strlen(json), &error);
	ok(!text, "metadata of CTF 2");
	ok_error(&error, HT_ERROR_FORMAT, "is an error");
	text = lttng_metadata_text(zero, sizeof(zero), &error);
	ok(!text, "text with a zero byte");
	ok_error(&error, HT_ERROR_FORMAT, "is an error");
}

int main(void)
{
	test_rewrite();
	test_name();
	test_twice();
	test_refusals();
	test_no_boot_id();
	test_fitted();
	test_packets(false);
	test_packets(true);
	test_unsigned();
	test_text();
	return tap_done();
}
