// SPDX-License-Identifier: GPL-2.0-only
/* `hypertrace info`: what a recording holds, without decoding it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "decode/timebase.h"
#include "error.h"
#include "format.h"
#include "guest-lttng.h"
#include "guest-spool.h"
#include "recording/reader.h"
#include "wire/end.h"
#include "wire/text.h"

#define NAME	"info"

static const char *counter_word(uint32_t kind)
{
	switch (kind) {
	case VHT_COUNTER_X86_TSC:
		return "x86 TSC";
	case VHT_COUNTER_ARM64_CNTVCT:
		return "arm64 CNTVCT";
	default:
		return "unknown";
	}
}

/**
 * print_text - a label and a text of the guest, made printable
 * @text: freed
 */
static void print_text(const char *label, char *text)
{
	size_t size = text ? strlen(text) : 0;
	g_autofree char *safe = g_malloc(size + 1);

	text_copy(safe, (const uint8_t *)text, size);
	if (size)
		printf("    %-10s %s\n", label, safe);
	g_free(text);
}

static void print_stream(const struct recording_stream *stream, const struct timebase *timebase,
			 uint32_t epoch)
{
	g_autofree char *first = NULL, *last = NULL, *bytes = format_bytes((double)stream->size);
	uint64_t packets = 0, events = 0, first_ns, last_ns;
	struct recording_cursor cursor;
	struct recording_packet packet;

	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type == VHT_PACKET_STATE)
			continue;
		packets++;
		events = packet.header.events;
	}
	if (timebase_span(timebase, epoch, stream, &first_ns, &last_ns)) {
		first = format_seconds(first_ns);
		last = format_seconds(last_ns);
	}
	printf("      %-30s %10s %10" PRIu64 " packets %12" PRIu64 " events  %s .. %s\n",
	       stream->file_name, bytes, packets, events, first ? first : "-", last ? last : "-");
}

/**
 * print_clock - how well guest and host time are related
 */
static void print_clock(const struct recording_vm *vm)
{
	uint64_t count = 0, hz = vm->counter_hz;
	struct recording_records it;
	struct clock_record record;
	uint32_t error_ns = 0;

	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_clock_record(&it, &record)) {
		if (record.counter_hz)
			hz = record.counter_hz;
		error_ns = MAX(error_ns, record.error_ns);
		count++;
	}
	printf("  clock:       %s, %" PRIu64 " Hz, %" PRIu64
	       " records, error at most %" PRIu32 " ns\n", counter_word(vm->counter_kind),
	       hz, count, error_ns);
}

/**
 * print_vcpus - which vCPUs there were, and who ran them
 */
static void print_vcpus(const struct vcpu_map *map)
{
	uint32_t i;

	for (i = 0; i < vcpu_map_count(map); i++) {
		const struct vcpu *vcpu = vcpu_map_at(map, i);
		g_autofree char *from = format_seconds(vcpu->from_ns);
		g_autofree char *to = vcpu->to_ns < UINT64_MAX ? format_seconds(vcpu->to_ns) : NULL;

		printf("  vCPU %-8" PRIu32 "id %" PRIu64 ", thread %" PRIu32, vcpu->index,
		       vcpu->arch_id, vcpu->thread_id);
		if (vcpu->kvm_id != VHT_CPU_NONE)
			printf(", %" PRIu32 " to KVM", vcpu->kvm_id);
		printf(", from %s%s%s\n", from, to ? " to " : "", to ? to : "");
	}
}

/**
 * print_cpus - which vCPUs the CPUs of a driver's life are
 */
static void print_cpus(const struct recording_generation *gen, const struct vcpu_map *map)
{
	uint32_t last = VHT_CPU_NONE;
	guint i;

	for (i = 0; i < gen->streams->len; i++) {
		const struct recording_stream *stream = gen->streams->pdata[i];
		enum vcpu_source source;
		uint32_t index;

		if (stream->cpu == VHT_CPU_NONE || (last != VHT_CPU_NONE && stream->cpu <= last))
			continue;
		source = vcpu_map_of_cpu(map, gen->epoch, gen->generation, stream->cpu, &index);
		printf(last == VHT_CPU_NONE ? "    %-10s " : ", ", "CPUs:");
		if (source == VCPU_UNKNOWN)
			printf("%" PRIu32 " is no vCPU known", stream->cpu);
		else
			printf("%" PRIu32 " is vCPU %" PRIu32 "%s", stream->cpu, index,
			       source == VCPU_ASSUMED ? " (assumed)" : "");
		last = stream->cpu;
	}
	if (last != VHT_CPU_NONE)
		printf("\n");
}

