/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Running a kernel with profile-init for some seconds, in a QEMU that emulates
 * the CPU: it needs neither KVM nor the hypertrace device nor any right.
 */
#ifndef HYPERTRACE_KERNEL_BOOT_H
#define HYPERTRACE_KERNEL_BOOT_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct kernel_boot - what is to be run
 * @qemu: the QEMU, a name in PATH or a path
 * @init: path of profile-init
 * @image: path of the kernel
 * @scratch: an existing directory for the files this takes
 * @timeout_s: seconds that the guest may take
 */
struct kernel_boot {
	const char *qemu;
	const char *init;
	const char *image;
	const char *scratch;
	unsigned int timeout_s;
};

/**
 * kernel_boot_run - run a kernel and take what profile-init hands over
 * @boot: what to run
 * @size: set to the bytes of the result
 * @error: %HT_ERROR_NOT_FOUND: no such QEMU; %HT_ERROR_FAILED: QEMU failed, the
 *	guest panicked, ended too early or took too long; %HT_ERROR_FORMAT: what
 *	came from it is nonsense
 *
 * The guest is gone when this returns. An interrupt (SIGINT, SIGTERM) ends it
 * and is an error.
 *
 * Return: the packets, unchecked, to be freed with g_free(), or NULL.
 */
uint8_t *kernel_boot_run(const struct kernel_boot *boot, size_t *size, GError **error);

#endif
