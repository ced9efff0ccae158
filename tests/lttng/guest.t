#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""LTTng in guests, as recordings have it: what info and check say, and the traces that export
makes of it, read by babeltrace2. The recording is made up: guest-recording.h says of what."""

import glob
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get('HYPERTRACE_BUILD', os.path.join(TOP, 'build', 'host'))
TOOL = os.path.join(BUILD, 'host-tools', 'hypertrace')
MAKE = os.path.join(BUILD, 'tests', 'lttng', 'make-guest-recording')

BEGIN = 1700000000 * 10**9    # CLOCK_REALTIME at the recording's begin
LTTNG = 6                     # VHT_PACKET_LTTNG


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, errors='replace', check=False)


def export(test, recording, out, *options):
    shutil.rmtree(out, ignore_errors=True)
    done = run(TOOL, 'export', *options, recording, out)
    test.ok(done.returncode == 0, 'export %s' % ' '.join(options), done.stderr)
    return done.stderr


def packets(path):
    """LTTng's packets in a stream file, with the header that is around them."""
    with open(path, 'rb') as stream:
        data = stream.read()
    at, found = 0, []
    while at < len(data):
        header_size, kind = struct.unpack_from('<HH', data, at + 4)
        size, content = struct.unpack_from('<QQ', data, at + 40)
        if kind == LTTNG and content:
            found.append((at, data[at + header_size:at + header_size + content]))
        at += size
    return found


def read(test, path):
    """All events by babeltrace2: (ns, CPU, name, number)."""
    done = run('babeltrace2', '--clock-gmt', '--clock-seconds', '--no-delta', path)
    test.ok(done.returncode == 0, 'babeltrace2 reads %s' % os.path.basename(path), done.stderr)
    events = []
    for line in done.stdout.splitlines():
        match = re.match(r'\[(\d+)\.(\d+)\].* (kind\d): \{ cpu_id = (\d+) \}, \{ number = (\d+)\b',
                         line)
        events.append((int(match[1]) * 10**9 + int(match[2]), int(match[4]), match[3],
                       int(match[5])))
    return events, done.stderr


def numbers(events, cpu=0):
    return sorted(event[3] for event in events if event[1] == cpu)


def unchanged(test, recording, out):
    """Files as lttng-consumerd writes them: packets one behind the other, not a bit changed."""
    for cpu in (0, 1):
        every = [packet for _, packet in
                 packets(os.path.join(recording, 'web', '1.1', 'lttng-cpu%d' % cpu))]
        for channel, name in enumerate(('sched', 'net')):
            with open(os.path.join(out, 'web@lttng', 'boot', '%s_%d' % (name, cpu)), 'rb') as f:
                test.ok(f.read() == b''.join(
                    p for p in every if struct.unpack_from('<I', p, 20)[0] == channel),
                    'packets of %s on CPU %d' % (name, cpu))


def times(test, out):
    events, problems = read(test, os.path.join(out, 'web@lttng', 'boot'))
    test.equal(len(events), 242, 'all events')
    test.ok('discarded 7 events' in problems and 'discarded 4 packets' in problems,
            'what was lost is told by babeltrace2', problems)
    test.equal(events[0][0], BEGIN + 16000 + 900000000 // 21,
               'a clock that is the host\'s has the host\'s times, to the ns')
    # the same moments in a guest whose clock is 50 parts in a million too fast
    other, _ = read(test, os.path.join(out, 'app@lttng', 'boot'))
    own = [e for e in events if e[1] == 0 and e[3] < 60]
    worst = max(abs(a[0] - 16000 - (b[0] - 17000)) for a, b in
                zip(sorted(own[::2]), sorted(other)))
    test.ok(worst < 2000, 'another clock is put right: off by %d ns at most' % worst)
    with open(os.path.join(out, 'app@lttng', 'boot', 'metadata'), encoding='ascii') as f:
        text = f.read()
    test.ok(text.startswith('/* CTF 1.8 */\n') and 'freq = 1000050000;' in text and
            'clock_method = "line+pairs+ticks";' in text and
            re.search(r'clock_bound_ns = \d+;', text), 'metadata says how its times are known')


