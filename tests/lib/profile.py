# SPDX-License-Identifier: GPL-2.0-only
"""Kernel profiles for tests: each is made once, and kept in build/kernels."""

import fcntl
import os
import struct
import subprocess

import vm

STORE = os.path.join(vm.BUILD, 'kernels')
INIT = os.path.join(vm.BUILD, 'host', 'host-tools', 'kernel', 'hypertrace-profile-init')
PRINT_SYMBOLS = os.path.join(vm.BUILD, 'host', 'tests', 'decode', 'print-symbols')

(BEGIN, ENV, HEADER_PAGE, HEADER_EVENT, FORMAT, SYMBOLS, TASKS, PRINTK_FORMATS, COMPLETE,
 KALLSYMS) = range(1, 11)


def image(kernel):
    return os.path.realpath(os.path.join(vm.BUILD, 'kernel-' + kernel, 'vmlinuz'))


def run(*args, store=STORE, qemu=None, bound=300):
    """Run `hypertrace kernel` with a store and a QEMU."""
    env = dict(os.environ, HYPERTRACE_KERNELS=store, HYPERTRACE_QEMU=qemu or os.path.join(vm.BUILD, 'qemu'))
    return subprocess.run([vm.HYPERTRACE, 'kernel', *args], env=env, capture_output=True, text=True,
                          errors='replace', timeout=bound, stdin=subprocess.DEVNULL)


def get(kernel):
    """The directory of a test kernel's profile, made unless it is there."""
    os.makedirs(STORE, exist_ok=True)
    mark = os.path.join(STORE, '.made-' + kernel)
    with open(os.path.join(STORE, '.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = '%s %d' % (image(kernel), os.stat(INIT).st_mtime_ns)
        if os.path.exists(mark):
            with open(mark) as file:
                made, path = file.read().split('\n')
            if made == wanted and os.path.exists(os.path.join(path, 'profile.ini')):
                return path
        done = run('add', '--force', image(kernel))
        if done.returncode:
            raise RuntimeError('kernel add: status %d: %s' % (done.returncode, done.stderr))
        path = os.path.join(STORE, done.stdout.split(':')[0].split()[1])
        with open(mark, 'w') as file:
            file.write(wanted + '\n' + path)
        return path


def records(path):
    """The records of a metadata stream file: (type, arg, payload)."""
    for header, content in vm.packets(path):
        at = 0
        while header['type'] == 2 and at + 16 <= len(content):
            kind, size, arg = struct.unpack_from('<IIQ', content, at)
            yield kind, arg, content[at + 16:at + 16 + size]
            at += 16 + (size + 7) // 8 * 8


def environment(path):
    env = {}
    for kind, _, payload in records(path):
        if kind == ENV:
            env.update(line.split('=', 1) for line in payload.decode(errors='replace').splitlines())
    return env


def formats(path):
    """The last text of each event's format: {(system, name): text}."""
    found = {}
    for kind, _, payload in records(path):
        if kind == FORMAT:
            system, text = payload.split(b'\0', 1)
            name = text.split(b'\n', 1)[0].split(b':')[1].strip()
            found[system.decode(), name.decode()] = text
    return found


def symbols(path):
    """The kernel's own symbols, of text or of its tables: a set of (address, name)."""
    texts = [payload for kind, _, payload in records(path) if kind == SYMBOLS]
    if any(kind == KALLSYMS for kind, _, _ in records(path)):
        texts.append(subprocess.run([PRINT_SYMBOLS, path], check=True, capture_output=True).stdout)
    found = set()
    for text in texts:
        for line in text.decode(errors='replace').splitlines():
            parts = line.split()
            if len(parts) == 3:
                found.add((int(parts[0], 16), parts[2]))
    return found


def printk_formats(path):
    """Their texts, without the addresses."""
    return sorted(line.split(b' : ', 1)[-1] for kind, _, payload in records(path)
                  if kind == PRINTK_FORMATS for line in payload.splitlines())
