// SPDX-License-Identifier: GPL-2.0-only
/* Reading a window; see window.h for how and why. */
#include "region/window.h"

#include <string.h>

#include "clock.h"
#include "region/load.h"

/* Bytes of data that a sub-buffer is known again by, beside its time. */
#define SUM_SIZE	256

/* Tries to load two fields that belong together. */
#define LOAD_TRIES	16

/* A problem with the description is told when it has stayed for that long. */
#define PROBLEM_NS	1000000000ULL

/* A clock that goes back by more began again: another kernel. */
#define RESTART_NS	1000000000ULL

static const __le64 *place64(const struct window *window, uint64_t offset)
{
	return (const void *)(window->base + offset);
}

static const uint8_t *subbuf(const struct window_cpu *cpu, uint32_t index)
{
	return cpu->window->base + cpu->meta.data + (uint64_t)index * cpu->meta.subbuf_size;
}

static uint64_t load_time(const struct window_cpu *cpu, uint32_t index)
{
	return load_acquire_le64((const void *)subbuf(cpu, index));
}

/* The commit, without flags; what is too large makes no sense. */
static uint64_t load_commit(const struct window_cpu *cpu, uint32_t index)
{
	return load_acquire_le64((const void *)(subbuf(cpu, index) + 8)) & ~WINDOW_COMMIT_FLAGS;
}

static uint32_t max_commit(const struct window_cpu *cpu)
{
	return cpu->meta.subbuf_size - WINDOW_SUBBUF_HEADER;
}

static uint32_t ring_size(const struct window_cpu *cpu)
{
	return cpu->meta.nr_subbufs - 1;
}

/* The way in the ring from one place to another. */
static uint32_t ring_way(const struct window_cpu *cpu, uint32_t from, uint32_t to)
{
	uint32_t size = ring_size(cpu);

	return (to + size - from) % size;
}

static void cpu_free(gpointer data)
{
	struct window_cpu *cpu = data;

	g_free(cpu->slots);
	g_free(cpu->slot_of);
	g_free(cpu);
}

void window_init(struct window *window, const struct region *region, unsigned int place,
		 uint32_t epoch)
{
	*window = (struct window) {
		.region = region,
		.place = place,
		.epoch = epoch,
		.base = region->base + region->host.window_offset[place],
		.size = region->host.window_size,
		.cpus = g_ptr_array_new_with_free_func(cpu_free),
	};
}

void window_fini(struct window *window)
{
	g_ptr_array_unref(window->cpus);
}

bool window_is_same(const struct window *window)
{
	const struct vht_host_header *header = (const void *)window->region->base;

	/* partner: the device's barrier between window_epoch and its zeroes [W3] */
	read_barrier();
	return load_le32(&header->window_epoch[window->place]) == window->epoch;
}

/**
 * copy_words - copy what the guest may change meanwhile, word by word
 * @size: a multiple of 8
 */
static void copy_words(const struct window *window, uint64_t offset, uint8_t *out, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += 8) {
		uint64_t word = __atomic_load_n(place64(window, offset + i), __ATOMIC_RELAXED);

		memcpy(out + i, &word, 8);
	}
}

/**
 * read_cpu - read the description of a CPU
 * @offset: where it has to be
 * Return: NULL on success, else what is wrong.
 */
static const char *read_cpu(const struct window *window, const struct window_head *head,
			    uint64_t offset, const struct window_cpu_meta *first,
			    struct window_cpu_meta *out)
{
	uint8_t bytes[WINDOW_CPU_SIZE];

	if (offset > window->size || window->size - offset < sizeof(bytes))
		return "unknown layout: no room for a CPU's description";
	copy_words(window, offset, bytes, sizeof(bytes));
	return window_parse_cpu(head, bytes, offset, first, out);
}

/**
 * forget - what is known of a CPU's buffer does not hold any more
 *
 * What was told of it, and what it lost, stays.
 */
static void forget(struct window_cpu *cpu)
{
	cpu->has_slots = false;
	cpu->has_newest = cpu->has_older = false;
	cpu->has_look = cpu->has_past = false;
	cpu->has_current = false;
	cpu->has_next = false;
	cpu->has_gap = cpu->is_least = true;
}

