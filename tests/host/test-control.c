// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket's messages, with the other side played by a thread that
 * also says what a VMM must not [C1].
 */
#include <endian.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "error.h"
#include "scratch.h"
#include "tap.h"

/* What the other side answers to ATTACH. */
struct answer {
	uint32_t type;
	uint64_t arg;
	uint32_t size;		/* 0: the right one */
	int fd;			/* to pass, -1 for none */
	bool nonsense_first;
	bool hangs_up;
};

static int listener;
static char *path;

static void say(int fd, uint32_t type, uint64_t cookie, uint64_t arg, uint32_t size,
		const char *text, int passed)
{
	struct {
		struct vht_message header;
		char text[100];
	} message = { .header = { .type = type, .cookie = cookie, .arg = arg } };
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	size_t length = sizeof(message.header) + strlen(text);
	struct iovec iov = { &message, length };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	message.header.size = size ? size : (uint32_t)length;
	strcpy(message.text, text);
	if (passed >= 0) {
		struct cmsghdr *item;

		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		item = CMSG_FIRSTHDR(&msg);
		item->cmsg_level = SOL_SOCKET;
		item->cmsg_type = SCM_RIGHTS;
		item->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(item), &passed, sizeof(int));
	}
	assert(sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)length);
}

static void *vmm(void *data)
{
	const struct answer *answer = data;
	int fd = accept(listener, NULL, NULL);
	struct vht_message request;

	assert(fd >= 0 && recv(fd, &request, sizeof(request), 0) == sizeof(request));
	assert(request.type == VHT_MSG_ATTACH && request.size == sizeof(request) &&
	       request.arg == VHT_VERSION);
	if (answer->hangs_up) {
		close(fd);
		return NULL;
	}
	if (answer->nonsense_first) {
		assert(send(fd, "x", 1, 0) == 1);
		say(fd, VHT_MSG_WELCOME, 0, 0, 4096, "", answer->fd);
		say(fd, 0x7777, 0, 0, 0, "what?", answer->fd);
	}
	say(fd, answer->type, request.cookie, answer->arg, answer->size, "", answer->fd);
	return (void *)(intptr_t)fd;
}

/* Where the last WELCOME said that the region begins. */
static uint64_t region_offset;

static enum control_result attach(struct answer answer, int *fd, int *region_fd, int *other,
				  GError **error)
{
	enum control_result result;
	pthread_t thread;
	void *vmm_fd;

	assert(!pthread_create(&thread, NULL, vmm, &answer));
	result = control_attach(path, fd, region_fd, &region_offset, error);
	pthread_join(thread, &vmm_fd);
	*other = (int)(intptr_t)vmm_fd;
	return result;
}

static unsigned int open_files(void)
{
	GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
	unsigned int count = 0;

	while (g_dir_read_name(dir))
		count++;
	g_dir_close(dir);
	return count;
}

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control_message message;
	int fd, region_fd, other, memory = memfd_create("m", 0);
	g_autofree char *text = g_strnfill(5000, 'x'), *deep = NULL, *long_name = NULL;
	unsigned int files;
	GError *error = NULL;
	uint8_t bytes[VHT_MESSAGE_MAX_SIZE];
	struct vht_message *sent = (void *)bytes;
	int i;

	scratch_init();
	path = scratch_path("control");
	ok(control_attach(path, &fd, &region_fd, &region_offset, &error) == CONTROL_DEAD && !error &&
	   !control_is_alive(path), "no socket: nobody there");

	listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	ok(control_attach(path, &fd, &region_fd, &region_offset, &error) == CONTROL_DEAD && !error,
	   "a socket on which nobody listens: the VMM has ended");
	assert(listen(listener, 8) == 0);

	ok(attach((struct answer) { VHT_MSG_WELCOME, 0x400000, 0, memory, false, false }, &fd,
		  &region_fd, &other, &error) == CONTROL_OK && region_offset == 0x400000,
	   "[C3] welcome, and where the region begins");
	close(region_fd);

	ok(control_send(fd, VHT_MSG_SELECT, 42, "sched:*", &error), "a request goes out");
	ok(recv(other, bytes, sizeof(bytes), 0) == 24 + 7 && sent->type == VHT_MSG_SELECT &&
	   sent->size == 31 && sent->cookie == 42 && !memcmp(bytes + 24, "sched:*", 7),
	   "[C1] as one record with its size");
	ok(!control_send(fd, VHT_MSG_SELECT, 42, text, &error), "one that is too long does not");
	ok_error(&error, HT_ERROR_USAGE, "that is the user's fault");

	ok(control_receive(fd, &message) == CONTROL_INPUT_NONE, "nothing yet");
	files = open_files();
	for (i = 0; i < 10; i++)
		say(other, VHT_MSG_REPLY, 1, 2, 17, "bad size", memory);
	say(other, VHT_MSG_REPLY, 42, VHT_ENOENT, 0, "no\033event", -1);
	ok(control_receive(fd, &message) == CONTROL_INPUT_MESSAGE &&
	   message.type == VHT_MSG_REPLY && message.cookie == 42 && message.arg == VHT_ENOENT &&
	   !strcmp(message.text, "no?event"),
	   "[C1] a reply is taken, malformed ones before it are not; escapes are harmless");
	ok(open_files() == files, "descriptors that nobody asked for are closed");
	close(other);
	ok(control_receive(fd, &message) == CONTROL_INPUT_END, "the VMM's end");
	close(fd);

	files = open_files();
	ok(attach((struct answer) { VHT_MSG_WELCOME, 0, 0, memory, true, false }, &fd, &region_fd,
		  &other, &error) == CONTROL_OK, "[C1] nonsense before the welcome is ignored");
	close(region_fd);
	close(fd);
	close(other);
	ok(attach((struct answer) { VHT_MSG_REFUSED, VHT_EBUSY | 4711ULL << 32, 0, -1, false,
				    false }, &fd, &region_fd, &other, &error) == CONTROL_FAILED &&
	   strstr(error->message, "pid=4711"), "[C3] refused, with the other one's pid");
	ok_error(&error, HT_ERROR_BUSY, "busy");
	close(other);
	ok(attach((struct answer) { VHT_MSG_REFUSED, VHT_EPROTO, 0, memory, false, false }, &fd,
		  &region_fd, &other, &error) == CONTROL_FAILED, "refused: another version");
	ok_error(&error, HT_ERROR_FORMAT, "version");
	close(other);
	ok(attach((struct answer) { VHT_MSG_WELCOME, 0, 0, -1, false, false }, &fd, &region_fd,
		  &other, &error) == CONTROL_FAILED, "a welcome without a region");
	ok_error(&error, HT_ERROR_FORMAT, "no region");
	close(other);
	ok(attach((struct answer) { 0, 0, 0, -1, false, true }, &fd, &region_fd, &other,
		  &error) == CONTROL_FAILED, "a VMM that hangs up");
	ok_error(&error, HT_ERROR_FAILED, "that is told");
	ok(open_files() == files, "no descriptor is left over");

	long_name = g_strnfill(150, 'd');
	deep = g_build_filename(scratch_dir, long_name, "control", NULL);
	{
		g_autofree char *dir = g_path_get_dirname(deep);

		assert(g_mkdir_with_parents(dir, 0700) == 0 && rename(path, deep) == 0);
	}
	ok(control_is_alive(deep), "a path longer than an address is reached");
	return tap_done();
}
