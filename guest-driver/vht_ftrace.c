// SPDX-License-Identifier: GPL-2.0-only
/*
 * The source that all this is about: the ring buffer of an ftrace instance.
 *
 * Whole sub-buffers are swapped out of ftrace's buffer and copied once, into the
 * region; the path of an event is never touched. When the region's ring is full
 * nothing is taken: ftrace goes on in its own buffer, overwrites its oldest events
 * when that is full too, and counts them.
 *
 * The instance is reached by exported functions only. None of them hands out its
 * ring buffer, but trace_event_buffer_lock_reserve() stores it where the caller
 * wants it before it does anything else, and an event too large for any buffer is
 * refused without a trace.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/trace_events.h>
#include <asm/local.h>

#include "vht_internal.h"

/*
 * The head of a sub-buffer, as events/header_page describes it. The upper bits of
 * the commit word tell of events that were lost before the sub-buffer; the count of
 * them may follow the data.
 */
struct vht_subbuf {
	u64 timestamp;
	local_t commit;
	u8 data[];
};

#define VHT_COMMIT_LOST		BIT(31)
#define VHT_COMMIT_LOST_STORED	BIT(30)
#define VHT_COMMIT_SIZE		(VHT_COMMIT_LOST_STORED - 1)

/* A begun sub-buffer is taken when it waits for this long. */
#define VHT_BEGUN_MS		100

/* One moment in the buffer's clock and in the guest counter. */
struct vht_pair {
	u64 clock;
	u64 counter;
	u32 width;
};

/*
 * Nothing of a CPU that another one looks after: the counter of each may be one of
 * its own, and so no more than nearly another's.
 */
static void vht_pair_take(struct trace_buffer *buffer, unsigned int cpu,
			  struct vht_pair *pair)
{
	unsigned long flags;
	u64 before, after;

	*pair = (struct vht_pair) {};
	local_irq_save(flags);
	if (cpu != smp_processor_id()) {
		local_irq_restore(flags);
		return;
	}
	before = vht_counter();
	pair->clock = ring_buffer_time_stamp(buffer);
	after = vht_counter();
	local_irq_restore(flags);

	if (!after) {
		pair->clock = 0;
		return;
	}
	pair->counter = before + (after - before) / 2;
	pair->width = min_t(u64, (after - before + 1) / 2, U32_MAX);
}

/* All that ftrace lost on the CPU since the buffer was made or reset. */
static unsigned long vht_ftrace_lost(struct trace_buffer *buffer, int cpu)
{
	return ring_buffer_overrun_cpu(buffer, cpu) +
	       ring_buffer_commit_overrun_cpu(buffer, cpu) +
	       ring_buffer_dropped_events_cpu(buffer, cpu);
}

/* Counts what was lost since the last look. */
static void vht_ftrace_count(struct vht_producer *producer)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;
	struct trace_buffer *buffer = producer->source->buffer;
	unsigned long lost = vht_ftrace_lost(buffer, producer->cpu);
	unsigned long read = ring_buffer_read_events_cpu(buffer, producer->cpu);

	/* Who empties the trace by hand sets these to 0. */
	if (lost < ftrace->seen_lost)
		ftrace->seen_lost = 0;
	if (read < ftrace->seen_read)
		ftrace->seen_read = 0;
	producer->lost += lost - ftrace->seen_lost;
	/* What another reader took will not come to us. */
	producer->lost += read - ftrace->seen_read;
	ftrace->seen_lost = lost;
	ftrace->seen_read = read;
}

/* Puts the sub-buffer that was taken into the ring; room for it was reserved. */
static void vht_ftrace_put(struct vht_producer *producer, const struct vht_pair *pair)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;
	struct vht_packet_info info = { .type = VHT_PACKET_FTRACE };
	const struct vht_subbuf *subbuf = vht_read_page_data(&ftrace->page);
	unsigned long commit = local_read(&subbuf->commit);
	size_t size = sizeof(*subbuf) + (commit & VHT_COMMIT_SIZE);

	if (commit & VHT_COMMIT_LOST_STORED)
		size += sizeof(unsigned long);
	size = min(size, ftrace->page_size);

	if (commit & VHT_COMMIT_LOST)
		info.flags |= VHT_PACKET_LOST_BEFORE;
	info.timestamp_begin = subbuf->timestamp;
	/* The clock is this CPU's, and may lag behind that of the CPU whose data this is. */
	info.timestamp_end = max_t(u64, subbuf->timestamp,
				   ring_buffer_time_stamp(producer->source->buffer));
	info.events = producer->events + ftrace->taken;
	info.events_discarded = producer->lost;
	info.clock = pair->clock;
	info.counter = pair->counter;
	info.counter_width = pair->width;
	vht_ring_commit(&producer->ring, &info, subbuf, size);
	producer->events = info.events;
}

