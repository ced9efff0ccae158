// SPDX-License-Identifier: GPL-2.0-only
/*
 * The payload has a member for each field that is shown, in order, and some
 * more: before an array of any length its length (LTTng calls it _NAME_length),
 * behind an address in the kernel its name (NAME_symbol), and message for a
 * trace_printk(). make_payload() and fill_payload() go side by side.
 */
#include "classes.h"

/* Above all indexes of the decoder's classes. */
#define SYNC_CLASS_ID	(1 << 24)

/* A member that has no memory for what it needs ends everything: see callers. */
typedef bt_field_class_structure_append_member_status append_status;

/* Members of one structure must differ in name. */
static bool append(bt_field_class *structure, GHashTable *names, const char *name,
		   bt_field_class *member)
{
	char *unique = g_strdup(name);
	append_status status;

	if (!member) {
		g_free(unique);
		return false;
	}
	for (unsigned int i = 2; g_hash_table_contains(names, unique); i++) {
		g_free(unique);
		unique = g_strdup_printf("%s_%u", name, i);
	}
	g_hash_table_add(names, unique);
	status = bt_field_class_structure_append_member(structure, unique, member);
	return status == BT_FIELD_CLASS_STRUCTURE_APPEND_MEMBER_STATUS_OK;
}

static bool append_made(bt_field_class *structure, GHashTable *names, const char *prefix,
			const char *name, const char *suffix, bt_field_class *member)
{
	char *full = g_strconcat(prefix, name, suffix, NULL);
	bool done = append(structure, names, full, member);

	g_free(full);
	return done;
}

static bt_field_class *make_number(bt_trace_class *trace_class, const struct event_field *field)
{
	bt_field_class *number = field->is_signed ?
		bt_field_class_integer_signed_create(trace_class) :
		bt_field_class_integer_unsigned_create(trace_class);

	if (!number)
		return NULL;
	bt_field_class_integer_set_field_value_range(number, field->element_size * 8);
	if (field->is_hex)
		bt_field_class_integer_set_preferred_display_base(
			number, BT_FIELD_CLASS_INTEGER_PREFERRED_DISPLAY_BASE_HEXADECIMAL);
	return number;
}

/* One mapping for each label; several values of one label are its ranges. */
static bool add_unsigned_mapping(bt_field_class *fc, const char *label, const GArray *values)
{
	bt_integer_range_set_unsigned *ranges = bt_integer_range_set_unsigned_create();
	bool done = ranges;

	for (guint i = 0; done && i < values->len; i++) {
		uint64_t value = g_array_index(values, uint64_t, i);

		done = !bt_integer_range_set_unsigned_add_range(ranges, value, value);
	}
	done = done && !bt_field_class_enumeration_unsigned_add_mapping(fc, label, ranges);
	bt_integer_range_set_unsigned_put_ref(ranges);
	return done;
}

static bool add_signed_mapping(bt_field_class *fc, const char *label, const GArray *values)
{
	bt_integer_range_set_signed *ranges = bt_integer_range_set_signed_create();
	bool done = ranges;

	for (guint i = 0; done && i < values->len; i++) {
		int64_t value = g_array_index(values, int64_t, i);

		done = !bt_integer_range_set_signed_add_range(ranges, value, value);
	}
	done = done && !bt_field_class_enumeration_signed_add_mapping(fc, label, ranges);
	bt_integer_range_set_signed_put_ref(ranges);
	return done;
}

