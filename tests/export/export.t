#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""hypertrace export --to trace.dat and --to perfetto, judged by others.

Real pages of real kernels (tests/decode/data) come as trace.dat files. What trace-cmd
reports of such a file and of the one that we export of the same pages must be equal;
Perfetto's trace is decoded by protoc with the schema and compared with view. Then
losses, several kernels in one recording, refusals, and recordings that lie.
"""

import collections
import glob
import importlib.machinery
import importlib.util
import lzma
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
DECODE = os.path.join(TOP, 'tests', 'decode')
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))
import perfetto  # noqa: E402  pylint: disable=wrong-import-position
import tap  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get('HYPERTRACE_BUILD', os.path.join(TOP, 'build', 'host'))
TOOL = os.path.join(BUILD, 'host-tools', 'hypertrace')
KSHARK = os.path.join(BUILD, 'tests', 'export', 'kshark')
SHIFT = 1000 * 10**9    # host time - guest time, in all that dat-to-recording makes

LINE = re.compile(r'^(?:\s*(\S+\.dat):)?\s*(.*)-(\d+)\s+\[(\d+)\]\s+(\d+)\.(\d{9}): (.*)$')
VIEW = re.compile(r'(\d+)\.(\d{9}) \[(\d+)\] (?:(.*?)-(\d+) )?(\w+): \{ ?(.*?) ?\}$')


def load(name, path):
    """A program of the tests as a module."""
    loader = importlib.machinery.SourceFileLoader(name, path)
    spec = importlib.util.spec_from_loader(name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


fixture = load('fixture', os.path.join(DECODE, 'dat-to-recording'))
commands = load('commands', os.path.join(DECODE, 'commands.t'))
samples_of = load('samples_of', os.path.join(DECODE, 'samples.t'))


def run(*argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, errors='replace', check=False, **options)


def export(to, recording, out, *options):
    done = run(TOOL, 'export', '--to', to, *options, recording, out)
    assert done.returncode == 0, '%d %s' % (done.returncode, done.stderr)
    return done.stderr


def report(*argv):
    """The lines of trace-cmd report, of which it must not complain."""
    done = run('trace-cmd', 'report', '-t', *argv)
    assert done.returncode == 0 and not re.search('(?i)corrupt|truncat|bad|unknown option', done.stderr), done.stderr
    return done.stdout.splitlines()


def events(lines, shift=0):
    """(ns, cpu, pid, text) of the events in trace-cmd's lines, with what follows them."""
    found = []
    for line in lines:
        match = LINE.match(line)
        if match:
            ns = int(match[5]) * 10**9 + int(match[6]) + shift
            found.append([ns, int(match[4]), int(match[3]), ' '.join(match[7].split())])
        elif found:
            found[-1][3] += '\n' + ' '.join(line.split())
    return found


def view(recording, *options):
    """(ns, cpu, pid, name, fields) of each event of a kernel."""
    done = run(TOOL, 'view', '--names', 'ftrace', *options, recording)
    assert done.returncode == 0, done.stderr
    found = [VIEW.match(line) for line in done.stdout.splitlines()]
    return [(int(m[1]) * 10**9 + int(m[2]), int(m[3]), int(m[5]), m[6], m[7]) for m in found if m]


def unpack(scratch, name):
    path = os.path.join(scratch, name)
    with lzma.open(os.path.join(DECODE, 'data', name + '.dat.xz')) as packed, open(path + '.dat', 'wb') as plain:
        shutil.copyfileobj(packed, plain)
    return path


def make(scratch, name, sample):
    """A recording made of a sample."""
    dat = unpack(scratch, sample) + '.dat'
    path = os.path.join(scratch, name)
    subprocess.run([os.path.join(DECODE, 'dat-to-recording'), dat, path], check=True)
    return path


def first_difference(left, right):
    for a, b in zip(left, right):
        if a != b:
            return '%r\n%r' % (a, b)
    return '%d and %d' % (len(left), len(right))


# --- one kernel ---


