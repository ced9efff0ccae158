// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages from and to the device: rare ones, on the virtqueues.
 *
 * What comes from the device is copied before it is looked at, and a message that
 * is not as it should be is counted and forgotten [C1] [G2].
 */
#include <linux/err.h>
#include <linux/glob.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/trace_events.h>
#include <linux/utsname.h>
#include <linux/virtio_config.h>

#include "vht_internal.h"

/* Buffers posted on the event queue. */
#define VHT_EVENT_BUFFERS	8

/* Words in a reply, at most. */
#define VHT_WORDS_MAX		256

/* An event that SELECT enabled; on vht_control.selected. */
struct vht_selected {
	struct list_head list;
	char *event;			/* "SYSTEM", NUL, "EVENT" */
};

/* Gives back the buffers that the device has read. */
static void vht_control_reclaim(struct vht_control *control)
{
	unsigned int len;
	void *buf;

	while ((buf = virtqueue_get_buf(control->vqs[VIRTIO_HYPERTRACE_VQ_CONTROL], &len)))
		kfree(buf);
}

/*
 * Sends a message; does not wait until it is read [G1]. One that does not fit the queue
 * is dropped: a device that reads nothing would not read this either.
 */
static void vht_control_send(struct vht *vht, u32 type, u64 cookie, u64 arg, const char *words)
{
	struct vht_control *control = &vht->control;
	struct virtqueue *vq = control->vqs[VIRTIO_HYPERTRACE_VQ_CONTROL];
	size_t len = words ? strlen(words) : 0;
	struct vht_message *message;
	struct scatterlist sg;
	unsigned long flags;

	message = kzalloc(sizeof(*message) + len, GFP_KERNEL);
	if (!message)
		return;
	message->type = cpu_to_le32(type);
	message->size = cpu_to_le32(sizeof(*message) + len);
	message->cookie = cpu_to_le64(cookie);
	message->arg = cpu_to_le64(arg);
	if (words)
		memcpy(message + 1, words, len);
	sg_init_one(&sg, message, sizeof(*message) + len);

	spin_lock_irqsave(&control->send_lock, flags);
	vht_control_reclaim(control);
	if (virtqueue_add_outbuf(vq, &sg, 1, message, GFP_ATOMIC))
		kfree(message);
	else
		virtqueue_kick(vq);
	spin_unlock_irqrestore(&control->send_lock, flags);
}

static void __printf(4, 5) vht_control_reply(struct vht *vht, u64 cookie, u64 error,
					     const char *format, ...)
{
	char words[VHT_WORDS_MAX];
	va_list args;

	va_start(args, format);
	vscnprintf(words, sizeof(words), format, args);
	va_end(args);
	vht_control_send(vht, VHT_MSG_REPLY, cookie, error, words);
}

/* The instance that SELECT acts on. */
static struct trace_array *vht_control_array(struct vht *vht)
{
	return vht->sources[0].array;
}

/* Does a glob mean this event? "SYSTEM:EVENT", or one word for either; "all". */
static bool vht_glob_means(char *glob, char *event)
{
	char *event_colon = strchr(event, ':');
	char *glob_colon = strchr(glob, ':');
	bool means;

	if (!strcmp(glob, "all"))
		return true;
	if (!event_colon)
		return false;
	*event_colon = '\0';
	if (glob_colon) {
		*glob_colon = '\0';
		means = glob_match(glob, event) && glob_match(glob_colon + 1, event_colon + 1);
		*glob_colon = ':';
	} else {
		means = glob_match(glob, event) || glob_match(glob, event_colon + 1);
	}
	*event_colon = ':';
	return means;
}

/* The next word of a list with commas, without the blanks around it; NULL: no more. */
static char *vht_next_glob(char **globs)
{
	char *glob;

	while ((glob = strsep(globs, ","))) {
		glob = strim(glob);
		if (*glob)
			return glob;
	}
	return NULL;
}

/* Enables an event, and remembers that it was us. */
static bool vht_select_one(struct vht *vht, const char *event)
{
	struct vht_selected *selected = kmalloc(sizeof(*selected), GFP_KERNEL);
	char *copy = kstrdup(event, GFP_KERNEL);
	char *colon = copy ? strchr(copy, ':') : NULL;

	if (!selected || !colon)
		goto err;
	*colon = '\0';
	if (trace_array_set_clr_event(vht_control_array(vht), copy, colon + 1, true))
		goto err;
	selected->event = copy;
	list_add_tail(&selected->list, &vht->control.selected);
	return true;

err:
	kfree(copy);
	kfree(selected);
	return false;
}

/* Disables what SELECT enabled. */
static void vht_select_undo(struct vht *vht)
{
	struct vht_selected *selected, *next;

	list_for_each_entry_safe(selected, next, &vht->control.selected, list) {
		const char *event = selected->event + strlen(selected->event) + 1;

		trace_array_set_clr_event(vht_control_array(vht), selected->event, event, false);
		list_del(&selected->list);
		kfree(selected->event);
		kfree(selected);
	}
}

