# SPDX-License-Identifier: GPL-2.0-only
"""Recordings of whole boots of the systemd guest, made once and used by many tests.

    made = systemd.recording('grub-ovmf-1')
    made.recording          # what `hypertrace record` wrote, from start to power-off
    made.text('analyze')    # what the guest said of the same boot

What the guest said, each in the file NAME.txt beside the recording:

    analyze, blame, critical-chain  `systemd-analyze` with that command ('time' for the first)
    units           `systemctl show` of all units: Id and times on the monotonic clock
    manager         `systemctl show` of the manager: its times
    dmesg           the kernel's log; has initcall_debug and what systemd says
    cmdline         /proc/cmdline
    efi             'yes' if UEFI firmware booted it
    failed          units that failed
    console         the first serial port, to the very end
    ring.json       ftrace's counts for each CPU shortly before power-off

A recording is made when a test first asks for it; tests that ask meanwhile wait. It is
made anew when image, QEMU or host tools changed, and in each run of the suite that
says who it is (HYPERTRACE_RUN). HYPERTRACE_REUSE=1 takes one that is there, whatever
it was made with: for work on what reads recordings.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time

import vm

CONFIGS = {
    'direct-seabios-1': {'boot': 'direct', 'firmware': 'seabios', 'cpus': 1},
    'direct-seabios-4': {'boot': 'direct', 'firmware': 'seabios', 'cpus': 4},
    'direct-dracut-1': {'boot': 'direct', 'firmware': 'seabios', 'cpus': 1, 'initramfs': 'dracut'},
    'grub-seabios-4': {'boot': 'grub', 'firmware': 'seabios', 'cpus': 4},
    'grub-ovmf-1': {'boot': 'grub', 'firmware': 'ovmf', 'cpus': 1},
    'grub-ovmf-4': {'boot': 'grub', 'firmware': 'ovmf', 'cpus': 4},
}

# What the boot report reads.
EVENTS = ('sched,initcall,irq,cgroup,block,module,printk:console,'
          'timer:hrtimer_expire_entry,timer:timer_expire_entry')
TRACE = {
    '6.12': 'trace_instance=hypertrace,' + EVENTS,
    # Without a clock named, this kernel changes it while it boots and forgets all events.
    '6.1': 'trace_clock=x86-tsc trace_event=' + EVENTS,
}
SAYING = 'initcall_debug log_buf_len=4M systemd.log_target=kmsg systemd.show_status=no printk.devkmsg=on'

SAID = {
    'analyze': 'systemd-analyze time',
    'blame': 'systemd-analyze blame --no-pager',
    'critical-chain': 'systemd-analyze critical-chain --no-pager',
    'units': "systemctl show --no-pager '*' -p Id -p ExecMainPID -p InactiveExitTimestampMonotonic"
             ' -p ActiveEnterTimestampMonotonic -p ActiveExitTimestampMonotonic',
    'manager': 'systemctl show --no-pager | grep TimestampMonotonic=',
    'dmesg': 'dmesg',
    'cmdline': 'cat /proc/cmdline',
    'efi': '[ -d /sys/firmware/efi ] && echo yes || echo no',
    'failed': 'systemctl --failed --no-legend --plain',
}


class Made:
    """A recording that is there, and what its guest said."""

    def __init__(self, name, directory):
        self.name = name
        self.dir = directory
        self.recording = os.path.join(directory, 'recording')
        for key, value in CONFIGS.get(name, {}).items():
            setattr(self, key, value)

    def text(self, what):
        with open(os.path.join(self.dir, what + '.txt'), errors='replace') as file:
            return file.read()

    def ring(self):
        with open(os.path.join(self.dir, 'ring.json')) as file:
            return {int(cpu): counts for cpu, counts in json.load(file).items()}


def record(out, kernel='6.12', append='', events=None, **options):
    """Record one boot of the systemd guest, from the start of the VM to its power-off.

    Makes the directory OUT as described above. OPTIONS are those of vm.SystemdGuest;
    EVENTS replaces what is traced from the kernel's start on.
    """
    directory = vm.scratch()
    os.makedirs(out)
    trace = TRACE[kernel].replace(EVENTS, events or EVENTS)
    line = 'trace_buf_size=16M %s %s %s' % (SAYING, trace, append)
    instance = 'hypertrace' if kernel != '6.1' else None
    with vm.SystemdGuest(directory, kernel=kernel, append=line, start=False, **options) as guest:
        with vm.Recorder(guest, os.path.join(out, 'recording')) as recorder:
            guest.go()
            guest.ready()
            guest.booted()
            for name, command in SAID.items():
                with open(os.path.join(out, name + '.txt'), 'w') as file:
                    file.write(guest.sh(command, check=False))
            # The kernel turns syscall events on in vain before there is a process.
            guest.sh('echo 1 >/sys/kernel/tracing/%sevents/syscalls/sys_enter_reboot/enable'
                     % ('instances/hypertrace/' if instance else ''))
            with open(os.path.join(out, 'ring.json'), 'w') as file:
                json.dump(guest.ring_stats(instance), file)
            status = guest.poweroff(120)
            if status:
                raise RuntimeError('QEMU ended with %s: %s' % (status, guest.log()))
            status = recorder.wait()
            if status:
                raise RuntimeError('the recorder ended with %s: %s' % (status, recorder.log()))
        shutil.copy(guest.serial_path, os.path.join(out, 'console.txt'))
        shutil.copy(guest.log_path, os.path.join(out, 'qemu.txt'))
        shutil.copy(recorder.log_path, os.path.join(out, 'record.txt'))
    os.unlink(recorder.log_path)


def state(config):
    """What a recording depends on, as text."""
    digest = hashlib.sha256()
    for path in (vm.HYPERTRACE, os.path.realpath(__file__)):
        with open(path, 'rb') as file:
            digest.update(file.read())
    return ' '.join((config, vm.image(), os.path.realpath(os.path.join(vm.BUILD, 'qemu')),
                     digest.hexdigest(), os.environ.get('HYPERTRACE_RUN', '')))


def recording(config):
    """The recording of a configuration of CONFIGS; see above."""
    base = os.path.join(vm.BUILD, 'systemd')
    os.makedirs(base, exist_ok=True)
    out = os.path.join(base, config)
    with open(os.path.join(base, '.lock-' + config), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        key_path = os.path.join(out, 'made-with')
        if os.path.exists(key_path):
            if os.environ.get('HYPERTRACE_REUSE'):
                return Made(config, out)
            with open(key_path) as file:
                if file.read() == state(config):
                    return Made(config, out)
        shutil.rmtree(out, True)
        key = state(config)
        begin = time.monotonic()
        record(out, **CONFIGS[config])
        with open(os.path.join(out, 'seconds.txt'), 'w') as file:
            file.write('%.1f\n' % (time.monotonic() - begin))
        with open(key_path, 'w') as file:
            file.write(key)
    return Made(config, out)
