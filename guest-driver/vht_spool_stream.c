// SPDX-License-Identifier: GPL-2.0-only
/*
 * The spool's stream: from a piece of a write() to a packet.
 *
 * What is written is copied once, from the writer's memory into the ring. As a lock is
 * held meanwhile, no page is waited for there: those of the piece are fetched before,
 * and a copy that finds one gone ends there.
 *
 * Where a reader is attached and the ring is full the writer waits: it is a program that
 * writes to a file, and would wait for a disk as well. But not for long, and then the
 * piece is given up and counted: the host must not stop what runs in the guest.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/align.h>
#include <linux/dcache.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "vht_source.h"
#include "vht_spool.h"

static unsigned int wait_ms = 1000;
module_param(wait_ms, uint, 0644);
MODULE_PARM_DESC(wait_ms, "A system call waits at most so long for the host's reader [ms]");

/* Data in a packet, at most: it is copied with preemption disabled. */
#define VHT_SPOOL_PIECE		SZ_64K

/*
 * @lock: guards the others; taken before the producer's
 * @producer: the stream, NULL if there is none
 * @lost: packets that were given up while there was none
 */
static struct {
	raw_spinlock_t lock;
	struct vht_producer *producer;
	u64 lost;
} vht_spool_stream = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(vht_spool_stream.lock),
};

/*
 * What becomes a packet. @path: without a slash in front; @size: bytes of @from to take;
 * @room: bytes before them.
 */
struct vht_spool_piece {
	struct vht_spool head;
	const char *path;
	size_t path_size;
	size_t room;
	struct iov_iter *from;
	size_t size;
};

/* One moment in the guest's CLOCK_MONOTONIC and in its counter. */
static void vht_spool_stamp(struct vht_packet_info *info)
{
	unsigned long flags;
	u64 before, after;

	local_irq_save(flags);
	before = vht_counter();
	info->timestamp_end = ktime_get_ns();
	after = vht_counter();
	local_irq_restore(flags);

	info->timestamp_begin = info->timestamp_end;
	if (!after)
		return;
	info->clock = info->timestamp_end;
	info->counter = before + (after - before) / 2;
	info->counter_width = min_t(u64, (after - before + 1) / 2, U32_MAX);
}

/* Writes the content of the packet where it belongs; the bytes of data in it. */
static size_t vht_spool_fill(struct vht_ring *ring, const struct vht_spool_piece *piece)
{
	u8 *content = vht_ring_content(ring, piece->room + piece->size);
	struct vht_spool *head = (struct vht_spool *)content;
	size_t copied = 0;
	u8 *moved;

	memset(content + piece->room - sizeof(u64), 0, sizeof(u64));
	memcpy(head + 1, piece->path, piece->path_size);
	if (piece->size) {
		pagefault_disable();
		copied = copy_from_iter(content + piece->room, piece->size, piece->from);
		pagefault_enable();
	}
	*head = piece->head;
	head->size = cpu_to_le64(copied);
	/* A smaller packet may have its place where the larger one had none. */
	moved = vht_ring_content(ring, piece->room + copied);
	if (moved != content)
		memmove(moved, content, piece->room + copied);
	return copied;
}

/* As vht_spool_try(), with the stream and its lock. */
static ssize_t vht_spool_put(struct vht_producer *producer, const struct vht_spool_piece *piece)
{
	struct vht_packet_info info = { .type = VHT_PACKET_SPOOL };
	struct vht_ring *ring = &producer->ring;
	size_t copied;

	producer->full = vht_ring_reserve(ring, piece->room + piece->size);
	if (producer->full)
		return -EAGAIN;
	copied = vht_spool_fill(ring, piece);
	if (piece->size && !copied)
		return -EFAULT;

	vht_spool_stamp(&info);
	info.events = producer->events + 1;
	info.events_discarded = producer->lost;
	vht_set_step(producer, VHT_STEP_PUTTING);
	vht_ring_finish(ring, &info, piece->room + copied);
	producer->events = info.events;
	producer->last_time = info.timestamp_end;
	vht_set_step(producer, VHT_STEP_NONE);
	vht_publish(producer, 0);
	return copied;
}

/*
 * Puts a piece into the ring, if there is one, and room: the bytes taken, or -EAGAIN: there is
 * no room, -EFAULT: the page is gone that the piece begins in, -ENODEV: there is no stream.
 */
static ssize_t vht_spool_try(const struct vht_spool_piece *piece)
{
	struct vht_producer *producer;
	ssize_t ret = -ENODEV;

	raw_spin_lock_bh(&vht_spool_stream.lock);
	producer = vht_spool_stream.producer;
	if (producer) {
		raw_spin_lock(&producer->lock);
		ret = vht_spool_put(producer, piece);
		raw_spin_unlock(&producer->lock);
	}
	raw_spin_unlock_bh(&vht_spool_stream.lock);
	return ret;
}

/* Counts what is given up of @size bytes. */
static void vht_spool_lose(size_t size)
{
	u64 packets = size ? DIV_ROUND_UP(size, VHT_SPOOL_PIECE) : 1;
	struct vht_producer *producer;

	raw_spin_lock_bh(&vht_spool_stream.lock);
	producer = vht_spool_stream.producer;
	if (producer) {
		raw_spin_lock(&producer->lock);
		producer->lost += packets;
		vht_publish(producer, 0);
		raw_spin_unlock(&producer->lock);
	} else {
		vht_spool_stream.lost += packets;
	}
	raw_spin_unlock_bh(&vht_spool_stream.lock);
}

