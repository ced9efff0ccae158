// SPDX-License-Identifier: GPL-2.0-only
/*
 * `hypertrace list`: looks into the regions of all VMs, as a bystander: it
 * attaches to nothing and changes nothing. Two looks give the rates.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "cmd.h"
#include "error.h"
#include "format.h"
#include "guest-lttng.h"
#include "region/region.h"
#include "region/ring.h"
#include "region/window.h"
#include "vm.h"
#include "wire/records.h"

#define NAME		"list"

#define LOOK_INTERVAL_US	500000

/* Bytes of the vmm stream that are read in one go. */
#define TAKE_BYTES		(1 << 20)

/**
 * struct look - sums over a VM's guest streams at one moment
 */
struct look {
	uint64_t ns;
	uint64_t events;
	uint64_t bytes;
	uint64_t lost;
	uint32_t streams;
	uint32_t damaged;
	uint32_t epoch;
	uint32_t generation;
};

/**
 * struct line - one VM
 * @vm: where it is
 * @is_live: its VMM listens
 * @region: NULL if it cannot be looked at
 * @problem: why not, or NULL
 * @driver: a word for the driver's state
 * @kernel: the guest's kernel release, "-" if unknown
 * @run_state: what the vmm stream said last, or ""
 * @first: first look
 * @second: second look
 */
struct line {
	const struct vm *vm;
	bool is_live;
	struct region *region;
	char *problem;
	const char *driver;
	char kernel[98];
	char run_state[98];
	struct look first;
	struct look second;
};

static void open_region(struct line *line)
{
	GError *error = NULL;
	int fd;

	fd = open(line->vm->region_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		/* the memory of a backend without a file is for the reader only */
		line->problem = errno == ENOENT ? g_strdup("its region is no file") :
				g_strdup_printf("cannot open %s: %s", line->vm->region_path,
						g_strerror(errno));
		return;
	}
	line->region = region_map(fd, 0, false, &error);
	if (!line->region) {
		line->problem = g_strdup(error->message);
		g_error_free(error);
	}
}

/**
 * walk_ring - look at the packets that a ring holds
 * @visit: called for each
 * @data: for @visit
 */
static void walk_ring(struct ring *ring,
		      void (*visit)(const struct packet_header *header, const uint8_t *content,
				    void *data),
		      void *data)
{
	g_autoptr(GByteArray) packets = g_byte_array_new();
	uint64_t left = ring->entry.ring_size;
	enum ring_result result;

	/* a ring that is filled meanwhile has no end */
	do {
		struct packet_header header;
		guint at = 0;

		g_byte_array_set_size(packets, 0);
		result = ring_take(ring, packets, TAKE_BYTES);
		while (packet_parse(packets->data + at, packets->len - at, &header) == PACKET_OK) {
			visit(&header, packets->data + at + header.header_size, data);
			at += header.packet_size;
		}
		left -= MIN(left, packets->len);
	} while (result == RING_MORE && packets->len && left);
}

static void visit_vmm(const struct packet_header *header, const uint8_t *content, void *data)
{
	struct line *line = data;
	struct record_cursor cursor;
	struct vmm_event event;

	record_cursor_init(&cursor, content, header->content_size);
	while (header->type == VHT_PACKET_VMM && record_next_vmm(&cursor, &event)) {
		if (event.type == VHT_VMM_DRIVER_UP)
			strcpy(line->kernel, event.text);
		else if (event.type == VHT_VMM_RUNNING)
			strcpy(line->run_state, "running");
		else if (event.type == VHT_VMM_STOPPED)
			strcpy(line->run_state, event.text);
	}
}

/**
 * read_vmm_stream - learn run state and kernel from what the device wrote
 */
static void read_vmm_stream(struct line *line)
{
	struct ring ring;

	if (line->region->host.host_stream_count <= VHT_STREAM_ID_VMM)
		return;
	ring_init_host(&ring, line->region, VHT_STREAM_ID_VMM);
	walk_ring(&ring, visit_vmm, line);
}