static bt_field_class *make_enumeration(bt_trace_class *trace_class,
					const struct event_field *field)
{
	const struct enumeration *e = field->enumeration;
	GHashTable *values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
						   (GDestroyNotify)g_array_unref);
	GPtrArray *labels = g_ptr_array_new();
	bt_field_class *fc = field->is_signed ?
		bt_field_class_enumeration_signed_create(trace_class) :
		bt_field_class_enumeration_unsigned_create(trace_class);
	bool done = fc;

	if (fc) {
		bt_field_class_integer_set_field_value_range(fc, field->element_size * 8);
		if (field->is_hex)
			bt_field_class_integer_set_preferred_display_base(
				fc, BT_FIELD_CLASS_INTEGER_PREFERRED_DISPLAY_BASE_HEXADECIMAL);
	}
	for (uint32_t i = 0; i < e->count; i++) {
		char *label = (char *)e->entries[i].label;
		GArray *array = g_hash_table_lookup(values, label);

		if (!array) {
			array = g_array_new(FALSE, FALSE, sizeof(uint64_t));
			g_hash_table_insert(values, label, array);
			g_ptr_array_add(labels, label);
		}
		g_array_append_val(array, e->entries[i].value);
	}
	for (guint i = 0; done && i < labels->len; i++) {
		const char *label = g_ptr_array_index(labels, i);
		const GArray *array = g_hash_table_lookup(values, label);

		done = field->is_signed ? add_signed_mapping(fc, label, array) :
					  add_unsigned_mapping(fc, label, array);
	}
	g_hash_table_unref(values);
	g_ptr_array_unref(labels);
	if (!done) {
		bt_field_class_put_ref(fc);
		return NULL;
	}
	return fc;
}

static bool append_dynamic(bt_trace_class *trace_class, bt_field_class *payload,
			   GHashTable *names, const struct event_field *field)
{
	bt_field_class *element = make_number(trace_class, field);
	bt_field_class *length = bt_field_class_integer_unsigned_create(trace_class);
	bt_field_class *array = NULL;
	bool done = false;

	if (!element || !length)
		goto out;
	bt_field_class_integer_set_field_value_range(length, 32);
	if (!append_made(payload, names, "_", field->name, "_length", length))
		goto out;
	array = bt_field_class_array_dynamic_create(trace_class, element, length);
	done = append(payload, names, field->name, array);
out:
	bt_field_class_put_ref(element);
	bt_field_class_put_ref(length);
	bt_field_class_put_ref(array);
	return done;
}

static bt_field_class *make_static(bt_trace_class *trace_class, const struct event_field *field)
{
	bt_field_class *element = make_number(trace_class, field);
	bt_field_class *array = NULL;

	if (element)
		array = bt_field_class_array_static_create(trace_class, element, field->count);
	bt_field_class_put_ref(element);
	return array;
}

static bool append_field(bt_trace_class *trace_class, bt_field_class *payload,
			 GHashTable *names, const struct event_field *field)
{
	bt_field_class *member = NULL;
	bool done;

	switch (field->kind) {
	case FIELD_NUMBER:
		/* names that another field chooses are none of the class's */
		member = field->enumeration && !field->enumeration->other ?
			make_enumeration(trace_class, field) : make_number(trace_class, field);
		break;
	case FIELD_NUMBERS:
		member = make_static(trace_class, field);
		break;
	case FIELD_STRING:
	case FIELD_DYNAMIC_STRING:
	case FIELD_TAIL_STRING:
		member = bt_field_class_string_create(trace_class);
		break;
	case FIELD_DYNAMIC_NUMBERS:
	case FIELD_TAIL_NUMBERS:
		if (!append_dynamic(trace_class, payload, names, field))
			return false;
		break;
	}
	if (field->kind != FIELD_DYNAMIC_NUMBERS && field->kind != FIELD_TAIL_NUMBERS) {
		done = append(payload, names, field->name, member);
		bt_field_class_put_ref(member);
		if (!done)
			return false;
	}
	if (!field->is_symbol)
		return true;
	member = bt_field_class_string_create(trace_class);
	done = append_made(payload, names, "", field->name, "_symbol", member);
	bt_field_class_put_ref(member);
	return done;
}

static bt_field_class *make_payload(bt_trace_class *trace_class, const struct event_class *class)
{
	bt_field_class *payload = bt_field_class_structure_create(trace_class);
	GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	bool done = payload;

	for (uint32_t i = 0; done && i < class->field_count; i++)
		if (!class->fields[i].is_hidden)
			done = append_field(trace_class, payload, names, &class->fields[i]);
	if (done && class_has_message(class)) {
		bt_field_class *message = bt_field_class_string_create(trace_class);

		done = append(payload, names, "message", message);
		bt_field_class_put_ref(message);
	}
	g_hash_table_unref(names);
	if (!done) {
		bt_field_class_put_ref(payload);
		return NULL;
	}
	return payload;
}

