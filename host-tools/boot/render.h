/* SPDX-License-Identifier: GPL-2.0-only */
/* A boot report for people and for programs. */
#ifndef HYPERTRACE_BOOT_RENDER_H
#define HYPERTRACE_BOOT_RENDER_H

#include <json-glib/json-glib.h>
#include <stdio.h>

#include "report.h"

/**
 * render_json - a report as docs/specs/boot-report.md has it
 * @report: the report
 * Return: the root, to be freed with json_node_unref().
 */
JsonNode *render_json(const struct report *report);

/**
 * render_text - a report as text for a terminal
 * @report: the report
 * @top: lines of each list
 * @out: where to
 */
void render_text(const struct report *report, unsigned int top, FILE *out);

/** render_json_text - JSON as text with a newline at its end. Return: to be freed with g_free() */
char *render_json_text(JsonNode *root, gboolean is_pretty);

/** render_clean - text of a guest as printable UTF-8. Return: to be freed with g_free() */
char *render_clean(const char *text);

#endif
