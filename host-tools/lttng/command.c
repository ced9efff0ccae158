// SPDX-License-Identifier: GPL-2.0-only
/* Running one of LTTng's commands; see command.h. */
#include "lttng/command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"

/* Of what a command says, the part that is kept. */
#define MAX_SAID	4096

/* In the child: the recorder blocks signals, and the command must not. */
static void prepare_child(gpointer data)
{
	sigset_t none;

	(void)data;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
}

/**
 * wait_child - wait until a child has ended, and end it if it takes too long
 * @status: as waitpid() gives it
 * Return: false if it had to be ended.
 */
static bool wait_child(GPid pid, int timeout_ms, int *status)
{
	gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	struct pollfd ended = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	bool in_time;

	do {
		gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;

		in_time = poll(&ended, 1, (int)CLAMP(left_ms, 0, timeout_ms)) > 0;
	} while (!in_time && g_get_monotonic_time() < deadline);
	if (!in_time)
		kill(pid, SIGKILL);
	if (ended.fd >= 0)
		close(ended.fd);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return in_time;
}

/**
 * read_said - what a command printed, in one line
 * @fd: the file it printed to
 */
static char *read_said(int fd)
{
	char *text = g_malloc0(MAX_SAID + 1);
	ssize_t size = pread(fd, text, MAX_SAID, 0);
	char *valid, *line;

	if (size < 0)
		size = 0;
	text[size] = '\0';
	valid = g_utf8_make_valid(text, -1);
	g_free(text);
	g_strstrip(valid);
	for (line = valid; *line; line++)
		if (g_ascii_iscntrl(*line))
			*line = *line == '\n' ? ';' : ' ';
	return valid;
}

/**
 * judge - turn how a command ended into an error
 */
static bool judge(const char *const *argv, bool in_time, int status, int said_fd, GError **error)
{
	g_autofree char *command = NULL, *said = NULL;

	if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	command = g_strjoinv(" ", (char **)argv);
	said = read_said(said_fd);
	if (!in_time)
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "no answer in time: command=%s: %s",
			    command, said);
	else
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "failed: command=%s %s=%d: %s",
			    command, WIFEXITED(status) ? "status" : "signal",
			    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), said);
	return false;
}

bool lttng_command_run(const char *const *argv, int timeout_ms, GError **error)
{
	/* a file and no pipe: nobody has to read while the command runs */
	int said_fd = memfd_create("lttng-said", MFD_CLOEXEC);
	GError *cause = NULL;
	int status = 0;
	bool done;
	GPid pid;

	if (said_fd < 0) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make memory file: %s",
			    g_strerror(errno));
		return false;
	}
	if (!g_spawn_async_with_fds(NULL, (char **)argv, NULL,
				    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
				    prepare_child, NULL, &pid, -1, said_fd, said_fd, &cause)) {
		g_set_error(error, HT_ERROR,
			    g_error_matches(cause, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT) ?
			    HT_ERROR_NOT_FOUND : HT_ERROR_FAILED, "cannot run: command=%s: %s",
			    argv[0], cause->message);
		g_error_free(cause);
		close(said_fd);
		return false;
	}
	done = wait_child(pid, timeout_ms, &status);
	done = judge(argv, done, status, said_fd, error);
	close(said_fd);
	return done;
}
