// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vmm stream: the life of the VM and its clock, as packets in a ring of
 * the host pages. We are its producer, by the rules that hold for the guest's
 * producers too ([S1] to [S7]), and write one packet for each record: they are
 * rare, and a reader gets each at once.
 */
#include "qemu/osdep.h"
#include "virtio-hypertrace.h"
#include "trace.h"

static uint64_t stream_limit(VirtIOHypertrace *ht)
{
    VirtIOHypertraceVmm *v = &ht->vmm;
    uint64_t tail;

    if (!ht->socket.reader) {
        return v->head;
    }
    /* Partner: the reader's release store of its tail [S6]. */
    tail = le64_to_cpu(qatomic_load_acquire(&v->consumer->tail));
    return MIN(MAX(tail, v->begin), v->head);
}

/* Size of the packet at begin; all there is, if somebody spoilt the ring. */
static uint64_t oldest_size(VirtIOHypertraceVmm *v)
{
    struct vht_packet *p = (void *)(v->ring + v->begin % v->ring_size);
    uint64_t size = le64_to_cpu(qatomic_read(&p->packet_size));

    if (!size || size % VHT_PACKET_ALIGN || size > v->head - v->begin) {
        return v->head - v->begin;
    }
    return size;
}

/* Make room for @size bytes in front of head [S3]. */
static bool make_room(VirtIOHypertrace *ht, uint64_t size)
{
    VirtIOHypertraceVmm *v = &ht->vmm;
    uint64_t limit = stream_limit(ht);

    while (v->head + size - v->begin > v->ring_size) {
        if (v->begin >= limit) {
            return false;
        }
        v->begin += oldest_size(v);
        if (!ht->socket.reader) {
            v->overwritten++;
        }
    }
    qatomic_set(&v->stream->overwritten, cpu_to_le64(v->overwritten));
    qatomic_set(&v->stream->begin, cpu_to_le64(v->begin));
    return true;
}

static void put_packet(VirtIOHypertrace *ht, uint16_t type, const void *record,
                       size_t record_size, uint64_t mono_ns, uint64_t counter)
{
    VirtIOHypertraceVmm *v = &ht->vmm;
    uint64_t size = ROUND_UP(sizeof(struct vht_packet) + record_size,
                             VHT_PACKET_ALIGN);
    uint64_t at = v->head % v->ring_size;
    uint64_t pad = at + size > v->ring_size ? v->ring_size - at : 0;
    struct vht_packet *p = (void *)(v->ring + at);

    if (!make_room(ht, pad + size)) {
        v->events_lost++;
        v->lost = true;
        qatomic_set(&v->stream->events_lost, cpu_to_le64(v->events_lost));
        trace_virtio_hypertrace_vmm_full(v->head, v->begin);
        return;
    }
    /* Partner: the reader's barrier between its copy and begin [S4]. */
    smp_wmb();
    if (pad) {
        memset(p, 0, sizeof(*p));
        p->magic = cpu_to_le32(VHT_PACKET_MAGIC);
        p->header_size = cpu_to_le16(sizeof(*p));
        p->type = cpu_to_le16(VHT_PACKET_PAD);
        p->packet_size = cpu_to_le64(pad);
        p = (void *)v->ring;
    }
    v->events++;
    memset(p, 0, size);
    p->magic = cpu_to_le32(VHT_PACKET_MAGIC);
    p->header_size = cpu_to_le16(sizeof(*p));
    p->type = cpu_to_le16(type);
    p->stream_id = cpu_to_le32(VHT_STREAM_ID_VMM);
    p->cpu = cpu_to_le32(VHT_CPU_NONE);
    p->epoch = cpu_to_le32(ht->epoch);
    p->generation = cpu_to_le32(1);
    p->flags = cpu_to_le32(v->lost ? VHT_PACKET_LOST_BEFORE : 0);
    p->sequence = cpu_to_le64(v->sequence);
    p->packet_size = cpu_to_le64(size);
    p->content_size = cpu_to_le64(record_size);
    p->timestamp_begin = cpu_to_le64(mono_ns);
    p->timestamp_end = cpu_to_le64(mono_ns);
    p->events = cpu_to_le64(v->events);
    p->events_discarded = cpu_to_le64(v->events_lost);
    memcpy(p + 1, record, record_size);

    v->head += pad + size;
    v->sequence++;
    v->lost = false;
    v->last_ns = mono_ns;
    qatomic_set(&v->stream->packets, cpu_to_le64(v->sequence));
    qatomic_set(&v->stream->events, cpu_to_le64(v->events));
    qatomic_set(&v->stream->drain_counter, cpu_to_le64(counter));
    /* Partner: the reader's acquire load of head. */
    qatomic_store_release(&v->stream->head, cpu_to_le64(v->head));
}

