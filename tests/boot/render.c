// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page of a report, for tests: usage: render REPORT PAGE. Prints what is
 * wrong, and ends with the code of the error.
 */
#include <stdio.h>

#include "boot/html.h"
#include "error.h"

int main(int argc, char **argv)
{
	GError *error = NULL;
	gsize size;
	char *json;
	int code = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: render REPORT PAGE\n");
		return HT_ERROR_USAGE;
	}
	if (!g_file_get_contents(argv[1], &json, &size, &error)) {
		fprintf(stderr, "%s\n", error->message);
		g_error_free(error);
		return HT_ERROR_FAILED;
	}
	if (!boot_html_write(json, size, argv[2], &error)) {
		fprintf(stderr, "%s\n", error->message);
		code = ht_error_exit_code(error);
		g_error_free(error);
	}
	g_free(json);
	return code;
}
