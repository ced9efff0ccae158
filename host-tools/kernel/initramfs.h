/* SPDX-License-Identifier: GPL-2.0-only */
/* The smallest initramfs: a cpio archive with /init and nothing else. */
#ifndef HYPERTRACE_KERNEL_INITRAMFS_H
#define HYPERTRACE_KERNEL_INITRAMFS_H

#include <glib.h>
#include <stdbool.h>

/**
 * initramfs_write - write an initramfs
 * @init: path of the program that is to be /init
 * @path: of the archive to make
 * @error: an I/O error
 * Return: false with @error set.
 */
bool initramfs_write(const char *init, const char *path, GError **error);

#endif
