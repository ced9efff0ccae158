#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 500
"""LTTng in the guest on the host's clock [D12]: what happens in the guest between two looks at the
host's CLOCK_MONOTONIC has a time between them, also after the VM stood still or was loaded from a
snapshot, and without the device; nothing has the time of a pause. The clock is the host's own by name
and uuid. It says clearly why it cannot be there; then LTTng runs as without it. A host that writes nonsense
makes the times wrong, and only while it does [G2].
"""

import mmap
import os
import re
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm

DRIVER = '/sys/bus/virtio/drivers/virtio_hypertrace'
# How far the line may be off, beside what the records say of themselves; some 10 ns are usual.
LINE_NS = 1000
LINE_AT, LINE_SIZE = 328, 104   # of vht_host_header.clock_line
PACKET_CLOCK, PACKET_LTTNG, NONE = 5, 6, 0xffffffff
RECORD = struct.Struct('<QQQIHHIIQQQ')
BEGINS = (1, 2, 5, 6)   # reasons of records: START, RESUME, RESET, MIGRATION


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


class Marks:
    """Events that the test makes, and between which times of the host."""

    def __init__(self, guest):
        self.guest = guest
        self.spans = {}
        self.pauses = []

    def make(self, name):
        begin = now()
        self.guest.sh('for i in 1 2 3; do echo %s >/proc/lttng-logger; done' % name)
        self.spans[name] = begin, now()

    def pause(self, seconds):
        self.guest.qmp.call('stop')
        begin = now()
        time.sleep(seconds)     # this is what is tested, not waited for
        end = now()
        self.guest.qmp.call('cont')
        self.pauses.append((begin, end))


def job(guest, command, **arguments):
    """A job of QEMU, to its end."""
    guest.qmp.call(command, job_id=command, **arguments)

    def concluded():
        return [info for info in guest.qmp.call('query-jobs')
                if info['id'] == command and info['status'] == 'concluded']
    found = vm.wait_for(command, concluded)[0]
    guest.qmp.call('job-dismiss', id=command)
    if 'error' in found:
        raise RuntimeError('%s: %s' % (command, found['error']))


def refusals(t, guest):
    """Without a device, and too late. (Busybox has a modprobe too, which knows no softdeps.)"""
    guest.sh('echo 0 >/sys/bus/virtio/drivers_autoprobe')
    status, _ = guest.try_sh('/bin/modprobe vht_lttng_clock')
    t.ok(status and 'no clock of the host' in guest.sh('dmesg'), 'no device: the clock is not there, and says so')
    t.ok('vht_lttng_clock' not in guest.modules(), 'it does not stay')
    guest.sh('/bin/modprobe lttng_tracer')
    t.ok(guest.modules().get('lttng_tracer') is not None, 'LTTng is loaded without it')
    guest.sh('echo 1 >/sys/bus/virtio/drivers_autoprobe; for d in /sys/bus/virtio/devices/*; do '
             '[ -e $d/driver ] || echo ${d##*/} >/sys/bus/virtio/drivers_probe; done')
    status, text = guest.try_sh('/bin/modprobe vht_lttng_clock')
    t.ok(status and re.search('busy', text, re.I), 'too late: it is refused', text)
    t.ok('softdep lttng_tracer pre: vht_lttng_clock' in guest.sh('dmesg | tail -n 3'), 'and says what is needed')
    guest.sh('/bin/modprobe -r lttng_tracer')


def pinned(t, guest):
    found = guest.modules()
    t.equal(found.get('vht_lttng_clock'), 1, 'the daemon has loaded the clock before the tracer, which holds it')
    for name in ('vht_lttng_clock', 'virtio_hypertrace'):
        status, _ = guest.try_sh('rmmod ' + name)
        t.ok(status, '%s cannot be unloaded meanwhile' % name)


def make_packets(guest):
    """What is begun becomes a packet after 100 ms: work, spread over more than a second."""
    guest.sh('for i in $(seq 10); do workload pingpong 20 >/dev/null; usleep 120000; done')


