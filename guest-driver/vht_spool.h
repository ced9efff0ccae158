/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of vht_spool.ko share: a file system that keeps names and sizes, and
 * sends what is written to its files to the host.
 *
 *   vht_spool_fs.c      names: the tree, the mount, the module's life
 *   vht_spool_file.c    what is done with an open file
 *   vht_spool_stream.c  the stream: from a piece of a write() to a packet
 */
#ifndef VHT_SPOOL_H
#define VHT_SPOOL_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/uio.h>

/* A path's bytes, at most: what a packet has room for without a thought. */
#define VHT_SPOOL_PATH_MAX	1024

/**
 * struct vht_spool_file - what is known of a file
 *
 * @link: in the list of all files; under the tree's lock
 * @dentry: its name, as long as it has one; under the tree's lock
 * @number: vht_spool.file; never used twice
 */
struct vht_spool_file {
	struct list_head link;
	struct dentry *dentry;
	u64 number;
};

/**
 * struct vht_spool_call - a system call that sends
 *
 * @until: jiffies: it waits no longer for room
 * @has_waited: it has a time to wait until
 */
struct vht_spool_call {
	unsigned long until;
	bool has_waited;
};

/* vht_spool_file.c */
extern const struct file_operations vht_spool_file_ops;
extern const struct inode_operations vht_spool_file_inode_ops;

/* vht_spool_stream.c */
int vht_spool_stream_init(void);
void vht_spool_stream_fini(void);
ssize_t vht_spool_send(struct vht_spool_call *call, struct dentry *dentry, u32 flags, u64 offset,
		       struct iov_iter *from, size_t size);

static inline struct vht_spool_file *vht_spool_file(const struct inode *inode)
{
	return inode->i_private;
}

#endif /* VHT_SPOOL_H */
