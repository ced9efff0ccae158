/* SPDX-License-Identifier: GPL-2.0-only */
/* What ends a boot: the marker that --until names. */
#ifndef HYPERTRACE_BOOT_UNTIL_H
#define HYPERTRACE_BOOT_UNTIL_H

#include <glib.h>
#include <stdbool.h>

#include "event.h"

/**
 * enum until_kind - what ends the boot
 * @UNTIL_DEFAULT: systemd says so, or reached its target, or the shutdown begins
 * @UNTIL_INIT: pid 1 runs user space's first program
 * @UNTIL_EVENT: an event whose name and fields fit
 * @UNTIL_EXEC: a program whose file fits is run
 * @UNTIL_UNIT: a unit of systemd whose name fits is up
 * @UNTIL_MARK: a write to a watched port
 * @UNTIL_VMM: something happens to the VM
 */
enum until_kind {
	UNTIL_DEFAULT,
	UNTIL_INIT,
	UNTIL_EVENT,
	UNTIL_EXEC,
	UNTIL_UNIT,
	UNTIL_MARK,
	UNTIL_VMM,
};

struct until;

/**
 * until_parse - understand --until
 * @text: as in hypertrace-boot(1); NULL: the default
 * @error: %HT_ERROR_USAGE
 * Return: to be freed with until_free(), or NULL.
 */
struct until *until_parse(const char *text, GError **error);

/** until_free - free it; NULL is fine */
void until_free(struct until *until);

/** until_kind - what kind of marker it is */
enum until_kind until_kind(const struct until *until);

/** until_name - the marker as --until takes it */
const char *until_name(const struct until *until);

/** until_what - the marker in words */
const char *until_what(const struct until *until);

/** until_fits_event - this event is the marker; never for those of the other kinds */
bool until_fits_event(const struct until *until, const struct boot_event *event);

/** until_fits_unit - this unit, which is up now, is the marker */
bool until_fits_unit(const struct until *until, const char *name);

#endif
