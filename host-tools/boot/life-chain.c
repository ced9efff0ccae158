// SPDX-License-Identifier: GPL-2.0-only
/* The chain of a span; see life-chain.h. */
#include "life-chain.h"

#include "chain.h"

static void add_link(struct span *span, int64_t start, int64_t end, enum state state,
		     const char *owner)
{
	struct link *link;

	if (end <= start)
		return;
	link = g_new0(struct link, 1);
	link->start = start;
	link->end = end;
	link->state = state;
	link->pid = -1;
	link->owner_kind = OWNER_PHASE;
	link->owner = g_strdup(owner);
	g_ptr_array_add(span->chain, link);
}

/* The part of the chain before there are tasks: who had the machine then. */
static void add_early_chain(const struct boundaries *at, const struct extent *extent,
			    uint64_t until_time, struct span *span)
{
	static const struct { int boundary; enum state state; const char *name; } parts[] = {
		{ BEGIN_QEMU, STATE_VMM, "QEMU start" },
		{ BEGIN_MACHINE, STATE_VMM, "machine ready to first vCPU run" },
		{ BEGIN_FIRMWARE, STATE_FIRMWARE, "firmware" },
		{ BEGIN_LOADER, STATE_FIRMWARE, "boot loader" },
		{ BEGIN_DECOMPRESS, STATE_FIRMWARE, "kernel decompression" },
		{ BEGIN_KERNEL, STATE_RUNNING, "kernel start" },
	};
	uint64_t start = extent->start;
	int part = 0;

	while (start < until_time) {
		uint64_t end = until_time;
		int next = -1;

		for (size_t i = part + 1; i < G_N_ELEMENTS(parts); i++) {
			uint64_t time = at->at[parts[i].boundary];

			if (time && time <= start) {
				part = i;
			} else if (time && time < end) {
				end = time;
				next = i;
				break;
			}
		}
		add_link(span, extent_time(extent, start), extent_time(extent, end),
			 parts[part].state, parts[part].name);
		start = end;
		part = next >= 0 ? next : part;
	}
}

static void set_on_chain(struct span *span)
{
	g_autoptr(GHashTable) units = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) initcalls = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < span->chain->len; i++) {
		struct link *link = g_ptr_array_index(span->chain, i);

		if (link->owner_kind == OWNER_UNIT)
			g_hash_table_add(units, link->owner);
		else if (link->owner_kind == OWNER_INITCALL)
			g_hash_table_add(initcalls, link->owner);
	}
	for (guint i = 0; i < span->units->len; i++) {
		struct unit *unit = g_ptr_array_index(span->units, i);

		unit->is_on_chain = g_hash_table_contains(units, unit->name);
	}
	for (guint i = 0; i < span->initcalls->len; i++) {
		struct initcall *initcall = g_ptr_array_index(span->initcalls, i);

		initcall->is_on_chain = g_hash_table_contains(initcalls, initcall->function);
	}
}

/*
 * From when on units explain the end: only where systemd made it. UINT64_MAX: they do not.
 */
static uint64_t units_from(const struct life *life, const struct extent *extent, uint64_t start,
			   const struct span *span)
{
	enum until_kind kind = until_kind(life->until);

	if (!span->units->len)
		return UINT64_MAX;
	if (extent->is_shutdown)
		return start;
	if (!life->moments.real_init || kind == UNTIL_EVENT || kind == UNTIL_INIT)
		return UINT64_MAX;
	return MAX(life->moments.real_init, start);
}

/* The part of the chain that tasks can explain. */
static void add_task_chain(const struct life *life, const struct extent *extent, uint64_t start,
			   struct span *span)
{
	int32_t task = extent->is_shutdown ? life->stop_task : life->end_task;
	struct chain_input input = {
		.sched = life->sched, .units = life->units, .initcalls = span->initcalls,
		.origin = extent->origin, .start = start, .end = extent->end,
		.task = task == SCHED_NO_TASK ? sched_find(life->sched, 1) : task,
		.user_start = units_from(life, extent, start, span),
		.is_shutdown = extent->is_shutdown,
	};

	chain_make(&input, span->chain);
}

void life_chain(const struct life *life, const struct extent *extent, struct span *span)
{
	uint64_t first_guest = life->moments.first_guest, start = extent->start;

	if (!extent->is_shutdown && first_guest) {
		start = CLAMP(first_guest, extent->start, extent->end);
		add_early_chain(&life->boot_at, extent, start, span);
	}
	if (first_guest && sched_has_switches(life->sched))
		add_task_chain(life, extent, start, span);
	else
		/* Without scheduling events it is one link: nothing can be told. */
		add_link(span, extent_time(extent, start), extent_time(extent, extent->end),
			 STATE_UNKNOWN, "guest");
	set_on_chain(span);
	chain_causes(span->chain, span->causes);
}
