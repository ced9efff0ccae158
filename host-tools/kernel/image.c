// SPDX-License-Identifier: GPL-2.0-only
/* Kernel images for x86 PCs; see image.h. */
#include "kernel/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "wire/text.h"

/* The Linux/x86 boot protocol (Documentation/arch/x86/boot.rst). */
#define SETUP_MAGIC_AT		0x202
#define SETUP_MAGIC		"HdrS"
#define KERNEL_VERSION_AT	0x20e	/* 16 bits: where its text is, less 0x200 */
#define KERNEL_VERSION_SIZE	512

#define DEB_MAGIC		"!<arch>\ndebian-binary"

/* What is looked at: the boot sector, the setup header and the version's text. */
#define HEAD_SIZE		65536

void kernel_image_free(struct kernel_image *image)
{
	if (!image)
		return;
	g_free(image->path);
	g_free(image->origin);
	g_free(image->release);
	g_free(image->version);
	g_free(image);
}

/**
 * read_head - the beginning of a file
 * @head: %HEAD_SIZE bytes
 * @size: set to the bytes read
 */
static bool read_head(const char *path, uint8_t *head, size_t *size, GError **error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	ssize_t n = -1;

	if (fd >= 0 && !fstat(fd, &info) && !S_ISREG(info.st_mode)) {
		close(fd);
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "cannot read kernel: path=%s: not a regular file", path);
		return false;
	}
	if (fd >= 0)
		n = pread(fd, head, HEAD_SIZE, 0);
	if (n < 0) {
		int saved = errno;

		g_set_error(error, HT_ERROR,
			    saved == ENOENT ? HT_ERROR_NOT_FOUND : HT_ERROR_FAILED,
			    "cannot read kernel: path=%s: %s", path, g_strerror(saved));
	}
	if (fd >= 0)
		close(fd);
	*size = n < 0 ? 0 : n;
	return n >= 0;
}

/**
 * find_version - the text "RELEASE (WHO) VERSION" in a bzImage's header
 * Return: the text, made printable, to be freed, or NULL.
 */
static char *find_version(const uint8_t *head, size_t size)
{
	size_t at = head[KERNEL_VERSION_AT] | head[KERNEL_VERSION_AT + 1] << 8;
	char *text;

	if (!at || at + 0x200 + KERNEL_VERSION_SIZE > size)
		return NULL;
	text = g_malloc(KERNEL_VERSION_SIZE + 1);
	text_copy(text, head + at + 0x200, KERNEL_VERSION_SIZE);
	return text;
}

/**
 * identify - see whether bytes are a kernel's, and which
 * Return: false if they are none.
 */
static bool identify(const uint8_t *head, size_t size, struct kernel_image *image)
{
	g_autofree char *text = NULL;
	const char *space, *number;

	if (size > SELFMAG && !memcmp(head, ELFMAG, SELFMAG)) {
		image->release = g_strdup("");
		image->version = g_strdup("");
		return true;
	}
	if (size < KERNEL_VERSION_AT + 2 || memcmp(head + SETUP_MAGIC_AT, SETUP_MAGIC, 4))
		return false;
	text = find_version(head, size);
	space = text ? strchr(text, ' ') : NULL;
	number = text ? strstr(text, ") #") : NULL;
	image->release = space ? g_strndup(text, space - text) : g_strdup("");
	image->version = number ? g_strdup(number + 2) : g_strdup("");
	return true;
}

/**
 * unpack_package - take the kernel out of a Debian package
 * @scratch: the kernel goes to the file vmlinuz in it
 *
 * Debian's packages have it in /boot, newer ones (linux-binary-*) in
 * /usr/lib/modules. Its bytes come through a pipe: nothing in the package says where they go.
 */
static char *unpack_package(const char *package, const char *scratch, GError **error)
{
	/* 256 MiB are more than any kernel has */
	static const char script[] =
		"ulimit -f 524288; exec 3>&2; dpkg-deb --fsys-tarfile \"$1\" 2>&3 |"
		" tar -xO --wildcards --wildcards-match-slash --exclude='./usr/share/*' -f -"
		" './*/vmlinuz*' >\"$2\" 2>/dev/null";
	g_autofree char *out = g_build_filename(scratch, "vmlinuz", NULL);
	g_autofree char *messages = NULL;
	const char *argv[] = { "sh", "-c", script, "sh", package, out, NULL };
	struct stat info;
	int status;

	if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
			  &messages, &status, error)) {
		g_prefix_error(error, "cannot unpack package: path=%s: ", package);
		return NULL;
	}
	/* tar fails too where the package ends too early */
	if (status || stat(out, &info) < 0 || !info.st_size) {
		g_strdelimit(g_strchomp(messages), "\n", ' ');
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "cannot unpack package: path=%s: %s", package,
			    *messages ? messages : "there is no whole kernel in it "
			    "(boot/vmlinuz-* or usr/lib/modules/*/vmlinuz)");
		return NULL;
	}
	return g_steal_pointer(&out);
}

/**
 * find_installed - the image of an installed kernel
 * Return: its path, to be freed, or NULL.
 */
static char *find_installed(const char *release, GError **error)
{
	char *path = g_strdup_printf("/boot/vmlinuz-%s", release);

	if (g_file_test(path, G_FILE_TEST_EXISTS))
		return path;
	g_free(path);
	path = g_strdup_printf("/lib/modules/%s/vmlinuz", release);
	if (g_file_test(path, G_FILE_TEST_EXISTS))
		return path;
	g_free(path);
	g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
		    "cannot find kernel: kernel=%s: neither a file nor an installed kernel's release",
		    release);
	return NULL;
}

struct kernel_image *kernel_image_find(const char *what, const char *scratch, GError **error)
{
	struct kernel_image *image = g_new0(struct kernel_image, 1);
	g_autofree uint8_t *head = g_malloc0(HEAD_SIZE);
	size_t size;

	if (strchr(what, '/') || g_file_test(what, G_FILE_TEST_EXISTS))
		image->path = g_canonicalize_filename(what, NULL);
	else
		image->path = find_installed(what, error);
	if (!image->path || !read_head(image->path, head, &size, error))
		goto fail;
	image->origin = g_strdup(image->path);
	if (size >= sizeof(DEB_MAGIC) - 1 && !memcmp(head, DEB_MAGIC, sizeof(DEB_MAGIC) - 1)) {
		g_free(image->path);
		image->path = unpack_package(image->origin, scratch, error);
		if (!image->path || !read_head(image->path, head, &size, error))
			goto fail;
	}
	if (identify(head, size, image))
		return image;
	g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
		    "cannot read kernel: path=%s: not a Linux kernel for x86", image->origin);

fail:
	kernel_image_free(image);
	return NULL;
}
