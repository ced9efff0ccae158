/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A region: mapping it, checking what its host pages say, and taking copies of
 * the guest's tables. The guest part may hold anything and change at any time:
 * what is read there is copied once, checked, and the copy used [H1].
 *
 * The parsing works on any memory, so that tests and fuzzers need no device.
 */
#ifndef HYPERTRACE_REGION_REGION_H
#define HYPERTRACE_REGION_REGION_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "../wire/stream.h"

struct map_guard;

/**
 * struct region_host - the constant part of struct vht_host_header, checked
 * and in host order; same names and units
 */
struct region_host {
	uint64_t region_size;
	uint64_t guest_offset;
	uint64_t host_stream_offset;
	uint32_t host_stream_count;
	uint32_t stream_size;
	uint64_t consumer_offset;
	uint32_t consumer_count;
	uint32_t consumer_size;
	uint32_t pid;
	uint32_t counter_kind;
	uint64_t counter_hz;
	uint64_t start_mono_ns;
	uint64_t start_real_ns;
	uint8_t uuid[16];
	uint8_t boot_id[16];
	char name[65];
	char vmm[65];
	uint64_t guest_end;
	uint64_t window_addr;
	uint64_t window_size;
	uint64_t window_offset[2];
};

/**
 * struct region_live - the changing part of struct vht_host_header
 */
struct region_live {
	uint32_t epoch;
	uint32_t reader;
	uint32_t reader_pid;
	uint32_t alive;
	uint32_t window_epoch[2];
};

/**
 * struct region - a region in memory
 * @base: its start
 * @size: bytes that are mapped
 * @is_writable: consumer tails may be stored
 * @host: what the host header says
 * @fd: of the memory, -1 if it was given as plain memory
 * @offset: bytes, where the region begins in the memory behind @fd
 * @guard: notices truncation of the file, NULL for plain memory
 */
struct region {
	uint8_t *base;
	uint64_t size;
	bool is_writable;
	struct region_host host;
	int fd;
	uint64_t offset;
	struct map_guard *guard;
};

/**
 * region_init - take memory as a region
 * @region: to set
 * @base: the memory, aligned to 64 bytes; stays the caller's
 * @size: its bytes
 * @is_writable: consumer tails may be stored there
 * @error: %HT_ERROR_FORMAT and what is wrong
 * Return: false with @error set if it is no region that this program knows.
 */
bool region_init(struct region *region, void *base, uint64_t size, bool is_writable,
		 GError **error);

/**
 * region_map - map a region from a file descriptor
 * @fd: of the memory; the region owns it, also if this fails
 * @offset: bytes, where the region begins in it
 * @is_writable: map it so that consumer tails can be stored
 * @error: %HT_ERROR_FORMAT, or an I/O error
 * Return: the region, to be freed with region_free(), or NULL.
 */
struct region *region_map(int fd, uint64_t offset, bool is_writable, GError **error);

/**
 * region_free - unmap a region of region_map()
 * @region: the region, or NULL
 */
void region_free(struct region *region);

/**
 * region_is_whole - see that the file behind the region was not truncated
 * @region: the region
 *
 * Copies made before a call that returns true hold what the file held.
 *
 * Return: false once the file is shorter than the mapping.
 */
bool region_is_whole(const struct region *region);

/**
 * region_live - read the host header's changing part
 * @region: the region
 * @out: the values
 */
void region_live(const struct region *region, struct region_live *out);

/**
 * enum region_guest_state - what the guest header says
 * @REGION_GUEST_NONE: no driver has been there yet
 * @REGION_GUEST_CHANGING: a driver is writing its tables, or wrote meanwhile
 * @REGION_GUEST_READY: a driver is there and the tables are good
 * @REGION_GUEST_GONE: it said goodbye; the tables are good
 * @REGION_GUEST_BAD: the header makes no sense
 */
enum region_guest_state {
	REGION_GUEST_NONE,
	REGION_GUEST_CHANGING,
	REGION_GUEST_READY,
	REGION_GUEST_GONE,
	REGION_GUEST_BAD,
};

/**
 * struct region_guest - struct vht_guest_header, checked and in host order
 */
struct region_guest {
	uint32_t epoch;
	uint32_t generation;
	uint32_t stream_count;
	uint32_t stream_size;
	uint64_t stream_offset;
};

/**
 * region_guest - copy and check the guest header
 * @region: the region
 * @out: the copy, written only for %REGION_GUEST_READY and %REGION_GUEST_GONE
 * @reason: for %REGION_GUEST_BAD a constant string that says why, or NULL
 * Return: its state.
 */
enum region_guest_state region_guest(const struct region *region, struct region_guest *out,
				     const char **reason);

/**
 * region_guest_is_same - see whether tables copied before are still those
 * @region: the region
 * @guest: the header that was read before the copy
 *
 * A read barrier goes first [R6].
 *
 * Return: false if the driver has changed them since, or is about to.
 */
bool region_guest_is_same(const struct region *region, const struct region_guest *guest);

/**
 * region_host_entry - find the table entry of a host stream
 * @region: the region
 * @index: below host.host_stream_count
 * Return: the entry in the region.
 */
const struct vht_stream *region_host_entry(const struct region *region, uint32_t index);

/**
 * region_guest_entry - find the table entry of a guest stream
 * @region: the region
 * @guest: the guest header's copy
 * @index: below guest->stream_count
 * Return: the entry in the region.
 */
const struct vht_stream *region_guest_entry(const struct region *region,
					    const struct region_guest *guest, uint32_t index);

/**
 * region_consumer - find a stream's consumer entry
 * @region: the region
 * @id: of the stream
 * Return: the entry in the region, or NULL if the table has none for @id.
 */
struct vht_consumer *region_consumer(const struct region *region, uint32_t id);

#endif
