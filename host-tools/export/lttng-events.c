// SPDX-License-Identifier: GPL-2.0-only
/* How many events a session of LTTng in a guest has; see lttng-events.h. */
#include "export/lttng-events.h"

#include <glib/gstdio.h>

#include "error.h"
#include "export/sift.h"

static bool count_streams(struct lttng_guest_session *session, const GString *text,
			  const struct lttng_layout *layout, const char *scratch,
			  unsigned int *cost, struct lttng_events *events, GError **error)
{
	g_autofree char *dir = g_build_filename(scratch, "trace", NULL);

	for (guint i = 0; i < session->streams->len; i++) {
		const struct lttng_guest_stream *stream = session->streams->pdata[i];

		if (!lttng_layout_has_channel(layout, stream->channel))
			events->unreadable += stream->packets->len;
		else if (!sift_count(stream->packets, text, dir, cost, &events->count,
				     &events->unreadable, error))
			return false;
	}
	return true;
}

bool lttng_events_count(struct lttng_guest_session *session, unsigned int *cost,
			struct lttng_events *events, GError **error)
{
	g_autofree char *scratch = g_dir_make_tmp("hypertrace-XXXXXX", error);
	struct lttng_guest_totals totals;
	struct lttng_layout layout;
	GString *text;
	bool done;

	if (!scratch)
		return false;
	*events = (struct lttng_events) { 0 };
	text = lttng_guest_text(session, &layout, error);
	done = text && count_streams(session, text, &layout, scratch, cost, events, error);
	if (text) {
		lttng_layout_fini(&layout);
		g_string_free(text, TRUE);
	}
	g_rmdir(scratch);
	lttng_guest_totals(session, &totals);
	events->is_other = done && totals.events && session->has_all_events &&
			   !events->unreadable && totals.events != events->count;
	return done;
}
