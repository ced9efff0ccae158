// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether babeltrace2 can read a trace to its end; see readable.h. Its own source
 * reads, and its own sink throws away.
 */
#include "export/readable.h"

#include "error.h"
#include "export/graph.h"
#include "export/guard.h"

/* babeltrace2's plugins that the graph is made of. */
struct plugins {
	const bt_plugin *ctf;
	const bt_plugin *utils;
};

static const bt_component_source *add_source(bt_graph *graph, const struct plugins *plugins,
					     const char *dir)
{
	const bt_component_class_source *class =
		bt_plugin_borrow_source_component_class_by_name_const(plugins->ctf, "fs");
	const bt_component_source *source = NULL;
	bt_value *params = bt_value_map_create(), *inputs;

	if (class && params && !bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) &&
	    !bt_value_array_append_string_element(inputs, dir) &&
	    bt_graph_add_source_component(graph, class, "trace", params, BT_LOGGING_LEVEL_NONE,
					  &source))
		source = NULL;
	bt_value_put_ref(params);
	return source;
}

static const bt_component_filter *add_muxer(bt_graph *graph, const struct plugins *plugins)
{
	const bt_component_class_filter *class =
		bt_plugin_borrow_filter_component_class_by_name_const(plugins->utils, "muxer");
	const bt_component_filter *muxer;

	if (!class || bt_graph_add_filter_component(graph, class, "muxer", NULL,
						    BT_LOGGING_LEVEL_NONE, &muxer))
		return NULL;
	return muxer;
}

static const bt_component_sink *add_sink(bt_graph *graph, const struct plugins *plugins)
{
	const bt_component_class_sink *class =
		bt_plugin_borrow_sink_component_class_by_name_const(plugins->utils, "dummy");
	const bt_component_sink *sink;

	if (!class || bt_graph_add_sink_component(graph, class, "nothing", NULL,
						  BT_LOGGING_LEVEL_NONE, &sink))
		return NULL;
	return sink;
}

/* All streams through the muxer, which has one free port more after each connection. */
static bool connect_all(bt_graph *graph, const bt_component_source *source,
		    const bt_component_filter *muxer, const bt_component_sink *sink)
{
	uint64_t count = bt_component_source_get_output_port_count(source);

	for (uint64_t i = 0; i < count; i++)
		if (bt_graph_connect_ports(
			    graph, bt_component_source_borrow_output_port_by_index_const(source, i),
			    bt_component_filter_borrow_input_port_by_index_const(muxer, i), NULL))
			return false;
	return !bt_graph_connect_ports(
		graph, bt_component_filter_borrow_output_port_by_index_const(muxer, 0),
		bt_component_sink_borrow_input_port_by_index_const(sink, 0), NULL);
}

static bool run(const struct plugins *plugins, const char *dir)
{
	bt_graph *graph = bt_graph_create(0);
	const bt_component_source *source = graph ? add_source(graph, plugins, dir) : NULL;
	const bt_component_filter *muxer = source ? add_muxer(graph, plugins) : NULL;
	const bt_component_sink *sink = muxer ? add_sink(graph, plugins) : NULL;
	bool done = sink && connect_all(graph, source, muxer, sink) && !bt_graph_run(graph);

	bt_graph_put_ref(graph);
	return done;
}

bool readable_check(const char *dir, GError **error)
{
	struct plugins plugins = { .ctf = graph_find_plugin("ctf", error) };
	bool done = false;

	if (plugins.ctf)
		plugins.utils = graph_find_plugin("utils", error);
	if (plugins.utils)
		done = run(&plugins, dir) ||
		       graph_error(HT_ERROR_FORMAT, "babeltrace2 cannot read LTTng's trace", error);
	bt_plugin_put_ref(plugins.ctf);
	bt_plugin_put_ref(plugins.utils);
	return done;
}

/* Of what babeltrace2 says, the part that is kept. */
#define MAX_SAID	1024

/* A check in another process: what it says comes back. */
struct guarded {
	const char *dir;
	char *said;
};

static bool check(void *data)
{
	const struct guarded *guarded = data;
	GError *error = NULL;

	if (readable_check(guarded->dir, &error))
		return true;
	g_strlcpy(guarded->said, error->message, MAX_SAID);
	return false;
}

bool readable_check_guarded(const char *dir, uint64_t size, unsigned int *deaths, GError **error)
{
	struct guarded guarded = { .dir = dir, .said = guard_alloc(MAX_SAID) };
	enum guard_result result = guarded.said ? guard_run(check, &guarded, size) : GUARD_DIED;

	*deaths += result == GUARD_DIED;
	if (result == GUARD_DIED)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "babeltrace2 does not get to its end with it");
	else if (result == GUARD_FALSE)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "%s", guarded.said);
	guard_free(guarded.said, MAX_SAID);
	return result == GUARD_TRUE;
}
