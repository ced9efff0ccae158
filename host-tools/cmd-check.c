// SPDX-License-Identifier: GPL-2.0-only
/*
 * `hypertrace check`: is a recording whole? First what the packets say by
 * themselves, then, decoded, whether the events are as many as the packets say
 * and in order, and whether the timeline can be true.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "decode/causality.h"
#include "decode/decoder.h"
#include "error.h"
#include "format.h"
#include "guest-lttng.h"
#include "guest-spool.h"
#include "recording/audit.h"
#include "recording/reader.h"

#define NAME	"check"

/**
 * struct row - one stream in the table
 * @name: e.g. "1.1/ftrace.hypertrace-cpu0"
 * @decoded: events that the decoder gave, if @is_decoded
 * @early_steps_back: as in struct decoder_stream
 */
struct row {
	const struct recording_vm *vm;
	const struct recording_generation *gen;
	const struct recording_stream *stream;
	struct audit_stream *audit;
	char *name;
	uint64_t decoded;
	bool is_decoded;
	uint64_t early_steps_back;
};

static void row_free(gpointer data)
{
	struct row *row = data;

	audit_stream_free(row->audit);
	g_free(row->name);
	g_free(row);
}

static void add_row(GPtrArray *rows, const struct recording_vm *vm,
		    const struct recording_generation *gen, const struct recording_stream *stream)
{
	struct row *row = g_new0(struct row, 1);

	row->vm = vm;
	row->gen = gen;
	row->stream = stream;
	row->audit = audit_stream(stream, gen ? gen->epoch : 0, gen ? gen->generation : 0);
	if (gen && stream->has_state && !row->audit->is_closed && audit_must_be_closed(vm, gen))
		audit_add_defect(row->audit, vm->is_host ?
				 "not closed: the recorder of this run did not come to its end" :
				 "not closed: the next driver came before the end was recorded");
	row->name = gen ? g_strdup_printf("%u.%u/%s", gen->epoch, gen->generation,
					  stream->file_name) :
			  g_strdup(stream->file_name);
	g_ptr_array_add(rows, row);
}

static GPtrArray *make_rows(const struct recording *rec)
{
	GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);
	guint i, j, k;

	for (i = 0; i < rec->vms->len; i++) {
		const struct recording_vm *vm = rec->vms->pdata[i];

		if (vm->vmm_stream)
			add_row(rows, vm, NULL, vm->vmm_stream);
		for (j = 0; j < vm->generations->len; j++) {
			const struct recording_generation *gen = vm->generations->pdata[j];

			for (k = 0; k < gen->streams->len; k++)
				add_row(rows, vm, gen, gen->streams->pdata[k]);
		}
	}
	return rows;
}

/**
 * is_row_of - see whether a row and a decoded stream are the same
 */
static bool is_row_of(const struct row *row, const struct decoder_stream *stream)
{
	return row->gen && row->vm == stream->vm && row->gen->epoch == stream->epoch &&
	       row->gen->generation == stream->generation &&
	       row->stream->source == stream->source && row->stream->cpu == stream->cpu &&
	       !strcmp(row->stream->first_state.name, stream->name);
}

/**
 * check_decoded - compare a stream's events with its packets
 */
static void check_decoded(struct row *row, const struct decoder_stream *stream)
{
	row->decoded = stream->events;
	row->is_decoded = true;
	row->early_steps_back = stream->early_steps_back;
	if (stream->damaged)
		audit_add_defect(row->audit, "%" PRIu64 " packets were not understood to the end",
				 stream->damaged);
	if (stream->time_steps_back)
		audit_add_defect(row->audit, "time goes back %" PRIu64 " times",
				 stream->time_steps_back);
	if (row->audit->has_all_events && stream->events != row->audit->events)
		audit_add_defect(row->audit, "%" PRIu64 " events decoded, the packets say %" PRIu64,
				 stream->events, row->audit->events);
}

/**
 * decode - decode all events and compare
 * @causality: is given all events
 * @warnings: sentences are added
 */
static void decode(const struct recording *rec, GPtrArray *rows, struct causality *causality,
		   GPtrArray *warnings)
{
	struct decoder *decoder = decoder_new(rec, NULL);
	const GPtrArray *sentences;
	struct decoder_item item;
	guint i;
	uint32_t s;

	while (decoder_next(decoder, &item))
		causality_take(causality, &item);
	causality_finish(causality);
	for (s = 0; s < decoder_stream_count(decoder); s++) {
		const struct decoder_stream *stream = decoder_stream_at(decoder, s);

		for (i = 0; i < rows->len; i++)
			if (is_row_of(rows->pdata[i], stream))
				check_decoded(rows->pdata[i], stream);
	}
	sentences = decoder_warnings(decoder);
	for (i = 0; i < sentences->len; i++)
		g_ptr_array_add(warnings, g_strdup(sentences->pdata[i]));
	decoder_free(decoder);
}

