// SPDX-License-Identifier: GPL-2.0-only
/* Mapping and checking a region; see region.h. */
#include "region/region.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "region/load.h"
#include "map-guard.h"
#include "wire/text.h"

#define BAD(...) g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, __VA_ARGS__)

/**
 * is_inside - see that a table lies in a part of the region
 * @offset: of the table, bytes
 * @count: of entries
 * @entry_size: bytes, below 2^32, as is @count, so that the product cannot wrap
 * @from: where the part begins
 * @to: and ends
 */
static bool is_inside(uint64_t offset, uint64_t count, uint64_t entry_size, uint64_t from,
		      uint64_t to)
{
	return offset >= from && offset <= to && count * entry_size <= to - offset;
}

/**
 * check_window - check where the driver's part ends and what lies behind it
 * @host: the parts before are checked
 */
static bool check_window(const struct region_host *host, GError **error)
{
	uint64_t size = host->window_size;
	int i;

	if (host->guest_end <= host->guest_offset || host->guest_end > host->region_size ||
	    host->guest_end % VHT_WINDOW_ALIGN != 0) {
		BAD("damaged region: guest_end=%" PRIu64, host->guest_end);
		return false;
	}
	for (i = 0; size && i < 2; i++) {
		if (size % VHT_WINDOW_ALIGN == 0 && host->window_offset[i] % VHT_WINDOW_ALIGN == 0 &&
		    is_inside(host->window_offset[i], 1, size, host->guest_end,
			      host->region_size))
			continue;
		BAD("damaged region: window size=%" PRIu64 " offset=%" PRIu64, size,
		    host->window_offset[i]);
		return false;
	}
	return true;
}

/**
 * parse_host - check the constant part of the host header [R4]
 * @raw: a private copy of it
 * @size: bytes that are mapped
 * @out: written only on success
 */
static bool parse_host(const struct vht_host_header *raw, uint64_t size, struct region_host *out,
		       GError **error)
{
	struct region_host host;
	uint32_t version = le32toh(raw->version);

	if (le64toh(raw->magic) != VHT_HOST_MAGIC) {
		BAD("not a region: bad magic");
		return false;
	}
	if (version != VHT_VERSION) {
		BAD("region of another version: version=%u, this program knows %d", version,
		    VHT_VERSION);
		return false;
	}

	host = (struct region_host) {
		.region_size = le64toh(raw->region_size),
		.guest_offset = le64toh(raw->guest_offset),
		.host_stream_offset = le64toh(raw->host_stream_offset),
		.host_stream_count = le32toh(raw->host_stream_count),
		.stream_size = le32toh(raw->stream_size),
		.consumer_offset = le64toh(raw->consumer_offset),
		.consumer_count = le32toh(raw->consumer_count),
		.consumer_size = le32toh(raw->consumer_size),
		.pid = le32toh(raw->pid),
		.counter_kind = le32toh(raw->counter_kind),
		.counter_hz = le64toh(raw->counter_hz),
		.start_mono_ns = le64toh(raw->start_mono_ns),
		.start_real_ns = le64toh(raw->start_real_ns),
		.guest_end = le64toh(raw->guest_end),
		.window_addr = le64toh(raw->window_addr),
		.window_size = le64toh(raw->window_size),
		.window_offset = { le64toh(raw->window_offset[0]),
				   le64toh(raw->window_offset[1]) },
	};
	memcpy(host.uuid, raw->uuid, sizeof(host.uuid));
	memcpy(host.boot_id, raw->boot_id, sizeof(host.boot_id));
	text_copy(host.name, raw->name, sizeof(raw->name));
	text_copy(host.vmm, raw->vmm, sizeof(raw->vmm));

	if (le32toh(raw->header_size) < sizeof(*raw)) {
		BAD("damaged region: header_size=%u", le32toh(raw->header_size));
		return false;
	}
	if (host.region_size != size || size % VHT_REGION_ALIGN != 0) {
		BAD("damaged region: it says size=%" PRIu64 ", the file has %" PRIu64,
		    host.region_size, size);
		return false;
	}
	if (host.guest_offset < VHT_REGION_ALIGN || host.guest_offset >= size ||
	    host.guest_offset % VHT_REGION_ALIGN != 0) {
		BAD("damaged region: guest_offset=%" PRIu64 " size=%" PRIu64, host.guest_offset,
		    size);
		return false;
	}
	if (host.host_stream_count > VHT_MAX_HOST_STREAMS ||
	    host.stream_size < sizeof(struct vht_stream) || host.stream_size % 64 != 0 ||
	    host.host_stream_offset % 64 != 0 ||
	    !is_inside(host.host_stream_offset, host.host_stream_count, host.stream_size,
		       sizeof(*raw), host.guest_offset)) {
		BAD("damaged region: host stream table offset=%" PRIu64 " count=%u entry=%u",
		    host.host_stream_offset, host.host_stream_count, host.stream_size);
		return false;
	}
	if (host.consumer_count > VHT_MAX_STREAMS ||
	    host.consumer_size < sizeof(struct vht_consumer) || host.consumer_size % 64 != 0 ||
	    host.consumer_offset % 64 != 0 ||
	    !is_inside(host.consumer_offset, host.consumer_count, host.consumer_size,
		       sizeof(*raw), host.guest_offset)) {
		BAD("damaged region: consumer table offset=%" PRIu64 " count=%u entry=%u",
		    host.consumer_offset, host.consumer_count, host.consumer_size);
		return false;
	}

	if (!check_window(&host, error))
		return false;

	*out = host;
	return true;
}

