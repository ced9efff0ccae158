// SPDX-License-Identifier: GPL-2.0-only
/* A VM with a hypertrace device: see the header. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <glib/gstdio.h>
#include "qobject/qdict.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_pci.h"
#include "standard-headers/linux/virtio_ring.h"
#include "qemu/atomic.h"
#include "virtio-hypertrace-vm.h"

char *vm_tmp_dir(void)
{
    char *path = g_dir_make_tmp("hypertrace-test-XXXXXX", NULL);

    g_assert_nonnull(path);
    return path;
}

void vm_remove_tree(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *sub = g_build_filename(path, name, NULL);

        vm_remove_tree(sub);
    }
    if (dir) {
        g_dir_close(dir);
    }
    g_remove(path);
}

/* Map what the VM's directory has as its region. */
void vm_map(Vm *vm)
{
    g_autofree char *path = g_build_filename(vm->dir, "region", NULL);
    int fd = open(path, O_RDWR);
    struct stat st;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    vm->size = st.st_size;
    vm->region = mmap(NULL, vm->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                      0);
    g_assert(vm->region != MAP_FAILED);
    close(fd);
    vm->header = (void *)vm->region;
    vm->read_at = 0;
}

static Vm *start(char *tmp, const char *args)
{
    Vm *vm = g_new0(Vm, 1);
    bool has_device = strstr(args, "virtio-hypertrace");
    g_autofree char *device = NULL;
    g_autofree char *region = NULL;

    vm->tmp = tmp;
    vm->dir = g_build_filename(tmp, "vm", NULL);
    if (!has_device) {
        device = g_strdup_printf("-device virtio-hypertrace,id=ht,size=%u,"
                                 "dir=%s", VM_SIZE, vm->dir);
    }
    region = g_build_filename(vm->dir, "region", NULL);
    vm->qts = qtest_initf("-nodefaults -m 64 %s %s", args,
                          device ? device : "");
    if (g_file_test(region, G_FILE_TEST_EXISTS)) {
        vm_map(vm);
    }
    return vm;
}

/* Without a device in @fmt the VM gets one of VM_SIZE, in vm->dir. */
Vm *vm_start(const char *fmt, ...)
{
    va_list ap;
    g_autofree char *args = NULL;

    va_start(ap, fmt);
    args = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return start(vm_tmp_dir(), args);
}

/* The same in a directory that is there already; vm_end() removes it. */
Vm *vm_start_in(char *tmp, const char *fmt, ...)
{
    va_list ap;
    g_autofree char *args = NULL;

    va_start(ap, fmt);
    args = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return start(tmp, args);
}

/* End QEMU, keep what it left. */
void vm_quit(Vm *vm)
{
    qtest_quit(vm->qts);
    vm->qts = NULL;
}

/* Free all but the temporary directory. */
void vm_free(Vm *vm)
{
    if (vm->qts) {
        vm_quit(vm);
    }
    if (vm->region) {
        munmap(vm->region, vm->size);
    }
    g_free(vm->dir);
    g_free(vm->tmp);
    g_free(vm);
}

void vm_end(Vm *vm)
{
    g_autofree char *tmp = g_strdup(vm->tmp);

    vm_free(vm);
    vm_remove_tree(tmp);
}

/* QEMU must still answer, and soon. */
void vm_alive(Vm *vm)
{
    int64_t begin = g_get_monotonic_time();
    QDict *rsp = qtest_qmp(vm->qts, "{ 'execute': 'query-status' }");

    g_assert(qdict_haskey(rsp, "return"));
    qobject_unref(rsp);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
}

/* A command of the monitor for persons, which must not complain. */
void vm_hmp(Vm *vm, const char *command)
{
    g_autofree char *out = qtest_hmp(vm->qts, "%s", command);

    if (strstr(out, "rror")) {
        g_error("%s: %s", command, out);
    }
}

