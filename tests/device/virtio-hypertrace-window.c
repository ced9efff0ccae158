// SPDX-License-Identifier: GPL-2.0-only
/* The window: where it may lie, who reaches it, and how it changes places. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)
#define PCI_RNG         (0x1040 + 4)
#define PATTERN         0x5a17c0de5a17c0deULL

/* A window of the smallest size in a region of the smallest size for it. */
#define WINDOW_ADDR     0x2000000ULL
#define WINDOW_SIZE     0x200000ULL
#define REGION_SIZE     0x800000ULL
#define GUEST_END       0x400000ULL

static Vm *start_with_window(const char *args)
{
    char *tmp = vm_tmp_dir();
    Vm *vm = vm_start_in(tmp, "%s -device virtio-hypertrace,id=ht,size=8M,"
                         "window-addr=32M,window-size=2M,addr=9,dir=%s/vm",
                         args, tmp);

    return vm;
}

static uint64_t *place(Vm *vm, int i)
{
    return (uint64_t *)(vm->region + vm->header->window_offset[i]);
}

static bool is_zero(const void *data, size_t len)
{
    const uint8_t *p = data;

    while (len--) {
        if (*p++) {
            return false;
        }
    }
    return true;
}

/* A reset that counts: one after firmware placed the region. */
static void reset(Vm *vm)
{
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_system_reset(vm->qts);
}

/* Each of these cannot be, and the message says why [W1]. */
static void test_refused(void)
{
    static const struct {
        const char *args;
        const char *window;
        const char *says;
    } bad[] = {
        { "", "window-addr=32M", "Give both" },
        { "", "window-size=2M", "Give both" },
        { "", "window-addr=0,window-size=2M", "Give both" },
        { "", "window-addr=33M,window-size=2M", "multiples of 2 MiB" },
        { "", "window-addr=0x2001000,window-size=2M", "multiples of 2 MiB" },
        { "", "window-addr=32M,window-size=3M", "multiples of 2 MiB" },
        { "", "window-addr=32M,window-size=4K", "multiples of 2 MiB" },
        { "", "window-addr=32M,window-size=2M,size=6M", "twice the window" },
        { "", "window-addr=32M,window-size=32M", "twice the window" },
        { "", "window-addr=32M,window-size=0x8000000000000000",
          "twice the window" },
        { "", "window-addr=32M,window-size=0xffffffffffe00000",
          "twice the window" },
        { "-object memory-backend-memfd,id=m,size=6M,share=on",
          "window-addr=32M,window-size=2M,memdev=m", "twice the window" },
        { "", "window-addr=64M,window-size=2M", "no guest RAM" },
        { "", "window-addr=62M,window-size=4M", "at 0x4000000 is no guest" },
        { "-m 4G", "window-addr=3G,window-size=2M", "no guest RAM" },
        { "-m 4G", "window-addr=3070M,window-size=4M", "no guest RAM" },
        { "", "window-addr=0xffe00000,window-size=2M", "no guest RAM" },
        { "", "window-addr=0xffffffffffe00000,window-size=2M", "no guest RAM" },
        { "", "window-addr=0xffffffffffe00000,window-size=4M", "no guest RAM" },
        /* RAM that can be taken out of the machine */
        { "-m 64,slots=1,maxmem=1G -object memory-backend-ram,id=d,size=128M "
          "-device pc-dimm,memdev=d",
          "window-addr=4G,window-size=2M", "no guest RAM" },
        { "-device virtio-hypertrace,dir=%s2,window-addr=34M,window-size=4M",
          "window-addr=32M,window-size=4M", "another device's window" },
        { "-device virtio-hypertrace,dir=%s2,window-addr=32M,window-size=4M",
          "window-addr=34M,window-size=2M", "another device's window" },
    };
    int i;

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *tmp = vm_tmp_dir();
        g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
        g_auto(GStrv) parts = g_strsplit(bad[i].args, "%s", -1);
        g_autofree char *args = g_strjoinv(dir, parts);
        g_autofree char *err = vm_run_to_error("-m 64 %s -device "
                                               "virtio-hypertrace,dir=%s,%s",
                                               args, dir, bad[i].window);

        if (!strstr(err, bad[i].says)) {
            g_error("%s %s: expected '%s' in: %s", bad[i].args, bad[i].window,
                    bad[i].says, err);
        }
        /* nothing is left behind */
        g_assert(!g_file_test(dir, G_FILE_TEST_EXISTS));
        vm_remove_tree(tmp);
    }
}

