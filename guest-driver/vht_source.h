/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a source of trace data has to do with the driver: one of the driver's own, or
 * one that another module brings (vht_source_register()).
 *
 * The streams of other modules' sources are in the region if virtio_hypertrace was
 * told to have them when it was loaded; they come and go with the device, not with the
 * module. So a source is told of them: attach() and detach().
 */
#ifndef VHT_SOURCE_H
#define VHT_SOURCE_H

#include <linux/compiler.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#if defined(CONFIG_X86)
#include <asm/tsc.h>
#elif defined(CONFIG_ARM64)
#include <asm/barrier.h>
#include <asm/sysreg.h>
#endif

#include "vht_ring.h"

struct trace_array;
struct trace_buffer;
struct trace_event_file;
struct vht;
struct vht_records;
struct vht_source;

/**
 * enum vht_drain - how much of a source is taken
 *
 * @VHT_DRAIN_LAZY: whole sub-buffers, and the begun one when it has grown old
 * @VHT_DRAIN_ALL: everything
 * @VHT_DRAIN_CLOSE: everything; what the ring has no room for is thrown away and
 *                   counted as lost, or stays with the source for the next driver
 */
enum vht_drain {
	VHT_DRAIN_LAZY,
	VHT_DRAIN_ALL,
	VHT_DRAIN_CLOSE,
};

/**
 * enum vht_step - what the holder of a producer's lock is about
 *
 * A panic stops a CPU wherever that is, and goes on from there: see vht_end.c.
 *
 * @VHT_STEP_NONE: nothing that cannot be left as it is
 * @VHT_STEP_TAKING: data is, or is about to be, or was just taken from the source
 * @VHT_STEP_PUTTING: taken data is put into the ring
 */
enum vht_step {
	VHT_STEP_NONE,
	VHT_STEP_TAKING,
	VHT_STEP_PUTTING,
};

/**
 * struct vht_producer - a stream and the place it comes from
 *
 * @lock: serializes all that follows. Taken with trylock in softirq, so that no
 *        CPU ever waits for another there, and with bottom halves off elsewhere
 * @ring: the stream
 * @vht: the device
 * @source: where the data comes from, NULL for metadata
 * @cpu: whose data it is, or VHT_CPU_NONE
 * @events: put into the ring so far
 * @lost: events that never came to the ring
 * @full: the ring had no room for the next packet
 * @step: VHT_STEP_*, of the holder of @lock
 * @holder: the CPU that holds @lock, while @step is not VHT_STEP_NONE
 * @before: @ring and @events as they were before @step became VHT_STEP_PUTTING
 * @priv: the source's own, of this CPU. Another module's source sets it in attach()
 * @last_time: other modules' sources: timestamp of the last packet, for the stream's end
 */
struct vht_producer {
	raw_spinlock_t lock;
	struct vht_ring ring;
	struct vht *vht;
	struct vht_source *source;
	unsigned int cpu;
	u64 events;
	u64 lost;
	bool full;
	enum vht_step step;
	unsigned int holder;
	struct {
		u64 head;
		u64 sequence;
		u64 events;
	} before;
	void *priv;
	u64 last_time;
};

/**
 * struct vht_source_ops - what a source can do
 *
 * For all:
 *
 * @drain: take data, at most so many packets; the producer's lock is held, in softirq or
 *         process context. Returns the number of packets
 * @rescue: take all, in any context; the producer's lock is held, or was taken over from a
 *          CPU that was stopped (@stopped)
 *
 * For the driver's own only:
 *
 * @start: get ready for the data of a CPU that is, or comes, online. Process
 *         context, on that CPU; called again when it comes back
 * @stop: the CPU goes offline. Process context, on that CPU
 * @last: put the last packet, which holds nothing; the producer's lock is held
 * @close: give back what belongs to a CPU. Process context
 * @cpu_size: bytes of memory for each CPU, as its producer's @priv; zeroed whenever a
 *            driver begins
 *
 * For those of other modules only, each of them optional, all in process context:
 *
 * @attach: the streams are there, and new: their sequence numbers and counts begin at 0, and no
 *          metadata was sent. Set each producer's @priv. @drain may be called from then on
 * @detach: the streams are gone. @drain is not called any more, and all others have returned
 * @flush: put what is begun where @drain finds it; @drain is called next, with VHT_DRAIN_ALL or
 *         VHT_DRAIN_CLOSE
 * @new_set: all metadata is to be sent once more: @metadata follows
 * @metadata: add records of metadata that was not sent yet. Never more than one at a time.
 *            Returns 0, or what vht_records_add() and vht_records_flush() return: with
 *            -ENOSPC it is called again when there is room
 */
