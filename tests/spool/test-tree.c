// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files put together from a spool's packets: what was written last counts, what did not
 * come is a hole, and nothing that a guest says is written outside of a directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder.h"
#include "spool/path.h"
#include "spool/tree.h"

static struct spool_tree *end(void)
{
	static struct recording_stream stream;

	stream = (struct recording_stream) { .data = bytes->data, .size = bytes->len };
	recording_stream_scan(&stream);
	return spool_tree_new(&stream);
}

static const struct spool_file *find(const struct spool_tree *tree, const char *path)
{
	for (guint i = 0; i < tree->files->len; i++) {
		const struct spool_file *file = tree->files->pdata[i];

		if (!file->is_removed && !strcmp(file->path, path))
			return file;
	}
	return NULL;
}

/* A file's content, with '.' for what is not known. */
static void assert_content(const struct spool_tree *tree, const char *path, const char *content)
{
	const struct spool_file *file = find(tree, path);
	g_autofree char *text = NULL;

	g_assert_nonnull(file);
	text = g_strnfill(file->size, '.');
	for (uint64_t at = 0; at < file->size;) {
		uint64_t run = spool_file_run(file, at, UINT64_MAX);
		const struct spool_span *span;

		spool_file_read(file, at, text + at, run);
		span = spool_file_at(file, at + run);
		at = span ? span->offset : file->size;
	}
	g_assert_cmpstr(text, ==, content);
}

static void test_written(void)
{
	struct spool_tree *tree;

	begin();
	put(1, VHT_SPOOL_CREATED, "a/one", 0, "");
	put(1, VHT_SPOOL_MORE, "a/one", 0, "hello ");
	put(1, 0, "a/one", 6, "world");
	put(2, VHT_SPOOL_CREATED, "two", 0, "");
	put(2, 0, "two", 0, "0123456789");
	put(2, 0, "two", 3, "abc");
	put(2, 0, "two", 8, "XYZ");
	put(3, VHT_SPOOL_CREATED, "three", 4, "late");
	put(3, VHT_SPOOL_CLOSED, "three", 8, "");
	put(4, 0, "four", 0, "0123456789");
	put(4, VHT_SPOOL_TRUNCATED, "four", 4, "");
	put(4, 0, "four", 6, "67");
	put(5, 0, "five", 0, "05");
	put(5, 0, "five", 10, "10");
	put(5, 0, "five", 20, "20");
	put(5, 0, "five", 1, "...................");
	tree = end();
	assert_content(tree, "a/one", "hello world");
	assert_content(tree, "two", "012abc67XYZ");
	assert_content(tree, "three", "....late");
	assert_content(tree, "four", "0123..67");
	assert_content(tree, "five", "0...................20");
	g_assert_true(find(tree, "three")->is_closed);
	g_assert_false(find(tree, "four")->is_closed);
	g_assert_cmpuint(tree->count, ==, 5);
	g_assert_cmpuint(tree->holed, ==, 2);
	g_assert_cmpuint(tree->size - tree->known, ==, 6);
	spool_tree_free(tree);
}

static void test_starts(void)
{
	const struct spool_span *span;
	struct spool_tree *tree;

	begin();
	put(1, VHT_SPOOL_MORE, "f", 0, "one");
	put(1, 0, "f", 3, "two");
	put(1, VHT_SPOOL_MORE, "f", 6, "three");
	put(1, 0, "f", 20, "four");
	tree = end();
	span = spool_file_at(find(tree, "f"), 0);
	g_assert_true(span->is_start);
	span = spool_file_at(find(tree, "f"), 3);
	g_assert_false(span->is_start);
	span = spool_file_at(find(tree, "f"), 6);
	g_assert_true(span->is_start);
	/* behind what was given up is another write() */
	span = spool_file_at(find(tree, "f"), 12);
	g_assert_cmpuint(span->offset, ==, 20);
	g_assert_true(span->is_start);
	spool_tree_free(tree);
}

static void test_names(void)
{
	struct spool_tree *tree;

	begin();
	put(1, VHT_SPOOL_CREATED, "a", 0, "1");
	put(1, 0, "b/a", 0, "");
	put(2, VHT_SPOOL_CREATED, "a", 0, "2");
	put(2, VHT_SPOOL_REMOVED, "a", 0, "");
	put(3, VHT_SPOOL_CREATED, "c", 0, "old");
	put(4, VHT_SPOOL_CREATED, "c", 0, "new");
	tree = end();
	g_assert_cmpuint(tree->count, ==, 2);
	g_assert_null(find(tree, "a"));
	assert_content(tree, "b/a", "1");
	assert_content(tree, "c", "new");
	spool_tree_free(tree);
}

static const struct {
	const char *path;
	size_t size;
} bad_paths[] = {
	{ "", 0 }, { "/etc/passwd", 11 }, { "..", 2 }, { "../x", 4 }, { "a/../../x", 9 },
	{ "a//b", 4 }, { "a/", 2 }, { "/", 1 }, { ".", 1 }, { "a/./b", 5 }, { "a\0b", 3 },
	{ "a\nb", 3 }, { "\x1b[2J", 4 }, { "\xff\xfe", 2 }, { "a\xc0\xaf" "b", 4 },
};

