// SPDX-License-Identifier: GPL-2.0-only
/* Reading one CPU's buffer; see window-cpu.h. */
#include "region/window-cpu.h"

#include "region/window-copy.h"
#include "region/window.h"

void window_cpu_forget(struct window_cpu *cpu)
{
	cpu->buffer.has_slots = false;
	cpu->has_newest = cpu->has_older = false;
	cpu->has_look = cpu->has_past = false;
	cpu->has_current = false;
	cpu->has_next = false;
	window_cpu_gap(cpu);
}

void window_cpu_gap(struct window_cpu *cpu)
{
	cpu->has_gap = cpu->is_least = true;
}

void window_cpu_entry(const struct window_cpu *cpu, struct stream_entry *out)
{
	const struct window_cpu_meta *meta = &cpu->buffer.meta;

	*out = (struct stream_entry) {
		.id = WINDOW_STREAM_ID + cpu->cpu,
		.source = VHT_SOURCE_WINDOW,
		.cpu = cpu->cpu,
		.clock = VHT_CLOCK_SOURCE,
		.ring_offset = cpu->window->region->host.window_offset[cpu->window->place] +
			       meta->offset,
		.ring_size = meta->end - meta->offset,
		.packets = cpu->sequence,
		.events = cpu->events,
		.overwritten = cpu->subbufs_lost + cpu->lost,
	};
}

void window_cpu_continue(struct window_cpu *cpu, const struct window_meta *meta, uint64_t time,
			 uint32_t taken, uint64_t last_time, uint64_t sequence, uint64_t events)
{
	cpu->told = *meta;
	cpu->has_told = true;
	if (meta->kernel > cpu->window->kernel)
		cpu->window->kernel = meta->kernel;
	cpu->kernel = meta->kernel;
	if (cpu->window->head.text_addr && meta->text_addr &&
	    meta->text_addr != cpu->window->head.text_addr) {
		if (cpu->kernel == cpu->window->kernel)
			cpu->window->kernel++;
		cpu->kernel = cpu->window->kernel;
	}
	cpu->current = (struct window_mark) { .time = time, .commit = taken };
	cpu->has_current = taken > 0;
	cpu->is_continued = taken > 0;
	cpu->last_time = last_time;
	cpu->sequence = sequence;
	cpu->events = events;
}

/* The sub-buffer in the ring with a number, of which nothing was taken. */
static struct window_mark mark_in_ring(const struct window_cpu *cpu, uint64_t number)
{
	uint32_t ring = (cpu->look.head_ring + (uint32_t)(number - cpu->look.head)) %
			window_buffer_ring_size(&cpu->buffer);

	return (struct window_mark) {
		.index = cpu->buffer.slots[ring + 1], .ring = ring, .number = number,
	};
}

/* The one in slot 0: it comes before the oldest in the ring. */
static struct window_mark mark_on_reader(const struct window_cpu *cpu)
{
	uint32_t size = window_buffer_ring_size(&cpu->buffer);

	return (struct window_mark) {
		.index = cpu->buffer.slots[0], .ring = (cpu->look.head_ring + size - 1) % size,
		.number = cpu->look.head - 1,
	};
}

/**
 * find_current - find the sub-buffer that a recording ends with
 */
static void find_current(struct window_cpu *cpu)
{
	const struct window_look *look = &cpu->look;
	uint32_t length = (uint32_t)(look->commit + 1 - look->head), i;

	cpu->is_continued = false;
	cpu->has_next = true;
	cpu->next = look->head;
	for (i = 0; i <= length; i++) {
		struct window_mark mark = i == length ? mark_on_reader(cpu) :
					  mark_in_ring(cpu, look->head + i);

		mark.time = cpu->current.time;
		mark.commit = cpu->current.commit;
		if (!window_mark_is_kept(&cpu->buffer, &mark))
			continue;
		cpu->current = mark;
		cpu->next = mark.number;
		return;
	}
	cpu->has_current = false;
	window_cpu_gap(cpu);
}

/**
 * begin - decide where to begin with a CPU of which nothing was taken yet
 */
static void begin(struct window_cpu *cpu)
{
	const struct window_buffer *buffer = &cpu->buffer;

	cpu->next = cpu->look.head;
	cpu->has_next = true;
	/* the ring's first place is its first head: the head was moved since */
	if (!cpu->has_told && cpu->look.head_ring) {
		cpu->lost = cpu->look.head_ring -
			    (window_buffer_load_commit(buffer, buffer->slots[0]) != 0);
		if (!cpu->window->was_empty)
			cpu->lost_before = cpu->lost;
		if (cpu->lost)
			window_cpu_gap(cpu);
	}
}

/* Is there something in slot 0 that comes next? */
static bool is_reader_next(const struct window_cpu *cpu)
{
	const struct window_buffer *buffer = &cpu->buffer;
	uint32_t index = buffer->slots[0];
	uint64_t commit = window_buffer_load_commit(buffer, index);

	if (!commit || commit > window_buffer_max_commit(buffer) ||
	    cpu->next >= cpu->look.head + 1)
		return false;
	return !cpu->has_current ||
	       (index != cpu->current.index &&
		window_buffer_load_time(buffer, index) > cpu->current.time);
}

