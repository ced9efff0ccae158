#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 400
"""A profile is what the driver of that kernel sends, but for where KASLR put the
kernel; and the library finds it and the distance from addresses of the guest.
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import profile as kp
import tap
import vm

CHOOSE = os.path.join(vm.BUILD, 'host', 'tests', 'kernel', 'choose')
KERNELS = ('6.12', '6.1')
guests = {}


def choose(symbol, address, functions, store=kp.STORE):
    args = [symbol or '-', '%x' % address] + ['%x' % function for function in functions]
    done = subprocess.run([CHOOSE, *args], env=dict(os.environ, HYPERTRACE_KERNELS=store),
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.split(), done.stderr


def record(kernel):
    """The metadata that the driver of a guest sent, and addresses in it."""
    directory = vm.scratch()
    tracing = {'6.12': 'trace_instance=hypertrace,initcall', '6.1': 'trace_clock=x86-tsc trace_event=initcall'}
    with vm.Guest(directory, kernel=kernel, append=tracing[kernel]) as guest:
        out = os.path.join(directory, 'rec')
        with vm.Recorder(guest, out) as recorder:
            guest.ready()
            theirs = os.path.join(out, 'vm', '1.1', 'metadata')
            vm.wait_for('the whole metadata', lambda: os.path.exists(theirs) and
                        any(kind == kp.COMPLETE for kind, _, _ in kp.records(theirs)), step=0.3)
            guest.poweroff()
            recorder.wait()
    vm.tool('export', '--to', 'ctf', '--names', 'ftrace', out, os.path.join(directory, 'ctf'))
    events = [event.field('func') for event in vm.ctf(os.path.join(directory, 'ctf'))
              if event.name.endswith('initcall_start')]
    return theirs, events


def same_as_the_driver_sends(t):
    for kernel in KERNELS:
        path = kp.get(kernel)
        mine = os.path.join(path, 'metadata')
        theirs, functions = record(kernel)
        env, other = kp.environment(mine), kp.environment(theirs)
        for key in ('kernel.release', 'kernel.version', 'kernel.machine', 'kernel.build_id', 'page_size', 'long_size'):
            t.equal(env.get(key), other.get(key), '%s: the same %s' % (kernel, key))
        t.ok('kernel.cmdline' not in env, '%s: it has no command line, which is a guest\'s' % kernel)
        t.equal(os.path.basename(path), env['kernel.build_id'], '%s: it is called as the build id' % kernel)

        formats, others = kp.formats(mine), kp.formats(theirs)
        t.ok(len(formats) > 1000, '%s: it has %d formats' % (kernel, len(formats)))
        differing = sorted(name for name in formats if formats[name] != others.get(name))
        t.equal(differing, [], '%s: each format is what the driver sends' % kernel)
        t.note('%s: formats of modules: %s' % (kernel, sorted(set(others) - set(formats))[:20]))
        t.equal({name[0] for name in set(others) - set(formats)} & {'sched', 'irq', 'initcall', 'syscalls', 'ftrace'},
                set(), '%s: no format of these systems is missing' % kernel)
        t.equal(kp.printk_formats(mine), kp.printk_formats(theirs), '%s: the same formats of printk' % kernel)
        for kind in (kp.HEADER_PAGE, kp.HEADER_EVENT):
            fields = [[re.findall(r'field:[^;]*;\s*offset:\d+;\s*size:\d+', payload.decode())
                       for k, _, payload in kp.records(stream) if k == kind][0] for stream in (mine, theirs)]
            t.equal(fields[0], fields[1], '%s: the same header format %d' % (kernel, kind))

        symbols, moved = kp.symbols(mine), kp.symbols(theirs)
        text = {name: address for address, name in symbols}['_text']
        shift = {name: address for address, name in moved}['_text'] - text
        t.ok(shift % 0x200000 == 0 and 0 <= shift < 1 << 30, '%s: KASLR moved the guest by 0x%x' % (kernel, shift))
        back = {(address - shift, name) for address, name in moved}
        missing = sorted(symbols - back)
        t.ok(len(symbols) > 30000 and not missing,
             '%s: each of %d symbols is the guest\'s' % (kernel, len(symbols)), missing[:20])
        extra = {name for address, name in back - symbols if address < 0xffffffffc0000000 - shift}
        t.ok(not extra, '%s: the guest has no other symbols of the kernel itself' % kernel, sorted(extra)[:20])
        guests[kernel] = (moved, shift, functions)


def is_found(t):
    for kernel in KERNELS:
        kp.get(kernel)
    for kernel, (moved, shift, functions) in guests.items():
        want = (0, [os.path.basename(kp.get(kernel)), '%x' % shift])
        addresses = [int(function, 16) for function in functions]
        t.ok(len(addresses) > 100, '%s: initcalls have addresses' % kernel, functions[:5])
        anchor = {name: address for address, name in moved}
        t.equal(choose('_text', anchor['_text'], addresses)[:2], want, '%s: found by anchor and functions' % kernel)
        t.equal(choose(None, 0, addresses)[:2], want, '%s: found by functions alone' % kernel)
        if 'rb_meta_init_text_addr' in anchor:
            t.equal(choose('rb_meta_init_text_addr', anchor['rb_meta_init_text_addr'], [])[:2], want,
                    '%s: found by what the window says of itself' % kernel)
        module = 0xffffffffc0123450
        t.equal(choose('_text', anchor['_text'], addresses + [module])[:2], want,
                '%s: addresses of modules do not matter' % kernel)
        status, _, error = choose('_text', anchor['_text'], addresses + [addresses[0] + 1])
        t.ok(status == 3 and 'kernel add' in error, '%s: not if one function is none' % kernel, error)
        status, _, error = choose('_text', anchor['_text'] + 0x1000, addresses)
        t.equal(status, 3, '%s: not if the distance is none of KASLR\'s' % kernel)
        status, _, error = choose(None, 0, [])
        t.equal(status, 2, '%s: with nothing known nothing is chosen' % kernel)
        status, _, error = choose('_text', anchor['_text'], [])
        t.ok(status == 2 and '--kernel' in error, '%s: two kernels begin at _text: refused' % kernel, error)


tap.main(same_as_the_driver_sends, is_found)