/**
 * worse - of two findings about times the one that is worse
 */
static struct timebase_quality worse(struct timebase_quality a, struct timebase_quality b)
{
	struct timebase_quality result = b.bound_ns > a.bound_ns || !a.method ? b : a;

	result.steady_ns = MAX(a.steady_ns, b.steady_ns);
	result.is_older = a.is_older || b.is_older;
	return result;
}

static void print_quality(const char *label, const char *name, struct timebase_quality quality)
{
	printf("%s%s%s%s", label, name, name[0] ? ": " : "", quality.method);
	if (quality.bound_ns < UINT64_MAX)
		printf(", within %" PRIu64 " ns", quality.steady_ns);
	if (quality.steady_ns < quality.bound_ns)
		printf(", at the kernel's beginning within %" PRIu64 " ns", quality.bound_ns);
	if (quality.is_older)
		printf(", unknown for what is from before the VM's state was loaded");
	printf("\n");
}

/**
 * generation_quality - how well the times of a source's streams are known
 * @source: %VHT_SOURCE_*, 0 for all that have times
 * @name: of the source
 * Return: of the worst; @method is NULL if there are none.
 */
static struct timebase_quality generation_quality(const struct timebase *timebase,
						  const struct recording_generation *gen,
						  uint16_t source, const char *name)
{
	struct timebase_quality result = { NULL, 0, 0, 0, false };
	guint i;

	for (i = 0; i < gen->streams->len; i++) {
		const struct recording_stream *stream = gen->streams->pdata[i];

		if (stream->source == VHT_SOURCE_METADATA ||
		    (source && (stream->source != source ||
				strcmp(stream->first_state.name, name))))
			continue;
		result = worse(result, timebase_quality(timebase, gen->epoch, stream));
	}
	return result;
}

/**
 * print_times - how well the times of each source are known
 */
static void print_times(const struct recording_generation *gen, const struct timebase *timebase)
{
	const struct recording_stream *last = NULL;
	guint i;

	for (i = 0; i < gen->streams->len; i++) {
		const struct recording_stream *stream = gen->streams->pdata[i];
		const char *name = stream->first_state.name;

		/* by name: those of a source are one behind the other */
		if (stream->source == VHT_SOURCE_METADATA ||
		    (last && last->source == stream->source &&
		     !strcmp(last->first_state.name, name)))
			continue;
		print_quality("    times:     ", stream->source == VHT_SOURCE_HEARTBEAT ?
			      "heartbeat" : stream->source == VHT_SOURCE_WINDOW ? "window" : name,
			      generation_quality(timebase, gen, stream->source, name));
		last = stream;
	}
}

/**
 * print_vm_times - how well all times of a VM are known, and what was wrong with them
 */
static void print_vm_times(const struct recording_vm *vm, const struct timebase *timebase,
			   const GPtrArray *warnings)
{
	struct timebase_quality all = { NULL, 0, 0, 0, false };
	guint i;

	for (i = 0; i < vm->generations->len; i++) {
		struct timebase_quality one = generation_quality(timebase, vm->generations->pdata[i],
								 0, NULL);

		all = one.method ? worse(all, one) : all;
	}
	if (all.method)
		print_quality("  times:       ", "", all);
	for (i = 0; i < warnings->len; i++)
		printf("  warning:     %s\n", (const char *)warnings->pdata[i]);
}

static void print_life(const struct recording_vm *vm)
{
	struct recording_records it;
	struct vmm_event event;
	bool has_ended = false;

	printf("  life of the VM (CLOCK_MONOTONIC, s):\n");
	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_vmm_event(&it, &event)) {
		g_autofree char *when = format_seconds(event.mono_ns);

		printf("    %20s  epoch %" PRIu32 "  %s", when, event.epoch,
		       vmm_event_word(event.type));
		if (event.arg)
			printf(" %" PRIu64, event.arg);
		printf("%s%s\n", event.text[0] ? ": " : "", event.text);
		has_ended |= event.type == VHT_VMM_ENDED;
	}
	if (!has_ended)
		printf("    (its end was not recorded)\n");
}

/**
 * print_end - what a driver said of its end
 */
static void print_end(const struct guest_end *end)
{
	char reason[END_WORD_SIZE], stage[END_WORD_SIZE];

	if (end->reason == VHT_END_NONE)
		return;
	printf("    %-10s %s (%s)%s%s\n", "end:", end_reason_word(end->reason, reason),
	       end_stage_word(end->stage, stage), end->text[0] ? ": " : "", end->text);
}

