/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM with a hypertrace device for the device's tests: starting it, playing
 * the firmware and the driver, reading the region and talking to the control
 * socket as a recorder does.
 */
#ifndef VIRTIO_HYPERTRACE_VM_H
#define VIRTIO_HYPERTRACE_VM_H

#include "libqtest.h"
#include "hw/virtio/virtio_hypertrace.h"

#define VM_SIZE         (4 * 1024 * 1024)   /* of the region, unless told */
#define VM_WAIT_US      (20 * G_USEC_PER_SEC)

/* Where the test, as firmware, puts the device's BARs. */
#define VM_BAR_MSIX     0xfe000000ULL
#define VM_BAR_MODERN   0xfe100000ULL
#define VM_BAR_REGION   0x200000000ULL

/* Guest memory that the test uses as driver. */
#define VM_RING(n)      (0x100000ULL + (n) * 0x10000)
#define VM_BUFFERS      0x200000ULL
#define VM_QUEUE_SIZE   64

/* A virtio device on PCI, driven by hand. */
typedef struct VirtioDev {
    QTestState *qts;
    int slot;
    uint64_t common;
    uint64_t notify;
    uint64_t isr;
    uint64_t config;
    uint32_t notify_multiplier;
    uint8_t shm_id, shm_bar;
    uint64_t shm_offset, shm_length;
    uint16_t queue_size[2];     /* VM_QUEUE_SIZE, or less if it has less */
    uint16_t avail[2];          /* indexes of the next entry, by queue */
    uint16_t used[2];
    uint64_t ring[2];           /* guest-physical */
} VirtioDev;

typedef struct Vm {
    QTestState *qts;
    char *tmp;                  /* removed by vm_end() */
    char *dir;                  /* the VM's runtime directory */
    uint8_t *region;
    uint64_t size;
    struct vht_host_header *header;
    uint64_t read_at;           /* how far vm_next() has read the vmm stream */
    VirtioDev dev;
} Vm;

/* One record of the vmm stream. */
typedef struct VmRecord {
    struct vht_packet packet;
    struct vht_vmm_event event;         /* if packet.type says so */
    struct vht_clock_record clock;
    struct vht_vcpu_record vcpu;
} VmRecord;

char *vm_tmp_dir(void);
void vm_remove_tree(const char *path);
Vm *vm_start(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
Vm *vm_start_in(char *tmp, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void vm_map(Vm *vm);
void vm_quit(Vm *vm);
void vm_free(Vm *vm);
void vm_end(Vm *vm);
void vm_alive(Vm *vm);
void vm_hmp(Vm *vm, const char *command);
void vm_suspend(Vm *vm);
void vm_wait_migrate_status(Vm *vm, const char *wanted);
void vm_migrate_away(Vm *vm, const char *file);
void vm_migrate_in(Vm *vm, const char *file);
char *vm_run_to_error(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

bool vm_next(Vm *vm, VmRecord *r);
void vm_wait_event(Vm *vm, uint32_t type, VmRecord *r);
void vm_wait_clock(Vm *vm, uint16_t reason, VmRecord *r);

uint32_t pci_read(QTestState *qts, int slot, int reg);
void pci_write(QTestState *qts, int slot, int reg, uint32_t value);
int pci_find(QTestState *qts, uint16_t device);

void virtio_find(VirtioDev *d, QTestState *qts, uint16_t device, uint64_t bars);
uint8_t virtio_status(VirtioDev *d);
void virtio_reset(VirtioDev *d);
void virtio_start(VirtioDev *d);
void virtio_set_ring(VirtioDev *d, int queue, uint64_t addr);
void virtio_put(VirtioDev *d, int queue, uint64_t addr, uint32_t len,
                bool writable);
uint32_t virtio_wait(VirtioDev *d, int queue);
void virtio_kick(VirtioDev *d, int queue);
void driver_send(Vm *vm, uint32_t type, uint64_t cookie, uint64_t arg,
                 const char *payload);
bool driver_receive(Vm *vm, struct vht_message *m, char *payload);
void driver_post(Vm *vm);

int socket_try_connect(const char *dir);
int socket_connect(Vm *vm);
void socket_send(int fd, uint32_t type, uint64_t cookie, uint64_t arg,
                 const char *payload);
void socket_receive(int fd, struct vht_message *m, char *payload, int *passed);
bool socket_is_closed(int fd);
int socket_attach(Vm *vm);

void add_region_tests(void);
void add_driver_tests(void);
void add_socket_tests(void);
void add_life_tests(void);
void add_place_tests(void);
void add_state_tests(void);
void add_window_tests(void);
void add_marks_tests(void);
void add_vcpu_tests(void);
void add_line_tests(void);

#endif
