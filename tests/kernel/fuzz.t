#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 120
"""What a guest hands over, against random input that began as good input, under ASan
and UBSan, for a bounded time (HYPERTRACE_FUZZ_SECONDS).
"""

import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import profile as kp
import tap
import vm

PROGRAM = os.path.join(vm.BUILD, 'host', 'tests', 'kernel', 'fuzz-profile')


def record(kind, payload, arg=1):
    return struct.pack('<IIQ', kind, len(payload), arg) + payload + bytes(-len(payload) % 8)


def packet(sequence, content):
    size = (128 + len(content) + 127) // 128 * 128
    head = struct.pack('<IHHIIIIIIQQQ', 0x54485650, 128, 2, 32, 0xffffffff, 0, 0, 0, 0, sequence, size, len(content))
    return (head.ljust(128, b'\0') + content).ljust(size, b'\0')


def small():
    """The smallest whole set."""
    env = b'kernel.release=6.12\nkernel.version=#1\nkernel.machine=x86_64\nkernel.build_id=0123456789abcdef\n'
    return packet(0, record(kp.BEGIN, b'') + record(kp.ENV, env) + record(kp.HEADER_PAGE, b'x\n') +
                  record(kp.FORMAT, b'sched\0name: a\nID: 1\n')) + \
        packet(1, record(kp.SYMBOLS, b'ffffffff81000000 T _text\nffffffff81000010 t a\t[b]\n') + record(kp.COMPLETE, b''))


def fuzz(t):
    if not os.path.exists(PROGRAM):
        t.skip('fuzz profile', 'clang is not installed')
        return
    directory = vm.scratch()
    corpus = os.path.join(directory, 'corpus')
    os.mkdir(corpus)
    with open(os.path.join(corpus, 'small'), 'wb') as file:
        file.write(small())
    seconds = os.environ.get('HYPERTRACE_FUZZ_SECONDS', '10')
    done = subprocess.run([PROGRAM, '-max_total_time=' + seconds, '-timeout=10', '-rss_limit_mb=2048', '-max_len=4096',
                           '-print_final_stats=1', '-artifact_prefix=%s/' % directory, corpus],
                          capture_output=True, text=True, errors='replace', timeout=int(seconds) + 60)
    t.equal(done.returncode, 0, 'fuzz profile, %s s' % seconds)
    t.note('\n'.join(line for line in done.stderr.splitlines() if 'number_of_executed_units' in line or 'ERROR' in line))


tap.main(fuzz)
