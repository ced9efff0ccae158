#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1200
# alone: beside another lab the vCPUs hardly run
"""One timeline under KVM: no guest event lies outside the time in which the host's KVM
ran that vCPU, between kvm_entry and kvm_exit. Four vCPUs whose numbers are not in the
order of their APIC ids run crosswise on the host's CPUs, and it holds still after a
pause, a write to the guest's TSC, a hot-plugged vCPU, a reset, and savevm and loadvm.

From the write to the TSC on the vCPUs' counters differ, and the guest's clock is one that all
CPUs push on: a CPU that leaves the guest in the midst of reading it comes back to another CPU's
reading. So then one time in an absence of a vCPU may be of while another one ran.

The judge here reads the exported CTF with Debian's babeltrace2 and knows of the
vCPUs what the guest's /proc/cpuinfo says, not what our tools say. `hypertrace check`
has to come to the same, and `hypertrace info` to tell which vCPU is which as guest and
QEMU do.
"""

import bisect
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lab
import vm

INSTANCE = '/sys/kernel/tracing/instances/hypertrace'
# Two sockets of three threads: APIC ids 0 1 2, 4 5 6. The guest numbers those that it
# boots with first.
SMP = '1,maxcpus=6,sockets=2,cores=1,threads=3'
PLUGGED = ((1, 1), (1, 2))  # socket and thread: APIC ids 5 and 6
HOT = (0, 1)                # APIC id 1
CALLS = 30000               # of each vCPU in each phase; most phases have four of them


class Phases:
    """The host's times between which the guest did what is judged."""

    def __init__(self, guest):
        self.guest, self.found = guest, []

    def work(self, name, cpus=4):
        ids = [int(value) for value in re.findall(r'^apicid\s*: (\d+)', self.guest.sh('cat /proc/cpuinfo'), re.M)]
        begin = time.monotonic_ns()
        self.guest.sh('workload syscalls %d %s' % (CALLS, ' '.join(map(str, range(cpus)))), bound=300)
        self.found.append({'name': name, 'begin': begin, 'end': time.monotonic_ns(), 'ids': ids, 'vcpus': vcpus(self.guest)})


def trace_on(guest):
    guest.sh('[ -e %s ] || mkdir %s; for e in sched irq; do echo 1 >%s/events/$e/enable; done' % ((INSTANCE,) * 3))
    guest.count_getppid()


def plug(guest, where, name):
    guest.qmp.call('device_add', driver='host-x86_64-cpu', id=name, **{
        'socket-id': where[0], 'core-id': 0, 'thread-id': where[1]})


def vcpus(guest):
    """What QEMU tells of its vCPUs: [index, APIC id, thread] of each."""
    found = []
    for cpu in guest.qmp.call('query-cpus-fast'):
        # one core a socket, and two bits for its threads
        apic_id = 4 * cpu['props']['socket-id'] + cpu['props']['thread-id']
        found.append([cpu['cpu-index'], apic_id, cpu['thread-id']])
    return sorted(found)


def crosswise(guest):
    """Each vCPU on another of the host's CPUs than its number says."""
    for order, thread in enumerate(sorted(lab.threads(guest).values())):
        os.sched_setaffinity(thread, {1 - order % 2})


def write_tsc(guest, cpus):
    """Set the TSC of each vCPU ahead, by other amounts: 2^34 ticks, and twice, three times that."""
    for cpu in cpus:
        # An offset of its own is what IA32_TSC_ADJUST is for; the other way is the TSC itself.
        guest.sh(r"printf '\000\000\000\000\%03o\000\000\000' | dd of=/dev/cpu/%d/msr bs=8 count=1 seek=%d "
                 'oflag=seek_bytes conv=notrunc 2>&1' % (4 * (cpu + 1), cpu, 0x3b))


def wait_look(out):
    """Wait until the device has looked at each vCPU's counter: it does so each second, and what was
    set in between is known from then on."""
    path = os.path.join(out, 'vm', 'vmm')
    before = os.path.getsize(path)
    vm.wait_for('looks at the clocks', lambda: os.path.getsize(path) >= before + 2 * 4 * 256)


def wait_taken(guest):
    """Let the driver take all that was traced: the rest goes with the memory that it lies in."""
    guest.stop_tracing()
    vm.wait_for('the driver to take the rest',
                lambda: not any(ring['entries'] for ring in guest.ring_stats().values()))


