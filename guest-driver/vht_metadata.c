// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a reader needs to decode the rest, years later and on another machine:
 * formats of events, symbols, names of tasks, the kernel's identity, the clocks.
 *
 * A thread of the lowest priority collects it in the order in which it is missed
 * most, and puts it into a stream that never overwrites. Where there is no room it
 * sleeps; the drain timers look for it, so that even this wakes up no idle CPU.
 */
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/utsname.h>

#include "vht_internal.h"

/* The end of the driver waits for the formats for so long, at most. */
#define VHT_HURRY_MS		2000

/**
 * vht_metadata_put - put a packet into the stream
 *
 * @metadata: the sender
 * @info: of the packet
 * @content: of the packet
 * @size: of that, bytes
 *
 * Context: process.
 *
 * Return: 0, or -ENOSPC: there is no room.
 */
int vht_metadata_put(struct vht_metadata *metadata, const struct vht_packet_info *info,
		     const void *content, size_t size)
{
	struct vht_producer *producer = &metadata->producer;
	int ret;

	raw_spin_lock_bh(&producer->lock);
	ret = vht_ring_put(&producer->ring, info, content, size);
	vht_publish(producer, 0);
	raw_spin_unlock_bh(&producer->lock);
	return ret;
}

/**
 * vht_metadata_has_room - is there room for any packet of metadata?
 *
 * @metadata: the sender
 *
 * Context: any.
 *
 * Return: true if there is.
 */
bool vht_metadata_has_room(const struct vht_metadata *metadata)
{
	return vht_ring_has_room(&metadata->producer.ring, VHT_META_PACKET);
}

/* Tasks. */

/* Names of the living: saved_cmdlines has but those of the last few that ran. */
static int vht_send_living_tasks(struct vht_records *records)
{
	struct task_struct *process, *task;
	size_t size = SZ_4K, len = 0;
	char comm[TASK_COMM_LEN];
	char *text, *rest, *line;
	int ret = 0;

	rcu_read_lock();
	for_each_process_thread(process, task)
		size += TASK_COMM_LEN + 12;
	rcu_read_unlock();
	text = kvmalloc(size, GFP_KERNEL);
	if (!text)
		return 0;
	rcu_read_lock();
	for_each_process_thread(process, task) {
		get_task_comm(comm, task);
		len += scnprintf(text + len, size - len, "%d %s\n", task_pid_nr(task), comm);
	}
	rcu_read_unlock();
	text[len] = '\0';

	rest = text;
	while (!ret && (line = vht_next_line(&rest)))
		ret = vht_records_add_line(records, VHT_META_TASKS, line, strlen(line));
	kvfree(text);
	return ret;
}

static int vht_send_tasks(struct vht_records *records)
{
	int ret = vht_send_living_tasks(records);

	if (ret)
		return ret;
	return vht_records_add_file(records, VHT_META_TASKS, vht_tracefs_read,
				    "saved_cmdlines", 0, NULL);
}

/* The environment. */

static int __printf(3, 4) vht_send_env(struct vht_records *records, const char *key,
				       const char *format, ...)
{
	char *line, *value;
	va_list args;
	int ret = 0;

	va_start(args, format);
	value = kvasprintf(GFP_KERNEL, format, args);
	va_end(args);
	if (!value)
		return 0;
	line = kasprintf(GFP_KERNEL, "%s=%s", key, value);
	if (line)
		ret = vht_records_add_line(records, VHT_META_ENV, line, strlen(line));
	kfree(line);
	kfree(value);
	return ret;
}

/* NT_GNU_BUILD_ID of the ELF world; the kernel's headers have no name for it. */
#define VHT_NOTE_BUILD_ID	3

static int vht_send_build_id(struct vht_records *records)
{
	u8 *notes = kmalloc(SZ_4K, GFP_KERNEL);
	size_t size;
	const u8 *id;
	int ret = 0;
	int len;

	if (!notes)
		return 0;
	len = vht_sysfs_read("kernel/notes", notes, SZ_4K);
	id = len > 0 ? vht_find_note(notes, len, "GNU", VHT_NOTE_BUILD_ID, &size) : NULL;
	if (id && size && size <= 32)
		ret = vht_send_env(records, "kernel.build_id", "%*phN", (int)size, id);
	kfree(notes);
	return ret;
}

/*
 * What the hardware calls those CPUs of which the reader does not know it yet. Nobody but
 * the thread writes what was told.
 */
static int vht_send_cpu_ids(struct vht *vht, struct vht_records *records)
{
	int ret = 0;
#if defined(CONFIG_X86) && defined(cpu_physical_id)
	struct cpumask *told = &vht->metadata.told_cpus;
	unsigned int cpu;
	char key[32];

	for_each_present_cpu(cpu) {
		if (cpumask_test_cpu(cpu, told))
			continue;
		snprintf(key, sizeof(key), "cpu.%u.id", cpu);
		ret = vht_send_env(records, key, "%u", (unsigned int)cpu_physical_id(cpu));
		if (ret)
			break;
		cpumask_set_cpu(cpu, told);
	}
#endif
	return ret;
}

