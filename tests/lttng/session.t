#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""LTTng beside us: `record --lttng` with a real session daemon and a real QEMU, and
what it recorded merged into one set with the guest's trace.

The daemon is this test's own. Root has but one place for it on a machine, so
there the test goes into a mount namespace where that place is empty.
"""

import filecmp
import glob
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm
from lttng import clock_offset

PLACE = '/run/lttng'
ROUNDS = 3
TYPES = {'2': 'vmm_running', '3': 'vmm_stopped'}    # VHT_VMM_*
PRIVATE = 'mkdir -p %s && mount -t tmpfs none %s && mount -t tmpfs none /dev/shm && exec "$0" "$@"' % (PLACE, PLACE)


def isolate():
    """Give root's daemon a place of its own; others have it in LTTNG_HOME."""
    if os.geteuid() or os.environ.get('HYPERTRACE_TEST_PRIVATE'):
        return
    if subprocess.run(['unshare', '--mount', 'true'], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.environ['HYPERTRACE_TEST_PRIVATE'] = '1'
        os.execvp('unshare', ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', PRIVATE,
                              sys.executable, *sys.argv])


def lttng(*args):
    return subprocess.run(['lttng', '--no-sessiond', *args], capture_output=True, text=True, timeout=60,
                          check=False)


class Daemon:
    """A session daemon, until the test ends it."""

    def __init__(self, directory):
        self.log = open(os.path.join(directory, 'sessiond.log'), 'a')
        self.process = subprocess.Popen(['lttng-sessiond', '--no-kernel'], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        vm.wait_for('the session daemon', lambda: lttng('list').returncode == 0, 30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGTERM)
        self.log.close()

    def end(self, how):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(60)


def wait_registered(guest):
    """Wait until QEMU has told the daemon of its events."""
    vm.wait_for('QEMU to register', lambda: re.search(
        r'PID: %d\b' % guest.process.pid, lttng('list', '--userspace').stdout), 60)


def sessions():
    return sorted(set(re.findall(r'hypertrace-\d+', lttng('list').stdout)))


def record(guest, out, *options, env=None):
    """A recording that is expected to fail."""
    return subprocess.run([vm.HYPERTRACE, 'record', '--runtime-dir', guest.run, '-o', out, '--lttng', *options,
                           guest.name], capture_output=True, text=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})


def refused(t, guest, directory):
    """What is missing is said before anything begins."""
    out = os.path.join(directory, 'refused')
    done = record(guest, out, env={'PATH': directory})
    t.ok(done.returncode == 3 and 'lttng-tools is not installed' in done.stderr and not os.path.exists(out),
         'without lttng-tools nothing begins', (done.returncode, done.stderr))
    done = record(guest, out, env={'LTTNG_SESSIOND_PATH': '/bin/false'})
    t.ok(done.returncode == 1 and 'cannot start a session daemon' in done.stderr and not os.path.exists(out),
         'without a daemon, and none to be had, nothing begins', (done.returncode, done.stderr))


def refused_by_daemon(t, guest, directory):
    out = os.path.join(directory, 'refused')
    done = record(guest, out, '--lttng-events', 'kernel:sched_switch')
    t.ok(done.returncode == 1 and 'Kernel tracer not available' in done.stderr and not os.path.exists(out),
         'events of the kernel without its tracer: nothing begins', (done.returncode, done.stderr))
    done = record(guest, out, '--lttng-events', 'ust:--all')
    t.ok(done.returncode == 2 and not os.path.exists(out), 'what is no list of events: nothing begins',
         (done.returncode, done.stderr))
    t.equal(sessions(), [], 'and no session is left behind')


def run_guest(guest):
    """Things that both QEMU's own events and our records tell of."""
    for _ in range(ROUNDS):
        guest.qmp.call('stop')
        guest.qmp.call('cont')
    guest.sh('workload syscalls 1000 0 1')


def good(t, guest, directory):
    out = os.path.join(directory, 'rec')
    with vm.Recorder(guest, out, '--lttng') as recorder:
        found = sessions()
        t.equal(found, ['hypertrace-%d' % recorder.process.pid], 'a session is there, named after the recorder')
        busy = record(guest, out + '.2')
        t.ok(busy.returncode == 4 and sessions() == found, 'a second recorder is refused, and leaves no session',
             (busy.returncode, busy.stderr, sessions()))
        run_guest(guest)
        t.equal(recorder.stop(), 0, 'the recorder ends')
    t.equal(sessions(), [], 'and its session with it')
    trace = os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'ctf', out, trace)
    judge_bytes(t, out, trace)
    judge_clocks(t, trace)
    judge_events(t, trace, clock_offset(out))
    return out


