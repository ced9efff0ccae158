// SPDX-License-Identifier: GPL-2.0-only
/* The decoder over recordings made for it: order, times, losses, damage. */
#include "../host/tap.h"

#include "builder.h"
#include "decode/decoder.h"

#define SECOND	1000000000ULL

/* A recording of one VM whose files the caller has put. */
static struct decoder *open_scratch(bool is_raw)
{
	struct decoder_options options = { .is_raw = is_raw };
	GError *error = NULL;
	struct decoder *decoder = decoder_open(scratch_dir, &options, &error);

	if (!decoder)
		printf("# %s\n", error->message);
	assert(decoder);
	return decoder;
}

static void wipe(void)
{
	nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert(g_mkdir_with_parents(scratch_dir, 0700) == 0);
	builder_begin("guest");
	builder_metadata("guest/1.1/metadata");
}

static uint64_t number_of(const struct decoder_item *item)
{
	return field_number(&item->class->fields[0], item->data, item->size);
}

/* Counter = 2 * clock + 500, host time = clock + 1000 s. */
static uint64_t counter_at(uint64_t clock)
{
	return 2 * clock + 500;
}

static void put_vmm(void)
{
	struct builder_file vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
					       VHT_CLOCK_HOST_MONOTONIC);

	builder_vmm(&vmm, 1000 * SECOND, VHT_VMM_RUNNING, 0, "running");
	builder_clock(&vmm, counter_at(0), 1000 * SECOND, VHT_CLOCK_REASON_RESUME);
	builder_clock(&vmm, counter_at(SECOND), 1001 * SECOND, VHT_CLOCK_REASON_PERIODIC);
	builder_vmm(&vmm, 1000 * SECOND + 2 * BUILDER_TICK + 1, VHT_VMM_READER_ATTACHED, 99, "");
	builder_write(&vmm, "guest/vmm");
}

static struct builder_file ftrace_file(uint32_t cpu)
{
	return builder_file(33 + cpu, VHT_SOURCE_FTRACE, cpu, VHT_CLOCK_SOURCE);
}

static void test_order(void)
{
	static const struct {
		const char *name;
		uint32_t cpu;
		uint64_t number;
		uint64_t time;		/* host, ticks after 1000 s */
	} want[] = {
		{ "vmm_running", VHT_CPU_NONE, 0, 0 },
		{ "numbered", 0, 0, 0 },
		{ "numbered", 0, 1, 1 },
		{ "numbered", 1, 100, 1 },
		{ "numbered", 0, 2, 2 },
		{ "numbered", 1, 101, 2 },
		{ "vmm_reader_attached", VHT_CPU_NONE, 0, 2 },
		{ "numbered", 0, 3, 7 },
		{ "numbered", 1, 102, 9 },
	};
	struct builder_file cpu0, cpu1;
	struct decoder *decoder;
	struct decoder_item item;
	size_t got = 0;
	bool good = true;

	wipe();
	put_vmm();
	cpu0 = ftrace_file(0);
	builder_page(&cpu0, 0, 0, 3, 0, 0);
	builder_page(&cpu0, 7 * BUILDER_TICK, 3, 1, 0, counter_at(7 * BUILDER_TICK));
	builder_write(&cpu0, "guest/1.1/ftrace.hypertrace-cpu0");
	cpu1 = ftrace_file(1);
	builder_page(&cpu1, BUILDER_TICK, 100, 2, 0, counter_at(BUILDER_TICK));
	builder_page(&cpu1, 9 * BUILDER_TICK, 102, 1, 0, 0);
	builder_write(&cpu1, "guest/1.1/ftrace.hypertrace-cpu1");
	decoder = open_scratch(false);
	while (decoder_next(decoder, &item)) {
		uint64_t tick = (item.time - 1000 * SECOND + BUILDER_TICK / 2) / BUILDER_TICK;

		if (got >= G_N_ELEMENTS(want) || item.kind != DECODER_EVENT ||
		    strcmp(item.class->name, want[got].name) || item.stream->cpu != want[got].cpu ||
		    tick != want[got].time ||
		    (item.stream->guest && number_of(&item) != want[got].number)) {
			printf("# item %zu: %s cpu %u time %lu\n", got,
			       item.class ? item.class->name : "loss", item.stream->cpu,
			       (unsigned long)item.time);
			good = false;
			break;
		}
		if (item.stream->guest) {
			char buffer[32];

			good = good && item.pid == 42 &&
			       !strcmp(decoder_task_name(&item, buffer, sizeof(buffer)), "answer");
		}
		got++;
	}
	ok(good && got == G_N_ELEMENTS(want), "streams merge by host time, ties by stream");
	ok(decoder_warnings(decoder)->len == 0, "nothing to warn of");
	ok(decoder_stream_count(decoder) == 3 && decoder_vm_count(decoder) == 1, "three streams");
	decoder_free(decoder);

	decoder = open_scratch(true);
	good = decoder_next(decoder, &item) && item.time == 0 && !item.stream->has_host_time;
	ok(good, "raw times are the source's own");
	decoder_free(decoder);
}

