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

/*
 * What kallsyms would say of the symbols of a module: an address of 16 digits, the
 * type, the name, the module. There are thousands, so not by way of printf().
 */
static bool vht_is_module_text(const struct mod_kallsyms *kallsyms, unsigned int index)
{
	char type = kallsyms->typetab[index];

	return kallsyms->symtab[index].st_shndx != SHN_UNDEF && type && strchr("tTwW", type);
}

static const char *vht_module_symbol_name(const struct mod_kallsyms *kallsyms,
					  unsigned int index)
{
	return kallsyms->strtab + kallsyms->symtab[index].st_name;
}

static size_t vht_module_symbols_size(const struct module *module)
{
	const struct mod_kallsyms *kallsyms = &module->core_kallsyms;
	size_t each = 2 * sizeof(u64) + strlen(" t \t[]\n") + strlen(module->name);
	size_t size = 0;
	unsigned int i;

	for (i = 0; i < kallsyms->num_symtab; i++)
		if (vht_is_module_text(kallsyms, i))
			size += each + strlen(vht_module_symbol_name(kallsyms, i));
	return size;
}

static char *vht_put_address(char *p, u64 address)
{
	int shift;

	for (shift = 60; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[address >> shift & 0xf];
	return p;
}

static char *vht_put_text(char *p, const char *text)
{
	size_t len = strlen(text);

	memcpy(p, text, len);
	return p + len;
}

/* @buf has room for vht_module_symbols_size(). Return: bytes. */
static size_t vht_print_module_symbols(const struct module *module, char *buf)
{
	const struct mod_kallsyms *kallsyms = &module->core_kallsyms;
	char *p = buf;
	unsigned int i;

	for (i = 0; i < kallsyms->num_symtab; i++) {
		if (!vht_is_module_text(kallsyms, i))
			continue;
		p = vht_put_address(p, kallsyms->symtab[i].st_value);
		*p++ = ' ';
		*p++ = kallsyms->typetab[i];
		*p++ = ' ';
		p = vht_put_text(p, vht_module_symbol_name(kallsyms, i));
		p = vht_put_text(p, "\t[");
		p = vht_put_text(p, module->name);
		p = vht_put_text(p, "]\n");
	}
	return p - buf;
}

/* The events that a module brings, SYSTEM:EVENT a line. Return: bytes, without the NUL. */
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
 * Notes what a module that has just come brings. Its events may have been here before,
 * under other numbers.
 */
static struct vht_module *vht_note_module(const struct module *module)
{
	size_t events = vht_print_module_events(module, NULL, 0);
	size_t symbols = vht_module_symbols_size(module);
	struct vht_module *entry;

	entry = kvmalloc(struct_size(entry, text, events + symbols + 1), GFP_KERNEL);
	if (!entry)
		return NULL;
	entry->events_len = vht_print_module_events(module, entry->text, events + 1);
	entry->symbols_len = vht_print_module_symbols(module, entry->text + events);
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
	struct vht_module *module, *next;
	LIST_HEAD(modules);
	int ret = 0;

	/* First, so that one that comes meanwhile asks again. */
	clear_bit(VHT_REQUEST_MODULES, &metadata->requests);
	mutex_lock(&metadata->module_lock);
	list_splice_init(&metadata->modules, &modules);
	mutex_unlock(&metadata->module_lock);
	records->len = 0;
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
