// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done with an open file of the spool: it is written. What was written is on its
 * way to the host when write() returns, and cannot be read here any more.
 */
#include "compat.h"
#include "virtio_hypertrace.h"
#include "vht_spool.h"

static ssize_t vht_spool_write_iter(struct kiocb *kiocb, struct iov_iter *from)
{
	struct dentry *dentry = kiocb->ki_filp->f_path.dentry;
	struct inode *inode = file_inode(kiocb->ki_filp);
	struct vht_spool_call call = {};
	ssize_t done = 0, ret;

	inode_lock(inode);
	ret = generic_write_checks(kiocb, from);
	while (ret > 0) {
		ret = vht_spool_send(&call, dentry, 0, kiocb->ki_pos, from, iov_iter_count(from));
		if (ret <= 0)
			break;
		kiocb->ki_pos += ret;
		done += ret;
		if (kiocb->ki_pos > i_size_read(inode))
			i_size_write(inode, kiocb->ki_pos);
		ret = iov_iter_count(from);
	}
	inode_unlock(inode);
	return done ? done : ret;
}

static ssize_t vht_spool_read_iter(struct kiocb *kiocb, struct iov_iter *to)
{
	return -EPERM;
}

static int vht_spool_release(struct inode *inode, struct file *file)
{
	struct vht_spool_call call = {};

	if (file->f_mode & FMODE_WRITE)
		vht_spool_send(&call, file->f_path.dentry, VHT_SPOOL_CLOSED, i_size_read(inode),
			       NULL, 0);
	return 0;
}

const struct file_operations vht_spool_file_ops = {
	.owner = THIS_MODULE,
	.llseek = generic_file_llseek,
	.read_iter = vht_spool_read_iter,
	.write_iter = vht_spool_write_iter,
	.splice_write = iter_file_splice_write,
	.fsync = noop_fsync,
	.release = vht_spool_release,
};

static int vht_spool_setattr(struct vht_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	loff_t size = i_size_read(d_inode(dentry));
	struct vht_spool_call call = {};
	int ret;

	ret = simple_setattr(idmap, dentry, attr);
	if (!ret && (attr->ia_valid & ATTR_SIZE) && attr->ia_size != size)
		vht_spool_send(&call, dentry, VHT_SPOOL_TRUNCATED, attr->ia_size, NULL, 0);
	return ret;
}

const struct inode_operations vht_spool_file_inode_ops = {
	.setattr = vht_spool_setattr,
	.getattr = simple_getattr,
};
