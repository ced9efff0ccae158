// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as one trace of Perfetto's: a stream of packets (perfetto.proto), written
 * as the decoder gives events. Each stream's events gather in a bundle until it is
 * full or events were lost; memory is a bundle a stream and the functions it named.
 *
 * A kernel (a driver's life, a window's, a run of the host) is a machine: machine 0
 * is the host, and the only kernel if there is one only. All times are the host's
 * CLOCK_MONOTONIC. Perfetto takes ftrace's times for CLOCK_BOOTTIME, and has no word
 * for the other; so the trace says that the two are equal, on all machines, which is
 * true up to the time that the host slept.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "decode/decoder.h"
#include "error.h"
#include "export/export.h"
#include "export/lttng-guest.h"
#include "export/output.h"
#include "export/perfetto-event.h"
#include "perfetto.pb-c.h"

#define MAX_CPUS	1024		/* Perfetto refuses a trace with more */
#define BUNDLE_BYTES	(1 << 16)	/* a bundle is full */

/* By Perfetto's numbers. */
enum {
	CLOCK_ID_REALTIME = 1,
	CLOCK_ID_MONOTONIC = 3,
	CLOCK_ID_BOOTTIME = 6,
	SEQUENCE_CLEARED = 1,		/* nothing that was told before counts */
	SEQUENCE_NEEDS = 2,		/* needs what was told before */
};

/* Packet sequences: ours, then one a stream. */
#define SEQUENCE_OWN	1
#define SEQUENCE_FIRST	2

/**
 * struct machine - a kernel
 * @vm: the VM, or the host
 * @generation: its life
 * @id: Perfetto's machine_id, 0 for none
 * @label: as users know it
 * @cpus: how many
 */
struct machine {
	const struct recording_vm *vm;
	const struct recording_generation *generation;
	uint32_t id;
	char *label;
	uint32_t cpus;
};

/**
 * struct bundle - the events of a stream that are still to be written
 * @machine: whose
 * @content: of the FtraceEventBundle, events only
 * @symbols: of the stream's packet sequence
 * @is_lost: events were lost before the first
 * @is_begun: the sequence's first packet is written
 * @lost: events known to be lost, in all
 * @events: in all
 */
struct bundle {
	struct machine *machine;
	GByteArray *content;
	struct perfetto_symbols symbols;
	bool is_lost;
	bool is_begun;
	uint64_t lost;
	uint64_t events;
};

/**
 * struct export - all of it
 * @decoder: where events come from
 * @events: turns them into messages
 * @machines: struct machine *
 * @file: the trace
 * @scratch: a packet's beginning
 * @tracks: bits: whether the track of a VM's own events is there
 */
struct export {
	struct decoder *decoder;
	struct perfetto_events *events;
	GPtrArray *machines;
	FILE *file;
	GByteArray *scratch;
	GHashTable *tracks;
};

static void machine_free(gpointer data)
{
	struct machine *machine = data;

	g_free(machine->label);
	g_free(machine);
}

/* --- packets --- */

/* An empty array has no data at all. */
static void put_bytes(struct export *export, const GByteArray *bytes)
{
	if (bytes->len)
		fwrite(bytes->data, 1, bytes->len, export->file);
}

/* A packet, and a field of it with content that is there already. */
static void put_packet(struct export *export, const Perfetto__Protos__TracePacket *packet,
		       uint32_t field, const GByteArray *head, const GByteArray *content)
{
	size_t size = protobuf_c_message_get_packed_size(&packet->base);
	GByteArray *scratch = export->scratch;
	guint begin;

	g_byte_array_set_size(scratch, 0);
	if (content)
		perfetto_append_length(scratch, field, head->len + content->len);
	begin = scratch->len;
	size += begin + (content ? head->len + content->len : 0);
	/* Behind it: the length of all, which is written first. */
	perfetto_append_length(scratch, 1, size); /* Trace.packet */
	fwrite(scratch->data + begin, 1, scratch->len - begin, export->file);
	fwrite(scratch->data, 1, begin, export->file);
	if (content) {
		put_bytes(export, head);
		put_bytes(export, content);
	}
	size = protobuf_c_message_get_packed_size(&packet->base);
	g_byte_array_set_size(scratch, size);
	protobuf_c_message_pack(&packet->base, scratch->data);
	fwrite(scratch->data, 1, size, export->file);
}

