/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers as people read and write them. */
#ifndef HYPERTRACE_FORMAT_H
#define HYPERTRACE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

/**
 * format_bytes - a number of bytes with a binary prefix, e.g. "1.5 MiB"
 * @bytes: the number
 * Return: to be freed with g_free().
 */
char *format_bytes(double bytes);

/**
 * format_seconds - a time as seconds with nine digits, e.g. "12.000000001"
 * @ns: the time, ns
 * Return: to be freed with g_free().
 */
char *format_seconds(uint64_t ns);

/**
 * format_date - a time of CLOCK_REALTIME in the local time zone
 * @real_ns: ns since 1970
 * Return: e.g. "2025-01-31 12:00:00.000", to be freed with g_free().
 */
char *format_date(uint64_t real_ns);

/**
 * parse_bytes - a number of bytes
 * @text: decimal or, after 0x, hexadecimal, with K, M or G behind; NULL leaves @bytes
 * @bytes: set on success
 * Return: false if it is none, or 0.
 */
bool parse_bytes(const char *text, uint64_t *bytes);

#endif
