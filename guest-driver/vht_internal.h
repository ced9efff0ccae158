/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the driver share, a section per file.
 *
 *   vht_driver.c     the virtio driver: start and end
 *   vht_region.c     the shared memory: mapping, header, table of streams
 *   vht_ring.c       the producer of one stream (vht_ring.h)
 *   vht_drain.c      when sources are emptied, on which CPU
 *   vht_ftrace.c     source: the ring buffer of an ftrace instance
 *   vht_heartbeat.c  source: numbered records, for tests
 *   vht_external.c   sources that other modules bring (vht_source.h)
 *   vht_metadata.c   what is needed to decode the rest, and who sends it
 *   vht_records.c    its records on their way into packets
 *   vht_formats.c    in it: formats of events
 *   vht_symbols.c    in it: the kernel's symbols
 *   vht_modules.c    in it: what modules bring that come later
 *   vht_files.c      reading tracefs and procfs with nothing mounted
 *   vht_control.c    messages from and to the device
 *   vht_end.c        the end of the guest: shutdown, reboot, kexec, panic
 *   vht_clock.c      the host's time, for other modules (vht_clock.h)
 */
#ifndef VHT_INTERNAL_H
#define VHT_INTERNAL_H

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/kmsg_dump.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/virtio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "vht_ring.h"
#include "vht_source.h"

/* Positions and counters are words that a store writes whole. */
#ifndef CONFIG_64BIT
#error "virtio_hypertrace needs a 64-bit kernel"
#endif

#define VHT_DRIVER_VERSION	"0.1.0"

/* Sources: the instance, the top-level buffer, the heartbeat, LTTng, the spool. */
#define VHT_MAX_SOURCES		5
#define VHT_INSTANCE		"hypertrace"
#define VHT_TOP			"top"

/**
 * struct vht_ftrace_cpu - what the ftrace source knows of one CPU
 *
 * @page: what ring_buffer_read_page() fills or swaps; none: CPU never was online
 * @page_size: bytes of it
 * @seen_read: count of events read from the ftrace buffer, at the last look
 * @seen_lost: count of events that ftrace lost, at the last look
 * @taken: events in @page, while it is put into the ring
 * @looked_at: jiffies of the last look
 * @begun: a begun sub-buffer waits since @begun_at
 * @begun_at: jiffies
 */
struct vht_ftrace_cpu {
	struct vht_read_page page;
	size_t page_size;
	unsigned long seen_read;
	unsigned long seen_lost;
	unsigned long taken;
	unsigned long looked_at;
	bool begun;
	unsigned long begun_at;
};

/**
 * struct vht_heartbeat_cpu - what the heartbeat source knows of one CPU
 *
 * @producer: its stream
 * @timer: makes records
 * @online: the CPU is online
 * @start: when the first record was due
 * @made: records due since @start that were dealt with
 * @next: number of the next record
 * @batch: records that are not in the ring yet
 * @count: of them
 * @put_at: jiffies of the last packet
 */
struct vht_heartbeat_cpu {
	struct vht_producer *producer;
	struct hrtimer timer;
	bool online;
	ktime_t start;
	u64 made;
	u64 next;
	struct vht_heartbeat *batch;
	unsigned int count;
	unsigned long put_at;
};

/* A CPU's drain timer: vht_drain.c. */
struct vht_cpu {
	struct vht *vht;
	unsigned int cpu;
	bool online;
	struct timer_list timer;
	unsigned long drained;		/* jiffies of the last run */
};

/* Bits of vht_metadata.requests. */
#define VHT_REQUEST_SET		0
#define VHT_REQUEST_MODULES	1
#define VHT_REQUEST_CPUS	2

/* The sender of metadata: vht_metadata.c. */
struct vht_metadata {
	struct vht_producer producer;
	struct task_struct *task;
	wait_queue_head_t wait;
	unsigned long requests;		/* bits: what the thread is to do */
	bool waiting;			/* for room in the ring */
	bool formats_sent;		/* those of the last set that was asked for */
	unsigned long modules_at;	/* jiffies of the last module's coming */
	u64 set;			/* number of the set */
	u8 *buf;			/* records that are not in the ring yet */
	struct cpumask told_cpus;	/* whose ids the set has, or came since; the thread's */
	u8 *text;			/* of a format: VHT_META_PACKET bytes */
	struct notifier_block module_notifier;
	struct mutex module_lock;	/* of the next */
	struct list_head modules;	/* modules that came since */
};

