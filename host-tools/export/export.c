// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the formats share: see export.h.
 */
#include "export/export.h"

#include "decode/decoder.h"
#include "error.h"
#include "recording/reader.h"

struct decoder *export_open_decoder(const struct export_request *request,
				    const struct decoder_options *options, GError **error)
{
	struct decoder *decoder = decoder_open(request->recording, options, error);

	if (!decoder || decoder_vm_count(decoder))
		return decoder;
	g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no such VM in %s: %s",
		    request->recording, request->vm ? request->vm : "(any)");
	decoder_free(decoder);
	return NULL;
}

bool export_wants_guest(const struct export_request *request, const struct recording_vm *vm)
{
	return !vm->is_host && (!request->vm || g_pattern_match_simple(request->vm, vm->name));
}

void export_warn(const struct export_request *request, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(request->warnings, g_strdup_vprintf(format, args));
	va_end(args);
}

/* Streams of one life come one behind the other. */
static bool is_same_life(const struct decoder_stream *a, const struct decoder_stream *b)
{
	return a && a->vm == b->vm && a->epoch == b->epoch && a->generation == b->generation;
}

/* A window whose kernel nobody knew: there are events, and no word on what they mean. */
static void warn_unknown_kernels(const struct export_request *request,
				 const struct decoder *decoder)
{
	const struct decoder_stream *last = NULL;

	for (uint32_t i = 0; i < decoder_stream_count(decoder); i++) {
		const struct decoder_stream *stream = decoder_stream_at(decoder, i);

		if (!stream->guest || stream->guest->metadata || !stream->events ||
		    is_same_life(last, stream))
			continue;
		export_warn(request, "event formats are not known: vm=%s epoch=%u generation=%u",
			    stream->vm->name, stream->epoch, stream->generation);
		last = stream;
	}
}

void export_add_warnings(const struct export_request *request, const struct decoder *decoder)
{
	const GPtrArray *warnings = decoder_warnings(decoder);

	for (guint i = 0; i < warnings->len; i++)
		export_warn(request, "%s", (const char *)g_ptr_array_index(warnings, i));
	warn_unknown_kernels(request, decoder);
}