/* The events there are, and which of them are wanted. */
struct vht_choice {
	char *text;
	char **lines;
	bool *wanted;
	unsigned int count;
};

static void vht_choice_free(struct vht_choice *choice)
{
	kvfree(choice->text);
	kvfree(choice->lines);
	kvfree(choice->wanted);
}

static int vht_choice_read(struct vht_choice *choice)
{
	unsigned int lines = 0;
	char *rest, *line;

	/* The same in all instances, and to be read at the top only. */
	choice->text = vht_tracefs_read_all("available_events", NULL);
	if (IS_ERR(choice->text)) {
		int ret = PTR_ERR(choice->text);

		choice->text = NULL;
		return ret;
	}
	for (rest = choice->text; (rest = strchr(rest, '\n')); rest++)
		lines++;
	choice->lines = kvcalloc(lines + 1, sizeof(*choice->lines), GFP_KERNEL);
	choice->wanted = kvcalloc(lines + 1, sizeof(*choice->wanted), GFP_KERNEL);
	if (!choice->lines || !choice->wanted)
		return -ENOMEM;
	rest = choice->text;
	while (choice->count <= lines && (line = vht_next_line(&rest)))
		choice->lines[choice->count++] = line;
	return 0;
}

/* Marks what a glob means. Return: the number of events that it means. */
static unsigned int vht_choice_mark(struct vht_choice *choice, char *glob)
{
	unsigned int i, marked = 0;

	for (i = 0; i < choice->count; i++) {
		if (vht_glob_means(glob, choice->lines[i])) {
			choice->wanted[i] = true;
			marked++;
		}
	}
	return marked;
}

/* Enables what is wanted and off, and answers. */
static void vht_select_wanted(struct vht *vht, u64 cookie, const struct vht_choice *choice)
{
	char *text = vht_tracefs_read_all("instances/" VHT_INSTANCE "/set_event", NULL);
	unsigned int i, enabled = 0, were_on = 0, failed = 0;
	struct vht_names on;

	if (IS_ERR(text)) {
		vht_control_reply(vht, cookie, VHT_EIO, "cannot read the enabled events: %pe",
				  text);
		return;
	}
	vht_names_init(&on, text, strlen(text));
	for (i = 0; i < choice->count; i++) {
		if (!choice->wanted[i])
			continue;
		if (vht_names_have(&on, choice->lines[i], strlen(choice->lines[i])))
			were_on++;
		else if (vht_select_one(vht, choice->lines[i]))
			enabled++;
		else
			failed++;
		cond_resched();
	}
	kvfree(text);
	if (failed)
		vht_control_reply(vht, cookie, VHT_EIO,
				  "%u events enabled, %u were on already, %u cannot be enabled",
				  enabled, were_on, failed);
	else
		vht_control_reply(vht, cookie, 0, "%u events enabled, %u were on already",
				  enabled, were_on);
}

/* SELECT: all of the globs mean something, or nothing is changed. */
static void vht_select(struct vht *vht, u64 cookie, char *globs)
{
	struct vht_choice choice = {};
	char *glob;
	int ret;

	ret = vht_choice_read(&choice);
	if (ret) {
		vht_control_reply(vht, cookie, ret == -ENOMEM ? VHT_ENOMEM : VHT_EIO,
				  "cannot read the list of events: error %d", -ret);
		goto out;
	}
	while ((glob = vht_next_glob(&globs))) {
		if (!vht_choice_mark(&choice, glob)) {
			vht_control_reply(vht, cookie, VHT_ENOENT, "no event matches: %s", glob);
			goto out;
		}
	}
	vht_select_wanted(vht, cookie, &choice);
out:
	vht_choice_free(&choice);
}

static void vht_flush(struct vht *vht, u64 cookie)
{
	bool all = vht_drain_everything(vht, VHT_DRAIN_ALL);

	vht_metadata_send_tasks(vht);
	if (all)
		vht_control_reply(vht, cookie, 0, "flushed");
	else
		vht_control_reply(vht, cookie, VHT_ENOMEM,
				  "rings are full: the guest's buffers hold more");
}

/* Acts on a message that is whole; its payload ends with a NUL. */
static void vht_control_handle(struct vht *vht, struct vht_message *message)
{
	u64 cookie = le64_to_cpu(message->cookie);

	switch (le32_to_cpu(message->type)) {
	case VHT_MSG_READER_ATTACHED:
		vht_metadata_new_set(vht);
		break;
	case VHT_MSG_READER_DETACHED:
		vht_select_undo(vht);
		break;
	case VHT_MSG_SELECT:
		vht_select(vht, cookie, (char *)(message + 1));
		break;
	case VHT_MSG_FLUSH:
		vht_flush(vht, cookie);
		break;
	default:
		vht->control.ignored++;
	}
}

static bool vht_control_post(struct vht_control *control, void *buf)
{
	struct scatterlist sg;

	sg_init_one(&sg, buf, VHT_MESSAGE_MAX_SIZE);
	return !virtqueue_add_inbuf(control->vqs[VIRTIO_HYPERTRACE_VQ_EVENT], &sg, 1, buf,
				    GFP_KERNEL);
}

