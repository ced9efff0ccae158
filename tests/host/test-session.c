// SPDX-License-Identifier: GPL-2.0-only
/* Recording sessions: from a region that a producer fills to the files. */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "producer.h"
#include "decode/timebase.h"
#include "recording/audit.h"
#include "recording/reader.h"
#include "scratch.h"
#include "session.h"
#include "tap.h"

#define RING_SIZE	0x10000

static int memory_fd;
static uint8_t *memory;
static struct producer producer;
static GByteArray *buffer;

static void fresh(void)
{
	if (memory) {
		munmap(memory, PRODUCER_SIZE);
		close(memory_fd);
	}
	memory_fd = memfd_create("region", MFD_CLOEXEC);
	assert(memory_fd >= 0 && ftruncate(memory_fd, PRODUCER_SIZE) == 0);
	memory = mmap(NULL, PRODUCER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	assert(memory != MAP_FAILED);
	producer_init(&producer, memory, PRODUCER_SIZE, "vm");
}

static struct session *begin(struct writer *writer)
{
	struct region *region = region_map(dup(memory_fd), 0, true, NULL);
	struct session *session;

	assert(region);
	producer.host->reader = VHT_READER_ATTACHED;
	session = session_new("vm", region, -1, writer, NULL, NULL);
	assert(session);
	return session;
}

/* Passes until there is nothing more. */
static bool drain(struct session *session, GError **error)
{
	enum session_result result;

	do {
		result = session_pass(session, buffer, error);
		if (result == SESSION_FAILED)
			return false;
	} while (result != SESSION_IDLE);
	return true;
}

/* What check would say of one stream of the recording. */
static struct audit_stream *audit(const char *recording, const char *name)
{
	g_autofree char *path = g_build_filename(recording, "vm", name, NULL);
	struct recording_stream *stream = recording_stream_open(path, NULL);
	struct audit_stream *result;
	unsigned int epoch = 0, generation = 0;

	assert(stream);
	if (sscanf(name, "%u.%u/", &epoch, &generation) != 2)
		epoch = 0;
	result = audit_stream(stream, epoch, generation);
	recording_stream_free(stream);
	return result;
}

static bool is_whole(const char *recording, const char *name, uint64_t heartbeats)
{
	struct audit_stream *found = audit(recording, name);
	bool good = !found->defect_count && !audit_has_loss(found) && !found->before &&
		    found->heartbeats == heartbeats && !found->heartbeat_gaps;

	audit_stream_free(found);
	return good;
}

/* The times that record and info show are those of the decoder's map. */
static void check_span(const char *path, uint64_t want_first, uint64_t want_last)
{
	struct recording *recording = recording_open(path, NULL);
	const struct recording_vm *vm = recording->vms->pdata[0];
	struct timebase *timebase = timebase_new(vm, NULL);
	const struct recording_stream *stream;
	uint64_t first = 0, last = 0;
	uint32_t epoch = 0;

	stream = recording_vm_stream(vm, "1.1/heartbeat-cpu0", &epoch);
	ok(stream && epoch == 1 && timebase_span(timebase, epoch, stream, &first, &last) &&
	   first == want_first && last == want_last,
	   "first and last time on the host: %lu, %lu", (unsigned long)first, (unsigned long)last);
	ok(!recording_vm_stream(vm, "1.2/heartbeat-cpu0", &epoch) &&
	   !recording_vm_stream(vm, "1.1/heartbeat-cpu", &epoch), "no stream by another name");
	stream = recording_vm_stream(vm, "vmm", &epoch);
	ok(stream && epoch == 0 && timebase_span(timebase, 0, stream, &first, &last) &&
	   first <= last, "the host's own stream needs no map");
	timebase_free(timebase);
	recording_free(recording);
}

static void test_lossless(void)
{
	g_autofree char *path = scratch_path("lossless");
	struct writer *writer = writer_new(path, NULL);
	struct session_totals totals;
	struct session *session;
	uint64_t made[2] = { 0, 0 }, round, omitted;
	GPtrArray *summaries;
	GError *error = NULL;
	uint32_t i;

	fresh();
	session = begin(writer);
	ok(session_pause_ns(session) == 250000000, "without a driver four looks a second are enough");
	producer_put_vmm(&producer, VHT_VMM_CREATED, 5, 4711, "");
	producer_put_clock(&producer, 1000000, 2000, 1000000000);
	ok(drain(session, &error), "a VM without a driver");
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 3, RING_SIZE);
	producer_put_meta(&producer, VHT_META_ENV, 0, "kernel.release=6.1\n");
	for (round = 0; round < 500; round++) {
		for (i = 0; i < 2; i++)
			while (producer_put_heartbeats(&producer, &producer.streams[1 + i],
						       made[i], 100))
				made[i] += 100;
		if (!drain(session, &error))
			break;
	}
	ok(session_pause_ns(session) < 10000000, "small rings want to be looked at more often");
	ok(!error && made[0] > 500 * 100, "%lu and %lu heartbeats are made and taken",
	   (unsigned long)made[0], (unsigned long)made[1]);
	session_totals(session, &totals);
	ok(totals.stats.events == made[0] + made[1] + 2 && !totals.stats.lost &&
	   !totals.stats.overwritten && !totals.damaged, "the sums say so");
	ok(session_finish(session, &error), "finished");
	summaries = session_summaries(session, &omitted);
	ok(summaries->len == 4 && !omitted, "four streams in the summary");
	session_free(session);
	writer_free(writer);
	ok(is_whole(path, "1.1/heartbeat-cpu0", made[0]) &&
	   is_whole(path, "1.1/heartbeat-cpu1", made[1]) && is_whole(path, "vmm", 0) &&
	   is_whole(path, "1.1/metadata", 0), "every one is in the files, none twice");
	check_span(path, 1000000 - 1000, 999000 + made[0] - 100);
}

