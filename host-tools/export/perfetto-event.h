/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One event of a kernel as Perfetto's FtraceEvent: by the message that perfetto.proto
 * has for it, if it has one, else as a GenericFtraceEvent with all its fields.
 */
#ifndef HT_EXPORT_PERFETTO_EVENT_H
#define HT_EXPORT_PERFETTO_EVENT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "decode/decoder.h"
#include "decode/text.h"

struct perfetto_events;

/**
 * perfetto_events_new - what is needed to turn events into messages
 * Return: it, to be freed with perfetto_events_free().
 */
struct perfetto_events *perfetto_events_new(void);

/** perfetto_events_free - free it, after the decoder's last event; NULL is fine */
void perfetto_events_free(struct perfetto_events *events);

/**
 * struct perfetto_symbols - functions that a packet sequence names by number
 * @iids: address (boxed uint64_t) -> number
 * @fresh: the ones that the reader does not know yet, as the content of an InternedData
 */
struct perfetto_symbols {
	GHashTable *iids;
	GByteArray *fresh;
};

/** perfetto_symbols_init - begin without any */
void perfetto_symbols_init(struct perfetto_symbols *symbols);

/** perfetto_symbols_fini - free them */
void perfetto_symbols_fini(struct perfetto_symbols *symbols);

/**
 * perfetto_event_append - append an event to the content of a FtraceEventBundle
 * @events: from perfetto_events_new()
 * @item: the event
 * @symbols: of the packet sequence
 * @bundle: the content
 */
void perfetto_event_append(struct perfetto_events *events, const struct decoder_item *item,
			   struct perfetto_symbols *symbols, GByteArray *bundle);

/**
 * perfetto_annotations_append - append an event's fields to the content of a TrackEvent
 * @events: from perfetto_events_new()
 * @item: the event, of no kernel
 * @track_event: the content
 */
void perfetto_annotations_append(struct perfetto_events *events, const struct decoder_item *item,
				 GByteArray *track_event);

/** perfetto_append_varint - append a number as protobuf writes it */
void perfetto_append_varint(GByteArray *bytes, uint64_t value);

/** perfetto_append_length - append the head of a field with @size bytes of content */
void perfetto_append_length(GByteArray *bytes, uint32_t field, uint64_t size);

#endif