def check_trace_dat(test, name, recording, dat):
    out = recording + '-dat'
    export('trace.dat', recording, out)
    test.equal(os.listdir(out), ['trace-guest.dat'], '%s: one VM, one file' % name)
    ours = os.path.join(out, 'trace-guest.dat')
    for options in (['-R'], []):
        left = events(report(*options, '-i', dat), SHIFT)
        right = events(report(*options, '-i', ours))
        test.ok(left and left == right, '%s: trace-cmd report %s: the same %d events, in all that is printed'
                % (name, ' '.join(options), len(left)), first_difference(left, right))
    done = run('trace-cmd', 'dump', '-v', '-i', ours)
    test.ok('is a valid trace-cmd file' in done.stdout, '%s: trace-cmd finds the file valid' % name, done.stdout)
    done = run('trace-cmd', 'dump', '--clock', '-i', ours)
    test.ok('mono' in done.stdout, '%s: and its clock is mono' % name, done.stdout)
    found = view(recording)
    right = events(report('-R', '-i', ours))
    test.equal([(ns, cpu, pid, text.split(':')[0]) for ns, cpu, pid, text in right],
               [row[:4] for row in found], '%s: as view has them' % name)


def values(fields):
    """What view says of numbers and texts: {name: value}."""
    found = {}
    for match in re.finditer(r'(\w+) = (?:\( .*? : container = (-?\w+) \)|(-?\d+|0x[0-9A-Fa-f]+)(?=,|$)|"((?:[^"\\]|\\.)*)")', fields):
        number = match[2] or match[3]
        found[match[1]] = int(number, 0) if number else samples_of.unquote('"%s"' % match[4])
    return found


def check_perfetto(test, name, recording):
    out = recording + '-pf'
    export('perfetto', recording, out)
    trace = perfetto.read(out)
    found = perfetto.events(trace)
    want = view(recording)
    test.ok(not perfetto.unknown(trace), '%s: the schema knows every field' % name)
    rows = sorted((e.ns, e.cpu, e.pid, 'print' if e.name in ('bprint', 'bputs') else e.name) for e in found)
    wanted = sorted((ns, cpu, pid, 'print' if word in ('bprint', 'bputs') else word) for ns, cpu, pid, word, _ in want)
    test.ok(rows and rows == wanted, '%s: Perfetto: the same %d events, CPUs, tasks and times' % (name, len(rows)),
            first_difference(rows, wanted))
    left = collections.defaultdict(list)
    for row in want:
        left[row[1]].append(row)
    compared, wrong, typed = 0, [], collections.Counter()
    right = collections.defaultdict(list)
    for event in found:
        right[event.cpu].append(event)
    for cpu, rows in left.items():
        for row, event in zip(rows, right[cpu]):
            typed[event.is_typed] += 1
            said = values(row[4])
            for field, value in event.fields.items():
                if field not in said or event.is_typed and field in ('func', 'function'):
                    continue
                compared += 1
                if isinstance(value, int) and isinstance(said[field], int):
                    same = (value ^ said[field]) & 0xffffffff == 0 if event.is_typed else value == said[field]
                else:
                    same = str(value) == str(said[field])
                if not same:
                    wrong.append('%s.%s: %r, view %r' % (event.name, field, value, said[field]))
    test.ok(compared > len(found) and not wrong, '%s: %d fields have the value that view shows' % (name, compared),
            '\n'.join(wrong[:10]))
    test.note('%s: messages of their own: %d, generic: %d' % (name, typed[True], typed[False]))
    return trace


def samples(test):
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        for path in sorted(glob.glob(os.path.join(DECODE, 'data', '*.dat.xz'))):
            name = os.path.basename(path)[:-len('.dat.xz')]
            recording = make(scratch, name + '-rec', name)
            check_trace_dat(test, name, recording, os.path.join(scratch, name + '.dat'))
            trace = check_perfetto(test, name, recording)
            if name.startswith('graph'):
                symbols = {s['str'][0] for p in trace for d in p.get('interned_data', [])
                           for s in d.get('kernel_symbols', [])}
                test.ok('vfs_read' in symbols, '%s: functions have names' % name, symbols)


# --- losses ---


