// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's counter where QEMU itself makes it (TCG).
 *
 * QEMU's ticks are the guest's TSC: a constant distance from the host's counter
 * while the VM runs, frozen while it does not. QEMU tells the ticks, not the
 * distance: we read them between two looks at the host's counter.
 *
 * With icount the same call gives virtual nanoseconds. Their relation to real
 * time is no line, so that a moment of them is a point and nothing more.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "system/cpu-timers.h"
#include "virtio-hypertrace.h"
#if __has_include("exec/icount.h")
#include "exec/icount.h"        /* before 10.1: in cpu-timers.h */
#endif

#define TRIES                   8

/* The distance lies in [low, low + width]. */
typedef struct Bracket {
    uint64_t low;
    uint64_t width;
} Bracket;

static Bracket measure_distance(void)
{
    Bracket best = { .width = UINT64_MAX };
    uint64_t before, ticks, after;
    int i;

    for (i = 0; i < TRIES; i++) {
        before = cpu_get_host_ticks();
        ticks = cpus_get_elapsed_ticks();
        after = cpu_get_host_ticks();
        if (after - before < best.width) {
            best.low = ticks - after;
            best.width = after - before;
        }
    }
    return best;
}

/* A width in ticks as half of it in time, rounded up */
static uint32_t half_ns(uint64_t width, uint64_t hz)
{
    uint64_t half = width / 2 + 1;

    /* Before the rate is known, no counter of an x86 is slower than 1 GHz. */
    if (hz) {
        half = virtio_hypertrace_clock_mul_div(half, NANOSECONDS_PER_SECOND,
                                               hz) + 1;
    }
    return MIN(half, UINT32_MAX);
}

/* With icount: a moment of the counter, with nothing said of others */
static void look_icount(VirtIOHypertraceCounter *counter)
{
    uint64_t before, after, ticks, half;
    int i;

    *counter = (VirtIOHypertraceCounter) {
        .kind = VHT_CLOCK_KIND_POINT,
        .hz = NANOSECONDS_PER_SECOND,
        .error_ns = UINT32_MAX,
    };
    for (i = 0; i < TRIES; i++) {
        before = virtio_hypertrace_clock_now();
        ticks = cpus_get_elapsed_ticks();
        after = virtio_hypertrace_clock_now();
        half = (after - before + 1) / 2;
        if (half < counter->error_ns) {
            counter->ns = before + half;
            counter->counter = ticks;
            counter->error_ns = half;
        }
    }
}

/**
 * virtio_hypertrace_tcg_look: how the guest's counter stands to the host's
 * @counter: what the last look in this running phase found (else kind 0), and
 *           what this one finds
 * @now: a moment not long ago
 *
 * The distance that was told stays as it is while it can be the true one.
 */
void virtio_hypertrace_tcg_look(VirtIOHypertraceCounter *counter,
                                const VirtIOHypertraceMoment *now)
{
    Bracket b;

    if (icount_enabled()) {
        look_icount(counter);
        return;
    }
    b = measure_distance();
    /* The told one: within the bracket, made wider by its own uncertainty? */
    if (!counter->kind ||
        counter->offset - (b.low - counter->width) >
        b.width + 2 * counter->width) {
        counter->offset = b.low + b.width / 2;
        counter->width = b.width / 2 + 1;
    }
    counter->kind = VHT_CLOCK_KIND_LINEAR;
    counter->is_exact = true;
    counter->error_ns = half_ns(2 * counter->width,
                                virtio_hypertrace_clock_host_hz(now));
}

/**
 * virtio_hypertrace_tcg_stop: the moment when the counter was frozen
 * @counter: what the last look found, while the VM ran
 * @moment: that moment
 *
 * QEMU freezes the counter before it tells us. What the host's counter was
 * then follows from the frozen one, the time from how long ago that is.
 *
 * Return: whether that could be computed.
 */
bool virtio_hypertrace_tcg_stop(const VirtIOHypertraceCounter *counter,
                                VirtIOHypertraceMoment *moment)
{
    uint64_t frozen = cpus_get_elapsed_ticks() - counter->offset;
    uint64_t hz, ns;

    *moment = virtio_hypertrace_clock_moment();
    hz = virtio_hypertrace_clock_host_hz(moment);
    if (!counter->is_exact || !hz || moment->host < frozen) {
        return false;
    }
    ns = virtio_hypertrace_clock_mul_div(moment->host - frozen,
                                         NANOSECONDS_PER_SECOND, hz);
    moment->host = frozen;
    moment->ns -= ns;
    /* The rate is known to some parts in a million. */
    moment->error_ns = MIN(moment->error_ns + 1 + ns / 100000, UINT32_MAX);
    return true;
}
