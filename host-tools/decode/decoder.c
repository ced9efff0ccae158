// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams, merged. Each stream always holds its next item, a heap knows which
 * stream's is the earliest; taking an item is handing that one out and, when the
 * next is asked for, moving its stream on.
 *
 * Losses. A packet's header counts the events in the stream up to its end and
 * the events lost before them, since the driver began. What is missing between
 * the events given out and these counts is a loss, so that given out + lost is
 * what the guest wrote, however it was lost: in ftrace's own buffer, overwritten
 * in the region, or not understood here.
 */
#include "decoder.h"

#include <stddef.h>
#include <stdlib.h>

#include "clock.h"
#include "guest.h"
#include "place.h"
#include "wire/page.h"
#include "tasks.h"
#include "timebase.h"
#include "wire/window.h"

/* How a stream's content is taken apart. */
enum stream_type {
	STREAM_FTRACE,
	STREAM_HEARTBEAT,
	STREAM_VMM,
};

struct stream {
	struct decoder_stream pub;
	enum stream_type type;
	struct recording_cursor cursor;
	struct page_cursor page;
	struct record_cursor records;
	bool has_packet;		/* @page or @records is inside one */
	const struct clock_map *map;	/* NULL: times are shown as they are */
	const struct timebase *vm_times; /* of the stream's VM, NULL for raw times */
	const struct timebase *timebase; /* of a window: the map changes with the kernel */
	struct clock_cursor clock_place;	/* in @map */
	struct class_table *classes;
	struct place_kernel *kernel;	/* of the host's streams */
	const uint32_t *host_cpu;	/* where the stream's vCPU runs now, or NULL */
	unsigned int rank;		/* of @item, among those of the same time */

	uint64_t counted;		/* events that the last header accounts for */
	uint64_t discarded;		/* lost, as the last header says */
	uint64_t accounted;		/* events given out or reported lost of @counted */
	uint64_t pending_lost;		/* to be reported before the next event */
	bool pending_unknown;		/* ... an unknown number of them */
	bool unconfirmed;		/* a loss was flagged and not yet counted */
	bool has_time;
	uint64_t last_time;
	uint64_t state_time;		/* host time of the last state packet */
	uint64_t first_pair;		/* source clock in the first packet that has it, 0: none */