static void test_loss(void)
{
	g_autofree char *path = scratch_path("loss");
	struct writer *writer = writer_new(path, NULL);
	struct session *session;
	struct session_totals totals;
	struct audit_stream *found;
	GError *error = NULL;
	uint64_t made = 0, lost = 0;

	fresh();
	session = begin(writer);
	session_pass(session, buffer, &error);
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	while (producer_put_heartbeats(&producer, &producer.streams[1], made, 100))
		made += 100;
	/* full: what comes now is lost in the guest, and only the entry tells */
	lost = 700;
	producer.streams[1].live->events_lost += lost;
	drain(session, &error);
	session_totals(session, &totals);
	ok(totals.stats.lost == lost && totals.stats.events == made, "loss in the guest is counted");
	session_finish(session, &error);
	session_free(session);
	writer_free(writer);
	found = audit(path, "1.1/heartbeat-cpu0");
	ok(found->lost == lost && found->total_events == made && !found->lost_before &&
	   !found->missing && !found->defect_count,
	   "[S7] the recording says: written %lu = events %lu + lost %lu",
	   (unsigned long)(made + lost), (unsigned long)found->total_events,
	   (unsigned long)found->lost);
	audit_stream_free(found);
}

static void test_late(void)
{
	g_autofree char *path = scratch_path("late");
	struct writer *writer = writer_new(path, NULL);
	struct session *session;
	struct session_totals totals;
	struct audit_stream *found;
	GError *error = NULL;
	uint64_t made = 0, before;

	fresh();
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	while (made < 20000) {
		producer_put_heartbeats(&producer, &producer.streams[1], made, 100);
		made += 100;
	}
	before = producer.streams[1].live->overwritten;
	session = begin(writer);
	drain(session, &error);
	session_totals(session, &totals);
	ok(before && totals.stats.before == before && !totals.stats.overwritten,
	   "[S5] a late recorder counts what was overwritten before");

	/* nobody reads for a while, as if the recorder was killed */
	producer.host->reader = VHT_READER_NONE;
	session_free(session);
	writer_free(writer);
	before = producer.streams[1].live->overwritten;
	while (producer.streams[1].live->overwritten < before + 50) {
		producer_put_heartbeats(&producer, &producer.streams[1], made, 100);
		made += 100;
	}
	before = producer.streams[1].live->overwritten - before;
	writer = writer_new(path, NULL);
	session = begin(writer);
	drain(session, &error);
	session_totals(session, &totals);
	ok(totals.stats.overwritten == before && !totals.stats.before,
	   "[H3] one that goes on counts what was overwritten between: %lu",
	   (unsigned long)totals.stats.overwritten);
	session_finish(session, &error);
	session_free(session);
	writer_free(writer);
	found = audit(path, "1.1/heartbeat-cpu0");
	ok(found->missing == before && found->heartbeat_gaps == before * 100 &&
	   !found->defect_count, "[H3] and no packet is there twice");
	audit_stream_free(found);
}

