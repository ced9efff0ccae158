// SPDX-License-Identifier: GPL-2.0-only
/* The critical chain; see chain.h. It is found from the end backwards. */
#include "chain.h"

#include <string.h>

#define MAX_DEPTH	32	/* of tasks that explain each other */
#define MAX_PIECES	200000	/* found; beyond that a wait is not taken apart */
#define MAX_LINKS	5000	/* shown */
/* Units that came up this share of the whole before the time looked at came up together. */
#define UNIT_SHARE	100

/* A piece of the chain, with tasks and units by number. */
struct piece {
	uint64_t start;
	uint64_t end;
	enum state state;
	int32_t task;
	int32_t unit;		/* on whose behalf, -1: none */
	const char *detail;
};

struct finder {
	const struct chain_input *input;
	GArray *pieces;		/* struct piece, backwards */
	int32_t unit;		/* the one being explained */
};

static void add_piece(struct finder *finder, uint64_t start, uint64_t end, enum state state,
		      const struct task *task, const char *detail)
{
	struct piece piece = {
		.start = start, .end = end, .state = state,
		.task = task ? task->index : SCHED_NO_TASK, .unit = finder->unit,
		.detail = detail,
	};

	if (end > start)
		g_array_append_val(finder->pieces, piece);
}

/* The last nap of a task that began before a time; NULL if there is none. */
static const struct nap *nap_before(const struct task *task, uint64_t time)
{
	guint low = 0, high = task->naps ? task->naps->len : 0;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(task->naps, struct nap, middle).start < time)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &g_array_index(task->naps, struct nap, low - 1) : NULL;
}

/*
 * Who woke the task, if that explains anything: an idle CPU that does is only where
 * somebody else's wake-up, or an interrupt's, came to pass.
 */
static struct task *waker(const struct sched *sched, const struct task *task,
			  const struct nap *nap)
{
	struct task *found = sched_task(sched, nap->waker);

	return found && found != task && found->pid ? found : NULL;
}

/* Explain what a task did between two times, from the second backwards. */
static void follow(struct finder *finder, struct task *task, uint64_t low, uint64_t high,
		   unsigned int depth)
{
	const struct sched *sched = finder->input->sched;

	while (high > low) {
		const struct nap *nap;
		uint64_t from;

		if (!task || finder->pieces->len > MAX_PIECES) {
			add_piece(finder, low, high, STATE_UNKNOWN, task, NULL);
			return;
		}
		task->is_on_chain = true;
		nap = nap_before(task, high);
		from = nap ? MAX(MIN(nap->run, high), low) : low;
		/* Before it was forked its parent explains. */
		if (task->is_forked && task->start > from && task->start < high) {
			struct task *parent = sched_task(sched, task->parent);

			add_piece(finder, task->start, high, STATE_RUNNING, task, NULL);
			high = task->start;
			if (parent && parent != task) {
				task = parent;
				continue;
			}
			add_piece(finder, low, high, STATE_UNKNOWN, task, NULL);
			return;
		}
		add_piece(finder, from, high, STATE_RUNNING, task, NULL);
		high = from;
		if (!nap || high <= low)
			continue;
		from = MAX(MIN(nap->wake, high), low);
		add_piece(finder, from, high, STATE_RUNNABLE, task, NULL);
		high = from;
		from = MAX(MIN(nap->start, high), low);
		if (from < high && nap->cause == STATE_TASK && depth < MAX_DEPTH &&
		    waker(sched, task, nap))
			follow(finder, waker(sched, task, nap), from, high, depth + 1);
		else if (nap->cause == STATE_TASK && !waker(sched, task, nap))
			add_piece(finder, from, high, STATE_UNKNOWN, task, nap->detail);
		else
			add_piece(finder, from, high, nap->cause, task, nap->detail);
		high = from;
	}
}

static uint64_t unit_begin(const struct chain_input *input, const struct unit_life *unit)
{
	return input->is_shutdown ? unit->stop : unit->start;
}

