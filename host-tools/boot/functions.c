// SPDX-License-Identifier: GPL-2.0-only
/* Traced functions; see functions.h. */
#include "functions.h"

#include <string.h>

#define MAX_DEPTH	256	/* frames of a stack; deeper calls count to their caller */
#define MAX_STACKS	65536
#define MAX_NODES	20000
#define MAX_FUNCTIONS	65536
#define MAX_LIST	1000

struct node {
	const char *name;
	int64_t self;
	struct node *first, *last, *next;	/* children, and the next sibling */
};

struct frame {
	struct function_entry *entry;
	struct node *node;
	uint64_t depth;
	uint64_t start;
	uint64_t children;	/* ns in what it called */
};

struct stack {
	uint32_t count;
	struct frame frames[MAX_DEPTH];
};

struct functions {
	GStringChunk *names;
	GHashTable *entries;	/* name -> struct function_entry */
	GHashTable *stacks;	/* id -> struct stack */
	struct node *root;
	uint32_t nodes;
	uint64_t calls;
	bool has_times;
	bool is_cut;
};

static struct node *node_new(const char *name)
{
	struct node *node = g_new0(struct node, 1);

	node->name = name;
	return node;
}

struct functions *functions_new(void)
{
	struct functions *functions = g_new0(struct functions, 1);

	functions->names = g_string_chunk_new(4096);
	functions->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	functions->stacks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	functions->root = node_new("all");
	return functions;
}

/* Depth first without recursion: a node's children come before the node goes. */
static void free_nodes(struct node *root)
{
	struct node *list = root;

	while (list) {
		struct node *node = list;

		if (node->first) {
			node->last->next = node->next;
			list = node->first;
		} else {
			list = node->next;
		}
		g_free(node);
	}
}

void functions_free(struct functions *functions)
{
	if (!functions)
		return;
	g_hash_table_unref(functions->entries);
	g_hash_table_unref(functions->stacks);
	g_string_chunk_free(functions->names);
	free_nodes(functions->root);
	g_free(functions);
}

static struct function_entry *get_entry(struct functions *functions, const char *name)
{
	struct function_entry *entry = g_hash_table_lookup(functions->entries, name);

	if (entry)
		return entry;
	if (g_hash_table_size(functions->entries) >= MAX_FUNCTIONS) {
		functions->is_cut = true;
		name = "(other)";
		entry = g_hash_table_lookup(functions->entries, name);
		if (entry)
			return entry;
	}
	entry = g_new0(struct function_entry, 1);
	entry->name = g_string_chunk_insert_const(functions->names, name);
	g_hash_table_insert(functions->entries, (char *)entry->name, entry);
	return entry;
}

static struct node *get_child(struct functions *functions, struct node *parent, const char *name)
{
	struct node *node;

	for (node = parent->first; node; node = node->next)
		if (node->name == name)
			return node;
	if (functions->nodes >= MAX_NODES) {
		functions->is_cut = true;
		name = g_string_chunk_insert_const(functions->names, "(other)");
		if (parent->name == name)
			return parent;
		for (node = parent->first; node; node = node->next)
			if (node->name == name)
				return node;
		/* one such child a node at most: twice the bound in the worst case */
		if (functions->nodes >= 2 * MAX_NODES)
			return parent;
	}
	functions->nodes++;
	node = node_new(name);
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	return node;
}

static struct stack *get_stack(struct functions *functions, int64_t id)
{
	struct stack *stack = g_hash_table_lookup(functions->stacks, &id);
	int64_t *key;

	if (stack)
		return stack;
	if (g_hash_table_size(functions->stacks) >= MAX_STACKS)
		return NULL;
	stack = g_new0(struct stack, 1);
	key = g_new(int64_t, 1);
	*key = id;
	g_hash_table_insert(functions->stacks, key, stack);
	return stack;
}

static void pop(struct stack *stack, uint64_t time)
{
	struct frame *frame = &stack->frames[--stack->count];
	uint64_t duration = time > frame->start ? time - frame->start : 0;
	int64_t self = duration > frame->children ? duration - frame->children : 0;

	frame->entry->total += duration;
	frame->entry->self += self;
	frame->entry->max = MAX(frame->entry->max, (int64_t)duration);
	frame->node->self += self;
	if (stack->count)
		stack->frames[stack->count - 1].children += duration;
}

/* An idle stack that is empty is not kept: tasks come and go. */
static void drop_if_empty(struct functions *functions, struct stack *stack, int64_t id)
{
	if (!stack->count && g_hash_table_size(functions->stacks) > 1024)
		g_hash_table_remove(functions->stacks, &id);
}

void functions_enter(struct functions *functions, int64_t id, const char *name, uint64_t depth,
		     uint64_t time)
{
	struct stack *stack = get_stack(functions, id);
	struct function_entry *entry = get_entry(functions, name);
	struct frame *frame;
	struct node *parent;

	functions->calls++;
	functions->has_times = true;
	entry->calls++;
	if (!stack)
		return;
	/* What is as deep or deeper ended without being seen to. */
	while (stack->count && stack->frames[stack->count - 1].depth >= depth)
		pop(stack, time);
	if (stack->count == MAX_DEPTH)
		return;
	parent = stack->count ? stack->frames[stack->count - 1].node : functions->root;
	frame = &stack->frames[stack->count++];
	frame->entry = entry;
	frame->node = get_child(functions, parent, entry->name);
	frame->depth = depth;
	frame->start = time;
	frame->children = 0;
}

