// SPDX-License-Identifier: GPL-2.0-only
/* A boot without tracing; see control.h. */
#include "control.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "vm.h"

#define STEP_US		50000
/* A command that ended may have left a VM that is about to come, or to be seen to end. */
#define PATIENCE	200	/* steps */

struct child {
	GPid pid;
	bool has_ended;
	int status;
};

/*
 * Ctrl-C is for the children: the recorder ends well, and then there is a report.
 * What they print is no part of that.
 */
static void child_setup(void *data)
{
	(void)data;
	signal(SIGINT, SIG_DFL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
}

static bool start(struct child *child, char **argv, GError **error)
{
	child->has_ended = false;
	return g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
			     child_setup, NULL, &child->pid, error);
}

static void look(struct child *child)
{
	if (!child->has_ended && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
		child->has_ended = true;
}

static void end(struct child *child, int signal_number)
{
	if (child->has_ended)
		return;
	kill(child->pid, signal_number);
	waitpid(child->pid, &child->status, 0);
	child->has_ended = true;
}

static bool wait_for_both(struct child *recorder, struct child *command, const struct vm *vm,
			  GError **error)
{
	int idle = 0;

	while (!recorder->has_ended) {
		g_usleep(STEP_US);
		look(recorder);
		look(command);
		if (command->has_ended && !g_spawn_check_wait_status(command->status, error)) {
			end(recorder, SIGINT);
			g_prefix_error(error, "the command failed: ");
			return false;
		}
		idle = command->has_ended && !vm_is_live(vm) ? idle + 1 : 0;
		if (idle > PATIENCE)
			end(recorder, SIGINT);
	}
	if (g_spawn_check_wait_status(recorder->status, error))
		return true;
	g_prefix_error(error, "the recorder failed: ");
	return false;
}

bool control_record(char **argv, const char *name, const char *runtime_dir, const char *out,
		    GError **error)
{
	g_autofree char *directory = runtime_dir ? g_strdup(runtime_dir) : vm_runtime_dir();
	char *record[] = { "/proc/self/exe", "record", "--wait", "--new", "-o", (char *)out,
			   "--runtime-dir", directory, (char *)name, NULL };
	struct child recorder, command;
	struct vm *vm;
	bool done;

	if (!directory) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED,
			    "there is no runtime directory: --runtime-dir names one");
		return false;
	}
	vm = vm_expect(directory, name);
	signal(SIGINT, SIG_IGN);
	done = start(&recorder, record, error);
	if (done && !start(&command, argv, error)) {
		end(&recorder, SIGINT);
		done = false;
	} else if (done) {
		done = wait_for_both(&recorder, &command, vm, error);
		look(&command);
		/* the VM has ended: what started it has nothing more to do */
		end(&command, SIGTERM);
	}
	signal(SIGINT, SIG_DFL);
	vm_free(vm);
	return done;
}
