/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The errors of the host tools: one GError domain whose codes are the exit
 * codes of the program, so that who detects a failure also says how it ends.
 */
#ifndef HYPERTRACE_ERROR_H
#define HYPERTRACE_ERROR_H

#include <glib.h>

#define HT_ERROR (ht_error_quark())

/**
 * enum ht_error - codes of %HT_ERROR, equal to the program's exit codes
 * @HT_ERROR_FAILED: the thing asked for failed (I/O error, disk full...)
 * @HT_ERROR_USAGE: the command line makes no sense
 * @HT_ERROR_NOT_FOUND: no such VM, no recording there
 * @HT_ERROR_BUSY: another recorder has it
 * @HT_ERROR_FORMAT: not a region, not a recording, another version, damaged
 * @HT_ERROR_DEFECTS: a check found loss or defects
 * @HT_ERROR_LIMIT: a boot is beyond a limit that was given
 */
enum ht_error {
	HT_ERROR_FAILED = 1,
	HT_ERROR_USAGE = 2,
	HT_ERROR_NOT_FOUND = 3,
	HT_ERROR_BUSY = 4,
	HT_ERROR_FORMAT = 5,
	HT_ERROR_DEFECTS = 6,
	HT_ERROR_LIMIT = 7,
};

/**
 * ht_error_quark - the GError domain of the host tools
 * Return: the quark.
 */
GQuark ht_error_quark(void);

/**
 * ht_error_exit_code - the exit code that belongs to an error
 * @error: an error of any domain
 * Return: its code if it is of %HT_ERROR; %HT_ERROR_USAGE for an error of the
 * option parser; else %HT_ERROR_FAILED.
 */
int ht_error_exit_code(const GError *error);

#endif
