// SPDX-License-Identifier: GPL-2.0-only
/* Events as text; symbols, task names and trace_printk() texts on the way. */
#include "../host/tap.h"

#include "builder.h"
#include "decode/clean.h"
#include "decode/decoder.h"
#include "decode/guest.h"
#include "decode/symbols.h"
#include "decode/tasks.h"
#include "decode/text.h"

static struct decoder_guest *guest;
static struct decoder_stream stream = { .cpu = 3 };

static bool shows(const struct event_class *class, const void *data, uint32_t size,
		  const char *want)
{
	struct decoder_item item = { .kind = DECODER_EVENT, .stream = &stream, .data = data,
				     .size = size, .class = (struct event_class *)class };
	struct text text;
	bool same;

	text_init(&text);
	text_fields(&text, &item);
	text_bytes(&text, "", 1);
	same = !strcmp(text.data, want);
	if (!same)
		printf("# %s\n", text.data);
	text_fini(&text);
	return same;
}

static struct event_class *parse(const char *system, const char *name, int id,
				 const char *fields, const char *print)
{
	g_autofree char *text = g_strdup_printf("name: %s\nID: %d\nformat:\n%s\nprint fmt: %s\n",
						name, id, fields, print);
	/* As long as the classes, as the recording's bytes are. */
	static GPtrArray *texts;

	if (!texts)
		texts = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(texts, g_strdup(text));
	return class_table_add_format(guest->classes, system, strlen(system),
				      g_ptr_array_index(texts, texts->len - 1), strlen(text));
}

static void make_guest(void)
{
	static struct recording_stream file;
	static struct recording_generation generation = { .metadata = &file };
	struct builder_file metadata = builder_file(32, VHT_SOURCE_METADATA, VHT_CPU_NONE, 0);
	static const char symbols[] =
		"0000000000000040 A percpu_thing\n"
		"ffffffff81000000 T _stext\n"
		"ffffffff81000000 T second_name\n"
		"ffffffff81002000 t vfs_write\n"
		"ffffffff81001000 T vfs_read\n"
		"ffffffffc0000100 t helper\t[mod]\n"
		"nonsense\n"
		"ffffffff81003000 T cut_off_at_the_en";
	static const char formats[] =
		"0xffffffff82000000 : \"%d of %s: %llx %pS %c %u%% %08x\\n\"\n"
		"0xffffffff82000100 : \"plain text\"\n"
		"0xffffffff82000200 : \"%s\"\n"
		"0xffffffff82000300 : \"%\"\n"
		"0xffffffff82000400 : \"%3d|%-5u|%+.3d|%#-0x|%05d|%0000000000000005d|% +d\"\n"
		"0xffffffff82000500 : \"%99999999999999999999d|%.4294967301o|%-100.2X|\"\n";

	builder_meta(&metadata, VHT_META_SYMBOLS, symbols, sizeof(symbols) - 1);
	builder_meta(&metadata, VHT_META_PRINTK_FORMATS, formats, sizeof(formats) - 1);
	builder_meta(&metadata, VHT_META_TASKS, "    1 init\n99999999 far\n7 a b c\nx y\n", 34);
	file.data = metadata.bytes->data;
	file.size = metadata.bytes->len;
	recording_stream_scan(&file);
	guest = guest_new(&generation, NAMING_FTRACE);
	stream.guest = guest;
}

static bool symbol_is(uint64_t address, const char *want, uint64_t want_offset)
{
	uint64_t offset;
	size_t length;
	const char *name = symbols_find(guest->symbols, address, &length, &offset);

	if (!want)
		return !name;
	return name && length == strlen(want) && !memcmp(name, want, length) &&
	       offset == want_offset;
}

static void test_symbols(void)
{
	uint64_t address;

	ok(symbol_is(0xffffffff81001234, "vfs_read", 0x234), "an address inside a function");
	ok(symbol_is(0xffffffff81000000, "_stext", 0), "of two names for one address, the first");
	ok(symbol_is(0xffffffffc0000100, "helper", 0), "a module's function");
	ok(symbol_is(0xffffffff80ffffff, NULL, 0), "nothing before the first");
	ok(symbol_is(0xffffffff81902000, NULL, 0), "nothing far behind a function");
	ok(symbol_is(0x48, NULL, 0), "per-CPU offsets are no addresses");
	ok(symbol_is(0xffffffff81003000, "vfs_write", 0x1000), "a line cut off is no symbol");
	ok(symbols_address(guest->symbols, "second_name", &address) &&
	   address == 0xffffffff81000000 &&
	   symbols_address(guest->symbols, "vfs_read", &address) &&
	   address == 0xffffffff81001000, "each name of an address leads to it");
	ok(!symbols_address(guest->symbols, "cut_off_at_the_en", &address), "no other one does");
}

