# SPDX-License-Identifier: GPL-2.0-only
"""TAP for tests in Python: a point is a check that says what it found."""

import signal
import sys
import traceback


class Tap:
    """The points of one test program, printed as they are made."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, what, found=None):
        """One point. FOUND is shown where it fails."""
        self.count += 1
        print('%sok %d - %s' % ('' if good else 'not ', self.count, what), flush=True)
        if not good:
            self.failed += 1
            if found is not None:
                for line in str(found).splitlines()[:40]:
                    print('#   ' + line[:400], flush=True)
        return bool(good)

    def equal(self, got, want, what):
        return self.ok(got == want, what, 'got %r\nwant %r' % (got, want))

    def skip(self, what, why):
        self.count += 1
        print('ok %d - %s # SKIP %s' % (self.count, what, why), flush=True)

    def note(self, text):
        for line in str(text).splitlines():
            print('# ' + line, flush=True)

    def done(self):
        print('1..%d' % self.count, flush=True)
        return 1 if self.failed else 0


def each(tap, tests, *arguments):
    """Run test functions with one Tap; an exception fails it."""
    for test in tests:
        try:
            test(tap, *arguments)
        except Exception as error:  # pylint: disable=broad-except
            tap.ok(False, '%s runs to its end' % test.__name__,
                   ''.join(traceback.format_exception(type(error), error, error.__traceback__)))


class Ended(BaseException):
    """The time of the test program is over: guests that it leaves now tell how they are."""


def heed(number):
    """Let a signal end the program by way of its with-blocks."""
    def end(*_):
        raise Ended(signal.Signals(number).name)
    signal.signal(number, end)


def run(*tests):
    """Run test functions. Return: the exit status of the program."""
    heed(signal.SIGTERM)
    tap = Tap()
    each(tap, tests)
    return tap.done()


def main(*tests):
    sys.exit(run(*tests))
