// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams, merged. Each stream always holds its next item, a heap knows which
 * stream's is the earliest; taking an item is handing that one out and, when the
 * next is asked for, moving its stream on.
 */
#include "decoder.h"

#include "guest.h"
#include "items.h"
#include "place.h"
#include "tasks.h"
#include "timebase.h"
#include "vm-classes.h"
#include "wire/window.h"

/**
 * struct stream - a stream among the others
 * @items: what is in it
 * @vm_times: of its VM, NULL for raw times
 * @kernel: of the host's streams
 * @host_cpu: where the stream's vCPU runs now, or NULL
 * @rank: of its item, among those of the same time
 */
struct stream {
	struct items items;
	const struct timebase *vm_times;
	struct place_kernel *kernel;
	const uint32_t *host_cpu;
	unsigned int rank;
};

struct decoder {
	struct decoder_options options;
	char *vm_glob;
	struct recording *owned;
	const struct recording *recording;
	GPtrArray *guests;
	GPtrArray *streams;		/* struct stream * */
	GPtrArray *timebases;		/* struct timebase *, one a VM, none for raw times */
	GPtrArray *warnings;
	struct vm_classes vm_classes;
	uint32_t vm_count;
	struct places *places;
	enum decoder_host host;		/* what to do with the host's events */
	bool has_host;
	struct stream **heap;
	uint32_t heap_size;
	struct stream *taken;		/* its item was handed out last */
};

static void G_GNUC_PRINTF(2, 3) warn(struct decoder *decoder, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(decoder->warnings, g_strdup_vprintf(format, args));
	va_end(args);
}

/* The stream's next item, with its rank. Return: false at its end. */
static bool stream_next(struct stream *stream)
{
	if (!items_next(&stream->items))
		return false;
	if (stream->kernel)
		stream->rank = places_rank(stream->kernel, stream->items.item.class);
	return true;
}

static bool is_before(const struct stream *a, const struct stream *b)
{
	if (a->items.item.time != b->items.item.time)
		return a->items.item.time < b->items.item.time;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->items.pub.index < b->items.pub.index;
}

static void heap_sink(struct decoder *decoder, uint32_t at)
{
	struct stream **heap = decoder->heap;
	struct stream *stream = heap[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= decoder->heap_size)
			break;
		if (child + 1 < decoder->heap_size && is_before(heap[child + 1], heap[child]))
			child++;
		if (!is_before(heap[child], stream))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = stream;
}

/* Names that an event gives to tasks. */
static void learn_tasks(const struct decoder_item *item)
{
	const struct event_class *class = item->class;
	struct tasks *tasks = item->stream->guest->tasks;
	uint32_t length;

	for (uint32_t i = 0; i < class->name_count; i++) {
		const struct event_field *comm = &class->fields[class->names[i].comm];
		const struct event_field *pid = &class->fields[class->names[i].pid];
		int32_t number = (int32_t)field_number(pid, item->data, item->size);
		const char *name = field_text(comm, item->data, item->size, &length);

		if (number > 0 && length)
			tasks_set(tasks, number, name, length);
	}
}

bool decoder_wants_vm(const struct decoder *decoder, const struct recording_vm *vm)
{
	return !decoder->vm_glob || g_pattern_match_simple(decoder->vm_glob, vm->name);
}

/* Whether an event of the host is given out, once it is known whom it concerns. */
static bool wants_host_item(const struct decoder *decoder, const struct decoder_item *item)
{
	if (G_LIKELY(decoder->host == DECODER_HOST_BY_NAME))
		return true;
	if (decoder->host == DECODER_HOST_SILENT)
		return false;
	return item->kind == DECODER_LOST ||
	       (item->place.vm && decoder_wants_vm(decoder, item->place.vm)) ||
	       (item->other && decoder_wants_vm(decoder, item->other->vm));
}

/* The earliest item of all streams. Return: its stream, NULL at the end. */
static struct stream *next_stream(struct decoder *decoder)
{
	struct stream *stream = decoder->taken;