def left_out(test, out, said):
    test.equal(sorted(os.path.relpath(p, out) for p in glob.glob(out + '/*/*')),
               ['app@lttng/_._.._.._etc_x__2J', 'app@lttng/again', 'app@lttng/boot',
                'app@lttng/boot.2', 'app@lttng/cut', 'app@lttng/liar', 'app@lttng/long',
                'db@lttng/lost', 'web@lttng/boot'], 'a trace for each session that can be read')
    test.equal(sorted(os.listdir(os.path.join(out, 'app@lttng', '_._.._.._etc_x__2J'))),
               ['_._a.1_0', '_._a_0', 'metadata'], 'two channels of one name are kept apart')
    for words in ('session=mute: it is left out: it has no metadata',
                  'session=json: it is left out: its metadata is not CTF 1.8 but ctf2',
                  'session=cut: packets left out, as they cannot be read with the metadata that'
                  ' came: 1\n',
                  'x?[2J: packets left out, as they are damaged: 2\n',
                  'x?[2J: packets left out, as they cannot be read with the metadata that came: 2\n',
                  'vm=app: packets left out, as they are damaged, or of no session known: 5\n',
                  'session=huge: it is left out: none of its packets can be read\n',
                  'session=long: packets left out, as they cannot be read with the metadata that'
                  ' came: 1\n',
                  'session=liar: its clock is said to be the host\'s, and is not\n',
                  'session=lost: nobody knows how its clock relates to the host\'s\n'):
        test.ok(words in said, 'told: ' + words.strip(), said)
    events, _ = read(test, os.path.join(out, 'app@lttng', 'cut'))
    test.equal(numbers(events), sorted(list(range(60)) + list(range(5))),
               'what is before and behind a packet that cannot be read is there')
    events, _ = read(test, os.path.join(out, 'app@lttng', 'again'))
    test.ok(any(event[2] == 'kind2' for event in events), 'an event that a regenerated text has')


def whole(test, scratch):
    recording, out = os.path.join(scratch, 'rec'), os.path.join(scratch, 'out')
    os.mkdir(recording)
    subprocess.run([MAKE, recording], check=True)
    said = export(test, recording, out)
    unchanged(test, recording, out)
    times(test, out)
    left_out(test, out, said)
    events, _ = read(test, out)
    test.equal(len(events), 242 + 60 + 60 + 120 + 65 + 65 + 60 + 60 + 4, 'the set as a whole')
    test.equal(events, sorted(events, key=lambda e: e[0]), 'on one timeline')


def choice(test, scratch):
    recording, out = os.path.join(scratch, 'rec'), os.path.join(scratch, 'chosen')
    export(test, recording, out, '--vm', 'web')
    test.equal(os.listdir(out), ['web@lttng'], '--vm')
    done = run(TOOL, 'export', '--no-lttng', recording, out + '-none')
    test.ok(not glob.glob(out + '-none/*lttng*'), '--no-lttng', done.stderr)
    for form in ('trace.dat', 'perfetto'):
        done = run(TOOL, 'export', '--to', form, '--vm', 'web', recording, out + form)
        test.ok('vm=web: its events are in CTF only' in done.stderr or done.returncode == 3,
                '%s says what is not in it' % form, done.stderr)
        test.ok('vm=app' not in done.stderr, 'of the chosen VM')


def told(test, scratch):
    recording = os.path.join(scratch, 'rec')
    done = run(TOOL, 'info', recording)
    for words in ('  LTTng session boot: ended, channels: sched (discard), net (overwrite)\n'
                  '    14 packets, 56.0 KiB, 242 events; lost: 7 events discarded,'
                  ' 16 packets overwritten, 5 packets dropped after its end\n    times: host, within ',
                  '  LTTng session mute: not begun, channels: c (discard)\n',
                  '    cannot be exported: it has no metadata\n',
                  '    cannot be exported: its metadata is not CTF 1.8 but ctf2\n',
                  '(said to be the host\'s clock, which it is not)\n',
                  '  LTTng: packets damaged, or of no session known: 5\n'):
        test.ok(words in done.stdout, 'info: ' + words.splitlines()[0].strip(), done.stdout)
    test.ok('\033' not in done.stdout, 'info prints no control characters')
    done = run(TOOL, 'check', recording)
    test.ok(done.returncode == 6, 'check fails')
    for words in ('its number goes back', 'its time goes back', 'its size is not what there is of it', 'bad magic',
                  'it is of no session known', 'it has packets, but no metadata',
                  'packets that cannot be decoded: 3'):
        test.ok('    defect: ' in done.stdout and words in done.stdout, 'check: ' + words,
                done.stdout)
    test.ok('    242 events decoded\n' in done.stdout and 'counted other' not in done.stdout,
            'check decodes all events', done.stdout)


