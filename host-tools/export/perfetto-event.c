// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events as protobuf messages: see perfetto-event.h.
 *
 * Which message an event gets is looked up once for its class, in the descriptors
 * that protoc-c made of perfetto.proto: the member of FtraceEvent that has the event's
 * name, and in it for each field of the event the one that has the field's name.
 */
#include "export/perfetto-event.h"

#include <string.h>

#include "decode/symbols.h"
#include "perfetto.pb-c.h"

#define MAX_SYMBOLS	65536	/* of one packet sequence; others stay addresses */

/**
 * struct mapping - how events of a class are written
 * @member: of FtraceEvent, NULL: as a generic event
 * @message: its descriptor
 * @fields: for each of the class's fields the message's, or NULL
 */
struct mapping {
	const ProtobufCFieldDescriptor *member;
	const ProtobufCMessageDescriptor *message;
	const ProtobufCFieldDescriptor **fields;
};

/**
 * struct perfetto_events - see perfetto_events_new()
 * @mappings: all that classes' @user points to
 * @garbage: what an event needs until it is written
 * @text: scratch
 */
struct perfetto_events {
	GPtrArray *mappings;
	GPtrArray *garbage;
	struct text text;
};

static void mapping_free(gpointer data)
{
	struct mapping *mapping = data;

	g_free(mapping->fields);
	g_free(mapping);
}

struct perfetto_events *perfetto_events_new(void)
{
	struct perfetto_events *events = g_new0(struct perfetto_events, 1);

	events->mappings = g_ptr_array_new_with_free_func(mapping_free);
	events->garbage = g_ptr_array_new_with_free_func(g_free);
	text_init(&events->text);
	return events;
}

void perfetto_events_free(struct perfetto_events *events)
{
	if (!events)
		return;
	g_ptr_array_unref(events->mappings);
	g_ptr_array_unref(events->garbage);
	text_fini(&events->text);
	g_free(events);
}

void perfetto_symbols_init(struct perfetto_symbols *symbols)
{
	symbols->iids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	symbols->fresh = g_byte_array_new();
}

void perfetto_symbols_fini(struct perfetto_symbols *symbols)
{
	g_hash_table_unref(symbols->iids);
	g_byte_array_unref(symbols->fresh);
}

/* --- bytes --- */

void perfetto_append_varint(GByteArray *bytes, uint64_t value)
{
	guint8 buffer[10];
	guint size = 0;

	do {
		buffer[size++] = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);
		value >>= 7;
	} while (value);
	g_byte_array_append(bytes, buffer, size);
}

void perfetto_append_length(GByteArray *bytes, uint32_t field, uint64_t size)
{
	perfetto_append_varint(bytes, (uint64_t)field << 3 | 2);
	perfetto_append_varint(bytes, size);
}

static void append_message(GByteArray *bytes, uint32_t field, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	guint at;

	perfetto_append_length(bytes, field, size);
	at = bytes->len;
	g_byte_array_set_size(bytes, at + size);
	protobuf_c_message_pack(message, bytes->data + at);
}

/* --- values --- */

/* Memory until the event is written. */
static void *keep(struct perfetto_events *events, void *memory)
{
	g_ptr_array_add(events->garbage, memory);
	return memory;
}

/* protobuf's strings are UTF-8, a guest's are whatever they are. */
static char *keep_text(struct perfetto_events *events, const char *text, size_t size)
{
	return keep(events, g_utf8_validate(text, size, NULL) ? g_strndup(text, size) :
				     g_utf8_make_valid(text, size));
}

static bool is_text(const struct event_field *field)
{
	return field->kind == FIELD_STRING || field->kind == FIELD_DYNAMIC_STRING ||
	       field->kind == FIELD_TAIL_STRING;
}

static char *field_string(struct perfetto_events *events, const struct decoder_item *item,
			  const struct event_field *field)
{
	uint32_t length;
	const char *text = field_text(field, item->data, item->size, &length);

	return keep_text(events, text, length);
}

