// SPDX-License-Identifier: GPL-2.0-only
/* Which of LTTng's traces go into a set of CTF traces; see lttng.h. */
#include "export/lttng.h"

#include "error.h"
#include "export/readable.h"
#include "lttng/merge.h"
#include "lttng/session.h"
#include "recording/reader.h"

/* A place in the set for a trace that the user names: as its directory is called. */
static char *find_place(const char *set, const char *path)
{
	g_autofree char *whole = g_canonicalize_filename(path, NULL);
	g_autofree char *name = g_path_get_basename(whole);
	char *place = g_build_filename(set, LTTNG_DIR, name, NULL);

	for (unsigned int i = 2; g_file_test(place, G_FILE_TEST_EXISTS); i++) {
		g_autofree char *other = g_strdup_printf("%s-%u", name, i);

		g_free(place);
		place = g_build_filename(set, LTTNG_DIR, other, NULL);
	}
	return place;
}

/* What cannot be read would make the whole set unreadable. */
static bool check_all(const GPtrArray *traces, GError **error)
{
	for (guint i = 0; i < traces->len; i++)
		if (!readable_check(traces->pdata[i], error))
			return false;
	return true;
}

static bool merge_one(const char *from, const char *to, const struct lttng_clock *clock,
		      unsigned int *count, GError **error)
{
	g_autoptr(GPtrArray) traces = g_ptr_array_new_with_free_func(g_free);

	if (!lttng_merge(from, to, clock, traces, error))
		return false;
	if (!check_all(traces, error)) {
		g_prefix_error(error, "path=%s: ", from);
		return false;
	}
	*count += traces->len;
	return true;
}

static bool merge_own(const struct export_request *request, const char *set,
		      const struct lttng_clock *clock, unsigned int *count, GError **error)
{
	g_autofree char *from = g_build_filename(request->recording, LTTNG_DIR, NULL);
	g_autofree char *to = g_build_filename(set, LTTNG_DIR, NULL);

	if (request->omits_lttng || !g_file_test(from, G_FILE_TEST_EXISTS))
		return true;
	if (merge_one(from, to, clock, count, error))
		return true;
	g_prefix_error(error, "(--no-lttng leaves out what the recording has) ");
	return false;
}

static bool merge_named(const char *path, const char *set, const struct lttng_clock *clock,
			unsigned int *count, GError **error)
{
	g_autofree char *to = find_place(set, path);
	unsigned int before = *count;

	if (!merge_one(path, to, clock, count, error))
		return false;
	if (*count > before)
		return true;
	g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
		    "no CTF trace of LTTng's is there: path=%s", path);
	return false;
}

bool export_lttng(const struct export_request *request, const char *set, unsigned int *count,
		  GError **error)
{
	struct recording *recording = recording_open(request->recording, error);
	struct lttng_clock clock;
	bool done;

	*count = 0;
	if (!recording)
		return false;
	clock = (struct lttng_clock) {
		.boot_id = recording->boot_id,
		/* the source's clock class has the same */
		.offset_ns = recording->start_real_ns - recording->start_mono_ns,
	};
	done = merge_own(request, set, &clock, count, error);
	for (char **path = request->lttng; done && path && *path; path++)
		done = merge_named(*path, set, &clock, count, error);
	recording_free(recording);
	return done;
}
