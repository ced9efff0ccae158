// SPDX-License-Identifier: GPL-2.0-only
/* Host and guest headers: what is no region is refused, what lies is found out. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "producer.h"
#include "region/region.h"
#include "tap.h"

static uint8_t *memory;
static struct producer producer;
static struct region region;

static void fresh(void)
{
	memset(memory, 0, VHT_REGION_ALIGN + 0x2000);
	producer_init(&producer, memory, PRODUCER_SIZE, "vm");
	producer_driver(&producer, 1, 1, VHT_SOURCE_HEARTBEAT, 3, 0x10000);
	assert(region_init(&region, memory, PRODUCER_SIZE, true, NULL));
}

/* [R4]: a change of the host header that makes it none. */
#define REFUSED(change) do {						\
	GError *error = NULL;						\
	struct region other;						\
	struct vht_host_header *h = (void *)memory;			\
	fresh();							\
	change;								\
	ok(!region_init(&other, memory, PRODUCER_SIZE, true, &error) &&	\
	   error->code == HT_ERROR_FORMAT, "[R4] refused: %s", #change);	\
	g_clear_error(&error);						\
} while (0)

#define ACCEPTED(change) do {						\
	struct region other;						\
	struct vht_host_header *h = (void *)memory;			\
	fresh();							\
	change;								\
	ok(region_init(&other, memory, PRODUCER_SIZE, true, NULL),	\
	   "accepted: %s", #change);					\
} while (0)

static void test_host(void)
{
	GError *error = NULL;

	ACCEPTED((void)h);
	ACCEPTED(h->header_size += 64);
	ACCEPTED(h->features = 1);
	ACCEPTED(h->consumer_size = 128);
	REFUSED(h->magic++);
	REFUSED(h->version = 2);
	REFUSED(h->header_size = 64);
	REFUSED(h->region_size += VHT_REGION_ALIGN);
	REFUSED(h->region_size = 0);
	REFUSED(h->guest_offset = 0);
	REFUSED(h->guest_offset += 4096);
	REFUSED(h->guest_offset = h->region_size);
	REFUSED(h->guest_offset = (uint64_t)-VHT_REGION_ALIGN);
	REFUSED(h->host_stream_offset = 0);
	REFUSED(h->host_stream_offset = VHT_REGION_ALIGN - 64);
	REFUSED(h->host_stream_offset = UINT64_MAX - 63);
	REFUSED(h->host_stream_offset += 8);
	REFUSED(h->host_stream_count = VHT_MAX_HOST_STREAMS + 1);
	REFUSED(h->stream_size = 64);
	REFUSED(h->stream_size = 0xffffffc0);
	REFUSED(h->stream_size = 136);
	REFUSED(h->consumer_offset = VHT_REGION_ALIGN);
	REFUSED(h->consumer_offset += 8);
	REFUSED(h->consumer_count = VHT_MAX_STREAMS + 1);
	REFUSED(h->consumer_count = 0xffffffff);
	REFUSED(h->consumer_size = 0);
	REFUSED(h->consumer_size = 0xffffffc0);

	fresh();
	ok(!region_init(&region, memory, 4096, true, &error), "too small");
	g_clear_error(&error);
	ok(!region_init(&region, memory, UINT64_MAX, true, &error), "too large");
	g_clear_error(&error);
	fresh();
	memset(producer.host->name, 'n', sizeof(producer.host->name));
	assert(region_init(&region, memory, PRODUCER_SIZE, true, NULL));
	ok(strlen(region.host.name) == 64, "a name without NUL ends");
	ok(region_consumer(&region, VHT_MAX_STREAMS - 1) && !region_consumer(&region, VHT_MAX_STREAMS),
	   "no consumer entry beyond the table");
}

static enum region_guest_state state(struct region_guest *guest)
{
	const char *reason;
	enum region_guest_state result = region_guest(&region, guest, &reason);

	if (reason)
		printf("# %s\n", reason);
	assert(!reason == (result != REGION_GUEST_BAD));
	return result;
}

#define GUEST(change, expected) do {					\
	struct region_guest guest;					\
	struct vht_guest_header *g;					\
	fresh();							\
	g = producer.guest;						\
	change;								\
	ok(state(&guest) == (expected), "[H1] guest header: %s: %s", #change, #expected); \
} while (0)

