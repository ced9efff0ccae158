#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
# alone: a lab takes all CPUs that there are
"""`hypertrace record --host` on a real kernel: the host's events in a recording, as many as
its kernel says it wrote, the same that trace-cmd sees, beside a guest under KVM; and
what happens where something is missing, is killed, or has no room."""

import configparser
import glob
import importlib.machinery
import json
import os
import re
import signal
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lab
import tap
import vm

TRACING = '/sys/kernel/tracing'
INSTANCES = TRACING + '/instances'
WORKLOAD = os.path.join(vm.BUILD, 'workload')


def instances():
    return sorted(name for name in os.listdir(INSTANCES) if name.startswith('hypertrace-'))


def write(path, text):
    with open(path, 'w') as file:
        file.write(text)


def read(path):
    with open(path, errors='replace') as file:
        return file.read()


class HostRecorder:
    """A running `hypertrace record --host`."""

    def __init__(self, out, *options, runtime=None, ready=True):
        self.out = out
        self.argv = [vm.HYPERTRACE, 'record', '--host', '--runtime-dir', runtime or '/nowhere', '-o', out, *options]
        self.log_path = out + '.log'
        with open(self.log_path, 'w') as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.instance = os.path.join(INSTANCES, 'hypertrace-%d' % self.process.pid)
        if ready:
            vm.wait_for('the instance to trace', self.is_tracing)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def log(self):
        return read(self.log_path)

    def is_tracing(self):
        if self.process.poll() is not None:
            raise RuntimeError('the recorder ended: %s' % self.log())
        try:    # an instance is made with tracing on, but the files are made before it begins
            return os.path.exists(self.path('ftrace.hypertrace-cpu0')) and \
                read(self.instance + '/tracing_on').strip() == '1'
        except OSError:
            return False

    def has_metadata(self):
        """Is all of the metadata in the recording? The recorder is busy with it for a while."""
        return any(content[-16:-12] == b'\x09\0\0\0' for _, content in vm.packets(self.path('metadata')))

    def path(self, name):
        """A file of the newest run."""
        runs = sorted(glob.glob(os.path.join(self.out, '@host', '1.*')))
        return os.path.join(runs[-1] if runs else self.out, name)

    def stats(self):
        """What the kernel wrote, and what of it was lost, for each CPU."""
        found = {}
        for path in glob.glob(self.instance + '/per_cpu/cpu*/stats'):
            values = {key: int(value) for key, value in re.findall(r'^([a-z ]+): (\d+)$', read(path), re.M)}
            lost = values['overrun'] + values['commit overrun'] + values['dropped events']
            found[int(re.search(r'cpu(\d+)/', path).group(1))] = (values['entries'] + values['read events'], lost)
        return found

    def settled_stats(self):
        """The same, once nothing is traced any more."""
        write(self.instance + '/tracing_on', '0')
        last = None
        while last != (last := self.stats()):
            pass
        return last

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return self.process.wait(vm.BOUND)


def check(out):
    """Exit status, and what `check` says of each CPU: (events, decoded, lost)."""
    done = vm.tool('check', out, check=False, bound=400)
    rows = {}
    for cpu, events, decoded, lost in re.findall(
            r'1\.\d+/ftrace\.hypertrace-cpu(\d+)\s+\d+\s+(\d+)\s+(\d+)\s+(\d+)\s+0  closed', done.stdout):
        rows[int(cpu)] = (int(events), int(decoded), int(lost))
    return done, rows


def is_exact(t, what, written, out):
    done, rows = check(out)
    t.ok('defects: 0\n' in done.stdout, '%s: check finds no defect' % what, done.stdout)
    for cpu, (events, lost) in sorted(written.items()):
        t.equal(rows.get(cpu), (events, events, lost),
                '%s: CPU %d: %d events written, %d lost, and no other' % (what, cpu, events, lost))
    return rows


