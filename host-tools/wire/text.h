/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Texts of the ABI are NUL-padded arrays that the other side fills. They end up
 * on terminals, in file names and in key files: here they become harmless.
 */
#ifndef HYPERTRACE_WIRE_TEXT_H
#define HYPERTRACE_WIRE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/**
 * text_copy - copy a NUL-padded text and make it printable
 * @out: @size + 1 bytes; always ends with a NUL
 * @bytes: @size bytes, which need not hold a NUL
 * @size: bytes
 *
 * What is not printable ASCII becomes '?'.
 */
void text_copy(char *out, const uint8_t *bytes, size_t size);

#endif
