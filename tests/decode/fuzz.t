#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
#
# The decoder's parsers against random input that began as good input, under ASan
# and UBSan, for a bounded time. HYPERTRACE_FUZZ_SECONDS=N takes longer.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

# many small files: not on a disk, if it can be helped
memory=/dev/shm
[ -w "$memory" ] || memory=$tap_dir
build=${HYPERTRACE_BUILD:-build/host}
seconds=${HYPERTRACE_FUZZ_SECONDS:-10}
for target in page format kallsyms decoder source; do
	program=$build/tests/decode/fuzz-$target
	if [ ! -x "$program" ]; then
		skip "fuzz $target" "clang is not installed"
		continue
	fi
	corpus=$target
	[ "$target" = source ] && corpus=decoder
	cp -r "tests/decode/corpus/$corpus" "$tap_dir/$target"
	fuzz() {
		TMPDIR=$memory "$program" -max_total_time="$seconds" -timeout=10 \
			-rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
			-artifact_prefix="$tap_dir/" "$tap_dir/$target"
	}
	ok "fuzz $target, $seconds s" fuzz
	sed -n 's/^stat::number_of_executed_units:/# runs:/p' "$tap_dir/output"
done
done_testing
