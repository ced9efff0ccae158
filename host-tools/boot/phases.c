// SPDX-License-Identifier: GPL-2.0-only
/* The phases of a boot and of a shutdown; see phases.h. */
#include "phases.h"

#include <string.h>

struct phase_spec {
	const char *id;
	const char *name;
	const char *group;
	bool joins_next;	/* where it is not seen its time is the next one's */
	const char *reason;	/* why it is not seen, if nothing says more */
};

static const char no_level[] = "no event initcall:initcall_level of this level was traced";
static const char no_target[] = "systemd did not say that it reached this target";

static const struct phase_spec boot_specs[BOOT_PHASES] = {
	[BEGIN_QEMU] = { "qemu.start", "QEMU start", "vmm", true,
			 "the device did not say when its VMM's process began" },
	[BEGIN_MACHINE] = { "qemu.machine", "machine ready to first vCPU run", "vmm", false,
			    "the device did not say when the machine was ready" },
	[BEGIN_FIRMWARE] = { "firmware", "firmware", "firmware", false,
			     "the device did not say when vCPUs began to run" },
	[BEGIN_LOADER] = { "loader", "boot loader", "firmware", false,
			   "no mark of the firmware's end on a watched port" },
	[BEGIN_DECOMPRESS] = { "decompress", "kernel decompression", "firmware", false,
			       "no mark of the kernel's begin on a watched port" },
	[BEGIN_KERNEL] = { "kernel.start", "kernel start to first initcall", "kernel", false,
			   "nothing tells when the kernel began" },
	[BEGIN_LEVEL_CONSOLE] = { "initcall.console", "initcalls: console", "kernel", false,
				  no_level },
	[BEGIN_LEVEL_EARLY] = { "initcall.early", "initcalls: early", "kernel", false, no_level },
	[BEGIN_LEVEL_PURE] = { "initcall.pure", "initcalls: pure", "kernel", false, no_level },
	[BEGIN_LEVEL_CORE] = { "initcall.core", "initcalls: core", "kernel", false, no_level },
	[BEGIN_LEVEL_POSTCORE] = { "initcall.postcore", "initcalls: postcore", "kernel", false,
				   no_level },
	[BEGIN_LEVEL_ARCH] = { "initcall.arch", "initcalls: arch", "kernel", false, no_level },
	[BEGIN_LEVEL_SUBSYS] = { "initcall.subsys", "initcalls: subsys", "kernel", false,
				 no_level },
	[BEGIN_LEVEL_FS] = { "initcall.fs", "initcalls: fs", "kernel", false, no_level },
	[BEGIN_LEVEL_DEVICE] = { "initcall.device", "initcalls: device", "kernel", false,
				 no_level },
	[BEGIN_LEVEL_LATE] = { "initcall.late", "initcalls: late", "kernel", false, no_level },
	[BEGIN_KERNEL_END] = { "kernel.end", "last initcall to first program", "kernel", false,
			       "no initcall of the last level was traced" },
	[BEGIN_INITRAMFS] = { "initramfs", "initramfs", "initrd", false,
			      "pid 1 was not seen to run a program" },
	[BEGIN_PIVOT] = { "pivot", "root pivot", "initrd", false,
			  "pid 1 was not seen to run a program that changes the root" },
	[BEGIN_SYSINIT] = { "userspace.sysinit", "user space to sysinit.target", "userspace", true,
			    no_target },
	[BEGIN_BASIC] = { "userspace.basic", "to basic.target", "userspace", true, no_target },
	[BEGIN_MULTI_USER] = { "userspace.multi-user", "to multi-user.target", "userspace", true,
			       no_target },
	[BEGIN_GRAPHICAL] = { "userspace.graphical", "to graphical.target", "userspace", true,
			      no_target },
	[BEGIN_FINISH] = { "userspace.finish", "to boot finished", "userspace", false,
			   "the boot did not come to user space" },
};

static const struct phase_spec stop_specs[STOP_PHASES] = {
	[BEGIN_STOP_UNITS] = { "shutdown.units", "stopping units", "shutdown", true,
			       "systemd did not say that it stops" },
	[BEGIN_STOP_FINAL] = { "shutdown.final", "systemd-shutdown", "shutdown", false,
			       "pid 1 was not seen to run systemd-shutdown" },
	[BEGIN_STOP_KERNEL] = { "shutdown.kernel", "kernel", "shutdown", false,
				"no system call reboot was traced" },
	[BEGIN_STOP_VMM] = { "shutdown.vmm", "VMM", "shutdown", false,
			     "the VMM did not say that the guest shut down" },
};

int phase_level(const char *level)
{
	for (int i = BEGIN_LEVEL_CONSOLE; i <= BEGIN_LEVEL_LATE; i++)
		if (!strcmp(strchr(boot_specs[i].id, '.') + 1, level))
			return i;
	return -1;
}

bool phase_is_id(const char *id)
{
	for (int i = 0; i < BOOT_PHASES; i++)
		if (!strcmp(boot_specs[i].id, id))
			return true;
	for (int i = 0; i < STOP_PHASES; i++)
		if (!strcmp(stop_specs[i].id, id))
			return true;
	return false;
}

/* Which boundaries stand: those in order, inside the span. */
static void check(const struct boundaries *boundaries, uint32_t count, uint64_t start, uint64_t end,
		  uint64_t *at, const char **reason)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < count; i++) {
		at[i] = boundaries->at[i];
		reason[i] = boundaries->reason[i];
		if (!at[i])
			continue;
		if (at[i] >= end && at[i] > start) {
			at[i] = 0;
			reason[i] = "it came after the end";
		} else if (at[i] < last) {
			at[i] = 0;
			reason[i] = "its begin was seen out of order";
		} else {
			at[i] = MAX(at[i], start);
			last = at[i];
		}
	}
}