static void packet_init(Perfetto__Protos__TracePacket *packet, const struct machine *machine,
			uint32_t sequence)
{
	perfetto__protos__trace_packet__init(packet);
	packet->has_trusted_packet_sequence_id = true;
	packet->trusted_packet_sequence_id = sequence;
	if (machine && machine->id) {
		packet->has_machine_id = true;
		packet->machine_id = machine->id;
	}
}

/* --- machines --- */

static struct machine *get_machine(struct export *export, const struct decoder_stream *stream)
{
	struct machine *machine;

	for (guint i = 0; i < export->machines->len; i++) {
		machine = g_ptr_array_index(export->machines, i);
		if (machine->vm == stream->vm && machine->generation->epoch == stream->epoch &&
		    machine->generation->generation == stream->generation)
			return machine;
	}
	for (guint i = 0; i < stream->vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(stream->vm->generations, i);

		if (generation->epoch != stream->epoch ||
		    generation->generation != stream->generation)
			continue;
		machine = g_new0(struct machine, 1);
		machine->vm = stream->vm;
		machine->generation = generation;
		g_ptr_array_add(export->machines, machine);
		return machine;
	}
	return NULL;
}

static void add_stream(struct export *export, struct decoder_stream *stream)
{
	struct machine *machine;
	struct bundle *bundle;

	if ((stream->source != VHT_SOURCE_FTRACE && stream->source != VHT_SOURCE_WINDOW) ||
	    stream->cpu >= MAX_CPUS)
		return;
	machine = get_machine(export, stream);
	if (!machine)
		return;
	machine->cpus = MAX(machine->cpus, stream->cpu + 1);
	bundle = g_new0(struct bundle, 1);
	bundle->machine = machine;
	bundle->content = g_byte_array_new();
	perfetto_symbols_init(&bundle->symbols);
	stream->user = bundle;
}

static guint count_lives(const struct export *export, const struct recording_vm *vm)
{
	guint count = 0;

	for (guint i = 0; i < export->machines->len; i++)
		count += ((struct machine *)g_ptr_array_index(export->machines, i))->vm == vm;
	return count;
}

/* Names, and numbers: none where there is but one, 0 for the (first run of the) host. */
static void name_machines(struct export *export)
{
	uint32_t next = 1;
	bool has_host = false;

	for (guint i = 0; i < export->machines->len; i++) {
		struct machine *machine = g_ptr_array_index(export->machines, i);

		machine->label = count_lives(export, machine->vm) == 1 ?
				 g_strdup(machine->vm->name) :
				 g_strdup_printf("%s-%u.%u", machine->vm->name,
						 machine->generation->epoch,
						 machine->generation->generation);
		if (export->machines->len > 1 && (!machine->vm->is_host || has_host))
			machine->id = next++;
		has_host |= machine->vm->is_host;
	}
}

/**
 * struct clocks - what the host's clocks were at one moment
 */
struct clocks {
	Perfetto__Protos__ClockSnapshot snapshot;
	Perfetto__Protos__ClockSnapshot__Clock clocks[3];
	Perfetto__Protos__ClockSnapshot__Clock *pointers[3];
};

static void clocks_init(struct clocks *clocks, const struct recording *recording, uint64_t after)
{
	const uint32_t ids[] = { CLOCK_ID_REALTIME, CLOCK_ID_MONOTONIC, CLOCK_ID_BOOTTIME };

	perfetto__protos__clock_snapshot__init(&clocks->snapshot);
	for (guint i = 0; i < G_N_ELEMENTS(ids); i++) {
		Perfetto__Protos__ClockSnapshot__Clock *clock = &clocks->clocks[i];

		perfetto__protos__clock_snapshot__clock__init(clock);
		clock->has_clock_id = clock->has_timestamp = true;
		clock->clock_id = ids[i];
		clock->timestamp = after + (ids[i] == CLOCK_ID_REALTIME ? recording->start_real_ns :
									  recording->start_mono_ns);
		clocks->pointers[i] = clock;
	}
	clocks->snapshot.n_clocks = G_N_ELEMENTS(ids);
	clocks->snapshot.clocks = clocks->pointers;
}

