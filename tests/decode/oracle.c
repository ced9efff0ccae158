// SPDX-License-Identifier: GPL-2.0-only
/*
 * oracle RECORDING: decode every event with libtraceevent too, and compare.
 *
 * libtraceevent parses the same format texts; each of its fields must be one of
 * the decoder's, and have the same value in every event. Prints TAP. Works only
 * on recordings of guests that mean no harm: libtraceevent is not made for others.
 */
#include "../host/tap.h"

#include <inttypes.h>
#include <string.h>
#include <traceevent/event-parse.h>

#include "decode/decoder.h"

static struct {
	uint64_t formats, fields, labels, events, values;
	uint64_t bad_fields, bad_labels, bad_values;
} count;

static const struct event_field *find(const struct event_class *class, const char *name)
{
	for (uint32_t i = 0; i < class->field_count; i++)
		if (!strcmp(class->fields[i].raw_name, name))
			return &class->fields[i];
	return NULL;
}

static void complain(const struct event_class *class, const char *field, const char *what)
{
	printf("# %s:%s %s: %s\n", class->system, class->raw_name, field, what);
}

/* The same place, and the same kind of thing in it. */
static void compare_field(const struct event_class *class, const struct tep_format_field *theirs)
{
	const struct event_field *ours = find(class, theirs->name);
	bool is_string = ours && (ours->kind == FIELD_STRING || ours->kind == FIELD_DYNAMIC_STRING ||
				  ours->kind == FIELD_TAIL_STRING);
	bool is_dynamic = ours && (ours->kind == FIELD_DYNAMIC_STRING ||
				   ours->kind == FIELD_DYNAMIC_NUMBERS);

	count.fields++;
	if (ours && ours->offset == (uint32_t)theirs->offset &&
	    ours->size == (uint32_t)theirs->size &&
	    is_dynamic == !!(theirs->flags & TEP_FIELD_IS_DYNAMIC) &&
	    (!is_string || theirs->flags & TEP_FIELD_IS_STRING) &&
	    (ours->kind != FIELD_NUMBER || !strcmp(class->system, "syscalls") ||
	     ours->is_signed == !!(theirs->flags & TEP_FIELD_IS_SIGNED)))
		return;
	complain(class, theirs->name, ours ? "differs" : "is missing");
	count.bad_fields++;
}

/* A name in a sum counts as 0 for libtraceevent: then values repeat in a table. */
static bool has_twice(const struct tep_print_flag_sym *symbols, const char *value)
{
	unsigned int times = 0;

	for (; symbols; symbols = symbols->next)
		times += !strcmp(symbols->value, value);
	return times > 1;
}

static bool has_label(const struct enumeration *e, const struct tep_print_flag_sym *theirs)
{
	uint64_t value = strtoull(theirs->value, NULL, 0);

	for (uint32_t i = 0; i < e->count; i++)
		if (!strcmp(e->entries[i].label, theirs->str) &&
		    (e->entries[i].value == value || (uint32_t)e->entries[i].value == (uint32_t)value))
			return true;
	return false;
}

/* Tables that libtraceevent found over a plain field. */
static void compare_labels(const struct event_class *class, const struct tep_print_arg *arg,
			   GHashTable *seen)
{
	const struct tep_print_flag_sym *symbols = NULL, *table;
	const struct tep_print_arg *over = NULL;
	const struct event_field *field;
	bool is_flags;

	for (; arg; arg = arg->next) {
		is_flags = arg->type == TEP_PRINT_FLAGS;
		if (arg->type == TEP_PRINT_OP) {
			compare_labels(class, arg->op.left, seen);
			compare_labels(class, arg->op.right, seen);
			continue;
		}
		if (arg->type == TEP_PRINT_SYMBOL) {
			over = arg->symbol.field;
			symbols = arg->symbol.symbols;
		} else if (arg->type == TEP_PRINT_FLAGS) {
			over = arg->flags.field;
			symbols = arg->flags.flags;
		} else {
			continue;
		}
		field = over && over->type == TEP_PRINT_FIELD ? find(class, over->field.name) : NULL;
		/* Of two tables over one field the first one counts. */
		if (!field || !g_hash_table_add(seen, (void *)field->raw_name))
			continue;
		for (table = symbols; symbols; symbols = symbols->next) {
			/* Left aside are sums, and names that only the kernel knows. */
			if (strspn(symbols->value, "0123456789abcdefx") != strlen(symbols->value) ||
			    !symbols->str[0] || (is_flags && !strcmp(symbols->value, "0")) ||
			    has_twice(table, symbols->value))
				continue;
			count.labels++;
			if (field->enumeration && has_label(field->enumeration, symbols))
				continue;
			complain(class, field->raw_name, symbols->str);
			count.bad_labels++;
		}
	}
}

