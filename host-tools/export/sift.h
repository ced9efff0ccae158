/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which packets of a trace babeltrace2 cannot read: an event of a kind that the
 * metadata does not declare, a field that goes beyond the packet, a time that goes back, a
 * length that there is no memory for. It stops at the first; so what is behind that is read
 * again, as often as need be.
 */
#ifndef HT_EXPORT_SIFT_H
#define HT_EXPORT_SIFT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What may be spent in vain on all that one guest wrote: 1 for a packet that cannot be read,
 * 1 for a second of processor time beyond what so many bytes may take, and for the end of a
 * reader, which takes seconds:
 */
#define SIFT_MAX_COST	256
#define SIFT_DEATH	16

/**
 * sift_packets - find the packets of a stream that cannot be read
 * @packets: struct lttng_guest_packet[]; is_left_out is set, and cleared nowhere
 * @metadata: of their trace
 * @dir: a directory for a small trace, made and removed; there must be none
 * @cost: what it cost is added. Above %SIFT_MAX_COST nothing is read any more, and all the
 *	rest left out
 * @count: how many were found is added
 * @error: HT_ERROR_FAILED: I/O, or babeltrace2 is not whole
 * Return: false with @error set.
 */
bool sift_packets(GArray *packets, const GString *metadata, const char *dir,
		  unsigned int *cost, uint64_t *count, GError **error);

/**
 * sift_count - the same, and count the events in what can be read
 * @events: their number is added
 *
 * The other parameters are those of sift_packets().
 *
 * Return: false with @error set.
 */
bool sift_count(GArray *packets, const GString *metadata, const char *dir,
		unsigned int *cost, uint64_t *events, uint64_t *count, GError **error);

#endif
