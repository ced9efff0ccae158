/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's CLOCK_MONOTONIC in the guest: for a tracer whose times are to be the
 * host's own.
 */
#ifndef VHT_CLOCK_H
#define VHT_CLOCK_H

#include <linux/types.h>

/* vht_clock.c */
int vht_clock_host(u8 boot_id[16]);
u64 vht_clock_read(void);

#endif /* VHT_CLOCK_H */
