#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
#
# The recorder against real VMMs: attaching, refusing, being killed, and every
# way in which a VM, its region or the disk can go away. No guest kernel: the
# vmm stream alone has something to record.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh

qemu=build/qemu
hypertrace=build/host/host-tools/hypertrace
run=$tap_dir/run
mkdir "$run"
pids=

cleanup() {
	for pid in $pids; do
		kill -9 "$pid" 2>/dev/null
	done
	umount "$tap_dir/small" 2>/dev/null
	rm -rf "$tap_dir"
}
trap cleanup EXIT

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
	wait_tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		wait_tries=$((wait_tries - 1))
		[ "$wait_tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# start_vm NAME [OPTION...]: sets $vm to its pid; commands go to $run.NAME.in
start_vm() {
	vm_name=$1
	shift
	mkfifo "$tap_dir/$vm_name.in" "$tap_dir/$vm_name.out"
	"$qemu" -name "$vm_name" -nodefaults -display none -accel tcg -m 64 \
		-device "virtio-hypertrace,dir=$run/$vm_name,size=4M" \
		-chardev "pipe,id=m,path=$tap_dir/$vm_name" -mon m "$@" >"$tap_dir/qemu.log" 2>&1 &
	vm=$!
	pids="$pids $vm"
	cat "$tap_dir/$vm_name.out" >/dev/null &
	pids="$pids $!"
	wait_for 20 test -S "$run/$vm_name/control"
}

# start_recorder DIR ARGUMENT...: in the background; sets $recorder to its pid
start_recorder() {
	recorder_dir=$1
	shift
	"$hypertrace" record --runtime-dir "$run" -o "$recorder_dir" "$@" \
		>"$tap_dir/recorder.log" 2>&1 &
	recorder=$!
	pids="$pids $recorder"
}

# ends STATUS PID SECONDS: the process ends in that time with that status
ends() {
	ends_limit=$(($(date +%s) + $3))
	while kill -0 "$2" 2>/dev/null; do
		[ "$(date +%s)" -lt "$ends_limit" ] || return 1
		# a zombie is one that has ended
		case $(cut -d ' ' -f 3 "/proc/$2/stat" 2>/dev/null) in Z | '') break ;; esac
		sleep 0.05
	done
	wait "$2"
	ends_status=$?
	echo "status $ends_status"
	cat "$tap_dir/recorder.log"
	[ "$ends_status" -eq "$1" ]
}

# status STATUS PATTERN COMMAND...: ends with the status and says the pattern
status() {
	status_wanted=$1
	status_pattern=$2
	shift 2
	status_output=$("$@" 2>&1)
	status_is=$?
	echo "status $status_is: $status_output"
	[ "$status_is" -eq "$status_wanted" ] && echo "$status_output" | grep -q -e "$status_pattern"
}

record() {
	"$hypertrace" record --runtime-dir "$run" "$@"
}

list_has() {
	"$hypertrace" list --runtime-dir "$run" | grep -q -e "$1"
}

# the packets of a recording, without the state packets
has_packets() {
	[ "$(wc -c <"$1/$2/vmm" 2>/dev/null || echo 0)" -ge 512 ]
}

a_vm() {
	start_vm a && list_has '^a  *running  *none  *1 '
}
ok "list shows a VM without a driver" a_vm
a=$vm
ok "it is recorded for a time" record -o "$tap_dir/r1" --for 300ms a
ok "the recording tells the VM's life" status 0 'reader-attached' "$hypertrace" info "$tap_dir/r1"
ok "and is whole" status 0 'defects: 0' "$hypertrace" check "$tap_dir/r1"

attached() {
	list_has "^a .* $recorder\$"
}
start_recorder "$tap_dir/r2" a
ok "list shows the reader's pid" wait_for 10 attached
ok "[C3] a second recorder is refused with the first one's pid" \
	status 4 "pid=$recorder" record -o "$tap_dir/r3" --for 1s a
ok "the first one goes on" attached
ok "a second recorder of the same directory is refused" \
	status 4 "pid=$recorder" record -o "$tap_dir/r2" --for 1s a
