/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a reader needs to decode the host's events: the records that a guest's
 * driver sends (VHT_META_*), here collected from tracefs, procfs and sysfs, in
 * the order in which they are missed most, a piece at a time.
 */
#ifndef HYPERTRACE_HOST_METADATA_H
#define HYPERTRACE_HOST_METADATA_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/instance.h"
#include "host/stream.h"

struct host_metadata;

/**
 * host_metadata_new - begin; the formats of the enabled events are written at once
 * @instance: the instance; outlives the result
 * @vm: the host's directory in the recording
 * @generation: the recorder's run
 * @error: an I/O error
 * Return: to be freed with host_metadata_free(), or NULL.
 */
struct host_metadata *host_metadata_new(struct host_instance *instance, struct writer_vm *vm,
					uint32_t generation, GError **error);

/** host_metadata_free - end; NULL is fine */
void host_metadata_free(struct host_metadata *metadata);

/**
 * host_metadata_pass - collect a bounded amount
 * @metadata: the metadata
 * @error: an I/O error
 * Return: how it ended; %SESSION_IDLE once all is written.
 */
enum session_result host_metadata_pass(struct host_metadata *metadata, GError **error);

/**
 * host_metadata_finish - write what is missing, and the names of tasks once more
 * @metadata: the metadata
 * @error: an I/O error
 * Return: false with @error set.
 */
bool host_metadata_finish(struct host_metadata *metadata, GError **error);

/** host_metadata_stream - its stream */
const struct host_stream *host_metadata_stream(const struct host_metadata *metadata);

#endif
