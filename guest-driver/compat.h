/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The differences between the kernels that the driver builds for, and the only
 * place where they show. Each VHT_HAVE_* comes from a look into the headers of
 * the kernel being built for (see Kbuild), never from a version number: Linux
 * changes these interfaces inside stable series too.
 */
#ifndef VHT_COMPAT_H
#define VHT_COMPAT_H

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kmsg_dump.h>
#include <linux/ring_buffer.h>
#include <linux/syscore_ops.h>
#include <linux/timer.h>
#include <linux/trace.h>
#include <linux/virtio_config.h>

/*
 * The page that ring_buffer_read_page() fills or swaps.
 *
 * A bare pointer at first; a struct since 6.8, returned; since 7.0, and 6.12.112
 * in stable, by way of an argument.
 * Remove the first form when 6.1 and 6.6 are, the second when 6.12.111 is.
 */
struct vht_read_page {
#ifdef VHT_HAVE_READ_PAGE_STRUCT
	struct buffer_data_read_page *page;
#else
	void *page;
#endif
};

/* Return: 0 or a negative error number; then @out->page is NULL. */
static inline int vht_read_page_alloc(struct trace_buffer *buffer, int cpu,
				      struct vht_read_page *out)
{
#ifdef VHT_HAVE_READ_PAGE_OUT
	int ret;

	out->page = NULL;
	ret = ring_buffer_alloc_read_page(buffer, cpu, &out->page);
	if (ret)
		out->page = NULL;
	return ret;
#else
	int ret;

	out->page = ring_buffer_alloc_read_page(buffer, cpu);
	ret = PTR_ERR_OR_ZERO(out->page);
	if (ret)
		out->page = NULL;
	return ret;
#endif
}

/* Bytes of a sub-buffer of @buffer at this moment. */
static inline size_t vht_subbuf_size(struct trace_buffer *buffer)
{
#ifdef VHT_HAVE_SUBBUF_SIZE
	return ring_buffer_subbuf_size_get(buffer);
#else
	return PAGE_SIZE;
#endif
}

/*
 * Bytes that a page of vht_read_page_alloc() holds. Remove the guess, which is wrong
 * only if the size was changed a moment ago, when 6.12.111 is.
 */
static inline size_t vht_read_page_size(const struct vht_read_page *page,
					struct trace_buffer *buffer)
{
#ifdef VHT_HAVE_READ_PAGE_SIZE
	return ring_buffer_read_page_size(page->page);
#else
	return vht_subbuf_size(buffer);
#endif
}

static inline int vht_read_page_fill(struct trace_buffer *buffer, struct vht_read_page *page,
				     size_t size, int cpu, bool full)
{
#ifdef VHT_HAVE_READ_PAGE_STRUCT
	return ring_buffer_read_page(buffer, page->page, size, cpu, full);
#else
	return ring_buffer_read_page(buffer, &page->page, size, cpu, full);
#endif
}

static inline void *vht_read_page_data(const struct vht_read_page *page)
{
#ifdef VHT_HAVE_READ_PAGE_STRUCT
	return ring_buffer_read_page_data(page->page);
#else
	return page->page;
#endif
}

static inline void vht_read_page_free(struct trace_buffer *buffer, int cpu,
				      struct vht_read_page *page)
{
	if (page->page)
		ring_buffer_free_read_page(buffer, cpu, page->page);
	page->page = NULL;
}

/* The second argument came with 6.8. Remove when 6.6 is. */
static inline struct trace_array *vht_trace_array_get(const char *name)
{
#ifdef VHT_HAVE_INSTANCE_SYSTEMS
	return trace_array_get_by_name(name, NULL);
#else
	return trace_array_get_by_name(name);
#endif
}

/* struct virtqueue_info came with 6.11. Remove when 6.6 is. */
static inline int vht_find_vqs(struct virtio_device *vdev, unsigned int count,
			       struct virtqueue *vqs[], vq_callback_t *callbacks[],
			       const char * const names[])
{
#ifdef VHT_HAVE_VIRTQUEUE_INFO
	struct virtqueue_info info[4] = {};
	unsigned int i;

	if (count > ARRAY_SIZE(info))
		return -EINVAL;
	for (i = 0; i < count; i++) {
		info[i].name = names[i];
		info[i].callback = callbacks[i];
	}
	return virtio_find_vqs(vdev, count, vqs, info, NULL);
#else
	return virtio_find_vqs(vdev, count, vqs, callbacks, names, NULL);
#endif
}

