// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypertrace device: a trace port of the VM. This file makes it of its
 * parts, and tells them what happens to the VM; the parts have a file each
 * (see virtio-hypertrace.h). docs/specs/virtio-hypertrace.md says what the
 * guest and the recorders may rely on.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-types-run-state.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "migration/vmstate.h"
#include "system/hostmem.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/system.h"
#include "virtio-hypertrace.h"
#include "trace.h"

#define TICK_MS                 1000

static void set_epoch(VirtIOHypertrace *ht, uint32_t epoch, const char *cause,
                      uint16_t clock_reason)
{
    virtio_hypertrace_marks_end_epoch(ht);
    ht->epoch = epoch;
    if (clock_reason == VHT_CLOCK_REASON_MIGRATION) {
        virtio_hypertrace_window_loaded(ht);
    } else {
        virtio_hypertrace_window_turn(ht);
    }
    qatomic_set(&ht->region.header->epoch, cpu_to_le32(epoch));
    virtio_hypertrace_vmm_event(ht, VHT_VMM_RESET, 0, cause);
    virtio_hypertrace_clock_mark(ht, clock_reason);
}

OBJECT_DEFINE_SIMPLE_TYPE_WITH_INTERFACES(VirtIOHypertraceReset,
    virtio_hypertrace_reset, VIRTIO_HYPERTRACE_RESET, OBJECT,
    { TYPE_RESETTABLE_INTERFACE }, { })

static void virtio_hypertrace_reset_init(Object *obj)
{
}

static void virtio_hypertrace_reset_finalize(Object *obj)
{
}

static ResettableState *virtio_hypertrace_reset_get_state(Object *obj)
{
    return &VIRTIO_HYPERTRACE_RESET(obj)->state;
}

/*
 * Nobody has used the device if no firmware placed its region. Such a life is
 * none: SeaBIOS, started anew by a reset, begins with another one.
 */
static void virtio_hypertrace_reset_enter(Object *obj, ResetType type)
{
    VirtIOHypertrace *ht = VIRTIO_HYPERTRACE_RESET(obj)->ht;
    MemoryRegion *bar = ht->region.mr.container;

    ht->was_placed = bar && memory_region_is_mapped(bar);
}

/* After the device's own reset, so that the driver is gone before the reset. */
static void virtio_hypertrace_reset_exit(Object *obj, ResetType type)
{
    VirtIOHypertrace *ht = VIRTIO_HYPERTRACE_RESET(obj)->ht;

    /* Waking from S3 goes on with the same kernel; loaded state has its own. */
    if (type == RESET_TYPE_SNAPSHOT_LOAD) {
        virtio_hypertrace_window_forget(ht);
        return;
    }
    if (type == RESET_TYPE_WAKEUP) {
        return;
    }
    if (!ht->was_placed) {
        trace_virtio_hypertrace_reset_unplaced(ht->epoch);
        return;
    }
    set_epoch(ht, ht->epoch + 1, ShutdownCause_str(ht->reset_cause),
              VHT_CLOCK_REASON_RESET);
    ht->reset_cause = SHUTDOWN_CAUSE_NONE;
}

/*
 * Who reset the machine is known to the main loop only, and only until it does
 * it: look each time when it may have been asked to.
 */
static void poll_notify(Notifier *n, void *data)
{
    VirtIOHypertrace *ht = container_of(n, VirtIOHypertrace, poll);
    ShutdownCause cause = qemu_reset_requested_get();

    if (cause != SHUTDOWN_CAUSE_NONE) {
        ht->reset_cause = cause;
    }
}

static void virtio_hypertrace_reset_class_init(ObjectClass *klass,
                                               VirtIOHypertraceClassData *data)
{
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    rc->get_state = virtio_hypertrace_reset_get_state;
    rc->phases.enter = virtio_hypertrace_reset_enter;
    rc->phases.exit = virtio_hypertrace_reset_exit;
}

static void tick(void *opaque)
{
    VirtIOHypertrace *ht = opaque;

    virtio_hypertrace_clock_tick(ht);
    virtio_hypertrace_vcpus_keep(ht);
    timer_mod(ht->tick, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + TICK_MS);
}

static void run_state_changed(void *opaque, bool running, RunState state)
{
    VirtIOHypertrace *ht = opaque;

    ht->ran |= running;
    if (running) {
        virtio_hypertrace_vcpus_begin(ht);
        timer_mod(ht->tick, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + TICK_MS);
    } else {
        timer_del(ht->tick);
    }
    virtio_hypertrace_clock_run(ht, running);
    virtio_hypertrace_vmm_event(ht, running ? VHT_VMM_RUNNING : VHT_VMM_STOPPED,
                                0, RunState_str(state));
}

