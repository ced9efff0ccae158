/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A recording as a trace of another format: one file here a format, output.c for
 * what they share. cmd-export.c keeps the command line.
 */
#ifndef HT_EXPORT_EXPORT_H
#define HT_EXPORT_EXPORT_H

#include <glib.h>
#include <stdbool.h>

/**
 * struct export_request - what to export, and where to
 * @recording: directory of the recording
 * @vm: only VMs whose name fits this pattern, or NULL for all
 * @names: names of events and fields, "lttng" or "ftrace", or NULL for the
 *	format's own choice
 * @out: what to make; nothing may stand there
 * @lttng: CTF only: directories of LTTng's traces of the host to go with it, NULL
 *	at the end; or NULL
 * @omits_lttng: CTF only: leave out those that are in the recording
 * @has_vmsync: CTF only: make the events by which Trace Compass knows guests
 * @warnings: char *, sentences are added: what the user should know of the result
 */
struct export_request {
	const char *recording;
	const char *vm;
	const char *names;
	const char *out;
	char **lttng;
	bool omits_lttng;
	bool has_vmsync;
	GPtrArray *warnings;
};

struct decoder;
struct decoder_options;
struct recording_vm;

/**
 * export_ctf - export as a directory of CTF, by babeltrace2's sink
 * @request: what and where to
 * @error: HT_ERROR_NOT_FOUND: no VM fits, or no trace of LTTng's is there;
 *	HT_ERROR_FORMAT: one of those cannot go with it; HT_ERROR_FAILED: anything else
 * Return: false with @error set, and then nothing stands at the output.
 */
bool export_ctf(const struct export_request *request, GError **error);

/**
 * export_trace_dat - export as trace.dat files, by kernel, in a directory
 * @request: what and where to; @request->names is not used
 * @error: as export_ctf(); HT_ERROR_NOT_FOUND also if no kernel has an event
 * Return: false with @error set, and then nothing stands at the output.
 */
bool export_trace_dat(const struct export_request *request, GError **error);

/**
 * export_perfetto - export as one file for Perfetto
 * @request: what and where to; @request->names is not used
 * @error: as export_ctf()
 * Return: false with @error set, and then nothing stands at the output.
 */
bool export_perfetto(const struct export_request *request, GError **error);

/**
 * export_files - export the files that programs of guests wrote, in a directory
 * @request: what and where to; @request->names is not used
 * @error: as export_ctf(); HT_ERROR_NOT_FOUND also if there is no stream of files
 * Return: false with @error set, and then nothing stands at the output.
 */
bool export_files(const struct export_request *request, GError **error);

/**
 * export_open_decoder - open the recording, if there is something in it to export
 * @request: what
 * @options: how
 * @error: as decoder_open(); HT_ERROR_NOT_FOUND: no VM fits
 * Return: the decoder, to be freed with decoder_free(), or NULL.
 */
struct decoder *export_open_decoder(const struct export_request *request,
				    const struct decoder_options *options, GError **error);

/** export_wants_guest - it is a guest's VM, not the host, and among those to export */
bool export_wants_guest(const struct export_request *request, const struct recording_vm *vm);

/** export_warn - add a sentence to what the user should know */
void export_warn(const struct export_request *request, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

/** export_add_warnings - add what a decoder found wrong with the recording as a whole */
void export_add_warnings(const struct export_request *request, const struct decoder *decoder);

#endif
