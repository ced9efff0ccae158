// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypertrace device, tested from all its sides: as the guest's driver, good
 * and bad, as a recorder, and as the person who starts QEMU. A test names the
 * clause of docs/specs/virtio-hypertrace.md that it proves in brackets.
 */
#include "qemu/osdep.h"
#include "virtio-hypertrace-vm.h"

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_region_tests();
    add_driver_tests();
    add_socket_tests();
    add_life_tests();
    add_place_tests();
    add_state_tests();
    add_window_tests();
    add_marks_tests();
    add_vcpu_tests();
    add_line_tests();
    return g_test_run();
}
