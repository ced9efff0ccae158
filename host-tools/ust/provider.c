// SPDX-License-Identifier: GPL-2.0-only
/* The code that LTTng's macros make of provider.h, once. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE

#include "ust/provider.h"
