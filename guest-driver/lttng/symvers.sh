#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What modules export, in the form of Module.symvers: dkms keeps the modules that it built,
# but not that file, and modules of other packages need it for the versions of the symbols.
#
# usage: symvers.sh DIRECTORY...
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# usage: unpack MODULE: into $work/ko
unpack() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac >"$work/ko"
}

# usage: section NAME: its words, "OFFSET HEX" a line
section() {
	objcopy -O binary --only-section="$1" --set-section-flags "$1=alloc" \
		"$work/ko" "$work/section" 2>/dev/null || return 0
	od -A d -t x4 -v -w4 "$work/section" | awk 'NF == 2 { print $1 + 0, $2 }'
}

# usage: symbols SECTION KIND MODULE: those whose version lies in that section
symbols() {
	index=$(readelf -SW "$work/ko" | sed -n "s/^ *\[ *\([0-9]*\)\] $1 .*/\1/p")
	[ -n "$index" ] || return 0
	section "$1" >"$work/words"
	readelf -sW "$work/ko" | awk -v section="$index" -v kind="$2" -v module="$3" '
		FNR == NR { crc[$1] = $2; next }
		$7 == section && $8 ~ /^__crc_/ {
			offset = 0
			for (i = 1; i <= length($2); i++)
				offset = offset * 16 + index("0123456789abcdef", substr($2, i, 1)) - 1
			printf "0x%s\t%s\t%s\t%s\t\n", crc[offset], substr($8, 7), module, kind
		}' "$work/words" -
}

find "$@" \( -name 'lttng-*.ko*' -o -name 'virtio_hypertrace.ko*' \) | sort |
	while read -r file; do
		module=${file##*/}
		unpack "$file"
		symbols __kcrctab EXPORT_SYMBOL "${module%.ko*}"
		symbols __kcrctab_gpl EXPORT_SYMBOL_GPL "${module%.ko*}"
	done
