#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Events of LTTng in guests as hypertrace view shows them: as babeltrace2 reads them in what export
makes, chosen like all others, whatever a guest wrote and whoever ends. The recordings are made up:
make-guest-recording.c says of what."""

import glob
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))
import lttng  # noqa: E402  pylint: disable=wrong-import-position
import tap  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get('HYPERTRACE_BUILD', os.path.join(TOP, 'build', 'host'))
TOOL = os.path.join(BUILD, 'host-tools', 'hypertrace')
MAKE = os.path.join(BUILD, 'tests', 'lttng', 'make-guest-recording')

BOUND = 60


class Scratch:
    """The recordings, and a directory for view's own files."""

    def __init__(self, path):
        self.path = path
        self.tmp = os.path.join(path, 'tmp')
        os.mkdir(self.tmp)
        self.env = dict(os.environ, TMPDIR=self.tmp)
        self.whole, self.long = self.make('whole'), self.make('long', 'x')

    def make(self, name, *argv):
        out = os.path.join(self.path, name)
        os.mkdir(out)
        subprocess.run([MAKE, out, *argv], check=True)
        return out

    def run(self, *argv, **options):
        return subprocess.run([TOOL, *argv], capture_output=True, text=True, errors='replace', check=False,
                              **{'env': self.env, **options})

    def view(self, *argv):
        done = self.run('view', *argv)
        assert done.returncode == 0, (argv, done.stderr)
        return done.stdout.splitlines()

    def exported(self, recording):
        """Events of each VM by babeltrace2: {vm: [(ns of CLOCK_MONOTONIC, cpu, name, text)]}."""
        out = recording + '.ctf'
        if not os.path.exists(out):
            assert self.run('export', recording, out).returncode == 0
        return {os.path.basename(path)[:-len('@lttng')]: lttng.exported_events(path, lttng.clock_offset(recording))
                for path in glob.glob(out + '/*@lttng')}


def same(test, scratch):
    for recording, vms, count in ((scratch.whole, ('app', 'web'), 676), (scratch.long, ('web',), 20024)):
        lines = scratch.view(recording)
        want = scratch.exported(recording)
        for vm in vms:
            got = lttng.viewed_events(line for line in lines if len(vms) == 1 or ' %s ' % vm in line)
            test.ok(sorted(got) == sorted(want[vm]), '%s: %d events of LTTng, as babeltrace2 reads them' % (
                vm, len(got)), [pair for pair in zip(sorted(got), sorted(want[vm])) if pair[0] != pair[1]][:5])
        test.equal(sum(len(want[vm]) for vm in vms), count, 'which are all there are')
        times = [line.split(' ')[0] for line in lines if ' db ' not in line]
        test.ok(times == sorted(times, key=float), 'in order of time')
    test.equal([line.split(' ')[0] for line in lines if ' vmm_running: ' in line],
               ['100%d.500000000' % i for i in range(10)], 'among other events')
    forms = [line for line in lines if ' hex = ' in line]
    test.ok('lttng kind0: { hex = 0x82 }, { kind = ( "few", "some" : container = 2 ), small = '
            '{ octal = 07, bits = 0b10111 }, list = [ [0] = -1, [1] = 3 ] }' in forms[2],
            'fields of many kinds', forms[2])


def hostile(test, scratch):
    done = scratch.run('view', scratch.whole)
    exported = scratch.run('export', scratch.whole, scratch.path + '/hostile')
    test.equal(done.returncode, 0, 'what cannot be read is no failure')
    told = [line.split(': ', 1)[1] for line in exported.stderr.splitlines()]
    test.ok(len(told) == 10 and all('hypertrace view: %s\n' % line in done.stderr for line in told),
            'it is told, as export tells it', (told, done.stderr))
    lost = re.findall(r'(\S+) +\[(\d+)\] lttng \*\*\* lost (.*?) \*\*\*', done.stdout)
    test.equal(sorted(lost), [
        ('app', '000', '1 packet in the next 1.999999001 s'), ('app', '000', '1 packet in the next 4.099979001 s'),
        ('web', '000', '7 events in the next 1.199984000 s'), ('web', '001', '4 packets in the next 2.099984000 s')],
        'losses stand where they were')
    test.ok('hypertrace view: 7 events lost\n' in done.stderr and 'hypertrace view: 6 packets lost\n' in done.stderr,
            'and their sums', done.stderr)
    test.ok('\033' not in done.stdout + done.stderr, 'no control characters')
    test.equal(len([line for line in done.stdout.splitlines() if ' db ' in line]), 60,
               'events whose clock nobody knows are there, too')


