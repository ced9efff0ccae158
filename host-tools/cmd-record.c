// SPDX-License-Identifier: GPL-2.0-only
/*
 * `hypertrace record`: one loop over all VMs, and the host. It looks at their
 * rings, sleeps the longer the less there was, and ends when the user, the clock
 * or the last VM says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "cmd.h"
#include "control.h"
#include "decode/timebase.h"
#include "error.h"
#include "format.h"
#include "guest-lttng.h"
#include "host/host.h"
#include "kernel/keep.h"
#include "lock.h"
#include "lttng/session.h"
#include "recording/reader.h"
#include "session.h"
#include "vm.h"

#define NAME			"record"

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

#define STATUS_INTERVAL_NS	1000000000ULL

/* What the kernel takes the size of a buffer in is KiB in an int. */
#define MAX_HOST_BUFFER		(1ULL << 40)

/**
 * struct record_options - what the command line says
 * @runtime_dir: where VMs are looked for
 * @output: the recording
 * @operands: the VMs, ended by NULL
 * @globs: events to be enabled in the guests, or NULL
 * @duration_ns: when to stop, 0 for never
 * @may_wait: wait for VMs that do not live yet
 * @profile: of the kernel in a window, or NULL
 * @has_host: record the host too
 * @host_globs: its events, NULL for the default
 * @host_buffer: bytes of each CPU's buffer, 0 for the default
 * @has_lttng: have LTTng trace meanwhile
 * @lttng_events: what, NULL for the default
 */
struct record_options {
	const char *runtime_dir;
	const char *output;
	char **operands;
	const char *globs;
	uint64_t duration_ns;
	bool may_wait;
	const struct kernel_profile *profile;
	bool has_host;
	const char *host_globs;
	uint64_t host_buffer;
	bool has_lttng;
	const char *lttng_events;
};

/**
 * struct recorder - the state of the command
 * @writer: the recording
 * @path: of it
 * @sessions: struct session *, the VMs that are being recorded
 * @finished: struct session *, those that are done
 * @host: the host's own kernel, NULL if it is not recorded
 * @is_host_alone: there is no VM to wait for the end of
 * @buffer: scratch space for all of them
 * @signal_fd: SIGINT, SIGTERM and SIGHUP come here
 * @stop_requests: how many of them came
 * @lttng: LTTng's session beside it, or NULL
 * @has_status_line: a status line is on the terminal
 * @status_ns: when it was written
 * @status_events: events then
 * @status_bytes: bytes then
 */
struct recorder {
	struct writer *writer;
	const char *path;
	GPtrArray *sessions;
	GPtrArray *finished;
	struct host *host;
	bool is_host_alone;
	GByteArray *buffer;
	int signal_fd;
	unsigned int stop_requests;
	struct lttng_session *lttng;
	bool wants_status;
	bool has_status_line;
	uint64_t status_ns;
	uint64_t status_events;
	uint64_t status_bytes;
};

/**
 * parse_duration - take "10", "10s", "500ms", "2m", "1h" apart
 * @ns: set on success
 */
static bool parse_duration(const char *text, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "m", 60e9 }, { "h", 3600e9 } };
	double value;
	char *end;
	size_t i;

	value = g_ascii_strtod(text, &end);
	if (end == text || !(value >= 0))
		return false;
	for (i = 0; i < G_N_ELEMENTS(units); i++)
		if (!strcmp(end, units[i].unit) && value * units[i].ns < 1e18) {
			*ns = (uint64_t)(value * units[i].ns);
			return true;
		}
	return false;
}

/**
 * open_region_file - open the region of a VM that has ended
 * Return: the region, or NULL with @error set.
 */
static struct region *open_region_file(const struct vm *vm, GError **error)
{
	struct region *region;
	pid_t owner;
	int fd;

