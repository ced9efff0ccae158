// SPDX-License-Identifier: GPL-2.0-only
/*
 * LTTng's traces among the files of a spool; see traces.h.
 *
 * What is found is told to lttng/guest.c in the form in which a guest's driver tells it:
 * records of metadata, and for each CPU a stream of packets.
 */
#include "spool/traces.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "lttng/metadata.h"
#include "lttng/packet.h"
#include "lttng/tsdl.h"
#include "spool/tree.h"
#include "wire/bytes.h"

#define METADATA		"metadata"
#define CLOCK_HZ		1000000000
#define MAX_METADATA_SIZE	(64 << 20)

/* Of a packet of metadata (CTF 1.8, 7.1). */
#define METADATA_MAGIC		0x75d11d57
#define METADATA_PACKET_SIZE	28
#define METADATA_HEADER_SIZE	37

/* Of a packet of LTTng's: its size in bits. */
#define PACKET_SIZE		56

/* What a VHT_PACKET_LTTNG has room for. */
#define MAX_PACKET_SIZE		(VHT_PACKET_MAX_SIZE - 2 * VHT_PACKET_ALIGN)

/* A packet that is there, and where; @run_end: where the bytes about it end, as far as seen. */
struct found {
	const struct spool_file *file;
	uint64_t offset;
	uint64_t run_end;
	struct lttng_packet packet;
};

/* A file without a name, with packets in it. */
struct map {
	void *data;
	uint64_t size;
};

/* What is being put together. */
struct search {
	struct spool_traces *traces;
	GArray *found;		/* struct found[], of one epoch */
	uint32_t epoch;
	uint32_t version;	/* of texts */
	const struct recording_stream *spool;
};

/* The last part of a path. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A trace's name: its directory, without where a rotation has put it. */
static char *trace_name(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path);
	g_auto(GStrv) parts = g_strsplit(dir, "/", -1);
	GString *name = g_string_new(NULL);

	for (guint i = 0; parts[i]; i++) {
		if (!strcmp(parts[i], "archives") && parts[i + 1]) {
			i++;
			continue;
		}
		g_string_append_printf(name, "%s%s", name->len ? "/" : "", parts[i]);
	}
	return g_string_free(name, FALSE);
}

/* The uuid in the text's declaration of the trace. */
static bool find_uuid(const char *at, uint8_t uuid[LTTNG_UUID_SIZE])
{
	const char *begin;

	while (tsdl_declaration(&at, &begin)) {
		g_autofree char *text = NULL;
		struct tsdl_token token;

		if (!tsdl_matches(begin, "trace { major = *; minor = *; uuid = *;"))
			continue;
		/* trace { major = 1 ; minor = 8 ; uuid = VALUE */
		for (unsigned int i = 0; i < 13; i++)
			token = tsdl_next(&begin);
		text = tsdl_value(&token);
		if (!g_uuid_string_is_valid(text))
			return false;
		for (unsigned int i = 0, j = 0; i < LTTNG_UUID_SIZE; i++, j += 2) {
			if (text[j] == '-')
				j++;
			uuid[i] = (uint8_t)(g_ascii_xdigit_value(text[j]) << 4 |
					    g_ascii_xdigit_value(text[j + 1]));
		}
		return true;
	}
	return false;
}

/* How many bytes of a metadata file are whole packets, or text. */
static size_t whole_size(const uint8_t *data, size_t size)
{
	size_t at = 0;

	if (size < 4 || get_u32(data) != METADATA_MAGIC)
		return size;
	while (size - at >= METADATA_HEADER_SIZE) {
		size_t packet = get_u32(data + at + METADATA_PACKET_SIZE) / 8;

		if (packet < METADATA_HEADER_SIZE || packet > size - at)
			break;
		at += packet;
	}
	return at;
}

static void tell(const struct search *search, uint32_t type, const GByteArray *payload)
{
	const struct meta_record record = {
		.type = type,
		.payload = (const char *)payload->data,
		.size = payload->len,
	};

	lttng_guest_take_meta(search->traces->guest, search->epoch, &record);
}

static void G_GNUC_PRINTF(3, 4) tell_session(const struct search *search, const uint8_t *uuid,
					     const char *format, ...)
{
	g_autofree char *text = NULL;
	GByteArray *payload = g_byte_array_new();
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_byte_array_append(payload, uuid, LTTNG_UUID_SIZE);
	g_byte_array_append(payload, (const uint8_t *)text, strlen(text));
	tell(search, VHT_META_LTTNG_SESSION, payload);
	g_byte_array_unref(payload);
}

