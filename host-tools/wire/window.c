// SPDX-License-Identifier: GPL-2.0-only
/* The window's own description; see window.h. */
#include "wire/window.h"

#include <endian.h>
#include <string.h>

#include "wire/bytes.h"
#include "wire/page.h"
#include "wire/text.h"

#define MAGIC			0x0badfeedU
#define HEAD_SIZE_6_12		56
#define HEAD_SIZE_6_15		24
#define CPU_SIZE_6_15		32
#define CPU_SIZE_6_15_INJECT	40

/* A page of the guest, at least; an order of pages, at most. */
#define MIN_SUBBUF_SIZE		4096
#define MAX_SUBBUF_SIZE		0x100000

/* The reader's, and two for the ring: the kernel takes no fewer. */
#define MIN_SUBBUFS		3

/* Kernel addresses of both architectures have the upper bits set. */
#define KERNEL_ADDRESS		0xffff000000000000ULL

static const char *const clocks[] = {
	"local", "global", "counter", "uptime", "perf", "mono", "mono_raw", "boot", "tai",
};

const char *window_layout_text(uint32_t layout)
{
	switch (layout) {
	case WINDOW_LAYOUT_6_12:
		return "6.12";
	case WINDOW_LAYOUT_6_15:
		return "6.15";
	default:
		return "none";
	}
}

const char *window_text_symbol(uint32_t layout)
{
	return layout == WINDOW_LAYOUT_6_12 ? "rb_meta_init_text_addr" : "_text";
}

const char *window_clock_text(uint32_t clock_id)
{
	return clock_id < G_N_ELEMENTS(clocks) ? clocks[clock_id] : NULL;
}

static bool is_kernel_address(uint64_t address)
{
	return address >= KERNEL_ADDRESS;
}

/**
 * parse_notes - what the tracer of 6.15 and newer writes for the next boot
 * @notes: three words of it; zeros until the tracer begins
 */
static void parse_notes(const uint8_t *notes, struct window_head *out)
{
	uint64_t first = get_u64(notes), second = get_u64(notes + 8);

	if (is_kernel_address(first)) {
		out->text_addr = first;
	} else if (first < G_N_ELEMENTS(clocks) + 16 && is_kernel_address(second)) {
		out->clock_id = (uint32_t)first;
		out->text_addr = second;
	}
}

const char *window_parse_head(const void *head, uint64_t size, struct window_head *out)
{
	const uint8_t *bytes = head;
	uint32_t magic = get_u32(bytes), sizes = get_u32(bytes + 4);
	struct window_head result = { .clock_id = WINDOW_CLOCK_UNKNOWN };
	uint64_t total, offset;
	unsigned int i;

	if (magic != MAGIC) {
		for (i = 0; i < WINDOW_HEAD_SIZE; i++)
			if (bytes[i])
				return "unknown layout: no ring buffer begins at its start";
		*out = result;
		return NULL;
	}
	if (sizes == HEAD_SIZE_6_12) {
		result.layout = WINDOW_LAYOUT_6_12;
		result.cpu_meta_size = HEAD_SIZE_6_12;
		result.end = size;
		result.text_addr = get_u64(bytes + 8);
		if (!is_kernel_address(result.text_addr))
			return "unknown layout: text_addr is no kernel address";
		*out = result;
		return NULL;
	}
	if (sizes != (HEAD_SIZE_6_15 << 16 | CPU_SIZE_6_15) &&
	    sizes != (HEAD_SIZE_6_15 << 16 | CPU_SIZE_6_15_INJECT))
		return "unknown layout: structures of other sizes";
	result.layout = WINDOW_LAYOUT_6_15;
	result.cpu_meta_size = sizes & 0xffff;
	total = get_u64(bytes + 8);
	offset = get_u64(bytes + 16);
	/* magic and sizes are written first, these two later */
	if (!total || !offset) {
		result.layout = WINDOW_LAYOUT_NONE;
		*out = result;
		return NULL;
	}
	if (total > size || offset % 8 || offset < HEAD_SIZE_6_15 || offset > total ||
	    total - offset < CPU_SIZE_6_15_INJECT)
		return "unknown layout: buffers outside the window";
	result.first_cpu = offset;
	result.end = total;
	if (offset >= HEAD_SIZE_6_15 + 24)
		parse_notes(bytes + HEAD_SIZE_6_15, &result);
	*out = result;
	return NULL;
}

unsigned int window_head_place(const struct window_head *head)
{
	return head->layout == WINDOW_LAYOUT_6_12 ? 32 : 8;
}

