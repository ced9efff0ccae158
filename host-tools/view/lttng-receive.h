/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records (lttng-record.h) as they come out of a pipe. Who puts them in has read what
 * a guest wrote: nothing in them is believed before it was looked at.
 */
#ifndef HT_VIEW_LTTNG_RECEIVE_H
#define HT_VIEW_LTTNG_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "view/lttng-record.h"

/**
 * struct lttng_receiver - the end of a pipe
 * @fd: where records come from (the caller's)
 */
struct lttng_receiver {
	int fd;
	/* private: what came, from @at to @end */
	char *buffer;
	size_t at;
	size_t end;
};

/**
 * enum lttng_received - what lttng_receive() found
 * @LTTNG_RECEIVED_RECORD: a record
 * @LTTNG_RECEIVED_END: the end, behind the last record
 * @LTTNG_RECEIVED_NONSENSE: a record that is cut off, or cannot be
 */
enum lttng_received {
	LTTNG_RECEIVED_RECORD,
	LTTNG_RECEIVED_END,
	LTTNG_RECEIVED_NONSENSE,
};

/** lttng_receiver_init - begin to receive; lttng_receiver_fini() frees its memory */
void lttng_receiver_init(struct lttng_receiver *receiver, int fd);

/** lttng_receiver_fini - let go of memory; NULL memory is fine */
void lttng_receiver_fini(struct lttng_receiver *receiver);

/**
 * lttng_receive - wait for the next record
 * @receiver: the receiver
 * @record: set to it; of its kind and its sizes is none that cannot be
 * @name: set to its name, "" for a loss
 * @fields: set to its text, @record->fields_size bytes. Neither has ASCII's
 *	control characters; both until the next call
 * Return: what came; only a record sets anything.
 */
enum lttng_received lttng_receive(struct lttng_receiver *receiver, struct lttng_record *record,
				  const char **name, const char **fields);

#endif
