// SPDX-License-Identifier: GPL-2.0-only
/* A VM's window being recorded; see session-window.h. */
#include "session-window.h"

#include "clock.h"
#include "error.h"
#include "recording/reader.h"
#include "wire/bytes.h"

/* Bytes taken from one CPU before the next one has its turn [H2]. */
#define TAKE_BYTES		(1 << 20)

/* How fast a guest's CPU may fill its buffer: one byte in that time. */
#define FILL_NS_PER_BYTE	10

/* While nothing is in the window yet. */
#define EMPTY_PAUSE_NS		20000000ULL

/**
 * struct cpu_tap - one CPU's buffer on its way to its file
 * @out: the file
 * @base_events: events in the file before this session
 * @stats: see there
 */
struct cpu_tap {
	struct writer_stream *out;
	uint64_t base_events;
	struct tap_stats stats;
};

/**
 * struct place - one place in one epoch
 * @window: the reading side
 * @taps: struct cpu_tap *, as window.cpus
 * @is_past: a later epoch lies in the other place
 * @problem: what was said last about it, or NULL
 */
struct place {
	struct window window;
	GPtrArray *taps;
	bool is_past;
	const char *problem;
};

/**
 * struct session_window - see session-window.h
 * @places: of each one the epoch that is read, or NULL
 * @done: struct tap_summary *, of epochs that are over
 * @past: sums of those
 * @is_finished: session_window_finish() was called
 */
struct session_window {
	const char *name;
	const struct region *region;
	struct writer_vm *out;
	struct place *places[2];
	GPtrArray *done;
	struct session_totals past;
	bool is_finished;
};

static void tap_free(gpointer data)
{
	struct cpu_tap *tap = data;

	writer_stream_free(tap->out);
	g_free(tap);
}

static void place_free(struct place *place)
{
	if (!place)
		return;
	window_fini(&place->window);
	g_ptr_array_unref(place->taps);
	g_free(place);
}

struct session_window *session_window_new(const char *name, const struct region *region,
					  struct writer_vm *out)
{
	struct session_window *window = g_new0(struct session_window, 1);

	window->name = name;
	window->region = region;
	window->out = out;
	window->done = g_ptr_array_new();
	return window;
}

void session_window_free(struct session_window *window)
{
	guint i;

	if (!window)
		return;
	place_free(window->places[0]);
	place_free(window->places[1]);
	for (i = 0; i < window->done->len; i++) {
		struct tap_summary *summary = window->done->pdata[i];

		g_free(summary->name);
		g_free(summary);
	}
	g_ptr_array_unref(window->done);
	g_free(window);
}

/**
 * go_on - find where an earlier recorder ended
 */
static bool go_on(struct cpu_tap *tap, struct window_cpu *cpu, GError **error)
{
	struct recording_stream *file = recording_stream_open(tap->out->path, error);
	uint64_t time = 0, last_time = 0, events = 0;
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct window_meta meta = { 0 };
	bool has_meta = false;
	uint32_t taken = 0;

	if (!file)
		return false;
	recording_cursor_init(&cursor, file);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type == VHT_PACKET_WINDOW_META)
			has_meta |= window_meta_parse(packet.content, packet.header.content_size,
						      &meta);
		if (packet.header.type != VHT_PACKET_WINDOW ||
		    packet.header.content_size < WINDOW_SUBBUF_HEADER)
			continue;
		time = get_u64(packet.content);
		taken = (uint32_t)(packet.header.content_size - WINDOW_SUBBUF_HEADER);
		last_time = packet.header.timestamp_end;
		events = packet.header.events;
	}
	recording_stream_free(file);
	tap->base_events = events;
	if (has_meta)
		window_cpu_continue(cpu, &meta, time, taken, last_time, tap->out->sequence,
				    events);
	else
		cpu->sequence = tap->out->sequence;
	return true;
}

