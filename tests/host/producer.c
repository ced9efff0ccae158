// SPDX-License-Identifier: GPL-2.0-only
/* A device and a driver for tests; see producer.h. */
#include "producer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#ifdef NDEBUG
#error "tests need their assertions: build without NDEBUG"
#endif

#define HOST_RING_OFFSET	0x100000
#define HOST_RING_SIZE		0x10000
#define HOST_STREAM_OFFSET	0x1000
#define CONSUMER_OFFSET		0x10000

/* The ABI is little-endian, and so are the machines these tests run on. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the producer of the tests is for little-endian machines"
#endif

static void init_stream(struct producer *producer, struct producer_stream *stream,
			struct vht_stream *live, uint32_t id, uint16_t source, uint32_t cpu,
			uint32_t clock, uint64_t offset, uint64_t size)
{
	memset(live, 0, sizeof(*live));
	live->id = id;
	live->source = source;
	live->cpu = cpu;
	live->clock = clock;
	live->ring_offset = offset;
	live->ring_size = size;
	*stream = (struct producer_stream) {
		.live = live,
		.ring = producer->base + offset,
	};
}

void producer_init(struct producer *producer, void *base, uint64_t size, const char *name)
{
	struct vht_host_header *host = base;

	assert(size >= VHT_REGION_MIN_SIZE && size % VHT_REGION_ALIGN == 0);
	*producer = (struct producer) { .base = base, .size = size, .host = host };
	host->version = VHT_VERSION;
	host->header_size = sizeof(*host);
	host->region_size = size;
	host->guest_offset = VHT_REGION_ALIGN;
	host->host_stream_offset = HOST_STREAM_OFFSET;
	host->host_stream_count = 1;
	host->stream_size = sizeof(struct vht_stream);
	host->consumer_offset = CONSUMER_OFFSET;
	host->consumer_count = VHT_MAX_STREAMS;
	host->consumer_size = sizeof(struct vht_consumer);
	host->pid = 4711;
	host->counter_kind = VHT_COUNTER_X86_TSC;
	host->counter_hz = 1000000000;
	host->start_mono_ns = 5000000000;
	host->start_real_ns = 1700000000000000000;
	memset(host->uuid, 0xab, sizeof(host->uuid));
	snprintf((char *)host->name, sizeof(host->name), "%s", name);
	snprintf((char *)host->vmm, sizeof(host->vmm), "test");
	host->epoch = 1;
	host->alive = 1;
	host->guest_end = size;
	init_stream(producer, &producer->vmm, (void *)(producer->base + HOST_STREAM_OFFSET),
		    VHT_STREAM_ID_VMM, VHT_SOURCE_VMM, VHT_CPU_NONE, VHT_CLOCK_HOST_MONOTONIC,
		    HOST_RING_OFFSET, HOST_RING_SIZE);
	producer->vmm.live->flags = VHT_STREAM_KEEP_OLDEST;
	producer->vmm.epoch = 1;
	producer->guest = (void *)(producer->base + VHT_REGION_ALIGN);
	__atomic_store_n(&host->magic, VHT_HOST_MAGIC, __ATOMIC_RELEASE);
}

void producer_window(struct producer *producer, uint64_t size, uint32_t epoch)
{
	struct vht_host_header *host = producer->host;

	assert(producer->size >= VHT_REGION_MIN_SIZE + 2 * size);
	host->guest_end = producer->size - 2 * size;
	host->features |= VHT_FEATURE_WINDOW;
	host->window_addr = 0x10000000;
	host->window_size = size;
	host->window_offset[0] = host->guest_end;
	host->window_offset[1] = host->guest_end + size;
	host->window_epoch[0] = epoch;
}

uint8_t *producer_window_place(const struct producer *producer, unsigned int place)
{
	return producer->base + producer->host->window_offset[place];
}

void producer_window_turn(struct producer *producer, unsigned int place, uint32_t epoch)
{
	struct vht_host_header *host = producer->host;

	__atomic_store_n(&host->window_epoch[place], 0, __ATOMIC_SEQ_CST);
	memset(producer_window_place(producer, place), 0, host->window_size);
	host->epoch = epoch;
	__atomic_store_n(&host->window_epoch[place], epoch, __ATOMIC_RELEASE);
}

void producer_driver(struct producer *producer, uint32_t epoch, uint32_t generation,
		     uint16_t source, uint32_t stream_count, uint64_t ring_size)
{
	struct vht_guest_header *guest = producer->guest;
	uint64_t table = VHT_REGION_ALIGN + 0x1000, offset = VHT_REGION_ALIGN + 0x10000;
	uint32_t i;

	assert(stream_count <= PRODUCER_MAX_STREAMS);
	/* [R5] */
	__atomic_store_n(&guest->state, VHT_GUEST_INIT, __ATOMIC_SEQ_CST);
	guest->magic = VHT_GUEST_MAGIC;
	guest->version = VHT_VERSION;
	guest->header_size = sizeof(*guest);
	guest->epoch = epoch;
	guest->generation = generation;
	guest->stream_count = stream_count;
	guest->stream_offset = table;
	guest->stream_size = sizeof(struct vht_stream);
	producer->stream_count = stream_count;
	for (i = 0; i < stream_count; i++) {
		struct vht_stream *live =
			(void *)(producer->base + table + i * sizeof(struct vht_stream));
		struct producer_stream *stream = &producer->streams[i];

		init_stream(producer, stream, live, VHT_STREAM_ID_GUEST + i,
			    i ? source : VHT_SOURCE_METADATA, i ? i - 1 : VHT_CPU_NONE,
			    VHT_CLOCK_COUNTER, offset, ring_size);
		if (i == 0)
			live->flags = VHT_STREAM_KEEP_OLDEST;
		else if (source == VHT_SOURCE_FTRACE)
			snprintf((char *)live->name, sizeof(live->name), "hypertrace");
		stream->epoch = epoch;
		stream->generation = generation;
		offset += ring_size;
		assert(offset <= producer->size);
	}
	__atomic_store_n(&guest->state, VHT_GUEST_READY, __ATOMIC_RELEASE);
}

