#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""Numbers of vCPUs: 1 and 8; CPUs that go offline and come back, and one that is
plugged in while the guest runs. Every event on every CPU is recorded.
"""

import os
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


def hotplug(t):
    directory = vm.scratch()
    each = 10000
    # A CPU can be plugged into a socket of its own only.
    with vm.Guest(directory, cpus='2,maxcpus=3,sockets=3,cores=1', append='trace_buf_size=4M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.sh('workload syscalls %d 0 1' % each)
            guest.sh('echo 0 >/sys/devices/system/cpu/cpu1/online')
            guest.sh('workload syscalls %d 0' % each)
            guest.sh('echo 1 >/sys/devices/system/cpu/cpu1/online')
            guest.sh('workload syscalls %d 0 1' % each)
            free = [slot for slot in guest.qmp.call('query-hotpluggable-cpus') if 'qom-path' not in slot]
            guest.qmp.call('device_add', driver=free[0]['type'], id='cpu2',
                           **{key: value for key, value in free[0]['props'].items()})
            vm.wait_for('the new CPU', lambda: guest.sh(
                'echo 1 >/sys/devices/system/cpu/cpu2/online 2>/dev/null; '
                'cat /sys/devices/system/cpu/cpu2/online 2>/dev/null', check=False).strip() == '1', 30)
            guest.sh('workload syscalls %d 0 1 2' % each)
            guest.stop_tracing()
            stats = guest.ring_stats()
            t.equal({cpu: ring['entries'] + ring['read events'] for cpu, ring in stats.items()},
                    {0: 4 * each, 1: 3 * each, 2: each}, 'hotplug: ftrace has every event')
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'hotplug: recorded')
    t.equal(vm.count_getppid(out, os.path.join(directory, 'ctf')), {0: 4 * each, 1: 3 * each, 2: each},
            'hotplug: every event of every CPU is there')


tap.main(one, eight, hotplug)
