// SPDX-License-Identifier: GPL-2.0-only
/* The transport "relay-overwrite-mmap": see vht_lttng_client.h. */
#define RING_BUFFER_MODE_TEMPLATE		RING_BUFFER_OVERWRITE
#define RING_BUFFER_MODE_TEMPLATE_STRING	"overwrite-mmap"
#define RING_BUFFER_OUTPUT_TEMPLATE		RING_BUFFER_MMAP
#define VHT_CLIENT				vht_lttng_mmap_overwrite
#include "vht_lttng_client.h"