/* A recorder that was killed leaves in the region what it has recorded already. */
static void test_overlap(void)
{
	g_autofree char *path = scratch_path("overlap");
	GError *error = NULL;
	unsigned int life;

	fresh();
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	for (life = 0; life < 4; life++) {
		struct writer *writer = writer_new(path, NULL);
		struct session *session = begin(writer);

		producer_put_heartbeats(&producer, &producer.streams[1], life * 10, 10);
		ok(drain(session, &error), "life %u of a recorder", life);
		session_free(session);
		writer_free(writer);
	}
	ok(is_whole(path, "1.1/heartbeat-cpu0", 40), "[H3] no packet is there twice");
}

static void test_generations(void)
{
	g_autofree char *path = scratch_path("generations");
	struct writer *writer = writer_new(path, NULL);
	struct session *session;
	GError *error = NULL;
	struct recording *rec;

	fresh();
	session = begin(writer);
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 3, RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 10);
	ok(drain(session, &error), "a driver");
	producer.guest->state = VHT_GUEST_GONE;
	producer_put_heartbeats(&producer, &producer.streams[1], 10, 10);
	ok(drain(session, &error), "its goodbye");
	producer.guest->state = VHT_GUEST_INIT;
	memset(memory + producer.streams[0].live->ring_offset, 0xee, 3 * RING_SIZE);
	ok(drain(session, &error), "[R5] while tables are written nobody looks at them");
	producer_driver(&producer, 1, 2, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE / 2);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 7);
	ok(drain(session, &error), "[R6] the next driver");
	producer.host->epoch = 2;
	producer_driver(&producer, 2, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 5);
	ok(drain(session, &error) && session_finish(session, &error), "[R6] the next epoch");
	session_free(session);
	writer_free(writer);
	ok(is_whole(path, "1.1/heartbeat-cpu0", 20) && is_whole(path, "1.2/heartbeat-cpu0", 7) &&
	   is_whole(path, "2.1/heartbeat-cpu0", 5), "each has its files, whole");
	rec = recording_open(path, NULL);
	ok(rec && ((struct recording_vm *)rec->vms->pdata[0])->generations->len == 3,
	   "and the reader finds them");
	recording_free(rec);
}

/* The new driver comes in the middle of a pass: nothing of it gets into the old files. */
static void test_change_unseen(void)
{
	g_autofree char *path = scratch_path("unseen");
	struct writer *writer = writer_new(path, NULL);
	struct session *session;
	struct session_totals totals;
	GError *error = NULL;

	fresh();
	session = begin(writer);
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 10);
	drain(session, &error);
	/* same header, but the ring holds another driver's packets already */
	producer.streams[1].generation = 2;
	producer.streams[1].sequence = 0;
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 10);
	drain(session, &error);
	producer_driver(&producer, 1, 2, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 3);
	ok(drain(session, &error) && session_finish(session, &error), "a change unseen");
	session_totals(session, &totals);
	ok(!totals.damaged, "is no damage");
	session_free(session);
	writer_free(writer);
	ok(is_whole(path, "1.1/heartbeat-cpu0", 10) && is_whole(path, "1.2/heartbeat-cpu0", 3),
	   "and no packet is in the wrong file");
}

/* The same, but the recording ends before the new driver is ready. */
static void test_change_at_end(void)
{
	g_autofree char *path = scratch_path("at-end");
	struct writer *writer = writer_new(path, NULL);
	struct session *session;
	struct session_totals totals;
	GError *error = NULL;

	fresh();
	session = begin(writer);
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 10);
	drain(session, &error);
	producer.streams[1].generation = 2;
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 10);
	drain(session, &error);
	producer.guest->state = VHT_GUEST_INIT;
	ok(session_finish(session, &error), "an end while a driver is on its way");
	session_totals(session, &totals);
	ok(!totals.damaged, "is no damage either");
	session_free(session);
	writer_free(writer);
	ok(is_whole(path, "1.1/heartbeat-cpu0", 10), "and the old driver's files are whole");
}

