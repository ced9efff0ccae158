# SPDX-License-Identifier: GPL-2.0-only
"""Test guests and the host tools, driven from Python.

A Guest is QEMU with our device and a stock kernel whose init is tests/guest/init;
commands are run in it over its second serial port, and QEMU is reached over QMP.
A SystemdGuest is the same with Debian and systemd on a disk.
Whatever is waited for has a bound.
"""

import atexit
import collections
import glob
import json
import mmap
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, 'build')
HYPERTRACE = os.path.join(BUILD, 'host', 'host-tools', 'hypertrace')
PLUGIN_PATH = os.path.join(BUILD, 'host', 'host-tools', 'decode')
# Seconds: far above what anything here takes; in the lab all takes longer.
BOUND = 400 if 'HYPERTRACE_LAB' in os.environ else 120


class Timeout(Exception):
    """What was waited for did not come."""


def wait_for(what, condition, bound=BOUND, step=0.02):
    """Look until CONDITION() is true and return what it gave."""
    end = time.monotonic() + bound
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Timeout('waited %d s for %s' % (bound, what() if callable(what) else what))
        time.sleep(step)


def scratch():
    """A directory of this test program's own, in memory, gone at its end."""
    base = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    path = tempfile.mkdtemp(prefix='ht-', dir=base)
    atexit.register(shutil.rmtree, path, True)
    return path


_accel = {}


def accel(kernel):
    """What can run this kernel here: 'kvm' or 'tcg'."""
    forced = os.environ.get('HYPERTRACE_TEST_ACCEL')
    if forced:
        return forced
    if kernel not in _accel:
        _accel[kernel] = subprocess.run(
            [os.path.join(TOP, 'tests/guest/accel'), os.path.join(BUILD, 'qemu'),
             os.path.join(BUILD, 'kernel-' + kernel)],
            check=True, capture_output=True, text=True).stdout.strip()
    return _accel[kernel]


def initramfs(kernel, directory, programs=(), stock=(), module=None, files=()):
    """Make an initramfs with the driver, the workload and what is named."""
    out = os.path.join(directory, 'initramfs-' + kernel)
    args = [os.path.join(TOP, 'tests/guest/initramfs'), os.path.join(BUILD, 'kernel-' + kernel), out,
            '-m', module or os.path.join(BUILD, 'module-%s.ko' % kernel),
            '-p', os.path.join(BUILD, 'workload')]
    for program in programs:
        args += ['-p', program]
    for name in stock:
        args += ['-k', name]
    for name in files:
        args += ['-f', name]
    subprocess.run(args, check=True)
    return out


class Qmp:
    """A connection to QEMU's monitor."""

    def __init__(self, path, process):
        self.events = []
        self.buffer = b''
        self.socket = socket.socket(socket.AF_UNIX)

        def connect():
            if process.poll() is not None:
                raise RuntimeError('QEMU ended with status %d' % process.returncode)
            try:
                self.socket.connect(path)
                return True
            except OSError:
                return False
        wait_for('the monitor socket', connect)
        self.receive(BOUND)    # the greeting
        self.call('qmp_capabilities')

    def receive(self, bound):
        end = time.monotonic() + bound
        while b'\n' not in self.buffer:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                raise Timeout('waited %s s for the monitor' % bound) from None
            if not data:
                raise EOFError('the monitor closed')
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\n', 1)
        return json.loads(line)

    def call(self, command, bound=60, **arguments):
        request = {'execute': command}
        if arguments:
            request['arguments'] = {key.replace('_', '-'): value for key, value in arguments.items()}
        self.socket.settimeout(bound)
        self.socket.sendall(json.dumps(request).encode())
        while True:
            answer = self.receive(bound)
            if 'event' in answer:
                self.events.append(answer)
            elif 'error' in answer:
                raise RuntimeError('%s: %s' % (command, answer['error'].get('desc')))
            elif 'return' in answer:
                return answer['return']

    def wait_event(self, name, bound=BOUND):
        """Wait for an event, from those not yet looked at on."""
        end = time.monotonic() + bound
        while True:
            for index, event in enumerate(self.events):
                if event['event'] == name:
                    del self.events[:index + 1]
                    return event
            message = self.receive(max(0.01, end - time.monotonic()))
            if 'event' in message:
                self.events.append(message)

    def hmp(self, line):
        return self.call('human-monitor-command', **{'command-line': line})


