/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What metadata of LTTng's kernel tracer declares, as far as it has to be known to
 * take its packets apart: that their header is the one of lttng/packet.h, and which
 * channels there are.
 */
#ifndef HYPERTRACE_LTTNG_LAYOUT_H
#define HYPERTRACE_LTTNG_LAYOUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lttng/packet.h"

/**
 * struct lttng_layout - what a text declares
 * @size: bytes of the text up to the end of its last whole declaration
 * @events: kinds of events that are declared
 * @channels: ids of the declared channels
 */
struct lttng_layout {
	size_t size;
	uint64_t events;
	GHashTable *channels;
};

/**
 * lttng_layout_init - see what a text declares
 * @layout: memory for it
 * @text: CTF 1.8 metadata, with its first line or without it, perhaps cut off
 * @uuid: of the trace
 * @error: %HT_ERROR_FORMAT: it is no metadata of LTTng's kernel tracer, is of
 *	another trace, or its packets are other ones
 * Return: false with @error set; lttng_layout_fini() is then not needed.
 */
bool lttng_layout_init(struct lttng_layout *layout, const char *text,
		       const uint8_t uuid[LTTNG_UUID_SIZE], GError **error);

/** lttng_layout_fini - let go of it */
void lttng_layout_fini(struct lttng_layout *layout);

/** lttng_layout_has_channel - whether a channel is declared */
bool lttng_layout_has_channel(const struct lttng_layout *layout, uint32_t channel);

/**
 * lttng_layout_drop_uuid - take the trace's uuid out of a text
 * @text: one that lttng_layout_init() took; changed
 *
 * Readers take two traces of one uuid for one trace, with one clock. A VM's state that
 * was loaded twice makes two, whose packets cannot be told apart but by where they are.
 */
void lttng_layout_drop_uuid(GString *text);

/**
 * lttng_uuid_text - a uuid as metadata has it
 * @uuid: the uuid
 * Return: to be freed with g_free().
 */
char *lttng_uuid_text(const uint8_t uuid[LTTNG_UUID_SIZE]);

#endif
