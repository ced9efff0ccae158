// SPDX-License-Identifier: GPL-2.0-only
/* Format texts: every kind of field, LTTng's names, and texts that are none. */
#include "../host/tap.h"

#include <string.h>

#include "decode/format.h"
#include "decode/names.h"
#include "decode/value.h"

#define COMMON								\
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"	\
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"	\
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

static struct class_table *table;

static struct event_class *parse(const char *system, const char *fields, const char *print)
{
	g_autofree char *text = g_strdup_printf("name: test\nID: 77\nformat:\n" COMMON "%s\n"
						"print fmt: %s\n", fields, print);
	/* The text is not followed by a NUL in a recording. */
	char *copy = g_memdup2(text, strlen(text));
	struct event_class *class;

	class_table_free(table);
	table = class_table_new(NAMING_LTTNG);
	class = class_table_add_format(table, system, strlen(system), copy, strlen(text));
	memset(copy, 'x', strlen(text));
	g_free(copy);
	return class;
}

static struct event_field *parse_one(const char *line)
{
	struct event_class *class = parse("test", line, "\"\"");

	return class && class->field_count == 1 ? &class->fields[0] : NULL;
}

static bool is_text(const struct event_field *field, const void *data, uint32_t size,
		    const char *want)
{
	/* A copy of just its size, so that a step beyond it is seen. */
	g_autofree uint8_t *copy = g_memdup2(data, size);
	uint32_t length;
	const char *text = field_text(field, copy, size, &length);

	return length == strlen(want) && !memcmp(text, want, length);
}

static void test_numbers(void)
{
	static const struct {
		const char *line;
		uint64_t want;
		unsigned int size;
		bool is_signed;
	} cases[] = {
		{ "\tfield:s8 x;\toffset:8;\tsize:1;\tsigned:1;\n", -1, 1, true },
		{ "\tfield:u8 x;\toffset:8;\tsize:1;\tsigned:0;\n", 0xff, 1, false },
		{ "\tfield:short x;\toffset:8;\tsize:2;\tsigned:1;\n", -2, 2, true },
		{ "\tfield:unsigned short x;\toffset:8;\tsize:2;\tsigned:0;\n", 0xfffe, 2, false },
		{ "\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n", -3, 4, true },
		{ "\tfield:unsigned int x;\toffset:8;\tsize:4;\tsigned:0;\n", 0xfffffffd, 4, false },
		{ "\tfield:long x;\toffset:8;\tsize:8;\tsigned:1;\n", -4, 8, true },
		{ "\tfield:u64 x;\toffset:8;\tsize:8;\tsigned:0;\n", 0xfffffffffffffffc, 8, false },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct event_field *field = parse_one(cases[i].line);
		uint64_t value = GUINT64_TO_LE(cases[i].want);
		uint8_t event[16] = { 0 };

		memcpy(event + 8, &value, cases[i].size);
		ok(field && field->kind == FIELD_NUMBER && field->element_size == cases[i].size &&
		   field->is_signed == cases[i].is_signed &&
		   field_number(field, event, 8 + cases[i].size) == cases[i].want,
		   "number of %u bytes, %s", cases[i].size,
		   cases[i].is_signed ? "signed" : "unsigned");
		ok(field && field_number(field, event, 8 + cases[i].size - 1) == 0,
		   "the same, cut off: 0");
	}
	ok(parse_one("\tfield:const void * p;\toffset:8;\tsize:8;\tsigned:0;\n")->is_hex,
	   "pointers are shown in hexadecimal");
}