static void skip_to(struct window_cpu *cpu, uint64_t number)
{
	if (cpu->next < number) {
		cpu->lost += number - cpu->next;
		cpu->has_gap = true;
		cpu->next = number;
	}
}

/* The rest of a sub-buffer went, and what was added to it since the last look. */
static void lose_rest(struct window_cpu *cpu)
{
	cpu->is_done = true;
	/* unless it was emptied, or another kernel went on in it */
	cpu->lost += !cpu->has_gap;
	cpu->has_gap = true;
	cpu->next = cpu->current.number + 1;
}

/**
 * choose - find the next sub-buffer, or the one of which there may be a rest
 * @out: with what was taken of it; written on success
 * Return: false if there is none.
 */
static bool choose(struct window_cpu *cpu, struct window_mark *out)
{
	const struct window_look *look = &cpu->look;

	if (cpu->has_current && !cpu->is_done) {
		if (window_mark_is_kept(&cpu->buffer, &cpu->current)) {
			*out = cpu->current;
			return true;
		}
		lose_rest(cpu);
	}
	if (is_reader_next(cpu)) {
		skip_to(cpu, look->head - 1);
		*out = mark_on_reader(cpu);
		return true;
	}
	skip_to(cpu, look->head);
	if (cpu->next > look->commit || look->is_on_reader)
		return false;
	*out = mark_in_ring(cpu, cpu->next);
	return true;
}

/* Has the writer left the sub-buffer for good, and do we see all that it wrote? */
static bool is_complete(const struct window_cpu *cpu, const struct window_mark *mark)
{
	const struct window_buffer *buffer = &cpu->buffer;
	const struct window_look *look = &cpu->look;
	bool is_in_ring = window_buffer_is_in_ring(buffer, mark->index);
	uint64_t number = is_in_ring ? mark->number : look->head - 1;
	uint32_t next_ring;

	if (look->filled.index == mark->index || number >= look->commit)
		return false;
	if (number + 1 < look->commit)
		return true;
	/* partner: the writer's barrier before the commit of the next one */
	next_ring = is_in_ring ? (mark->ring + 1) % window_buffer_ring_size(buffer) :
		    look->head_ring;
	return window_buffer_load_commit(buffer, buffer->slots[next_ring + 1]) != 0;
}

/* Has something in the begun sub-buffer waited for long? */
static bool has_waited(struct window_cpu *cpu)
{
	const struct window_mark *filled = &cpu->look.filled;
	uint32_t taken = cpu->has_current && window_mark_is_same_use(&cpu->current, filled) ?
			 cpu->current.commit : 0;

	if (filled->commit <= taken)
		cpu->wait_ns = 0;
	else if (!cpu->wait_ns || !cpu->has_past ||
		 !window_mark_is_same_use(&cpu->past.filled, filled))
		cpu->wait_ns = cpu->look.ns;
	return cpu->wait_ns && cpu->look.ns - cpu->wait_ns >= WINDOW_WAIT_NS;
}

/**
 * take_next - take the next sub-buffer, or the rest of one
 * @wants_begun: even if it is not complete
 * @is_torn: set if the writer was faster
 * Return: false if there is none for now.
 */
static bool take_next(struct window_cpu *cpu, GByteArray *out, bool wants_begun, bool *is_torn)
{
	struct window_mark mark;
	bool is_whole;

	if (!choose(cpu, &mark))
		return false;
	is_whole = is_complete(cpu, &mark);
	if (!is_whole && !wants_begun)
		return false;
	switch (window_cpu_copy(cpu, out, &mark)) {
	case WINDOW_COPIED:
		break;
	case WINDOW_PASSED:
		*is_torn = true;
		return false;
	case WINDOW_NONSENSE:
		cpu->problem = "a commit is larger than its sub-buffer";
		if (!is_whole)
			return false;
		cpu->damaged++;
		cpu->lost++;
		window_cpu_gap(cpu);
		/* nothing of it can be taken for the rest of another */
		mark.commit = 0;
		break;
	}
	if (!is_whole && !mark.commit)
		return false;
	cpu->current = mark;
	cpu->has_current = true;
	cpu->is_done = is_whole;
	cpu->next = mark.number + is_whole;
	return is_whole;
}

enum window_result window_cpu_take(struct window_cpu *cpu, GByteArray *out, uint64_t limit,
				   bool wants_begun)
{
	guint start = out->len;
	bool is_torn = false;
	unsigned int seen;

	if (cpu->is_absent || !window_cpu_look(cpu))
		return WINDOW_EMPTY;
	if (cpu->is_continued)
		find_current(cpu);
	if (!cpu->has_next)
		begin(cpu);
	wants_begun |= cpu->wants_begun | has_waited(cpu);
	if (wants_begun)
		cpu->wait_ns = 0;
	for (seen = 0; seen < WINDOW_TAKE_SUBBUFS; seen++) {
		if (out->len >= limit)
			return WINDOW_MORE;
		if (!take_next(cpu, out, wants_begun, &is_torn))
			break;
	}
	/* who only comes too late does not get on by haste */
	if (seen == WINDOW_TAKE_SUBBUFS || (is_torn && out->len > start))
		return WINDOW_MORE;
	if (is_torn)
		return WINDOW_EMPTY;
	cpu->wants_begun = false;
	return WINDOW_EMPTY;
}
