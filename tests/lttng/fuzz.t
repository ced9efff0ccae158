#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Metadata of traces that others wrote, and what a guest says of its LTTng, against random
# input that began as theirs, under ASan and UBSan, for a bounded time
# (HYPERTRACE_FUZZ_SECONDS=N: longer, each).
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

seconds=${HYPERTRACE_FUZZ_SECONDS:-10}
fuzz() { # NAME
	"build/host/tests/lttng/fuzz-$1" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
		-artifact_prefix="$tap_dir/" "$tap_dir/corpus-$1"
}
for name in clock guest; do
	if [ -x build/host/tests/lttng/fuzz-$name ]; then
		cp -r tests/lttng/corpus-$name "$tap_dir/corpus-$name"
		ok "fuzz $name, $seconds s" fuzz $name
		sed -n 's/^stat::number_of_executed_units:/# runs:/p' "$tap_dir/output"
	else
		skip "fuzz $name" "clang is not installed"
	fi
done
done_testing
