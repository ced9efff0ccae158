// SPDX-License-Identifier: GPL-2.0-only
/* Reading recordings (docs/specs/recording.md): whole ones, torn ones, and what is none. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "recording/reader.h"
#include "scratch.h"
#include "tap.h"

/* Appends a packet whose content is @size bytes of @content. */
static void put(GByteArray *file, uint32_t type, uint64_t sequence, const void *content,
		uint64_t size)
{
	struct packet_header header = {
		.header_size = 128, .type = type, .stream_id = 33, .cpu = 2, .epoch = 1,
		.generation = 1, .sequence = sequence,
		.packet_size = (128 + size + 127) & ~127ULL, .content_size = size,
	};
	struct vht_packet raw;
	guint start = file->len;

	packet_build(&header, &raw);
	g_byte_array_set_size(file, start + (guint)header.packet_size);
	memset(file->data + start, 0, header.packet_size);
	memcpy(file->data + start, &raw, sizeof(raw));
	if (size)
		memcpy(file->data + start + sizeof(raw), content, size);
}

static void put_state(GByteArray *file, uint64_t lost)
{
	struct stream_entry entry = {
		.id = 33, .source = VHT_SOURCE_FTRACE, .cpu = 2, .clock = VHT_CLOCK_SOURCE,
		.name = "hypertrace", .events_lost = lost,
	};
	struct vht_stream raw;

	stream_entry_build(&entry, &raw);
	put(file, VHT_PACKET_STATE, 0, &raw, sizeof(raw));
}

static struct recording *reopen(GError **error)
{
	return recording_open(scratch_dir, error);
}

static void test_refusals(void)
{
	g_autofree char *none = scratch_path("none");
	GError *error = NULL;

	ok(!recording_open(none, &error), "a path without a directory");
	ok_error(&error, HT_ERROR_NOT_FOUND, "is not found");
	ok(!reopen(&error), "a directory without recording.ini");
	ok_error(&error, HT_ERROR_NOT_FOUND, "is no recording");
	scratch_put("recording.ini", "no key file", -1);
	ok(!reopen(&error), "a recording.ini that is no key file");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	scratch_put("recording.ini", "[other]\nversion=1\n", -1);
	ok(!reopen(&error), "one without our group");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	scratch_put("recording.ini", "[recording]\nversion=2\n", -1);
	ok(!reopen(&error), "another version");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	scratch_put("recording.ini", "[recording]\nversion=1\nnew=x\n[more]\na=b\n", -1);
	scratch_put("vm/vm.ini", "junk\n", -1);
	ok(!reopen(&error), "a damaged vm.ini");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
}

