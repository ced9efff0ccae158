#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
"""Guests' LTTng sessions on the host: `hypertrace export --to ctf` lays them out as LTTng would, not a
bit of a packet changed, in one set and on one clock with the ftrace streams of the same guest. Marks
that a program makes in turn for ftrace and for LTTng come out in turn, with our clock in the guest and
with LTTng's own. `hypertrace view` shows the same among ftrace's.
"""

import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm

MARKER = '/sys/kernel/tracing/instances/hypertrace/trace_marker'
PAIRS = 200


def work(guest):
    guest.lttng('create hypertrace-a --no-output', 'enable-event -k lttng_logger', 'start')
    guest.sh('for i in $(seq %d); do echo "number $i" >%s; usleep 1000; echo "number $i" >%s; usleep 1000; done' % (
        PAIRS, lttng.LOGGER, MARKER))
    guest.lttng('destroy')
    # the same name again is another session
    guest.lttng('create hypertrace-a --no-output', 'enable-channel -k --overwrite --output=mmap other',
                'enable-event -k -c other --syscall getppid', 'enable-event -k -c other sched_switch', 'start')
    guest.sh('workload syscalls 2000 0 1')
    guest.lttng('destroy')


def judge_bytes(t, what, sessions, trace):
    """What export wrote is what is in the recording."""
    found = {}
    for path in sorted(glob.glob(trace + '/vm@lttng/*')):
        with open(os.path.join(path, 'metadata'), 'rb') as file:
            found[lttng.uuid_of(file.read()).decode().replace('-', '')] = path
    t.equal(sorted(os.path.basename(path) for path in found.values()), ['hypertrace-a', 'hypertrace-a.2'],
            '%s: each session is a trace' % what)
    for session in sessions:
        path = found.get(session.uuid.hex())
        got = {}
        for stream in lttng.stream_files(path).values():
            with open(stream, 'rb') as file:
                data = file.read()
            packet = next(lttng.packets(data))
            got[(packet.stream, packet.instance)] = data
        t.ok(got == {key: bytes(data) for key, data in session.files.items()},
             '%s: %s: not a bit of its packets is changed' % (what, os.path.basename(path)),
             ({key: len(data) for key, data in got.items()}, {key: len(data) for key, data in session.files.items()}))
        names = {key: name.split(' ', 1)[1] for key, name in session.keys.items() if key.startswith('channel.')}
        want = sorted('%s_%d' % (names['channel.%d' % channel], cpu) for channel, cpu in session.files)
        t.equal(sorted(lttng.stream_files(path)), want, '%s: its files have LTTng\'s names' % what)


def judge_order(t, what, lines):
    """Marks for LTTng and for ftrace, made in turn: (text, whether it is LTTng's)."""
    marks = []
    for text, is_lttng in lines:
        match = re.search(r'number (\d+)', text)
        if match:
            marks.append((int(match.group(1)), is_lttng))
    want = [(number, is_lttng) for number in range(1, PAIRS + 1) for is_lttng in (True, False)]
    t.ok(marks == want, '%s: %d marks for LTTng and for ftrace come out in the order they were made' % (
        what, len(marks)), [pair for pair in zip(marks, want) if pair[0] != pair[1]][:10])


def judge_view(t, what, out, trace):
    """What view shows is what babeltrace2 reads, among ftrace's events."""
    want = lttng.exported_events(os.path.join(trace, 'vm@lttng'), lttng.clock_offset(out))
    done = vm.tool('view', out)
    lines = done.stdout.splitlines()
    got = lttng.viewed_events(lines)
    t.ok(want and sorted(got) == sorted(want), '%s: view shows %d events of LTTng as babeltrace2 reads them' % (
        what, len(got)), [pair for pair in zip(sorted(got), sorted(want)) if pair[0] != pair[1]][:5])
    times = [tuple(map(int, line.split(' ', 1)[0].split('.'))) for line in lines]
    t.ok(len(lines) > len(got) and times == sorted(times), '%s: with %d others, in order of time' % (
        what, len(lines) - len(got)), done.stderr)
    judge_order(t, what + ', view', ((line, ' lttng lttng_logger: ' in line) for line in lines))


def exported(kernel, has_clock):
    def test(t):
        what = '%s, %s' % (kernel, 'our clock' if has_clock else 'LTTng\'s own clock')
        directory = vm.scratch()
        with lttng.Guest(directory, kernel=kernel) as guest:
            guest.ready()
            if not has_clock:
                guest.sh("sed -i '/vht_lttng_clock/d' /etc/modprobe.d/*")
            guest.start_daemon()
            t.equal('vht_lttng_clock' in guest.modules(), has_clock, '%s: it is what is loaded' % what)
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                work(guest)
                t.equal(recorder.stop(), 0, '%s: recorded' % what)
            log = recorder.log()
            guest.poweroff()
        trace = os.path.join(directory, 'ctf')
        vm.tool('export', '--to', 'ctf', out, trace)
        judge_bytes(t, what, lttng.sessions(out)['hypertrace-a'], trace)
        judge_order(t, what, ((event.text, event.name == 'lttng_logger') for event in vm.ctf(trace)))
        judge_view(t, what, out, trace)
        check = vm.tool('check', out, check=False)
        t.ok(check.returncode == 0, '%s: hypertrace check finds nothing wrong' % what, check.stdout + check.stderr)
        info = vm.tool('info', out).stdout
        t.ok('hypertrace-a' in info, '%s: hypertrace info shows the sessions' % what, info)
        t.note(log[-600:])
    test.__name__ = 'exported_%s_%s' % (kernel, 'clock' if has_clock else 'plain')
    return test


tap.main(exported('6.12', True), exported('6.12', False), exported('6.1', True))
