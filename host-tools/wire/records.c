// SPDX-License-Identifier: GPL-2.0-only
/* The records inside packets; see records.h. */
#include "wire/records.h"

#include <endian.h>
#include <string.h>

#include "wire/text.h"

void record_cursor_init(struct record_cursor *cursor, const void *content, size_t size)
{
	cursor->next = content;
	cursor->left = size;
}

bool record_next_meta(struct record_cursor *cursor, struct meta_record *out)
{
	struct vht_meta raw;
	size_t size, padded;

	if (cursor->left < sizeof(raw))
		return false;
	memcpy(&raw, cursor->next, sizeof(raw));
	size = le32toh(raw.size);
	if (size > cursor->left - sizeof(raw))
		return false;

	*out = (struct meta_record) {
		.type = le32toh(raw.type),
		.arg = le64toh(raw.arg),
		.payload = (const char *)cursor->next + sizeof(raw),
		.size = size,
	};

	/* the last record's padding may be cut off with the content */
	padded = (size + 7) & ~(size_t)7;
	if (padded > cursor->left - sizeof(raw))
		padded = cursor->left - sizeof(raw);
	cursor->next += sizeof(raw) + padded;
	cursor->left -= sizeof(raw) + padded;
	return true;
}

/**
 * take - copy a record of fixed size and move behind it
 * Return: false if there are not that many bytes.
 */
static bool take(struct record_cursor *cursor, void *raw, size_t size)
{
	if (cursor->left < size)
		return false;
	memcpy(raw, cursor->next, size);
	cursor->next += size;
	cursor->left -= size;
	return true;
}

bool record_next_vmm(struct record_cursor *cursor, struct vmm_event *out)
{
	struct vht_vmm_event raw;

	if (!take(cursor, &raw, sizeof(raw)))
		return false;
	*out = (struct vmm_event) {
		.mono_ns = le64toh(raw.mono_ns),
		.counter = le64toh(raw.counter),
		.type = le32toh(raw.type),
		.epoch = le32toh(raw.epoch),
		.arg = le64toh(raw.arg),
	};
	text_copy(out->text, raw.text, sizeof(raw.text));
	return true;
}

bool record_next_clock(struct record_cursor *cursor, struct clock_record *out)
{
	struct vht_clock_record raw;

	if (!take(cursor, &raw, sizeof(raw)))
		return false;
	*out = (struct clock_record) {
		.mono_ns = le64toh(raw.mono_ns),
		.counter = le64toh(raw.counter),
		.counter_hz = le64toh(raw.counter_hz),
		.error_ns = le32toh(raw.error_ns),
		.kind = le16toh(raw.kind),
		.reason = le16toh(raw.reason),
		.cpu = le32toh(raw.cpu),
		.epoch = le32toh(raw.epoch),
		.offset = le64toh(raw.offset),
		.scale = le64toh(raw.scale),
		.host_counter = le64toh(raw.host_counter),
	};
	return true;
}

bool record_next_vcpu(struct record_cursor *cursor, struct vcpu_record *out)
{
	struct vht_vcpu_record raw;

	if (!take(cursor, &raw, sizeof(raw)))
		return false;
	*out = (struct vcpu_record) {
		.mono_ns = le64toh(raw.mono_ns),
		.epoch = le32toh(raw.epoch),
		.index = le32toh(raw.index),
		.arch_id = le64toh(raw.arch_id),
		.kvm_id = le32toh(raw.kvm_id),
		.thread_id = le32toh(raw.thread_id),
		.state = le32toh(raw.state),
	};
	return true;
}

bool record_next_heartbeat(struct record_cursor *cursor, struct heartbeat *out)
{
	struct vht_heartbeat raw;

	if (!take(cursor, &raw, sizeof(raw)))
		return false;
	out->number = le64toh(raw.number);
	out->counter = le64toh(raw.counter);
	return true;
}

const char *vmm_event_word(uint32_t type)
{
	static const char *const words[] = {
		[VHT_VMM_CREATED] = "created",
		[VHT_VMM_RUNNING] = "running",
		[VHT_VMM_STOPPED] = "stopped",
		[VHT_VMM_RESET] = "reset",
		[VHT_VMM_SHUTDOWN] = "shutdown",
		[VHT_VMM_DRIVER_UP] = "driver-up",
		[VHT_VMM_DRIVER_GONE] = "driver-gone",
		[VHT_VMM_READER_ATTACHED] = "reader-attached",
		[VHT_VMM_READER_DETACHED] = "reader-detached",
		[VHT_VMM_ENDED] = "ended",
		[VHT_VMM_PROCESS] = "process",
		[VHT_VMM_MACHINE_READY] = "machine-ready",
		[VHT_VMM_MARK] = "mark",
		[VHT_VMM_MARKS_LOST] = "marks-lost",
	};

	if (type >= sizeof(words) / sizeof(words[0]) || !words[type])
		return "unknown";
	return words[type];
}
