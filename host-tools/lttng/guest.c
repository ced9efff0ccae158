// SPDX-License-Identifier: GPL-2.0-only
/* The sessions of LTTng in a guest, as its driver tells of them; see guest.h. */
#include "lttng/guest.h"

#include <inttypes.h>
#include <string.h>

#include "error.h"
#include "wire/bytes.h"
#include "wire/text.h"

/* A guest may tell anything; these are more than LTTng has. */
#define MAX_SESSIONS	4096
#define MAX_CHANNELS	4096
#define MAX_VERSIONS	8
#define MAX_NAME	255

/* Sentences kept; all are counted. */
#define MAX_DEFECTS	8

/* Channels named in a line. */
#define MAX_LINE_CHANNELS	16

#define SIGNATURE	"/* CTF 1.8 */\n\n"

/**
 * struct text - a version of a session's metadata
 * @version: LTTng's count of regenerations
 * @text: what came of it, from its beginning on, without a gap
 * @has_gap: more came, behind a gap
 * @is_other: a piece that came again said something else
 */
struct text {
	uint32_t version;
	GString *text;
	bool has_gap;
	bool is_other;
};

static void add_defect(GPtrArray *defects, uint64_t *count, const char *format, va_list args)
{
	(*count)++;
	if (defects->len < MAX_DEFECTS)
		g_ptr_array_add(defects, g_strdup_vprintf(format, args));
}

void lttng_guest_add_defect(struct lttng_guest *guest, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_defect(guest->defects, &guest->defect_count, format, args);
	va_end(args);
}

void lttng_guest_session_add_defect(struct lttng_guest_session *session, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_defect(session->defects, &session->defect_count, format, args);
	va_end(args);
}

static void text_free(gpointer data)
{
	struct text *text = data;

	g_string_free(text->text, TRUE);
	g_free(text);
}

static void channel_free(gpointer data)
{
	struct lttng_guest_channel *channel = data;

	g_free(channel->mode);
	g_free(channel->name);
	g_free(channel);
}

static void stream_free(gpointer data)
{
	struct lttng_guest_stream *stream = data;

	g_array_unref(stream->packets);
	g_free(stream);
}

static void session_free(gpointer data)
{
	struct lttng_guest_session *session = data;

	g_free(session->name);
	g_free(session->creation_time);
	g_free(session->format);
	g_ptr_array_unref(session->channels);
	g_ptr_array_unref(session->streams);
	g_ptr_array_unref(session->texts);
	g_ptr_array_unref(session->defects);
	g_hash_table_unref(session->stream_table);
	g_free(session);
}

/* A uuid is random enough for a hash as it is; the epoch tells a session from its copies. */
static guint session_hash(gconstpointer key)
{
	const struct lttng_guest_session *session = key;

	return get_u32(session->uuid) ^ session->epoch;
}

static gboolean session_equal(gconstpointer a, gconstpointer b)
{
	const struct lttng_guest_session *one = a, *other = b;

	return one->epoch == other->epoch && !memcmp(one->uuid, other->uuid, LTTNG_UUID_SIZE);
}

struct lttng_guest *lttng_guest_new(void)
{
	struct lttng_guest *guest = g_new0(struct lttng_guest, 1);

	guest->sessions = g_ptr_array_new_with_free_func(session_free);
	guest->defects = g_ptr_array_new_with_free_func(g_free);
	guest->session_table = g_hash_table_new(session_hash, session_equal);
	return guest;
}

void lttng_guest_free(struct lttng_guest *guest)
{
	if (!guest)
		return;
	g_hash_table_unref(guest->session_table);
	g_ptr_array_unref(guest->sessions);
	g_ptr_array_unref(guest->defects);
	g_free(guest);
}

struct lttng_guest_session *lttng_guest_find(const struct lttng_guest *guest, uint32_t epoch,
					     const uint8_t uuid[LTTNG_UUID_SIZE])
{
	struct lttng_guest_session key = { .epoch = epoch };

	memcpy(key.uuid, uuid, sizeof(key.uuid));
	return g_hash_table_lookup(guest->session_table, &key);
}

