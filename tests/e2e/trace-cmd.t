#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""The same events, by us and by trace-cmd in the guest from a second instance:
names, fields, CPUs, order and time agree event by event. Then the trace.dat that we
export, as trace-cmd reports it: our events and times, and the fields as in its own file.

The kernel writes an event into one instance after the other, and an interrupt
may come between: its events then stand before the interrupted one in the second
instance and behind it in the first. So order is compared with that exchange allowed,
and times to the width of such an interruption.
"""

import collections
import configparser
import os
import re
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import perfetto
import tap
import vm

EVENTS = ('sched irq timer signal workqueue task raw_syscalls syscalls/sys_enter_openat '
          'syscalls/sys_exit_openat syscalls/sys_enter_execve kmem/mm_page_alloc').split()
LINE = re.compile(r'^\s*(?P<task>.*)-(?P<pid>\d+)\s+\[(?P<cpu>\d+)\]\s+(?:\S{4,5}\s+)?'
                  r'(?P<s>\d+)\.(?P<ns>\d{9}): (?P<name>\w+):\s*(?P<rest>.*)$')


class Theirs:
    """An event as `trace-cmd report -R` prints it."""

    __slots__ = ('ns', 'name', 'cpu', 'fields')

    def __init__(self, match):
        self.ns = int(match['s']) * 1000000000 + int(match['ns'])
        self.name, self.cpu = match['name'], int(match['cpu'])
        self.fields = {}
        parts = re.split(r'(?:^|\s)([A-Za-z_]\w*)=', match['rest'])
        for name, value in zip(parts[1::2], parts[2::2]):
            self.fields[name] = value.strip()


def number(text):
    match = re.search(r'container = (-?\w+)', text)
    if match:
        text = match.group(1)
    try:
        return int(text, 0) & 0xffffffffffffffff
    except ValueError:
        return None


def same_array(ours, theirs):
    """trace-cmd shows an array's bytes, CTF its elements (or the text in it)."""
    data = bytes(int(byte, 16) for byte in re.findall(r'[0-9a-f]{2}', theirs[6:]))
    if ours.startswith('['):
        elements = [number(value) for value in re.findall(r'\] = (-?\w+)', ours)]
        if not elements or len(data) % len(elements) or None in elements:
            return False
        size = len(data) // len(elements)
        return data == b''.join((value & (1 << 8 * size) - 1).to_bytes(size, 'little') for value in elements)
    return data.rstrip(b'\0').decode(errors='replace') == ours


ENDED = (16, 32)


def same(event, name, theirs):
    """Does a field agree? trace-cmd prints some, even raw, as the event's print format
    says: a function by its name, and numbers as %03d or %x. A task that ended is a zombie (32)
    until its parent, on another CPU, makes it dead (16): between the two instances, perhaps."""
    ours = event.field(name)
    if ours is None:
        return False
    if theirs.startswith('ARRAY['):
        return same_array(ours, theirs)
    a = number(ours)
    if a is None:
        return ours == theirs
    if (event.name, name) == ('sched_switch', 'prev_state') and a in ENDED:
        return number(theirs) in ENDED
    for base in (0, 10, 16):
        try:
            b = int(theirs, base) & 0xffffffffffffffff
        except ValueError:
            continue
        if a == b or a & 0xffffffff == b & 0xffffffff and b >> 32 in (0, 0xffffffff):
            return True
    symbol = event.field(name + '_symbol')
    return symbol is not None and symbol.split('+')[0] == theirs


def key(event):
    """What tells events apart without looking at their fields' form."""
    if isinstance(event, Theirs):
        pid = event.fields.get('pid') or event.fields.get('next_pid') or event.fields.get('id')
    else:
        pid = event.field('pid') or event.field('next_pid') or event.field('id')
    return (event.name, number(pid) if pid else None)


def alike(mine, other):
    return all(same(mine, name, value) for name, value in other.fields.items() if name != 'now')


