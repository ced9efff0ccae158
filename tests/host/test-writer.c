// SPDX-License-Identifier: GPL-2.0-only
/* Writing recordings: what is written stays whole, and is gone on with. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "recording/reader.h"
#include "recording/writer.h"
#include "scratch.h"
#include "tap.h"

static const struct region_host host = {
	.name = "my vm/1", .vmm = "test", .pid = 7, .start_real_ns = 5, .region_size = 4194304,
};

static const struct stream_entry entry = {
	.id = 33, .source = VHT_SOURCE_FTRACE, .cpu = 0, .name = "hyper/trace",
};

static GByteArray *packets(uint64_t first, uint64_t count)
{
	GByteArray *bytes = g_byte_array_new();
	uint64_t i;

	for (i = 0; i < count; i++) {
		struct packet_header header = {
			.header_size = 128, .type = VHT_PACKET_FTRACE, .stream_id = 33,
			.sequence = first + i, .packet_size = 256, .content_size = 100,
			.events = first + i + 1,
		};
		uint8_t raw[256] = { 0 };

		packet_build(&header, (void *)raw);
		g_byte_array_append(bytes, raw, sizeof(raw));
	}
	return bytes;
}

static bool append(struct writer_stream *stream, uint64_t first, uint64_t count, GError **error)
{
	g_autoptr(GByteArray) bytes = packets(first, count);

	return writer_stream_append(stream, bytes->data, bytes->len, error);
}

static void test_new(const char *path)
{
	g_autofree char *file = g_build_filename(path, "my_vm_1", "1.2",
						 "ftrace.hyper_trace-cpu0", NULL);
	GError *error = NULL;
	struct writer *writer = writer_new(path, &error);
	struct writer_vm *vm;
	struct writer_stream *stream;
	struct recording *rec;
	struct stat st;

	ok(writer != NULL, "a new recording");
	vm = writer_vm_new(writer, &host, &error);
	ok(vm && !strcmp(writer_vm_dir_name(vm), "my_vm_1"), "a VM's name becomes a safe one");
	stream = writer_stream_new(vm, 1, 2, &entry, &error);
	ok(stream && !strcmp(stream->path, file) && !stream->is_continued, "a stream's file");
	ok(writer_stream_put_state(stream, &entry, 1, 2, &error) && append(stream, 0, 3, &error) &&
	   stream->sequence == 3, "packets are written");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700 && stat(file, &st) == 0 &&
	   (st.st_mode & 0777) == 0600, "for nobody else's eyes");
	writer_set_lost(writer, "streams_damaged", 2);
	ok(writer_complete(writer, &error), "complete");
	writer_stream_free(stream);
	writer_vm_free(vm);
	writer_free(writer);

	rec = recording_open(path, &error);
	ok(rec && rec->complete && rec->vms->len == 1 && rec->damaged_streams == 2 &&
	   rec->end_mono_ns >= rec->start_mono_ns, "the reader opens it");
	recording_free(rec);
}

/* What a driver said of its end is in the recording, and no stream of it. */
static void test_end(const char *path)
{
	static const struct guest_end ends[] = {
		{ VHT_END_PANIC, VHT_STAGE_NOTIFIED, 12345678901234567890ULL, "a = [b]; c " },
		{ VHT_END_KEXEC, VHT_STAGE_DEVICES_DOWN, 1, "kexec reboot" },
		{ 4711, UINT32_MAX, 0, "" },
	};
	const struct recording_generation *gen;
	struct writer *writer = writer_new(path, NULL);
	struct writer_vm *vm = writer_vm_new(writer, &host, NULL);
	char word[END_WORD_SIZE];
	struct recording *rec;
	guint streams;
	size_t i;

	rec = recording_open(path, NULL);
	gen = ((struct recording_vm *)rec->vms->pdata[0])->generations->pdata[0];
	streams = gen->streams->len;
	ok(gen->end.reason == VHT_END_NONE, "a driver that said nothing of an end");
	recording_free(rec);
	for (i = 0; i < G_N_ELEMENTS(ends); i++) {
		ok(writer_vm_put_end(vm, 1, 2, &ends[i], NULL), "an end is written: %s",
		   end_reason_word(ends[i].reason, word));
		rec = recording_open(path, NULL);
		gen = ((struct recording_vm *)rec->vms->pdata[0])->generations->pdata[0];
		ok(gen->end.reason == ends[i].reason && gen->end.stage == ends[i].stage &&
		   gen->end.counter == ends[i].counter && !strcmp(gen->end.text, ends[i].text),
		   "and read: %s", gen->end.text);
		ok(gen->streams->len == streams, "and is no stream");
		recording_free(rec);
	}
	ok(end_reason_parse("") == VHT_END_NONE && end_reason_parse("-1") == VHT_END_NONE &&
	   end_reason_parse("7x") == VHT_END_NONE && end_reason_parse("99999999999") == VHT_END_NONE,
	   "no reasons at all");
	writer_vm_free(vm);
	writer_free(writer);
}

