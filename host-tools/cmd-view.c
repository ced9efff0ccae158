// SPDX-License-Identifier: GPL-2.0-only
/*
 * hypertrace view: a recording as text, one line an event, all VMs and CPUs in
 * one order of time.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "decode/decoder.h"
#include "decode/text.h"
#include "error.h"

#define FLUSH_SIZE	(1 << 16)
#define MAX_CPUS	65536

/* How the time of a line is written. */
enum time_form {
	TIME_FORM_SECONDS,
	TIME_FORM_RELATIVE,
	TIME_FORM_UTC,
};

struct view {
	struct decoder *decoder;
	enum time_form time_form;
	gboolean has_delta;
	GPtrArray *globs;		/* GPatternSpec * of event names; NULL: all */
	uint8_t *cpus;			/* MAX_CPUS flags; NULL: all */
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
	bool is_closed;			/* nobody reads the output any more */
	int error;			/* errno of a write that failed */
};

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

static bool view_wants(struct view *view, const struct decoder_item *item)
{
	if (item->end_time < view->from || item->time > view->to)
		return false;
	if (view->cpus && (item->stream->cpu >= MAX_CPUS || !view->cpus[item->stream->cpu]))
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

static void view_place(struct view *view, const struct decoder_item *item)
{
	struct text *text = &view->text;

	if (decoder_vm_count(view->decoder) > 1) {
		text_bytes(text, " ", 1);
		text_string(text, item->stream->vm->name);
	}
	text_bytes(text, " [", 2);
	if (item->stream->cpu == VHT_CPU_NONE)
		text_bytes(text, "---", 3);
	else
		text_padded(text, item->stream->cpu, 3);
	text_bytes(text, "] ", 2);
}

static void view_event(struct view *view, const struct decoder_item *item)
{
	struct text *text = &view->text;
	char buffer[32];
	const char *task = decoder_task_name(item, buffer, sizeof(buffer));

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
	struct text *text = &view->text;

	text_string(text, "*** lost ");
	if (item->lost)
		text_unsigned(text, item->lost);
	else
		text_string(text, "an unknown number of");
	text_string(text, item->lost == 1 ? " event" : " events");
	if (item->end_time > item->time) {
		text_string(text, " in the next ");
		text_seconds(text, item->end_time - item->time);
		text_string(text, " s");
	}
	text_string(text, " ***");
	view->lost += item->lost;
}

static void view_keep(struct view *view)
{
	g_queue_push_tail(&view->kept, g_strndup(view->text.data, view->text.used));
	view->text.used = 0;
	if (g_queue_get_length(&view->kept) > (guint64)view->tail)
		g_free(g_queue_pop_head(&view->kept));
}

static void view_item(struct view *view, const struct decoder_item *item)
{
	view_time(view, item);
	view_place(view, item);
	if (item->kind == DECODER_EVENT)
		view_event(view, item);
	else
		view_lost(view, item);
	text_bytes(&view->text, "\n", 1);
	if (view->tail >= 0)
		view_keep(view);
	else if (view->text.used >= FLUSH_SIZE)
		view_flush(view);
}

static void view_run(struct view *view)
{
	struct decoder_item item;
	char *line;

	while (view->head && !view->is_closed && decoder_next(view->decoder, &item)) {
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

/* "0,2-3" */
static uint8_t *parse_cpus(const char *list)
{
	uint8_t *cpus = g_new0(uint8_t, MAX_CPUS);

	for (;;) {
		char *end;
		guint64 first = g_ascii_strtoull(list, &end, 10), last = first;

		if (end == list || !g_ascii_isdigit(*list))
			goto bad;
		if (*end == '-') {
			list = end + 1;
			last = g_ascii_strtoull(list, &end, 10);
			if (end == list || !g_ascii_isdigit(*list))
				goto bad;
		}
		if (last >= MAX_CPUS || first > last)
			goto bad;
		memset(cpus + first, 1, last - first + 1);
		if (!*end)
			return cpus;
		if (*end != ',')
			goto bad;
		list = end + 1;
	}
bad:
	g_free(cpus);
	return NULL;
}

/* "12.5" seconds, as view prints them. Return: false if it is none. */
static bool parse_seconds(const char *string, uint64_t *ns)
{
	uint64_t second, scale = 100000000;
	char *end;

	if (!g_ascii_isdigit(*string))
		return false;
	second = g_ascii_strtoull(string, &end, 10);
	if (second > G_MAXINT64 / 1000000000)
		return false;
	*ns = second * 1000000000;
	if (*end == '.')
		for (end++; g_ascii_isdigit(*end); end++, scale /= 10)
			*ns += (*end - '0') * scale;
	return !*end;
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

/**
 * cmd_view - print a recording as text
 * @argc: number of arguments
 * @argv: the arguments
 * Return: the exit code.
 */
int cmd_view(int argc, char **argv)
{
	struct view view = { .head = -1, .tail = -1, .to = UINT64_MAX };
	struct decoder_options options = { 0 };
	char **events = NULL, *cpus = NULL, *from = NULL, *to = NULL, *names = NULL, *vm = NULL;
	gboolean utc = FALSE, relative = FALSE, raw = FALSE;
	const GOptionEntry entries[] = {
		{ "event", 'e', 0, G_OPTION_ARG_STRING_ARRAY, &events,
		  "Only events whose name, or SYSTEM:NAME, fits one of these", "GLOB[,GLOB...]" },
		{ "cpu", 'c', 0, G_OPTION_ARG_STRING, &cpus, "Only these guest CPUs", "LIST" },
		{ "vm", 0, 0, G_OPTION_ARG_STRING, &vm, "Only VMs whose name fits", "GLOB" },
		{ "from", 0, 0, G_OPTION_ARG_STRING, &from, "Begin at this time", "SECONDS" },
		{ "to", 0, 0, G_OPTION_ARG_STRING, &to, "End after this time", "SECONDS" },
		{ "head", 0, 0, G_OPTION_ARG_INT64, &view.head, "Only the first N lines", "N" },
		{ "tail", 0, 0, G_OPTION_ARG_INT64, &view.tail, "Only the last N lines", "N" },
		{ "names", 0, 0, G_OPTION_ARG_STRING, &names,
		  "Names of events and fields: LTTng's (default) or the kernel's", "lttng|ftrace" },
		{ "delta", 'd', 0, G_OPTION_ARG_NONE, &view.has_delta,
		  "Also the time since the line before", NULL },
		{ "relative", 'r', 0, G_OPTION_ARG_NONE, &relative,
		  "Times since the first line", NULL },
		{ "utc", 0, 0, G_OPTION_ARG_NONE, &utc, "Times of day, in UTC", NULL },
		{ "raw", 0, 0, G_OPTION_ARG_NONE, &raw, "Times of the guest's own clocks", NULL },
		{ 0 },
	};
	const char *usage = NULL;
	GError *error = NULL;
	int status = 0;

	if (!cmd_parse(&argc, &argv, "DIR", "Print a recording as text.", entries)) {
		status = HT_ERROR_USAGE;
		goto out;
	}
	if (argc != 2)
		usage = "give one recording";
	else if (names && strcmp(names, "lttng") && strcmp(names, "ftrace"))
		usage = "--names takes lttng or ftrace";
	else if (cpus && !(view.cpus = parse_cpus(cpus)))
		usage = "--cpu takes numbers and ranges, e.g. 0,2-3";
	else if ((from && !parse_seconds(from, &view.from)) || (to && !parse_seconds(to, &view.to)))
		usage = "--from and --to take seconds, e.g. 12.5";
	else if (utc + relative + raw > 1)
		usage = "give one of --utc, --relative and --raw";
	if (usage) {
		status = cmd_usage("view", "%s", usage);
		goto out;
	}
	view.time_form = utc ? TIME_FORM_UTC : relative ? TIME_FORM_RELATIVE : TIME_FORM_SECONDS;
	if (events)
		view.globs = parse_globs(events);
	options.naming = names && !strcmp(names, "ftrace") ? NAMING_FTRACE : NAMING_LTTNG;
	options.vm = vm;
	options.is_raw = raw;
	view.decoder = decoder_open(argv[1], &options, &error);
	if (!view.decoder) {
		status = cmd_fail("view", error);
		goto out;
	}
	for (guint i = 0; i < decoder_warnings(view.decoder)->len; i++)
		g_printerr("hypertrace view: %s\n",
			   (char *)g_ptr_array_index(decoder_warnings(view.decoder), i));
	view.real_offset = decoder_recording(view.decoder)->start_real_ns -
			   decoder_recording(view.decoder)->start_mono_ns;
	signal(SIGPIPE, SIG_IGN);
	text_init(&view.text);
	view_run(&view);
	text_fini(&view.text);
	if (view.error) {
		g_set_error(&error, HT_ERROR, HT_ERROR_FAILED, "cannot write output: %s",
			    g_strerror(view.error));
		status = cmd_fail("view", error);
	}
	if (view.lost)
		g_printerr("hypertrace view: %" G_GUINT64_FORMAT " event%s lost\n", view.lost,
			   view.lost == 1 ? "" : "s");
	decoder_free(view.decoder);
out:
	g_strfreev(events);
	g_free(cpus);
	g_free(vm);
	g_free(from);
	g_free(to);
	g_free(names);
	g_free(view.cpus);
	if (view.globs)
		g_ptr_array_unref(view.globs);
	return status;
}
