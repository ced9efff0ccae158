// SPDX-License-Identifier: GPL-2.0-only
/*
 * A directory for what is needed while a command runs; see scratch.h. The keeper reads
 * from a pipe that nobody writes to, and whose other end only the command and its other
 * children have: it comes to its end when all of them are gone.
 */
#include "export/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"

#define MAX_OPEN_DIRECTORIES	16

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void scratch_remove(const char *dir)
{
	nftw(dir, remove_entry, MAX_OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
}

/*
 * What ends the command does not end its keeper, not even where it goes to all of a job,
 * as it has a session of its own; nor has that its files.
 */
static void __attribute__((noreturn)) keep(const char *path, int alive)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char nothing;

	setsid();
	for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
		signal(signals[i], SIG_IGN);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	while (read(alive, &nothing, 1) < 0 && errno == EINTR)
		;
	scratch_remove(path);
	_exit(0);
}

static bool start_keeper(struct scratch *scratch)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return false;
	scratch->keeper = fork();
	if (!scratch->keeper) {
		close(ends[1]);
		keep(scratch->path, ends[0]);
	}
	close(ends[0]);
	scratch->alive = ends[1];
	if (scratch->keeper < 0)
		close(scratch->alive);
	return scratch->keeper > 0;
}

struct scratch *scratch_new(GError **error)
{
	struct scratch *scratch = g_new0(struct scratch, 1);
	const char *tmp = g_getenv("TMPDIR");

	scratch->path = g_build_filename(tmp && *tmp ? tmp : "/var/tmp", "hypertrace-XXXXXX",
					 NULL);
	if (g_mkdtemp(scratch->path)) {
		if (start_keeper(scratch))
			return scratch;
		rmdir(scratch->path);
	}
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make directory: path=%s: %s",
		    scratch->path, g_strerror(errno));
	g_free(scratch->path);
	g_free(scratch);
	return NULL;
}

void scratch_free(struct scratch *scratch)
{
	if (!scratch)
		return;
	close(scratch->alive);
	while (waitpid(scratch->keeper, NULL, 0) < 0 && errno == EINTR)
		;
	g_free(scratch->path);
	g_free(scratch);
}
