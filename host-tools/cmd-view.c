// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypertrace view: a recording as text, one line an event, all VMs, the host and
 * all CPUs in one order of time.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "decode/clean.h"
#include "decode/decoder.h"
#include "decode/text.h"
#include "error.h"
#include "view/cpus.h"
#include "view/limit.h"
#include "view/lttng.h"

#define FLUSH_SIZE	(1 << 16)
/* Columns are not made wider than this for a long name. */
#define MAX_NAME_WIDTH	16

/* How the time of a line is written. */
enum time_form {
	TIME_FORM_SECONDS,
	TIME_FORM_RELATIVE,
	TIME_FORM_UTC,
};

struct view {
	struct decoder *decoder;
	struct view_lttng *lttng;	/* NULL: none of its events are shown */
	struct view_lttng_event of_lttng;	/* of the item, if its stream is LTTng's */
	enum time_form time_form;
	gboolean has_delta;
	GPtrArray *globs;		/* GPatternSpec * of event names; NULL: all */
	uint8_t *cpus;			/* view_cpus_parse()d, of guests; NULL: all */
	uint8_t *vcpus;			/* likewise */
	uint8_t *host_cpus;		/* likewise */
	bool has_systems;		/* more than one: each line says which it is of */
	bool has_places;		/* the host was recorded: each line says where */
	size_t name_width;
	size_t place_width;
	struct view_limit from_limit;
	struct view_limit to_limit;
	bool has_begun;			/* @from and @to are known */
	uint64_t from;
	uint64_t to;
	int64_t head;			/* lines left, negative: no limit */
	int64_t tail;			/* lines kept, negative: no limit */
	GQueue kept;			/* char *: the last lines */

	struct text text;
	uint64_t first_time;
	uint64_t last_time;
	bool has_time;
	int64_t real_offset;		/* host CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t utc_second;
	char utc[32];
	uint64_t lost;
	uint64_t lost_packets;
	bool is_closed;			/* nobody reads the output any more */
	int error;			/* errno of a write that failed */
};

static bool is_of_lttng(const struct decoder_item *item)
{
	return item->stream->source == VHT_SOURCE_LTTNG;
}

static void view_flush(struct view *view)
{
	size_t done = 0;

	while (done < view->text.used && !view->is_closed) {
		ssize_t n = write(STDOUT_FILENO, view->text.data + done, view->text.used - done);

		if (n >= 0) {
			done += n;
		} else if (errno != EINTR) {
			view->error = errno == EPIPE ? 0 : errno;
			view->is_closed = true;
		}
	}
	view->text.used = 0;
}

/* Whether an event's name is wanted; asked once for each class. */
static bool view_wants_class(struct view *view, struct event_class *class)
{
	static int yes, no;

	if (!class->user) {
		char *full = g_strdup_printf("%s:%s", class->system, class->raw_name);

		class->user = &no;
		for (guint i = 0; i < view->globs->len; i++) {
			GPatternSpec *glob = g_ptr_array_index(view->globs, i);

			if (g_pattern_spec_match_string(glob, class->name) ||
			    g_pattern_spec_match_string(glob, class->raw_name) ||
			    g_pattern_spec_match_string(glob, full))
				class->user = &yes;
		}
		g_free(full);
	}
	return class->user == &yes;
}

static bool wants_cpu(const struct view *view, const struct decoder_item *item)
{
	return !item->stream->vm->is_host && view_cpus_has(view->cpus, item->stream->cpu);
}

/* Whom a loss on the host concerns nobody knows: it is shown. */
static bool wants_vcpu(const struct view *view, const struct decoder_item *item)
{
	if (item->kind == DECODER_LOST && item->stream->vm->is_host)
		return true;
	return view_cpus_has(view->vcpus, item->place.vcpu) ||
	       (item->other && view_cpus_has(view->vcpus, item->other->vcpu));
}

static bool wants_host_cpu(const struct view *view, const struct decoder_item *item)
{
	return view_cpus_has(view->host_cpus, item->stream->vm->is_host ? item->stream->cpu :
									  item->place.host_cpu);
}

static bool view_wants(struct view *view, const struct decoder_item *item)
{
	if (item->end_time < view->from || item->time > view->to)
		return false;
	if ((view->cpus && !wants_cpu(view, item)) || (view->vcpus && !wants_vcpu(view, item)) ||
	    (view->host_cpus && !wants_host_cpu(view, item)))
		return false;
	if (item->kind == DECODER_LOST)
		return true;
	return !view->globs || view_wants_class(view, item->class);
}

