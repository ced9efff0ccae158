/* SPDX-License-Identifier: GPL-2.0-only */
/* Text of a guest that goes to a terminal: what would drive that is taken out. */
#ifndef HYPERTRACE_DECODE_CLEAN_H
#define HYPERTRACE_DECODE_CLEAN_H

#include <stddef.h>

/**
 * clean_text - replace what would drive a terminal, newlines included, by '?'
 * @bytes: UTF-8, or any bytes; stays as long as it is
 * @size: bytes of it
 *
 * That is ASCII's control characters and the C1 controls, these also as single bytes that
 * are no part of UTF-8. All else stays.
 */
void clean_text(char *bytes, size_t size);

#endif
