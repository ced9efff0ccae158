/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a timeline can be true: a guest's event cannot be while its vCPU was not
 * in the guest, nor a task run before it was woken up.
 *
 * It is fed with the decoder's events in their order. For each vCPU the host's
 * kvm_entry and kvm_exit say when it was in the guest; an event of it in between an
 * exit and the next entry is wrong by the distance to the nearer of the two, and
 * that must not be more than the bound of its time. Where the host was not recorded,
 * or events of it were lost, or nobody told which vCPU the guest's CPU is, nothing
 * is judged. Memory is bounded, whatever a recording says.
 */
#ifndef HYPERTRACE_DECODE_CAUSALITY_H
#define HYPERTRACE_DECODE_CAUSALITY_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder.h"

/**
 * struct causality_count - what one rule found
 * @judged: events that it was asked of, and could tell
 * @unjudged: those of which it could not
 * @carried: events whose time is another CPU's reading of the clock, see
 *	timebase_shared_ns(): neither right nor wrong
 * @violations: events that were wrong by more than their bound
 * @largest_ns: by how much the worst event was wrong, within its bound or not
 * @bound_ns: the bound of that event, or of the pair of events
 * @at_ns: its time
 * @widest_ns: the largest bound of an event that was judged
 */
struct causality_count {
	uint64_t judged;
	uint64_t unjudged;
	uint64_t carried;
	uint64_t violations;
	uint64_t largest_ns;
	uint64_t bound_ns;
	uint64_t at_ns;
	uint64_t widest_ns;
};

/**
 * struct causality_vm - the findings about a VM
 * @vm: the VM
 * @has_host: the host's events were recorded beside it
 * @stays: times that a vCPU was in the guest, from an entry to an exit
 * @inside: events of a vCPU are in its stays
 * @wakeups: tasks run after they were woken up by another CPU
 */
struct causality_vm {
	const struct recording_vm *vm;
	bool has_host;
	uint64_t stays;
	struct causality_count inside;
	struct causality_count wakeups;
};

struct causality;

/**
 * causality_new - begin
 * @recording: whose events will come; must stay as long as the result
 * Return: to be freed with causality_free().
 */
struct causality *causality_new(const struct recording *recording);

/** causality_free - free it; NULL is fine */
void causality_free(struct causality *causality);

/**
 * causality_take - the next event, or loss
 * @causality: of the recording
 * @item: as the decoder gave it; all VMs are needed, and the host
 */
void causality_take(struct causality *causality, const struct decoder_item *item);

/** causality_finish - no more events come */
void causality_finish(struct causality *causality);

/** causality_vm_count - how many VMs there are, without the host */
uint32_t causality_vm_count(const struct causality *causality);

/** causality_vm_at - the findings about the VM with a number below that */
const struct causality_vm *causality_vm_at(const struct causality *causality, uint32_t number);

#endif
