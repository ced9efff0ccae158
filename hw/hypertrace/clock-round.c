// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters of all vCPUs under KVM: asked in a round, told together.
 *
 * Each vCPU is asked in its own thread, and nobody waits for one that runs: the
 * last to answer writes the records. Where all say the same, which is the rule,
 * that is one record for all; else one for each.
 */
#include "qemu/osdep.h"
#include "hw/core/cpu.h"
#include "virtio-hypertrace.h"
#include "trace.h"

/* A vCPU of the round. */
typedef struct Seat {
    bool is_asked;              /* and has not answered */
    bool has_answered;
    uint16_t reason;            /* of the record to write, 0: none */
    VirtIOHypertraceCounter now;
    VirtIOHypertraceCounter told;       /* in the record before; kind 0: none */
} Seat;

static Seat *seat_of(VirtIOHypertrace *ht, CPUState *cs)
{
    GArray *seats = ht->clock.seats;

    if (cs->cpu_index >= seats->len) {
        g_array_set_size(seats, cs->cpu_index + 1);
    }
    return &g_array_index(seats, Seat, cs->cpu_index);
}

static bool is_same(const VirtIOHypertraceCounter *a,
                    const VirtIOHypertraceCounter *b)
{
    return a->is_exact && b->is_exact && a->offset == b->offset &&
           a->scale == b->scale;
}

/* A periodic look that finds another counter than the one before says so. */
static void note_change(Seat *seat)
{
    if (seat->reason == VHT_CLOCK_REASON_PERIODIC && seat->told.kind &&
        (seat->told.offset != seat->now.offset ||
         seat->told.scale != seat->now.scale)) {
        seat->reason = VHT_CLOCK_REASON_CHANGED;
    }
}

/* Whether one record, for one reason, is true of every vCPU. */
static bool is_one_for_all(VirtIOHypertrace *ht)
{
    Seat *first = NULL, *seat;
    CPUState *cs;

    CPU_FOREACH(cs) {
        seat = seat_of(ht, cs);
        if (!first) {
            first = seat;
        }
        if (!seat->has_answered || seat->reason != first->reason ||
            !is_same(&seat->now, &first->now)) {
            return false;
        }
    }
    return first && first->reason;
}

/* Write what was answered for a reason; what was not stays for later. */
static void write_answers(VirtIOHypertrace *ht)
{
    VirtIOHypertraceMoment now = virtio_hypertrace_clock_moment();
    bool is_for_all, is_written = false;
    CPUState *cs;
    Seat *seat;

    /* This makes the array large enough, too: it stays where it is now. */
    CPU_FOREACH(cs) {
        note_change(seat_of(ht, cs));
    }
    is_for_all = is_one_for_all(ht);
    ht->clock.common = (VirtIOHypertraceCounter) { };
    CPU_FOREACH(cs) {
        seat = seat_of(ht, cs);
        if (!seat->has_answered || !seat->reason) {
            continue;
        }
        if (seat->now.kind && !(is_for_all && is_written)) {
            virtio_hypertrace_clock_write(ht, is_for_all ? VHT_CPU_NONE
                                                         : cs->cpu_index,
                                          &seat->now, &now, seat->reason);
            is_written = true;
        }
        if (is_for_all) {
            ht->clock.common = seat->now;
        }
        seat->told = seat->now;
        seat->reason = 0;
        seat->has_answered = false;
    }
}

/* In the vCPU's thread, with the big lock. */
static void answer(CPUState *cs, run_on_cpu_data data)
{
    VirtIOHypertrace *ht = data.host_ptr;
    Seat *seat = seat_of(ht, cs);

    virtio_hypertrace_kvm_look(cs, &seat->now);
    seat->has_answered = true;
}

static bool is_anyone_asked(VirtIOHypertrace *ht)
{
    int i;

    for (i = 0; i < ht->clock.seats->len; i++) {
        if (g_array_index(ht->clock.seats, Seat, i).is_asked) {
            return true;
        }
    }
    return false;
}

/* The same, of a vCPU that nobody waits for. */
static void answer_later(CPUState *cs, run_on_cpu_data data)
{
    VirtIOHypertrace *ht = data.host_ptr;

    if (ht->clock.seats) {      /* else the device went away meanwhile */
        seat_of(ht, cs)->is_asked = false;
        answer(cs, data);
        if (!is_anyone_asked(ht) && !ht->clock.is_held) {
            write_answers(ht);
        }
    }
    object_unref(OBJECT(ht));
}

/* A reason of its own wins over the routine. */
static void want(Seat *seat, uint16_t reason)
{
    if (!seat->reason || reason != VHT_CLOCK_REASON_PERIODIC) {
        seat->reason = reason;
    }
    seat->has_answered = false;
}

/**
 * virtio_hypertrace_round_ask: ask one vCPU, and do not wait
 * @ht: the device
 * @cs: the vCPU
 * @reason: VHT_CLOCK_REASON_* of the record to come
 */
void virtio_hypertrace_round_ask(VirtIOHypertrace *ht, CPUState *cs,
                                 uint16_t reason)
{
    Seat *seat = seat_of(ht, cs);

    want(seat, reason);
    if (seat->is_asked) {
        return;
    }
    seat->is_asked = true;
    object_ref(OBJECT(ht));
    async_run_on_cpu(cs, answer_later, RUN_ON_CPU_HOST_PTR(ht));
}

static bool is_all_paused(void)
{
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (!cs->stopped) {
            return false;
        }
    }
    return true;
}

/**
 * virtio_hypertrace_round: records of all vCPUs
 * @ht: the device
 * @reason: VHT_CLOCK_REASON_*
 *
 * While the vCPUs are paused they answer at once, as they do to QEMU's own
 * questions then, and the records are there on return. Else they come later.
 * A vCPU that has not answered since the last round keeps nobody else waiting.
 */
void virtio_hypertrace_round(VirtIOHypertrace *ht, uint16_t reason)
{
    VirtIOHypertraceClock *c = &ht->clock;
    CPUState *cs;

    if (!is_all_paused()) {
        if (is_anyone_asked(ht) && !c->is_held) {
            write_answers(ht);
        }
        CPU_FOREACH(cs) {
            virtio_hypertrace_round_ask(ht, cs, reason);
        }
        return;
    }
    c->is_held = true;
    CPU_FOREACH(cs) {
        want(seat_of(ht, cs), reason);
        run_on_cpu(cs, answer, RUN_ON_CPU_HOST_PTR(ht));
    }
    c->is_held = false;
    write_answers(ht);
}

/**
 * virtio_hypertrace_round_drop: write nothing of what is asked now
 * @ht: the device
 */
void virtio_hypertrace_round_drop(VirtIOHypertrace *ht)
{
    int i;

    for (i = 0; i < ht->clock.seats->len; i++) {
        g_array_index(ht->clock.seats, Seat, i).reason = 0;
    }
}

/**
 * virtio_hypertrace_round_forget: a vCPU is gone
 * @ht: the device
 * @index: which one; another may come in its place
 */
void virtio_hypertrace_round_forget(VirtIOHypertrace *ht, uint32_t index)
{
    if (index < ht->clock.seats->len) {
        g_array_index(ht->clock.seats, Seat, index) = (Seat) { };
    }
}

void virtio_hypertrace_round_init(VirtIOHypertrace *ht)
{
    ht->clock.seats = g_array_new(false, true, sizeof(Seat));
}

void virtio_hypertrace_round_fini(VirtIOHypertrace *ht)
{
    g_array_free(g_steal_pointer(&ht->clock.seats), true);
}
