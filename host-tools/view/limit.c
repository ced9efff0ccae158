// SPDX-License-Identifier: GPL-2.0-only
/* Limits of the time shown; see limit.h. */
#include "view/limit.h"

#include <glib.h>
#include <string.h>

/* ".5" of a second, added to @ns. Return: what is behind it. */
static const char *parse_fraction(const char *string, uint64_t *ns)
{
	uint64_t scale = 100000000;

	if (*string == '.')
		for (string++; g_ascii_isdigit(*string); string++, scale /= 10)
			*ns += (*string - '0') * scale;
	return string;
}

/* "12.5" seconds, as view prints them. Return: false if it is none. */
static bool parse_seconds(const char *string, uint64_t *ns)
{
	uint64_t second;
	char *end;

	if (!g_ascii_isdigit(*string))
		return false;
	second = g_ascii_strtoull(string, &end, 10);
	if (second > G_MAXINT64 / 1000000000)
		return false;
	*ns = second * 1000000000;
	return !*parse_fraction(end, ns);
}

/* "2026-11-21T16:29:23.5Z", UTC unless it says otherwise. */
static bool parse_date(const char *string, uint64_t *ns)
{
	GTimeZone *utc = g_time_zone_new_utc();
	GDateTime *date = g_date_time_new_from_iso8601(string, utc);
	const char *point = strchr(string, '.');
	gint64 second;

	g_time_zone_unref(utc);
	if (!date)
		return false;
	second = g_date_time_to_unix(date);
	g_date_time_unref(date);
	if (second < 0 || second > G_MAXINT64 / 1000000000)
		return false;
	*ns = (uint64_t)second * 1000000000;
	/* GDateTime knows microseconds only. */
	if (point)
		parse_fraction(point, ns);
	return true;
}

bool view_limit_parse(const char *string, struct view_limit *limit)
{
	if (!string)
		return true;
	*limit = (struct view_limit) { .is_relative = *string == '+' };
	if (parse_seconds(string + limit->is_relative, &limit->time))
		return true;
	limit->is_real = parse_date(string, &limit->time);
	return limit->is_real;
}

uint64_t view_limit_time(const struct view_limit *limit, int64_t real_offset, uint64_t first)
{
	uint64_t time = limit->time;

	if (limit->is_relative)
		return time > UINT64_MAX - first ? UINT64_MAX : first + time;
	if (!limit->is_real)
		return time;
	if (real_offset > 0 && time < (uint64_t)real_offset)
		return 0;
	return time - real_offset;
}
