// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which packets of a trace babeltrace2 cannot read; see sift.h. A chunk of packets is
 * made a trace of its own, which babeltrace2's source reads in a process of its own; of
 * the messages only their order and times are looked at.
 */
#include "export/sift.h"

#include <babeltrace2/babeltrace.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "error.h"
#include "export/graph.h"
#include "export/guard.h"
#include "lttng/guest.h"

/* Packets in a chunk: what a bad one costs at most, read again. */
#define CHUNK	64

/* For the time that a chunk may take. */
#define CHUNK_BYTES	(1 << 20)

/**
 * struct progress - how far reading came, from the process that reads
 * @time: of the last message of a packet that was read to its end
 * @last: of the last message
 * @ended: packets of this chunk that were read to their end
 * @events: events in these
 * @begun: events in the packet that is being read
 */
struct progress {
	uint64_t time;
	uint64_t last;
	guint ended;
	uint64_t events;
	uint64_t begun;
};

/**
 * struct sift - the reading of a stream
 * @cost: what was spent in vain
 */
struct sift {
	const bt_plugin *ctf;
	GArray *packets;
	const char *dir;
	char *metadata_path;
	char *stream_path;
	struct progress *progress;
	unsigned int *cost;
};

/* The time of a message that has one. */
static bool message_time(const bt_message *message, uint64_t *time)
{
	const bt_clock_snapshot *snapshot;

	switch (bt_message_get_type(message)) {
	case BT_MESSAGE_TYPE_EVENT:
		snapshot = bt_message_event_borrow_default_clock_snapshot_const(message);
		break;
	case BT_MESSAGE_TYPE_PACKET_BEGINNING:
		snapshot = bt_message_packet_beginning_borrow_default_clock_snapshot_const(message);
		break;
	case BT_MESSAGE_TYPE_PACKET_END:
		snapshot = bt_message_packet_end_borrow_default_clock_snapshot_const(message);
		break;
	default:
		return false;
	}
	*time = bt_clock_snapshot_get_value(snapshot);
	return true;
}

/* Return: false if the message's time goes back. */
static bool take_message(void *data, const bt_message *message)
{
	struct progress *progress = data;
	uint64_t time;

	if (!message_time(message, &time))
		return true;
	if (time < progress->last)
		return false;
	progress->last = time;
	if (bt_message_get_type(message) == BT_MESSAGE_TYPE_PACKET_END) {
		progress->time = time;
		progress->events += progress->begun;
		progress->begun = 0;
		progress->ended++;
	} else if (bt_message_get_type(message) == BT_MESSAGE_TYPE_EVENT) {
		progress->begun++;
	}
	return true;
}

/* Read the trace in the directory. Return: true if it can be read to its end. */
static bool read_trace(void *data)
{
	const struct sift *sift = data;
	struct graph_taker taker = { .take = take_message, .data = sift->progress };
	bt_graph *graph = bt_graph_create(0);
	const bt_component_source *source =
		graph ? graph_add_trace(graph, sift->ctf, sift->dir, "trace") : NULL;
	const bt_component_sink *sink = NULL;
	bool done;

	if (source && bt_component_source_get_output_port_count(source) == 1)
		sink = graph_add_taker(graph, &taker);
	done = sink &&
	       !bt_graph_connect_ports(
		       graph, bt_component_source_borrow_output_port_by_index_const(source, 0),
		       bt_component_sink_borrow_input_port_by_index_const(sink, 0), NULL) &&
	       !bt_graph_run(graph);
	bt_graph_put_ref(graph);
	return done;
}

/* The packet after those @skip that are not left out already, from @from on. */
static guint find_packet(const struct sift *sift, guint from, guint skip)
{
	for (;; from++)
		if (!g_array_index(sift->packets, struct lttng_guest_packet, from).is_left_out &&
		    !skip--)
			return from;
}

static bool write_error(const char *path, GError **error)
{
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot write: path=%s: %s", path,
		    g_strerror(errno));
	return false;
}

/**
 * put_chunk - make a trace of some packets
 * @from: of the first
 * @most: how many there can be
 * @count: how many there are, written on success
 * @size: bytes of them, written on success
 * Return: false with @error set.
 */
static bool put_chunk(const struct sift *sift, guint from, guint most, guint *count,
		      uint64_t *size, GError **error)
{
	FILE *file = g_fopen(sift->stream_path, "w");
	bool done = file;

	*count = 0;
	*size = 0;
	for (guint i = from; done && i < sift->packets->len && *count < most; i++) {
		const struct lttng_guest_packet *packet =
			&g_array_index(sift->packets, struct lttng_guest_packet, i);

		if (packet->is_left_out)
			continue;
		done = fwrite(packet->data, 1, packet->size, file) == packet->size;
		*size += packet->size;
		++*count;
	}
	if (file && fclose(file))
		done = false;
	return done || write_error(sift->stream_path, error);
}

