/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording of VMs whose LTTng was exported, packet by packet as the kernel tracer
 * makes them: of each kind of session that there is to judge, one or more.
 *
 * The host's clock is at 1000 s. The guest's counter, of 2 GHz, began 100 s before. LTTng's own
 * clock in the guest runs 50 parts in a million too fast.
 */
#ifndef HYPERTRACE_TESTS_GUEST_RECORDING_H
#define HYPERTRACE_TESTS_GUEST_RECORDING_H

#include <stdbool.h>

#include "../decode/builder.h"

#define GUEST_BOOT	"c968c550-3803-46ce-b6f7-682b3a29730c"
#define GUEST_OWN_BOOT	"11111111-2222-4333-8444-555555555555"
#define GUEST_BEGIN	1000000000000ULL
#define GUEST_ZERO	900000000000ULL
#define GUEST_REAL	1700000000000000000ULL	/* CLOCK_REALTIME at the begin */

static inline uint64_t guest_counter(uint64_t host)
{
	return (host - GUEST_ZERO) * 2;
}

static inline uint64_t guest_own_clock(uint64_t host)
{
	return (host - GUEST_ZERO) + (host - GUEST_ZERO) / 20000;
}

static inline void guest_uuid(uint8_t number, uint8_t uuid[16])
{
	memset(uuid, number, 16);
}

/* Metadata as lttng-modules writes it, with @events kinds of events in each channel. */
static inline GString *guest_text(uint8_t number, const char *clock_uuid, unsigned int channels,
				  unsigned int events)
{
	GString *text = g_string_new(NULL);
	static const struct {
		const char *name;
		unsigned int bits;
	} types[] = {
		{ "uint8_t", 8 }, { "uint16_t", 16 }, { "uint32_t", 32 }, { "uint64_t", 64 },
		{ "unsigned long", 64 },
	};

	for (unsigned int i = 0; i < G_N_ELEMENTS(types); i++)
		g_string_append_printf(text, "typealias integer { size = %u; align = 8; signed = "
				       "false; } := %s;\n", types[i].bits, types[i].name);
	g_string_append(text,
		"typealias integer { size = 5; align = 1; signed = false; } := uint5_t;\n"
		"typealias integer { size = 27; align = 1; signed = false; } := uint27_t;\n\n");
	g_string_append_printf(text, "trace {\n\tmajor = 1;\n\tminor = 8;\n"
		"\tuuid = \"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\";\n"
		"\tbyte_order = le;\n\tpacket.header := struct {\n\t\tuint32_t magic;\n"
		"\t\tuint8_t  uuid[16];\n\t\tuint32_t stream_id;\n"
		"\t\tuint64_t stream_instance_id;\n\t};\n};\n\n", number, number, number, number,
		number, number, number, number, number, number, number, number, number, number,
		number, number);
	g_string_append(text, "env {\n\thostname = \"guest\";\n\tdomain = \"kernel\";\n"
		"\ttracer_name = \"lttng-modules\";\n\ttracer_major = 2;\n\ttracer_minor = 16;\n"
		"\ttracer_patchlevel = 0;\n};\n\n");
	g_string_append_printf(text, "clock {\n\tname = \"monotonic\";\n\tuuid = \"%s\";\n"
		"\tdescription = \"Monotonic Clock\";\n\tfreq = 1000000000; /* Frequency, in Hz */\n"
		"\t/* clock value offset from Epoch is: offset * (1/freq) */\n"
		"\toffset = 1600000000000000000;\n};\n\n", clock_uuid);
	for (unsigned int bits = 27; bits <= 64; bits = bits == 27 ? 32 : bits * 2)
		g_string_append_printf(text, "typealias integer {\n\tsize = %u; align = %u; "
			"signed = false;\n\tmap = clock.monotonic.value;\n} := "
			"uint%u_clock_monotonic_t;\n\n", bits, bits == 27 ? 1 : 8, bits);
	g_string_append(text, "struct packet_context {\n"
		"\tuint64_clock_monotonic_t timestamp_begin;\n"
		"\tuint64_clock_monotonic_t timestamp_end;\n\tuint64_t content_size;\n"
		"\tuint64_t packet_size;\n\tuint64_t packet_seq_num;\n"
		"\tunsigned long events_discarded;\n\tuint32_t cpu_id;\n};\n\n"
		"struct event_header_compact {\n"
		"\tenum : uint5_t { compact = 0 ... 30, extended = 31 } id;\n\tvariant <id> {\n"
		"\t\tstruct {\n\t\t\tuint27_clock_monotonic_t timestamp;\n\t\t} compact;\n"
		"\t\tstruct {\n\t\t\tuint32_t id;\n\t\t\tuint64_clock_monotonic_t timestamp;\n"
		"\t\t} extended;\n\t} v;\n} align(8);\n\n");
	for (unsigned int i = 0; i < channels; i++)
		g_string_append_printf(text, "stream {\n\tid = %u;\n"
			"\tevent.header := struct event_header_compact;\n"
			"\tpacket.context := struct packet_context;\n};\n\n", i);
	for (unsigned int i = 0; i < events; i++)
		for (unsigned int j = 0; j < channels; j++)
			g_string_append_printf(text, "event {\n\tname = \"kind%u\";\n\tid = %u;\n"
				"\tstream_id = %u;\n\tfields := struct {\n"
				"\t\tinteger { size = 32; align = 8; signed = 0; encoding = none; "
				"base = 10; } _number;\n\t};\n};\n\n", i, i, j);
	return text;
}

