#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Our modules for LTTng compile without a word from gcc (W=1) and sparse about our own
# sources, for each kernel; what they need of others is what modprobe is told.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

build() {
	MODULE_MAKEFLAGS="W=1 C=2" build-aux/lttng "build/kernel-$1" "$tap_dir/$1" \
		>"$tap_dir/$1.path" 2>"$tap_dir/$1.log"
}

# LTTng's own headers and templates are not ours to repair.
is_silent() {
	! grep -E "^($tap_dir/$1/)?vht_[a-z_]*\.[ch]:.* (warning|error):|^(WARNING|ERROR)" "$tap_dir/$1.log"
}

compiles() {
	build "$1" && is_silent "$1"
}

# usage: needs KERNEL MODULE OTHER...
needs() {
	found=$(/sbin/modinfo -F depends "$tap_dir/$1/$2.ko")
	shift 2
	for other; do
		case ,$found, in
		*,$other,*) ;;
		*) echo "$other is not in: $found"; return 1 ;;
		esac
	done
}

# What dkms does, with sources and built modules where a system has them.
as_installed() {
	release=$(cat "build/kernel-$1/release")
	make -s -C guest-driver/lttng install-dkms install-modprobe "DESTDIR=$tap_dir/root-$1" &&
		make -C "$tap_dir/root-$1"/usr/src/virtio-hypertrace-lttng-* modules \
			"KERNEL_BUILD=/usr/src/linux-headers-$release" "KERNEL=$release" \
			"LTTNG_MODULES=$(readlink -f "build/lttng-$1/lttng-modules")" \
			"MODULES=$(readlink -f "build/lttng-$1/modules")" &&
		[ -e "$tap_dir/root-$1"/usr/src/virtio-hypertrace-lttng-*/vht_lttng.ko ] &&
		[ -e "$tap_dir/root-$1/etc/modprobe.d/hypertrace-lttng.conf" ]
}

for kernel in 6.12 6.1; do
	ok "$kernel: the modules compile without a word" compiles $kernel
	ok "$kernel: the transport needs the driver and LTTng's tracer" \
		needs $kernel vht_lttng virtio_hypertrace lttng-tracer lttng-lib-ring-buffer
	ok "$kernel: the clock needs the driver, and of LTTng the clock only" \
		needs $kernel vht_lttng_clock virtio_hypertrace lttng-clock
	not_ok "$kernel: else it would come too late" needs $kernel vht_lttng_clock lttng-tracer
	ok "$kernel: its installed sources build, against modules alone" as_installed $kernel
done
done_testing