/**
 * print_about_vm - what is to say of a VM and not of the host
 */
static void print_about_vm(const struct recording_vm *vm, const struct timebase *timebase,
			   const GPtrArray *warnings)
{
	g_autofree char *start = format_date(vm->start_real_ns);
	g_autofree char *mono = format_seconds(vm->start_mono_ns);
	g_autofree char *size = format_bytes((double)vm->region_size);

	printf("\nVM %s\n", vm->name);
	if (vm->uuid[0])
		printf("  uuid:        %s\n", vm->uuid);
	printf("  VMM:         %s, pid %" PRIu32 ", region of %s\n", vm->vmm, vm->pid, size);
	printf("  started:     %s (CLOCK_MONOTONIC %s)\n", start, mono);
	print_clock(vm);
	print_vm_times(vm, timebase, warnings);
	print_vcpus(timebase_vcpus(timebase));
	print_life(vm);
	if (vm->vmm_stream)
		print_stream(vm->vmm_stream, timebase, 0);
}

/**
 * print_lttng - the sessions of LTTng in a guest
 */
static void print_lttng(const struct recording *rec, const struct recording_vm *vm,
			const struct timebase *timebase)
{
	struct lttng_guest *guest = lttng_guest_read(vm);
	guint i;

	for (i = 0; i < guest->sessions->len; i++) {
		const struct lttng_guest_session *session = guest->sessions->pdata[i];

		guest_lttng_print_session("  ", session);
		guest_lttng_print_totals("    ", session);
		guest_lttng_print_clock("    ", rec, vm, timebase, session);
	}
	guest_lttng_print_late("  ", guest);
	if (guest->strange)
		printf("  LTTng: packets damaged, or of no session known: %" PRIu64 "\n",
		       guest->strange);
	lttng_guest_free(guest);
}

static void print_vm(const struct recording *rec, const struct recording_vm *vm)
{
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	struct timebase *timebase = timebase_new(vm, warnings);
	guint i, j;

	if (vm->is_host)
		printf("\nhost %s\n", vm->name);
	else
		print_about_vm(vm, timebase, warnings);
	for (i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *gen = vm->generations->pdata[i];

		if (vm->is_host)
			printf("  run %" PRIu32 " of the recorder\n", gen->generation);
		else if (gen->generation)
			printf("  epoch %" PRIu32 ", driver %" PRIu32 "\n", gen->epoch,
			       gen->generation);
		else
			printf("  epoch %" PRIu32 ", window\n", gen->epoch);
		print_text("kernel:", recording_generation_env(gen, "kernel.release"));
		print_text("machine:", recording_generation_env(gen, "kernel.machine"));
		print_text("build id:", recording_generation_env(gen, "kernel.build_id"));
		print_text("cmdline:", recording_generation_env(gen, "kernel.cmdline"));
		print_end(&gen->end);
		if (!vm->is_host) {
			print_cpus(gen, timebase_vcpus(timebase));
			print_times(gen, timebase);
		}
		for (j = 0; j < gen->streams->len; j++)
			print_stream(gen->streams->pdata[j], timebase, gen->epoch);
	}
	if (!vm->is_host) {
		print_lttng(rec, vm, timebase);
		guest_spool_print(rec, vm, timebase);
	}
	timebase_free(timebase);
}

int cmd_info(int argc, char **argv)
{
	const GOptionEntry entries[] = {
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};
	g_autofree char *start = NULL;
	struct recording *rec;
	GError *error = NULL;
	guint i;

	if (!cmd_parse(&argc, &argv, "RECORDING", "Says what a recording holds.", entries))
		return HT_ERROR_USAGE;
	if (argc != 2)
		return cmd_usage(NAME, "one recording is needed");
	rec = recording_open(argv[1], &error);
	if (!rec)
		return cmd_fail(NAME, error);

	start = format_date(rec->start_real_ns);
	printf("recording %s\n", rec->path);
	printf("  made by:     %s on %s (Linux %s)\n", rec->tool, rec->hostname, rec->release);
	printf("  started:     %s\n", start);
	if (rec->complete && rec->end_mono_ns >= rec->start_mono_ns)
		printf("  length:      %.3f s\n",
		       (double)(rec->end_mono_ns - rec->start_mono_ns) / 1e9);
	else
		printf("  the recorder did not end by itself, or has not ended yet\n");
	for (i = 0; i < rec->vms->len; i++)
		print_vm(rec, rec->vms->pdata[i]);
	recording_free(rec);
	return 0;
}
