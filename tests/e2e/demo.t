#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
"""`make demo LTTNG=1`: beside the streams of the driver and of the VMM there are events of LTTng's
kernel session and of the program that LTTng traced, at times when the VM was there."""

import collections
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

DEMO = os.path.join(vm.TOP, 'build-aux', 'demo')
KERNEL = '6.12'
TIME = re.compile(r'\[(\d+)\.(\d{9})\]')


def run(directory):
    return subprocess.run([DEMO, KERNEL, directory], env=dict(os.environ, LTTNG='1'), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', check=False)


def plain(trace):
    """Of a large trace: how many events by stream, and when the first and the last is."""
    counts, ends = collections.Counter(), []
    process = subprocess.Popen(['babeltrace2', '--clock-seconds', '--no-delta', trace],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors='replace')
    for line in process.stdout:
        cpu = re.search(r'\{ cpu_id = (\d+) \}', line)
        counts['cpu' + cpu.group(1) if cpu else 'vmm'] += 1
        ends[1:] = [line]
    process.stdout.close()
    if process.wait():
        raise RuntimeError('babeltrace2 %s: status %d' % (trace, process.returncode))
    first, last = (int(''.join(TIME.match(line).groups())) for line in (ends[0], ends[-1]))
    return counts, first, last


def traces(set_path, domain):
    """Of a guest's LTTng in the set: {directory: events}."""
    found = {}
    for directory, _, names in os.walk(os.path.join(set_path, 'demo@lttng')):
        if 'metadata' in names:
            with open(os.path.join(directory, 'metadata'), errors='replace') as file:
                if 'domain = "%s";' % domain in file.read():
                    found[directory] = list(vm.ctf(directory))
    return found


def names(events):
    return collections.Counter(event.name for event in events)


def demo(t):
    out = os.path.join(vm.scratch(), 'demo')
    done = run(out)
    t.equal(done.returncode, 0, 'the demo ends well')
    if done.returncode:
        t.note('\n'.join(done.stdout.splitlines()[-30:]))
        return
    counts, first, last = plain(os.path.join(out, 'ctf', 'demo'))
    t.ok(min(counts['cpu0'], counts['cpu1']) > 1000 and counts['vmm'] > 0, 'events of both CPUs and of the VMM are exported', counts)
    for domain, what, wanted in (
            ('kernel', "LTTng's kernel session", ('sched_switch', 'syscall_entry_openat')),
            ('ust', 'the program that LTTng traced', ('lttng_ust_libc:malloc', 'lttng_ust_libc:free'))):
        found = traces(os.path.join(out, 'ctf'), domain)
        events = [event for chain in found.values() for event in chain]
        seen = names(events)
        t.ok(all(seen[name] for name in wanted), 'so are those of ' + what, '%s\n%s' % (list(found), seen))
        t.ok(events and all(first <= event.ns <= last for event in events), 'none of which is when the VM was not there',
             '%d to %d' % (first, last))
        t.ok(found and all('%s: %d events' % (directory, len(chain)) in done.stdout.splitlines()
                           for directory, chain in found.items()), 'and the demo says how many they are',
             [line for line in done.stdout.splitlines() if ' events' in line])
        t.note('%s: %d events' % (what, len(events)))
    before = sorted(os.listdir(out))
    done = run(out)
    t.ok(done.returncode == 2 and done.stdout == 'demo: not empty: %s\n' % out and sorted(os.listdir(out)) == before,
         'a directory with something in it is left as it is', done.stdout)


tap.main(demo)
