// SPDX-License-Identifier: GPL-2.0-only
/* Sub-buffers of a window as packets; see window-copy.h. */
#include "region/window-copy.h"

#include <string.h>

#include "clock.h"
#include "region/load.h"
#include "region/window.h"
#include "wire/packet.h"

/* A clock that goes back by more began again: another kernel. */
#define RESTART_NS	1000000000ULL

/* A packet of @type with its content still to be filled in; returns its place. */
static uint8_t *add_packet(GByteArray *out, struct packet_header *header)
{
	guint start = out->len;
	uint64_t size = header->content_size;

	header->header_size = sizeof(struct vht_packet);
	header->packet_size = (sizeof(struct vht_packet) + size + VHT_PACKET_ALIGN - 1) &
			      ~(uint64_t)(VHT_PACKET_ALIGN - 1);
	g_byte_array_set_size(out, start + (guint)header->packet_size);
	memset(out->data + start, 0, header->packet_size);
	return out->data + start + header->header_size;
}

static struct packet_header make_header(const struct window_cpu *cpu, uint32_t type)
{
	return (struct packet_header) {
		.type = type,
		.stream_id = WINDOW_STREAM_ID + cpu->cpu,
		.cpu = cpu->cpu,
		.epoch = cpu->window->epoch,
		.sequence = cpu->sequence,
		.events = cpu->events,
	};
}

/**
 * tell - append a description packet, if there is something new to say
 */
static void tell(struct window_cpu *cpu, GByteArray *out)
{
	const struct window_cpu_meta *buffer = &cpu->buffer.meta;
	const struct window *window = cpu->window;
	struct window_meta meta = {
		.layout = window->head.layout,
		.cpu = cpu->cpu,
		.nr_cpus = window->cpus->len,
		.subbuf_size = buffer->subbuf_size,
		.nr_subbufs = buffer->nr_subbufs,
		.clock_id = window->head.clock_id,
		.text_addr = window->head.text_addr,
		.first_buffer = buffer->first_buffer,
		.kernel = cpu->kernel,
	};
	struct packet_header header = make_header(cpu, VHT_PACKET_WINDOW_META);
	struct wire_window_meta raw;
	guint start = out->len;

	if (cpu->has_told && cpu->told.kernel == meta.kernel &&
	    cpu->told.text_addr == meta.text_addr && cpu->told.clock_id == meta.clock_id &&
	    cpu->told.subbuf_size == meta.subbuf_size && cpu->told.nr_subbufs == meta.nr_subbufs)
		return;
	g_strlcpy(meta.text_symbol, window_text_symbol(meta.layout), sizeof(meta.text_symbol));
	window_meta_build(&meta, &raw);
	header.content_size = sizeof(raw);
	memcpy(add_packet(out, &header), &raw, sizeof(raw));
	packet_build(&header, (void *)(out->data + start));
	cpu->sequence++;
	cpu->told = meta;
	cpu->has_told = true;
}

/**
 * when - the two looks between which the newest event of a sub-buffer came
 * @mark: the sub-buffer, @mark->commit of it
 */
static void when(const struct window_cpu *cpu, const struct window_mark *mark,
		 struct packet_header *header)
{
	const struct window_look *look = &cpu->look, *past = &cpu->past;
	uint64_t after = 0, before = 0;

	if (window_mark_is_same_use(&look->filled, mark) && look->filled.commit) {
		if (look->filled.commit == mark->commit) {
			after = look->grown_after;
			before = look->grown_before;
		} else {
			after = look->ns;
			before = clock_mono_ns();
		}
	} else if (cpu->has_past) {
		if (window_mark_is_same_use(&past->filled, mark) &&
		    past->filled.commit == mark->commit) {
			after = past->grown_after;
			before = past->grown_before;
		} else if (mark->number >= past->commit) {
			after = past->ns;
			before = clock_mono_ns();
		}
	}
	/* without the first one the second says little */
	if (after) {
		header->seen_after = after;
		header->seen_before = before;
	}
}

/* What was lost before this packet is told with it. */
static void tell_loss(struct window_cpu *cpu, struct packet_header *header)
{
	if (cpu->has_gap || cpu->lost) {
		header->flags = VHT_PACKET_LOST_BEFORE;
		if (cpu->is_least)
			header->flags |= WINDOW_PACKET_AT_LEAST;
		header->subbufs_lost = (uint32_t)MIN(cpu->lost, UINT32_MAX);
		cpu->subbufs_lost += cpu->lost;
	}
	cpu->lost = 0;
	cpu->has_gap = cpu->is_least = false;
}

/**
 * is_ahead - the writer has not given up a sub-buffer since the look
 *
 * If the newest sub-buffer of the look is still what it was, after the ends were loaded,
 * the writer has gone around once at most, and if it did just that, the ring would have
 * to hold more than it can: head_buffer is where it was and commit_buffer is not.
 */
