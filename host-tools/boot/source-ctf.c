// SPDX-License-Identifier: GPL-2.0-only
/* Events of a CTF trace for the boot report; see source.h. */
#include "source.h"

#include "error.h"

struct boot_source_info *boot_source_run_ctf(const char *path,
					     const struct boot_source_options *options,
					     boot_take take, void *data, GError **error)
{
	(void)options;
	(void)take;
	(void)data;
	g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "no CTF trace: %s", path);
	return NULL;
}
