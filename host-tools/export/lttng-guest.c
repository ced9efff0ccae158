// SPDX-License-Identifier: GPL-2.0-only
/* LTTng's sessions in guests as traces in a set; see lttng-guest.h. */
#include "export/lttng-guest.h"

#include <inttypes.h>

#include "decode/timebase.h"
#include "error.h"
#include "export/readable.h"
#include "export/scratch.h"
#include "export/sift.h"
#include "lttng/guest-clock.h"
#include "lttng/guest-write.h"
#include "recording/reader.h"
#include "spool/traces.h"

/* Behind a VM's directory name, which has no @. */
#define SUFFIX	"@lttng"

/* Beside the sessions' directories, of which none begins with a dot. */
#define SCRATCH	".sift"

/**
 * struct place - a VM's sessions being put into a set
 * @uuids: of the sessions that are in the set, as texts
 * @cost: what was spent in vain on what the VM wrote
 */
struct place {
	const struct export_request *request;
	const char *set;
	const struct recording *recording;
	const struct recording_vm *vm;
	const struct timebase *timebase;
	GHashTable *uuids;
	unsigned int *cost;
	GPtrArray *traces;
};

/* As in "vm=web session=boot: what" */
static void G_GNUC_PRINTF(3, 4) warn_session(const struct place *place,
					     const struct lttng_guest_session *session,
					     const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	export_warn(place->request, "LTTng in a guest: vm=%s session=%s: %s", place->vm->name,
		    session->name, what);
}

/* A directory for a session: by its name, and a number where that is taken. */
static char *find_place(const struct place *place, const struct lttng_guest_session *session)
{
	g_autofree char *vm = g_strconcat(place->vm->dir_name, SUFFIX, NULL);
	g_autofree char *name = lttng_guest_file_name(session->name, "session");
	char *dir = g_build_filename(place->set, vm, name, NULL);

	for (unsigned int i = 2; g_file_test(dir, G_FILE_TEST_EXISTS); i++) {
		g_autofree char *other = g_strdup_printf("%s.%u", name, i);

		g_free(dir);
		dir = g_build_filename(place->set, vm, other, NULL);
	}
	return dir;
}

/* Leave out the packets of channels that the text does not declare. Return: how many. */
static uint64_t leave_undeclared(const struct lttng_guest_session *session,
				 const struct lttng_layout *layout)
{
	uint64_t count = 0;

	for (guint i = 0; i < session->streams->len; i++) {
		const struct lttng_guest_stream *stream = session->streams->pdata[i];

		if (lttng_layout_has_channel(layout, stream->channel))
			continue;
		for (guint j = 0; j < stream->packets->len; j++)
			g_array_index(stream->packets, struct lttng_guest_packet,
				      j).is_left_out = true;
		count += stream->packets->len;
	}
	return count;
}

/* Find what cannot be read, and write the session without it. */
static bool sift_session(const struct place *place, const struct lttng_guest_session *session,
			 const GString *metadata, const char *dir, uint64_t *unreadable,
			 GError **error)
{
	g_autofree char *vm = g_path_get_dirname(dir);
	g_autofree char *scratch = g_build_filename(vm, SCRATCH, NULL);

	for (guint i = 0; i < session->streams->len; i++) {
		const struct lttng_guest_stream *stream = session->streams->pdata[i];

		if (!sift_packets(stream->packets, metadata, scratch, place->cost,
				  unreadable, error))
			return false;
	}
	return lttng_guest_write(session, metadata, dir, error);
}

static bool has_packets(const struct lttng_guest_session *session)
{
	for (guint i = 0; i < session->streams->len; i++) {
		const struct lttng_guest_stream *stream = session->streams->pdata[i];

		for (guint j = 0; j < stream->packets->len; j++)
			if (!g_array_index(stream->packets, struct lttng_guest_packet,
					   j).is_left_out)
				return true;
	}
	return false;
}

/**
 * put_readable - write a session such that it can be read
 * @unreadable: packets that had to be left out for that are added
 * @problem: set to why nothing of it can be read, and then nothing is there; else NULL
 * Return: false with @error set.
 */
