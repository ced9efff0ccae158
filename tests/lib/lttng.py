# SPDX-License-Identifier: GPL-2.0-only
"""Test guests with stock lttng-tools, LTTng's kernel tracer and our part of it.

    with lttng.Guest(directory, kernel='6.1') as guest:
        guest.ready()
        guest.start_daemon()
        guest.lttng('create hypertrace-a --no-output', 'enable-event -k sched_switch', 'start')
        guest.sh('workload mix 100')
        guest.lttng('destroy -a')

The modules lie where modprobe finds them, with the modprobe.d that would be installed:
the daemon loads what it needs. What a stock session wrote in the guest is brought here
by guest.take(). Packets of LTTng are read by a parser of this file.
"""

import collections
import os
import re
import struct
import subprocess
import tarfile

import vm

CONSUMER = '/usr/lib/x86_64-linux-gnu/lttng/libexec/lttng-consumerd'
PROGRAMS = ('/usr/bin/lttng', '/usr/bin/lttng-sessiond')
FILES = (CONSUMER, '/lib/x86_64-linux-gnu/libgcc_s.so.1', '/usr/share/xml/lttng/session.xsd')
PROBES = 'sched,irq,timer,printk,statedump'
DISK_SIZE = 1 << 30
PIDFILE = '/run/lttng/lttng-sessiond.pid'
EDGE = 16       # events that an interrupt makes, at most


def initramfs(kernel, directory, programs=(), modules=None):
    """Like vm.initramfs(), with LTTng. MODULES: what build-aux/lttng made, if not build/'s."""
    out = os.path.join(directory, 'initramfs-lttng-' + kernel)
    if os.path.exists(out):
        return out
    modules = modules or os.path.join(vm.BUILD, 'lttng-' + kernel)
    args = [os.path.join(vm.TOP, 'tests/guest/initramfs'), os.path.join(vm.BUILD, 'kernel-' + kernel), out,
            '-m', os.path.join(modules, 'modules/virtio_hypertrace.ko'), '-l', modules, '-k', 'virtio_blk']
    for program in (os.path.join(vm.BUILD, 'workload'), *PROGRAMS, *programs):
        args += ['-p', program]
    for file in FILES:
        args += ['-f', file]
    subprocess.run(args, check=True)
    return out


def headers(kernel):
    """Where the headers of a kernel lie."""
    with open(os.path.join(vm.BUILD, 'kernel-' + kernel, 'release')) as file:
        release = file.read().strip()
    return next(path for path in ('/lib/modules/%s/build' % release, '/usr/src/linux-headers-' + release)
                if os.path.exists(os.path.join(path, 'Makefile')))


