// SPDX-License-Identifier: GPL-2.0-only
/* One VM being recorded; see session.h. */
#include "session.h"

#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "error.h"
#include "recording/reader.h"
#include "session-window.h"
#include "region/end.h"
#include "ust/provider.h"

/* Bytes taken from one stream before the next one has its turn [H2]. */
#define TAKE_BYTES		(1 << 20)

/* A loss that no packet tells of is written down at most this often. */
#define STATE_INTERVAL_NS	1000000000ULL

/*
 * A driver is asked for its events at once, but drivers without end, and one that says
 * that it is none, less and less often.
 */
#define MIN_SELECT_PAUSE_NS	10000000ULL
#define MAX_SELECT_PAUSE_NS	1000000000ULL

/* How fast a guest's CPU may fill a ring: one byte in that time. */
#define FILL_NS_PER_BYTE	10
#define MIN_PAUSE_NS		5000000ULL
#define MAX_PAUSE_NS		250000000ULL

/* Lines of the summary; a guest can make streams without end. */
#define MAX_SUMMARIES		1024

/**
 * struct tap - one stream on its way from the region to its file
 * @ring: the reading side
 * @out: the file, made with the first packet
 * @epoch: of the driver's life, 0 for host streams
 * @generation: likewise
 * @first: the entry as the session met it, for the first state packet
 * @base_events: events up to the first packet that is counted
 * @stats: see there
 * @state_ns: when the last state packet was written
 */
struct tap {
	struct ring ring;
	struct writer_stream *out;
	uint32_t epoch;
	uint32_t generation;
	struct stream_entry first;
	uint64_t base_events;
	struct tap_stats stats;
	uint64_t state_ns;
};

/**
 * struct session - see session.h
 * @host_taps: struct tap *, the host's streams
 * @window: the window, with or without a driver
 * @guest_taps: struct tap *, the streams of the driver's life @guest
 * @has_guest: @guest is set
 * @has_looked: the guest header was looked at before
 * @end: what that driver, or the last one, said of its end
 * @told_end: what of it is in the recording
 * @end_ns: when that was written
 * @guest_problem: what was said last about the guest header, or NULL
 * @summaries: of taps that are finished
 * @omitted: of taps for which there was no room there
 * @past: sums of all finished taps
 * @globs: what to select, or NULL
 * @select_cookie: of the last SELECT, 0 for none
 * @selected_generation: for which driver SELECT was sent
 * @select_ns: when the last one was sent
 * @select_pause_ns: how long the next one waits after it
 * @has_selected: a driver has answered SELECT
 * @flush_cookie: of a FLUSH that waits for its answer, 0 for none
 * @last_cookie: the last one used
 */
struct session {
	char *name;
	struct region *region;
	int control_fd;
	struct writer_vm *out;
	GPtrArray *host_taps;
	struct session_window *window;
	GPtrArray *guest_taps;
	struct region_guest guest;
	bool has_guest;
	bool has_looked;
	struct guest_end end;
	struct guest_end told_end;
	uint64_t end_ns;
	const char *guest_problem;
	GPtrArray *summaries;
	uint64_t omitted;
	struct session_totals past;
	char *globs;
	uint64_t select_cookie;
	uint64_t selected_epoch;
	uint64_t selected_generation;
	uint64_t select_ns;
	uint64_t select_pause_ns;
	bool has_selected;
	uint64_t flush_cookie;
	uint64_t last_cookie;
};

static void tap_free(gpointer data)
{
	struct tap *tap = data;

	writer_stream_free(tap->out);
	g_free(tap);
}

static void summary_free(gpointer data)
{
	struct tap_summary *summary = data;

	g_free(summary->name);
	g_free(summary);
}

static struct tap *tap_new(uint32_t epoch, uint32_t generation)
{
	struct tap *tap = g_new0(struct tap, 1);

	tap->epoch = epoch;
	tap->generation = generation;
	return tap;
}

/**
 * tap_begin - note where a stream stands when the session meets it
 * @is_new: the stream began after the session did: what it has lost, it lost since
 */
static void tap_begin(struct tap *tap, bool is_new)
{
	if (tap->ring.damage)
		return;
	ring_look(&tap->ring);
	tap->first = tap->ring.entry;
	if (is_new) {
		tap->first.begin = 0;
		tap->first.head = 0;
		tap->first.packets = 0;
		tap->first.events = 0;
		tap->first.events_lost = 0;
		tap->first.overwritten = 0;
		tap->first.drain_counter = 0;
	}
}

