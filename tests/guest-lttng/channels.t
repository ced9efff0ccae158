#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
"""All that a channel of an exported session can be: splice and mmap, discard and overwrite, of any
size, with timers, contexts, several in a session. With a reader that sleeps data stays in LTTng's
buffers, what it then discards or overwrites is counted exactly [S7], and nothing waits for it [G1]:
also a session that is destroyed meanwhile is whole once the reader goes on, or, where too many are, what
is lost of the oldest is told. `info` and `record` say what was lost.
"""

import itertools
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import lttng
import tap
import vm

KINDS = list(itertools.product(('splice', 'mmap'), ('discard', 'overwrite')))
EACH = 3000


def all_kinds(guest):
    for output, mode in KINDS:
        name = 'hypertrace-%s-%s' % (output, mode)
        # the mode that a snapshot needs is chosen by it; elsewhere it is the user's choice
        guest.lttng('create %s --no-output' % name,
                    'enable-channel -k --output=%s --%s --subbuf-size=32k --num-subbuf=16 main' % (output, mode),
                    'enable-event -k -c main lttng_logger', 'start')
        lttng.make_marks(guest, EACH, 0, 1)
        guest.lttng('destroy')


def several(guest):
    """Three channels of one session, each with its own events, size and contexts."""
    guest.lttng('create hypertrace-three --no-output',
                'enable-channel -k --subbuf-size=4k --num-subbuf=64 small',
                'enable-channel -k --output=mmap --subbuf-size=1M --num-subbuf=2 --overwrite large',
                'enable-channel -k --subbuf-size=64k --num-subbuf=8 calls',
                'enable-event -k -c small lttng_logger', 'enable-event -k -c large sched_switch',
                'enable-event -k -c calls --syscall getppid',
                'add-context -k -c small -t procname -t tid -t prio -t hostname',
                'add-context -k -c calls -t pid', 'start')
    lttng.make_marks(guest, 1000, 0, 1)
    guest.sh('workload syscalls 1000 0 1')
    guest.lttng('destroy')


def streams(guest):
    """{cpu: packets} that were put into the region's streams of LTTng."""
    region = guest.region()
    try:
        return {stream['cpu']: stream['packets'] for stream in region.streams() if stream['source'] == lttng.SOURCE}
    finally:
        region.close()


def timers(t, kernel, guest):
    """While a session goes on its events arrive: by a timer of LTTng, and by our own."""
    for name, option in (('timer', '--switch-timer=100000'), ('no timer', '--switch-timer=0')):
        guest.lttng('create hypertrace-%s --no-output' % name.replace(' ', '-'),
                    'enable-channel -k %s --subbuf-size=64k --num-subbuf=4 main' % option,
                    'enable-event -k -c main lttng_logger', 'start')
        before = streams(guest)
        lttng.make_marks(guest, 10, 0, 1)
        vm.wait_for('events of a session that goes on, with %s: %s, then %s' % (name, before, streams(guest)),
                    lambda b=before: all(streams(guest)[cpu] > b[cpu] for cpu in (0, 1)), 60)
        t.ok(True, '%s: events of a session that goes on arrive, with %s' % (kernel, name))
        guest.lttng('destroy')


def judge_kinds(t, kernel, exported, directory):
    for output, mode in KINDS:
        session = exported['hypertrace-%s-%s' % (output, mode)][0]
        trace = session.write(os.path.join(directory, output + mode))
        t.ok(all(lttng.marks(trace, cpu) == list(range(EACH)) for cpu in (0, 1)),
             '%s: %s, %s: all events of both CPUs' % (kernel, output, mode))
        # what a user calls it the kernel does not know
        t.equal(session.keys.get('channel.0'), mode + ' channel0', '%s: %s, %s: so the recording says' % (
            kernel, output, mode))


def judge_several(t, kernel, exported, directory):
    session = exported['hypertrace-three'][0]
    trace = session.write(os.path.join(directory, 'three'))
    events = lttng.events(trace)
    t.ok(all(lttng.marks(trace, cpu) == list(range(1000)) for cpu in (0, 1)) and
         sum(event.name == 'syscall_entry_getppid' for event in events) >= 2000 and
         any(event.name == 'sched_switch' for event in events), '%s: three channels in a session' % kernel)
    t.equal(sorted({channel for channel, _ in session.files}), [0, 1, 2], '%s: each with packets' % kernel)
    logged = [event for event in events if event.name == 'lttng_logger']
    t.ok(all(event.field('procname') == 'workload' and event.field('tid') and event.field('prio') == '20' and
             event.field('hostname') is not None for event in logged), '%s: with contexts' % kernel, logged[0].text)
    sizes = {channel: max(packet.packet_size // 8 for (number, _), chain in session.packets().items()
                          for packet in chain if number == channel) for channel in (0, 2)}
    t.ok(sizes[0] == 4096 < sizes[2] <= 65536, '%s: of their own sizes' % kernel, sizes)


