#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
"""Lives and deaths while a guest is recorded: the recorder is killed and goes
on, the guest is reset or suspended, the driver is unloaded and unbound. Nothing that
was made before is lost, and everything is told apart [H3] [R6] [G4] [D3].
"""

import os
import random
import re
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm


def recorder_killed(t):
    """SIGKILL at random moments: what was recorded stays, the rest follows."""
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    t.note('seed %d' % seed)
    directory = vm.scratch()
    each = 200000
    with vm.Guest(directory, append='trace_buf_size=24M', device=',size=256M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        guest.start_sh('workload syscalls %d 0 1' % each)
        for turn in range(6):
            with vm.Recorder(guest, out) as recorder:
                end = time.monotonic() + chance.uniform(0, 0.4)
                size = chance.randrange(1 << 20)
                vm.wait_for('a random moment', lambda: time.monotonic() > end or
                            sum(os.path.getsize(path) for path in
                                vm.recording_streams(out, guest.name).values()) > size * (turn + 1), step=0.001)
                recorder.process.kill()
            check = vm.tool('check', out, check=False)
            t.ok(check.returncode in (0, 6), 'kill %d: the recording can be read' % turn,
                 '%d %s' % (check.returncode, check.stderr))
        recorder = vm.Recorder(guest, out)
        guest.finish_sh(200)
        guest.stop_tracing()
        guest.poweroff()
        t.equal(recorder.wait(), 0, 'the last recorder ends with the VM')
    t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), {0: each, 1: each},
            'all recorders together have every event, once')
    check = vm.tool('check', out, check=False)
    t.equal(check.returncode, 0, 'hypertrace check finds nothing')


def guest_reset(t):
    """A reset begins an epoch; both can be read."""
    directory = vm.scratch()
    with vm.Guest(directory, reboot=True, append='trace_buf_size=8M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.sh('workload syscalls 20000 0 1')
            vm.wait_for('the events in the region', lambda: sum(
                stream['events'] for stream in guest.streams()) >= 30000)
            guest.qmp.call('system_reset')
            guest.ready()
            guest.count_getppid()
            guest.sh('workload syscalls 30000 0 1')
            guest.stop_tracing()
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'reset: the recorder goes on and ends with the VM')
    lives = sorted({life for life, name in vm.recording_streams(out, guest.name) if name.startswith('ftrace')})
    # The firmware may reset the machine once more by itself: epochs 1 and 2, or 1 and 3.
    t.ok(len(lives) == 2 and lives[0] == '1.1' and lives[1] in ('2.1', '3.1'),
         'reset: two epochs with a driver are recorded', lives)
    t.equal(vm.tool('check', out, check=False).returncode, 0, 'reset: hypertrace check finds nothing')
    counts = vm.count_getppid(out, os.path.join(directory, 'ctf'))
    t.ok(all(50000 >= counts.get(cpu, 0) >= 45000 - 15000 for cpu in (0, 1)),
         'reset: the events of both are exported', counts)
    vmm = vm.tool('info', out).stdout
    t.ok(re.search('reset', vmm, re.I) or re.search(r'\b2\.1\b', vmm), 'reset: hypertrace info tells the epochs', vmm)


def wait_taken(guest):
    """Wait until the recorder has taken all: what it has not by the time that the next driver
    begins is lost, and a busy host may let it wait for longer than that."""
    region = guest.region()
    try:
        vm.wait_for('the recorder to take the rest', lambda: all(
            stream['head'] == region.tail(stream['id']) for stream in region.streams()))
    finally:
        region.close()


def driver_gone(t):
    """Unloaded and loaded, unbound and bound: a generation each, nothing lost."""
    directory = vm.scratch()
    each = 20000
    with vm.Guest(directory, append='trace_buf_size=8M') as guest:
        guest.ready()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.count_getppid()
            guest.sh('workload syscalls %d 0 1' % each)
            guest.sh('rmmod virtio_hypertrace')
            wait_taken(guest)
            guest.sh('insmod /lib/virtio_hypertrace.ko')
            guest.count_getppid()
            guest.sh('workload syscalls %d 0 1' % each)
            guest.sh('cd /sys/bus/virtio/drivers/virtio_hypertrace && echo virtio0 >unbind')
            wait_taken(guest)
            guest.sh('cd /sys/bus/virtio/drivers/virtio_hypertrace && echo virtio0 >bind')
            guest.count_getppid()
            guest.sh('workload syscalls %d 0 1' % each)
            guest.stop_tracing()
            kernel_log = guest.sh('dmesg')
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'unload: the recorder goes on and ends with the VM')
    lives = sorted({life for life, name in vm.recording_streams(out, guest.name) if name.startswith('ftrace')})
    t.equal(lives, ['1.1', '1.2', '1.3'], 'unload, unbind: three generations are recorded')
    # The instance outlives the driver: what one left behind the next would deliver.
    files = vm.recording_streams(out, guest.name)
    t.equal([vm.last_state(files[(life, 'ftrace.hypertrace-cpu%d' % cpu)])['events']
             for life in lives for cpu in (0, 1)], [each] * 6, 'unload, unbind: each has delivered its own events')
    t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), {0: 3 * each, 1: 3 * each},
            'unload, unbind: no event is lost')
    t.ok(not re.search(r'BUG|WARNING|Oops|Call Trace', kernel_log), 'the guest kernel complains of nothing',
         kernel_log[-3000:])


