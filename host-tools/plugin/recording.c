// SPDX-License-Identifier: GPL-2.0-only
/*
 * source.hypertrace.recording: one port, one iterator that gives all streams of
 * all VMs and the host already merged. A trace a VM, one the host, a stream a
 * stream file.
 *
 * The messages are such that sink.ctf.fs of babeltrace2 2.0 takes them as they
 * are. For it, discarded events lie between two packets: their range begins
 * where the packet before ended (at the first packet: where that begins) and
 * ends where the packet behind ends. So a loss closes the open packet at its
 * last event, and the first event behind it gets a packet of its own, which
 * ends at that event's time. And the message of the loss comes when the loss
 * begins, not when it is over: what else muxes messages goes by its begin.
 */
#include "recording.h"

#include <string.h>

#include "classes.h"
#include "decode/decoder.h"
#include "decode/vcpus.h"
#include "recording/machine.h"

/* Events in a packet: about 1 MiB of CTF, a step that a viewer seeks by. */
#define PACKET_EVENTS	16384
/* Messages that one item leads to: stream, packet end, empty packet, loss, empty packet: 7. */
#define MAX_PENDING	8

/* vCPUs and CPUs that the environment tells of. */
#define MAX_ENV_CPUS	256

/* The version of lttng-modules whose names NAMING_LTTNG follows. */
#define LTTNG_MAJOR	2
#define LTTNG_MINOR	13

struct component {
	char *path;
	char *vm;
	struct decoder_options options;
	const char *empty;	/* what an empty text is given as */
	bool has_sync;		/* events are made that name VMs, see put_sync() */
};

/* What was said of a VM by made events. */
struct vm_sync {
	bool is_named;		/* in its own trace */
	GHashTable *vcpus;	/* indexes of those named in the host's trace */
};

/* One stream of the decoder. */
struct output_stream {
	struct stream_classes *classes;
	bt_stream *stream;
	bt_packet *packet;	/* the open one, or NULL */
	uint32_t events;	/* in the open packet */
	bool has_ended;		/* a packet ended, at @end */
	uint64_t end;
	bool is_short;		/* the open, or next, packet holds but one event: of a loss's end */
};

struct iterator {
	bt_self_message_iterator *self;
	const struct component *component;
	struct decoder *decoder;
	GPtrArray *vms;			/* const struct recording_vm *, without the host */
	struct vm_sync *syncs;		/* by index in @vms */
	GPtrArray *clock_classes;	/* bt_clock_class *, by VM */
	GPtrArray *trace_classes;	/* bt_trace_class *, by VM */
	GPtrArray *traces;		/* bt_trace *, by VM */
	GPtrArray *classes;		/* struct stream_classes * */
	struct output_stream *streams;	/* by index of the decoder's streams */
	uint32_t stream_count;
	uint64_t time;			/* of the last item */
	const bt_message *pending[MAX_PENDING];
	unsigned int first, count;	/* of @pending */
	bool is_ending;			/* there are no items any more */
	uint32_t ending;		/* next stream to end */
};

static const bt_value *string_entry(const bt_value *params, const char *name)
{
	const bt_value *value = bt_value_map_borrow_entry_value_const(params, name);

	return value && bt_value_is_string(value) ? value : NULL;
}

/* The one path in "inputs". */
static const char *input_path(const bt_value *params)
{
	const bt_value *inputs = bt_value_map_borrow_entry_value_const(params, "inputs");
	const bt_value *path;

	if (!inputs || !bt_value_is_array(inputs) || bt_value_array_get_length(inputs) != 1)
		return NULL;
	path = bt_value_array_borrow_element_by_index_const(inputs, 0);
	return bt_value_is_string(path) ? bt_value_string_get(path) : NULL;
}

static void component_free(struct component *component)
{
	if (!component)
		return;
	g_free(component->path);
	g_free(component->vm);
	g_free(component);
}

/* Tell babeltrace2 why; it shows it to the user. */
#define component_error(self, ...)						\
	BT_CURRENT_THREAD_ERROR_APPEND_CAUSE_FROM_COMPONENT(			\
		bt_self_component_source_as_self_component(self), __VA_ARGS__)

