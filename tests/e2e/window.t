#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
"""The window: a stock kernel with no driver at all, recorded from its first event
to its last instruction, whatever ends it. A number in each of the guest's
writes into trace_marker proves that nothing is missing and nothing is twice.
"""

import os
import re
import signal
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
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


def marks(out, epoch=1):
    """The numbers in the guest's markers, in the order of their CPUs' buffers."""
    found = []
    base = os.path.join(out, 'vm', '%d.0' % epoch)
    for name in sorted(os.listdir(base)):
        if not name.startswith('window-cpu'):
            continue
        for kind, skip, _, content in packets(os.path.join(base, name)):
            if kind == 7:
                for event in events(content, skip):
                    found += [int(number) for number in re.findall(rb'number (\d+)\n', event)]
    return found


def all_there(t, out, count, what):
    found = sorted(marks(out))
    t.ok(found == list(range(count)), '%s: all %d markers, once' % (what, count),
         '%d found, %s ... %s' % (len(found), found[:3], found[-3:]))
    check = vm.tool('check', out, check=False)
    t.equal(check.returncode, 0, '%s: the recording is whole' % what)
    if check.returncode:
        print('# ' + check.stdout.replace('\n', '\n# '))


def end(t, what, command, count=3000, kill=False):
    """A guest is recorded from its power-on until COMMAND ends it."""
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    with vm.Guest(directory, start=False, device=WINDOW, append=APPEND) as guest:
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
    all_there(t, out, count, what)


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


def power_off(t):
    end(t, 'power-off by sysrq o', 'echo o >/proc/sysrq-trigger')


def panic(t):
    end(t, 'panic by sysrq c', 'echo c >/proc/sysrq-trigger')


def restart(t):
    end(t, 'restart by sysrq b', 'echo b >/proc/sysrq-trigger')


def killed(t):
    end(t, 'QEMU killed', 'while :; do :; done', kill=True)


def million(t):
    end(t, 'a million events', 'echo o >/proc/sysrq-trigger', count=1000000)


tap.main(million, power_off, panic, restart, killed, dead)
