// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-hypertrace: puts the guest's own trace buffers into memory that the host
 * reads. This file is the driver's life: probe and remove, suspend and resume.
 * See vht_internal.h for the others.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "vht_internal.h"

static char *top = "auto";
module_param(top, charp, 0444);
MODULE_PARM_DESC(top, "Take ftrace's top-level buffer too: on, off, or auto (if the kernel's command line traces boot there)");

/* The device, if one is bound: there is one instance, so there can be one device. */
static struct vht *vht_one;
static DEFINE_MUTEX(vht_one_lock);

/* Does the command line trace boot into the top-level buffer? */
static bool vht_boot_is_traced(void)
{
	char *cmdline = vht_proc_read_all("cmdline", NULL);
	bool traced = false;
	char *rest, *word;

	if (IS_ERR(cmdline))
		return false;
	rest = cmdline;
	while (!traced && (word = strsep(&rest, "\n ")))
		traced = !strncmp(word, "trace_event=", 12) || !strncmp(word, "ftrace=", 7);
	kvfree(cmdline);
	return traced;
}

static struct vht_source *vht_new_source(struct vht *vht, const char *name)
{
	struct vht_source *source = &vht->sources[vht->source_count];

	source->name = name;
	source->vht = vht;
	source->producers = kvcalloc(nr_cpu_ids, sizeof(*source->producers), GFP_KERNEL);
	return source->producers ? source : NULL;
}

/* The memory of the driver's own source for each CPU. */
static int vht_alloc_cpus(struct vht_source *source)
{
	source->cpus = kvcalloc(nr_cpu_ids, source->ops->cpu_size, GFP_KERNEL);
	return source->cpus ? 0 : -ENOMEM;
}

static int vht_open_ftrace(struct vht *vht, const char *name, const char *instance)
{
	struct vht_source *source = vht_new_source(vht, name);
	int ret;

	if (!source)
		return -ENOMEM;
	ret = vht_ftrace_open(source, instance);
	if (ret) {
		dev_err(&vht->vdev->dev, "cannot open ftrace's buffer: name=%s: %pe\n", name,
			ERR_PTR(ret));
		kvfree(source->producers);
		return ret;
	}
	vht->source_count++;
	return vht_alloc_cpus(source);
}

static int vht_open_heartbeat(struct vht *vht)
{
	struct vht_source *source = vht_new_source(vht, "heartbeat");

	if (!source)
		return -ENOMEM;
	vht_heartbeat_open(source);
	vht->source_count++;
	return vht_alloc_cpus(source);
}

static int vht_open_external(struct vht *vht, u16 type)
{
	struct vht_source *source;

	if (!vht_external_is_wanted(type))
		return 0;
	source = vht_new_source(vht, NULL);
	if (!source)
		return -ENOMEM;
	vht_external_open(source, type);
	vht->source_count++;
	return 0;
}

static void vht_close_sources(struct vht *vht)
{
	while (vht->source_count) {
		struct vht_source *source = &vht->sources[--vht->source_count];

		if (source->type == VHT_SOURCE_FTRACE)
			vht_ftrace_close(source);
		kvfree(source->cpus);
		kvfree(source->producers);
		*source = (struct vht_source) {};
	}
}

static int vht_open_sources(struct vht *vht)
{
	bool want_top = !strcmp(top, "on");
	int ret;

	if (!strcmp(top, "auto")) {
		want_top = vht_boot_is_traced();
	} else if (!want_top && strcmp(top, "off")) {
		dev_err(&vht->vdev->dev, "bad parameter: top=%s, wanted auto, on or off\n", top);
		return -EINVAL;
	}
	ret = vht_open_ftrace(vht, VHT_INSTANCE, VHT_INSTANCE);
	if (!ret && want_top)
		ret = vht_open_ftrace(vht, VHT_TOP, NULL);
	if (!ret && vht_heartbeat_is_on())
		ret = vht_open_heartbeat(vht);
	ret = ret ?: vht_open_external(vht, VHT_SOURCE_LTTNG);
	ret = ret ?: vht_open_external(vht, VHT_SOURCE_SPOOL);
	if (ret)
		vht_close_sources(vht);
	return ret;
}

