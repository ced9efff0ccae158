/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LTTng's sessions in guests as traces in a set of CTF traces. A guest cannot keep
 * the rest of a set from being made: what of its LTTng cannot be read is left out,
 * counted and told.
 */
#ifndef HT_EXPORT_LTTNG_GUEST_H
#define HT_EXPORT_LTTNG_GUEST_H

#include "export/export.h"
#include "recording/reader.h"

/**
 * struct lttng_guest_trace - the trace of a session
 * @vm: whose
 * @epoch: of the VM
 * @dir: where it is
 * @bytes: of its packets
 * @has_host_time: its clock is known on the host's timeline
 */
struct lttng_guest_trace {
	const struct recording_vm *vm;
	uint32_t epoch;
	char *dir;
	uint64_t bytes;
	bool has_host_time;
};

/** lttng_guest_traces_new - room for struct lttng_guest_trace *, which it frees */
GPtrArray *lttng_guest_traces_new(void);

/**
 * export_lttng_guests - put the traces of guests' LTTng beside those of the recording
 * @request: what to export, but for its path; its warnings are added to
 * @recording: the recording; must stay as long as @traces
 * @set: directory of the set; theirs are VM@lttng/SESSION in it, VM named as the VM's own
 * @traces: of lttng_guest_traces_new(); those put there are added, in the order of VMs
 * @error: HT_ERROR_FAILED: I/O
 * Return: false with @error set.
 */
bool export_lttng_guests(const struct export_request *request, const struct recording *recording,
			 const char *set, GPtrArray *traces, GError **error);

/**
 * export_warn_lttng_guests - for formats that LTTng's events are not in: say so
 * @request: what to export; its warnings are added to
 */
void export_warn_lttng_guests(const struct export_request *request);

#endif
