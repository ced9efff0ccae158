// SPDX-License-Identifier: GPL-2.0-only
/* The transport "relay-discard": see vht_lttng_client.h. */
#define RING_BUFFER_MODE_TEMPLATE		RING_BUFFER_DISCARD
#define RING_BUFFER_MODE_TEMPLATE_STRING	"discard"
#define RING_BUFFER_OUTPUT_TEMPLATE		RING_BUFFER_SPLICE
#define VHT_CLIENT				vht_lttng_discard
#include "vht_lttng_client.h"
