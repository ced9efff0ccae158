// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock line: the guest's counter as the host's CLOCK_MONOTONIC, in the
 * host pages, for those in the guest who want the host's time [D12].
 *
 * Each clock record tells where the line should be. While the counter goes on
 * the line never jumps there: it leaves its course at a value of the counter
 * that is still to come, and is where it should be when the next record is due.
 * Only a VM that had stopped, or whose counter was set, gets a new line at once.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "virtio-hypertrace.h"
#include "trace.h"

/* Records are so far apart: a deviation is made up for in that time. */
#define PERIOD_NS               NANOSECONDS_PER_SECOND
/* A new course begins so far ahead: longer than we may be kept from the CPU. */
#define LEAD_NS                 (100 * SCALE_MS)
/* Farther off than this nothing is made up for; it bounds the slope, too. */
#define FAR_NS                  (PERIOD_NS / 2)
/* The same where the counter seems to have been set. */
#define FAR_CHANGED_NS          (1 * SCALE_MS)
/* The rate is measured over no less, where only records tell it. */
#define MIN_BASELINE_NS         (PERIOD_NS / 2)
/* A rate beyond these is none. */
#define MIN_HZ                  1000000ULL
#define MAX_HZ                  100000000000ULL

/* The time at a value of the counter, which may be one before the segment */
static uint64_t segment_at(const VirtIOHypertraceSegment *s, uint64_t counter)
{
    uint64_t low, high;

    muls64(&low, &high, counter - s->counter, s->mult);
    return s->ns + (high << 32 | low >> 32);
}

/* The time that the line gives at a value of the counter */
static uint64_t line_at(const VirtIOHypertraceLine *line, uint64_t counter)
{
    bool is_begun = (int64_t)(counter - line->segment[1].counter) >= 0;

    return segment_at(&line->segment[is_begun], counter);
}

static void store_segment(struct vht_clock_segment *to,
                          const VirtIOHypertraceSegment *from)
{
    qatomic_set(&to->counter, cpu_to_le64(from->counter));
    qatomic_set(&to->mono_ns, cpu_to_le64(from->ns));
    qatomic_set(&to->mult, cpu_to_le64(from->mult));
}

static void publish(VirtIOHypertrace *ht, VirtIOHypertraceSegment first,
                    VirtIOHypertraceSegment second)
{
    struct vht_clock_line *line = &ht->region.header->clock_line;
    uint32_t sequence = le32_to_cpu(line->sequence) + 1;

    /* 0 is no line; the places take turns all the same. */
    sequence += sequence ? 0 : 2;
    /* The place is nobody's since the last store of sequence. Partner: below. */
    smp_wmb();
    store_segment(&line->segments[sequence & 1][0], &first);
    store_segment(&line->segments[sequence & 1][1], &second);
    /* Partner: a reader's barrier between its copy and its second look. */
    qatomic_store_release(&line->sequence, cpu_to_le32(sequence));
    ht->line.segment[0] = first;
    ht->line.segment[1] = second;
}

/* A number, moved towards 0 by no more than this */
static int64_t shrink(int64_t n, uint32_t by)
{
    return n > 0 ? MAX(n - by, 0) : MIN(n + by, 0);
}

/*
 * The counter's rate, where the host's own does not tell it: from this record
 * and the one before, or as it should be, or as it was.
 */
static uint64_t measure_hz(const VirtIOHypertraceLine *line,
                           const VirtIOHypertraceSegment *here,
                           uint64_t nominal_hz, bool is_linear)
{
    uint64_t ns = here->ns - line->last_ns;
    uint64_t ticks = here->counter - line->last_counter;
    uint64_t hz = 0;

    if (line->has_last && ns >= MIN_BASELINE_NS && ticks < MAX_HZ &&
        ns < MAX_HZ) {
        hz = virtio_hypertrace_clock_mul_div(ticks, NANOSECONDS_PER_SECOND, ns);
    }
    /* A counter that was set meanwhile has no rate. */
    if (is_linear && nominal_hz &&
        (hz < nominal_hz - nominal_hz / 100 ||
         hz > nominal_hz + nominal_hz / 100)) {
        return nominal_hz;
    }
    if (hz >= MIN_HZ && hz <= MAX_HZ) {
        return hz;
    }
    return line->hz ? line->hz : nominal_hz;
}

