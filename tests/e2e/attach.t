#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
"""Recording a guest that runs already: the flight recorder has its newest events,
--events selects what is traced, and ftrace's sub-buffers may have any size.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

INSTANCE = '/sys/kernel/tracing/instances/hypertrace'


def late(t):
    """Attach after more events than the region holds: the newest are there."""
    directory = vm.scratch()
    each = 200000
    with vm.Guest(directory, append='trace_buf_size=1M', device=',size=6M') as guest:
        guest.ready()
        guest.count_getppid()
        guest.sh('workload syscalls %d 0 1' % each, bound=300)
        vm.wait_for('the rings to be full', lambda: all(
            stream['overwritten'] > 0 for stream in guest.streams() if stream['name'] == 'hypertrace'))
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.sh('workload syscalls 1000 0 1')
            guest.stop_tracing()
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'late: recorded')
    trace = os.path.join(directory, 'ctf')
    counts = vm.count_getppid(out, trace)
    t.ok(all(1000 < counts.get(cpu, 0) < each for cpu in (0, 1)),
         'late: the newest events from before the recorder are there, the oldest are not', counts)
    check = vm.tool('check', out, check=False)
    text = check.stdout + check.stderr
    t.ok(len(re.findall('packets were overwritten before the recording began', text)) == 2,
         'late: hypertrace check says that the beginning is missing', text)


def select(t):
    directory = vm.scratch()
    with vm.Guest(directory) as guest:
        guest.ready()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out, '--events', 'sched:sched_switch,irq:*') as recorder:
            vm.wait_for('the events to be enabled', lambda: guest.sh(
                'cat %s/events/sched/sched_switch/enable' % INSTANCE).strip() == '1', 30)
            t.equal(guest.sh('cat %s/events/irq/enable' % INSTANCE).strip(), '1', 'select: irq:* are enabled')
            t.equal(guest.sh('cat %s/events/sched/sched_waking/enable' % INSTANCE).strip(), '0',
                    'select: others are not')
            guest.sh('workload mix 5')
            t.equal(recorder.stop(), 0, 'select: the recorder ends')
        vm.wait_for('the events to be disabled', lambda: guest.sh(
            'cat %s/events/sched/sched_switch/enable' % INSTANCE).strip() == '0', 30)
        t.ok(True, 'select: they are disabled when the recorder is gone')
        wrong = vm.tool('record', '--runtime-dir', guest.run, '-o', os.path.join(directory, 'rec2'),
                        '--events', 'no_such_system:*', guest.name, check=False)
        t.ok(wrong.returncode != 0 and 'no_such_system' in wrong.stderr,
             'select: events that do not exist are an error', '%d %s' % (wrong.returncode, wrong.stderr))
        guest.poweroff()
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', '--names', 'ftrace', out, trace)
    names = {re.sub('^.*:', '', event.name) for event in vm.ctf(trace) if event.cpu is not None}
    t.ok('sched_switch' in names and 'softirq_entry' in names, 'select: they are in the trace', names)
    t.ok(not {name for name in names if name.startswith('sched_')} - {'sched_switch'},
         'select: others are not in the trace', names)


def sub_buffers(t, kb):
    """Sub-buffers of other sizes, set while the driver reads (6.12 can)."""
    directory = vm.scratch()
    each = 30000
    with vm.Guest(directory, append='trace_buf_size=8M') as guest:
        guest.ready()
        guest.sh('cd %s && echo %d >buffer_subbuf_size_kb && cat buffer_subbuf_size_kb' % (INSTANCE, kb))
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.sh('workload syscalls %d 0 1' % each)
            guest.stop_tracing()
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'sub-buffers of %d KiB: recorded' % kb)
    t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), {0: each, 1: each},
            'sub-buffers of %d KiB: every event is there' % kb)


def big_sub_buffers(t):
    sub_buffers(t, 16)


def bigger_sub_buffers(t):
    sub_buffers(t, 64)


tap.main(late, select, big_sub_buffers, bigger_sub_buffers)