/* Sleep (S3) and wake up. */
void vm_suspend(Vm *vm)
{
    /* PIIX4's power management at 0x600, and SLP_EN with S3's type */
    pci_write(vm->qts, 1, 0, 0);
    qtest_outl(vm->qts, 0xcf8, 0x80000000 | 1 << 11 | 3 << 8 | 0x40);
    qtest_outl(vm->qts, 0xcfc, 0x601);
    qtest_outl(vm->qts, 0xcf8, 0x80000000 | 1 << 11 | 3 << 8 | 0x80);
    qtest_outb(vm->qts, 0xcfc, 1);
    qtest_outw(vm->qts, 0x604, 1 << 13 | 1 << 10);
    qtest_qmp_eventwait(vm->qts, "SUSPEND");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_wakeup' }");
    qtest_qmp_eventwait(vm->qts, "WAKEUP");
}

void vm_wait_migrate_status(Vm *vm, const char *wanted)
{
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;

    for (;;) {
        QDict *rsp = qtest_qmp_assert_success_ref(vm->qts,
            "{ 'execute': 'query-migrate' }");
        const char *status = qdict_get_try_str(rsp, "status");
        bool done = status && g_str_equal(status, wanted);
        bool failed = status && g_str_equal(status, "failed");

        qobject_unref(rsp);
        g_assert(!failed);
        if (done) {
            return;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

void vm_migrate_away(Vm *vm, const char *file)
{
    g_autofree char *uri = g_strdup_printf("file:%s", file);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate', 'arguments': "
                             "{ 'uri': %s } }", uri);
    vm_wait_migrate_status(vm, "completed");
}

/* Into a VM that was started with "-incoming defer". */
void vm_migrate_in(Vm *vm, const char *file)
{
    g_autofree char *uri = g_strdup_printf("file:%s", file);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s } }", uri);
    vm_wait_migrate_status(vm, "completed");
}

/* QEMU with these arguments must end with status 1; returns what it said. */
char *vm_run_to_error(const char *fmt, ...)
{
    g_autofree char *args = NULL;
    g_autofree char *cmd = NULL;
    g_auto(GStrv) argv = NULL;
    char *err = NULL;
    int status;
    va_list ap;

    va_start(ap, fmt);
    args = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    /* A VM that starts against our will ends by itself. */
    cmd = g_strdup_printf("timeout 20 %s -machine pc -accel qtest -nodefaults "
                          "-display none -S %s", getenv("QTEST_QEMU_BINARY"),
                          args);
    g_assert(g_shell_parse_argv(cmd, NULL, &argv, NULL));
    g_assert(g_spawn_sync(NULL, argv, NULL,
                          G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
                          NULL, NULL, NULL, &err, &status, NULL));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 1) {
        g_test_message("%s: status=0x%x: %s", args, status, err);
    }
    g_assert(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    return err;
}

/* The vmm stream. */

static struct vht_stream *vmm_stream(Vm *vm)
{
    return (void *)(vm->region + vm->header->host_stream_offset);
}

/* Read the next record, checking what must hold for any packet. */
bool vm_next(Vm *vm, VmRecord *r)
{
    struct vht_stream *s = vmm_stream(vm);
    uint64_t head = qatomic_load_acquire(&s->head);
    const uint8_t *ring = vm->region + s->ring_offset;
    const struct vht_packet *p;

    vm->read_at = MAX(vm->read_at, s->begin);
    while (vm->read_at < head) {
        uint64_t at = vm->read_at % s->ring_size;

        p = (const void *)(ring + at);
        g_assert_cmphex(p->magic, ==, VHT_PACKET_MAGIC);
        g_assert_cmpint(p->packet_size % VHT_PACKET_ALIGN, ==, 0);
        g_assert_cmpint(p->packet_size, >=, sizeof(*p));
        g_assert_cmpint(at + p->packet_size, <=, s->ring_size);
        vm->read_at += p->packet_size;
        if (p->type == VHT_PACKET_PAD) {
            continue;
        }
        memset(r, 0, sizeof(*r));
        r->packet = *p;
        g_assert_cmpint(p->content_size, <=, p->packet_size - p->header_size);
        if (p->type == VHT_PACKET_VMM) {
            memcpy(&r->event, (const char *)p + p->header_size,
                   sizeof(r->event));
        } else if (p->type == VHT_PACKET_VCPU) {
            memcpy(&r->vcpu, (const char *)p + p->header_size,
                   sizeof(r->vcpu));
        } else {
            g_assert_cmpint(p->type, ==, VHT_PACKET_CLOCK);
            memcpy(&r->clock, (const char *)p + p->header_size,
                   sizeof(r->clock));
        }
        return true;
    }
    return false;
}