	fd = open(vm->region_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		g_set_error(error, HT_ERROR,
			    errno == ENOENT ? HT_ERROR_NOT_FOUND : HT_ERROR_FAILED,
			    "cannot open region of ended VM: path=%s: %s", vm->region_path,
			    g_strerror(errno));
		return NULL;
	}
	if (!lock_take(fd, &owner)) {
		g_set_error(error, HT_ERROR, HT_ERROR_BUSY, "region is in use: path=%s pid=%d",
			    vm->region_path, (int)owner);
		close(fd);
		return NULL;
	}
	region = region_map(fd, 0, false, error);
	if (!region)
		g_prefix_error(error, "path=%s: ", vm->region_path);
	return region;
}

/**
 * attach - reach a VM's region, alive or dead
 * @must_live: do not read the region of a dead one
 * @is_dead: set if it is one and @must_live
 * Return: false with @error set, or with *@is_dead set.
 */
static bool attach(const struct vm *vm, bool must_live, struct region **region, int *control_fd,
		   bool *is_dead, GError **error)
{
	enum control_result result = CONTROL_DEAD;
	uint64_t region_offset;
	int region_fd;

	*is_dead = false;
	*control_fd = -1;
	if (vm->control_path)
		result = control_attach(vm->control_path, control_fd, &region_fd, &region_offset,
					error);
	switch (result) {
	case CONTROL_OK:
		*region = region_map(region_fd, region_offset, true, error);
		if (!*region)
			close(*control_fd);
		break;
	case CONTROL_DEAD:
		*is_dead = must_live;
		*region = must_live ? NULL : open_region_file(vm, error);
		break;
	case CONTROL_FAILED:
		*region = NULL;
		break;
	}
	if (error && *error)
		g_prefix_error(error, "vm=%s: ", vm->name);
	return *region != NULL;
}

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
 * find_targets - the VMs that the command line means: none are fine for the host alone
 * Return: struct vm *[], or NULL with @error set.
 */
