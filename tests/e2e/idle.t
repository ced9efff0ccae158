#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 180
# alone: it counts timer interrupts over a stretch of time
"""An idle guest is not woken because of us [G3]: over the same idle stretch the
CPUs take no more timer interrupts with the driver than without it.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

STRETCH = 8     # seconds; the measure itself, nothing is waited for
COUNT = 'grep LOC: /proc/interrupts; sleep %d; grep LOC: /proc/interrupts' % STRETCH


def idle(guest):
    """Local timer interrupts of each CPU in the stretch."""
    lines = [[int(word) for word in line.split() if word.isdigit()]
             for line in guest.sh(COUNT).splitlines() if 'LOC:' in line]
    return [after - before for before, after in zip(*lines)]


def woken(t):
    directory = vm.scratch()
    with vm.Guest(directory, cpus=2) as guest:
        guest.ready()
        for event in ('sched', 'irq', 'timer'):
            guest.sh('echo 1 >/sys/kernel/tracing/instances/hypertrace/events/%s/enable' % event)
        guest.sh('sleep 2')
        with_driver = idle(guest)
        guest.sh('rmmod virtio_hypertrace')
        guest.sh('sleep 2')
        without = idle(guest)
        guest.poweroff()
    t.note('timer interrupts in %d s: %r with the driver, %r without' % (STRETCH, with_driver, without))
    for cpu in (0, 1):
        # A guest has some of its own, and not the same in each stretch.
        t.ok(with_driver[cpu] <= without[cpu] * 1.5 + 2 * STRETCH,
             'CPU %d is left alone' % cpu, '%d with, %d without' % (with_driver[cpu], without[cpu]))


tap.main(woken)