/* And these can: up to the last byte of RAM, above 4 GiB, across NUMA nodes. */
static void test_accepted(void)
{
    static const struct {
        const char *args;
        const char *window;
        uint64_t addr;
    } good[] = {
        { "", "window-addr=2M,window-size=2M", 2 * MiB },
        { "", "window-addr=0x3e00000,window-size=0x200000", 62 * MiB },
        { "", "window-addr=32M,window-size=32M,size=68M", 32 * MiB },
        { "-m 4G", "window-addr=3070M,window-size=2M", 3070 * MiB },
        { "-m 4G", "window-addr=4G,window-size=2M", 4 * GiB },
        { "-object memory-backend-ram,id=n0,size=32M "
          "-object memory-backend-ram,id=n1,size=32M "
          "-numa node,memdev=n0 -numa node,memdev=n1",
          "window-addr=30M,window-size=4M", 30 * MiB },
        { "-device virtio-hypertrace,dir=%s2,window-addr=36M,window-size=4M",
          "window-addr=32M,window-size=4M", 32 * MiB },
    };
    int i;

    for (i = 0; i < G_N_ELEMENTS(good); i++) {
        char *tmp = vm_tmp_dir();
        g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
        g_auto(GStrv) parts = g_strsplit(good[i].args, "%s", -1);
        g_autofree char *args = g_strjoinv(dir, parts);
        Vm *vm = vm_start_in(tmp, "%s -device virtio-hypertrace,dir=%s,%s",
                             args, dir, good[i].window);

        g_assert_cmphex(vm->header->window_addr, ==, good[i].addr);
        qtest_writeq(vm->qts, good[i].addr, PATTERN);
        g_assert_cmphex(*place(vm, 0), ==, PATTERN);
        vm_end(vm);
    }
}

/* What the header says of it; and nothing, where there is none [R8]. */
static void test_header(void)
{
    Vm *vm = start_with_window("");
    struct vht_host_header *h = vm->header;

    g_assert_cmphex(h->features, ==,
                    VHT_FEATURE_WINDOW | VHT_FEATURE_CLOCK_LINE);
    g_assert_cmphex(h->region_size, ==, REGION_SIZE);
    g_assert_cmphex(h->guest_end, ==, GUEST_END);
    g_assert_cmphex(h->window_addr, ==, WINDOW_ADDR);
    g_assert_cmphex(h->window_size, ==, WINDOW_SIZE);
    g_assert_cmphex(h->window_offset[0], ==, GUEST_END);
    g_assert_cmphex(h->window_offset[1], ==, GUEST_END + WINDOW_SIZE);
    g_assert_cmpint(h->window_epoch[0], ==, 1);
    g_assert_cmpint(h->window_epoch[1], ==, 0);
    vm_end(vm);

    vm = vm_start(" ");
    h = vm->header;
    g_assert_cmphex(h->features, ==, VHT_FEATURE_CLOCK_LINE);
    g_assert_cmphex(h->guest_end, ==, VM_SIZE);
    g_assert_cmphex(h->window_size, ==, 0);
    g_assert_cmphex(h->window_offset[0], ==, 0);
    g_assert_cmpint(h->window_epoch[0], ==, 0);
    vm_end(vm);
}

