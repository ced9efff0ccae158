/* SPDX-License-Identifier: GPL-2.0-only */
/* Classes of the events that no kernel describes: the VM's own, and the driver's heartbeats. */
#ifndef HYPERTRACE_DECODE_VM_CLASSES_H
#define HYPERTRACE_DECODE_VM_CLASSES_H

#include <stdint.h>

#include "format.h"
#include "virtio_hypertrace.h"

/**
 * struct vm_classes - those classes
 * @table: all of them
 * @vmm: by VHT_VMM_*; 0: unknown
 * @heartbeat: of a struct vht_heartbeat
 */
struct vm_classes {
	struct class_table *table;
	struct event_class *vmm[VHT_VMM_MARKS_LOST + 1];
	struct event_class *heartbeat;
};

/** vm_classes_init - make them */
void vm_classes_init(struct vm_classes *classes);

/** vm_classes_fini - free them */
void vm_classes_fini(struct vm_classes *classes);

/** vm_classes_of - the class of a VM's event by its type, which may be any number */
struct event_class *vm_classes_of(const struct vm_classes *classes, uint32_t type);

#endif
