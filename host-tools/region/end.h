/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why the guest, or its driver, ends, as the guest header says it [G5].
 */
#ifndef HYPERTRACE_REGION_END_H
#define HYPERTRACE_REGION_END_H

#include <stdbool.h>

#include "../wire/end.h"
#include "region.h"

/**
 * region_guest_end - copy what a driver has said of the end
 * @region: the region
 * @guest: the guest header as it was read before
 * @out: the copy, made harmless; written only if there is one
 *
 * The driver says it again at each step: look again.
 *
 * Return: false if it has said nothing, is saying something just now, or is
 * another one meanwhile.
 */
bool region_guest_end(const struct region *region, const struct region_guest *guest,
		      struct guest_end *out);

#endif