const char *window_parse_cpu(const struct window_head *head, const void *bytes, uint64_t offset,
			     const struct window_cpu_meta *first, struct window_cpu_meta *out)
{
	bool is_old = head->layout == WINDOW_LAYOUT_6_12;
	const uint8_t *place = (const uint8_t *)bytes + window_head_place(head);
	struct window_cpu_meta meta = {
		.offset = offset,
		.buffers = offset + head->cpu_meta_size,
		.first_buffer = get_u64(place - 8),
		.subbuf_size = get_u32(place + 16),
		.nr_subbufs = get_u32(place + 20),
	};

	if (is_old && (get_u32(bytes) != MAGIC ||
		       get_u32((const uint8_t *)bytes + 4) != HEAD_SIZE_6_12))
		return "unknown layout: no description where a CPU's has to be";
	if (meta.subbuf_size < MIN_SUBBUF_SIZE || meta.subbuf_size > MAX_SUBBUF_SIZE ||
	    (meta.subbuf_size & (meta.subbuf_size - 1)))
		return "unknown layout: size of a sub-buffer";
	if (offset > head->end || meta.nr_subbufs < MIN_SUBBUFS ||
	    meta.nr_subbufs > (head->end - offset) / meta.subbuf_size)
		return "unknown layout: number of sub-buffers";
	/* no overflow: all of it is below 2^37 */
	meta.data = meta.buffers + 4ULL * meta.nr_subbufs;
	meta.data = (meta.data + meta.subbuf_size - 1) & ~(uint64_t)(meta.subbuf_size - 1);
	meta.end = meta.data + (uint64_t)meta.nr_subbufs * meta.subbuf_size;
	if (meta.end > head->end)
		return "unknown layout: sub-buffers outside the window";
	if (!is_kernel_address(meta.first_buffer) ||
	    meta.first_buffer % meta.subbuf_size ||
	    meta.first_buffer > UINT64_MAX - (meta.end - meta.data))
		return "unknown layout: address of the sub-buffers";
	/* the window is mapped in one piece */
	if (first && (meta.subbuf_size != first->subbuf_size ||
		      meta.nr_subbufs != first->nr_subbufs ||
		      meta.first_buffer - first->first_buffer != meta.data - first->data))
		return "unknown layout: CPUs that do not fit each other";
	*out = meta;
	return NULL;
}

bool window_subbuf_index(const struct window_cpu_meta *meta, uint64_t address, uint32_t *out)
{
	uint64_t distance = address - meta->first_buffer;

	if (address < meta->first_buffer || distance % meta->subbuf_size ||
	    distance / meta->subbuf_size >= meta->nr_subbufs)
		return false;
	*out = (uint32_t)(distance / meta->subbuf_size);
	return true;
}

void window_meta_build(const struct window_meta *meta, struct wire_window_meta *out)
{
	memset(out, 0, sizeof(*out));
	out->layout = htole32(meta->layout);
	out->cpu = htole32(meta->cpu);
	out->nr_cpus = htole32(meta->nr_cpus);
	out->subbuf_size = htole32(meta->subbuf_size);
	out->nr_subbufs = htole32(meta->nr_subbufs);
	out->clock_id = htole32(meta->clock_id);
	out->text_addr = htole64(meta->text_addr);
	out->first_buffer = htole64(meta->first_buffer);
	out->kernel = htole32(meta->kernel);
	memcpy(out->text_symbol, meta->text_symbol,
	       strnlen(meta->text_symbol, sizeof(out->text_symbol)));
}

bool window_meta_parse(const void *content, size_t size, struct window_meta *out)
{
	struct wire_window_meta raw;

	if (size < sizeof(raw))
		return false;
	memcpy(&raw, content, sizeof(raw));
	*out = (struct window_meta) {
		.layout = le32toh(raw.layout),
		.cpu = le32toh(raw.cpu),
		.nr_cpus = le32toh(raw.nr_cpus),
		.subbuf_size = le32toh(raw.subbuf_size),
		.nr_subbufs = le32toh(raw.nr_subbufs),
		.clock_id = le32toh(raw.clock_id),
		.text_addr = le64toh(raw.text_addr),
		.first_buffer = le64toh(raw.first_buffer),
		.kernel = le32toh(raw.kernel),
	};
	text_copy(out->text_symbol, raw.text_symbol, sizeof(raw.text_symbol));
	return true;
}

void window_measure(const void *subbuf, size_t size, uint32_t skip, struct window_span *out)
{
	struct page_cursor cursor;
	struct page_event event;

	*out = (struct window_span) { 0 };
	page_cursor_init(&cursor, subbuf, size, 8);
	out->first_time = out->last_time = cursor.time;
	while (page_cursor_next(&cursor, &event)) {
		if (cursor.next <= skip)
			continue;
		if (!out->events || event.time < out->first_time)
			out->first_time = event.time;
		if (!out->events || event.time > out->last_time)
			out->last_time = event.time;
		out->events++;
	}
	out->end = cursor.next;
	out->is_damaged = cursor.damaged;
}
