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
 * struct stream_classes - a babeltrace2 stream class and its event classes
 * @stream_class: owned
 * @has_task: the event common context holds tid and procname
 * @event_classes: bt_event_class *, by the index of the decoder's class; NULL
 *	for those not yet seen
 * @empty: what an empty text is given as
 * @scratch: room for texts
 */
struct stream_classes {
	bt_stream_class *stream_class;
	bool has_task;
	GPtrArray *event_classes;
	const char *empty;
	struct text scratch;
};

/**
 * stream_classes_new - make a stream class
 * @trace_class: the trace class to make it in
 * @clock_class: of its times
 * @name: of the stream class
 * @has_cpu: its streams belong to CPUs
 * @has_task: its events belong to tasks
 * Return: the classes, to be freed with stream_classes_free(), or NULL without
 * memory.
 */
struct stream_classes *stream_classes_new(bt_trace_class *trace_class,
					  bt_clock_class *clock_class, const char *name,
					  bool has_cpu, bool has_task);

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
 * stream_classes_fill - set the fields of an event
 * @classes: of the event's stream
 * @item: the decoder's event
 * @event: babeltrace2's, of the class that stream_classes_get() gave for it
 * Return: false without memory.
 */
bool stream_classes_fill(struct stream_classes *classes, const struct decoder_item *item,
			 bt_event *event);

#endif