def module_comes(t):
    """What a module brings after the first set is sent too: its events and its symbols."""
    directory = vm.scratch()
    with vm.Guest(directory, initrd=vm.initramfs('6.12', directory, stock=['9pnet'])) as guest:
        guest.ready()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            metadata = vm.wait_for('its metadata', lambda: [
                path for (_, name), path in vm.recording_streams(out, guest.name).items() if name == 'metadata'])[0]

            def content():
                with open(metadata, 'rb') as file:
                    return file.read()
            # The second set was asked for by the recorder; COMPLETE says that it is whole.
            vm.wait_for('the whole set', lambda: struct.pack('<IIQ', 9, 0, 2) in content())
            before = len(content())
            # It goes and comes back: its events may have other numbers then.
            guest.sh('rmmod 9pnet')
            guest.sh('insmod $(find /lib/stock -name "9pnet.ko*")')
            number = guest.sh('cat /sys/kernel/tracing/events/9p/9p_client_req/id').strip()
            # kallsyms has T for what is exported; a module does not know that of itself.
            symbols = [line.encode() + b'\n' for line in guest.sh(
                "sed -n 's/ T / t /; /\\[9pnet\\]/p' /proc/kallsyms").splitlines() if line.split()[1] in 'tw']

            def brought():
                return content()[before:].replace(b' T ', b' t ')
            vm.wait_for('what the module brought', lambda: symbols[-1] in brought())
            guest.poweroff()
            recorder.wait()
    came = brought()
    t.ok(len(symbols) > 5, 'module: it has symbols', symbols)
    t.equal([symbol for symbol in symbols if came.count(symbol) != 1], [],
            'module: each of its symbols is sent, as kallsyms has it')
    kinds = [kind for kind, _, _ in vm.metadata(metadata)]
    last = len(kinds) - kinds[::-1].index(9)
    t.ok(10 in kinds[:last] and 10 not in kinds[last:] and b' vsnprintf\n' not in came,
         "module: the kernel's own symbols are not sent again", kinds[last:])
    t.equal(came.count(b'name: 9p_client_req\n'), 1, 'module: a format is sent once')
    t.ok(b'name: 9p_client_req\nID: ' + number.encode() + b'\n' in came, 'module: its formats are sent')
    t.ok(b'name: sched_switch\n' not in came, "module: the kernel's own formats are not sent again")


def suspended(t):
    """The guest sleeps and wakes; what it did before and after is told apart by time."""
    directory = vm.scratch()
    each = 10000
    with vm.Guest(directory, append='trace_buf_size=8M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.sh('workload syscalls %d 0 1' % each)
            guest.start_sh('echo mem >/sys/power/state')
            guest.qmp.wait_event('SUSPEND')
            # Meanwhile the guest's clock stands still and its counter does not.
            slept = time.monotonic()
            vm.wait_for('some time of sleep', lambda: time.monotonic() > slept + 2)
            guest.qmp.call('system_wakeup')
            guest.finish_sh()
            guest.sh('workload syscalls %d 0 1' % each)
            guest.stop_tracing()
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'suspend: the recorder goes on and ends with the VM')
    trace = os.path.join(directory, 'ctf')
    t.equal(vm.count_getppid(out, trace), {0: 2 * each, 1: 2 * each}, 'suspend: no event is lost')
    events = list(vm.ctf(trace))
    up = [event.ns for event in events if event.name.endswith('driver_up')]
    t.equal(len(up), 2, 'suspend: the driver comes up again')
    after = sum(event.ns > up[-1] for event in events if event.name.endswith('sys_enter'))
    t.equal(after, 2 * each, 'suspend: host times are right after it')


tap.main(recorder_killed, guest_reset, driver_gone, module_comes, suspended)