static void test_tree(void)
{
	g_autoptr(GByteArray) file = g_byte_array_new();
	struct recording *rec;
	struct recording_vm *vm;
	struct recording_generation *gen;
	GError *error = NULL;

	scratch_put("recording.ini",
		    "[recording]\nversion=1\ntool=t\nhostname=h\nrelease=r\nstart_mono_ns=5\n"
		    "start_real_ns=6\nend_mono_ns=7\ncomplete=true\nnew=x\n"
		    "[lost]\nstreams_damaged=3\n[more]\na=b\n", -1);
	scratch_put("vm/vm.ini",
		    "[vm]\nname=a vm\nuuid=u\nvmm=QEMU\npid=9\ncounter_kind=1\ncounter_hz=1000\n"
		    "region_size=4194304\nstart_mono_ns=1\nstart_real_ns=2\n", -1);
	put_state(file, 4);
	put(file, VHT_PACKET_FTRACE, 0, "abc", 3);
	scratch_put("vm/1.1/ftrace.hypertrace-cpu10", file->data, file->len);
	scratch_put("vm/1.1/ftrace.hypertrace-cpu2", file->data, file->len);
	scratch_put("vm/1.1/metadata", "", 0);
	scratch_put("vm/2.1/heartbeat-cpu0", "", 0);
	scratch_put("vm/10.1/heartbeat-cpu0", "", 0);
	scratch_put("vm/vmm", "", 0);
	scratch_put("vm/notes.txt", "x", 1);
	scratch_put("vm/1.x/junk", "x", 1);
	scratch_put("not-a-vm/file", "x", 1);

	rec = reopen(&error);
	ok(rec && rec->vms->len == 1, "a recording opens; what is none of it is left alone");
	assert(rec);
	ok(!strcmp(rec->tool, "t") && !strcmp(rec->hostname, "h") && !strcmp(rec->release, "r") &&
	   rec->start_mono_ns == 5 && rec->start_real_ns == 6 && rec->end_mono_ns == 7 &&
	   rec->complete && rec->damaged_streams == 3, "recording.ini is read");
	vm = rec->vms->pdata[0];
	ok(!strcmp(vm->name, "a vm") && !strcmp(vm->dir_name, "vm") && vm->pid == 9 &&
	   vm->counter_kind == 1 && vm->counter_hz == 1000 && vm->region_size == 4194304 &&
	   vm->start_mono_ns == 1 && vm->start_real_ns == 2 && vm->vmm_stream, "vm.ini is read");
	ok(vm->generations->len == 3, "three drivers' lives");
	gen = vm->generations->pdata[2];
	ok(gen->epoch == 10 && gen->generation == 1, "in order of their numbers");
	gen = vm->generations->pdata[0];
	ok(gen->epoch == 1 && gen->streams->len == 3 && gen->metadata, "with their streams");
	ok(((struct recording_stream *)gen->streams->pdata[0])->cpu == 2 &&
	   !strcmp(((struct recording_stream *)gen->streams->pdata[0])->file_name,
		   "ftrace.hypertrace-cpu2"), "cpu2 before cpu10");
	ok(((struct recording_stream *)gen->streams->pdata[0])->has_state &&
	   ((struct recording_stream *)gen->streams->pdata[0])->source == VHT_SOURCE_FTRACE &&
	   !strcmp(((struct recording_stream *)gen->streams->pdata[0])->first_state.name,
		   "hypertrace"), "the state packet tells what a stream is");
	recording_free(rec);
}

static void test_fifo(void)
{
	g_autofree char *path = scratch_path("vm/1.1/fifo");
	GError *error = NULL;

	assert(mkfifo(path, 0600) == 0);
	ok(!reopen(&error), "a FIFO in place of a stream file does not hang the reader");
	ok_error(&error, HT_ERROR_FORMAT, "and is refused");
	remove(path);
}

static void test_packets(void)
{
	g_autoptr(GByteArray) file = g_byte_array_new();
	struct recording_stream stream = { 0 };
	struct recording_cursor cursor;
	struct recording_packet packet;
	struct stream_entry entry;

	put_state(file, 4);
	put(file, VHT_PACKET_FTRACE, 10, "a", 1);
	put(file, VHT_PACKET_FTRACE, 11, "b", 1);
	put_state(file, 5);
	put(file, VHT_PACKET_FTRACE, 14, "c", 1);
	put(file, VHT_PACKET_FTRACE, 12, "d", 1);
	put(file, VHT_PACKET_FTRACE, 15, "e", 1);
	put(file, 0xfff, 16, "new kind", 8);
	stream.data = file->data;
	stream.size = file->len;
	recording_stream_scan(&stream);
	ok(stream.first_state.events_lost == 4 && stream.last_state.events_lost == 5,
	   "first and last state");

	recording_cursor_init(&cursor, &stream);
	ok(recording_cursor_next(&cursor, &packet) && packet.header.type == VHT_PACKET_STATE &&
	   recording_packet_state(&packet, &entry) && entry.id == 33, "a state packet");
	ok(recording_cursor_next(&cursor, &packet) && packet.is_first && packet.missing == 10 &&
	   packet.offset == 256 + 0 && packet.content[0] == 'a' &&
	   !recording_packet_state(&packet, &entry), "the first packet: 10 were overwritten before");
	ok(recording_cursor_next(&cursor, &packet) && !packet.is_first && packet.missing == 0,
	   "the next one");
	ok(recording_cursor_next(&cursor, &packet) && packet.missing == 0 && !packet.is_step_back,
	   "a state packet takes no number");
	ok(recording_cursor_next(&cursor, &packet) && packet.missing == 2, "two missing");
	ok(recording_cursor_next(&cursor, &packet) && packet.is_step_back && packet.missing == 0,
	   "a step back");
	ok(recording_cursor_next(&cursor, &packet) && packet.missing == 0 && !packet.is_step_back,
	   "and on from the highest number");
	ok(recording_cursor_next(&cursor, &packet) && packet.header.type == 0xfff,
	   "a packet of an unknown type is one");
	ok(!recording_cursor_next(&cursor, &packet) && cursor.end == PACKET_OK &&
	   recording_cursor_rest(&cursor) == 0, "the end");

	stream.size = file->len - 1;
	recording_cursor_init(&cursor, &stream);
	while (recording_cursor_next(&cursor, &packet))
		;
	ok(cursor.end == PACKET_SHORT && recording_cursor_rest(&cursor) == 255,
	   "a torn tail is told in bytes");
	file->data[512] ^= 1;
	recording_cursor_init(&cursor, &stream);
	while (recording_cursor_next(&cursor, &packet))
		;
	ok(cursor.end == PACKET_BAD_MAGIC && cursor.offset == 512,
	   "the first packet that is none ends the file");
}

