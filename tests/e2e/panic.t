#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 500
"""The guest panics, and everything that was in its buffers is recorded [G6]: out of a system
call, because init ended, in an interrupt, in an NMI that comes anywhere, and in one that comes
in the midst of what the driver does. What cannot be had is counted [S7].
"""

import os
import re
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

INSTANCE = '/sys/kernel/tracing/instances/hypertrace'
MARKER = INSTANCE + '/trace_marker'


def marks(recording, directory):
    """The numbers of the marks, by CPU, in the order of the trace."""
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', recording, trace)
    found = {}
    for event in vm.ctf(trace):
        match = re.search(r'(?:cpu (\d) )?number (\d+)', event.text)
        if match:
            found.setdefault(int(match.group(1) or 0), []).append(int(match.group(2)))
    return found


def clean(t, what, recording, may_lose=False):
    check = vm.tool('check', recording, check=False)
    lost = r'\d+' if may_lose else '0'
    t.ok(re.search(r'lost: %s events in the guest, 0 packets missing,.* defects: 0$' % lost, check.stdout, re.M) and
         (may_lose or check.returncode == 0),
         '%s: hypertrace check finds nothing wrong' % what, check.stdout)


def told(t, what, recording, recorder, words):
    end = vm.ending(recording)
    t.ok(end.get('end_reason') == 'panic' and end.get('end_stage') == 'notified' and words in end.get('end_text', ''),
         '%s: the recording says why: panic: %s' % (what, words), end)
    t.ok(re.search(r'^vm ended: panic: .*%s' % re.escape(words), recorder.log(), re.M),
         '%s: so does the recorder' % what, recorder.log()[-500:])


def crashed(kernel):
    """Out of a system call: the last mark is the one just before."""
    def test(t):
        directory = vm.scratch()
        what = '%s, sysrq c' % kernel
        # ftrace's own dump comes after us.
        with vm.Guest(directory, kernel=kernel, append='trace_buf_size=4M ftrace_dump_on_oops=hypertrace') as guest:
            guest.ready()
            guest.sh('echo 1 >%s/events/sched/enable; echo 1 >%s/events/irq/enable' % (INSTANCE, INSTANCE))
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                guest.start_sh('workload crash %s 5000' % MARKER)
                guest.wait_end()
                t.equal(recorder.wait(), 0, '%s: the recorder ends with the VM' % what)
                told(t, what, out, recorder, 'sysrq triggered crash')
            if kernel != '6.1':
                t.ok('ftrace buffer empty' in guest.serial() and 'number' not in guest.serial(),
                     "%s: ftrace's dump finds nothing left" % what, guest.serial()[-2000:])
        t.ok(marks(out, directory) == {0: list(range(5000))}, '%s: every mark is there, the last one too' % what)
        clean(t, what, out)
        info = vm.tool('info', out).stdout
        t.ok('panic (notified): sysrq triggered crash' in info, '%s: so says hypertrace info' % what, info)
    test.__name__ = 'crashed_' + kernel
    return test


def init_ended(t):
    """No recorder while it happens: the region keeps it."""
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    with vm.Guest(directory, append='trace_buf_size=4M', extra=['-no-shutdown']) as guest:
        guest.ready()
        guest.sh('workload marker %s 3000' % MARKER)
        guest.start_sh('exit')
        guest.qmp.wait_event('SHUTDOWN')
        guest.kill()
        with vm.Recorder(guest, out, wait=False) as recorder:
            t.equal(recorder.wait(), 0, 'init ended: recorded afterwards')
            told(t, 'init ended', out, recorder, 'Attempted to kill init!')
    t.ok(marks(out, directory) == {0: list(range(3000))}, 'init ended: every mark is there')
    clean(t, 'init ended', out)


