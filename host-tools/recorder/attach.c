// SPDX-License-Identifier: GPL-2.0-only
/* Which VMs are to be recorded, and reaching their regions; see attach.h. */
#include "recorder/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "control.h"
#include "error.h"
#include "lock.h"

/**
 * open_region_file - open the region of a VM that has ended
 * Return: the region, or NULL with @error set.
 */
static struct region *open_region_file(const struct vm *vm, GError **error)
{
	struct region *region;
	pid_t owner;
	int fd;

	fd = open(vm->region_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		g_set_error(error, HT_ERROR,
			    errno == ENOENT ? HT_ERROR_NOT_FOUND : HT_ERROR_FAILED,
			    "cannot open region of ended VM: path=%s: %s", vm->region_path,
			    g_strerror(errno));
		return NULL;
	}
	if (!lock_take(fd, &owner)) {
		g_set_error(error, HT_ERROR, HT_ERROR_BUSY, "region is in use: path=%s pid=%d",
			    vm->region_path, (int)owner);
		close(fd);
		return NULL;
	}
	region = region_map(fd, 0, false, error);
	if (!region)
		g_prefix_error(error, "path=%s: ", vm->region_path);
	return region;
}

bool recorder_attach(const struct vm *vm, bool must_live, struct region **region, int *control_fd,
		   bool *is_dead, GError **error)
{
	enum control_result result = CONTROL_DEAD;
	uint64_t region_offset;
	int region_fd;

	*is_dead = false;
	*control_fd = -1;
	if (vm->control_path)
		result = control_attach(vm->control_path, control_fd, &region_fd, &region_offset,
					error);
	switch (result) {
	case CONTROL_OK:
		*region = region_map(region_fd, region_offset, true, error);
		if (!*region)
			close(*control_fd);
		break;
	case CONTROL_DEAD:
		*is_dead = must_live;
		*region = must_live ? NULL : open_region_file(vm, error);
		break;
	case CONTROL_FAILED:
		*region = NULL;
		break;
	}
	if (error && *error)
		g_prefix_error(error, "vm=%s: ", vm->name);
	return *region != NULL;
}

GPtrArray *recorder_find_vms(const struct record_options *options, GError **error)
{
	const char *runtime_dir = options->runtime_dir;
	char **operands = options->operands;
	GPtrArray *vms;
	guint i;

	if (!*operands) {
		vms = vm_list(runtime_dir);
		for (i = 0; i < vms->len;)
			if (vm_is_live(vms->pdata[i]))
				i++;
			else
				g_ptr_array_remove_index(vms, i);
		if (!vms->len && !options->has_host) {
			char *names = vm_names(runtime_dir);

			g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
				    "no VM is running with a trace port; %s", names);
			g_free(names);
			g_ptr_array_unref(vms);
			return NULL;
		}
		return vms;
	}
	vms = g_ptr_array_new_with_free_func((GDestroyNotify)vm_free);
	for (; *operands; operands++) {
		struct vm *vm = options->may_wait ? vm_expect(runtime_dir, *operands) :
					   vm_find(runtime_dir, *operands, error);

		if (!vm) {
			g_ptr_array_unref(vms);
			return NULL;
		}
		g_ptr_array_add(vms, vm);
	}
	return vms;
}
