/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What profile-init in the guest hands to the host: this header, and packets of
 * a metadata stream behind it. It lies in shared memory, or comes over a serial
 * port; the host looks at it when the guest is gone. Little-endian.
 */
#ifndef HYPERTRACE_KERNEL_PROFILE_IMAGE_H
#define HYPERTRACE_KERNEL_PROFILE_IMAGE_H

#include <stdint.h>

/* "HYPPROF1" as it lies in memory. */
#define PROFILE_IMAGE_MAGIC	0x31464f5250505948ULL

/* Header and packets, at most; also the size of the shared memory. */
#define PROFILE_IMAGE_MAX	(64 << 20)

/**
 * struct profile_image - the header
 * @magic: %PROFILE_IMAGE_MAGIC; stored last
 * @size: of the packets, bytes; 0 if there are none because of @error
 * @error: what failed in the guest, NUL-padded
 */
struct profile_image {
	uint64_t magic;
	uint64_t size;
	char error[112];
};

#endif