def no_room(t):
    """The rings are full and their reader sleeps: what stays behind is counted, exactly [S7]."""
    directory = vm.scratch()
    each = 60000
    with vm.Guest(directory, append='trace_buf_size=1M', device=',size=4M') as guest:
        guest.ready()
        guest.count_getppid()
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            recorder.process.send_signal(signal.SIGSTOP)
            guest.sh('workload syscalls %d 0 1' % each)
            guest.start_sh('echo c >/proc/sysrq-trigger')
            guest.wait_end()
            recorder.process.send_signal(signal.SIGCONT)
            t.equal(recorder.wait(), 0, 'no room: the recorder goes on with what is there')
    for cpu in (0, 1):
        state = vm.last_state(vm.recording_streams(out, 'vm')[('1.1', 'ftrace.hypertrace-cpu%d' % cpu)])
        t.ok(state['events_lost'] and state['events'] + state['events_lost'] == each,
             'no room: CPU %d: the stream accounts for each event' % cpu, state)
    clean(t, 'no room', out, may_lose=True)


class Witness:
    """A guest that makes numbered marks on both CPUs, and this side's count of them."""

    def __init__(self, kernel, append='', extra=()):
        self.directory = vm.scratch()
        self.paths = [os.path.join(self.directory, 'port-%d' % cpu) for cpu in (0, 1)]
        ports = []
        for cpu, path in enumerate(self.paths):
            ports += ['-chardev', 'file,id=port%d,path=%s' % (cpu, path),
                      '-device', 'isa-debugcon,iobase=%#x,chardev=port%d' % (0x400 + cpu, cpu)]
        self.out = os.path.join(self.directory, 'rec')
        self.guest = vm.Guest(self.directory, kernel=kernel, extra=ports + list(extra),
                              append='trace_buf_size=8M ht.params=drain_ms=1 ' + append)

    def __enter__(self):
        self.guest.__enter__()
        self.guest.ready()
        return self

    def __exit__(self, *_):
        self.guest.kill()

    def made(self):
        return [os.path.getsize(path) for path in self.paths]

    def begin(self):
        for cpu in (0, 1):
            self.guest.sh('workload witness %s %d >/dev/null 2>&1 &' % (MARKER, cpu))
        # Others read what the panic will find locked, and take nothing.
        self.guest.sh('while :; do cat %s/trace; done >/dev/null 2>&1 &' % INSTANCE)
        vm.wait_for('marks on both CPUs', lambda: min(self.made()) > 3000)

    def compare(self, t, what, may_lose=False):
        """Each CPU's marks without a gap, up to the one that was being made."""
        made, found = self.made(), marks(self.out, self.directory)
        for cpu in (0, 1):
            numbers = found.get(cpu, [])
            t.ok(numbers == list(range(len(numbers))), '%s: CPU %d: no gap in %d marks' % (what, cpu, len(numbers)))
            state = vm.last_state(vm.recording_streams(self.out, 'vm')[('1.1', 'ftrace.hypertrace-cpu%d' % cpu)])
            lost = state['events_lost'] if may_lose else 0
            t.ok(made[cpu] <= len(numbers) + lost and len(numbers) <= made[cpu] + 1,
                 '%s: CPU %d: the last one is there%s' % (what, cpu, ' or counted' if may_lose else ''),
                 'made %d, recorded %d, lost %d' % (made[cpu], len(numbers), state['events_lost']))
        clean(t, what, self.out, may_lose)


def in_interrupt(kernel):
    """The keyboard's interrupt, by alt + sysrq + c, while both CPUs are busy tracing."""
    def test(t):
        what = '%s, in an interrupt' % kernel
        with Witness(kernel, 'sysrq_always_enabled') as witness:
            guest = witness.guest
            with vm.Recorder(guest, witness.out) as recorder:
                witness.begin()
                guest.qmp.call('send-key', keys=[{'type': 'qcode', 'data': key} for key in ('alt', 'sysrq', 'c')])
                guest.wait_end()
                t.equal(recorder.wait(), 0, '%s: the recorder ends with the VM' % what)
                told(t, what, witness.out, recorder, 'sysrq triggered crash')
            t.ok('i8042_interrupt' in guest.serial(), '%s: that is where it was' % what, guest.serial()[-3000:])
            witness.compare(t, what)
    test.__name__ = 'in_interrupt_' + kernel
    return test