/* The next event of this type; others before it are skipped. */
void vm_wait_event(Vm *vm, uint32_t type, VmRecord *r)
{
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;

    for (;;) {
        while (vm_next(vm, r)) {
            if (r->packet.type == VHT_PACKET_VMM && r->event.type == type) {
                return;
            }
        }
        if (g_get_monotonic_time() > end) {
            g_error("no event of type %u in the vmm stream", type);
        }
        if (vm->qts) {
            qtest_inb(vm->qts, 0x80);   /* let QEMU run */
        }
    }
}

void vm_wait_clock(Vm *vm, uint16_t reason, VmRecord *r)
{
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;

    for (;;) {
        while (vm_next(vm, r)) {
            if (r->packet.type == VHT_PACKET_CLOCK &&
                r->clock.reason == reason) {
                return;
            }
        }
        if (g_get_monotonic_time() > end) {
            g_error("no clock record for reason %u", reason);
        }
        qtest_inb(vm->qts, 0x80);
    }
}

/* PCI, by the legacy ports. */

uint32_t pci_read(QTestState *qts, int slot, int reg)
{
    qtest_outl(qts, 0xcf8, 0x80000000 | slot << 11 | (reg & ~3));
    return qtest_inl(qts, 0xcfc);
}

void pci_write(QTestState *qts, int slot, int reg, uint32_t value)
{
    qtest_outl(qts, 0xcf8, 0x80000000 | slot << 11 | (reg & ~3));
    qtest_outl(qts, 0xcfc, value);
}

int pci_find(QTestState *qts, uint16_t device)
{
    int slot;

    for (slot = 0; slot < 32; slot++) {
        if (pci_read(qts, slot, 0) == ((uint32_t)device << 16 | 0x1af4)) {
            return slot;
        }
    }
    return -1;
}

static uint8_t pci_read8(QTestState *qts, int slot, int reg)
{
    return pci_read(qts, slot, reg) >> (reg & 3) * 8;
}

/* Play the firmware: place all BARs from @bars on, switch the device on. */
static void place_bars(VirtioDev *d, uint64_t bars, uint64_t *where)
{
    uint64_t high = VM_BAR_REGION;
    int i;

    for (i = 0; i < 6; i++) {
        int reg = 0x10 + i * 4;
        uint32_t low = pci_read(d->qts, d->slot, reg);
        uint64_t mask;

        where[i] = 0;
        if (low & 1) {
            continue;           /* I/O ports: not needed */
        }
        pci_write(d->qts, d->slot, reg, ~0);
        mask = pci_read(d->qts, d->slot, reg) & ~0xfULL;
        if ((low & 6) == 4) {
            pci_write(d->qts, d->slot, reg + 4, ~0);
            mask |= (uint64_t)pci_read(d->qts, d->slot, reg + 4) << 32;
            where[i] = -mask > 0x10000000 ? high : bars;
            pci_write(d->qts, d->slot, reg + 4, where[i] >> 32);
        } else {
            if (!mask) {
                continue;       /* no such BAR */
            }
            where[i] = bars;
        }
        pci_write(d->qts, d->slot, reg, where[i]);
        if (where[i] == bars) {
            bars += 0x10000;
        }
        if ((low & 6) == 4) {
            i++;
        }
    }
    pci_write(d->qts, d->slot, 4, 0x6);     /* memory, bus master */
}

