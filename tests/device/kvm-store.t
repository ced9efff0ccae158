#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# [R1] A vCPU's store to a host page changes nothing, under TCG and, where this
# machine's KVM runs a guest that small, under KVM: a device whose host pages
# are read-only for TCG alone would pass every other test.
# usage: kvm-store.t
set -eu

here=$(cd "$(dirname "$0")" && pwd)
qemu=$here/../../build/qemu
tmp=$(mktemp -d "${TMPDIR:-/tmp}/kvm-store.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

gcc -m32 -nostdlib -static -no-pie -Wl,--build-id=none,-Ttext=0x100000 \
	-o "$tmp/guest" "$here/kvm-store.S"

# run ACCEL: status of QEMU; 3 is the debug exit's 1 (the guest part only)
run() {
	timeout 30 "$qemu" -machine pc -accel "$1" -m 64 -nodefaults -display none \
		-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 \
		-device "virtio-hypertrace,size=4M,bar-size=4M,dir=$tmp/$1" \
		-kernel "$tmp/guest" >"$tmp/log" 2>&1
}

# the 32-bit word at OFFSET of the region that ACCEL's VM left
word() {
	od -An -tx4 -j "$2" -N 4 "$tmp/$1/region" | tr -d ' '
}

# stored ACCEL: whether the file is as it must be after the guest ran
stored() {
	[ "$(word "$1" $((0x11900)))" = 00000000 ] &&
		[ "$(word "$1" $((0x201000)))" = 5a17c0de ]
}

echo 1..2
n=0
for accel in tcg kvm; do
	n=$((n + 1))
	what="$n - a store of a vCPU ($accel) does not change a host page [R1]"
	if [ $accel = kvm ] && [ ! -w /dev/kvm ]; then
		echo "ok $what # SKIP no /dev/kvm on this machine"
		continue
	fi
	status=0
	run $accel || status=$?
	sed 's/^/# /' "$tmp/log"
	case $status in
	3)	if stored $accel; then
			echo "ok $what"
		else
			echo "not ok $what"
		fi ;;
	5 | 7)	echo "not ok $what" ;;
	*)	if [ $accel = kvm ]; then
			echo "ok $what # SKIP KVM does not run the guest: status $status"
		else
			echo "not ok $what"
			echo "# status=$status"
		fi ;;
	esac
done