static GPtrArray *find_targets(const struct record_options *options, GError **error)
{
	const char *runtime_dir = options->runtime_dir;
	char **operands = options->operands;
	GPtrArray *vms;
	guint i;

	if (!*operands) {
		vms = vm_list(runtime_dir);
		for (i = 0; i < vms->len;)
			if (vm_is_live(vms->pdata[i]))
				i++;
			else
				g_ptr_array_remove_index(vms, i);
		if (!vms->len && !options->has_host) {
			char *names = vm_names(runtime_dir);

			g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
				    "no VM is running with a trace port; %s", names);
			g_free(names);
			g_ptr_array_unref(vms);
			return NULL;
		}
		return vms;
	}
	vms = g_ptr_array_new_with_free_func((GDestroyNotify)vm_free);
	for (; *operands; operands++) {
		struct vm *vm = options->may_wait ? vm_expect(runtime_dir, *operands) :
					   vm_find(runtime_dir, *operands, error);

		if (!vm) {
			g_ptr_array_unref(vms);
			return NULL;
		}
		g_ptr_array_add(vms, vm);
	}
	return vms;
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

	while (!attach(vm, options->may_wait, &region, &control_fd, &is_dead, error)) {
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
 * clear_status - take the status line away
 */
static void clear_status(struct recorder *rec)
{
	if (rec->has_status_line)
		g_printerr("\r\033[K");
	rec->has_status_line = false;
}

static void add_one(const struct session_totals *one, struct session_totals *sum)
{
	sum->stats.events += one->stats.events;
	sum->stats.bytes += one->stats.bytes;
	sum->stats.packets += one->stats.packets;
	sum->stats.lost += one->stats.lost;
	sum->stats.overwritten += one->stats.overwritten;
	sum->stats.torn += one->stats.torn;
	sum->stats.before += one->stats.before;
	sum->damaged += one->damaged;
}

static void add_totals(GPtrArray *sessions, struct session_totals *sum)
{
	guint i;

	for (i = 0; i < sessions->len; i++) {
		struct session_totals one;

		session_totals(sessions->pdata[i], &one);
		add_one(&one, sum);
	}
}

/**
 * get_totals - sums over everything, past and present
 */
static void get_totals(const struct recorder *rec, struct session_totals *sum)
{
	struct session_totals host;

	memset(sum, 0, sizeof(*sum));
	add_totals(rec->sessions, sum);
	add_totals(rec->finished, sum);
	if (rec->host) {
		host_totals(rec->host, &host);
		add_one(&host, sum);
	}
}

/**
 * show_status - renew the status line once a second
 */
static void show_status(struct recorder *rec)
{
	struct session_totals sum;
	uint64_t now = clock_mono_ns();
	double seconds = (double)(now - rec->status_ns) / 1e9;
	g_autofree char *bytes = NULL, *rate = NULL;

	if (!rec->wants_status || now - rec->status_ns < STATUS_INTERVAL_NS)
		return;
	get_totals(rec, &sum);
	bytes = format_bytes((double)sum.stats.bytes);
	rate = format_bytes((double)(sum.stats.bytes - rec->status_bytes) / seconds);
	g_printerr("\r\033[K%s%u VM%s  %.0f events/s  %s/s  %s in all  lost: %" G_GUINT64_FORMAT
		   " events, %" G_GUINT64_FORMAT " packets", rec->host ? "host, " : "", rec->sessions->len,
		   rec->sessions->len == 1 ? "" : "s",
		   (double)(sum.stats.events - MIN(rec->status_events, sum.stats.events)) / seconds,
		   rate, bytes, sum.stats.lost, sum.stats.overwritten);
	rec->has_status_line = true;
	rec->status_ns = now;
	rec->status_events = sum.stats.events;
	rec->status_bytes = sum.stats.bytes;
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
			clear_status(rec);
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

/**
 * run - record until the end that the user, the clock or the VMs set
 * @deadline_ns: CLOCK_MONOTONIC, or 0
 * Return: false with @error set.
 */
static bool run(struct recorder *rec, uint64_t deadline_ns, GError **error)
{
	uint64_t pause_ns = MIN_PAUSE_NS, moved_ns = 0;
	enum session_result result;

	while (has_work(rec) && !count_signals(rec)) {
		uint64_t now = clock_mono_ns();

		if (deadline_ns && now >= deadline_ns)
			break;
		if (!run_pass(rec, &result, error))
			return false;
		show_status(rec);
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
 * end_lttng - have LTTng write the rest, whatever became of the recording
 * @code: the exit code; changed if this fails and nothing did before
 */
static void end_lttng(struct recorder *rec, int *code)
{
	GError *error = NULL;
	int failed;

	if (rec->lttng && !lttng_session_end(rec->lttng, &error)) {
		failed = cmd_fail(NAME, error);
		*code = *code ? *code : failed;
	}
	lttng_session_free(rec->lttng);
	rec->lttng = NULL;
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
	clear_status(rec);
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

/**
 * stop - end the recording of everything
 * Return: false with @error set.
 */
static bool stop(struct recorder *rec, GError **error)
{
	return stop_vms(rec, error) && finish_host_side(rec, error);
}

/**
 * struct book - the finished recording, to look up the times in
 * @recording: the recording, NULL if it cannot be read
 * @vm: one of its VMs, NULL if it is not there
 * @timebase: of @vm
 */
struct book {
	struct recording *recording;
	const struct recording_vm *vm;
	struct timebase *timebase;
};

static void book_select_vm(struct book *book, const char *dir_name)
{
	const GPtrArray *vms = book->recording ? book->recording->vms : NULL;

	timebase_free(book->timebase);
	book->timebase = NULL;
	book->vm = NULL;
	for (guint i = 0; vms && i < vms->len && !book->vm; i++) {
		const struct recording_vm *vm = vms->pdata[i];

		if (!strcmp(vm->dir_name, dir_name))
			book->vm = vm;
	}
	if (book->vm)
		book->timebase = timebase_new(book->vm, NULL);
}

static bool book_span(const struct book *book, const char *stream_name, uint64_t *first_ns,
		      uint64_t *last_ns)
{
	const struct recording_stream *stream;
	uint32_t epoch;

	if (!book->vm)
		return false;
	stream = recording_vm_stream(book->vm, stream_name, &epoch);
	return stream && timebase_span(book->timebase, epoch, stream, first_ns, last_ns);
}

/**
 * print_summary_line - one stream
 */
static void print_summary_line(const char *vm, const struct tap_summary *stream,
			       const struct book *book)
{
	g_autofree char *first = NULL, *last = NULL;
	uint64_t first_ns, last_ns;

	if (book_span(book, stream->name, &first_ns, &last_ns)) {
		first = format_seconds(first_ns);
		last = format_seconds(last_ns);
	} else {
		first = g_strdup("-");
		last = g_strdup("-");
	}
	printf("%-16s %-32s %12" G_GUINT64_FORMAT " %10" G_GUINT64_FORMAT " %14" G_GUINT64_FORMAT
	       " %10" G_GUINT64_FORMAT " %10" G_GUINT64_FORMAT " %20s %20s\n", vm, stream->name,
	       stream->stats.events, stream->stats.packets, stream->stats.bytes,
	       stream->stats.lost, stream->stats.overwritten, first, last);
	if (stream->damage)
		printf("    damaged: %s: what the guest wrote after that could not be read\n",
		       stream->damage);
	if (stream->stats.before)
		printf("    %" G_GUINT64_FORMAT
		       " packets were overwritten before the recording began\n",
		       stream->stats.before);
	if (stream->stats.torn)
		printf("    %" G_GUINT64_FORMAT " packets were overwritten while they were read\n",
		       stream->stats.torn);
}

/**
 * print_end - why the VM's last driver ended, if it said so
 */
static void print_end(const struct session *session)
{
	const struct guest_end *end = session_end(session);
	char word[END_WORD_SIZE];

	if (end->reason != VHT_END_NONE)
		printf("%s ended: %s%s%s\n", session_name(session),
		       end_reason_word(end->reason, word), end->text[0] ? ": " : "", end->text);
}

/**
 * print_host_summary - the host's streams
 */
static void print_host_summary(const struct recorder *rec, struct book *book)
{
	GPtrArray *streams = rec->host ? host_summaries(rec->host) : NULL;
	guint i;

	if (!streams || !streams->len)
		return;
	book_select_vm(book, RECORDING_HOST_DIR);
	for (i = 0; i < streams->len; i++)
		print_summary_line(book->vm ? book->vm->name : RECORDING_HOST_DIR,
				   streams->pdata[i], book);
}

static void print_summary(const struct recorder *rec)
{
	struct book book = { .recording = recording_open(rec->path, NULL) };
	struct session_totals sum;
	guint i, j;

	printf("%-16s %-32s %12s %10s %14s %10s %10s %20s %20s\n", "VM", "stream", "events",
	       "packets", "bytes", "lost", "missing", "first [s]", "last [s]");
	print_host_summary(rec, &book);
	for (i = 0; i < rec->finished->len; i++) {
		const struct session *session = rec->finished->pdata[i];
		uint64_t omitted;
		GPtrArray *streams = session_summaries(session, &omitted);

		book_select_vm(&book, session_dir_name(session));
		for (j = 0; j < streams->len; j++)
			print_summary_line(session_name(session), streams->pdata[j], &book);
		if (omitted)
			printf("    and %" G_GUINT64_FORMAT " more streams\n", omitted);
		if (book.vm)
			guest_lttng_print_recorded(book.vm);
	}
	timebase_free(book.timebase);
	recording_free(book.recording);
	get_totals(rec, &sum);
	for (i = 0; i < rec->finished->len; i++)
		print_end(rec->finished->pdata[i]);
	printf("recorded %" G_GUINT64_FORMAT " events in %" G_GUINT64_FORMAT " packets, %"
	       G_GUINT64_FORMAT " bytes to %s\n", sum.stats.events, sum.stats.packets,
	       sum.stats.bytes, rec->path);
	printf("lost: %" G_GUINT64_FORMAT " events in %s, %" G_GUINT64_FORMAT
	       " packets overwritten in the region (%" G_GUINT64_FORMAT
	       " while they were read); damaged streams: %" G_GUINT64_FORMAT "\n",
	       sum.stats.lost, rec->is_host_alone ? "the host" :
	       rec->host ? "host and guests" : "the guest",
	       sum.stats.overwritten, sum.stats.torn, sum.damaged);
}

/**
 * complete - mark the recording complete
 */
static bool complete(struct recorder *rec, GError **error)
{
	struct session_totals sum;

	get_totals(rec, &sum);
	writer_set_lost(rec->writer, "packets_overwritten", sum.stats.overwritten);
	writer_set_lost(rec->writer, "packets_torn", sum.stats.torn);
	writer_set_lost(rec->writer, "streams_damaged", sum.damaged);
	return writer_complete(rec->writer, error);
}

/**
 * keep_profile - let the recording tell of kernels whose driver did not
 * @profile: what the user named, or NULL
 */
static void keep_profile(struct recorder *rec, const struct kernel_profile *profile)
{
	GError *error = NULL;
	unsigned int kept;

	/* the events are safe whatever comes of it */
	if (!kernel_profile_keep(rec->path, profile, false, &kept, &error)) {
		g_printerr("hypertrace: warning: %s\n", error->message);
		g_error_free(error);
	}
}

/**
 * abandon - after a failure: let go of the VMs and the host, keep what is written
 */
static void abandon(struct recorder *rec)
{
	clear_status(rec);
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

/**
 * has_recorded - see whether there is anything to sum up
 */
static bool has_recorded(const struct recorder *rec)
{
	return rec->finished->len || (rec->host && host_summaries(rec->host)->len);
}

/**
 * open_signals - have the signals that end a recording come through a descriptor
 */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/**
 * raise_file_limit - allow a file for each of many streams
 */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static char *default_output(void)
{
	GDateTime *now = g_date_time_new_now_local();
	char *name = g_date_time_format(now, "hypertrace-%Y%m%d-%H%M%S");

	g_date_time_unref(now);
	return name;
}

/**
 * open_host_side - see that what of the host is to be recorded can be
 *
 * Nothing is recorded of anybody, and the output not touched, before that.
 *
 * Return: false with @error set.
 */
static bool open_host_side(struct recorder *rec, const struct record_options *options,
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

/**
 * begin_all - begin to record: the host first, so that it has all of its VMs
 * @vms: struct vm *
 * Return: false with @error set, or without if the user wants an end.
 */
static bool begin_all(struct recorder *rec, const struct record_options *options, GPtrArray *vms,
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

/**
 * record - what is left once the command line is understood
 * Return: the exit code.
 */
static int record(const struct record_options *options)
{
	struct recorder rec = { .path = options->output, .signal_fd = open_signals() };
	uint64_t duration_ns = options->duration_ns;
	GPtrArray *vms;
	GError *error = NULL;
	int code = 0;

	rec.sessions = g_ptr_array_new_with_free_func((GDestroyNotify)session_free);
	rec.finished = g_ptr_array_new_with_free_func((GDestroyNotify)session_free);
	rec.buffer = g_byte_array_new();
	rec.wants_status = isatty(STDERR_FILENO);
	raise_file_limit();

	vms = find_targets(options, &error);
	if (vms && open_host_side(&rec, options, &error))
		begin_all(&rec, options, vms, &error);
	rec.status_ns = clock_mono_ns();
	if (!error && run(&rec, duration_ns ? rec.status_ns + duration_ns : 0, &error) &&
	    stop(&rec, &error)) {
		keep_profile(&rec, options->profile);
		complete(&rec, &error);
	}

	if (rec.writer)
		abandon(&rec);
	if (has_recorded(&rec))
		print_summary(&rec);
	if (error)
		code = cmd_fail(NAME, error);

	g_ptr_array_unref(rec.sessions);
	g_ptr_array_unref(rec.finished);
	/* now the VMs are let go, which is something to tell of */
	end_lttng(&rec, &code);
	g_byte_array_unref(rec.buffer);
	host_free(rec.host);
	writer_free(rec.writer);
	if (vms)
		g_ptr_array_unref(vms);
	close(rec.signal_fd);
	return code;
}

int cmd_record(int argc, char **argv)
{
	g_autofree char *output = NULL, *events = NULL, *duration = NULL, *runtime_dir = NULL;
	g_autofree char *kernel = NULL, *host_events = NULL, *host_buffer = NULL;
	g_autofree char *lttng_events = NULL;
	struct record_options options = { 0 };
	struct kernel_profile *profile = NULL;
	GError *error = NULL;
	gboolean may_wait = FALSE, must_be_new = FALSE, has_host = FALSE, has_lttng = FALSE;
	int code;
	const GOptionEntry entries[] = {
		{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
		  "The recording's directory; one that exists is continued", "DIR" },
		{ "events", 'e', 0, G_OPTION_ARG_STRING, &events,
		  "Enable these events in the guest while recording", "SYSTEM:EVENT,..." },
		{ "host", 0, 0, G_OPTION_ARG_NONE, &has_host,
		  "Record the host's kernel too (needs the right to trace it)", NULL },
		{ "host-events", 0, 0, G_OPTION_ARG_STRING, &host_events,
		  "These events of the host (default: kvm, irq, some of sched)",
		  "SYSTEM:EVENT,..." },
		{ "host-buffer", 0, 0, G_OPTION_ARG_STRING, &host_buffer,
		  "Buffer of each CPU of the host (default: 4M)", "SIZE" },
		{ "lttng", 0, 0, G_OPTION_ARG_NONE, &has_lttng,
		  "Have LTTng trace QEMU and the host's kernel meanwhile", NULL },
		{ "lttng-events", 0, 0, G_OPTION_ARG_STRING, &lttng_events,
		  "Have LTTng trace these events", "[kernel:|ust:]EVENT,..." },
		{ "kernel", 'k', 0, G_OPTION_ARG_STRING, &kernel,
		  "For a window: its kernel's profile (default: the one that fits)", "PROFILE" },
		{ "for", 0, 0, G_OPTION_ARG_STRING, &duration,
		  "Stop after this time (s; or with ms, s, m, h)", "DURATION" },
		{ "wait", 'w', 0, G_OPTION_ARG_NONE, &may_wait,
		  "Wait for VMs that do not run yet", NULL },
		{ "new", 0, 0, G_OPTION_ARG_NONE, &must_be_new,
		  "Refuse to continue a recording", NULL },
		{ "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &runtime_dir,
		  "Where VMs are looked for", "DIR" },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
	};

	if (!cmd_parse(&argc, &argv, "[VM...]",
		       "Records VMs (all that run, if none is named) until Ctrl-C, until the time\n"
		       "is over, or until they end. A VM is a name, or a path of its runtime\n"
		       "directory or of its region file.", entries))
		return HT_ERROR_USAGE;
	if (duration && (!parse_duration(duration, &options.duration_ns) || !options.duration_ns))
		return cmd_usage(NAME, "not a duration: --for=%s", duration);
	if (may_wait && argc < 2)
		return cmd_usage(NAME, "--wait needs the name of a VM");
	if (!parse_bytes(host_buffer, &options.host_buffer) ||
	    options.host_buffer > MAX_HOST_BUFFER)
		return cmd_usage(NAME, "not a size, or too large: --host-buffer=%s", host_buffer);
	if (!output)
		output = default_output();
	if (must_be_new && g_file_test(output, G_FILE_TEST_EXISTS)) {
		g_printerr("hypertrace record: exists already: path=%s\n", output);
		return HT_ERROR_FAILED;
	}
	if (!runtime_dir)
		runtime_dir = vm_runtime_dir();
	if (kernel)
		profile = kernel_profile_load(kernel, &error);
	if (error)
		return cmd_fail(NAME, error);
	options.runtime_dir = runtime_dir;
	options.output = output;
	options.operands = argv + 1;
	options.globs = events;
	options.may_wait = may_wait;
	options.profile = profile;
	/* who says how the host is recorded wants it recorded */
	options.has_host = has_host || host_events || host_buffer;
	options.host_globs = host_events;
	options.has_lttng = has_lttng || lttng_events;
	options.lttng_events = lttng_events;
	code = record(&options);
	kernel_profile_free(profile);
	return code;
}
