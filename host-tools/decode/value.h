/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A field's value out of an event's bytes. Every place the event or its format
 * leads to is checked against the event's size; what lies outside is not there.
 */
#ifndef HYPERTRACE_DECODE_VALUE_H
#define HYPERTRACE_DECODE_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "wire/bytes.h"
#include "format.h"

/* Of longer arrays only the beginning is shown: many fields may lead to one place. */
#define MAX_NUMBERS	16384

/**
 * field_number - the value of a %FIELD_NUMBER
 * @field: the field
 * @data: the event
 * @size: bytes of it
 * Return: the value, signed ones extended to 64 bits; 0 if the event is too short.
 */
static inline uint64_t field_number(const struct event_field *field, const uint8_t *data,
				    uint32_t size)
{
	if (G_UNLIKELY((uint64_t)field->offset + field->element_size > size))
		return 0;
	if (field->is_signed)
		return get_signed(data + field->offset, field->element_size);
	return get_unsigned(data + field->offset, field->element_size);
}

/**
 * field_bytes - where the bytes of any other field are
 * @field: the field
 * @data: the event
 * @size: bytes of it
 * @length: set to how many bytes there are
 * Return: the bytes, inside the event.
 */
static inline const uint8_t *field_bytes(const struct event_field *field, const uint8_t *data,
					 uint32_t size, uint32_t *length)
{
	uint64_t begin = field->offset, bytes = field->size;
	uint32_t word;

	switch (field->kind) {
	case FIELD_DYNAMIC_NUMBERS:
	case FIELD_DYNAMIC_STRING:
		/* Length above, place below, each 16 bits. */
		if (begin + 4 > size)
			goto nothing;
		word = get_u32(data + begin);
		bytes = word >> 16;
		begin = (word & 0xffff) + (field->is_relative ? begin + 4 : 0);
		break;
	case FIELD_TAIL_NUMBERS:
	case FIELD_TAIL_STRING:
		bytes = size;
		break;
	default:
		break;
	}
	if (begin >= size)
		goto nothing;
	*length = MIN(bytes, size - begin);
	return data + begin;
nothing:
	*length = 0;
	return data;
}

/**
 * field_text - the text of a string field
 * @field: the field, a string of any kind
 * @data: the event
 * @size: bytes of it
 * @length: set to the bytes before the first NUL, or all that are there
 * Return: the text, inside the event; no NUL need follow.
 */
static inline const char *field_text(const struct event_field *field, const uint8_t *data,
				     uint32_t size, uint32_t *length)
{
	uint32_t bytes;
	const uint8_t *at = field_bytes(field, data, size, &bytes);

	*length = strnlen((const char *)at, bytes);
	return (const char *)at;
}

/**
 * field_numbers - the numbers of an array field
 * @field: the field, numbers of any kind
 * @data: the event
 * @size: bytes of it
 * @count: set to how many there are, at most %MAX_NUMBERS
 * Return: the first one; @field->element_size and @is_signed tell how to read them.
 */
static inline const uint8_t *field_numbers(const struct event_field *field,
					   const uint8_t *data, uint32_t size, uint32_t *count)
{
	uint32_t bytes;
	const uint8_t *at = field_bytes(field, data, size, &bytes);

	*count = MIN(bytes / field->element_size, MAX_NUMBERS);
	return at;
}

/** number_at - one number of an array field */
static inline uint64_t number_at(const struct event_field *field, const uint8_t *numbers,
				 uint32_t index)
{
	const uint8_t *at = numbers + (size_t)index * field->element_size;

	if (field->is_signed)
		return get_signed(at, field->element_size);
	return get_unsigned(at, field->element_size);
}

#endif
