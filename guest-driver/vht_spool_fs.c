// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file system `hypertrace`: a tree of names in memory, whose files keep nothing of
 * what is written to them but how long they are. There is one tree, however often it is
 * mounted, so that a path means one file to the host.
 *
 * It is for programs that know how to write files and nothing else: LTTng's consumer
 * daemon, which makes directories and renames them, is the one that it was made for.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dcache.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "compat.h"
#include "virtio_hypertrace.h"
#include "vht_spool.h"

static unsigned int files = 16384;
module_param(files, uint, 0644);
MODULE_PARM_DESC(files, "Files and directories that there can be at one time");

#define VHT_SPOOL_SUPER_MAGIC	0x76687473

/* All files, and their names. Taken inside the VFS's locks of directories. */
static LIST_HEAD(vht_spool_files);
static DEFINE_MUTEX(vht_spool_lock);

static atomic_t vht_spool_count = ATOMIC_INIT(0);
static atomic64_t vht_spool_number = ATOMIC64_INIT(0);

static const struct inode_operations vht_spool_dir_inode_ops;

/* One more file or directory; false: there are too many. */
static bool vht_spool_take_place(void)
{
	if (atomic_inc_return(&vht_spool_count) <= READ_ONCE(files))
		return true;
	atomic_dec(&vht_spool_count);
	return false;
}

static struct inode *vht_spool_new_inode(struct super_block *super, const struct inode *dir,
					 umode_t mode)
{
	struct inode *inode;

	if (!vht_spool_take_place())
		return ERR_PTR(-ENOSPC);
	inode = new_inode(super);
	if (!inode) {
		atomic_dec(&vht_spool_count);
		return ERR_PTR(-ENOMEM);
	}
	inode->i_ino = get_next_ino();
	inode_init_owner(&vht_nop_idmap, inode, dir, mode);
	vht_inode_init_times(inode);
	if (S_ISDIR(mode)) {
		inode->i_op = &vht_spool_dir_inode_ops;
		inode->i_fop = &simple_dir_operations;
		inc_nlink(inode);
	}
	return inode;
}

static struct inode *vht_spool_new_file(struct inode *dir, umode_t mode)
{
	struct vht_spool_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	struct inode *inode;

	if (!file)
		return ERR_PTR(-ENOMEM);
	inode = vht_spool_new_inode(dir->i_sb, dir, S_IFREG | (mode & S_IALLUGO));
	if (IS_ERR(inode)) {
		kfree(file);
		return inode;
	}
	inode->i_op = &vht_spool_file_inode_ops;
	inode->i_fop = &vht_spool_file_ops;
	inode->i_private = file;
	file->number = atomic64_inc_return(&vht_spool_number);
	mutex_lock(&vht_spool_lock);
	list_add_tail(&file->link, &vht_spool_files);
	mutex_unlock(&vht_spool_lock);
	return inode;
}

/* Has the path of a new name the length that a packet has room for? */
static bool vht_spool_fits(const struct dentry *dentry)
{
	char *path = kmalloc(VHT_SPOOL_PATH_MAX + 2, GFP_KERNEL);
	bool fits;

	if (!path)
		return false;
	/* with the slash before it and the NUL behind it */
	fits = !IS_ERR(dentry_path_raw(dentry, path, VHT_SPOOL_PATH_MAX + 2));
	kfree(path);
	return fits;
}

static int vht_spool_create(struct vht_idmap *idmap, struct inode *dir, struct dentry *dentry,
			    umode_t mode, bool exclusive)
{
	struct vht_spool_call call = {};
	struct inode *inode;

	if (!vht_spool_fits(dentry))
		return -ENAMETOOLONG;
	inode = vht_spool_new_file(dir, mode);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	vht_make_persistent(dentry, inode);
	/* Only now: whoever renames a directory above meanwhile finds a name with an inode, or none. */
	mutex_lock(&vht_spool_lock);
	vht_spool_file(inode)->dentry = dentry;
	mutex_unlock(&vht_spool_lock);
	vht_spool_send(&call, dentry, VHT_SPOOL_CREATED, 0, NULL, 0);
	return 0;
}

static int vht_spool_make_dir(struct inode *dir, struct dentry *dentry, umode_t mode)
{
	struct inode *inode;

	if (!vht_spool_fits(dentry))
		return -ENAMETOOLONG;
	inode = vht_spool_new_inode(dir->i_sb, dir, S_IFDIR | mode);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	vht_make_persistent(dentry, inode);
	inc_nlink(dir);
	return 0;
}

static vht_mkdir_t vht_spool_mkdir(struct vht_idmap *idmap, struct inode *dir,
				   struct dentry *dentry, umode_t mode)
{
	return vht_mkdir_error(vht_spool_make_dir(dir, dentry, mode));
}