static void tell_text(struct search *search, const uint8_t *uuid, const GString *text)
{
	struct vht_lttng_text head = { .version = GUINT32_TO_LE(search->version++) };
	GByteArray *payload = g_byte_array_new();

	memcpy(head.uuid, uuid, sizeof(head.uuid));
	g_byte_array_append(payload, (const uint8_t *)&head, sizeof(head));
	g_byte_array_append(payload, (const uint8_t *)text->str, text->len);
	tell(search, VHT_META_LTTNG_TEXT, payload);
	g_byte_array_unref(payload);
}

/* Looks whether a file is a trace's metadata, and tells of the trace if so. */
static void take_metadata(struct search *search, const struct spool_file *file)
{
	size_t size = spool_file_run(file, 0, MAX_METADATA_SIZE);
	g_autofree uint8_t *data = g_malloc(size + 1);
	uint8_t uuid[LTTNG_UUID_SIZE];
	GString *text;

	spool_file_read(file, 0, data, size);
	text = lttng_metadata_text(data, whole_size(data, size), NULL);
	if (!text)
		return;
	if (find_uuid(text->str, uuid)) {
		g_autofree char *name = trace_name(file->path);

		struct lttng_metadata_clock clock = { .freq = 0 };

		lttng_metadata_get_clock(text, &clock, NULL);
		tell_session(search, uuid, "name=%s\nformat=ctf1.8\nclock.frequency=%"
			     G_GUINT64_FORMAT "\n%s", name, clock.freq,
			     file->is_closed ? "ended=1\n" : "");
		tell_text(search, uuid, text);
	}
	g_string_free(text, TRUE);
}

/* A stream's file is called CHANNEL_CPU, and perhaps _NUMBER behind that. */
static void tell_channel(const struct search *search, const struct found *found)
{
	g_autofree char *name = g_strdup(base_name(found->file->path));
	g_autofree char *cpu = g_strdup_printf("_%" G_GUINT32_FORMAT, found->packet.cpu);
	char *end = g_strrstr(name, cpu);

	if (end)
		*end = '\0';
	tell_session(search, found->packet.uuid, "channel.%" G_GUINT32_FORMAT "=user %s\n",
		     found->packet.channel, name);
}

/* Where the next write() began, behind a place in a file; its end if nowhere. */
static uint64_t next_start(const struct spool_file *file, uint64_t offset)
{
	const struct spool_span *span = spool_file_at(file, offset + 1);

	while (span && (span->offset <= offset || !span->is_start))
		span = spool_file_at(file, span->offset + span->size);
	return span ? span->offset : file->size;
}

/*
 * Whether so many bytes are there. An end that was seen is not looked for again: many writes
 * may lie before it, and a packet may seem to begin at each.
 */
static bool has_bytes(struct found *found, uint64_t size)
{
	if (found->offset >= found->run_end) {
		uint64_t run = spool_file_run(found->file, found->offset, size);

		if (run == size)
			return true;
		found->run_end = found->offset + run;
	}
	return size <= found->run_end - found->offset;
}

/**
 * parse_at - take a packet
 * @found: its file, offset and run_end are set; the packet is on success
 * @known: a trace is known that it could be of
 * Return: false if there is none, or not all of one.
 */
static bool parse_at(const struct search *search, struct found *found, bool *known)
{
	uint8_t head[LTTNG_PACKET_HEADER_SIZE];
	g_autofree uint8_t *all = NULL;
	struct lttng_packet packet;
	uint64_t size;

	*known = false;
	if (!has_bytes(found, sizeof(head)))
		return false;
	spool_file_read(found->file, found->offset, head, sizeof(head));
	size = get_u64(head + PACKET_SIZE) / 8;
	/* of its bytes the header alone is looked at, beside their number */
	if (lttng_packet_parse(head, MAX(size, sizeof(head)), &packet) != LTTNG_PACKET_OK ||
	    !lttng_guest_find(search->traces->guest, search->epoch, packet.uuid))
		return false;
	*known = true;
	if (size > MAX_PACKET_SIZE || !has_bytes(found, size))
		return false;
	found->packet = packet;
	return true;
}

/* All packets of a file, if it is a stream of a trace. */
static void take_packets(struct search *search, const struct spool_file *file)
{
	struct found found = { .file = file };
	uint32_t channel = 0;
	bool has_told = false;

	while (found.offset < file->size) {
		bool known;

		if (!parse_at(search, &found, &known)) {
			search->traces->incomplete += known;
			found.offset = next_start(file, found.offset);
			continue;
		}
		if (!has_told || found.packet.channel != channel)
			tell_channel(search, &found);
		has_told = true;
		channel = found.packet.channel;
		g_array_append_val(search->found, found);
		found.offset += found.packet.size;
	}
}

