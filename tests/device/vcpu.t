#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 500
"""[W2][D9] What a vCPU stores in the window is in the region, and its writes to
watched ports are marks that the port's device gets too; under TCG and, where
this machine's KVM runs a guest that small, under KVM."""

import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../lib'))
import tap  # noqa: E402

MARK = 13
WINDOW_OFFSET = 4 << 20         # a window of 2 MiB in a region of 8 MiB
PORTS = ',mark-ports=0x71:0x80:0x81:0x5678:0xf4'
WANT = [(0x80, 1, 0x41), (0x5678, 2, 0x1234), (0x5678, 4, 0xdeadbeef), (0x81, 1, 0x77)]


def run(accel, guest, directory, ports):
    """Return: what the guest found; None if it did not come so far."""
    qemu = subprocess.run([os.path.join(HERE, '../../build-aux/qemu')], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    done = subprocess.run(
        [qemu, '-machine', 'pc', '-accel', accel, '-m', '64', '-nodefaults', '-display', 'none', '-no-reboot',
         '-device', 'isa-debug-exit,iobase=0xf4,iosize=1', '-device',
         'virtio-hypertrace,size=8M,window-addr=32M,window-size=2M,dir=%s%s' % (directory, ports),
         '-kernel', guest], timeout=120, check=False)
    return done.returncode >> 1 if done.returncode & 1 and done.returncode > 1 else None


def marks(region):
    """The marks in the vmm stream of a region, as (port, size, value)."""
    stream = struct.unpack_from('<Q', region, 40)[0]
    ring, size = struct.unpack_from('<2Q', region, stream + 16)
    head, at = struct.unpack_from('<2Q', region, stream + 64)
    found = []
    while at < head:
        packet = ring + at % size
        header_size, kind = struct.unpack_from('<2H', region, packet + 4)
        what, _, arg = struct.unpack_from('<2IQ', region, packet + header_size + 16)
        if kind == 4 and what == MARK:
            found.append((arg >> 48, arg >> 32 & 0xff, arg & 0xffffffff))
        at += struct.unpack_from('<Q', region, packet + 40)[0]
    return found


def check(t, accel):
    with tempfile.TemporaryDirectory(prefix='vcpu.') as tmp:
        guest = os.path.join(tmp, 'guest')
        subprocess.run(['gcc', '-m32', '-nostdlib', '-static', '-no-pie', '-Wl,--build-id=none,-Ttext=0x100000',
                        '-o', guest, os.path.join(HERE, 'vcpu.S')], check=True)
        plain = run(accel, guest, os.path.join(tmp, 'plain'), '')
        if accel == 'kvm' and plain is None:
            t.skip('a vCPU (kvm)', 'KVM does not run the guest')
            return
        found = run(accel, guest, os.path.join(tmp, 'vm'), PORTS)
        t.equal(found, plain, 'a vCPU (%s) finds the same with watched ports as without [D9]' % accel)
        t.equal(found & 7, 7, 'and all that it looks for [W2][D9]')
        with open(os.path.join(tmp, 'vm/region'), 'rb') as f:
            region = f.read()
        t.equal(struct.unpack_from('<I', region, WINDOW_OFFSET)[0], 0x5a17c0de,
                'the first word of the window is in the region (%s) [W2]' % accel)
        t.equal(struct.unpack_from('<I', region, WINDOW_OFFSET + (2 << 20) - 4)[0], 0x5a17c0df,
                'and the last (%s) [W2]' % accel)
        got = marks(region)
        # what the firmware wrote before
        while got and got[:1] != WANT[:1]:
            got.pop(0)
        t.equal(got, WANT + [(0xf4, 1, found)], 'its writes are marks, and nothing else is (%s) [D9]' % accel)


def test_tcg(t):
    check(t, 'tcg')


def test_kvm(t):
    if not os.access('/dev/kvm', os.W_OK):
        t.skip('a vCPU (kvm)', 'no /dev/kvm on this machine')
        return
    check(t, 'kvm')


tap.main(test_tcg, test_kvm)
