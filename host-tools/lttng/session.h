/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session of stock LTTng beside a recording: made, started, stopped and
 * destroyed with the commands of lttng-tools, as its user would.
 *
 * A session daemon that runs is used; else one is started, and stays. What the
 * recorder made is named hypertrace-PID, also for who has to clean up by hand.
 */
#ifndef HYPERTRACE_LTTNG_SESSION_H
#define HYPERTRACE_LTTNG_SESSION_H

#include <glib.h>
#include <stdbool.h>

/* The directory in a recording that holds LTTng's traces. */
#define LTTNG_DIR	"@lttng"

struct lttng_session;

/**
 * lttng_session_new - make a session; nothing is traced or written yet
 * @recording: directory of the recording, which need not exist yet; its traces go
 *	to %LTTNG_DIR/NAME in it
 * @events: "[kernel:|ust:]PATTERN,...", or NULL for what concerns VMs: user space
 *	always, the kernel where LTTng can trace it
 * @error: %HT_ERROR_USAGE: @events makes no sense; %HT_ERROR_NOT_FOUND: no
 *	lttng-tools; %HT_ERROR_FAILED: what lttng says
 *
 * Context: takes as long as lttng does, within bounds.
 * Return: the session, to be freed with lttng_session_free(), or NULL.
 */
struct lttng_session *lttng_session_new(const char *recording, const char *events,
					GError **error);

/**
 * lttng_session_start - begin to trace
 * @session: the session
 * @error: %HT_ERROR_FAILED: what lttng says
 * Return: false with @error set.
 */
bool lttng_session_start(struct lttng_session *session, GError **error);

/**
 * lttng_session_end - stop tracing, and wait until all is written
 * @session: the session
 * @error: %HT_ERROR_FAILED: what lttng says; the session is destroyed nevertheless,
 *	if its daemon lives
 * Return: false with @error set.
 */
bool lttng_session_end(struct lttng_session *session, GError **error);

/**
 * lttng_session_free - forget a session; one that was not ended is destroyed
 * @session: the session, or NULL
 */
void lttng_session_free(struct lttng_session *session);

/**
 * lttng_session_name - what lttng knows it by
 * @session: the session
 * Return: belongs to @session.
 */
const char *lttng_session_name(const struct lttng_session *session);

/**
 * lttng_session_output - where its traces go
 * @session: the session
 * Return: an absolute path; belongs to @session.
 */
const char *lttng_session_output(const struct lttng_session *session);

#endif
