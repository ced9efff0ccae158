/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linux's persistent ring buffer, as its own description in the window says
 * that it is: where the buffers of the CPUs are. The description is the
 * kernel's private matter and differs between kernels: what is known is
 * recognised, all of it is checked, and what is not known is refused.
 *
 * Known layouts (all words little-endian, addresses are the guest's virtual
 * ones, x86-64 and arm64):
 *
 *   "6.12" (6.12 to 6.14): for each CPU
 *	u32 magic, u32 struct_size (56), u64 text_addr, u64 data_addr,
 *	u64 first_buffer, u64 head_buffer, u64 commit_buffer,
 *	u32 subbuf_size, u32 nr_subbufs, s32 buffers[nr_subbufs]
 *	and, from the next multiple of subbuf_size on, the sub-buffers; then the
 *	next CPU. text_addr is the address of rb_meta_init_text_addr.
 *
 *   "6.15" (6.15 and newer): once
 *	u32 magic, u32 struct_sizes (24 << 16 | size of a CPU's), u64 total_size,
 *	u64 buffers_offset, then up to there the tracer's own notes:
 *	6.15		u64 text_addr, u64 nr_entries...
 *	6.16 and newer	u32 clock_id, u32 unused, u64 text_addr, u64 nr_entries...
 *	then for each CPU
 *	u64 first_buffer, u64 head_buffer, u64 commit_buffer,
 *	u32 subbuf_size, u32 nr_subbufs (, u32, u32: some test kernels),
 *	s32 buffers[nr_subbufs], and the sub-buffers as above. text_addr is the
 *	address of _text.
 *
 * The functions are pure: they work on copies, which may hold anything.
 */
#ifndef HYPERTRACE_WIRE_WINDOW_H
#define HYPERTRACE_WIRE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_hypertrace.h"

/* A packet's stream_id: this plus the CPU's number. */
#define WINDOW_STREAM_ID	65536

/* CPUs that are looked for. */
#define WINDOW_MAX_CPUS		4096

/* Bytes in front of a sub-buffer's data: u64 time, u64 commit. */
#define WINDOW_SUBBUF_HEADER	16

/* Bits of the commit word that are no length: the kernel's own readers set them. */
#define WINDOW_COMMIT_FLAGS	(3U << 30)

/*
 * vht_packet.flags of a %VHT_PACKET_WINDOW, beside the ABI's: subbufs_lost is the
 * least number; more may have been lost.
 */
#define WINDOW_PACKET_AT_LEAST	(1U << 16)

/**
 * enum window_layout - layouts of the description
 * @WINDOW_LAYOUT_NONE: there is nothing yet: zeros
 * @WINDOW_LAYOUT_6_12: one description a CPU
 * @WINDOW_LAYOUT_6_15: a common one, and one a CPU
 */
enum window_layout {
	WINDOW_LAYOUT_NONE,
	WINDOW_LAYOUT_6_12,
	WINDOW_LAYOUT_6_15,
};

/** window_layout_text - a layout's name, e.g. "6.12" */
const char *window_layout_text(uint32_t layout);

/* Bytes at the start of the window that window_parse_head() looks at. */
#define WINDOW_HEAD_SIZE	64

/* Bytes at the start of a CPU's description that window_parse_cpu() looks at. */
#define WINDOW_CPU_SIZE		56

#define WINDOW_CLOCK_UNKNOWN	0xffffffffU

/**
 * struct window_head - what holds for all CPUs
 * @layout: of the description
 * @cpu_meta_size: bytes of a CPU's description before buffers[]
 * @first_cpu: bytes from the window's start to that of CPU 0
 * @end: bytes from the window's start to the end of all buffers
 * @text_addr: where the kernel lies, 0 if not known: of window_text_symbol()
 * @clock_id: index of the clock in the kernel's list, or %WINDOW_CLOCK_UNKNOWN
 */
struct window_head {
	enum window_layout layout;
	uint32_t cpu_meta_size;
	uint64_t first_cpu;
	uint64_t end;
	uint64_t text_addr;
	uint32_t clock_id;
};

/**
 * struct window_cpu_meta - one CPU's description
 * @offset: of it in the window, bytes
 * @buffers: offset of buffers[]
 * @data: offset of the first sub-buffer
 * @end: offset of what comes behind the last one: the next CPU
 * @first_buffer: address of the first sub-buffer
 * @subbuf_size: bytes of a sub-buffer
 * @nr_subbufs: how many there are, the reader's included
 */
struct window_cpu_meta {
	uint64_t offset;
	uint64_t buffers;
	uint64_t data;
	uint64_t end;
	uint64_t first_buffer;
	uint32_t subbuf_size;
	uint32_t nr_subbufs;
};

/**
 * window_parse_head - recognise the layout
 * @head: %WINDOW_HEAD_SIZE bytes from the start of the window, a copy
 * @size: bytes of the window
 * @out: written on success; @out->layout may be %WINDOW_LAYOUT_NONE
 * Return: NULL on success, else a constant string: what is unknown or wrong.
 */
const char *window_parse_head(const void *head, uint64_t size, struct window_head *out);

/**
 * window_parse_cpu - check a CPU's description
 * @head: the common part
 * @bytes: %WINDOW_CPU_SIZE bytes from @offset on, a copy
 * @offset: where in the window
 * @first: that of CPU 0, which the others have to agree with; NULL for CPU 0
 * @out: written on success
 * Return: NULL on success, else a constant string: what is wrong.
 */
const char *window_parse_cpu(const struct window_head *head, const void *bytes, uint64_t offset,
			     const struct window_cpu_meta *first, struct window_cpu_meta *out);

/**
 * window_head_place - where head_buffer lies in a CPU's description
 * @head: the common part
 * Return: bytes from the description's start; commit_buffer is 8 bytes behind.
 */
unsigned int window_head_place(const struct window_head *head);

/**
 * window_subbuf_index - the sub-buffer that an address means
 * @meta: the CPU's description
 * @address: the guest's virtual one
 * @out: 0 to @meta->nr_subbufs - 1; written on success
 * Return: false if it is none of this CPU's.
 */
bool window_subbuf_index(const struct window_cpu_meta *meta, uint64_t address, uint32_t *out);

/** window_text_symbol - the symbol that text_addr is the address of */
const char *window_text_symbol(uint32_t layout);

/**
 * window_clock_text - a clock's name as trace_clock gives it
 * @clock_id: as in struct window_head
 * Return: the name, or NULL if the number is not known.
 */
const char *window_clock_text(uint32_t clock_id);

/**
 * struct wire_window_meta - content of a %VHT_PACKET_WINDOW_META, little-endian
 * @layout: enum window_layout
 * @cpu: whose buffer
 * @nr_cpus: CPUs in the window, as far as they were found then
 * @subbuf_size: bytes
 * @nr_subbufs: of this CPU
 * @clock_id: %WINDOW_CLOCK_UNKNOWN if the description does not say
 * @text_addr: of @text_symbol, 0 if not known
 * @first_buffer: the guest's address of the first sub-buffer
 * @kernel: 0, 1, 2...: one more each time that another kernel took over the
 *	window in this epoch
 * @text_symbol: NUL-padded
 */
struct wire_window_meta {
	__le32 layout;
	__le32 cpu;
	__le32 nr_cpus;
	__le32 subbuf_size;
	__le32 nr_subbufs;
	__le32 clock_id;
	__le64 text_addr;
	__le64 first_buffer;
	__le32 kernel;
	__le32 reserved;
	__u8 text_symbol[32];
};

/**
 * struct window_meta - struct wire_window_meta in host order
 * @text_symbol: ends with a NUL, printable
 */
struct window_meta {
	uint32_t layout;
	uint32_t cpu;
	uint32_t nr_cpus;
	uint32_t subbuf_size;
	uint32_t nr_subbufs;
	uint32_t clock_id;
	uint64_t text_addr;
	uint64_t first_buffer;
	uint32_t kernel;
	char text_symbol[33];
};

/** window_meta_build - write the content of a %VHT_PACKET_WINDOW_META */
void window_meta_build(const struct window_meta *meta, struct wire_window_meta *out);

/**
 * window_meta_parse - read one
 * @content: the packet's content, any alignment
 * @size: bytes of it
 * @out: written on success
 * Return: false if it is too short.
 */
bool window_meta_parse(const void *content, size_t size, struct window_meta *out);

/**
 * struct window_span - what a sub-buffer holds
 * @events: from the skipped bytes on
 * @first_time: none of them is earlier; the sub-buffer's own if there are none
 * @last_time: none of them is later; the sub-buffer's own if there are none
 * @end: bytes of data that were understood
 * @is_damaged: the events do not end where the commit word says
 */
struct window_span {
	uint64_t events;
	uint64_t first_time;
	uint64_t last_time;
	uint32_t end;
	bool is_damaged;
};

/**
 * window_measure - walk the events of a sub-buffer
 * @subbuf: time, commit word, data: a copy
 * @size: bytes of it
 * @skip: bytes of data before the events that are wanted
 * @out: what was found
 */
void window_measure(const void *subbuf, size_t size, uint32_t skip, struct window_span *out);

#endif