def uncounted(test, scratch):
    """Stock lttng-modules does not count events; nor is a count right that is not so."""
    recording = os.path.join(scratch, 'uncounted')
    for number, words in ((0, 'events not counted; lost: 7'),
                          (99, 'defect: the driver has counted other events')):
        shutil.copytree(os.path.join(scratch, 'rec', 'web'), os.path.join(recording, 'web'))
        shutil.copy(os.path.join(scratch, 'rec', 'recording.ini'), recording)
        for cpu in (0, 1):
            path = os.path.join(recording, 'web', '1.1', 'lttng-cpu%d' % cpu)
            with open(path, 'rb') as stream:
                data = bytearray(stream.read())
            for at, _ in packets(path):
                struct.pack_into('<Q', data, at + 72, number)
            with open(path, 'wb') as stream:
                stream.write(data)
        done = run(TOOL, 'check', recording)
        test.ok(words in done.stdout and '    242 events decoded\n' in done.stdout,
                'check: ' + words, done.stdout)
        shutil.rmtree(recording)


def late(test, scratch):
    """Discarded after the last packet was closed: the driver alone knows."""
    recording = os.path.join(scratch, 'late')
    shutil.copytree(os.path.join(scratch, 'rec', 'web'), os.path.join(recording, 'web'))
    shutil.copy(os.path.join(scratch, 'rec', 'recording.ini'), recording)
    path = os.path.join(recording, 'web', '1.1', 'lttng-cpu0')
    with open(path, 'rb') as stream:
        data = bytearray(stream.read())
    struct.pack_into('<Q', data, 128 + 96, 1000)    # events_lost of the state packet
    with open(path, 'wb') as stream:
        stream.write(data)
    done = run(TOOL, 'info', recording)
    test.ok('lost: 1000 events discarded, 16 packets' in done.stdout,
            'what the driver lost is its only session\'s', done.stdout)
    done = run(TOOL, 'check', recording)
    test.ok('lost: 1000 events discarded' in done.stdout and done.returncode == 6,
            'check tells it too', done.stdout)


def twice(test, scratch):
    """A VM's state that was loaded again: the same session in two epochs."""
    recording, out = os.path.join(scratch, 'twice'), os.path.join(scratch, 'twice-out')
    shutil.copytree(os.path.join(scratch, 'rec'), recording)
    for name in ('app', 'db'):
        shutil.rmtree(os.path.join(recording, name))
    shutil.copytree(os.path.join(recording, 'web', '1.1'), os.path.join(recording, 'web', '2.2'))
    said = export(test, recording, out)
    test.ok('session=boot: another session with its uuid is in the set' in said, 'it is told', said)
    test.equal(sorted(os.listdir(out + '/web@lttng')), ['boot', 'boot.2'], 'each is a trace')
    events, _ = read(test, out)
    test.equal(len(events), 2 * 242, 'the events of both are there')


def torn(test, scratch):
    """A stream file that ends anywhere, and packets with any byte changed: export makes a set
    that babeltrace2 reads."""
    recording, out = os.path.join(scratch, 'torn'), os.path.join(scratch, 'torn-out')
    shutil.copytree(os.path.join(scratch, 'rec'), recording)
    shutil.rmtree(os.path.join(recording, 'app'))
    path = os.path.join(recording, 'web', '1.1', 'lttng-cpu0')
    with open(path, 'rb') as f:
        data = f.read()
    (first, _), (second, _) = packets(path)[:2]
    changes = [(first + 128 + at, value) for at, value in
               ((0, 0), (5, 1), (20, 200), (24, 9), (39, 255), (48, 255), (64, 255), (72, 255),
                (80, 3), (84, 31), (84, 30), (91, 255))]
    bad = []
    for at, value in changes + [(None, second + 1000), (None, 1000), (None, 100)]:
        changed = bytearray(data)
        if at is None:
            del changed[value:]
        else:
            changed[at] = value
        with open(path, 'wb') as f:
            f.write(changed)
        shutil.rmtree(out, ignore_errors=True)
        done = run(TOOL, 'export', recording, out)
        seen = run('babeltrace2', out)
        checked = run(TOOL, 'check', recording)
        if done.returncode or seen.returncode or checked.returncode != 6:
            bad.append((at, value, done.stderr, seen.stderr, checked.stdout))
    test.ok(not bad, '%d damaged recordings' % (len(changes) + 3), bad)


def main():
    test = tap.Tap()
    with tempfile.TemporaryDirectory() as scratch:
        tap.each(test, (whole, choice, told, uncounted, late, twice, torn), scratch)
    return test.done()


if __name__ == '__main__':
    sys.exit(main())
