#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
# alone: a lab takes all CPUs that there are
"""trace-cmd's agent, with its own synchronization by KVM's TSC offsets, in the same run: the
same events of the same guest and host, from two instances of ftrace each. Its timeline
and ours are the same, event by event.

trace-cmd's times are the host's TSC, ours CLOCK_MONOTONIC: the host's own events, which both
have, say how the one becomes the other. After that the guest's events must lie as far
apart as it takes the kernel to write an event to one instance after the other.

How trace-cmd finds the guest's process: it connects to the guest and follows who wakes whom,
until one of the woken has a kvm_exit. So the guest has to be idle at that moment; and where
the process was not found, the two are left without synchronization, and may begin anew.
The same holds where a connection was not there within 2 s, which is vsock's bound and none
that can be set. And trace-cmd waits 5 s for each word of its agent, which first reads
all of the guest's event formats: here that takes longer, hence --notimeout.
"""

import collections
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lab
import vm

CALLS = 20000
ATTEMPTS = 4
PATIENCE = 400  # seconds: far above what it takes, where they do begin
PORT = 823
TRACING = '/sys/kernel/tracing/'
GUEST = ['-e', 'raw_syscalls:sys_enter', '-f', 'id == 110', '-e', 'sched:sched_switch']
HOST = ['-e', 'kvm:kvm_entry', '-e', 'kvm:kvm_exit']


class NotTracing(Exception):
    """trace-cmd and its agent did not get to trace."""


def forget(guest):
    """End what there is of trace-cmd in the guest, and what it left."""
    guest.sh('for p in $(pidof trace-cmd); do kill -9 $p; done; cd %s && echo 0 >events/enable && echo 1 >tracing_on' % TRACING)
    for name, value in (('events/enable', '0'), ('tracing_on', '1')):
        with open(TRACING + name, 'w') as file:
            file.write(value)


def attempt(guest, directory, log, port):
    """Start trace-cmd and its agent. Return: trace-cmd, which traces."""
    guest.sh('trace-cmd agent --notimeout -p %d >/tmp/agent.log 2>&1 </dev/null 3>&- & '
             'until grep -q vsock_accept /proc/$!/stack || ! kill -0 $!; do :; done' % port)
    with open(log, 'w') as file:
        theirs = subprocess.Popen(
            ['trace-cmd', 'record', '--notimeout', '-o', os.path.join(directory, 'host.dat'), '-C', 'x86-tsc', *HOST,
             '-A', '@3:%d' % port, '--name', 'guest', '-C', 'x86-tsc', *GUEST], cwd=directory, stdout=file, stderr=file,
            stdin=subprocess.DEVNULL, start_new_session=True)

    def ended():
        if theirs.poll() is not None:
            raise NotTracing('status %d' % theirs.returncode)

    def is_host_tracing():
        # It enables the events while nothing is traced, and then lets go.
        with open(TRACING + 'events/kvm/kvm_exit/enable') as first, open(TRACING + 'tracing_on') as second:
            return [first.read().strip(), second.read().strip()] == ['1', '1']

    def is_synchronizing():
        ended()
        # By a thread. The guest is left alone until then.
        if len(os.listdir('/proc/%d/task' % theirs.pid)) > 1:
            return True
        if is_host_tracing():
            raise NotTracing('it does not synchronize')
        return False

    def is_tracing():
        ended()
        return is_host_tracing() and guest.sh(
            'cat {0}events/sched/sched_switch/enable {0}tracing_on'.format(TRACING)).split() == ['1', '1']

    try:
        vm.wait_for('trace-cmd to synchronize', is_synchronizing, PATIENCE)
        vm.wait_for('the agent to trace', is_tracing, PATIENCE, step=0.2)
    except (vm.Timeout, NotTracing) as error:
        os.killpg(theirs.pid, signal.SIGKILL)   # it is many processes
        theirs.wait()
        with open(log) as file:
            raise NotTracing('%s: %s' % (error, file.read())) from None
    return theirs