static void test_records(void)
{
	g_autoptr(GByteArray) file = g_byte_array_new();
	struct recording_stream stream = { 0 };
	struct recording_generation gen = { .metadata = &stream };
	g_autofree char *release = NULL, *none = NULL, *page = NULL;
	struct recording_records it;
	struct meta_record record;
	struct vmm_event event;
	uint64_t count = 0;
	struct {
		struct vht_meta meta;
		char text[40];
	} first = { { VHT_META_ENV, 35, 0 }, "kernel.release=6.1\npage_size=4096\nx\n" },
	  second = { { VHT_META_ENV, 20, 0 }, "kernel.release=6.12\n" };

	put(file, VHT_PACKET_METADATA, 0, &first, sizeof(first));
	put(file, VHT_PACKET_CLOCK, 1, &first, sizeof(first));
	put(file, VHT_PACKET_METADATA, 2, &second, sizeof(second));
	put(file, VHT_PACKET_METADATA, 3, &second, 10);
	stream.data = file->data;
	stream.size = file->len;
	recording_records_init(&it, &stream);
	while (recording_next_meta(&it, &record))
		count += record.type == VHT_META_ENV;
	ok(count == 2, "metadata records of all packets of their type");
	ok(recording_records_skipped(&it) > 0, "what is no whole record is counted");
	release = recording_generation_env(&gen, "kernel.release");
	page = recording_generation_env(&gen, "page_size");
	none = recording_generation_env(&gen, "kernel");
	ok(!g_strcmp0(release, "6.12"), "the later value wins");
	ok(!g_strcmp0(page, "4096") && !none, "keys are compared whole");
	recording_records_init(&it, NULL);
	ok(!recording_next_vmm_event(&it, &event), "no stream, no events");
}

static void test_truncated(void)
{
	g_autofree char *path = scratch_path("cut");
	g_autoptr(GByteArray) file = g_byte_array_new();
	struct recording_stream *stream;
	struct recording_cursor cursor;
	struct recording_packet packet;
	static uint8_t content[8000];
	uint64_t count = 0, i;

	for (i = 0; i < 10; i++)
		put(file, VHT_PACKET_FTRACE, i, content, sizeof(content));
	scratch_put("cut", file->data, file->len);
	recording_survive_truncation();
	stream = recording_stream_open(path, NULL);
	assert(stream && truncate(path, 2 * 8192) == 0);
	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet))
		count++;
	ok(count == 2 && cursor.end == PACKET_BAD_MAGIC,
	   "a file cut off while it is read ends there, and not the program");
	recording_stream_free(stream);
}

int main(void)
{
	scratch_init();
	test_refusals();
	test_tree();
	test_fifo();
	test_packets();
	test_records();
	test_truncated();
	return tap_done();
}
