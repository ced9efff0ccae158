/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The window of one VM being recorded: its two places on one side, the
 * directories EPOCH.0 of the recording on the other. Part of a session.
 */
#ifndef HYPERTRACE_SESSION_WINDOW_H
#define HYPERTRACE_SESSION_WINDOW_H

#include "region/window.h"
#include "session.h"

struct session_window;

/**
 * session_window_new - begin to record a VM's window
 * @name: of the VM, for messages
 * @region: its region, with or without a window; outlives the result
 * @out: the VM's directory; likewise
 * Return: to be freed with session_window_free().
 */
struct session_window *session_window_new(const char *name, const struct region *region,
					  struct writer_vm *out);

/** session_window_free - free it; NULL is fine */
void session_window_free(struct session_window *window);

/**
 * session_window_pass - take a bounded amount from each CPU's buffer [H2]
 * @window: the window
 * @buffer: scratch space
 * @has_ended: nobody writes any more: take what is begun, too
 * @result: raised to what there was
 * @error: an I/O error, or %HT_ERROR_FORMAT for a truncated region
 * Return: false with @error set.
 */
bool session_window_pass(struct session_window *window, GByteArray *buffer, bool has_ended,
			 enum session_result *result, GError **error);

/** session_window_flush - take what is begun at the next pass, once */
void session_window_flush(struct session_window *window);

/**
 * session_window_pause_ns - how long the window may be left alone
 * Return: ns, UINT64_MAX without a window.
 */
uint64_t session_window_pause_ns(const struct session_window *window);

/** session_window_add_totals - add what was taken so far */
void session_window_add_totals(const struct session_window *window, struct session_totals *sum);

/**
 * session_window_finish - take the rest, and write down where each buffer stood
 * @window: the window
 * @buffer: scratch space
 * @summaries: struct tap_summary * are added
 * @error: an I/O error
 * Return: false with @error set.
 */
bool session_window_finish(struct session_window *window, GByteArray *buffer,
			   GPtrArray *summaries, GError **error);

#endif
