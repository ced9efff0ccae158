// SPDX-License-Identifier: GPL-2.0-only
/*
 * The window: a part of the region that lies over guest RAM, where a guest's
 * tracer keeps its buffers without knowing of us.
 *
 * It has two places in the region, each with a RAM block of its own. One of
 * them is in the guest; the other one is what the life before has left. They
 * change roles at each reset that begins an epoch.
 *
 * Both are guest RAM, so they are saved and moved with it, unlike the rest of
 * the region.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "virtio-hypertrace.h"
#include "trace.h"

/**
 * virtio_hypertrace_window_fits: check what was asked for against the region
 * @ht: the device
 * @size: of the region, bytes
 * @errp: says what is wrong, for the person who wrote the command line
 *
 * Return: whether there is no window, or room for its two places.
 */
bool virtio_hypertrace_window_fits(VirtIOHypertrace *ht, uint64_t size,
                                   Error **errp)
{
    uint64_t window = ht->window_size;

    if (!window != !ht->window_addr) {
        error_setg(errp, "a window has an address and a size: window-addr=0x%"
                   PRIx64 " window-size=0x%" PRIx64, ht->window_addr, window);
        error_append_hint(errp, "Give both window-addr=ADDR and "
                          "window-size=SIZE, or none of them.\n");
        return false;
    }
    if (ht->window_addr % VHT_WINDOW_ALIGN || window % VHT_WINDOW_ALIGN) {
        error_setg(errp, "a window must be aligned: window-addr=0x%" PRIx64
                   " window-size=0x%" PRIx64, ht->window_addr, window);
        error_append_hint(errp, "Both must be multiples of 2 MiB.\n");
        return false;
    }
    if (window > VHT_REGION_MAX_SIZE ||
        size - VHT_REGION_MIN_SIZE < 2 * window) {
        error_setg(errp, "the region is too small for the window: %" PRIu64
                   " bytes, window-size=0x%" PRIx64, size, window);
        error_append_hint(errp, "It needs twice the window and 4 MiB more.\n");
        return false;
    }
    return true;
}

/* RAM that the machine has for as long as it lives, so no DIMM. */
static bool is_machine_ram(MemoryRegion *mr)
{
    MemoryRegion *ram = MACHINE(qdev_get_machine())->ram;

    /* With several NUMA nodes it is a container of the nodes' memory. */
    return ram && memory_region_is_ram(mr) &&
           (mr == ram || mr->container == ram);
}

static bool is_window(MemoryRegion *mr)
{
    Object *owner = memory_region_owner(mr);

    return owner && object_dynamic_cast(owner, TYPE_VIRTIO_HYPERTRACE);
}

/* Nothing but RAM must be there now [W1]. */
static bool is_over_ram(VirtIOHypertrace *ht, Error **errp)
{
    uint64_t addr = ht->window_addr;
    uint64_t left = ht->window_size;

    while (left) {
        MemoryRegionSection s = memory_region_find(get_system_memory(), addr,
                                                   left);
        bool is_there = s.mr && s.offset_within_address_space == addr;
        bool is_taken = is_there && is_window(s.mr);
        bool is_ram = is_there && is_machine_ram(s.mr);

        if (s.mr) {
            memory_region_unref(s.mr);
        }
        if (!is_ram) {
            error_setg(errp, "the window cannot lie here: window-addr=0x%"
                       PRIx64 " window-size=0x%" PRIx64 ": at 0x%" PRIx64
                       " is %s", ht->window_addr, ht->window_size, addr,
                       is_taken ? "another device's window" : "no guest RAM");
            error_append_hint(errp, "It must lie in the memory that the "
                              "machine begins with, apart from others.\n");
            return false;
        }
        addr += int128_get64(s.size);
        left -= int128_get64(s.size);
    }
    return true;
}

/* What was in the place was another epoch's, or another VM's. */
static void clear(VirtIOHypertraceWindow *w, int place)
{
    memset(memory_region_get_ram_ptr(&w->place[place]), 0,
           memory_region_size(&w->place[place]));
}