static struct cpu_tap *tap_new(struct session_window *window, struct window_cpu *cpu,
			       GError **error)
{
	struct cpu_tap *tap = g_new0(struct cpu_tap, 1);
	uint32_t epoch = cpu->window->epoch;
	struct stream_entry entry;

	window_cpu_entry(cpu, &entry);
	tap->out = writer_stream_new(window->out, epoch, 0, &entry, error);
	if (!tap->out)
		goto fail;
	if (tap->out->is_continued ? !go_on(tap, cpu, error) :
	    !writer_stream_put_state(tap->out, &entry, epoch, 0, error))
		goto fail;
	return tap;

fail:
	tap_free(tap);
	return NULL;
}

static void note_stats(struct cpu_tap *tap, const struct window_cpu *cpu)
{
	tap->stats.events = cpu->events - MIN(cpu->events, tap->base_events);
	tap->stats.before = cpu->lost_before;
	tap->stats.overwritten = cpu->subbufs_lost - MIN(cpu->subbufs_lost, cpu->lost_before);
	tap->stats.torn = cpu->torn;
}

/**
 * take - take from one CPU's buffer, and write it down
 * @is_same: set to false if the place went to another epoch
 * Return: false with @error set.
 */
static bool take(struct session_window *window, struct place *place, guint index,
		 GByteArray *buffer, bool wants_begun, bool *is_same,
		 enum session_result *result, GError **error)
{
	struct window_cpu *cpu = place->window.cpus->pdata[index];
	struct cpu_tap *tap = place->taps->pdata[index];
	enum window_result taken;
	uint64_t sequence = cpu->sequence;

	g_byte_array_set_size(buffer, 0);
	taken = window_cpu_take(cpu, buffer, TAKE_BYTES, wants_begun);
	*is_same = window_is_same(&place->window);
	if (!*is_same)
		return true;
	if (!region_is_whole(window->region)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "region was truncated while it was read: vm=%s", window->name);
		return false;
	}
	if (buffer->len) {
		if (!writer_stream_append(tap->out, buffer->data, buffer->len, error))
			return false;
		tap->stats.packets += cpu->sequence - sequence;
		tap->stats.bytes += buffer->len;
		*result = MAX(*result, SESSION_MOVED);
	}
	note_stats(tap, cpu);
	if (taken == WINDOW_MORE)
		*result = MAX(*result, SESSION_MORE);
	return true;
}

static void add_stats(struct tap_stats *sum, const struct tap_stats *stats)
{
	sum->packets += stats->packets;
	sum->bytes += stats->bytes;
	sum->events += stats->events;
	sum->overwritten += stats->overwritten;
	sum->before += stats->before;
	sum->torn += stats->torn;
}

/**
 * end_place - an epoch's place is done
 * Return: false with @error set.
 */
static bool end_place(struct session_window *window, unsigned int number, GError **error)
{
	struct place *place = window->places[number];
	guint i;

	if (!place)
		return true;
	for (i = 0; i < place->taps->len; i++) {
		struct window_cpu *cpu = place->window.cpus->pdata[i];
		struct cpu_tap *tap = place->taps->pdata[i];
		g_autofree char *file = g_path_get_basename(tap->out->path);
		struct tap_summary *summary = g_new0(struct tap_summary, 1);
		struct stream_entry entry;

		window_cpu_entry(cpu, &entry);
		if (!writer_stream_put_state(tap->out, &entry, place->window.epoch, 0, error)) {
			g_free(summary);
			return false;
		}
		summary->name = g_strdup_printf("%u.0/%s", place->window.epoch, file);
		summary->source = VHT_SOURCE_WINDOW;
		summary->stats = tap->stats;
		summary->damage = cpu->problem;
		g_ptr_array_add(window->done, summary);
		add_stats(&window->past.stats, &tap->stats);
		window->past.damaged += cpu->problem || cpu->damaged;
	}
	place_free(place);
	window->places[number] = NULL;
	return true;
}

/**
 * look_at_places - see which epochs lie in the window
 * Return: false with @error set.
 */
