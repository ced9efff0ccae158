// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader of the little that is constant in a print format. The text is the
 * guest's: nesting is bounded, every step moves forward, nothing is allocated
 * but the labels found.
 */
#include "expression.h"

#include <string.h>

/* Stock kernels nest up to about 30 deep (gfp_flags, with its casts). */
#define MAX_NESTING	200

static void skip_space(const char **at, const char *end)
{
	while (*at < end && g_ascii_isspace(**at))
		(*at)++;
}

static bool is_name(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

static bool take(const char **at, const char *end, const char *word)
{
	size_t length = strlen(word);

	skip_space(at, end);
	if ((size_t)(end - *at) < length || memcmp(*at, word, length))
		return false;
	*at += length;
	return true;
}

/* "(" and words and "*" and ")": a cast. Moves @at only if it is one. */
static bool take_cast(const char **at, const char *end)
{
	const char *p = *at;
	bool has_name = false;

	if (!take(&p, end, "("))
		return false;
	for (skip_space(&p, end); p < end; p++) {
		if (*p == ')')
			break;
		if (!is_name(*p) && *p != '*' && !g_ascii_isspace(*p))
			return false;
		if (g_ascii_isdigit(*p) && !has_name)
			return false;
		has_name |= is_name(*p);
	}
	if (p == end || !has_name)
		return false;
	*at = p + 1;
	return true;
}

static bool take_number(const char **at, const char *end, uint64_t *value)
{
	const char *p = *at;
	unsigned int base = 10;
	uint64_t number = 0;

	if (p == end || !g_ascii_isdigit(*p))
		return false;
	if (end - p > 2 && *p == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	} else if (*p == '0') {
		base = 8;
	}
	for (; p < end && g_ascii_isxdigit(*p); p++) {
		unsigned int digit = g_ascii_xdigit_value(*p);

		if (digit >= base)
			return false;
		number = number * base + digit;
	}
	while (p < end && strchr("uUlL", *p) && *p)
		p++;
	if (p < end && is_name(*p))
		return false;
	*at = p;
	*value = number;
	return true;
}

static bool parse_binary(const char **at, const char *end, unsigned int level,
			 unsigned int nesting, uint64_t *value);

static bool parse_unary(const char **at, const char *end, unsigned int nesting,
			uint64_t *value)
{
	if (nesting > MAX_NESTING)
		return false;
	skip_space(at, end);
	if (take_cast(at, end))
		return parse_unary(at, end, nesting + 1, value);
	if (take(at, end, "(")) {
		return parse_binary(at, end, 0, nesting + 1, value) && take(at, end, ")");
	} else if (take(at, end, "~")) {
		if (!parse_unary(at, end, nesting + 1, value))
			return false;
		*value = ~*value;
		return true;
	} else if (take(at, end, "-")) {
		if (!parse_unary(at, end, nesting + 1, value))
			return false;
		*value = -*value;
		return true;
	}
	return take_number(at, end, value);
}

/* Binary operators, weakest first, as C binds them. */
static const char *const operators[][3] = {
	{ "|" }, { "^" }, { "&" }, { "<<", ">>" }, { "+", "-" }, { "*", "/" },
};

static uint64_t apply(char operator, uint64_t left, uint64_t right)
{
	switch (operator) {
	case '|':
		return left | right;
	case '^':
		return left ^ right;
	case '&':
		return left & right;
	case '<':
		return right < 64 ? left << right : 0;
	case '>':
		return right < 64 ? left >> right : 0;
	case '+':
		return left + right;
	case '-':
		return left - right;
	case '*':
		return left * right;
	default:
		return right ? left / right : 0;
	}
}

static bool parse_binary(const char **at, const char *end, unsigned int level,
			 unsigned int nesting, uint64_t *value)
{
	if (level == G_N_ELEMENTS(operators))
		return parse_unary(at, end, nesting, value);
	if (!parse_binary(at, end, level + 1, nesting, value))
		return false;
	for (;;) {
		const char *const *operator = operators[level];
		uint64_t right;

		skip_space(at, end);
		/* && and || are no constants we know. */
		if (end - *at >= 2 && (*at)[0] == (*at)[1] && strchr("&|", (*at)[0]))
			return false;
		while (*operator && !take(at, end, *operator))
			operator++;
		if (!*operator)
			return true;
		if (!parse_binary(at, end, level + 1, nesting, &right))
			return false;
		*value = apply((*operator)[0], *value, right);
	}
}

bool constant_parse(const char **at, const char *end, uint64_t *value)
{
	const char *p = *at;
	uint64_t result;

	if (!parse_binary(&p, end, 0, 0, &result))
		return false;
	*at = p;
	*value = result;
	return true;
}

/* REC->name, or REC->name & constant, in any parentheses and casts. */
static bool parse_field(const char **at, const char *end, unsigned int nesting,
			struct name_table *out)
{
	uint64_t mask;

	if (nesting > MAX_NESTING)
		return false;
	while (take_cast(at, end))
		;
	if (take(at, end, "(")) {
		if (!parse_field(at, end, nesting + 1, out) || !take(at, end, ")"))
			return false;
	} else {
		if (!take(at, end, "REC->"))
			return false;
		out->field = *at;
		while (*at < end && is_name(**at))
			(*at)++;
		out->field_size = *at - out->field;
		out->mask = ~0ULL;
	}
	skip_space(at, end);
	if (end - *at >= 2 && (*at)[0] == '&' && (*at)[1] != '&') {
		(*at)++;
		if (!constant_parse(at, end, &mask))
			return false;
		out->mask &= mask;
	}
	return out->field_size != 0;
}

/* A C string; its label, with escapes resolved as far as labels use them. */
static char *take_string(const char **at, const char *end)
{
	const char *begin, *p;

	if (!take(at, end, "\""))
		return NULL;
	begin = *at;
	for (p = begin; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	if (p >= end)
		return NULL;
	*at = p + 1;
	return g_strndup(begin, p - begin);
}

/* Behind the next "}" or "," that is not inside anything. */
static bool skip_entry(const char **at, const char *end)
{
	unsigned int depth = 0;

	for (; *at < end; (*at)++) {
		char c = **at;

		if (c == '"') {
			char *string = take_string(at, end);

			if (!string)
				return false;
			g_free(string);
			(*at)--;
		} else if (c == '(' || c == '{') {
			depth++;
		} else if (c == ')' || c == '}') {
			if (!depth)
				return c == '}' && ++(*at);
			depth--;
		}
	}
	return false;
}

static bool parse_entries(const char **at, const char *end, struct name_table *out, size_t max)
{
	while (take(at, end, ",")) {
		const char *entry;
		uint64_t value;
		char *label = NULL;

		if (!take(at, end, "{"))
			return false;
		entry = *at;
		if (constant_parse(at, end, &value) && take(at, end, ","))
			label = take_string(at, end);
		if (label && take(at, end, "}")) {
			if (out->labels->len >= max) {
				g_free(label);
				return true;
			}
			g_array_append_val(out->values, value);
			g_ptr_array_add(out->labels, label);
			continue;
		}
		g_free(label);
		*at = entry;
		if (!skip_entry(at, end))
			return false;
	}
	return take(at, end, ")");
}

bool name_table_next(const char **at, const char *end, struct name_table *out, size_t max)
{
	while (*at < end) {
		const char *call = memmem(*at, end - *at, "__print_", 8);

		/* Each may read to the end: their number bounds the time. */
		if (!call || !out->attempts)
			break;
		out->attempts--;
		out->begin = call;
		*at = call + 8;
		if (take(at, end, "flags"))
			out->is_flags = true;
		else if (take(at, end, "symbolic"))
			out->is_flags = false;
		else
			continue;
		take(at, end, "_u64");
		call = *at;
		g_array_set_size(out->values, 0);
		g_ptr_array_set_size(out->labels, 0);
		out->field_size = 0;
		out->zero = NULL;
		if (take(at, end, "(") && parse_field(at, end, 0, out)) {
			if (out->is_flags) {
				char *delimiter = take(at, end, ",") ? take_string(at, end) : NULL;

				if (!delimiter) {
					*at = call;
					continue;
				}
				g_free(delimiter);
			}
			if (parse_entries(at, end, out, max) && out->labels->len) {
				if (out->is_flags && take(at, end, ":"))
					out->zero = take_string(at, end);
				return true;
			}
		}
		*at = call;
	}
	*at = end;
	return false;
}

/* Before the blanks that end at @at. */
static const char *before_space(const char *text, const char *at)
{
	while (at > text && g_ascii_isspace(at[-1]))
		at--;
	return at;
}

bool name_choice_before(const char *text, const char *call, struct name_choice *out)
{
	struct name_table left = { .mask = ~0ULL };
	struct name_choice found;
	const char *at, *end = before_space(text, call);

	if (end == text || *--end != '?')
		return false;
	end = before_space(text, end);
	if (end == text || *--end != ')')
		return false;
	/* no parentheses inside: what has some is no such comparison */
	for (at = end; at > text && at[-1] != '(' && at[-1] != ')' && at[-1] != '"';)
		at--;
	if (at == text || at[-1] != '(' || !parse_field(&at, end, 0, &left) || ~left.mask ||
	    !take(&at, end, "==") || !constant_parse(&at, end, &found.value))
		return false;
	skip_space(&at, end);
	if (at != end)
		return false;
	found.field = left.field;
	found.field_size = left.field_size;
	*out = found;
	return true;
}

bool name_choice_else(const char *previous_end, const char *call)
{
	const char *at = previous_end;

	return previous_end && take(&at, call, ":") && (skip_space(&at, call), at == call);
}