def begin(t, guest, directory, log):
    for number in range(ATTEMPTS):
        try:
            return attempt(guest, directory, log, PORT + number)
        except NotTracing as error:
            t.note('trace-cmd did not begin to trace: %s\nits agent: %s' % (error, guest.sh('cat /tmp/agent.log')))
            forget(guest)
    raise RuntimeError('trace-cmd and its agent did not begin to trace: attempts=%d' % ATTEMPTS)


def record(t):
    directory = vm.scratch()
    out = os.path.join(directory, 'recording')
    log = os.path.join(directory, 'log')
    with lab.guest(directory, append='trace_buf_size=8M', memory='768M',
                   extra=['-device', 'vhost-vsock-pci,guest-cid=3']) as guest:
        guest.ready()
        with vm.Recorder(guest, out, '--host', '--host-events', 'kvm:kvm_entry,kvm:kvm_exit') as recorder:
            guest.count_getppid()
            guest.sh('echo 1 >/sys/kernel/tracing/instances/hypertrace/events/sched/sched_switch/enable')
            theirs = begin(t, guest, directory, log)
            guest.sh('workload syscalls %d 0 1' % CALLS, bound=300)
            theirs.send_signal(signal.SIGINT)
            theirs.wait(PATIENCE)
            guest.stop_tracing()
            guest.poweroff()
            recorder.wait()
        t.note(recorder.log())
    with open(log) as file:
        t.note(file.read())
    for name in os.listdir(directory):
        if name.endswith('.dat'):
            shutil.copy(os.path.join(directory, name), lab.SHARE)
    shutil.copytree(out, os.path.join(lab.SHARE, 'recording'))


Event = collections.namedtuple('Event', 'time cpu name key')
THEIRS = re.compile(r'^\s*([\w.-]+):\s+.*\[(\d+)\]\s*(\d+):\s+(\w+):\s+(.*)$')
OURS = re.compile(r'^\[(\d+)\.(\d{9})\] (\S+) (\S+): \{ cpu_id = (\d+) \}.*\{([^{]*)\}$')


def key(name, text):
    """What tells an event from others of its name."""
    if name in ('kvm_entry', 'kvm_exit'):
        return int(re.search(r'\b(?:guest_)?rip(?: = |=| )(?:0x)?([0-9A-Fa-f]+)', text.replace('0X', '0x')).group(1), 16)
    if name == 'sched_switch':
        return int(re.search(r'next_(?:pid|tid)(?: = |=)(\d+)', text).group(1))
    return 0


def read_theirs(share):
    argv = ['trace-cmd', 'report', '-R', '-t', '-N', '-i', os.path.join(share, 'host.dat'), '-i',
            os.path.join(share, 'host-guest.dat')]
    text = subprocess.run(argv, capture_output=True, text=True, errors='replace', check=True).stdout
    found = {'host': [], 'guest': []}
    for match in filter(None, map(THEIRS.match, text.splitlines())):
        where = 'guest' if 'guest' in match[1] else 'host'
        found[where].append(Event(int(match[3]), int(match[2]), match[4], key(match[4], match[5])))
    return found


def read_ours(share):
    trace = os.path.join(share, 'ctf')
    vm.tool('export', '--to', 'ctf', '--names', 'ftrace', os.path.join(share, 'recording'), trace, bound=400)
    text = subprocess.run(['babeltrace2', '--clock-seconds', '--no-delta', trace], capture_output=True, text=True,
                          errors='replace', check=True).stdout
    found = {'host': [], 'guest': []}
    for match in filter(None, map(OURS.match, text.splitlines())):
        name = match[4].split(':')[-1]
        found['host' if match[3] == 'lab' else 'guest'].append(
            Event(int(match[1]) * 1000000000 + int(match[2]), int(match[5]), name, key(name, match[6])))
    return found


