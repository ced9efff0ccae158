#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
"""What a guest can say of its LTTng to hinder who reads it: names that are other sessions' or
files', and packets of which none can be read. The recordings are made here, byte by byte."""

import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get('HYPERTRACE_BUILD', os.path.join(TOP, 'build', 'host'))
TOOL = os.path.join(BUILD, 'host-tools', 'hypertrace')

# Of abi/virtio_hypertrace.h.
MAGIC, METADATA, LTTNG, SESSION, TEXT = (None,) * 5
NAMES = {'MAGIC': 'VHT_PACKET_MAGIC', 'METADATA': 'VHT_PACKET_METADATA', 'LTTNG': 'VHT_PACKET_LTTNG',
         'SESSION': 'VHT_META_LTTNG_SESSION', 'TEXT': 'VHT_META_LTTNG_TEXT'}

RECORDING = '''[recording]
version=1
tool=test
boot_id=
hostname=h
release=r
start_mono_ns=1
start_real_ns=1
end_mono_ns=2
complete=true
'''
VM = '''[vm]
name=vm
uuid=
vmm=none
pid=1
start_mono_ns=1
start_real_ns=1
counter_kind=0
counter_hz=0
region_size=1
'''
DECLARATIONS = '''/* CTF 1.8 */
typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
typealias integer { size = 64; align = 8; signed = false; } := unsigned long;
trace { major = 1; minor = 8; uuid = "%s"; byte_order = le;
packet.header := struct { uint32_t magic; uint8_t uuid[16]; uint32_t stream_id; uint64_t stream_instance_id; }; };
clock { name = "monotonic"; freq = 1000000000; offset = 0; };
typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := uint64_clock_monotonic_t;
struct packet_context { uint64_clock_monotonic_t timestamp_begin; uint64_clock_monotonic_t timestamp_end;
uint64_t content_size; uint64_t packet_size; uint64_t packet_seq_num; unsigned long events_discarded;
uint32_t cpu_id; };
struct event_header { uint32_t id; uint64_clock_monotonic_t timestamp; };
'''
CHANNEL = '''stream { id = %(id)u; event.header := struct event_header; packet.context := struct packet_context; };
event { name = "e"; id = 0; stream_id = %(id)u; fields := struct { uint32_t number; }; };
'''


def constants():
    with open(os.path.join(TOP, 'abi', 'virtio_hypertrace.h'), encoding='utf-8') as header:
        text = header.read()
    for name, long in NAMES.items():
        found = re.search(r'^(?:#define\s+%s\s+|\s*%s\s*=\s*)(0x[0-9a-fA-F]+|\d+)' % (long, long), text, re.M)
        globals()[name] = int(found[1], 0)


def outer(kind, content, sequence, stream, times=(0, 0)):
    """A packet of the region's."""
    size = (128 + len(content) + 127) // 128 * 128
    head = struct.pack('<IHHIIIIII', MAGIC, 128, kind, stream, 0 if kind == LTTNG else 0xffffffff, 1, 1, 0, 0)
    head += struct.pack('<QQQQQQQQQ', sequence, size, len(content), *times, 0, 0, 0, 0)
    return (head.ljust(128, b'\0') + content).ljust(size, b'\0')


def record(kind, payload):
    return struct.pack('<IIQ', kind, len(payload), 0) + payload + b'\0' * (-len(payload) % 8)


def times_of(sequence):
    return 1 + sequence * 10, 9 + sequence * 10


def packet(session, channel, sequence, number, event):
    """A packet of LTTng's with one event."""
    body = struct.pack('<IQI', event, 5 + sequence * 10, number)
    size = (84 + len(body)) * 8
    return struct.pack('<I16sIQ', 0xc1fc1fc1, session, channel, 0) + struct.pack(
        '<QQQQQQI', *times_of(sequence), size, size, sequence, 0, 0) + body


class Recording:
    """Sessions of one VM: session() and take(), then write()."""

    def __init__(self, path):
        self.path, self.records, self.packets = path, b'', []

    def session(self, number, name, channels):
        ident = bytes([number]) * 16
        text = DECLARATIONS % uuid.UUID(bytes=ident) + ''.join(CHANNEL % {'id': i} for i in channels)
        keys = 'name=%s\n' % name + ''.join('channel.%d=discard %s\n' % pair for pair in channels.items())
        self.records += record(SESSION, ident + keys.encode())
        self.records += record(TEXT, struct.pack('<16sIIQ', ident, 0, 0, 0) + text.encode())
        return ident

    def take(self, session, channel, sequence, number, event=0):
        content = packet(session, channel, sequence, number, event)
        self.packets.append(outer(LTTNG, content, len(self.packets), 33, times_of(sequence)))

    def write(self):
        os.makedirs(self.path + '/vm/1.1')
        for name, data in (('recording.ini', RECORDING.encode()), ('vm/vm.ini', VM.encode()),
                           ('vm/1.1/metadata', outer(METADATA, self.records, 0, 32)),
                           ('vm/1.1/lttng-cpu0', b''.join(self.packets))):
            with open(os.path.join(self.path, name), 'wb') as out:
                out.write(data)
        return self.path


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, errors='replace', check=False)


