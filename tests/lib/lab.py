# SPDX-License-Identifier: GPL-2.0-only
"""The lab: real KVM on a machine that has none.

QEMU's TCG emulates a CPU with AMD SVM, and on it a stock kernel is a KVM host: "the
host" of the lab. Its file system is this machine's own, read-only under a tmpfs, so
what was built is there, and a test runs there as it would here: our QEMU with
`-accel kvm`, our tools, vm.Guest. All that KVM has to say is there too: the kvm trace
events, its counters in debugfs, vhost-vsock.

A test of the lab is one program. Its tests run inside:

    import lab
    def test(t):
        with lab.guest(cpus=2) as guest: ...
    lab.main(test)

Times in the lab are TCG's. Counts, order and what the hypervisor does are not.
"""

import os
import re
import shlex
import signal
import subprocess
import sys

import tap
import vm

KERNEL = '6.12'
MODULES = ('9p', '9pnet_virtio', 'overlay')
SHARE = os.environ.get('HYPERTRACE_LAB')    # set inside
# Seconds, far above what it takes: for the host to come up, for a test in it, and more for what
# is left to the host when that test's time is over.
UP, BOUND, LAST_WORDS = 400, 600, 100


class Lab(vm.Guest):
    """The lab's host. Commands (sh) are run as root, in the work tree.

    share       a directory that both machines see under the same path, and both can write
    terminal    the second serial port is a person's terminal, 'ROWSxCOLUMNS', not sh()'s
    """

    def __init__(self, directory, cpus=2, memory='5G', append='', extra=(), terminal=None):
        self.share = os.path.join(directory, 'share')
        os.makedirs(self.share, exist_ok=True)
        self.resets = os.path.join(directory, 'resets')
        kernel = os.path.realpath(os.path.join(vm.BUILD, 'kernel-' + KERNEL))
        # mitigations and checks of the TSC against slower clocks are nothing but time lost here
        line = ('console=ttyS0 quiet panic=-1 no_timer_check tsc=reliable clocksource=tsc mitigations=off '
                'nowatchdog unknown_nmi_panic panic_print=0x41 rdinit=/lab lab.top=%s lab.share=%s lab.kernel=%s %s%s' % (
                    vm.TOP, self.share, kernel, 'lab.terminal=%s ' % terminal if terminal else '', append))
        super().__init__(
            directory, name='lab', kernel=KERNEL, cpus=cpus, memory=memory, accelerator='tcg', has_device=False,
            boot=['-kernel', os.path.join(kernel, 'vmlinuz'), '-initrd', initramfs(directory), '-append', line],
            extra=['-cpu', 'EPYC,+svm,+npt,+nrip-save',
                   '-fsdev', 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap',
                   '-device', 'virtio-9p-pci,fsdev=root,mount_tag=root',
                   '-fsdev', 'local,id=share,path=%s,security_model=none,multidevs=remap' % self.share,
                   '-device', 'virtio-9p-pci,fsdev=share,mount_tag=share',
                   '-d', 'cpu_reset', '-D', self.resets, *extra])

    def report(self):
        if self.alive():
            self.ask()
        super().report()
        print('# the last resets of its CPUs:\n#   ' + '\n#   '.join(text_of(self.resets)[-6000:].splitlines()), flush=True)

    def ask(self):
        """Let its kernel say on the console what all CPUs and tasks do: it panics on an NMI."""
        try:
            print('# its CPUs:\n#   ' + '\n#   '.join(self.qmp.hmp('info registers -a').splitlines()), flush=True)
            self.qmp.call('inject-nmi')
            self.wait_end(60)
        except (OSError, EOFError, vm.Timeout) as error:
            print('# it does not tell what its CPUs do: %s' % error, flush=True)

    def again(self, bound):
        """Run this very program inside, and print what it prints. Return: its points, a Tap to go on with."""
        path = os.path.join(self.share, 'output')
        argv = [os.path.realpath(sys.argv[0]), *sys.argv[1:]]
        self.start_sh('%s >%s 2>&1' % (shlex.join(argv), shlex.quote(path)))
        try:
            _, match = self.read_until(rb'HT-STATUS (\d+)\r?\n', bound)
        except (vm.Timeout, EOFError):
            print('# so far:\n#   ' + '\n#   '.join(text_of(path).splitlines()), flush=True)
            raise
        text = text_of(path)
        print(text, end='', flush=True)
        return points_of(int(match.group(1)), text)


def text_of(path):
    try:
        with open(path, errors='replace') as file:
            return file.read()
    except FileNotFoundError:
        return ''


def initramfs(directory):
    """The initramfs of the lab's host: what it needs to reach its file system."""
    work = os.path.join(directory, 'lab')
    os.makedirs(work, exist_ok=True)
    out = os.path.join(work, 'initramfs-' + KERNEL)
    args = [os.path.join(vm.TOP, 'tests/guest/initramfs'), os.path.join(vm.BUILD, 'kernel-' + KERNEL), out]
    for name in MODULES:
        args += ['-k', name]
    subprocess.run(args, check=True)
    with open(out, 'ab') as file:
        file.write(b'\0' * (-file.tell() % 4) + vm.cpio({'lab': os.path.join(vm.TOP, 'tests/lab/init')}))
    return out