/* The name of an instance's clock: the one in brackets. */
static int vht_send_clock(struct vht_records *records, const struct vht_source *source)
{
	char path[64], key[64];
	char *text, *begin, *end;
	int ret = 0;

	snprintf(key, sizeof(key), "source.%s.clock", source->name);
	if (source->clock == VHT_CLOCK_COUNTER)
		return vht_send_env(records, key, "counter");

	if (source->external)
		return vht_send_env(records, key, "%s",
				    source->type == VHT_SOURCE_LTTNG ? "lttng" : "mono");
	if (source->array)
		snprintf(path, sizeof(path), "instances/%s/trace_clock", source->name);
	else
		strscpy(path, "trace_clock", sizeof(path));
	text = vht_tracefs_read_all(path, NULL);
	if (IS_ERR(text))
		return 0;
	begin = strchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (end)
		ret = vht_send_env(records, key, "%.*s", (int)(end - begin - 1), begin + 1);
	kvfree(text);
	return ret;
}

static int vht_send_environment(struct vht *vht, struct vht_records *records)
{
	const struct new_utsname *uts = init_utsname();
	char *cmdline;
	unsigned int i;
	int ret;

	ret = vht_send_env(records, "kernel.release", "%s", uts->release);
	ret = ret ?: vht_send_env(records, "kernel.version", "%s", uts->version);
	ret = ret ?: vht_send_env(records, "kernel.machine", "%s", uts->machine);
	ret = ret ?: vht_send_build_id(records);
	cmdline = vht_proc_read_all("cmdline", NULL);
	if (!IS_ERR(cmdline)) {
		cmdline[strcspn(cmdline, "\n")] = '\0';
		ret = ret ?: vht_send_env(records, "kernel.cmdline", "%s", cmdline);
		kvfree(cmdline);
	}
	ret = ret ?: vht_send_env(records, "driver.version", "%s", VHT_DRIVER_VERSION);
	ret = ret ?: vht_send_env(records, "page_size", "%lu", PAGE_SIZE);
	ret = ret ?: vht_send_env(records, "long_size", "%zu", sizeof(long));
	for (i = 0; !ret && i < vht->source_count; i++)
		ret = vht_send_clock(records, &vht->sources[i]);
	cpumask_clear(&vht->metadata.told_cpus);
	return ret ?: vht_send_cpu_ids(vht, records);
}

/* Everything, from the beginning. */
static int vht_send_set(struct vht *vht, struct vht_records *records)
{
	struct vht_metadata *metadata = &vht->metadata;
	u64 set = ++metadata->set;
	int ret;

	WRITE_ONCE(metadata->formats_sent, false);
	records->len = 0;
	ret = vht_records_add(records, VHT_META_BEGIN, set, NULL, 0);
	ret = ret ?: vht_send_environment(vht, records);
	ret = ret ?: vht_external_send_set(vht, records);
	ret = ret ?: vht_formats_add_all(vht, records);
	ret = ret ?: vht_records_flush(records);
	if (!ret) {
		WRITE_ONCE(metadata->formats_sent, true);
		wake_up(&metadata->wait);
	}
	ret = ret ?: vht_send_tasks(records);
	ret = ret ?: vht_records_add_file(records, VHT_META_PRINTK_FORMATS,
					  vht_tracefs_read, "printk_formats", 0, NULL);
	ret = ret ?: vht_symbols_add(records);
	ret = ret ?: vht_records_add(records, VHT_META_COMPLETE, set, NULL, 0);
	return ret ?: vht_records_flush(records);
}

/* The CPUs that came since the set. */
static int vht_send_cpus(struct vht *vht, struct vht_records *records)
{
	int ret;

	clear_bit(VHT_REQUEST_CPUS, &vht->metadata.requests);
	records->len = 0;
	ret = vht_send_cpu_ids(vht, records);
	return ret ?: vht_records_flush(records);
}

static int vht_metadata_thread(void *context)
{
	struct vht *vht = context;
	struct vht_metadata *metadata = &vht->metadata;
	struct vht_records records = {
		.metadata = metadata,
		.buf = metadata->buf,
		.wait = true,
	};

	/* Nobody is to wait for this, the boot of the guest least of all. */
	set_user_nice(current, MAX_NICE);
	while (!kthread_should_stop()) {
		wait_event_idle(metadata->wait, kthread_should_stop() ||
				test_bit(VHT_REQUEST_SET, &metadata->requests) ||
				test_bit(VHT_REQUEST_CPUS, &metadata->requests) ||
				vht_modules_are_due(metadata));
		if (test_and_clear_bit(VHT_REQUEST_SET, &metadata->requests))
			vht_send_set(vht, &records);
		else if (test_bit(VHT_REQUEST_CPUS, &metadata->requests))
			vht_send_cpus(vht, &records);
		else if (vht_modules_are_due(metadata))
			vht_modules_send(vht, &records);
	}
	return 0;
}