static void read_capability(VirtioDev *d, int cap, const uint64_t *where)
{
    uint8_t type = pci_read8(d->qts, d->slot, cap + 3);
    uint8_t bar = pci_read8(d->qts, d->slot, cap + 4);
    uint64_t offset = pci_read(d->qts, d->slot, cap + 8);
    uint64_t at = bar < 6 ? where[bar] + offset : 0;

    switch (type) {
    case VIRTIO_PCI_CAP_COMMON_CFG:
        d->common = at;
        break;
    case VIRTIO_PCI_CAP_NOTIFY_CFG:
        d->notify = at;
        d->notify_multiplier = pci_read(d->qts, d->slot, cap + 16);
        break;
    case VIRTIO_PCI_CAP_ISR_CFG:
        d->isr = at;
        break;
    case VIRTIO_PCI_CAP_DEVICE_CFG:
        d->config = at;
        break;
    case VIRTIO_PCI_CAP_SHARED_MEMORY_CFG:
        d->shm_bar = bar;
        d->shm_id = pci_read8(d->qts, d->slot, cap + 5);
        d->shm_offset = offset |
            (uint64_t)pci_read(d->qts, d->slot, cap + 16) << 32;
        d->shm_length = pci_read(d->qts, d->slot, cap + 12) |
            (uint64_t)pci_read(d->qts, d->slot, cap + 20) << 32;
        break;
    }
}

/* Find a modern virtio device and make it reachable. */
void virtio_find(VirtioDev *d, QTestState *qts, uint16_t device, uint64_t bars)
{
    uint64_t where[6];
    int cap;

    memset(d, 0, sizeof(*d));
    d->qts = qts;
    d->slot = pci_find(qts, device);
    g_assert_cmpint(d->slot, >=, 0);
    place_bars(d, bars, where);
    for (cap = pci_read8(qts, d->slot, 0x34); cap;
         cap = pci_read8(qts, d->slot, cap + 1)) {
        if (pci_read8(qts, d->slot, cap) == 0x09) {
            read_capability(d, cap, where);
        }
    }
    g_assert(d->common && d->notify && d->isr && d->config);
}

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

uint8_t virtio_status(VirtioDev *d)
{
    return qtest_readb(d->qts, d->common + COMMON(device_status));
}

void virtio_reset(VirtioDev *d)
{
    qtest_writeb(d->qts, d->common + COMMON(device_status), 0);
    g_assert_cmpint(virtio_status(d), ==, 0);
    memset(d->avail, 0, sizeof(d->avail));
    memset(d->used, 0, sizeof(d->used));
}

/* Put a queue's three rings at @addr, and enable it. */
void virtio_set_ring(VirtioDev *d, int queue, uint64_t addr)
{
    uint64_t c = d->common;

    d->ring[queue] = addr;
    qtest_memset(d->qts, addr, 0, 0x3000);
    qtest_writew(d->qts, c + COMMON(queue_select), queue);
    d->queue_size[queue] = MIN(VM_QUEUE_SIZE,
                               qtest_readw(d->qts, c + COMMON(queue_size)));
    qtest_writew(d->qts, c + COMMON(queue_size), d->queue_size[queue]);
    qtest_writel(d->qts, c + COMMON(queue_desc_lo), addr);
    qtest_writel(d->qts, c + COMMON(queue_desc_hi), addr >> 32);
    qtest_writel(d->qts, c + COMMON(queue_avail_lo), addr + 0x1000);
    qtest_writel(d->qts, c + COMMON(queue_avail_hi), addr >> 32);
    qtest_writel(d->qts, c + COMMON(queue_used_lo), addr + 0x2000);
    qtest_writel(d->qts, c + COMMON(queue_used_hi), addr >> 32);
    qtest_writew(d->qts, c + COMMON(queue_enable), 1);
}

