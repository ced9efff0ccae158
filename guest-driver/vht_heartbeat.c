// SPDX-License-Identifier: GPL-2.0-only
/*
 * A source for tests: numbered records at a given rate, on every CPU.
 *
 * A record that has no room is dropped and counted, and its number is not given
 * again: so the numbers that arrive prove what the counters say. It is the one thing
 * here that wakes up idle CPUs; it is off unless asked for.
 */
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "vht_internal.h"

static unsigned int heartbeat_hz;
module_param(heartbeat_hz, uint, 0444);
MODULE_PARM_DESC(heartbeat_hz, "Numbered test records on each CPU [1/s]; 0: none");

/* Records in a packet. */
#define VHT_BATCH		1024

/* The timer's rate, at most: above it, several records a tick. */
#define VHT_MAX_TICK_HZ		1000

/* A batch is put into the ring at this age. */
#define VHT_BATCH_MS		10

/**
 * vht_heartbeat_is_on - is the source asked for?
 *
 * Return: true if it is.
 */
bool vht_heartbeat_is_on(void)
{
	return heartbeat_hz;
}

/**
 * vht_heartbeat_ring_size - bytes of ring that each CPU needs
 *
 * Return: bytes.
 */
u64 vht_heartbeat_ring_size(void)
{
	return SZ_256K;
}

/* Puts the batch into the ring; false if there is no room. */
static bool vht_heartbeat_put(struct vht_producer *producer)
{
	struct vht_heartbeat_cpu *beat = producer->priv;
	struct vht_packet_info info = { .type = VHT_PACKET_HEARTBEAT };
	size_t size = beat->count * sizeof(*beat->batch);

	if (!beat->count)
		return true;
	producer->full = vht_ring_reserve(&producer->ring, size);
	if (producer->full)
		return false;

	info.timestamp_begin = le64_to_cpu(beat->batch[0].counter);
	info.timestamp_end = le64_to_cpu(beat->batch[beat->count - 1].counter);
	info.clock = info.timestamp_end;
	info.counter = info.timestamp_end;
	info.events = producer->events + beat->count;
	info.events_discarded = producer->lost;
	vht_set_step(producer, VHT_STEP_PUTTING);
	vht_ring_commit(&producer->ring, &info, beat->batch, size);
	producer->events = info.events;
	beat->count = 0;
	vht_set_step(producer, VHT_STEP_NONE);
	beat->put_at = jiffies;
	return true;
}

static void vht_heartbeat_make(struct vht_producer *producer, u64 records)
{
	struct vht_heartbeat_cpu *beat = producer->priv;

	while (records--) {
		u64 number = beat->next++;

		if (beat->count == VHT_BATCH && !vht_heartbeat_put(producer)) {
			producer->lost++;
			continue;
		}
		beat->batch[beat->count++] = (struct vht_heartbeat) {
			.number = cpu_to_le64(number),
			.counter = cpu_to_le64(vht_counter()),
		};
	}
}

static enum hrtimer_restart vht_heartbeat_tick(struct hrtimer *timer)
{
	struct vht_heartbeat_cpu *beat = container_of(timer, struct vht_heartbeat_cpu, timer);
	struct vht_producer *producer = beat->producer;
	u64 due;

	/* Somebody empties the stream: the next tick makes up for this one. */
	if (!raw_spin_trylock(&producer->lock))
		goto next;

	due = mul_u64_u32_div(ktime_to_ns(ktime_sub(ktime_get(), beat->start)),
			      heartbeat_hz, NSEC_PER_SEC);
	/* The machine stood still: what was due then is not made up for. */
	if (due - beat->made > VHT_BATCH)
		beat->made = due - VHT_BATCH;
	vht_heartbeat_make(producer, due - beat->made);
	beat->made = due;
	if (time_after_eq(jiffies, beat->put_at + msecs_to_jiffies(VHT_BATCH_MS)))
		vht_heartbeat_put(producer);
	vht_publish(producer, 0);
	raw_spin_unlock(&producer->lock);
next:
	hrtimer_forward_now(timer, NSEC_PER_SEC / min(heartbeat_hz, VHT_MAX_TICK_HZ));
	return HRTIMER_RESTART;
}

