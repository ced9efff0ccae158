// SPDX-License-Identifier: GPL-2.0-only
/*
 * From format texts to event classes. A format text is what the kernel's
 * f_show() in kernel/trace/trace_events.c prints:
 *
 *	name: sched_switch
 *	ID: 310
 *	format:
 *		field:char prev_comm[16];	offset:8;	size:16;	signed:0;
 *		...
 *	print fmt: "prev_comm=%s ...", REC->prev_comm, ...
 *
 * Nothing in it is trusted: an offset or size may say anything; whoever takes a
 * field out of an event checks it against the event (value.c).
 */
#include "format.h"

#include <string.h>

#include "expression.h"
#include "names.h"

#define MAX_NAME	128	/* bytes of a name; longer ones are cut */
#define MAX_CALLS	64	/* tables of names looked at in one print format */
#define MAX_ID		65535
#define MAX_COUNT	4096	/* numbers in a fixed array */
#define MAX_RECORD	(1 << 24)	/* no event is larger: offsets beyond are nonsense */

struct class_table {
	enum naming naming;
	unsigned int long_size;
	GPtrArray *classes;
	struct event_class **by_id;
	uint32_t id_count;	/* ids that @by_id has room for */
	GHashTable *texts;	/* GBytes: all that was parsed -> struct event_class */
	GStringChunk *strings;
};

/* A part of the text. */
struct span {
	const char *at;
	const char *end;
};

static void enumeration_free(struct enumeration *e)
{
	if (!e)
		return;
	enumeration_free(e->other);
	g_free(e->entries);
	g_free(e);
}

static void field_free_contents(struct event_field *field)
{
	enumeration_free(field->enumeration);
}

static void event_class_free(void *data)
{
	struct event_class *class = data;

	for (uint32_t i = 0; i < class->field_count; i++)
		field_free_contents(&class->fields[i]);
	g_free(class->fields);
	g_free(class);
}

struct class_table *class_table_new(enum naming naming)
{
	struct class_table *table = g_new0(struct class_table, 1);

	table->naming = naming;
	table->long_size = 8;
	table->classes = g_ptr_array_new_with_free_func(event_class_free);
	table->strings = g_string_chunk_new(65536);
	table->texts = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
					     (GDestroyNotify)g_bytes_unref, NULL);
	return table;
}

void class_table_free(struct class_table *table)
{
	if (!table)
		return;
	g_hash_table_unref(table->texts);
	g_free(table->by_id);
	g_ptr_array_unref(table->classes);
	g_string_chunk_free(table->strings);
	g_free(table);
}

void class_table_set_guest(struct class_table *table, unsigned int long_size)
{
	table->long_size = long_size;
}

uint32_t class_table_count(const struct class_table *table)
{
	return table->classes->len;
}

struct event_class *class_table_at(const struct class_table *table, uint32_t index)
{
	return g_ptr_array_index(table->classes, index);
}

static struct event_class *class_table_append(struct class_table *table)
{
	struct event_class *class = g_new0(struct event_class, 1);

	class->index = table->classes->len;
	class->id = -1;
	class->pid_offset = -1;
	class->flags_offset = -1;
	class->preempt_offset = -1;
	g_ptr_array_add(table->classes, class);
	return class;
}

struct event_class *class_table_add(struct class_table *table, const char *system,
				    const char *name, const struct event_field *fields,
				    uint32_t field_count)
{
	struct event_class *class = class_table_append(table);

	class->system = system;
	class->name = class->raw_name = g_string_chunk_insert_const(table->strings, name);
	class->field_count = field_count;
	class->fields = g_memdup2(fields, field_count * sizeof(*fields));
	return class;
}

static void class_table_set(struct class_table *table, struct event_class *class)
{
	uint32_t id = class->id, count = table->id_count;

	if (id >= count) {
		table->id_count = MAX(2 * count, id + 1);
		table->by_id = g_renew(struct event_class *, table->by_id, table->id_count);
		memset(table->by_id + count, 0, (table->id_count - count) * sizeof(class));
	}
	table->by_id[id] = class;
}

struct event_class *class_table_get(struct class_table *table, uint16_t id)
{
	struct event_class *class;
	char name[32];

