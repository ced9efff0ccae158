// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels of sessions that are exported, from their creation until the last packet of
 * them is in the region, which may be long after LTTng has destroyed them: as their
 * reader we keep their buffers, and this module with them.
 *
 * Once LTTng has destroyed a channel, whole sub-buffers can be taken, and that is all: to
 * end a begun one would use what is freed then. So that is done on the way there.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/lockdep.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "vht_lttng.h"

/* Guards what is not RCU's or a producer's lock's. */
DEFINE_MUTEX(vht_lttng_lock);

/* All channels, oldest first. Written under the lock, read under RCU. */
LIST_HEAD(vht_lttng_channels);

/*
 * So many channels that LTTng has destroyed wait for room in the ring, at most: a reader that
 * does not read must not have the guest's memory. What the oldest have beyond that is lost.
 */
#define VHT_LTTNG_MAX_ENDED	16

/**
 * vht_lttng_buffer_of - a channel's buffer of one CPU
 *
 * @channel: the channel
 * @cpu: the CPU
 *
 * Context: any, under RCU or vht_lttng_lock.
 *
 * Return: the buffer, NULL if there is none: the CPU has not been online since.
 */
struct lttng_kernel_ring_buffer *
vht_lttng_buffer_of(const struct vht_lttng_channel *channel, unsigned int cpu)
{
	const struct channel_backend *backend = &channel->ring->backend;

	if (!cpumask_test_cpu(cpu, backend->cpumask))
		return NULL;
	/* The buffer is made before its bit is set. Partner: lib_ring_buffer_create(). */
	smp_rmb();
	return per_cpu_ptr(backend->percpu_buf, cpu);
}

static struct vht_lttng_channel *
vht_lttng_channel_find(const struct lttng_kernel_ring_buffer_channel *ring)
{
	struct vht_lttng_channel *channel;

	list_for_each_entry_rcu(channel, &vht_lttng_channels, list,
				lockdep_is_held(&vht_lttng_lock))
		if (channel->ring == ring)
			return channel;
	return NULL;
}

/**
 * vht_lttng_channel_is_ours - is the channel exported?
 *
 * @ring: the channel
 *
 * Context: any.
 *
 * Return: true if it is.
 */
bool vht_lttng_channel_is_ours(const struct lttng_kernel_ring_buffer_channel *ring)
{
	bool is_ours;

	rcu_read_lock();
	is_ours = vht_lttng_channel_find(ring);
	rcu_read_unlock();
	return is_ours;
}

/**
 * vht_lttng_buffer_open - become the reader of a buffer
 *
 * @channel: the channel; LTTng has it
 * @cpu: the CPU whose buffer it is
 *
 * Context: any, under RCU or vht_lttng_lock. Two may try at once: one of them is.
 */
void vht_lttng_buffer_open(struct vht_lttng_channel *channel, unsigned int cpu)
{
	struct lttng_kernel_ring_buffer *buf = vht_lttng_buffer_of(channel, cpu);
	struct vht_lttng_buffer *buffer = &channel->buffers[cpu];

	if (!buf || READ_ONCE(buffer->open) || lib_ring_buffer_open_read(buf))
		return;
	buffer->looked_at = jiffies;
	WRITE_ONCE(buffer->open, true);
}

static void vht_lttng_channel_open(struct vht_lttng_channel *channel)
{
	unsigned int cpu;

	for_each_channel_cpu(cpu, channel->ring)
		vht_lttng_buffer_open(channel, cpu);
}

/* Do its packets fit into the ring, full ones too? */
static void vht_lttng_channel_check(const struct vht_lttng_channel *channel, const char *session)
{
	u64 ring_size = vht_lttng_source->producers[0].ring.size;
	unsigned long size = channel->ring->backend.subbuf_size;

	if (size + 2 * VHT_PACKET_ALIGN > ring_size / 2)
		pr_warn("sub-buffers are too large for the region, full ones are lost: session=%s size=%lu ring=%llu\n",
			session, size, (unsigned long long)ring_size);
}