/*
 * The same consequences as if a device had written all of the window: what
 * was translated from there is dropped, and migration sends it again.
 */
static void note_write(VirtIOHypertrace *ht)
{
    hwaddr len = ht->window_size;
    void *p = address_space_map(&address_space_memory, ht->window_addr, &len,
                                true, MEMTXATTRS_UNSPECIFIED);

    if (p) {
        address_space_unmap(&address_space_memory, p, len, true, len);
    }
}

static void set_place_epoch(VirtIOHypertrace *ht, int place, uint32_t epoch)
{
    qatomic_store_release(&ht->region.header->window_epoch[place],
                          cpu_to_le32(epoch));
}

static void select_place(VirtIOHypertraceWindow *w, int place)
{
    memory_region_transaction_begin();
    memory_region_set_enabled(&w->place[!place], false);
    memory_region_set_enabled(&w->place[place], true);
    memory_region_transaction_commit();
    w->current = place;
}

/**
 * virtio_hypertrace_window_init: make the window's places, not yet in the guest
 * @ht: the device; its region is made but for the window
 * @errp: says what is wrong, for the person who wrote the command line
 *
 * Return: whether there is a window, or none was asked for.
 */
bool virtio_hypertrace_window_init(VirtIOHypertrace *ht, Error **errp)
{
    VirtIOHypertraceWindow *w = &ht->window;
    VirtIOHypertraceRegion *r = &ht->region;
    struct vht_host_header *h = r->header;
    int i;

    if (!ht->window_size) {
        return true;
    }
    if (DEVICE(ht)->hotplugged) {
        error_setg(errp, "a window cannot be laid over the RAM of a machine "
                   "that runs: window-addr=0x%" PRIx64, ht->window_addr);
        error_append_hint(errp, "Give the device on QEMU's command line.\n");
        return false;
    }
    if (!is_over_ram(ht, errp)) {
        return false;
    }
    for (i = 0; i < 2; i++) {
        g_autofree char *name = g_strdup_printf("virtio-hypertrace-window%d",
                                                i);
        uint64_t offset = r->guest_end + i * ht->window_size;

        if (!memory_region_init_ram_from_fd(&w->place[i], OBJECT(ht), name,
                                            ht->window_size, RAM_SHARED,
                                            qemu_dup(r->fd),
                                            r->fd_offset + offset, errp)) {
            return false;
        }
        h->window_offset[i] = cpu_to_le64(offset);
    }
    h->features |= cpu_to_le64(VHT_FEATURE_WINDOW);
    h->window_addr = cpu_to_le64(ht->window_addr);
    h->window_size = cpu_to_le64(ht->window_size);
    return true;
}

/**
 * virtio_hypertrace_window_map: lay the window over guest RAM
 * @ht: the device, which will not fail any more
 */
void virtio_hypertrace_window_map(VirtIOHypertrace *ht)
{
    VirtIOHypertraceWindow *w = &ht->window;
    DeviceState *proxy = qdev_get_parent_bus(DEVICE(ht))->parent;
    int i;

    if (!ht->window_size) {
        return;
    }
    if (ht->memdev) {
        clear(w, 0);            /* a file of our own is new */
    }
    memory_region_transaction_begin();
    for (i = 0; i < 2; i++) {
        vmstate_register_ram(&w->place[i], DEVICE(ht));
        memory_region_set_enabled(&w->place[i], i == 0);
        memory_region_add_subregion_overlap(get_system_memory(),
                                            ht->window_addr, &w->place[i], 1);
    }
    memory_region_transaction_commit();
    w->current = 0;
    /* The guest's tracer would find other memory in the place of its own. */
    error_setg(&w->unplug_blocker, "the guest may use its window at 0x%" PRIx64,
               ht->window_addr);
    qdev_add_unplug_blocker(proxy, w->unplug_blocker);
    /* What a VM brings along arrives piece by piece. */
    set_place_epoch(ht, 0, runstate_check(RUN_STATE_INMIGRATE) ? 0 : ht->epoch);
    trace_virtio_hypertrace_window_map(ht->window_addr, ht->window_size);
}