/* A CPU's stores, all of the window and nothing else [W2]. */
static void test_cpu_store(void)
{
    Vm *vm = start_with_window("");
    g_autofree uint8_t *before = NULL;
    uint64_t at;

    for (at = 0; at < WINDOW_SIZE; at += 4096) {
        qtest_writeq(vm->qts, WINDOW_ADDR + at, PATTERN + at);
        g_assert_cmphex(place(vm, 0)[at / 8], ==, PATTERN + at);
        qtest_writeb(vm->qts, WINDOW_ADDR + at + 4095, 0x99);
        g_assert_cmphex(((uint8_t *)place(vm, 0))[at + 4095], ==, 0x99);
    }
    /* what the host writes, the guest reads */
    place(vm, 0)[17] = 0xc0ffee;
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR + 17 * 8), ==, 0xc0ffee);

    /* RAM begins again on both sides */
    before = g_malloc(REGION_SIZE - GUEST_END);
    memcpy(before, vm->region + GUEST_END, REGION_SIZE - GUEST_END);
    qtest_writeq(vm->qts, WINDOW_ADDR - 8, PATTERN);
    qtest_writeq(vm->qts, WINDOW_ADDR + WINDOW_SIZE, PATTERN);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR - 8), ==, PATTERN);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR + WINDOW_SIZE), ==,
                    PATTERN);
    g_assert_cmpmem(before, REGION_SIZE - GUEST_END, vm->region + GUEST_END,
                    REGION_SIZE - GUEST_END);
    g_assert(is_zero(place(vm, 1), WINDOW_SIZE));
    vm_end(vm);
}

/* Another device's DMA [W2], also across the window's end. */
static void test_dma(void)
{
    Vm *vm = start_with_window("-device virtio-rng-pci,disable-legacy=on");
    const uint8_t *end = (uint8_t *)place(vm, 0) + WINDOW_SIZE;
    VirtioDev rng;

    virtio_find(&rng, vm->qts, PCI_RNG, VM_BAR_MODERN + 0x100000);
    virtio_start(&rng);
    virtio_put(&rng, 0, WINDOW_ADDR, 64, true);
    g_assert_cmpint(virtio_wait(&rng, 0), ==, 64);
    g_assert(!is_zero(place(vm, 0), 64));
    virtio_put(&rng, 0, WINDOW_ADDR + WINDOW_SIZE - 64, 128, true);
    g_assert_cmpint(virtio_wait(&rng, 0), ==, 128);
    g_assert(!is_zero(end - 64, 64));
    g_assert(is_zero(end, 64));
    vm_end(vm);
}

/* The BAR ends where the driver's part does: the window is not in it. */
static void test_not_in_bar(void)
{
    Vm *vm = start_with_window("");
    uint64_t at;

    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    g_assert_cmphex(vm->dev.shm_length, ==, REGION_SIZE);
    qtest_writeq(vm->qts, VM_BAR_REGION + GUEST_END - 8, PATTERN);
    g_assert_cmphex(*(uint64_t *)(vm->region + GUEST_END - 8), ==, PATTERN);
    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN);
    for (at = GUEST_END; at < REGION_SIZE; at += 0x10000) {
        qtest_writeq(vm->qts, VM_BAR_REGION + at, 0x17);
        g_assert_cmphex(*(uint64_t *)(vm->region + at), ==,
                        at == GUEST_END ? PATTERN : 0);
    }
    g_assert_cmphex(qtest_readq(vm->qts, VM_BAR_REGION + GUEST_END), !=,
                    PATTERN);
    vm_end(vm);
}

/* KVM gets a writable slot for it: vCPUs do not exit. */
static void test_kvm_slot(void)
{
    g_autofree char *tmp = NULL;
    g_autofree char *log = NULL;
    g_autofree char *text = NULL;
    const char *line;
    Vm *vm;

    if (!qtest_has_accel("kvm") || access("/dev/kvm", R_OK | W_OK) < 0) {
        g_test_skip("no KVM on this machine");
        return;
    }
    tmp = vm_tmp_dir();
    log = g_build_filename(tmp, "log", NULL);
    vm = vm_start_in(g_strdup(tmp), "-accel kvm -S -D %s -trace "
                     "kvm_set_user_memory -device virtio-hypertrace,size=8M,"
                     "window-addr=32M,window-size=2M,dir=%s/vm", log, tmp);
    vm_quit(vm);
    g_assert(g_file_get_contents(log, &text, NULL, NULL));
    line = strstr(text, "gpa=0x2000000 size=0x200000 ");
    g_assert_nonnull(line);
    g_assert_nonnull(g_strstr_len(text, line - text, "flags=0x0"));
    vm_end(vm);
}

