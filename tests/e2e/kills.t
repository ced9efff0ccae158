#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 900
"""Fifty guests without a driver are recorded through their windows, and QEMU is killed
at a random moment of their boot or their work. Each recording is clean, and has
each event up to that moment: the marks of both CPUs up to the one that was being made,
and what the kernel has printed.

usage: kills.t [SEED [KILLS]]
"""

import concurrent.futures
import itertools
import os
import random
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import profile as kp
import tap
import vm

WINDOW = ',size=64M,window-addr=0x10000000,window-size=24M'
APPEND = ('ht.module=no memmap=24M$0x10000000 trace_instance=boot@0x10000000:24M,sched,irq,initcall,printk '
          'loglevel=7 ')
MARKER = '/sys/kernel/tracing/instances/boot/trace_marker'
EVENT = re.compile(r'^(\d+\.\d{9}) \[(\d+)\] .*?(\w+): \{ (.*) \}$', re.M)
MARK = re.compile(r'^ip = .*"cpu (\d) number (\d+)\\n"$')


def squeeze(text):
    return re.sub(r'\s', '', text)


def unquote(text):
    return re.sub(r'\\(.)', lambda match: {'n': '\n', 't': '\t'}.get(match.group(1), match.group(1)), text)


class Kill:
    """One guest and its end.

    initrd      of all of them
    moment      when, in seconds after its work on both CPUs has begun or, unless IS_WORK,
                after its power-on, in lengths of a boot
    """

    boot_s = 1      # the length of the last boot that was seen

    def __init__(self, initrd, moment, is_work):
        self.what = 'killed at work' if is_work else 'killed as it boots'
        self.is_work = is_work
        self.initrd, self.moment = initrd, moment
        self.problems = []
        self.events = self.marks = self.lines = 0

    def expect(self, good, what):
        if not good:
            self.problems.append(what)

    def run(self):
        directory = vm.scratch()
        try:
            self.live(directory)
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append('%s: %s' % (type(error).__name__, error))
        if not self.problems:
            shutil.rmtree(directory)
        return self

    def live(self, directory):
        out = os.path.join(directory, 'rec')
        ports = [os.path.join(directory, 'port-%d' % cpu) for cpu in (0, 1)]
        extra = []
        for cpu in (0, 1):
            extra += ['-chardev', 'file,id=port%d,path=%s' % (cpu, ports[cpu]),
                      '-device', 'isa-debugcon,iobase=%#x,chardev=port%d' % (0x400 + cpu, cpu)]
        with vm.Guest(directory, start=False, device=WINDOW, append=APPEND, initrd=self.initrd,
                      extra=extra) as guest:
            with vm.Recorder(guest, out) as recorder:
                begin = time.monotonic()
                guest.qmp.call('cont')
                if self.is_work:
                    guest.ready()
                    Kill.boot_s = time.monotonic() - begin
                    for cpu in (0, 1):
                        guest.sh('workload witness %s %d >/dev/null 2>&1 &' % (MARKER, cpu))
                    guest.sh('while :; do workload mix 100; done >/dev/null 2>&1 &')
                    vm.wait_for('marks on both CPUs', lambda: all(map(os.path.getsize, ports)))
                moment = self.moment if self.is_work else self.moment * Kill.boot_s
                time.sleep(moment)
                guest.kill()
                self.what += ', %.3f s after its %s' % (moment, 'work began' if self.is_work else 'power-on')
                self.expect(recorder.wait() == 0, 'the recorder: ' + recorder.log())
            console = guest.serial()
        self.look(out, [os.path.getsize(port) for port in ports], console)

    def look(self, out, made, console):
        check = vm.tool('check', out, check=False)
        self.expect(check.returncode == 0, 'hypertrace check: ' + check.stdout + check.stderr)
        numbers, last, printed = [[], []], {}, []
        text = vm.tool('view', '--raw', '--names', 'ftrace', out).stdout
        for when, cpu, name, fields in EVENT.findall(text):
            self.events += 1
            self.expect(last.get(cpu, '') <= when.zfill(20), 'CPU %s: time goes back at %s' % (cpu, when))
            last[cpu] = when.zfill(20)
            if name == 'print':
                mark = MARK.match(fields)
                self.expect(mark and mark.group(1) == str(int(cpu)), 'CPU %s: a strange mark: %s' % (cpu, fields))
                if mark:
                    numbers[int(cpu)].append(int(mark.group(2)))
            elif name == 'console':
                printed.append(squeeze(unquote(fields[len('msg = "'):-1])))
        for cpu in (0, 1):
            self.marks += len(numbers[cpu])
            self.expect(numbers[cpu] == list(range(len(numbers[cpu]))), 'CPU %d: a gap in its marks' % cpu)
            self.expect(made[cpu] <= len(numbers[cpu]) <= made[cpu] + 1, 'CPU %d: made %d marks, %d are there' % (
                cpu, made[cpu], len(numbers[cpu])))
        self.compare(console, printed)

    def compare(self, console, printed):
        """What the console printed after the first line that was recorded was recorded too."""
        lines = [squeeze(text) for text in re.findall(r'^\[[ .\d]+\] (.*)\n', console, re.M)]
        while lines and (not printed or lines[0] != printed[0]):
            lines.pop(0)
        # A CPU that is not there yet may print, but is not traced.
        begin = [at for at, text in enumerate(lines) if text.startswith('smp:Bringingup')]
        end = [at for at, text in enumerate(lines) if text.startswith('smp:Broughtup')]
        if begin:
            del lines[begin[0] + 1:end[0] if end else len(lines)]
        self.lines = len(lines)
        pieces = ''.join(printed)       # a line may be printed in pieces
        missing = [text for text in lines if text not in pieces]
        self.expect(not missing, 'printed, but not recorded: %s' % missing)


def kills(t):
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(1 << 32)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    t.note('seed %d' % seed)
    dice = random.Random(seed)
    initrd = vm.initramfs('6.12', vm.scratch())
    plan = [Kill(initrd, dice.uniform(0, 2), True) if number % 2 == 0 else
            Kill(initrd, dice.uniform(0.2, 1.1), False) for number in range(count)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        # The first one alone: it tells how long a boot is.
        done = [plan[0].run()]
        for number, kill in enumerate(itertools.chain(done, pool.map(Kill.run, plan[1:]))):
            t.ok(not kill.problems, 'guest %d %s: %d events, %d marks, %d lines of the console' % (
                number, kill.what, kill.events, kill.marks, kill.lines), '\n'.join(kill.problems[:5]))
    t.ok(sum(kill.marks > 1000 for kill in plan) >= count // 3, 'many of them were at work',
         [kill.marks for kill in plan])
    if count >= 20:
        t.ok(any(kill.events and not kill.marks for kill in plan), 'some of them had begun to boot',
             [kill.events for kill in plan])


# Only with a profile do events have names, and a kernel has one if it is in the store.
kp.get('6.12')
os.environ['HYPERTRACE_KERNELS'] = kp.STORE
tap.main(kills)
