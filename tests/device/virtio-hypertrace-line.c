// SPDX-License-Identifier: GPL-2.0-only
/* The clock line: the host's time as the guest is told to compute it [D12]. */
#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/host-utils.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)

/* The line, in one piece. */
typedef struct Line {
    uint32_t sequence;
    struct vht_clock_segment segment[2];
} Line;

/* As a reader in the guest does it. */
static void read_line(Vm *vm, Line *out)
{
    const struct vht_clock_line *line = &vm->header->clock_line;

    do {
        out->sequence = qatomic_load_acquire(&line->sequence);
        memcpy(out->segment, line->segments[out->sequence & 1],
               sizeof(out->segment));
        smp_rmb();
    } while (qatomic_read(&line->sequence) != out->sequence);
}

static uint64_t line_at(const Line *line, uint64_t counter)
{
    const struct vht_clock_segment *s = line->segment;
    uint64_t low, high;

    s += (int64_t)(counter - s[1].counter) >= 0;
    muls64(&low, &high, counter - s->counter, s->mult);
    return s->mono_ns + (high << 32 | low >> 32);
}

/* How far the line is ahead of a record, in ns */
static int64_t error_at(const Line *line, const struct vht_clock_record *r)
{
    return line_at(line, r->counter) - r->mono_ns;
}

static bool is_step(const Line *line)
{
    return !memcmp(&line->segment[0], &line->segment[1],
                   sizeof(line->segment[0]));
}

/* The record of this reason, and the line that came with it */
static void wait_line(Vm *vm, uint16_t reason, struct vht_clock_record *r,
                      Line *line)
{
    VmRecord record;

    vm_wait_clock(vm, reason, &record);
    *r = record.clock;
    read_line(vm, line);
    g_assert_cmpint(line->sequence, !=, 0);
    g_assert_cmpint(line->segment[0].mult, >, 0);
    g_assert_cmpint(line->segment[1].mult, >, 0);
}

/* A line that begins with a record, which is where it was set. */
static void check_new(const Line *line, const struct vht_clock_record *r)
{
    g_assert(is_step(line));
    g_assert_cmpint(error_at(line, r), ==, 0);
}

/*
 * What was read by the line before, up to the record, is not later than what is
 * read by the new one from there on.
 */
static void check_never_back(const Line *before, const Line *after,
                             const struct vht_clock_record *r)
{
    uint64_t joint = after->segment[1].counter, i;

    if (is_step(after)) {
        g_assert_cmpint(line_at(after, r->counter), >=,
                        line_at(before, r->counter));
        return;
    }
    if (after->sequence == before->sequence) {
        return;
    }
    g_assert_cmpmem(&after->segment[0], sizeof(after->segment[0]),
                    &before->segment[1], sizeof(before->segment[1]));
    g_assert_cmpint((int64_t)(joint - r->counter), >, 0);
    g_assert_cmpint(line_at(after, joint), ==, line_at(before, joint));
    for (i = 0; i < 1000; i++) {
        g_assert_cmpint(line_at(after, joint - i), ==,
                        line_at(before, joint - i));
        g_assert_cmpint(line_at(after, joint - i), <=,
                        line_at(after, joint - i + 1));
        g_assert_cmpint(line_at(after, joint + i), <=,
                        line_at(after, joint + i + 1));
    }
}

/*
 * Several seconds: each line goes on where the last one was, none is off by
 * more than what the first second's rate may be wrong by.
 */
static void check_goes_on(Vm *vm, int count)
{
    struct vht_clock_record r;
    Line before, after;

    wait_line(vm, VHT_CLOCK_REASON_START, &r, &before);
    g_assert_cmphex(vm->header->features & VHT_FEATURE_CLOCK_LINE, !=, 0);
    check_new(&before, &r);
    while (count--) {
        wait_line(vm, VHT_CLOCK_REASON_PERIODIC, &r, &after);
        g_test_message("error=%" PRId64 " of +-%u ns",
                       error_at(&before, &r), r.error_ns);
        g_assert_cmpint(after.sequence, ==, before.sequence + 1);
        g_assert(!is_step(&after));
        g_assert_cmpint(ABS(error_at(&before, &r)), <, 100000);
        g_assert_cmpint(ABS(error_at(&after, &r)), <, 100000);
        check_never_back(&before, &after, &r);
        before = after;
    }
}

static void test_tcg(void)
{
    Vm *vm = vm_start("-accel tcg -smp 2");

    check_goes_on(vm, 4);
    vm_end(vm);
}

static void test_kvm(void)
{
    Vm *vm;

    if (!qtest_has_accel("kvm") || access("/dev/kvm", R_OK | W_OK) < 0) {
        g_test_skip("no KVM on this machine");
        return;
    }
    vm = vm_start("-accel kvm -smp 2");
    check_goes_on(vm, 4);
    vm_end(vm);
}