/* From reset to DRIVER_OK, with no feature but VERSION_1. */
void virtio_start(VirtioDev *d)
{
    uint64_t c = d->common;
    int i, queues = qtest_readw(d->qts, c + COMMON(num_queues));

    virtio_reset(d);
    qtest_writeb(d->qts, c + COMMON(device_status), 1);
    qtest_writeb(d->qts, c + COMMON(device_status), 3);
    qtest_writel(d->qts, c + COMMON(guest_feature_select), 0);
    qtest_writel(d->qts, c + COMMON(guest_feature), 0);
    qtest_writel(d->qts, c + COMMON(guest_feature_select), 1);
    qtest_writel(d->qts, c + COMMON(guest_feature), 1);
    qtest_writeb(d->qts, c + COMMON(device_status), 11);
    g_assert_cmpint(virtio_status(d), ==, 11);
    for (i = 0; i < queues && i < 2; i++) {
        virtio_set_ring(d, i, VM_RING(i));
    }
    qtest_writeb(d->qts, c + COMMON(device_status), 15);
}

void virtio_kick(VirtioDev *d, int queue)
{
    qtest_writew(d->qts, d->notify + queue * d->notify_multiplier, queue);
}

/* Offer one buffer, by the descriptor of the same number as the entry. */
void virtio_put(VirtioDev *d, int queue, uint64_t addr, uint32_t len,
                bool writable)
{
    int slot = d->avail[queue] % d->queue_size[queue];
    uint64_t desc = d->ring[queue] + slot * 16;
    uint64_t avail = d->ring[queue] + 0x1000;

    qtest_writeq(d->qts, desc, addr);
    qtest_writel(d->qts, desc + 8, len);
    qtest_writel(d->qts, desc + 12, writable ? VRING_DESC_F_WRITE : 0);
    qtest_writew(d->qts, avail + 4 + slot * 2, slot);
    qtest_writew(d->qts, avail + 2, ++d->avail[queue]);
    virtio_kick(d, queue);
}

/* Wait until the device gives a buffer back; returns how much it wrote. */
uint32_t virtio_wait(VirtioDev *d, int queue)
{
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;
    uint64_t used = d->ring[queue] + 0x2000;

    while (qtest_readw(d->qts, used + 2) == d->used[queue]) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return qtest_readl(d->qts, used + 8 +
                       d->used[queue]++ % d->queue_size[queue] * 8);
}

/* The driver's side of the control messages. */

void driver_send(Vm *vm, uint32_t type, uint64_t cookie, uint64_t arg,
                 const char *payload)
{
    struct vht_message m = {
        .type = type,
        .size = sizeof(m) + strlen(payload),
        .cookie = cookie,
        .arg = arg,
    };

    qtest_memwrite(vm->qts, VM_BUFFERS, &m, sizeof(m));
    if (*payload) {
        qtest_memwrite(vm->qts, VM_BUFFERS + sizeof(m), payload,
                       strlen(payload));
    }
    virtio_put(&vm->dev, VIRTIO_HYPERTRACE_VQ_CONTROL, VM_BUFFERS, m.size,
               false);
    g_assert_cmpint(virtio_wait(&vm->dev, VIRTIO_HYPERTRACE_VQ_CONTROL), ==, 0);
}

/* Where the driver's event buffers are: one for each entry of the queue. */
static uint64_t event_buffer(uint16_t entry)
{
    return VM_BUFFERS + 0x10000 + entry % VM_QUEUE_SIZE * VHT_MESSAGE_MAX_SIZE;
}

