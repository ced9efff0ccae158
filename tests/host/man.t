#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every command has a man page, every option is in it, and man has nothing to
# say against it.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

hypertrace=build/host/host-tools/hypertrace
pages=host-tools/man

clean() {
	LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" \
		>/dev/null 2>"$tap_dir/warnings"
	cat "$tap_dir/warnings"
	[ ! -s "$tap_dir/warnings" ]
}

# has_options COMMAND: each --option of the help is in the page
has_options() {
	man -l "$pages/hypertrace-$1.1" | col -b >"$tap_dir/page"
	for option in $("$hypertrace" "$1" --help | grep -o -e '--[a-z][a-z-]*' | sort -u); do
		case $option in --help | --help-all) continue ;; esac
		grep -q -e "$option" "$tap_dir/page" || { echo "$option"; return 1; }
	done
}

ok "hypertrace.1 is clean" clean "$pages/hypertrace.1"
commands=$("$hypertrace" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
ok "there are commands" test -n "$commands"
for command in $commands; do
	ok "hypertrace(1) names $command" grep -q "hypertrace-$command" "$pages/hypertrace.1"
	ok "hypertrace-$command.1 is clean" clean "$pages/hypertrace-$command.1"
	ok "it has all options" has_options "$command"
done

# The check itself can fail.
printf '.TH X 1\n.NOSUCH\n' >"$tap_dir/bad.1"
not_ok "an unknown macro is noticed" clean "$tap_dir/bad.1"
done_testing
