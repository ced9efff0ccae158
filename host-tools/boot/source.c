// SPDX-License-Identifier: GPL-2.0-only
/* Events of a recording for the boot report; see source.h. */
#include "source.h"

#include <string.h>
#include <sys/stat.h>

#include "decode/decoder.h"
#include "decode/symbols.h"
#include "decode/timebase.h"
#include "error.h"
#include "virtio_hypertrace.h"

#define TEXT_SIZE	512

/* A class of events, as far as the report is concerned. */
struct class_info {
	enum boot_kind kind;
	const struct event_field *numbers[BOOT_MAX_NUMBERS];
	const struct event_field *texts[BOOT_MAX_TEXTS];
};

struct reading {
	struct decoder *decoder;
	struct boot_source_info *info;
	GPtrArray *classes;		/* struct class_info *, to be freed */
	GHashTable *symbols;		/* address of this guest -> name */
	const struct decoder_guest *symbols_guest;
	char text[BOOT_MAX_TEXTS][TEXT_SIZE];
};

struct boot_source_info *boot_source_info_new(const char *kind)
{
	struct boot_source_info *info = g_new0(struct boot_source_info, 1);

	info->kind = kind;
	info->epochs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	info->clock_error_ns = -1;
	info->warnings = g_ptr_array_new_with_free_func(g_free);
	return info;
}

void boot_source_info_free(struct boot_source_info *info)
{
	if (!info)
		return;
	g_free(info->vm);
	g_free(info->vmm);
	g_free(info->uuid);
	g_free(info->kernel);
	g_free(info->command_line);
	g_free(info->end_reason);
	g_free(info->end_text);
	g_array_unref(info->epochs);
	g_ptr_array_unref(info->warnings);
	g_free(info);
}

static const struct event_field *find_field(const struct event_class *class, const char *name)
{
	for (uint32_t i = 0; name && i < class->field_count; i++)
		if (!strcmp(class->fields[i].raw_name, name))
			return &class->fields[i];
	return NULL;
}

static const struct class_info *class_info(struct reading *reading, struct event_class *class)
{
	struct class_info *info = class->user;
	const struct boot_kind_spec *spec;

	if (info)
		return info;
	info = g_new0(struct class_info, 1);
	info->kind = boot_kind_find(class->system, class->raw_name);
	spec = boot_kind_spec(info->kind);
	for (int i = 0; i < BOOT_MAX_NUMBERS; i++)
		info->numbers[i] = find_field(class, spec->numbers[i]);
	for (int i = 0; i < BOOT_MAX_TEXTS; i++)
		info->texts[i] = find_field(class, spec->texts[i]);
	for (int i = 0; i < BOOT_MAX_NUMBERS; i++)
		if (info->numbers[i] && info->numbers[i]->kind != FIELD_NUMBER)
			info->numbers[i] = NULL;
	g_ptr_array_add(reading->classes, info);
	class->user = info;
	return info;
}

/* The name of an address; it lives as long as the reading. */
static const char *symbol(struct reading *reading, const struct decoder_guest *guest,
			  uint64_t address)
{
	const char *found;
	uint64_t offset;
	size_t length;
	char *name;

	if (reading->symbols_guest != guest) {
		g_hash_table_remove_all(reading->symbols);
		reading->symbols_guest = guest;
	}
	found = g_hash_table_lookup(reading->symbols, (gpointer)(uintptr_t)address);
	if (found)
		return found;
	found = symbols_find(guest->symbols, address, &length, &offset);
	if (!found)
		name = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", address);
	else if (!offset)
		name = g_strndup(found, length);
	else
		name = g_strdup_printf("%.*s+0x%" G_GINT64_MODIFIER "x", (int)length, found,
				       offset);
	g_hash_table_insert(reading->symbols, (gpointer)(uintptr_t)address, name);
	return name;
}

static const char *take_text(struct reading *reading, const struct decoder_item *item,
			     const struct event_field *field, char *buffer)
{
	const char *text;
	uint32_t length;

	if (field->kind == FIELD_NUMBER) {
		uint64_t value = field_number(field, item->data, item->size);

		return item->stream->guest ? symbol(reading, item->stream->guest, value) : "";
	}
	if (field->kind != FIELD_STRING && field->kind != FIELD_DYNAMIC_STRING &&
	    field->kind != FIELD_TAIL_STRING)
		return "";
	text = field_text(field, item->data, item->size, &length);
	length = MIN(length, TEXT_SIZE - 1);
	memcpy(buffer, text, length);
	buffer[length] = '\0';
	return buffer;
}