void driver_post(Vm *vm)
{
    virtio_put(&vm->dev, VIRTIO_HYPERTRACE_VQ_EVENT,
               event_buffer(vm->dev.avail[VIRTIO_HYPERTRACE_VQ_EVENT]),
               VHT_MESSAGE_MAX_SIZE, true);
}

/* The next message for the driver; @payload has VHT_MESSAGE_MAX_SIZE bytes. */
bool driver_receive(Vm *vm, struct vht_message *m, char *payload)
{
    uint64_t at = event_buffer(vm->dev.used[VIRTIO_HYPERTRACE_VQ_EVENT]);
    uint32_t len = virtio_wait(&vm->dev, VIRTIO_HYPERTRACE_VQ_EVENT);

    if (len < sizeof(*m)) {
        return false;
    }
    qtest_memread(vm->qts, at, m, sizeof(*m));
    g_assert_cmpint(m->size, ==, len);
    if (len > sizeof(*m)) {
        qtest_memread(vm->qts, at + sizeof(*m), payload, len - sizeof(*m));
    }
    payload[len - sizeof(*m)] = '\0';
    return true;
}

/* The recorder's side of the control socket. */

/* Returns -1 if nobody listens there. */
int socket_try_connect(const char *dir)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = VM_WAIT_US / G_USEC_PER_SEC };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    g_assert_cmpint(snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/control",
                             dir), <, sizeof(addr.sun_path));
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        close(fd);
        return -1;
    }
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait,
                               sizeof(wait)), ==, 0);
    return fd;
}

int socket_connect(Vm *vm)
{
    int fd = socket_try_connect(vm->dir);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

void socket_send(int fd, uint32_t type, uint64_t cookie, uint64_t arg,
                 const char *payload)
{
    g_autofree char *buf = g_malloc(VHT_MESSAGE_MAX_SIZE);
    struct vht_message m = {
        .type = type,
        .size = sizeof(m) + strlen(payload),
        .cookie = cookie,
        .arg = arg,
    };

    memcpy(buf, &m, sizeof(m));
    memcpy(buf + sizeof(m), payload, strlen(payload));
    g_assert_cmpint(send(fd, buf, m.size, MSG_NOSIGNAL), ==, m.size);
}

/* @payload has VHT_MESSAGE_MAX_SIZE bytes; @passed gets the fd, or -1. */
void socket_receive(int fd, struct vht_message *m, char *payload, int *passed)
{
    char control[CMSG_SPACE(sizeof(int))];
    char buf[VHT_MESSAGE_MAX_SIZE];
    struct iovec iov = { buf, sizeof(buf) };
    struct msghdr msg = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    ssize_t ret = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    struct cmsghdr *cmsg = ret > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

    g_assert_cmpint(ret, >=, sizeof(*m));
    memcpy(m, buf, sizeof(*m));
    g_assert_cmpint(m->size, ==, ret);
    if (payload) {
        memcpy(payload, buf + sizeof(*m), ret - sizeof(*m));
        payload[ret - sizeof(*m)] = '\0';
    }
    if (passed) {
        *passed = -1;
        if (cmsg) {
            memcpy(passed, CMSG_DATA(cmsg), sizeof(int));
        }
    } else {
        g_assert(!cmsg);
    }
}

/* Whether QEMU has closed this connection; waits for it. */
bool socket_is_closed(int fd)
{
    char buf[VHT_MESSAGE_MAX_SIZE];
    ssize_t ret;

    do {
        ret = recv(fd, buf, sizeof(buf), 0);
    } while (ret > 0);
    return ret == 0 || errno == ECONNRESET;
}

/* Become the reader; returns the connection. */
int socket_attach(Vm *vm)
{
    int fd = socket_connect(vm), region;
    struct vht_message m;

    socket_send(fd, VHT_MSG_ATTACH, 7, VHT_VERSION, "");
    socket_receive(fd, &m, NULL, &region);
    g_assert_cmpint(m.type, ==, VHT_MSG_WELCOME);
    close(region);
    return fd;
}