def export(test, recording):
    out = recording + '.ctf'
    done = run(TOOL, 'export', recording, out)
    test.equal(done.returncode, 0, 'export')
    return out + '/vm@lttng', done.stderr


def numbers(path):
    """Of the events that babeltrace2 reads."""
    return sorted(int(n) for n in re.findall(r'number = (\d+)', run('babeltrace2', path).stdout))


def sessions(test, scratch):
    """One of a session's packets cannot be read, and another session is called as a place to try that."""
    for order in (('a.sift', 'a'), ('a', 'a.sift')):
        made = Recording(os.path.join(scratch, 'sessions-' + order[0]))
        for number, name in enumerate(order + ('.sift',)):
            ident = made.session(number + 1, name, {0: 'c'})
            for i in range(3):
                made.take(ident, 0, i, number * 10 + i, event=999 if i == 1 and name == 'a' else 0)
        out, told = export(test, made.write())
        test.equal(sorted(os.listdir(out)), ['_sift', 'a', 'a.sift'], 'sessions %s: both are there, and nothing else'
                   % ', '.join(order))
        test.equal(numbers(out + '/a.sift'), [i + 10 * order.index('a.sift') for i in range(3)], 'all of a.sift')
        test.equal(numbers(out + '/a'), [i + 10 * order.index('a') for i in (0, 2)], 'and of a what can be read')
        test.ok('session=a: packets left out, as they cannot be read with the metadata that came: 1\n' in told,
                'which is told', told)
        shown = run(TOOL, 'view', made.path)
        test.equal((shown.returncode, shown.stdout.count(' lttng e: ')), (0, 8), 'view shows them')


def channels(test, scratch):
    """A channel is called as the file of another one would be."""
    for names in ({3: 'x', 4: 'x.5', 5: 'x'}, {3: 'x', 4: 'x', 5: 'x.4', 6: 'x.4', 7: 'x.4_0.2', 8: 'x.6_0'}):
        made = Recording(os.path.join(scratch, 'channels-%d' % len(names)))
        ident = made.session(1, 's', names)
        for i, channel in enumerate(names):
            made.take(ident, channel, 0, i)
        out, _ = export(test, made.write())
        test.equal(len(os.listdir(out + '/s')), len(names) + 1, 'channels %s: a file for each' % list(names.values()))
        test.equal(numbers(out + '/s'), list(range(len(names))), 'the events of all are there')


def unreadable(test, scratch):
    """Thousands of packets that cannot be read cost no more than some hundred: each takes two processes."""
    count, first, bound = 8000, 100, 60
    made = Recording(os.path.join(scratch, 'unreadable'))
    good = made.session(1, 'good', {0: 'c'})
    bad = made.session(2, 'bad', {0: 'c'})
    made.session(3, 'last', {0: 'c'})
    made.take(good, 0, 0, 7)
    for i in range(first + count):
        made.take(bad, 0, i, i, event=0 if i < first else 999)
    made.take(b'\3' * 16, 0, 0, 8)
    path = made.write()
    begin = time.monotonic()
    out, told = export(test, path)
    took = time.monotonic() - begin
    test.ok(took < bound, 'export takes %.1f s' % took)
    test.equal(numbers(out + '/good'), [7], 'a session before that is there')
    test.equal(numbers(out + '/bad'), list(range(first)), 'and the packets before that')
    for words in ('session=bad: packets left out, as they cannot be read with the metadata that came: %d\n' % count,
                  'session=bad: some of these may not have been tried: too much of this VM\'s cannot be read\n',
                  'session=last: it is left out: too much of this VM\'s cannot be read\n'):
        test.ok(words in told, 'told: ' + words.strip(), told)
    test.equal(sorted(os.listdir(out)), ['bad', 'good'], 'nothing else is there')
    begin = time.monotonic()
    done = run(TOOL, 'check', path)
    took = time.monotonic() - begin
    test.ok(took < bound, 'check takes %.1f s' % took)
    test.ok('packets that cannot be decoded: %d' % count in done.stdout, 'and counts them', done.stdout)


def main():
    constants()
    test = tap.Tap()
    with tempfile.TemporaryDirectory() as scratch:
        tap.each(test, (sessions, channels, unreadable), scratch)
    return test.done()


if __name__ == '__main__':
    sys.exit(main())