def losses(test):
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        path = make(scratch, 'losses', 'events-6.12')
        file = commands.StreamFile(os.path.join(path, 'guest', '1.1', 'ftrace.hypertrace-cpu0'))
        data = file.data()
        file.add_lost(data[5], 1000)
        file.add_lost(data[15], 70000)
        del file.packets[data[10]]
        file.write()
        want = [int(n) for n in re.findall(r'\*\*\* lost (\d+) event', run(TOOL, 'view', path).stdout)]
        export('trace.dat', path, path + '-dat')
        ours = os.path.join(path + '-dat', 'trace-guest.dat')
        lines = report('-i', ours)
        test.equal([int(n) for n in re.findall(r'CPU:0 \[(\d+) EVENTS DROPPED\]', '\n'.join(lines))], want,
                   'trace-cmd tells of the same %d losses' % len(want))
        test.equal([row[:3] for row in events(line for line in lines if 'DROPPED' not in line)],
                   [list(row[:3]) for row in view(path)], 'and of the same events')
        stat = report('--stat', '-i', ours)
        test.ok('overrun: %d' % sum(want) in stat, 'and their sum', '\n'.join(stat[:20]))
        export('perfetto', path, path + '-pf')
        trace = perfetto.read(path + '-pf')
        marks = [b for p in trace for b in p.get('ftrace_events', []) if b.get('lost_events')]
        test.equal(len(marks), len(want), 'Perfetto: each loss begins a bundle')
        end = [s for p in trace for s in p.get('ftrace_stats', []) if s['phase'] == ['END_OF_TRACE']]
        test.equal([cpu['overrun'] for cpu in end[0]['cpu_stats'] if cpu['cpu'] == [0]], [[sum(want)]], 'with their sum')


# --- several kernels ---


def set_clock(path, clock):
    """The clock that a stream file's first packet names."""
    with open(path, 'r+b') as file:
        file.seek(128 + 12)
        file.write(struct.pack('<I', clock))


def add_vcpus(path, vcpus):
    """vCPU records behind all else in a vmm stream file."""
    sequence = len([p for p in commands.StreamFile(path).packets if struct.unpack_from('<H', p, 6)[0] != 0x100])
    content = b''.join(struct.pack('<QIIQIII28x', SHIFT, 1, index, arch, index, thread, 1)
                       for index, arch, thread in vcpus)
    with open(path, 'ab') as file:
        stream = fixture.Stream.__new__(fixture.Stream)
        stream.file, stream.id, stream.cpu = file, 0, 0xffffffff
        stream.sequence, stream.events, stream.lost = sequence, 0, 0
        stream.packet(8, content)


def rename(directory, name):
    path = os.path.join(directory, 'vm.ini')
    with open(path, encoding='ascii') as file:
        text = file.read().replace('name=guest', 'name=' + name)
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def make_many(scratch):
    """The host, a VM with one life, and one with two."""
    path = make(scratch, 'many', 'function-6.12')
    guest = os.path.join(path, 'guest')
    add_vcpus(os.path.join(guest, 'vmm'), [(0, 0, 4711), (1, 1, 4712)])
    other, host = os.path.join(path, 'other'), os.path.join(path, '@host')
    shutil.copytree(guest, other)
    rename(other, 'other')
    shutil.copytree(os.path.join(other, '1.1'), os.path.join(other, '1.2'))
    # the only vCPU records left are the one of CPU 0
    vmm = commands.StreamFile(os.path.join(other, 'vmm'))
    del vmm.packets[-1]
    vmm.write()
    add_vcpus(vmm.path, [(0, 0, 4713)])
    shutil.copytree(os.path.join(guest, '1.1'), os.path.join(host, '1.1'))
    for file in glob.glob(os.path.join(host, '1.1', 'ftrace*')):
        set_clock(file, 1)
    with open(os.path.join(host, 'host.ini'), 'w', encoding='ascii') as file:
        file.write('[host]\nhostname=metal\nrelease=6.1.0\nmachine=x86_64\n'
                   'boot_id=6e29bb2b-14e3-4fe8-8a4b-7a9c1f2d3e4f\ncpus=2\n')
    return path


def options_of(path):
    return run('trace-cmd', 'dump', '--options', '-i', path).stdout


