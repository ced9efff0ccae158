// SPDX-License-Identifier: GPL-2.0-only
/* Names, directories, sizes and memory backends: what people write. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/wait.h>
#include <glib/gstdio.h>
#include "qobject/qdict.h"
#include "standard-headers/linux/pci_regs.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)

/* Each of these cannot be, and the message says why and what would do. */
static void test_bad_properties(void)
{
    static const struct {
        const char *args;       /* %s: a directory that does not exist yet */
        const char *says;
    } bad[] = {
        { "-device virtio-hypertrace,dir=%s,size=3M", "multiple of 2 MiB" },
        { "-device virtio-hypertrace,dir=%s,size=5M", "multiple of 2 MiB" },
        { "-device virtio-hypertrace,dir=%s,size=2M", "from 4 MiB" },
        { "-device virtio-hypertrace,dir=%s,size=0", "from 4 MiB" },
        { "-device virtio-hypertrace,dir=%s,size=65G", "64 GiB" },
        { "-device virtio-hypertrace,dir=%s,size=banana", "size" },
        { "-device virtio-hypertrace,dir=%s,name=a/b", "a/b" },
        { "-device virtio-hypertrace,dir=%s,name=..", "no dot" },
        { "-device virtio-hypertrace,dir=%s,name=", "1 to 63" },
        { "-device virtio-hypertrace,dir=%s,name="
          "0123456789012345678901234567890123456789012345678901234567890123",
          "1 to 63" },
        { "-device virtio-hypertrace,dir=%s,nonsense=1", "nonsense" },
        { "-device virtio-hypertrace,dir=%s,bar-size=15E", "too large" },
        { "-device virtio-hypertrace,dir=%s/not/there", "cannot make" },
        { "-device virtio-hypertrace,dir=%s,memdev=nope", "nope" },
        { "-object memory-backend-ram,id=m,size=4M,share=off "
          "-device virtio-hypertrace,dir=%s,memdev=m", "share=on" },
        { "-object memory-backend-memfd,id=m,size=4M,share=off "
          "-device virtio-hypertrace,dir=%s,memdev=m", "share=on" },
        { "-object memory-backend-memfd,id=m,size=3M,share=on "
          "-device virtio-hypertrace,dir=%s,memdev=m", "multiple of 2 MiB" },
        { "-object memory-backend-memfd,id=m,size=8M,share=on "
          "-device virtio-hypertrace,dir=%s,memdev=m "
          "-device virtio-hypertrace,dir=%s2,memdev=m", "in use" },
        { "-device virtio-hypertrace,dir=%s -device virtio-hypertrace,dir=%s",
          "in use by another device" },
    };
    int i;

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *tmp = vm_tmp_dir();
        g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
        g_auto(GStrv) parts = g_strsplit(bad[i].args, "%s", -1);
        g_autofree char *args = g_strjoinv(dir, parts);
        g_autofree char *err = vm_run_to_error("%s", args);

        if (!strstr(err, bad[i].says)) {
            g_error("%s: expected '%s' in: %s", args, bad[i].says, err);
        }
        /* nothing is left behind */
        g_assert(!g_file_test(dir, G_FILE_TEST_EXISTS));
        vm_remove_tree(tmp);
    }
}

/* Not into a directory that others can enter, and not into a file. */
static void test_bad_directory(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *open_dir = g_build_filename(tmp, "open", NULL);
    g_autofree char *file = g_build_filename(tmp, "file", NULL);
    g_autofree char *err1 = NULL;
    g_autofree char *err2 = NULL;
    g_autofree char *err3 = NULL;
    struct stat st;

    g_assert_cmpint(mkdir(open_dir, 0755), ==, 0);
    err1 = vm_run_to_error("-device virtio-hypertrace,dir=%s", open_dir);
    g_assert_nonnull(strstr(err1, "mode 0700"));
    g_assert_cmpint(stat(open_dir, &st), ==, 0);
    g_assert_cmphex(st.st_mode & 0777, ==, 0755);

    g_assert(g_file_set_contents(file, "mine", -1, NULL));
    err2 = vm_run_to_error("-device virtio-hypertrace,dir=%s", file);
    g_assert_nonnull(strstr(err2, "Not a directory"));

    err3 = vm_run_to_error("-device virtio-hypertrace,dir=%s/%s", tmp,
                           "a-name-that-is-so-long-that-the-path-of-the-socket-"
                           "in-it-is-longer-than-what-fits-the-address-of-a-"
                           "socket");
    g_assert_nonnull(strstr(err3, "too long"));
    vm_remove_tree(tmp);
}

