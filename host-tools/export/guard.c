// SPDX-License-Identifier: GPL-2.0-only
/* Work on what a guest wrote, in a process of its own; see guard.h. */
#include "export/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
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

/* In the child: within limits, without a word on the terminal, without a core. */
static void confine(uint64_t size)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_DATA, MAX_DATA);
	set_limit(RLIMIT_CPU, LEAST_SECONDS + size / SECOND_BYTES);
}

enum guard_result guard_run(bool (*work)(void *data), void *data, uint64_t size)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return GUARD_DIED;
	if (!child) {
		confine(size);
		_exit(work(data) ? 0 : 1);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return GUARD_DIED;
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return GUARD_DIED;
	return WEXITSTATUS(status) ? GUARD_FALSE : GUARD_TRUE;
}