static int vht_spool_unlink(struct inode *dir, struct dentry *dentry)
{
	struct vht_spool_file *file = vht_spool_file(d_inode(dentry));
	struct vht_spool_call call = {};

	/* Before the name is gone: a packet has one. */
	vht_spool_send(&call, dentry, VHT_SPOOL_REMOVED, 0, NULL, 0);
	mutex_lock(&vht_spool_lock);
	file->dentry = NULL;
	mutex_unlock(&vht_spool_lock);
	return simple_unlink(dir, dentry);
}

/* Tells the new paths of a file, or of all files below a directory. */
static void vht_spool_tell_moved(struct dentry *moved)
{
	struct vht_spool_call call = {};
	struct vht_spool_file *file;

	mutex_lock(&vht_spool_lock);
	list_for_each_entry(file, &vht_spool_files, link) {
		if (file->dentry && is_subdir(file->dentry, moved))
			vht_spool_send(&call, file->dentry, 0, 0, NULL, 0);
	}
	mutex_unlock(&vht_spool_lock);
}

static int vht_spool_rename(struct vht_idmap *idmap, struct inode *from_dir, struct dentry *from,
			    struct inode *to_dir, struct dentry *to, unsigned int flags)
{
	struct inode *replaced = d_inode(to);
	struct vht_spool_call call = {};
	int ret;

	if (flags & ~RENAME_NOREPLACE)
		return -EINVAL;
	if (!vht_spool_fits(to))
		return -ENAMETOOLONG;
	if (replaced && S_ISREG(replaced->i_mode)) {
		vht_spool_send(&call, to, VHT_SPOOL_REMOVED, 0, NULL, 0);
		mutex_lock(&vht_spool_lock);
		vht_spool_file(replaced)->dentry = NULL;
		mutex_unlock(&vht_spool_lock);
	}
	ret = simple_rename(idmap, from_dir, from, to_dir, to, flags);
	if (ret)
		return ret;
	d_move(from, to);
	vht_spool_tell_moved(from);
	return 0;
}

static const struct inode_operations vht_spool_dir_inode_ops = {
	.create = vht_spool_create,
	.lookup = simple_lookup,
	.unlink = vht_spool_unlink,
	.mkdir = vht_spool_mkdir,
	.rmdir = simple_rmdir,
	.rename = vht_spool_rename,
};

static void vht_spool_evict(struct inode *inode)
{
	struct vht_spool_file *file = vht_spool_file(inode);

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	atomic_dec(&vht_spool_count);
	if (!file)
		return;
	mutex_lock(&vht_spool_lock);
	list_del(&file->link);
	mutex_unlock(&vht_spool_lock);
	kfree(file);
}

static const struct super_operations vht_spool_super_ops = {
	.statfs = simple_statfs,
	.evict_inode = vht_spool_evict,
};

static int vht_spool_fill_super(struct super_block *super, struct fs_context *context)
{
	struct inode *inode;

	super->s_blocksize = PAGE_SIZE;
	super->s_blocksize_bits = PAGE_SHIFT;
	super->s_maxbytes = MAX_LFS_FILESIZE;
	super->s_magic = VHT_SPOOL_SUPER_MAGIC;
	super->s_op = &vht_spool_super_ops;
	super->s_time_gran = 1;
	inode = vht_spool_new_inode(super, NULL, S_IFDIR | 0755);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	super->s_root = d_make_root(inode);
	return super->s_root ? 0 : -ENOMEM;
}

static int vht_spool_get_tree(struct fs_context *context)
{
	return get_tree_single(context, vht_spool_fill_super);
}

static const struct fs_context_operations vht_spool_context_ops = {
	.get_tree = vht_spool_get_tree,
};

static int vht_spool_init_context(struct fs_context *context)
{
	context->ops = &vht_spool_context_ops;
	return 0;
}

/* Not for user namespaces: who may mount it may write into the host's recording. */
static struct file_system_type vht_spool_type = {
	.owner = THIS_MODULE,
	.name = "hypertrace",
	.init_fs_context = vht_spool_init_context,
	.kill_sb = vht_kill_persistent_super,
	.fs_flags = FS_RENAME_DOES_D_MOVE,
};
MODULE_ALIAS_FS("hypertrace");

static int __init vht_spool_init(void)
{
	int ret;

	ret = vht_spool_stream_init();
	if (ret)
		return ret;
	ret = register_filesystem(&vht_spool_type);
	if (ret)
		vht_spool_stream_fini();
	return ret;
}
module_init(vht_spool_init);

static void __exit vht_spool_exit(void)
{
	unregister_filesystem(&vht_spool_type);
	vht_spool_stream_fini();
}
module_exit(vht_spool_exit);

MODULE_DESCRIPTION("Files for the host: the spool of virtio-hypertrace");
MODULE_LICENSE("GPL");