static void set_meta(struct window_cpu *cpu, const struct window_cpu_meta *meta)
{
	if (!cpu->slots || meta->nr_subbufs != cpu->meta.nr_subbufs) {
		g_free(cpu->slots);
		g_free(cpu->slot_of);
		cpu->slots = g_new0(uint32_t, meta->nr_subbufs);
		cpu->slot_of = g_new0(uint32_t, meta->nr_subbufs);
		cpu->has_slots = false;
	}
	cpu->meta = *meta;
}

static struct window_cpu *add_cpu(struct window *window, const struct window_cpu_meta *meta)
{
	struct window_cpu *cpu = g_new0(struct window_cpu, 1);

	cpu->window = window;
	cpu->cpu = window->cpus->len;
	cpu->kernel = window->kernel;
	set_meta(cpu, meta);
	g_ptr_array_add(window->cpus, cpu);
	return cpu;
}

static bool is_same_shape(const struct window_cpu_meta *a, const struct window_cpu_meta *b)
{
	return a->offset == b->offset && a->buffers == b->buffers &&
	       a->subbuf_size == b->subbuf_size && a->nr_subbufs == b->nr_subbufs;
}

/**
 * find_cpus - read the CPUs' descriptions, and see what has changed
 * @head: just read
 * Return: NULL, or what is wrong.
 */
static const char *find_cpus(struct window *window, const struct window_head *head)
{
	struct window_cpu_meta meta, first;
	uint64_t offset = head->first_cpu;
	bool is_other = false;
	const char *problem;
	uint32_t i;

	for (i = 0; i < WINDOW_MAX_CPUS; i++, offset = meta.end) {
		struct window_cpu *cpu = i < window->cpus->len ? window->cpus->pdata[i] : NULL;

		problem = read_cpu(window, head, offset, i ? &first : NULL, &meta);
		if (problem && !i)
			return problem;
		/* the end, or one that the kernel has not written yet */
		if (problem)
			break;
		if (!i)
			first = meta;
		if (!cpu) {
			cpu = add_cpu(window, &meta);
			cpu->has_gap = cpu->is_least = is_other;
			continue;
		}
		if (cpu->is_absent || !is_same_shape(&cpu->meta, &meta))
			forget(cpu);
		if (cpu->meta.first_buffer != meta.first_buffer ||
		    cpu->is_absent || !is_same_shape(&cpu->meta, &meta))
			is_other = true;
		set_meta(cpu, &meta);
		cpu->is_absent = false;
	}
	/* notes that the tracer had not written before are no other kernel's */
	if (window->head.text_addr && head->text_addr &&
	    window->head.text_addr != head->text_addr)
		is_other = true;
	for (; i < window->cpus->len; i++)
		((struct window_cpu *)window->cpus->pdata[i])->is_absent = true;
	if (is_other) {
		window->kernel++;
		for (i = 0; i < window->cpus->len; i++) {
			struct window_cpu *cpu = window->cpus->pdata[i];

			cpu->kernel = window->kernel;
			cpu->has_gap = cpu->is_least = true;
		}
	}
	return NULL;
}

void window_look(struct window *window, uint64_t now_ns)
{
	uint8_t bytes[WINDOW_HEAD_SIZE];
	struct window_head head;
	const char *problem;

	copy_words(window, 0, bytes, sizeof(bytes));
	problem = window_parse_head(bytes, window->size, &head);
	if (!problem && head.layout == WINDOW_LAYOUT_NONE) {
		window->was_empty |= !window->cpus->len;
		window->problem = NULL;
		for (guint i = 0; i < window->cpus->len; i++)
			((struct window_cpu *)window->cpus->pdata[i])->is_absent = true;
		return;
	}
	if (!problem)
		problem = find_cpus(window, &head);
	if (!problem)
		window->head = head;
	if (problem && !window->problem)
		window->problem_ns = now_ns;
	window->problem = problem;
}

const char *window_problem(const struct window *window, uint64_t now_ns)
{
	return window->problem && now_ns - window->problem_ns >= PROBLEM_NS ?
	       window->problem : NULL;
}