def judge_bytes(t, out, trace):
    """LTTng's packets are what LTTng wrote."""
    files = [path for path in glob.glob(out + '/@lttng/*/ust/**', recursive=True)
             if os.path.isfile(path) and '/index/' not in path and os.path.basename(path) != 'metadata']
    same = [path for path in files if filecmp.cmp(path, trace + path[len(out):], shallow=False)]
    t.ok(files and same == files and sum(map(os.path.getsize, files)),
         'LTTng\'s packets are as LTTng wrote them', (files, same))


def judge_clocks(t, trace):
    """All traces of the set count from one moment; the clock's id is the machine's."""
    found = {}
    for path in glob.glob(trace + '/**/metadata', recursive=True):
        with open(path, 'rb') as file:
            text = file.read().decode(errors='replace')
        block = re.search(r'\nclock \{(.*?)\n\}', text, re.S).group(1)
        values = [re.search(r'\b%s = "?([^";]+)' % key, block).group(1).lower()
                  for key in ('name', 'freq', 'offset_s', 'offset', 'absolute')]
        found.setdefault(tuple(values), []).append(path)
    t.ok(len(found) == 1 and len(list(found.values())[0]) > 1, 'the set has one clock', found)


def judge_events(t, trace, offset):
    """One set, one clock: what happened first comes first, whoever tells of it."""
    events = list(vm.ctf(trace))
    names = {event.name for event in events}
    ours = [event for event in events if event.name in TYPES.values()]
    # by their types: babeltrace2 2.0.4 shows an empty text as the one before it
    theirs = [event for event in events if event.name == 'qemu:virtio_hypertrace_vmm_event'
              and event.field('type') in TYPES]
    t.equal([TYPES[event.field('type')] for event in theirs], ['vmm_stopped', 'vmm_running'] * ROUNDS,
            'the device\'s own events are there')
    # what the guest did before the recorder came is in our stream only
    ours = ours[-len(theirs):]
    t.equal([event.name for event in ours], [TYPES[event.field('type')] for event in theirs],
            'and in the same order in the device\'s stream')
    # the device takes the time, writes its record, and then tells LTTng
    pairs = list(zip(ours, theirs))
    t.ok(pairs and all(our.ns <= their.ns for our, their in pairs),
         'each of its records is before LTTng\'s event of it', [(a.ns, b.ns) for a, b in pairs])
    t.ok(pairs and all(their.ns <= our.ns for (our, _), (_, their) in zip(pairs[1:], pairs)),
         'and behind LTTng\'s event of the one before', [(a.ns, b.ns) for a, b in pairs])
    clocks = [event for event in events if event.name == 'qemu:virtio_hypertrace_vmm_clock']
    taken = [int(event.field('mono_ns')) + offset for event in clocks]
    t.ok(len(clocks) > 1 and all(at <= event.ns for at, event in zip(taken, clocks)) and
         all(event.ns <= at for event, at in zip(clocks, taken[1:])),
         'LTTng\'s event of a clock record lies between the time in it and that in the next',
         [(event.ns, at) for event, at in zip(clocks, taken)])
    t.note('%d events in the set; LTTng\'s event of a clock record comes %s ns behind the time in it' % (
        len(events), ', '.join(str(event.ns - at) for at, event in zip(taken, clocks))))
    t.ok('qemu:vm_state_notify' in names, 'QEMU\'s own events are there', names)
    wanted = {'hypertrace:' + name for name in ('attach', 'epoch', 'pass', 'flush', 'flushed', 'stop', 'detach')}
    t.ok(wanted <= names, 'the recorder\'s events are there', wanted - names)
    passes = [event for event in events if event.name == 'hypertrace:pass']
    t.ok(passes and all(int(event.field('packets')) > 0 for event in passes), 'a pass tells what it took')
    guest = [event for event in events if re.search('sys_enter|syscall_entry', event.name)]
    t.ok(guest, 'and so are the guest\'s', names)


def other_boot(t, out, directory):
    other = os.path.join(directory, 'other')
    shutil.copytree(out, other)
    ini = os.path.join(other, 'recording.ini')
    with open(ini) as file:
        text = file.read()
    with open(ini, 'w') as file:
        file.write(re.sub(r'(boot_id=)........', r'\g<1>00000000', text))
    trace = os.path.join(directory, 'other.ctf')
    done = vm.tool('export', other, trace, check=False)
    t.ok(done.returncode == 5 and 'another boot' in done.stderr and not os.path.exists(trace),
         'a trace of another boot is refused', (done.returncode, done.stderr))
    done = vm.tool('export', '--no-lttng', other, trace, check=False)
    t.ok(done.returncode == 0 and not os.path.exists(trace + '/@lttng'), '--no-lttng leaves it out',
         (done.returncode, done.stderr))
    done = vm.tool('export', '--no-lttng', '--lttng', os.path.join(out, '@lttng'), other, trace + '2', check=False)
    t.ok(done.returncode == 5, 'also where the user names it', (done.returncode, done.stderr))