bt_component_class_initialize_method_status recording_source_init(
	bt_self_component_source *self, bt_self_component_source_configuration *config,
	const bt_value *params, void *data)
{
	struct component *component = g_new0(struct component, 1);
	const bt_value *names = string_entry(params, "names");
	const bt_value *vm = string_entry(params, "vm");
	const bt_value *raw = bt_value_map_borrow_entry_value_const(params, "raw");
	const bt_value *pad = bt_value_map_borrow_entry_value_const(params, "pad-empty");
	const bt_value *sync = bt_value_map_borrow_entry_value_const(params, "vmsync");
	const char *path = input_path(params);
	struct recording *recording;
	GError *error = NULL;

	(void)config;
	(void)data;
	if (!path) {
		component_error(self, "parameter inputs: expected an array of one path");
		goto failed;
	}
	component->path = g_strdup(path);
	if (names && !strcmp(bt_value_string_get(names), "ftrace")) {
		component->options.naming = NAMING_FTRACE;
	} else if (names && strcmp(bt_value_string_get(names), "lttng")) {
		component_error(self, "parameter names: expected lttng or ftrace, got %s",
				bt_value_string_get(names));
		goto failed;
	}
	component->options.is_raw = raw && bt_value_is_bool(raw) && bt_value_bool_get(raw);
	/* For a reader that shows the text before in place of an empty one. */
	component->empty = pad && bt_value_is_bool(pad) && bt_value_bool_get(pad) ? " " : "";
	component->has_sync = sync && bt_value_is_bool(sync) && bt_value_bool_get(sync);
	component->vm = vm ? g_strdup(bt_value_string_get(vm)) : NULL;
	component->options.vm = component->vm;
	/* Where VMs ran is said of them also without the host's own trace. */
	if (vm && !g_pattern_match_simple(component->vm, DECODER_HOST_NAME))
		component->options.host = DECODER_HOST_SILENT;
	/* Say now what is wrong with the path, not when the graph runs. */
	recording = recording_open(path, &error);
	if (!recording) {
		component_error(self, "%s", error->message);
		g_error_free(error);
		goto failed;
	}
	recording_free(recording);
	if (bt_self_component_source_add_output_port(self, "out", NULL, NULL))
		goto failed;
	bt_self_component_set_data(bt_self_component_source_as_self_component(self), component);
	return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_OK;
failed:
	component_free(component);
	return BT_COMPONENT_CLASS_INITIALIZE_METHOD_STATUS_ERROR;
}

void recording_source_fini(bt_self_component_source *self)
{
	component_free(bt_self_component_get_data(
		bt_self_component_source_as_self_component(self)));
}

/* A directory with a recording.ini in it is ours. */
static bool is_recording(const bt_value *params)
{
	const bt_value *type = string_entry(params, "type");
	const bt_value *input = string_entry(params, "input");
	char *ini;
	bool is;

	if (!type || !input || strcmp(bt_value_string_get(type), "directory"))
		return false;
	ini = g_build_filename(bt_value_string_get(input), "recording.ini", NULL);
	is = g_file_test(ini, G_FILE_TEST_IS_REGULAR);
	g_free(ini);
	return is;
}

bt_component_class_query_method_status recording_source_query(
	bt_self_component_class_source *self, bt_private_query_executor *executor,
	const char *object, const bt_value *params, void *data, const bt_value **result)
{
	(void)self;
	(void)executor;
	(void)data;
	if (strcmp(object, "babeltrace.support-info"))
		return BT_COMPONENT_CLASS_QUERY_METHOD_STATUS_UNKNOWN_OBJECT;
	*result = bt_value_real_create_init(is_recording(params) ? 0.9 : 0);
	return *result ? BT_COMPONENT_CLASS_QUERY_METHOD_STATUS_OK :
			 BT_COMPONENT_CLASS_QUERY_METHOD_STATUS_MEMORY_ERROR;
}

/*
 * The host's CLOCK_MONOTONIC, as LTTng describes it. All machines' clocks count
 * from the same moment, which is one of real time: so traces merge whatever
 * their clocks' ids are.
 */