class Region:
    """The region's file, read as the ABI lays it out (for what tests look at)."""

    HOST = struct.Struct('<QIIQQQQIIQIIIIQQQ16s16s64s64sIIII')
    HOST_NAMES = ('magic version header_size features region_size guest_offset host_stream_offset '
                  'host_stream_count stream_size consumer_offset consumer_count consumer_size pid '
                  'counter_kind counter_hz start_mono_ns start_real_ns uuid boot_id name vmm epoch '
                  'reader reader_pid alive').split()
    GUEST = struct.Struct('<QIIQIIIIQIIQ')
    GUEST_NAMES = ('magic version header_size features epoch generation state stream_count '
                   'stream_offset stream_size slice_count slice_offset').split()
    STREAM = struct.Struct('<IHHIIQQ32sQQQQQQQ')
    STREAM_NAMES = ('id source flags cpu clock ring_offset ring_size name head begin packets events '
                    'events_lost overwritten drain_counter').split()
    SOURCES = {1: 'vmm', 2: 'metadata', 3: 'ftrace', 4: 'heartbeat'}

    def __init__(self, path):
        self.file = open(path, 'rb')
        self.map = mmap.mmap(self.file.fileno(), 0, prot=mmap.PROT_READ)

    def close(self):
        self.map.close()
        self.file.close()

    def host(self):
        return dict(zip(self.HOST_NAMES, self.HOST.unpack_from(self.map, 0)))

    def guest(self):
        return dict(zip(self.GUEST_NAMES, self.GUEST.unpack_from(self.map, self.host()['guest_offset'])))

    def streams(self):
        guest = self.guest()
        found = []
        if guest['magic'] != 0x5453455547505948:
            return found
        for index in range(guest['stream_count']):
            at = guest['stream_offset'] + index * guest['stream_size']
            stream = dict(zip(self.STREAM_NAMES, self.STREAM.unpack_from(self.map, at)))
            stream['name'] = stream['name'].rstrip(b'\0').decode()
            stream['source'] = self.SOURCES.get(stream['source'], stream['source'])
            found.append(stream)
        return found

    def tail(self, stream_id):
        host = self.host()
        return struct.unpack_from('<Q', self.map, host['consumer_offset'] + stream_id * host['consumer_size'])[0]


