// SPDX-License-Identifier: GPL-2.0-only
/* What a recorder prints at its end; see summary.h. */
#include "recorder/summary.h"

#include <stdio.h>
#include <string.h>

#include "decode/timebase.h"
#include "format.h"
#include "guest-lttng.h"
#include "recorder/status.h"
#include "recording/reader.h"

/**
 * struct book - the finished recording, to look up the times in
 * @recording: the recording, NULL if it cannot be read
 * @vm: one of its VMs, NULL if it is not there
 * @timebase: of @vm
 */
struct book {
	struct recording *recording;
	const struct recording_vm *vm;
	struct timebase *timebase;
};

static void book_select_vm(struct book *book, const char *dir_name)
{
	const GPtrArray *vms = book->recording ? book->recording->vms : NULL;

	timebase_free(book->timebase);
	book->timebase = NULL;
	book->vm = NULL;
	for (guint i = 0; vms && i < vms->len && !book->vm; i++) {
		const struct recording_vm *vm = vms->pdata[i];

		if (!strcmp(vm->dir_name, dir_name))
			book->vm = vm;
	}
	if (book->vm)
		book->timebase = timebase_new(book->vm, NULL);
}

static bool book_span(const struct book *book, const char *stream_name, uint64_t *first_ns,
		      uint64_t *last_ns)
{
	const struct recording_stream *stream;
	uint32_t epoch;

	if (!book->vm)
		return false;
	stream = recording_vm_stream(book->vm, stream_name, &epoch);
	return stream && timebase_span(book->timebase, epoch, stream, first_ns, last_ns);
}

/**
 * print_summary_line - one stream
 */
static void print_summary_line(const char *vm, const struct tap_summary *stream,
			       const struct book *book)
{
	g_autofree char *first = NULL, *last = NULL;
	uint64_t first_ns, last_ns;

	if (book_span(book, stream->name, &first_ns, &last_ns)) {
		first = format_seconds(first_ns);
		last = format_seconds(last_ns);
	} else {
		first = g_strdup("-");
		last = g_strdup("-");
	}
	printf("%-16s %-32s %12" G_GUINT64_FORMAT " %10" G_GUINT64_FORMAT " %14" G_GUINT64_FORMAT
	       " %10" G_GUINT64_FORMAT " %10" G_GUINT64_FORMAT " %20s %20s\n", vm, stream->name,
	       stream->stats.events, stream->stats.packets, stream->stats.bytes,
	       stream->stats.lost, stream->stats.overwritten, first, last);
	if (stream->damage)
		printf("    damaged: %s: what the guest wrote after that could not be read\n",
		       stream->damage);
	if (stream->stats.before)
		printf("    %" G_GUINT64_FORMAT
		       " packets were overwritten before the recording began\n",
		       stream->stats.before);
	if (stream->stats.torn)
		printf("    %" G_GUINT64_FORMAT " packets were overwritten while they were read\n",
		       stream->stats.torn);
}

/**
 * print_end - why the VM's last driver ended, if it said so
 */
static void print_end(const struct session *session)
{
	const struct guest_end *end = session_end(session);
	char word[END_WORD_SIZE];

	if (end->reason != VHT_END_NONE)
		printf("%s ended: %s%s%s\n", session_name(session),
		       end_reason_word(end->reason, word), end->text[0] ? ": " : "", end->text);
}

/**
 * print_host_summary - the host's streams
 */
static void print_host_summary(const struct recorder *rec, struct book *book)
{
	GPtrArray *streams = rec->host ? host_summaries(rec->host) : NULL;
	guint i;

	if (!streams || !streams->len)
		return;
	book_select_vm(book, RECORDING_HOST_DIR);
	for (i = 0; i < streams->len; i++)
		print_summary_line(book->vm ? book->vm->name : RECORDING_HOST_DIR,
				   streams->pdata[i], book);
}

void recorder_print_summary(const struct recorder *rec)
{
	struct book book = { .recording = recording_open(rec->path, NULL) };
	struct session_totals sum;
	guint i, j;

	printf("%-16s %-32s %12s %10s %14s %10s %10s %20s %20s\n", "VM", "stream", "events",
	       "packets", "bytes", "lost", "missing", "first [s]", "last [s]");
	print_host_summary(rec, &book);
	for (i = 0; i < rec->finished->len; i++) {
		const struct session *session = rec->finished->pdata[i];
		uint64_t omitted;
		GPtrArray *streams = session_summaries(session, &omitted);

		book_select_vm(&book, session_dir_name(session));
		for (j = 0; j < streams->len; j++)
			print_summary_line(session_name(session), streams->pdata[j], &book);
		if (omitted)
			printf("    and %" G_GUINT64_FORMAT " more streams\n", omitted);
		if (book.vm)
			guest_lttng_print_recorded(book.vm);
	}
	timebase_free(book.timebase);
	recording_free(book.recording);
	recorder_totals(rec, &sum);
	for (i = 0; i < rec->finished->len; i++)
		print_end(rec->finished->pdata[i]);
	printf("recorded %" G_GUINT64_FORMAT " events in %" G_GUINT64_FORMAT " packets, %"
	       G_GUINT64_FORMAT " bytes to %s\n", sum.stats.events, sum.stats.packets,
	       sum.stats.bytes, rec->path);
	printf("lost: %" G_GUINT64_FORMAT " events in %s, %" G_GUINT64_FORMAT
	       " packets overwritten in the region (%" G_GUINT64_FORMAT
	       " while they were read); damaged streams: %" G_GUINT64_FORMAT "\n",
	       sum.stats.lost, rec->is_host_alone ? "the host" :
	       rec->host ? "host and guests" : "the guest",
	       sum.stats.overwritten, sum.stats.torn, sum.damaged);
}

bool recorder_has_recorded(const struct recorder *rec)
{
	return rec->finished->len || (rec->host && host_summaries(rec->host)->len);
}
