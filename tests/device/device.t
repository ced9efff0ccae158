#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
#
# The device's own test, which is built with QEMU and speaks its test protocol.
# HYPERTRACE_SEED=N repeats the random part of an earlier run.
# usage: device.t [-p /x86_64/hypertrace/PATH]
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
qemu=$("$top/build-aux/qemu")
dir=${qemu%/*}
QTEST_QEMU_BINARY=$qemu
QTEST_QEMU_IMG=$dir/qemu-img
export QTEST_QEMU_BINARY QTEST_QEMU_IMG
exec "$dir/virtio-hypertrace-test" --tap -k "$@"