/**
 * vht_lttng_channel_add - LTTng has made a channel: export it, if its session is to be
 *
 * @ring: the channel
 * @lttng: LTTng's idea of it
 *
 * Context: process; LTTng's sessions_mutex is held.
 */
void vht_lttng_channel_add(struct lttng_kernel_ring_buffer_channel *ring,
			   struct lttng_kernel_channel_buffer *lttng)
{
	bool overwrites = ring->backend.config.mode == RING_BUFFER_OVERWRITE;
	const char *name = lttng->parent.session->priv->name;
	struct vht_lttng_channel *channel;
	char label[16];

	if (!vht_lttng_is_selected(name))
		return;
	channel = kzalloc(struct_size(channel, buffers, nr_cpu_ids), GFP_KERNEL);
	if (!channel)
		goto err;
	mutex_lock(&vht_lttng_lock);
	/* The device may have gone since. */
	channel->session = vht_lttng_source ? vht_lttng_session_get(lttng) : NULL;
	if (!channel->session) {
		mutex_unlock(&vht_lttng_lock);
		kfree(channel);
		goto err;
	}
	/* How the user calls it the kernel is not told. */
	snprintf(label, sizeof(label), "channel%u", lttng->priv->id);
	vht_lttng_session_add_channel(channel->session, lttng->priv->id,
				      overwrites ? "overwrite" : "discard", label);
	channel->ring = ring;
	channel->live = true;
	vht_lttng_channel_open(channel);
	vht_lttng_channel_check(channel, name);
	list_add_tail_rcu(&channel->list, &vht_lttng_channels);
	mutex_unlock(&vht_lttng_lock);
	return;

err:
	pr_err("cannot export a channel, LTTng's own way is open: session=%s\n", name);
}

/* Ends the begun sub-buffers of a live channel, with an IPI for each CPU that has one. */
static void vht_lttng_channel_flush(struct vht_lttng_channel *channel)
{
	unsigned int cpu;

	lockdep_assert_held(&vht_lttng_lock);
	if (!channel->live || !vht_lttng_session_has_metadata(channel->session))
		return;
	for_each_channel_cpu(cpu, channel->ring) {
		struct lttng_kernel_ring_buffer *buf = vht_lttng_buffer_of(channel, cpu);

		if (vht_lttng_buffer_is_begun(buf))
			lib_ring_buffer_switch_remote(buf);
	}
}

/**
 * vht_lttng_channels_flush - end the begun sub-buffers of all CPUs
 *
 * Context: process; vht_lttng_lock is held.
 */
void vht_lttng_channels_flush(void)
{
	struct vht_lttng_channel *channel;

	list_for_each_entry(channel, &vht_lttng_channels, list)
		vht_lttng_channel_flush(channel);
}

/**
 * vht_lttng_channel_end - LTTng is about to destroy a channel
 *
 * @ring: the channel, an exported one
 *
 * Context: process; LTTng's sessions_mutex is held.
 */
void vht_lttng_channel_end(struct lttng_kernel_ring_buffer_channel *ring)
{
	struct vht_lttng_channel *channel;

	mutex_lock(&vht_lttng_lock);
	channel = vht_lttng_channel_find(ring);
	/* Of CPUs that came and did not look at it since, too. */
	vht_lttng_channel_open(channel);
	vht_lttng_channel_flush(channel);
	WRITE_ONCE(channel->live, false);
	vht_lttng_session_end_channel(channel->session);
	vht_lttng_tell();
	mutex_unlock(&vht_lttng_lock);
	/* Nobody ends a sub-buffer of it any more, or looks into its session's metadata. */
	synchronize_rcu();
}

/**
 * vht_lttng_channel_ended - LTTng has destroyed a channel; we have it yet
 *
 * Context: process; LTTng's sessions_mutex is held.
 */
