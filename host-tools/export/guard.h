/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work on what a guest wrote, done in a process of its own: a length that a guest
 * made up can end babeltrace2 (it aborts where there is no memory), or keep it busy for ever.
 */
#ifndef HT_EXPORT_GUARD_H
#define HT_EXPORT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * enum guard_result - how guarded work ended
 * @GUARD_TRUE: it returned true
 * @GUARD_FALSE: it returned false
 * @GUARD_DIED: it was ended: by itself, or by the limits of memory and time
 */
enum guard_result {
	GUARD_TRUE,
	GUARD_FALSE,
	GUARD_DIED,
};

/**
 * guard_alloc - memory that guarded work can write to for all
 * @size: bytes, zeroed
 * Return: to be freed with guard_free(); NULL without memory.
 */
void *guard_alloc(size_t size);

/** guard_free - free what guard_alloc() gave, or NULL */
void guard_free(void *memory, size_t size);

/**
 * guard_run - do work in a process of its own
 * @work: does it; what it changes is lost, but for memory of guard_alloc() and files
 * @data: for @work
 * @size: bytes of the trace it reads: the more the longer it may take
 * Return: how it ended.
 */
enum guard_result guard_run(bool (*work)(void *data), void *data, uint64_t size);

#endif
