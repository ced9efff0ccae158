/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session of LTTng in a guest as a trace: a directory as lttng-consumerd would have
 * written it, its packets not a bit changed.
 */
#ifndef HYPERTRACE_LTTNG_GUEST_WRITE_H
#define HYPERTRACE_LTTNG_GUEST_WRITE_H

#include <glib.h>
#include <stdbool.h>

#include "lttng/guest.h"

/**
 * lttng_guest_write - write a session's packets that are not left out
 * @session: the session
 * @metadata: its metadata, as it is to be written
 * @dir: the directory, made; a file in it is written anew
 * @error: %HT_ERROR_FAILED: I/O
 * Return: false with @error set.
 */
bool lttng_guest_write(const struct lttng_guest_session *session, const GString *metadata,
		       const char *dir, GError **error);

/**
 * lttng_guest_file_name - what is safe as a file's name, of a guest's text
 * @text: what the guest calls it
 * @other: in place of a text of which nothing is left
 * Return: [A-Za-z0-9._-], bounded, no dot first; to be freed with g_free().
 */
char *lttng_guest_file_name(const char *text, const char *other);

#endif
