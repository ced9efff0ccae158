#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
"""A boot as a whole: the first event is no later than the guest's first
initcall, the last is after its shutdown began, and none between is lost.
On 6.12 with the instance made on the command line, on 6.1 from the top-level buffer.
The kernel's symbols, which come with it, are those that its own kallsyms has.
"""

import hashlib
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

EVENTS = 'sched,initcall,irq'
PRINT_SYMBOLS = os.path.join(vm.BUILD, 'host/tests/decode/print-symbols')


META_SYMBOLS = 6
META_KALLSYMS = 10


def guest_symbols(guest):
    """What the guest's own kallsyms prints of code: count and digest of the kernel's lines, the modules' lines."""
    guest.sh('echo 0 >/proc/sys/kernel/kptr_restrict; grep " [tTwW] " /proc/kallsyms >/tmp/kallsyms')
    kernel = guest.sh("grep -v ']$' /tmp/kallsyms | wc -l; grep -v ']$' /tmp/kallsyms | sha256sum").split()
    return int(kernel[0]), kernel[1], guest.sh("grep ']$' /tmp/kallsyms").splitlines()


def symbols(t, kernel, stream, wanted):
    """The kernel's symbols come as its tables, and say what its own kallsyms says; modules' come as text."""
    lines = subprocess.run([PRINT_SYMBOLS, stream], check=True, capture_output=True).stdout
    t.equal((lines.count(b'\n'), hashlib.sha256(lines).hexdigest()), wanted[:2],
            '%s: the symbols from the tables are those of the guest\'s kallsyms' % kernel)
    text = b''.join(payload for kind, _, payload in vm.metadata(stream) if kind == META_SYMBOLS).decode().splitlines()
    t.ok(all(line.endswith(']') for line in text) and '[virtio_hypertrace]' in ''.join(wanted[2]) and
         set(text) == set(wanted[2]), '%s: only those of modules are text' % kernel,
         sorted(set(text) ^ set(wanted[2]))[:10])


def boot(t, kernel, tracing):
    directory = vm.scratch()
    with vm.Guest(directory, kernel=kernel, append='trace_buf_size=8M initcall_debug ' + tracing) as guest:
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.ready()
            logged = int(guest.sh("dmesg | grep -c '] initcall .* returned '"))
            # The kernel turns syscall events on in vain before there is a process.
            guest.sh('echo 1 >/sys/kernel/tracing/instances/hypertrace/events/syscalls/sys_enter_reboot/enable')
            guest.sh('workload mix 3')
            wanted = guest_symbols(guest)
            ids = re.findall(r'^apicid\s*: (\d+)', guest.sh('cat /proc/cpuinfo'), re.M)
            guest.poweroff()
            t.equal(recorder.wait(), 0, '%s: the recorder ends with the VM' % kernel)
        stream = vm.recording_streams(out, guest.name)[('1.1', 'metadata')]
        symbols(t, kernel, stream, wanted)
        environment = vm.environment(stream)
        t.equal([environment.get('cpu.%d.id' % cpu) for cpu in range(3)], ids + [None],
                '%s: each CPU has the number that the hardware calls it' % kernel)
        trace = os.path.join(directory, 'ctf')
        vm.tool('export', '--to', 'ctf', '--names', 'ftrace', out, trace)
        events = [event for event in vm.ctf(trace) if event.cpu is not None]
        names = [re.sub('^.*:', '', event.name) for event in events]
        t.note('%d events, first %s, last %s' % (len(events), names[0], names[-1]))
        first = names.index('initcall_start')
        t.ok(names.index('initcall_level') < first and 'console' in events[names.index('initcall_level')].text,
             '%s: the first initcall level comes first' % kernel, '\n'.join(e.text for e in events[:10]))
        before = [event for event in events[:first] if event.name.endswith('initcall_finish')]
        t.ok(not before, '%s: no initcall finishes before the first one begins' % kernel)
        starts = names.count('initcall_start')
        t.equal(starts, names.count('initcall_finish'), '%s: every initcall that began is seen to end' % kernel)
        t.ok(starts >= logged > 100, '%s: the trace has all initcalls of the kernel log' % kernel,
             'trace %d, log %d' % (starts, logged))
        reboot = [index for index, name in enumerate(names) if name == 'sys_enter_reboot']
        t.ok(reboot and reboot[-1] < len(names) - 1,
             '%s: the last event is later than the begin of the shutdown' % kernel, names[-10:])
        if reboot:
            t.note('%d events after it, over %.1f ms' % (
                len(names) - 1 - reboot[-1], (events[-1].ns - events[reboot[-1]].ns) / 1e6))
        t.equal(sorted({event.cpu for event in events}), [0, 1], '%s: both CPUs are there' % kernel)
        t.ok(all(a.ns <= b.ns for a, b in zip(events, events[1:])), '%s: the timeline goes forward' % kernel)
        check = vm.tool('check', out, check=False)
        # An instance's clock is `local`: while the kernel finds out what its counter
        # is worth that steps back; check tells that, and finds nothing wrong.
        t.ok(check.returncode == 0 and 'defect:' not in check.stdout and
             'lost: 0 events in the guest, 0 packets missing' in check.stdout,
             '%s: hypertrace check finds nothing lost or damaged' % kernel, check.stdout)


def on_6_12(t):
    boot(t, '6.12', 'trace_instance=hypertrace,' + EVENTS)


def on_6_1(t):
    # Without a clock named, this kernel changes it while it boots and forgets all events.
    boot(t, '6.1', 'trace_clock=x86-tsc trace_event=' + EVENTS)


tap.main(on_6_12, on_6_1)
