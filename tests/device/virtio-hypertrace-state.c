// SPDX-License-Identifier: GPL-2.0-only
/* Saved and moved VMs: the device's state goes along, the region stays. */
#include "qemu/osdep.h"
#include "virtio-hypertrace-vm.h"

#define PCI_HYPERTRACE  (0x1040 + VIRTIO_ID_HYPERTRACE)

/* savevm, loadvm: a new epoch, later than what either side knew [D3]. */
static void test_savevm(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *disk = g_build_filename(tmp, "disk.qcow2", NULL);
    VmRecord r;
    Vm *vm;

    g_assert(mkimg(disk, "qcow2", 16));
    vm = vm_start_in(g_strdup(tmp), "-accel tcg -drive if=none,file=%s", disk);
    vm_hmp(vm, "savevm one");
    g_assert_cmpint(vm->header->epoch, ==, 1);
    vm_hmp(vm, "loadvm one");
    vm_wait_event(vm, VHT_VMM_RESET, &r);
    g_assert_cmpint(r.event.epoch, ==, 2);
    g_assert_cmpstr((char *)r.event.text, ==, "state-loaded");
    g_assert_cmpint(vm->header->epoch, ==, 2);
    vm_wait_clock(vm, VHT_CLOCK_REASON_MIGRATION, &r);
    vm_hmp(vm, "loadvm one");
    g_assert_cmpint(vm->header->epoch, ==, 3);
    vm_alive(vm);
    vm_end(vm);
}

static Vm *migrate_in(const char *file, const char *args)
{
    Vm *vm = vm_start("-incoming defer %s", args);

    vm_migrate_in(vm, file);
    return vm;
}

static void check_migration(const char *args)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *file = g_build_filename(tmp, "state", NULL);
    Vm *from = vm_start("%s", args), *to;
    VmRecord r;

    virtio_find(&from->dev, from->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_system_reset(from->qts);
    virtio_find(&from->dev, from->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    qtest_system_reset(from->qts);
    virtio_find(&from->dev, from->qts, PCI_HYPERTRACE, VM_BAR_MSIX);
    virtio_start(&from->dev);
    driver_send(from, VHT_MSG_DRIVER_UP, 0, 7, "6.12");
    g_assert_cmpint(from->header->epoch, ==, 3);
    vm_migrate_away(from, file);
    vm_wait_event(from, VHT_VMM_STOPPED, &r);

    to = migrate_in(file, args);
    g_assert_cmpint(to->header->epoch, ==, 4);
    vm_wait_event(to, VHT_VMM_CREATED, &r);
    g_assert_cmpint(r.event.epoch, ==, 1);
    vm_wait_event(to, VHT_VMM_RESET, &r);
    g_assert_cmpint(r.event.epoch, ==, 4);
    vm_wait_event(to, VHT_VMM_RUNNING, &r);
    /* the driver is still there, with its queues where they were */
    to->dev = from->dev;
    to->dev.qts = to->qts;
    driver_send(to, VHT_MSG_DRIVER_GONE, 0, 7, "");
    vm_wait_event(to, VHT_VMM_DRIVER_GONE, &r);
    g_assert_cmpint(r.event.arg, ==, 7);
    vm_remove_tree(tmp);
    vm_end(from);
    vm_end(to);
}

static void test_migrate(void)
{
    check_migration(" ");
}

/* Under TCG, where dirty pages are tracked by the vCPUs' TLBs. */
static void test_migrate_tcg(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *file = g_build_filename(tmp, "state", NULL);
    Vm *from = vm_start("-accel tcg"), *to;
    VmRecord r;

    vm_wait_clock(from, VHT_CLOCK_REASON_PERIODIC, &r);
    vm_migrate_away(from, file);
    to = migrate_in(file, "-accel tcg");
    g_assert_cmpint(to->header->epoch, ==, 2);
    vm_wait_event(to, VHT_VMM_RUNNING, &r);
    vm_wait_clock(to, VHT_CLOCK_REASON_PERIODIC, &r);
    vm_remove_tree(tmp);
    vm_end(from);
    vm_end(to);
}

/* With a memory backend, which lies in front of the VM's RAM in QEMU. */
static void test_migrate_backend(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *file = g_build_filename(tmp, "state", NULL);
    g_autofree char *dir = g_build_filename(tmp, "vm", NULL);
    Vm *from = vm_start_in(g_strdup(tmp), "-accel tcg "
                           "-object memory-backend-memfd,id=m,share=on,size=8M "
                           "-device virtio-hypertrace,memdev=m,dir=%s", dir);

    vm_migrate_away(from, file);
    vm_alive(from);
    vm_end(from);
}

/* A destination with another region cannot take the VM. */
static void test_migrate_other_size(void)
{
    g_autofree char *tmp = vm_tmp_dir();
    g_autofree char *file = g_build_filename(tmp, "state", NULL);
    g_autofree char *dir = g_build_filename(tmp, "to", NULL);
    g_autofree char *err = NULL;
    Vm *from = vm_start(" ");

    vm_migrate_away(from, file);
    err = vm_run_to_error("-m 64 -incoming file:%s -device "
                          "virtio-hypertrace,id=ht,size=8M,dir=%s", file, dir);
    if (!strstr(err, "load of migration failed")) {
        g_error("expected 'load of migration failed' in: %s", err);
    }
    vm_remove_tree(tmp);
    vm_end(from);
}

void add_state_tests(void)
{
    if (have_qemu_img()) {
        qtest_add_func("/hypertrace/state/savevm[D3]", test_savevm);
    }
    qtest_add_func("/hypertrace/state/migrate[D3]", test_migrate);
    qtest_add_func("/hypertrace/state/migrate-tcg[D3]", test_migrate_tcg);
    qtest_add_func("/hypertrace/state/migrate-backend", test_migrate_backend);
    qtest_add_func("/hypertrace/state/migrate-other-size",
                   test_migrate_other_size);
}