void window_cpu_entry(const struct window_cpu *cpu, struct stream_entry *out)
{
	*out = (struct stream_entry) {
		.id = WINDOW_STREAM_ID + cpu->cpu,
		.source = VHT_SOURCE_WINDOW,
		.cpu = cpu->cpu,
		.clock = VHT_CLOCK_SOURCE,
		.ring_offset = cpu->window->region->host.window_offset[cpu->window->place] +
			       cpu->meta.offset,
		.ring_size = cpu->meta.end - cpu->meta.offset,
		.packets = cpu->sequence,
		.events = cpu->events,
		.overwritten = cpu->subbufs_lost + cpu->lost,
	};
}

/**
 * copy_slots - copy buffers[] and turn it around
 * Return: false if it is none: a number is missing. It may be in a moment.
 */
static bool copy_slots(struct window_cpu *cpu)
{
	uint32_t count = cpu->meta.nr_subbufs, i;
	const __le32 *live = (const void *)(cpu->window->base + cpu->meta.buffers);

	memset(cpu->slot_of, 0xff, count * sizeof(*cpu->slot_of));
	for (i = 0; i < count; i++) {
		uint32_t index = load_le32(&live[i]);

		if (index >= count || cpu->slot_of[index] != UINT32_MAX)
			return false;
		cpu->slots[i] = index;
		cpu->slot_of[index] = i;
	}
	return true;
}

static bool is_slot_same(const struct window_cpu *cpu, uint32_t slot)
{
	const __le32 *live = (const void *)(cpu->window->base + cpu->meta.buffers);

	return load_le32(&live[slot]) == cpu->slots[slot];
}

/**
 * load_ends - load head_buffer and commit_buffer of one moment
 * Return: false if the writer is too fast for that.
 */
static bool load_ends(const struct window_cpu *cpu, uint64_t *head, uint64_t *commit)
{
	const struct window *window = cpu->window;
	uint64_t place = cpu->meta.offset + window_head_place(&window->head);
	int tries;

	for (tries = 0; tries < LOAD_TRIES; tries++) {
		*head = load_acquire_le64(place64(window, place));
		*commit = load_acquire_le64(place64(window, place + 8));
		if (load_acquire_le64(place64(window, place)) == *head)
			return true;
	}
	return false;
}

/* A sum over the first bytes of a sub-buffer's data, which may change meanwhile. */
static uint64_t sum_data(const uint8_t *data, uint32_t size)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i + 4 <= size; i += 4)
		sum = sum * 1099511628211ULL + load_le32((const void *)(data + i));
	return sum;
}

/* A mark on a sub-buffer as it is now; false if nothing is in it. */
static bool make_mark(const struct window_cpu *cpu, uint32_t index, uint32_t ring,
		      uint64_t number, struct window_mark *out)
{
	uint64_t commit = load_commit(cpu, index);

	/* the time was stored before the commit */
	*out = (struct window_mark) {
		.index = index,
		.time = load_time(cpu, index),
		.ring = ring,
		.number = number,
		.commit = commit > max_commit(cpu) ? 0 : (uint32_t)commit,
	};
	out->sum_size = MIN(out->commit, SUM_SIZE);
	out->sum = sum_data(subbuf(cpu, index) + WINDOW_SUBBUF_HEADER, out->sum_size);
	return out->commit > 0;
}

/* Nobody has used the sub-buffer anew since the mark was made. */
static bool is_unchanged(const struct window_cpu *cpu, const struct window_mark *mark)
{
	return load_time(cpu, mark->index) == mark->time &&
	       sum_data(subbuf(cpu, mark->index) + WINDOW_SUBBUF_HEADER, mark->sum_size) ==
	       mark->sum;
}

static bool is_kept(const struct window_cpu *cpu, const struct window_mark *mark)
{
	uint64_t commit = load_commit(cpu, mark->index);

	return commit >= mark->commit && commit <= max_commit(cpu) && is_unchanged(cpu, mark);
}

static void gap(struct window_cpu *cpu)
{
	cpu->has_gap = cpu->is_least = true;
}

/**
 * restart - the guest has emptied the buffer: count from there
 * @filled: number that the sub-buffer being filled gets
 */
static void restart(struct window_cpu *cpu, struct window_look *look, uint32_t length)
{
	look->commit = MAX(cpu->newest.number, cpu->has_next ? cpu->next : 0) + length + 1;
	cpu->has_current = false;
	cpu->next = look->commit - length + 1;
	cpu->has_next = true;
	gap(cpu);
}

