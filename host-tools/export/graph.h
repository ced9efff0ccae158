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

#endif
