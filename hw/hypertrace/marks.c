// SPDX-License-Identifier: GPL-2.0-only
/*
 * Marks: writes to I/O ports that firmware, boot loaders and kernels use to say
 * how far they are.
 *
 * We lie over the watched ports, see each access first and then hand it on to
 * what would have answered without us. That is looked up at each access,
 * because firmware moves the ports of many devices.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "hw/core/cpu.h"
#include "system/tcg.h"
#include "virtio-hypertrace.h"
#include "trace.h"

#define PORT_COUNT              0x10000
#define MARKS_PER_EPOCH         256

static const MemoryRegionOps marks_ops;

/* A watched port as it was in front of this one, or this one itself? */
static bool is_above(const MemoryRegion *mr, const VirtIOHypertraceMarks *self)
{
    const VirtIOHypertraceMarkPort *p = mr->opaque;

    return mr->ops == &marks_ops && p->ht->marks.rank >= self->rank;
}

/*
 * What the I/O space has at @at of @mr under @self, and where in that. Regions
 * are visited from the uppermost on, as they are when QEMU flattens them.
 */
static MemoryRegion *find_below(MemoryRegion *mr, hwaddr at,
                                const VirtIOHypertraceMarks *self,
                                hwaddr *offset)
{
    MemoryRegion *sub, *found;

    if (!mr->enabled || at >= memory_region_size(mr) || is_above(mr, self)) {
        return NULL;
    }
    if (mr->alias) {
        return find_below(mr->alias, mr->alias_offset + at, self, offset);
    }
    QTAILQ_FOREACH(sub, &mr->subregions, subregions_link) {
        if (at < sub->addr) {
            continue;
        }
        found = find_below(sub, at - sub->addr, self, offset);
        if (found) {
            return found;
        }
    }
    if (!mr->terminates) {
        return NULL;
    }
    *offset = at;
    return mr;
}

/*
 * Do what address_space_write() does for KVM, and address_space_stl() and its
 * like for TCG: what answers at the first byte gets as much as it can take; TCG
 * gives it all.
 */
static MemTxResult pass_on(VirtIOHypertraceMarkPort *p, uint64_t *value,
                           unsigned size, bool is_write, MemTxAttrs attrs)
{
    bool is_whole = tcg_enabled() && current_cpu;
    MemTxResult result = MEMTX_OK;
    unsigned done, n;

    for (done = 0; done < size; done += n) {
        unsigned shift = done * 8;
        uint64_t part = *value >> shift;
        hwaddr offset;
        /* The I/O space itself answers where nothing else does. */
        MemoryRegion *mr = find_below(get_system_io(), p->mr.addr + done,
                                      &p->ht->marks, &offset);

        if (!mr) {
            break;              /* beyond the last port */
        }
        n = is_whole ? size : memory_access_size(mr, size - done, offset);
        if (is_write) {
            part = extract64(part, 0, n * 8);
            result |= memory_region_dispatch_write(mr, offset, part,
                                                   size_memop(n) | MO_LE,
                                                   attrs);
        } else {
            result |= memory_region_dispatch_read(mr, offset, &part,
                                                  size_memop(n) | MO_LE,
                                                  attrs);
            *value = deposit64(*value, shift, n * 8, part);
        }
    }
    return result;
}

static MemTxResult marks_write(void *opaque, hwaddr addr, uint64_t value,
                               unsigned size, MemTxAttrs attrs)
{
    VirtIOHypertraceMarkPort *p = opaque;
    VirtIOHypertraceMarks *m = &p->ht->marks;

    if (m->left) {
        m->left--;
        trace_virtio_hypertrace_mark(p->mr.addr, size, value, m->left);
        virtio_hypertrace_vmm_event(p->ht, VHT_VMM_MARK,
                                    VHT_MARK(p->mr.addr, size, value), "");
    } else {
        m->lost++;
    }
    return pass_on(p, &value, size, true, attrs);
}

static MemTxResult marks_read(void *opaque, hwaddr addr, uint64_t *value,
                              unsigned size, MemTxAttrs attrs)
{
    *value = UINT64_MAX;
    return pass_on(opaque, value, size, false, attrs);
}

