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
PROGRAMS = ('/usr/bin/lttng', '/usr/bin/lttng-sessiond', '/bin/kmod')
FILES = (CONSUMER, '/lib/x86_64-linux-gnu/libgcc_s.so.1', '/usr/share/xml/lttng/session.xsd')
PROBES = 'sched,irq,timer,printk,statedump'
DISK_SIZE = 1 << 30
PIDFILE = '/run/lttng/lttng-sessiond.pid'


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
        """The exit status of one command, and what it printed."""
        text = self.sh('lttng --no-sessiond %s; echo "status=$?"' % command)
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


# LTTng's packets

PACKET = struct.Struct('<I16sIQQQQQQQI')
Packet = collections.namedtuple('Packet', 'magic uuid stream instance begin end content_size packet_size '
                                          'sequence discarded cpu data')


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

META_SESSION, META_TEXT, PACKET_LTTNG = 11, 12, 6
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