def work(t, guest):
    """Two sessions through all that can happen to the clock. Return: the stock one's trace, and the marks."""
    guest.start_daemon()
    pinned(t, guest)
    guest.lttng('create stock --output=/tmp/stock', 'enable-event -k lttng_logger,sched_switch', 'start',
                'create hypertrace-clock --no-output', 'enable-event -k sched_switch', 'start')
    marks = Marks(guest)
    marks.make('begin')
    make_packets(guest)
    marks.pause(1.5)
    marks.make('paused')
    marks.pause(0)
    marks.make('paused-shortly')
    job(guest, 'snapshot-save', tag='one', vmstate='state', devices=['state'])
    marks.make('lost')
    job(guest, 'snapshot-load', tag='one', vmstate='state', devices=['state'])
    if guest.qmp.call('query-status')['status'] != 'running':
        guest.qmp.call('cont')
    marks.make('loaded')
    make_packets(guest)
    device = guest.sh('for f in %s/virtio*; do echo ${f##*/}; done' % DRIVER).strip()
    guest.sh('echo %s >%s/unbind' % (device, DRIVER))
    marks.make('without')
    guest.sh('echo %s >%s/bind' % (device, DRIVER))
    marks.make('with')
    guest.lttng('stop stock', 'destroy -a')
    trace = lttng.kernel_trace(guest.take('/tmp/stock'))
    guest.end_daemon()
    return trace, marks


def judge(t, trace, marks):
    with open(os.path.join(trace, 'metadata'), 'rb') as file:
        text = file.read().decode(errors='replace')
    clock = re.search(r'clock \{.*?\};', text, re.S).group(0)
    with open('/proc/sys/kernel/random/boot_id') as file:
        boot = file.read().strip()
    for what in ('name = "monotonic"', 'uuid = "%s"' % boot, 'freq = 1000000000', 'host'):
        t.ok(what in clock, 'the clock: ' + what, clock)
    offset = int(re.search(r'offset = (\d+);', clock).group(1))
    t.ok(abs(time.time_ns() - now() - offset) < 600e9, 'its offset, which LTTng measures, is that of the host', clock)

    found = {name: [] for name in marks.spans}
    in_pause = 0
    last = {}
    back = 0
    for event in lttng.events(trace):
        ns = event.ns - offset
        in_pause += any(begin <= ns <= end for begin, end in marks.pauses)
        back += ns < last.get(event.cpu, 0)
        last[event.cpu] = ns
        mark = re.search(r'msg = "([-a-z]+)', event.text)
        if mark:
            found[mark.group(1)].append(ns)
    for name, (begin, end) in marks.spans.items():
        times = found[name]
        if name == 'lost':
            t.equal(times, [], 'what happened after the snapshot did not happen')
        else:
            t.ok(len(times) == 3 and begin <= times[0] and times == sorted(times) and times[-1] <= end,
                 '%s: when the host says, too' % name, '%s not in %s' % (times, (begin, end)))
    t.equal(in_pause, 0, 'no event has a time at which the VM stood still')
    t.equal(back, 0, 'no time goes back on a CPU')
    bad = lttng.problems(text.encode(), {(0, packets[0].cpu): packets for packets in (
        list(lttng.packets(path)) for path in lttng.stream_files(trace).values()) if packets})
    t.equal(bad, [], 'all packets are in order')


def records(recording):
    """The clock records of vCPU 0: [(epoch, host's time, counter, error, whether a running phase begins)]."""
    found = []
    for header, content in vm.packets(os.path.join(recording, 'vm', 'vmm')):
        if header['type'] == PACKET_CLOCK:
            ns, counter, _, error, _, reason, cpu, epoch, _, _, _ = RECORD.unpack(content)
            if cpu in (0, NONE):
                found.append((epoch, ns, counter, error, reason in BEGINS))
    return found


def host_time(known, epoch, counter):
    """When a counter's value was, by the records around it: (time, error); None if there are none."""
    for before, after in zip(known, known[1:]):
        if before[0] == after[0] == epoch and not after[4] and before[2] <= counter <= after[2]:
            rate = (after[1] - before[1]) / (after[2] - before[2])
            return before[1] + (counter - before[2]) * rate, before[3] + after[3]
    return None