static void test_strings(void)
{
	static const char event[] = "12345678abcdefgh\0\0\0\0";
	char data[64] = { 0 };
	struct event_field *field;

	field = parse_one("\tfield:char comm[8];\toffset:8;\tsize:8;\tsigned:0;\n");
	ok(field && field->kind == FIELD_STRING && is_text(field, event, 20, "abcdefgh"),
	   "fixed string without a NUL ends with its room");
	ok(is_text(field, event, 12, "abcd"), "fixed string ends with the event");
	ok(is_text(field, event, 8, ""), "fixed string behind the event's end is empty");
	memcpy(data + 8, "ab\0c", 4);
	ok(is_text(field, data, 64, "ab"), "fixed string ends at its NUL");

	field = parse_one("\tfield:__data_loc char[] name;\toffset:8;\tsize:4;\tsigned:0;\n");
	memset(data, 0, sizeof(data));
	memcpy(data + 8, &(uint32_t){ GUINT32_TO_LE(5 << 16 | 20) }, 4);
	memcpy(data + 20, "hello", 5);
	ok(field && field->kind == FIELD_DYNAMIC_STRING && is_text(field, data, 30, "hello"),
	   "__data_loc string without a NUL ends with its length");
	ok(is_text(field, data, 23, "hel"), "__data_loc string ends with the event");
	ok(is_text(field, data, 20, "") && is_text(field, data, 11, ""),
	   "__data_loc string outside the event is empty");
	memcpy(data + 8, &(uint32_t){ 0xffffffff }, 4);
	ok(is_text(field, data, 64, ""), "__data_loc string far outside is empty");

	field = parse_one("\tfield:__rel_loc char[] name;\toffset:8;\tsize:4;\tsigned:0;\n");
	memcpy(data + 8, &(uint32_t){ GUINT32_TO_LE(6 << 16 | 8) }, 4);
	ok(field && field->is_relative && is_text(field, data, 30, "hello"),
	   "__rel_loc string counts from behind its word");

	field = parse_one("\tfield:char buf[];\toffset:8;\tsize:0;\tsigned:0;\n");
	ok(field && field->kind == FIELD_TAIL_STRING && is_text(field, event, 12, "abcd"),
	   "string without a size goes to the event's end");
}

static bool is_array(const struct event_field *field, const void *data, uint32_t size,
		     uint32_t want_count, uint64_t want_last)
{
	g_autofree uint8_t *copy = g_memdup2(data, size);
	uint32_t count;
	const uint8_t *numbers = field_numbers(field, copy, size, &count);

	return count == want_count &&
	       (!count || number_at(field, numbers, count - 1) == want_last);
}

static void test_arrays(void)
{
	static const uint8_t event[32] = { [8] = 1, [9] = 2, [16] = 3, [20] = 0xff, [21] = 0xff,
					   [22] = 0xff, [23] = 0xff, [31] = 9 };
	struct event_field *field;
	uint8_t data[64] = { 0 };

	field = parse_one("\tfield:u8 mac[6];\toffset:8;\tsize:6;\tsigned:0;\n");
	ok(field && field->kind == FIELD_NUMBERS && field->count == 6 &&
	   is_array(field, event, 32, 6, 0), "fixed array of bytes");
	ok(is_array(field, event, 10, 2, 2), "fixed array ends with the event");
	field = parse_one("\tfield:unsigned long args[2];\toffset:8;\tsize:16;\tsigned:0;\n");
	ok(field && field->element_size == 8 && is_array(field, event, 24, 2, 0xffffffff00000003),
	   "fixed array of longs");
	field = parse_one("\tfield:int v[3];\toffset:12;\tsize:12;\tsigned:1;\n");
	ok(field && field->element_size == 4 && is_array(field, event, 24, 3, (uint64_t)-1),
	   "fixed array of signed numbers");
	field = parse_one("\tfield:u32 v[SOME_NAME];\toffset:8;\tsize:12;\tsigned:0;\n");
	ok(field && field->element_size == 4 && field->count == 3,
	   "fixed array whose count is a name");
	field = parse_one("\tfield:struct thing t;\toffset:8;\tsize:12;\tsigned:0;\n");
	ok(field && field->kind == FIELD_NUMBERS && field->element_size == 1 && field->count == 12,
	   "a structure is its bytes");
	field = parse_one("\tfield:u8 huge[9999999];\toffset:8;\tsize:9999999;\tsigned:0;\n");
	ok(field && field->kind == FIELD_TAIL_NUMBERS && is_array(field, event, 32, 24, 9),
	   "a fixed array longer than any event is what there is of it");

	field = parse_one("\tfield:__data_loc u16[] v;\toffset:8;\tsize:4;\tsigned:0;\n");
	memcpy(data + 8, &(uint32_t){ GUINT32_TO_LE(5 << 16 | 16) }, 4);
	data[18] = 7;
	ok(field && field->kind == FIELD_DYNAMIC_NUMBERS && field->element_size == 2 &&
	   is_array(field, data, 64, 2, 7), "dynamic array: whole numbers only");
	field = parse_one("\tfield:__data_loc unsigned long[] v;\toffset:8;\tsize:4;\tsigned:0;\n");
	memcpy(data + 8, &(uint32_t){ GUINT32_TO_LE(0xffffU << 16 | 16) }, 4);
	ok(field && field->element_size == 8 && is_array(field, data, 64, 6, 0),
	   "dynamic array whose length is beyond the event");
	field = parse_one("\tfield:__data_loc cpumask_t mask;\toffset:8;\tsize:4;\tsigned:0;\n");
	ok(field && field->is_bitmask && field->element_size == 8 &&
	   field->kind == FIELD_DYNAMIC_NUMBERS, "cpumask_t is a bitmask of longs");
	field = parse_one("\tfield:__data_loc s64[] v;\toffset:8;\tsize:4;\tsigned:0;\n");
	ok(field && field->is_signed, "dynamic array of signed numbers");
	field = parse_one("\tfield:u32 buf[];\toffset:8;\tsize:0;\tsigned:0;\n");
	ok(field && field->kind == FIELD_TAIL_NUMBERS && is_array(field, event, 17, 2, 0),
	   "array without a size goes to the event's end");
}

