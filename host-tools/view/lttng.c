// SPDX-License-Identifier: GPL-2.0-only
/* Events of guests' LTTng for view; see lttng.h. */
#include "view/lttng.h"

#include <errno.h>

#include "error.h"
#include "export/export.h"
#include "export/guard.h"
#include "export/lttng-guest.h"
#include "export/scratch.h"
#include "lttng/guest.h"
#include "view/lttng-receive.h"
#include "view/lttng-send.h"

/**
 * struct reader - the process that reads a VM's traces
 * @record: the next one to hand out, if @has_record, with its @class and @fields
 * @time: of the last one that was handed out
 * @stream: what it is of
 * @is_over: the process has ended
 */
struct reader {
	struct guard guard;
	struct lttng_send send;
	const struct recording_vm *vm;
	struct lttng_receiver receiver;
	struct lttng_record record;
	struct event_class class;
	const char *fields;
	struct decoder_stream stream;
	uint64_t time;
	bool has_record;
	bool is_over;
};

struct view_lttng {
	const struct decoder *decoder;
	struct scratch *scratch;
	GPtrArray *traces;	/* struct lttng_guest_trace * */
	GPtrArray *readers;	/* struct reader * */
	GPtrArray *problems;
};

static void reader_free(void *data)
{
	struct reader *reader = data;

	if (!reader->is_over)
		guard_stop(&reader->guard);
	g_ptr_array_unref(reader->send.traces);
	lttng_receiver_fini(&reader->receiver);
	g_free(reader);
}

/* The process has told all, or is not listened to any more. */
static void end_reader(struct view_lttng *lttng, struct reader *reader, bool is_whole)
{
	reader->is_over = true;
	if (!is_whole)
		guard_stop(&reader->guard);
	else if (guard_end(&reader->guard) == GUARD_TRUE)
		return;
	g_ptr_array_add(lttng->problems, g_strdup_printf(
		"events of LTTng in %s are missing: reading them ended after %" G_GUINT64_FORMAT
		".%09u s", reader->vm->name, reader->time / 1000000000,
		(unsigned int)(reader->time % 1000000000)));
}

static void read_record(struct view_lttng *lttng, struct reader *reader)
{
	enum lttng_received received;
	const char *name;

	received = lttng_receive(&reader->receiver, &reader->record, &name, &reader->fields);
	reader->has_record = received == LTTNG_RECEIVED_RECORD &&
			     reader->record.trace < reader->send.traces->len;
	if (reader->has_record)
		reader->class = (struct event_class) {
			.name = name, .raw_name = name, .system = "lttng",
			.id = -1, .pid_offset = -1, .flags_offset = -1, .preempt_offset = -1,
		};
	else
		end_reader(lttng, reader, received == LTTNG_RECEIVED_END);
}

/* Who has the earliest record, or NULL. */
static struct reader *find_first(struct view_lttng *lttng)
{
	struct reader *first = NULL;

	for (guint i = 0; i < lttng->readers->len; i++) {
		struct reader *reader = lttng->readers->pdata[i];

		if (!reader->has_record && !reader->is_over)
			read_record(lttng, reader);
		if (reader->has_record && (!first || reader->record.time < first->record.time))
			first = reader;
	}
	return first;
}

uint64_t view_lttng_time(struct view_lttng *lttng)
{
	const struct reader *reader = lttng ? find_first(lttng) : NULL;

	return reader ? reader->record.time : UINT64_MAX;
}

static void set_stream(struct reader *reader, bool is_raw)
{
	const struct lttng_guest_trace *trace = reader->send.traces->pdata[reader->record.trace];

	reader->stream.vm = reader->vm;
	reader->stream.epoch = trace->epoch;
	reader->stream.source = VHT_SOURCE_LTTNG;
	reader->stream.cpu = reader->record.cpu;
	reader->stream.has_host_time = trace->has_host_time && !is_raw;
}

bool view_lttng_next(struct view_lttng *lttng, struct decoder_item *item,
		     struct view_lttng_event *event)
{
	struct reader *reader = lttng ? find_first(lttng) : NULL;
	const struct lttng_record *record;

	if (!reader)
		return false;
	record = &reader->record;
	set_stream(reader, reader->send.is_raw);
	*item = (struct decoder_item) {
		.kind = record->kind == LTTNG_RECORD_EVENT ? DECODER_EVENT : DECODER_LOST,
		.stream = &reader->stream,
		.time = record->time,
		.end_time = record->end_time,
		.lost = record->lost,
		.class = record->kind == LTTNG_RECORD_EVENT ? &reader->class : NULL,
		.pid = -1,
	};
	decoder_find_place(lttng->decoder, &reader->stream, &item->place);
	*event = (struct view_lttng_event) {
		.fields = reader->fields,
		.fields_size = record->fields_size,
		.is_packets = record->kind == LTTNG_RECORD_LOST_PACKETS,
	};
	reader->time = record->time;
	reader->has_record = false;
	return true;
}

