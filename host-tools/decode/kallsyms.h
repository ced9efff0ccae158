/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The symbol tables of a guest's kernel, as its metadata stream brings them in
 * pieces (VHT_META_KALLSYMS), and the symbols that they make.
 */
#ifndef HYPERTRACE_DECODE_KALLSYMS_H
#define HYPERTRACE_DECODE_KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../wire/records.h"

/* Bytes of a name with its kind, at most: Linux's own limit. */
#define KALLSYMS_MAX_NAME	512

struct kallsyms;

/**
 * kallsyms_new - no tables yet
 * Return: to be freed with kallsyms_free().
 */
struct kallsyms *kallsyms_new(void);

/** kallsyms_free - free what kallsyms_new() made; NULL is fine */
void kallsyms_free(struct kallsyms *kallsyms);

/**
 * kallsyms_feed - take the next record of a metadata stream
 * @kallsyms: the tables
 * @record: any record; hostile. What is of use is copied
 *
 * The first set with whole tables is kept: later ones are of the same kernel.
 */
void kallsyms_feed(struct kallsyms *kallsyms, const struct meta_record *record);

/**
 * kallsyms_finish - call it after the last record
 * @kallsyms: the tables
 * Return: are there whole tables that fit together?
 */
bool kallsyms_finish(struct kallsyms *kallsyms);

/**
 * struct kallsyms_symbol - a symbol
 * @address: in the guest, or an offset in per-CPU data
 * @kind: as nm gives it
 * @name: printable ASCII, NUL-terminated; valid until the next symbol is asked for
 * @length: of the name, bytes
 */
struct kallsyms_symbol {
	uint64_t address;
	char kind;
	const char *name;
	size_t length;
};

/**
 * struct kallsyms_cursor - a place among the symbols
 */
struct kallsyms_cursor {
	const struct kallsyms *kallsyms;
	uint64_t number;
	size_t at;
	char text[KALLSYMS_MAX_NAME + 1];
};

/**
 * kallsyms_cursor_init - begin with the first symbol
 * @cursor: to set
 * @kallsyms: the tables, finished; if they are not whole there are no symbols
 */
void kallsyms_cursor_init(struct kallsyms_cursor *cursor, const struct kallsyms *kallsyms);

/**
 * kallsyms_next - the next symbol
 * @cursor: moved behind it
 * @out: the symbol, written only if there is one
 * Return: false at the end.
 */
bool kallsyms_next(struct kallsyms_cursor *cursor, struct kallsyms_symbol *out);

/**
 * kallsyms_next_text - the next symbol that is of code; as above
 *
 * These are what a driver that sends text sends of them.
 */
bool kallsyms_next_text(struct kallsyms_cursor *cursor, struct kallsyms_symbol *out);

#endif
