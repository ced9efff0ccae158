// SPDX-License-Identifier: GPL-2.0-only
/*
 * One loop over all VMs, and the host; see recorder.h. It looks at their rings, sleeps the
 * longer the less there was, and ends when the user, the clock or the last VM says so.
 */
#include "recorder/recorder.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "recorder/attach.h"
#include "recorder/status.h"

/* The pause between two looks at the rings under load; it doubles while idle. */
#define MIN_PAUSE_NS		1000000ULL

/*
 * A guest that had something to say in the last seconds may soon say more, or
 * replace its driver, and with it all that is in the rings.
 */
#define RECENT_NS		3000000000ULL
#define RECENT_PAUSE_NS		20000000ULL

/* How long the guest may take to answer FLUSH, and the rings to run dry after it. */
#define FLUSH_TIMEOUT_NS	2000000000ULL
#define DRAIN_TIMEOUT_NS	2000000000ULL

/* How often --wait looks whether the VM is there. */
#define WAIT_PAUSE_NS		10000000ULL

/**
 * count_signals - take the signals that came
 * Return: true if the user wants an end.
 */
static bool count_signals(struct recorder *rec)
{
	struct signalfd_siginfo info;

	while (read(rec->signal_fd, &info, sizeof(info)) == sizeof(info))
		rec->stop_requests++;
	return rec->stop_requests > 0;
}

/**
 * pause_for - sleep until a signal, a message, or for some time
 */
static void pause_for(struct recorder *rec, uint64_t ns)
{
	struct timespec timeout = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	g_autofree struct pollfd *fds = g_new0(struct pollfd, rec->sessions->len + 1);
	guint i;

	fds[0] = (struct pollfd) { .fd = rec->signal_fd, .events = POLLIN };
	for (i = 0; i < rec->sessions->len; i++)
		fds[i + 1] = (struct pollfd) {
			.fd = session_control_fd(rec->sessions->pdata[i]),
			.events = POLLIN,
		};
	ppoll(fds, rec->sessions->len + 1, &timeout, NULL);
}

/**
 * run_host_pass - look once at the host
 * @result: raised to how much there was
 * Return: false with @error set.
 */
static bool run_host_pass(struct recorder *rec, enum session_result *result, GError **error)
{
	enum session_result one = rec->host ? host_pass(rec->host, error) : SESSION_IDLE;

	if (one == SESSION_FAILED)
		return false;
	*result = MAX(*result, one);
	return true;
}

/**
 * begin - attach to a VM and begin to record it
 * Return: false with @error set, or without if the user wants an end.
 */
static bool begin(struct recorder *rec, const struct vm *vm, const struct record_options *options,
		  GError **error)
{
	enum session_result ignored = SESSION_IDLE;
	struct session *session;
	struct region *region;
	const char *name;
	int control_fd;
	bool is_dead;

	while (!recorder_attach(vm, options->may_wait, &region, &control_fd, &is_dead, error)) {
		if (!is_dead)
			return false;
		/* the host goes on meanwhile */
		if (!run_host_pass(rec, &ignored, error))
			return false;
		pause_for(rec, WAIT_PAUSE_NS);
		if (count_signals(rec))
			return false;
	}
	name = region->host.name[0] ? region->host.name : vm->name;
	if (control_fd < 0)
		g_printerr("hypertrace: VM has ended, reading what its region holds: %s\n",
			   name);
	else
		g_printerr("hypertrace: recording %s (pid %u) to %s\n", name, region->host.pid,
			   rec->path);
	session = session_new(name, region, control_fd, rec->writer, options->globs, error);
	if (!session)
		return false;
	g_ptr_array_add(rec->sessions, session);
	return true;
}

/**
 * finish_one - a VM is done
 * Return: false with @error set.
 */
static bool finish_one(struct recorder *rec, guint index, GError **error)
{
	struct session *session = rec->sessions->pdata[index];
	bool ok = session_finish(session, error);

	g_ptr_array_add(rec->finished, g_ptr_array_steal_index(rec->sessions, index));
	return ok;
}