def judge_pairs(t, recording):
    """LTTng's clock in the packets of the exported session, against the device's clock records."""
    known = records(recording)
    off = []
    for (life, stream), path in vm.recording_streams(recording, 'vm').items():
        for header, _ in vm.packets(path):
            if not stream.startswith('lttng-cpu') or header['type'] != PACKET_LTTNG or not header['clock']:
                continue
            found = host_time(known, header['epoch'], header['counter'])
            if found:
                # no counter of an x86 is slower than 1 GHz
                off.append((abs(header['clock'] - found[0]) - found[1] - header['counter_width'], life, stream))
    t.note('%d pairs; beyond what they say of themselves they are off by up to %d ns' % (
        len(off), max(off, default=(0,))[0]))
    lives = [life for _, life, _ in off]
    t.ok(len(off) > 20 and len(set(lives)) > 1, 'there are pairs of before and after the load', lives)
    t.equal([which for which in off if which[0] > LINE_NS], [], "LTTng's clock is the host's, to %d ns" % LINE_NS)


class BadHost(threading.Thread):
    """Writes a line into the region, over and over, as no device does; with a number that ever changes."""

    def __init__(self, guest, segments, sequence=None):
        super().__init__()
        self.segments, self.sequence = segments, sequence
        self.done = threading.Event()
        with open(guest.region_path, 'r+b') as file:
            self.map = mmap.mmap(file.fileno(), 4096)

    def run(self):
        count = 0
        while not self.done.is_set():
            count = self.sequence if self.sequence is not None else (count + 1) & 0xffffffff
            self.map[LINE_AT:LINE_AT + LINE_SIZE] = struct.pack('<II12Q', count, 0, *self.segments * 4)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()
        self.map.close()


def hostile(t, guest):
    """Lines that cannot be; then the device's own."""
    most = (1 << 64) - 1
    guest.start_daemon()
    guest.lttng('create bad --output=/tmp/bad', 'enable-event -k lttng_logger,sched_switch', 'start')
    for segments, sequence in (((0, 0, 0), 2), ((most, most, most), 3), ((0, 1 << 63, 1 << 63), None), ((0, 0, 0), 0)):
        with BadHost(guest, segments, sequence):
            Marks(guest).make('bad')
    guest.lttng('destroy')
    with open(guest.region_path, 'rb') as file, mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ) as header:
        first = struct.unpack_from('<I', header, LINE_AT)[0]
        vm.wait_for('lines of the device', lambda: struct.unpack_from('<I', header, LINE_AT)[0] > first + 1)
    guest.lttng('create good --output=/tmp/good', 'enable-event -k lttng_logger', 'start')
    marks = Marks(guest)
    marks.make('good')
    guest.lttng('destroy')
    trace = lttng.kernel_trace(guest.take('/tmp/good'))
    guest.end_daemon()
    with open(os.path.join(trace, 'metadata'), 'rb') as file:
        offset = int(re.search(rb'offset = (\d+);', file.read()).group(1))
    begin, end = marks.spans['good']
    times = [event.ns - offset for event in lttng.events(trace)]
    t.ok(len(times) == 3 and begin <= times[0] and times[-1] <= end, 'after nonsense from the host times are right again',
         '%s not in %s' % (times, (begin, end)))


def clock(t):
    directory = vm.scratch()
    disk = os.path.join(directory, 'state.qcow2')
    subprocess.run([os.path.join(os.path.dirname(os.path.realpath(os.path.join(vm.BUILD, 'qemu'))), 'qemu-img'),
                    'create', '-q', '-f', 'qcow2', disk, '2G'], check=True)
    with lttng.Guest(directory, append='ht.module=no', extra=[
            '-blockdev', 'driver=qcow2,node-name=state,file.driver=file,file.filename=' + disk]) as guest:
        guest.ready()
        refusals(t, guest)
        with vm.Recorder(guest, os.path.join(directory, 'recording')) as recorder:
            trace, marks = work(t, guest)
            recorder.stop()
        hostile(t, guest)
        guest.sh('/bin/modprobe -r vht_lttng')
        status, text = guest.try_sh('/bin/modprobe -r vht_lttng_clock')
        t.ok(not status and 'vht_lttng_clock' not in guest.modules(), 'without the tracer it can be unloaded',
             '%s %s' % (text, guest.modules()))
        judge(t, trace, marks)
        judge_pairs(t, recorder.out)
        t.equal(re.findall(r'WARNING|BUG|RIP:', guest.sh('dmesg')), [], 'the kernel has no complaint')


tap.main(clock)
