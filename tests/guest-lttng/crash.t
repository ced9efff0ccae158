#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 500
"""LTTng's flight recorder: an overwrite channel of an exported session, and an end that nobody sees
coming. After a panic every event is on the host, the last one too [G6]; after a triple fault, or where
QEMU is killed, all but those of the last second: of some 100 ms, where nothing keeps the guest from
running. With a recorder, and, from the region's file, without one.
"""

import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm


LATE = 1000     # ms: far above the driver's 100, for a guest without KVM on a busy host


class Flight:
    """A guest with an overwrite channel that is traced into by both CPUs."""

    def __init__(self, kernel, programs=(), contexts=''):
        self.kernel, self.contexts = kernel, contexts
        self.directory = vm.scratch()
        self.out = os.path.join(self.directory, 'rec')
        self.ports = [os.path.join(self.directory, 'port-%d' % cpu) for cpu in (0, 1)]
        extra = []
        for cpu, path in enumerate(self.ports):
            extra += ['-chardev', 'file,id=port%d,path=%s' % (cpu, path),
                      '-device', 'isa-debugcon,iobase=%#x,chardev=port%d' % (0x400 + cpu, cpu)]
        self.guest = lttng.Guest(self.directory, kernel=kernel, extra=extra, programs=programs)

    def __enter__(self):
        self.guest.__enter__()
        self.guest.ready()
        self.guest.start_daemon()
        self.guest.lttng('create hypertrace-flight --no-output',
                         'enable-channel -k --overwrite --subbuf-size=128k --num-subbuf=16 flight',
                         'enable-event -k -c flight lttng_logger',
                         *(['add-context -k -c flight ' + self.contexts] if self.contexts else []), 'start')
        return self

    def __exit__(self, *_):
        self.guest.kill()

    def made(self):
        return [os.path.getsize(path) for path in self.ports]

    def last_sign(self):
        """When the last mark was made that this side saw: ns of CLOCK_MONOTONIC."""
        return max(os.stat(path).st_mtime_ns for path in self.ports) - lttng.clock_offset(self.out)

    def witness(self):
        """Numbered marks of both CPUs, for ever; each is counted on this side when it is made."""
        for cpu in (0, 1):
            self.guest.sh('workload witness %s %d >/dev/null 2>&1 &' % (lttng.LOGGER, cpu))

    def arrived(self):
        """How many packets each CPU has put into the region."""
        return {stream['cpu']: stream['packets'] for stream in self.guest.streams(lttng.SOURCE)}

    def recorded(self, cpu):
        """How many had been put when the last one was that is recorded."""
        path = vm.recording_streams(self.out, self.guest.name)[('1.1', 'lttng-cpu%d' % cpu)]
        return max(header['sequence'] for header, _ in vm.packets(path) if header['type'] == lttng.PACKET_LTTNG) + 1

    def record(self):
        """From the file that is left."""
        vm.tool('record', '--runtime-dir', self.guest.run, '-o', self.out, self.guest.name)

    def marks(self):
        session = lttng.sessions(self.out)['hypertrace-flight'][0]
        trace = session.write(os.path.join(self.directory, 'ctf'))
        return session, {cpu: lttng.marks(trace, cpu) for cpu in (0, 1)}

    def newest(self):
        """When each CPU's newest event was that is recorded: {cpu: ns of CLOCK_MONOTONIC}."""
        trace = os.path.join(self.directory, 'exported')
        vm.tool('export', '--to', 'ctf', self.out, trace)
        found = {}
        for time_ns, cpu, _, _ in lttng.exported_events(os.path.join(trace, 'vm@lttng'), lttng.clock_offset(self.out)):
            found[cpu] = max(time_ns, found.get(cpu, 0))
        return found


def panicked(kernel):
    def test(t):
        what = '%s, panic' % kernel
        with Flight(kernel) as flight:
            with vm.Recorder(flight.guest, flight.out) as recorder:
                flight.witness()
                vm.wait_for('marks on both CPUs', lambda: min(flight.made()) > 3000)
                flight.guest.start_sh('echo c >/proc/sysrq-trigger')
                flight.guest.wait_end()
                t.equal(recorder.wait(), 0, '%s: the recorder ends with the VM' % what)
            made = flight.made()
            session, found = flight.marks()
            for cpu in (0, 1):
                t.ok(found[cpu] == list(range(len(found[cpu]))) and made[cpu] <= len(found[cpu]) <= made[cpu] + 1,
                     '%s: CPU %d: every event, the last one too' % (what, cpu),
                     'made %d, recorded %d, %s' % (made[cpu], len(found[cpu]), found[cpu][-3:]))
            wrong = lttng.problems(session.text, session.packets(), 0)
            t.ok(not wrong, '%s: the packets are in order' % what, '\n'.join(wrong[:20]))
    test.__name__ = 'panicked_' + kernel
    return test