/* As a recorder leaves it that was killed in the middle of a write. */
static void test_continue(const char *path)
{
	g_autofree char *file = g_build_filename(path, "my_vm_1", "1.2",
						 "ftrace.hyper_trace-cpu0", NULL);
	g_autoptr(GByteArray) torn = packets(3, 1);
	int fd = open(file, O_WRONLY | O_APPEND);
	GError *error = NULL;
	struct writer *writer;
	struct writer_vm *vm;
	struct writer_stream *stream;
	struct recording *rec;
	struct recording_stream *read;
	struct recording_cursor cursor;
	struct recording_packet packet;
	uint64_t count = 0, wrong = 0;
	struct stat st;

	assert(write(fd, torn->data, 200) == 200);
	close(fd);
	writer = writer_new(path, &error);
	ok(writer != NULL, "[H3] a recording is gone on with");
	rec = recording_open(path, &error);
	ok(rec && !rec->complete, "and no longer complete");
	recording_free(rec);
	vm = writer_vm_new(writer, &host, &error);
	ok(vm && !strcmp(writer_vm_dir_name(vm), "my_vm_1"), "the same VM has the same directory");
	stream = writer_stream_new(vm, 1, 2, &entry, &error);
	ok(stream && stream->is_continued && stream->sequence == 3 && stream->size == 4 * 256 &&
	   stream->state.events == 3, "its stream goes on behind the last whole packet");
	ok(stat(file, &st) == 0 && st.st_size == 4 * 256, "and the torn tail is cut off");
	ok(append(stream, 3, 2, &error), "more packets");
	writer_stream_free(stream);
	writer_vm_free(vm);
	writer_free(writer);

	read = recording_stream_open(file, &error);
	recording_cursor_init(&cursor, read);
	while (recording_cursor_next(&cursor, &packet)) {
		count += packet.header.type == VHT_PACKET_FTRACE;
		wrong += packet.missing + packet.is_step_back;
	}
	ok(count == 5 && !wrong && cursor.end == PACKET_OK, "no packet twice, none lost");
	recording_stream_free(read);
}

static void test_identity(const char *path)
{
	struct region_host other = host, dots = host;
	struct stream_entry other_entry = entry;
	GError *error = NULL;
	struct writer *writer = writer_new(path, &error);
	struct writer_vm *first, *vm;
	struct writer_stream *stream;
	pid_t child;
	int status;

	other.pid = 8;
	vm = writer_vm_new(writer, &other, &error);
	ok(vm && !strcmp(writer_vm_dir_name(vm), "my_vm_1.2"),
	   "another VM of the same name has another directory");
	writer_vm_free(vm);
	vm = writer_vm_new(writer, &other, &error);
	ok(vm && !strcmp(writer_vm_dir_name(vm), "my_vm_1.2"), "and finds it again");
	writer_vm_free(vm);
	strcpy(dots.name, "..");
	vm = writer_vm_new(writer, &dots, &error);
	ok(vm && !strcmp(writer_vm_dir_name(vm), "_."), "a VM named .. stays inside");
	writer_vm_free(vm);
	dots.name[0] = '\0';
	vm = writer_vm_new(writer, &dots, &error);
	ok(vm && !strcmp(writer_vm_dir_name(vm), "vm"), "a VM without a name gets one");
	writer_vm_free(vm);
	strcpy(dots.name, "recording.ini");
	vm = writer_vm_new(writer, &dots, &error);
	ok(vm && !strcmp(writer_vm_dir_name(vm), "recording.ini.2"),
	   "a VM named as our own file does no harm");
	writer_vm_free(vm);

	first = writer_vm_new(writer, &host, &error);
	other_entry.id = 34;
	stream = writer_stream_new(first, 1, 2, &other_entry, &error);
	ok(!stream, "two streams that claim the same file");
	ok_error(&error, HT_ERROR_FORMAT, "do not share it");
	writer_vm_free(first);

	child = fork();
	if (child == 0) {
		struct writer *second = writer_new(path, &error);

		_exit(second ? 1 : error->code == HT_ERROR_BUSY &&
			   strstr(error->message, "pid=") &&
			   atoi(strstr(error->message, "pid=") + 4) == getppid() ? 0 : 2);
	}
	assert(waitpid(child, &status, 0) == child);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	   "a second recorder is refused with the first one's pid");
	writer_free(writer);
}