def in_nmi(kernel):
    def test(t):
        what = '%s, in an NMI' % kernel
        with Witness(kernel, 'unknown_nmi_panic') as witness:
            guest = witness.guest
            with vm.Recorder(guest, witness.out) as recorder:
                witness.begin()
                guest.qmp.call('inject-nmi')
                guest.wait_end()
                t.equal(recorder.wait(), 0, '%s: the recorder ends with the VM' % what)
                told(t, what, witness.out, recorder, 'NMI')
            witness.compare(t, what, may_lose=True)
    test.__name__ = 'in_nmi_' + kernel
    return test


class Gdb:
    """QEMU's debugger port: stop a CPU in a function, and let others go on."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(60)
        self.buffer = b''
        self.call('qSupported:multiprocess+')
        self.call('?')

    def send(self, text):
        data = text.encode()
        self.socket.sendall(b'$%s#%02x' % (data, sum(data) & 0xff))

    def receive(self):
        while True:
            match = re.search(rb'\$([^#]*)#..', self.buffer)
            if match:
                self.buffer = self.buffer[match.end():]
                self.socket.sendall(b'+')
                return match.group(1).decode()
            data = self.socket.recv(4096)
            if not data:
                raise EOFError('the debugger port closed')
            self.buffer += data

    def call(self, text):
        self.send(text)
        return self.receive()

    def stop_at(self, address, cpu, bound=200):
        """Let all run until CPU is about to execute ADDRESS."""
        wanted = 'p01.%02x' % (cpu + 1)
        for _ in range(bound):
            self.call('Z0,%x,1' % address)
            reply = self.call('vCont;c')
            self.call('z0,%x,1' % address)
            at = re.search(r'thread:(p[0-9a-f]+\.[0-9a-f]+)', reply).group(1)
            if at == wanted:
                return
            self.call('vCont;s:' + at)
        raise vm.Timeout('CPU %d did not come by' % cpu)

    def run_to(self, address, cpu):
        """Let CPU alone run until it is about to execute ADDRESS."""
        self.call('Z0,%x,1' % address)
        self.call('vCont;c:p1.%x' % (cpu + 1))
        self.call('z0,%x,1' % address)

    def go_on(self, cpu=None):
        self.send('vCont;c' + (':p1.%x' % (cpu + 1) if cpu is not None else ''))


def symbol(guest, name):
    line = guest.sh("grep -E ' %s($|[[:space:].])' /proc/kallsyms | head -n 1" % name)
    return int(line.split()[0], 16)


def in_the_driver(t):
    """A CPU is stopped for good where the driver works, and the other one panics: the driver's lock
    is held, and by the time it matters, so is ftrace's."""
    for what, name, cpu in (('CPU 1 puts a packet', 'vht_ring_commit', 1),
                            ('CPU 0 puts a packet itself', 'vht_ring_commit', 0),
                            ('CPU 1 has put a packet', 'vht_publish', 1),
                            ('CPU 0 reads the buffer itself', 'rb_get_reader_page', 0)):
        path = os.path.join(vm.scratch(), 'gdb')
        with Witness('6.12', 'unknown_nmi_panic', extra=['-gdb', 'unix:%s,server=on,wait=off' % path]) as witness:
            guest = witness.guest
            address, marking = symbol(guest, name), symbol(guest, 'tracing_mark_write')
            with vm.Recorder(guest, witness.out) as recorder:
                for number in (0, 1):
                    guest.sh('workload witness %s %d >/dev/null 2>&1 &' % (MARKER, number))
                vm.wait_for('marks on both CPUs', lambda w=witness: min(w.made()) > 3000)
                gdb = Gdb(path)
                gdb.stop_at(address, cpu)
                if cpu:
                    # The NMI is not to hit CPU 0 while that reads its buffer: there things may be lost.
                    gdb.run_to(marking, 0)
                guest.qmp.call('inject-nmi')
                gdb.go_on(None if cpu == 0 else 0)
                guest.wait_end()
                t.equal(recorder.wait(), 0, '%s: the panic comes to its end' % what)
                told(t, what, witness.out, recorder, 'NMI')
            witness.compare(t, what, may_lose=name == 'rb_get_reader_page')


tap.main(crashed('6.12'), crashed('6.1'), init_ended, no_room, in_interrupt('6.12'), in_interrupt('6.1'),
         in_nmi('6.12'), in_nmi('6.1'), in_the_driver)
