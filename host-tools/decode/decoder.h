/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The decoder: from a recording to its events, all VMs and CPUs merged into one
 * timeline on the host's CLOCK_MONOTONIC. Everything that shows or converts
 * events goes through here.
 *
 *	struct decoder *decoder = decoder_open(path, &options, &error);
 *	struct decoder_item item;
 *
 *	while (decoder_next(decoder, &item))
 *		...
 *	decoder_free(decoder);
 *
 * Packets are read where they lie in the mapped files, one per stream at a
 * time: memory depends on the number of streams, formats and symbols, not on the
 * number of events. Nothing in a recording can make it fail or stop: what is not
 * understood is counted (struct decoder_stream).
 */
#ifndef HYPERTRACE_DECODE_DECODER_H
#define HYPERTRACE_DECODE_DECODER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "format.h"
#include "recording/reader.h"
#include "timebase.h"
#include "value.h"

struct symbols;
struct tasks;
struct printk_formats;

/* The host's name among the VMs, whatever the machine is called. */
#define DECODER_HOST_NAME	"host"

/**
 * enum decoder_host - what to do with the host's own events, where there are some
 * @DECODER_HOST_BY_NAME: give them out if the VMs wanted are all, or if
 *	%DECODER_HOST_NAME is among them; else as %DECODER_HOST_NONE
 * @DECODER_HOST_CONCERNED: give out those that concern a VM that is wanted, too
 * @DECODER_HOST_SILENT: give out none, but learn from them where vCPUs run
 * @DECODER_HOST_NONE: leave them alone
 */
enum decoder_host {
	DECODER_HOST_BY_NAME,
	DECODER_HOST_CONCERNED,
	DECODER_HOST_SILENT,
	DECODER_HOST_NONE,
};

/**
 * struct decoder_options - what to decode and how
 * @naming: of events and fields
 * @vm: glob for the names of the VMs wanted, NULL for all
 * @host: what to do with the host's own events
 * @is_raw: times of the sources' own clocks instead of the host's
 */
struct decoder_options {
	enum naming naming;
	const char *vm;
	enum decoder_host host;
	bool is_raw;
};

/**
 * struct decoder_place - a vCPU, and where it runs
 * @vm: the VM, NULL if none is concerned
 * @vcpu: index of the vCPU (struct vcpu_record), %VHT_CPU_NONE if not known
 * @host_cpu: the CPU of the host that the vCPU runs on, or was last seen on;
 *	%VHT_CPU_NONE if the host was not recorded, events of it were lost, or
 *	times are raw
 * @is_assumed: nobody told which vCPU the guest's CPU is: it is taken to be the
 *	one of the same rank
 */
struct decoder_place {
	const struct recording_vm *vm;
	uint32_t vcpu;
	uint32_t host_cpu;
	bool is_assumed;
};

/**
 * struct decoder_guest - what one driver's life said about its kernel
 * @metadata: the stream that says so, NULL if there is none
 * @classes: its events
 * @symbols: names of addresses
 * @tasks: names of tasks, as of the last event taken
 * @formats: texts of format pointers
 * @long_size: bytes of its long
 * @clock_dropped: pairs (source clock, counter) that contradict the others
 */
struct decoder_guest {
	const struct recording_stream *metadata;
	struct class_table *classes;
	struct symbols *symbols;
	struct tasks *tasks;
	struct printk_formats *formats;
	unsigned int long_size;
	uint32_t clock_dropped;
};

/**
 * struct decoder_stream - one stream file
 * @vm: its VM, or the host
 * @vm_index: 0, 1, 2... among the VMs decoded, the host being one of them
 * @index: 0, 1, 2... among all streams decoded
 * @epoch: of the VM; 0 for the VM's own events
 * @generation: of the driver; 0 for the VM's own events
 * @source: VHT_SOURCE_*
 * @name: of the source, e.g. "hypertrace"
 * @cpu: CPU of the guest, or of the host; or %VHT_CPU_NONE
 * @guest: its kernel, be it the host's; NULL for the VM's own events
 * @has_host_time: its times are the host's
 * @events: given out so far
 * @lost: events known to be lost, so far
 * @damaged: packets whose content was not understood to the end
 * @time_steps_back: events whose time was before that of the event before
 * @early_steps_back: likewise, but older than the first clock pair: the kernel
 *	was still finding out what its clock is worth
 * @packets: seen so far
 * @user: for who uses the decoder; NULL at first
 */
struct decoder_stream {
	const struct recording_vm *vm;
	uint32_t vm_index;
	uint32_t index;
	uint32_t epoch;
	uint32_t generation;
	uint16_t source;
	const char *name;
	uint32_t cpu;
	struct decoder_guest *guest;
	bool has_host_time;
	uint64_t events;
	uint64_t lost;
	uint64_t damaged;
	uint64_t time_steps_back;
	uint64_t early_steps_back;
	uint64_t packets;
	void *user;
};

/**
 * enum decoder_item_kind - what decoder_next() gives
 * @DECODER_EVENT: an event
 * @DECODER_LOST: events were lost here
 */
enum decoder_item_kind {
	DECODER_EVENT,
	DECODER_LOST,
};