/* The consumer's tail, clamped [S2]. */
static uint64_t tail_of(const struct producer *producer, const struct producer_stream *stream)
{
	const struct vht_consumer *consumer =
		(const void *)(producer->base + CONSUMER_OFFSET +
			       stream->live->id * sizeof(struct vht_consumer));
	uint64_t tail = __atomic_load_n(&consumer->tail, __ATOMIC_ACQUIRE);

	if (tail < stream->live->begin)
		return stream->live->begin;
	return tail > stream->live->head ? stream->live->head : tail;
}

static bool is_lossless(const struct producer *producer, const struct producer_stream *stream)
{
	return __atomic_load_n(&producer->host->reader, __ATOMIC_RELAXED) ==
	       VHT_READER_ATTACHED || (stream->live->flags & VHT_STREAM_KEEP_OLDEST);
}

/* Makes room for @need bytes [S3]; false if the stream is full. */
static bool make_room(const struct producer *producer, struct producer_stream *stream,
		      uint64_t need)
{
	struct vht_stream *live = stream->live;
	uint64_t tail = tail_of(producer, stream), begin = live->begin;
	uint64_t limit = is_lossless(producer, stream) ? tail : live->head;

	if (need > live->ring_size)
		return false;
	while (live->head + need - begin > live->ring_size) {
		const struct vht_packet *oldest;

		if (begin >= limit)
			return false;
		oldest = (const void *)(stream->ring + begin % live->ring_size);
		if (oldest->type != VHT_PACKET_PAD && begin >= tail)
			live->overwritten++;
		begin += oldest->packet_size;
	}
	/* [S4] */
	__atomic_store_n(&live->begin, begin, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return true;
}

static void write_packet(struct producer_stream *stream, uint64_t at, uint64_t size,
			 const struct producer_packet *packet)
{
	struct vht_packet *header = (void *)(stream->ring + at);

	memset(header, 0, sizeof(*header));
	header->magic = VHT_PACKET_MAGIC;
	header->header_size = sizeof(*header);
	header->packet_size = size;
	if (!packet)
		return;
	header->type = packet->type;
	header->stream_id = stream->live->id;
	header->cpu = stream->live->cpu;
	header->epoch = stream->epoch;
	header->generation = stream->generation;
	header->flags = packet->flags;
	header->sequence = stream->sequence++;
	header->content_size = packet->content_size;
	header->timestamp_begin = packet->time;
	header->timestamp_end = packet->time;
	header->clock = packet->counter ? packet->time : 0;
	header->counter = packet->counter;
	header->events = stream->live->events + packet->events;
	header->events_discarded = stream->live->events_lost;
	if (packet->content_size)
		memcpy(header + 1, packet->content, packet->content_size);
}

bool producer_put(struct producer *producer, struct producer_stream *stream,
		  const struct producer_packet *packet)
{
	struct vht_stream *live = stream->live;
	uint64_t size = sizeof(struct vht_packet) + packet->content_size, at, rest, pad;

	size = (size + VHT_PACKET_ALIGN - 1) & ~(uint64_t)(VHT_PACKET_ALIGN - 1);
	at = live->head % live->ring_size;
	rest = live->ring_size - at;
	pad = rest < size ? rest : 0;
	if (!make_room(producer, stream, size + pad))
		return false;
	if (pad)
		write_packet(stream, at, pad, NULL);
	write_packet(stream, (live->head + pad) % live->ring_size, size, packet);
	live->packets++;
	live->events += packet->events;
	__atomic_store_n(&live->head, live->head + pad + size, __ATOMIC_RELEASE);
	return true;
}

bool producer_put_heartbeats(struct producer *producer, struct producer_stream *stream,
			     uint64_t first, uint64_t count)
{
	struct vht_heartbeat beats[256];
	struct producer_packet packet = {
		.type = VHT_PACKET_HEARTBEAT,
		.content = beats,
		.content_size = count * sizeof(beats[0]),
		.events = count,
		.time = 1000 + first,
		.counter = 1000 + first,
	};
	uint64_t i;

	assert(count <= 256);
	for (i = 0; i < count; i++)
		beats[i] = (struct vht_heartbeat) { first + i, 1000 + first + i };
	return producer_put(producer, stream, &packet);
}

bool producer_put_meta(struct producer *producer, uint32_t type, uint64_t arg, const char *text)
{
	uint8_t content[4096] = { 0 };
	struct vht_meta meta = { .type = type, .size = strlen(text), .arg = arg };
	struct producer_packet packet = {
		.type = VHT_PACKET_METADATA,
		.content = content,
		.content_size = sizeof(meta) + ((strlen(text) + 7) & ~(size_t)7),
		.time = 1000,
	};

	assert(packet.content_size <= sizeof(content));
	memcpy(content, &meta, sizeof(meta));
	memcpy(content + sizeof(meta), text, strlen(text));
	return producer_put(producer, &producer->streams[0], &packet);
}

bool producer_put_vmm(struct producer *producer, uint32_t type, uint64_t mono_ns, uint64_t arg,
		      const char *text)
{
	struct vht_vmm_event event = {
		.mono_ns = mono_ns,
		.type = type,
		.epoch = producer->host->epoch,
		.arg = arg,
	};
	struct producer_packet packet = {
		.type = VHT_PACKET_VMM,
		.content = &event,
		.content_size = sizeof(event),
		.events = 1,
		.time = mono_ns,
	};

	snprintf((char *)event.text, sizeof(event.text), "%s", text);
	return producer_put(producer, &producer->vmm, &packet);
}

bool producer_put_clock(struct producer *producer, uint64_t mono_ns, uint64_t counter,
			uint64_t hz)
{
	struct vht_clock_record record = {
		.mono_ns = mono_ns,
		.counter = counter,
		.counter_hz = hz,
		.error_ns = 50,
		.kind = VHT_CLOCK_KIND_LINEAR,
		.reason = VHT_CLOCK_REASON_PERIODIC,
		.cpu = VHT_CPU_NONE,
		.epoch = producer->host->epoch,
	};
	struct producer_packet packet = {
		.type = VHT_PACKET_CLOCK,
		.content = &record,
		.content_size = sizeof(record),
		.events = 1,
		.time = mono_ns,
	};

	return producer_put(producer, &producer->vmm, &packet);
}