static bool look_at_places(struct session_window *window, GError **error)
{
	struct region_live live;
	unsigned int i;

	region_live(window->region, &live);
	for (i = 0; i < 2; i++) {
		struct place *place = window->places[i];

		if (place && place->window.epoch != live.window_epoch[i]) {
			if (!end_place(window, i, error))
				return false;
			place = NULL;
		}
		if (!place && live.window_epoch[i]) {
			place = g_new0(struct place, 1);
			window_init(&place->window, window->region, i, live.window_epoch[i]);
			place->taps = g_ptr_array_new_with_free_func(tap_free);
			window->places[i] = place;
		}
		if (place)
			place->is_past = live.window_epoch[!i] > live.window_epoch[i];
	}
	return true;
}

static void tell_problem(struct session_window *window, struct place *place, uint64_t now_ns)
{
	const char *problem = window_problem(&place->window, now_ns);
	guint i;

	for (i = 0; !problem && i < place->window.cpus->len; i++)
		problem = ((struct window_cpu *)place->window.cpus->pdata[i])->problem;
	if (problem && problem != place->problem)
		g_printerr("hypertrace: warning: window: %s: vm=%s epoch=%u\n", problem,
			   window->name, place->window.epoch);
	place->problem = problem;
}

bool session_window_pass(struct session_window *window, GByteArray *buffer, bool has_ended,
			 enum session_result *result, GError **error)
{
	unsigned int number;
	guint i;

	if (!window->region->host.window_size || window->is_finished)
		return true;
	if (!look_at_places(window, error))
		return false;
	for (number = 0; number < 2; number++) {
		struct place *place = window->places[number];
		uint64_t now_ns = clock_mono_ns();
		bool is_same = true;

		if (!place)
			continue;
		window_look(&place->window, now_ns);
		while (place->taps->len < place->window.cpus->len) {
			struct cpu_tap *tap =
				tap_new(window, place->window.cpus->pdata[place->taps->len],
					error);

			if (!tap)
				return false;
			g_ptr_array_add(place->taps, tap);
		}
		for (i = 0; is_same && i < place->taps->len; i++)
			if (!take(window, place, i, buffer, has_ended || place->is_past, &is_same,
				  result, error))
				return false;
		tell_problem(window, place, has_ended ? UINT64_MAX : now_ns);
	}
	return true;
}

void session_window_flush(struct session_window *window)
{
	unsigned int number;
	guint i;

	for (number = 0; number < 2; number++)
		for (i = 0; window->places[number] &&
			    i < window->places[number]->window.cpus->len; i++) {
			struct window_cpu *cpu = window->places[number]->window.cpus->pdata[i];

			cpu->wants_begun = true;
		}
}

uint64_t session_window_pause_ns(const struct session_window *window)
{
	uint64_t pause_ns = UINT64_MAX;
	unsigned int number;

	if (!window->region->host.window_size)
		return pause_ns;
	for (number = 0; number < 2; number++) {
		const struct place *place = window->places[number];
		const struct window_cpu *cpu;

		if (!place || place->is_past)
			continue;
		if (!place->window.cpus->len)
			return EMPTY_PAUSE_NS;
		cpu = place->window.cpus->pdata[0];
		pause_ns = (cpu->buffer.meta.end - cpu->buffer.meta.data) * FILL_NS_PER_BYTE;
	}
	return pause_ns;
}

void session_window_add_totals(const struct session_window *window, struct session_totals *sum)
{
	unsigned int number;
	guint i;

	add_stats(&sum->stats, &window->past.stats);
	sum->damaged += window->past.damaged;
	for (number = 0; number < 2; number++)
		for (i = 0; window->places[number] && i < window->places[number]->taps->len; i++)
			add_stats(&sum->stats, &((struct cpu_tap *)
				  window->places[number]->taps->pdata[i])->stats);
}

bool session_window_finish(struct session_window *window, GByteArray *buffer,
			   GPtrArray *summaries, GError **error)
{
	enum session_result unused = SESSION_IDLE;
	guint i;

	if (window->is_finished)
		return true;
	if (!session_window_pass(window, buffer, true, &unused, error) ||
	    !end_place(window, 0, error) || !end_place(window, 1, error))
		return false;
	window->is_finished = true;
	for (i = 0; i < window->done->len; i++)
		g_ptr_array_add(summaries, window->done->pdata[i]);
	g_ptr_array_set_size(window->done, 0);
	return true;
}
