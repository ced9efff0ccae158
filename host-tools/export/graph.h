/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What our graphs of babeltrace2's components share: its reasons as errors of ours,
 * and its own component classes.
 */
#ifndef HT_EXPORT_GRAPH_H
#define HT_EXPORT_GRAPH_H

#include <babeltrace2/babeltrace.h>
#include <glib.h>
#include <stdbool.h>

/**
 * graph_error - make an error of what babeltrace2 noted in this thread
 * @code: HT_ERROR_*
 * @what: what could not be done
 * @error: set
 * Return: false.
 */
bool graph_error(int code, const char *what, GError **error);

/**
 * graph_find_plugin - one of babeltrace2's own plugins
 * @name: of it
 * @error: HT_ERROR_FAILED: it is not installed
 * Return: the plugin, to be given up with bt_plugin_put_ref(), or NULL.
 */
const bt_plugin *graph_find_plugin(const char *name, GError **error);

/**
 * struct graph_plugins - those that a graph which reads traces is made of
 * @ctf: has the source
 * @utils: has the muxer
 */
struct graph_plugins {
	const bt_plugin *ctf;
	const bt_plugin *utils;
};

/**
 * graph_plugins_init - find them
 * @plugins: set; graph_plugins_fini() is due also after a failure
 * @error: HT_ERROR_FAILED: one is not installed
 * Return: false with @error set.
 */
bool graph_plugins_init(struct graph_plugins *plugins, GError **error);

/** graph_plugins_fini - give them up */
void graph_plugins_fini(struct graph_plugins *plugins);

/**
 * graph_add_trace - add babeltrace2's source for one CTF trace
 * @graph: the graph
 * @ctf: the plugin
 * @dir: the directory with the trace's metadata
 * @name: what component and trace are called; no other in the graph
 * Return: the source, of the graph; NULL if it cannot read the trace.
 */
const bt_component_source *graph_add_trace(bt_graph *graph, const bt_plugin *ctf,
					   const char *dir, const char *name);

/**
 * graph_add_muxer - add babeltrace2's muxer
 * @graph: the graph
 * @utils: the plugin
 * Return: the muxer, of the graph, or NULL.
 */
const bt_component_filter *graph_add_muxer(bt_graph *graph, const bt_plugin *utils);

/**
 * graph_connect_source - lead all streams of a source into a muxer
 * @graph: the graph
 * @source: the source
 * @muxer: the muxer
 * @port: its next free port; moved on
 * Return: false if that cannot be.
 */
bool graph_connect_source(bt_graph *graph, const bt_component_source *source,
			  const bt_component_filter *muxer, uint64_t *port);

/** graph_connect_sink - lead what a muxer gives into a sink; false if that cannot be */
bool graph_connect_sink(bt_graph *graph, const bt_component_filter *muxer,
			const bt_component_sink *sink);

/**
 * struct graph_taker - who takes a graph's messages
 * @take: given each of them in turn, borrowed; false ends the graph with an error
 * @data: for @take
 */
struct graph_taker {
	bool (*take)(void *data, const bt_message *message);
	void *data;
};

/**
 * graph_add_taker - add a sink that gives messages away
 * @graph: the graph
 * @taker: whom to; must stay as long as the graph
 * Return: the sink, of the graph, or NULL.
 */
const bt_component_sink *graph_add_taker(bt_graph *graph, struct graph_taker *taker);

#endif