/* Content of a packet of metadata, at most; a record does not span packets. */
#define VHT_META_PACKET		SZ_64K

/* Records on their way into a packet: vht_records.c. */
struct vht_records {
	struct vht_metadata *metadata;
	u8 *buf;			/* VHT_META_PACKET bytes */
	size_t len;
	struct vht_meta *open;		/* text record that may grow */
	u64 begin;			/* guest counter at the first record */
	bool wait;			/* for room; else the sender is told */
};

/* The message queues: vht_control.c. */
struct vht_control {
	struct virtqueue *vqs[VIRTIO_HYPERTRACE_VQ_COUNT];
	spinlock_t send_lock;		/* of the control queue */
	struct workqueue_struct *workers;
	struct work_struct work;	/* empties the event queue */
	bool closed;			/* no message is acted upon any more */
	void *buffers;			/* of the event queue */
	struct vht_message *message;	/* being handled: our copy */
	unsigned long ignored;		/* malformed messages [C1] */
	struct list_head selected;	/* events that SELECT enabled */
};

/**
 * struct vht - the device
 *
 * @vdev: the virtio device
 * @base: the region
 * @size: of it, bytes
 * @guest_offset: where our part begins
 * @epoch: of the VM
 * @generation: of the driver
 * @sources: where data comes from
 * @source_count: number of @sources
 * @cpus: drain timers, by CPU number
 * @cpuhp: CPU hotplug state, or 0
 * @running: started, and not stopped since
 * @ending: the guest goes down: everything is taken at once
 * @next_scan: jiffies of the next look at CPUs that do not drain themselves
 * @page_work: gets read pages of another size
 * @renew_work: begins anew in another epoch
 * @next_renewal: jiffies before which that is not done
 * @renewed: that was done: the sources have lost events before, which others counted
 * @reboot: tells that the guest goes down
 * @panic: tells that it panics
 * @dumper: tells that it is about to be gone, one way or the other
 * @end_reason: VHT_END_*, as the region has it
 * @end_text: what the kernel said of it
 * @metadata: the sender of metadata
 * @control: the message queues
 */
struct vht {
	struct virtio_device *vdev;
	void *base;
	u64 size;
	u64 guest_offset;
	u32 epoch;
	u32 generation;
	struct vht_source sources[VHT_MAX_SOURCES];
	unsigned int source_count;
	struct vht_cpu *cpus;
	int cpuhp;
	bool running;
	bool ending;
	unsigned long next_scan;
	struct work_struct page_work;
	struct work_struct renew_work;
	unsigned long next_renewal;
	bool renewed;
	struct notifier_block reboot;
	struct notifier_block panic;
	struct kmsg_dumper dumper;
	u32 end_reason;
	char end_text[sizeof_field(struct vht_guest_header, end_text)];
	struct vht_metadata metadata;
	struct vht_control control;
};

/* The producer of @cpu's data, NULL: another's is the only one. */
static inline struct vht_producer *vht_producer(const struct vht_source *source,
						unsigned int cpu)
{
	return source->single && cpu ? NULL : &source->producers[cpu];
}

/* vht_region.c */
int vht_region_map(struct vht *vht);
void vht_region_unmap(struct vht *vht);
int vht_region_layout(struct vht *vht);
bool vht_region_is_renewed(const struct vht *vht);
void vht_region_set_end(struct vht *vht, u32 reason, u32 stage, const char *text);
void vht_region_set_gone(struct vht *vht);

/* vht_drain.c */
int vht_drain_start(struct vht *vht);
void vht_drain_stop(struct vht *vht);
bool vht_drain_everything(struct vht *vht, enum vht_drain how);
void vht_drain_rescue(struct vht *vht, bool alone);
void vht_drain_close(struct vht *vht);
void vht_drain_forget(struct vht *vht);

/* vht_ftrace.c */
int vht_ftrace_open(struct vht_source *source, const char *instance);
void vht_ftrace_close(struct vht_source *source);
void vht_ftrace_fit_pages(struct vht *vht);

