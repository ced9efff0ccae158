// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recording the host, as far as it needs no kernel: what is read of tracefs is
 * understood, streams and metadata records are what a reader takes. The rest is
 * proven on a kernel: tests/lab/host.t.
 */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "error.h"
#include "host/cpu.h"
#include "host/cpus.h"
#include "host/instance.h"
#include "host/records.h"
#include "host/stream.h"
#include "recording/audit.h"
#include "recording/reader.h"
#include "recording/writer.h"
#include "scratch.h"
#include "tap.h"

static void test_layout(void)
{
	static const char stock[] =
		"\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
		"\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
		"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
		"\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n";
	static const char narrow[] =
		"\tfield: local_t commit;\toffset:8;\tsize:4;\tsigned:1;\n"
		"\tfield: char data;\toffset:12;\tsize:16372;\tsigned:1;\n";
	static const char *const bad[] = {
		"", "field: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n",
		"field: local_t commit;\toffset:8;\tsize:8;\n"
		"field: char data;\toffset:16;\tsize:0;\n",
		"field: local_t commit;\toffset:8;\tsize:8;\n"
		"field: char data;\toffset:16;\tsize:99999999999;\n",
		"field: local_t commit;\toffset:8;\tsize:16;\n"
		"field: char data;\toffset:24;\tsize:4072;\n",
		"field: local_t commit;\toffset:4;\tsize:8;\n"
		"field: char data;\toffset:12;\tsize:4080;\n",
	};
	struct host_layout layout;
	size_t i;

	ok(host_layout_parse(stock, &layout) && layout.subbuf_size == 4096 &&
	   layout.long_size == 8, "events/header_page of a stock kernel");
	ok(host_layout_parse(narrow, &layout) && layout.subbuf_size == 16384 &&
	   layout.long_size == 4, "of one with long of 4 bytes and sub-buffers of 16 KiB");
	for (i = 0; i < G_N_ELEMENTS(bad); i++)
		ok(!host_layout_parse(bad[i], &layout), "something else is refused: %zu", i);
}

static const char available[] =
	"kvm:kvm_exit\nkvm:kvm_entry\nsched:sched_switch\nsched:sched_waking\n\nbroken\nirq:irq_handler_entry\n";

static bool selects(const char *globs, bool must_match, const char *expected)
{
	GError *error = NULL;
	g_autoptr(GPtrArray) events = host_events_match(available, globs, must_match, &error);
	g_autofree char *all = NULL;

	if (error)
		printf("# %s\n", error->message);
	g_clear_error(&error);
	if (!events || !expected)
		return !events && !expected;
	g_ptr_array_add(events, NULL);
	all = g_strjoinv(" ", (char **)events->pdata);
	printf("# %s\n", all);
	return !strcmp(all, expected);
}

static void test_events(void)
{
	ok(selects("sched:sched_switch", true, "sched:sched_switch"), "one event");
	ok(selects("kvm:*,irq", true, "kvm:kvm_exit kvm:kvm_entry irq:irq_handler_entry"),
	   "globs, and a system by its name");
	ok(selects(" *:*_entry , kvm:kvm_e* ", true, "kvm:kvm_entry irq:irq_handler_entry kvm:kvm_exit"),
	   "an event is selected once");
	ok(selects("sched:*,xen:*", true, NULL), "a glob that selects nothing is told");
	ok(selects("sched:*,xen:*", false, "sched:sched_switch sched:sched_waking"),
	   "or passed over, where that is the default's");
	ok(selects("xen:*", false, NULL), "but none at all is none");
	ok(selects("", true, NULL), "nothing selects nothing");
}

static void test_numbers(void)
{
	g_autoptr(GArray) cpus = host_cpus_parse("0-2,5,7-8\n");
	g_autoptr(GArray) none = host_cpus_parse("\n");
	g_autoptr(GArray) many = host_cpus_parse("0-4294967295");
	g_autoptr(GArray) wrong = host_cpus_parse("3,2-1,x,4");
	struct host_cpu_stats stats;

	ok(cpus->len == 6 && g_array_index(cpus, guint, 3) == 5 && g_array_index(cpus, guint, 5) == 8,
	   "a list of CPUs");
	ok(!none->len && many->len == HOST_MAX_CPUS && wrong->len == 1, "and what is none");
	host_cpu_stats_parse("entries: 56\noverrun: 42918\ncommit overrun: 2\nbytes: 2636\n"
			     "oldest event ts:   185.555265\nnow ts:   185.561783\n"
			     "dropped events: 3\nread events: 53144\n", &stats);
	ok(stats.entries == 56 && stats.lost == 42923 && stats.read == 53144,
	   "a CPU's statistics");
	host_cpu_stats_parse("", &stats);
	ok(!stats.entries && !stats.lost && !stats.read, "that say nothing");
}

