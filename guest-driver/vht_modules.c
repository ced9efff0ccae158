// SPDX-License-Identifier: GPL-2.0-only
/*
 * What modules bring that come after the set: their events and symbols, as text.
 *
 * Modules come in crowds: they are noted as they come, and sent when none came for a
 * while.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/trace_events.h>

#include "vht_internal.h"

/* They are looked at when none came for this long. */
#define VHT_MODULES_MS		1000

/* A module that came; on vht_metadata.modules. */
struct vht_module {
	struct list_head list;
	size_t events_len;
	size_t symbols_len;
	char text[];			/* SYSTEM:EVENT lines, then lines as in kallsyms */
};

/* What kallsyms would say of a symbol of a module. Return: bytes, without the NUL. */
static size_t vht_print_module_symbol(const struct module *module, unsigned int index, char *buf,
				      size_t size)
{
	const struct mod_kallsyms *kallsyms = &module->core_kallsyms;
	const Elf_Sym *symbol = &kallsyms->symtab[index];

	if (symbol->st_shndx == SHN_UNDEF || !kallsyms->typetab[index] ||
	    !strchr("tTwW", kallsyms->typetab[index]))
		return 0;
	return snprintf(buf, size, "%016lx %c %s\t[%s]\n", (unsigned long)symbol->st_value,
			kallsyms->typetab[index], kallsyms->strtab + symbol->st_name,
			module->name);
}

static size_t vht_print_module_symbols(const struct module *module, char *buf, size_t size)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < module->core_kallsyms.num_symtab; i++)
		len += vht_print_module_symbol(module, i, buf ? buf + len : NULL,
					       buf ? size - len : 0);
	return len;
}

/* The events that a module brings, SYSTEM:EVENT a line. Return: as above. */
static size_t vht_print_module_events(const struct module *module, char *buf, size_t size)
{
	size_t len = 0;
#ifdef CONFIG_EVENT_TRACING
	unsigned int i;

	for (i = 0; i < module->num_trace_events; i++) {
		struct trace_event_call *call = module->trace_events[i];

		len += snprintf(buf ? buf + len : NULL, buf ? size - len : 0, "%s:%s\n",
				call->class->system, trace_event_name(call));
	}
#endif
	return len;
}

/*
 * Notes what a module that has just come brings. kallsyms would have to be read to
 * its end for its symbols, 200,000 lines for a few. Its events may have been here
 * before, under other numbers.
 */
static struct vht_module *vht_note_module(const struct module *module)
{
	size_t events = vht_print_module_events(module, NULL, 0);
	size_t symbols = vht_print_module_symbols(module, NULL, 0);
	struct vht_module *entry;

	entry = kvmalloc(struct_size(entry, text, events + symbols + 1), GFP_KERNEL);
	if (!entry)
		return NULL;
	entry->events_len = vht_print_module_events(module, entry->text, events + 1);
	entry->symbols_len = vht_print_module_symbols(module, entry->text + events, symbols + 1);
	return entry;
}

static int vht_add_module_symbols(struct vht_records *records, struct vht_module *module)
{
	struct vht_list list = {
		.text = module->text + module->events_len,
		.len = module->symbols_len,
	};
	int ret = 0;

	while (!ret && list.position < list.len) {
		const char *line = list.text + list.position;

		ret = vht_records_add_line(records, VHT_META_SYMBOLS, line, vht_list_next(&list));
	}
	return ret;
}

/**
 * vht_modules_send - send what modules brought since the last set
 *
 * @vht: the device
 * @records: where to
 *
 * Context: process.
 *
 * Return: 0, or -EINTR: a new set was asked for.
 */
int vht_modules_send(struct vht *vht, struct vht_records *records)
{
	struct vht_metadata *metadata = &vht->metadata;
	struct vht_list known = { .text = metadata->events, .len = metadata->events_len };
	struct vht_module *module, *next;
	LIST_HEAD(modules);
	size_t len;
	int ret = 0;
	char *all;

	/* First, so that one that comes meanwhile asks again. */
	clear_bit(VHT_REQUEST_MODULES, &metadata->requests);
	mutex_lock(&metadata->module_lock);
	list_splice_init(&metadata->modules, &modules);
	mutex_unlock(&metadata->module_lock);
	records->len = 0;
	all = vht_tracefs_read_all("available_events", &len);
	if (!IS_ERR(all)) {
		ret = vht_formats_add(records, all, len, &known);
		kvfree(metadata->events);
		metadata->events = all;
		metadata->events_len = len;
	}
	list_for_each_entry_safe(module, next, &modules, list) {
		ret = ret ?: vht_formats_add(records, module->text, module->events_len, NULL);
		ret = ret ?: vht_add_module_symbols(records, module);
		kvfree(module);
	}
	return ret ?: vht_records_flush(records);
}

static int vht_module_notify(struct notifier_block *block, unsigned long state, void *data)
{
	struct vht_metadata *metadata = container_of(block, struct vht_metadata, module_notifier);
	const struct module *module = data;
	struct vht_module *entry;

	if (state != MODULE_STATE_LIVE)
		return NOTIFY_DONE;
	entry = vht_note_module(module);
	if (!entry)
		return NOTIFY_DONE;
	mutex_lock(&metadata->module_lock);
	list_add_tail(&entry->list, &metadata->modules);
	mutex_unlock(&metadata->module_lock);
	WRITE_ONCE(metadata->modules_at, jiffies);
	set_bit(VHT_REQUEST_MODULES, &metadata->requests);
	return NOTIFY_OK;
}

/**
 * vht_modules_are_due - have modules come, and none more for a while?
 *
 * @metadata: the sender
 *
 * Context: any.
 *
 * Return: true if it is time for vht_modules_send().
 */
bool vht_modules_are_due(const struct vht_metadata *metadata)
{
	return test_bit(VHT_REQUEST_MODULES, &metadata->requests) &&
	       time_after_eq(jiffies, READ_ONCE(metadata->modules_at) +
			     msecs_to_jiffies(VHT_MODULES_MS));
}

/**
 * vht_modules_start - begin to note modules
 *
 * @metadata: the sender
 *
 * Return: 0 or a negative error number.
 */
int vht_modules_start(struct vht_metadata *metadata)
{
	mutex_init(&metadata->module_lock);
	INIT_LIST_HEAD(&metadata->modules);
	metadata->module_notifier.notifier_call = vht_module_notify;
	return register_module_notifier(&metadata->module_notifier);
}

/**
 * vht_modules_stop - note no more
 *
 * @metadata: the sender
 */
void vht_modules_stop(struct vht_metadata *metadata)
{
	unregister_module_notifier(&metadata->module_notifier);
}

/**
 * vht_modules_forget - free the notes
 *
 * @metadata: the sender; it and the notifier have stopped
 */
void vht_modules_forget(struct vht_metadata *metadata)
{
	struct vht_module *module, *next;

	list_for_each_entry_safe(module, next, &metadata->modules, list)
		kvfree(module);
	INIT_LIST_HEAD(&metadata->modules);
}
