/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a recording: its VMs, the lives of their drivers, the stream files,
 * and the packets in them (docs/specs/recording.md). Every tool that comes
 * after `hypertrace record` goes through here.
 *
 * recording_open() looks through the directories and maps every stream file;
 * from then on nothing fails: a cursor yields packets until the end of what is
 * whole. All pointers stay valid until recording_free(). Nothing in a recording
 * is trusted; a file's size alone bounds what is read.
 *
 *	struct recording *rec = recording_open(path, &error);
 *	for each struct recording_vm *vm in rec->vms
 *		for each struct recording_generation *gen in vm->generations
 *			for each struct recording_stream *stream in gen->streams {
 *				struct recording_cursor c;
 *				struct recording_packet p;
 *
 *				recording_cursor_init(&c, stream);
 *				while (recording_cursor_next(&c, &p))
 *					...
 *			}
 *	recording_free(rec);
 */
#ifndef HYPERTRACE_RECORDING_READER_H
#define HYPERTRACE_RECORDING_READER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "../wire/end.h"
#include "../wire/packet.h"
#include "../wire/records.h"
#include "../wire/stream.h"

#define RECORDING_VERSION	1

struct map_guard;

/**
 * recording_survive_truncation - let reading go on if a file is cut off meanwhile
 *
 * Of files opened from now on, lost parts read as zeros, which are no packets.
 * This takes the process's SIGBUS handler: for programs, not for plugins.
 */
void recording_survive_truncation(void);

/**
 * struct recording_stream - one stream file
 * @path: of the file
 * @file_name: its last part, e.g. "ftrace.hypertrace-cpu0"
 * @data: the file, mapped read-only; NULL if @size is 0
 * @size: bytes of it
 * @guard: of the mapping, or NULL
 * @has_state: there is at least one whole state packet
 * @first_state: the stream's entry as the first state packet has it (source,
 *	cpu, clock and name tell what the stream is), zero without one
 * @last_state: the same of the last whole state packet
 * @source: VHT_SOURCE_*: of @first_state, else of the first packet's type; 0 if unknown
 * @cpu: of @first_state, else of the first packet, else %VHT_CPU_NONE
 * @clock: VHT_CLOCK_* of @first_state, else 0
 */
struct recording_stream {
	char *path;
	char *file_name;
	const uint8_t *data;
	uint64_t size;
	struct map_guard *guard;
	bool has_state;
	struct stream_entry first_state;
	struct stream_entry last_state;
	uint16_t source;
	uint32_t cpu;
	uint32_t clock;
};

/**
 * struct recording_generation - the life of one driver
 * @path: of its directory
 * @epoch: the VM's epoch, from the directory's name
 * @generation: likewise
 * @end: what the driver said of its end; its reason is %VHT_END_NONE if it said
 *	nothing. The text is printable ASCII
 * @metadata: the metadata stream, NULL if there is none; also in @streams
 * @streams: struct recording_stream *, by file name, numbers in it by value
 *	(cpu2 before cpu10)
 */
struct recording_generation {
	char *path;
	uint32_t epoch;
	uint32_t generation;
	struct guest_end end;
	struct recording_stream *metadata;
	GPtrArray *streams;
};

/* The host's own directory in a recording. */
#define RECORDING_HOST_DIR	"@host"
/* Where LTTng's traces of the host lie. */
#define RECORDING_LTTNG_DIR	"@lttng"

/**
 * struct recording_vm - one VM, or the host itself
 * @path: of its directory
 * @dir_name: the directory's name
 * @is_host: it is the host: all its times are its own CLOCK_MONOTONIC, and what
 *	only a VM has is 0, "" or NULL
 * @name: the VM's name as it was; of the host, its host name
 * @uuid: "" if it has none
 * @vmm: what ran it, e.g. "QEMU 10.0.13"
 * @pid: of the VMM on its host
 * @start_mono_ns: host CLOCK_MONOTONIC when the device was made
 * @start_real_ns: host CLOCK_REALTIME at that moment
 * @counter_kind: VHT_COUNTER_*
 * @counter_hz: of the guest counter, 0 if unknown
 * @region_size: bytes
 * @vmm_stream: the life cycle events and clock records, NULL if there are none
 * @generations: struct recording_generation *, oldest first
 */
struct recording_vm {
	char *path;
	char *dir_name;
	bool is_host;
	char *name;
	char *uuid;
	char *vmm;
	uint32_t pid;
	uint64_t start_mono_ns;
	uint64_t start_real_ns;
	uint32_t counter_kind;
	uint64_t counter_hz;
	uint64_t region_size;
	struct recording_stream *vmm_stream;
	GPtrArray *generations;
};

/**
 * struct recording - an open recording
 * @path: of the directory
 * @tool: what wrote it
 * @hostname: of the host
 * @release: of the host's kernel
 * @boot_id: of the host's kernel
 * @start_mono_ns: host CLOCK_MONOTONIC when recording began
 * @start_real_ns: host CLOCK_REALTIME at that moment
 * @end_mono_ns: when it ended, 0 if not @complete
 * @complete: the recorder ended by itself
 * @damaged_streams: streams that the recorder could not read to their end
 * @vms: struct recording_vm *, the host first if it was recorded, then by name
 */
struct recording {
	char *path;
	char *tool;
	char *hostname;
	char *release;
	char *boot_id;
	uint64_t start_mono_ns;
	uint64_t start_real_ns;
	uint64_t end_mono_ns;
	bool complete;
	uint64_t damaged_streams;
	GPtrArray *vms;
};

