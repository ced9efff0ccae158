// SPDX-License-Identifier: GPL-2.0-only
/* Marks; see marks.h. */
#include "marks.h"

#define MAX_MARKS	2000
#define MAX_TEXT	256

struct marks {
	GPtrArray *list;	/* struct mark *, with host times */
	uint64_t omitted;
};

struct marks *marks_new(void)
{
	struct marks *marks = g_new0(struct marks, 1);

	marks->list = g_ptr_array_new_with_free_func(report_mark_free);
	return marks;
}

void marks_free(struct marks *marks)
{
	if (!marks)
		return;
	g_ptr_array_unref(marks->list);
	g_free(marks);
}

struct mark *marks_add(struct marks *marks, uint64_t time, const char *kind, const char *name,
		       const char *text)
{
	struct mark *mark;

	if (marks->list->len >= MAX_MARKS) {
		marks->omitted++;
		return NULL;
	}
	mark = g_new0(struct mark, 1);
	mark->time = time;
	mark->kind = kind;
	mark->name = g_strndup(name, MAX_TEXT);
	mark->text = text && *text ? g_strndup(text, MAX_TEXT) : NULL;
	mark->port = mark->value = -1;
	g_ptr_array_add(marks->list, mark);
	return mark;
}

void marks_report(const struct marks *marks, const struct extent *extent, struct span *span)
{
	for (guint i = 0; i < marks->list->len; i++) {
		const struct mark *mark = g_ptr_array_index(marks->list, i);
		struct mark *copy;

		if ((uint64_t)mark->time < extent->start || (uint64_t)mark->time > extent->end)
			continue;
		copy = g_new(struct mark, 1);
		*copy = *mark;
		copy->name = g_strdup(mark->name);
		copy->text = g_strdup(mark->text);
		copy->time = extent_time(extent, mark->time);
		g_ptr_array_add(span->marks, copy);
	}
	span->marks_omitted = marks->omitted;
}