/* Any field as text, for filters. */
static char *get_field(const struct boot_event *event, const char *name)
{
	const struct decoder_item *item = event->data;
	const struct event_field *field;
	const char *text;
	uint32_t length;

	if (!item->class)
		return NULL;
	field = find_field(item->class, name);
	if (!field)
		return NULL;
	switch (field->kind) {
	case FIELD_NUMBER:
		if (field->is_signed)
			return g_strdup_printf("%" G_GINT64_FORMAT, (gint64)
					       field_number(field, item->data, item->size));
		return g_strdup_printf("%" G_GUINT64_FORMAT,
				       field_number(field, item->data, item->size));
	case FIELD_STRING:
	case FIELD_DYNAMIC_STRING:
	case FIELD_TAIL_STRING:
		text = field_text(field, item->data, item->size, &length);
		return g_strndup(text, length);
	default:
		return NULL;
	}
}

static bool is_guest(const struct decoder_item *item)
{
	return item->stream->source != VHT_SOURCE_VMM;
}

/* The epoch of an item; 0 for what belongs to none. */
static uint32_t item_epoch(const struct decoder_item *item)
{
	if (is_guest(item))
		return item->stream->epoch;
	if (item->kind == DECODER_EVENT && item->size >= sizeof(struct vht_vmm_event))
		return get_u32(item->data + offsetof(struct vht_vmm_event, epoch));
	return 0;
}

static void fill_vmm(struct reading *reading, const struct decoder_item *item,
		     struct boot_event *event)
{
	const size_t at = offsetof(struct vht_vmm_event, text);

	event->kind = BOOT_VMM;
	event->number[0] = get_u32(item->data + offsetof(struct vht_vmm_event, type));
	event->number[1] = get_u64(item->data + offsetof(struct vht_vmm_event, arg));
	event->number[2] = item_epoch(item) != reading->info->epoch;
	memcpy(reading->text[0], item->data + at, sizeof(((struct vht_vmm_event *)0)->text));
	reading->text[0][sizeof(((struct vht_vmm_event *)0)->text)] = '\0';
	event->text[0] = reading->text[0];
}

static void fill_event(struct reading *reading, const struct decoder_item *item,
		       struct boot_event *event)
{
	const struct class_info *info;

	if (!is_guest(item) && item->size >= sizeof(struct vht_vmm_event)) {
		fill_vmm(reading, item, event);
		return;
	}
	info = class_info(reading, item->class);
	event->kind = info->kind;
	for (int i = 0; i < BOOT_MAX_NUMBERS; i++)
		if (info->numbers[i])
			event->number[i] = field_number(info->numbers[i], item->data, item->size);
	for (int i = 0; i < BOOT_MAX_TEXTS; i++)
		if (info->texts[i])
			event->text[i] = take_text(reading, item, info->texts[i],
						   reading->text[i]);
}

static void give(struct reading *reading, const struct decoder_item *item, boot_take take,
		 void *data)
{
	char buffer[32];
	struct boot_event event = {
		.system = item->class ? item->class->system : "",
		.name = item->class ? item->class->raw_name : "lost",
		.time = item->time,
		.cpu = is_guest(item) ? item->stream->cpu : BOOT_CPU_NONE,
		.pid = item->pid,
		.comm = decoder_task_name(item, buffer, sizeof(buffer)),
		/* the window and the driver's streams are different buffers too */
		.origin = is_guest(item) ? g_str_hash(item->stream->name) * 31 +
					   item->stream->source + 1 : 0,
		/* TRACE_FLAG_HARDIRQ, TRACE_FLAG_SOFTIRQ */
		.flags = (item->flags & 0x18 ? BOOT_IN_IRQ : 0) |
			 (item->class && item->class->flags_offset >= 0 ? BOOT_HAS_CONTEXT : 0),
		/* the class table makes one of that system for what it does not know */
		.has_class = item->class && strcmp(item->class->system, "unknown"),
		.text = { "", "" },
		.get = get_field,
		.data = item,
	};

	if (item->kind == DECODER_LOST) {
		event.kind = BOOT_LOST;
		event.number[0] = item->lost;
	} else {
		fill_event(reading, item, &event);
	}
	take(&event, data);
}