static void test_hostile(void)
{
	g_autofree char *path = scratch_path("hostile");
	struct writer *writer = writer_new(path, NULL);
	struct session *session;
	struct session_totals totals;
	GError *error = NULL;
	struct vht_packet *packet;
	uint64_t made = 0;
	GPtrArray *summaries;
	uint64_t omitted;

	fresh();
	session = begin(writer);
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 4, RING_SIZE);
	for (; made < 1000; made += 100) {
		producer_put_heartbeats(&producer, &producer.streams[1], made, 100);
		producer_put_heartbeats(&producer, &producer.streams[2], made, 100);
	}
	packet = (void *)producer.streams[1].ring;
	packet = (void *)((uint8_t *)packet + packet->packet_size * 3);
	packet->packet_size = UINT64_MAX & ~127ULL;
	/* two streams that claim to be the same */
	producer.streams[3].live->cpu = 1;
	producer_put_heartbeats(&producer, &producer.streams[3], 0, 10);
	ok(session_pass(session, buffer, &error) != SESSION_FAILED || error,
	   "[H1] a damaged stream does not end the pass");
	if (error)
		printf("# %s\n", error->message);
	g_clear_error(&error);
	drain(session, &error);
	g_clear_error(&error);
	session_finish(session, &error);
	g_clear_error(&error);
	session_totals(session, &totals);
	summaries = session_summaries(session, &omitted);
	ok(totals.damaged == 2 && summaries->len == 5, "[H1] it is reported: %lu damaged",
	   (unsigned long)totals.damaged);
	session_free(session);
	writer_free(writer);
	ok(is_whole(path, "1.1/heartbeat-cpu0", 300), "[H1] what was good of it is kept");
	ok(is_whole(path, "1.1/heartbeat-cpu1", made), "[H1] the others are whole");

	/* as many streams as there can be, none of them real */
	path = (g_free(path), scratch_path("many"));
	writer = writer_new(path, NULL);
	fresh();
	session = begin(writer);
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	producer.guest->stream_count = VHT_MAX_STREAMS - VHT_STREAM_ID_GUEST;
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 10);
	ok(drain(session, &error) && session_finish(session, &error),
	   "[H1] a table of 4064 streams");
	session_totals(session, &totals);
	ok(totals.damaged == VHT_MAX_STREAMS - VHT_STREAM_ID_GUEST - 2 &&
	   totals.stats.events == 10, "[H1] of which two are real");
	session_free(session);
	writer_free(writer);

	/* a driver that is a new one at every look */
	path = (g_free(path), scratch_path("restless"));
	writer = writer_new(path, NULL);
	fresh();
	session = begin(writer);
	for (made = 1; made < 3000; made++) {
		producer_driver(&producer, 1, (uint32_t)made, VHT_SOURCE_HEARTBEAT, 8, 0x4000);
		if (session_pass(session, buffer, &error) == SESSION_FAILED)
			break;
	}
	ok(made == 3000 && session_finish(session, &error), "[H1] 3000 drivers, one after another");
	summaries = session_summaries(session, &omitted);
	ok(summaries->len + omitted < 3000 && summaries->len <= 1024,
	   "[H1] cost neither memory nor files without end: %u, %lu", summaries->len,
	   (unsigned long)omitted);
	session_free(session);
	writer_free(writer);
	g_free(path);
	path = NULL;
}

/* A session with a control connection, the other end of which is *@vmm. */
static struct session *begin_select(struct writer *writer, int *vmm)
{
	struct region *region = region_map(dup(memory_fd), 0, true, NULL);
	struct session *session;
	int fds[2];

	assert(region && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds));
	*vmm = fds[1];
	producer.host->reader = VHT_READER_ATTACHED;
	session = session_new("vm", region, fds[0], writer, "sched:*", NULL);
	assert(session);
	return session;
}

/* Returns the cookie of the SELECT that came, 0 if none did. */
static uint64_t selected(int vmm)
{
	union {
		struct vht_message header;
		uint8_t bytes[VHT_MESSAGE_MAX_SIZE];
	} message;

	if (recv(vmm, &message, sizeof(message), 0) < 0)
		return 0;
	assert(message.header.type == VHT_MSG_SELECT);
	return message.header.cookie;
}

/* Passes until the session asks; it may let some time pass before. */
static uint64_t wait_select(struct session *session, int vmm)
{
	uint64_t end = clock_mono_ns() + 10000000000ULL, cookie = 0;

	while (!cookie && clock_mono_ns() < end && drain(session, NULL))
		cookie = selected(vmm);
	return cookie;
}

