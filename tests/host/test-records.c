// SPDX-License-Identifier: GPL-2.0-only
/* The records inside packets: sizes that lie, ends that are cut, texts without an end. */
#include <string.h>

#include "tap.h"
#include "wire/records.h"
#include "wire/text.h"

static void test_meta(void)
{
	/* in its own allocation, so that a sanitizer sees every byte too many */
	uint8_t *content = g_malloc0(16 + 8 + 16 + 3);
	struct vht_meta first = { .type = VHT_META_ENV, .size = 5, .arg = 1 };
	struct vht_meta second = { .type = VHT_META_TASKS, .size = 3, .arg = 2 };
	struct record_cursor cursor;
	struct meta_record record;

	memcpy(content, &first, sizeof(first));
	memcpy(content + 16, "a=b\nc", 5);
	memcpy(content + 24, &second, sizeof(second));
	memcpy(content + 40, "xyz", 3);

	record_cursor_init(&cursor, content, 43);
	ok(record_next_meta(&cursor, &record) && record.type == VHT_META_ENV && record.arg == 1 &&
	   record.size == 5 && !memcmp(record.payload, "a=b\nc", 5), "first record");
	ok(record_next_meta(&cursor, &record) && record.type == VHT_META_TASKS &&
	   record.size == 3 && !memcmp(record.payload, "xyz", 3),
	   "second record, 8-aligned, its padding cut off");
	ok(!record_next_meta(&cursor, &record) && cursor.left == 0, "the end, nothing left");

	record_cursor_init(&cursor, content, 42);
	ok(record_next_meta(&cursor, &record) && !record_next_meta(&cursor, &record) &&
	   cursor.left == 18, "a record that is cut off is not given out");
	first.size = 0xffffffff;
	memcpy(content, &first, sizeof(first));
	record_cursor_init(&cursor, content, 43);
	ok(!record_next_meta(&cursor, &record) && cursor.left == 43, "a size that lies");
	first.size = 28;
	memcpy(content, &first, sizeof(first));
	record_cursor_init(&cursor, content, 43);
	ok(!record_next_meta(&cursor, &record), "a size that is one too large");
	record_cursor_init(&cursor, content, 15);
	ok(!record_next_meta(&cursor, &record) && cursor.left == 15, "less than a header");
	record_cursor_init(&cursor, NULL, 0);
	ok(!record_next_meta(&cursor, &record), "nothing");
	g_free(content);
}

static void test_fixed(void)
{
	struct vht_vmm_event raw_event = {
		.mono_ns = 1, .counter = 2, .type = VHT_VMM_RESET, .epoch = 3, .arg = 4,
	};
	struct vht_clock_record raw_clock = {
		.mono_ns = 1, .counter = 2, .counter_hz = 3, .error_ns = 4, .kind = 5,
		.reason = 6, .cpu = 7, .epoch = 8, .offset = 9, .scale = 10,
	};
	struct vht_heartbeat raw_beats[2] = { { 1, 2 }, { 3, 4 } };
	struct record_cursor cursor;
	struct clock_record record;
	struct heartbeat beat;
	struct vmm_event event;

	memset(raw_event.text, 'x', sizeof(raw_event.text));
	raw_event.text[0] = '\033';
	record_cursor_init(&cursor, &raw_event, sizeof(raw_event));
	ok(record_next_vmm(&cursor, &event) && event.mono_ns == 1 && event.counter == 2 &&
	   event.type == VHT_VMM_RESET && event.epoch == 3 && event.arg == 4, "a VM event");
	ok(strlen(event.text) == 96 && event.text[0] == '?' && event.text[1] == 'x',
	   "a text without NUL ends; an escape is made harmless");
	record_cursor_init(&cursor, &raw_event, sizeof(raw_event) - 1);
	ok(!record_next_vmm(&cursor, &event), "a VM event cut off");

	record_cursor_init(&cursor, &raw_clock, sizeof(raw_clock));
	ok(record_next_clock(&cursor, &record) && record.mono_ns == 1 && record.counter == 2 &&
	   record.counter_hz == 3 && record.error_ns == 4 && record.kind == 5 &&
	   record.reason == 6 && record.cpu == 7 && record.epoch == 8 && record.offset == 9 &&
	   record.scale == 10 && !record_next_clock(&cursor, &record), "a clock record");

	record_cursor_init(&cursor, raw_beats, sizeof(raw_beats) - 1);
	ok(record_next_heartbeat(&cursor, &beat) && beat.number == 1 && beat.counter == 2 &&
	   !record_next_heartbeat(&cursor, &beat) && cursor.left == 15,
	   "heartbeats, the last one cut off");
}

static void test_words(void)
{
	uint32_t type;
	bool all = true;

	for (type = VHT_VMM_CREATED; type <= VHT_VMM_ENDED; type++)
		all &= strcmp(vmm_event_word(type), "unknown") != 0;
	ok(all, "every kind of VM event has a word");
	ok(!strcmp(vmm_event_word(0), "unknown") && !strcmp(vmm_event_word(UINT32_MAX), "unknown"),
	   "others have not");
}

int main(void)
{
	test_meta();
	test_fixed();
	test_words();
	return tap_done();
}
