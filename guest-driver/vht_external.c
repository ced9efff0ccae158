// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sources that other modules bring: they depend on what the driver does not, such as
 * LTTng, or are of use to few.
 *
 * Their streams are reserved when a driver begins, if a parameter asks for them, for
 * the table of streams never changes. The module may come later, or never: until then
 * nobody takes anything, and nothing is lost by that. A module that comes finds the streams
 * as they are, and leaves them when it goes: sequence numbers go on.
 *
 * Lock order: vht_external_lock, then the modules' own locks.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "vht_internal.h"

static bool lttng;
module_param(lttng, bool, 0444);
MODULE_PARM_DESC(lttng, "Have streams for LTTng's kernel tracer (vht_lttng)");

static bool spool;
module_param(spool, bool, 0444);
MODULE_PARM_DESC(spool, "Have a stream for files that programs write (vht_spool)");

/* What there is to register for. */
struct vht_external {
	u16 type;
	const char *name;
	const bool *wanted;
	const struct vht_source_ops *ops;	/* registered, or NULL; under vht_external_lock */
};

static struct vht_external vht_externals[] = {
	{ .type = VHT_SOURCE_LTTNG, .name = "lttng", .wanted = &lttng },
	{ .type = VHT_SOURCE_SPOOL, .name = "spool", .wanted = &spool },
};

/* Serializes what is called in other modules, and guards the next two. */
static DEFINE_MUTEX(vht_external_lock);

/* The device whose streams are there, and room for records of its metadata. */
static struct vht *vht_external_device;
static u8 *vht_external_buf;

/* There is metadata that had no room. Written under the lock. */
static bool vht_external_waits;

static void vht_external_tell(struct work_struct *work);
static DECLARE_WORK(vht_external_work, vht_external_tell);

/* Of a source whose module is not there. */

static unsigned int vht_none_drain(struct vht_producer *producer, unsigned int packets,
				   enum vht_drain how)
{
	return 0;
}

static void vht_none_rescue(struct vht_producer *producer, bool alone, bool stopped)
{
}

static const struct vht_source_ops vht_none_ops = {
	.drain = vht_none_drain,
	.rescue = vht_none_rescue,
};

static struct vht_external *vht_external_find(u16 type)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vht_externals); i++)
		if (vht_externals[i].type == type)
			return &vht_externals[i];
	return NULL;
}

/**
 * vht_external_is_wanted - shall the region have streams for such a source?
 *
 * @type: VHT_SOURCE_*
 *
 * Return: true if a parameter asks for them.
 */
bool vht_external_is_wanted(u16 type)
{
	const struct vht_external *external = vht_external_find(type);

	return external && *external->wanted;
}

/**
 * vht_external_open - make the source, with nobody behind it yet
 *
 * @source: the source
 * @type: VHT_SOURCE_*, that is wanted
 */
void vht_external_open(struct vht_source *source, u16 type)
{
	source->name = vht_external_find(type)->name;
	source->type = type;
	source->clock = VHT_CLOCK_SOURCE;
	source->single = type == VHT_SOURCE_SPOOL;
	source->external = true;
	source->ops = &vht_none_ops;
}

/* The streams of that type, NULL if there are none now. */
static struct vht_source *vht_external_source(u16 type)
{
	struct vht *vht = vht_external_device;
	unsigned int i;

	lockdep_assert_held(&vht_external_lock);
	for (i = 0; vht && i < vht->source_count; i++)
		if (vht->sources[i].type == type)
			return &vht->sources[i];
	return NULL;
}

static void vht_external_attach_one(struct vht_source *source, const struct vht_source_ops *ops)
{
	if (ops->attach)
		ops->attach(source);
	/* Who drains finds each producer's priv. Partner: the data dependency there. */
	smp_store_release(&source->ops, ops);
}

static void vht_external_detach_one(struct vht_source *source)
{
	const struct vht_source_ops *ops = source->ops;
	unsigned int cpu;

	if (ops == &vht_none_ops)
		return;
	WRITE_ONCE(source->ops, &vht_none_ops);
	for_each_possible_cpu(cpu) {
		struct vht_producer *producer = vht_producer(source, cpu);

		/* Who has the lock now may be in the module yet; the next is not. */
		if (producer) {
			raw_spin_lock_bh(&producer->lock);
			raw_spin_unlock_bh(&producer->lock);
		}
	}
	if (ops->detach)
		ops->detach(source);
}