/**
 * tap_open - make or continue the stream's file
 *
 * If the file cannot be the stream's, the stream counts as damaged.
 *
 * Return: false with @error set.
 */
static bool tap_open(struct session *session, struct tap *tap, GError **error)
{
	GError *cause = NULL;

	tap->out = writer_stream_new(session->out, tap->epoch, tap->generation, &tap->first,
				     &cause);
	if (!tap->out && g_error_matches(cause, HT_ERROR, HT_ERROR_FORMAT)) {
		/* the guest has given two streams one name */
		g_error_free(cause);
		tap->ring.damage = "its file holds another stream";
		return true;
	}
	if (!tap->out) {
		g_propagate_error(error, cause);
		return false;
	}
	if (tap->out->is_continued) {
		tap->base_events = tap->out->state.events;
		return true;
	}
	tap->state_ns = clock_mono_ns();
	return writer_stream_put_state(tap->out, &tap->first, tap->epoch, tap->generation, error);
}

/**
 * skip_known - find the first packet that the recording does not hold [H3]
 * @packets: what was taken
 * Return: bytes to leave out.
 */
static uint64_t skip_known(const struct tap *tap, const GByteArray *packets)
{
	const struct recording_stream view = { .data = packets->data, .size = packets->len };
	struct recording_cursor cursor;
	struct recording_packet packet;

	recording_cursor_init(&cursor, &view);
	while (recording_cursor_next(&cursor, &packet))
		if (packet.header.sequence >= tap->out->sequence)
			return packet.offset;
	return packets->len;
}

/**
 * note_packets - count what is about to be written
 */
static void note_packets(struct tap *tap, const uint8_t *packets, uint64_t size)
{
	const struct recording_stream view = { .data = packets, .size = size };
	uint64_t expected = tap->out->sequence;
	struct recording_cursor cursor;
	struct recording_packet packet;
	uint64_t *missing;

	recording_cursor_init(&cursor, &view);
	while (recording_cursor_next(&cursor, &packet)) {
		const struct packet_header *header = &packet.header;

		/*
		 * How many events are in the first packet, its header tells
		 * only if it is the stream's first; else they are not counted.
		 */
		if (!tap->stats.packets && !tap->out->is_continued && header->sequence)
			tap->base_events = header->events;
		if (header->sequence > expected) {
			missing = tap->stats.packets || tap->out->is_continued ?
				  &tap->stats.overwritten : &tap->stats.before;
			*missing += header->sequence - expected;
		}
		if (header->sequence >= expected)
			expected = header->sequence + 1;
		if (header->events >= tap->base_events)
			tap->stats.events = header->events - tap->base_events;
		tap->stats.packets++;
		tap->stats.bytes += header->packet_size;
	}
}

static void note_loss(struct tap *tap)
{
	tap->stats.lost = tap->ring.entry.events_lost;
	tap->stats.torn = tap->ring.torn;
}

/**
 * trace_loss - tell who watches the recorder of what has been lost meanwhile
 * @before: the stream's counts at the look before
 */
static void trace_loss(const struct session *session, const struct tap *tap,
		       const struct tap_stats *before)
{
	if (tap->stats.lost > before->lost || tap->stats.overwritten > before->overwritten)
		lttng_ust_tracepoint(hypertrace, loss, session->name, tap->ring.entry.id,
				     tap->stats.lost - before->lost,
				     tap->stats.overwritten - before->overwritten);
}

/**
 * has_untold_loss - see whether counters changed in a way that no packet tells
 */
static bool has_untold_loss(const struct tap *tap)
{
	const struct stream_entry *now = &tap->ring.entry, *told = &tap->out->state;

	return now->events_lost != told->events_lost || now->overwritten != told->overwritten;
}

/**
 * tap_pass - take a bounded amount from one stream
 */
