// SPDX-License-Identifier: GPL-2.0-only
/* What metadata of LTTng's kernel tracer declares; see layout.h. */
#include "lttng/layout.h"

#include "error.h"
#include "lttng/tsdl.h"

/* More channels than that no session has. */
#define MAX_CHANNELS	4096

/*
 * The declarations that make the header of packet.h, each of which has to be there.
 * An alignment changes nothing: all fields lie at multiples of their size.
 */
static const char *const needed[] = {
	"typealias integer { size = 8; align = *; signed = false; } := uint8_t;",
	"typealias integer { size = 32; align = *; signed = false; } := uint32_t;",
	"typealias integer { size = 64; align = *; signed = false; } := uint64_t;",
	"typealias integer { size = 64; align = *; signed = false; } := unsigned long;",
	"typealias integer { size = 64; align = *; signed = false; map = clock.*.value; } "
	":= uint64_clock_monotonic_t;",
	"struct packet_context { uint64_clock_monotonic_t timestamp_begin;"
	" uint64_clock_monotonic_t timestamp_end; uint64_t content_size; uint64_t packet_size;"
	" uint64_t packet_seq_num; unsigned long events_discarded; uint32_t cpu_id; };",
};

static const char channel_pattern[] =
	"stream { id = *; event.header := struct *; packet.context := struct packet_context;";

char *lttng_uuid_text(const uint8_t uuid[LTTNG_UUID_SIZE])
{
	GString *text = g_string_new(NULL);

	for (unsigned int i = 0; i < LTTNG_UUID_SIZE; i++)
		g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ?
				       "-" : "", uuid[i]);
	return g_string_free(text, FALSE);
}

/* Take the declaration of a channel. Return: false if its packets are other ones. */
static bool note_channel(struct lttng_layout *layout, const char *at)
{
	g_autofree char *value = NULL;
	struct tsdl_token token;
	guint64 id;

	if (!tsdl_matches(at, channel_pattern) ||
	    g_hash_table_size(layout->channels) >= MAX_CHANNELS)
		return false;
	/* stream { id = NUMBER */
	for (unsigned int i = 0; i < 5; i++)
		token = tsdl_next(&at);
	value = tsdl_value(&token);
	if (!g_ascii_string_to_unsigned(value, 10, 0, UINT32_MAX, &id, NULL))
		return false;
	g_hash_table_add(layout->channels, GUINT_TO_POINTER((guint)id));
	return true;
}

/* What a text is worth, once its declarations have been gone through. */
static bool judge(const struct lttng_layout *layout, bool has_trace, bool is_other,
		  unsigned int found, GError **error)
{
	if (!layout->size)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "there is no whole declaration in it");
	else if (!has_trace)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "it is not the kernel tracer's, not CTF 1.8, or of another trace");
	else if (is_other || found != (1U << G_N_ELEMENTS(needed)) - 1)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "it declares packets of another form than is known, or not all of them");
	else
		return true;
	return false;
}

bool lttng_layout_init(struct lttng_layout *layout, const char *text,
		       const uint8_t uuid[LTTNG_UUID_SIZE], GError **error)
{
	g_autofree char *id = lttng_uuid_text(uuid);
	g_autofree char *trace = g_strdup_printf(
		"trace { major = 1; minor = 8; uuid = \"%s\"; byte_order = le;"
		" packet.header := struct { uint32_t magic; uint8_t uuid[16]; uint32_t stream_id;"
		" uint64_t stream_instance_id; }; };", id);
	bool has_trace = false, is_other = false;
	const char *at = text, *begin;
	unsigned int found = 0;

	*layout = (struct lttng_layout) { .channels = g_hash_table_new(NULL, NULL) };
	while (tsdl_declaration(&at, &begin)) {
		layout->size = at - text;
		has_trace |= tsdl_matches(begin, trace);
		layout->events += tsdl_matches(begin, "event {");
		if (tsdl_matches(begin, "stream {"))
			is_other |= !note_channel(layout, begin);
		for (unsigned int i = 0; i < G_N_ELEMENTS(needed); i++)
			found |= (unsigned int)tsdl_matches(begin, needed[i]) << i;
	}
	if (judge(layout, has_trace, is_other, found, error))
		return true;
	lttng_layout_fini(layout);
	return false;
}

void lttng_layout_fini(struct lttng_layout *layout)
{
	g_clear_pointer(&layout->channels, g_hash_table_unref);
}

bool lttng_layout_has_channel(const struct lttng_layout *layout, uint32_t channel)
{
	return g_hash_table_contains(layout->channels, GUINT_TO_POINTER(channel));
}

void lttng_layout_drop_uuid(GString *text)
{
	const char *at = text->str, *begin;

	while (tsdl_declaration(&at, &begin)) {
		struct tsdl_token first, last;

		if (!tsdl_matches(begin, "trace { major = 1; minor = 8; uuid = *;"))
			continue;
		/* trace { major = 1; minor = 8; */
		for (unsigned int i = 0; i < 10; i++)
			tsdl_next(&begin);
		first = tsdl_next(&begin);
		do
			last = tsdl_next(&begin);
		while (last.kind != ';');
		g_string_erase(text, first.begin - text->str, last.end - first.begin);
		return;
	}
}
