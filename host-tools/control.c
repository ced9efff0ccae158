// SPDX-License-Identifier: GPL-2.0-only
/* The recorder's end of a control socket; see control.h. */
#include "control.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "wire/text.h"

/* A VMM answers from its main loop; who does not in this time is stuck. */
#define ANSWER_TIMEOUT_NS	5000000000ULL

/* Messages looked at before giving others a turn. */
#define RECEIVE_TRIES		64

static void set_errno_error(GError **error, const char *what, const char *path)
{
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot %s: path=%s: %s", what, path,
		    g_strerror(errno));
}

/**
 * make_address - an address for a socket's path, however long that is
 * @dir_fd: set to a descriptor that the address needs while it is used, or -1
 */
static bool make_address(const char *path, struct sockaddr_un *address, int *dir_fd)
{
	char *dir, *name;
	int n;

	*dir_fd = -1;
	*address = (struct sockaddr_un) { .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(address->sun_path)) {
		memcpy(address->sun_path, path, strlen(path) + 1);
		return true;
	}
	dir = g_path_get_dirname(path);
	name = g_path_get_basename(path);
	*dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	n = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", *dir_fd,
		     name);
	g_free(dir);
	g_free(name);
	return *dir_fd >= 0 && n < (int)sizeof(address->sun_path);
}

/**
 * open_socket - connect to a VMM
 * Return: %CONTROL_OK with @fd set; @error may be NULL.
 */
static enum control_result open_socket(const char *path, int *fd, GError **error)
{
	enum control_result result = CONTROL_FAILED;
	struct sockaddr_un address;
	int sock, dir_fd;

	if (!make_address(path, &address, &dir_fd)) {
		result = errno == ENOENT ? CONTROL_DEAD : CONTROL_FAILED;
		if (result == CONTROL_FAILED)
			set_errno_error(error, "reach control socket", path);
		goto close_dir;
	}
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0) {
		set_errno_error(error, "make a socket for", path);
		goto close_dir;
	}
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			result = CONTROL_DEAD;
		else
			set_errno_error(error, "connect to control socket", path);
		close(sock);
		goto close_dir;
	}
	*fd = sock;
	result = CONTROL_OK;

close_dir:
	if (dir_fd >= 0)
		close(dir_fd);
	return result;
}

bool control_is_alive(const char *path)
{
	int fd;

	if (open_socket(path, &fd, NULL) != CONTROL_OK)
		return false;
	close(fd);
	return true;
}

bool control_send(int fd, uint32_t type, uint64_t cookie, const char *payload, GError **error)
{
	size_t length = payload ? strlen(payload) : 0;
	uint8_t bytes[VHT_MESSAGE_MAX_SIZE];
	struct vht_message header = {
		.type = htole32(type),
		.size = htole32((uint32_t)(sizeof(header) + length)),
		.cookie = htole64(cookie),
		.arg = htole64(type == VHT_MSG_ATTACH ? VHT_VERSION : 0),
	};
	size_t size = sizeof(header) + length;

	if (size > sizeof(bytes)) {
		g_set_error(error, HT_ERROR, HT_ERROR_USAGE,
			    "text too long for a message: bytes=%zu, at most %zu", length,
			    sizeof(bytes) - sizeof(header));
		return false;
	}
	memcpy(bytes, &header, sizeof(header));
	if (length)
		memcpy(bytes + sizeof(header), payload, length);
	if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot send to VMM: type=0x%x: %s",
			    type, g_strerror(errno));
		return false;
	}
	return true;
}

/**
 * receive - take one record and the descriptors that came with it
 * @bytes: VHT_MESSAGE_MAX_SIZE bytes
 * @passed_fd: set to the descriptor that came along, or -1
 * Return: bytes, 0 at the end, -1 if there is nothing or with errno set.
 */
static ssize_t receive(int fd, uint8_t *bytes, int *passed_fd)
{
	/* room for one descriptor: the kernel closes what does not fit */
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = VHT_MESSAGE_MAX_SIZE };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *item;
	ssize_t n;

	*passed_fd = -1;
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return n;
	item = CMSG_FIRSTHDR(&msg);
	if (item && item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS &&
	    item->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(passed_fd, CMSG_DATA(item), sizeof(int));
	return n;
}

/**
 * parse - check and convert a message [C1]
 */
