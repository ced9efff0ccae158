#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""What the machine does for a trace event: nothing. The guest maps the region
write-back [R3], and over 100,000 events no register of the device is touched,
no queue is kicked, no interrupt raised. On `pc` and on `q35`.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

EVENTS = 100000
TRACED = ['memory_region_ops_read', 'memory_region_ops_write', 'virtio_queue_notify', 'virtio_notify',
          'virtio_notify_irqfd']


def bars(guest):
    """The device's address ranges as the guest sees them: [(start, end)]."""
    text = guest.sh('for d in /sys/bus/pci/devices/*; do '
                    '[ $(cat $d/device) = 0x107f ] && cat $d/resource; done; true')
    found = []
    for line in text.splitlines():
        start, end, _ = (int(word, 16) for word in line.split())
        if end:
            found.append((start, end))
    return found


def write_back(t, machine, guest):
    region = [bar for bar in bars(guest) if bar[1] - bar[0] > 0x1000000]
    t.equal(len(region), 1, '%s: one BAR holds the region' % machine)
    types = []
    for line in guest.sh('cat /sys/kernel/debug/x86/pat_memtype_list').splitlines():
        match = re.match(r'PAT: \[mem 0x([0-9a-f]+)-0x([0-9a-f]+)\] (\S+)', line)
        if match and region[0][0] <= int(match.group(1), 16) <= region[0][1]:
            types.append(match.group(3))
    t.ok(types and set(types) == {'write-back'}, '%s: the guest maps the region write-back' % machine, types)


def touched(lines):
    """Of QEMU's trace, what concerns our device."""
    return [line for line in lines if 'hypertrace' in line or 'virtio_' in line]


def no_exits(t, machine, guest, trace):
    guest.count_getppid()
    with vm.Recorder(guest, os.path.join(os.path.dirname(guest.run), 'rec-' + machine)) as recorder:
        # The driver answers to the attaching with metadata, once: let that be over.
        vm.tool('list', '--runtime-dir', guest.run)
        guest.sh('workload syscalls 1000 0 1')
        before = {stream['id']: stream['events'] for stream in guest.streams()}
        begin = os.path.getsize(trace)
        for event in TRACED:
            guest.qmp.call('trace-event-set-state', name=event, enable=True, **{'ignore-unavailable': True})
        guest.sh('workload syscalls %d 0 1' % (EVENTS // 2), bound=300)
        vm.wait_for('the events in the region', lambda: sum(
            stream['events'] - before[stream['id']] for stream in guest.streams()) >= EVENTS * 0.8)
        for event in TRACED:
            guest.qmp.call('trace-event-set-state', name=event, enable=False, **{'ignore-unavailable': True})
        with open(trace, errors='replace') as file:
            file.seek(begin)
            lines = file.read().splitlines()
        t.ok(len(lines) > 10, '%s: the count works: QEMU saw other devices used' % machine, len(lines))
        ours = touched(lines)
        t.ok(not ours, '%s: %d events, 0 accesses to the device' % (machine, EVENTS), '\n'.join(ours[:20]))
        # And it would see them: a detaching reader makes the device notify the driver.
        begin = os.path.getsize(trace)
        for event in TRACED:
            guest.qmp.call('trace-event-set-state', name=event, enable=True, **{'ignore-unavailable': True})
        recorder.stop()

        def noticed():
            with open(trace, errors='replace') as file:
                file.seek(begin)
                return touched(file.read().splitlines())
        t.ok(vm.wait_for('an access to the device', noticed, 30),
             '%s: accesses to the device would be seen' % machine)


def on(machine):
    def test(t):
        directory = vm.scratch()
        trace = os.path.join(directory, 'qemu-trace')
        # Room for all events: on a busy host the guest's timer may come late.
        with vm.Guest(directory, machine=machine, append='trace_buf_size=16M', extra=['-D', trace]) as guest:
            guest.ready()
            write_back(t, machine, guest)
            no_exits(t, machine, guest, trace)
    test.__name__ = machine
    return test


tap.main(on('pc'), on('q35'))