def kinds(kernel):
    def test(t):
        directory = vm.scratch()
        with lttng.Guest(directory, kernel=kernel) as guest:
            guest.ready()
            guest.start_daemon()
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                all_kinds(guest)
                several(guest)
                timers(t, kernel, guest)
                recorder.stop()
            guest.poweroff()
        exported = lttng.sessions(out)
        judge_kinds(t, kernel, exported, directory)
        judge_several(t, kernel, exported, directory)
        wrong = [problem for chain in exported.values() for session in chain
                 for problem in lttng.problems(session.text, session.packets(), 0)]
        t.ok(not wrong, '%s: all packets are in order' % kernel, '\n'.join(wrong[:20]))
    test.__name__ = 'kinds_' + kernel
    return test


EACH_STALLED = 150000
STALLED_CHANNEL = 'enable-channel -k --%s --subbuf-size=16k --num-subbuf=4 main'
# Destroyed sessions, what each has for a CPU, and how many of them may wait [VHT_LTTNG_MAX_ENDED].
ENDED, EACH_ENDED, MAX_ENDED = 20, 1000, 16


def judge_loss(t, what, mode, numbers, chain, lost):
    """What is missing of the marks is what the packets and the stream say."""
    jumps = sum(second != first + 1 for first, second in zip(numbers, numbers[1:]))
    gaps = sum(second.sequence != first.sequence + 1 for first, second in zip(chain, chain[1:]))
    if mode == 'discard':
        t.ok(lost and len(numbers) + lost == EACH_STALLED, '%s: recorded + lost = made' % what,
             '%d + %d, %d' % (len(numbers), lost, EACH_STALLED))
        # What was discarded when the last sub-buffer had been closed stands in no packet.
        t.ok(0 < chain[-1].discarded <= lost and gaps == 0 and numbers[:1000] == list(range(1000)),
             '%s: the packets say so; the oldest were kept' % what, (chain[-1].discarded, lost, gaps, numbers[:3]))
    else:
        # LTTng counts no events that are overwritten, but its packets have numbers.
        missing = chain[-1].sequence + 1 - len(chain)
        # The very first may be among them.
        t.ok(missing and gaps == jumps and (chain[0].sequence == 0) == (numbers[0] == 0),
             '%s: %d packets are missing, by their numbers, and where they are events are' % (what, missing),
             (gaps, jumps, chain[0].sequence, numbers[0]))
        t.ok(numbers[-1] == EACH_STALLED - 1, '%s: the newest were kept' % what, numbers[-3:])


def make_loss(t, kernel, guest, recorder, mode):
    """The reader sleeps, the rings fill, then LTTng's buffers. Return: {cpu: events lost, by the region}."""
    guest.lttng('create hypertrace-%s --no-output' % mode, STALLED_CHANNEL % mode, 'enable-event -k -c main lttng_logger', 'start')
    before = {stream['cpu']: stream for stream in guest.streams(lttng.SOURCE)}
    recorder.process.send_signal(signal.SIGSTOP)
    lttng.make_marks(guest, EACH_STALLED, 0, 1)
    listed = [guest.lttng(*commands, 'list hypertrace-%s' % mode) for commands in ((), ('stop',))]
    t.equal([re.findall(r'(?:Discarded events|Lost packets): +(\d+)', text) for text in listed], [['0'], ['0']],
            '%s, %s: LTTng itself knows of no loss, before it is stopped and then' % (kernel, mode))
    guest.lttng('destroy')
    t.ok(guest.modules()['vht_lttng'] > 0, '%s, %s: the session is destroyed at once, its buffers stay' % (
        kernel, mode), guest.modules())
    recorder.process.send_signal(signal.SIGCONT)
    vm.wait_for('the buffers to be given back', lambda: guest.modules()['vht_lttng'] == 0, 60)
    after = {stream['cpu']: stream for stream in guest.streams(lttng.SOURCE)}
    return {cpu: after[cpu]['events_lost'] - before[cpu]['events_lost'] for cpu in (0, 1)}


def make_ended(guest, recorder):
    """The rings are full, and more sessions are destroyed than may wait. Return: what the driver says in the log."""
    guest.lttng('create hypertrace-full --no-output', STALLED_CHANNEL % 'discard', 'enable-event -k -c main lttng_logger', 'start')
    recorder.process.send_signal(signal.SIGSTOP)
    lttng.make_marks(guest, EACH_STALLED, 0, 1)
    guest.lttng('stop')
    held = [guest.modules()['vht_lttng']]
    for number in range(ENDED):
        guest.lttng('create hypertrace-%d --no-output' % number, STALLED_CHANNEL % 'discard',
                    'enable-event -k -c main lttng_logger', 'start')
        lttng.make_marks(guest, EACH_ENDED, 0, 1)
        guest.lttng('destroy')
        held.append(guest.modules()['vht_lttng'])
    wanted = held[0] + MAX_ENDED * (held[1] - held[0])
    vm.wait_for(lambda: 'the oldest to be given back: %s, not %d' % (held, wanted),
                lambda: guest.modules()['vht_lttng'] == wanted, 60)
    log = guest.sh('dmesg')
    recorder.process.send_signal(signal.SIGCONT)
    guest.lttng('destroy hypertrace-full')
    vm.wait_for('the buffers to be given back', lambda: guest.modules()['vht_lttng'] == 0, 60)
    return [(int(now), int(all_of_them)) for now, all_of_them in
            re.findall(r'vht_lttng: sub-buffers .* are lost.*: sub-buffers=(\d+) since-load=(\d+)', log)]