/* A packet of LTTng's to be made. Its events have the numbers from @number on. */
struct guest_packet {
	uint8_t session;
	uint32_t channel;
	uint64_t begin;		/* ns of the host's clock, behind GUEST_BEGIN */
	uint64_t end;
	uint64_t sequence;
	uint64_t discarded;
	uint32_t events;
	uint32_t kind;		/* of the last event; of all others it is 0 */
	uint32_t number;
	bool has_own_clock;
	bool has_no_pair;
	void (*spoil)(uint8_t *bytes);
};

static inline void guest_put(uint8_t *at, uint64_t value, unsigned int size)
{
	value = GUINT64_TO_LE(value);
	memcpy(at, &value, size);
}

/* Fill in LTTng's packet. Return: bytes of it. */
static inline size_t guest_fill(const struct guest_packet *packet, uint32_t cpu, uint64_t begin,
				uint64_t end, uint8_t *bytes)
{
	size_t content = 84 + packet->events * 8, whole = (content + 4095) & ~4095ULL;

	memset(bytes, 0, whole);
	guest_put(bytes, 0xc1fc1fc1, 4);
	guest_uuid(packet->session, bytes + 4);
	guest_put(bytes + 20, packet->channel, 4);
	guest_put(bytes + 24, cpu, 8);
	guest_put(bytes + 32, begin, 8);
	guest_put(bytes + 40, end, 8);
	guest_put(bytes + 48, content * 8, 8);
	guest_put(bytes + 56, whole * 8, 8);
	guest_put(bytes + 64, packet->sequence, 8);
	guest_put(bytes + 72, packet->discarded, 8);
	guest_put(bytes + 80, cpu, 4);
	for (uint32_t i = 0; i < packet->events; i++) {
		uint64_t time = begin + (end - begin) / (packet->events + 1) * (i + 1);
		uint32_t kind = i + 1 == packet->events ? packet->kind : 0;

		guest_put(bytes + 84 + i * 8, kind | (uint32_t)(time << 5), 4);
		guest_put(bytes + 88 + i * 8, packet->number + i, 4);
	}
	if (packet->spoil)
		packet->spoil(bytes);
	return whole;
}

/* Put it into the stream file of its CPU. */
static inline void guest_take(struct builder_file *file, const struct guest_packet *packet)
{
	static uint8_t bytes[1 << 16];
	uint64_t begin = GUEST_BEGIN + packet->begin, end = GUEST_BEGIN + packet->end;
	uint64_t now = end + 1000, counter = guest_counter(now);
	struct vht_packet *outer;
	guint at = file->bytes->len;
	size_t size;

	if (packet->has_own_clock) {
		begin = guest_own_clock(begin);
		end = guest_own_clock(end);
		now = guest_own_clock(now);
	}
	size = guest_fill(packet, GUINT32_FROM_LE(file->state.cpu), begin, end, bytes);
	file->events += packet->events;
	builder_packet(file, VHT_PACKET_LTTNG, bytes, size, 0, packet->has_no_pair ? 0 : now,
		       packet->has_no_pair ? 0 : counter);
	outer = (struct vht_packet *)(file->bytes->data + at);
	outer->timestamp_begin = GUINT64_TO_LE(begin);
	outer->timestamp_end = GUINT64_TO_LE(end);
	outer->counter_width = GUINT32_TO_LE(100);
}

