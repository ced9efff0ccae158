// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region: one file, mapped three times,
 *
 *   host pages, read-only    what the guest sees of [0, guest_offset)
 *   host pages, writable     ours, for the header and the vmm stream
 *   guest part, writable     what the guest sees from guest_offset on
 *
 * and the window's two places behind it (window.c), which are not in the BAR.
 *
 * The read-only part has a RAM block and a mapping (PROT_READ) of its own. A
 * read-only alias of writable memory would not do: KVM and DMA look at the
 * block behind the alias, and write.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "qemu/uuid.h"
#include "system/hostmem.h"
#include "system/system.h"
#include "virtio-hypertrace.h"
#include "trace.h"

/* The host pages; they end where the guest's part begins. */
#define HOST_STREAM_OFFSET      (4 * KiB)
#define CONSUMER_OFFSET         (64 * KiB)
#define RING_OFFSET             (1 * MiB)
#define RING_SIZE               (1 * MiB)
#define GUEST_OFFSET            (2 * MiB)

QEMU_BUILD_BUG_ON(sizeof(struct vht_host_header) > HOST_STREAM_OFFSET);
QEMU_BUILD_BUG_ON(HOST_STREAM_OFFSET +
                  VHT_MAX_HOST_STREAMS * sizeof(struct vht_stream) >
                  CONSUMER_OFFSET);
QEMU_BUILD_BUG_ON(CONSUMER_OFFSET +
                  VHT_MAX_STREAMS * sizeof(struct vht_consumer) > RING_OFFSET);
QEMU_BUILD_BUG_ON(RING_OFFSET + RING_SIZE > GUEST_OFFSET);
QEMU_BUILD_BUG_ON(GUEST_OFFSET % VHT_REGION_ALIGN);

static bool size_is_valid(uint64_t size, Error **errp)
{
    if (size % VHT_REGION_ALIGN || size < VHT_REGION_MIN_SIZE ||
        size > VHT_REGION_MAX_SIZE) {
        error_setg(errp, "the region cannot have this size: %" PRIu64 " bytes",
                   size);
        error_append_hint(errp, "It must be a multiple of 2 MiB, from 4 MiB to "
                          "64 GiB.\n");
        return false;
    }
    return true;
}

/* The guest's part ends where the window's places begin, if there is one. */
static bool set_size(VirtIOHypertrace *ht, uint64_t size, Error **errp)
{
    if (!size_is_valid(size, errp) ||
        !virtio_hypertrace_window_fits(ht, size, errp)) {
        return false;
    }
    ht->region.size = size;
    ht->region.guest_end = size - 2 * ht->window_size;
    return true;
}

/* A file of our own in the VM's directory. */
static bool make_file(VirtIOHypertrace *ht, Error **errp)
{
    VirtIOHypertraceRegion *r = &ht->region;

    if (!set_size(ht, ht->size, errp)) {
        return false;
    }
    r->fd = openat(ht->dir.fd, "region", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                   0600);
    if (r->fd < 0) {
        error_setg_errno(errp, errno, "cannot make '%s/region'", ht->dir.path);
        return false;
    }
    if (ftruncate(r->fd, r->size) < 0) {
        error_setg_errno(errp, errno, "cannot resize '%s/region'",
                         ht->dir.path);
        return false;
    }
    /* Else a full file system would end us by SIGBUS when the guest writes. */
    if (fallocate(r->fd, 0, 0, r->size) < 0 && errno != EOPNOTSUPP) {
        error_setg_errno(errp, errno, "no room for '%s/region': %" PRIu64
                         " bytes", ht->dir.path, r->size);
        error_append_hint(errp, "Give a smaller size=SIZE, or another place "
                          "with dir=PATH or memdev=ID.\n");
        return false;
    }
    if (!memory_region_init_ram_from_fd(&r->guest_mr, OBJECT(ht),
                                        "virtio-hypertrace-guest",
                                        r->guest_end - GUEST_OFFSET, RAM_SHARED,
                                        qemu_dup(r->fd), GUEST_OFFSET, errp)) {
        return false;
    }
    return true;
}

