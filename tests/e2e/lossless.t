#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 420
"""Events in equals events out: 1,000,000 ftrace events on 2 vCPUs, a known
number on each, and numbered heartbeats beside them, recorded while they are made. The
guest's own ring statistics, the region's counters, `hypertrace check`, the heartbeats'
numbers and the CTF trace agree, lost 0 [S5] [S7].
"""

import collections
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

EACH = 500000


def lossless(t, kernel, each):
    directory = vm.scratch()
    with vm.Guest(directory, kernel=kernel, append='trace_buf_size=24M ht.params=heartbeat_hz=20000',
                  start=False) as guest:
        out = os.path.join(directory, 'rec')
        # Before the first heartbeat: their rings are soon full.
        with vm.Recorder(guest, out) as recorder:
            guest.qmp.call('cont')
            guest.ready()
            guest.count_getppid()
            guest.sh('workload syscalls %d 0 1' % each, bound=300)
            guest.stop_tracing()
            stats = guest.ring_stats()
            region = guest.region()
            guest.poweroff()
            streams = {stream['cpu']: stream for stream in region.streams()
                       if stream['source'] == 'ftrace' and stream['name'] == 'hypertrace'}
            beats = {stream['cpu']: stream for stream in region.streams() if stream['source'] == 'heartbeat'}
            region.close()
            t.equal(recorder.wait(), 0, '%s: the recorder ends with the VM' % kernel)
        for cpu in (0, 1):
            ring = stats[cpu]
            t.equal((ring['entries'] + ring['read events'], ring['overrun'], ring['dropped events']),
                    (each, 0, 0), '%s: CPU %d: ftrace counts every event, none lost' % (kernel, cpu))
            t.equal((streams[cpu]['events'], streams[cpu]['events_lost'], streams[cpu]['overwritten']),
                    (each, 0, 0), '%s: CPU %d: so does the stream' % (kernel, cpu))
            numbers = vm.heartbeats(vm.recording_streams(out, guest.name)[('1.1', 'heartbeat-cpu%d' % cpu)])
            beat = beats[cpu]
            # They began with the driver; the ring's newest are there since then.
            t.ok(len(numbers) > 1000 and numbers == list(range(beat['events'] - len(numbers), beat['events'])) and
                 beat['events_lost'] == 0, '%s: CPU %d: all heartbeats from %d to %d are there' % (
                     kernel, cpu, numbers[0], beat['events'] - 1), beat)
        check = vm.tool('check', out, check=False)
        t.ok(check.returncode == 0, '%s: hypertrace check finds nothing wrong' % kernel, check.stdout)
        trace = os.path.join(directory, 'ctf')
        vm.tool('export', '--to', 'ctf', out, trace, bound=300)
        counts, last, backwards = collections.Counter(), {}, 0
        for event in vm.ctf(trace):
            if event.name != 'sys_enter' and not event.name.endswith(':sys_enter'):
                continue
            counts[event.cpu] += 1
            backwards += event.ns < last.get(event.cpu, 0)
            last[event.cpu] = event.ns
        t.equal(dict(counts), {0: each, 1: each}, '%s: the CTF trace has every event' % kernel)
        t.equal(backwards, 0, '%s: time goes forward on each CPU' % kernel)


def on_6_12(t):
    lossless(t, '6.12', EACH)


def on_6_1(t):
    lossless(t, '6.1', 50000)


tap.main(on_6_12, on_6_1)
