// SPDX-License-Identifier: GPL-2.0-only
/* How far a recording is; see status.h. */
#include "recorder/status.h"

#include <string.h>

#include "clock.h"
#include "format.h"

#define STATUS_INTERVAL_NS	1000000000ULL

void recorder_clear_status(struct recorder *rec)
{
	if (rec->has_status_line)
		g_printerr("\r\033[K");
	rec->has_status_line = false;
}

static void add_one(const struct session_totals *one, struct session_totals *sum)
{
	sum->stats.events += one->stats.events;
	sum->stats.bytes += one->stats.bytes;
	sum->stats.packets += one->stats.packets;
	sum->stats.lost += one->stats.lost;
	sum->stats.overwritten += one->stats.overwritten;
	sum->stats.torn += one->stats.torn;
	sum->stats.before += one->stats.before;
	sum->damaged += one->damaged;
}

static void add_totals(GPtrArray *sessions, struct session_totals *sum)
{
	guint i;

	for (i = 0; i < sessions->len; i++) {
		struct session_totals one;

		session_totals(sessions->pdata[i], &one);
		add_one(&one, sum);
	}
}

void recorder_totals(const struct recorder *rec, struct session_totals *sum)
{
	struct session_totals host;

	memset(sum, 0, sizeof(*sum));
	add_totals(rec->sessions, sum);
	add_totals(rec->finished, sum);
	if (rec->host) {
		host_totals(rec->host, &host);
		add_one(&host, sum);
	}
}

void recorder_show_status(struct recorder *rec)
{
	struct session_totals sum;
	uint64_t now = clock_mono_ns();
	double seconds = (double)(now - rec->status_ns) / 1e9;
	g_autofree char *bytes = NULL, *rate = NULL;

	if (!rec->wants_status || now - rec->status_ns < STATUS_INTERVAL_NS)
		return;
	recorder_totals(rec, &sum);
	bytes = format_bytes((double)sum.stats.bytes);
	rate = format_bytes((double)(sum.stats.bytes - rec->status_bytes) / seconds);
	g_printerr("\r\033[K%s%u VM%s  %.0f events/s  %s/s  %s in all  lost: %" G_GUINT64_FORMAT
		   " events, %" G_GUINT64_FORMAT " packets", rec->host ? "host, " : "", rec->sessions->len,
		   rec->sessions->len == 1 ? "" : "s",
		   (double)(sum.stats.events - MIN(rec->status_events, sum.stats.events)) / seconds,
		   rate, bytes, sum.stats.lost, sum.stats.overwritten);
	rec->has_status_line = true;
	rec->status_ns = now;
	rec->status_events = sum.stats.events;
	rec->status_bytes = sum.stats.bytes;
}