static void visit_metadata(const struct packet_header *header, const uint8_t *content, void *data)
{
	struct record_cursor cursor;
	struct meta_record record;

	record_cursor_init(&cursor, content, header->content_size);
	while (header->type == VHT_PACKET_METADATA && record_next_meta(&cursor, &record))
		lttng_guest_take_meta(data, 0, &record);
}

/**
 * print_lttng_sessions - the sessions of LTTng that the guest's metadata ring tells of
 */
static void print_lttng_sessions(struct line *line, const struct region_guest *table)
{
	struct lttng_guest *guest = lttng_guest_new();
	bool is_found = false;

	/* a driver has one; a table may say anything */
	for (uint32_t i = 0; i < table->stream_count && !is_found; i++) {
		struct ring ring;

		ring_init_guest(&ring, line->region, table, i);
		is_found = !ring.damage && ring_look(&ring) &&
			   ring.entry.source == VHT_SOURCE_METADATA;
		if (is_found)
			walk_ring(&ring, visit_metadata, guest);
	}
	for (guint i = 0; i < guest->sessions->len; i++)
		guest_lttng_print_session("    ", guest->sessions->pdata[i]);
	lttng_guest_free(guest);
}

/**
 * print_lttng - the sessions of LTTng in the guest, and what came of them, if it has such streams
 */
static void print_lttng(struct line *line)
{
	uint64_t packets = 0, bytes = 0, lost = 0;
	g_autofree char *size = NULL;
	struct region_guest table;
	bool has_streams = false;

	switch (region_guest(line->region, &table, NULL)) {
	case REGION_GUEST_READY:
	case REGION_GUEST_GONE:
		break;
	default:
		return;
	}
	for (uint32_t i = 0; i < table.stream_count; i++) {
		struct ring ring;

		ring_init_guest(&ring, line->region, &table, i);
		if (ring.damage || !ring_look(&ring) || ring.entry.source != VHT_SOURCE_LTTNG)
			continue;
		has_streams = true;
		packets += ring.entry.packets;
		bytes += ring.entry.head;
		lost += ring.entry.events_lost;
	}
	if (!has_streams)
		return;
	print_lttng_sessions(line, &table);
	size = format_bytes((double)bytes);
	if (packets || lost)
		printf("    LTTng: %" G_GUINT64_FORMAT " packets, %s, %" G_GUINT64_FORMAT
		       " events lost\n", packets, size, lost);
}

/**
 * look - sum up the guest's streams
 */
static void look(struct line *line, struct look *out)
{
	struct region_guest guest;
	uint32_t i;

	*out = (struct look) { .ns = clock_mono_ns() };
	switch (region_guest(line->region, &guest, NULL)) {
	case REGION_GUEST_NONE:
		line->driver = "none";
		return;
	case REGION_GUEST_CHANGING:
		line->driver = "init";
		return;
	case REGION_GUEST_BAD:
		line->driver = "damaged";
		return;
	case REGION_GUEST_READY:
		line->driver = "ready";
		break;
	case REGION_GUEST_GONE:
		line->driver = "gone";
		break;
	}
	out->epoch = guest.epoch;
	out->generation = guest.generation;
	out->streams = guest.stream_count;
	for (i = 0; i < guest.stream_count; i++) {
		struct ring ring;

		ring_init_guest(&ring, line->region, &guest, i);
		if (ring.damage || !ring_look(&ring)) {
			out->damaged++;
			continue;
		}
		out->events += ring.entry.events;
		out->bytes += ring.entry.head;
		out->lost += ring.entry.events_lost;
	}
}

/**
 * rate - growth per second; 0 if it cannot be told
 */
static double rate(uint64_t before, uint64_t after, const struct line *line)
{
	double seconds = (double)(line->second.ns - line->first.ns) / 1e9;

	/* a driver that was replaced meanwhile counts from 0 again */
	if (line->first.epoch != line->second.epoch ||
	    line->first.generation != line->second.generation || after < before || seconds <= 0)
		return 0;
	return (double)(after - before) / seconds;
}

/**
 * print_window - say what lies in the two places of a window
 */
