#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
"""The window: a stock kernel with no driver at all, recorded from its first event
to its last instruction, whatever ends it. A number in each of the guest's
writes into trace_marker proves that nothing is missing and nothing is twice; where
the kernel prints its tracer's buffer when it dies, the recording is the same, event
by event.
"""

import collections
import os
import re
import shutil
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import profile as kp
import tap
import vm

WINDOW = ',size=64M,window-addr=0x10000000,window-size=12M'
APPEND = ('ht.module=no memmap=12M$0x10000000 trace_instance=boot@0x10000000:12M,sched,initcall '
          'sysrq_always_enabled ')
MARKER = '/sys/kernel/tracing/instances/boot/trace_marker'


def packets(path):
    """The packets of a stream file: (type, header, content)."""
    with open(path, 'rb') as file:
        data = file.read()
    at = 0
    while at + 128 <= len(data):
        magic, header_size, kind = struct.unpack_from('<IHH', data, at)
        size, content = struct.unpack_from('<QQ', data, at + 40)
        skip, lost = struct.unpack_from('<II', data, at + 104)
        assert magic == 0x54485650
        yield kind, skip, lost, data[at + header_size:at + header_size + content]
        at += size


def events(content, skip):
    """The events of a sub-buffer from SKIP on; what lies in its padding is older."""
    size, at = struct.unpack_from('<Q', content, 8)[0] + 16, 16
    while at + 4 <= size:
        word = struct.unpack_from('<I', content, at)[0]
        kind, length = word & 31, 8
        if kind == 29 and not word >> 5:
            return
        if kind in (0, 29):
            length = 4 + struct.unpack_from('<I', content, at + 4)[0]
        elif kind < 29:
            length = 4 + kind * 4
        if kind < 29 and at >= 16 + skip:
            yield content[at:at + length]
        at += (length + 3) & ~3


def marks(out, epoch=1, cpu=''):
    """The numbers in the guest's markers, in the order of their CPUs' buffers."""
    found = []
    base = os.path.join(out, 'vm', '%d.0' % epoch)
    for name in sorted(os.listdir(base)):
        if not name.startswith('window-cpu%s' % cpu):
            continue
        for kind, skip, _, content in packets(os.path.join(base, name)):
            if kind == 7:
                for event in events(content, skip):
                    found += [int(number) for number in re.findall(rb'number (\d+)\n', event)]
    return found


def whole(t, what, out):
    check = vm.tool('check', out, check=False)
    t.ok(check.returncode == 0, '%s: the recording is whole' % what, check.stdout + check.stderr)


def all_there(t, out, count, what):
    found = sorted(marks(out))
    t.ok(found == list(range(count)), '%s: all %d markers, once' % (what, count),
         '%d found, %s ... %s' % (len(found), found[:3], found[-3:]))
    whole(t, what, out)


def end(t, what, command, count=3000, kill=False, append=''):
    """A guest is recorded from its power-on until COMMAND ends it.

    Return: the recording, and what was on the guest's console.
    """
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    with vm.Guest(directory, start=False, device=WINDOW, append=APPEND + append) as guest:
        with vm.Recorder(guest, out) as recorder:
            guest.qmp.call('cont')
            guest.ready()
            guest.start_sh('workload marker %s %d; %s' % (MARKER, count, command))
            if kill:
                vm.wait_for('the last marker', lambda: os.path.isdir(os.path.join(out, 'vm', '1.0')) and
                            count - 1 in marks(out))
                guest.kill()
            else:
                guest.wait_end(60)
            t.equal(recorder.wait(), 0, '%s: the recorder ends with it' % what)
        console = guest.serial()
    all_there(t, out, count, what)
    return out, console


# The module that dies tracing


