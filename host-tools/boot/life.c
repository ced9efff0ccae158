// SPDX-License-Identifier: GPL-2.0-only
/* A guest's life in its stages; see life.h. */
#include "life.h"

#include "life-chain.h"
#include "processes.h"
#include "vcpus.h"

/* Without a message for so long, systemd's stopping of something is a new one. */
#define STOP_GAP	2000000000

void life_init(struct life *life, const struct until *until)
{
	*life = (struct life) {
		.until = until,
		.account = account_new(),
		.units = units_new(),
		.functions = functions_new(),
		.marks = marks_new(),
		.end_task = SCHED_NO_TASK,
		.stop_task = SCHED_NO_TASK,
		.made_unit = -1,
	};
	life->sched = sched_new(life->account);
	life->initcalls = initcalls_new(life->sched);
}

void life_fini(struct life *life)
{
	span_free(life->boot);
	span_free(life->shutdown);
	marks_free(life->marks);
	initcalls_free(life->initcalls);
	functions_free(life->functions);
	units_free(life->units);
	sched_free(life->sched);
	account_free(life->account);
}

void life_boundary(struct life *life, enum boundary which, uint64_t time)
{
	if (life->stage == STAGE_BOOT)
		life_note(life, &life->boot_at.at[which], time);
}

void life_note(struct life *life, uint64_t *to, uint64_t time)
{
	if (!*to && account_cut(life->account, time))
		*to = time;
}

void life_stop_boundary(struct life *life, enum boundary which, uint64_t time)
{
	if (life->stage == STAGE_SHUTDOWN)
		life_note(life, &life->stop_at.at[which], time);
}

/* A span of what is known now, when all that lasts was counted up to its end. */
static struct span *make_span(struct life *life, const struct extent *extent)
{
	struct span *span = span_new(extent_time(extent, extent->start),
				     extent_time(extent, extent->end));

	initcalls_report(life->initcalls, extent, span);
	units_report(life->units, extent, span);
	/* before the processes: it says which of them are on it */
	life_chain(life, extent, span);
	processes_report(life->sched, life->units, extent, span);
	vcpus_report(life->sched, extent, span);
	marks_report(life->marks, extent, span);
	phases_make(extent->is_shutdown ? &life->stop_at : &life->boot_at, extent,
		    life->account, sched_cpu_count(life->sched), span);
	return span;
}

/* The boot as it is known now. A later end takes its place. */
static void take_boot(struct life *life, uint64_t end)
{
	uint64_t begin = moments_begin(&life->moments, &life->boot_at);
	struct extent extent = { .origin = begin, .start = begin, .end = MAX(end, begin) };

	sched_settle(life->sched, extent.end);
	account_cut(life->account, extent.end);
	moments_user(&life->moments, extent.end, &life->boot_at);
	span_free(life->boot);
	life->boot = make_span(life, &extent);
	if (!functions_is_empty(life->functions))
		life->boot->functions = functions_take(life->functions);
	life->boot_extent = extent;
	life->boot_vcpus = sched_cpu_count(life->sched);
}

static void take_shutdown(struct life *life, uint64_t end)
{
	struct extent extent = {
		.is_shutdown = true, .origin = life->boot_extent.origin,
		.start = life->stop_begin, .end = end,
	};

	sched_settle(life->sched, end);
	life->shutdown = make_span(life, &extent);
}

void life_end_boot(struct life *life, const struct boot_event *event, const char *what)
{
	if (life->stage != STAGE_BOOT)
		return;
	life->end_task = sched_find(life->sched, event->pid);
	life->is_end_found = true;
	life->end_what = what;
	take_boot(life, event->time);
	life->stage = STAGE_BETWEEN;
	sched_restart(life->sched, event->time);
	sched_set_quiet(life->sched, true);
}

void life_reach_target(struct life *life, const struct boot_event *event, const char *what)
{
	if (life->stage != STAGE_BOOT || until_kind(life->until) != UNTIL_DEFAULT)
		return;
	life->is_provisional = true;
	life->end_task = sched_find(life->sched, event->pid);
	life->end_what = what;
	take_boot(life, event->time);
}

/* The boot ends without its marker. */
static void give_up_boot(struct life *life, uint64_t time)
{
	if (life->stage != STAGE_BOOT)
		return;
	if (life->is_provisional) {
		life->is_end_found = true;
	} else {
		life->end_what = NULL;
		life->end_task = SCHED_NO_TASK;
		take_boot(life, time);
	}
	life->stage = STAGE_BETWEEN;
}

/* The shutdown begins here, for all that is known; naps and slices are kept from here on. */
static void look_from(struct life *life, uint64_t time)
{
	life->stop_begin = time;
	account_cut(life->account, time);
	sched_restart(life->sched, time);
	sched_set_quiet(life->sched, false);
}

void life_begin_shutdown(struct life *life, uint64_t time)
{
	if (life->stage == STAGE_SHUTDOWN)
		return;
	give_up_boot(life, time);
	life->stage = STAGE_SHUTDOWN;
	look_from(life, time);
}

void life_stop_unit(struct life *life, uint64_t time, bool is_certain)
{
	if (life->stage == STAGE_SHUTDOWN || !life->moments.real_init)
		return;
	/*
	 * The first unit that is stopped together with the targets began it. So each
	 * first one may have: what is seen from there on is kept until it is known.
	 */
	if (life->stage == STAGE_BETWEEN && time - life->last_stop > STOP_GAP)
		look_from(life, time);
	life->last_stop = time;
	if (!is_certain)
		return;
	if (life->stage == STAGE_BETWEEN) {
		life->stage = STAGE_SHUTDOWN;
		life->stop_at.at[BEGIN_STOP_UNITS] = life->stop_begin;
	} else {
		life_begin_shutdown(life, time);
		life_stop_boundary(life, BEGIN_STOP_UNITS, time);
	}
}

void life_finish(struct life *life)
{
	give_up_boot(life, life->moments.last);
	if (life->stage == STAGE_SHUTDOWN)
		take_shutdown(life, life->moments.last);
}
