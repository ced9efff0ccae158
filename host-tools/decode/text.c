// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers are written backwards into the room that was made for them; strings
 * are copied up to the next character that needs an escape.
 */
#include "text.h"

#include <ctype.h>
#include <string.h>

#include "guest.h"
#include "symbols.h"

#define INITIAL_SIZE	(1 << 17)
#define CUT		"..."
#define NUMBER_ROOM	24	/* bytes that any number fits in */
/*
 * Columns that a printk's width or precision fills. A kernel takes widths of millions, and
 * cuts the line after a few KB; none asks for more than the digits of a number and some room.
 */
#define MAX_PADDING	64

void text_init(struct text *text)
{
	text->data = g_malloc(INITIAL_SIZE);
	text->size = INITIAL_SIZE;
	text->used = 0;
}

void text_fini(struct text *text)
{
	g_free(text->data);
	text->data = NULL;
}

/* Room for @size more bytes. */
static inline char *text_room(struct text *text, size_t size)
{
	if (G_UNLIKELY(text->size - text->used < size)) {
		text->size = MAX(text->size * 2, text->used + size);
		text->data = g_realloc(text->data, text->size);
	}
	return text->data + text->used;
}

void text_bytes(struct text *text, const char *bytes, size_t size)
{
	memcpy(text_room(text, size), bytes, size);
	text->used += size;
}

void text_string(struct text *text, const char *string)
{
	text_bytes(text, string, strlen(string));
}

void text_cut(struct text *text, size_t most)
{
	if (G_LIKELY(text->used <= most))
		return;
	text->used = most - strlen(CUT);
	text_string(text, CUT);
}

static const char digit_pairs[] =
	"00010203040506070809101112131415161718192021222324"
	"25262728293031323334353637383940414243444546474849"
	"50515253545556575859606162636465666768697071727374"
	"75767778798081828384858687888990919293949596979899";