static void test_guest(void)
{
	struct region_guest guest;

	fresh();
	ok(state(&guest) == REGION_GUEST_READY && guest.epoch == 1 && guest.generation == 1 &&
	   guest.stream_count == 3, "a driver is there");
	ok(region_guest_is_same(&region, &guest), "[R6] and still the same");
	producer.guest->state = VHT_GUEST_GONE;
	ok(region_guest_is_same(&region, &guest), "a goodbye changes no table");
	producer.guest->state = VHT_GUEST_INIT;
	ok(!region_guest_is_same(&region, &guest), "[R5] tables are being written");
	producer.guest->state = VHT_GUEST_READY;
	producer.guest->generation = 2;
	ok(!region_guest_is_same(&region, &guest), "[R6] another driver's tables");
	producer.guest->generation = 1;
	producer.guest->epoch = 2;
	ok(!region_guest_is_same(&region, &guest), "[R6] another epoch's tables");

	GUEST(memset(g, 0, sizeof(*g)), REGION_GUEST_NONE);
	GUEST(g->state = VHT_GUEST_INIT, REGION_GUEST_CHANGING);
	GUEST(g->state = VHT_GUEST_GONE, REGION_GUEST_GONE);
	GUEST(g->state = 17, REGION_GUEST_BAD);
	GUEST(g->magic = 1, REGION_GUEST_BAD);
	GUEST(g->version = 2, REGION_GUEST_BAD);
	GUEST(g->header_size = 4, REGION_GUEST_BAD);
	GUEST(g->stream_count = VHT_MAX_STREAMS - VHT_STREAM_ID_GUEST + 1, REGION_GUEST_BAD);
	GUEST(g->stream_count = 0xffffffff, REGION_GUEST_BAD);
	GUEST(g->stream_size = 0, REGION_GUEST_BAD);
	GUEST(g->stream_size = 0xffffffc0, REGION_GUEST_BAD);
	GUEST(g->stream_offset = 0, REGION_GUEST_BAD);
	GUEST(g->stream_offset = PRODUCER_SIZE - 128, REGION_GUEST_BAD);
	GUEST(g->stream_offset = UINT64_MAX - 63, REGION_GUEST_BAD);
	GUEST(g->stream_offset += 4, REGION_GUEST_BAD);
	GUEST(g->stream_count = 0, REGION_GUEST_READY);
}

/* Files that are no region, and one that shrinks under its reader. */
static void test_map(void)
{
	GError *error = NULL;
	struct region *mapped;
	struct region_live live;
	struct producer in_file;
	int fd = memfd_create("region", 0);
	volatile uint8_t sum = 0;
	uint64_t i;
	void *base;

	assert(fd >= 0 && ftruncate(fd, PRODUCER_SIZE) == 0);
	ok(!region_map(dup(fd), 0, true, &error), "zeros are no region");
	ok_error(&error, HT_ERROR_FORMAT, "that is said");
	ok(!region_map(dup(STDIN_FILENO), 0, false, &error) || error, "nor is standard input");
	g_clear_error(&error);

	base = mmap(NULL, PRODUCER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	producer_init(&in_file, base, PRODUCER_SIZE, "vm");
	mapped = region_map(dup(fd), 0, true, &error);
	ok(mapped && region_is_whole(mapped), "a region in a file is mapped");
	region_live(mapped, &live);
	ok(live.epoch == 1 && live.alive == 1, "its live fields are read");

	assert(ftruncate(fd, PRODUCER_SIZE - 100) == 0);
	ok(!region_is_whole(mapped), "a file cut inside a page is noticed");
	assert(ftruncate(fd, 4096) == 0);
	for (i = 0; i < PRODUCER_SIZE; i += 4096)
		sum += mapped->base[i + 8];
	ok(!region_is_whole(mapped), "a file cut under the reader does not kill it");
	assert(ftruncate(fd, PRODUCER_SIZE) == 0);
	ok(!region_is_whole(mapped), "nor is it forgotten when the file grows again");
	region_free(mapped);
	munmap(base, PRODUCER_SIZE);

	/* inside memory that is larger: the header says where it ends */
	assert(ftruncate(fd, 4 * VHT_REGION_ALIGN + 2 * PRODUCER_SIZE) == 0);
	base = mmap(NULL, PRODUCER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    2 * VHT_REGION_ALIGN);
	producer_init(&in_file, base, PRODUCER_SIZE, "vm");
	mapped = region_map(dup(fd), 2 * VHT_REGION_ALIGN, true, &error);
	ok(mapped && mapped->size == PRODUCER_SIZE && region_is_whole(mapped),
	   "a region in the middle of a file is mapped, and no more than it");
	region_live(mapped, &live);
	ok(live.epoch == 1, "at the right place");
	assert(ftruncate(fd, 2 * VHT_REGION_ALIGN + PRODUCER_SIZE - 4096) == 0);
	ok(!region_is_whole(mapped), "a cut of its end is noticed");
	region_free(mapped);
	ok(!region_map(dup(fd), 2 * VHT_REGION_ALIGN, true, &error), "what is cut is none");
	ok_error(&error, HT_ERROR_FORMAT, "that is said");
	ok(!region_map(dup(fd), VHT_REGION_ALIGN / 2, true, &error), "an offset that cannot be");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	ok(!region_map(dup(fd), 1ULL << 62, true, &error), "and one behind the end");
	ok_error(&error, HT_ERROR_FORMAT, "too");
	munmap(base, PRODUCER_SIZE);
	close(fd);
	(void)sum;
}

/* A SIGBUS that is not about a guarded mapping ends the program, as ever. */
static void test_other_sigbus(void)
{
	int fd = memfd_create("other", 0), status;
	pid_t child;

	assert(fd >= 0 && ftruncate(fd, 4096) == 0);
	child = fork();
	if (child == 0) {
		struct rlimit no_core = { 0, 0 };
		volatile uint8_t *page = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);

		setrlimit(RLIMIT_CORE, &no_core);
		alarm(10);
		_exit(page[4096]);
	}
	assert(waitpid(child, &status, 0) == child);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "another SIGBUS is deadly");
	close(fd);
}

int main(void)
{
	memory = aligned_alloc(4096, PRODUCER_SIZE);
	memset(memory, 0, PRODUCER_SIZE);
	test_host();
	test_guest();
	test_map();
	test_other_sigbus();
	free(memory);
	return tap_done();
}