static int vht_heartbeat_start(struct vht_producer *producer)
{
	struct vht_heartbeat_cpu *beat = producer->priv;

	if (!beat->batch) {
		beat->batch = kcalloc(VHT_BATCH, sizeof(*beat->batch), GFP_KERNEL);
		if (!beat->batch)
			return -ENOMEM;
	}
	beat->producer = producer;
	beat->online = true;
	beat->start = ktime_get();
	beat->made = 0;
	beat->put_at = jiffies;
	vht_hrtimer_setup(&beat->timer, vht_heartbeat_tick, HRTIMER_MODE_REL_PINNED_SOFT);
	hrtimer_start(&beat->timer, 0, HRTIMER_MODE_REL_PINNED_SOFT);
	return 0;
}

static void vht_heartbeat_stop(struct vht_producer *producer)
{
	struct vht_heartbeat_cpu *beat = producer->priv;

	if (!beat->online)
		return;
	hrtimer_cancel(&beat->timer);
	beat->online = false;
}

static unsigned int vht_heartbeat_drain(struct vht_producer *producer, unsigned int packets,
					enum vht_drain how)
{
	struct vht_heartbeat_cpu *beat = producer->priv;
	unsigned int n = beat->count ? 1 : 0;
	u64 stuck = 0;

	/* A CPU that never was online has no batch. */
	if (!beat->batch)
		return 0;
	/* The timer does it, while it lives. */
	if (how == VHT_DRAIN_LAZY && beat->online)
		return 0;
	if (!vht_heartbeat_put(producer)) {
		n = 0;
		if (how == VHT_DRAIN_CLOSE) {
			producer->lost += beat->count;
			beat->count = 0;
		} else if (READ_ONCE(producer->vht->ending)) {
			stuck = beat->count;
		}
	}
	vht_publish(producer, stuck);
	return n;
}

static void vht_heartbeat_last(struct vht_producer *producer)
{
	u64 now = vht_counter();
	struct vht_packet_info info = {
		.type = VHT_PACKET_HEARTBEAT,
		.flags = VHT_PACKET_LAST,
		.timestamp_begin = now,
		.timestamp_end = now,
		.clock = now,
		.counter = now,
		.events = producer->events,
		.events_discarded = producer->lost,
	};

	vht_ring_put(&producer->ring, &info, NULL, 0);
	vht_publish(producer, 0);
}

static void vht_heartbeat_rescue(struct vht_producer *producer, bool alone, bool stopped)
{
	struct vht_heartbeat_cpu *beat = producer->priv;

	if (!beat->batch)
		return;
	if (stopped && producer->step == VHT_STEP_PUTTING) {
		if (producer->ring.head != producer->before.head) {
			if (beat->count)
				producer->events = producer->before.events + beat->count;
			beat->count = 0;
		} else {
			producer->ring.sequence = producer->before.sequence;
		}
		vht_ring_publish(&producer->ring);
		vht_set_step(producer, VHT_STEP_NONE);
	}
	vht_publish(producer, vht_heartbeat_put(producer) ? 0 : beat->count);
}

static void vht_heartbeat_close(struct vht_producer *producer)
{
	struct vht_heartbeat_cpu *beat = producer->priv;

	kfree(beat->batch);
	beat->batch = NULL;
}

static const struct vht_source_ops vht_heartbeat_ops = {
	.start = vht_heartbeat_start,
	.stop = vht_heartbeat_stop,
	.drain = vht_heartbeat_drain,
	.last = vht_heartbeat_last,
	.rescue = vht_heartbeat_rescue,
	.close = vht_heartbeat_close,
	.cpu_size = sizeof(struct vht_heartbeat_cpu),
};

/**
 * vht_heartbeat_open - make the source
 *
 * @source: the source; its name is set
 */
void vht_heartbeat_open(struct vht_source *source)
{
	source->type = VHT_SOURCE_HEARTBEAT;
	source->clock = VHT_CLOCK_COUNTER;
	source->ops = &vht_heartbeat_ops;
}
