// SPDX-License-Identifier: GPL-2.0-only
/* The life of a VM as its vmm stream tells it: epochs, events, clock records. */
#include "qemu/osdep.h"
#include <math.h>
#include "qobject/qdict.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)

/* Every step of a life, in order, with what belongs to it [D3][D4]. */
static void test_events(void)
{
    static const struct {
        uint32_t type;
        uint32_t epoch;
        const char *text;
    } life[] = {
        { VHT_VMM_PROCESS, 1, "" },
        { VHT_VMM_CREATED, 1, "" },
        { VHT_VMM_MACHINE_READY, 1, "" },
        { VHT_VMM_RUNNING, 1, "running" },
        { VHT_VMM_STOPPED, 1, "paused" },
        { VHT_VMM_RUNNING, 1, "running" },
        { VHT_VMM_DRIVER_UP, 1, "6.12" },
        { VHT_VMM_DRIVER_GONE, 1, "reset" },
        { VHT_VMM_RESET, 2, "host-qmp-system-reset" },
        { VHT_VMM_READER_ATTACHED, 2, "" },
        { VHT_VMM_READER_DETACHED, 2, "" },
        { VHT_VMM_SHUTDOWN, 2, "host-qmp-quit" },
        { VHT_VMM_STOPPED, 2, "shutdown" },
        { VHT_VMM_ENDED, 2, "" },
    };
    Vm *vm = vm_start(" ");
    uint64_t sequence = 0, last_ns = 0;
    int reader, i = 0;
    VmRecord r;

    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    g_assert_cmpint(vm->header->epoch, ==, 1);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    virtio_start(&vm->dev);
    driver_send(vm, VHT_MSG_DRIVER_UP, 0, 1, "6.12");
    qtest_system_reset(vm->qts);
    g_assert_cmpint(vm->header->epoch, ==, 2);
    reader = socket_attach(vm);
    close(reader);
    vm_wait_event(vm, VHT_VMM_READER_DETACHED, &r);
    vm->read_at = 0;
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'quit' }");
    qtest_wait_qemu(vm->qts);

    while (vm_next(vm, &r)) {
        g_assert_cmpint(r.packet.sequence, ==, sequence++);
        g_assert_cmpint(r.packet.events, ==, sequence);
        g_assert_cmpint(r.packet.timestamp_begin, >=, last_ns);
        g_assert_cmpint(r.packet.timestamp_end, >=, r.packet.timestamp_begin);
        last_ns = r.packet.timestamp_end;
        if (r.packet.type != VHT_PACKET_VMM) {
            continue;
        }
        g_assert_cmpint(i, <, G_N_ELEMENTS(life));
        g_assert_cmpint(r.event.type, ==, life[i].type);
        g_assert_cmpint(r.event.epoch, ==, life[i].epoch);
        g_assert_cmpint(r.packet.epoch, ==, life[i].epoch);
        g_assert_cmpstr((char *)r.event.text, ==, life[i].text);
        i++;
    }
    g_assert_cmpint(i, ==, G_N_ELEMENTS(life));
    g_assert_cmpint(vm->header->alive, ==, 0);
    vm_end(vm);
}

/*
 * The process began before all else, after we asked for it; the machine is
 * ready before a vCPU runs [D8].
 */
static void test_before_running(void)
{
    uint64_t before_ns = g_get_monotonic_time() * 1000;
    Vm *vm = vm_start("-S");
    uint64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
    uint64_t created_ns;
    VmRecord r;

    g_assert(vm_next(vm, &r));
    g_assert_cmpint(r.packet.type, ==, VHT_PACKET_VMM);
    g_assert_cmpint(r.event.type, ==, VHT_VMM_PROCESS);
    g_assert_cmpint(r.event.counter, ==, 0);
    g_assert_cmpint(r.event.arg, <=, tick_ns / 2);
    g_assert_cmpint(r.event.mono_ns + r.event.arg, >=, before_ns);
    g_assert_cmpint(r.event.mono_ns, <, vm->header->start_mono_ns);
    g_assert(vm_next(vm, &r));
    g_assert_cmpint(r.event.type, ==, VHT_VMM_CREATED);
    g_assert_cmpint(r.event.mono_ns, >=, vm->header->start_mono_ns);
    created_ns = r.event.mono_ns;
    g_assert(vm_next(vm, &r));
    g_assert_cmpint(r.event.type, ==, VHT_VMM_MACHINE_READY);
    g_assert_cmpint(r.event.mono_ns, >=, created_ns);
    g_assert(!vm_next(vm, &r));
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm_wait_event(vm, VHT_VMM_RUNNING, &r);
    vm_end(vm);
}

/*
 * One epoch for each reset of the machine, whoever asked for it; but a reset that
 * comes before the firmware placed the region is one with that before it [D3].
 */
