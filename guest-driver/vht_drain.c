// SPDX-License-Identifier: GPL-2.0-only
/*
 * When sources are emptied, and by whom.
 *
 * Every CPU has a timer of its own that takes the CPU's data: no thread is woken
 * up for it, so nothing of ours shows in the trace of the scheduler, and the data
 * is warm in that CPU's cache. The timer is deferrable: an idle CPU is left in
 * peace [G3]. What such a CPU, or one that went offline, has left behind is taken
 * by the others, once it has grown old.
 *
 * Nobody waits here for anybody [G1]: a stream that another CPU works on is
 * passed over, and one whose ring is full leaves its data where it is.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>

#include "vht_internal.h"

static unsigned int drain_ms = 10;
module_param(drain_ms, uint, 0444);
MODULE_PARM_DESC(drain_ms, "A CPU's trace buffers are looked at so often [ms]");

/*
 * Packets that one run of a timer moves at most, for each source: 1 MiB in sub-buffers
 * of 4 KiB, a fraction of a millisecond.
 */
#define VHT_RUN_PACKETS		256

/* From so many on a CPU is busy, and its next run is a jiffy away. */
#define VHT_BUSY_PACKETS	16

/* ... and for each CPU that does not look after itself. */
#define VHT_SCAN_PACKETS	16

/* Periods after which a CPU counts as one of those. */
#define VHT_SCAN_PERIODS	5

/*
 * Runs in which a stream is emptied for good: who traces the tracer can make
 * events as fast as they are taken. 16 GiB in sub-buffers of 4 KiB.
 */
#define VHT_MAX_RUNS		0x10000

/* Only one device can be: the instance has one name. For CPU hotplug. */
static struct vht *vht_drained;

static unsigned long vht_period(void)
{
	return max(msecs_to_jiffies(drain_ms), 1UL);
}

/**
 * vht_publish - write a stream's counters into the region
 *
 * @producer: the stream; its lock is held
 * @stuck: events that wait in the source, if they will be lost there
 *
 * Context: any.
 */
void vht_publish(struct vht_producer *producer, u64 stuck)
{
	struct vht_stream *shared = producer->ring.shared;

	WRITE_ONCE(shared->events, cpu_to_le64(producer->events));
	WRITE_ONCE(shared->events_lost, cpu_to_le64(producer->lost + stuck));
	WRITE_ONCE(shared->drain_counter, cpu_to_le64(vht_counter()));
}
EXPORT_SYMBOL_GPL(vht_publish);

/* Takes from one stream, unless somebody else does; the number of packets. */
static unsigned int vht_drain_stream(struct vht_producer *producer, unsigned int packets)
{
	enum vht_drain how = READ_ONCE(producer->vht->ending) ? VHT_DRAIN_ALL : VHT_DRAIN_LAZY;
	unsigned int n;

	if (!raw_spin_trylock(&producer->lock))
		return 0;
	/* Another module's may go: whoever takes it away has the lock once, afterwards. */
	n = READ_ONCE(producer->source->ops)->drain(producer, packets, how);
	raw_spin_unlock(&producer->lock);
	return n;
}

/* Looks after one CPU; true if it is busy tracing. */
static bool vht_drain_cpu(struct vht *vht, unsigned int cpu, unsigned int packets)
{
	bool busy = false;
	unsigned int i;

	for (i = 0; i < vht->source_count; i++) {
		struct vht_producer *producer = vht_producer(&vht->sources[i], cpu);

		if (producer && vht_drain_stream(producer, packets) >= VHT_BUSY_PACKETS)
			busy = true;
	}
	return busy;
}

/* Looks after the CPUs that do not do it themselves. */
static void vht_drain_others(struct vht *vht)
{
	unsigned long period = vht_period();
	unsigned long next = READ_ONCE(vht->next_scan);
	unsigned int cpu;

	if (time_before(jiffies, next))
		return;
	/* One CPU a period does it; the others find the time moved on. */
	if (cmpxchg(&vht->next_scan, next, jiffies + period) != next)
		return;
	for_each_possible_cpu(cpu) {
		unsigned long drained = READ_ONCE(vht->cpus[cpu].drained);

		if (time_after(jiffies, drained + VHT_SCAN_PERIODS * period))
			vht_drain_cpu(vht, cpu, VHT_SCAN_PACKETS);
	}
}

