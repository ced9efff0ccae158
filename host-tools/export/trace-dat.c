// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording as trace.dat files of version 6 (trace-cmd.dat.v6(5)), which trace-cmd
 * and KernelShark read: one for each kernel, as a file has one set of event formats.
 *
 * The events' records are the guest's own bytes; only their framing is new, since
 * the times are the host's CLOCK_MONOTONIC, for all kernels the same. Events come
 * from the decoder merged; a file wants each CPU's sub-buffers in one piece. So the
 * sub-buffers of all go to one temporary file as they get full, each stream
 * remembers which are its own, and the files are put together at the end. Memory
 * is a sub-buffer a stream and 4 bytes for each one written.
 *
 * Host and guest are paired as trace-cmd does it: each file has an id, and the
 * host's names each guest's, with the host thread of each of its CPUs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decode/decoder.h"
#include "error.h"
#include "export/export.h"
#include "export/lttng-guest.h"
#include "export/output.h"
#include "export/trace-dat-file.h"

#define MAX_CPUS	4096	/* of one kernel; a guest may make up numbers */

static void cpu_buffer_free(gpointer data)
{
	struct trace_dat_cpu *cpu = data;

	if (!cpu)
		return;
	page_writer_fini(&cpu->writer);
	g_array_unref(cpu->pages);
	g_free(cpu);
}

static void instance_free(gpointer data)
{
	struct trace_dat_instance *instance = data;

	g_ptr_array_unref(instance->cpus);
	g_free(instance);
}

static void kernel_free(gpointer data)
{
	struct trace_dat_kernel *kernel = data;

	g_ptr_array_unref(kernel->instances);
	g_free(kernel->label);
	g_free(kernel->path);
	g_free(kernel);
}

static bool fail(const char *what, const char *path, GError **error)
{
	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot %s: %s: %s", what, path,
		    g_strerror(errno));
	return false;
}

/* --- which kernels there are --- */

static const struct recording_generation *find_generation(const struct decoder_stream *stream)
{
	for (guint i = 0; i < stream->vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(stream->vm->generations, i);

		if (generation->epoch == stream->epoch &&
		    generation->generation == stream->generation)
			return generation;
	}
	return NULL;
}

/* Sub-buffers as large as the kernel's, so that each of its events fits. */
static uint32_t choose_page_size(const struct recording_generation *generation)
{
	uint64_t largest = 0;
	uint32_t size = PAGE_WRITER_MIN;

	for (guint i = 0; i < generation->streams->len; i++) {
		struct recording_cursor cursor;
		struct recording_packet packet;

		recording_cursor_init(&cursor, g_ptr_array_index(generation->streams, i));
		while (recording_cursor_next(&cursor, &packet))
			if (packet.header.type == VHT_PACKET_FTRACE ||
			    packet.header.type == VHT_PACKET_WINDOW)
				largest = MAX(largest, packet.header.content_size);
	}
	while (size < largest && size < PAGE_WRITER_MAX)
		size *= 2;
	return size;
}

/* 64 bits that no other file of a session has, the same at each export. */
static uint64_t make_id(const struct recording *recording, const struct trace_dat_kernel *kernel)
{
	char *text = g_strdup_printf("%s %" G_GUINT64_FORMAT " %s %" G_GUINT64_FORMAT " %u.%u",
				     recording->boot_id, recording->start_mono_ns,
				     kernel->vm->dir_name, kernel->vm->start_real_ns,
				     kernel->generation->epoch, kernel->generation->generation);
	char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	uint64_t id;

	sum[16] = 0;
	id = g_ascii_strtoull(sum, NULL, 16);
	g_free(sum);
	g_free(text);
	return id;
}

static struct trace_dat_kernel *get_kernel(struct trace_dat *export,
					   const struct decoder_stream *stream)
{
	const struct recording_generation *generation = find_generation(stream);
	struct trace_dat_kernel *kernel;

	if (!generation)
		return NULL;
	for (guint i = 0; i < export->kernels->len; i++) {
		kernel = g_ptr_array_index(export->kernels, i);
		if (kernel->generation == generation)
			return kernel;
	}
	kernel = g_new0(struct trace_dat_kernel, 1);
	kernel->vm = stream->vm;
	kernel->generation = generation;
	kernel->guest = stream->guest;
	kernel->instances = g_ptr_array_new_with_free_func(instance_free);
	kernel->page_size = choose_page_size(generation);
	kernel->id = make_id(decoder_recording(export->decoder), kernel);
	kernel->has_host_time = true;
	g_ptr_array_add(export->kernels, kernel);
	return kernel;
}

