#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
"""The boot report of small guests: from a recording and from CTF traces of it the
same, of several epochs, with functions, without events of the guest, and against a boot
without tracing.
"""

import glob
import json
import lzma
import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import profile
import tap
import vm

EVENTS = 'sched,initcall,irq,timer,printk'
TRACE = {'6.12': 'trace_instance=hypertrace,' + EVENTS,
         '6.1': 'trace_clock=x86-tsc trace_event=' + EVENTS}


def report(path, *options):
    return json.loads(vm.tool('boot', '--json', *options, path, bound=400).stdout)


def adds_up(t, span, what):
    t.equal(sum(phase['duration_ns'] for phase in span['phases']), span['duration_ns'],
            '%s: the phases add up to the total' % what)
    bad = [phase['id'] for phase in span['phases']
           if sum(phase['wall'].values()) != phase['duration_ns'] or
           sum(phase['chain'].values()) != phase['duration_ns'] or min(phase['wall'].values()) < 0]
    t.equal(bad, [], "%s: each phase's splits add up to it" % what)


def seen(span):
    return [phase['id'] for phase in span['phases'] if phase['is_seen']]


def recorded(directory, kernel, append, work=None, name='rec', **options):
    """A guest from its start to its power-off. Return: the recording."""
    out = os.path.join(directory, name)
    with vm.Guest(directory, kernel=kernel, append='trace_buf_size=16M ' + append, start=False, **options) as guest:
        with vm.Recorder(guest, out) as recorder:
            guest.qmp.call('cont')
            guest.ready()
            if work:
                work(guest)
            guest.poweroff()
            recorder.wait()
    return out


def same_from_ctf(t, kernel):
    directory = vm.scratch()
    recording = recorded(directory, kernel, TRACE[kernel])
    ours = report(recording)
    adds_up(t, ours['boot'], kernel)
    want = ['qemu.start', 'qemu.machine', 'firmware', 'kernel.start', 'initcall.console', 'initcall.early',
            'initcall.device', 'initcall.late', 'kernel.end', 'initramfs']
    t.equal([phase for phase in want if phase not in seen(ours['boot'])], [],
            '%s: the phases of a guest with an initramfs alone are seen' % kernel)
    t.equal(ours['meta']['lost_events'], 0, '%s: nothing is lost' % kernel)
    t.ok(any('end of the boot' in text for text in ours['warnings']), '%s: no marker was seen, and that is said' % kernel)
    t.ok(any(process['exec'] == '/init' and process['pid'] == 1 for process in ours['boot']['processes']),
         '%s: pid 1 is there' % kernel)
    for naming in ('lttng', 'ftrace'):
        trace = os.path.join(directory, naming)
        vm.tool('export', '--to', 'ctf', '--names', naming, recording, trace)
        theirs = report(trace)
        t.equal([phase['end'] for phase in theirs['boot']['phases'][6:]],
                [phase['end'] for phase in ours['boot']['phases'][6:]],
                '%s: the same boundaries from CTF (%s)' % (kernel, naming))
        t.equal([(call['function'], call['start'], call['duration_ns']) for call in theirs['boot']['initcalls']],
                [(call['function'], call['start'], call['duration_ns']) for call in ours['boot']['initcalls']],
                '%s: the same initcalls from CTF (%s)' % (kernel, naming))
        t.equal([(process['pid'], process['start'], process['cpu_ns']) for process in theirs['boot']['processes']],
                [(process['pid'], process['start'], process['cpu_ns']) for process in ours['boot']['processes']],
                '%s: the same processes from CTF (%s)' % (kernel, naming))
    text = vm.tool('boot', recording).stdout
    t.ok('First cause:' in text and re.search(r'^initramfs ', text, re.M), '%s: the text has phases and a cause' % kernel, text)
    return recording, directory