void functions_leave(struct functions *functions, int64_t id, const char *name, uint64_t depth,
		     uint64_t time)
{
	struct stack *stack = get_stack(functions, id);

	(void)name;
	if (!stack)
		return;
	while (stack->count && stack->frames[stack->count - 1].depth > depth)
		pop(stack, time);
	if (stack->count && stack->frames[stack->count - 1].depth == depth)
		pop(stack, time);
	drop_if_empty(functions, stack, id);
}

void functions_call(struct functions *functions, const char *name, const char *caller)
{
	struct function_entry *entry = get_entry(functions, name);
	struct function_entry *above = *caller ? get_entry(functions, caller) : NULL;
	struct node *node = functions->root;

	functions->calls++;
	entry->calls++;
	if (above)
		node = get_child(functions, node, above->name);
	get_child(functions, node, entry->name)->self++;
}

static int64_t stack_of(const struct boot_event *event)
{
	return event->pid > 0 ? event->pid : -2 - (int64_t)event->cpu;
}

/* A function's name without the place in it: tracing happens somewhat behind its start. */
static const char *bare_name(const char *symbol, char *buffer, size_t size)
{
	const char *plus = strstr(symbol, "+0x");

	if (!plus)
		return symbol;
	g_strlcpy(buffer, symbol, MIN(size, (size_t)(plus - symbol) + 1));
	return buffer;
}

void functions_event(struct functions *functions, const struct boot_event *event)
{
	char name_buffer[128], caller_buffer[128];
	const char *name = bare_name(event->text[0], name_buffer, sizeof(name_buffer));

	switch (event->kind) {
	case BOOT_GRAPH_ENTRY:
		functions_enter(functions, stack_of(event), name, event->number[0], event->time);
		break;
	case BOOT_GRAPH_EXIT:
		functions_leave(functions, stack_of(event), name, event->number[0], event->time);
		break;
	case BOOT_FUNCTION:
		functions_call(functions, name,
			       bare_name(event->text[1], caller_buffer, sizeof(caller_buffer)));
		break;
	default:
		break;
	}
}

bool functions_is_empty(const struct functions *functions)
{
	return !functions->calls;
}

static struct function_node *copy_node(const struct node *node, unsigned int depth)
{
	struct function_node *copy = g_new0(struct function_node, 1);

	copy->name = g_intern_string(node->name);
	copy->self = node->self;
	copy->children = g_ptr_array_new();
	/* as deep as a stack, and the root */
	for (const struct node *child = node->first; child && depth <= MAX_DEPTH;
	     child = child->next)
		g_ptr_array_add(copy->children, copy_node(child, depth + 1));
	return copy;
}

static gint by_self(gconstpointer a, gconstpointer b)
{
	const struct function_entry *left = *(void *const *)a, *right = *(void *const *)b;

	if (left->self != right->self)
		return left->self < right->self ? 1 : -1;
	if (left->calls != right->calls)
		return left->calls < right->calls ? 1 : -1;
	return strcmp(left->name, right->name);
}

struct function_summary *functions_take(const struct functions *functions)
{
	struct function_summary *summary = g_new0(struct function_summary, 1);
	GHashTableIter iter;
	gpointer value;

	summary->has_times = functions->has_times;
	summary->calls = functions->calls;
	summary->is_cut = functions->is_cut;
	summary->list = g_ptr_array_new_with_free_func(g_free);
	g_hash_table_iter_init(&iter, functions->entries);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct function_entry *entry = value;
		struct function_entry *copy;

		if (!entry->calls)
			continue;
		copy = g_new(struct function_entry, 1);
		*copy = *entry;
		copy->name = g_intern_string(entry->name);
		g_ptr_array_add(summary->list, copy);
	}
	g_ptr_array_sort(summary->list, by_self);
	if (summary->list->len > MAX_LIST) {
		summary->omitted = summary->list->len - MAX_LIST;
		g_ptr_array_set_size(summary->list, MAX_LIST);
	}
	summary->root = copy_node(functions->root, 0);
	return summary;
}

static void free_copy(struct function_node *node)
{
	for (guint i = 0; i < node->children->len; i++)
		free_copy(g_ptr_array_index(node->children, i));
	g_ptr_array_unref(node->children);
	g_free(node);
}

void function_summary_free(struct function_summary *summary)
{
	if (!summary)
		return;
	g_ptr_array_unref(summary->list);
	free_copy(summary->root);
	g_free(summary);
}

int64_t function_node_value(const struct function_node *node)
{
	int64_t value = node->self;

	for (guint i = 0; i < node->children->len; i++)
		value += function_node_value(g_ptr_array_index(node->children, i));
	return value;
}

static void fold(const struct function_node *node, GString *path, FILE *out)
{
	gsize length = path->len;

	g_string_append_printf(path, "%s%s", length ? ";" : "", node->name);
	if (node->self)
		fprintf(out, "%s %" G_GINT64_FORMAT "\n", path->str, (gint64)node->self);
	for (guint i = 0; i < node->children->len; i++)
		fold(g_ptr_array_index(node->children, i), path, out);
	g_string_truncate(path, length);
}

void function_summary_fold(const struct function_summary *summary, FILE *out)
{
	GString *path = g_string_new(NULL);

	for (guint i = 0; i < summary->root->children->len; i++)
		fold(g_ptr_array_index(summary->root->children, i), path, out);
	g_string_free(path, TRUE);
}
