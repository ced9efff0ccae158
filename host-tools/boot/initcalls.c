// SPDX-License-Identifier: GPL-2.0-only
/* Initcalls; see initcalls.h. */
#include "initcalls.h"

#define MAX_INITCALLS	20000
#define MAX_MODULES	65536
#define MAX_NAME	128
#define MAX_MODULE_NAME	64

/* An initcall that has not returned. */
struct open_initcall {
	struct initcall *initcall;
	int64_t states[TASK_STATES];
};

struct initcalls {
	const struct sched *sched;
	GPtrArray *list;		/* struct initcall *, with host times */
	uint64_t omitted;
	GHashTable *open;		/* pid -> struct open_initcall * */
	GHashTable *modules;		/* pid -> name of the module it loaded last */
	char level[32];
};

struct initcalls *initcalls_new(const struct sched *sched)
{
	struct initcalls *initcalls = g_new0(struct initcalls, 1);

	initcalls->sched = sched;
	initcalls->list = g_ptr_array_new_with_free_func(report_initcall_free);
	initcalls->open = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	initcalls->modules = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	return initcalls;
}

void initcalls_free(struct initcalls *initcalls)
{
	if (!initcalls)
		return;
	g_ptr_array_unref(initcalls->list);
	g_hash_table_unref(initcalls->open);
	g_hash_table_unref(initcalls->modules);
	g_free(initcalls);
}

void initcalls_level(struct initcalls *initcalls, const struct boot_event *event)
{
	g_strlcpy(initcalls->level, event->text[0], sizeof(initcalls->level));
}

void initcalls_module(struct initcalls *initcalls, const struct boot_event *event)
{
	if (g_hash_table_size(initcalls->modules) < MAX_MODULES)
		g_hash_table_insert(initcalls->modules, GINT_TO_POINTER(event->pid),
				    g_strndup(event->text[0], MAX_MODULE_NAME));
}

/*
 * The name of an initcall. A module's is gone with its memory, before anybody asks for
 * names or just after: so that it is always the same it is called after the module.
 */
static char *name_of(const struct initcalls *initcalls, const struct boot_event *event)
{
	const char *module = g_hash_table_lookup(initcalls->modules, GINT_TO_POINTER(event->pid));

	if (module)
		return g_strdup_printf("%s:init", module);
	return g_strndup(event->text[0], MAX_NAME);
}

static const struct task *task_of(const struct initcalls *initcalls,
				  const struct boot_event *event)
{
	return sched_task(initcalls->sched, sched_find(initcalls->sched, event->pid));
}

void initcalls_start(struct initcalls *initcalls, const struct boot_event *event, bool is_module)
{
	const struct task *task = task_of(initcalls, event);
	struct open_initcall *open;
	struct initcall *initcall;

	if (initcalls->list->len >= MAX_INITCALLS) {
		initcalls->omitted++;
		return;
	}
	initcall = g_new0(struct initcall, 1);
	initcall->function = name_of(initcalls, event);
	initcall->level = g_strdup(is_module ? "module" :
				   *initcalls->level ? initcalls->level : NULL);
	initcall->start = event->time;
	initcall->end = NO_TIME;
	initcall->pid = event->pid;
	initcall->comm = g_strdup(event->comm ? event->comm : "");
	g_ptr_array_add(initcalls->list, initcall);
	open = g_new0(struct open_initcall, 1);
	open->initcall = initcall;
	if (task)
		task_split(task, event->time, open->states);
	g_hash_table_insert(initcalls->open, GINT_TO_POINTER(event->pid), open);
}

void initcalls_finish(struct initcalls *initcalls, const struct boot_event *event)
{
	struct open_initcall *open =
		g_hash_table_lookup(initcalls->open, GINT_TO_POINTER(event->pid));
	const struct task *task = task_of(initcalls, event);
	struct initcall *initcall;

	if (!open)
		return;
	initcall = open->initcall;
	initcall->end = event->time;
	initcall->has_return = true;
	initcall->value = (int32_t)event->number[0];
	if (task && sched_has_switches(initcalls->sched)) {
		task_split(task, event->time, initcall->states);
		for (int i = 0; i < TASK_STATES; i++)
			initcall->states[i] = MAX(initcall->states[i] - open->states[i], 0);
	}
	g_hash_table_remove(initcalls->open, GINT_TO_POINTER(event->pid));
}

void initcalls_report(const struct initcalls *initcalls, const struct extent *extent,
		      struct span *span)
{
	for (guint i = 0; i < initcalls->list->len; i++) {
		const struct initcall *initcall = g_ptr_array_index(initcalls->list, i);
		struct initcall *copy;

		if ((uint64_t)initcall->start < extent->start ||
		    (uint64_t)initcall->start >= extent->end)
			continue;
		copy = g_new(struct initcall, 1);
		*copy = *initcall;
		copy->function = g_strdup(initcall->function);
		copy->level = g_strdup(initcall->level);
		copy->comm = g_strdup(initcall->comm);
		copy->start = extent_time(extent, initcall->start);
		copy->end = initcall->end == NO_TIME ? NO_TIME :
						       extent_time_or_none(extent, initcall->end);
		g_ptr_array_add(span->initcalls, copy);
	}
	span->initcalls_omitted = initcalls->omitted;
}
