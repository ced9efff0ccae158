// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading files of tracefs, procfs and sysfs from the kernel, whatever user space
 * has mounted, long before there is any: through mounts of our own.
 *
 * Most of these files are sequence files that read() gives to user memory only;
 * seq_read_iter() gives them to anybody who has them open.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/elf.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/stringhash.h>
#include <linux/uio.h>

#include "vht_internal.h"

/* One read; a sequence file gives about a page at a time. */
#define VHT_READ_SIZE		SZ_4K

/* No file we want whole is larger. */
#define VHT_FILE_MAX		SZ_4M

static struct vfsmount *vht_tracefs;
static struct vfsmount *vht_proc;
static struct vfsmount *vht_sysfs;

static struct vfsmount *vht_mount(const char *name)
{
	struct file_system_type *type = get_fs_type(name);
	struct vfsmount *mount;

	if (!type)
		return ERR_PTR(-ENODEV);
	mount = kern_mount(type);
	module_put(type->owner);
	return mount;
}

/**
 * vht_files_init - mount what we read from
 *
 * Return: 0 or a negative error number; what was missing is in the log.
 */
int vht_files_init(void)
{
	const struct {
		const char *name;
		struct vfsmount **mount;
	} wanted[] = {
		{ "tracefs", &vht_tracefs },
		{ "proc", &vht_proc },
		{ "sysfs", &vht_sysfs },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct vfsmount *mount = vht_mount(wanted[i].name);

		if (IS_ERR(mount)) {
			pr_err("cannot mount %s: %pe\n", wanted[i].name, mount);
			vht_files_fini();
			return PTR_ERR(mount);
		}
		*wanted[i].mount = mount;
	}
	return 0;
}

/**
 * vht_files_fini - undo vht_files_init()
 */
void vht_files_fini(void)
{
	/* Each of these takes NULL. */
	kern_unmount(vht_sysfs);
	kern_unmount(vht_proc);
	kern_unmount(vht_tracefs);
	vht_sysfs = NULL;
	vht_proc = NULL;
	vht_tracefs = NULL;
}

/*
 * Begins to read, from a record on and not from a byte: nothing before it is printed. With
 * a position of 0 the first read would rewind.
 */
static void vht_seq_begin(struct kiocb *kiocb, struct file *file, loff_t first)
{
	struct seq_file *seq = file->private_data;

	init_sync_kiocb(kiocb, file);
	if (first) {
		seq->index = first;
		seq->read_pos = 1;
		kiocb->ki_pos = 1;
	}
}

/* Return: bytes read, about a page of them, 0 at the end, or a negative error number. */
static ssize_t vht_seq_read_some(struct kiocb *kiocb, void *buf, size_t size)
{
	struct kvec vec = { .iov_base = buf, .iov_len = size };
	struct iov_iter iter;

	iov_iter_kvec(&iter, READ, &vec, 1, size);
	return seq_read_iter(kiocb, &iter);
}

