// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of a CTF trace for the boot report; see source.h. babeltrace2's own
 * source reads it, its muxer merges, and a sink in this process takes the events.
 * What `hypertrace export` writes is understood in both namings, as is an LTTng
 * kernel trace of a guest.
 */
#include "source.h"

#include <babeltrace2/babeltrace.h>
#include <string.h>

#include "decode/names.h"
#include "error.h"
#include "virtio_hypertrace.h"
#include "wire/records.h"

#define TEXT_SIZE	512
#define NS		1000000000

/* A class of events: what it is, and which of its payload's members are wanted. */
struct ctf_class {
	enum boot_kind kind;
	char *system;
	char *name;
	uint32_t vmm_type;
	int64_t numbers[BOOT_MAX_NUMBERS];	/* index of the member, -1: none */
	int64_t texts[BOOT_MAX_TEXTS];
	int64_t addresses[BOOT_MAX_TEXTS];	/* for a text that is a symbol, and unknown */
	int64_t epoch, arg, port, size, value;	/* of an event of the VM */
};

struct reading {
	bt_message_iterator *iterator;
	struct boot_source_info *info;
	GHashTable *classes;	/* bt_event_class * -> struct ctf_class * */
	uint32_t wanted;	/* epoch; 0: the first with events of the guest */
	boot_take take;
	void *data;
	GArray *early;		/* struct early: events of the VM before the epoch is known */
	char text[BOOT_MAX_TEXTS][TEXT_SIZE];
	char comm[TEXT_SIZE];
};

/* The VM's event, kept until it is known which epoch is wanted. */
struct early {
	struct boot_event event;
	uint32_t epoch;
	char text[128];
};

static void class_free(void *data)
{
	struct ctf_class *class = data;

	g_free(class->system);
	g_free(class->name);
	g_free(class);
}

static int64_t member_index(const bt_field_class *payload, const char *name)
{
	uint64_t count;

	if (!payload || !name ||
	    bt_field_class_get_type(payload) != BT_FIELD_CLASS_TYPE_STRUCTURE)
		return -1;
	count = bt_field_class_structure_get_member_count(payload);
	for (uint64_t i = 0; i < count; i++) {
		const bt_field_class_structure_member *member =
			bt_field_class_structure_borrow_member_by_index_const(payload, i);

		if (!strcmp(bt_field_class_structure_member_get_name(member), name))
			return i;
	}
	return -1;
}

/* A member by the kernel's name or LTTng's; of an address, its symbol. */
static int64_t find_member(const bt_field_class *payload, const struct boot_kind_spec *spec,
			   const char *name, bool is_text)
{
	int64_t index = -1;

	if (!name)
		return -1;
	if (is_text) {
		g_autofree char *symbol = g_strdup_printf("%s_symbol", name);

		index = member_index(payload, symbol);
	}
	if (index < 0)
		index = member_index(payload, name);
	if (index < 0 && spec->system)
		index = member_index(payload, lttng_field_name(spec->system, name));
	return index;
}

/* "vmm_driver_up": the type of the VM's event, 0: none. */
static uint32_t vmm_type(const char *name)
{
	if (!g_str_has_prefix(name, "vmm_"))
		return 0;
	for (uint32_t type = 1; type <= VHT_VMM_MARKS_LOST; type++) {
		g_autofree char *word = g_strdelimit(g_strdup(vmm_event_word(type)), "-", '_');

		if (!strcmp(word, name + 4))
			return type;
	}
	return 0;
}

static struct ctf_class *get_class(struct reading *reading, const bt_event_class *event_class)
{
	struct ctf_class *class = g_hash_table_lookup(reading->classes, event_class);
	const bt_field_class *payload;
	const struct boot_kind_spec *spec;
	const char *name, *colon;

