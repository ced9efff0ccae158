// SPDX-License-Identifier: GPL-2.0-only
/* The files of a spool stream; see tree.h. */
#include "spool/tree.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "spool/path.h"
#include "wire/bytes.h"

/* struct vht_spool in host order. */
struct piece {
	uint64_t file;
	uint64_t offset;
	uint64_t size;
	uint32_t path_size;
	uint32_t flags;
	const char *path;
	const uint8_t *data;
};

static gint compare_offsets(gconstpointer a, gconstpointer b, gpointer unused)
{
	const struct spool_span *x = a, *y = b;

	(void)unused;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static void file_free(gpointer data)
{
	struct spool_file *file = data;

	g_tree_unref(file->spans);
	g_free(file->path);
	g_free(file);
}

static struct spool_file *file_new(uint64_t number)
{
	struct spool_file *file = g_new0(struct spool_file, 1);

	file->number = number;
	file->spans = g_tree_new_full(compare_offsets, NULL, NULL, g_free);
	return file;
}

/* The span at or before a place, or the first one. */
static GTreeNode *node_at(const struct spool_file *file, uint64_t offset)
{
	const struct spool_span key = { .offset = offset };
	GTreeNode *node = g_tree_upper_bound(file->spans, &key);
	GTreeNode *before = node ? g_tree_node_previous(node) : g_tree_node_last(file->spans);

	return before ? before : node;
}

static const struct spool_span *span_of(GTreeNode *node)
{
	return g_tree_node_value(node);
}

static void put_span(struct spool_file *file, uint64_t offset, uint64_t size, const uint8_t *data,
		     bool is_start)
{
	struct spool_span *span = g_new(struct spool_span, 1);

	*span = (struct spool_span) {
		.offset = offset, .size = size, .data = data, .is_start = is_start,
	};
	g_tree_insert(file->spans, span, span);
	file->known += size;
}

/* Forgets what is known of [begin, end). */
static void forget(struct spool_file *file, uint64_t begin, uint64_t end)
{
	for (;;) {
		GTreeNode *node = node_at(file, begin);
		struct spool_span old;

		if (node && span_of(node)->offset + span_of(node)->size <= begin)
			node = g_tree_node_next(node);
		if (!node || span_of(node)->offset >= end)
			return;
		old = *span_of(node);
		file->known -= old.size;
		g_tree_remove(file->spans, &old);
		if (old.offset < begin)
			put_span(file, old.offset, begin - old.offset, old.data, old.is_start);
		if (old.offset + old.size > end)
			put_span(file, end, old.offset + old.size - end,
				 old.data + (end - old.offset), false);
	}
}

/* It ends at @size. */
static void cut(struct spool_file *file, uint64_t size)
{
	if (size < file->size)
		forget(file, size, file->size);
	file->size = size;
}

static void apply(struct spool_file *file, const struct piece *piece)
{
	bool is_start = !file->is_midst || piece->offset != file->next;

	if (piece->flags & VHT_SPOOL_CREATED) {
		cut(file, 0);
		file->is_created = true;
	}
	if (piece->flags & VHT_SPOOL_TRUNCATED)
		cut(file, piece->offset);
	if (piece->size) {
		/* What is added at the end, nearly always, has nothing below it. */
		if (piece->offset < file->size)
			forget(file, piece->offset, piece->offset + piece->size);
		put_span(file, piece->offset, piece->size, piece->data, is_start);
		file->size = MAX(file->size, piece->offset + piece->size);
		file->is_midst = piece->flags & VHT_SPOOL_MORE;
		file->next = piece->offset + piece->size;
	}
	file->is_closed = piece->flags & VHT_SPOOL_CLOSED || (file->is_closed && !piece->size);
	if (piece->flags & VHT_SPOOL_REMOVED)
		file->is_removed = true;
}

/**
 * parse - take a packet's content apart
 * Return: false if no driver makes such a packet.
 */
static bool parse(const struct recording_packet *packet, struct piece *out)
{
	uint64_t size = packet->header.content_size, data;
	const uint8_t *at = packet->content;

	if (size < sizeof(struct vht_spool))
		return false;
	out->file = get_u64(at + offsetof(struct vht_spool, file));
	out->offset = get_u64(at + offsetof(struct vht_spool, offset));
	out->size = get_u64(at + offsetof(struct vht_spool, size));
	out->path_size = get_u32(at + offsetof(struct vht_spool, path_size));
	out->flags = get_u32(at + offsetof(struct vht_spool, flags));
	out->path = (const char *)at + sizeof(struct vht_spool);
	if (out->path_size > size - sizeof(struct vht_spool) ||
	    !spool_path_is_safe(out->path, out->path_size))
		return false;
	data = (sizeof(struct vht_spool) + (uint64_t)out->path_size + 7) & ~(uint64_t)7;
	if (out->size && (data > size || out->size > size - data))
		return false;
	out->data = at + data;
	return out->offset <= SPOOL_MAX_SIZE && out->size <= SPOOL_MAX_SIZE - out->offset;
}

static struct spool_file *find_file(struct spool_tree *tree, const struct piece *piece)
{
	struct spool_file *file = g_hash_table_lookup(tree->numbers, &piece->file);

	if (!file) {
		if (tree->files->len >= SPOOL_MAX_FILES)
			return NULL;
		file = file_new(piece->file);
		g_ptr_array_add(tree->files, file);
		g_hash_table_insert(tree->numbers, &file->number, file);
	}
	if (!file->path || strlen(file->path) != piece->path_size ||
	    memcmp(file->path, piece->path, piece->path_size)) {
		g_free(file->path);
		file->path = g_strndup(piece->path, piece->path_size);
	}
	return file;
}

static void add_packet(struct spool_tree *tree, const struct recording_packet *packet)
{
	struct spool_file *file;
	struct piece piece;

	if (!packet->is_first)
		tree->missing += packet->missing;
	/* the one that ends the stream */
	if (!packet->header.content_size)
		return;
	tree->packets++;
	if (!parse(packet, &piece)) {
		tree->refused++;
		return;
	}
	file = find_file(tree, &piece);
	if (file)
		apply(file, &piece);
	else
		tree->too_many++;
}

/* Of files of one path the newest is it: that an older one was removed was not told us. */
static void count_files(struct spool_tree *tree)
{
	GHashTable *paths = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = tree->files->len; i-- > 0;) {
		struct spool_file *file = tree->files->pdata[i];

		if (!file->is_removed && !g_hash_table_add(paths, file->path))
			file->is_removed = true;
		if (file->is_removed)
			continue;
		tree->count++;
		tree->size += file->size;
		tree->known += file->known;
		tree->holed += file->known < file->size;
	}
	g_hash_table_unref(paths);
}

