#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 200
"""A life in a window that says nothing of its kernel gets the profile that fits where
its kernel lay.
"""

import os
import shutil
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import profile as kp
import tap
import vm

SYMBOL = 'rb_meta_init_text_addr'
SHIFT = 0x1a00000


def keep(*args):
    done = kp.run('put', *args)
    return done.returncode, done.stdout, done.stderr


def packet(kind, epoch, sequence, content):
    size = (128 + len(content) + 127) // 128 * 128
    head = struct.pack('<IHHIIIIIIQQQ', 0x54485650, 128, kind, 65536, 0, epoch, 0, 0, 0, sequence, size, len(content))
    return (head.ljust(128, b'\0') + content).ljust(size, b'\0')


def window_meta(text_addr, symbol):
    return struct.pack('<6IQQII32s', 1, 0, 1, 4096, 10, 0xffffffff, text_addr, 0xffff888010001000, 0, 0, symbol.encode())


def recording(path, text_addr, symbol=SYMBOL):
    """One with a window in two epochs and nothing about its kernel."""
    for epoch in (1, 2):
        life = os.path.join(path, 'vm', '%d.0' % epoch)
        os.makedirs(life)
        with open(os.path.join(life, 'window-cpu0'), 'wb') as file:
            file.write(packet(0x101, epoch, 0, window_meta(text_addr, symbol)))
    with open(os.path.join(path, 'recording.ini'), 'w') as file:
        file.write('[recording]\nversion=1\n')
    with open(os.path.join(path, 'vm', 'vm.ini'), 'w') as file:
        file.write('[vm]\nname=vm\nstart_mono_ns=1\n')
    return path


def kept(path):
    found = [os.path.join(path, 'vm', '%d.0' % epoch, 'metadata') for epoch in (1, 2)]
    return [file for file in found if os.path.exists(file)]


def text_addr(kernel, symbol):
    return {name: address for address, name in kp.symbols(os.path.join(kp.get(kernel), 'metadata'))}[symbol]


def keeps(t):
    new, old = kp.get('6.12'), kp.get('6.1')
    addr = text_addr('6.12', SYMBOL) + SHIFT
    directory = vm.scratch()

    path = recording(os.path.join(directory, 'fits'), addr)
    t.equal(keep(path)[:2], (0, path + ': 2 put\n'), 'a recording is given profiles')
    t.equal(len(kept(path)), 2, 'each life in the window has one')
    for epoch, file in zip((1, 2), kept(path)):
        packets = list(vm.packets(file))
        t.equal({header['epoch'] for header, _ in packets}, {epoch}, 'its packets name epoch %d' % epoch)
        t.equal(packets[0][0]['type'], 0x100, 'the first is a state packet')
        t.equal(list(kp.records(file)), list(kp.records(os.path.join(new, 'metadata'))), 'what it says is the profile')
    info = vm.tool('info', path, check=False)
    t.ok(info.returncode == 0 and os.path.basename(new) in info.stdout, 'info names the kernel', info.stdout + info.stderr)
    first = os.stat(kept(path)[0])
    t.equal(keep(path)[:2], (0, path + ': 0 put\n'), 'again')
    t.equal(os.stat(kept(path)[0]).st_ino, first.st_ino, 'what is there stays')

    path = recording(os.path.join(directory, 'driver'), addr)
    for name, cut in (('1.1', None), ('2.1', 100000)):
        life = os.path.join(path, 'vm', name)
        os.mkdir(life)
        shutil.copy(os.path.join(new, 'metadata'), life)
        if cut:
            os.truncate(os.path.join(life, 'metadata'), cut)
    t.equal(keep(path)[0], 0, 'where a driver came up')
    t.equal([os.path.relpath(file, path) for file in kept(path)], ['vm/2.0/metadata'],
            'a profile is put where it did not come to tell all')

    path = recording(os.path.join(directory, 'page'), addr + 0x1000)
    t.equal((keep(path)[0], kept(path)), (3, []), 'where no profile fits there is none')
    status, _, error = keep(path, os.path.basename(new))
    t.ok(status == 3 and 'do not fit' in error and not kept(path), 'nor one that the user named', error)
    path = recording(os.path.join(directory, 'text'), text_addr('6.12', '_text') + SHIFT, '_text')
    t.equal((keep(path)[0], kept(path)), (2, []), 'where several fit there is none')
    t.equal((keep(path, os.path.basename(old))[0], len(kept(path))), (0, 2), 'unless the user named it')
    path = recording(os.path.join(directory, 'none'), 0)
    t.equal((keep(path, new)[0], kept(path)), (0, []), 'nor where nothing is known of the kernel')
    t.equal(keep(path, '0.1-none')[0], 3, 'a profile that is not there')
    t.equal(keep(os.path.join(directory, 'nothing'))[0], 3, 'a recording that is not there')
    broken = os.path.join(directory, 'store', os.path.basename(new))
    shutil.copytree(new, broken)
    os.truncate(os.path.join(broken, 'metadata'), 100000)
    path = recording(os.path.join(directory, 'broken'), addr)
    status, _, error = keep(path, broken)
    t.ok(status in (3, 5) and not kept(path), 'a damaged profile is not taken', '%d %s' % (status, error))


tap.main(keeps)
