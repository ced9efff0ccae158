#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 300
"""Real pages of real kernels (data/README.md), decoded by us and by others.

Every sample is a trace.dat. The same pages go to trace-cmd, to libtraceevent and,
as a recording, to us; then through export to babeltrace2. All must tell the same.
"""

import collections
import glob
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))
import tap  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.environ.get('HYPERTRACE_BUILD', os.path.join(TOP, 'build', 'host'))
TOOL = os.path.join(BUILD, 'host-tools', 'hypertrace')
PLUGIN = os.path.join(BUILD, 'host-tools', 'plugin')
ORACLE = os.path.join(BUILD, 'tests', 'decode', 'oracle')

VIEW = re.compile(r'(\S+) \[(...)\] (?:(.*)-(\d+) )?(\w+): (\{.*)$')
PRETTY = re.compile(r'\[(\S+)\] \(\S+\) (?:(\S+) )?(\w+): (?:\{ cpu_id = (\d+) \}, )?'
                    r'(?:\{ tid = (-?\d+), procname = "(.*?)" \}, )?(\{.*)$')
REPORT = re.compile(r'\s*(.*)-(\d+)\s+\[(\d+)\]\s+(\d+\.\d+): (\w+):\s*(.*)$')
ESCAPES = {'n': '\n', 't': '\t', 'a': '\a', 'b': '\b', 'e': '\033', 'f': '\f', 'r': '\r', 'v': '\v'}


def output(*argv, status=0):
    """What a program prints; it must end with STATUS and without complaint."""
    done = subprocess.run(argv, capture_output=True, text=True, errors='replace', check=False)
    if done.returncode != status or done.stderr:
        raise AssertionError('%s: status %d\n%s' % (' '.join(argv), done.returncode, done.stderr))
    return done.stdout


def value_end(text, at):
    """Where the value that begins at AT ends."""
    depth, quoted = 0, False
    while at < len(text):
        c = text[at]
        if quoted:
            at += c == '\\'
            quoted = c != '"'
        elif c == '"':
            quoted = True
        elif c in '([':
            depth += 1
        elif c in ')]':
            depth -= 1
        elif not depth and (c == ',' or text.startswith(' }', at)):
            break
        at += 1
    return at


def parse_fields(text):
    """'{ a = 1, b = "x" }' as a dictionary of the texts of the values."""
    fields, at = {}, 2
    while at < len(text) and text[at] != '}':
        name, _, _ = text[at:].partition(' = ')
        at += len(name) + 3
        end = value_end(text, at)
        fields[name] = text[at:end].strip()
        at = end + (2 if text[end:end + 1] == ',' else 1)
    return fields


def plain(value):
    """A value without the names that its number has."""
    match = re.match(r'\( .* : container = (\S+) \)$', value)
    return match.group(1) if match else value


def unquote(value):
    return re.sub(r'\\(.)', lambda m: ESCAPES.get(m.group(1), m.group(1)), value[1:-1])


def is_same_number(text, number):
    """Whether trace-cmd's text can mean this number: it chooses the base."""
    forms = {str(number), '%x' % (number & 0xffffffffffffffff), '%x' % (number & 0xffffffff),
             str(number - 2**64), str(number - 2**32), str(number & 0xffffffffffffffff)}
    text = text.strip()
    if text == '(nil)':
        return number == 0
    bare = text[2:] if text.startswith('0x') else text
    return bare in forms or (bare.lstrip('0') or '0') in forms


def is_same_value(theirs, ours, symbol):
    ours = plain(ours)
    if ours.startswith('"'):
        return theirs.rstrip('\n') == unquote(ours).rstrip('\n')
    if ours.startswith('['):
        numbers = [int(n, 0) for n in re.findall(r'\] = (\S+?)[, ]', ours)]
        words = bytes(int(w, 16) for w in re.findall(r'[0-9a-f]{2}\b', theirs))
        # Of a stack trace-cmd shows 8 callers, the format's size, whatever there is.
        size = 8 if symbol else len(words) // len(numbers) if numbers else 1
        raw = b''.join((n & (1 << 8 * size) - 1).to_bytes(size, 'little') for n in numbers)
        return not theirs.startswith('ARRAY[') or raw == words or (
            symbol and raw[:64] == words[:len(raw)])
    if is_same_number(theirs, int(ours, 0)):
        return True
    # An address in the kernel: trace-cmd may print its name alone.
    return symbol is not None and unquote(symbol).split('+0x')[0] == theirs.split('+0x')[0]


