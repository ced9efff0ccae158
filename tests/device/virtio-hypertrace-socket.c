// SPDX-License-Identifier: GPL-2.0-only
/* The control socket, with good recorders and bad ones. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include "virtio-hypertrace-vm.h"

/* Attach, be the only one, detach [C3][C4]. */
static void test_attach(void)
{
    Vm *vm = vm_start("-name attach-me");
    int first = socket_connect(vm), second = socket_connect(vm), region;
    char payload[VHT_MESSAGE_MAX_SIZE];
    struct vht_message m;
    struct stat st;
    uint8_t *map;
    VmRecord r;

    socket_send(first, VHT_MSG_ATTACH, 99, VHT_VERSION, "");
    socket_receive(first, &m, payload, &region);
    g_assert_cmpint(m.type, ==, VHT_MSG_WELCOME);
    g_assert_cmpint(m.cookie, ==, 99);
    g_assert_cmpint(m.arg, ==, 0);
    g_assert_cmpstr(payload, ==, "attach-me");
    /* the region, to read and to write */
    g_assert_cmpint(fstat(region, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, VM_SIZE);
    map = mmap(NULL, VM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
    g_assert(map != MAP_FAILED);
    close(region);
    map[vm->header->consumer_offset + 64] = 0x17;
    g_assert_cmphex(vm->region[vm->header->consumer_offset + 64], ==, 0x17);
    munmap(map, VM_SIZE);

    vm_wait_event(vm, VHT_VMM_READER_ATTACHED, &r);
    g_assert_cmpint(r.event.arg, ==, getpid());
    g_assert_cmpint(vm->header->reader, ==, VHT_READER_ATTACHED);
    g_assert_cmpint(vm->header->reader_pid, ==, getpid());

    socket_send(second, VHT_MSG_ATTACH, 100, VHT_VERSION, "");
    socket_receive(second, &m, NULL, NULL);
    g_assert_cmpint(m.type, ==, VHT_MSG_REFUSED);
    g_assert_cmpint(m.cookie, ==, 100);
    g_assert_cmpint(m.arg & UINT32_MAX, ==, VHT_EBUSY);
    g_assert_cmpint(m.arg >> 32, ==, getpid());
    /* only the reader may ask */
    socket_send(second, VHT_MSG_FLUSH, 101, 0, "");
    socket_receive(second, &m, NULL, NULL);
    g_assert_cmpint(m.type, ==, VHT_MSG_REPLY);
    g_assert_cmpint(m.arg, ==, VHT_EINVAL);

    close(first);
    vm_wait_event(vm, VHT_VMM_READER_DETACHED, &r);
    g_assert_cmpint(r.event.arg, ==, getpid());
    g_assert_cmpint(vm->header->reader, ==, VHT_READER_NONE);
    g_assert_cmpint(vm->header->reader_pid, ==, 0);
    /* now the second can */
    socket_send(second, VHT_MSG_ATTACH, 102, VHT_VERSION, "");
    socket_receive(second, &m, NULL, &region);
    g_assert_cmpint(m.type, ==, VHT_MSG_WELCOME);
    close(region);
    close(second);
    vm_end(vm);
}

/* A reader of another version is told so, and is no reader. */
static void test_version(void)
{
    Vm *vm = vm_start(" ");
    int fd = socket_connect(vm);
    struct vht_message m;

    socket_send(fd, VHT_MSG_ATTACH, 1, VHT_VERSION + 1, "");
    socket_receive(fd, &m, NULL, NULL);
    g_assert_cmpint(m.type, ==, VHT_MSG_REFUSED);
    g_assert_cmpint(m.arg, ==, VHT_EPROTO);
    g_assert_cmpint(vm->header->reader, ==, VHT_READER_NONE);
    close(fd);
    vm_end(vm);
}

/* Garbage is ignored, and its sender can still do right [C1]. */
static void test_garbage(void)
{
    static const uint32_t sizes[] = { 1, 8, 23, 25, 4095, 4096, 4097, 60000 };
    Vm *vm = vm_start(" ");
    int fd = socket_connect(vm), region, i;
    g_autofree uint8_t *buf = g_malloc(60000);
    struct vht_message m = { .type = VHT_MSG_ATTACH, .size = 24, .arg = 1 };

    memset(buf, 0xa5, 60000);
    for (i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_assert_cmpint(send(fd, buf, sizes[i], 0), ==, sizes[i]);
    }
    /* a good header of a message with another size */
    memcpy(buf, &m, sizeof(m));
    for (i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_assert_cmpint(send(fd, buf, sizes[i], 0), ==, sizes[i]);
    }
    m.type = 0x77;
    g_assert_cmpint(send(fd, &m, sizeof(m), 0), ==, sizeof(m));
    vm_alive(vm);
    g_assert_cmpint(vm->header->reader, ==, VHT_READER_NONE);
    socket_send(fd, VHT_MSG_ATTACH, 5, VHT_VERSION, "");
    socket_receive(fd, &m, NULL, &region);
    g_assert_cmpint(m.type, ==, VHT_MSG_WELCOME);
    g_assert_cmpint(m.cookie, ==, 5);
    close(region);
    close(fd);
    vm_end(vm);
}

/* A client that asks and never reads is cut off, and holds up nobody. */
static void test_never_reads(void)
{
    Vm *vm = vm_start(" ");
    int reader = socket_attach(vm), bad = socket_connect(vm);
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;
    struct vht_message m = {
        .type = VHT_MSG_ATTACH, .size = sizeof(m), .arg = VHT_VERSION,
    };
    int sent = 0;

    while (send(bad, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ||
           errno == EAGAIN) {
        sent++;
        if (sent % 64 == 0) {
            vm_alive(vm);
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    g_assert(errno == EPIPE || errno == ECONNRESET);
    g_assert_cmpint(vm->header->reader_pid, ==, getpid());
    /* the reader is served */
    socket_send(reader, VHT_MSG_FLUSH, 3, 0, "");
    socket_receive(reader, &m, NULL, NULL);
    g_assert_cmpint(m.cookie, ==, 3);
    close(reader);
    close(bad);
    vm_end(vm);
}

/* Connections without end: those that are too many are closed. */
static void test_many_clients(void)
{
    Vm *vm = vm_start(" ");
    int fd[64], i, region;
    struct vht_message m;

    for (i = 0; i < G_N_ELEMENTS(fd); i++) {
        fd[i] = socket_connect(vm);
    }
    for (i = 16; i < G_N_ELEMENTS(fd); i++) {
        g_assert(socket_is_closed(fd[i]));
    }
    socket_send(fd[15], VHT_MSG_ATTACH, 5, VHT_VERSION, "");
    socket_receive(fd[15], &m, NULL, &region);
    g_assert_cmpint(m.type, ==, VHT_MSG_WELCOME);
    close(region);
    for (i = 0; i < G_N_ELEMENTS(fd); i++) {
        close(fd[i]);
    }
    vm_alive(vm);
    i = socket_attach(vm);
    close(i);
    vm_end(vm);
}

/* Only the VM's user gets in. */
static void test_modes(void)
{
    Vm *vm = vm_start(" ");
    g_autofree char *control = g_build_filename(vm->dir, "control", NULL);
    g_autofree char *region = g_build_filename(vm->dir, "region", NULL);
    struct stat st;

    g_assert_cmpint(stat(vm->dir, &st), ==, 0);
    g_assert_cmphex(st.st_mode & 07777, ==, 0700);
    g_assert_cmpint(stat(control, &st), ==, 0);
    g_assert(S_ISSOCK(st.st_mode));
    g_assert_cmphex(st.st_mode & 07777, ==, 0600);
    g_assert_cmpint(stat(region, &st), ==, 0);
    g_assert_cmphex(st.st_mode & 07777, ==, 0600);
    vm_end(vm);
}

void add_socket_tests(void)
{
    qtest_add_func("/hypertrace/socket/attach[C3][C4]", test_attach);
    qtest_add_func("/hypertrace/socket/version", test_version);
    qtest_add_func("/hypertrace/socket/garbage[C1]", test_garbage);
    qtest_add_func("/hypertrace/socket/never-reads", test_never_reads);
    qtest_add_func("/hypertrace/socket/many-clients", test_many_clients);
    qtest_add_func("/hypertrace/socket/modes", test_modes);
}