wait_for 10 has_packets "$tap_dir/r2" a
kill -9 "$recorder"
wait "$recorder" 2>/dev/null
not_attached() {
	list_has '^a .* -$'
}
ok "[C3] after its sudden death the VM is free again" wait_for 10 not_attached
ok "what it wrote is readable" status 0 'did not end by itself' "$hypertrace" info "$tap_dir/r2"
printf torn >>"$tap_dir/r2/a/vmm"
ok "a torn tail is found" status 6 'in the middle of a packet: 4 bytes' \
	"$hypertrace" check "$tap_dir/r2"
ok "[H3] the recording is gone on with" record -o "$tap_dir/r2" --for 300ms a
ok "[H3] without a gap, without a packet twice" \
	status 0 ' 0 packets missing, .*; defects: 0' "$hypertrace" check "$tap_dir/r2"
ok "the VM is unharmed" list_has '^a  *running'

start_recorder "$tap_dir/r4" a
wait_for 10 attached
kill -INT "$recorder"
ok "Ctrl-C ends a recorder well" ends 0 "$recorder" 5
ok "with a complete recording" grep -q '^complete=true' "$tap_dir/r4/recording.ini"

# more than one VM
start_vm b -S
b=$vm
start_recorder "$tap_dir/r5"
both() {
	has_packets "$tap_dir/r5" a && has_packets "$tap_dir/r5" b
}
ok "all VMs are recorded if none is named" wait_for 10 both
echo stop >"$tap_dir/a.in"
stopped() {
	"$hypertrace" info "$tap_dir/r5" | grep -q 'stopped: paused'
}
ok "a stop of the VM arrives" wait_for 10 stopped
echo cont >"$tap_dir/a.in"
kill -9 "$a"
wait "$a" 2>/dev/null
kill -9 "$b"
wait "$b" 2>/dev/null
ok "the recorder ends with the last VM, however that died" ends 0 "$recorder" 10
ok "[R7] what was in the regions is there" status 0 'defects: 0' "$hypertrace" check "$tap_dir/r5"

# after death
ok "list shows an ended VM" list_has '^a  *ended'
ok "[R7] the region of a dead VM is recorded" \
	status 0 'VM has ended' record -o "$tap_dir/r6" a
ok "a region can be named by its file" record -o "$tap_dir/r7" "$run/a/region"
ok "or by its directory" record -o "$tap_dir/r8" "$run/a"
same() {
	[ "$(wc -c <"$tap_dir/r6/a/vmm")" -ge 1024 ] &&
		[ "$(wc -c <"$tap_dir/r6/a/vmm")" -eq "$(wc -c <"$tap_dir/r7/a/vmm")" ]
}
ok "with the same result" same
ok "[H3] reading it again into the same recording" record -o "$tap_dir/r6" a
ok "[H3] adds nothing twice" status 0 'defects: 0' "$hypertrace" check "$tap_dir/r6"
ok "without a VM that runs, there is nothing to record by default" \
	status 3 'a (ended)' record -o "$tap_dir/r9"
ok "and nothing is made" test ! -e "$tap_dir/r9"
locked() {
	flock "$run/a/region" "$hypertrace" record --runtime-dir "$run" -o "$tap_dir/r10" a
}
ok "two do not read a dead VM's region at once" status 4 'pid=[1-9]' locked

# waiting for a VM
start_recorder "$tap_dir/r11" --wait c
not_ended() {
	kill -0 "$recorder"
}
ok "--wait waits" not_ended
start_vm c -S
c=$vm
ok "until the VM is there" wait_for 10 has_packets "$tap_dir/r11" c
echo cont >"$tap_dir/c.in"
running() {
	"$hypertrace" info "$tap_dir/r11" | grep -A9 reader-attached | grep -q 'running: running'
}
ok "and sees it from before its first instruction" wait_for 10 running
kill -INT "$recorder"
ends 0 "$recorder" 5 >/dev/null

# a VMM that hangs
kill -STOP "$c"
ok "a VMM that does not answer is given up" \
	status 1 'does not answer' record -o "$tap_dir/r12" --for 1s c
kill -CONT "$c"

