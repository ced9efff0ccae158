// SPDX-License-Identifier: GPL-2.0-only
/* From events to a report; see model.h. */
#include "model.h"

#include <string.h>

#include "account.h"
#include "chain.h"
#include "extent.h"
#include "initcalls.h"
#include "marks.h"
#include "phases.h"
#include "processes.h"
#include "scheduler.h"
#include "units.h"
#include "vcpus.h"
#include "virtio_hypertrace.h"
#include "wire/records.h"

/* Without a message for so long, systemd's stopping of something is a new one. */
#define STOP_GAP	2000000000

/* Which part of the guest's life events are of. */
enum stage {
	STAGE_BOOT,
	STAGE_BETWEEN,
	STAGE_SHUTDOWN,
};

struct model {
	const struct until *until;
	struct account *account;
	struct sched *sched;
	struct units *units;
	struct functions *functions;
	enum stage stage;
	struct span *boot;		/* once its end was seen */
	uint32_t boot_vcpus;		/* seen then */
	struct span *shutdown;

	uint64_t events;
	uint64_t unnamed;		/* without a description */
	uint64_t first_any, last_any;	/* of all events */
	uint64_t first_guest, last_guest;
	uint64_t lost;
	bool has_unknown_loss;
	GHashTable *systems;		/* name -> uint64_t * */
	uint32_t origins[BOOT_KIND_COUNT];	/* which buffer's events of a kind count */

	struct extent boot_extent;
	uint64_t process, created, machine_ready, first_run, reset, clock_zero;
	bool is_reset;			/* this life of the VM began with a reset */
	struct boundaries boot_at;
	struct boundaries stop_at;
	uint64_t kernel_mark, user_mark;
	uint64_t real_init;
	uint64_t reached[4];		/* sysinit, basic, multi-user, graphical */
	bool is_late;			/* the last level of initcalls */
	bool is_late_cut;		/* the last boundary may not stand */
	uint32_t execs;			/* of pid 1 */
	bool is_pivoting;

	uint64_t provisional;		/* systemd reached its target then */
	int32_t end_task;
	bool is_end_found;
	const char *end_what;
	uint64_t stop_begin;
	uint64_t last_stop_message;
	int32_t stop_task;

	struct initcalls *initcalls;
	struct marks *marks;
	int32_t made_unit;		/* its cgroup was made by systemd, its process not yet */
};

struct model *model_new(const struct until *until)
{
	struct model *model = g_new0(struct model, 1);

	model->until = until;
	model->account = account_new();
	model->sched = sched_new(model->account);
	model->units = units_new();
	model->functions = functions_new();
	model->systems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	model->initcalls = initcalls_new(model->sched);
	model->marks = marks_new();
	model->end_task = model->stop_task = SCHED_NO_TASK;
	model->made_unit = -1;
	return model;
}

static void model_free(struct model *model)
{
	account_free(model->account);
	sched_free(model->sched);
	units_free(model->units);
	functions_free(model->functions);
	if (model->systems)
		g_hash_table_unref(model->systems);
	initcalls_free(model->initcalls);
	marks_free(model->marks);
	span_free(model->boot);
	span_free(model->shutdown);
	g_free(model);
}

/* A boundary of the boot that is seen for the first time. */
static void boundary(struct model *model, int which, uint64_t time)
{
	if (model->boot_at.at[which] || model->stage != STAGE_BOOT)
		return;
	if (account_cut(model->account, time))
		model->boot_at.at[which] = time;
}

/* The same for a time that becomes a boundary, perhaps, when the boot has ended. */
static void note_time(struct model *model, uint64_t *to, uint64_t time)
{
	if (!*to && account_cut(model->account, time))
		*to = time;
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
		struct link *link;
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
		link = g_new0(struct link, 1);
		link->start = extent_time(extent, start);
		link->end = extent_time(extent, end);
		link->state = parts[part].state;
		link->pid = -1;
		link->owner_kind = OWNER_PHASE;
		link->owner = g_strdup(parts[part].name);
		g_ptr_array_add(span->chain, link);
		start = end;
		part = next >= 0 ? next : part;
	}
}