struct spool_tree *spool_tree_new(const struct recording_stream *stream)
{
	struct spool_tree *tree = g_new0(struct spool_tree, 1);
	struct recording_cursor cursor;
	struct recording_packet packet;

	tree->files = g_ptr_array_new_with_free_func(file_free);
	tree->numbers = g_hash_table_new(g_int64_hash, g_int64_equal);
	recording_cursor_init(&cursor, stream);
	while (recording_cursor_next(&cursor, &packet))
		if (packet.header.type == VHT_PACKET_SPOOL)
			add_packet(tree, &packet);
	count_files(tree);
	return tree;
}

void spool_tree_free(struct spool_tree *tree)
{
	if (!tree)
		return;
	g_hash_table_unref(tree->numbers);
	g_ptr_array_unref(tree->files);
	g_free(tree);
}

static GTreeNode *node_behind(const struct spool_file *file, uint64_t offset)
{
	GTreeNode *node = node_at(file, offset);

	if (node && span_of(node)->offset + span_of(node)->size <= offset)
		node = g_tree_node_next(node);
	return node;
}

const struct spool_span *spool_file_at(const struct spool_file *file, uint64_t offset)
{
	GTreeNode *node = node_behind(file, offset);

	return node ? span_of(node) : NULL;
}

uint64_t spool_file_run(const struct spool_file *file, uint64_t offset, uint64_t most)
{
	GTreeNode *node = node_behind(file, offset);
	uint64_t at = offset;

	while (node && span_of(node)->offset <= at && at - offset < most) {
		at = span_of(node)->offset + span_of(node)->size;
		node = g_tree_node_next(node);
	}
	return MIN(at - offset, most);
}

void spool_file_read(const struct spool_file *file, uint64_t offset, void *data, size_t size)
{
	GTreeNode *node = node_behind(file, offset);
	uint8_t *to = data;

	for (; size; node = g_tree_node_next(node)) {
		const struct spool_span *span = span_of(node);
		size_t some = MIN(size, span->offset + span->size - offset);

		memcpy(to, span->data + (offset - span->offset), some);
		to += some;
		offset += some;
		size -= some;
	}
}

static bool write_all(int fd, const uint8_t *data, uint64_t size)
{
	while (size) {
		ssize_t done = write(fd, data, MIN(size, 1 << 30));

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		size -= done;
	}
	return true;
}

static bool fail(GError **error, const char *what, const char *path)
{
	int saved = errno;

	g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot %s: path=%s: %s", what, path,
		    g_strerror(saved));
	return false;
}

bool spool_file_copy(const struct spool_file *file, uint64_t offset, uint64_t size, int fd,
		     GError **error)
{
	GTreeNode *node = node_behind(file, offset);

	for (; size; node = g_tree_node_next(node)) {
		const struct spool_span *span = span_of(node);
		uint64_t some = MIN(size, span->offset + span->size - offset);

		if (!write_all(fd, span->data + (offset - span->offset), some))
			return fail(error, "write", file->path);
		offset += some;
		size -= some;
	}
	return true;
}

/* All of a file, with its holes. */
static bool write_file(const struct spool_file *file, int fd, GError **error)
{
	for (GTreeNode *node = g_tree_node_first(file->spans); node;
	     node = g_tree_node_next(node)) {
		const struct spool_span *span = span_of(node);

		if (lseek(fd, span->offset, SEEK_SET) < 0 ||
		    !write_all(fd, span->data, span->size))
			return fail(error, "write", file->path);
	}
	if (ftruncate(fd, file->size) < 0)
		return fail(error, "write", file->path);
	return true;
}

bool spool_tree_write(const struct spool_tree *tree, int dir, GPtrArray *warnings, GError **error)
{
	bool done = true;

	for (guint i = 0; done && i < tree->files->len; i++) {
		const struct spool_file *file = tree->files->pdata[i];
		GError *cause = NULL;
		int fd;

		if (file->is_removed)
			continue;
		fd = spool_path_make(dir, file->path, &cause);
		if (fd < 0) {
			g_ptr_array_add(warnings, g_strdup(cause->message));
			g_error_free(cause);
			continue;
		}
		done = write_file(file, fd, error);
		if (close(fd) < 0 && done)
			done = fail(error, "write", file->path);
	}
	return done;
}
