// SPDX-License-Identifier: GPL-2.0-only
/* What check says of a stream file: each defect is found, and a good file has none. */
#include <string.h>

#include "recording/audit.h"
#include "tap.h"

static GByteArray *file;
static struct packet_header next;

static void begin_with(uint64_t lost_before)
{
	struct stream_entry entry = {
		.id = 33, .source = VHT_SOURCE_HEARTBEAT, .cpu = 0, .events_lost = lost_before,
	};
	struct packet_header header = {
		.header_size = 128, .type = VHT_PACKET_STATE, .stream_id = 33, .epoch = 1,
		.generation = 1, .packet_size = 256, .content_size = 128,
	};
	uint8_t raw[256];

	g_byte_array_set_size(file, 0);
	packet_build(&header, (void *)raw);
	stream_entry_build(&entry, (void *)(raw + 128));
	g_byte_array_append(file, raw, sizeof(raw));
	next = (struct packet_header) {
		.header_size = 128, .type = VHT_PACKET_HEARTBEAT, .stream_id = 33, .epoch = 1,
		.generation = 1, .packet_size = 256, .content_size = 64,
		.events_discarded = lost_before, .timestamp_begin = 10, .timestamp_end = 20,
	};
}

static void begin(void)
{
	begin_with(0);
}

/* Appends a packet with four heartbeats from @first on; then @next is the next one's header. */
static void put(uint64_t first)
{
	uint8_t raw[256] = { 0 };
	struct vht_heartbeat *beats = (void *)(raw + 128);
	int i;

	next.events += 4;
	packet_build(&next, (void *)raw);
	for (i = 0; i < 4; i++)
		beats[i].number = first + i;
	g_byte_array_append(file, raw, sizeof(raw));
	next.sequence++;
}

static struct audit_stream *look(void)
{
	struct recording_stream stream = { .data = file->data, .size = file->len };

	recording_stream_scan(&stream);
	return audit_stream(&stream, 1, 1);
}

/* A file of three packets, changed by @change before the last is put. */
#define DEFECT(change, text) do {					\
	struct audit_stream *found;					\
	begin();							\
	put(0);								\
	put(4);								\
	change;								\
	put(8);								\
	found = look();							\
	ok(found->defect_count >= 1 && found->defects->len >= 1 &&	\
	   strstr(found->defects->pdata[0], text), "%s: %s", #change,	\
	   found->defects->len ? (char *)found->defects->pdata[0] : "nothing found"); \
	audit_stream_free(found);					\
} while (0)

static void test_must_be_closed(void)
{
	struct recording_generation gens[] = {
		{ .epoch = 1, .generation = 1 }, { .epoch = 1, .generation = 2 },
		{ .epoch = 2, .generation = 1 },
	};
	struct recording_vm vm = { .generations = g_ptr_array_new() };
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(gens); i++)
		g_ptr_array_add(vm.generations, &gens[i]);
	ok(audit_must_be_closed(&vm, &gens[0]), "a driver that was replaced has said goodbye");
	ok(!audit_must_be_closed(&vm, &gens[1]), "one that a reset ended has not");
	ok(!audit_must_be_closed(&vm, &gens[2]), "nor has the last one");
	gens[0].end.reason = VHT_END_KEXEC;
	ok(!audit_must_be_closed(&vm, &gens[0]), "nor one that another kernel replaced");
	g_ptr_array_unref(vm.generations);
}

int main(void)
{
	struct audit_stream *found;
	unsigned int i;

	file = g_byte_array_new();
	begin();
	put(0);
	put(4);
	put(8);
	found = look();
	ok(!found->defect_count && !audit_has_loss(found) && found->packets == 3 &&
	   found->events == 12 && found->has_all_events && found->heartbeats == 12 &&
	   !found->heartbeat_gaps && !found->lost && !found->is_closed, "a good file");
	audit_stream_free(found);

	DEFECT(next.sequence = 0, "sequence goes back");
	DEFECT(next.stream_id = 34, "packet of stream 34");
	DEFECT(next.epoch = 2, "packet of epoch 2");
	DEFECT(next.generation = 2, "driver 2");
	DEFECT(next.events = 1, "events go back");
	DEFECT(next.events_discarded = 7; put(20); next.events_discarded = 4,
	       "lost events go back");
	DEFECT(next.timestamp_begin = 30, "ends before it begins");
	DEFECT(next.content_size = 60, "no whole records");
	DEFECT(next.type = VHT_PACKET_PAD, "pad");
	DEFECT(next.flags = VHT_PACKET_LAST; put(8); next.flags = 0, "after the stream was closed");
	DEFECT(put(2), "heartbeat 2 after 7");
	DEFECT(next.events = 20, "heartbeats, but the packets say");
	DEFECT(g_byte_array_append(file, (const uint8_t *)"junk", 4),
	       "not understood");

	begin();
	put(0);
	next.sequence += 3;
	put(20);
	found = look();
	ok(found->missing == 3 && audit_has_loss(found) && !found->has_all_events &&
	   found->heartbeat_gaps == 16 && !found->defect_count, "missing packets are a loss");
	audit_stream_free(found);

	begin();
	next.sequence = 7;
	put(0);
	put(4);
	found = look();
	ok(found->before == 7 && !found->missing && audit_has_loss(found) && !found->has_all_events &&
	   found->events == 4, "so are those from before the recording, but they are told apart");
	audit_stream_free(found);

	begin();
	put(0);
	next.events_discarded = 9;
	put(8);
	found = look();
	ok(found->lost == 9 && !found->lost_before && audit_has_loss(found) &&
	   found->total_events == 8 && !found->defect_count, "lost events are a loss");
	audit_stream_free(found);

	begin_with(5);
	put(0);
	next.events_discarded = 9;
	put(8);
	found = look();
	ok(found->lost == 9 && found->lost_before == 5 && !found->defect_count,
	   "those from before the recording are told apart");
	audit_stream_free(found);

	begin();
	put(0);
	next.flags = VHT_PACKET_LAST;
	put(40);
	found = look();
	ok(found->is_closed && found->defect_count == 1,
	   "[S7] in a closed stream written is events plus lost: %s",
	   found->defects->len ? (char *)found->defects->pdata[0] : "nothing found");
	audit_stream_free(found);

	begin();
	put(0);
	g_byte_array_set_size(file, file->len - 100);
	found = look();
	ok(found->torn_bytes == 156 && !found->unknown_bytes && found->defect_count,
	   "a torn tail");
	audit_stream_free(found);

	begin();
	for (i = 0; i < 100; i++) {
		next.stream_id = 40;
		put(i * 4);
	}
	found = look();
	ok(found->defect_count == 100 && found->defects->len <= 8,
	   "all defects are counted, some are told");
	audit_stream_free(found);
	g_byte_array_unref(file);
	test_must_be_closed();
	return tap_done();
}
