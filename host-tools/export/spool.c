// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that programs of guests wrote to their spools, as files: a directory for
 * each VM, in it one for each life of a driver, and in that what the guest made. What lies
 * there was named by a guest, and holds what it liked.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "export/export.h"
#include "export/output.h"
#include "recording/reader.h"
#include "spool/tree.h"

/* Tell what is not in the files. @where: as in "vm=web epoch=1 generation=1" */
static void warn_tree(const struct export_request *request, const char *where,
		      const struct spool_tree *tree)
{
	if (tree->holed)
		export_warn(request, "spool: %s: %u files have holes where data did not come, %"
			    PRIu64 " bytes in all", where, tree->holed, tree->size - tree->known);
	if (tree->refused)
		export_warn(request, "spool: %s: %" PRIu64 " packets are left out: no path or no"
			    " data that can be", where, tree->refused);
	if (tree->too_many)
		export_warn(request, "spool: %s: %" PRIu64 " packets are left out: too many files",
			    where, tree->too_many);
}

static bool write_tree(const struct export_request *request, const char *path,
		       const struct spool_tree *tree, GError **error)
{
	int dir;
	bool done;

	dir = g_mkdir_with_parents(path, 0777) < 0 ? -1 :
	      open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make directory: path=%s",
			    path);
		return false;
	}
	done = spool_tree_write(tree, dir, request->warnings, error);
	close(dir);
	return done;
}

static bool export_stream(const struct export_request *request, const char *out,
			  const struct recording_vm *vm, const struct recording_generation *gen,
			  const struct recording_stream *stream, GError **error)
{
	struct spool_tree *tree = spool_tree_new(stream);
	g_autofree char *life = g_strdup_printf("%" PRIu32 ".%" PRIu32, gen->epoch,
						gen->generation);
	g_autofree char *path = g_build_filename(out, vm->dir_name, life, NULL);
	g_autofree char *where = g_strdup_printf("vm=%s epoch=%" PRIu32 " generation=%" PRIu32,
						 vm->name, gen->epoch, gen->generation);
	bool done = !tree->count || write_tree(request, path, tree, error);

	warn_tree(request, where, tree);
	spool_tree_free(tree);
	return done;
}

static bool export_vm(const struct export_request *request, const char *out,
		      const struct recording_vm *vm, guint *spools, GError **error)
{
	bool done = true;

	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *gen = vm->generations->pdata[i];

		for (guint j = 0; done && j < gen->streams->len; j++) {
			const struct recording_stream *stream = gen->streams->pdata[j];

			if (stream->source != VHT_SOURCE_SPOOL)
				continue;
			++*spools;
			done = export_stream(request, out, vm, gen, stream, error);
		}
	}
	return done;
}

static bool export_recording(const struct export_request *request,
			     const struct recording *recording, const char *out, GError **error)
{
	guint spools = 0;

	for (guint i = 0; i < recording->vms->len; i++) {
		const struct recording_vm *vm = recording->vms->pdata[i];

		if (export_wants_guest(request, vm) &&
		    !export_vm(request, out, vm, &spools, error))
			return false;
	}
	if (spools)
		return true;
	g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no files of a guest in %s: %s",
		    request->recording, request->vm ? request->vm : "(any VM)");
	return false;
}

bool export_files(const struct export_request *request, GError **error)
{
	struct recording *recording = recording_open(request->recording, error);
	struct output output;
	bool done;

	if (!recording)
		return false;
	if (!output_init(&output, request->out, error)) {
		recording_free(recording);
		return false;
	}
	done = export_recording(request, recording, output.partial, error) &&
	       output_commit(&output, output.partial, error);
	output_fini(&output);
	recording_free(recording);
	return done;
}
