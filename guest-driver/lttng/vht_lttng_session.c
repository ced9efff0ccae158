// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that are exported, and their metadata: a copy of LTTng's text, and how much of
 * it the host has.
 *
 * Sessions that were destroyed stay, with their text, as long as there are packets of
 * them, and then as long as there is room for the text: a recorder that comes later
 * finds in the rings what it can decode.
 */
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vht_lttng.h"

/* Text of sessions that were destroyed, all together. */
#define VHT_LTTNG_KEEP		SZ_8M

/* A record of text holds so much, at most. */
#define VHT_LTTNG_PIECE		SZ_32K

/* All sessions, oldest first; under vht_lttng_lock. */
static LIST_HEAD(vht_lttng_sessions);

/* Appends a line to the keys; what has no memory is left out. */
static void __printf(2, 3) vht_lttng_session_add_key(struct vht_lttng_session *session,
						     const char *format, ...)
{
	va_list args;
	char *line, *keys;

	va_start(args, format);
	line = kvasprintf(GFP_KERNEL, format, args);
	va_end(args);
	if (!line)
		return;
	keys = krealloc(session->keys, session->keys_size + strlen(line) + 1, GFP_KERNEL);
	if (keys) {
		memcpy(keys + session->keys_size, line, strlen(line));
		session->keys = keys;
		session->keys_size += strlen(line) + 1;
		keys[session->keys_size - 1] = '\n';
	}
	kfree(line);
}

static struct vht_lttng_session *vht_lttng_session_new(struct lttng_kernel_session *lttng)
{
	struct vht_lttng_session *session = kzalloc(sizeof(*session), GFP_KERNEL);
	bool is_ctf2 = lttng->priv->output_format == LTTNG_KERNEL_ABI_SESSION_OUTPUT_FORMAT_CTF_2;

	if (!session)
		return NULL;
	session->lttng = lttng;
	session->cache = lttng->priv->metadata_cache;
	session->uuid = lttng->priv->uuid;
	session->version = session->cache->version;
	session->told_version = session->version;
	vht_lttng_session_add_key(session, "name=%s", lttng->priv->name);
	vht_lttng_session_add_key(session, "creation_time=%s", lttng->priv->creation_time);
	vht_lttng_session_add_key(session, "format=%s", is_ctf2 ? "ctf2" : "ctf1.8");
	vht_lttng_session_add_key(session, "clock.frequency=%llu",
				  (unsigned long long)trace_clock_freq());
	list_add_tail(&session->list, &vht_lttng_sessions);
	return session;
}

static void vht_lttng_session_free(struct vht_lttng_session *session)
{
	list_del(&session->list);
	kvfree(session->text);
	kfree(session->keys);
	kfree(session);
}

/**
 * vht_lttng_session_get - the session of a channel, for one more channel
 *
 * @channel: LTTng's
 *
 * Context: process; vht_lttng_lock is held.
 *
 * Return: the session, NULL if there is no memory.
 */
struct vht_lttng_session *vht_lttng_session_get(struct lttng_kernel_channel_buffer *channel)
{
	struct lttng_kernel_session *lttng = channel->parent.session;
	struct vht_lttng_session *session;

	lockdep_assert_held(&vht_lttng_lock);
	list_for_each_entry(session, &vht_lttng_sessions, list)
		if (session->lttng == lttng)
			goto found;
	session = vht_lttng_session_new(lttng);
	if (!session)
		return NULL;
found:
	session->channels++;
	session->pending++;
	return session;
}

/* Frees the oldest of those that are done with, beyond what is kept. */
static void vht_lttng_sessions_prune(void)
{
	struct vht_lttng_session *session, *next;
	size_t size = 0;

	list_for_each_entry_safe_reverse(session, next, &vht_lttng_sessions, list) {
		if (session->pending)
			continue;
		size += session->text_size;
		if (!session->text_size || size > VHT_LTTNG_KEEP)
			vht_lttng_session_free(session);
	}
}

/**
 * vht_lttng_session_put - a channel of it is no more
 *
 * @session: the session; may be gone afterwards
 *
 * Context: process; vht_lttng_lock is held.
 */
void vht_lttng_session_put(struct vht_lttng_session *session)
{
	lockdep_assert_held(&vht_lttng_lock);
	session->pending--;
	vht_lttng_sessions_prune();
}

