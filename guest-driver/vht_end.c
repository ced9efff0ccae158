// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of the guest [G5] [G6]: how the driver learns of it, what it still takes then,
 * and what it says of it.
 *
 * In an orderly end there are three steps: the reboot notifiers, with everything still
 * alive; the shutdown of the system's core, after that of the devices (kexec leaves it out in
 * 6.1); and the last of all, the dump of the kernel's log, which in kexec comes
 * when the other CPUs are stopped. Between them the drain timers go on.
 *
 * In a panic the other CPUs stand still, with whatever locks they hold. There is what
 * was in the buffers when the panic's notifiers were called, and, at the dump of the log,
 * what came since. Of a restart without any order (sysrq-b) only the dump tells.
 */
#include <linux/cpumask.h>
#include <linux/irqflags.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>
#include <linux/string.h>

#include "vht_internal.h"

/* Remembers why it ends. The first reason stays, but a panic is stronger. */
static void vht_end_because(struct vht *vht, u32 reason, const char *text)
{
	if (vht->end_reason != VHT_END_NONE && reason != VHT_END_PANIC)
		return;
	vht->end_reason = reason;
	strscpy(vht->end_text, text ?: "", sizeof(vht->end_text));
}

static void vht_end_tell(struct vht *vht, u32 stage)
{
	vht_region_set_end(vht, vht->end_reason, stage, vht->end_text);
}

static int vht_end_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	struct vht *vht = container_of(block, struct vht, reboot);
	/* All that tells kexec from other restarts. */
	bool is_kexec = data && !strcmp(data, "kexec reboot");

	vht_metadata_hurry(vht);
	vht_metadata_send_tasks(vht);
	switch (action) {
	case SYS_HALT:
		vht_end_because(vht, VHT_END_HALT, data);
		break;
	case SYS_POWER_OFF:
		vht_end_because(vht, VHT_END_POWER_OFF, data);
		break;
	default:
		vht_end_because(vht, is_kexec ? VHT_END_KEXEC : VHT_END_RESTART, data);
	}
	WRITE_ONCE(vht->ending, true);
	vht_drain_everything(vht, VHT_DRAIN_ALL);
	vht_end_tell(vht, VHT_STAGE_NOTIFIED);
	return NOTIFY_DONE;
}

/**
 * vht_end_last - devices are shut down, ours among them; its memory is not
 *
 * @vht: the device
 *
 * Context: process.
 */
void vht_end_last(struct vht *vht)
{
	WRITE_ONCE(vht->ending, true);
	vht_drain_everything(vht, VHT_DRAIN_ALL);
	if (vht->end_reason != VHT_END_NONE)
		vht_end_tell(vht, VHT_STAGE_DEVICES_DOWN);
}

static int vht_end_panic(struct notifier_block *block, unsigned long action, void *data)
{
	struct vht *vht = container_of(block, struct vht, panic);

	vht_end_because(vht, VHT_END_PANIC, data);
	WRITE_ONCE(vht->ending, true);
	vht_drain_rescue(vht, true);
	vht_end_tell(vht, VHT_STAGE_NOTIFIED);
	return NOTIFY_DONE;
}

static void vht_end_dumped(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason)
{
	struct vht *vht = container_of(dumper, struct vht, dumper);

	switch (reason) {
	case KMSG_DUMP_PANIC:
		/* Called for a panic only, but the notifiers were not if a crash kernel is loaded. */
		if (vht->end_reason != VHT_END_PANIC)
			return;
		vht_drain_rescue(vht, true);
		vht_end_tell(vht, VHT_STAGE_NOTIFIED);
		break;
	case KMSG_DUMP_EMERG:
		/* Also how a panic restarts the machine. */
		if (vht->end_reason != VHT_END_NONE)
			return;
		vht_end_because(vht, VHT_END_RESTART, "emergency restart");
		vht_drain_rescue(vht, false);
		vht_end_tell(vht, VHT_STAGE_NONE);
		break;
	case KMSG_DUMP_SHUTDOWN:
		if (vht->end_reason == VHT_END_NONE)
			return;
		vht_drain_rescue(vht, irqs_disabled() && num_online_cpus() == 1);
		vht_end_tell(vht, VHT_STAGE_DEVICES_DOWN);
		break;
	default:
		break;
	}
}

VHT_DEFINE_KMSG_DUMP(vht_end_dump, vht_end_dumped)

/**
 * vht_end_driver - say that the driver ends, not the guest
 *
 * @vht: the device; all is in the rings
 * @reason: VHT_END_UNBOUND or VHT_END_SUSPEND
 */
void vht_end_driver(struct vht *vht, u32 reason)
{
	vht_end_because(vht, reason, NULL);
	vht_end_tell(vht, VHT_STAGE_NOTIFIED);
}

/**
 * vht_end_start - be told of the end
 *
 * @vht: the device; its sources are drained
 *
 * Return: 0 or a negative error number.
 */
int vht_end_start(struct vht *vht)
{
	int ret;

	vht->end_reason = VHT_END_NONE;
	vht->reboot.notifier_call = vht_end_reboot;
	/* Last: what others do when the guest goes down is part of the story. */
	vht->reboot.priority = INT_MIN;
	ret = register_reboot_notifier(&vht->reboot);
	if (ret)
		return ret;
	vht->panic.notifier_call = vht_end_panic;
	/* First: nobody knows what others do in a panic; ftrace's dump takes the events. */
	vht->panic.priority = INT_MAX;
	ret = atomic_notifier_chain_register(&panic_notifier_list, &vht->panic);
	if (ret)
		goto err_reboot;
	vht->dumper.dump = vht_end_dump;
	vht->dumper.max_reason = KMSG_DUMP_SHUTDOWN;
	ret = kmsg_dump_register(&vht->dumper);
	if (ret)
		goto err_panic;
	return 0;

err_panic:
	atomic_notifier_chain_unregister(&panic_notifier_list, &vht->panic);
err_reboot:
	unregister_reboot_notifier(&vht->reboot);
	return ret;
}

/**
 * vht_end_stop - undo vht_end_start()
 *
 * @vht: the device
 */
void vht_end_stop(struct vht *vht)
{
	kmsg_dump_unregister(&vht->dumper);
	atomic_notifier_chain_unregister(&panic_notifier_list, &vht->panic);
	unregister_reboot_notifier(&vht->reboot);
}
