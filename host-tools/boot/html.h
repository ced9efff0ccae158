/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boot report as one HTML page that holds everything it needs: the report
 * as JSON, and the page of boot/page/, which is compiled into the program.
 */
#ifndef HYPERTRACE_BOOT_HTML_H
#define HYPERTRACE_BOOT_HTML_H

#include <glib.h>

/**
 * boot_html_new - make the page of a report
 * @json: the report, docs/specs/boot-report.md; its texts may be hostile
 * @size: bytes of @json, or -1: it ends with a NUL
 * @error: %HT_ERROR_FORMAT if @json is not UTF-8
 *
 * No byte of @json can end the element that holds it. The page forbids itself
 * every request (Content-Security-Policy) and all scripts but its own.
 *
 * Return: the page, or NULL.
 */
GString *boot_html_new(const char *json, gssize size, GError **error);

/**
 * boot_html_write - write the page of a report to a file
 * @json: as for boot_html_new()
 * @size: as for boot_html_new()
 * @path: the file; it is replaced when the new one is whole, or stays as it is
 * @error: %HT_ERROR_FORMAT as for boot_html_new(), %HT_ERROR_FAILED if the file
 *	cannot be written
 * Return: true if the file is there.
 */
gboolean boot_html_write(const char *json, gssize size, const char *path, GError **error);

#endif
