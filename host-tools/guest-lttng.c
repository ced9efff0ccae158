// SPDX-License-Identifier: GPL-2.0-only
/* What commands print of the sessions of LTTng in a guest; see guest-lttng.h. */
#include "guest-lttng.h"

#include <inttypes.h>
#include <stdio.h>

#include "export/lttng-events.h"
#include "format.h"
#include "lttng/guest-clock.h"

void guest_lttng_print_session(const char *indent, const struct lttng_guest_session *session)
{
	g_autofree char *channels = lttng_guest_channels_text(session);

	printf("%sLTTng session %s: %s, channels: %s\n", indent, session->name,
	       !session->is_told ? "not told of" : session->has_ended ? "ended" :
	       session->texts->len ? "begun" : "not begun", *channels ? channels : "-");
}

/* stock lttng-modules is built without its count of events */
static char *events_text(const struct lttng_guest_session *session,
			 const struct lttng_guest_totals *totals)
{
	if (!totals->events && totals->has_events)
		return g_strdup("events not counted");
	return g_strdup_printf("%s%" PRIu64 " events", session->has_all_events ? "" : "about ",
			       totals->events);
}

void guest_lttng_print_totals(const char *indent, const struct lttng_guest_session *session)
{
	g_autofree char *bytes = NULL, *events = NULL;
	struct lttng_guest_totals totals;

	lttng_guest_totals(session, &totals);
	bytes = format_bytes((double)totals.bytes);
	events = events_text(session, &totals);
	printf("%s%" PRIu64 " packets, %s, %s; lost: %" PRIu64 " events discarded, %" PRIu64
	       " packets overwritten", indent, totals.packets, bytes, events, totals.discarded,
	       totals.missing);
	if (session->dropped)
		printf(", %" PRIu64 " packets dropped after its end", session->dropped);
	if (totals.before)
		printf(", %" PRIu64 " packets before the recording", totals.before);
	printf("\n");
	if (session->left_out)
		printf("%sdamaged packets besides: %" PRIu64 "\n", indent, session->left_out);
}

void guest_lttng_print_clock(const char *indent, const struct recording *recording,
			     const struct recording_vm *vm, const struct timebase *timebase,
			     const struct lttng_guest_session *session)
{
	struct lttng_guest_clock clock;
	struct lttng_layout layout;
	GError *error = NULL;
	GString *text;

	if (!session->streams->len)
		return;
	text = lttng_guest_text(session, &layout, &error);
	if (text) {
		lttng_layout_fini(&layout);
		if (lttng_guest_clock_init(&clock, recording, vm, timebase, session, text,
					   &error)) {
			printf("%stimes: %s", indent, clock.method);
			if (clock.bound_ns < UINT64_MAX)
				printf(", within %" PRIu64 " ns", clock.bound_ns);
			printf("%s\n", clock.is_contradicted ?
			       " (said to be the host's clock, which it is not)" : "");
			lttng_guest_clock_fini(&clock);
		}
		g_string_free(text, TRUE);
	}
	if (error) {
		printf("%scannot be exported: %s\n", indent, error->message);
		g_error_free(error);
	}
}

void guest_lttng_print_late(const char *indent, const struct lttng_guest *guest)
{
	if (guest->late)
		printf("%sLTTng: %" PRIu64 " events more discarded, behind the last packets of"
		       " sessions\n", indent, guest->late);
}

void guest_lttng_print_recorded(const struct recording_vm *vm)
{
	struct lttng_guest *guest = lttng_guest_read(vm);

	for (guint i = 0; i < guest->sessions->len; i++) {
		const struct lttng_guest_session *session = guest->sessions->pdata[i];

		printf("%s: ", vm->name);
		guest_lttng_print_session("", session);
		guest_lttng_print_totals("    ", session);
	}
	guest_lttng_print_late("    ", guest);
	lttng_guest_free(guest);
}

static void print_defects(const GPtrArray *defects, uint64_t count)
{
	for (guint i = 0; i < defects->len; i++)
		printf("    defect: %s\n", (const char *)defects->pdata[i]);
	if (count > defects->len)
		printf("    and %" PRIu64 " defects more\n", count - defects->len);
}

/**
 * decode_session - read all events, and tell how many they are
 * @cost: as in sift_packets()
 */
static void decode_session(struct lttng_guest_session *session, unsigned int *cost)
{
	struct lttng_events events;
	GError *error = NULL;

	if (!session->streams->len)
		return;
	if (!lttng_events_count(session, cost, &events, &error)) {
		printf("    cannot be decoded: %s\n", error->message);
		g_error_free(error);
		return;
	}
	printf("    %" PRIu64 " events decoded\n", events.count);
	if (events.unreadable)
		lttng_guest_session_add_defect(session, "packets that cannot be decoded: %"
					       PRIu64, events.unreadable);
	if (events.is_other)
		lttng_guest_session_add_defect(session, "the driver has counted other events");
}

static void check_session(const struct recording_vm *vm, struct lttng_guest_session *session,
			  unsigned int *cost, bool *has_loss)
{
	struct lttng_guest_totals totals;

	lttng_guest_totals(session, &totals);
	*has_loss |= totals.missing || totals.discarded || totals.before || session->dropped;
	printf("%s: ", vm->name);
	guest_lttng_print_session("", session);
	guest_lttng_print_totals("    ", session);
	decode_session(session, cost);
	print_defects(session->defects, session->defect_count);
}

uint64_t guest_lttng_check(const struct recording_vm *vm, bool *has_loss)
{
	struct lttng_guest *guest = lttng_guest_read(vm);
	uint64_t defects = guest->defect_count;
	unsigned int cost = 0;

	for (guint i = 0; i < guest->sessions->len; i++) {
		struct lttng_guest_session *session = guest->sessions->pdata[i];

		check_session(vm, session, &cost, has_loss);
		defects += session->defect_count;
	}
	guest_lttng_print_late("    ", guest);
	*has_loss |= guest->late;
	if (guest->defect_count)
		printf("%s: LTTng, of no session:\n", vm->name);
	print_defects(guest->defects, guest->defect_count);
	lttng_guest_free(guest);
	return defects;
}
