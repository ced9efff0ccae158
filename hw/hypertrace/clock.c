// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's counter against the host's CLOCK_MONOTONIC, without asking the
 * guest.
 *
 *   TCG        QEMU's own ticks are the guest's TSC: a constant distance from
 *              the host's while the VM runs, frozen while it does not.
 *   icount     the same call gives virtual nanoseconds. Their relation to real
 *              time is no line, so a record is a point and nothing more.
 *   KVM        the guest's TSC is the host's plus the vCPU's offset, which has
 *              to be asked for in the vCPU's thread.
 *
 * Both sides cannot be read in one moment: the counter is read between two
 * looks at the clock, and the narrowest of several tries bounds the error.
 */
#include "qemu/osdep.h"
#include "qemu/cutils.h"
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
#ifdef CONFIG_KVM
#include <linux/kvm.h>
#endif

#define PERIOD_MS               1000
#define TRIES                   8
/* A shorter time than this says too little about the counter's rate. */
#define MIN_BASELINE_NS         (20 * SCALE_MS)

/* A pair as it is measured. */
typedef struct Pair {
    uint64_t ns;
    uint64_t counter;
    uint32_t error_ns;
} Pair;

/* a * b / c, with all bits in between */
static uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low, high;

    mulu64(&low, &high, a, b);
    divu128(&low, &high, c);
    return low;
}

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

/* Whether read_counter() means anything now. */
static bool has_counter(VirtIOHypertrace *ht)
{
    if (virtio_hypertrace_clock_kind() == VHT_COUNTER_UNKNOWN) {
        return false;
    }
    return !kvm_enabled() || ht->clock.kvm_offset_valid;
}

/* The guest's counter: the only place that knows where it comes from. */
static uint64_t read_counter(VirtIOHypertrace *ht)
{
    if (kvm_enabled()) {
        return cpu_get_host_ticks() + ht->clock.kvm_offset;
    }
    return cpus_get_elapsed_ticks();
}

static Pair measure(VirtIOHypertrace *ht)
{
    Pair best = { .error_ns = UINT32_MAX };
    uint64_t before, after, counter, half;
    int i;

    for (i = 0; i < TRIES; i++) {
        before = virtio_hypertrace_clock_now();
        counter = read_counter(ht);
        after = virtio_hypertrace_clock_now();
        half = (after - before + 1) / 2;
        if (half < best.error_ns) {
            best.ns = before + half;
            best.counter = counter;
            best.error_ns = half;
        }
    }
    return best;
}

/**
 * virtio_hypertrace_clock_counter: the guest's counter now
 * @ht: the device
 *
 * Return: ticks, or 0 where it is not known.
 */
uint64_t virtio_hypertrace_clock_counter(VirtIOHypertrace *ht)
{
    return has_counter(ht) ? read_counter(ht) : 0;
}

/* When QEMU was loaded, on all clocks that matter later. */
static uint64_t start_ns, start_boot_ns, start_ticks;

static void __attribute__((constructor)) clock_note_start(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);
    start_boot_ns = ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
    start_ns = virtio_hypertrace_clock_now();
    start_ticks = cpu_get_host_ticks();
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
    uint64_t from = 0, to = start_ns;

    if (ticks && before_ns <= start_ns) {
        from = start_ns - before_ns;
        to = MIN(to, from + tick_ns);
    }
    *error_ns = (to - from + 1) / 2;
    return from + (to - from) / 2;
}

/*
 * The rate of the host's counter, which TCG shows to the guest: from the time
 * when QEMU was started to now, as no better source is there on every host.
 */
static uint64_t host_ticks_hz(void)
{
    uint64_t ns = virtio_hypertrace_clock_now() - start_ns;
    uint64_t ticks = cpu_get_host_ticks() - start_ticks;

    return ns < MIN_BASELINE_NS
           ? 0 : mul_div(ticks, NANOSECONDS_PER_SECOND, ns);
}

/**
 * virtio_hypertrace_clock_hz: rate of the guest's counter while the VM runs
 *
 * Return: ticks a second, 0 if unknown.
 */
