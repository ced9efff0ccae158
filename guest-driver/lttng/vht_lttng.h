/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LTTng's kernel tracer as a source of the driver: what the files share.
 *
 *   vht_lttng_module.c    the module, and the source that the driver sees
 *   vht_lttng_client*     LTTng's transports, with our hands on some of their functions
 *   vht_lttng_session.c   sessions that are exported, and their metadata
 *   vht_lttng_channel.c   their channels, from create to the last packet
 *   vht_lttng_drain.c     sub-buffers on their way into the ring
 *   vht_lttng_rescue.c    the same in a panic
 *
 * Lock order: LTTng's sessions_mutex, then vht_lttng_lock, then the metadata cache's lock.
 * The driver calls us under its vht_external_lock, which comes before vht_lttng_lock too.
 * Channels are on a list that is read under RCU: their data is taken in softirq. A buffer
 * has one reader at a time: the holder of the lock of the CPU's producer.
 */
#ifndef VHT_LTTNG_H
#define VHT_LTTNG_H

#include <linux/cpumask.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/uuid.h>
#include <linux/workqueue.h>

#include <wrapper/trace-clock.h>
#include <lttng/events.h>
#include <lttng/events-internal.h>
#include <lttng/tracer.h>
#include <ringbuffer/backend.h>
#include <ringbuffer/frontend.h>

#include "vht_source.h"

/**
 * struct vht_lttng_session - a session of LTTng's that is exported
 *
 * @list: on the list of all, oldest first
 * @lttng: the session; NULL once its last channel is gone
 * @cache: of its metadata, as @lttng; read under RCU where no lock is held
 * @channels: live ones
 * @pending: channels with packets that are not taken yet, live ones included
 * @dropped: packets of ended channels that were given up
 * @uuid: of the trace
 * @keys: key=value lines about it
 * @keys_size: bytes of them
 * @keys_sent: bytes of them in the present set; those that follow are to be sent
 * @text: copy of the metadata
 * @text_size: bytes of it
 * @text_room: bytes of memory for it
 * @version: of it: LTTng's count of regenerations
 * @set_size: bytes of it in the present set, or since
 * @told_size: bytes of it that a reader has, in this set or another; @told_version's
 * @told_version: of them; the holder of the lock writes them, who drains reads them
 */
struct vht_lttng_session {
	struct list_head list;
	struct lttng_kernel_session *lttng;
	struct lttng_metadata_cache *cache;
	unsigned int channels;
	unsigned int pending;
	unsigned long dropped;
	guid_t uuid;
	char *keys;
	size_t keys_size;
	size_t keys_sent;
	char *text;
	size_t text_size;
	size_t text_room;
	u64 version;
	size_t set_size;
	size_t told_size;
	u64 told_version;
};

/**
 * struct vht_lttng_buffer - what we know of a channel's buffer of one CPU
 *
 * Written by the holder of the CPU's producer's lock.
 *
 * @open: we are its reader
 * @done: the channel is gone, and all was taken
 * @seen_lost: records that LTTng lost, at the last look
 * @next_sequence: number that the next packet has if none was overwritten
 * @discarded: records lost, as the last packet says
 * @begun: a begun sub-buffer waits since @begun_at
 * @begun_at: jiffies
 * @looked_at: jiffies of the last look
 */
struct vht_lttng_buffer {
	bool open;
	bool done;
	unsigned long seen_lost;
	u64 next_sequence;
	u64 discarded;
	bool begun;
	unsigned long begun_at;
	unsigned long looked_at;
};

/**
 * struct vht_lttng_channel - a channel of such a session
 *
 * @list: on the list of all, under RCU
 * @ring: the channel, as the ring buffer has it
 * @session: its session
 * @live: LTTng has it yet; else only what is in it can be taken
 * @buffers: by CPU number
 */
struct vht_lttng_channel {
	struct list_head list;
	struct lttng_kernel_ring_buffer_channel *ring;
	struct vht_lttng_session *session;
	bool live;
	struct vht_lttng_buffer buffers[];
};

