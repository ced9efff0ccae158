// SPDX-License-Identifier: GPL-2.0-only
/* A module whose initcall sleeps: a delay for the boot report to find. */
#include <linux/delay.h>
#include <linux/module.h>

static unsigned int ms = 1000;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "milliseconds to sleep");

static int __init delay_init(void)
{
	msleep(ms);
	return 0;
}
module_init(delay_init);

static void __exit delay_exit(void)
{
}
module_exit(delay_exit);

MODULE_DESCRIPTION("A delay for tests");
MODULE_LICENSE("GPL");
