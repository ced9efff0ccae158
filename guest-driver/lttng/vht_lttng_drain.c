// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sub-buffers of LTTng's on their way into the ring: got, copied once, put back [G10].
 *
 * A CPU takes its own in softirq, as with ftrace's: that needs nothing of another CPU. To
 * read another's buffer LTTng sends that CPU an IPI, which only task context may do: the
 * driver's look at CPUs that sleep, or are gone, becomes a work item here, if such a CPU
 * has left something behind. That is one IPI for what it did before it fell asleep.
 */
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/smp.h>

#include "vht_lttng.h"

/* A begun sub-buffer is ended when it waits for this long. */
#define VHT_LTTNG_BEGUN_MS	100

/* What a run of the drain knows. */
struct vht_lttng_run {
	struct vht_producer *producer;
	enum vht_drain how;
	bool is_own;			/* the buffers are those of this CPU */
	struct vht_packet_info pair;	/* clock, counter and counter_width */
	unsigned int left;		/* packets that may be taken yet */
	bool is_done;			/* a buffer will have no more */
};

/* One moment in LTTng's clock and in the guest counter, of a CPU that is this one. */
static void vht_lttng_take_pair(struct vht_lttng_run *run)
{
	unsigned long flags;
	u64 before, after, clock;

	if (!run->is_own)
		return;
	local_irq_save(flags);
	before = vht_counter();
	clock = trace_clock_read64();
	after = vht_counter();
	local_irq_restore(flags);
	if (!after)
		return;
	run->pair.clock = clock;
	run->pair.counter = before + (after - before) / 2;
	run->pair.counter_width = min_t(u64, (after - before + 1) / 2, U32_MAX);
}

/* Counts the records that LTTng lost in a buffer since the last look. */
static void vht_lttng_count_buffer(struct vht_producer *producer,
				   struct vht_lttng_buffer *buffer,
				   struct lttng_kernel_ring_buffer *buf)
{
	const struct lttng_kernel_ring_buffer_config *config = &buf->backend.chan->backend.config;
	unsigned long lost = v_read(config, &buf->records_lost_full) +
			     v_read(config, &buf->records_lost_wrap) +
			     v_read(config, &buf->records_lost_big) +
			     v_read(config, &buf->records_overrun);

	/* They were set to 0. */
	if (lost < buffer->seen_lost)
		buffer->seen_lost = 0;
	producer->lost += lost - buffer->seen_lost;
	buffer->seen_lost = lost;
}

/* Records in the sub-buffer that we have; 0 where LTTng was built not to count them. */
static unsigned long vht_lttng_records(struct lttng_kernel_ring_buffer *buf)
{
	const struct lttng_kernel_ring_buffer_config *config = &buf->backend.chan->backend.config;
	unsigned long index = subbuffer_id_get_index(config, buf->backend.buf_rsb.id);

	return v_read(config, &buf->backend.array[index]->records_unread);
}

/* What LTTng's header of the packet says. */
static void vht_lttng_read_header(struct vht_lttng_buffer *buffer,
				  struct lttng_kernel_ring_buffer *buf,
				  struct vht_packet_info *info)
{
	const struct lttng_kernel_ring_buffer_config *config = &buf->backend.chan->backend.config;
	const struct lttng_kernel_channel_buffer_ops *ops = buf->backend.chan->backend.priv_ops;
	u64 sequence, discarded;

	ops->priv->timestamp_begin(config, buf, &info->timestamp_begin);
	ops->priv->timestamp_end(config, buf, &info->timestamp_end);
	ops->priv->sequence_number(config, buf, &sequence);
	ops->priv->events_discarded(config, buf, &discarded);
	if (sequence != buffer->next_sequence || discarded != buffer->discarded)
		info->flags |= VHT_PACKET_LOST_BEFORE;
	buffer->next_sequence = sequence + 1;
	buffer->discarded = discarded;
}

/* Copies the sub-buffer that we have into the ring, where there is room for it. */
static void vht_lttng_put_packet(struct vht_lttng_run *run, struct vht_lttng_buffer *buffer,
				 struct lttng_kernel_ring_buffer *buf, size_t size)
{
	struct vht_producer *producer = run->producer;
	struct vht_packet_info info = run->pair;

	info.type = VHT_PACKET_LTTNG;
	info.events = producer->events + vht_lttng_records(buf);
	info.events_discarded = producer->lost;
	vht_set_step(producer, VHT_STEP_PUTTING);
	vht_lttng_read_header(buffer, buf, &info);
	lib_ring_buffer_read(&buf->backend, 0, vht_ring_content(&producer->ring, size), size);
	vht_ring_finish(&producer->ring, &info, size);
	producer->events = info.events;
	producer->last_time = info.timestamp_end;
}