/* Lets some time pass; false if the call has waited long enough. */
static bool vht_spool_wait(struct vht_spool_call *call)
{
	if (!call->has_waited) {
		call->until = jiffies + msecs_to_jiffies(READ_ONCE(wait_ms));
		call->has_waited = true;
	}
	if (time_after_eq(jiffies, call->until) || fatal_signal_pending(current))
		return false;
	schedule_timeout_killable(1);
	return true;
}

/* Sends the piece, or waits; what vht_spool_try() returns, but for -EFAULT: it is one. */
static ssize_t vht_spool_insist(struct vht_spool_call *call, const struct vht_spool_piece *piece)
{
	ssize_t ret;

	for (;;) {
		if (piece->size &&
		    fault_in_iov_iter_readable(piece->from, piece->size) == piece->size)
			return -EFAULT;
		ret = vht_spool_try(piece);
		if (ret == -EAGAIN && vht_spool_wait(call))
			continue;
		/* Who has no memory left to hold the page is killed. */
		if (ret != -EFAULT || fatal_signal_pending(current))
			return ret;
	}
}

/**
 * vht_spool_send - tell the host what was done to a file
 *
 * @call: the system call, zero at first
 * @dentry: the file's name
 * @flags: VHT_SPOOL_*
 * @offset: vht_spool.offset
 * @from: the data that was written, or NULL
 * @size: bytes of it, or 0
 *
 * Context: process; may wait, but not for long.
 *
 * Return: how many bytes of @from are done with, @size or less: they are on their way to the
 * host, or given up and counted. -EFAULT if they cannot be read.
 */
ssize_t vht_spool_send(struct vht_spool_call *call, struct dentry *dentry, u32 flags, u64 offset,
		       struct iov_iter *from, size_t size)
{
	const struct inode *inode = d_inode(dentry);
	struct vht_spool_piece piece = {
		.from = from,
		.size = min_t(size_t, size, VHT_SPOOL_PIECE),
	};
	ssize_t ret = -ENOMEM;
	char *buf;

	/* A file without a name is nobody's. */
	if (!inode->i_nlink) {
		if (size)
			iov_iter_advance(from, size);
		return size;
	}
	buf = kmalloc(VHT_SPOOL_PATH_MAX + 2, GFP_KERNEL);
	piece.path = buf ? dentry_path_raw(dentry, buf, VHT_SPOOL_PATH_MAX + 2) : NULL;
	if (!IS_ERR_OR_NULL(piece.path)) {
		piece.path++;
		piece.path_size = strlen(piece.path);
		piece.room = ALIGN(sizeof(piece.head) + piece.path_size, sizeof(u64));
		piece.head.file = cpu_to_le64(vht_spool_file(inode)->number);
		piece.head.offset = cpu_to_le64(offset);
		piece.head.path_size = cpu_to_le32(piece.path_size);
		piece.head.flags = cpu_to_le32(flags | (size > piece.size ? VHT_SPOOL_MORE : 0));
		ret = vht_spool_insist(call, &piece);
	}
	kfree(buf);
	if (ret >= 0 || ret == -EFAULT)
		return ret;
	/* The rest of a write that has a gap is of no use. */
	vht_spool_lose(size);
	if (size)
		iov_iter_advance(from, size);
	return size;
}

/* What the driver asks of a source. */

static void vht_spool_attach(struct vht_source *source)
{
	struct vht_producer *producer = &source->producers[0];

	raw_spin_lock_bh(&vht_spool_stream.lock);
	raw_spin_lock(&producer->lock);
	producer->lost += vht_spool_stream.lost;
	vht_spool_stream.lost = 0;
	vht_publish(producer, 0);
	raw_spin_unlock(&producer->lock);
	vht_spool_stream.producer = producer;
	raw_spin_unlock_bh(&vht_spool_stream.lock);
}

static void vht_spool_detach(struct vht_source *source)
{
	raw_spin_lock_bh(&vht_spool_stream.lock);
	vht_spool_stream.producer = NULL;
	raw_spin_unlock_bh(&vht_spool_stream.lock);
}

/* Nothing comes behind the last packet. */
static void vht_spool_flush(struct vht_source *source, enum vht_drain how)
{
	if (how == VHT_DRAIN_CLOSE)
		vht_spool_detach(source);
}

/* Nothing waits here but the writers. */
static unsigned int vht_spool_drain(struct vht_producer *producer, unsigned int packets,
				    enum vht_drain how)
{
	producer->full = false;
	vht_publish(producer, 0);
	return 0;
}

static void vht_spool_rescue(struct vht_producer *producer, bool alone, bool stopped)
{
	if (stopped) {
		if (producer->step == VHT_STEP_PUTTING) {
			if (producer->ring.head != producer->before.head)
				producer->events = producer->before.events + 1;
			else
				producer->ring.sequence = producer->before.sequence;
			vht_set_step(producer, VHT_STEP_NONE);
		}
		vht_ring_publish(&producer->ring);
	}
	vht_publish(producer, 0);
}

static const struct vht_source_ops vht_spool_ops = {
	.attach = vht_spool_attach,
	.detach = vht_spool_detach,
	.flush = vht_spool_flush,
	.drain = vht_spool_drain,
	.rescue = vht_spool_rescue,
};

/**
 * vht_spool_stream_init - become the driver's source
 *
 * Return: 0 or a negative error number; -ENODEV if the driver has no stream for us.
 */
int vht_spool_stream_init(void)
{
	int ret = vht_source_register(VHT_SOURCE_SPOOL, &vht_spool_ops);

	if (ret == -ENODEV)
		pr_err("virtio_hypertrace has no stream for files: load it with spool=1\n");
	return ret;
}

/** vht_spool_stream_fini - be it no more */
void vht_spool_stream_fini(void)
{
	vht_source_unregister(VHT_SOURCE_SPOOL);
}
