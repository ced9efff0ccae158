// SPDX-License-Identifier: GPL-2.0-only
/*
 * What babeltrace2 looks for in a plugin's file.
 */
#include "recording.h"

BT_PLUGIN_MODULE();
BT_PLUGIN(hypertrace);
BT_PLUGIN_DESCRIPTION("Trace recordings of virtual machines");
BT_PLUGIN_AUTHOR("virtio-hypertrace");
BT_PLUGIN_LICENSE("GPL-2.0-only");

BT_PLUGIN_SOURCE_COMPONENT_CLASS(recording, recording_iterator_next);
BT_PLUGIN_SOURCE_COMPONENT_CLASS_DESCRIPTION(recording,
	"Read a recording made by `hypertrace record`.");
BT_PLUGIN_SOURCE_COMPONENT_CLASS_HELP(recording,
	"Parameters: inputs (array of one string: the recording's directory), "
	"names (string: lttng or ftrace), vm (string: glob), raw (boolean), "
	"pad-empty (boolean: an empty text as a space). "
	"See hypertrace-export(1).");
BT_PLUGIN_SOURCE_COMPONENT_CLASS_INITIALIZE_METHOD(recording, recording_source_init);
BT_PLUGIN_SOURCE_COMPONENT_CLASS_FINALIZE_METHOD(recording, recording_source_fini);
BT_PLUGIN_SOURCE_COMPONENT_CLASS_QUERY_METHOD(recording, recording_source_query);
BT_PLUGIN_SOURCE_COMPONENT_CLASS_MESSAGE_ITERATOR_CLASS_INITIALIZE_METHOD(recording,
	recording_iterator_init);
BT_PLUGIN_SOURCE_COMPONENT_CLASS_MESSAGE_ITERATOR_CLASS_FINALIZE_METHOD(recording,
	recording_iterator_fini);
BT_PLUGIN_SOURCE_COMPONENT_CLASS_MESSAGE_ITERATOR_CLASS_SEEK_BEGINNING_METHODS(recording,
	recording_iterator_seek_beginning, NULL);
