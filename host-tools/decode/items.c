// SPDX-License-Identifier: GPL-2.0-only
/* The items of a stream; see items.h. */
#include "items.h"

#include "wire/bytes.h"
#include "wire/window.h"

void items_init(struct items *items, const struct recording_stream *file, enum items_type type,
		const struct vm_classes *vm_classes)
{
	*items = (struct items) {
		.pub = { .source = file->source, .name = file->first_state.name, .cpu = file->cpu },
		.type = type,
		.vm_classes = vm_classes,
		.item = { .stream = &items->pub, .pid = -1 },
	};
	recording_cursor_init(&items->cursor, file);
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

void items_set_clock(struct items *items, const struct timebase *timebase)
{
	const struct recording_stream *file = items->cursor.stream;

	items->pub.has_host_time = file->clock == VHT_CLOCK_HOST_MONOTONIC;
	items->first_pair = find_first_pair(file);
	if (!timebase)
		return;
	if (file->source == VHT_SOURCE_WINDOW)
		items->timebase = timebase;
	if (file->clock != VHT_CLOCK_HOST_MONOTONIC)
		items->map = timebase_map(timebase, items->pub.epoch, file);
	items->pub.has_host_time |= items->map != NULL;
}

static uint64_t host_time(struct items *items, uint64_t raw)
{
	return items->map ? clock_map_apply(items->map, raw, &items->clock_place) : raw;
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

static void open_page(struct items *items, const struct recording_packet *packet)
{
	uint64_t inside;

	page_cursor_init(&items->page, packet->content, packet->header.content_size,
			 packet->header.type == VHT_PACKET_WINDOW ? 8 :
			 items->pub.guest->long_size);
	if (packet->header.type == VHT_PACKET_WINDOW)
		skip_events(&items->page, packet->header.skip);
	/*
	 * Without a gap what is inside follows from the header before; with
	 * one the events have to be counted first.
	 */
	if (packet->missing || packet->is_first || !losses_is_complete(&items->losses))
		inside = count_page_events(items->page);
	else
		inside = packet->header.events - items->losses.counted;
	losses_packet(&items->losses, packet, inside);
	items->has_packet = true;
}

/* A state packet tells of losses that no packet followed. */
static void take_state(struct items *items, const struct recording_packet *packet)
{
	struct stream_entry entry;

	if (!recording_packet_state(packet, &entry))
		return;
	items->state_time = packet->header.timestamp_begin;
	if (items->type != ITEMS_VMM)
		losses_discarded(&items->losses, entry.events_lost);
}

/* From here on it may be another kernel, with a clock that began again. */
static void take_window_meta(struct items *items, const struct recording_packet *packet)
{
	struct window_meta meta;

	if (!window_meta_parse(packet->content, packet->header.content_size, &meta) ||
	    !items->timebase)
		return;
	items->map = timebase_window_map(items->timebase, items->pub.epoch, meta.kernel);
	items->clock_place = (struct clock_cursor){ 0 };
}

/* Open the next packet that has events of the stream's kind. */
static bool open_packet(struct items *items)
{
	struct recording_packet packet;

	while (recording_cursor_next(&items->cursor, &packet)) {
		items->pub.packets++;
		switch (packet.header.type) {
		case VHT_PACKET_STATE:
			take_state(items, &packet);
			continue;
		case VHT_PACKET_FTRACE:
			if (items->type != ITEMS_FTRACE)
				continue;
			open_page(items, &packet);
			return true;
		case VHT_PACKET_WINDOW_META:
			take_window_meta(items, &packet);
			continue;
		case VHT_PACKET_WINDOW:
			if (items->type != ITEMS_FTRACE)
				continue;
			open_page(items, &packet);
			return true;
		case VHT_PACKET_HEARTBEAT:
			if (items->type != ITEMS_HEARTBEAT)
				continue;
			losses_packet(&items->losses, &packet, packet.header.content_size /
				      sizeof(struct vht_heartbeat));
			break;
		case VHT_PACKET_VMM:
			if (items->type != ITEMS_VMM)
				continue;
			break;
		default:
			continue;
		}
		record_cursor_init(&items->records, packet.content, packet.header.content_size);
		items->has_packet = true;
		return true;
	}
	return false;
}

static bool take_ftrace(struct items *items, struct decoder_item *item)
{
	struct event_class *class;
	struct page_event event;

	if (!page_cursor_next(&items->page, &event)) {
		if (items->page.damaged)
			items->pub.damaged++;
		return false;
	}
	item->raw_time = event.time;
	item->data = event.data;
	item->size = event.size;
	class = class_table_get(items->pub.guest->classes, event.size >= 2 ? get_u16(event.data) : 0);
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
	items->losses.accounted++;
	return true;
}

static bool take_heartbeat(struct items *items, struct decoder_item *item)
{
	const uint8_t *at = items->records.next;
	struct heartbeat heartbeat;

	if (!record_next_heartbeat(&items->records, &heartbeat)) {
		if (items->records.left)
			items->pub.damaged++;
		return false;
	}
	item->raw_time = heartbeat.counter;
	item->data = at;
	item->size = sizeof(struct vht_heartbeat);
	item->class = items->vm_classes->heartbeat;
	items->losses.accounted++;
	return true;
}

static bool take_vmm(struct items *items, struct decoder_item *item)
{
	const uint8_t *at = items->records.next;
	struct vmm_event event;

	if (!record_next_vmm(&items->records, &event)) {
		if (items->records.left)
			items->pub.damaged++;
		return false;
	}
	item->raw_time = event.mono_ns;
	item->data = at;
	item->size = sizeof(struct vht_vmm_event);
	item->class = vm_classes_of(items->vm_classes, event.type);
	return true;
}

static bool take_event(struct items *items, struct decoder_item *item)
{
	for (;;) {
		bool taken = false;

		if (items->has_packet) {
			switch (items->type) {
			case ITEMS_FTRACE:
				taken = take_ftrace(items, item);
				break;
			case ITEMS_HEARTBEAT:
				taken = take_heartbeat(items, item);
				break;
			case ITEMS_VMM:
				taken = take_vmm(items, item);
				break;
			}
		}
		if (taken)
			return true;
		items->has_packet = false;
		if (!open_packet(items))
			return false;
	}
}

/* Put a loss before @item, or in its place if the stream has come to its end. */
static void report_loss(struct items *items, bool at_end)
{
	struct decoder_item *item = &items->item;

	if (!at_end) {
		items->held = *item;
		items->has_held = true;
	}
	item->kind = DECODER_LOST;
	item->lost = losses_take(&items->losses);
	item->end_time = at_end ? items->last_time : item->time;
	item->time = items->has_time ? items->last_time : item->end_time;
	if (at_end && !items->has_time && items->pub.has_host_time)
		item->time = item->end_time = items->state_time;
	item->class = NULL;
	item->data = NULL;
	item->size = 0;
	items->pub.lost += item->lost;
}

bool items_next(struct items *items)
{
	struct decoder_item *item = &items->item;
	uint64_t time;

	if (items->has_held) {
		items->has_held = false;
		*item = items->held;
	} else {
		item->kind = DECODER_EVENT;
		if (items->is_done || !take_event(items, item)) {
			if (!items->is_done)
				losses_end(&items->losses);
			items->is_done = true;
			if (!losses_is_pending(&items->losses))
				return false;
			report_loss(items, true);
			return true;
		}
		time = host_time(items, item->raw_time);
		if (G_UNLIKELY(items->has_time && time < items->last_time)) {
			if (item->raw_time < items->first_pair ||
			    items->pub.source == VHT_SOURCE_WINDOW)
				items->pub.early_steps_back++;
			else
				items->pub.time_steps_back++;
			time = items->last_time;
		}
		item->time = item->end_time = time;
		if (G_UNLIKELY(losses_is_pending(&items->losses))) {
			report_loss(items, false);
			return true;
		}
	}
	items->last_time = item->time;
	items->has_time = true;
	items->pub.events++;
	return true;
}
