// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where LTTng's names differ from the kernel's. They are facts of the headers
 * include/instrumentation/events/ of lttng-modules 2.13 to 2.17: the third name
 * of its ..._MAP() macros, and the field names in its TP_FIELDS().
 */
#include "names.h"

#include <glib.h>
#include <string.h>

struct event_rule {
	const char *system;
	const char *from;	/* ending with '*': all names that begin so */
	const char *to;		/* for such a rule: a prefix of the whole name */
};

/* The first rule that fits counts. */
static const struct event_rule event_rules[] = {
	{ "irq", "softirq_*", "irq_" },
	{ "timer", "hrtimer_*", "timer_" },
	{ "timer", "itimer_*", "timer_" },
	{ "kmem", "kmalloc", "kmem_kmalloc" },
	{ "kmem", "kmalloc_node", "kmem_kmalloc_node" },
	{ "kmem", "kfree", "kmem_kfree" },
	{ "kmem", "mm_page_*", "kmem_" },
	{ "power", "cpu_idle", "power_cpu_idle" },
	{ "power", "cpu_frequency", "power_cpu_frequency" },
	{ "power", "machine_suspend", "power_machine_suspend" },
	{ "power", "clock_*", "power_" },
	{ "power", "wakeup_source_*", "power_" },
	{ "printk", "console", "printk_console" },
	{ "preemptirq", "irq_*", "preemptirq_" },
	{ "preemptirq", "preempt_*", "preemptirq_" },
	{ "skb", "consume_skb", "skb_consume" },
	{ "skb", "kfree_skb", "skb_kfree" },
	{ "net", "netif_receive_skb", "net_if_receive_skb" },
	{ "net", "netif_receive_skb_entry", "net_if_receive_skb_entry" },
	{ "net", "netif_receive_skb_exit", "net_if_receive_skb_exit" },
	{ "net", "netif_receive_skb_list_entry", "net_if_receive_skb_list_entry" },
	{ "net", "netif_receive_skb_list_exit", "net_if_receive_skb_list_exit" },
	{ "net", "netif_rx", "net_if_rx" },
	{ "net", "netif_rx_entry", "net_if_rx_entry" },
	{ "net", "netif_rx_exit", "net_if_rx_exit" },
	{ "net", "netif_rx_ni_entry", "net_if_rx_ni_entry" },
	{ "net", "netif_rx_ni_exit", "net_if_rx_ni_exit" },
	{ "net", "napi_gro_*", "net_" },
	{ "irq_vectors", "*", "x86_irq_vectors_" },
	{ "exceptions", "page_fault_*", "x86_exceptions_" },
	{ "random", "*", "random_" },
	{ "compaction", "mm_compaction_isolate_freepages", "compaction_isolate_freepages" },
	{ "compaction", "mm_compaction_isolate_migratepages", "compaction_isolate_migratepages" },
	{ "compaction", "mm_compaction_migratepages", "compaction_migratepages" },
	{ "vmscan", "mm_shrink_slab_start", "mm_vmscan_shrink_slab_start" },
	{ "vmscan", "mm_shrink_slab_end", "mm_vmscan_shrink_slab_end" },
	{ "writeback", "balance_dirty_pages", "writeback_balance_dirty_pages" },
	{ "writeback", "bdi_dirty_ratelimit", "writeback_bdi_dirty_ratelimit" },
	{ "writeback", "folio_wait_writeback", "writeback_folio_wait" },
	{ "writeback", "global_dirty_state", "writeback_global_dirty_state" },
	{ "asoc", "snd_soc_*", "asoc_" },
	{ "btrfs", "__extent_writepage", "btrfs__extent_writepage" },
	{ "btrfs", "add_delayed_*", "btrfs_" },
	{ "btrfs", "run_delayed_*", "btrfs_" },
	{ "btrfs", "alloc_extent_state", "btrfs_alloc_extent_state" },
	{ "btrfs", "free_extent_state", "btrfs_free_extent_state" },
	{ "btrfs", "find_free_extent", "btrfs_find_free_extent" },
	{ "kvm", "kvm_entry", "kvm_x86_entry" },
	{ "kvm", "kvm_exit", "kvm_x86_exit" },
	{ "kvm", "kvm_hypercall", "kvm_x86_hypercall" },
	{ "kvm", "kvm_hv_hypercall", "kvm_x86_hv_hypercall" },
	{ "kvm", "kvm_pio", "kvm_x86_pio" },
	{ "kvm", "kvm_cpuid", "kvm_x86_cpuid" },
	{ "kvm", "kvm_apic", "kvm_x86_apic" },
	{ "kvm", "kvm_apic_accept_irq", "kvm_x86_apic_accept_irq" },
	{ "kvm", "kvm_apic_ipi", "kvm_x86_apic_ipi" },
	{ "kvm", "kvm_eoi", "kvm_x86_eoi" },
	{ "kvm", "kvm_pv_eoi", "kvm_x86_pv_eoi" },
	{ "kvm", "kvm_inj_virq", "kvm_x86_inj_virq" },
	{ "kvm", "kvm_inj_exception", "kvm_x86_inj_exception" },
	{ "kvm", "kvm_page_fault", "kvm_x86_page_fault" },
	{ "kvm", "kvm_msr", "kvm_x86_msr" },
	{ "kvm", "kvm_cr", "kvm_x86_cr" },
	{ "kvm", "kvm_pic_set_irq", "kvm_x86_pic_set_irq" },
	{ "kvm", "kvm_nested_vmrun", "kvm_x86_nested_vmrun" },
	{ "kvm", "kvm_nested_intercepts", "kvm_x86_nested_intercepts" },
	{ "kvm", "kvm_nested_vmexit", "kvm_x86_nested_vmexit" },
	{ "kvm", "kvm_nested_vmexit_inject", "kvm_x86_nested_vmexit_inject" },
	{ "kvm", "kvm_nested_intr_vmexit", "kvm_x86_nested_intr_vmexit" },
	{ "kvm", "kvm_invlpga", "kvm_x86_invlpga" },
	{ "kvm", "kvm_skinit", "kvm_x86_skinit" },
	{ "kvm", "kvm_emulate_insn", "kvm_x86_emulate_insn" },
	{ "kvm", "vcpu_match_mmio", "kvm_x86_vcpu_match_mmio" },
	{ "kvm", "kvm_write_tsc_offset", "kvm_x86_write_tsc_offset" },
	{ "kvm", "kvm_update_master_clock", "kvm_x86_update_master_clock" },
	{ "kvm", "kvm_track_tsc", "kvm_x86_track_tsc" },
	{ "kvmmmu", "fast_page_fault", "kvm_mmu_fast_page_fault" },
	{ "kvmmmu", "handle_mmio_page_fault", "kvm_mmu_handle_mmio_page_fault" },
	{ "kvmmmu", "mark_mmio_spte", "kvm_mmu_mark_mmio_spte" },
};

