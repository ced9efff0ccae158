#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 500
"""The parameters that `hypertrace params` prints are booted, and give the events
that they are for. Each form of printing them gives the same ones back.
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

DEFAULT = {'sched', 'initcall', 'irq', 'block', 'cgroup', 'printk', 'timer'}


def params(*args):
    done = vm.tool('params', *args)
    return done.stdout.rstrip('\n')


def shell_words(text):
    """What a shell makes of words."""
    done = subprocess.run(['sh', '-c', 'set -- %s\nprintf "%%s\\0" "$@"' % text], check=True, capture_output=True)
    return done.stdout.decode().split('\0')[:-1]


def forms(t):
    for wish in ('boot', 'boot+functions', 'window'):
        plain = params(wish, '--with', '''a=<&> b="x y" c='z' ''')
        words = shell_words(params(wish, '--for', 'qemu', '--with', '''a=<&> b="x y" c='z' '''))
        t.equal((words[0], words[2]), ('-append', '-device'), '%s: the words for a shell' % wish)
        t.equal(words[1], plain, '%s: a shell gives the parameters back' % wish)
        domain = xml.etree.ElementTree.fromstring(params(wish, '--for', 'libvirt', '--with', '''a=<&> b="x y" c='z' '''))
        t.equal(domain.find('os/cmdline').text, plain, '%s: XML gives them back' % wish)
        names = {'qemu': 'http://libvirt.org/schemas/domain/qemu/1.0'}
        args = [arg.get('value') for arg in domain.findall('qemu:commandline/qemu:arg', names)]
        t.equal(args, ['-device', words[3]], '%s: libvirt gets the same device' % wish)
        line = params(wish, '--for', 'grub').splitlines()[-1]
        done = subprocess.run(['sh', '-c', 'GRUB_CMDLINE_LINUX=quiet\n%s\nprintf %%s "$GRUB_CMDLINE_LINUX"' % line],
                              check=True, capture_output=True, text=True)
        t.equal(re.sub(r'\\(.)', r'\1', done.stdout), 'quiet ' + params(wish),
                '%s: what is before them for GRUB stays' % wish)


def refused(t):
    def fails(what, words, *args):
        done = vm.tool('params', *args, check=False)
        t.ok(done.returncode == 2 and not done.stdout and re.search(words, done.stderr), what,
             'status %d: %s%s' % (done.returncode, done.stdout, done.stderr))

    fails('no wish', 'one of these')
    fails('another wish', 'one of these', 'shutdown')
    fails('another form', 'no such form', 'boot', '--for', 'lilo')
    fails('a kernel that is no version', 'no version', 'boot', '--kernel', 'linux')
    fails('a window on 6.1', '6.12 or newer', 'window', '--kernel', '6.1.0-56-amd64')
    fails('a list of events with a blank', 'no list of events', 'boot', '--events', 'sched init=/bin/sh')
    fails('a glob that the kernel does not know', 'no list of events', 'boot', '--events', 'sched:sched_process_*')
    fails('an empty list of events', 'no list of events', 'boot', '--events', '')
    fails('a size of nothing', 'no size', 'boot', '--size', '0')
    fails('a size in furlongs', 'no size', 'boot', '--size', '3f')
    fails('a size that overflows', 'no size', 'boot', '--size', '0xffffffffffffffff')
    fails('a window that is not aligned', '2 MiB', 'window', '--window-addr', '257M')
    fails('a window of 1 MiB', '2 MiB', 'window', '--size', '1M')
    fails('a window where the kernel is loaded', 'kernel itself', 'window', '--window-addr', '16M')
    fails('a window outside the RAM', 'RAM', 'window', '--ram', '512M', '--window-addr', '512M')
    fails('a window at the end of the RAM', 'initramfs', 'window', '--ram', '512M', '--window-addr', '496M')
    fails('a window in RAM that is too small', 'RAM|initramfs', 'window', '--ram', '160M')
    fails('a window where a PC may have none', 'RAM', 'window', '--ram', '8G', '--window-addr', '3G')
    long = ' '.join('a%d=%s' % (i, 'x' * 90) for i in range(22))
    fails('more than the kernel takes', '2047 characters', 'boot', '--with', long)
    room = 2047 - len(params('boot')) - 1
    t.equal(len(params('boot', '--with', 'x' * room)), 2047, 'as many as it takes')
    fails('one more', '2047 characters', 'boot', '--with', 'x' * (room + 1))
    t.ok('memmap=16M$0x8000000 ' in params('window', '--ram', '256M'), 'a small guest has its window lower')
    t.ok(params('window', '--size', '64M', '--for', 'qemu').endswith('window-size=64M,size=192M'),
         'a region holds a larger window twice')
    t.ok('trace_event=' in params('boot', '--kernel', '6.1'), 'before 6.4 the top-level buffer is traced')
    t.ok('trace_instance=hypertrace' in params('boot', '--kernel', '6.4.1-x'), 'from 6.4 on the instance')


def record(kernel, wish, *args):
    """Boot with a wish, say something as systemd does, and return the events."""
    directory = vm.scratch()
    with vm.Guest(directory, kernel=kernel, append=params(wish, '--kernel', kernel, *args),
                  device=',size=128M') as guest:
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.ready()
            guest.sh('for i in $(seq 30); do echo "<6>systemd[1]: Reached target test-$i.target"; done >/dev/kmsg')
            guest.sh('mkdir -p /cg && mount -t cgroup2 cg /cg && mkdir /cg/a && rmdir /cg/a')
            size = guest.sh('cat /sys/kernel/tracing/%sbuffer_size_kb' % (
                'instances/hypertrace/' if kernel == '6.12' else ''))
            guest.poweroff()
            recorder.wait()
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', '--names', 'ftrace', out, trace, bound=300)
    return [event for event in vm.ctf(trace) if event.cpu is not None], int(re.match(r'\d+', size).group())


def names_of(events):
    return {re.sub('^.*:', '', event.name) for event in events}


def check_events(t, title, events):
    names = names_of(events)
    wanted = {'sched_switch', 'initcall_start', 'irq_handler_entry', 'softirq_entry', 'console', 'hrtimer_start', 'cgroup_mkdir'}
    t.equal(wanted - names, set(), '%s: there are events of each kind' % title)
    said = [event for event in events if event.name.endswith('console') and 'Reached target test-' in event.text]
    t.equal(len(said), 30, '%s: what is written to the kernel log is in the trace, all of it' % title)
    if title != '6.1 boot+functions':   # there it begins when functions do: after the early initcalls
        first = next(index for index, event in enumerate(events) if event.name.endswith('initcall_start'))
        t.ok(not any(event.name.endswith('initcall_finish') for event in events[:first]), '%s: from the first initcall on' % title)


def boot(t):
    for kernel in ('6.12', '6.1'):
        events, size = record(kernel, 'boot')
        check_events(t, '%s boot' % kernel, events)
        t.ok(8192 <= size < 8300, '%s boot: the buffer has the size asked for' % kernel, size)


def functions(t):
    for kernel in ('6.12', '6.1'):
        events, size = record(kernel, 'boot+functions')
        check_events(t, '%s boot+functions' % kernel, events)
        entries = [event for event in events if 'funcgraph_entry' in event.name]
        depths = sorted({int(event.field('depth')) for event in entries})
        t.note('%s: %d events, %d calls, depths %s' % (kernel, len(events), len(entries), depths))
        t.ok(len(entries) > 1000, '%s boot+functions: there are calls of functions' % kernel, len(entries))
        t.ok(depths and depths[0] == 0 and depths[-1] == 4, '%s boot+functions: as deep as they should be' % kernel, depths)
        t.ok(16384 <= size < 16600, '%s boot+functions: the buffer has the size asked for' % kernel, size)


def window(t):
    words = shell_words(params('window', '--kernel', '6.12', '--ram', '512M', '--for', 'qemu'))
    where = words[3].split(',', 1)[1]
    with vm.Guest(vm.scratch(), kernel='6.12', append=words[1], device=',' + where) as guest:
        guest.ready()
        instance = '/sys/kernel/tracing/instances/window/'
        names = guest.sh('cd %s && cat trace | grep -o " [a-z_]*: " | sort | uniq -c' % instance)
        counts = {name.rstrip(':'): int(count) for count, name in re.findall(r'(\d+)\s+([a-z_]+:)', names)}
        t.equal({'sched_switch', 'initcall_start', 'irq_handler_entry', 'console', 'hrtimer_start'} - set(counts), set(),
                'window: there are events of each kind')
        reserved = guest.sh('grep -i reserved /proc/iomem')
        t.ok('10000000-10ffffff' in reserved, 'window: the kernel keeps off what it reserves', reserved)
        region = guest.region()
        host = region.host()
        region.close()
        t.ok(host['features'] & 1, 'window: QEMU took what is printed for the device')


tap.main(forms, refused, boot, functions, window)