/**
 * virtio_hypertrace_window_unmap: give the guest its RAM back
 * @ht: the device, which goes away
 */
void virtio_hypertrace_window_unmap(VirtIOHypertrace *ht)
{
    VirtIOHypertraceWindow *w = &ht->window;
    int i;

    if (!ht->window_size) {
        return;
    }
    qdev_del_unplug_blocker(qdev_get_parent_bus(DEVICE(ht))->parent,
                            w->unplug_blocker);
    error_free(w->unplug_blocker);
    memory_region_transaction_begin();
    for (i = 0; i < 2; i++) {
        memory_region_del_subregion(get_system_memory(), &w->place[i]);
        vmstate_unregister_ram(&w->place[i], DEVICE(ht));
    }
    memory_region_transaction_commit();
}

/**
 * virtio_hypertrace_window_turn: a reset began an epoch [W3]
 * @ht: the device; its epoch is the new one
 *
 * Context: no vCPU runs.
 */
void virtio_hypertrace_window_turn(VirtIOHypertrace *ht)
{
    VirtIOHypertraceWindow *w = &ht->window;
    int next = !w->current;

    if (!ht->window_size) {
        return;
    }
    set_place_epoch(ht, next, 0);
    /* Partner: the reader's barrier between its copy and window_epoch. */
    smp_wmb();
    clear(w, next);
    select_place(w, next);
    note_write(ht);
    set_place_epoch(ht, next, ht->epoch);
    trace_virtio_hypertrace_window_turn(ht->epoch, next);
}

/**
 * virtio_hypertrace_window_forget: what the places hold is about to be replaced
 * @ht: the device
 */
void virtio_hypertrace_window_forget(VirtIOHypertrace *ht)
{
    if (!ht->window_size) {
        return;
    }
    set_place_epoch(ht, 0, 0);
    set_place_epoch(ht, 1, 0);
    smp_wmb();
}

/**
 * virtio_hypertrace_window_check_load: is the window that was loaded ours?
 * @ht: the device; all of its state is loaded
 *
 * Return: whether it is, after saying what is wrong.
 */
bool virtio_hypertrace_window_check_load(VirtIOHypertrace *ht)
{
    VirtIOHypertraceWindow *w = &ht->window;

    if (w->saved_addr == ht->window_addr && w->saved_current < 2) {
        return true;
    }
    error_report("the VM has its window at 0x%" PRIx64 " (place %u), but here "
                 "window-addr=0x%" PRIx64, w->saved_addr, w->saved_current,
                 ht->window_addr);
    return false;
}

/**
 * virtio_hypertrace_window_loaded: the places hold what was loaded [W4]
 * @ht: the device; its epoch is the new one
 */
void virtio_hypertrace_window_loaded(VirtIOHypertrace *ht)
{
    VirtIOHypertraceWindow *w = &ht->window;

    if (!ht->window_size) {
        return;
    }
    select_place(w, w->saved_current);
    set_place_epoch(ht, !w->current, 0);
    set_place_epoch(ht, w->current, ht->epoch);
    trace_virtio_hypertrace_window_turn(ht->epoch, w->current);
}

static bool window_needed(void *opaque)
{
    VirtIOHypertrace *ht = opaque;

    return ht->window_size;
}

static int window_pre_save(void *opaque)
{
    VirtIOHypertrace *ht = opaque;

    ht->window.saved_addr = ht->window_addr;
    ht->window.saved_current = ht->window.current;
    return 0;
}

/* Of the content nothing is here: RAM blocks travel by themselves. */
const VMStateDescription vmstate_virtio_hypertrace_window = {
    .name = "virtio-hypertrace-device/window",
    .minimum_version_id = 1,
    .version_id = 1,
    .needed = window_needed,
    .pre_save = window_pre_save,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(window.saved_addr, VirtIOHypertrace),
        VMSTATE_UINT32(window.saved_current, VirtIOHypertrace),
        VMSTATE_END_OF_LIST()
    },
};