static const char *label_of(const struct event_field *field, uint64_t value)
{
	for (uint32_t i = 0; field->enumeration && i < field->enumeration->count; i++)
		if (field->enumeration->entries[i].value == value)
			return field->enumeration->entries[i].label;
	return "";
}

static void test_enumerations(void)
{
	struct event_class *class;
	struct event_field *field;

	class = parse("test", "\tfield:unsigned int vec;\toffset:8;\tsize:4;\tsigned:0;\n",
		      "\"vec=%u [%s]\", REC->vec, __print_symbolic(REC->vec, { 0, \"HI\" }, "
		      "{ 0x1, \"TIMER\" }, { (1 << 4) | 2, \"SUM\" }, { NAME, \"NO\" })");
	field = &class->fields[0];
	ok(field->enumeration && !field->enumeration->is_flags && field->enumeration->count == 3 &&
	   !strcmp(label_of(field, 1), "TIMER") && !strcmp(label_of(field, 18), "SUM"),
	   "__print_symbolic gives names to values; one without a value is left out");
	ok(!field->is_hex, "and its numbers stay decimal");

	class = parse("test", "\tfield:long state;\toffset:8;\tsize:8;\tsigned:1;\n",
		      "\"%s\", (REC->state & (((0x1 | 0x2) + 1) - 1)) ? "
		      "__print_flags(REC->state & (((0x1 | 0x2) + 1) - 1), \"|\", "
		      "{ 0x1, \"S\" }, { 0x2, \"D\" }) : \"R\"");
	field = &class->fields[0];
	ok(field->enumeration && field->enumeration->is_flags && field->enumeration->mask == 3 &&
	   !strcmp(label_of(field, 2), "D") && !strcmp(label_of(field, 0), "R"),
	   "__print_flags with a mask, and a name for none of them");

	class = parse("test", "\tfield:int err;\toffset:8;\tsize:4;\tsigned:1;\n",
		      "\"%s\", __print_symbolic(REC->err, { -1, \"minus\" }, "
		      "{ 0xfffffffe, \"two\" }, { 0x100000000, \"far\" })");
	field = &class->fields[0];
	ok(!strcmp(label_of(field, (uint64_t)-1), "minus") &&
	   !strcmp(label_of(field, (uint64_t)-2), "two") && field->enumeration->count == 2,
	   "values become those that the field can hold; others are left out");

	class = parse("test", "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n"
		      "\tfield:int b;\toffset:12;\tsize:4;\tsigned:1;\n",
		      "\"%s\", (REC->b == 0x7) ? __print_symbolic(REC->a, { 1, \"x\" }) : "
		      "__print_symbolic(REC->a, { 1, \"y\" })");
	field = &class->fields[0];
	ok(field->enumeration->other && field->enumeration->chooser == 1 &&
	   field->enumeration->chosen == 7 && !strcmp(label_of(field, 1), "x") &&
	   !strcmp(field->enumeration->other->entries[0].label, "y"),
	   "two tables, between which another field chooses");
	class = parse("test", "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n",
		      "\"%s%s\", (REC->c == 7) ? __print_symbolic(REC->a, { 1, \"x\" }) : "
		      "__print_symbolic(REC->a, { 1, \"y\" }), ((REC->a) == 1) ? "
		      "__print_symbolic(REC->a, { 1, \"z\" }) : \"\"");
	ok(!class->fields[0].enumeration->other, "a choice by no field, and one without another table");

	class = parse("test", "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n",
		      "\"%s\", __print_symbolic(REC->a >> 2, { 1, \"x\" })");
	ok(!class->fields[0].enumeration, "a table over a computed value is no enumeration");
	class = parse("test", "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n",
		      "\"%s\", __print_symbolic((int)((REC->a)), { (unsigned long)((gfp_t)1u), \"x\" })");
	ok(!strcmp(label_of(&class->fields[0], 1), "x"), "casts and parentheses do not matter");
}

