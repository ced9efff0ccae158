#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 500
"""What happens in the life of an exported session: events enabled while it runs, stop, start, clear,
regenerated metadata, CPUs that go and come, a session daemon that is killed or ended, modules that
somebody wants to unload. Every event is recorded, but for what `lttng clear` finds in the guest yet, and
in the end nothing is left loaded.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm

ONLINE = '/sys/devices/system/cpu/cpu1/online'


def mark(guest, begin, end):
    """Marks with these numbers on CPU 0."""
    guest.sh('for i in $(seq %d %d); do echo "number $i" >%s; done' % (begin, end - 1, lttng.LOGGER))


def begin(guest, name, *more):
    guest.lttng('create %s --no-output' % name, 'enable-event -k lttng_logger', *more, 'start')


def changed(guest):
    """Events enabled while it is active, metadata anew."""
    begin(guest, 'hypertrace-changed')
    mark(guest, 0, 50)
    guest.lttng('enable-event -k --syscall getppid')
    guest.sh('workload syscalls 500 0 1')
    guest.lttng('regenerate metadata')
    mark(guest, 50, 100)
    guest.lttng('enable-event -k sched_switch')
    guest.sh('workload pingpong 50')
    guest.lttng('destroy')


def stopped(t, kernel, guest):
    """Stopped and started, regenerated in between; rotation is LTTng's own affair."""
    begin(guest, 'hypertrace-stopped')
    mark(guest, 0, 50)
    guest.lttng('stop')
    mark(guest, 1000, 1050)     # nobody traces
    guest.lttng('start')
    mark(guest, 50, 100)
    guest.lttng('stop', 'start')
    mark(guest, 100, 150)
    guest.lttng('regenerate statedump', 'stop', 'start')
    mark(guest, 150, 200)
    status, text = guest.status('rotate')
    t.ok(status != 0, '%s: a session without output is not rotated' % kernel, text)
    guest.lttng('destroy')


def cleared(guest, out):
    """Cleared, stopped and while it runs: what is recorded by then is not taken back."""
    def recorded(last):
        vm.wait_for('mark %d in the recording' % last, lambda: any(
            b'number %d' % last in data for session in lttng.sessions(out)['hypertrace-cleared']
            for data in session.files.values()), step=0.2)
    begin(guest, 'hypertrace-cleared')
    mark(guest, 0, 50)
    recorded(49)
    guest.lttng('stop', 'clear', 'start')
    mark(guest, 50, 100)
    recorded(99)
    guest.lttng('clear')
    mark(guest, 100, 150)
    guest.lttng('destroy')


def plugged(guest):
    """A session that is created with one CPU, and a CPU that comes and goes while it runs."""
    guest.sh('echo 0 >' + ONLINE)
    begin(guest, 'hypertrace-cpus', 'enable-event -k sched_switch')
    mark(guest, 0, 50)
    for _ in range(2):
        guest.sh('echo 1 >' + ONLINE)
        lttng.make_marks(guest, 400, 1)
        guest.sh('echo 0 >' + ONLINE)
    mark(guest, 50, 100)
    guest.lttng('destroy')
    guest.sh('echo 1 >' + ONLINE)


def in_use(t, kernel, guest):
    """Modules that work are not unloaded."""
    begin(guest, 'hypertrace-used')
    mark(guest, 0, 50)
    for module in ('vht_lttng', 'vht_lttng_clock', 'virtio_hypertrace'):
        status, text = guest.try_sh('rmmod ' + module)
        t.ok(status != 0 and module in guest.modules(), '%s: %s is not unloaded while it is used' % (kernel, module), text)
    mark(guest, 50, 100)
    guest.lttng('destroy')


def idle(t, kernel, guest):
    """LTTng's daemon sleeps, which it would not if it were told of streams to open for ever."""
    begin(guest, 'hypertrace-idle')
    # its ticks, of a hundredth of a second, and those that went by
    look = ("for i in 1 2; do awk '{ print $14 + $15 }' /proc/%d/stat; awk '{ print int($1 * 100) }' /proc/uptime; "
            '[ $i = 2 ] || sleep 3; done' % guest.daemon())
    used, began, used_then, ended = map(int, guest.sh(look).split())
    t.ok(used_then - used < (ended - began) / 2, '%s: the daemon sleeps' % kernel, (used_then - used, ended - began))
    guest.lttng('destroy')