static enum session_result tap_pass(struct session *session, struct tap *tap, GByteArray *buffer,
				    GError **error)
{
	const struct tap_stats before = tap->stats;
	enum ring_result taken;
	uint64_t known;

	if (tap->ring.damage)
		return SESSION_IDLE;

	g_byte_array_set_size(buffer, 0);
	taken = ring_take(&tap->ring, buffer, TAKE_BYTES);
	/* zeros in place of what a truncated file lost must not be written */
	if (!region_is_whole(session->region)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "region was truncated while it was read: vm=%s", session->name);
		return SESSION_FAILED;
	}
	note_loss(tap);

	if (buffer->len) {
		if (!tap->out && !tap_open(session, tap, error))
			return SESSION_FAILED;
		if (!tap->out)
			return SESSION_IDLE;
		known = tap->out->is_continued ? skip_known(tap, buffer) : 0;
		if (known < buffer->len) {
			note_packets(tap, buffer->data + known, buffer->len - known);
			if (!writer_stream_append(tap->out, buffer->data + known,
						  buffer->len - known, error))
				return SESSION_FAILED;
		}
		ring_release(&tap->ring);
		trace_loss(session, tap, &before);
		return taken == RING_MORE ? SESSION_MORE : SESSION_MOVED;
	}
	trace_loss(session, tap, &before);
	if (taken == RING_MORE)
		return SESSION_MORE;
	ring_release(&tap->ring);
	if (taken == RING_EMPTY && tap->out && has_untold_loss(tap) &&
	    clock_mono_ns() - tap->state_ns >= STATE_INTERVAL_NS) {
		tap->state_ns = clock_mono_ns();
		if (!writer_stream_put_state(tap->out, &tap->ring.entry, tap->epoch,
					     tap->generation, error))
			return SESSION_FAILED;
	}
	return SESSION_IDLE;
}

static void add_stats(struct tap_stats *sum, const struct tap_stats *stats)
{
	sum->packets += stats->packets;
	sum->bytes += stats->bytes;
	sum->events += stats->events;
	sum->lost += stats->lost;
	sum->overwritten += stats->overwritten;
	sum->before += stats->before;
	sum->torn += stats->torn;
}

/**
 * tap_finish - write down where a stream stands, and keep its line of the summary
 * @is_superseded: the region holds another driver's streams now
 * Return: false with @error set.
 */
static bool tap_finish(struct session *session, struct tap *tap, bool is_superseded,
		       GError **error)
{
	struct tap_summary *summary;
	bool is_told = false;

	/* of a stream that is gone the numbers of the last look are what remains */
	if (!tap->ring.damage && !is_superseded)
		ring_look(&tap->ring);
	note_loss(tap);
	/* an empty file says that the stream was there and had nothing */
	if (!tap->out && !tap->ring.damage && !is_superseded) {
		if (!tap_open(session, tap, error))
			return false;
		is_told = tap->out && !tap->out->is_continued && !has_untold_loss(tap);
	}
	if (tap->out && !is_told &&
	    !writer_stream_put_state(tap->out, &tap->ring.entry, tap->epoch, tap->generation,
				     error))
		return false;

	add_stats(&session->past.stats, &tap->stats);
	if (tap->ring.damage && !is_superseded)
		session->past.damaged++;
	/* a driver that came and went without a packet */
	if (is_superseded && !tap->out)
		return true;
	if (session->summaries->len >= MAX_SUMMARIES) {
		session->omitted++;
		return true;
	}
	summary = g_new0(struct tap_summary, 1);
	if (tap->out) {
		char *name = g_path_get_basename(tap->out->path);

		summary->name = tap->ring.has_generation ?
				g_strdup_printf("%u.%u/%s", tap->epoch, tap->generation, name) :
				g_strdup(name);
		g_free(name);
	} else {
		summary->name = g_strdup_printf("%u.%u/stream %u", tap->epoch, tap->generation,
						tap->ring.entry.id);
	}
	summary->source = tap->ring.entry.source;
	summary->stats = tap->stats;
	summary->damage = is_superseded ? NULL : tap->ring.damage;
	g_ptr_array_add(session->summaries, summary);
	return true;
}

/**
 * tell_end - write down what the driver says of its end
 * @is_last: also if that was done a moment ago; a guest can change its mind for ever
 * Return: false with @error set.
 */
static bool tell_end(struct session *session, bool is_last, GError **error)
{
	const struct guest_end *end = &session->end, *told = &session->told_end;
	uint64_t now = clock_mono_ns();

	region_guest_end(session->region, &session->guest, &session->end);
	if (end->reason == VHT_END_NONE ||
	    (end->reason == told->reason && end->stage == told->stage &&
	     end->counter == told->counter) ||
	    (!is_last && session->end_ns && now - session->end_ns < STATE_INTERVAL_NS))
		return true;
	session->told_end = session->end;
	session->end_ns = now;
	return writer_vm_put_end(session->out, session->guest.epoch, session->guest.generation,
				 end, error);
}