static void test_no_host_time(void)
{
	struct builder_file file;
	struct decoder *decoder;
	struct decoder_item item;

	wipe();
	file = ftrace_file(0);
	builder_page(&file, 123, 0, 1, 0, counter_at(123));
	builder_write(&file, "guest/1.1/ftrace.hypertrace-cpu0");
	decoder = open_scratch(false);
	ok(decoder_next(decoder, &item) && item.time == 123 && !item.stream->has_host_time &&
	   decoder_warnings(decoder)->len == 1, "without clock records times are raw, and it is said");
	decoder_free(decoder);
}

/* A reset: the counter begins anew, and so does the guest's clock. */
static void test_epochs(void)
{
	struct builder_file vmm, cpu;
	struct decoder *decoder;
	struct decoder_item item;
	uint64_t want[] = { 1000 * SECOND + 5000, 1500 * SECOND + 5000 };
	unsigned int count = 0;
	bool good = true;

	wipe();
	vmm = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE, VHT_CLOCK_HOST_MONOTONIC);
	for (builder_epoch = 1; builder_epoch <= 2; builder_epoch++) {
		uint64_t start = (500 + 500 * builder_epoch) * SECOND;
		g_autofree char *meta = g_strdup_printf("guest/%u.1/metadata", builder_epoch);
		g_autofree char *name = g_strdup_printf("guest/%u.1/ftrace.hypertrace-cpu0",
							builder_epoch);

		builder_clock(&vmm, counter_at(0), start, VHT_CLOCK_REASON_RESET);
		builder_clock(&vmm, counter_at(SECOND), start + SECOND, VHT_CLOCK_REASON_PERIODIC);
		builder_metadata(meta);
		cpu = ftrace_file(0);
		builder_page(&cpu, 5000, builder_epoch, 1, 0, counter_at(5000));
		builder_write(&cpu, name);
	}
	builder_epoch = 1;
	builder_write(&vmm, "guest/vmm");
	decoder = open_scratch(false);
	while (decoder_next(decoder, &item)) {
		good = good && count < 2 && item.time == want[count] &&
		       item.stream->epoch == count + 1 && number_of(&item) == count + 1;
		count++;
	}
	ok(good && count == 2, "each epoch has its own clock and its own kernel");
	decoder_free(decoder);
}

/* Everything of one stream: events given out, lost, and where the losses were. */
struct outcome {
	uint64_t events;
	uint64_t lost;
	unsigned int losses;
	uint64_t after[8];	/* events before each loss */
	uint64_t unknown;
	uint64_t last_time;
	bool monotonic;
	uint64_t early_steps_back;
	uint64_t steps_back;
};

static struct outcome run(void)
{
	struct decoder *decoder = open_scratch(false);
	struct outcome out = { .monotonic = true };
	struct decoder_item item;

	while (decoder_next(decoder, &item)) {
		out.monotonic = out.monotonic && item.time >= out.last_time &&
				item.end_time >= item.time;
		out.last_time = item.time;
		if (item.kind == DECODER_EVENT) {
			out.events++;
			continue;
		}
		if (out.losses < G_N_ELEMENTS(out.after))
			out.after[out.losses] = out.events;
		out.losses++;
		out.lost += item.lost;
		out.unknown += !item.lost;
	}
	if (decoder_stream_at(decoder, 0)->events != out.events ||
	    decoder_stream_at(decoder, 0)->lost != out.lost)
		out.losses = 99;
	out.early_steps_back = decoder_stream_at(decoder, 0)->early_steps_back;
	out.steps_back = decoder_stream_at(decoder, 0)->time_steps_back;
	decoder_free(decoder);
	return out;
}

