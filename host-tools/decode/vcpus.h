/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who is who among a VM's vCPUs: the guest's CPU numbers, the VMM's vCPU indexes,
 * KVM's vcpu_ids and the threads on the host, from the vCPU records of the VM and
 * the hardware ids that each driver told of its CPUs.
 *
 * Nothing here is trusted: records beyond a fixed number are not looked at.
 */
#ifndef HYPERTRACE_DECODE_VCPUS_H
#define HYPERTRACE_DECODE_VCPUS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "recording/reader.h"

/**
 * struct vcpu - a vCPU as long as nothing of it changed
 * @index: the VMM's number of it
 * @arch_id: what the hardware calls it; x86: its APIC id
 * @kvm_id: vcpu_id in the host's kvm events, %VHT_CPU_NONE without KVM
 * @thread_id: on the host, 0 if not known
 * @from_ns: CLOCK_MONOTONIC of the record that said so
 * @to_ns: of the one that said otherwise, or that it is gone; else %UINT64_MAX
 */
struct vcpu {
	uint32_t index;
	uint64_t arch_id;
	uint32_t kvm_id;
	uint32_t thread_id;
	uint64_t from_ns;
	uint64_t to_ns;
};

/**
 * enum vcpu_source - why a guest's CPU is taken for a vCPU
 * @VCPU_UNKNOWN: it is not: no vCPU has the id that the guest gave
 * @VCPU_ASSUMED: its number: guest CPU N is the N-th vCPU by index. The guest
 *	told no id of it, or the VMM did not tell of its vCPUs
 * @VCPU_KNOWN: the hardware id that both sides told
 */
enum vcpu_source {
	VCPU_UNKNOWN,
	VCPU_ASSUMED,
	VCPU_KNOWN,
};

struct vcpu_map;

/**
 * vcpu_map_new - read what a VM's streams say of its vCPUs
 * @vm: the VM, or the host, which has none; must stay as long as the result
 * Return: the map, to be freed with vcpu_map_free().
 */
struct vcpu_map *vcpu_map_new(const struct recording_vm *vm);

/** vcpu_map_free - free a map; NULL is fine */
void vcpu_map_free(struct vcpu_map *map);

/** vcpu_map_count - how many entries there are: one a vCPU, and one more for each change */
uint32_t vcpu_map_count(const struct vcpu_map *map);

/** vcpu_map_at - the entry with a number below vcpu_map_count(), ordered by @index, then time */
const struct vcpu *vcpu_map_at(const struct vcpu_map *map, uint32_t number);

/**
 * vcpu_map_of_index - a vCPU at a time
 * @map: the map
 * @index: of the vCPU
 * @mono_ns: CLOCK_MONOTONIC, ns; before the first record that one holds
 * Return: the vCPU, or NULL: there is none, or it was gone.
 */
const struct vcpu *vcpu_map_of_index(const struct vcpu_map *map, uint32_t index,
				     uint64_t mono_ns);

/**
 * vcpu_map_of_thread - the vCPU that a thread of the host runs
 * @map: the map
 * @thread_id: on the host
 * @mono_ns: as above
 * Return: the vCPU, or NULL: none, or several share the thread.
 */
const struct vcpu *vcpu_map_of_thread(const struct vcpu_map *map, uint32_t thread_id,
				      uint64_t mono_ns);

/**
 * vcpu_map_of_kvm_id - the vCPU that KVM's events call so; ids are the VM's own:
 * which VM an event is of says its task, see vcpu_map_of_thread()
 */
const struct vcpu *vcpu_map_of_kvm_id(const struct vcpu_map *map, uint32_t kvm_id,
				      uint64_t mono_ns);

/**
 * vcpu_map_of_cpu - the vCPU that a guest calls its CPU so-and-so
 * @map: the map
 * @epoch: of the VM
 * @generation: of the driver whose stream it is; 0 for a window: then any
 *	driver's word in the epoch counts
 * @cpu: the guest's number of it
 * @index: of the vCPU; written unless the result is %VCPU_UNKNOWN
 * Return: how that is known.
 */
enum vcpu_source vcpu_map_of_cpu(const struct vcpu_map *map, uint32_t epoch,
				 uint32_t generation, uint32_t cpu, uint32_t *index);

/**
 * vcpu_source_word - a word for how a vCPU is known
 * Return: "unknown", "assumed" or "known".
 */
const char *vcpu_source_word(enum vcpu_source source);

#endif
