// SPDX-License-Identifier: GPL-2.0-only
/* The virtqueues, with a good driver and with the worst. */
#include "qemu/osdep.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"
#include "standard-headers/linux/virtio_ring.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)
#define COMMON(field)   offsetof(struct virtio_pci_common_cfg, field)
#define CONTROL         VIRTIO_HYPERTRACE_VQ_CONTROL
#define EVENT           VIRTIO_HYPERTRACE_VQ_EVENT

static Vm *start_with_driver(void)
{
    Vm *vm = vm_start(" ");

    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    virtio_start(&vm->dev);
    return vm;
}

/* The driver's coming and going is written down [D4]. */
static void test_up_gone(void)
{
    Vm *vm = start_with_driver();
    VmRecord r;

    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 3, "6.12.1\ndeb");
    vm_wait_event(vm, VHT_VMM_DRIVER_UP, &r);
    g_assert_cmpint(r.event.arg, ==, 3);
    g_assert_cmpstr((char *)r.event.text, ==, "6.12.1?deb");
    driver_send(vm, VHT_MSG_DRIVER_GONE, 0, 3, "");
    vm_wait_event(vm, VHT_VMM_DRIVER_GONE, &r);
    g_assert_cmpint(r.event.arg, ==, 3);
    g_assert_cmpstr((char *)r.event.text, ==, "unbound");

    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 4, "6.12");
    vm_wait_event(vm, VHT_VMM_DRIVER_UP, &r);
    virtio_reset(&vm->dev);
    vm_wait_event(vm, VHT_VMM_DRIVER_GONE, &r);
    g_assert_cmpint(r.event.arg, ==, 4);
    g_assert_cmpstr((char *)r.event.text, ==, "reset");
    /* a reset of the device alone is no epoch [D3] */
    g_assert_cmpint(vm->header->epoch, ==, 1);
    vm_end(vm);
}

/* Messages that make no sense change nothing [C1]. */
static void test_ignored(void)
{
    static const struct {
        struct vht_message m;
        uint32_t len;
    } bad[] = {
        { { .type = VHT_MSG_DRIVER_UP, .size = 24 }, 23 },
        { { .type = VHT_MSG_DRIVER_UP, .size = 24 }, 25 },
        { { .type = VHT_MSG_DRIVER_UP, .size = 0 }, 24 },
        { { .type = VHT_MSG_DRIVER_UP, .size = UINT32_MAX }, 24 },
        { { .type = VHT_MSG_DRIVER_UP, .size = 4097 }, 4097 },
        { { .type = VHT_MSG_DRIVER_UP, .size = 8 }, 8 },
        { { .type = VHT_MSG_DRIVER_GONE, .size = 24 }, 24 },
        { { .type = VHT_MSG_REPLY, .size = 24, .cookie = 1 }, 24 },
        { { .type = VHT_MSG_REPLY, .size = 24, .cookie = 0 }, 24 },
        { { .type = VHT_MSG_ATTACH, .size = 24, .arg = 1 }, 24 },
        { { .type = VHT_MSG_READER_ATTACHED, .size = 24 }, 24 },
        { { .type = 0, .size = 24 }, 24 },
        { { .type = UINT32_MAX, .size = 24 }, 24 },
    };
    Vm *vm = start_with_driver();
    VmRecord r;
    int i;

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        qtest_memwrite(vm->qts, VM_BUFFERS, &bad[i].m, sizeof(bad[i].m));
        virtio_put(&vm->dev, CONTROL, VM_BUFFERS, bad[i].len, false);
        g_assert_cmpint(virtio_wait(&vm->dev, CONTROL), ==, 0);
    }
    /* a chain with nothing to read */
    virtio_put(&vm->dev, CONTROL, VM_BUFFERS, 4096, true);
    g_assert_cmpint(virtio_wait(&vm->dev, CONTROL), ==, 0);
    g_assert_cmphex(virtio_status(&vm->dev) & VIRTIO_CONFIG_S_NEEDS_RESET, ==,
                    0);
    while (vm_next(vm, &r)) {
        g_assert(r.packet.type != VHT_PACKET_VMM ||
                 (r.event.type != VHT_VMM_DRIVER_UP &&
                  r.event.type != VHT_VMM_DRIVER_GONE));
    }
    /* and the device still works */
    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 9, "6.1");
    vm_wait_event(vm, VHT_VMM_DRIVER_UP, &r);
    g_assert_cmpint(r.event.arg, ==, 9);
    vm_end(vm);
}

