// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing the babeltrace2 source: the input is that of fuzz-decoder; what comes
 * out goes to sink.utils.dummy. babeltrace2 ends the process where it is used
 * wrongly, so no recording may make us do so.
 */
#include <babeltrace2/babeltrace.h>
#include <stdlib.h>

#include "../host/scratch.h"
#include "wire/bytes.h"
#include "plugin/recording.h"

static const char *const files[] = {
	"vm/1.1/metadata", "vm/vmm", "vm/1.1/ftrace.hypertrace-cpu0",
	"vm/1.1/ftrace.hypertrace-cpu1", "vm/1.1/heartbeat-cpu0",
};

static const bt_component_class_sink *dummy;

static void begin(void)
{
	static const bt_plugin *utils;

	scratch_init();
	scratch_put("recording.ini", "[recording]\nversion=1\nhostname=h\nstart_mono_ns=1\n"
		    "start_real_ns=2\n", -1);
	scratch_put("vm/vm.ini", "[vm]\nname=vm\ncounter_hz=2000000000\n", -1);
	assert(!bt_plugin_find("utils", BT_TRUE, BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, &utils));
	dummy = bt_plugin_borrow_sink_component_class_by_name_const(utils, "dummy");
	assert(dummy);
}

static void run(void)
{
	bt_graph *graph = bt_graph_create(0);
	const bt_component_class_source *class = recording_source_class_new();
	const bt_component_source *source;
	const bt_component_sink *sink;
	bt_value *params = bt_value_map_create(), *inputs;
	const bt_error *error;

	assert(graph && class && params);
	assert(!bt_value_map_insert_empty_array_entry(params, "inputs", &inputs));
	assert(!bt_value_array_append_string_element(inputs, scratch_dir));
	if (!bt_graph_add_source_component(graph, class, "source", params, BT_LOGGING_LEVEL_NONE,
					   &source) &&
	    !bt_graph_add_sink_component(graph, dummy, "sink", NULL, BT_LOGGING_LEVEL_NONE, &sink) &&
	    !bt_graph_connect_ports(
		    graph, bt_component_source_borrow_output_port_by_index_const(source, 0),
		    bt_component_sink_borrow_input_port_by_index_const(sink, 0), NULL))
		bt_graph_run(graph);
	error = bt_current_thread_take_error();
	if (error)
		bt_error_release(error);
	bt_value_put_ref(params);
	bt_component_class_source_put_ref(class);
	bt_graph_put_ref(graph);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!scratch_dir)
		begin();
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		uint32_t length = size >= 4 ? get_u32(data) : 0;

		data += MIN(size, 4);
		size -= MIN(size, 4);
		length = MIN(length, size);
		scratch_put(files[i], data, length);
		data += length;
		size -= length;
	}
	run();
	return 0;
}