static bt_clock_class *make_clock_class(bt_self_component *self,
					const struct decoder_options *options,
					const struct recording *recording,
					const struct recording_vm *vm)
{
	bt_clock_class *clock = bt_clock_class_create(self);
	int64_t offset = recording->start_real_ns - recording->start_mono_ns;
	int64_t seconds = offset / 1000000000, rest = offset % 1000000000;
	uint8_t uuid[16];

	if (!clock)
		return NULL;
	bt_clock_class_set_frequency(clock, 1000000000);
	if (options->is_raw) {
		bt_clock_class_set_origin_is_unix_epoch(clock, BT_FALSE);
		if (!bt_clock_class_set_name(clock, "source") &&
		    !bt_clock_class_set_description(clock, "The clock of the guest's own trace"))
			return clock;
		goto failed;
	}
	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	bt_clock_class_set_offset(clock, seconds, rest);
	bt_clock_class_set_origin_is_unix_epoch(clock, BT_TRUE);
	if (machine_uuid(recording, vm, uuid))
		bt_clock_class_set_uuid(clock, uuid);
	if (!bt_clock_class_set_name(clock, "monotonic") &&
	    !bt_clock_class_set_description(clock, "CLOCK_MONOTONIC of the host"))
		return clock;
failed:
	bt_clock_class_put_ref(clock);
	return NULL;
}

/* Text for the environment: printable ASCII without quotes. */
static bool set_env(bt_trace *trace, const char *name, const char *value)
{
	char *clean = g_strdup(value ? value : "");
	bool done;

	for (char *p = clean; *p; p++)
		if (!g_ascii_isprint(*p) || *p == '"' || *p == '\\')
			*p = '?';
	done = !bt_trace_set_environment_entry_string(trace, name, clean);
	g_free(clean);
	return done;
}

static bool set_env_number(bt_trace *trace, const char *name, int64_t value)
{
	return !bt_trace_set_environment_entry_integer(trace, name, value);
}

static bool G_GNUC_PRINTF(3, 4) set_env_made(bt_trace *trace, uint64_t value, const char *format,
					     ...)
{
	g_autofree char *name = NULL;
	va_list args;

	va_start(args, format);
	name = g_strdup_vprintf(format, args);
	va_end(args);
	return set_env_number(trace, name, value > INT64_MAX ? -1 : (int64_t)value);
}

/* What the last driver, or recorder, said of the kernel. */
static bool set_kernel_env(bt_trace *trace, const struct recording_vm *vm)
{
	static const char *const keys[][2] = {
		{ "kernel.release", "kernel_release" },
		{ "kernel.version", "kernel_version" },
		{ "kernel.machine", "architecture" },
		{ "kernel.build_id", "kernel_build_id" },
		{ "source.hypertrace.clock", "clock_source" },
	};
	const struct recording_generation *generation;
	bool done = true;

	if (!vm->generations->len)
		return true;
	generation = g_ptr_array_index(vm->generations, vm->generations->len - 1);
	for (size_t i = 0; done && i < G_N_ELEMENTS(keys); i++) {
		char *value = recording_generation_env(generation, keys[i][0]);

		if (value)
			done = set_env(trace, keys[i][1], value);
		g_free(value);
	}
	return done;
}

/* Each vCPU as it was last. */
static bool set_vcpu_env(bt_trace *trace, const struct vcpu_map *map)
{
	bool done = true;

	for (uint32_t i = 0; done && i < vcpu_map_count(map); i++) {
		const struct vcpu *vcpu = vcpu_map_at(map, i);

		if (vcpu->index >= MAX_ENV_CPUS)
			continue;
		done = set_env_made(trace, vcpu->thread_id, "vcpu_%u_thread_id", vcpu->index) &&
		       set_env_made(trace, vcpu->arch_id, "vcpu_%u_arch_id", vcpu->index) &&
		       (vcpu->kvm_id == VHT_CPU_NONE ||
			set_env_made(trace, vcpu->kvm_id, "vcpu_%u_kvm_id", vcpu->index));
	}
	return done;
}

/* Which vCPU a guest's CPU is, where both sides told. */
static bool set_cpu_env(const struct iterator *it, bt_trace *trace, const struct recording_vm *vm,
			const struct vcpu_map *map)
{
	bool done = true;

	for (uint32_t i = 0; done && i < it->stream_count; i++) {
		const struct decoder_stream *stream = decoder_stream_at(it->decoder, i);
		uint32_t index;

		if (stream->vm != vm || stream->cpu >= MAX_ENV_CPUS ||
		    vcpu_map_of_cpu(map, stream->epoch, stream->generation, stream->cpu,
				    &index) != VCPU_KNOWN)
			continue;
		done = set_env_made(trace, index, "cpu_%u_vcpu_id", stream->cpu);
	}
	return done;
}

