/* SPDX-License-Identifier: GPL-2.0-only */
/* What a recorder prints at its end: stream by stream, from when to when, what is missing. */
#ifndef HYPERTRACE_RECORDER_SUMMARY_H
#define HYPERTRACE_RECORDER_SUMMARY_H

#include <stdbool.h>

#include "recorder/recorder.h"

/**
 * recorder_has_recorded - see whether there is anything to sum up
 * @rec: the recorder
 * Return: true if so.
 */
bool recorder_has_recorded(const struct recorder *rec);

/**
 * recorder_print_summary - print it
 * @rec: the recorder; all that it recorded is finished
 */
void recorder_print_summary(const struct recorder *rec);

#endif