def begin(ours, theirs, run=16, is_near=lambda event, other: True):
    """Where in theirs ours begin: found by a run of events that is the same in both, and near in time, if that is known."""
    wanted, there = [key(event) for event in ours], [key(event) for event in theirs]
    for skip in range(0, 10 * run, run // 2):
        for place in range(skip, len(there) - run):
            if there[place:place + run] == wanted[skip:skip + run] and is_near(ours[skip], theirs[place]) and \
               all(map(alike, ours[skip:skip + run], theirs[place:place + run])):
                return place - skip
    return 0


def pair(ours, theirs):
    """Pairs of one CPU's events, and how often some had to change places."""
    pairs, exchanges = [], 0
    waiting = collections.deque(theirs)
    overtaken = None
    for event in ours:
        want = key(event)
        for place, other in enumerate(waiting):
            if place > 64:
                return pairs, exchanges, event
            if key(other) == want:
                # All that overtake the same event are of one interrupt.
                if place and waiting[0] is not overtaken:
                    overtaken = waiting[0]
                    exchanges += 1
                del waiting[place]
                pairs.append((event, other))
                break
        else:
            return pairs, exchanges, event
    return pairs, exchanges, None


def read_theirs(path):
    text = subprocess.run(['trace-cmd', 'report', '-R', '-t', '-N', '-i', path], capture_output=True,
                          text=True, errors='replace', check=True).stdout
    found = []
    for line in text.splitlines():
        match = LINE.match(re.sub(r'^\s*second:', '', line))
        if match:
            found.append(Theirs(match))
    return found


def compare(t, kernel):
    directory = vm.scratch()
    disk = os.path.join(directory, 'disk')
    with open(disk, 'wb') as file:
        file.truncate(128 << 20)
    initrd = vm.initramfs(kernel, directory, programs=['/usr/bin/trace-cmd'], stock=['virtio_blk'])
    with vm.Guest(directory, kernel=kernel, initrd=initrd, memory='768M', append='trace_buf_size=16M', extra=[
            '-drive', 'file=%s,format=raw,if=none,id=disk' % disk, '-device', 'virtio-blk-pci,drive=disk']) as guest:
        guest.ready()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.sh('cd /sys/kernel/tracing/instances && mkdir second && echo 16384 >second/buffer_size_kb')
            for instance in ('second', 'hypertrace'):
                guest.sh('cd /sys/kernel/tracing/instances/%s && echo 0 >tracing_on && '
                         'for e in %s; do echo 1 >events/$e/enable; done' % (instance, ' '.join(EVENTS)))
            guest.sh('cd /sys/kernel/tracing/instances; echo 1 >second/tracing_on; echo 1 >hypertrace/tracing_on; '
                     'workload mix 30; workload pingpong 300; cat /proc/self/status >/dev/null; '
                     'echo 0 >hypertrace/tracing_on; echo 0 >second/tracing_on', bound=200)
            stats = guest.ring_stats('second')
            guest.sh('cd /tmp && trace-cmd extract -B second -o t.dat >extract.log 2>&1 || { cat extract.log; false; }')
            guest.fetch('/tmp/t.dat', disk)
            guest.poweroff()
            recorder.wait()
    t.ok(all(ring['overrun'] == 0 for ring in stats.values()), '%s: the second instance lost nothing' % kernel, stats)
    theirs = read_theirs(disk)
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', '--names', 'ftrace', out, trace)
    ours = [event for event in vm.ctf(trace) if event.cpu is not None]
    for event in ours:
        event.name = re.sub('^.*:', '', event.name)
    t.ok(len(ours) > 5000, '%s: there is something to compare: %d events' % (kernel, len(ours)))

    pairs, moved = [], 0
    for cpu in (0, 1):
        mine = [event for event in ours if event.cpu == cpu]
        other = [event for event in theirs if event.cpu == cpu]
        # Theirs began earlier and ended later.
        start = begin(mine, other)
        found, swapped, alone = pair(mine, other[start:])
        t.ok(alone is None, '%s: CPU %d: each of our %d events is one of theirs' % (kernel, cpu, len(mine)),
             alone and '%s %s' % (alone.name, alone.text))
        surplus = len(other) - start - len(found)
        t.ok(surplus < 200, '%s: CPU %d: and theirs have no others but at the end (%d)' % (kernel, cpu, surplus))
        pairs += found
        moved += swapped
    t.ok(moved <= len(pairs) // 200, '%s: the order is the same (%d times in %d an interrupt came between)' %
         (kernel, moved, len(pairs)))

    wrong, compared, late, timers = [], 0, [], 0
    for mine, other in pairs:
        for name, value in other.fields.items():
            if same(mine, name, value):
                compared += 1
            elif name == 'now':
                # The jiffy at which each instance's event was written: the next one, or, where a
                # busy host took the CPU away in between, some later.
                distance = abs((number(mine.field(name)) or 0) - (number(value) or 0))
                compared += 1
                if distance > 1:
                    late.append(distance)
            else:
                wrong.append('%s.%s: ours %r, theirs %r' % (mine.name, name, mine.field(name), value))
            timers += name == 'now'
    t.ok(compared > 3 * len(pairs) // 2 and not wrong, '%s: %d fields have the same value' % (kernel, compared),
         '\n'.join(collections.Counter(wrong).keys()))
    t.ok(len(late) <= max(2, timers // 500) and max(late, default=0) <= 250,
         '%s: of %d times of timers all but %d are at most a jiffy apart' % (kernel, timers, len(late)), late[:20])

    # The guest's clock runs at the rate that its kernel measured at boot, on a busy
    # host only roughly: apart from that its times and ours differ by a constant.
    pairs.sort(key=lambda pair: pair[1].ns)
    tenth = len(pairs) // 10
    ends = [(statistics.median(other.ns for _, other in part),
             statistics.median(mine.ns - other.ns for mine, other in part))
            for part in (pairs[:tenth], pairs[-tenth:])]
    (first, offset), (last, last_offset) = ends
    rate = (last_offset - offset) / (last - first)
    off = sorted(mine.ns - other.ns - offset - (other.ns - first) * rate for mine, other in pairs)
    near = sum(1 for value in off if abs(value) < 100000)
    t.note('host - guest clock: %+.0f parts in a million; 1 %% %+.0f, 99 %% %+.0f ns off that line' % (
        rate * 1e6, off[len(off) // 100], off[len(off) * 99 // 100]))
    t.ok(abs(rate) < 0.01, '%s: the two clocks have one rate, to 1 %%' % kernel, rate)
    t.ok(near >= len(off) * 0.98, '%s: the times lie on one line (98 %% within 100 us)' % kernel, near)
    compare_exported(t, kernel, out, ours, pairs)


def compare_exported(t, kernel, recording, ours, pairs):
    """What trace-cmd reports of our trace.dat, and what Perfetto's trace holds."""
    out = recording + '-dat'
    vm.tool('export', '--to', 'trace.dat', recording, out)
    files = os.listdir(out)
    t.equal(files, ['trace-vm.dat'], '%s: exported to one trace.dat' % kernel)
    exported = read_theirs(os.path.join(out, files[0]))
    ini = configparser.ConfigParser()
    ini.read(os.path.join(recording, 'recording.ini'))
    # babeltrace2 shows the time of day, which is CLOCK_MONOTONIC plus a constant
    day = ini['recording'].getint('start_real_ns') - ini['recording'].getint('start_mono_ns')
    fields, wrong = {id(mine): other.fields for mine, other in pairs}, []
    for cpu in (0, 1):
        mine = [event for event in ours if event.cpu == cpu]
        dat = [event for event in exported if event.cpu == cpu]
        t.equal([(event.ns + day, event.name) for event in dat], [(event.ns, event.name) for event in mine],
                '%s: CPU %d: trace-cmd reports our %d events, at the same times' % (kernel, cpu, len(mine)))
        for one, other in zip(mine, dat):
            want = fields.get(id(one), {})
            # of a timer's `now` each instance has its own, and of how a task ended
            wrong += ['%s.%s: %r, in trace-cmd\'s own file %r' % (one.name, name, other.fields.get(name), value)
                      for name, value in want.items() if name != 'now' and other.fields.get(name) != value and
                      not (name == 'prev_state' and {number(value), number(other.fields.get(name, ''))} <= set(ENDED))]
    t.equal(wrong[:10], [], '%s: with the fields as in trace-cmd\'s own file' % kernel)
    vm.tool('export', '--to', 'perfetto', recording, recording + '-pf')
    found = perfetto.events(perfetto.read(recording + '-pf'))
    t.equal(collections.Counter((event.cpu, event.name) for event in found),
            collections.Counter((event.cpu, event.name) for event in ours),
            '%s: Perfetto\'s trace has as many of each kind on each CPU' % kernel)
    t.equal(sorted(event.ns + day for event in found), sorted(event.ns for event in ours), '%s: at the same times' % kernel)


tap.main(lambda t: compare(t, '6.12'), lambda t: compare(t, '6.1'))
