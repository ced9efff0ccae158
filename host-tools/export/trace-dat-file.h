/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One trace.dat file: what is in it, and its layout. trace-dat.c decides which files
 * there are and fills their sub-buffers.
 */
#ifndef HT_EXPORT_TRACE_DAT_FILE_H
#define HT_EXPORT_TRACE_DAT_FILE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "decode/decoder.h"
#include "export/page-writer.h"

/**
 * struct trace_dat_cpu - the sub-buffers of one CPU in one tracing instance
 * @kernel: whose CPU
 * @writer: the sub-buffer being filled; no bytes before the first event
 * @pages: uint32_t, where the full ones lie in the temporary file
 * @pending_lost: events lost before the next one
 * @is_pending: ... some were, perhaps of unknown number
 * @events: written
 * @lost: known to be lost
 */
struct trace_dat_cpu {
	struct trace_dat_kernel *kernel;
	struct page_writer writer;
	GArray *pages;
	uint64_t pending_lost;
	bool is_pending;
	uint64_t events;
	uint64_t lost;
};

/**
 * struct trace_dat_instance - one tracing instance of a kernel
 * @name: of the stream
 * @cpus: struct trace_dat_cpu * or NULL, by CPU
 * @offset_at: where in the file its offset goes
 */
struct trace_dat_instance {
	const char *name;
	GPtrArray *cpus;
	uint64_t offset_at;
};

/**
 * struct trace_dat_kernel - one file: a driver's life, a window's, or a run of the host
 * @vm: the VM, or the host
 * @generation: its life
 * @guest: what it said of itself
 * @instances: struct trace_dat_instance *
 * @label: as users know it
 * @path: of the file
 * @id: of the trace
 * @page_size: bytes of a sub-buffer
 * @cpus: how many
 * @has_host_time: its times are the host's
 */
struct trace_dat_kernel {
	const struct recording_vm *vm;
	const struct recording_generation *generation;
	const struct decoder_guest *guest;
	GPtrArray *instances;
	char *label;
	char *path;
	uint64_t id;
	uint32_t page_size;
	uint32_t cpus;
	bool has_host_time;
};

/**
 * struct trace_dat - all of it
 * @decoder: where events come from
 * @kernels: struct trace_dat_kernel *
 * @pages_fd: the temporary file
 * @page_at: bytes in it, in units of %PAGE_WRITER_MIN
 * @too_big: events that fit in no sub-buffer
 */
struct trace_dat {
	struct decoder *decoder;
	GPtrArray *kernels;
	int pages_fd;
	uint64_t page_at;
	uint64_t too_big;
};

/**
 * trace_dat_write - write a kernel's file
 * @export: all of them: the host's file names the others
 * @kernel: whose
 * @file: empty, and at its beginning
 * Return: false with errno set if it cannot be written.
 */
bool trace_dat_write(const struct trace_dat *export, const struct trace_dat_kernel *kernel,
		     FILE *file);

#endif
