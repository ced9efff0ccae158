// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CTF trace's metadata with another description of its clock; see metadata.h.
 *
 * Two kinds of places in the text (TSDL, CTF 1.8 section C) speak of a clock: the block
 * `clock { ... }` at the outermost level, and `map = clock.NAME.value` in integer
 * types. They are found token by token, so that what stands in a comment or a
 * string is none of them.
 */
#include "lttng/metadata.h"

#include <string.h>

#include "error.h"
#include "lttng/tsdl.h"

#define SIGNATURE		"/* CTF 1.8"
#define CLOCK_NAME		"monotonic"
#define CLOCK_HZ		"1000000000"
#define NS_PER_S		1000000000LL

/* One for each kind of stream, at most. */
#define MAX_BLOCKS		256

/* The header of a metadata packet (CTF 1.8, 7.1): offsets, and its size. */
#define PACKET_MAGIC		0x75d11d57
#define PACKET_CONTENT_BITS	24
#define PACKET_SIZE_BITS	28
#define PACKET_SCHEMES		32	/* compression, encryption, checksum */
#define PACKET_MAJOR		35
#define PACKET_HEADER_SIZE	37

static uint32_t load_word(const uint8_t *data, bool is_swapped)
{
	uint32_t word;

	memcpy(&word, data, sizeof(word));
	return is_swapped ? GUINT32_SWAP_LE_BE(word) : word;
}

G_GNUC_PRINTF(2, 3)
static gpointer fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_propagate_error(error, g_error_new_valist(HT_ERROR, HT_ERROR_FORMAT, format, args));
	va_end(args);
	return NULL;
}

/**
 * unpack_one - take the text of one packet
 * @data: from the packet on
 * @size: bytes there are
 * Return: bytes of the packet, 0 with @error set.
 */
static size_t unpack_one(const uint8_t *data, size_t size, bool is_swapped, GString *text,
			 GError **error)
{
	static const uint8_t plain[3];
	uint32_t content, whole;

	if (size < PACKET_HEADER_SIZE || load_word(data, is_swapped) != PACKET_MAGIC) {
		fail(error, "metadata is damaged: no packet at its byte %" G_GSIZE_FORMAT,
		     text->len);
		return 0;
	}
	content = load_word(data + PACKET_CONTENT_BITS, is_swapped) / 8;
	whole = load_word(data + PACKET_SIZE_BITS, is_swapped) / 8;
	if (content < PACKET_HEADER_SIZE || whole < content || whole > size) {
		fail(error, "metadata ends inside a packet");
		return 0;
	}
	if (memcmp(data + PACKET_SCHEMES, plain, sizeof(plain)) || data[PACKET_MAJOR] != 1) {
		fail(error, "metadata is compressed, encrypted, or not CTF 1");
		return 0;
	}
	g_string_append_len(text, (const char *)data + PACKET_HEADER_SIZE,
			    content - PACKET_HEADER_SIZE);
	return whole;
}

GString *lttng_metadata_text(const uint8_t *data, size_t size, GError **error)
{
	GString *text = g_string_new(NULL);
	bool is_packed, is_swapped;

	if (size < 4 || (load_word(data, false) != PACKET_MAGIC &&
			 load_word(data, true) != PACKET_MAGIC)) {
		g_string_append_len(text, (const char *)data, size);
		size = 0;
	}
	is_packed = size;
	is_swapped = size && load_word(data, false) != PACKET_MAGIC;
	while (size) {
		size_t whole = unpack_one(data, size, is_swapped, text, error);

		if (!whole) {
			g_string_free(text, TRUE);
			return NULL;
		}
		data += whole;
		size -= whole;
	}
	if (!text->len) {
		g_string_free(text, TRUE);
		return fail(error, "metadata is empty: the session was cut off at its beginning");
	}
	/* in packets it may be missing, as in the kernel tracer's: they say the version */
	if (is_packed && strncmp(text->str, SIGNATURE, strlen(SIGNATURE)))
		g_string_prepend(text, SIGNATURE " */\n");
	if (strncmp(text->str, SIGNATURE, strlen(SIGNATURE)) || strlen(text->str) != text->len) {
		g_string_free(text, TRUE);
		return fail(error, "metadata is not CTF 1.8");
	}
	return text;
}