static inline void guest_session(struct builder_file *metadata, uint8_t number, const char *keys)
{
	GByteArray *payload = g_byte_array_new();
	uint8_t uuid[16];

	guest_uuid(number, uuid);
	g_byte_array_append(payload, uuid, sizeof(uuid));
	g_byte_array_append(payload, (const uint8_t *)keys, strlen(keys));
	builder_meta(metadata, VHT_META_LTTNG_SESSION, payload->data, payload->len);
	g_byte_array_unref(payload);
}

/* A piece of text, from @offset on. */
static inline void guest_piece(struct builder_file *metadata, uint8_t number, uint32_t version,
			       uint64_t offset, const char *text, size_t size)
{
	struct vht_lttng_text piece = { .version = GUINT32_TO_LE(version),
					.offset = GUINT64_TO_LE(offset) };
	GByteArray *payload = g_byte_array_new();

	guest_uuid(number, piece.uuid);
	g_byte_array_append(payload, (const uint8_t *)&piece, sizeof(piece));
	g_byte_array_append(payload, (const uint8_t *)text, size);
	builder_meta(metadata, VHT_META_LTTNG_TEXT, payload->data, payload->len);
	g_byte_array_unref(payload);
}

/* A whole text in two pieces. */
static inline void guest_send_text(struct builder_file *metadata, uint8_t number,
				   uint32_t version, GString *text)
{
	size_t half = text->len / 2;

	guest_piece(metadata, number, version, 0, text->str, half);
	guest_piece(metadata, number, version, half, text->str + half, text->len - half);
	g_string_free(text, TRUE);
}

static inline void guest_ini(const char *vm, int pid)
{
	g_autofree char *path = g_strdup_printf("%s/vm.ini", vm);
	g_autofree char *text = g_strdup_printf(
		"[vm]\nname=%s\nuuid=\nvmm=none\npid=%d\nstart_mono_ns=%" G_GUINT64_FORMAT
		"\nstart_real_ns=1\ncounter_kind=1\ncounter_hz=2000000000\nregion_size=1\n", vm, pid,
		(uint64_t)GUEST_ZERO);
	g_autofree char *recording = g_strdup_printf(
		"[recording]\nversion=1\ntool=test\nboot_id=" GUEST_BOOT "\nhostname=iron\n"
		"release=r\nstart_mono_ns=%" G_GUINT64_FORMAT "\nstart_real_ns=%" G_GUINT64_FORMAT
		"\nend_mono_ns=%" G_GUINT64_FORMAT "\ncomplete=true\n", (uint64_t)GUEST_BEGIN,
		(uint64_t)GUEST_REAL, (uint64_t)GUEST_BEGIN + 10000000000);

	scratch_put("recording.ini", recording, -1);
	scratch_put(path, text, -1);
}

/* Its clock, @second seconds after the beginning. Return: that moment. */
static inline uint64_t guest_clock(struct builder_file *file, uint64_t second)
{
	uint64_t host = GUEST_BEGIN + second * 1000000000;

	builder_clock(file, guest_counter(host), host,
		      second ? VHT_CLOCK_REASON_PERIODIC : VHT_CLOCK_REASON_START);
	return host;
}

/* The VM's own stream: its clock, once a second. */
static inline void guest_vmm(const char *name)
{
	struct builder_file file = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
						VHT_CLOCK_HOST_MONOTONIC);

	for (uint64_t i = 0; i < 10; i++)
		guest_clock(&file, i);
	builder_write(&file, name);
}

