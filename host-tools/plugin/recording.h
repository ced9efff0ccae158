/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The babeltrace2 component class source.hypertrace.recording, for the plugin
 * and for who builds a graph in his own process.
 */
#ifndef HYPERTRACE_PLUGIN_RECORDING_H
#define HYPERTRACE_PLUGIN_RECORDING_H

#include <babeltrace2/babeltrace.h>

/* Methods: see babeltrace2's "Component class development". */
bt_component_class_initialize_method_status recording_source_init(
	bt_self_component_source *self, bt_self_component_source_configuration *config,
	const bt_value *params, void *data);
void recording_source_fini(bt_self_component_source *self);
bt_component_class_query_method_status recording_source_query(
	bt_self_component_class_source *self, bt_private_query_executor *executor,
	const char *object, const bt_value *params, void *data, const bt_value **result);
bt_message_iterator_class_initialize_method_status recording_iterator_init(
	bt_self_message_iterator *self, bt_self_message_iterator_configuration *config,
	bt_self_component_port_output *port);
void recording_iterator_fini(bt_self_message_iterator *self);
bt_message_iterator_class_next_method_status recording_iterator_next(
	bt_self_message_iterator *self, bt_message_array_const messages, uint64_t capacity,
	uint64_t *count);
bt_message_iterator_class_seek_beginning_method_status recording_iterator_seek_beginning(
	bt_self_message_iterator *self);

/**
 * recording_source_class_new - the component class, without a plugin
 * Return: the class, to be given up with
 * bt_component_class_source_put_ref(), or NULL without memory.
 */
const bt_component_class_source *recording_source_class_new(void);

#endif