	if (G_LIKELY(id < table->id_count && table->by_id[id]))
		return table->by_id[id];
	class = class_table_append(table);
	g_snprintf(name, sizeof(name), "unknown_%u", id);
	class->system = "unknown";
	class->name = class->raw_name = g_string_chunk_insert_const(table->strings, name);
	class->id = id;
	class_table_set(table, class);
	return class;
}

/* A name as it may be shown anywhere: letters, digits, '_', not too long. */
static const char *intern_name(struct class_table *table, const char *at, size_t size)
{
	char name[MAX_NAME + 1];

	size = MIN(size, MAX_NAME);
	for (size_t i = 0; i < size; i++)
		name[i] = g_ascii_isalnum(at[i]) ? at[i] : '_';
	name[size] = 0;
	if (!size || g_ascii_isdigit(name[0]))
		name[0] = '_';
	name[MAX(size, 1)] = 0;
	return g_string_chunk_insert_const(table->strings, name);
}

/* Bytes that may be shown anywhere, in quotes too: '?' for others. */
static const char *intern_label(struct class_table *table, const char *label)
{
	char text[MAX_NAME + 1];
	size_t i;

	for (i = 0; i < MAX_NAME && label[i]; i++)
		text[i] = g_ascii_isprint(label[i]) && label[i] != '"' && label[i] != '\\' ?
			label[i] : '?';
	text[i] = 0;
	return g_string_chunk_insert_const(table->strings, text);
}

static bool next_line(struct span *text, struct span *line)
{
	const char *newline;

	if (text->at == text->end)
		return false;
	newline = memchr(text->at, '\n', text->end - text->at);
	line->at = text->at;
	line->end = newline ? newline : text->end;
	text->at = newline ? newline + 1 : text->end;
	while (line->at < line->end && (*line->at == '\t' || *line->at == ' '))
		line->at++;
	return true;
}

static bool take_prefix(struct span *line, const char *prefix)
{
	size_t size = strlen(prefix);

	if ((size_t)(line->end - line->at) < size || memcmp(line->at, prefix, size))
		return false;
	line->at += size;
	return true;
}

static bool take_decimal(struct span *line, uint32_t max, uint32_t *value)
{
	uint64_t number = 0;
	bool any = false;

	while (line->at < line->end && (*line->at == ' ' || *line->at == '\t'))
		line->at++;
	for (; line->at < line->end && g_ascii_isdigit(*line->at); line->at++) {
		number = number * 10 + (*line->at - '0');
		if (number > max)
			return false;
		any = true;
	}
	*value = number;
	return any;
}

/* Behind "key:" and its number and ';'. */
static bool take_number_of(struct span *line, const char *key, uint32_t *value)
{
	while (line->at < line->end && (*line->at == ' ' || *line->at == '\t'))
		line->at++;
	return take_prefix(line, key) && take_decimal(line, MAX_RECORD, value) &&
	       take_prefix(line, ";");
}

/* Sizes of C's names for numbers; 'L' is the guest's long. */
struct c_type {
	const char *name;
	uint8_t size;
	bool is_signed;
};

#define SIZE_OF_LONG 0xff

