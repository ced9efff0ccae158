/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names for addresses in a guest's kernel, from lines as in /proc/kallsyms or from
 * the kernel's own tables.
 */
#ifndef HYPERTRACE_DECODE_SYMBOLS_H
#define HYPERTRACE_DECODE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kallsyms.h"

struct symbols;

/**
 * symbols_new - an empty table
 * Return: the table, to be freed with symbols_free().
 */
struct symbols *symbols_new(void);

/** symbols_free - free a table; NULL is fine */
void symbols_free(struct symbols *symbols);

/**
 * symbols_add - add the lines of a text
 * @symbols: the table
 * @text: the text; must stay where it is as long as the table
 * @size: bytes of it
 *
 * Lines that are none are skipped, a line cut off at the end too.
 */
void symbols_add(struct symbols *symbols, const char *text, size_t size);

/**
 * symbols_add_kallsyms - add the symbols of code of a kernel's tables
 * @symbols: the table
 * @kallsyms: the kernel's tables, finished; not needed afterwards
 */
void symbols_add_kallsyms(struct symbols *symbols, const struct kallsyms *kallsyms);

/**
 * symbols_finish - sort; call it after the last symbols_add() or symbols_add_kallsyms()
 * @symbols: the table
 */
void symbols_finish(struct symbols *symbols);

/**
 * symbols_address - where a symbol is
 * @symbols: the table, finished
 * @name: of the symbol
 * @out: set if there is one of that name
 * Return: false if there is none.
 */
bool symbols_address(const struct symbols *symbols, const char *name, uint64_t *out);

/** symbols_count - how many symbols there are, once finished */
size_t symbols_count(const struct symbols *symbols);

/**
 * symbols_at - one symbol, by order of address
 * @symbols: the table, finished
 * @index: below symbols_count()
 * @length: set to the bytes of the name
 * @address: set to where it is
 * Return: the name, not NUL-terminated.
 */
const char *symbols_at(const struct symbols *symbols, size_t index, size_t *length,
		       uint64_t *address);

/**
 * symbols_set_shift - the table is of a kernel that lay elsewhere
 * @symbols: the table
 * @shift: what has to be added to an address in it, modulo 2^64
 */
void symbols_set_shift(struct symbols *symbols, uint64_t shift);

/**
 * symbols_find - the function that an address lies in
 * @symbols: the table, finished
 * @address: the address
 * @length: set to the bytes of the name
 * @offset: set to the bytes from the function's start
 * Return: the name, not NUL-terminated, or NULL.
 */
const char *symbols_find(const struct symbols *symbols, uint64_t address, size_t *length,
			 uint64_t *offset);

#endif