static void ready_notify(Notifier *n, void *data)
{
    virtio_hypertrace_vmm_event(container_of(n, VirtIOHypertrace, ready),
                                VHT_VMM_MACHINE_READY, 0, "");
}

static void shutdown_notify(Notifier *n, void *data)
{
    VirtIOHypertrace *ht = container_of(n, VirtIOHypertrace, shutdown);
    ShutdownCause cause = *(ShutdownCause *)data;

    virtio_hypertrace_vmm_event(ht, VHT_VMM_SHUTDOWN, 0,
                                ShutdownCause_str(cause));
}

/*
 * The end of the trace port. The reader has its own mapping: it needs no file
 * to take the rest. If nobody reads, the file is all there will ever be; but
 * that of a VM that never ran (another part of it failed) tells nothing.
 */
static void end(VirtIOHypertrace *ht)
{
    bool keep = ht->ran && !ht->socket.reader;

    virtio_hypertrace_marks_end_epoch(ht);
    virtio_hypertrace_vmm_event(ht, VHT_VMM_ENDED, 0, "");
    qatomic_set(&ht->region.header->alive, 0);
    trace_virtio_hypertrace_end(ht->dir.path, keep);
    virtio_hypertrace_dir_close(&ht->dir, keep);
    virtio_hypertrace_socket_fini(ht);
}

static void exit_notify(Notifier *n, void *data)
{
    end(container_of(n, VirtIOHypertrace, exit));
}

static void virtio_hypertrace_get_config(VirtIODevice *vdev, uint8_t *config)
{
    VirtIOHypertrace *ht = VIRTIO_HYPERTRACE(vdev);
    struct virtio_hypertrace_config c = {
        .version = cpu_to_le32(VHT_VERSION),
        .region_size = cpu_to_le64(ht->region.size),
    };

    memcpy(config, &c, sizeof(c));
}

static uint64_t virtio_hypertrace_get_features(VirtIODevice *vdev,
                                               uint64_t features, Error **errp)
{
    return features;
}

static void virtio_hypertrace_reset(VirtIODevice *vdev)
{
    virtio_hypertrace_driver_reset(VIRTIO_HYPERTRACE(vdev));
}

static void virtio_hypertrace_realize(DeviceState *dev, Error **errp)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VirtIOHypertrace *ht = VIRTIO_HYPERTRACE(dev);

    ht->epoch = 1;
    if (!virtio_hypertrace_marks_init(ht, errp) ||
        !virtio_hypertrace_dir_open(&ht->dir, ht->name, ht->dir_path, errp)) {
        return;
    }
    if (!virtio_hypertrace_region_init(ht, errp) ||
        !virtio_hypertrace_socket_init(ht, errp)) {
        virtio_hypertrace_region_fini(ht);
        virtio_hypertrace_dir_close(&ht->dir, false);
        return;
    }
    trace_virtio_hypertrace_realize(ht->dir.name, ht->dir.path,
                                    ht->region.size);
    virtio_init(vdev, VIRTIO_ID_HYPERTRACE,
                sizeof(struct virtio_hypertrace_config));
    virtio_hypertrace_driver_init(ht);
    virtio_hypertrace_clock_init(ht);
    virtio_hypertrace_vcpus_init(ht);

    ht->tick = timer_new_ms(QEMU_CLOCK_REALTIME, tick, ht);
    ht->run_state = qemu_add_vm_change_state_handler(run_state_changed, ht);
    ht->shutdown.notify = shutdown_notify;
    qemu_register_shutdown_notifier(&ht->shutdown);
    ht->exit.notify = exit_notify;
    qemu_add_exit_notifier(&ht->exit);
    ht->poll.notify = poll_notify;
    main_loop_poll_add_notifier(&ht->poll);
    ht->reset = VIRTIO_HYPERTRACE_RESET(object_new(
        TYPE_VIRTIO_HYPERTRACE_RESET));
    ht->reset->ht = ht;
    qemu_register_resettable(OBJECT(ht->reset));

    virtio_hypertrace_window_map(ht);
    virtio_hypertrace_marks_map(ht);
    virtio_hypertrace_vmm_process(ht);
    virtio_hypertrace_vmm_event(ht, VHT_VMM_CREATED, getpid(), "");
    virtio_hypertrace_region_publish(ht);
    if (!dev->hotplugged) {
        ht->ready.notify = ready_notify;
        qemu_add_machine_init_done_notifier(&ht->ready);
    }
    if (runstate_is_running()) {
        run_state_changed(ht, true, RUN_STATE_RUNNING);
    }
}

