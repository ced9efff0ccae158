// SPDX-License-Identifier: GPL-2.0-only
/* Reading a window; see window.h for how and why. */
#include "region/window.h"

#include <string.h>

#include "region/load.h"

/* A problem with the description is told when it has stayed for that long. */
#define PROBLEM_NS	1000000000ULL

static void cpu_free(gpointer data)
{
	struct window_cpu *cpu = data;

	window_buffer_fini(&cpu->buffer);
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
		const uint64_t *live = (const void *)(window->base + offset + i);
		uint64_t word = __atomic_load_n(live, __ATOMIC_RELAXED);

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

static struct window_cpu *add_cpu(struct window *window)
{
	struct window_cpu *cpu = g_new0(struct window_cpu, 1);

	cpu->window = window;
	cpu->cpu = window->cpus->len;
	cpu->kernel = window->kernel;
	g_ptr_array_add(window->cpus, cpu);
	return cpu;
}

static struct window_cpu *cpu_at(const struct window *window, uint32_t i)
{
	return window->cpus->pdata[i];
}

static bool is_same_shape(const struct window_cpu_meta *a, const struct window_cpu_meta *b)
{
	return a->offset == b->offset && a->buffers == b->buffers &&
	       a->subbuf_size == b->subbuf_size && a->nr_subbufs == b->nr_subbufs;
}

/**
 * note_cpu - a CPU's description was read
 * @number: of the CPU
 * @meta: its description
 * @is_other: another kernel has taken over, as far as is known; set if this one says so
 */
static void note_cpu(struct window *window, const struct window_head *head, uint32_t number,
		     const struct window_cpu_meta *meta, bool *is_other)
{
	struct window_cpu *cpu;

	if (number == window->cpus->len) {
		cpu = add_cpu(window);
		cpu->has_gap = cpu->is_least = *is_other;
	} else {
		bool is_same;

		cpu = cpu_at(window, number);
		is_same = !cpu->is_absent && is_same_shape(&cpu->buffer.meta, meta);
		if (!is_same)
			window_cpu_forget(cpu);
		if (!is_same || cpu->buffer.meta.first_buffer != meta->first_buffer)
			*is_other = true;
		cpu->is_absent = false;
	}
	window_buffer_set(&cpu->buffer, window->base, head, meta);
}

/* CPUs whose description is not there any more: all from a number on. */
static void set_absent(struct window *window, uint32_t first)
{
	for (uint32_t i = first; i < window->cpus->len; i++)
		cpu_at(window, i)->is_absent = true;
}

/* Another kernel goes on in the window: from here on all is its. */
static void change_kernel(struct window *window)
{
	window->kernel++;
	for (uint32_t i = 0; i < window->cpus->len; i++) {
		cpu_at(window, i)->kernel = window->kernel;
		window_cpu_gap(cpu_at(window, i));
	}
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
	uint32_t i;

	for (i = 0; i < WINDOW_MAX_CPUS; i++, offset = meta.end) {
		const char *problem = read_cpu(window, head, offset, i ? &first : NULL, &meta);

		if (problem && !i)
			return problem;
		/* the end, or one that the kernel has not written yet */
		if (problem)
			break;
		if (!i)
			first = meta;
		note_cpu(window, head, i, &meta, &is_other);
	}
	set_absent(window, i);
	/* notes that the tracer had not written before are no other kernel's */
	if (window->head.text_addr && head->text_addr &&
	    window->head.text_addr != head->text_addr)
		is_other = true;
	if (is_other)
		change_kernel(window);
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
		set_absent(window, 0);
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
