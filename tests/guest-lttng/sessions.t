#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 500
"""Which sessions of LTTng go to the host, and what of them arrives: per session, never all or
nothing [G9]. One workload is traced twice in one boot, by a session that is exported and by a
stock one whose files stay in the guest: the same events with the same fields in the same order,
and, where the clock stands still, byte by byte the same packets. Others are untouched.
"""

import collections
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm

# No system call here has a string that can be empty: babeltrace2 2.0.4 shows that as the one before.
CALLS = 'openat,close,read,write,pread64,unlink,getppid,timerfd_create,timerfd_settime'
PATTERNS = '/sys/module/vht_lttng/parameters/sessions'


def mark(guest, name):
    """An event on each CPU that can be told from all others."""
    guest.sh('; '.join('taskset -c %d cat /%s 2>/dev/null' % (cpu, name) for cpu in (0, 1)) + '; true')


def twice(guest):
    """Trace one workload with two sessions that differ in nothing but where they go."""
    for options in ('hypertrace-twice --no-output', 'stock --output=/tmp/stock'):
        name = options.split()[0]
        guest.lttng('create ' + options,
                    'enable-channel -k -s %s --subbuf-size=64k --num-subbuf=16 main' % name,
                    'enable-event -k -s %s -c main --syscall %s' % (name, CALLS),
                    'enable-event -k -s %s -c main sched_switch,sched_wakeup,timer_hrtimer_expire_entry' % name,
                    'add-context -k -s %s -c main -t tid -t procname' % name)
    guest.lttng('start hypertrace-twice', 'start stock')
    mark(guest, 'begin-mark')
    guest.sh('workload mix 30; workload pingpong 300; workload syscalls 2000 0 1')
    mark(guest, 'end-mark')
    guest.lttng('stop stock', 'stop hypertrace-twice', 'destroy stock', 'destroy hypertrace-twice')
    return guest.take('/tmp/stock')


def judge_twice(t, kernel, stock, session, directory):
    stock = lttng.kernel_trace(stock)
    exported = session.write(os.path.join(directory, 'twice'))
    with open(os.path.join(stock, 'metadata'), 'rb') as file:
        text = file.read()
    for what, problems in (('stock', lttng.problems(b'uuid = "%s"' % lttng.uuid_of(text), lttng.stream_packets(stock), 0)),
                           ('exported', lttng.problems(session.text, session.packets(), 0))):
        t.ok(not problems, '%s: the %s trace\'s packets are in order' % (kernel, what), '\n'.join(problems[:20]))
    one, other = (lttng.between(lttng.events(path), 'begin-mark', 'end-mark') for path in (stock, exported))
    for cpu in (0, 1):
        difference, nested = lttng.compare(one[cpu], other[cpu])
        names = collections.Counter(name for name, _ in other[cpu])
        t.ok(not difference and len(names) > 8, '%s: CPU %d: exported and stock trace have the same %d events of %d '
             'kinds, with the same fields, in the same order' % (kernel, cpu, len(other[cpu]), len(names)),
             difference or names)
        t.note('%d events with an interrupt between the two sessions\' probes' % nested)


def beside(guest):
    """Two exported sessions at once, and one that is not."""
    events = {'hypertrace-a': '--syscall getppid', 'hypertrace-b': 'lttng_logger', 'mine': '--syscall getppid'}
    for name, event in events.items():
        guest.lttng('create %s --output=/tmp/%s' % (name, name), 'enable-event -k -s %s %s' % (name, event),
                    'start ' + name)
    guest.sh('workload syscalls 3000 0 1; workload marker /proc/lttng-logger 500')
    guest.lttng(*('destroy ' + name for name in events))
    return {name: guest.take('/tmp/' + name) for name in events}


def judge_beside(t, kernel, taken, exported):
    for name in ('hypertrace-a', 'hypertrace-b'):
        size = sum(map(os.path.getsize, lttng.stream_files(taken[name]).values()))
        t.equal(size, 0, '%s: of %s no packet went to a file in the guest' % (kernel, name))
    count = collections.Counter(event.name for event in lttng.events(taken['mine']))
    t.equal(count['syscall_entry_getppid'] >= 6000, True, '%s: a session that is not exported has its files' % kernel)
    t.ok('mine' not in exported, '%s: and nothing of it went to the host' % kernel, sorted(map(str, exported)))


