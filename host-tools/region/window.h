/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a window: the persistent ring buffer of a Linux guest, while the guest
 * writes it and does not know that somebody reads.
 *
 * Theory of operation. The writer is kernel/trace/ring_buffer.c; each CPU has a
 * buffer of its own, which it alone writes. Slots 1 to n-1 of buffers[] are the
 * ring, slot 0 is the sub-buffer that the guest's own readers have taken out. To go
 * on from sub-buffer P to the next one N in the ring the writer
 *
 *  1. if N is the oldest (the ring is full): moves head_buffer past N
 *     (rb_handle_head_page: cmpxchg, a full barrier), N's events are given up;
 *  2. sets N's commit to 0 (rb_tail_page_update), then makes N the tail
 *     (cmpxchg, a full barrier);
 *  3. pads the rest of P (rb_reset_tail), then, once the outermost of the
 *     events that interrupted each other is done, sets P's final commit and then
 *     commit_buffer to N (rb_set_commit_to_write);
 *  4. writes the first event into N's data, N's time_stamp, and, after a write
 *     barrier, N's commit; then event by event data, barrier, commit.
 *
 * So within one use of a sub-buffer time_stamp stays the same, commit only
 * grows, and data below commit does not change; between two uses commit is 0.
 * The reader loads commit (acquire), copies, executes a read barrier, and loads
 * commit and then time_stamp again. If a byte of the next use was copied,
 * commit is 0 or one of the next use by then, and in the latter case the
 * time_stamp, loaded after it, is the next use's too. Only if commit has not become
 * smaller and time_stamp is the same, the copy counts. A clock that stands still
 * (it does, before the guest has found its time source) may give two uses one
 * time_stamp; so the copy is compared with the memory once more, which then holds
 * the one use or the other, but not a mixture.
 *
 * A sub-buffer is complete when the writer has left it. That commit_buffer has
 * moved says so, but on a machine that reorders stores the last commit may become
 * visible after that; the commit of the next sub-buffer, which is behind a write
 * barrier, comes later than both. So a sub-buffer counts as complete when
 * the next one has a commit, or commit_buffer is beyond that. Others are begun:
 * what is in them is taken only when it has waited for a second, at a flush,
 * and at the end; later packets of the same sub-buffer skip it.
 *
 * A reader in the guest swaps the oldest sub-buffer with the one in slot 0: it
 * sets the commit of the old one to 0, then buffers[0], buffers[slot], head_buffer.
 * Between the two stores into buffers[] a number is there twice: then the look is
 * given up and repeated. The sub-buffer that was swapped out keeps its address and
 * its content until the guest's next swap, and the writer may still be in it
 * (commit_buffer says so; it goes on with head_buffer). It comes before head_buffer
 * in time.
 *
 * Losses. Slots are used in their order, so the way of commit_buffer from look to
 * look counts the sub-buffers that were begun, modulo the ring. It was less
 * than once around if the newest sub-buffer of the last look is still what it was
 * after the place was loaded; then what lies between the last one taken and
 * head_buffer was lost, exactly. Else the guest may have gone around, surely so if
 * that sub-buffer was not what it was before the place was loaded, and the number is
 * the least one. The place and the marks left for the next look are of one moment: the
 * place is loaded between making the marks and seeing that they still hold.
 * It is also the least one (of 0 perhaps) where the guest emptied its buffer (a write
 * to its `trace` file or a change of its clock), or another kernel took over.
 * Events that the guest's tracer itself refused, e.g. with overwriting switched
 * off, leave no trace in the memory and are not known here.
 *
 * Another kernel in the same epoch (kexec) makes the description anew, or, 6.12,
 * goes on in it with other addresses. When the description changes all CPUs
 * are read from their start again. Where nothing tells but the clock, which
 * begins again, that is taken for another kernel too.
 *
 * Nothing of the guest's is used before it was copied and checked, a call does
 * a bounded amount of work [H2], and what makes no sense is told and looked at
 * again: the next kernel may do better.
 *
 * The description is read here; where a CPU's buffer is and how its fields are loaded is
 * in window-buffer.h, sub-buffers that are known again in window-mark.h, the writer's
 * place in window-moment.h, the counting from look to look in window-look.h, the copy
 * in window-copy.h, and what is taken when in window-cpu.h.
 */
#ifndef HYPERTRACE_REGION_WINDOW_H
#define HYPERTRACE_REGION_WINDOW_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "../wire/window.h"
#include "region.h"
#include "window-cpu.h"

/**
 * struct window - the reading side of one place in one epoch
 * @region: the region
 * @place: 0 or 1
 * @epoch: that lies there
 * @base: of the place
 * @size: bytes
 * @head: the description's common part, valid if its layout is not
 *	%WINDOW_LAYOUT_NONE
 * @cpus: struct window_cpu *, as far as found
 * @kernel: 0, 1, 2...: how often another kernel took over
 * @was_empty: the place was seen without a description: nothing came before
 * @problem: why nothing can be read, or NULL
 * @problem_ns: since when there is one
 */
struct window {
	const struct region *region;
	unsigned int place;
	uint32_t epoch;
	const uint8_t *base;
	uint64_t size;
	struct window_head head;
	GPtrArray *cpus;
	uint32_t kernel;
	bool was_empty;
	const char *problem;
	uint64_t problem_ns;
};

/**
 * window_init - begin to read a place
 * @window: to set
 * @region: with a window; must outlive it
 * @place: 0 or 1
 * @epoch: that window_epoch said
 */
void window_init(struct window *window, const struct region *region, unsigned int place,
		 uint32_t epoch);

/** window_fini - free what window_init() and window_look() made */
void window_fini(struct window *window);

/**
 * window_is_same - see whether the place still holds the epoch [W3]
 * @window: the window
 *
 * A read barrier goes first: what was copied before is the epoch's.
 *
 * Return: false if it does not.
 */
bool window_is_same(const struct window *window);

/**
 * window_look - read the description, and find the CPUs
 * @window: the window
 * @now_ns: CLOCK_MONOTONIC
 */
void window_look(struct window *window, uint64_t now_ns);

/**
 * window_problem - why the window cannot be read
 * @window: the window
 * @now_ns: CLOCK_MONOTONIC
 *
 * A description that is being written is no problem: only what stays for a
 * second is told.
 *
 * Return: a constant string, or NULL.
 */
const char *window_problem(const struct window *window, uint64_t now_ns);

#endif