static void test_conversions(void)
{
	struct event_class *class = parse(
		"test",
		"\tfield:unsigned long ip;\toffset:8;\tsize:8;\tsigned:0;\n"
		"\tfield:unsigned long bits;\toffset:16;\tsize:8;\tsigned:0;\n"
		"\tfield:unsigned long plain;\toffset:24;\tsize:8;\tsigned:0;\n",
		"\"%d%% of %pS \" \"0x%08lx, %lu\", 3, (void *)REC->ip, REC->bits, REC->plain");

	ok(class->fields[0].is_symbol && class->fields[0].is_hex, "%%pS makes a symbol");
	ok(class->fields[1].is_hex && !class->fields[1].is_symbol, "%%x makes it hexadecimal");
	ok(!class->fields[2].is_hex, "%%lu does not");
}

static const char *lttng(const char *system, const char *name)
{
	static char buffer[128];

	return lttng_event_name(system, name, buffer, sizeof(buffer));
}

static void test_names(void)
{
	static const char *const cases[][3] = {
		{ "syscalls", "sys_enter_openat", "syscall_entry_openat" },
		{ "syscalls", "sys_exit_openat", "syscall_exit_openat" },
		{ "irq", "softirq_entry", "irq_softirq_entry" },
		{ "irq", "irq_handler_entry", "irq_handler_entry" },
		{ "timer", "hrtimer_start", "timer_hrtimer_start" },
		{ "timer", "timer_start", "timer_start" },
		{ "kvm", "kvm_exit", "kvm_x86_exit" },
		{ "kvm", "kvm_userspace_exit", "kvm_userspace_exit" },
		{ "irq_vectors", "local_timer_entry", "x86_irq_vectors_local_timer_entry" },
		{ "kmem", "kmalloc", "kmem_kmalloc" },
		{ "sched", "sched_switch", "sched_switch" },
		{ "printk", "console", "printk_console" },
	};
	struct event_class *class;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		ok(!strcmp(lttng(cases[i][0], cases[i][1]), cases[i][2]), "%s:%s is %s",
		   cases[i][0], cases[i][1], cases[i][2]);
	class = parse("sched", "\tfield:pid_t prev_pid;\toffset:8;\tsize:4;\tsigned:1;\n", "\"\"");
	ok(!strcmp(class->fields[0].name, "prev_tid") &&
	   !strcmp(class->fields[0].raw_name, "prev_pid"),
	   "a pid of the scheduler is a tid; the kernel's name stays at hand");
	class = parse("syscalls",
		      "\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n"
		      "\tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n"
		      "\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n",
		      "\"dfd: 0x%08lx\", ((unsigned long)(REC->dfd))");
	ok(class->fields[0].is_hidden, "a system call's number is in its name");
	ok(class->fields[1].element_size == 4 && class->fields[1].is_signed &&
	   !class->fields[1].is_hex, "its arguments have the size of their types");
	ok(class->fields[2].element_size == 8 && class->fields[2].is_hex, "pointers are whole");
}

