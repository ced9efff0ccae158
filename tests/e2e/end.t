#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
"""Ends nobody asked for: QEMU is killed, the disk is full, another recorder is
there already. Each gives a message and its exit code and costs nothing that
was recorded.
"""

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm


def qemu_killed(t):
    directory = vm.scratch()
    with vm.Guest(directory, append='trace_buf_size=8M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            # The last events are still in the ring when the recorder sees them go.
            guest.sh('workload syscalls 50000 0 1')
            recorder.process.send_signal(signal.SIGSTOP)
            guest.sh('workload syscalls 50000 0 1')
            vm.wait_for('the events in the region', lambda: sum(
                stream['events'] for stream in guest.streams()) >= 150000)
            region = guest.region()
            guest.kill()
            put = {stream['cpu']: stream['events'] for stream in region.streams() if stream['source'] == 'ftrace'}
            region.close()
            recorder.process.send_signal(signal.SIGCONT)
            t.equal(recorder.wait(), 0, 'QEMU killed: the recorder sees the end of the VM')
    t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), {cpu: put[cpu] for cpu in (0, 1)},
            'QEMU killed: everything that was in the region is recorded')


def second_recorder(t):
    directory = vm.scratch()
    with vm.Guest(directory) as guest:
        guest.ready()
        with vm.Recorder(guest, os.path.join(directory, 'rec')) as first:
            second = vm.tool('record', '--runtime-dir', guest.run, '-o', os.path.join(directory, 'rec2'),
                             guest.name, check=False)
            t.equal(second.returncode, 4, 'second recorder: refused with exit code 4')
            t.ok(str(first.process.pid) in second.stderr, 'second recorder: told who is first', second.stderr)
            t.ok(first.process.poll() is None, 'second recorder: the first goes on')
            t.equal(first.stop(), 0, 'the first ends when it is told to')
        third = vm.Recorder(guest, os.path.join(directory, 'rec3'))
        t.equal(third.stop(), 0, 'and then there can be another')
        guest.poweroff()


def disk_full(t):
    if os.geteuid() != 0:
        t.skip('disk full', 'mounting a small file system needs root')
        return
    directory = vm.scratch()
    small = os.path.join(directory, 'small')
    os.mkdir(small)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=6m', 'small', small], check=True)
    try:
        with vm.Guest(directory, append='trace_buf_size=8M') as guest:
            guest.ready()
            guest.count_getppid()
            out = os.path.join(small, 'rec')
            recorder = vm.Recorder(guest, out)
            guest.start_sh('workload syscalls 100000 0 1')
            t.equal(recorder.wait(), 1, 'disk full: exit code 1')
            guest.finish_sh()
            t.ok(guest.alive(), 'disk full: the guest goes on')
            check = vm.tool('check', out, check=False)
            t.ok(check.returncode in (0, 6), 'disk full: what was recorded can be read', check.stderr)
            counts = vm.count_getppid(out, os.path.join(directory, 'ctf'))
            t.ok(sum(counts.values()) > 10000, 'disk full: and is not little', counts)
            # Elsewhere it goes on with what is still in the region.
            again = vm.Recorder(guest, os.path.join(directory, 'rec2'))
            guest.poweroff()
            t.equal(again.wait(), 0, 'disk full: another recording can follow')
    finally:
        subprocess.run(['umount', '-l', small], check=True)


tap.main(qemu_killed, second_recorder, disk_full)
