// SPDX-License-Identifier: GPL-2.0-only
/* The vCPUs: who they are, who runs them, and how each one's counter stands. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)

/*
 * Three threads a core take two bits of an APIC id: one is left out. More could
 * come than ever do, as TCG has room for so many threads in all its life.
 */
#define TOPOLOGY        "-smp 4,sockets=4,cores=1,threads=3,maxcpus=12"
static const uint64_t apic_id[] = { 0, 1, 2, 4, 5 };

/* The ACPI registers by which a guest ejects a vCPU (pc). */
#define ACPI_CPU        0xaf00
#define ACPI_CPU_EJECT  (1 << 3)

/* QEMU's own word on which thread runs a vCPU */
static int64_t thread_of(Vm *vm, int index)
{
    QDict *rsp = qtest_qmp(vm->qts, "{ 'execute': 'query-cpus-fast' }");
    const QListEntry *e;
    int64_t id = -1;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(rsp, "return"), e) {
        QDict *cpu = qobject_to(QDict, qlist_entry_obj(e));

        if (qdict_get_int(cpu, "cpu-index") == index) {
            id = qdict_get_int(cpu, "thread-id");
        }
    }
    qobject_unref(rsp);
    return id;
}

static void check_present(Vm *vm, const VmRecord *r, int index)
{
    g_assert_cmpint(r->packet.type, ==, VHT_PACKET_VCPU);
    g_assert_cmpint(r->vcpu.index, ==, index);
    g_assert_cmpint(r->vcpu.arch_id, ==, apic_id[index]);
    g_assert_cmphex(r->vcpu.kvm_id, ==, VHT_CPU_NONE);
    g_assert_cmpint(r->vcpu.thread_id, ==, thread_of(vm, index));
    g_assert_cmpint(r->vcpu.state, ==, VHT_VCPU_PRESENT);
    g_assert_cmpint(r->vcpu.epoch, ==, vm->header->epoch);
    g_assert_cmpint(r->vcpu.mono_ns, ==, r->packet.timestamp_begin);
}

/* The next vCPU record; what is between is skipped. */
static void wait_vcpu(Vm *vm, VmRecord *r)
{
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;

    for (;;) {
        while (vm_next(vm, r)) {
            if (r->packet.type == VHT_PACKET_VCPU) {
                return;
            }
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        qtest_inb(vm->qts, 0x80);
    }
}

/* Each vCPU once from here on, in front of an event of this type. */
static void check_before(Vm *vm, int count, uint32_t type)
{
    VmRecord r;
    int seen = 0;

    while (vm_next(vm, &r)) {
        if (r.packet.type == VHT_PACKET_VCPU) {
            check_present(vm, &r, seen++);
        } else if (r.packet.type == VHT_PACKET_VMM && r.event.type == type) {
            g_assert_cmpint(seen, ==, count);
            return;
        }
    }
    g_assert_not_reached();
}

/* So many vCPU records come next, whoever they are of. */
static void check_count(Vm *vm, int count)
{
    VmRecord r;

    while (count--) {
        wait_vcpu(vm, &r);
        g_assert_cmpint(r.vcpu.state, ==, VHT_VCPU_PRESENT);
    }
}

/* Attach; all are told, just behind the event. */
static void check_attach(Vm *vm, int count)
{
    int reader = socket_attach(vm), i;
    VmRecord r;

    vm_wait_event(vm, VHT_VMM_READER_ATTACHED, &r);
    for (i = 0; i < count; i++) {
        g_assert(vm_next(vm, &r));
        check_present(vm, &r, i);
    }
    close(reader);
    vm_wait_event(vm, VHT_VMM_READER_DETACHED, &r);
}

/* Before the VM runs, of every device, and for every reader [D10]. */
static void test_begin(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *one = g_build_filename(tmp, "vm", NULL);
    g_autofree char *two = g_build_filename(tmp, "two", NULL);
    Vm *vm = vm_start_in(g_strdup(tmp), "-S -accel tcg " TOPOLOGY
                         " -device virtio-hypertrace,dir=%s,size=4M"
                         " -device virtio-hypertrace,dir=%s,size=4M", one, two);
    Vm other = { .qts = vm->qts, .dir = two };

    vm_map(&other);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    check_before(vm, 4, VHT_VMM_RUNNING);
    check_before(&other, 4, VHT_VMM_RUNNING);
    check_attach(vm, 4);
    check_attach(vm, 4);
    check_attach(&other, 4);
    /* they are the same vCPUs when it runs again */
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    check_before(vm, 0, VHT_VMM_RUNNING);
    munmap(other.region, other.size);
    vm_end(vm);
}

/* A reader that comes before the VM runs has them too, and once [D10]. */
static void test_early_reader(void)
{
    Vm *vm = vm_start("-S -accel tcg " TOPOLOGY);

    check_attach(vm, 4);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    check_before(vm, 0, VHT_VMM_RUNNING);
    vm_end(vm);
}

static void plug(Vm *vm)
{
    qtest_qmp_device_add(vm->qts, "qemu64-x86_64-cpu", "more",
                         "{ 'socket-id': 1, 'core-id': 0, 'thread-id': 1 }");
}

static void unplug(Vm *vm)
{
    /* before 10.2: this switches it to the interface that knows of ejects */
    qtest_outl(vm->qts, ACPI_CPU, 0);
    qtest_qmp_device_del_send(vm->qts, "more");
    qtest_outl(vm->qts, ACPI_CPU, 4);
    qtest_outb(vm->qts, ACPI_CPU + 4, ACPI_CPU_EJECT);
    qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
}

/* One comes, goes, and another comes in its place [D10]. */
static void test_hotplug(void)
{
    Vm *vm = vm_start("-accel tcg " TOPOLOGY);
    VmRecord r;
    int i;

    check_before(vm, 4, VHT_VMM_RUNNING);
    for (i = 0; i < 2; i++) {
        plug(vm);
        wait_vcpu(vm, &r);
        check_present(vm, &r, 4);
        /* and its clock, which is that of the others [D11] */
        vm_wait_clock(vm, VHT_CLOCK_REASON_START, &r);
        g_assert_cmpint(r.clock.cpu, ==, 4);
        check_attach(vm, 5);
        unplug(vm);
        wait_vcpu(vm, &r);
        g_assert_cmpint(r.vcpu.state, ==, VHT_VCPU_GONE);
        g_assert_cmpint(r.vcpu.index, ==, 4);
        g_assert_cmpint(r.vcpu.arch_id, ==, 5);
        check_attach(vm, 4);
    }
    /* one that comes while the VM stands still */
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    plug(vm);
    wait_vcpu(vm, &r);
    check_present(vm, &r, 4);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_RESUME, &r);
    g_assert_cmphex(r.clock.cpu, ==, VHT_CPU_NONE);
    vm_end(vm);
}