bool region_init(struct region *region, void *base, uint64_t size, bool is_writable,
		 GError **error)
{
	struct vht_host_header raw;
	struct region_host host;

	if (size < VHT_REGION_MIN_SIZE || size > VHT_REGION_MAX_SIZE) {
		BAD("not a region: size=%" PRIu64, size);
		return false;
	}
	/* partner: the device's release of the magic [R4] */
	load_acquire_le64(&((const struct vht_host_header *)base)->magic);
	memcpy(&raw, base, sizeof(raw));
	if (!parse_host(&raw, size, &host, error))
		return false;

	*region = (struct region) {
		.base = base,
		.size = size,
		.is_writable = is_writable,
		.host = host,
		.fd = -1,
	};
	return true;
}

/**
 * measure - how long the region in a file is
 *
 * Memory that was given to the VMM may go on behind the region: its header says
 * where it ends. Without one the rest of the file is taken for it.
 */
static uint64_t measure(int fd, uint64_t offset, uint64_t rest)
{
	struct vht_host_header header;

	if (pread(fd, &header, sizeof(header), offset) != sizeof(header) ||
	    le64toh(header.magic) != VHT_HOST_MAGIC || le64toh(header.region_size) > rest)
		return rest;
	return le64toh(header.region_size);
}

struct region *region_map(int fd, uint64_t offset, bool is_writable, GError **error)
{
	int protection = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
	struct map_guard *guard;
	struct region *region;
	struct stat st;
	uint64_t size;
	void *base;

	if (fstat(fd, &st) < 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot examine region: %s",
			    g_strerror(errno));
		goto close_fd;
	}
	if (!S_ISREG(st.st_mode)) {
		BAD("not a region: not a file");
		goto close_fd;
	}
	if (offset % VHT_REGION_ALIGN != 0 || offset > (uint64_t)st.st_size) {
		BAD("not a region: offset=%" PRIu64 " size of the file=%" PRIu64, offset,
		    (uint64_t)st.st_size);
		goto close_fd;
	}
	size = measure(fd, offset, st.st_size - offset);
	if (size < VHT_REGION_MIN_SIZE || size > VHT_REGION_MAX_SIZE) {
		BAD("not a region: size=%" PRIu64, size);
		goto close_fd;
	}
	base = mmap(NULL, size, protection, MAP_SHARED, fd, offset);
	if (base == MAP_FAILED) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot map region: size=%" PRIu64
			    ": %s", size, g_strerror(errno));
		goto close_fd;
	}
	guard = map_guard_new(base, size);
	region = g_new0(struct region, 1);
	if (!region_init(region, base, size, is_writable, error))
		goto free_region;
	region->fd = fd;
	region->offset = offset;
	region->guard = guard;
	return region;

free_region:
	g_free(region);
	map_guard_free(guard);
	munmap(base, size);
close_fd:
	close(fd);
	return NULL;
}

void region_free(struct region *region)
{
	if (!region)
		return;
	map_guard_free(region->guard);
	munmap(region->base, region->size);
	close(region->fd);
	g_free(region);
}

bool region_is_whole(const struct region *region)
{
	struct stat st;

	if (!region->guard)
		return true;
	/* a file cut inside a page reads as zeros there, without a signal */
	return !map_guard_has_fired(region->guard) && fstat(region->fd, &st) == 0 &&
	       (uint64_t)st.st_size >= region->offset &&
	       (uint64_t)st.st_size - region->offset >= region->size;
}

