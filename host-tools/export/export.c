// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the formats share: see export.h.
 */
#include "export/export.h"

#include "decode/decoder.h"
#include "error.h"

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

void export_warn(const struct export_request *request, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(request->warnings, g_strdup_vprintf(format, args));
	va_end(args);
}

void export_add_warnings(const struct export_request *request, const struct decoder *decoder)
{
	const GPtrArray *warnings = decoder_warnings(decoder);

	for (guint i = 0; i < warnings->len; i++)
		export_warn(request, "%s", (const char *)g_ptr_array_index(warnings, i));
}
