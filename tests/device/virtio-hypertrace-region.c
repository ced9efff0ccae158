// SPDX-License-Identifier: GPL-2.0-only
/* What the guest finds on the bus, and what it cannot write. */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "standard-headers/linux/virtio_pci.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)
#define PCI_RNG         (0x1040 + 4)
#define COMMON(field)   offsetof(struct virtio_pci_common_cfg, field)
#define PATTERN         0x5a17c0de5a17c0deULL

static Vm *start_with_driver(const char *args)
{
    Vm *vm = vm_start("%s", args);

    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    return vm;
}

/* Configuration space, features, the shared memory and its BAR [R2]. */
static void test_config(void)
{
    Vm *vm = start_with_driver("");
    VirtioDev *d = &vm->dev;

    g_assert_cmpint(qtest_readl(vm->qts, d->config), ==, VHT_VERSION);
    g_assert_cmpint(qtest_readq(vm->qts, d->config + 8), ==, VM_SIZE);
    /* VIRTIO_F_VERSION_1, and nothing of our own among the first 24 */
    qtest_writel(vm->qts, d->common, 1);
    g_assert_cmphex(qtest_readl(vm->qts, d->common + 4) & 1, ==, 1);
    qtest_writel(vm->qts, d->common, 0);
    g_assert_cmphex(qtest_readl(vm->qts, d->common + 4) & 0xffffff, ==, 0);

    g_assert_cmpint(d->shm_id, ==, VIRTIO_HYPERTRACE_SHM_REGION);
    g_assert_cmpint(d->shm_bar, ==, 4);
    g_assert_cmpint(d->shm_offset, ==, 0);
    g_assert_cmpint(d->shm_length, ==, VM_SIZE);
    /* 64 bits, prefetchable */
    g_assert_cmphex(pci_read(vm->qts, d->slot, 0x20) & 0xf, ==, 0xc);
    vm_end(vm);
}

static uint64_t bar_size(Vm *vm)
{
    int slot = pci_find(vm->qts, PCI_HYPERTRACE);

    pci_write(vm->qts, slot, 0x20, ~0);
    pci_write(vm->qts, slot, 0x24, ~0);
    g_assert_cmphex(pci_read(vm->qts, slot, 0x20) & 0xf, ==, 0xc);
    return -((uint64_t)pci_read(vm->qts, slot, 0x24) << 32 |
             (pci_read(vm->qts, slot, 0x20) & ~0xfU));
}

/*
 * Padded to 4 GiB, so that firmware puts it where memory is cached [R3]; if
 * that is not wanted, never smaller than the region.
 */
static void test_bar_size(void)
{
    static const struct {
        const char *args;
        uint64_t size;
    } bar[] = {
        { "size=4M", 4 * GiB },
        { "size=4M,bar-size=16M", 16 * MiB },
        { "size=6M,bar-size=1M", 8 * MiB },
    };
    int i;

    for (i = 0; i < G_N_ELEMENTS(bar); i++) {
        g_autofree char *tmp = vm_tmp_dir();
        Vm *vm = vm_start_in(g_strdup(tmp), "-device virtio-hypertrace,%s,"
                             "dir=%s/vm", bar[i].args, tmp);

        g_assert_cmphex(bar_size(vm), ==, bar[i].size);
        vm_end(vm);
    }
}

