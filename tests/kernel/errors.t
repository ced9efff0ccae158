#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""What `hypertrace kernel` says of what is no kernel, of kernels that die, of QEMUs
that do not work, and what it does with a guest that hands over nonsense.

Where no guest is needed a program plays QEMU and writes the shared memory.
"""

import os
import random
import re
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import profile as kp
import tap
import vm

QEMU = os.path.join(vm.BUILD, 'qemu')
KERNEL = '6.1'
MAGIC = struct.unpack('<Q', b'HYPPROF1')[0]

scratch = vm.scratch()
store = os.path.join(scratch, 'store')


def script(name, text):
    """A program in the place of QEMU."""
    path = os.path.join(scratch, name)
    with open(path, 'w') as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def player(content):
    """A QEMU whose guest leaves this in the shared memory."""
    data = os.path.join(scratch, 'content')
    with open(data, 'wb') as file:
        file.write(content)
    return script('player', '''#!/usr/bin/python3
import re, shutil, sys
line = ' '.join(sys.argv)
if 'help' not in line:
    shutil.copyfile(%r, re.search('mem-path=([^, ]*)', line).group(1))
''' % data)


def header(size, error=b'', magic=MAGIC):
    return struct.pack('<QQ112s', magic, size, error)


def add(*args, **more):
    return kp.run('add', *args, store=store, **more)


def fails(t, what, done, status, words):
    """It ends with this status and one line with these words, and left nothing."""
    text = done.stderr
    t.ok(done.returncode == status and re.search(words, text) and text.count('\n') == 1, what,
         'status %d: %s' % (done.returncode, text))
    left = os.listdir(store) if os.path.isdir(store) else []
    t.equal(left, [], '%s: nothing is left in the store' % what)


def no_kernels(t):
    junk = os.path.join(scratch, 'junk')
    with open(junk, 'wb') as file:
        file.write(random.Random(3).randbytes(100000))
    fails(t, 'a junk file', add(junk), 5, 'not a Linux kernel')
    fails(t, 'an empty file', add('/dev/null'), 5, 'not a regular file')
    open(junk, 'wb').close()
    fails(t, 'a file of no bytes', add(junk), 5, 'not a Linux kernel')
    with open(kp.image(KERNEL), 'rb') as file:
        head = file.read(0x20e)
    with open(junk, 'wb') as file:
        file.write(head)
    fails(t, 'a kernel cut off in its header', add(junk), 5, 'not a Linux kernel')
    fails(t, 'a file that is not there', add('/no/such'), 3, 'No such file')
    fails(t, 'a release that is not installed', add('0.1-none'), 3, 'cannot find kernel')
    t.equal(kp.run('add', store=store).returncode, 2, 'no kernel named: usage')
    t.equal(kp.run('remove', 'nonesuch', store=store).returncode, 3, 'a profile that is not there cannot be removed')
    listed = kp.run('list', store=store)
    t.ok(listed.returncode == 0 and not listed.stdout, 'a store that is not there is an empty list')


def make_package(name, files):
    tree = os.path.join(scratch, name)
    os.makedirs(os.path.join(tree, 'DEBIAN'))
    with open(os.path.join(tree, 'DEBIAN', 'control'), 'w') as file:
        file.write('Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n' % name)
    for path, source in files.items():
        os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
        shutil.copyfile(source, os.path.join(tree, path))
    package = tree + '.deb'
    subprocess.run(['dpkg-deb', '-Znone', '--root-owner-group', '--build', tree, package], check=True,
                   stdout=subprocess.DEVNULL)
    return package


def good_image():
    """What profile-init hands over, made of a profile's packets."""
    with open(os.path.join(kp.get(KERNEL), 'metadata'), 'rb') as file:
        data = file.read()
    first = struct.unpack_from('<Q', data, 40)[0]     # the state packet is the recorder's
    return data[first:]