def killed(t, kernel, guest):
    """The daemon is killed, in the midst of it; the next one begins anew."""
    begin(guest, 'hypertrace-killed')
    lttng.make_marks(guest, 2000, 0, 1)
    guest.end_daemon('KILL')
    vm.wait_for(lambda: 'its buffers to be given back: %s' % guest.modules(),
                lambda: guest.modules()['vht_lttng'] == 0, 60)
    t.ok(True, '%s: what a killed daemon\'s session had is given back' % kernel)
    guest.start_daemon()
    begin(guest, 'hypertrace-after')
    mark(guest, 0, 50)
    guest.lttng('destroy')


def ended(t, kernel, guest):
    """The daemon is asked to end, with a session that runs: it unloads LTTng's modules."""
    begin(guest, 'hypertrace-ended')
    lttng.make_marks(guest, 2000, 0, 1)
    guest.end_daemon('TERM')
    vm.wait_for('its buffers to be given back', lambda: guest.modules().get('vht_lttng', 0) == 0, 60)
    left = guest.modules()
    lttng.unload(guest)
    t.equal([name for name in guest.modules() if name != 'virtio_hypertrace'], [],
            '%s: once the daemon has ended all modules can be unloaded' % kernel)
    t.note('left by the daemon: %s' % left)


def gone(t, kernel, guest):
    """Without our transport a session of that name is a stock one; with it again, it is not."""
    guest.start_daemon()
    guest.sh('rmmod vht_lttng')
    guest.lttng('create hypertrace-gone --output=/tmp/gone', 'enable-event -k lttng_logger', 'start')
    mark(guest, 0, 50)
    guest.lttng('destroy')
    t.equal(lttng.marks(guest.take('/tmp/gone')), list(range(50)),
            '%s: without our module such a session has its files in the guest' % kernel)
    guest.end_daemon()
    lttng.unload(guest)
    guest.start_daemon()
    begin(guest, 'hypertrace-back')
    mark(guest, 0, 50)
    guest.lttng('destroy')
    guest.end_daemon()


def judge(t, kernel, exported, directory):
    want = {'hypertrace-changed': (100, 0), 'hypertrace-used': (100, 0), 'hypertrace-killed': (2000, 2000),
            'hypertrace-after': (50, 0), 'hypertrace-ended': (2000, 2000), 'hypertrace-back': (50, 0)}
    traces = {name: [session.write(os.path.join(directory, session.uuid.hex())) for session in chain]
              for name, chain in exported.items()}
    for name, counts in want.items():
        marks = sorted(lttng.marks(traces[name][0]))
        t.ok(len(traces[name]) == 1 and marks == sorted(number for count in counts for number in range(count)),
             '%s: %s: every event' % (kernel, name), (len(marks), marks[:3], marks[-3:]))
    t.ok('hypertrace-gone' not in exported, '%s: what was a stock session is not on the host' % kernel)
    names = [event.name for event in lttng.events(traces['hypertrace-changed'][0])]
    t.ok(names.count('syscall_entry_getppid') >= 1000 and names.count('sched_switch') >= 100,
         '%s: those enabled while it ran too' % kernel, len(names))
    t.ok(exported['hypertrace-changed'][0].version > 0, '%s: its metadata was made anew' % kernel)
    t.equal(lttng.marks(traces['hypertrace-stopped'][0]), list(range(200)),
            '%s: stopped and started: all that was traced is there, in order, and nothing else' % kernel)
    t.equal(lttng.marks(traces['hypertrace-cleared'][0]), list(range(150)),
            '%s: cleared: so is what was recorded before, and what was traced after' % kernel)
    cpus = traces['hypertrace-cpus'][0]
    t.equal(lttng.marks(cpus, 1), list(range(400)) * 2, '%s: every event of a CPU that came and went twice' % kernel)
    t.equal(sorted(set(lttng.marks(cpus, 0))), list(range(100)), '%s: and of the other one' % kernel)
    wrong = [problem for chain in exported.values() for session in chain
             for problem in lttng.problems(session.text, session.packets(), 0)]
    t.ok(not wrong, '%s: all packets are in order' % kernel, '\n'.join(wrong[:20]))


def life(kernel):
    def test(t):
        directory = vm.scratch()
        with lttng.Guest(directory, kernel=kernel) as guest:
            guest.ready()
            guest.start_daemon()
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                changed(guest)
                stopped(t, kernel, guest)
                cleared(guest, out)
                plugged(guest)
                in_use(t, kernel, guest)
                idle(t, kernel, guest)
                killed(t, kernel, guest)
                ended(t, kernel, guest)
                gone(t, kernel, guest)
                recorder.stop()
            guest.poweroff()
        judge(t, kernel, lttng.sessions(out), directory)
    test.__name__ = 'life_' + kernel
    return test


tap.main(life('6.12'), life('6.1'))
