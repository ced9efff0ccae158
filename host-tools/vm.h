/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finding VMs. Each device has a directory of its own in the runtime directory,
 * named as the VM, with its region, its control socket and the VMM's pid.
 */
#ifndef HYPERTRACE_VM_H
#define HYPERTRACE_VM_H

#include <glib.h>
#include <stdbool.h>

/**
 * struct vm - where a VM is found
 * @name: the directory's name, or the operand that named it
 * @control_path: of the control socket; NULL if a region file was named
 * @region_path: of the region file; it need not exist
 */
struct vm {
	char *name;
	char *control_path;
	char *region_path;
};

/**
 * vm_runtime_dir - the runtime directory of this user
 * Return: the path, to be freed with g_free(), or NULL if there is none.
 */
char *vm_runtime_dir(void);

/**
 * vm_list - all VMs in a runtime directory, by name
 * @runtime_dir: the directory; need not exist
 * Return: struct vm *[], to be freed with g_ptr_array_unref().
 */
GPtrArray *vm_list(const char *runtime_dir);

/**
 * vm_find - the VM that a user means
 * @runtime_dir: where names are looked for
 * @operand: a name, or a path (with a /) of a VM's directory or of a region file
 * @error: %HT_ERROR_NOT_FOUND, with the names that exist
 * Return: the VM, to be freed with vm_free(), or NULL.
 */
struct vm *vm_find(const char *runtime_dir, const char *operand, GError **error);

/**
 * vm_expect - as vm_find() for a VM that need not exist yet
 * @runtime_dir: where names are looked for
 * @operand: a name, or a path of a VM's directory
 * Return: the VM, to be freed with vm_free().
 */
struct vm *vm_expect(const char *runtime_dir, const char *operand);

/**
 * vm_is_live - see whether the VM's VMM listens
 * @vm: the VM
 * Return: true if it does.
 */
bool vm_is_live(const struct vm *vm);

/**
 * vm_names - the VMs of a runtime directory in words, for messages
 * @runtime_dir: the directory
 * Return: e.g. "there are: a, b (ended)", to be freed with g_free().
 */
char *vm_names(const char *runtime_dir);

/**
 * vm_free - free a VM
 * @vm: the VM, or NULL
 */
void vm_free(struct vm *vm);

#endif
