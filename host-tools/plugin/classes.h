/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event classes of the decoder as event classes of babeltrace2, and events as
 * fields of them.
 */
#ifndef HYPERTRACE_PLUGIN_CLASSES_H
#define HYPERTRACE_PLUGIN_CLASSES_H

#include <babeltrace2/babeltrace.h>

#include "decode/decoder.h"
#include "decode/text.h"

/**
 * enum place_context - what the event common context says of where an event was
 * @PLACE_CONTEXT_NONE: nothing
 * @PLACE_CONTEXT_GUEST: vcpu_id, host_cpu_id
 * @PLACE_CONTEXT_HOST: vm_id, vcpu_id: whom it concerns
 */
enum place_context {
	PLACE_CONTEXT_NONE,
	PLACE_CONTEXT_GUEST,
	PLACE_CONTEXT_HOST,
};

/**
 * struct stream_kind - what the events of a stream class have
 * @has_cpu: its streams belong to CPUs
 * @has_task: its events belong to tasks: the event common context has tid and
 *	procname
 * @place: what it has of places
 * @vms: struct recording_vm *, whose place in it vm_id is
 */
struct stream_kind {
	bool has_cpu;
	bool has_task;
	enum place_context place;
	const GPtrArray *vms;
};

/**
 * struct stream_classes - a babeltrace2 stream class and its event classes
 * @stream_class: owned
 * @kind: what its events have
 * @event_classes: bt_event_class *, by the index of the decoder's class; NULL
 *	for those not yet seen
 * @sync_class: of the event that stream_classes_get_sync() gives, or NULL
 * @empty: what an empty text is given as
 * @scratch: room for texts
 */
struct stream_classes {
	bt_stream_class *stream_class;
	struct stream_kind kind;
	GPtrArray *event_classes;
	bt_event_class *sync_class;
	const char *empty;
	struct text scratch;
};

/**
 * stream_classes_new - make a stream class
 * @trace_class: the trace class to make it in
 * @clock_class: of its times
 * @name: of the stream class
 * @kind: what its events have; @kind->vms must stay as long as the result
 * Return: the classes, to be freed with stream_classes_free(), or NULL without
 * memory.
 */
struct stream_classes *stream_classes_new(bt_trace_class *trace_class,
					  bt_clock_class *clock_class, const char *name,
					  const struct stream_kind *kind);

/** stream_classes_free - give up a stream class and its event classes; NULL is fine */
void stream_classes_free(struct stream_classes *classes);

/**
 * stream_classes_get - the event class of an event
 * @classes: of the event's stream
 * @class: the decoder's class
 * Return: the event class, or NULL without memory.
 */
const bt_event_class *stream_classes_get(struct stream_classes *classes,
					 const struct event_class *class);

/**
 * stream_classes_get_sync - the event class of a made event that names a VM
 * @classes: of the stream
 * @is_host: vmsync_gh_host, else vmsync_gh_guest
 * Return: the event class, or NULL without memory.
 */
const bt_event_class *stream_classes_get_sync(struct stream_classes *classes, bool is_host);

/**
 * stream_classes_fill_sync - set the fields of such an event
 * @classes: of the stream
 * @item: the event of the recording that it goes before
 * @event: babeltrace2's
 * @count: its cnt
 * @uid: its vm_uid
 * Return: false without memory.
 */
bool stream_classes_fill_sync(struct stream_classes *classes, const struct decoder_item *item,
			      bt_event *event, uint32_t count, uint64_t uid);

/**
 * stream_classes_fill - set the fields of an event
 * @classes: of the event's stream
 * @item: the decoder's event
 * @event: babeltrace2's, of the class that stream_classes_get() gave for it
 * Return: false without memory.
 */
bool stream_classes_fill(struct stream_classes *classes, const struct decoder_item *item,
			 bt_event *event);

#endif