static inline struct builder_file guest_cpu_file(uint32_t cpu)
{
	struct builder_file file = builder_file(100 + cpu, VHT_SOURCE_LTTNG, cpu,
						VHT_CLOCK_SOURCE);

	/* the name in the state packet, which is the first one */
	memset(file.state.name, 0, sizeof(file.state.name));
	memcpy(file.state.name, "lttng", 5);
	g_byte_array_set_size(file.bytes, 0);
	builder_state(&file);
	return file;
}

static inline void guest_spoil_size(uint8_t *bytes)
{
	guest_put(bytes + 56, 4096 * 8 + 64, 8);
}

static inline void guest_spoil_magic(uint8_t *bytes)
{
	bytes[0] ^= 1;
}

/* An event that goes back: the extended header has a whole time, here 5. */
static inline void guest_spoil_time(uint8_t *bytes)
{
	guest_put(bytes + 84, 31, 1);
	guest_put(bytes + 85, 0, 4);
	guest_put(bytes + 89, 5, 8);
}

/* The sessions by number: the first is VM web's, the others are VM app's. */
enum {
	GUEST_PLUGIN = 0x10,	/* named boot, on the host's clock; two channels */
	GUEST_OWN,		/* named boot, on its own clock */
	GUEST_TWIN,		/* named boot too */
	GUEST_HOSTILE,		/* ../../../etc/x; damaged packets */
	GUEST_REGENERATED,	/* its text came in two versions */
	GUEST_CUT,		/* of its text the last piece is missing */
	GUEST_NO_TEXT,
	GUEST_NO_PAIRS,		/* VM db's */
	GUEST_LIAR,		/* says that it is on the host's clock, and is not */
	GUEST_CTF2,
	GUEST_UNTOLD,		/* there are packets, and no word on it */
	GUEST_IDLE,		/* never started */
	GUEST_HUGE,		/* its events have a field that there is no memory for */
	GUEST_LONG,		/* a packet says so of one event */
};

static inline void guest_web_metadata(void)
{
	struct builder_file file = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);

	builder_meta(&file, VHT_META_ENV, "long_size=8\nkernel.release=6.12\n", 32);
	guest_session(&file, GUEST_PLUGIN, "name=boot\ncreation_time=20261121T120000+0000\n"
		      "format=ctf1.8\nclock.frequency=1000000000\nchannel.0=discard sched\n"
		      "channel.1=overwrite net\n");
	guest_send_text(&file, GUEST_PLUGIN, 0, guest_text(GUEST_PLUGIN, GUEST_BOOT, 2, 2));
	guest_session(&file, GUEST_PLUGIN, "ended=1\ndropped=2\n");
	guest_session(&file, GUEST_PLUGIN, "dropped=5\ndropped=-1\n");
	builder_write(&file, "web/1.1/metadata");
}

/* A session whose event's field is declared otherwise. */
static inline void guest_put_lengths(struct builder_file *file, uint8_t number, const char *name,
				     const char *declaration)
{
	g_autofree char *keys = g_strdup_printf("name=%s\nchannel.0=discard c\n", name);
	GString *text = guest_text(number, GUEST_OWN_BOOT, 1, 1);
	char *at = strstr(text->str, "_number;");

	g_string_insert(text, at + strlen("_number") - text->str, declaration);
	guest_session(file, number, keys);
	guest_send_text(file, number, 0, text);
}