static void virtio_hypertrace_unrealize(DeviceState *dev)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(dev);
    VirtIOHypertrace *ht = VIRTIO_HYPERTRACE(dev);

    qemu_unregister_resettable(OBJECT(ht->reset));
    object_unref(OBJECT(ht->reset));
    main_loop_poll_remove_notifier(&ht->poll);
    qemu_remove_exit_notifier(&ht->exit);
    notifier_remove(&ht->shutdown);
    qemu_del_vm_change_state_handler(ht->run_state);
    if (ht->ready.notify) {
        qemu_remove_machine_init_done_notifier(&ht->ready);
    }
    virtio_hypertrace_marks_unmap(ht);
    virtio_hypertrace_window_unmap(ht);
    end(ht);
    timer_free(ht->tick);
    virtio_hypertrace_vcpus_fini(ht);
    virtio_hypertrace_clock_fini(ht);
    virtio_hypertrace_driver_fini(ht);
    virtio_hypertrace_region_fini(ht);
    virtio_cleanup(vdev);
}

/* Where there is no window the state has no word of it. */
static int virtio_hypertrace_pre_load(void *opaque)
{
    VirtIOHypertrace *ht = opaque;

    ht->window.saved_addr = 0;
    ht->window.saved_current = 0;
    return 0;
}

/*
 * The region does not travel, but for the window: it is the host's. What the
 * driver wrote is of another region or of another time now, so a new epoch
 * begins, later than any that either side has seen.
 */
static int virtio_hypertrace_post_load(void *opaque, int version_id)
{
    VirtIOHypertrace *ht = opaque;
    uint32_t here = le32_to_cpu(ht->region.header->epoch);

    if (!virtio_hypertrace_window_check_load(ht)) {
        return -EINVAL;
    }
    set_epoch(ht, MAX(ht->epoch, here) + 1, "state-loaded",
              VHT_CLOCK_REASON_MIGRATION);
    return 0;
}

static const VMStateDescription vmstate_virtio_hypertrace_device = {
    .name = "virtio-hypertrace-device",
    .minimum_version_id = 1,
    .version_id = 1,
    .pre_load = virtio_hypertrace_pre_load,
    .post_load = virtio_hypertrace_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(epoch, VirtIOHypertrace),
        VMSTATE_BOOL(driver_up, VirtIOHypertrace),
        VMSTATE_UINT64(driver_generation, VirtIOHypertrace),
        VMSTATE_UINT64(ignored_messages, VirtIOHypertrace),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &vmstate_virtio_hypertrace_window,
        NULL
    },
};

static const VMStateDescription vmstate_virtio_hypertrace = {
    .name = "virtio-hypertrace",
    .minimum_version_id = 1,
    .version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VIRTIO_DEVICE,
        VMSTATE_END_OF_LIST()
    },
};

static const Property virtio_hypertrace_properties[] = {
    DEFINE_PROP_STRING("name", VirtIOHypertrace, name),
    DEFINE_PROP_STRING("dir", VirtIOHypertrace, dir_path),
    DEFINE_PROP_SIZE("size", VirtIOHypertrace, size, VHT_REGION_DEFAULT_SIZE),
    DEFINE_PROP_LINK("memdev", VirtIOHypertrace, memdev, TYPE_MEMORY_BACKEND,
                     HostMemoryBackend *),
    DEFINE_PROP_SIZE("window-addr", VirtIOHypertrace, window_addr, 0),
    DEFINE_PROP_SIZE("window-size", VirtIOHypertrace, window_size, 0),
    DEFINE_PROP_STRING("mark-ports", VirtIOHypertrace, mark_ports),
};

static void virtio_hypertrace_class_init(ObjectClass *klass,
                                         VirtIOHypertraceClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioDeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    device_class_set_props(dc, virtio_hypertrace_properties);
    dc->desc = "trace port of the VM";
    dc->vmsd = &vmstate_virtio_hypertrace;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    vdc->realize = virtio_hypertrace_realize;
    vdc->unrealize = virtio_hypertrace_unrealize;
    vdc->get_config = virtio_hypertrace_get_config;
    vdc->get_features = virtio_hypertrace_get_features;
    vdc->reset = virtio_hypertrace_reset;
    vdc->vmsd = &vmstate_virtio_hypertrace_device;
}

static const TypeInfo virtio_hypertrace_info = {
    .name = TYPE_VIRTIO_HYPERTRACE,
    .parent = TYPE_VIRTIO_DEVICE,
    .instance_size = sizeof(VirtIOHypertrace),
    .class_init = virtio_hypertrace_class_init,
};

static void virtio_hypertrace_register_types(void)
{
    type_register_static(&virtio_hypertrace_info);
}

type_init(virtio_hypertrace_register_types)