/* A driver that comes and goes without end does not fill the vmm stream. */
static void test_event_flood(void)
{
    Vm *vm = start_with_driver();
    int64_t begin = g_get_monotonic_time();
    int i, events = 0;
    VmRecord r;

    for (i = 0; i < 300; i++) {
        driver_send(vm, i % 2 ? VHT_MSG_DRIVER_GONE : VHT_MSG_DRIVER_UP, 0, i,
                    "");
    }
    while (vm_next(vm, &r)) {
        events += r.packet.type == VHT_PACKET_VMM &&
                  (r.event.type == VHT_VMM_DRIVER_UP ||
                   r.event.type == VHT_VMM_DRIVER_GONE);
    }
    g_assert_cmpint(events, >=, 32);
    g_assert_cmpint(events, <=, 34 + (g_get_monotonic_time() - begin) /
                    G_USEC_PER_SEC);
    vm_end(vm);
}

/* SELECT and FLUSH go to the driver and its answers back [C2]. */
static void test_requests(void)
{
    Vm *vm = start_with_driver();
    int reader = socket_attach(vm);
    char payload[VHT_MESSAGE_MAX_SIZE];
    struct vht_message m;
    uint64_t cookie;

    /* no driver */
    socket_send(reader, VHT_MSG_SELECT, 11, 0, "sched:*");
    socket_receive(reader, &m, payload, NULL);
    g_assert_cmpint(m.type, ==, VHT_MSG_REPLY);
    g_assert_cmpint(m.cookie, ==, 11);
    g_assert_cmpint(m.arg, ==, VHT_ENODEV);

    /* a driver that posts its buffers late */
    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 1, "6.12");
    socket_send(reader, VHT_MSG_SELECT, 12, 0, "sched:*,irq:*");
    socket_send(reader, VHT_MSG_FLUSH, 13, 5, "");
    driver_post(vm);
    g_assert(driver_receive(vm, &m, payload));
    g_assert_cmpint(m.type, ==, VHT_MSG_SELECT);
    g_assert_cmpstr(payload, ==, "sched:*,irq:*");
    cookie = m.cookie;
    g_assert_cmpint(cookie, !=, 12);
    driver_post(vm);
    g_assert(driver_receive(vm, &m, payload));
    g_assert_cmpint(m.type, ==, VHT_MSG_FLUSH);
    g_assert_cmpint(m.arg, ==, 5);
    g_assert_cmpint(m.cookie, !=, cookie);

    /* answers in another order; each goes to its question, once */
    driver_send(vm, VHT_MSG_REPLY, m.cookie, 0, "");
    socket_receive(reader, &m, payload, NULL);
    g_assert_cmpint(m.type, ==, VHT_MSG_REPLY);
    g_assert_cmpint(m.cookie, ==, 13);
    g_assert_cmpint(m.arg, ==, 0);
    driver_send(vm, VHT_MSG_REPLY, cookie, VHT_ENOENT, "no event: irq:*");
    socket_receive(reader, &m, payload, NULL);
    g_assert_cmpint(m.cookie, ==, 12);
    g_assert_cmpint(m.arg, ==, VHT_ENOENT);
    g_assert_cmpstr(payload, ==, "no event: irq:*");
    driver_send(vm, VHT_MSG_REPLY, cookie, 0, "again");

    /* the driver goes with a question open */
    socket_send(reader, VHT_MSG_FLUSH, 14, 0, "");
    driver_post(vm);
    g_assert(driver_receive(vm, &m, payload));
    g_assert_cmpint(m.type, ==, VHT_MSG_FLUSH);
    virtio_reset(&vm->dev);
    socket_receive(reader, &m, payload, NULL);
    g_assert_cmpint(m.cookie, ==, 14);
    g_assert_cmpint(m.arg, ==, VHT_ENODEV);

    /* and the reader hears that it is gone, before another may come */
    socket_receive(reader, &m, payload, NULL);
    g_assert_cmpint(m.type, ==, VHT_MSG_DRIVER_GONE);
    g_assert_cmpint(m.arg, ==, 1);
    close(reader);
    vm_end(vm);
}

