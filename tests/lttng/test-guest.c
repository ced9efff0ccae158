// SPDX-License-Identifier: GPL-2.0-only
/* LTTng's sessions in guests: taken apart, judged, their clock fitted, their text chosen. */
#include <string.h>

#include "../host/tap.h"
#include "error.h"
#include "guest-recording.h"
#include "lttng/clock-line.h"
#include "lttng/guest.h"
#include "lttng/guest-clock.h"
#include "lttng/guest-write.h"
#include "lttng/layout.h"

static struct recording *recording;

static const struct recording_vm *find_vm(const char *name)
{
	for (guint i = 0; i < recording->vms->len; i++) {
		const struct recording_vm *vm = recording->vms->pdata[i];

		if (!strcmp(vm->name, name))
			return vm;
	}
	g_assert_not_reached();
}

static struct lttng_guest_session *find_session(const struct lttng_guest *guest, uint8_t number)
{
	uint8_t uuid[16];

	guest_uuid(number, uuid);
	return lttng_guest_find(guest, 1, uuid);
}

static size_t fill(uint8_t *bytes, void (*spoil)(uint8_t *))
{
	const struct guest_packet packet = { .session = 7, .channel = 3, .sequence = 9,
					     .discarded = 11, .events = 2, .spoil = spoil };

	return guest_fill(&packet, 5, 100, 200, bytes);
}

static void spoil_content(uint8_t *bytes)
{
	guest_put(bytes + 48, 4097 * 8, 8);
}

static void spoil_small(uint8_t *bytes)
{
	guest_put(bytes + 48, 83 * 8, 8);
}

static void spoil_bits(uint8_t *bytes)
{
	guest_put(bytes + 48, 100 * 8 + 1, 8);
}

static void spoil_begin(uint8_t *bytes)
{
	guest_put(bytes + 32, 201, 8);
}

static void spoil_cpu(uint8_t *bytes)
{
	guest_put(bytes + 24, 1ULL << 32 | 5, 8);
}

static void test_packet(void)
{
	static const struct {
		void (*spoil)(uint8_t *bytes);
		enum lttng_packet_defect defect;
	} cases[] = {
		{ guest_spoil_magic, LTTNG_PACKET_BAD_MAGIC },
		{ guest_spoil_size, LTTNG_PACKET_BAD_SIZE },
		{ spoil_content, LTTNG_PACKET_BAD_CONTENT },
		{ spoil_small, LTTNG_PACKET_BAD_CONTENT },
		{ spoil_bits, LTTNG_PACKET_BAD_CONTENT },
		{ spoil_begin, LTTNG_PACKET_BAD_TIME },
		{ spoil_cpu, LTTNG_PACKET_BAD_CPU },
	};
	uint8_t bytes[8192], uuid[16];
	struct lttng_packet packet;
	size_t size = fill(bytes, NULL);

	guest_uuid(7, uuid);
	ok(lttng_packet_parse(bytes, size, &packet) == LTTNG_PACKET_OK && packet.channel == 3 &&
	   packet.begin == 100 && packet.end == 200 && packet.content_size == 100 &&
	   packet.size == 4096 && packet.sequence == 9 && packet.discarded == 11 &&
	   packet.cpu == 5 && !memcmp(packet.uuid, uuid, 16), "a packet's header");
	ok(lttng_packet_parse(bytes, 83, &packet) == LTTNG_PACKET_SHORT, "a short one");
	ok(lttng_packet_parse(bytes, size - 1, &packet) == LTTNG_PACKET_BAD_SIZE, "a torn one");
	ok(lttng_packet_parse(bytes, size + 1, &packet) == LTTNG_PACKET_BAD_SIZE,
	   "one with more behind it");
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		fill(bytes, cases[i].spoil);
		ok(lttng_packet_parse(bytes, size, &packet) == cases[i].defect, "%s",
		   lttng_packet_defect_text(cases[i].defect));
	}
}

static bool has_layout(const char *text, GError **error)
{
	struct lttng_layout layout;
	uint8_t uuid[16];

	guest_uuid(7, uuid);
	if (!lttng_layout_init(&layout, text, uuid, error))
		return false;
	lttng_layout_fini(&layout);
	return true;
}