def judge_ended(t, kernel, exported, directory, said):
    """What is lost with the oldest sessions is what the driver tells of them, and in the log."""
    chain = [exported['hypertrace-%d' % number][0] for number in range(ENDED)]
    gone, kept = chain[:ENDED - MAX_ENDED], chain[ENDED - MAX_ENDED:]
    traces = [session.write(os.path.join(directory, session.name)) for session in kept]
    t.ok(all(lttng.marks(trace, cpu) == list(range(EACH_ENDED)) for trace in traces for cpu in (0, 1)),
         '%s: the last %d destroyed sessions are whole' % (kernel, MAX_ENDED))
    # A session has a packet more where one was begun and 100 ms old: on a busy host.
    each = [sum(map(len, session.packets().values())) for session in kept]
    t.ok(not any(session.packets() for session in gone), '%s: of those before is nothing there' % kernel)
    dropped = [int(session.keys.get('dropped', 0)) for session in chain]
    t.ok(all(min(each) <= packets <= 2 * max(each) for packets in dropped[:len(gone)]) and not any(dropped[len(gone):]),
         '%s: their packets are counted' % kernel, '%s; those that are there have %s' % (dropped, each))
    t.equal(said, [(now, sum(dropped[:number + 1])) for number, now in enumerate(dropped[:len(gone)])],
            '%s: and told in the log' % kernel)


TOLD = re.compile(r'LTTng session (\S+): .*\n +(\d+) packets, .*; lost: (\d+) events discarded, (\d+) packets overwritten'
                  r'(?:, (\d+) packets dropped after its end)?')


def told(text):
    """What a command says of sessions, {name: (packets, discarded, overwritten, dropped)}, and of no session known."""
    late = re.findall(r'LTTng: (\d+) events more discarded', text)
    return {name: tuple(int(number or 0) for number in numbers) for name, *numbers in TOLD.findall(text)}, sum(map(int, late))


def judge_told(t, kernel, exported, directory, text):
    """What `info` says was lost is what is missing: all made, without what is there."""
    shown, late = told(text)
    packets = {name: chain[0].packets() for name, chain in exported.items()}
    t.equal({name: numbers[0] for name, numbers in shown.items()},
            {name: sum(map(len, chains.values())) for name, chains in packets.items()}, '%s: info counts the packets' % kernel)
    there = sum(len(lttng.marks(os.path.join(directory, mode))) for mode in ('discard', 'full'))
    t.equal(sum(numbers[1] for numbers in shown.values()) + late, 4 * EACH_STALLED - there,
            '%s: info says how many events were discarded' % kernel)
    t.equal({name: numbers[2] for name, numbers in shown.items() if numbers[2]},
            {'hypertrace-overwrite': sum(chain[-1].sequence + 1 - len(chain)
                                         for chain in packets['hypertrace-overwrite'].values())},
            '%s: info says how many packets were overwritten' % kernel)
    t.equal({name: numbers[3] for name, numbers in shown.items() if numbers[3]},
            {name: int(chain[0].keys['dropped']) for name, chain in exported.items() if 'dropped' in chain[0].keys},
            '%s: info says what was lost with destroyed sessions' % kernel)


def stalled(kernel):
    """The reader sleeps, the rings fill, then LTTng's buffers."""
    def test(t):
        directory = vm.scratch()
        with lttng.Guest(directory, kernel=kernel, device=',size=8M') as guest:
            guest.ready()
            guest.start_daemon()
            out = os.path.join(directory, 'rec')
            with vm.Recorder(guest, out) as recorder:
                lost = {mode: make_loss(t, kernel, guest, recorder, mode) for mode in ('discard', 'overwrite')}
                said = make_ended(guest, recorder)
                recorder.stop()
            guest.poweroff()
        exported = lttng.sessions(out)
        for mode in ('discard', 'overwrite', 'full'):
            session = exported['hypertrace-' + mode][0]
            trace = session.write(os.path.join(directory, mode))
            chains = session.packets()
            wrong = lttng.problems(session.text, chains if mode != 'overwrite' else {})
            t.ok(not wrong, '%s, %s: the packets are in order' % (kernel, mode), '\n'.join(wrong[:20]))
            for cpu in lost.get(mode, ()):
                judge_loss(t, '%s, %s: CPU %d' % (kernel, mode, cpu), mode, lttng.marks(trace, cpu), chains[(0, cpu)],
                           lost[mode][cpu])
        judge_ended(t, kernel, exported, directory, said)
        text = vm.tool('info', out).stdout
        judge_told(t, kernel, exported, directory, text)
        t.equal(told(recorder.log()), told(text), '%s: record says the same at its end' % kernel)
    test.__name__ = 'stalled_' + kernel
    return test


tap.main(*(test(kernel) for kernel in ('6.12', '6.1') for test in (kinds, stalled)))
