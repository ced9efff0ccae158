#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The ABI header compiles for all who include it, without a warning, and has
# one layout everywhere.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

warn="-Wall -Wextra -Wpedantic -Wpadded -Werror"
include="-I abi"
c() {
	# shellcheck disable=SC2086 # words
	"$@" $warn $include -c -o "$tap_dir/out.o" tests/abi/layout.c
}

ok "compiles as C99" c gcc -std=c99
ok "compiles as C11" c gcc -std=c11
ok "compiles as C17 with clang" c clang -std=c17
ok "compiles as C++98" c g++ -std=c++98 -x c++
ok "compiles as C++20" c g++ -std=c++20 -x c++
# There a 64-bit field may lie on a multiple of 4: nothing may depend on it.
ok "compiles as C for 32 bits" c clang --target=i386-linux-gnu -std=c99 \
	-I "/usr/include/$(gcc -print-multiarch)"

# A header by itself: nothing has to be included before it.
alone() {
	echo '#include "virtio_hypertrace.h"' >"$tap_dir/alone.c"
	# shellcheck disable=SC2086 # words
	gcc -std=c99 $warn $include -c -o "$tap_dir/out.o" "$tap_dir/alone.c"
}
ok "compiles alone" alone

kernel() {
	release=$(cat "build/kernel-$1/release") || return 1
	dir=$tap_dir/kernel-$1
	mkdir "$dir"
	cp tests/abi/layout.c "$dir/"
	printf 'obj-m := layout.o\nccflags-y := -I%s/abi -Werror\n' "$PWD" >"$dir/Kbuild"
	make -C "/usr/src/linux-headers-$release" M="$dir" layout.o
}
for k in 6.12 6.1; do
	ok "compiles for the kernel $k" kernel $k
done

# The assertions can fail: one field of another size, one swapped with another.
spoiled() {
	mkdir -p "$tap_dir/spoiled"
	sed "$1" abi/virtio_hypertrace.h >"$tap_dir/spoiled/virtio_hypertrace.h"
	! cmp -s abi/virtio_hypertrace.h "$tap_dir/spoiled/virtio_hypertrace.h" || return 0
	include="-I $tap_dir/spoiled"
	warn=
	c gcc -std=c99
}
not_ok "a field that grows is noticed" spoiled 's/__le32 reader;/__le64 reader;/'
not_ok "fields that change places are noticed" \
	spoiled 's/__le32 epoch;/__le32 SWAP;/; s/__le32 generation;/__le32 epoch;/; s/SWAP/generation/'
done_testing