static uint64_t unit_done(const struct chain_input *input, const struct unit_life *unit)
{
	return input->is_shutdown ? unit->end : unit->active;
}

/* A unit that was at work inside a time: a target or a slice takes none. */
static bool is_work(const struct chain_input *input, const struct unit_life *unit, uint64_t low,
		    uint64_t high)
{
	uint64_t done = unit_done(input, unit), begin = unit_begin(input, unit);

	return done && done <= high && begin >= low && begin < done;
}

/*
 * The unit that the time @high waited for: of those that came up shortly before,
 * the one that took longest. systemd's own order of units is not in the trace.
 * All devices are expected from early on, so the time until one comes tells
 * little: one counts only where nothing else came up.
 */
static int32_t unit_before(const struct chain_input *input, uint64_t low, uint64_t high)
{
	uint64_t margin = (input->end - input->start) / UNIT_SHARE;
	uint64_t last = 0, longest = 0;
	bool is_device = true;
	int32_t found = -1;

	for (int32_t i = 0; i < units_count(input->units); i++) {
		const struct unit_life *unit = units_at(input->units, i);

		if (is_work(input, unit, low, high))
			last = MAX(last, unit_done(input, unit));
	}
	for (int32_t i = 0; last && i < units_count(input->units); i++) {
		const struct unit_life *unit = units_at(input->units, i);
		bool is_other = !g_str_has_suffix(unit->name, ".device");
		uint64_t length = unit_done(input, unit) - unit_begin(input, unit);

		if (!is_work(input, unit, low, high) || unit_done(input, unit) + margin < last ||
		    is_device < !is_other || (is_device == !is_other && length <= longest))
			continue;
		is_device = !is_other;
		longest = length;
		found = i;
	}
	return found;
}

/* The task that did a unit's work until a time: of those that systemd forked, the last. */
static struct task *unit_task(const struct chain_input *input, int32_t unit, uint64_t begin,
			      uint64_t done)
{
	struct task *found = NULL;

	for (int32_t i = 0; i < sched_task_count(input->sched); i++) {
		struct task *task = sched_task(input->sched, i);
		const struct task *parent = sched_task(input->sched, task->parent);

		if (task->unit != unit || task->start >= done || task->end < begin)
			continue;
		if (!found || (parent && parent->pid == 1))
			found = task;
	}
	return found;
}

static void follow_units(struct finder *finder, struct task *systemd)
{
	const struct chain_input *input = finder->input;
	uint64_t high = input->end;

	while (high > input->user_start) {
		int32_t unit = unit_before(input, input->user_start, high);
		uint64_t begin, done;
		struct task *task;

		finder->unit = -1;
		if (unit < 0) {
			follow(finder, systemd, input->user_start, high, 0);
			break;
		}
		begin = unit_begin(input, units_at(input->units, unit));
		done = unit_done(input, units_at(input->units, unit));
		follow(finder, systemd, done, high, 0);
		task = unit_task(input, unit, begin, done);
		finder->unit = unit;
		follow(finder, task ? task : systemd, begin, done, 0);
		high = begin;
	}
	finder->unit = -1;
}

static const struct initcall *initcall_at(const struct chain_input *input, int32_t pid,
					  int64_t time)
{
	guint low = 0, high = input->initcalls->len;

	/* The last one that began not after the time; then back over those of other tasks. */
	while (low < high) {
		guint middle = low + (high - low) / 2;
		const struct initcall *initcall = g_ptr_array_index(input->initcalls, middle);

		if (initcall->start <= time)
			low = middle + 1;
		else
			high = middle;
	}
	for (int tries = 0; low > 0 && tries < 64; tries++) {
		const struct initcall *initcall = g_ptr_array_index(input->initcalls, --low);

		if (initcall->pid == pid && (initcall->end == NO_TIME || initcall->end > time))
			return initcall;
	}
	return NULL;
}

