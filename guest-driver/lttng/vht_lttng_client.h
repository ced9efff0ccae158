/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A data transport of LTTng's under its stock name, made of LTTng's own template, so that
 * the path of an event is LTTng's to the last bit. Only what has to do with the reader is
 * ours, and only for channels of sessions that are exported: nobody else can read those.
 *
 * No include guard: a file includes this once, after it has defined the template's
 * RING_BUFFER_*, and VHT_CLIENT, the name of the functions that load and unload it.
 */
#include <linux/compiler.h>
#include <linux/module.h>

#include "vht_lttng.h"

/* The template is a module of its own; here it is a part of one. */
#undef module_init
#undef module_exit
#undef MODULE_LICENSE
#undef MODULE_AUTHOR
#undef MODULE_DESCRIPTION
#undef MODULE_VERSION
#define module_init(function)
#define module_exit(function)
#define MODULE_LICENSE(text)
#define MODULE_AUTHOR(text)
#define MODULE_DESCRIPTION(text)
#define MODULE_VERSION(text)

#include <lttng-ring-buffer-client.h>

static struct lttng_kernel_ring_buffer_channel *
vht_client_create(const char *name, void *priv, void *buf_addr, size_t subbuf_size,
		  size_t num_subbuf, unsigned int switch_timer_interval,
		  unsigned int read_timer_interval)
{
	struct lttng_kernel_ring_buffer_channel *ring;

	ring = _channel_create(name, priv, buf_addr, subbuf_size, num_subbuf,
			       switch_timer_interval, read_timer_interval);
	if (ring)
		vht_lttng_channel_add(ring, priv);
	return ring;
}

static void vht_client_destroy(struct lttng_kernel_ring_buffer_channel *ring)
{
	bool is_ours = vht_lttng_channel_is_ours(ring);

	if (is_ours)
		vht_lttng_channel_end(ring);
	lttng_channel_destroy(ring);
	if (is_ours)
		vht_lttng_channel_ended();
}

static struct lttng_kernel_ring_buffer *
vht_client_read_open(struct lttng_kernel_ring_buffer_channel *ring)
{
	return vht_lttng_channel_is_ours(ring) ? NULL : lttng_buffer_read_open(ring);
}

/* Else sessiond is told again and again that there are streams to open. */
static int vht_client_has_read_closed(struct lttng_kernel_ring_buffer_channel *ring)
{
	return vht_lttng_channel_is_ours(ring) ? 0 : lttng_buffer_has_read_closed_stream(ring);
}

#define VHT_CLIENT_FUNCTION(name)	__PASTE(VHT_CLIENT, name)

int VHT_CLIENT_FUNCTION(_init)(void)
{
	struct lttng_kernel_channel_buffer_ops_private *ops = lttng_relay_transport.ops.priv;

	ops->channel_create = vht_client_create;
	ops->channel_destroy = vht_client_destroy;
	ops->buffer_read_open = vht_client_read_open;
	ops->buffer_has_read_closed_stream = vht_client_has_read_closed;
	return lttng_ring_buffer_client_init();
}

void VHT_CLIENT_FUNCTION(_exit)(void)
{
	lttng_ring_buffer_client_exit();
}
