// SPDX-License-Identifier: GPL-2.0-only
/* Marks: writes to watched I/O ports are seen, and do what they did before. */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qobject/qdict.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)
#define MARKS_PER_EPOCH 256
#define NOBODYS_PORT    0x5678

static Vm *start_with_marks(const char *ports, const char *args)
{
    char *tmp = vm_tmp_dir();

    return vm_start_in(tmp, "-device virtio-hypertrace,size=4M,mark-ports=%s,"
                       "dir=%s/vm %s", ports, tmp, args);
}

/* Each of these is no list of ports, and the message says why. */
static void test_refused(void)
{
    static const struct {
        const char *ports;
        const char *says;
    } bad[] = {
        { "", "no port" },
        { "x", "'x' is no I/O port" },
        { "0x80:", "'' is no I/O port" },
        { "0x80::0xf4", "'' is no I/O port" },
        { "0x80 0xf4", "no I/O port" },
        { "0x10000", "'0x10000' is no I/O port" },
        { "-1", "'-1' is no I/O port" },
        { "0xfffffffffffffffff", "no I/O port" },
        { "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17", "16 can be watched" },
    };
    int i;

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *tmp = vm_tmp_dir();
        g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
        g_autofree char *err = vm_run_to_error("-device 'virtio-hypertrace,"
                                               "dir=%s,mark-ports=%s'", dir,
                                               bad[i].ports);

        if (!strstr(err, bad[i].says)) {
            g_error("%s: expected '%s' in: %s", bad[i].ports, bad[i].says, err);
        }
        g_assert(!g_file_test(dir, G_FILE_TEST_EXISTS));
        vm_remove_tree(tmp);
    }
}

static void expect_mark(Vm *vm, uint16_t port, int size, uint32_t value)
{
    VmRecord r;

    vm_wait_event(vm, VHT_VMM_MARK, &r);
    g_assert_cmphex(VHT_MARK_PORT(r.event.arg), ==, port);
    g_assert_cmpint(VHT_MARK_SIZE(r.event.arg), ==, size);
    g_assert_cmphex(VHT_MARK_VALUE(r.event.arg), ==, value);
    g_assert_cmpstr((char *)r.event.text, ==, "");
}

static void expect_no_mark(Vm *vm)
{
    VmRecord r;

    while (vm_next(vm, &r)) {
        g_assert(r.packet.type != VHT_PACKET_VMM ||
                 r.event.type != VHT_VMM_MARK);
    }
}

/* Port, size and value of each write; neighbours and reads are not marks [D9]. */
static void test_recorded(void)
{
    Vm *vm = start_with_marks("0xf5:128:0xf4:0xffff", "");
    QTestState *q = vm->qts;

    qtest_outb(q, 0x80, 0x41);
    expect_mark(vm, 0x80, 1, 0x41);
    qtest_outb(q, 0xf4, 0xfe);
    qtest_outb(q, 0xf5, 1);
    qtest_outw(q, 0xf4, 0x1234);
    qtest_outl(q, 0xf4, 0xdeadbeef);
    qtest_outl(q, 0xf5, 0x80000001);
    expect_mark(vm, 0xf4, 1, 0xfe);
    expect_mark(vm, 0xf5, 1, 1);
    expect_mark(vm, 0xf4, 2, 0x1234);
    expect_mark(vm, 0xf4, 4, 0xdeadbeef);
    expect_mark(vm, 0xf5, 4, 0x80000001);
    qtest_outb(q, 0xffff, 7);
    expect_mark(vm, 0xffff, 1, 7);

    qtest_outb(q, 0x7f, 1);
    qtest_outb(q, 0x81, 1);
    qtest_outw(q, 0xf6, 1);
    qtest_outb(q, 0xfffe, 1);
    qtest_inb(q, 0x80);
    qtest_inl(q, 0xf4);
    expect_no_mark(vm);
    vm_end(vm);
}

/* None without the property. */
static void test_none(void)
{
    Vm *vm = vm_start(" ");

    qtest_outb(vm->qts, 0x80, 1);
    qtest_outb(vm->qts, 0xf4, 1);
    expect_no_mark(vm);
    vm_end(vm);
}

/*
 * Read all that is there, in pieces of each size. None reaches behind the last
 * port: QEMU 11's serial port ends QEMU then, watched or not.
 */
