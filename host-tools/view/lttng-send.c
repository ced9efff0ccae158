// SPDX-License-Identifier: GPL-2.0-only
/* Traces of a guest's LTTng, told as records; see lttng-send.h. */
#include "view/lttng-send.h"

#include <babeltrace2/babeltrace.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "decode/clean.h"
#include "decode/text.h"
#include "export/graph.h"
#include "export/lttng-guest.h"
#include "view/lttng-text.h"
#include "view/lttng-record.h"

#define FLUSH_SIZE	(1 << 16)

/* Telling: records that are not written yet are in @text. */
struct sender {
	const struct lttng_send *what;
	struct text text;
	int fd;
};

static bool flush(struct sender *sender)
{
	size_t done = 0;

	while (done < sender->text.used) {
		ssize_t n = write(sender->fd, sender->text.data + done,
				  sender->text.used - done);

		if (n >= 0)
			done += n;
		else if (errno != EINTR)
			return false;
	}
	sender->text.used = 0;
	return true;
}

static bool get_time(const struct sender *sender, const bt_clock_snapshot *snapshot,
		     uint64_t *time)
{
	int64_t real, offset = sender->what->real_offset;

	if (sender->what->is_raw) {
		*time = bt_clock_snapshot_get_value(snapshot);
		return true;
	}
	if (bt_clock_snapshot_get_ns_from_origin(snapshot, &real))
		return false;
	*time = real > offset ? (uint64_t)real - (uint64_t)offset : 0;
	return true;
}

/*
 * What is known of all that comes in a stream: traces are called by their number, and LTTng
 * calls its streams by the CPU, or the packet was left out (lttng/packet.c).
 */
static struct lttng_record stream_record(enum lttng_record_kind kind, const bt_stream *stream)
{
	const char *trace = bt_trace_get_name(bt_stream_borrow_trace_const(stream));

	return (struct lttng_record) {
		.kind = kind,
		.trace = trace ? g_ascii_strtoull(trace, NULL, 10) : UINT32_MAX,
		.cpu = bt_stream_get_id(stream),
	};
}

/* Control characters of a name would be those of a terminal. */
static uint32_t put_name(struct text *text, const char *name)
{
	size_t begin = text->used, size = strnlen(name, LTTNG_RECORD_MAX_NAME - 1);

	text_bytes(text, name, size);
	clean_text(text->data + begin, size);
	text_bytes(text, "", 1);
	return size + 1;
}

static bool has_clock(const bt_stream *stream)
{
	return bt_stream_class_borrow_default_clock_class_const(
		bt_stream_borrow_class_const(stream));
}

static bool send_event(struct sender *sender, const bt_message *message)
{
	const bt_event *event = bt_message_event_borrow_event_const(message);
	const bt_stream *stream = bt_event_borrow_stream_const(event);
	const char *name = bt_event_class_get_name(bt_event_borrow_class_const(event));
	struct lttng_record record = stream_record(LTTNG_RECORD_EVENT, stream);
	size_t begin = sender->text.used, fields;

	if (!has_clock(stream) ||
	    !get_time(sender, bt_message_event_borrow_default_clock_snapshot_const(message),
		      &record.time))
		return false;
	record.end_time = record.time;
	text_bytes(&sender->text, (const char *)&record, sizeof(record));
	record.name_size = put_name(&sender->text, name ? name : "<unknown>");
	fields = sender->text.used;
	lttng_text_fields(&sender->text, event, LTTNG_RECORD_MAX_FIELDS);
	record.fields_size = sender->text.used - fields;
	memcpy(sender->text.data + begin, &record, sizeof(record));
	return sender->text.used < FLUSH_SIZE || flush(sender);
}

