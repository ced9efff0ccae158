/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Profiles and recordings: the lives in a window that say nothing of their
 * kernel get the profile that fits, so that the recording needs nothing else.
 */
#ifndef HYPERTRACE_KERNEL_KEEP_H
#define HYPERTRACE_KERNEL_KEEP_H

#include <glib.h>
#include <stdbool.h>

#include "profile.h"

/**
 * kernel_profile_keep - put profiles into a recording
 * @path: of the recording
 * @named: what the user named, NULL: what fits the addresses that a window tells
 * @must_fit: with @named NULL: it is an error if no profile fits, or several
 * @kept: set to the number of lives that got one
 * @error: %HT_ERROR_NOT_FOUND, %HT_ERROR_USAGE: as kernel_profile_fits() and
 *	kernel_profile_choose(); or an I/O error
 *
 * What has its metadata already is left alone, and an epoch whose driver told all.
 *
 * Return: false with @error set.
 */
bool kernel_profile_keep(const char *path, const struct kernel_profile *named, bool must_fit,
			 unsigned int *kept, GError **error);

#endif