/* Of one byte each: QEMU gives a longer access to what is at its first. */
static const MemoryRegionOps marks_ops = {
    .read_with_attrs = marks_read,
    .write_with_attrs = marks_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 4, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 4, .unaligned = true },
};

static bool is_watched(VirtIOHypertraceMarks *m, uint64_t number)
{
    int i;

    for (i = 0; i < m->port_count; i++) {
        if (m->port[i].number == number) {
            return true;
        }
    }
    return false;
}

/**
 * virtio_hypertrace_marks_init: which ports are to be watched?
 * @ht: the device
 * @errp: says what is wrong, for the person who wrote the command line
 *
 * Return: whether that could be understood.
 */
bool virtio_hypertrace_marks_init(VirtIOHypertrace *ht, Error **errp)
{
    VirtIOHypertraceMarks *m = &ht->marks;
    g_auto(GStrv) word = NULL;
    uint64_t port;
    int i;

    m->left = MARKS_PER_EPOCH;
    if (!ht->mark_ports) {
        return true;
    }
    word = g_strsplit(ht->mark_ports, ":", -1);
    for (i = 0; word[i]; i++) {
        if (qemu_strtou64(word[i], NULL, 0, &port) < 0 || port >= PORT_COUNT) {
            error_setg(errp, "mark-ports=%s: '%s' is no I/O port",
                       ht->mark_ports, word[i]);
            error_append_hint(errp, "Give numbers up to 0xffff with colons "
                              "between: mark-ports=0x80:0xf4.\n");
            return false;
        }
        if (is_watched(m, port)) {
            continue;
        }
        if (m->port_count == VIRTIO_HYPERTRACE_MAX_MARK_PORTS) {
            error_setg(errp, "mark-ports=%s: too many ports", ht->mark_ports);
            error_append_hint(errp, "%d can be watched.\n",
                              VIRTIO_HYPERTRACE_MAX_MARK_PORTS);
            return false;
        }
        m->port[m->port_count++].number = port;
    }
    if (!m->port_count) {
        error_setg(errp, "mark-ports: no port is given");
        return false;
    }
    return true;
}

/**
 * virtio_hypertrace_marks_map: begin to watch
 * @ht: the device, which will not fail any more
 */
void virtio_hypertrace_marks_map(VirtIOHypertrace *ht)
{
    static uint64_t last_rank;
    VirtIOHypertraceMarks *m = &ht->marks;
    int i;

    /* Of regions with one priority the newest is the uppermost. */
    m->rank = ++last_rank;
    memory_region_transaction_begin();
    for (i = 0; i < m->port_count; i++) {
        VirtIOHypertraceMarkPort *p = &m->port[i];

        p->ht = ht;
        memory_region_init_io(&p->mr, OBJECT(ht), &marks_ops, p,
                              "virtio-hypertrace-mark", 1);
        /* What lies beneath must not find us busy where it would not be. */
        p->mr.disable_reentrancy_guard = true;
        /* It may count on writes before this one that KVM still holds back. */
        memory_region_set_flush_coalesced(&p->mr);
        memory_region_add_subregion_overlap(get_system_io(), p->number, &p->mr,
                                            INT32_MAX);
    }
    memory_region_transaction_commit();
}

/**
 * virtio_hypertrace_marks_unmap: watch no more
 * @ht: the device, which goes away
 */
void virtio_hypertrace_marks_unmap(VirtIOHypertrace *ht)
{
    VirtIOHypertraceMarks *m = &ht->marks;
    int i;

    memory_region_transaction_begin();
    for (i = 0; i < m->port_count; i++) {
        memory_region_del_subregion(get_system_io(), &m->port[i].mr);
    }
    memory_region_transaction_commit();
}

/**
 * virtio_hypertrace_marks_end_epoch: say how many were too many [D9]
 * @ht: the device; its epoch is the one that ends
 */
void virtio_hypertrace_marks_end_epoch(VirtIOHypertrace *ht)
{
    VirtIOHypertraceMarks *m = &ht->marks;

    if (m->lost) {
        trace_virtio_hypertrace_marks_lost(ht->epoch, m->lost);
        virtio_hypertrace_vmm_event(ht, VHT_VMM_MARKS_LOST, m->lost, "");
    }
    m->lost = 0;
    m->left = MARKS_PER_EPOCH;
}