/* Who takes a ring that nobody read finds the vCPUs in it all the same. */
static void test_ring(void)
{
    Vm *vm = vm_start("-S " TOPOLOGY);
    struct vht_stream *s = (void *)(vm->region + vm->header->host_stream_offset);
    VmRecord r;
    int i;

    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    check_before(vm, 4, VHT_VMM_RUNNING);
    while (!s->overwritten) {
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
        qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    }
    vm->read_at = s->head;
    for (i = 0; i < 4; i++) {
        wait_vcpu(vm, &r);
        check_present(vm, &r, i);
    }
    vm_end(vm);
}

/* The formula of vht_clock_record */
static uint64_t formula(const struct vht_clock_record *c)
{
    unsigned __int128 scaled = c->host_counter;

    scaled = (scaled * (c->scale ? c->scale : 1ULL << 48)) >> 48;
    return (uint64_t)scaled + c->offset;
}

/*
 * Until @count periodic records: each counter is what its formula says, and
 * the offset is another one only where a record has a reason to say so.
 */
static void check_formula(Vm *vm, int count)
{
    int64_t end = g_get_monotonic_time() + VM_WAIT_US;
    struct vht_clock_record last = { };
    VmRecord r;

    while (count) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        qtest_inb(vm->qts, 0x80);
        while (vm_next(vm, &r)) {
            if (r.packet.type != VHT_PACKET_CLOCK) {
                continue;
            }
            g_assert_cmpint(r.clock.kind, ==, VHT_CLOCK_KIND_LINEAR);
            g_assert_cmpint(r.clock.host_counter, >, last.host_counter);
            g_assert_cmpint(r.clock.counter, ==, formula(&r.clock));
            if (r.clock.reason == VHT_CLOCK_REASON_PERIODIC) {
                g_assert_cmphex(r.clock.offset, ==, last.offset);
                g_assert_cmphex(r.clock.scale, ==, last.scale);
                count--;
            }
            last = r.clock;
        }
    }
}

/* Ends of running phases included [D11]. */
static void test_formula_tcg(void)
{
    Vm *vm = vm_start("-accel tcg -smp 2");
    VmRecord r;

    check_formula(vm, 1);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_reset' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_RESET, &r);
    vm->read_at = 0;
    check_formula(vm, 2);
    vm_end(vm);
}

/* Points have no formula [D11]. */
static void test_formula_icount(void)
{
    Vm *vm = vm_start("-accel tcg -icount shift=0");
    VmRecord r;

    vm_wait_clock(vm, VHT_CLOCK_REASON_START, &r);
    g_assert_cmpint(r.clock.kind, ==, VHT_CLOCK_KIND_POINT);
    g_assert_cmpint(r.clock.host_counter, ==, 0);
    g_assert_cmpint(r.clock.offset, ==, 0);
    vm_end(vm);
}