static void view_utc(struct view *view, uint64_t time)
{
	uint64_t real = time + view->real_offset, second = real / 1000000000;

	if (second != view->utc_second || !view->utc[0]) {
		GDateTime *date = g_date_time_new_from_unix_utc(MIN(second, 253402300799));
		char *iso = g_date_time_format(date, "%Y-%m-%dT%H:%M:%S");

		g_strlcpy(view->utc, iso, sizeof(view->utc));
		view->utc_second = second;
		g_free(iso);
		g_date_time_unref(date);
	}
	text_string(&view->text, view->utc);
	text_bytes(&view->text, ".", 1);
	text_padded(&view->text, real % 1000000000, 9);
	text_bytes(&view->text, "Z", 1);
}

static void view_time(struct view *view, const struct decoder_item *item)
{
	struct text *text = &view->text;

	if (!view->has_time) {
		view->has_time = true;
		view->first_time = view->last_time = item->time;
	}
	if (view->time_form == TIME_FORM_UTC && item->stream->has_host_time)
		view_utc(view, item->time);
	else
		text_seconds(text, item->time - (view->time_form == TIME_FORM_RELATIVE ?
						 MIN(view->first_time, item->time) : 0));
	if (view->has_delta) {
		text_string(text, " +");
		text_seconds(text, item->time - MIN(view->last_time, item->time));
	}
	view->last_time = item->time;
}

static void view_pad(struct view *view, size_t begin, size_t width)
{
	for (size_t used = view->text.used - begin; used < width; used++)
		text_bytes(&view->text, " ", 1);
}

/* The name of a system: the host is "host" on whatever machine. */
static const char *system_name(const struct recording_vm *vm)
{
	return vm->is_host ? DECODER_HOST_NAME : vm->name;
}

/* ":v001" or "@003", "---" for a number that is not known */
static void view_number(struct view *view, const char *before, uint32_t number)
{
	text_string(&view->text, before);
	if (number == VHT_CPU_NONE)
		text_bytes(&view->text, "---", 3);
	else
		text_padded(&view->text, number, 3);
}

static void view_vcpu(struct view *view, const struct decoder_place *place)
{
	text_string(&view->text, place->vm->name);
	view_number(view, ":v", place->vcpu);
	view_number(view, "@", place->host_cpu);
	if (place->is_assumed)
		text_bytes(&view->text, "?", 1);
}

/* The vCPU that it is of, or concerns, and where that runs: "web:v001@003". */
static void view_vcpus(struct view *view, const struct decoder_item *item)
{
	size_t begin = view->text.used;

	if (item->place.vm)
		view_vcpu(view, &item->place);
	else
		text_bytes(&view->text, "-", 1);
	if (item->other) {
		text_bytes(&view->text, ",", 1);
		view_vcpu(view, item->other);
	}
	view_pad(view, begin, view->place_width);
	text_bytes(&view->text, " ", 1);
}

static void view_place(struct view *view, const struct decoder_item *item)
{
	struct text *text = &view->text;

	if (view->has_systems) {
		size_t begin = text->used + 1;

		text_bytes(text, " ", 1);
		text_string(text, system_name(item->stream->vm));
		view_pad(view, begin, view->name_width);
	}
	text_bytes(text, " [", 2);
	if (item->stream->cpu == VHT_CPU_NONE)
		text_bytes(text, "---", 3);
	else
		text_padded(text, item->stream->cpu, 3);
	text_bytes(text, "] ", 2);
	if (view->has_places)
		view_vcpus(view, item);
}

/* LTTng has the task in an event's contexts, if at all; its name stands in that place. */
static void view_lttng_event(struct view *view, const struct decoder_item *item)
{
	struct text *text = &view->text;

	text_string(text, "lttng ");
	text_string(text, item->class->name);
	text_bytes(text, ": ", 2);
	text_bytes(text, view->of_lttng.fields, view->of_lttng.fields_size);
}

static void view_event(struct view *view, const struct decoder_item *item)
{
	struct text *text = &view->text;
	char buffer[32];
	const char *task = decoder_task_name(item, buffer, sizeof(buffer));

	if (is_of_lttng(item)) {
		view_lttng_event(view, item);
		return;
	}
	if (task) {
		text_string(text, task);
		text_bytes(text, "-", 1);
		text_unsigned(text, item->pid);
		text_bytes(text, " ", 1);
	}
	text_string(text, item->class->name);
	text_bytes(text, ": ", 2);
	text_fields(text, item);
}