def several(test):
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        path = make_many(scratch)
        out = path + '-dat'
        export('trace.dat', path, out)
        files = ['trace-guest.dat', 'trace-other-1.1.dat', 'trace-other-1.2.dat', 'trace.dat']
        test.equal(sorted(os.listdir(out)), files, 'a file for each kernel')
        ids = {name: re.search(r'TRACEID.*\n(0x\w+)', options_of(os.path.join(out, name)))[1] for name in files}
        test.equal(len(set(ids.values())), 4, 'each with an id of its own')
        text = options_of(os.path.join(out, 'trace.dat'))
        guests = dict(re.findall(r'Option GUEST.*\n(\S+) \[Guest name\]\n(0x\w+) \[trace id\]', text))
        test.equal(guests, {name: ids['trace-%s.dat' % name] for name in ('guest', 'other-1.1', 'other-1.2')},
                   'the host\'s names each guest\'s')
        test.equal(re.findall(r'^guest .*\n.*\n2 .*\n  0 4711 .*\n  1 4712 ', text, re.M) and 1, 1, 'and its CPUs\' threads')
        paths = [os.path.join(out, name) for name in ('trace.dat', 'trace-guest.dat')]
        lines = report(*[word for one in paths for word in ('-i', one)])
        rows = [LINE.match(line) for line in lines]
        rows = [(int(m[5]) * 10**9 + int(m[6]), m[1]) for m in rows if m]
        alone = len(events(report('-i', paths[1])))
        test.ok(len(rows) == 2 * alone and rows == sorted(rows, key=lambda row: row[0]),
                'trace-cmd reports host and guest in one order of time', '%d, %d alone' % (len(rows), alone))
        test.equal(rows[0][0] + SHIFT, rows[alone][0], 'on the host\'s clock')
        done = run(KSHARK, *paths, os.path.join(out, 'trace-other-1.2.dat'))
        test.equal([line for line in done.stdout.splitlines() if line.startswith('map')],
                   ['map 1 0 guest 4711,4712', 'map 2 0 other-1.2 4713,-1'],
                   'KernelShark\'s library knows them for guests of that host, and their CPUs\' threads')
        rows = [line.split() for line in done.stdout.splitlines() if line.startswith('event')]
        test.equal(collections.Counter(row[2] for row in rows), {str(stream): alone for stream in range(3)},
                   'and has all their events')
        test.ok([int(row[1]) for row in rows] == sorted(int(row[1]) for row in rows), 'in one order of time')

        export('perfetto', path, path + '-pf')
        trace = perfetto.read(path + '-pf')
        names = {p.get('machine_id', [0])[0]: p['system_info'][0]['machine_name'][0] for p in trace if 'system_info' in p}
        test.equal(names, {0: 'metal', 1: 'guest', 2: 'other-1.1', 3: 'other-1.2'}, 'Perfetto: a machine for each kernel')
        counts = collections.Counter(event.machine for event in perfetto.events(trace))
        test.equal(counts, {machine: alone for machine in range(4)}, 'with all its events')
        synced = {p['machine_id'][0] for p in trace if 'remote_clock_sync' in p}
        test.equal(synced, {1, 2, 3}, 'and the guests\' clocks are the host\'s')
        tracks = [d['name'][0] for p in trace for d in p.get('track_descriptor', [])]
        test.equal(sorted(tracks), ['VM guest', 'VM other'], 'each VM has a track')

        export('trace.dat', path, out + '-one', '--vm', 'guest')
        test.equal(os.listdir(out + '-one'), ['trace-guest.dat'], '--vm chooses')


def instances(test):
    """Two tracing instances of one kernel, the second on one CPU only."""
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        path = make(scratch, 'instances', 'function-6.12')
        alone = events(report('-i', unpack(scratch, 'function-6.12') + '.dat'), SHIFT)
        life = os.path.join(path, 'guest', '1.1')
        shutil.copy(os.path.join(life, 'ftrace.hypertrace-cpu1'), os.path.join(life, 'ftrace.top-cpu1'))
        with open(os.path.join(life, 'ftrace.top-cpu1'), 'r+b') as file:
            file.seek(128 + 32)
            file.write(b'top'.ljust(32, b'\0'))
        export('trace.dat', path, path + '-dat')
        lines = report('-i', os.path.join(path + '-dat', 'trace-guest.dat'))
        second = [line.replace('top:', '    ', 1) for line in lines if line.lstrip().startswith('top:')]
        first = [line for line in lines if not line.lstrip().startswith('top:')]
        test.equal(events(first), alone, 'a second instance leaves the first as it is')
        test.equal(events(second), [row for row in alone if row[1] == 1], 'and is a buffer of its own in the file')


# --- what cannot be done ---


def refusals(test):
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        path = make(scratch, 'refuse', 'function-6.12')
        os.mkdir(path + '-there')
        for to in ('trace.dat', 'perfetto'):
            out = path + '-out'
            for want, what, argv in (
                    (3, 'no such VM', ['--vm', 'none', path, out]), (3, 'no recording', [scratch, out]),
                    (2, 'names', ['--names', 'lttng', path, out]), (1, 'OUT exists', [path, path + '-there']),
                    (1, 'OUT cannot be made', [path, path + '/none/x'])):
                done = run(TOOL, 'export', '--to', to, *argv)
                test.ok(done.returncode == want and done.stderr, '%s: refused: %s' % (to, what),
                        '%d %s' % (done.returncode, done.stderr))

            def limit():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
            done = run(TOOL, 'export', '--to', to, path, out, preexec_fn=limit)
            test.ok(done.returncode == 1 and 'cannot write' in done.stderr and 'large' in done.stderr,
                    '%s: no room on the disk' % to, '%d %s' % (done.returncode, done.stderr))
            test.equal(glob.glob(out + '*'), [], '%s: nothing is left' % to)
        test.equal(os.listdir(path + '-there'), [], 'what was there is as it was')