void vht_lttng_channel_ended(void)
{
	vht_lttng_take_others();
}

static bool vht_lttng_channel_is_done(const struct vht_lttng_channel *channel)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		if (channel->buffers[cpu].open && !READ_ONCE(channel->buffers[cpu].done))
			return false;
	return true;
}

/* Gives the buffers back. With the last of them the channel goes, and its hold on us. */
static void vht_lttng_channel_free(struct vht_lttng_channel *channel)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct lttng_kernel_ring_buffer *buf;

		if (!channel->buffers[cpu].open)
			continue;
		buf = vht_lttng_buffer_of(channel, cpu);
		channel->buffers[cpu].open = false;
		lib_ring_buffer_release_read(buf);
	}
	vht_lttng_session_put(channel->session);
	kfree(channel);
}

/* Counts the records that go with a CPU's sub-buffers, where LTTng counts them. */
static void vht_lttng_count_dropped(unsigned int cpu, struct lttng_kernel_ring_buffer *buf)
{
	const struct lttng_kernel_ring_buffer_config *config = &buf->backend.chan->backend.config;
	struct vht_producer *producer;

	if (!vht_lttng_source)
		return;
	producer = &vht_lttng_source->producers[cpu];
	raw_spin_lock_bh(&producer->lock);
	producer->lost += lib_ring_buffer_get_records_unread(config, buf);
	vht_publish(producer, 0);
	raw_spin_unlock_bh(&producer->lock);
}

/*
 * Counts what goes with a channel, for the host; the number of sub-buffers. Those of a session
 * that was never started are of no use to anybody.
 */
static unsigned long vht_lttng_channel_drop(struct vht_lttng_channel *channel)
{
	unsigned long packets = 0;
	unsigned int cpu;

	if (!vht_lttng_session_has_metadata(channel->session))
		return 0;
	for_each_possible_cpu(cpu) {
		struct lttng_kernel_ring_buffer *buf;

		if (!channel->buffers[cpu].open || channel->buffers[cpu].done)
			continue;
		buf = vht_lttng_buffer_of(channel, cpu);
		packets += vht_lttng_buffer_count_ended(buf);
		vht_lttng_count_dropped(cpu, buf);
	}
	if (packets)
		vht_lttng_session_drop(channel->session, packets);
	return packets;
}

/* Says in the log what was lost now, and since the module was loaded. */
static void vht_lttng_warn_dropped(unsigned long packets)
{
	static unsigned long all;

	lockdep_assert_held(&vht_lttng_lock);
	if (!packets)
		return;
	all += packets;
	pr_warn_ratelimited("sub-buffers of destroyed channels are lost, they never came into the region: sub-buffers=%lu since-load=%lu\n",
			    packets, all);
}

/**
 * vht_lttng_channels_reap - let go of channels that are done with
 *
 * @all: of those too that LTTng has destroyed, and whose packets nobody will take
 *
 * Context: process; vht_lttng_lock is held.
 *
 * Return: true if there are channels yet that LTTng has destroyed.
 */
bool vht_lttng_channels_reap(bool all)
{
	struct vht_lttng_channel *channel, *next;
	unsigned long dropped = 0;
	unsigned int waiting = 0;

	lockdep_assert_held(&vht_lttng_lock);
	list_for_each_entry_safe_reverse(channel, next, &vht_lttng_channels, list) {
		if (channel->live || !vht_lttng_is_finalized(channel))
			continue;
		if (!all && !vht_lttng_channel_is_done(channel) &&
		    ++waiting <= VHT_LTTNG_MAX_ENDED)
			continue;
		/* Readers of the list go on from it. */
		list_del_rcu(&channel->list);
		synchronize_rcu();
		dropped += vht_lttng_channel_drop(channel);
		vht_lttng_channel_free(channel);
	}
	vht_lttng_warn_dropped(dropped);
	return waiting;
}
