// SPDX-License-Identifier: GPL-2.0-only
/* One CPU's ring buffer on its way into a stream; see cpu.h. */
#include "host/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "wire/bytes.h"
#include "wire/page.h"

/* Bytes taken from one CPU before the next one has its turn. */
#define TAKE_BYTES		(1 << 20)

/* A begun sub-buffer is taken, and the statistics are read, this often. */
#define LOOK_NS			1000000000ULL

/*
 * An event that was being written when tracing was turned off is there as soon as
 * its writer goes on: no longer than a CPU can be kept away from it.
 */
#define SETTLE_NS		1000000000ULL

/* The commit word: the number of events lost before follows the data. */
#define COMMIT_MISSED_STORED	(1U << 30)

bool host_pipe_init(struct host_pipe *pipe, const struct host_layout *layout, GError **error)
{
	const size_t page_size = sysconf(_SC_PAGESIZE);
	int size;

	if (pipe2(pipe->fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make a pipe: %s",
			    g_strerror(errno));
		return false;
	}
	/* a slot for each sub-buffer, however large; an ordinary user may get fewer */
	size = fcntl(pipe->fds[1], F_SETPIPE_SZ, (int)(TAKE_BYTES / 4));
	if (size < 0)
		size = fcntl(pipe->fds[1], F_GETPIPE_SZ);
	pipe->subbuf_size = layout->subbuf_size;
	pipe->long_size = layout->long_size;
	pipe->capacity = size > (int)page_size ? size / page_size : 1;
	pipe->bytes = g_malloc(pipe->capacity * pipe->subbuf_size);
	return true;
}

void host_pipe_fini(struct host_pipe *pipe)
{
	close(pipe->fds[0]);
	close(pipe->fds[1]);
	g_free(pipe->bytes);
}

struct host_cpu *host_cpu_new(struct host_instance *instance, unsigned int cpu,
			      struct writer_vm *vm, uint32_t generation, GError **error)
{
	const struct stream_entry entry = {
		.id = HOST_STREAM_ID_CPU0 + cpu,
		.source = VHT_SOURCE_FTRACE,
		.cpu = cpu,
		.clock = VHT_CLOCK_HOST_MONOTONIC,
		.name = HOST_SOURCE_NAME,
	};
	g_autofree char *raw = g_strdup_printf("per_cpu/cpu%u/trace_pipe_raw", cpu);
	g_autofree char *stats = g_strdup_printf("per_cpu/cpu%u/stats", cpu);
	struct host_cpu *self = g_new0(struct host_cpu, 1);

	self->raw_fd = host_instance_open(instance, raw, O_RDONLY | O_NONBLOCK, error);
	self->stats_fd = self->raw_fd < 0 ? -1 :
			 host_instance_open(instance, stats, O_RDONLY, error);
	if (self->stats_fd >= 0)
		self->stream = host_stream_new(vm, generation, &entry, error);
	if (!self->stream) {
		host_cpu_free(self);
		return NULL;
	}
	self->looked_ns = clock_mono_ns();
	self->taken_ns = self->looked_ns;
	return self;
}

void host_cpu_free(struct host_cpu *cpu)
{
	if (!cpu)
		return;
	host_stream_free(cpu->stream);
	if (cpu->stats_fd >= 0)
		close(cpu->stats_fd);
	if (cpu->raw_fd >= 0)
		close(cpu->raw_fd);
	g_free(cpu);
}

/* The number behind a word at the beginning of a line. */
static uint64_t stats_value(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (; text; text = strchr(text, '\n'), text = text ? text + 1 : NULL)
		if (!strncmp(text, word, length) && text[length] == ':')
			return g_ascii_strtoull(text + length + 1, NULL, 10);
	return 0;
}

void host_cpu_stats_parse(const char *text, struct host_cpu_stats *out)
{
	out->entries = stats_value(text, "entries");
	out->lost = stats_value(text, "overrun") + stats_value(text, "commit overrun") +
		    stats_value(text, "dropped events");
	out->read = stats_value(text, "read events");
}

/**
 * look - count what was lost up to now
 * @entries: events that are still in the buffer
 *
 * All that was taken is in the stream, or its batch.
 */
static void look(struct host_cpu *cpu, uint64_t *entries)
{
	struct host_cpu_stats stats;
	char text[1024];
	ssize_t size;

	*entries = 0;
	cpu->wants_look = false;
	cpu->looked_ns = clock_mono_ns();
	size = pread(cpu->stats_fd, text, sizeof(text) - 1, 0);
	if (size <= 0)
		return;
	text[size] = '\0';
	host_cpu_stats_parse(text, &stats);
	*entries = stats.entries;
	/* what another reader took will not come to us */
	if (stats.read > cpu->taken)
		stats.lost += stats.read - cpu->taken;
	host_stream_set_lost(cpu->stream, stats.lost);
}

/**
 * put_subbuf - make a packet of a sub-buffer
 */