/* Each life finds it empty; the life before stays until the next reset [W3]. */
static void test_turn(void)
{
    Vm *vm = start_with_window("");
    uint64_t last = WINDOW_SIZE / 8 - 1;
    int epoch, now;

    for (epoch = 1; epoch < 6; epoch++) {
        now = (epoch - 1) % 2;
        g_assert_cmpint(vm->header->epoch, ==, epoch);
        g_assert_cmpint(vm->header->window_epoch[now], ==, epoch);
        g_assert_cmpint(vm->header->window_epoch[!now], ==, epoch - 1);
        g_assert(is_zero(place(vm, now), WINDOW_SIZE));
        g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, 0);
        if (epoch > 1) {
            g_assert_cmphex(place(vm, !now)[0], ==, PATTERN + epoch - 1);
            g_assert_cmphex(place(vm, !now)[last], ==, PATTERN + epoch - 1);
        }
        qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN + epoch);
        qtest_writeq(vm->qts, WINDOW_ADDR + last * 8, PATTERN + epoch);
        g_assert_cmphex(place(vm, now)[0], ==, PATTERN + epoch);
        g_assert_cmphex(place(vm, now)[last], ==, PATTERN + epoch);
        g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, PATTERN + epoch);

        /* a reset that belongs to the one before it turns nothing [D3] */
        if (epoch > 1) {
            qtest_system_reset(vm->qts);
            g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==,
                            PATTERN + epoch);
        }
        reset(vm);
    }
    vm_end(vm);
}

/*
 * A place that is written anew is nobody's meanwhile [W3]. We read while QEMU
 * turns the window: what we get must be of the epoch found before and after.
 */
static void test_turn_with_reader(void)
{
    /* a window so large that it takes a while */
    char *tmp = vm_tmp_dir();
    Vm *vm = vm_start_in(tmp, "-device virtio-hypertrace,size=68M,"
                         "window-addr=32M,window-size=32M,dir=%s/vm", tmp);
    struct vht_host_header *h = vm->header;
    int i, epoch, seen = 0;
    uint64_t word;

    for (epoch = 1; epoch < 10; epoch++) {
        qtest_writeq(vm->qts, WINDOW_ADDR, epoch);
        virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
        qtest_qmp_send(vm->qts, "{ 'execute': 'system_reset' }");
        /* while QEMU works on it */
        while (qatomic_read(&h->epoch) == epoch) {
            for (i = 0; i < 2; i++) {
                uint32_t before = qatomic_load_acquire(&h->window_epoch[i]);

                word = qatomic_read(place(vm, i));
                smp_rmb();
                if (before && before <= epoch &&
                    qatomic_read(&h->window_epoch[i]) == before) {
                    g_assert_cmpint(word, ==, before);
                    seen++;
                }
            }
        }
        qtest_qmp_eventwait(vm->qts, "RESET");
    }
    g_assert_cmpint(seen, >, 0);
    vm_end(vm);
}

/* Waking up from S3 goes on with the same window. */
static void test_suspend(void)
{
    Vm *vm = start_with_window("");

    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN);
    vm_suspend(vm);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, PATTERN);
    g_assert_cmpint(vm->header->window_epoch[0], ==, 1);
    g_assert_cmpint(vm->header->window_epoch[1], ==, 0);
    vm_end(vm);
}

/* In a file that was used before: offsets as in the header, an empty window. */
static void test_backend(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *path = g_build_filename(tmp, "memory", NULL);
    g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
    uint64_t offset = 2 * MiB + GUEST_END;
    g_autofree char *old = g_malloc(offset + 2 * WINDOW_SIZE);
    g_autofree char *data = NULL;
    Vm *vm;

    memset(old, 0xee, offset + 2 * WINDOW_SIZE);
    g_assert(g_file_set_contents(path, old, offset + 2 * WINDOW_SIZE, NULL));
    vm = vm_start_in(g_strdup(tmp), "-object memory-backend-file,id=m,share=on,"
                     "size=8M,offset=2M,mem-path=%s -device virtio-hypertrace,"
                     "memdev=m,window-addr=32M,window-size=2M,dir=%s", path,
                     dir);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, 0);
    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN);
    reset(vm);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, 0);
    qtest_writeq(vm->qts, WINDOW_ADDR + 8, PATTERN);
    /* not through the BAR either */
    qtest_writeq(vm->qts, VM_BAR_REGION + GUEST_END, 0x17);
    g_assert(g_file_get_contents(path, &data, NULL, NULL));
    g_assert_cmphex(*(uint64_t *)(data + offset), ==, PATTERN);
    g_assert_cmphex(*(uint64_t *)(data + offset + 8), ==, 0);
    g_assert_cmphex(*(uint64_t *)(data + offset + WINDOW_SIZE), ==, 0);
    g_assert_cmphex(*(uint64_t *)(data + offset + WINDOW_SIZE + 8), ==,
                    PATTERN);
    vm_end(vm);
}

