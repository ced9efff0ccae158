/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One VM being recorded: its region on one side, its directory in the recording
 * on the other, and the control connection, if the VM lives.
 *
 * Whoever runs sessions calls session_pass() again and again, session_input()
 * when there is input, and in the end session_finish(). None of them waits.
 */
#ifndef HYPERTRACE_SESSION_H
#define HYPERTRACE_SESSION_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "recording/writer.h"
#include "region/region.h"
#include "region/ring.h"
#include "wire/end.h"

/**
 * struct tap_stats - what a session has taken from one stream
 * @packets: packets written
 * @bytes: bytes of them
 * @events: events in them
 * @lost: events that the guest lost since the stream began
 * @overwritten: packets missing in the sequence since the recording began
 * @before: packets that were overwritten before the recording began
 * @torn: packets overwritten while they were copied (they are @overwritten too)
 */
struct tap_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t events;
	uint64_t lost;
	uint64_t overwritten;
	uint64_t before;
	uint64_t torn;
};

/**
 * struct tap_summary - a stream in the summary
 * @name: e.g. "1.1/ftrace.hypertrace-cpu0"
 * @source: VHT_SOURCE_*
 * @stats: see there
 * @damage: why it ended early, or NULL
 */
struct tap_summary {
	char *name;
	uint16_t source;
	struct tap_stats stats;
	const char *damage;
};

/**
 * struct session_totals - sums over all streams of a session so far
 */
struct session_totals {
	struct tap_stats stats;
	uint64_t damaged;
};

struct session;

/**
 * session_new - begin to record a VM
 * @name: of the VM, for messages
 * @region: its region; the session owns it
 * @control_fd: the control connection, which the session owns; -1 for a VM that
 *	has ended
 * @writer: where to; outlives the session
 * @globs: events to be enabled in the guest, or NULL
 * @error: an I/O error
 * Return: the session, to be freed with session_free(), or NULL; then @region
 * and @control_fd are gone as well.
 */
struct session *session_new(const char *name, struct region *region, int control_fd,
			    struct writer *writer, const char *globs, GError **error);

/**
 * session_free - end a session; closes the control connection
 * @session: the session, or NULL
 */
void session_free(struct session *session);

/**
 * session_dir_name - the VM's directory in the recording
 * @session: the session
 * Return: its name; belongs to @session.
 */
const char *session_dir_name(const struct session *session);

/**
 * session_name - the VM's name
 * @session: the session
 * Return: belongs to @session.
 */
const char *session_name(const struct session *session);

/**
 * session_control_fd - what to poll
 * @session: the session
 * Return: the control connection, -1 after the VM's end.
 */
int session_control_fd(const struct session *session);

/**
 * session_input - take messages from the VMM
 * @session: the session
 * @error: the first driver that was asked cannot enable the events
 * Return: false with @error set.
 */
bool session_input(struct session *session, GError **error);

/**
 * enum session_result - how a pass ended
 * @SESSION_IDLE: there was nothing from the guest; what the host had is taken
 * @SESSION_MOVED: something was taken
 * @SESSION_MORE: something was taken, and more is waiting
 * @SESSION_FAILED: the error says why: no pass will be better
 */
enum session_result {
	SESSION_IDLE,
	SESSION_MOVED,
	SESSION_MORE,
	SESSION_FAILED,
};

/**
 * session_pass - take a bounded amount from each stream [H2]
 * @session: the session
 * @buffer: scratch space, shared by all sessions
 * @error: an I/O error, or %HT_ERROR_FORMAT for a truncated region
 * Return: how it ended.
 */
enum session_result session_pass(struct session *session, GByteArray *buffer, GError **error);

/**
 * session_pause_ns - how long the session may be left alone
 * @session: the session
 *
 * So long that a burst out of idleness does not fill the smallest ring.
 *
 * Return: ns.
 */
uint64_t session_pause_ns(const struct session *session);

/**
 * session_flush - ask the guest to put all that it holds into the region
 * @session: the session
 */
void session_flush(struct session *session);

/**
 * session_is_flushing - see whether the answer to session_flush() is missing
 * @session: the session
 * Return: true if it is.
 */
bool session_is_flushing(const struct session *session);

/**
 * session_finish - write down where each stream stood
 * @session: the session; only session_summaries(), session_totals() and
 *	session_free() may follow
 * @error: an I/O error
 * Return: false with @error set.
 */
bool session_finish(struct session *session, GError **error);

/**
 * session_totals - sums so far
 * @session: the session
 * @out: the sums
 */
void session_totals(const struct session *session, struct session_totals *out);

/**
 * session_end - what the last driver said of its end
 * @session: the session
 * Return: it, belongs to @session; its reason is %VHT_END_NONE if nothing was said.
 */
const struct guest_end *session_end(const struct session *session);

/**
 * session_summaries - what was taken, stream by stream, after session_finish()
 * @session: the session
 * @omitted: streams without a line of their own
 * Return: struct tap_summary *[]; belongs to @session.
 */
GPtrArray *session_summaries(const struct session *session, uint64_t *omitted);

#endif
