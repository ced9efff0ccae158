// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making kernel profiles; see make.h. A profile is made beside the others under
 * a hidden name and renamed when it is whole.
 */
#include "kernel/make.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "kernel/boot.h"
#include "kernel/image.h"
#include "kernel/stream.h"

/* In the build directory, beside the program; else where it was installed. */
#define INIT_NAME	"hypertrace-profile-init"

static void remove_directory(const char *path)
{
	GDir *directory = g_dir_open(path, 0, NULL);
	const char *name;

	while (directory && (name = g_dir_read_name(directory))) {
		g_autofree char *file = g_build_filename(path, name, NULL);

		g_unlink(file);
	}
	if (directory)
		g_dir_close(directory);
	g_rmdir(path);
}

/* Return: the path of profile-init, to be freed, or NULL. */
static char *find_init(GError **error)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *directory = g_path_get_dirname(self ? self : ".");
	char *path = g_build_filename(directory, "kernel", INIT_NAME, NULL);

	if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return path;
	g_free(path);
	path = g_build_filename(HYPERTRACE_LIBEXECDIR, INIT_NAME, NULL);
	if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return path;
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
		    "cannot find the guest's program: path=%s: is hypertrace installed?", path);
	g_free(path);
	return NULL;
}

/* The profile that was made of the same release and version. */
static struct kernel_profile *find_made(const struct kernel_image *image)
{
	GPtrArray *profiles = kernel_profiles_list();
	struct kernel_profile *found = NULL;

	for (guint i = 0; i < profiles->len && !found && *image->version; i++) {
		const struct kernel_profile *profile = profiles->pdata[i];

		if (!strcmp(profile->release, image->release) &&
		    !strcmp(profile->version, image->version))
			found = g_ptr_array_steal_index(profiles, i);
	}
	g_ptr_array_unref(profiles);
	return found;
}

static bool write_ini(const char *directory, const struct kernel_facts *facts, const char *origin,
		      GError **error)
{
	g_autofree char *path = g_build_filename(directory, "profile.ini", NULL);
	g_autofree char *text = g_strdup_printf("%016" G_GINT64_MODIFIER "x", facts->text_address);
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *made = g_date_time_format_iso8601(now);
	GKeyFile *ini = g_key_file_new();
	bool ok;

	g_key_file_set_integer(ini, "profile", "format", 1);
	g_key_file_set_string(ini, "profile", "build_id", facts->build_id);
	g_key_file_set_string(ini, "profile", "release", facts->release);
	g_key_file_set_string(ini, "profile", "version", facts->version);
	g_key_file_set_string(ini, "profile", "machine", facts->machine);
	g_key_file_set_string(ini, "profile", "text_address", text);
	g_key_file_set_string(ini, "profile", "made", made);
	g_key_file_set_string(ini, "profile", "made_by", "hypertrace " HYPERTRACE_VERSION);
	g_key_file_set_string(ini, "profile", "made_from", origin);
	ok = g_key_file_save_to_file(ini, path, error);
	g_key_file_free(ini);
	return ok;
}

static bool fail_errno(const char *what, const char *path, GError **error)
{
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot %s: path=%s: %s", what, path,
		    g_strerror(errno));
	return false;
}

/**
 * put_in_place - let a new directory be the profile of its name
 * @new_path: the directory
 * @path: what it is to be called; what is there goes
 */
static bool put_in_place(const char *new_path, const char *path, GError **error)
{
	if (!rename(new_path, path))
		return true;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return fail_errno("rename directory", new_path, error);
	if (renameat2(AT_FDCWD, new_path, AT_FDCWD, path, RENAME_EXCHANGE) < 0)
		return fail_errno("replace directory", path, error);
	remove_directory(new_path);
	return true;
}

/**
 * save - write what a guest handed over as a profile
 * @bytes: its packets, hostile
 * Return: the path of the profile, to be freed, or NULL.
 */
static char *save(const uint8_t *bytes, size_t size, const char *origin, GError **error)
{
	struct recording_stream stream = { .data = bytes, .size = size };
	g_autofree char *store = kernel_profiles_store();
	g_autofree char *new_path = g_build_filename(store, ".new.XXXXXX", NULL);
	g_autofree char *path = NULL, *metadata = NULL;
	struct kernel_facts facts;
	bool ok = false;

	recording_stream_scan(&stream);
	if (!kernel_stream_check(&stream, &facts, error)) {
		g_prefix_error(error, "cannot make kernel profile: path=%s: ", origin);
		return NULL;
	}
	path = g_build_filename(store, facts.build_id, NULL);
	if (g_mkdir_with_parents(store, 0755) < 0) {
		fail_errno("make directory", store, error);
	} else if (!g_mkdtemp(new_path)) {
		fail_errno("make directory in", store, error);
	} else {
		metadata = g_build_filename(new_path, "metadata", NULL);
		ok = kernel_stream_write(&stream, 0, metadata, error) &&
		     write_ini(new_path, &facts, origin, error) &&
		     put_in_place(new_path, path, error);
		if (!ok)
			remove_directory(new_path);
	}
	kernel_facts_fini(&facts);
	return ok ? g_steal_pointer(&path) : NULL;
}

/**
 * make_in - make a profile, with a directory for what it takes
 */
static struct kernel_profile *make_in(const char *scratch, const struct kernel_make *make,
				      bool *is_new, GError **error)
{
	struct kernel_boot boot = {
		.qemu = make->qemu,
		.scratch = scratch,
		.timeout_s = make->timeout_s,
	};
	struct kernel_image *image = kernel_image_find(make->what, scratch, error);
	struct kernel_profile *profile = NULL;
	g_autofree char *init = NULL, *path = NULL;
	g_autofree uint8_t *bytes = NULL;
	size_t size;

	if (!image)
		return NULL;
	if (!make->is_forced)
		profile = find_made(image);
	if (profile) {
		*is_new = false;
		goto out;
	}
	init = find_init(error);
	if (!init)
		goto out;
	boot.init = init;
	boot.image = image->path;
	bytes = kernel_boot_run(&boot, &size, error);
	if (!bytes)
		goto out;
	path = save(bytes, size, image->origin, error);
	if (path)
		profile = kernel_profile_load(path, error);
	if (profile)
		*is_new = true;

out:
	kernel_image_free(image);
	return profile;
}

struct kernel_profile *kernel_profile_make(const struct kernel_make *make, bool *is_new,
					   GError **error)
{
	g_autofree char *scratch = g_dir_make_tmp("hypertrace-XXXXXX", error);
	struct kernel_profile *profile;

	if (!scratch)
		return NULL;
	profile = make_in(scratch, make, is_new, error);
	remove_directory(scratch);
	return profile;
}

bool kernel_profile_remove(const struct kernel_profile *profile, GError **error)
{
	remove_directory(profile->path);
	if (g_file_test(profile->path, G_FILE_TEST_EXISTS)) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "cannot remove kernel profile: path=%s: it is still there",
			    profile->path);
		return false;
	}
	return true;
}