static void test_epochs(void)
{
    Vm *vm = vm_start(" ");
    VmRecord r;
    int i;

    qtest_system_reset(vm->qts);
    g_assert_cmpint(vm->header->epoch, ==, 1);
    for (i = 2; i < 6; i++) {
        virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
        qtest_system_reset(vm->qts);
        g_assert_cmpint(vm->header->epoch, ==, i);
        qtest_system_reset(vm->qts);
        g_assert_cmpint(vm->header->epoch, ==, i);
        vm_wait_event(vm, VHT_VMM_RESET, &r);
        g_assert_cmpint(r.event.epoch, ==, i);
    }
    /* by the guest: the reset control register */
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_outb(vm->qts, 0xcf9, 0x06);
    qtest_qmp_eventwait(vm->qts, "RESET");
    g_assert_cmpint(vm->header->epoch, ==, 6);
    vm_wait_event(vm, VHT_VMM_RESET, &r);
    g_assert_cmpstr((char *)r.event.text, ==, "guest-reset");
    vm_end(vm);
}

/* Sleeping (S3) and waking up is no reset. */
static void test_suspend(void)
{
    Vm *vm = vm_start(" ");
    VmRecord r;

    vm_suspend(vm);
    g_assert_cmpint(vm->header->epoch, ==, 1);
    while (vm_next(vm, &r)) {
        g_assert(r.packet.type != VHT_PACKET_VMM ||
                 r.event.type != VHT_VMM_RESET);
    }
    vm_end(vm);
}

/* Clock records: at the start, each change of the run state, each second. */
static void test_clock(void)
{
    Vm *vm = vm_start("-S -accel tcg");
    struct vht_clock_record first, second;
    double ns, ticks;
    VmRecord r;

    while (vm_next(vm, &r)) {
        g_assert_cmpint(r.packet.type, !=, VHT_PACKET_CLOCK);
    }
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_START, &r);
    first = r.clock;
    g_assert_cmpint(first.kind, ==, VHT_CLOCK_KIND_LINEAR);
    g_assert_cmpint(first.cpu, ==, VHT_CPU_NONE);
    g_assert_cmpint(first.epoch, ==, 1);
    g_assert_cmpint(first.error_ns, <, 1000000);
    vm_wait_clock(vm, VHT_CLOCK_REASON_PERIODIC, &r);
    second = r.clock;
    ns = second.mono_ns - first.mono_ns;
    g_assert_cmpint(ns, >, 900 * 1000 * 1000);
    ticks = second.counter - first.counter;
    g_assert_cmpint(second.counter_hz, >, 0);
    /* the rate that it tells is the one between the two */
    g_assert_cmpfloat(fabs(ticks / ns * 1e9 / second.counter_hz - 1), <, 1e-4);

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_STOP, &r);
    /* the counter stood still before the record was made: on the line still */
    ns = r.clock.mono_ns - second.mono_ns;
    ticks = r.clock.counter - second.counter;
    g_assert_cmpfloat(fabs(ticks / second.counter_hz * 1e9 - ns), <=,
                      second.error_ns + r.clock.error_ns);
    g_assert_cmpint(r.clock.error_ns, <, 100000);
    first = r.clock;
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_RESUME, &r);
    g_assert_cmpint(r.clock.mono_ns, >, first.mono_ns);
    g_assert_cmpint(r.clock.counter, >=, first.counter);
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_reset' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_RESET, &r);
    g_assert_cmpint(r.clock.epoch, ==, 2);
    vm_end(vm);
}

/* While the VM stands still, its counter does, and no record tells of it. */
static void test_clock_stopped(void)
{
    Vm *vm = vm_start("-accel tcg");
    VmRecord r;

    vm_wait_clock(vm, VHT_CLOCK_REASON_START, &r);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_STOP, &r);
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_reset' }");
    qtest_qmp_eventwait(vm->qts, "RESET");
    vm_wait_event(vm, VHT_VMM_RESET, &r);
    g_assert(!vm_next(vm, &r));
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_RESET, &r);
    g_assert_cmpint(r.clock.epoch, ==, 2);
    vm_end(vm);
}

/* With icount there is no line, only points. */
static void test_clock_icount(void)
{
    Vm *vm = vm_start("-accel tcg -icount shift=0");
    VmRecord r;

    vm_wait_clock(vm, VHT_CLOCK_REASON_START, &r);
    g_assert_cmpint(r.clock.kind, ==, VHT_CLOCK_KIND_POINT);
    g_assert_cmpint(r.clock.counter_hz, ==, 1000000000);
    g_assert_cmpint(vm->header->counter_hz, ==, 1000000000);
    vm_end(vm);
}

/* Under KVM the counter is the vCPU's TSC; nothing is said that is not known. */
static void test_clock_kvm(void)
{
    VmRecord r;
    Vm *vm;

    if (!qtest_has_accel("kvm") || access("/dev/kvm", R_OK | W_OK) < 0) {
        g_test_skip("no KVM on this machine");
        return;
    }
    vm = vm_start("-accel kvm");
    vm_wait_clock(vm, VHT_CLOCK_REASON_START, &r);
    g_assert_cmpint(r.clock.kind, ==, VHT_CLOCK_KIND_LINEAR);
    g_assert_cmpint(r.clock.counter_hz, >, 0);
    vm_wait_clock(vm, VHT_CLOCK_REASON_PERIODIC, &r);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_STOP, &r);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_RESUME, &r);
    vm_end(vm);
}

