/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fields of babeltrace2's events as text, as decode/text.h shows those of ftrace.
 */
#ifndef HT_VIEW_LTTNG_TEXT_H
#define HT_VIEW_LTTNG_TEXT_H

#include <babeltrace2/babeltrace.h>

#include "decode/text.h"

/**
 * lttng_text_fields - append an event's contexts and fields: "{ tid = 1 }, { name = value, ... }"
 * @text: the buffer
 * @event: the event; what its packet's context has is left out
 * @most: bytes appended at most; what is longer is cut, and ends with "..."
 */
void lttng_text_fields(struct text *text, const bt_event *event, size_t most);

#endif
