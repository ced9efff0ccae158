#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 240
"""Host pages with anything in them [G2] [S6]: a header that does not fit is refused
with words, positions and modes that change all the time do no harm, and what comes
after that is traced as ever. The host is played by this test, in the region's file.
"""

import os
import random
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import tap
import vm

MODULE = '/lib/virtio_hypertrace.ko'
FIELDS = {'magic': (0, '<Q'), 'version': (8, '<I'), 'region_size': (24, '<Q'), 'guest_offset': (32, '<Q'),
          'consumer_offset': (56, '<Q'), 'consumer_count': (64, '<I'), 'consumer_size': (68, '<I'),
          'guest_end': (280, '<Q')}
EPOCH_AT = vm.Region.HOST.size - 16
READER_AT = vm.Region.HOST.size - 12
MIB = 1 << 20

# Field, what the host says, what the driver must say to it.
HEADERS = [
    ('magic', 0, 'not a hypertrace region'),
    ('version', 2, 'another version: version=2'),
    ('region_size', 128 * MIB, 'bad region size'),
    ('region_size', 5 * MIB, 'bad region size'),
    ('region_size', 0, 'bad start of the guest part'),
    ('guest_offset', 0, 'bad start of the guest part'),
    ('guest_offset', 2 * MIB + 4096, 'bad start of the guest part'),
    ('guest_offset', 64 * MIB, 'bad start of the guest part'),
    ('guest_offset', (1 << 64) - 2 * MIB, 'bad start of the guest part'),
    ('guest_end', 0, 'bad end of the guest part'),
    ('guest_end', 2 * MIB, 'bad end of the guest part'),
    ('guest_end', 64 * MIB + 4096, 'bad end of the guest part'),
    ('guest_end', 64 * MIB - 1, 'bad end of the guest part'),
    ('guest_end', (1 << 64) - 4096, 'bad end of the guest part'),
    ('guest_end', 2 * MIB + 4096, 'region too small'),
    ('consumer_offset', 3, 'bad consumer table'),
    ('consumer_offset', (1 << 64) - 64, 'bad consumer table'),
    ('consumer_count', 0xffffffff, 'bad consumer table'),
    ('consumer_count', 0, 'too many streams'),
    ('consumer_count', 33, 'too many streams'),
    ('consumer_size', 0, 'bad consumer table'),
    ('consumer_size', 63, 'bad consumer table'),
    ('consumer_size', 0x80000040, 'bad consumer table'),
]


class Host:
    """The other side of the region, and not a good one."""

    def __init__(self, path):
        self.file = open(path, 'r+b', buffering=0)

    def write(self, at, form, value):
        os.pwrite(self.file.fileno(), struct.pack(form, value), at)

    def read(self, at, form):
        return struct.unpack(form, os.pread(self.file.fileno(), struct.calcsize(form), at))[0]


def headers(t):
    with vm.Guest(vm.scratch(), append='ht.module=no') as guest:
        guest.ready()
        host = Host(guest.region_path)
        for field, value, words in HEADERS:
            at, form = FIELDS[field]
            good = host.read(at, form)
            host.write(at, form, value)
            guest.sh('dmesg -c >/dev/null; insmod %s' % MODULE)
            said = guest.sh('dmesg')
            guest.sh('rmmod virtio_hypertrace')
            host.write(at, form, good)
            t.ok(words in said and 'probe' in said, '%s=%#x is refused: %s' % (field, value, words), said)
        region = guest.region()
        t.equal(region.guest()['state'], 0, 'and the guest part is left alone')
        guest.sh('insmod ' + MODULE)
        t.equal(region.guest()['state'], 2, 'a good header is taken after that')
        log = guest.sh('dmesg')
        t.ok('Call Trace' not in log and 'BUG' not in log, 'the kernel has nothing to complain of', log[-3000:])
        region.close()


def settled(guest):
    """The streams, once they agree with ftrace."""
    stats = guest.ring_stats()
    streams = {stream['cpu']: stream for stream in guest.streams()}
    for cpu, ring in stats.items():
        if ring['entries'] + ring['overrun'] + ring['read events'] != \
                streams[cpu]['events'] + streams[cpu]['events_lost']:
            return None
    return stats, streams


