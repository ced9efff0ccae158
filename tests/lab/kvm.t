#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
# alone: a lab takes all CPUs that there are
"""The trace port under real KVM, in the lab: recordings are whole [S1, H1], a vCPU's store
to a host page changes nothing [R1], and what the device costs in VM exits is counted:
nothing, over 1,000,000 events.

An exit is the device's own if it touches one of its BARs (kvm_exit, kvm_page_fault,
kvm_mmio) or raises its interrupt (kvm_msi_set_irq: the guest has no other MSI).
"""

import collections
import os
import re
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lab
import vm

EVENTS = 1000000
RUNS = 5
MARK = 0x5e00   # an I/O port that nothing listens to: the guest says with it where work begins and ends
INSTANCE = '/sys/kernel/tracing/instances/hypertrace'


def whole(cpus):
    def test(t):
        directory = vm.scratch()
        with lab.guest(directory, cpus=cpus, memory='768M', append='trace_buf_size=8M', device=',size=128M') as guest:
            guest.ready()
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder, lab.HostTrace('kvm:kvm_entry kvm:kvm_exit') as trace:
                guest.count_getppid()
                guest.sh('for e in sched irq; do echo 1 >%s/events/$e/enable; done' % INSTANCE)
                guest.sh('workload syscalls %d %s' % (120000 // cpus, ' '.join(map(str, range(cpus)))), bound=300)
                guest.stop_tracing()
                trace.stop()
                guest.poweroff()
                t.equal(recorder.wait(), 0, '%d vCPUs: the recorder ends with the guest' % cpus)
            ran = {event['vcpu'] for event in trace.events() if event.name == 'kvm_entry'}
            t.equal(ran, set(range(cpus)), "%d vCPUs: the host's KVM runs each of them" % cpus)
            trace.close()
        check = vm.tool('check', out, check=False, bound=300)
        t.equal(check.returncode, 0, '%d vCPUs: the recording checks clean' % cpus)
        t.note(check.stdout + check.stderr)
        streams = [vm.last_state(path) for (_, name), path in vm.recording_streams(out, 'vm').items()
                   if name.startswith('ftrace.hypertrace-cpu')]
        events = sum(stream['events'] for stream in streams)
        t.ok(len(streams) == cpus and events >= 100000, '%d vCPUs: 100,000 events and more' % cpus, events)
        t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), {cpu: 120000 // cpus for cpu in range(cpus)},
                '%d vCPUs: each system call is there, on its CPU' % cpus)
    test.__name__ = 'whole_%d' % cpus
    return test


def bars(guest):
    """The device's addresses in the guest: [(first, last)]."""
    text = guest.sh('for d in /sys/bus/pci/devices/*; do '
                    '[ $(cat $d/device) = 0x107f ] && cat $d/resource; done; true')
    lines = [[int(word, 16) for word in line.split()] for line in text.splitlines()]
    return [(first, last) for first, last, _ in lines if last]


def own(event, ranges):
    """Is that host event caused by the device?"""
    if event.name == 'kvm_msi_set_irq':
        return True
    if event.name == 'kvm_exit':
        address = event['info2'] if event['reason'] == 'npf' else None
    else:
        address = event['gpa'] if event.name == 'kvm_mmio' else event['address']
    return address is not None and any(first <= address <= last for first, last in ranges)


class Exits:
    """What KVM did in a window: exits by their reason, and those of the device.

    Most exits are of clocks: the host's and the guest's ticks, and what arms the next.
    Their number is that of the seconds which the work took. A few are of vCPUs that wait
    for each other (hlt, and a hypercall that ends it). What else is there, the work did.
    """

    WAITING = ('interrupt', 'msr', 'vintr', 'hlt', 'hypercall')
    EVENTS = 'kvm:kvm_exit kvm:kvm_page_fault kvm:kvm_mmio kvm:kvm_msi_set_irq kvm:kvm_pio'

    def __init__(self, events, ranges):
        self.seconds = (events[-1].ns - events[0].ns) / 1e9 if events else 0
        self.reasons = collections.Counter(event['reason'] for event in events if event.name == 'kvm_exit')
        self.own = [event.text for event in events if event.name != 'kvm_pio' and own(event, ranges)]
        self.total = self.reasons.total()

    def work(self):
        return {reason: count for reason, count in self.reasons.items() if reason not in self.WAITING}

    def __str__(self):
        return '%d exits in %.1f s, %.0f/s: %s' % (self.total, self.seconds, self.total / self.seconds, ', '.join(
            '%s %d' % pair for pair in self.reasons.most_common()))


def worked(guest, ranges, events):
    """Let the guest make events on both CPUs; what happened between its two marks?"""
    mark = 'echo x | dd of=/dev/port bs=1 count=1 conv=notrunc seek=%d 2>/dev/null'
    with lab.HostTrace(Exits.EVENTS, name='exits') as trace:
        guest.sh('%s; workload syscalls %d 0 1; %s' % (mark % MARK, events // 2, mark % (MARK + 1)), bound=300)
        trace.stop()
        found = trace.events()
    trace.close()
    marks = [index for index, event in enumerate(found) if event.name == 'kvm_pio' and event['at'] in (MARK, MARK + 1)]
    if len(marks) != 2:
        raise RuntimeError('%d marks' % len(marks))
    return Exits(found[marks[0] + 1:marks[1]], ranges)


def exits(t):
    directory = vm.scratch()
    with lab.guest(directory, append='ht.module=no', device=',size=16M') as guest:
        guest.ready()
        # As a host with CPUs to spare would have it: ticks are all that vCPUs meet.
        lab.pin(guest, (0, 1))
        ranges = bars(guest)
        guest.sh('mkdir %s; echo 8192 >%s/buffer_size_kb' % (INSTANCE, INSTANCE))
        guest.count_getppid()
        worked(guest, ranges, 100000)
        alone = [worked(guest, ranges, EVENTS) for _ in range(RUNS)]
        guest.sh('insmod /lib/virtio_hypertrace.ko')
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            os.sched_setaffinity(recorder.process.pid, {2})
            vm.tool('list', '--runtime-dir', guest.run)
            # Once around the rings, so that KVM has met each of their pages.
            worked(guest, ranges, EVENTS // 2)
            before = sum(stream['events'] for stream in guest.streams())
            traced = [worked(guest, ranges, EVENTS) for _ in range(RUNS)]
            moved = sum(stream['events'] for stream in guest.streams()) - before
            with lab.HostTrace(Exits.EVENTS, name='detach') as trace:
                recorder.stop()
                vm.wait_for('the driver to answer', lambda: 'kvm_mmio' in trace.read('trace'))
                trace.stop()
                told = Exits(trace.events(), ranges)
            trace.close()
            guest.poweroff()
    t.ok(moved > 0.9 * RUNS * EVENTS, '%d events went through the port meanwhile' % moved)
    t.equal([run.own for run in traced], [[]] * RUNS, '%d times %d events: 0 VM exits by the device, 0 interrupts' %
            (RUNS, EVENTS))
    t.ok(told.own, 'what a detaching recorder makes the device and the driver do is seen', told.reasons)
    for name, runs in (('ftrace alone', alone), ('recorded', traced)):
        for run in runs:
            t.note('%s: %s' % (name, run))
    t.ok(max(sum(run.work().values()) for run in traced) <= max(sum(run.work().values()) for run in alone),
         'no more exits than with ftrace alone, clocks and waiting left out', [run.work() for run in alone + traced])
    total, rate = ([statistics.median(value(run) for run in runs) for runs in (alone, traced)]
                   for value in (lambda run: run.total, lambda run: run.total / run.seconds))
    t.note('all exits, median of %d: ftrace alone %d, %.0f/s; recorded %d, %.0f/s' % (
        RUNS, total[0], rate[0], total[1], rate[1]))
    # Far from what one exit an event, a packet or a look of the recorder would make.
    t.ok(rate[1] < 2 * rate[0], 'nor do ticks come more often', rate)


def stores(t):
    done = subprocess.run([os.path.join(vm.TOP, 'tests/device/kvm-store.t')], capture_output=True, text=True,
                          timeout=300, check=False)
    t.note(done.stdout)
    t.ok(re.search(r'^ok 2 .*\(kvm\)', done.stdout, re.M) and '# SKIP' not in done.stdout and not done.returncode,
         "a vCPU's store does not change a host page under KVM [R1]", done.stdout + done.stderr)


lab.main(whole(2), whole(4), exits, stores, cpus=3)
