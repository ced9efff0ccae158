#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""Numbers of vCPUs: 1 and 8; CPUs that go offline and come back, and one that is
plugged in while the guest runs. Every event on every CPU is recorded.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm


def number(t, cpus, each):
    directory = vm.scratch()
    with vm.Guest(directory, cpus=cpus, append='trace_buf_size=4M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.sh('workload syscalls %d %s' % (each, ' '.join(str(cpu) for cpu in range(cpus))))
            guest.stop_tracing()
            guest.poweroff()
            t.equal(recorder.wait(), 0, '%d vCPUs: recorded' % cpus)
    t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), {cpu: each for cpu in range(cpus)},
            '%d vCPUs: every event is there' % cpus)


def one(t):
    number(t, 1, 40000)


def eight(t):
    number(t, 8, 5000)


def plug(guest):
    """Plug in CPU 2 and bring it online."""
    slot = next(slot for slot in guest.qmp.call('query-hotpluggable-cpus') if 'qom-path' not in slot)
    guest.qmp.call('device_add', driver=slot['type'], id='cpu2', **slot['props'])
    vm.wait_for('the new CPU', lambda: guest.sh(
        'echo 1 >/sys/devices/system/cpu/cpu2/online 2>/dev/null; '
        'cat /sys/devices/system/cpu/cpu2/online 2>/dev/null', check=False).strip() == '1', 30)


def hotplug(t, kernel, plugged):
    directory = vm.scratch()
    each = 10000
    want = {0: 4 * each, 1: 3 * each}
    with vm.Guest(directory, kernel=kernel, cpus='2,maxcpus=3,sockets=3,cores=1',
                  append='trace_buf_size=4M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.sh('workload syscalls %d 0 1' % each)
            guest.sh('echo 0 >/sys/devices/system/cpu/cpu1/online')
            guest.sh('workload syscalls %d 0' % each)
            guest.sh('echo 1 >/sys/devices/system/cpu/cpu1/online')
            guest.sh('workload syscalls %d 0 1' % each)
            if plugged:
                plug(guest)
                want[2] = each
            guest.sh('workload syscalls %d %s' % (each, ' '.join(str(cpu) for cpu in want)))
            guest.stop_tracing()
            ids = re.findall(r'^apicid\s*: (\d+)', guest.sh('cat /proc/cpuinfo'), re.M)
            stats = guest.ring_stats()
            t.equal({cpu: ring['entries'] + ring['read events'] for cpu, ring in stats.items() if cpu in want},
                    want, '%s, hotplug: ftrace has every event' % kernel)
            guest.poweroff()
            t.equal(recorder.wait(), 0, '%s, hotplug: recorded' % kernel)
    t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), want,
            '%s, hotplug: every event of every CPU is there' % kernel)
    environment = vm.environment(vm.recording_streams(out, guest.name)[('1.1', 'metadata')])
    t.equal([environment.get('cpu.%d.id' % cpu) for cpu in range(len(want))], ids,
            '%s, hotplug: what the hardware calls each CPU is told, of one that came too' % kernel)


def offline(t):
    hotplug(t, '6.12', False)


def plugged_in(t):
    # 6.12 takes QEMU's TCG for a real machine, where it plugs in no CPUs.
    hotplug(t, '6.1', True)


tap.main(one, eight, offline, plugged_in)
