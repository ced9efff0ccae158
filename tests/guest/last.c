// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that ends a test guest while it traces: with interrupts off, each CPU
 * makes numbered marks in an instance of the tracer, and for each of them, when it
 * is made, a byte to the I/O port 0x400 + CPU. Behind the last mark of all is nothing
 * but a loop, or a triple fault.
 *
 * parameters: instance=NAME  of the tracer
 *             count=N        marks on each CPU
 *             triple=1       a triple fault, else a loop for ever
 */
#include <linux/atomic.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/trace.h>
#include <asm/desc.h>

static char *instance = "boot";
module_param(instance, charp, 0);

static unsigned int count = 1000;
module_param(count, uint, 0);

static bool triple;
module_param(triple, bool, 0);

static struct trace_array *tracer;
static atomic_t left;

/* An exception without a table of what to do with exceptions. */
static void fault(void)
{
	static const struct desc_ptr nothing;

	native_load_idt(&nothing);
	asm volatile("int3");
}

static void mark(void *unused)
{
	unsigned int cpu = smp_processor_id(), i;

	for (i = 0; i < count; i++) {
		trace_array_printk(tracer, _THIS_IP_, "cpu %u number %u\n", cpu, i);
		outb(0, 0x400 + cpu);
	}
	if (atomic_dec_and_test(&left) && triple)
		fault();
	for (;;)
		cpu_relax();
}

static int __init last_init(void)
{
	int err;

	tracer = trace_array_get_by_name(instance, NULL);
	if (!tracer)
		return -ENOENT;
	err = trace_array_init_printk(tracer);
	if (err)
		return err;
	atomic_set(&left, num_online_cpus());
	/* Elsewhere it is an interrupt, here they are switched off for it. */
	on_each_cpu(mark, NULL, 0);
	return 0;
}
module_init(last_init);

MODULE_DESCRIPTION("The end of a test guest");
MODULE_LICENSE("GPL");
