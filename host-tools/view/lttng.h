/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of guests' LTTng for `hypertrace view`. They are laid out as `export --to ctf`
 * does it, in a directory that is removed at the end, and read by babeltrace2, in a
 * process for each VM, since what a guest wrote can end it.
 *
 *	while (decoder_next_before(decoder, view_lttng_time(lttng), &item) ||
 *	       view_lttng_next(lttng, &item, &event))
 *		...
 */
#ifndef HT_VIEW_LTTNG_H
#define HT_VIEW_LTTNG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "decode/decoder.h"

struct view_lttng;

/**
 * struct view_lttng_event - what a struct decoder_item has no place for
 * @fields: text of the contexts and fields; not terminated
 * @fields_size: bytes of it
 * @is_packets: of a loss: packets were lost, not events
 */
struct view_lttng_event {
	const char *fields;
	size_t fields_size;
	bool is_packets;
};

/**
 * view_lttng_new - begin to read the events of LTTng in the VMs that are wanted
 * @decoder: of the recording; must stay as long as the result
 * @options: those of @decoder
 * @warnings: char *, sentences are added: what is not among the events
 * @error: HT_ERROR_FAILED: I/O, or babeltrace2 is not whole
 * Return: to be freed with view_lttng_free(); NULL if there is nothing, or with @error set.
 */
struct view_lttng *view_lttng_new(struct decoder *decoder, const struct decoder_options *options,
				  GPtrArray *warnings, GError **error);

/**
 * view_lttng_time - when the next event or loss is
 * @lttng: the reading, NULL is fine
 * Return: the time that its item has; %UINT64_MAX if there is none left.
 */
uint64_t view_lttng_time(struct view_lttng *lttng);

/**
 * view_lttng_next - take the next event or loss, of all VMs, in order of time
 * @lttng: the reading, NULL is fine
 * @item: set as decoder_next() does; an event has no data and no task, its class
 *	is of the system "lttng", its stream of %VHT_SOURCE_LTTNG
 * @event: set to what is more; both until the next call
 * Return: false at the end.
 */
bool view_lttng_next(struct view_lttng *lttng, struct decoder_item *item,
		     struct view_lttng_event *event);

/**
 * view_lttng_problems - what is missing because a reader did not come to its end
 * @lttng: the reading, NULL is fine
 * Return: char *, a sentence each; NULL for NULL.
 */
const GPtrArray *view_lttng_problems(const struct view_lttng *lttng);

/** view_lttng_free - end it, wherever it is; NULL is fine */
void view_lttng_free(struct view_lttng *lttng);

#endif
