/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events as text. Fields look as babeltrace2's text.pretty shows those of the
 * exported trace, so that the two can be compared line by line. Everything goes
 * through one large buffer; nothing is allocated and no printf runs per event.
 */
#ifndef HYPERTRACE_DECODE_TEXT_H
#define HYPERTRACE_DECODE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder.h"

/*
 * Bytes of an event's fields, and of what is made of one field: the names of its addresses,
 * a trace_printk()'s message. The latter is as much as the largest event has. What is longer is
 * cut: fields may share their bytes, and a name may be as long as the guest likes, so that
 * 64 KiB could ask for gigabytes.
 */
#define TEXT_MAX_EVENT	(1 << 20)
#define TEXT_MAX_MADE	(1 << 16)

/**
 * struct text - a buffer of text on its way out
 * @data: the text
 * @used: bytes of it
 * @size: bytes there is room for
 */
struct text {
	char *data;
	size_t used;
	size_t size;
};

/**
 * text_init - make an empty buffer
 * @text: to set
 */
void text_init(struct text *text);

/** text_fini - free a buffer's memory */
void text_fini(struct text *text);

/** text_string - append a string */
void text_string(struct text *text, const char *string);

/** text_bytes - append @size bytes as they are */
void text_bytes(struct text *text, const char *bytes, size_t size);

/**
 * text_cut - end a text that became too long with "..."
 * @text: the buffer
 * @most: bytes of it that may stay, the "..." among them
 */
void text_cut(struct text *text, size_t most);

/** text_unsigned - append a decimal number */
void text_unsigned(struct text *text, uint64_t value);

/** text_signed - append a decimal number */
void text_signed(struct text *text, int64_t value);

/**
 * text_padded - append a decimal number of at least @width digits
 * @text: the buffer
 * @value: the number
 * @width: digits, at most 20
 */
void text_padded(struct text *text, uint64_t value, unsigned int width);

/** text_hex - append a number as babeltrace2 does: "0x1F" */
void text_hex(struct text *text, uint64_t value);

/**
 * text_quoted - append a string in quotes, what cannot be shown in it escaped
 * @text: the buffer
 * @string: UTF-8, or any bytes
 * @size: bytes of it
 */
void text_quoted(struct text *text, const char *string, size_t size);

/**
 * text_seconds - append nanoseconds as seconds: "12.000000345"
 * @text: the buffer
 * @ns: the time
 */
void text_seconds(struct text *text, uint64_t ns);

/**
 * text_symbol - append the name of an address: "vfs_read+0x12"
 * @text: the buffer
 * @guest: whose kernel
 * @address: the address
 *
 * Appends nothing for an address without a name.
 */
void text_symbol(struct text *text, const struct decoder_guest *guest, uint64_t address);

/**
 * text_symbols - append the names of a field's addresses, with a space between
 * @text: the buffer
 * @item: an event
 * @field: one of its fields, with @is_symbol set
 *
 * At most %TEXT_MAX_MADE bytes.
 */
void text_symbols(struct text *text, const struct decoder_item *item,
		  const struct event_field *field);

/**
 * text_message - append what a trace_printk() of the guest prints
 * @text: the buffer
 * @item: an event of the role %EVENT_BPRINT or %EVENT_BPUTS
 *
 * At most %TEXT_MAX_MADE bytes.
 */
void text_message(struct text *text, const struct decoder_item *item);

/** class_has_message - text_message() has something to say for such an event */
static inline bool class_has_message(const struct event_class *class)
{
	return class->role == EVENT_BPRINT || class->role == EVENT_BPUTS;
}

/**
 * text_fields - append an event's fields: "{ name = value, ... }"
 * @text: the buffer
 * @item: an event
 *
 * At most %TEXT_MAX_EVENT bytes.
 */
void text_fields(struct text *text, const struct decoder_item *item);

#endif