static void test_refusals(void)
{
	g_autofree char *junk = scratch_path("junk"), *file = scratch_path("junk/file");
	g_autofree char *left = scratch_path("left"), *deep = scratch_path("a/b");
	GError *error = NULL;
	struct writer *writer;

	scratch_put("junk/file", "x", 1);
	ok(!writer_new(junk, &error), "a directory with other things in it");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	ok(!writer_new(file, &error), "a file");
	ok_error(&error, HT_ERROR_FAILED, "is refused");
	ok(!writer_new(deep, &error), "a directory without a parent");
	ok_error(&error, HT_ERROR_FAILED, "is refused");
	scratch_put("junk/recording.ini", "[recording]\nversion=2\n", -1);
	ok(!writer_new(junk, &error), "a recording of another version");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	scratch_put("left/recording.ini.A1B2C3", "[rec", -1);
	writer = writer_new(left, &error);
	ok(writer != NULL, "what a recorder left that was killed at its start is no obstacle");
	writer_free(writer);
}

/* A limit on the file's size stands for a full disk. */
static void test_full(void)
{
	g_autofree char *path = scratch_path("full");
	struct rlimit limit, small;
	bool is_written;
	GError *error = NULL;
	struct writer *writer = writer_new(path, &error);
	struct writer_vm *vm = writer_vm_new(writer, &host, &error);
	struct writer_stream *stream = writer_stream_new(vm, 1, 2, &entry, &error);
	struct stat st;

	assert(append(stream, 0, 3, &error));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 4 * 256 + 100;
	/* the limit holds for the file that our own output goes to as well */
	fflush(stdout);
	setrlimit(RLIMIT_FSIZE, &small);
	is_written = append(stream, 3, 4, &error);
	setrlimit(RLIMIT_FSIZE, &limit);
	ok(!is_written, "a write that fails in the middle");
	ok_error(&error, HT_ERROR_FAILED, "is told");
	ok(stat(stream->path, &st) == 0 && st.st_size == 3 * 256 && stream->sequence == 3,
	   "and leaves whole packets");
	ok(append(stream, 3, 4, &error) && stat(stream->path, &st) == 0 && st.st_size == 7 * 256,
	   "when there is room again it goes on");
	writer_stream_free(stream);
	writer_vm_free(vm);
	writer_free(writer);
}

/* Changes a value in a key file. */
static void set_value(const char *path, const char *group, const char *key, const char *value)
{
	g_autoptr(GKeyFile) file = g_key_file_new();

	assert(g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL));
	g_key_file_set_string(file, group, key, value);
	assert(g_key_file_save_to_file(file, path, NULL));
}

static void test_host(void)
{
	g_autofree char *path = scratch_path("with-host"), *none = scratch_path("not-yet");
	g_autofree char *host_ini = g_build_filename(path, "@host", "host.ini", NULL);
	g_autofree char *ini = g_build_filename(path, "recording.ini", NULL);
	g_autofree char *before = NULL, *after = NULL;
	uint32_t first = 0, second = 0, third = 0;
	GError *error = NULL;
	struct writer *writer;
	struct writer_vm *vm;
	struct recording *rec;

	ok(writer_check_boot(none, &error) && !g_file_test(none, G_FILE_TEST_EXISTS),
	   "the host can be recorded to where nothing is");
	writer = writer_new(path, &error);
	vm = writer_host_new(writer, &first, &error);
	ok(vm && first == 1 && !strcmp(writer_vm_dir_name(vm), "@host"), "the host's directory");
	writer_vm_free(vm);
	vm = writer_host_new(writer, &second, &error);
	ok(vm && second == 2, "another run gets another number");
	writer_vm_free(vm);
	writer_complete(writer, &error);
	writer_free(writer);

	rec = recording_open(path, &error);
	ok(rec && rec->vms->len == 1 && ((struct recording_vm *)rec->vms->pdata[0])->is_host &&
	   ((struct recording_vm *)rec->vms->pdata[0])->name[0] &&
	   ((struct recording_vm *)rec->vms->pdata[0])->generations->len == 2,
	   "a reader finds the host with both runs");
	recording_free(rec);

	set_value(host_ini, "host", "boot_id", "another");
	writer = writer_new(path, &error);
	vm = writer_host_new(writer, &third, &error);
	ok(!vm && !third, "a host's directory of another boot");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	writer_complete(writer, &error);
	writer_free(writer);

	set_value(ini, "recording", "boot_id", "another");
	assert(g_file_get_contents(ini, &before, NULL, NULL));
	ok(!writer_check_boot(path, &error), "a recording of another boot");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	assert(g_file_get_contents(ini, &after, NULL, NULL));
	ok(!strcmp(before, after), "before anything in it is changed");
	writer = writer_new(path, &error);
	ok(writer, "VMs can be recorded to it as before");
	vm = writer_host_new(writer, &third, &error);
	ok(!vm, "the host cannot");
	ok_error(&error, HT_ERROR_FORMAT, "which is told");
	writer_free(writer);
}

int main(void)
{
	g_autofree char *path = NULL;

	scratch_init();
	path = scratch_path("rec");
	test_new(path);
	test_end(path);
	test_continue(path);
	test_identity(path);
	test_refusals();
	test_full();
	test_host();
	return tap_done();
}