/* Without scheduling events a chain is one link: nothing can be told. */
static void add_blank_chain(struct span *span, int64_t start, int64_t end)
{
	struct link *link;

	if (end <= start)
		return;
	link = g_new0(struct link, 1);
	link->start = start;
	link->end = end;
	link->state = STATE_UNKNOWN;
	link->pid = -1;
	link->owner_kind = OWNER_PHASE;
	link->owner = g_strdup("guest");
	g_ptr_array_add(span->chain, link);
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

static void make_chain(struct model *model, const struct extent *extent, struct span *span)
{
	bool is_shutdown = extent->is_shutdown;
	struct chain_input input = {
		.sched = model->sched, .units = model->units, .initcalls = span->initcalls,
		.origin = extent->origin, .start = extent->start, .end = extent->end,
		.task = is_shutdown ? model->stop_task : model->end_task,
		.user_start = UINT64_MAX, .is_shutdown = is_shutdown,
	};

	if (!is_shutdown && model->first_guest) {
		input.start = CLAMP(model->first_guest, extent->start, extent->end);
		add_early_chain(&model->boot_at, extent, input.start, span);
	}
	if (!model->first_guest || !sched_has_switches(model->sched)) {
		add_blank_chain(span, extent_time(extent, input.start),
				extent_time(extent, extent->end));
	} else {
		if (input.task == SCHED_NO_TASK)
			input.task = sched_find(model->sched, 1);
		/* Units explain only an end that systemd made. */
		if (!is_shutdown && model->real_init && span->units->len &&
		    until_kind(model->until) != UNTIL_EVENT &&
		    until_kind(model->until) != UNTIL_INIT)
			input.user_start = MAX(model->real_init, input.start);
		else if (is_shutdown && span->units->len)
			input.user_start = input.start;
		chain_make(&input, span->chain);
	}
	set_on_chain(span);
	chain_causes(span->chain, span->causes);
}

/* Where user space's phases begin: each where the one before reached its target. */
static void set_user_phases(struct model *model, uint64_t end)
{
	static const int phases[] = { BEGIN_SYSINIT, BEGIN_BASIC, BEGIN_MULTI_USER,
				      BEGIN_GRAPHICAL };
	uint64_t time = model->real_init;

	if (!time)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(phases); i++) {
		model->boot_at.at[phases[i]] = 0;
		if (model->reached[i] < time || model->reached[i] > end)
			continue;
		model->boot_at.at[phases[i]] = time;
		time = model->reached[i];
	}
	model->boot_at.at[BEGIN_FINISH] = time;
}

/* When the boot began, and where its first phases do. */
static uint64_t boot_start(struct model *model)
{
	struct boundaries *at = &model->boot_at;
	uint64_t kernel = model->kernel_mark;

	if (model->is_reset) {
		at->at[BEGIN_FIRMWARE] = model->reset;
		at->reason[BEGIN_QEMU] = at->reason[BEGIN_MACHINE] =
			"this life of the VM began with a reset";
	} else {
		at->at[BEGIN_QEMU] = model->process ? model->process : model->created;
		if (!model->process && model->created)
			at->reason[BEGIN_QEMU] = "taken from when the device was made: the VMM's begin was not seen";
		at->at[BEGIN_MACHINE] = model->machine_ready;
		at->at[BEGIN_FIRMWARE] = model->first_run;
	}
	if (!kernel && model->clock_zero) {
		kernel = model->clock_zero;
		at->reason[BEGIN_KERNEL] = "taken from the zero of the guest's clock";
	}
	if (!kernel && model->first_guest) {
		kernel = model->first_guest;
		at->reason[BEGIN_KERNEL] = "taken from the guest's first event: it is a little early";
	}
	/* The zero of a clock is known less well than the order of events. */
	if (model->first_guest && kernel > model->first_guest)
		kernel = model->first_guest;
	at->at[BEGIN_KERNEL] = kernel;
	if (!at->at[BEGIN_INITRAMFS] && !model->real_init && model->user_mark) {
		at->at[BEGIN_INITRAMFS] = model->user_mark;
		at->reason[BEGIN_INITRAMFS] = "taken from a mark on a watched port";
	}
	for (int i = 0; i < BOOT_PHASES; i++)
		if (at->at[i])
			return at->at[i];
	/* 0 stands for a boundary that was not seen */
	return MAX(model->first_any, 1);
}