/* The session of a record, made if it is new. Return: NULL if there are too many. */
static struct lttng_guest_session *need_session(struct lttng_guest *guest, uint32_t epoch,
						const uint8_t *uuid)
{
	struct lttng_guest_session *session = lttng_guest_find(guest, epoch, uuid);

	if (session)
		return session;
	if (guest->sessions->len >= MAX_SESSIONS) {
		lttng_guest_add_defect(guest, "too many sessions");
		return NULL;
	}
	session = g_new0(struct lttng_guest_session, 1);
	memcpy(session->uuid, uuid, sizeof(session->uuid));
	session->epoch = epoch;
	session->name = g_strdup("?");
	session->has_all_events = true;
	session->channels = g_ptr_array_new_with_free_func(channel_free);
	session->streams = g_ptr_array_new_with_free_func(stream_free);
	session->texts = g_ptr_array_new_with_free_func(text_free);
	session->defects = g_ptr_array_new_with_free_func(g_free);
	session->stream_table = g_hash_table_new(g_int64_hash, g_int64_equal);
	g_ptr_array_add(guest->sessions, session);
	g_hash_table_add(guest->session_table, session);
	return session;
}

/* A text of the guest's, printable and not too long. */
static char *clean(const char *text)
{
	size_t size = strnlen(text, MAX_NAME);
	char *out = g_malloc(size + 1);

	text_copy(out, (const uint8_t *)text, size);
	return out;
}

static void set_text(char **place, const char *value)
{
	g_free(*place);
	*place = clean(value);
}