static bt_event_class *make_event_class(struct stream_classes *classes,
					const struct event_class *class)
{
	bt_trace_class *trace_class =
		bt_stream_class_borrow_trace_class(classes->stream_class);
	bt_event_class *event_class;
	bt_field_class *payload;

	payload = make_payload(trace_class, class);
	if (!payload)
		return NULL;
	event_class = bt_event_class_create_with_id(classes->stream_class, class->index);
	if (event_class &&
	    (bt_event_class_set_name(event_class, class->name) ||
	     bt_event_class_set_payload_field_class(event_class, payload))) {
		bt_event_class_put_ref(event_class);
		event_class = NULL;
	}
	bt_field_class_put_ref(payload);
	return event_class;
}

/* { cpu_id }: where LTTng has it, and its readers look for it. */
static bool set_packet_context(bt_trace_class *trace_class, bt_stream_class *stream_class)
{
	bt_field_class *context = bt_field_class_structure_create(trace_class);
	bt_field_class *cpu = bt_field_class_integer_unsigned_create(trace_class);
	bool done = false;

	if (context && cpu) {
		bt_field_class_integer_set_field_value_range(cpu, 32);
		done = !bt_field_class_structure_append_member(context, "cpu_id", cpu) &&
		       !bt_stream_class_set_packet_context_field_class(stream_class, context);
	}
	bt_field_class_put_ref(cpu);
	bt_field_class_put_ref(context);
	return done;
}

static bool append_id(bt_trace_class *trace_class, bt_field_class *context, const char *name)
{
	bt_field_class *id = bt_field_class_integer_signed_create(trace_class);
	bool done = id;

	if (id)
		bt_field_class_integer_set_field_value_range(id, 32);
	done = done && !bt_field_class_structure_append_member(context, name, id);
	bt_field_class_put_ref(id);
	return done;
}

static bool append_task(bt_trace_class *trace_class, bt_field_class *context)
{
	bt_field_class *name = bt_field_class_string_create(trace_class);
	bool done = name && append_id(trace_class, context, "tid") &&
		    !bt_field_class_structure_append_member(context, "procname", name);

	bt_field_class_put_ref(name);
	return done;
}

static bool append_place(bt_trace_class *trace_class, bt_field_class *context,
			 enum place_context place)
{
	switch (place) {
	case PLACE_CONTEXT_GUEST:
		return append_id(trace_class, context, "vcpu_id") &&
		       append_id(trace_class, context, "host_cpu_id");
	case PLACE_CONTEXT_HOST:
		return append_id(trace_class, context, "vm_id") &&
		       append_id(trace_class, context, "vcpu_id");
	default:
		return true;
	}
}

/* { tid, procname, ... }: those two named as LTTng's contexts. */
static bool set_common_context(bt_trace_class *trace_class, bt_stream_class *stream_class,
			       const struct stream_kind *kind)
{
	bt_field_class *context;
	bool done;

	if (!kind->has_task && kind->place == PLACE_CONTEXT_NONE)
		return true;
	context = bt_field_class_structure_create(trace_class);
	done = context && (!kind->has_task || append_task(trace_class, context)) &&
	       append_place(trace_class, context, kind->place) &&
	       !bt_stream_class_set_event_common_context_field_class(stream_class, context);
	bt_field_class_put_ref(context);
	return done;
}

struct stream_classes *stream_classes_new(bt_trace_class *trace_class,
					  bt_clock_class *clock_class, const char *name,
					  const struct stream_kind *kind)
{
	struct stream_classes *classes = g_new0(struct stream_classes, 1);
	bt_stream_class *stream_class = bt_stream_class_create(trace_class);

	classes->stream_class = stream_class;
	classes->kind = *kind;
	classes->empty = "";
	classes->event_classes =
		g_ptr_array_new_with_free_func((GDestroyNotify)bt_event_class_put_ref);
	text_init(&classes->scratch);
	if (!stream_class || bt_stream_class_set_name(stream_class, name) ||
	    bt_stream_class_set_default_clock_class(stream_class, clock_class))
		goto failed;
	bt_stream_class_set_assigns_automatic_event_class_id(stream_class, BT_FALSE);
	bt_stream_class_set_supports_packets(stream_class, BT_TRUE, BT_TRUE, BT_TRUE);
	bt_stream_class_set_supports_discarded_events(stream_class, BT_TRUE, BT_TRUE);
	if ((kind->has_cpu && !set_packet_context(trace_class, stream_class)) ||
	    !set_common_context(trace_class, stream_class, kind))
		goto failed;
	return classes;
failed:
	stream_classes_free(classes);
	return NULL;
}

