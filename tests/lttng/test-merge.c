// SPDX-License-Identifier: GPL-2.0-only
/* LTTng's traces into a set: what is copied, and how, and what is not. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../host/scratch.h"
#include "../host/tap.h"
#include "error.h"
#include "lttng/merge.h"

#define BOOT	"c968c550-3803-46ce-b6f7-682b3a29730c"

static const struct lttng_clock clock_ = { .boot_id = BOOT, .offset_ns = 5 };
static const char metadata[] =
	"/* CTF 1.8 */\nclock { name = \"monotonic\"; uuid = \"" BOOT "\"; freq = 1000000000; };\n";

static bool has(const char *path)
{
	char *whole = scratch_path(path);
	bool is_there = g_file_test(whole, G_FILE_TEST_EXISTS);

	g_free(whole);
	return is_there;
}

static bool merge(const char *from, const char *to, GPtrArray *traces, GError **error)
{
	char *a = scratch_path(from), *b = scratch_path(to);
	bool done = lttng_merge(a, b, &clock_, traces, error);

	g_free(a);
	g_free(b);
	return done;
}

static void test_copy(void)
{
	g_autofree char *bytes = g_malloc(3000001), *copy = NULL, *path = NULL;
	g_autoptr(GPtrArray) traces = g_ptr_array_new_with_free_func(g_free);
	GError *error = NULL;
	gsize size = 0;

	for (int i = 0; i < 3000001; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	scratch_put("in/ust/uid/0/64-bit/metadata", metadata, strlen(metadata));
	scratch_put("in/ust/uid/0/64-bit/stream_0", bytes, 3000001);
	scratch_put("in/ust/uid/0/64-bit/stream_1", "", 0);
	scratch_put("in/ust/uid/0/64-bit/index/stream_0.idx", "x", 1);
	scratch_put("in/ust/uid/0/64-bit/.hidden", "x", 1);
	scratch_put("in/kernel/metadata", metadata, strlen(metadata));
	scratch_put("in/never/metadata", "", 0);
	scratch_put("in/notes/text", "x", 1);
	ok(merge("in", "out", traces, &error), "merged: %s", error ? error->message : "");
	ok(traces->len == 2, "two traces: %u", traces->len);
	path = scratch_path("out/ust/uid/0/64-bit/stream_0");
	ok(g_file_get_contents(path, &copy, &size, NULL) && size == 3000001 &&
	   !memcmp(copy, bytes, size), "a stream's bytes are the same");
	ok(has("out/ust/uid/0/64-bit/stream_1"), "an empty stream is there");
	ok(!has("out/ust/uid/0/64-bit/index") && !has("out/ust/uid/0/64-bit/.hidden") &&
	   !has("out/notes") && !has("out/never"), "what is no trace is not");
	ok(has("out/kernel/metadata"), "the kernel's is");
}

static void test_refusals(void)
{
	g_autofree char *link_path = NULL;
	g_autoptr(GPtrArray) traces = g_ptr_array_new_with_free_func(g_free);
	GError *error = NULL;

	ok(!merge("nowhere", "out2", traces, &error), "a path that is not there");
	ok_error(&error, HT_ERROR_NOT_FOUND, "is not found");
	scratch_put("bad/metadata", "/* CTF 1.8 */", 13);
	ok(!merge("bad", "out3", traces, &error), "a trace without a clock");
	ok_error(&error, HT_ERROR_FORMAT, "is refused");
	ok(!has("out3"), "nothing of it was copied");
	scratch_put("linked/metadata", metadata, strlen(metadata));
	link_path = scratch_path("linked/stream");
	g_assert(symlink("/etc/passwd", link_path) == 0);
	ok(!merge("linked", "out4", traces, &error), "a link in a trace");
	ok_error(&error, HT_ERROR_FORMAT, "is not followed");
}

static void test_depth(void)
{
	GString *path = g_string_new("deep");
	g_autoptr(GPtrArray) traces = g_ptr_array_new_with_free_func(g_free);
	GError *error = NULL;

	for (int i = 0; i < 20; i++)
		g_string_append(path, "/d");
	g_string_append(path, "/metadata");
	scratch_put(path->str, metadata, strlen(metadata));
	ok(!merge("deep", "out5", traces, &error), "directories without end");
	ok_error(&error, HT_ERROR_FORMAT, "are an error");
	g_string_free(path, TRUE);
}

/* A pipe in the place of a stream is neither read nor waited for. */
static void test_pipe(void)
{
	g_autofree char *path = NULL;
	g_autoptr(GPtrArray) traces = g_ptr_array_new_with_free_func(g_free);
	GError *error = NULL;

	scratch_put("piped/metadata", metadata, strlen(metadata));
	path = scratch_path("piped/stream");
	g_assert(mkfifo(path, 0600) == 0);
	ok(merge("piped", "out6", traces, &error) && traces->len == 1 && !has("out6/stream"),
	   "a pipe is left out");
}

int main(void)
{
	scratch_init();
	test_copy();
	test_refusals();
	test_depth();
	test_pipe();
	return tap_done();
}