static void refuse_layout(const char *text, const char *what, const char *with)
{
	char **parts = g_strsplit(text, what, 2);
	char *other = g_strjoinv(with, parts);
	GError *error = NULL;

	ok(parts[1] && !has_layout(other, &error), "another layout: no %.20s", what);
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	g_strfreev(parts);
	g_free(other);
}

static void test_layout(void)
{
	GString *text = guest_text(7, GUEST_BOOT, 3, 2);
	struct lttng_layout layout;
	GError *error = NULL;
	uint8_t uuid[16];

	guest_uuid(7, uuid);
	ok(lttng_layout_init(&layout, text->str, uuid, &error) && layout.events == 6 &&
	   g_hash_table_size(layout.channels) == 3 && lttng_layout_has_channel(&layout, 2) &&
	   !lttng_layout_has_channel(&layout, 3), "what a text declares");
	ok(!strcmp(text->str + layout.size, "\n\n"), "it is whole");
	lttng_layout_fini(&layout);
	refuse_layout(text->str, "size = 64;", "size = 32;");
	refuse_layout(text->str, "byte_order = le", "byte_order = be");
	refuse_layout(text->str, "uint64_t packet_seq_num;", "");
	refuse_layout(text->str, "07070707-", "07070708-");
	refuse_layout(text->str, "uint64_t stream_instance_id;", "uint64_t x;");
	refuse_layout(text->str, "packet.context := struct packet_context",
		      "packet.context := struct other");
	refuse_layout(text->str, "id = 0;", "id = 4294967296;");
	/* cut anywhere, it is what is whole of it, or none */
	for (size_t size = text->len; size-- > 0;) {
		g_string_truncate(text, size);
		if (!lttng_layout_init(&layout, text->str, uuid, NULL))
			continue;
		if (layout.size > size || text->str[layout.size - 1] != ';')
			break;
		lttng_layout_fini(&layout);
	}
	ok(text->len == 0, "a text cut off anywhere");
	g_string_free(text, TRUE);
	ok(!has_layout("{\"type\":\"preamble\"}", &error), "CTF 2");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
}

static void test_drop_uuid(void)
{
	GString *text = guest_text(7, GUEST_BOOT, 1, 1);

	ok(strstr(text->str, "07070707") != NULL, "the trace's uuid");
	lttng_layout_drop_uuid(text);
	ok(!strstr(text->str, "07070707") && strstr(text->str, GUEST_BOOT) &&
	   strstr(text->str, "\tminor = 8;\n\t\n\tbyte_order = le;"), "is taken out, nothing else");
	g_string_free(text, TRUE);
}

static void test_sessions(void)
{
	struct lttng_guest *guest = lttng_guest_read(find_vm("web"));
	struct lttng_guest_session *session = find_session(guest, GUEST_PLUGIN);
	struct lttng_guest_totals totals;
	g_autofree char *channels = NULL;

	ok(guest->sessions->len == 1 && session && !strcmp(session->name, "boot") &&
	   session->has_ended && session->frequency == 1000000000, "a session");
	channels = lttng_guest_channels_text(session);
	ok(!strcmp(channels, "sched (discard), net (overwrite)"), "its channels: %s", channels);
	lttng_guest_totals(session, &totals);
	ok(totals.packets == 14 && totals.events == 242 && session->has_all_events,
	   "its packets and events");
	ok(totals.discarded == 7 && totals.missing == 16 && !totals.before, "what is missing of it");
	ok(session->dropped == 5, "and what the driver dropped, as it said last");
	ok(!session->defect_count && !guest->defect_count && !guest->strange, "no defects");
	ok(session->streams->len == 4, "a stream for each channel on each CPU");
	lttng_guest_free(guest);
}