/* The header is whole, and every place it names lies in the host pages [R4]. */
static void test_header(void)
{
    Vm *vm = vm_start("-name trace-me -uuid "
                      "00112233-4455-6677-8899-aabbccddeeff");
    struct vht_host_header *h = vm->header;
    struct vht_stream *s = (void *)(vm->region + h->host_stream_offset);
    g_autofree char *boot_id = NULL;
    char text[37] = "";
    int i, n = 0;

    g_assert_cmphex(h->magic, ==, VHT_HOST_MAGIC);
    g_assert_cmpmem(vm->region, 8, "HYPTRACE", 8);
    g_assert_cmpint(h->version, ==, VHT_VERSION);
    g_assert_cmpint(h->header_size, ==, sizeof(*h));
    g_assert_cmpint(h->region_size, ==, VM_SIZE);
    g_assert_cmpint(vm->size, ==, VM_SIZE);
    g_assert_cmpint(h->guest_offset % VHT_REGION_ALIGN, ==, 0);
    g_assert_cmpint(h->guest_offset, <, VM_SIZE);
    g_assert_cmpint(h->stream_size, ==, sizeof(*s));
    g_assert_cmpint(h->consumer_size, ==, sizeof(struct vht_consumer));
    g_assert_cmpint(h->consumer_count, ==, VHT_MAX_STREAMS);
    g_assert_cmpint(h->consumer_offset + h->consumer_count * h->consumer_size,
                    <=, s->ring_offset);
    g_assert_cmpint(h->host_stream_count, ==, 1);
    g_assert_cmpint(s->id, ==, VHT_STREAM_ID_VMM);
    g_assert_cmpint(s->source, ==, VHT_SOURCE_VMM);
    g_assert_cmpint(s->clock, ==, VHT_CLOCK_HOST_MONOTONIC);
    g_assert_cmpint(s->cpu, ==, VHT_CPU_NONE);
    g_assert_cmpint(s->ring_offset % VHT_PACKET_ALIGN, ==, 0);
    g_assert_cmpint(s->ring_size % VHT_PACKET_ALIGN, ==, 0);
    g_assert_cmpint(s->ring_offset + s->ring_size, <=, h->guest_offset);

    g_assert_cmpint(h->pid, ==, qtest_pid(vm->qts));
    g_assert_cmpint(h->counter_kind, ==, VHT_COUNTER_X86_TSC);
    g_assert_cmpint(h->epoch, ==, 1);
    g_assert_cmpint(h->alive, ==, 1);
    g_assert_cmpint(h->reader, ==, VHT_READER_NONE);
    g_assert_cmpint(h->start_mono_ns / 1000, <=, g_get_monotonic_time());
    g_assert_cmpint(h->start_real_ns / 1000, <=, g_get_real_time());
    g_assert_cmpstr((char *)h->name, ==, "trace-me");
    g_assert(g_str_has_prefix((char *)h->vmm, "QEMU "));
    for (i = 0; i < 16; i++) {
        g_assert_cmphex(h->uuid[i], ==, i * 0x11);
    }
    g_assert(g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot_id,
                                 NULL, NULL));
    for (i = 0; i < 16; i++) {
        n += sprintf(text + n, "%s%02x",
                     i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                     h->boot_id[i]);
    }
    g_assert_cmpstr(g_strstrip(boot_id), ==, text);
    vm_end(vm);
}

/* A CPU's stores: none changes a host page, all change the guest part [R1]. */
static void test_cpu_store(void)
{
    Vm *vm = start_with_driver("");
    uint64_t guest = vm->header->guest_offset, at;
    g_autofree uint8_t *before = g_malloc(guest);
    uint64_t *word;

    memcpy(before, vm->region, guest);
    for (at = 0; at < guest; at += 4096) {
        qtest_writeq(vm->qts, VM_BAR_REGION + at, PATTERN);
        qtest_writeb(vm->qts, VM_BAR_REGION + at + 4095, 0x99);
    }
    qtest_writel(vm->qts, VM_BAR_REGION + guest - 4, (uint32_t)PATTERN);
    g_assert_cmpmem(before, 0x1000, vm->region, 0x1000);
    /* clock records may have come to the ring; our pattern not */
    for (at = 0; at < guest; at += 8) {
        word = (uint64_t *)(vm->region + at);
        g_assert_cmphex(*word, !=, PATTERN);
    }
    for (at = guest; at < vm->size; at += 4096) {
        qtest_writeq(vm->qts, VM_BAR_REGION + at, PATTERN);
        g_assert_cmphex(*(uint64_t *)(vm->region + at), ==, PATTERN);
    }
    /* what the host writes, the guest reads */
    *(uint32_t *)(vm->region + vm->header->consumer_offset + 64) = 0xc0ffee;
    g_assert_cmphex(qtest_readl(vm->qts, VM_BAR_REGION + 64 +
                                vm->header->consumer_offset), ==, 0xc0ffee);
    vm_end(vm);
}