/**
 * vht_ftrace_take - move one sub-buffer into the ring
 *
 * @producer: the stream
 * @pair: this run's clock pair
 * @full: only if the sub-buffer is full
 * @room: room for a sub-buffer was reserved; else what is taken is thrown away
 *
 * Return: true if there was one.
 */
static bool vht_ftrace_take(struct vht_producer *producer, const struct vht_pair *pair,
			    bool full, bool room)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;
	struct trace_buffer *buffer = producer->source->buffer;
	unsigned long read;

	vht_ftrace_count(producer);
	vht_set_step(producer, VHT_STEP_TAKING);
	if (vht_read_page_fill(buffer, &ftrace->page, ftrace->page_size, producer->cpu, full) < 0) {
		vht_set_step(producer, VHT_STEP_NONE);
		return false;
	}
	read = ring_buffer_read_events_cpu(buffer, producer->cpu);
	ftrace->taken = read >= ftrace->seen_read ? read - ftrace->seen_read : 0;
	vht_set_step(producer, VHT_STEP_PUTTING);
	ftrace->seen_read = read;
	if (room)
		vht_ftrace_put(producer, pair);
	else
		producer->lost += ftrace->taken;
	vht_set_step(producer, VHT_STEP_NONE);
	return true;
}

/* Is it time for the begun sub-buffer? @took_full: sub-buffers were taken just now. */
static bool vht_ftrace_is_old(struct vht_producer *producer, bool took_full)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;
	unsigned long age = msecs_to_jiffies(VHT_BEGUN_MS);
	unsigned long looked_at = ftrace->looked_at;

	ftrace->looked_at = jiffies;
	if (!ring_buffer_entries_cpu(producer->source->buffer, producer->cpu)) {
		ftrace->begun = false;
		return false;
	}
	/* A CPU that sleeps is looked at by chance only: this may be it for long. */
	if (time_after_eq(jiffies, looked_at + age))
		return true;
	if (!ftrace->begun || took_full) {
		ftrace->begun = true;
		ftrace->begun_at = jiffies;
		return false;
	}
	return time_after_eq(jiffies, ftrace->begun_at + age);
}

static unsigned int vht_ftrace_drain(struct vht_producer *producer, unsigned int packets,
				     enum vht_drain how)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;
	struct trace_buffer *buffer = producer->source->buffer;
	struct vht_pair pair;
	unsigned int n = 0;
	bool room = true;
	u64 stuck = 0;

	/* A CPU that never was online has no buffer. */
	if (!ftrace->page.page)
		return 0;
	if (how != VHT_DRAIN_CLOSE && vht_subbuf_size(buffer) != ftrace->page_size)
		schedule_work(&producer->vht->page_work);

	vht_pair_take(buffer, producer->cpu, &pair);
	producer->full = false;
	while (n < packets) {
		room = !vht_ring_reserve(&producer->ring, ftrace->page_size);
		if (!room) {
			producer->full = true;
			if (how != VHT_DRAIN_CLOSE)
				break;
		}
		if (!vht_ftrace_take(producer, &pair, true, room))
			break;
		n++;
	}
	if (n < packets && (room || how == VHT_DRAIN_CLOSE) &&
	    (how != VHT_DRAIN_LAZY || vht_ftrace_is_old(producer, n))) {
		if (vht_ftrace_take(producer, &pair, false, room))
			n++;
		ftrace->begun = false;
	}

	vht_ftrace_count(producer);
	/* Once the guest goes down nobody will come for what had no room. */
	if (producer->full && how == VHT_DRAIN_ALL && READ_ONCE(producer->vht->ending))
		stuck = ring_buffer_entries_cpu(buffer, producer->cpu);
	vht_publish(producer, stuck);
	return n;
}

/*
 * What follows is for a guest that comes to its end: ring_buffer_read_page() waits for a
 * lock that a stopped CPU may hold, so events are taken one by one, and laid out as
 * ftrace would have.
 */

/**
 * struct vht_pack - a sub-buffer that is being filled with events
 *
 * @subbuf: it; in the read page
 * @room: for data, bytes
 * @used: of it
 * @time: of the last event
 * @events: number of events
 */