static void test_hostile(void)
{
	struct lttng_guest *guest = lttng_guest_read(find_vm("app"));
	const struct lttng_guest_session *session = find_session(guest, GUEST_HOSTILE);

	ok(!strcmp(session->name, "../../../etc/x?[2J"), "a name is printable: %s", session->name);
	ok(guest->strange == 5 && guest->defect_count == 5, "damaged packets, and of nobody");
	ok(session->left_out == 2 && session->defect_count == 3,
	   "those whose time or number goes back");
	ok(!find_session(guest, GUEST_UNTOLD), "a session that nobody told of is none");
	session = find_session(guest, GUEST_NO_TEXT);
	ok(session->defect_count == 1, "packets without metadata: %s",
	   (char *)session->defects->pdata[0]);
	lttng_guest_free(guest);
}

static void test_texts(void)
{
	struct lttng_guest *guest = lttng_guest_read(find_vm("app"));
	struct lttng_layout layout;
	GError *error = NULL;
	GString *text;

	text = lttng_guest_text(find_session(guest, GUEST_REGENERATED), &layout, &error);
	g_assert_no_error(error);
	ok(layout.events == 3, "of versions the one that declares most");
	ok(g_str_has_prefix(text->str, "/* CTF 1.8 */\n"), "it has its first line");
	lttng_layout_fini(&layout);
	g_string_free(text, TRUE);
	text = lttng_guest_text(find_session(guest, GUEST_CUT), &layout, &error);
	g_assert_no_error(error);
	ok(layout.events == 1 && g_str_has_suffix(text->str, "};\n"),
	   "of a text that is cut off what is whole");
	lttng_layout_fini(&layout);
	g_string_free(text, TRUE);
	text = lttng_guest_text(find_session(guest, GUEST_NO_TEXT), &layout, &error);
	ok(!text, "no text");
	ok_error(&error, HT_ERROR_FORMAT, "is an error");
	text = lttng_guest_text(find_session(guest, GUEST_CTF2), &layout, &error);
	ok(!text, "CTF 2");
	ok_error(&error, HT_ERROR_FORMAT, "is an error");
	lttng_guest_free(guest);
}

static void take_text(struct lttng_guest *guest, uint64_t offset, const char *text)
{
	struct builder_file file = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	struct record_cursor cursor;
	struct meta_record record;
	guint at = file.bytes->len;

	guest_piece(&file, 1, 0, offset, text, strlen(text));
	record_cursor_init(&cursor, file.bytes->data + at + sizeof(struct vht_packet),
			   sizeof(struct vht_meta) + sizeof(struct vht_lttng_text) + strlen(text));
	g_assert(record_next_meta(&cursor, &record));
	lttng_guest_take_meta(guest, 1, &record);
	g_byte_array_unref(file.bytes);
}

/* Pieces come again, overlap, and may have a gap before them: what is known is the beginning. */
static void test_pieces(void)
{
	GString *text = guest_text(1, GUEST_BOOT, 1, 1), *got;
	struct lttng_guest *guest = lttng_guest_new();
	struct lttng_layout layout;
	GError *error = NULL;
	char *first = g_strndup(text->str, 1000);

	take_text(guest, 1500, text->str + 1500);
	take_text(guest, 0, first);
	take_text(guest, 900, text->str + 900);
	take_text(guest, 0, first);
	take_text(guest, UINT64_MAX, "x");
	got = lttng_guest_text(find_session(guest, 1), &layout, &error);
	g_assert_no_error(error);
	ok(layout.size == strlen(text->str) - 2 && strstr(got->str, text->str + 1400) == NULL &&
	   !strncmp(got->str + strlen("/* CTF 1.8 */\n\n"), text->str, layout.size),
	   "pieces of a text");
	lttng_layout_fini(&layout);
	g_string_free(got, TRUE);
	g_string_free(text, TRUE);
	g_free(first);
	lttng_guest_free(guest);
}