class Guest(vm.Guest):
    """A test guest with LTTng; options are those of vm.Guest.

    programs    more for the guest's /bin
    modules     a directory as build-aux/lttng makes it, if not the one in build/
    """

    def __init__(self, directory, name='vm', kernel='6.12', extra=(), programs=(), modules=None, memory='768M',
                 initrd=None, **options):
        self.disk = os.path.join(directory, name + '.disk')
        with open(self.disk, 'wb') as file:
            file.truncate(DISK_SIZE)
        self.taken = 0
        self.directory = directory
        super().__init__(directory, name, kernel, memory=memory,
                         initrd=initrd or initramfs(kernel, directory, programs, modules),
                         # random numbers at once: the daemon asks for some before anything else
                         extra=['-cpu', 'qemu64,+rdrand',
                                '-drive', 'file=%s,format=raw,if=none,id=out,cache=unsafe' % self.disk,
                                '-device', 'virtio-blk-pci,drive=out', *extra], **options)

    def ready(self, bound=vm.BOUND):
        super().ready(bound)
        self.sh('mkdir -p /var /dev/shm /etc && ln -sfn /run /var/run && mount -t tmpfs shm /dev/shm && '
                'mount -t tmpfs tmp /tmp && echo root:x:0:0:root:/:/bin/sh >/etc/passwd && '
                'echo tracing:x:1: >/etc/group')
        return self

    # its session daemon

    def start_daemon(self, options='', probes=PROBES, check=True):
        """Start the session daemon; it is ready when this returns. PROBES: for which events."""
        return self.sh('lttng-sessiond --daemonize --kmod-probes=%s %s >/tmp/sessiond.log 2>&1 || '
                       '{ cat /tmp/sessiond.log; false; }' % (probes, options), check=check)

    def daemon(self):
        """The daemon's process."""
        return int(self.sh('cat ' + PIDFILE))

    def end_daemon(self, how='TERM', bound=vm.BOUND):
        """Send the daemon a signal and wait until it and its consumers are gone."""
        self.sh('pid=$(cat %s); kill -%s $pid; while [ -d /proc/$pid ] || pidof lttng-consumerd lttng-sessiond '
                '>/dev/null; do usleep 20000; done; rm -f %s' % (PIDFILE, how, PIDFILE), bound)

    def lttng(self, *commands, check=True, bound=vm.BOUND):
        """Run commands of lttng, one after the other; return what they printed."""
        return self.sh(' && '.join('lttng --no-sessiond ' + command for command in commands), bound, check)

    def status(self, command):
        """The exit status of one command of lttng, and what it printed."""
        return self.try_sh('lttng --no-sessiond ' + command)

    def try_sh(self, command):
        """The exit status of a command, and what it printed."""
        text = self.sh('%s; echo "status=$?"' % command)
        found = re.search(r'status=(\d+)\n$', text)
        return int(found.group(1)), text[:found.start()]

    def modules(self):
        """What is loaded of LTTng and of ours: {module: references}."""
        found = {}
        for line in self.sh('cat /proc/modules').splitlines():
            words = line.split()
            if re.match(r'(lttng|vht|virtio_hypertrace)', words[0]):
                found[words[0]] = int(words[2])
        return found

    # what it wrote

    def take(self, path):
        """Bring a directory of the guest here."""
        self.sh('tar -C %s -cf - . | dd of=/dev/vda bs=64k conv=fsync 2>/dev/null' % path, bound=300)
        self.taken += 1
        out = os.path.join(self.directory, '%s.taken-%d' % (self.name, self.taken))
        with tarfile.open(self.disk, 'r:') as tar:
            tar.extractall(out)
        return out


# Its events, by babeltrace2 and by hypertrace view: (ns of CLOCK_MONOTONIC, cpu, name, text)

VIEWED = re.compile(r'(\d+)\.(\d{9}) (?:\S+ +)?\[(\d+)\] (?:\S+ +)?lttng (\S+): (\{.*)$')


def clock_offset(recording):
    """How far the host's CLOCK_REALTIME is before CLOCK_MONOTONIC, as a recording has it."""
    with open(os.path.join(recording, 'recording.ini')) as file:
        start = dict(line.rstrip('\n').split('=', 1) for line in file if '=' in line)
    return int(start['start_real_ns']) - int(start['start_mono_ns'])


def exported_events(path, offset):
    """Of a set of traces. OFFSET: clock_offset() of the recording."""
    return [(event.ns - offset, event.cpu, event.name, re.sub(r'^\{ cpu_id = \d+ \}, ', '', event.text))
            for event in vm.ctf(path)]


def viewed_events(lines):
    """Of lines of view, in their order."""
    return [(int(match.group(1)) * 10**9 + int(match.group(2)), int(match.group(3)), match.group(4), match.group(5))
            for match in map(VIEWED.match, lines) if match]


# LTTng's packets

PACKET = struct.Struct('<I16sIQQQQQQQI')


class Packet(collections.namedtuple('Packet', 'magic uuid stream instance begin end content_size packet_size '
                                              'sequence discarded cpu data')):
    """One packet; sizes are in bits, DATA is all of it."""

    def is_empty(self):
        return self.content_size == PACKET.size * 8

    def __repr__(self):
        return 'Packet(cpu %d, number %d, %d to %d)' % (self.cpu, self.sequence, self.begin, self.end)


def packets(data):
    """The packets of a stream file (its path, or what is in it)."""
    if isinstance(data, str):
        with open(data, 'rb') as file:
            data = file.read()
    at = 0
    while at < len(data):
        fields = PACKET.unpack_from(data, at)
        size = fields[7] // 8
        if fields[0] != 0xc1fc1fc1 or size < PACKET.size or at + size > len(data):
            raise ValueError('no packet of LTTng at %d: %r' % (at, fields))
        yield Packet(*fields, data[at:at + size])
        at += size


def stream_files(trace):
    """The stream files of a kernel trace: {name: path}."""
    found = {}
    for directory, _, names in os.walk(trace):
        for name in names:
            if re.search(r'_\d+(_\d+)?$', name) and '/index' not in directory:
                found[name] = os.path.join(directory, name)
    return found