	if (stream) {
		decoder->taken = NULL;
		if (!stream_next(stream))
			decoder->heap[0] = decoder->heap[--decoder->heap_size];
		if (decoder->heap_size)
			heap_sink(decoder, 0);
	}
	if (!decoder->heap_size)
		return NULL;
	decoder->taken = decoder->heap[0];
	return decoder->taken;
}

/* Whether an item goes before a guest's event of some time. */
static bool goes_before(const struct stream *stream, uint64_t time)
{
	return stream->items.item.time < time || time == UINT64_MAX ||
	       (stream->items.item.time == time && stream->rank <= PLACE_RANK_GUEST);
}

bool decoder_next_before(struct decoder *decoder, uint64_t time, struct decoder_item *out)
{
	struct decoder_item *item;
	struct stream *stream;

	do {
		stream = next_stream(decoder);
		if (!stream)
			return false;
		if (G_UNLIKELY(!goes_before(stream, time))) {
			decoder->taken = NULL;
			return false;
		}
		item = &stream->items.item;
		if (stream->kernel)
			places_take(decoder->places, stream->kernel, item);
		else if (stream->host_cpu)
			item->place.host_cpu = *stream->host_cpu;
		if (item->kind == DECODER_EVENT && item->class->name_count)
			learn_tasks(item);
	} while (G_UNLIKELY(stream->kernel && !wants_host_item(decoder, item)));
	*out = *item;
	return true;
}

bool decoder_next(struct decoder *decoder, struct decoder_item *out)
{
	return decoder_next_before(decoder, UINT64_MAX, out);
}

static struct stream *add_stream(struct decoder *decoder, const struct recording_vm *vm,
				 const struct recording_stream *file, enum items_type type)
{
	struct stream *stream = g_new0(struct stream, 1);
	struct items *items = &stream->items;

	items_init(items, file, type, &decoder->vm_classes);
	items->pub.vm = vm;
	items->pub.vm_index = decoder->vm_count;
	items->pub.index = decoder->streams->len;
	items->item.place.vm = vm->is_host ? NULL : vm;
	items->item.place.vcpu = items->item.place.host_cpu = VHT_CPU_NONE;
	stream->rank = PLACE_RANK_GUEST;
	g_ptr_array_add(decoder->streams, stream);
	return stream;
}

/*
 * The vCPU of a guest's CPU. Return: where that runs, or NULL if nobody knows; raw times do
 * not tell where it was when.
 */
static const uint32_t *find_vcpu(const struct decoder *decoder,
				 const struct decoder_stream *stream, struct decoder_place *place)
{
	const uint32_t *host_cpu = places_of_cpu(decoder->places, stream->vm, stream->epoch,
						 stream->generation, stream->cpu, place);

	return decoder->has_host && stream->has_host_time ? host_cpu : NULL;
}

void decoder_find_place(const struct decoder *decoder, const struct decoder_stream *stream,
			struct decoder_place *place)
{
	const uint32_t *host_cpu = find_vcpu(decoder, stream, place);

	if (host_cpu)
		place->host_cpu = *host_cpu;
}

/* A stream of a CPU that traced nothing has state packets only. */
static bool has_content(const struct recording_stream *file)
{
	struct recording_cursor cursor;
	struct recording_packet packet;

	recording_cursor_init(&cursor, file);
	while (recording_cursor_next(&cursor, &packet))
		if (packet.header.type != VHT_PACKET_STATE)
			return true;
	return false;
}

static enum items_type file_type(const struct recording_stream *file)
{
	return file->source == VHT_SOURCE_HEARTBEAT ? ITEMS_HEARTBEAT : ITEMS_FTRACE;
}

/*
 * Whose metadata describes the kernel: a window has none of its own, unless the
 * recorder knew the kernel; then a driver's of the same epoch has to do.
 */
static const struct recording_generation *metadata_of(const struct recording_vm *vm,
						      const struct recording_generation *generation)
{
	if (generation->generation || generation->metadata)
		return generation;
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *other = g_ptr_array_index(vm->generations, i);

		if (other->epoch == generation->epoch && other->generation && other->metadata)
			return other;
	}
	return generation;
}