/* An array: addresses by their names, other numbers as "1, 2, 3". */
static char *array_string(struct perfetto_events *events, const struct decoder_item *item,
			  const struct event_field *field)
{
	uint32_t count;
	const uint8_t *numbers;

	events->text.used = 0;
	if (field->is_symbol && item->stream->guest) {
		text_symbols(&events->text, item, field);
		return keep_text(events, events->text.data, events->text.used);
	}
	numbers = field_numbers(field, item->data, item->size, &count);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t number = number_at(field, numbers, i);

		if (i)
			text_string(&events->text, ", ");
		if (field->is_signed)
			text_signed(&events->text, (int64_t)number);
		else
			text_unsigned(&events->text, number);
	}
	return keep_text(events, events->text.data, events->text.used);
}

/* The name of a number that is an address. Return: NULL if it has none. */
static char *symbol_string(struct perfetto_events *events, const struct decoder_item *item,
			   const struct event_field *field)
{
	if (!field->is_symbol || field->kind != FIELD_NUMBER || !item->stream->guest)
		return NULL;
	events->text.used = 0;
	text_symbols(&events->text, item, field);
	return events->text.used ? keep_text(events, events->text.data, events->text.used) : NULL;
}

/* --- generic events --- */

static Perfetto__Protos__GenericFtraceEvent__Field *
new_generic_field(struct perfetto_events *events, const char *name)
{
	Perfetto__Protos__GenericFtraceEvent__Field *field =
		keep(events, g_new(Perfetto__Protos__GenericFtraceEvent__Field, 1));

	perfetto__protos__generic_ftrace_event__field__init(field);
	field->name = keep_text(events, name, strlen(name));
	return field;
}

static void set_generic_text(Perfetto__Protos__GenericFtraceEvent__Field *field, char *text)
{
	field->value_case = PERFETTO__PROTOS__GENERIC_FTRACE_EVENT__FIELD__VALUE_STR_VALUE;
	field->str_value = text;
}

static void set_generic(struct perfetto_events *events, const struct decoder_item *item,
			const struct event_field *from,
			Perfetto__Protos__GenericFtraceEvent__Field *field)
{
	if (is_text(from)) {
		set_generic_text(field, field_string(events, item, from));
	} else if (from->kind != FIELD_NUMBER) {
		set_generic_text(field, array_string(events, item, from));
	} else if (from->is_signed) {
		field->value_case = PERFETTO__PROTOS__GENERIC_FTRACE_EVENT__FIELD__VALUE_INT_VALUE;
		field->int_value = (int64_t)field_number(from, item->data, item->size);
	} else {
		field->value_case =
			PERFETTO__PROTOS__GENERIC_FTRACE_EVENT__FIELD__VALUE_UINT_VALUE;
		field->uint_value = field_number(from, item->data, item->size);
	}
}

static void fill_generic(struct perfetto_events *events, const struct decoder_item *item,
			 Perfetto__Protos__GenericFtraceEvent *generic)
{
	const struct event_class *class = item->class;

	generic->event_name = keep_text(events, class->raw_name, strlen(class->raw_name));
	generic->field = keep(events, g_new(Perfetto__Protos__GenericFtraceEvent__Field *,
					    2 * class->field_count + 1));
	for (uint32_t i = 0; i < class->field_count; i++) {
		const struct event_field *from = &class->fields[i];
		char *symbol, *name;

		if (from->is_hidden)
			continue;
		generic->field[generic->n_field] = new_generic_field(events, from->raw_name);
		set_generic(events, item, from, generic->field[generic->n_field++]);
		symbol = symbol_string(events, item, from);
		if (!symbol)
			continue;
		name = keep(events, g_strconcat(from->raw_name, "_symbol", NULL));
		generic->field[generic->n_field] = new_generic_field(events, name);
		set_generic_text(generic->field[generic->n_field++], symbol);
	}
}

/* --- events that have a message of their own --- */

