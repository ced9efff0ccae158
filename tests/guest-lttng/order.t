#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
"""What is loaded when, and what is not there: our transport after LTTng's own, our clock after LTTng's
tracer, a driver that was not told to have streams for LTTng, a device that goes and comes, and none at
all. LTTng works in each case; where nothing can be exported, a session is as it would be without us, and
the kernel's log says why.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm


class Case:
    """A session that would be exported, and where its events went."""

    number = 0

    def __init__(self, guest):
        self.guest = guest
        Case.number += 1
        self.name = 'hypertrace-%d' % Case.number
        place = '/tmp/' + self.name
        guest.lttng('create %s --output=%s' % (self.name, place), 'enable-event -k lttng_logger', 'start')
        lttng.make_marks(guest, 100, 0, 1)
        guest.lttng('destroy')
        taken = guest.take(place)
        size = sum(map(os.path.getsize, lttng.stream_files(taken).values()))
        self.local = sorted(lttng.marks(taken)) if size else []

    def is_stock(self):
        return self.local == sorted(list(range(100)) * 2)


def log(guest):
    """What the kernel said since the last look."""
    text = guest.sh('dmesg')
    guest.sh('dmesg -c >/dev/null')
    return text


def late(t, kernel, guest):
    """Without the softdeps nobody loads us, and when somebody does it is too late."""
    guest.sh("mkdir -p /tmp/kept && cp /etc/modprobe.d/* /tmp/kept && sed -i '/softdep/d' /etc/modprobe.d/*")
    guest.start_daemon()
    t.ok('vht_lttng' not in guest.modules(), '%s: without softdeps the daemon loads LTTng\'s modules only' % kernel)
    status, text = guest.try_sh('modprobe vht_lttng_clock')
    t.ok(status != 0 and 'busy' in text.lower(), '%s: a clock that comes after the tracer: -EBUSY' % kernel, text)
    log(guest)
    status, text = guest.try_sh('modprobe vht_lttng')
    said = log(guest)
    case = Case(guest)
    t.ok(case.is_stock() and 'vht_lttng' in said, '%s: a transport that comes after LTTng\'s own: sessions are stock ones, and '
         'the log says so' % kernel, (status, text, said, case.local[:5]))
    t.note(said)
    guest.end_daemon()
    lttng.unload(guest)
    t.equal([name for name in guest.modules() if name != 'virtio_hypertrace'], [], '%s: all can be unloaded' % kernel)
    guest.sh('cp /tmp/kept/* /etc/modprobe.d/')
    return []


def unasked(t, kernel, guest):
    """The driver was not told of LTTng."""
    guest.sh("rmmod virtio_hypertrace; sed -i '/^options/d' /etc/modprobe.d/*; modprobe virtio_hypertrace")
    log(guest)
    guest.start_daemon()
    said = log(guest)
    case = Case(guest)
    t.ok(case.is_stock() and not guest.streams(lttng.SOURCE) and 'lttng=1' in said,
         '%s: a driver without streams for it: sessions are stock ones, the log says what to set' % kernel,
         (case.local[:5], said))
    t.note(said)
    guest.end_daemon()
    lttng.unload(guest)
    guest.sh('rmmod virtio_hypertrace; cp /tmp/kept/* /etc/modprobe.d/; modprobe virtio_hypertrace')


def unbound(t, kernel, guest):
    """The device goes and comes while LTTng is loaded, and while a session runs."""
    driver = '/sys/bus/virtio/drivers/virtio_hypertrace'
    device = guest.sh('cd %s && ls -d virtio*' % driver).strip()
    guest.start_daemon()
    case = Case(guest)
    t.ok(not case.local, '%s: with all in place a session is exported' % kernel, case.local[:5])
    exported = [case.name]
    guest.sh('echo %s >%s/unbind' % (device, driver))
    case = Case(guest)
    t.ok(case.is_stock(), '%s: without a device sessions are stock ones' % kernel, case.local[:5])
    guest.sh('echo %s >%s/bind' % (device, driver))
    case = Case(guest)
    t.ok(not case.local, '%s: when it is back they are exported' % kernel, case.local[:5])
    exported.append(case.name)
    guest.lttng('create hypertrace-through --no-output', 'enable-event -k lttng_logger', 'start')
    lttng.make_marks(guest, 100, 0, 1)
    guest.sh('echo %s >%s/unbind' % (device, driver))
    lttng.make_marks(guest, 100, 0, 1)
    guest.sh('echo %s >%s/bind' % (device, driver))
    lttng.make_marks(guest, 100, 0, 1)
    guest.lttng('destroy')
    guest.end_daemon()
    lttng.unload(guest)
    t.equal([name for name in guest.modules() if name != 'virtio_hypertrace'], [],
            '%s: a session through which the device went and came: all can be unloaded' % kernel)
    return exported


def orders(kernel):
    def test(t):
        directory = vm.scratch()
        with lttng.Guest(directory, kernel=kernel) as guest:
            guest.ready()
            late(t, kernel, guest)
            unasked(t, kernel, guest)
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                wanted = unbound(t, kernel, guest)
                recorder.stop()
            guest.poweroff()
        found = lttng.sessions(out)
        for name in wanted:
            marks = [sorted(lttng.marks(session.write(os.path.join(directory, session.uuid.hex()))))
                     for session in found.get(name, [])]
            t.ok(marks == [sorted(list(range(100)) * 2)], '%s: all events of %s are on the host' % (kernel, name))
        traces = [session.write(os.path.join(directory, session.uuid.hex())) for session in found.get('hypertrace-through', [])]
        marks = [[lttng.marks(trace, cpu) for cpu in (0, 1)] for trace in traces]
        t.ok(marks == [[list(range(100)) * 3] * 2],
             '%s: so are those of a session through which the device went and came, without a gap' % kernel,
             [[len(numbers) for numbers in cpus] for cpus in marks])
    test.__name__ = 'orders_' + kernel
    return test


def no_device(t):
    with lttng.Guest(vm.scratch(), has_device=False) as guest:
        guest.ready()
        guest.start_daemon()
        t.ok('vht_lttng_clock' not in guest.modules(), 'no device: LTTng runs on its own clock', guest.modules())
        case = Case(guest)
        t.ok(case.is_stock(), 'no device: sessions are stock ones', case.local[:5])
        guest.end_daemon()
        guest.poweroff()


tap.main(orders('6.12'), orders('6.1'), no_device)
