// SPDX-License-Identifier: GPL-2.0-only
/* What a stream lost; see losses.h. */
#include "losses.h"

bool losses_is_complete(const struct losses *losses)
{
	return losses->accounted == losses->counted;
}

void losses_packet(struct losses *losses, const struct recording_packet *packet, uint64_t inside)
{
	const struct packet_header *header = &packet->header;
	uint64_t before = header->events - inside;

	if (header->events >= inside && before > losses->accounted) {
		losses->pending += before - losses->accounted;
		losses->accounted = before;
	} else if (packet->missing && !header->events) {
		losses->has_unknown = true;
	}
	losses->counted = header->events;
	if (header->flags & VHT_PACKET_LOST_BEFORE) {
		/* of a window sub-buffers are counted, not events */
		if (header->type == VHT_PACKET_WINDOW)
			losses->has_unknown = true;
		else
			losses->is_unconfirmed = true;
	}
	losses_discarded(losses, header->events_discarded);
}

void losses_discarded(struct losses *losses, uint64_t discarded)
{
	if (discarded <= losses->discarded)
		return;
	losses->pending += discarded - losses->discarded;
	losses->discarded = discarded;
	losses->is_unconfirmed = false;
}

void losses_end(struct losses *losses)
{
	if (losses->counted > losses->accounted)
		losses->pending += losses->counted - losses->accounted;
	losses->accounted = losses->counted;
	losses->has_unknown |= losses->is_unconfirmed;
}

uint64_t losses_take(struct losses *losses)
{
	uint64_t pending = losses->pending;

	losses->pending = 0;
	losses->has_unknown = false;
	return pending;
}