static void vht_syscore_shutdown(void)
{
	if (vht_one && vht_one->running)
		vht_end_last(vht_one);
}

VHT_DEFINE_SYSCORE_SHUTDOWN(vht_syscore, vht_syscore_shutdown);

static void vht_page_work(struct work_struct *work)
{
	vht_ftrace_fit_pages(container_of(work, struct vht, page_work));
}

/* Its streams are to begin: there is nothing yet. */
static void vht_clear_source(struct vht_source *source)
{
	size_t size = source->ops->cpu_size;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct vht_producer *producer = &source->producers[cpu];

		memset(producer, 0, sizeof(*producer));
		if (source->external)
			continue;
		producer->priv = source->cpus + cpu * size;
		memset(producer->priv, 0, size);
	}
}

/* Divides the region and begins to fill it. */
static int vht_start_streams(struct vht *vht)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vht->source_count; i++)
		vht_clear_source(&vht->sources[i]);
	vht->ending = false;
	ret = vht_region_layout(vht);
	if (ret)
		return ret;
	ret = vht_external_attach(vht);
	if (ret)
		goto err_region;
	ret = vht_metadata_start(vht);
	if (ret)
		goto err_external;
	ret = vht_drain_start(vht);
	if (ret)
		goto err_metadata;
	ret = vht_end_start(vht);
	if (ret)
		goto err_drain;
	return 0;

err_drain:
	vht_drain_stop(vht);
	cancel_work_sync(&vht->page_work);
	vht_drain_close(vht);
err_metadata:
	vht_metadata_stop(vht);
err_external:
	vht_external_detach(vht);
err_region:
	vht_region_set_gone(vht);
	dev_err(&vht->vdev->dev, "cannot start: %pe\n", ERR_PTR(ret));
	return ret;
}

/* From a mapped region and open sources to a running driver. */
static int vht_start(struct vht *vht)
{
	int ret;

	ret = vht_start_streams(vht);
	if (ret)
		return ret;
	ret = vht_control_start(vht);
	if (ret) {
		vht_end_stop(vht);
		vht_drain_stop(vht);
		vht_metadata_stop(vht);
		cancel_work_sync(&vht->page_work);
		vht_drain_close(vht);
		vht_external_detach(vht);
		vht_region_set_gone(vht);
		dev_err(&vht->vdev->dev, "cannot start: %pe\n", ERR_PTR(ret));
		return ret;
	}
	vht->running = true;
	return 0;
}

/*
 * The VM's state was loaded, here or elsewhere: the host counts another epoch, and what
 * we know of the region is of another one, or of another time [D3]. The sources keep what
 * they hold for the new tables.
 */
static void vht_renew(struct vht *vht)
{
	vht->renewed = true;
	vht_control_close(vht);
	vht_end_stop(vht);
	vht_drain_stop(vht);
	vht_metadata_stop(vht);
	cancel_work_sync(&vht->page_work);
	vht_drain_forget(vht);
	vht_external_detach(vht);
	if (vht_start_streams(vht)) {
		vht->running = false;
		vht_control_stop(vht);
		return;
	}
	vht_control_reopen(vht);
}

static void vht_renew_work(struct work_struct *work)
{
	struct vht *vht = container_of(work, struct vht, renew_work);

	/* Who holds it starts or stops the driver. If it is needed still, we come again. */
	if (!mutex_trylock(&vht_one_lock))
		return;
	if (vht_one == vht && vht->running && !vht->ending && vht_region_is_renewed(vht))
		vht_renew(vht);
	mutex_unlock(&vht_one_lock);
}

/* Puts what the sources hold into the rings [G4], says why [G5] and goodbye, and stops. */
static void vht_stop(struct vht *vht, u32 reason)
{
	/* It did not come back from suspend. */
	if (!vht->running)
		return;
	vht->running = false;
	vht_control_close(vht);
	vht_end_stop(vht);
	vht_drain_stop(vht);
	vht_metadata_hurry(vht);
	vht_metadata_stop(vht);
	cancel_work_sync(&vht->page_work);
	vht_external_flush(vht, VHT_DRAIN_CLOSE);
	vht_metadata_close(vht);
	vht_drain_close(vht);
	vht_external_detach(vht);
	vht_end_driver(vht, reason);
	vht_region_set_gone(vht);
	vht_control_say_gone(vht);
	vht_control_stop(vht);
}

