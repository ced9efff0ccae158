// SPDX-License-Identifier: GPL-2.0-only
/*
 * One vCPU's counter under KVM.
 *
 * What a vCPU reads as its TSC is the host's, scaled if the VM has another rate
 * and the CPU can scale, plus the vCPU's own offset. KVM tells the offset and
 * the rates, and what the vCPU would read now. The first two make a formula;
 * the last, read between two looks at the host's counter, shows whether it is
 * true. Where it is not, that moment is all we tell.
 *
 * KVM serves one request for a vCPU at a time, KVM_RUN included: so all this
 * happens in the vCPU's own thread, which is not in the guest then.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "system/kvm.h"
#include "cpu.h"
#include "virtio-hypertrace.h"
#include "trace.h"

#if defined(CONFIG_KVM) && defined(TARGET_I386)
#include <linux/kvm.h>
#include "host-cpu.h"

#define TRIES                   4
#define SCALE_BITS              48      /* of vht_clock_record.scale */
/* kvm.tsc_tolerance_ppm: rates that are closer than that are taken as one */
#define TOLERANCE_PPM           250

/* The vCPU's TSC as KVM read it, in between. */
typedef struct Sample {
    uint64_t before_ns, before_host;
    uint64_t counter;
    uint64_t after_host, after_ns;
} Sample;

static bool read_counter(CPUState *cs, Sample *best)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } msrs;
    Sample s;
    int i;

    for (i = 0; i < TRIES; i++) {
        memset(&msrs, 0, sizeof(msrs));
        msrs.head.nmsrs = 1;
        msrs.entry.index = 0x10;        /* IA32_TIME_STAMP_COUNTER */
        s.before_ns = virtio_hypertrace_clock_now();
        s.before_host = cpu_get_host_ticks();
        if (kvm_vcpu_ioctl(cs, KVM_GET_MSRS, &msrs) != 1) {
            return false;
        }
        s.after_host = cpu_get_host_ticks();
        s.after_ns = virtio_hypertrace_clock_now();
        s.counter = msrs.entry.data;
        if (!i || s.after_host - s.before_host <
            best->after_host - best->before_host) {
            *best = s;
        }
    }
    return true;
}

/* Whether the counter that was read is what the formula gives. */
static bool is_true(const VirtIOHypertraceCounter *counter, const Sample *s)
{
    uint64_t low = virtio_hypertrace_counter_at(counter, s->before_host);
    uint64_t high = virtio_hypertrace_counter_at(counter, s->after_host);

    return s->counter - low <= high - low;
}

/* The factor as KVM computes it: AMD's has 32 bits after the point. */
static uint64_t scale_of(uint64_t guest_khz, uint64_t host_khz)
{
    char vendor[CPUID_VENDOR_SZ + 1];
    int bits = SCALE_BITS;

    host_cpu_vendor_fms(vendor, NULL, NULL, NULL);
    if (g_str_equal(vendor, CPUID_VENDOR_AMD) ||
        g_str_equal(vendor, CPUID_VENDOR_HYGON)) {
        bits = 32;
    }
    return virtio_hypertrace_clock_mul_div(1ULL << bits, guest_khz, host_khz)
           << (SCALE_BITS - bits);
}

static bool is_other_rate(uint64_t guest_khz, uint64_t host_khz)
{
    uint64_t apart = MAX(guest_khz, host_khz) - MIN(guest_khz, host_khz);

    return apart > host_khz * TOLERANCE_PPM / 1000000;
}

static bool ask_offset(CPUState *cs, uint64_t *offset)
{
    struct kvm_device_attr attr = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uintptr_t)offset,
    };

    return kvm_vcpu_ioctl(cs, KVM_GET_DEVICE_ATTR, &attr) == 0;
}

/* The rates, in kHz; where KVM does not tell them all is taken as one rate. */
static void ask_rates(CPUState *cs, uint64_t *guest_khz, uint64_t *host_khz)
{
    int guest = kvm_vcpu_ioctl(cs, KVM_GET_TSC_KHZ);
    int host = kvm_vm_ioctl(kvm_state, KVM_GET_TSC_KHZ);

    *guest_khz = guest > 0 ? guest : X86_CPU(cs)->env.tsc_khz;
    *host_khz = host > 0 ? host : *guest_khz;
}

/**
 * virtio_hypertrace_kvm_look: ask KVM for a vCPU's counter
 * @cs: the vCPU
 * @counter: what is known of it now; kind is 0 if that is nothing
 *
 * Context: the vCPU's thread.
 */
void virtio_hypertrace_kvm_look(CPUState *cs, VirtIOHypertraceCounter *counter)
{
    uint64_t guest_khz, host_khz;
    bool has_offset, is_scaled;
    Sample s;

    *counter = (VirtIOHypertraceCounter) { };
    if (!read_counter(cs, &s)) {
        trace_virtio_hypertrace_clock_none(cs->cpu_index);
        return;
    }
    ask_rates(cs, &guest_khz, &host_khz);
    has_offset = ask_offset(cs, &counter->offset);
    is_scaled = is_other_rate(guest_khz, host_khz);
    if (is_scaled && kvm_check_extension(kvm_state, KVM_CAP_TSC_CONTROL)) {
        counter->scale = scale_of(guest_khz, host_khz);
    }
    counter->kind = VHT_CLOCK_KIND_LINEAR;
    counter->is_exact = has_offset && is_true(counter, &s);
    /* Without scaling in hardware KVM catches up by jumps of the offset. */
    if (!has_offset || (is_scaled && !counter->scale)) {
        counter->kind = VHT_CLOCK_KIND_POINT;
        counter->is_exact = false;
    }
    counter->hz = guest_khz * 1000;
    if (!counter->is_exact) {
        counter->ns = s.before_ns + (s.after_ns - s.before_ns) / 2;
        counter->counter = s.counter;
        counter->error_ns = MIN((s.after_ns - s.before_ns + 1) / 2, UINT32_MAX);
    }
    trace_virtio_hypertrace_clock_look(cs->cpu_index, counter->offset,
                                       counter->scale, counter->is_exact,
                                       guest_khz, host_khz);
}
#else
/*
 * Not asked yet. arm64: the guest's CNTVCT_EL0 is the host's counter minus
 * KVM_REG_ARM_TIMER_CNT's offset, the same for all vCPUs.
 */
void virtio_hypertrace_kvm_look(CPUState *cs, VirtIOHypertraceCounter *counter)
{
    *counter = (VirtIOHypertraceCounter) { };
}
#endif
