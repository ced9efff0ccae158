#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
"""A recorder that stands still harms nobody: with it stopped and a region too
small, what is exported and what is counted as lost add up to what was written,
exactly, on each CPU [S7] [D3] [G1]. The guest is not slowed: the same work
takes less than 1 % more instructions, counted by -icount (one a tick).
"""

import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

EACH = 150000


def accounts(t, kernel, go_on_before_the_end):
    directory = vm.scratch()
    what = '%s, %s' % (kernel, 'continued' if go_on_before_the_end else 'continued after the VM ended')
    with vm.Guest(directory, kernel=kernel, append='trace_buf_size=1M ht.params=heartbeat_hz=20000',
                  device=',size=6M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            recorder.process.send_signal(signal.SIGSTOP)
            guest.sh('workload syscalls %d 0 1' % EACH, bound=300)
            guest.stop_tracing()
            stats = guest.ring_stats()
            for cpu in (0, 1):
                ring = stats[cpu]
                t.equal(ring['entries'] + ring['read events'] + ring['overrun'] + ring['dropped events'],
                        EACH, '%s: CPU %d: ftrace accounts for every event' % (what, cpu))
                t.ok(ring['overrun'] > 0, '%s: CPU %d: the ring was too small' % (what, cpu), ring)
            if go_on_before_the_end:
                recorder.process.send_signal(signal.SIGCONT)
                guest.poweroff()
            else:
                guest.poweroff()
                recorder.process.send_signal(signal.SIGCONT)
            t.equal(recorder.wait(), 0, '%s: the recorder ends with the VM' % what)
        counts = vm.count_getppid(out, os.path.join(directory, 'ctf'))
        files = vm.recording_streams(out, guest.name)
        states = {cpu: vm.last_state(files[('1.1', 'ftrace.hypertrace-cpu%d' % cpu)]) for cpu in (0, 1)}
        for cpu in (0, 1):
            t.equal(counts.get(cpu, 0) + states[cpu]['events_lost'], EACH,
                    '%s: CPU %d: exported + lost = written' % (what, cpu))
            path = files[('1.1', 'heartbeat-cpu%d' % cpu)]
            numbers, beat = vm.heartbeats(path), vm.last_state(path)
            t.ok(len(numbers) == len(set(numbers)) == beat['events'] and
                 max(numbers) < beat['events'] + beat['events_lost'],
                 '%s: CPU %d: %d heartbeats are there, %d are lost, as the numbers say' % (
                     what, cpu, beat['events'], beat['events_lost']), (len(numbers), max(numbers), beat))
        check = vm.tool('check', out, check=False)
        t.equal(check.returncode, 6, '%s: hypertrace check reports the loss' % what)
        text = check.stdout + check.stderr
        t.ok(all(re.search(r'\b%d\b' % state['events_lost'], text) for state in states.values()),
             '%s: and says how much' % what, text)


def continued(t):
    accounts(t, '6.12', True)


def continued_late(t):
    accounts(t, '6.12', False)


def instructions(t):
    """The price of a stopped recorder, in the guest's instructions."""
    ticks = {}
    for how in ('running', 'stopped'):
        directory = vm.scratch()
        with vm.Guest(directory, cpus=1, append='trace_buf_size=1M', device=',size=6M',
                      icount='shift=0,sleep=off') as guest:
            guest.ready()
            guest.count_getppid()
            with vm.Recorder(guest, os.path.join(directory, 'rec')) as recorder:
                guest.wait_idle(1)
                if how == 'stopped':
                    recorder.process.send_signal(signal.SIGSTOP)
                    guest.sh('workload syscalls 60000 0', bound=300)
                text = guest.sh('workload tsc-syscalls 100000', bound=300)
                ticks[how] = int(re.search(r'ticks=(\d+)', text).group(1))
                recorder.process.kill()
    growth = 100.0 * (ticks['stopped'] - ticks['running']) / ticks['running']
    t.ok(growth < 1, 'with the recorder stopped the same work takes %+.2f %% instructions (%d, %d)' %
         (growth, ticks['running'], ticks['stopped']))


tap.main(continued, continued_late, instructions)
