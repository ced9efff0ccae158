// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nearly all text is printable ASCII: that is looked at eight bytes at a time, as each line
 * that is shown goes through here.
 */
#include "clean.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Whether eight bytes are printable ASCII. In doubt it is false. */
static bool is_plain_word(const char *bytes)
{
	const uint64_t ones = 0x0101010101010101, highs = 0x80 * ones;
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	/* The high bit of a byte is set, or comes from below ' ', or from 127 and one. */
	return !((word | (word - ' ' * ones) | (word + ones)) & highs);
}

/* Bytes of a character that is not ASCII, cleaned. */
static size_t clean_character(char *bytes, size_t size)
{
	gunichar c = g_utf8_get_char_validated(bytes, size);
	bool is_byte = c == (gunichar)-1 || c == (gunichar)-2;
	size_t length = is_byte ? 1 : g_utf8_skip[(unsigned char)*bytes];

	if (is_byte ? (unsigned char)*bytes < 0xa0 : c < 0xa0)
		memset(bytes, '?', length);
	return length;
}

void clean_text(char *bytes, size_t size)
{
	for (size_t i = 0; i < size;) {
		unsigned char c = bytes[i];

		if (size - i >= sizeof(uint64_t) && is_plain_word(bytes + i)) {
			i += sizeof(uint64_t);
		} else if (c >= 0x80) {
			i += clean_character(bytes + i, size - i);
		} else {
			if (c < ' ' || c == 127)
				bytes[i] = '?';
			i++;
		}
	}
}
