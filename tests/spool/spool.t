#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
"""Files that programs of a guest write come to the host as they were written, LTTng's traces
of programs among them: a mount of file system `hypertrace`, stock lttng-tools and liblttng-ust
in guests of 6.12 and 6.1, the recorder, and what `hypertrace export` and `view` make of it. A recorder
that stands still costs the guest no more than the time that it was told to wait, and the
counters say what it cost; a driver that goes away under a mount harms nobody.
"""

import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm

LIB = '/usr/lib/x86_64-linux-gnu/'
PROGRAMS = ('/usr/bin/lttng', '/usr/bin/lttng-sessiond', os.path.join(vm.BUILD, 'host/tests/spool/spool-app'),
            os.path.join(vm.BUILD, 'host/tests/spool/spool-write'))
FILES = (lttng.CONSUMER, '/usr/share/xml/lttng/session.xsd', '/lib/x86_64-linux-gnu/libgcc_s.so.1',
         LIB + 'liblttng-ust-tracepoint.so.1', LIB + 'liblttng-ust-common.so.1')
# However busy the machine is: the program waits until it is known to the session daemon.
APP = 'LTTNG_UST_REGISTER_TIMEOUT=-1 spool-app '
DEVICE = '/sys/bus/virtio/drivers/virtio_hypertrace'


def initramfs(kernel, directory):
    """With the driver, vht_spool beside the programs, and LTTng's part for programs."""
    out = os.path.join(directory, 'initramfs')
    module = subprocess.run([os.path.join(vm.TOP, 'build-aux/module'), os.path.join(vm.BUILD, 'kernel-' + kernel)],
                            check=True, capture_output=True, text=True).stdout.strip()
    args = [os.path.join(vm.TOP, 'tests/guest/initramfs'), os.path.join(vm.BUILD, 'kernel-' + kernel), out,
            '-m', module, '-p', os.path.join(os.path.dirname(module), 'vht_spool.ko')]
    for program in PROGRAMS:
        args += ['-p', program]
    for file in FILES:
        args += ['-f', file]
    subprocess.run(args, check=True)
    return out


class Guest(vm.Guest):
    """A guest with programs that LTTng traces, which write to /spool."""

    def ready(self, bound=vm.BOUND):
        super().ready(bound)
        self.sh('mkdir -p /var /dev/shm /etc /spool /out && ln -sfn /run /var/run && mount -t tmpfs shm /dev/shm && '
                'mount -t tmpfs out /out && mount -t tmpfs tmp /tmp && '
                'echo root:x:0:0:root:/:/bin/sh >/etc/passwd')
        return self

    def lttng(self, *commands):
        return self.sh(' && '.join('lttng --no-sessiond ' + command for command in commands))

    def session(self, name, output, *channels, options=''):
        """Begin a session; each of CHANNELS is named as the event that it is for."""
        self.lttng('create %s --output=%s' % (name, output),
                   *('enable-channel -u %s %s' % (options, channel) for channel in channels),
                   *('enable-event -u -c %s spool_app:%s' % (channel, channel) for channel in channels), 'start')

    def spool(self):
        """The spool's stream in the region's table."""
        region = self.region()
        found = [stream for stream in region.streams() if stream['name'] == 'spool']
        region.close()
        return found[0]


def numbers(events, name):
    return [int(event.field('number')) for event in events if event.name.endswith('spool_app:' + name)]


def loading(t, kernel, guest):
    """Without a stream for it the module is not loaded, and says why."""
    guest.sh('insmod /lib/virtio_hypertrace.ko')
    text = guest.sh('insmod /bin/vht_spool.ko; echo status=$?; dmesg | grep vht_spool:', check=False)
    t.ok('status=0' not in text and 'spool=1' in text, '%s: vht_spool says what it needs' % kernel, text)
    guest.sh('rmmod virtio_hypertrace && insmod /lib/virtio_hypertrace.ko spool=1 && insmod /bin/vht_spool.ko')
    text = guest.sh('unshare -r -m mount -t hypertrace none /spool; echo status=$?', check=False)
    t.ok('status=0' not in text, '%s: a user who is root only in a namespace cannot mount it' % kernel, text)
    guest.sh('mount -t hypertrace none /spool && echo early >/spool/early')