/* Gives the sub-buffer back, empty. Nobody ever waits for room in a data channel. */
static void vht_lttng_release(struct lttng_kernel_ring_buffer *buf)
{
	struct lttng_kernel_ring_buffer_channel *ring = buf->backend.chan;
	unsigned long next = subbuf_align(buf->get_subbuf_consumed, ring);
	long consumed;

	lib_ring_buffer_put_subbuf(buf);
	/* Who overwrites may have been here before. */
	consumed = atomic_long_read(&buf->consumed);
	while (consumed - (long)next < 0) {
		long old = atomic_long_cmpxchg(&buf->consumed, consumed, next);

		if (old == consumed)
			break;
		consumed = old;
	}
}

/*
 * Moves a sub-buffer into the ring.
 *
 * Return: 0, -ENODATA if none will come any more, -EAGAIN if there is none now, or
 * what keeps it from going: -ENOSPC.
 */
static int vht_lttng_take(struct vht_lttng_run *run, struct vht_lttng_channel *channel,
			  struct vht_lttng_buffer *buffer, struct lttng_kernel_ring_buffer *buf)
{
	const struct lttng_kernel_ring_buffer_config *config = &buf->backend.chan->backend.config;
	struct vht_producer *producer = run->producer;
	size_t size;
	int ret;

	vht_set_step(producer, VHT_STEP_TAKING);
	ret = lib_ring_buffer_get_next_subbuf(buf);
	if (ret)
		goto out;
	/* Now that we have it, so that what it needs was written before [G8]. */
	if (!vht_lttng_session_is_told(channel->session)) {
		lib_ring_buffer_put_subbuf(buf);
		ret = -EAGAIN;
		goto out;
	}
	size = PAGE_ALIGN(lib_ring_buffer_get_read_data_size(config, buf));
	ret = vht_ring_reserve(&producer->ring, size);
	if (ret == -ENOSPC) {
		producer->full = true;
		lib_ring_buffer_put_subbuf(buf);
		goto out;
	}
	/* One that never fits is lost; a gap in LTTng's numbers tells. */
	if (!ret)
		vht_lttng_put_packet(run, buffer, buf, size);
	else
		producer->lost += vht_lttng_records(buf);
	vht_lttng_release(buf);
	ret = 0;
out:
	vht_set_step(producer, VHT_STEP_NONE);
	return ret;
}

/* Is it time to end the begun sub-buffer? @took: whole ones were taken just now. */
static bool vht_lttng_is_old(struct vht_lttng_buffer *buffer,
			     struct lttng_kernel_ring_buffer *buf, bool took)
{
	unsigned long age = msecs_to_jiffies(VHT_LTTNG_BEGUN_MS);
	unsigned long looked_at = buffer->looked_at;

	buffer->looked_at = jiffies;
	if (!vht_lttng_buffer_is_begun(buf)) {
		buffer->begun = false;
		return false;
	}
	/* A CPU that sleeps is looked at by chance only: this may be it for long. */
	if (time_after_eq(jiffies, looked_at + age))
		return true;
	if (!buffer->begun || took) {
		buffer->begun = true;
		buffer->begun_at = jiffies;
		return false;
	}
	return time_after_eq(jiffies, buffer->begun_at + age);
}

/* Ends the begun sub-buffer, if it is time; true if there may be a packet now. */
static bool vht_lttng_end_begun(struct vht_lttng_run *run, struct vht_lttng_channel *channel,
				struct vht_lttng_buffer *buffer,
				struct lttng_kernel_ring_buffer *buf, bool took)
{
	/* Destroyed channels are left as they are, and stopped sessions have nothing begun. */
	if (!READ_ONCE(channel->live) || !vht_lttng_session_is_told(channel->session))
		return false;
	if (run->how == VHT_DRAIN_LAZY && !vht_lttng_is_old(buffer, buf, took))
		return false;
	if (!vht_lttng_buffer_is_begun(buf))
		return false;
	if (run->is_own)
		lib_ring_buffer_switch_slow(buf, SWITCH_ACTIVE);
	else
		lib_ring_buffer_switch_remote(buf);
	buffer->begun = false;
	return true;
}