static bool is_ahead(const struct window_cpu *cpu, const struct window_mark *mark)
{
	const struct window_buffer *buffer = &cpu->buffer;
	const struct window_look *look = &cpu->look;
	uint32_t head_index, commit_index, commit_ring, head_way, commit_way, length;
	uint64_t head, commit;

	if (!window_buffer_is_in_ring(buffer, mark->index))
		return true;
	if (!cpu->has_newest || !window_buffer_load_ends(buffer, &head, &commit))
		return false;
	read_barrier();
	if (!window_mark_is_kept(buffer, &cpu->newest) ||
	    !window_subbuf_index(&buffer->meta, head, &head_index) ||
	    !window_buffer_is_in_ring(buffer, head_index) ||
	    !window_subbuf_index(&buffer->meta, commit, &commit_index))
		return false;
	head_way = window_buffer_ring_way(buffer, look->head_ring, buffer->slot_of[head_index] - 1);
	/* in slot 0 the writer is where it was: it does not come there */
	commit_ring = window_buffer_is_in_ring(buffer, commit_index) ?
		      buffer->slot_of[commit_index] - 1 : look->commit_ring;
	commit_way = window_buffer_ring_way(buffer, look->commit_ring, commit_ring);
	length = (uint32_t)(look->commit + 1 - look->head);
	if (length + commit_way > window_buffer_ring_size(buffer) + head_way)
		return false;
	return mark->number >= look->head + head_way;
}

/**
 * copy_data - copy a sub-buffer's time, commit and data
 * @mark: the sub-buffer, its time and commit just loaded
 * @copy: room for all that
 * Return: false if the writer was there meanwhile.
 */
static bool copy_data(const struct window_cpu *cpu, const struct window_mark *mark, uint8_t *copy)
{
	const struct window_buffer *buffer = &cpu->buffer;
	const uint8_t *live = window_buffer_data(buffer, mark->index);
	uint64_t time = GUINT64_TO_LE(mark->time), commit = GUINT64_TO_LE((uint64_t)mark->commit);
	bool is_whole;

	memcpy(copy, &time, 8);
	memcpy(copy + 8, &commit, 8);
	memcpy(copy + WINDOW_SUBBUF_HEADER, live, mark->commit);

	/* partner: the writer's barrier between its commit of 0 and the data */
	read_barrier();
	is_whole = window_buffer_load_commit(buffer, mark->index) >= mark->commit &&
		   window_buffer_load_time(buffer, mark->index) == mark->time &&
		   !memcmp(copy + WINDOW_SUBBUF_HEADER, live, mark->commit);
	read_barrier();
	return is_whole && is_ahead(cpu, mark);
}

/* The clock of another kernel begins again. */
static void note_kernel(struct window_cpu *cpu, uint64_t time)
{
	if (cpu->last_time <= RESTART_NS || time >= cpu->last_time - RESTART_NS)
		return;
	if (cpu->kernel == cpu->window->kernel)
		cpu->window->kernel++;
	cpu->kernel = cpu->window->kernel;
}

/**
 * append - append the packet of a sub-buffer
 * @mark: its time and commit just loaded; sums are set
 * @skip: bytes of data that were taken before
 * Return: false if the writer was there meanwhile: nothing is appended.
 */
static bool append(struct window_cpu *cpu, GByteArray *out, struct window_mark *mark,
		   uint32_t skip)
{
	struct packet_header header = make_header(cpu, VHT_PACKET_WINDOW);
	uint32_t size = WINDOW_SUBBUF_HEADER + mark->commit;
	guint start = out->len;
	struct window_span span;
	uint8_t *copy;

	header.content_size = size;
	copy = add_packet(out, &header);
	if (!copy_data(cpu, mark, copy)) {
		g_byte_array_set_size(out, start);
		cpu->torn++;
		return false;
	}
	window_measure(copy, size, skip, &span);
	if (!span.events && !span.is_damaged) {
		g_byte_array_set_size(out, start);
		return true;
	}
	window_mark_sum(mark, copy + WINDOW_SUBBUF_HEADER);
	cpu->damaged += span.is_damaged;
	cpu->events += span.events;
	cpu->last_time = span.last_time;
	header.events = cpu->events;
	header.timestamp_begin = span.first_time;
	header.timestamp_end = span.last_time;
	header.skip = skip;
	when(cpu, mark, &header);
	tell_loss(cpu, &header);
	packet_build(&header, (void *)(out->data + start));
	cpu->sequence++;
	return true;
}

enum window_copied window_cpu_copy(struct window_cpu *cpu, GByteArray *out,
				   struct window_mark *mark)
{
	const struct window_buffer *buffer = &cpu->buffer;
	uint32_t skip = mark->commit;
	uint64_t commit, time;

	commit = window_buffer_load_commit(buffer, mark->index);
	time = window_buffer_load_time(buffer, mark->index);
	if (skip && (commit < skip || time != mark->time))
		return WINDOW_PASSED;
	if (commit > window_buffer_max_commit(buffer))
		return is_ahead(cpu, mark) ? WINDOW_NONSENSE : WINDOW_PASSED;
	mark->time = time;
	mark->commit = (uint32_t)commit;
	/* 0 is also what the next use begins with */
	if (commit == skip)
		return is_ahead(cpu, mark) ? WINDOW_COPIED : WINDOW_PASSED;
	note_kernel(cpu, time);
	tell(cpu, out);
	return append(cpu, out, mark, skip) ? WINDOW_COPIED : WINDOW_PASSED;
}