static struct builder_file begin_losses(void)
{
	wipe();
	return ftrace_file(0);
}

static struct outcome end_losses(struct builder_file *file)
{
	builder_write(file, "guest/1.1/ftrace.hypertrace-cpu0");
	return run();
}

static void test_losses(void)
{
	struct builder_file file;
	struct outcome out;

	file = begin_losses();
	builder_page(&file, 0, 0, 5, 0, 0);
	builder_page(&file, 9000, 5, 5, 0, 0);
	builder_state(&file);
	out = end_losses(&file);
	ok(out.events == 10 && !out.losses, "nothing lost");

	file = begin_losses();
	builder_page(&file, 0, 0, 5, 0, 0);
	file.discarded = 30;
	builder_page(&file, 9000, 5, 5, VHT_PACKET_LOST_BEFORE, 0);
	out = end_losses(&file);
	ok(out.events == 10 && out.lost == 30 && out.losses == 1 && out.after[0] == 5,
	   "lost in the guest's own buffer, between two packets");

	file = begin_losses();
	builder_page(&file, 0, 0, 5, 0, 0);
	file.events += 17;
	file.sequence += 2;
	builder_page(&file, 9000, 5, 5, 0, 0);
	builder_page(&file, 19000, 5, 5, 0, 0);
	out = end_losses(&file);
	ok(out.events == 15 && out.lost == 17 && out.losses == 1 && out.after[0] == 5,
	   "overwritten packets: the events in them");

	file = begin_losses();
	file.events = 1000;
	file.discarded = 10;
	file.sequence = 50;
	builder_page(&file, 9000, 5, 5, 0, 0);
	out = end_losses(&file);
	ok(out.events == 5 && out.lost == 1010 && out.after[0] == 0,
	   "overwritten before the recording began");

	file = begin_losses();
	builder_page(&file, 0, 0, 5, 0, 0);
	file.discarded = 8;
	builder_state(&file);
	out = end_losses(&file);
	ok(out.events == 5 && out.lost == 8 && out.losses == 1 && out.after[0] == 5,
	   "lost at the end, with no packet behind: the state packet tells");

	file = begin_losses();
	builder_page(&file, 0, 0, 5, 0, 0);
	builder_page(&file, 9000, 0, 5, VHT_PACKET_LOST_BEFORE, 0);
	file.discarded = 6;
	builder_page(&file, 19000, 0, 5, 0, 0);
	out = end_losses(&file);
	ok(out.lost == 6 && out.losses == 1 && !out.unknown, "a flag whose number comes later");

	file = begin_losses();
	builder_page(&file, 0, 0, 5, 0, 0);
	builder_page(&file, 9000, 0, 5, VHT_PACKET_LOST_BEFORE, 0);
	out = end_losses(&file);
	ok(out.events == 10 && out.lost == 0 && out.unknown == 1 && out.after[0] == 10,
	   "a flag without a number: a loss of unknown size is reported");

	file = begin_losses();
	file.discarded = 3;
	builder_state(&file);
	out = end_losses(&file);
	ok(out.events == 0 && out.lost == 3, "nothing but a loss");

	file = begin_losses();
	builder_page(&file, 0, 0, 5, 0, 0);
	builder_page(&file, 9000, 5, 8, 0, 0);
	/* The third event of the second page claims most of the page. */
	file.bytes->data[file.bytes->len - 384 + 128 + 16 + 2 * 20] = 28;
	builder_page(&file, 29000, 13, 5, 0, 0);
	out = end_losses(&file);
	ok(out.events + out.lost == 18 && out.lost && out.losses == 1,
	   "events of a damaged packet that cannot be read are lost: %lu + %lu",
	   (unsigned long)out.events, (unsigned long)out.lost);

	file = begin_losses();
	builder_page(&file, 0, 0, 5, 0, 0);
	builder_page(&file, 9000, 5, 8, 0, 0);
	file.bytes->data[file.bytes->len - 384 + 128 + 16 + 2 * 20] = 28;
	out = end_losses(&file);
	/* That event takes all the others in. */
	ok(out.events == 8 && out.lost == 5 && out.after[0] == 8, "of the last packet too");

	file = begin_losses();
	builder_page(&file, 50000, 0, 5, 0, 0);
	builder_page(&file, 1000, 5, 5, 0, 0);
	out = end_losses(&file);
	ok(out.events == 10 && out.monotonic, "time never goes back on a CPU");
	ok(out.steps_back == 5 && !out.early_steps_back, "where the source's did, that is counted");

	file = begin_losses();
	builder_page(&file, 50000, 0, 5, 0, counter_at(50000));
	builder_page(&file, 1000, 5, 4, 0, 0);
	builder_page(&file, 70000, 9, 5, 0, counter_at(70000));
	builder_page(&file, 60000, 14, 3, 0, 0);
	out = end_losses(&file);
	ok(out.monotonic && out.early_steps_back == 4 && out.steps_back == 3,
	   "before the first clock pair apart from later: %lu, %lu",
	   (unsigned long)out.early_steps_back, (unsigned long)out.steps_back);

	file = begin_losses();
	builder_page(&file, 50000, 0, 5, 0, 0);
	builder_page(&file, 1000, 5, 4, 0, 0);
	builder_page(&file, 70000, 9, 5, 0, counter_at(70000));
	out = end_losses(&file);
	ok(out.monotonic && out.early_steps_back == 4 && !out.steps_back,
	   "also where the first packets have no pair: %lu, %lu",
	   (unsigned long)out.early_steps_back, (unsigned long)out.steps_back);
}