/* It is there before a vCPU runs: nothing has run when it first is. */
static void test_before_running(void)
{
    Vm *vm = vm_start("-S -accel tcg");
    struct vht_clock_record r;
    VmRecord record;
    Line line;

    g_assert_cmpint(vm->header->clock_line.sequence, ==, 0);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    wait_line(vm, VHT_CLOCK_REASON_START, &r, &line);
    vm_wait_event(vm, VHT_VMM_RUNNING, &record);
    g_assert_cmpint(record.event.counter, >=, line.segment[0].counter);
    vm_end(vm);
}

/* Where the VM stood still the line steps forwards, by the pause. */
static void test_stop(void)
{
    Vm *vm = vm_start("-accel tcg");
    struct vht_clock_record r, stopped;
    Line before, after;
    VmRecord record;
    int i;

    wait_line(vm, VHT_CLOCK_REASON_START, &r, &before);
    for (i = 0; i < 20; i++) {
        read_line(vm, &before);
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
        vm_wait_clock(vm, VHT_CLOCK_REASON_STOP, &record);
        stopped = record.clock;
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
        wait_line(vm, VHT_CLOCK_REASON_RESUME, &r, &after);
        check_new(&after, &r);
        check_never_back(&before, &after, &stopped);
        g_assert_cmpint(line_at(&after, stopped.counter) -
                        line_at(&before, stopped.counter), >,
                        (r.mono_ns - stopped.mono_ns) / 2);
    }
    vm_end(vm);
}

/* A reset, and a load, whose counter is one of the past. */
static void test_set(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *disk = g_build_filename(tmp, "disk.qcow2", NULL);
    struct vht_clock_record first, r;
    Line line;
    Vm *vm;

    g_assert(mkimg(disk, "qcow2", 16));
    /* no firmware runs: it would be at the PCI registers together with us */
    vm = vm_start_in(g_strdup(tmp), "-drive if=none,file=%s", disk);
    vm_hmp(vm, "savevm one");
    wait_line(vm, VHT_CLOCK_REASON_RESUME, &first, &line);
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_reset' }");
    wait_line(vm, VHT_CLOCK_REASON_RESET, &r, &line);
    check_new(&line, &r);
    wait_line(vm, VHT_CLOCK_REASON_PERIODIC, &r, &line);
    vm_hmp(vm, "loadvm one");
    wait_line(vm, VHT_CLOCK_REASON_MIGRATION, &r, &line);
    check_new(&line, &r);
    g_assert_cmpint(line_at(&line, first.counter), >, first.mono_ns);
    vm_end(vm);
}

/* With icount nothing but points is known: the line follows, and not back. */
static void check_icount(const char *options)
{
    Vm *vm = vm_start("-accel tcg -icount %s", options);
    struct vht_clock_record r;
    Line before, after;
    int i;

    wait_line(vm, VHT_CLOCK_REASON_START, &r, &before);
    check_new(&before, &r);
    for (i = 0; i < 4; i++) {
        wait_line(vm, VHT_CLOCK_REASON_PERIODIC, &r, &after);
        g_test_message("icount %s: error=%" PRId64 " ns", options,
                       error_at(&before, &r));
        check_never_back(&before, &after, &r);
        before = after;
    }
    vm_end(vm);
}

static void test_icount(void)
{
    check_icount("shift=0");
    check_icount("shift=10");
    check_icount("shift=3,sleep=off");
}

/* A guest's stores to the line come to nothing [R1]. */
static void test_store(void)
{
    Vm *vm = vm_start(" ");     /* no firmware runs: the BARs stay */
    struct vht_clock_record r;
    Line before, after;
    uint64_t at;

    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    wait_line(vm, VHT_CLOCK_REASON_PERIODIC, &r, &before);
    for (at = 0; at < sizeof(struct vht_clock_line); at += 8) {
        qtest_writeq(vm->qts, VM_BAR_REGION + at +
                     offsetof(struct vht_host_header, clock_line), 0xbad);
    }
    wait_line(vm, VHT_CLOCK_REASON_PERIODIC, &r, &after);
    check_never_back(&before, &after, &r);
    /* what the guest reads there is the same */
    g_assert_cmphex(qtest_readl(vm->qts, VM_BAR_REGION +
                    offsetof(struct vht_host_header, clock_line)), >=,
                    after.sequence);
    vm_end(vm);
}

void add_line_tests(void)
{
    qtest_add_func("/hypertrace/line/tcg[D12]", test_tcg);
    qtest_add_func("/hypertrace/line/kvm[D12]", test_kvm);
    qtest_add_func("/hypertrace/line/before-running[D12]",
                   test_before_running);
    qtest_add_func("/hypertrace/line/stop[D12]", test_stop);
    qtest_add_func("/hypertrace/line/set[D12]", test_set);
    qtest_add_func("/hypertrace/line/icount[D12]", test_icount);
    qtest_add_func("/hypertrace/line/store[R1][D12]", test_store);
}
