// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypertrace export: a recording as a CTF trace, written by babeltrace2's own
 * sink. The graph runs in this process and holds our source as a component class
 * made here, so no plugin of ours has to be found.
 *
 * The trace is written under a temporary name beside its place and then renamed:
 * what stands there is whole.
 */
#include <babeltrace2/babeltrace.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "error.h"
#include "plugin/recording.h"
#include "recording/reader.h"

#define MAX_OPEN_DIRECTORIES	16

struct export {
	const char *recording;
	const char *names;	/* NULL: the default */
	const char *vm;		/* NULL: all */
	char *partial;		/* directory of our own while the trace is written */
	char *trace;		/* the trace in it */
	bool is_single;		/* one VM: the trace is the directory itself */
};

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

static bool graph_error(const char *what, GError **error)
{
	char *causes = take_causes();

	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "%s: %s", what, causes);
	g_free(causes);
	return false;
}

static bool add_source(bt_graph *graph, const struct export *export,
		       const bt_component_source **source, GError **error)
{
	const bt_component_class_source *class = recording_source_class_new();
	bt_value *params = bt_value_map_create(), *inputs = NULL;
	bool done = false;

	if (!class || !params ||
	    bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) ||
	    bt_value_array_append_string_element(inputs, export->recording) ||
	    /* babeltrace2 before 2.0.5 reads an empty text as the one before it. */
	    bt_value_map_insert_bool_entry(params, "pad-empty", BT_TRUE) ||
	    (export->names &&
	     bt_value_map_insert_string_entry(params, "names", export->names)) ||
	    (export->vm && bt_value_map_insert_string_entry(params, "vm", export->vm)))
		graph_error("cannot make the source", error);
	else if (bt_graph_add_source_component(graph, class, "recording", params,
					       BT_LOGGING_LEVEL_NONE, source))
		graph_error("cannot read the recording", error);
	else
		done = true;
	bt_value_put_ref(params);
	bt_component_class_source_put_ref(class);
	return done;
}

static bool add_sink(bt_graph *graph, const struct export *export,
		     const bt_component_sink **sink, GError **error)
{
	const bt_component_class_sink *class;
	const bt_plugin *plugin = NULL;
	bt_value *params = NULL;
	bool done = false;

	if (bt_plugin_find("ctf", BT_TRUE, BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, &plugin) ||
	    !plugin)
		return graph_error("cannot find babeltrace2's plugin ctf", error);
	class = bt_plugin_borrow_sink_component_class_by_name_const(plugin, "fs");
	params = bt_value_map_create();
	if (!class || !params ||
	    bt_value_map_insert_string_entry(params, "path", export->trace) ||
	    bt_value_map_insert_bool_entry(params, "quiet", BT_TRUE) ||
	    bt_value_map_insert_bool_entry(params, "assume-single-trace", export->is_single))
		graph_error("cannot make the sink", error);
	else if (bt_graph_add_sink_component(graph, class, "ctf", params,
					     BT_LOGGING_LEVEL_NONE, sink))
		graph_error("cannot write", error);
	else
		done = true;
	bt_value_put_ref(params);
	bt_plugin_put_ref(plugin);
	return done;
}

static bool run_graph(const struct export *export, GError **error)
{
	bt_graph *graph = bt_graph_create(0);
	const bt_component_source *source;
	const bt_component_sink *sink;
	bool done = false;

	if (!graph)
		return graph_error("cannot make a graph", error);
	if (!add_source(graph, export, &source, error) || !add_sink(graph, export, &sink, error))
		goto out;
	if (bt_graph_connect_ports(
		    graph, bt_component_source_borrow_output_port_by_index_const(source, 0),
		    bt_component_sink_borrow_input_port_by_index_const(sink, 0), NULL)) {
		graph_error("cannot connect source and sink", error);
		goto out;
	}
	if (bt_graph_run(graph)) {
		graph_error("cannot export", error);
		goto out;
	}
	done = true;
out:
	bt_graph_put_ref(graph);
	return done;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static bool export_ctf(struct export *export, const char *out, GError **error)
{
	struct stat status;
	bool done = false;

	if (lstat(out, &status) == 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "output exists: %s", out);
		return false;
	}
	export->partial = g_strdup_printf("%s.partial-%d", out, (int)getpid());
	/* The sink insists on making the directory of a single trace itself. */
	export->trace = g_build_filename(export->partial, "trace", NULL);
	if (mkdir(export->partial, 0777)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make directory: %s: %s",
			    export->partial, g_strerror(errno));
		goto out;
	}
	done = run_graph(export, error);
	if (done && rename(export->trace, out)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot rename: %s to %s: %s",
			    export->trace, out, g_strerror(errno));
		done = false;
	}
	nftw(export->partial, remove_entry, MAX_OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
out:
	g_free(export->partial);
	g_free(export->trace);
	return done;
}

/* How many VMs there are to export. Return: 0 with @error set if there is none. */
static guint count_vms(const struct export *export, GError **error)
{
	struct recording *recording = recording_open(export->recording, error);
	guint count = 0;

	if (!recording)
		return 0;
	for (guint i = 0; i < recording->vms->len; i++) {
		const struct recording_vm *vm = g_ptr_array_index(recording->vms, i);

		count += !export->vm || g_pattern_match_simple(export->vm, vm->name);
	}
	if (!count)
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no such VM in %s: %s",
			    export->recording, export->vm ? export->vm : "(any)");
	recording_free(recording);
	return count;
}

/**
 * cmd_export - turn a recording into a trace of another format
 * @argc: number of arguments
 * @argv: the arguments
 * Return: the exit code.
 */
int cmd_export(int argc, char **argv)
{
	struct export export = { 0 };
	char *to = NULL, *names = NULL, *vm = NULL;
	const GOptionEntry entries[] = {
		{ "to", 't', 0, G_OPTION_ARG_STRING, &to,
		  "Format of the trace (default: ctf)", "ctf" },
		{ "names", 0, 0, G_OPTION_ARG_STRING, &names,
		  "Names of events and fields: LTTng's (default) or the kernel's", "lttng|ftrace" },
		{ "vm", 0, 0, G_OPTION_ARG_STRING, &vm, "Only VMs whose name fits", "GLOB" },
		{ 0 },
	};
	const char *usage = NULL;
	GError *error = NULL;
	int status = 0;
	guint vms;

	if (!cmd_parse(&argc, &argv, "DIR OUT", "Turn a recording into a trace of another format.",
		       entries)) {
		status = HT_ERROR_USAGE;
		goto out;
	}
	if (argc != 3)
		usage = "give a recording and a directory to make";
	else if (to && strcmp(to, "ctf"))
		usage = "--to knows ctf only";
	else if (names && strcmp(names, "lttng") && strcmp(names, "ftrace"))
		usage = "--names takes lttng or ftrace";
	if (usage) {
		status = cmd_usage("export", "%s", usage);
		goto out;
	}
	export.recording = argv[1];
	export.names = names;
	export.vm = vm;
	vms = count_vms(&export, &error);
	export.is_single = vms == 1;
	if (!vms || !export_ctf(&export, argv[2], &error))
		status = cmd_fail("export", error);
out:
	g_free(to);
	g_free(names);
	g_free(vm);
	return status;
}
