#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A guest's files against random input, under ASan and UBSan, for a bounded time
# (HYPERTRACE_FUZZ_SECONDS=N: longer).
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

seconds=${HYPERTRACE_FUZZ_SECONDS:-10}
fuzz() {
	build/host/tests/spool/fuzz-tree -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
		-artifact_prefix="$tap_dir/" "$tap_dir/corpus"
}
if [ -x build/host/tests/spool/fuzz-tree ]; then
	cp -r tests/spool/corpus "$tap_dir/corpus"
	ok "fuzz tree, $seconds s" fuzz
	sed -n 's/^stat::number_of_executed_units:/# runs:/p' "$tap_dir/output"
else
	skip "fuzz tree" "clang is not installed"
fi
done_testing