def pair(ours, theirs, run=24):
    """The same events of one CPU: [(ours, theirs)]. Ours begin earlier and end later; an interrupt
    between the two writings may exchange neighbours."""
    keys = [(event.name, event.key) for event in theirs]
    mine = [(event.name, event.key) for event in ours]
    for skip in range(0, max(1, len(keys) - run), run):
        places = [place for place in range(len(mine) - run) if mine[place:place + run] == keys[skip:skip + run]]
        if len(places) == 1:
            break
    else:
        return []
    ours, theirs, pairs = ours[places[0]:], collections.deque(theirs[skip:]), []
    for event in ours:
        for place, other in enumerate(theirs):
            if place > 32:
                return pairs
            if (other.name, other.key) == (event.name, event.key):
                del theirs[place]
                pairs.append((event, other))
                break
    return pairs


def pairs_of(ours, theirs):
    found = []
    for cpu in sorted({event.cpu for event in theirs}):
        mine = [event for event in ours if event.cpu == cpu]
        found += pair(mine, [event for event in theirs if event.cpu == cpu])
    return found


def judge(t, share):
    theirs, ours = read_theirs(share), read_ours(share)
    t.note({where: (len(theirs[where]), len(ours[where])) for where in theirs})
    host, guest = (pairs_of(ours[where], theirs[where]) for where in ('host', 'guest'))
    t.ok(len(host) > 1000, 'the host\'s events are in both: %d' % len(host))
    calls = sum(event.name == 'sys_enter' for event, _ in guest)
    t.ok(calls >= 2 * CALLS - 100, 'the guest\'s events are in both: %d of %d calls' % (calls, 2 * CALLS))
    # CLOCK_MONOTONIC of the lab's host is its TSC times a constant: a line through both ends.
    host.sort(key=lambda both: both[0].time)
    slope, point = line(host)

    def distances(pairs):
        return sorted(a.time - point[0] - (b.time - point[1]) * slope for a, b in pairs)
    here, there = distances(host), distances(guest)
    for name, found in (('host', here), ('guest', there)):
        t.note('%s: ours - theirs, ns: 1 %% %.0f, median %.0f, 99 %% %.0f' % (
            name, found[len(found) // 100], found[len(found) // 2], found[len(found) * 99 // 100]))
    apart = statistics.median(there) - statistics.median(here)
    # the first of a line: the beginning of the kernel, of which there is nothing here, is known far worse
    bound = max(int(value) for value in re.findall(r'times: [^,]*, within (\d+) ns', vm.tool('info', os.path.join(share, 'recording')).stdout))
    t.note('guest and host: %.0f ns apart; our bound is %d ns' % (apart, bound))
    t.ok(bound < 100000, 'the bound says something', bound)
    near = sum(abs(value - statistics.median(there)) < 100000 for value in there)
    t.ok(near >= 0.98 * len(there), 'the two timelines differ by one constant (98 % within 100 us)', near / len(there))
    # Theirs is exact but for the writing of an event to one instance after the other.
    t.ok(abs(apart) < bound + 10000, 'which is the same in host and guest, within the bounds', apart)


def line(pairs):
    """What a tick of theirs is in ns of ours, and a point: medians of the first and the last tenth."""
    tenth = max(1, len(pairs) // 10)
    ends = [(statistics.median_low(a.time for a, _ in part), statistics.median_low(b.time for _, b in part))
            for part in (pairs[:tenth], pairs[-tenth:])]
    slope = (ends[1][0] - ends[0][0]) / (ends[1][1] - ends[0][1])
    return slope, ends[0]


lab.main(record, after=(judge,), cpus=3, programs=('/usr/bin/trace-cmd',), stock=('vmw_vsock_virtio_transport',),
         files=('/lib/x86_64-linux-gnu/libgcc_s.so.1',))    # pthread_exit() opens it
