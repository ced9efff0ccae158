/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LTTng's traces among the files of a spool: what lttng-consumerd of a guest wrote,
 * as sessions like those that the guest's driver brings (lttng/guest.h). Files belong
 * together by the uuid in them, wherever a rotation has put them.
 *
 * Packets are taken where all of them came; the others are counted. They are copied
 * into a file without a name in $TMPDIR, or /var/tmp: a packet may have come in parts.
 */
#ifndef HYPERTRACE_SPOOL_TRACES_H
#define HYPERTRACE_SPOOL_TRACES_H

#include <glib.h>
#include <stdint.h>

#include "lttng/guest.h"
#include "recording/reader.h"

/**
 * struct spool_traces - LTTng's traces in a VM's spools
 * @guest: them; names are those of directories, counts of events are not known
 * @incomplete: packets of which a part is missing
 */
struct spool_traces {
	struct lttng_guest *guest;
	uint64_t incomplete;
	/* private */
	GPtrArray *files;
	GArray *maps;
};

/**
 * spool_traces_read - find LTTng's traces in a VM's spools
 * @vm: the VM; must stay as long as the result
 * @error: %HT_ERROR_FAILED: I/O
 * Return: to be freed with spool_traces_free(), or NULL with @error set.
 */
struct spool_traces *spool_traces_read(const struct recording_vm *vm, GError **error);

/** spool_traces_free - let go of them; NULL is fine */
void spool_traces_free(struct spool_traces *traces);

#endif
