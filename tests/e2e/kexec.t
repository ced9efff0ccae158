#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
"""A guest that starts another kernel by itself: no reset, so the same epoch, and the new
kernel's driver is the next generation. The old one delivers to its end and says so [G5] [R6].
"""

import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

MARKER = '/sys/kernel/tracing/instances/hypertrace/trace_marker'


def padded(source, target):
    """A copy that is a whole disk."""
    shutil.copy(source, target)
    os.truncate(target, (os.path.getsize(source) + 511) // 512 * 512)
    return os.path.getsize(source)


def marks_of(recording, directory):
    """(CPU, number) of each mark, in the order of time."""
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', recording, trace)
    return [(event.cpu, int(number)) for event in vm.ctf(trace) for number in re.findall(r'number (\d+)', event.text)]


def is_whole(marks, count):
    """Each is there once; their order is known on each CPU only, and the writer may move from one to another."""
    chains = {}
    for cpu, number in marks:
        chains.setdefault(cpu, []).append(number)
    return sorted(number for _, number in marks) == list(range(count)) and \
        all(chain == sorted(chain) for chain in chains.values())


def on(kernel):
    def test(t):
        directory = vm.scratch()
        initrd = vm.initramfs(kernel, directory, stock=('virtio_blk',))
        disks, sizes = [], []
        for index, source in enumerate((os.path.join(vm.BUILD, 'kernel-' + kernel, 'vmlinuz'), initrd)):
            path = os.path.join(directory, 'disk%d' % index)
            sizes.append(padded(source, path))
            disks += ['-drive', 'file=%s,format=raw,if=none,id=d%d,readonly=on' % (path, index),
                      '-device', 'virtio-blk-pci,drive=d%d' % index]
        with vm.Guest(directory, kernel=kernel, initrd=initrd, extra=disks, memory='768M') as guest:
            guest.ready()
            guest.sh('head -c %d /dev/vda >/tmp/kernel && head -c %d /dev/vdb >/tmp/initrd' % tuple(sizes))
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                guest.start_sh('workload marker %s 700; workload kexec /tmp/kernel /tmp/initrd '
                               '"$(cat /proc/cmdline)"' % MARKER)
                guest.ready()
                vm.wait_for('the next driver', lambda: guest.region().guest()['generation'] == 2)
                guest.sh('workload marker %s 900' % MARKER)
                guest.poweroff()
                t.equal(recorder.wait(), 0, '%s: the recorder goes on and ends with the VM' % kernel)
        lives = sorted({life for life, name in vm.recording_streams(out, guest.name) if name.startswith('ftrace')})
        t.equal(lives, ['1.1', '1.2'], '%s: the new kernel has the next driver of the same epoch' % kernel)
        first, second = vm.ending(out, 'vm', '1.1'), vm.ending(out, 'vm', '1.2')
        t.equal((first.get('end_reason'), first.get('end_stage'), first.get('end_text')),
                ('kexec', 'devices-down', 'kexec reboot'), '%s: the first one ended in kexec, with devices down' % kernel)
        t.equal(second.get('end_reason'), 'power-off', '%s: the second one by power-off' % kernel)
        marks = marks_of(out, directory)
        t.ok(is_whole(marks[:700], 700) and is_whole(marks[700:], 900), '%s: every mark of both is there' % kernel, marks)
        check = vm.tool('check', out, check=False)
        t.ok(check.returncode == 0 and 'lost: 0 events in the guest, 0 packets missing' in check.stdout,
             '%s: hypertrace check finds nothing lost or damaged' % kernel, check.stdout)
    test.__name__ = 'on_' + kernel
    return test


tap.main(on('6.12'), on('6.1'))
