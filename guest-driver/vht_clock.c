// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's CLOCK_MONOTONIC, from the guest counter and the line that the device
 * keeps up to date in the host pages [D12].
 *
 * Who reads it may be anywhere, an NMI included, while the driver is unbound: so the
 * line is found by RCU, and one of our own, which goes on as the last one did, takes
 * its place before the host pages are unmapped. What the host writes there can make the
 * time wrong, and nothing else [G2].
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "vht_clock.h"
#include "vht_internal.h"

/* The host writes a new line once a second, in no time: more than two is odd. */
#define VHT_CLOCK_TRIES		4

/* Serializes all but the readers. */
static DEFINE_MUTEX(vht_clock_lock);
/* The line to use: the device's, or our own; NULL: there never was one. */
static const struct vht_clock_line __rcu *vht_clock_line;
/* Our own: as the device's was when it was last looked at. */
static struct vht_clock_line vht_clock_own;
static u8 vht_clock_boot_id[16];

/*
 * Only the segment that is needed is read, and each word of it once.
 * Return: whether there is a line, and it stayed.
 */
static __always_inline bool vht_clock_try(const struct vht_clock_line *line, u64 *ns)
{
	const struct vht_clock_segment *segment;
	u64 counter, mult;
	u32 sequence;
	s64 ticks;

	/* Partner: the device stores sequence after the line. */
	sequence = le32_to_cpu((__force __le32)virt_load_acquire(&line->sequence));
	segment = line->segments[sequence & 1];
	counter = vht_counter();
	if ((s64)(counter - le64_to_cpu(READ_ONCE(segment[1].counter))) >= 0)
		segment++;
	ticks = counter - le64_to_cpu(READ_ONCE(segment->counter));
	mult = le64_to_cpu(READ_ONCE(segment->mult));
	*ns = le64_to_cpu(READ_ONCE(segment->mono_ns)) + (u64)(((__int128)ticks * (s64)mult) >> 32);
	/* Partner: the device's barrier before it stores into a line's place again. */
	virt_rmb();
	return sequence && le32_to_cpu(READ_ONCE(line->sequence)) == sequence;
}

/**
 * vht_clock_read - the host's CLOCK_MONOTONIC
 *
 * It does not go back while the VM runs and nobody sets a CPU's counter. Over a pause of
 * the VM it steps forwards. Without a device it goes on at the rate it had.
 *
 * Context: any, an NMI included.
 *
 * Return: nanoseconds, 0 if there never was a line.
 */
notrace u64 vht_clock_read(void)
{
	const struct vht_clock_line *line;
	unsigned int i;
	u64 ns = 0;

	/* Partner: synchronize_rcu() below, which waits for this too. */
	preempt_disable_notrace();
	line = rcu_dereference_raw(vht_clock_line);
	if (line) {
		for (i = 0; i < VHT_CLOCK_TRIES && !vht_clock_try(line, &ns); i++)
			;
		/* The device has none any more, or does not let us have it. */
		if (unlikely(i == VHT_CLOCK_TRIES))
			vht_clock_try(&vht_clock_own, &ns);
	}
	preempt_enable_notrace();
	return ns;
}
EXPORT_SYMBOL_GPL(vht_clock_read);
NOKPROBE_SYMBOL(vht_clock_read);

/**
 * vht_clock_host - is there a line, and whose time does it give?
 *
 * @boot_id: of the host's kernel, 16 bytes
 *
 * Context: process.
 *
 * Return: 0, or -ENODEV if vht_clock_read() has nothing to go by.
 */
int vht_clock_host(u8 boot_id[16])
{
	const struct vht_clock_line *line;
	int ret = -ENODEV;

	mutex_lock(&vht_clock_lock);
	line = rcu_dereference_protected(vht_clock_line, lockdep_is_held(&vht_clock_lock));
	if (line && READ_ONCE(line->sequence)) {
		memcpy(boot_id, vht_clock_boot_id, sizeof(vht_clock_boot_id));
		ret = 0;
	}
	mutex_unlock(&vht_clock_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(vht_clock_host);

/* Copies the device's line, in one piece unless the host will not let us. */
static void vht_clock_copy(const struct vht_clock_line *line)
{
	unsigned int i;
	u32 sequence;

	for (i = 0; i < VHT_CLOCK_TRIES; i++) {
		/* Partner: as in vht_clock_try(). */
		sequence = (__force u32)virt_load_acquire(&line->sequence);
		memcpy(&vht_clock_own, line, sizeof(vht_clock_own));
		/* Partner: as there. */
		virt_rmb();
		if ((__force u32)READ_ONCE(line->sequence) == sequence)
			break;
	}
}

/**
 * vht_clock_attach - the region is mapped: take its line, if it has one
 *
 * @vht: the device
 *
 * Context: process.
 */
void vht_clock_attach(struct vht *vht)
{
	const struct vht_host_header *header = vht->base;

	if (!(le64_to_cpu(READ_ONCE(header->features)) & VHT_FEATURE_CLOCK_LINE) ||
	    le32_to_cpu(READ_ONCE(header->header_size)) < offsetofend(struct vht_host_header,
								      clock_line))
		return;
	mutex_lock(&vht_clock_lock);
	memcpy(vht_clock_boot_id, header->boot_id, sizeof(vht_clock_boot_id));
	rcu_assign_pointer(vht_clock_line, &header->clock_line);
	/* Nobody uses our own from now on: the next vht_clock_detach() may write it. */
	synchronize_rcu();
	vht_clock_copy(&header->clock_line);
	mutex_unlock(&vht_clock_lock);
}

/**
 * vht_clock_detach - the region is about to be unmapped
 *
 * @vht: the device
 *
 * Context: process.
 */
void vht_clock_detach(struct vht *vht)
{
	const struct vht_host_header *header = vht->base;

	mutex_lock(&vht_clock_lock);
	if (rcu_access_pointer(vht_clock_line) == &header->clock_line) {
		vht_clock_copy(&header->clock_line);
		rcu_assign_pointer(vht_clock_line, &vht_clock_own);
		/* Partner: vht_clock_read(). */
		synchronize_rcu();
	}
	mutex_unlock(&vht_clock_lock);
}
