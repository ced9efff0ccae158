/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The longest rising run: of values that should rise, as many as do. What is left out
 * contradicts the others, and costs itself alone.
 */
#ifndef HYPERTRACE_DECODE_RISING_H
#define HYPERTRACE_DECODE_RISING_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * rising_run - find the longest run of values, in their order, that rises
 * @values: the values
 * @count: how many
 * @may_stay: two of the run may be the same
 * Return: for each whether it is in the run; to be freed with g_free().
 */
bool *rising_run(const uint64_t *values, guint count, bool may_stay);

#endif
