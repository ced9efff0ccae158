// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing LTTng's sessions in a guest: the input is a VM's vmm stream, a driver's metadata
 * stream and a CPU's stream of LTTng's packets, each with its size before it. What is there
 * is read, its texts are chosen and described with a clock, as for an export.
 */
#include <stdlib.h>
#include <string.h>

#include "lttng/guest-clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next stream: its size as 32 bits, then its bytes. */
static struct recording_stream take_stream(const uint8_t **data, size_t *size, char *name)
{
	struct recording_stream stream = { .path = name, .file_name = name };
	uint32_t bytes = 0;

	if (*size >= sizeof(bytes)) {
		memcpy(&bytes, *data, sizeof(bytes));
		*data += sizeof(bytes);
		*size -= sizeof(bytes);
	}
	stream.size = MIN(bytes, *size);
	stream.data = stream.size ? *data : NULL;
	*data += stream.size;
	*size -= stream.size;
	recording_stream_scan(&stream);
	return stream;
}

static void read_session(const struct recording *recording, const struct recording_vm *vm,
			 const struct timebase *timebase,
			 const struct lttng_guest_session *session)
{
	struct lttng_guest_totals totals;
	struct lttng_guest_clock clock;
	struct lttng_layout layout;
	GString *text, *metadata;

	lttng_guest_totals(session, &totals);
	g_free(lttng_guest_channels_text(session));
	text = lttng_guest_text(session, &layout, NULL);
	if (!text)
		return;
	lttng_layout_fini(&layout);
	/* what was cut to its whole declarations is whole */
	if (!lttng_layout_init(&layout, text->str, session->uuid, NULL) ||
	    layout.size + 1 != text->len)
		abort();
	lttng_layout_fini(&layout);
	if (lttng_guest_clock_init(&clock, recording, vm, timebase, session, text, NULL)) {
		metadata = lttng_metadata_set_clock(text, &clock.clock, NULL);
		if (metadata)
			g_string_free(metadata, TRUE);
		lttng_guest_clock_fini(&clock);
	}
	g_string_free(text, TRUE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording_stream vmm = take_stream(&data, &size, "vmm");
	struct recording_stream metadata = take_stream(&data, &size, "metadata");
	struct recording_stream cpu = take_stream(&data, &size, "lttng-cpu0");
	struct recording_generation gen = { .path = "1.1", .epoch = 1, .generation = 1,
					    .metadata = &metadata, .streams = g_ptr_array_new() };
	struct recording_vm vm = { .name = "vm", .uuid = "", .vmm_stream = &vmm,
				   .counter_hz = 2000000000, .generations = g_ptr_array_new() };
	struct recording recording = { .boot_id = "c968c550-3803-46ce-b6f7-682b3a29730c",
				       .hostname = "h", .tool = "t" };
	struct timebase *timebase;
	struct lttng_guest *guest;

	cpu.source = VHT_SOURCE_LTTNG;
	g_ptr_array_add(gen.streams, &cpu);
	g_ptr_array_add(gen.streams, &metadata);
	g_ptr_array_add(vm.generations, &gen);
	timebase = timebase_new(&vm, NULL);
	guest = lttng_guest_read(&vm);
	for (guint i = 0; i < guest->sessions->len; i++)
		read_session(&recording, &vm, timebase, guest->sessions->pdata[i]);
	lttng_guest_free(guest);
	timebase_free(timebase);
	g_ptr_array_unref(gen.streams);
	g_ptr_array_unref(vm.generations);
	return 0;
}