/* A sub-buffer with one event for each number. */
static size_t make_subbuf(uint8_t *bytes, uint64_t time, unsigned int events)
{
	uint64_t header[2] = { time, 8 * events };
	unsigned int i;

	memcpy(bytes, header, sizeof(header));
	for (i = 0; i < events; i++) {
		uint32_t event[2] = { 1 | (1 << 5), i };

		memcpy(bytes + 16 + 8 * i, event, sizeof(event));
	}
	return 16 + 8 * events;
}

static const struct stream_entry cpu3 = {
	.id = HOST_STREAM_ID_CPU0 + 3, .source = VHT_SOURCE_FTRACE, .cpu = 3,
	.clock = VHT_CLOCK_HOST_MONOTONIC, .name = HOST_SOURCE_NAME,
};

static void put(struct host_stream *stream, uint64_t time, unsigned int events, uint32_t flags)
{
	const struct host_packet packet = {
		.type = VHT_PACKET_FTRACE, .flags = flags, .begin_ns = time, .end_ns = time + 99,
		.events = events,
	};
	uint8_t subbuf[4096];
	size_t size = make_subbuf(subbuf, time, events);

	host_stream_put(stream, &packet, subbuf, size);
}

static void test_stream(const char *path)
{
	GError *error = NULL;
	struct writer *writer = writer_new(path, &error);
	uint32_t generation;
	struct writer_vm *host = writer_host_new(writer, &generation, &error);
	struct host_stream *stream = host_stream_new(host, generation, &cpu3, &error);
	struct recording_stream *file;
	struct audit_stream *audit;
	struct tap_summary *summary;

	ok(stream && generation == 1, "a stream of the host");
	put(stream, 100, 3, 0);
	host_stream_set_lost(stream, 5);
	ok(host_stream_has_untold_loss(stream), "a loss");
	put(stream, 200, 2, VHT_PACKET_LOST_BEFORE);
	ok(host_stream_write(stream, &error) && !host_stream_has_untold_loss(stream),
	   "is told by the next packet");
	host_stream_set_lost(stream, 4);
	ok(stream->entry.events_lost == 5, "and never becomes less");
	host_stream_set_lost(stream, 7);
	put(stream, 300, 0, VHT_PACKET_LAST);
	ok(host_stream_write(stream, &error) && host_stream_put_state(stream, &error), "its end");
	summary = host_stream_summary(stream);
	ok(!strcmp(summary->name, "1.1/ftrace.hypertrace-cpu3") && summary->stats.events == 5 &&
	   summary->stats.lost == 7 && summary->stats.packets == 3, "its summary");
	g_free(summary->name);
	g_free(summary);

	file = recording_stream_open(stream->out->path, &error);
	audit = audit_stream(file, HOST_EPOCH, generation);
	ok(!audit->defect_count && audit->events == 5 && audit->lost == 7 && audit->packets == 3 &&
	   audit->is_closed && file->clock == VHT_CLOCK_HOST_MONOTONIC && file->cpu == 3,
	   "a reader finds all of it, and nothing wrong");
	audit_stream_free(audit);
	recording_stream_free(file);
	host_stream_free(stream);
	writer_vm_free(host);
	writer_free(writer);
}

