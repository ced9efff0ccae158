/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host itself being recorded: an ftrace instance of its kernel on one side,
 * the directory @host in the recording on the other. Beside the sessions of VMs,
 * and run like one: host_pass() again and again, in the end host_finish().
 */
#ifndef HYPERTRACE_HOST_HOST_H
#define HYPERTRACE_HOST_HOST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "recording/writer.h"
#include "session.h"

struct host;

/**
 * host_new - see that the host can be traced, and make the instance for it
 * @globs: events as SYSTEM:EVENT globs separated by commas, NULL for the default
 * @buffer_size: bytes of each CPU's buffer in the kernel, 0 for the default
 * @error: %HT_ERROR_FAILED: what is missing
 *
 * Nothing is traced yet, and nothing written.
 *
 * Return: the host, to be freed with host_free(), or NULL.
 */
struct host *host_new(const char *globs, uint64_t buffer_size, GError **error);

/**
 * host_free - let go of the host; the instance is removed from its kernel
 * @host: the host, or NULL
 */
void host_free(struct host *host);

/**
 * host_begin - begin to trace and to record
 * @host: the host
 * @writer: where to; outlives the host
 * @error: an I/O error, or %HT_ERROR_FORMAT: the recording is of another boot
 * Return: false with @error set.
 */
bool host_begin(struct host *host, struct writer *writer, GError **error);

/**
 * host_pass - take a bounded amount from each CPU
 * @host: the host; nothing happens before host_begin()
 * @error: an I/O error
 * Return: how it ended.
 */
enum session_result host_pass(struct host *host, GError **error);

/**
 * host_pause_ns - how long the host may be left alone
 * @host: the host
 * Return: ns.
 */
uint64_t host_pause_ns(const struct host *host);

/**
 * host_finish - end the trace, take the rest, and remove the instance
 * @host: the host; only host_totals(), host_summaries() and host_free() may follow
 * @error: the first I/O error; the rest is done nevertheless
 * Return: false with @error set.
 */
bool host_finish(struct host *host, GError **error);

/** host_name - the name of the host's directory in the recording */
const char *host_dir_name(const struct host *host);

/**
 * host_totals - sums so far
 * @host: the host
 * @out: the sums
 */
void host_totals(const struct host *host, struct session_totals *out);

/**
 * host_summaries - what was taken, stream by stream
 * @host: the host
 * Return: struct tap_summary *[]; belongs to @host.
 */
GPtrArray *host_summaries(struct host *host);

/** host_instance_label - what the instance is called in the kernel, for messages */
const char *host_instance_label(const struct host *host);

#endif