static struct trace_dat_instance *get_instance(struct trace_dat_kernel *kernel, const char *name)
{
	struct trace_dat_instance *instance;

	for (guint i = 0; i < kernel->instances->len; i++) {
		instance = g_ptr_array_index(kernel->instances, i);
		if (!strcmp(instance->name, name))
			return instance;
	}
	instance = g_new0(struct trace_dat_instance, 1);
	instance->name = name;
	instance->cpus = g_ptr_array_new_with_free_func(cpu_buffer_free);
	g_ptr_array_add(kernel->instances, instance);
	return instance;
}

/* Where a stream's events go: @stream->user, or nowhere. */
static void add_stream(struct trace_dat *export, struct decoder_stream *stream)
{
	struct trace_dat_cpu *cpu;
	struct trace_dat_instance *instance;
	struct trace_dat_kernel *kernel;

	if ((stream->source != VHT_SOURCE_FTRACE && stream->source != VHT_SOURCE_WINDOW) ||
	    stream->cpu >= MAX_CPUS)
		return;
	kernel = get_kernel(export, stream);
	if (!kernel)
		return;
	instance = get_instance(kernel, stream->name);
	if (stream->cpu >= instance->cpus->len)
		g_ptr_array_set_size(instance->cpus, stream->cpu + 1);
	/* A second stream that says it is the same one. */
	if (g_ptr_array_index(instance->cpus, stream->cpu))
		return;
	cpu = g_new0(struct trace_dat_cpu, 1);
	cpu->kernel = kernel;
	cpu->pages = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_ptr_array_index(instance->cpus, stream->cpu) = cpu;
	kernel->cpus = MAX(kernel->cpus, stream->cpu + 1);
	kernel->has_host_time &= stream->has_host_time;
	stream->user = cpu;
}

/* --- events to sub-buffers --- */

static bool write_at(int fd, const uint8_t *bytes, size_t size, uint64_t at)
{
	while (size) {
		ssize_t done = pwrite(fd, bytes, size, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		bytes += done;
		size -= done;
		at += done;
	}
	return true;
}

static bool flush_page(struct trace_dat *export, struct trace_dat_cpu *cpu, GError **error)
{
	uint32_t number = export->page_at;

	if (!cpu->writer.bytes || !cpu->writer.events)
		return true;
	if (export->page_at > G_MAXUINT32) {
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "recording is too large");
		return false;
	}
	if (!write_at(export->pages_fd, page_writer_take(&cpu->writer), cpu->writer.size,
		      export->page_at * PAGE_WRITER_MIN))
		return fail("write", "temporary file", error);
	g_array_append_val(cpu->pages, number);
	export->page_at += cpu->writer.size / PAGE_WRITER_MIN;
	return true;
}

static void note_loss(struct trace_dat_cpu *cpu, uint64_t count)
{
	cpu->pending_lost = count && (!cpu->is_pending || cpu->pending_lost) ?
			    cpu->pending_lost + count : 0;
	cpu->is_pending = true;
	cpu->lost += count;
}

static bool put_event(struct trace_dat *export, struct trace_dat_cpu *cpu,
		      const struct decoder_item *item, GError **error)
{
	enum page_put put;

	if (!cpu->writer.bytes)
		page_writer_init(&cpu->writer, cpu->kernel->page_size,
				 cpu->kernel->guest->long_size);
	if (cpu->is_pending) {
		if (!flush_page(export, cpu, error))
			return false;
		page_writer_missed(&cpu->writer, cpu->pending_lost);
	}
	put = page_writer_put(&cpu->writer, item->time, item->data, item->size);
	if (put == PAGE_PUT_FULL) {
		if (!flush_page(export, cpu, error))
			return false;
		put = page_writer_put(&cpu->writer, item->time, item->data, item->size);
	}
	if (put == PAGE_PUT_TOO_BIG) {
		export->too_big++;
		note_loss(cpu, 1);
		return true;
	}
	cpu->is_pending = false;
	cpu->pending_lost = 0;
	cpu->events++;
	return true;
}

static bool write_pages(struct trace_dat *export, GError **error)
{
	struct decoder_item item;

	while (decoder_next(export->decoder, &item)) {
		struct trace_dat_cpu *cpu = item.stream->user;

		if (!cpu)
			continue;
		if (item.kind == DECODER_LOST)
			note_loss(cpu, item.lost);
		else if (!put_event(export, cpu, &item, error))
			return false;
	}
	for (uint32_t i = 0; i < decoder_stream_count(export->decoder); i++) {
		struct trace_dat_cpu *cpu = decoder_stream_at(export->decoder, i)->user;

		if (cpu && !flush_page(export, cpu, error))
			return false;
	}
	return true;
}