void stream_classes_free(struct stream_classes *classes)
{
	if (!classes)
		return;
	g_ptr_array_unref(classes->event_classes);
	bt_event_class_put_ref(classes->sync_class);
	bt_stream_class_put_ref(classes->stream_class);
	text_fini(&classes->scratch);
	g_free(classes);
}

const bt_event_class *stream_classes_get(struct stream_classes *classes,
					 const struct event_class *class)
{
	GPtrArray *array = classes->event_classes;

	if (class->index >= array->len)
		g_ptr_array_set_size(array, class->index + 1);
	if (G_UNLIKELY(!g_ptr_array_index(array, class->index)))
		g_ptr_array_index(array, class->index) = make_event_class(classes, class);
	return g_ptr_array_index(array, class->index);
}

static bool append_unsigned(bt_trace_class *trace_class, bt_field_class *structure,
			    const char *name, unsigned int bits)
{
	bt_field_class *number = bt_field_class_integer_unsigned_create(trace_class);
	bool done = number;

	if (number)
		bt_field_class_integer_set_field_value_range(number, bits);
	done = done && !bt_field_class_structure_append_member(structure, name, number);
	bt_field_class_put_ref(number);
	return done;
}

const bt_event_class *stream_classes_get_sync(struct stream_classes *classes, bool is_host)
{
	bt_trace_class *trace_class =
		bt_stream_class_borrow_trace_class(classes->stream_class);
	bt_field_class *payload;
	bt_event_class *made = NULL;

	if (classes->sync_class)
		return classes->sync_class;
	payload = bt_field_class_structure_create(trace_class);
	if (payload && append_unsigned(trace_class, payload, "cnt", 32) &&
	    append_unsigned(trace_class, payload, "vm_uid", 64))
		made = bt_event_class_create_with_id(classes->stream_class, SYNC_CLASS_ID);
	if (made && (bt_event_class_set_name(made, is_host ? "vmsync_gh_host" : "vmsync_gh_guest") ||
		     bt_event_class_set_payload_field_class(made, payload))) {
		bt_event_class_put_ref(made);
		made = NULL;
	}
	bt_field_class_put_ref(payload);
	classes->sync_class = made;
	return made;
}

static bool fill_string(const struct stream_classes *classes, bt_field *member,
			const char *text, uint64_t size)
{
	if (!size)
		return !bt_field_string_set_value(member, classes->empty);
	bt_field_string_clear(member);
	return !bt_field_string_append_with_length(member, text, size);
}

static void fill_number(bt_field *member, const struct event_field *field, uint64_t value)
{
	if (field->is_signed)
		bt_field_integer_signed_set_value(member, (int64_t)value);
	else
		bt_field_integer_unsigned_set_value(member, value);
}

/* Numbers that the event is too short for are 0. */
static void fill_numbers(bt_field *member, const struct event_field *field,
			 const uint8_t *numbers, uint32_t count, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		fill_number(bt_field_array_borrow_element_field_by_index(member, i), field,
			    i < count ? number_at(field, numbers, i) : 0);
}

static bool fill_made_text(struct stream_classes *classes, bt_field *member)
{
	struct text *scratch = &classes->scratch;
	bool done = fill_string(classes, member, scratch->data,
				strnlen(scratch->data, scratch->used));

	scratch->used = 0;
	return done;
}