def guest(directory=None, **options):
    """Inside: a guest under KVM, with an initramfs that was made outside."""
    options.setdefault('initrd', os.path.join(SHARE, 'initramfs-' + KERNEL))
    extra = ['-cpu', options.pop('cpu', 'host'), *options.pop('extra', ())]
    append = 'mitigations=off ' + options.pop('append', '')
    return vm.Guest(directory or vm.scratch(), extra=extra, append=append, **options)


def threads(guest):
    """The host's thread of each vCPU, as QEMU tells: {index: thread}."""
    return {cpu['cpu-index']: cpu['thread-id'] for cpu in guest.qmp.call('query-cpus-fast')}


def pin(guest, cpus):
    """Let vCPU n run on the host's CPU cpus[n % len(cpus)] only."""
    for index, thread in threads(guest).items():
        os.sched_setaffinity(thread, {cpus[index % len(cpus)]})


class HostTrace:
    """Inside: an ftrace instance of the host, for what a test wants to see of KVM.

        with lab.HostTrace('kvm:kvm_exit kvm:kvm_entry') as trace:
            ...
        for event in trace.events(): event.ns, event.cpu, event.thread, event.name, event['reason']
    """

    def __init__(self, events, kilobytes=8192, name='test'):
        self.dir = '/sys/kernel/tracing/instances/' + name
        self.names = events.split()
        os.mkdir(self.dir)
        self.write('trace_clock', 'mono')
        self.write('buffer_size_kb', str(kilobytes))

    def write(self, name, text):
        with open(os.path.join(self.dir, name), 'w') as file:
            file.write(text)

    def read(self, name):
        with open(os.path.join(self.dir, name), errors='replace') as file:
            return file.read()

    def __enter__(self):
        for name in self.names:
            self.write('events/%s/enable' % name.replace(':', '/'), '1')
        return self

    def stop(self):
        self.write('tracing_on', '0')

    def __exit__(self, *_):
        self.stop()
        for name in self.names:
            self.write('events/%s/enable' % name.replace(':', '/'), '0')

    def lost(self):
        return sum(int(value) for cpu in os.listdir(os.path.join(self.dir, 'per_cpu')) for value in re.findall(
            r'^(?:overrun|dropped events): (\d+)', self.read('per_cpu/%s/stats' % cpu), re.M))

    def events(self):
        """What is in the buffer, in order; nothing may have been lost of it."""
        if self.lost():
            raise RuntimeError('the host trace lost %d events' % self.lost())
        return [HostEvent(match) for match in map(HostEvent.LINE.match, self.read('trace').splitlines()) if match]

    def close(self):
        os.rmdir(self.dir)


class HostEvent:
    """A line of tracefs; fields by the word before them."""

    __slots__ = ('ns', 'cpu', 'thread', 'name', 'text')
    LINE = re.compile(r'^\s*.*-(?P<thread>\d+)\s+\[(?P<cpu>\d+)\]\s+\S+\s+(?P<s>\d+)\.(?P<us>\d{6}): '
                      r'(?P<name>\w+): (?P<text>.*)$')

    def __init__(self, match):
        self.ns = int(match['s']) * 1000000000 + int(match['us']) * 1000
        self.cpu, self.thread = int(match['cpu']), int(match['thread'])
        self.name, self.text = match['name'], match['text']

    def __getitem__(self, field):
        """The word behind FIELD; a number where it is one; None without the field."""
        match = re.search(r'\b%s (\S+?),?(?= |$)' % re.escape(field), self.text)
        if not match:
            return None
        try:
            return int(match.group(1), 0)
        except ValueError:
            return match.group(1)


def main(*tests, prepare=None, after=(), programs=(), stock=(), files=(), **options):
    """Run tests in a lab of their own, and exit with their status.

    prepare     called outside with the directory that is shared, before the lab starts:
                for what would take long inside, such as compiling
    after       tests that run outside when the lab has ended, on what the others left in
                that directory: test(t, share)
    programs, stock, files  what the guests' initramfs has besides, as in vm.initramfs()
    options     those of Lab
    """
    if SHARE:
        tap.heed(signal.SIGALRM)
        signal.alarm(BOUND)
        points = tap.Tap()
        tap.each(points, tests)
        sys.exit(1 if points.failed else 0)

    tap.heed(signal.SIGTERM)
    directory = vm.scratch()
    share = os.path.join(directory, 'share')
    os.makedirs(share)
    vm.initramfs(KERNEL, share, programs=programs, stock=stock, files=files)
    if prepare:
        prepare(share)
    with Lab(directory, **options) as host:
        host.ready(UP)
        points = host.again(BOUND + LAST_WORDS)
        host.poweroff()
    tap.each(points, after, share)
    sys.exit(points.done())


def points_of(status, text):
    """The points of a test that ran inside, a Tap to go on with."""
    points = tap.Tap()
    verdicts = re.findall(r'^(not )?ok\b', text, re.M)
    points.count, points.failed = len(verdicts), sum(bool(verdict) for verdict in verdicts)
    if bool(status) != bool(points.failed):
        points.ok(False, 'the test in the lab ends well', 'status %d' % status)
    return points
