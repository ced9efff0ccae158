/* SPDX-License-Identifier: GPL-2.0-only */
/* How far a recording is: sums over all streams, and the line on the terminal that shows them. */
#ifndef HYPERTRACE_RECORDER_STATUS_H
#define HYPERTRACE_RECORDER_STATUS_H

#include "recorder/recorder.h"

/**
 * recorder_totals - sums over everything, past and present
 * @rec: the recorder
 * @sum: written
 */
void recorder_totals(const struct recorder *rec, struct session_totals *sum);

/**
 * recorder_show_status - renew the status line once a second
 * @rec: the recorder; nothing is shown if it does not want it
 */
void recorder_show_status(struct recorder *rec);

/**
 * recorder_clear_status - take the status line away
 * @rec: the recorder
 */
void recorder_clear_status(struct recorder *rec);

#endif