def choice(test, scratch):
    path = scratch.long
    lines = scratch.view(path)
    test.equal(scratch.view('--head', '3', path), lines[:3], '--head')
    test.equal(scratch.view('--tail', '3', path), lines[-3:], '--tail')
    test.equal(scratch.view('-c', '1', path), [line for line in lines if ' [001] ' in line], '--cpu')
    test.equal(len(scratch.view('-c', '1', path)), 24, 'which is one session')
    test.equal(scratch.view('-e', 'kind1', path), [line for line in lines if ' kind1: ' in line], '--event')
    test.equal(scratch.view('-e', 'lttng:kind1', path), [line for line in lines if ' kind1: ' in line],
               '--event with the system')
    test.equal(scratch.view('-e', 'hypertrace:*', path), [line for line in lines if ' vmm_' in line],
               '--event: none of LTTng\'s')
    test.equal(scratch.view('--no-lttng', path), [line for line in lines if ' lttng ' not in line], '--no-lttng')
    begin, end = lines[100].split(' ')[0], lines[200].split(' ')[0]
    want = [line for line in lines if float(begin) <= float(line.split(' ')[0]) <= float(end)]
    test.equal(scratch.view('--from', begin, '--to', end, path), want, '--from and --to')
    test.ok(len(scratch.view('--to', '+0', path)) == 1, '--to, after the first event, which is LTTng\'s')
    test.equal(scratch.view('--vcpu', '1', path), [line for line in lines if ' [001] ' in line], '--vcpu')
    raw = scratch.view('--raw', '--vm', 'web', '-c', '1', scratch.whole)
    test.equal(raw, scratch.view('--vm', 'web', '-c', '1', scratch.whole),
               '--raw: the clock of a guest that has the host\'s')
    raw = scratch.view('--raw', '--vm', 'app', '--head', '1', scratch.whole)
    test.ok(raw[0].startswith('100.00'), '--raw: a guest\'s own', raw)
    utc = scratch.view('--utc', '--vm', 'web', '--head', '1', scratch.whole)
    test.ok(utc[0].startswith('2023-11-14T22:13:20.04287'), '--utc', utc)
    test.ok(not scratch.run('view', '--vm', 'none', scratch.whole).stderr, '--vm: nothing is told of others')
    test.equal(os.listdir(scratch.tmp), [], 'nothing is left of what was laid out')


def cannot(test, scratch):
    done = scratch.run('view', scratch.long, env=dict(os.environ, TMPDIR='/nowhere'))
    test.ok(done.returncode == 1 and 'LTTng in guests are not shown: cannot make directory' in done.stderr and
            done.stdout.count(' vmm_') == 10, 'where there is no room for them the others are shown',
            (done.returncode, done.stderr))
    done = scratch.run('view', '--no-lttng', scratch.long, env=dict(os.environ, TMPDIR='/nowhere'))
    test.ok(done.returncode == 0 and not done.stderr, 'and nothing is told if they are not wanted', done.stderr)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = scratch.run('view', scratch.whole, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (12, hard)))
    test.equal((done.returncode, done.stdout), (0, '\n'.join(scratch.view(scratch.whole)) + '\n'),
               'more streams than files may be open, by the soft limit')


def children(pid):
    found = []
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path, encoding='utf-8', errors='replace') as file:
                fields = file.read().rsplit(')', 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(path.split('/')[2]))
    return found


def until_empty(path):
    end = time.monotonic() + BOUND
    while os.listdir(path) and time.monotonic() < end:
        time.sleep(0.01)
    return not os.listdir(path)


def ended(test, scratch):
    """The reader is ended, the reading is, the view is."""
    argv = [TOOL, 'view', scratch.long]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=scratch.env) as process:
        first = process.stdout.readline()
        test.ok(os.listdir(scratch.tmp), 'it is laid out')
        # who keeps the directory is not ended by this
        for child in children(process.pid):
            os.kill(child, signal.SIGTERM)
        rest, told = process.communicate(timeout=BOUND)
    test.ok(process.returncode == 5 and 'events of LTTng in web are missing: reading them ended after 100' in told,
            'the reader is killed: it is told', (process.returncode, told))
    test.ok(rest.count(' vmm_') == 10 and 0 < (first + rest).count(' lttng ') < 20024, 'the rest is shown')
    test.equal(os.listdir(scratch.tmp), [], 'and nothing is left')

    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=scratch.env) as process:
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    test.ok(process.returncode == 0 and not told and not os.listdir(scratch.tmp), 'nobody reads: it ends quietly',
            (process.returncode, told))

    for number, kill, whom in ((signal.SIGINT, os.kill, 'it'), (signal.SIGKILL, os.kill, 'it'),
                               (signal.SIGKILL, os.killpg, 'its job')):
        # Who was started in the background may have SIGINT ignored.
        with subprocess.Popen(argv, stdout=subprocess.PIPE, env=scratch.env, start_new_session=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
            process.stdout.readline()
            kill(process.pid, number)
        test.ok(process.returncode == -number and until_empty(scratch.tmp),
                '%s to %s: nothing is left' % (number.name, whom), (process.returncode, os.listdir(scratch.tmp)))


def main():
    test = tap.Tap()
    with tempfile.TemporaryDirectory() as path:
        tap.each(test, (same, hostile, choice, cannot, ended), Scratch(path))
    return test.done()


if __name__ == '__main__':
    sys.exit(main())
