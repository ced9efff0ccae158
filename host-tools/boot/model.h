/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From events to a report. Every event is looked at once, in order of time:
 * boundaries are taken as they go by, and when the boot's end is seen the report
 * on it is made of what is known at that moment, before the guest's later life
 * can blur it. What the words mean is in docs/boot-latency.md.
 */
#ifndef HYPERTRACE_BOOT_MODEL_H
#define HYPERTRACE_BOOT_MODEL_H

#include "event.h"
#include "report.h"
#include "source.h"
#include "until.h"

struct model;

/**
 * model_new - begin
 * @until: what ends the boot; stays the caller's, as long as the model
 * Return: to be freed with model_finish().
 */
struct model *model_new(const struct until *until);

/** model_take - look at one event; a boot_take for boot_source_run() */
void model_take(const struct boot_event *event, void *model);

/**
 * model_finish - make the report
 * @model: freed
 * @input: path of what was read, or NULL
 * @source: what the source said; the report's from now on; NULL frees the model only
 * Return: the report, to be freed with report_free(), or NULL without @source.
 */
struct report *model_finish(struct model *model, const char *input,
			    struct boot_source_info *source);

#endif