class Guest:
    """One virtual machine.

    kernel      '6.12' or '6.1'
    directory   where everything of it lies; its name is the VM's
    cpus        a number, or all of what -smp takes
    append      more kernel command line
    reboot      a reset resets, where else it would end QEMU
    device      more properties of the device (',size=8M')
    boot        QEMU's arguments for what is booted, in place of kernel, initrd and append
    """

    def __init__(self, directory, name='vm', kernel='6.12', cpus=2, machine='pc', memory='512M',
                 append='', device='', extra=(), initrd=None, accelerator=None, start=True,
                 shell=True, icount=None, has_device=True, reboot=False, boot=None):
        self.name, self.kernel = name, kernel
        self.run = os.path.join(directory, 'run')
        self.dir = os.path.join(self.run, name)
        self.work = os.path.join(directory, name + '.files')
        os.makedirs(self.run, exist_ok=True)
        os.makedirs(self.work, exist_ok=True)
        self.serial_path = os.path.join(self.work, 'serial')
        self.shell_path = os.path.join(self.work, 'shell')
        qmp_path = os.path.join(self.work, 'qmp')
        for path in (self.serial_path, self.shell_path, qmp_path):
            if os.path.exists(path):
                os.unlink(path)
        if not boot:
            # no_timer_check: on a busy host the kernel's test of its timer fails, and it panics
            line = 'console=ttyS0 quiet panic=-1 no_timer_check ' + append
            if shell:
                line += ' ht.shell'
            boot = ['-kernel', os.path.join(BUILD, 'kernel-' + kernel, 'vmlinuz'),
                    '-initrd', initrd or initramfs(kernel, self.work), '-append', line]
        args = [os.path.join(BUILD, 'qemu'), '-accel', accelerator or ('tcg' if icount else accel(kernel)),
                '-machine', machine, '-name', name, '-m', memory,
                '-smp', str(cpus),
                '-nodefaults', '-display', 'none',
                '-serial', 'file:' + self.serial_path,
                '-chardev', 'socket,id=shell,path=%s,server=on,wait=off' % self.shell_path,
                '-serial', 'chardev:shell',
                '-qmp', 'unix:%s,server=on,wait=off' % qmp_path, *boot]
        if has_device:
            args += ['-device', 'virtio-hypertrace,id=ht0,dir=%s%s' % (self.dir, device)]
        if icount is not None:
            args += ['-icount', icount]
        if not reboot:
            args.append('-no-reboot')
        args += list(extra)
        if not start:
            args.append('-S')
        self.log_path = os.path.join(self.work, 'qemu.log')
        self.args = args
        with open(self.log_path, 'w') as log:
            self.process = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.shell = None
        self.buffer = b''
        self.qmp = None
        self.qmp_path = qmp_path
        try:
            self.qmp = Qmp(qmp_path, self.process)
        except Exception:
            self.kill()
            raise RuntimeError('QEMU did not start: %s\n%s' % (self.log(), ' '.join(args))) from None
        self.shell = socket.socket(socket.AF_UNIX)
        self.shell.connect(self.shell_path)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.report()
        self.kill()

    def report(self):
        """Print what tells why a test failed with this guest: how QEMU is, its log, the console's end."""
        try:
            # it may be about to end
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            status = None
        parts = {'QEMU %s' % ('runs' if status is None else 'ended with status %d' % status): '',
                 'its log:': self.log()[-4000:], 'the console:': self.serial()[-8000:]}
        for title, text in parts.items():
            print('# guest %s, %s' % (self.name, title), flush=True)
            for line in text.splitlines():
                print('#   ' + line.rstrip('\r'), flush=True)

    # the console

    def log(self):
        with open(self.log_path, errors='replace') as file:
            return file.read()

    def serial(self):
        try:
            with open(self.serial_path, errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def console(self, key):
        """The values that the guest gave KEY in its lines `HT KEY=VALUE`."""
        return re.findall(r'^HT %s=(.*?)\r*$' % re.escape(key), self.serial(), re.M)

    def alive(self):
        return self.process.poll() is None

    def wait_console(self, key, bound=BOUND, count=1):
        def look():
            found = self.console(key)
            if len(found) >= count:
                return found
            if not self.alive():
                raise RuntimeError('QEMU ended (%s) before HT %s: %s\n%s' % (
                    self.process.returncode, key, self.log()[-1000:], self.serial()[-2000:]))
            return None
        return wait_for(lambda: 'HT %s= on the console; its end:\n%s' % (key, self.serial()[-2000:]),
                        look, bound)

    # commands in the guest

    def read_until(self, pattern, bound):
        end = time.monotonic() + bound
        while True:
            match = re.search(pattern, self.buffer)
            if match:
                before = self.buffer[:match.start()]
                self.buffer = self.buffer[match.end():]
                return before, match
            left = end - time.monotonic()
            if left <= 0:
                raise Timeout('waited %d s for %s; shell: %r; console:\n%s' % (
                    bound, pattern, self.buffer[-500:], self.serial()[-1500:]))
            self.shell.settimeout(left)
            try:
                data = self.shell.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise EOFError('the guest is gone: %s\n%s' % (self.log(), self.serial()[-1500:]))
            self.buffer += data

    def ready(self, bound=BOUND):
        """Wait until the guest serves commands."""
        self.read_until(rb'HT-READY\r?\n', bound)
        return self

    def start_sh(self, command):
        self.shell.sendall(command.encode() + b'\n')

    def finish_sh(self, bound=BOUND, check=True):
        out, match = self.read_until(rb'HT-STATUS (\d+)\r?\n', bound)
        text = out.decode(errors='replace').replace('\r\n', '\n')
        if check and match.group(1) != b'0':
            raise RuntimeError('in the guest: status %s: %s' % (match.group(1).decode(), text))
        return text

    def sh(self, command, bound=BOUND, check=True):
        """Run one line of sh in the guest; return what it printed."""
        self.start_sh(command)
        return self.finish_sh(bound, check)

    # its end

    def poweroff(self, bound=BOUND):
        self.shell.sendall(b'poweroff\n')
        return self.wait_end(bound)

    def wait_end(self, bound=BOUND):
        try:
            return self.process.wait(bound)
        except subprocess.TimeoutExpired:
            raise Timeout('waited %d s for the end of QEMU: %s' % (bound, self.serial()[-1500:])) from None

    def kill(self, how=signal.SIGKILL):
        if self.alive():
            self.process.send_signal(how)
        self.process.wait()

    # the device

    @property
    def region_path(self):
        return os.path.join(self.dir, 'region')

    def region(self):
        return Region(self.region_path)

    def fetch(self, path, disk):
        """Copy a file of the guest into DISK, the file behind its disk."""
        size = int(self.sh('dd if=%s of=/dev/vda bs=1M conv=fsync 2>/dev/null && stat -c %%s %s' % (path, path)))
        os.truncate(disk, size)

    def ring_stats(self, instance='hypertrace'):
        """ftrace's own count, per CPU: what was written, lost and read."""
        base = '/sys/kernel/tracing/' + ('instances/%s/' % instance if instance else '')
        text = self.sh('for f in %sper_cpu/cpu*/stats; do echo "@ $f"; cat $f; done' % base)
        stats = {}
        for part in text.split('@ ')[1:]:
            cpu = int(re.search(r'per_cpu/cpu(\d+)/', part).group(1))
            values = dict(re.findall(r'^([a-z ]+): (\d+)', part, re.M))
            stats[cpu] = {key: int(value) for key, value in values.items()}
        return stats


    def count_getppid(self, instance='hypertrace'):
        """Let the instance have one event for each getppid(), and nothing else."""
        self.sh('cd /sys/kernel/tracing/instances/%s && echo "id == 110" >events/raw_syscalls/sys_enter/filter'
                ' && echo 1 >events/raw_syscalls/sys_enter/enable' % instance)

    def wait_idle(self, cpus):
        """Wait until the guest has nothing to do but what it is told: for some seconds
        after its boot, and after a recorder attached, it is busy with itself."""
        self.sh("idle() { awk '{ print int($2 * 100) }' /proc/uptime; }; "
                'until a=$(idle); sleep 1; [ $(($(idle) - a)) -gt %d ]; do :; done' % (95 * cpus))

    def stop_tracing(self, instance='hypertrace'):
        self.sh('echo 0 >/sys/kernel/tracing/instances/%s/tracing_on' % instance)

    def streams(self, source='ftrace'):
        """The region's streams of a source, as they are now."""
        region = self.region()
        try:
            return [stream for stream in region.streams() if stream['source'] == source]
        finally:
            region.close()


_images = {}


def image(kernel='6.12'):
    """The directory of the systemd guest's image (build-aux/image), which is made if need be."""
    if kernel not in _images:
        built = os.path.join(BUILD, 'image-' + kernel)
        _images[kernel] = os.path.realpath(built) if os.path.exists(built) else subprocess.run(
            [os.path.join(TOP, 'build-aux/image'), kernel], check=True, stdout=subprocess.PIPE,
            text=True).stdout.strip()
    return _images[kernel]


def cpio(files):
    """An archive for behind an initramfs: {'path/in/it': bytes, or the path of a file}."""
    out = bytearray()
    ino = 1

    def entry(name, mode, data=b''):
        nonlocal ino
        ino += 1
        raw = name.encode() + b'\0'
        out.extend(b'070701' + b''.join(b'%08X' % value for value in (
            ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)))
        for part in (raw, data):
            out.extend(part)
            out.extend(b'\0' * (-len(out) % 4))

    made = set()
    for name, data in files.items():
        if isinstance(data, str):
            with open(data, 'rb') as file:
                data = file.read()
        parts = name.strip('/').split('/')
        for depth in range(1, len(parts)):
            directory = '/'.join(parts[:depth])
            if directory not in made:
                made.add(directory)
                entry(directory, 0o040755)
        entry('/'.join(parts), 0o100755, data)
    entry('TRAILER!!!', 0)
    return bytes(out)


INITRAMFS = {'initramfs-tools': 'initrd.img', 'dracut': 'initrd-dracut.img'}


class SystemdGuest(Guest):
    """One virtual machine with Debian and systemd (build-aux/image), on a disk that is
    never changed: what the guest writes is forgotten with QEMU.

        with vm.SystemdGuest(directory, cpus=4, boot='grub', firmware='ovmf') as guest:
            guest.ready()           # the shell serves commands; the boot goes on
            guest.booted()          # systemd has nothing left to start
            print(guest.sh('systemd-analyze'))
            guest.poweroff()        # as a user would; returns QEMU's exit status

    boot        'direct' (QEMU loads kernel and initramfs) or 'grub' (the disk's own)
    firmware    'seabios' or 'ovmf'
    machine     'pc' with SeaBIOS and 'q35' with OVMF, if not given
    append      more kernel command line; takes effect with GRUB too
    initramfs   who made it: 'initramfs-tools' or 'dracut', which has systemd in it (direct boot only)
    initrd_files  more files for the initramfs (direct boot only), see cpio():
                'ht-extra/NAME.ko' is loaded there, in order of the names, and
                'ht-extra/run/systemd/system/NAME' becomes a unit
    root        what the kernel mounts; a wrong one lets it panic
    options     those of Guest; to see all of a boot, start=False, a Recorder, go()
    """

    def __init__(self, directory, name='systemd', kernel='6.12', cpus=1, boot='direct', firmware='seabios',
                 machine=None, memory='1G', append='', initramfs='initramfs-tools', initrd_files=None,
                 root='LABEL=hypertrace', shell=True, extra=(), **options):
        where = image(kernel)
        work = os.path.join(directory, name + '.files')
        os.makedirs(work, exist_ok=True)
        line = 'root=%s ro console=ttyS0 quiet panic=-1 no_timer_check %s%s' % (
            root, append, ' ht.shell' if shell else '')
        args = ['-drive', 'file=%s,format=raw,if=none,id=disk,snapshot=on' % os.path.join(where, 'disk.raw'),
                '-device', 'virtio-blk-pci,drive=disk,bootindex=1']
        if firmware == 'ovmf':
            variables = os.path.join(work, 'variables')
            shutil.copy('/usr/share/OVMF/OVMF_VARS_4M.fd', variables)
            args += ['-drive', 'if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd',
                     '-drive', 'if=pflash,unit=1,format=raw,file=' + variables]
        if boot == 'grub':
            args += ['-smbios', 'type=11,value=' + line.replace(',', ',,')]
        else:
            initrd = os.path.join(where, INITRAMFS[initramfs])
            if initrd_files:
                longer = os.path.join(work, 'initrd.img')
                with open(initrd, 'rb') as old, open(longer, 'wb') as new:
                    shutil.copyfileobj(old, new)
                    new.write(b'\0' * (-new.tell() % 4) + cpio(initrd_files))
                initrd = longer
            args += ['-kernel', os.path.join(where, 'vmlinuz'), '-initrd', initrd, '-append', line]
        super().__init__(directory, name, kernel, cpus, memory=memory, extra=extra, boot=args,
                         machine=machine or ('q35' if firmware == 'ovmf' else 'pc'), **options)

    def go(self):
        """Let a guest begin that was made with start=False."""
        self.qmp.call('cont')
        return self

    def booted(self, bound=300):
        """Wait until systemd has finished the boot; return what it says of it: 'running'."""
        return self.sh('systemctl is-system-running --wait', bound, check=False).strip()

    def ready(self, bound=300):
        return super().ready(bound)


# The host tools


def tool(*args, check=True, bound=BOUND, runtime=None, stdin=None):
    """Run hypertrace to its end."""
    argv = [HYPERTRACE, *args]
    done = subprocess.run(argv, capture_output=True, timeout=bound, text=True, errors='replace',
                          stdin=stdin or subprocess.DEVNULL)
    if check and done.returncode:
        raise RuntimeError('%s: status %d: %s' % (' '.join(argv), done.returncode, done.stderr[-2000:]))
    return done


class Recorder:
    """A running `hypertrace record`."""

    def __init__(self, guest, out, *options, wait=True):
        self.out = out
        self.guest = guest
        self.log_path = out + '.log'
        self.argv = [HYPERTRACE, 'record', '--runtime-dir', guest.run, '-o', out, *options, guest.name]
        with open(self.log_path, 'w') as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if wait:
            self.wait_attached()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def log(self):
        with open(self.log_path, errors='replace') as file:
            return file.read()

    def wait_attached(self, bound=60):
        region = self.guest.region()
        try:
            def look():
                if self.process.poll() is not None:
                    raise RuntimeError('%s: status %d: %s' % (
                        ' '.join(self.argv), self.process.returncode, self.log()))
                host = region.host()
                return host['reader'] == 1 and host['reader_pid'] == self.process.pid
            wait_for('the recorder to attach', look, bound)
        finally:
            region.close()

    def wait(self, bound=BOUND):
        try:
            return self.process.wait(bound)
        except subprocess.TimeoutExpired:
            raise Timeout('waited %d s for the recorder: %s' % (bound, self.log()[-1000:])) from None

    def stop(self, bound=BOUND):
        """End it as Ctrl-C does; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.wait(bound)


EVENT = re.compile(r'^\[(-?\d+)\.(\d{9})\] (?:\(\S+\) )?(?:(?!\S+: \{)\S+ )*(\S+): (\{.*\})$')
CPU = re.compile(r'\bcpu_id = (\d+)')


class Event:
    """One event of a CTF trace, as babeltrace2 prints it."""

    __slots__ = ('ns', 'name', 'cpu', 'text')

    def __init__(self, line):
        match = EVENT.match(line)
        if not match:
            raise ValueError('no event: %r' % line[:300])
        self.ns = int(match.group(1)) * 1000000000 + int(match.group(2))
        self.name, self.text = match.group(3), match.group(4)
        cpu = CPU.search(self.text)
        self.cpu = int(cpu.group(1)) if cpu else None

    def field(self, name):
        """The text of a field; None if there is none of that name."""
        match = re.search(r'[{,] %s = ("(?:[^"\\]|\\.)*"|\[.*?\](?= ?[,}])|\(.*?\)(?= ?[,}])|[^,{}]+?)(?=,| \})' % re.escape(name), self.text)
        return match.group(1).strip('"') if match else None


def ctf(path, *options, bound=900):
    """The events of a CTF trace, read by Debian's babeltrace2."""
    env = {key: value for key, value in os.environ.items() if not key.startswith('BABELTRACE')}
    process = subprocess.Popen(['babeltrace2', '--clock-seconds', '--no-delta', *options, path],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors='replace', env=env)
    try:
        for line in process.stdout:
            if line.startswith('['):
                yield Event(line.rstrip('\n'))
        error = process.stderr.read()
        if process.wait(bound):
            raise RuntimeError('babeltrace2 %s: status %d: %s' % (path, process.returncode, error[-2000:]))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def count_getppid(recording, trace):
    """Export a recording and count its sys_enter events: {cpu: count}."""
    tool('export', '--to', 'ctf', recording, trace, bound=400)
    return dict(collections.Counter(event.cpu for event in ctf(trace)
                                    if re.search(r'(^|:)sys_enter$', event.name)))


def recording_streams(recording, vm):
    """The stream files of a recording: {(epoch.generation, name): path}."""
    found = {}
    for path in glob.glob(os.path.join(recording, vm, '*', '*')):
        found[(os.path.basename(os.path.dirname(path)), os.path.basename(path))] = path
    return found


def ending(recording, name='vm', life='1.1'):
    """What the recording says of the end of a driver's life (driver.ini), {} if nothing."""
    try:
        with open(os.path.join(recording, name, life, 'driver.ini')) as file:
            return dict(line.rstrip('\n').split('=', 1) for line in file if '=' in line)
    except FileNotFoundError:
        return {}


PACKET = struct.Struct('<IHHIIIIIIQQQQQQQQQ')
PACKET_NAMES = ('magic header_size type stream_id cpu epoch generation flags counter_width sequence '
                'packet_size content_size timestamp_begin timestamp_end events events_discarded '
                'clock counter').split()


def packets(path):
    """The packets of a stream file: (header, content)."""
    with open(path, 'rb') as file:
        data = file.read()
    at = 0
    while at + PACKET.size <= len(data):
        header = dict(zip(PACKET_NAMES, PACKET.unpack_from(data, at)))
        if header['magic'] != 0x54485650 or at + header['packet_size'] > len(data):
            break
        begin = at + header['header_size']
        yield header, data[begin:begin + header['content_size']]
        at += header['packet_size']


def metadata(path):
    """The records of a metadata stream file: (type, arg, payload)."""
    for header, content in packets(path):
        at = 0
        while header['type'] == 2 and at + 16 <= len(content):
            kind, size, arg = struct.unpack_from('<IIQ', content, at)
            yield kind, arg, content[at + 16:at + 16 + size]
            at += 16 + (size + 7) // 8 * 8


def environment(path):
    """What a metadata stream file says of the guest: {key: value}, the last word."""
    return dict(line.split('=', 1) for kind, _, payload in metadata(path) if kind == 2
                for line in payload.decode('ascii', 'replace').splitlines())


def heartbeats(path):
    """The numbers of a heartbeat stream file, in the order they lie there."""
    numbers = []
    for header, content in packets(path):
        if header['type'] == 3:
            numbers += [number for number, _ in struct.iter_unpack('<QQ', content)]
    return numbers


def last_state(path):
    """The stream's counters in the last state packet of its file."""
    state = None
    for header, content in packets(path):
        if header['type'] == 0x100:
            state = dict(zip(Region.STREAM_NAMES, Region.STREAM.unpack_from(content)))
    return state
