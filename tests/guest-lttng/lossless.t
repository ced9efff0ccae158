#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 500
"""A million events of LTTng on two vCPUs, recorded while they are made: none is lost, and no register
of the device is touched for them. With a recorder that stands still the same work takes the guest no
more instructions than LTTng alone with full buffers [G1].
"""

import collections
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm

# What QEMU tells of accesses to a device, and of its interrupts.
TRACED = ['memory_region_ops_read', 'memory_region_ops_write', 'virtio_queue_notify', 'virtio_notify',
          'virtio_notify_irqfd']


class Touched:
    """What is done with the device meanwhile, as QEMU's own trace tells."""

    def __init__(self, guest, trace):
        self.guest, self.trace = guest, trace
        self.switch(False)

    def switch(self, enable):
        for event in TRACED:
            self.guest.qmp.call('trace-event-set-state', name=event, enable=enable, **{'ignore-unavailable': True})

    def __enter__(self):
        self.begin = os.path.getsize(self.trace)
        self.switch(True)
        return self

    def __exit__(self, *_):
        self.switch(False)

    def look(self):
        with open(self.trace, errors='replace') as file:
            file.seek(self.begin)
            lines = file.read().splitlines()
        return lines, [line for line in lines if 'hypertrace' in line or 'virtio_' in line]


def begin(guest, session):
    guest.lttng('create %s --no-output' % session, 'enable-channel -k --subbuf-size=256k --num-subbuf=16 main',
                'enable-event -k -c main --syscall getppid', 'start')


def lossless(kernel, calls):
    """Each call is two events, one at its entry and one at its exit."""
    def test(t):
        directory = vm.scratch()
        trace = os.path.join(directory, 'qemu-trace')
        with lttng.Guest(directory, kernel=kernel, extra=['-D', trace]) as guest:
            guest.ready()
            guest.start_daemon()
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                begin(guest, 'hypertrace-all')
                # The driver answers to the attaching with metadata, once: let that be over.
                vm.tool('list', '--runtime-dir', guest.run)
                with Touched(guest, trace) as touched:
                    guest.sh('workload syscalls %d 0 1' % calls, bound=300)
                    packets = sum(stream['packets'] for stream in guest.streams(lttng.SOURCE))
                lines, ours = touched.look()
                t.ok(len(lines) > 10, '%s: the count works: QEMU saw other devices used' % kernel, len(lines))
                t.ok(not ours and packets > 10, '%s: %d packets put into the region, 0 accesses to the device' % (
                    kernel, packets), '\n'.join(ours[:20]))
                guest.lttng('destroy')
                streams = {stream['cpu']: stream for stream in guest.streams(lttng.SOURCE)}
                with Touched(guest, trace) as touched:
                    recorder.stop()
                    t.ok(vm.wait_for('an access to the device', lambda: touched.look()[1], 30),
                         '%s: accesses to the device would be seen' % kernel)
            guest.poweroff()
        session = lttng.sessions(out)['hypertrace-all'][0]
        counts = collections.Counter((event.cpu, event.name) for event in
                                     vm.ctf(session.write(os.path.join(directory, 'ctf'))))
        for cpu in (0, 1):
            entries, exits = (counts[(cpu, 'syscall_%s_getppid' % what)] for what in ('entry', 'exit'))
            # A shell makes such a call when it begins.
            t.ok(calls <= entries <= calls + 20 and abs(entries - exits) <= 1,
                 '%s: CPU %d: %d events, every one is there' % (kernel, cpu, entries + exits), counts)
            stream = streams[cpu]
            t.equal((stream['events_lost'], stream['overwritten']), (0, 0), '%s: CPU %d: the stream says 0 lost' % (
                kernel, cpu))
        wrong = lttng.problems(session.text, session.packets(), 0)
        t.ok(not wrong and not any(packet.discarded for chain in session.packets().values() for packet in chain),
             '%s: and so do the packets' % kernel, '\n'.join(wrong[:20]))
    test.__name__ = 'lossless_' + kernel
    return test


def cost(name, stand_still):
    """Least ticks for the same work while the session NAME traces it; with stand_still after its buffers, and
    the ring behind them, were filled and nobody takes anything out. The first three times do not count: for 134 ms
    after the last event that it kept, LTTng's way to drop one is shorter. On a busy host some take 4 ms more, in
    one piece, which is a tick of the guest's: hence the least."""
    directory = vm.scratch()
    with lttng.Guest(directory, cpus=1, device=',size=8M', icount='shift=0,sleep=off') as guest:
        guest.ready()
        guest.start_daemon()
        with vm.Recorder(guest, os.path.join(directory, 'rec')) as recorder:
            guest.lttng('create %s --no-output' % name, 'enable-channel -k --subbuf-size=64k --num-subbuf=4 main',
                        'enable-event -k -c main --syscall getppid', 'start')
            guest.wait_idle(1)
            if stand_still:
                recorder.process.send_signal(signal.SIGSTOP)
                guest.sh('workload syscalls 400000 0', bound=300)
            texts = [guest.sh('workload tsc-syscalls 100000', bound=300) for _ in range(8)]
            recorder.process.kill()
    return min(int(re.search(r'ticks=(\d+)', text).group(1)) for text in texts[3:])


def instructions(t):
    """The price of a stopped recorder, in the guest's instructions. LTTng takes its slow path for an event
    that it has no room for: so does the session that is not ours, and is not read."""
    recorded, stopped = cost('hypertrace-cost', False), cost('hypertrace-cost', True)
    stock = cost('cost', True)
    t.note('recorded %d, recorder stopped %d, a stock session that is full %d' % (recorded, stopped, stock))
    growth = 100.0 * (stopped - stock) / stock
    t.ok(growth < 1, 'with the recorder stopped work takes %+.2f %% instructions against LTTng alone with full buffers'
         % growth)
    t.ok(stock > recorded, 'which is what losing an event costs more than keeping it: the buffers were full')


tap.main(lossless('6.12', 250000), lossless('6.1', 250000), instructions)