def packages(t):
    good = good_image()
    qemu = player(header(len(good)) + good)
    package = make_package('linux-image', {'boot/vmlinuz-0.1': kp.image(KERNEL), 'boot/config-0.1': '/etc/passwd'})
    done = add(package, qemu=qemu)
    t.ok(done.returncode == 0 and 'profile made' in done.stdout, 'the kernel of a package is taken', done.stderr)
    listed = kp.run('list', store=store).stdout
    t.ok(package in listed and os.path.basename(kp.get(KERNEL)) in listed, 'list names the package and the build id', listed)
    done = add(kp.image(KERNEL), qemu='/no/such/qemu')
    t.ok(done.returncode == 0 and 'already' in done.stdout, 'the same kernel again costs no boot', done.stderr)
    release = listed.split()[0]
    done = kp.run('remove', release, store=store)
    t.ok(done.returncode == 0 and os.listdir(store) == [], 'a profile is removed by its release', done.stderr)
    newer = make_package('linux-binary', {'usr/lib/modules/0.1/vmlinuz': kp.image(KERNEL),
                                          'usr/share/doc/vmlinuz-0.1': '/etc/passwd'})
    done = add(newer, qemu=qemu)
    t.ok(done.returncode == 0 and 'profile made' in done.stdout, 'and of one as Debian makes them since 7.0', done.stderr)
    kp.run('remove', release, store=store)
    fails(t, 'a package without a kernel', add(make_package('other', {'boot/readme': '/etc/passwd'})), 5, 'vmlinuz')
    with open(package, 'rb') as file:
        half = file.read(100000)
    with open(package, 'wb') as file:
        file.write(half)
    fails(t, 'half a package', add(package, qemu=qemu), 5, 'cannot unpack package')


def qemus(t):
    image = kp.image(KERNEL)
    fails(t, 'a QEMU that is not there', add(image, qemu='/no/such/qemu'), 3, 'cannot run QEMU.*--qemu')
    fails(t, 'a QEMU that fails', add(image, qemu=script('bad', '#!/bin/sh\necho "no such thing" >&2\nexit 1\n')), 1,
          'QEMU failed: no such thing')
    fails(t, 'a QEMU that is killed', add(image, qemu=script('killed', '#!/bin/sh\nkill -9 $$\n')), 1, 'QEMU failed')
    fails(t, 'a QEMU that ends at once', add(image, qemu='/bin/true'), 1, 'ended without a profile')
    begin = time.monotonic()
    done = add('--timeout', '1', image, qemu=script('slow', '#!/bin/sh\ncase "$*" in *help*) exit 0;; esac\nexec sleep 1000\n'))
    fails(t, 'a QEMU that hangs', done, 1, 'in 1 s .--timeout')
    t.ok(time.monotonic() - begin < 100, 'it is ended')


def kernels_that_die(t):
    other = script('panic', '#!/bin/sh\nexec %s "$@" -append "console=ttyS0 panic=-1 no_timer_check rdinit=/none"\n' % QEMU)
    fails(t, 'a kernel that panics', add(kp.image(KERNEL), qemu=other), 1, 'Kernel panic - not syncing: VFS')
    # the kernel asks for its root device for good
    other = script('hang', '#!/bin/sh\nexec %s "$@" -append "console=ttyS0 rdinit=/none root=/dev/none rootwait"\n' % QEMU)
    fails(t, 'a kernel that hangs', add('--timeout', '5', kp.image(KERNEL), qemu=other), 1, 'in 5 s .--timeout')


def over_a_serial_port(t):
    other = script('serial', '#!/bin/sh\ncase "$*" in *help*) exit 1;; esac\nexec %s "$@"\n' % QEMU)
    done = add(kp.image(KERNEL), qemu=other)
    t.equal(done.returncode, 0, 'a QEMU without ivshmem does: %s' % done.stderr.strip())
    paths = [os.path.join(place, os.path.basename(kp.get(KERNEL)), 'metadata') for place in (kp.STORE, store)]
    with open(paths[0], 'rb') as first, open(paths[1], 'rb') as second:
        t.ok(first.read() == second.read(), 'the profile is the same')
    shutil.rmtree(store)


