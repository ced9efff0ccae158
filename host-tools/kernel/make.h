/* SPDX-License-Identifier: GPL-2.0-only */
/* Making kernel profiles, and removing them. */
#ifndef HYPERTRACE_KERNEL_MAKE_H
#define HYPERTRACE_KERNEL_MAKE_H

#include <glib.h>
#include <stdbool.h>

#include "profile.h"

/**
 * struct kernel_make - how a profile is to be made
 * @what: a kernel image, a package of one, or an installed kernel's release
 * @qemu: the QEMU to run it in
 * @timeout_s: seconds that the guest may take
 * @is_forced: make it anew where there is one already
 */
struct kernel_make {
	const char *what;
	const char *qemu;
	unsigned int timeout_s;
	bool is_forced;
};

/**
 * kernel_profile_make - make a profile and put it into the user's store
 * @make: how
 * @is_new: set to false if there was one already and nothing was done
 * @error: as kernel_image_find() and kernel_boot_run() have it, or an I/O error
 * Return: the profile, to be freed with kernel_profile_free(), or NULL.
 */
struct kernel_profile *kernel_profile_make(const struct kernel_make *make, bool *is_new,
					   GError **error);

/**
 * kernel_profile_remove - remove a profile's directory
 * @profile: the profile
 * @error: an I/O error
 * Return: false with @error set.
 */
bool kernel_profile_remove(const struct kernel_profile *profile, GError **error);

#endif
