// SPDX-License-Identifier: GPL-2.0-only
/* Records of LTTng's events out of a pipe: what can be one, and what cannot. */
#include <string.h>
#include <unistd.h>

#include "../host/tap.h"
#include "view/lttng-receive.h"

/* What is in the pipe: a record, and @size bytes behind it. */
static void put(int fd, const struct lttng_record *record, const char *text, size_t size)
{
	assert(write(fd, record, sizeof(*record)) == sizeof(*record));
	assert(write(fd, text, size) == (ssize_t)size);
}

/* Of a pipe with one record, and what is behind it: what is received first. */
static enum lttng_received receive_one(const struct lttng_record *record, const char *text,
				       size_t size)
{
	struct lttng_receiver receiver;
	struct lttng_record got;
	enum lttng_received result;
	const char *name, *fields;
	int ends[2];

	assert(!pipe(ends));
	put(ends[1], record, text, size);
	close(ends[1]);
	lttng_receiver_init(&receiver, ends[0]);
	result = lttng_receive(&receiver, &got, &name, &fields);
	lttng_receiver_fini(&receiver);
	close(ends[0]);
	return result;
}

static const struct lttng_record good = {
	.time = 5, .end_time = 5, .kind = LTTNG_RECORD_EVENT, .trace = 1, .cpu = 3,
	.name_size = 3, .fields_size = 3,
};

static void test_good(void)
{
	struct lttng_record got, loss = { .kind = LTTNG_RECORD_LOST_PACKETS, .lost = 7,
					  .name_size = 1 };
	struct lttng_receiver receiver;
	const char *name, *fields;
	int ends[2];

	assert(!pipe(ends));
	put(ends[1], &good, "ab\0{ }", 6);
	put(ends[1], &loss, "", 1);
	close(ends[1]);
	lttng_receiver_init(&receiver, ends[0]);
	ok(lttng_receive(&receiver, &got, &name, &fields) == LTTNG_RECEIVED_RECORD &&
	   !memcmp(&got, &good, sizeof(good)) && !strcmp(name, "ab") && !memcmp(fields, "{ }", 3),
	   "an event");
	ok(lttng_receive(&receiver, &got, &name, &fields) == LTTNG_RECEIVED_RECORD &&
	   got.lost == 7 && !*name, "a loss");
	ok(lttng_receive(&receiver, &got, &name, &fields) == LTTNG_RECEIVED_END, "the end");
	lttng_receiver_fini(&receiver);
	close(ends[0]);
}

static void test_bad(void)
{
	struct lttng_record record = good;

	ok(receive_one(&good, "ab\0{ }", 6) == LTTNG_RECEIVED_RECORD, "what is right");
	ok(receive_one(&good, "ab\0{ ", 5) == LTTNG_RECEIVED_NONSENSE, "a record that is cut off");
	ok(receive_one(&good, "abc{ }", 6) == LTTNG_RECEIVED_NONSENSE, "a name without an end");
	ok(receive_one(&good, "a\033\0{ }", 6) == LTTNG_RECEIVED_NONSENSE,
	   "a name that drives a terminal");
	ok(receive_one(&good, "\0b\0{ }", 6) == LTTNG_RECEIVED_NONSENSE, "a name with two ends");
	ok(receive_one(&good, "ab\0{\n}", 6) == LTTNG_RECEIVED_NONSENSE,
	   "fields that make lines of their own");
	record.kind = LTTNG_RECORD_LOST_PACKETS + 1;
	ok(receive_one(&record, "ab\0{ }", 6) == LTTNG_RECEIVED_NONSENSE, "a kind that is none");
	record = good;
	record.name_size = 0;
	ok(receive_one(&record, "ab\0{ }", 6) == LTTNG_RECEIVED_NONSENSE, "no name");
}

/* Sizes whose bytes are all there. */
static void test_sizes(void)
{
	static const struct {
		uint32_t name_size, fields_size;
		enum lttng_received want;
	} sizes[] = {
		{ LTTNG_RECORD_MAX_NAME, LTTNG_RECORD_MAX_FIELDS, LTTNG_RECEIVED_RECORD },
		{ LTTNG_RECORD_MAX_NAME + 1, 3, LTTNG_RECEIVED_NONSENSE },
		{ 3, LTTNG_RECORD_MAX_FIELDS + 1, LTTNG_RECEIVED_NONSENSE },
		{ UINT32_MAX, 4, LTTNG_RECEIVED_NONSENSE },
		{ 3, UINT32_MAX, LTTNG_RECEIVED_NONSENSE },
	};
	size_t room = LTTNG_RECORD_MAX_NAME + LTTNG_RECORD_MAX_FIELDS + 2;
	g_autofree char *text = g_malloc(room);
	FILE *file = tmpfile();

	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct lttng_record record = good, got;
		struct lttng_receiver receiver;
		const char *name, *fields;

		record.name_size = sizes[i].name_size;
		record.fields_size = sizes[i].fields_size;
		memset(text, 'x', room);
		if (record.name_size < room)
			text[record.name_size - 1] = 0;
		assert(!ftruncate(fileno(file), 0) && !lseek(fileno(file), 0, SEEK_SET));
		put(fileno(file), &record, text, room);
		assert(!lseek(fileno(file), 0, SEEK_SET));
		lttng_receiver_init(&receiver, fileno(file));
		ok(lttng_receive(&receiver, &got, &name, &fields) == sizes[i].want,
		   "sizes %u, %u", record.name_size, record.fields_size);
		lttng_receiver_fini(&receiver);
	}
	fclose(file);
}

int main(void)
{
	test_good();
	test_bad();
	test_sizes();
	return tap_done();
}
