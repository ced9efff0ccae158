#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The module's sources pass the kernel's own style checker: no error and no
# warning, one test point a file. Two kinds do not apply: typedefs stand in for
# types that differ between kernels (compat.h), and MAINTAINERS is a matter of
# the kernel's tree.
set -u
cd "$(dirname "$0")/../.." || exit 1

checkpatch=$(build-aux/checkpatch) || { echo "Bail out! no checkpatch"; exit 1; }
set -- guest-driver/*.[ch] guest-driver/lttng/*.[ch] abi/*.h
echo "1..$(($# + 1))"

n=0
point() {
	n=$((n + 1))
	echo "$1 $n - $2"
}
check() {
	perl "$checkpatch" --no-tree --no-summary --terse --max-line-length=100 \
		--ignore NEW_TYPEDEFS,FILE_PATH_CHANGES -f "$1"
}

# It must be able to fail: a bad file is found bad.
bad=$(mktemp --suffix=.c)
trap 'rm -f "$bad"' EXIT
printf '// SPDX-License-Identifier: GPL-2.0-only\nint f( void )\n{\n  return(1) ;\n}\n' >"$bad"
if check "$bad" >/dev/null; then
	point "not ok" "the checker finds bad style"
else
	point ok "the checker finds bad style"
fi

for file; do
	if out=$(check "$file" 2>&1); then
		point ok "$file"
	else
		point "not ok" "$file"
		echo "$out" | sed 's/^/# /'
	fi
done
