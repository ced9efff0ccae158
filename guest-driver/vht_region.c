// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region: claimed, mapped write-back [R3], and divided into the streams of
 * this driver [R5] [R6].
 *
 * The region is host memory. What the host pages say is read once, checked
 * against the memory that is really there, and refused with a message if it does
 * not fit [G2].
 */
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/sizes.h>
#include <linux/virtio_config.h>

#include "vht_internal.h"

/* Of the metadata stream. */
#define VHT_METADATA_MIN	SZ_512K
#define VHT_METADATA_MAX	SZ_8M

/* Of the spool. */
#define VHT_SPOOL_MIN		SZ_256K
#define VHT_SPOOL_MAX		SZ_32M

/* The least that is of use to a CPU; room for some sub-buffers in any case. */
#define VHT_RING_MIN		SZ_64K

/* All we need to know of the host pages, checked. */
struct vht_host {
	u64 guest_offset;
	u64 guest_end;
	u64 consumer_offset;
	u32 consumer_count;
	u32 consumer_size;
	u32 epoch;
};

static int vht_region_check(struct vht *vht, struct vht_host *host)
{
	const struct vht_host_header *header = vht->base;
	struct device *dev = &vht->vdev->dev;
	u32 version;
	u64 magic, size;

	/* Partner: the device stores magic after all that is constant [R4]. */
	magic = le64_to_cpu((__force __le64)virt_load_acquire(&header->magic));
	version = le32_to_cpu(READ_ONCE(header->version));
	size = le64_to_cpu(READ_ONCE(header->region_size));
	host->guest_offset = le64_to_cpu(READ_ONCE(header->guest_offset));
	host->guest_end = le64_to_cpu(READ_ONCE(header->guest_end));
	host->consumer_offset = le64_to_cpu(READ_ONCE(header->consumer_offset));
	host->consumer_count = le32_to_cpu(READ_ONCE(header->consumer_count));
	host->consumer_size = le32_to_cpu(READ_ONCE(header->consumer_size));
	host->epoch = le32_to_cpu(READ_ONCE(header->epoch));

	if (magic != VHT_HOST_MAGIC) {
		dev_err(dev, "not a hypertrace region: magic=%#llx\n", magic);
		return -EINVAL;
	}
	if (version != VHT_VERSION) {
		dev_err(dev, "the device speaks another version: version=%u, wanted %u\n",
			version, VHT_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (size > vht->size || size % VHT_REGION_ALIGN) {
		dev_err(dev, "bad region size: size=%#llx mapped=%#llx\n", size, vht->size);
		return -EINVAL;
	}
	vht->size = size;
	if (!host->guest_offset || host->guest_offset % VHT_REGION_ALIGN ||
	    host->guest_offset >= size) {
		dev_err(dev, "bad start of the guest part: offset=%#llx size=%#llx\n",
			host->guest_offset, size);
		return -EINVAL;
	}
	/* What lies behind is the window's: other guest code writes there [R8]. */
	if (host->guest_end <= host->guest_offset || host->guest_end > size ||
	    !IS_ALIGNED(host->guest_end, PAGE_SIZE)) {
		dev_err(dev, "bad end of the guest part: end=%#llx start=%#llx size=%#llx\n",
			host->guest_end, host->guest_offset, size);
		return -EINVAL;
	}
	if (host->consumer_size < sizeof(struct vht_consumer) ||
	    host->consumer_size % sizeof(u64) || host->consumer_offset % sizeof(u64) ||
	    host->consumer_offset >= host->guest_offset ||
	    (u64)host->consumer_count * host->consumer_size >
	    host->guest_offset - host->consumer_offset) {
		dev_err(dev, "bad consumer table: offset=%#llx count=%u entry=%u\n",
			host->consumer_offset, host->consumer_count, host->consumer_size);
		return -EINVAL;
	}
	return 0;
}

/**
 * vht_region_map - map the region and check it
 *
 * @vht: the device; base and size are set
 *
 * Return: 0 or a negative error number; what was wrong is in the log.
 */
int vht_region_map(struct vht *vht)
{
	struct device *dev = &vht->vdev->dev;
	struct virtio_shm_region shm;
	struct vht_host host;
	int ret;

	if (!virtio_get_shm_region(vht->vdev, &shm, VIRTIO_HYPERTRACE_SHM_REGION)) {
		dev_err(dev, "the device has no shared memory region: id=%d\n",
			VIRTIO_HYPERTRACE_SHM_REGION);
		return -ENODEV;
	}
	if (shm.len < VHT_REGION_MIN_SIZE || shm.len > VHT_REGION_MAX_SIZE) {
		dev_err(dev, "bad length of shared memory: length=%#llx\n", shm.len);
		return -EINVAL;
	}
	if (!devm_request_mem_region(dev, shm.addr, shm.len, dev_name(dev))) {
		dev_err(dev, "shared memory is in use: address=%#llx length=%#llx\n",
			shm.addr, shm.len);
		return -EBUSY;
	}
	vht->size = shm.len;
	vht->base = memremap(shm.addr, shm.len, MEMREMAP_WB);
	if (!vht->base) {
		dev_err(dev, "cannot map shared memory: address=%#llx length=%#llx\n",
			shm.addr, shm.len);
		ret = -ENOMEM;
		goto err_release;
	}
	ret = vht_region_check(vht, &host);
	if (ret)
		goto err_unmap;
	vht->guest_offset = host.guest_offset;
	vht->epoch = host.epoch;
	return 0;

err_unmap:
	memunmap(vht->base);
	vht->base = NULL;
err_release:
	devm_release_mem_region(dev, shm.addr, shm.len);
	return ret;
}

/**
 * vht_region_unmap - undo vht_region_map()
 *
 * @vht: the device
 */
void vht_region_unmap(struct vht *vht)
{
	struct virtio_shm_region shm;

	memunmap(vht->base);
	vht->base = NULL;
	if (virtio_get_shm_region(vht->vdev, &shm, VIRTIO_HYPERTRACE_SHM_REGION))
		devm_release_mem_region(&vht->vdev->dev, shm.addr, shm.len);
}

static struct vht_guest_header *vht_guest_header(struct vht *vht)
{
	return vht->base + vht->guest_offset;
}

/* One more than the last driver of this epoch had, else 1 [R6]. */
static u32 vht_next_generation(struct vht *vht)
{
	const struct vht_guest_header *header = vht_guest_header(vht);
	u32 generation;

	if (le64_to_cpu(header->magic) != VHT_GUEST_MAGIC ||
	    le32_to_cpu(header->epoch) != vht->epoch)
		return 1;
	generation = le32_to_cpu(header->generation) + 1;
	return generation ? generation : 1;
}

/* What is being laid out, and how far it has come. */
struct vht_layout {
	struct vht_host host;
	struct vht_stream *table;
	u32 count;
	u64 offset;			/* of the next ring */
};

static void vht_layout_stream(struct vht *vht, struct vht_layout *layout,
			      struct vht_producer *producer, u32 cpu, u16 flags, u64 size)
{
	const struct vht_source *source = producer->source;
	const struct vht_host_header *host = vht->base;
	struct vht_ring *ring = &producer->ring;
	u32 id = VHT_STREAM_ID_GUEST + layout->count;
	struct vht_stream *stream = &layout->table[layout->count];

	raw_spin_lock_init(&producer->lock);
	producer->vht = vht;
	producer->cpu = cpu;

	memset(stream, 0, sizeof(*stream));
	stream->id = cpu_to_le32(id);
	stream->source = cpu_to_le16(source ? source->type : VHT_SOURCE_METADATA);
	stream->flags = cpu_to_le16(flags);
	stream->cpu = cpu_to_le32(cpu);
	stream->clock = cpu_to_le32(source ? source->clock : VHT_CLOCK_COUNTER);
	stream->ring_offset = cpu_to_le64(layout->offset);
	stream->ring_size = cpu_to_le64(size);
	strscpy((char *)stream->name, source ? source->name : "metadata",
		sizeof(stream->name));

	ring->shared = stream;
	ring->data = vht->base + layout->offset;
	ring->size = size;
	ring->tail = vht->base + layout->host.consumer_offset +
		     (u64)id * layout->host.consumer_size;
	ring->reader = &host->reader;
	ring->keep_oldest = flags & VHT_STREAM_KEEP_OLDEST;
	ring->id = id;
	ring->cpu = cpu;
	ring->epoch = vht->epoch;
	ring->generation = vht->generation;
	vht_ring_init(ring);

	layout->count++;
	layout->offset += size;
}

/* Does the source take an equal share of what the others leave? */
static bool vht_source_shares(const struct vht_source *source)
{
	return source->type == VHT_SOURCE_FTRACE || source->type == VHT_SOURCE_LTTNG;
}

static unsigned int vht_source_streams(const struct vht_source *source)
{
	return source->single ? 1 : num_possible_cpus();
}

/* Bytes of each ring of @source; 0: a share. */
static u64 vht_source_ring_size(const struct vht_source *source, u64 guest_size)
{
	if (vht_source_shares(source))
		return 0;
	if (source->type == VHT_SOURCE_SPOOL)
		return clamp_t(u64, ALIGN_DOWN(guest_size / 8, PAGE_SIZE), VHT_SPOOL_MIN,
			       VHT_SPOOL_MAX);
	return vht_heartbeat_ring_size();
}

/* Makes the streams of a source. @share: bytes of ring that it gets if it shares. */
static void vht_layout_source(struct vht *vht, struct vht_layout *layout,
			      struct vht_source *source, u64 guest_size, u64 share)
{
	u64 size = vht_source_ring_size(source, guest_size) ?: share;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct vht_producer *producer = vht_producer(source, cpu);

		if (!producer)
			continue;
		producer->source = source;
		vht_layout_stream(vht, layout, producer, source->single ? VHT_CPU_NONE : cpu, 0,
				  size);
	}
}

/**
 * vht_region_layout - divide the guest part into streams, and say so
 *
 * @vht: the device; its sources are open and have their producers
 *
 * One stream of metadata, and for each source one a possible CPU: a table that
 * never changes is what makes CPU hotplug simple. ftrace's streams and LTTng's share what
 * the others leave.
 *
 * Return: 0 or a negative error number; what was wrong is in the log.
 */
int vht_region_layout(struct vht *vht)
{
	struct vht_guest_header *header = vht_guest_header(vht);
	struct device *dev = &vht->vdev->dev;
	unsigned int cpus = num_possible_cpus();
	u64 guest_size, metadata_size, table_size, rest, share = 0;
	unsigned int i, sharers = 0;
	struct vht_layout layout = {};
	u32 count = 1;
	int ret;

	ret = vht_region_check(vht, &layout.host);
	if (ret)
		return ret;
	if (layout.host.guest_offset != vht->guest_offset) {
		dev_err(dev, "the guest part has moved: offset=%#llx, was %#llx\n",
			layout.host.guest_offset, vht->guest_offset);
		return -EINVAL;
	}
	for (i = 0; i < vht->source_count; i++)
		count += vht_source_streams(&vht->sources[i]);
	if (count > VHT_MAX_STREAMS - VHT_STREAM_ID_GUEST ||
	    count > layout.host.consumer_count - min_t(u32, VHT_STREAM_ID_GUEST,
						       layout.host.consumer_count)) {
		dev_err(dev, "too many streams for the device: streams=%u consumers=%u\n",
			count, layout.host.consumer_count);
		return -ENOSPC;
	}

	guest_size = layout.host.guest_end - vht->guest_offset;
	metadata_size = clamp_t(u64, ALIGN_DOWN(guest_size / 8, PAGE_SIZE),
				VHT_METADATA_MIN, VHT_METADATA_MAX);
	table_size = PAGE_ALIGN(sizeof(*header) + count * sizeof(struct vht_stream));
	rest = table_size + metadata_size;
	for (i = 0; i < vht->source_count; i++) {
		const struct vht_source *source = &vht->sources[i];

		sharers += vht_source_shares(source);
		rest += vht_source_streams(source) * vht_source_ring_size(source, guest_size);
	}
	if (rest < guest_size)
		share = ALIGN_DOWN((guest_size - rest) / (sharers * cpus), PAGE_SIZE);
	if (share < VHT_RING_MIN) {
		dev_err(dev,
			"region too small: size=%#llx ours=%#llx cpus=%u: each CPU needs %#x bytes, has %#llx\n",
			vht->size, guest_size, cpus, VHT_RING_MIN * sharers, share * sharers);
		return -ENOSPC;
	}

	vht->epoch = layout.host.epoch;
	vht->generation = vht_next_generation(vht);

	WRITE_ONCE(header->state, cpu_to_le32(VHT_GUEST_INIT));
	/* A reader sees INIT before anything else of ours; it looks again after [R5]. */
	virt_wmb();

	header->version = cpu_to_le32(VHT_VERSION);
	header->header_size = cpu_to_le32(sizeof(*header));
	header->features = 0;
	header->epoch = cpu_to_le32(vht->epoch);
	header->generation = cpu_to_le32(vht->generation);
	header->stream_count = cpu_to_le32(count);
	header->stream_offset = cpu_to_le64(vht->guest_offset + sizeof(*header));
	header->stream_size = cpu_to_le32(sizeof(struct vht_stream));
	header->slice_count = 0;
	header->slice_offset = 0;
	WRITE_ONCE(header->end_reason, cpu_to_le32(VHT_END_NONE));
	header->end_stage = cpu_to_le32(VHT_STAGE_NONE);
	header->end_counter = 0;
	memset(header->end_text, 0, sizeof(header->end_text));

	layout.table = (void *)(header + 1);
	layout.offset = vht->guest_offset + table_size;
	vht_layout_stream(vht, &layout, &vht->metadata.producer, VHT_CPU_NONE,
			  VHT_STREAM_KEEP_OLDEST, metadata_size);
	for (i = 0; i < vht->source_count; i++)
		vht_layout_source(vht, &layout, &vht->sources[i], guest_size, share);

	WRITE_ONCE(header->magic, cpu_to_le64(VHT_GUEST_MAGIC));
	/* Partner: the acquire load of state in a reader [R5]. */
	virt_store_release(&header->state, cpu_to_le32(VHT_GUEST_READY));
	dev_info(dev, "region: %llu MiB, %u streams, %llu KiB for each CPU's events\n",
		 vht->size >> 20, count, share * sharers >> 10);
	return 0;
}

/**
 * vht_region_is_renewed - has the host begun another epoch?
 *
 * @vht: the device
 *
 * Context: any.
 *
 * Return: true if what we laid out is of an epoch before.
 */
bool vht_region_is_renewed(const struct vht *vht)
{
	const struct vht_host_header *host = vht->base;

	return le32_to_cpu(READ_ONCE(host->epoch)) != READ_ONCE(vht->epoch);
}

/**
 * vht_region_set_end - say why the guest, or the driver, ends, and how far that is [G5]
 *
 * @vht: the device; its rings hold all that there was
 * @reason: VHT_END_*
 * @stage: VHT_STAGE_*
 * @text: what the kernel said of it, or NULL
 *
 * Context: any, a panic included.
 */
void vht_region_set_end(struct vht *vht, u32 reason, u32 stage, const char *text)
{
	struct vht_guest_header *header = vht_guest_header(vht);
	size_t len = text ? strnlen(text, sizeof(header->end_text) - 1) : 0;

	if (READ_ONCE(header->end_reason) != cpu_to_le32(reason)) {
		WRITE_ONCE(header->end_reason, cpu_to_le32(VHT_END_NONE));
		/*
		 * Another end overtakes the one that was on its way: no reader takes a mixture.
		 * Partner: the second look at end_reason in a reader.
		 */
		virt_wmb();
	}
	memcpy(header->end_text, text ?: "", len);
	memset(header->end_text + len, 0, sizeof(header->end_text) - len);
	WRITE_ONCE(header->end_stage, cpu_to_le32(stage));
	WRITE_ONCE(header->end_counter, cpu_to_le64(vht_counter()));
	/* Partner: the acquire load of end_reason in a reader [G5]. */
	virt_store_release(&header->end_reason, cpu_to_le32(reason));
}

/**
 * vht_region_set_gone - say goodbye: the rings stay valid
 *
 * @vht: the device; no producer is active any more
 */
void vht_region_set_gone(struct vht *vht)
{
	/* Release: all that the streams say is there before. Partner as in READY. */
	virt_store_release(&vht_guest_header(vht)->state, cpu_to_le32(VHT_GUEST_GONE));
}
