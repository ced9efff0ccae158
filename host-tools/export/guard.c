// SPDX-License-Identifier: GPL-2.0-only
/* Work on what a guest wrote, in a process of its own; see guard.h. */
#include "export/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Memory beyond what mapped files take; more than any honest trace needs. */
#define MAX_DATA	(2ULL << 30)

/* Processor time: for the beginning, and a second for so many bytes. */
#define LEAST_SECONDS	20
#define SECOND_BYTES	(1 << 20)

void *guard_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void guard_free(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

static void set_limit(int resource, uint64_t value)
{
	const struct rlimit limit = { value, value };

	setrlimit(resource, &limit);
}

/* babeltrace2 has a file open for each stream, which may be more than the usual 1024. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * In the child: within limits, without a word on the terminal, without a core, and not
 * longer than its parent.
 */
static void confine(uint64_t size)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	raise_files();
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_DATA, MAX_DATA);
	set_limit(RLIMIT_CPU, LEAST_SECONDS + size / SECOND_BYTES);
}

static enum guard_result wait_for(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return GUARD_DIED;
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return GUARD_DIED;
	return WEXITSTATUS(status) ? GUARD_FALSE : GUARD_TRUE;
}

enum guard_result guard_run(bool (*work)(void *data), void *data, uint64_t size)
{
	pid_t child = fork();

	if (child < 0)
		return GUARD_DIED;
	if (!child) {
		confine(size);
		_exit(work(data) ? 0 : 1);
	}
	return wait_for(child);
}

bool guard_start(struct guard *guard, bool (*work)(void *data, int fd), void *data,
		 uint64_t size)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return false;
	*guard = (struct guard) { .pid = fork(), .fd = ends[0] };
	if (!guard->pid) {
		close(ends[0]);
		confine(size);
		_exit(work(data, ends[1]) ? 0 : 1);
	}
	close(ends[1]);
	if (guard->pid < 0)
		close(ends[0]);
	return guard->pid > 0;
}

enum guard_result guard_end(struct guard *guard)
{
	close(guard->fd);
	return wait_for(guard->pid);
}

void guard_stop(struct guard *guard)
{
	kill(guard->pid, SIGKILL);
	guard_end(guard);
}