/**
 * count - give the sub-buffer that is being filled its number
 * @commit_ring: its place
 * @length: sub-buffers in the ring from the oldest to that one
 * @was_kept: the last look's newest sub-buffer still held before the writer's place was
 *	loaded; that it does not hold now may have come to pass since
 */
static void count(struct window_cpu *cpu, struct window_look *look, uint32_t commit_ring,
		  uint32_t length, bool was_kept)
{
	const struct window_mark *newest = &cpu->newest;
	uint64_t way;

	if (!cpu->has_newest && cpu->has_look) {
		/* nothing was there at the last look: once around leaves no trace */
		look->commit = cpu->look.commit + ring_way(cpu, cpu->look.commit_ring, commit_ring);
		cpu->is_least = true;
		/* the head is moved before the tail */
		cpu->has_gap |= length + 1 >= ring_size(cpu);
		return;
	}
	if (!cpu->has_newest) {
		/* numbers begin anywhere, but never again before what was counted */
		look->commit = (cpu->has_next ? cpu->next : ring_size(cpu)) + length;
		if (cpu->has_next)
			cpu->next = look->commit - length + 1;
		return;
	}
	way = ring_way(cpu, newest->ring, commit_ring);
	look->commit = newest->number + way;
	if (is_kept(cpu, newest))
		return;
	if (is_unchanged(cpu, newest)) {
		/* its commit is gone, its time is not */
		if (cpu->slot_of[newest->index] != newest->ring + 1)
			return;		/* a reader in the guest was through with it */
		if (length <= 1) {
			restart(cpu, look, length);
			return;
		}
		/* the writer has come to it, or is about to, and has put nothing there yet */
		if (way == ring_size(cpu) - 1 || (was_kept && way > 0))
			return;
		if (way == 0 && !was_kept) {
			look->commit += ring_size(cpu);
			return;
		}
	} else if (!load_time(cpu, newest->index)) {
		/* zeros: another kernel made it anew */
		restart(cpu, look, length);
		return;
	} else if (cpu->has_older && is_kept(cpu, &cpu->older)) {
		/* another kernel went on in it from its start: that is one more */
		gap(cpu);
		look->commit++;
		if (cpu->has_next && cpu->next <= newest->number &&
		    !(cpu->has_current && cpu->current.number == newest->number)) {
			cpu->next++;
			cpu->current.number++;
		}
		return;
	}
	/* once around, at least, if before; commit_buffer may be the last to follow */
	if (!was_kept && way != ring_size(cpu) - 1)
		look->commit += ring_size(cpu);
	gap(cpu);
}

/**
 * note_growth - when did the newest event come?
 * @now_ns: CLOCK_MONOTONIC, after its commit was loaded
 */
static void note_growth(const struct window_cpu *cpu, struct window_look *look, uint64_t now_ns)
{
	const struct window_look *past = &cpu->look;

	look->grown_before = now_ns;
	if (!cpu->has_look)
		look->grown_after = 0;
	else if (past->filled.index == look->filled.index &&
		 past->filled.time == look->filled.time &&
		 past->filled.commit == look->filled.commit) {
		look->grown_after = past->grown_after;
		look->grown_before = past->grown_before;
	} else {
		look->grown_after = past->ns;
	}
}

/**
 * struct moment - where the writer was, and marks made there
 * @head: head_buffer and ...
 * @commit: ... commit_buffer, addresses in the guest
 * @head_ring: place of the oldest sub-buffer in the ring
 * @commit_index: the sub-buffer that is being filled
 * @commit_ring: its place in the ring; before the oldest if it is not there
 * @is_on_reader: it is in slot 0
 * @length: sub-buffers in the ring from the oldest to that one
 * @filled: mark on it
 * @newest: mark on the newest one that has something in it, if @has_newest
 * @older: on the one before, if @has_older
 */
struct moment {
	uint64_t head;
	uint64_t commit;
	uint32_t head_ring;
	uint32_t commit_index;
	uint32_t commit_ring;
	bool is_on_reader;
	uint32_t length;
	struct window_mark filled;
	struct window_mark newest;
	bool has_newest;
	struct window_mark older;
	bool has_older;
};

/**
 * find_ends - find out what head_buffer and commit_buffer are
 * Return: false if they make no sense, or not now.
 */