static int vht_seq_read(struct file *file, loff_t first, vht_file_sink sink, void *context)
{
	struct kiocb kiocb;
	void *buf;
	ssize_t n;
	int ret = 0;

	buf = kmalloc(VHT_READ_SIZE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	vht_seq_begin(&kiocb, file, first);
	do {
		n = vht_seq_read_some(&kiocb, buf, VHT_READ_SIZE);
		if (n < 0)
			ret = n;
		else if (n > 0)
			ret = sink(context, buf, n);
		cond_resched();
	} while (n > 0 && !ret);
	kfree(buf);
	return ret;
}

/* Opens a file of tracefs; it has some that are no sequence files, which are refused. */
static struct file *vht_tracefs_open(const char *path)
{
	struct file *file = file_open_root_mnt(vht_tracefs, path, O_RDONLY, 0);

	if (!IS_ERR(file) && file->f_op->read != seq_read &&
	    file->f_op->read_iter != seq_read_iter) {
		filp_close(file, NULL);
		return ERR_PTR(-EINVAL);
	}
	return file;
}

/**
 * vht_tracefs_read - read a file of tracefs
 *
 * @path: below tracefs, e.g. "events/sched/sched_switch/format"
 * @first: number of the record to begin with, 0 for all
 * @sink: gets the text, in pieces of any length; what it returns but 0 ends all
 * @context: for @sink
 *
 * Context: process.
 *
 * Return: 0, what @sink returned, or a negative error number.
 */
int vht_tracefs_read(const char *path, loff_t first, vht_file_sink sink, void *context)
{
	struct file *file = vht_tracefs_open(path);
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = vht_seq_read(file, first, sink, context);
	filp_close(file, NULL);
	return ret;
}

/**
 * vht_tracefs_fetch - read a short file of tracefs
 *
 * @path: as for vht_tracefs_read()
 * @buf: gets the text, without a NUL
 * @size: of that, bytes; more than the file can have
 *
 * Context: process.
 *
 * Return: bytes read, or a negative error number: -EFBIG if they fill @buf.
 */
ssize_t vht_tracefs_fetch(const char *path, void *buf, size_t size)
{
	struct file *file = vht_tracefs_open(path);
	struct kiocb kiocb;
	size_t len = 0;
	ssize_t n;

	if (IS_ERR(file))
		return PTR_ERR(file);
	vht_seq_begin(&kiocb, file, 0);
	do {
		n = vht_seq_read_some(&kiocb, buf + len, size - len);
		len += n > 0 ? n : 0;
	} while (n > 0 && len < size);
	filp_close(file, NULL);
	if (n < 0)
		return n;
	return len < size ? len : -EFBIG;
}

/**
 * vht_proc_read - read a file of procfs that is a sequence file
 *
 * @path: below /proc: "kallsyms" or "cmdline", no other was checked to be one
 * @first: number of the record to begin with, 0 for all. Those of kallsyms are symbols
 * @sink: gets the text, in pieces of any length; what it returns but 0 ends all
 * @context: for @sink
 *
 * Context: process.
 *
 * Return: 0, what @sink returned, or a negative error number.
 */
int vht_proc_read(const char *path, loff_t first, vht_file_sink sink, void *context)
{
	struct file *file = file_open_root_mnt(vht_proc, path, O_RDONLY, 0);
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = vht_seq_read(file, first, sink, context);
	filp_close(file, NULL);
	return ret;
}

/* A text that grows. */
struct vht_text {
	char *text;
	size_t len;
	size_t size;
};

static int vht_text_append(void *context, const char *text, size_t len)
{
	struct vht_text *out = context;

	if (out->len + len + 1 > VHT_FILE_MAX)
		return -EFBIG;
	if (out->len + len + 1 > out->size) {
		size_t size = max(2 * out->size, out->len + len + 1);
		char *larger = kvmalloc(size, GFP_KERNEL);

		if (!larger)
			return -ENOMEM;
		memcpy(larger, out->text, out->len);
		kvfree(out->text);
		out->text = larger;
		out->size = size;
	}
	memcpy(out->text + out->len, text, len);
	out->len += len;
	out->text[out->len] = '\0';
	return 0;
}

static char *vht_read_all(vht_file_read read, const char *path, size_t *len)
{
	struct vht_text out = {};
	int ret;

	/* So that an empty file is a text too. */
	ret = vht_text_append(&out, "", 0);
	if (!ret)
		ret = read(path, 0, vht_text_append, &out);
	if (ret) {
		kvfree(out.text);
		return ERR_PTR(ret);
	}
	if (len)
		*len = out.len;
	return out.text;
}

/**
 * vht_tracefs_read_all - read a file of tracefs whole
 *
 * @path: as for vht_tracefs_read()
 * @len: gets the length, if not NULL
 *
 * Return: its text, with a NUL behind it, for kvfree(); or an ERR_PTR.
 */
char *vht_tracefs_read_all(const char *path, size_t *len)
{
	return vht_read_all(vht_tracefs_read, path, len);
}

/**
 * vht_proc_read_all - read a file of procfs whole
 *
 * @path: as for vht_proc_read()
 * @len: gets the length, if not NULL
 *
 * Return: its text, with a NUL behind it, for kvfree(); or an ERR_PTR.
 */
char *vht_proc_read_all(const char *path, size_t *len)
{
	return vht_read_all(vht_proc_read, path, len);
}

/* A directory being listed. */
struct vht_listing {
	struct dir_context dir;
	struct vht_text out;
	int ret;
};

static bool vht_list_entry(struct dir_context *dir, const char *name, int len, loff_t offset,
			   u64 inode, unsigned int type)
{
	struct vht_listing *listing = container_of(dir, struct vht_listing, dir);

	if (type != DT_DIR || name[0] == '.')
		return true;
	listing->ret = vht_text_append(&listing->out, name, len);
	if (!listing->ret)
		listing->ret = vht_text_append(&listing->out, "\n", 1);
	return !listing->ret;
}

/**
 * vht_tracefs_list - list the directories in a directory of tracefs
 *
 * @path: below tracefs
 *
 * Return: their names, a line each, for kvfree(); or an ERR_PTR.
 */
char *vht_tracefs_list(const char *path)
{
	struct vht_listing listing = { .dir.actor = vht_list_entry };
	struct file *file = file_open_root_mnt(vht_tracefs, path, O_RDONLY | O_DIRECTORY, 0);
	int ret;

	if (IS_ERR(file))
		return ERR_CAST(file);
	listing.ret = vht_text_append(&listing.out, "", 0);
	ret = listing.ret ? 0 : iterate_dir(file, &listing.dir);
	filp_close(file, NULL);
	if (listing.ret || ret < 0) {
		kvfree(listing.out.text);
		return ERR_PTR(listing.ret ? listing.ret : ret);
	}
	return listing.out.text;
}

/**
 * vht_sysfs_read - read a file of sysfs
 *
 * @path: below /sys
 * @buf: gets it, or its beginning
 * @size: of that, bytes
 *
 * Context: process.
 *
 * Return: bytes read, or a negative error number.
 */
int vht_sysfs_read(const char *path, void *buf, size_t size)
{
	struct file *file = file_open_root_mnt(vht_sysfs, path, O_RDONLY, 0);
	loff_t position = 0;
	int ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = kernel_read(file, buf, size, &position);
	filp_close(file, NULL);
	return ret;
}

/**
 * vht_module_is_loaded - is there such a module?
 *
 * @name: of the module, as sysfs has it
 *
 * Context: process.
 *
 * Return: true if it is loaded, or about to be.
 */
bool vht_module_is_loaded(const char *name)
{
	char path[32 + MODULE_NAME_LEN];
	char count[16];

	snprintf(path, sizeof(path), "module/%s/refcnt", name);
	return vht_sysfs_read(path, count, sizeof(count)) > 0;
}
EXPORT_SYMBOL_GPL(vht_module_is_loaded);

/**
 * vht_find_note - find one of many ELF notes
 *
 * @notes: the notes, aligned as they are; not trusted
 * @len: of them, bytes
 * @name: of the one that is wanted
 * @type: of the one that is wanted
 * @size: gets the bytes of its content
 *
 * Return: the content, inside @notes, or NULL.
 */
const u8 *vht_find_note(const u8 *notes, size_t len, const char *name, u32 type, size_t *size)
{
	const size_t name_size = strlen(name) + 1;
	size_t position = 0;

	while (len - position >= sizeof(struct elf64_note)) {
		const struct elf64_note *note = (const void *)(notes + position);
		size_t name_at = position + sizeof(*note), content;

		if (note->n_namesz > len - name_at)
			return NULL;
		content = name_at + ALIGN((size_t)note->n_namesz, 4);
		if (content > len || note->n_descsz > len - content)
			return NULL;
		if (note->n_type == type && note->n_namesz == name_size &&
		    !memcmp(notes + name_at, name, name_size)) {
			*size = note->n_descsz;
			return notes + content;
		}
		position = content + ALIGN((size_t)note->n_descsz, 4);
		if (position > len)
			return NULL;
	}
	return NULL;
}

/**
 * vht_next_line - take the first line off a text
 *
 * @text: what is left of it; moved
 *
 * Return: the line, or NULL at the end. Its newline has become a NUL.
 */
char *vht_next_line(char **text)
{
	char *line = strsep(text, "\n");

	return line && *line ? line : NULL;
}

/**
 * vht_list_next - go on to the next line of a list
 *
 * @list: the list; its position, before the end, moves behind the line
 *
 * Return: length of the line that began at the position.
 */
size_t vht_list_next(struct vht_list *list)
{
	const char *line = list->text + list->position;
	const char *end = memchr(line, '\n', list->len - list->position);
	size_t len = end ? end - line : list->len - list->position;

	list->position += len + (end ? 1 : 0);
	return len;
}

static unsigned int vht_names_hash(const struct vht_names *names, const char *name, size_t len)
{
	return full_name_hash(NULL, name, len) % (BITS_PER_BYTE * sizeof(names->hashes));
}

/**
 * vht_names_init - make a list of names
 *
 * @names: gets them
 * @text: a name a line; stays where it is
 * @len: of it, bytes
 */
void vht_names_init(struct vht_names *names, const char *text, size_t len)
{
	memset(names, 0, sizeof(*names));
	names->list.text = text;
	names->list.len = len;
	while (names->list.position < len) {
		const char *line = text + names->list.position;
		size_t line_len = vht_list_next(&names->list);

		__set_bit(vht_names_hash(names, line, line_len), names->hashes);
	}
	names->list.position = 0;
}

/**
 * vht_names_have - is a name in a list?
 *
 * @names: the list
 * @wanted: the name
 * @wanted_len: of it, bytes
 *
 * Quick for most names that are not in it, and, if it is asked for names in about the order
 * that it has itself, for those that are: each search begins where the last one found
 * something.
 *
 * Return: true if it is.
 */
bool vht_names_have(struct vht_names *names, const char *wanted, size_t wanted_len)
{
	struct vht_list *list = &names->list;
	size_t begin = list->position;
	bool wrapped = false;

	if (!test_bit(vht_names_hash(names, wanted, wanted_len), names->hashes))
		return false;
	for (;;) {
		const char *line;

		if (list->position >= list->len) {
			if (wrapped)
				break;
			wrapped = true;
			list->position = 0;
		}
		if (wrapped && list->position >= begin)
			break;
		line = list->text + list->position;
		if (vht_list_next(list) == wanted_len && !memcmp(line, wanted, wanted_len))
			return true;
	}
	list->position = begin;
	return false;
}
