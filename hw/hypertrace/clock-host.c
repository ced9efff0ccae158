// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's two clocks that all our times are made of: CLOCK_MONOTONIC, and
 * the counter of its CPUs, which the guest's own counter follows.
 *
 * Both cannot be read in one moment: the counter is read between two looks at
 * the clock, and the narrowest of several tries bounds the error.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/host-utils.h"
#include "virtio-hypertrace.h"

#define TRIES                   8
/* A shorter time than this says too little about the counter's rate. */
#define MIN_BASELINE_NS         (20 * SCALE_MS)
/* Longer than this the rate may have changed, or the host have slept. */
#define MAX_BASELINE_NS         (1 * NANOSECONDS_PER_SECOND)

/* When QEMU was loaded, and since when the counter's rate is measured. */
static uint64_t start_boot_ns;
static VirtIOHypertraceMoment start, base;
static uint64_t last_hz;

/**
 * virtio_hypertrace_clock_now: the clock of everything we write
 *
 * Return: CLOCK_MONOTONIC in nanoseconds.
 */
uint64_t virtio_hypertrace_clock_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

/**
 * virtio_hypertrace_clock_moment: both clocks at one moment, which is now
 *
 * Return: the moment, as well as it can be known.
 */
VirtIOHypertraceMoment virtio_hypertrace_clock_moment(void)
{
    VirtIOHypertraceMoment best = { .error_ns = UINT32_MAX };
    uint64_t before, after, host, half;
    int i;

    for (i = 0; i < TRIES; i++) {
        before = virtio_hypertrace_clock_now();
        host = cpu_get_host_ticks();
        after = virtio_hypertrace_clock_now();
        half = (after - before + 1) / 2;
        if (half < best.error_ns) {
            best.ns = before + half;
            best.host = host;
            best.error_ns = half;
        }
    }
    return best;
}

static void __attribute__((constructor)) clock_note_start(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);
    start_boot_ns = ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
    start = virtio_hypertrace_clock_moment();
    base = start;
}

/**
 * virtio_hypertrace_clock_mul_div: a * b / c, with all bits in between
 * @a: a factor
 * @b: a factor
 * @c: what to divide by, not 0
 *
 * Return: its lower 64 bits.
 */
uint64_t virtio_hypertrace_clock_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low, high;

    mulu64(&low, &high, a, b);
    divu128(&low, &high, c);
    return low;
}

/**
 * virtio_hypertrace_clock_host_hz: the rate of the host's counter
 * @now: the moment when it is asked for
 *
 * It is measured, as no better source is there on every host.
 *
 * Return: ticks a second, 0 if QEMU is too young to know.
 */
uint64_t virtio_hypertrace_clock_host_hz(const VirtIOHypertraceMoment *now)
{
    uint64_t ns = now->ns - base.ns;

    if (ns >= MIN_BASELINE_NS && now->host > base.host) {
        last_hz = virtio_hypertrace_clock_mul_div(now->host - base.host,
                                                  NANOSECONDS_PER_SECOND, ns);
    }
    if (ns >= MAX_BASELINE_NS) {
        base = *now;
    }
    return last_hz;
}

/**
 * virtio_hypertrace_clock_host_hz_roughly: the same, for who needs one now
 * @now: the moment when it is asked for
 *
 * Return: ticks a second; 0 if QEMU was loaded at this very moment.
 */
uint64_t virtio_hypertrace_clock_host_hz_roughly(
    const VirtIOHypertraceMoment *now)
{
    uint64_t hz = virtio_hypertrace_clock_host_hz(now);

    if (!hz && now->ns > start.ns && now->host > start.host) {
        hz = virtio_hypertrace_clock_mul_div(now->host - start.host,
                                             NANOSECONDS_PER_SECOND,
                                             now->ns - start.ns);
    }
    return hz;
}

/* The kernel's word on when this process began, in its ticks; 0 if none */
static uint64_t process_start_ticks(void)
{
    g_autofree char *stat = NULL;
    g_auto(GStrv) field = NULL;
    const char *after_name;
    uint64_t ticks;

    if (!g_file_get_contents("/proc/self/stat", &stat, NULL, NULL)) {
        return 0;
    }
    /* Field 2 is a name with whatever in it; 22 is what we look for. */
    after_name = strrchr(stat, ')');
    field = g_strsplit(after_name ? after_name : "", " ", -1);
    if (g_strv_length(field) < 21 ||
        qemu_strtou64(field[20], NULL, 10, &ticks) < 0) {
        return 0;
    }
    return ticks;
}

/**
 * virtio_hypertrace_clock_process: when this process began
 * @error_ns: the true moment lies within +- this
 *
 * It is known to a tick of CLOCK_BOOTTIME, and was before we were loaded.
 *
 * Return: CLOCK_MONOTONIC in nanoseconds.
 */
uint64_t virtio_hypertrace_clock_process(uint64_t *error_ns)
{
    uint64_t tick_ns = NANOSECONDS_PER_SECOND / sysconf(_SC_CLK_TCK);
    uint64_t ticks = process_start_ticks();
    uint64_t before_ns = start_boot_ns - ticks * tick_ns;
    uint64_t from = 0, to = start.ns;

    if (ticks && before_ns <= start.ns) {
        from = start.ns - before_ns;
        to = MIN(to, from + tick_ns);
    }
    *error_ns = (to - from + 1) / 2;
    return from + (to - from) / 2;
}