/* Or what the user gives us: a memory backend. */
static bool take_backend(VirtIOHypertrace *ht, Error **errp)
{
    VirtIOHypertraceRegion *r = &ht->region;
    HostMemoryBackend *backend = ht->memdev;
    const char *id = object_get_canonical_path_component(OBJECT(backend));
    g_autofree char *path = NULL;
    MemoryRegion *mr;
    int fd;

    if (host_memory_backend_is_mapped(backend)) {
        error_setg(errp, "memory backend '%s' is in use already", id);
        return false;
    }
    mr = host_memory_backend_get_memory(backend);
    if (!backend->share) {
        error_setg(errp, "memory backend '%s' is private to QEMU", id);
        error_append_hint(errp, "Add share=on to it.\n");
        return false;
    }
    fd = memory_region_get_fd(mr);
    if (fd < 0) {
        error_setg(errp, "memory backend '%s' has no file that a recorder "
                   "could map", id);
        error_append_hint(errp, "Use memory-backend-file or "
                          "memory-backend-memfd.\n");
        return false;
    }
    if (!set_size(ht, memory_region_size(mr), errp)) {
        return false;
    }
    r->fd_offset = mr->ram_block->fd_offset;
    if (r->fd_offset % VHT_REGION_ALIGN) {
        error_setg(errp, "memory backend '%s' begins at an offset of its file "
                   "that is not a multiple of 2 MiB: %" PRIu64, id,
                   r->fd_offset);
        return false;
    }
    r->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (r->fd < 0) {
        error_setg_errno(errp, errno, "cannot duplicate the file of memory "
                         "backend '%s'", id);
        return false;
    }
    memory_region_init_alias(&r->guest_mr, OBJECT(ht),
                             "virtio-hypertrace-guest", mr, GUEST_OFFSET,
                             r->guest_end - GUEST_OFFSET);
    /* The tables of an earlier life must not be taken for this one's. */
    memset((uint8_t *)memory_region_get_ram_ptr(mr) + GUEST_OFFSET, 0,
           sizeof(struct vht_guest_header));
    host_memory_backend_set_mapped(backend, true);

    /* Found in the usual place too, where it has a name. */
    path = object_class_property_find(object_get_class(OBJECT(backend)),
                                      "mem-path")
           ? object_property_get_str(OBJECT(backend), "mem-path", NULL) : NULL;
    if (path && !r->fd_offset && g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_autofree char *target = g_canonicalize_filename(path, NULL);

        if (symlinkat(target, ht->dir.fd, "region") < 0) {
            error_setg_errno(errp, errno, "cannot make '%s/region'",
                             ht->dir.path);
            return false;
        }
    }
    return true;
}

static bool map_host_pages(VirtIOHypertrace *ht, Error **errp)
{
    VirtIOHypertraceRegion *r = &ht->region;
    void *host = mmap(NULL, GUEST_OFFSET, PROT_READ | PROT_WRITE, MAP_SHARED,
                      r->fd, r->fd_offset);

    if (host == MAP_FAILED) {
        error_setg_errno(errp, errno, "cannot map the host pages: %" PRIu64
                         " bytes", (uint64_t)GUEST_OFFSET);
        return false;
    }
    r->host = host;
    memset(r->host, 0, GUEST_OFFSET);
    return memory_region_init_ram_from_fd(&r->host_mr, OBJECT(ht),
                                          "virtio-hypertrace-host",
                                          GUEST_OFFSET,
                                          RAM_SHARED | RAM_READONLY,
                                          qemu_dup(r->fd), r->fd_offset, errp);
}

static uint64_t real_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

static void get_boot_id(uint8_t *id)
{
    g_autofree char *text = NULL;
    QemuUUID uuid;

    if (g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL,
                            NULL) &&
        qemu_uuid_parse(g_strstrip(text), &uuid) == 0) {
        memcpy(id, uuid.data, sizeof(uuid.data));
    }
}

