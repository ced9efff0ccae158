// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket: recorders ask here for the region and for what only the
 * guest's driver can do [C1] to [C4].
 *
 * Nothing a client does may hold up or grow QEMU: every call is non-blocking,
 * each dispatch takes one message, the number of connections is fixed, and
 * who does not read its replies is cut off.
 */
#include "qemu/osdep.h"
#include <sys/un.h>
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "virtio-hypertrace.h"
#include "trace.h"

static void client_close(VirtIOHypertraceClient *c);

/* One record; @fd goes with it if it is not -1. */
static bool send_record(VirtIOHypertraceClient *c, uint32_t type,
                        uint64_t cookie, uint64_t arg, const char *text,
                        size_t len, int fd)
{
    struct vht_message m = {
        .type = cpu_to_le32(type),
        .size = cpu_to_le32(sizeof(m) + len),
        .cookie = cpu_to_le64(cookie),
        .arg = cpu_to_le64(arg),
    };
    struct iovec iov[2] = {
        { .iov_base = &m, .iov_len = sizeof(m) },
        { .iov_base = (char *)text, .iov_len = len },
    };
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int))];
    } control = { };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
    ssize_t ret;

    if (fd >= 0) {
        struct cmsghdr *cmsg;

        msg.msg_control = control.buf;
        msg.msg_controllen = sizeof(control.buf);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    }
    ret = RETRY_ON_EINTR(sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
    trace_virtio_hypertrace_socket_send(c->id, type, arg, ret);
    return ret == (ssize_t)(sizeof(m) + len);
}

static void attach(VirtIOHypertraceClient *c, const struct vht_message *m)
{
    VirtIOHypertrace *ht = c->ht;
    VirtIOHypertraceSocket *s = &ht->socket;
    struct vht_host_header *h = ht->region.header;
    uint64_t cookie = le64_to_cpu(m->cookie);
    uint64_t refusal = 0;

    if (le64_to_cpu(m->arg) != VHT_VERSION) {
        refusal = VHT_EPROTO;
    } else if (s->reader) {
        refusal = VHT_EBUSY | (uint64_t)s->reader->pid << 32;
    }
    if (refusal) {
        if (!send_record(c, VHT_MSG_REFUSED, cookie, refusal, NULL, 0, -1)) {
            client_close(c);
        }
        return;
    }
    if (!send_record(c, VHT_MSG_WELCOME, cookie, ht->region.fd_offset,
                     ht->dir.name, strlen(ht->dir.name), ht->region.fd)) {
        client_close(c);
        return;
    }
    s->reader = c;
    qatomic_set(&h->reader_pid, cpu_to_le32(c->pid));
    qatomic_set(&h->reader, cpu_to_le32(VHT_READER_ATTACHED));
    virtio_hypertrace_vmm_event(ht, VHT_VMM_READER_ATTACHED, c->pid, "");
    virtio_hypertrace_vcpus_tell(ht);
    virtio_hypertrace_driver_reader(ht, true);
}

static void client_close(VirtIOHypertraceClient *c)
{
    VirtIOHypertrace *ht = c->ht;
    struct vht_host_header *h = ht->region.header;

    trace_virtio_hypertrace_socket_close(c->id, c->pid);
    qemu_set_fd_handler(c->fd, NULL, NULL, NULL);
    close(c->fd);
    c->fd = -1;
    if (ht->socket.reader == c) {
        ht->socket.reader = NULL;
        qatomic_set(&h->reader, cpu_to_le32(VHT_READER_NONE));
        qatomic_set(&h->reader_pid, 0);
        virtio_hypertrace_vmm_event(ht, VHT_VMM_READER_DETACHED, c->pid, "");
        virtio_hypertrace_driver_reader(ht, false);
    }
}

static void ignore_message(VirtIOHypertraceClient *c, uint32_t type,
                           ssize_t size)
{
    c->ht->ignored_messages++;
    trace_virtio_hypertrace_socket_ignored(c->id, type, size,
                                           c->ht->ignored_messages);
}

static void client_read(void *opaque)
{
    VirtIOHypertraceClient *c = opaque;
    union {
        struct vht_message m;
        uint8_t bytes[VHT_MESSAGE_MAX_SIZE];
    } buf;
    ssize_t ret = RETRY_ON_EINTR(recv(c->fd, &buf, sizeof(buf),
                                      MSG_DONTWAIT | MSG_TRUNC));

    if (ret < 0 && errno == EAGAIN) {
        return;
    }
    /* An empty record cannot be told from the end, and asks for nothing. */
    if (ret <= 0) {
        client_close(c);
        return;
    }
    if (ret < (ssize_t)sizeof(buf.m) || ret > (ssize_t)sizeof(buf) ||
        le32_to_cpu(buf.m.size) != ret) {
        ignore_message(c, 0, ret);
        return;
    }
    trace_virtio_hypertrace_socket_receive(c->id, le32_to_cpu(buf.m.type), ret);
    switch (le32_to_cpu(buf.m.type)) {
    case VHT_MSG_ATTACH:
        attach(c, &buf.m);
        break;
    case VHT_MSG_SELECT:
    case VHT_MSG_FLUSH:
        if (c->ht->socket.reader != c) {
            virtio_hypertrace_socket_reply(c->ht, c->id,
                                           le64_to_cpu(buf.m.cookie),
                                           VHT_EINVAL, NULL, 0);
        } else {
            virtio_hypertrace_driver_request(c->ht, c->id, &buf.m);
        }
        break;
    default:
        ignore_message(c, le32_to_cpu(buf.m.type), ret);
        break;
    }
}