def early(guest):
    """Before there is a recorder: a session that comes and goes, and one that stays."""
    guest.lttng('create hypertrace-early --no-output', 'enable-event -k lttng_logger', 'start')
    lttng.make_marks(guest, 200, 0)
    guest.lttng('destroy')
    guest.lttng('create hypertrace-long --no-output', 'enable-channel -k long',
                'enable-event -k -s hypertrace-long -c long lttng_logger', 'start')
    lttng.make_marks(guest, 40, 1)


def judge_empty(t, what, taken):
    """Its metadata was written in the guest, and nothing else."""
    text = os.path.join(lttng.kernel_trace(taken), 'metadata')
    streams = {name: os.path.getsize(path) for name, path in lttng.stream_files(taken).items()}
    t.ok(os.path.getsize(text) and not any(streams.values()), what, (os.path.getsize(text), streams))


def snapshot(t, kernel, guest):
    """A snapshot has nothing to take: what was traced is on its way to the host."""
    guest.lttng('create hypertrace-snap --snapshot --output=/tmp/snap', 'enable-event -k lttng_logger', 'start')
    guest.sh('workload marker /proc/lttng-logger 300')
    guest.lttng('snapshot record', 'stop', 'destroy')
    judge_empty(t, '%s: a snapshot of an exported session has its metadata and no packet' % kernel, guest.take('/tmp/snap'))


def live(t, kernel, guest):
    """A live session sends its metadata to the relay daemon, and its packets to the host."""
    guest.sh('ip link set lo up; lttng-relayd --daemonize --output=/tmp/relay')
    guest.lttng('create hypertrace-live --live', 'enable-event -k lttng_logger', 'start')
    guest.sh('workload marker /proc/lttng-logger 400')
    guest.lttng('destroy')
    guest.sh('kill $(pidof lttng-relayd); while pidof lttng-relayd >/dev/null; do usleep 20000; done')
    judge_empty(t, '%s: of an exported live session the relay daemon gets the metadata and no packet' % kernel,
                guest.take('/tmp/relay'))


def forms(guest):
    """Sessions of other forms: one that never starts, a name used again."""
    # It is there when the recorder has all be flushed at its end.
    guest.lttng('create hypertrace-never --no-output', 'enable-event -k lttng_logger')
    guest.lttng('create hypertrace-b --no-output', 'enable-event -k lttng_logger', 'start')
    guest.sh('workload marker /proc/lttng-logger 700')
    guest.lttng('destroy')


def patterns(guest):
    """Which sessions are meant can be changed: what is created from then on follows it."""
    guest.sh('echo "other*,x-?" >' + PATTERNS)
    for name in ('other1', 'x-1', 'hypertrace-no'):
        guest.lttng('create %s --output=/tmp/%s' % (name, name), 'enable-event -k lttng_logger', 'start')
        guest.sh('workload marker /proc/lttng-logger 100')
        guest.lttng('destroy')
    guest.sh('echo "hypertrace*" >' + PATTERNS)
    return guest.take('/tmp/hypertrace-no')


def numbers(session, directory):
    """The numbers of the marks in a session, in order."""
    return lttng.marks(session.write(os.path.join(directory, 'marks-%s' % session.uuid.hex())))


def judge_others(t, kernel, exported, local, directory):
    for name, counts in (('hypertrace-early', [200]), ('hypertrace-b', [500, 700]), ('hypertrace-snap', [300]),
                         ('hypertrace-live', [400]), ('other1', [100]), ('x-1', [100])):
        found = [numbers(session, directory) for session in exported.get(name, [])]
        t.ok(found == [list(range(count)) for count in counts], '%s: %s: all events of %d session%s' % (
            kernel, name, len(counts), 's' * (len(counts) > 1)), [len(marks) for marks in found])
    t.ok('hypertrace-no' not in exported and lttng.marks(local) == list(range(100)),
         '%s: a session that is not among the names any more is a stock one' % kernel)
    never = exported.get('hypertrace-never', [])
    t.ok(not any(session.files for session in never), '%s: of a session that never started there is no packet' % kernel)
    wrong = [problem for chain in exported.values() for session in chain
             for problem in lttng.problems(session.text, session.packets(), 0)]
    t.ok(not wrong, '%s: all packets are in order, the first of each CPU is there' % kernel, '\n'.join(wrong[:20]))
    going = sorted(name for name, chain in exported.items() if any(session.keys.get('ended') != '1'
                                                                   for session in chain))
    t.ok(set(going) <= {'hypertrace-long', 'hypertrace-never'} and 'hypertrace-long' in going,
         '%s: the recording says which sessions were destroyed' % kernel, going)