struct field_rule {
	const char *system;
	const char *from;
	const char *to;
};

/* What the kernel calls a pid is a thread's id, and LTTng calls it one. */
static const struct field_rule field_rules[] = {
	{ "sched", "pid", "tid" },
	{ "sched", "prev_pid", "prev_tid" },
	{ "sched", "next_pid", "next_tid" },
	{ "sched", "parent_pid", "parent_tid" },
	{ "sched", "child_pid", "child_tid" },
	{ "sched", "old_pid", "old_tid" },
};

static bool rule_fits(const struct event_rule *rule, const char *system, const char *name)
{
	size_t length = strlen(rule->from);

	if (strcmp(rule->system, system))
		return false;
	if (rule->from[length - 1] == '*')
		return !strncmp(rule->from, name, length - 1);
	return !strcmp(rule->from, name);
}

const char *lttng_event_name(const char *system, const char *name, char *buffer, size_t size)
{
	if (!strcmp(system, "syscalls")) {
		const char *way = NULL;

		if (g_str_has_prefix(name, "sys_enter_"))
			way = "entry";
		else if (g_str_has_prefix(name, "sys_exit_"))
			way = "exit";
		if (!way)
			return name;
		g_snprintf(buffer, size, "syscall_%s_%s", way, strchr(name + 4, '_') + 1);
		return buffer;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(event_rules); i++) {
		const struct event_rule *rule = &event_rules[i];

		if (!rule_fits(rule, system, name))
			continue;
		if (!strchr(rule->from, '*'))
			return rule->to;
		g_snprintf(buffer, size, "%s%s", rule->to, name);
		return buffer;
	}
	return name;
}

const char *lttng_field_name(const char *system, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(field_rules); i++)
		if (!strcmp(field_rules[i].system, system) && !strcmp(field_rules[i].from, name))
			return field_rules[i].to;
	return name;
}

bool lttng_field_is_hidden(const char *system, const char *name)
{
	return !strcmp(system, "syscalls") &&
	       (!strcmp(name, "__syscall_nr") || !strcmp(name, "nr"));
}
