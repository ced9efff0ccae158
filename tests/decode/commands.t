#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""hypertrace view and export: what they choose, what they refuse, what was lost."""

import glob
import lzma
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
MAKE_HOST = os.path.join(BUILD, 'tests', 'decode', 'make-host-recording')


def run(*argv, **options):
    return subprocess.run(argv, capture_output=True, text=True, errors='replace', check=False,
                          **options)


def view(*argv):
    done = run(TOOL, 'view', *argv)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def make_recording(scratch, name, sample='function-6.12'):
    path = os.path.join(scratch, name)
    with lzma.open(os.path.join(HERE, 'data', sample + '.dat.xz')) as packed:
        with open(path + '.dat', 'wb') as unpacked:
            shutil.copyfileobj(packed, unpacked)
    subprocess.run([os.path.join(HERE, 'dat-to-recording'), path + '.dat', path], check=True)
    return path


def choice(test, scratch):
    path = make_recording(scratch, 'choice')
    lines = view(path)
    test.equal(view('--head', '3', path), lines[:3], '--head')
    test.equal(view('--tail', '3', path), lines[-3:], '--tail')
    test.equal(view('--head', '0', path), [], '--head 0')
    test.equal(view('--tail', '0', path), [], '--tail 0')
    test.equal(view('-c', '1', path), [line for line in lines if ' [001] ' in line], '--cpu')
    test.equal(view('-c', '0-3', path), [line for line in lines if ' [---] ' not in line],
               '--cpu, a range')
    want = [line for line in lines if re.search(r' (sched_switch|sched_w\w+): ', line)]
    test.equal(view('-e', 'sched_switch,sched_w*', path), want, '--event, two globs')
    test.equal(view('-e', 'sched:sched_switch', '-e', 'sched:sched_w*', path), want,
               '--event, with the system, twice')
    times = [line.split(' ')[0] for line in lines]
    test.equal(view('--from', times[10], '--to', times[20], path),
               [line for line, time in zip(lines, times) if times[10] <= time <= times[20]],
               '--from and --to')
    test.ok(view('-r', path)[0].startswith('0.000000000 '), '--relative')
    test.ok(re.match(r'2023-11-14T22:30:\d\d\.%s Z?' % times[0].split('.')[1],
                     view('--utc', path)[0].replace('Z', ' Z', 1)), '--utc', view('--utc', path)[0])
    step = int(times[5].replace('.', '')) - int(times[4].replace('.', ''))
    test.ok(' +0.%09d ' % step in view('-d', path)[5], '--delta', view('-d', path)[5])
    raw = [line for line in view('--raw', path) if ' [---] ' not in line]
    ours = [line for line in lines if ' [---] ' not in line]
    test.ok(raw and len(raw) == len(ours) and all(
        int(a.split('.')[0]) + 1000 == int(b.split('.')[0]) for a, b in zip(raw, ours)), '--raw')
    test.ok(view('--names', 'ftrace', '-e', 'sched_switch', path)[0].count('prev_pid') == 1 and
            view('-e', 'sched_switch', path)[0].count('prev_tid') == 1, '--names')