def kernel_trace(path):
    """The directory of the one kernel trace below a directory."""
    found = [directory for directory, _, names in os.walk(path) if 'metadata' in names]
    if len(found) != 1:
        raise RuntimeError('%d traces below %s: %s' % (len(found), path, found))
    return found[0]


def events(path, *options):
    """The events of a trace, as vm.ctf() gives them."""
    return list(vm.ctf(path, *options))


# What a recording holds of it, put together here from its packets, without hypertrace

META_SESSION, META_TEXT, PACKET_LTTNG, SOURCE = 11, 12, 6, 5
TEXT = struct.Struct('<16sIIQ')


class Session:
    """An exported session as a recording has it.

    keys        what VHT_META_LTTNG_SESSION says
    text        the metadata's text
    files       {(LTTng's number of the channel, cpu): its packets}
    """

    def __init__(self, uuid):
        self.uuid = uuid
        self.keys = {}
        self.version = 0
        self.pieces = {}
        self.files = collections.defaultdict(bytearray)

    @property
    def name(self):
        return self.keys.get('name')

    @property
    def text(self):
        text = b''
        for offset in sorted(self.pieces):
            if offset > len(text):
                raise ValueError('session %s: a gap in its text at %d' % (self.name, len(text)))
            text = text[:offset] + self.pieces[offset]
        return text

    def add_text(self, version, offset, piece):
        if version > self.version:
            self.version, self.pieces = version, {}
        if version == self.version:
            # another set tells it again, perhaps in other pieces
            if len(piece) >= len(self.pieces.get(offset, b'')):
                self.pieces[offset] = piece

    def packets(self):
        """All packets: {(channel, cpu): [Packet]}."""
        return {key: list(packets(bytes(data))) for key, data in self.files.items()}

    def write(self, out):
        """Lay it out as a trace that babeltrace2 reads."""
        os.makedirs(out)
        with open(os.path.join(out, 'metadata'), 'wb') as file:
            file.write(b'/* CTF 1.8 */\n' + self.text)
        for (channel, cpu), data in self.files.items():
            with open(os.path.join(out, 'channel%d_%d' % (channel, cpu)), 'wb') as file:
                file.write(data)
        return out


def sessions(recording, name='vm'):
    """The exported sessions in a recording: {name: [Session]}, in the order they came."""
    found = {}
    for (_, stream), path in sorted(vm.recording_streams(recording, name).items()):
        if stream == 'metadata':
            for kind, _, payload in vm.metadata(path):
                uuid = payload[:16]
                if kind == META_SESSION:
                    session = found.setdefault(uuid, Session(uuid))
                    session.keys.update(line.split('=', 1) for line in
                                        payload[16:].decode('utf-8', 'replace').splitlines() if '=' in line)
                elif kind == META_TEXT:
                    uuid, version, _, offset = TEXT.unpack_from(payload)
                    found.setdefault(uuid, Session(uuid)).add_text(version, offset, payload[TEXT.size:])
    for (_, stream), path in sorted(vm.recording_streams(recording, name).items()):
        if not stream.startswith('lttng-cpu'):
            continue
        for header, content in vm.packets(path):
            if header['type'] == PACKET_LTTNG:
                for packet in packets(content):
                    found.setdefault(packet.uuid, Session(packet.uuid)).files[
                        (packet.stream, packet.instance)] += packet.data
    named = collections.defaultdict(list)
    for session in found.values():
        named[session.name].append(session)
    return named


def unload(guest):
    """Unload what a daemon that has ended left loaded: ours, then what only we needed."""
    guest.sh('for m in vht_lttng vht_lttng_clock; do modprobe -r $m; done 2>/dev/null; for i in 1 2 3 4; do '
             "for m in $(awk '/^lttng/ { print $1 }' /proc/modules); do rmmod $m; done; done 2>/dev/null; true")


# Judging


