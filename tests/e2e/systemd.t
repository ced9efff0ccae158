#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1200
"""Debian with systemd, recorded from the start of the VM to its power-off: with SeaBIOS
and UEFI firmware, by direct kernel boot and by its own GRUB, on one CPU and on four.
The driver comes up in the initramfs, all events from before that are there, and what the
guest says of its boot (kernel log, systemd's own account) is found in the recording.
"""

import collections
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import systemd
import tap
import vm

LINE = re.compile(r'^(-?\d+)\.(\d{9}) \[(\d+|---)\] (?:(.*?) )?(\w+): \{ (.*) \}$')
DAEMONS = ('systemd-udevd', 'systemd-journald', 'systemd-logind', 'dbus-daemon', 'cron', 'agetty')
TARGETS = ('sysinit', 'basic', 'multi-user', 'graphical')

Event = collections.namedtuple('Event', 'ns cpu name text')


def timeline(recording):
    """What `hypertrace view` shows; a gap is an event called `lost`."""
    for line in vm.tool('view', '--names', 'ftrace', recording, bound=400).stdout.splitlines():
        match = LINE.match(line)
        if match:
            seconds, ns, cpu, _, name, text = match.groups()
            yield Event(int(seconds) * 1000000000 + int(ns), None if cpu == '---' else int(cpu), name, text)
        elif '*** lost' in line:
            yield Event(0, None, 'lost', line)
        else:
            raise ValueError('no event: %r' % line[:300])


def message(event):
    def character(match):
        return {'n': '\n', 't': '\t', 'r': '\r'}.get(match.group(1), match.group(1))
    return re.sub(r'\\(.)', character, event.text[len('msg = "'):-1])


def where(events, name, text=''):
    """The index of the first event of that name with that text in it; -1: none."""
    return next((index for index, event in enumerate(events)
                 if event.name == name and text in event.text), -1)


def log(made):
    """The lines of the kernel's log, without their times.

    Not those of a CPU that is on its way up: no tracepoint fires there. It has no
    clock yet either, which tells them.
    """
    clock, starting, online = 0.0, False, True
    for line in made.text('dmesg').splitlines():
        match = re.match(r'\[ *(\d+\.\d+)\] (.*)', line)
        if match:
            line = match.group(2)
            if 'Bringing up secondary CPUs' in line or 'smp: Brought up' in line:
                starting = 'Bringing' in line
            online = not starting or float(match.group(1)) >= clock
            clock = max(clock, float(match.group(1)))
        elif line.startswith(' ' * 15):
            # more of the same message, as far to the right as that began
            line = line[15:]
        if online:
            yield line


def life(t, name, made, events):
    """The VM and the first process, each in the order of its life."""
    execs = [(index, re.search(r'filename = "([^"]*)"', event.text).group(1))
             for index, event in enumerate(events)
             if event.name == 'sched_process_exec' and re.search(r'\bpid = 1,', event.text)]
    at = {path: index for index, path in reversed(execs)}
    order = [where(events, 'vmm_created'), where(events, 'vmm_running'), where(events, 'initcall_start'),
             at.get('/init', -1), where(events, 'module_load', '"virtio_hypertrace"'),
             where(events, 'vmm_driver_up'), at.get('/sbin/init', -1), where(events, 'sys_enter_reboot'),
             where(events, 'vmm_shutdown'), where(events, 'vmm_ended')]
    t.ok(-1 not in order and order == sorted(order),
         '%s: the driver comes up in the initramfs: after /init, before /sbin/init' % name,
         '%s\n%s' % (order, execs))
    last = max(index for index, event in enumerate(events) if event.cpu is not None)
    t.ok(last > order[-3] and where(events, 'console', 'reboot: Power down') > order[-3],
         '%s: events are delivered down to the kernel\'s last words' % name, events[-10:])
    t.equal(sorted({event.cpu for event in events if event.cpu is not None}), list(range(made.cpus)),
            '%s: each CPU has events' % name)
    down = where(events, 'console', 'reboot: Power down')
    gaps = [index for index, event in enumerate(events) if event.name == 'lost']
    t.ok(all(index > down for index in gaps), '%s: nothing is lost before the power is off' % name,
         [events[index] for index in gaps])
    check = vm.tool('check', made.recording, check=False, bound=400)
    t.ok(check.returncode == 0 and '0 packets missing' in check.stdout and 'defects: 0' in check.stdout,
         '%s: hypertrace check finds nothing missing or damaged' % name, check.stdout)
    return order[4]


