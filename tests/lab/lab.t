#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
# alone: a lab takes all CPUs that there are
"""`make lab` as a person has it: on a terminal, with a guest that is recorded, and a clean end."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

PROMPT = 'lab# '
BOUND = 400     # seconds: a command in the lab starts a program over 9p, by TCG


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv):
        self.fd, theirs = pty.openpty()
        self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.text = ''

    def until(self, pattern, bound=BOUND):
        """Read until PATTERN; return what came before it."""
        end = time.monotonic() + bound
        while not (match := re.search(pattern, self.text)):
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise vm.Timeout('waited %d s for %r' % (bound, pattern))
            try:
                self.text += os.read(self.fd, 65536).decode(errors='replace')
            except OSError:
                raise EOFError('the program ended') from None
        before, self.text = self.text[:match.start()], self.text[match.end():]
        return before

    def type(self, line):
        os.write(self.fd, line.encode() + b'\n')
        return self.until(PROMPT)


def make_lab(t):
    terminal = Terminal([os.path.join(vm.TOP, 'tests/lab/lab')])
    try:
        t.note(terminal.until(PROMPT))
        found = terminal.type('guest dmesg | grep -i hypervisor')
        t.ok(re.search(r'Hypervisor detected: KVM', found), 'the guest runs under KVM', found)
        found = terminal.type('hypertrace list')
        t.ok(re.search(r'\bvm +running +ready\b', found), 'the guest is in the list, with its driver', found)
        t.ok(re.search(r'\d+ +\d+\r?\n', found), 'a recorder is attached', found)
        found = terminal.type('hypertrace view recording | tail -n 3')
        t.ok(len(re.findall(r'\d+\.\d{9} \S+ ', found)) >= 3, 'what happens can be looked at', found)
        # What comes back of the line itself has the quotes. The command says so itself: the terminal is its own then.
        os.write(terminal.fd, b"""sh -c "echo at' 'work; exec sleep 1000"\n""")
        terminal.until('at work')
        os.write(terminal.fd, b'\x03')
        t.ok('^C' in terminal.until(PROMPT), '^C is for the command')
        os.write(terminal.fd, b'exit\n')
        t.note(terminal.until('what was recorded is in'))
        t.equal(terminal.process.wait(BOUND), 0, 'exit ends it, and all is well')
    except (vm.Timeout, EOFError):
        t.note(terminal.text[-16000:])
        raise
    finally:
        # With the QEMU that it started, which is of the same group.
        try:
            os.killpg(terminal.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        terminal.process.wait()
    check = vm.tool('check', os.path.join(vm.BUILD, 'lab', 'recording'), check=False)
    t.equal(check.returncode, 0, 'the recording stays, and is whole')
    t.note(check.stdout + check.stderr)


tap.main(make_lab)
