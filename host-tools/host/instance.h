/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ftrace instance of the host that belongs to one recorder: a set of ring
 * buffers of its own, with its own events and clock, beside whatever else is
 * traced on the host. It is made and removed with the recorder; what a recorder
 * that was killed left behind, the next one removes.
 */
#ifndef HYPERTRACE_HOST_INSTANCE_H
#define HYPERTRACE_HOST_INSTANCE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the host's ftrace streams are named. */
#define HOST_SOURCE_NAME	"hypertrace"

/* What is traced, as far as the kernel has it. */
#define HOST_DEFAULT_EVENTS \
	"kvm:*,sched:sched_switch,sched:sched_waking,sched:sched_wakeup," \
	"sched:sched_migrate_task,irq:*"

#define HOST_DEFAULT_BUFFER	(4ULL << 20)

struct host_instance;

/**
 * struct host_layout - how the kernel lays out a sub-buffer
 * @subbuf_size: bytes, its header included
 * @long_size: bytes of the kernel's long, 4 or 8
 */
struct host_layout {
	size_t subbuf_size;
	unsigned int long_size;
};

/**
 * host_layout_parse - understand the text of events/header_page
 * @text: it
 * @out: written only on success
 * Return: false if it says something else.
 */
bool host_layout_parse(const char *text, struct host_layout *out);

/**
 * host_events_match - the events that globs select
 * @available: SYSTEM:EVENT lines, as in available_events
 * @globs: SYSTEM:EVENT globs separated by commas; SYSTEM alone is all of it
 * @must_match: each glob has to select something
 * @error: %HT_ERROR_FAILED if one does not
 * Return: char *[] of SYSTEM:EVENT in the order of @available, or NULL.
 */
GPtrArray *host_events_match(const char *available, const char *globs, bool must_match,
			     GError **error);

/**
 * host_instance_new - make an instance that does not trace yet
 * @globs: its events as in host_events_match(), NULL for %HOST_DEFAULT_EVENTS
 *	as far as the kernel has them
 * @buffer_size: bytes for each CPU, 0 for %HOST_DEFAULT_BUFFER
 * @error: %HT_ERROR_FAILED: what is missing, and what to do about it
 * Return: the instance, to be freed with host_instance_free(), or NULL.
 */
struct host_instance *host_instance_new(const char *globs, uint64_t buffer_size, GError **error);

/**
 * host_instance_free - remove an instance from the kernel
 * @instance: the instance, or NULL; nobody has a file of it open any more
 */
void host_instance_free(struct host_instance *instance);

/**
 * host_instance_trace - turn tracing on or off
 * @instance: the instance
 * @is_on: on
 * @error: the kernel's answer
 * Return: false with @error set.
 */
bool host_instance_trace(struct host_instance *instance, bool is_on, GError **error);

/**
 * host_instance_open - open a file of the instance
 * @instance: the instance
 * @name: its path in the instance
 * @flags: of open()
 * @error: the kernel's answer
 * Return: a descriptor, or -1 with @error set.
 */
int host_instance_open(struct host_instance *instance, const char *name, int flags,
		       GError **error);

/**
 * host_instance_read - read a text file of the instance
 * @instance: the instance
 * @name: its path in the instance
 * Return: its text, to be freed with g_free(), or NULL.
 */
char *host_instance_read(struct host_instance *instance, const char *name);

/**
 * host_tracefs_read - read a text file of the top level
 * @instance: any instance
 * @name: its path in tracefs
 * Return: its text, to be freed with g_free(), or NULL.
 */
char *host_tracefs_read(struct host_instance *instance, const char *name);

/** host_instance_name - what it is called in the kernel */
const char *host_instance_name(const struct host_instance *instance);

/** host_instance_layout - of its sub-buffers */
const struct host_layout *host_instance_layout(const struct host_instance *instance);

/** host_instance_events - the events that are enabled: char *[] of SYSTEM:EVENT */
const GPtrArray *host_instance_events(const struct host_instance *instance);

/** host_instance_buffer_size - bytes for each CPU */
uint64_t host_instance_buffer_size(const struct host_instance *instance);

#endif
