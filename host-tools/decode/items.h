/* SPDX-License-Identifier: GPL-2.0-only */
/* The items of one stream, in its order: events, and what was lost between them. */
#ifndef HYPERTRACE_DECODE_ITEMS_H
#define HYPERTRACE_DECODE_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "decoder.h"
#include "losses.h"
#include "recording/reader.h"
#include "timebase.h"
#include "vm-classes.h"
#include "wire/page.h"
#include "wire/records.h"

/**
 * enum items_type - how a stream's content is taken apart
 * @ITEMS_FTRACE: sub-buffers, be they of a window
 * @ITEMS_HEARTBEAT: struct vht_heartbeat
 * @ITEMS_VMM: struct vht_vmm_event
 */
enum items_type {
	ITEMS_FTRACE,
	ITEMS_HEARTBEAT,
	ITEMS_VMM,
};

/**
 * struct items - a stream being taken apart
 * @pub: what its users see of it
 * @type: of its content
 * @vm_classes: for what no guest describes
 * @item: the last one; its place stays what it was set to
 * @cursor: the packets
 * @page: the events of a packet if @has_packet and it is %ITEMS_FTRACE
 * @records: those of one of another type
 * @has_packet: @page or @records is inside one
 * @map: from the stream's clock to the host's; NULL: times are shown as they are
 * @clock_place: in @map
 * @timebase: of a window: the map changes with the kernel
 * @first_pair: source clock in the first packet that has it, 0: none
 * @losses: what is missing
 * @has_time: there was an event, at @last_time
 * @last_time: of that event
 * @state_time: host time of the last state packet
 * @has_held: @item is a loss, @held comes after it
 * @held: an event
 * @is_done: no packets are left
 */
struct items {
	struct decoder_stream pub;
	enum items_type type;
	const struct vm_classes *vm_classes;
	struct decoder_item item;
	struct recording_cursor cursor;
	struct page_cursor page;
	struct record_cursor records;
	bool has_packet;
	const struct clock_map *map;
	struct clock_cursor clock_place;
	const struct timebase *timebase;
	uint64_t first_pair;
	struct losses losses;
	bool has_time;
	uint64_t last_time;
	uint64_t state_time;
	bool has_held;
	struct decoder_item held;
	bool is_done;
};

/**
 * items_init - begin with a stream
 * @items: to set; must not move afterwards. Of @pub all that the file does not say,
 *	such as the guest, is for the caller
 * @file: the stream
 * @type: of its content
 * @vm_classes: must outlive it
 */
void items_init(struct items *items, const struct recording_stream *file, enum items_type type,
		const struct vm_classes *vm_classes);

/**
 * items_set_clock - say what turns the stream's times into the host's
 * @items: with its epoch
 * @timebase: of the stream's VM; NULL: times stay raw
 */
void items_set_clock(struct items *items, const struct timebase *timebase);

/**
 * items_next - set @items->item to the next one
 * @items: the stream
 * Return: false at its end.
 */
bool items_next(struct items *items);

#endif
