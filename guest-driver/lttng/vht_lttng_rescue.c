// SPDX-License-Identifier: GPL-2.0-only
/*
 * LTTng's buffers in a panic: every CPU but this one stands still, for good, with whatever
 * it was doing half done, and nothing is waited for [G6].
 *
 * The begun sub-buffers of all CPUs are ended from here, which LTTng does for a CPU that
 * is gone, too. One that a writer was stopped in is not complete, and never will be: its
 * records up to there are made a packet of.
 */
#include <linux/rculist.h>

#include "vht_lttng.h"

/*
 * Makes a packet of what is complete in a sub-buffer that was ended: LTTng counts the bytes
 * that were committed without a gap, for those who look into the memory of a dead kernel.
 */
static void vht_lttng_complete(struct lttng_kernel_ring_buffer *buf, unsigned long position)
{
	struct lttng_kernel_ring_buffer_channel *ring = buf->backend.chan;
	const struct lttng_kernel_ring_buffer_config *config = &ring->backend.config;
	unsigned long index = subbuf_index(position, ring);
	/* The count when the sub-buffer was begun, and when it is complete. */
	unsigned long begun = (buf_trunc(position, ring) >> ring->backend.num_subbuf_order) &
			      ring->commit_count_mask;
	unsigned long whole = begun + ring->backend.subbuf_size;
	unsigned long size;

	size = (v_read(config, &buf->commit_hot[index].seq) - begun) & ring->commit_count_mask;
	if (((v_read(config, &buf->commit_cold[index].cc_sb) - whole) &
	     ring->commit_count_mask) == 0)
		return;
	if (size <= config->cb.subbuffer_header_size() || size > ring->backend.subbuf_size)
		return;
	subbuffer_set_data_size(config, &buf->backend, index, size);
	config->cb.buffer_end(buf, trace_clock_read64(), index, size, NULL);
	lib_ring_buffer_set_noref_offset(config, &buf->backend, index,
					 buf_trunc_val(position, ring));
	v_set(config, &buf->commit_cold[index].cc_sb, whole);
}

static void vht_lttng_complete_all(struct lttng_kernel_ring_buffer *buf)
{
	struct lttng_kernel_ring_buffer_channel *ring = buf->backend.chan;
	unsigned long position = subbuf_trunc(atomic_long_read(&buf->consumed), ring);
	unsigned long end = subbuf_trunc(v_read(&ring->backend.config, &buf->offset), ring);
	unsigned long left = ring->backend.num_subbuf;

	for (; left && position != end; left--, position += ring->backend.subbuf_size)
		vht_lttng_complete(buf, position);
}

/* Ends what is begun, and makes LTTng believe that the buffer is this CPU's: no IPI. */
static void vht_lttng_prepare(struct vht_lttng_channel *channel, unsigned int cpu)
{
	struct lttng_kernel_ring_buffer *buf = vht_lttng_buffer_of(channel, cpu);

	if (!buf || !channel->buffers[cpu].open)
		return;
	if (READ_ONCE(channel->live) && vht_lttng_session_is_told(channel->session) &&
	    vht_lttng_buffer_is_begun(buf))
		lib_ring_buffer_switch_slow(buf, SWITCH_ACTIVE);
	buf->backend.cpu = raw_smp_processor_id();
	vht_lttng_complete_all(buf);
}

/* The sub-buffer that the stopped holder of the lock had, if it had one. */
static void vht_lttng_give_back(struct vht_producer *producer, bool is_in_ring)
{
	struct vht_lttng_channel *channel;

	list_for_each_entry_rcu(channel, &vht_lttng_channels, list) {
		struct lttng_kernel_ring_buffer *buf = vht_lttng_buffer_of(channel, producer->cpu);

		if (!buf || !buf->get_subbuf)
			continue;
		if (is_in_ring)
			atomic_long_set(&buf->consumed,
					subbuf_align(buf->get_subbuf_consumed, channel->ring));
		lib_ring_buffer_put_subbuf(buf);
	}
}

/* Ends what the stopped holder of the lock was about. */
static void vht_lttng_end_step(struct vht_producer *producer)
{
	bool is_in_ring = false;

	if (producer->step == VHT_STEP_PUTTING) {
		is_in_ring = producer->ring.head != producer->before.head;
		if (!is_in_ring)
			producer->ring.sequence = producer->before.sequence;
		vht_ring_publish(&producer->ring);
	}
	if (producer->step != VHT_STEP_NONE)
		vht_lttng_give_back(producer, is_in_ring);
	vht_set_step(producer, VHT_STEP_NONE);
}

/**
 * vht_lttng_rescue - take all of a CPU's, now
 *
 * @producer: the stream; its lock is held, or was taken over
 * @alone: no other CPU runs any more
 * @stopped: the lock was taken over from a CPU that stands still
 *
 * Context: any.
 */
void vht_lttng_rescue(struct vht_producer *producer, bool alone, bool stopped)
{
	struct vht_lttng_channel *channel;

	/* Another CPU that runs has to be asked for its buffer, and there is no time. */
	if (!alone && producer->cpu != raw_smp_processor_id())
		return;
	rcu_read_lock();
	if (stopped)
		vht_lttng_end_step(producer);
	if (alone)
		list_for_each_entry_rcu(channel, &vht_lttng_channels, list)
			vht_lttng_prepare(channel, producer->cpu);
	vht_lttng_take_all(producer);
	rcu_read_unlock();
}