static void print_row(const struct row *row)
{
	const struct audit_stream *audit = row->audit;
	g_autofree char *decoded = row->is_decoded ? g_strdup_printf("%" PRIu64, row->decoded) :
						     g_strdup("-");
	guint i;

	printf("%-16s %-32s %10" PRIu64 " %12" PRIu64 " %12s %10" PRIu64 " %10" PRIu64 "  %s\n",
	       row->vm->name, row->name, audit->packets, audit->events, decoded, audit->lost,
	       audit->missing, audit->is_closed ? "closed" : "open");
	if (audit->before)
		printf("    %" PRIu64 " packets were overwritten before the recording began\n",
		       audit->before);
	if (audit->lost_before)
		printf("    %" PRIu64 " of the lost events were lost before the recording began\n",
		       audit->lost_before);
	if (audit->has_gap || audit->subbufs_lost)
		printf("    the guest overwrote %s%" PRIu64 " sub-buffers of its window unread\n",
		       audit->is_least ? "at least " : "", audit->subbufs_lost);
	if (audit->heartbeats)
		printf("    %" PRIu64 " heartbeats, %" PRIu64 " numbers missing between them\n",
		       audit->heartbeats, audit->heartbeat_gaps);
	if (row->early_steps_back)
		printf("    the guest's clock went back %" PRIu64
		       " times before the driver began: the kernel was still finding it out\n",
		       row->early_steps_back);
	for (i = 0; i < audit->defects->len; i++)
		printf("    defect: %s\n", (const char *)audit->defects->pdata[i]);
	if (audit->defect_count > audit->defects->len)
		printf("    and %" PRIu64 " defects more\n",
		       audit->defect_count - audit->defects->len);
}

/**
 * print_rule - what a rule of causality found
 * @rule: what was to be, e.g. "events inside their vCPU's stays"
 * Return: how many violations there are.
 */
static uint64_t print_rule(const struct causality_vm *vm, const char *rule,
			   const struct causality_count *count)
{
	g_autofree char *when = format_seconds(count->at_ns);

	printf("causality of %s: %s: %" PRIu64 " judged, %" PRIu64 " not, %" PRIu64
	       " violations", vm->vm->name, rule, count->judged, count->unjudged,
	       count->violations);
	if (count->carried)
		printf(", %" PRIu64 " with another CPU's reading of the clock", count->carried);
	if (count->judged)
		printf("; largest excess %" PRIu64 " ns, bound %" PRIu64 " ns",
		       count->largest_ns, count->largest_ns ? count->bound_ns : count->widest_ns);
	if (count->largest_ns)
		printf(" (at %s s; no bound above %" PRIu64 " ns)", when, count->widest_ns);
	printf("\n");
	return count->violations;
}

/**
 * print_causality - whether the timeline can be true
 * Return: how many violations there are.
 */
static uint64_t print_causality(const struct causality *causality)
{
	uint64_t violations = 0;
	uint32_t i;

	for (i = 0; i < causality_vm_count(causality); i++) {
		const struct causality_vm *vm = causality_vm_at(causality, i);
		g_autofree char *rule = g_strdup_printf("events in %" PRIu64 " stays in the guest",
							vm->stays);

		if (vm->has_host)
			violations += print_rule(vm, rule, &vm->inside);
		if (vm->wakeups.judged)
			violations += print_rule(vm, "tasks run after they were woken up",
						 &vm->wakeups);
	}
	return violations;
}

/**
 * check - check an open recording
 * Return: the exit code.
 */
static int check(const struct recording *rec)
{
	g_autoptr(GPtrArray) rows = make_rows(rec);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	struct causality *causality = causality_new(rec);
	uint64_t lost = 0, missing = 0, before = 0, defects = 0, subbufs = 0;
	bool has_loss = false, has_gap = false, is_least = false;
	guint i;

	decode(rec, rows, causality, warnings);
	printf("%-16s %-32s %10s %12s %12s %10s %10s  %s\n", "VM", "stream", "packets", "events",
	       "decoded", "lost", "missing", "state");
	for (i = 0; i < rows->len; i++) {
		const struct row *row = rows->pdata[i];

		print_row(row);
		lost += row->audit->lost;
		missing += row->audit->missing;
		before += row->audit->before;
		defects += row->audit->defect_count;
		has_loss |= audit_has_loss(row->audit);
		subbufs += row->audit->subbufs_lost;
		has_gap |= row->audit->has_gap;
		is_least |= row->audit->is_least;
	}
	for (i = 0; i < rec->vms->len; i++) {
		const struct recording_vm *vm = rec->vms->pdata[i];

		if (!vm->is_host)
			defects += guest_lttng_check(vm, &has_loss) +
				   guest_spool_check(vm, &has_loss);
	}
	for (i = 0; i < warnings->len; i++)
		printf("warning: %s\n", (const char *)warnings->pdata[i]);
	defects += print_causality(causality);
	causality_free(causality);
	if (rec->damaged_streams) {
		printf("defect: the recorder gave up %" PRIu64 " damaged streams\n",
		       rec->damaged_streams);
		defects += rec->damaged_streams;
	}
	if (!rec->complete)
		printf("note: the recorder did not end by itself, or has not ended yet\n");
	printf("lost: %" PRIu64 " events in the guest, %" PRIu64 " packets missing, %" PRIu64
	       " packets before the recording; defects: %" PRIu64 "\n", lost, missing, before,
	       defects);
	if (subbufs || has_gap)
		printf("lost in windows: %s%" PRIu64 " sub-buffers\n", is_least ? "at least " : "",
		       subbufs);
	return has_loss || defects ? HT_ERROR_DEFECTS : 0;
}

int cmd_check(int argc, char **argv)
{
	const GOptionEntry entries[] = {
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};
	struct recording *rec;
	GError *error = NULL;
	int code;

	if (!cmd_parse(&argc, &argv, "RECORDING", "Checks that a recording is whole.", entries))
		return HT_ERROR_USAGE;
	if (argc != 2)
		return cmd_usage(NAME, "one recording is needed");
	rec = recording_open(argv[1], &error);
	if (!rec)
		return cmd_fail(NAME, error);
	code = check(rec);
	recording_free(rec);
	return code;
}
