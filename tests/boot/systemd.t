#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1500
"""The boot report of whole boots of Debian with systemd: its parts add up, it agrees
with what the guest says of the same boot (systemd-analyze, initcall_debug), and an
initcall and a unit that sleep are named as first causes.
"""

import glob
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import systemd
import tap
import vm

HERE = os.path.dirname(os.path.abspath(__file__))
PHASES = 24
STATES = ('running', 'runnable', 'disk', 'device', 'timer', 'task', 'unknown')


def report(path, *options):
    return json.loads(vm.tool('boot', '--json', *options, path, bound=400).stdout)


def adds_up(t, span, vcpus, what):
    """The sums that docs/specs/boot-report.md promises."""
    phases = span['phases']
    t.equal(sum(phase['duration_ns'] for phase in phases), span['duration_ns'],
            '%s: the phases add up to the total' % what)
    t.ok(phases[0]['start'] == span['start'] and phases[-1]['end'] == span['end'] and
         all(a['end'] == b['start'] for a, b in zip(phases, phases[1:])),
         '%s: no gap and no overlap between phases' % what)
    bad = [phase['id'] for phase in phases
           if sum(phase['wall'].values()) != phase['duration_ns'] or
           sum(phase['cpu'].values()) != phase['duration_ns'] * vcpus or
           sum(phase['chain'].values()) != phase['duration_ns'] or
           min(list(phase['wall'].values()) + list(phase['cpu'].values())) < 0]
    t.equal(bad, [], "%s: each phase's splits add up to it" % what)
    chain = span['chain']
    t.ok(chain[0]['start'] == span['start'] and chain[-1]['end'] == span['end'] and
         all(a['end'] == b['start'] for a, b in zip(chain, chain[1:])),
         '%s: the chain covers it' % what)
    t.ok(all(phase['is_seen'] or (phase['reason'] and phase['merged_into']) for phase in phases),
         '%s: what is not seen says why, and where its time is' % what)
    for vcpu in span['vcpus']:
        slices = vcpu['slices']
        if len(slices) > 20000 or any(a[1] > b[0] for a, b in zip(slices, slices[1:])):
            t.ok(False, '%s: slices of vCPU %d are in order and bounded' % (what, vcpu['cpu']))


def seconds(text):
    """systemd's '1min 2.345s', '900ms'."""
    units = {'min': 60, 's': 1, 'ms': 1e-3, 'us': 1e-6}
    return sum(float(value) * units[unit] for value, unit in re.findall(r'([\d.]+)(min|ms|us|s)\b', text))


def clock_loss(made, found):
    """How much less than the host's clock the guest's CLOCK_MONOTONIC counted, in ns.

    Until it finds a better clock the guest counts ticks, and one that is not run in
    time loses some. The kernel's own stamp of the message about the better clock, less
    the message's time on the host, is that loss; systemd's times have it in them.
    """
    stamp = re.search(r'^\[ *(\d+\.\d+)\] clocksource: Switched to clocksource', made.text('dmesg'), re.M)
    lines = vm.tool('view', '-e', 'printk:console', made.recording, bound=400).stdout
    seen = re.search(r'^(\d+)\.(\d{9}) .*clocksource: Switched to clocksource', lines, re.M)
    if not stamp or not seen:
        return 0
    host = int(seen.group(1)) * 1000000000 + int(seen.group(2)) - found['meta']['origin_ns']
    start = [phase for phase in found['boot']['phases'] if phase['id'] == 'kernel.start'][0]['start']
    return host - start - int(float(stamp.group(1)) * 1e9)


def loading(made, found):
    """How long after its exec systemd may have taken its first stamp, in ns: until it speaks."""
    lines = vm.tool('view', '-e', 'printk:console', made.recording, bound=400).stdout
    seen = re.search(r'^(\d+)\.(\d{9}) .*"systemd\[1\]: ', lines, re.M)
    run = [mark['time'] for mark in found['boot']['marks'] if mark['kind'] == 'exec'][-1]
    return int(seen.group(1)) * 1000000000 + int(seen.group(2)) - found['meta']['origin_ns'] - run