static const struct c_type c_types[] = {
	{ "char", 1, true },		  { "signed char", 1, true },
	{ "unsigned char", 1, false },	  { "u8", 1, false },
	{ "__u8", 1, false },		  { "uint8_t", 1, false },
	{ "s8", 1, true },		  { "__s8", 1, true },
	{ "int8_t", 1, true },		  { "bool", 1, false },
	{ "short", 2, true },		  { "unsigned short", 2, false },
	{ "u16", 2, false },		  { "__u16", 2, false },
	{ "uint16_t", 2, false },	  { "s16", 2, true },
	{ "__s16", 2, true },		  { "int16_t", 2, true },
	{ "umode_t", 2, false },	  { "__le16", 2, false },
	{ "__be16", 2, false },		  { "int", 4, true },
	{ "unsigned int", 4, false },	  { "unsigned", 4, false },
	{ "u32", 4, false },		  { "__u32", 4, false },
	{ "uint32_t", 4, false },	  { "s32", 4, true },
	{ "__s32", 4, true },		  { "int32_t", 4, true },
	{ "__le32", 4, false },		  { "__be32", 4, false },
	{ "pid_t", 4, true },		  { "uid_t", 4, false },
	{ "gid_t", 4, false },		  { "clockid_t", 4, true },
	{ "key_t", 4, true },		  { "key_serial_t", 4, true },
	{ "mqd_t", 4, true },		  { "qid_t", 4, false },
	{ "timer_t", 4, true },		  { "rwf_t", 4, true },
	{ "dev_t", 4, false },		  { "gfp_t", 4, false },
	{ "u64", 8, false },		  { "__u64", 8, false },
	{ "uint64_t", 8, false },	  { "s64", 8, true },
	{ "__s64", 8, true },		  { "int64_t", 8, true },
	{ "__le64", 8, false },		  { "__be64", 8, false },
	{ "long long", 8, true },	  { "unsigned long long", 8, false },
	{ "loff_t", 8, true },		  { "sector_t", 8, false },
	{ "long", SIZE_OF_LONG, true },	  { "unsigned long", SIZE_OF_LONG, false },
	{ "long int", SIZE_OF_LONG, true }, { "unsigned long int", SIZE_OF_LONG, false },
	{ "size_t", SIZE_OF_LONG, false }, { "ssize_t", SIZE_OF_LONG, true },
	{ "off_t", SIZE_OF_LONG, true },  { "cpumask_t", SIZE_OF_LONG, false },
	{ "uintptr_t", SIZE_OF_LONG, false },
};

static void trim(struct span *s)
{
	while (s->at < s->end && g_ascii_isspace(*s->at))
		s->at++;
	while (s->end > s->at && g_ascii_isspace(s->end[-1]))
		s->end--;
}

static bool span_is(const struct span *s, const char *word)
{
	return (size_t)(s->end - s->at) == strlen(word) &&
	       !memcmp(s->at, word, s->end - s->at);
}

static bool span_ends(const struct span *s, char c)
{
	return s->end > s->at && s->end[-1] == c;
}

static const struct c_type *find_c_type(struct span type)
{
	while (take_prefix(&type, "const ") || take_prefix(&type, "volatile "))
		trim(&type);
	for (size_t i = 0; i < G_N_ELEMENTS(c_types); i++)
		if (span_is(&type, c_types[i].name))
			return &c_types[i];
	return span_is(&type, "enum") || take_prefix(&type, "enum ") ? find_c_type(
		(struct span){ "int", &"int"[3] }) : NULL;
}

/* One "field:" line, as far as the text itself goes. */
struct field_line {
	struct span type;
	struct span name;
	bool is_array;
	bool is_dynamic;	/* __data_loc, __rel_loc */
	bool is_relative;
	uint32_t count;		/* in the brackets, 0 if nothing or no number */
	uint32_t offset;
	uint32_t size;
	bool is_signed;
};

/* "char comm[16]", "__data_loc char[] name", "const char * fmt", ... */
static bool parse_declaration(struct span s, struct field_line *out)
{
	const char *p;

	trim(&s);
	if (take_prefix(&s, "__data_loc ")) {
		out->is_dynamic = true;
	} else if (take_prefix(&s, "__rel_loc ")) {
		out->is_dynamic = true;
		out->is_relative = true;
	}
	trim(&s);
	if (span_ends(&s, ']')) {
		for (p = s.end - 1; p > s.at && *p != '['; p--)
			;
		if (*p != '[')
			return false;
		out->is_array = true;
		if (!take_decimal(&(struct span){ p + 1, s.end - 1 }, MAX_RECORD, &out->count))
			out->count = 0;
		s.end = p;
		trim(&s);
	}
	for (p = s.end; p > s.at && (g_ascii_isalnum(p[-1]) || p[-1] == '_'); p--)
		;
	out->name = (struct span){ p, s.end };
	out->type = (struct span){ s.at, p };
	trim(&out->type);
	if (span_ends(&out->type, ']')) {
		/* The brackets of a dynamic array belong to its type. */
		for (p = out->type.end - 1; p > out->type.at && *p != '['; p--)
			;
		out->is_array = true;
		out->type.end = p;
		trim(&out->type);
	}
	return out->name.at < out->name.end;
}