def panicked_alone(kernel):
    """Nobody reads: the region is the flight recorder, and goes around."""
    def test(t):
        count = 150000
        what = '%s, panic without a recorder' % kernel
        with Flight(kernel, contexts='-t hostname -t procname -t tid -t pid -t prio -t nice') as flight:
            flight.guest.start_sh('taskset -c 1 workload crash %s %d' % (lttng.LOGGER, count))
            flight.guest.wait_end(300)
            flight.record()
            session, found = flight.marks()
            numbers, chain = found[1], session.packets()[(0, 1)]
            t.ok(0 < len(numbers) < count and numbers[-1] == count - 1 and chain[0].sequence > 0,
                 '%s: the newest %d of %d events, up to the last one' % (what, len(numbers), count), numbers[-3:])
            # The CPU that empties the buffer may be late: then LTTng itself overwrites, and its numbers tell.
            jumps = sum(second != first + 1 for first, second in zip(numbers, numbers[1:]))
            gaps = sum(second.sequence != first.sequence + 1 for first, second in zip(chain, chain[1:]))
            t.equal(jumps, gaps, '%s: where events are missing the packets say so' % what)
    test.__name__ = 'panicked_alone_' + kernel
    return test


def sudden(kernel, triple):
    """Nothing in the guest can do anything any more: what had gone out until then is there."""
    def test(t):
        what = '%s, %s' % (kernel, 'triple fault' if triple else 'QEMU killed')
        with Flight(kernel, programs=[fault(kernel)]) as flight:
            flight.witness()
            vm.wait_for('marks on both CPUs', lambda: min(flight.made()) > 20000)
            vm.wait_for('them in the region', lambda: all(flight.arrived().get(cpu, 0) > 3 for cpu in (0, 1)))
            arrived = flight.arrived()
            if triple:
                flight.guest.start_sh('insmod /bin/fault.ko')
                flight.guest.wait_end()
            else:
                killed = time.monotonic_ns()
                flight.guest.kill()
            made = flight.made()
            flight.record()
            ended = flight.last_sign() if triple else killed
            session, found = flight.marks()
            newest = flight.newest()
            for cpu in (0, 1):
                numbers = found[cpu]
                t.ok(numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))) and
                     flight.recorded(cpu) >= arrived[cpu] and numbers[-1] <= made[cpu],
                     '%s: CPU %d: without a gap, up to what had arrived' % (what, cpu),
                     'made %d, recorded %d, %s; packets: %d had arrived, %d' % (
                         made[cpu], len(numbers), numbers[-3:], arrived[cpu], flight.recorded(cpu)))
                late = (ended - newest[cpu]) / 1e6
                t.ok(abs(late) < LATE, '%s: CPU %d: and up to less than %d ms before the end' % (what, cpu, LATE),
                     '%.1f ms' % late)
                t.note('CPU %d: the newest %d of %d events were in the guest yet, %.1f ms' % (
                    cpu, made[cpu] - numbers[-1] - 1, made[cpu], late))
            wrong = lttng.problems(session.text, session.packets())
            t.ok(not wrong, '%s: the packets are in order' % what, '\n'.join(wrong[:20]))
    test.__name__ = ('triple_fault_' if triple else 'qemu_killed_') + kernel
    return test


_fault = {}


def fault(kernel):
    """tests/guest/fault.c, built as a user would."""
    if kernel not in _fault:
        source = os.path.join(vm.scratch(), 'fault')
        os.makedirs(source)
        shutil.copy(os.path.join(vm.TOP, 'tests/guest/fault.c'), source)
        with open(os.path.join(source, 'Kbuild'), 'w') as file:
            file.write('obj-m := fault.o\n')
        done = subprocess.run(['make', '-C', lttng.headers(kernel), 'M=' + source, 'modules'],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise RuntimeError('cannot build fault.ko: ' + done.stdout[-2000:])
        _fault[kernel] = os.path.join(source, 'fault.ko')
    return _fault[kernel]


tap.main(*(test for kernel in ('6.12', '6.1') for test in (
    panicked(kernel), panicked_alone(kernel), sudden(kernel, True), sudden(kernel, False))))
