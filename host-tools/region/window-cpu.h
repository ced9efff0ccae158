/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reading side of one CPU's buffer in a window: what was taken of it, what comes
 * next and what was lost. How and why that holds while the guest writes is in window.h.
 */
#ifndef HYPERTRACE_REGION_WINDOW_CPU_H
#define HYPERTRACE_REGION_WINDOW_CPU_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "../wire/stream.h"
#include "../wire/window.h"
#include "window-buffer.h"
#include "window-look.h"
#include "window-mark.h"

/* Sub-buffers that one window_cpu_take() looks at. */
#define WINDOW_TAKE_SUBBUFS	1024

/* What is in a begun sub-buffer is taken when it has waited that long, ns. */
#define WINDOW_WAIT_NS		1000000000ULL

struct window;

/**
 * struct window_cpu - the reading side of one CPU's buffer
 * @window: the window
 * @cpu: number
 * @kernel: which of the window's kernels its events are from
 * @buffer: where it is in the guest's memory
 * @newest: newest sub-buffer with a commit at the last look, if @has_newest
 * @older: the one before it, if @has_older
 * @look: the last look, if @has_look
 * @past: the one before, if @has_past
 * @current: the sub-buffer that was taken last, if @has_current; its commit is
 *	what was taken of it
 * @is_done: all of it was taken
 * @last_time: of the last event taken
 * @next: number of the sub-buffer behind those that are taken or lost, if @has_next
 * @is_continued: a recording ends with @current, which is not found yet
 * @lost: sub-buffers lost since the last packet
 * @has_gap: something was lost, even if @lost is 0
 * @is_least: @lost is the least number
 * @sequence: of the next packet
 * @events: in the packets so far
 * @subbufs_lost: in all packets so far
 * @lost_before: of them, those before the first look
 * @torn: copies that were dropped
 * @damaged: sub-buffers that were not what they have to be
 * @wait_ns: since when something in the begun sub-buffer waits, 0: nothing does
 * @wants_begun: take what is begun, once
 * @is_absent: its description is not there any more
 * @told: what the last description packet said, if @has_told
 * @problem: what is wrong with it now, or NULL
 */
struct window_cpu {
	struct window *window;
	uint32_t cpu;
	uint32_t kernel;
	struct window_buffer buffer;
	struct window_mark newest;
	bool has_newest;
	struct window_mark older;
	bool has_older;
	struct window_look look;
	bool has_look;
	struct window_look past;
	bool has_past;
	struct window_mark current;
	bool has_current;
	bool is_done;
	uint64_t last_time;
	uint64_t next;
	bool has_next;
	bool is_continued;
	uint64_t lost;
	bool has_gap;
	bool is_least;
	uint64_t sequence;
	uint64_t events;
	uint64_t subbufs_lost;
	uint64_t lost_before;
	uint64_t torn;
	uint64_t damaged;
	uint64_t wait_ns;
	bool wants_begun;
	bool is_absent;
	struct window_meta told;
	bool has_told;
	const char *problem;
};

/** window_cpu_forget - what is known of the buffer holds no more, but what was told and lost */
void window_cpu_forget(struct window_cpu *cpu);

/** window_cpu_gap - something was lost, nobody knows how much */
void window_cpu_gap(struct window_cpu *cpu);

/**
 * window_cpu_entry - the stream that a CPU's buffer is in a recording
 * @cpu: the CPU
 * @out: the entry; counters as of now
 */
void window_cpu_entry(const struct window_cpu *cpu, struct stream_entry *out);

/**
 * window_cpu_continue - go on where an earlier recorder was
 * @cpu: the CPU, of which nothing was taken yet
 * @meta: the last description in the recording
 * @time: time_stamp of the last sub-buffer in the recording
 * @taken: bytes of data of it
 * @last_time: of the last event
 * @sequence: of the next packet
 * @events: in the recording
 */
void window_cpu_continue(struct window_cpu *cpu, const struct window_meta *meta, uint64_t time,
			 uint32_t taken, uint64_t last_time, uint64_t sequence, uint64_t events);

/**
 * enum window_result - how window_cpu_take() ended
 * @WINDOW_EMPTY: there was nothing more
 * @WINDOW_MORE: it stopped because of its bounds, or has to look again
 */
enum window_result {
	WINDOW_EMPTY,
	WINDOW_MORE,
};

/**
 * window_cpu_take - copy sub-buffers
 * @cpu: the CPU
 * @out: packets are appended: a description where there is something new to say,
 *	then sub-buffers
 * @limit: bytes that @out may hold; exceeded by at most one packet
 * @wants_begun: take what the begun sub-buffer holds too
 * Return: how it ended.
 */
enum window_result window_cpu_take(struct window_cpu *cpu, GByteArray *out, uint64_t limit,
				   bool wants_begun);

#endif