/* Not over the RAM of a machine that runs, with which its guest works. */
static void test_hotplug(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *dir = g_build_filename(tmp, "plugged", NULL);
    Vm *vm = vm_start_in(g_strdup(tmp), " ");
    const char *says;
    QDict *rsp;

    rsp = qtest_qmp(vm->qts, "{ 'execute': 'device_add', 'arguments': { "
                    "'driver': 'virtio-hypertrace', 'id': 'plug', 'dir': %s, "
                    "'window-addr': 33554432, 'window-size': 2097152 } }", dir);
    says = qdict_get_str(qdict_get_qdict(rsp, "error"), "desc");
    g_assert_nonnull(strstr(says, "cannot be laid over"));
    qobject_unref(rsp);
    g_assert(!g_file_test(dir, G_FILE_TEST_EXISTS));
    vm_end(vm);
}

/*
 * The host cannot take it from under the guest. The guest can eject what it
 * wants, and has its RAM again.
 */
static void test_unplug(void)
{
    Vm *vm = start_with_window("");
    const char *says;
    QDict *rsp;
    VmRecord r;

    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN);
    rsp = qtest_qmp(vm->qts, "{ 'execute': 'device_del', 'arguments': { "
                    "'id': 'ht' } }");
    says = qdict_get_str(qdict_get_qdict(rsp, "error"), "desc");
    g_assert_nonnull(strstr(says, "window"));
    qobject_unref(rsp);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, PATTERN);

    qtest_outl(vm->qts, 0xae08, 1 << 9);
    vm_wait_event(vm, VHT_VMM_ENDED, &r);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, 0);
    qtest_writeq(vm->qts, WINDOW_ADDR, 0x17);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, 0x17);
    g_assert_cmphex(*place(vm, 0), ==, PATTERN);
    qtest_system_reset(vm->qts);
    vm_alive(vm);
    vm_end(vm);
}

/* savevm, loadvm: the window goes back with the rest of RAM [W4]. */
static void test_savevm(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *disk = g_build_filename(tmp, "disk.qcow2", NULL);
    struct vht_host_header *h;
    Vm *vm;

    g_assert(mkimg(disk, "qcow2", 16));
    /* -S: the real firmware must not come in between */
    vm = vm_start_in(g_strdup(tmp), "-accel tcg -S -drive if=none,file=%s "
                     "-device virtio-hypertrace,size=8M,window-addr=32M,"
                     "window-size=2M,dir=%s/vm", disk, tmp);
    h = vm->header;
    reset(vm);
    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN + 2);
    vm_hmp(vm, "savevm two");
    reset(vm);
    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN + 3);
    g_assert_cmpint(h->window_epoch[0], ==, 3);

    vm_hmp(vm, "loadvm two");
    g_assert_cmpint(h->epoch, ==, 4);
    g_assert_cmphex(qtest_readq(vm->qts, WINDOW_ADDR), ==, PATTERN + 2);
    /* it was in place 1 then */
    g_assert_cmphex(*place(vm, 1), ==, PATTERN + 2);
    g_assert_cmpint(h->window_epoch[1], ==, 4);
    g_assert_cmpint(h->window_epoch[0], ==, 0);
    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN + 4);
    g_assert_cmphex(*place(vm, 1), ==, PATTERN + 4);
    reset(vm);
    g_assert_cmpint(h->window_epoch[0], ==, 5);
    g_assert_cmpint(h->window_epoch[1], ==, 4);
    g_assert(is_zero(place(vm, 0), WINDOW_SIZE));
    g_assert_cmphex(*place(vm, 1), ==, PATTERN + 4);
    vm_end(vm);
}