static void exercise(QTestState *q, GString *log)
{
    static const uint16_t port[] = {
        0x70,                   /* real-time clock: an index and data */
        0x80,                   /* the port of marks; DMA pages behind it */
        0x92,                   /* A20 */
        0x3f8,                  /* a serial port */
        0xcf8,                  /* PCI configuration: sees the size */
        NOBODYS_PORT,
    };
    int i, at;

    for (i = 0; i < G_N_ELEMENTS(port); i++) {
        for (at = 0; at < 8; at++) {
            g_string_append_printf(log, "%x+%d: %x", port[i], at,
                                   qtest_inb(q, port[i] + at));
            if (at + 2 <= 8) {
                g_string_append_printf(log, " %x", qtest_inw(q, port[i] + at));
            }
            if (at + 4 <= 8) {
                g_string_append_printf(log, " %x", qtest_inl(q, port[i] + at));
            }
            g_string_append_c(log, '\n');
        }
    }
}

static char *behaviour(const char *ports)
{
    g_autoptr(GString) log = g_string_new("");
    const char *args = "-chardev null,id=c -device isa-serial,chardev=c "
                       "-device virtio-rng-pci,addr=5 "
                       "-rtc base=2000-01-01,clock=vm";     /* still */
    Vm *vm = ports ? start_with_marks(ports, args) : vm_start("%s", args);
    QTestState *q = vm->qts;

    exercise(q, log);
    qtest_outl(q, 0x80, 0x44332211);
    qtest_outw(q, 0x82, 0x6655);
    exercise(q, log);
    qtest_outb(q, 0x70, 0x50);
    qtest_outb(q, 0x71, 0x99);
    qtest_outw(q, 0x70, 0xaa51);
    qtest_outb(q, 0x70, 0x50);
    g_string_append_printf(log, "cmos 50: %x\n", qtest_inb(q, 0x71));
    qtest_outb(q, 0x70, 0x51);
    g_string_append_printf(log, "cmos 51: %x\n", qtest_inb(q, 0x71));
    qtest_outb(q, 0x3ff, 0x77);
    qtest_outl(q, 0x3f9, 0x00030000);
    g_string_append_printf(log, "rng: %x\n", pci_read(q, 5, 0));
    pci_write(q, 5, 0x3c, 0x5a);
    qtest_outb(q, 0xcfd, 0x01);
    qtest_outw(q, 0xcf9, 0);
    g_string_append_printf(log, "line: %x\n", pci_read(q, 5, 0x3c));
    exercise(q, log);
    qtest_outb(q, 0x92, 2);
    qtest_outl(q, NOBODYS_PORT, 0);
    exercise(q, log);
    vm_end(vm);
    return g_string_free(g_steal_pointer(&log), false);
}

/* A watched machine does the same as one that is not [D9]. */
static void test_passed_on(void)
{
    static const char * const ports[] = {
        "0x70:0x80:0x92:0x3f8:0xcf8:0xcfc:0x5678",
        "0x71:0x7e:0x81:0x83:0x3fc:0x3ff:0xcf9:0xcfa:0xcfd:0x5677:0x5679",
    };
    g_autofree char *plain = behaviour(NULL);
    int i;

    g_assert_nonnull(strstr(plain, "cmos 51: aa"));
    g_assert_nonnull(strstr(plain, "5678+0: ff ffff ffffffff"));
    for (i = 0; i < G_N_ELEMENTS(ports); i++) {
        g_autofree char *watched = behaviour(ports[i]);

        g_assert_cmpstr(watched, ==, plain);
    }
}

/* The device at the port gets the write, once: this one ends QEMU. */
static void test_debug_exit(void)
{
    Vm *vm = start_with_marks("0xf4", "-device isa-debug-exit,iobase=0xf4,"
                              "iosize=4");
    VmRecord r;

    qtest_set_expected_status(vm->qts, 0x15 << 1 | 1);
    qtest_qmp_send(vm->qts, "{ 'execute': 'human-monitor-command', "
                   "'arguments': { 'command-line': 'o /b 0xf4 0x15' } }");
    qtest_wait_qemu(vm->qts);
    expect_mark(vm, 0xf4, 1, 0x15);
    vm_wait_event(vm, VHT_VMM_ENDED, &r);
    vm_end(vm);
}

/*
 * A device that comes to the port later than we, as those of PCI do, and goes
 * from there.
 */
