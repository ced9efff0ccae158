/* SPDX-License-Identifier: GPL-2.0-only */
/* Choices of CPUs: "0,2-3". */
#ifndef HT_VIEW_CPUS_H
#define HT_VIEW_CPUS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * view_cpus_parse - understand a list of numbers and ranges
 * @list: e.g. "0,2-3"
 * Return: the choice, to be freed with g_free(); NULL if it is none.
 */
uint8_t *view_cpus_parse(const char *list);

/** view_cpus_has - see whether a CPU is chosen; any number may be asked for */
bool view_cpus_has(const uint8_t *cpus, uint32_t cpu);

#endif