static bool parse(const uint8_t *bytes, size_t size, struct control_message *out)
{
	struct vht_message header;
	size_t length;

	if (size < sizeof(header))
		return false;
	memcpy(&header, bytes, sizeof(header));
	if (le32toh(header.size) != size)
		return false;
	out->type = le32toh(header.type);
	out->cookie = le64toh(header.cookie);
	out->arg = le64toh(header.arg);
	/* the text is shorter than the largest message: there is room for its NUL */
	length = size - sizeof(header);
	text_copy(out->text, bytes + sizeof(header), length);
	return true;
}

enum control_input control_receive(int fd, struct control_message *out)
{
	uint8_t bytes[VHT_MESSAGE_MAX_SIZE];
	int tries, passed_fd;

	for (tries = 0; tries < RECEIVE_TRIES; tries++) {
		ssize_t n = receive(fd, bytes, &passed_fd);

		if (passed_fd >= 0)
			close(passed_fd);
		if (n < 0)
			return errno == EAGAIN ? CONTROL_INPUT_NONE : CONTROL_INPUT_END;
		if (n == 0)
			return CONTROL_INPUT_END;
		if (parse(bytes, n, out))
			return CONTROL_INPUT_MESSAGE;
	}
	return CONTROL_INPUT_NONE;
}

/**
 * wait_answer - wait for the answer to ATTACH
 * Return: false with @error set.
 */
static bool wait_answer(int fd, const char *path, struct control_message *answer, int *passed_fd,
			GError **error)
{
	uint64_t deadline = clock_mono_ns() + ANSWER_TIMEOUT_NS;
	uint8_t bytes[VHT_MESSAGE_MAX_SIZE];

	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ns();
		ssize_t n;

		if (now >= deadline ||
		    poll(&wait, 1, (int)((deadline - now) / 1000000) + 1) == 0) {
			g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
				    "VMM does not answer: path=%s", path);
			return false;
		}
		n = receive(fd, bytes, passed_fd);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0) {
			g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
				    "VMM closed the connection: path=%s", path);
			return false;
		}
		if (parse(bytes, n, answer) && (answer->type == VHT_MSG_WELCOME ||
						answer->type == VHT_MSG_REFUSED))
			return true;
		if (*passed_fd >= 0)
			close(*passed_fd);
	}
}

/**
 * set_refused - put a refusal into words
 */
static void set_refused(GError **error, const struct control_message *answer)
{
	uint32_t number = (uint32_t)answer->arg;
	uint32_t pid = (uint32_t)(answer->arg >> 32);

	if (number == VHT_EBUSY)
		g_set_error(error, HT_ERROR, HT_ERROR_BUSY,
			    "another recorder is attached: pid=%u", pid);
	else if (number == VHT_EPROTO)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "device of another version: this program knows %d", VHT_VERSION);
	else
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "VMM refuses: %s%s%s",
			    control_error_text(number), answer->text[0] ? ": " : "",
			    answer->text);
}

enum control_result control_attach(const char *path, int *fd, int *region_fd,
				   uint64_t *region_offset, GError **error)
{
	struct control_message answer;
	enum control_result result;
	int sock, passed_fd = -1;

	result = open_socket(path, &sock, error);
	if (result != CONTROL_OK)
		return result;
	if (!control_send(sock, VHT_MSG_ATTACH, 0, NULL, error) ||
	    !wait_answer(sock, path, &answer, &passed_fd, error))
		goto close_sock;
	if (answer.type == VHT_MSG_REFUSED) {
		set_refused(error, &answer);
		goto close_passed;
	}
	if (passed_fd < 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT,
			    "VMM sent no region: path=%s", path);
		goto close_sock;
	}
	*fd = sock;
	*region_fd = passed_fd;
	*region_offset = answer.arg;
	return CONTROL_OK;

close_passed:
	if (passed_fd >= 0)
		close(passed_fd);
close_sock:
	close(sock);
	return CONTROL_FAILED;
}

const char *control_error_text(uint32_t number)
{
	switch (number) {
	case VHT_ENOENT:
		return "no event matches";
	case VHT_EIO:
		return "I/O error";
	case VHT_ENOMEM:
		return "out of memory";
	case VHT_EBUSY:
		return "busy";
	case VHT_ENODEV:
		return "no driver in the guest";
	case VHT_EINVAL:
		return "invalid request";
	case VHT_EPROTO:
		return "another version";
	case VHT_ETIMEDOUT:
		return "no answer from the guest";
	default:
		return "unknown error";
	}
}
