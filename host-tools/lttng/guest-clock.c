// SPDX-License-Identifier: GPL-2.0-only
/* The clock of a session of LTTng in a guest; see guest-clock.h. */
#include "lttng/guest-clock.h"

#include "lttng/clock-line.h"
#include "recording/machine.h"

#define NS_PER_S	1000000000

/* A clock that is farther off, by more than what the pairs may be off, is not the host's. */
#define MAX_OFF		1000000
/* ... in more than one pair of so many. */
#define MAX_OFF_SHARE	10

/**
 * struct known - what is known of a session's clock
 * @points: struct clock_line_point[]: its packets' begins, ends and pairs
 * @pairs: the pairs alone
 * @method: of the time base; NULL if it knows nothing
 */
struct known {
	GArray *points;
	GArray *pairs;
	const char *method;
};

static void add_stream(struct known *known, const struct timebase *timebase, uint32_t epoch,
		       const struct lttng_guest_stream *stream)
{
	const struct recording_stream *file = NULL;
	const struct clock_map *map = NULL;
	/* one for each kind of time: a place is for times that do not go back */
	struct clock_cursor begin, end, pair;
	uint64_t bound;

	for (guint i = 0; i < stream->packets->len; i++) {
		const struct lttng_guest_packet *packet =
			&g_array_index(stream->packets, struct lttng_guest_packet, i);

		if (packet->file != file) {
			file = packet->file;
			map = timebase_map(timebase, epoch, file);
			begin = end = pair = (struct clock_cursor) { 0 };
			if (map)
				known->method = timebase_describe(timebase, epoch, file, &bound);
		}
		if (!map)
			continue;
		clock_line_add(known->points, map, &begin, packet->begin);
		clock_line_add(known->points, map, &end, packet->end);
		if (packet->clock || packet->counter)
			clock_line_add(known->pairs, map, &pair, packet->clock);
	}
}

/* Whether pairs agree that a clock is the host's. */
static bool is_host_clock(const GArray *pairs)
{
	guint off = 0;

	for (guint i = 0; i < pairs->len; i++) {
		const struct clock_line_point *pair =
			&g_array_index(pairs, struct clock_line_point, i);
		uint64_t distance = pair->from > pair->to ? pair->from - pair->to :
							    pair->to - pair->from;

		off += distance > MAX_OFF && distance - MAX_OFF > pair->error;
	}
	return off <= pairs->len / MAX_OFF_SHARE;
}

static void use_host_clock(struct lttng_guest_clock *out, const struct known *known)
{
	const struct clock_line host = { .freq = NS_PER_S };

	out->method = g_strdup("host");
	out->clock.freq = NS_PER_S;
	out->bound_ns = clock_line_bound(known->pairs, &host);
}

static void use_line(struct lttng_guest_clock *out, const struct known *known, uint64_t nominal)
{
	struct clock_line fit;

	g_array_append_vals(known->points, known->pairs->data, known->pairs->len);
	fit = clock_line_fit(known->points, nominal);
	out->method = g_strdup_printf("line+%s", known->method);
	out->clock.freq = fit.freq;
	out->clock.offset_ns += fit.offset_ns;
	out->bound_ns = fit.bound_ns;
}

/* Text for the environment: what would end a string, or a line, is not in it. */
static void put_string(GString *env, const char *key, const char *value)
{
	g_string_append_printf(env, "\t%s = \"", key);
	for (; value && *value; value++)
		g_string_append_c(env, g_ascii_isprint(*value) && *value != '"' &&
				       *value != '\\' ? *value : '?');
	g_string_append(env, "\";\n");
}

/* The keys that our own traces have, docs/ctf.md. */
static void make_env(struct lttng_guest_clock *out, const struct recording *recording,
		     const struct recording_vm *vm)
{
	GString *env = g_string_new(NULL);

	put_string(env, "vm_name", vm->name);
	put_string(env, "vm_uuid", vm->uuid);
	put_string(env, "host_hostname", recording->hostname);
	put_string(env, "host_boot_id", recording->boot_id);
	put_string(env, "recorder", recording->tool);
	put_string(env, "clock_method", out->method);
	g_string_append_printf(env, "\tclock_bound_ns = %" G_GINT64_FORMAT ";\n",
			       out->bound_ns > INT64_MAX ? -1 : (int64_t)out->bound_ns);
	out->env = g_string_free(env, FALSE);
	out->clock.env = out->env;
}

static void know_session(struct known *known, const struct timebase *timebase,
			 const struct lttng_guest_session *session)
{
	*known = (struct known) {
		.points = g_array_new(FALSE, FALSE, sizeof(struct clock_line_point)),
		.pairs = g_array_new(FALSE, FALSE, sizeof(struct clock_line_point)),
	};
	for (guint i = 0; i < session->streams->len; i++)
		add_stream(known, timebase, session->epoch, session->streams->pdata[i]);
}

bool lttng_guest_clock_init(struct lttng_guest_clock *clock, const struct recording *recording,
			    const struct recording_vm *vm, const struct timebase *timebase,
			    const struct lttng_guest_session *session, const GString *text,
			    GError **error)
{
	struct lttng_metadata_clock told;
	uint8_t uuid[16];
	struct known known;
	bool says_host;

	if (!lttng_metadata_get_clock(text, &told, error))
		return false;
	*clock = (struct lttng_guest_clock) { .bound_ns = UINT64_MAX };
	/* the source's clock class has the same */
	clock->clock.offset_ns = recording->start_real_ns - recording->start_mono_ns;
	know_session(&known, timebase, session);
	says_host = told.freq == NS_PER_S && told.uuid[0] &&
		    !g_ascii_strcasecmp(told.uuid, recording->boot_id);
	clock->is_contradicted = says_host && !is_host_clock(known.pairs);
	if (says_host && !clock->is_contradicted) {
		use_host_clock(clock, &known);
	} else if (known.points->len) {
		use_line(clock, &known, told.freq);
	} else {
		clock->method = g_strdup("none");
		clock->clock.freq = told.freq;
		clock->clock.offset_ns = told.offset_ns;
	}
	machine_uuid(recording, vm, uuid);
	clock->uuid = lttng_uuid_text(uuid);
	clock->clock.uuid = clock->uuid;
	make_env(clock, recording, vm);
	g_array_unref(known.points);
	g_array_unref(known.pairs);
	return true;
}

void lttng_guest_clock_fini(struct lttng_guest_clock *clock)
{
	g_free(clock->method);
	g_free(clock->uuid);
	g_free(clock->env);
}