def early(t, name, made, events, driver):
    """What was traced before the driver existed."""
    t.note('%d events, %d of them from before the driver' % (len(events), driver))
    first = where(events, 'initcall_start')
    level = where(events, 'initcall_level')
    t.ok(-1 < level < first and '"console"' in events[level].text,
         '%s: the first initcall level comes before the first initcall' % name, events[:10])
    traced = collections.Counter(re.search(r'func_symbol = "(\S+?)\+0x0(?: \[\w+\])?"', event.text).group(1)
                                 for event in events[:driver] if event.name == 'initcall_start')
    lines = list(log(made))
    end = next((index for index, line in enumerate(lines) if line.startswith('calling  vht_')), len(lines))
    logged = collections.Counter(match.group(1) for match in
                                 (re.match(r'calling  (\w[\w.]*)\+0x0/', line) for line in lines[:end]) if match)
    t.ok(sum(logged.values()) > 500 and traced >= logged,
         '%s: each initcall of initcall_debug before the driver is in the trace' % name,
         'logged %d, not traced: %s' % (sum(logged.values()), logged - traced))


def words(t, name, made, events):
    """What the kernel and systemd said, in the trace of printk:console."""
    said = [line for event in events if event.name == 'console' for line in message(event).split('\n')]
    lines = list(log(made))
    # The log begins before tracing does: with what the first event says it is the same.
    begin = lines.index(said[0])
    after = [line for line in lines[begin:] if line]
    # What is printed in pieces is one line of the log.
    pieces = ''.join(said)
    missing = [line for line in collections.Counter(after) - collections.Counter(said)
               if line not in pieces]
    t.ok(len(after) > 1000 and not missing, '%s: each line of the kernel\'s log is in the trace' % name,
         '%d lines; missing: %s' % (len(after), missing[:10]))
    reached = [match.group(1) for match in
               (re.match(r'systemd\[1\]: Reached target (\S+)\.target', line) for line in said) if match]
    t.equal([target for target in reached if target in TARGETS], list(TARGETS),
            '%s: the targets of the boot are reached, in order' % name)
    t.ok('poweroff' in reached or 'shutdown' in reached, '%s: and those of the shutdown' % name, reached)
    finished = made.text('analyze').splitlines()[0].strip()
    t.ok(any(finished.rstrip('. ') in line for line in said),
         '%s: systemd\'s account of the boot is in the trace' % name, finished)
    started = {os.path.basename(re.search(r'filename = "([^"]*)"', event.text).group(1))
               for event in events if event.name == 'sched_process_exec'}
    t.ok(started >= set(DAEMONS), '%s: the services\' programs are seen to start' % name,
         set(DAEMONS) - started)


def one(t, name):
    made = systemd.recording(name)
    t.equal(made.text('efi').strip(), 'yes' if made.firmware == 'ovmf' else 'no',
            '%s: it is the firmware that was asked for' % name)
    t.equal('BOOT_IMAGE=' in made.text('cmdline'), made.boot == 'grub', '%s: and the loader' % name)
    t.equal(made.text('failed'), '', '%s: no unit failed' % name)
    events = list(timeline(made.recording))
    driver = life(t, name, made, events)
    early(t, name, made, events, driver)
    words(t, name, made, events)


def tests():
    # With dracut systemd runs twice, and its modules come before the driver: boot/systemd looks at that.
    for name in sorted(systemd.CONFIGS.keys() - {'direct-dracut-1'}):
        def test(t, name=name):
            one(t, name)
        test.__name__ = name
        yield test


tap.main(*tests())