static bool find_ends(struct window_cpu *cpu, struct moment *out)
{
	uint32_t head_index, size = ring_size(cpu);

	if (!load_ends(cpu, &out->head, &out->commit))
		return false;
	/* the CPU did not come up yet */
	if (!out->head || !out->commit)
		return false;
	if (!window_subbuf_index(&cpu->meta, out->head, &head_index) ||
	    !window_subbuf_index(&cpu->meta, out->commit, &out->commit_index)) {
		cpu->problem = "head_buffer or commit_buffer is no sub-buffer of the CPU";
		return false;
	}
	if (!cpu->has_slots || !is_slot_same(cpu, 0) ||
	    !is_slot_same(cpu, cpu->slot_of[head_index]) ||
	    !is_slot_same(cpu, cpu->slot_of[out->commit_index]))
		cpu->has_slots = copy_slots(cpu);
	if (!cpu->has_slots || !cpu->slot_of[head_index]) {
		cpu->problem = "buffers[] does not hold each sub-buffer once";
		cpu->has_slots = false;
		return false;
	}
	out->head_ring = cpu->slot_of[head_index] - 1;
	out->is_on_reader = !cpu->slot_of[out->commit_index];
	out->commit_ring = out->is_on_reader ? (out->head_ring + size - 1) % size :
			   cpu->slot_of[out->commit_index] - 1;
	out->length = out->is_on_reader ? 0 :
		      ring_way(cpu, out->head_ring, out->commit_ring) + 1;
	return true;
}

/* Marks the newest sub-buffers that have something in them. */
static void make_marks(const struct window_cpu *cpu, struct moment *moment)
{
	uint32_t ring = moment->commit_ring, length = moment->length, size = ring_size(cpu);

	moment->has_newest = make_mark(cpu, moment->commit_index, ring, 0, &moment->filled);
	moment->newest = moment->filled;
	if (!moment->has_newest && length > 1) {
		ring = (ring + size - 1) % size;
		length--;
		moment->has_newest = make_mark(cpu, cpu->slots[ring + 1], ring, 0,
					       &moment->newest);
	}
	ring = (ring + size - 1) % size;
	moment->has_older = moment->has_newest && length > 1 &&
			    make_mark(cpu, cpu->slots[ring + 1], ring, 0, &moment->older);
}

/**
 * is_one_moment - do the ends and the marks belong together?
 *
 * The ends are loaded between the making of the marks and a look whether they still
 * hold. A sub-buffer that is the same use of it at both was so in between, when
 * the writer was where the ends say.
 */
static bool is_one_moment(const struct window_cpu *cpu, const struct moment *moment)
{
	uint64_t head, commit;

	read_barrier();
	if (!load_ends(cpu, &head, &commit) || head != moment->head || commit != moment->commit)
		return false;
	read_barrier();
	return (!moment->has_newest || is_kept(cpu, &moment->newest)) &&
	       (!moment->has_older || is_kept(cpu, &moment->older));
}

/**
 * look_at - see how far the writer has come
 * Return: false if there is nothing to be seen, or not now.
 */
