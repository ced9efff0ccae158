// SPDX-License-Identifier: GPL-2.0-only
/* From events to a report; see model.h. */
#include "model.h"

#include "kernel-events.h"
#include "life.h"
#include "user-events.h"
#include "vmm-events.h"

#define MAX_SYSTEMS	1024

struct model {
	struct life life;
	uint64_t events;
	uint64_t unnamed;		/* without a description */
	uint64_t lost;
	bool has_unknown_loss;
	GHashTable *systems;		/* name -> uint64_t * */
	uint32_t origins[BOOT_KIND_COUNT];	/* which buffer's events of a kind count */
};

struct model *model_new(const struct until *until)
{
	struct model *model = g_new0(struct model, 1);

	life_init(&model->life, until);
	model->systems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return model;
}

static void model_free(struct model *model)
{
	life_fini(&model->life);
	if (model->systems)
		g_hash_table_unref(model->systems);
	g_free(model);
}

static void count(struct model *model, const struct boot_event *event)
{
	uint64_t *number = g_hash_table_lookup(model->systems, event->system);

	model->events++;
	model->unnamed += event->kind == BOOT_OTHER && !event->has_class;
	if (!number) {
		if (g_hash_table_size(model->systems) >= MAX_SYSTEMS)
			return;
		number = g_new0(uint64_t, 1);
		g_hash_table_insert(model->systems, g_strdup(event->system), number);
	}
	(*number)++;
}

/* The same kind of event may be in two buffers: the first that had it counts. */
static bool is_other_origin(struct model *model, const struct boot_event *event)
{
	uint32_t *origin = &model->origins[event->kind];

	if (event->kind == BOOT_VMM || event->kind == BOOT_LOST || event->kind == BOOT_OTHER)
		return false;
	if (!*origin)
		*origin = event->origin;
	return *origin != event->origin;
}

static bool is_function(enum boot_kind kind)
{
	return kind == BOOT_GRAPH_ENTRY || kind == BOOT_GRAPH_EXIT || kind == BOOT_FUNCTION;
}

/* An event that counts, on its way through all who follow events. */
static void follow(struct life *life, const struct boot_event *event)
{
	if (is_function(event->kind)) {
		if (life->stage == STAGE_BOOT)
			functions_event(life->functions, event);
		return;
	}
	sched_event(life->sched, event);
	if (event->kind == BOOT_VMM)
		vmm_event(life, event);
	kernel_event(life, event);
	user_event(life, event);
	if (life->stage == STAGE_BOOT && until_fits_event(life->until, event))
		life_end_boot(life, event, until_what(life->until));
}

void model_take(const struct boot_event *event, void *data)
{
	struct model *model = data;
	struct moments *moments = &model->life.moments;

	if (event->kind == BOOT_CLOCK_ZERO) {
		moments->clock_zero = event->number[0];
		return;
	}
	if (!moments->first)
		moments->first = event->time;
	moments->last = MAX(moments->last, event->time);
	if (event->kind == BOOT_LOST) {
		model->lost += event->number[0];
		model->has_unknown_loss |= !event->number[0];
		sched_event(model->life.sched, event);
		return;
	}
	count(model, event);
	if (is_other_origin(model, event))
		return;
	if (event->kind != BOOT_VMM) {
		if (!moments->first_guest) {
			moments->first_guest = event->time;
			account_cut(model->life.account, event->time);
		}
		moments->last_guest = event->time;
	}
	follow(&model->life, event);
}

/* vCPUs that were first seen after the boot did nothing known in it. */
static void add_late_vcpus(struct span *span, uint32_t seen, uint32_t count)
{
	for (guint i = 0; i < span->phases->len; i++) {
		struct phase *phase = &g_array_index(span->phases, struct phase, i);

		phase->cpu.unknown += (phase->end - phase->start) * (count - seen);
	}
}

/* What is missing or doubtful, in words. */

static void G_GNUC_PRINTF(2, 3) warn(struct report *report, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(report->warnings, g_strdup_vprintf(format, args));
	va_end(args);
}

static void add_warnings(const struct model *model, struct report *report)
{
	const struct life *life = &model->life;

	if (!life->moments.first_guest)
		warn(report, "there are no events of the guest: only what the VMM saw is known");
	else if (!sched_has_switches(life->sched))
		warn(report, "no scheduling events (sched:sched_switch): where time went is not known");
	if (life->moments.first_guest && !life->boot->initcalls->len)
		warn(report, "no initcall events: the kernel's own part is not taken apart");
	if (model->unnamed)
		warn(report, "%" G_GUINT64_FORMAT " events are of kinds that nothing describes: for a guest "
		     "without a driver its kernel's profile is needed (hypertrace kernel)",
		     model->unnamed);
	if (life->moments.real_init && !life->boot->units->len)
		warn(report, "no units seen: boot the guest with systemd.log_target=kmsg "
		     "printk.devkmsg=on and trace printk:console");
	if (model->lost || model->has_unknown_loss)
		warn(report, "events were lost (%s%" G_GUINT64_FORMAT "): times near them are doubtful",
		     model->has_unknown_loss ? "at least " : "", model->lost);
	if (!life->is_end_found)
		warn(report, "the end of the boot (%s) was not seen: %s stands in for it",
		     until_name(life->until),
		     life->shutdown ? "the shutdown's begin" : "the last event");
	if (sched_nap_resolution(life->sched))
		warn(report, "there were so many waits that those below %" G_GUINT64_FORMAT
		     " ns were not kept", sched_nap_resolution(life->sched));
	if (units_omitted(life->units))
		warn(report, "%" G_GUINT64_FORMAT " units were too many to be kept",
		     units_omitted(life->units));
}

static void add_marker(const struct life *life, struct report *report)
{
	report->marker_name = g_strdup(until_name(life->until));
	report->marker_what = g_strdup(life->is_end_found ? life->end_what :
				       life->shutdown ? "the begin of the shutdown" :
				       "the last event");
	report->marker_time = life->boot->end;
	report->is_marker_found = life->is_end_found;
}

struct report *model_finish(struct model *model, const char *input,
			    struct boot_source_info *source)
{
	struct life *life = &model->life;
	const struct moments *moments = &life->moments;
	const struct extent *extent = &life->boot_extent;
	struct report *report;

	if (!source) {
		model_free(model);
		return NULL;
	}
	life_finish(life);
	report = g_new0(struct report, 1);
	report->input = g_strdup(input ? input : "");
	report->source = source;
	report->warnings = g_ptr_array_new_with_free_func(g_free);
	report->vcpu_count = sched_cpu_count(life->sched);
	report->origin = extent->origin;
	report->events = model->events;
	report->first_event = report->last_event = NO_TIME;
	if (moments->first_guest) {
		report->first_event = extent_time(extent, moments->first_guest);
		report->last_event = extent_time(extent, moments->last_guest);
	}
	report->lost_events = model->lost;
	report->has_unknown_loss = model->has_unknown_loss;
	add_marker(life, report);
	for (guint i = 0; i < source->warnings->len; i++)
		warn(report, "%s", (char *)g_ptr_array_index(source->warnings, i));
	add_warnings(model, report);
	add_late_vcpus(life->boot, life->boot_vcpus, report->vcpu_count);
	report->boot = g_steal_pointer(&life->boot);
	report->shutdown = g_steal_pointer(&life->shutdown);
	report->systems = g_steal_pointer(&model->systems);
	model_free(model);
	return report;
}
