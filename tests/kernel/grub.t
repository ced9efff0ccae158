#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""What `hypertrace params --for grub` prints arrives at the kernel as it should.

The line goes the whole way: grub-mkconfig's own shell reads it, grub's 10_linux writes
the menu, and a real GRUB (core.img on one disk, menu and kernel on another) boots it.
Only the paths /etc and /boot in these scripts are put elsewhere, and grub-probe, which
asks what disk this machine has, is another.
"""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

KERNEL = '6.12'
UUID = '11111111-2222-3333-4444-555555555555'
PROBE = '''#!/bin/sh
case "$*" in
*fs_uuid*)	echo %s ;;
*target=fs*)	echo ext2 ;;
*target=device*) echo /dev/sda ;;
esac
''' % UUID
MODULES = 'biosdisk ext2 linux normal configfile search search_fs_uuid echo gzio test true regexp minicmd serial terminal'
NEEDED = ('/usr/sbin/grub-mkconfig', '/usr/bin/grub-mkimage', '/usr/lib/grub/i386-pc/boot.img', '/etc/grub.d/10_linux',
          '/sbin/mke2fs')


def mkconfig(directory, boot, line):
    """What grub-mkconfig makes of a line, for the kernel in BOOT."""
    etc = os.path.join(directory, 'etc')
    os.makedirs(os.path.join(etc, 'default', 'grub.d'))
    os.makedirs(os.path.join(etc, 'grub.d'))
    with open(os.path.join(etc, 'default', 'grub'), 'w') as file:
        file.write('GRUB_CMDLINE_LINUX="console=ttyS0"\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
                   'GRUB_DISABLE_SUBMENU=y\nGRUB_DISABLE_OS_PROBER=true\n')
    with open(os.path.join(etc, 'default', 'grub.d', 'hypertrace.cfg'), 'w') as file:
        file.write(line)
    with open(os.path.join(directory, 'probe'), 'w') as file:
        file.write(PROBE)
    os.chmod(os.path.join(directory, 'probe'), 0o755)
    for source, target in (('/etc/grub.d/10_linux', os.path.join(etc, 'grub.d', '10_linux')),
                           ('/usr/sbin/grub-mkconfig', os.path.join(directory, 'grub-mkconfig'))):
        with open(source) as file:
            text = file.read()
        text = text.replace('sysconfdir="/etc"', 'sysconfdir="%s"' % etc).replace(' /boot/', ' %s/' % boot)
        with open(target, 'w') as file:
            file.write(text)
        os.chmod(target, 0o755)
    done = subprocess.run([os.path.join(directory, 'grub-mkconfig')], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, grub_probe=os.path.join(directory, 'probe')))
    if done.returncode:
        raise RuntimeError('grub-mkconfig: status %d: %s' % (done.returncode, done.stderr))
    return done.stdout


def disks(directory, boot, config):
    """A disk with GRUB, and one with its menu, kernel and initramfs."""
    with open(os.path.join(boot, 'grub.cfg'), 'w') as file:
        file.write('function load_video {\n\ttrue\n}\nset default=0\nset timeout=0\n' + config)
    early = os.path.join(directory, 'early.cfg')
    with open(early, 'w') as file:
        file.write('serial --unit=0\nterminal_output serial\nsearch --no-floppy --fs-uuid --set=root %s\n'
                   'configfile /grub.cfg\n' % UUID)
    core = os.path.join(directory, 'core.img')
    subprocess.run(['grub-mkimage', '-O', 'i386-pc', '-o', core, '-p', '/', '-c', early, *MODULES.split()], check=True)
    first = os.path.join(directory, 'grub.disk')
    with open(first, 'wb') as disk:
        for part in ('/usr/lib/grub/i386-pc/boot.img', core):
            with open(part, 'rb') as file:
                disk.write(file.read())
        disk.truncate(4 << 20)
    second = os.path.join(directory, 'boot.disk')
    size = sum(os.path.getsize(os.path.join(boot, name)) for name in os.listdir(boot)) + (8 << 20)
    subprocess.run(['/sbin/mke2fs', '-q', '-t', 'ext2', '-U', UUID, '-d', boot, second, '%dk' % (size >> 10)], check=True,
                   stdout=subprocess.DEVNULL)
    return first, second


def boots(t):
    missing = [path for path in NEEDED if not os.path.exists(path)]
    if missing:
        t.skip('a real GRUB', 'missing: %s' % ' '.join(missing))
        return
    events = 'sched:*,initcall,printk:console'
    for wish, args in (('window', ('--events', events)), ('boot+functions', ())):
        directory = vm.scratch()
        boot = os.path.join(directory, 'boot')
        os.mkdir(boot)
        shutil.copy(os.path.join(vm.BUILD, 'kernel-' + KERNEL, 'vmlinuz'), os.path.join(boot, 'vmlinuz-6.12.0'))
        shutil.copy(vm.initramfs(KERNEL, directory), os.path.join(boot, 'initrd.img-6.12.0'))
        line = vm.tool('params', wish, '--for', 'grub', *args).stdout
        # what the test's own guest wants, from another file of the same kind
        config = mkconfig(directory, boot, line + 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX no_timer_check ht.shell"\n')
        config = re.sub(r'/\S*/(vmlinuz|initrd)', r'/\1', config)
        first, second = disks(directory, boot, config)
        device = ',' + line.split('-device virtio-hypertrace')[1].split('\n')[0].lstrip(',') if wish == 'window' else ''
        guest = vm.Guest(directory, kernel=KERNEL, device=device, start=False, extra=[])
        guest.kill()
        # the same machine, but booted from its disks
        argv = list(guest.args)
        for option in ('-kernel', '-initrd', '-append'):
            at = argv.index(option)
            del argv[at:at + 2]
        argv.remove('-S')
        for path in (first, second):
            argv += ['-drive', 'file=%s,format=raw,if=ide' % path]
        run_from_disks(t, guest, argv, wish, args)


def run_from_disks(t, guest, argv, wish, args):
    for path in (guest.shell_path, guest.qmp_path):
        if os.path.exists(path):
            os.unlink(path)
    with open(guest.log_path, 'w') as log:
        guest.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        guest.qmp = vm.Qmp(guest.qmp_path, guest.process)
        guest.shell = vm.socket.socket(vm.socket.AF_UNIX)
        guest.shell.connect(guest.shell_path)
        guest.buffer = b''
        guest.ready()
        line = guest.sh('cat /proc/cmdline').strip()
        wanted = vm.tool('params', wish, *args).stdout.strip()
        t.ok(wanted in line, '%s: by way of GRUB the kernel gets what the parameters are' % wish,
             'kernel: %s\nwanted: %s' % (line, wanted))
        instance = 'window' if wish == 'window' else 'hypertrace'
        count = int(guest.sh('grep -c . /sys/kernel/tracing/instances/%s/set_event' % instance))
        t.ok(count > 10, '%s: and traces these events' % wish, count)
    finally:
        guest.kill()


tap.main(boots)
