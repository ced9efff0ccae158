// SPDX-License-Identifier: GPL-2.0-only
/* Numbers as people read them; see format.h. */
#include "format.h"

#include <glib.h>
#include <string.h>

char *format_bytes(double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < G_N_ELEMENTS(units)) {
		bytes /= 1024;
		unit++;
	}
	return g_strdup_printf(unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

char *format_seconds(uint64_t ns)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT ".%09" G_GUINT64_FORMAT, ns / 1000000000,
			       ns % 1000000000);
}

char *format_date(uint64_t real_ns)
{
	GDateTime *date = g_date_time_new_from_unix_local(real_ns / 1000000000);
	char *text, *full;

	if (!date)
		return g_strdup("-");
	text = g_date_time_format(date, "%Y-%m-%d %H:%M:%S");
	full = g_strdup_printf("%s.%03u", text, (unsigned int)(real_ns / 1000000 % 1000));
	g_free(text);
	g_date_time_unref(date);
	return full;
}

bool parse_bytes(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	const char *unit;
	uint64_t number;
	unsigned int shift = 0;
	char *end;

	if (!text)
		return true;
	if (!g_ascii_isdigit(*text))
		return false;
	number = g_ascii_strtoull(text, &end, g_str_has_prefix(text, "0x") ? 16 : 10);
	unit = *end ? strchr(units, g_ascii_toupper(*end)) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	if (!number || number > (UINT64_MAX >> 16 >> shift) || *end)
		return false;
	*bytes = number << shift;
	return true;
}
