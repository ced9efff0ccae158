// SPDX-License-Identifier: GPL-2.0-only
/* Classes of events that no kernel describes; see vm-classes.h. */
#include "vm-classes.h"

#include <glib.h>
#include <stddef.h>

void vm_classes_init(struct vm_classes *classes)
{
	static const struct {
		const char *name;
		const char *arg;	/* what the argument is; NULL: nothing */
		bool has_text;
	} kinds[VHT_VMM_MARKS_LOST + 1] = {
		[0] = { "vmm_unknown", "arg", true },
		[VHT_VMM_CREATED] = { "vmm_created", "pid", false },
		[VHT_VMM_RUNNING] = { "vmm_running", NULL, true },
		[VHT_VMM_STOPPED] = { "vmm_stopped", NULL, true },
		[VHT_VMM_RESET] = { "vmm_reset", NULL, true },
		[VHT_VMM_SHUTDOWN] = { "vmm_shutdown", NULL, true },
		[VHT_VMM_DRIVER_UP] = { "vmm_driver_up", "generation", true },
		[VHT_VMM_DRIVER_GONE] = { "vmm_driver_gone", "generation", true },
		[VHT_VMM_READER_ATTACHED] = { "vmm_reader_attached", "pid", false },
		[VHT_VMM_READER_DETACHED] = { "vmm_reader_detached", "pid", false },
		[VHT_VMM_ENDED] = { "vmm_ended", NULL, false },
		[VHT_VMM_PROCESS] = { "vmm_process", "error_ns", false },
		[VHT_VMM_MACHINE_READY] = { "vmm_machine_ready", NULL, false },
		[VHT_VMM_MARK] = { "vmm_mark", NULL, false },
		[VHT_VMM_MARKS_LOST] = { "vmm_marks_lost", "count", false },
	};
	static const struct event_field mark[] = {
		{ .name = "port", .raw_name = "port", .kind = FIELD_NUMBER, .element_size = 2,
		  .offset = offsetof(struct vht_vmm_event, arg) + 6, .size = 2, .is_hex = true },
		{ .name = "size", .raw_name = "size", .kind = FIELD_NUMBER, .element_size = 1,
		  .offset = offsetof(struct vht_vmm_event, arg) + 4, .size = 1 },
		{ .name = "value", .raw_name = "value", .kind = FIELD_NUMBER, .element_size = 4,
		  .offset = offsetof(struct vht_vmm_event, arg), .size = 4, .is_hex = true },
	};
	static const struct event_field heartbeat[] = {
		{ .name = "number", .raw_name = "number", .kind = FIELD_NUMBER, .element_size = 8,
		  .offset = offsetof(struct vht_heartbeat, number), .size = 8 },
		{ .name = "counter", .raw_name = "counter", .kind = FIELD_NUMBER, .element_size = 8,
		  .offset = offsetof(struct vht_heartbeat, counter), .size = 8 },
	};

	classes->table = class_table_new(NAMING_FTRACE);
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		struct event_field fields[4];
		uint32_t count = 0;

		fields[count++] = (struct event_field){
			.name = "epoch", .raw_name = "epoch", .kind = FIELD_NUMBER,
			.element_size = 4, .offset = offsetof(struct vht_vmm_event, epoch), .size = 4,
		};
		if (kinds[i].arg)
			fields[count++] = (struct event_field){
				.name = kinds[i].arg, .raw_name = kinds[i].arg, .kind = FIELD_NUMBER,
				.element_size = 8, .offset = offsetof(struct vht_vmm_event, arg),
				.size = 8,
			};
		if (kinds[i].has_text)
			fields[count++] = (struct event_field){
				.name = "text", .raw_name = "text", .kind = FIELD_STRING,
				.element_size = 1, .offset = offsetof(struct vht_vmm_event, text),
				.size = sizeof(((struct vht_vmm_event *)0)->text),
			};
		/* the parts of VHT_MARK(), which is little-endian as all is */
		for (size_t j = 0; i == VHT_VMM_MARK && j < G_N_ELEMENTS(mark); j++)
			fields[count++] = mark[j];
		classes->vmm[i] = class_table_add(classes->table, "hypertrace",
							kinds[i].name, fields, count);
	}
	classes->heartbeat = class_table_add(classes->table, "hypertrace", "heartbeat",
						   heartbeat, G_N_ELEMENTS(heartbeat));
}

void vm_classes_fini(struct vm_classes *classes)
{
	class_table_free(classes->table);
}

struct event_class *vm_classes_of(const struct vm_classes *classes, uint32_t type)
{
	return classes->vmm[type < G_N_ELEMENTS(classes->vmm) ? type : 0];
}
