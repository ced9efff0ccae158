// SPDX-License-Identifier: GPL-2.0-only
/*
 * `hypertrace record`: the command line of the recorder (recorder/recorder.h), and what
 * is to be done once it has recorded.
 */
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "cmd.h"
#include "error.h"
#include "format.h"
#include "kernel/keep.h"
#include "recorder/attach.h"
#include "recorder/recorder.h"
#include "recorder/status.h"
#include "recorder/summary.h"
#include "vm.h"

#define NAME			"record"

/* What the kernel takes the size of a buffer in is KiB in an int. */
#define MAX_HOST_BUFFER		(1ULL << 40)

/**
 * parse_duration - take "10", "10s", "500ms", "2m", "1h" apart
 * @ns: set on success
 */
static bool parse_duration(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "m", 60e9 }, { "h", 3600e9 } };
	double value;
	char *end;
	size_t i;

	value = g_ascii_strtod(text, &end);
	if (end == text || !(value >= 0))
		return false;
	for (i = 0; i < G_N_ELEMENTS(units); i++)
		if (!strcmp(end, units[i].unit) && value * units[i].ns < 1e18) {
			*ns = (uint64_t)(value * units[i].ns);
			return true;
		}
	return false;
}

/**
 * complete - mark the recording complete
 */
static bool complete(struct recorder *rec, GError **error)
{
	struct session_totals sum;

	recorder_totals(rec, &sum);
	writer_set_lost(rec->writer, "packets_overwritten", sum.stats.overwritten);
	writer_set_lost(rec->writer, "packets_torn", sum.stats.torn);
	writer_set_lost(rec->writer, "streams_damaged", sum.damaged);
	return writer_complete(rec->writer, error);
}

/**
 * keep_profile - let the recording tell of kernels whose driver did not
 * @profile: what the user named, or NULL
 */
static void keep_profile(struct recorder *rec, const struct kernel_profile *profile)
{
	GError *error = NULL;
	unsigned int kept;

	/* the events are safe whatever comes of it */
	if (!kernel_profile_keep(rec->path, profile, false, &kept, &error)) {
		g_printerr("hypertrace: warning: %s\n", error->message);
		g_error_free(error);
	}
}

/**
 * raise_file_limit - allow a file for each of many streams
 */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static char *default_output(void)
{
	GDateTime *now = g_date_time_new_now_local();
	char *name = g_date_time_format(now, "hypertrace-%Y%m%d-%H%M%S");

	g_date_time_unref(now);
	return name;
}

/**
 * record - what is left once the command line is understood
 * Return: the exit code.
 */
static int record(const struct record_options *options)
{
	struct recorder rec = { .path = options->output, .signal_fd = recorder_open_signals() };
	uint64_t duration_ns = options->duration_ns;
	GPtrArray *vms;
	GError *error = NULL;
	int code = 0;

	rec.sessions = g_ptr_array_new_with_free_func((GDestroyNotify)session_free);
	rec.finished = g_ptr_array_new_with_free_func((GDestroyNotify)session_free);
	rec.buffer = g_byte_array_new();
	rec.wants_status = isatty(STDERR_FILENO);
	raise_file_limit();

	vms = recorder_find_vms(options, &error);
	if (vms && recorder_open_host_side(&rec, options, &error))
		recorder_begin(&rec, options, vms, &error);
	rec.status_ns = clock_mono_ns();
	if (!error && recorder_run(&rec, duration_ns ? rec.status_ns + duration_ns : 0, &error) &&
	    recorder_stop(&rec, &error)) {
		keep_profile(&rec, options->profile);
		complete(&rec, &error);
	}

	if (rec.writer)
		recorder_abandon(&rec);
	if (recorder_has_recorded(&rec))
		recorder_print_summary(&rec);
	if (error)
		code = cmd_fail(NAME, error);
	error = NULL;

	g_ptr_array_unref(rec.sessions);
	g_ptr_array_unref(rec.finished);
	/* now the VMs are let go, which is something to tell of */
	if (!recorder_end_lttng(&rec, &error)) {
		int failed = cmd_fail(NAME, error);

		code = code ? code : failed;
	}
	g_byte_array_unref(rec.buffer);
	host_free(rec.host);
	writer_free(rec.writer);
	if (vms)
		g_ptr_array_unref(vms);
	close(rec.signal_fd);
	return code;
}