static bool answer(struct session *session, int vmm, uint64_t cookie, uint64_t arg, GError **error)
{
	struct vht_message message = {
		.type = VHT_MSG_REPLY, .size = sizeof(message), .cookie = cookie, .arg = arg,
	};

	assert(send(vmm, &message, sizeof(message), 0) == sizeof(message));
	return session_input(session, error);
}

/* Events that cannot be had are an error, but no guest's way to end a recording. */
static void test_select(void)
{
	g_autofree char *path = scratch_path("select");
	struct writer *writer = writer_new(path, NULL);
	struct session *session;
	GError *error = NULL;
	uint64_t cookie, end;
	unsigned int asked;
	int vmm;

	fresh();
	session = begin_select(writer, &vmm);
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	cookie = wait_select(session, vmm);
	ok(cookie && answer(session, vmm, cookie, VHT_ENODEV, &error), "a driver that goes at once");
	cookie = wait_select(session, vmm);
	ok(cookie && !answer(session, vmm, cookie, VHT_EIO, &error),
	   "the first driver that cannot enable the events ends the recording");
	ok_error(&error, HT_ERROR_FAILED, "that is told");
	session_free(session);
	writer_free(writer);
	close(vmm);

	path = (g_free(path), scratch_path("select-again"));
	writer = writer_new(path, NULL);
	session = begin_select(writer, &vmm);
	cookie = wait_select(session, vmm);
	ok(cookie && answer(session, vmm, cookie, 0, &error), "a driver that can");
	producer_driver(&producer, 1, 2, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 10);
	cookie = wait_select(session, vmm);
	ok(cookie && answer(session, vmm, cookie, VHT_EIO, &error) && !error,
	   "[H1] a later one that cannot ends nothing");
	producer_put_heartbeats(&producer, &producer.streams[1], 10, 10);
	ok(drain(session, &error), "[H1] it is recorded");
	producer_driver(&producer, 1, 3, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	cookie = wait_select(session, vmm);
	ok(cookie && answer(session, vmm, cookie, 0, &error), "[H1] and the next is asked again");

	/* one that is there, says that it is not, and is a new one when that helps */
	producer_driver(&producer, 1, 4, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	end = clock_mono_ns() + 1500000000ULL;
	for (asked = 0; clock_mono_ns() < end && drain(session, NULL);) {
		cookie = selected(vmm);
		if (!cookie)
			continue;
		asked++;
		if (!answer(session, vmm, cookie, asked % 2 ? VHT_ENODEV : 0, &error))
			break;
		if (asked % 2 == 0)
			producer_driver(&producer, 1, 4 + asked, VHT_SOURCE_HEARTBEAT, 2,
					RING_SIZE);
	}
	ok(!error && asked > 2 && asked < 12, "who asks for being asked is asked %u times",
	   asked);
	ok(session_finish(session, &error), "finished");
	session_free(session);
	close(vmm);
	writer_free(writer);
	ok(is_whole(path, "1.2/heartbeat-cpu0", 20), "[H1] its packets are there");
}

static void test_truncated(void)
{
	g_autofree char *path = scratch_path("truncated");
	struct writer *writer = writer_new(path, NULL);
	struct session *session;
	GError *error = NULL;

	fresh();
	session = begin(writer);
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 2, RING_SIZE);
	producer_put_heartbeats(&producer, &producer.streams[1], 0, 100);
	drain(session, &error);
	producer_put_heartbeats(&producer, &producer.streams[1], 100, 100);
	assert(ftruncate(memory_fd, 4096) == 0);
	ok(!drain(session, &error), "a region cut off");
	ok_error(&error, HT_ERROR_FORMAT, "is told");
	session_free(session);
	writer_free(writer);
	ok(is_whole(path, "1.1/heartbeat-cpu0", 100), "what was recorded is whole");
	munmap(memory, PRODUCER_SIZE);
	close(memory_fd);
	memory = NULL;
}

int main(void)
{
	scratch_init();
	buffer = g_byte_array_new();
	test_lossless();
	test_loss();
	test_late();
	test_overlap();
	test_generations();
	test_change_unseen();
	test_change_at_end();
	test_hostile();
	test_select();
	test_truncated();
	g_byte_array_unref(buffer);
	return tap_done();
}