def damaged(t, recording, directory):
    """Bytes changed at random, also in the formats: a report or an error, in any case an end."""
    chance = random.Random(1)
    bad = []
    for number in range(40):
        copy = os.path.join(directory, 'damaged')
        shutil.rmtree(copy, True)
        shutil.copytree(recording, copy)
        files = [path for path in glob.glob(os.path.join(copy, '*', '**'), recursive=True) if os.path.isfile(path)]
        for path in chance.sample(files, 2):
            with open(path, 'r+b') as file:
                size = file.seek(0, os.SEEK_END)
                for _ in range(chance.choice((1, 20, 400)) if size else 0):
                    file.seek(chance.randrange(size))
                    file.write(bytes([chance.randrange(256)]))
        done = vm.tool('boot', '--json', copy, check=False, bound=60)
        good = done.returncode in (0, 3, 5)
        if done.returncode == 0:
            span = json.loads(done.stdout)['boot']
            good = sum(phase['duration_ns'] for phase in span['phases']) == span['duration_ns']
        if not good:
            bad.append((number, done.returncode, done.stderr[-200:]))
    t.equal(bad, [], 'damaged recordings harm nothing')


def on_6_12(t):
    damaged(t, *same_from_ctf(t, '6.12'))


def on_6_1(t):
    same_from_ctf(t, '6.1')


def functions(t):
    directory = vm.scratch()

    def work(guest):
        guest.sh('cd /sys/kernel/tracing/instances/hypertrace && echo vfs_* >set_ftrace_filter && echo function >current_tracer', check=False)
        guest.sh('cat /proc/version >/dev/null; echo nop >/sys/kernel/tracing/instances/hypertrace/current_tracer', check=False)
    recording = recorded(directory, '6.12', TRACE['6.12'], work)
    found = report(recording)['boot']['functions']
    t.ok(found and found['kind'] == 'count' and any(entry['name'].startswith('vfs_') for entry in found['list']),
         'traced functions are counted', found and found['list'][:5])
    folded = os.path.join(directory, 'folded')
    vm.tool('boot', '--folded', folded, recording)
    with open(folded) as file:
        lines = file.read().splitlines()
    t.ok(lines and all(re.match(r'^[^ ]+ \d+$', line) for line in lines), 'folded stacks are written', lines[:5])


def without_tracing(t):
    """Also the control of a traced boot: what the VMM sees is compared."""
    directory = vm.scratch()
    recording = recorded(directory, '6.12', 'nothing=1', name='plain')
    found = report(recording)
    adds_up(t, found['boot'], 'no events')
    t.ok('qemu.start' in seen(found['boot']) and found['shutdown'] and found['warnings'],
         'without events of the guest the report has what the VMM saw', found['warnings'])
    kept = {}
    with vm.Guest(vm.scratch(), append='ht.run=none', shell=False, start=False) as guest:
        kept['args'] = [arg for arg in guest.args if arg != '-S']
        kept['run'] = guest.run
        guest.kill()
        done = vm.tool('boot', '--control', '--json', '--runtime-dir', guest.run, recording, '--',
                       *kept['args'], check=False, bound=200)
    t.ok(done.returncode == 0, '--control runs the command and reports', done.stderr)
    if done.returncode == 0:
        points = [point['name'] for point in json.loads(done.stdout)['points']]
        t.ok('machine-ready' in points and 'driver-up' in points and 'shutdown' in points,
             '--control compares what the VMM sees', points)
    bad = vm.tool('boot', '--control', '--runtime-dir', guest.run, recording, '--', 'false', check=False)
    t.equal(bad.returncode, 1, 'a command that fails is told')


