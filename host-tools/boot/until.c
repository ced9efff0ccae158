// SPDX-License-Identifier: GPL-2.0-only
/* What ends a boot: --until; see until.h. */
#include "until.h"

#include <string.h>

#include "error.h"
#include "virtio_hypertrace.h"
#include "wire/records.h"

static const struct {
	const char *prefix;
	enum until_kind kind;
} prefixes[] = {
	{ "event:", UNTIL_EVENT },
	{ "exec:", UNTIL_EXEC },
	{ "unit:", UNTIL_UNIT },
	{ "mark:", UNTIL_MARK },
	{ "vmm:", UNTIL_VMM },
};

struct until {
	enum until_kind kind;
	char *text;
	char *what;
	GPatternSpec *glob;
	char **fields;		/* "name=glob", NULL-terminated; NULL: none */
	uint32_t port;
	int64_t value;		/* -1: any */
};

static bool parse_mark(struct until *until, const char *text)
{
	char *end;

	until->port = g_ascii_strtoull(text, &end, 0);
	until->value = -1;
	if (end == text)
		return false;
	if (*end == '=') {
		text = end + 1;
		until->value = g_ascii_strtoull(text, &end, 0);
		if (end == text)
			return false;
	}
	return !*end;
}

static bool parse_rest(struct until *until, const char *text)
{
	g_auto(GStrv) parts = NULL;

	if (!*text)
		return false;
	if (until->kind == UNTIL_MARK)
		return parse_mark(until, text);
	parts = g_strsplit(text, ",", until->kind == UNTIL_EVENT ? -1 : 1);
	until->glob = g_pattern_spec_new(parts[0]);
	if (!parts[1])
		return true;
	for (char **field = parts + 1; *field; field++)
		if (!strchr(*field, '='))
			return false;
	until->fields = g_strdupv(parts + 1);
	return true;
}

struct until *until_parse(const char *text, GError **error)
{
	struct until *until = g_new0(struct until, 1);

	until->text = g_strdup(text ? text : "default");
	if (!text || !strcmp(text, "default")) {
		until->what = g_strdup("systemd says that the startup is finished");
		return until;
	}
	if (!strcmp(text, "init")) {
		until->kind = UNTIL_INIT;
		until->what = g_strdup("pid 1 runs the first program of user space");
		return until;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		if (!g_str_has_prefix(text, prefixes[i].prefix))
			continue;
		until->kind = prefixes[i].kind;
		until->what = g_strdup_printf("the first %s", text);
		if (parse_rest(until, text + strlen(prefixes[i].prefix)))
			return until;
	}
	g_set_error(error, HT_ERROR, HT_ERROR_USAGE, "--until: no such marker: %s (it is default, init, "
		    "event:GLOB[,FIELD=GLOB...], exec:GLOB, unit:GLOB, mark:PORT[=VALUE] or vmm:WORD)",
		    text);
	until_free(until);
	return NULL;
}

void until_free(struct until *until)
{
	if (!until)
		return;
	g_free(until->text);
	g_free(until->what);
	if (until->glob)
		g_pattern_spec_free(until->glob);
	g_strfreev(until->fields);
	g_free(until);
}

enum until_kind until_kind(const struct until *until)
{
	return until->kind;
}

const char *until_name(const struct until *until)
{
	return until->text;
}

const char *until_what(const struct until *until)
{
	return until->what;
}

static bool fields_fit(const struct until *until, const struct boot_event *event)
{
	for (char **field = until->fields; field && *field; field++) {
		g_auto(GStrv) pair = g_strsplit(*field, "=", 2);
		g_autofree char *value = event->get ? event->get(event, pair[0]) : NULL;

		if (!value || !g_pattern_match_simple(pair[1], value))
			return false;
	}
	return true;
}

static bool event_fits(const struct until *until, const struct boot_event *event)
{
	g_autofree char *full = NULL;

	if (event->kind == BOOT_VMM || event->kind == BOOT_LOST)
		return false;
	full = g_strdup_printf("%s:%s", event->system, event->name);
	return (g_pattern_spec_match_string(until->glob, event->name) ||
		g_pattern_spec_match_string(until->glob, full)) && fields_fit(until, event);
}

bool until_fits_event(const struct until *until, const struct boot_event *event)
{
	uint64_t arg = event->number[1];
	const char *base;

	switch (until->kind) {
	case UNTIL_EVENT:
		return event_fits(until, event);
	case UNTIL_EXEC:
		if (event->kind != BOOT_EXEC)
			return false;
		base = strrchr(event->text[0], '/');
		return g_pattern_spec_match_string(until->glob, event->text[0]) ||
		       (base && g_pattern_spec_match_string(until->glob, base + 1));
	case UNTIL_MARK:
		return event->kind == BOOT_VMM && event->number[0] == VHT_VMM_MARK &&
		       VHT_MARK_PORT(arg) == until->port &&
		       (until->value < 0 || VHT_MARK_VALUE(arg) == until->value);
	case UNTIL_VMM:
		return event->kind == BOOT_VMM &&
		       g_pattern_spec_match_string(until->glob,
						   vmm_event_word(event->number[0]));
	default:
		return false;
	}
}

bool until_fits_unit(const struct until *until, const char *name)
{
	return until->kind == UNTIL_UNIT && g_pattern_spec_match_string(until->glob, name);
}