/* The traces of a VM. @size: bytes of them */
static GPtrArray *traces_of(const struct view_lttng *lttng, const struct recording_vm *vm,
			    uint64_t *size)
{
	GPtrArray *traces = g_ptr_array_new();

	*size = 0;
	for (guint i = 0; i < lttng->traces->len; i++) {
		struct lttng_guest_trace *trace = lttng->traces->pdata[i];

		if (trace->vm != vm)
			continue;
		g_ptr_array_add(traces, trace);
		*size += trace->bytes;
	}
	return traces;
}

/* Begin to read traces of a VM. Return: false with @error set. */
static bool start_reader(struct view_lttng *lttng, const struct recording_vm *vm,
			 const struct lttng_send *send, uint64_t size, GError **error)
{
	struct reader *reader = g_new0(struct reader, 1);

	reader->vm = vm;
	reader->send = *send;
	reader->is_over = !guard_start(&reader->guard, lttng_send, &reader->send, size);
	if (reader->is_over)
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make a process: %s",
			    g_strerror(errno));
	lttng_receiver_init(&reader->receiver, reader->guard.fd);
	g_ptr_array_add(lttng->readers, reader);
	return !reader->is_over;
}

/* Likewise for all VMs that have some. */
static bool start_readers(struct view_lttng *lttng, bool is_raw, GError **error)
{
	const struct recording *recording = decoder_recording(lttng->decoder);
	bool done = true;

	for (guint i = 0; done && i < recording->vms->len; i++) {
		const struct recording_vm *vm = recording->vms->pdata[i];
		uint64_t size;
		struct lttng_send send = {
			.traces = traces_of(lttng, vm, &size),
			.real_offset = recording->start_real_ns - recording->start_mono_ns,
			.is_raw = is_raw,
		};

		if (send.traces->len)
			done = start_reader(lttng, vm, &send, size, error);
		else
			g_ptr_array_unref(send.traces);
	}
	return done;
}

static bool start(struct view_lttng *lttng, const struct decoder_options *options,
		  GPtrArray *warnings, GError **error)
{
	const struct export_request request = { .vm = options->vm, .warnings = warnings };

	lttng->scratch = scratch_new(error);
	return lttng->scratch &&
	       export_lttng_guests(&request, decoder_recording(lttng->decoder),
				   lttng->scratch->path, lttng->traces, error) &&
	       start_readers(lttng, options->is_raw, error);
}

static bool has_spool(const struct recording_vm *vm)
{
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *gen = vm->generations->pdata[i];

		for (guint j = 0; j < gen->streams->len; j++) {
			const struct recording_stream *stream = gen->streams->pdata[j];

			if (stream->source == VHT_SOURCE_SPOOL)
				return true;
		}
	}
	return false;
}

/* Whether there can be events of LTTng at all. */
static bool has_any(const struct decoder *decoder)
{
	const GPtrArray *vms = decoder_recording(decoder)->vms;

	for (guint i = 0; i < vms->len; i++) {
		const struct recording_vm *vm = vms->pdata[i];

		if (!vm->is_host && decoder_wants_vm(decoder, vm) &&
		    (lttng_guest_has_packets(vm) || has_spool(vm)))
			return true;
	}
	return false;
}

struct view_lttng *view_lttng_new(struct decoder *decoder, const struct decoder_options *options,
				  GPtrArray *warnings, GError **error)
{
	struct view_lttng *lttng;

	if (!has_any(decoder))
		return NULL;
	lttng = g_new0(struct view_lttng, 1);
	lttng->decoder = decoder;
	lttng->traces = lttng_guest_traces_new();
	lttng->readers = g_ptr_array_new_with_free_func(reader_free);
	lttng->problems = g_ptr_array_new_with_free_func(g_free);
	if (start(lttng, options, warnings, error))
		return lttng;
	view_lttng_free(lttng);
	return NULL;
}

const GPtrArray *view_lttng_problems(const struct view_lttng *lttng)
{
	return lttng ? lttng->problems : NULL;
}

void view_lttng_free(struct view_lttng *lttng)
{
	if (!lttng)
		return;
	/* the readers have to be gone before the directory can */
	g_ptr_array_unref(lttng->readers);
	g_ptr_array_unref(lttng->traces);
	g_ptr_array_unref(lttng->problems);
	scratch_free(lttng->scratch);
	g_free(lttng);
}