/* from_timer() got this name in 6.16. Remove when 6.12 is. */
#ifndef timer_container_of
#define timer_container_of(var, timer, field) from_timer(var, timer, field)
#endif

/* hrtimer_init() was replaced in 6.13. Remove when 6.12 is. */
static inline void vht_hrtimer_setup(struct hrtimer *timer,
				     enum hrtimer_restart (*function)(struct hrtimer *),
				     enum hrtimer_mode mode)
{
#ifdef VHT_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
#endif
}

/*
 * Syscore operations take an argument since 6.19.
 * Remove the old form when 6.18 is.
 */
#ifdef VHT_HAVE_SYSCORE_DATA
#define VHT_DEFINE_SYSCORE_SHUTDOWN(name, fn)				\
	static void name##_call(void *data) { fn(); }			\
	static const struct syscore_ops name##_ops = {			\
		.shutdown = name##_call,				\
	};								\
	static struct syscore name = { .ops = &name##_ops }
#define vht_register_syscore(name)	register_syscore(name)
#define vht_unregister_syscore(name)	unregister_syscore(name)
#else
#define VHT_DEFINE_SYSCORE_SHUTDOWN(name, fn)				\
	static struct syscore_ops name = { .shutdown = fn }
#define vht_register_syscore(name)	register_syscore_ops(name)
#define vht_unregister_syscore(name)	unregister_syscore_ops(name)
#endif

/*
 * A kmsg dumper's function: fn(dumper, reason). The reason is in a struct since 6.10.
 * Remove the old form when 6.6 is.
 */
#ifdef VHT_HAVE_KMSG_DETAIL
#define VHT_DEFINE_KMSG_DUMP(name, fn)						\
	static void name(struct kmsg_dumper *dumper, struct kmsg_dump_detail *detail) \
	{									\
		fn(dumper, detail->reason);					\
	}
#else
#define VHT_DEFINE_KMSG_DUMP(name, fn)						\
	static void name(struct kmsg_dumper *dumper, enum kmsg_dump_reason reason) \
	{									\
		fn(dumper, reason);						\
	}
#endif

/*
 * Operations on inodes are given the mount's map of ids since 6.3, a namespace before.
 * Remove the old form when 6.1 is.
 */
#ifdef VHT_HAVE_IDMAP
#define vht_idmap	mnt_idmap
#define vht_nop_idmap	nop_mnt_idmap
#else
#define vht_idmap	user_namespace
#define vht_nop_idmap	init_user_ns
#endif

/* An inode's times are behind functions since 6.7. Remove the old form when 6.6 is. */
static inline void vht_inode_init_times(struct inode *inode)
{
#ifdef VHT_HAVE_INODE_INIT_TS
	simple_inode_init_ts(inode);
#else
	inode->i_mtime = current_time(inode);
	inode->i_atime = inode->i_mtime;
	inode->i_ctime = inode->i_mtime;
#endif
}

/* What mkdir() of a directory returns: a dentry since 6.15. Remove the old form when 6.12 is. */
#ifdef VHT_HAVE_MKDIR_DENTRY
typedef struct dentry *vht_mkdir_t;
#define vht_mkdir_error(ret)	ERR_PTR(ret)
#else
typedef int vht_mkdir_t;
#define vht_mkdir_error(ret)	(ret)
#endif

/*
 * A name in memory that stays is marked as such since 6.19; before, somebody just held it.
 * Remove the old form when 6.18 is.
 */
static inline void vht_make_persistent(struct dentry *dentry, struct inode *inode)
{
#ifdef VHT_HAVE_PERSISTENT
	d_make_persistent(dentry, inode);
#else
	d_instantiate(dentry, inode);
	dget(dentry);
#endif
}

#ifdef VHT_HAVE_PERSISTENT
#define vht_kill_persistent_super	kill_anon_super
#else
#define vht_kill_persistent_super	kill_litter_super
#endif

#endif /* VHT_COMPAT_H */
