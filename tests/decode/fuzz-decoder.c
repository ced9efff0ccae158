// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing a whole recording through the decoder: the input is the files of one
 * VM, each as a u32 with its size and its bytes: metadata, vmm, and up to four
 * streams. They are decoded once more as the files of the host at the same time.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/bytes.h"
#include "decode/decoder.h"
#include "decode/text.h"

#define MAX_STREAMS	4
/* A page of 64 KiB has no more events than this, and there is less input. */
#define MAX_ITEMS	200000

static bool take_file(const uint8_t **data, size_t *left, struct recording_stream *stream)
{
	uint32_t size;

	if (*left < 4)
		return false;
	size = get_u32(*data);
	*data += 4;
	*left -= 4;
	size = MIN(size, *left);
	memset(stream, 0, sizeof(*stream));
	stream->file_name = "fuzz";
	stream->data = *data;
	stream->size = size;
	recording_stream_scan(stream);
	*data += size;
	*left -= size;
	return true;
}

static void check_item(const struct decoder_item *item, struct text *text, uint64_t *last)
{
	char buffer[32];

	if (item->time < *last || item->end_time < item->time)
		abort();
	*last = item->time;
	if (item->kind != DECODER_EVENT)
		return;
	text->used = 0;
	decoder_task_name(item, buffer, sizeof(buffer));
	text_fields(text, item);
}

static void decode(const struct recording *recording, const struct decoder_options *options)
{
	struct decoder *decoder = decoder_new(recording, options);
	struct decoder_item item;
	struct text text;
	uint64_t last = 0;
	size_t count = 0;

	text_init(&text);
	while (decoder_next(decoder, &item)) {
		check_item(&item, &text, &last);
		if (++count > MAX_ITEMS)
			abort();
	}
	text_fini(&text);
	decoder_free(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording_stream metadata, vmm, streams[MAX_STREAMS];
	struct recording_generation generation = { .epoch = 1, .generation = 1 };
	struct recording_vm vm = { .name = "fuzz", .counter_hz = 2000000000 };
	struct recording_vm host = { .name = "host", .is_host = true };
	struct recording recording = { .hostname = "fuzz" };
	struct decoder_options options = { .naming = size & 1 ? NAMING_FTRACE : NAMING_LTTNG };

	if (!take_file(&data, &size, &metadata) || !take_file(&data, &size, &vmm))
		return 0;
	generation.metadata = &metadata;
	generation.streams = g_ptr_array_new();
	for (int i = 0; i < MAX_STREAMS && take_file(&data, &size, &streams[i]); i++)
		g_ptr_array_add(generation.streams, &streams[i]);
	vm.vmm_stream = &vmm;
	vm.generations = g_ptr_array_new();
	g_ptr_array_add(vm.generations, &generation);
	recording.vms = g_ptr_array_new();
	g_ptr_array_add(recording.vms, &vm);
	decode(&recording, &options);
	options.is_raw = true;
	decode(&recording, &options);
	options.is_raw = false;
	host.generations = vm.generations;
	g_ptr_array_insert(recording.vms, 0, &host);
	decode(&recording, &options);
	g_ptr_array_unref(generation.streams);
	g_ptr_array_unref(vm.generations);
	g_ptr_array_unref(recording.vms);
	return 0;
}