/**
 * virtio_hypertrace_socket_reply: answer a request
 * @ht: the device
 * @client_id: who asked; if it is gone there is nothing to do
 * @cookie: the client's
 * @arg: 0 or VHT_E*
 * @text: for a person, or NULL
 * @len: bytes of @text
 */
void virtio_hypertrace_socket_reply(VirtIOHypertrace *ht, uint64_t client_id,
                                    uint64_t cookie, uint64_t arg,
                                    const char *text, size_t len)
{
    int i;

    for (i = 0; i < VIRTIO_HYPERTRACE_MAX_CLIENTS; i++) {
        VirtIOHypertraceClient *c = &ht->socket.client[i];

        if (c->fd < 0 || c->id != client_id) {
            continue;
        }
        if (!send_record(c, VHT_MSG_REPLY, cookie, arg, text, len, -1)) {
            client_close(c);
        }
        return;
    }
}

/**
 * virtio_hypertrace_socket_driver_gone: hurry the reader
 * @ht: the device
 * @generation: of the driver that is gone
 *
 * The next driver writes the guest part anew; what the reader has not taken by
 * then is gone too.
 */
void virtio_hypertrace_socket_driver_gone(VirtIOHypertrace *ht,
                                          uint64_t generation)
{
    VirtIOHypertraceClient *c = ht->socket.reader;

    /* A hint: who does not take it looks into the region all the same. */
    if (c) {
        send_record(c, VHT_MSG_DRIVER_GONE, 0, generation, NULL, 0, -1);
    }
}

static void socket_accept(void *opaque)
{
    VirtIOHypertrace *ht = opaque;
    VirtIOHypertraceSocket *s = &ht->socket;
    VirtIOHypertraceClient *c = NULL;
    struct ucred cred = { };
    socklen_t len = sizeof(cred);
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int i;

    if (fd < 0) {
        return;
    }
    for (i = 0; i < VIRTIO_HYPERTRACE_MAX_CLIENTS && !c; i++) {
        if (s->client[i].fd < 0) {
            c = &s->client[i];
        }
    }
    if (!c || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
        trace_virtio_hypertrace_socket_full(fd);
        close(fd);
        return;
    }
    c->ht = ht;
    c->id = ++s->last_id;
    c->fd = fd;
    c->pid = cred.pid;
    trace_virtio_hypertrace_socket_accept(c->id, c->pid);
    qemu_set_fd_handler(fd, client_read, NULL, c);
}

/**
 * virtio_hypertrace_socket_init: listen in the VM's directory
 * @ht: the device
 * @errp: says what is wrong, for the person who wrote the command line
 *
 * Return: whether recorders can come. If not, there is nothing to undo.
 */
bool virtio_hypertrace_socket_init(VirtIOHypertrace *ht, Error **errp)
{
    VirtIOHypertraceSocket *s = &ht->socket;
    g_autofree char *path = g_build_filename(ht->dir.path, "control", NULL);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int i;

    s->reader = NULL;
    for (i = 0; i < VIRTIO_HYPERTRACE_MAX_CLIENTS; i++) {
        s->client[i].fd = -1;
    }
    if (strlen(path) >= sizeof(addr.sun_path)) {
        error_setg(errp, "the path of the control socket is too long: '%s'",
                   path);
        error_append_hint(errp, "%zu bytes are possible; give a shorter "
                          "dir=PATH.\n", sizeof(addr.sun_path) - 1);
        return false;
    }
    memcpy(addr.sun_path, path, strlen(path));
    s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        chmod(path, 0600) < 0 || listen(s->fd, 8) < 0) {
        error_setg_errno(errp, errno, "cannot listen at '%s'", path);
        if (s->fd >= 0) {
            close(s->fd);
        }
        return false;
    }
    qemu_set_fd_handler(s->fd, socket_accept, NULL, ht);
    return true;
}

/**
 * virtio_hypertrace_socket_fini: close all connections
 * @ht: the device
 *
 * To the reader this is the sign that the VM ended.
 */
void virtio_hypertrace_socket_fini(VirtIOHypertrace *ht)
{
    VirtIOHypertraceSocket *s = &ht->socket;
    int i;

    /* Its end is the VM's end, not one of the reader's own doing. */
    s->reader = NULL;
    for (i = 0; i < VIRTIO_HYPERTRACE_MAX_CLIENTS; i++) {
        if (s->client[i].fd >= 0) {
            client_close(&s->client[i]);
        }
    }
    qemu_set_fd_handler(s->fd, NULL, NULL, NULL);
    close(s->fd);
    s->fd = -1;
}