# the region's file is cut off
start_recorder "$tap_dir/r13" c
wait_for 10 has_packets "$tap_dir/r13" c
truncate -s 4096 "$run/c/region"
ok "[H1] a region cut off under the reader ends the recorder" ends 5 "$recorder" 10
ok "with a clear message" grep -q 'region was truncated' "$tap_dir/recorder.log"
ok "and what it had recorded stays" status 0 'defects: 0' "$hypertrace" check "$tap_dir/r13"
kill -9 "$c" 2>/dev/null
wait "$c" 2>/dev/null

# a full disk
mkdir "$tap_dir/small"
if mount -t tmpfs -o size=24k tmpfs "$tap_dir/small" 2>/dev/null; then
	start_vm d
	start_recorder "$tap_dir/small/rec" d
	wait_for 10 has_packets "$tap_dir/small/rec" d
	for i in $(seq 40); do
		printf 'stop\ncont\n' >"$tap_dir/d.in"
	done
	ok "a full disk ends the recorder" ends 1 "$recorder" 20
	ok "with a clear message" grep -q 'No space left' "$tap_dir/recorder.log"
	ok "and what is on it is whole" \
		status 0 'defects: 0' "$hypertrace" check "$tap_dir/small/rec"
	ok "the VM is free" list_has '^d .* -$'
	ok "and a recorder with room carries on" record -o "$tap_dir/r14" --for 300ms d
	kill -9 "$vm"
	wait "$vm" 2>/dev/null
	umount "$tap_dir/small"
else
	skip "a full disk ends the recorder" "mounting a small tmpfs needs root"
fi

# memory that was given to the VMM: a part in the middle of a file
a_given_vm() {
	start_vm g -object "memory-backend-file,id=given,share=on,mem-path=$tap_dir/given,offset=4M,size=8M" \
		-device "virtio-hypertrace,memdev=given,name=given,dir=$run/given" &&
		wait_for 20 test -S "$run/given/control"
}
truncate -s 16M "$tap_dir/given"
ok "a VM with a part of a file as its region" a_given_vm
ok "list says why it shows no more of it" list_has '^given .*no file'
ok "it is recorded" record -o "$tap_dir/r15" --for 300ms given
ok "and is whole" status 0 'defects: 0' "$hypertrace" check "$tap_dir/r15"
ok "and the life in it is the VM's" status 0 'reader-attached' "$hypertrace" info "$tap_dir/r15"
kill -9 "$vm"
wait "$vm" 2>/dev/null

# what is no region
truncate -s 4M "$tap_dir/zeros"
ok "[R4] zeros are no region" status 5 'not a region' record -o "$tap_dir/n1" "$tap_dir/zeros"
echo text >"$tap_dir/text"
ok "[R4] nor is a text" status 5 'not a region' record -o "$tap_dir/n2" "$tap_dir/text"
cp "$run/a/region" "$tap_dir/other"
printf '\002' | dd of="$tap_dir/other" bs=1 seek=8 conv=notrunc 2>/dev/null
ok "[R4] a region of another version is refused" \
	status 5 'version=2' record -o "$tap_dir/n3" "$tap_dir/other"
head -c 4194303 "$run/a/region" >"$tap_dir/short"
ok "[R4] a region that is too short is refused" \
	status 5 'region' record -o "$tap_dir/n4" "$tap_dir/short"
ok "a VM that is not there" status 3 'name=nobody' record -o "$tap_dir/n5" nobody
ok "a directory with other things in it is no output" \
	status 5 'no recording' record -o "$run" --for 1s "$run/a"
ok "--new refuses a recording that exists" \
	status 1 'exists' record --new -o "$tap_dir/r1" "$run/a"

# wrong command lines
ok "an unknown command" status 2 'no such command' "$hypertrace" frobnicate
ok "an unknown option" status 2 'frobnicate' record --frobnicate
ok "a duration that is none" status 2 'not a duration' record --for soon
ok "check without a recording" status 2 'needed' "$hypertrace" check
ok "check of what is none" status 3 'no recording' "$hypertrace" check "$run"
for command in list record info check; do
	ok "$command --help" status 0 Usage "$hypertrace" $command --help
done
done_testing