/* The window says where the kernel's text lay. */
static void find_text(struct decoder_guest *guest, const struct recording_stream *file)
{
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct window_meta meta;

	recording_cursor_init(&cursor, file);
	while (recording_cursor_next(&cursor, &packet))
		if (packet.header.type == VHT_PACKET_WINDOW_META &&
		    window_meta_parse(packet.content, packet.header.content_size, &meta) &&
		    meta.text_addr && !meta.kernel)
			guest_set_text(guest, meta.text_symbol, meta.text_addr);
}

static void add_generation(struct decoder *decoder, const struct recording_vm *vm,
			   const struct recording_generation *generation,
			   const struct timebase *timebase)
{
	struct decoder_guest *guest = guest_new(metadata_of(vm, generation),
						decoder->options.naming);
	struct place_kernel *kernel = vm->is_host ? places_add_kernel(decoder->places) : NULL;
	bool has_text = false;

	g_ptr_array_add(decoder->guests, guest);
	for (guint i = 0; i < generation->streams->len; i++) {
		const struct recording_stream *file = g_ptr_array_index(generation->streams, i);
		struct decoder_stream *pub;
		struct stream *stream;

		if (file->source != VHT_SOURCE_FTRACE && file->source != VHT_SOURCE_HEARTBEAT &&
		    file->source != VHT_SOURCE_WINDOW)
			continue;
		if (kernel && file->source != VHT_SOURCE_FTRACE)
			continue;
		if (file->source == VHT_SOURCE_WINDOW && !has_text) {
			find_text(guest, file);
			has_text = true;
		}
		stream = add_stream(decoder, vm, file, file_type(file));
		stream->vm_times = timebase;
		stream->kernel = kernel;
		pub = &stream->items.pub;
		pub->epoch = generation->epoch;
		pub->generation = generation->generation;
		pub->guest = guest;
		items_set_clock(&stream->items, timebase);
		if (!kernel)
			stream->host_cpu = find_vcpu(decoder, pub, &stream->items.item.place);
		if (timebase && !pub->has_host_time && has_content(file))
			warn(decoder,
			     "%s: no host times for %s of epoch %u: they are the source's own",
			     vm->name, file->file_name, generation->epoch);
	}
}

static void add_vm(struct decoder *decoder, const struct recording_vm *vm)
{
	struct timebase *timebase = NULL;

	if (!decoder->options.is_raw) {
		timebase = timebase_new(vm, decoder->warnings);
		g_ptr_array_add(decoder->timebases, timebase);
	}
	if (vm->vmm_stream) {
		struct decoder_stream *pub =
			&add_stream(decoder, vm, vm->vmm_stream, ITEMS_VMM)->items.pub;

		pub->cpu = VHT_CPU_NONE;
		pub->source = VHT_SOURCE_VMM;
		pub->has_host_time = true;
	}
	for (guint i = 0; i < vm->generations->len; i++)
		add_generation(decoder, vm, g_ptr_array_index(vm->generations, i), timebase);
	if (!vm->is_host || decoder->host != DECODER_HOST_SILENT)
		decoder->vm_count++;
}

/* What is done with the host's events, now that it is known whether there are some. */
static enum decoder_host choose_host(const struct decoder *decoder)
{
	const GPtrArray *vms = decoder->recording->vms;
	bool is_wanted = !decoder->vm_glob ||
			 g_pattern_match_simple(decoder->vm_glob, DECODER_HOST_NAME);
	bool is_there = false;

	for (guint i = 0; i < vms->len; i++)
		is_there |= ((const struct recording_vm *)vms->pdata[i])->is_host;
	if (!is_there)
		return DECODER_HOST_NONE;
	if (decoder->options.host == DECODER_HOST_CONCERNED && is_wanted)
		return DECODER_HOST_BY_NAME;
	if (decoder->options.host == DECODER_HOST_BY_NAME && !is_wanted)
		return DECODER_HOST_NONE;
	return decoder->options.host;
}

static void fill_heap(struct decoder *decoder)
{
	decoder->heap = g_new(struct stream *, MAX(decoder->streams->len, 1));
	for (guint i = 0; i < decoder->streams->len; i++) {
		struct stream *stream = g_ptr_array_index(decoder->streams, i);

		if (stream_next(stream))
			decoder->heap[decoder->heap_size++] = stream;
	}
	for (uint32_t i = decoder->heap_size / 2; i-- > 0;)
		heap_sink(decoder, i);
}

