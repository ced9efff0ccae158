// SPDX-License-Identifier: GPL-2.0-only
/*
 * LTTng's traces among the files of a spool: which files belong to one, and which of its
 * packets can be had where a part of what was written did not come.
 */
#include <glib.h>
#include <string.h>

#include "builder.h"
#include "spool/traces.h"

#define UUID	"01234567-89ab-cdef-0123-456789abcdef"
#define SIZE	4096
#define MANY	120000

static const uint8_t uuid[LTTNG_UUID_SIZE] = {
	0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
};

static const char text[] =
	"/* CTF 1.8 */\n"
	"trace { major = 1; minor = 8; uuid = \"" UUID "\"; byte_order = le; };\n"
	"clock { name = \"monotonic\"; freq = 1000000000; offset = 5; };\n";

/* A packet of LTTng's; what is behind its header is its number. */
static void make_packet(uint8_t *at, uint32_t cpu, uint64_t number)
{
	const uint64_t words[] = {
		cpu, 1000 * (number + 1), 1000 * (number + 1) + 500, 100 * 8, SIZE * 8, number, 0,
	};
	const uint32_t magic = GUINT32_TO_LE(0xc1fc1fc1), channel = 0;
	const uint32_t last = GUINT32_TO_LE(cpu);

	memset(at, (int)number, SIZE);
	memcpy(at, &magic, sizeof(magic));
	memcpy(at + 4, uuid, sizeof(uuid));
	memcpy(at + 20, &channel, sizeof(channel));
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		const uint64_t word = GUINT64_TO_LE(words[i]);

		memcpy(at + 24 + 8 * i, &word, sizeof(word));
	}
	memcpy(at + 80, &last, sizeof(last));
}

/* Writes a packet to a file, in two pieces; @which: 1 for the first, 2 for the second. */
static void put_packet(uint64_t file, const char *path, uint64_t offset, uint32_t cpu,
		       uint64_t number, unsigned int which)
{
	uint8_t packet[SIZE];

	make_packet(packet, cpu, number);
	if (which & 1)
		put_claiming(file, VHT_SPOOL_MORE, path, strlen(path), offset,
			     (const char *)packet, SIZE / 2, SIZE / 2);
	if (which & 2)
		put_claiming(file, 0, path, strlen(path), offset + SIZE / 2,
			     (const char *)packet + SIZE / 2, SIZE / 2, SIZE / 2);
}

static struct spool_traces *read_all(void)
{
	static struct recording_stream stream;
	static struct recording_generation generation;
	static struct recording_vm vm;
	struct spool_traces *traces;
	GError *error = NULL;

	stream = (struct recording_stream) { .data = bytes->data, .size = bytes->len };
	recording_stream_scan(&stream);
	generation = (struct recording_generation) { .epoch = 1, .streams = g_ptr_array_new() };
	g_ptr_array_add(generation.streams, &stream);
	vm = (struct recording_vm) { .generations = g_ptr_array_new() };
	g_ptr_array_add(vm.generations, &generation);
	traces = spool_traces_read(&vm, &error);
	g_assert_no_error(error);
	g_ptr_array_unref(vm.generations);
	g_ptr_array_unref(generation.streams);
	return traces;
}

/* The numbers of a CPU's packets, as a text. */
static char *numbers(const struct spool_traces *traces, uint32_t cpu)
{
	const struct lttng_guest_session *session = traces->guest->sessions->pdata[0];
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < session->streams->len; i++) {
		const struct lttng_guest_stream *stream = session->streams->pdata[i];

		for (guint j = 0; stream->cpu == cpu && j < stream->packets->len; j++) {
			const struct lttng_guest_packet *packet =
				&g_array_index(stream->packets, struct lttng_guest_packet, j);

			g_assert_cmpuint(packet->size, ==, SIZE);
			g_string_append_printf(out, "%u", packet->data[SIZE - 1]);
		}
	}
	return g_string_free(out, FALSE);
}