	if (class)
		return class;
	class = g_new0(struct ctf_class, 1);
	name = bt_event_class_get_name(event_class);
	name = name ? name : "";
	colon = strchr(name, ':');
	class->system = colon ? g_strndup(name, colon - name) : g_strdup("");
	class->name = g_strdup(colon ? colon + 1 : name);
	class->vmm_type = vmm_type(class->name);
	class->kind = class->vmm_type ? BOOT_VMM : boot_kind_find(class->system, class->name);
	spec = boot_kind_spec(class->kind);
	if (spec->name) {
		/* LTTng's names do not say which system an event is of */
		g_free(class->system);
		g_free(class->name);
		class->system = g_strdup(spec->system);
		class->name = g_strdup(spec->name);
	}
	payload = bt_event_class_borrow_payload_field_class_const(event_class);
	for (int i = 0; i < BOOT_MAX_NUMBERS; i++)
		class->numbers[i] = find_member(payload, spec, spec->numbers[i], false);
	for (int i = 0; i < BOOT_MAX_TEXTS; i++) {
		const char *text = class->kind == BOOT_VMM && !i ? "text" : spec->texts[i];

		class->texts[i] = find_member(payload, spec, text, true);
		class->addresses[i] = find_member(payload, spec, text, false);
	}
	class->epoch = member_index(payload, "epoch");
	class->port = member_index(payload, "port");
	class->size = member_index(payload, "size");
	class->value = member_index(payload, "value");
	g_hash_table_insert(reading->classes, (gpointer)event_class, class);
	return class;
}

static int64_t field_number(const bt_field *field)
{
	bt_field_class_type type = field ? bt_field_get_class_type(field) :
					   BT_FIELD_CLASS_TYPE_STRUCTURE;

	if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER))
		return bt_field_integer_unsigned_get_value(field);
	if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER))
		return bt_field_integer_signed_get_value(field);
	return 0;
}

static void field_text(const bt_field *field, char *out)
{
	if (field && bt_field_get_class_type(field) == BT_FIELD_CLASS_TYPE_STRING) {
		g_strlcpy(out, bt_field_string_get_value(field), TEXT_SIZE);
		return;
	}
	/* an address without a symbol */
	if (field && bt_field_class_type_is(bt_field_get_class_type(field),
					    BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER)) {
		g_snprintf(out, TEXT_SIZE, "0x%" G_GINT64_MODIFIER "x",
			   bt_field_integer_unsigned_get_value(field));
		return;
	}
	out[0] = '\0';
}

static const bt_field *member(const bt_field *structure, int64_t index)
{
	if (!structure || index < 0)
		return NULL;
	return bt_field_structure_borrow_member_field_by_index_const(structure, index);
}

static const bt_field *named(const bt_field *structure, const char *name)
{
	if (!structure || bt_field_get_class_type(structure) != BT_FIELD_CLASS_TYPE_STRUCTURE)
		return NULL;
	return bt_field_structure_borrow_member_field_by_name_const(structure, name);
}

/* "con_init+0x0" is the function itself. */
static void trim_symbol(char *text)
{
	if (g_str_has_suffix(text, "+0x0"))
		text[strlen(text) - 4] = '\0';
}

/* The epoch that a stream's name has: "ftrace-1.1-hypertrace-cpu0"; 0: none. */
static uint32_t stream_epoch(const bt_stream *stream)
{
	const char *path = bt_stream_get_name(stream);
	const char *base = path ? strrchr(path, '/') : NULL;
	const char *dash;
	char *end;
	guint64 epoch;

	base = base ? base + 1 : path;
	dash = base ? strchr(base, '-') : NULL;
	if (!dash)
		return 0;
	epoch = g_ascii_strtoull(dash + 1, &end, 10);
	return *end == '.' && epoch <= G_MAXUINT32 ? epoch : 0;
}

static void note_epoch(struct reading *reading, uint32_t epoch)
{
	GArray *epochs = reading->info->epochs;

	for (guint i = 0; i < epochs->len; i++)
		if (g_array_index(epochs, uint32_t, i) == epoch)
			return;
	if (epochs->len < 65536)
		g_array_append_val(epochs, epoch);
}

/* The epoch is known: what came before it was is given now. */
static void choose_epoch(struct reading *reading, uint32_t epoch)
{
	GArray *early = reading->early;

	reading->info->epoch = epoch;
	for (guint i = 0; i < early->len; i++) {
		struct early *entry = &g_array_index(early, struct early, i);

		if (entry->epoch != epoch)
			continue;
		entry->event.text[0] = entry->text;
		reading->take(&entry->event, reading->data);
	}
	g_array_set_size(early, 0);
}