/* Where loading fails half-way, the window is of no known time. */
static void test_loadvm_fails(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *disk = g_build_filename(tmp, "disk.qcow2", NULL);
    g_autofree char *args = g_strdup_printf("-accel tcg -S -drive if=none,"
                                            "file=%s -device virtio-hypertrace,"
                                            "size=8M,window-size=2M,dir=%s/vm",
                                            disk, tmp);
    g_autofree char *out = NULL;
    Vm *vm;

    g_assert(mkimg(disk, "qcow2", 16));
    vm = vm_start_in(g_strdup(tmp), "%s,window-addr=32M", args);
    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN);
    vm_hmp(vm, "savevm one");
    vm_free(vm);
    vm = vm_start_in(g_strdup(tmp), "%s,window-addr=34M", args);
    g_assert_cmpint(vm->header->window_epoch[0], ==, 1);
    out = qtest_hmp(vm->qts, "loadvm one");
    g_assert_nonnull(strstr(out, "rror"));
    g_assert_cmpint(vm->header->epoch, ==, 1);
    g_assert_cmpint(vm->header->window_epoch[0], ==, 0);
    g_assert_cmpint(vm->header->window_epoch[1], ==, 0);
    vm_end(vm);
}

static Vm *start_and_fill(const char *args, int epoch)
{
    Vm *vm = start_with_window(args);

    while (vm->header->epoch < epoch) {
        reset(vm);
    }
    qtest_writeq(vm->qts, WINDOW_ADDR, PATTERN);
    qtest_writeq(vm->qts, WINDOW_ADDR + WINDOW_SIZE - 8, PATTERN + 1);
    return vm;
}

/* It arrives in the place where it was, and is nobody's until it has [W4]. */
static void check_migration(const char *args, int epoch)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *file = g_build_filename(tmp, "state", NULL);
    g_autofree char *to_args = g_strdup_printf("%s -incoming defer", args);
    Vm *from = start_and_fill(args, epoch), *to;
    int now = !(epoch % 2);

    vm_migrate_away(from, file);
    to = start_with_window(to_args);
    g_assert_cmpint(to->header->window_epoch[0], ==, 0);
    g_assert_cmpint(to->header->window_epoch[1], ==, 0);
    vm_migrate_in(to, file);
    g_assert_cmpint(to->header->epoch, ==, epoch + 1);
    g_assert_cmphex(qtest_readq(to->qts, WINDOW_ADDR), ==, PATTERN);
    g_assert_cmphex(place(to, now)[0], ==, PATTERN);
    g_assert_cmphex(place(to, now)[WINDOW_SIZE / 8 - 1], ==, PATTERN + 1);
    g_assert_cmpint(to->header->window_epoch[now], ==, epoch + 1);
    g_assert_cmpint(to->header->window_epoch[!now], ==, 0);
    qtest_writeq(to->qts, WINDOW_ADDR, 0x17);
    g_assert_cmphex(place(to, now)[0], ==, 0x17);
    vm_remove_tree(tmp);
    vm_end(from);
    vm_end(to);
}

static void test_migrate(void)
{
    check_migration("", 1);
    check_migration("", 2);
}

static void test_migrate_tcg(void)
{
    check_migration("-accel tcg -S", 2);
}

/*
 * A reset when all of RAM was sent once: the destination gets the empty window,
 * not what was sent before it [W4].
 */
