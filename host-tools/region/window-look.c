// SPDX-License-Identifier: GPL-2.0-only
/* How far a window's writer has come; see window-look.h. */
#include "region/window-look.h"

#include <glib.h>

#include "clock.h"
#include "region/load.h"
#include "region/window-cpu.h"
#include "region/window-moment.h"

/* The guest has emptied the buffer, which holds @length sub-buffers now: count from there. */
static uint64_t restart(struct window_cpu *cpu, uint32_t length)
{
	uint64_t commit = MAX(cpu->newest.number, cpu->has_next ? cpu->next : 0) + length + 1;

	cpu->has_current = false;
	cpu->next = commit - length + 1;
	cpu->has_next = true;
	window_cpu_gap(cpu);
	return commit;
}

/* The same as count() where nothing was in the buffer at the last look, or there was none. */
static uint64_t count_first(struct window_cpu *cpu, const struct window_moment *moment)
{
	uint32_t size = window_buffer_ring_size(&cpu->buffer), length = moment->length;
	uint64_t commit;

	if (cpu->has_look) {
		/* once around leaves no trace */
		cpu->is_least = true;
		/* the head is moved before the tail */
		cpu->has_gap |= length + 1 >= size;
		return cpu->look.commit + window_buffer_ring_way(&cpu->buffer, cpu->look.commit_ring,
								 moment->commit_ring);
	}
	/* numbers begin anywhere, but never again before what was counted */
	commit = (cpu->has_next ? cpu->next : size) + length;
	if (cpu->has_next)
		cpu->next = commit - length + 1;
	return commit;
}

/**
 * count - give the sub-buffer that is being filled its number
 * @moment: where it is
 * @was_kept: the last look's newest sub-buffer still held before the writer's place was
 *	loaded; that it does not hold now may have come to pass since
 * Return: the number.
 */
static uint64_t count(struct window_cpu *cpu, const struct window_moment *moment, bool was_kept)
{
	const struct window_buffer *buffer = &cpu->buffer;
	const struct window_mark *newest = &cpu->newest;
	uint32_t size = window_buffer_ring_size(buffer), way;
	uint64_t commit;

	if (!cpu->has_newest)
		return count_first(cpu, moment);
	way = window_buffer_ring_way(buffer, newest->ring, moment->commit_ring);
	commit = newest->number + way;
	if (window_mark_is_kept(buffer, newest))
		return commit;
	if (window_mark_is_unchanged(buffer, newest)) {
		/* its commit is gone, its time is not */
		if (buffer->slot_of[newest->index] != newest->ring + 1)
			return commit;	/* a reader in the guest was through with it */
		if (moment->length <= 1)
			return restart(cpu, moment->length);
		/* the writer has come to it, or is about to, and has put nothing there yet */
		if (way == size - 1 || (was_kept && way > 0))
			return commit;
		if (way == 0 && !was_kept)
			return commit + size;
	} else if (!window_buffer_load_time(buffer, newest->index)) {
		/* zeros: another kernel made it anew */
		return restart(cpu, moment->length);
	} else if (cpu->has_older && window_mark_is_kept(buffer, &cpu->older)) {
		/* another kernel went on in it from its start: that is one more */
		window_cpu_gap(cpu);
		if (cpu->has_next && cpu->next <= newest->number &&
		    !(cpu->has_current && cpu->current.number == newest->number)) {
			cpu->next++;
			cpu->current.number++;
		}
		return commit + 1;
	}
	/* once around, at least, if before; commit_buffer may be the last to follow */
	window_cpu_gap(cpu);
	return !was_kept && way != size - 1 ? commit + size : commit;
}

/**
 * note_growth - when did the newest event come?
 * @now_ns: CLOCK_MONOTONIC, after its commit was loaded
 */
static void note_growth(const struct window_cpu *cpu, struct window_look *look, uint64_t now_ns)
{
	const struct window_look *past = &cpu->look;

	look->grown_after = 0;
	look->grown_before = now_ns;
	if (!cpu->has_look)
		return;
	look->grown_after = past->ns;
	if (window_mark_is_same_use(&past->filled, &look->filled) &&
	    past->filled.commit == look->filled.commit) {
		look->grown_after = past->grown_after;
		look->grown_before = past->grown_before;
	}
}

/* The newest sub-buffers that have something in them, to be known again at the next look. */
static void keep_marks(struct window_cpu *cpu, const struct window_moment *moment, uint64_t commit)
{
	cpu->has_newest = moment->has_newest;
	if (moment->has_newest) {
		cpu->newest = moment->newest;
		cpu->newest.number = commit - (moment->newest.index != moment->commit_index);
	}
	cpu->has_older = moment->has_older;
	if (moment->has_older) {
		cpu->older = moment->older;
		cpu->older.number = cpu->newest.number - 1;
	}
}

bool window_cpu_look(struct window_cpu *cpu)
{
	struct window_look look = { .ns = clock_mono_ns() };
	struct window_moment moment;
	bool was_kept = cpu->has_newest && window_mark_is_kept(&cpu->buffer, &cpu->newest);

	cpu->problem = NULL;
	read_barrier();
	if (!window_moment_take(&cpu->buffer, &moment, &cpu->problem))
		return false;
	look.head_ring = moment.head_ring;
	look.commit_ring = moment.commit_ring;
	look.is_on_reader = moment.is_on_reader;
	look.filled = moment.filled;
	note_growth(cpu, &look, clock_mono_ns());

	/* The old mark is looked at after all that: if it holds, less than once around. */
	read_barrier();
	look.commit = count(cpu, &moment, was_kept);
	look.head = look.commit - moment.length + 1;
	look.filled.number = look.commit;
	keep_marks(cpu, &moment, look.commit);
	cpu->past = cpu->look;
	cpu->has_past = cpu->has_look;
	cpu->look = look;
	cpu->has_look = true;
	return true;
}