def test_exact(t):
    """Events in are events out, also from a buffer that overflows."""
    out = os.path.join(vm.scratch(), 'rec')
    with HostRecorder(out) as recorder:
        vm.wait_for('the metadata', recorder.has_metadata)
        # so that there is more at once than goes through a pipe
        recorder.process.send_signal(signal.SIGSTOP)
        subprocess.run([WORKLOAD, 'mix', '300'], check=True, stdout=subprocess.DEVNULL)
        recorder.process.send_signal(signal.SIGCONT)
        subprocess.run([WORKLOAD, 'mix', '20'], check=True, stdout=subprocess.DEVNULL)
        written = recorder.settled_stats()
        t.equal(recorder.stop(), 0, 'default events: the recorder ends as it should')
    t.equal(instances(), [], 'and its instance is gone')
    is_exact(t, 'default events', written, out)
    t.ok(sum(events for events, _ in written.values()) > 1000, 'and there were some', written)
    t.equal(sum(lost for _, lost in written.values()), 0, 'and none was lost')

    out = os.path.join(vm.scratch(), 'small')
    with HostRecorder(out, '--host-events', 'sched,irq:*,raw_syscalls:sys_*', '--host-buffer', '8K') as recorder:
        for _ in range(3):
            recorder.process.send_signal(signal.SIGSTOP)
            subprocess.run([WORKLOAD, 'mix', '100'], check=True, stdout=subprocess.DEVNULL)
            recorder.process.send_signal(signal.SIGCONT)
            subprocess.run([WORKLOAD, 'mix', '100'], check=True, stdout=subprocess.DEVNULL)
        written = recorder.settled_stats()
        recorder.stop(signal.SIGTERM)
    t.ok(all(lost > 100 for _, lost in written.values()), 'a buffer of 8 KiB overflows', written)
    is_exact(t, 'overflow', written, out)
    t.equal(instances(), [], 'and its instance is gone after SIGTERM')


def test_formats(t):
    """All events that the kernel has, decoded."""
    out = os.path.join(vm.scratch(), 'rec')
    events = [line for line in read(TRACING + '/available_events').split() if not line.startswith('ftrace:')]
    with HostRecorder(out, '--host-events', '*:*', '--host-buffer', '8M', ready=False) as recorder:
        vm.wait_for('the instance to trace', recorder.is_tracing, 300)
        t.equal(len(read(recorder.instance + '/set_event').split()), len(events),
                'all %d events are enabled' % len(events))
        subprocess.run([WORKLOAD, 'mix', '20'], check=True, stdout=subprocess.DEVNULL)
        written = recorder.settled_stats()
        t.equal(recorder.stop(), 0, 'the recorder ends')
    is_exact(t, 'all events', written, out)
    names = set()
    text = subprocess.run([vm.HYPERTRACE, 'view', '--names', 'ftrace', out], capture_output=True, text=True,
                          errors='replace', check=True).stdout
    for line in text.splitlines():
        match = re.search(r' ([\w:]+): \{', line)
        if match:
            names.add(match.group(1))
    t.ok(len(names) > 20 and not any('unknown' in name for name in names),
         '%d kinds of events came, and each has its format' % len(names), sorted(names))
    trace = os.path.join(vm.scratch(), 'ctf')
    vm.tool('export', '--to', 'ctf', out, trace, bound=400)
    count = sum(1 for event in vm.ctf(trace))
    t.equal(count, sum(events for events, _ in written.values()), 'babeltrace2 reads them from the exported trace')


def load_comparison():
    """The functions of tests/e2e/trace-cmd.t, without running it."""
    path = os.path.join(vm.TOP, 'tests/e2e/trace-cmd.t')
    run, tap.main = tap.main, lambda *tests: None
    try:
        return importlib.machinery.SourceFileLoader('trace_cmd', path).load_module()
    finally:
        tap.main = run