static bool parse_field_line(struct span line, struct field_line *out)
{
	const char *semicolon;
	uint32_t is_signed;

	memset(out, 0, sizeof(*out));
	semicolon = memchr(line.at, ';', line.end - line.at);
	if (!semicolon || !parse_declaration((struct span){ line.at, semicolon }, out))
		return false;
	line.at = semicolon + 1;
	if (!take_number_of(&line, "offset:", &out->offset) ||
	    !take_number_of(&line, "size:", &out->size))
		return false;
	/* Old kernels do not say. */
	if (take_number_of(&line, "signed:", &is_signed))
		out->is_signed = is_signed;
	return true;
}

static bool is_number_size(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* What lies there, from the declaration. */
static void compile_field(const struct class_table *table, const struct field_line *line,
			  struct event_field *field)
{
	const struct c_type *type = find_c_type(line->type);
	bool is_pointer = span_ends(&line->type, '*');
	bool is_text = type && !strcmp(type->name, "char");
	uint32_t element = type ? type->size : 1;

	if (is_pointer || element == SIZE_OF_LONG)
		element = table->long_size;
	field->offset = line->offset;
	field->size = line->size;
	field->is_signed = line->is_signed;
	field->is_hex = field->is_pointer = is_pointer;
	field->is_relative = line->is_relative;
	field->element_size = element;
	if (line->is_dynamic) {
		/* "__data_loc cpumask_t mask" has no brackets, and is one. */
		field->is_bitmask = type && !strcmp(type->name, "cpumask_t");
		field->kind = is_text && !is_pointer ? FIELD_DYNAMIC_STRING : FIELD_DYNAMIC_NUMBERS;
		field->is_signed = type && type->is_signed && !is_text;
		field->is_hex |= !type || field->is_bitmask;
		return;
	}
	if (line->is_array && !line->size) {
		field->kind = is_text && !is_pointer ? FIELD_TAIL_STRING : FIELD_TAIL_NUMBERS;
		return;
	}
	if (line->is_array && is_text && !is_pointer) {
		field->kind = FIELD_STRING;
		return;
	}
	if (line->is_array) {
		/* The count may be a name; the size over the count is the truth. */
		if (line->count && line->size % line->count == 0 &&
		    is_number_size(line->size / line->count))
			field->element_size = line->size / line->count;
		else if (line->size % element)
			field->element_size = 1;
		field->kind = FIELD_NUMBERS;
		field->count = line->size / field->element_size;
		/* No event is that long: what there is of it will do. */
		if (field->count > MAX_COUNT)
			field->kind = FIELD_TAIL_NUMBERS;
		return;
	}
	if (!is_number_size(line->size)) {
		/* A structure: its bytes. */
		field->kind = FIELD_NUMBERS;
		field->element_size = 1;
		field->is_signed = false;
		field->is_hex = true;
		field->count = line->size;
		if (field->count > MAX_COUNT)
			field->kind = FIELD_TAIL_NUMBERS;
		return;
	}
	field->kind = FIELD_NUMBER;
	field->element_size = line->size;
}

/*
 * The kernel keeps a system call's arguments in longs, whatever they are:
 * "field:int dfd; offset:16; size:8; signed:0;". What counts is the type.
 */
static void narrow_argument(const struct class_table *table, const struct field_line *line,
			    struct event_field *field)
{
	const struct c_type *type = find_c_type(line->type);

	if (field->kind != FIELD_NUMBER || field->element_size != table->long_size || !type)
		return;
	if (type->size != SIZE_OF_LONG)
		field->element_size = type->size;
	field->is_signed = type->is_signed;
}

static struct event_field *find_field(struct event_class *class, const char *name, size_t size)
{
	for (uint32_t i = 0; i < class->field_count; i++) {
		const char *raw = class->fields[i].raw_name;

		if (strlen(raw) == size && !memcmp(raw, name, size))
			return &class->fields[i];
	}
	return NULL;
}

/* A name's value as the field holds it. Return: false if it cannot. */
static bool fit_value(const struct event_field *field, uint64_t value, uint64_t *out)
{
	unsigned int spare = 64 - field->element_size * 8;
	int64_t extended = (int64_t)(value << spare) >> spare;

	*out = field->is_signed ? (uint64_t)extended : value << spare >> spare;
	return *out == value || (uint64_t)extended == value || value << spare >> spare == value;
}

static struct enumeration *enumeration_new(struct class_table *table,
					   const struct event_field *field,
					   const struct name_table *names)
{
	struct enumeration *e = g_new0(struct enumeration, 1);

	e->is_flags = names->is_flags;
	e->mask = names->mask;
	e->entries = g_new0(struct enumeration_entry, names->labels->len + 1);
	if (names->zero && *names->zero)
		e->entries[e->count++].label = intern_label(table, names->zero);
	for (guint i = 0; i < names->labels->len; i++) {
		struct enumeration_entry *entry = &e->entries[e->count];

		if (!fit_value(field, g_array_index(names->values, uint64_t, i), &entry->value))
			continue;
		entry->label = intern_label(table, g_ptr_array_index(names->labels, i));
		if (*entry->label)
			e->count++;
	}
	return e;
}

/* Behind a table that was chosen by a field: the table for that field's other values. */
static void attach_other(struct class_table *table, struct event_field *field,
			 const struct name_choice *choice, const struct name_table *names,
			 struct event_class *class)
{
	struct event_field *chooser = find_field(class, choice->field, choice->field_size);
	struct enumeration *first = field->enumeration;

	if (!chooser || chooser->kind != FIELD_NUMBER || first->other)
		return;
	first->chooser = chooser - class->fields;
	first->chosen = choice->value;
	first->other = enumeration_new(table, field, names);
}

/* The tables of names in a print format go to the fields they are about. */
static void attach_enumerations(struct class_table *table, struct event_class *class,
				struct span format)
{
	struct name_table names = {
		.values = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
		.labels = g_ptr_array_new_with_free_func(g_free),
		.attempts = MAX_CALLS,
	};
	const char *begin = format.at, *previous_end = NULL;
	struct event_field *chosen = NULL;	/* the field of the table before, if new there */
	struct name_choice choice;

	while (name_table_next(&format.at, format.end, &names, FORMAT_MAX_LABELS)) {
		struct event_field *field = find_field(class, names.field, names.field_size);

		if (field && field == chosen && name_choice_else(previous_end, names.begin))
			attach_other(table, field, &choice, &names, class);
		chosen = NULL;
		previous_end = format.at;
		if (field && field->kind == FIELD_NUMBER && !field->enumeration) {
			field->enumeration = enumeration_new(table, field, &names);
			field->is_hex |= names.is_flags;
			if (name_choice_before(begin, names.begin, &choice))
				chosen = field;
		}
		g_free(names.zero);
	}
	g_array_unref(names.values);
	g_ptr_array_unref(names.labels);
}

/* Behind the end of a C string that begins at @at. */
static const char *string_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		if (*at == '\\' && at + 1 < end)
			at++;
	return at < end ? at + 1 : end;
}