/**
 * recording_open - open a recording
 * @path: its directory
 * @error: %HT_ERROR_NOT_FOUND (no such directory, no recording in it),
 *	%HT_ERROR_FORMAT (another version, unreadable key file, a host part of another
 *	boot), or an I/O error
 * Return: the recording, to be freed with recording_free(), or NULL.
 */
struct recording *recording_open(const char *path, GError **error);

/**
 * recording_free - close a recording
 * @rec: the recording, or NULL
 */
void recording_free(struct recording *rec);

/**
 * recording_stream_open - open one stream file by itself
 * @path: of the file
 * @error: an I/O error
 * Return: the stream, to be freed with recording_stream_free(), or NULL.
 */
struct recording_stream *recording_stream_open(const char *path, GError **error);

/**
 * recording_stream_free - close a stream that recording_stream_open() opened
 * @stream: the stream, or NULL
 */
void recording_stream_free(struct recording_stream *stream);

/**
 * recording_stream_scan - fill in what a stream's packets say of it
 * @stream: with @data and @size set; sets @has_state to @clock
 *
 * recording_open() and recording_stream_open() have done it already: this is
 * for who brings the bytes himself.
 */
void recording_stream_scan(struct recording_stream *stream);

/**
 * struct recording_packet - one packet of a stream file
 * @header: checked
 * @offset: of the packet in the file, bytes
 * @content: @header.content_size bytes, inside the mapped file
 * @missing: packets that the sequence numbers say are missing just before this
 *	one; 0 for state packets
 * @is_first: first packet (other than state packets): what is @missing before
 *	it had been overwritten before the recording began
 * @is_step_back: its sequence number is not above the one before: a defect
 */
struct recording_packet {
	struct packet_header header;
	uint64_t offset;
	const uint8_t *content;
	uint64_t missing;
	bool is_first;
	bool is_step_back;
};

/**
 * struct recording_cursor - a place in a stream file
 * @stream: the stream
 * @offset: of the next packet, bytes
 * @sequence: the next sequence number expected
 * @has_packet: a packet other than a state packet was seen
 * @end: valid when recording_cursor_next() returned false: %PACKET_OK if the
 *	file ends with a whole packet, else why the rest is none
 *
 * A cursor is plain data: copy it to keep a place.
 */
struct recording_cursor {
	const struct recording_stream *stream;
	uint64_t offset;
	uint64_t sequence;
	bool has_packet;
	enum packet_defect end;
};

/**
 * recording_cursor_init - begin at the start of a stream file
 * @cursor: to set
 * @stream: the stream
 */
void recording_cursor_init(struct recording_cursor *cursor,
			   const struct recording_stream *stream);

/**
 * recording_cursor_next - take the next packet, state packets included
 * @cursor: the place; moved behind the packet
 * @out: the packet, written only if there is one
 * Return: true, or false after the last whole packet: then
 * recording_cursor_rest() bytes are not understood, for the reason @cursor->end.
 */
bool recording_cursor_next(struct recording_cursor *cursor, struct recording_packet *out);

/**
 * recording_cursor_rest - bytes behind the cursor
 * @cursor: the cursor
 * Return: bytes from the cursor to the end of the file.
 */
uint64_t recording_cursor_rest(const struct recording_cursor *cursor);

/**
 * recording_packet_state - the stream entry in a state packet
 * @packet: a packet
 * @out: the entry, written only if there is one
 * Return: false if the packet is no state packet or too short.
 */
bool recording_packet_state(const struct recording_packet *packet, struct stream_entry *out);

/**
 * struct recording_records - walks the records of one kind through all packets
 * of a stream; members are private
 */
struct recording_records {
	struct recording_cursor cursor;
	struct record_cursor records;
	uint64_t skipped;
};

/**
 * recording_records_init - begin at a stream's start
 * @it: to set
 * @stream: the stream, or NULL for none at all
 */
void recording_records_init(struct recording_records *it,
			    const struct recording_stream *stream);

/**
 * recording_next_vmm_event - next VM life cycle event of a vmm stream
 * @it: the iterator; use one iterator for one kind of record
 * @out: the event, written only if there is one
 * Return: false at the end.
 */
bool recording_next_vmm_event(struct recording_records *it, struct vmm_event *out);

/** recording_next_clock_record - next clock record of a vmm stream; as above */
bool recording_next_clock_record(struct recording_records *it, struct clock_record *out);

/** recording_next_vcpu - next vCPU record of a vmm stream; as above */
bool recording_next_vcpu(struct recording_records *it, struct vcpu_record *out);

/** recording_next_meta - next record of a metadata stream; as above */
bool recording_next_meta(struct recording_records *it, struct meta_record *out);

/**
 * recording_records_skipped - bytes inside packets that were no whole record
 * @it: an iterator that has come to the end
 * Return: bytes.
 */
uint64_t recording_records_skipped(const struct recording_records *it);

/**
 * recording_vm_stream - a stream of a VM by its name
 * @vm: the VM
 * @name: "vmm", or EPOCH.GENERATION/FILE, as a recorder names it
 * @epoch: written if there is one; 0 for a host stream
 * Return: the stream, belongs to the recording, or NULL.
 */
const struct recording_stream *recording_vm_stream(const struct recording_vm *vm, const char *name,
						   uint32_t *epoch);

/**
 * recording_generation_env - a value of the guest's environment (VHT_META_ENV)
 * @gen: the driver's life
 * @key: e.g. "kernel.release"
 * Return: the last value given, to be freed with g_free(), or NULL.
 */
char *recording_generation_env(const struct recording_generation *gen, const char *key);

#endif