static void print_window(const struct line *line, const struct region_live *live)
{
	unsigned int place;

	for (place = 0; place < 2; place++) {
		const char *problem = NULL;
		struct window window;

		if (!line->region->host.window_size || !live->window_epoch[place])
			continue;
		window_init(&window, line->region, place, live->window_epoch[place]);
		window_look(&window, 0);
		/* as one that has been there for long */
		problem = window_problem(&window, G_MAXINT64);
		if (problem || !window.cpus->len)
			printf("    window of epoch %u: %s\n", window.epoch,
			       problem ? problem : "nothing yet");
		else
			printf("    window of epoch %u: traced, %u CPUs\n", window.epoch,
			       window.cpus->len);
		window_fini(&window);
	}
}

static void print_line(struct line *line)
{
	const char *state = line->is_live ? "running" : "ended";
	g_autofree char *bytes = NULL;
	struct region_live live;

	if (!line->region) {
		printf("%-20s %-10s %s\n", line->vm->name, state, line->problem);
		return;
	}
	if (!region_is_whole(line->region)) {
		printf("%-20s %-10s region was truncated\n", line->vm->name, state);
		return;
	}
	if (line->is_live && line->run_state[0])
		state = line->run_state;
	region_live(line->region, &live);
	bytes = format_bytes(rate(line->first.bytes, line->second.bytes, line));
	printf("%-20s %-10s %-8s %5u %-24s %7u %10.0f %10s/s %10" G_GUINT64_FORMAT " ",
	       line->vm->name, state, line->driver, live.epoch, line->kernel,
	       line->second.streams, rate(line->first.events, line->second.events, line), bytes,
	       line->second.lost);
	if (line->is_live && live.reader == VHT_READER_ATTACHED)
		printf("%8u\n", live.reader_pid);
	else
		printf("%8s\n", "-");
	if (line->second.damaged)
		printf("    damaged streams: %u\n", line->second.damaged);
	print_lttng(line);
	print_window(line, &live);
}

static void line_free(gpointer data)
{
	struct line *line = data;

	region_free(line->region);
	g_free(line->problem);
	g_free(line);
}

int cmd_list(int argc, char **argv)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(line_free);
	g_autoptr(GPtrArray) vms = NULL;
	g_autofree char *runtime_dir = NULL;
	const GOptionEntry entries[] = {
		{ "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &runtime_dir,
		  "Where VMs are looked for", "DIR" },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};
	bool any_region = false;
	guint i;

	if (!cmd_parse(&argc, &argv, "", "Shows the VMs that have a trace port.", entries))
		return HT_ERROR_USAGE;
	if (argc > 1)
		return cmd_usage(NAME, "unexpected argument: %s", argv[1]);
	if (!runtime_dir)
		runtime_dir = vm_runtime_dir();

	vms = vm_list(runtime_dir);
	for (i = 0; i < vms->len; i++) {
		struct line *line = g_new0(struct line, 1);

		line->vm = vms->pdata[i];
		line->is_live = vm_is_live(line->vm);
		strcpy(line->kernel, "-");
		open_region(line);
		if (line->region) {
			read_vmm_stream(line);
			look(line, &line->first);
			any_region = true;
		}
		g_ptr_array_add(lines, line);
	}
	if (any_region)
		g_usleep(LOOK_INTERVAL_US);
	if (lines->len)
		printf("%-20s %-10s %-8s %5s %-24s %7s %10s %12s %10s %8s\n", "VM", "STATE",
		       "DRIVER", "EPOCH", "KERNEL", "STREAMS", "EVENTS/S", "BYTES", "LOST",
		       "READER");
	else
		g_printerr("hypertrace list: no VM has a trace port in %s\n",
			   runtime_dir ? runtime_dir : "a runtime directory (XDG_RUNTIME_DIR is "
						       "not set)");
	for (i = 0; i < lines->len; i++) {
		struct line *line = lines->pdata[i];

		if (line->region)
			look(line, &line->second);
		print_line(line);
	}
	return 0;
}