/* Where among the channels one of an id is, or would be. */
static guint channel_place(const struct lttng_guest_session *session, uint32_t id)
{
	guint low = 0, high = session->channels->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;
		const struct lttng_guest_channel *channel = session->channels->pdata[middle];

		if (channel->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct lttng_guest_channel *lttng_guest_channel(const struct lttng_guest_session *session,
						      uint32_t id)
{
	guint place = channel_place(session, id);
	const struct lttng_guest_channel *channel;

	if (place == session->channels->len)
		return NULL;
	channel = session->channels->pdata[place];
	return channel->id == id ? channel : NULL;
}

/* "MODE NAME" of a channel. */
static void set_channel(struct lttng_guest_session *session, const char *id_text,
			const char *value)
{
	struct lttng_guest_channel *channel;
	const char *blank = strchr(value, ' ');
	g_autofree char *mode = blank ? g_strndup(value, blank - value) : g_strdup(value);
	guint64 id;

	if (!g_ascii_string_to_unsigned(id_text, 10, 0, UINT32_MAX, &id, NULL)) {
		lttng_guest_session_add_defect(session, "a channel's id is no number");
		return;
	}
	channel = (struct lttng_guest_channel *)lttng_guest_channel(session, (uint32_t)id);
	if (!channel) {
		if (session->channels->len >= MAX_CHANNELS) {
			lttng_guest_session_add_defect(session, "too many channels");
			return;
		}
		channel = g_new0(struct lttng_guest_channel, 1);
		channel->id = (uint32_t)id;
		g_ptr_array_insert(session->channels, channel_place(session, channel->id),
				   channel);
	}
	set_text(&channel->mode, mode);
	set_text(&channel->name, blank ? blank + 1 : "");
}

static void set_key(struct lttng_guest_session *session, const char *key, const char *value)
{
	guint64 number;

	if (!strcmp(key, "name"))
		set_text(&session->name, *value ? value : "?");
	else if (!strcmp(key, "creation_time"))
		set_text(&session->creation_time, value);
	else if (!strcmp(key, "format"))
		set_text(&session->format, value);
	else if (!strcmp(key, "ended"))
		session->has_ended = !strcmp(value, "1");
	else if (g_str_has_prefix(key, "channel."))
		set_channel(session, key + strlen("channel."), value);
	else if (!strcmp(key, "dropped") &&
		 g_ascii_string_to_unsigned(value, 10, 0, UINT64_MAX, &number, NULL))
		session->dropped = number;
	else if (!strcmp(key, "clock.frequency") &&
		 g_ascii_string_to_unsigned(value, 10, 1, UINT64_MAX, &number, NULL))
		session->frequency = number;
}

static void take_session(struct lttng_guest *guest, uint32_t epoch,
			 const struct meta_record *record)
{
	struct lttng_guest_session *session;
	g_autofree char *text = NULL;
	char *next, *line;

	if (record->size < LTTNG_UUID_SIZE) {
		lttng_guest_add_defect(guest, "a session's record is too short");
		return;
	}
	session = need_session(guest, epoch, (const uint8_t *)record->payload);
	if (!session)
		return;
	session->is_told = true;
	text = g_strndup(record->payload + LTTNG_UUID_SIZE, record->size - LTTNG_UUID_SIZE);
	for (line = text; line; line = next) {
		char *equals;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		equals = strchr(line, '=');
		if (!equals)
			continue;
		*equals = '\0';
		set_key(session, line, equals + 1);
	}
}

/* The version of a session's text that a piece belongs to. */
static struct text *need_text(struct lttng_guest_session *session, uint32_t version)
{
	struct text *text;
	guint oldest = 0;

	for (guint i = 0; i < session->texts->len; i++) {
		text = session->texts->pdata[i];
		if (text->version == version)
			return text;
		if (text->version < ((struct text *)session->texts->pdata[oldest])->version)
			oldest = i;
	}
	if (session->texts->len >= MAX_VERSIONS)
		g_ptr_array_remove_index(session->texts, oldest);
	text = g_new0(struct text, 1);
	text->version = version;
	text->text = g_string_new(NULL);
	g_ptr_array_add(session->texts, text);
	return text;
}

/* A piece of text: new, or come again with a new set, or both. */
static void put_piece(struct text *text, uint64_t offset, const char *piece, size_t size)
{
	size_t known;

	if (offset > text->text->len) {
		text->has_gap = true;
		return;
	}
	known = MIN(size, text->text->len - offset);
	text->is_other |= memcmp(text->text->str + offset, piece, known) != 0;
	g_string_append_len(text->text, piece + known, size - known);
}

static void take_text(struct lttng_guest *guest, uint32_t epoch,
		      const struct meta_record *record)
{
	struct lttng_guest_session *session;
	struct vht_lttng_text piece;

	if (record->size < sizeof(piece)) {
		lttng_guest_add_defect(guest, "a piece of text is too short");
		return;
	}
	memcpy(&piece, record->payload, sizeof(piece));
	session = need_session(guest, epoch, piece.uuid);
	if (session)
		put_piece(need_text(session, GUINT32_FROM_LE(piece.version)),
			  GUINT64_FROM_LE(piece.offset), record->payload + sizeof(piece),
			  record->size - sizeof(piece));
}

void lttng_guest_take_meta(struct lttng_guest *guest, uint32_t epoch,
			   const struct meta_record *record)
{
	if (record->type == VHT_META_LTTNG_SESSION)
		take_session(guest, epoch, record);
	else if (record->type == VHT_META_LTTNG_TEXT)
		take_text(guest, epoch, record);
}

/* The text in a form that layout and readers take. Return: NULL with @error set. */
static GString *whole_text(const struct text *text, const uint8_t *uuid,
			   struct lttng_layout *layout, GError **error)
{
	GString *out;

	if (strlen(text->text->str) != text->text->len) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "it is no text");
		return NULL;
	}
	if (!lttng_layout_init(layout, text->text->str, uuid, error))
		return NULL;
	out = g_string_new(SIGNATURE);
	g_string_append_len(out, text->text->str, layout->size);
	g_string_append_c(out, '\n');
	return out;
}

GString *lttng_guest_text(const struct lttng_guest_session *session, struct lttng_layout *layout,
			  GError **error)
{
	struct lttng_layout one;
	uint32_t version = 0;
	GString *best = NULL;

	if (session->format && strcmp(session->format, "ctf1.8")) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "its metadata is not CTF 1.8 but %s", session->format);
		return NULL;
	}
	if (!session->texts->len)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "it has no metadata");
	for (guint i = 0; i < session->texts->len; i++) {
		const struct text *text = session->texts->pdata[i];
		GString *other = whole_text(text, session->uuid, &one,
					    best || (error && *error) ? NULL : error);

		if (!other)
			continue;
		if (best && (one.events < layout->events ||
			     (one.events == layout->events && text->version < version))) {
			g_string_free(other, TRUE);
			lttng_layout_fini(&one);
			continue;
		}
		if (best) {
			g_string_free(best, TRUE);
			lttng_layout_fini(layout);
		}
		best = other;
		*layout = one;
		version = text->version;
	}
	if (best)
		g_clear_error(error);
	return best;
}