static void vht_control_work(struct work_struct *work)
{
	struct vht *vht = container_of(work, struct vht, control.work);
	struct vht_control *control = &vht->control;
	struct virtqueue *vq = control->vqs[VIRTIO_HYPERTRACE_VQ_EVENT];
	struct vht_message *message = control->message;
	unsigned int len;
	void *buf;

	while (!READ_ONCE(control->closed) && (buf = virtqueue_get_buf(vq, &len))) {
		len = min_t(unsigned int, len, VHT_MESSAGE_MAX_SIZE);
		memcpy(message, buf, len);
		if (vht_control_post(control, buf))
			virtqueue_kick(vq);
		((char *)message)[len] = '\0';
		if (len >= sizeof(*message) && le32_to_cpu(message->size) == len)
			vht_control_handle(vht, message);
		else
			control->ignored++;
	}
}

/* The event queue's interrupt. */
static void vht_control_event(struct virtqueue *vq)
{
	struct vht *vht = vq->vdev->priv;

	if (!READ_ONCE(vht->control.closed))
		queue_work(vht->control.workers, &vht->control.work);
}

/**
 * vht_control_start - make the queues, and tell the device that we are here
 *
 * @vht: the device; vdev->priv is set, and the rest of the driver runs
 *
 * Return: 0 or a negative error number.
 */
int vht_control_start(struct vht *vht)
{
	vq_callback_t *callbacks[] = { NULL, vht_control_event };
	static const char * const names[] = { "control", "event" };
	struct vht_control *control = &vht->control;
	unsigned int i;
	int ret;

	spin_lock_init(&control->send_lock);
	INIT_WORK(&control->work, vht_control_work);
	INIT_LIST_HEAD(&control->selected);
	control->closed = false;
	ret = -ENOMEM;
	control->message = kmalloc(VHT_MESSAGE_MAX_SIZE + 1, GFP_KERNEL);
	control->buffers = kcalloc(VHT_EVENT_BUFFERS, VHT_MESSAGE_MAX_SIZE, GFP_KERNEL);
	/* One at a time, in order. */
	control->workers = alloc_ordered_workqueue("hypertrace", 0);
	if (!control->message || !control->buffers || !control->workers)
		goto err;
	ret = vht_find_vqs(vht->vdev, VIRTIO_HYPERTRACE_VQ_COUNT, control->vqs, callbacks, names);
	if (ret)
		goto err;
	virtio_device_ready(vht->vdev);

	for (i = 0; i < VHT_EVENT_BUFFERS; i++)
		vht_control_post(control, control->buffers + i * VHT_MESSAGE_MAX_SIZE);
	virtqueue_kick(control->vqs[VIRTIO_HYPERTRACE_VQ_EVENT]);
	vht_control_send(vht, VHT_MSG_DRIVER_UP, 0, vht->generation, init_utsname()->release);
	return 0;

err:
	if (control->workers)
		destroy_workqueue(control->workers);
	kfree(control->buffers);
	kfree(control->message);
	return ret;
}

/**
 * vht_control_close - act on no message any more
 *
 * @vht: the device
 *
 * What SELECT did is undone: nobody else would.
 */
void vht_control_close(struct vht *vht)
{
	WRITE_ONCE(vht->control.closed, true);
	flush_workqueue(vht->control.workers);
	vht_select_undo(vht);
}

/**
 * vht_control_reopen - undo vht_control_close(), for another generation of the driver
 *
 * @vht: the device
 */
void vht_control_reopen(struct vht *vht)
{
	struct vht_control *control = &vht->control;

	WRITE_ONCE(control->closed, false);
	vht_control_send(vht, VHT_MSG_DRIVER_UP, 0, vht->generation, init_utsname()->release);
	/* What came meanwhile. */
	queue_work(control->workers, &control->work);
}

/**
 * vht_control_say_gone - tell the device that the driver is done with the region
 *
 * @vht: the device
 */
void vht_control_say_gone(struct vht *vht)
{
	vht_control_send(vht, VHT_MSG_DRIVER_GONE, 0, vht->generation, NULL);
}

/**
 * vht_control_stop - stop the device and give back the queues
 *
 * @vht: the device; vht_control_close() came before
 */
void vht_control_stop(struct vht *vht)
{
	struct vht_control *control = &vht->control;
	struct virtqueue *vq = control->vqs[VIRTIO_HYPERTRACE_VQ_CONTROL];
	void *buf;

	virtio_reset_device(vht->vdev);
	flush_workqueue(control->workers);
	vht_control_reclaim(control);
	while ((buf = virtqueue_detach_unused_buf(vq)))
		kfree(buf);
	vht->vdev->config->del_vqs(vht->vdev);
	destroy_workqueue(control->workers);
	kfree(control->buffers);
	kfree(control->message);
	if (control->ignored)
		dev_warn(&vht->vdev->dev, "malformed messages from the device: %lu\n",
			 control->ignored);
}