/**
 * finish_guest - end the recording of a driver's life
 * Return: false with @error set.
 */
static bool finish_guest(struct session *session, bool is_superseded, GError **error)
{
	guint i;

	if (session->has_guest && !tell_end(session, true, error))
		return false;
	for (i = 0; i < session->guest_taps->len; i++)
		if (!tap_finish(session, session->guest_taps->pdata[i], is_superseded, error))
			return false;
	g_ptr_array_set_size(session->guest_taps, 0);
	session->has_guest = false;
	return true;
}

/**
 * begin_guest - take the tables of a new driver
 *
 * A driver that was there at the first look began before the session.
 */
static void begin_guest(struct session *session, const struct region_guest *guest)
{
	uint32_t i;

	for (i = 0; i < guest->stream_count; i++) {
		struct tap *tap = tap_new(guest->epoch, guest->generation);

		ring_init_guest(&tap->ring, session->region, guest, i);
		g_ptr_array_add(session->guest_taps, tap);
	}
	/* were these the tables of one driver, and is it still there [R6]? */
	if (!region_guest_is_same(session->region, guest)) {
		g_ptr_array_set_size(session->guest_taps, 0);
		return;
	}
	for (i = 0; i < guest->stream_count; i++)
		tap_begin(session->guest_taps->pdata[i], session->has_looked);
	session->guest = *guest;
	session->has_guest = true;
	lttng_ust_tracepoint(hypertrace, epoch, session->name, guest->epoch, guest->generation,
			     guest->stream_count);
	memset(&session->end, 0, sizeof(session->end));
	memset(&session->told_end, 0, sizeof(session->told_end));
	session->end_ns = 0;
}

/**
 * select_events - ask a new driver for the events that the user wants
 */
static void select_events(struct session *session)
{
	uint64_t now = clock_mono_ns(), since = now - session->select_ns;

	if (!session->globs || session->control_fd < 0 ||
	    (session->selected_epoch == session->guest.epoch &&
	     session->selected_generation == session->guest.generation) ||
	    since < session->select_pause_ns)
		return;
	session->select_ns = now;
	session->select_pause_ns = since >= 2 * MAX_SELECT_PAUSE_NS ? MIN_SELECT_PAUSE_NS :
		CLAMP(2 * session->select_pause_ns, MIN_SELECT_PAUSE_NS, MAX_SELECT_PAUSE_NS);
	session->select_cookie = ++session->last_cookie;
	session->selected_epoch = session->guest.epoch;
	session->selected_generation = session->guest.generation;
	/* a connection that broke is noticed where input is read */
	control_send(session->control_fd, VHT_MSG_SELECT, session->select_cookie, session->globs,
		     NULL);
}

/**
 * look_at_guest - see whether there is a driver, and whether it is a new one
 * @can_read: set to false while the guest's tables are not to be used
 * Return: false with @error set.
 */
static bool look_at_guest(struct session *session, bool *can_read, GError **error)
{
	enum region_guest_state state;
	struct region_guest guest;
	const char *problem;

	state = region_guest(session->region, &guest, &problem);
	if (problem && problem != session->guest_problem)
		g_printerr("hypertrace: warning: %s: vm=%s\n", problem, session->name);
	session->guest_problem = problem;
	*can_read = false;
	if (state != REGION_GUEST_READY && state != REGION_GUEST_GONE) {
		session->has_looked = true;
		return true;
	}

	if (session->has_guest && (guest.epoch != session->guest.epoch ||
				   guest.generation != session->guest.generation) &&
	    !finish_guest(session, true, error))
		return false;
	if (!session->has_guest)
		begin_guest(session, &guest);
	session->has_looked = true;
	*can_read = session->has_guest;
	if (session->has_guest && state == REGION_GUEST_READY)
		select_events(session);
	return true;
}

struct session *session_new(const char *name, struct region *region, int control_fd,
			    struct writer *writer, const char *globs, GError **error)
{
	struct session *session = g_new0(struct session, 1);
	uint32_t i;