static void test_tasks(void)
{
	ok(!strcmp(tasks_get(guest->tasks, 1), "init") &&
	   !strcmp(tasks_get(guest->tasks, 99999999), "far") &&
	   !strcmp(tasks_get(guest->tasks, 7), "a b c"), "tasks by their lists");
	ok(!strcmp(tasks_get(guest->tasks, 8), "<...>") &&
	   !strcmp(tasks_get(guest->tasks, -5), "<...>"), "unknown ones");
	tasks_set(guest->tasks, 1, "systemd-with-a-long-name", 24);
	ok(!strcmp(tasks_get(guest->tasks, 1), "systemd-with-a-"), "a new name, of the kernel's length");
	tasks_set(guest->tasks, 1, "a\nb\033c\302\233d", 8);
	ok(!strcmp(tasks_get(guest->tasks, 1), "a?b?c??d"), "a name that would drive a terminal");
	tasks_add(guest->tasks, "7 \033[31m\177\n", 9);
	ok(!strcmp(tasks_get(guest->tasks, 7), "?[31m?"), "and one of a list");
}

static bool cleans(const char *bytes, const char *want)
{
	size_t size = strlen(bytes);
	bool good = true;

	/* wherever it stands in what is looked at at once */
	for (size_t before = 0; before < 20; before++) {
		g_autofree char *plain = g_strnfill(before, '~');
		g_autofree char *text = g_strconcat(plain, bytes, " plain text~", NULL);
		g_autofree char *clean = g_strconcat(plain, want, " plain text~", NULL);

		clean_text(text, strlen(text));
		good = good && !strcmp(text, clean);
	}
	return good && size == strlen(want);
}

