/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypertrace device inside QEMU: its state, and what its files offer each
 * other. What the guest and the recorder see is in the ABI header.
 *
 * Everything here runs under the big QEMU lock.
 */
#ifndef HW_HYPERTRACE_VIRTIO_HYPERTRACE_H
#define HW_HYPERTRACE_VIRTIO_HYPERTRACE_H

#include "compat.h"
#include "qapi/qapi-types-run-state.h"
#include "qemu/notify.h"
#include "qemu/queue.h"
#include "qemu/timer.h"
#include "qom/object.h"
#include "hw/virtio/virtio.h"
#include "hw/virtio/virtio_hypertrace.h"

#define TYPE_VIRTIO_HYPERTRACE "virtio-hypertrace-device"
OBJECT_DECLARE_SIMPLE_TYPE(VirtIOHypertrace, VIRTIO_HYPERTRACE)

/* Only called for machine resets; resets of the device alone go elsewhere. */
#define TYPE_VIRTIO_HYPERTRACE_RESET "virtio-hypertrace-reset"
OBJECT_DECLARE_SIMPLE_TYPE(VirtIOHypertraceReset, VIRTIO_HYPERTRACE_RESET)

struct VirtIOHypertraceReset {
    Object parent_obj;
    ResettableState state;
    VirtIOHypertrace *ht;
};

/*
 * runtime-dir.c: the directory of the VM, where its region and its control
 * socket are found.
 */

typedef struct VirtIOHypertraceDir {
    char *name;                 /* of the VM, as the user sees it */
    char *path;
    int fd;                     /* of the directory, locked; -1 if none */
} VirtIOHypertraceDir;

bool virtio_hypertrace_dir_open(VirtIOHypertraceDir *dir, const char *name,
                                const char *path, Error **errp);
void virtio_hypertrace_dir_close(VirtIOHypertraceDir *dir, bool keep);

/* region.c: the shared memory and who may write which part of it. */

typedef struct VirtIOHypertraceRegion {
    int fd;
    uint64_t fd_offset;         /* where in the file the region begins */
    uint64_t size;              /* bytes */
    uint64_t guest_offset;      /* the guest's part begins here */
    uint64_t guest_end;         /* and ends here */
    uint8_t *host;              /* our own writable mapping of the host pages */
    struct vht_host_header *header;
    MemoryRegion mr;            /* all of it, as the guest sees it */
    MemoryRegion host_mr;       /* read-only */
    MemoryRegion guest_mr;      /* RAM, or an alias of the memory backend */
} VirtIOHypertraceRegion;

bool virtio_hypertrace_region_init(VirtIOHypertrace *ht, Error **errp);
void virtio_hypertrace_region_publish(VirtIOHypertrace *ht);
void virtio_hypertrace_region_fini(VirtIOHypertrace *ht);

/* window.c: a part of the region that lies over guest RAM. */

typedef struct VirtIOHypertraceWindow {
    MemoryRegion place[2];      /* one of them is enabled */
    int current;                /* that one */
    uint64_t saved_addr;        /* of the window, in a saved VM */
    uint32_t saved_current;
    Error *unplug_blocker;
} VirtIOHypertraceWindow;

extern const VMStateDescription vmstate_virtio_hypertrace_window;

bool virtio_hypertrace_window_fits(VirtIOHypertrace *ht, uint64_t size,
                                   Error **errp);
bool virtio_hypertrace_window_init(VirtIOHypertrace *ht, Error **errp);
void virtio_hypertrace_window_map(VirtIOHypertrace *ht);
void virtio_hypertrace_window_unmap(VirtIOHypertrace *ht);
void virtio_hypertrace_window_turn(VirtIOHypertrace *ht);
void virtio_hypertrace_window_forget(VirtIOHypertrace *ht);
bool virtio_hypertrace_window_check_load(VirtIOHypertrace *ht);
void virtio_hypertrace_window_loaded(VirtIOHypertrace *ht);

/* marks.c: writes to I/O ports that somebody wants to know of. */

#define VIRTIO_HYPERTRACE_MAX_MARK_PORTS 16

typedef struct VirtIOHypertraceMarkPort {
    VirtIOHypertrace *ht;
    uint16_t number;
    MemoryRegion mr;            /* over what is there else */
} VirtIOHypertraceMarkPort;

typedef struct VirtIOHypertraceMarks {
    VirtIOHypertraceMarkPort port[VIRTIO_HYPERTRACE_MAX_MARK_PORTS];
    unsigned port_count;
    uint64_t rank;              /* who lies over whom, of several devices */
    unsigned left;              /* marks that this epoch may still have */
    uint64_t lost;              /* in this epoch, as none was left */
} VirtIOHypertraceMarks;

bool virtio_hypertrace_marks_init(VirtIOHypertrace *ht, Error **errp);
void virtio_hypertrace_marks_map(VirtIOHypertrace *ht);
void virtio_hypertrace_marks_unmap(VirtIOHypertrace *ht);
void virtio_hypertrace_marks_end_epoch(VirtIOHypertrace *ht);

/* control-socket.c: the recorders' way to us. */

#define VIRTIO_HYPERTRACE_MAX_CLIENTS 16

typedef struct VirtIOHypertraceClient {
    VirtIOHypertrace *ht;
    uint64_t id;                /* never used twice */
    int fd;                     /* -1: this slot is free */
    uint32_t pid;
} VirtIOHypertraceClient;

typedef struct VirtIOHypertraceSocket {
    int fd;
    uint64_t last_id;
    VirtIOHypertraceClient *reader;
    VirtIOHypertraceClient client[VIRTIO_HYPERTRACE_MAX_CLIENTS];
} VirtIOHypertraceSocket;