static void test_migrate_and_reset(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *uri = g_strdup_printf("unix:%s/migrate", tmp);
    Vm *from = start_and_fill("", 3), *to = start_with_window("-incoming defer");

    qtest_qmp_assert_success(to->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s } }", uri);
    /* place 0 has something, and is the next one */
    reset(from);
    qtest_qmp_assert_success(from->qts, "{ 'execute': "
        "'migrate-set-capabilities', 'arguments': { 'capabilities': [ "
        "{ 'capability': 'pause-before-switchover', 'state': true } ] } }");
    qtest_qmp_assert_success(from->qts, "{ 'execute': 'migrate', 'arguments': "
                             "{ 'uri': %s } }", uri);
    vm_wait_migrate_status(from, "pre-switchover");
    g_assert_cmphex(*place(from, 0), ==, PATTERN);
    reset(from);
    g_assert_cmphex(*place(from, 0), ==, 0);
    qtest_writeq(from->qts, WINDOW_ADDR + 0x1000, PATTERN + 5);
    qtest_qmp_assert_success(from->qts, "{ 'execute': 'migrate-continue', "
                             "'arguments': { 'state': 'pre-switchover' } }");
    vm_wait_migrate_status(from, "completed");
    vm_wait_migrate_status(to, "completed");
    g_assert_cmphex(qtest_readq(to->qts, WINDOW_ADDR), ==, 0);
    g_assert_cmphex(qtest_readq(to->qts, WINDOW_ADDR + 0x1000), ==,
                    PATTERN + 5);
    vm_remove_tree(tmp);
    vm_end(from);
    vm_end(to);
}

/* A destination whose window is another one cannot take the VM [W4]. */
static void test_migrate_other(void)
{
    static const struct {
        const char *from;
        const char *to;
        const char *says;
    } other[] = {
        { "window-addr=32M,window-size=2M", "window-addr=34M,window-size=2M",
          "has its window at 0x2000000" },
        { "bar-size=4G", "window-addr=32M,window-size=2M",
          "has its window at 0x0" },
        { "window-addr=32M,window-size=2M", "bar-size=4G",
          "load of migration failed" },
        { "window-addr=32M,window-size=2M", "window-addr=32M,window-size=4M,"
          "size=12M", "load of migration failed" },
    };
    int i;

    for (i = 0; i < G_N_ELEMENTS(other); i++) {
        g_autofree char *tmp = vm_tmp_dir();
        g_autofree char *file = g_build_filename(tmp, "state", NULL);
        Vm *from = vm_start_in(g_strdup(tmp), "-device virtio-hypertrace,"
                               "size=8M,%s,dir=%s/vm", other[i].from, tmp);
        g_autofree char *err = NULL;

        vm_migrate_away(from, file);
        err = vm_run_to_error("-m 64 -incoming file:%s -device "
                              "virtio-hypertrace,size=8M,%s,dir=%s/to", file,
                              other[i].to, tmp);
        if (!strstr(err, other[i].says)) {
            g_error("%s: expected '%s' in: %s", other[i].to, other[i].says,
                    err);
        }
        vm_end(from);
    }
}

void add_window_tests(void)
{
    qtest_add_func("/hypertrace/window/refused[W1]", test_refused);
    qtest_add_func("/hypertrace/window/accepted[W1]", test_accepted);
    qtest_add_func("/hypertrace/window/header[R8]", test_header);
    qtest_add_func("/hypertrace/window/cpu-store[W2]", test_cpu_store);
    qtest_add_func("/hypertrace/window/dma[W2]", test_dma);
    qtest_add_func("/hypertrace/window/not-in-bar[R8]", test_not_in_bar);
    qtest_add_func("/hypertrace/window/kvm-slot[W2]", test_kvm_slot);
    qtest_add_func("/hypertrace/window/turn[W3]", test_turn);
    qtest_add_func("/hypertrace/window/turn-with-reader[W3]",
                   test_turn_with_reader);
    qtest_add_func("/hypertrace/window/suspend[D3]", test_suspend);
    qtest_add_func("/hypertrace/window/backend[W3]", test_backend);
    qtest_add_func("/hypertrace/window/hotplug[W1]", test_hotplug);
    qtest_add_func("/hypertrace/window/unplug", test_unplug);
    if (have_qemu_img()) {
        qtest_add_func("/hypertrace/window/savevm[W4]", test_savevm);
        qtest_add_func("/hypertrace/window/loadvm-fails[W3]",
                       test_loadvm_fails);
    }
    qtest_add_func("/hypertrace/window/migrate[W4]", test_migrate);
    qtest_add_func("/hypertrace/window/migrate-tcg[W4]", test_migrate_tcg);
    qtest_add_func("/hypertrace/window/migrate-and-reset[W4]",
                   test_migrate_and_reset);
    qtest_add_func("/hypertrace/window/migrate-other[W4]", test_migrate_other);
}