uint64_t virtio_hypertrace_clock_hz(void)
{
    if (virtio_hypertrace_clock_kind() == VHT_COUNTER_UNKNOWN) {
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
    return host_ticks_hz();
}

/* The rate as this phase has shown it; the longer it is, the better. */
static uint64_t phase_hz(VirtIOHypertraceClock *c, const Pair *p)
{
    uint64_t ns = p->ns - c->phase_ns;

    if (kvm_enabled() || icount_enabled() || !c->phase_valid ||
        ns < MIN_BASELINE_NS) {
        return virtio_hypertrace_clock_hz();
    }
    return mul_div(p->counter - c->phase_counter, NANOSECONDS_PER_SECOND, ns);
}

static void write_record(VirtIOHypertrace *ht, const Pair *p, uint64_t hz,
                         uint16_t reason)
{
    VirtIOHypertraceClock *c = &ht->clock;
    struct vht_clock_record r = {
        .mono_ns = cpu_to_le64(p->ns),
        .counter = cpu_to_le64(p->counter),
        .counter_hz = cpu_to_le64(hz),
        .error_ns = cpu_to_le32(p->error_ns),
        .kind = cpu_to_le16(icount_enabled() ? VHT_CLOCK_KIND_POINT
                                             : VHT_CLOCK_KIND_LINEAR),
        .reason = cpu_to_le16(reason),
        .cpu = cpu_to_le32(VHT_CPU_NONE),
        .offset = cpu_to_le64(c->kvm_offset),
    };

    c->last_ns = p->ns;
    c->last_counter = p->counter;
    c->last_error_ns = p->error_ns;
    c->last_hz = hz;
    virtio_hypertrace_vmm_clock(ht, &r);
}

static void measure_and_write(VirtIOHypertrace *ht, uint16_t reason)
{
    VirtIOHypertraceClock *c = &ht->clock;
    Pair p = measure(ht);

    if (!c->phase_valid) {
        c->phase_valid = true;
        c->phase_ns = p.ns;
        c->phase_counter = p.counter;
    }
    write_record(ht, &p, phase_hz(c, &p), reason);
}

#if defined(CONFIG_KVM) && defined(TARGET_I386)
/* In the vCPU's thread, with the big lock. */
static void kvm_look(CPUState *cs, run_on_cpu_data data)
{
    VirtIOHypertrace *ht = data.host_ptr;
    VirtIOHypertraceClock *c = &ht->clock;
    uint64_t offset = 0;
    struct kvm_device_attr attr = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uintptr_t)&offset,
    };
    int host_khz = kvm_ioctl(kvm_state, KVM_GET_TSC_KHZ, NULL);
    int64_t guest_khz = X86_CPU(cs)->env.tsc_khz;
    uint16_t reason = c->kvm_reason;
    int ret;

    c->kvm_pending = false;
    if (!c->timer) {
        goto out;               /* the device went away meanwhile */
    }
    ret = kvm_vcpu_ioctl(cs, KVM_GET_DEVICE_ATTR, &attr);
    /* With scaling the sum is not the guest's counter. */
    if (ret < 0 || (host_khz > 0 && host_khz != guest_khz)) {
        c->kvm_offset_valid = false;
        if (!c->kvm_refused) {
            c->kvm_refused = true;
            trace_virtio_hypertrace_clock_none(ret, host_khz, guest_khz);
        }
        goto out;
    }
    if (c->kvm_offset_valid && c->kvm_offset != offset && !reason) {
        reason = VHT_CLOCK_REASON_PERIODIC;
    }
    c->kvm_offset = offset;
    c->kvm_offset_valid = true;
    if (reason) {
        measure_and_write(ht, reason);
    }
out:
    c->kvm_reason = 0;
    object_unref(OBJECT(ht));
}