static void put_clocks(struct export *export)
{
	Perfetto__Protos__TracePacket packet;
	struct clocks clocks;

	clocks_init(&clocks, decoder_recording(export->decoder), 0);
	packet_init(&packet, NULL, SEQUENCE_OWN);
	packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_CLOCK_SNAPSHOT;
	packet.clock_snapshot = &clocks.snapshot;
	put_packet(export, &packet, 0, NULL, NULL);
}

/* Two looks at the clocks of host and machine: the least that Perfetto takes. */
static void put_clock_sync(struct export *export, const struct machine *machine)
{
	Perfetto__Protos__RemoteClockSync sync = PERFETTO__PROTOS__REMOTE_CLOCK_SYNC__INIT;
	Perfetto__Protos__RemoteClockSync__SyncedClocks looks[2], *pointers[2];
	Perfetto__Protos__TracePacket packet;
	struct clocks clocks[2];

	for (guint i = 0; i < 2; i++) {
		clocks_init(&clocks[i], decoder_recording(export->decoder), i * 1000);
		perfetto__protos__remote_clock_sync__synced_clocks__init(&looks[i]);
		looks[i].client_clocks = looks[i].host_clocks = &clocks[i].snapshot;
		pointers[i] = &looks[i];
	}
	sync.n_synced_clocks = 2;
	sync.synced_clocks = pointers;
	packet_init(&packet, machine, SEQUENCE_OWN);
	packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_REMOTE_CLOCK_SYNC;
	packet.remote_clock_sync = &sync;
	put_packet(export, &packet, 0, NULL, NULL);
}

static char *valid(const char *text)
{
	return text ? g_utf8_make_valid(text, -1) : NULL;
}

static void put_system(struct export *export, const struct machine *machine)
{
	Perfetto__Protos__SystemInfo system = PERFETTO__PROTOS__SYSTEM_INFO__INIT;
	Perfetto__Protos__Utsname utsname = PERFETTO__PROTOS__UTSNAME__INIT;
	g_autofree char *release = recording_generation_env(machine->generation, "kernel.release");
	g_autofree char *arch = recording_generation_env(machine->generation, "kernel.machine");
	g_autofree char *label = valid(machine->label);
	g_autofree char *valid_release = valid(release);
	g_autofree char *valid_arch = valid(arch);
	Perfetto__Protos__TracePacket packet;

	utsname.sysname = "Linux";
	utsname.release = valid_release;
	utsname.machine = valid_arch;
	system.utsname = &utsname;
	system.tracing_service_version = "hypertrace " HYPERTRACE_VERSION;
	system.machine_name = label;
	system.has_num_cpus = true;
	system.num_cpus = machine->cpus;
	packet_init(&packet, machine, SEQUENCE_OWN);
	packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_SYSTEM_INFO;
	packet.system_info = &system;
	put_packet(export, &packet, 0, NULL, NULL);
}

/* What is known of a machine's losses by CPU; Perfetto wants a beginning and an end. */
static void put_stats(struct export *export, const struct machine *machine, bool is_end)
{
	Perfetto__Protos__FtraceStats stats = PERFETTO__PROTOS__FTRACE_STATS__INIT;
	g_autofree Perfetto__Protos__FtraceCpuStats *cpus =
		g_new(Perfetto__Protos__FtraceCpuStats, machine->cpus);
	g_autofree Perfetto__Protos__FtraceCpuStats **pointers =
		g_new(Perfetto__Protos__FtraceCpuStats *, machine->cpus);
	Perfetto__Protos__TracePacket packet;

	for (uint32_t i = 0; i < machine->cpus; i++) {
		perfetto__protos__ftrace_cpu_stats__init(&cpus[i]);
		cpus[i].has_cpu = cpus[i].has_overrun = true;
		cpus[i].cpu = i;
		pointers[i] = &cpus[i];
	}
	for (uint32_t i = 0; is_end && i < decoder_stream_count(export->decoder); i++) {
		const struct decoder_stream *stream = decoder_stream_at(export->decoder, i);
		const struct bundle *bundle = stream->user;

		if (bundle && bundle->machine == machine)
			cpus[stream->cpu].overrun += bundle->lost;
	}
	stats.has_phase = true;
	stats.phase = is_end ? PERFETTO__PROTOS__FTRACE_STATS__PHASE__END_OF_TRACE :
			       PERFETTO__PROTOS__FTRACE_STATS__PHASE__START_OF_TRACE;
	stats.n_cpu_stats = machine->cpus;
	stats.cpu_stats = pointers;
	packet_init(&packet, machine, SEQUENCE_OWN);
	packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_FTRACE_STATS;
	packet.ftrace_stats = &stats;
	put_packet(export, &packet, 0, NULL, NULL);
}