/**
 * struct block - a description of a clock
 * @name: what it says, or NULL
 * @uuid: likewise
 * @freq: likewise
 * @offset_s: likewise
 * @offset: likewise
 */
struct block {
	char *name;
	char *uuid;
	char *freq;
	char *offset_s;
	char *offset;
};

/**
 * struct place - a piece of the text that will be another
 * @begin: of it
 * @end: behind it
 * @kind: what stands there
 */
struct place {
	const char *begin;
	const char *end;
	enum {
		PLACE_BLOCK,	/* `clock { ... }` */
		PLACE_NAME,	/* NAME in `map = clock.NAME.value` */
		PLACE_ENV,	/* nothing: behind the brace of `env { ... }` */
	} kind;
};

/**
 * struct found - what a text says of clocks
 * @blocks: struct block *; babeltrace2's sink describes one clock once for each
 *	kind of stream
 * @places: struct place[], in their order
 * @has_env: one of them is in the environment
 */
struct found {
	GPtrArray *blocks;
	GArray *places;
	bool has_env;
};

static void block_free(gpointer data)
{
	struct block *block = data;

	g_free(block->name);
	g_free(block->uuid);
	g_free(block->freq);
	g_free(block->offset_s);
	g_free(block->offset);
	g_free(block);
}

/**
 * note_attribute - keep what a clock's description says
 * @value: first token of it
 * @end: behind its last one
 */
static void note_attribute(struct block *block, const struct tsdl_token *key,
			   const struct tsdl_token *value, const char *end)
{
	char **place = tsdl_is(key, "name") ? &block->name :
		       tsdl_is(key, "uuid") ? &block->uuid :
		       tsdl_is(key, "freq") ? &block->freq :
		       tsdl_is(key, "offset_s") ? &block->offset_s :
		       tsdl_is(key, "offset") ? &block->offset : NULL;

	if (!place)
		return;
	g_free(*place);
	*place = end == value->end ? tsdl_value(value) :
				     g_strndup(value->begin, end - value->begin);
}

/**
 * read_block - read a clock's description, from behind its opening brace on
 * @at: moved behind the closing brace
 * Return: false with @error set.
 */
static bool read_block(struct block *block, const char **at, GError **error)
{
	struct tsdl_token key, equals, value, first;
	const char *end;

	while ((key = tsdl_next(at)).kind != '}') {
		equals = tsdl_next(at);
		value = tsdl_next(at);
		if (key.kind != 'w' || equals.kind != '=' || value.kind == '{' ||
		    value.kind == '?' || !value.kind)
			return fail(error, "metadata is damaged: clock");
		first = value;
		/* what else belongs to the value, as a minus */
		for (end = value.begin; value.kind != ';'; ) {
			end = value.end;
			value = tsdl_next(at);
			if (value.kind == '{' || value.kind == '}' || value.kind == '?' ||
			    !value.kind)
				return fail(error, "metadata is damaged: clock");
		}
		note_attribute(block, &key, &first, end);
	}
	return true;
}

/**
 * note_block - take a clock's description, from behind the word `clock` on
 * @at: moved behind it
 * Return: false with @error set.
 */
static bool note_block(struct found *found, const struct tsdl_token *word, const char **at,
		       GError **error)
{
	struct block *block = g_new0(struct block, 1);
	struct place place = { .begin = word->begin, .kind = PLACE_BLOCK };

	g_ptr_array_add(found->blocks, block);
	if (found->blocks->len > MAX_BLOCKS)
		return fail(error, "it has too many clocks");
	if (tsdl_next(at).kind != '{')
		return fail(error, "metadata is damaged: clock");
	if (!read_block(block, at, error))
		return false;
	place.end = *at;
	g_array_append_val(found->places, place);
	return true;
}

/**
 * note_map - see whether `map` begins what names a clock
 * @at: behind that word; moved if so
 */