def files(t, kernel, guest):
    """What a file system is asked for."""
    guest.sh('cd /spool && mkdir -p a/b && cp /bin/busybox a/b/busybox && echo first >a/log && echo second >>a/log && '
             'mv a/b a/c && mkdir d && echo old >d/x && echo new >d/y && mv d/y d/x && '
             'echo gone >d/z && rm d/z && cp /bin/busybox d/cut && truncate -s 1000 d/cut && '
             'printf XYZ | dd of=d/cut bs=1 seek=500 conv=notrunc 2>/dev/null')
    t.equal(guest.sh('cd /spool && find . -type f | sort | xargs stat -c "%n %s"'),
            './a/c/busybox %d\n./a/log 13\n./d/cut 1000\n./d/x 4\n./early 6\n' % os.stat('/bin/busybox').st_size,
            '%s: names and sizes are kept' % kernel)
    t.equal(guest.sh('spool-write /spool/ways'), '4096 EFAULT\n',
            '%s: a write ends where its memory cannot be read' % kernel)
    refused = {
        'what was written cannot be read': 'cat /spool/a/log',
        'there are no links': 'ln /spool/a/log /spool/a/link',
        'there are no symbolic links': 'ln -s log /spool/a/link',
        'a directory with something in it stays': 'rmdir /spool/a',
        'the module is not unloaded while it is mounted': 'rmmod vht_spool',
        'a path is no longer than a packet has room for': 'cd /spool && n=$(printf %0250d 1) && '
                                                          'mkdir -p $n/$n/$n/$n && echo x >$n/$n/$n/$n/$n',
        'there are no more files than there may be': 'echo 30 >/sys/module/vht_spool/parameters/files && '
                                                     'for i in $(seq 30); do echo x >/spool/many$i || exit 1; done',
    }
    for what, command in refused.items():
        text = guest.sh('(%s) 2>&1; echo status=$?' % command, check=False)
        t.ok('status=0' not in text, '%s: %s' % (kernel, what), text)
    guest.sh('rm -r /spool/many* /spool/0*; echo 16384 >/sys/module/vht_spool/parameters/files')


def check_files(t, kernel, out):
    root = os.path.join(out, 'vm', '1.2')
    with open('/bin/busybox', 'rb') as file:
        busybox = file.read()
    want = {'early': b'early\n', 'a/c/busybox': busybox, 'a/log': b'first\nsecond\n', 'd/x': b'new\n',
            'ways': b'a' * 4096 + b'gatheredsplicedplaced', 'd/cut': busybox[:500] + b'XYZ' + busybox[503:1000]}
    found = {}
    for name in want:
        with open(os.path.join(root, name), 'rb') as file:
            found[name] = file.read()
    t.ok(found == want, '%s: the files are on the host as they were written' % kernel, sorted(found))
    t.ok(not os.path.exists(os.path.join(root, 'd/z')) and not os.path.exists(os.path.join(root, 'a/b')),
         '%s: those that were removed or renamed are not' % kernel)


def programs(t, kernel, guest):
    """LTTng's traces of programs. Each session has the name of what it is about."""
    guest.sh('LTTNG_CONSUMERD64_BIN=%s lttng-sessiond --daemonize --no-kernel >/tmp/sessiond.log 2>&1 || '
             '{ cat /tmp/sessiond.log; false; }' % lttng.CONSUMER)
    # two sessions have the same events: the one on a disk of the guest's comes as files
    guest.session('disk', '/out/disk', 'step')
    guest.session('uid', '/spool/uid', 'step', 'mark')
    before = time.time_ns()
    guest.sh(APP + '3000')
    after = time.time_ns()
    guest.lttng('stop uid', 'destroy uid', 'stop disk', 'destroy disk')
    guest.sh('cp -r /out/disk /spool/disk-copy')

    guest.session('turns', '/spool/turns', 'step')
    guest.sh(APP + '100')
    guest.lttng('rotate turns')
    guest.sh(APP + '200')
    guest.lttng('clear turns', 'regenerate metadata -s turns')
    guest.sh(APP + '300')
    guest.lttng('stop turns', 'destroy turns')

    guest.session('pid', '/spool/pid', 'step', options='--buffers-pid --subbuf-size=64k --num-subbuf=8')
    guest.sh('mkfifo /tmp/fifo; (' + APP + '500 wait >/tmp/fifo & echo $! >/tmp/pid); read line </tmp/fifo; '
             'kill -9 $(cat /tmp/pid); ' + APP + '50')
    guest.lttng('stop pid', 'destroy pid')
    return before, after


def check_programs(t, kernel, out, files_out, span):
    sessions = {}
    for name in os.listdir(os.path.join(out, 'vm@lttng')):
        events = list(vm.ctf(os.path.join(out, 'vm@lttng', name)))
        sessions.setdefault(re.sub(r'_ust_.*', '', name), []).append(events)
    t.equal({name: len(found) for name, found in sessions.items()},
            {'disk-copy': 1, 'pid': 2, 'stall': 1, 'turns': 1, 'uid': 1},
            '%s: each trace is in the set, and those of one session that a rotation parted are one' % kernel)
    events = sessions['uid'][0]
    t.equal((numbers(events, 'step'), numbers(events, 'mark')), (list(range(3000)), list(range(30))),
            '%s: a session of two channels has all its events, in order' % kernel)
    t.ok(span[0] <= events[0].ns and events[-1].ns <= span[1],
         '%s: the events lie where they were made, on the host\'s clock' % kernel, (span, events[0].ns, events[-1].ns))
    local = list(vm.ctf(os.path.join(files_out, 'vm', '1.2', 'disk-copy')))
    steps = [event for event in events if event.name.endswith(':step')]
    # but for the CPU, which may be another one for the second session
    t.equal([(event.name, event.text.split('}, {')[1]) for event in local],
            [(event.name, event.text.split('}, {')[1]) for event in steps],
            '%s: they are those that a session on a local disk has' % kernel)
    t.equal(numbers(sessions['turns'][0], 'step'), list(range(100)) + list(range(300)),
            '%s: what a rotation moved is there, what was cleared is not' % kernel)
    # the process that was killed left its buffers to the consumer daemon
    t.equal(sorted(len(numbers(each, 'step')) for each in sessions['pid']), [50, 500],
            '%s: with buffers of its own, each process is a trace; the killed one\'s is whole' % kernel)