def torn(t, out, directory):
    """A stream that ends inside a packet would make the whole set unreadable."""
    other = os.path.join(directory, 'torn')
    shutil.copytree(out, other)
    path = max((path for path in glob.glob(other + '/@lttng/*/ust/uid/*/*/hypertrace_*')), key=os.path.getsize)
    os.truncate(path, os.path.getsize(path) - 100)
    trace = os.path.join(directory, 'torn.ctf')
    done = vm.tool('export', other, trace, check=False)
    t.ok(done.returncode == 5 and 'cannot read' in done.stderr and '--no-lttng' in done.stderr and
         not os.path.exists(trace), 'a trace that ends inside a packet is refused', (done.returncode, done.stderr))
    t.note(done.stderr)


def full_disk(t, guest, out, directory):
    """An export for which there is no room leaves nothing, and a recording no session."""
    small = os.path.join(directory, 'small')
    os.mkdir(small)
    if os.geteuid() or not os.environ.get('HYPERTRACE_TEST_PRIVATE'):
        t.skip('a full disk', 'needs the right to mount')
        return
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', small], check=True)
    done = vm.tool('export', '--lttng', os.path.join(out, '@lttng'), out, os.path.join(small, 'ctf'), check=False)
    t.ok(done.returncode == 1 and 'No space left' in done.stderr and not os.listdir(small),
         'a full disk: nothing is left', (done.returncode, done.stderr, os.listdir(small)))
    subprocess.run(['mount', '-o', 'remount,size=2m', small], check=True)
    done = record(guest, os.path.join(small, 'rec'), '--for', '60s')
    t.ok(done.returncode == 1 and 'No space left' in done.stderr and not sessions(),
         'nor does a recording leave its session', (done.returncode, done.stderr, sessions()))
    subprocess.run(['umount', small], check=True)


def killed(t, guest, directory, daemon):
    """A daemon that dies takes nothing of ours with it."""
    out = os.path.join(directory, 'killed')
    with vm.Recorder(guest, out, '--lttng') as recorder:
        daemon.end(signal.SIGKILL)
        guest.sh('workload syscalls 1000 0 1')
        status = recorder.stop()
        t.ok(status == 1 and 'cannot end LTTng session' in recorder.log(),
             'a daemon killed meanwhile is told of', (status, recorder.log()))
    check = vm.tool('check', out, check=False)
    t.ok(' 0 packets missing' in check.stdout and 'defects: 0' in check.stdout, 'and the recording is whole',
         check.stdout + check.stderr)
    trace = os.path.join(directory, 'killed.ctf')
    vm.tool('export', '--no-lttng', out, trace)
    t.ok(any(re.search('sys_enter|syscall_entry', event.name) for event in vm.ctf(trace)),
         'with the guest\'s events in it')


def plugin(t):
    """Who only reads traces does not become a traced program by that."""
    path = os.path.join(vm.BUILD, 'host/host-tools/plugin/babeltrace-plugin-hypertrace.so')
    libraries = subprocess.run(['ldd', path], capture_output=True, text=True, check=True).stdout
    t.ok('libbabeltrace2' in libraries and 'lttng' not in libraries, 'the plugin does not link LTTng\'s tracer',
         libraries)


def all_of_it(t):
    directory = vm.scratch()
    os.environ['LTTNG_HOME'] = os.environ['HOME'] = directory
    # a busy machine: what a program does before it is registered is not in the trace
    os.environ['LTTNG_UST_REGISTER_TIMEOUT'] = '60000'
    if not shutil.which('lttng') or not shutil.which('lttng-sessiond'):
        t.skip('LTTng', 'lttng-tools is not installed')
        return
    if lttng('list').returncode == 0:
        t.skip('LTTng', 'another session daemon runs, and no mount namespace is to be had')
        return
    with vm.Guest(directory) as guest:
        guest.ready()
        guest.count_getppid()
        refused(t, guest, directory)
        with Daemon(directory) as daemon:
            wait_registered(guest)
            t.ok(True, 'a QEMU that ran before the daemon is found by it')
            refused_by_daemon(t, guest, directory)
            out = good(t, guest, directory)
            other_boot(t, out, directory)
            torn(t, out, directory)
            full_disk(t, guest, out, directory)
            killed(t, guest, directory, daemon)
        guest.poweroff()


isolate()
tap.main(plugin, all_of_it)