def refuse(test, scratch):
    path = make_recording(scratch, 'refuse')

    def status(want, what, *argv, words='', **options):
        done = run(TOOL, *argv, **options)
        test.ok(done.returncode == want and words in done.stderr and bool(done.stderr) == bool(want),
                what, '%d %s' % (done.returncode, done.stderr))

    for argv in ([], [path, path], ['--names', 'x', path], ['--cpu', '1-', path],
                 ['--from', 'now', path], ['--raw', '--utc', path], ['--nonsense', path]):
        status(2, 'usage: view ' + ' '.join(argv).replace(scratch, ''), 'view', *argv)
    status(2, 'usage: export without OUT', 'export', path)
    status(2, 'usage: export to another format', 'export', '--to', 'csv', path, path + '-x')
    status(3, 'view: no such directory', 'view', path + '-none', words=path + '-none')
    os.mkdir(path + '-empty')
    status(3, 'view: no recording in it', 'view', path + '-empty', words=path + '-empty')
    status(3, 'export: no recording in it', 'export', path + '-empty', path + '-x')
    status(3, 'export: no such VM', 'export', '--vm', 'none', path, path + '-x', words='none')
    status(1, 'export: OUT exists', 'export', path, path + '-empty', words=path + '-empty')
    test.equal(os.listdir(path + '-empty'), [], 'and stays as it was')
    status(1, 'export: OUT cannot be made', 'export', path, path + '/none/x', words='/none/x')
    test.equal(glob.glob(path + '*partial*') + glob.glob(path + '-x*'), [],
               'nothing is left of what failed')
    with open('/dev/full', 'w', encoding='ascii') as full:
        done = subprocess.run([TOOL, 'view', path], stdout=full, stderr=subprocess.PIPE, check=False)
    test.ok(done.returncode == 1 and b'No space' in done.stderr, 'view: disk full', done)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([TOOL, 'view', path], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    test.ok(done.returncode == 0 and not done.stderr, 'view: nobody reads', done)


class StreamFile:
    """The packets of a stream file, to be changed."""

    def __init__(self, path):
        self.path, self.packets = path, []
        with open(path, 'rb') as f:
            data = f.read()
        at = 0
        while at < len(data):
            (size,) = struct.unpack_from('<Q', data, at + 40)
            self.packets.append(bytearray(data[at:at + size]))
            at += size

    def data(self):
        """Indexes of the packets that hold events."""
        return [i for i, p in enumerate(self.packets) if struct.unpack_from('<H', p, 6)[0] == 1]

    def events_to(self, index):
        return struct.unpack_from('<Q', self.packets[index], 72)[0]

    def add_lost(self, first, count):
        """COUNT more events were lost before packet FIRST."""
        for packet in self.packets[first:]:
            offset = 80
            if struct.unpack_from('<H', packet, 6)[0] == 0x100:
                offset = 128 + 64 + 32
            (lost,) = struct.unpack_from('<Q', packet, offset)
            struct.pack_into('<Q', packet, offset, lost + count)

    def write(self):
        with open(self.path, 'wb') as f:
            f.write(b''.join(self.packets))


def lost_in_view(lines):
    return [int(match.group(1)) for match in
            (re.search(r'\*\*\* lost (\d+) events?', line) for line in lines) if match]


def losses(test, scratch):
    path = make_recording(scratch, 'losses', 'events-6.12')
    before = len(view(path))
    file = StreamFile(os.path.join(path, 'guest', '1.1', 'ftrace.hypertrace-cpu0'))
    data = file.data()
    first = file.events_to(data[0])
    middle = file.events_to(data[9]) - file.events_to(data[7])
    file.add_lost(data[15], 1000)
    file.add_lost(data[-1] + 1, 50)
    for index in (data[9], data[8], data[0]):
        del file.packets[index]
    file.write()
    lines = view(path)
    want = [first, middle, 1000, 50]
    test.equal(lost_in_view(lines), want, 'view shows losses where they were')
    events = [line for line in lines if '*** lost' not in line]
    test.equal(len(events), before - first - middle, 'and all other events')
    done = run(TOOL, 'view', '--head', '0', path)
    done = run(TOOL, 'view', path)
    test.ok('%d events lost' % sum(want) in done.stderr, 'and their sum', done.stderr)
    ctf = path + '-ctf'
    done = run(TOOL, 'export', path, ctf)
    test.ok(done.returncode == 0, 'a recording with losses is exported', done.stderr)
    done = run('babeltrace2', '--clock-seconds', ctf)
    counts = [int(n) for n in re.findall(r'discarded (\d+) event', done.stderr)]
    test.ok(done.returncode == 0 and counts == want, 'babeltrace2 tells of the same losses',
            '%r\n%s' % (counts, done.stderr))
    test.equal(len(done.stdout.splitlines()), len(events), 'and of the same events')
    order = [line for line in done.stdout.splitlines()]
    times = [line.split(']')[0][1:] for line in order]
    test.equal(times, sorted(times), 'in order of time')


def two_vms(test, scratch):
    path = make_recording(scratch, 'two')
    alone = len(view(path))
    shutil.copytree(os.path.join(path, 'guest'), os.path.join(path, 'other'))
    ini = os.path.join(path, 'other', 'vm.ini')
    with open(ini, encoding='ascii') as f:
        text = f.read().replace('name=guest', 'name=other')
    with open(ini, 'w', encoding='ascii') as f:
        f.write(text)
    lines = view(path)
    test.ok(len(lines) == 2 * alone and sum(' guest [' in line for line in lines) == alone and
            sum(' other [' in line for line in lines) == alone, 'two VMs, each named')
    test.equal(len(view('--vm', 'oth*', path)), alone, '--vm chooses one')
    ctf = path + '-ctf'
    done = run(TOOL, 'export', path, ctf)
    test.ok(done.returncode == 0 and sorted(os.listdir(ctf)) == ['guest', 'other'],
            'a trace for each', done.stderr)
    done = run('babeltrace2', ctf)
    test.ok(done.returncode == 0 and not done.stderr and
            len(done.stdout.splitlines()) == 2 * alone, 'babeltrace2 merges them', done.stderr)
    done = run(TOOL, 'export', '--vm', 'guest', path, ctf + '-one')
    test.ok(done.returncode == 0 and 'metadata' in os.listdir(ctf + '-one'),
            'one of them is the trace itself')


def host(test, scratch):
    """Two VMs and the host: columns and filters."""
    path = os.path.join(scratch, 'host')
    subprocess.run([MAKE_HOST, path], check=True)
    lines = view(path)

    def after(line):
        return int(line[12:14]) if line.startswith('1000.0000000') else 99

    test.equal([line for line in lines if after(line) == 12],
               ['1000.000000012 host [001] web:v000@001 CPU 0/KVM-101 kvm_x86_entry: { vcpu_id = 0 }',
                '1000.000000012 web  [000] web:v000@001 answer-42 numbered: { number = 12 }'],
               'system, CPU, and vCPU with its place; the entry before what the guest did')
    test.equal([line for line in lines if after(line) in (14, 35)],
               ['1000.000000014 db   [000] db:v000@003? answer-42 numbered: { number = 14 }',
                '1000.000000035 host [003] web:v000@003,db:v000@003 CPU 0/KVM-201 sched_switch: '
                '{ prev_tid = 201, next_tid = 101 }'], 'a vCPU assumed, two concerned')
    for what, argv, wanted in (
            ('--no-host', ['--no-host'], lambda line: ' host [' not in line),
            ('--vm and --with-host', ['--vm', 'web', '--with-host'],
             lambda line: ' web  [' in line or ' web:' in line or ',web:' in line or
             ' host [' in line and '***' in line),
            ('--cpu is of guests', ['--cpu', '0', '--no-host'],
             lambda line: ' [000] ' in line and ' host [' not in line),
            ('--vcpu', ['--vcpu', '1-2'], lambda line: re.search(r'v00[12]@', line) or
             ' host [' in line and '***' in line),
            ('--host-cpu', ['--host-cpu', '1'], lambda line: ' host [001]' in line or
             ' host [' not in line and '@001' in line),
            ('all of them', ['--vm', 'web', '--with-host', '--vcpu', '0', '--host-cpu', '1',
                             '-e', 'kvm_*'],
             lambda line: ' host [001]' in line and ' web:v000' in line and 'kvm_x86' in line),
            ('--from and --to after the first event', ['--from', '+0.000000007', '--to',
                                                       '+0.000000009'],
             lambda line: 12 <= after(line) <= 14),
            ('--from and --to by the clock', ['--from', '2023-11-14T22:30:00.000000012Z', '--to',
                                              '2023-11-14T23:30:00.000000014+01'],
             lambda line: 12 <= after(line) <= 14)):
        test.equal(view(*argv, path), [line for line in lines if wanted(line)], what)
    test.equal(view('--vm', 'web', path),
               [line.replace(' web  [', ' [') for line in lines if ' web  [' in line],
               '--vm: a VM, and where it ran')
    test.equal(view('--vm', 'host', path),
               [line.replace(' host [', ' [') for line in lines if ' host [' in line], '--vm host')
    for argv in (['--with-host', '--no-host'], ['--from', '+x'], ['--to', '2023-11-14'],
                 ['--vcpu', 'x'], ['--raw', '--from', '2023-11-14T22:30:01Z']):
        test.equal(run(TOOL, 'view', *argv, path).returncode, 2, 'usage: ' + ' '.join(argv))


def host_ctf(test, scratch):
    """The same as CTF: three traces, and who is who in them."""
    path = os.path.join(scratch, 'host')
    ctf = path + '-ctf'
    events = [line for line in view(path) if '***' not in line]
    done = run(TOOL, 'export', path, ctf)
    test.ok(done.returncode == 0 and sorted(os.listdir(ctf)) == ['@host', 'db', 'web'],
            'a trace for each VM and one for the host', done.stderr)
    done = run('babeltrace2', ctf)
    lines = [line.split(' ', 2)[2] for line in done.stdout.splitlines()]
    test.ok(done.returncode == 0 and len(lines) == len(events), 'babeltrace2 merges them',
            done.stderr)
    test.equal([int(n) for n in re.findall(r'discarded (\d+) event', done.stderr)], [3, 7],
               'and tells of the losses')
    for line in ('iron sched_switch: { cpu_id = 3 }, { tid = 201, procname = "CPU 0/KVM", '
                 'vm_id = 1, vcpu_id = 0 }, { prev_tid = 201, next_tid = 101 }',
                 'iron other: { cpu_id = 3 }, { tid = 9, procname = "<...>", vm_id = -1, '
                 'vcpu_id = -1 }, { pid = 0 }',
                 'web numbered: { cpu_id = 0 }, { tid = 42, procname = "answer", vcpu_id = 0, '
                 'host_cpu_id = 3 }, { number = 37 }',
                 'web numbered: { cpu_id = 0 }, { tid = 42, procname = "answer", vcpu_id = 0, '
                 'host_cpu_id = -1 }, { number = 85 }'):
        test.ok(line in lines, 'context: ' + line, done.stdout)
    plugin = dict(os.environ, BABELTRACE_PLUGIN_PATH=os.path.join(BUILD, 'host-tools', 'plugin'))
    direct = run('babeltrace2', path, os.path.join(ctf, '@host'), env=plugin)
    test.ok(direct.returncode == 0 and len(direct.stdout.splitlines()) ==
            len(lines) + sum(line.startswith('iron ') for line in lines),
            'the recording itself muxes with another trace, losses and all', direct.stderr)
    uuids = []
    for name, wanted in (
            ('@host', ('hostname = "iron"', 'vm_1_name = "web"', 'vm_1_vmm_pid = 100',
                       'uuid = "6e29bb2b-14e3-4fe8-8a4b-7a9c1f2d3e4f"')),
            ('web', ('hostname = "web"', 'vm_id = 1', 'vmm_pid = 100', 'vcpu_1_thread_id = 102',
                     'vcpu_1_arch_id = 4', 'vcpu_1_kvm_id = 4', 'cpu_2_vcpu_id = 2',
                     'host_boot_id = "6e29bb2b-14e3-4fe8-8a4b-7a9c1f2d3e4f"',
                     'clock_method = "host"', 'clock_bound_ns = 0')),
            ('db', ('hostname = "db"', 'vm_id = 0'))):
        with open(os.path.join(ctf, name, 'metadata'), encoding='utf-8') as f:
            metadata = f.read()
        for what in wanted:
            test.ok('\t%s;\n' % what in metadata, '%s has: %s' % (name, what), metadata[:3000])
        uuids += set(re.findall(r'name = monotonic;.*?uuid = "(.*?)"', metadata, re.S))
    test.ok(len(set(uuids)) == len(uuids) == 3, 'a clock id for each machine', uuids)
    run(TOOL, 'export', '--vmsync', path, ctf + '-sync')
    synced = [line.split(' ', 2)[2] for line in
              run('babeltrace2', ctf + '-sync').stdout.splitlines()]
    made = [line for line in synced if ' vmsync_' in line]
    test.equal([re.sub(r' \{.*(?=\{)', ' ', line) for line in made],
               ['web vmsync_gh_guest: { cnt = 0, vm_uid = 2 }',
                'iron vmsync_gh_host: { cnt = 1, vm_uid = 2 }',
                'db vmsync_gh_guest: { cnt = 0, vm_uid = 1 }',
                'iron vmsync_gh_host: { cnt = 2, vm_uid = 2 }'], '--vmsync tells of guests')
    test.ok(all('kvm_x86_entry' in synced[synced.index(line) + 1] and
                'tid = %d,' % tid in line for line, tid in ((made[1], 101), (made[3], 103))) and
            len(synced) == len(lines) + 4, 'by the thread that enters')
    host_only = run(TOOL, 'export', '--vm', 'host', path, ctf + '-host')
    test.ok(host_only.returncode == 0 and 'metadata' in os.listdir(ctf + '-host') and
            run('babeltrace2', ctf + '-host').stdout.count(' iron ') ==
            sum(line.startswith('iron ') for line in lines), 'the host alone', host_only.stderr)
    done = run(TOOL, 'export', '--vm', 'web', path, ctf + '-web')
    one = run('babeltrace2', ctf + '-web')
    test.ok(done.returncode == 0 and one.stdout.count('web numbered') == len(
        one.stdout.splitlines()) == sum(line.startswith('web ') for line in lines) and
        'host_cpu_id = 3' in one.stdout, 'of one VM too it is said where it ran', one.stdout)


def trace_properties(test, scratch):
    """What readers of kernel traces look for."""
    path = make_recording(scratch, 'properties')
    ctf = path + '-ctf'
    run(TOOL, 'export', path, ctf)
    with open(os.path.join(ctf, 'metadata'), encoding='utf-8', errors='replace') as f:
        metadata = f.read()
    for what in ('hostname = "guest"', 'domain = "kernel"', 'tracer_name = "lttng-modules"',
                 'kernel_release = "6.12.0-fixture"', 'name = monotonic', 'freq = 1000000000',
                 '6e29bb2b-14e3-4fe8-8a4b-7a9c1f2d3e4f', 'cpu_id', 'procname'):
        test.ok(what in metadata, 'the trace has: ' + what, metadata[:2000])
    offset = re.search(r'offset_s = (\d+)', metadata)
    test.ok(offset and offset.group(1) == '1700000000', 'the clock has its offset')


# What a hostile guest may send: recordings written packet by packet.

COMMON = ('\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n'
          '\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n')
METADATA, FTRACE = 2, 1
META_FORMAT, META_TASKS, META_PRINTK_FORMATS = 5, 7, 8
EVENT_ID = 9


def packet(kind, stream, content, events=0):
    size = (128 + len(content) + 127) // 128 * 128
    cpu = 0xffffffff if kind == METADATA else 0
    head = struct.pack('<IHHIIIIIIQQQQQQ', 0x54485650, 128, kind, stream, cpu, 1, 1, 0, 0,
                       0, size, len(content), 1000, 2000, events)
    return (head.ljust(128, b'\0') + content).ljust(size, b'\0')


def meta(kind, payload):
    return struct.pack('<IIQ', kind, len(payload), 0) + payload + bytes(-len(payload) % 8)


def event_format(system, name, fields, shown='""'):
    """FIELDS: the type with the name, the offset, and the size of each."""
    lines = ''.join('\tfield:%s;\toffset:%d;\tsize:%d;\tsigned:0;\n' % field for field in fields)
    text = 'name: %s\nID: %d\nformat:\n%s\n%s\nprint fmt: %s\n' % (name, EVENT_ID, COMMON, lines,
                                                                shown)
    return meta(META_FORMAT, system.encode() + b'\0' + text.encode())


def hostile_recording(path, metadata, *events):
    """EVENTS: the pid and the fields of each, of EVENT_ID; the fields begin at 8."""
    ring = b''
    for pid, fields in events:
        data = struct.pack('<HHi', EVENT_ID, 0, pid) + fields
        data += bytes(-len(data) % 4)
        ring += (struct.pack('<I', len(data) // 4) if len(data) <= 112 else
                 struct.pack('<II', 0, len(data) + 4)) + data
    guest = os.path.join(path, 'vm', '1.1')
    os.makedirs(guest)
    for name, content in (
            ('recording.ini', b'[recording]\nversion=1\ntool=test\nboot_id=\nhostname=h\nrelease=r\n'
             b'start_mono_ns=1\nstart_real_ns=1\n'),
            ('vm/vm.ini', b'[vm]\nname=vm\nuuid=\nvmm=none\npid=1\nstart_mono_ns=1\n'
             b'start_real_ns=1\ncounter_kind=0\ncounter_hz=0\nregion_size=1\n'),
            ('vm/1.1/metadata', packet(METADATA, 32, metadata)),
            ('vm/1.1/ftrace.x-cpu0', packet(FTRACE, 33, struct.pack('<QQ', 1000, len(ring)) + ring,
                                            len(events)))):
        with open(os.path.join(path, name), 'wb') as f:
            f.write(content)
    return path


def view_bytes(*argv):
    """The lines of a hostile recording: it must not take long, nor much."""
    done = subprocess.run([TOOL, 'view', *argv], capture_output=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout


def control_bytes(test, scratch):
    """Names and texts that would end a line, or drive a terminal."""
    metadata = meta(META_TASKS, b'7 \x1b]0;p\x07\x1b[31mX\n9 \xc2\x9b\xc3\xa4\x9c\n')
    metadata += event_format('sched', 'sched_switch', (
        ('char prev_comm[16]', 8, 16), ('pid_t prev_pid', 24, 4), ('char next_comm[16]', 28, 16),
        ('pid_t next_pid', 44, 4), ('char text[8]', 48, 8)))

    def switch(prev, prev_pid, following, next_pid, text):
        return struct.pack('<16si16si8s', prev, prev_pid, following, next_pid, text)

    path = hostile_recording(
        os.path.join(scratch, 'control'), metadata,
        (7, switch(b'', 0, b'a\nb\xc2\x9b31m\x7f', 8, b'\xc2\x9b1m')),
        (8, switch(b'', 0, b'', 0, b'\xc3\xa4\x90')), (9, switch(b'', 0, b'', 0, b'plain')))
    got = view_bytes('--raw', path)
    want = (b'?]0;p??[31mX-7 sched_switch: ', b'text = "??1m" }',
            b'a?b??31m?-8 sched_switch: ', b'text = "\xc3\xa4?" }',
            b'??\xc3\xa4?-9 sched_switch: ', b'text = "plain" }')
    lines = got.split(b'\n')
    test.ok(len(lines) == 4 and not lines[-1] and
            all(want[2 * i] in lines[i] and lines[i].endswith(want[2 * i + 1]) for i in range(3)),
            'view cleans names and texts of a guest', got)
    test.ok(not re.search('[\0-\x09\x0b-\x1f\x7f-\x9f\ufffd]', got.decode(errors='replace')),
            'no control character is left', got)
    test.equal(view_bytes('--raw', '--tail', '9', path), got, 'nor with --tail')


def bprint_recording(path, texts, fields, count=1):
    """COUNT times trace_printk() with the first of TEXTS, which are at 0x1000, 0x1001..."""
    metadata = meta(META_PRINTK_FORMATS, b''.join(b'%#x : "%s"\n' % (0x1000 + i, text)
                                                  for i, text in enumerate(texts)))
    metadata += event_format('ftrace', 'bprint', (
        ('unsigned long ip', 8, 8), ('const char * fmt', 16, 8), ('u32 buf[]', 24, 0)),
        '"%ps: %s", (void *)REC->ip, REC->fmt')
    return hostile_recording(path, metadata, *[(7, struct.pack('<QQ', 0, 0x1000) + fields)] * count)


def wide_printk(test, scratch):
    """A format that asks for a hundred million columns, many times."""
    path = bprint_recording(os.path.join(scratch, 'wide'), [b'%99999999d' * 90 + b'%.99999999x|'],
                            struct.pack('<I', 5), count=20)
    got = view_bytes(path)
    test.ok(got.count(b'message = "%s" }\n' % (b'%64d' % 5 + (b'%64d' % 0) * 89 + b'0' * 64 +
                                              b'|')) == 20,
            'a printk that is too wide is made narrow', got)


def big_event(test, scratch):
    """Fields that all are the same 64 KB, and addresses with a name of a KB each."""
    fields, size = 16, 65500
    path = hostile_recording(
        os.path.join(scratch, 'big'),
        meta(META_PRINTK_FORMATS, b'0x41414141 : "' + b'x' * 1000 + b'"\n') +
        event_format('test', 'big', [('__data_loc u32[] f%d' % i, 8, 4) for i in range(fields)],
                     '"' + '%pS ' * fields + '"' + ''.join(', REC->f%d' % i for i in range(fields))),
        (7, struct.pack('<I', size << 16 | 12) + b'A' * size))
    got = view_bytes(path)
    test.ok(2**20 < len(got) < 2**20 + 100 and got.endswith(b'...\n') and got.count(b'\n') == 1,
            'an event has a line of 1 MiB at most', '%d %s' % (len(got), got[-100:]))
    test.ok(b', f0_symbol = "' + b'x' * 1000 + b' ' in got and
            b'xxx...", _f1_length = 16375, f1 = [ ' in got, 'and a field 64 KiB of names')
    ctf = path + '-ctf'
    done = run(TOOL, 'export', path, ctf, timeout=60)
    found = sum(os.path.getsize(os.path.join(ctf, name)) for name in os.listdir(ctf))
    test.ok(done.returncode == 0 and found < fields * (size + 2**16) + 2**17,
            'in a CTF trace too', '%d %s' % (found, done.stderr))
    path = bprint_recording(os.path.join(scratch, 'names'),
                            [b'%pS' * 300, b'y' * 1000], struct.pack('<Q', 0x1001) * 300)
    got = view_bytes(path)
    test.ok(re.search(b'message = "y{65533}\\.\\.\\." }\n$', got),
            'and a message of 64 KiB', '%d %s' % (len(got), got[-100:]))


def commands(test):
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        for part in (choice, refuse, losses, two_vms, host, host_ctf, trace_properties,
                     control_bytes, wide_printk, big_event):
            part(test, scratch)


if __name__ == '__main__':
    tap.main(commands)
