/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One CPU's ring buffer of an ftrace instance on its way into a stream: whole
 * sub-buffers become packets, and what the ring buffer lost is counted, so that
 * what was written to it is what was recorded and what was lost.
 *
 * Full sub-buffers are moved by splice(), which leaves the one alone that is
 * being filled: who empties it often would have a packet for each few events,
 * and his own waking up among them. read() takes that one too, now and then.
 */
#ifndef HYPERTRACE_HOST_CPU_H
#define HYPERTRACE_HOST_CPU_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/instance.h"
#include "host/stream.h"

/**
 * struct host_pipe - what splice() needs, and room for what comes out of it
 * @fds: of a pipe that is empty between any two calls
 * @capacity: sub-buffers that go into it at once
 * @subbuf_size: bytes of a sub-buffer
 * @long_size: bytes of the kernel's long
 * @bytes: @capacity sub-buffers
 */
struct host_pipe {
	int fds[2];
	size_t capacity;
	size_t subbuf_size;
	unsigned int long_size;
	uint8_t *bytes;
};

/**
 * host_pipe_init - make the pipe
 * @pipe: to set, to be ended with host_pipe_fini() if this succeeds
 * @layout: of the instance's sub-buffers
 * @error: no descriptors
 * Return: false with @error set.
 */
bool host_pipe_init(struct host_pipe *pipe, const struct host_layout *layout, GError **error);

/** host_pipe_fini - close it */
void host_pipe_fini(struct host_pipe *pipe);

/**
 * struct host_cpu - one CPU
 * @stream: its stream
 * @raw_fd: per_cpu/cpuN/trace_pipe_raw
 * @stats_fd: per_cpu/cpuN/stats
 * @taken: events in the sub-buffers that were taken
 * @counted_lost: losses that sub-buffers told of
 * @wants_look: a sub-buffer told of a loss, but not of how many events
 * @looked_ns: when the statistics were read
 * @taken_ns: when the begun sub-buffer was taken
 */
struct host_cpu {
	struct host_stream *stream;
	int raw_fd;
	int stats_fd;
	uint64_t taken;
	uint64_t counted_lost;
	bool wants_look;
	uint64_t looked_ns;
	uint64_t taken_ns;
};

/**
 * host_cpu_new - begin with a CPU's buffer
 * @instance: the instance
 * @cpu: number of the CPU
 * @vm: the host's directory in the recording
 * @generation: the recorder's run
 * @error: an I/O error
 * Return: the CPU, to be freed with host_cpu_free(), or NULL.
 */
struct host_cpu *host_cpu_new(struct host_instance *instance, unsigned int cpu,
			      struct writer_vm *vm, uint32_t generation, GError **error);

/** host_cpu_free - let go of a CPU's buffer; NULL is fine */
void host_cpu_free(struct host_cpu *cpu);

/**
 * host_cpu_pass - take a bounded amount of full sub-buffers, and old begun ones
 * @cpu: the CPU
 * @pipe: shared by all CPUs
 * @error: an I/O error
 *
 * The begun sub-buffer, taken once a second, does not count as moved.
 *
 * Return: how it ended.
 */
enum session_result host_cpu_pass(struct host_cpu *cpu, struct host_pipe *pipe, GError **error);

/**
 * host_cpu_finish - take the rest and close the stream
 * @cpu: the CPU; nothing is traced any more
 * @pipe: shared by all CPUs
 * @error: the first I/O error; the rest is done nevertheless
 * Return: false with @error set.
 */
bool host_cpu_finish(struct host_cpu *cpu, struct host_pipe *pipe, GError **error);

/**
 * struct host_cpu_stats - what a CPU's file "stats" says, in events
 * @entries: in the buffer
 * @lost: overwritten or not written
 * @read: taken by readers
 */
struct host_cpu_stats {
	uint64_t entries;
	uint64_t lost;
	uint64_t read;
};

/**
 * host_cpu_stats_parse - understand the text of a file "stats"
 * @text: it
 * @out: zero where it says nothing
 */
void host_cpu_stats_parse(const char *text, struct host_cpu_stats *out);

#endif
