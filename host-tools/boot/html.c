// SPDX-License-Identifier: GPL-2.0-only
/*
 * The boot report as a page; see html.h. The parts of the page are resources
 * of the program (boot/page/). They are put together here and nowhere else.
 *
 * Two things keep a hostile report from doing anything: no "<" of it reaches
 * the document, and the page's policy allows what has the hash of our style
 * and our script, and nothing that would need a request.
 */
#include "boot/html.h"

#include <stdbool.h>
#include <string.h>

#include "boot-page.h"
#include "error.h"

#define PAGE_PREFIX "/hypertrace/boot/"

/* in this order: each uses what is above it */
static const char *const script_names[] = {
	"base.js", "table.js", "lanes.js", "timeline.js", "flame.js",
	"facts.js", "listings.js", "page.js",
};

static const char *page_part(const char *name)
{
	char *path = g_strconcat(PAGE_PREFIX, name, NULL);
	GBytes *bytes = g_resource_lookup_data(boot_page_get_resource(), path,
					       G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
	const char *text;

	/* it was compiled in; without compression it ends with a NUL and stays */
	g_assert(bytes);
	text = g_bytes_get_data(bytes, NULL);
	g_bytes_unref(bytes);
	g_free(path);
	return text;
}

static GString *page_script(void)
{
	GString *script = g_string_new("\n'use strict';\n");

	for (size_t i = 0; i < G_N_ELEMENTS(script_names); i++)
		g_string_append(script, page_part(script_names[i]));
	return script;
}

/**
 * append_hash - append what a policy calls an inline element by
 */
static void append_hash(GString *out, const char *text)
{
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize size = sizeof(digest);
	char *base64;

	g_checksum_update(sum, (const guchar *)text, -1);
	g_checksum_get_digest(sum, digest, &size);
	base64 = g_base64_encode(digest, size);
	g_string_append_printf(out, "'sha256-%s'", base64);
	g_free(base64);
	g_checksum_free(sum);
}

static void append_policy(GString *out, const char *style, const char *script)
{
	g_string_append(out, "default-src 'none'; base-uri 'none'; form-action 'none'; style-src ");
	append_hash(out, style);
	g_string_append(out, "; script-src ");
	append_hash(out, script);
}

/**
 * append_json - append JSON that cannot end or change the element around it
 *
 * The characters that are escaped occur in strings only, so this is the same
 * JSON: U+2028 and U+2029 end a line for who takes it for JavaScript.
 */
static void append_json(GString *out, const char *json, gsize size)
{
	const char *end = json + size;

	for (const char *p = json; p < end; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029)
			g_string_append_printf(out, "\\u%04x", c);
		else
			g_string_append_len(out, p, g_utf8_next_char(p) - p);
	}
}

GString *boot_html_new(const char *json, gssize size, GError **error)
{
	const char *style, *at, *mark;
	GString *script, *page;

	if (size < 0)
		size = strlen(json);
	if (!g_utf8_validate(json, size, NULL)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "cannot make page: the report is not UTF-8");
		return NULL;
	}

	style = page_part("page.css");
	script = page_script();
	page = g_string_sized_new(size + size / 8 + script->len + strlen(style) + 4096);
	at = page_part("page.html");
	while ((mark = strchr(at, '@'))) {
		g_string_append_len(page, at, mark - at);
		at = mark;
		if (g_str_has_prefix(mark, "@POLICY@"))
			append_policy(page, style, script->str);
		else if (g_str_has_prefix(mark, "@STYLE@"))
			g_string_append(page, style);
		else if (g_str_has_prefix(mark, "@REPORT@"))
			append_json(page, json, size);
		else if (g_str_has_prefix(mark, "@SCRIPT@"))
			g_string_append_len(page, script->str, script->len);
		else
			g_assert_not_reached();
		at = strchr(mark + 1, '@') + 1;
	}
	g_string_append(page, at);
	g_string_free(script, true);
	return page;
}

gboolean boot_html_write(const char *json, gssize size, const char *path, GError **error)
{
	GError *cause = NULL;
	GString *page;
	bool ok;

	/* a rename would put a file in the place of a device or a FIFO */
	if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "cannot write page: path=%s: not a regular file", path);
		return false;
	}
	page = boot_html_new(json, size, error);
	if (!page)
		return false;
	ok = g_file_set_contents_full(path, page->str, page->len, G_FILE_SET_CONTENTS_CONSISTENT,
				      0666, &cause);
	if (!ok) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot write page: %s",
			    cause->message);
		g_error_free(cause);
	}
	g_string_free(page, true);
	return ok;
}