/* The ring: newest packets without a reader, oldest with one [S2][S3][S5]. */
static void test_ring(void)
{
    Vm *vm = vm_start("-S");
    struct vht_stream *s = (void *)(vm->region + vm->header->host_stream_offset);
    struct vht_consumer *c = (void *)(vm->region + vm->header->consumer_offset);
    uint64_t lost, sequence;
    int reader, i;
    VmRecord r;

    /* about three rings full */
    for (i = 0; i < 6000; i++) {
        qtest_qmp_assert_success(vm->qts, "{ 'execute': %s }",
                                 i % 2 ? "stop" : "cont");
    }
    g_assert_cmpint(s->begin, >, 0);
    g_assert_cmpint(s->overwritten, >, 0);
    g_assert_cmpint(s->events_lost, ==, 0);
    g_assert_cmpint(s->head - s->begin, <=, s->ring_size);
    g_assert_cmpint(s->head - s->begin, >, s->ring_size - 1024);
    vm->read_at = 0;
    g_assert(vm_next(vm, &r));
    /* what was overwritten is what is missing */
    g_assert_cmpint(r.packet.sequence, ==, s->overwritten);
    sequence = r.packet.sequence;
    while (vm_next(vm, &r)) {
        g_assert_cmpint(r.packet.sequence, ==, ++sequence);
    }
    g_assert_cmpint(s->packets, ==, sequence + 1);

    /* a reader that does not read: full, and counted */
    c->tail = s->begin;
    reader = socket_attach(vm);
    for (i = 0; i < 100; i++) {
        qtest_qmp_assert_success(vm->qts, "{ 'execute': %s }",
                                 i % 2 ? "stop" : "cont");
    }
    lost = s->events_lost;
    g_assert_cmpint(lost, >, 90);
    /* it reads: goes on, and says that something is missing */
    c->tail = s->head;
    vm->read_at = s->head;
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm_wait_event(vm, VHT_VMM_RUNNING, &r);
    g_assert_cmpint(s->events_lost, ==, lost);
    g_assert_cmpint(r.packet.events_discarded, ==, lost);

    /* any tail is taken [S6] */
    for (i = 0; i < 64; i++) {
        c->tail = (uint64_t)g_random_int() << (i % 40);
        qtest_qmp_assert_success(vm->qts, "{ 'execute': %s }",
                                 i % 2 ? "cont" : "stop");
        g_assert_cmpint(s->head - s->begin, <=, s->ring_size);
    }
    vm_alive(vm);
    close(reader);
    vm_end(vm);
}

/* At the end: nobody read it, so it stays. */
static void test_end_without_reader(void)
{
    Vm *vm = vm_start(" ");
    g_autofree char *region = g_build_filename(vm->dir, "region", NULL);
    g_autofree char *control = g_build_filename(vm->dir, "control", NULL);
    VmRecord r;

    vm_quit(vm);
    vm_wait_event(vm, VHT_VMM_ENDED, &r);
    g_assert(!vm_next(vm, &r));
    g_assert_cmpint(vm->header->alive, ==, 0);
    g_assert(g_file_test(region, G_FILE_TEST_IS_REGULAR));
    g_assert(!g_file_test(control, G_FILE_TEST_EXISTS));
    vm_end(vm);
}

/* The reader has it in its memory: the directory goes. */
static void test_end_with_reader(void)
{
    Vm *vm = vm_start(" ");
    int reader = socket_attach(vm);
    VmRecord r;

    vm_quit(vm);
    g_assert(socket_is_closed(reader));
    vm_wait_event(vm, VHT_VMM_ENDED, &r);
    g_assert_cmpint(vm->header->alive, ==, 0);
    g_assert(!g_file_test(vm->dir, G_FILE_TEST_EXISTS));
    close(reader);
    vm_end(vm);
}

void add_life_tests(void)
{
    qtest_add_func("/hypertrace/life/events[D3][D4]", test_events);
    qtest_add_func("/hypertrace/life/before-running[D8]", test_before_running);
    qtest_add_func("/hypertrace/life/epochs[D3]", test_epochs);
    qtest_add_func("/hypertrace/life/suspend[D3]", test_suspend);
    qtest_add_func("/hypertrace/life/clock", test_clock);
    qtest_add_func("/hypertrace/life/clock-stopped", test_clock_stopped);
    qtest_add_func("/hypertrace/life/clock-icount", test_clock_icount);
    qtest_add_func("/hypertrace/life/clock-kvm", test_clock_kvm);
    qtest_add_func("/hypertrace/life/ring[S2][S3][S5][S6]", test_ring);
    qtest_add_func("/hypertrace/life/end-without-reader[R7]",
                   test_end_without_reader);
    qtest_add_func("/hypertrace/life/end-with-reader[R7]",
                   test_end_with_reader);
}