static void test_cleaning(void)
{
	char all[256], rest[] = "\302\233";
	bool good = true;

	for (unsigned int i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	for (unsigned int i = 0; i < sizeof(all); i++) {
		char one[9] = "12345678";

		one[i % 8] = (char)i;
		clean_text(one, 8);
		good = good && one[i % 8] == (i < 32 || (i >= 127 && i < 160) ? '?' : (char)i);
	}
	clean_text(all, sizeof(all));
	for (unsigned int i = 0; i < sizeof(all); i++)
		good = good && (unsigned char)all[i] == (i < 32 || (i >= 127 && i < 160) ? '?' : i);
	ok(good, "single bytes: controls, and those of eight bits");
	ok(cleans("\302\233", "??") && cleans("\302\200\302\237", "????"), "C1 controls of UTF-8");
	ok(cleans("\302\240\303\244\342\202\254\360\237\230\200",
		  "\302\240\303\244\342\202\254\360\237\230\200"), "other characters stay");
	ok(cleans("\342\202", "\342?") && cleans("\302", "\302") && cleans("\300\233", "\300?"),
	   "what is no UTF-8");
	clean_text(rest, 1);
	ok(!strcmp(rest, "\302\233"), "and nothing behind the end");
}

static void test_values(void)
{
	static const uint8_t event[] = { 0xff, 0xff, 0xff, 0xff, 1, 0, 2, 0, 'a', '"', '\n', 0xc3,
					 0xa4, 1, 0, 0 };
	struct event_class *class;

	class = parse("test", "numbers", 1,
		      "\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n"
		      "\tfield:unsigned int b;\toffset:0;\tsize:4;\tsigned:0;\n"
		      "\tfield:void * c;\toffset:0;\tsize:8;\tsigned:0;\n"
		      "\tfield:u16 d[2];\toffset:4;\tsize:4;\tsigned:0;\n"
		      "\tfield:char e[8];\toffset:8;\tsize:8;\tsigned:0;\n", "\"\"");
	ok(shows(class, event, sizeof(event),
		 "{ a = -1, b = 4294967295, c = 0x20001FFFFFFFF, d = [ [0] = 1, [1] = 2 ], "
		 "e = \"a\\\"\\n\xc3\xa4\\x01\" }"), "numbers, arrays, and what needs an escape");
	ok(shows(class, event, 6, "{ a = -1, b = 4294967295, c = 0x0, d = [ [0] = 1, [1] = 0 ], "
		 "e = \"\" }"), "an event that is too short for its fields");
	class = parse("test", "none", 2, "", "\"\"");
	ok(shows(class, event, 0, "{ }"), "no fields");
	class = parse("test", "flags", 3, "\tfield:u16 f;\toffset:4;\tsize:2;\tsigned:0;\n"
		      "\tfield:u16 g;\toffset:6;\tsize:2;\tsigned:0;\n",
		      "\"%s %s\", __print_flags(REC->f, \"|\", {3, \"both\"}, {1, \"one\"}, "
		      "{4, \"four\"}), __print_symbolic(REC->g, {2, \"two\"})");
	ok(shows(class, event, sizeof(event), "{ f = ( \"one\" : container = 0x1 ), "
		 "g = ( \"two\" : container = 2 ) }"), "names of values");
	ok(shows(class, event, 0, "{ f = ( <unknown> : container = 0x0 ), "
		 "g = ( <unknown> : container = 0 ) }"), "values without a name");
	ok(shows(class, (const uint8_t[]){ 0, 0, 0, 0, 7, 0, 0, 0 }, 8,
		 "{ f = ( \"both\", \"four\" : container = 0x7 ), "
		 "g = ( <unknown> : container = 0 ) }"), "several flags");
	class = parse("kvm", "chosen", 6, "\tfield:unsigned int r;\toffset:0;\tsize:4;\tsigned:0;\n"
		      "\tfield:u32 isa;\toffset:4;\tsize:4;\tsigned:0;\n",
		      "\"%s%s\", (REC->isa == 1) ? __print_symbolic(REC->r & 0xffff, {1, \"INTEL\"}) : "
		      "__print_symbolic(REC->r, {1, \"AMD\"}), (REC->isa == 1 && REC->r & ~0xffff) ? "
		      "\" \" : \"\", (REC->isa == 1) ? __print_flags(REC->r & ~0xffff, \" \", {1, \"f\"}) : \"\"");
	ok(shows(class, (const uint8_t[]){ 1, 0, 0, 0, 1, 0, 0, 0 }, 8,
		 "{ r = ( \"INTEL\" : container = 1 ), isa = 1 }") &&
	   shows(class, (const uint8_t[]){ 1, 0, 0, 0, 2, 0, 0, 0 }, 8,
		 "{ r = ( \"AMD\" : container = 1 ), isa = 2 }"), "names that another field chooses");
	class = parse("test", "dynamic", 4, "\tfield:__data_loc u8[] v;\toffset:0;\tsize:4;\tsigned:0;\n",
		      "\"\"");
	ok(shows(class, (const uint8_t[]){ 4, 0, 2, 0, 8, 9 }, 6,
		 "{ _v_length = 2, v = [ [0] = 8, [1] = 9 ] }"), "an array of any length");
	class = parse("ftrace", "function", 5, "\tfield:unsigned long ip;\toffset:0;\tsize:8;\tsigned:0;\n",
		      "\" %ps\", (void *)REC->ip");
	ok(shows(class, "\x34\x12\x00\x81\xff\xff\xff\xff", 8,
		 "{ ip = 0xFFFFFFFF81001234, ip_symbol = \"vfs_read+0x234\" }"), "an address");
}

/* Of a binary printk: what it prints with such arguments. */
static bool prints(struct event_class *class, uint64_t format, const void *args, size_t size,
		   const char *want)
{
	uint8_t event[64] = { 0 };
	struct decoder_item item = { .stream = &stream, .data = event, .size = 16 + size,
				     .class = class };
	struct text text;
	bool same;

	format = GUINT64_TO_LE(format);
	memcpy(event + 8, &format, 8);
	memcpy(event + 16, args, size);
	text_init(&text);
	text_message(&text, &item);
	text_bytes(&text, "", 1);
	same = !strcmp(text.data, want);
	if (!same)
		printf("# %s\n", text.data);
	text_fini(&text);
	return same;
}

static void test_messages(void)
{
	struct {
		uint64_t ip, fmt;
		uint8_t args[64];
	} event = { 0, GUINT64_TO_LE(0xffffffff82000000),
		    "\xfe\xff\xff\xff" "seven\0\0\0" "\xef\xbe\xad\xde\1\0\0\0"
		    "\x10\x20\x00\x81\xff\xff\xff\xff" "x\0\0\0" "\x05\0\0\0" "\xaa\0\0\0" };
	struct event_class *class = parse(
		"ftrace", "bprint", 6,
		"\tfield:unsigned long ip;\toffset:0;\tsize:8;\tsigned:0;\n"
		"\tfield:const char * fmt;\toffset:8;\tsize:8;\tsigned:0;\n"
		"\tfield:u32 buf[];\toffset:16;\tsize:0;\tsigned:0;\n", "\"%ps: %s\", (void *)REC->ip, REC->fmt");
	struct decoder_item item = { .stream = &stream, .data = (const uint8_t *)&event,
				     .size = sizeof(event), .class = class };
	struct text text;
	bool good = true;

	text_init(&text);
	text_message(&text, &item);
	text_bytes(&text, "", 1);
	ok(!strcmp(text.data, "-2 of seven: 1deadbeef vfs_write+0x10 x 5% 000000aa\n"),
	   "a binary printk with its arguments");
	for (uint32_t size = 0; size <= sizeof(event); size++) {
		uint8_t *copy = g_memdup2(&event, MAX(size, 1));

		item.data = copy;
		item.size = size;
		for (int format = 0; format < 4; format++) {
			text.used = 0;
			if (size >= 16)
				copy[9] = format;
			text_message(&text, &item);
			good = good && text.used < 200;
		}
		g_free(copy);
	}
	ok(good, "with too few arguments it stays inside the event");
	ok(prints(class, 0xffffffff82000400, "\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0\7\0\0",
		  28, "  1|2    |+003|0x4|00005|00006|+7"), "flags, width and precision");
	ok(prints(class, 0xffffffff82000500, "\xff\xff\xff\xff\1\0\0\0\2\0\0", 12,
		  "                                                              -1|"
		  "0000000000000000000000000000000000000000000000000000000000000001|"
		  "02                                                              |"),
	   "no more columns than make sense");
	class = parse("ftrace", "bputs", 7,
		      "\tfield:unsigned long ip;\toffset:0;\tsize:8;\tsigned:0;\n"
		      "\tfield:const char * str;\toffset:8;\tsize:8;\tsigned:0;\n", "\"%ps: %s\"");
	event.fmt = GUINT64_TO_LE(0xffffffff82000100);
	item.class = class;
	item.data = (const uint8_t *)&event;
	item.size = 16;
	text.used = 0;
	text_message(&text, &item);
	text_bytes(&text, "", 1);
	ok(!strcmp(text.data, "plain text"), "a text that the kernel knows by its address");
	text_fini(&text);
}

static void test_limits(void)
{
	struct event_class *class;
	struct text text;
	GString *fields = g_string_new(NULL);
	static uint8_t event[65536];
	struct decoder_item item = { .kind = DECODER_EVENT, .stream = &stream, .data = event,
				     .size = sizeof(event) };

	for (int i = 0; i < 128; i++)
		g_string_append_printf(fields, "\tfield:__data_loc u8[] f%d;\toffset:0;\tsize:4;"
				       "\tsigned:0;\n", i);
	class = parse("test", "big", 8, fields->str, "\"\"");
	item.class = class;
	memset(event, 0xff, sizeof(event));
	memcpy(event, "\4\0\374\377", 4);
	text_init(&text);
	text_string(&text, "before: ");
	text_fields(&text, &item);
	ok(text.used == 8 + TEXT_MAX_EVENT && !memcmp(text.data, "before: { _f0_length = 16384", 28) &&
	   !memcmp(text.data + text.used - 3, "...", 3), "an event's text has an end");
	text.used = 8;
	text_cut(&text, 8);
	ok(text.used == 8, "what fits is not cut");
	text_cut(&text, 7);
	ok(text.used == 7 && !memcmp(text.data, "befo...", 7), "what does not fit is");
	text_fini(&text);
	g_string_free(fields, TRUE);
}

static void test_times(void)
{
	struct text text;

	text_init(&text);
	text_seconds(&text, 12000000345);
	text_string(&text, " ");
	text_seconds(&text, UINT64_MAX);
	text_string(&text, " ");
	text_padded(&text, 7, 3);
	text_string(&text, " ");
	text_padded(&text, 12345, 3);
	text_string(&text, " ");
	text_signed(&text, INT64_MIN);
	text_bytes(&text, "", 1);
	ok(!strcmp(text.data, "12.000000345 18446744073.709551615 007 12345 -9223372036854775808"),
	   "numbers at their ends: %s", text.data);
	for (int i = 0; i < 1000000; i++)
		text_unsigned(&text, i);
	ok(text.used > 5000000 && text.size >= text.used, "a buffer grows");
	text_fini(&text);
}

int main(void)
{
	make_guest();
	test_symbols();
	test_tasks();
	test_cleaning();
	test_values();
	test_messages();
	test_limits();
	test_times();
	guest_free(guest);
	return tap_done();
}
