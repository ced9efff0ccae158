// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: choose SYMBOL|- ADDRESS [FUNCTION...]
 * Asks the store for the profile that fits, prints its build id and the
 * distance. Exit code as `hypertrace` has it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "kernel/profile.h"

int main(int argc, char **argv)
{
	const char *symbol = argc > 1 && strcmp(argv[1], "-") ? argv[1] : NULL;
	struct kernel_profile *profile;
	uint64_t functions[4096], shift, address;
	GError *error = NULL;
	size_t count = 0;

	if (argc < 3)
		return HT_ERROR_USAGE;
	address = g_ascii_strtoull(argv[2], NULL, 16);
	for (int i = 3; i < argc && count < G_N_ELEMENTS(functions); i++)
		functions[count++] = g_ascii_strtoull(argv[i], NULL, 16);
	profile = kernel_profile_choose(symbol, address, functions, count, &shift, &error);
	if (!profile) {
		fprintf(stderr, "%s\n", error->message);
		return ht_error_exit_code(error);
	}
	printf("%s %" PRIx64 "\n", profile->build_id, shift);
	kernel_profile_free(profile);
	return 0;
}
