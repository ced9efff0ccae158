// SPDX-License-Identifier: GPL-2.0-only
/* A module that ends a test guest at once, by a triple fault: nobody in it is told. */
#include <linux/irqflags.h>
#include <linux/module.h>
#include <asm/desc.h>

static int __init fault_init(void)
{
	static const struct desc_ptr nothing;

	local_irq_disable();
	/* An exception without a table of what to do with exceptions. */
	native_load_idt(&nothing);
	asm volatile("int3");
	return 0;
}
module_init(fault_init);

MODULE_DESCRIPTION("The sudden end of a test guest");
MODULE_LICENSE("GPL");
