// SPDX-License-Identifier: GPL-2.0-only
/* Metadata of CTF 1.8, token by token; see tsdl.h. */
#include "lttng/tsdl.h"

#include <glib.h>
#include <string.h>

/* Behind white space and comments; NULL if a comment does not end. */
static const char *skip_blank(const char *at)
{
	for (;;) {
		while (g_ascii_isspace(*at))
			at++;
		if (at[0] == '/' && at[1] == '/') {
			at += strcspn(at, "\n");
		} else if (at[0] == '/' && at[1] == '*') {
			at = strstr(at + 2, "*/");
			if (!at)
				return NULL;
			at += 2;
		} else {
			return at;
		}
	}
}

/* Behind a string that begins at @at; NULL if it does not end. */
static const char *skip_string(const char *at)
{
	char quote = *at++;

	while (*at && *at != quote && *at != '\n') {
		if (*at == '\\' && at[1])
			at++;
		at++;
	}
	return *at == quote ? at + 1 : NULL;
}

static bool is_word(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

struct tsdl_token tsdl_next(const char **at)
{
	const char *begin = skip_blank(*at), *end = begin;
	struct tsdl_token token = { .kind = '?', .begin = *at, .end = *at };

	if (!begin)
		return token;
	if (is_word(*begin)) {
		token.kind = 'w';
		while (is_word(*end))
			end++;
	} else if (*begin == '"' || *begin == '\'') {
		end = skip_string(begin);
		if (!end)
			return token;
		token.kind = '"';
	} else {
		token.kind = *begin;
		end = *begin ? begin + 1 : begin;
	}
	token.begin = begin;
	token.end = end;
	*at = end;
	return token;
}

bool tsdl_is(const struct tsdl_token *token, const char *word)
{
	size_t size = token->end - token->begin;

	return token->kind == 'w' && size == strlen(word) && !memcmp(token->begin, word, size);
}

char *tsdl_value(const struct tsdl_token *token)
{
	if (token->kind == '"')
		return g_strndup(token->begin + 1, token->end - token->begin - 2);
	return g_strndup(token->begin, token->end - token->begin);
}

bool tsdl_declaration(const char **at, const char **begin)
{
	const char *next = *at, *first = NULL;
	unsigned int depth = 0;

	for (;;) {
		struct tsdl_token token = tsdl_next(&next);

		if (!token.kind || token.kind == '?' || (token.kind == '}' && !depth))
			return false;
		if (!first)
			first = token.begin;
		depth += token.kind == '{';
		depth -= token.kind == '}';
		if (token.kind == ';' && !depth)
			break;
	}
	*begin = first;
	*at = next;
	return true;
}

bool tsdl_matches(const char *at, const char *pattern)
{
	for (;;) {
		struct tsdl_token want = tsdl_next(&pattern), token;

		if (!want.kind)
			return true;
		token = tsdl_next(&at);
		if (!token.kind || token.kind == '?')
			return false;
		if (want.kind == '*')
			continue;
		if (want.end - want.begin != token.end - token.begin ||
		    memcmp(want.begin, token.begin, token.end - token.begin))
			return false;
	}
}