	session->name = g_strdup(name);
	session->region = region;
	session->control_fd = control_fd;
	session->globs = g_strdup(globs);
	session->summaries = g_ptr_array_new_with_free_func(summary_free);
	session->host_taps = g_ptr_array_new_with_free_func(tap_free);
	session->guest_taps = g_ptr_array_new_with_free_func(tap_free);
	session->out = writer_vm_new(writer, &region->host, error);
	if (!session->out) {
		session_free(session);
		return NULL;
	}
	session->window = session_window_new(session->name, region, session->out);
	for (i = 0; i < region->host.host_stream_count; i++) {
		struct tap *tap = tap_new(0, 0);

		ring_init_host(&tap->ring, region, i);
		tap_begin(tap, false);
		g_ptr_array_add(session->host_taps, tap);
	}
	lttng_ust_tracepoint(hypertrace, attach, session->name, region->host.region_size,
			     control_fd >= 0);
	return session;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	lttng_ust_tracepoint(hypertrace, detach, session->name);
	if (session->control_fd >= 0)
		close(session->control_fd);
	g_ptr_array_unref(session->host_taps);
	g_ptr_array_unref(session->guest_taps);
	g_ptr_array_unref(session->summaries);
	session_window_free(session->window);
	writer_vm_free(session->out);
	region_free(session->region);
	g_free(session->globs);
	g_free(session->name);
	g_free(session);
}

const char *session_dir_name(const struct session *session)
{
	return writer_vm_dir_name(session->out);
}

const char *session_name(const struct session *session)
{
	return session->name;
}

int session_control_fd(const struct session *session)
{
	return session->control_fd;
}

/**
 * handle_select_reply - take a driver's answer to SELECT
 *
 * If the first driver says that the events cannot be had, that is an error: the user
 * asked for them. What a later one says is told and no more: a guest can be a new driver
 * whenever it likes, and is not to end by that what is recorded of it, and of others.
 *
 * Return: false with @error set.
 */
static bool handle_select_reply(struct session *session, const struct control_message *message,
				GError **error)
{
	g_autoptr(GError) problem = NULL;
	bool is_first = !session->has_selected;

	if (message->arg == VHT_ENODEV) {
		/* the driver has gone meanwhile; the next one is asked again */
		session->selected_epoch = 0;
		session->selected_generation = 0;
		return true;
	}
	session->has_selected = true;
	if (message->arg == 0)
		return true;
	problem = g_error_new(HT_ERROR, HT_ERROR_FAILED,
			      "guest cannot select events: vm=%s events=%s: %s", session->name,
			      session->globs, message->text[0] ? message->text :
			      control_error_text((uint32_t)message->arg));
	if (is_first) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	g_printerr("hypertrace: warning: %s\n", problem->message);
	return true;
}

/**
 * handle_reply - take an answer of the driver
 * Return: false with @error set.
 */
static bool handle_reply(struct session *session, const struct control_message *message,
			 GError **error)
{
	if (message->cookie == session->flush_cookie) {
		session->flush_cookie = 0;
		lttng_ust_tracepoint(hypertrace, flushed, session->name, message->cookie);
		return true;
	}
	return message->cookie != session->select_cookie ||
	       handle_select_reply(session, message, error);
}

bool session_input(struct session *session, GError **error)
{
	struct control_message message;

	if (session->control_fd < 0)
		return true;
	switch (control_receive(session->control_fd, &message)) {
	case CONTROL_INPUT_NONE:
		break;
	case CONTROL_INPUT_MESSAGE:
		if (message.type == VHT_MSG_REPLY)
			return handle_reply(session, &message, error);
		break;
	case CONTROL_INPUT_END:
		/* the mapping stays: what is in the region will be taken */
		close(session->control_fd);
		session->control_fd = -1;
		session->flush_cookie = 0;
		break;
	}
	return true;
}

/**
 * pass_all - let each of some taps have its turn
 * @result: raised to what the taps say
 * Return: false with @error set.
 */
static bool pass_all(struct session *session, GPtrArray *taps, GByteArray *buffer,
		     enum session_result *result, GError **error)
{
	guint i;

	for (i = 0; i < taps->len; i++) {
		enum session_result one = tap_pass(session, taps->pdata[i], buffer, error);

		if (one == SESSION_FAILED)
			return false;
		*result = MAX(*result, one);
	}
	return true;
}

/**
 * take_all - let all streams have their turn
 */