/* Calls @call for each source that has a module behind it. */
static void vht_external_for_each(void (*call)(struct vht_source *source, void *context),
				  void *context)
{
	struct vht *vht = vht_external_device;
	unsigned int i;

	lockdep_assert_held(&vht_external_lock);
	for (i = 0; vht && i < vht->source_count; i++)
		if (vht->sources[i].external && vht->sources[i].ops != &vht_none_ops)
			call(&vht->sources[i], context);
}

/**
 * vht_external_attach - the streams are there
 *
 * @vht: the device; the region is laid out, nothing is drained yet
 *
 * Return: 0 or -ENOMEM.
 */
int vht_external_attach(struct vht *vht)
{
	unsigned int i;
	u8 *buf;

	buf = kvmalloc(VHT_META_PACKET, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&vht_external_lock);
	vht_external_device = vht;
	vht_external_buf = buf;
	for (i = 0; i < ARRAY_SIZE(vht_externals); i++) {
		struct vht_source *source = vht_external_source(vht_externals[i].type);

		if (source && vht_externals[i].ops)
			vht_external_attach_one(source, vht_externals[i].ops);
	}
	mutex_unlock(&vht_external_lock);
	return 0;
}

/**
 * vht_external_detach - undo vht_external_attach()
 *
 * @vht: the device; no timer runs any more
 */
void vht_external_detach(struct vht *vht)
{
	unsigned int i;

	mutex_lock(&vht_external_lock);
	for (i = 0; i < vht->source_count; i++)
		if (vht->sources[i].external)
			vht_external_detach_one(&vht->sources[i]);
	vht_external_device = NULL;
	kvfree(vht_external_buf);
	vht_external_buf = NULL;
	WRITE_ONCE(vht_external_waits, false);
	mutex_unlock(&vht_external_lock);
	cancel_work_sync(&vht_external_work);
}

/**
 * vht_external_last - put the last packet, which holds nothing
 *
 * @producer: the stream; its lock is held
 */
void vht_external_last(struct vht_producer *producer)
{
	bool is_lttng = producer->source->type == VHT_SOURCE_LTTNG;
	struct vht_packet_info info = {
		.type = is_lttng ? VHT_PACKET_LTTNG : VHT_PACKET_SPOOL,
		.flags = VHT_PACKET_LAST,
		.timestamp_begin = producer->last_time,
		.timestamp_end = producer->last_time,
		.events = producer->events,
		.events_discarded = producer->lost,
	};

	/* Where the ring is full a reader has the state of the guest header. */
	vht_ring_put(&producer->ring, &info, NULL, 0);
	vht_publish(producer, 0);
}

/* Metadata. */

static void vht_external_add(struct vht_source *source, void *context)
{
	struct vht_records *records = context;

	if (!source->ops->metadata)
		return;
	if (source->ops->metadata(source, records) != -ENOSPC)
		return;
	/* It adds that once more. */
	records->len = 0;
	WRITE_ONCE(vht_external_waits, true);
}

/* Sends what there is and what has room; the lock is held. */
static void vht_external_send(void)
{
	struct vht_records records = { .buf = vht_external_buf };

	if (!vht_external_device)
		return;
	records.metadata = &vht_external_device->metadata;
	WRITE_ONCE(vht_external_waits, false);
	vht_external_for_each(vht_external_add, &records);
}

static void vht_external_tell(struct work_struct *work)
{
	mutex_lock(&vht_external_lock);
	vht_external_send();
	mutex_unlock(&vht_external_lock);
}

/**
 * vht_source_tell - there is metadata to send
 *
 * @source: the source; its metadata() is called, soon
 *
 * Context: any but NMI.
 */
void vht_source_tell(struct vht_source *source)
{
	/* Who waits for room is not woken up by asking. */
	if (!READ_ONCE(vht_external_waits) || vht_metadata_has_room(&source->vht->metadata))
		queue_work(system_unbound_wq, &vht_external_work);
}
EXPORT_SYMBOL_GPL(vht_source_tell);