static void test_damage(void)
{
	struct builder_file file = begin_losses();
	uint64_t before = 0;
	bool good = true;

	builder_page(&file, 0, 0, 5, 0, 0);
	builder_page(&file, 9000, 5, 5, 0, 0);
	for (guint cut = 256; cut < file.bytes->len; cut += 13) {
		struct outcome out;

		scratch_put("guest/1.1/ftrace.hypertrace-cpu0", file.bytes->data, cut);
		out = run();
		good = good && out.events >= before && out.events % 5 == 0;
		before = out.events;
	}
	ok(good && before == 5, "a file cut anywhere is read to its last whole packet");
	g_byte_array_unref(file.bytes);
}

static void test_heartbeat(void)
{
	struct vht_heartbeat beats[3] = {
		{ GUINT64_TO_LE(7), GUINT64_TO_LE(counter_at(1000)) },
		{ GUINT64_TO_LE(8), GUINT64_TO_LE(counter_at(2000)) },
		{ GUINT64_TO_LE(9), GUINT64_TO_LE(counter_at(3000)) },
	};
	struct builder_file file;
	struct decoder *decoder;
	struct decoder_item item;
	unsigned int count = 0;
	uint64_t lost = 0;
	bool good = true;

	wipe();
	put_vmm();
	file = builder_file(40, VHT_SOURCE_HEARTBEAT, 1, VHT_CLOCK_COUNTER);
	file.events = 10;
	file.sequence = 2;
	builder_packet(&file, VHT_PACKET_HEARTBEAT, beats, sizeof(beats), 0, 0, 0);
	builder_write(&file, "guest/1.1/heartbeat-cpu1");
	decoder = open_scratch(false);
	while (decoder_next(decoder, &item)) {
		if (item.kind == DECODER_LOST)
			lost += item.lost;
		if (item.kind != DECODER_EVENT || !item.stream->guest)
			continue;
		good = good && !strcmp(item.class->name, "heartbeat") &&
		       number_of(&item) == 7 + count && item.stream->cpu == 1 &&
		       item.time == 1000 * SECOND + 1000 * (count + 1);
		count++;
	}
	ok(good && count == 3 && lost == 7, "heartbeats, on the counter, and those lost before");
	decoder_free(decoder);
}

int main(void)
{
	scratch_init();
	test_order();
	test_no_host_time();
	test_epochs();
	test_losses();
	test_damage();
	test_heartbeat();
	return tap_done();
}
