/* SPDX-License-Identifier: GPL-2.0-only */
/* TAP for tests in C: ok() for each point, tap_done() at the end of main(). */
#ifndef HYPERTRACE_TESTS_TAP_H
#define HYPERTRACE_TESTS_TAP_H

#ifdef NDEBUG
#error "tests need their assertions: build without NDEBUG"
#endif

#include <assert.h>
#include <glib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned int tap_points, tap_failures;

G_GNUC_PRINTF(2, 3) static inline bool ok(bool good, const char *format, ...)
{
	va_list args;

	tap_points++;
	tap_failures += !good;
	printf("%sok %u - ", good ? "" : "not ", tap_points);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	return good;
}

/* A point that passes if an error of this code came; the error is taken away. */
static inline bool ok_error(GError **error, int code, const char *what)
{
	bool good = *error && (*error)->code == code;

	if (*error)
		printf("# %s\n", (*error)->message);
	g_clear_error(error);
	return ok(good, "%s", what);
}

static inline int tap_done(void)
{
	printf("1..%u\n", tap_points);
	return tap_failures != 0;
}

#endif
