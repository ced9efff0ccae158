#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tests/run itself: what fails must not pass for passed.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

# A test program with this text, run by tests/run: its last line is checked.
run() {
	name=tests/lib/.run-$$-$1.t
	printf '#!/bin/sh\n%s\n' "$2" >"$name"
	chmod +x "$name"
	tests/run "$name" >"$tap_dir/run"
	status=$?
	rm -f "$name" build/check/lib..run-$$-*.log
	cat "$tap_dir/run"
	[ "$(tail -n 1 "$tap_dir/run")" = "$3" ] && [ $status -eq "$4" ]
}

ok "points are counted" run a 'echo ok 1 - a; echo "ok 2 - b # SKIP no b"; echo 1..2' \
	"1 passed, 0 failed, 1 skipped" 0
ok "a failed point fails the run" run b 'echo ok 1; echo not ok 2 - b; echo 1..2' \
	"1 passed, 1 failed, 0 skipped" 1
ok "a status of 1 with no failed point fails" run c 'echo ok 1; echo 1..1; exit 1' \
	"1 passed, 1 failed, 0 skipped" 1
ok "points that are planned and missing fail" run d 'echo 1..3; echo ok 1' \
	"1 passed, 1 failed, 0 skipped" 1
ok "no plan fails" run e 'echo ok 1' "1 passed, 1 failed, 0 skipped" 1
ok "a crash fails" run f 'echo ok 1; echo 1..1; kill -SEGV $$' "1 passed, 1 failed, 0 skipped" 1
ok "a test that does not end fails" run g '# timeout: 1
echo ok 1; echo 1..1; exec sleep 30' "1 passed, 1 failed, 0 skipped" 1
last_words() {
	run "$@" && grep -q '| # last words' "$tap_dir/run"
}
ok "and can tell before how far it came" last_words i '# timeout: 1
trap "echo \"# last words\"; exit 0" TERM; echo ok 1; echo 1..1; sleep 30 & wait' \
	"1 passed, 1 failed, 0 skipped" 1
ok "skipping all is not passing" run h 'echo "1..0 # SKIP nothing here"' \
	"0 passed, 0 failed, 1 skipped" 1
done_testing
