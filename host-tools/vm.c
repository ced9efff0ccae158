// SPDX-License-Identifier: GPL-2.0-only
/* Finding VMs; see vm.h. */
#include "vm.h"

#include <string.h>
#include <unistd.h>

#include "control.h"
#include "error.h"

char *vm_runtime_dir(void)
{
	const char *user_dir;

	if (geteuid() == 0)
		return g_strdup("/run/hypertrace");
	/* not g_get_user_runtime_dir(): that invents one where there is none */
	user_dir = g_getenv("XDG_RUNTIME_DIR");
	if (!user_dir || !*user_dir)
		return NULL;
	return g_build_filename(user_dir, "hypertrace", NULL);
}

static struct vm *new_from_dir(const char *name, const char *dir)
{
	struct vm *vm = g_new0(struct vm, 1);

	vm->name = g_strdup(name);
	vm->control_path = g_build_filename(dir, "control", NULL);
	vm->region_path = g_build_filename(dir, "region", NULL);
	return vm;
}

static gint compare(gconstpointer a, gconstpointer b)
{
	const struct vm *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

GPtrArray *vm_list(const char *runtime_dir)
{
	GPtrArray *vms = g_ptr_array_new_with_free_func((GDestroyNotify)vm_free);
	GDir *dir = runtime_dir ? g_dir_open(runtime_dir, 0, NULL) : NULL;
	const char *name;

	if (!dir)
		return vms;
	while ((name = g_dir_read_name(dir))) {
		char *path = g_build_filename(runtime_dir, name, NULL);
		struct vm *vm = new_from_dir(name, path);

		if (g_file_test(vm->control_path, G_FILE_TEST_EXISTS) ||
		    g_file_test(vm->region_path, G_FILE_TEST_EXISTS))
			g_ptr_array_add(vms, vm);
		else
			vm_free(vm);
		g_free(path);
	}
	g_dir_close(dir);
	g_ptr_array_sort(vms, compare);
	return vms;
}

struct vm *vm_expect(const char *runtime_dir, const char *operand)
{
	struct vm *vm;
	char *dir;

	if (strchr(operand, '/'))
		return new_from_dir(operand, operand);
	dir = g_build_filename(runtime_dir ? runtime_dir : "/", operand, NULL);
	vm = new_from_dir(operand, dir);
	g_free(dir);
	return vm;
}

struct vm *vm_find(const char *runtime_dir, const char *operand, GError **error)
{
	struct vm *vm;
	char *names;

	if (strchr(operand, '/') && g_file_test(operand, G_FILE_TEST_EXISTS) &&
	    !g_file_test(operand, G_FILE_TEST_IS_DIR)) {
		vm = g_new0(struct vm, 1);
		vm->name = g_strdup(operand);
		vm->region_path = g_strdup(operand);
		return vm;
	}
	vm = vm_expect(runtime_dir, operand);
	if (g_file_test(vm->control_path, G_FILE_TEST_EXISTS) ||
	    g_file_test(vm->region_path, G_FILE_TEST_EXISTS))
		return vm;
	vm_free(vm);
	names = vm_names(runtime_dir);
	g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no such VM: name=%s; %s", operand, names);
	g_free(names);
	return NULL;
}

bool vm_is_live(const struct vm *vm)
{
	return vm->control_path && control_is_alive(vm->control_path);
}

char *vm_names(const char *runtime_dir)
{
	GPtrArray *vms;
	GString *text;
	guint i;

	if (!runtime_dir)
		return g_strdup("there is no runtime directory: XDG_RUNTIME_DIR is not set");
	vms = vm_list(runtime_dir);
	text = g_string_new(vms->len ? "there are: " : "there is none");
	for (i = 0; i < vms->len; i++) {
		struct vm *vm = vms->pdata[i];

		g_string_append_printf(text, "%s%s%s", i ? ", " : "", vm->name,
				       vm_is_live(vm) ? "" : " (ended)");
	}
	g_string_append_printf(text, " in %s", runtime_dir);
	g_ptr_array_unref(vms);
	return g_string_free(text, FALSE);
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	g_free(vm->name);
	g_free(vm->control_path);
	g_free(vm->region_path);
	g_free(vm);
}
