// SPDX-License-Identifier: GPL-2.0-only
/* A stream that the recorder makes itself; see stream.h. */
#include "host/stream.h"

#include "wire/packet.h"

struct host_stream *host_stream_new(struct writer_vm *vm, uint32_t generation,
				    const struct stream_entry *entry, GError **error)
{
	struct host_stream *stream = g_new0(struct host_stream, 1);

	stream->entry = *entry;
	stream->generation = generation;
	stream->batch = g_byte_array_new();
	stream->out = writer_stream_new(vm, HOST_EPOCH, generation, entry, error);
	if (!stream->out || !host_stream_put_state(stream, error)) {
		host_stream_free(stream);
		return NULL;
	}
	return stream;
}

void host_stream_free(struct host_stream *stream)
{
	if (!stream)
		return;
	writer_stream_free(stream->out);
	g_byte_array_unref(stream->batch);
	g_free(stream);
}

void host_stream_set_lost(struct host_stream *stream, uint64_t lost)
{
	stream->entry.events_lost = MAX(stream->entry.events_lost, lost + stream->dropped);
}

static void drop(struct host_stream *stream, uint64_t events)
{
	stream->dropped += events;
	stream->entry.events_lost += events;
}

void host_stream_put(struct host_stream *stream, const struct host_packet *packet,
		     const void *content, size_t size)
{
	struct stream_entry *entry = &stream->entry;
	struct packet_header header = {
		.header_size = sizeof(struct vht_packet),
		.type = packet->type,
		.stream_id = entry->id,
		.cpu = entry->cpu,
		.epoch = HOST_EPOCH,
		.generation = stream->generation,
		.flags = packet->flags,
		.sequence = entry->packets,
		.content_size = size,
		.timestamp_begin = packet->begin_ns,
		.timestamp_end = packet->end_ns,
		.events = entry->events + packet->events,
		.events_discarded = entry->events_lost,
	};
	size_t used = header.header_size + size, padding = -used % VHT_PACKET_ALIGN;
	static const uint8_t zeros[VHT_PACKET_ALIGN];
	struct vht_packet raw;

	if (stream->has_failed) {
		drop(stream, packet->events);
		return;
	}
	header.packet_size = used + padding;
	packet_build(&header, &raw);
	g_byte_array_append(stream->batch, (const uint8_t *)&raw, sizeof(raw));
	g_byte_array_append(stream->batch, content, size);
	g_byte_array_append(stream->batch, zeros, padding);
	stream->batch_events += packet->events;
	entry->events = header.events;
	entry->packets++;
}

/**
 * give_up - nothing of the batch is in the file, and nothing more will be
 */
static void give_up(struct host_stream *stream)
{
	stream->has_failed = true;
	stream->entry.events -= stream->batch_events;
	drop(stream, stream->batch_events);
	stream->entry.packets = stream->out->sequence;
}

bool host_stream_write(struct host_stream *stream, GError **error)
{
	uint64_t size = stream->batch->len;
	bool ok;

	if (!size)
		return true;
	ok = writer_stream_append(stream->out, stream->batch->data, size, error);
	if (ok) {
		stream->stats.packets = stream->entry.packets;
		stream->stats.bytes += size;
		stream->told_lost = stream->out->state.events_lost;
	} else {
		give_up(stream);
	}
	g_byte_array_set_size(stream->batch, 0);
	stream->batch_events = 0;
	return ok;
}

bool host_stream_put_state(struct host_stream *stream, GError **error)
{
	bool had_failed = stream->has_failed;

	if (writer_stream_put_state(stream->out, &stream->entry, HOST_EPOCH, stream->generation,
				    had_failed ? NULL : error)) {
		stream->told_lost = stream->entry.events_lost;
		return true;
	}
	stream->has_failed = true;
	return had_failed;
}

bool host_stream_has_untold_loss(const struct host_stream *stream)
{
	return stream->entry.events_lost != stream->told_lost;
}

struct tap_summary *host_stream_summary(const struct host_stream *stream)
{
	g_autofree char *name = g_path_get_basename(stream->out->path);
	struct tap_summary *summary = g_new0(struct tap_summary, 1);

	summary->name = g_strdup_printf("%u.%u/%s", HOST_EPOCH, stream->generation, name);
	summary->source = stream->entry.source;
	summary->stats = stream->stats;
	summary->stats.events = stream->entry.events;
	summary->stats.lost = stream->entry.events_lost;
	return summary;
}
