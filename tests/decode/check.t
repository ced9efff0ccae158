#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""hypertrace check and info on a guest beside its host: what they say of times, and how check ends."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get('HYPERTRACE_BUILD', os.path.join(TOP, 'build', 'host'))
TOOL = os.path.join(BUILD, 'host-tools', 'hypertrace')
MAKE = os.path.join(BUILD, 'tests', 'decode', 'test-causality')


def tool(*argv):
    return subprocess.run([TOOL, *argv], capture_output=True, text=True, check=False)


def make(scratch, kind):
    path = os.path.join(scratch, kind)
    subprocess.run([MAKE, kind, path], check=True)
    return path


def causality(test):
    with tempfile.TemporaryDirectory() as scratch:
        done = tool('check', make(scratch, 'good'))
        test.ok(done.returncode == 0 and
                'causality of web: events in 2 stays in the guest: 2 judged, 0 not, 0 violations; '
                'largest excess 0 ns, bound 11 ns\n' in done.stdout, 'nothing wrong: exit code 0', done.stdout)
        done = tool('check', make(scratch, 'bad'))
        test.ok('causality of web: events in 2 stays in the guest: 3 judged, 0 not, 1 violations; '
                'largest excess 500 ns, bound 11 ns (at 1000.000002500 s; no bound above 11 ns)\n'
                in done.stdout, 'an event that cannot be is told', done.stdout)
        test.equal(done.returncode, 6, 'it is a defect')


def times(test):
    with tempfile.TemporaryDirectory() as scratch:
        done = tool('info', make(scratch, 'good'))
        test.ok('  times:       ticks, within 11 ns\n' in done.stdout and
                '    times:     hypertrace: ticks, within 11 ns\n' in done.stdout,
                'how well times are known, of the VM and of each source', done.stdout)
        test.ok('    CPUs:      0 is vCPU 1\n' in done.stdout and
                '  vCPU 1       id 0, thread 102, 0 to KVM, from ' in done.stdout,
                'vCPUs, and which one a CPU is', done.stdout)


def other_boot(test):
    with tempfile.TemporaryDirectory() as scratch:
        path = make(scratch, 'good')
        with open(os.path.join(path, '@host', 'host.ini'), 'w', encoding='utf-8') as file:
            file.write('[host]\nhostname=iron\nboot_id=00000000-14e3-4fe8-8a4b-7a9c1f2d3e4f\n')
        for command in ('check', 'info', 'view'):
            done = tool(command, path)
            test.ok(done.returncode == 5 and 'another boot' in done.stderr and
                    'boot_id=00000000-14e3' in done.stderr,
                    '%s refuses a host part of another boot' % command, done.stderr)


if __name__ == '__main__':
    tap.main(causality, times, other_boot)
