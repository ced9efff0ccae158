// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypertrace device on PCI.
 *
 * The region is BAR 4. The BAR is larger than the region on purpose: firmware
 * places what does not fit below 4 GiB above it, where the guest's memory type
 * is write-back [R3]; the space below is uncached. The shared memory
 * capability says how long the region itself is.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/host-utils.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "hw/virtio/virtio-pci.h"
#include "virtio-hypertrace.h"

#define DEFAULT_BAR_SIZE        (4 * GiB)
#define MAX_BAR_SIZE            (1 * TiB)

#define TYPE_VIRTIO_HYPERTRACE_PCI "virtio-hypertrace-pci-base"
OBJECT_DECLARE_SIMPLE_TYPE(VirtIOHypertracePCI, VIRTIO_HYPERTRACE_PCI)

struct VirtIOHypertracePCI {
    VirtIOPCIProxy parent_obj;
    VirtIOHypertrace vdev;
    MemoryRegion bar;
    uint64_t bar_size;
};

static void virtio_hypertrace_pci_realize(VirtIOPCIProxy *proxy, Error **errp)
{
    VirtIOHypertracePCI *dev = VIRTIO_HYPERTRACE_PCI(proxy);
    VirtIOHypertraceRegion *region = &dev->vdev.region;

    if (dev->bar_size > MAX_BAR_SIZE) {
        error_setg(errp, "bar-size is too large: %" PRIu64 " bytes",
                   dev->bar_size);
        error_append_hint(errp, "1 TiB is possible.\n");
        return;
    }
    proxy->msix_bar_idx = 1;
    proxy->modern_mem_bar_idx = 2;
    if (proxy->nvectors == DEV_NVECTORS_UNSPECIFIED) {
        proxy->nvectors = VIRTIO_HYPERTRACE_VQ_COUNT + 1;
    }
    virtio_pci_force_virtio_1(proxy);
    if (!qdev_realize(DEVICE(&dev->vdev), BUS(&proxy->bus), errp)) {
        return;
    }

    memory_region_init(&dev->bar, OBJECT(dev), "virtio-hypertrace-bar",
                       pow2ceil(MAX(region->size, dev->bar_size)));
    memory_region_add_subregion(&dev->bar, 0, &region->mr);
    pci_register_bar(&proxy->pci_dev, 4,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_PREFETCH |
                     PCI_BASE_ADDRESS_MEM_TYPE_64, &dev->bar);
    virtio_pci_add_shm_cap(proxy, 4, 0, region->size,
                           VIRTIO_HYPERTRACE_SHM_REGION);
}

static const Property virtio_hypertrace_pci_properties[] = {
    DEFINE_PROP_UINT32("vectors", VirtIOPCIProxy, nvectors,
                       DEV_NVECTORS_UNSPECIFIED),
    /* Smaller for guests that have no room above 4 GiB. */
    DEFINE_PROP_SIZE("bar-size", VirtIOHypertracePCI, bar_size,
                     DEFAULT_BAR_SIZE),
};

static void virtio_hypertrace_pci_class_init(ObjectClass *klass,
                                             VirtIOHypertraceClassData *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtioPCIClass *k = VIRTIO_PCI_CLASS(klass);

    device_class_set_props(dc, virtio_hypertrace_pci_properties);
    dc->desc = "trace port of the VM";
    k->realize = virtio_hypertrace_pci_realize;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static void virtio_hypertrace_pci_init(Object *obj)
{
    VirtIOHypertracePCI *dev = VIRTIO_HYPERTRACE_PCI(obj);

    virtio_instance_init_common(obj, &dev->vdev, sizeof(dev->vdev),
                                TYPE_VIRTIO_HYPERTRACE);
}

static const VirtioPCIDeviceTypeInfo virtio_hypertrace_pci_info = {
    .base_name = TYPE_VIRTIO_HYPERTRACE_PCI,
    .generic_name = "virtio-hypertrace-pci",
    .instance_size = sizeof(VirtIOHypertracePCI),
    .instance_init = virtio_hypertrace_pci_init,
    .class_init = virtio_hypertrace_pci_class_init,
};

static void virtio_hypertrace_pci_register(void)
{
    virtio_pci_types_register(&virtio_hypertrace_pci_info);
}

type_init(virtio_hypertrace_pci_register)