def judge_long(t, kernel, first, second, directory):
    """A session that was there before either recorder: both have its metadata, and each its part."""
    marks = []
    for recording in (first, second):
        session = recording['hypertrace-long'][0]
        marks.append(lttng.marks(session.write(os.path.join(directory, 'long-%d' % len(marks))), 1))
    t.ok(marks[0][:40] == list(range(40)), '%s: what was traced before there was a recorder is there' % kernel,
         marks[0][:50])
    t.ok(marks[1][-70:] == list(range(70)), '%s: and so is, for a second recorder, what came after the first' % kernel,
         marks[1][-75:])


def chosen(kernel):
    def test(t):
        directory = vm.scratch()
        with lttng.Guest(directory, kernel=kernel, programs=['/usr/bin/lttng-relayd']) as guest:
            guest.ready()
            guest.start_daemon()
            early(guest)
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                stock = twice(guest)
                taken = beside(guest)
                snapshot(t, kernel, guest)
                live(t, kernel, guest)
                forms(guest)
                local = patterns(guest)
                recorder.stop()
            with vm.Recorder(guest, out + '.2') as recorder:
                lttng.make_marks(guest, 70, 1)
                guest.lttng('destroy --all')
                recorder.stop()
            guest.end_daemon()
            guest.poweroff()
        exported = lttng.sessions(out)
        judge_twice(t, kernel, stock, exported['hypertrace-twice'][0], directory)
        judge_beside(t, kernel, taken, exported)
        judge_others(t, kernel, exported, local, directory)
        judge_long(t, kernel, exported, lttng.sessions(out + '.2'), directory)
    test.__name__ = 'chosen_' + kernel
    return test


def write_awake(guest, cpu):
    """Let 1,000 events be written at once on a CPU that the driver looks after all the time: of one that
    was asleep it ends what is begun at its first look, which may be in the midst of them."""
    def looks():
        return [stream['drain_counter'] for stream in guest.streams(lttng.SOURCE) if stream['cpu'] == cpu]
    guest.sh("taskset -c %d sh -c 'while :; do :; done' & echo $! >/tmp/busy" % cpu)
    for _ in range(2):
        last = looks()
        vm.wait_for('a look of the driver', lambda: looks() != last)
    # Its end is a signal to the guest's first shell, which must not be reading a command then.
    guest.sh("taskset -c %d sh -c 'echo 1000 >/proc/lttng-test-filter-event'; "
             'kill $(cat /tmp/busy); while kill -0 $(cat /tmp/busy) 2>/dev/null; do :; done' % cpu)


def frozen(kernel):
    """LTTng's own test clock stands still: then nothing but the uuid tells two packets apart."""
    def test(t):
        directory = vm.scratch()
        with lttng.Guest(directory, kernel=kernel) as guest:
            guest.ready()
            guest.sh('modprobe lttng-clock-plugin-test')
            guest.start_daemon()
            guest.sh('modprobe lttng-test')
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                for options in ('hypertrace-twice --no-output', 'stock --output=/tmp/stock'):
                    name = options.split()[0]
                    guest.lttng('create ' + options,
                                'enable-channel -k -s %s --subbuf-size=16k --num-subbuf=32 main' % name,
                                'enable-event -k -s %s -c main lttng_test_filter_event' % name,
                                'add-context -k -s %s -c main -t tid -t procname' % name)
                guest.lttng('start hypertrace-twice', 'start stock')
                for cpu in (0, 1):
                    write_awake(guest, cpu)
                guest.lttng('stop stock', 'stop hypertrace-twice', 'destroy --all')
                recorder.stop()
            stock = lttng.stream_packets(guest.take('/tmp/stock'))
            guest.poweroff()
        exported = lttng.sessions(out)['hypertrace-twice'][0].packets()
        for cpu in (0, 1):
            one, other = ([packet.data[:4] + bytes(16) + packet.data[20:] for packet in streams.get((0, cpu), [])]
                          for streams in (stock, exported))
            same = sum(a == b for a, b in zip(one, other))
            # The end of a session may be told by one more, with nothing in it.
            rest = [packet for packet in exported.get((0, cpu), [])[len(one):] if not packet.is_empty()]
            t.ok(one and len(one) == same and not rest, '%s: CPU %d: %d packets are byte by byte those that '
                 'lttng-consumerd wrote, but for the uuid' % (kernel, cpu, len(one)),
                 '%d stock, %d exported, %d the same, %s' % (len(one), len(other), same, rest))
    test.__name__ = 'frozen_' + kernel
    return test


tap.main(*(test(kernel) for kernel in ('6.12', '6.1') for test in (chosen, frozen)))