static bool is_zero(const uint8_t *p, size_t len)
{
    while (len--) {
        if (*p++) {
            return false;
        }
    }
    return true;
}

/* Another device's DMA: none changes a host page [R1]. */
static void test_dma(void)
{
    Vm *vm = start_with_driver("-device virtio-rng-pci,disable-legacy=on");
    uint64_t unused = vm->header->consumer_offset +
                      100 * sizeof(struct vht_consumer);
    uint64_t guest = vm->header->guest_offset + 0x1000;
    VirtioDev rng;

    virtio_find(&rng, vm->qts, PCI_RNG, VM_BAR_MODERN + 0x100000);
    virtio_start(&rng);
    /* it works: into RAM's stead the guest part */
    virtio_put(&rng, 0, VM_BAR_REGION + guest, 64, true);
    g_assert_cmpint(virtio_wait(&rng, 0), ==, 64);
    g_assert(!is_zero(vm->region + guest, 64));

    virtio_put(&rng, 0, VM_BAR_REGION + unused, 64, true);
    virtio_wait(&rng, 0);
    g_assert(is_zero(vm->region + unused, 64));
    /* and across the border */
    virtio_put(&rng, 0, VM_BAR_REGION + vm->header->guest_offset - 32, 64,
               true);
    virtio_wait(&rng, 0);
    g_assert(is_zero(vm->region + vm->header->guest_offset - 32, 32));
    vm_end(vm);
}

/*
 * KVM gets the host pages as a read-only slot [R1]. kvm-store.t makes a vCPU
 * store there, where a guest runs; this needs KVM but no guest.
 */