/* vht_heartbeat.c */
bool vht_heartbeat_is_on(void);
void vht_heartbeat_open(struct vht_source *source);
u64 vht_heartbeat_ring_size(void);

/* vht_external.c */
bool vht_external_is_wanted(u16 type);
void vht_external_open(struct vht_source *source, u16 type);
int vht_external_attach(struct vht *vht);
void vht_external_detach(struct vht *vht);
void vht_external_flush(struct vht *vht, enum vht_drain how);
void vht_external_last(struct vht_producer *producer);
void vht_external_poll(struct vht *vht);
int vht_external_send_set(struct vht *vht, struct vht_records *records);

/* vht_files.c */
int vht_files_init(void);
void vht_files_fini(void);
typedef int (*vht_file_sink)(void *context, const char *text, size_t len);
typedef int (*vht_file_read)(const char *path, loff_t first, vht_file_sink sink, void *context);
int vht_tracefs_read(const char *path, loff_t first, vht_file_sink sink, void *context);
int vht_proc_read(const char *path, loff_t first, vht_file_sink sink, void *context);
ssize_t vht_tracefs_fetch(const char *path, void *buf, size_t size);
char *vht_tracefs_read_all(const char *path, size_t *len);
char *vht_proc_read_all(const char *path, size_t *len);
char *vht_tracefs_list(const char *path);
int vht_sysfs_read(const char *path, void *buf, size_t size);
const u8 *vht_find_note(const u8 *notes, size_t len, const char *name, u32 type, size_t *size);
char *vht_next_line(char **text);

/* A list of lines, and a place in it. */
struct vht_list {
	const char *text;
	size_t len;
	size_t position;
};

size_t vht_list_next(struct vht_list *list);

/* A list of names to look for names in, and what hashes there are none of. */
struct vht_names {
	struct vht_list list;
	DECLARE_BITMAP(hashes, 4096);
};

void vht_names_init(struct vht_names *names, const char *text, size_t len);
bool vht_names_have(struct vht_names *names, const char *wanted, size_t wanted_len);

/* vht_metadata.c */
int vht_metadata_start(struct vht *vht);
void vht_metadata_stop(struct vht *vht);
void vht_metadata_close(struct vht *vht);
void vht_metadata_new_set(struct vht *vht);
void vht_metadata_hurry(struct vht *vht);
void vht_metadata_send_tasks(struct vht *vht);
void vht_metadata_poll(struct vht *vht);
void vht_metadata_cpu_online(struct vht *vht, unsigned int cpu);
int vht_metadata_put(struct vht_metadata *metadata, const struct vht_packet_info *info,
		     const void *content, size_t size);
bool vht_metadata_has_room(const struct vht_metadata *metadata);

/* vht_records.c */
int vht_records_wait(struct vht_records *records);
int vht_records_add_line(struct vht_records *records, u32 type, const char *line, size_t len);
int vht_records_add_file(struct vht_records *records, u32 type, vht_file_read read,
			 const char *path, loff_t first,
			 bool (*wants)(const char *line, size_t len));

/* vht_formats.c */
int vht_formats_add(struct vht_records *records, const char *text, size_t len,
		    struct vht_names *without);
int vht_formats_add_all(struct vht *vht, struct vht_records *records);

/* vht_symbols.c */
int vht_symbols_add(struct vht_records *records);

/* vht_modules.c */
int vht_modules_start(struct vht_metadata *metadata);
void vht_modules_stop(struct vht_metadata *metadata);
void vht_modules_forget(struct vht_metadata *metadata);
bool vht_modules_are_due(const struct vht_metadata *metadata);
int vht_modules_send(struct vht *vht, struct vht_records *records);

/* vht_control.c */
int vht_control_start(struct vht *vht);
void vht_control_close(struct vht *vht);
void vht_control_reopen(struct vht *vht);
void vht_control_say_gone(struct vht *vht);
void vht_control_stop(struct vht *vht);

/* vht_clock.c */
void vht_clock_attach(struct vht *vht);
void vht_clock_detach(struct vht *vht);

/* vht_end.c */
int vht_end_start(struct vht *vht);
void vht_end_stop(struct vht *vht);
void vht_end_driver(struct vht *vht, u32 reason);
void vht_end_last(struct vht *vht);

#endif /* VHT_INTERNAL_H */