static void test_full(const char *path)
{
	GError *error = NULL;
	struct writer *writer = writer_new(path, &error);
	uint32_t generation;
	struct writer_vm *host = writer_host_new(writer, &generation, &error);
	struct host_stream *stream = host_stream_new(host, generation, &cpu3, &error);
	struct recording_stream *file;
	struct audit_stream *audit;
	struct rlimit limit, small;
	bool is_written, is_quiet;

	assert(stream);
	put(stream, 100, 3, 0);
	assert(host_stream_write(stream, &error));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = stream->out->size + 300;
	fflush(stdout);
	setrlimit(RLIMIT_FSIZE, &small);
	put(stream, 200, 20, 0);
	put(stream, 300, 30, 0);
	is_written = host_stream_write(stream, &error);
	put(stream, 400, 40, 0);
	is_quiet = host_stream_write(stream, NULL);
	setrlimit(RLIMIT_FSIZE, &limit);
	ok(!is_written, "a write that has no room");
	ok_error(&error, HT_ERROR_FAILED, "is told");
	ok(is_quiet, "once");
	ok(stream->entry.events == 3 && stream->entry.events_lost == 90,
	   "what was not written is counted as lost");
	host_stream_set_lost(stream, 1000);
	ok(host_stream_put_state(stream, &error), "a state packet finds room");

	file = recording_stream_open(stream->out->path, &error);
	audit = audit_stream(file, HOST_EPOCH, generation);
	ok(!audit->defect_count && audit->events == 3 && audit->lost == 1090,
	   "and says what is missing, the kernel's losses too");
	audit_stream_free(audit);
	recording_stream_free(file);
	host_stream_free(stream);
	writer_vm_free(host);
	writer_free(writer);
}

static void test_records(const char *path)
{
	static const struct stream_entry entry = {
		.id = HOST_STREAM_ID_METADATA, .source = VHT_SOURCE_METADATA, .cpu = VHT_CPU_NONE,
		.clock = VHT_CLOCK_HOST_MONOTONIC, .name = "metadata",
	};
	g_autofree char *big = g_strnfill(HOST_RECORDS_SIZE - 24, 'x');
	g_autofree char *huge = g_strnfill(HOST_RECORDS_SIZE, 'y');
	uint64_t lines = 0, bigs = 0, others = 0, begins = 0, i;
	GError *error = NULL;
	struct writer *writer = writer_new(path, &error);
	uint32_t generation;
	struct writer_vm *host = writer_host_new(writer, &generation, &error);
	struct host_stream *stream = host_stream_new(host, generation, &entry, &error);
	struct host_records records;
	struct recording_records it;
	struct recording_stream *file;
	struct meta_record record;
	const char *c;

	assert(stream);
	host_records_init(&records, stream);
	host_records_add(&records, VHT_META_BEGIN, 1, NULL, 0);
	for (i = 0; i < 20000; i++) {
		g_autofree char *line = g_strdup_printf("%" G_GUINT64_FORMAT " name", i);

		host_records_add_line(&records, VHT_META_TASKS, line, strlen(line));
	}
	host_records_add(&records, VHT_META_FORMAT, 0, big, strlen(big));
	host_records_add(&records, VHT_META_FORMAT, 0, huge, strlen(huge));
	host_records_add_line(&records, VHT_META_TASKS, huge, strlen(huge));
	host_records_add_line(&records, VHT_META_ENV, "a=b", 3);
	host_records_add(&records, VHT_META_COMPLETE, 1, NULL, 0);
	host_records_flush(&records);
	host_records_fini(&records);
	ok(host_stream_write(stream, &error), "records of metadata");

	file = recording_stream_open(stream->out->path, &error);
	recording_records_init(&it, file);
	while (recording_next_meta(&it, &record)) {
		if (record.type == VHT_META_TASKS)
			for (c = record.payload; c < record.payload + record.size; c++)
				lines += *c == '\n';
		else if (record.type == VHT_META_FORMAT)
			bigs += record.size == strlen(big);
		else if (record.type == VHT_META_BEGIN || record.type == VHT_META_COMPLETE)
			begins += record.arg == 1;
		else
			others++;
	}
	ok(lines == 20000 && bigs == 1 && begins == 2 && others == 1,
	   "a reader gets them all, but what has no room in any packet");
	ok(!recording_records_skipped(&it), "and nothing else");
	recording_stream_free(file);
	host_stream_free(stream);
	writer_vm_free(host);
	writer_free(writer);
}

int main(void)
{
	g_autofree char *stream = NULL, *full = NULL, *records = NULL;

	scratch_init();
	stream = scratch_path("stream");
	full = scratch_path("full");
	records = scratch_path("records");
	test_layout();
	test_events();
	test_numbers();
	test_stream(stream);
	test_full(full);
	test_records(records);
	return tap_done();
}