static void view_lost(struct view *view, const struct decoder_item *item)
{
	bool is_packets = is_of_lttng(item) && view->of_lttng.is_packets;
	struct text *text = &view->text;

	text_string(text, is_of_lttng(item) ? "lttng *** lost " : "*** lost ");
	if (item->lost)
		text_unsigned(text, item->lost);
	else
		text_string(text, "an unknown number of");
	text_string(text, is_packets ? " packet" : " event");
	text_string(text, item->lost == 1 ? "" : "s");
	if (item->end_time > item->time) {
		text_string(text, " in the next ");
		text_seconds(text, item->end_time - item->time);
		text_string(text, " s");
	}
	text_string(text, " ***");
	*(is_packets ? &view->lost_packets : &view->lost) += item->lost;
}

static void view_keep(struct view *view)
{
	g_queue_push_tail(&view->kept, g_strndup(view->text.data, view->text.used));
	view->text.used = 0;
	if (g_queue_get_length(&view->kept) > (guint64)view->tail)
		g_free(g_queue_pop_head(&view->kept));
}

/* Names and fields are the guest's: none may end the line, or drive a terminal. */
static void view_item(struct view *view, const struct decoder_item *item)
{
	size_t begin = view->text.used;

	view_time(view, item);
	view_place(view, item);
	if (item->kind == DECODER_EVENT)
		view_event(view, item);
	else
		view_lost(view, item);
	clean_text(view->text.data + begin, view->text.used - begin);
	text_bytes(&view->text, "\n", 1);
	if (view->tail >= 0)
		view_keep(view);
	else if (view->text.used >= FLUSH_SIZE)
		view_flush(view);
}

static void view_begin(struct view *view, const struct decoder_item *item)
{
	view->has_begun = true;
	view->from = view_limit_time(&view->from_limit, view->real_offset, item->time);
	view->to = view_limit_time(&view->to_limit, view->real_offset, item->time);
}

/* Columns that fit all that is shown. */
static void view_set_columns(struct view *view)
{
	const GPtrArray *vms = decoder_recording(view->decoder)->vms;
	size_t width = 0;

	view->has_systems = decoder_vm_count(view->decoder) > 1;
	view->has_places = decoder_has_host(view->decoder);
	for (guint i = 0; i < vms->len; i++) {
		const struct recording_vm *vm = vms->pdata[i];
		size_t length = strlen(system_name(vm));

		if (vm->is_host) {
			view->name_width = MAX(view->name_width, length);
			continue;
		}
		width = MAX(width, length);
		if (decoder_wants_vm(view->decoder, vm))
			view->name_width = MAX(view->name_width, length);
	}
	view->name_width = MIN(view->name_width, MAX_NAME_WIDTH);
	view->place_width = MIN(width, MAX_NAME_WIDTH) + strlen(":v000@000");
}

/* Return: false at the end of the recording. */
static bool view_next(struct view *view, struct decoder_item *item)
{
	return decoder_next_before(view->decoder, view_lttng_time(view->lttng), item) ||
	       view_lttng_next(view->lttng, item, &view->of_lttng);
}

static void view_run(struct view *view)
{
	struct decoder_item item;
	char *line;

	while (view->head && !view->is_closed && view_next(view, &item)) {
		if (G_UNLIKELY(!view->has_begun))
			view_begin(view, &item);
		if (!view_wants(view, &item)) {
			if (item.time > view->to)
				break;
			continue;
		}
		view_item(view, &item);
		if (view->head > 0)
			view->head--;
	}
	while ((line = g_queue_pop_head(&view->kept))) {
		text_string(&view->text, line);
		g_free(line);
		if (view->text.used >= FLUSH_SIZE)
			view_flush(view);
	}
	view_flush(view);
}

static GPtrArray *parse_globs(char **events)
{
	GPtrArray *globs = g_ptr_array_new_with_free_func((GDestroyNotify)g_pattern_spec_free);

	for (; *events; events++) {
		char **parts = g_strsplit(*events, ",", -1);

		for (char **part = parts; *part; part++)
			if (**part)
				g_ptr_array_add(globs, g_pattern_spec_new(*part));
		g_strfreev(parts);
	}
	return globs;
}