/**
 * vht_lttng_session_drop - packets of it will never be in the region
 *
 * @session: the session
 * @packets: so many more
 *
 * They are the last of their channel: no gap in its numbers tells of them.
 *
 * Context: process; vht_lttng_lock is held.
 */
void vht_lttng_session_drop(struct vht_lttng_session *session, unsigned long packets)
{
	lockdep_assert_held(&vht_lttng_lock);
	session->dropped += packets;
	vht_lttng_session_add_key(session, "dropped=%lu", session->dropped);
	vht_lttng_tell();
}

/**
 * vht_lttng_session_add_channel - say what a channel is
 *
 * @session: the session
 * @id: of the channel, as packets have it
 * @mode: discard or overwrite
 * @name: of it
 *
 * Context: process; vht_lttng_lock is held.
 */
void vht_lttng_session_add_channel(struct vht_lttng_session *session, unsigned int id,
				   const char *mode, const char *name)
{
	vht_lttng_session_add_key(session, "channel.%u=%s %s", id, mode, name);
}

/* Makes room for @size bytes of text. */
static bool vht_lttng_session_reserve(struct vht_lttng_session *session, size_t size)
{
	char *text;

	if (size <= session->text_room)
		return true;
	size = max_t(size_t, 2 * session->text_room, PAGE_ALIGN(size));
	text = kvmalloc(size, GFP_KERNEL);
	if (!text)
		return false;
	memcpy(text, session->text, session->text_size);
	kvfree(session->text);
	session->text = text;
	session->text_room = size;
	return true;
}

/* LTTng has begun the text anew. */
static void vht_lttng_session_renew(struct vht_lttng_session *session, u64 version)
{
	session->text_size = 0;
	session->set_size = 0;
	session->version = version;
	WRITE_ONCE(session->told_size, 0);
	/* Nobody takes the size of one version for that of the other. Partner: is_told(). */
	smp_wmb();
	WRITE_ONCE(session->told_version, version);
}

/* Gets what LTTng has written since. */
static void vht_lttng_session_refresh(struct vht_lttng_session *session)
{
	struct lttng_metadata_cache *cache = session->cache;
	size_t size;

	if (!cache)
		return;
	mutex_lock(&cache->lock);
	if (cache->version != session->version)
		vht_lttng_session_renew(session, cache->version);
	size = cache->metadata_written;
	if (size > session->text_size && vht_lttng_session_reserve(session, size)) {
		memcpy(session->text + session->text_size, cache->data + session->text_size,
		       size - session->text_size);
		session->text_size = size;
	}
	mutex_unlock(&cache->lock);
}

/**
 * vht_lttng_session_end_channel - LTTng is about to destroy a channel of it
 *
 * @session: the session
 *
 * Who drains may have found the session's cache before; wait for them before LTTng frees it.
 *
 * Context: process; vht_lttng_lock is held, and LTTng's sessions_mutex.
 */
void vht_lttng_session_end_channel(struct vht_lttng_session *session)
{
	lockdep_assert_held(&vht_lttng_lock);
	if (--session->channels)
		return;
	vht_lttng_session_refresh(session);
	vht_lttng_session_add_key(session, "ended=1");
	WRITE_ONCE(session->cache, NULL);
	WRITE_ONCE(session->lttng, NULL);
}

/**
 * vht_lttng_session_has_metadata - was it ever started?
 *
 * @session: the session
 *
 * Context: any, under RCU or vht_lttng_lock.
 *
 * Return: true if there is text; without it its packets are of no use to anybody.
 */
bool vht_lttng_session_has_metadata(const struct vht_lttng_session *session)
{
	const struct lttng_metadata_cache *cache = READ_ONCE(session->cache);

	return cache ? READ_ONCE(cache->metadata_written) : session->text_size;
}

/**
 * vht_lttng_session_is_told - does the host have all metadata that there is?
 *
 * @session: the session
 *
 * All that a packet needs was written before its sub-buffer could be taken. So, if this
 * is asked after that was taken, the packet can go [G8].
 *
 * Context: any, under RCU or vht_lttng_lock.
 *
 * Return: true if it has, and there is some.
 */
bool vht_lttng_session_is_told(const struct vht_lttng_session *session)
{
	const struct lttng_metadata_cache *cache = READ_ONCE(session->cache);
	/* Partner: vht_lttng_session_renew(). */
	size_t told = smp_load_acquire(&session->told_size);
	u64 version = READ_ONCE(session->told_version);

	if (!told)
		return false;
	if (!cache)
		return told == session->text_size;
	return !atomic_read(&cache->producing) && told == READ_ONCE(cache->metadata_written) &&
	       version == READ_ONCE(cache->version);
}

