// SPDX-License-Identifier: GPL-2.0-only
/* `hypertrace kernel`: makes, shows and removes kernel profiles. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "error.h"
#include "kernel/keep.h"
#include "kernel/make.h"

#define NAME	"kernel"

#define DEFAULT_QEMU	"qemu-system-x86_64"
#define DEFAULT_TIMEOUT	120

static int add(int argc, char **argv, const struct kernel_make *how)
{
	struct kernel_make make = *how;
	GError *error = NULL;
	int code = 0;

	for (int i = 0; i < argc && !code; i++) {
		struct kernel_profile *profile;
		bool is_new;

		make.what = argv[i];
		profile = kernel_profile_make(&make, &is_new, &error);
		if (!profile)
			return cmd_fail(NAME, error);
		printf("%s %s: %s\n", profile->release, profile->build_id,
		       is_new ? "profile made" : "there is a profile already");
		kernel_profile_free(profile);
	}
	return code;
}

static int list(void)
{
	GPtrArray *profiles = kernel_profiles_list();

	for (guint i = 0; i < profiles->len; i++) {
		const struct kernel_profile *profile = profiles->pdata[i];

		printf("%-24s %s  made %.10s from %s\n    %s\n", profile->release,
		       profile->build_id, profile->made, profile->made_from, profile->version);
	}
	g_ptr_array_unref(profiles);
	return 0;
}

static int remove_profiles(int argc, char **argv)
{
	GError *error = NULL;

	for (int i = 0; i < argc; i++) {
		struct kernel_profile *profile = kernel_profile_load(argv[i], &error);

		if (profile && kernel_profile_remove(profile, &error))
			printf("%s %s: removed\n", profile->release, profile->build_id);
		kernel_profile_free(profile);
		if (error)
			return cmd_fail(NAME, error);
	}
	return 0;
}

/* Return: exit code. */
static int put(const char *recording, const char *name)
{
	struct kernel_profile *profile = NULL;
	GError *error = NULL;
	unsigned int kept;

	if (name)
		profile = kernel_profile_load(name, &error);
	if (!error && kernel_profile_keep(recording, profile, true, &kept, &error))
		printf("%s: %u put\n", recording, kept);
	kernel_profile_free(profile);
	return error ? cmd_fail(NAME, error) : 0;
}

int cmd_kernel(int argc, char **argv)
{
	const char *named = g_getenv("HYPERTRACE_QEMU");
	g_autofree char *qemu = NULL;
	gint timeout = DEFAULT_TIMEOUT;
	gboolean force = FALSE;
	const GOptionEntry entries[] = {
		{ "qemu", 'q', 0, G_OPTION_ARG_FILENAME, &qemu,
		  "add: the QEMU to run kernels in (default: $HYPERTRACE_QEMU, " DEFAULT_QEMU ")",
		  "PATH" },
		{ "timeout", 't', 0, G_OPTION_ARG_INT, &timeout,
		  "add: seconds a kernel may take (default: 120)", "SECONDS" },
		{ "force", 'f', 0, G_OPTION_ARG_NONE, &force,
		  "add: make the profile anew if there is one", NULL },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};
	struct kernel_make make;

	if (!cmd_parse(&argc, &argv, "add KERNEL... | list | remove PROFILE... | put RECORDING [PROFILE]",
		       "Makes, shows and removes profiles of kernels: what it takes to read the\n"
		       "trace of a guest whose driver never came up. A KERNEL is an image\n"
		       "(vmlinuz), a Debian package of one, or an installed kernel's release; a\n"
		       "PROFILE is a release or a build id.",
		       entries))
		return HT_ERROR_USAGE;
	if (timeout < 1)
		return cmd_usage(NAME, "a timeout is 1 s or more");
	make = (struct kernel_make) {
		.qemu = qemu ? qemu : named && *named ? named : DEFAULT_QEMU,
		.timeout_s = timeout,
		.is_forced = force,
	};
	if (argc > 2 && !strcmp(argv[1], "add"))
		return add(argc - 2, argv + 2, &make);
	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	if (argc > 2 && !strcmp(argv[1], "remove"))
		return remove_profiles(argc - 2, argv + 2);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "put"))
		return put(argv[2], argc > 3 ? argv[3] : NULL);
	return cmd_usage(NAME, "one of these is needed: add KERNEL..., list, remove PROFILE..., put RECORDING [PROFILE]");
}