int cmd_record(int argc, char **argv)
{
	g_autofree char *output = NULL, *events = NULL, *duration = NULL, *runtime_dir = NULL;
	g_autofree char *kernel = NULL, *host_events = NULL, *host_buffer = NULL;
	g_autofree char *lttng_events = NULL;
	struct record_options options = { 0 };
	struct kernel_profile *profile = NULL;
	GError *error = NULL;
	gboolean may_wait = FALSE, must_be_new = FALSE, has_host = FALSE, has_lttng = FALSE;
	int code;
	const GOptionEntry entries[] = {
		{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
		  "The recording's directory; one that exists is continued", "DIR" },
		{ "events", 'e', 0, G_OPTION_ARG_STRING, &events,
		  "Enable these events in the guest while recording", "SYSTEM:EVENT,..." },
		{ "host", 0, 0, G_OPTION_ARG_NONE, &has_host,
		  "Record the host's kernel too (needs the right to trace it)", NULL },
		{ "host-events", 0, 0, G_OPTION_ARG_STRING, &host_events,
		  "These events of the host (default: kvm, irq, some of sched)",
		  "SYSTEM:EVENT,..." },
		{ "host-buffer", 0, 0, G_OPTION_ARG_STRING, &host_buffer,
		  "Buffer of each CPU of the host (default: 4M)", "SIZE" },
		{ "lttng", 0, 0, G_OPTION_ARG_NONE, &has_lttng,
		  "Have LTTng trace QEMU and the host's kernel meanwhile", NULL },
		{ "lttng-events", 0, 0, G_OPTION_ARG_STRING, &lttng_events,
		  "Have LTTng trace these events", "[kernel:|ust:]EVENT,..." },
		{ "kernel", 'k', 0, G_OPTION_ARG_STRING, &kernel,
		  "For a window: its kernel's profile (default: the one that fits)", "PROFILE" },
		{ "for", 0, 0, G_OPTION_ARG_STRING, &duration,
		  "Stop after this time (s; or with ms, s, m, h)", "DURATION" },
		{ "wait", 'w', 0, G_OPTION_ARG_NONE, &may_wait,
		  "Wait for VMs that do not run yet", NULL },
		{ "new", 0, 0, G_OPTION_ARG_NONE, &must_be_new,
		  "Refuse to continue a recording", NULL },
		{ "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &runtime_dir,
		  "Where VMs are looked for", "DIR" },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};

	if (!cmd_parse(&argc, &argv, "[VM...]",
		       "Records VMs (all that run, if none is named) until Ctrl-C, until the time\n"
		       "is over, or until they end. A VM is a name, or a path of its runtime\n"
		       "directory or of its region file.", entries))
		return HT_ERROR_USAGE;
	if (duration && (!parse_duration(duration, &options.duration_ns) || !options.duration_ns))
		return cmd_usage(NAME, "not a duration: --for=%s", duration);
	if (may_wait && argc < 2)
		return cmd_usage(NAME, "--wait needs the name of a VM");
	if (!parse_bytes(host_buffer, &options.host_buffer) ||
	    options.host_buffer > MAX_HOST_BUFFER)
		return cmd_usage(NAME, "not a size, or too large: --host-buffer=%s", host_buffer);
	if (!output)
		output = default_output();
	if (must_be_new && g_file_test(output, G_FILE_TEST_EXISTS)) {
		g_printerr("hypertrace record: exists already: path=%s\n", output);
		return HT_ERROR_FAILED;
	}
	if (!runtime_dir)
		runtime_dir = vm_runtime_dir();
	if (kernel)
		profile = kernel_profile_load(kernel, &error);
	if (error)
		return cmd_fail(NAME, error);
	options.runtime_dir = runtime_dir;
	options.output = output;
	options.operands = argv + 1;
	options.globs = events;
	options.may_wait = may_wait;
	options.profile = profile;
	/* who says how the host is recorded wants it recorded */
	options.has_host = has_host || host_events || host_buffer;
	options.host_globs = host_events;
	options.has_lttng = has_lttng || lttng_events;
	options.lttng_events = lttng_events;
	code = record(&options);
	kernel_profile_free(profile);
	return code;
}