static bool send_loss(struct sender *sender, struct lttng_record *record,
		      const bt_clock_snapshot *begin, const bt_clock_snapshot *end)
{
	if (!get_time(sender, begin, &record->time) || !get_time(sender, end, &record->end_time))
		return false;
	record->end_time = MAX(record->end_time, record->time);
	record->name_size = 1;
	text_bytes(&sender->text, (const char *)record, sizeof(*record));
	text_bytes(&sender->text, "", 1);
	return true;
}

static bool send_lost_events(struct sender *sender, const bt_message *message)
{
	const bt_stream *stream = bt_message_discarded_events_borrow_stream_const(message);
	struct lttng_record record = stream_record(LTTNG_RECORD_LOST_EVENTS, stream);

	if (!bt_stream_class_discarded_events_have_default_clock_snapshots(
		    bt_stream_borrow_class_const(stream)))
		return false;
	if (bt_message_discarded_events_get_count(message, &record.lost) !=
	    BT_PROPERTY_AVAILABILITY_AVAILABLE)
		record.lost = 0;
	return send_loss(
		sender, &record,
		bt_message_discarded_events_borrow_beginning_default_clock_snapshot_const(message),
		bt_message_discarded_events_borrow_end_default_clock_snapshot_const(message));
}

static bool send_lost_packets(struct sender *sender, const bt_message *message)
{
	const bt_stream *stream = bt_message_discarded_packets_borrow_stream_const(message);
	struct lttng_record record = stream_record(LTTNG_RECORD_LOST_PACKETS, stream);

	if (!bt_stream_class_discarded_packets_have_default_clock_snapshots(
		    bt_stream_borrow_class_const(stream)))
		return false;
	if (bt_message_discarded_packets_get_count(message, &record.lost) !=
	    BT_PROPERTY_AVAILABILITY_AVAILABLE)
		record.lost = 0;
	return send_loss(
		sender, &record,
		bt_message_discarded_packets_borrow_beginning_default_clock_snapshot_const(message),
		bt_message_discarded_packets_borrow_end_default_clock_snapshot_const(message));
}

static bool take_message(void *data, const bt_message *message)
{
	switch (bt_message_get_type(message)) {
	case BT_MESSAGE_TYPE_EVENT:
		return send_event(data, message);
	case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
		return send_lost_events(data, message);
	case BT_MESSAGE_TYPE_DISCARDED_PACKETS:
		return send_lost_packets(data, message);
	default:
		return true;
	}
}

static bool add_traces(bt_graph *graph, const struct graph_plugins *plugins,
		       const GPtrArray *traces, const bt_component_filter *muxer)
{
	uint64_t port = 0;

	for (guint i = 0; i < traces->len; i++) {
		const struct lttng_guest_trace *trace = traces->pdata[i];
		g_autofree char *name = g_strdup_printf("%u", i);
		const bt_component_source *source = graph_add_trace(graph, plugins->ctf,
								    trace->dir, name);

		if (!source || !graph_connect_source(graph, source, muxer, &port))
			return false;
	}
	return true;
}

static bool run(const struct graph_plugins *plugins, struct sender *sender)
{
	struct graph_taker taker = { .take = take_message, .data = sender };
	bt_graph *graph = bt_graph_create(0);
	const bt_component_filter *muxer = graph ? graph_add_muxer(graph, plugins->utils) : NULL;
	const bt_component_sink *sink = muxer ? graph_add_taker(graph, &taker) : NULL;
	bool done = sink && add_traces(graph, plugins, sender->what->traces, muxer) &&
		    graph_connect_sink(graph, muxer, sink) && !bt_graph_run(graph);

	bt_graph_put_ref(graph);
	return done;
}

bool lttng_send(void *data, int fd)
{
	struct sender sender = { .what = data, .fd = fd };
	struct graph_plugins plugins;
	bool done;

	text_init(&sender.text);
	done = graph_plugins_init(&plugins, NULL) && run(&plugins, &sender);
	/* also what came before something that cannot be read */
	done = flush(&sender) && done;
	graph_plugins_fini(&plugins);
	text_fini(&sender.text);
	return done;
}