/* Are there records in the begun sub-buffer? It may have a header only. */
static inline bool vht_lttng_buffer_is_begun(struct lttng_kernel_ring_buffer *buf)
{
	struct lttng_kernel_ring_buffer_channel *ring = buf->backend.chan;
	const struct lttng_kernel_ring_buffer_config *config = &ring->backend.config;

	return subbuf_offset(v_read(config, &buf->offset), ring) >
	       config->cb.subbuffer_header_size();
}

/* Sub-buffers that were ended and not taken; they may be incomplete yet. */
static inline unsigned long vht_lttng_buffer_count_ended(struct lttng_kernel_ring_buffer *buf)
{
	struct lttng_kernel_ring_buffer_channel *ring = buf->backend.chan;
	unsigned long consumed = atomic_long_read(&buf->consumed);

	return (subbuf_trunc(v_read(&ring->backend.config, &buf->offset), ring) -
		subbuf_trunc(consumed, ring)) / ring->backend.subbuf_size;
}

/* Has LTTng done what it has to do to destroy the channel? */
static inline bool vht_lttng_is_finalized(const struct vht_lttng_channel *channel)
{
	return READ_ONCE(channel->ring->finalized);
}

extern struct mutex vht_lttng_lock;
extern struct list_head vht_lttng_channels;

/* vht_lttng_module.c */
extern struct vht_source *vht_lttng_source;
bool vht_lttng_is_selected(const char *session);
void vht_lttng_tell(void);
void vht_lttng_take_others(void);

/* vht_lttng_session.c */
struct vht_lttng_session *vht_lttng_session_get(struct lttng_kernel_channel_buffer *channel);
void vht_lttng_session_end_channel(struct vht_lttng_session *session);
void vht_lttng_session_put(struct vht_lttng_session *session);
void vht_lttng_session_drop(struct vht_lttng_session *session, unsigned long packets);
void vht_lttng_session_add_channel(struct vht_lttng_session *session, unsigned int id,
				   const char *mode, const char *name);
bool vht_lttng_session_has_metadata(const struct vht_lttng_session *session);
bool vht_lttng_session_is_told(const struct vht_lttng_session *session);
void vht_lttng_sessions_attach(void);
void vht_lttng_sessions_new_set(void);
int vht_lttng_sessions_send(struct vht_records *records);
void vht_lttng_sessions_free(void);

/* vht_lttng_channel.c */
void vht_lttng_channel_add(struct lttng_kernel_ring_buffer_channel *ring,
			   struct lttng_kernel_channel_buffer *channel);
bool vht_lttng_channel_is_ours(const struct lttng_kernel_ring_buffer_channel *ring);
void vht_lttng_channel_end(struct lttng_kernel_ring_buffer_channel *ring);
void vht_lttng_channel_ended(void);
void vht_lttng_channels_flush(void);
bool vht_lttng_channels_reap(bool all);
void vht_lttng_buffer_open(struct vht_lttng_channel *channel, unsigned int cpu);
struct lttng_kernel_ring_buffer *
vht_lttng_buffer_of(const struct vht_lttng_channel *channel, unsigned int cpu);

/* vht_lttng_drain.c */
unsigned int vht_lttng_drain(struct vht_producer *producer, unsigned int packets,
			     enum vht_drain how);
void vht_lttng_take_all(struct vht_producer *producer);

/* vht_lttng_rescue.c */
void vht_lttng_rescue(struct vht_producer *producer, bool alone, bool stopped);

/* vht_lttng_client_*.c */
int vht_lttng_discard_init(void);
void vht_lttng_discard_exit(void);
int vht_lttng_overwrite_init(void);
void vht_lttng_overwrite_exit(void);
int vht_lttng_mmap_discard_init(void);
void vht_lttng_mmap_discard_exit(void);
int vht_lttng_mmap_overwrite_init(void);
void vht_lttng_mmap_overwrite_exit(void);

#endif /* VHT_LTTNG_H */