static enum session_result take_all(struct session *session, GByteArray *buffer, GError **error)
{
	enum session_result result = SESSION_IDLE;
	bool can_read;

	if (!look_at_guest(session, &can_read, error) ||
	    !pass_all(session, session->host_taps, buffer, &result, error))
		return SESSION_FAILED;
	/* the clock record of each second is no load */
	if (result == SESSION_MOVED)
		result = SESSION_IDLE;
	if (can_read && !pass_all(session, session->guest_taps, buffer, &result, error))
		return SESSION_FAILED;
	if (can_read && !tell_end(session, false, error))
		return SESSION_FAILED;
	if (!session_window_pass(session->window, buffer, session->control_fd < 0, &result, error))
		return SESSION_FAILED;
	return result;
}

enum session_result session_pass(struct session *session, GByteArray *buffer, GError **error)
{
	struct session_totals before, after;
	enum session_result result;
	uint64_t begin_ns;

	if (!lttng_ust_tracepoint_enabled(hypertrace, pass))
		return take_all(session, buffer, error);
	session_totals(session, &before);
	begin_ns = clock_mono_ns();
	result = take_all(session, buffer, error);
	session_totals(session, &after);
	if (after.stats.packets > before.stats.packets)
		lttng_ust_do_tracepoint(hypertrace, pass, session->name,
					after.stats.packets - before.stats.packets,
					after.stats.bytes - before.stats.bytes,
					clock_mono_ns() - begin_ns, result == SESSION_MORE);
	return result;
}

uint64_t session_pause_ns(const struct session *session)
{
	uint64_t pause_ns = MAX_PAUSE_NS;
	guint i;

	for (i = 0; i < session->guest_taps->len; i++) {
		const struct tap *tap = session->guest_taps->pdata[i];

		/* metadata waits for room instead of being lost */
		if (!tap->ring.damage && tap->ring.entry.source != VHT_SOURCE_METADATA)
			pause_ns = MIN(pause_ns, tap->ring.entry.ring_size * FILL_NS_PER_BYTE);
	}
	pause_ns = MIN(pause_ns, session_window_pause_ns(session->window));
	return MAX(pause_ns, MIN_PAUSE_NS);
}

void session_flush(struct session *session)
{
	struct region_guest guest;

	session_window_flush(session->window);
	if (session->control_fd < 0 ||
	    region_guest(session->region, &guest, NULL) != REGION_GUEST_READY)
		return;
	session->flush_cookie = ++session->last_cookie;
	lttng_ust_tracepoint(hypertrace, flush, session->name, session->flush_cookie);
	if (!control_send(session->control_fd, VHT_MSG_FLUSH, session->flush_cookie, NULL, NULL))
		session->flush_cookie = 0;
}

bool session_is_flushing(const struct session *session)
{
	return session->flush_cookie != 0;
}

bool session_finish(struct session *session, GError **error)
{
	g_autoptr(GByteArray) buffer = g_byte_array_new();
	struct session_totals totals;
	bool is_superseded;
	guint i;

	if (!session_window_finish(session->window, buffer, session->summaries, error))
		return false;
	for (i = 0; i < session->host_taps->len; i++)
		if (!tap_finish(session, session->host_taps->pdata[i], false, error))
			return false;
	g_ptr_array_set_size(session->host_taps, 0);
	/* what looks like damage may be the work of the next driver */
	is_superseded = session->has_guest &&
			!region_guest_is_same(session->region, &session->guest);
	if (!finish_guest(session, is_superseded, error))
		return false;
	session_totals(session, &totals);
	lttng_ust_tracepoint(hypertrace, stop, session->name, totals.stats.packets,
			     totals.stats.bytes);
	return true;
}

void session_totals(const struct session *session, struct session_totals *out)
{
	guint i;

	*out = session->past;
	session_window_add_totals(session->window, out);
	for (i = 0; i < session->host_taps->len; i++)
		add_stats(&out->stats, &((struct tap *)session->host_taps->pdata[i])->stats);
	for (i = 0; i < session->guest_taps->len; i++)
		add_stats(&out->stats, &((struct tap *)session->guest_taps->pdata[i])->stats);
}

const struct guest_end *session_end(const struct session *session)
{
	return &session->end;
}

GPtrArray *session_summaries(const struct session *session, uint64_t *omitted)
{
	*omitted = session->omitted;
	return session->summaries;
}
