// SPDX-License-Identifier: GPL-2.0-only
/* The transport "relay-discard-mmap": see vht_lttng_client.h. */
#define RING_BUFFER_MODE_TEMPLATE		RING_BUFFER_DISCARD
#define RING_BUFFER_MODE_TEMPLATE_STRING	"discard-mmap"
#define RING_BUFFER_OUTPUT_TEMPLATE		RING_BUFFER_MMAP
#define VHT_CLIENT				vht_lttng_mmap_discard
#include "vht_lttng_client.h"
