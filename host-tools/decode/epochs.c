// SPDX-License-Identifier: GPL-2.0-only
/* Epochs of a VM; see epochs.h. */
#include "epochs.h"

/* Clock records are one a second: after the last one the VM may have gone on for that long. */
#define RECORD_PERIOD	1500000000ULL

bool epoch_has_events(const struct recording_vm *vm, uint32_t epoch)
{
	struct recording_records it;
	struct vmm_event event;

	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_vmm_event(&it, &event))
		if (event.epoch == epoch)
			return true;
	return false;
}

bool epoch_span(const struct recording_vm *vm, uint32_t epoch, uint64_t *first, uint64_t *last)
{
	struct recording_records it;
	struct clock_record record;
	struct vmm_event event;

	*first = UINT64_MAX;
	*last = 0;
	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_vmm_event(&it, &event))
		if (event.epoch == epoch) {
			*first = MIN(*first, event.mono_ns);
			*last = MAX(*last, event.mono_ns);
		}
	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_clock_record(&it, &record))
		if (record.epoch == epoch) {
			*first = MIN(*first, record.mono_ns);
			/* there is one a second */
			*last = MAX(*last, record.mono_ns + RECORD_PERIOD);
		}
	return *first <= *last;
}