static void put_machines(struct export *export)
{
	put_clocks(export);
	for (guint i = 0; i < export->machines->len; i++) {
		const struct machine *machine = g_ptr_array_index(export->machines, i);

		if (machine->id)
			put_clock_sync(export, machine);
		put_system(export, machine);
		put_stats(export, machine, false);
	}
}

/* --- a kernel's events --- */

static void put_bundle(struct export *export, const struct decoder_stream *stream)
{
	Perfetto__Protos__FtraceEventBundle head = PERFETTO__PROTOS__FTRACE_EVENT_BUNDLE__INIT;
	struct bundle *bundle = stream->user;
	g_autoptr(GByteArray) head_bytes = g_byte_array_new();
	g_autoptr(GByteArray) nothing = g_byte_array_new();
	Perfetto__Protos__TracePacket packet;

	if (!bundle->content->len)
		return;
	packet_init(&packet, bundle->machine, SEQUENCE_FIRST + stream->index);
	packet.has_sequence_flags = true;
	packet.sequence_flags = bundle->is_begun ? SEQUENCE_NEEDS :
						   SEQUENCE_CLEARED | SEQUENCE_NEEDS;
	if (bundle->symbols.fresh->len)
		put_packet(export, &packet, 12, nothing, bundle->symbols.fresh);
	if (bundle->symbols.fresh->len)
		packet.sequence_flags = SEQUENCE_NEEDS;
	g_byte_array_set_size(bundle->symbols.fresh, 0);
	head.has_cpu = true;
	head.cpu = stream->cpu;
	head.has_lost_events = bundle->is_lost;
	head.lost_events = bundle->is_lost;
	g_byte_array_set_size(head_bytes, protobuf_c_message_get_packed_size(&head.base));
	protobuf_c_message_pack(&head.base, head_bytes->data);
	put_packet(export, &packet, 1, head_bytes, bundle->content);
	g_byte_array_set_size(bundle->content, 0);
	bundle->is_begun = true;
	bundle->is_lost = false;
}

static void put_kernel_event(struct export *export, const struct decoder_item *item)
{
	struct bundle *bundle = item->stream->user;

	if (item->kind == DECODER_LOST) {
		put_bundle(export, item->stream);
		bundle->is_lost = true;
		bundle->lost += item->lost;
		return;
	}
	perfetto_event_append(export->events, item, &bundle->symbols, bundle->content);
	bundle->events++;
	if (bundle->content->len >= BUNDLE_BYTES)
		put_bundle(export, item->stream);
}

/* --- a VM's own events: a track for each VM --- */

static uint64_t get_track(struct export *export, const struct decoder_stream *stream)
{
	uint64_t uuid = 0x4854ULL << 48 | (stream->vm_index + 1);
	Perfetto__Protos__TrackDescriptor track = PERFETTO__PROTOS__TRACK_DESCRIPTOR__INIT;
	g_autofree char *name = g_strdup_printf("VM %s", stream->vm->name);
	g_autofree char *valid_name = valid(name);
	Perfetto__Protos__TracePacket packet;

	if (!g_hash_table_add(export->tracks, GUINT_TO_POINTER(stream->vm_index)))
		return uuid;
	track.has_uuid = true;
	track.uuid = uuid;
	track.name = valid_name;
	packet_init(&packet, NULL, SEQUENCE_OWN);
	packet.data_case = PERFETTO__PROTOS__TRACE_PACKET__DATA_TRACK_DESCRIPTOR;
	packet.track_descriptor = &track;
	put_packet(export, &packet, 0, NULL, NULL);
	return uuid;
}