struct vht_pack {
	struct vht_subbuf *subbuf;
	size_t room;
	size_t used;
	u64 time;
	unsigned long events;
};

/* A delta has so many bits in an event, and so many more in a time extend. */
#define VHT_DELTA_BITS		27
#define VHT_DELTA_MAX		(BIT_ULL(VHT_DELTA_BITS) - 1)
#define VHT_EXTEND_MAX		(BIT_ULL(VHT_DELTA_BITS + 32) - 1)
#define VHT_EXTEND_SIZE		(2 * sizeof(u32))

static void vht_pack_begin(struct vht_pack *pack, u64 time, bool lost)
{
	pack->subbuf->timestamp = time;
	local_set(&pack->subbuf->commit, lost ? VHT_COMMIT_LOST : 0);
	pack->used = 0;
	pack->time = time;
	pack->events = 0;
}

/* Bytes of an event of ftrace's, its header included. */
static size_t vht_event_size(const struct ring_buffer_event *event)
{
	size_t size = event->type_len ? event->type_len * sizeof(u32) : event->array[0];

	return offsetof(struct ring_buffer_event, array) + size;
}

/* Adds an event; false: it belongs into the next sub-buffer. */
static bool vht_pack_add(struct vht_pack *pack, const struct ring_buffer_event *event, u64 time)
{
	size_t size = vht_event_size(event);
	u64 delta = time - pack->time;
	struct ring_buffer_event *to;

	if (size + (delta > VHT_DELTA_MAX ? VHT_EXTEND_SIZE : 0) > pack->room - pack->used ||
	    delta > VHT_EXTEND_MAX)
		return false;
	to = (struct ring_buffer_event *)(pack->subbuf->data + pack->used);
	if (delta > VHT_DELTA_MAX) {
		to->type_len = RINGBUF_TYPE_TIME_EXTEND;
		to->time_delta = delta & VHT_DELTA_MAX;
		to->array[0] = delta >> VHT_DELTA_BITS;
		to = (void *)to + VHT_EXTEND_SIZE;
		pack->used += VHT_EXTEND_SIZE;
		delta = 0;
	}
	memcpy(to, event, size);
	to->time_delta = delta;
	pack->used += size;
	pack->time = time;
	pack->events++;
	local_set(&pack->subbuf->commit,
		  (local_read(&pack->subbuf->commit) & VHT_COMMIT_LOST) | pack->used);
	return true;
}

/* Puts the sub-buffer into the ring; room for it was reserved. */
static void vht_pack_put(struct vht_pack *pack, struct vht_producer *producer,
			 const struct vht_pair *pair)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;

	if (!pack->events)
		return;
	ftrace->seen_read += pack->events;
	ftrace->taken = pack->events;
	vht_ftrace_put(producer, pair);
	pack->events = 0;
}

static bool vht_ftrace_has_room(struct vht_producer *producer)
{
	const struct vht_ftrace_cpu *ftrace = producer->priv;

	producer->full = vht_ring_reserve(&producer->ring, ftrace->page_size);
	return !producer->full;
}

/* Takes the events that are there now, one by one. */
static void vht_ftrace_take_events(struct vht_producer *producer)
{
	struct trace_buffer *buffer = producer->source->buffer;
	const struct vht_ftrace_cpu *ftrace = producer->priv;
	struct vht_pack pack = {
		.subbuf = vht_read_page_data(&ftrace->page),
		.room = ftrace->page_size - sizeof(struct vht_subbuf),
	};
	unsigned long left = ring_buffer_entries_cpu(buffer, producer->cpu);
	struct vht_pair pair;

	vht_pair_take(buffer, producer->cpu, &pair);
	vht_ftrace_count(producer);
	if (!left || !vht_ftrace_has_room(producer))
		return;
	while (left--) {
		struct ring_buffer_event *event;
		unsigned long lost = 0;
		u64 time;

		event = ring_buffer_consume(buffer, producer->cpu, &time, &lost);
		if (!event)
			break;
		if (pack.events && !lost && vht_pack_add(&pack, event, time))
			continue;
		vht_pack_put(&pack, producer, &pair);
		/* An event that has no room any more is counted as one that another took. */
		if (!vht_ftrace_has_room(producer))
			break;
		vht_pack_begin(&pack, time, lost);
		vht_pack_add(&pack, event, time);
	}
	vht_pack_put(&pack, producer, &pair);
}