bool virtio_hypertrace_socket_init(VirtIOHypertrace *ht, Error **errp);
void virtio_hypertrace_socket_fini(VirtIOHypertrace *ht);
void virtio_hypertrace_socket_driver_gone(VirtIOHypertrace *ht,
                                          uint64_t generation);
void virtio_hypertrace_socket_reply(VirtIOHypertrace *ht, uint64_t client_id,
                                    uint64_t cookie, uint64_t arg,
                                    const char *text, size_t len);

/* vmm-stream.c: the life of the VM as a stream of the region. */

typedef struct VirtIOHypertraceVmm {
    struct vht_stream *stream;
    struct vht_consumer *consumer;
    uint8_t *ring;
    uint64_t ring_size;         /* bytes */
    uint64_t head;
    uint64_t begin;
    uint64_t sequence;
    uint64_t events;
    uint64_t events_lost;
    uint64_t overwritten;
    uint64_t last_ns;           /* end of the newest packet */
    bool lost;                  /* since the newest packet */
} VirtIOHypertraceVmm;

void virtio_hypertrace_vmm_event(VirtIOHypertrace *ht, uint32_t type,
                                 uint64_t arg, const char *text);
void virtio_hypertrace_vmm_process(VirtIOHypertrace *ht);
void virtio_hypertrace_vmm_clock(VirtIOHypertrace *ht,
                                 const struct vht_clock_record *record);

/* clock.c: the guest's counter against CLOCK_MONOTONIC. */

typedef struct VirtIOHypertraceClock {
    QEMUTimer *timer;
    bool running;
    uint16_t next_reason;       /* of the first record when it runs again */
    bool phase_valid;           /* phase_* are of the time it has run since */
    uint64_t phase_ns;
    uint64_t phase_counter;
    uint64_t last_ns;
    uint64_t last_counter;
    uint64_t last_hz;
    uint32_t last_error_ns;
    bool kvm_offset_valid;
    bool kvm_refused;           /* said once that there is no clock */
    bool kvm_pending;           /* a look at the vCPU is under way */
    uint16_t kvm_reason;        /* what to write when it is done */
    uint64_t kvm_offset;
} VirtIOHypertraceClock;

uint32_t virtio_hypertrace_clock_kind(void);
uint64_t virtio_hypertrace_clock_hz(void);
uint64_t virtio_hypertrace_clock_now(void);
uint64_t virtio_hypertrace_clock_process(uint64_t *error_ns);
uint64_t virtio_hypertrace_clock_counter(VirtIOHypertrace *ht);
void virtio_hypertrace_clock_init(VirtIOHypertrace *ht);
void virtio_hypertrace_clock_fini(VirtIOHypertrace *ht);
void virtio_hypertrace_clock_run(VirtIOHypertrace *ht, bool running);
void virtio_hypertrace_clock_mark(VirtIOHypertrace *ht, uint16_t reason);

/* driver-queue.c: the virtqueues. */

#define VIRTIO_HYPERTRACE_MAX_REQUESTS 16

/* A request of a recorder that the driver has not answered. */
typedef struct VirtIOHypertraceRequest {
    uint64_t cookie;            /* ours; 0: this slot is free */
    uint64_t client_cookie;
    uint64_t client_id;
} VirtIOHypertraceRequest;

typedef struct VirtIOHypertraceMessage {
    QSIMPLEQ_ENTRY(VirtIOHypertraceMessage) next;
    size_t size;
    uint8_t data[];
} VirtIOHypertraceMessage;

typedef struct VirtIOHypertraceDriver {
    VirtQueue *control_vq;
    VirtQueue *event_vq;
    QEMUBH *bh;
    uint64_t last_cookie;
    VirtIOHypertraceRequest request[VIRTIO_HYPERTRACE_MAX_REQUESTS];
    /* Bounded: two reader messages and one for each request. */
    QSIMPLEQ_HEAD(, VirtIOHypertraceMessage) pending;
    /* Events about the driver that may still be written, and since when. */
    uint32_t event_budget;
    uint64_t event_budget_ns;
} VirtIOHypertraceDriver;

void virtio_hypertrace_driver_init(VirtIOHypertrace *ht);
void virtio_hypertrace_driver_fini(VirtIOHypertrace *ht);
void virtio_hypertrace_driver_reset(VirtIOHypertrace *ht);
void virtio_hypertrace_driver_reader(VirtIOHypertrace *ht, bool attached);
void virtio_hypertrace_driver_request(VirtIOHypertrace *ht, uint64_t client_id,
                                      const struct vht_message *msg);

/* virtio-hypertrace.c: the device. */

struct VirtIOHypertrace {
    VirtIODevice parent_obj;

    /* properties */
    char *name;
    char *dir_path;
    uint64_t size;
    HostMemoryBackend *memdev;
    uint64_t window_addr;       /* guest-physical; 0: no window */
    uint64_t window_size;       /* bytes */
    char *mark_ports;

    VirtIOHypertraceDir dir;
    VirtIOHypertraceRegion region;
    VirtIOHypertraceWindow window;
    VirtIOHypertraceMarks marks;
    VirtIOHypertraceSocket socket;
    VirtIOHypertraceVmm vmm;
    VirtIOHypertraceClock clock;
    VirtIOHypertraceDriver driver;

    VirtIOHypertraceReset *reset;
    VMChangeStateEntry *run_state;
    Notifier ready;
    Notifier shutdown;
    Notifier exit;
    Notifier poll;
    ShutdownCause reset_cause;  /* of the reset to come */
    bool ran;                   /* once at least */
    bool was_placed;            /* its BAR was mapped when the reset came */

    /* migrated */
    uint32_t epoch;
    bool driver_up;
    uint64_t driver_generation;
    uint64_t ignored_messages;
};

#endif