def problems(text, streams, first=None):
    """What is wrong with the packets of one trace, whoever wrote it.

    TEXT is its metadata, STREAMS {(channel, cpu): [Packet]}. FIRST: the sequence number that each
    begins with, if that is known.
    """
    found = []
    uuid = re.search(rb'uuid = "([-0-9a-f]+)"', text)
    for (channel, cpu), chain in sorted(streams.items()):
        what = 'channel %d cpu %d: ' % (channel, cpu)
        before = None
        for number, packet in enumerate(chain):
            at = what + 'packet %d: ' % number
            if not uuid or packet.uuid.hex() != uuid.group(1).decode().replace('-', ''):
                found.append(at + 'its uuid is not that of the metadata')
            if packet.begin > packet.end or (before and packet.begin < before.end):
                found.append(at + 'its time goes back')
            if not PACKET.size * 8 <= packet.content_size <= packet.packet_size:
                found.append(at + 'its sizes are %d, %d' % (packet.content_size, packet.packet_size))
            if packet.cpu != cpu or packet.instance != cpu or packet.stream != channel:
                found.append(at + 'it is of channel %d, CPU %d, %d' % (packet.stream, packet.cpu, packet.instance))
            wanted = before.sequence + 1 if before else first
            if wanted is not None and packet.sequence != wanted:
                found.append(at + 'its number is %d, not %d' % (packet.sequence, wanted))
            before = packet
    return found


def stream_packets(trace):
    """The packets of a trace's stream files: {(channel, cpu): [Packet]}."""
    found = {}
    for path in stream_files(trace).values():
        for packet in packets(path):
            found.setdefault((packet.stream, packet.instance), []).append(packet)
    return found


class Part(list):
    """Events from one mark to another, the marks included; before and after: those around it."""

    def __init__(self, chain, begin, end):
        super().__init__(chain[begin:end + 1])
        self.before, self.after = chain[max(begin - EDGE, 0):begin], chain[end + 1:end + 1 + EDGE]


def between(events, begin, end):
    """For each CPU, what lies between the first event with one text and the last with the other."""
    found = collections.defaultdict(list)
    for event in events:
        # A task that ended is a zombie (32) until its parent, on another CPU, makes it dead (16):
        # between the two probes, perhaps.
        text = re.sub(r'prev_state = (16|32),', 'prev_state = 16 or 32,', event.text) if event.name == 'sched_switch' else event.text
        found[event.cpu].append((event.name, text))
    parts = {}
    for cpu, chain in found.items():
        at = [index for index, (_, text) in enumerate(chain) if begin in text]
        to = [index for index, (_, text) in enumerate(chain) if end in text]
        parts[cpu] = Part(chain, at[0], to[-1]) if at and to else Part([], 0, 0)
    return parts


def without_edges(part, other):
    """Leave out what an interrupt between the two probes put on this side of a mark, and on that one in the other."""
    events = list(part)
    for count in range(EDGE, 0, -1):
        if events[1:1 + count] == other.before[-count:]:
            del events[1:1 + count]
            break
    for count in range(EDGE, 0, -1):
        if events[-1 - count:-1] == other.after[:count]:
            del events[-1 - count:-1]
            break
    return events


def compare(one, other):
    """Compare the events of one CPU in two sessions.

    Each session has a probe of its own, called one after the other; an interrupt between the
    two is told before the event in one session, and behind it in the other. So an event may lie
    behind a few others there; else all is the same. Returns (difference, such events).
    """
    one, other = without_edges(one, other), without_edges(other, one)
    at = to = nested = 0
    while at < len(one) and to < len(other):
        if one[at] == other[to]:
            at, to = at + 1, to + 1
            continue
        for first, second in ((one[at:at + 64], other[to:to + 64]), (other[to:to + 64], one[at:at + 64])):
            if first[0] in second:
                count = second.index(first[0])
                if second[:count] == first[1:1 + count]:
                    at, to, nested = at + count + 1, to + count + 1, nested + 1
                    break
        else:
            return 'at %d: %s\nbut at %d: %s' % (at, one[at:at + 3], to, other[to:to + 3]), nested
    if at < len(one) or to < len(other):
        return 'only one has at its end: %s %s' % (one[at:at + 3], other[to:to + 3]), nested
    return None, nested


def uuid_of(metadata):
    """The trace's uuid in metadata, in packets or as text."""
    return re.search(rb'uuid = "([-0-9a-f]+)"', metadata).group(1)


def marks(trace, cpu=None):
    """The numbers of the lines that `workload marker /proc/lttng-logger` wrote (on a CPU), in the
    order of the trace."""
    return [int(match.group(1)) for match in (
        re.search(r'number (\d+)', event.text) for event in vm.ctf(trace)
        if event.name == 'lttng_logger' and cpu in (None, event.cpu)) if match]


LOGGER = '/proc/lttng-logger'


def make_marks(guest, count, *cpus):
    """Make as many marks on each of these CPUs, at the same time."""
    guest.sh(' '.join('taskset -c %d workload marker %s %d & all="$all $!";' % (cpu, LOGGER, count) for cpu in cpus) +
             ' wait $all', bound=300)
