#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 200
"""A guest without a driver, booted with what `hypertrace params window` prints: its
recording takes the profile that fits, and reads as if the driver had been there,
also where there is no store of profiles.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import profile as kp
import tap
import vm


def window(t):
    profile = kp.get('6.12')
    directory = vm.scratch()
    out = os.path.join(directory, 'rec')
    os.environ['HYPERTRACE_KERNELS'] = kp.STORE
    wish = ('window', '--kernel', '6.12', '--ram', '512M', '--events', 'sched,initcall')
    device = re.search(r'virtio-hypertrace(,\S*)', vm.tool('params', *wish, '--for', 'qemu').stdout).group(1)
    with vm.Guest(directory, kernel='6.12', device=device,
                  append=vm.tool('params', *wish).stdout.strip() + ' ht.module=no') as guest:
        with vm.Recorder(guest, out) as recorder:
            guest.ready()
            symbols = dict(reversed(line.split()[::2]) for line in guest.sh(
                'grep -E " [tT] (con_init|schedule)$" /proc/kallsyms').splitlines())
            listed = vm.tool('list', '--runtime-dir', guest.run).stdout
            t.ok(re.search(r'^ +window of epoch 1: traced, 2 CPUs$', listed, re.M), 'hypertrace list shows the window', listed)
            guest.poweroff()
            t.equal(recorder.wait(), 0, 'the recorder ends with the VM')
    os.environ['HYPERTRACE_KERNELS'] = os.path.join(directory, 'nothing')
    life = os.path.join(out, 'vm', '1.0')
    t.ok(os.path.exists(os.path.join(life, 'metadata')), 'the recording has taken a profile', os.listdir(life))
    t.equal(kp.environment(os.path.join(life, 'metadata')).get('kernel.build_id'), os.path.basename(profile),
            'it is that of the guest\'s kernel')
    view = vm.tool('view', '--names', 'ftrace', out).stdout
    starts = re.findall(r'initcall_start: \{ func = 0x([0-9A-F]+), func_symbol = "(\w+)\+0x0" \}', view)
    t.ok(len(starts) > 500, 'initcalls have names', len(starts))
    named = {name: int(address, 16) for address, name in starts}
    t.equal(named.get('con_init'), int(symbols['con_init'], 16), 'an address is called as the guest calls it')
    t.equal(len(re.findall(r'initcall_start: ', view)), len(starts), 'each of them begins a function')
    t.ok(len(re.findall(r'sched_switch: .*prev_comm = ', view)) > 50, 'events of the scheduler have their fields')
    check = vm.tool('check', out, check=False)
    t.equal(check.returncode, 0, 'hypertrace check finds nothing wrong: ' + check.stdout.splitlines()[-1])


tap.main(window)