def wait_anew(guest):
    """Wait until the driver has noticed that it is in another epoch, and has begun anew."""
    region = guest.region()
    try:
        vm.wait_for('the driver to begin anew', lambda: region.guest()['epoch'] == region.host()['epoch'] and
                    region.guest()['state'] == 2)
    finally:
        region.close()


def disturb(guest, phases, out):
    """What moves a guest's clocks."""
    guest.qmp.call('stop')
    # Long enough that a relation which did not see it is wrong by far.
    begin = time.monotonic()
    vm.wait_for('a while', lambda: time.monotonic() > begin + 1)
    guest.qmp.call('cont')
    phases.work('pause and resume')

    write_tsc(guest, range(4))
    wait_look(out)
    phases.work('a write to the TSC')

    guest.qmp.call('human-monitor-command', bound=200, **{'command-line': 'savevm one'})
    phases.work('savevm')
    wait_taken(guest)
    guest.qmp.call('human-monitor-command', bound=200, **{'command-line': 'loadvm one'})
    wait_anew(guest)
    trace_on(guest)
    phases.work('loadvm')
    wait_taken(guest)

    guest.qmp.call('system_reset')
    guest.ready()
    trace_on(guest)
    phases.work('a reset')


def record(t):
    directory = vm.scratch()
    disk = os.path.join(directory, 'state.qcow2')
    subprocess.run([os.path.join(os.path.dirname(os.path.realpath(os.path.join(vm.BUILD, 'qemu'))), 'qemu-img'),
                    'create', '-q', '-f', 'qcow2', disk, '2G'], check=True)
    out = os.path.join(directory, 'recording')
    extra = ['-drive', 'file=%s,format=qcow2,if=none,id=state' % disk]
    for number, (socket, thread) in enumerate(PLUGGED):
        extra += ['-device', 'host-x86_64-cpu,id=cold%d,socket-id=%d,core-id=0,thread-id=%d' % (number, socket, thread)]
    with lab.guest(directory, cpus=SMP, reboot=True, device=',size=64M', append='trace_buf_size=8M msr.allow_writes=on',
                   extra=extra) as guest:
        guest.ready()
        crosswise(guest)
        phases = Phases(guest)
        with vm.Recorder(guest, out, '--host', '--host-events', 'kvm:kvm_entry,kvm:kvm_exit') as recorder:
            trace_on(guest)
            phases.work('three vCPUs, APIC ids not in order', 3)

            plug(guest, HOT, 'hot')
            guest.sh('until [ -e /sys/devices/system/cpu/cpu3/online ]; do :; done; '
                     'echo 1 >/sys/devices/system/cpu/cpu3/online')
            crosswise(guest)
            phases.work('a hot-plugged vCPU')

            disturb(guest, phases, out)
            guest.stop_tracing()
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'the recorder ends with the guest')
        t.note(recorder.log())
    with open(os.path.join(lab.SHARE, 'phases'), 'w') as file:
        json.dump(phases.found, file)
    shutil.copytree(out, os.path.join(lab.SHARE, 'recording'))


LINE = re.compile(r'^\[(\d+)\.(\d{9})\] (\S+) (\S+): \{ cpu_id = (\d+)')
VCPU = re.compile(r'vcpu_id = (\d+)')


def read(trace):
    """A CTF trace: ({vcpu_id: [(entry, exit)]}, [(ns, cpu)]), times of CLOCK_MONOTONIC."""
    ran, events, entered = collections.defaultdict(list), [], {}
    process = subprocess.Popen(['babeltrace2', '--clock-seconds', '--no-delta', trace], stdout=subprocess.PIPE, text=True,
                               errors='replace')
    for line in process.stdout:
        match = LINE.match(line)
        if not match:
            continue
        ns = int(match.group(1)) * 1000000000 + int(match.group(2))
        if match.group(3) != 'lab':
            events.append((ns, int(match.group(5))))
        elif match.group(4).endswith('_entry'):
            entered[int(VCPU.findall(line)[-1])] = ns
        elif match.group(4).endswith('_exit'):
            # The last is the event's own, those before it are what our tools say.
            vcpu = int(VCPU.findall(line)[-1])
            if vcpu in entered:
                ran[vcpu].append((entered.pop(vcpu), ns))
    if process.wait():
        raise RuntimeError('babeltrace2 failed')
    return ran, events


def outside(ran, ns):
    """By how many ns a time lies outside the intervals in which a vCPU ran."""
    place = bisect.bisect_right(ran, (ns, float('inf')))
    early = ran[place][0] - ns if place < len(ran) else float('inf')
    late = ns - ran[place - 1][1] if place else float('inf')
    return max(0, min(early, late))


