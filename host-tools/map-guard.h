/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Surviving the truncation of a mapped file.
 *
 * Who truncates a file under its readers makes their next access raise SIGBUS.
 * A guarded mapping gets zero pages in place of the lost ones instead, and
 * remembers that it happened: the access goes on, and who reads asks before he
 * uses what he read. So reading needs no jump out of a signal handler, and the
 * price is paid only when it happens.
 *
 * The signal handler belongs to the process: for programs, not for plugins.
 */
#ifndef HYPERTRACE_REGION_MAP_GUARD_H
#define HYPERTRACE_REGION_MAP_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct map_guard;

/**
 * map_guard_new - guard a mapping
 * @base: its start
 * @size: bytes
 * Return: the guard, to be freed with map_guard_free() before it is unmapped.
 */
struct map_guard *map_guard_new(void *base, size_t size);

/**
 * map_guard_free - end a guard
 * @guard: the guard, or NULL
 */
void map_guard_free(struct map_guard *guard);

/**
 * map_guard_has_fired - see whether a part of the mapping was lost
 * @guard: the guard
 * Return: true if zeros were read from there that the file did not hold.
 */
bool map_guard_has_fired(const struct map_guard *guard);

#endif