static gint compare_streams(gconstpointer a, gconstpointer b)
{
	const struct lttng_guest_stream *one = *(const struct lttng_guest_stream *const *)a;
	const struct lttng_guest_stream *other = *(const struct lttng_guest_stream *const *)b;

	if (one->channel != other->channel)
		return one->channel < other->channel ? -1 : 1;
	return (one->cpu > other->cpu) - (one->cpu < other->cpu);
}

/* Once all of a session is there: what is wrong with its texts, and with what was told of it. */
static void finish_session(struct lttng_guest_session *session)
{
	g_ptr_array_sort(session->streams, compare_streams);
	if (!session->is_told)
		lttng_guest_session_add_defect(session, "its text came, but nothing about it");
	if (session->streams->len && !session->texts->len)
		lttng_guest_session_add_defect(session, "it has packets, but no metadata");
	for (guint i = 0; i < session->texts->len; i++) {
		const struct text *text = session->texts->pdata[i];

		if (text->has_gap)
			lttng_guest_session_add_defect(session, "version %" PRIu32
						       " of its metadata has a gap behind %"
						       G_GSIZE_FORMAT " bytes", text->version,
						       text->text->len);
		if (text->is_other)
			lttng_guest_session_add_defect(session, "version %" PRIu32
						       " of its metadata was told in two ways",
						       text->version);
	}
}

/*
 * What a channel discarded after its last packet was closed stands in no packet, but
 * in the driver's count, which is of all sessions: where there is one, it is of that.
 */
static void count_late(struct lttng_guest *guest)
{
	uint64_t told = 0;

	for (guint i = 0; i < guest->sessions->len; i++) {
		struct lttng_guest_totals totals;

		lttng_guest_totals(guest->sessions->pdata[i], &totals);
		told += totals.discarded;
	}
	if (guest->lost <= told)
		return;
	if (guest->sessions->len == 1)
		((struct lttng_guest_session *)guest->sessions->pdata[0])->late =
			guest->lost - told;
	else
		guest->late = guest->lost - told;
}

static void read_metadata(struct lttng_guest *guest, const struct recording_generation *gen)
{
	struct recording_records it;
	struct meta_record record;

	recording_records_init(&it, gen->metadata);
	while (recording_next_meta(&it, &record))
		lttng_guest_take_meta(guest, gen->epoch, &record);
}

struct lttng_guest *lttng_guest_read(const struct recording_vm *vm)
{
	struct lttng_guest *guest = lttng_guest_new();

	for (guint i = 0; i < vm->generations->len; i++)
		read_metadata(guest, vm->generations->pdata[i]);
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *gen = vm->generations->pdata[i];

		for (guint j = 0; j < gen->streams->len; j++) {
			const struct recording_stream *file = gen->streams->pdata[j];

			if (file->source == VHT_SOURCE_LTTNG)
				lttng_guest_take_stream(guest, gen->epoch, file);
		}
	}
	for (guint i = 0; i < guest->sessions->len; i++)
		finish_session(guest->sessions->pdata[i]);
	count_late(guest);
	return guest;
}

char *lttng_guest_channels_text(const struct lttng_guest_session *session)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < MIN(session->channels->len, MAX_LINE_CHANNELS); i++) {
		const struct lttng_guest_channel *channel = session->channels->pdata[i];

		g_string_append_printf(text, "%s%s (%s)", i ? ", " : "", channel->name,
				       channel->mode);
	}
	if (session->channels->len > MAX_LINE_CHANNELS)
		g_string_append_printf(text, ", and %u more",
				       session->channels->len - MAX_LINE_CHANNELS);
	return g_string_free(text, FALSE);
}
