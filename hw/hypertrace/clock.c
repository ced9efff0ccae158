// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clock records: the guest's counter against the host's CLOCK_MONOTONIC,
 * without asking the guest. This file says when there is one, and for which
 * reason; what the counter is then, the other clock-*.c say:
 *
 *   clock-host.c       the host's clock and counter, which all is made of
 *   clock-tcg.c        QEMU's own ticks are the guest's counter
 *   clock-kvm.c        KVM tells a vCPU's
 *   clock-round.c      and has one for each vCPU
 *   clock-line.c       what the guest itself is told
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "system/cpu-timers.h"
#include "system/kvm.h"
#include "system/runstate.h"
#include "cpu.h"
#include "virtio-hypertrace.h"
#include "trace.h"
#if __has_include("exec/icount.h")
#include "exec/icount.h"        /* before 10.1: in cpu-timers.h */
#endif

/**
 * virtio_hypertrace_clock_kind: what the guest reads as its counter
 *
 * Return: VHT_COUNTER_*
 */
uint32_t virtio_hypertrace_clock_kind(void)
{
#ifdef TARGET_I386
    return VHT_COUNTER_X86_TSC;
#else
    return VHT_COUNTER_UNKNOWN;
#endif
}

static bool has_counter(void)
{
    return virtio_hypertrace_clock_kind() != VHT_COUNTER_UNKNOWN;
}

/**
 * virtio_hypertrace_clock_hz: rate of the guest's counter while the VM runs
 *
 * Return: ticks a second, 0 if unknown.
 */
uint64_t virtio_hypertrace_clock_hz(void)
{
    VirtIOHypertraceMoment now = virtio_hypertrace_clock_moment();

    if (!has_counter()) {
        return 0;
    }
    if (icount_enabled()) {
        return NANOSECONDS_PER_SECOND;
    }
#ifdef TARGET_I386
    if (kvm_enabled() && first_cpu) {
        return X86_CPU(first_cpu)->env.tsc_khz * 1000;
    }
#endif
    return virtio_hypertrace_clock_host_hz(&now);
}

/**
 * virtio_hypertrace_counter_scaled: ticks of the host in ticks of the guest
 * @counter: the vCPU's
 * @host: how many of the host's
 *
 * Return: how many of the guest's, by the formula of vht_clock_record.
 */
uint64_t virtio_hypertrace_counter_scaled(
    const VirtIOHypertraceCounter *counter, uint64_t host)
{
    uint64_t low, high;

    if (!counter->scale) {
        return host;
    }
    mulu64(&low, &high, host, counter->scale);
    return high << 16 | low >> 48;
}

/**
 * virtio_hypertrace_counter_at: a vCPU's counter at some moment
 * @counter: the vCPU's, exact
 * @host: the host's counter then
 *
 * Return: the guest's.
 */
uint64_t virtio_hypertrace_counter_at(const VirtIOHypertraceCounter *counter,
                                      uint64_t host)
{
    return virtio_hypertrace_counter_scaled(counter, host) + counter->offset;
}

/**
 * virtio_hypertrace_clock_counter: the guest's counter now
 * @ht: the device
 *
 * Return: ticks, or 0 where it is not known, or not the same on all vCPUs.
 */
uint64_t virtio_hypertrace_clock_counter(VirtIOHypertrace *ht)
{
    if (!has_counter()) {
        return 0;
    }
    if (!kvm_enabled()) {
        return cpus_get_elapsed_ticks();
    }
    if (!ht->clock.common.is_exact) {
        return 0;
    }
    return virtio_hypertrace_counter_at(&ht->clock.common,
                                        cpu_get_host_ticks());
}

/**
 * virtio_hypertrace_clock_write: write a clock record
 * @ht: the device
 * @cpu: which vCPU it is of, VHT_CPU_NONE: all
 * @counter: what is known of the counter
 * @moment: when; not looked at where @counter has its own
 * @reason: VHT_CLOCK_REASON_*
 */
void virtio_hypertrace_clock_write(VirtIOHypertrace *ht, uint32_t cpu,
                                   const VirtIOHypertraceCounter *counter,
                                   const VirtIOHypertraceMoment *moment,
                                   uint16_t reason)
{
    uint64_t error_ns = counter->error_ns;
    uint64_t hz, line_hz = 0;
    struct vht_clock_record r = {
        .mono_ns = cpu_to_le64(counter->ns),
        .counter = cpu_to_le64(counter->counter),
        .counter_hz = cpu_to_le64(counter->hz),
        .kind = cpu_to_le16(counter->kind),
        .reason = cpu_to_le16(reason),
        .cpu = cpu_to_le32(cpu),
        .offset = cpu_to_le64(counter->offset),
        .scale = cpu_to_le64(counter->scale),
    };

    if (counter->is_exact) {
        r.mono_ns = cpu_to_le64(moment->ns);
        r.counter = cpu_to_le64(virtio_hypertrace_counter_at(counter,
                                                             moment->host));
        r.host_counter = cpu_to_le64(moment->host);
        error_ns += moment->error_ns;
        /* measured, which is better than what KVM was told */
        hz = virtio_hypertrace_clock_host_hz(moment);
        if (hz) {
            hz = virtio_hypertrace_counter_scaled(counter, hz);
            r.counter_hz = cpu_to_le64(hz);
        }
        line_hz = virtio_hypertrace_counter_scaled(counter,
            virtio_hypertrace_clock_host_hz_roughly(moment));
    }
    r.error_ns = cpu_to_le32(MIN(error_ns, UINT32_MAX));
    /* The first vCPU stands for all where they differ. */
    if (cpu == VHT_CPU_NONE || cpu == 0) {
        virtio_hypertrace_line_update(ht, &r, line_hz);
    }
    virtio_hypertrace_vmm_clock(ht, &r);
}

