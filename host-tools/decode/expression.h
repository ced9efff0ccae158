/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Constants and tables of names in an event's print format:
 * __print_symbolic(REC->field, { 1, "one" }, ...) and __print_flags().
 */
#ifndef HYPERTRACE_DECODE_EXPRESSION_H
#define HYPERTRACE_DECODE_EXPRESSION_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * constant_parse - the value of a constant C expression
 * @at: where it begins; moved behind it, to the first character that does not
 *	belong to it
 * @end: where the text ends
 * @value: written only on success; arithmetic is on 64 bits
 *
 * Knows numbers, parentheses, casts, and the operators ~ - ! + * << >> & ^ |.
 *
 * Return: false if it is none (e.g. because of a name), or nested too deep.
 */
bool constant_parse(const char **at, const char *end, uint64_t *value);

/**
 * struct name_table - one call that gives names to a field's values
 * @field: the field's name, inside the text
 * @field_size: bytes of it
 * @is_flags: __print_flags(), else __print_symbolic()
 * @mask: what the field's value is masked with
 * @values: uint64_t of each name
 * @labels: char *, likewise
 * @zero: name of no flag at all, as in "x ? __print_flags(x, ...) : "none"",
 *	or NULL; to be freed
 * @begin: where the call begins
 * @attempts: calls still to be looked at; set it once before the first search
 */
struct name_table {
	const char *field;
	size_t field_size;
	bool is_flags;
	uint64_t mask;
	GArray *values;
	GPtrArray *labels;
	char *zero;
	const char *begin;
	unsigned int attempts;
};

/**
 * name_table_next - find the next table of names in a print format
 * @at: where to search from; moved behind what was found
 * @end: where the text ends
 * @out: @values and @labels must exist and are filled anew; valid if the result
 *	is true
 * @max: at most so many names
 *
 * Skips tables over anything but a field or a masked field, and names whose
 * value is no constant.
 *
 * Return: false if there is none any more.
 */
bool name_table_next(const char **at, const char *end, struct name_table *out, size_t max);

/**
 * struct name_choice - "(REC->field == value) ?"
 * @field: the field's name, inside the text
 * @field_size: bytes of it
 * @value: the constant
 */
struct name_choice {
	const char *field;
	size_t field_size;
	uint64_t value;
};

/**
 * name_choice_before - whether a call is chosen by a field's value
 * @text: where the text begins
 * @call: where the call begins
 * @out: written only if it is
 * Return: true if "(REC->field == constant) ?" stands right before the call.
 */
bool name_choice_before(const char *text, const char *call, struct name_choice *out);

/**
 * name_choice_else - whether a call is what is taken otherwise
 * @previous_end: behind the call before
 * @call: where the call begins
 * Return: true if nothing but ":" stands between the two.
 */
bool name_choice_else(const char *previous_end, const char *call);

#endif