/* The driver hears of readers; what it misses is told once, in order [C2]. */
static void test_reader_messages(void)
{
    Vm *vm = start_with_driver();
    char payload[VHT_MESSAGE_MAX_SIZE];
    struct vht_message m;
    int i, reader;
    VmRecord r;

    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 1, "6.12");
    for (i = 0; i < 40; i++) {
        reader = socket_attach(vm);
        socket_send(reader, VHT_MSG_SELECT, i, 0, "sched:*");
        close(reader);
        vm_wait_event(vm, VHT_VMM_READER_DETACHED, &r);
    }
    reader = socket_attach(vm);
    driver_post(vm);
    g_assert(driver_receive(vm, &m, payload));
    g_assert_cmpint(m.type, ==, VHT_MSG_READER_DETACHED);
    driver_post(vm);
    g_assert(driver_receive(vm, &m, payload));
    g_assert_cmpint(m.type, ==, VHT_MSG_READER_ATTACHED);
    close(reader);
    driver_post(vm);
    g_assert(driver_receive(vm, &m, payload));
    g_assert_cmpint(m.type, ==, VHT_MSG_READER_DETACHED);
    vm_end(vm);
}

/* More open questions than the device keeps are refused, not kept [C2]. */
static void test_too_many_requests(void)
{
    Vm *vm = start_with_driver();
    int reader = socket_attach(vm);
    struct vht_message m;
    int i, refused = 0;

    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 1, "6.12");
    for (i = 0; i < 100; i++) {
        socket_send(reader, VHT_MSG_FLUSH, 1000 + i, 0, "");
    }
    for (i = 0; i < 84; i++) {
        socket_receive(reader, &m, NULL, NULL);
        refused += m.type == VHT_MSG_REPLY && m.arg == VHT_ENOMEM;
    }
    g_assert_cmpint(refused, ==, 84);
    virtio_reset(&vm->dev);
    for (i = 0; i < 16; i++) {
        socket_receive(reader, &m, NULL, NULL);
        g_assert_cmpint(m.cookie, ==, 1000 + i);
        g_assert_cmpint(m.arg, ==, VHT_ENODEV);
    }
    close(reader);
    vm_end(vm);
}

/* Nor does the device keep more for a driver that answers unseen [C2][D2]. */
static void test_reply_unseen(void)
{
    Vm *vm = start_with_driver();
    int reader = socket_attach(vm);
    char payload[VHT_MESSAGE_MAX_SIZE];
    struct vht_message m;
    int i;

    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 1, "6.12");
    for (i = 0; i < 100; i++) {
        socket_send(reader, VHT_MSG_FLUSH, 1000 + i, 0, "");
    }
    for (i = 16; i < 100; i++) {
        socket_receive(reader, &m, NULL, NULL);
        g_assert_cmpint(m.cookie, ==, 1000 + i);
        g_assert_cmpint(m.arg, ==, VHT_ENOMEM);
    }
    /* the cookies can be guessed; no buffer was posted yet */
    for (i = 1; i <= 100; i++) {
        driver_send(vm, VHT_MSG_REPLY, i, VHT_ENODEV, "");
    }
    for (i = 0; i < 100; i++) {
        socket_send(reader, VHT_MSG_SELECT, 2000 + i, 0, "sched:*");
    }
    for (i = 0; i < 100; i++) {
        socket_receive(reader, &m, NULL, NULL);
        g_assert_cmpint(m.cookie, ==, 2000 + i);
        g_assert_cmpint(m.arg, ==, VHT_ENOMEM);
    }
    /* what it is given it can answer, once */
    for (i = 0; i < 16; i++) {
        driver_post(vm);
        g_assert(driver_receive(vm, &m, payload));
        g_assert_cmpint(m.type, ==, VHT_MSG_FLUSH);
        driver_send(vm, VHT_MSG_REPLY, m.cookie, 0, "");
        socket_receive(reader, &m, NULL, NULL);
        g_assert_cmpint(m.type, ==, VHT_MSG_REPLY);
        g_assert_cmpint(m.cookie, ==, 1000 + i);
        g_assert_cmpint(m.arg, ==, 0);
    }
    /* and nothing else was kept */
    socket_send(reader, VHT_MSG_SELECT, 3000, 0, "irq:*");
    driver_post(vm);
    g_assert(driver_receive(vm, &m, payload));
    g_assert_cmpint(m.type, ==, VHT_MSG_SELECT);
    g_assert_cmpstr(payload, ==, "irq:*");
    close(reader);
    vm_end(vm);
}

