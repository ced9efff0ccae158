# SPDX-License-Identifier: GPL-2.0-only
"""Perfetto's traces, decoded by protoc with the schema that they were written by."""

import os
import re
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(TOP, 'host-tools', 'export')
TYPED = re.compile(r'^(timestamp|pid)$')
ESCAPE = re.compile(rb'\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)')
LETTERS = {b'n': b'\n', b't': b'\t', b'r': b'\r', b'a': b'\a', b'b': b'\b', b'f': b'\f', b'v': b'\v'}


def unescape(text):
    def one(match):
        code = match.group(1)
        if code[:1].isdigit():
            return bytes([int(code, 8)])
        return LETTERS.get(code, code)
    return ESCAPE.sub(one, text.encode('latin-1'))


def value(text):
    if text[0] == '"':
        data = unescape(text[1:-1])
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data
    if text in ('true', 'false'):
        return text == 'true'
    try:
        return int(text)
    except ValueError:
        return text


def read(path):
    """The packets of a trace, each {field: [value or such a dictionary...]}."""
    with open(path, 'rb') as trace:
        done = subprocess.run(['protoc', '--decode=perfetto.protos.Trace', '--proto_path=' + SCHEMA, 'perfetto.proto'],
                              stdin=trace, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError('protoc: %s' % done.stderr.decode(errors='replace')[-1000:])
    top = {}
    stack = [top]
    for line in done.stdout.decode('latin-1').split('\n'):
        line = line.strip(' ')
        if line.endswith(' {'):
            inner = {}
            stack[-1].setdefault(line[:-2], []).append(inner)
            stack.append(inner)
        elif line == '}':
            stack.pop()
        elif line:
            name, _, text = line.partition(': ')
            stack[-1].setdefault(name, []).append(value(text))
    return top.get('packet', [])


def unknown(trace):
    """Numbers of fields that the schema does not have; protoc shows them as numbers."""
    found, todo = set(), list(trace)
    while todo:
        message = todo.pop()
        for name, values in message.items():
            if name.isdigit():
                found.add(name)
            todo += [inner for inner in values if isinstance(inner, dict)]
    return found


class Event:
    """One event of ftrace."""

    __slots__ = ('ns', 'cpu', 'pid', 'machine', 'name', 'fields', 'is_typed')

    def __init__(self, packet, cpu, message):
        self.ns, self.cpu = message['timestamp'][0], cpu
        self.pid = message.get('pid', [None])[0]
        self.machine = packet.get('machine_id', [0])[0]
        self.name = next(name for name in message if not TYPED.match(name))
        body = message[self.name][0]
        self.is_typed = self.name != 'generic'
        if self.is_typed:
            self.fields = {name: values[0] for name, values in body.items() if len(values) == 1}
        else:
            self.name = body['event_name'][0]
            self.fields = {field['name'][0]: next(field[key][0] for key in field if key != 'name')
                           for field in body.get('field', [])}


def events(trace):
    """All events, each CPU's in the order of the trace."""
    return [Event(packet, bundle['cpu'][0], message) for packet in trace
            for bundle in packet.get('ftrace_events', []) for message in bundle.get('event', [])]