static bool is_member(const ProtobufCFieldDescriptor *member)
{
	return member && member->type == PROTOBUF_C_TYPE_MESSAGE && strcmp(member->name, "generic");
}

/* Whether the message's field can hold what the event's has. */
static bool is_fit(const struct event_field *field, const ProtobufCFieldDescriptor *to)
{
	switch (to->type) {
	case PROTOBUF_C_TYPE_STRING:
		return is_text(field);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_UINT32:
		return field->kind == FIELD_NUMBER && to->label == PROTOBUF_C_LABEL_OPTIONAL;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		return to->label == PROTOBUF_C_LABEL_REPEATED ? field->kind == FIELD_NUMBERS :
								field->kind == FIELD_NUMBER;
	default:
		return false;
	}
}

static struct mapping *mapping_of(struct perfetto_events *events, struct event_class *class)
{
	const ProtobufCMessageDescriptor *all = &perfetto__protos__ftrace_event__descriptor;
	struct mapping *mapping = class->user;

	if (mapping)
		return mapping;
	mapping = g_new0(struct mapping, 1);
	g_ptr_array_add(events->mappings, mapping);
	class->user = mapping;
	mapping->member = protobuf_c_message_descriptor_get_field_by_name(
		all, class_has_message(class) ? "print" : class->raw_name);
	if (!is_member(mapping->member)) {
		mapping->member = NULL;
		return mapping;
	}
	mapping->message = mapping->member->descriptor;
	mapping->fields = g_new0(const ProtobufCFieldDescriptor *, class->field_count + 1);
	for (uint32_t i = 0; i < class->field_count; i++) {
		const ProtobufCFieldDescriptor *to =
			protobuf_c_message_descriptor_get_field_by_name(
				mapping->message, class->fields[i].raw_name);

		if (to && is_fit(&class->fields[i], to))
			mapping->fields[i] = to;
	}
	return mapping;
}

/* The sequence's number of the function at an address; the address if it has none. */
static uint64_t intern_symbol(struct perfetto_symbols *symbols, const struct decoder_guest *guest,
			      uint64_t address)
{
	Perfetto__Protos__InternedString string = PERFETTO__PROTOS__INTERNED_STRING__INIT;
	gpointer known = g_hash_table_lookup(symbols->iids, &address);
	uint64_t offset, *key;
	const char *name;
	size_t length;

	if (known)
		return GPOINTER_TO_SIZE(known);
	if (g_hash_table_size(symbols->iids) >= MAX_SYMBOLS)
		return address;
	name = symbols_find(guest->symbols, address, &length, &offset);
	if (!name)
		return address;
	key = g_new(uint64_t, 1);
	*key = address;
	string.has_iid = true;
	string.iid = g_hash_table_size(symbols->iids) + 1;
	string.has_str = true;
	string.str.data = (uint8_t *)name;
	string.str.len = length;
	g_hash_table_insert(symbols->iids, key, GSIZE_TO_POINTER(string.iid));
	append_message(symbols->fresh, 26, &string.base); /* InternedData.kernel_symbols */
	return string.iid;
}

static void set_numbers(struct perfetto_events *events, const struct decoder_item *item,
			const struct event_field *from, const ProtobufCFieldDescriptor *to,
			uint8_t *message)
{
	uint32_t count;
	const uint8_t *numbers = field_numbers(from, item->data, item->size, &count);
	uint64_t *values = keep(events, g_new(uint64_t, count + 1));

	for (uint32_t i = 0; i < count; i++)
		values[i] = number_at(from, numbers, i);
	*(size_t *)(message + to->quantifier_offset) = count;
	*(uint64_t **)(message + to->offset) = values;
}

static void set_number(const ProtobufCFieldDescriptor *to, uint8_t *message, uint64_t value)
{
	*(protobuf_c_boolean *)(message + to->quantifier_offset) = true;
	if (to->type == PROTOBUF_C_TYPE_INT32 || to->type == PROTOBUF_C_TYPE_UINT32)
		*(uint32_t *)(message + to->offset) = value;
	else
		*(uint64_t *)(message + to->offset) = value;
}

