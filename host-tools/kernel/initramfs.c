// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest initramfs; see initramfs.h. The format is "newc", as the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst has it.
 */
#include "kernel/initramfs.h"

#include <string.h>
#include <sys/stat.h>

#include "error.h"

static void pad(GByteArray *out)
{
	static const guint8 zeros[3];

	g_byte_array_append(out, zeros, -out->len & 3);
}

static void add_entry(GByteArray *out, const char *name, unsigned int mode, const char *data,
		      gsize size)
{
	/* magic, inode, mode, uid, gid, links, mtime, size, device and its like, name's size, sum */
	const unsigned int fields[] = {
		1, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0,
	};
	g_autoptr(GString) head = g_string_new("070701");

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		g_string_append_printf(head, "%08x", fields[i]);
	g_byte_array_append(out, (const guint8 *)head->str, head->len);
	g_byte_array_append(out, (const guint8 *)name, strlen(name) + 1);
	pad(out);
	g_byte_array_append(out, (const guint8 *)data, size);
	pad(out);
}

bool initramfs_write(const char *init, const char *path, GError **error)
{
	g_autofree char *program = NULL;
	GError *cause = NULL;
	GByteArray *out;
	gsize size;
	bool ok = g_file_get_contents(init, &program, &size, &cause);

	if (ok) {
		out = g_byte_array_new();
		add_entry(out, "init", S_IFREG | 0755, program, size);
		add_entry(out, "TRAILER!!!", 0, "", 0);
		ok = g_file_set_contents(path, (const char *)out->data, out->len, &cause);
		g_byte_array_unref(out);
	}
	if (!ok) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make initramfs: %s",
			    cause->message);
		g_error_free(cause);
	}
	return ok;
}
