// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which vCPUs there are, and which thread of the host runs each [D10]: with
 * that a host's events find their guest CPU.
 *
 * QEMU tells of each device that comes or goes, vCPUs included, once it is
 * there or gone: there is no delay, and nothing to look for in between.
 */
#include "qemu/osdep.h"
#include "hw/core/cpu.h"
#include "system/kvm.h"
#include "virtio-hypertrace.h"
#include "trace.h"

static struct vht_vcpu_record *known_vcpu(VirtIOHypertrace *ht, int i)
{
    return &g_array_index(ht->vcpus.known, struct vht_vcpu_record, i);
}

static void write_record(VirtIOHypertrace *ht, int i)
{
    struct vht_vcpu_record *r = known_vcpu(ht, i);

    r->mono_ns = cpu_to_le64(virtio_hypertrace_clock_now());
    virtio_hypertrace_vmm_vcpu(ht, r);
}

static uint32_t kvm_id(CPUState *cs)
{
#ifdef CONFIG_KVM
    if (kvm_enabled()) {
        return kvm_arch_vcpu_id(cs);
    }
#endif
    return VHT_CPU_NONE;
}

static struct vht_vcpu_record describe(CPUState *cs)
{
    return (struct vht_vcpu_record) {
        .index = cpu_to_le32(cs->cpu_index),
        .arch_id = cpu_to_le64(cs->cc->get_arch_id(cs)),
        .kvm_id = cpu_to_le32(kvm_id(cs)),
        .thread_id = cpu_to_le32(cs->thread_id),
        .state = cpu_to_le32(VHT_VCPU_PRESENT),
    };
}

static bool is_known(VirtIOHypertrace *ht, CPUState *cs)
{
    int i;

    for (i = 0; i < ht->vcpus.known->len; i++) {
        if (le32_to_cpu(known_vcpu(ht, i)->index) == cs->cpu_index) {
            return true;
        }
    }
    return false;
}

/* Write down those that came. */
static void look_for_new(VirtIOHypertrace *ht)
{
    struct vht_vcpu_record r;
    CPUState *cs;

    CPU_FOREACH(cs) {
        if (!is_known(ht, cs)) {
            r = describe(cs);
            g_array_append_val(ht->vcpus.known, r);
            write_record(ht, ht->vcpus.known->len - 1);
            virtio_hypertrace_clock_plug(ht, cs);
        }
    }
}

/* Write down those that are gone. */
static void look_for_gone(VirtIOHypertrace *ht)
{
    struct vht_vcpu_record *r;
    int i;

    for (i = ht->vcpus.known->len - 1; i >= 0; i--) {
        r = known_vcpu(ht, i);
        if (!qemu_get_cpu(le32_to_cpu(r->index))) {
            r->state = cpu_to_le32(VHT_VCPU_GONE);
            write_record(ht, i);
            virtio_hypertrace_round_forget(ht, le32_to_cpu(r->index));
            g_array_remove_index(ht->vcpus.known, i);
        }
    }
}

/**
 * virtio_hypertrace_vcpus_begin: the VM is about to run
 * @ht: the device
 *
 * The vCPUs that the machine began with are all there, with their threads.
 */
void virtio_hypertrace_vcpus_begin(VirtIOHypertrace *ht)
{
    if (!ht->vcpus.is_begun) {
        ht->vcpus.is_begun = true;
        ht->vcpus.told_at = ht->vmm.head;
        look_for_new(ht);
    }
}

/**
 * virtio_hypertrace_vcpus_tell: write down all that are there
 * @ht: the device
 */
void virtio_hypertrace_vcpus_tell(VirtIOHypertrace *ht)
{
    int i;

    ht->vcpus.told_at = ht->vmm.head;
    for (i = 0; i < ht->vcpus.known->len; i++) {
        write_record(ht, i);
    }
    look_for_new(ht);
}

/**
 * virtio_hypertrace_vcpus_keep: see that the ring still tells of all
 * @ht: the device
 *
 * Without a reader the ring loses its oldest packets, and whoever takes it in
 * the end would not know the vCPUs.
 */
void virtio_hypertrace_vcpus_keep(VirtIOHypertrace *ht)
{
    if (!ht->socket.reader && ht->vmm.begin > ht->vcpus.told_at) {
        virtio_hypertrace_vcpus_tell(ht);
    }
}

static void device_came(DeviceListener *listener, DeviceState *dev)
{
    VirtIOHypertrace *ht = container_of(listener, VirtIOHypertrace,
                                        vcpus.listener);

    if (ht->vcpus.is_begun && object_dynamic_cast(OBJECT(dev), TYPE_CPU)) {
        look_for_new(ht);
    }
}

static void device_gone(DeviceListener *listener, DeviceState *dev)
{
    VirtIOHypertrace *ht = container_of(listener, VirtIOHypertrace,
                                        vcpus.listener);

    if (object_dynamic_cast(OBJECT(dev), TYPE_CPU)) {
        look_for_gone(ht);
    }
}

void virtio_hypertrace_vcpus_init(VirtIOHypertrace *ht)
{
    ht->vcpus.known = g_array_new(false, true, sizeof(struct vht_vcpu_record));
    ht->vcpus.listener.realize = device_came;
    ht->vcpus.listener.unrealize = device_gone;
    device_listener_register(&ht->vcpus.listener);
}

void virtio_hypertrace_vcpus_fini(VirtIOHypertrace *ht)
{
    device_listener_unregister(&ht->vcpus.listener);
    g_array_free(g_steal_pointer(&ht->vcpus.known), true);
}
