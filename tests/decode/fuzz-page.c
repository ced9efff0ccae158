// SPDX-License-Identifier: GPL-2.0-only
/* Fuzzing the framing: the input is a sub-buffer; its first byte says which long. */
#include <stdlib.h>

#include "wire/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct page_cursor cursor;
	struct page_event event;
	size_t events = 0;
	uint32_t sum = 0;

	if (!size)
		return 0;
	page_cursor_init(&cursor, data + 1, size - 1, data[0] & 1 ? 4 : 8);
	while (page_cursor_next(&cursor, &event)) {
		for (uint32_t i = 0; i < event.size; i++)
			sum += event.data[i];
		/* Each event takes at least its head. */
		if (++events > size / 4)
			abort();
	}
	return sum == 1 && events > size;
}