def stalled(t, kernel, guest, recorder):
    """The recorder stands still, and the ring is full: the guest goes on."""
    guest.sh('echo 50 >/sys/module/vht_spool/parameters/wait_ms')
    guest.session('stall', '/spool/stall', 'step')
    guest.sh(APP + '100')
    guest.lttng('stop stall', 'start stall')
    recorder.process.send_signal(signal.SIGSTOP)
    guest.sh('for i in 1 2 3 4 5 6; do cat /bin/busybox /bin/busybox >/spool/flood; done')
    guest.sh(APP + '100; lttng --no-sessiond stop stall; lttng --no-sessiond start stall')
    spool = guest.spool()
    t.ok(spool['events_lost'] > 0, '%s: what was given up is counted: %d packets' % (kernel, spool['events_lost']))
    recorder.process.send_signal(signal.SIGCONT)
    vm.wait_for('the ring to be empty', lambda: guest.region().tail(spool['id']) >= guest.spool()['head'])
    guest.sh(APP + '100; echo 1000 >/sys/module/vht_spool/parameters/wait_ms')
    guest.lttng('stop stall', 'destroy stall')


def unbound(t, kernel, guest):
    """The driver goes away and comes back under a mount that is written to."""
    name = guest.sh('cd %s; echo virtio[0-9]*' % DEVICE).strip()
    guest.sh('(while [ ! -e /tmp/enough ]; do echo line; usleep 1000; done >/spool/lines) & '
             'echo %s >%s/unbind; usleep 50000; echo x >/spool/unseen; echo %s >%s/bind; usleep 50000; '
             'touch /tmp/enough; wait' % (name, DEVICE, name, DEVICE))
    spool = guest.spool()
    t.ok(spool['events_lost'] > 0 and spool['packets'] > 0,
         '%s: what was written while there was no driver is counted: %d packets' % (kernel, spool['events_lost']))
    text = guest.sh('umount /spool && rmmod vht_spool && dmesg')
    t.ok(not re.search(r'BUG|WARNING|Call Trace|Oops', text), '%s: the kernel has nothing against it' % kernel,
         text[-1500:])


def one(t, kernel):
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    with Guest(directory, kernel=kernel, memory='768M', initrd=initramfs(kernel, directory),
               append='ht.module=no', extra=['-cpu', 'qemu64,+rdrand']) as guest:
        guest.ready()
        loading(t, kernel, guest)
        with vm.Recorder(guest, out) as recorder:
            files(t, kernel, guest)
            span = programs(t, kernel, guest)
            stalled(t, kernel, guest, recorder)
            unbound(t, kernel, guest)
            guest.poweroff()
            recorder.wait()
    info = vm.tool('info', out).stdout
    t.ok(re.search(r'times: +spool: \S+pairs', info) or re.search(r'spool: pairs\+', info),
         '%s: info tells how well the spool\'s times are known' % kernel, info)
    t.ok(re.search(r'spool: \d+ files, .*bytes did not come', info), '%s: ... and what did not come' % kernel, info)
    files_out, set_out = os.path.join(directory, 'files'), os.path.join(directory, 'ctf')
    vm.tool('export', '--to', 'files', out, files_out)
    check_files(t, kernel, files_out)
    result = vm.tool('export', out, set_out)
    check_programs(t, kernel, set_out, files_out, span)
    shown = sorted(lttng.viewed_events(vm.tool('view', out).stdout.splitlines()))
    t.ok(shown == sorted(lttng.exported_events(os.path.join(set_out, 'vm@lttng'), lttng.clock_offset(out))),
         '%s: hypertrace view shows the same events: %d' % (kernel, len(shown)))
    stall = [numbers(vm.ctf(os.path.join(set_out, 'vm@lttng', name)), 'step')
             for name in os.listdir(os.path.join(set_out, 'vm@lttng')) if name.startswith('stall')][0]
    t.ok(stall[:100] == list(range(100)) and stall[-100:] == list(range(100)) and 200 <= len(stall) <= 300,
         '%s: a trace whose packets were given up in part has the others' % kernel, (len(stall), result.stderr))


def on_6_12(t):
    one(t, '6.12')


def on_6_1(t):
    one(t, '6.1')


tap.main(on_6_12, on_6_1)