def near(t, ours, theirs, part, what, slack=0):
    low, high = theirs - max(slack, 0), theirs - min(slack, 0)
    t.ok(low - part * theirs <= ours <= high + part * theirs, '%s agrees within %d %%' % (what, part * 100),
         'report %.3f s, guest %.3f s, of which %.3f s may be the other part' % (ours / 1e9, theirs / 1e9, slack / 1e9))
    t.note('%s: report %.3f s, guest %.3f s' % (what, ours / 1e9, theirs / 1e9))


def analyze(t, made, found):
    """systemd-analyze counts the initramfs to the kernel where no systemd runs in it."""
    said = made.text('analyze').splitlines()[0]
    parts = {name: seconds(text) * 1e9 for text, name in re.findall(r'([\w. ]+?) \((\w+)\)', said.split(' in ')[1])}
    totals = found['boot']['totals']
    loss = clock_loss(made, found)
    t.note('%s: %s; the guest clock lost %.3f s' % (made.name, said, loss / 1e9))
    # The report's user space begins with the exec, systemd's when it has been loaded.
    slack = loading(made, found)
    kernel = totals['kernel'] + (0 if 'initrd' in parts else totals['initrd'])
    near(t, kernel, parts['kernel'] + loss, 0.05, '%s: kernel%s' % (
        made.name, '' if 'initrd' in parts else ' with initramfs'), slack)
    if 'initrd' in parts:
        near(t, totals['initrd'], parts['initrd'], 0.05, '%s: initrd' % made.name)
    near(t, totals['userspace'], parts['userspace'], 0.05, '%s: userspace' % made.name, -slack)
    near(t, kernel + totals['userspace'], parts['kernel'] + loss + parts['userspace'], 0.05, '%s: both' % made.name)


def initcalls(t, made, found):
    """The kernel stamps with a clock of ticks before it finds a better one: only later ones."""
    text = made.text('dmesg')
    text = text[text.find('Switched to clocksource'):]
    said = {}
    for name, usecs in re.findall(r'initcall (\w+)\+0x0/0x\w+ returned -?\d+ after (\d+) usecs', text):
        said.setdefault(name, []).append(int(usecs) * 1000)
    ours = {}
    for initcall in found['boot']['initcalls']:
        if initcall['duration_ns'] is not None:
            ours.setdefault(initcall['function'], []).append(initcall['duration_ns'])
    # Names that several functions have cannot be told apart.
    both = [name for name in said if len(said[name]) == 1 and len(ours.get(name, [])) == 1]
    t.ok(len(both) > 200, '%s: the initcalls of the kernel log are in the report' % made.name, len(both))
    # The two look at the same moments one behind the other; a task may come between them.
    far = [(name, said[name][0], ours[name][0]) for name in both
           if abs(said[name][0] - ours[name][0]) > 1000000 + said[name][0] * 0.02]
    t.ok(len(far) <= len(both) * 0.02, "%s: their times agree with the kernel's" % made.name, far[:20])
    near(t, sum(ours[name][0] for name in both), sum(said[name][0] for name in both), 0.05,
         '%s: the time in %d initcalls' % (made.name, len(both)))