static bool set_guest_env(const struct iterator *it, bt_trace *trace,
			  const struct recording_vm *vm)
{
	struct vcpu_map *map;
	guint id = 0;
	bool done;

	if (!g_ptr_array_find(it->vms, vm, &id))
		return false;
	done = set_env(trace, "vm_uuid", vm->uuid) && set_env(trace, "vmm", vm->vmm) &&
	       set_env_number(trace, "vm_id", id) && set_env_number(trace, "vmm_pid", vm->pid);
	/* Where LTTng has the machine's own, which for QEMU's is that of the VM. */
	if (done && *vm->uuid)
		done = set_env(trace, "product_uuid", vm->uuid);
	map = vcpu_map_new(vm);
	done = done && set_vcpu_env(trace, map) && set_cpu_env(it, trace, vm, map);
	vcpu_map_free(map);
	return done;
}

/* What the vm_id of the host's events stands for. */
static bool set_host_env(const struct iterator *it, bt_trace *trace)
{
	bool done = true;

	for (guint i = 0; done && i < MIN(it->vms->len, MAX_ENV_CPUS); i++) {
		const struct recording_vm *vm = it->vms->pdata[i];
		g_autofree char *name = g_strdup_printf("vm_%u_name", i);
		g_autofree char *uuid = g_strdup_printf("vm_%u_uuid", i);

		done = set_env(trace, name, vm->name) && set_env(trace, uuid, vm->uuid) &&
		       set_env_made(trace, vm->pid, "vm_%u_vmm_pid", i);
	}
	return done;
}

/* How well the times are known; -1 for a bound that there is not. */
static bool set_clock_env(const struct iterator *it, bt_trace *trace, uint32_t vm_index)
{
	struct timebase_quality quality;

	if (it->component->options.is_raw)
		return true;
	quality = decoder_clock(it->decoder, vm_index);
	return set_env(trace, "clock_method", quality.method) &&
	       set_env_made(trace, quality.bound_ns, "clock_bound_ns") &&
	       set_env_made(trace, quality.steady_ns, "clock_steady_bound_ns");
}

/*
 * Readers of LTTng's kernel traces, Trace Compass among them, tell by domain and
 * tracer which names to expect: with LTTng's names we are one of its kind.
 */
static bt_trace *make_trace(const struct iterator *it, bt_trace_class *trace_class,
			    const struct recording_vm *vm, uint32_t vm_index)
{
	const struct recording *recording = decoder_recording(it->decoder);
	bool is_lttng = it->component->options.naming == NAMING_LTTNG;
	bt_trace *trace = bt_trace_create(trace_class);

	if (!trace)
		return NULL;
	if (!bt_trace_set_name(trace, vm->dir_name) && set_env(trace, "hostname", vm->name) &&
	    set_env(trace, "domain", "kernel") && set_env(trace, "sysname", "Linux") &&
	    set_env(trace, "tracer_name", is_lttng ? "lttng-modules" : "hypertrace") &&
	    set_env_number(trace, "tracer_major", is_lttng ? LTTNG_MAJOR : 0) &&
	    set_env_number(trace, "tracer_minor", is_lttng ? LTTNG_MINOR : 1) &&
	    set_env_number(trace, "tracer_patchlevel", 0) &&
	    set_env(trace, "trace_name", vm->name) &&
	    set_env(trace, "recorder", recording->tool) &&
	    set_env(trace, "host_hostname", recording->hostname) &&
	    set_env(trace, "host_release", recording->release) &&
	    set_env(trace, "host_boot_id", recording->boot_id) && set_kernel_env(trace, vm) &&
	    (vm->is_host ? set_host_env(it, trace) : set_guest_env(it, trace, vm)) &&
	    set_clock_env(it, trace, vm_index))
		return trace;
	bt_trace_put_ref(trace);
	return NULL;
}