struct decoder *decoder_new(const struct recording *recording,
			    const struct decoder_options *options)
{
	struct decoder *decoder = g_new0(struct decoder, 1);

	if (options)
		decoder->options = *options;
	decoder->vm_glob = g_strdup(decoder->options.vm);
	decoder->recording = recording;
	decoder->guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_free);
	decoder->streams = g_ptr_array_new_with_free_func(g_free);
	decoder->timebases = g_ptr_array_new_with_free_func((GDestroyNotify)timebase_free);
	decoder->warnings = g_ptr_array_new_with_free_func(g_free);
	vm_classes_init(&decoder->vm_classes);
	decoder->places = places_new(recording);
	decoder->host = choose_host(decoder);
	decoder->has_host = decoder->host != DECODER_HOST_NONE;
	for (guint i = 0; i < recording->vms->len; i++) {
		const struct recording_vm *vm = g_ptr_array_index(recording->vms, i);

		if (vm->is_host ? decoder->has_host : decoder_wants_vm(decoder, vm))
			add_vm(decoder, vm);
	}
	fill_heap(decoder);
	return decoder;
}

struct decoder *decoder_open(const char *path, const struct decoder_options *options,
			     GError **error)
{
	struct recording *recording = recording_open(path, error);
	struct decoder *decoder;

	if (!recording)
		return NULL;
	decoder = decoder_new(recording, options);
	decoder->owned = recording;
	return decoder;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	g_free(decoder->heap);
	places_free(decoder->places);
	g_ptr_array_unref(decoder->streams);
	g_ptr_array_unref(decoder->timebases);
	g_ptr_array_unref(decoder->guests);
	g_ptr_array_unref(decoder->warnings);
	vm_classes_fini(&decoder->vm_classes);
	g_free(decoder->vm_glob);
	recording_free(decoder->owned);
	g_free(decoder);
}

const struct recording *decoder_recording(const struct decoder *decoder)
{
	return decoder->recording;
}

uint32_t decoder_stream_count(const struct decoder *decoder)
{
	return decoder->streams->len;
}

struct decoder_stream *decoder_stream_at(const struct decoder *decoder, uint32_t index)
{
	struct stream *stream = g_ptr_array_index(decoder->streams, index);

	return &stream->items.pub;
}

uint32_t decoder_vm_count(const struct decoder *decoder)
{
	return decoder->vm_count;
}

struct timebase_quality decoder_clock(const struct decoder *decoder, uint32_t vm_index)
{
	struct timebase_quality worst = { "none", UINT64_MAX, UINT64_MAX, 0, false };
	bool has_one = false, is_older = false;

	for (guint i = 0; i < decoder->streams->len; i++) {
		const struct stream *stream = g_ptr_array_index(decoder->streams, i);
		const struct recording_stream *file = stream->items.cursor.stream;
		const struct decoder_stream *pub = &stream->items.pub;
		struct timebase_quality quality;

		if (pub->vm_index != vm_index || stream->items.type != ITEMS_FTRACE ||
		    !stream->vm_times || !has_content(file))
			continue;
		quality = timebase_quality(stream->vm_times, pub->epoch, file);
		if (!has_one || quality.bound_ns > worst.bound_ns)
			worst = quality;
		has_one = true;
		is_older |= quality.is_older;
	}
	worst.is_older = is_older;
	return worst;
}

bool decoder_has_host(const struct decoder *decoder)
{
	return decoder->has_host;
}

const struct class_table *decoder_vm_classes(const struct decoder *decoder)
{
	return decoder->vm_classes.table;
}

const GPtrArray *decoder_warnings(const struct decoder *decoder)
{
	return decoder->warnings;
}

const char *decoder_task_name(const struct decoder_item *item, char *buffer, size_t size)
{
	if (item->pid < 0 || !item->stream->guest)
		return NULL;
	if (item->pid)
		return tasks_get(item->stream->guest->tasks, item->pid);
	g_snprintf(buffer, size, "swapper/%u", item->stream->cpu);
	return buffer;
}