/* What the command line says, as text. */
struct arguments {
	char **events;
	char *cpus;
	char *vcpus;
	char *host_cpus;
	char *vm;
	char *from;
	char *to;
	char *names;
	gboolean with_host;
	gboolean no_host;
	gboolean no_lttng;
	gboolean utc;
	gboolean relative;
	gboolean raw;
};

static void arguments_fini(struct arguments *arguments)
{
	g_strfreev(arguments->events);
	g_free(arguments->cpus);
	g_free(arguments->vcpus);
	g_free(arguments->host_cpus);
	g_free(arguments->vm);
	g_free(arguments->from);
	g_free(arguments->to);
	g_free(arguments->names);
}

static bool set_cpus(const char *list, uint8_t **cpus)
{
	if (list)
		*cpus = view_cpus_parse(list);
	return !list || *cpus;
}

/* Return: what is wrong, or NULL. */
static const char *view_set(struct view *view, const struct arguments *arguments)
{
	if (arguments->names && strcmp(arguments->names, "lttng") &&
	    strcmp(arguments->names, "ftrace"))
		return "--names takes lttng or ftrace";
	if (!set_cpus(arguments->cpus, &view->cpus) || !set_cpus(arguments->vcpus, &view->vcpus) ||
	    !set_cpus(arguments->host_cpus, &view->host_cpus))
		return "--cpu, --vcpu and --host-cpu take numbers and ranges, e.g. 0,2-3";
	if (!view_limit_parse(arguments->from, &view->from_limit) ||
	    !view_limit_parse(arguments->to, &view->to_limit))
		return "--from and --to take seconds, e.g. 12.5, +1.5 after the first event, or a "
		       "time of day, e.g. 2026-11-21T16:29:23Z";
	if (arguments->utc + arguments->relative + arguments->raw > 1)
		return "give one of --utc, --relative and --raw";
	if (arguments->raw && (view->from_limit.is_real || view->to_limit.is_real))
		return "--raw has no time of day";
	if (arguments->with_host && arguments->no_host)
		return "give one of --with-host and --no-host";
	view->time_form = arguments->utc ? TIME_FORM_UTC :
			  arguments->relative ? TIME_FORM_RELATIVE : TIME_FORM_SECONDS;
	if (arguments->events)
		view->globs = parse_globs(arguments->events);
	return NULL;
}

static enum decoder_host host_option(const struct arguments *arguments)
{
	if (arguments->no_host)
		return DECODER_HOST_SILENT;
	if (arguments->with_host || !arguments->vm)
		return DECODER_HOST_CONCERNED;
	/* The host itself, or a VM with where it ran. */
	return g_pattern_match_simple(arguments->vm, DECODER_HOST_NAME) ? DECODER_HOST_BY_NAME :
									   DECODER_HOST_SILENT;
}

static void view_tell(const GPtrArray *sentences)
{
	for (guint i = 0; sentences && i < sentences->len; i++)
		g_printerr("hypertrace view: %s\n", (const char *)sentences->pdata[i]);
}

/* Return: the exit code of what cannot be shown at all, and is told. */
static int view_open_lttng(struct view *view, const struct decoder_options *options)
{
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	GError *error = NULL;

	view->lttng = view_lttng_new(view->decoder, options, warnings, &error);
	view_tell(warnings);
	if (!error)
		return 0;
	g_prefix_error(&error, "events of LTTng in guests are not shown: ");
	return cmd_fail("view", error);
}

/* What was not shown to its end is told, and changes the exit code. */
static void view_close_lttng(struct view *view, int *status)
{
	const GPtrArray *problems = view_lttng_problems(view->lttng);

	view_tell(problems);
	if (problems && problems->len)
		*status = HT_ERROR_FORMAT;
	view_lttng_free(view->lttng);
}

static void view_tell_lost(uint64_t lost, const char *what)
{
	if (lost)
		g_printerr("hypertrace view: %" G_GUINT64_FORMAT " %s%s lost\n", lost, what,
			   lost == 1 ? "" : "s");
}