/* A buffer too small for a message is the driver's error, not ours [D2]. */
static void test_small_buffer(void)
{
    Vm *vm = start_with_driver();
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;
    int reader;

    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 1, "6.12");
    virtio_put(&vm->dev, EVENT, VM_BUFFERS + 0x10000, 4095, true);
    reader = socket_attach(vm);
    while (!(virtio_status(&vm->dev) & VIRTIO_CONFIG_S_NEEDS_RESET)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    vm_alive(vm);
    /* and after a reset all is well */
    virtio_start(&vm->dev);
    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 2, "6.12");
    close(reader);
    vm_end(vm);
}

/* The hostile driver. */

typedef struct Hostile {
    Vm *vm;
    GRand *rand;
    int client[4];
} Hostile;

static uint64_t random_word(Hostile *h)
{
    static const uint64_t extreme[] = {
        0, 1, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 0x10000,
        0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
        0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff,
    };

    if (g_rand_boolean(h->rand)) {
        return extreme[g_rand_int_range(h->rand, 0, G_N_ELEMENTS(extreme))];
    }
    return (uint64_t)g_rand_int(h->rand) << 32 | g_rand_int(h->rand);
}

static uint64_t random_address(Hostile *h)
{
    VirtioDev *d = &h->vm->dev;
    uint64_t near = g_rand_int(h->rand) % 0x4000;
    uint64_t base[] = {
        0, VM_RING(0), VM_RING(1), VM_BUFFERS, 64 * 1024 * 1024 - 0x1000,
        VM_BAR_REGION, VM_BAR_REGION + h->vm->header->consumer_offset,
        VM_BAR_REGION + h->vm->header->guest_offset - 0x1000,
        VM_BAR_REGION + h->vm->header->guest_offset,
        VM_BAR_REGION + VM_SIZE - 0x1000, VM_BAR_REGION + VM_SIZE,
        d->common, d->notify, d->isr, d->config, VM_BAR_MSIX, 0xfee00000,
        0xa0000, random_word(h),
    };

    return base[g_rand_int_range(h->rand, 0, G_N_ELEMENTS(base))] + near;
}

static void random_descriptors(Hostile *h, int queue)
{
    VirtioDev *d = &h->vm->dev;
    struct vring_desc desc[VM_QUEUE_SIZE];
    int i;

    for (i = 0; i < VM_QUEUE_SIZE; i++) {
        desc[i].addr = random_address(h);
        desc[i].len = g_rand_boolean(h->rand)
                      ? g_rand_int(h->rand) % 8192 : random_word(h);
        desc[i].flags = g_rand_int(h->rand) % 8;
        desc[i].next = g_rand_boolean(h->rand)
                       ? (i + 1) % VM_QUEUE_SIZE : random_word(h);
    }
    qtest_memwrite(h->vm->qts, d->ring[queue], desc, sizeof(desc));
}

