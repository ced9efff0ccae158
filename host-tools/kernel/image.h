/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel images for x86 PCs: finding the file that a user means, and what it
 * says of itself without being run.
 */
#ifndef HYPERTRACE_KERNEL_IMAGE_H
#define HYPERTRACE_KERNEL_IMAGE_H

#include <glib.h>

/**
 * struct kernel_image - a file that QEMU can boot
 * @path: of the file
 * @origin: what the user named, absolute if it is a file
 * @release: as the image says (uname -r), "" if it does not
 * @version: the same of uname -v
 */
struct kernel_image {
	char *path;
	char *origin;
	char *release;
	char *version;
};

/**
 * kernel_image_find - the image that a user means
 * @what: a kernel image, a Debian package of one (.deb), or the release of an
 *	installed kernel
 * @scratch: an existing directory; what has to be unpacked goes there
 * @error: %HT_ERROR_NOT_FOUND; %HT_ERROR_FORMAT: no kernel; or an I/O error
 * Return: the image, to be freed with kernel_image_free(), or NULL.
 */
struct kernel_image *kernel_image_find(const char *what, const char *scratch, GError **error);

/** kernel_image_free - free what kernel_image_find() made; NULL is fine */
void kernel_image_free(struct kernel_image *image);

#endif
