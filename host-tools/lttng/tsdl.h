/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Metadata of CTF 1.8 (TSDL), token by token: just so much of the language as it
 * takes to find a declaration and to compare it with another. What stands in a
 * comment or a string is no declaration. The text may be anything.
 */
#ifndef HYPERTRACE_LTTNG_TSDL_H
#define HYPERTRACE_LTTNG_TSDL_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct tsdl_token - a token of the text
 * @kind: 'w' for a word or a number, '"' for a string (with its quotes), 0 at the
 *	end, '?' for a comment or string without an end; else the character itself
 * @begin: of it in the text
 * @end: behind it
 */
struct tsdl_token {
	char kind;
	const char *begin;
	const char *end;
};

/**
 * tsdl_next - take a token
 * @at: where to look, in a text that ends with a NUL; moved behind it
 * Return: the token.
 */
struct tsdl_token tsdl_next(const char **at);

/**
 * tsdl_is - compare a token with a word
 * @token: the token
 * @word: the word
 * Return: true if it is that.
 */
bool tsdl_is(const struct tsdl_token *token, const char *word);

/**
 * tsdl_value - what a token says: a name is a string in some tracers' metadata, a
 * word in others'
 * @token: a word or string
 * Return: the text without quotes, to be freed with g_free().
 */
char *tsdl_value(const struct tsdl_token *token);

/**
 * tsdl_declaration - take a declaration of the outermost level
 * @at: where to look; moved behind its semicolon, on success
 * @begin: its first character, written on success
 * Return: false if there is no whole one any more.
 */
bool tsdl_declaration(const char **at, const char **begin);

/**
 * tsdl_matches - compare a text with a pattern, token by token
 * @at: where the text begins
 * @pattern: tokens that it must begin with; `*` stands for any one
 * Return: true if it does.
 */
bool tsdl_matches(const char *at, const char *pattern);

#endif