/* A file system with less room than the region is found out at once. */
static void test_no_room(void)
{
    g_autofree char *err = NULL;
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *args = NULL;
    g_autofree char *cmd = NULL;
    int status;

    /* a tmpfs of 6 MiB that only this QEMU sees */
    cmd = g_strdup_printf("timeout 20 unshare -rm sh -c \"mount -t tmpfs -o "
                          "size=6M none %s && exec %s -machine pc -accel qtest "
                          "-nodefaults -display none -S -device "
                          "virtio-hypertrace,size=8M,dir=%s/vm\"", tmp,
                          getenv("QTEST_QEMU_BINARY"), tmp);
    g_assert(g_spawn_command_line_sync(cmd, NULL, &err, &status, NULL));
    if (strstr(err, "unshare")) {
        g_test_skip("no name spaces on this machine");
    } else {
        g_assert_cmpint(WEXITSTATUS(status), ==, 1);
        g_assert_nonnull(strstr(err, "no room"));
    }
    vm_remove_tree(tmp);
}

/* The directory's name: the property, else the VM's name, UUID, pid. */
static void test_names(void)
{
    static const struct {
        const char *args;
        const char *device;
        const char *dir;        /* NULL: the pid */
    } name[] = {
        { "-name vm-name -uuid 00112233-4455-6677-8899-aabbccddeeff",
          "virtio-hypertrace,name=prop", "prop" },
        { "-name vm-name -uuid 00112233-4455-6677-8899-aabbccddeeff",
          "virtio-hypertrace", "vm-name" },
        { "-name ../a/b", "virtio-hypertrace", "_._a_b" },
        { "-uuid 00112233-4455-6677-8899-aabbccddeeff",
          "virtio-hypertrace", "00112233-4455-6677-8899-aabbccddeeff" },
        { "", "virtio-hypertrace-pci", NULL },
    };
    g_autofree char *tmp = NULL;
    const char *parent;
    int i;

    if (geteuid() == 0) {
        parent = "/run/hypertrace";
    } else if (getenv("XDG_RUNTIME_DIR")) {
        tmp = g_build_filename(getenv("XDG_RUNTIME_DIR"), "hypertrace", NULL);
        parent = tmp;
    } else {
        g_test_skip("no runtime directory: XDG_RUNTIME_DIR is not set");
        return;
    }
    for (i = 0; i < G_N_ELEMENTS(name); i++) {
        /* not in the way of VMs that are really there */
        QTestState *qts = qtest_initf("-nodefaults %s -device %s,size=4M",
                                      name[i].args, name[i].device);
        g_autofree char *pid = g_strdup_printf("%d", qtest_pid(qts));
        g_autofree char *dir = g_build_filename(parent, name[i].dir ?: pid,
                                                NULL);
        g_autofree char *pidfile = g_build_filename(dir, "pid", NULL);
        g_autofree char *text = NULL;

        g_assert(g_file_get_contents(pidfile, &text, NULL, NULL));
        g_assert_cmpstr(g_strstrip(text), ==, pid);
        qtest_quit(qts);
        vm_remove_tree(dir);
    }
}

/* A second VM of the same name is refused, with the first one's pid. */
static void test_same_name(void)
{
    Vm *vm = vm_start(" ");
    g_autofree char *pid = g_strdup_printf("pid=%d", qtest_pid(vm->qts));
    g_autofree char *err = vm_run_to_error("-device virtio-hypertrace,dir=%s",
                                           vm->dir);
    int reader;

    g_assert_nonnull(strstr(err, "in use"));
    g_assert_nonnull(strstr(err, pid));
    /* and did the first no harm */
    reader = socket_attach(vm);
    close(reader);
    vm_end(vm);
}

