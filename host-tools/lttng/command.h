/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running one of LTTng's own commands: without a shell, for a bounded time, and
 * out of reach of the terminal's Ctrl-C, which is the recorder's to answer.
 */
#ifndef HYPERTRACE_LTTNG_COMMAND_H
#define HYPERTRACE_LTTNG_COMMAND_H

#include <glib.h>
#include <stdbool.h>

/**
 * lttng_command_run - run a command to its end
 * @argv: what to run, NULL at its end; looked for in PATH
 * @timeout_ms: how long it may take; then it is killed
 * @error: %HT_ERROR_NOT_FOUND if there is no such program; %HT_ERROR_FAILED if
 *	it failed, and then with what it said, or took too long
 * Return: false with @error set.
 */
bool lttng_command_run(const char *const *argv, int timeout_ms, GError **error);

#endif