static void note_map(struct found *found, const char **at)
{
	const char *there = *at;
	struct tsdl_token equals = tsdl_next(&there), clock = tsdl_next(&there);
	struct tsdl_token dot = tsdl_next(&there), name = tsdl_next(&there);
	struct place place = { .begin = name.begin, .end = name.end, .kind = PLACE_NAME };

	if (equals.kind != '=' || !tsdl_is(&clock, "clock") || dot.kind != '.' ||
	    name.kind != 'w')
		return;
	g_array_append_val(found->places, place);
	*at = there;
}

/**
 * note_env - take the place for more of the environment, in the first that there is
 * @at: behind the word `env`
 */
static void note_env(struct found *found, const char *at)
{
	struct place place = { .kind = PLACE_ENV };

	if (found->has_env || tsdl_next(&at).kind != '{')
		return;
	place.begin = place.end = at;
	g_array_append_val(found->places, place);
	found->has_env = true;
}

/**
 * find_clocks - find all that a text says of clocks, and its environment
 * Return: false with @error set.
 */
static bool find_clocks(const char *at, struct found *found, GError **error)
{
	unsigned int depth = 0;

	for (;;) {
		struct tsdl_token token = tsdl_next(&at);

		if (token.kind == '?' || (token.kind == '}' && !depth))
			return fail(error, "metadata is damaged: comment, string or block");
		if (!token.kind)
			break;
		depth += token.kind == '{';
		depth -= token.kind == '}';
		if (tsdl_is(&token, "map"))
			note_map(found, &at);
		else if (!depth && tsdl_is(&token, "env"))
			note_env(found, at);
		else if (!depth && tsdl_is(&token, "clock") &&
			 !note_block(found, &token, &at, error))
			return false;
	}
	if (depth)
		return fail(error, "metadata ends inside a block");
	return true;
}

/**
 * check_block - see whether a clock is the one it has to be
 * Return: false with @error set.
 */
static bool check_block(const struct block *block, const struct lttng_clock *clock,
			GError **error)
{
	if (!clock->boot_id)
		return true;
	if (!block->uuid || !g_uuid_string_is_valid(block->uuid))
		return fail(error, "its clock has no uuid, so it may be of any host and boot");
	if (g_ascii_strcasecmp(block->uuid, clock->boot_id))
		return fail(error, "it is of another boot or host: clock uuid=%s, recording's "
			    "boot_id=%s", block->uuid, clock->boot_id);
	if (block->freq && strcmp(block->freq, CLOCK_HZ))
		return fail(error, "its clock is not CLOCK_MONOTONIC: freq=%s", block->freq);
	return true;
}

/**
 * check_name - see whether what is named is described
 * Return: false with @error set.
 */
static bool check_name(const struct found *found, const struct place *place, GError **error)
{
	g_autofree char *name = g_strndup(place->begin, place->end - place->begin);

	for (guint i = 0; i < found->blocks->len; i++) {
		const struct block *block = found->blocks->pdata[i];

		if (block->name && !strcmp(block->name, name))
			return true;
	}
	return fail(error, "it uses a clock that it does not describe: %s", name);
}

static bool check_all(const struct found *found, const struct lttng_clock *clock, GError **error)
{
	if (!found->blocks->len)
		return fail(error, "it has no clock");
	for (guint i = 0; i < found->blocks->len; i++)
		if (!check_block(found->blocks->pdata[i], clock, error))
			return false;
	for (guint i = 0; i < found->places->len; i++) {
		const struct place *place = &g_array_index(found->places, struct place, i);

		if (place->kind == PLACE_NAME && !check_name(found, place, error))
			return false;
	}
	return true;
}

static void put_clock(GString *out, const struct lttng_clock *clock)
{
	int64_t seconds = clock->offset_ns / NS_PER_S, rest = clock->offset_ns % NS_PER_S;
	uint64_t freq = clock->freq ? clock->freq : NS_PER_S;

	if (rest < 0) {
		rest += NS_PER_S;
		seconds--;
	}
	g_string_append_printf(out, "clock {\n"
			       "\tname = \"" CLOCK_NAME "\";\n"
			       "\tuuid = \"%s\";\n"
			       "\tdescription = \"CLOCK_MONOTONIC of the host\";\n"
			       "\tfreq = %" G_GUINT64_FORMAT ";\n"
			       "\tprecision = 0;\n"
			       "\toffset_s = %" G_GINT64_FORMAT ";\n"
			       "\toffset = %" G_GINT64_FORMAT ";\n"
			       "\tabsolute = TRUE;\n"
			       "}", clock->uuid ? clock->uuid : clock->boot_id, freq, seconds,
			       (int64_t)((__int128)rest * freq / NS_PER_S));
}

