// SPDX-License-Identifier: GPL-2.0-only
/* Work in a process of its own, and the directory that goes with a command. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../host/tap.h"
#include "export/guard.h"
#include "export/scratch.h"

/* Bounds a wait, in steps of 10 ms. */
#define STEPS	3000

static bool say(void *data, int fd)
{
	const char *text = data;

	return write(fd, text, strlen(text)) > 0 && *text == 'y';
}

static bool die(void *data, int fd)
{
	if (!say(data, fd))
		abort();
	return true;
}

static bool stay(void *data, int fd)
{
	say(data, fd);
	while (pause() < 0)
		;
	return true;
}

static bool take_memory(void *data, int fd)
{
	char *volatile memory = malloc(4ULL << 30);

	(void)data;
	(void)fd;
	return memory;
}

/* Start work, hear it to its end, and tell how that was. */
static enum guard_result hear(bool (*work)(void *data, int fd), char *text, char heard[8])
{
	struct guard guard;
	size_t used = 0;
	ssize_t n;

	assert(guard_start(&guard, work, text, 0));
	while ((n = read(guard.fd, heard + used, 7 - used)) > 0)
		used += n;
	heard[used] = 0;
	return guard_end(&guard);
}

static void test_guard(void)
{
	struct guard guard;
	char heard[8], first;

	ok(hear(say, "yes", heard) == GUARD_TRUE && !strcmp(heard, "yes"), "work that is done");
	ok(hear(say, "no", heard) == GUARD_FALSE && !strcmp(heard, "no"), "work that cannot be");
	ok(hear(die, "oh", heard) == GUARD_DIED && !strcmp(heard, "oh"),
	   "work that ends its process, and what it told before");
	ok(hear(take_memory, "", heard) == GUARD_FALSE, "memory is bounded");
	assert(guard_start(&guard, stay, "here", 0));
	assert(read(guard.fd, &first, 1) == 1);
	guard_stop(&guard);
	ok(kill(guard.pid, 0) < 0, "work that nobody waits for is ended");
}

static bool is_gone(const char *path)
{
	for (int i = 0; i < STEPS; i++) {
		if (access(path, F_OK))
			return true;
		usleep(10000);
	}
	return false;
}

/* A command with such a directory, and something in it; it lives until it is killed. */
static bool command(void *data, int fd)
{
	struct scratch *scratch = scratch_new(NULL);
	g_autofree char *dir = g_build_filename(scratch->path, "a", NULL);
	g_autofree char *file = g_build_filename(dir, "b", NULL);

	assert(!g_mkdir_with_parents(dir, 0700) && g_file_set_contents(file, "x", 1, NULL));
	say(scratch->path, fd);
	return stay(data, fd);
}

static void test_scratch(void)
{
	struct scratch *scratch = scratch_new(NULL);
	g_autofree char *path = g_strdup(scratch->path);
	GError *error = NULL;
	struct guard guard;
	char other[256] = "";

	ok(g_file_test(path, G_FILE_TEST_IS_DIR), "a directory");
	scratch_free(scratch);
	ok(access(path, F_OK), "it is gone with its end");
	assert(guard_start(&guard, command, " ", 0));
	for (size_t used = 0; !strchr(other, ' '); used += read(guard.fd, other + used, 1))
		;
	*strchr(other, ' ') = 0;
	ok(g_file_test(other, G_FILE_TEST_IS_DIR), "another command's");
	guard_stop(&guard);
	ok(is_gone(other), "it is gone when that was killed");
	setenv("TMPDIR", "/nowhere", 1);
	ok(!scratch_new(&error) && error && strstr(error->message, "/nowhere"),
	   "where none can be made it is said");
	g_clear_error(&error);
}

int main(void)
{
	test_guard();
	test_scratch();
	return tap_done();
}