static void test_gap(void)
{
	const struct lttng_guest_session *session;
	g_autofree char *first = NULL, *second = NULL;
	struct spool_traces *traces;

	begin();
	put(1, VHT_SPOOL_CREATED, "app/ust/metadata", 0, text);
	put(1, VHT_SPOOL_CLOSED, "app/ust/metadata", sizeof(text) - 1, "");
	put_packet(2, "app/ust/step_0", 0, 0, 0, 3);
	put_packet(2, "app/ust/step_0", SIZE, 0, 1, 1);		/* its second half was given up */
	put_packet(2, "app/ust/step_0", 2 * SIZE, 0, 2, 3);
	put_packet(2, "app/ust/step_0", 3 * SIZE, 0, 3, 2);	/* its first half was */
	put_packet(2, "app/ust/step_0", 4 * SIZE, 0, 4, 3);
	put_packet(3, "app/ust/step_1", 0, 1, 0, 3);
	put(4, 0, "notes", 0, "no packet");
	traces = read_all();
	g_assert_cmpuint(traces->guest->sessions->len, ==, 1);
	session = traces->guest->sessions->pdata[0];
	g_assert_cmpstr(session->name, ==, "app/ust");
	g_assert_true(session->has_ended);
	g_assert_cmpuint(session->channels->len, ==, 1);
	g_assert_cmpstr(lttng_guest_channel(session, 0)->name, ==, "step");
	first = numbers(traces, 0);
	second = numbers(traces, 1);
	g_assert_cmpstr(first, ==, "024");
	g_assert_cmpstr(second, ==, "0");
	g_assert_cmpuint(traces->incomplete, ==, 1);
	spool_traces_free(traces);
}

/* What a rotation has put into another directory is the same trace. */
static void test_rotated(void)
{
	struct spool_traces *traces;
	g_autofree char *first = NULL;

	begin();
	put(1, 0, "app/ust/metadata", 0, text);
	put_packet(2, "app/ust/step_0", 0, 0, 0, 3);
	put(1, 0, "app/archives/1/ust/metadata", 0, "");
	put(2, 0, "app/archives/1/ust/step_0", 0, "");
	put(3, 0, "app/archives/2/ust/metadata", 0, text);
	put_packet(5, "app/archives/2/ust/step_0_1", 0, 0, 2, 3);
	put_packet(4, "app/archives/2/ust/step_0_0", 0, 0, 1, 3);
	put(6, 0, "app/archives/3/ust/metadata", 0, text);
	put_packet(7, "app/archives/3/ust/step_0", 0, 0, 3, 3);
	put(7, VHT_SPOOL_REMOVED, "app/archives/3/ust/step_0", 0, "");
	traces = read_all();
	g_assert_cmpuint(traces->guest->sessions->len, ==, 1);
	first = numbers(traces, 0);
	g_assert_cmpstr(first, ==, "012");
	spool_traces_free(traces);
}

static void test_none(void)
{
	struct spool_traces *traces;

	begin();
	put(1, 0, "metadata", 0, "/* CTF 1.8 */\nnonsense");
	put(2, 0, "other/metadata", 3, text);
	put_packet(3, "step_0", 0, 0, 0, 3);
	traces = read_all();
	g_assert_cmpuint(traces->guest->sessions->len, ==, 0);
	spool_traces_free(traces);
	begin();
	traces = read_all();
	g_assert_cmpuint(traces->guest->sessions->len, ==, 0);
	spool_traces_free(traces);
}

/*
 * Many small writes cost what they are, not their square: with each looking at all behind it
 * this took more than a minute. So where each begins like a packet that is too long.
 */
static void test_many(void)
{
	char head[LTTNG_PACKET_HEADER_SIZE];
	struct spool_traces *traces;
	uint8_t packet[SIZE];
	GTimer *timer;

	begin();
	put(1, VHT_SPOOL_CREATED, "app/metadata", 0, text);
	for (uint64_t i = 0; i < MANY; i++)
		put(2, 0, "log", i, "x");
	make_packet(packet, 0, 0);
	memcpy(head, packet, sizeof(head));
	memset(head + 56, 0, 8);
	head[58] = 0x80 - 0x100;	/* its size: 1 MiB in bits */
	for (uint64_t i = 0; i < MANY; i++)
		put_claiming(3, 0, "app/step_0", 10, i * sizeof(head), head, sizeof(head),
			     sizeof(head));
	put_packet(4, "app/step_1", 0, 1, 0, 3);
	timer = g_timer_new();
	traces = read_all();
	g_test_message("%.1f s", g_timer_elapsed(timer, NULL));
	g_assert_cmpfloat(g_timer_elapsed(timer, NULL), <, 20);
	g_assert_cmpuint(traces->guest->sessions->len, ==, 1);
	spool_traces_free(traces);
	g_timer_destroy(timer);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spool/traces/gap", test_gap);
	g_test_add_func("/spool/traces/rotated", test_rotated);
	g_test_add_func("/spool/traces/none", test_none);
	g_test_add_func("/spool/traces/many", test_many);
	return g_test_run();
}