static void compare_formats(struct tep_handle *tep, const struct recording_generation *generation,
			    const struct class_table *table)
{
	struct recording_records it;
	struct meta_record record;

	recording_records_init(&it, generation->metadata);
	while (recording_next_meta(&it, &record)) {
		const char *system = record.payload;
		size_t skip;
		struct tep_event *event;
		g_autofree char *text = NULL;

		if (record.type != VHT_META_FORMAT)
			continue;
		skip = strlen(system) + 1;
		text = g_strndup(system + skip, record.size - skip);
		tep_parse_event(tep, text, strlen(text), system);
		event = tep_find_event_by_name(tep, system, strstr(text, "name: ") ?
					       strtok(strstr(text, "name: ") + 6, "\n") : "");
		if (!event)
			continue;
		count.formats++;
		for (uint32_t i = 0; i < class_table_count(table); i++) {
			const struct event_class *class = class_table_at(table, i);
			GHashTable *seen;

			if (class->id != event->id)
				continue;
			for (struct tep_format_field *f = event->format.fields; f; f = f->next)
				compare_field(class, f);
			seen = g_hash_table_new(g_str_hash, g_str_equal);
			compare_labels(class, event->print_fmt.args, seen);
			g_hash_table_unref(seen);
		}
	}
}

/* One field of one event. */
static bool is_same_value(const struct event_class *class, const struct event_field *ours,
			  const struct tep_format_field *theirs, const struct decoder_item *item)
{
	unsigned long long value;
	uint32_t size, begin, length;
	const uint8_t *bytes;

	if (ours->kind == FIELD_NUMBER) {
		uint64_t got = field_number(ours, item->data, item->size);

		if (tep_read_number_field((struct tep_format_field *)theirs, item->data, &value))
			return false;
		/* A system call's argument is read in the size of its type. */
		if (!strcmp(class->system, "syscalls") || theirs->size < 8)
			return ours->element_size == 8 ? got == value :
			       (got ^ value) << (64 - 8 * ours->element_size) == 0;
		return got == value;
	}
	bytes = field_bytes(ours, item->data, item->size, &size);
	begin = theirs->offset;
	length = theirs->size;
	if (theirs->flags & TEP_FIELD_IS_DYNAMIC) {
		tep_read_number_field((struct tep_format_field *)theirs, item->data, &value);
		begin = value & 0xffff;
		length = (uint32_t)value >> 16;
		if (theirs->flags & TEP_FIELD_IS_RELATIVE)
			begin += theirs->offset + theirs->size;
	}
	if (ours->kind == FIELD_TAIL_NUMBERS || ours->kind == FIELD_TAIL_STRING)
		length = item->size - begin;
	return !size || (bytes == item->data + begin && size == MIN(length, item->size - begin));
}

static void compare_event(struct tep_handle *tep, const struct decoder_item *item)
{
	struct tep_event *event = tep_find_event(tep, item->class->id);

	count.events++;
	if (!event) {
		complain(item->class, "", "libtraceevent has no such event");
		count.bad_values++;
		return;
	}
	for (struct tep_format_field *f = event->format.fields; f; f = f->next) {
		const struct event_field *ours = find(item->class, f->name);

		count.values++;
		if (ours && is_same_value(item->class, ours, f, item))
			continue;
		complain(item->class, f->name, "another value");
		count.bad_values++;
	}
}

int main(int argc, char **argv)
{
	struct tep_handle *tep = tep_alloc();
	struct decoder_item item;
	struct decoder *decoder;
	GError *error = NULL;

	assert(argc == 2 && tep);
	tep_set_long_size(tep, 8);
	tep_set_page_size(tep, 4096);
	tep_set_file_bigendian(tep, TEP_LITTLE_ENDIAN);
	tep_set_local_bigendian(tep, TEP_LITTLE_ENDIAN);
	decoder = decoder_open(argv[1], NULL, &error);
	if (!decoder)
		printf("# %s\n", error->message);
	assert(decoder);
	for (uint32_t i = 0; i < decoder_stream_count(decoder); i++) {
		const struct decoder_stream *stream = decoder_stream_at(decoder, i);

		if (stream->guest) {
			compare_formats(tep, g_ptr_array_index(stream->vm->generations, 0),
					stream->guest->classes);
			break;
		}
	}
	while (decoder_next(decoder, &item))
		if (item.kind == DECODER_EVENT && item.stream->source == VHT_SOURCE_FTRACE)
			compare_event(tep, &item);
	ok(count.formats && !count.bad_fields, "%" PRIu64 " fields of %" PRIu64
	   " formats as libtraceevent reads them, %" PRIu64 " not", count.fields, count.formats,
	   count.bad_fields);
	ok(!count.bad_labels, "%" PRIu64 " names of values, %" PRIu64 " not", count.labels,
	   count.bad_labels);
	ok(count.events && !count.bad_values, "%" PRIu64 " values of %" PRIu64 " events, %" PRIu64
	   " not", count.values, count.events, count.bad_values);
	decoder_free(decoder);
	tep_free(tep);
	return tap_done();
}