static void test_refused(void)
{
	g_autofree char *deep = g_strnfill(200, 'a'), *name = g_strnfill(256, 'n');
	g_autofree char *much = g_strnfill(SPOOL_PATH_MAX + 1, 'a');
	struct spool_tree *tree;
	uint64_t refused = 0;

	begin();
	for (size_t i = 0; i < G_N_ELEMENTS(bad_paths); i++, refused++)
		put_claiming(i, 0, bad_paths[i].path, bad_paths[i].size, 0, "x", 1, 1);
	for (size_t i = 1; i < 200; i += 2)
		deep[i] = '/';
	deep[199] = '\0';
	for (size_t i = 100; much[i] && much[i + 1]; i += 100)
		much[i] = '/';
	put(100, 0, deep, 0, "x");
	put(101, 0, name, 0, "x");
	put(102, 0, much, 0, "x");
	/* more data than there is, a place that no file has, and one beyond all numbers */
	put_claiming(103, 0, "p", 1, 0, "x", 1, 4096);
	put_claiming(104, 0, "p", 1, SPOOL_MAX_SIZE, "x", 1, 1);
	put_claiming(105, 0, "p", 1, UINT64_MAX, "x", 1, 1);
	put_claiming(106, 0, "p", 1, 0, "x", 1, UINT64_MAX);
	put(107, 0, "good", 0, "x");
	tree = end();
	g_assert_cmpuint(tree->refused, ==, refused + 7);
	g_assert_cmpuint(tree->count, ==, 1);
	assert_content(tree, "good", "x");
	spool_tree_free(tree);
}

/* What lies below a directory, as a sorted text of paths. */
static void list(const char *dir, const char *prefix, GPtrArray *out)
{
	g_autoptr(GDir) open = g_dir_open(dir, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(open))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		char *shown = g_strconcat(prefix, name, NULL);

		g_ptr_array_add(out, shown);
		if (g_file_test(path, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
			g_autofree char *below = g_strconcat(shown, "/", NULL);

			list(path, below, out);
		}
	}
}

static void test_output(void)
{
	g_autofree char *base = g_dir_make_tmp("ht-XXXXXX", NULL);
	g_autofree char *out = g_build_filename(base, "out", NULL);
	g_autofree char *outside = g_build_filename(base, "outside", NULL);
	g_autofree char *link = g_build_filename(out, "link", NULL);
	g_autofree char *leaf = g_build_filename(out, "leaf", NULL);
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *content = NULL, *file = g_build_filename(out, "d", "f", NULL);
	struct spool_tree *tree;
	GError *error = NULL;
	gsize size;
	int dir;

	g_assert_cmpint(g_mkdir(out, 0700) | g_mkdir(outside, 0700), ==, 0);
	/* links that nobody could have made: even those lead nowhere */
	g_assert_cmpint(symlink(outside, link) | symlink("../outside/new", leaf), ==, 0);
	begin();
	put(1, 0, "d/f", 0, "data");
	put(1, 0, "d/f", 6, "end");
	put(2, 0, "d/f/below", 0, "x");
	put(3, 0, "link/f", 0, "x");
	put(4, 0, "leaf", 0, "x");
	put(5, 0, "../outside/f", 0, "x");
	tree = end();
	dir = open(out, O_RDONLY | O_DIRECTORY);
	g_assert_true(spool_tree_write(tree, dir, warnings, &error));
	g_assert_no_error(error);
	close(dir);
	g_assert_cmpuint(warnings->len, ==, 3);
	g_assert_true(g_file_get_contents(file, &content, &size, NULL));
	g_assert_cmpmem(content, size, "data\0\0end", 9);
	list(outside, "", found);
	g_assert_cmpuint(found->len, ==, 0);
	list(out, "", found);
	g_assert_cmpuint(found->len, ==, 4);
	spool_tree_free(tree);
	g_unlink(file);
	g_unlink(link);
	g_unlink(leaf);
	g_free(file);
	file = g_build_filename(out, "d", NULL);
	g_rmdir(file);
	g_rmdir(out);
	g_rmdir(outside);
	g_assert_cmpint(g_rmdir(base), ==, 0);
}

/* A file that is written over and over in small pieces does not take ages. */
static void test_bounded(void)
{
	struct spool_tree *tree;

	begin();
	for (unsigned int i = 0; i < 100000; i++)
		put(1, 0, "f", (uint64_t)(i * 7919ULL % 100003) * 3, "ab");
	tree = end();
	g_assert_cmpuint(find(tree, "f")->known, ==, 200000);
	spool_tree_free(tree);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spool/written", test_written);
	g_test_add_func("/spool/starts", test_starts);
	g_test_add_func("/spool/names", test_names);
	g_test_add_func("/spool/refused", test_refused);
	g_test_add_func("/spool/output", test_output);
	g_test_add_func("/spool/bounded", test_bounded);
	return g_test_run();
}