/* A stream class serves all streams of one kind of one driver's life. */
static struct stream_classes *find_classes(const struct iterator *it,
					   const struct decoder_stream *stream)
{
	for (uint32_t i = 0; i < stream->index; i++) {
		const struct decoder_stream *other = decoder_stream_at(it->decoder, i);

		if (other->vm_index == stream->vm_index && other->epoch == stream->epoch &&
		    other->generation == stream->generation && other->source == stream->source &&
		    (other->cpu == VHT_CPU_NONE) == (stream->cpu == VHT_CPU_NONE) &&
		    it->streams[i].classes)
			return it->streams[i].classes;
	}
	return NULL;
}

static struct stream_kind kind_of(const struct iterator *it, const struct decoder_stream *stream)
{
	struct stream_kind kind = {
		.has_cpu = stream->cpu != VHT_CPU_NONE,
		.has_task = stream->source == VHT_SOURCE_FTRACE,
		.vms = it->vms,
	};

	if (stream->vm->is_host)
		kind.place = PLACE_CONTEXT_HOST;
	else if (kind.has_cpu && decoder_has_host(it->decoder))
		kind.place = PLACE_CONTEXT_GUEST;
	return kind;
}

static bool make_stream(struct iterator *it, const struct decoder_stream *stream)
{
	struct output_stream *output = &it->streams[stream->index];
	bt_trace_class *trace_class = g_ptr_array_index(it->trace_classes, stream->vm_index);
	bt_trace *trace = g_ptr_array_index(it->traces, stream->vm_index);
	const char *word = source_word(stream->source);
	char *name;
	bool done;

	output->classes = find_classes(it, stream);
	if (!output->classes) {
		struct stream_kind kind = kind_of(it, stream);

		name = g_strdup_printf("%s-%u.%u", word ? word : "source", stream->epoch,
				       stream->generation);
		output->classes = stream_classes_new(
			trace_class, g_ptr_array_index(it->clock_classes, stream->vm_index), name,
			&kind);
		g_free(name);
		if (!output->classes)
			return false;
		output->classes->empty = it->component->empty;
		g_ptr_array_add(it->classes, output->classes);
	}
	output->stream = bt_stream_create(output->classes->stream_class, trace);
	if (!output->stream)
		return false;
	if (stream->cpu == VHT_CPU_NONE)
		name = g_strdup(word ? word : "source");
	else
		name = g_strdup_printf("%s-%u.%u-%s-cpu%u", word ? word : "source", stream->epoch,
				       stream->generation, stream->name, stream->cpu);
	done = !bt_stream_set_name(output->stream, name);
	g_free(name);
	return done;
}

static bt_clock_class *first_clock(const struct iterator *it)
{
	for (guint i = 0; i < it->clock_classes->len; i++)
		if (it->clock_classes->pdata[i])
			return it->clock_classes->pdata[i];
	return NULL;
}

/* The trace of a VM, and the clock of all its streams. */
static bool add_trace(struct iterator *it, bt_self_component *self,
		      const struct decoder_stream *stream)
{
	bt_clock_class *clock_class;
	bt_trace_class *trace_class;
	bt_trace *trace;

	/* A VM of which there is no stream has no trace. */
	while (it->traces->len < stream->vm_index) {
		g_ptr_array_add(it->clock_classes, NULL);
		g_ptr_array_add(it->trace_classes, NULL);
		g_ptr_array_add(it->traces, NULL);
	}
	/* Of raw times nobody knows how they relate: one clock has to do for all. */
	clock_class = it->component->options.is_raw ? first_clock(it) : NULL;
	if (clock_class) {
		bt_clock_class_get_ref(clock_class);
	} else {
		clock_class = make_clock_class(self, &it->component->options,
					       decoder_recording(it->decoder), stream->vm);
	}
	if (!clock_class)
		return false;
	g_ptr_array_add(it->clock_classes, clock_class);
	trace_class = bt_trace_class_create(self);
	if (!trace_class)
		return false;
	g_ptr_array_add(it->trace_classes, trace_class);
	trace = make_trace(it, trace_class, stream->vm, stream->vm_index);
	if (!trace)
		return false;
	g_ptr_array_add(it->traces, trace);
	return true;
}