static void give(struct reading *reading, struct boot_event *event, uint32_t epoch)
{
	note_epoch(reading, epoch);
	if (!reading->info->epoch) {
		if (event->kind == BOOT_VMM && !reading->wanted && reading->early->len < 65536) {
			struct early early = { .event = *event, .epoch = epoch };

			g_strlcpy(early.text, event->text[0], sizeof(early.text));
			g_array_append_val(reading->early, early);
			return;
		}
		choose_epoch(reading, reading->wanted ? reading->wanted : epoch);
	}
	if (event->kind == BOOT_VMM && event->number[0] == VHT_VMM_RESET &&
	    epoch == reading->info->epoch + 1)
		event->number[2] = 1;
	else if (epoch != reading->info->epoch)
		return;
	reading->take(event, reading->data);
}

static void fill_vmm(const struct ctf_class *class, const bt_field *payload,
		     struct boot_event *event)
{
	event->number[0] = class->vmm_type;
	if (class->vmm_type == VHT_VMM_MARK)
		event->number[1] = VHT_MARK(field_number(member(payload, class->port)),
					    field_number(member(payload, class->size)),
					    field_number(member(payload, class->value)));
}

static void on_event(struct reading *reading, const bt_message *message)
{
	const bt_event *bt = bt_message_event_borrow_event_const(message);
	const bt_clock_snapshot *clock =
		bt_message_event_borrow_default_clock_snapshot_const(message);
	const struct ctf_class *class = get_class(reading, bt_event_borrow_class_const(bt));
	const bt_stream *stream = bt_event_borrow_stream_const(bt);
	const bt_packet *packet = bt_stream_class_supports_packets(
		bt_stream_borrow_class_const(stream)) ? bt_event_borrow_packet_const(bt) : NULL;
	const bt_field *payload = bt_event_borrow_payload_field_const(bt);
	const bt_field *context = bt_event_borrow_common_context_field_const(bt);
	const bt_field *cpu = packet ? named(bt_packet_borrow_context_field_const(packet),
					     "cpu_id") : NULL;
	const bt_field *pid = named(context, "tid"), *comm = named(context, "procname");
	struct boot_event event = {
		.kind = class->kind, .system = class->system, .name = class->name,
		.time = bt_clock_snapshot_get_value(clock),
		.cpu = cpu ? field_number(cpu) : BOOT_CPU_NONE,
		.pid = pid ? field_number(pid) : -1,
		.origin = 1, .has_class = true, .text = { "", "" },
	};

	if (comm) {
		field_text(comm, reading->comm);
		event.comm = reading->comm;
	}
	for (int i = 0; i < BOOT_MAX_NUMBERS; i++)
		event.number[i] = field_number(member(payload, class->numbers[i]));
	for (int i = 0; i < BOOT_MAX_TEXTS; i++) {
		if (class->texts[i] < 0)
			continue;
		field_text(member(payload, class->texts[i]), reading->text[i]);
		/* an export has a space for an empty text */
		if (!reading->text[i][0] || !strcmp(reading->text[i], " "))
			field_text(member(payload, class->addresses[i]), reading->text[i]);
		trim_symbol(reading->text[i]);
		event.text[i] = reading->text[i];
	}
	if (class->kind == BOOT_VMM) {
		fill_vmm(class, payload, &event);
		give(reading, &event, field_number(member(payload, class->epoch)));
	} else {
		uint32_t epoch = stream_epoch(stream);

		give(reading, &event, epoch ? epoch : 1);
	}
}

static void on_lost(struct reading *reading, const bt_message *message)
{
	const bt_stream *stream = bt_message_discarded_events_borrow_stream_const(message);
	uint64_t count = 0;
	struct boot_event event = {
		.kind = BOOT_LOST, .system = "", .name = "lost", .cpu = BOOT_CPU_NONE, .pid = -1,
		.text = { "", "" },
	};

	if (bt_message_discarded_events_get_count(message, &count) !=
	    BT_PROPERTY_AVAILABILITY_AVAILABLE)
		count = 0;
	event.number[0] = count;
	if (bt_stream_class_discarded_events_have_default_clock_snapshots(
		    bt_stream_borrow_class_const(stream)))
		event.time = bt_clock_snapshot_get_value(
			bt_message_discarded_events_borrow_beginning_default_clock_snapshot_const(
				message));
	/* The message does not say which CPU; its stream's name does, in our traces. */
	if (bt_stream_get_name(stream)) {
		const char *word = g_strrstr(bt_stream_get_name(stream), "cpu");

		if (word && g_ascii_isdigit(word[3]))
			event.cpu = g_ascii_strtoull(word + 3, NULL, 10);
	}
	give(reading, &event, stream_epoch(stream) ? stream_epoch(stream) : 1);
}