def big_event(test):
    """An event that no sub-buffer can hold, between two others."""
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        path = make(scratch, 'big', 'function-6.12')
        file = commands.StreamFile(os.path.join(path, 'guest', '1.1', 'ftrace.hypertrace-cpu0'))
        first = file.packets[file.data()[0]]
        record = bytes(first[128 + 16 + 4:128 + 16 + 4 + 24])
        (time,) = struct.unpack_from('<Q', first, 128)
        small = struct.pack('<I', 6) + record
        big = struct.pack('<II', 0, (3 << 19) + 4) + record.ljust(3 << 19, b'\0')
        content = struct.pack('<QQ', time, len(small) * 2 + len(big)) + small + big + small
        with open(file.path, 'wb') as out:
            stream = fixture.Stream.__new__(fixture.Stream)
            stream.file, stream.id, stream.cpu, stream.source = out, 33, 0, 3
            stream.sequence, stream.events, stream.lost = 0, 0, 0
            stream.clock, stream.name = 3, b'hypertrace'
            stream.state()
            stream.events = 3
            stream.packet(1, content, time, time, time, fixture.counter_of(time))
        said = export('trace.dat', path, path + '-dat')
        test.ok('too large' in said and 'events=1' in said, 'an event too large for any sub-buffer is told of', said)
        lines = report('-i', os.path.join(path + '-dat', 'trace-guest.dat'))
        test.equal(len([row for row in events(lines) if row[1] == 0]), 2, 'those around it are there')
        test.equal(sum('[1 EVENTS DROPPED]' in line for line in lines), 1, 'and it counts as lost')
        export('perfetto', path, path + '-pf')
        found = [event for event in perfetto.events(perfetto.read(path + '-pf')) if event.cpu == 0]
        test.equal(len(found), 3, 'Perfetto has room for it')


def unknown(test):
    """A kernel of which nobody told what its events mean."""
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        path = make(scratch, 'unknown', 'function-6.12')
        count = len(view(path))
        os.unlink(os.path.join(path, 'guest', '1.1', 'metadata'))
        for to in ('trace.dat', 'perfetto'):
            said = export(to, path, path + '-' + to)
            test.equal(said.count('event formats are not known: vm=guest'), 1, '%s: events of unknown meaning are told of' % to)
        test.equal(len(perfetto.events(perfetto.read(path + '-perfetto'))), count, 'and are all there')


def hostile(test):
    """Recordings cut off and changed at random: any answer but a crash."""
    chance = random.Random(7)
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        good = make_many(scratch)
        ends = collections.Counter()
        for number in range(60):
            path = os.path.join(scratch, 'bad')
            shutil.copytree(good, path)
            for file in glob.glob(os.path.join(path, '**', '*'), recursive=True):
                if os.path.isdir(file) or chance.random() < 0.6:
                    continue
                with open(file, 'r+b') as out:
                    size = os.path.getsize(file)
                    if number % 3 == 0:
                        out.truncate(chance.randrange(size + 1))
                        continue
                    for _ in range(1 + chance.randrange(20)):
                        out.seek(chance.randrange(size))
                        out.write(bytes([chance.choice((0, 0xff, 0x7f, 0x80, chance.randrange(256)))]))
            for to in ('trace.dat', 'perfetto'):
                done = run(TOOL, 'export', '--to', to, path, path + '-' + to, timeout=60)
                ends[done.returncode if not done.stderr or done.stderr.startswith('hypertrace export: ') else done.stderr] += 1
                if done.returncode == 0 and to == 'perfetto':
                    perfetto.read(path + '-' + to)
                elif done.returncode == 0:
                    shutil.rmtree(path + '-' + to)
                if os.path.exists(path + '-perfetto'):
                    os.unlink(path + '-perfetto')
            shutil.rmtree(path)
        test.ok(set(ends) <= {0, 1, 3, 5} and ends[0] > 20, 'damaged recordings are exported or refused', dict(ends))


if __name__ == '__main__':
    tap.main(samples, losses, several, instances, refusals, big_event, unknown, hostile)