/* Show it all. Return: the exit code. */
static int view_recording(struct view *view, const char *path, const struct arguments *arguments)
{
	struct decoder_options options = {
		.naming = g_strcmp0(arguments->names, "ftrace") ? NAMING_LTTNG : NAMING_FTRACE,
		.vm = arguments->vm,
		.host = host_option(arguments),
		.is_raw = arguments->raw,
	};
	GError *error = NULL;
	int status = 0;

	view->decoder = decoder_open(path, &options, &error);
	if (!view->decoder)
		return cmd_fail("view", error);
	view_tell(decoder_warnings(view->decoder));
	view->real_offset = decoder_recording(view->decoder)->start_real_ns -
			    decoder_recording(view->decoder)->start_mono_ns;
	if (!arguments->no_lttng)
		status = view_open_lttng(view, &options);
	view_set_columns(view);
	signal(SIGPIPE, SIG_IGN);
	text_init(&view->text);
	view_run(view);
	text_fini(&view->text);
	view_close_lttng(view, &status);
	if (view->error) {
		g_set_error(&error, HT_ERROR, HT_ERROR_FAILED, "cannot write output: %s",
			    g_strerror(view->error));
		status = cmd_fail("view", error);
	}
	view_tell_lost(view->lost, "event");
	view_tell_lost(view->lost_packets, "packet");
	decoder_free(view->decoder);
	return status;
}

/**
 * cmd_view - print a recording as text
 * @argc: number of arguments
 * @argv: the arguments
 * Return: the exit code.
 */
int cmd_view(int argc, char **argv)
{
	struct view view = { .head = -1, .tail = -1, .to_limit.time = UINT64_MAX };
	struct arguments arguments = { 0 };
	const GOptionEntry entries[] = {
		{ "event", 'e', 0, G_OPTION_ARG_STRING_ARRAY, &arguments.events,
		  "Only events whose name, or SYSTEM:NAME, fits one of these", "GLOB[,GLOB...]" },
		{ "vm", 0, 0, G_OPTION_ARG_STRING, &arguments.vm,
		  "Only VMs whose name fits; the host's is \"host\"", "GLOB" },
		{ "with-host", 0, 0, G_OPTION_ARG_NONE, &arguments.with_host,
		  "With --vm: also the host's events that concern these VMs", NULL },
		{ "no-host", 0, 0, G_OPTION_ARG_NONE, &arguments.no_host,
		  "No events of the host", NULL },
		{ "no-lttng", 0, 0, G_OPTION_ARG_NONE, &arguments.no_lttng,
		  "No events of LTTng in guests", NULL },
		{ "cpu", 'c', 0, G_OPTION_ARG_STRING, &arguments.cpus,
		  "Only these CPUs of guests", "LIST" },
		{ "vcpu", 0, 0, G_OPTION_ARG_STRING, &arguments.vcpus,
		  "Only events of these vCPUs, or that concern them", "LIST" },
		{ "host-cpu", 0, 0, G_OPTION_ARG_STRING, &arguments.host_cpus,
		  "Only what happened on these CPUs of the host", "LIST" },
		{ "from", 0, 0, G_OPTION_ARG_STRING, &arguments.from, "Begin at this time",
		  "SECONDS|+SECONDS|DATE" },
		{ "to", 0, 0, G_OPTION_ARG_STRING, &arguments.to, "End after this time",
		  "SECONDS|+SECONDS|DATE" },
		{ "head", 0, 0, G_OPTION_ARG_INT64, &view.head, "Only the first N lines", "N" },
		{ "tail", 0, 0, G_OPTION_ARG_INT64, &view.tail, "Only the last N lines", "N" },
		{ "names", 0, 0, G_OPTION_ARG_STRING, &arguments.names,
		  "Names of events and fields: LTTng's (default) or the kernel's", "lttng|ftrace" },
		{ "delta", 'd', 0, G_OPTION_ARG_NONE, &view.has_delta,
		  "Also the time since the line before", NULL },
		{ "relative", 'r', 0, G_OPTION_ARG_NONE, &arguments.relative,
		  "Times since the first line", NULL },
		{ "utc", 0, 0, G_OPTION_ARG_NONE, &arguments.utc, "Times of day, in UTC", NULL },
		{ "raw", 0, 0, G_OPTION_ARG_NONE, &arguments.raw,
		  "Times of the guest's own clocks", NULL },
		{ 0 },
	};
	const char *usage;
	int status;

	if (!cmd_parse(&argc, &argv, "DIR", "Print a recording as text.", entries)) {
		status = HT_ERROR_USAGE;
	} else {
		usage = argc == 2 ? view_set(&view, &arguments) : "give one recording";
		status = usage ? cmd_usage("view", "%s", usage) :
				 view_recording(&view, argv[1], &arguments);
	}
	arguments_fini(&arguments);
	g_free(view.cpus);
	g_free(view.vcpus);
	g_free(view.host_cpus);
	if (view.globs)
		g_ptr_array_unref(view.globs);
	return status;
}