/* What the trace says of the VM. */
static void on_stream(struct reading *reading, const bt_message *message)
{
	const bt_stream *stream = bt_message_stream_beginning_borrow_stream_const(message);
	const bt_trace *trace = bt_stream_borrow_trace_const(stream);
	const struct { const char *key; char **to; } keys[] = {
		{ "trace_name", &reading->info->vm }, { "hostname", &reading->info->vm },
		{ "vmm", &reading->info->vmm }, { "vm_uuid", &reading->info->uuid },
		{ "kernel_release", &reading->info->kernel },
		{ "kernel_cmdline", &reading->info->command_line },
	};
	const bt_clock_class *clock = bt_stream_class_borrow_default_clock_class_const(
		bt_stream_borrow_class_const(stream));

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		const bt_value *value =
			bt_trace_borrow_environment_entry_value_by_name_const(trace, keys[i].key);

		if (value && bt_value_is_string(value) && !*keys[i].to &&
		    *bt_value_string_get(value))
			*keys[i].to = g_strdup(bt_value_string_get(value));
	}
	if (clock && !reading->info->has_real) {
		int64_t seconds;
		uint64_t cycles;

		bt_clock_class_get_offset(clock, &seconds, &cycles);
		reading->info->has_real = bt_clock_class_get_frequency(clock) == NS;
		reading->info->real_offset = seconds * NS + cycles;
	}
}

static bool has_clock(const bt_message *message)
{
	const bt_event *event = bt_message_event_borrow_event_const(message);

	return bt_stream_class_borrow_default_clock_class_const(
		bt_stream_borrow_class_const(bt_event_borrow_stream_const(event)));
}

static bt_graph_simple_sink_component_initialize_func_status sink_init(
	bt_message_iterator *iterator, void *data)
{
	struct reading *reading = data;

	reading->iterator = iterator;
	return BT_GRAPH_SIMPLE_SINK_COMPONENT_INITIALIZE_FUNC_STATUS_OK;
}

static bt_graph_simple_sink_component_consume_func_status sink_consume(
	bt_message_iterator *iterator, void *data)
{
	struct reading *reading = data;
	bt_message_array_const messages;
	uint64_t count;
	int status = bt_message_iterator_next(iterator, &messages, &count);

	if (status != BT_MESSAGE_ITERATOR_NEXT_STATUS_OK)
		return status;
	for (uint64_t i = 0; i < count; i++) {
		switch (bt_message_get_type(messages[i])) {
		case BT_MESSAGE_TYPE_STREAM_BEGINNING:
			on_stream(reading, messages[i]);
			break;
		case BT_MESSAGE_TYPE_EVENT:
			if (has_clock(messages[i]))
				on_event(reading, messages[i]);
			break;
		case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
			on_lost(reading, messages[i]);
			break;
		default:
			break;
		}
		bt_message_put_ref(messages[i]);
	}
	return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK;
}

/* The graph: source.ctf.fs, all of its ports into filter.utils.muxer, and the sink. */

static const bt_component_source *add_source(bt_graph *graph, const char *path)
{
	const bt_component_class_source *class;
	const bt_component_source *source = NULL;
	const bt_plugin *plugin = NULL;
	bt_value *params, *inputs;

	if (bt_plugin_find("ctf", BT_TRUE, BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, &plugin))
		return NULL;
	class = bt_plugin_borrow_source_component_class_by_name_const(plugin, "fs");
	params = bt_value_map_create();
	if (class && !bt_value_map_insert_empty_array_entry(params, "inputs", &inputs) &&
	    !bt_value_array_append_string_element(inputs, path))
		bt_graph_add_source_component(graph, class, "trace", params,
					      BT_LOGGING_LEVEL_NONE, &source);
	bt_value_put_ref(params);
	bt_plugin_put_ref(plugin);
	return source;
}

static const bt_component_filter *add_muxer(bt_graph *graph)
{
	const bt_component_class_filter *class;
	const bt_component_filter *muxer = NULL;
	const bt_plugin *plugin = NULL;

	if (bt_plugin_find("utils", BT_TRUE, BT_TRUE, BT_TRUE, BT_TRUE, BT_FALSE, &plugin))
		return NULL;
	class = bt_plugin_borrow_filter_component_class_by_name_const(plugin, "muxer");
	if (class)
		bt_graph_add_filter_component(graph, class, "muxer", NULL, BT_LOGGING_LEVEL_NONE,
					      &muxer);
	bt_plugin_put_ref(plugin);
	return muxer;
}