static bool make_traces(struct iterator *it, bt_self_component *self)
{
	for (uint32_t i = 0; i < it->stream_count; i++) {
		const struct decoder_stream *stream = decoder_stream_at(it->decoder, i);

		if (stream->vm->is_host && it->component->options.host == DECODER_HOST_SILENT)
			continue;
		/* The streams of a VM are neighbours. */
		if (stream->vm_index >= it->traces->len && !add_trace(it, self, stream))
			return false;
		if (!make_stream(it, stream))
			return false;
	}
	return true;
}

static void iterator_close(struct iterator *it)
{
	while (it->count) {
		bt_message_put_ref(it->pending[it->first++]);
		it->count--;
	}
	for (uint32_t i = 0; i < it->stream_count; i++) {
		bt_packet_put_ref(it->streams[i].packet);
		bt_stream_put_ref(it->streams[i].stream);
	}
	g_free(it->streams);
	it->streams = NULL;
	it->stream_count = 0;
	g_clear_pointer(&it->classes, g_ptr_array_unref);
	g_clear_pointer(&it->traces, g_ptr_array_unref);
	g_clear_pointer(&it->trace_classes, g_ptr_array_unref);
	g_clear_pointer(&it->clock_classes, g_ptr_array_unref);
	for (guint i = 0; it->syncs && i < it->vms->len; i++)
		g_hash_table_unref(it->syncs[i].vcpus);
	g_clear_pointer(&it->syncs, g_free);
	g_clear_pointer(&it->vms, g_ptr_array_unref);
	decoder_free(it->decoder);
	it->decoder = NULL;
}

/* Open the recording and get ready for its first event. */
static bool iterator_open(struct iterator *it)
{
	bt_self_component *self = bt_self_message_iterator_borrow_component(it->self);
	GError *error = NULL;

	it->decoder = decoder_open(it->component->path, &it->component->options, &error);
	if (!it->decoder) {
		BT_CURRENT_THREAD_ERROR_APPEND_CAUSE_FROM_MESSAGE_ITERATOR(it->self, "%s",
									   error->message);
		g_error_free(error);
		return false;
	}
	it->vms = g_ptr_array_new();
	for (guint i = 0; i < decoder_recording(it->decoder)->vms->len; i++) {
		struct recording_vm *vm = decoder_recording(it->decoder)->vms->pdata[i];

		if (!vm->is_host)
			g_ptr_array_add(it->vms, vm);
	}
	it->syncs = g_new0(struct vm_sync, it->vms->len + 1);
	for (guint i = 0; i < it->vms->len; i++)
		it->syncs[i].vcpus = g_hash_table_new(NULL, NULL);
	it->clock_classes = g_ptr_array_new_with_free_func((GDestroyNotify)bt_clock_class_put_ref);
	it->trace_classes = g_ptr_array_new_with_free_func((GDestroyNotify)bt_trace_class_put_ref);
	it->traces = g_ptr_array_new_with_free_func((GDestroyNotify)bt_trace_put_ref);
	it->classes = g_ptr_array_new_with_free_func((GDestroyNotify)stream_classes_free);
	it->stream_count = decoder_stream_count(it->decoder);
	it->streams = g_new0(struct output_stream, it->stream_count + 1);
	it->first = it->count = 0;
	it->is_ending = false;
	it->ending = 0;
	it->time = 0;
	return make_traces(it, self);
}

bt_message_iterator_class_initialize_method_status recording_iterator_init(
	bt_self_message_iterator *self, bt_self_message_iterator_configuration *config,
	bt_self_component_port_output *port)
{
	struct iterator *it = g_new0(struct iterator, 1);

	(void)config;
	(void)port;
	it->self = self;
	it->component = bt_self_component_get_data(
		bt_self_message_iterator_borrow_component(self));
	if (!iterator_open(it)) {
		iterator_close(it);
		g_free(it);
		return BT_MESSAGE_ITERATOR_CLASS_INITIALIZE_METHOD_STATUS_ERROR;
	}
	bt_self_message_iterator_set_data(self, it);
	return BT_MESSAGE_ITERATOR_CLASS_INITIALIZE_METHOD_STATUS_OK;
}

void recording_iterator_fini(bt_self_message_iterator *self)
{
	struct iterator *it = bt_self_message_iterator_get_data(self);

	if (!it)
		return;
	iterator_close(it);
	g_free(it);
}

