# SPDX-License-Identifier: GPL-2.0-only
#
# TAP for tests in sh. Source it from the top of the work tree:
#   . tests/lib.sh
# then: ok "what" command...   a point that passes if the command does
#       not_ok "what" command...  one that passes if the command fails
#       skip "what" "why"
#       done_testing           at the end

tap_count=0
tap_failed=0
tap_dir=$(mktemp -d)
trap 'rm -rf "$tap_dir"' EXIT

tap_point() {
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_count - $2"
		return
	fi
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $2"
	sed 's/^/# /' "$tap_dir/output"
}

ok() {
	tap_what=$1
	shift
	tap_status=0
	"$@" >"$tap_dir/output" 2>&1 || tap_status=1
	tap_point $tap_status "$tap_what"
}

not_ok() {
	tap_what=$1
	shift
	tap_status=0
	"$@" >"$tap_dir/output" 2>&1 && tap_status=1
	tap_point $tap_status "$tap_what"
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

done_testing() {
	echo "1..$tap_count"
	[ $tap_failed -eq 0 ]
}