/* A record of a counter that QEMU makes, which is the same for all vCPUs. */
static void write_own(VirtIOHypertrace *ht, uint32_t cpu, uint16_t reason)
{
    VirtIOHypertraceCounter *counter = &ht->clock.common;
    VirtIOHypertraceCounter before = *counter;
    VirtIOHypertraceMoment now = virtio_hypertrace_clock_moment();

    virtio_hypertrace_tcg_look(counter, &now);
    if (reason == VHT_CLOCK_REASON_PERIODIC && before.kind &&
        before.offset != counter->offset) {
        reason = VHT_CLOCK_REASON_CHANGED;
    }
    virtio_hypertrace_clock_write(ht, cpu, counter, &now, reason);
}

static void write_all(VirtIOHypertrace *ht, uint16_t reason)
{
    if (!has_counter()) {
        return;
    }
    if (kvm_enabled()) {
        virtio_hypertrace_round(ht, reason);
    } else {
        write_own(ht, VHT_CPU_NONE, reason);
    }
}

/* The last record of a running phase. */
static void write_stop(VirtIOHypertrace *ht)
{
    VirtIOHypertraceMoment moment;

    if (kvm_enabled() || icount_enabled() || !has_counter()) {
        write_all(ht, VHT_CLOCK_REASON_STOP);
    } else if (virtio_hypertrace_tcg_stop(&ht->clock.common, &moment)) {
        virtio_hypertrace_clock_write(ht, VHT_CPU_NONE, &ht->clock.common,
                                      &moment, VHT_CLOCK_REASON_STOP);
    }
}

/**
 * virtio_hypertrace_clock_mark: something happened that a clock record follows
 * @ht: the device
 * @reason: VHT_CLOCK_REASON_*
 *
 * While the VM does not run its counter stands still, or is being loaded: then
 * there is none before the VM runs, and a later reason wins over an earlier
 * one. Under KVM QEMU sets the counters at the end of a reset, which is not
 * yet: what vCPUs say until the main loop goes on is not written.
 */
void virtio_hypertrace_clock_mark(VirtIOHypertrace *ht, uint16_t reason)
{
    VirtIOHypertraceClock *c = &ht->clock;

    if (!c->running) {
        c->next_reason = reason;
    } else if (!kvm_enabled()) {
        write_all(ht, reason);
    } else {
        c->common = (VirtIOHypertraceCounter) { };
        virtio_hypertrace_round_drop(ht);
        c->is_held = true;
        c->held_reason = reason;
        timer_mod(c->soon, qemu_clock_get_ms(QEMU_CLOCK_REALTIME));
    }
}

static void clock_soon(void *opaque)
{
    VirtIOHypertrace *ht = opaque;

    ht->clock.is_held = false;
    write_all(ht, ht->clock.held_reason);
}

/**
 * virtio_hypertrace_clock_tick: a second of the running VM went by
 * @ht: the device
 */
void virtio_hypertrace_clock_tick(VirtIOHypertrace *ht)
{
    if (!ht->clock.is_held) {
        write_all(ht, VHT_CLOCK_REASON_PERIODIC);
    }
}

/**
 * virtio_hypertrace_clock_run: the vCPUs are about to run, or stopped
 * @ht: the device
 * @running: which of both
 */
void virtio_hypertrace_clock_run(VirtIOHypertrace *ht, bool running)
{
    VirtIOHypertraceClock *c = &ht->clock;

    timer_del(c->soon);
    c->is_held = false;
    if (running) {
        /* Under TCG the distance is another one now. */
        c->common = (VirtIOHypertraceCounter) { };
        c->running = true;
        write_all(ht, c->next_reason);
        c->next_reason = VHT_CLOCK_REASON_RESUME;
    } else if (c->running) {
        c->running = false;
        write_stop(ht);
    }
}

/**
 * virtio_hypertrace_clock_plug: a vCPU came
 * @ht: the device
 * @cs: the vCPU
 */
void virtio_hypertrace_clock_plug(VirtIOHypertrace *ht, CPUState *cs)
{
    if (!ht->clock.running || !has_counter()) {
        return;
    }
    if (kvm_enabled()) {
        virtio_hypertrace_round_ask(ht, cs, VHT_CLOCK_REASON_START);
    } else {
        write_own(ht, cs->cpu_index, VHT_CLOCK_REASON_START);
    }
}

void virtio_hypertrace_clock_init(VirtIOHypertrace *ht)
{
    ht->clock.next_reason = VHT_CLOCK_REASON_START;
    ht->clock.soon = timer_new_ms(QEMU_CLOCK_REALTIME, clock_soon, ht);
    virtio_hypertrace_round_init(ht);
}

void virtio_hypertrace_clock_fini(VirtIOHypertrace *ht)
{
    timer_free(ht->clock.soon);
    virtio_hypertrace_round_fini(ht);
}