/* A span of what is known now, when all that lasts was counted up to its end. */
static struct span *make_span(struct model *model, const struct extent *extent)
{
	struct span *span = span_new(extent_time(extent, extent->start),
				     extent_time(extent, extent->end));

	initcalls_report(model->initcalls, extent, span);
	units_report(model->units, extent, span);
	/* before the processes: it says which of them are on it */
	make_chain(model, extent, span);
	processes_report(model->sched, model->units, extent, span);
	vcpus_report(model->sched, extent, span);
	marks_report(model->marks, extent, span);
	phases_make(extent->is_shutdown ? &model->stop_at : &model->boot_at, extent,
		    model->account, sched_cpu_count(model->sched), span);
	return span;
}

/* The boot as it is known now. A later end takes its place. */
static void take_boot(struct model *model, uint64_t end)
{
	uint64_t origin = boot_start(model);
	struct extent extent = { .origin = origin, .start = origin, .end = MAX(end, origin) };

	sched_settle(model->sched, extent.end);
	account_cut(model->account, extent.end);
	set_user_phases(model, extent.end);
	span_free(model->boot);
	model->boot = make_span(model, &extent);
	if (!functions_is_empty(model->functions))
		model->boot->functions = functions_take(model->functions);
	model->boot_extent = extent;
	model->boot_vcpus = sched_cpu_count(model->sched);
}

static void take_shutdown(struct model *model, uint64_t end)
{
	struct extent extent = {
		.is_shutdown = true, .origin = model->boot_extent.origin,
		.start = model->stop_begin, .end = end,
	};

	sched_settle(model->sched, end);
	model->shutdown = make_span(model, &extent);
}

/* The boot's end was seen. */
static void end_boot(struct model *model, const struct boot_event *event, const char *what)
{
	if (model->stage != STAGE_BOOT)
		return;
	model->end_task = sched_find(model->sched, event->pid);
	model->is_end_found = true;
	model->end_what = what;
	take_boot(model, event->time);
	model->stage = STAGE_BETWEEN;
	sched_restart(model->sched, event->time);
	sched_set_quiet(model->sched, true);
}

/* systemd reached its target: the end, unless it says later that it is finished. */
static void end_boot_provisionally(struct model *model, const struct boot_event *event,
				   const char *what)
{
	if (model->stage != STAGE_BOOT || until_kind(model->until) != UNTIL_DEFAULT)
		return;
	model->provisional = event->time;
	model->end_task = sched_find(model->sched, event->pid);
	model->end_what = what;
	take_boot(model, event->time);
}

/* The boot ends without its marker. */
static void give_up_boot(struct model *model, uint64_t time)
{
	if (model->stage != STAGE_BOOT)
		return;
	if (model->provisional && until_kind(model->until) == UNTIL_DEFAULT) {
		model->is_end_found = true;
	} else {
		model->end_what = NULL;
		model->end_task = SCHED_NO_TASK;
		take_boot(model, time);
	}
	model->stage = STAGE_BETWEEN;
}

static void begin_shutdown(struct model *model, uint64_t time)
{
	if (model->stage == STAGE_SHUTDOWN)
		return;
	give_up_boot(model, time);
	model->stage = STAGE_SHUTDOWN;
	model->stop_begin = time;
	account_cut(model->account, time);
	sched_restart(model->sched, time);
	sched_set_quiet(model->sched, false);
}

static void stop_boundary(struct model *model, int which, uint64_t time)
{
	if (model->stage == STAGE_SHUTDOWN)
		note_time(model, &model->stop_at.at[which], time);
}

/* Events */

static bool is_between(uint64_t value, uint64_t low, uint64_t high)
{
	return value >= low && value <= high;
}

/*
 * Writes to watched ports. 0xf4 and 0xf5 have the codes of qboot and
 * qemu-boot-time, 0x80 the ranges of Cloud Hypervisor (docs/boot-latency.md).
 */
