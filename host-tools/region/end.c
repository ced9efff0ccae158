// SPDX-License-Identifier: GPL-2.0-only
/* Why the guest ends; see end.h. */
#include "region/end.h"

#include <string.h>

#include "region/load.h"
#include "wire/text.h"

bool region_guest_end(const struct region *region, const struct region_guest *guest,
		      struct guest_end *out)
{
	const struct vht_guest_header *live =
		(const void *)(region->base + region->host.guest_offset);
	uint8_t text[sizeof(live->end_text)];
	struct guest_end end;

	/* partner: the driver's release of the reason [G5] */
	end.reason = load_acquire_le32(&live->end_reason);
	if (end.reason == VHT_END_NONE)
		return false;
	end.stage = load_le32(&live->end_stage);
	end.counter = load_le64(&live->end_counter);
	memcpy(text, live->end_text, sizeof(text));
	text_copy(end.text, text, sizeof(text));
	/* the driver takes its reason back before it changes the words */
	read_barrier();
	if (load_le32(&live->end_reason) != end.reason || !region_guest_is_same(region, guest))
		return false;
	*out = end;
	return true;
}