static gint compare_found(gconstpointer a, gconstpointer b)
{
	const struct found *x = a, *y = b;

	if (x->packet.cpu != y->packet.cpu)
		return x->packet.cpu < y->packet.cpu ? -1 : 1;
	if (x->packet.begin != y->packet.begin)
		return x->packet.begin < y->packet.begin ? -1 : 1;
	return (x->packet.sequence > y->packet.sequence) -
	       (x->packet.sequence < y->packet.sequence);
}

static uint64_t outer_size(uint64_t content)
{
	return (sizeof(struct vht_packet) + content + VHT_PACKET_ALIGN - 1) &
	       ~(uint64_t)(VHT_PACKET_ALIGN - 1);
}

static bool io_error(GError **error)
{
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot write a temporary file: %s",
		    g_strerror(errno));
	return false;
}

/* Writes a packet as a driver would have put it; its place is a multiple of the alignment. */
static bool write_packet(int fd, const struct found *found, uint64_t sequence, GError **error)
{
	const struct lttng_packet *packet = &found->packet;
	const struct packet_header header = {
		.header_size = sizeof(struct vht_packet),
		.type = VHT_PACKET_LTTNG,
		.cpu = packet->cpu,
		.sequence = sequence,
		.packet_size = outer_size(packet->size),
		.content_size = packet->size,
		.timestamp_begin = packet->begin,
		.timestamp_end = packet->end,
	};
	struct vht_packet outer;

	packet_build(&header, &outer);
	if (write(fd, &outer, sizeof(outer)) != sizeof(outer))
		return io_error(error);
	if (!spool_file_copy(found->file, found->offset, packet->size, fd, error))
		return false;
	if (lseek(fd, header.packet_size - sizeof(outer) - packet->size, SEEK_CUR) < 0)
		return io_error(error);
	return true;
}

/* A file without a name. */
static int open_scratch(GError **error)
{
	const char *tmp = g_getenv("TMPDIR");
	g_autofree char *path = g_build_filename(tmp && *tmp ? tmp : "/var/tmp",
						 "hypertrace-XXXXXX", NULL);
	int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "cannot make a temporary file: path=%s: %s", path, g_strerror(errno));
		return -1;
	}
	unlink(path);
	return fd;
}

/* The stream of a CPU: a part of what was written. */
static void add_stream(const struct search *search, uint32_t cpu, const uint8_t *data,
		       uint64_t size)
{
	struct recording_stream *stream = g_new0(struct recording_stream, 1);

	stream->cpu = cpu;
	stream->file_name = g_strdup_printf("spool, CPU %" G_GUINT32_FORMAT, cpu);
	stream->data = data;
	stream->size = size;
	g_ptr_array_add(search->traces->files, stream);
	lttng_guest_take_stream(search->traces->guest, search->epoch, stream);
}

/* Hands over what was copied: packets of one CPU lie together. */
static void add_streams(const struct search *search, const uint8_t *data)
{
	uint64_t size = 0;

	for (guint i = 0; i < search->found->len; i++) {
		const struct found *found = &g_array_index(search->found, struct found, i);

		size += outer_size(found->packet.size);
		if (i + 1 < search->found->len && found[1].packet.cpu == found->packet.cpu)
			continue;
		add_stream(search, found->packet.cpu, data, size);
		data += size;
		size = 0;
	}
}

/* Copies what was found, in its order. */
static bool copy_found(const struct search *search, int fd, uint64_t *size, GError **error)
{
	*size = 0;
	for (guint i = 0; i < search->found->len; i++) {
		const struct found *found = &g_array_index(search->found, struct found, i);

		/* not from 0 on: what was before is not said to be missing */
		if (!write_packet(fd, found, i + 1, error))
			return false;
		*size += outer_size(found->packet.size);
	}
	return ftruncate(fd, *size) == 0 || io_error(error);
}

/* Copies what was found to where it lies in one piece, and hands it over. */
static bool put_found(const struct search *search, GError **error)
{
	int fd = open_scratch(error);
	struct map map = { 0 };
	bool done;

	if (fd < 0)
		return false;
	done = copy_found(search, fd, &map.size, error);
	if (done) {
		map.data = mmap(NULL, map.size, PROT_READ, MAP_SHARED, fd, 0);
		done = map.data != MAP_FAILED || io_error(error);
	}
	close(fd);
	if (!done)
		return false;
	g_array_append_val(search->traces->maps, map);
	add_streams(search, map.data);
	return true;
}