struct vht_source_ops {
	unsigned int (*drain)(struct vht_producer *producer, unsigned int packets,
			      enum vht_drain how);
	void (*rescue)(struct vht_producer *producer, bool alone, bool stopped);

	int (*start)(struct vht_producer *producer);
	void (*stop)(struct vht_producer *producer);
	void (*last)(struct vht_producer *producer);
	void (*close)(struct vht_producer *producer);
	size_t cpu_size;

	void (*attach)(struct vht_source *source);
	void (*detach)(struct vht_source *source);
	void (*flush)(struct vht_source *source, enum vht_drain how);
	void (*new_set)(struct vht_source *source);
	int (*metadata)(struct vht_source *source, struct vht_records *records);
};

/**
 * struct vht_source - a kind of trace data, with a stream for each possible CPU
 *
 * @name: of the streams
 * @type: VHT_SOURCE_*
 * @clock: VHT_CLOCK_*
 * @single: there is one stream only, of no CPU; its producer is @producers[0]
 * @external: another module's
 * @ops: what it can do
 * @producers: one for each possible CPU, by CPU number
 * @vht: the device
 * @cpus: the memory of the producers' @priv, of the driver's own sources
 * @buffer: ftrace: the ring buffer
 * @array: ftrace: the instance, NULL for the top-level one
 * @file: ftrace: an event of the instance; as long as we have it, the instance stays
 */
struct vht_source {
	const char *name;
	u16 type;
	u32 clock;
	bool single;
	bool external;
	const struct vht_source_ops *ops;
	struct vht_producer *producers;
	struct vht *vht;
	void *cpus;
	struct trace_buffer *buffer;
	struct trace_array *array;
	struct trace_event_file *file;
};

/* The guest counter, in ticks; 0 where the architecture has none that we know. */
static inline u64 vht_counter(void)
{
#if defined(CONFIG_X86)
	return rdtsc_ordered();
#elif defined(CONFIG_ARM64)
	isb();
	return read_sysreg(cntvct_el0);
#else
	return 0;
#endif
}

/* Says what the holder of the lock does now; before all that it does then. */
static inline void vht_set_step(struct vht_producer *producer, enum vht_step step)
{
	if (step == VHT_STEP_PUTTING) {
		producer->before.head = producer->ring.head;
		producer->before.sequence = producer->ring.sequence;
		producer->before.events = producer->events;
	}
	producer->holder = raw_smp_processor_id();
	/* Who looks does so from this CPU, or when this CPU stands still. */
	barrier();
	WRITE_ONCE(producer->step, step);
	barrier();
}

/* vht_external.c */
int vht_source_register(u16 type, const struct vht_source_ops *ops);
void vht_source_unregister(u16 type);
void vht_source_tell(struct vht_source *source);
bool vht_source_is_ending(const struct vht_source *source);

/* vht_files.c */
bool vht_module_is_loaded(const char *name);

/* vht_drain.c */
void vht_publish(struct vht_producer *producer, u64 stuck);

/* vht_records.c */
struct vht_meta *vht_records_begin(struct vht_records *records, u32 type, u64 arg, size_t size);
int vht_records_add(struct vht_records *records, u32 type, u64 arg, const void *payload,
		    size_t size);
int vht_records_flush(struct vht_records *records);

#endif /* VHT_SOURCE_H */
