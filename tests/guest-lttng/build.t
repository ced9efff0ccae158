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

# As dkms does it: the installed sources in a folder of their own, and what dkms.conf says run
# there, on a system that has lttng-modules' sources and the modules of both packages where
# dkms leaves them.
# usage: as_installed KERNEL
as_installed() {
	root=$tap_dir/root-$1
	kernelver=$(cat "build/kernel-$1/release")
	make -s -C guest-driver/lttng install-dkms install-modprobe "DESTDIR=$root" || return 1
	source=$(echo "$root"/usr/src/virtio-hypertrace-lttng-*)
	. "$source/dkms.conf"
	[ "$source" = "$root/usr/src/$PACKAGE_NAME-$PACKAGE_VERSION" ] || return 1
	build=$root/var/lib/dkms/$PACKAGE_NAME/$PACKAGE_VERSION/build
	mkdir -p "$build" "$root/lib/modules/$kernelver/updates"
	cp "$source"/* "$build"
	ln -s "$(readlink -f "build/lttng-$1/lttng-modules")" "$root/usr/src/lttng-modules-2.16.0"
	find -L "build/lttng-$1/modules" -name '*.ko' ! -name 'vht_*' \
		-exec cp {} "$root/lib/modules/$kernelver/updates" \;
	command=$(sed -n 's/^MAKE\[0\]="make\(.*\)"$/make KERNELRELEASE=$kernelver\1/p' "$source/dkms.conf")
	unshare -m sh -c 'mount --bind "$1/lib/modules" /lib/modules &&
		mount -t overlay -o "lowerdir=$1/usr/src:/usr/src" overlay /usr/src &&
		cd "$2" && kernelver=$3 kernel_source_dir=/usr/src/linux-headers-$3 && eval "$4"' \
		sh "$root" "$build" "$kernelver" "$command" || return 1
	for module in vht_lttng vht_lttng_clock; do
		grep -qx "BUILT_MODULE_NAME\[.\]=\"$module\"" "$source/dkms.conf" &&
			[ -e "$build/$module.ko" ] || return 1
	done
	[ -e "$root/etc/modprobe.d/hypertrace-lttng.conf" ]
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
