// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write a recording into the directory that is named, for guest.t and view.t: that of
 * guest-recording.h, or with a second argument one of a VM with a session of many events, one
 * whose events have fields of all kinds, and events of the VM's own among them.
 */
#include "guest-recording.h"

#define MANY_PACKETS	100
#define MANY_EVENTS	200

/* A number's 32 bits, otherwise. */
static const char number[] =
	"integer { size = 32; align = 8; signed = 0; encoding = none; base = 10; } _number;";

/* A hexadecimal number with a sign as a context; names, smaller numbers, and a list. */
static const char context[] =
	"\tcontext := struct { integer { size = 8; align = 8; signed = 1; encoding = none; "
	"base = 16; } _hex; };\n\tfields := struct {";
static const char fields[] =
	"enum : integer { size = 8; align = 8; signed = 0; base = 10; } "
	"{ \"none\" = 0, \"few\" = 1 ... 3, \"some\" = 2 ... 9 } _kind;"
	"struct { integer { size = 3; align = 1; signed = 1; base = 8; } _octal;"
	" integer { size = 5; align = 1; signed = 0; base = 2; } _bits; } _small;"
	"integer { size = 4; align = 1; signed = 1; base = 10; } _list[2];";

static const char real[] =
	"floating_point { exp_dig = 8; mant_dig = 24; align = 8; byte_order = le; } _real;";

static void replace_first(GString *text, const char *from, const char *to)
{
	assert(g_string_replace(text, from, to, 1) == 1);
}

static void put_metadata(void)
{
	struct builder_file file = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	GString *forms = guest_text(GUEST_OWN, GUEST_BOOT, 1, 2);

	replace_first(forms, "\tfields := struct {", context);
	replace_first(forms, number, fields);
	replace_first(forms, number, real);
	guest_session(&file, GUEST_PLUGIN, "name=many\nchannel.0=discard c\n");
	guest_send_text(&file, GUEST_PLUGIN, 0, guest_text(GUEST_PLUGIN, GUEST_BOOT, 1, 1));
	guest_session(&file, GUEST_OWN, "name=forms\nchannel.0=discard c\n");
	guest_send_text(&file, GUEST_OWN, 0, forms);
	builder_write(&file, "web/1.1/metadata");
}

static void put_packets(void)
{
	struct builder_file cpu0 = guest_cpu_file(0), cpu1 = guest_cpu_file(1);

	for (uint32_t i = 0; i < MANY_PACKETS; i++)
		guest_take(&cpu0, &(struct guest_packet) {
			.session = GUEST_PLUGIN, .sequence = i, .begin = i * 50000000ULL,
			.end = i * 50000000ULL + 50000000, .events = MANY_EVENTS,
			.number = i * MANY_EVENTS });
	for (uint32_t i = 0; i < 12; i++)
		guest_take(&cpu1, &(struct guest_packet) {
			.session = GUEST_OWN, .sequence = i, .begin = i * 1000000ULL,
			.end = i * 1000000ULL + 900000, .events = 2, .kind = 1,
			.number = 0x3f9d0080 + i * 0x00110100 + i });
	builder_write(&cpu0, "web/1.1/lttng-cpu0");
	builder_write(&cpu1, "web/1.1/lttng-cpu1");
}

static void put_vm(void)
{
	struct builder_file file = builder_file(0, VHT_SOURCE_VMM, VHT_CPU_NONE,
						VHT_CLOCK_HOST_MONOTONIC);

	for (uint64_t i = 0; i < 10; i++)
		builder_vmm(&file, guest_clock(&file, i) + 500000000, VHT_VMM_RUNNING, i, "");
	builder_write(&file, "web/vmm");
}

int main(int argc, char **argv)
{
	assert(argc == 2 || argc == 3);
	scratch_dir = argv[1];
	if (argc == 2) {
		put_guest_recording();
		return 0;
	}
	guest_ini("web", 100);
	put_vm();
	put_metadata();
	put_packets();
	return 0;
}
