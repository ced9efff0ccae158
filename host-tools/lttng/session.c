// SPDX-License-Identifier: GPL-2.0-only
/* A session of stock LTTng beside a recording; see session.h. */
#include "lttng/session.h"

#include <string.h>
#include <unistd.h>

#include "error.h"
#include "lttng/command.h"

/* How long commands may take: those that only ask or set, and those that wait for data. */
#define ASK_TIMEOUT_MS		20000
#define DATA_TIMEOUT_MS		60000

#define CHANNEL			"hypertrace"

/* What a trace of VMs needs: few events a second, and none in QEMU's hot paths. */
#define UST_EVENTS	"qemu:virtio_hypertrace_*,qemu:kvm_*,qemu:vm_state_notify," \
			"qemu:runstate_set,hypertrace:*"
#define KERNEL_EVENTS	"kvm_*,sched_switch,sched_waking,sched_wakeup,sched_migrate_task," \
			"sched_process_*,irq_handler_*,softirq_*"

/**
 * struct lttng_session - see session.h
 * @is_made: lttng knows it
 */
struct lttng_session {
	char *name;
	char *output;
	bool is_made;
};

/* Run "lttng COMMAND ARGUMENT..."; the daemon is our business, not that of each command. */
static bool run(int timeout_ms, GError **error, const char *first, ...)
{
	const char *argv[16] = { "lttng", "--no-sessiond", first };
	size_t count = 3;
	va_list args;

	va_start(args, first);
	while (count < G_N_ELEMENTS(argv) - 1 && (argv[count] = va_arg(args, const char *)))
		count++;
	va_end(args);
	argv[count] = NULL;
	return lttng_command_run(argv, timeout_ms, error);
}

/**
 * need_daemon - have a session daemon, started if need be
 *
 * `lttng create` would start one as well, but one that keeps our descriptors.
 *
 * Return: false with @error set.
 */
static bool need_daemon(GError **error)
{
	const char *path = g_getenv("LTTNG_SESSIOND_PATH");
	const char *const argv[] = { path ? path : "lttng-sessiond", "--daemonize", NULL };
	GError *cause = NULL;

	if (run(ASK_TIMEOUT_MS, &cause, "list", NULL))
		return true;
	if (g_error_matches(cause, HT_ERROR, HT_ERROR_NOT_FOUND)) {
		g_propagate_prefixed_error(error, cause, "lttng-tools is not installed: ");
		return false;
	}
	g_error_free(cause);
	if (!lttng_command_run(argv, ASK_TIMEOUT_MS, error)) {
		g_prefix_error(error, "cannot start a session daemon: ");
		return false;
	}
	g_printerr("hypertrace: started lttng-sessiond, as none was running; it stays\n");
	return true;
}

/**
 * find_name - find a name that neither the recording nor lttng knows yet
 */
static void find_name(struct lttng_session *session, const char *recording)
{
	g_autofree char *path = g_canonicalize_filename(recording, NULL);

	session->name = g_strdup_printf("hypertrace-%d", (int)getpid());
	session->output = g_build_filename(path, LTTNG_DIR, session->name, NULL);
	for (unsigned int i = 2; g_file_test(session->output, G_FILE_TEST_EXISTS); i++) {
		g_free(session->name);
		g_free(session->output);
		session->name = g_strdup_printf("hypertrace-%d-%u", (int)getpid(), i);
		session->output = g_build_filename(path, LTTNG_DIR, session->name, NULL);
	}
}

static bool enable_channel(const struct lttng_session *session, const char *domain,
			   GError **error)
{
	return run(ASK_TIMEOUT_MS, error, "enable-channel", domain, "--session", session->name,
		   CHANNEL, NULL);
}

static bool enable_events(const struct lttng_session *session, const char *domain,
			  const char *patterns, GError **error)
{
	return run(ASK_TIMEOUT_MS, error, "enable-event", domain, "--session", session->name,
		   "--channel", CHANNEL, patterns, NULL);
}

/* Who it was: the threads of QEMU are its vCPUs. */
static bool add_contexts(const struct lttng_session *session, const char *domain,
			 const char *process, const char *thread, GError **error)
{
	return run(ASK_TIMEOUT_MS, error, "add-context", domain, "--session", session->name,
		   "--channel", CHANNEL, "--type", process, "--type", thread,
		   "--type", "procname", NULL);
}