/* --- names of the files --- */

static bool has_pages(const struct trace_dat_kernel *kernel)
{
	for (guint i = 0; i < kernel->instances->len; i++) {
		const struct trace_dat_instance *instance = g_ptr_array_index(kernel->instances, i);

		for (guint j = 0; j < instance->cpus->len; j++) {
			const struct trace_dat_cpu *cpu = g_ptr_array_index(instance->cpus, j);

			if (cpu && cpu->pages->len)
				return true;
		}
	}
	return false;
}

static guint count_lives(const struct trace_dat *export, const struct recording_vm *vm)
{
	guint count = 0;

	for (guint i = 0; i < export->kernels->len; i++) {
		const struct trace_dat_kernel *kernel = g_ptr_array_index(export->kernels, i);

		count += kernel->vm == vm && has_pages(kernel);
	}
	return count;
}

/* A kernel with events gets a file; one with several lives has the life in its name. */
static void name_kernel(const struct trace_dat *export, struct trace_dat_kernel *kernel,
			const char *directory)
{
	const struct recording_vm *vm = kernel->vm;
	bool is_only = count_lives(export, vm) == 1;
	char *life = is_only ? g_strdup("") :
		     g_strdup_printf("-%u.%u", kernel->generation->epoch,
				     kernel->generation->generation);
	char *name = vm->is_host && is_only ? g_strdup("trace.dat") :
		     g_strdup_printf("trace-%s%s.dat", vm->dir_name, life);

	kernel->label = g_strconcat(vm->name, life, NULL);
	if (has_pages(kernel))
		kernel->path = g_build_filename(directory, name, NULL);
	g_free(name);
	g_free(life);
}

static bool write_kernel(const struct trace_dat *export, const struct trace_dat_kernel *kernel,
			 GError **error)
{
	FILE *file = fopen(kernel->path, "wxe");
	int reason;
	bool done;

	if (!file)
		return fail("make file", kernel->path, error);
	errno = 0;
	done = trace_dat_write(export, kernel, file);
	reason = errno ? errno : EIO;
	if (fclose(file) && done) {
		reason = errno;
		done = false;
	}
	errno = reason;
	return done || fail("write", kernel->path, error);
}

static bool write_files(struct trace_dat *export, const char *directory, GError **error)
{
	guint count = 0;

	for (guint i = 0; i < export->kernels->len; i++)
		name_kernel(export, g_ptr_array_index(export->kernels, i), directory);
	for (guint i = 0; i < export->kernels->len; i++) {
		const struct trace_dat_kernel *kernel = g_ptr_array_index(export->kernels, i);

		if (!kernel->path)
			continue;
		if (!write_kernel(export, kernel, error))
			return false;
		count++;
	}
	if (!count)
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND,
			    "no kernel's events in %s", decoder_recording(export->decoder)->path);
	return count != 0;
}

/* The temporary file has no name, so nothing of it stays. */
static bool open_pages(struct trace_dat *export, const char *directory, GError **error)
{
	char *path = g_build_filename(directory, "pages", NULL);

	export->pages_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (export->pages_fd < 0)
		fail("make file", path, error);
	else
		unlink(path);
	g_free(path);
	return export->pages_fd >= 0;
}

static bool export_to(struct trace_dat *export, const char *directory, GError **error)
{
	bool done;

	export->kernels = g_ptr_array_new_with_free_func(kernel_free);
	for (uint32_t i = 0; i < decoder_stream_count(export->decoder); i++)
		add_stream(export, decoder_stream_at(export->decoder, i));
	done = open_pages(export, directory, error) && write_pages(export, error) &&
	       write_files(export, directory, error);
	if (export->pages_fd >= 0)
		close(export->pages_fd);
	g_ptr_array_unref(export->kernels);
	return done;
}

bool export_trace_dat(const struct export_request *request, GError **error)
{
	const struct decoder_options options = { .naming = NAMING_FTRACE, .vm = request->vm };
	struct trace_dat export = { .pages_fd = -1 };
	struct output output;
	bool done = false;

	export.decoder = export_open_decoder(request, &options, error);
	if (!export.decoder)
		return false;
	if (output_init(&output, request->out, error)) {
		done = export_to(&export, output.partial, error) &&
		       output_commit(&output, output.partial, error);
		output_fini(&output);
	}
	export_add_warnings(request, export.decoder);
	export_warn_lttng_guests(request);
	if (export.too_big)
		export_warn(request, "too large for a sub-buffer, counted as lost: events=%"
			    G_GUINT64_FORMAT, export.too_big);
	decoder_free(export.decoder);
	return done;
}