static bool fill_payload(struct stream_classes *classes, const struct decoder_item *item,
			 bt_field *payload)
{
	const struct event_class *class = item->class;
	uint64_t next = 0;

	for (uint32_t i = 0; i < class->field_count; i++) {
		const struct event_field *field = &class->fields[i];
		bt_field *member;
		const uint8_t *numbers;
		const char *string;
		uint32_t count;

		if (field->is_hidden)
			continue;
		member = bt_field_structure_borrow_member_field_by_index(payload, next++);
		switch (field->kind) {
		case FIELD_NUMBER:
			fill_number(member, field, field_number(field, item->data, item->size));
			break;
		case FIELD_STRING:
		case FIELD_DYNAMIC_STRING:
		case FIELD_TAIL_STRING:
			string = field_text(field, item->data, item->size, &count);
			if (!fill_string(classes, member, string, count))
				return false;
			break;
		case FIELD_NUMBERS:
			numbers = field_numbers(field, item->data, item->size, &count);
			fill_numbers(member, field, numbers, count, field->count);
			break;
		case FIELD_DYNAMIC_NUMBERS:
		case FIELD_TAIL_NUMBERS:
			numbers = field_numbers(field, item->data, item->size, &count);
			bt_field_integer_unsigned_set_value(member, count);
			member = bt_field_structure_borrow_member_field_by_index(payload, next++);
			if (bt_field_array_dynamic_set_length(member, count))
				return false;
			fill_numbers(member, field, numbers, count, count);
			break;
		}
		if (field->is_symbol) {
			member = bt_field_structure_borrow_member_field_by_index(payload, next++);
			text_symbols(&classes->scratch, item, field);
			if (!fill_made_text(classes, member))
				return false;
		}
	}
	if (!class_has_message(class))
		return true;
	text_message(&classes->scratch, item);
	return fill_made_text(classes,
			      bt_field_structure_borrow_member_field_by_index(payload, next));
}

static void fill_id(bt_field *context, uint64_t member, int64_t id)
{
	bt_field_integer_signed_set_value(
		bt_field_structure_borrow_member_field_by_index(context, member), id);
}

/* A number that is not known is -1. */
static int32_t known_id(uint32_t number)
{
	return number > INT32_MAX ? -1 : (int32_t)number;
}

static int32_t vm_id(const struct stream_classes *classes, const struct recording_vm *vm)
{
	for (guint i = 0; vm && i < classes->kind.vms->len; i++)
		if (classes->kind.vms->pdata[i] == vm)
			return (int32_t)i;
	return -1;
}

static void fill_place(const struct stream_classes *classes, const struct decoder_place *place,
		       bt_field *context, uint64_t member)
{
	if (classes->kind.place == PLACE_CONTEXT_GUEST) {
		fill_id(context, member, known_id(place->vcpu));
		fill_id(context, member + 1, known_id(place->host_cpu));
	} else if (classes->kind.place == PLACE_CONTEXT_HOST) {
		fill_id(context, member, vm_id(classes, place->vm));
		fill_id(context, member + 1, known_id(place->vcpu));
	}
}

static bool fill_context(struct stream_classes *classes, const struct decoder_item *item,
			 bt_event *event)
{
	bt_field *context = bt_event_borrow_common_context_field(event);
	uint64_t next = 0;

	if (classes->kind.has_task) {
		char buffer[32];
		const char *name = decoder_task_name(item, buffer, sizeof(buffer));

		if (!name)
			name = "";
		fill_id(context, next++, item->pid);
		if (!fill_string(classes,
				 bt_field_structure_borrow_member_field_by_index(context, next++),
				 name, strlen(name)))
			return false;
	}
	fill_place(classes, &item->place, context, next);
	return true;
}

bool stream_classes_fill(struct stream_classes *classes, const struct decoder_item *item,
			 bt_event *event)
{
	return fill_context(classes, item, event) &&
	       fill_payload(classes, item, bt_event_borrow_payload_field(event));
}

bool stream_classes_fill_sync(struct stream_classes *classes, const struct decoder_item *item,
			      bt_event *event, uint32_t count, uint64_t uid)
{
	bt_field *payload = bt_event_borrow_payload_field(event);

	bt_field_integer_unsigned_set_value(
		bt_field_structure_borrow_member_field_by_index(payload, 0), count);
	bt_field_integer_unsigned_set_value(
		bt_field_structure_borrow_member_field_by_index(payload, 1), uid);
	return fill_context(classes, item, event);
}
