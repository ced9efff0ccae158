#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
"""Orderly ends [G5]: the driver delivers until devices are shut down, and says why it ended. A
recording over ten reboots is one recording with ten epochs.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

INSTANCE = '/sys/kernel/tracing/instances/hypertrace'
# What the kernel calls on its way down, in this order.
FUNCTIONS = ['device_shutdown', 'syscore_shutdown']


def events_of(recording, directory):
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', recording, trace)
    return list(vm.ctf(trace))


def last_event(kernel, how, reason):
    """The function tracer sees the kernel go down; we see what it saw."""
    def test(t):
        what = '%s, %s' % (kernel, how)
        directory = vm.scratch()
        with vm.Guest(directory, kernel=kernel, append='trace_buf_size=4M') as guest:
            guest.ready()
            guest.sh('cd %s && echo %s >set_ftrace_filter && echo function >current_tracer && '
                     'echo 1 >events/sched/enable' % (INSTANCE, ' '.join(FUNCTIONS)))
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                guest.start_sh('workload reboot ' + how)
                if how == 'halt':
                    vm.wait_for('the guest to halt', lambda: 'System halted' in guest.serial())
                    recorder.stop()
                    guest.kill()
                else:
                    guest.wait_end()
                t.equal(recorder.wait(), 0, '%s: the recorder ends' % what)
                t.ok(re.search('^vm ended: %s$' % reason, recorder.log(), re.M), '%s: and tells why' % what,
                     recorder.log()[-300:])
        end = vm.ending(out, 'vm', '1.1')
        t.equal((end.get('end_reason'), end.get('end_stage')), (reason, 'devices-down'),
                '%s: so does the recording, and how far it had come' % what)
        events = [event for event in events_of(out, directory) if event.cpu is not None]
        called = [(index, function) for index, event in enumerate(events) for function in FUNCTIONS
                  if re.search(r'"%s(\+0x0)?' % function, event.text) or 'ip = "%s' % function in event.text]
        t.equal([function for _, function in called], FUNCTIONS, '%s: the shutdown of devices and core is there' % what)
        t.ok(called and called[-1][0] <= len(events) - 1, '%s: the last event is no earlier' % what)
        check = vm.tool('check', out, check=False)
        t.ok(check.returncode == 0 and 'lost: 0 events in the guest, 0 packets missing' in check.stdout,
             '%s: hypertrace check finds nothing lost or damaged' % what, check.stdout)
    test.__name__ = '%s_%s' % (how, kernel)
    return test


def driver_alone(t):
    """Suspended, unbound: the guest lives on, and the driver says why it does not."""
    directory = vm.scratch()
    with vm.Guest(directory) as guest:
        guest.ready()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.start_sh('echo mem >/sys/power/state')
            guest.qmp.wait_event('SUSPEND')
            vm.wait_for('the end of the first life', lambda: vm.ending(out, 'vm', '1.1'))
            guest.qmp.call('system_wakeup')
            guest.finish_sh()
            guest.sh('rmmod virtio_hypertrace')
            vm.wait_for('the end of the second life', lambda: vm.ending(out, 'vm', '1.2'))
            guest.sh('insmod /lib/virtio_hypertrace.ko')
            guest.poweroff()
            recorder.wait()
    t.equal([vm.ending(out, 'vm', '1.%d' % life).get('end_reason') for life in (1, 2, 3)],
            ['suspend', 'unbound', 'power-off'], 'suspend, unbound, power-off: each life has its own end')
    info = vm.tool('info', out).stdout
    t.equal(re.findall(r'^ +end: +(.*)$', info, re.M),
            ['suspend (notified)', 'unbound (notified)', 'power-off (devices-down)'], 'hypertrace info tells them')


def without_order(t):
    """sysrq b asks nobody; only the kernel's log is dumped before."""
    directory = vm.scratch()
    with vm.Guest(directory) as guest:
        guest.ready()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.start_sh('workload marker %s/trace_marker 500; echo b >/proc/sysrq-trigger' % INSTANCE)
            guest.wait_end()
            recorder.wait()
    end = vm.ending(out, 'vm', '1.1')
    t.equal((end.get('end_reason'), end.get('end_stage'), end.get('end_text')),
            ('restart', 'none', 'emergency restart'), 'sysrq b: the driver says that there was no order')
    numbers = [int(number) for event in events_of(out, directory)
               for number in re.findall(r'number (\d+)', event.text)]
    t.ok(numbers == list(range(500)), 'sysrq b: what was there is delivered', numbers[-3:])


def ten_reboots(t):
    directory = vm.scratch()
    each = 2000
    with vm.Guest(directory, reboot=True, append='trace_buf_size=2M') as guest:
        out = os.path.join(directory, 'rec')
        guest.ready()
        with vm.Recorder(guest, out) as recorder:
            for turn in range(10):
                if turn:
                    guest.ready()
                guest.count_getppid()
                guest.sh('workload syscalls %d 0 1' % each)
                guest.stop_tracing()
                if turn < 9:
                    guest.start_sh('workload reboot restart')
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'ten reboots: the recorder goes on and ends with the VM')
    lives = sorted({tuple(int(part) for part in life.split('.')) for life, name in
                    vm.recording_streams(out, guest.name) if name.startswith('ftrace')})
    t.ok(len(lives) == 10 and len({epoch for epoch, _ in lives}) == 10 and {life for _, life in lives} == {1},
         'ten reboots: ten epochs with a driver each', lives)
    reasons = [vm.ending(out, 'vm', '%d.%d' % life).get('end_reason') for life in lives]
    t.equal(reasons, ['restart'] * 9 + ['power-off'], 'ten reboots: each says how it ended')
    t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), {0: 10 * each, 1: 10 * each},
            'ten reboots: no event of any of them is lost')
    check = vm.tool('check', out, check=False)
    t.ok(check.returncode == 0 and 'lost: 0 events in the guest, 0 packets missing' in check.stdout,
         'ten reboots: hypertrace check finds nothing', check.stdout)


tap.main(last_event('6.12', 'power-off', 'power-off'), last_event('6.12', 'restart', 'restart'),
         last_event('6.1', 'power-off', 'power-off'), last_event('6.1', 'restart', 'restart'),
         last_event('6.12', 'halt', 'halt'), driver_alone, without_order, ten_reboots)