/* The VM to look at. */
static const struct recording_vm *choose_vm(const struct recording *recording, const char *glob,
					    GPtrArray *warnings, GError **error)
{
	const struct recording_vm *chosen = NULL;
	guint fitting = 0;

	for (guint i = 0; i < recording->vms->len; i++) {
		const struct recording_vm *vm = g_ptr_array_index(recording->vms, i);

		if (vm->is_host || (glob && !g_pattern_match_simple(glob, vm->name)))
			continue;
		if (!fitting++)
			chosen = vm;
	}
	if (!chosen)
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no such VM in %s: %s",
			    recording->path, glob ? glob : "(any)");
	else if (fitting > 1)
		g_ptr_array_add(warnings, g_strdup_printf(
			"the recording holds %u VMs that fit; this is the report of the first, %s",
			fitting, chosen->name));
	return chosen;
}

/* All epochs there are, by the directories and the VM's events. */
static void collect_epochs(const struct recording_vm *vm, GArray *epochs, uint32_t *first_guest)
{
	struct recording_records it;
	struct vmm_event event;
	uint32_t last = 0;

	*first_guest = 0;
	recording_records_init(&it, vm->vmm_stream);
	while (recording_next_vmm_event(&it, &event))
		if (event.epoch > last && epochs->len < 65536) {
			last = event.epoch;
			g_array_append_val(epochs, last);
		}
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(vm->generations, i);
		bool is_known = false;

		for (guint j = 0; j < epochs->len && !is_known; j++)
			is_known = g_array_index(epochs, uint32_t, j) == generation->epoch;
		if (!is_known && epochs->len < 65536)
			g_array_append_val(epochs, generation->epoch);
		if (!*first_guest || generation->epoch < *first_guest)
			*first_guest = generation->epoch;
	}
}

/* What the last driver of the epoch said of its end. */
static void guest_end(const struct recording_generation *generation,
		      struct boot_source_info *info)
{
	char word[END_WORD_SIZE];

	if (generation->end.reason == VHT_END_NONE)
		return;
	g_free(info->end_reason);
	g_free(info->end_text);
	info->end_reason = g_strdup(end_reason_word(generation->end.reason, word));
	info->end_text = *generation->end.text ? g_strdup(generation->end.text) : NULL;
}

static void guest_facts(const struct recording_vm *vm, struct boot_source_info *info)
{
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(vm->generations, i);

		if (generation->epoch != info->epoch)
			continue;
		if (!info->kernel)
			info->kernel = recording_generation_env(generation, "kernel.release");
		if (!info->command_line)
			info->command_line = recording_generation_env(generation,
								      "kernel.cmdline");
		guest_end(generation, info);
	}
}

/*
 * Clocks that are the kernel's sched clock, which begins with 0: its zero on the
 * host's clock is as much before the event as the event's own time says.
 */
static bool is_sched_clock(const struct recording_vm *vm, const struct decoder_stream *stream)
{
	g_autofree char *key = g_strdup_printf("source.%s.clock", stream->name);

	/* a window's buffer has no driver to name its clock, and it is ftrace's default */
	if (stream->source == VHT_SOURCE_WINDOW)
		return true;
	for (guint i = 0; i < vm->generations->len; i++) {
		const struct recording_generation *generation =
			g_ptr_array_index(vm->generations, i);
		g_autofree char *clock = NULL;

		if (generation->epoch != stream->epoch ||
		    generation->generation != stream->generation)
			continue;
		clock = recording_generation_env(generation, key);
		return clock && (!strcmp(clock, "local") || !strcmp(clock, "global") ||
				 !strcmp(clock, "perf"));
	}
	return false;
}

static void look_at_clock(const struct recording_vm *vm, const struct decoder_item *item,
			  boot_take take, void *data)
{
	struct boot_event event = {
		.kind = BOOT_CLOCK_ZERO, .system = "", .name = "clock-zero",
		.time = item->time, .cpu = BOOT_CPU_NONE, .pid = -1,
		.number = { item->time - item->raw_time }, .text = { "", "" },
	};

	if (item->stream->has_host_time && item->raw_time <= item->time &&
	    is_sched_clock(vm, item->stream))
		take(&event, data);
}

/* The reset that begins the next epoch is the last that is seen of this one. */
static bool ends_epoch(const struct decoder_item *item, uint32_t epoch)
{
	return !is_guest(item) && item->kind == DECODER_EVENT &&
	       item->size >= sizeof(struct vht_vmm_event) && item_epoch(item) == epoch + 1 &&
	       get_u32(item->data + offsetof(struct vht_vmm_event, type)) == VHT_VMM_RESET;
}