def set_env(data, old, new):
    """The image with another value in its environment, of the same length."""
    assert len(old) == len(new) and old in data
    return data.replace(old, new)


def hostile_guests(t):
    image = kp.image(KERNEL)
    good = good_image()
    build_id = os.path.basename(kp.get(KERNEL)).encode()
    packet_size = struct.unpack_from('<Q', good, 40)[0]
    cases = {
        'nothing': (b'', 1, 'ended without'),
        'a header cut off': (header(4096)[:100], 1, 'ended without'),
        'another magic': (header(len(good), magic=MAGIC + 1) + good, 1, 'ended without'),
        'an error': (header(0, b'no \x1b[31mtracefs\n'), 1, r'no \?\[31mtracefs'),
        'more than there can be': (header(1 << 40) + good, 5, 'claims'),
        'all there can be': (header((1 << 64) - 1) + good, 5, 'claims'),
        'more than there is': (header(len(good) + 4096) + good, 1, ''),
        'zeros': (header(4096) + bytes(4096), 5, 'bad magic'),
        'half a stream': (header(len(good) // 256 * 128) + good, 5, 'packet'),
        'all but the end': (header(packet_size) + good, 5, 'not one whole set'),
        'a packet twice': (header(len(good) + packet_size) + good[:packet_size] + good, 5, 'not of a metadata stream'),
        'a build id that is a path': (header(len(good)) + set_env(good, b'kernel.build_id=' + build_id,
                                                                 b'kernel.build_id=../../../../' + build_id[12:]), 5, 'build id'),
        'an empty build id': (header(len(good)) + set_env(good, b'kernel.build_id=' + build_id,
                                                         b'kernel.build_id=\n' + build_id[1:]), 5, 'build id'),
        'no _text': (header(len(good)) + good.replace(b' T _text\n', b' T _tixt\n'), 5, 'symbols'),
        'a type of another stream': (header(len(good)) + good[:6] + b'\3' + good[7:], 5, 'not of a metadata'),
    }
    for name, (content, status, words) in cases.items():
        fails(t, 'the guest hands over %s' % name, add(image, qemu=player(content)), status, words)
    # A release is shown on terminals.
    release = re.search(rb'kernel.release=([^\n]*)', good).group(1)
    evil = header(len(good)) + set_env(good, b'kernel.release=' + release, b'kernel.release=' + b'\x1b' * len(release))
    done = add(image, qemu=player(evil))
    t.ok(done.returncode == 0 and '\x1b' not in done.stdout + kp.run('list', store=store).stdout,
         'a release of control characters is shown as ?', done.stdout + done.stderr)
    shutil.rmtree(store)
    # Anything: no crash, and nothing in the store but a name of hexadecimal digits.
    source = random.Random(7)
    statuses = []
    for _ in range(40):
        data = bytearray(good[:packet_size * 4] + good[-packet_size * 2:] if source.random() < .3 else good)
        for _ in range(source.choice((1, 3, 30))):
            at = source.randrange(len(data)) if source.random() < .5 else source.randrange(4) * packet_size + source.randrange(200)
            data[at] = source.choice((0, 1, 0x7f, 0x80, 0xff, source.randrange(256)))
        statuses.append(add('--force', image, qemu=player(header(len(data)) + bytes(data))).returncode)
    t.ok(set(statuses) <= {0, 1, 5}, 'changed bytes: refused, or made', statuses)
    names = os.listdir(store) if os.path.isdir(store) else []
    t.ok(all(re.fullmatch('[0-9a-f]{16,128}', name) for name in names), 'a profile is called as a build id', names)
    t.ok(kp.run('list', store=store).returncode == 0, 'list shows what came of it')


tap.main(no_kernels, packages, qemus, kernels_that_die, over_a_serial_port, hostile_guests)
