#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 900
"""Sessions that are created and destroyed by the hundred while both CPUs trace into them, a CPU goes
and comes, and a recorder reads: nothing leaks, nothing hangs, every module can be unloaded, and what
was recorded is whole.

usage: stress.t [SESSIONS]      a multiple of 20; 1000 is what a release is tried with
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm

AT_ONCE = 10
SLACK = 100     # KiB: what one measure of the guest's memory differs from the next, sessions or not
SESSION = '''<session><name>hypertrace-%d</name><domains><domain><type>KERNEL</type><buffer_type>GLOBAL</buffer_type>
<channels><channel><name>main</name><enabled>true</enabled><overwrite_mode>%s</overwrite_mode>
<subbuffer_size>4096</subbuffer_size><subbuffer_count>4</subbuffer_count>
<switch_timer_interval>0</switch_timer_interval><read_timer_interval>200000</read_timer_interval>
<output_type>%s</output_type><tracefile_size>0</tracefile_size><tracefile_count>0</tracefile_count>
<live_timer_interval>4294967295</live_timer_interval><monitor_timer_interval>1000000</monitor_timer_interval>
<blocking_timeout>0</blocking_timeout><events><event><name>lttng_logger</name><enabled>true</enabled>
<type>TRACEPOINT</type></event><event><name>sched_switch</name><enabled>true</enabled><type>TRACEPOINT</type>
</event></events></channel></channels><process_attr_trackers/></domain></domains><started>true</started></session>'''
KINDS = [('DISCARD', 'SPLICE'), ('OVERWRITE', 'MMAP'), ('DISCARD', 'MMAP'), ('OVERWRITE', 'SPLICE')]


def write_sessions():
    """What `lttng load` makes of it: some sessions at once, active."""
    path = os.path.join(vm.scratch(), 'sessions.lttng')
    with open(path, 'w') as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?><sessions>')
        file.write(''.join(SESSION % (number, *KINDS[number % len(KINDS)]) for number in range(AT_ONCE)))
        file.write('</sessions>')
    return path


def memory(guest):
    """What the kernel holds, in KiB, once it has forgotten what it can and its caches are without empty slabs."""
    guest.sh('sync; echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/compact_memory; '
             'for cache in /sys/kernel/slab/*/shrink; do echo 1 >$cache; done; true')
    found = dict(re.findall(r'^(\w+): +(\d+) kB', guest.sh('cat /proc/meminfo'), re.M))
    return {key: int(found[key]) for key in ('SUnreclaim', 'KernelStack', 'PageTables', 'VmallocUsed', 'Percpu')}


def turns(guest, sessions):
    guest.sh('for i in $(seq %d); do lttng --no-sessiond load --input-path=/bin/sessions.lttng && '
             'lttng --no-sessiond destroy --all --no-wait || exit 1; done >/dev/null' % (sessions // AT_ONCE),
             bound=300 + 20 * sessions)


def load(guest):
    """Both CPUs trace, and one of them comes and goes, until load_end()."""
    guest.sh('(while [ ! -e /tmp/end ]; do workload marker %s 300; workload mix 20; done) >/dev/null 2>&1 &' %
             lttng.LOGGER)
    guest.sh('(cd /sys/devices/system/cpu/cpu1; while [ ! -e /tmp/end ]; do echo 0 >online; usleep 100000; '
             'echo 1 >online; usleep 100000; done; touch /tmp/ended) >/dev/null 2>&1 &')


def load_end(guest):
    guest.sh('touch /tmp/end; until [ -e /tmp/ended ] && ! pidof workload >/dev/null; do usleep 50000; done; '
             'rm /tmp/end /tmp/ended')


def session_life(guest, sessions):
    """Sessions from the start of the daemon to its end. Return: the modules before that end."""
    guest.start_daemon()
    load(guest)
    turns(guest, sessions)
    guest.lttng('destroy --all')
    vm.wait_for(lambda: 'all buffers to be given back: %s' % guest.modules(),
                lambda: guest.modules()['vht_lttng'] == 0, 60)
    load_end(guest)
    modules = guest.modules()
    guest.end_daemon()
    lttng.unload(guest)
    return modules


def stress(kernel, sessions):
    def test(t):
        directory = vm.scratch()
        with lttng.Guest(directory, kernel=kernel, programs=[write_sessions()]) as guest:
            guest.ready()
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                modules = session_life(guest, AT_ONCE)
                held, counts = [memory(guest)], []
                for _ in range(2):
                    counts.append(session_life(guest, sessions // 2))
                    held.append(memory(guest))
                t.equal(counts, [modules] * 2, '%s: after %d sessions the modules\' counts are the same' % (kernel, sessions))
                t.equal([name for name in guest.modules() if name != 'virtio_hypertrace'], [],
                        '%s: all modules can be unloaded' % kernel)
                # A leak grows in both halves; what the kernel keeps for the next time does not.
                growth = [sum(after.values()) - sum(before.values()) for before, after in zip(held, held[1:])]
                t.ok(min(growth) < SLACK + sessions // 2, '%s: and the kernel does not hold more and more memory (%+d, %+d KiB)' % (
                    kernel, *growth), '\n'.join(map(str, held)))
                recorder.stop()
            bad = re.findall(r'.*(?:BUG|WARNING|Oops|blocked for more|soft lockup|stall).*', guest.sh('dmesg'))
            t.ok(not bad, '%s: the kernel complains of nothing' % kernel, '\n'.join(bad[:10]))
            guest.poweroff()
        exported = [session for chain in lttng.sessions(out).values() for session in chain]
        t.ok(len([session for session in exported if session.files]) > sessions // 2,
             '%s: sessions are on the host' % kernel, len(exported))
        # An overwriting channel of 16 KiB may overwrite before its CPU gets to look.
        wrong = [problem for session in exported
                 for problem in lttng.problems(session.text, session.packets())
                 if not (session.keys['channel.0'].startswith('overwrite ') and 'its number is' in problem)]
        t.ok(not wrong, '%s: all packets are in order' % kernel, '\n'.join(wrong[:20]))
        t.note('%d sessions, %d packets' % (len(exported), sum(
            len(chain) for session in exported for chain in session.packets().values())))
    test.__name__ = 'stress_' + kernel
    return test


SESSIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 0
tap.main(stress('6.12', SESSIONS or 100), stress('6.1', SESSIONS or 60))
