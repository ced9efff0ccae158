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