/* Processor time of all children that have ended, in us. */
static uint64_t children_time(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* Read what was put there, @size bytes, and add what it cost. */
static enum guard_result read_chunk(struct sift *sift, uint64_t size)
{
	uint64_t may = size / CHUNK_BYTES + 1, begin = children_time(), took;
	enum guard_result result = guard_run(read_trace, sift, CHUNK_BYTES);

	took = (children_time() - begin) / G_USEC_PER_SEC;
	if (result == GUARD_DIED)
		*sift->cost += SIFT_DEATH;
	else if (took > may)
		*sift->cost += took - may;
	return result;
}

/**
 * sift_chunk - read packets until one cannot be read
 * @from: of the first; moved behind what was read
 * @most: packets to be read at most; 1 if nothing is known of where it failed
 * @found: the count of those that cannot be read
 * @is_over: set if there is nothing left
 * Return: false with @error set.
 */
static bool sift_chunk(struct sift *sift, guint *from, guint *most, uint64_t *found,
		       bool *is_over, GError **error)
{
	guint ended, count, bad;
	uint64_t size;

	if (!put_chunk(sift, *from, *most, &count, &size, error))
		return false;
	*is_over = !count;
	if (!count)
		return true;
	sift->progress->ended = 0;
	sift->progress->begun = 0;
	sift->progress->last = sift->progress->time;
	if (read_chunk(sift, size) == GUARD_TRUE) {
		*from = find_packet(sift, *from, count - 1) + 1;
		*most = CHUNK;
		return true;
	}
	ended = sift->progress->ended;
	if (!ended && count > 1) {
		/* it may have been the look at all of them */
		*most = 1;
		return true;
	}
	bad = find_packet(sift, *from, MIN(ended, count - 1));
	g_array_index(sift->packets, struct lttng_guest_packet, bad).is_left_out = true;
	++*found;
	++*sift->cost;
	*from = bad + 1;
	*most = CHUNK;
	return true;
}

/* Give up what is left of a stream. */
static void leave_rest(GArray *packets, guint from, uint64_t *count)
{
	for (guint i = from; i < packets->len; i++) {
		struct lttng_guest_packet *packet =
			&g_array_index(packets, struct lttng_guest_packet, i);

		*count += !packet->is_left_out;
		packet->is_left_out = true;
	}
}

/* Read all packets, in a directory that is there. */
static bool sift_all(struct sift *sift, const GString *metadata, uint64_t *count, GError **error)
{
	guint from = 0, most = CHUNK;
	bool is_over = false;

	if (!g_file_set_contents(sift->metadata_path, metadata->str, metadata->len, NULL))
		return write_error(sift->metadata_path, error);
	while (!is_over && *sift->cost <= SIFT_MAX_COST)
		if (!sift_chunk(sift, &from, &most, count, &is_over, error))
			return false;
	if (!is_over)
		leave_rest(sift->packets, from, count);
	return true;
}

/* Make the directory, and remove it. */
static bool sift_in_directory(struct sift *sift, const GString *metadata, uint64_t *count,
			      GError **error)
{
	bool done;

	/* what is there already is somebody else's */
	if (g_mkdir(sift->dir, 0700))
		return write_error(sift->dir, error);
	sift->metadata_path = g_build_filename(sift->dir, "metadata", NULL);
	sift->stream_path = g_build_filename(sift->dir, "stream", NULL);
	done = sift_all(sift, metadata, count, error);
	g_unlink(sift->metadata_path);
	g_unlink(sift->stream_path);
	g_rmdir(sift->dir);
	g_free(sift->metadata_path);
	g_free(sift->stream_path);
	return done;
}

bool sift_count(GArray *packets, const GString *metadata, const char *dir,
		unsigned int *cost, uint64_t *events, uint64_t *count, GError **error)
{
	struct sift sift = { .packets = packets, .dir = dir, .cost = cost };
	bool done;

	sift.ctf = graph_find_plugin("ctf", error);
	if (!sift.ctf)
		return false;
	sift.progress = guard_alloc(sizeof(*sift.progress));
	done = sift.progress ? sift_in_directory(&sift, metadata, count, error) :
			       write_error(dir, error);
	if (sift.progress)
		*events += sift.progress->events;
	bt_plugin_put_ref(sift.ctf);
	guard_free(sift.progress, sizeof(*sift.progress));
	return done;
}

bool sift_packets(GArray *packets, const GString *metadata, const char *dir,
		  unsigned int *cost, uint64_t *count, GError **error)
{
	uint64_t events = 0;

	return sift_count(packets, metadata, dir, cost, &events, count, error);
}