/* One thing in place of another. */
static void put_place(GString *out, const struct place *place, const struct lttng_clock *clock)
{
	switch (place->kind) {
	case PLACE_BLOCK:
		put_clock(out, clock);
		break;
	case PLACE_NAME:
		g_string_append(out, CLOCK_NAME);
		break;
	case PLACE_ENV:
		if (clock->env)
			g_string_append_printf(out, "\n%s", clock->env);
		break;
	}
}

/**
 * write_text - the text with what has to be replaced replaced
 */
static GString *write_text(const GString *text, const struct found *found,
			   const struct lttng_clock *clock)
{
	GString *out = g_string_sized_new(text->len + 512);
	const char *at = text->str;

	for (guint i = 0; i < found->places->len; i++) {
		const struct place *place = &g_array_index(found->places, struct place, i);

		g_string_append_len(out, at, place->begin - at);
		put_place(out, place, clock);
		at = place->end;
	}
	g_string_append_len(out, at, text->str + text->len - at);
	if (clock->env && !found->has_env)
		g_string_append_printf(out, "\nenv {\n%s};\n", clock->env);
	return out;
}

GString *lttng_metadata_set_clock(const GString *text, const struct lttng_clock *clock,
				  GError **error)
{
	struct found found = {
		.blocks = g_ptr_array_new_with_free_func(block_free),
		.places = g_array_new(FALSE, FALSE, sizeof(struct place)),
	};
	GString *out = NULL;

	if (clock->boot_id && !g_uuid_string_is_valid(clock->boot_id))
		fail(error, "the recording does not say of which boot it is");
	else if (find_clocks(text->str, &found, error) && check_all(&found, clock, error))
		out = write_text(text, &found, clock);
	g_ptr_array_unref(found.blocks);
	g_array_unref(found.places);
	return out;
}

/* A number of a clock's description; one that is not there is @missing. */
static bool read_number(const char *text, int64_t least, int64_t missing, gint64 *number)
{
	*number = missing;
	return !text || g_ascii_string_to_signed(text, 10, least, INT64_MAX, number, NULL);
}

static bool read_clock(const struct block *block, struct lttng_metadata_clock *clock,
		       GError **error)
{
	gint64 freq, seconds, offset;
	__int128 ns;

	if (!read_number(block->freq, 1, NS_PER_S, &freq) ||
	    !read_number(block->offset_s, INT64_MIN, 0, &seconds) ||
	    !read_number(block->offset, INT64_MIN, 0, &offset))
		return fail(error, "its clock's numbers are none");
	ns = (__int128)seconds * NS_PER_S + (__int128)offset * NS_PER_S / freq;
	if (ns > INT64_MAX || ns < INT64_MIN)
		return fail(error, "its clock's numbers are none");
	*clock = (struct lttng_metadata_clock) { .freq = freq, .offset_ns = (int64_t)ns };
	if (block->uuid && g_uuid_string_is_valid(block->uuid))
		g_strlcpy(clock->uuid, block->uuid, sizeof(clock->uuid));
	return true;
}

bool lttng_metadata_get_clock(const GString *text, struct lttng_metadata_clock *clock,
			      GError **error)
{
	struct found found = {
		.blocks = g_ptr_array_new_with_free_func(block_free),
		.places = g_array_new(FALSE, FALSE, sizeof(struct place)),
	};
	bool done = find_clocks(text->str, &found, error);

	if (done && !found.blocks->len)
		done = fail(error, "it has no clock");
	done = done && read_clock(found.blocks->pdata[0], clock, error);
	g_ptr_array_unref(found.blocks);
	g_array_unref(found.places);
	return done;
}
