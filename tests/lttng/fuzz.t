#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Metadata of traces that others wrote, against random input that began as LTTng's,
# under ASan and UBSan, for a bounded time (HYPERTRACE_FUZZ_SECONDS=N: longer).
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

program=build/host/tests/lttng/fuzz-clock
seconds=${HYPERTRACE_FUZZ_SECONDS:-10}
fuzz() {
	"$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
		-print_final_stats=1 -artifact_prefix="$tap_dir/" "$tap_dir/corpus"
}
if [ -x "$program" ]; then
	cp -r tests/lttng/corpus "$tap_dir/corpus"
	ok "fuzz clock, $seconds s" fuzz
	sed -n 's/^stat::number_of_executed_units:/# runs:/p' "$tap_dir/output"
else
	skip "fuzz clock" "clang is not installed"
fi
done_testing