#ifndef CONFIG_PREEMPT_COUNT
#error "vht_is_in_event() needs a kernel with CONFIG_PREEMPT_COUNT"
#endif

/*
 * Has this softirq perhaps interrupted a writer of a trace buffer? The buffer's
 * reader waits for a writer that is between two pages, up to a second, and then
 * turns the buffer off for good: it must never be above one on the same CPU.
 * Writers have preemption disabled, and so has the idle task always.
 */
static bool vht_is_in_event(void)
{
	return (preempt_count() & PREEMPT_MASK) > (is_idle_task(current) ? PREEMPT_OFFSET : 0);
}

/* Has the host another epoch? It may say so as often as it likes, and is heeded once a second. */
static void vht_drain_check_epoch(struct vht *vht)
{
	if (likely(!vht_region_is_renewed(vht)) ||
	    time_before(jiffies, READ_ONCE(vht->next_renewal)))
		return;
	WRITE_ONCE(vht->next_renewal, jiffies + HZ);
	schedule_work(&vht->renew_work);
}

static void vht_drain_timer(struct timer_list *timer)
{
	struct vht_cpu *self = timer_container_of(self, timer, timer);
	struct vht *vht = self->vht;
	bool busy;

	if (vht_is_in_event()) {
		if (READ_ONCE(self->online))
			mod_timer(&self->timer, jiffies + 1);
		return;
	}
	busy = vht_drain_cpu(vht, self->cpu, VHT_RUN_PACKETS);
	WRITE_ONCE(self->drained, jiffies);
	vht_drain_others(vht);
	vht_metadata_poll(vht);
	vht_external_poll(vht);
	vht_drain_check_epoch(vht);

	if (READ_ONCE(self->online))
		mod_timer(&self->timer, jiffies +
			  (busy || READ_ONCE(vht->ending) ? 1 : vht_period()));
}

static int vht_cpu_online(unsigned int cpu)
{
	struct vht *vht = vht_drained;
	struct vht_cpu *self = &vht->cpus[cpu];
	unsigned int i;
	int ret;

	for (i = 0; i < vht->source_count; i++) {
		struct vht_source *source = &vht->sources[i];

		if (source->external)
			continue;
		/* No reason to keep a CPU from coming up. */
		ret = source->ops->start(&source->producers[cpu]);
		if (ret)
			dev_warn(&vht->vdev->dev, "CPU is not traced: cpu=%u source=%s: %pe\n",
				 cpu, source->name, ERR_PTR(ret));
	}
	self->vht = vht;
	self->cpu = cpu;
	WRITE_ONCE(self->drained, jiffies);
	WRITE_ONCE(self->online, true);
	timer_setup(&self->timer, vht_drain_timer, TIMER_DEFERRABLE | TIMER_PINNED);
	self->timer.expires = jiffies + 1;
	add_timer_on(&self->timer, cpu);
	vht_metadata_cpu_online(vht, cpu);
	return 0;
}

static int vht_cpu_offline(unsigned int cpu)
{
	struct vht *vht = vht_drained;
	struct vht_cpu *self = &vht->cpus[cpu];
	unsigned int i;

	WRITE_ONCE(self->online, false);
	timer_delete_sync(&self->timer);
	for (i = 0; i < vht->source_count; i++) {
		struct vht_source *source = &vht->sources[i];

		if (!source->external && source->ops->stop)
			source->ops->stop(&source->producers[cpu]);
	}
	return 0;
}

/**
 * vht_drain_start - begin to empty the sources
 *
 * @vht: the device; the region is laid out
 *
 * Return: 0 or a negative error number.
 */
int vht_drain_start(struct vht *vht)
{
	unsigned int cpu;
	int ret;

	vht->cpus = kcalloc(nr_cpu_ids, sizeof(*vht->cpus), GFP_KERNEL);
	if (!vht->cpus)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		vht->cpus[cpu].drained = jiffies;
	vht->next_scan = jiffies;
	vht_drained = vht;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "virtio/hypertrace:online",
				vht_cpu_online, vht_cpu_offline);
	if (ret < 0) {
		vht_drained = NULL;
		kfree(vht->cpus);
		vht->cpus = NULL;
		return ret;
	}
	vht->cpuhp = ret;
	return 0;
}

