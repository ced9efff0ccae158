// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtqueues: rare control messages between us and the guest's driver.
 *
 * The driver is not trusted [D2]. Its messages are copied once and then
 * checked; one that makes no sense is counted and forgotten; what we keep for
 * it is bounded; and one notification gets a bounded amount of work, the rest
 * is done by a bottom half after others had their turn.
 */
#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "qemu/main-loop.h"
#include "virtio-hypertrace.h"
#include "trace.h"

#define QUEUE_SIZE              64
#define MAX_MESSAGES_A_RUN      64

/*
 * A driver that comes and goes without end must not wash the VM's life out of
 * the vmm stream: after a burst its events are written at this rate only.
 */
#define EVENT_BURST             32
#define EVENT_REFILL_NS         NANOSECONDS_PER_SECOND

/* Return: whether it is written. */
static bool driver_event(VirtIOHypertrace *ht, uint32_t type, uint64_t arg,
                         const char *text)
{
    VirtIOHypertraceDriver *d = &ht->driver;
    uint64_t now = virtio_hypertrace_clock_now();
    uint64_t refill = (now - d->event_budget_ns) / EVENT_REFILL_NS;

    if (refill) {
        d->event_budget = MIN(d->event_budget + refill, EVENT_BURST);
        d->event_budget_ns = now;
    }
    if (!d->event_budget) {
        trace_virtio_hypertrace_driver_event_dropped(type, arg);
        return false;
    }
    d->event_budget--;
    virtio_hypertrace_vmm_event(ht, type, arg, text);
    return true;
}

/* A text from the guest, as something that can be shown. */
static char *printable(const uint8_t *data, size_t len)
{
    char *text = g_strndup((const char *)data, len);
    char *p;

    for (p = text; *p; p++) {
        if (!g_ascii_isprint(*p)) {
            *p = '?';
        }
    }
    return text;
}

static void forget_pending(VirtIOHypertrace *ht)
{
    VirtIOHypertraceMessage *m;

    while ((m = QSIMPLEQ_FIRST(&ht->driver.pending))) {
        QSIMPLEQ_REMOVE_HEAD(&ht->driver.pending, next);
        g_free(m);
    }
}

/* There is no driver any more that could answer. */
static void driver_gone(VirtIOHypertrace *ht, const char *text)
{
    VirtIOHypertraceDriver *d = &ht->driver;
    int i;

    forget_pending(ht);
    for (i = 0; i < VIRTIO_HYPERTRACE_MAX_REQUESTS; i++) {
        VirtIOHypertraceRequest r = d->request[i];

        if (!r.cookie) {
            continue;
        }
        d->request[i].cookie = 0;
        virtio_hypertrace_socket_reply(ht, r.client_id, r.client_cookie,
                                       VHT_ENODEV, NULL, 0);
    }
    if (ht->driver_up) {
        ht->driver_up = false;
        if (driver_event(ht, VHT_VMM_DRIVER_GONE, ht->driver_generation,
                         text)) {
            virtio_hypertrace_socket_driver_gone(ht, ht->driver_generation);
        }
    }
}

static void driver_up(VirtIOHypertrace *ht, uint64_t generation,
                      const uint8_t *payload, size_t len)
{
    g_autofree char *release = printable(payload, len);

    ht->driver_up = true;
    ht->driver_generation = generation;
    driver_event(ht, VHT_VMM_DRIVER_UP, generation, release);
}

/* Whether the message with this cookie of ours still waits for a buffer. */
static bool is_pending(VirtIOHypertrace *ht, uint64_t cookie)
{
    VirtIOHypertraceMessage *m;

    QSIMPLEQ_FOREACH(m, &ht->driver.pending, next) {
        if (((struct vht_message *)m->data)->cookie == cpu_to_le64(cookie)) {
            return true;
        }
    }
    return false;
}

/*
 * Cookies can be guessed. An answer to what was not handed over would free the
 * slot and leave the message: as many of them as the driver likes.
 */
static bool driver_reply(VirtIOHypertrace *ht, const struct vht_message *m,
                         const uint8_t *payload, size_t len)
{
    uint64_t cookie = le64_to_cpu(m->cookie);
    int i;

    for (i = 0; cookie && i < VIRTIO_HYPERTRACE_MAX_REQUESTS; i++) {
        VirtIOHypertraceRequest r = ht->driver.request[i];
        g_autofree char *text = NULL;

        if (r.cookie != cookie) {
            continue;
        }
        if (is_pending(ht, cookie)) {
            return false;
        }
        ht->driver.request[i].cookie = 0;
        text = printable(payload, len);
        virtio_hypertrace_socket_reply(ht, r.client_id, r.client_cookie,
                                       le64_to_cpu(m->arg), text, strlen(text));
        return true;
    }
    return false;
}