static void kvm_ask(VirtIOHypertrace *ht, uint16_t reason)
{
    VirtIOHypertraceClock *c = &ht->clock;

    if (reason && !c->kvm_reason) {
        c->kvm_reason = reason;
    }
    if (c->kvm_pending || !first_cpu) {
        return;
    }
    c->kvm_pending = true;
    object_ref(OBJECT(ht));
    async_run_on_cpu(first_cpu, kvm_look, RUN_ON_CPU_HOST_PTR(ht));
}
#else
static void kvm_ask(VirtIOHypertrace *ht, uint16_t reason)
{
}
#endif

static void mark(VirtIOHypertrace *ht, uint16_t reason)
{
    VirtIOHypertraceClock *c = &ht->clock;

    if (virtio_hypertrace_clock_kind() == VHT_COUNTER_UNKNOWN) {
        return;
    }
    if (!kvm_enabled()) {
        measure_and_write(ht, reason);
    } else if (reason == VHT_CLOCK_REASON_PERIODIC && c->kvm_offset_valid) {
        measure_and_write(ht, reason);
        kvm_ask(ht, 0);
    } else if (reason != VHT_CLOCK_REASON_STOP) {
        kvm_ask(ht, reason);
    } else if (c->kvm_offset_valid) {
        measure_and_write(ht, reason);
    }
}

/*
 * The last record of a running phase. TCG froze the counter before it told us,
 * so the moment that belongs to it is computed from the phase so far.
 */
static void mark_stop(VirtIOHypertrace *ht)
{
    VirtIOHypertraceClock *c = &ht->clock;
    Pair p = measure(ht);
    uint64_t ns;

    if (!c->phase_valid || !c->last_hz || p.counter < c->last_counter) {
        return;
    }
    ns = mul_div(p.counter - c->last_counter, NANOSECONDS_PER_SECOND,
                 c->last_hz);
    if (c->last_ns + ns < p.ns) {
        p.ns = c->last_ns + ns;
        /* The rate is known to some parts in a million. */
        p.error_ns = MIN(c->last_error_ns + 1 + ns / 100000, UINT32_MAX);
    }
    write_record(ht, &p, c->last_hz, VHT_CLOCK_REASON_STOP);
}

/**
 * virtio_hypertrace_clock_mark: something happened that a clock record follows
 * @ht: the device
 * @reason: VHT_CLOCK_REASON_*
 *
 * Under KVM the record may be written a little later, by the vCPU. While the
 * VM does not run its counter stands still, or is being loaded: then there is
 * none before the VM runs, and a later reason wins over an earlier one.
 */
void virtio_hypertrace_clock_mark(VirtIOHypertrace *ht, uint16_t reason)
{
    if (ht->clock.running) {
        mark(ht, reason);
    } else {
        ht->clock.next_reason = reason;
    }
}

static void clock_tick(void *opaque)
{
    VirtIOHypertrace *ht = opaque;

    mark(ht, VHT_CLOCK_REASON_PERIODIC);
    timer_mod(ht->clock.timer,
              qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + PERIOD_MS);
}

/**
 * virtio_hypertrace_clock_run: the vCPUs began to run, or stopped
 * @ht: the device
 * @running: which of both
 */
void virtio_hypertrace_clock_run(VirtIOHypertrace *ht, bool running)
{
    VirtIOHypertraceClock *c = &ht->clock;

    c->running = running;
    if (running) {
        mark(ht, c->next_reason);
        c->next_reason = VHT_CLOCK_REASON_RESUME;
        timer_mod(c->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + PERIOD_MS);
        return;
    }
    timer_del(c->timer);
    if (kvm_enabled() || icount_enabled()) {
        mark(ht, VHT_CLOCK_REASON_STOP);
    } else if (virtio_hypertrace_clock_kind() != VHT_COUNTER_UNKNOWN) {
        mark_stop(ht);
    }
    c->phase_valid = false;
}

void virtio_hypertrace_clock_init(VirtIOHypertrace *ht)
{
    ht->clock.next_reason = VHT_CLOCK_REASON_START;
    ht->clock.timer = timer_new_ms(QEMU_CLOCK_REALTIME, clock_tick, ht);
}

void virtio_hypertrace_clock_fini(VirtIOHypertrace *ht)
{
    timer_free(ht->clock.timer);
    ht->clock.timer = NULL;
}
