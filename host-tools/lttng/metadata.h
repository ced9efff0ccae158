/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A CTF trace's metadata with another description of its clock.
 *
 * Traces can lie on one timeline only if their metadata agree on what the time
 * counts from, and each tracer measures that for itself: two descriptions of one
 * host's CLOCK_MONOTONIC differ by microseconds. So the clock of a trace that is
 * put beside ours gets our description. Nothing else is touched but for what the
 * environment gets, and no packet.
 */
#ifndef HYPERTRACE_LTTNG_METADATA_H
#define HYPERTRACE_LTTNG_METADATA_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct lttng_clock - what a trace's clock has to become
 * @boot_id: what its uuid has to be so far, as text: that of a boot, whose
 *	CLOCK_MONOTONIC in ns it then is; NULL: any clock
 * @offset_ns: CLOCK_REALTIME, ns since the Epoch, where the clock shows 0
 * @uuid: what its uuid is to be; NULL: @boot_id, of which there is one then
 * @freq: its rate, Hz, at most 18e9; 0: 1e9
 * @env: lines for the trace's environment ("\tkey = value;\n"), or NULL
 */
struct lttng_clock {
	const char *boot_id;
	int64_t offset_ns;
	const char *uuid;
	uint64_t freq;
	const char *env;
};

/**
 * lttng_metadata_text - the text of a metadata file
 * @data: content of the file: text as it is, or in packets, of either byte order
 * @size: bytes
 * @error: %HT_ERROR_FORMAT: it is neither
 * Return: the text without packets, to be freed with g_string_free(); NULL with
 * @error set.
 */
GString *lttng_metadata_text(const uint8_t *data, size_t size, GError **error);

/**
 * struct lttng_metadata_clock - what metadata says of the trace's clock
 * @uuid: "" if nothing
 * @freq: Hz
 * @offset_ns: CLOCK_REALTIME where it shows 0, as the tracer measured it
 */
struct lttng_metadata_clock {
	char uuid[37];
	uint64_t freq;
	int64_t offset_ns;
};

/**
 * lttng_metadata_get_clock - what metadata says of the trace's clock
 * @text: CTF 1.8 metadata
 * @clock: written on success
 * @error: %HT_ERROR_FORMAT: the text is damaged, or has no clock that makes sense
 * Return: false with @error set.
 */
bool lttng_metadata_get_clock(const GString *text, struct lttng_metadata_clock *clock,
			      GError **error);

/**
 * lttng_metadata_set_clock - describe the clock of a trace as ours is
 * @text: CTF 1.8 metadata
 * @clock: what it has to be; its name will be "monotonic"
 * @error: %HT_ERROR_FORMAT: the text is damaged, or its clock is not the one of
 *	@clock->boot_id: of another boot, of nobody knows which, or not counting ns
 * Return: the new text, to be freed with g_string_free(); NULL with @error set.
 */
GString *lttng_metadata_set_clock(const GString *text, const struct lttng_clock *clock,
				  GError **error);

#endif