static void for_each_file(struct search *search, const struct spool_tree *tree, bool is_metadata,
			  void (*call)(struct search *search, const struct spool_file *file))
{
	for (guint i = 0; i < tree->files->len; i++) {
		const struct spool_file *file = tree->files->pdata[i];

		if (!file->is_removed && !strcmp(base_name(file->path), METADATA) == is_metadata)
			call(search, file);
	}
}

static void set_file(const struct lttng_guest_stream *stream, const struct recording_stream *file)
{
	for (guint i = 0; i < stream->packets->len; i++)
		g_array_index(stream->packets, struct lttng_guest_packet, i).file = file;
}

/*
 * A program's events are on CLOCK_MONOTONIC, unless it was given another clock, and so is
 * the spool: the time base knows it by the spool's stream.
 */
static void set_clocks(const struct search *search)
{
	const GPtrArray *sessions = search->traces->guest->sessions;

	for (guint i = 0; i < sessions->len; i++) {
		const struct lttng_guest_session *session = sessions->pdata[i];

		if (session->epoch != search->epoch || session->frequency != CLOCK_HZ)
			continue;
		for (guint j = 0; j < session->streams->len; j++)
			set_file(session->streams->pdata[j], search->spool);
	}
}

/* Puts the trees of an epoch together; there may be more than one driver in it. */
static GPtrArray *read_trees(const struct recording_vm *vm, uint32_t epoch,
			     const struct recording_stream **spool)
{
	GPtrArray *trees = g_ptr_array_new_with_free_func((GDestroyNotify)spool_tree_free);

	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *gen = vm->generations->pdata[i];

		for (guint j = 0; gen->epoch == epoch && j < gen->streams->len; j++) {
			const struct recording_stream *stream = gen->streams->pdata[j];

			if (stream->source != VHT_SOURCE_SPOOL)
				continue;
			g_ptr_array_add(trees, spool_tree_new(stream));
			*spool = stream;
		}
	}
	return trees;
}

static bool read_epoch(struct spool_traces *traces, const struct recording_vm *vm, uint32_t epoch,
		       GError **error)
{
	struct search search = {
		.traces = traces,
		.found = g_array_new(FALSE, FALSE, sizeof(struct found)),
		.epoch = epoch,
	};
	GPtrArray *trees = read_trees(vm, epoch, &search.spool);
	bool done = true;

	for (guint i = 0; i < trees->len; i++)
		for_each_file(&search, trees->pdata[i], true, take_metadata);
	/* no trace, no packets */
	for (guint i = 0; search.version && i < trees->len; i++)
		for_each_file(&search, trees->pdata[i], false, take_packets);
	g_array_sort(search.found, compare_found);
	if (search.found->len)
		done = put_found(&search, error);
	set_clocks(&search);
	g_array_unref(search.found);
	g_ptr_array_unref(trees);
	return done;
}

static void stream_free(gpointer data)
{
	struct recording_stream *stream = data;

	g_free(stream->file_name);
	g_free(stream);
}

struct spool_traces *spool_traces_read(const struct recording_vm *vm, GError **error)
{
	struct spool_traces *traces = g_new0(struct spool_traces, 1);
	bool done = true;

	traces->guest = lttng_guest_new();
	traces->files = g_ptr_array_new_with_free_func(stream_free);
	traces->maps = g_array_new(FALSE, FALSE, sizeof(struct map));
	/* generations come in order: those of an epoch follow each other */
	for (guint i = 0; done && i < vm->generations->len; i++) {
		const struct recording_generation *gen = vm->generations->pdata[i];
		const struct recording_generation *before =
			i ? vm->generations->pdata[i - 1] : NULL;

		if (!before || before->epoch != gen->epoch)
			done = read_epoch(traces, vm, gen->epoch, error);
	}
	if (done)
		return traces;
	spool_traces_free(traces);
	return NULL;
}

void spool_traces_free(struct spool_traces *traces)
{
	if (!traces)
		return;
	lttng_guest_free(traces->guest);
	g_ptr_array_unref(traces->files);
	for (guint i = 0; i < traces->maps->len; i++) {
		const struct map *map = &g_array_index(traces->maps, struct map, i);

		munmap(map->data, map->size);
	}
	g_array_unref(traces->maps);
	g_free(traces);
}