/*
 * Follow what the record tells, or begin anew.
 * Return: whether the line goes on.
 */
static bool follow(VirtIOHypertrace *ht, const VirtIOHypertraceSegment *truth,
                   const struct vht_clock_record *r)
{
    VirtIOHypertraceLine *line = &ht->line;
    uint16_t reason = le16_to_cpu(r->reason);
    bool is_point = le16_to_cpu(r->kind) == VHT_CLOCK_KIND_POINT;
    int64_t far_ns = reason == VHT_CLOCK_REASON_CHANGED ? FAR_CHANGED_NS
                                                        : FAR_NS;
    uint64_t passed_ns = virtio_hypertrace_clock_now() - truth->ns;
    uint64_t now = truth->counter + virtio_hypertrace_clock_mul_div(passed_ns,
                       line->hz, NANOSECONDS_PER_SECOND);
    VirtIOHypertraceSegment next = {
        .counter = now + line->hz / (PERIOD_NS / LEAD_NS),
    };
    int64_t behind;

    if (reason == VHT_CLOCK_REASON_RESUME &&
        (int64_t)(truth->ns - line_at(line, truth->counter)) >= 0) {
        return false;
    }
    next.ns = line_at(line, next.counter);
    behind = segment_at(truth, next.counter) - next.ns;
    /* Points tell nothing of how the counter went between them. */
    if (behind > far_ns || (behind < -far_ns && !is_point)) {
        return false;
    }
    /* A course that has not begun cannot be left; there is another record. */
    if ((int64_t)(now - line->segment[1].counter) < 0) {
        return true;
    }
    behind = shrink(MAX(behind, -FAR_NS), le32_to_cpu(r->error_ns));
    next.mult = truth->mult + behind * (1LL << 32) / (int64_t)line->hz;
    trace_virtio_hypertrace_clock_line(next.counter, next.ns, next.mult, behind);
    publish(ht, line->segment[1], next);
    return true;
}

/**
 * virtio_hypertrace_line_update: bring the line to where a clock record is
 * @ht: the device
 * @r: the record, of vCPU 0 or of all
 * @hz: the counter's rate as the host's own counter tells it, 0: it does not
 *
 * Before the record is written, so that who has read that finds the line.
 */
void virtio_hypertrace_line_update(VirtIOHypertrace *ht,
                                   const struct vht_clock_record *r,
                                   uint64_t hz)
{
    VirtIOHypertraceLine *line = &ht->line;
    uint16_t reason = le16_to_cpu(r->reason);
    bool is_linear = le16_to_cpu(r->kind) == VHT_CLOCK_KIND_LINEAR;
    bool goes_on = reason == VHT_CLOCK_REASON_RESUME ||
                   reason == VHT_CLOCK_REASON_PERIODIC ||
                   reason == VHT_CLOCK_REASON_CHANGED;
    VirtIOHypertraceSegment truth = {
        .counter = le64_to_cpu(r->counter),
        .ns = le64_to_cpu(r->mono_ns),
    };

    if (reason == VHT_CLOCK_REASON_STOP) {
        line->has_last = false;
        return;
    }
    if (reason != VHT_CLOCK_REASON_PERIODIC) {
        line->has_last = false;
    }
    if (!hz) {
        hz = measure_hz(line, &truth, le64_to_cpu(r->counter_hz), is_linear);
    }
    if (hz < MIN_HZ || hz > MAX_HZ) {
        return;
    }
    line->hz = hz;
    truth.mult = virtio_hypertrace_clock_mul_div(NANOSECONDS_PER_SECOND,
                                                 1ULL << 32, hz);
    line->has_last = true;
    line->last_ns = truth.ns;
    line->last_counter = truth.counter;
    if (!goes_on || !line->segment[1].mult || !follow(ht, &truth, r)) {
        trace_virtio_hypertrace_clock_line(truth.counter, truth.ns, truth.mult,
                                           0);
        publish(ht, truth, truth);
    }
}