def compare_report(test, dat, recording):
    """trace-cmd report against view: all events, in the same order."""
    done = subprocess.run(['trace-cmd', 'report', '-R', '-t', dat], capture_output=True,
                          text=True, errors='replace', check=True)
    theirs = [REPORT.match(line) for line in done.stdout.splitlines()]
    theirs = [match for match in theirs if match]
    ours = [VIEW.match(line) for line in
            output(TOOL, 'view', '--names', 'ftrace', recording).splitlines()]
    ours = [match for match in ours if match and match.group(2) != '---']
    test.equal(len(ours), len(theirs), 'trace-cmd: as many events')
    bad, values = [], 0
    for left, right in zip(theirs, ours):
        seconds, ns = right.group(1).split('.')
        time = '%d.%s' % (int(seconds) - 1000, ns)
        if (left.group(5), int(left.group(3)), left.group(2), left.group(4)) != (
                right.group(5), int(right.group(2)), right.group(4), time):
            bad.append('%s\n%s' % (left.group(0), right.group(0)))
            continue
        fields = parse_fields(right.group(6))
        names = [name for name in fields if re.search(r'(^| )%s=' % re.escape(name), left.group(6))]
        pattern = ' '.join('%s=(.*)' % re.escape(name) for name in names) + '$'
        match = re.match(pattern, left.group(6), re.S)
        for name, theirs_value in zip(names, match.groups() if match else []):
            values += 1
            if not is_same_value(theirs_value, fields[name], fields.get(name + '_symbol')):
                bad.append('%s: %s is %s, for trace-cmd %s' % (
                    right.group(5), name, fields[name], theirs_value))
        if not match and left.group(6):
            bad.append('fields differ: %s\n%s' % (left.group(6), right.group(6)))
    test.ok(not bad and values > len(ours), 'trace-cmd: the same names, CPUs, tasks, times, fields '
            '(%d values)' % values, '\n'.join(bad[:20]))


def normal_view(line):
    """A line of view as what both it and babeltrace2 say."""
    match = VIEW.match(line)
    seconds, ns = match.group(1).split('.')
    cpu = None if match.group(2) == '---' else int(match.group(2))
    fields = parse_fields(match.group(6))
    return (int(seconds), ns, cpu, match.group(3), match.group(4), match.group(5),
            [(name, plain(value)) for name, value in fields.items()])


def normal_pretty(line, empty):
    match = PRETTY.match(line)
    seconds, ns = match.group(1).split('.')
    cpu = None if match.group(4) is None else int(match.group(4))
    task = match.group(6) and unquote('"%s"' % match.group(6))
    fields = parse_fields(match.group(7))
    return (int(seconds) - 1700000000, ns, cpu, task, match.group(5), match.group(3),
            [(name, '""' if plain(value) == empty else plain(value))
             for name, value in fields.items()])


def compare_babeltrace(test, what, lines, recording, empty):
    ours = [normal_view(line) for line in output(TOOL, 'view', recording).splitlines()]
    theirs = [normal_pretty(line, empty) for line in lines]
    bad = ['%r\n%r' % pair for pair in zip(ours, theirs) if pair[0] != pair[1]]
    test.ok(ours and len(ours) == len(theirs) and not bad,
            '%s: the same %d events, in the same order' % (what, len(ours)),
            '%d and %d\n%s' % (len(ours), len(theirs), '\n'.join(bad[:5])))


def one_sample(test, path, scratch):
    name = os.path.basename(path)[:-len('.dat.xz')]
    dat = os.path.join(scratch, name + '.dat')
    recording, ctf = os.path.join(scratch, name), os.path.join(scratch, name + '-ctf')
    test.note(name)
    with lzma.open(path) as packed, open(dat, 'wb') as unpacked:
        shutil.copyfileobj(packed, unpacked)
    output(os.path.join(HERE, 'dat-to-recording'), dat, recording)
    oracle = output(ORACLE, recording)
    for line in oracle.splitlines():
        match = re.match(r'(not )?ok \d+ - (.*)', line)
        if match:
            test.ok(not match.group(1), 'libtraceevent: ' + match.group(2), oracle)
    compare_report(test, dat, recording)
    output(TOOL, 'export', '--to', 'ctf', recording, ctf)
    compare_babeltrace(test, 'exported', output('babeltrace2', '--clock-seconds', ctf).splitlines(),
                       recording, '" "')
    compare_babeltrace(test, 'through the plugin', output(
        'babeltrace2', '--plugin-path', PLUGIN, '--clock-seconds', recording).splitlines(),
        recording, '""')
    events = collections.Counter(line.split(' ')[1] for line in
                                 output(TOOL, 'view', recording).splitlines())
    test.ok(len(events) == 3, 'events of two CPUs and of the VM', events)


def samples(test):
    paths = sorted(glob.glob(os.path.join(HERE, 'data', '*.dat.xz')))
    test.ok(paths, 'there are samples')
    with tempfile.TemporaryDirectory(prefix='hypertrace-') as scratch:
        for path in paths:
            one_sample(test, path, scratch)


if __name__ == '__main__':
    tap.main(samples)