	struct decoder_item item;	/* the next one to hand out */
	bool has_held;			/* @item is a loss, @held comes after it */
	struct decoder_item held;
	bool is_done;
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
	struct class_table *vm_classes;
	struct event_class *vmm_class[VHT_VMM_MARKS_LOST + 1];
	struct event_class *heartbeat_class;
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

static uint64_t stream_time(struct stream *stream, uint64_t raw)
{
	return stream->map ? clock_map_apply(stream->map, raw, &stream->clock_place) : raw;
}

/* A packet's counts: what it says was lost before it, given the events in it. */
static void stream_account(struct stream *stream, const struct recording_packet *packet,
			   uint64_t events_inside)
{
	uint64_t counted = packet->header.events;
	uint64_t discarded = packet->header.events_discarded;
	uint64_t before = counted - events_inside;

	if (counted >= events_inside && before > stream->accounted) {
		stream->pending_lost += before - stream->accounted;
		stream->accounted = before;
	} else if (packet->missing && !counted) {
		stream->pending_unknown = true;
	}
	stream->counted = counted;
	if (discarded > stream->discarded) {
		stream->pending_lost += discarded - stream->discarded;
		stream->discarded = discarded;
		stream->unconfirmed = false;
	} else if (packet->header.type != VHT_PACKET_WINDOW &&
		   packet->header.flags & VHT_PACKET_LOST_BEFORE) {
		stream->unconfirmed = true;
	}
}

static uint64_t count_page_events(struct page_cursor page)
{
	struct page_event event;
	uint64_t count = 0;

	while (page_cursor_next(&page, &event))
		count++;
	return count;
}

/* Move to the first event that no earlier packet has had. */
static void skip_events(struct page_cursor *page, uint32_t skip)
{
	struct page_cursor next = *page;
	struct page_event event;

	while (page->next < skip && page_cursor_next(&next, &event) && next.next <= skip)
		*page = next;
}

static void stream_open_page(struct stream *stream, const struct recording_packet *packet)
{
	uint64_t inside;

	page_cursor_init(&stream->page, packet->content, packet->header.content_size,
			 packet->header.type == VHT_PACKET_WINDOW ? 8 :
			 stream->pub.guest->long_size);
	if (packet->header.type == VHT_PACKET_WINDOW) {
		skip_events(&stream->page, packet->header.skip);
		/* sub-buffers are counted there, not events */
		if (packet->header.flags & VHT_PACKET_LOST_BEFORE)
			stream->pending_unknown = true;
	}
	/*
	 * Without a gap what is inside follows from the header before; with
	 * one the events have to be counted first.
	 */
	if (packet->missing || packet->is_first || stream->accounted != stream->counted)
		inside = count_page_events(stream->page);
	else
		inside = packet->header.events - stream->counted;
	stream_account(stream, packet, inside);
	stream->has_packet = true;
}

/* A state packet tells of losses that no packet followed. */
static void stream_take_state(struct stream *stream, const struct recording_packet *packet)
{
	struct stream_entry entry;

	if (!recording_packet_state(packet, &entry))
		return;
	stream->state_time = packet->header.timestamp_begin;
	if (stream->type != STREAM_VMM && entry.events_lost > stream->discarded) {
		stream->pending_lost += entry.events_lost - stream->discarded;
		stream->discarded = entry.events_lost;
		stream->unconfirmed = false;
	}
}

/* From here on it may be another kernel, with a clock that began again. */
static void stream_take_window_meta(struct stream *stream, const struct recording_packet *packet)
{
	struct window_meta meta;

	if (!window_meta_parse(packet->content, packet->header.content_size, &meta) ||
	    !stream->timebase)
		return;
	stream->map = timebase_window_map(stream->timebase, stream->pub.epoch, meta.kernel);
	stream->clock_place = (struct clock_cursor){ 0 };
}

/* Open the next packet that has events of the stream's kind. */
static bool stream_open_packet(struct stream *stream)
{
	struct recording_packet packet;

	while (recording_cursor_next(&stream->cursor, &packet)) {
		stream->pub.packets++;
		switch (packet.header.type) {
		case VHT_PACKET_STATE:
			stream_take_state(stream, &packet);
			continue;
		case VHT_PACKET_FTRACE:
			if (stream->type != STREAM_FTRACE)
				continue;
			stream_open_page(stream, &packet);
			return true;
		case VHT_PACKET_WINDOW_META:
			stream_take_window_meta(stream, &packet);
			continue;
		case VHT_PACKET_WINDOW:
			if (stream->type != STREAM_FTRACE)
				continue;
			stream_open_page(stream, &packet);
			return true;
		case VHT_PACKET_HEARTBEAT:
			if (stream->type != STREAM_HEARTBEAT)
				continue;
			stream_account(stream, &packet,
				       packet.header.content_size / sizeof(struct vht_heartbeat));
			break;
		case VHT_PACKET_VMM:
			if (stream->type != STREAM_VMM)
				continue;
			break;
		default:
			continue;
		}
		record_cursor_init(&stream->records, packet.content, packet.header.content_size);
		stream->has_packet = true;
		return true;
	}
	return false;
}

static bool take_ftrace(struct stream *stream, struct decoder_item *item)
{
	struct event_class *class;
	struct page_event event;

	if (!page_cursor_next(&stream->page, &event)) {
		if (stream->page.damaged)
			stream->pub.damaged++;
		return false;
	}
	item->raw_time = event.time;
	item->data = event.data;
	item->size = event.size;
	class = class_table_get(stream->classes, event.size >= 2 ? get_u16(event.data) : 0);
	item->class = class;
	item->pid = -1;
	if (G_LIKELY(class->pid_offset >= 0 && (uint32_t)class->pid_offset + 4 <= event.size))
		item->pid = (int32_t)get_u32(event.data + class->pid_offset);
	item->flags = 0;
	if (class->flags_offset >= 0 && (uint32_t)class->flags_offset < event.size)
		item->flags = event.data[class->flags_offset];
	item->preempt_count = 0;
	if (class->preempt_offset >= 0 && (uint32_t)class->preempt_offset < event.size)
		item->preempt_count = event.data[class->preempt_offset];
	stream->accounted++;
	return true;
}

static bool take_heartbeat(const struct decoder *decoder, struct stream *stream,
			   struct decoder_item *item)
{
	const uint8_t *at = stream->records.next;
	struct heartbeat heartbeat;

