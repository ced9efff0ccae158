/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where things run: on which CPU of the host each vCPU is, and which VM and vCPU
 * an event of the host's kernel concerns. It is fed with the host's events in the
 * order of the merged timeline, so what it says holds at that moment of it.
 *
 * A vCPU is known by its thread (vcpus.h). It is where its thread was last seen
 * to run: at an event of that thread, a switch to it, an entry into the guest.
 * After a loss on a CPU of the host a vCPU is nowhere until seen again, unless it
 * was inside the guest on another CPU all the time.
 *
 * Threads come and go, and their ids are used again: a thread stops to be a vCPU
 * with the VM's end, the record that says so, its own exit, or another's birth.
 */
#ifndef HYPERTRACE_DECODE_PLACE_H
#define HYPERTRACE_DECODE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder.h"

struct places;
struct place_kernel;

/**
 * places_new - begin with all vCPUs nowhere
 * @recording: whose VMs; must stay as long as the result
 * Return: to be freed with places_free().
 */
struct places *places_new(const struct recording *recording);

/** places_free - free it, with its kernels; NULL is fine */
void places_free(struct places *places);

/**
 * places_add_kernel - a life of the host's kernel that was recorded
 * @places: of the recording
 * Return: for the streams of that life; freed with @places.
 */
struct place_kernel *places_add_kernel(struct places *places);

/**
 * places_of_cpu - the vCPU behind a guest's CPU
 * @places: of the recording
 * @vm: the guest's VM
 * @epoch: of the stream
 * @generation: of the stream
 * @cpu: the guest's number
 * @place: set; its host CPU is not known
 * Return: where the vCPU's host CPU will be found while the host's events are
 * taken, valid as long as @places; NULL if the vCPU is not known.
 */
const uint32_t *places_of_cpu(struct places *places, const struct recording_vm *vm,
			      uint32_t epoch, uint32_t generation, uint32_t cpu,
			      struct decoder_place *place);

/**
 * places_rank - order of an event of the host among others of the same time
 * @kernel: of the event's stream
 * @class: of the event, NULL for a loss
 * Return: below %PLACE_RANK_GUEST for what goes before a guest's events, above
 * for what goes behind them: an exit from the guest.
 */
unsigned int places_rank(struct place_kernel *kernel, const struct event_class *class);

#define PLACE_RANK_GUEST	1

/**
 * places_take - the next event of the host, or loss
 * @places: of the recording
 * @kernel: of the event's stream
 * @item: the event; @item->place and @item->other are set
 */
void places_take(struct places *places, struct place_kernel *kernel, struct decoder_item *item);

#endif
