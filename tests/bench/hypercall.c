// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an event costs that is told to the hypervisor at once: a probe on sys_enter
 * that makes one hypercall for each getppid(). The number is none that KVM knows; it
 * does nothing but return to the guest.
 */
#include <linux/module.h>
#include <linux/tracepoint.h>
#include <asm/kvm_para.h>
#include <asm/unistd.h>

#define UNKNOWN_HYPERCALL	0x4854

static struct tracepoint *sys_enter;

static void find(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "sys_enter"))
		sys_enter = tp;
}

static void probe(void *data, struct pt_regs *regs, long id)
{
	if (id == __NR_getppid)
		kvm_hypercall1(UNKNOWN_HYPERCALL, id);
}

static int __init hypercall_init(void)
{
	for_each_kernel_tracepoint(find, NULL);
	if (!sys_enter)
		return -ENOENT;
	return tracepoint_probe_register(sys_enter, probe, NULL);
}

static void __exit hypercall_exit(void)
{
	tracepoint_probe_unregister(sys_enter, probe, NULL);
	tracepoint_synchronize_unregister();
}

module_init(hypercall_init);
module_exit(hypercall_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("one hypercall per event, for comparison");