static void random_avail(Hostile *h, int queue)
{
    VirtioDev *d = &h->vm->dev;
    uint16_t avail[2 + VM_QUEUE_SIZE];
    int i;

    avail[0] = random_word(h);
    d->avail[queue] += g_rand_int_range(h->rand, 0, 4)
                       ? g_rand_int_range(h->rand, 1, VM_QUEUE_SIZE)
                       : g_rand_int(h->rand);
    avail[1] = d->avail[queue];
    for (i = 0; i < VM_QUEUE_SIZE; i++) {
        avail[2 + i] = g_rand_int_range(h->rand, 0, 16)
                       ? g_rand_int(h->rand) % VM_QUEUE_SIZE : random_word(h);
    }
    qtest_memwrite(h->vm->qts, d->ring[queue] + 0x1000, avail, sizeof(avail));
}

/* A message whose header is right and whose rest is not. */
static void random_message(Hostile *h)
{
    static const uint32_t types[] = {
        VHT_MSG_DRIVER_UP, VHT_MSG_DRIVER_GONE, VHT_MSG_REPLY, VHT_MSG_SELECT,
        VHT_MSG_ATTACH, VHT_MSG_READER_ATTACHED,
    };
    uint8_t buf[VHT_MESSAGE_MAX_SIZE];
    struct vht_message m = {
        .type = types[g_rand_int_range(h->rand, 0, G_N_ELEMENTS(types))],
        .size = g_rand_int_range(h->rand, sizeof(m), sizeof(buf) + 1),
        .cookie = g_rand_int(h->rand) % 256,
        .arg = random_word(h),
    };
    VirtioDev *d = &h->vm->dev;
    size_t i;

    for (i = 0; i < sizeof(buf); i++) {
        buf[i] = g_rand_int(h->rand);
    }
    memcpy(buf, &m, sizeof(m));
    qtest_memwrite(h->vm->qts, VM_BUFFERS, buf, m.size);
    virtio_put(d, CONTROL, VM_BUFFERS, m.size, false);
}

static void random_register(Hostile *h)
{
    VirtioDev *d = &h->vm->dev;
    uint64_t base[] = { d->common, d->common, d->config, d->isr, d->notify,
                        VM_BAR_MSIX };
    uint64_t at = base[g_rand_int_range(h->rand, 0, G_N_ELEMENTS(base))] +
                  g_rand_int(h->rand) % 0x40;

    switch (g_rand_int_range(h->rand, 0, 5)) {
    case 0:
        qtest_writeb(h->vm->qts, at, random_word(h));
        break;
    case 1:
        qtest_writew(h->vm->qts, at, random_word(h));
        break;
    case 2:
        qtest_writel(h->vm->qts, at, random_word(h));
        break;
    case 3:
        qtest_writeq(h->vm->qts, at, random_word(h));
        break;
    default:
        qtest_readq(h->vm->qts, at);
        break;
    }
}

static void random_guest_words(Hostile *h)
{
    uint64_t guest = h->vm->header->guest_offset, at;
    int i;

    for (i = 0; i < 16; i++) {
        at = g_rand_boolean(h->rand)
             ? guest + g_rand_int(h->rand) % 0x400
             : g_rand_int(h->rand) % VM_SIZE;
        qtest_writeq(h->vm->qts, VM_BAR_REGION + (at & ~7ULL), random_word(h));
    }
}