static void put_subbuf(struct host_cpu *cpu, const struct host_pipe *pipe, const uint8_t *subbuf)
{
	struct host_packet packet = { .type = VHT_PACKET_FTRACE };
	struct page_cursor cursor;
	struct page_event event;
	size_t size;

	page_cursor_init(&cursor, subbuf, pipe->subbuf_size, pipe->long_size);
	packet.begin_ns = cursor.time;
	packet.end_ns = cursor.time;
	size = 8 + pipe->long_size + cursor.size;
	if (get_u32(subbuf + 8) & COMMIT_MISSED_STORED)
		size = MIN(size + pipe->long_size, pipe->subbuf_size);
	if (cursor.missed) {
		packet.flags |= VHT_PACKET_LOST_BEFORE;
		cpu->counted_lost += cursor.missed_count;
		cpu->wants_look |= !cursor.missed_count;
		host_stream_set_lost(cpu->stream, cpu->counted_lost);
	}
	while (page_cursor_next(&cursor, &event)) {
		packet.events++;
		packet.end_ns = MAX(packet.end_ns, event.time);
	}
	cpu->taken += packet.events;
	if (packet.events || cursor.missed)
		host_stream_put(cpu->stream, &packet, subbuf, size);
}

/**
 * take_full - take full sub-buffers, as many as there is room for
 * Return: how many.
 */
static size_t take_full(struct host_cpu *cpu, struct host_pipe *pipe, size_t limit)
{
	ssize_t bytes, size = 0, n;
	size_t i;

	/* what does not fit into the pipe would be lost: it is empty now */
	bytes = splice(cpu->raw_fd, NULL, pipe->fds[1], NULL,
		       MIN(limit, pipe->capacity) * pipe->subbuf_size, SPLICE_F_NONBLOCK);
	if (bytes <= 0)
		return 0;
	while (size < bytes) {
		n = read(pipe->fds[0], pipe->bytes + size, bytes - size);
		if (n <= 0 && !(n < 0 && errno == EINTR))
			break;
		size += MAX(n, 0);
	}
	for (i = 0; (i + 1) * pipe->subbuf_size <= (size_t)size; i++)
		put_subbuf(cpu, pipe, pipe->bytes + i * pipe->subbuf_size);
	return i;
}

/**
 * take_begun - take what is there, full or not
 * Return: false if nothing is there.
 */
static bool take_begun(struct host_cpu *cpu, struct host_pipe *pipe)
{
	if (read(cpu->raw_fd, pipe->bytes, pipe->subbuf_size) != (ssize_t)pipe->subbuf_size)
		return false;
	put_subbuf(cpu, pipe, pipe->bytes);
	return true;
}

enum session_result host_cpu_pass(struct host_cpu *cpu, struct host_pipe *pipe, GError **error)
{
	const size_t limit = MAX(TAKE_BYTES / pipe->subbuf_size, 1);
	uint64_t now = clock_mono_ns(), entries;
	size_t taken = 0, n;
	bool looks;

	do {
		n = take_full(cpu, pipe, limit - taken);
		taken += n;
	} while (n && taken < limit);
	if (now - cpu->taken_ns >= LOOK_NS) {
		cpu->taken_ns = now;
		take_begun(cpu, pipe);
	}
	looks = cpu->wants_look || now - cpu->looked_ns >= LOOK_NS;
	if (looks)
		look(cpu, &entries);
	if (!host_stream_write(cpu->stream, error))
		return SESSION_FAILED;
	/* a loss that no packet tells of */
	if (looks && !taken && host_stream_has_untold_loss(cpu->stream) &&
	    !host_stream_put_state(cpu->stream, error))
		return SESSION_FAILED;
	return taken >= limit ? SESSION_MORE : taken ? SESSION_MOVED : SESSION_IDLE;
}

/**
 * take_rest - take all that is there
 * @error: NULL, or the first error goes there
 */
static bool take_rest(struct host_cpu *cpu, struct host_pipe *pipe, GError **error)
{
	bool ok = true;

	while (take_full(cpu, pipe, pipe->capacity) || take_begun(cpu, pipe))
		if (cpu->stream->batch->len >= TAKE_BYTES &&
		    !host_stream_write(cpu->stream, ok ? error : NULL))
			ok = false;
	return host_stream_write(cpu->stream, ok ? error : NULL) && ok;
}

/**
 * put_last - close the stream with a sub-buffer that is empty
 */
static void put_last(struct host_cpu *cpu, const struct host_pipe *pipe)
{
	const struct host_packet packet = {
		.type = VHT_PACKET_FTRACE,
		.flags = VHT_PACKET_LAST,
		.begin_ns = clock_mono_ns(),
		.end_ns = clock_mono_ns(),
	};
	uint64_t subbuf[2] = { GUINT64_TO_LE(packet.begin_ns) };

	host_stream_put(cpu->stream, &packet, subbuf, 8 + pipe->long_size);
}

bool host_cpu_finish(struct host_cpu *cpu, struct host_pipe *pipe, GError **error)
{
	uint64_t deadline = clock_mono_ns() + SETTLE_NS, entries;
	bool ok = true;

	do {
		if (!take_rest(cpu, pipe, ok ? error : NULL))
			ok = false;
		look(cpu, &entries);
	} while (entries && clock_mono_ns() < deadline);
	host_stream_set_lost(cpu->stream, cpu->stream->entry.events_lost -
			     cpu->stream->dropped + entries);
	put_last(cpu, pipe);
	if (!host_stream_write(cpu->stream, ok ? error : NULL))
		ok = false;
	return host_stream_put_state(cpu->stream, ok ? error : NULL) && ok;
}