/**
 * vht_metadata_poll - wake up the thread if what it waits for has come
 *
 * @vht: the device
 *
 * Context: any.
 */
void vht_metadata_poll(struct vht *vht)
{
	struct vht_metadata *metadata = &vht->metadata;

	if ((READ_ONCE(metadata->waiting) && vht_metadata_has_room(metadata)) ||
	    (!READ_ONCE(metadata->waiting) && vht_modules_are_due(metadata)))
		wake_up(&metadata->wait);
}

/**
 * vht_metadata_new_set - have a new set sent, from the beginning
 *
 * @vht: the device
 *
 * Context: any.
 */
void vht_metadata_new_set(struct vht *vht)
{
	WRITE_ONCE(vht->metadata.formats_sent, false);
	set_bit(VHT_REQUEST_SET, &vht->metadata.requests);
	wake_up(&vht->metadata.wait);
}

/**
 * vht_metadata_cpu_online - a CPU is there
 *
 * @vht: the device
 * @cpu: the CPU
 *
 * Context: any.
 */
void vht_metadata_cpu_online(struct vht *vht, unsigned int cpu)
{
	struct vht_metadata *metadata = &vht->metadata;

	if (cpumask_test_cpu(cpu, &metadata->told_cpus))
		return;
	set_bit(VHT_REQUEST_CPUS, &metadata->requests);
	wake_up(&metadata->wait);
}

/**
 * vht_metadata_hurry - let the formats of the set under way be sent, if they fit
 *
 * @vht: the device
 *
 * A guest that was busy all its short life has given the thread no time yet, and
 * nobody could decode what it leaves. Nothing here waits for the host [G1].
 *
 * Context: process.
 */
void vht_metadata_hurry(struct vht *vht)
{
	struct vht_metadata *metadata = &vht->metadata;

	set_user_nice(metadata->task, 0);
	wait_event_idle_timeout(metadata->wait,
				(READ_ONCE(metadata->formats_sent) &&
				 !test_bit(VHT_REQUEST_SET, &metadata->requests)) ||
				READ_ONCE(metadata->waiting),
				msecs_to_jiffies(VHT_HURRY_MS));
}

/**
 * vht_metadata_send_tasks - send the names of tasks now, if there is room
 *
 * @vht: the device
 *
 * Context: process.
 */
void vht_metadata_send_tasks(struct vht *vht)
{
	struct vht_records records = { .metadata = &vht->metadata };

	records.buf = kvmalloc(VHT_META_PACKET, GFP_KERNEL);
	if (!records.buf)
		return;
	if (!vht_send_tasks(&records))
		vht_records_flush(&records);
	kvfree(records.buf);
}

/**
 * vht_metadata_start - begin to send
 *
 * @vht: the device; the region is laid out
 *
 * Return: 0 or a negative error number.
 */
int vht_metadata_start(struct vht *vht)
{
	struct vht_metadata *metadata = &vht->metadata;
	struct task_struct *task;
	int ret;

	init_waitqueue_head(&metadata->wait);
	metadata->set = 0;
	metadata->requests = 0;
	metadata->waiting = false;
	metadata->formats_sent = false;
	metadata->buf = kvmalloc(VHT_META_PACKET, GFP_KERNEL);
	metadata->text = kvmalloc(VHT_META_PACKET, GFP_KERNEL);
	if (!metadata->buf || !metadata->text) {
		ret = -ENOMEM;
		goto err_free;
	}
	task = kthread_run(vht_metadata_thread, vht, "hypertrace");
	if (IS_ERR(task)) {
		ret = PTR_ERR(task);
		goto err_free;
	}
	metadata->task = task;
	ret = vht_modules_start(metadata);
	if (ret)
		goto err_stop;
	vht_metadata_new_set(vht);
	return 0;

err_stop:
	kthread_stop(metadata->task);
err_free:
	kvfree(metadata->text);
	kvfree(metadata->buf);
	return ret;
}

/**
 * vht_metadata_stop - end the thread
 *
 * @vht: the device
 */
void vht_metadata_stop(struct vht *vht)
{
	struct vht_metadata *metadata = &vht->metadata;

	vht_modules_stop(metadata);
	kthread_stop(metadata->task);
	vht_modules_forget(metadata);
	kvfree(metadata->text);
	metadata->text = NULL;
	kvfree(metadata->buf);
	metadata->buf = NULL;
}

/**
 * vht_metadata_close - send the last of it
 *
 * @vht: the device; the thread has ended
 */
void vht_metadata_close(struct vht *vht)
{
	u64 now = vht_counter();
	struct vht_packet_info info = {
		.type = VHT_PACKET_METADATA,
		.flags = VHT_PACKET_LAST,
		.timestamp_begin = now,
		.timestamp_end = now,
		.clock = now,
		.counter = now,
	};

	vht_metadata_send_tasks(vht);
	/* Where the ring is full a reader has the state of the guest header. */
	vht_metadata_put(&vht->metadata, &info, NULL, 0);
}
