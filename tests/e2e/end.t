#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
"""Ends nobody asked for: QEMU is killed, the disk is full, another recorder is
there already, the guest says nonsense, the VM goes elsewhere. Each gives a message and its
exit code and costs nothing that was recorded.
"""

import os
import signal
import struct
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
            metadata = os.path.join(out, guest.name, '1.1', 'metadata')
            # On a busy host the disk would be full before the driver's thread has sent them.
            vm.wait_for('the formats', lambda: os.path.exists(metadata) and any(
                b'raw_syscalls\0name: sys_enter\n' in content for _, content in vm.packets(metadata)))
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


def mad_words(t):
    """A guest that says it ends, in any words, and all the time: recorded, and harmless."""
    directory = vm.scratch()
    with vm.Guest(directory) as guest:
        guest.ready()
        out = os.path.join(directory, 'rec')
        file = os.open(guest.region_path, os.O_RDWR)
        region = guest.region()
        # struct vht_guest_header: end_reason, end_stage, end_counter, end_text
        at = region.host()['guest_offset'] + region.GUEST.size
        with vm.Recorder(guest, out) as recorder:
            ini = os.path.join(out, guest.name, '1.1', 'driver.ini')
            for number in range(20000):
                os.pwrite(file, struct.pack('<QI', number, number)[4:] + os.urandom(112), at + 4)
                os.pwrite(file, struct.pack('<I', number % 300), at)
            text = b'\x1b[2J[driver]\nend_reason=none\r\x00rest'
            os.pwrite(file, struct.pack('<IIQ', 4711, 4294967295, 5) + text.ljust(112, b'\xff'), at)
            guest.sh('workload mix 1')
            vm.wait_for('the end', lambda: os.path.exists(ini) and b'4711' in open(ini, 'rb').read(), 30)
            t.equal(recorder.stop(), 0, 'mad words: the recorder goes on')
            t.ok('vm ended: 4711: ?[2J[driver]?end_reason=none?\n' in recorder.log(), 'mad words: and makes them harmless',
                 recorder.log()[-500:])
        os.close(file)
        region.close()
    info = vm.tool('info', out).stdout
    t.ok('4711 (4294967295): ?[2J[driver]?end_reason=none?\n' in info, 'mad words: hypertrace info tells them', info)
    with open(ini, 'w') as file:
        file.write('[driver]\nend_reason=\\x1b\nend_stage=-3\nend_counter=x\nend_text=\x1b[2J\n')
    info = vm.tool('info', out).stdout
    t.ok('\x1b' not in info and 'end:' not in info, 'mad words: in the recording itself they are no better', info)


def moved(t):
    """The VM is moved to another QEMU: its driver begins anew there, and nothing more is lost."""
    directory = vm.scratch()
    each = 5000
    state = os.path.join(directory, 'state')
    initrd = vm.initramfs('6.12', directory)
    with vm.Guest(directory, name='here', initrd=initrd, append='trace_buf_size=8M') as here:
        here.ready()
        here.count_getppid()
        first = vm.Recorder(here, os.path.join(directory, 'rec-here'))
        here.sh('workload syscalls %d 0 1' % each)
        vm.wait_for('the events', lambda: {s['cpu']: s['events'] for s in here.streams()} == {0: each, 1: each}, 30)
        here.qmp.call('stop')
        here.qmp.call('migrate', uri='exec:cat >' + state)
        vm.wait_for('the state to be saved', lambda: here.qmp.call('query-migrate').get('status') == 'completed')
        here.qmp.call('quit')
        here.wait_end()
        t.equal(first.wait(), 0, 'moved: the first recorder ends with the first QEMU')
    with vm.Guest(directory, name='there', initrd=initrd, append='trace_buf_size=8M',
                  extra=['-incoming', 'exec:cat ' + state]) as there:
        out = os.path.join(directory, 'rec-there')
        with vm.Recorder(there, out) as second:
            vm.wait_for('the VM', lambda: there.qmp.call('query-status')['status'] in ('running', 'paused'))
            there.qmp.call('cont')
            region = there.region()
            vm.wait_for('the driver', lambda: region.guest()['state'] == 2 and
                        region.guest()['epoch'] == region.host()['epoch'], 60)
            region.close()
            there.sh('workload syscalls %d 0 1' % each)
            there.stop_tracing()
            there.poweroff()
            t.equal(second.wait(), 0, 'moved: the second recorder ends with the second one')
    for name, recording in (('before', 'rec-here'), ('after', 'rec-there')):
        t.equal(vm.count_getppid(os.path.join(directory, recording), os.path.join(directory, recording + '-ctf')),
                {0: each, 1: each}, 'moved: every event from %s is there' % name)
    check = vm.tool('check', out, check=False)
    t.equal(check.returncode, 0, 'moved: hypertrace check finds nothing wrong')


tap.main(qemu_killed, second_recorder, disk_full, mad_words, moved)