static bool enable_ust(const struct lttng_session *session, const char *patterns, GError **error)
{
	return enable_channel(session, "--userspace", error) &&
	       add_contexts(session, "--userspace", "vpid", "vtid", error) &&
	       enable_events(session, "--userspace", patterns, error);
}

static bool enable_kernel(const struct lttng_session *session, const char *patterns,
			  GError **error)
{
	/* the first to ask, as it has nothing to send that a refusal would come before */
	return run(ASK_TIMEOUT_MS, error, "list", "--kernel", NULL) &&
	       enable_channel(session, "--kernel", error) &&
	       add_contexts(session, "--kernel", "pid", "tid", error) &&
	       enable_events(session, "--kernel", patterns, error);
}

/**
 * enable_default - user space, and the kernel if it is to be had
 */
static bool enable_default(const struct lttng_session *session, GError **error)
{
	GError *cause = NULL;

	if (!enable_ust(session, UST_EVENTS, error))
		return false;
	if (enable_kernel(session, KERNEL_EVENTS, &cause))
		return true;
	g_printerr("hypertrace: LTTng records user space only: %s\n", cause->message);
	g_error_free(cause);
	return true;
}

/**
 * split_events - sort what the user named by domain
 * @kernel: patterns for the kernel, with commas between them
 * @ust: likewise for user space
 * Return: false with @error set.
 */
static bool split_events(const char *events, GString *kernel, GString *ust, GError **error)
{
	g_auto(GStrv) items = g_strsplit(events, ",", -1);

	for (char **item = items; *item; item++) {
		const char *name = g_strstrip(*item);
		GString *list = ust;

		if (g_str_has_prefix(name, "kernel:")) {
			list = kernel;
			name += strlen("kernel:");
		} else if (g_str_has_prefix(name, "ust:")) {
			name += strlen("ust:");
		}
		/* nothing that lttng would take for an option */
		if (!*name || *name == '-') {
			g_set_error(error, HT_ERROR, HT_ERROR_USAGE,
				    "not a list of LTTng events: %s", events);
			return false;
		}
		g_string_append_printf(list, "%s%s", list->len ? "," : "", name);
	}
	return true;
}

static bool enable_chosen(const struct lttng_session *session, const char *events, GError **error)
{
	g_autoptr(GString) kernel = g_string_new(NULL), ust = g_string_new(NULL);

	return split_events(events, kernel, ust, error) &&
	       (!ust->len || enable_ust(session, ust->str, error)) &&
	       (!kernel->len || enable_kernel(session, kernel->str, error));
}

struct lttng_session *lttng_session_new(const char *recording, const char *events, GError **error)
{
	struct lttng_session *session = g_new0(struct lttng_session, 1);

	find_name(session, recording);
	if (!need_daemon(error))
		goto fail;
	if (!run(ASK_TIMEOUT_MS, error, "create", session->name, "--output", session->output,
		 NULL))
		goto fail;
	session->is_made = true;
	if (!(events ? enable_chosen(session, events, error) : enable_default(session, error)))
		goto fail;
	return session;
fail:
	g_prefix_error(error, "cannot make an LTTng session: ");
	lttng_session_free(session);
	return NULL;
}

bool lttng_session_start(struct lttng_session *session, GError **error)
{
	if (run(DATA_TIMEOUT_MS, error, "start", session->name, NULL))
		return true;
	g_prefix_error(error, "cannot start LTTng session: session=%s: ", session->name);
	return false;
}

bool lttng_session_end(struct lttng_session *session, GError **error)
{
	bool is_stopped = run(DATA_TIMEOUT_MS, error, "stop", session->name, NULL);
	bool is_destroyed = run(DATA_TIMEOUT_MS, is_stopped ? error : NULL, "destroy",
				session->name, NULL);

	/* trying again would find the same */
	session->is_made = false;
	if (is_stopped && is_destroyed)
		return true;
	g_prefix_error(error, "cannot end LTTng session, its trace may lack its end: session=%s: ",
		       session->name);
	return false;
}

void lttng_session_free(struct lttng_session *session)
{
	if (!session)
		return;
	if (session->is_made)
		run(DATA_TIMEOUT_MS, NULL, "destroy", session->name, NULL);
	g_free(session->name);
	g_free(session->output);
	g_free(session);
}

const char *lttng_session_name(const struct lttng_session *session)
{
	return session->name;
}

const char *lttng_session_output(const struct lttng_session *session)
{
	return session->output;
}