/* Behind the argument of a call that begins at @at, at its ',' or the end. */
static const char *argument_end(const char *at, const char *end)
{
	int depth = 0;

	while (at < end) {
		if (*at == '"') {
			at = string_end(at, end);
			continue;
		}
		if (*at == '(' || *at == '{')
			depth++;
		else if (*at == ')' || *at == '}')
			depth--;
		else if (*at == ',' && !depth)
			break;
		at++;
	}
	return at;
}

/*
 * "%ps" and its like in the format mean an address in the kernel's code, "%x"
 * and "%p" that the number is best shown in hexadecimal. The conversions and
 * the arguments go side by side.
 */
static void attach_conversions(struct event_class *class, struct span format)
{
	const char *p = format.at, *argument;

	trim(&format);
	/* Those of system calls print everything in hexadecimal. */
	if (format.at == format.end || *format.at != '"' || !strcmp(class->system, "syscalls"))
		return;
	/* Adjacent strings are one. */
	for (argument = format.at; argument < format.end && *argument != ','; argument++)
		if (*argument == '"')
			argument = string_end(argument, format.end) - 1;
	for (p = format.at; p < argument && argument < format.end; p++) {
		struct event_field *field = NULL;
		const char *end, *rec;
		bool is_pointer, is_symbol, is_hex, is_text;

		if (*p != '%')
			continue;
		if (p + 1 < argument && p[1] == '%') {
			p++;
			continue;
		}
		for (p++; p < argument && !strchr("diouxXpscn\"", *p); p++)
			;
		if (p >= argument)
			break;
		is_pointer = *p == 'p';
		is_symbol = is_pointer && p + 1 < argument && strchr("sSfFB", p[1]);
		is_hex = is_pointer || *p == 'x' || *p == 'X';
		/* A text that the kernel knows by its address: printk_formats. */
		is_text = *p == 's';
		end = argument_end(argument + 1, format.end);
		rec = memmem(argument, end - argument, "REC->", 5);
		if (rec && (is_hex || is_text)) {
			const char *name = rec + 5;

			for (rec = name; rec < end && (g_ascii_isalnum(*rec) || *rec == '_'); rec++)
				;
			field = find_field(class, name, rec - name);
		}
		if (field && is_text && field->kind == FIELD_NUMBER && field->is_pointer)
			field->is_symbol = true;
		if (field && is_hex && field->kind != FIELD_STRING) {
			field->is_hex = true;
			field->is_symbol |= is_symbol && field->element_size >= 4;
		}
		argument = end;
	}
}