def test_trace_cmd(t):
    """The same events as trace-cmd in a second instance."""
    theirs = load_comparison()
    directory = vm.scratch()
    out, second, dat = os.path.join(directory, 'rec'), INSTANCES + '/second', os.path.join(directory, 't.dat')
    events = ('sched:sched_switch', 'sched:sched_waking', 'sched:sched_wakeup', 'sched:sched_migrate_task', 'irq:*')
    os.mkdir(second)
    write(second + '/trace_clock', 'mono')
    write(second + '/buffer_size_kb', '32768')
    for name in events:
        write(second + '/events/%s/enable' % name.replace(':*', '').replace(':', '/'), '1')
    with HostRecorder(out, '--host-events', ','.join(events)) as recorder:
        subprocess.run([WORKLOAD, 'mix', '50'], check=True, stdout=subprocess.DEVNULL)
        recorder.stop()
    write(second + '/tracing_on', '0')
    t.ok('overrun: 0\n' in read(second + '/per_cpu/cpu0/stats') and 'overrun: 0\n' in read(second + '/per_cpu/cpu1/stats'),
         'the second instance lost nothing')
    subprocess.run(['trace-cmd', 'extract', '-B', 'second', '-o', dat], check=True, cwd=directory,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # extract has removed the instance
    other = theirs.read_theirs(dat)
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', '--names', 'ftrace', out, trace, bound=400)
    ours = [event for event in vm.ctf(trace) if event.cpu is not None]
    for event in ours:
        event.name = re.sub('^.*:', '', event.name)
    t.ok(len(ours) > 1000, 'there is something to compare: %d events' % len(ours))
    wrong, off = [], []
    made = configparser.ConfigParser()
    made.read(os.path.join(out, 'recording.ini'))
    since = int(made['recording']['start_real_ns']) - int(made['recording']['start_mono_ns'])
    for cpu in (0, 1):
        mine = [event for event in ours if event.cpu == cpu]
        there = [event for event in other if event.cpu == cpu]
        # what runs here repeats itself: sixteen equal events are not always the same ones
        start = theirs.begin(mine, there, is_near=lambda event, twin: abs(event.ns - twin.ns - since) < 1000000)
        pairs, _, alone = theirs.pair(mine, there[start:])
        t.ok(alone is None and len(pairs) == len(mine), 'CPU %d: each of our %d events is one of theirs' % (cpu, len(mine)),
             alone and '%s %s' % (alone.name, alone.text))
        for event, twin in pairs:
            wrong += ['%s.%s: ours %r, theirs %r' % (event.name, name, event.field(name), value)
                      for name, value in twin.fields.items() if not theirs.same(event, name, value)]
        off += [event.ns - twin.ns for event, twin in pairs]
    t.ok(not wrong, 'with the same fields', '\n'.join(sorted(set(wrong))))
    # one clock, read once for each instance; the exported trace counts from 1970
    middle = statistics.median(off)
    near = sum(1 for value in off if abs(value - middle) < 1000000)
    t.ok(near > len(off) * 0.98, 'at the same time (%d of %d within 1 ms)' % (near, len(off)))


def test_killed(t):
    """What a recorder leaves that was killed; others that live; a second run."""
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    with HostRecorder(out) as killed, HostRecorder(os.path.join(directory, 'living')) as living:
        killed_file = killed.path('ftrace.hypertrace-cpu0')
        vm.wait_for('an event', lambda: any(header['type'] == 1 for header, _ in
                                            vm.packets(killed_file)))
        killed.stop(signal.SIGKILL)
        t.equal(len(instances()), 2, 'a killed recorder leaves its instance')
        with HostRecorder(out) as again:
            t.equal(instances(), sorted(os.path.basename(one.instance) for one in (living, again)),
                    'the next one removes it, and not that of one that lives')
            t.equal(again.stop(), 0, 'it goes on with the recording')
        t.equal(living.stop(), 0, 'the living one was not disturbed')
        t.equal(instances(), [], 'and in the end there is no instance')
    t.equal(sorted(name for name in os.listdir(out + '/@host')), ['1.1', '1.2', 'host.ini'], 'a run of its own')
    text = vm.tool('view', out, bound=400).stdout
    t.ok(text.count('\n') > 10, 'both runs can be read')
    t.ok('not closed: ' in check(out)[0].stdout, 'check knows that one was killed')
    t.ok('defects: 0\n' in check(os.path.join(directory, 'living'))[0].stdout, 'and the living one is whole')

    ini = os.path.join(out, 'recording.ini')
    text = re.sub('boot_id=.', 'boot_id=x', read(ini))
    write(ini, text)
    done = vm.tool('record', '--host', '--for', '1', '-o', out, '--runtime-dir', '/nowhere', check=False)
    t.equal(done.returncode, 5, 'a recording of another boot is refused')
    t.ok('another boot' in done.stderr and 'boot_id=x' in done.stderr, 'with both boots named', done.stderr)
    t.equal(read(ini), text, 'and nothing of it is changed')


def refused(t, what, argv, words, code=1):
    out = os.path.join(vm.scratch(), 'rec')
    done = subprocess.run([*argv, vm.HYPERTRACE, 'record', '--host', '--runtime-dir', '/nowhere', '-o', out],
                          capture_output=True, text=True, check=False, timeout=vm.BOUND)
    t.equal(done.returncode, code, '%s: exit status %d' % (what, code))
    t.ok('cannot trace the host: ' in done.stderr and all(word in done.stderr for word in words),
         '%s is what it says' % what, done.stderr)
    t.ok(not os.path.exists(out), '%s: nothing is begun' % what)


def test_missing(t):
    """Missing rights, no tracefs, no such events."""
    user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    refused(t, 'no right', user, ['/sys/kernel/tracing', 'Permission denied', 'as root'])
    refused(t, 'no tracefs', ['unshare', '-m', 'sh', '-c',
                              'umount /sys/kernel/tracing && { umount /sys/kernel/debug/tracing; umount /sys/kernel/debug; }'
                              ' 2>/dev/null; exec "$@"', 'sh'], ['not mounted', 'mount -t tracefs'])
    done = vm.tool('record', '--host-events', 'sched:*,nosuch:*', '--runtime-dir', '/nowhere', '-o', '/tmp/nosuch', check=False)
    t.equal(done.returncode, 1, 'no such event: exit status 1')
    t.ok('events=nosuch:*' in done.stderr, 'it says which', done.stderr)
    done = vm.tool('record', '--host-buffer', '4000G', '--runtime-dir', '/nowhere', '-o', '/tmp/nosuch', check=False)
    t.ok(done.returncode != 0 and 'buffer' in done.stderr, 'a buffer too large for the machine is told', done.stderr)
    t.equal(instances(), [], 'no instance is left')
    t.ok(not os.path.exists('/tmp/nosuch'), 'and no recording')


def test_full(t):
    """A full disk: what is there stays whole, the rest is counted."""
    directory = vm.scratch()
    place = os.path.join(directory, 'small')
    os.mkdir(place)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=9M', 'none', place], check=True)
    try:
        out = os.path.join(place, 'rec')
        with HostRecorder(out, '--host-events', 'sched,irq:*,raw_syscalls') as recorder:
            load = subprocess.Popen([WORKLOAD, 'mix', '100000'], stdout=subprocess.DEVNULL)
            try:
                status = recorder.process.wait(400)
            finally:
                load.kill()
                load.wait()
            log = recorder.log()
        t.equal(status, 1, 'the recorder ends with status 1')
        t.ok('No space left on device' in log and 'recorded ' in log, 'says why, and what there is', log[-1500:])
        t.equal(instances(), [], 'its instance is gone')
        done = vm.tool('check', out, check=False, bound=400)
        t.ok('defects: 0\n' in done.stdout, 'what was written is whole', done.stdout)
        found = sum(int(events) for events in re.findall(r'1\.1/ftrace\S+\s+\d+\s+(\d+)', done.stdout))
        said = int(re.search(r'^recorded (\d+) events', log, re.M).group(1))
        t.ok(said == found > 1000, 'all %d events that were recorded can be read' % said, found)
    finally:
        subprocess.run(['umount', place], check=True)


def test_guest(t):
    """Beside a guest under KVM: one recording, one timeline."""
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    with lab.guest(directory, cpus=1) as guest:
        guest.ready()
        with HostRecorder(out, '-e', 'sched:*', runtime=guest.run) as recorder:
            vm.wait_for('the VM', lambda: os.path.isdir(os.path.join(out, guest.name)))
            guest.sh('workload mix 20', bound=300)
            t.equal(recorder.stop(), 0, 'host and guest are recorded at once')
        t.ok(re.search(r'^lab\s+1\.1/ftrace\.hypertrace-cpu0 ', recorder.log(), re.M) and
             re.search(r'^vm\s+1\.1/ftrace\.hypertrace-cpu0 ', recorder.log(), re.M),
             'and both are in the summary', recorder.log())
        # the VM's end is the recorder's too
        with HostRecorder(os.path.join(directory, 'end'), guest.name, runtime=guest.run) as recorder:
            vm.wait_for('the VM', lambda: os.path.isdir(os.path.join(directory, 'end', guest.name)))
            guest.poweroff()
            t.equal(recorder.process.wait(vm.BOUND), 0, 'with the last VM the recorder ends')
    t.equal(instances(), [], 'and its instance is gone')
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', out, trace, bound=600)
    names = {}
    for event in vm.ctf(trace):
        name = event.name.split(':')[-1]
        names[name] = names.get(name, 0) + 1
    entries = sum(count for name, count in names.items() if 'kvm' in name and 'entry' in name)
    exits = sum(count for name, count in names.items() if 'kvm' in name and 'exit' in name)
    t.ok(entries > 100 and exits > 100, 'kvm_entry and kvm_exit are there (%d, %d)' % (entries, exits), json.dumps(names, indent=1))
    done, rows = check(out)
    t.ok('defects: 0\n' in done.stdout, 'the recording is whole', done.stdout)


lab.main(test_exact, test_formats, test_trace_cmd, test_killed, test_missing, test_full, test_guest, memory='3G')