bt_message_iterator_class_seek_beginning_method_status recording_iterator_seek_beginning(
	bt_self_message_iterator *self)
{
	struct iterator *it = bt_self_message_iterator_get_data(self);

	iterator_close(it);
	return iterator_open(it) ? BT_MESSAGE_ITERATOR_CLASS_SEEK_BEGINNING_METHOD_STATUS_OK :
				   BT_MESSAGE_ITERATOR_CLASS_SEEK_BEGINNING_METHOD_STATUS_ERROR;
}

static bool put(struct iterator *it, const bt_message *message)
{
	if (!message)
		return false;
	it->pending[it->first + it->count++] = message;
	return true;
}

static bool put_packet_end(struct iterator *it, struct output_stream *output, uint64_t time)
{
	const bt_message *message = bt_message_packet_end_create_with_default_clock_snapshot(
		it->self, output->packet, time);

	bt_packet_put_ref(output->packet);
	output->packet = NULL;
	output->has_ended = true;
	output->end = time;
	return put(it, message);
}

static bool put_discarded(struct iterator *it, struct output_stream *output,
			  const struct decoder_item *item)
{
	bt_message *message = bt_message_discarded_events_create_with_default_clock_snapshots(
		it->self, output->stream, output->end, item->end_time);

	if (message && item->lost)
		bt_message_discarded_events_set_count(message, item->lost);
	return put(it, message);
}

static bool put_packet(struct iterator *it, struct output_stream *output, uint32_t cpu,
		       uint64_t time)
{
	bt_field *context;

	output->packet = bt_packet_create(output->stream);
	output->events = 0;
	if (!output->packet)
		return false;
	if (cpu != VHT_CPU_NONE) {
		context = bt_packet_borrow_context_field(output->packet);
		bt_field_integer_unsigned_set_value(
			bt_field_structure_borrow_member_field_by_index(context, 0), cpu);
	}
	return put(it, bt_message_packet_beginning_create_with_default_clock_snapshot(
			       it->self, output->packet, time));
}

static bool put_empty_packet(struct iterator *it, struct output_stream *output, uint32_t cpu,
			     uint64_t time)
{
	return put_packet(it, output, cpu, time) && put_packet_end(it, output, time);
}

static bool put_stream_beginning(struct iterator *it, struct output_stream *output)
{
	if (output->events || output->packet || output->has_ended)
		return true;
	return put(it, bt_message_stream_beginning_create(it->self, output->stream));
}

/* Whether an event has to be made before this one that names a VM. */
static bool needs_sync(const struct iterator *it, const struct decoder_item *item, guint *vm)
{
	struct vm_sync *sync;

	if (item->stream->source != VHT_SOURCE_FTRACE || !item->place.vm ||
	    !g_ptr_array_find(it->vms, item->place.vm, vm))
		return false;
	sync = &it->syncs[*vm];
	if (!item->stream->vm->is_host) {
		if (sync->is_named)
			return false;
		sync->is_named = true;
		return true;
	}
	return sync->is_named && item->place.vcpu != VHT_CPU_NONE &&
	       !strcmp(item->class->raw_name, "kvm_entry") &&
	       g_hash_table_add(sync->vcpus, GUINT_TO_POINTER(item->place.vcpu));
}

/*
 * Trace Compass's VM analyses learn which machine is whose guest from events that
 * a module of theirs makes in both kernels: the guest's names it, the host's the
 * guest that the running thread has. We know, and make those events: one in each
 * guest's trace, and one in the host's before each vCPU's first entry behind it.
 * Their counts differ, so that nobody takes them for two sides of one packet.
 */
static bool put_sync(struct iterator *it, struct output_stream *output,
		     const struct decoder_item *item)
{
	bool is_host = item->stream->vm->is_host;
	const bt_event_class *class;
	bt_message *message;
	guint vm;

	if (!needs_sync(it, item, &vm))
		return true;
	class = stream_classes_get_sync(output->classes, is_host);
	message = class ? bt_message_event_create_with_packet_and_default_clock_snapshot(
				  it->self, class, output->packet, item->time) : NULL;
	return put(it, message) &&
	       stream_classes_fill_sync(output->classes, item,
					bt_message_event_borrow_event(message),
					is_host ? g_hash_table_size(it->syncs[vm].vcpus) : 0,
					vm + 1);
}

