// SPDX-License-Identifier: GPL-2.0-only
/* NUL-padded texts made harmless; see text.h. */
#include "wire/text.h"

void text_copy(char *out, const uint8_t *bytes, size_t size)
{
	size_t i;

	for (i = 0; i < size && bytes[i]; i++)
		out[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
	out[i] = '\0';
}
