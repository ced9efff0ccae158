// SPDX-License-Identifier: GPL-2.0-only
/* Records as they come out of a pipe; see lttng-receive.h. */
#include "view/lttng-receive.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

/* The largest record fits. */
#define BUFFER_SIZE	(sizeof(struct lttng_record) + LTTNG_RECORD_MAX_NAME + \
			 LTTNG_RECORD_MAX_FIELDS)

void lttng_receiver_init(struct lttng_receiver *receiver, int fd)
{
	*receiver = (struct lttng_receiver) { .fd = fd, .buffer = g_malloc(BUFFER_SIZE) };
}

void lttng_receiver_fini(struct lttng_receiver *receiver)
{
	g_free(receiver->buffer);
}

/* Have so many bytes from @at on, which fit. Return: false if they do not come. */
static bool fill(struct lttng_receiver *receiver, size_t size)
{
	if (receiver->end - receiver->at >= size)
		return true;
	memmove(receiver->buffer, receiver->buffer + receiver->at, receiver->end - receiver->at);
	receiver->end -= receiver->at;
	receiver->at = 0;
	while (receiver->end < size) {
		ssize_t n = read(receiver->fd, receiver->buffer + receiver->end,
				 BUFFER_SIZE - receiver->end);

		if (n > 0)
			receiver->end += n;
		else if (n == 0 || errno != EINTR)
			return false;
	}
	return true;
}

static bool is_possible(const struct lttng_record *record)
{
	return record->kind <= LTTNG_RECORD_LOST_PACKETS && record->name_size > 0 &&
	       record->name_size <= LTTNG_RECORD_MAX_NAME &&
	       record->fields_size <= LTTNG_RECORD_MAX_FIELDS;
}

/* No sender has ASCII's control characters in it. */
static bool is_plain(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (g_ascii_iscntrl(text[i]))
			return false;
	return true;
}

enum lttng_received lttng_receive(struct lttng_receiver *receiver, struct lttng_record *out,
				  const char **name, const char **fields)
{
	struct lttng_record record;
	size_t size;
	const char *text;

	if (!fill(receiver, sizeof(record)))
		return receiver->at == receiver->end ? LTTNG_RECEIVED_END :
						       LTTNG_RECEIVED_NONSENSE;
	memcpy(&record, receiver->buffer + receiver->at, sizeof(record));
	size = sizeof(record) + record.name_size + record.fields_size;
	if (!is_possible(&record) || !fill(receiver, size))
		return LTTNG_RECEIVED_NONSENSE;
	text = receiver->buffer + receiver->at + sizeof(record);
	if (text[record.name_size - 1] || !is_plain(text, record.name_size - 1) ||
	    !is_plain(text + record.name_size, record.fields_size))
		return LTTNG_RECEIVED_NONSENSE;
	receiver->at += size;
	*out = record;
	*name = text;
	*fields = text + record.name_size;
	return LTTNG_RECEIVED_RECORD;
}