static void on_port(struct model *model, const struct boot_event *event)
{
	static const char *const codes[] = {
		"code", "fw_start", "linux_start_fwcfg", "linux_start_boot",
		"linux_start_pvhboot", "fw_do_boot", "linux_start_kernel", "linux_start_user",
	};
	static const char *const ranges[] = { "firmware", "bootloader", "kernel", "userspace" };
	uint16_t port = VHT_MARK_PORT(event->number[1]);
	uint32_t value = VHT_MARK_VALUE(event->number[1]);
	const char *name = "port";
	struct mark *mark;

	if (port == 0xf4 || port == 0xf5) {
		name = codes[value < G_N_ELEMENTS(codes) ? value : 0];
		if (value == 2 || value == 5)
			boundary(model, BEGIN_LOADER, event->time);
		else if (value == 3 || value == 4)
			boundary(model, BEGIN_DECOMPRESS, event->time);
		else if (value == 6)
			note_time(model, &model->kernel_mark, event->time);
		else if (value == 7)
			note_time(model, &model->user_mark, event->time);
	} else if (port == 0x80) {
		name = value < 0x80 ? ranges[value / 0x20] : "custom";
		/* the kernel itself writes there to wait: what comes late is that */
		if (is_between(value, 0x20, 0x3f) && !model->first_guest)
			boundary(model, BEGIN_LOADER, event->time);
		else if (is_between(value, 0x40, 0x5f) && !model->first_guest)
			boundary(model, BEGIN_DECOMPRESS, event->time);
		else if (is_between(value, 0x60, 0x7f))
			note_time(model, &model->user_mark, event->time);
	}
	mark = marks_add(model->marks, event->time, "port", name, event->text[0]);
	if (mark) {
		mark->port = port;
		mark->value = value;
	}
}

static void on_vmm(struct model *model, const struct boot_event *event)
{
	uint64_t time = event->time;

	if (event->number[0] == VHT_VMM_MARK) {
		on_port(model, event);
		return;
	}
	marks_add(model->marks, time, "vmm", vmm_event_word(event->number[0]), event->text[0]);
	switch (event->number[0]) {
	case VHT_VMM_PROCESS:
		note_time(model, &model->process, time);
		break;
	case VHT_VMM_CREATED:
		note_time(model, &model->created, time);
		break;
	case VHT_VMM_MACHINE_READY:
		note_time(model, &model->machine_ready, time);
		break;
	case VHT_VMM_RUNNING:
		note_time(model, &model->first_run, time);
		break;
	case VHT_VMM_RESET:
		if (!event->number[2] && !model->first_guest) {
			model->is_reset = true;
			model->reset = time;
			break;
		}
		/* fall through */
	case VHT_VMM_SHUTDOWN:
		begin_shutdown(model, time);
		stop_boundary(model, BEGIN_STOP_VMM, time);
		break;
	case VHT_VMM_ENDED:
		begin_shutdown(model, time);
		break;
	default:
		break;
	}
}

static void on_initcall_level(struct model *model, const struct boot_event *event)
{
	int which = phase_level(event->text[0]);

	initcalls_level(model->initcalls, event);
	if (which >= 0)
		boundary(model, which, event->time);
	model->is_late = which == BEGIN_LEVEL_LATE;
}

static void on_initcall_start(struct model *model, const struct boot_event *event)
{
	if (model->is_late_cut && event->pid == 1) {
		/* It was not the last one. */
		account_uncut(model->account, model->boot_at.at[BEGIN_KERNEL_END]);
		model->is_late_cut = false;
		model->boot_at.at[BEGIN_KERNEL_END] = 0;
	}
	initcalls_start(model->initcalls, event, event->pid > 1 || model->execs);
}

static void on_initcall_finish(struct model *model, const struct boot_event *event)
{
	if (model->is_late && event->pid == 1 && !model->execs && model->stage == STAGE_BOOT &&
	    !model->is_late_cut) {
		account_cut(model->account, event->time);
		model->is_late_cut = true;
		model->boot_at.at[BEGIN_KERNEL_END] = event->time;
	}
	initcalls_finish(model->initcalls, event);
}

