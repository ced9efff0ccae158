// SPDX-License-Identifier: GPL-2.0-only
/* The transport "relay-overwrite": see vht_lttng_client.h. */
#define RING_BUFFER_MODE_TEMPLATE		RING_BUFFER_OVERWRITE
#define RING_BUFFER_MODE_TEMPLATE_STRING	"overwrite"
#define RING_BUFFER_OUTPUT_TEMPLATE		RING_BUFFER_SPLICE
#define VHT_CLIENT				vht_lttng_overwrite
#include "vht_lttng_client.h"