static bool put_readable(const struct place *place, const struct lttng_guest_session *session,
			 const GString *metadata, const char *dir, uint64_t *unreadable,
			 GError **problem, GError **error)
{
	struct lttng_guest_totals totals;

	if (!lttng_guest_write(session, metadata, dir, error))
		return false;
	lttng_guest_totals(session, &totals);
	if (readable_check_guarded(dir, totals.bytes, place->cost, NULL))
		return true;
	if (!sift_session(place, session, metadata, dir, unreadable, error))
		return false;
	if (!has_packets(session))
		g_set_error(problem, HT_ERROR, HT_ERROR_FORMAT, "none of its packets can be read");
	if (*problem || !readable_check_guarded(dir, totals.bytes, place->cost, problem))
		scratch_remove(dir);
	return true;
}

static void warn_left_out(const struct place *place, const struct lttng_guest_session *session,
			  uint64_t undeclared, uint64_t unreadable)
{
	if (session->left_out)
		warn_session(place, session, "packets left out, as they are damaged: %" PRIu64,
			     session->left_out);
	if (undeclared)
		warn_session(place, session, "packets left out, as the metadata that came does"
			     " not declare their channel: %" PRIu64, undeclared);
	if (unreadable)
		warn_session(place, session, "packets left out, as they cannot be read with the"
			     " metadata that came: %" PRIu64, unreadable);
	if (unreadable && *place->cost > SIFT_MAX_COST)
		warn_session(place, session, "some of these may not have been tried: too much of"
			     " this VM's cannot be read");
}

static void warn_clock(const struct place *place, const struct lttng_guest_session *session,
		       const struct lttng_guest_clock *clock)
{
	if (clock->is_contradicted)
		warn_session(place, session, "its clock is said to be the host's, and is not");
	if (clock->bound_ns == UINT64_MAX)
		warn_session(place, session, "nobody knows how its clock relates to the host's");
}

static void add_trace(const struct place *place, const struct lttng_guest_session *session,
		      const struct lttng_guest_clock *clock, const char *dir)
{
	struct lttng_guest_trace *trace = g_new0(struct lttng_guest_trace, 1);
	struct lttng_guest_totals totals;

	lttng_guest_totals(session, &totals);
	trace->vm = place->vm;
	trace->epoch = session->epoch;
	trace->dir = g_strdup(dir);
	trace->bytes = totals.bytes;
	trace->has_host_time = clock->bound_ns < UINT64_MAX;
	g_ptr_array_add(place->traces, trace);
}

/* Write a session, with the clock as it is known. */
static bool put_with_clock(const struct place *place, const struct lttng_guest_session *session,
			   const struct lttng_layout *layout,
			   const struct lttng_guest_clock *clock, const GString *metadata,
			   GError **error)
{
	g_autofree char *dir = find_place(place, session);
	uint64_t undeclared = leave_undeclared(session, layout), unreadable = 0;
	GError *problem = NULL;

	if (!put_readable(place, session, metadata, dir, &unreadable, &problem, error))
		return false;
	if (problem) {
		warn_session(place, session, "it is left out: %s", problem->message);
		g_error_free(problem);
		return true;
	}
	warn_left_out(place, session, undeclared, unreadable);
	warn_clock(place, session, clock);
	add_trace(place, session, clock, dir);
	return true;
}

/* Describe a session's clock, and write it. */
static bool put_with_text(const struct place *place, const struct lttng_guest_session *session,
			  const struct lttng_layout *layout, const GString *text, GError **error)
{
	struct lttng_guest_clock clock;
	GString *metadata;
	GError *problem = NULL;
	bool done = true;

	if (!lttng_guest_clock_init(&clock, place->recording, place->vm, place->timebase,
				    session, text, &problem))
		goto out;
	metadata = lttng_metadata_set_clock(text, &clock.clock, &problem);
	if (metadata) {
		done = put_with_clock(place, session, layout, &clock, metadata, error);
		g_string_free(metadata, TRUE);
	}
	lttng_guest_clock_fini(&clock);
out:
	if (problem) {
		warn_session(place, session, "it is left out: %s", problem->message);
		g_error_free(problem);
	}
	return done;
}

