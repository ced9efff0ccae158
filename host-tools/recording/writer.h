/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing a recording (docs/specs/recording.md), anew or on top of what an
 * earlier recorder left: torn tails go, sequence numbers say where to continue.
 *
 * What was written stays whole: after a failed write a stream file is cut back
 * to its last whole packet.
 */
#ifndef HYPERTRACE_RECORDING_WRITER_H
#define HYPERTRACE_RECORDING_WRITER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "../region/region.h"
#include "../wire/end.h"
#include "../wire/packet.h"
#include "../wire/stream.h"

struct writer;
struct writer_vm;

/**
 * writer_new - make a recording, or open one to go on with it
 * @path: of the directory
 * @error: %HT_ERROR_FORMAT if something else than a recording is there,
 *	%HT_ERROR_BUSY if another recorder writes it, or an I/O error
 * Return: the writer, to be freed with writer_free(), or NULL.
 */
struct writer *writer_new(const char *path, GError **error);

/**
 * writer_free - close a writer, without marking the recording complete
 * @writer: the writer, or NULL
 */
void writer_free(struct writer *writer);

/**
 * writer_set_lost - note what the recorder could not take
 * @writer: the writer
 * @key: what, e.g. "packets_torn"; goes into group [lost]
 * @count: how many
 */
void writer_set_lost(struct writer *writer, const char *key, uint64_t count);

/**
 * writer_complete - mark the recording complete
 * @writer: the writer
 * @error: an I/O error
 * Return: false with @error set.
 */
bool writer_complete(struct writer *writer, GError **error);

/**
 * writer_vm_new - make a VM's directory, or find the one of the same VM
 * @writer: the writer
 * @host: the host header of its region
 * @error: an I/O error
 *
 * Two VMs of one name get two directories: the second is NAME.2.
 *
 * Return: the VM, to be freed with writer_vm_free(), or NULL.
 */
struct writer_vm *writer_vm_new(struct writer *writer, const struct region_host *host,
				GError **error);

/**
 * writer_check_boot - see that the host may be recorded to a place
 * @path: of a recording, or of one that will be made
 * @error: %HT_ERROR_FORMAT if a recording of another boot of a host is there, or
 *	one that does not say of which: two boots have no clock in common
 *
 * For before writer_new(): nothing is changed there.
 *
 * Return: false with @error set.
 */
bool writer_check_boot(const char *path, GError **error);

/**
 * writer_host_new - make the host's directory, or find it, and begin a new run
 * @writer: the writer
 * @generation: number of the run: 1, 2, 3...; written on success
 * @error: as writer_check_boot(), or an I/O error
 *
 * The streams of a run are made with writer_stream_new() in epoch 1.
 *
 * Return: the host, to be freed with writer_vm_free(), or NULL.
 */
struct writer_vm *writer_host_new(struct writer *writer, uint32_t *generation, GError **error);

/**
 * writer_vm_free - forget a VM, or the host
 * @vm: the VM, or NULL
 */
void writer_vm_free(struct writer_vm *vm);

/**
 * writer_vm_dir_name - the name of a VM's directory
 * @vm: the VM
 * Return: the name; belongs to @vm.
 */
const char *writer_vm_dir_name(const struct writer_vm *vm);

/**
 * writer_vm_put_end - write down how a driver's life ended
 * @vm: the VM
 * @epoch: of the driver's life
 * @generation: likewise
 * @end: what the driver said; replaces what was written before
 * @error: an I/O error
 * Return: false with @error set.
 */
bool writer_vm_put_end(struct writer_vm *vm, uint32_t epoch, uint32_t generation,
		       const struct guest_end *end, GError **error);

/**
 * struct writer_stream - a stream file that is being written
 * @path: of the file
 * @fd: of the file
 * @size: bytes of whole packets in it
 * @sequence: of the next packet expected
 * @is_continued: the file held packets already
 * @state: the stream's entry as the file tells it so far
 */
struct writer_stream {
	char *path;
	int fd;
	uint64_t size;
	uint64_t sequence;
	bool is_continued;
	struct stream_entry state;
};

/**
 * writer_stream_new - make a stream file, or go on with the one there
 * @vm: the VM
 * @epoch: of the driver's life; not used for host streams
 * @generation: likewise
 * @entry: the stream's entry; a host stream is known by its id
 * @error: an I/O error, or %HT_ERROR_FORMAT if a file of that name holds
 *	something else
 * Return: the stream, to be freed with writer_stream_free(), or NULL.
 */
struct writer_stream *writer_stream_new(struct writer_vm *vm, uint32_t epoch,
					uint32_t generation, const struct stream_entry *entry,
					GError **error);

/**
 * writer_stream_free - close a stream file
 * @stream: the stream, or NULL
 */
void writer_stream_free(struct writer_stream *stream);

/**
 * writer_stream_append - write whole packets
 * @stream: the stream
 * @packets: the bytes
 * @size: how many
 * @error: an I/O error
 * Return: true when all is written; else nothing of @packets is in the file.
 */
bool writer_stream_append(struct writer_stream *stream, const void *packets, uint64_t size,
			  GError **error);

/**
 * writer_stream_put_state - write a state packet
 * @stream: the stream
 * @entry: the stream's entry now
 * @epoch: of the driver's life, or of the VM for a host stream
 * @generation: likewise, 0 for a host stream
 * @error: an I/O error
 * Return: false with @error set.
 */
bool writer_stream_put_state(struct writer_stream *stream, const struct stream_entry *entry,
			     uint32_t epoch, uint32_t generation, GError **error);

#endif
