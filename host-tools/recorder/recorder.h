/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The recorder behind `hypertrace record`: all VMs that are recorded, and the host, from the
 * first attachment to the last packet.
 */
#ifndef HYPERTRACE_RECORDER_RECORDER_H
#define HYPERTRACE_RECORDER_RECORDER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/host.h"
#include "kernel/profile.h"
#include "lttng/session.h"
#include "recording/writer.h"
#include "session.h"

/**
 * struct record_options - what the command line says
 * @runtime_dir: where VMs are looked for
 * @output: the recording
 * @operands: the VMs, ended by NULL
 * @globs: events to be enabled in the guests, or NULL
 * @duration_ns: when to stop, 0 for never
 * @may_wait: wait for VMs that do not live yet
 * @profile: of the kernel in a window, or NULL
 * @has_host: record the host too
 * @host_globs: its events, NULL for the default
 * @host_buffer: bytes of each CPU's buffer, 0 for the default
 * @has_lttng: have LTTng trace meanwhile
 * @lttng_events: what, NULL for the default
 */
struct record_options {
	const char *runtime_dir;
	const char *output;
	char **operands;
	const char *globs;
	uint64_t duration_ns;
	bool may_wait;
	const struct kernel_profile *profile;
	bool has_host;
	const char *host_globs;
	uint64_t host_buffer;
	bool has_lttng;
	const char *lttng_events;
};

/**
 * struct recorder - the state of the command
 * @writer: the recording
 * @path: of it
 * @sessions: struct session *, the VMs that are being recorded
 * @finished: struct session *, those that are done
 * @host: the host's own kernel, NULL if it is not recorded
 * @is_host_alone: there is no VM to wait for the end of
 * @buffer: scratch space for all of them
 * @signal_fd: SIGINT, SIGTERM and SIGHUP come here
 * @stop_requests: how many of them came
 * @lttng: LTTng's session beside it, or NULL
 * @has_status_line: a status line is on the terminal
 * @status_ns: when it was written
 * @status_events: events then
 * @status_bytes: bytes then
 */
struct recorder {
	struct writer *writer;
	const char *path;
	GPtrArray *sessions;
	GPtrArray *finished;
	struct host *host;
	bool is_host_alone;
	GByteArray *buffer;
	int signal_fd;
	unsigned int stop_requests;
	struct lttng_session *lttng;
	bool wants_status;
	bool has_status_line;
	uint64_t status_ns;
	uint64_t status_events;
	uint64_t status_bytes;
};

/**
 * recorder_open_signals - have the signals that end a recording come through a descriptor
 * Return: the descriptor, or -1.
 */
int recorder_open_signals(void);

/**
 * recorder_open_host_side - see that what of the host is to be recorded can be
 * @rec: the recorder
 * @options: the command line
 * @error: why not
 *
 * Nothing is recorded of anybody, and the output not touched, before that.
 *
 * Return: false with @error set.
 */
bool recorder_open_host_side(struct recorder *rec, const struct record_options *options,
			     GError **error);

/**
 * recorder_begin - begin to record: the host first, so that it has all of its VMs
 * @rec: the recorder
 * @options: the command line
 * @vms: struct vm *
 * @error: why not
 * Return: false with @error set, or without if the user wants an end.
 */
bool recorder_begin(struct recorder *rec, const struct record_options *options, GPtrArray *vms,
		    GError **error);

/**
 * recorder_run - record until the end that the user, the clock or the VMs set
 * @rec: the recorder
 * @deadline_ns: CLOCK_MONOTONIC, or 0
 * @error: what failed
 * Return: false with @error set.
 */
bool recorder_run(struct recorder *rec, uint64_t deadline_ns, GError **error);

/**
 * recorder_stop - end the recording of everything
 * @rec: the recorder
 * @error: what failed
 * Return: false with @error set.
 */
bool recorder_stop(struct recorder *rec, GError **error);

/**
 * recorder_abandon - after a failure: let go of the VMs and the host, keep what is written
 * @rec: the recorder
 */
void recorder_abandon(struct recorder *rec);

/**
 * recorder_end_lttng - have LTTng write the rest, whatever became of the recording
 * @rec: the recorder
 * @error: what lttng says
 * Return: false with @error set.
 */
bool recorder_end_lttng(struct recorder *rec, GError **error);

#endif