static void put_vm_event(struct export *export, const struct decoder_item *item)
{
	Perfetto__Protos__TrackEvent event = PERFETTO__PROTOS__TRACK_EVENT__INIT;
	g_autoptr(GByteArray) annotations = g_byte_array_new();
	g_autoptr(GByteArray) head = g_byte_array_new();
	Perfetto__Protos__TracePacket packet;

	event.has_type = event.has_track_uuid = true;
	event.type = PERFETTO__PROTOS__TRACK_EVENT__TYPE__TYPE_INSTANT;
	event.track_uuid = get_track(export, item->stream);
	event.name = (char *)item->class->raw_name;
	g_byte_array_set_size(head, protobuf_c_message_get_packed_size(&event.base));
	protobuf_c_message_pack(&event.base, head->data);
	perfetto_annotations_append(export->events, item, annotations);
	packet_init(&packet, NULL, SEQUENCE_OWN);
	packet.has_timestamp = true;
	packet.timestamp = item->time;
	put_packet(export, &packet, 11, head, annotations);
}

/* --- all of it --- */

static bool put_trace(struct export *export)
{
	struct decoder_item item;

	for (uint32_t i = 0; i < decoder_stream_count(export->decoder); i++)
		add_stream(export, decoder_stream_at(export->decoder, i));
	name_machines(export);
	put_machines(export);
	while (!ferror(export->file) && decoder_next(export->decoder, &item)) {
		if (item.stream->user)
			put_kernel_event(export, &item);
		else if (item.stream->source == VHT_SOURCE_VMM && item.kind == DECODER_EVENT)
			put_vm_event(export, &item);
	}
	for (uint32_t i = 0; i < decoder_stream_count(export->decoder); i++)
		if (decoder_stream_at(export->decoder, i)->user)
			put_bundle(export, decoder_stream_at(export->decoder, i));
	for (guint i = 0; i < export->machines->len; i++)
		put_stats(export, g_ptr_array_index(export->machines, i), true);
	return !ferror(export->file);
}

static void free_bundles(struct export *export)
{
	for (uint32_t i = 0; i < decoder_stream_count(export->decoder); i++) {
		struct decoder_stream *stream = decoder_stream_at(export->decoder, i);
		struct bundle *bundle = stream->user;

		if (!bundle)
			continue;
		g_byte_array_unref(bundle->content);
		perfetto_symbols_fini(&bundle->symbols);
		g_free(bundle);
		stream->user = NULL;
	}
}

static bool export_to(struct export *export, const char *path, GError **error)
{
	int reason;
	bool done;

	export->file = fopen(path, "wxe");
	if (!export->file) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make file: %s: %s", path,
			    g_strerror(errno));
		return false;
	}
	export->events = perfetto_events_new();
	export->machines = g_ptr_array_new_with_free_func(machine_free);
	export->scratch = g_byte_array_new();
	export->tracks = g_hash_table_new(NULL, NULL);
	errno = 0;
	done = put_trace(export);
	reason = errno ? errno : EIO;
	if (fclose(export->file) && done) {
		reason = errno;
		done = false;
	}
	if (!done)
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot write: %s: %s", path,
			    g_strerror(reason));
	free_bundles(export);
	g_hash_table_unref(export->tracks);
	g_byte_array_unref(export->scratch);
	g_ptr_array_unref(export->machines);
	perfetto_events_free(export->events);
	return done;
}

bool export_perfetto(const struct export_request *request, GError **error)
{
	const struct decoder_options options = { .naming = NAMING_FTRACE, .vm = request->vm };
	struct export export = { 0 };
	struct output output;
	bool done = false;

	export.decoder = export_open_decoder(request, &options, error);
	if (!export.decoder)
		return false;
	if (output_init(&output, request->out, error)) {
		char *path = g_build_filename(output.partial, "trace", NULL);

		done = export_to(&export, path, error) && output_commit(&output, path, error);
		output_fini(&output);
		g_free(path);
	}
	export_add_warnings(request, export.decoder);
	export_warn_lttng_guests(request);
	decoder_free(export.decoder);
	return done;
}
