#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The driver compiles without a word from gcc (W=1) and sparse for each kernel, sees what
# that kernel's headers declare, is loaded by its virtio alias, and its installed
# sources are complete by themselves.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

# What a compiler, sparse or modpost has against it.
is_silent() {
	! grep -E ': (warning|error):|^(WARNING|ERROR)' "$1"
}

build() {
	MODULE_MAKEFLAGS="W=1 C=2" build-aux/module "build/kernel-$1" "$tap_dir/$1" \
		>"$tap_dir/$1.path" 2>"$tap_dir/$1.log"
}

compiles() {
	build "$1" && is_silent "$tap_dir/$1.log"
}

# usage: sees KERNEL ANSWER...: the probes of Kbuild find these and no others
sees() {
	grep -o -- '-DVHT_HAVE_[A-Z_]*' "$tap_dir/$1/.vht_ring.o.cmd" | sed 's/-DVHT_HAVE_//' |
		sort -u >"$tap_dir/seen"
	shift
	for answer; do
		echo "$answer"
	done | sort | diff - "$tap_dir/seen"
}

# What the headers of the kernel say, asked in another way than Kbuild asks.
declares() {
	headers=$(sed -n 's/^include \(.*\)\/Makefile$/\1/p' \
		"/usr/src/linux-headers-$(cat "build/kernel-$1/release")/Makefile")/include/linux
	has() {
		if tr -s '\n\t ' '   ' <"$headers/$2" | grep -q "$3"; then
			echo "$1"
		fi
	}
	has READ_PAGE_STRUCT ring_buffer.h 'struct buffer_data_read_page;'
	has READ_PAGE_OUT ring_buffer.h 'alloc_read_page([^)]*\*\*'
	has READ_PAGE_SIZE ring_buffer.h ' ring_buffer_read_page_size('
	has SUBBUF_SIZE ring_buffer.h ' ring_buffer_subbuf_size_get('
	has INSTANCE_SYSTEMS trace.h 'trace_array_get_by_name([^),]*,'
	has VIRTQUEUE_INFO virtio_config.h 'struct virtqueue_info {'
	has HRTIMER_SETUP hrtimer.h ' hrtimer_setup('
	has KMSG_DETAIL kmsg_dump.h 'struct kmsg_dump_detail {'
	has SYSCORE_DATA syscore_ops.h ' register_syscore('
	has IDMAP fs.h 'int simple_setattr(struct mnt_idmap \*'
	has INODE_INIT_TS fs.h ' simple_inode_init_ts('
	has MKDIR_DENTRY fs.h 'struct dentry \*(\*mkdir)'
	has PERSISTENT dcache.h ' d_make_persistent('
}

has_alias() {
	/sbin/modinfo -F alias "$(cat "$tap_dir/$1.path")" | grep -x 'virtio:d0000003Fv\*'
}

is_gpl_and_versioned() {
	ko=$(cat "$tap_dir/$1.path")
	[ "$(/sbin/modinfo -F license "$ko")" = GPL ] &&
		grep -Fx "PACKAGE_VERSION=\"$(/sbin/modinfo -F version "$ko")\"" guest-driver/dkms.conf
}

# As dkms does it: the installed sources in a folder of their own, and make there.
installs() {
	make -s -C guest-driver install-dkms DESTDIR="$tap_dir/root" || return 1
	source=$(echo "$tap_dir"/root/usr/src/virtio-hypertrace-*)
	. "$source/dkms.conf"
	[ "$source" = "$tap_dir/root/usr/src/$PACKAGE_NAME-$PACKAGE_VERSION" ] || return 1
	dkms_tree=$tap_dir/dkms
	kernel_source_dir=/usr/src/linux-headers-$(cat "build/kernel-$1/release")
	build=$dkms_tree/$PACKAGE_NAME/$PACKAGE_VERSION/build
	mkdir -p "$build"
	cp "$source"/* "$build"
	command=$(sed -n 's/^MAKE\[0\]="\(.*\)"$/\1/p' "$source/dkms.conf")
	eval "$command" && [ -e "$build/virtio_hypertrace.ko" ] && [ -e "$build/vht_spool.ko" ]
}

for k in 6.12 6.1; do
	ok "$k: compiles with W=1 and sparse, and nothing is said" compiles "$k"
	# shellcheck disable=SC2046 # words
	ok "$k: sees what the kernel's headers declare" sees "$k" $(declares "$k")
	ok "$k: is loaded by the alias of device 63" has_alias "$k"
	ok "$k: has the version that dkms.conf names" is_gpl_and_versioned "$k"
done
ok "6.12: the sources that are installed for dkms are complete" installs 6.12

# What the first of these tests looks for is really seen.
cp -r "$tap_dir/6.12" "$tap_dir/spoiled"
spoil() {
	printf '%s\n' "$1" >>"$tap_dir/spoiled/vht_ring.c"
	make -C "/usr/src/linux-headers-$(cat build/kernel-6.12/release)" M="$tap_dir/spoiled" W=1 C=2 \
		modules >"$tap_dir/spoiled.log" 2>&1
	is_silent "$tap_dir/spoiled.log"
}
not_ok "a warning of gcc is noticed" spoil 'static int unused_by_all;'
not_ok "a warning of sparse is noticed" spoil 'int not_static_and_not_declared;'
done_testing
