// SPDX-License-Identifier: GPL-2.0-only
/* What our graphs of babeltrace2's components share; see graph.h. */
#include "export/graph.h"

#include "error.h"

/* The causes that babeltrace2 has noted in this thread, in one line. */
static char *take_causes(void)
{
	const bt_error *error = bt_current_thread_take_error();
	GString *text = g_string_new(NULL);
	uint64_t count = error ? bt_error_get_cause_count(error) : 0;

	/* The first is the innermost. */
	for (uint64_t i = 0; i < count; i++)
		g_string_append_printf(text, "%s%s", i ? "; " : "",
				       bt_error_cause_get_message(
					       bt_error_borrow_cause_by_index(error, i)));
	if (!count)
		g_string_append(text, "no reason given");
	if (error)
		bt_error_release(error);
	return g_string_free(text, FALSE);
}

bool graph_error(int code, const char *what, GError **error)
{
	g_autofree char *causes = take_causes();

	g_set_error(error, HT_ERROR, code, "%s: %s", what, causes);
	return false;
}

const bt_plugin *graph_find_plugin(const char *name, GError **error)
{
	g_autofree char *what = g_strdup_printf("cannot find babeltrace2's plugin %s", name);
	const bt_plugin *plugin = NULL;

	if (!bt_plugin_find(name, BT_TRUE, BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, &plugin) &&
	    plugin)
		return plugin;
	graph_error(HT_ERROR_FAILED, what, error);
	return NULL;
}

bool graph_plugins_init(struct graph_plugins *plugins, GError **error)
{
	*plugins = (struct graph_plugins) { .ctf = graph_find_plugin("ctf", error) };
	if (plugins->ctf)
		plugins->utils = graph_find_plugin("utils", error);
	return plugins->utils;
}

void graph_plugins_fini(struct graph_plugins *plugins)
{
	bt_plugin_put_ref(plugins->ctf);
	bt_plugin_put_ref(plugins->utils);
}

const bt_component_source *graph_add_trace(bt_graph *graph, const bt_plugin *ctf,
					   const char *dir, const char *name)
{
	const bt_component_class_source *class =
		bt_plugin_borrow_source_component_class_by_name_const(ctf, "fs");
	const bt_component_source *source = NULL;
	bt_value *params = bt_value_map_create(), *inputs;

	if (class && params && !bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) &&
	    !bt_value_array_append_string_element(inputs, dir) &&
	    !bt_value_map_insert_string_entry(params, "trace-name", name) &&
	    bt_graph_add_source_component(graph, class, name, params, BT_LOGGING_LEVEL_NONE,
					  &source))
		source = NULL;
	bt_value_put_ref(params);
	return source;
}

const bt_component_filter *graph_add_muxer(bt_graph *graph, const bt_plugin *utils)
{
	const bt_component_class_filter *class =
		bt_plugin_borrow_filter_component_class_by_name_const(utils, "muxer");
	const bt_component_filter *muxer;

	if (!class || bt_graph_add_filter_component(graph, class, "muxer", NULL,
						    BT_LOGGING_LEVEL_NONE, &muxer))
		return NULL;
	return muxer;
}

/* The muxer has one free port more after each connection. */
bool graph_connect_source(bt_graph *graph, const bt_component_source *source,
			  const bt_component_filter *muxer, uint64_t *port)
{
	uint64_t count = bt_component_source_get_output_port_count(source);

	for (uint64_t i = 0; i < count; i++, ++*port)
		if (bt_graph_connect_ports(
			    graph, bt_component_source_borrow_output_port_by_index_const(source, i),
			    bt_component_filter_borrow_input_port_by_index_const(muxer, *port),
			    NULL))
			return false;
	return true;
}

bool graph_connect_sink(bt_graph *graph, const bt_component_filter *muxer,
			const bt_component_sink *sink)
{
	return !bt_graph_connect_ports(
		graph, bt_component_filter_borrow_output_port_by_index_const(muxer, 0),
		bt_component_sink_borrow_input_port_by_index_const(sink, 0), NULL);
}

static bt_graph_simple_sink_component_consume_func_status consume(bt_message_iterator *iterator,
								  void *data)
{
	const struct graph_taker *taker = data;
	bt_message_array_const messages;
	uint64_t count;
	bool done = true;

	switch (bt_message_iterator_next(iterator, &messages, &count)) {
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_OK:
		break;
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_END:
		return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_END;
	case BT_MESSAGE_ITERATOR_NEXT_STATUS_AGAIN:
		return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_AGAIN;
	default:
		return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_ERROR;
	}
	for (uint64_t i = 0; i < count; i++) {
		done = done && taker->take(taker->data, messages[i]);
		bt_message_put_ref(messages[i]);
	}
	return done ? BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK :
		      BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_ERROR;
}

const bt_component_sink *graph_add_taker(bt_graph *graph, struct graph_taker *taker)
{
	const bt_component_sink *sink;

	if (bt_graph_add_simple_sink_component(graph, "taker", NULL, consume, NULL, taker, &sink))
		return NULL;
	return sink;
}