/**
 * vht_external_poll - send metadata if there is room by now
 *
 * @vht: the device
 *
 * Context: any but NMI.
 */
void vht_external_poll(struct vht *vht)
{
	if (READ_ONCE(vht_external_waits) && vht_metadata_has_room(&vht->metadata))
		queue_work(system_unbound_wq, &vht_external_work);
}

static void vht_external_new_set(struct vht_source *source, void *context)
{
	if (source->ops->new_set)
		source->ops->new_set(source);
}

/**
 * vht_external_send_set - send all metadata of the sources, as a part of a set
 *
 * @vht: the device
 * @records: where to
 *
 * Context: the metadata's thread.
 *
 * Return: 0, or -EINTR: a new set was asked for.
 */
int vht_external_send_set(struct vht *vht, struct vht_records *records)
{
	bool waits;
	int ret;

	mutex_lock(&vht_external_lock);
	vht_external_for_each(vht_external_new_set, NULL);
	mutex_unlock(&vht_external_lock);

	/* First what the thread has collected; then those others, who must not wait. */
	ret = vht_records_flush(records);
	while (!ret) {
		mutex_lock(&vht_external_lock);
		vht_external_send();
		waits = vht_external_waits;
		mutex_unlock(&vht_external_lock);
		if (!waits)
			break;
		ret = vht_records_wait(records);
	}
	return ret;
}

static void vht_external_flush_one(struct vht_source *source, void *context)
{
	const enum vht_drain *how = context;

	if (source->ops->flush)
		source->ops->flush(source, *how);
}

/**
 * vht_external_flush - have the sources end what they have begun, and send their metadata
 *
 * @vht: the device
 * @how: VHT_DRAIN_ALL or VHT_DRAIN_CLOSE: they are drained next
 *
 * Context: process.
 */
void vht_external_flush(struct vht *vht, enum vht_drain how)
{
	mutex_lock(&vht_external_lock);
	vht_external_for_each(vht_external_flush_one, &how);
	vht_external_send();
	mutex_unlock(&vht_external_lock);
}

/* Registration. */

/**
 * vht_source_register - become a source
 *
 * @type: VHT_SOURCE_LTTNG or VHT_SOURCE_SPOOL
 * @ops: what it can do; as long as it is registered
 *
 * If there is a device, attach() is called before this returns.
 *
 * Context: process; none of the locks that @ops' functions take is held.
 *
 * Return: 0, -EINVAL if there is no such source, -EBUSY if somebody else is it, or -ENODEV
 * if virtio_hypertrace was not told to have streams for it. It is not registered then.
 */
int vht_source_register(u16 type, const struct vht_source_ops *ops)
{
	struct vht_external *external = vht_external_find(type);
	struct vht_source *source;

	if (!external || !ops->drain || !ops->rescue)
		return -EINVAL;
	if (!*external->wanted)
		return -ENODEV;
	mutex_lock(&vht_external_lock);
	if (external->ops) {
		mutex_unlock(&vht_external_lock);
		return -EBUSY;
	}
	external->ops = ops;
	source = vht_external_source(type);
	if (source)
		vht_external_attach_one(source, ops);
	mutex_unlock(&vht_external_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(vht_source_register);

/**
 * vht_source_unregister - be a source no more
 *
 * @type: as it was registered
 *
 * None of its functions is called any more when this returns.
 *
 * Context: as vht_source_register().
 */
void vht_source_unregister(u16 type)
{
	struct vht_source *source;

	mutex_lock(&vht_external_lock);
	source = vht_external_source(type);
	if (source)
		vht_external_detach_one(source);
	vht_external_find(type)->ops = NULL;
	mutex_unlock(&vht_external_lock);
}
EXPORT_SYMBOL_GPL(vht_source_unregister);

/**
 * vht_source_is_ending - does the guest go down?
 *
 * @source: the source
 *
 * Context: any.
 *
 * Return: true if what has no room in the rings now will never have it.
 */
bool vht_source_is_ending(const struct vht_source *source)
{
	return READ_ONCE(source->vht->ending);
}
EXPORT_SYMBOL_GPL(vht_source_is_ending);