/**
 * run_vm_pass - look once at all VMs
 * @result: how much there was
 * Return: false with @error set.
 */
static bool run_vm_pass(struct recorder *rec, enum session_result *result, GError **error)
{
	guint i;

	*result = SESSION_IDLE;
	for (i = 0; i < rec->sessions->len;) {
		struct session *session = rec->sessions->pdata[i];
		bool had_ended = session_control_fd(session) < 0;
		enum session_result one;

		if (!session_input(session, error))
			return false;
		one = session_pass(session, rec->buffer, error);
		if (one == SESSION_FAILED)
			return false;
		*result = MAX(*result, one);
		/* a pass that began after the end and found nothing was the last */
		if (had_ended && one == SESSION_IDLE) {
			recorder_clear_status(rec);
			if (!finish_one(rec, i, error))
				return false;
			continue;
		}
		/* an end that was noticed just now wants its last passes soon */
		if (session_control_fd(session) < 0)
			*result = SESSION_MORE;
		i++;
	}
	return true;
}

/**
 * run_pass - look once at all VMs, and the host
 * @result: how much there was
 * Return: false with @error set.
 */
static bool run_pass(struct recorder *rec, enum session_result *result, GError **error)
{
	return run_vm_pass(rec, result, error) && run_host_pass(rec, result, error);
}

/**
 * longest_pause - the pause that nobody's rings are too small for
 */
static uint64_t longest_pause(const struct recorder *rec)
{
	uint64_t pause_ns = rec->host ? host_pause_ns(rec->host) : UINT64_MAX;
	guint i;

	for (i = 0; i < rec->sessions->len; i++)
		pause_ns = MIN(pause_ns, session_pause_ns(rec->sessions->pdata[i]));
	return pause_ns;
}

/**
 * has_work - see whether there is still anything to record
 */
static bool has_work(const struct recorder *rec)
{
	return rec->sessions->len || rec->is_host_alone;
}

bool recorder_run(struct recorder *rec, uint64_t deadline_ns, GError **error)
{
	uint64_t pause_ns = MIN_PAUSE_NS, moved_ns = 0;
	enum session_result result;

	while (has_work(rec) && !count_signals(rec)) {
		uint64_t now = clock_mono_ns();

		if (deadline_ns && now >= deadline_ns)
			break;
		if (!run_pass(rec, &result, error))
			return false;
		recorder_show_status(rec);
		if (result == SESSION_MORE)
			continue;
		if (!has_work(rec))
			break;
		now = clock_mono_ns();
		if (result == SESSION_MOVED)
			moved_ns = now;
		pause_ns = result == SESSION_MOVED ? MIN_PAUSE_NS :
						     MIN(pause_ns * 2, longest_pause(rec));
		if (now - moved_ns < RECENT_NS)
			pause_ns = MIN(pause_ns, RECENT_PAUSE_NS);
		if (deadline_ns && deadline_ns > now)
			pause_for(rec, MIN(pause_ns, deadline_ns - now));
		else
			pause_for(rec, pause_ns);
	}
	return true;
}

static bool is_any_flushing(const struct recorder *rec)
{
	guint i;

	for (i = 0; i < rec->sessions->len; i++)
		if (session_is_flushing(rec->sessions->pdata[i]))
			return true;
	return false;
}

/**
 * begin_lttng - have LTTng trace the host, if the user wants it
 * Return: false with @error set.
 */
static bool begin_lttng(struct recorder *rec, GError **error)
{
	if (!rec->lttng)
		return true;
	if (!lttng_session_start(rec->lttng, error))
		return false;
	g_printerr("hypertrace: LTTng session %s records to %s\n", lttng_session_name(rec->lttng),
		   lttng_session_output(rec->lttng));
	return true;
}

/**
 * begin_host_side - begin what of the host is recorded beside its VMs
 * Return: false with @error set.
 */