/* Programs that leave an initramfs and run the system's own pid 1. */
static bool is_pivot(const char *base)
{
	static const char *const names[] = {
		"run-init", "switch_root", "switch-root", "pivot_root", "busybox", "chroot",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (!strcmp(names[i], base))
			return true;
	return false;
}

static void on_exec(struct model *model, const struct boot_event *event)
{
	const char *file = event->text[0];
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;

	if (event->number[0] != 1)
		return;
	marks_add(model->marks, event->time, "exec", file, NULL);
	if (!strcmp(base, "systemd-shutdown") || !strcmp(base, "shutdown")) {
		begin_shutdown(model, event->time);
		stop_boundary(model, BEGIN_STOP_FINAL, event->time);
		return;
	}
	if (model->stage == STAGE_SHUTDOWN || model->real_init)
		return;
	model->is_late_cut = false;	/* it stands */
	model->execs++;
	if (model->execs == 1 && (!strcmp(base, "init") && strncmp(file, "/sbin/", 6) &&
				  strncmp(file, "/usr/", 5) && strncmp(file, "/bin/", 5) &&
				  strncmp(file, "/etc/", 5))) {
		boundary(model, BEGIN_INITRAMFS, event->time);
		return;
	}
	if (model->execs > 1 && is_pivot(base) && !model->is_pivoting) {
		boundary(model, BEGIN_PIVOT, event->time);
		model->is_pivoting = true;
		return;
	}
	note_time(model, &model->real_init, event->time);
	if (until_kind(model->until) == UNTIL_INIT)
		end_boot(model, event, "pid 1 ran the first program of user space");
}

static void on_unit_active(struct model *model, const struct boot_event *event, const char *name)
{
	static const struct { const char *name, *text; } targets[] = {
		{ "sysinit.target", "System Initialization" }, { "basic.target", "Basic System" },
		{ "multi-user.target", "Multi-User System" },
		{ "graphical.target", "Graphical Interface" },
	};

	if (strstr(event->text[0], "Reached target "))
		marks_add(model->marks, event->time, "target", name, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
		if ((strcmp(name, targets[i].name) && strcmp(name, targets[i].text)) ||
		    model->stage != STAGE_BOOT || !model->real_init)
			continue;
		note_time(model, &model->reached[i], event->time);
		if (i >= 2)
			end_boot_provisionally(model, event, i == 2 ?
					       "systemd reached multi-user.target" :
					       "systemd reached graphical.target");
	}
	if (model->stage == STAGE_BOOT && until_fits_unit(model->until, name))
		end_boot(model, event, "the unit was up");
}

static void on_stop(struct model *model, const struct boot_event *event, const char *name)
{
	bool is_certain = strstr(event->text[0], "Stopped target ") &&
			  (!strcmp(name, "multi-user.target") || !strcmp(name, "graphical.target") ||
			   !strcmp(name, "basic.target") || !strcmp(name, "Multi-User System") ||
			   !strcmp(name, "Graphical Interface") || !strcmp(name, "Basic System"));

	if (model->stage == STAGE_SHUTDOWN || !model->real_init)
		return;
	/*
	 * The first unit that is stopped together with the targets began it. So each
	 * first one may have: what is seen from there on is kept until it is known.
	 */
	if (model->stage == STAGE_BETWEEN &&
	    event->time - model->last_stop_message > STOP_GAP) {
		model->stop_begin = event->time;
		account_cut(model->account, event->time);
		sched_restart(model->sched, event->time);
		sched_set_quiet(model->sched, false);
	}
	model->last_stop_message = event->time;
	if (!is_certain)
		return;
	if (model->stage == STAGE_BETWEEN) {
		model->stage = STAGE_SHUTDOWN;
		model->stop_at.at[BEGIN_STOP_UNITS] = model->stop_begin;
	} else {
		begin_shutdown(model, event->time);
		stop_boundary(model, BEGIN_STOP_UNITS, event->time);
	}
}

static void on_console(struct model *model, const struct boot_event *event)
{
	int32_t number;
	enum unit_news news = units_message(model->units, event->text[0], event->time, &number);
	const char *name = number >= 0 ? units_at(model->units, number)->name : "";

	switch (news) {
	case UNIT_STARTUP_FINISHED:
		marks_add(model->marks, event->time, "message", "Startup finished", event->text[0]);
		/* an initramfs's own systemd has none of its own; another's does not count */
		if (until_kind(model->until) == UNTIL_DEFAULT && model->real_init)
			end_boot(model, event, "systemd said that the startup is finished");
		break;
	case UNIT_ACTIVE:
		on_unit_active(model, event, name);
		break;
	case UNIT_STOPPING:
	case UNIT_STOPPED:
		on_stop(model, event, name);
		break;
	default:
		break;
	}
}

static void on_fork(struct model *model, const struct boot_event *event)
{
	struct task *task = sched_task(model->sched, sched_find(model->sched, event->number[1]));

	/* systemd makes a unit's cgroup, then forks its first process. */
	if (event->number[0] != 1 || model->made_unit < 0 || !task)
		return;
	task->unit = model->made_unit;
	model->made_unit = -1;
}

static void on_reboot(struct model *model, const struct boot_event *event)
{
	static const uint32_t commands[] = {
		0x01234567, 0xcdef0123, 0x4321fedc, 0xa1b2c3d4, 0x45584543,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
		if ((uint32_t)event->number[0] != commands[i])
			continue;
		begin_shutdown(model, event->time);
		stop_boundary(model, BEGIN_STOP_KERNEL, event->time);
		model->stop_task = sched_find(model->sched, event->pid);
	}
}

static int64_t stack_of(const struct boot_event *event)
{
	return event->pid > 0 ? event->pid : -2 - (int64_t)event->cpu;
}

static void on_event(struct model *model, const struct boot_event *event)
{
	struct task *task;

	switch (event->kind) {
	case BOOT_VMM:
		on_vmm(model, event);
		break;
	case BOOT_INITCALL_LEVEL:
		on_initcall_level(model, event);
		break;
	case BOOT_INITCALL_START:
		on_initcall_start(model, event);
		break;
	case BOOT_INITCALL_FINISH:
		on_initcall_finish(model, event);
		break;
	case BOOT_EXEC:
		on_exec(model, event);
		break;
	case BOOT_CONSOLE:
		on_console(model, event);
		break;
	case BOOT_FORK:
		on_fork(model, event);
		break;
	case BOOT_MODULE_LOAD:
		initcalls_module(model->initcalls, event);
		break;
	case BOOT_CGROUP_MKDIR:
		model->made_unit = units_cgroup_made(model->units, event->text[0], event->time);
		break;
	case BOOT_CGROUP_RMDIR:
		units_cgroup_gone(model->units, event->text[0], event->time);
		break;
	case BOOT_CGROUP_ATTACH:
		task = sched_task(model->sched, sched_find(model->sched, event->number[0]));
		if (task)
			task->unit = units_of_path(model->units, event->text[0], event->time);
		break;
	case BOOT_REBOOT:
		on_reboot(model, event);
		break;
	default:
		break;
	}
}

/* A function's name without the place in it: tracing happens somewhat behind its start. */
static const char *bare_name(const char *symbol, char *buffer, size_t size)
{
	const char *plus = strstr(symbol, "+0x");

	if (!plus)
		return symbol;
	g_strlcpy(buffer, symbol, MIN(size, (size_t)(plus - symbol) + 1));
	return buffer;
}

static void on_function(struct model *model, const struct boot_event *event)
{
	char name_buffer[128], caller_buffer[128];
	const char *name = bare_name(event->text[0], name_buffer, sizeof(name_buffer));

	if (model->stage != STAGE_BOOT)
		return;
	if (event->kind == BOOT_GRAPH_ENTRY)
		functions_enter(model->functions, stack_of(event), name, event->number[0],
				event->time);
	else if (event->kind == BOOT_GRAPH_EXIT)
		functions_leave(model->functions, stack_of(event), name, event->number[0],
				event->time);
	else
		functions_call(model->functions, name,
			       bare_name(event->text[1], caller_buffer, sizeof(caller_buffer)));
}

static void count(struct model *model, const struct boot_event *event)
{
	uint64_t *number = g_hash_table_lookup(model->systems, event->system);

	model->events++;
	model->unnamed += event->kind == BOOT_OTHER && !event->has_class;
	if (!number) {
		if (g_hash_table_size(model->systems) >= 1024)
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

void model_take(const struct boot_event *event, void *data)
{
	struct model *model = data;

	if (event->kind == BOOT_CLOCK_ZERO) {
		model->clock_zero = event->number[0];
		return;
	}
	if (!model->first_any)
		model->first_any = event->time;
	model->last_any = MAX(model->last_any, event->time);
	if (event->kind == BOOT_LOST) {
		model->lost += event->number[0];
		model->has_unknown_loss |= !event->number[0];
		sched_event(model->sched, event);
		return;
	}
	count(model, event);
	if (is_other_origin(model, event))
		return;
	if (event->kind != BOOT_VMM) {
		if (!model->first_guest) {
			model->first_guest = event->time;
			account_cut(model->account, event->time);
		}
		model->last_guest = event->time;
	}
	if (event->kind == BOOT_GRAPH_ENTRY || event->kind == BOOT_GRAPH_EXIT ||
	    event->kind == BOOT_FUNCTION) {
		on_function(model, event);
		return;
	}
	sched_event(model->sched, event);
	on_event(model, event);
	if (model->stage == STAGE_BOOT && until_fits_event(model->until, event))
		end_boot(model, event, until_what(model->until));
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
	if (!model->first_guest)
		warn(report, "there are no events of the guest: only what the VMM saw is known");
	else if (!sched_has_switches(model->sched))
		warn(report, "no scheduling events (sched:sched_switch): where time went is not known");
	if (model->first_guest && !model->boot->initcalls->len)
		warn(report, "no initcall events: the kernel's own part is not taken apart");
	if (model->unnamed)
		warn(report, "%" G_GUINT64_FORMAT " events are of kinds that nothing describes: for a guest "
		     "without a driver its kernel's profile is needed (hypertrace kernel)",
		     model->unnamed);
	if (model->real_init && !model->boot->units->len)
		warn(report, "no units seen: boot the guest with systemd.log_target=kmsg "
		     "printk.devkmsg=on and trace printk:console");
	if (model->lost || model->has_unknown_loss)
		warn(report, "events were lost (%s%" G_GUINT64_FORMAT "): times near them are doubtful",
		     model->has_unknown_loss ? "at least " : "", model->lost);
	if (!model->is_end_found)
		warn(report, "the end of the boot (%s) was not seen: %s stands in for it",
		     until_name(model->until),
		     model->shutdown ? "the shutdown's begin" : "the last event");
	if (sched_nap_resolution(model->sched))
		warn(report, "there were so many waits that those below %" G_GUINT64_FORMAT
		     " ns were not kept", sched_nap_resolution(model->sched));
	if (units_omitted(model->units))
		warn(report, "%" G_GUINT64_FORMAT " units were too many to be kept",
		     units_omitted(model->units));
}

struct report *model_finish(struct model *model, const char *input,
			    struct boot_source_info *source)
{
	struct report *report;

	if (!source) {
		model_free(model);
		return NULL;
	}
	give_up_boot(model, model->last_any);
	if (model->stage == STAGE_SHUTDOWN)
		take_shutdown(model, model->last_any);
	report = g_new0(struct report, 1);
	report->input = g_strdup(input ? input : "");
	report->source = source;
	report->warnings = g_ptr_array_new_with_free_func(g_free);
	report->vcpu_count = sched_cpu_count(model->sched);
	report->origin = model->boot_extent.origin;
	report->events = model->events;
	report->first_event = model->first_guest ?
			      extent_time(&model->boot_extent, model->first_guest) : NO_TIME;
	report->last_event = model->first_guest ?
			     extent_time(&model->boot_extent, model->last_guest) : NO_TIME;
	report->lost_events = model->lost;
	report->has_unknown_loss = model->has_unknown_loss;
	report->marker_name = g_strdup(until_name(model->until));
	report->marker_what = g_strdup(model->is_end_found ? model->end_what :
				       model->shutdown ? "the begin of the shutdown" :
				       "the last event");
	report->marker_time = model->boot->end;
	report->is_marker_found = model->is_end_found;
	for (guint i = 0; i < source->warnings->len; i++)
		warn(report, "%s", (char *)g_ptr_array_index(source->warnings, i));
	add_warnings(model, report);
	add_late_vcpus(model->boot, model->boot_vcpus, report->vcpu_count);
	report->boot = g_steal_pointer(&model->boot);
	report->shutdown = g_steal_pointer(&model->shutdown);
	report->systems = g_steal_pointer(&model->systems);
	model_free(model);
	return report;
}
