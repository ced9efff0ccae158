// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runtime directory of a VM: where recorders look for it.
 *
 * It belongs to the QEMU that holds the lock on it. The kernel drops the lock
 * when that process ends in whatever way, so a directory without one is what a
 * dead QEMU left behind, and is taken over; its region is kept as region.old.
 */
#include "qemu/osdep.h"
#include <sys/file.h>
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/uuid.h"
#include "system/system.h"
#include "virtio-hypertrace.h"
#include "trace.h"

/* A name that can be a directory's and fits the region's header. */
static bool name_is_usable(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/') &&
           strlen(name) < sizeof_field(struct vht_host_header, name) &&
           g_utf8_validate(name, -1, NULL);
}

/* The VM's own name says what we must call it: only change what cannot be. */
static char *usable_name(const char *vm_name)
{
    size_t max = sizeof_field(struct vht_host_header, name) - 1;
    g_autofree char *name = g_utf8_make_valid(vm_name, -1);
    const char *end;

    g_strdelimit(name, "/", '_');
    if (*name == '.') {
        *name = '_';
    }
    if (strlen(name) > max) {
        /* Not within a character. */
        end = g_utf8_find_prev_char(name, name + max + 1);
        name[end - name] = '\0';
    }
    return g_steal_pointer(&name);
}

static char *vm_name(const char *property, Error **errp)
{
    char uuid[UUID_STR_LEN];

    if (property) {
        if (!name_is_usable(property)) {
            error_setg(errp, "'%s' cannot be the name of a trace port",
                       property);
            error_append_hint(errp, "It becomes a directory's name: 1 to 63 "
                              "bytes of UTF-8, no slash, no dot in front.\n");
            return NULL;
        }
        return g_strdup(property);
    }
    if (qemu_get_vm_name() && *qemu_get_vm_name()) {
        return usable_name(qemu_get_vm_name());
    }
    if (qemu_uuid_set) {
        qemu_uuid_unparse(&qemu_uuid, uuid);
        return g_strdup(uuid);
    }
    return g_strdup_printf("%d", getpid());
}

/* Where the directories of all VMs of this user are, made if need be. */
static char *default_parent(Error **errp)
{
    const char *base = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");
    g_autofree char *path = NULL;

    if (!base || !*base) {
        error_setg(errp, "no runtime directory: XDG_RUNTIME_DIR is not set");
        error_append_hint(errp, "Give one with dir=PATH.\n");
        return NULL;
    }
    path = g_build_filename(base, "hypertrace", NULL);
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        error_setg_errno(errp, errno, "cannot make directory '%s'", path);
        error_append_hint(errp, "Give another one with dir=PATH.\n");
        return NULL;
    }
    return g_steal_pointer(&path);
}

/* pid of the QEMU that lives here, as it wrote it; 0 if unknown */
static long owner_pid(int dirfd)
{
    int fd = openat(dirfd, "pid", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[32] = "";
    const char *end;
    long pid;

    if (fd < 0) {
        return 0;
    }
    if (read(fd, text, sizeof(text) - 1) < 0 ||
        qemu_strtol(text, &end, 10, &pid) < 0) {
        pid = 0;
    }
    close(fd);
    return pid;
}

static bool write_pid(int dirfd)
{
    g_autofree char *text = g_strdup_printf("%d\n", getpid());
    int fd = openat(dirfd, "pid", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
                    O_NOFOLLOW, 0600);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return ok;
}

static bool take_over(VirtIOHypertraceDir *dir, Error **errp)
{
    struct stat st;

    if (fstat(dir->fd, &st) < 0) {
        error_setg_errno(errp, errno, "cannot stat '%s'", dir->path);
        return false;
    }
    if (st.st_uid != geteuid() || (st.st_mode & 077)) {
        error_setg(errp, "'%s' is open to other users: uid=%d mode=%03o",
                   dir->path, (int)st.st_uid, (int)st.st_mode & 0777);
        error_append_hint(errp, "A guest's trace will lie there: the directory "
                          "must be yours, with mode 0700.\n");
        return false;
    }
    if (flock(dir->fd, LOCK_EX | LOCK_NB) < 0) {
        error_setg(errp, "'%s' is in use by another device: pid=%ld",
                   dir->path, owner_pid(dir->fd));
        error_append_hint(errp, "Give this one another name=NAME or dir=PATH.\n");
        return false;
    }
    if (renameat(dir->fd, "region", dir->fd, "region.old") == 0) {
        trace_virtio_hypertrace_dir_take_over(dir->path);
    } else if (errno != ENOENT) {
        error_setg_errno(errp, errno, "cannot rename '%s/region'", dir->path);
        return false;
    }
    if (unlinkat(dir->fd, "control", 0) < 0 && errno != ENOENT) {
        error_setg_errno(errp, errno, "cannot remove '%s/control'", dir->path);
        return false;
    }
    if (!write_pid(dir->fd)) {
        error_setg_errno(errp, errno, "cannot write '%s/pid'", dir->path);
        return false;
    }
    return true;
}

/**
 * virtio_hypertrace_dir_open: make the VM's directory, or take over a dead one
 * @dir: what to fill
 * @name: the name property, or NULL
 * @path: the dir property, or NULL
 * @errp: says what is wrong, for the person who wrote the command line
 *
 * Return: whether @dir is ours now.
 */
bool virtio_hypertrace_dir_open(VirtIOHypertraceDir *dir, const char *name,
                                const char *path, Error **errp)
{
    g_autofree char *parent = NULL;

    dir->fd = -1;
    dir->name = vm_name(name, errp);
    if (!dir->name) {
        return false;
    }
    if (path) {
        dir->path = g_strdup(path);
    } else {
        parent = default_parent(errp);
        if (!parent) {
            goto fail;
        }
        dir->path = g_build_filename(parent, dir->name, NULL);
    }
    if (mkdir(dir->path, 0700) < 0 && errno != EEXIST) {
        error_setg_errno(errp, errno, "cannot make directory '%s'", dir->path);
        goto fail;
    }
    dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->fd < 0) {
        error_setg_errno(errp, errno, "cannot open directory '%s'", dir->path);
        goto fail;
    }
    if (take_over(dir, errp)) {
        return true;
    }

fail:
    if (dir->fd >= 0) {
        close(dir->fd);
        dir->fd = -1;
    }
    g_clear_pointer(&dir->name, g_free);
    g_clear_pointer(&dir->path, g_free);
    return false;
}

/**
 * virtio_hypertrace_dir_close: leave the directory
 * @dir: the directory
 * @keep: let the region stay, for who wants to read it later
 *
 * The directory itself stays if there is anything left in it that is not ours.
 */
void virtio_hypertrace_dir_close(VirtIOHypertraceDir *dir, bool keep)
{
    if (dir->fd < 0) {
        return;
    }
    unlinkat(dir->fd, "control", 0);
    unlinkat(dir->fd, "pid", 0);
    if (!keep) {
        unlinkat(dir->fd, "region", 0);
    }
    /* Fails as it should where the region stays. */
    rmdir(dir->path);
    close(dir->fd);
    dir->fd = -1;
    g_clear_pointer(&dir->name, g_free);
    g_clear_pointer(&dir->path, g_free);
}