static bool put_event(struct iterator *it, const struct decoder_item *item)
{
	struct output_stream *output = &it->streams[item->stream->index];
	const bt_event_class *class = stream_classes_get(output->classes, item->class);
	bt_message *message;

	if (!class || !put_stream_beginning(it, output))
		return false;
	if (!output->packet && !put_packet(it, output, item->stream->cpu, item->time))
		return false;
	if (it->component->has_sync && !put_sync(it, output, item))
		return false;
	message = bt_message_event_create_with_packet_and_default_clock_snapshot(
		it->self, class, output->packet, item->time);
	if (!message)
		return false;
	put(it, message);
	if (!stream_classes_fill(output->classes, item, bt_message_event_borrow_event(message)))
		return false;
	if (++output->events < PACKET_EVENTS && !output->is_short)
		return true;
	output->is_short = false;
	return put_packet_end(it, output, item->time);
}

/*
 * A loss lies between two packets; where none was before, or no event is to come,
 * it gets an empty one.
 */
static bool put_loss(struct iterator *it, const struct decoder_item *item)
{
	struct output_stream *output = &it->streams[item->stream->index];
	uint32_t cpu = item->stream->cpu;

	if (!put_stream_beginning(it, output))
		return false;
	if (output->packet && !put_packet_end(it, output, item->time))
		return false;
	if (!output->has_ended && !put_empty_packet(it, output, cpu, item->time))
		return false;
	if (!put_discarded(it, output, item))
		return false;
	output->is_short = item->end_time > item->time;
	return output->is_short || put_empty_packet(it, output, cpu, item->end_time);
}

/* End the next stream that was begun. Return: false without memory. */
static bool put_end(struct iterator *it)
{
	struct output_stream *output = &it->streams[it->ending++];

	if (!output->packet && !output->has_ended)
		return true;
	if (output->packet && !put_packet_end(it, output, it->time))
		return false;
	return put(it, bt_message_stream_end_create(it->self, output->stream));
}

/* Make at least one message. Return: false without memory. */
static bool iterator_fill(struct iterator *it)
{
	struct decoder_item item;

	it->first = it->count = 0;
	while (!it->count) {
		if (it->is_ending) {
			if (it->ending == it->stream_count)
				return true;
			if (!put_end(it))
				return false;
			continue;
		}
		if (!decoder_next(it->decoder, &item)) {
			it->is_ending = true;
			continue;
		}
		it->time = item.time;
		if (item.kind == DECODER_LOST ? !put_loss(it, &item) : !put_event(it, &item))
			return false;
	}
	return true;
}

bt_message_iterator_class_next_method_status recording_iterator_next(
	bt_self_message_iterator *self, bt_message_array_const messages, uint64_t capacity,
	uint64_t *count)
{
	struct iterator *it = bt_self_message_iterator_get_data(self);
	uint64_t made = 0;

	while (made < capacity) {
		if (!it->count) {
			if (!iterator_fill(it)) {
				while (made)
					bt_message_put_ref(messages[--made]);
				return BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_MEMORY_ERROR;
			}
			if (!it->count)
				break;
		}
		messages[made++] = it->pending[it->first++];
		it->count--;
	}
	*count = made;
	return made ? BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_OK :
		      BT_MESSAGE_ITERATOR_CLASS_NEXT_METHOD_STATUS_END;
}

const bt_component_class_source *recording_source_class_new(void)
{
	bt_message_iterator_class *iterator;
	bt_component_class_source *class = NULL;

	iterator = bt_message_iterator_class_create(recording_iterator_next);
	if (!iterator)
		return NULL;
	if (!bt_message_iterator_class_set_initialize_method(iterator, recording_iterator_init) &&
	    !bt_message_iterator_class_set_finalize_method(iterator, recording_iterator_fini) &&
	    !bt_message_iterator_class_set_seek_beginning_methods(
		    iterator, recording_iterator_seek_beginning, NULL))
		class = bt_component_class_source_create("recording", iterator);
	if (class &&
	    (bt_component_class_source_set_initialize_method(class, recording_source_init) ||
	     bt_component_class_source_set_finalize_method(class, recording_source_fini))) {
		bt_component_class_source_put_ref(class);
		class = NULL;
	}
	bt_message_iterator_class_put_ref(iterator);
	return class;
}