static int vht_probe(struct virtio_device *vdev)
{
	struct vht *vht;
	int ret;

	mutex_lock(&vht_one_lock);
	ret = -EBUSY;
	if (vht_one) {
		dev_err(&vdev->dev, "only one device can be used: in use is %s\n",
			dev_name(&vht_one->vdev->dev));
		goto err_unlock;
	}
	ret = -ENOMEM;
	vht = kzalloc(sizeof(*vht), GFP_KERNEL);
	if (!vht)
		goto err_unlock;
	vht->vdev = vdev;
	vdev->priv = vht;
	INIT_WORK(&vht->page_work, vht_page_work);
	INIT_WORK(&vht->renew_work, vht_renew_work);

	ret = vht_region_map(vht);
	if (ret)
		goto err_free;
	vht_clock_attach(vht);
	ret = vht_open_sources(vht);
	if (ret)
		goto err_unmap;
	ret = vht_start(vht);
	if (ret)
		goto err_sources;
	vht_one = vht;
	mutex_unlock(&vht_one_lock);
	return 0;

err_sources:
	vht_close_sources(vht);
err_unmap:
	vht_clock_detach(vht);
	vht_region_unmap(vht);
err_free:
	kfree(vht);
err_unlock:
	mutex_unlock(&vht_one_lock);
	return ret;
}

static void vht_remove(struct virtio_device *vdev)
{
	struct vht *vht = vdev->priv;

	mutex_lock(&vht_one_lock);
	vht_one = NULL;
	vht_stop(vht, VHT_END_UNBOUND);
	/* It has nothing to do any more, and does not wait for the lock. */
	cancel_work_sync(&vht->renew_work);
	vht_close_sources(vht);
	vht_clock_detach(vht);
	vht_region_unmap(vht);
	kfree(vht);
	mutex_unlock(&vht_one_lock);
}

#ifdef CONFIG_PM_SLEEP
/* The host's memory may be another when the guest comes back: all begins anew. */
static int vht_freeze(struct virtio_device *vdev)
{
	mutex_lock(&vht_one_lock);
	vht_stop(vdev->priv, VHT_END_SUSPEND);
	mutex_unlock(&vht_one_lock);
	return 0;
}

static int vht_restore(struct virtio_device *vdev)
{
	int ret;

	mutex_lock(&vht_one_lock);
	ret = vht_start(vdev->priv);
	mutex_unlock(&vht_one_lock);
	return ret;
}
#endif

static const struct virtio_device_id vht_ids[] = {
	{ VIRTIO_ID_HYPERTRACE, VIRTIO_DEV_ANY_ID },
	{}
};
MODULE_DEVICE_TABLE(virtio, vht_ids);

static struct virtio_driver vht_driver = {
	.driver.name = KBUILD_MODNAME,
	.id_table = vht_ids,
	.probe = vht_probe,
	.remove = vht_remove,
#ifdef CONFIG_PM_SLEEP
	.freeze = vht_freeze,
	.restore = vht_restore,
#endif
};

static int __init vht_init(void)
{
	int ret;

	ret = vht_files_init();
	if (ret)
		return ret;
	vht_register_syscore(&vht_syscore);
	ret = register_virtio_driver(&vht_driver);
	if (ret) {
		vht_unregister_syscore(&vht_syscore);
		vht_files_fini();
	}
	return ret;
}
module_init(vht_init);

static void __exit vht_exit(void)
{
	unregister_virtio_driver(&vht_driver);
	vht_unregister_syscore(&vht_syscore);
	vht_files_fini();
}
module_exit(vht_exit);

MODULE_DESCRIPTION("Trace port to the host: virtio-hypertrace");
MODULE_VERSION(VHT_DRIVER_VERSION);
MODULE_LICENSE("GPL");