/* What a killed QEMU left is taken over, its trace kept [R7]. */
static void test_take_over(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
    g_autofree char *old = g_build_filename(dir, "region.old", NULL);
    g_autofree char *now = g_build_filename(dir, "region", NULL);
    g_autofree char *cmd = g_strdup_printf(
        "%s -machine pc -accel qtest -nodefaults -display none -S -device "
        "virtio-hypertrace,size=4M,dir=%s", getenv("QTEST_QEMU_BINARY"), dir);
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;
    g_auto(GStrv) argv = NULL;
    g_autofree char *data = NULL;
    struct vht_host_header *h;
    struct vht_message m;
    int status, fd = -1;
    gsize size;
    GPid pid;
    Vm *vm;

    /* not by libqtest, which does not expect QEMU to be killed */
    g_assert(g_shell_parse_argv(cmd, NULL, &argv, NULL));
    g_assert(g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                           NULL, &pid, NULL));
    while (fd < 0) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        fd = socket_try_connect(dir);
    }
    /* it has come so far that it answers */
    socket_send(fd, VHT_MSG_ATTACH, 1, VHT_VERSION + 1, "");
    socket_receive(fd, &m, NULL, NULL);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert(WIFSIGNALED(status));
    close(fd);

    vm = vm_start_in(g_strdup(tmp), " ");
    g_assert_cmpint(vm->header->pid, !=, pid);
    g_assert(g_file_get_contents(old, &data, &size, NULL));
    g_assert_cmpint(size, ==, VM_SIZE);
    h = (void *)data;
    g_assert_cmphex(h->magic, ==, VHT_HOST_MAGIC);
    g_assert_cmpint(h->pid, ==, pid);
    g_assert_cmpint(h->alive, ==, 1);   /* it could not say */
    g_assert(g_file_test(now, G_FILE_TEST_IS_REGULAR));
    vm_end(vm);
}

/* Files of somebody else in the directory stay. */
static void test_foreign_files(void)
{
    Vm *vm = vm_start(" ");
    g_autofree char *note = g_build_filename(vm->dir, "note", NULL);
    int reader = socket_attach(vm);

    g_assert(g_file_set_contents(note, "mine", -1, NULL));
    vm_quit(vm);
    g_assert(g_file_test(note, G_FILE_TEST_EXISTS));
    close(reader);
    vm_end(vm);
}

static void check_backend(const char *object, const char *file, uint64_t offset)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *path = g_build_filename(tmp, "memory", NULL);
    g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
    g_autofree char *link = g_build_filename(dir, "region", NULL);
    g_autofree uint8_t *old = g_malloc(offset + VM_SIZE);
    struct vht_message m;
    uint8_t *map;
    int fd, region;
    Vm *vm;

    memset(old, 0xee, offset + VM_SIZE);
    if (file) {
        g_assert(g_file_set_contents(path, (char *)old, offset + VM_SIZE,
                                     NULL));
    }
    vm = vm_start_in(g_strdup(tmp), "-object %s%s%s,share=on,size=4M,id=m "
                     "-device virtio-hypertrace,memdev=m,dir=%s", object,
                     file ?: "", file ? path : "", dir);
    fd = socket_connect(vm);
    socket_send(fd, VHT_MSG_ATTACH, 1, VHT_VERSION, "");
    socket_receive(fd, &m, NULL, &region);
    g_assert_cmpint(m.type, ==, VHT_MSG_WELCOME);
    /* where in the file it begins */
    g_assert_cmpint(m.arg, ==, offset);
    map = mmap(NULL, VM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, region,
               m.arg);
    g_assert(map != MAP_FAILED);
    close(region);
    if (vm->region) {
        munmap(vm->region, vm->size);
    }
    vm->region = map;
    vm->size = VM_SIZE;
    vm->header = (void *)map;
    g_assert_cmphex(vm->header->magic, ==, VHT_HOST_MAGIC);
    g_assert_cmpint(vm->header->region_size, ==, VM_SIZE);
    /* the tables of an earlier life are gone */
    g_assert_cmphex(*(uint64_t *)(map + vm->header->guest_offset), ==, 0);

    /* the same memory in the guest: host pages and guest part */
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    g_assert_cmpint(vm->dev.shm_length, ==, VM_SIZE);
    g_assert_cmphex(qtest_readq(vm->qts, VM_BAR_REGION), ==, VHT_HOST_MAGIC);
    qtest_writeq(vm->qts, VM_BAR_REGION, 0x17);
    g_assert_cmphex(vm->header->magic, ==, VHT_HOST_MAGIC);
    qtest_writeq(vm->qts, VM_BAR_REGION + vm->header->guest_offset + 64, 0x17);
    g_assert_cmphex(*(uint64_t *)(map + vm->header->guest_offset + 64), ==,
                    0x17);
    /* not a byte in front of it */
    if (file) {
        g_autofree char *data = NULL;

        g_assert(g_file_get_contents(path, &data, NULL, NULL));
        g_assert_cmpmem(data, offset, old, offset);
        g_assert(g_file_test(link, G_FILE_TEST_IS_SYMLINK) == !offset);
    }
    close(fd);
    vm_end(vm);
}