static void fill_header(VirtIOHypertrace *ht)
{
    VirtIOHypertraceRegion *r = &ht->region;
    struct vht_host_header *h = r->header;

    h->version = cpu_to_le32(VHT_VERSION);
    h->header_size = cpu_to_le32(sizeof(*h));
    if (virtio_hypertrace_clock_kind() != VHT_COUNTER_UNKNOWN) {
        h->features |= cpu_to_le64(VHT_FEATURE_CLOCK_LINE);
    }
    h->region_size = cpu_to_le64(r->size);
    h->guest_offset = cpu_to_le64(GUEST_OFFSET);
    h->guest_end = cpu_to_le64(r->guest_end);
    h->host_stream_offset = cpu_to_le64(HOST_STREAM_OFFSET);
    h->host_stream_count = cpu_to_le32(1);
    h->stream_size = cpu_to_le32(sizeof(struct vht_stream));
    h->consumer_offset = cpu_to_le64(CONSUMER_OFFSET);
    h->consumer_count = cpu_to_le32(VHT_MAX_STREAMS);
    h->consumer_size = cpu_to_le32(sizeof(struct vht_consumer));
    h->pid = cpu_to_le32(getpid());
    h->counter_kind = cpu_to_le32(virtio_hypertrace_clock_kind());
    h->counter_hz = cpu_to_le64(virtio_hypertrace_clock_hz());
    h->start_mono_ns = cpu_to_le64(virtio_hypertrace_clock_now());
    h->start_real_ns = cpu_to_le64(real_now_ns());
    if (qemu_uuid_set) {
        memcpy(h->uuid, qemu_uuid.data, sizeof(h->uuid));
    }
    get_boot_id(h->boot_id);
    pstrcpy((char *)h->name, sizeof(h->name), ht->dir.name);
    pstrcpy((char *)h->vmm, sizeof(h->vmm), "QEMU " QEMU_VERSION);
    h->epoch = cpu_to_le32(ht->epoch);
    h->alive = cpu_to_le32(1);
}

/**
 * virtio_hypertrace_region_init: make the region, but for its magic number
 * @ht: the device; its directory is open
 * @errp: says what is wrong, for the person who wrote the command line
 *
 * Return: whether there is a region. If not, virtio_hypertrace_region_fini()
 * still has to be called.
 */
bool virtio_hypertrace_region_init(VirtIOHypertrace *ht, Error **errp)
{
    VirtIOHypertraceRegion *r = &ht->region;
    struct vht_stream *stream;

    r->fd = -1;
    r->guest_offset = GUEST_OFFSET;
    if (!(ht->memdev ? take_backend(ht, errp) : make_file(ht, errp)) ||
        !map_host_pages(ht, errp)) {
        return false;
    }
    memory_region_init(&r->mr, OBJECT(ht), "virtio-hypertrace-region", r->size);
    memory_region_add_subregion(&r->mr, 0, &r->host_mr);
    memory_region_add_subregion(&r->mr, GUEST_OFFSET, &r->guest_mr);

    r->header = (struct vht_host_header *)r->host;
    fill_header(ht);
    if (!virtio_hypertrace_window_init(ht, errp)) {
        return false;
    }

    stream = (struct vht_stream *)(r->host + HOST_STREAM_OFFSET);
    stream->id = cpu_to_le32(VHT_STREAM_ID_VMM);
    stream->source = cpu_to_le16(VHT_SOURCE_VMM);
    stream->cpu = cpu_to_le32(VHT_CPU_NONE);
    stream->clock = cpu_to_le32(VHT_CLOCK_HOST_MONOTONIC);
    stream->ring_offset = cpu_to_le64(RING_OFFSET);
    stream->ring_size = cpu_to_le64(RING_SIZE);
    pstrcpy((char *)stream->name, sizeof(stream->name), "vmm");
    ht->vmm.stream = stream;
    ht->vmm.consumer = (struct vht_consumer *)(r->host + CONSUMER_OFFSET) +
                       VHT_STREAM_ID_VMM;
    ht->vmm.ring = r->host + RING_OFFSET;
    ht->vmm.ring_size = RING_SIZE;
    return true;
}

/**
 * virtio_hypertrace_region_publish: let readers in [R4]
 * @ht: the device; all constant fields are filled in
 */
void virtio_hypertrace_region_publish(VirtIOHypertrace *ht)
{
    qatomic_store_release(&ht->region.header->magic,
                          cpu_to_le64(VHT_HOST_MAGIC));
}

/**
 * virtio_hypertrace_region_fini: let go of the region
 * @ht: the device
 *
 * The guest's mappings go with the device object; the file stays as it is.
 */
void virtio_hypertrace_region_fini(VirtIOHypertrace *ht)
{
    VirtIOHypertraceRegion *r = &ht->region;

    if (r->host) {
        munmap(r->host, GUEST_OFFSET);
        r->host = NULL;
        r->header = NULL;
    }
    if (r->fd >= 0) {
        close(r->fd);
        r->fd = -1;
        if (ht->memdev) {
            host_memory_backend_set_mapped(ht->memdev, false);
        }
    }
}