static struct link *link_new(const struct finder *finder, const struct piece *piece)
{
	const struct task *task = sched_task(finder->input->sched, piece->task);
	struct link *link = g_new0(struct link, 1);

	link->start = piece->start - finder->input->origin;
	link->end = piece->end - finder->input->origin;
	link->state = piece->state;
	link->pid = task ? task->pid : -1;
	link->comm = task ? g_strdup(task->comm) : NULL;
	link->detail = g_strdup(piece->detail);
	return link;
}

static void set_owner(const struct finder *finder, const struct piece *piece, struct link *link,
		      const struct initcall *initcall)
{
	const struct task *task = sched_task(finder->input->sched, piece->task);
	int32_t unit = piece->unit;

	if (unit < 0 && task && task->unit >= 0)
		unit = task->unit;
	if (initcall) {
		link->owner_kind = OWNER_INITCALL;
		link->owner = g_strdup(initcall->function);
	} else if (unit >= 0 && finder->input->units &&
		   unit < units_count(finder->input->units)) {
		link->owner_kind = OWNER_UNIT;
		link->owner = g_strdup(units_at(finder->input->units, unit)->name);
	} else {
		link->owner_kind = OWNER_PROCESS;
		link->owner = g_strdup(task && *task->comm ? task->comm : "(unknown)");
	}
}

static bool is_same(const struct link *a, const struct link *b)
{
	return a->end == b->start && a->state == b->state && a->pid == b->pid &&
	       a->owner_kind == b->owner_kind && !strcmp(a->owner, b->owner) &&
	       !g_strcmp0(a->detail, b->detail);
}

static void append_link(GPtrArray *links, struct link *link, guint first)
{
	struct link *last = links->len > first ? g_ptr_array_index(links, links->len - 1) : NULL;

	if (!last || !is_same(last, link)) {
		g_ptr_array_add(links, link);
		return;
	}
	last->end = link->end;
	g_free(link->comm);
	g_free(link->owner);
	g_free(link->detail);
	g_free(link);
}

/* One piece as links: where initcalls of its task begin and end there is a new one. */
static void append_piece(const struct finder *finder, const struct piece *piece,
			 GPtrArray *links, guint first)
{
	const struct chain_input *input = finder->input;
	const struct task *task = sched_task(input->sched, piece->task);
	int64_t time = piece->start - input->origin, end = piece->end - input->origin;
	guint next = 0;

	while (time < end) {
		const struct initcall *initcall =
			task ? initcall_at(input, task->pid, time) : NULL;
		struct link *link = link_new(finder, piece);
		int64_t to = end;

		if (initcall && initcall->end != NO_TIME)
			to = MIN(to, initcall->end);
		/* An initcall of the task that begins in between. */
		for (; task && next < input->initcalls->len; next++) {
			const struct initcall *other = g_ptr_array_index(input->initcalls, next);

			if (other->start <= time)
				continue;
			if (other->start >= to)
				break;
			if (other->pid == task->pid) {
				to = other->start;
				break;
			}
		}
		link->start = time;
		link->end = to;
		set_owner(finder, piece, link, initcall);
		append_link(links, link, first);
		time = to;
	}
}

/* Too many links: the short ones become part of the one before. */
static void shorten(GPtrArray *links, guint first)
{
	int64_t limit = 1000;

	while (links->len - first > MAX_LINKS) {
		guint to = first;

		for (guint i = first; i < links->len; i++) {
			struct link *link = g_ptr_array_index(links, i);
			struct link *last = to > first ? g_ptr_array_index(links, to - 1) : NULL;

			if (last && (link->end - link->start < limit || is_same(last, link))) {
				last->end = link->end;
				continue;
			}
			if (to != i) {
				/* exchanged, so that the array frees each one once */
				links->pdata[i] = links->pdata[to];
				links->pdata[to] = link;
			}
			to++;
		}
		g_ptr_array_set_size(links, to);
		limit *= 2;
	}
}