static inline void guest_app_metadata(void)
{
	struct builder_file file = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	GString *text;

	guest_session(&file, GUEST_OWN, "name=boot\nformat=ctf1.8\nchannel.0=discard sched\n");
	guest_send_text(&file, GUEST_OWN, 0, guest_text(GUEST_OWN, GUEST_OWN_BOOT, 1, 1));
	guest_session(&file, GUEST_TWIN, "name=boot\nchannel.0=discard sched\n");
	guest_send_text(&file, GUEST_TWIN, 0, guest_text(GUEST_TWIN, GUEST_OWN_BOOT, 1, 1));
	guest_session(&file, GUEST_HOSTILE, "name=../../../etc/x\033[2J\nnonsense\n=\n"
		      "channel.0=discard ../a\nchannel.1=discard /./a\nchannel.x=1\n");
	guest_send_text(&file, GUEST_HOSTILE, 0, guest_text(GUEST_HOSTILE, GUEST_OWN_BOOT, 2, 1));
	guest_session(&file, GUEST_REGENERATED, "name=again\nchannel.0=discard c\n");
	guest_send_text(&file, GUEST_REGENERATED, 0,
			guest_text(GUEST_REGENERATED, GUEST_OWN_BOOT, 1, 2));
	/* a new version that is not whole yet, and the old one once more, in a new set */
	text = guest_text(GUEST_REGENERATED, GUEST_OWN_BOOT, 1, 3);
	guest_piece(&file, GUEST_REGENERATED, 1, 0, text->str, text->len);
	guest_piece(&file, GUEST_REGENERATED, 2, 0, text->str, 700);
	g_string_free(text, TRUE);
	guest_send_text(&file, GUEST_REGENERATED, 0,
			guest_text(GUEST_REGENERATED, GUEST_OWN_BOOT, 1, 2));
	guest_session(&file, GUEST_CUT, "name=cut\nchannel.0=discard c\n");
	text = guest_text(GUEST_CUT, GUEST_OWN_BOOT, 1, 2);
	guest_piece(&file, GUEST_CUT, 0, 0, text->str, text->len - 30);
	g_string_free(text, TRUE);
	guest_session(&file, GUEST_NO_TEXT, "name=mute\nchannel.0=discard c\n");
	guest_session(&file, GUEST_LIAR, "name=liar\nchannel.0=discard c\n");
	guest_send_text(&file, GUEST_LIAR, 0, guest_text(GUEST_LIAR, GUEST_BOOT, 1, 1));
	guest_session(&file, GUEST_CTF2, "name=json\nformat=ctf2\nchannel.0=discard c\n");
	guest_piece(&file, GUEST_CTF2, 0, 0, "{}", 2);
	guest_session(&file, GUEST_IDLE, "name=idle\nchannel.0=discard c\n");
	guest_put_lengths(&file, GUEST_HUGE, "huge", "[2000000000]");
	guest_put_lengths(&file, GUEST_LONG, "long", "; integer { size = 64; align = 8; signed = 0; "
			  "encoding = none; base = 10; } _more[ _number ]");
	builder_write(&file, "app/1.1/metadata");
}

#define GUEST_EVENTS	20

/* Three packets, a second long each, from @sequence on. */
static inline void guest_three(struct builder_file *file, struct guest_packet packet)
{
	for (uint32_t i = 0; i < 3; i++) {
		packet.begin = i * 1000000000ULL + packet.session * 1000ULL;
		packet.end = packet.begin + 900000000;
		packet.events = GUEST_EVENTS;
		packet.number = i * GUEST_EVENTS;
		guest_take(file, &packet);
		packet.sequence++;
	}
}

static inline void guest_web_cpu0(void)
{
	struct builder_file file = guest_cpu_file(0);

	guest_three(&file, (struct guest_packet) { .session = GUEST_PLUGIN });
	guest_take(&file, &(struct guest_packet) {
		.session = GUEST_PLUGIN, .sequence = 3, .begin = 4000000000, .end = 4100000000,
		.events = 1, .kind = 1, .number = 60, .discarded = 7 });
	guest_three(&file, (struct guest_packet) { .session = GUEST_PLUGIN, .channel = 1 });
	builder_write(&file, "web/1.1/lttng-cpu0");
}

static inline void guest_web_cpu1(void)
{
	struct builder_file file = guest_cpu_file(1);

	guest_three(&file, (struct guest_packet) { .session = GUEST_PLUGIN });
	/* 12 were overwritten before the first, 4 before the last */
	guest_three(&file, (struct guest_packet) { .session = GUEST_PLUGIN, .channel = 1,
						   .sequence = 12 });
	guest_take(&file, &(struct guest_packet) {
		.session = GUEST_PLUGIN, .channel = 1, .sequence = 19, .begin = 5000000000,
		.end = 5100000000, .events = 1, .number = 60 });
	builder_packet(&file, VHT_PACKET_LTTNG, "", 0, VHT_PACKET_LAST, 0, 0);
	builder_write(&file, "web/1.1/lttng-cpu1");
}