static bool look_at(struct window_cpu *cpu)
{
	struct window_look look = { .ns = clock_mono_ns() };
	struct moment moment;
	bool was_kept = cpu->has_newest && is_kept(cpu, &cpu->newest);
	int tries = 0;

	cpu->problem = NULL;
	read_barrier();
	do {
		if (tries++ == LOAD_TRIES || !find_ends(cpu, &moment))
			return false;
		make_marks(cpu, &moment);
	} while (!is_one_moment(cpu, &moment));
	look.head_ring = moment.head_ring;
	look.commit_ring = moment.commit_ring;
	look.is_on_reader = moment.is_on_reader;
	look.filled = moment.filled;
	note_growth(cpu, &look, clock_mono_ns());

	/* The old mark is looked at after all that: if it holds, less than once around. */
	read_barrier();
	count(cpu, &look, moment.commit_ring, moment.length, was_kept);
	look.head = look.commit - moment.length + 1;
	look.filled.number = look.commit;

	cpu->has_newest = moment.has_newest;
	if (moment.has_newest) {
		cpu->newest = moment.newest;
		cpu->newest.number = look.commit - (moment.newest.index != moment.commit_index);
	}
	cpu->has_older = moment.has_older;
	if (moment.has_older) {
		cpu->older = moment.older;
		cpu->older.number = cpu->newest.number - 1;
	}
	cpu->past = cpu->look;
	cpu->has_past = cpu->has_look;
	cpu->look = look;
	cpu->has_look = true;
	return true;
}

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
	const struct window *window = cpu->window;
	struct window_meta meta = {
		.layout = window->head.layout,
		.cpu = cpu->cpu,
		.nr_cpus = window->cpus->len,
		.subbuf_size = cpu->meta.subbuf_size,
		.nr_subbufs = cpu->meta.nr_subbufs,
		.clock_id = window->head.clock_id,
		.text_addr = window->head.text_addr,
		.first_buffer = cpu->meta.first_buffer,
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

	if (look->filled.index == mark->index && look->filled.time == mark->time &&
	    look->filled.commit) {
		if (look->filled.commit == mark->commit) {
			after = look->grown_after;
			before = look->grown_before;
		} else {
			after = look->ns;
			before = clock_mono_ns();
		}
	} else if (cpu->has_past) {
		if (past->filled.index == mark->index && past->filled.time == mark->time &&
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

/**
 * enum copied - how copy_subbuf() ended
 * @COPIED: a packet was appended, or there was nothing in it
 * @PASSED: the writer was there meanwhile
 * @NONSENSE: its commit is larger than it
 */
enum copied {
	COPIED,
	PASSED,
	NONSENSE,
};

/**
 * is_ahead - the writer has not given up sub-buffer @number since the look
 *
 * If the newest sub-buffer of the look is still what it was, after the ends were loaded,
 * the writer has gone around once at most, and if it did just that, the ring would have
 * to hold more than it can: head_buffer is where it was and commit_buffer is not.
 */
static bool is_ahead(const struct window_cpu *cpu, uint64_t number, bool is_in_ring)
{
	const struct window_look *look = &cpu->look;
	uint32_t head_index, commit_index, commit_ring, head_way, commit_way, length;
	uint64_t head, commit;

	if (!is_in_ring)
		return true;
	if (!cpu->has_newest || !load_ends(cpu, &head, &commit))
		return false;
	read_barrier();
	if (!is_kept(cpu, &cpu->newest) ||
	    !window_subbuf_index(&cpu->meta, head, &head_index) || !cpu->slot_of[head_index] ||
	    !window_subbuf_index(&cpu->meta, commit, &commit_index))
		return false;
	head_way = ring_way(cpu, look->head_ring, cpu->slot_of[head_index] - 1);
	/* in slot 0 the writer is where it was: it does not come there */
	commit_ring = cpu->slot_of[commit_index] ? cpu->slot_of[commit_index] - 1 :
		      look->commit_ring;
	commit_way = ring_way(cpu, look->commit_ring, commit_ring);
	length = (uint32_t)(look->commit + 1 - look->head);
	if (length + commit_way > ring_size(cpu) + head_way)
		return false;
	return number >= look->head + head_way;
}

/**
 * copy_subbuf - copy what is in a sub-buffer
 * @mark: which one; @mark->time must be that of what is known of it if @skip,
 *	else it is set; @mark->commit is set to what was taken
 * @skip: bytes of data that were taken before
 */
static enum copied copy_subbuf(struct window_cpu *cpu, GByteArray *out, struct window_mark *mark,
			       uint32_t skip, bool is_in_ring)
{
	const uint8_t *live = subbuf(cpu, mark->index);
	struct packet_header header;
	struct window_span span;
	uint64_t commit, time;
	guint start;
	uint8_t *copy;
	uint32_t size;
	bool is_whole;

	commit = load_commit(cpu, mark->index);
	time = load_time(cpu, mark->index);
	if (skip && (commit < skip || time != mark->time))
		return PASSED;
	if (commit > max_commit(cpu))
		return is_ahead(cpu, mark->number, is_in_ring) ? NONSENSE : PASSED;
	mark->time = time;
	mark->commit = (uint32_t)commit;
	/* 0 is also what the next use begins with */
	if (commit == skip)
		return is_ahead(cpu, mark->number, is_in_ring) ? COPIED : PASSED;

	/* the clock of another kernel begins again */
	if (cpu->last_time > RESTART_NS && time < cpu->last_time - RESTART_NS) {
		if (cpu->kernel == cpu->window->kernel)
			cpu->window->kernel++;
		cpu->kernel = cpu->window->kernel;
	}
	start = out->len;
	size = WINDOW_SUBBUF_HEADER + (uint32_t)commit;
	tell(cpu, out);
	start = out->len;
	header = make_header(cpu, VHT_PACKET_WINDOW);
	header.content_size = size;
	copy = add_packet(out, &header);
	memcpy(copy + WINDOW_SUBBUF_HEADER, live + WINDOW_SUBBUF_HEADER, commit);

	/* partner: the writer's barrier between its commit of 0 and the data */
	read_barrier();
	is_whole = load_commit(cpu, mark->index) >= commit &&
		   load_time(cpu, mark->index) == time &&
		   !memcmp(copy + WINDOW_SUBBUF_HEADER, live + WINDOW_SUBBUF_HEADER, commit);
	read_barrier();
	if (!is_whole || !is_ahead(cpu, mark->number, is_in_ring)) {
		g_byte_array_set_size(out, start);
		cpu->torn++;
		return PASSED;
	}
	time = GUINT64_TO_LE(time);
	memcpy(copy, &time, 8);
	commit = GUINT64_TO_LE(commit);
	memcpy(copy + 8, &commit, 8);

	window_measure(copy, size, skip, &span);
	if (!span.events && !span.is_damaged) {
		g_byte_array_set_size(out, start);
		return COPIED;
	}
	mark->sum_size = MIN(mark->commit, SUM_SIZE);
	mark->sum = sum_data(copy + WINDOW_SUBBUF_HEADER, mark->sum_size);
	cpu->damaged += span.is_damaged;
	cpu->events += span.events;
	cpu->last_time = span.last_time;
	header.events = cpu->events;
	header.timestamp_begin = span.first_time;
	header.timestamp_end = span.last_time;
	header.skip = skip;
	when(cpu, mark, &header);
	if (cpu->has_gap || cpu->lost) {
		header.flags = VHT_PACKET_LOST_BEFORE;
		if (cpu->is_least)
			header.flags |= WINDOW_PACKET_AT_LEAST;
		header.subbufs_lost = (uint32_t)MIN(cpu->lost, UINT32_MAX);
		cpu->subbufs_lost += cpu->lost;
		cpu->has_least |= cpu->is_least;
	}
	cpu->lost = 0;
	cpu->has_gap = cpu->is_least = false;
	packet_build(&header, (void *)(out->data + start));
	cpu->sequence++;
	return COPIED;
}

/* Has the writer left the sub-buffer for good, and do we see all that it wrote? */
static bool is_complete(const struct window_cpu *cpu, const struct window_mark *mark,
			bool is_in_ring)
{
	const struct window_look *look = &cpu->look;
	uint64_t number = is_in_ring ? mark->number : look->head - 1;
	uint32_t next_ring;

	if (look->filled.index == mark->index || number >= look->commit)
		return false;
	if (number + 1 < look->commit)
		return true;
	/* partner: the writer's barrier before the commit of the next one */
	next_ring = is_in_ring ? (mark->ring + 1) % ring_size(cpu) : look->head_ring;
	return load_commit(cpu, cpu->slots[next_ring + 1]) != 0;
}

/**
 * find_current - find the sub-buffer that a recording ends with
 */
static void find_current(struct window_cpu *cpu)
{
	const struct window_look *look = &cpu->look;
	struct window_mark *mark = &cpu->current;
	uint32_t i, length = (uint32_t)(look->commit + 1 - look->head);

	cpu->is_continued = false;
	cpu->has_next = true;
	cpu->next = look->head;
	for (i = 0; i <= length; i++) {
		uint32_t ring = (look->head_ring + i) % ring_size(cpu);

		mark->index = i == length ? cpu->slots[0] : cpu->slots[ring + 1];
		mark->ring = i == length ?
			     (look->head_ring + ring_size(cpu) - 1) % ring_size(cpu) : ring;
		mark->number = i == length ? look->head - 1 : look->head + i;
		if (!is_kept(cpu, mark))
			continue;
		cpu->next = mark->number;
		return;
	}
	cpu->has_current = false;
	gap(cpu);
}

/**
 * begin - decide where to begin with a CPU of which nothing was taken yet
 */
static void begin(struct window_cpu *cpu)
{
	cpu->next = cpu->look.head;
	cpu->has_next = true;
	/* the ring's first place is its first head: the head was moved since */
	if (!cpu->has_told && cpu->look.head_ring) {
		cpu->lost = cpu->look.head_ring - (load_commit(cpu, cpu->slots[0]) != 0);
		if (!cpu->window->was_empty)
			cpu->lost_before = cpu->lost;
		if (cpu->lost)
			gap(cpu);
	}
}

/* Is there something in slot 0 that comes next? */
static bool is_reader_next(const struct window_cpu *cpu)
{
	uint32_t index = cpu->slots[0];
	uint64_t commit = load_commit(cpu, index);

	if (!commit || commit > max_commit(cpu) || cpu->next >= cpu->look.head + 1)
		return false;
	if (cpu->has_current && (index == cpu->current.index ||
				 load_time(cpu, index) <= cpu->current.time))
		return false;
	return true;
}

static void skip_to(struct window_cpu *cpu, uint64_t number)
{
	if (cpu->next < number) {
		cpu->lost += number - cpu->next;
		cpu->has_gap = true;
		cpu->next = number;
	}
}

/* Has something in the begun sub-buffer waited for long? */
static bool has_waited(struct window_cpu *cpu)
{
	const struct window_mark *filled = &cpu->look.filled;
	uint32_t taken = cpu->has_current && cpu->current.index == filled->index &&
			 cpu->current.time == filled->time ? cpu->current.commit : 0;

	if (filled->commit <= taken)
		cpu->wait_ns = 0;
	else if (!cpu->wait_ns || !cpu->has_past || cpu->past.filled.index != filled->index ||
		 cpu->past.filled.time != filled->time)
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
	const struct window_look *look = &cpu->look;
	struct window_mark mark;
	bool is_in_ring, is_rest, is_whole;
	enum copied copied;

	is_rest = cpu->has_current && !cpu->is_done;
	if (is_rest && !is_kept(cpu, &cpu->current)) {
		/* it went, and what was added to it since the last look */
		cpu->is_done = true;
		/* unless it was emptied, or another kernel went on in it */
		cpu->lost += !cpu->has_gap;
		cpu->has_gap = true;
		cpu->next = cpu->current.number + 1;
		is_rest = false;
	}
	if (is_rest) {
		mark = cpu->current;
		is_in_ring = cpu->slot_of[mark.index] != 0;
	} else if (is_reader_next(cpu)) {
		skip_to(cpu, look->head - 1);
		mark = (struct window_mark) {
			.index = cpu->slots[0],
			.number = look->head - 1,
			.ring = (look->head_ring + ring_size(cpu) - 1) % ring_size(cpu),
		};
		is_in_ring = false;
	} else {
		skip_to(cpu, look->head);
		if (cpu->next > look->commit || look->is_on_reader)
			return false;
		mark = (struct window_mark) {
			.index = 0,
			.number = cpu->next,
			.ring = (look->head_ring + (uint32_t)(cpu->next - look->head)) %
				ring_size(cpu),
		};
		mark.index = cpu->slots[mark.ring + 1];
		is_in_ring = true;
	}
	is_whole = is_complete(cpu, &mark, is_in_ring);
	if (!is_whole && !wants_begun)
		return false;
	copied = copy_subbuf(cpu, out, &mark, is_rest ? mark.commit : 0, is_in_ring);
	if (copied == PASSED) {
		*is_torn = true;
		return false;
	}
	if (copied == NONSENSE) {
		cpu->problem = "a commit is larger than its sub-buffer";
		if (!is_whole)
			return false;
		cpu->damaged++;
		cpu->lost++;
		gap(cpu);
		/* nothing of it can be taken for the rest of another */
		mark.commit = 0;
	}
	if (!is_whole && !mark.commit)
		return false;
	cpu->current = mark;
	cpu->has_current = true;
	cpu->is_done = is_whole;
	cpu->next = mark.number + is_whole;
	return is_whole;
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

enum window_result window_cpu_take(struct window_cpu *cpu, GByteArray *out, uint64_t limit,
				   bool wants_begun)
{
	guint start = out->len;
	bool is_torn = false;
	unsigned int seen;

	if (cpu->is_absent || !look_at(cpu))
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