static void test_none(void)
{
	static const char *const texts[] = {
		"", "\n\n\n", "name: x\n", "ID: 5\n", "name: x\nID: 70000\nformat:\n",
		"name: x\nID: 99999999999999999999\nformat:\n", "name:\nID: 5\n",
		"name: x\nID: 5\nformat:\n\tfield:int a;\toffset:-8;\tsize:4;\n",
		"name: x\nID: 5\nformat:\n\tfield:int a;\toffset:8;\tsize:99999999999;\n",
		"name: x\nID: 5\nformat:\n\tfield:char a];\toffset:8;\tsize:4;\tsigned:0;\n",
		"name: x\nID: 5\nformat:\n\tfield:int a",
	};
	struct event_class *class;

	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		class_table_free(table);
		table = class_table_new(NAMING_FTRACE);
		ok(!class_table_add_format(table, "s", 1, texts[i], strlen(texts[i])),
		   "no event format, %zu", i);
	}
	class = class_table_get(table, 4711);
	ok(class && class->field_count == 0 && class->id == 4711 &&
	   class == class_table_get(table, 4711), "an id without a format has a class too");
}

static void test_hostile(void)
{
	GString *text = g_string_new("\"%s\", __print_symbolic(");
	struct event_class *class;
	uint8_t *event;
	gint64 begin = g_get_monotonic_time();

	for (int i = 0; i < 250000; i++)
		g_string_append_c(text, '(');
	class = parse("test", "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n", text->str);
	ok(class && !class->fields[0].enumeration, "250,000 parentheses");
	g_string_assign(text, "\"%s\", __print_symbolic(REC->a, {");
	for (int i = 0; i < 250000; i++)
		g_string_append(text, "~");
	class = parse("test", "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n", text->str);
	ok(class && !class->fields[0].enumeration, "250,000 operators");
	g_string_assign(text, "\"%s\"");
	for (int i = 0; i < 10000; i++)
		g_string_append(text, ", __print_flags(REC->a, \"|\", {x");
	class = parse("test", "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n", text->str);
	ok(class && !class->fields[0].enumeration, "10,000 tables in one another");
	ok(g_get_monotonic_time() - begin < 5 * G_USEC_PER_SEC, "none of them takes long");
	g_string_assign(text, "");
	for (int i = 0; i < 1000; i++)
		g_string_append_printf(text, "\tfield:int f%d;\toffset:8;\tsize:4;\tsigned:1;\n", i);
	class = parse("test", text->str, "\"\"");
	ok(class && class->field_count == FORMAT_MAX_FIELDS, "1,000 fields are too many");
	class = parse("test", "\tfield:u8 a[];\toffset:8;\tsize:0;\tsigned:0;\n"
		      "\tfield:char b[];\toffset:8;\tsize:0;\tsigned:0;\n"
		      "\tfield:int c;\toffset:8;\tsize:4;\tsigned:1;\n", "\"\"");
	ok(class && class->field_count == 2, "one field goes to the event's end, and no more");
	event = g_malloc0(1 << 20);
	ok(is_array(&class->fields[0], event, 1 << 20, MAX_NUMBERS, 0),
	   "and is not shown at any length");
	g_free(event);
	class = parse("test", "\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n"
		      "\tfield:int a;\toffset:12;\tsize:4;\tsigned:1;\n", "\"\"");
	ok(class && class->field_count == 1, "a name stands for one field");
	g_string_free(text, TRUE);
}

int main(void)
{
	test_numbers();
	test_strings();
	test_arrays();
	test_enumerations();
	test_conversions();
	test_names();
	test_none();
	test_hostile();
	class_table_free(table);
	return tap_done();
}