static void vht_lttng_drain_buffer(struct vht_lttng_run *run, struct vht_lttng_channel *channel)
{
	struct vht_producer *producer = run->producer;
	struct vht_lttng_buffer *buffer = &channel->buffers[producer->cpu];
	struct lttng_kernel_ring_buffer *buf = vht_lttng_buffer_of(channel, producer->cpu);
	unsigned int left = run->left;
	int ret = -EAGAIN;

	if (!buf || buffer->done)
		return;
	/* The CPU has come since, or comes for the first time. */
	if (!READ_ONCE(buffer->open)) {
		if (!READ_ONCE(channel->live))
			return;
		vht_lttng_buffer_open(channel, producer->cpu);
		if (!READ_ONCE(buffer->open))
			return;
	}
	vht_lttng_count_buffer(producer, buffer, buf);
	while (run->left) {
		ret = vht_lttng_take(run, channel, buffer, buf);
		if (ret)
			break;
		run->left--;
	}
	if (ret == -EAGAIN && vht_lttng_end_begun(run, channel, buffer, buf, left != run->left) &&
	    run->left && !vht_lttng_take(run, channel, buffer, buf))
		run->left--;
	if (ret == -ENODATA) {
		WRITE_ONCE(buffer->done, true);
		run->is_done = true;
	}
}

/* Is there something to take in a buffer whose CPU does not look after itself? */
static bool vht_lttng_buffer_has_left(struct vht_lttng_channel *channel,
				      struct vht_lttng_buffer *buffer,
				      struct lttng_kernel_ring_buffer *buf)
{
	unsigned long old = READ_ONCE(buffer->looked_at) + msecs_to_jiffies(VHT_LTTNG_BEGUN_MS);

	if (vht_lttng_is_finalized(channel) || vht_lttng_buffer_count_ended(buf))
		return true;
	return READ_ONCE(channel->live) && vht_lttng_buffer_is_begun(buf) &&
	       time_after_eq(jiffies, old);
}

/* Has a CPU that does not look after itself left something that can go? */
static bool vht_lttng_has_left(struct vht_producer *producer)
{
	struct vht_lttng_channel *channel;

	list_for_each_entry_rcu(channel, &vht_lttng_channels, list) {
		struct vht_lttng_buffer *buffer = &channel->buffers[producer->cpu];
		struct lttng_kernel_ring_buffer *buf;

		buf = vht_lttng_buffer_of(channel, producer->cpu);
		if (!buf || buffer->done || !vht_lttng_session_is_told(channel->session))
			continue;
		if (vht_lttng_buffer_has_left(channel, buffer, buf))
			return vht_ring_has_room(&producer->ring,
						 channel->ring->backend.subbuf_size);
	}
	return false;
}

/* Is there metadata to be sent first? */
static bool vht_lttng_is_untold(void)
{
	struct vht_lttng_channel *channel;

	list_for_each_entry_rcu(channel, &vht_lttng_channels, list)
		if (vht_lttng_session_has_metadata(channel->session) &&
		    !vht_lttng_session_is_told(channel->session))
			return true;
	return false;
}

/**
 * vht_lttng_drain - move sub-buffers of a CPU into its ring
 *
 * @producer: the stream; its lock is held
 * @packets: so many at most
 * @how: VHT_DRAIN_*
 *
 * Context: softirq, or process with bottom halves off.
 *
 * Return: the number of packets.
 */
unsigned int vht_lttng_drain(struct vht_producer *producer, unsigned int packets,
			     enum vht_drain how)
{
	struct vht_lttng_run run = {
		.producer = producer,
		.how = how,
		.is_own = producer->cpu == smp_processor_id(),
		.left = packets,
	};
	struct vht_lttng_channel *channel;

	if (list_empty(&vht_lttng_channels))
		return 0;
	producer->full = false;
	rcu_read_lock();
	if (vht_lttng_is_untold())
		vht_lttng_tell();
	if (!run.is_own && !in_task()) {
		if (vht_lttng_has_left(producer))
			vht_lttng_take_others();
		rcu_read_unlock();
		return 0;
	}
	vht_lttng_take_pair(&run);
	list_for_each_entry_rcu(channel, &vht_lttng_channels, list)
		vht_lttng_drain_buffer(&run, channel);
	rcu_read_unlock();
	if (run.is_done)
		vht_lttng_take_others();
	vht_publish(producer, 0);
	return packets - run.left;
}

/**
 * vht_lttng_take_all - the same for a guest that comes to its end: all that can be had
 *
 * @producer: the stream; its lock is held, or was taken over
 *
 * Context: any, under RCU; the buffers are this CPU's, or nobody else runs.
 */
void vht_lttng_take_all(struct vht_producer *producer)
{
	struct vht_lttng_run run = {
		.producer = producer,
		.how = VHT_DRAIN_ALL,
		.is_own = true,
		.left = UINT_MAX,
	};
	struct vht_lttng_channel *channel;

	list_for_each_entry_rcu(channel, &vht_lttng_channels, list)
		vht_lttng_drain_buffer(&run, channel);
	vht_publish(producer, 0);
}