	if (!record_next_heartbeat(&stream->records, &heartbeat)) {
		if (stream->records.left)
			stream->pub.damaged++;
		return false;
	}
	item->raw_time = heartbeat.counter;
	item->data = at;
	item->size = sizeof(struct vht_heartbeat);
	item->class = decoder->heartbeat_class;
	stream->accounted++;
	return true;
}

static bool take_vmm(const struct decoder *decoder, struct stream *stream,
		     struct decoder_item *item)
{
	const uint8_t *at = stream->records.next;
	struct vmm_event event;

	if (!record_next_vmm(&stream->records, &event)) {
		if (stream->records.left)
			stream->pub.damaged++;
		return false;
	}
	item->raw_time = event.mono_ns;
	item->data = at;
	item->size = sizeof(struct vht_vmm_event);
	item->class = decoder->vmm_class[event.type <= VHT_VMM_MARKS_LOST ? event.type : 0];
	return true;
}

static bool stream_take_event(const struct decoder *decoder, struct stream *stream,
			      struct decoder_item *item)
{
	for (;;) {
		bool taken = false;

		if (stream->has_packet) {
			switch (stream->type) {
			case STREAM_FTRACE:
				taken = take_ftrace(stream, item);
				break;
			case STREAM_HEARTBEAT:
				taken = take_heartbeat(decoder, stream, item);
				break;
			case STREAM_VMM:
				taken = take_vmm(decoder, stream, item);
				break;
			}
		}
		if (taken)
			return true;
		stream->has_packet = false;
		if (!stream_open_packet(stream))
			return false;
	}
}

/* What is left unreported when a stream ends: a damaged packet, a mere flag. */
static void stream_end(struct stream *stream)
{
	if (stream->counted > stream->accounted)
		stream->pending_lost += stream->counted - stream->accounted;
	stream->accounted = stream->counted;
	stream->pending_unknown |= stream->unconfirmed;
}

/* Put a loss before @item, or in its place if the stream has come to its end. */
static void stream_report_loss(struct stream *stream, bool at_end)
{
	struct decoder_item *item = &stream->item;

	if (!at_end) {
		stream->held = *item;
		stream->has_held = true;
	}
	item->kind = DECODER_LOST;
	item->lost = stream->pending_lost;
	item->end_time = at_end ? stream->last_time : item->time;
	item->time = stream->has_time ? stream->last_time : item->end_time;
	if (at_end && !stream->has_time && stream->pub.has_host_time)
		item->time = item->end_time = stream->state_time;
	item->class = NULL;
	item->data = NULL;
	item->size = 0;
	stream->pub.lost += stream->pending_lost;
	stream->pending_lost = 0;
	stream->pending_unknown = false;
}

/* Set @item to the stream's next one. Return: false at its end. */
static bool stream_advance(const struct decoder *decoder, struct stream *stream)
{
	struct decoder_item *item = &stream->item;
	uint64_t time;

	if (stream->has_held) {
		stream->has_held = false;
		*item = stream->held;
	} else {
		item->kind = DECODER_EVENT;
		if (stream->is_done || !stream_take_event(decoder, stream, item)) {
			if (!stream->is_done)
				stream_end(stream);
			stream->is_done = true;
			if (!stream->pending_lost && !stream->pending_unknown)
				return false;
			stream_report_loss(stream, true);
			return true;
		}
		time = stream_time(stream, item->raw_time);
		if (G_UNLIKELY(stream->has_time && time < stream->last_time)) {
			if (item->raw_time < stream->first_pair ||
			    stream->pub.source == VHT_SOURCE_WINDOW)
				stream->pub.early_steps_back++;
			else
				stream->pub.time_steps_back++;
			time = stream->last_time;
		}
		item->time = item->end_time = time;
		if (G_UNLIKELY(stream->pending_lost || stream->pending_unknown)) {
			stream_report_loss(stream, false);
			return true;
		}
	}
	stream->last_time = item->time;
	stream->has_time = true;
	stream->pub.events++;
	return true;
}

/* Likewise, with the item's rank. */
static bool stream_next(const struct decoder *decoder, struct stream *stream)
{
	if (!stream_advance(decoder, stream))
		return false;
	if (stream->kernel)
		stream->rank = places_rank(stream->kernel, stream->item.class);
	return true;
}

static bool is_before(const struct stream *a, const struct stream *b)
{
	if (a->item.time != b->item.time)
		return a->item.time < b->item.time;
	if (a->rank != b->rank)
		return a->rank < b->rank;
	return a->pub.index < b->pub.index;
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
		if (!stream_next(decoder, stream))
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
	return stream->item.time < time || time == UINT64_MAX ||
	       (stream->item.time == time && stream->rank <= PLACE_RANK_GUEST);
}

bool decoder_next_before(struct decoder *decoder, uint64_t time, struct decoder_item *out)
{
	struct stream *stream;

	do {
		stream = next_stream(decoder);
		if (!stream)
			return false;
		if (G_UNLIKELY(!goes_before(stream, time))) {
			decoder->taken = NULL;
			return false;
		}
		if (stream->kernel)
			places_take(decoder->places, stream->kernel, &stream->item);
		else if (stream->host_cpu)
			stream->item.place.host_cpu = *stream->host_cpu;
		if (stream->item.kind == DECODER_EVENT && stream->item.class->name_count)
			learn_tasks(&stream->item);
	} while (G_UNLIKELY(stream->kernel && !wants_host_item(decoder, &stream->item)));
	*out = stream->item;
	return true;
}

bool decoder_next(struct decoder *decoder, struct decoder_item *out)
{
	return decoder_next_before(decoder, UINT64_MAX, out);
}

static struct stream *add_stream(struct decoder *decoder, const struct recording_vm *vm,
				 const struct recording_stream *file, enum stream_type type)
{
	struct stream *stream = g_new0(struct stream, 1);

	stream->type = type;
	stream->pub.vm = vm;
	stream->pub.vm_index = decoder->vm_count;
	stream->pub.index = decoder->streams->len;
	stream->pub.source = file->source;
	stream->pub.name = file->first_state.name;
	stream->pub.cpu = file->cpu;
	stream->item.pid = -1;
	stream->item.stream = &stream->pub;
	stream->item.place.vm = vm->is_host ? NULL : vm;
	stream->item.place.vcpu = stream->item.place.host_cpu = VHT_CPU_NONE;
	stream->rank = PLACE_RANK_GUEST;
	recording_cursor_init(&stream->cursor, file);
	g_ptr_array_add(decoder->streams, stream);
	return stream;
}

/*
 * The source's clock in the first packet that has it: not each has, and those of the kernel's
 * beginning, which another CPU may take, may have none.
 */
static uint64_t find_first_pair(const struct recording_stream *file)
{
	struct recording_cursor cursor;
	struct recording_packet packet;

	recording_cursor_init(&cursor, file);
	while (recording_cursor_next(&cursor, &packet)) {
		if (packet.header.type == VHT_PACKET_FTRACE && packet.header.clock)
			return packet.header.clock;
	}
	return 0;
}

static void set_stream_clock(struct stream *stream, const struct recording_stream *file,
			     const struct timebase *timebase)
{
	stream->vm_times = timebase;
	stream->pub.has_host_time = file->clock == VHT_CLOCK_HOST_MONOTONIC;
	stream->first_pair = find_first_pair(file);
	if (!timebase)
		return;
	if (file->source == VHT_SOURCE_WINDOW)
		stream->timebase = timebase;
	if (file->clock != VHT_CLOCK_HOST_MONOTONIC)
		stream->map = timebase_map(timebase, stream->pub.epoch, file);
	stream->pub.has_host_time |= stream->map != NULL;
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

static enum stream_type file_type(const struct recording_stream *file)
{
	return file->source == VHT_SOURCE_HEARTBEAT ? STREAM_HEARTBEAT : STREAM_FTRACE;
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
		stream->pub.epoch = generation->epoch;
		stream->pub.generation = generation->generation;
		stream->pub.guest = guest;
		stream->classes = guest->classes;
		stream->kernel = kernel;
		set_stream_clock(stream, file, timebase);
		if (!kernel)
			stream->host_cpu = find_vcpu(decoder, &stream->pub, &stream->item.place);
		if (timebase && !stream->pub.has_host_time && has_content(file))
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
		struct stream *stream = add_stream(decoder, vm, vm->vmm_stream, STREAM_VMM);

		stream->pub.cpu = VHT_CPU_NONE;
		stream->pub.source = VHT_SOURCE_VMM;
		stream->pub.has_host_time = true;
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

/* Classes of the events that no guest made. */
static void add_vm_classes(struct decoder *decoder)
{
	static const struct {
		const char *name;
		const char *arg;	/* what the argument is; NULL: nothing */
		bool has_text;
	} kinds[VHT_VMM_MARKS_LOST + 1] = {
		[0] = { "vmm_unknown", "arg", true },
		[VHT_VMM_CREATED] = { "vmm_created", "pid", false },
		[VHT_VMM_RUNNING] = { "vmm_running", NULL, true },
		[VHT_VMM_STOPPED] = { "vmm_stopped", NULL, true },
		[VHT_VMM_RESET] = { "vmm_reset", NULL, true },
		[VHT_VMM_SHUTDOWN] = { "vmm_shutdown", NULL, true },
		[VHT_VMM_DRIVER_UP] = { "vmm_driver_up", "generation", true },
		[VHT_VMM_DRIVER_GONE] = { "vmm_driver_gone", "generation", true },
		[VHT_VMM_READER_ATTACHED] = { "vmm_reader_attached", "pid", false },
		[VHT_VMM_READER_DETACHED] = { "vmm_reader_detached", "pid", false },
		[VHT_VMM_ENDED] = { "vmm_ended", NULL, false },
		[VHT_VMM_PROCESS] = { "vmm_process", "error_ns", false },
		[VHT_VMM_MACHINE_READY] = { "vmm_machine_ready", NULL, false },
		[VHT_VMM_MARK] = { "vmm_mark", NULL, false },
		[VHT_VMM_MARKS_LOST] = { "vmm_marks_lost", "count", false },
	};
	static const struct event_field mark[] = {
		{ .name = "port", .raw_name = "port", .kind = FIELD_NUMBER, .element_size = 2,
		  .offset = offsetof(struct vht_vmm_event, arg) + 6, .size = 2, .is_hex = true },
		{ .name = "size", .raw_name = "size", .kind = FIELD_NUMBER, .element_size = 1,
		  .offset = offsetof(struct vht_vmm_event, arg) + 4, .size = 1 },
		{ .name = "value", .raw_name = "value", .kind = FIELD_NUMBER, .element_size = 4,
		  .offset = offsetof(struct vht_vmm_event, arg), .size = 4, .is_hex = true },
	};
	static const struct event_field heartbeat[] = {
		{ .name = "number", .raw_name = "number", .kind = FIELD_NUMBER, .element_size = 8,
		  .offset = offsetof(struct vht_heartbeat, number), .size = 8 },
		{ .name = "counter", .raw_name = "counter", .kind = FIELD_NUMBER, .element_size = 8,
		  .offset = offsetof(struct vht_heartbeat, counter), .size = 8 },
	};

	decoder->vm_classes = class_table_new(NAMING_FTRACE);
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		struct event_field fields[4];
		uint32_t count = 0;

		fields[count++] = (struct event_field){
			.name = "epoch", .raw_name = "epoch", .kind = FIELD_NUMBER,
			.element_size = 4, .offset = offsetof(struct vht_vmm_event, epoch), .size = 4,
		};
		if (kinds[i].arg)
			fields[count++] = (struct event_field){
				.name = kinds[i].arg, .raw_name = kinds[i].arg, .kind = FIELD_NUMBER,
				.element_size = 8, .offset = offsetof(struct vht_vmm_event, arg),
				.size = 8,
			};
		if (kinds[i].has_text)
			fields[count++] = (struct event_field){
				.name = "text", .raw_name = "text", .kind = FIELD_STRING,
				.element_size = 1, .offset = offsetof(struct vht_vmm_event, text),
				.size = sizeof(((struct vht_vmm_event *)0)->text),
			};
		/* the parts of VHT_MARK(), which is little-endian as all is */
		for (size_t j = 0; i == VHT_VMM_MARK && j < G_N_ELEMENTS(mark); j++)
			fields[count++] = mark[j];
		decoder->vmm_class[i] = class_table_add(decoder->vm_classes, "hypertrace",
							kinds[i].name, fields, count);
	}
	decoder->heartbeat_class = class_table_add(decoder->vm_classes, "hypertrace", "heartbeat",
						   heartbeat, G_N_ELEMENTS(heartbeat));
}

static void fill_heap(struct decoder *decoder)
{
	decoder->heap = g_new(struct stream *, MAX(decoder->streams->len, 1));
	for (guint i = 0; i < decoder->streams->len; i++) {
		struct stream *stream = g_ptr_array_index(decoder->streams, i);

		if (stream_next(decoder, stream))
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
	add_vm_classes(decoder);
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
	class_table_free(decoder->vm_classes);
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

	return &stream->pub;
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
		const struct recording_stream *file = stream->cursor.stream;
		struct timebase_quality quality;

		if (stream->pub.vm_index != vm_index || stream->type != STREAM_FTRACE ||
		    !stream->vm_times || !has_content(file))
			continue;
		quality = timebase_quality(stream->vm_times, stream->pub.epoch, file);
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
	return decoder->vm_classes;
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