static void test_backend_file(void)
{
    check_backend("memory-backend-file", ",mem-path=", 0);
}

static void test_backend_offset(void)
{
    check_backend("memory-backend-file,offset=2M", ",mem-path=", 0x200000);
}

/* It has no name, but a file descriptor all the same. */
static void test_backend_ram(void)
{
    check_backend("memory-backend-ram", NULL, 0);
}

static void test_backend_memfd(void)
{
    check_backend("memory-backend-memfd", NULL, 0);
}

/* Plugged in and out of a running VM: a life of its own. */
static void test_hotplug(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *dir = g_build_filename(tmp, "plugged", NULL);
    Vm *vm = vm_start_in(g_strdup(tmp), " ");
    QDict *rsp;
    VmRecord r;
    int i;

    g_free(vm->dir);
    vm->dir = g_strdup(dir);
    for (i = 0; i < 3; i++) {
        qtest_qmp_device_add(vm->qts, "virtio-hypertrace", "plug",
                             "{ 'dir': %s, 'size': 4194304, 'addr': '0x9' }",
                             dir);
        if (vm->region) {
            munmap(vm->region, vm->size);
        }
        vm_map(vm);
        g_assert_cmphex(vm->header->magic, ==, VHT_HOST_MAGIC);
        /* the machine was ready before it came [D8] */
        g_assert(vm_next(vm, &r));
        g_assert_cmpint(r.event.type, ==, VHT_VMM_PROCESS);
        g_assert(vm_next(vm, &r));
        g_assert_cmpint(r.event.type, ==, VHT_VMM_CREATED);
        do {
            g_assert(vm_next(vm, &r));
        } while (r.packet.type != VHT_PACKET_VMM);
        g_assert_cmpint(r.event.type, ==, VHT_VMM_RUNNING);
        /* the region's BAR is placed, and the reset ends a life [D3] */
        pci_write(vm->qts, 9, PCI_BASE_ADDRESS_5, VM_BAR_REGION >> 32);
        pci_write(vm->qts, 9, PCI_COMMAND, PCI_COMMAND_MEMORY);
        qtest_system_reset(vm->qts);
        g_assert_cmpint(vm->header->epoch, ==, 2);

        /* the guest ejects slot 9 */
        qtest_qmp_device_del_send(vm->qts, "plug");
        qtest_outl(vm->qts, 0xae08, 1 << 9);
        rsp = qtest_qmp_eventwait_ref(vm->qts, "DEVICE_DELETED");
        qobject_unref(rsp);
        vm_wait_event(vm, VHT_VMM_ENDED, &r);
        g_assert_cmpint(vm->header->alive, ==, 0);
        vm_alive(vm);
    }
    vm_end(vm);
}

void add_place_tests(void)
{
    qtest_add_func("/hypertrace/place/bad-properties", test_bad_properties);
    qtest_add_func("/hypertrace/place/bad-directory", test_bad_directory);
    qtest_add_func("/hypertrace/place/no-room", test_no_room);
    qtest_add_func("/hypertrace/place/names", test_names);
    qtest_add_func("/hypertrace/place/same-name", test_same_name);
    qtest_add_func("/hypertrace/place/take-over[R7]", test_take_over);
    qtest_add_func("/hypertrace/place/foreign-files", test_foreign_files);
    qtest_add_func("/hypertrace/place/backend-file", test_backend_file);
    qtest_add_func("/hypertrace/place/backend-offset", test_backend_offset);
    qtest_add_func("/hypertrace/place/backend-ram", test_backend_ram);
    qtest_add_func("/hypertrace/place/backend-memfd", test_backend_memfd);
    qtest_add_func("/hypertrace/place/hotplug", test_hotplug);
}