def epochs(t):
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    with vm.Guest(directory, append='trace_buf_size=16M ' + TRACE['6.12'], start=False, reboot=True) as guest:
        with vm.Recorder(guest, out) as recorder:
            guest.qmp.call('cont')
            guest.ready()
            guest.qmp.call('system_reset')
            guest.ready()
            # the driver sends all that there is before it lets the guest end
            guest.poweroff()
            recorder.wait()
    first, second = report(out, '--epoch', '1'), report(out, '--epoch', '2')
    t.ok(first['meta']['epochs'] == [1, 2] and first['meta']['epoch'] == 1 and second['meta']['epoch'] == 2,
         'both epochs are known')
    adds_up(t, first['boot'], 'epoch 1')
    adds_up(t, second['boot'], 'epoch 2')
    t.ok('qemu.start' in seen(first['boot']) and 'qemu.start' not in seen(second['boot']) and
         'initramfs' in seen(second['boot']), 'a later life begins with the reset', seen(second['boot']))
    t.ok(second['meta']['origin_ns'] > first['meta']['origin_ns'], 'each has its own begin')
    t.ok(any('epoch' in text for text in report(out)['warnings']), 'which one is shown is said if nobody asked')
    t.equal(vm.tool('boot', '--epoch', '9', out, check=False).returncode, 3, 'an epoch that is not there')
    t.equal(vm.tool('boot', '--vm', 'nobody', out, check=False).returncode, 3, 'a VM that is not there')
    t.equal(vm.tool('boot', directory, check=False).returncode, 3, 'a directory that is no trace')
    t.equal(vm.tool('boot', check=False).returncode, 2, 'no operand')
    t.equal(vm.tool('boot', '--until', 'x', out, check=False).returncode, 2, 'no marker')


def window(t):
    """No driver: the kernel's own buffer in the window, and a profile of that kernel."""
    profile.get('6.12')
    os.environ['HYPERTRACE_KERNELS'] = profile.STORE
    append = 'ht.module=no memmap=12M$0x10000000 trace_instance=boot@0x10000000:12M,sched,initcall,irq,timer'
    recording = recorded(vm.scratch(), '6.12', append, device=',size=64M,window-addr=0x10000000,window-size=12M')
    found = report(recording)
    adds_up(t, found['boot'], 'window')
    want = ['kernel.start', 'initcall.console', 'initcall.early', 'initcall.device', 'initcall.late', 'kernel.end', 'initramfs']
    t.equal([phase for phase in want if phase not in seen(found['boot'])], [], 'without a driver the same phases are seen')
    t.ok(len(found['boot']['initcalls']) > 300 and any(call['function'] == 'acpi_init' for call in found['boot']['initcalls']),
         'and the initcalls, with their names', [call['function'] for call in found['boot']['initcalls'][:5]])
    os.environ['HYPERTRACE_KERNELS'] = os.path.join(vm.scratch(), 'none')
    for path in glob.glob(os.path.join(recording, '*', '*.0', 'metadata')):
        os.unlink(path)
    t.ok(any('profile' in text for text in report(recording)['warnings']), 'without the profile the report asks for it')


def graph(t):
    """A function graph that trace-cmd recorded, as a recording."""
    directory = vm.scratch()
    data = os.path.join(directory, 'graph.dat')
    with lzma.open(os.path.join(vm.TOP, 'tests/decode/data/graph-6.12.dat.xz')) as packed, open(data, 'wb') as file:
        shutil.copyfileobj(packed, file)
    recording = os.path.join(directory, 'rec')
    subprocess.run([os.path.join(vm.TOP, 'tests/decode/dat-to-recording'), data, recording], check=True,
                   stdout=subprocess.DEVNULL)
    found = report(recording)['boot']['functions']
    names = [entry['name'] for entry in found['list']]
    t.ok(found['kind'] == 'graph' and 'vfs_read' in names and all(re.match(r'^[\w.]+$', name) for name in names),
         'functions of a graph have their names', names[:10])
    t.ok(all(entry['total_ns'] >= entry['self_ns'] >= 0 and entry['max_ns'] <= entry['total_ns'] for entry in found['list']),
         'and their times')
    t.equal(found['tree']['value'], sum(entry['self_ns'] for entry in found['list']), 'the flame graph has all of them')


tap.main(graph, on_6_12, on_6_1, functions, without_tracing, epochs, window)