static void set_splits(struct phase *phase, uint64_t origin, const struct account *account,
		       uint32_t vcpus)
{
	int64_t sums[ACCOUNT_COUNT], duration = phase->end - phase->start;
	struct wall_split *wall = &phase->wall;
	struct cpu_split *cpu = &phase->cpu;

	account_sum(account, origin + phase->start, origin + phase->end, sums);
	wall->running = sums[ACCOUNT_WALL_RUNNING];
	wall->disk = sums[ACCOUNT_WALL_DISK];
	wall->device = sums[ACCOUNT_WALL_DEVICE];
	wall->timer = sums[ACCOUNT_WALL_TIMER];
	wall->task = sums[ACCOUNT_WALL_TASK];
	wall->idle = sums[ACCOUNT_WALL_IDLE];
	wall->unknown = duration - wall->running - wall->disk - wall->device - wall->timer -
			wall->task - wall->idle;
	cpu->task = sums[ACCOUNT_CPU_TASK];
	cpu->irq = sums[ACCOUNT_CPU_IRQ];
	cpu->idle = sums[ACCOUNT_CPU_IDLE];
	cpu->unknown = duration * vcpus - cpu->task - cpu->irq - cpu->idle;
	phase->runnable = sums[ACCOUNT_RUNNABLE];
}

static void add_chain(struct span *span)
{
	for (guint i = 0; i < span->chain->len; i++) {
		const struct link *link = g_ptr_array_index(span->chain, i);

		for (guint j = 0; j < span->phases->len; j++) {
			struct phase *phase = &g_array_index(span->phases, struct phase, j);
			int64_t from = MAX(link->start, phase->start);
			int64_t to = MIN(link->end, phase->end);

			if (to > from)
				phase->chain[link->state] += to - from;
		}
	}
}

static void add_total(struct span *span, const char *name, int64_t value)
{
	struct total total = { .name = name, .value = value };

	g_array_append_val(span->totals, total);
}

/* The sum of a group's phases; not known if the first of them has no begin. */
static void add_group(struct span *span, const char *name, const char *group, bool is_known)
{
	int64_t sum = 0;

	for (guint i = 0; i < span->phases->len; i++) {
		const struct phase *phase = &g_array_index(span->phases, struct phase, i);

		if (!strcmp(phase->group, group))
			sum += phase->end - phase->start;
	}
	add_total(span, name, is_known ? sum : NO_TIME);
}

static bool is_any_seen(const struct span *span, uint32_t first, uint32_t last)
{
	for (uint32_t i = first; i <= last; i++)
		if (g_array_index(span->phases, struct phase, i).is_seen)
			return true;
	return false;
}

static void add_totals(struct span *span, bool is_shutdown)
{
	add_total(span, "total", span->end - span->start);
	if (is_shutdown)
		return;
	add_group(span, "vmm", "vmm", is_any_seen(span, BEGIN_QEMU, BEGIN_MACHINE));
	add_group(span, "firmware", "firmware", is_any_seen(span, BEGIN_FIRMWARE, BEGIN_FIRMWARE));
	add_group(span, "kernel", "kernel", is_any_seen(span, BEGIN_KERNEL, BEGIN_KERNEL));
	add_group(span, "initrd", "initrd", is_any_seen(span, BEGIN_INITRAMFS, BEGIN_PIVOT));
	add_group(span, "userspace", "userspace", is_any_seen(span, BEGIN_SYSINIT, BEGIN_FINISH));
}

void phases_make(const struct boundaries *boundaries, const struct extent *extent,
		 const struct account *account, uint32_t vcpus, struct span *span)
{
	const struct phase_spec *specs = extent->is_shutdown ? stop_specs : boot_specs;
	uint32_t count = extent->is_shutdown ? STOP_PHASES : BOOT_PHASES;
	uint64_t origin = extent->origin, start = extent->start, end = extent->end;
	const char *reason[BOOT_PHASES];
	uint64_t at[BOOT_PHASES];
	int first = -1, last = -1;

	check(boundaries, count, start, end, at, reason);
	/* What is before the first boundary that was seen belongs to the phase there. */
	for (uint32_t i = 0; i < count; i++)
		if (at[i]) {
			first = first < 0 ? (int)i : first;
			last = i;
		}
	if (first < 0)
		first = last = count - 1;
	at[first] = start;
	for (uint32_t i = 0, seen = first; i < count; i++) {
		struct phase phase = { .id = specs[i].id, .name = specs[i].name,
				       .group = specs[i].group };
		uint32_t next = i + 1;

		while (next < count && !at[next])
			next++;
		phase.is_seen = at[i];
		if (at[i]) {
			seen = i;
			phase.start = at[i] - origin;
			phase.end = (next < count ? at[next] : end) - origin;
			phase.reason = g_strdup(reason[i]);
		} else {
			bool is_next = ((int)i < first || specs[i].joins_next) && (int)i < last;

			phase.start = phase.end = ((int)i < first ? start : next < count ?
						   at[next] : end) - origin;
			phase.merged_into = specs[is_next ? next : seen].id;
			phase.reason = g_strdup(reason[i] ? reason[i] : specs[i].reason);
		}
		set_splits(&phase, origin, account, vcpus);
		g_array_append_val(span->phases, phase);
	}
	add_chain(span);
	add_totals(span, extent->is_shutdown);
}