/**
 * struct decoder_item - one event, or a loss
 * @kind: which of the two
 * @stream: where it is from
 * @time: host CLOCK_MONOTONIC in ns, or the source's clock if
 *	@stream->has_host_time is not set; for a loss, of the last event before it
 * @end_time: for a loss: of the next event; else equal to @time
 * @raw_time: in the source's clock
 * @lost: for a loss: how many events; 0 if the guest did not say
 * @class: of an event
 * @data: the event's record, common fields first; until the next call
 * @size: bytes of it
 * @pid: of the task, -1 if the event does not say
 * @flags: common_flags of ftrace
 * @preempt_count: common_preempt_count of ftrace
 * @place: of a guest's event: its VM, the vCPU, and where that runs. Of the
 *	host's: whom it concerns, by the task that it is about (switched to, woken
 *	up, moved) or the vCPU that KVM names, else by the task that was running
 * @other: of the host's: another vCPU that it concerns (that of the running task), or
 *	NULL; until the next call
 */
struct decoder_item {
	enum decoder_item_kind kind;
	struct decoder_stream *stream;
	uint64_t time;
	uint64_t end_time;
	uint64_t raw_time;
	uint64_t lost;
	struct event_class *class;
	const uint8_t *data;
	uint32_t size;
	int32_t pid;
	uint8_t flags;
	uint8_t preempt_count;
	struct decoder_place place;
	const struct decoder_place *other;
};

struct decoder;

/**
 * decoder_open - open a recording for decoding
 * @path: its directory
 * @options: what and how, NULL for defaults
 * @error: as recording_open()
 * Return: the decoder, to be freed with decoder_free(), or NULL.
 */
struct decoder *decoder_open(const char *path, const struct decoder_options *options,
			     GError **error);

/**
 * decoder_new - decode an open recording
 * @recording: the recording; must stay as long as the decoder
 * @options: what and how, NULL for defaults
 * Return: the decoder, to be freed with decoder_free().
 */
struct decoder *decoder_new(const struct recording *recording,
			    const struct decoder_options *options);

/** decoder_free - close a decoder; NULL is fine */
void decoder_free(struct decoder *decoder);

/**
 * decoder_next - take the next event, or loss, of all streams, in order of time
 *
 * Of one time, what comes first is: the host's events but for exits from a
 * guest, the guests' events in the order of VMs and streams, exits.
 *
 * @decoder: the decoder
 * @out: the item, written only if there is one; its pointers into the decoder
 *	are valid until decoder_free(), @out->data until the next call
 * Return: false at the end.
 */
bool decoder_next(struct decoder *decoder, struct decoder_item *out);

/**
 * decoder_next_before - the same, but only what goes before a guest's event of some time
 *
 * For who has events of guests from elsewhere, and merges them.
 *
 * @decoder: the decoder
 * @time: of that event, in what @out->time counts; %UINT64_MAX: there is none
 * @out: as for decoder_next()
 * Return: false if there is none before, or none at all.
 */
bool decoder_next_before(struct decoder *decoder, uint64_t time, struct decoder_item *out);

/**
 * decoder_find_place - the vCPU of a guest's event from elsewhere, and where that runs
 * @decoder: the decoder; what goes before the event was taken
 * @stream: what is known of the event: @vm, @epoch, @generation (0: not known), @cpu and
 *	@has_host_time
 * @place: set
 */
void decoder_find_place(const struct decoder *decoder, const struct decoder_stream *stream,
			struct decoder_place *place);

/** decoder_recording - the recording that a decoder decodes */
const struct recording *decoder_recording(const struct decoder *decoder);

/** decoder_stream_count - how many streams are decoded */
uint32_t decoder_stream_count(const struct decoder *decoder);

/** decoder_stream_at - the stream with an index below decoder_stream_count() */
struct decoder_stream *decoder_stream_at(const struct decoder *decoder, uint32_t index);

/** decoder_vm_count - how many VMs are decoded, the host counts as one if it is given out */
uint32_t decoder_vm_count(const struct decoder *decoder);

/**
 * decoder_clock - how well the times of a VM's or the host's events are known
 * @decoder: the decoder
 * @vm_index: as in struct decoder_stream
 * Return: of its streams with events of a kernel that which is known worst;
 * "none" if times are raw.
 */
struct timebase_quality decoder_clock(const struct decoder *decoder, uint32_t vm_index);

/** decoder_has_host - the host's events are decoded, given out or not */
bool decoder_has_host(const struct decoder *decoder);

/**
 * decoder_wants_vm - a VM is among those wanted
 * @decoder: the decoder
 * @vm: of its recording, not the host
 */
bool decoder_wants_vm(const struct decoder *decoder, const struct recording_vm *vm);

/** decoder_vm_classes - the classes of the VMs' own events (hypertrace:vmm_*) */
const struct class_table *decoder_vm_classes(const struct decoder *decoder);

/**
 * decoder_warnings - what is wrong with the recording as a whole
 * @decoder: the decoder
 * Return: char *, a sentence each, e.g. that there are no host times.
 */
const GPtrArray *decoder_warnings(const struct decoder *decoder);

/**
 * decoder_task_name - the name of the task of an event
 * @item: an event just taken
 * @buffer: for a name that has to be made
 * @size: bytes of @buffer, at least 16
 * Return: the name: "swapper/CPU" for pid 0, "<...>" if it is not known, NULL
 * if the event has no task.
 */
const char *decoder_task_name(const struct decoder_item *item, char *buffer, size_t size);

#endif