static void read_all(struct reading *reading, const struct recording_vm *vm, boot_take take,
		     void *data)
{
	struct boot_source_info *info = reading->info;
	struct decoder_item item;
	bool has_looked = false;

	while (decoder_next(reading->decoder, &item)) {
		if (item.stream->vm != vm)
			continue;
		if (item_epoch(&item) != info->epoch && !ends_epoch(&item, info->epoch))
			continue;
		if (is_guest(&item) && item.kind == DECODER_EVENT && !has_looked) {
			has_looked = true;
			look_at_clock(vm, &item, take, data);
		}
		give(reading, &item, take, data);
	}
}

static bool choose(struct reading *reading, const struct recording *recording,
		   const struct boot_source_options *options, const struct recording_vm **out,
		   GError **error)
{
	struct boot_source_info *info = reading->info;
	const struct recording_vm *vm = choose_vm(recording, options->vm, info->warnings, error);
	uint32_t first_guest;
	bool is_there = false;

	if (!vm)
		return false;
	info->vm = g_strdup(vm->name);
	info->vmm = g_strdup(vm->vmm);
	info->uuid = *vm->uuid ? g_strdup(vm->uuid) : NULL;
	info->has_real = true;
	info->real_offset = recording->start_real_ns - recording->start_mono_ns;
	collect_epochs(vm, info->epochs, &first_guest);
	info->epoch = options->epoch ? options->epoch : first_guest ? first_guest : 1;
	for (guint i = 0; i < info->epochs->len; i++)
		is_there |= g_array_index(info->epochs, uint32_t, i) == info->epoch;
	if (!is_there) {
		g_set_error(error, HT_ERROR, HT_ERROR_NOT_FOUND, "no such epoch of %s in %s: %u",
			    vm->name, recording->path, info->epoch);
		return false;
	}
	if (info->epochs->len > 1 && !options->epoch)
		g_ptr_array_add(info->warnings, g_strdup_printf(
			"the recording holds %u epochs of %s; this is the report of epoch %u",
			info->epochs->len, vm->name, info->epoch));
	guest_facts(vm, info);
	*out = vm;
	return true;
}

static struct boot_source_info *run_recording(const char *path,
					      const struct boot_source_options *options,
					      boot_take take, void *data, GError **error)
{
	struct decoder_options decoder_options = { .naming = NAMING_FTRACE };
	struct recording *recording = recording_open(path, error);
	struct reading reading = { 0 };
	const struct recording_vm *vm;
	uint64_t bound_ns;

	if (!recording)
		return NULL;
	reading.info = boot_source_info_new("recording");
	if (!choose(&reading, recording, options, &vm, error)) {
		boot_source_info_free(reading.info);
		recording_free(recording);
		return NULL;
	}
	decoder_options.vm = vm->name;
	decoder_options.host = DECODER_HOST_NONE;
	reading.decoder = decoder_new(recording, &decoder_options);
	/* one VM is decoded */
	bound_ns = decoder_clock(reading.decoder, 0).steady_ns;
	if (bound_ns <= G_MAXINT64)
		reading.info->clock_error_ns = bound_ns;
	reading.classes = g_ptr_array_new_with_free_func(g_free);
	reading.symbols = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	for (guint i = 0; i < decoder_warnings(reading.decoder)->len; i++)
		g_ptr_array_add(reading.info->warnings, g_strdup(
			g_ptr_array_index(decoder_warnings(reading.decoder), i)));
	read_all(&reading, vm, take, data);
	decoder_free(reading.decoder);
	g_ptr_array_unref(reading.classes);
	g_hash_table_unref(reading.symbols);
	recording_free(recording);
	return reading.info;
}

struct boot_source_info *boot_source_run(const char *path,
					 const struct boot_source_options *options,
					 boot_take take, void *data, GError **error)
{
	g_autofree char *file = g_build_filename(path, "recording.ini", NULL);

	if (!g_file_test(file, G_FILE_TEST_EXISTS) && g_file_test(path, G_FILE_TEST_IS_DIR)) {
		struct boot_source_info *info;
		GError *ctf_error = NULL;

		info = boot_source_run_ctf(path, options, take, data, &ctf_error);
		if (info || !g_error_matches(ctf_error, HT_ERROR, HT_ERROR_FORMAT)) {
			if (!info)
				g_propagate_error(error, ctf_error);
			return info;
		}
		g_error_free(ctf_error);
	}
	return run_recording(path, options, take, data, error);
}