def whole(t):
    for config in ('direct-seabios-1', 'direct-seabios-4', 'direct-dracut-1', 'grub-ovmf-4'):
        made = systemd.recording(config)
        found = report(made.recording)
        vcpus = found['meta']['vcpus']
        t.equal(vcpus, made.cpus, '%s: all vCPUs are there' % config)
        t.equal(len(found['boot']['phases']), PHASES, '%s: always the same phases' % config)
        adds_up(t, found['boot'], vcpus, config)
        adds_up(t, found['shutdown'], vcpus, config + ', shutdown')
        t.ok(found['meta']['marker']['is_found'] and 'startup is finished' in found['meta']['marker']['what'],
             '%s: the boot ends when systemd says so' % config, found['meta']['marker'])
        unseen = [phase['id'] for phase in found['boot']['phases'] if not phase['is_seen']]
        # systemd leaves its initramfs by itself: no program is run for it.
        may_miss = {'loader', 'decompress'} | ({'pivot'} if config == 'direct-dracut-1' else set())
        t.equal(sorted(set(unseen) - may_miss), [], '%s: all but unmarked phases are seen' % config)
        names = {unit['name']: unit for unit in found['boot']['units']}
        want = ('systemd-journald.service', 'systemd-udevd.service', 'multi-user.target', 'systemd-logind.service')
        t.ok(all(name in names for name in want), '%s: units are there' % config, sorted(names))
        t.ok(names['systemd-udevd.service']['cpu_ns'] > 0, "%s: a unit's processes are known" % config)
        analyze(t, made, found)
        initcalls(t, made, found)


def build_delay(directory):
    """The module that sleeps, built as a user would."""
    with open(os.path.join(vm.BUILD, 'kernel-6.12', 'release')) as file:
        release = file.read().strip()
    headers = [path for path in ('/lib/modules/%s/build' % release, '/usr/src/linux-headers-' + release)
               if os.path.exists(os.path.join(path, 'Makefile'))]
    source = os.path.join(directory, 'delay')
    os.makedirs(source)
    with open(os.path.join(HERE, 'delay.c')) as old, open(os.path.join(source, 'delay.c'), 'w') as new:
        new.write(old.read())
    with open(os.path.join(source, 'Kbuild'), 'w') as file:
        file.write('obj-m := delay.o\n')
    subprocess.run(['make', '-C', headers[0], 'M=' + source, 'modules'], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    return os.path.join(source, 'delay.ko')


# After all else: on a busy host another unit may take longer, and then that is the cause.
SLOW = b"""[Unit]
Description=A delay for tests
After=systemd-logind.service systemd-user-sessions.service dbus.service cron.service e2scrub_reap.service
After=networking.service ht-shell.service getty@tty1.service serial-getty@ttyS0.service
[Service]
Type=oneshot
ExecStart=/bin/sleep 3
"""
NEEDS_SLOW = b"""[Unit]
Wants=slow.service
After=slow.service
"""


def delays(t):
    directory = vm.scratch()
    base = systemd.recording('direct-seabios-1').recording
    for kind, name, files in (
            ('initcall', 'delay:init', {'ht-extra/delay.ko': build_delay(directory)}),
            ('unit', 'slow.service', {
                'ht-extra/run/systemd/system/slow.service': SLOW,
                'ht-extra/run/systemd/system/multi-user.target.d/slow.conf': NEEDS_SLOW})):
        out = os.path.join(directory, kind)
        systemd.record(out, initrd_files=files)
        recording = os.path.join(out, 'recording')
        found = report(recording)
        first = found['boot']['causes'][0]
        t.note(first['text'])
        t.equal((first['owner'], first['state']), ({'kind': kind, 'name': name}, 'timer'),
                'a sleeping %s is the first cause' % kind)
        diff = json.loads(vm.tool('boot', '--diff', '--json', base, recording, bound=400).stdout)
        cause = diff['first_cause']
        t.ok((cause['kind'], cause['name']) == (kind, name) and cause['delta_ns'] > 0,
             '--diff names the sleeping %s' % kind, cause)
        t.ok(any(entry['name'] == name and entry['a_ns'] is None for entry in diff[kind + 's']),
             '--diff knows that it was not there before')
        limit = vm.tool('boot', '--fail-if', '%s:%s > 500ms' % (kind, name), recording, check=False)
        t.equal(limit.returncode, 7, '--fail-if tells it')


tap.main(whole, delays)