/* Ends what the stopped holder of the lock was about; false: that cannot be. */
static bool vht_ftrace_end_step(struct vht_producer *producer)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;
	struct trace_buffer *buffer = producer->source->buffer;
	unsigned long read = ring_buffer_read_events_cpu(buffer, producer->cpu);
	struct vht_pair pair;

	vht_ring_publish(&producer->ring);
	switch (producer->step) {
	case VHT_STEP_NONE:
		return true;
	case VHT_STEP_TAKING:
		/*
		 * An interrupt, such as the one that stops a CPU, comes before or after
		 * ftrace's part, which runs with interrupts off. An NMI may come into the
		 * midst of that, where even ring_buffer_consume() would wait for ever.
		 */
		if (in_nmi() && producer->holder == raw_smp_processor_id())
			return false;
		if (read == ftrace->seen_read)
			break;
		ftrace->taken = read - ftrace->seen_read;
		producer->before.head = producer->ring.head;
		producer->before.sequence = producer->ring.sequence;
		producer->before.events = producer->events;
		fallthrough;
	case VHT_STEP_PUTTING:
		ftrace->seen_read = read;
		if (producer->ring.head != producer->before.head) {
			producer->events = producer->before.events + ftrace->taken;
			break;
		}
		producer->ring.sequence = producer->before.sequence;
		producer->events = producer->before.events;
		vht_pair_take(buffer, producer->cpu, &pair);
		if (vht_ftrace_has_room(producer))
			vht_ftrace_put(producer, &pair);
		else
			producer->lost += ftrace->taken;
		break;
	}
	vht_set_step(producer, VHT_STEP_NONE);
	return true;
}

static void vht_ftrace_rescue(struct vht_producer *producer, bool alone, bool stopped)
{
	struct trace_buffer *buffer = producer->source->buffer;
	const struct vht_ftrace_cpu *ftrace = producer->priv;
	u64 stuck = 0;

	if (!ftrace->page.page)
		return;
	if (!stopped || vht_ftrace_end_step(producer)) {
		/*
		 * In an NMI, and only there, ftrace goes on without its reader's lock if that
		 * is taken. This is as grave, so let it take this for one.
		 */
		if (alone)
			__preempt_count_add(NMI_OFFSET);
		vht_ftrace_take_events(producer);
		if (alone)
			__preempt_count_sub(NMI_OFFSET);
	}
	vht_ftrace_count(producer);
	/* Where others run, what is there now may have come since. */
	if (alone || producer->full)
		stuck = ring_buffer_entries_cpu(buffer, producer->cpu);
	vht_publish(producer, stuck);
}

static void vht_ftrace_last(struct vht_producer *producer)
{
	struct trace_buffer *buffer = producer->source->buffer;
	struct vht_packet_info info = {
		.type = VHT_PACKET_FTRACE,
		.flags = VHT_PACKET_LAST,
		.events = producer->events,
		.events_discarded = producer->lost,
	};
	struct vht_subbuf empty = { .timestamp = ring_buffer_time_stamp(buffer) };
	struct vht_pair pair;

	vht_pair_take(buffer, producer->cpu, &pair);
	info.timestamp_begin = empty.timestamp;
	info.timestamp_end = empty.timestamp;
	info.clock = pair.clock;
	info.counter = pair.counter;
	info.counter_width = pair.width;
	/* Where the ring is full a reader has the state of the guest header. */
	vht_ring_put(&producer->ring, &info, &empty, sizeof(empty));
	vht_publish(producer, 0);
}

static int vht_ftrace_start(struct vht_producer *producer)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;
	struct trace_buffer *buffer = producer->source->buffer;
	struct vht_read_page page;
	int ret;

	if (ftrace->page.page)
		return 0;
	ret = vht_read_page_alloc(buffer, producer->cpu, &page);
	if (ret)
		return ret;

	raw_spin_lock_bh(&producer->lock);
	/*
	 * The first driver of a guest answers for all that was lost since boot; a later
	 * one, and one that begins anew, for what it sees.
	 */
	ftrace->seen_read = ring_buffer_read_events_cpu(buffer, producer->cpu);
	if (producer->vht->generation > 1 || producer->vht->renewed)
		ftrace->seen_lost = vht_ftrace_lost(buffer, producer->cpu);
	ftrace->page_size = vht_read_page_size(&page, buffer);
	ftrace->page = page;
	raw_spin_unlock_bh(&producer->lock);
	return 0;
}

static void vht_ftrace_close_cpu(struct vht_producer *producer)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;

	vht_read_page_free(producer->source->buffer, producer->cpu, &ftrace->page);
}