/* Functions are numbers of the sequence in the messages that the reader looks them up for. */
static bool is_interned(const struct event_field *from, const ProtobufCFieldDescriptor *to)
{
	return from->is_symbol && to->type == PROTOBUF_C_TYPE_UINT64 &&
	       (!strcmp(to->name, "func") || !strcmp(to->name, "function"));
}

static void set_typed(struct perfetto_events *events, const struct decoder_item *item,
		      struct perfetto_symbols *symbols, const struct event_field *from,
		      const ProtobufCFieldDescriptor *to, uint8_t *message)
{
	uint64_t value;

	if (to->type == PROTOBUF_C_TYPE_STRING) {
		*(char **)(message + to->offset) = field_string(events, item, from);
		return;
	}
	if (to->label == PROTOBUF_C_LABEL_REPEATED) {
		set_numbers(events, item, from, to, message);
		return;
	}
	value = field_number(from, item->data, item->size);
	if (is_interned(from, to))
		value = intern_symbol(symbols, item->stream->guest, value);
	set_number(to, message, value);
}

static ProtobufCMessage *new_typed(struct perfetto_events *events, const struct decoder_item *item,
				   const struct mapping *mapping, struct perfetto_symbols *symbols)
{
	uint8_t *message = keep(events, g_malloc0(mapping->message->sizeof_message));

	protobuf_c_message_init(mapping->message, message);
	for (uint32_t i = 0; i < item->class->field_count; i++)
		if (mapping->fields[i])
			set_typed(events, item, symbols, &item->class->fields[i],
				  mapping->fields[i], message);
	if (class_has_message(item->class)) {
		events->text.used = 0;
		text_message(&events->text, item);
		((Perfetto__Protos__PrintFtraceEvent *)message)->buf =
			keep_text(events, events->text.data, events->text.used);
	}
	return (ProtobufCMessage *)message;
}

void perfetto_event_append(struct perfetto_events *events, const struct decoder_item *item,
			   struct perfetto_symbols *symbols, GByteArray *bundle)
{
	Perfetto__Protos__GenericFtraceEvent generic = PERFETTO__PROTOS__GENERIC_FTRACE_EVENT__INIT;
	Perfetto__Protos__FtraceEvent event = PERFETTO__PROTOS__FTRACE_EVENT__INIT;
	const struct mapping *mapping = mapping_of(events, item->class);
	uint8_t *bytes = (uint8_t *)&event;

	event.has_timestamp = true;
	event.timestamp = item->time;
	if (item->pid >= 0) {
		event.has_pid = true;
		event.pid = item->pid;
	}
	if (mapping->member) {
		*(ProtobufCMessage **)(bytes + mapping->member->offset) =
			new_typed(events, item, mapping, symbols);
		event.event_case = mapping->member->id;
	} else {
		fill_generic(events, item, &generic);
		event.generic = &generic;
		event.event_case = PERFETTO__PROTOS__FTRACE_EVENT__EVENT_GENERIC;
	}
	append_message(bundle, 2, &event.base); /* FtraceEventBundle.event */
	g_ptr_array_set_size(events->garbage, 0);
}

void perfetto_annotations_append(struct perfetto_events *events, const struct decoder_item *item,
				 GByteArray *track_event)
{
	for (uint32_t i = 0; i < item->class->field_count; i++) {
		Perfetto__Protos__DebugAnnotation annotation =
			PERFETTO__PROTOS__DEBUG_ANNOTATION__INIT;
		const struct event_field *field = &item->class->fields[i];

		annotation.name = keep_text(events, field->raw_name, strlen(field->raw_name));
		if (is_text(field)) {
			annotation.string_value = field_string(events, item, field);
		} else {
			annotation.has_uint_value = true;
			annotation.uint_value = field_number(field, item->data, item->size);
		}
		append_message(track_event, 4, &annotation.base);
	}
	g_ptr_array_set_size(events->garbage, 0);
}
