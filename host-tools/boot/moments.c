// SPDX-License-Identifier: GPL-2.0-only
/* Moments of a boot; see moments.h. */
#include "moments.h"

static void begin_vmm(const struct moments *moments, struct boundaries *at)
{
	if (moments->is_reset) {
		at->at[BEGIN_FIRMWARE] = moments->reset;
		at->reason[BEGIN_QEMU] = at->reason[BEGIN_MACHINE] =
			"this life of the VM began with a reset";
		return;
	}
	at->at[BEGIN_QEMU] = moments->process ? moments->process : moments->created;
	if (!moments->process && moments->created)
		at->reason[BEGIN_QEMU] = "taken from when the device was made: the VMM's begin was not seen";
	at->at[BEGIN_MACHINE] = moments->machine_ready;
	at->at[BEGIN_FIRMWARE] = moments->first_run;
}

static void begin_kernel(const struct moments *moments, struct boundaries *at)
{
	uint64_t kernel = moments->kernel_mark;

	if (!kernel && moments->clock_zero) {
		kernel = moments->clock_zero;
		at->reason[BEGIN_KERNEL] = "taken from the zero of the guest's clock";
	}
	if (!kernel && moments->first_guest) {
		kernel = moments->first_guest;
		at->reason[BEGIN_KERNEL] = "taken from the guest's first event: it is a little early";
	}
	/* The zero of a clock is known less well than the order of events. */
	if (moments->first_guest && kernel > moments->first_guest)
		kernel = moments->first_guest;
	at->at[BEGIN_KERNEL] = kernel;
}

uint64_t moments_begin(const struct moments *moments, struct boundaries *at)
{
	begin_vmm(moments, at);
	begin_kernel(moments, at);
	if (!at->at[BEGIN_INITRAMFS] && !moments->real_init && moments->user_mark) {
		at->at[BEGIN_INITRAMFS] = moments->user_mark;
		at->reason[BEGIN_INITRAMFS] = "taken from a mark on a watched port";
	}
	for (int i = 0; i < BOOT_PHASES; i++)
		if (at->at[i])
			return at->at[i];
	/* 0 stands for a boundary that was not seen */
	return MAX(moments->first, 1);
}

void moments_user(const struct moments *moments, uint64_t end, struct boundaries *at)
{
	static const int phases[TARGET_COUNT] = {
		[TARGET_SYSINIT] = BEGIN_SYSINIT, [TARGET_BASIC] = BEGIN_BASIC,
		[TARGET_MULTI_USER] = BEGIN_MULTI_USER, [TARGET_GRAPHICAL] = BEGIN_GRAPHICAL,
	};
	uint64_t time = moments->real_init;

	if (!time)
		return;
	for (int i = 0; i < TARGET_COUNT; i++) {
		at->at[phases[i]] = 0;
		if (moments->reached[i] < time || moments->reached[i] > end)
			continue;
		at->at[phases[i]] = time;
		time = moments->reached[i];
	}
	at->at[BEGIN_FINISH] = time;
}