/**
 * vht_lttng_sessions_attach - the streams are new: nothing was told
 *
 * Context: process; vht_lttng_lock is held.
 */
void vht_lttng_sessions_attach(void)
{
	struct vht_lttng_session *session;

	list_for_each_entry(session, &vht_lttng_sessions, list)
		WRITE_ONCE(session->told_size, 0);
	vht_lttng_sessions_new_set();
}

/**
 * vht_lttng_sessions_new_set - all is to be sent once more
 *
 * Context: process; vht_lttng_lock is held.
 */
void vht_lttng_sessions_new_set(void)
{
	struct vht_lttng_session *session;

	list_for_each_entry(session, &vht_lttng_sessions, list) {
		session->keys_sent = 0;
		session->set_size = 0;
	}
}

/* What the session is: __u8 uuid[16], then its keys. */
static int vht_lttng_session_send_keys(struct vht_lttng_session *session,
				       struct vht_records *records)
{
	size_t size = session->keys_size - session->keys_sent;
	struct vht_meta *meta;
	u8 *payload;
	int ret;

	if (!size)
		return 0;
	meta = vht_records_begin(records, VHT_META_LTTNG_SESSION, 0, UUID_SIZE + size);
	if (IS_ERR(meta))
		return PTR_ERR(meta);
	payload = (u8 *)(meta + 1);
	memcpy(payload, &session->uuid, UUID_SIZE);
	memcpy(payload + UUID_SIZE, session->keys + session->keys_sent, size);
	ret = vht_records_flush(records);
	if (!ret)
		session->keys_sent = session->keys_size;
	return ret;
}

static int vht_lttng_session_send_piece(struct vht_lttng_session *session,
					struct vht_records *records)
{
	size_t size = min_t(size_t, session->text_size - session->set_size, VHT_LTTNG_PIECE);
	struct vht_lttng_text *piece;
	struct vht_meta *meta;
	int ret;

	meta = vht_records_begin(records, VHT_META_LTTNG_TEXT, 0, sizeof(*piece) + size);
	if (IS_ERR(meta))
		return PTR_ERR(meta);
	piece = (struct vht_lttng_text *)(meta + 1);
	*piece = (struct vht_lttng_text) {
		.version = cpu_to_le32(session->version),
		.offset = cpu_to_le64(session->set_size),
	};
	memcpy(piece->uuid, &session->uuid, sizeof(piece->uuid));
	memcpy(piece + 1, session->text + session->set_size, size);
	ret = vht_records_flush(records);
	if (ret)
		return ret;
	session->set_size += size;
	if (session->set_size > session->told_size)
		/* It is in the ring before any packet that this lets go. Partner: is_told(). */
		smp_store_release(&session->told_size, session->set_size);
	return 0;
}

static int vht_lttng_session_send(struct vht_lttng_session *session,
				  struct vht_records *records)
{
	int ret;

	vht_lttng_session_refresh(session);
	/* Never started: nobody needs to know. */
	if (!session->text_size)
		return 0;
	ret = vht_lttng_session_send_keys(session, records);
	while (!ret && session->set_size < session->text_size)
		ret = vht_lttng_session_send_piece(session, records);
	return ret;
}

/**
 * vht_lttng_sessions_send - send what was not sent yet
 *
 * @records: where to
 *
 * Context: process; vht_lttng_lock is held.
 *
 * Return: 0 or a negative error number, as of vht_records_flush().
 */
int vht_lttng_sessions_send(struct vht_records *records)
{
	struct vht_lttng_session *session;
	int ret = 0;

	lockdep_assert_held(&vht_lttng_lock);
	list_for_each_entry(session, &vht_lttng_sessions, list) {
		ret = vht_lttng_session_send(session, records);
		if (ret)
			break;
	}
	return ret;
}

/**
 * vht_lttng_sessions_free - forget all
 *
 * Context: process; no channel is there any more.
 */
void vht_lttng_sessions_free(void)
{
	struct vht_lttng_session *session, *next;

	list_for_each_entry_safe(session, next, &vht_lttng_sessions, list)
		vht_lttng_session_free(session);
}
