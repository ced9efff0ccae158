// SPDX-License-Identifier: GPL-2.0-only
/*
 * The place an export is written to: see output.h.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "export/output.h"
#include "export/scratch.h"

bool output_init(struct output *output, const char *out, GError **error)
{
	struct stat status;

	if (lstat(out, &status) == 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "output exists: %s", out);
		return false;
	}
	output->out = out;
	output->partial = g_strdup_printf("%s.partial-%d", out, (int)getpid());
	if (mkdir(output->partial, 0777)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make directory: %s: %s",
			    output->partial, g_strerror(errno));
		g_free(output->partial);
		return false;
	}
	return true;
}

bool output_commit(struct output *output, const char *path, GError **error)
{
	if (rename(path, output->out)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot rename: %s to %s: %s",
			    path, output->out, g_strerror(errno));
		return false;
	}
	return true;
}

void output_fini(struct output *output)
{
	scratch_remove(output->partial);
	g_free(output->partial);
}