void chain_make(const struct chain_input *input, GPtrArray *links)
{
	struct finder finder = { .input = input, .unit = -1 };
	int32_t first_task = sched_find(input->sched, 1);
	uint64_t high = input->end;
	guint first = links->len;

	finder.pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
	if (input->units && input->user_start < input->end) {
		follow_units(&finder, sched_task(input->sched, first_task));
		high = MAX(input->user_start, input->start);
		follow(&finder, sched_task(input->sched, first_task), input->start, high, 0);
	} else {
		follow(&finder, sched_task(input->sched, input->task), input->start, high, 0);
	}
	for (guint i = finder.pieces->len; i-- > 0;)
		append_piece(&finder, &g_array_index(finder.pieces, struct piece, i), links, first);
	shorten(links, first);
	g_array_unref(finder.pieces);
}

/* Causes */

static bool is_wait(enum state state)
{
	return state == STATE_DISK || state == STATE_DEVICE || state == STATE_TIMER;
}

static gint by_duration(gconstpointer a, gconstpointer b)
{
	const struct cause *left = *(void *const *)a, *right = *(void *const *)b;

	if (left->duration != right->duration)
		return left->duration < right->duration ? 1 : -1;
	return left->start < right->start ? -1 : left->start > right->start;
}

static char *cause_text(const struct cause *cause)
{
	static const char *const verbs[STATE_COUNT] = {
		[STATE_RUNNING] = "runs for", [STATE_RUNNABLE] = "waits for a CPU for",
		[STATE_DISK] = "waits for a disk for", [STATE_DEVICE] = "waits for a device for",
		[STATE_TIMER] = "waits for a timer for", [STATE_TASK] = "waits for tasks for",
		[STATE_UNKNOWN] = "waits for something unknown for", [STATE_VMM] = "takes",
		[STATE_FIRMWARE] = "takes",
	};
	g_autofree char *time = report_time(cause->duration);

	return g_strdup_printf("%s %s %s %s", owner_word(cause->owner_kind), cause->owner,
			       verbs[cause->state], time);
}

/* Waits of some size first: work can be done faster, but a wait need not be. */
static void sort_causes(GPtrArray *causes, int64_t whole)
{
	g_autoptr(GPtrArray) others = g_ptr_array_new();
	guint to = 0;

	g_ptr_array_sort(causes, by_duration);
	for (guint i = 0; i < causes->len; i++) {
		struct cause *cause = g_ptr_array_index(causes, i);

		if (is_wait(cause->state) && cause->duration >= whole / CHAIN_WAIT_SHARE)
			causes->pdata[to++] = cause;
		else
			g_ptr_array_add(others, cause);
	}
	for (guint i = 0; i < others->len; i++)
		causes->pdata[to++] = others->pdata[i];
}

void chain_causes(const GPtrArray *links, GPtrArray *causes)
{
	g_autoptr(GHashTable) found =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	int64_t whole = 0;

	for (guint i = 0; i < links->len; i++) {
		const struct link *link = g_ptr_array_index(links, i);
		char *key = g_strdup_printf("%d %d %s", link->owner_kind, link->state,
					    link->owner);
		struct cause *cause = g_hash_table_lookup(found, key);

		whole += link->end - link->start;
		if (!cause) {
			cause = g_new0(struct cause, 1);
			cause->owner_kind = link->owner_kind;
			cause->owner = g_strdup(link->owner);
			cause->state = link->state;
			g_ptr_array_add(causes, cause);
			g_hash_table_insert(found, key, cause);
		} else {
			g_free(key);
		}
		cause->duration += link->end - link->start;
		if (link->end - link->start > cause->end - cause->start) {
			cause->start = link->start;
			cause->end = link->end;
		}
	}
	for (guint i = 0; i < causes->len; i++) {
		struct cause *cause = g_ptr_array_index(causes, i);

		cause->text = cause_text(cause);
	}
	sort_causes(causes, whole);
}
