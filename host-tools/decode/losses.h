/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a stream lost. A packet's header counts the events in the stream up to its
 * end and the events lost before them, since the driver began. What is missing
 * between the events given out and these counts is a loss, so that given out + lost
 * is what the guest wrote, however it was lost: in ftrace's own buffer, overwritten
 * in the region, or not understood here.
 */
#ifndef HYPERTRACE_DECODE_LOSSES_H
#define HYPERTRACE_DECODE_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/reader.h"

/**
 * struct losses - counts of a stream; zeros at its begin
 * @counted: events that the last header accounts for
 * @discarded: lost, as the last header says
 * @accounted: events given out or reported lost of @counted; who gives one out adds it
 * @pending: to be reported before the next event
 * @has_unknown: ... and an unknown number of them
 * @is_unconfirmed: a loss was flagged and not yet counted
 */
struct losses {
	uint64_t counted;
	uint64_t discarded;
	uint64_t accounted;
	uint64_t pending;
	bool has_unknown;
	bool is_unconfirmed;
};

/** losses_is_complete - all that the last header accounts for was given out, or reported lost */
bool losses_is_complete(const struct losses *losses);

/**
 * losses_packet - a packet with events is opened: what was lost before it?
 * @losses: the counts
 * @packet: the packet
 * @inside: events in it
 */
void losses_packet(struct losses *losses, const struct recording_packet *packet, uint64_t inside);

/** losses_discarded - so many were lost since the driver began, which no packet has told yet */
void losses_discarded(struct losses *losses, uint64_t discarded);

/** losses_end - the stream ends: what is left is a damaged packet's, or a mere flag */
void losses_end(struct losses *losses);

/** losses_is_pending - there is something to report; asked at each event */
static inline bool losses_is_pending(const struct losses *losses)
{
	return losses->pending || losses->has_unknown;
}

/** losses_take - it is reported. Return: how many events; 0 if that is not known */
uint64_t losses_take(struct losses *losses);

#endif