static bool connect(bt_graph *graph, const bt_component_source *source,
		    const bt_component_filter *muxer, const bt_component_sink *sink)
{
	for (uint64_t i = 0; i < bt_component_source_get_output_port_count(source); i++)
		/* the muxer makes a new port for each that is connected */
		if (bt_graph_connect_ports(
			    graph,
			    bt_component_source_borrow_output_port_by_index_const(source, i),
			    bt_component_filter_borrow_input_port_by_index_const(muxer, i), NULL))
			return false;
	return !bt_graph_connect_ports(
		graph, bt_component_filter_borrow_output_port_by_index_const(muxer, 0),
		bt_component_sink_borrow_input_port_by_index_const(sink, 0), NULL);
}

static bool run_graph(struct reading *reading, const char *path, GError **error)
{
	bt_graph *graph = bt_graph_create(0);
	const bt_component_source *source = graph ? add_source(graph, path) : NULL;
	const bt_component_filter *muxer = source ? add_muxer(graph) : NULL;
	const bt_component_sink *sink = NULL;
	bool done = false;

	if (!source)
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "no CTF trace: %s", path);
	else if (!muxer ||
		 bt_graph_add_simple_sink_component(graph, "report", sink_init, sink_consume,
						    NULL, reading, &sink) ||
		 !connect(graph, source, muxer, sink))
		g_set_error(error, HT_ERROR, HT_ERROR_FAILED, "cannot make a graph: %s", path);
	else if (bt_graph_run(graph))
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "cannot read to its end: %s", path);
	else
		done = true;
	bt_current_thread_clear_error();
	bt_graph_put_ref(graph);
	return done;
}

/* The trace itself, or of one trace a VM that which fits. Return: NULL if there is none. */
static char *find_trace(const char *path, const char *glob, GPtrArray *warnings)
{
	g_autofree char *metadata = g_build_filename(path, "metadata", NULL);
	g_autoptr(GDir) dir = NULL;
	char *found = NULL;
	const char *name;
	guint count = 0;

	if (g_file_test(metadata, G_FILE_TEST_EXISTS))
		return g_strdup(path);
	dir = g_dir_open(path, 0, NULL);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *inner = g_build_filename(path, name, "metadata", NULL);

		if (!g_file_test(inner, G_FILE_TEST_EXISTS) ||
		    (glob && !g_pattern_match_simple(glob, name)))
			continue;
		count++;
		if (!found || strcmp(name, strrchr(found, '/') + 1) < 0) {
			g_free(found);
			found = g_build_filename(path, name, NULL);
		}
	}
	if (count > 1)
		g_ptr_array_add(warnings, g_strdup_printf(
			"there are %u traces that fit; this is the report of the first, %s", count,
			found));
	return found;
}

struct boot_source_info *boot_source_run_ctf(const char *path,
					     const struct boot_source_options *options,
					     boot_take take, void *data, GError **error)
{
	struct reading reading = { .wanted = options->epoch, .take = take, .data = data };
	g_autofree char *trace = NULL;
	bool done;

	reading.info = boot_source_info_new("ctf");
	trace = find_trace(path, options->vm, reading.info->warnings);
	if (!trace) {
		g_set_error(error, HT_ERROR, HT_ERROR_FORMAT, "neither a recording nor a CTF trace: %s",
			    path);
		boot_source_info_free(reading.info);
		return NULL;
	}
	reading.classes = g_hash_table_new_full(NULL, NULL, NULL, class_free);
	reading.early = g_array_new(FALSE, TRUE, sizeof(struct early));
	done = run_graph(&reading, trace, error);
	if (done && !reading.info->epoch)
		choose_epoch(&reading, reading.wanted ? reading.wanted : 1);
	g_ptr_array_add(reading.info->warnings, g_strdup(
		"a CTF trace has no clock of the guest: the kernel's begin is taken from the first event"));
	g_array_unref(reading.early);
	g_hash_table_unref(reading.classes);
	if (!done)
		g_clear_pointer(&reading.info, boot_source_info_free);
	return reading.info;
}
