// SPDX-License-Identifier: GPL-2.0-only
/* systemd's units; see units.h. */
#include "units.h"

#include <string.h>

#define MAX_UNITS	8192
#define MAX_NAME	256

struct units {
	GPtrArray *lives;	/* struct unit_life * */
	GHashTable *by_name;	/* name -> number + 1 */
	uint64_t omitted;
};

/* How systemd's messages begin, and what they say of a unit. */
static const struct {
	const char *text;
	enum unit_news news;
} beginnings[] = {
	{ "Starting ", UNIT_STARTING },
	{ "Started ", UNIT_ACTIVE },
	{ "Finished ", UNIT_ACTIVE },
	{ "Reached target ", UNIT_ACTIVE },
	{ "Listening on ", UNIT_ACTIVE },
	{ "Mounting ", UNIT_STARTING },
	{ "Mounted ", UNIT_ACTIVE },
	{ "Activating swap ", UNIT_STARTING },
	{ "Activated swap ", UNIT_ACTIVE },
	{ "Created slice ", UNIT_ACTIVE },
	{ "Set up automount ", UNIT_ACTIVE },
	{ "Expecting device ", UNIT_STARTING },
	{ "Found device ", UNIT_ACTIVE },
	{ "Reloading ", UNIT_NOTHING },
	{ "Failed to start ", UNIT_FAILED },
	{ "Failed to mount ", UNIT_FAILED },
	{ "Failed to listen on ", UNIT_FAILED },
	{ "Timed out waiting for device ", UNIT_FAILED },
	{ "Timed out starting ", UNIT_FAILED },
	{ "Stopping ", UNIT_STOPPING },
	{ "Unmounting ", UNIT_STOPPING },
	{ "Deactivating swap ", UNIT_STOPPING },
	{ "Stopped target ", UNIT_STOPPED },
	{ "Stopped ", UNIT_STOPPED },
	{ "Unmounted ", UNIT_STOPPED },
	{ "Deactivated swap ", UNIT_STOPPED },
	{ "Closed ", UNIT_STOPPED },
	{ "Unset automount ", UNIT_STOPPED },
	{ "Removed slice ", UNIT_STOPPED },
};

static const char *const suffixes[] = {
	".service", ".target", ".socket", ".mount", ".automount", ".swap", ".device", ".slice",
	".scope", ".path", ".timer",
};

static void life_free(void *data)
{
	struct unit_life *life = data;

	g_free(life->name);
	g_free(life->description);
	g_free(life);
}

struct units *units_new(void)
{
	struct units *units = g_new0(struct units, 1);

	units->lives = g_ptr_array_new_with_free_func(life_free);
	units->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	return units;
}

void units_free(struct units *units)
{
	if (!units)
		return;
	g_hash_table_unref(units->by_name);
	g_ptr_array_unref(units->lives);
	g_free(units);
}

static bool is_unit_name(const char *name)
{
	if (!*name || strchr(name, ' ') || strlen(name) >= MAX_NAME)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
		if (g_str_has_suffix(name, suffixes[i]))
			return true;
	return false;
}

static int32_t get(struct units *units, const char *name)
{
	int32_t number = GPOINTER_TO_INT(g_hash_table_lookup(units->by_name, name)) - 1;
	struct unit_life *life;

	if (number >= 0)
		return number;
	if (units->lives->len >= MAX_UNITS) {
		units->omitted++;
		return -1;
	}
	life = g_new0(struct unit_life, 1);
	life->name = g_strdup(name);
	g_ptr_array_add(units->lives, life);
	g_hash_table_insert(units->by_name, life->name, GINT_TO_POINTER((int)units->lives->len));
	return units->lives->len - 1;
}

/* "foo.service - What it does..." or "What it does.": name and description. */
static int32_t get_by_text(struct units *units, const char *text)
{
	g_autofree char *line = g_strndup(text, MAX_NAME * 2);
	char *dash, *description = NULL;
	int32_t number;

	g_strchomp(line);
	if (g_str_has_suffix(line, "..."))
		line[strlen(line) - 3] = '\0';
	dash = strstr(line, " - ");
	if (dash) {
		*dash = '\0';
		if (is_unit_name(line))
			description = dash + 3;
		else
			*dash = ' ';
	}
	/* a description ends with a full stop, a name alone too */
	if (description && g_str_has_suffix(description, "."))
		description[strlen(description) - 1] = '\0';
	else if (!description && g_str_has_suffix(line, "."))
		line[strlen(line) - 1] = '\0';
	if (!*line)
		return -1;
	number = get(units, line);
	if (number >= 0 && description && *description && !units_at(units, number)->description)
		units_at(units, number)->description = g_strdup(description);
	return number;
}