static bool put_session(const struct place *place, const struct lttng_guest_session *session,
			GError **error)
{
	struct lttng_layout layout;
	GError *problem = NULL;
	GString *text;
	bool done;

	if (*place->cost > SIFT_MAX_COST) {
		warn_session(place, session, "it is left out: too much of this VM's cannot"
			     " be read");
		return true;
	}
	text = lttng_guest_text(session, &layout, &problem);
	if (!text) {
		warn_session(place, session, "it is left out: %s", problem->message);
		g_error_free(problem);
		return true;
	}
	if (!g_hash_table_add(place->uuids, lttng_uuid_text(session->uuid))) {
		warn_session(place, session, "another session with its uuid is in the set; its"
			     " trace has none");
		lttng_layout_drop_uuid(text);
	}
	done = put_with_text(place, session, &layout, text, error);
	lttng_layout_fini(&layout);
	g_string_free(text, TRUE);
	return done;
}

static bool put_guest(struct place *place, const struct lttng_guest *guest, GError **error)
{
	unsigned int cost = 0;
	bool done = true;

	place->cost = &cost;
	if (guest->strange)
		export_warn(place->request, "LTTng in a guest: vm=%s: packets left out, as they"
			    " are damaged, or of no session known: %" PRIu64, place->vm->name,
			    guest->strange);
	for (guint i = 0; done && i < guest->sessions->len; i++) {
		const struct lttng_guest_session *session = guest->sessions->pdata[i];

		/* made, and never started; or nothing of it came */
		if (session->streams->len)
			done = put_session(place, session, error);
	}
	place->cost = NULL;
	return done;
}

/* What a guest's LTTng wrote to the spool: the events of programs. */
static bool put_spool(struct place *place, GError **error)
{
	struct spool_traces *traces = spool_traces_read(place->vm, error);
	bool done;

	if (!traces)
		return false;
	if (traces->incomplete)
		export_warn(place->request, "LTTng in a guest: vm=%s: %" PRIu64
			    " packets in its spool are left out: a part of them did not come",
			    place->vm->name, traces->incomplete);
	done = put_guest(place, traces->guest, error);
	spool_traces_free(traces);
	return done;
}

static void trace_free(void *data)
{
	struct lttng_guest_trace *trace = data;

	g_free(trace->dir);
	g_free(trace);
}

GPtrArray *lttng_guest_traces_new(void)
{
	return g_ptr_array_new_with_free_func(trace_free);
}

bool export_lttng_guests(const struct export_request *request, const struct recording *recording,
			 const char *set, GPtrArray *traces, GError **error)
{
	struct place place = { .request = request, .set = set, .recording = recording,
			       .traces = traces };
	bool done = true;

	place.uuids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; done && i < recording->vms->len; i++) {
		struct timebase *timebase;
		struct lttng_guest *guest;

		place.vm = recording->vms->pdata[i];
		if (!export_wants_guest(request, place.vm))
			continue;
		guest = lttng_guest_read(place.vm);
		place.timebase = timebase = timebase_new(place.vm, NULL);
		done = put_guest(&place, guest, error) && put_spool(&place, error);
		timebase_free(timebase);
		lttng_guest_free(guest);
	}
	g_hash_table_unref(place.uuids);
	return done;
}

void export_warn_lttng_guests(const struct export_request *request)
{
	struct recording *recording = recording_open(request->recording, NULL);

	for (guint i = 0; recording && i < recording->vms->len; i++) {
		const struct recording_vm *vm = recording->vms->pdata[i];

		if (export_wants_guest(request, vm) && lttng_guest_has_packets(vm))
			export_warn(request, "LTTng in a guest: vm=%s: its events are in CTF only"
				    " (export --to ctf)", vm->name);
	}
	recording_free(recording);
}