static void test_kvm_slot(void)
{
    g_autofree char *tmp = NULL;
    g_autofree char *log = NULL;
    g_autofree char *text = NULL;
    g_autofree char *host = NULL;
    g_autofree char *guest = NULL;
    g_auto(GStrv) lines = NULL;
    bool host_seen = false, guest_seen = false;
    Vm *vm;
    int i;

    if (!qtest_has_accel("kvm") || access("/dev/kvm", R_OK | W_OK) < 0) {
        g_test_skip("no KVM on this machine");
        return;
    }
    tmp = vm_tmp_dir();
    log = g_build_filename(tmp, "log", NULL);
    vm = vm_start_in(g_strdup(tmp), "-accel kvm -S -D %s "
                     "-trace kvm_set_user_memory", log);
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    host = g_strdup_printf("gpa=0x%llx size=0x%" PRIx64, VM_BAR_REGION,
                           (uint64_t)vm->header->guest_offset);
    guest = g_strdup_printf("gpa=0x%" PRIx64 " ",
                            (uint64_t)(VM_BAR_REGION +
                                       vm->header->guest_offset));
    vm_quit(vm);
    g_assert(g_file_get_contents(log, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (i = 0; lines[i]; i++) {
        /* KVM_MEM_READONLY is 2 */
        if (strstr(lines[i], host)) {
            g_assert_nonnull(strstr(lines[i], "flags=0x2"));
            host_seen = true;
        } else if (strstr(lines[i], guest)) {
            g_assert_nonnull(strstr(lines[i], "flags=0x0"));
            guest_seen = true;
        }
    }
    g_assert(host_seen && guest_seen);
    vm_end(vm);
}

/* Our own device's writes to its queues: the same [R1]. */
static void test_own_dma(void)
{
    Vm *vm = start_with_driver("");
    uint64_t unused = vm->header->consumer_offset +
                      0x1000 * sizeof(struct vht_consumer) - 0x4000;
    int reader;

    virtio_start(&vm->dev);
    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 1, "6.12");
    virtio_put(&vm->dev, VIRTIO_HYPERTRACE_VQ_EVENT, VM_BAR_REGION + unused,
               VHT_MESSAGE_MAX_SIZE, true);
    reader = socket_attach(vm);
    g_assert_cmpint(virtio_wait(&vm->dev, VIRTIO_HYPERTRACE_VQ_EVENT), ==,
                    sizeof(struct vht_message));
    g_assert(is_zero(vm->region + unused, 0x1000));

    /* a ring whose used part lies in host pages */
    virtio_set_ring(&vm->dev, VIRTIO_HYPERTRACE_VQ_CONTROL, VM_RING(2));
    qtest_writel(vm->qts, vm->dev.common + COMMON(queue_used_lo),
                 VM_BAR_REGION + unused);
    qtest_writel(vm->qts, vm->dev.common + COMMON(queue_used_hi),
                 (VM_BAR_REGION + unused) >> 32);
    qtest_writew(vm->qts, vm->dev.common + COMMON(queue_enable), 1);
    vm->dev.avail[VIRTIO_HYPERTRACE_VQ_CONTROL] = 1;
    virtio_put(&vm->dev, VIRTIO_HYPERTRACE_VQ_CONTROL, VM_BUFFERS, 24, false);
    vm_alive(vm);
    g_assert(is_zero(vm->region + unused, 0x4000));
    close(reader);
    vm_end(vm);
}

/* `info virtio-status`, `info mtree` and the like show the device. */
static void test_monitor(void)
{
    Vm *vm = start_with_driver("");
    g_autofree char *status = NULL;
    g_autofree char *mtree = NULL;
    g_autofree char *qtree = NULL;
    g_autofree char *list = qtest_hmp(vm->qts, "info virtio");

    g_assert_nonnull(strstr(list, "virtio-hypertrace"));
    status = qtest_hmp(vm->qts, "info virtio-status "
                       "/machine/peripheral/ht/virtio-backend");
    g_assert_nonnull(strstr(status, "virtio-hypertrace"));
    mtree = qtest_hmp(vm->qts, "info mtree -f");
    g_assert_nonnull(strstr(mtree, "rom): virtio-hypertrace-host"));
    g_assert_nonnull(strstr(mtree, "ram): virtio-hypertrace-guest"));
    qtree = qtest_hmp(vm->qts, "info qtree");
    g_assert_nonnull(strstr(qtree, "virtio-hypertrace-pci"));
    vm_alive(vm);
    vm_end(vm);
}

/* On q35 too, behind a root port as libvirt would put it. */
static void test_q35(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
    Vm *vm = vm_start_in(g_strdup(tmp), "-machine q35 -device pcie-root-port,"
                         "id=p -device virtio-hypertrace,bus=p,size=4M,dir=%s",
                         dir);

    g_assert_cmphex(vm->header->magic, ==, VHT_HOST_MAGIC);
    vm_end(vm);
}

void add_region_tests(void)
{
    qtest_add_func("/hypertrace/region/config[R2]", test_config);
    qtest_add_func("/hypertrace/region/bar-size[R3]", test_bar_size);
    qtest_add_func("/hypertrace/region/header[R2][R4]", test_header);
    qtest_add_func("/hypertrace/region/cpu-store[R1]", test_cpu_store);
    qtest_add_func("/hypertrace/region/dma[R1]", test_dma);
    qtest_add_func("/hypertrace/region/kvm-slot[R1]", test_kvm_slot);
    qtest_add_func("/hypertrace/region/own-dma[R1]", test_own_dma);
    qtest_add_func("/hypertrace/region/monitor", test_monitor);
    qtest_add_func("/hypertrace/region/q35", test_q35);
}
