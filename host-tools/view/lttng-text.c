// SPDX-License-Identifier: GPL-2.0-only
/* Fields of babeltrace2's events as text; see lttng-text.h. */
#include "view/lttng-text.h"

#include <inttypes.h>
#include <string.h>

/**
 * struct place - where fields are put
 * @most: of @text->used: an array goes on no longer
 */
struct place {
	struct text *text;
	size_t most;
};

static void put_field(const struct place *place, const bt_field *field);

static void put_binary(struct text *text, uint64_t value, uint64_t bits)
{
	text_string(text, "0b");
	while (bits--)
		text_bytes(text, value >> bits & 1 ? "1" : "0", 1);
}

/* A number in another base is one without a sign, of as many bits as the field has. */
static void put_based(struct text *text, const bt_field *field, uint64_t value)
{
	const bt_field_class *class = bt_field_borrow_class_const(field);
	uint64_t bits = bt_field_class_integer_get_field_value_range(class);
	char octal[32];

	if (bits < 64)
		value &= (1ULL << bits) - 1;
	switch (bt_field_class_integer_get_preferred_display_base(class)) {
	case BT_FIELD_CLASS_INTEGER_PREFERRED_DISPLAY_BASE_BINARY:
		put_binary(text, value, bits);
		break;
	case BT_FIELD_CLASS_INTEGER_PREFERRED_DISPLAY_BASE_OCTAL:
		g_snprintf(octal, sizeof(octal), "0%" PRIo64, value);
		text_string(text, octal);
		break;
	default:
		text_hex(text, value);
		break;
	}
}

static bool is_decimal(const bt_field *field)
{
	return bt_field_class_integer_get_preferred_display_base(
		       bt_field_borrow_class_const(field)) ==
	       BT_FIELD_CLASS_INTEGER_PREFERRED_DISPLAY_BASE_DECIMAL;
}

static void put_integer(struct text *text, const bt_field *field)
{
	if (bt_field_class_type_is(bt_field_get_class_type(field),
				   BT_FIELD_CLASS_TYPE_SIGNED_INTEGER)) {
		int64_t value = bt_field_integer_signed_get_value(field);

		if (is_decimal(field))
			text_signed(text, value);
		else
			put_based(text, field, value);
	} else {
		uint64_t value = bt_field_integer_unsigned_get_value(field);

		if (is_decimal(field))
			text_unsigned(text, value);
		else
			put_based(text, field, value);
	}
}

/* ( "NAME" : container = 1 ), with all names of the value. */
static void put_enumeration(struct text *text, const bt_field *field)
{
	bt_field_class_enumeration_mapping_label_array labels;
	uint64_t count = 0;
	bool is_known;

	if (bt_field_get_class_type(field) == BT_FIELD_CLASS_TYPE_SIGNED_ENUMERATION)
		is_known = !bt_field_enumeration_signed_get_mapping_labels(field, &labels, &count);
	else
		is_known = !bt_field_enumeration_unsigned_get_mapping_labels(field, &labels,
									     &count);
	text_string(text, "( ");
	for (uint64_t i = 0; is_known && i < count; i++) {
		text_bytes(text, ", ", i ? 2 : 0);
		text_quoted(text, labels[i], strlen(labels[i]));
	}
	if (!is_known || !count)
		text_string(text, "<unknown>");
	text_string(text, " : container = ");
	put_integer(text, field);
	text_string(text, " )");
}

static void put_real(struct text *text, const bt_field *field)
{
	bool is_single = bt_field_get_class_type(field) ==
			 BT_FIELD_CLASS_TYPE_SINGLE_PRECISION_REAL;
	double value = is_single ? bt_field_real_single_precision_get_value(field) :
				   bt_field_real_double_precision_get_value(field);
	char number[64];

	/* by the locale, as babeltrace2 does it */
	g_snprintf(number, sizeof(number), "%g", value);
	text_string(text, number);
}

static void put_structure(const struct place *place, const bt_field *field)
{
	const bt_field_class *class = bt_field_borrow_class_const(field);
	uint64_t count = bt_field_class_structure_get_member_count(class);

	text_string(place->text, "{ ");
	for (uint64_t i = 0; i < count && place->text->used < place->most; i++) {
		const bt_field_class_structure_member *member =
			bt_field_class_structure_borrow_member_by_index_const(class, i);

		text_bytes(place->text, ", ", i ? 2 : 0);
		text_string(place->text, bt_field_class_structure_member_get_name(member));
		text_string(place->text, " = ");
		put_field(place, bt_field_structure_borrow_member_field_by_index_const(field, i));
	}
	text_string(place->text, count ? " }" : "}");
}

static void put_array(const struct place *place, const bt_field *field)
{
	uint64_t count = bt_field_array_get_length(field);

	text_string(place->text, "[");
	for (uint64_t i = 0; i < count && place->text->used < place->most; i++) {
		text_string(place->text, i ? ", [" : " [");
		text_unsigned(place->text, i);
		text_string(place->text, "] = ");
		put_field(place, bt_field_array_borrow_element_field_by_index_const(field, i));
	}
	text_string(place->text, " ]");
}

static void put_variant(const struct place *place, const bt_field *field)
{
	text_string(place->text, "{ ");
	put_field(place, bt_field_variant_borrow_selected_option_field_const(field));
	text_string(place->text, " }");
}

/* CTF 1.8 has no others. */
static void put_field(const struct place *place, const bt_field *field)
{
	bt_field_class_type type = bt_field_get_class_type(field);

	if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_ENUMERATION))
		put_enumeration(place->text, field);
	else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_INTEGER))
		put_integer(place->text, field);
	else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_REAL))
		put_real(place->text, field);
	else if (type == BT_FIELD_CLASS_TYPE_STRING)
		text_quoted(place->text, bt_field_string_get_value(field),
			    bt_field_string_get_length(field));
	else if (type == BT_FIELD_CLASS_TYPE_STRUCTURE)
		put_structure(place, field);
	else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_ARRAY))
		put_array(place, field);
	else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_VARIANT))
		put_variant(place, field);
	else
		text_string(place->text, "<unknown>");
}

/* A context without a member says nothing. */
static void put_context(const struct place *place, const bt_field *context)
{
	if (!context || !bt_field_class_structure_get_member_count(
				bt_field_borrow_class_const(context)))
		return;
	put_field(place, context);
	text_string(place->text, ", ");
}

void lttng_text_fields(struct text *text, const bt_event *event, size_t most)
{
	const struct place place = { .text = text, .most = text->used + most };
	const bt_field *payload = bt_event_borrow_payload_field_const(event);

	put_context(&place, bt_event_borrow_common_context_field_const(event));
	put_context(&place, bt_event_borrow_specific_context_field_const(event));
	if (payload)
		put_field(&place, payload);
	else
		text_string(text, "{ }");
	text_cut(text, place.most);
}