def positions(t):
    seed = random.randrange(1 << 32)
    t.note('seed %d' % seed)
    dice = random.Random(seed)
    each = 150000
    with vm.Guest(vm.scratch(), append='trace_buf_size=2M', device=',size=4M') as guest:
        guest.ready()
        guest.count_getppid()
        host = Host(guest.region_path)
        region = guest.region()
        header = region.host()
        ends = threading.Event()
        writes = 0

        def spoil():
            nonlocal writes
            while not ends.is_set():
                at = header['consumer_offset'] + dice.randrange(30, 40) * header['consumer_size']
                host.write(at, '<Q', dice.choice([0, 1, (1 << 64) - 1, 1 << 63, dice.getrandbits(64),
                                                  dice.getrandbits(22)]))
                host.write(READER_AT, '<I', dice.choice([0, 1, 1, 2, 0xffffffff]))
                writes += 1

        thread = threading.Thread(target=spoil)
        thread.start()
        try:
            guest.sh('workload syscalls %d 0 1' % each, bound=120)
        finally:
            ends.set()
            thread.join()
        t.ok(writes > 1000, 'tail and reader were changed %d times meanwhile' % writes)
        host.write(READER_AT, '<I', 0)
        guest.sh('workload syscalls 1000 0 1')
        guest.stop_tracing()
        stats, streams = vm.wait_for('the streams to settle', lambda: settled(guest), 30)
        for cpu in (0, 1):
            ring, stream = stats[cpu], streams[cpu]
            t.equal(ring['entries'] + ring['overrun'] + ring['read events'], each + 1000,
                    'CPU %d: ftrace counts every event' % cpu)
            t.equal(stream['events'] + stream['events_lost'], each + 1000,
                    'CPU %d: the stream accounts for each [S7]' % cpu)
            t.ok(0 < stream['head'] - stream['begin'] <= stream['ring_size'],
                 'CPU %d: positions are sane' % cpu, stream)
        region.close()
        log = guest.sh('dmesg')
        t.ok('Call Trace' not in log and 'BUG' not in log, 'the kernel has nothing to complain of', log[-3000:])


def guest_end(t):
    """What lies at or above the end is somebody else's [R8]."""
    with vm.Guest(vm.scratch(), append='ht.module=no trace_buf_size=2M', device=',size=16M') as guest:
        guest.ready()
        host = Host(guest.region_path)
        end = 6 * MIB
        at, form = FIELDS['guest_end']
        host.write(at, form, end)
        mark = os.urandom(4096) * ((16 * MIB - end) // 4096)
        os.pwrite(host.file.fileno(), mark, end)
        guest.sh('insmod ' + MODULE)
        guest.count_getppid()
        guest.sh('workload syscalls 100000 0 1')
        streams = guest.streams() + guest.streams('metadata')
        t.ok(all(stream['ring_offset'] + stream['ring_size'] <= end for stream in streams),
             'all rings end below guest_end', streams)
        t.ok(sum(stream['overwritten'] for stream in streams), 'and were used to their ends')
        t.ok(os.pread(host.file.fileno(), 16 * MIB - end, end) == mark, 'nothing above it was written')


def epochs(t):
    """Another epoch, as after a snapshot was loaded: the driver begins anew, and at its leisure [D3]."""
    each = 20000
    with vm.Guest(vm.scratch(), append='trace_buf_size=8M') as guest:
        guest.ready()
        host = Host(guest.region_path)
        region = guest.region()
        first = host.read(EPOCH_AT, '<I')
        guest.count_getppid()
        guest.sh('workload syscalls 1000 0 1')
        vm.wait_for('the first events', lambda: sum(stream['events'] for stream in guest.streams()) >= 2000)
        host.write(EPOCH_AT, '<I', first + 7)
        vm.wait_for('the new epoch', lambda: region.guest()['epoch'] == first + 7 and region.guest()['state'] == 2, 30)
        t.equal(region.guest()['generation'], 1, 'the driver begins anew in a new epoch')
        guest.sh('workload syscalls %d 0 1' % each)
        guest.stop_tracing()
        events = vm.wait_for('all events', lambda: {stream['cpu']: stream['events'] for stream in guest.streams()} ==
                             {0: each, 1: each}, 30)
        t.ok(events, 'and has the events since, all of them')
        # A mad host: it is heeded now and then, and the driver lives.
        before = guest.sh("dmesg | grep -c 'KiB for each CPU'; true")
        for turn in range(20000):
            host.write(EPOCH_AT, '<I', random.getrandbits(32))
        guest.sh('workload mix 20')
        host.write(EPOCH_AT, '<I', first + 8)
        vm.wait_for('the last epoch', lambda: region.guest()['epoch'] == first + 8 and region.guest()['state'] == 2, 30)
        again = int(guest.sh("dmesg | grep -c 'KiB for each CPU'; true")) - int(before)
        t.ok(1 <= again <= 60, 'epochs that change all the time are heeded now and then', again)
        t.ok(guest.sh('rmmod virtio_hypertrace && insmod %s && echo yes' % MODULE).endswith('yes\n') and
             vm.wait_for('the driver', lambda: region.guest()['state'] == 2), 'the driver can be replaced after that')
        log = guest.sh('dmesg')
        t.ok('Call Trace' not in log and 'BUG' not in log, 'the kernel has nothing to complain of', log[-3000:])
        region.close()


tap.main(headers, guest_end, positions, epochs)
