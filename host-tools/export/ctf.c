// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as CTF, written by babeltrace2's own sink. The graph runs in this
 * process and holds our source as a component class made here, so no plugin of ours
 * has to be found.
 */
#include <babeltrace2/babeltrace.h>

#include "error.h"
#include "export/export.h"
#include "export/graph.h"
#include "export/lttng.h"
#include "export/lttng-guest.h"
#include "export/output.h"
#include "plugin/recording.h"
#include "decode/decoder.h"
#include "recording/reader.h"

struct run {
	const struct export_request *request;
	char *trace;		/* the directory to write */
	bool is_single;		/* one VM, no others: the trace is the directory itself */
};

static bool add_source(bt_graph *graph, const struct run *run,
		       const bt_component_source **source, GError **error)
{
	const bt_component_class_source *class = recording_source_class_new();
	bt_value *params = bt_value_map_create(), *inputs = NULL;
	bool done = false;

	if (!class || !params ||
	    bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) ||
	    bt_value_array_append_string_element(inputs, run->request->recording) ||
	    /* babeltrace2 before 2.0.5 reads an empty text as the one before it. */
	    bt_value_map_insert_bool_entry(params, "pad-empty", BT_TRUE) ||
	    bt_value_map_insert_bool_entry(params, "vmsync", run->request->has_vmsync) ||
	    (run->request->names &&
	     bt_value_map_insert_string_entry(params, "names", run->request->names)) ||
	    (run->request->vm && bt_value_map_insert_string_entry(params, "vm", run->request->vm)))
		graph_error(HT_ERROR_FAILED, "cannot make the source", error);
	else if (bt_graph_add_source_component(graph, class, "recording", params,
					       BT_LOGGING_LEVEL_NONE, source))
		graph_error(HT_ERROR_FAILED, "cannot read the recording", error);
	else
		done = true;
	bt_value_put_ref(params);
	bt_component_class_source_put_ref(class);
	return done;
}

static bool add_sink(bt_graph *graph, const struct run *run,
		     const bt_component_sink **sink, GError **error)
{
	const bt_component_class_sink *class;
	const bt_plugin *plugin = graph_find_plugin("ctf", error);
	bt_value *params = NULL;
	bool done = false;

	if (!plugin)
		return false;
	class = bt_plugin_borrow_sink_component_class_by_name_const(plugin, "fs");
	params = bt_value_map_create();
	if (!class || !params ||
	    bt_value_map_insert_string_entry(params, "path", run->trace) ||
	    bt_value_map_insert_bool_entry(params, "quiet", BT_TRUE) ||
	    bt_value_map_insert_bool_entry(params, "assume-single-trace", run->is_single))
		graph_error(HT_ERROR_FAILED, "cannot make the sink", error);
	else if (bt_graph_add_sink_component(graph, class, "ctf", params,
					     BT_LOGGING_LEVEL_NONE, sink))
		graph_error(HT_ERROR_FAILED, "cannot write", error);
	else
		done = true;
	bt_value_put_ref(params);
	bt_plugin_put_ref(plugin);
	return done;
}

static bool run_graph(const struct run *run, GError **error)
{
	bt_graph *graph = bt_graph_create(0);
	const bt_component_source *source;
	const bt_component_sink *sink;
	bool done = false;

	if (!graph)
		return graph_error(HT_ERROR_FAILED, "cannot make a graph", error);
	if (!add_source(graph, run, &source, error) || !add_sink(graph, run, &sink, error))
		goto out;
	if (bt_graph_connect_ports(
		    graph, bt_component_source_borrow_output_port_by_index_const(source, 0),
		    bt_component_sink_borrow_input_port_by_index_const(sink, 0), NULL)) {
		graph_error(HT_ERROR_FAILED, "cannot connect source and sink", error);
		goto out;
	}
	if (bt_graph_run(graph)) {
		graph_error(HT_ERROR_FAILED, "cannot export", error);
		goto out;
	}
	done = true;
out:
	bt_graph_put_ref(graph);
	return done;
}

/* How many VMs there are to export. Return: 0 with @error set if there is none. */
static guint count_vms(const struct export_request *request, GError **error)
{
	struct recording *recording = recording_open(request->recording, error);
	guint count = 0;

	if (!recording)
		return 0;
	for (guint i = 0; i < recording->vms->len; i++) {
		const struct recording_vm *vm = g_ptr_array_index(recording->vms, i);

		count += !request->vm ||
			 g_pattern_match_simple(request->vm, vm->is_host ? DECODER_HOST_NAME :
									   vm->name);
	}
	if (!count)
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no such VM in %s: %s",
			    request->recording, request->vm ? request->vm : "(any)");
	recording_free(recording);
	return count;
}

static bool put_guests(const struct export_request *request, const char *set, guint *count,
		       GError **error)
{
	struct recording *recording = recording_open(request->recording, error);
	GPtrArray *traces = lttng_guest_traces_new();
	bool done = recording && export_lttng_guests(request, recording, set, traces, error);

	*count = traces->len;
	g_ptr_array_unref(traces);
	recording_free(recording);
	return done;
}

bool export_ctf(const struct export_request *request, GError **error)
{
	struct run run = { .request = request };
	guint vms = count_vms(request, error);
	struct output output;
	unsigned int others, guests = 0;
	bool done;

	if (!vms || !output_init(&output, request->out, error))
		return false;
	/* The sink insists on making the directory of a single trace itself. */
	run.trace = g_build_filename(output.partial, "trace", NULL);
	/* First, as what cannot be merged is soon known. */
	done = export_lttng(request, run.trace, &others, error) &&
	       (request->omits_lttng ||
		put_guests(request, run.trace, &guests, error));
	run.is_single = vms == 1 && !others && !guests;
	done = done && run_graph(&run, error) && output_commit(&output, run.trace, error);
	output_fini(&output);
	g_free(run.trace);
	return done;
}