/**
 * vht_drain_stop - no timer runs any more after this
 *
 * @vht: the device
 */
void vht_drain_stop(struct vht *vht)
{
	cpuhp_remove_state(vht->cpuhp);
	vht->cpuhp = 0;
	vht_drained = NULL;
	kfree(vht->cpus);
	vht->cpus = NULL;
}

/* Takes all that is there; false if the ring was full. */
static bool vht_drain_producer(struct vht_producer *producer, enum vht_drain how)
{
	unsigned int runs = VHT_MAX_RUNS;
	unsigned int n;
	bool full;

	do {
		raw_spin_lock_bh(&producer->lock);
		n = READ_ONCE(producer->source->ops)->drain(producer, VHT_RUN_PACKETS, how);
		full = producer->full;
		raw_spin_unlock_bh(&producer->lock);
		cond_resched();
	} while (n == VHT_RUN_PACKETS && --runs);
	return !full;
}

/**
 * vht_drain_everything - empty all sources, begun sub-buffers included
 *
 * @vht: the device
 * @how: VHT_DRAIN_ALL or VHT_DRAIN_CLOSE
 *
 * Context: process.
 *
 * Return: true if the rings had room for all of it.
 */
bool vht_drain_everything(struct vht *vht, enum vht_drain how)
{
	bool all = true;
	unsigned int i, cpu;

	if (how == VHT_DRAIN_ALL)
		vht_external_flush(vht, how);
	for (i = 0; i < vht->source_count; i++) {
		for_each_possible_cpu(cpu) {
			struct vht_producer *producer = vht_producer(&vht->sources[i], cpu);

			if (producer && !vht_drain_producer(producer, how))
				all = false;
		}
	}
	return all;
}

/**
 * vht_drain_rescue - empty all sources, now
 *
 * @vht: the device
 * @alone: no other CPU runs any more, and what was being done on this one is given up; else
 *         what somebody else is at is left to him
 *
 * Nothing is waited for [G6].
 *
 * Context: any.
 */
void vht_drain_rescue(struct vht *vht, bool alone)
{
	unsigned int i, cpu;

	for (i = 0; i < vht->source_count; i++) {
		struct vht_source *source = &vht->sources[i];

		for_each_possible_cpu(cpu) {
			struct vht_producer *producer = vht_producer(source, cpu);

			if (!producer)
				continue;
			if (raw_spin_trylock(&producer->lock)) {
				READ_ONCE(source->ops)->rescue(producer, alone, false);
				raw_spin_unlock(&producer->lock);
				continue;
			}
			/*
			 * A lock that is held now is never given back: its holder stands
			 * still. It has left the ring as it was, or as it was to be: a packet
			 * is there once head has moved, and nobody has looked behind that. What
			 * it was about says @step.
			 */
			if (alone)
				READ_ONCE(source->ops)->rescue(producer, alone, true);
		}
	}
}

/* The last packet of a stream; it says that no other follows. */
static void vht_drain_put_last(struct vht_producer *producer)
{
	raw_spin_lock_bh(&producer->lock);
	if (producer->source->external)
		vht_external_last(producer);
	else
		producer->source->ops->last(producer);
	raw_spin_unlock_bh(&producer->lock);
}

/**
 * vht_drain_close - empty all sources and put the last packet into each stream
 *
 * @vht: the device; no timer runs any more
 *
 * Context: process.
 */
void vht_drain_close(struct vht *vht)
{
	unsigned int i, cpu;

	vht_drain_everything(vht, VHT_DRAIN_CLOSE);
	for (i = 0; i < vht->source_count; i++) {
		struct vht_source *source = &vht->sources[i];

		for_each_possible_cpu(cpu) {
			struct vht_producer *producer = vht_producer(source, cpu);

			if (producer)
				vht_drain_put_last(producer);
		}
	}
	vht_drain_forget(vht);
}

/**
 * vht_drain_forget - as vht_drain_close(), but leave everything where it is
 *
 * @vht: the device; no timer runs any more
 *
 * Context: process.
 */
void vht_drain_forget(struct vht *vht)
{
	unsigned int i, cpu;

	for (i = 0; i < vht->source_count; i++) {
		if (vht->sources[i].external)
			continue;
		for_each_possible_cpu(cpu)
			vht->sources[i].ops->close(&vht->sources[i].producers[cpu]);
	}
}