/* A recorder that does what it should not, at the same time. */
static void random_client(Hostile *h)
{
    int *fd = &h->client[g_rand_int_range(h->rand, 0, G_N_ELEMENTS(h->client))];
    uint8_t buf[VHT_MESSAGE_MAX_SIZE + 64];
    struct vht_message m = {
        .type = g_rand_int_range(h->rand, VHT_MSG_SELECT, VHT_MSG_REFUSED + 1),
        .cookie = random_word(h),
        .arg = g_rand_boolean(h->rand) ? VHT_VERSION : random_word(h),
    };
    ssize_t ret;

    if (*fd < 0) {
        *fd = socket_connect(h->vm);
    }
    if (g_rand_int_range(h->rand, 0, 8) == 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    memset(buf, g_rand_int(h->rand), sizeof(buf));
    m.size = g_rand_int_range(h->rand, sizeof(m), sizeof(buf) + 1);
    if (g_rand_int_range(h->rand, 0, 4)) {
        memcpy(buf, &m, sizeof(m));
    }
    /* it may be closed or full: as it pleases the device */
    ret = send(*fd, buf, m.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (ret < 0 && errno != EAGAIN) {
        close(*fd);
        *fd = -1;
    }
}

static void hostile_step(Hostile *h)
{
    VirtioDev *d = &h->vm->dev;
    int queue = g_rand_int_range(h->rand, 0, 2);

    switch (g_rand_int_range(h->rand, 0, 8)) {
    case 0:
    case 1:
        random_descriptors(h, queue);
        random_avail(h, queue);
        virtio_kick(d, queue);
        break;
    case 2:
        random_message(h);
        break;
    case 3:
        random_register(h);
        break;
    case 4:
        random_guest_words(h);
        break;
    case 5:
        random_client(h);
        break;
    case 6:
        qtest_writew(h->vm->qts, d->notify + g_rand_int(h->rand) % 0x1000,
                     random_word(h));
        break;
    default:
        driver_post(h->vm);
        break;
    }
}

/* Everything a driver can write, at random: QEMU goes on answering [D1][D2]. */
static void test_hostile(void)
{
    const char *given = getenv("HYPERTRACE_SEED");
    uint32_t seed = given ? strtoul(given, NULL, 0) : g_random_int();
    int64_t end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    Hostile h = {
        .vm = start_with_driver(),
        .rand = g_rand_new_with_seed(seed),
        .client = { -1, -1, -1, -1 },
    };
    g_autofree uint8_t *header = g_memdup2(h.vm->header,
                                           offsetof(struct vht_host_header,
                                                    epoch));
    int i, resets = 0;

    g_test_message("HYPERTRACE_SEED=%u", seed);
    for (i = 0; i < 20000 && g_get_monotonic_time() < end; i++) {
        hostile_step(&h);
        if (i % 32 == 0 &&
            (virtio_status(&h.vm->dev) != 15 || i % 512 == 0)) {
            resets++;
            virtio_start(&h.vm->dev);
            driver_send(h.vm, VHT_MSG_DRIVER_UP, 0, i + 1, "hostile");
        }
        if (i % 64 == 0) {
            vm_alive(h.vm);
        }
    }
    g_test_message("steps=%d resets=%d", i, resets);
    g_assert_cmpint(i, >, 500);
    g_assert_cmpint(resets, >, 5);
    vm_alive(h.vm);
    /* no host page that must not change did */
    g_assert_cmpmem(header, offsetof(struct vht_host_header, epoch),
                    h.vm->header, offsetof(struct vht_host_header, epoch));
    for (i = 0; i < G_N_ELEMENTS(h.client); i++) {
        if (h.client[i] >= 0) {
            close(h.client[i]);
        }
    }
    g_rand_free(h.rand);
    vm_end(h.vm);
}

void add_driver_tests(void)
{
    qtest_add_func("/hypertrace/driver/up-gone[D4]", test_up_gone);
    qtest_add_func("/hypertrace/driver/ignored[C1]", test_ignored);
    qtest_add_func("/hypertrace/driver/event-flood", test_event_flood);
    qtest_add_func("/hypertrace/driver/requests[C2]", test_requests);
    qtest_add_func("/hypertrace/driver/reader-messages[C2]",
                   test_reader_messages);
    qtest_add_func("/hypertrace/driver/too-many-requests[C2]",
                   test_too_many_requests);
    qtest_add_func("/hypertrace/driver/reply-unseen[C2][D2]",
                   test_reply_unseen);
    qtest_add_func("/hypertrace/driver/small-buffer[D2]", test_small_buffer);
    qtest_add_func("/hypertrace/driver/hostile[D1][D2]", test_hostile);
}