static void test_moved_device(void)
{
    Vm *vm = start_with_marks("0xc012", "-device virtio-rng-pci,addr=5");

    g_assert_cmphex(qtest_inb(vm->qts, 0xc012), ==, 0xff);
    pci_write(vm->qts, 5, 0x10, 0xc000);
    pci_write(vm->qts, 5, 4, 1);
    /* virtio's status */
    g_assert_cmphex(qtest_inb(vm->qts, 0xc012), ==, 0);
    qtest_outb(vm->qts, 0xc012, 3);
    expect_mark(vm, 0xc012, 1, 3);
    g_assert_cmphex(qtest_inb(vm->qts, 0xc012), ==, 3);
    pci_write(vm->qts, 5, 0x10, 0xd000);
    g_assert_cmphex(qtest_inb(vm->qts, 0xc012), ==, 0xff);
    g_assert_cmphex(qtest_inb(vm->qts, 0xd012), ==, 3);
    vm_end(vm);
}

/* Two devices watch: both see it, the port gets it once. */
static void test_two_devices(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *dir = g_build_filename(tmp, "two", NULL);
    g_autofree char *sent = g_build_filename(tmp, "sent", NULL);
    g_autofree char *args = g_strdup_printf("-device virtio-hypertrace,size=4M,"
                                            "mark-ports=0x3f8:0x3ff,dir=%s "
                                            "-chardev file,id=c,path=%s "
                                            "-device isa-serial,chardev=c",
                                            dir, sent);
    Vm *vm = start_with_marks("0x3f8:0x3f9", args);
    Vm two = { .dir = dir, .qts = vm->qts };
    g_autofree char *text = NULL;

    vm_map(&two);
    qtest_outb(vm->qts, 0x3f8, 'A');
    expect_mark(vm, 0x3f8, 1, 'A');
    expect_mark(&two, 0x3f8, 1, 'A');
    /* data, and the interrupts that are wanted */
    qtest_outw(vm->qts, 0x3f8, 0x0f00 | 'B');
    expect_mark(vm, 0x3f8, 2, 0x0f00 | 'B');
    expect_mark(&two, 0x3f8, 2, 0x0f00 | 'B');
    qtest_outb(vm->qts, 0x3ff, 0x5a);
    expect_mark(&two, 0x3ff, 1, 0x5a);
    g_assert_cmphex(qtest_inb(vm->qts, 0x3ff), ==, 0x5a);
    expect_no_mark(vm);
    expect_no_mark(&two);
    vm_quit(vm);
    g_assert(g_file_get_contents(sent, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "AB");
    munmap(two.region, two.size);
    vm_end(vm);
    vm_remove_tree(tmp);
}

/* A device that firmware switches on and off: the power management of PIIX4. */
static void test_switched_device(void)
{
    Vm *vm = start_with_marks("0x604", "");
    QTestState *q = vm->qts;

    g_assert_cmphex(qtest_inw(q, 0x604), ==, 0xffff);
    qtest_outl(q, 0xcf8, 0x80000000 | 1 << 11 | 3 << 8 | 0x40);
    qtest_outl(q, 0xcfc, 0x601);
    qtest_outl(q, 0xcf8, 0x80000000 | 1 << 11 | 3 << 8 | 0x80);
    qtest_outb(q, 0xcfc, 1);
    g_assert_cmphex(qtest_inw(q, 0x604), !=, 0xffff);
    qtest_outw(q, 0x604, 1);
    expect_mark(vm, 0x604, 2, 1);
    g_assert_cmphex(qtest_inw(q, 0x604), ==, 1);
    qtest_outb(q, 0xcfc, 0);
    g_assert_cmphex(qtest_inw(q, 0x604), ==, 0xffff);
    vm_end(vm);
}

/* A device behind a bridge, whose window is an alias. */
static void test_bridge(void)
{
    Vm *vm = start_with_marks("0xc012", "-device pci-bridge,id=b,chassis_nr=1,"
                              "addr=6 -device virtio-rng-pci,bus=b,addr=1");
    QTestState *q = vm->qts;

    pci_write(q, 6, 0x18, 0x010100);    /* its buses */
    pci_write(q, 6, 0x1c, 0xc0c0);      /* ports from 0xc000 to 0xcfff */
    pci_write(q, 6, 4, 1);
    qtest_outl(q, 0xcf8, 0x80000000 | 1 << 16 | 1 << 11 | 0x10);
    qtest_outl(q, 0xcfc, 0xc000);
    qtest_outl(q, 0xcf8, 0x80000000 | 1 << 16 | 1 << 11 | 4);
    qtest_outl(q, 0xcfc, 1);
    g_assert_cmphex(qtest_inb(q, 0xc012), ==, 0);
    qtest_outb(q, 0xc012, 3);
    expect_mark(vm, 0xc012, 1, 3);
    g_assert_cmphex(qtest_inb(q, 0xc012), ==, 3);
    vm_end(vm);
}

static int count_marks(Vm *vm, uint32_t last_type, VmRecord *r)
{
    int n = 0;

    for (;;) {
        g_assert(vm_next(vm, r));
        if (r->packet.type != VHT_PACKET_VMM) {
            continue;
        }
        n += r->event.type == VHT_VMM_MARK;
        if (r->event.type == last_type) {
            return n;
        }
    }
}

/* So many in an epoch, the others are counted [D9]. */
static void test_budget(void)
{
    Vm *vm = start_with_marks("0x80", "");
    VmRecord r;
    int i;

    for (i = 0; i < MARKS_PER_EPOCH + 44; i++) {
        qtest_outb(vm->qts, 0x80, i);
    }
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_system_reset(vm->qts);
    g_assert_cmpint(count_marks(vm, VHT_VMM_MARKS_LOST, &r), ==,
                    MARKS_PER_EPOCH);
    g_assert_cmpint(r.event.arg, ==, 44);
    g_assert_cmpint(r.event.epoch, ==, 1);
    vm_wait_event(vm, VHT_VMM_RESET, &r);

    /* none is lost in this one */
    for (i = 0; i < MARKS_PER_EPOCH; i++) {
        qtest_outb(vm->qts, 0x80, i);
    }
    virtio_find(&vm->dev, vm->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_system_reset(vm->qts);
    while (vm_next(vm, &r)) {
        g_assert(r.packet.type != VHT_PACKET_VMM ||
                 r.event.type != VHT_VMM_MARKS_LOST);
    }
    for (i = 0; i < MARKS_PER_EPOCH + 1; i++) {
        qtest_outb(vm->qts, 0x80, i);
    }
    vm_quit(vm);
    g_assert_cmpint(count_marks(vm, VHT_VMM_MARKS_LOST, &r), ==,
                    MARKS_PER_EPOCH);
    g_assert_cmpint(r.event.arg, ==, 1);
    g_assert_cmpint(r.event.epoch, ==, 3);
    vm_wait_event(vm, VHT_VMM_ENDED, &r);
    vm_end(vm);
}

/* Watching ends with the device. */
static void test_unplug(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *dir = g_build_filename(tmp, "plugged", NULL);
    Vm *vm = vm_start_in(g_strdup(tmp), " ");
    VmRecord r;

    g_free(vm->dir);
    vm->dir = g_strdup(dir);
    qtest_qmp_device_add(vm->qts, "virtio-hypertrace", "plug", "{ 'dir': %s, "
                         "'size': 4194304, 'addr': '0x9', "
                         "'mark-ports': '0x80' }", dir);
    munmap(vm->region, vm->size);
    vm_map(vm);
    qtest_outb(vm->qts, 0x80, 1);
    expect_mark(vm, 0x80, 1, 1);
    qtest_qmp_device_del_send(vm->qts, "plug");
    qtest_outl(vm->qts, 0xae08, 1 << 9);
    qtest_qmp_eventwait(vm->qts, "DEVICE_DELETED");
    qtest_outb(vm->qts, 0x80, 2);
    vm_wait_event(vm, VHT_VMM_ENDED, &r);
    g_assert(!vm_next(vm, &r));
    vm_end(vm);
}

void add_marks_tests(void)
{
    qtest_add_func("/hypertrace/marks/refused", test_refused);
    qtest_add_func("/hypertrace/marks/recorded[D9]", test_recorded);
    qtest_add_func("/hypertrace/marks/none[D9]", test_none);
    qtest_add_func("/hypertrace/marks/passed-on[D9]", test_passed_on);
    qtest_add_func("/hypertrace/marks/debug-exit[D9]", test_debug_exit);
    qtest_add_func("/hypertrace/marks/moved-device[D9]", test_moved_device);
    qtest_add_func("/hypertrace/marks/switched-device[D9]",
                   test_switched_device);
    qtest_add_func("/hypertrace/marks/bridge[D9]", test_bridge);
    qtest_add_func("/hypertrace/marks/two-devices[D9]", test_two_devices);
    qtest_add_func("/hypertrace/marks/budget[D9]", test_budget);
    qtest_add_func("/hypertrace/marks/unplug", test_unplug);
}