static bool begin_host_side(struct recorder *rec, GError **error)
{
	if (!begin_lttng(rec, error))
		return false;
	if (!rec->host)
		return true;
	g_printerr("hypertrace: recording the host to %s\n", rec->path);
	return host_begin(rec->host, rec->writer, error);
}

/**
 * finish_host_side - end it: after the VMs, so that it has all of them
 * @error: NULL after a failure that has been told
 * Return: false with @error set.
 */
static bool finish_host_side(struct recorder *rec, GError **error)
{
	return !rec->host || host_finish(rec->host, error);
}

/**
 * stop_vms - have the guests flush, take what comes, and finish all VMs
 * Return: false with @error set.
 */
static bool stop_vms(struct recorder *rec, GError **error)
{
	unsigned int requests = rec->stop_requests;
	enum session_result result, host_result = SESSION_IDLE;
	uint64_t deadline;
	guint i;

	for (i = 0; i < rec->sessions->len; i++)
		session_flush(rec->sessions->pdata[i]);
	deadline = clock_mono_ns() + FLUSH_TIMEOUT_NS;
	while (is_any_flushing(rec) && clock_mono_ns() < deadline) {
		if (!run_vm_pass(rec, &result, error) ||
		    !run_host_pass(rec, &host_result, error))
			return false;
		/* a second Ctrl-C does not wait for the guest */
		count_signals(rec);
		if (rec->stop_requests > requests)
			break;
		if (result == SESSION_IDLE)
			pause_for(rec, MIN_PAUSE_NS);
	}
	recorder_clear_status(rec);
	for (i = 0; i < rec->sessions->len; i++)
		if (session_is_flushing(rec->sessions->pdata[i]))
			g_printerr("hypertrace: warning: guest did not flush its buffers: vm=%s\n",
				   session_name(rec->sessions->pdata[i]));

	deadline = clock_mono_ns() + DRAIN_TIMEOUT_NS;
	do {
		if (!run_vm_pass(rec, &result, error) ||
		    !run_host_pass(rec, &host_result, error))
			return false;
	} while (result != SESSION_IDLE && rec->sessions->len && clock_mono_ns() < deadline);
	while (rec->sessions->len)
		if (!finish_one(rec, 0, error))
			return false;
	return true;
}

bool recorder_stop(struct recorder *rec, GError **error)
{
	return stop_vms(rec, error) && finish_host_side(rec, error);
}

void recorder_abandon(struct recorder *rec)
{
	recorder_clear_status(rec);
	while (rec->sessions->len) {
		struct session *session = g_ptr_array_steal_index(rec->sessions, 0);
		GError *ignored = NULL;

		/* what failed is told already; this is to count, and close, the rest */
		session_finish(session, &ignored);
		g_clear_error(&ignored);
		g_ptr_array_add(rec->finished, session);
	}
	finish_host_side(rec, NULL);
}

bool recorder_end_lttng(struct recorder *rec, GError **error)
{
	bool done = !rec->lttng || lttng_session_end(rec->lttng, error);

	lttng_session_free(rec->lttng);
	rec->lttng = NULL;
	return done;
}

int recorder_open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool recorder_open_host_side(struct recorder *rec, const struct record_options *options,
			   GError **error)
{
	/* times of another boot would fit to nothing in it */
	if ((options->has_host || options->has_lttng) &&
	    !writer_check_boot(options->output, error))
		return false;
	if (options->has_host)
		rec->host = host_new(options->host_globs, options->host_buffer, error);
	if (options->has_host && !rec->host)
		return false;
	if (options->has_lttng)
		rec->lttng = lttng_session_new(options->output, options->lttng_events, error);
	return !options->has_lttng || rec->lttng;
}

bool recorder_begin(struct recorder *rec, const struct record_options *options, GPtrArray *vms,
		      GError **error)
{
	guint i;

	rec->writer = writer_new(options->output, error);
	if (!rec->writer || !begin_host_side(rec, error))
		return false;
	for (i = 0; i < vms->len; i++)
		if (!begin(rec, vms->pdata[i], options, error))
			return false;
	rec->is_host_alone = rec->host && !vms->len;
	return true;
}