static void set_role(struct event_class *class)
{
	static const struct {
		const char *system, *name;
		enum event_role role;
	} roles[] = {
		{ "ftrace", "bprint", EVENT_BPRINT },
		{ "ftrace", "bputs", EVENT_BPUTS },
		{ "ftrace", "kernel_stack", EVENT_STACK },
		{ "ftrace", "user_stack", EVENT_STACK },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(roles); i++)
		if (!strcmp(class->system, roles[i].system) &&
		    !strcmp(class->raw_name, roles[i].name))
			class->role = roles[i].role;
}

/* Which fields of the scheduler's events name which task. */
static void find_task_names(struct event_class *class)
{
	static const char *const pairs[][2] = {
		{ "pid", "comm" },	      { "pid", "newcomm" },
		{ "next_pid", "next_comm" },  { "prev_pid", "prev_comm" },
		{ "child_pid", "child_comm" }, { "parent_pid", "parent_comm" },
	};

	if (strcmp(class->system, "sched") && strcmp(class->system, "task"))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		struct event_field *pid = find_field(class, pairs[i][0], strlen(pairs[i][0]));
		struct event_field *comm = find_field(class, pairs[i][1], strlen(pairs[i][1]));

		if (!pid || !comm || pid->kind != FIELD_NUMBER ||
		    (comm->kind != FIELD_STRING && comm->kind != FIELD_DYNAMIC_STRING) ||
		    class->name_count == G_N_ELEMENTS(class->names))
			continue;
		class->names[class->name_count].pid = pid - class->fields;
		class->names[class->name_count++].comm = comm - class->fields;
	}
}

/*
 * ftrace's own events: their print formats do not always say which numbers are
 * addresses, and a stack's size in the format is only its usual one.
 */
static void fix_ftrace_fields(struct event_class *class)
{
	static const char *const code[] = { "ip", "parent_ip", "func", "caller", "retaddr" };

	if (strcmp(class->system, "ftrace"))
		return;
	for (uint32_t i = 0; i < class->field_count; i++) {
		struct event_field *field = &class->fields[i];

		for (size_t j = 0; j < G_N_ELEMENTS(code); j++)
			if (!strcmp(field->raw_name, code[j]) && field->kind != FIELD_STRING)
				field->is_hex = field->is_symbol = true;
		if (class->role == EVENT_STACK && field->kind == FIELD_NUMBERS)
			field->kind = FIELD_TAIL_NUMBERS;
	}
	/* User addresses have no names here. */
	if (!strcmp(class->raw_name, "user_stack"))
		for (uint32_t i = 0; i < class->field_count; i++)
			class->fields[i].is_symbol = false;
}

static void add_common_field(struct event_class *class, const struct field_line *line)
{
	if (span_is(&line->name, "common_pid") && line->size == 4)
		class->pid_offset = line->offset;
	else if (span_is(&line->name, "common_flags") && line->size == 1)
		class->flags_offset = line->offset;
	else if (span_is(&line->name, "common_preempt_count") && line->size == 1)
		class->preempt_offset = line->offset;
}

