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
void virtio_hypertrace_vmm_vcpu(VirtIOHypertrace *ht,
                                const struct vht_vcpu_record *record);

/* vcpus.c: which vCPUs there are, and who runs them. */

typedef struct VirtIOHypertraceVcpus {
    DeviceListener listener;
    GArray *known;              /* struct vht_vcpu_record */
    bool is_begun;              /* the VM ran: from now on they come and go */
    uint64_t told_at;           /* where in the vmm stream all were told */
} VirtIOHypertraceVcpus;

void virtio_hypertrace_vcpus_init(VirtIOHypertrace *ht);
void virtio_hypertrace_vcpus_fini(VirtIOHypertrace *ht);
void virtio_hypertrace_vcpus_begin(VirtIOHypertrace *ht);
void virtio_hypertrace_vcpus_tell(VirtIOHypertrace *ht);
void virtio_hypertrace_vcpus_keep(VirtIOHypertrace *ht);

/* clock-host.c: the host's clock, and the counter of its CPUs. */

typedef struct VirtIOHypertraceMoment {
    uint64_t ns;                /* CLOCK_MONOTONIC */
    uint64_t host;              /* the host's counter */
    uint32_t error_ns;          /* the true moment lies within +- this */
} VirtIOHypertraceMoment;

uint64_t virtio_hypertrace_clock_now(void);
VirtIOHypertraceMoment virtio_hypertrace_clock_moment(void);
uint64_t virtio_hypertrace_clock_mul_div(uint64_t a, uint64_t b, uint64_t c);
uint64_t virtio_hypertrace_clock_host_hz(const VirtIOHypertraceMoment *now);
uint64_t virtio_hypertrace_clock_host_hz_roughly(
    const VirtIOHypertraceMoment *now);
uint64_t virtio_hypertrace_clock_process(uint64_t *error_ns);

/* What is known of a vCPU's counter: the host's by a formula, or one moment. */
typedef struct VirtIOHypertraceCounter {
    uint16_t kind;              /* VHT_CLOCK_KIND_*, 0: nothing is known */
    bool is_exact;              /* offset and scale are the formula */
    uint64_t offset;            /* these two as in vht_clock_record */
    uint64_t scale;
    uint64_t width;             /* the offset is known to +- this, in ticks */
    uint64_t hz;                /* as it should be, 0: not known */
    uint32_t error_ns;          /* of the formula, or of the moment */
    uint64_t ns;                /* the moment, where that is all, and ... */
    uint64_t counter;           /* ... the counter then */
} VirtIOHypertraceCounter;

/* clock-tcg.c: the counter that QEMU makes. */

void virtio_hypertrace_tcg_look(VirtIOHypertraceCounter *counter,
                                const VirtIOHypertraceMoment *now);
bool virtio_hypertrace_tcg_stop(const VirtIOHypertraceCounter *counter,
                                VirtIOHypertraceMoment *moment);

/* clock-kvm.c: the counter of a vCPU under KVM. */

void virtio_hypertrace_kvm_look(CPUState *cs, VirtIOHypertraceCounter *counter);

/* clock-round.c: those of all vCPUs. */

void virtio_hypertrace_round_init(VirtIOHypertrace *ht);
void virtio_hypertrace_round_fini(VirtIOHypertrace *ht);
void virtio_hypertrace_round(VirtIOHypertrace *ht, uint16_t reason);
void virtio_hypertrace_round_ask(VirtIOHypertrace *ht, CPUState *cs,
                                 uint16_t reason);
void virtio_hypertrace_round_drop(VirtIOHypertrace *ht);
void virtio_hypertrace_round_forget(VirtIOHypertrace *ht, uint32_t index);

/* clock-line.c: the counter as the host's time, for the guest. */

/* From a value of the counter on: as in vht_clock_segment. */
typedef struct VirtIOHypertraceSegment {
    uint64_t counter;
    uint64_t ns;
    uint64_t mult;
} VirtIOHypertraceSegment;

typedef struct VirtIOHypertraceLine {
    VirtIOHypertraceSegment segment[2]; /* as published; mult is 0: not yet */
    uint64_t hz;                /* of the counter, as last known */
    bool has_last;              /* a record since it goes on, namely this: */
    uint64_t last_ns;
    uint64_t last_counter;
} VirtIOHypertraceLine;

void virtio_hypertrace_line_update(VirtIOHypertrace *ht,
                                   const struct vht_clock_record *r,
                                   uint64_t hz);

/* clock.c: when there is a clock record, and why. */

typedef struct VirtIOHypertraceClock {
    bool running;
    uint16_t next_reason;       /* of the first record when it runs again */
    VirtIOHypertraceCounter common;     /* of all vCPUs; kind 0: none such */
    bool is_held;               /* what vCPUs say now is not to be written */
    uint16_t held_reason;       /* of the record when that is over */
    QEMUTimer *soon;            /* then */
    GArray *seats;              /* of clock-round.c, by the vCPU's index */
} VirtIOHypertraceClock;

uint32_t virtio_hypertrace_clock_kind(void);
uint64_t virtio_hypertrace_clock_hz(void);
uint64_t virtio_hypertrace_counter_scaled(
    const VirtIOHypertraceCounter *counter, uint64_t host);
uint64_t virtio_hypertrace_counter_at(const VirtIOHypertraceCounter *counter,
                                      uint64_t host);
uint64_t virtio_hypertrace_clock_counter(VirtIOHypertrace *ht);
void virtio_hypertrace_clock_write(VirtIOHypertrace *ht, uint32_t cpu,
                                   const VirtIOHypertraceCounter *counter,
                                   const VirtIOHypertraceMoment *moment,
                                   uint16_t reason);
void virtio_hypertrace_clock_init(VirtIOHypertrace *ht);
void virtio_hypertrace_clock_fini(VirtIOHypertrace *ht);
void virtio_hypertrace_clock_run(VirtIOHypertrace *ht, bool running);
void virtio_hypertrace_clock_mark(VirtIOHypertrace *ht, uint16_t reason);
void virtio_hypertrace_clock_plug(VirtIOHypertrace *ht, CPUState *cs);
void virtio_hypertrace_clock_tick(VirtIOHypertrace *ht);

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
    /*
     * Bounded: two reader messages and one for each request, which keeps its
     * slot as long as its message is here.
     */
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
    VirtIOHypertraceVcpus vcpus;
    VirtIOHypertraceClock clock;
    VirtIOHypertraceLine line;
    VirtIOHypertraceDriver driver;

    VirtIOHypertraceReset *reset;
    VMChangeStateEntry *run_state;
    QEMUTimer *tick;            /* each second while the VM runs */
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
