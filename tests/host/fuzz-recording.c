// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzing a recording's directory: the input is recording.ini, a NUL, vm.ini, a
 * NUL, the name of a generation's directory, a NUL, the file in it.
 */
#include <string.h>
#include <unistd.h>

#include "recording/reader.h"
#include "scratch.h"

/* What is before the next NUL. */
static const uint8_t *part(const uint8_t **data, size_t *left, size_t *size)
{
	const uint8_t *start = *data, *end = *left ? memchr(start, 0, *left) : NULL;

	*size = end ? (size_t)(end - start) : *left;
	*data += *size + (end != NULL);
	*left -= *size + (end != NULL);
	return start;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *ini, *vm_ini, *name;
	size_t ini_size, vm_ini_size, name_size, i;
	g_autofree char *dir = NULL, *file = NULL, *vm = NULL;
	struct recording *rec;
	char safe[32];

	if (!scratch_dir)
		scratch_init();
	ini = part(&data, &size, &ini_size);
	vm_ini = part(&data, &size, &vm_ini_size);
	name = part(&data, &size, &name_size);
	for (i = 0; i < name_size && i < sizeof(safe) - 1; i++)
		safe[i] = name[i] == '/' ? '_' : (char)name[i];
	safe[i] = '\0';
	/* a directory, and not the one above */
	if (!safe[0] || safe[0] == '.')
		strcpy(safe, "1.1");

	scratch_put("recording.ini", ini, (gssize)ini_size);
	scratch_put("vm/vm.ini", vm_ini, (gssize)vm_ini_size);
	vm = g_build_filename("vm", safe, "metadata", NULL);
	dir = g_build_filename(scratch_dir, "vm", safe, NULL);
	file = g_build_filename(dir, "metadata", NULL);
	if (strcmp(safe, "vm.ini") != 0)
		scratch_put(vm, data, (gssize)size);
	rec = recording_open(scratch_dir, NULL);
	recording_free(rec);
	unlink(file);
	rmdir(dir);
	return 0;
}