static bool is_tail(const struct event_field *field)
{
	return field->kind == FIELD_TAIL_NUMBERS || field->kind == FIELD_TAIL_STRING;
}

static bool has_tail(const struct event_class *class)
{
	for (uint32_t i = 0; i < class->field_count; i++)
		if (is_tail(&class->fields[i]))
			return true;
	return false;
}

static void add_field(struct class_table *table, struct event_class *class,
		      const struct field_line *line)
{
	struct event_field *field = &class->fields[class->field_count];

	memset(field, 0, sizeof(*field));
	field->raw_name = intern_name(table, line->name.at, line->name.end - line->name.at);
	/* Two members of a structure cannot share a name. */
	if (find_field(class, field->raw_name, strlen(field->raw_name)))
		return;
	field->name = field->raw_name;
	compile_field(table, line, field);
	/* Only one field can be what is left of the event. */
	if (is_tail(field) && has_tail(class))
		return;
	if (!strcmp(class->system, "syscalls"))
		narrow_argument(table, line, field);
	if (table->naming == NAMING_LTTNG) {
		field->name = lttng_field_name(class->system, field->raw_name);
		field->is_hidden = lttng_field_is_hidden(class->system, field->raw_name);
	}
	class->field_count++;
}

/* The lines up to the print format. Return: false if it is no event format. */
static bool parse_lines(struct class_table *table, struct event_class *class, struct span *text)
{
	bool has_name = false, has_id = false;
	struct span line;
	uint32_t id;

	while (next_line(text, &line)) {
		struct field_line field;

		if (!has_name && take_prefix(&line, "name:")) {
			trim(&line);
			class->raw_name = intern_name(table, line.at, line.end - line.at);
			has_name = line.at < line.end;
		} else if (take_prefix(&line, "ID:")) {
			if (!take_decimal(&line, MAX_ID, &id))
				return false;
			class->id = id;
			has_id = true;
		} else if (take_prefix(&line, "field:")) {
			if (!parse_field_line(line, &field))
				return false;
			if (field.name.end - field.name.at > 7 &&
			    !memcmp(field.name.at, "common_", 7))
				add_common_field(class, &field);
			else if (class->field_count < FORMAT_MAX_FIELDS)
				add_field(table, class, &field);
		} else if (take_prefix(&line, "print fmt:")) {
			text->at = line.at;
			break;
		}
	}
	return has_name && has_id;
}

/* A format comes anew with each reader that attaches. */
static struct event_class *known_format(struct class_table *table, const char *system,
					const char *text, size_t text_size)
{
	GBytes *key = g_bytes_new_static(text, text_size);
	struct event_class *class = g_hash_table_lookup(table->texts, key);

	g_bytes_unref(key);
	if (!class || strcmp(class->system, system))
		return NULL;
	class_table_set(table, class);
	return class;
}

struct event_class *class_table_add_format(struct class_table *table, const char *system,
					   size_t system_size, const char *text,
					   size_t text_size)
{
	const char *name = intern_name(table, system, system_size);
	struct event_class *class = known_format(table, name, text, text_size);
	struct span rest = { text, text + MIN(text_size, FORMAT_MAX_TEXT) };
	char buffer[MAX_NAME + 32];

	if (class)
		return class;
	class = g_new0(struct event_class, 1);
	class->pid_offset = class->flags_offset = class->preempt_offset = -1;
	class->system = name;
	class->fields = g_new0(struct event_field, FORMAT_MAX_FIELDS);
	if (!parse_lines(table, class, &rest)) {
		event_class_free(class);
		return NULL;
	}
	class->fields = g_renew(struct event_field, class->fields, MAX(class->field_count, 1));
	attach_enumerations(table, class, rest);
	attach_conversions(class, rest);
	set_role(class);
	fix_ftrace_fields(class);
	find_task_names(class);
	class->name = class->raw_name;
	if (table->naming == NAMING_LTTNG)
		class->name = g_string_chunk_insert_const(
			table->strings, lttng_event_name(class->system, class->raw_name, buffer,
							 sizeof(buffer)));
	class->index = table->classes->len;
	g_ptr_array_add(table->classes, class);
	class_table_set(table, class);
	g_hash_table_replace(table->texts, g_bytes_new_static(text, text_size), class);
	return class;
}