/* Return: whether the message made sense. */
static bool take_message(VirtIOHypertrace *ht, const struct iovec *iov,
                         unsigned int iov_cnt)
{
    union {
        struct vht_message m;
        uint8_t bytes[VHT_MESSAGE_MAX_SIZE];
    } buf;
    size_t size = iov_size(iov, iov_cnt);
    const uint8_t *payload = buf.bytes + sizeof(buf.m);
    size_t len = size - sizeof(buf.m);
    uint32_t type;

    if (size < sizeof(buf.m) || size > sizeof(buf) ||
        iov_to_buf(iov, iov_cnt, 0, &buf, size) != size ||
        le32_to_cpu(buf.m.size) != size) {
        return false;
    }
    type = le32_to_cpu(buf.m.type);
    trace_virtio_hypertrace_driver_message(type, size, le64_to_cpu(buf.m.arg));
    switch (type) {
    case VHT_MSG_DRIVER_UP:
        if (ht->driver_up &&
            ht->driver_generation == le64_to_cpu(buf.m.arg)) {
            return false;
        }
        driver_up(ht, le64_to_cpu(buf.m.arg), payload, len);
        return true;
    case VHT_MSG_DRIVER_GONE:
        if (!ht->driver_up) {
            return false;
        }
        driver_gone(ht, "unbound");
        return true;
    case VHT_MSG_REPLY:
        return driver_reply(ht, &buf.m, payload, len);
    default:
        return false;
    }
}

static void handle_control(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOHypertrace *ht = VIRTIO_HYPERTRACE(vdev);
    bool done = false;
    int i;

    for (i = 0; i < MAX_MESSAGES_A_RUN; i++) {
        g_autofree VirtQueueElement *elem = virtqueue_pop(vq, sizeof(*elem));

        if (!elem) {
            break;
        }
        if (!take_message(ht, elem->out_sg, elem->out_num)) {
            ht->ignored_messages++;
            trace_virtio_hypertrace_driver_ignored(ht->ignored_messages);
        }
        virtqueue_push(vq, elem, 0);
        done = true;
    }
    if (done) {
        virtio_notify(vdev, vq);
    }
    if (i == MAX_MESSAGES_A_RUN) {
        qemu_bh_schedule(ht->driver.bh);
    }
}

/* Hand over what is pending, as far as the driver has posted buffers [C2]. */
static void handle_event(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOHypertrace *ht = VIRTIO_HYPERTRACE(vdev);
    VirtIOHypertraceMessage *m;
    bool done = false;

    if (!virtio_queue_ready(vq)) {
        return;
    }
    while ((m = QSIMPLEQ_FIRST(&ht->driver.pending))) {
        g_autofree VirtQueueElement *elem = virtqueue_pop(vq, sizeof(*elem));

        if (!elem) {
            break;
        }
        if (iov_size(elem->in_sg, elem->in_num) < VHT_MESSAGE_MAX_SIZE) {
            virtqueue_detach_element(vq, elem, 0);
            virtio_error(vdev, "virtio-hypertrace: event buffer is too small");
            break;
        }
        iov_from_buf(elem->in_sg, elem->in_num, 0, m->data, m->size);
        virtqueue_push(vq, elem, m->size);
        QSIMPLEQ_REMOVE_HEAD(&ht->driver.pending, next);
        g_free(m);
        done = true;
    }
    if (done) {
        virtio_notify(vdev, vq);
    }
}

static void run_queues(void *opaque)
{
    VirtIOHypertrace *ht = opaque;
    VirtIODevice *vdev = VIRTIO_DEVICE(ht);

    if (vdev->broken || !virtio_queue_ready(ht->driver.control_vq)) {
        return;
    }
    handle_control(vdev, ht->driver.control_vq);
}