def build_last(directory):
    """tests/guest/last.c, built as a user would."""
    with open(os.path.join(vm.BUILD, 'kernel-6.12', 'release')) as file:
        release = file.read().strip()
    headers = [path for path in ('/lib/modules/%s/build' % release, '/usr/src/linux-headers-' + release)
               if os.path.exists(os.path.join(path, 'Makefile'))]
    source = os.path.join(directory, 'last')
    os.makedirs(source)
    shutil.copy(os.path.join(vm.TOP, 'tests/guest/last.c'), source)
    with open(os.path.join(source, 'Kbuild'), 'w') as file:
        file.write('obj-m := last.o\n')
    done = subprocess.run(['make', '-C', headers[0], 'M=' + source, 'modules'],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError('cannot build last.ko: ' + done.stdout[-2000:])
    return os.path.join(source, 'last.ko')


def last(t):
    """Both CPUs make marks with interrupts off, and nothing comes after the last one."""
    base = vm.scratch()
    initrd = vm.initramfs('6.12', base)
    with open(initrd, 'ab') as file:
        file.write(b'\0' * (-file.tell() % 4) + vm.cpio({'lib/last.ko': build_last(base)}))
    for what, triple in (('hang with interrupts off, QEMU killed', False), ('triple fault', True)):
        directory, count = vm.scratch(), 20000
        out = os.path.join(directory, 'rec')
        log = os.path.join(directory, 'resets')
        ports = [os.path.join(directory, 'port-%d' % cpu) for cpu in (0, 1)]
        extra = ['-d', 'cpu_reset', '-D', log]
        for cpu in (0, 1):
            extra += ['-chardev', 'file,id=port%d,path=%s' % (cpu, ports[cpu]),
                      '-device', 'isa-debugcon,iobase=%#x,chardev=port%d' % (0x400 + cpu, cpu)]
        with vm.Guest(directory, start=False, device=WINDOW, append=APPEND, initrd=initrd, extra=extra) as guest:
            with vm.Recorder(guest, out) as recorder:
                guest.qmp.call('cont')
                guest.ready()
                guest.start_sh('insmod /lib/last.ko count=%d triple=%d' % (count, triple))
                if triple:
                    guest.wait_end()
                else:
                    vm.wait_for('the last mark', lambda: all(os.path.getsize(port) == count for port in ports))
                    guest.kill()
                t.equal(recorder.wait(), 0, '%s: the recorder ends with it' % what)
        t.ok([os.path.getsize(port) for port in ports] == [count, count], '%s: both CPUs made their marks' % what)
        if triple and vm.accel('6.12') == 'tcg':
            with open(log, errors='replace') as file:
                t.ok('Triple fault' in file.read(), '%s: QEMU calls it that' % what)
        for cpu in (0, 1):
            found = marks(out, cpu=cpu)
            t.ok(found == list(range(count)), '%s: CPU %d: %d marks, the last one too' % (what, cpu, count),
                 '%d found, %s ... %s' % (len(found), found[:3], found[-3:]))
        whole(t, what, out)


def dead(t):
    """Nobody recorded; QEMU was killed; its region's file has the trace."""
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    with vm.Guest(directory, device=WINDOW, append=APPEND) as guest:
        guest.ready()
        guest.sh('workload marker %s 2000' % MARKER)
        guest.process.send_signal(signal.SIGKILL)
        guest.process.wait()
        vm.tool('record', '--runtime-dir', guest.run, '-o', out, guest.name)
    all_there(t, out, 2000, 'a dead QEMU\'s file')


# What the kernel prints of its tracer when it panics

EACH = re.compile(r'^\[[ .\d]+\] .{8}-\d+ +(\d+)\S{5} +(\d+)us : (\w+): (.*?)\r*$', re.M)
VIEWED = re.compile(r'^(\d+)\.(\d{9}) \[(\d+)\] \S+ (\w+): \{ (.*) \}$', re.M)
FIELDS = ('prev_comm', 'prev_pid', 'next_comm', 'next_pid', 'comm', 'pid', 'parent_comm', 'parent_pid',
          'child_pid', 'level', 'func', 'ret')


def unquote(text):
    return re.sub(r'\\(.)', lambda match: {'n': '\n', 't': '\t'}.get(match.group(1), match.group(1)), text)


def dumped(console):
    """The events of the console's dump, by CPU: (microsecond, name, what it says).

    A kernel that has to find its clock on a busy host may put it back; the time of a
    trace stands still then.
    """
    found = collections.defaultdict(list)
    for cpu, us, name, text in EACH.findall(console):
        if name == 'tracing_mark_write':
            name = 'print'
        if name not in ('console', 'print'):
            text = {key: value.split('+')[0] for key, value in re.findall(r'(\w+)=(\S*)', text) if key in FIELDS}
        mine = found[int(cpu)]
        mine.append((max(int(us), mine[-1][0] if mine else 0), name, text))
    return dict(found)


def viewed(out):
    """Those of the recording, alike."""
    found = collections.defaultdict(list)
    text = vm.tool('view', '--raw', '--names', 'ftrace', out).stdout
    for seconds, ns, cpu, name, fields in VIEWED.findall(text):
        if name in ('console', 'print'):
            said = unquote(re.search(r'(?:msg|buf) = "(.*)"', fields).group(1)).rstrip('\n')
        else:
            fields = re.sub(r'\bfunc = \w+, func_symbol = ', 'func = ', fields)
            said = {key.removeprefix('parent_'): value.strip('"').split('+')[0]
                    for key, value in re.findall(r'(\w+) = ("[^"]*"|[^ ,]+)', fields) if key in FIELDS}
        found[int(cpu)].append(((int(seconds) * 1000000000 + int(ns) + 500) // 1000, name, said))
    return dict(found)


def same(t, what, out, console):
    """The recording is the console's dump, from the first to the last event."""
    said, found = dumped(console), viewed(out)
    t.ok(len(said) == 2 and min(map(len, said.values())) > 100, '%s: the kernel prints what both CPUs did' % what,
         {cpu: len(said[cpu]) for cpu in said})
    for cpu in said:
        mine = found.get(cpu, [])
        differ = [pair for pair in zip(said[cpu], mine) if pair[0] != pair[1]]
        t.ok(said[cpu] == mine, '%s: CPU %d: the recording has the same %d events' % (what, cpu, len(said[cpu])),
             '%d recorded; first difference: %s' % (len(mine), differ[:1]))


def no_root(t):
    """Nothing but the kernel ever runs."""
    what = 'panic for want of a root file system'
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    line = ('console=ttyS0 panic=-1 no_timer_check root=/dev/nothing ftrace_dump_on_oops=boot '
            'memmap=12M$0x10000000 trace_instance=boot@0x10000000:12M,sched,initcall,printk')
    with vm.Guest(directory, start=False, device=WINDOW,
                  boot=['-kernel', os.path.join(vm.BUILD, 'kernel-6.12', 'vmlinuz'), '-append', line]) as guest:
        with vm.Recorder(guest, out) as recorder:
            guest.qmp.call('cont')
            guest.wait_end()
            t.equal(recorder.wait(), 0, '%s: the recorder ends with it' % what)
        console = guest.serial()
    whole(t, what, out)
    same(t, what, out, console)
    # What the console printed before it printed the dump has gone through printk's event.
    recorded = [squeeze(text) for _, name, text in sorted(sum(viewed(out).values(), []), key=lambda event: event[0])
                if name == 'console']
    printed = [squeeze(text) for text in re.findall(r'^\[[ .\d]+\] (.*?)\r*$', console, re.M)]
    printed = printed[:printed.index(squeeze('Dumping ftrace instance boot buffer:'))]
    while printed and printed[0] != recorded[0]:
        printed.pop(0)      # before there was a tracer
    # A CPU that is not there yet may print, but is not traced: so it is in the kernel.
    at = [printed.index(next(text for text in printed if text.startswith(words)))
          for words in ('smp:Bringingup', 'smp:Broughtup')]
    del printed[at[0] + 1:at[1]]
    pieces = ''.join(recorded)      # a line may be printed in pieces
    missing = [text for text in printed if text not in pieces]
    t.ok(len(printed) > 100 and not missing, '%s: each of %d lines of the console is there' % (what, len(printed)),
         missing)
    t.ok(any('VFS:Unabletomountroot' in text for text in printed[-20:]), '%s: that is what it died of' % what,
         printed[-20:])


def squeeze(text):
    return re.sub(r'\s', '', text)


def power_off(t):
    end(t, 'power-off by sysrq o', 'echo o >/proc/sysrq-trigger')


def panic(t):
    what = 'panic by sysrq c'
    out, console = end(t, what, 'echo c >/proc/sysrq-trigger', append='ftrace_dump_on_oops=boot')
    same(t, what, out, console)


def restart(t):
    end(t, 'restart by sysrq b', 'echo b >/proc/sysrq-trigger')


def killed(t):
    end(t, 'QEMU killed', 'while :; do :; done', kill=True)


def million(t):
    end(t, 'a million events', 'echo o >/proc/sysrq-trigger', count=1000000)


# Only with a profile do events have names, and a kernel has one if it is in the store.
kp.get('6.12')
os.environ['HYPERTRACE_KERNELS'] = kp.STORE
tap.main(no_root, panic, last, million, power_off, restart, killed, dead)