void region_live(const struct region *region, struct region_live *out)
{
	const struct vht_host_header *header = (const void *)region->base;

	out->epoch = load_le32(&header->epoch);
	out->reader = load_le32(&header->reader);
	out->reader_pid = load_le32(&header->reader_pid);
	out->alive = load_le32(&header->alive);
	/* partner: the device's store after it has zeroed the place [W3] */
	out->window_epoch[0] = load_acquire_le32(&header->window_epoch[0]);
	out->window_epoch[1] = load_acquire_le32(&header->window_epoch[1]);
}

enum region_guest_state region_guest(const struct region *region, struct region_guest *out,
				     const char **reason)
{
	const struct vht_guest_header *live =
		(const void *)(region->base + region->host.guest_offset);
	struct vht_guest_header raw;
	struct region_guest guest;
	uint32_t state;

	if (reason)
		*reason = NULL;
	/* partner: the driver's release of the state [R5] */
	state = load_acquire_le32(&live->state);
	memcpy(&raw, live, sizeof(raw));
	if (state == VHT_GUEST_NONE || le64toh(raw.magic) == 0)
		return REGION_GUEST_NONE;
	if (state == VHT_GUEST_INIT)
		return REGION_GUEST_CHANGING;

	guest = (struct region_guest) {
		.epoch = le32toh(raw.epoch),
		.generation = le32toh(raw.generation),
		.stream_count = le32toh(raw.stream_count),
		.stream_size = le32toh(raw.stream_size),
		.stream_offset = le64toh(raw.stream_offset),
	};
	read_barrier();
	/* READY may have become GONE meanwhile: that touches no table */
	if (load_le32(&live->state) == VHT_GUEST_INIT ||
	    load_le32(&live->epoch) != guest.epoch ||
	    load_le32(&live->generation) != guest.generation)
		return REGION_GUEST_CHANGING;

	if (le64toh(raw.magic) != VHT_GUEST_MAGIC)
		goto bad_magic;
	if (le32toh(raw.version) != VHT_VERSION)
		goto bad_version;
	if (state != VHT_GUEST_READY && state != VHT_GUEST_GONE)
		goto bad_state;
	if (le32toh(raw.header_size) < sizeof(raw))
		goto bad_header_size;
	if (guest.stream_count > VHT_MAX_STREAMS - VHT_STREAM_ID_GUEST ||
	    guest.stream_size < sizeof(struct vht_stream) || guest.stream_size % 64 != 0 ||
	    guest.stream_offset % 64 != 0 ||
	    !is_inside(guest.stream_offset, guest.stream_count, guest.stream_size,
		       region->host.guest_offset + sizeof(raw), region->host.guest_end))
		goto bad_table;

	*out = guest;
	return state == VHT_GUEST_READY ? REGION_GUEST_READY : REGION_GUEST_GONE;

#define REASON(label, text) label: if (reason) *reason = text; return REGION_GUEST_BAD
	REASON(bad_magic, "bad magic in the guest header");
	REASON(bad_version, "guest driver of another version");
	REASON(bad_state, "unknown state in the guest header");
	REASON(bad_header_size, "bad header size in the guest header");
	REASON(bad_table, "guest's stream table outside its part of the region");
#undef REASON
}

bool region_guest_is_same(const struct region *region, const struct region_guest *guest)
{
	const struct vht_guest_header *live =
		(const void *)(region->base + region->host.guest_offset);
	uint32_t state;

	read_barrier();
	state = load_acquire_le32(&live->state);
	return (state == VHT_GUEST_READY || state == VHT_GUEST_GONE) &&
	       load_le64(&live->magic) == VHT_GUEST_MAGIC &&
	       load_le32(&live->epoch) == guest->epoch &&
	       load_le32(&live->generation) == guest->generation;
}

const struct vht_stream *region_host_entry(const struct region *region, uint32_t index)
{
	return (const void *)(region->base + region->host.host_stream_offset +
			      (uint64_t)index * region->host.stream_size);
}

const struct vht_stream *region_guest_entry(const struct region *region,
					    const struct region_guest *guest, uint32_t index)
{
	return (const void *)(region->base + guest->stream_offset +
			      (uint64_t)index * guest->stream_size);
}

struct vht_consumer *region_consumer(const struct region *region, uint32_t id)
{
	if (id >= region->host.consumer_count)
		return NULL;
	return (void *)(region->base + region->host.consumer_offset +
			(uint64_t)id * region->host.consumer_size);
}
