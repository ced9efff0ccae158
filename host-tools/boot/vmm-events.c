// SPDX-License-Identifier: GPL-2.0-only
/* What the VMM says; see vmm-events.h. */
#include "vmm-events.h"

#include "virtio_hypertrace.h"
#include "wire/records.h"

static bool is_between(uint64_t value, uint64_t low, uint64_t high)
{
	return value >= low && value <= high;
}

/*
 * Writes to watched ports. 0xf4 and 0xf5 have the codes of qboot and
 * qemu-boot-time, 0x80 the ranges of Cloud Hypervisor (docs/boot-latency.md).
 */
static void on_port(struct life *life, const struct boot_event *event)
{
	static const char *const codes[] = {
		"code", "fw_start", "linux_start_fwcfg", "linux_start_boot",
		"linux_start_pvhboot", "fw_do_boot", "linux_start_kernel", "linux_start_user",
	};
	static const char *const ranges[] = { "firmware", "bootloader", "kernel", "userspace" };
	uint16_t port = VHT_MARK_PORT(event->number[1]);
	uint32_t value = VHT_MARK_VALUE(event->number[1]);
	const char *name = "port";
	struct mark *mark;

	if (port == 0xf4 || port == 0xf5) {
		name = codes[value < G_N_ELEMENTS(codes) ? value : 0];
		if (value == 2 || value == 5)
			life_boundary(life, BEGIN_LOADER, event->time);
		else if (value == 3 || value == 4)
			life_boundary(life, BEGIN_DECOMPRESS, event->time);
		else if (value == 6)
			life_note(life, &life->moments.kernel_mark, event->time);
		else if (value == 7)
			life_note(life, &life->moments.user_mark, event->time);
	} else if (port == 0x80) {
		name = value < 0x80 ? ranges[value / 0x20] : "custom";
		/* the kernel itself writes there to wait: what comes late is that */
		if (is_between(value, 0x20, 0x3f) && !life->moments.first_guest)
			life_boundary(life, BEGIN_LOADER, event->time);
		else if (is_between(value, 0x40, 0x5f) && !life->moments.first_guest)
			life_boundary(life, BEGIN_DECOMPRESS, event->time);
		else if (is_between(value, 0x60, 0x7f))
			life_note(life, &life->moments.user_mark, event->time);
	}
	mark = marks_add(life->marks, event->time, "port", name, event->text[0]);
	if (mark) {
		mark->port = port;
		mark->value = value;
	}
}

void vmm_event(struct life *life, const struct boot_event *event)
{
	uint64_t time = event->time;

	if (event->number[0] == VHT_VMM_MARK) {
		on_port(life, event);
		return;
	}
	marks_add(life->marks, time, "vmm", vmm_event_word(event->number[0]), event->text[0]);
	switch (event->number[0]) {
	case VHT_VMM_PROCESS:
		life_note(life, &life->moments.process, time);
		break;
	case VHT_VMM_CREATED:
		life_note(life, &life->moments.created, time);
		break;
	case VHT_VMM_MACHINE_READY:
		life_note(life, &life->moments.machine_ready, time);
		break;
	case VHT_VMM_RUNNING:
		life_note(life, &life->moments.first_run, time);
		break;
	case VHT_VMM_RESET:
		if (!event->number[2] && !life->moments.first_guest) {
			life->moments.is_reset = true;
			life->moments.reset = time;
			break;
		}
		/* fall through */
	case VHT_VMM_SHUTDOWN:
		life_begin_shutdown(life, time);
		life_stop_boundary(life, BEGIN_STOP_VMM, time);
		break;
	case VHT_VMM_ENDED:
		life_begin_shutdown(life, time);
		break;
	default:
		break;
	}
}
