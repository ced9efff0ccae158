/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of a session of LTTng in a guest, on the host's timeline.
 *
 * A guest whose LTTng reads the host's clock says so by the clock's uuid, the host's
 * boot id; the pairs in its packets, of that clock and of the counter, must agree. Any
 * other clock gets the line that fits what the VM's time base knows of it.
 */
#ifndef HYPERTRACE_LTTNG_GUEST_CLOCK_H
#define HYPERTRACE_LTTNG_GUEST_CLOCK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "decode/timebase.h"
#include "lttng/guest.h"
#include "lttng/metadata.h"
#include "recording/reader.h"

/**
 * struct lttng_guest_clock - how a session's clock is known
 * @clock: what its description has to become; boot_id is NULL, texts belong to this
 * @method: "host": it is the host's clock; "line+" and a method of the time base: a
 *	line through what that says; "none": the guest's own time of day
 * @bound_ns: no packet's time is off by more; %UINT64_MAX if nobody knows
 * @is_contradicted: it says that it is the host's, and the pairs do not agree
 */
struct lttng_guest_clock {
	struct lttng_clock clock;
	char *method;
	uint64_t bound_ns;
	bool is_contradicted;
	/* private */
	char *uuid;
	char *env;
};

/**
 * lttng_guest_clock_init - find out about a session's clock
 * @clock: memory for it
 * @recording: which it is in
 * @vm: whose it is
 * @timebase: of @vm
 * @session: the session
 * @text: its metadata
 * @error: %HT_ERROR_FORMAT: the text is damaged
 * Return: false with @error set; lttng_guest_clock_fini() is then not needed.
 */
bool lttng_guest_clock_init(struct lttng_guest_clock *clock, const struct recording *recording,
			    const struct recording_vm *vm, const struct timebase *timebase,
			    const struct lttng_guest_session *session, const GString *text,
			    GError **error);

/** lttng_guest_clock_fini - let go of it */
void lttng_guest_clock_fini(struct lttng_guest_clock *clock);

#endif