/*
 * Under KVM, with vCPUs that run: nothing is written twice, all that is written
 * is of the same line, and a reset is told when the counters are set [D11].
 */
static void test_kvm(void)
{
    VmRecord r;
    Vm *vm;
    int i;

    if (!qtest_has_accel("kvm") || access("/dev/kvm", R_OK | W_OK) < 0) {
        g_test_skip("no KVM on this machine");
        return;
    }
    vm = vm_start("-S -accel kvm " TOPOLOGY);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    for (i = 0; i < 4; i++) {
        wait_vcpu(vm, &r);
        g_assert_cmpint(r.vcpu.arch_id, ==, apic_id[i]);
        g_assert_cmpint(r.vcpu.kvm_id, ==, apic_id[i]);
        g_assert_cmpint(r.vcpu.thread_id, ==, thread_of(vm, i));
    }
    /* before a vCPU runs, and so before the event */
    g_assert(vm_next(vm, &r));
    g_assert_cmpint(r.packet.type, ==, VHT_PACKET_CLOCK);
    g_assert_cmpint(r.clock.reason, ==, VHT_CLOCK_REASON_START);
    vm->read_at = 0;
    check_formula(vm, 2);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'stop' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_STOP, &r);
    g_assert_cmpint(r.clock.counter, ==, formula(&r.clock));
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'cont' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_RESUME, &r);
    g_assert_cmpint(r.clock.counter, ==, formula(&r.clock));
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_qmp_assert_success(vm->qts, "{ 'execute': 'system_reset' }");
    vm_wait_clock(vm, VHT_CLOCK_REASON_RESET, &r);
    g_assert_cmpint(r.clock.epoch, ==, 2);
    g_assert_cmpint(r.clock.counter, ==, formula(&r.clock));
    vm_end(vm);
}

/* Under KVM nobody waits for a vCPU that runs: not one, nor a device, that goes. */
static void test_kvm_hotplug(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *one = g_build_filename(tmp, "vm", NULL);
    g_autofree char *two = g_build_filename(tmp, "two", NULL);
    VmRecord r;
    Vm *vm;
    int i;

    if (!qtest_has_accel("kvm") || access("/dev/kvm", R_OK | W_OK) < 0) {
        g_test_skip("no KVM on this machine");
        vm_remove_tree(tmp);
        return;
    }
    vm = vm_start_in(g_strdup(tmp), "-accel kvm " TOPOLOGY
                     " -device virtio-hypertrace,dir=%s,size=4M", one);
    vm_wait_clock(vm, VHT_CLOCK_REASON_START, &r);
    for (i = 0; i < 3; i++) {
        Vm other = { .qts = vm->qts, .dir = two };

        plug(vm);
        wait_vcpu(vm, &r);
        g_assert_cmpint(r.vcpu.kvm_id, ==, apic_id[4]);
        vm_wait_clock(vm, VHT_CLOCK_REASON_START, &r);
        g_assert_cmpint(r.clock.cpu, ==, 4);
        g_assert_cmpint(r.clock.counter, ==, formula(&r.clock));
        qtest_qmp_device_add(vm->qts, "virtio-hypertrace", "plug",
                             "{ 'dir': %s, 'size': 4194304, 'addr': '0x9' }",
                             two);
        vm_map(&other);
        check_count(&other, 5);
        unplug(vm);
        wait_vcpu(vm, &r);
        g_assert_cmpint(r.vcpu.state, ==, VHT_VCPU_GONE);
        wait_vcpu(&other, &r);
        g_assert_cmpint(r.vcpu.state, ==, VHT_VCPU_GONE);
        /* once with no time to answer */
        if (i) {
            other.read_at = 0;
            vm_wait_clock(&other, VHT_CLOCK_REASON_START, &r);
        }
        qtest_qmp_device_del_send(vm->qts, "plug");
        qtest_outl(vm->qts, 0xae08, 1 << 9);
        qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
        vm_alive(vm);
        munmap(other.region, other.size);
    }
    vm_end(vm);
}

void add_vcpu_tests(void)
{
    qtest_add_func("/hypertrace/vcpu/begin[D10]", test_begin);
    qtest_add_func("/hypertrace/vcpu/early-reader[D10]", test_early_reader);
    qtest_add_func("/hypertrace/vcpu/hotplug[D10]", test_hotplug);
    qtest_add_func("/hypertrace/vcpu/ring", test_ring);
    qtest_add_func("/hypertrace/vcpu/formula-tcg[D11]", test_formula_tcg);
    qtest_add_func("/hypertrace/vcpu/formula-icount[D11]",
                   test_formula_icount);
    qtest_add_func("/hypertrace/vcpu/kvm[D10][D11]", test_kvm);
    qtest_add_func("/hypertrace/vcpu/kvm-hotplug[D10][D11]",
                   test_kvm_hotplug);
}
