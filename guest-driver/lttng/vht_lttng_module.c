// SPDX-License-Identifier: GPL-2.0-only
/*
 * LTTng's kernel tracer as a source of virtio_hypertrace: sessions whose names match a
 * pattern go to the host, by way of LTTng's own buffers and none of its daemons. All
 * others are LTTng's as ever.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/glob.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vht_lttng.h"

static char *sessions = "hypertrace*";
module_param(sessions, charp, 0644);
MODULE_PARM_DESC(sessions, "Names of the sessions to export: patterns, separated by commas; read when a session gets its first channel");

/* Packets that one look at a CPU takes at most, before others may have the lock. */
#define VHT_LTTNG_WORK_PACKETS	64

/* Our streams, NULL while there are none. Written under vht_lttng_lock. */
struct vht_source *vht_lttng_source;

/* The driver has streams for us, now or when there is a device. */
static bool vht_lttng_is_registered;

static void vht_lttng_work_others(struct work_struct *work);
static DECLARE_WORK(vht_lttng_work, vht_lttng_work_others);

/**
 * vht_lttng_is_selected - shall a session be exported?
 *
 * @session: name of the session
 *
 * Without a device it is not: LTTng's own way is better than none.
 *
 * Context: process.
 *
 * Return: true if it shall [G9].
 */
bool vht_lttng_is_selected(const char *session)
{
	char *patterns, *rest, *pattern;
	bool selected = false;

	if (!READ_ONCE(vht_lttng_source))
		return false;
	kernel_param_lock(THIS_MODULE);
	patterns = kstrdup(sessions, GFP_KERNEL);
	kernel_param_unlock(THIS_MODULE);
	rest = patterns;
	while (!selected && (pattern = strsep(&rest, ",\n")))
		selected = *pattern && glob_match(pattern, session);
	kfree(patterns);
	return selected;
}

/**
 * vht_lttng_tell - there is metadata to send
 *
 * Context: any but NMI.
 */
void vht_lttng_tell(void)
{
	struct vht_source *source = READ_ONCE(vht_lttng_source);

	if (source)
		vht_source_tell(source);
}

/**
 * vht_lttng_take_others - have task context look after all CPUs, and after what is done with
 *
 * Context: any but NMI.
 */
void vht_lttng_take_others(void)
{
	/* Here, so that no other CPU wakes up for it. */
	queue_work(system_wq, &vht_lttng_work);
}

static void vht_lttng_work_others(struct work_struct *work)
{
	unsigned int cpu;
	bool more = false;

	mutex_lock(&vht_lttng_lock);
	for_each_possible_cpu(cpu) {
		struct vht_producer *producer;

		if (!vht_lttng_source)
			break;
		producer = &vht_lttng_source->producers[cpu];
		raw_spin_lock_bh(&producer->lock);
		if (vht_lttng_drain(producer, VHT_LTTNG_WORK_PACKETS, VHT_DRAIN_LAZY) ==
		    VHT_LTTNG_WORK_PACKETS)
			more = true;
		raw_spin_unlock_bh(&producer->lock);
	}
	vht_lttng_channels_reap(!vht_lttng_source);
	mutex_unlock(&vht_lttng_lock);
	if (more)
		vht_lttng_take_others();
}

/* The source, as the driver sees it. */

static void vht_lttng_attach(struct vht_source *source)
{
	mutex_lock(&vht_lttng_lock);
	vht_lttng_sessions_attach();
	WRITE_ONCE(vht_lttng_source, source);
	mutex_unlock(&vht_lttng_lock);
}

static void vht_lttng_detach(struct vht_source *source)
{
	mutex_lock(&vht_lttng_lock);
	WRITE_ONCE(vht_lttng_source, NULL);
	vht_lttng_channels_reap(true);
	mutex_unlock(&vht_lttng_lock);
}

static void vht_lttng_flush(struct vht_source *source, enum vht_drain how)
{
	mutex_lock(&vht_lttng_lock);
	vht_lttng_channels_flush();
	mutex_unlock(&vht_lttng_lock);
}

static void vht_lttng_new_set(struct vht_source *source)
{
	mutex_lock(&vht_lttng_lock);
	vht_lttng_sessions_new_set();
	mutex_unlock(&vht_lttng_lock);
}

static int vht_lttng_metadata(struct vht_source *source, struct vht_records *records)
{
	int ret;

	mutex_lock(&vht_lttng_lock);
	ret = vht_lttng_sessions_send(records);
	mutex_unlock(&vht_lttng_lock);
	return ret;
}

static const struct vht_source_ops vht_lttng_ops = {
	.drain = vht_lttng_drain,
	.rescue = vht_lttng_rescue,
	.attach = vht_lttng_attach,
	.detach = vht_lttng_detach,
	.flush = vht_lttng_flush,
	.new_set = vht_lttng_new_set,
	.metadata = vht_lttng_metadata,
};

/* The transports, which LTTng finds by name: the first of a name wins. */
static const struct {
	const char *stock;		/* the module that brings LTTng's own */
	int (*init)(void);
	void (*exit)(void);
} vht_lttng_clients[] = {
	{
		.stock = "lttng_ring_buffer_client_discard",
		.init = vht_lttng_discard_init,
		.exit = vht_lttng_discard_exit,
	}, {
		.stock = "lttng_ring_buffer_client_overwrite",
		.init = vht_lttng_overwrite_init,
		.exit = vht_lttng_overwrite_exit,
	}, {
		.stock = "lttng_ring_buffer_client_mmap_discard",
		.init = vht_lttng_mmap_discard_init,
		.exit = vht_lttng_mmap_discard_exit,
	}, {
		.stock = "lttng_ring_buffer_client_mmap_overwrite",
		.init = vht_lttng_mmap_overwrite_init,
		.exit = vht_lttng_mmap_overwrite_exit,
	},
};

static void vht_lttng_unload_clients(unsigned int count)
{
	while (count)
		vht_lttng_clients[--count].exit();
}

static int vht_lttng_load_clients(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(vht_lttng_clients); i++) {
		if (vht_module_is_loaded(vht_lttng_clients[i].stock))
			pr_warn("LTTng's own transport came first, its channels are not exported: module=%s: unload lttng-modules, and have modprobe.d/hypertrace-lttng.conf\n",
				vht_lttng_clients[i].stock);
		ret = vht_lttng_clients[i].init();
		if (ret) {
			vht_lttng_unload_clients(i);
			return ret;
		}
	}
	return 0;
}

static int __init vht_lttng_init(void)
{
	int ret;

	ret = vht_source_register(VHT_SOURCE_LTTNG, &vht_lttng_ops);
	if (ret == -ENODEV)
		pr_warn("nothing is exported: virtio_hypertrace was loaded without lttng=1\n");
	else if (ret)
		return ret;
	vht_lttng_is_registered = !ret;
	ret = vht_lttng_load_clients();
	if (ret && vht_lttng_is_registered)
		vht_source_unregister(VHT_SOURCE_LTTNG);
	return ret;
}
module_init(vht_lttng_init);

/* There is no channel of ours any more: each of them holds the module. */
static void __exit vht_lttng_exit(void)
{
	vht_lttng_unload_clients(ARRAY_SIZE(vht_lttng_clients));
	if (vht_lttng_is_registered)
		vht_source_unregister(VHT_SOURCE_LTTNG);
	cancel_work_sync(&vht_lttng_work);
	/* Who was on the way out of the last channel's end has left. */
	synchronize_rcu();
	vht_lttng_sessions_free();
}
module_exit(vht_lttng_exit);

MODULE_DESCRIPTION("LTTng's kernel tracer to the host, by virtio-hypertrace");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