static const struct vht_source_ops vht_ftrace_ops = {
	.start = vht_ftrace_start,
	.drain = vht_ftrace_drain,
	.last = vht_ftrace_last,
	.rescue = vht_ftrace_rescue,
	.close = vht_ftrace_close_cpu,
	.cpu_size = sizeof(struct vht_ftrace_cpu),
};

static void vht_ftrace_fit_page(struct vht_producer *producer)
{
	struct vht_ftrace_cpu *ftrace = producer->priv;
	struct trace_buffer *buffer = producer->source->buffer;
	struct vht_read_page page, old;
	size_t size;

	if (!ftrace->page.page || ftrace->page_size == vht_subbuf_size(buffer))
		return;
	if (vht_read_page_alloc(buffer, producer->cpu, &page))
		return;
	size = vht_read_page_size(&page, buffer);

	raw_spin_lock_bh(&producer->lock);
	old = ftrace->page;
	ftrace->page = page;
	ftrace->page_size = size;
	raw_spin_unlock_bh(&producer->lock);
	vht_read_page_free(buffer, producer->cpu, &old);

	if (size + 2 * VHT_PACKET_ALIGN > producer->ring.size / 2)
		dev_warn_once(&producer->vht->vdev->dev,
			      "sub-buffers are too large for the region: size=%zu ring=%llu\n",
			      size, producer->ring.size);
}

/**
 * vht_ftrace_fit_pages - follow a change of ftrace's sub-buffer size
 *
 * @vht: the device
 *
 * Context: process.
 */
void vht_ftrace_fit_pages(struct vht *vht)
{
	unsigned int i, cpu;

	for (i = 0; i < vht->source_count; i++) {
		if (vht->sources[i].ops != &vht_ftrace_ops)
			continue;
		for_each_possible_cpu(cpu)
			vht_ftrace_fit_page(&vht->sources[i].producers[cpu]);
	}
}

/* An event of the instance that no trigger is set on: see vht_ftrace_buffer(). */
static struct trace_event_file *vht_ftrace_event(const char *instance)
{
	static const char * const events[][2] = {
		{ "sched", "sched_switch" },
		{ "sched", "sched_waking" },
		{ "sched", "sched_process_fork" },
		{ "irq", "irq_handler_entry" },
	};
	struct trace_event_file *file;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		file = trace_get_event_file(instance, events[i][0], events[i][1]);
		if (IS_ERR(file))
			continue;
		if (!(READ_ONCE(file->flags) & EVENT_FILE_FL_TRIGGER_COND))
			return file;
		trace_put_event_file(file);
	}
	return ERR_PTR(-ENOENT);
}

/* The ring buffer that @file's events go to. */
static struct trace_buffer *vht_ftrace_buffer(struct trace_event_file *file)
{
	struct trace_buffer *buffer = NULL;
	struct ring_buffer_event *event;

	/*
	 * Refused, being too long; but had a trigger a condition on the event's
	 * fields, ftrace would have tried once more with a scratch buffer and told us
	 * that one.
	 */
	event = trace_event_buffer_lock_reserve(&buffer, file, file->event_call->event.type,
						SZ_16M, 0);
	if (event)
		ring_buffer_discard_commit(buffer, event);
	return buffer;
}

/**
 * vht_ftrace_open - make a source of an ftrace instance
 *
 * @source: the source; its name is set
 * @instance: name of the instance, made if there is none; NULL: the top-level buffer
 *
 * Return: 0 or a negative error number.
 */
int vht_ftrace_open(struct vht_source *source, const char *instance)
{
	int ret;

	source->type = VHT_SOURCE_FTRACE;
	source->clock = VHT_CLOCK_SOURCE;
	source->ops = &vht_ftrace_ops;

	if (instance) {
		source->array = vht_trace_array_get(instance);
		if (!source->array)
			return -ENOMEM;
	}
	source->file = vht_ftrace_event(instance);
	if (IS_ERR(source->file)) {
		ret = PTR_ERR(source->file);
		source->file = NULL;
		goto err;
	}
	source->buffer = vht_ftrace_buffer(source->file);
	if (!source->buffer) {
		ret = -ENXIO;
		goto err;
	}
	return 0;

err:
	vht_ftrace_close(source);
	return ret;
}

/**
 * vht_ftrace_close - undo vht_ftrace_open(); the instance stays
 *
 * @source: the source
 */
void vht_ftrace_close(struct vht_source *source)
{
	if (source->file)
		trace_put_event_file(source->file);
	if (source->array)
		trace_array_put(source->array);
	source->file = NULL;
	source->array = NULL;
	source->buffer = NULL;
}