static inline void guest_app_cpu0(void)
{
	struct builder_file file = guest_cpu_file(0);

	for (uint8_t session = GUEST_OWN; session <= GUEST_CUT; session++)
		guest_three(&file, (struct guest_packet) { .session = session,
							   .has_own_clock = true });
	guest_three(&file, (struct guest_packet) { .session = GUEST_HOSTILE, .channel = 1,
						   .has_own_clock = true });
	for (unsigned int i = 0; i < 3; i++)
		guest_take(&file, &(struct guest_packet) {
			.session = GUEST_HOSTILE, .sequence = 3 + i, .begin = 6000000000,
			.end = 6000001000, .events = 2, .has_own_clock = true,
			.spoil = i == 0 ? guest_spoil_size : i == 1 ? guest_spoil_magic :
				 guest_spoil_time });
	/* it begins before the one before it has ended; its time goes back; its number does */
	guest_take(&file, &(struct guest_packet) {
		.session = GUEST_HOSTILE, .channel = 1, .sequence = 3, .begin = 2500000000,
		.end = 3500000000, .events = 1, .has_own_clock = true });
	guest_take(&file, &(struct guest_packet) {
		.session = GUEST_HOSTILE, .channel = 1, .sequence = 4, .begin = 1000,
		.end = 2000, .events = 1, .has_own_clock = true });
	guest_take(&file, &(struct guest_packet) {
		.session = GUEST_HOSTILE, .sequence = 1, .begin = 7000000000, .end = 7000000001,
		.has_own_clock = true });
	/* an event of a kind whose declaration did not come, and one behind it */
	guest_take(&file, &(struct guest_packet) {
		.session = GUEST_CUT, .sequence = 3, .begin = 6000000000, .end = 6500000000,
		.events = 5, .kind = 1, .has_own_clock = true });
	guest_take(&file, &(struct guest_packet) {
		.session = GUEST_CUT, .sequence = 4, .begin = 7000000000, .end = 7500000000,
		.events = 5, .has_own_clock = true });
	guest_take(&file, &(struct guest_packet) {
		.session = GUEST_REGENERATED, .sequence = 3, .begin = 6000000000,
		.end = 6500000000, .events = 5, .kind = 2, .has_own_clock = true });
	guest_three(&file, (struct guest_packet) { .session = GUEST_NO_TEXT,
						   .has_own_clock = true });
	guest_three(&file, (struct guest_packet) { .session = GUEST_LIAR, .has_own_clock = true });
	guest_three(&file, (struct guest_packet) { .session = GUEST_CTF2, .has_own_clock = true });
	guest_three(&file, (struct guest_packet) { .session = GUEST_UNTOLD,
						   .has_own_clock = true });
	guest_three(&file, (struct guest_packet) { .session = GUEST_HUGE, .has_own_clock = true });
	for (unsigned int i = 0; i < 5; i++)
		guest_take(&file, &(struct guest_packet) {
			.session = GUEST_LONG, .sequence = i, .begin = i * 1000000000ULL,
			.end = i * 1000000000ULL + 1000, .events = 1, .has_own_clock = true,
			.number = i == 2 ? 0xf0000000 : 0 });
	builder_write(&file, "app/1.1/lttng-cpu0");
}

/* A VM whose clocks are not known. */
static inline void guest_db(void)
{
	struct builder_file metadata = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	struct builder_file file = guest_cpu_file(0);

	guest_ini("db", 200);
	guest_session(&metadata, GUEST_NO_PAIRS, "name=lost\nchannel.0=discard c\n");
	guest_send_text(&metadata, GUEST_NO_PAIRS, 0,
			guest_text(GUEST_NO_PAIRS, GUEST_OWN_BOOT, 1, 1));
	builder_write(&metadata, "db/1.1/metadata");
	guest_three(&file, (struct guest_packet) { .session = GUEST_NO_PAIRS,
						   .has_own_clock = true, .has_no_pair = true });
	builder_write(&file, "db/1.1/lttng-cpu0");
}

static inline void put_guest_recording(void)
{
	guest_ini("web", 100);
	guest_vmm("web/vmm");
	guest_web_metadata();
	guest_web_cpu0();
	guest_web_cpu1();
	guest_ini("app", 150);
	guest_vmm("app/vmm");
	guest_app_metadata();
	guest_app_cpu0();
	guest_db();
}

#endif
