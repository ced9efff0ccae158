// SPDX-License-Identifier: GPL-2.0-only
/* `hypertrace info`: what a recording holds, without decoding it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "decode/timebase.h"
#include "error.h"
#include "format.h"
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
static void print_about_vm(const struct recording_vm *vm, const struct timebase *timebase)
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
	print_life(vm);
	if (vm->vmm_stream)
		print_stream(vm->vmm_stream, timebase, 0);
}

static void print_vm(const struct recording_vm *vm)
{
	struct timebase *timebase = timebase_new(vm, NULL);
	guint i, j;

	if (vm->is_host)
		printf("\nhost %s\n", vm->name);
	else
		print_about_vm(vm, timebase);
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
		for (j = 0; j < gen->streams->len; j++)
			print_stream(gen->streams->pdata[j], timebase, gen->epoch);
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
		print_vm(rec->vms->pdata[i]);
	recording_free(rec);
	return 0;
}
