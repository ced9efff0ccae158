#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
"""The driver comes up in an initramfs of initramfs-tools and in one of dracut, on a kernel
where its transport is a module too, and before udev does anything.
"""

import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

KERNEL = '6.1'


def run(*args, **more):
    done = subprocess.run(args, capture_output=True, text=True, errors='replace', **more)
    if done.returncode:
        raise RuntimeError('%s: status %d:\n%s' % (' '.join(args), done.returncode, (done.stdout + done.stderr)[-2000:]))
    return done.stdout


def install(target, directory):
    run('make', '-s', '-C', os.path.join(vm.TOP, 'guest-driver'), target, 'DESTDIR=' + directory)


def modules(directory):
    """A /lib/modules with the kernel's modules for virtio, and the driver as dkms puts it there."""
    build = os.path.join(vm.BUILD, 'kernel-' + KERNEL)
    with open(os.path.join(build, 'release')) as file:
        release = file.read().strip()
    target = os.path.join(directory, 'lib/modules', release)
    os.makedirs(os.path.join(target, 'updates/dkms'))
    os.makedirs(os.path.join(target, 'kernel/drivers'))
    run('cp', '-aL', os.path.join(build, 'modules/kernel/drivers/virtio'), os.path.join(target, 'kernel/drivers'))
    for name in ('modules.builtin', 'modules.builtin.modinfo', 'modules.order'):
        run('cp', '-L', os.path.join(build, 'modules', name), target)
    run('cp', os.path.join(vm.BUILD, 'module-%s.ko' % KERNEL), os.path.join(target, 'updates/dkms/virtio_hypertrace.ko'))
    run('/sbin/depmod', '-b', directory, release)
    return release


def within(directory, mounts, *command):
    """Run a command that sees directories of ours in the place of the system's."""
    script = ''.join('mount --bind %s %s && ' % pair for pair in mounts) + 'exec "$@"'
    return run('unshare', '-m', 'sh', '-c', script, 'sh', *command, cwd=directory)


def comes_up(t, what, image, append=''):
    directory = vm.scratch()
    with vm.Guest(directory, kernel=KERNEL, initrd=image, shell=False,
                  append='trace_event=initcall trace_clock=x86-tsc trace_buf_size=4M panic=0 ' + append) as guest:
        def ready():
            if not guest.alive():
                raise RuntimeError('QEMU ended: ' + guest.serial()[-2000:])
            try:
                region = guest.region()
                state = region.guest()['state']
                region.close()
                return state == 2
            except FileNotFoundError:
                return False
        try:
            up = vm.wait_for('the driver', ready, 90)
        except vm.Timeout:
            up = False
        t.ok(up, '%s: the driver comes up' % what, guest.serial()[-3000:])
        if up:
            # The kernel's own initcalls are over when the driver is loaded: all these were waiting.
            events = vm.wait_for('the initcalls', lambda: sum(
                stream['events'] for stream in guest.streams()) > 1000, 30)
            t.ok(events, '%s: with the boot in the buffers' % what)


def initramfs_tools(t):
    directory = vm.scratch()
    release = modules(directory)
    conf = os.path.join(directory, 'etc/initramfs-tools')
    os.mkdir(os.path.dirname(conf))
    run('cp', '-a', '/etc/initramfs-tools', conf)
    install('install-initramfs-tools', directory)
    with open(os.path.join(conf, 'conf.d/test'), 'w') as file:
        file.write('MODULES=list\nCOMPRESS=gzip\n')
    boot = os.path.join(directory, 'boot')
    os.mkdir(boot)
    with open(os.path.join(boot, 'config-' + release), 'w') as file:
        file.write('CONFIG_RD_GZIP=y\n')
    image = os.path.join(directory, 'image')
    within(directory, [(os.path.join(directory, 'lib/modules'), '/lib/modules'), (boot, '/boot')],
           '/usr/sbin/mkinitramfs', '-d', conf, '-o', image, release)
    comes_up(t, 'initramfs-tools', image)


def dracut(t):
    directory = vm.scratch()
    release = modules(directory)
    # It cannot be installed beside initramfs-tools.
    run('apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', 'dracut', 'dracut-core', cwd=directory)
    for package in glob.glob(os.path.join(directory, '*.deb')):
        run('dpkg', '-x', package, directory)
    install('install-dracut', directory)
    image = os.path.join(directory, 'image')
    os.mkdir(os.path.join(directory, 'conf'))
    within(directory, [(os.path.join(directory, 'lib/modules'), '/lib/modules')],
           'env', 'dracutbasedir=' + os.path.join(directory, 'usr/lib/dracut'),
           os.path.join(directory, 'usr/bin/dracut'), '--no-hostonly', '--no-compress', '--conf', '/dev/null',
           '--confdir', os.path.join(directory, 'conf'), '--modules', 'base hypertrace', '--kver', release, image)
    comes_up(t, 'dracut', image)


def main():
    if os.geteuid() != 0:
        tap.main(lambda t: t.skip('images for the initramfs', 'putting one directory over another needs root'))
    tap.main(initramfs_tools, dracut)


main()