void text_unsigned(struct text *text, uint64_t value)
{
	char digits[NUMBER_ROOM], *p = digits + sizeof(digits);

	while (value >= 100) {
		p -= 2;
		memcpy(p, digit_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		p -= 2;
		memcpy(p, digit_pairs + value * 2, 2);
	} else {
		*--p = '0' + value;
	}
	text_bytes(text, p, digits + sizeof(digits) - p);
}

void text_signed(struct text *text, int64_t value)
{
	if (value < 0)
		text_bytes(text, "-", 1);
	text_unsigned(text, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void text_padded(struct text *text, uint64_t value, unsigned int width)
{
	char *p = text_room(text, NUMBER_ROOM);
	uint64_t rest = value;

	for (unsigned int i = width; i-- > 0; rest /= 10)
		p[i] = '0' + rest % 10;
	if (rest)
		text_unsigned(text, value);
	else
		text->used += width;
}

void text_seconds(struct text *text, uint64_t ns)
{
	text_unsigned(text, ns / 1000000000);
	text_bytes(text, ".", 1);
	text_padded(text, ns % 1000000000, 9);
}

static void text_hex_digits(struct text *text, uint64_t value, const char *digits)
{
	char buffer[NUMBER_ROOM], *p = buffer + sizeof(buffer);

	do {
		*--p = digits[value & 15];
		value >>= 4;
	} while (value);
	*--p = 'x';
	*--p = '0';
	text_bytes(text, p, buffer + sizeof(buffer) - p);
}

static const char upper[] = "0123456789ABCDEF";
static const char lower[] = "0123456789abcdef";

void text_hex(struct text *text, uint64_t value)
{
	text_hex_digits(text, value, upper);
}

static void text_number(struct text *text, const struct event_field *field, uint64_t value)
{
	if (field->is_hex) {
		if (field->element_size < 8)
			value &= (1ULL << field->element_size * 8) - 1;
		text_hex(text, value);
	} else if (field->is_signed) {
		text_signed(text, value);
	} else {
		text_unsigned(text, value);
	}
}

/* The escape of a character, or NULL if it stands for itself. */
static const char *escape_of(char c)
{
	switch (c) {
	case '\\':
		return "\\\\";
	case '\'':
		return "\\\'";
	case '"':
		return "\\\"";
	case '?':
		return "\\?";
	case '\a':
		return "\\a";
	case '\b':
		return "\\b";
	case '\033':
		return "\\e";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	case '\v':
		return "\\v";
	default:
		return NULL;
	}
}

/* Bytes above 127 are part of UTF-8. */
static bool stands_for_itself(unsigned char c)
{
	return c >= ' ' && c != '\\' && c != '\'' && c != '"' && c != '?' && c != 127;
}

void text_quoted(struct text *text, const char *string, size_t size)
{
	text_bytes(text, "\"", 1);
	for (size_t i = 0, begin = 0; i <= size; i++) {
		const char *escape;
		char hex[4];

		if (i < size && stands_for_itself(string[i]))
			continue;
		text_bytes(text, string + begin, i - begin);
		begin = i + 1;
		if (i == size)
			break;
		escape = escape_of(string[i]);
		if (escape) {
			text_string(text, escape);
			continue;
		}
		hex[0] = '\\';
		hex[1] = 'x';
		hex[2] = lower[(string[i] >> 4) & 15];
		hex[3] = lower[string[i] & 15];
		text_bytes(text, hex, sizeof(hex));
	}
	text_bytes(text, "\"", 1);
}

static void text_label(struct text *text, const char *label, bool *is_first)
{
	if (!*is_first)
		text_bytes(text, ", ", 2);
	*is_first = false;
	text_quoted(text, label, strlen(label));
}

/* The names that hold in this event. */
static const struct enumeration *enumeration_of(const struct event_field *field,
						const struct decoder_item *item)
{
	const struct enumeration *e = field->enumeration;
	const struct event_field *chooser = &item->class->fields[e->chooser];

	if (!e->other || field_number(chooser, item->data, item->size) == e->chosen)
		return e;
	return e->other;
}

/* ( "NAME" : container = 1 ), with all names of a set of flags. */
static void text_enumeration(struct text *text, const struct decoder_item *item,
			     const struct event_field *field, uint64_t value)
{
	const struct enumeration *e = enumeration_of(field, item);
	uint64_t left = value & e->mask;
	bool is_first = true;

	text_bytes(text, "( ", 2);
	for (uint32_t i = 0; i < e->count; i++) {
		uint64_t entry = e->entries[i].value;

		/* A value without names has the name of 0, if there is one. */
		if (e->is_flags && entry ? (left & entry) == entry : left == entry) {
			text_label(text, e->entries[i].label, &is_first);
			left &= ~entry;
			if (!left)
				break;
		}
	}
	if (is_first)
		text_string(text, "<unknown>");
	text_string(text, " : container = ");
	text_number(text, field, value);
	text_bytes(text, " )", 2);
}

/* No further ones once @most bytes of @text are used. */
static void text_numbers(struct text *text, const struct decoder_item *item,
			 const struct event_field *field, size_t most)
{
	uint32_t there, count;
	const uint8_t *numbers = field_numbers(field, item->data, item->size, &there);

	/* Of a fixed number, those that the event is too short for are 0. */
	count = field->kind == FIELD_NUMBERS ? field->count : there;
	text_bytes(text, "[", 1);
	for (uint32_t i = 0; i < count && text->used <= most; i++) {
		text_bytes(text, i ? ", [" : " [", i ? 3 : 2);
		text_unsigned(text, i);
		text_bytes(text, "] = ", 4);
		text_number(text, field, i < there ? number_at(field, numbers, i) : 0);
	}
	text_bytes(text, " ]", 2);
}

void text_symbol(struct text *text, const struct decoder_guest *guest, uint64_t address)
{
	uint64_t offset;
	size_t length;
	const char *name;

	if (!guest)
		return;
	name = printk_formats_find(guest->formats, address);
	if (name) {
		text_string(text, name);
		return;
	}
	name = symbols_find(guest->symbols, address, &length, &offset);
	if (!name)
		return;
	text_bytes(text, name, length);
	text_bytes(text, "+", 1);
	text_hex_digits(text, offset, lower);
}

void text_symbols(struct text *text, const struct decoder_item *item,
		  const struct event_field *field)
{
	const struct decoder_guest *guest = item->stream->guest;
	size_t most = text->used + TEXT_MAX_MADE;
	const uint8_t *numbers;
	uint32_t count;

	if (field->kind == FIELD_NUMBER) {
		text_symbol(text, guest, field_number(field, item->data, item->size));
		text_cut(text, most);
		return;
	}
	numbers = field_numbers(field, item->data, item->size, &count);
	for (uint32_t i = 0; i < count && text->used <= most; i++) {
		if (i)
			text_bytes(text, " ", 1);
		text_symbol(text, guest, number_at(field, numbers, i));
	}
	text_cut(text, most);
}

/* The arguments of a binary printk, one after the other. */
struct arguments {
	const uint8_t *data;
	uint32_t size;
	uint32_t next;
};

static uint64_t take_argument(struct arguments *args, unsigned int size, bool is_signed)
{
	const uint8_t *at;

	args->next = (args->next + 3) & ~3U;
	if (args->next > args->size || args->size - args->next < size) {
		args->next = args->size;
		return 0;
	}
	at = args->data + args->next;
	args->next += size;
	return is_signed ? (uint64_t)get_signed(at, size) : get_unsigned(at, size);
}

static const char *take_argument_text(struct arguments *args, uint32_t *length)
{
	const char *at = (const char *)args->data + MIN(args->next, args->size);

	*length = strnlen(at, args->size - MIN(args->next, args->size));
	args->next = MIN(args->next, args->size) + *length + 1;
	return at;
}

/* The columns that a width or precision asks for; @p is moved behind it. */
static int take_columns(const char **p, const char *end)
{
	int columns = 0;

	for (; *p < end && g_ascii_isdigit(**p); (*p)++)
		columns = MIN(columns * 10 + (**p - '0'), MAX_PADDING);
	return columns;
}

/* A number by the flags, width and precision that the format has: [@p, @end). */
static void text_converted(struct text *text, const char *p, const char *end, char conversion,
			   uint64_t value)
{
	static const char flags[] = "-+ #0";
	char spec[16] = "%", out[MAX_PADDING + NUMBER_ROOM];
	int width, precision = -1;
	const char *digits = p;
	size_t size = 1;

	for (; digits < end && strchr(flags, *digits); digits++)
		;
	/* each once, however often it is there */
	for (const char *flag = flags; *flag; flag++)
		if (memchr(p, *flag, digits - p))
			spec[size++] = *flag;
	memcpy(spec + size, "*.*ll", 5);
	spec[size + 5] = conversion;
	width = take_columns(&digits, end);
	if (digits < end && *digits == '.') {
		digits++;
		precision = take_columns(&digits, end);
	}
	/* Nothing of the guest got into the format but flags. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	g_snprintf(out, sizeof(out), spec, width, precision, (long long)value);
#pragma GCC diagnostic pop
	text_string(text, out);
}

/* One conversion; @p is behind its '%'. Return: behind it. */
static const char *text_conversion(struct text *text, const struct decoder_item *item,
				   const char *p, struct arguments *args)
{
	unsigned int long_size = item->stream->guest->long_size, size = 4;
	const char *begin = p, *end, *at;
	uint32_t length;
	uint64_t value;

	for (; *p && strchr("-+ #0123456789.", *p); p++)
		;
	end = p;
	/* A width or precision that is an argument is taken, and not applied. */
	for (; *p && strchr("-+ #0123456789.*", *p); p++)
		if (*p == '*')
			take_argument(args, 4, true);
	for (; *p && strchr("hlLzjtq", *p); p++)
		if (*p != 'h')
			size = *p == 'L' || *p == 'q' || size == long_size ? 8 : long_size;
	switch (*p) {
	case 'd':
	case 'i':
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		value = take_argument(args, size, *p == 'd' || *p == 'i');
		text_converted(text, begin, end, *p, value);
		break;
	case 'c':
		value = take_argument(args, 4, false);
		text_bytes(text, &(char){ value }, 1);
		break;
	case 's':
		at = take_argument_text(args, &length);
		text_bytes(text, at, length);
		break;
	case 'p':
		value = take_argument(args, long_size, false);
		if (p[1] && strchr("sSfFB", p[1]))
			text_symbol(text, item->stream->guest, value);
		else
			text_hex_digits(text, value, lower);
		while (g_ascii_isalnum(p[1]))
			p++;
		break;
	case '%':
		text_bytes(text, "%", 1);
		break;
	case 0:
		return p;
	default:
		break;
	}
	return p + 1;
}

static const struct event_field *raw_field(const struct event_class *class, const char *name)
{
	for (uint32_t i = 0; i < class->field_count; i++)
		if (!strcmp(class->fields[i].raw_name, name))
			return &class->fields[i];
	return NULL;
}

void text_message(struct text *text, const struct decoder_item *item)
{
	bool is_bprint = item->class->role == EVENT_BPRINT;
	const struct event_field *pointer = raw_field(item->class, is_bprint ? "fmt" : "str");
	const struct event_field *buf = raw_field(item->class, "buf");
	size_t most = text->used + TEXT_MAX_MADE;
	struct arguments args = { 0 };
	const char *format;

	if (!pointer || pointer->kind != FIELD_NUMBER)
		return;
	format = printk_formats_find(item->stream->guest->formats,
				     field_number(pointer, item->data, item->size));
	if (!format)
		return;
	if (!is_bprint) {
		text_string(text, format);
		text_cut(text, most);
		return;
	}
	if (buf && buf->kind != FIELD_NUMBER)
		args.data = field_bytes(buf, item->data, item->size, &args.size);
	for (const char *p = format; *p && text->used <= most;) {
		size_t plain = strcspn(p, "%");

		text_bytes(text, p, plain);
		p += plain;
		if (*p)
			p = text_conversion(text, item, p + 1, &args);
	}
	text_cut(text, most);
}

static void text_name(struct text *text, const struct event_field *field, bool is_first,
		      const char *prefix, const char *suffix)
{
	text_bytes(text, ", ", is_first ? 0 : 2);
	text_string(text, prefix);
	text_string(text, field->name);
	text_string(text, suffix);
	text_bytes(text, " = ", 3);
}

/* Text made by another function, put in quotes, and escaped where it must be. */
static void text_quote_from(struct text *text, size_t begin)
{
	size_t size = text->used - begin, plain;
	char *copy;

	for (plain = begin; plain < text->used && stands_for_itself(text->data[plain]); plain++)
		;
	if (plain == text->used) {
		text_room(text, 2);
		memmove(text->data + begin + 1, text->data + begin, size);
		text->data[begin] = '"';
		text->data[text->used + 1] = '"';
		text->used += 2;
		return;
	}
	copy = g_memdup2(text->data + begin, size);
	text->used = begin;
	text_quoted(text, copy, size);
	g_free(copy);
}

static void text_field(struct text *text, const struct decoder_item *item,
		       const struct event_field *field, bool is_first, size_t most)
{
	const char *string;
	uint64_t value;
	uint32_t length;
	size_t begin;

	switch (field->kind) {
	case FIELD_NUMBER:
		text_name(text, field, is_first, "", "");
		value = field_number(field, item->data, item->size);
		if (field->enumeration)
			text_enumeration(text, item, field, value);
		else
			text_number(text, field, value);
		break;
	case FIELD_STRING:
	case FIELD_DYNAMIC_STRING:
	case FIELD_TAIL_STRING:
		text_name(text, field, is_first, "", "");
		string = field_text(field, item->data, item->size, &length);
		text_quoted(text, string, length);
		break;
	case FIELD_DYNAMIC_NUMBERS:
	case FIELD_TAIL_NUMBERS:
		text_name(text, field, is_first, "_", "_length");
		field_numbers(field, item->data, item->size, &length);
		text_unsigned(text, length);
		text_name(text, field, false, "", "");
		text_numbers(text, item, field, most);
		break;
	case FIELD_NUMBERS:
		text_name(text, field, is_first, "", "");
		text_numbers(text, item, field, most);
		break;
	}
	if (field->is_symbol) {
		text_name(text, field, false, "", "_symbol");
		begin = text->used;
		text_symbols(text, item, field);
		text_quote_from(text, begin);
	}
}

void text_fields(struct text *text, const struct decoder_item *item)
{
	const struct event_class *class = item->class;
	size_t most = text->used + TEXT_MAX_EVENT;
	bool is_first = true;

	text_bytes(text, "{ ", 2);
	for (uint32_t i = 0; i < class->field_count && text->used <= most; i++) {
		if (class->fields[i].is_hidden)
			continue;
		text_field(text, item, &class->fields[i], is_first, most);
		is_first = false;
	}
	if (class_has_message(class)) {
		size_t begin;

		text_string(text, is_first ? "message = " : ", message = ");
		begin = text->used;
		text_message(text, item);
		text_quote_from(text, begin);
		is_first = false;
	}
	text_string(text, is_first ? "}" : " }");
	text_cut(text, most);
}
