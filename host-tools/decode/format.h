/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event classes: what a guest's event format texts say (tracefs
 * events/SYSTEM/EVENT/format), compiled into tables, so that taking a field out
 * of an event is a look-up and never a parse.
 *
 * The texts come from the guest and are hostile. They are parsed here and not
 * by libtraceevent: its parser recurses over the print format without a bound,
 * prints to stderr, and is not made for input that wants to harm it; and of the
 * print format only the tables of names are of use, because fields are shown as
 * they are stored. libtraceevent is the judge in the tests instead: every
 * format of a stock kernel must give the same fields by both parsers.
 */
#ifndef HYPERTRACE_DECODE_FORMAT_H
#define HYPERTRACE_DECODE_FORMAT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_MAX_TEXT		(1 << 18)	/* bytes of one format text */
#define FORMAT_MAX_FIELDS	128
#define FORMAT_MAX_LABELS	1024		/* of one enumeration */

/**
 * struct enumeration_entry - one name of an enumeration
 */
struct enumeration_entry {
	uint64_t value;
	const char *label;
};

/**
 * struct enumeration - names of a field's values
 * @is_flags: each name is a set of bits, else a whole value
 * @mask: bits of the field's value that the names are about
 * @count: of @entries
 * @entries: in the order of the format text, which for flags is the order in
 *	which the kernel tries them
 * @chooser: with @other: index of the field of the same event that chooses
 * @chosen: with @other: this one holds where that field has this value
 * @other: holds elsewhere: "REC->isa == 1 ? __print_symbolic(...) :
 *	__print_symbolic(...)"; NULL: this one holds always
 */
struct enumeration {
	bool is_flags;
	uint64_t mask;
	uint32_t count;
	struct enumeration_entry *entries;
	uint32_t chooser;
	uint64_t chosen;
	struct enumeration *other;
};

/**
 * enum field_kind - how a field lies in an event
 * @FIELD_NUMBER: a number of @size bytes
 * @FIELD_NUMBERS: @count numbers of @element_size bytes
 * @FIELD_STRING: text of at most @size bytes, ends at a NUL
 * @FIELD_DYNAMIC_NUMBERS: a __data_loc or __rel_loc word that leads to numbers
 * @FIELD_DYNAMIC_STRING: likewise, to text
 * @FIELD_TAIL_NUMBERS: numbers from here to the event's end
 * @FIELD_TAIL_STRING: text from here to the event's end
 */
enum field_kind {
	FIELD_NUMBER,
	FIELD_NUMBERS,
	FIELD_STRING,
	FIELD_DYNAMIC_NUMBERS,
	FIELD_DYNAMIC_STRING,
	FIELD_TAIL_NUMBERS,
	FIELD_TAIL_STRING,
};

/**
 * struct event_field - one field of an event class
 * @name: as shown, by the class table's naming
 * @raw_name: as the kernel's format text has it
 * @kind: how it lies in the event
 * @element_size: bytes of the number, or of one of the numbers: 1, 2, 4 or 8
 * @is_signed: of the number(s)
 * @is_pointer: declared as one
 * @is_hex: best shown in hexadecimal: an address, or bits
 * @is_symbol: an address in the kernel that has a name, or of a text
 * @is_relative: __rel_loc: the word counts from its own end
 * @is_bitmask: the numbers are the words of a set of bits
 * @is_hidden: not shown under the chosen naming, e.g. what the name says already
 * @offset: in the event, bytes
 * @size: in the event, bytes; 0 for a tail
 * @count: of the numbers, for %FIELD_NUMBERS
 * @enumeration: names of its values, or NULL
 */
struct event_field {
	const char *name;
	const char *raw_name;
	enum field_kind kind;
	uint8_t element_size;
	bool is_signed;
	bool is_pointer;
	bool is_hex;
	bool is_symbol;
	bool is_relative;
	bool is_bitmask;
	bool is_hidden;
	uint32_t offset;
	uint32_t size;
	uint32_t count;
	struct enumeration *enumeration;
};

/**
 * enum event_role - events whose content the decoder itself uses
 */
enum event_role {
	EVENT_PLAIN,
	EVENT_BPRINT,
	EVENT_BPUTS,
	EVENT_STACK,
};

/**
 * struct event_class - one kind of event
 * @name: as shown, by the class table's naming
 * @system: the kernel's, e.g. "sched"
 * @raw_name: the kernel's name of the event, e.g. "sched_switch"
 * @id: of the event in this guest; -1 for events that no guest made
 * @index: of the class in its table: 0, 1, 2...
 * @role: what the decoder does with it
 * @field_count: of @fields
 * @fields: without the common ones
 * @pid_offset: of the common field common_pid, -1 for none
 * @flags_offset: of common_flags, -1 for none
 * @preempt_offset: of common_preempt_count, -1 for none
 * @name_count: of @names
 * @names: indexes of pairs of fields: a task's pid and its name
 * @user: for who uses the decoder; NULL at first
 */
struct event_class {
	const char *name;
	const char *system;
	const char *raw_name;
	int32_t id;
	uint32_t index;
	enum event_role role;
	uint32_t field_count;
	struct event_field *fields;
	int32_t pid_offset;
	int32_t flags_offset;
	int32_t preempt_offset;
	uint32_t name_count;
	struct {
		uint8_t pid;
		uint8_t comm;
	} names[2];
	void *user;
};

/**
 * enum naming - names that events and fields are shown by
 * @NAMING_LTTNG: those of LTTng's kernel tracer (names.c)
 * @NAMING_FTRACE: those of the kernel's own format texts
 */
enum naming {
	NAMING_LTTNG,
	NAMING_FTRACE,
};

struct class_table;

/**
 * class_table_new - an empty table of event classes
 * @naming: the names they are to have
 * Return: the table, to be freed with class_table_free().
 */
struct class_table *class_table_new(enum naming naming);

/** class_table_free - free a table and its classes; NULL is fine */
void class_table_free(struct class_table *table);

/**
 * class_table_set_guest - what the texts do not say
 * @table: the table, still without formats
 * @long_size: bytes of the guest's long, 4 or 8
 */
void class_table_set_guest(struct class_table *table, unsigned int long_size);

/**
 * class_table_add_format - parse one format text
 * @table: the table
 * @system: the event's system, need not end with a NUL
 * @system_size: bytes of it
 * @text: the text, need not end with a NUL
 * @text_size: bytes of it
 *
 * An event with the same id as an earlier one takes its place.
 *
 * Return: the class, or NULL if the text is no event format.
 */
struct event_class *class_table_add_format(struct class_table *table, const char *system,
					   size_t system_size, const char *text,
					   size_t text_size);

/**
 * class_table_add - add a class that no format text describes
 * @table: the table
 * @system: constant, as are the names in @fields
 * @name: of the event
 * @fields: copied
 * @field_count: of them
 * Return: the class.
 */
struct event_class *class_table_add(struct class_table *table, const char *system,
				    const char *name, const struct event_field *fields,
				    uint32_t field_count);

/**
 * class_table_get - the class of an event id
 * @table: the table
 * @id: common_type of an event
 * Return: the class; for an id without a format a class with no fields, made
 * when first asked for.
 */
struct event_class *class_table_get(struct class_table *table, uint16_t id);

/** class_table_count - how many classes there are */
uint32_t class_table_count(const struct class_table *table);

/** class_table_at - the class with an index below class_table_count() */
struct event_class *class_table_at(const struct class_table *table, uint32_t index);

#endif
