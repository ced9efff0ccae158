// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether babeltrace2 can read a trace to its end; see readable.h. Its own source
 * reads, and its own sink throws away.
 */
#include "export/readable.h"

#include "error.h"
#include "export/graph.h"
#include "export/guard.h"
#include "export/sift.h"

static const bt_component_sink *add_sink(bt_graph *graph, const struct graph_plugins *plugins)
{
	const bt_component_class_sink *class =
		bt_plugin_borrow_sink_component_class_by_name_const(plugins->utils, "dummy");
	const bt_component_sink *sink;

	if (!class || bt_graph_add_sink_component(graph, class, "nothing", NULL,
						  BT_LOGGING_LEVEL_NONE, &sink))
		return NULL;
	return sink;
}

static bool run(const struct graph_plugins *plugins, const char *dir)
{
	bt_graph *graph = bt_graph_create(0);
	const bt_component_source *source =
		graph ? graph_add_trace(graph, plugins->ctf, dir, "trace") : NULL;
	const bt_component_filter *muxer = source ? graph_add_muxer(graph, plugins->utils) : NULL;
	const bt_component_sink *sink = muxer ? add_sink(graph, plugins) : NULL;
	uint64_t port = 0;
	bool done = sink && graph_connect_source(graph, source, muxer, &port) &&
		    graph_connect_sink(graph, muxer, sink) && !bt_graph_run(graph);

	bt_graph_put_ref(graph);
	return done;
}

bool readable_check(const char *dir, GError **error)
{
	struct graph_plugins plugins;
	bool done = false;

	if (graph_plugins_init(&plugins, error))
		done = run(&plugins, dir) ||
		       graph_error(HT_ERROR_FORMAT, "babeltrace2 cannot read LTTng's trace", error);
	graph_plugins_fini(&plugins);
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

bool readable_check_guarded(const char *dir, uint64_t size, unsigned int *cost, GError **error)
{
	struct guarded guarded = { .dir = dir, .said = guard_alloc(MAX_SAID) };
	enum guard_result result = guarded.said ? guard_run(check, &guarded, size) : GUARD_DIED;

	if (result == GUARD_DIED)
		*cost += SIFT_DEATH;
	if (result == GUARD_DIED)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "babeltrace2 does not get to its end with it");
	else if (result == GUARD_FALSE)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "%s", guarded.said);
	guard_free(guarded.said, MAX_SAID);
	return result == GUARD_TRUE;
}
