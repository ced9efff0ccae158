// SPDX-License-Identifier: GPL-2.0-only
/*
 * LTTng's trace clock: the host's CLOCK_MONOTONIC, so that what LTTng traces in the
 * guest has the times of what it traces on the host.
 *
 * LTTng takes a clock only while its tracer is not loaded, and keeps it, and with it this
 * module, until the tracer is unloaded. Without a host's clock this module does not load,
 * and LTTng runs on its own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/time64.h>
#include <linux/types.h>
#include <lttng/clock.h>

#include "vht_clock.h"

/*
 * The newest time that was given on a CPU. LTTng must not see time go back on one, which
 * the host's does where somebody sets the CPU's counter, or when a device comes back. More
 * than this it is another time: waiting for the old one would be worse.
 */
static DEFINE_PER_CPU(u64, vht_lttng_last);
#define VHT_LTTNG_BACK_NS	NSEC_PER_SEC

static u8 vht_lttng_boot_id[16];

static notrace u64 vht_lttng_read64(void)
{
	u64 last, now, found;

	preempt_disable_notrace();
	last = this_cpu_read(vht_lttng_last);
	/* An interrupt that comes here has a later time, not one that seems to go back. */
	barrier();
	now = vht_clock_read();
	if (unlikely(last - now < VHT_LTTNG_BACK_NS))
		now = last;
	found = this_cpu_cmpxchg(vht_lttng_last, last, now);
	/* An interrupt's time is as good as ours, and not before it. */
	if (unlikely(found != last))
		now = found;
	preempt_enable_notrace();
	return now;
}
NOKPROBE_SYMBOL(vht_lttng_read64);

static u64 vht_lttng_freq(void)
{
	return NSEC_PER_SEC;
}

/* As LTTng on the host has it, so that the clocks are known to be one. */
static int vht_lttng_uuid(char *uuid)
{
	snprintf(uuid, LTTNG_MODULES_UUID_STR_LEN, "%pUb", vht_lttng_boot_id);
	return 0;
}

static const char *vht_lttng_name(void)
{
	return "monotonic";
}

static const char *vht_lttng_description(void)
{
	return "Monotonic Clock of the host, by virtio-hypertrace";
}

static struct lttng_trace_clock vht_lttng_clock = {
	.read64 = vht_lttng_read64,
	.freq = vht_lttng_freq,
	.uuid = vht_lttng_uuid,
	.name = vht_lttng_name,
	.description = vht_lttng_description,
};

static int __init vht_lttng_clock_init(void)
{
	int ret;

	ret = vht_clock_host(vht_lttng_boot_id);
	if (ret) {
		pr_notice("no clock of the host's: there is no device, or it has none; LTTng runs on the guest's\n");
		return ret;
	}
	ret = lttng_clock_register_plugin(&vht_lttng_clock, THIS_MODULE);
	if (ret == -EBUSY)
		pr_err("cannot be LTTng's clock: lttng_tracer was loaded before; this must be first: modprobe.d: softdep lttng_tracer pre: %s\n",
		       KBUILD_MODNAME);
	else if (ret == -EEXIST)
		pr_err("cannot be LTTng's clock: it has another one already\n");
	else if (ret)
		pr_err("cannot be LTTng's clock: %pe\n", ERR_PTR(ret));
	else
		pr_info("LTTng has the host's clock: boot=%pUb\n", vht_lttng_boot_id);
	return ret;
}
module_init(vht_lttng_clock_init);

static void __exit vht_lttng_clock_exit(void)
{
	lttng_clock_unregister_plugin(&vht_lttng_clock, THIS_MODULE);
}
module_exit(vht_lttng_clock_exit);

MODULE_DESCRIPTION("The host's clock as LTTng's trace clock");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