static void put_message(VirtIOHypertrace *ht, uint32_t type, uint64_t cookie,
                        uint64_t arg, const void *payload, size_t len)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(ht);
    VirtIOHypertraceMessage *m = g_malloc(sizeof(*m) +
                                          sizeof(struct vht_message) + len);
    struct vht_message header = {
        .type = cpu_to_le32(type),
        .size = cpu_to_le32(sizeof(header) + len),
        .cookie = cpu_to_le64(cookie),
        .arg = cpu_to_le64(arg),
    };

    m->size = sizeof(header) + len;
    memcpy(m->data, &header, sizeof(header));
    if (len) {
        memcpy(m->data + sizeof(header), payload, len);
    }
    QSIMPLEQ_INSERT_TAIL(&ht->driver.pending, m, next);
    if (!vdev->broken) {
        handle_event(vdev, ht->driver.event_vq);
    }
}

/**
 * virtio_hypertrace_driver_reader: tell the driver that a reader came or went
 * @ht: the device
 * @attached: which of both
 */
void virtio_hypertrace_driver_reader(VirtIOHypertrace *ht, bool attached)
{
    VirtIOHypertraceDriver *d = &ht->driver;
    bool detach_pending = false;
    VirtIOHypertraceMessage *m, *next;
    int i;

    if (!attached) {
        /* What it asked for is void; that it was there need not be told. */
        for (i = 0; i < VIRTIO_HYPERTRACE_MAX_REQUESTS; i++) {
            d->request[i].cookie = 0;
        }
        QSIMPLEQ_FOREACH_SAFE(m, &d->pending, next, next) {
            if (((struct vht_message *)m->data)->type ==
                cpu_to_le32(VHT_MSG_READER_DETACHED)) {
                detach_pending = true;
                continue;
            }
            QSIMPLEQ_REMOVE(&d->pending, m, VirtIOHypertraceMessage, next);
            g_free(m);
        }
    }
    if (!ht->driver_up || detach_pending) {
        return;
    }
    put_message(ht, attached ? VHT_MSG_READER_ATTACHED
                             : VHT_MSG_READER_DETACHED, 0, 0, NULL, 0);
}

/**
 * virtio_hypertrace_driver_request: pass the reader's request on [C2]
 * @ht: the device
 * @client_id: of the reader
 * @msg: the request, its size checked
 */
void virtio_hypertrace_driver_request(VirtIOHypertrace *ht, uint64_t client_id,
                                      const struct vht_message *msg)
{
    VirtIOHypertraceDriver *d = &ht->driver;
    VirtIOHypertraceRequest *slot = NULL;
    uint64_t cookie = le64_to_cpu(msg->cookie);
    int i;

    for (i = 0; i < VIRTIO_HYPERTRACE_MAX_REQUESTS && !slot; i++) {
        if (!d->request[i].cookie) {
            slot = &d->request[i];
        }
    }
    if (!ht->driver_up || !slot) {
        virtio_hypertrace_socket_reply(ht, client_id, cookie,
                                       slot ? VHT_ENODEV : VHT_ENOMEM, NULL, 0);
        return;
    }
    slot->cookie = ++d->last_cookie;
    slot->client_cookie = cookie;
    slot->client_id = client_id;
    put_message(ht, le32_to_cpu(msg->type), slot->cookie, le64_to_cpu(msg->arg),
                msg + 1, le32_to_cpu(msg->size) - sizeof(*msg));
}

/**
 * virtio_hypertrace_driver_reset: the device was reset, by the driver or with
 * the machine
 * @ht: the device
 */
void virtio_hypertrace_driver_reset(VirtIOHypertrace *ht)
{
    driver_gone(ht, "reset");
}

void virtio_hypertrace_driver_init(VirtIOHypertrace *ht)
{
    VirtIODevice *vdev = VIRTIO_DEVICE(ht);
    VirtIOHypertraceDriver *d = &ht->driver;

    QSIMPLEQ_INIT(&d->pending);
    d->event_budget = EVENT_BURST;
    d->event_budget_ns = virtio_hypertrace_clock_now();
    d->control_vq = virtio_add_queue(vdev, QUEUE_SIZE, handle_control);
    d->event_vq = virtio_add_queue(vdev, QUEUE_SIZE, handle_event);
    d->bh = qemu_bh_new_guarded(run_queues, ht,
                                &DEVICE(vdev)->mem_reentrancy_guard);
}

void virtio_hypertrace_driver_fini(VirtIOHypertrace *ht)
{
    VirtIOHypertraceDriver *d = &ht->driver;

    forget_pending(ht);
    qemu_bh_delete(d->bh);
    virtio_delete_queue(d->control_vq);
    virtio_delete_queue(d->event_vq);
}