static void check_clock(const char *name, uint8_t number, const char *method, bool is_liar)
{
	const struct recording_vm *vm = find_vm(name);
	struct lttng_guest *guest = lttng_guest_read(vm);
	struct lttng_guest_session *session = find_session(guest, number);
	struct timebase *timebase = timebase_new(vm, NULL);
	struct lttng_guest_clock clock;
	struct lttng_layout layout;
	GError *error = NULL;
	GString *text = lttng_guest_text(session, &layout, &error);
	bool is_own = !strcmp(name, "app");
	uint64_t host = GUEST_BEGIN + 3000000000, own = is_own ? guest_own_clock(host) : host;
	int64_t off;

	g_assert_no_error(error);
	g_assert(lttng_guest_clock_init(&clock, recording, vm, timebase, session, text, &error));
	ok(!strcmp(clock.method, method), "%s: clock by %s, bound %" G_GUINT64_FORMAT " ns", name,
	   clock.method, clock.bound_ns);
	ok(clock.is_contradicted == is_liar, "%s a liar", is_liar ? "is" : "is not");
	off = clock.clock.offset_ns + (int64_t)((__int128)own * 1000000000 / clock.clock.freq) -
	      (int64_t)(GUEST_REAL + 3000000000);
	if (clock.bound_ns < UINT64_MAX)
		ok((uint64_t)ABS(off) <= clock.bound_ns, "off by %" G_GINT64_FORMAT " ns", off);
	lttng_guest_clock_fini(&clock);
	lttng_layout_fini(&layout);
	g_string_free(text, TRUE);
	timebase_free(timebase);
	lttng_guest_free(guest);
}

static void test_clocks(void)
{
	check_clock("web", GUEST_PLUGIN, "host", false);
	check_clock("app", GUEST_OWN, "line+pairs+ticks", false);
	check_clock("app", GUEST_LIAR, "line+pairs+ticks", true);
	check_clock("db", GUEST_NO_PAIRS, "none", false);
}

static void test_fit(void)
{
	GArray *points = g_array_new(FALSE, FALSE, sizeof(struct clock_line_point));
	struct clock_line fit = clock_line_fit(points, 1000000000);
	struct clock_line_point point = { .from = UINT64_MAX, .to = 5, .error = 3 };

	ok(fit.freq == 1000000000 && fit.bound_ns == UINT64_MAX, "no points, no bound");
	g_array_append_val(points, point);
	fit = clock_line_fit(points, 0);
	ok(fit.freq >= 1, "a point that makes no sense");
	g_array_set_size(points, 0);
	/* a counter of 2.6 GHz, seen with noise of +-40 ns */
	for (uint64_t i = 0; i < 1000; i++) {
		point = (struct clock_line_point) {
			.from = 777 + i * 26000450, .to = 5000 + i * 10000000 + (i % 3) * 40,
			.error = 100,
		};
		g_array_append_val(points, point);
	}
	fit = clock_line_fit(points, 1000000000);
	ok(fit.freq > 2600045000 - 100 && fit.freq < 2600045000 + 100 &&
	   fit.bound_ns >= 140 && fit.bound_ns <= 145,
	   "a counter: %" G_GUINT64_FORMAT " Hz, bound %" G_GUINT64_FORMAT " ns", fit.freq,
	   fit.bound_ns);
	ok(fit.bound_ns == clock_line_bound(points, &fit), "the bound is what it is off");
	g_array_unref(points);
}

static void test_names(void)
{
	static const char *const cases[][2] = {
		{ "boot", "boot" }, { "..", "_." }, { "a/b c", "a_b_c" }, { "", "session" },
		{ "?", "session" }, { ".x", "_x" }, { "a.b-c_d", "a.b-c_d" },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *name = lttng_guest_file_name(cases[i][0], "session");

		ok(!strcmp(name, cases[i][1]), "'%s' is the file %s", cases[i][0], name);
		g_free(name);
	}
}

int main(void)
{
	g_autofree char *path = NULL;
	GError *error = NULL;

	scratch_init();
	put_guest_recording();
	path = g_strdup(scratch_dir);
	recording = recording_open(path, &error);
	g_assert_no_error(error);
	test_packet();
	test_layout();
	test_drop_uuid();
	test_sessions();
	test_hostile();
	test_texts();
	test_pieces();
	test_clocks();
	test_fit();
	test_names();
	recording_free(recording);
	return tap_done();
}