static void put_event(VirtIOHypertrace *ht, uint32_t type, uint64_t arg,
                      const char *text, uint64_t mono_ns, uint64_t counter)
{
    uint64_t when = MAX(mono_ns, ht->vmm.last_ns);
    struct vht_vmm_event event = {
        .mono_ns = cpu_to_le64(when),
        .counter = cpu_to_le64(counter),
        .type = cpu_to_le32(type),
        .epoch = cpu_to_le32(ht->epoch),
        .arg = cpu_to_le64(arg),
    };

    g_strlcpy((char *)event.text, text, sizeof(event.text));
    trace_virtio_hypertrace_vmm_event(type, ht->epoch, arg, text);
    put_packet(ht, VHT_PACKET_VMM, &event, sizeof(event), when, counter);
}

/**
 * virtio_hypertrace_vmm_event: write down what happened to the VM just now
 * @ht: the device
 * @type: VHT_VMM_*
 * @arg: see there
 * @text: see there, UTF-8; cut where it is too long
 */
void virtio_hypertrace_vmm_event(VirtIOHypertrace *ht, uint32_t type,
                                 uint64_t arg, const char *text)
{
    uint64_t counter = virtio_hypertrace_clock_counter(ht);

    put_event(ht, type, arg, text, virtio_hypertrace_clock_now(), counter);
}

/**
 * virtio_hypertrace_vmm_process: write down when this process began [D8]
 * @ht: the device; nothing is in its stream yet
 */
void virtio_hypertrace_vmm_process(VirtIOHypertrace *ht)
{
    uint64_t error_ns;
    uint64_t mono_ns = virtio_hypertrace_clock_process(&error_ns);

    put_event(ht, VHT_VMM_PROCESS, error_ns, "", mono_ns, 0);
}

/**
 * virtio_hypertrace_vmm_clock: write down a clock record
 * @ht: the device
 * @record: the record; its epoch is filled in here
 */
void virtio_hypertrace_vmm_clock(VirtIOHypertrace *ht,
                                 const struct vht_clock_record *record)
{
    struct vht_clock_record copy = *record;
    uint64_t now = MAX(le64_to_cpu(record->mono_ns), ht->vmm.last_ns);

    copy.epoch = cpu_to_le32(ht->epoch);
    trace_virtio_hypertrace_vmm_clock(le16_to_cpu(record->reason),
                                      le64_to_cpu(record->mono_ns),
                                      le64_to_cpu(record->counter),
                                      le32_to_cpu(record->error_ns),
                                      le32_to_cpu(record->cpu),
                                      le64_to_cpu(record->offset));
    put_packet(ht, VHT_PACKET_CLOCK, &copy, sizeof(copy), now,
               le64_to_cpu(record->counter));
}

/**
 * virtio_hypertrace_vmm_vcpu: write down a vCPU
 * @ht: the device
 * @record: the record; its epoch is filled in here
 */
void virtio_hypertrace_vmm_vcpu(VirtIOHypertrace *ht,
                                const struct vht_vcpu_record *record)
{
    struct vht_vcpu_record copy = *record;
    uint64_t now = MAX(le64_to_cpu(record->mono_ns), ht->vmm.last_ns);

    copy.epoch = cpu_to_le32(ht->epoch);
    copy.mono_ns = cpu_to_le64(now);
    trace_virtio_hypertrace_vmm_vcpu(le32_to_cpu(record->index),
                                     le64_to_cpu(record->arch_id),
                                     le32_to_cpu(record->kvm_id),
                                     le32_to_cpu(record->thread_id),
                                     le32_to_cpu(record->state));
    put_packet(ht, VHT_PACKET_VCPU, &copy, sizeof(copy), now,
               virtio_hypertrace_clock_counter(ht));
}