def is_carried(ran, vcpu, ns, bound, seen):
    """Whether a time outside is one that another vCPU read in this absence, the only one of it."""
    absence = bisect.bisect_right(ran[vcpu], (ns, float('inf')))
    others = any(outside(stays, ns) <= bound for other, stays in ran.items() if other != vcpu)
    return others and seen.setdefault((vcpu, absence), ns) == ns


def judge_map(t, info, phases):
    """Which vCPU is which: as QEMU says, and the guest, in each of its lives."""
    told = [[int(value) for value in line] for line in re.findall(r'^ +vCPU (\d+) +id (\d+), thread (\d+),', info, re.M)]
    t.equal(sorted(told), phases[-1]['vcpus'], "vCPUs with the APIC ids and threads that QEMU tells")
    index = {apic_id: number for number, apic_id, _ in phases[-1]['vcpus']}
    lives = re.findall(r'^ +CPUs: +(.*)$', info, re.M)
    ends = ('savevm', 'loadvm', 'a reset')
    t.equal(len(lives), len(ends), 'three lives of the guest')
    for line, name in zip(lives, ends):
        ids = next(phase['ids'] for phase in phases if phase['name'] == name)
        found = dict(re.findall(r'(\d+) is vCPU (\d+)', line))
        t.equal(found, {str(cpu): str(index[apic_id]) for cpu, apic_id in enumerate(ids)},
                "at the end of %s: the guest's CPUs are the vCPUs of their APIC ids" % name)


def judge(t, share):
    recording = os.path.join(share, 'recording')
    with open(os.path.join(share, 'phases')) as file:
        phases = json.load(file)
    check = vm.tool('check', recording, check=False, bound=300)
    t.note(check.stdout + check.stderr)
    t.equal(check.returncode, 0, 'hypertrace check finds the recording whole')
    info = vm.tool('info', recording).stdout
    t.note(info)
    judge_map(t, info, phases)
    bound = max(int(value) for value in re.findall(r'times: [^,]*, within (\d+) ns', info))
    t.ok(bound < 100000, 'the bound says something', bound)
    trace = os.path.join(share, 'ctf')
    vm.tool('export', '--to', 'ctf', recording, trace, bound=300)
    ran, events = read(trace)
    # babeltrace2 shows times of day, the phases are on CLOCK_MONOTONIC
    offset = epoch(trace)
    total, is_apart = 0, False
    for phase in phases:
        is_apart = is_apart or phase['name'] == 'a write to the TSC'
        # a reset begins with counters that are the same again
        is_apart = is_apart and phase['name'] != 'a reset'
        mine = [(ns, cpu) for ns, cpu in events if phase['begin'] <= ns - offset <= phase['end']]
        far = [(ns, phase['ids'][cpu], gap) for ns, cpu in mine if (gap := outside(ran[phase['ids'][cpu]], ns)) > bound]
        seen = {}
        wrong = [gap for ns, vcpu, gap in far if not (is_apart and is_carried(ran, vcpu, ns, bound, seen))]
        total += len(mine)
        per_cpu = collections.Counter(cpu for _, cpu in mine)
        t.note('%s: %d events, APIC ids %s, %s' % (phase['name'], len(mine), phase['ids'], dict(per_cpu)))
        t.ok(len(per_cpu) == len(phase['ids']) and min(per_cpu.values()) >= CALLS, '%s: each vCPU has its events' % phase['name'], per_cpu)
        t.equal(len(wrong), 0, '%s: 0 of %d guest events when their vCPU did not run' % (phase['name'], len(mine)))
        carried = len(far) - len(wrong)
        t.ok(carried < 1e-4 * len(mine), '%s: %d times that another CPU read' % (phase['name'], carried))
        if wrong:
            t.note('largest: %s ns, bound %d ns' % (max(wrong), bound))
    t.ok(total >= 100000, '%d guest events were judged' % total)
    judged = re.search(r'stays in the guest: (\d+) judged, 0 not, 0 violations', check.stdout)
    t.ok(judged and int(judged.group(1)) >= total, 'by hypertrace check, too', check.stdout)


def epoch(trace):
    """What babeltrace2 adds to CLOCK_MONOTONIC to have times of day."""
    with open(os.path.join(trace, '@host', 'metadata'), errors='replace') as file:
        clock = re.search(r'offset_s = (\d+);\s*offset = (\d+);', file.read())
    return int(clock.group(1)) * 1000000000 + int(clock.group(2))


lab.main(record, after=(judge,), cpus=2, stock=('msr',))