static void set_news(struct unit_life *life, enum unit_news news, uint64_t time)
{
	life->is_from_log = true;
	switch (news) {
	case UNIT_STARTING:
		/* its cgroup may have been made before, and what starts again counts once */
		if (!life->start)
			life->start = time;
		break;
	case UNIT_ACTIVE:
		if (!life->active) {
			life->active = time;
			life->is_failed = false;
		}
		if (!life->start)
			life->start = time;
		break;
	case UNIT_FAILED:
		life->is_failed = true;
		if (!life->start)
			life->start = time;
		if (!life->end)
			life->end = time;
		break;
	case UNIT_STOPPING:
		if (!life->stop)
			life->stop = time;
		break;
	case UNIT_STOPPED:
		if (!life->stop)
			life->stop = time;
		life->end = time;
		break;
	default:
		break;
	}
}

enum unit_news units_message(struct units *units, const char *text, uint64_t time, int32_t *unit)
{
	static const char prefix[] = "systemd[1]: ";

	*unit = -1;
	if (!g_str_has_prefix(text, prefix))
		return UNIT_NOTHING;
	text += sizeof(prefix) - 1;
	if (g_str_has_prefix(text, "Startup finished in "))
		return UNIT_STARTUP_FINISHED;
	for (size_t i = 0; i < G_N_ELEMENTS(beginnings); i++) {
		if (!g_str_has_prefix(text, beginnings[i].text))
			continue;
		*unit = get_by_text(units, text + strlen(beginnings[i].text));
		if (*unit >= 0)
			set_news(units_at(units, *unit), beginnings[i].news, time);
		return beginnings[i].news;
	}
	return UNIT_NOTHING;
}

int32_t units_of_path(struct units *units, const char *path, uint64_t time)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", 64);
	int32_t number = -1;

	/* The innermost that has processes of its own. */
	for (char **part = parts; *part; part++) {
		if (!is_unit_name(*part) || g_str_has_suffix(*part, ".slice") ||
		    !strcmp(*part, "init.scope"))
			continue;
		number = get(units, *part);
		/* a user's manager has units of its own; they are its processes here */
		if (g_str_has_prefix(*part, "user@"))
			break;
	}
	if (number >= 0 && !units_at(units, number)->start)
		units_at(units, number)->start = time;
	return number;
}

int32_t units_cgroup_made(struct units *units, const char *path, uint64_t time)
{
	return units_of_path(units, path, time);
}

void units_cgroup_gone(struct units *units, const char *path, uint64_t time)
{
	const char *name = strrchr(path, '/');
	int32_t number;

	if (!name)
		return;
	number = GPOINTER_TO_INT(g_hash_table_lookup(units->by_name, name + 1)) - 1;
	if (number >= 0 && !units_at(units, number)->end)
		units_at(units, number)->end = time;
}

int32_t units_count(const struct units *units)
{
	return units->lives->len;
}

struct unit_life *units_at(const struct units *units, int32_t number)
{
	return g_ptr_array_index(units->lives, number);
}

uint64_t units_omitted(const struct units *units)
{
	return units->omitted;
}

static const char *result_of(const struct unit_life *life, const struct unit *unit,
			     bool is_shutdown)
{
	if (life->is_failed)
		return "failed";
	if (unit->end != NO_TIME)
		return "stopped";
	if (unit->active != NO_TIME)
		return "active";
	return is_shutdown ? "stopping" : "starting";
}

/* NULL: the unit has no part in the span. */
static struct unit *unit_new(const struct unit_life *life, const struct extent *extent)
{
	bool is_shutdown = extent->is_shutdown;
	uint64_t begin = is_shutdown ? life->stop : life->start;
	struct unit *unit;

	if (is_shutdown && !begin)
		begin = life->end;
	if (!begin || begin < extent->start || begin > extent->end)
		return NULL;
	unit = g_new0(struct unit, 1);
	unit->name = g_strdup(life->name);
	unit->description = g_strdup(life->description);
	unit->start = extent_time(extent, begin);
	unit->active = is_shutdown ? NO_TIME : extent_time_or_none(extent, life->active);
	unit->end = extent_time_or_none(extent, life->end);
	unit->result = result_of(life, unit, is_shutdown);
	unit->is_from_log = life->is_from_log;
	return unit;
}

static gint by_start(gconstpointer a, gconstpointer b)
{
	const struct unit *left = *(void *const *)a, *right = *(void *const *)b;

	return left->start < right->start ? -1 : left->start > right->start;
}

void units_report(const struct units *units, const struct extent *extent, struct span *span)
{
	for (int32_t i = 0; i < units_count(units); i++) {
		struct unit *unit = unit_new(units_at(units, i), extent);

		if (unit)
			g_ptr_array_add(span->units, unit);
	}
	g_ptr_array_sort(span->units, by_start);
}
