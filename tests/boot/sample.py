#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A boot report (docs/specs/boot-report.md) that was made up, for tests of its page.

usage: tests/boot/sample.py [--hostile TEXT] [--seed N] >REPORT

The same arguments make the same report: a boot of 2.4 s with 20,000 slices a
vCPU, a shutdown, and functions. With --hostile every text of it is TEXT.
"""

import argparse
import json
import random
import sys

MS = 1000000
SLICES = 20000
VCPUS = 4

# id, name, group, ms
PHASES = [
    ('qemu.start', 'QEMU start', 'vmm', 109), ('qemu.machine', 'machine ready to first vCPU run', 'vmm', 7),
    ('firmware', 'firmware', 'firmware', 236), ('loader', 'boot loader', 'firmware', 141),
    ('decompress', 'kernel decompression', 'firmware', 102),
    ('kernel.start', 'kernel start to first initcall', 'kernel', 113),
    ('initcall.console', 'initcalls: console', 'kernel', 1), ('initcall.early', 'initcalls: early', 'kernel', 4),
    ('initcall.pure', 'initcalls: pure', 'kernel', 1), ('initcall.core', 'initcalls: core', 'kernel', 3),
    ('initcall.postcore', 'initcalls: postcore', 'kernel', 3), ('initcall.arch', 'initcalls: arch', 'kernel', 9),
    ('initcall.subsys', 'initcalls: subsys', 'kernel', 38), ('initcall.fs', 'initcalls: fs', 'kernel', 99),
    ('initcall.device', 'initcalls: device', 'kernel', 341), ('initcall.late', 'initcalls: late', 'kernel', 23),
    ('kernel.end', 'last initcall to first program', 'kernel', 31),
    ('initramfs', 'initramfs', 'initrd', 353), ('pivot', 'root pivot', 'initrd', 0),
    ('userspace.sysinit', 'user space to sysinit.target', 'userspace', 347),
    ('userspace.basic', 'to basic.target', 'userspace', 26),
    ('userspace.multi-user', 'to multi-user.target', 'userspace', 398),
    ('userspace.graphical', 'to graphical.target', 'userspace', 0),
    ('userspace.finish', 'to boot finished', 'userspace', 16),
]
SHUTDOWN = [
    ('shutdown.units', 'stopping units', 'shutdown', 412), ('shutdown.final', 'systemd-shutdown', 'shutdown', 96),
    ('shutdown.kernel', 'kernel', 'shutdown', 43), ('shutdown.vmm', 'VMM', 'shutdown', 6),
]
COMMS = ['systemd', 'udevd', '(udev-worker)', 'kworker/0:1', 'kworker/u8:2', 'dbus-daemon', 'sshd',
         'cron', 'modprobe', 'mount', 'fsck.ext4', 'networkd', 'journald', 'ksoftirqd/1', 'rcu_sched',
         'sh', 'init', 'run-init', 'resolvconf', 'agetty']
UNITS = ['systemd-journald', 'systemd-udevd', 'systemd-udev-trigger', 'systemd-tmpfiles-setup-dev',
         'systemd-random-seed', 'systemd-sysctl', 'systemd-modules-load', 'kmod-static-nodes',
         'systemd-remount-fs', 'systemd-fsck@dev-vda2', 'keyboard-setup', 'networking', 'dbus',
         'systemd-logind', 'cron', 'rsyslog', 'ssh', 'getty@tty1', 'apparmor', 'slow-unit', 'e2scrub_reap',
         'systemd-user-sessions', 'systemd-update-utmp', 'console-setup', 'ifupdown-pre', 'serial-getty@ttyS0']
PREFIXES = ['acpi', 'pci', 'virtio', 'blk', 'ext4', 'tcp', 'inet', 'crypto', 'sysfs', 'proc', 'cgroup', 'rcu',
            'irq', 'usb', 'serial8250', 'tty', 'vga', 'hpet', 'rtc', 'dm', 'netlink', 'ipv6', 'nf', 'key']


def parts(rand, total, names, weights):
    """TOTAL cut into parts, to the nanosecond."""
    shares = [rand.random() * weight for weight in weights]
    whole = sum(shares) or 1
    cut = [int(total * one / whole) for one in shares]
    cut[0] += total - sum(cut)
    return {name + '_ns': one for name, one in zip(names, cut)}


STATES = ['running', 'runnable', 'disk', 'device', 'timer', 'task', 'unknown']
WALL = ['running', 'disk', 'device', 'timer', 'task', 'idle', 'unknown']


def phases(rand, start, table):
    out = []
    for ident, name, group, length in table:
        size = length * MS + (rand.randrange(MS) if length else 0)
        is_dark = group in ('vmm', 'firmware')
        out.append({
            'id': ident, 'name': name, 'group': group, 'start': start, 'end': start + size,
            'duration_ns': size, 'is_seen': bool(length),
            'merged_into': None if length else out[-1]['id'],
            'reason': None if length else 'nothing of it was seen',
            'wall': parts(rand, size, WALL, [0] * 6 + [1] if is_dark else [6, 2, 1, 1, .3, .2, 0]),
            'cpu': parts(rand, size * VCPUS, ['task', 'irq', 'idle', 'unknown'],
                         [0, 0, 0, 1] if is_dark else [4, .4, 8, 0]),
            'chain': {group + '_ns': size} if is_dark else parts(rand, size, STATES, [8, .4, 2, 1, 1, .2, 0]),
            'runnable_ns': 0 if is_dark else rand.randrange(size // 5 + 1),
        })
        start += size
    return out


def vcpu(rand, cpu, begin, start, end):
    tasks = [{'pid': 0 if n == 0 else 30 + 7 * n, 'comm': comm} for n, comm in enumerate(COMMS)]
    slices, now, task = [], start, 0
    step = (end - start) / SLICES
    while len(slices) < SLICES - 1:
        busy = 0.75 if cpu == 0 else 0.35
        state = 1 if rand.random() < busy else 2 if rand.random() < 0.12 else 0
        if state == 1 and rand.random() < 0.3:
            task = rand.randrange(len(tasks))
        size = max(1000, int(rand.expovariate(1 / step)))
        if rand.random() < 0.004:
            size = int(step * rand.randrange(40, 300))
        if now + size >= end:
            break
        slices.append([now, now + size, state, -1 if state == 0 else task])
        now += size
    slices.append([now, end, 0, -1])
    total = [sum(one[1] - one[0] for one in slices if one[2] == state) for state in range(3)]
    return {'cpu': cpu, 'resolution_ns': 0, 'run_ns': total[1], 'irq_ns': total[2], 'idle_ns': total[0],
            'unknown_ns': start - begin, 'tasks': tasks, 'slices': slices}


def initcalls(rand, span_phases):
    out = []
    for phase in span_phases:
        if not phase['id'].startswith('initcall.'):
            continue
        now, end = phase['start'], phase['end']
        while now < end - 20000:
            size = min(int(rand.lognormvariate(11.6, 1.9)), end - now - 1000)
            states = parts(rand, size, STATES, [5, .2, .1, .3, .2, .1, 0] if size > 2 * MS else [1, 0, 0, 0, 0, 0, 0])
            out.append({
                'function': '%s_%s' % (rand.choice(PREFIXES), rand.choice(['init', 'driver_init', 'setup', 'register'])),
                'level': phase['id'][9:], 'start': now, 'end': now + size, 'duration_ns': size,
                'return': -19 if rand.random() < 0.05 else 0, 'pid': 1, 'comm': 'swapper/0',
                'run_ns': states['running_ns'], 'wait_ns': size - states['running_ns'], 'states': states,
                'is_on_chain': size > MS})
            now += size + 2000
    long = max(out, key=lambda one: one['duration_ns'])
    long['function'] = 'slow_init'
    return out


def processes(rand, start, end):
    out = []
    for n in range(260):
        begin = start + int((end - start) * (rand.random() ** 1.2) * 0.97) if n else start
        size = int(rand.lognormvariate(16.5, 1.4))
        stop = begin + size if begin + size < end and n else None
        lasts = (stop or end) - begin
        waits = parts(rand, lasts, ['cpu', 'runnable', 'disk', 'device', 'timer', 'task', 'other'],
                      [3, .3, 1, .4, .5, 3, .2])
        cpu, runnable = waits.pop('cpu_ns'), waits.pop('runnable_ns')
        comm = 'systemd' if n == 0 else rand.choice(COMMS)
        out.append({
            'pid': 1 if n == 0 else 80 + n, 'comm': comm, 'exec': '/usr/lib/systemd/' + comm if n % 3 else None,
            'parent': None if n == 0 else 1, 'start': begin, 'end': stop, 'cpu_ns': cpu, 'runnable_ns': runnable,
            'waits': waits, 'unit': rand.choice(UNITS) + '.service' if n % 2 else None,
            'is_kernel': comm.startswith(('kworker', 'ksoftirqd', 'rcu')), 'is_on_chain': n % 40 == 0})
    return sorted(out, key=lambda one: one['start'])


def units(rand, start, end):
    out = []
    for n, name in enumerate(UNITS):
        begin = start + int((end - start) * (n + rand.random()) / len(UNITS) * 0.85)
        size = int(rand.lognormvariate(16.2, 1.1))
        if name == 'slow-unit':
            size = int(0.22 * (end - start))
        is_failed = name == 'networking'
        is_oneshot = n % 4 == 2
        up = min(begin + size, end)
        out.append({
            'name': name + '.service', 'type': 'service', 'description': name.replace('-', ' ').title(),
            'start': begin, 'active': None if is_failed else up, 'end': up if is_failed or is_oneshot else None,
            'duration_ns': None if is_failed else up - begin,
            'result': 'failed' if is_failed else 'stopped' if is_oneshot else 'active',
            'cpu_ns': size // 3, 'source': 'log', 'is_on_chain': name == 'slow-unit'})
    for name, share in (('sysinit', 0.44), ('basic', 0.47), ('multi-user', 0.98)):
        at = start + int((end - start) * share)
        out.append({'name': name + '.target', 'type': 'target', 'description': None, 'start': at, 'active': at,
                    'end': None, 'duration_ns': 0, 'result': 'active', 'cpu_ns': 0, 'source': 'log',
                    'is_on_chain': True})
    return sorted(out, key=lambda one: one['start'])


def chain(rand, span_phases):
    out = []
    for phase in span_phases:
        now, end = phase['start'], phase['end']
        if phase['group'] in ('vmm', 'firmware'):
            out.append({'start': now, 'end': end, 'state': phase['group'], 'pid': None, 'comm': None,
                        'owner': {'kind': 'phase', 'name': phase['name']}, 'detail': None})
            continue
        while now < end:
            size = min(int(rand.lognormvariate(15.4, 1.3)) + 1000, end - now)
            state = rand.choices(STATES, [9, 1, 3, 1.5, 1.5, 1, .1])[0]
            kind = 'initcall' if phase['id'].startswith('initcall') else 'unit'
            name = 'slow_init' if kind == 'initcall' else rand.choice(UNITS) + '.service'
            details = {'disk': 'virtio0-req.0', 'timer': 'hrtimer_wakeup', 'task': 'woken by systemd [1]'}
            out.append({'start': now, 'end': now + size, 'state': state, 'pid': 1, 'comm': rand.choice(COMMS),
                        'owner': {'kind': kind, 'name': name}, 'detail': details.get(state)})
            now += size
    return out


def causes(links):
    found = {}
    for link in links:
        key = (link['owner']['kind'], link['owner']['name'], link['state'])
        found.setdefault(key, []).append(link)
    out = []
    for (kind, name, state), some in found.items():
        size = sum(one['end'] - one['start'] for one in some)
        top = max(some, key=lambda one: one['end'] - one['start'])
        verb = {'running': 'runs', 'runnable': 'waits for a CPU', 'vmm': 'takes', 'firmware': 'takes'}.get(
            state, 'waits for a ' + state)
        out.append({'owner': {'kind': kind, 'name': name}, 'state': state, 'duration_ns': size,
                    'start': top['start'], 'end': top['end'],
                    'text': '%s %s %s, %.1f ms' % (kind, name, verb, size / MS)})
    return sorted(out, key=lambda one: -one['duration_ns'])[:20]


def functions(rand):
    names = ['%s_%s' % (a, b) for a in PREFIXES for b in ('probe', 'read', 'lock', 'alloc', 'add', 'find', 'init')]

    def node(name, value, depth, budget):
        """A function and what it calls, at most BUDGET of them."""
        children, rest = [], int(value * rand.uniform(0.75, 1))
        budget -= 1
        while depth < 28 and rest > 5000 and budget > 0 and len(children) < 7:
            size = int(rest * rand.uniform(0.2, 0.85))
            part = max(1, budget * size // (rest or 1))
            children.append(node(rand.choice(names), size, depth + 1, part))
            budget -= part
            rest -= size
        return {'name': name, 'value': value, 'children': children}

    tree = {'name': 'all', 'value': 900 * MS, 'children': [
        node('do_one_initcall', 520 * MS, 1, 3500), node('do_syscall_64', 240 * MS, 1, 1500),
        node('asm_common_interrupt', 90 * MS, 1, 500), {'name': '(other)', 'value': 30 * MS, 'children': []}]}
    table = []
    for n, name in enumerate(names):
        self_ns = int(60 * MS / (n + 1))
        calls = rand.randrange(1, 40000)
        table.append({'name': name, 'calls': calls, 'total_ns': self_ns * 3, 'self_ns': self_ns,
                      'max_ns': self_ns // 2})
    return {'kind': 'graph', 'calls': sum(one['calls'] for one in table), 'has_overrun': False,
            'list': table, 'tree': tree}


def span(rand, start, table, is_boot):
    some = phases(rand, start, table)
    end = some[-1]['end']
    kernel = next((one for one in some if one['group'] == 'kernel'), some[0])['start']
    user = next((one for one in some if one['group'] in ('userspace', 'shutdown')), some[0])['start']
    links = chain(rand, some)
    marks = []
    if is_boot:
        marks = [{'time': some[1]['end'], 'kind': 'vmm', 'name': 'run', 'text': 'first vCPU runs',
                  'port': None, 'value': None},
                 {'time': some[3]['start'], 'kind': 'port', 'name': 'loader begins', 'text': None,
                  'port': 0xf4, 'value': 3},
                 {'time': user, 'kind': 'exec', 'name': '/sbin/init', 'text': None, 'port': None, 'value': None},
                 {'time': end - 16 * MS, 'kind': 'target', 'name': 'multi-user.target', 'text': None,
                  'port': None, 'value': None}]
    totals = {'total': end - start}
    for one in some:
        totals[one['group']] = totals.get(one['group'], 0) + one['duration_ns']
    return {
        'start': start, 'end': end, 'duration_ns': end - start, 'phases': some, 'totals': totals,
        'initcalls': initcalls(rand, some) if is_boot else [],
        'processes': processes(rand, user - (400 * MS if is_boot else 0), end),
        'units': units(rand, user, end),
        'vcpus': [vcpu(rand, cpu, start, kernel + 20 * MS if is_boot else start, end) for cpu in range(VCPUS)],
        'chain': links, 'causes': causes(links), 'marks': marks,
        'functions': functions(rand) if is_boot else None,
    }


def report(seed=1):
    rand = random.Random(seed)
    boot = span(rand, 0, PHASES, True)
    shutdown = span(rand, boot['end'] + 3000 * MS, SHUTDOWN, False)
    return {
        'format': 'hypertrace-boot', 'version': 1,
        'meta': {
            'tool': 'hypertrace 0.1.0', 'input': '/var/lib/hypertrace/web-1', 'kind': 'recording',
            'vm': 'web-1', 'vmm': 'QEMU 10.0.13', 'uuid': '1b4e28ba-2fa1-11d2-883f-0016d3cca427',
            'epoch': 1, 'epochs': [1, 2], 'kernel': '6.12.48+deb13-amd64',
            'command_line': 'root=/dev/vda2 ro quiet trace_instance=hypertrace,sched:*,initcall:*',
            'vcpus': VCPUS, 'origin_ns': 81234567890123, 'origin_real_ns': 1750000000123456789, 'events': 412345,
            'first_event': 618 * MS, 'last_event': shutdown['end'], 'lost_events': 0, 'has_unknown_loss': False,
            'clock_error_ns': 1840, 'sources': {'sched': 300123, 'irq': 84000, 'initcall': 1620, 'timer': 26602},
            'marker': {'name': 'multi-user.target', 'what': 'systemd reaches multi-user.target',
                       'time': boot['end'], 'is_found': True},
        },
        'boot': boot, 'shutdown': shutdown,
        'warnings': ['No mark of the boot loader was seen; its begin is taken from the first port write.'],
    }


def spoil(value, hostile, keep=('format',)):
    """VALUE with every text replaced, names of members but those we know too."""
    if isinstance(value, dict):
        return {key: one if key in keep else spoil(one, hostile, ()) for key, one in value.items()}
    if isinstance(value, list):
        return [spoil(one, hostile, ()) for one in value]
    return hostile if isinstance(value, str) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--hostile', metavar='TEXT')
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    made = report(args.seed)
    if args.hostile is not None:
        made = spoil(made, args.hostile)
    json.dump(made, sys.stdout, ensure_ascii=False)
    print()


if __name__ == '__main__':
    main()
