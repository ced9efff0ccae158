// SPDX-License-Identifier: GPL-2.0-only
/* Which events the boot report looks at, and which of their fields; see event.h. */
#include "event.h"

#include <glib.h>
#include <string.h>

#include "decode/names.h"

static const struct boot_kind_spec specs[BOOT_KIND_COUNT] = {
	[BOOT_SWITCH] = { "sched", "sched_switch", { "prev_pid", "prev_state", "next_pid" },
			  { "prev_comm", "next_comm" } },
	[BOOT_WAKING] = { "sched", "sched_waking", { "pid" }, { "comm" } },
	[BOOT_WAKEUP] = { "sched", "sched_wakeup", { "pid" }, { "comm" } },
	[BOOT_WAKEUP_NEW] = { "sched", "sched_wakeup_new", { "pid" }, { "comm" } },
	[BOOT_FORK] = { "sched", "sched_process_fork", { "parent_pid", "child_pid" },
			{ "child_comm" } },
	[BOOT_EXEC] = { "sched", "sched_process_exec", { "pid", "old_pid" }, { "filename" } },
	[BOOT_EXIT] = { "sched", "sched_process_exit", { "pid" }, { "comm" } },
	[BOOT_NEWTASK] = { "task", "task_newtask", { "pid", "clone_flags" }, { "comm" } },
	[BOOT_IRQ_ENTRY] = { "irq", "irq_handler_entry", { "irq" }, { "name" } },
	[BOOT_IRQ_EXIT] = { "irq", "irq_handler_exit", { "irq" }, { NULL } },
	[BOOT_SOFTIRQ_ENTRY] = { "irq", "softirq_entry", { "vec" }, { NULL } },
	[BOOT_SOFTIRQ_EXIT] = { "irq", "softirq_exit", { "vec" }, { NULL } },
	[BOOT_TICK_ENTRY] = { "irq_vectors", "local_timer_entry", { NULL }, { NULL } },
	[BOOT_TICK_EXIT] = { "irq_vectors", "local_timer_exit", { NULL }, { NULL } },
	[BOOT_HRTIMER_ENTRY] = { "timer", "hrtimer_expire_entry", { NULL }, { "function" } },
	[BOOT_HRTIMER_EXIT] = { "timer", "hrtimer_expire_exit", { NULL }, { NULL } },
	[BOOT_TIMER_ENTRY] = { "timer", "timer_expire_entry", { NULL }, { "function" } },
	[BOOT_TIMER_EXIT] = { "timer", "timer_expire_exit", { NULL }, { NULL } },
	[BOOT_BLOCK_COMPLETE] = { "block", "block_rq_complete", { "dev" }, { NULL } },
	[BOOT_INITCALL_LEVEL] = { "initcall", "initcall_level", { NULL }, { "level" } },
	[BOOT_INITCALL_START] = { "initcall", "initcall_start", { NULL }, { "func" } },
	[BOOT_INITCALL_FINISH] = { "initcall", "initcall_finish", { "ret" }, { "func" } },
	[BOOT_CONSOLE] = { "printk", "console", { NULL }, { "msg" } },
	[BOOT_MODULE_LOAD] = { "module", "module_load", { NULL }, { "name" } },
	[BOOT_CGROUP_MKDIR] = { "cgroup", "cgroup_mkdir", { NULL }, { "path" } },
	[BOOT_CGROUP_RMDIR] = { "cgroup", "cgroup_rmdir", { NULL }, { "path" } },
	[BOOT_CGROUP_ATTACH] = { "cgroup", "cgroup_attach_task", { "pid" }, { "dst_path" } },
	[BOOT_REBOOT] = { "syscalls", "sys_enter_reboot", { "cmd" }, { NULL } },
	[BOOT_GRAPH_ENTRY] = { "ftrace", "funcgraph_entry", { "depth" }, { "func" } },
	[BOOT_GRAPH_EXIT] = { "ftrace", "funcgraph_exit", { "depth" }, { "func" } },
	[BOOT_FUNCTION] = { "ftrace", "function", { NULL }, { "ip", "parent_ip" } },
};

const struct boot_kind_spec *boot_kind_spec(enum boot_kind kind)
{
	return &specs[kind];
}

enum boot_kind boot_kind_find(const char *system, const char *name)
{
	char buffer[64];

	for (int kind = 0; kind < BOOT_KIND_COUNT; kind++) {
		const struct boot_kind_spec *spec = &specs[kind];

		if (!spec->name || (system && *system && strcmp(system, spec->system)))
			continue;
		if (!strcmp(name, spec->name) ||
		    !strcmp(name, lttng_event_name(spec->system, spec->name, buffer,
						   sizeof(buffer))))
			return kind;
	}
	return BOOT_OTHER;
}
